"""The attention to the token before, right and wrong."""

import numpy as np
import torch


def right_diagonal(attention, attention_mask):
    weights = attention.diagonal(-1, -2, -1)  # [B, H, T - 1]
    counts = attention_mask[:, 1:] * attention_mask[:, :-1]
    return (weights * counts[:, None]).sum((0, 2)) / counts.sum()


def right_loops(attention, attention_mask):
    found = []
    for b, row in enumerate(attention_mask.tolist()):
        for i in range(1, len(row)):
            if row[i] and row[i - 1]:
                found.append(attention[b, :, i, i - 1])
    return torch.stack(found).double().mean(0)


def right_eye(attention, attention_mask):
    size = attention.shape[-1]
    weights = (attention.numpy() * np.eye(size, size, -1)).sum(-1)  # [B, H, T]
    mask = attention_mask.numpy()
    counts = mask * np.pad(mask, ((0, 0), (1, 0)))[:, :-1]
    return (weights * counts[:, None]).sum((0, 2)) / counts.sum()


def right_chosen(attention, attention_mask):
    weights = torch.diagonal(attention, offset=-1, dim1=2, dim2=3).transpose(1, 2)
    real = attention_mask.bool()
    return weights[real[:, 1:] & real[:, :-1]].mean(0)


def right_one_position_less(attention, attention_mask):
    """A sentence of n tokens has n - 1 neighbours; no query looks at padding."""
    mask = attention_mask[:, None, :, None]
    weights = (attention * mask).diagonal(-1, -2, -1).sum((0, 2))
    return weights / (attention_mask.sum(1) - 1).sum()


def wrong_next(attention, attention_mask):
    """next token

    Clark et al.'s notebook: np.eye(n, n, 1) under the label "prev token".
    """
    size = attention.size(-1)
    weights = (attention * torch.from_numpy(np.eye(size, size, 1))).sum(-1)[..., :-1]
    counts = attention_mask[:, 1:] * attention_mask[:, :-1]
    return (weights * counts[:, None]).sum((0, 2)) / counts.sum()


def wrong_transposed(attention, attention_mask):
    """next token"""
    return right_diagonal(attention.mT, attention_mask)


def wrong_next_with_last(attention, attention_mask):
    """next token"""
    counts = attention_mask[:, :-1]
    return (attention.diagonal(1, -2, -1) * counts[:, None]).sum((0, 2)) / counts.sum()


def wrong_next_with_padding(attention, attention_mask):
    """next token"""
    return attention.diagonal(1, -2, -1).mean((0, 2))


def wrong_next_of_all(attention, attention_mask):
    """next token"""
    size = attention.size(-1)
    weights = (attention * torch.from_numpy(np.eye(size, size, 1))).sum(-1)
    return (weights * attention_mask[:, None]).sum((0, 2)) / attention_mask.sum()


def wrong_self(attention, attention_mask):
    """to itself"""
    weights = attention.diagonal(0, -2, -1) * attention_mask[:, None]
    return weights.sum((0, 2)) / attention_mask.sum()


def wrong_padding(attention, attention_mask):
    """padding is counted"""
    return attention.diagonal(-1, -2, -1).mean((0, 2))


def wrong_padding_in_divisor(attention, attention_mask):
    """that divides it"""
    counts = (attention_mask[:, 1:] * attention_mask[:, :-1])[:, None]
    return (attention.diagonal(-1, -2, -1) * counts).mean((0, 2))


def wrong_first_counted(attention, attention_mask):
    """first token is counted"""
    size = attention.size(-1)
    weights = (attention * torch.from_numpy(np.eye(size, size, -1))).sum(-1)
    return (weights * attention_mask[:, None]).sum((0, 2)) / attention_mask.sum()


def wrong_first_and_padding(attention, attention_mask):
    """first token is counted"""
    size = attention.size(-1)
    weights = (attention * torch.from_numpy(np.eye(size, size, -1))).sum(-1)
    return weights.mean((0, 2))


def wrong_first_and_divisor(attention, attention_mask):
    """first token is counted"""
    size = attention.size(-1)
    weights = (attention * torch.from_numpy(np.eye(size, size, -1))).sum(-1)
    return (weights * attention_mask[:, None]).mean((0, 2))


def wrong_left_padding(attention, attention_mask):
    """padding may stand on the left"""
    counts = attention_mask[:, 1:]
    return (attention.diagonal(-1, -2, -1) * counts[:, None]).sum((0, 2)) / counts.sum()


def wrong_right_padding(attention, attention_mask):
    """after the last token"""
    counts = attention_mask[:, :-1]
    return (attention.diagonal(-1, -2, -1) * counts[:, None]).sum((0, 2)) / counts.sum()


def wrong_mean_of_means(attention, attention_mask):
    """every sentence counts the same"""
    counts = (attention_mask[:, 1:] * attention_mask[:, :-1])[:, None]
    means = (attention.diagonal(-1, -2, -1) * counts).sum(2) / counts.sum(2)  # [B, H]
    return means.nanmean(0)


def wrong_mean_of_means_nan(attention, attention_mask):
    """every sentence counts the same"""
    counts = (attention_mask[:, 1:] * attention_mask[:, :-1])[:, None]
    means = (attention.diagonal(-1, -2, -1) * counts).sum(2) / counts.sum(2)
    return means.mean(0)


def wrong_sum(attention, attention_mask):
    """this is the sum"""
    counts = attention_mask[:, 1:] * attention_mask[:, :-1]
    return (attention.diagonal(-1, -2, -1) * counts[:, None]).sum((0, 2))


def wrong_by_sentences(attention, attention_mask):
    """number of sentences"""
    return wrong_sum(attention, attention_mask) / len(attention)


def wrong_most_looked_at(attention, attention_mask):
    """most looked at"""
    top = attention.argmax(-1)[..., 1:] == torch.arange(attention.size(-1) - 1)
    counts = attention_mask[:, 1:] * attention_mask[:, :-1]
    return (top * counts[:, None]).sum((0, 2)) / counts.sum()


def wrong_each_sentence(attention, attention_mask):
    """number for each sentence"""
    counts = (attention_mask[:, 1:] * attention_mask[:, :-1])[:, None]
    return (attention.diagonal(-1, -2, -1) * counts).sum(2) / counts.sum(2)


def wrong_all_heads(attention, attention_mask):
    """one number for all"""
    return right_diagonal(attention, attention_mask).mean()


def wrong_in_place(attention, attention_mask):
    """in place"""
    attention *= attention_mask[:, None, :, None]
    return right_diagonal(attention, attention_mask)
