"""Tokenizers: byte-level BPE and WordPiece of the course beside `tokenizers`, on one text.

Both sides train the same merges on the same text, and turn the same text into ids; a
difference of one piece or one id is an error, before anything is timed. The ratio is the
course's time over the library's, which is written in Rust: 10 takes ten times as long.
Training counts the words anew each time, as the library does. A tokenizer remembers the
words that it has met, and a text is mostly such words: ids are made from other articles,
with that memory emptied before each turn. The library has one thread, as the course.
"""

import os
from collections.abc import Callable, Iterable

import pandas as pd
from tokenizers import ByteLevelBPETokenizer, Tokenizer

from benchmarks import measure
from benchmarks.measure import Row
from utils.sources import load_text, load_tokenizer
from utils.tokenization import ROBERTA_TOKENS, ByteLevelBPE, WordPiece, normalize_character

MEGABYTE = 10**6
FIXED = len(ROBERTA_TOKENS) + 256  # what a vocabulary has besides its merges
MERGES, TRAINED_ON = 2_000, 3.0  # MB; what the promise of the training's time is about


def rows(quick: bool) -> list[Row]:
    """Training and encoding against the library; quick: less text, fewer merges."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    paragraphs = load_text("wikipedia").paragraphs
    merges, megabytes, read = (500, 0.2, 0.1) if quick else (MERGES, TRAINED_ON, 1.0)
    other = some_text(paragraphs[::-1], read * MEGABYTE)
    return [
        *bpe_rows(some_text(paragraphs, megabytes * MEGABYTE), merges, other),
        wordpiece_row(load_tokenizer("bert-base-uncased"), other),
    ]


def some_text(paragraphs: list[str], size: float) -> list[str]:
    """The first paragraphs with so many bytes together, again and again if few."""
    taken, written = [], 0
    while written < size:
        for paragraph in paragraphs:
            taken.append(paragraph)
            written += len(paragraph.encode())
            if written >= size:
                break
    return taken


def megabytes_of(texts: list[str]) -> float:
    return sum(len(text.encode()) for text in texts) / MEGABYTE


# ------------------------------------------------------------------- byte-level BPE
def bpe_rows(texts: list[str], merges: int, other: list[str]) -> list[Row]:
    """The rows of merges that are learnt from `texts`, and of ids made of `other`."""
    trained, library = course_training(texts, merges), library_training(texts, merges)
    require_same_pieces(trained.vocabulary, library.get_vocab())
    backend = library._tokenizer
    require_same_ids(bpe_ids(trained), library_ids(backend), other)
    training = measure.in_turns({
        "course": lambda: measure.seconds(lambda: course_training(texts, merges)),
        "library": lambda: measure.seconds(lambda: library_training(texts, merges)),
    })
    encoding = measure.in_turns({
        "course": encoding_turn(lambda: bpe_ids(ByteLevelBPE(trained.merges)), other),
        "library": encoding_turn(lambda: library_ids(fresh(backend)), other),
    })
    found = [
        ratio_row("byte-level BPE, training: the course's time over the library's", training,
                  texts, merges=merges),
        ratio_row("byte-level BPE, text to ids: the course's time over the library's", encoding,
                  other),
    ]
    if merges == MERGES and megabytes_of(texts) >= TRAINED_ON:
        seconds = float(training["course"].median())
        found.insert(0, Row(
            "byte-level BPE, 2,000 merges on 3 MB of text", seconds, "s", most=60,
            note="The course's Wikipedia articles, 2.3 MB, and their beginning again.",
            detail={"seconds": training["course"].tolist()},
        ))  # fmt: skip
    return found


def course_training(texts: list[str], merges: int) -> ByteLevelBPE:
    return ByteLevelBPE.train(texts, FIXED + merges)


def library_training(texts: list[str], merges: int) -> ByteLevelBPETokenizer:
    library = ByteLevelBPETokenizer()
    library.train_from_iterator(
        texts, vocab_size=FIXED + merges, min_frequency=2,
        special_tokens=list(ROBERTA_TOKENS), show_progress=False,
    )  # fmt: skip
    return library


def bpe_ids(tokenizer: ByteLevelBPE) -> Callable[[str], list[int]]:
    """text → its ids, without the <s> and </s> that the library does not add."""
    return lambda text: tokenizer.encode(text).input_ids[1:-1]


# ------------------------------------------------------------------------ WordPiece
def wordpiece_row(tokenizer, texts: list[str]) -> Row:
    """The row of ids that a tokenizer of `transformers` and the course's own make."""
    backend = fresh(tokenizer.backend_tokenizer)
    require_same_ids(new_wordpiece(tokenizer), library_ids(backend), texts)
    found = measure.in_turns({
        "course": encoding_turn(lambda: new_wordpiece(tokenizer), texts),
        "library": encoding_turn(lambda: library_ids(fresh(backend)), texts),
    })
    return ratio_row("WordPiece, text to ids: the course's time over the library's", found, texts,
                     note="The course applies WordPiece, with BERT's vocabulary. To train one "
                          "is not taught, and not measured.")


def new_wordpiece(tokenizer) -> Callable[[str], list[int]]:
    """text → its ids; nothing is remembered, neither words nor characters."""
    normalize_character.cache_clear()
    ours = WordPiece.from_tokenizer(tokenizer)
    return lambda text: ours.encode(text).input_ids


# ------------------------------------------------------------------------- of both
def fresh(backend: Tokenizer) -> Tokenizer:
    """A tokenizer of the library anew: nothing remembered, no text cut or padded."""
    copy = Tokenizer.from_str(backend.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def library_ids(backend: Tokenizer) -> Callable[[str], list[int]]:
    return lambda text: backend.encode(text).ids


def encoding_turn(new: Callable[[], Callable], texts: list[str]) -> Callable[[], float]:
    """A turn: the seconds in which what `new` makes, before the clock runs, reads the texts."""

    def turn():
        ids = new()
        return measure.seconds(lambda: [ids(text) for text in texts])

    return turn


def require_same_pieces(ours: dict[str, int], theirs: dict[str, int]) -> None:
    """Raise ValueError unless two vocabularies are one, with the first piece that differs."""
    if ours != theirs:
        differing = dict(ours.items() ^ theirs.items())
        piece = min(differing, key=differing.get)
        raise ValueError(f"the vocabularies differ: {piece!r} has the id {ours.get(piece)} in the "
                         f"course's and {theirs.get(piece)} in the library's.")


def require_same_ids(ours: Callable, theirs: Callable, texts: Iterable[str]) -> None:
    """Raise ValueError for the first text of which the two make other ids."""
    for number, text in enumerate(texts):
        if ours(text) != theirs(text):
            raise ValueError(f"the course and the library make other ids of text {number}: "
                             f"{text[:60]!r}")


def ratio_row(what: str, found: pd.DataFrame, texts: list[str], note: str = "", **detail) -> Row:
    """The ratio of two columns of seconds as a row, with the rates behind it."""
    size = megabytes_of(texts)
    seconds = found.median()
    return Row(
        what, measure.ratio(found, "course", "library"), "×", note=note,
        detail=detail | {"megabytes": size, "seconds": seconds.to_dict(),
                         "megabytes_per_second": (size / seconds).to_dict()},
    )  # fmt: skip
