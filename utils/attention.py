"""Attention and positions: the two ideas that the Transformer is built from.

Masks are boolean and True means "this key may be looked at", as in
`torch.nn.functional.scaled_dot_product_attention`. (`torch.nn.MultiheadAttention` and
`torch.nn.Transformer` say the opposite: there, True hides.)

Letters of the shapes: B sentences, H heads, L positions (Lq of the query, Lk of the
key and value), D numbers per head; hidden_size = H * D.

Source: Vaswani et al. 2017, "Attention Is All You Need", sections 3.2 and 3.5.
Taught in: chapter 2.
"""

import math
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import nn

from utils.inputs import require_tensor


# ------------------------------------------------------------------ positions
def sinusoidal_positions(length, hidden_size, base=10000.0, dtype=torch.float32):
    """The paper's positional encoding: a sine and a cosine for each frequency.

    PE(p, 2k) = sin(p / base^(2k / hidden_size)), and PE(p, 2k + 1) is the cosine of
    the same angle, for k = 0, 1, ..., hidden_size / 2 - 1.

    Returns [length, hidden_size], sine and cosine interleaved.
    Raises ValueError for an odd hidden_size.
    Source: Vaswani et al. 2017, section 3.5.
    Taught in: chapter 2, section "Positional encoding".
    """
    exponent = even_numbers(hidden_size) / hidden_size  # 2k / d, [hidden_size / 2]
    return sines_and_cosines(length, base**-exponent, dtype)


def slide_positions(length, hidden_size, base=10000.0, dtype=torch.float32):
    """The workshop slides' encoding, kept only to reproduce their numbers.

    Their loop steps through i = 0, 2, 4, ... and then doubles i once more, so the
    exponent is 4k / hidden_size instead of 2k / hidden_size: half of the vector
    turns too slowly to tell positions apart.

    Returns [length, hidden_size]. Raises ValueError for an odd hidden_size.
    Source: the slides' `positional_encoding` listing.
    Taught in: chapter 2, section "Positional encoding".
    """
    exponent = 2 * even_numbers(hidden_size) / hidden_size  # 4k / d: doubled twice
    return sines_and_cosines(length, base**-exponent, dtype)


def even_numbers(hidden_size):
    """0, 2, 4, ..., hidden_size - 2 in float64: one for each sine-cosine pair."""
    if hidden_size < 2 or hidden_size % 2:
        raise ValueError(
            f"hidden_size must be even and positive, because each frequency takes a "
            f"sine and a cosine; it is {hidden_size}."
        )
    return torch.arange(0, hidden_size, 2, dtype=torch.float64)


def sines_and_cosines(length, frequencies, dtype):
    """[length, 2 * len(frequencies)]: sin, cos of position * frequency, interleaved."""
    position = torch.arange(length, dtype=torch.float64)
    angle = torch.outer(position, frequencies)  # [length, hidden_size / 2]
    pairs = torch.stack([angle.sin(), angle.cos()], dim=-1)  # [length, d / 2, 2]
    # float64 until here: a float32 angle of some thousands loses three digits.
    return pairs.flatten(1).to(dtype)  # [length, hidden_size]


def shift_matrix(offset, hidden_size, base=10000.0, dtype=torch.float64):
    """The one matrix that moves every position by `offset`, whatever the position.

    PE(p + offset) = shift_matrix(offset, hidden_size) @ PE(p): each sine-cosine pair
    turns by the angle offset * frequency, so the matrix is a row of 2 x 2 rotations.

    Returns [hidden_size, hidden_size]. Raises ValueError for an odd hidden_size.
    Source: Vaswani et al. 2017, section 3.5, "a linear function of PE_pos".
    Taught in: chapter 2, section "Positional encoding".
    """
    exponent = even_numbers(hidden_size) / hidden_size
    angle = offset * base**-exponent  # [hidden_size / 2]
    cos, sin = angle.cos(), angle.sin()
    rotations = torch.stack([cos, sin, -sin, cos], dim=-1).view(-1, 2, 2)
    return torch.block_diag(*rotations).to(dtype)


# ---------------------------------------------------------------------- masks
def padding_mask(input_ids, pad_id):
    """True where a key is a real token and False where it is padding.

    input_ids: integers [B, L]. Returns booleans [B, 1, 1, L], the same for each head
    and each query.
    Raises TypeError for what is no tensor, ValueError for another shape.
    Taught in: chapter 2, section "Masks".
    """
    require_tensor(input_ids, "input_ids", dimensions=2)
    return (input_ids != pad_id)[:, None, None, :]


def causal_mask(length, device=None):
    """True where the key is not later than the query: a word never sees the future.

    Returns booleans [1, 1, L, L], lower triangular. Join masks with `&`.
    Source: Vaswani et al. 2017, section 3.2.3.
    Taught in: chapter 2, section "Masks".
    """
    return torch.ones(1, 1, length, length, dtype=torch.bool, device=device).tril()


# ------------------------------------------------------------------ attention
def scaled_dot_product_attention(
    query, key, value, attention_mask=None, *, scale=None, dropout=0.0, fused=False
):
    """softmax(Q Kᵀ / √D) V: each query takes an average of the values.

    query [..., Lq, D], key [..., Lk, D], value [..., Lk, Dv];
    attention_mask: booleans that broadcast to [..., Lq, Lk], True = may be looked at;
    scale: what the scores are multiplied by, 1 / √D unless told;
    dropout: the probability that a weight is dropped (give 0 outside training);
    fused: call PyTorch's fused kernel, faster, which never builds the weights.

    Returns the output [..., Lq, Dv] and the weights [..., Lq, Lk] before dropout
    (None when fused). A query that may look at no key gets weights and output of
    zero, as in PyTorch's kernels, never NaN.
    Raises ValueError for shapes that do not fit, TypeError for a mask not boolean.
    Source: Vaswani et al. 2017, section 3.2.1, equation 1.
    Taught in: chapter 2, section "Scaled dot-product attention".
    """
    check_attention_inputs(query, key, value, attention_mask)
    if fused:
        output = F.scaled_dot_product_attention(
            query, key, value, attention_mask, dropout_p=dropout, scale=scale
        )
        return output, None

    scale = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = (query * scale) @ key.transpose(-2, -1)  # [..., Lq, Lk]
    if attention_mask is not None:
        # The lowest number, not -inf: a row of -inf alone would turn into NaN.
        lowest = torch.finfo(scores.dtype).min
        scores = torch.where(attention_mask, scores, lowest)
    weights = scores.softmax(dim=-1)  # each row sums to 1
    if attention_mask is not None:
        blind = ~attention_mask.any(dim=-1, keepdim=True)  # queries with no key to see
        if blind.any():  # seldom; asking first saves a pass over all the weights
            weights = weights.masked_fill(blind, 0.0)
    return F.dropout(weights, dropout) @ value, weights


def check_attention_inputs(query, key, value, attention_mask):
    """Raise a clear error where PyTorch would broadcast a mistake in silence."""
    if query.size(-1) != key.size(-1):
        raise ValueError(
            f"A query is compared with a key number by number, so both need the same "
            f"width: query {list(query.shape)}, key {list(key.shape)}."
        )
    if key.size(-2) != value.size(-2):
        raise ValueError(
            f"Each key has one value: key {list(key.shape)} has {key.size(-2)} "
            f"positions, value {list(value.shape)} has {value.size(-2)}."
        )
    if attention_mask is None:
        return
    require_tensor(attention_mask, "attention_mask")
    if attention_mask.dtype != torch.bool:
        raise TypeError(
            f"attention_mask must be boolean, True = this key may be looked at; it is "
            f"{attention_mask.dtype}. For a mask of 1 (look) and 0 (hide) use "
            f"mask.bool(); where 1 or True hides, as in torch.nn.Transformer, "
            f"use ~mask.bool()."
        )
    try:
        leading = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    except RuntimeError:
        raise ValueError(
            f"query {list(query.shape)} and key {list(key.shape)} are not of as many "
            f"sentences and heads."
        ) from None
    scores = [*leading, query.size(-2), key.size(-2)]
    try:
        fits = list(torch.broadcast_shapes(attention_mask.shape, scores)) == scores
        fits = fits and attention_mask.dim() > 1  # the fused kernel takes no other
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"attention_mask {list(attention_mask.shape)} does not broadcast to the "
            f"scores {scores} (..., queries, keys). A padding mask is [B, 1, 1, Lk], "
            f"a causal mask [1, 1, L, L]."
        )


def split_heads(x, num_attention_heads):
    """[B, L, H * D] -> [B, H, L, D]: each head gets its own D of the numbers.

    Raises ValueError where the heads do not divide the last dimension.
    Taught in: chapter 2, section "Multi-head attention".
    """
    check_heads(x.size(-1), num_attention_heads)
    return x.unflatten(-1, (num_attention_heads, -1)).transpose(1, 2)


def merge_heads(x):
    """[B, H, L, D] -> [B, L, H * D]: the heads side by side, undoing split_heads.

    Taught in: chapter 2, section "Multi-head attention".
    """
    return x.transpose(1, 2).flatten(2)


def check_heads(hidden_size, num_attention_heads):
    """Raise ValueError unless each head gets the same whole number of dimensions."""
    if num_attention_heads < 1 or hidden_size % num_attention_heads:
        raise ValueError(
            f"The hidden size ({hidden_size}) is not a multiple of the number of "
            f"attention heads ({num_attention_heads})"
        )


class MultiHeadAttention(nn.Module):
    """H attentions side by side, each through its own projections, joined by W_O.

    MultiHead(Q, K, V) = Concat(head_1, ..., head_H) W_O, where head_i attends with
    Q W_i^Q, K W_i^K and V W_i^V. The H matrices W_i^Q are rows of one Linear, `query`:
    a head is a projection of the whole vector, not a slice of it.

    Raises ValueError where num_attention_heads does not divide hidden_size.
    Source: Vaswani et al. 2017, section 3.2.2.
    Taught in: chapter 2, section "Multi-head attention".
    """

    def __init__(self, hidden_size, num_attention_heads, dropout=0.0):
        super().__init__()
        check_heads(hidden_size, num_attention_heads)
        self.num_attention_heads = num_attention_heads
        self.dropout = dropout
        self.query = nn.Linear(hidden_size, hidden_size)  # W_Q of all the heads
        self.key = nn.Linear(hidden_size, hidden_size)  # W_K
        self.value = nn.Linear(hidden_size, hidden_size)  # W_V
        self.output = nn.Linear(hidden_size, hidden_size)  # W_O

    def forward(
        self, hidden_states, memory=None, attention_mask=None, need_weights=False
    ):
        """Look from hidden_states [B, Lq, d] at memory [B, Lk, d], or at itself.

        attention_mask broadcasts to [B, H, Lq, Lk], True = may be looked at.
        Returns [B, Lq, d] and, where asked for, the weights [B, H, Lq, Lk], else None.
        Raises what `scaled_dot_product_attention` raises.
        """
        memory = hidden_states if memory is None else memory
        heads = self.num_attention_heads
        context, weights = scaled_dot_product_attention(
            split_heads(self.query(hidden_states), heads),  # [B, H, Lq, D]
            split_heads(self.key(memory), heads),  # [B, H, Lk, D]
            split_heads(self.value(memory), heads),
            attention_mask,
            dropout=self.dropout if self.training else 0.0,
            fused=not need_weights,
        )
        return self.output(merge_heads(context)), weights


@contextmanager
def record_attention(model):
    """Keep the weights of every MultiHeadAttention that runs inside the block.

    with record_attention(model) as maps:
        model(input_ids)
    maps["encoder.layers.0.attention"]  # [B, H, Lq, Lk]

    Yields a dict from the module's name to its last weights. Nothing of the model
    changes: hooks ask for the weights and leave with the block.
    Taught in: chapter 2, section "What attention looks at".
    """
    maps = {}

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True}

    def keep(name):
        return lambda module, args, result: maps.update({name: result[1]})

    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, MultiHeadAttention):
            hooks.append(module.register_forward_pre_hook(ask, with_kwargs=True))
            hooks.append(module.register_forward_hook(keep(name)))
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()
