"""How fast the library's BERT is beside transformers', forward and backward.

    python -m benchmarks.bert

Both have MiniLM's shape, the same weights and a classifier on top, and run in turns
within each round on one thread; the figure is the median over the rounds of the ratio
of their times. 1.00 is as fast as transformers, 0.50 takes half the time.
"""

import argparse
from dataclasses import replace

import pandas as pd
import torch
import transformers

from benchmarks.attention import compare
from utils import bert

BATCHES = ((32, 11), (16, 64))  # sentences and length; CoLA's mean, and a long one


def models(dropout):
    """transformers' classifier with fused attention, and ours with its weights."""
    config = replace(bert.KNOWN_MODELS["all-MiniLM-L6-v2"], dropout=dropout)
    theirs = transformers.BertForSequenceClassification(
        bert.to_transformers_config(config)
    )
    theirs.set_attn_implementation("sdpa")
    return bert.from_transformers(theirs.train()), theirs


def step(model, batch):
    """One forward and one backward pass, as a step of training has them."""
    model(**batch).loss.backward()
    model.zero_grad()


def pairs():
    """Yield (what, ours, theirs) for each dropout, batch and padding."""
    for dropout in (0.1, 0.0):
        ours, theirs = models(dropout)
        for size, length in BATCHES:
            for padding in (0, length // 5):
                input_ids = torch.randint(1000, 30000, (size, length))
                input_ids[0, length - padding :] = 0
                batch = dict(
                    input_ids=input_ids,
                    attention_mask=(input_ids != 0).long(),
                    labels=torch.randint(2, (size,)),
                )
                yield (
                    f"{size} x {length}, dropout {dropout}, "
                    + ("padding" if padding else "no padding"),
                    lambda ours=ours, batch=batch: step(ours, batch),
                    lambda theirs=theirs, batch=batch: step(theirs, batch),
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="9 unless told")
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rows = [(what, *compare(*pair, rounds)) for what, *pair in pairs()]
    table = pd.DataFrame(rows, columns=["", "ours (ms)", "transformers (ms)", "ratio"])
    print(
        f"BERT of MiniLM's shape, forward and backward, float32, 1 thread, "
        f"torch {torch.__version__}, transformers {transformers.__version__}"
    )
    print(table.to_string(index=False, float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
