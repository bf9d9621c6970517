"""How fast the library's attention is beside PyTorch's, on one input.

    python -m benchmarks.attention

Both sides run in turns within each round, and the figure is the median over the rounds
of the ratio of their times: what else the machine does falls on both. 1.00 is as fast
as PyTorch, 0.50 takes half the time.
"""

import argparse
import statistics
import time

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from utils.attention import causal_mask, padding_mask, scaled_dot_product_attention
from utils.parity import copy_torch_weights
from utils.transformer import EncoderLayer, TransformerConfig

BATCH, HEADS, LENGTH, HEAD_SIZE = 8, 8, 256, 64


def compare(ours, theirs, rounds):
    """Median milliseconds of each function, and the median of ours / theirs."""
    functions = (ours, theirs)
    for function in functions:  # the first call allocates and warms up
        function()
    times = [[], []]
    for number in range(rounds):
        for which in (0, 1) if number % 2 else (1, 0):  # neither is always first
            start = time.perf_counter()
            functions[which]()
            times[which].append(1000 * (time.perf_counter() - start))
    ratio = statistics.median(a / b for a, b in zip(*times))
    return *map(statistics.median, times), ratio


def masks():
    """The masks to attend with: none, the last fifth of each sentence, the future."""
    ids = torch.ones(BATCH, LENGTH, dtype=torch.long)
    ids[:, -LENGTH // 5 :] = 0
    return {
        "no mask": None,
        "padding mask": padding_mask(ids, pad_id=0),
        "causal mask": causal_mask(LENGTH),
    }


def attention_pairs():
    """Yield (what, ours, theirs): each attention beside PyTorch's, on one input."""
    shape = BATCH, HEADS, LENGTH, HEAD_SIZE
    query, key, value = (torch.randn(shape) for _ in range(3))
    for name, mask in masks().items():

        def ours(mask=mask, fused=False):
            return scaled_dot_product_attention(query, key, value, mask, fused=fused)

        def theirs(mask=mask):
            return F.scaled_dot_product_attention(query, key, value, mask)

        def math(theirs=theirs):
            with sdpa_kernel(SDPBackend.MATH):
                return theirs()

        yield f"attention / math path, {name}", ours, math
        yield f"fused attention / F.sdpa, {name}", lambda f=ours: f(fused=True), theirs


def layer_pairs():
    """Yield (what, ours, theirs): an encoder layer, forward and backward."""
    config = TransformerConfig(vocab_size=3, dropout=0.0)
    theirs = nn.TransformerEncoderLayer(512, 8, 2048, 0.0, batch_first=True)
    ours = copy_torch_weights(theirs, EncoderLayer(config))
    x = torch.randn(BATCH, LENGTH, 512, requires_grad=True)
    mask = masks()["padding mask"]

    def step(layer, **options):
        layer(x, **options).square().mean().backward()

    yield "encoder layer, no mask", lambda: step(ours), lambda: step(theirs)
    yield (
        "encoder layer, padding mask",
        lambda: step(ours, attention_mask=mask),
        lambda: step(theirs, src_key_padding_mask=~mask[:, 0, 0]),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30, help="30 unless told")
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    rows = []
    with torch.no_grad():
        for what, *pair in attention_pairs():
            rows.append((what, *compare(*pair, rounds)))
    for what, *pair in layer_pairs():
        rows.append((what, *compare(*pair, max(1, rounds // 3))))
    table = pd.DataFrame(rows, columns=["", "ours (ms)", "PyTorch (ms)", "ratio"])
    print(
        f"{BATCH} sentences, {HEADS} heads, {LENGTH} positions, {HEAD_SIZE} per head, "
        f"float32, {torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    print(table.to_string(index=False, float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
