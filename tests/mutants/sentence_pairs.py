"""Pairs for next sentence prediction, right and wrong."""

import random

import numpy as np
import torch


def right_random(documents, seed):
    dice, pairs = random.Random(seed), []
    for d, sentences in enumerate(documents):
        others = documents[:d] + documents[d + 1 :]
        for first, second in zip(sentences, sentences[1:]):
            if dice.random() < 0.5:
                pairs.append((first, second, True))
            else:
                pairs.append((first, dice.choice(dice.choice(others)), False))
    return pairs


def right_numpy(documents, seed):
    """Every foreign sentence equally likely; the pairs in random order, as lists."""
    rng = np.random.default_rng(seed)
    place = [(d, i) for d, text in enumerate(documents) for i in range(len(text))]
    pairs = []
    for d, i in place:
        if i + 1 == len(documents[d]):
            continue
        other = d, i + 1
        is_next = rng.random() < 0.5
        while not is_next and other[0] == d:
            other = place[rng.integers(len(place))]
        pairs.append([documents[d][i], documents[other[0]][other[1]], is_next])
    return [pairs[k] for k in rng.permutation(len(pairs))]


def right_exact_half(documents, seed):
    """Not a coin for each pair but exactly half of them, with torch's generator."""
    generator = torch.Generator().manual_seed(seed)
    true = [
        (d, a, b) for d, text in enumerate(documents) for a, b in zip(text, text[1:])
    ]
    order = torch.randperm(len(true), generator=generator).tolist()
    pairs = []
    for rank, k in enumerate(order):
        d, first, second = true[k]
        if rank < len(order) // 2:
            pairs.append((first, second, 1))
            continue
        foreign = [s for e, text in enumerate(documents) if e != d for s in text]
        place = torch.randint(len(foreign), (1,), generator=generator).item()
        pairs.append((first, foreign[place], 0))
    return pairs


def pairs_with(documents, seed, negative, share=0.5, skip=1, last=0):
    """Pairs whose random sentence is `negative(dice, document number, place)`."""
    dice, pairs = random.Random(seed), []
    for d, sentences in enumerate(documents):
        for i in range(0, len(sentences) - 1 + last, skip):
            if dice.random() < share and i + 1 < len(sentences):
                pairs.append((sentences[i], sentences[i + 1], True))
            else:
                pairs.append((sentences[i], negative(dice, d, i), False))
    return pairs


def foreign(documents):
    def draw(dice, d, i):
        return dice.choice(dice.choice(documents[:d] + documents[d + 1 :]))

    return draw


def wrong_same_document(documents, seed):
    """same document"""
    return pairs_with(documents, seed, lambda dice, d, i: dice.choice(documents[d]))


def wrong_any_other_of_the_document(documents, seed):
    """same document"""

    def draw(dice, d, i):
        others = [s for j, s in enumerate(documents[d]) if j not in (i, i + 1)]
        return dice.choice(others or documents[d][:1])

    return pairs_with(documents, seed, draw)


def wrong_whole_corpus(documents, seed):
    """true next sentence"""
    everything = [s for sentences in documents for s in sentences]
    return pairs_with(documents, seed, lambda dice, d, i: dice.choice(everything))


def wrong_all_but_the_true_next(documents, seed):
    """same document as the first"""

    def draw(dice, d, i):
        true = documents[d][i + 1]
        return dice.choice([s for text in documents for s in text if s != true])

    return pairs_with(documents, seed, draw)


def wrong_across_the_end(documents, seed):
    """across the end of a document"""
    dice = random.Random(seed)
    everything = [(d, s) for d, sentences in enumerate(documents) for s in sentences]
    pairs = []
    for (d, first), (_, second) in zip(everything, everything[1:]):
        if dice.random() < 0.5:
            pairs.append((first, second, True))
        else:
            pairs.append((first, foreign(documents)(dice, d, 0), False))
    return pairs


def wrong_only_positives(documents, seed):
    """every pair is a true one"""
    return pairs_with(documents, seed, None, share=1.0)


def wrong_only_negatives(documents, seed):
    """no pair is a true one"""
    return pairs_with(documents, seed, foreign(documents), share=0.0)


def wrong_inverted(documents, seed):
    """inverted"""
    return [(a, b, not is_next) for a, b, is_next in right_random(documents, seed)]


def wrong_two_after(documents, seed):
    """not the next one"""
    pairs = []
    for sentences in documents:
        pairs += [(a, b, True) for a, b in zip(sentences, sentences[2:])]
    return pairs + [p for p in right_random(documents, seed) if not p[2]]


def wrong_one_in_three(documents, seed):
    """half of them should be"""
    return pairs_with(documents, seed, foreign(documents), share=0.33)


def wrong_every_second(documents, seed):
    """each such sentence begins one"""
    return pairs_with(documents, seed, foreign(documents), skip=2)


def wrong_both_of_each(documents, seed):
    """begins 2 pairs"""
    pairs, dice = [], random.Random(seed)
    for d, sentences in enumerate(documents):
        for first, second in zip(sentences, sentences[1:]):
            pairs.append((first, second, True))
            pairs.append((first, foreign(documents)(dice, d, 0), False))
    return pairs


def wrong_last_sentence(documents, seed):
    """has no next one"""
    return pairs_with(documents, seed, foreign(documents), last=1)


def wrong_first_foreign_sentence(documents, seed):
    """same few"""

    def draw(dice, d, i):
        return documents[d - 1][0]

    return pairs_with(documents, seed, draw)


def wrong_ignores_the_seed(documents, seed):
    """same seed differ"""
    return right_random(documents, None)


def wrong_fixed_seed(documents, seed):
    """for every seed"""
    return right_random(documents, 2026)


def wrong_in_turn(documents, seed):
    """toss a coin"""
    dice, pairs = random.Random(seed), []
    for d, sentences in enumerate(documents):
        for first, second in zip(sentences, sentences[1:]):
            true = len(pairs) % 2 == 0
            other = foreign(documents)(dice, d, 0)
            pairs.append((first, second if true else other, true))
    return pairs


def wrong_shuffles_the_documents(documents, seed):
    """in place"""
    random.Random(seed).shuffle(documents)
    return right_random(documents, seed)


def wrong_names_for_flags(documents, seed):
    """True or False"""
    names = {True: "IsNext", False: "NotNext"}
    return [(a, b, names[flag]) for a, b, flag in right_random(documents, seed)]
