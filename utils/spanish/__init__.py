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

from utils.english import drawing
from utils.english.grammar import Sentence
from utils.english.phenomena import MinimalPair, Phenomenon
from utils.spanish.grammar import Speaker
from utils.spanish.lexicon import lexicon
from utils.spanish.phenomena import PHENOMENA, minimal_pair

__all__ = [
    "PHENOMENA", "MinimalPair", "Phenomenon", "Sentence", "minimal_pairs", "sentences",
    "vocabulary",
]  # fmt: skip


def sentences(number, seed, split="train"):
    """`number` different acceptable sentences of the whole grammar, analysed.

    Each is the acceptable one of a pair, of any phenomenon with the same probability.
    The same seed gives the same sentences on every machine.
    Raises ValueError for an unknown split, a negative number, or more sentences than
    the grammar makes of the split's words.
    Taught in: chapter 4, section "The same in Spanish".
    """
    speaker, names = _speaker(number, seed, split), tuple(PHENOMENA)
    return drawing.distinct(
        number, lambda: minimal_pair(speaker.pick(names), speaker).good,
        lambda made: (made.tokens,), f"sentences in the split {split!r}",
    )  # fmt: skip


def minimal_pairs(number, seed, split="train", phenomena=None):
    """`number` different minimal pairs, as many of each phenomenon, shuffled.

    phenomena: names, all of `PHENOMENA` unless told; the first ones get one more pair
    where the number cannot be shared out evenly. No sentence is in two pairs.
    Raises ValueError for an unknown phenomenon or split, a negative number, or more
    pairs than the phenomenon has in the split; TypeError for what is no list of names.
    Source: Warstadt et al. 2020.
    Taught in: chapter 3, section "Pairs that the vocabulary cannot tell apart".
    """
    speaker, names = _speaker(number, seed, split), drawing.known(phenomena, PHENOMENA)
    return drawing.pairs(
        number, names, lambda name: minimal_pair(name, speaker), seed, split
    )


def vocabulary(split):
    """The nouns and the full verbs of a split, every inflected form: (nouns, verbs).

    Two sorted lists of lower-case words; no word of one split is in another one's.
    Raises ValueError for an unknown split.
    Taught in: chapter 4, section "The same in Spanish".
    """
    return lexicon(split).forms()


# ------------------------------------------------------------------------- inside
def _speaker(number, seed, split):
    return Speaker(lexicon(split), drawing.seeded(number, seed, split))
