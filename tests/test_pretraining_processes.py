"""The pre-training engine on two processes that torchrun starts: gloo, on CPUs."""

import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from utils.pretraining import checkpoints, pretrain, read_log, speed

SMALL = dict(
    profile="smoke", hidden_size=16, intermediate_size=32, row_length=32, steps=6, batch_size=5,
    micro_batch=2, held_out_rows=5, evaluate_every=2, save_every=2,
)  # fmt: skip
DOCS = [f"Page {i}: the mind of cat {i % 7} is like {i % 13} dogs in a row." for i in range(600)]
DROPOUT = dict(dropout=0.2)
# Once in some dozens of starts a thread of gloo's (pt_gloo_runloop) finds its heap broken, in
# malloc: two threads freed the same memory. No Python runs there. A user resumes, see `lost`.
TORCH_CRASHED = "Signal 11 (SIGSEGV)"
TIMES = ["seconds", "tokens_per_second", "share_of_peak"]

# What each of the two processes runs. SMALL, DOCS and the folder OUT stand before it.
HEAD = """
import os, signal, sys
from utils.pretraining import engine, pretrain, speed
speed.matrix_rate = lambda *_: 1e9
"""
MANY_RUNS = """
def run(name, **options):
    return pretrain(DOCS, f"{OUT}/{name}", **SMALL | options).model

run("two")
run("one row", batch_size=1)
sharded = run("sharded", fsdp=True)
assert all(type(weight).__name__ == "DTensor" for weight in sharded.parameters()), "nothing was sharded"
run("begun by one", resume=True)
run("killed", dropout=0.2, resume=True)
run("whole", dropout=0.2)
run("begun by two", stop_after=3)
run("sharded and stopped", fsdp=True, stop_after=3)
run("sharded and stopped", fsdp=True, resume=True)
run("bfloat16", precision="bfloat16", stop_after=2)
"""
ONE_IS_KILLED = """
def update(self, whole=engine.Training.update):
    if self.step == 4 and self.together.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(self)

engine.Training.update = update
pretrain(DOCS, f"{OUT}/killed", **SMALL, dropout=0.2)
"""


def torchrun(root, *arguments):
    environment = os.environ | {
        "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root), "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip
    started = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         *map(str, arguments)],
        cwd=root, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        _, said = started.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)  # the workers too
        raise
    return started.returncode, said


def script(folder, name, program):
    path = folder / name
    path.write_text(f"OUT = {str(folder)!r}\nDOCS = {DOCS!r}\nSMALL = {SMALL!r}\n{HEAD}{program}")
    return path


@pytest.fixture(scope="module")
def killed(root, tmp_path_factory):
    """A run of two processes of which one was killed at step 5, and what was said."""
    out = tmp_path_factory.mktemp("runs")
    return out, torchrun(root, script(out, "killed.py", ONE_IS_KILLED))


@pytest.fixture(scope="module")
def runs(root, killed):
    """The folder of many runs of two processes, and of some of one."""
    out, _ = killed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "matrix_rate", lambda *_: 1e9)
        pretrain(DOCS, out / "one", **SMALL)
        pretrain(DOCS, out / "begun by one", **SMALL, stop_after=3)
        pretrain(DOCS, out / "one row alone", **SMALL | dict(batch_size=1))
        for name in ("first try", "second try"):
            folder = shutil.copytree(out, out / name)
            code, said = torchrun(root, script(folder, "many.py", MANY_RUNS))
            if TORCH_CRASHED not in said:
                break
        assert code == 0, said
        pretrain(DOCS, folder / "begun by two", **SMALL, resume=True)
    return folder


def log_and_weights(folder):
    weights = load_file(checkpoints.checkpoints(folder)[-1] / "model.safetensors")
    return read_log(folder / "log.csv").drop(columns=TIMES), weights


def differences(runs, one, other):
    """The largest between two logs, at any step, and between two sets of weights."""
    (log, weights), (other_log, other_weights) = (log_and_weights(runs / n) for n in (one, other))
    assert log.shape == other_log.shape == (7, 6) and log.notna().equals(other_log.notna())
    assert weights.keys() == other_weights.keys()
    return (
        ((log - other_log) / other_log.clip(1)).abs().max(axis=None),
        max((weights[name] - other_weights[name]).abs().max().item() for name in weights),
    )


@pytest.mark.parametrize("two, one", [("two", "one"), ("one row", "one row alone")])
def test_two_processes_learn_what_one_does(runs, two, one):
    log, weights = differences(runs, two, one)
    assert log < 1e-5 and weights < 1e-4


def test_sharded_processes_learn_what_one_does(runs):
    log, weights = differences(runs, "sharded", "one")
    assert log < 1e-5 and weights < 1e-4


@pytest.mark.promise("checkpoints that go on in another number of processes, and sharded")
@pytest.mark.parametrize("run", ["begun by one", "begun by two", "sharded and stopped"])
def test_a_checkpoint_goes_on_in_another_number_of_processes(runs, run):
    log, weights = differences(runs, run, "one")
    assert log < 1e-5 and weights < 1e-4


@pytest.mark.promise("one of two processes killed: said, and resumed bit for bit: tries")
def test_a_killed_process_ends_the_run_and_says_so(killed):
    _, (code, said) = killed
    assert code != 0
    assert re.search("SIGKILL|lost the others", said)


@pytest.mark.promise("one of two processes killed: said, and resumed bit for bit: tries")
def test_the_killed_run_resumed_is_bit_for_bit_the_unbroken_one(runs):
    log, weights = log_and_weights(runs / "killed")
    whole, whole_weights = log_and_weights(runs / "whole")
    assert log.equals(whole)
    assert all(torch.equal(weights[name], whole_weights[name]) for name in weights)


def test_bfloat16_on_two_processes(runs):
    assert read_log(runs / "bfloat16/log.csv").loss.notna().sum() == 2


def test_an_error_of_the_first_process_ends_them_all(root, tmp_path):
    (tmp_path / "empty.txt").write_text("\n")
    code, said = torchrun(
        root, "-m", "utils.pretraining", "--text", tmp_path / "empty.txt", "--out", tmp_path / "run"
    )
    assert code != 0
    assert re.search("^error: the text is empty", said, re.MULTILINE)
