import numpy as np
import torch


def right_infinity(scores, mask):
    return scores.masked_fill(~mask, -torch.inf).softmax(-1)


def right_numpy(scores, mask):
    powers = np.where(mask, np.exp(np.asarray(scores)), 0)
    return powers / powers.sum(-1, keepdims=True)


def right_renormalised(scores, mask):
    weights = scores.softmax(-1) * mask
    return weights / weights.sum(-1, keepdim=True)


def right_large_negative(scores, mask):
    return (scores + (1.0 - mask.double()) * -1e9).softmax(-1)


def wrong_inverted(scores, mask):
    """inverted"""
    return scores.masked_fill(mask, -torch.inf).softmax(-1)


def wrong_inverted_finite(scores, mask):
    """inverted"""
    return scores.masked_fill(mask, -1e9).softmax(-1)


def wrong_multiplied_after(scores, mask):
    """renormalise"""
    return scores.softmax(-1) * mask


def wrong_zero_score(scores, mask):
    """hides nothing"""
    return scores.masked_fill(~mask, 0.0).softmax(-1)


def wrong_added(scores, mask):
    """added to the scores"""
    return (scores + mask.double()).softmax(-1)


def wrong_axis(scores, mask):
    """wrong axis"""
    return scores.masked_fill(~mask, -torch.inf).softmax(-2)


def wrong_unused(scores, mask):
    """not used"""
    return scores.softmax(-1)


def wrong_in_place(scores, mask):
    """in place"""
    return scores.masked_fill_(~mask, -torch.inf).softmax(-1)
