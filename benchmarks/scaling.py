"""How cost grows: with the sequence, the batch and the width of a model, and with a corpus.

    python -m benchmarks scaling

Cost that grows as size ** k is a straight line of slope k where both are logarithms: 1 is
linear, and twice the size at k = 2 costs four times as much. The slope is that of least
squares over the larger half of the sizes, where what does not depend on the size has
become small; that over all of them, and the seconds, are in the detail. Sizes take turns,
and a size's seconds are the median over the rounds, as the processor counts them.

A corpus is turned into ids by a process of its own, on one thread, with a tokenizer made
before, once for each size: several gigabytes in all, too long for rounds. Another process
takes a few steps of training on these ids. The memory of each is the highest that was
resident, Python and its libraries included.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from benchmarks import measure
from benchmarks.measure import Row
from utils.attention import scaled_dot_product_attention
from utils.transformer import EncoderLayer, TransformerConfig

MEGABYTE = 10**6
HEADS, HEAD_SIZE = 8, 64


@dataclass(frozen=True)
class Sizes:
    """What is measured at which sizes.

    Attributes:
        lengths: positions of a sentence, for attention and for an encoder layer.
        batches: sentences of 64 positions, for an encoder layer.
        widths: of an encoder layer that reads 256 positions.
        megabytes: of text.
        corpus_seconds: for all the texts; the largest is cut to what is left of them.
        flat: what is promised of the memory for the largest text beside the smallest, if the
            time allows the largest.
        training: whether to take a few steps on the ids of each text.
    """

    lengths: tuple[int, ...] = (64, 128, 256, 384, 512, 768, 1_024, 1_536, 2_048)
    batches: tuple[int, ...] = (1, 2, 4, 6, 8, 12, 16, 24, 32)
    widths: tuple[int, ...] = (64, 128, 256, 384, 512, 768, 1_024, 1_536, 2_048)
    megabytes: tuple[int, ...] = (10, 30, 100, 300, 1_000)
    corpus_seconds: float = 17 * 60
    flat: float | None = 1.1
    training: bool = True


QUICK = Sizes(
    lengths=(64, 128, 256, 512), batches=(1, 2, 4, 8), widths=(64, 128, 256, 512),
    megabytes=(1, 5), flat=None, training=False,
)  # fmt: skip


def rows(quick: bool) -> list[Row]:
    """The exponents, and the memory for texts of several sizes."""
    torch.manual_seed(0)
    sizes = QUICK if quick else Sizes()
    return [*(exponent_row(*growing) for growing in models(sizes)), *corpus_rows(sizes)]


# ----------------------------------------------------------------------- the exponents
def fit(sizes: list[float], costs: list[float]) -> dict:
    """The slope of log cost against log size, R², and of three sizes or more a 95 % interval."""
    line = stats.linregress(np.log(sizes), np.log(costs))
    found = {"exponent": float(line.slope), "r2": float(line.rvalue**2)}
    if len(sizes) > 2:
        wide = float(stats.t.ppf(0.975, len(sizes) - 2) * line.stderr)
        found["interval"] = [line.slope - wide, line.slope + wide]
    return found


def fitted_row(what: str, costs: dict[int, float]) -> Row:
    """The row of an exponent: size → seconds, sizes ascending."""
    sizes, half = list(costs), len(costs) // 2 if len(costs) > 3 else 0
    over_all, larger = (fit(sizes[i:], list(costs.values())[i:]) for i in (0, half))
    detail = {"larger half": larger, "all": over_all,
              "seconds": {str(size): cost for size, cost in costs.items()}}  # fmt: skip
    low, high = larger.get("interval", (None, None))
    return Row(what, larger["exponent"], low=low, high=high, detail=detail)


def exponent_row(what: str, sizes: tuple[int, ...], make: Callable[[int], Callable]) -> Row:
    """Measure the work that `make` gives for each size, sizes by turns."""
    turns = {size: partial(measure.processor_seconds, make(size)) for size in sizes}
    return fitted_row(what, measure.in_turns(turns).median().to_dict())


# -------------------------------------------------------------------------- the models
def models(sizes: Sizes) -> Iterator[tuple[str, tuple[int, ...], Callable[[int], Callable]]]:
    """Yield (what, sizes, function that gives a size's work), forward and backward."""
    width = HEADS * HEAD_SIZE
    yield "exponent of the time of attention in the length, longer half", sizes.lengths, attention
    yield (
        "exponent of the time of an encoder layer in the length, longer half", sizes.lengths,
        lambda length: encoder_layer(1, length, width),
    )  # fmt: skip
    yield (
        "exponent of the time of an encoder layer in the batch size, larger half", sizes.batches,
        lambda batch: encoder_layer(batch, 64, width),
    )  # fmt: skip
    yield (
        "exponent of the time of an encoder layer in the width, larger half", sizes.widths,
        lambda width: encoder_layer(2, 128, width),
    )  # fmt: skip


def attention(length: int) -> Callable[[], None]:
    """One sentence through the attention by hand, forward and backward."""
    shape = 1, HEADS, length, HEAD_SIZE
    inputs = [torch.randn(shape, requires_grad=True) for _ in range(3)]
    gradient = torch.randn(shape)

    def step():
        output, _ = scaled_dot_product_attention(*inputs)
        torch.autograd.grad(output, inputs, gradient)

    return step


def encoder_layer(batch: int, length: int, width: int) -> Callable[[], None]:
    """A batch through an encoder layer, its heads of 64 numbers, forward and backward."""
    layer = EncoderLayer(TransformerConfig(
        vocab_size=3, hidden_size=width, num_attention_heads=width // HEAD_SIZE,
        intermediate_size=4 * width, dropout=0.0,
    ))  # fmt: skip
    x = torch.randn(batch, length, width, requires_grad=True)
    gradient = torch.randn_like(x)

    def step():
        torch.autograd.grad(layer(x), (x, *layer.parameters()), gradient)

    return step


# -------------------------------------------------------------------------- the corpus
def corpus_rows(sizes: Sizes) -> list[Row]:
    """Turn texts of several sizes into ids: the time's exponent, and the memory."""
    found = dict(corpora(sizes.megabytes, sizes.corpus_seconds, sizes.training))
    time_row = fitted_row(
        "exponent of the time of text to ids in the size, larger half",
        {size: one["processor_seconds"] for size, one in found.items()},
    )
    works = {"text to ids": "peak_mb"}
    if sizes.training:
        works["a short training"] = "training_mb"
    return [time_row, largest_row(found, sizes),
            *(memory_row(found, sizes, *work) for work in works.items())]  # fmt: skip


def largest_row(found: dict[int, dict], sizes: Sizes) -> Row:
    """How large a text there was time for."""
    largest, asked = max(found), max(sizes.megabytes)
    cut = "" if largest >= asked else "A larger text would have taken too long here."
    return Row("the largest text that was turned into ids", largest, "MB", note=cut,
               least=None if sizes.flat is None else asked)  # fmt: skip


def corpora(
    megabytes: tuple[int, ...], budget: float, training: bool = True
) -> Iterator[tuple[int, dict]]:
    """Yield (megabytes, what `text_to_ids` and `training_memory` found) of ascending sizes.

    Where the next size would take longer than what is left of `budget` seconds, the last
    is what fits, in steps of 10 MB.
    """
    from benchmarks.pretraining import write_text
    from utils.pretraining import recipe_for, train_tokenizer
    from utils.sources import load_text

    paragraphs, rate, largest = load_text("wikipedia").paragraphs, np.inf, 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        train_tokenizer(paragraphs, recipe_for("cpu").vocab_size, folder / "tokenizer")
        for size in megabytes:
            if size > (fits := rate * budget):
                size = int(fits) // 10 * 10
            if size <= largest:
                return
            write_text(paragraphs, size * MEGABYTE, folder / "text.txt")
            found = alone(text_to_ids, folder)
            if training:
                found = found | {"training_mb": alone(training_memory, folder)}
            yield size, found
            rate, budget, largest = size / found["seconds"], budget - found["seconds"], size


def alone(function: Callable, *arguments) -> object:
    """Call a function in a process of its own, which has done nothing before."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def text_to_ids(folder: Path) -> dict:
    """Turn the text in a folder into ids; the seconds, the memory before and the highest."""
    from utils.pretraining import read_paragraphs, recipe_for, write_corpus
    from utils.pretraining.corpus import load_tokenizer

    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1"}
    tokenizer = load_tokenizer(folder / "tokenizer", recipe_for("cpu").vocab_size)
    before, starts = resident("VmRSS"), (time.perf_counter(), time.process_time())
    write_corpus("text", read_paragraphs(folder / "text.txt"), tokenizer, folder / "data")
    return {
        "seconds": time.perf_counter() - starts[0],
        "processor_seconds": time.process_time() - starts[1],
        "before_mb": before, "peak_mb": resident("VmHWM"),
    }  # fmt: skip


def training_memory(folder: Path) -> float | None:
    """Take a few steps of training on the ids in a folder; the highest memory."""
    from benchmarks.pretraining import CPU, Engine
    from utils import settings
    from utils.pretraining import recipe_for

    settings.setup(profile="cpu")
    Engine(recipe_for("cpu"), folder, CPU).steps(5)
    return resident("VmHWM")


def resident(name: str) -> float | None:
    """Megabytes of this process, as Linux counts them: VmRSS now, VmHWM at most; or None."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return 1024 * int(status.split(f"{name}:")[1].split()[0]) / MEGABYTE


def memory_row(
    found: dict[int, dict], sizes: Sizes, work: str = "text to ids", name: str = "peak_mb"
) -> Row:
    """The highest memory for the largest text, beside that for the smallest.

    The promise is about the largest of the sizes: a smaller text says nothing of it.
    """
    small, large = min(found), max(found)
    what = f"highest memory, {work}, the largest text / the smallest"
    most = sizes.flat if large >= max(sizes.megabytes) else None
    if found[large][name] is None:
        return Row(what, None, "×", most=most, note="Only Linux tells the highest memory.")
    detail = {
        megabytes(size): one | {"mb_per_second": size / one["seconds"]}
        for size, one in found.items()
    }
    flat = found[large][name] / found[small][name]
    return Row(what, flat, "×", most=most, detail=detail)


def megabytes(size: int) -> str:
    """10 MB; 1 GB."""
    return f"{size / 1000:g} GB" if size >= 1000 else f"{size} MB"
