import numpy as np
import torch


def right_view(x, num_attention_heads):
    batch, length, hidden_size = x.shape
    width = hidden_size // num_attention_heads
    return x.view(batch, length, num_attention_heads, width).transpose(1, 2)


def right_chunks(x, num_attention_heads):
    return torch.stack(x.chunk(num_attention_heads, dim=-1), dim=1)


def right_numpy(x, num_attention_heads):
    return np.stack(np.split(x.numpy(), num_attention_heads, axis=-1), axis=1)


def wrong_view_alone(x, num_attention_heads):
    """without transpose"""
    batch, length, hidden_size = x.shape
    width = hidden_size // num_attention_heads
    return x.view(batch, num_attention_heads, length, width)


def wrong_not_transposed(x, num_attention_heads):
    """[B, L, H, D]"""
    return x.unflatten(-1, (num_attention_heads, -1))


def wrong_every_other(x, num_attention_heads):
    """neighbouring"""
    return x.unflatten(-1, (-1, num_attention_heads)).permute(0, 3, 1, 2)


def wrong_batch_inside(x, num_attention_heads):
    """head and batch"""
    return torch.stack(x.chunk(num_attention_heads, dim=-1), dim=0)


def wrong_last_axes(x, num_attention_heads):
    """last two axes"""
    return x.unflatten(-1, (num_attention_heads, -1)).permute(0, 2, 3, 1)


def right_loops(x, num_attention_heads):
    width = x.size(-1) // num_attention_heads
    starts = range(0, x.size(-1), width)
    return [[[row[s : s + width] for row in one] for s in starts] for one in x.tolist()]


def right_slices(x, num_attention_heads):
    width = x.size(-1) // num_attention_heads
    heads = [x[..., i * width : (i + 1) * width] for i in range(num_attention_heads)]
    return torch.stack(heads, dim=1).float()


def wrong_first_sentence_only(x, num_attention_heads):
    """shape"""
    return right_view(x[:1], num_attention_heads)


def wrong_joined_with_the_batch(x, num_attention_heads):
    """four axes"""
    return right_view(x, num_attention_heads).flatten(0, 1)


def wrong_width_of_five(x, num_attention_heads):
    """raised"""
    return x.unflatten(-1, (num_attention_heads, 5)).transpose(1, 2)


def wrong_in_place(x, num_attention_heads):
    """in place"""
    heads = right_chunks(x, num_attention_heads)
    x.zero_()
    return heads
