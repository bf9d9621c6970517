"""How fast a machine multiplies matrices, and what share of it a training uses.

Source: Kaplan et al. 2020, "Scaling Laws for Neural Language Models", section 2.1 (six
operations for each weight and token); Chowdhery et al. 2022, "PaLM", appendix B (model
FLOPs utilisation: what the model needs is counted, not what the program does).
Taught in: chapter 4, section "The engine".
"""

import statistics
import time

import torch


def matrix_rate(device="cpu", dtype=torch.float32, size=None, rounds=9):
    """Operations per second of a large matrix product, measured; the median of `rounds`.

    size: rows and columns, 1,536 on a CPU and 8,192 on a GPU unless told.
    Taught in: chapter 4, section "The engine".
    """
    device = torch.device(device)
    size = size or (8_192 if device.type == "cuda" else 1_536)
    a, b = torch.randn(2, size, size, device=device).to(dtype).unbind()
    times = []
    for _ in range(rounds):
        wait(device)
        start = time.perf_counter()
        a @ b
        wait(device)
        times.append(time.perf_counter() - start)
    return 2 * size**3 / statistics.median(times)


def wait(device):
    """Until the device has done what it was given: a GPU works while Python goes on."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def training_work(config, tokens, masked, pairs):
    """Operations of a forward and a backward pass over packed rows.

    tokens: how many, all real; masked: those that the head is asked for; pairs: (query,
    key) of the same document. Two operations for each weight of a matrix and token
    forward, twice that backward; for a pair, the two products of attention. What a
    program computes besides, padding or a head that nobody asked, does not count.
    Taught in: chapter 4, section "The engine".
    """
    d, f = config.hidden_size, config.intermediate_size
    layer = 2 * tokens * (4 * d * d + 2 * d * f) + 4 * pairs * d
    head = 2 * masked * (d * d + d * config.vocab_size)
    return 3 * (config.num_hidden_layers * layer + head)
