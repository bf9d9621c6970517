"""The checks of chapter 4's exercises: from the merges of a vocabulary to perplexity."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import torch

from utils.checks.core import Wrong, ask, call, exercise, expect, name_mistake
from utils.pretraining_tasks import corrupt


# --------------------------------------------------------------- byte-level BPE
def _spelt(**counts):
    return {tuple(word): count for word, count in counts.items()}


# The pieces of words, and how often each word occurs. The ids are those of the letters
# in alphabetical order, then those of the merges in the order of learning.
MERGE_CASES = (
    (_spelt(lower=2, newest=6, widest=3, low=5), "deilnorstw"),
    ({("l", "o", "w"): 1, ("h", "o", "t"): 4, ("s", "l", "o"): 3}, "hlostw"),
    (_spelt(zebra=2, ab=5, braze=3, cd=5), "abcderz"),
    ({("th", "e"): 4, ("z", "o"): 4, ("o", "th"): 4}, ["e", "h", "o", "t", "z", "th"]),
    ({("y", "an"): 3, ("y", "b"): 3, ("an", "y"): 3}, ["a", "b", "n", "y", "an"]),
    (_spelt(aaaa=3, bc=6, cd=2), "abcd"),
    (_spelt(aaa=3, bc=4), "abc"),
    (_spelt(banana=3, cd=5), "abcdn"),
    (_spelt(b=9, cb=2, d=9), "bcd"),
)


@exercise
def next_merge(answer):
    """answer(words, ids) -> the pair to merge next.

    words: tuple of pieces → how often the word occurs; ids: piece → id.
    """
    cases = [
        (words, {piece: place for place, piece in enumerate(pieces)})
        for words, pieces in MERGE_CASES
    ]

    def most(key, **counted):  # the pair with the most occurrences, then by `key`
        def pair(words, ids):
            counts = _pairs(words, **counted)
            return max(counts, key=lambda pair: (counts[pair], key(pair, ids)))

        return pair

    def by_ids(pair, ids):
        return -ids[pair[0]], -ids[pair[1]]

    def least(words, ids):
        counts = _pairs(words)
        return min(counts, key=lambda pair: (counts[pair], ids[pair[0]], ids[pair[1]]))

    def alphabetical(words, ids):
        counts = _pairs(words)
        return min(counts, key=lambda pair: (-counts[pair], pair))

    def wordpiece(words, ids):
        counts, single = _pairs(words), Counter()
        for word, count in words.items():
            for piece in word:
                single[piece] += count
        return max(
            counts,
            key=lambda p: (counts[p] / single[p[0]] / single[p[1]], by_ids(p, ids)),
        )

    def across(words, ids):
        text = tuple(p for word, n in words.items() for _ in range(n) for p in word)
        return most(by_ids)({text: 1}, ids)

    def seen(last):
        def pair(words, ids):
            counts = _pairs(words)
            return max(reversed(counts) if last else counts, key=counts.get)

        return pair

    right = most(by_ids)
    tie = "two pairs occur equally often, and yours is the one"
    smaller = "the smaller id of the left piece decides, then that of the right one"
    name_mistake(
        ask(answer, cases),
        cases,
        right,
        {
            f"{tie} seen first: {smaller}, so that the order of the text does not "
            f"matter": seen(last=False),
            f"{tie} seen last: {smaller}": seen(last=True),
            f"{tie} first in the alphabet: {smaller}, and a piece that was merged has "
            f"a larger id than every letter": alphabetical,
            f"{tie} last in the alphabet: {smaller}": most(lambda pair, ids: pair),
            f"{tie} with the largest ids: {smaller}": (
                most(lambda pair, ids: (ids[pair[0]], ids[pair[1]]))
            ),
            f"{tie} whose right piece has the smaller id: the left piece decides first": (
                most(lambda pair, ids: (-ids[pair[1]], -ids[pair[0]]))
            ),
            "every word is counted once: a pair occurs as often as the words that it "
            "stands in": most(by_ids, types=True),
            "a pair that stands twice in a word is counted once: count each place": (
                most(by_ids, once=True)
            ),
            "in aaa the pair aa stands at two places, and both are counted": (
                most(by_ids, apart=True)
            ),
            "a pair goes across the end of a word: the pieces of a merge stand in one "
            "word": across,
            "this is the rarest pair: take the most frequent": least,
            "the count is divided by those of the two pieces: that is WordPiece's "
            "score; BPE takes the count alone": wordpiece,
            "the two pieces are joined: return the pair": (
                lambda *given: "".join(right(*given))
            ),
            "these are the ids: return the pieces": (
                lambda words, ids: [ids[piece] for piece in right(words, ids)]
            ),
            "the two pieces change places": lambda *given: right(*given)[::-1],
        },
    )


def _pairs(words, types=False, once=False, apart=False):
    """How often each pair occurs, and what the likely mistakes count."""
    counts = Counter()
    for word, count in words.items():
        pairs = list(pairwise(word))
        if apart:
            pairs = _apart(pairs)
        for pair in dict.fromkeys(pairs) if once else pairs:
            counts[pair] += 1 if types else count
    return counts


def _apart(pairs):
    """Without the pairs that share a piece with the same pair before them."""
    kept, free = [], True
    for place, pair in enumerate(pairs):
        free = not (free and place and pair == pairs[place - 1])
        if free:
            kept.append(pair)
    return kept


LEARNED = (
    "e r|n e|l o|lo w|ne w|o s|s t|a a|aa b|b c|a b|w er|ab c|aa aa|er er|t o|to st|os t|l ost"
).split("|")
MERGES = [tuple(merge.split()) for merge in LEARNED]


@exercise
def apply_merges(answer):
    """answer(word, merges) -> list of pieces; merges: pairs in the order of learning."""
    words = "newer ner lower lost aaa aaaaa abc aabc neer erer erb toast toost x".split()
    cases = [(word, MERGES) for word in words]

    def right(word, merges):
        return _merged(word, merges, min)

    def once_each(word, merges):
        pieces = list(word)
        for merge in merges:
            pieces = _join(pieces, merge, most=1)
        return pieces

    def longest(word, merges):
        known, pieces, start = {a + b for a, b in merges}, [], 0
        while start < len(word):
            ends = range(len(word), start, -1)
            end = next((e for e in ends if word[start:e] in known), start + 1)
            pieces.append(word[start:end])
            start = end
        return pieces

    def letter_by_letter(word, merges):
        pieces = [word[0]]
        for letter in word[1:]:
            if (pieces[-1], letter) in merges:
                pieces[-1] += letter
            else:
                pieces.append(letter)
        return pieces

    def overlapping(word, merges):
        pieces = list(word)
        for merge in merges:
            taken = [pair == merge for pair in pairwise(pieces)]
            pieces = [
                "".join(merge) if now else piece
                for piece, now, before in zip(pieces, [*taken, 0], [0, *taken])
                if now or not before
            ]
        return pieces

    def replacing(word, merges):
        text = " ".join(word)
        for merge in merges:
            text = text.replace(" ".join(merge), "".join(merge))
        return text.split()

    def first_only(word, merges):
        pieces = list(word)
        usable = [merge for merge in merges if merge in pairwise(pieces)]
        return _join(pieces, usable[0]) if usable else pieces

    name_mistake(
        ask(answer, cases),
        cases,
        right,
        {
            "the merges are applied from left to right as they fit: the one that was "
            "learned first comes first, wherever it stands": (
                lambda word, merges: _merged(word, merges, lambda ranks: ranks[0])
            ),
            "the longest piece is taken first: that is WordPiece; BPE repeats its "
            "merges in the order of learning": longest,
            "the merges are applied in reverse: the one that was learned first comes "
            "first": lambda word, merges: _merged(word, merges, max),
            "a merge is applied at one place only: apply it wherever its pair stands": (
                once_each
            ),
            "you stop after the first merge that fits: go on with the later ones": (
                first_only
            ),
            "each letter is joined to the piece on its left or not at all: two longer "
            "pieces can be merged as well": letter_by_letter,
            "in aaa both places of the pair aa were merged: they overlap, so take the "
            "left one and go on behind it": overlapping,
            "in aaa the right pair was merged: the left one comes first": (
                lambda word, merges: _merged(word, merges, min, left=False)
            ),
            "replace() on a text with spaces also finds the end of one piece with the "
            "next: 'e r' stands in 'ne r', where the pieces are ne and r": replacing,
            "nothing is merged: these are the letters": lambda word, _: list(word),
            "the last piece is missing: after a loop over pairs it is still to be added": (
                lambda *given: right(*given)[:-1]
            ),
            "this is one string: return a list of pieces": (
                lambda *given: " ".join(right(*given))
            ),
        },
    )


def _merged(word, merges, choose, left=True):
    """Merge until nothing fits; `choose` takes one of the ranks, in the word's order."""
    pieces = list(word)
    while ranks := [merges.index(pair) for pair in pairwise(pieces) if pair in merges]:
        pieces = _join(pieces, merges[choose(ranks)], left=left)
    return pieces


def _join(pieces, merge, most=None, left=True):
    """Join the pair at its places, at most so many, from the left or from the right."""
    if not left:
        back = [piece[::-1] for piece in reversed(pieces)]
        merge = merge[1][::-1], merge[0][::-1]
        return [piece[::-1] for piece in reversed(_join(back, merge, most))]
    joined, place, number = [], 0, 0
    while place < len(pieces):
        if tuple(pieces[place : place + 2]) == merge and number != most:
            joined.append("".join(merge))
            place, number = place + 2, number + 1
        else:
            joined.append(pieces[place])
            place += 1
    return joined


# ---------------------------------------------------------------- rows of documents
def _rows(bos, eos):
    """Packed rows [3, 9]: one begins a document, one goes on with it, one is inside."""
    return torch.tensor(
        [
            [bos, 11, 12, 13, eos, bos, 14, 15, 16],
            [17, 18, eos, bos, 11, 19, eos, bos, 12],
            [11, 13, 15, 15, 17, 19, 21, 11, 13],
        ]
    )


@exercise
def row_positions(answer):
    """answer(input_ids [B, L], bos_id, pad_id) -> position ids [B, L]."""

    def right(ids, bos, pad, shift=0, first=False):
        starts = ids == bos
        starts[:, 0] &= first  # a row starts with its first token, shifted or not
        starts = starts.roll(shift, dims=1)
        starts[:, 0] = True
        place = torch.arange(ids.size(1)).expand_as(ids)
        return place - (place * starts).cummax(1).values + pad + 1

    def beginning(first):  # the same positions, which begin elsewhere
        return lambda ids, bos, pad: right(ids, bos, pad) - (pad + 1) + first(pad)

    reserved = "pad_id is the position of padding, and the first token has the next one"
    late = (
        "the positions restart one token late: the <s> itself is the first token of "
        "its document"
    )
    cases = [(_rows(0, 2), 0, 1), (_rows(5, 6)[1:], 5, 3), (_rows(2, 3)[:1], 2, 0)]
    results = ask(answer, cases)
    name_mistake(
        results,
        cases,
        right,
        {
            f"the positions start at 0, as BERT's do: {reserved}": beginning(lambda _: 0),
            f"the positions start at 1: {reserved}": beginning(lambda _: 1),
            f"the positions start at pad_id: {reserved}": beginning(lambda pad: pad),
            "pad_id is not always 1: use the argument": beginning(lambda _: 2),
            f"the positions start at pad_id + 2: {reserved}": (
                beginning(lambda pad: pad + 2)
            ),
            "the positions never restart: they count anew from each <s>": (
                lambda ids, bos, pad: right(ids, -1, pad)
            ),
            late: lambda *given: right(*given, shift=1),
            f"{late}, in the middle of a row and at its start": (
                lambda *given: right(*given, shift=1, first=True)
            ),
            "the positions restart at the token before the <s>: that one ends the "
            "document before": lambda *given: right(*given, shift=-1),
            "the positions go on from one row to the next: each row starts anew": (
                lambda ids, bos, pad: right(ids.view(1, -1), bos, pad).view_as(ids)
            ),
            "every row has the positions of the first: they depend on where each row "
            "has its <s>": (
                lambda ids, bos, pad: right(ids[:1].expand_as(ids), bos, pad)
            ),
            "the positions restart only at the first <s> of a row": (
                lambda ids, bos, pad: right(
                    ids.masked_fill((ids == bos).cumsum(1) > 1, -1), bos, pad
                )
            ),
            "these are the numbers of the documents: count the tokens in each": (
                lambda ids, bos, pad: (ids == bos).cumsum(1)
            ),
        },
    )
    if any(torch.as_tensor(result).is_floating_point() for result in results):
        raise Wrong("the positions are floats: an embedding takes integers.")


@exercise
def document_mask(answer):
    """answer(input_ids [B, L], bos_id) -> True where two see each other, [B, L, L]."""

    def number(ids, bos):  # of the document in its row, 0 for what the row goes on with
        return (ids == bos).cumsum(1)

    def compare(of, by):
        return lambda ids, bos: by(of(ids, bos)[:, :, None], of(ids, bos)[:, None, :])

    right = compare(number, torch.eq)

    def also(condition):
        def mask(ids, bos):
            return right(ids, bos) & condition(torch.ones(len(ids[0]), len(ids[0])) > 0)

        return mask

    cases = [(_rows(0, 2), 0), (_rows(7, 8)[1:], 7), (_rows(3, 4)[:2, 2:], 3)]
    results = ask(answer, cases)
    name_mistake(
        results,
        cases,
        right,
        {
            "everything is True: a document does not see its neighbours in the row": (
                compare(number, lambda a, b: (a == a) & (b == b))
            ),
            "the mask is causal inside a document: an encoder also sees what follows": (
                also(torch.tril)
            ),
            "the mask is causal and knows no documents": (
                compare(lambda ids, _: torch.arange(ids.size(1)).expand_as(ids), torch.ge)
            ),
            "a document also sees those before it in the row": compare(number, torch.ge),
            "neighbouring documents see each other: each sees itself alone": (
                compare(number, lambda a, b: (a - b).abs() <= 1)
            ),
            "the <s> was counted to the document before it: it begins its own": (
                compare(lambda i, bos: number(i, bos) - (i == bos).long(), torch.eq)
            ),
            "a document was cut before its last token: the </s> belongs to it": (
                compare(lambda i, bos: number(i, bos).roll(-1, dims=1), torch.eq)
            ),
            "the mask is inverted: True says that a query sees a key": (
                compare(number, torch.ne)
            ),
            "every row has the mask of the first: each row has documents of its own": (
                lambda ids, bos: right(ids[:1].expand_as(ids), bos)
            ),
            "a token does not see itself: the diagonal is True too": (
                also(lambda every: ~torch.eye(len(every), dtype=torch.bool))
            ),
            "a row may begin in the middle of a document: the tokens before its first "
            "<s> belong together, and a token that sees nothing becomes NaN": (
                lambda ids, bos: right(ids, bos) & (number(ids, bos) > 0)[:, :, None]
            ),
            "equal tokens see each other: count the <s>, and compare the counts": (
                compare(lambda ids, _: ids, torch.eq)
            ),
            "this mask is for adding, with 0 and -inf: True and False are asked for": (
                lambda *given: torch.where(right(*given), 0.0, -torch.inf)
            ),
        },
    )
    if any(torch.as_tensor(result).dtype != torch.bool for result in results):
        raise Wrong(
            "the mask holds numbers: scaled_dot_product_attention adds a mask of "
            "floats to the scores, and only a boolean one hides anything."
        )


# ------------------------------------------------------------------ dynamic masking
@exercise
def dynamic_masks(answer):
    """answer(input_ids, epochs, corrupt, seed) -> an epoch's (corrupted, labels) each."""
    bos, pad, eos, mask_id, vocab_size, rate = 0, 1, 2, 4, 100, 0.15
    input_ids = torch.randint(
        5, vocab_size, (16, 24), generator=torch.Generator().manual_seed(0)
    )
    input_ids[:, 0], input_ids[:, -1] = bos, eos
    calls, generators = 0, []

    def given(ids, generator=None):
        """What the reader's function calls; it keeps what it was called with."""
        nonlocal calls
        calls += 1
        generators.append(generator)
        generator = torch.default_generator if generator is None else generator
        return corrupt(ids, [bos, pad, eos], mask_id, vocab_size, generator, rate)

    def run(epochs, seed):
        before = torch.get_rng_state()
        result = call(answer, input_ids.clone(), epochs, given, seed)
        pairs = [tuple(pair) for pair in result]
        if len(pairs) != epochs:
            raise Wrong(f"there are {len(pairs)} pairs for {epochs} epochs: one each.")
        if any(len(pair) != 2 or pair[0].shape != input_ids.shape for pair in pairs):
            raise Wrong("return a list of pairs, what `corrupt` returns at each epoch.")
        _check_epochs(input_ids, pairs)
        if None in generators or torch.default_generator in generators:
            raise Wrong(
                "the masks come from the global random state, which everything on the "
                "page draws from: make a torch.Generator, and seed that."
            )
        if not torch.equal(before, torch.get_rng_state()):
            raise Wrong(
                "your function seeds the global random state, or draws from it: what "
                "the page draws next changes too. Make a torch.Generator."
            )
        return torch.stack([torch.cat(pair) for pair in pairs])

    twelve = run(12, 3)
    once = calls == 1
    equal = [(i, j) for j in range(12) for i in range(j) if (twelve[i] == twelve[j]).all()]
    if len(equal) == 66:
        raise Wrong(
            "the masks are drawn once, and every epoch has the same: that is static "
            "masking; call `corrupt` at each epoch."
            if once
            else "the generator is seeded anew in each epoch, so every epoch has the same "
            "masks: seed it once, before the loop."
        )
    if equal:
        raise Wrong(
            "epochs {} and {} have the same masks: however many "
            "there are, each epoch draws its own.".format(*equal[0])
        )
    if not torch.equal(twelve, run(12, 3)):
        raise Wrong("two runs with the same seed differ: seed the generator with `seed`.")
    if torch.equal(twelve, run(12, 4)):
        raise Wrong("the masks are the same for every seed: use the argument.")
    five = run(5, 3)
    if torch.equal(five, twelve[:5]):
        return
    hint = "the masks of an epoch depend on how many epochs are asked for"
    if torch.equal(five, twelve[-5:]):
        raise Wrong(f"{hint}: the list is reversed; the first epoch draws first.")
    raise Wrong(f"{hint}: who trains on for longer would not repeat the same beginning.")


def _check_epochs(input_ids, pairs):
    """Raise Wrong unless each epoch's labels are those of the clean ids."""
    for epoch, (corrupted, labels) in enumerate(pairs):
        chosen = labels != -100
        if chosen.all() and (corrupted == -100).any():
            raise Wrong("the corrupted ids come first, then the labels.")
        if not torch.equal(labels[chosen], input_ids[chosen]):
            raise Wrong(
                f"at epoch {epoch} ids that were corrupted before are corrupted again, "
                f"so <mask> becomes a label: start from input_ids at each epoch."
            )
        if not torch.equal(corrupted[~chosen], input_ids[~chosen]):
            raise Wrong(
                f"at epoch {epoch} a token without a label is not the one of input_ids: "
                f"masks of earlier epochs are still there."
            )


# --------------------------------------------------------------------- the engine
@exercise
def batch_loss(answer):
    """answer(parts) -> the mean loss; a part: (sum of losses, masked, tokens)."""
    cases = [
        ([(30.0, 10, 64), (4.0, 2, 32), (100.0, 20, 96)],),
        ([(21.0, 6, 40), (3.5, 1, 40)],),
    ]

    def total(parts):
        return sum(part[0] for part in parts)

    def right(parts):
        return total(parts) / sum(part[1] for part in parts)

    def means(parts, weights=None):
        return np.average([loss / number for loss, number, _ in parts], weights=weights)

    name_mistake(
        ask(answer, cases),
        cases,
        right,
        {
            "this is the mean of the parts' means: every masked token counts the same, "
            "whichever part it stands in": means,
            "you divided by the number of all tokens: only the masked ones have a "
            "loss": lambda parts: total(parts) / sum(part[2] for part in parts),
            "the means are weighted with the number of all tokens: weight them with "
            "that of the masked ones": (
                lambda parts: means(parts, [part[2] for part in parts])
            ),
            "this is the sum of the losses: divide by the number of masked tokens": total,
            "this is the sum of the parts' means: divide once, at the end": (
                lambda parts: means(parts) * len(parts)
            ),
            "the sum is divided by the number of parts: divide by the number of masked "
            "tokens": lambda parts: total(parts) / len(parts),
            "this is the loss of the last part alone": lambda parts: right(parts[-1:]),
            "this is the loss of the first part alone, which is what one process knows "
            "without the others": lambda parts: right(parts[:1]),
            "this is the perplexity: leave out the exponential": (
                lambda parts: math.exp(right(parts))
            ),
        },
    )
    none = "a part may have no masked token: divide once, by the number in all parts."
    parts = [(12.0, 3, 64), (0.0, 0, 8), (9.0, 4, 64)]
    try:
        loss = call(answer, list(parts))
    except Wrong as mistake:
        raise Wrong(f"{none} {mistake}") from None
    expect(loss, right(parts), {f"{none} 0 / 0 is no number": math.nan}, given=(parts,))


@exercise
def optimizer_steps(answer):
    """answer(micro_batches, accumulation, warmup, peak) -> list of (place, rate).

    The place is that of the micro-batch after which the optimiser steps, from 0.
    """
    cases = [(22, 4, 2, 1.0), (9, 3, 0, 0.5), (12, 1, 3, 2.0), (9, 2, 2, 0.1)]
    results = ask(answer, cases)
    if not all(len(step) == 2 for result in results for step in result):
        raise Wrong("return a list of pairs: the place of a micro-batch, and a rate.")

    def ends(n, a, *_):
        return [*range(a - 1, n - 1, a), n - 1]

    lost = "the last group is not full and its gradients are lost: step after it too"
    first = (
        "the optimiser steps after the first micro-batch of each group, where i % "
        "accumulation is 0, with the gradients of one alone: step where i + 1 is"
    )
    name_mistake(
        [[place for place, _ in result] for result in results],
        cases,
        ends,
        {
            first: lambda n, a, *_: [*range(0, n, a)],
            lost: lambda n, a, *_: [*range(a - 1, n, a)],
            "the last micro-batch has two steps: step after it only where a group is "
            "left": lambda n, a, *_: [*range(a - 1, n, a), n - 1],
            "the optimiser steps after every micro-batch: nothing is accumulated": (
                lambda n, *_: [*range(n)]
            ),
            "the micro-batches are counted from 0": (
                lambda *case: [place + 1 for place in ends(*case)]
            ),
            "this is the number of the step: name the micro-batch after which it comes": (
                lambda *case: [*range(len(ends(*case)))]
            ),
        },
    )

    def factor(step, warmup, total):
        if step < warmup:
            return step / warmup
        return max(0, total - step) / max(1, total - warmup)

    def rates(rule):
        def each(n, a, warmup, peak):
            places = ends(n, a)
            sizes = n, a, warmup, len(places)
            return [peak * rule(step, place, *sizes) for step, place in enumerate(places)]

        return each

    each_time = (
        "the schedule moves on after every micro-batch: it does so after a step of the "
        "optimiser"
    )
    name_mistake(
        [[rate for _, rate in result] for result in results],
        cases,
        rates(lambda s, i, n, a, w, total: factor(s, w, total)),
        {
            each_time: rates(lambda s, i, n, a, w, total: factor(i, w, total)),
            f"{each_time}, and before it": (
                rates(lambda s, i, n, a, w, total: factor(i + 1, w, total))
            ),
            "warm-up and decay are counted in micro-batches: count the steps of the "
            "optimiser": rates(lambda s, i, n, a, w, total: factor(i, w, n)),
            "the decay is over the number of micro-batches, so the rate stays far from "
            "0: it ends with the optimiser's steps": (
                rates(lambda s, i, n, a, w, total: factor(s, w, n))
            ),
            "warmup was divided by accumulation: it is given in steps of the optimiser": (
                rates(lambda s, i, n, a, w, total: factor(s, w // a, total))
            ),
            "the last group is missing in the number of steps: round up": (
                rates(lambda s, i, n, a, w, total: factor(s, w, n // a))
            ),
            "these are the rates after each step: the first step has that of step 0": (
                rates(lambda s, i, n, a, w, total: factor(s + 1, w, total))
            ),
            "there is no warm-up: the rate begins at the peak": (
                rates(lambda s, i, n, a, w, total: factor(s, 0, total))
            ),
            "the decay starts at step 0, so the rate jumps at the end of the warm-up": (
                rates(
                    lambda s, i, n, a, w, total: s / w if s < w else factor(s, 0, total)
                )
            ),
            "after the warm-up the rate is constant: it falls to 0": (
                rates(lambda s, i, n, a, w, total: s / w if s < w else 1)
            ),
            "these are the factors: multiply by the peak": (
                lambda n, a, w, peak: rates(
                    lambda s, i, n, a, w, total: factor(s, w, total)
                )(n, a, w, 1.0)
            ),
        },
    )


# ---------------------------------------------------------------- size and measure
@exercise
def roberta_parameters(answer):
    """answer(V, d, layers, f, positions) -> what RoBERTa with its MLM head learns."""
    cases = [
        (1009, 128, 3, 500, 70),  # first the one where no number is a usual one
        (52000, 768, 6, 3072, 514),  # KantaiBERT: 83,504,416
        (50265, 768, 12, 3072, 514),
    ]

    def layer(d, f):
        return 4 * (d * d + d) + (d * f + f) + (f * d + d) + 4 * d

    def right(v, d, n, f, p):
        embeddings = (v + p + 1) * d + 2 * d
        head = (d * d + d) + 2 * d + v
        return embeddings + n * layer(d, f) + head

    def more(change):  # the right number, and so much more
        return lambda v, d, n, f, p: right(v, d, n, f, p) + change(v, d, n, f, p)

    name_mistake(
        ask(answer, cases),
        cases,
        right,
        {
            "the decoder's matrix is counted as well: it is the token embeddings, "
            "used a second time": more(lambda v, d, n, f, p: v * d),
            "the pooler is counted: a model for masked language modelling has none": (
                more(lambda v, d, n, f, p: d * d + d)
            ),
            "the decoder's bias is missing: a number for each piece, which is not tied": (
                more(lambda v, d, n, f, p: -v)
            ),
            "the dense layer of the head is missing": (
                more(lambda v, d, n, f, p: -(d * d + d))
            ),
            "2 * hidden_size too few: the LayerNorm of the head is missing, or else the "
            "two positions that no token uses": more(lambda v, d, n, f, p: -2 * d),
            "the dense layer and the LayerNorm of the head are missing": (
                more(lambda v, d, n, f, p: -(d * d + 3 * d))
            ),
            "the head is missing: a dense layer, a LayerNorm, and a bias for each piece": (
                more(lambda v, d, n, f, p: -(d * d + 3 * d + v))
            ),
            "this has a pooler in place of the head: it is the model without a task": (
                more(lambda v, d, n, f, p: -(2 * d + v))
            ),
            "the type embedding is missing: RoBERTa has one type, and still learns its "
            "vector": more(lambda v, d, n, f, p: -d),
            "there are two types, as in BERT: RoBERTa has one": (
                more(lambda v, d, n, f, p: d)
            ),
            "the positions are missing": more(lambda v, d, n, f, p: -p * d),
            "there are not always 512 positions: use the argument": (
                more(lambda v, d, n, f, p: (512 - p) * d)
            ),
            "two positions were added: max_position_embeddings has them already": (
                more(lambda v, d, n, f, p: 2 * d)
            ),
            "the biases are missing: every Linear has one": (
                more(lambda v, d, n, f, p: -(n * (5 * d + f) + d))
            ),
            "the biases are missing, and that of the decoder: every Linear has one": (
                more(lambda v, d, n, f, p: -(n * (5 * d + f) + d + v))
            ),
            "no LayerNorm is counted: one after the embeddings, two in each layer, one "
            "in the head": more(lambda v, d, n, f, p: -(2 * n + 2) * 2 * d),
            "one LayerNorm in each layer is missing: attention and feed-forward have "
            "one each": more(lambda v, d, n, f, p: -n * 2 * d),
            "half of the LayerNorms is missing: each has a weight and a bias": (
                more(lambda v, d, n, f, p: -(2 * n + 2) * d)
            ),
            "W_O is missing: attention has four projections": (
                more(lambda v, d, n, f, p: -n * (d * d + d))
            ),
            "this has one layer: multiply by num_hidden_layers": (
                more(lambda v, d, n, f, p: (1 - n) * layer(d, f))
            ),
            "there are not always 12 layers: use the argument": (
                more(lambda v, d, n, f, p: (12 - n) * layer(d, f))
            ),
        },
    )


@exercise
def perplexity(answer):
    """answer(losses, counts) -> the perplexity; each loss is a mean of so many tokens."""
    cases = [([2.0, 5.0, 3.0], [10, 1, 4]), ([1.5, 0.5], [30, 10]), ([4.0], [7])]

    def mean(losses, counts):
        return np.average(losses, weights=counts)

    def right(losses, counts):
        return np.exp(mean(losses, counts))

    name_mistake(
        ask(answer, cases),
        cases,
        right,
        {
            "every batch counts the same: weight each loss with its number of tokens": (
                lambda losses, counts: np.exp(np.mean(losses))
            ),
            "this is a mean of perplexities: take the mean of the losses first, then "
            "the exponential": lambda losses, counts: np.mean(np.exp(losses)),
            "this is a mean of perplexities, if a weighted one: take the mean of the "
            "losses first, then the exponential": (
                lambda losses, counts: np.average(np.exp(losses), weights=counts)
            ),
            "the exponential is missing": mean,
            "the losses are in nats, so the base is e, not 2": (
                lambda *given: 2 ** mean(*given)
            ),
            "the losses are added: perplexity is of a single token, on the average": (
                lambda losses, counts: np.exp(np.sum(losses))
            ),
            "each loss is a mean already: multiply by its number of tokens before you "
            "divide by all": lambda losses, counts: np.exp(np.sum(losses) / sum(counts)),
            "the sum is divided by the number of batches: divide by that of the tokens": (
                lambda losses, counts: np.exp(np.dot(losses, counts) / len(losses))
            ),
            "the sign is reversed": lambda *given: np.exp(-mean(*given)),
        },
    )
