import numpy as np
import torch
import torch.nn.functional as F


def split(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def join(x):
    return x.transpose(1, 2).flatten(2)


def right_torch(x, w_query, w_key, w_value, w_output, num_attention_heads):
    parts = (split(x @ w, num_attention_heads) for w in (w_query, w_key, w_value))
    return join(F.scaled_dot_product_attention(*parts)) @ w_output


def right_one_head_at_a_time(x, w_query, w_key, w_value, w_output, num_attention_heads):
    x, w_query, w_key, w_value, w_output = (
        np.asarray(t) for t in (x, w_query, w_key, w_value, w_output)
    )
    width = x.shape[-1] // num_attention_heads
    total = np.zeros_like(x)
    for head in range(num_attention_heads):
        own = slice(head * width, (head + 1) * width)
        query, key, value = (x @ w[:, own] for w in (w_query, w_key, w_value))
        weights = np.exp(query @ key.swapaxes(1, 2) / width**0.5)
        weights /= weights.sum(-1, keepdims=True)
        total += weights @ value @ w_output[own]  # the sum of the heads' shares
    return total


def wrong_without_output(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """W_O is missing"""
    parts = (split(x @ w, num_attention_heads) for w in (w_query, w_key, w_value))
    return join(F.scaled_dot_product_attention(*parts))


def wrong_slices(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """not a slice of x"""
    part = split(x, num_attention_heads)
    return join(F.scaled_dot_product_attention(part, part, part)) @ w_output


def wrong_slices_without_output(x, w_query, w_key, w_value, w_output, heads):
    """and W_O is missing"""
    part = split(x, heads)
    return join(F.scaled_dot_product_attention(part, part, part))


def wrong_scaled_by_d_model(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """√d_model"""
    query, key, value = (split(x @ w, num_attention_heads) for w in (w_query, w_key, w_value))
    scores = query @ key.transpose(-2, -1) / x.size(-1) ** 0.5
    return join(scores.softmax(-1) @ value) @ w_output


def wrong_unscaled(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """not scaled"""
    query, key, value = (split(x @ w, num_attention_heads) for w in (w_query, w_key, w_value))
    return join((query @ key.transpose(-2, -1)).softmax(-1) @ value) @ w_output


def wrong_one_head(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """number of heads"""
    return F.scaled_dot_product_attention(x @ w_query, x @ w_key, x @ w_value) @ w_output


def wrong_view_to_split(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """when splitting"""
    shape = x.size(0), num_attention_heads, x.size(1), x.size(2) // num_attention_heads
    parts = ((x @ w).view(shape) for w in (w_query, w_key, w_value))
    return F.scaled_dot_product_attention(*parts).reshape(x.shape) @ w_output


def wrong_view_to_join(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """when joining"""
    parts = (split(x @ w, num_attention_heads) for w in (w_query, w_key, w_value))
    return F.scaled_dot_product_attention(*parts).reshape(x.shape) @ w_output


def wrong_transposed(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """weights are transposed"""
    return right_torch(x, w_query.T, w_key.T, w_value.T, w_output.T, num_attention_heads)
