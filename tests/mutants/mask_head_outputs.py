"""Masking the outputs of heads that lie side by side, right and wrong."""

import numpy as np
import torch


def right_repeat_interleave(heads, head_mask):
    return heads * head_mask.repeat_interleave(heads.size(-1) // len(head_mask))


def right_unflatten(heads, head_mask):
    split = heads.unflatten(-1, (len(head_mask), -1))  # [B, T, H, D]
    return (split * head_mask[:, None]).flatten(-2)


def right_loop(heads, head_mask):
    heads = heads.clone()
    width = heads.shape[-1] // len(head_mask)
    for head, factor in enumerate(head_mask):
        heads[..., head * width : (head + 1) * width] *= factor
    return heads


def right_numpy(heads, head_mask):
    width = heads.shape[-1] // len(head_mask)
    return heads.numpy().astype(float) * np.repeat(head_mask.numpy(), width)


def right_einsum(heads, head_mask):
    split = heads.view(*heads.shape[:2], len(head_mask), -1)
    return torch.einsum("bthd,h->bthd", split, head_mask).reshape(heads.shape)


def right_matrix(heads, head_mask):
    return heads @ right_repeat_interleave(torch.ones(heads.size(-1)), head_mask).diag()


def right_transposed(heads, head_mask):
    """The heads before the tokens and back, as attention has them."""
    batch, length, width = heads.shape
    split = heads.view(batch, length, len(head_mask), -1).transpose(1, 2)
    masked = split * head_mask.view(1, -1, 1, 1)
    return masked.transpose(1, 2).reshape(batch, length, width)


def wrong_repeat(heads, head_mask):
    """repeated as a whole"""
    return heads * head_mask.repeat(heads.size(-1) // len(head_mask))


def wrong_view_other_way(heads, head_mask):
    """repeated as a whole"""
    split = heads.unflatten(-1, (-1, len(head_mask)))
    return (split * head_mask).flatten(-2)


def wrong_tokens(heads, head_mask):
    """tokens are masked"""
    return heads * head_mask[None, :, None]


def wrong_without_transpose(heads, head_mask):
    """(A view as [B, H, T, D]"""
    batch, length, width = heads.shape
    split = heads.view(batch, len(head_mask), length, -1)
    return (split * head_mask[None, :, None, None]).view(batch, length, width)


def wrong_inverted(heads, head_mask):
    """inverted"""
    return right_repeat_interleave(heads, 1 - head_mask)


def wrong_boolean_inverted(heads, head_mask):
    """inverted"""
    gone = head_mask.bool().repeat_interleave(heads.size(-1) // len(head_mask))
    return heads.masked_fill(gone, 0.0)


def wrong_where_one(heads, head_mask):
    """inverted"""
    return right_repeat_interleave(heads, (head_mask != 1).float())


def wrong_twice(heads, head_mask):
    """applied twice

    A hook that was registered a second time.
    """
    return right_repeat_interleave(right_repeat_interleave(heads, head_mask), head_mask)


def wrong_boolean(heads, head_mask):
    """not 0 counts as 1"""
    return right_repeat_interleave(heads, head_mask.bool())


def wrong_only_ones(heads, head_mask):
    """below 1 counts as 0"""
    return right_repeat_interleave(heads, head_mask == 1)


def wrong_integers(heads, head_mask):
    """below 1 counts as 0"""
    return right_repeat_interleave(heads, head_mask.long())


def wrong_dropout(heads, head_mask):
    """scaled up"""
    return right_repeat_interleave(heads, head_mask) * len(head_mask) / head_mask.sum()


def wrong_head_before(heads, head_mask):
    """wrong head is masked"""
    return right_repeat_interleave(heads, head_mask.roll(-1))


def wrong_counted_from_one(heads, head_mask):
    """wrong head is masked"""
    return right_repeat_interleave(heads, head_mask.roll(1))


def wrong_from_the_end(heads, head_mask):
    """counted from the end"""
    return right_repeat_interleave(heads, head_mask.flip(0))


def wrong_added(heads, head_mask):
    """the mask is added"""
    return heads + head_mask.repeat_interleave(heads.size(-1) // len(head_mask))


def wrong_infinite(heads, head_mask):
    """before a softmax"""
    mask = head_mask.repeat_interleave(heads.size(-1) // len(head_mask))
    return heads.masked_fill(mask == 0, -torch.inf)


def wrong_unmasked(heads, head_mask):
    """mask is not used

    What transformers 5 does with head_mask.
    """
    return heads


def wrong_shape(heads, head_mask):
    """axis of their own"""
    return heads.unflatten(-1, (len(head_mask), -1)) * head_mask[:, None]


def wrong_shape_transposed(heads, head_mask):
    """before the tokens"""
    return wrong_shape(heads, head_mask).transpose(1, 2)


def wrong_pruned(heads, head_mask):
    """that is pruning"""
    kept = head_mask.bool().repeat_interleave(heads.size(-1) // len(head_mask))
    return heads[..., kept]


def wrong_in_place(heads, head_mask):
    """in place"""
    heads *= head_mask.repeat_interleave(heads.size(-1) // len(head_mask))
    return heads
