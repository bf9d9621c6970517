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


def right_einsum(x, w_query, w_key, w_value, w_output, num_attention_heads):
    query, key, value = (
        torch.einsum("bld,dhe->bhle", x, w.unflatten(1, (num_attention_heads, -1)))
        for w in (w_query, w_key, w_value)
    )
    scores = torch.einsum("bhqe,bhke->bhqk", query, key) / query.size(-1) ** 0.5
    per_head = w_output.unflatten(0, (num_attention_heads, -1))
    return torch.einsum("bhqk,bhke,hed->bqd", scores.softmax(-1), value, per_head)


def right_library(x, w_query, w_key, w_value, w_output, num_attention_heads):
    layer = torch.nn.MultiheadAttention(
        x.size(-1), num_attention_heads, bias=False, batch_first=True
    )
    layer.in_proj_weight.data = torch.cat([w_query.T, w_key.T, w_value.T]).float()
    layer.out_proj.weight.data = w_output.T.float()
    return layer(*[x.float()] * 3)[0].tolist()


def wrong_output_transposed(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """w_output is transposed"""
    return right_torch(x, w_query, w_key, w_value, w_output.T, num_attention_heads)


def wrong_inputs_transposed(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """w_query, w_key and w_value are transposed"""
    return right_torch(x, w_query.T, w_key.T, w_value.T, w_output, num_attention_heads)


def wrong_exchanged(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """query and key"""
    return right_torch(x, w_key, w_query, w_value, w_output, num_attention_heads)


def wrong_values_for_keys(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """key and value"""
    return right_torch(x, w_query, w_value, w_key, w_output, num_attention_heads)


def wrong_values_not_projected(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """w_value is not used"""
    parts = (split(t, num_attention_heads) for t in (x @ w_query, x @ w_key, x))
    return join(F.scaled_dot_product_attention(*parts)) @ w_output


def wrong_over_the_heads(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """look at one another"""
    shape = num_attention_heads, -1
    parts = ((x @ w).unflatten(-1, shape) for w in (w_query, w_key, w_value))
    return F.scaled_dot_product_attention(*parts).flatten(2) @ w_output


def wrong_axis(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """wrong axis"""
    query, key, value = (split(x @ w, num_attention_heads) for w in (w_query, w_key, w_value))
    scores = query @ key.mT / query.size(-1) ** 0.5
    return join(scores.softmax(-2) @ value) @ w_output


def wrong_every_other(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """neighbouring"""
    parts = (
        (x @ w).unflatten(-1, (-1, num_attention_heads)).permute(0, 3, 1, 2)
        for w in (w_query, w_key, w_value)
    )
    return join(F.scaled_dot_product_attention(*parts)) @ w_output


def wrong_residual(x, w_query, w_key, w_value, w_output, num_attention_heads):
    """input is added"""
    return x + right_torch(x, w_query, w_key, w_value, w_output, num_attention_heads)
