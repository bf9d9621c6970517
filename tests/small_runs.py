"""Pre-training runs so small that a test can afford dozens of them."""

import multiprocessing
import os
import random

import torch
from safetensors.torch import load_file

from utils.pretraining import checkpoints, pretrain, read_log, speed

WORDS = "a cat thinks that the mind of dogs is one of many".split()
DOCS = [
    f"Page {i}: {' '.join(random.Random(i).choices(WORDS, k=18))}." for i in range(500)
]  # fmt: skip
SMALL = dict(
    profile="smoke", hidden_size=16, intermediate_size=32, row_length=32, steps=6,
    batch_size=4, dropout=0.1, evaluate_every=2, save_every=2,
)  # fmt: skip
TIMES = ["seconds", "tokens_per_second", "share_of_peak"]  # differ from run to run


def no_measuring(*_):
    """In the place of `speed.matrix_rate`, which takes longer than such a run."""
    return 1e9


def children():
    """Processes that have torch and transformers loaded before they begin.

    What these load only when it is used is named too: an optimiser takes torch._dynamo.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([
        "utils.pretraining", "transformers.models.roberta.modeling_roberta", "torch._dynamo",
    ])  # fmt: skip
    return context


def train(environment, text, out, options, began=None):
    """What a process does that a test may kill; `began` is told when training begins."""

    def beginning(*_):
        if began:
            began.send(None)
        return no_measuring()

    os.environ |= environment
    speed.matrix_rate = beginning
    torch.set_num_threads(1)
    pretrain(text, out, **options)


def numbers(run_or_folder):
    """What must be equal in two runs: the log without its times, and the weights."""
    folder = getattr(run_or_folder, "folder", run_or_folder)
    weights = load_file(checkpoints.checkpoints(folder)[-1] / "model.safetensors")
    return read_log(folder / "log.csv").drop(columns=TIMES), weights


def assert_equal_runs(one, other):
    """Every update once, with equal losses, and equal weights: bit for bit."""
    (log, weights), (other_log, other_weights) = numbers(one), numbers(other)
    assert log.equals(other_log)
    assert weights.keys() == other_weights.keys()
    assert all(torch.equal(weights[name], other_weights[name]) for name in weights)


def same_run(one, other):
    """Whether they are equal as `assert_equal_runs` asks; `other` is a folder, left tidy."""
    try:
        assert_equal_runs(one, other)
    except AssertionError:
        return False
    return not list(other.glob("*.part"))


def steps_saved(folder):
    """The steps of the complete checkpoints of a run."""
    return [checkpoints.step_of(path) for path in checkpoints.checkpoints(folder)]
