"""The checks of chapter 2's exercises: from word pairs to greedy decoding."""

import math

import numpy as np
import torch

from utils import attention, skipgram
from utils.checks.core import Wrong, call, exercise, expect


def _numbers(*shape, seed=0):
    """Normal random numbers in float64, the same each time."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


# ------------------------------------------------------------------ word pairs
@exercise
def skipgram_pairs(answer):
    """answer(tokens, window) -> list of (centre, context), in any order."""
    fox = "the quick brown fox jumps over the lazy dog".split()
    song = ["la", "di", "la", "la"]
    abc = ["a", "b", "c"]
    for tokens, window in ((fox, 2), (fox, 4), (fox, 1), (song, 2), (abc, 3), (["a"], 2)):
        pairs = sorted(map(tuple, call(answer, list(tokens), window)))

        def near(places, tokens=tokens):
            return sorted(
                (centre, tokens[i + step])
                for i, centre in enumerate(tokens)
                for step in places
                if -len(tokens) <= i + step < len(tokens)
            )

        right = sorted(skipgram.skipgram_pairs(tokens, window))
        both = [step for step in range(-window, window + 1) if step]
        expect(
            pairs,
            right,
            {
                "the window is always 2: use the argument": sorted(
                    skipgram.skipgram_pairs(tokens, 2)
                ),
                "a word became its own context: leave the centre out": sorted(
                    right + [(word, word) for word in tokens]
                ),
                "the index -1 is the last word of the text: a negative index wraps "
                "round, so words at the start got neighbours from the end": near(both),
                "the window is one-sided: skip-gram looks to the left as well": (
                    _pairs_at(tokens, range(1, window + 1))
                ),
                "the window is one-sided: skip-gram looks to the right as well": (
                    _pairs_at(tokens, range(-window, 0))
                ),
                "the window is off by one to the right: range() stops before its end": (
                    _pairs_at(tokens, [s for s in range(-window, window) if s])
                ),
                "the window is off by one: it is too narrow on both sides": (
                    _pairs_at(tokens, [s for s in range(1 - window, window) if s])
                ),
                "the window is off by one: it is too wide on both sides": (
                    _pairs_at(tokens, [s for s in range(-window - 1, window + 2) if s])
                ),
                "words at the ends of the text have contexts too: a shorter window, "
                "not none": sorted(
                    (tokens[i], tokens[i + step])
                    for i in range(window, len(tokens) - window)
                    for step in both
                ),
                "a slice that starts at a negative index starts near the end of the text, "
                "so the first words lost their left neighbours: use max(0, ...)": sorted(
                    (centre, context)
                    for i, centre in enumerate(tokens)
                    for context in tokens[i - window : i] + tokens[i + 1 : i + 1 + window]
                ),
                "leave out the centre's place, not its word: the same word may stand "
                "beside itself": [pair for pair in right if pair[0] != pair[1]],
                "tokens.index() finds the first place of a word only: count the places "
                "with enumerate()": sorted(
                    (centre, tokens[j])
                    for centre in tokens
                    for j in range(len(tokens))
                    if 0 < abs(j - tokens.index(centre)) <= window
                ),
                "a pair that occurs twice counts twice: do not collect them in a set": (
                    sorted(set(right))
                ),
            },
            given=(tokens, window),
        )


def _pairs_at(tokens, steps):
    """The pairs (word, word so many steps away), inside the text."""
    return sorted(
        (centre, tokens[i + step])
        for i, centre in enumerate(tokens)
        for step in steps
        if 0 <= i + step < len(tokens)
    )


# -------------------------------------------------------------------- positions
@exercise
def positional_encoding(answer):
    """answer(length, hidden_size) -> [length, hidden_size]."""
    for length, hidden_size in ((12, 16), (40, 8), (3, 2)):
        table = call(answer, length, hidden_size)
        right = attention.sinusoidal_positions(length, hidden_size, dtype=torch.float64)
        position = torch.arange(length, dtype=torch.float64)[:, None]
        even = torch.arange(0, hidden_size, 2, dtype=torch.float64)
        each = torch.arange(hidden_size, dtype=torch.float64)
        own = position * 10000.0 ** (-each / hidden_size)  # [length, hidden_size]
        expect(
            table,
            right,
            {
                "the exponent is doubled: i already goes 0, 2, 4, ..., so it is "
                "i / hidden_size. This is the bug of the slides": (
                    attention.slide_positions(length, hidden_size, dtype=torch.float64)
                ),
                "all the sines come first and all the cosines after them: that is "
                "another convention, not the paper's, which takes them in turn": (
                    torch.cat([right[:, 0::2], right[:, 1::2]], dim=1)
                ),
                "sine and cosine are swapped: the even dimensions hold the sine": (
                    right.unflatten(1, (-1, 2)).flip(-1).flatten(1)
                ),
                "the sine and the cosine of a pair share one frequency; yours has a "
                "new exponent for each dimension": torch.where(
                    each % 2 == 0, own.sin(), own.cos()
                ),
                "the positions start at 1: the first one is 0": (
                    attention.sinusoidal_positions(
                        length + 1, hidden_size, dtype=torch.float64
                    )[1:]
                ),
                "the angle is multiplied by 10000^(2k/d) instead of divided": (
                    attention.sines_and_cosines(
                        length, 10000.0 ** (even / hidden_size), torch.float64
                    )
                ),
                "the exponent is halved: it is 2k / hidden_size, with the 2": (
                    attention.sines_and_cosines(
                        length, 10000.0 ** (-even / 2 / hidden_size), torch.float64
                    )
                ),
                "the odd dimensions are empty: they hold the cosine": (
                    torch.where(each % 2 == 0, right, 0.0)
                ),
                "every dimension is a sine: the odd ones hold the cosine": (
                    right[:, 0::2].repeat_interleave(2, dim=1)
                ),
                "the exponent is not divided by hidden_size": (
                    attention.sines_and_cosines(length, 10000.0**-even, torch.float64)
                ),
            },
            given=(length, hidden_size),
        )


# -------------------------------------------------------------------- attention
@exercise
def scaled_attention(answer):
    """answer(query, key, value) -> the output [..., Lq, Dv]."""
    shapes = (
        ([3, 4], [3, 4], [3, 2]),
        ([2, 9], [5, 9], [5, 3]),
        ([2, 3, 16], [2, 4, 16], [2, 4, 5]),
    )
    for seed, shape in enumerate(shapes):
        query, key, value = (_numbers(*s, seed=3 * seed + i) for i, s in enumerate(shape))
        output = call(answer, query, key, value)
        if isinstance(output, tuple):
            raise Wrong("return the output alone, without the weights.")
        width, scores = query.size(-1), query @ key.transpose(-2, -1)
        powers = (scores / math.sqrt(width)).exp()
        weights = (scores / math.sqrt(width)).softmax(-1)
        expect(
            output,
            weights @ value,
            {
                "the scores are not scaled: divide them by √d_k": (
                    scores.softmax(-1) @ value
                ),
                "you scaled by d_k, not √d_k": (scores / width).softmax(-1) @ value,
                "you multiplied by √d_k: divide": (
                    (scores * math.sqrt(width)).softmax(-1) @ value
                ),
                "you scaled by the root of the length: √d_k is the root of the width of "
                "a key": (scores / math.sqrt(key.size(-2))).softmax(-1) @ value,
                "you scaled by the root of the query's length: √d_k is the root of its "
                "width, size(-1)": (scores / math.sqrt(query.size(-2))).softmax(-1) @ value,
                "you scaled by the root of the width of the values: √d_k belongs to the "
                "keys": (scores / math.sqrt(value.size(-1))).softmax(-1) @ value,
                "the weights of all queries together sum to 1: each query's weights do, so "
                "sum over the last axis alone": powers / powers.sum() @ value,
                "query and key change places: the scores are query @ key transposed": (
                    scores.mT / math.sqrt(width)
                ).softmax(-1) @ value if scores.size(-1) == scores.size(-2) else None,
                "there is no mask here: every query looks at every key": (
                    (scores / math.sqrt(width))
                    .masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
                    .softmax(-1) @ value
                ),
                "the softmax runs over the wrong axis: for each query, the weights of "
                "the keys sum to 1": (scores / math.sqrt(width)).softmax(-2) @ value,
                "you scaled after the softmax: the scores are scaled before it": (
                    scores.softmax(-1) / math.sqrt(width) @ value
                ),
                "there is no softmax: the scores must become weights that sum to 1": (
                    scores / math.sqrt(width) @ value
                ),
                "these are the weights; the output is their average of the values": (
                    weights
                ),
            },
            given=(query, key, value),
        )


@exercise
def causal_mask(answer):
    """answer(length) -> booleans [length, length], True = may be looked at."""
    for length in (4, 7, 1):
        mask = call(answer, length)
        right = torch.ones(length, length, dtype=torch.bool).tril()
        full = torch.ones_like(right)
        expect(
            mask,
            right,
            {
                "the mask leaks by one: each query sees the next word, the very one it "
                "must predict": full.tril(1),
                "the mask is inverted: True hides in nn.Transformer; here True means "
                "may be looked at": ~right,
                "the mask is transposed: each query sees the future and not the past. "
                "Rows are queries, columns are keys": full.triu(),
                "a word must see itself: the diagonal is True, or the first row is "
                "empty": full.tril(-1),
                "the mask hides nothing": full,
                "the mask hides everything": ~full,
                "each query sees itself alone: it may look at the words before it too": (
                    torch.eye(length, dtype=torch.bool)
                ),
                "this is an additive mask, of 0 and -inf; a boolean one is asked for": (
                    torch.zeros(length, length).masked_fill(~right, -torch.inf)
                ),
                "this is an additive mask, of 0 and -1e9; a boolean one is asked for": (
                    torch.zeros(length, length).masked_fill(~right, -1e9)
                ),
                "the mask has the batch and head axes already; [length, length] is asked "
                "for": right[None, None],
            },
            given=(length,),
        )
        dtype = mask.dtype if hasattr(mask, "dtype") else np.asarray(mask).dtype
        if dtype not in (torch.bool, np.dtype(bool)):
            raise Wrong(
                f"the mask is not boolean but {dtype}: F.scaled_dot_product_attention "
                f"refuses integers, and floats of 1 and 0 it would add to the scores, "
                f"which hides nothing."
            )


@exercise
def masked_weights(answer):
    """answer(scores, mask) -> weights like scores; True = may be looked at."""
    for seed, (shape, hidden) in enumerate((([3, 3], None), ([2, 2, 4, 5], 3))):
        scores = _numbers(*shape, seed=seed)
        mask = torch.ones(shape[-2:], dtype=torch.bool)
        mask = mask.tril() if hidden is None else mask & (torch.arange(5) < hidden)
        weights = call(answer, scores, mask)
        right = scores.masked_fill(~mask, -torch.inf).softmax(-1)
        inverted = scores.masked_fill(mask, torch.finfo(scores.dtype).min)
        expect(
            weights,
            right,
            {
                "the mask is inverted: you hid what may be looked at": inverted.softmax(-1),
                "the mask is inverted: you hid what may be looked at (with -inf a query "
                "that keeps no key becomes NaN)": scores.masked_fill(
                    mask, -torch.inf
                ).softmax(-1),
                "you multiplied by the mask after the softmax: the rows no longer sum "
                "to 1, renormalise or mask the scores": scores.softmax(-1) * mask,
                "a score of 0 hides nothing: e^0 is 1; use -inf": (
                    scores * mask
                ).softmax(-1),
                "the mask is added to the scores: that raises a score by 1 and hides "
                "nothing": (scores + mask).softmax(-1),
                "the softmax runs over the wrong axis: each row, a query, sums to 1": (
                    scores.masked_fill(~mask, -torch.inf).softmax(-2)
                ),
                "the mask is not used": scores.softmax(-1),
                "the mask is inverted: you lowered the scores that may be looked at": (
                    (scores - 1e9 * mask).softmax(-1)
                ),
                "a hidden key needs the lowest score; yours gets the highest": (
                    scores.masked_fill(~mask, 1e9).softmax(-1)
                ),
                "the mask is transposed: its rows are queries, its columns keys": (
                    scores.masked_fill(~mask.mT, -torch.inf).softmax(-1)
                    if mask.size(0) == mask.size(1) else None
                ),
                "the softmax runs over axis 1, which is not always the last: use -1": (
                    scores.masked_fill(~mask, -torch.inf).softmax(1)
                ),
                "you masked after the softmax: the hidden keys took their share before": (
                    scores.softmax(-1).masked_fill(~mask, -torch.inf)
                ),
                "these are the scores: the softmax is missing": (
                    scores.masked_fill(~mask, -torch.inf)
                ),
                "the whole table sums to 1: every row must, so sum over the last axis": (
                    scores.softmax(-1) * mask / (scores.softmax(-1) * mask).sum()
                ),
                "the scores are not used: every key that may be looked at gets the same": (
                    mask.expand_as(scores) / mask.expand_as(scores).sum(-1, keepdim=True)
                ),
            },
            given=(scores, mask),
        )


# ------------------------------------------------------------------ many heads
@exercise
def split_heads(answer):
    """answer(x, num_attention_heads) -> [B, H, L, D]."""
    for (batch, length, heads, width) in ((2, 3, 4, 5), (1, 4, 4, 2), (3, 2, 1, 6)):
        x = torch.arange(batch * length * heads * width, dtype=torch.float64)
        x = x.view(batch, length, heads * width)
        result = call(answer, x, heads)
        right = attention.split_heads(x, heads)
        expect(
            result,
            right,
            {
                "view without transpose: the numbers of different positions got mixed. "
                "First split the last dimension, then swap the axes": (
                    x.reshape(batch, heads, length, width)
                ),
                "the head is the second axis of the result, [B, H, L, D]; yours is "
                "[B, L, H, D]": right.transpose(1, 2),
                "the head and batch axes are swapped: the result is [B, H, L, D]": (
                    right.transpose(0, 1)
                ),
                "each head takes neighbouring numbers; yours takes every H-th one": (
                    x.unflatten(-1, (width, heads)).permute(0, 3, 1, 2)
                ),
                "the last two axes are swapped: the result is [B, H, L, D]": (
                    right.transpose(2, 3)
                ),
                "the positions are divided: divide the last axis, so that each head has "
                "all positions": (
                    x.unflatten(1, (heads, -1)) if length % heads == 0 else None
                ),
                "this is a slice for each head of the batch, [B·H, L, D]: the result has "
                "four axes": right.flatten(0, 1),
            },
            given=(x, heads),
        )


@exercise
def multi_head(answer):
    """answer(x, w_query, w_key, w_value, w_output, num_attention_heads) -> [B, L, d]."""
    for seed, (batch, length, heads, width) in enumerate(((2, 3, 2, 4), (1, 4, 3, 2))):
        hidden_size = heads * width
        x = _numbers(batch, length, hidden_size, seed=seed)
        weights = [_numbers(hidden_size, hidden_size, seed=10 + 4 * seed + i) / 2
                   for i in range(4)]
        result = call(answer, x, *weights, heads)
        query, key, value, output = weights
        joined = _heads(x @ query, x @ key, x @ value, heads)
        turned = _heads(x @ query.T, x @ key.T, x @ value.T, heads)
        each = heads, -1  # [B, L, H, D]: the heads before they are moved to the front
        over_heads, _ = attention.scaled_dot_product_attention(
            *((x @ w).unflatten(-1, each) for w in (query, key, value))
        )
        q, k, v = (attention.split_heads(x @ w, heads) for w in (query, key, value))
        past, _ = attention.scaled_dot_product_attention(
            q, k, v, attention.causal_mask(length)
        )
        by_key = (q @ k.mT / math.sqrt(width)).softmax(-2) @ v
        every, _ = attention.scaled_dot_product_attention(
            *(
                (x @ w).unflatten(-1, (width, heads)).permute(0, 3, 1, 2)
                for w in (query, key, value)
            )
        )
        expect(
            result,
            joined @ output,
            {
                "W_O is missing: the joined heads are projected once more": joined,
                "a head is a projection of the whole vector, not a slice of x: multiply "
                "by w_query, w_key and w_value": _heads(x, x, x, heads) @ output,
                "a head is a projection of the whole vector, not a slice of x, and W_O "
                "is missing": _heads(x, x, x, heads),
                "you scaled by √d_model: each head scales by the root of its own width, "
                "√d_k": _heads(
                    x @ query, x @ key, x @ value, heads, scale=hidden_size**-0.5
                ) @ output,
                "the scores are not scaled: divide them by √d_k": (
                    _heads(x @ query, x @ key, x @ value, heads, scale=1.0) @ output
                ),
                "the number of heads is not used: this is one wide head": (
                    _heads(x @ query, x @ key, x @ value, 1) @ output
                ),
                "view without transpose when splitting: the positions got mixed": (
                    _mixed_heads(x @ query, x @ key, x @ value, heads) @ output
                ),
                "view without transpose when joining: the positions got mixed": (
                    _unjoined_heads(x @ query, x @ key, x @ value, heads) @ output
                ),
                "the weights are transposed: here x @ w, while nn.Linear keeps w.T": (
                    turned @ output.T
                ),
                "w_query, w_key and w_value are transposed: here x @ w": turned @ output,
                "w_output is transposed: here joined @ w_output": joined @ output.T,
                "query and key change places": (
                    _heads(x @ key, x @ query, x @ value, heads) @ output
                ),
                "key and value change places": (
                    _heads(x @ query, x @ value, x @ key, heads) @ output
                ),
                "w_value is not used: the values are projected too": (
                    _heads(x @ query, x @ key, x, heads) @ output
                ),
                "you scaled by d_k, not √d_k": (
                    _heads(x @ query, x @ key, x @ value, heads, scale=1 / width) @ output
                ),
                "you scaled by the root of the number of heads: √d_k is the root of a "
                "head's width": _heads(
                    x @ query, x @ key, x @ value, heads, scale=heads**-0.5
                ) @ output,
                "the heads look at one another instead of the positions: move the axis of "
                "the heads before that of the positions": over_heads.flatten(2) @ output,
                "the softmax runs over the wrong axis: each query's weights sum to 1": (
                    attention.merge_heads(by_key) @ output
                ),
                "a head takes neighbouring numbers; yours takes every H-th one": (
                    attention.merge_heads(every) @ output
                ),
                "there is no mask here: every position looks at every other": (
                    attention.merge_heads(past) @ output
                ),
                "the input is added: the residual connection comes later": (
                    x + joined @ output
                ),
            },
            given=(x,),
        )


def _heads(query, key, value, heads, scale=None):
    """Attention in each head, joined, without W_O."""
    parts = (attention.split_heads(t, heads) for t in (query, key, value))
    context, _ = attention.scaled_dot_product_attention(*parts, scale=scale)
    return attention.merge_heads(context)


def _mixed_heads(query, key, value, heads):
    """The bug: `view(B, H, L, D)` where the split needs a transpose."""
    batch, length, hidden_size = query.shape
    shape = batch, heads, length, hidden_size // heads
    parts = (t.reshape(shape) for t in (query, key, value))
    context, _ = attention.scaled_dot_product_attention(*parts)
    return context.reshape(query.shape)


def _unjoined_heads(query, key, value, heads):
    """The bug: `view(B, L, d)` of [B, H, L, D] where the join needs a transpose."""
    parts = (attention.split_heads(t, heads) for t in (query, key, value))
    context, _ = attention.scaled_dot_product_attention(*parts)
    return context.reshape(query.shape)


# ----------------------------------------------------------------------- layers
@exercise
def layer_norm(answer):
    """answer(x, weight, bias, eps) -> like x, normalised over the last dimension."""
    for seed, (shape, scale) in enumerate((([2, 3, 4], 1.0), ([2, 3, 6], 0.02))):
        x = scale * (_numbers(*shape, seed=seed) + 3.0)
        weight = 1 + _numbers(shape[-1], seed=5) / 4
        bias, eps = _numbers(shape[-1], seed=6), 1e-3
        result = call(answer, x, weight, bias, eps)

        centred = x - x.mean(-1, keepdim=True)
        variance = x.var(-1, keepdim=True, unbiased=False)
        unbiased = x.var(-1, keepdim=True)
        over = {
            axes: (x - x.mean(axes, keepdim=True))
            / (x.var(axes, keepdim=True, unbiased=False) + eps).sqrt()
            for axes in ((0,), (1,), (0, 1), (1, 2))
        }
        plain = centred / (variance + eps).sqrt()
        positions = "it normalises over the positions; each position has its own mean"
        expect(
            result,
            plain * weight + bias,
            {
                "the variance is unbiased: LayerNorm divides by d, not by d - 1": (
                    centred / (unbiased + eps).sqrt() * weight + bias
                ),
                "eps is outside the root: it is added to the variance, not to the "
                "standard deviation": (
                    centred / (variance.sqrt() + eps) * weight + bias
                ),
                "two deviations at once: the variance is unbiased and eps is outside "
                "the root": centred / (unbiased.sqrt() + eps) * weight + bias,
                "you divide by the variance: take its root": (
                    centred / (variance + eps) * weight + bias
                ),
                "it normalises over the batch: that is BatchNorm's idea": (
                    over[(0,)] * weight + bias
                ),
                "it normalises over the batch and the positions: that is BatchNorm": (
                    over[(0, 1)] * weight + bias
                ),
                positions: over[(1,)] * weight + bias,
                positions + " and its own variance": over[(1, 2)] * weight + bias,
                "weight and bias are not used": plain,
                "the bias is not used": plain * weight,
                "the weight is not used": plain + bias,
                "the bias is added before the weight multiplies": (plain + bias) * weight,
                "weight and bias come first: they come after the normalisation": (
                    torch.nn.functional.layer_norm(
                        x * weight + bias, weight.shape, eps=eps
                    )
                ),
                "eps is not used: it is an argument, and belongs under the root": (
                    centred / variance.sqrt() * weight + bias
                ),
                "eps is an argument; yours seems fixed at 1e-5": (
                    centred / (variance + 1e-5).sqrt() * weight + bias
                ),
                "one mean and one variance for the whole tensor: each position has its "
                "own": (x - x.mean()) / (x.var(unbiased=False) + eps).sqrt() * weight
                + bias,
                "the mean is not taken away before the division": (
                    x / (variance + eps).sqrt() * weight + bias
                ),
                "the variance is not used: divide by its root": centred * weight + bias,
                "weight and bias change places: x * weight + bias": plain * bias + weight,
                "the mean is not taken away: that is another layer, RMSNorm": (
                    x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight + bias
                ),
            },
            given=(x, weight, bias, eps),
        )


@exercise
def encoder_layer_parameters(answer):
    """answer(hidden_size, intermediate_size) -> how many numbers a layer learns."""
    for d, f in ((6, 10), (512, 2048), (768, 3072)):  # 10 is not 4 * 6
        attention_part, norms = 4 * (d * d + d), 2 * 2 * d
        feed_forward = d * f + f + f * d + d
        right = attention_part + feed_forward + norms
        expect(
            call(answer, d, f),
            right,
            {
                "W_O is missing: attention has four projections": right - d * d - d,
                "the biases are missing: every Linear has one": (
                    right - 4 * d - f - d
                ),
                "the biases of the feed-forward layer are missing": right - f - d,
                "4 * hidden_size too few: the LayerNorms are missing (two, each with a "
                "weight and a bias), or else the four biases of attention": right - norms,
                "half of the LayerNorms is missing: each of the two sublayers has its "
                "own, and each has a weight and a bias": right - norms // 2,
                "the feed-forward layer has two matrices, there and back": (
                    right - d * f - d
                ),
                "the bias of the first feed-forward matrix is missing: it has "
                "intermediate_size numbers": right - f,
                "the bias of the second feed-forward matrix is missing: it has "
                "hidden_size numbers": right - d,
                "only the matrices are counted: the biases and the LayerNorms are "
                "missing": 4 * d * d + 2 * d * f,
                "intermediate_size is not always 4 * hidden_size: use the argument": (
                    12 * d * d + 13 * d
                ),
                "this is attention alone: the feed-forward layer is missing": (
                    attention_part
                ),
                "the feed-forward layer is missing": attention_part + norms,
                "these are six layers: count one": 6 * right,
                "the two arguments change places": (
                    4 * (f * f + f) + 2 * d * f + d + f + 4 * f
                ),
                "this is a decoder layer: it has a third sublayer, the encoder's has "
                "two": right + attention_part + 2 * d,
            },
            given=(d, f),
            tolerance=1e-9,
        )


# --------------------------------------------------------------------- decoding
@exercise
def greedy_step(answer):
    """answer(next_logits, bos_id, eos_id, max_length) -> list of ids without bos_id.

    `next_logits(ids)` takes the list of ids so far and returns [len(ids), V]: at each
    place the scores of the token that follows.
    """
    stories = (
        (1, 2, [5, 3, 5, 4, 2, 6, 3], 7),
        (1, 2, [3, 4, 5, 6, 3], 3),
        (6, 1, [3, 2, 4, 1, 5], 9),
    )
    for begin, end, story, max_length in stories:
        table = _table_of(story, begin)
        ids, again = (
            [int(i) for i in call(answer, table, begin, end, max_length)]
            for _ in range(2)
        )
        if ids != again:
            raise Wrong("two runs differ: greedy decoding draws nothing at random.")
        stop = story.index(end) + 1 if end in story else len(story)
        right = story[: min(stop, max_length)]

        def written(choose, begin=begin, end=end, steps=max_length):
            path = [begin]
            while len(path) <= steps and path[-1] != end:
                path.append(int(choose(path)))
            return path[1:]

        def last(path, table=table):
            return table(path)[-1].argmax()

        expect(
            ids,
            right,
            {
                "it does not stop at the end token": written(last, end=None),
                "it takes the first position's scores: those of the last one tell what "
                "comes next": written(lambda path: table(path)[0].argmax()),
                "argmax over the whole table numbers all its cells: take the last row "
                "first": written(lambda path: table(path).argmax()),
                "the begin token is no output: leave it out": [begin, *right],
                "the end token belongs to the output": [i for i in right if i != end],
                "the begin token is no output, and the end token belongs to it": (
                    [begin, *(i for i in right if i != end)]
                ),
                "max_length is off by one: one token too few": right[: max_length - 1],
                "max_length is off by one: one token too many": (
                    written(last, steps=max_length + 1)
                ),
                "max_length is not used: the writing must end, even without the end "
                "token": (
                    written(last, steps=len(ids)) if len(ids) > max_length else None
                ),
                "this is one token only: append it, and ask for the next": right[:1],
                "nothing follows the end token: the output is as long as what was "
                "written": right + [0] * (max_length - len(right)),
                "the end token was not written: max_length cut the output": [*right, end],
                "it takes the lowest score: the most likely token has the highest": (
                    written(lambda path: table(path)[-1].argmin())
                ),
                "it forgets what it wrote: every step needs all the ids so far": (
                    written(lambda path: table(path[-1:])[-1].argmax())
                ),
                "bos_id is an argument: it is not always 1": written(last, begin=1),
                "eos_id is an argument: it is not always 2": written(last, end=2),
                "bos_id and eos_id are arguments: they are not always 1 and 2": (
                    written(last, begin=1, end=2)
                ),
            },
            given=("next_logits", begin, end, max_length),
            tolerance=1e-9,
        )


def _table_of(story, begin, vocab_size=8):
    """A model that knows one story by heart, and goes wrong on any other beginning."""

    def next_logits(ids):
        ids = [int(i) for i in ids]
        if not ids:
            raise ValueError("next_logits needs at least the begin token")
        logits = torch.zeros(len(ids), vocab_size, dtype=torch.float64)
        for place in range(len(ids)):
            known = [begin, *story][: place + 1] == ids[: place + 1] and place < len(story)
            # Little above the others, so that a draw at random misses it; and rising,
            # so that the largest number of the whole table is not in the first row.
            logits[place, story[place] if known else 7] = 1.0 + place / 10
            logits[place, 0] = -3.0
        return logits

    return next_logits
