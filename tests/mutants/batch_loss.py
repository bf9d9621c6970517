"""The loss of a batch that came in parts, right and wrong."""

import math

import numpy as np
import torch


def right_sums(parts):
    return sum(loss for loss, _, _ in parts) / sum(masked for _, masked, _ in parts)


def right_columns(parts):
    losses, masked, _ = zip(*parts)
    return torch.tensor(losses).sum() / torch.tensor(masked).sum()


def right_running(parts):
    """A mean that each part moves by its share."""
    mean = seen = 0
    for loss, masked, _ in parts:
        seen += masked
        mean += (loss - masked * mean) / seen
    return mean


def right_array(parts):
    loss, masked, _ = np.array(parts).sum(0)
    return loss / masked


def wrong_mean_of_means(parts):
    """mean of the parts' means

    The Trainer of transformers until 4.45 with gradient accumulation, and
    DistributedDataParallel over processes with different numbers of tokens.
    """
    return sum(loss / masked for loss, masked, _ in parts) / len(parts)


def wrong_means_guarded(parts):
    """mean of the parts' means"""
    return sum(loss / max(1, masked) for loss, masked, _ in parts) / len(parts)


def wrong_all_tokens(parts):
    """number of all tokens

    d2l, where the weights of the masked positions follow a loss that is a mean already.
    """
    return sum(part[0] for part in parts) / sum(part[2] for part in parts)


def wrong_weights(parts):
    """weighted with the number of all tokens"""
    tokens = sum(part[2] for part in parts)
    return sum(loss / masked * n for loss, masked, n in parts) / tokens


def wrong_sum(parts):
    """this is the sum of the losses"""
    return sum(part[0] for part in parts)


def wrong_sum_of_means(parts):
    """sum of the parts' means

    Gradients accumulated without a division.
    """
    return sum(loss / masked for loss, masked, _ in parts)


def wrong_number_of_parts(parts):
    """number of parts"""
    return sum(part[0] for part in parts) / len(parts)


def wrong_last(parts):
    """the last part alone"""
    for loss, masked, _ in parts:
        mean = loss / masked
    return mean


def wrong_first(parts):
    """the first part alone"""
    return parts[0][0] / parts[0][1]


def wrong_perplexity(parts):
    """perplexity"""
    return math.exp(right_sums(parts))


def wrong_zero_by_zero(parts):
    """0 / 0 is no number"""
    losses, masked, _ = torch.tensor(parts).T
    return (losses / masked * masked).sum() / masked.sum()


def wrong_division_by_zero(parts):
    """may have no masked token"""
    total = sum(masked for _, masked, _ in parts)
    return sum(loss / masked * (masked / total) for loss, masked, _ in parts)
