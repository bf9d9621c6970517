"""What a GPU adds: the comparisons on it, and the share of its rate that training reaches.

    python -m benchmarks gpu

The rate is that of a large matrix product in bfloat16, measured in turns with the training
beside it. What counts as work are the operations that the model needs for its tokens.

- The comparisons of `architecture`, in float32, with batches of 16,384 positions.
- Attention, encoder layer and BERT of the course beside the libraries', in bfloat16.
- BERT-base, forward and backward, 32 sentences of 128 tokens.
- KantaiBERT with its full sizes and rows of 512, trained to its end by the engine with
  --compile, on Kant's three books where they are to be had.
- Fine-tuning of BERT-base's shapes on as many sentences as CoLA has, 3 epochs.

A quick run leaves all that out, and so does a machine without CUDA.
"""

import functools
import itertools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F

from benchmarks import architecture, measure
from benchmarks.measure import Row
from utils import finetuning
from utils.bert import BertConfig
from utils.finetuning.models import half_precision_on_gpu
from utils.pretraining import Recipe, matrix_rate, recipe_for, training_work
from utils.pretraining.engine import Training, number_type, prepare
from utils.pretraining.processes import Processes
from utils.sources import SourceError, load_dataset, load_text, load_tokenizer

COLA = 8_551  # sentences of its training split
WARM_UP = 256  # sentences
PROMISES = {  # what → its unit and bound
    "attention by hand / PyTorch's math path, forward and backward, bfloat16": {"unit": "×"},
    "encoder layer / nn.TransformerEncoderLayer, forward and backward, bfloat16": {"unit": "×"},
    "BERT / transformers' BERT, forward and backward, bfloat16": {"unit": "×"},
    "BERT-base, forward and backward, 32 x 128, share of the bfloat16 matrix rate": {"unit": "%"},
    "KantaiBERT, pre-training, share of the bfloat16 matrix rate": {"unit": "%", "least": 35},
    "KantaiBERT, pre-training, the time of all its steps": {"unit": "s"},
    "KantaiBERT, pre-training, held-out loss at its end": {"unit": "nats"},
    "BERT-base's shapes, 3 epochs on as many sentences as CoLA has": {"unit": "s", "most": 60},
}
*PARTS, ENCODER, KANTAI, KANTAI_TIME, KANTAI_LOSS, FINE_TUNING = PROMISES
INSTEAD = "Kant's books are not there; the course's Wikipedia articles stand in for them."


def rows(quick: bool) -> list[Row]:
    """What a GPU does; without one, the promises and why nothing was measured."""
    has_gpu = torch.cuda.is_available()
    if quick or not has_gpu:
        why = "a quick run leaves the GPU out" if has_gpu else "there is no GPU (CUDA) here"
        return [Row(what, None, note=why, **promise) for what, promise in PROMISES.items()]
    device = torch.device("cuda")
    return [
        *architecture.rows_on(device, architecture.Sizes(tokens=16_384)),
        *half_rows(device, architecture.Sizes(tokens=16_384)),
        encoder_row(device),
        *pretraining_rows(device, recipe_for("gpu"), *kant()),
        fine_tuning_row(device),
    ]


def kant() -> tuple[list[str], str]:
    """The paragraphs of Kant's three books, or others' and the note that says so."""
    try:
        text = load_text("kant")
    except SourceError:
        text = load_text("wikipedia")
    return text.paragraphs, "" if text.provenance.given == "kant" else INSTEAD


def half_rows(device: torch.device, sizes: architecture.Sizes) -> list[Row]:
    """The course's parts beside the libraries', as training on a GPU computes them.

    That both sides are one function was seen in float32.
    """
    _, heads, length, size = sizes.attention
    batch = max(2, sizes.tokens // length)
    models = architecture.berts(replace(sizes.bert, dropout=0.0), device)
    every = (
        architecture.attention_sides((batch, heads, length, size), None, device),
        architecture.layer_sides(sizes.layer, batch, length, device),
        architecture.bert_sides(models, batch, length),
    )
    return [
        architecture.row_of(what, architecture.steps(in_half(sides, device), "both"), sizes, device)
        for what, sides in zip(PARTS, every, strict=True)
    ]


def in_half(sides: architecture.Sides, device: torch.device) -> architecture.Sides:
    """Both sides with the matrix products of a GPU in bfloat16."""

    def half(compute):
        with half_precision_on_gpu(device):
            return compute()

    return {
        name: replace(side, compute=functools.partial(half, side.compute))
        for name, side in sides.items()
    }


def share_row(what: str, work: Callable[[], float], device: torch.device, rounds: int) -> Row:
    """The share of the matrix rate, in %, of training that computes `work()` a second."""
    dtype = number_type("auto", device)
    found = measure.in_turns({"rate": lambda: matrix_rate(device, dtype), "work": work}, rounds)
    tera = found.median() / 1e12
    detail = {"work_teraflops": tera["work"], "rate_teraflops": tera["rate"], "numbers": str(dtype)}
    share = 100 * measure.ratio(found, "work", "rate")
    return Row(what, share, detail=detail, **PROMISES.get(what, {"unit": "%"}))


def encoder_row(
    device: torch.device, config: BertConfig = BertConfig(), batch: int = 32, length: int = 128,
    steps: int = 10, rounds: int = 9,
) -> Row:  # fmt: skip
    """BERT's forward and backward pass as fine-tuning has them, without an optimiser."""
    model = finetuning.random_classifier(config, seed=0).to(device).train()
    ids = torch.randint(1, config.vocab_size, (batch, length), device=device)  # 0 is padding
    labels = torch.randint(config.num_labels, (batch,), device=device)
    needed = training_work(config, batch * length, 0, batch * length**2)  # without a head

    def step():
        with half_precision_on_gpu(device):
            logits = model(ids).logits
        F.cross_entropy(logits.float(), labels).backward()
        model.zero_grad()

    def work():
        return steps * needed / architecture.seconds(lambda: [step() for _ in range(steps)], device)

    return share_row(ENCODER, work, device, rounds)


def pretraining_rows(
    device: torch.device, recipe: Recipe, paragraphs: list[str], note: str = "", *,
    micro_batch: int = 32, steps: int = 10, rounds: int = 5, compile: bool = True,
) -> list[Row]:  # fmt: skip
    """Whole steps of the engine: batches, masks, both passes, AdamW.

    Turns of so many steps beside the matrix rate begin the training; then it goes on to its
    end. Its time is that of all its updates, and its loss that of all the held-out text.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        prepare(paragraphs, out, recipe, None, resume=False)
        training = Training(out, recipe, Processes(device=device), micro_batch, compile)
        share = share_row(KANTAI, lambda: engine_work(training, steps), device, rounds)
        while training.step < recipe.steps:
            training.update()
        if training.held_out:
            training.evaluate(len(training.held_out))
        last = training.log.rows[-1]
    loss = last["held_out_loss"]
    detail = {"steps": training.step, "tokens": last["tokens"]}
    no_loss = "the held-out text has no whole row"
    return [
        replace(share, note=note),
        Row(KANTAI_TIME, training.seconds, note=note, detail=detail, **PROMISES[KANTAI_TIME]),
        Row(KANTAI_LOSS, loss, note=no_loss if loss is None else note, **PROMISES[KANTAI_LOSS]),
    ]


def engine_work(training: Training, steps: int) -> float:
    """Operations per second of some steps of the engine."""
    took = architecture.seconds(
        lambda: [training.update() for _ in range(steps)], training.device
    )
    tokens = training.recipe.batch_size * training.recipe.row_length
    return training.peak / took * sum(
        row["share_of_peak"] * tokens / row["tokens_per_second"]
        for row in training.log.rows[-steps:]
    )


def fine_tuning_row(
    device: torch.device, config: BertConfig = BertConfig(), number: int = COLA, epochs: int = 3,
) -> Row:  # fmt: skip
    """The whole of `fine_tune`, once, on as many sentences as CoLA has.

    Where there are fewer they are taken again. A few batches go before: the first steps on a
    GPU load its programs.
    """
    train = finetuning.labelled_splits(load_dataset("cola"))["train"]
    pairs = itertools.cycle(zip(train["sentence"], train["label"]))
    sentences, labels = zip(*itertools.islice(pairs, number))
    model = finetuning.random_classifier(config, seed=0).to(device)

    def train_on(most: int, epochs: int) -> None:
        examples = finetuning.Examples(
            load_tokenizer("bert-base-uncased"), sentences[:most], labels[:most]
        )
        finetuning.fine_tune(model, examples, learning_rate=2e-5, epochs=epochs)

    train_on(WARM_UP, 1)
    took = architecture.seconds(lambda: train_on(number, epochs), device)
    return Row(FINE_TUNING, took, detail={"sentences": number}, **PROMISES[FINE_TUNING])
