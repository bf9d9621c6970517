"""A small grammar of English that writes sentences together with their analysis.

What it is: rules and some five hundred nouns and verbs. Every sentence comes with its
gold annotation (parts of speech, dependency tree, coreference), and minimal pairs come
with the point in which one is unacceptable, named as in BLiMP. No noun and no verb of
the validation or the test split occurs in the training split.

What it is not: English as people write it. The sentences are simple, made by rules, and
judged by their makers' rules, not by readers. A score on them says what a model does
with these constructions; it cannot be compared with a score on CoLA or on BLiMP.

Source: for the phenomena, Warstadt et al. 2020, "BLiMP: The Benchmark of Linguistic
Minimal Pairs for English"; for the analysis, de Marneffe et al. 2021, "Universal
Dependencies".
Taught in: chapter 3, section "Sentences that a grammar wrote".
"""

import random

from utils.english import drawing
from utils.english.grammar import Sentence
from utils.english.lexicon import lexicon
from utils.english.phenomena import PHENOMENA, MinimalPair, Phenomenon, minimal_pair
from utils.english.productions import random_sentence
from utils.english.speaker import Speaker

__all__ = [
    "CORE", "PHENOMENA", "MinimalPair", "Phenomenon", "Sentence", "acceptability",
    "minimal_pairs", "sentences", "vocabulary",
]  # fmt: skip

# What `acceptability` is about: at least one phenomenon of each field of BLiMP. The
# others are for the question what a model makes of one that it was never shown.
CORE = (
    "anaphor_gender_agreement", "passive_1", "causative", "principle_A_case_2",
    "principle_A_domain_3", "existential_there_object_raising",
    "determiner_noun_agreement_1", "ellipsis_n_bar_1", "wh_questions_object_gap",
    "wh_vs_that_no_gap", "irregular_past_participle_adjectives", "adjunct_island",
    "complex_NP_island", "sentential_negation_npi_scope",
    "existential_there_quantifiers_1", "regular_plural_subject_verb_agreement_1",
)  # fmt: skip


def sentences(number, seed, split="train"):
    """`number` different acceptable sentences of the whole grammar, analysed.

    The same seed gives the same sentences on every machine.
    Raises ValueError for an unknown split, a negative number, or more sentences than
    the grammar makes of the split's words.
    Taught in: chapter 3, section "Sentences that a grammar wrote".
    """
    speaker = _speaker(number, seed, split)
    found = drawing.distinct(
        number, lambda: random_sentence(speaker), lambda s: (s.tokens,),
        f"sentences in the split {split!r}",
    )  # fmt: skip
    return found


def minimal_pairs(number, seed, split="train", phenomena=None):
    """`number` different minimal pairs, as many of each phenomenon, shuffled.

    phenomena: names, all of `PHENOMENA` unless told; the first ones get one more pair
    where the number cannot be shared out evenly. No sentence is in two pairs.
    Raises ValueError for an unknown phenomenon or split, a negative number, or more
    pairs than the phenomenon has in the split; TypeError for what is no list of names.
    Source: Warstadt et al. 2020.
    Taught in: chapter 3, section "Sentences that a grammar wrote".
    """
    speaker, names = _speaker(number, seed, split), drawing.known(phenomena, PHENOMENA)
    return drawing.pairs(
        number, names, lambda name: minimal_pair(name, speaker), seed, split
    )


def acceptability(seed=2026, train=3_000, validation=600, test=1_200, phenomena=CORE):
    """A data set of single sentences, acceptable or not: what CoLA is to chapter 3.

    train, validation, test: how many sentences each split has (even numbers: both
    members of a pair are in the same split); phenomena: names, `CORE` unless told.
    Returns a dict of the splits, each a dict of columns: `sentence`, `label` (1
    acceptable, 0 not), `phenomenon`, and `pair`, the number that the two members of a
    minimal pair share.
    Raises ValueError for an odd or negative size, one that the grammar cannot fill, or
    an unknown phenomenon; TypeError for what is no list of names.
    Source: the schema is that of Warstadt, Singh and Bowman 2019, "Neural Network
    Acceptability Judgments".
    Taught in: chapter 3, section "Sentences that a grammar wrote".
    """
    sizes = {"train": train, "validation": validation, "test": test}
    for split, size in sizes.items():
        if size < 0 or size % 2:
            raise ValueError(
                f"{split} is {size}: it must be even, since a pair has two sentences, "
                "and not negative."
            )
    return {
        split: _columns(minimal_pairs(size // 2, seed, split, phenomena), seed)
        for split, size in sizes.items()
    }


def _columns(pairs, seed):
    rows = [
        (sentence.text, label, pair.phenomenon, i)
        for i, pair in enumerate(pairs)
        for label, sentence in ((1, pair.good), (0, pair.bad))
    ]
    random.Random(seed).shuffle(rows)
    names = ("sentence", "label", "phenomenon", "pair")
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def vocabulary(split):
    """The nouns and the full verbs of a split, every inflected form: (nouns, verbs).

    Two sorted lists of lower-case words; no word of one split is in another one's.
    Raises ValueError for an unknown split.
    Taught in: chapter 3, section "Sentences that a grammar wrote".
    """
    return lexicon(split).forms()


# ------------------------------------------------------------------------- inside
def _speaker(number, seed, split):
    return Speaker(lexicon(split), drawing.seeded(number, seed, split))
