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


def right_logarithm(scores, mask):
    return (scores + mask.double().log()).softmax(-1)  # log 0 is -inf


def right_loops(scores, mask):
    scores = scores.numpy()
    mask, weights = np.broadcast_to(mask.numpy(), scores.shape), np.zeros(scores.shape)
    for place in np.ndindex(*scores.shape[:-1]):
        powers = np.exp(scores[place][mask[place]])
        weights[place][mask[place]] = powers / powers.sum()
    return weights.tolist()


def right_single_precision(scores, mask):
    return scores.float().masked_fill(~mask, torch.finfo(torch.float32).min).softmax(-1)


def wrong_axis_one(scores, mask):
    """axis 1"""
    return scores.masked_fill(~mask, -torch.inf).softmax(1)


def wrong_highest(scores, mask):
    """highest"""
    return scores.masked_fill(~mask, 1e9).softmax(-1)


def wrong_subtracted(scores, mask):
    """inverted"""
    return (scores - 1e9 * mask.double()).softmax(-1)


def wrong_too_late(scores, mask):
    """masked after the softmax"""
    return scores.softmax(-1).masked_fill(~mask, -torch.inf)


def wrong_no_softmax(scores, mask):
    """softmax is missing"""
    return scores.masked_fill(~mask, -torch.inf)


def wrong_one_sum_for_all(scores, mask):
    """whole table"""
    weights = scores.softmax(-1) * mask
    return weights / weights.sum()


def wrong_equal_shares(scores, mask):
    """scores are not used"""
    shares = mask.double().expand_as(scores)
    return shares / shares.sum(-1, keepdim=True)


def wrong_changes_the_mask(scores, mask):
    """in place"""
    return scores.masked_fill(mask.logical_not_(), -torch.inf).softmax(-1)
