import math

import numpy as np
import torch
import torch.nn.functional as F


def right_numpy(query, key, value):
    query, key, value = (np.asarray(t) for t in (query, key, value))
    scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ value


def right_fused(query, key, value):
    return F.scaled_dot_product_attention(query, key, value)


def right_scaled_query(query, key, value):
    scores = torch.einsum("...qd,...kd->...qk", query / query.size(-1) ** 0.5, key)
    return torch.einsum("...qk,...kd->...qd", torch.softmax(scores, -1), value)


def wrong_unscaled(query, key, value):
    """not scaled"""
    return (query @ key.transpose(-2, -1)).softmax(-1) @ value


def wrong_scaled_by_width(query, key, value):
    """by d_k, not"""
    return (query @ key.transpose(-2, -1) / query.size(-1)).softmax(-1) @ value


def wrong_multiplied(query, key, value):
    """multiplied"""
    scores = query @ key.transpose(-2, -1) * math.sqrt(query.size(-1))
    return scores.softmax(-1) @ value


def wrong_scaled_by_length(query, key, value):
    """length"""
    scores = query @ key.transpose(-2, -1) / math.sqrt(key.size(-2))
    return scores.softmax(-1) @ value


def wrong_axis(query, key, value):
    """wrong axis"""
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.size(-1))
    return scores.softmax(-2) @ value


def wrong_scaled_late(query, key, value):
    """after the softmax"""
    return (query @ key.transpose(-2, -1)).softmax(-1) / query.size(-1) ** 0.5 @ value


def wrong_no_softmax(query, key, value):
    """no softmax"""
    return query @ key.transpose(-2, -1) / query.size(-1) ** 0.5 @ value


def wrong_returns_the_weights(query, key, value):
    """average of the values"""
    return (query @ key.transpose(-2, -1) / query.size(-1) ** 0.5).softmax(-1)


def wrong_not_transposed(query, key, value):
    """raised"""
    return (query @ key / query.size(-1) ** 0.5).softmax(-1) @ value


def right_loops(query, key, value):
    query, key, value = (t.numpy() for t in (query, key, value))
    output = np.zeros((*query.shape[:-1], value.shape[-1]))
    for place in np.ndindex(*query.shape[:-1]):
        powers = np.exp(key[place[:-1]] @ query[place] / math.sqrt(query.shape[-1]))
        output[place] = powers / powers.sum() @ value[place[:-1]]
    return output.tolist()


def right_single_precision(query, key, value):
    query, key, value = query.float(), key.float(), value.float()
    side = query.size(-1) ** 0.25  # the scale, half of it on each side
    return ((query / side) @ (key / side).mT).softmax(-1) @ value


def wrong_one_sum_for_all(query, key, value):
    """all queries together"""
    powers = (query @ key.mT / query.size(-1) ** 0.5).exp()
    return powers / powers.sum() @ value


def wrong_scaled_by_axis_one(query, key, value):
    """query's length"""
    return (query @ key.mT / query.size(1) ** 0.5).softmax(-1) @ value


def wrong_scaled_by_the_values(query, key, value):
    """values"""
    return (query @ key.mT / value.size(-1) ** 0.5).softmax(-1) @ value


def wrong_exchanged(query, key, value):
    """change places"""
    return (key @ query.mT / key.size(-1) ** 0.5).softmax(-1) @ value


def wrong_masked(query, key, value):
    """no mask"""
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def wrong_returns_both(query, key, value):
    """without the weights"""
    weights = (query @ key.mT / query.size(-1) ** 0.5).softmax(-1)
    return weights @ value, weights


def wrong_in_place(query, key, value):
    """in place"""
    query /= query.size(-1) ** 0.5
    return (query @ key.mT).softmax(-1) @ value
