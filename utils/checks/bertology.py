"""The checks of chapter 5's exercises: from the importance of a head to its words."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

from utils.checks.core import Wrong, agree, ask, call, exercise, expect, name_mistake


def _numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _as_written(answer, change):
    """The reader's function behind other arguments: `call` still knows a stub."""
    return functools.wraps(answer)(change)


# ------------------------------------------------------------------- heads that matter
@exercise
def mean_head_importance(answer):
    """answer(gradients) -> [L, H]; gradients: a list of batches, each [B, L, H]."""
    sizes = [(5, 1, 3), (1, 1, 1, 1), (4,), (2, 6)]
    cases = [
        [_numbers(size, 2, 3, seed=10 * i + j) for j, size in enumerate(row)]
        for i, row in enumerate(sizes)
    ]  # a case is the batches themselves, so that `call` can look at each tensor

    def right(*batches):
        return torch.cat(batches).abs().mean(0)

    def total(*batches, of=torch.abs, each=torch.sum):
        """The sum over the batches of a function of their sums, or means."""
        return sum(of(each(batch, 0)) for batch in batches)

    def running(*batches, each=torch.sum):
        sums = torch.stack([each(batch, 0) for batch in batches]).cumsum(0)
        return sums.abs().sum(0)

    def count(*batches):
        return sum(map(len, batches))

    def over(value, divisor, **options):
        return lambda *batches: value(*batches, **options) / divisor(*batches)

    def number(*batches):
        return len(batches)

    def same(value):
        return value

    means = {"each": torch.mean}
    of_means = ", here of the batches' means"
    by_batch = (
        "the absolute value is taken once for a batch, after the sum over its examples, "
        "where they cancel: take it of each example"
    )
    never_zeroed = (
        "the gradients are never put back to zero: each batch adds the absolute value of "
        "all gradients so far"
    )
    late = (
        "the absolute value comes last, of the mean: take it of each example, before "
        "they cancel"
    )
    name_mistake(
        ask(_as_written(answer, lambda *batches: answer(list(batches))), cases),
        cases,
        right,
        {
            by_batch: over(total, count),
            f"{by_batch}, and divide by their number": over(total, number),
            f"{by_batch}. The batch's mean hides them as its sum does": (
                over(total, number, **means)
            ),
            never_zeroed: over(running, count),
            f"{never_zeroed}{of_means}": over(running, number, **means),
            f"{never_zeroed}, and the number of batches divides": over(running, number),
            f"{never_zeroed}{of_means}, and the number of examples divides": (
                over(running, count, **means)
            ),
            f"{never_zeroed}, that is, of all examples": (
                lambda *b: torch.cat(b).cumsum(0).abs().mean(0)
            ),
            "every batch counts the same: a mean of the batches' means. Divide once, by "
            "the number of all examples": (
                lambda *b: sum(batch.abs().mean(0) for batch in b) / len(b)
            ),
            "the absolute value is missing: gradients of opposite signs cancel": (
                lambda *b: torch.cat(b).mean(0)
            ),
            "the absolute value is missing, and every batch counts the same": (
                over(total, number, of=same, **means)
            ),
            late: lambda *b: torch.cat(b).mean(0).abs(),
            f"{late}; and every batch counts the same": (
                lambda *b: (total(*b, of=same, **means) / len(b)).abs()
            ),
            "this is the sum: divide by the number of examples": (
                lambda *b: torch.cat(b).abs().sum(0)
            ),
            "the sum is divided by the number of batches: divide by that of the examples": (
                lambda *b: torch.cat(b).abs().sum(0) / len(b)
            ),
            "these are squares: take the absolute value": (
                lambda *b: torch.cat(b).square().mean(0)
            ),
            "this is the root of the mean square: take the mean of the absolute values": (
                lambda *b: torch.cat(b).square().mean(0).sqrt()
            ),
            "this is the last batch alone: take all of them": lambda *b: right(b[-1]),
            "this is the first batch alone: take all of them": lambda *b: right(b[0]),
            "this is the largest of the examples: take their mean": (
                lambda *b: torch.cat(b).abs().amax(0)
            ),
            "this is a number for each example: take the mean over them": (
                lambda *b: torch.cat(b).abs()
            ),
            "this is one number for a layer: every head has its own": (
                lambda *b: right(*b).mean(-1)
            ),
            "this is one number for all: every head has its own": (
                lambda *b: right(*b).mean()
            ),
            "each layer is divided by its norm: that comes later, and not here": (
                lambda *b: F.normalize(right(*b), dim=-1)
            ),
        },
    )


def _without(matrix, start, width, dim):
    """The matrix without some of its rows (dim 0) or columns (dim 1)."""
    place = torch.arange(matrix.size(dim))
    kept = (place < start) | (place >= start + width)
    return matrix.index_select(dim, place[kept])


@exercise
def prune_matrices(answer):
    """answer(query, output, head, num_attention_heads) -> (W_Q, W_O) without the head.

    query: W_Q [H * D, d]; output: W_O [d, H * D], as nn.Linear keeps them.
    """
    sizes = [(1, 5, 2, 10), (0, 3, 2, 5), (2, 3, 4, 7), (3, 4, 3, 12)]  # head, H, D, d
    cases = [
        (_numbers(h * d, width, seed=i), _numbers(width, h * d, seed=9 + i), head, h)
        for i, (head, h, d, width) in enumerate(sizes)
    ]
    results = ask(answer, cases)
    for result in results:
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise Wrong("return two matrices: W_Q and W_O, both without the head.")

    def cut(which, dim, head=lambda head, heads: head):
        def pruned(query, output, number, heads):
            width = len(query) // heads
            start = head(number, heads) % heads * width
            return _without((query, output)[which], start, width, dim)

        return pruned

    def of(which, change):
        """change(matrix with the heads first, head, H), turned back for W_O."""

        def changed(query, output, head, heads):
            found = change(output.mT if which else query, head, heads)
            return found.mT if which else found

        return changed

    def zeros(matrix, head, heads):
        width = len(matrix) // heads
        return matrix.clone().index_fill_(
            0, torch.arange(head * width, (head + 1) * width), 0.0
        )

    def interleaved(matrix, head, heads):
        return matrix[torch.arange(len(matrix)) % heads != head]

    def exchanged(query, output, head, heads):
        return cut(1, 1)(query, output, head, heads)

    axes = (
        "columns of W_Q were cut: a row gives one number of a head, so the heads are its "
        "rows",
        "rows of W_O were cut: it reads the heads, side by side, so they are its columns",
    )
    for which, name in enumerate(("W_Q", "W_O")):
        dim = which  # the heads are rows of W_Q and columns of W_O
        matrices = {
            f"{name} is as it was: a head that is pruned is gone from both": (
                lambda *case, which=which: case[which]
            ),
            axes[which]: cut(which, 1 - dim),
            f"the wrong head is gone from {name}, the one before: heads count from 0": (
                cut(which, dim, lambda head, heads: head - 1)
            ),
            f"the wrong head is gone from {name}, the one after it: heads count from 0": (
                cut(which, dim, lambda head, heads: head + 1)
            ),
            f"the wrong head is gone from {name}: you counted from the end": (
                cut(which, dim, lambda head, heads: -1 - head)
            ),
            f"the wrong head is gone from {name}: a minus sign counts from the end": (
                cut(which, dim, lambda head, heads: -head)
            ),
            f"the heads of {name} are blocks of D neighbours, and you took every H-th": (
                of(which, interleaved)
            ),
            f"{name} has zeros where the head was: that is masking, and saves nothing. "
            f"Leave them out": of(which, zeros),
            f"{name} has the head alone that was to go": of(
                which, lambda m, head, h: m.unflatten(0, (h, -1))[head]
            ),
            f"a single row or column is gone from {name}: a head has D of them": of(
                which, lambda m, head, h: _without(m, head, 1, 0)
            ),
            f"H and D are exchanged in {name}: a head is D wide, and there are H": of(
                which, lambda m, head, h: _without(m, head * h, h, 0)
            ),
            f"{name} is transposed": (
                lambda *case, which=which, dim=dim: cut(which, dim)(*case).mT
            ),
            f"the heads after it are gone from {name} as well": of(
                which, lambda m, head, h: m[: head * (len(m) // h)]
            ),
            f"the heads before it are gone from {name} as well": of(
                which, lambda m, head, h: m[(head + 1) * (len(m) // h) :]
            ),
        }
        if name == "W_Q":
            matrices["this is W_O: return W_Q first, then W_O"] = exchanged
        name_mistake([result[which] for result in results], cases, cut(which, dim), matrices)


@exercise
def mask_head_outputs(answer):
    """answer(heads [B, T, H * D], head_mask [H]) -> masked, of the same shape."""
    cases = [
        (_numbers(2, 4, 12), torch.tensor([1.0, 0.0, 0.5, 0.25])),
        (_numbers(3, 3, 6, seed=1), torch.tensor([0.0, 0.5, 1.0])),
        (_numbers(3, 5, 6, seed=2), torch.tensor([0.3, 1.0, 0.0])),
        (_numbers(2, 3, 8, seed=3), torch.tensor([1.0, 0.0])),
    ]
    # First T = H, then B = H: a mask on the wrong axis raises nothing, and can be named.
    groups = cases[:2], cases[2:]

    def by(change):
        """heads times a change of the mask, head by head."""

        def masked(heads, mask):
            split = heads.unflatten(-1, (len(mask), -1))  # [B, T, H, D]
            return (split * change(mask)[:, None]).flatten(-2)

        return masked

    def same(mask):
        return mask

    def cycled(heads, mask):
        return heads * mask.repeat(heads.size(-1) // len(mask))

    def tokens(heads, mask):
        return heads * mask[:, None] if heads.size(1) == len(mask) else heads

    def sentences(heads, mask):
        return heads * mask[:, None, None] if heads.size(0) == len(mask) else heads

    def exchanged(heads, mask):
        place = torch.arange(heads.size(-1)) // len(mask)
        return heads * mask[place.clamp(max=len(mask) - 1)]

    def filled(value):
        def masked(heads, mask):
            gone = mask.repeat_interleave(heads.size(-1) // len(mask)) == 0
            return heads.masked_fill(gone, value)

        return masked

    right = by(same)
    for group in groups:
        name_mistake(ask(answer, group), group, right, {
            "the mask is repeated as a whole, 1 2 3 1 2 3, where the numbers of a head "
            "are neighbours: 1 1 2 2 3 3, repeat_interleave": cycled,
            "tokens are masked, not heads: the heads lie side by side in the last axis. "
            "(A view as [B, H, T, D] without a transpose does that, too.)": tokens,
            "whole sentences are masked, not heads: the heads lie in the last axis": (
                sentences
            ),
            "the mask is inverted: 1 keeps a head, 0 takes it away": (
                by(lambda mask: 1 - mask)
            ),
            "the mask is inverted: a 1 takes the head away, and the others stay": (
                by(lambda mask: (mask != 1).float())
            ),
            "the mask is inverted: what is not 0 takes the head away": (
                by(lambda mask: (mask == 0).float())
            ),
            "the mask is applied twice: 0.5 halves a head": by(torch.square),
            "every mask that is not 0 counts as 1: multiply, 0.5 halves a head": (
                by(lambda mask: (mask != 0).float())
            ),
            "every mask below 1 counts as 0: multiply, 0.5 halves a head": (
                by(lambda mask: (mask == 1).float())
            ),
            "the mask was rounded: multiply, 0.5 halves a head": by(torch.round),
            "the other heads are scaled up for those that are gone, as dropout does: "
            "leave them": by(lambda mask: mask * len(mask) / mask.sum()),
            "H and D are exchanged: a head is D wide, and there are H": exchanged,
            "the wrong head is masked: heads count from 0": by(lambda m: m.roll(1)),
            "the wrong head is masked, the one before": by(lambda mask: mask.roll(-1)),
            "the wrong head is masked: they are counted from the end": (
                by(lambda mask: mask.flip(0))
            ),
            "the mask is added: multiply": (
                lambda heads, mask: (heads.unflatten(-1, (len(mask), -1)) + mask[:, None])
                .flatten(-2)
            ),
            "-inf is for scores before a softmax: the output of a masked head is 0": (
                filled(-math.inf)
            ),
            "the mask is not used": lambda heads, mask: heads,
            "the heads have an axis of their own: put them back side by side": (
                lambda heads, mask: right(heads, mask).unflatten(-1, (len(mask), -1))
            ),
            "the heads are an axis of their own, before the tokens: put them back side "
            "by side": lambda heads, mask: (
                right(heads, mask).unflatten(-1, (len(mask), -1)).transpose(1, 2)
            ),
            "masked heads are left out: that is pruning. The shape stays": (
                lambda heads, mask: heads[
                    ..., (mask != 0).repeat_interleave(heads.size(-1) // len(mask))
                ]
            ),
        })  # fmt: skip


# --------------------------------------------------------------- what heads look at
def _attention(lengths, heads, left=False, seed=0):
    """Attention [B, H, T, T] as a model gives it, and its attention_mask [B, T].

    No query looks at padding, but a query that is padding has a row like any other.
    """
    size, place = max(lengths), torch.arange(max(lengths))
    mask = place < torch.tensor(lengths)[:, None]
    mask = mask.flip(1) if left else mask
    scores = 2 * _numbers(len(lengths), heads, size, size, seed=seed)
    return scores.masked_fill(~mask[:, None, None], -math.inf).softmax(-1), mask.long()


def _mean(values, counted):
    """values [B, H, T], counted [B, T] -> the mean over what counts, [H]."""
    return values.transpose(1, 2)[counted.bool()].mean(0)


def _by_sentence(values, counted):
    """The mean of each sentence in which something counts, [B, H]."""
    rows = counted.any(1)
    counted = counted[rows, None].to(values)
    return (values[rows] * counted).sum(2) / counted.sum(2)


@exercise
def attention_to_previous(answer):
    """answer(attention [B, H, T, T], attention_mask [B, T]) -> [H]."""
    cases = [
        _attention((7, 4), heads=2),
        _attention((5, 3, 4), heads=3, left=True, seed=1),
        _attention((6, 1, 2), heads=2, seed=2),  # one token has no neighbour
        _attention((4, 4), heads=4, seed=3),
    ]

    def at(attention, offset):  # the weights on a diagonal, [B, H, T - |offset|]
        return attention.diagonal(offset, -2, -1)

    def pairs(mask):  # the tokens that have a token before them
        return (mask[:, 1:] * mask[:, :-1]).bool()

    def right(attention, mask):
        return _mean(at(attention, -1), pairs(mask))

    def everywhere(mask):
        return torch.ones_like(mask[:, 1:]).bool()

    def total(attention, mask):
        return (at(attention, -1) * pairs(mask)[:, None]).sum((0, 2))

    def top(attention, mask):
        found = attention.argmax(-1)[..., 1:] == torch.arange(attention.size(-1) - 1)
        return _mean(found.float(), pairs(mask))

    following = (
        "this is the attention to the next token: rows are queries, so the token before "
        "query i is key i - 1, below the diagonal, and eye(n, n, 1) lies above it"
    )
    padding = (
        "padding is counted: a query that is padding has a row of weights like any other. "
        "Count the queries that are tokens"
    )
    first = "the first token is counted, and it has no token before it"
    name_mistake(
        ask(answer, cases),
        cases,
        right,
        {
            following: lambda a, mask: _mean(at(a, 1), pairs(mask)),
            f"{following}. Also, the last token has no next one": (
                lambda a, mask: _mean(at(a, 1), mask[:, :-1].bool())
            ),
            f"{following}. And padding is counted": (
                lambda a, mask: _mean(at(a, 1), everywhere(mask))
            ),
            f"{following}. And all the tokens are counted": (
                lambda a, mask: (at(a, 1) * pairs(mask)[:, None]).sum((0, 2)) / mask.sum()
            ),
            "this is the attention of each token to itself: the token before it is on "
            "the diagonal below": lambda a, mask: _mean(at(a, 0), mask),
            padding: lambda a, mask: _mean(at(a, -1), everywhere(mask)),
            "padding is left out of the sum, but not of the number that divides it": (
                lambda a, mask: total(a, mask) / everywhere(mask).sum()
            ),
            first: lambda a, mask: total(a, mask) / mask.sum(),
            f"{first}; nor is padding left out of the number that divides": (
                lambda a, mask: total(a, mask) / mask.numel()
            ),
            f"{first}; and {padding}": (
                lambda a, mask: at(a, -1).sum((0, 2)) / mask.numel()
            ),
            "padding may stand on the left: the token after it has no token before it, "
            "look at the mask of both": (
                lambda a, mask: _mean(at(a, -1), mask[:, 1:].bool())
            ),
            "the key must be a token, and so must the query: after the last token comes "
            "padding": lambda a, mask: _mean(at(a, -1), mask[:, :-1].bool()),
            "every sentence counts the same: a mean of the sentences' means. Divide "
            "once, by the number of all queries that count": (
                lambda a, mask: _by_sentence(at(a, -1), pairs(mask)).mean(0)
            ),
            "this is the sum: divide by the number of queries that count": total,
            "the sum is divided by the number of sentences: divide by that of the "
            "queries that count": lambda a, mask: total(a, mask) / len(a),
            "this is how often the token before is the one most looked at: take the mean "
            "of the weights": top,
            "this is a number for each sentence: take one mean over all queries": (
                lambda a, mask: _by_sentence(at(a, -1), pairs(mask))
            ),
            "this is one number for all: every head has its own": (
                lambda *case: right(*case).mean()
            ),
        },
    )


@exercise
def attention_entropy(answer):
    """answer(attention [B, H, T, T], attention_mask [B, T]) -> [H], in nats."""
    cases = [
        _attention((6, 3), heads=2),
        _attention((5, 2, 4), heads=3, left=True, seed=1),
        _attention((4, 4), heads=4, seed=3),
        (torch.eye(3).expand(1, 2, 3, 3).clone(), torch.ones(1, 3).long()),
    ]

    def entropy(attention, axis=-1):
        return torch.special.entr(attention).sum(axis)

    def right(attention, mask):
        return _mean(entropy(attention), mask)

    def total(attention, mask):
        return (entropy(attention) * mask[:, None]).sum((0, 2))

    def every(mask):
        return torch.ones_like(mask)

    def squared(attention, mask):
        return right(attention**2, mask)

    def undefined(attention, mask):
        return torch.full_like(right(attention, mask), math.nan)

    def average(attention, mask):  # the mean attention of a sentence's queries
        counted = mask[:, None, :, None].to(attention)
        return (attention * counted).sum(2) / counted.sum(2)  # [B, H, T]

    def of_all(attention, mask):
        counted = mask[:, None, :, None].to(attention)
        return entropy((attention * counted).sum((0, 2)) / counted.sum())

    padding = (
        "padding is counted: a query that is padding has a row of weights like any other. "
        "Count the queries that are tokens"
    )
    before = (
        "this is the entropy of a mean of attentions: take the entropy of each query, then "
        "their mean"
    )
    nan = (
        "0 * log 0 is NaN for a computer: a weight of 0 adds 0, so leave it out, or use "
        "torch.special.entr"
    )
    name_mistake(
        ask(answer, cases),
        cases,
        right,
        {
            nan: undefined,
            padding: lambda a, mask: _mean(entropy(a), every(mask)),
            "padding is left out of the sum, but not of the number that divides it": (
                lambda a, mask: total(a, mask) / mask.numel()
            ),
            "these are bits: take the natural logarithm, for nats": (
                lambda *case: right(*case) / math.log(2)
            ),
            "the sum runs over the queries: a query's weights sum to 1, so sum over the "
            "keys, the last axis": lambda a, mask: _mean(entropy(a, -2), mask),
            "the weights are squared first, and then they sum to 1 no more": squared,
            "the weights are squared first, and padding is counted": (
                lambda a, mask: squared(a, every(mask))
            ),
            "the weights are squared first, and normalised again: take them as they are": (
                lambda a, mask: right(F.normalize(a**2, p=1, dim=-1), mask)
            ),
            before: lambda a, mask: entropy(average(a, mask)).mean(0),
            f"{before}, over all sentences": of_all,
            f"{before}; and {padding}": (
                lambda a, mask: entropy(average(a, every(mask))).mean(0)
            ),
            f"{before}, over all sentences; and {padding}": (
                lambda a, mask: of_all(a, every(mask))
            ),
            "every sentence counts the same: a mean of the sentences' means. Divide "
            "once, by the number of all queries that count": (
                lambda a, mask: _by_sentence(entropy(a), mask).mean(0)
            ),
            "this is the sum: divide by the number of queries that are tokens": total,
            "the sum is divided by the number of sentences: divide by that of the "
            "queries that are tokens": lambda a, mask: total(a, mask) / len(a),
            "the sign is reversed: log p is never above 0, so entropy has a minus": (
                lambda *case: -right(*case)
            ),
            "the entropy is divided by its largest value: leave it in nats": (
                lambda a, mask: right(a, mask) / math.log(a.size(-1))
            ),
            "the weight before the logarithm is missing: each -log p counts p times": (
                lambda a, mask: _mean(-a.log().sum(-1), mask)
            ),
            "this is the entropy of the first token alone: take all queries": (
                lambda a, mask: entropy(a)[:, :, 0].mean(0)
            ),
            "this is the exponential: leave the entropy in nats": (
                lambda *case: right(*case).exp()
            ),
            "this is a number for each sentence: take one mean over all queries": (
                lambda a, mask: _by_sentence(entropy(a), mask)
            ),
            "this is one number for all: every head has its own": (
                lambda *case: right(*case).mean()
            ),
        },
    )


WORDS = (
    [0, 1, 1, 2, 2, 2, 3],
    [0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 8, 8, 9, 10, 10, 11],
    [0, 0, 0, 1],
    [0, 1, 2],
)


@exercise
def word_attention(answer):
    """answer(attention [T, T], word_ids) -> [W, W]: sum to, mean from a word's pieces."""
    cases = []
    for seed, words in enumerate(WORDS):
        size = len(words)
        # A row sums to less than 1: the columns of [CLS] and [SEP] were cut away.
        whole = _numbers(size, size + 2, seed=seed).mul(1.5).softmax(-1)
        cases.append((whole[:, 1:-1].contiguous(), words))

    def pieces(words):  # one row for a word, [W, T]
        return (torch.arange(max(words) + 1)[:, None] == torch.tensor(words)).float()

    def sums(words):
        return pieces(words)

    def means(words):
        return pieces(words) / pieces(words).sum(1, keepdim=True)

    def one(words, last=False):
        member = pieces(words)
        place = member.cumsum(1)
        place = place == (place[:, -1:] if last else 1)
        return member * place

    def last(words):
        return one(words, last=True)

    def both(rows, columns):
        return lambda a, words: rows(words) @ a @ columns(words).T

    def largest(a, words, rows):
        keys = torch.stack([a[:, row.bool()].amax(1) for row in pieces(words)], 1)
        if rows == "max":
            return torch.stack([keys[row.bool()].amax(0) for row in pieces(words)])
        return means(words) @ keys

    def ordered(key):
        def changed(a, words):
            order = sorted(set(words), key=key)
            return right(a, words)[order][:, order]

        return changed

    def normalised(value):
        return lambda *case: F.normalize(value(*case), p=1, dim=-1)

    def neighbours(a, words):
        mixed = right(a, words)
        return mixed - mixed.diag().diag()

    right = both(means, sums)
    swapped = (
        "sum and mean are exchanged: add up the attention TO the pieces of a word, and "
        "take the mean of the attention FROM them"
    )
    name_mistake(
        ask(answer, cases),
        cases,
        right,
        {
            swapped: both(sums, means),
            "both are sums: a word of three pieces looks three times. Take the mean "
            "over the pieces of the query": both(sums, sums),
            "both are means: a word loses attention by being cut into pieces. Add up "
            "what goes to its pieces": both(means, means),
            "this is the first piece of each word alone: the others are looked at too": (
                both(one, one)
            ),
            "this is the last piece of each word alone: the others are looked at too": (
                both(last, last)
            ),
            "the query is the first piece alone: take the mean over all its pieces": (
                both(one, sums)
            ),
            "the query is the last piece alone: take the mean over all its pieces": (
                both(last, sums)
            ),
            "only the attention to the first piece of a word counts: add up that to all": (
                both(means, one)
            ),
            "only the attention to the last piece of a word counts: add up that to all": (
                both(means, last)
            ),
            "this is the largest of the weights: add them up over the pieces of the key, "
            "and take the mean over those of the query": (
                lambda a, words: largest(a, words, "max")
            ),
            "the largest weight to a piece of a word counts: add them up": (
                lambda a, words: largest(a, words, "mean")
            ),
            "the result is transposed: rows are the words that look": (
                lambda *case: right(*case).T
            ),
            f"{swapped}. The result is transposed as well": (
                lambda *case: both(sums, means)(*case).T
            ),
            "the words are out of order: as strings, '10' comes before '2'": ordered(str),
            "the words are out of order, the last one first": ordered(lambda word: -word),
            "the rows are stretched to sum to 1: [CLS] and [SEP] had the rest": (
                normalised(right)
            ),
            "the rows of the pieces are stretched to sum to 1: [CLS] and [SEP] had the "
            "rest": lambda a, words: right(F.normalize(a, p=1, dim=-1), words),
            "the queries are still pieces: take the mean over those of a word": (
                lambda a, words: a @ sums(words).T
            ),
            "the keys are still pieces: add them up over those of a word": (
                lambda a, words: means(words) @ a
            ),
            "a word looks at itself, too: leave the diagonal": neighbours,
        },
    )


# ---------------------------------------------------------------- what a probe proves
class _Study:
    """Words with labels, a probe that remembers them, and a note of what was asked."""

    def __init__(self, seed, train=101, test=97, size=14, kinds=3):
        random = np.random.default_rng(seed)
        usual = np.arange(size) % kinds  # the label that a word mostly has
        meaning = random.normal(size=(size, 6))
        form = 2.0 * random.normal(size=(kinds, 6))

        def split(count):
            more = random.integers(size, size=count - size)
            ids = np.concatenate([np.arange(size), more])  # each word at least once
            labels = np.where(
                random.random(count) < 0.2, random.integers(kinds, size=count), usual[ids]
            )
            noise = 1.5 * random.normal(size=(count, 6))
            features = meaning[ids] + form[labels] + noise
            return features, [f"word{i}" for i in ids], labels

        self.train, self.test = split(train), split(test)
        self.types, self.random = size, random
        self.fits, self.drawn = [], []

    @property
    def drawn_again(self):
        """Whether more labels were drawn than there are words."""
        return len(self.drawn) > self.types

    def read_control(self):
        """Keep the control task, word -> label, that the reader's function made."""
        self.control = _control_of(self)

    def draw(self):
        """A label at random, as often as the training split has it."""
        self.drawn.append(int(self.random.choice(self.train[2])))
        return self.drawn[-1]

    def fit(self, features, labels):
        """The nearest of the training vectors gives its label."""
        features, labels = np.asarray(features), np.asarray(labels)
        if len(features) != len(labels):
            raise ValueError(
                f"{len(features)} vectors and {len(labels)} labels: each vector has one"
            )
        self.fits.append((features, labels))
        return self.nearest(features, labels)

    @staticmethod
    def nearest(features, labels):
        def predict(asked):
            apart = np.asarray(asked)[:, None] - features
            return labels[(apart**2).sum(-1).argmin(-1)]

        return predict


def _labels_by(keys, labels):
    """key -> the set of labels that it has."""
    found = {}
    for key, label in zip(keys, labels):
        found.setdefault(key, set()).add(int(label))
    return found


def _control_of(study):
    """The control task that the reader's function made: word -> label.

    Raises Wrong unless two probes were trained on the training split, one of them on a
    control task that gives each word one random label.
    """
    features, words, labels = study.train
    if not study.fits:
        raise Wrong("no probe is trained: call fit(features, labels) on the training "
                    "split.")  # fmt: skip
    for given, _ in study.fits:
        if np.array_equal(given, study.test[0]):
            raise Wrong("a probe is trained on the test split: train it on the training "
                        "split.")  # fmt: skip
        if not np.array_equal(given, features):
            raise Wrong("a probe is trained on other vectors than those of the training "
                        "split.")  # fmt: skip
    controls = [given for _, given in study.fits if not np.array_equal(given, labels)]
    if len(controls) == len(study.fits):
        raise Wrong("no probe is trained on the labels themselves: train one on them, and "
                    "one on the control task.")  # fmt: skip
    if not controls:
        raise Wrong("the control task needs a probe of its own: train a second one, on the "
                    "control labels.")  # fmt: skip
    if len(controls) > 1:
        raise Wrong("more than one control task: draw one, and train one probe on it.")
    control = _labels_by(words, controls[0])
    if any(len(found) > 1 for found in control.values()):
        by_label = _labels_by(labels, controls[0])
        if all(len(found) == 1 for found in by_label.values()):
            raise Wrong("the control label depends on the label, not on the word: draw one "
                        "for each word, whatever its labels are.")  # fmt: skip
        raise Wrong("the control label of a word changes from token to token: draw it once "
                    "for each word. Labels drawn for each token cannot be learned at all, "
                    "so any probe would look selective.")  # fmt: skip
    if not study.drawn:
        raise Wrong("the control labels are not random: take them from draw().")
    if len(set(map(frozenset, control.values()))) == 1:
        raise Wrong("all words have the same control label: call draw() for each word.")
    return {word: found.pop() for word, found in control.items()}


@exercise
def selectivity(answer):
    """answer(fit, train, test, draw) -> accuracy minus that of a control task.

    fit(features, labels) returns predict(features); train and test: features [N, d], N
    words, labels [N]; draw() returns a random label.
    """
    studies = [_Study(seed, size=size) for seed, size in ((0, 14), (1, 11))]
    results = []
    for study in studies:
        given = study.fit, study.train, study.test, study.draw
        results.append(call(_as_written(answer, lambda given=given: answer(*given))))
        study.read_control()
    scores = [_Scores(study) for study in studies]
    try:
        name_mistake(results, [(score,) for score in scores], _Scores.right, SELECTIVITIES)
    except Wrong:
        if any(study.drawn_again for study in studies) and not any(
            _explains(results, scores, value) for value in SELECTIVITIES.values()
        ):
            raise Wrong(
                "the control labels of the test words seem to be drawn anew: a word keeps "
                "the label that it has in the training split, or no probe can know it"
            ) from None
        raise


class _Scores:
    """The accuracies of both probes on both splits, and how they are mixed up."""

    def __init__(self, study):
        features, words, labels = study.train
        asked, test_words, truth = study.test
        made = np.array([study.control[word] for word in words])
        wanted = np.array([study.control[word] for word in test_words])
        task, other = study.nearest(features, labels), study.nearest(features, made)
        self.score = np.mean(task(asked) == truth)
        self.beside = np.mean(other(asked) == wanted)
        self.seen = np.mean(task(features) == labels)
        self.seen_beside = np.mean(other(features) == made)
        self.other_against_labels = np.mean(other(asked) == truth)
        self.task_against_control = np.mean(task(asked) == wanted)
        self.tokens = len(truth)

    def __repr__(self):  # what a verdict says of the input
        return f"{self.tokens} test words"

    def right(self):
        return self.score - self.beside


SELECTIVITIES = {
    "the sign is reversed: it is the accuracy on the labels minus that on the control "
    "task": lambda s: s.beside - s.score,
    "both probes are scored on the training split, which they know by heart: score them "
    "on the test split": lambda s: s.seen - s.seen_beside,
    "the probe of the labels is scored on the training split: score it on the test "
    "split": lambda s: s.seen - s.beside,
    "the probe of the control task is scored on the training split: score it on the test "
    "split": lambda s: s.score - s.seen_beside,
    "this is the accuracy of the probe: subtract that of the control task": (
        lambda s: s.score
    ),
    "this is the accuracy on the control task: subtract it from that on the labels": (
        lambda s: s.beside
    ),
    "the probe of the control task is compared with the labels: compare it with the "
    "control labels": lambda s: s.score - s.other_against_labels,
    "the probe of the labels is asked for the control labels: ask the one that was "
    "trained on them": lambda s: s.score - s.task_against_control,
    "this is a ratio: subtract": lambda s: s.score / s.beside,
    "this is the sum: subtract": lambda s: s.score + s.beside,
    "these are percent: leave the shares from 0 to 1": lambda s: 100 * s.right(),
    "this is the number of tokens: divide by how many there are": (
        lambda s: s.tokens * s.right()
    ),
}  # fmt: skip


def _explains(results, scores, value):
    """Whether one mistake gives all the results."""
    return agree(results, [value(score) for score in scores])


# ------------------------------------------------------------- why the model said so
def _smooth(seed):
    """The gradient of F(x) = tanh Σ a x + Σ b sin x, x [..., T, d]."""
    a, b = 0.5 * _numbers(4, 3, seed=seed), _numbers(4, 3, seed=seed + 1)

    def gradient(x):
        x = torch.as_tensor(x)
        total = (a.to(x) * x).sum((-2, -1), keepdim=True)
        return a.to(x) * (1 - total.tanh() ** 2) + b.to(x) * x.cos()

    return gradient


def _on_the_path(gradient, start, end, count=400):
    """Points of a straight line, their gradients, and how far along each is."""
    along = ((torch.arange(count) + 0.5) / count)[:, None, None]
    points = start + along * (end - start)
    return points, gradient(points), along


@exercise
def path_gradients(answer):
    """answer(gradient, x [T, d], baseline [T, d], steps) -> [T], integrated gradients."""
    steps = 2000
    for seed, shift in ((0, 1.0), (3, 1.0), (6, 0.0)):
        gradient = _smooth(seed)
        x, baseline = 1.5 * _numbers(4, 3, seed=seed + 2), shift * _numbers(4, 3, seed=50)
        result = call(
            _as_written(answer, lambda x, b: answer(gradient, x, b, steps)), x, baseline
        )
        right, mistakes = _paths(gradient, x, baseline, steps)
        # The rules of integration differ by about 1 / steps; the mistakes by far more.
        expect(result, right, mistakes, given=(x, baseline), tolerance=1e-2)
    _check_steps(answer)


def _paths(gradient, x, baseline, steps):
    """The integrated gradients, [T], and what the likely mistakes give."""
    apart = x - baseline
    points, gradients, along = _on_the_path(gradient, baseline, x)
    mean = gradients.mean(0)
    each = apart * mean  # [T, d]
    origin = _on_the_path(gradient, torch.zeros_like(x), x)[1].mean(0)
    unmoved = _on_the_path(gradient, torch.zeros_like(x), apart)[1].mean(0)
    path = "go from the baseline to x and take the mean"
    zero = "the path begins at 0: it goes from the baseline to x"
    absolute = "the absolute value is taken: a token may speak against"
    return each.sum(-1), {
        f"this is the gradient at x alone: {path}": (apart * gradient(x)).sum(-1),
        f"this is the gradient at x, times x: {path}, times x - baseline": (
            (x * gradient(x)).sum(-1)
        ),
        f"this is the gradient at the baseline alone: {path}": (
            (apart * gradient(baseline)).sum(-1)
        ),
        f"this is the gradient half-way alone: {path}": (
            (apart * gradient((x + baseline) / 2)).sum(-1)
        ),
        "x - baseline is missing: multiply the mean gradient by it": mean.sum(-1),
        "the mean gradient is multiplied by x: multiply it by x - baseline": (
            (x * mean).sum(-1)
        ),
        zero: (apart * origin).sum(-1),
        f"{zero}, and x - baseline multiplies": (x * origin).sum(-1),
        "the baseline is missing in the points of the path: baseline + a (x - baseline)": (
            (apart * unmoved).sum(-1)
        ),
        "each gradient is multiplied by its own step from the baseline: by x - baseline, "
        "for all alike": (along * apart * gradients).mean(0).sum(-1),
        "each gradient is multiplied by its own point: by x - baseline, for all alike": (
            (points * gradients).mean(0).sum(-1)
        ),
        f"{absolute} the class": each.abs().sum(-1),
        f"{absolute} the class, and the sum over the tokens is what is explained": (
            each.sum(-1).abs()
        ),
        f"{absolute} the class; on the way, gradients of opposite signs cancel": (
            (apart * gradients.abs().mean(0)).sum(-1)
        ),
        "this is the length of each token's vector: add up its numbers, with their signs": (
            each.norm(dim=-1)
        ),
        "the sum runs over the tokens: sum over the d numbers of each token": each.sum(0),
        "this is one number for all: every token has its own": each.sum(),
        "a token has d numbers here: add them up": each,
        "this is the mean of a token's d numbers: add them up": each.mean(-1),
        "the gradients are added up: divide by steps": steps * each.sum(-1),
        "the sign is reversed: x - baseline": -each.sum(-1),
    }


def _check_steps(answer):
    """With three steps no rule sees a narrow peak; who sees it took other steps."""

    def peak(x):
        x = torch.as_tensor(x)
        return torch.exp(-(((x - 0.42) / 0.04) ** 2) / 2)

    x, baseline = torch.ones(2, 1), torch.zeros(2, 1)
    exact = _on_the_path(peak, baseline, x)[1].mean(0).sum(-1)
    result = call(_as_written(answer, lambda x, b: answer(peak, x, b, 3)), x, baseline)
    if np.allclose(np.asarray(result, float), exact, rtol=0.1):
        raise Wrong("steps is not used: with three steps the sum has about three "
                    "gradients.")  # fmt: skip
