"""Fine-tuning: the course's recipe beside that of the workshop's book, on one model.

    python -m benchmarks.finetuning            # about 5 minutes on two cores
    python -m benchmarks.finetuning --quick    # speed alone

The book pads every sentence to 128 tokens and takes them in random order, 32 a batch;
the course batches sentences of one length. Both run in turns, and the figures are
medians over the rounds of sentences per second, and of their ratio. `matrix products`
is the measured rate of a large float32 product, and the share of it counts the work on
real tokens alone.
"""

import argparse
import itertools
import os
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

from utils import bert, finetuning
from utils.pretraining import matrix_rate
from utils.sources import load_dataset, load_encoder, load_tokenizer

BATCH, BOOK_LENGTH = 32, 128


def work(config, lengths):
    """Floating-point operations of a forward and a backward pass over real tokens.

    Two for each weight and token forward, twice that backward; and for each pair of
    tokens of a sentence the two products of attention.
    """
    d, f, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    tokens, pairs = sum(lengths), sum(length**2 for length in lengths)
    return 3 * layers * (2 * tokens * (4 * d * d + 2 * d * f) + 4 * pairs * d)


class Recipe:
    """A way to train: it takes steps on batches without end, and says how fast."""

    def __init__(self, body, examples, by_length, fused):
        self.model = finetuning.with_classifier(body, seed=0).train()
        self.examples, self.by_length = examples, by_length
        self.optimizer = torch.optim.AdamW(
            finetuning.parameter_groups(self.model), lr=1e-5, fused=fused
        )
        self.batches = itertools.chain.from_iterable(map(self.epoch, itertools.count()))

    def epoch(self, seed):
        generator = torch.Generator().manual_seed(seed)
        batching = finetuning.random_batches
        if self.by_length:
            batching = finetuning.length_batches
        return batching(self.examples.lengths, BATCH, generator)

    def steps(self, number):
        """Take `number` steps; sentences per second, and operations per second."""
        batches = list(itertools.islice(self.batches, number))
        start = time.perf_counter()
        for places in batches:
            pad_to = None if self.by_length else BOOK_LENGTH
            inputs, labels = self.examples.batch(places, pad_to)
            loss = F.cross_entropy(self.model(**inputs).logits, labels)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
        seconds = time.perf_counter() - start
        lengths = [int(self.examples.lengths[i]) for places in batches for i in places]
        return len(lengths) / seconds, work(self.model.config, lengths) / seconds


def speed(body, examples, rounds):
    """Print how fast the recipes are, in turns."""
    recipes = {
        "book: padded to 128": Recipe(body, examples, by_length=False, fused=False),
        "padded to 128, fused AdamW": Recipe(body, examples, by_length=False, fused=True),
        "course: by length, fused AdamW": Recipe(body, examples, True, fused=True),
    }
    steps = {name: 20 if name.startswith("course") else 2 for name in recipes}
    for name, recipe in recipes.items():  # the first steps allocate and warm up
        recipe.steps(min(steps[name], 5))
    found, rates = {name: [] for name in recipes}, []
    for _ in range(rounds):
        rates.append(matrix_rate())
        for name, recipe in recipes.items():
            found[name].append(recipe.steps(steps[name]))
    book, rate = found["book: padded to 128"], statistics.median(rates)
    print(f"matrix products: {rate / 1e9:.0f} GFLOP/s\n")
    print(f"{'':34}{'sentences/s':>12}{'ratio':>8}{'share of the rate':>20}")
    for name, rows in found.items():
        sentences = statistics.median(row[0] for row in rows)
        ratio = statistics.median(a[0] / b[0] for a, b in zip(rows, book))
        share = statistics.median(row[1] / r for row, r in zip(rows, rates))
        print(f"{name:34}{sentences:12.1f}{ratio:8.2f}{share:20.0%}")


def quality(body, tokenizer, data):
    """Print the test MCC of both recipes after the same training."""
    train, test = (
        finetuning.Examples(tokenizer, rows["sentence"], rows["label"])
        for rows in (data["train"].head(960), data["test"].head(1000))
    )
    book = dict(batching=finetuning.random_batches, pad_to=BOOK_LENGTH)
    print(f"\n{'test MCC after 3 epochs':34}95 % interval; {len(train)} sentences, lr 1e-4")
    for name, options in (("book: padded to 128", book), ("course: by length", {})):
        model = finetuning.with_classifier(body, seed=0)
        finetuning.fine_tune(model, train, learning_rate=1e-4, epochs=3, **options)
        predictions = finetuning.probabilities(model, test) > 0.5
        print(f"{name:34}{finetuning.interval(test.labels, predictions)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="speed alone")
    parser.add_argument("--rounds", type=int, default=7, help="7 unless told")
    arguments = parser.parse_args()
    os.environ.setdefault("TQDM_DISABLE", "1")
    torch.manual_seed(0)
    tokenizer = load_tokenizer("bert-base-uncased")
    body = bert.from_transformers(load_encoder("all-MiniLM-L6-v2"))
    data = finetuning.labelled_splits(load_dataset("cola"))
    rows = data["train"].head(2000)
    examples = finetuning.Examples(tokenizer, rows["sentence"], rows["label"])
    print(
        f"{len(examples)} sentences, {examples.lengths.mean():.1f} tokens on average, "
        f"batches of {BATCH}, float32, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}"
    )
    speed(body, examples, arguments.rounds)
    if not arguments.quick:
        quality(body, tokenizer, data)


if __name__ == "__main__":
    main()
