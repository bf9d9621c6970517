"""Fine-tuning: the course's recipe beside that of the workshop's book, on one model.

The book takes sentences in random order, 32 a batch, pads each to 128 tokens and has
AdamW update one weight matrix after the other; the course batches sentences of one
length, and its AdamW is the fused one. In each round both train on the same sentences, so
the ratio of sentences per second is that of real tokens too. The share of the measured
rate of a large float32 matrix product counts the work on real tokens alone.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks import measure
from benchmarks.measure import Row
from utils import bert, finetuning
from utils.pretraining import matrix_rate, training_work
from utils.sources import load_dataset, load_encoder, load_tokenizer

BATCH, BATCHES, BOOK_LENGTH = 32, 3, 128  # of a turn, and of the book's sentences
SPEED_SENTENCES = 1_920  # whole pools of `length_batches`: no batch is smaller
TRAIN_SENTENCES, TEST_SENTENCES = 960, 1_000
TRAINING = dict(learning_rate=2e-4, epochs=2)  # as much as a model needs to be above chance


def rows(quick: bool) -> list[Row]:
    """Speed and test MCC of both recipes; quick: the speed of small batches."""
    tokenizer = load_tokenizer("bert-base-uncased")
    body = bert.from_transformers(load_encoder("all-MiniLM-L6-v2"))
    data = finetuning.labelled_splits(load_dataset("cola"))
    examples = examples_of(tokenizer, data["train"].head(SPEED_SENTENCES))
    if quick:
        return [*speed_rows(body, examples, batch=8, batches=1), length_row(examples)]
    train = examples_of(tokenizer, data["train"].head(TRAIN_SENTENCES))
    test = examples_of(tokenizer, data["test"].head(TEST_SENTENCES))
    return [*speed_rows(body, examples, BATCH, BATCHES), length_row(examples),
            *quality_rows(body, train, test)]  # fmt: skip


def examples_of(tokenizer, sentences: pd.DataFrame) -> finetuning.Examples:
    return finetuning.Examples(tokenizer, sentences["sentence"], sentences["label"])


# ------------------------------------------------------------------------ the speed
def batches_by_length(examples, batch: int) -> Iterator[np.ndarray]:
    """The batches of the course's recipe without end: the same at every call."""
    for epoch in itertools.count():
        generator = torch.Generator().manual_seed(epoch)
        yield from finetuning.length_batches(examples.lengths, batch, generator)


class Recipe:
    """A way to train, which takes turns: what `measure.in_turns` calls.

    Turn by turn every recipe has the same sentences, those of the next batches by length.
    `counted` says of each turn how many sentences and real tokens it had, and the
    operations which these need.
    """

    def __init__(self, body, examples, batch, batches, fused=True):
        self.model = finetuning.with_classifier(body, seed=0).train()
        self.examples, self.batches = examples, batches
        self.by_length = batches_by_length(examples, batch)
        self.optimizer = torch.optim.AdamW(
            finetuning.parameter_groups(self.model), lr=1e-5, fused=fused
        )
        self.counted = []

    def __call__(self) -> float:
        """Train on the batches of a turn: the seconds that it took."""
        batches = self.arrange(list(itertools.islice(self.by_length, self.batches)))
        seconds = measure.seconds(lambda: [self.step(places) for places in batches])
        lengths = self.examples.lengths[np.concatenate(batches)]
        tokens, pairs = int(lengths.sum()), int(np.square(lengths).sum())
        self.counted.append({
            "sentences": len(lengths), "tokens": tokens,
            "operations": training_work(self.model.config, tokens, 0, pairs),  # without a head
        })  # fmt: skip
        return seconds

    def step(self, places) -> None:
        inputs, labels = self.examples.batch(places, self.pad_to)
        loss = F.cross_entropy(self.model(**inputs).logits, labels)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def rates(self, seconds: pd.Series) -> pd.DataFrame:
        """What was counted, per second: a row for each round, without the turn before."""
        return pd.DataFrame(self.counted[-len(seconds):]).div(seconds, axis=0)


class Course(Recipe):
    """Sentences of one length together, padded to the longest of their batch."""

    pad_to = None

    def arrange(self, batches):
        return batches


class Book(Recipe):
    """The same sentences in random order, each padded to 128 tokens."""

    pad_to = BOOK_LENGTH

    def arrange(self, batches):
        generator = np.random.default_rng(len(self.counted))
        return np.split(generator.permutation(np.concatenate(batches)), len(batches))


def speed_rows(body, examples, batch: int, batches: int) -> list[Row]:
    """How fast both recipes are in turns; the promises are about batches of 32."""
    book = Book(body, examples, batch, batches, fused=False)
    course = Course(body, examples, batch, batches)
    found = measure.in_turns({"book": book, "course": course, "rate": matrix_rate})
    rates = {name: recipe.rates(found[name]) for name, recipe in
             {"book": book, "course": course}.items()}
    medians = {name: rate.median().to_dict() for name, rate in rates.items()}
    shares = {name: 100 * float((rate["operations"] / found["rate"]).median())
              for name, rate in rates.items()}
    whole = batch == BATCH
    note = "In each round both train on the same sentences, so real tokens have the same ratio."
    small = "" if whole else f" Batches of {batch} here; the course and the book have {BATCH}."
    return [
        Row("sentences per second, and so real tokens: the course's recipe against the book's",
            measure.ratio(found, "book", "course"), "×", least=7 if whole else None,
            note=note + small, detail={"batch": batch, "per_second": medians}),
        Row("share of the rate of matrix products on real tokens: the course's recipe",
            shares["course"], "%", least=55 if whole else None, note=small.strip(),
            detail={"shares": shares, "matrix_rate": float(found["rate"].median())}),
    ]  # fmt: skip


def length_row(examples) -> Row:
    """How long the sentences are whose speed was measured."""
    return Row("pieces of a sentence, the mean of those used", float(np.mean(examples.lengths)),
               note="with [CLS] and [SEP]; 11.4 was asked, the mean of CoLA's sentences",
               detail={"sentences": len(examples)})  # fmt: skip


# ---------------------------------------------------------------------- the quality
def quality_rows(body, train, test) -> list[Row]:
    """The test MCC of both recipes after two epochs on the same sentences."""
    book = mcc_after(body, train, test, batching=finetuning.random_batches, pad_to=BOOK_LENGTH)
    course = mcc_after(body, train, test)
    detail = {"train": len(train), "test": len(test)} | TRAINING
    note = ("The course's is to be no lower: not below the 95 % interval of the book's. The "
            "interval holds the luck of the test sentences, not that of other seeds.")
    return [
        Row("test MCC of the book's recipe", book.value, low=book.low, high=book.high,
            detail=detail),
        Row("test MCC of the course's recipe", course.value, low=course.low, high=course.high,
            least=book.low, note=note, detail=detail),
    ]  # fmt: skip


def mcc_after(body, train, test, **options):
    """The test MCC of a classifier, trained by a recipe, with its 95 % interval."""
    model = finetuning.with_classifier(body, seed=0)
    finetuning.fine_tune(model, train, **TRAINING, **options)
    return finetuning.interval(test.labels, finetuning.probabilities(model, test) > 0.5)
