"""Perplexity from the losses of batches, right and wrong."""

import math

import numpy as np
import torch


def right_weighted(losses, counts):
    total = sum(loss * count for loss, count in zip(losses, counts))
    return math.exp(total / sum(counts))


def right_average(losses, counts):
    return np.exp(np.average(losses, weights=counts))


def right_tokens(losses, counts):
    """Each loss once for each of its tokens."""
    return torch.tensor(losses).repeat_interleave(torch.tensor(counts)).mean().exp()


def right_product(losses, counts):
    """The inverse of the geometric mean of the probabilities."""
    p = math.prod(math.exp(-loss * count) for loss, count in zip(losses, counts))
    return p ** (-1 / sum(counts))


def wrong_mean_of_losses(losses, counts):
    """every batch counts the same

    What Trainer.evaluate() reports where batches differ in their masked tokens.
    """
    return math.exp(sum(losses) / len(losses))


def wrong_mean_of_perplexities(losses, counts):
    """this is a mean of perplexities: take"""
    return np.exp(losses).mean()


def wrong_weighted_perplexities(losses, counts):
    """if a weighted one"""
    return np.average(np.exp(losses), weights=counts)


def wrong_no_exponential(losses, counts):
    """exponential is missing"""
    return np.average(losses, weights=counts)


def wrong_base(losses, counts):
    """base is e"""
    return 2 ** np.average(losses, weights=counts)


def wrong_sum(losses, counts):
    """losses are added"""
    return math.exp(sum(losses))


def wrong_means_taken_for_sums(losses, counts):
    """a mean already"""
    return math.exp(sum(losses) / sum(counts))


def wrong_number_of_batches(losses, counts):
    """number of batches"""
    with np.errstate(over="ignore"):
        return np.exp(np.dot(losses, counts) / len(losses))


def wrong_sign(losses, counts):
    """sign"""
    return math.exp(-np.average(losses, weights=counts))
