"""Pre-training that is killed at any moment ends as if nothing had been.

The process that is killed has its imports behind it: every moment is one of the training,
of an evaluation, or of a checkpoint being written, and none of the start of Python.
"""

import contextlib
import os
import random
import shutil
import time

import pytest
import small_runs
from small_runs import DOCS, SMALL, same_run, steps_saved

OPTIONS = SMALL | dict(steps=12, save_every=2, evaluate_every=3)
LATER = 0.5  # how often a run that was resumed is killed once more


class Trainer:
    """Starts runs in processes of their own; `seconds`: how long training takes."""

    def __init__(self, folder):
        self.children, self.seconds = small_runs.children(), None
        self.unbroken = folder / "unbroken"
        assert self.train(self.unbroken) == 0

    def train(self, out, seconds=None):
        """Train or go on in `out`, killed so many seconds after it began; the exit code."""
        hear, tell = self.children.Pipe(duplex=False)
        options = OPTIONS | {"resume": bool(steps_saved(out))}
        process = self.children.Process(
            target=small_runs.train, args=(dict(os.environ), DOCS, out, options, tell)
        )
        process.start()
        tell.close()
        with contextlib.suppress(EOFError):  # it ended before: the exit code tells
            hear.recv()
        began = time.perf_counter()
        process.join(seconds)
        if process.is_alive():
            process.kill()
        process.join()
        self.seconds = self.seconds or time.perf_counter() - began
        return process.exitcode


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    return Trainer(tmp_path_factory.mktemp("trainer"))


def test_killed_while_training(trainer, tmp_path, full, tally):
    moments, found = random.Random(8), []  # (last checkpoint, whether in the next, equal)
    while len(found) < (50 if full else 3):
        out = tmp_path / "run"
        code = trainer.train(out, moments.uniform(0, trainer.seconds))
        assert code in (-9, 0)
        if code == -9:
            place = max(steps_saved(out), default=0), bool(list(out.glob("*.part")))
            if moments.random() < LATER:
                trainer.train(out, moments.uniform(0, trainer.seconds))
            ended = trainer.train(out) == 0
            found.append((*place, ended and same_run(trainer.unbroken, out)))
        shutil.rmtree(out)  # where it was ready before the moment came, it does not count
    tally("kill -9 while training, resumed: the weights of the unbroken run",
          sum(equal for *_, equal in found), len(found))  # fmt: skip
    inside = [equal for _, writing, equal in found if writing]
    if inside:
        tally("kill -9 while a checkpoint is written, resumed: the weights of the unbroken run",
              sum(inside), len(inside))  # fmt: skip
    assert all(equal for *_, equal in found), found
    if full:  # the moments are of the whole run
        assert inside and len({place for place, *_ in found}) > 3
