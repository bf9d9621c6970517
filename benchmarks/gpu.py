"""What a GPU adds: the comparisons on it, and the share of its rate that training reaches.

    python -m benchmarks gpu

The rate is that of a large matrix product in bfloat16, measured in turns with the training
beside it. What counts as work are the operations that the model needs for its tokens.

- The comparisons of `architecture`, in float32, with batches of 16,384 positions.
- BERT-base, forward and backward, 32 sentences of 128 tokens.
- KantaiBERT with its full sizes and rows of 512, trained by the engine with --compile.
- Fine-tuning of BERT-base's shapes on as many sentences as CoLA has, 3 epochs.

A quick run leaves all that out, and so does a machine without CUDA.
"""

import itertools
import tempfile
from collections.abc import Callable
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
from utils.sources import load_dataset, load_text, load_tokenizer

COLA = 8_551  # sentences of its training split
PROMISES = {  # what → its unit and bound
    "KantaiBERT, pre-training, share of the bfloat16 matrix rate": {"unit": "%", "least": 35},
    "BERT-base's shapes, 3 epochs on as many sentences as CoLA has": {"unit": "s", "most": 60},
}
KANTAI, FINE_TUNING = PROMISES


def rows(quick: bool) -> list[Row]:
    """What a GPU does; without one, the promises and why nothing was measured."""
    has_gpu = torch.cuda.is_available()
    if quick or not has_gpu:
        why = "a quick run leaves the GPU out" if has_gpu else "there is no GPU (CUDA) here"
        return [Row(what, None, note=why, **promise) for what, promise in PROMISES.items()]
    device = torch.device("cuda")
    return [
        *architecture.rows_on(device, architecture.Sizes(tokens=16_384)),
        encoder_row(device),
        pretraining_row(device, recipe_for("gpu"), load_text("wikipedia").paragraphs),
        fine_tuning_row(device),
    ]


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

    what = "BERT-base, forward and backward, 32 x 128, share of the bfloat16 matrix rate"
    return share_row(what, work, device, rounds)


def pretraining_row(
    device: torch.device, recipe: Recipe, paragraphs: list[str], *, micro_batch: int = 32,
    steps: int = 10, rounds: int = 5, compile: bool = True,
) -> Row:  # fmt: skip
    """Whole steps of the engine: batches, masks, both passes, AdamW."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        prepare(paragraphs, out, recipe, None, resume=False)
        training = Training(out, recipe, Processes(device=device), micro_batch, compile)
        return share_row(KANTAI, lambda: engine_work(training, steps), device, rounds)


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
    rounds: int = 5,
) -> Row:  # fmt: skip
    """The whole of `fine_tune` on sentences of CoLA, taken again and again if it has fewer."""
    train = finetuning.labelled_splits(load_dataset("cola"))["train"]
    pairs = itertools.cycle(zip(train["sentence"], train["label"]))
    sentences, labels = zip(*itertools.islice(pairs, number))
    examples = finetuning.Examples(load_tokenizer("bert-base-uncased"), sentences, labels)
    model = finetuning.random_classifier(config, seed=0).to(device)

    def train_again():
        finetuning.fine_tune(model, examples, learning_rate=2e-5, epochs=epochs)

    turns = {"s": lambda: architecture.seconds(train_again, device)}
    found = measure.in_turns(turns, rounds)["s"]
    detail = {"sentences": number, "tokens": int(examples.lengths.sum()), "rounds": list(found)}
    return Row(FINE_TUNING, float(found.median()), detail=detail, **PROMISES[FINE_TUNING])
