"""Byte-level BPE: the course's own beside `tokenizers`, on one text.

    python -m benchmarks.tokenizers

Both train the same merges on the same characters, and both turn the same text into ids;
they run in turns within each round, on one thread, and the figures are medians over the
rounds. `ratio` is the course's time over the library's, which is written in Rust: 10.0
takes ten times as long. Training counts the words anew each time, as the library does;
the naive training, which counts every pair again after every merge, has fewer of both.
A tokenizer remembers the words that it has met, and a text is mostly such words: ids are
made from a text of other articles, with that memory emptied before.

Whether they agree, merge by merge and id by id, is for tests/test_bpe.py; a difference
here is an error.
"""

import argparse
import os
import statistics
import time

import tokenizers
from tokenizers import ByteLevelBPETokenizer

from utils.sources import load_text
from utils.tokenization import ROBERTA_TOKENS, ByteLevelBPE, count_words, train_naive

MEGABYTE = 10**6
FIXED = len(ROBERTA_TOKENS) + 256  # what a vocabulary has besides its merges


def some_text(paragraphs, characters):
    """The first paragraphs with so many characters together, again and again if few."""
    taken, size = [], 0
    while size < characters:
        for paragraph in paragraphs:
            taken.append(paragraph)
            size += len(paragraph)
            if size >= characters:
                break
    return taken


def library_training(texts, merges):
    """The library, trained on texts."""
    library = ByteLevelBPETokenizer()
    library.train_from_iterator(
        texts, vocab_size=FIXED + merges, min_frequency=2,
        special_tokens=list(ROBERTA_TOKENS), show_progress=False,
    )  # fmt: skip
    return library


def fresh(ours, library):
    """Both tokenizers of the same merges, with nothing remembered."""
    copy = ByteLevelBPE(ours.merges)
    return copy, library.from_str(library.to_str())


def in_turns(ours, theirs, rounds):
    """Median seconds of both, and the median of their ratio; neither is always first."""
    times = [[], []]
    for number in range(rounds):
        for which in (0, 1) if number % 2 else (1, 0):
            work = (ours, theirs)[which]()  # made ready here, timed below
            start = time.perf_counter()
            work()
            times[which].append(time.perf_counter() - start)
    ratio = statistics.median(a / b for a, b in zip(*times))
    return *map(statistics.median, times), ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="5 unless told")
    parser.add_argument("--merges", type=int, default=2_000, help="2,000 unless told")
    parser.add_argument("--megabytes", type=float, default=3.0, help="3 unless told")
    chosen = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    paragraphs = load_text("wikipedia").paragraphs
    texts = some_text(paragraphs, chosen.megabytes * MEGABYTE)
    small, few = some_text(paragraphs, 0.1 * MEGABYTE), min(200, chosen.merges)
    trained = ByteLevelBPE.train(texts, FIXED + chosen.merges)
    library = library_training(texts, chosen.merges)
    if trained.vocabulary != library.get_vocab():
        raise SystemExit("error: the vocabularies differ")
    other = some_text(paragraphs[::-1], MEGABYTE)
    if [trained.encode(t).input_ids[1:-1] for t in other] != [
        library.encode(t).ids for t in other
    ]:
        raise SystemExit("error: the ids differ")

    def encode_ours():
        ours, _ = fresh(trained, library._tokenizer)
        return lambda: [ours.encode(text) for text in other]

    def encode_theirs():
        _, theirs = fresh(trained, library._tokenizer)
        return lambda: [theirs.encode(text) for text in other]

    rows = {
        f"train {chosen.merges:,} merges, {chosen.megabytes:g} MB": (
            lambda: lambda: ByteLevelBPE.train(texts, FIXED + chosen.merges),
            lambda: lambda: library_training(texts, chosen.merges),
            chosen.megabytes,
        ),
        f"naive, {few} merges, 0.1 MB": (
            lambda: lambda: train_naive(count_words(small), few),
            lambda: lambda: library_training(small, few),
            0.1,
        ),
        "text to ids, 1 MB": (encode_ours, encode_theirs, 1.0),
    }
    print(f"wikipedia, tokenizers {tokenizers.__version__}, one thread")
    print(f"{'':34}{'ours (s)':>10}{'library (s)':>13}{'ratio':>8}{'ours (MB/s)':>13}")
    for name, (ours, theirs, megabytes) in rows.items():
        our_time, their_time, ratio = in_turns(ours, theirs, chosen.rounds)
        print(
            f"{name:34}{our_time:10.2f}{their_time:13.2f}{ratio:8.1f}"
            f"{megabytes / our_time:13.2f}", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
