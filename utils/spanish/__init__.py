"""A small grammar of Spanish that writes sentences, and minimal pairs of them.

What it is: the sister of `utils.english`, with the same functions and the same data
classes. Every sentence comes with its parts of speech and its dependencies, and every
pair with the point in which one of the two is unacceptable. No noun and no verb of the
validation or the test split occurs in the training split; adjectives, names and small
words are shared.

What it is not: Spanish as people write it, nor a test of all its grammar. The sentences
are simple, made by rules, and judged by their makers' rules, not by readers.

Source: for the rules, RAE and ASALE 2009, "Nueva gramática de la lengua española"; for
the pairs, Warstadt et al. 2020, "BLiMP"; for the analysis, de Marneffe et al. 2021,
"Universal Dependencies".
Taught in: chapter 3, section "Pairs that the vocabulary cannot tell apart"; chapter 4,
section "The same in Spanish".
"""

import difflib
import random

from utils.english.grammar import Sentence
from utils.english.phenomena import MinimalPair, Phenomenon
from utils.spanish.grammar import Speaker
from utils.spanish.lexicon import lexicon
from utils.spanish.phenomena import PHENOMENA, minimal_pair

__all__ = [
    "PHENOMENA", "MinimalPair", "Phenomenon", "Sentence", "minimal_pairs", "sentences",
    "vocabulary",
]  # fmt: skip

# So many failures in a row to find something new mean that there is hardly any left.
PATIENCE = 2_000


def sentences(number, seed, split="train"):
    """`number` different acceptable sentences of the whole grammar, analysed.

    Each is the acceptable one of a pair, of any phenomenon with the same probability.
    The same seed gives the same sentences on every machine.
    Raises ValueError for an unknown split, a negative number, or more sentences than
    the grammar makes of the split's words.
    Taught in: chapter 4, section "The same in Spanish".
    """
    speaker, names = _speaker(number, seed, split), tuple(PHENOMENA)
    return _distinct(
        number, lambda: minimal_pair(speaker.pick(names), speaker).good,
        lambda made: (made.tokens,), f"sentences in the split {split!r}", set(),
    )  # fmt: skip


def minimal_pairs(number, seed, split="train", phenomena=None):
    """`number` different minimal pairs, as many of each phenomenon, shuffled.

    phenomena: names, all of `PHENOMENA` unless told; the first ones get one more pair
    where the number cannot be shared out evenly. No sentence is in two pairs.
    Raises ValueError for an unknown phenomenon or split, a negative number, or more
    pairs than the phenomenon has in the split.
    Source: Warstadt et al. 2020.
    Taught in: chapter 3, section "Pairs that the vocabulary cannot tell apart".
    """
    speaker = _speaker(number, seed, split)
    names = _known(PHENOMENA if phenomena is None else phenomena)
    taken, pairs = set(), []
    for i, name in enumerate(names):
        share = number // len(names) + (i < number % len(names))
        pairs += _distinct(
            share, lambda name=name: minimal_pair(name, speaker),
            lambda pair: (pair.good.tokens, pair.bad.tokens),
            f"pairs of {name} in the split {split!r}", taken,
        )  # fmt: skip
    random.Random(seed).shuffle(pairs)
    return pairs


def vocabulary(split):
    """The nouns and the full verbs of a split, every inflected form: (nouns, verbs).

    Two sorted lists of lower-case words; no word of one split is in another one's.
    Raises ValueError for an unknown split.
    Taught in: chapter 4, section "The same in Spanish".
    """
    return lexicon(split).forms()


# ------------------------------------------------------------------------- inside
def _speaker(number, seed, split):
    words = lexicon(split)
    if number < 0:
        raise ValueError(f"number is {number}: it cannot be negative.")
    # With the split in the seed, two splits are not the same sentences in other words.
    return Speaker(words, random.Random(f"{seed} {split}"))


def _known(phenomena):
    names = list(phenomena)
    for name in names:
        if name not in PHENOMENA:
            close = difflib.get_close_matches(name, PHENOMENA, 1, cutoff=0)
            raise ValueError(
                f"{name!r} is no phenomenon of the grammar. The closest is "
                f"{close[0]!r}; there are {', '.join(PHENOMENA)}."
            )
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"phenomena must be different and at least one; it is {names}."
        )
    return names


def _distinct(number, make, keys, what, taken):
    """`number` results of make(), none of whose keys is taken by another one."""
    found, failures = [], 0
    while len(found) < number:
        made = make()
        if taken.isdisjoint(new := keys(made)):
            failures = 0
            taken.update(new)
            found.append(made)
            continue
        failures += 1
        if failures == PATIENCE:
            raise ValueError(
                f"{number:,} different {what} were asked for, and the grammar "
                f"found {len(found):,}: ask for fewer."
            )
    return found
