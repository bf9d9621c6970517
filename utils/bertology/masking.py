"""Masking heads on transformers 5, which dropped `head_mask` and ignores it in silence.

Source: Michel, Levy and Neubig 2019, section 2.3, equation 2: MHAtt(x, q) = Σ_h ξ_h
Att_h(x, q); ξ_h = 0 masks head h.
Taught in: chapter 5, section "Masking a head".
"""

import reprlib
from contextlib import contextmanager

import torch

from utils.bertology.heads import NO_HEAD_MASK, HeadAdapter, HeadError, as_tensor, hooked


@contextmanager
def mask_heads(model, head_mask):
    """Inside the block each head's output is multiplied by its number of `head_mask`.

    head_mask: [L, H], or [B, L, H] with a mask for each sentence of the batch; 1 keeps a
    head, 0 masks it, what lies between weakens it. It may require a gradient: that of a
    loss is then the head importance. The mask is put on the heads' outputs before W_O,
    so it works on every attention implementation. Blocks inside one another multiply.
    In a pruned model the numbers of the heads that are gone have no effect.

    with mask_heads(model, mask):
        model(**inputs)

    When the block ends, also by an error, the model computes what it did before.
    Raises HeadError for a mask of another shape, with NaN, or, when the model runs, for
    another number of sentences.
    Source: Michel, Levy and Neubig 2019, section 2.3, equation 2.
    Taught in: chapter 5, section "Masking a head".
    """
    adapter = HeadAdapter.for_model(model)
    mask = check_mask(head_mask, adapter)
    with hooked(_mask_layer(adapter, layer, mask) for layer in range(adapter.num_layers)):
        yield


def _mask_layer(adapter, layer, mask):
    kept = mask[..., layer, adapter.kept(layer)]  # [H] or [B, H]
    factors = kept.repeat_interleave(adapter.head_size, -1)  # [H * D] or [B, H * D]

    def hook(module, args):
        heads = args[0]  # [B, T, H * D], the heads side by side
        scale = factors.to(heads)
        if scale.dim() == 2:
            if len(scale) != len(heads):
                raise HeadError(
                    f"head_mask has masks for {len(scale)} sentences, and the batch has "
                    f"{len(heads)}"
                )
            scale = scale[:, None]  # the same for all tokens of a sentence
        return (heads * scale, *args[1:])

    return adapter.output(layer).register_forward_pre_hook(hook)


def check_mask(head_mask, adapter):
    """head_mask as a tensor of numbers [L, H] or [B, L, H]; HeadError for another."""
    mask = as_tensor(head_mask, "head_mask")
    if not mask.is_floating_point():
        mask = mask.float()
    wanted = adapter.num_layers, adapter.num_heads
    if mask.dim() not in (2, 3) or tuple(mask.shape[-2:]) != wanted:
        raise HeadError(
            f"head_mask is {list(mask.shape)}; this model has {wanted[0]} layers of "
            f"{wanted[1]} heads: {list(wanted)}, or [B, {wanted[0]}, {wanted[1]}] with a "
            f"mask for each sentence"
        )
    if not mask.isfinite().all():
        raise HeadError("head_mask holds numbers that are not finite")
    return mask


def refuse_head_mask(model):
    """From now on the model raises HeadError when it is called with a `head_mask`.

    transformers 5 would ignore it. Returns the handle: `handle.remove()` ends it, and it
    can be the subject of a `with`.
    Taught in: chapter 5, section "Masking a head".
    """

    def hook(module, args, kwargs):
        if kwargs.get("head_mask") is not None:
            raise HeadError(NO_HEAD_MASK)

    return model.register_forward_pre_hook(hook, with_kwargs=True)


def mask_without(adapter_or_model, heads):
    """A head mask [L, H] of ones, with zeros for `heads`, (layer, head) pairs.

    Raises HeadError for a head that the model does not have, and for what are no pairs.
    Taught in: chapter 5, section "Masking a head".
    """
    adapter = adapter_or_model
    if not isinstance(adapter, HeadAdapter):
        adapter = HeadAdapter.for_model(adapter)
    mask = torch.ones(adapter.num_layers, adapter.num_heads)
    for layer, head in as_pairs(heads):
        check_head(adapter, layer, head)
        mask[layer, head] = 0
    return mask


def as_pairs(heads):
    """The (layer, head) pairs as a list; HeadError for anything else."""
    try:
        return [(layer, head) for layer, head in heads]
    except (TypeError, ValueError):
        raise HeadError(
            f"heads are (layer, head) pairs, [(0, 1), ...], not {reprlib.repr(heads)}"
        ) from None


def check_head(adapter, layer, head):
    """Raise HeadError for a layer or a head that is out of range or no number."""
    for name, value, number in (
        ("layer", layer, adapter.num_layers), ("head", head, adapter.num_heads),
    ):  # fmt: skip
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise HeadError(f"{name} {value!r} is no whole number")
        if not 0 <= value < number:
            raise HeadError(
                f"{name} {value} is out of range: this model has the {name}s 0 to "
                f"{number - 1}, counted from 0"
            )
