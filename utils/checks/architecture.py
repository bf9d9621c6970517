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
    for tokens, window in ((fox, 2), (fox, 1), (song, 2), (["a", "b", "c"], 3), (["a"], 2)):
        pairs = sorted(map(tuple, call(answer, tokens, window)))

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
        width, scores = query.size(-1), query @ key.transpose(-2, -1)
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
                "this is an additive mask, of 0 and -inf; a boolean one is asked for": (
                    torch.zeros(length, length).masked_fill(~right, -torch.inf)
                ),
            },
            given=(length,),
        )
        dtype = mask.dtype if hasattr(mask, "dtype") else np.asarray(mask).dtype
        if dtype not in (torch.bool, np.dtype(bool)):
            raise Wrong(
                f"the mask is not boolean but {dtype}: "
                f"F.scaled_dot_product_attention would add its 1s and 0s to the scores "
                f"and hide nothing."
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
        turned = _heads(x @ query.T, x @ key.T, x @ value.T, heads) @ output.T
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
                    turned
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
    for d, f in ((512, 2048), (768, 3072), (6, 10)):
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
    begin, end = 1, 2
    for story, max_length in (([5, 3, 5, 4, end, 6, 3], 7), ([3, 4, 5, 6, 3], 3)):
        written = _table_of(story, begin)
        ids = call(answer, written, begin, end, max_length)
        ids = ids.tolist() if hasattr(ids, "tolist") else list(ids)
        stop = story.index(end) + 1 if end in story else len(story)
        right = story[: min(stop, max_length)]
        first = [story[0]] * max_length  # the scores after the begin token, for ever
        expect(
            ids,
            right,
            {
                "it does not stop at the end token": story[:max_length],
                "it takes the first position's scores: those of the last one tell what "
                "comes next": first,
                "the begin token is no output: leave it out": [begin, *right],
                "the end token belongs to the output": [i for i in right if i != end],
                "max_length is off by one: one token too few": right[: max_length - 1],
                "max_length is off by one: one token too many": story[: max_length + 1],
                "it takes the lowest score: the most likely token has the highest": (
                    _lowest(written, begin, end, max_length)
                ),
                "it forgets what it wrote: every step needs all the ids so far": (
                    _forgetful(written, begin, end, max_length)
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
            logits[place, story[place] if known else 7] = 4.0
            logits[place, 0] = -3.0
        return logits

    return next_logits


def _lowest(next_logits, begin, end, max_length):
    ids = [begin]
    while len(ids) <= max_length and ids[-1] != end:
        ids.append(int(next_logits(ids)[-1].argmin()))
    return ids[1:]


def _forgetful(next_logits, begin, end, max_length):
    ids = [begin]
    while len(ids) <= max_length and ids[-1] != end:
        ids.append(int(next_logits(ids[-1:])[-1].argmax()))
    return ids[1:]
