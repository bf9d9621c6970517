"""Attention, encoder layer and BERT of the course beside PyTorch's and transformers'.

    python -m benchmarks architecture

Both sides of a comparison have the same weights and the same input. First their outputs
and gradients are compared: what does not compute the same numbers is not timed. Then both
run by turns; 1.00 is as fast as the library, 0.50 takes half the time. On a processor it is
the time of the processor that counts, which others on the machine take no part of.

The attention of chapter 2 is compared with `F.scaled_dot_product_attention` on its math
path, which computes the same products and the same softmax one after the other. Models use
the fused kernel, the course's as the library's.

Along the sequence length every batch has the same number of positions, 64 sentences of 16
or a single one of 1,024: what changes with the length is attention alone.

Memory is what a training step has to hold: the bytes that the forward pass keeps for the
backward pass. Autograd says which tensors these are; each storage counts once and whole,
parameters do not count. That is the same on every run and every machine, and it leaves out
what an operation needs only while it runs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd
import torch
import torch.nn.functional as F
import transformers
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks import measure
from benchmarks.measure import Row
from utils.attention import causal_mask, padding_mask, scaled_dot_product_attention
from utils.bert import (
    KNOWN_MODELS,
    BertConfig,
    from_transformers,
    their_name,
    to_transformers_config,
)
from utils.parity import copy_torch_weights, relative, relative_differences
from utils.pretraining.speed import wait
from utils.transformer import EncoderLayer, TransformerConfig

LENGTHS = (16, 32, 64, 128, 256, 512, 1_024)
SHOWN = (16, 128, 1_024)  # the lengths that have rows of their own
TOLERANCE = 1e-4  # of the largest number: float32 through all the layers of BERT
MOST_ROUNDS = 50
PROMISED = 1.10


@dataclass(frozen=True)
class Sizes:
    """How large the comparisons are.

    Attributes:
        attention: sentences, heads, positions, and numbers of a head.
        layer: the encoder layer.
        bert: the BERT, with random weights: a checkpoint has no 1,024 positions.
        cases: sentences and length of batches for BERT; CoLA's mean, and a long one.
        dropouts: of BERT in these cases.
        lengths: those along which everything is compared.
        tokens: positions of a batch, whatever its length.
        seconds: about so long each comparison is repeated, five rounds at least.
        case_rounds: of each case, since the slowest of several is looked for.
    """

    attention: tuple[int, int, int, int] = (8, 8, 256, 64)
    layer: TransformerConfig = TransformerConfig(vocab_size=3, dropout=0.0)
    bert: BertConfig = replace(
        KNOWN_MODELS["all-MiniLM-L6-v2"], max_position_embeddings=max(LENGTHS)
    )
    cases: tuple[tuple[int, int], ...] = ((32, 11), (16, 64))
    dropouts: tuple[float, ...] = (0.1, 0.0)
    lengths: tuple[int, ...] = LENGTHS
    tokens: int = 1_024
    seconds: float = 4.0
    case_rounds: int = 9


QUICK = Sizes(
    cases=((32, 11),), dropouts=(0.0,), lengths=(16, 128), tokens=128, seconds=0.5, case_rounds=5
)


def rows(quick: bool) -> list[Row]:
    """The comparisons on the processor."""
    return rows_on(torch.device("cpu"), QUICK if quick else Sizes())


def rows_on(device: torch.device, sizes: Sizes) -> list[Row]:
    """The comparisons on a device."""
    torch.manual_seed(0)
    batch, _, length, _ = sizes.attention
    every_mask = masks(batch, length, device)
    found = [attention_row(name, mask, sizes, device) for name, mask in every_mask]
    found += [padded_layer_row(sizes, device), cases_row(sizes, device)]
    for name, sides in along_lengths(sizes, device):
        found += length_rows(name, sides, sizes, device)
    return found + fused_rows(sizes, device)


# ------------------------------------------------------------------------- two sides
@dataclass
class Side:
    """One of two programs that compute the same.

    Attributes:
        compute: the forward pass.
        inputs, parameters: what gradients are asked for; nothing for a forward pass alone.
        gradient: that of the output, for the backward pass.
    """

    compute: Callable[[], torch.Tensor]
    inputs: tuple[torch.Tensor, ...] = ()
    parameters: tuple[torch.Tensor, ...] = ()
    gradient: torch.Tensor | None = None
    output: torch.Tensor | None = field(default=None, init=False)

    def forward(self) -> None:
        """Compute the output, and keep it with all that its backward pass needs."""
        self.output = self.compute()

    def backward(self) -> tuple[torch.Tensor, ...]:
        """The gradients of the last output, which goes away with its graph."""
        output, self.output = self.output, None
        return torch.autograd.grad(output, (*self.inputs, *self.parameters), self.gradient)

    def both(self) -> None:
        """Forward and backward, as a step of training has them."""
        self.forward()
        self.backward()

    def kept_bytes(self) -> int:
        """What the forward pass keeps for the backward pass, without the parameters."""
        own = {weight.untyped_storage().data_ptr() for weight in self.parameters}
        kept = {}  # the storages themselves: held, their addresses are not given away again

        def pack(tensor):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                kept[storage.data_ptr()] = storage
            return tensor

        with saved_tensors_hooks(pack, lambda tensor: tensor):
            self.compute()
        return sum(storage.nbytes() for storage in kept.values())


Sides = dict[str, Side]  # "ours" and "theirs"


def steps(sides: Sides, name: str) -> dict[str, Callable]:
    """The `forward`, `backward` or `both` of both sides."""
    return {side: getattr(its, name) for side, its in sides.items()}


def require_same(what: str, *differences: float) -> None:
    """Raise ValueError unless two sides compute the same numbers: their relative differences."""
    if not all(difference <= TOLERANCE for difference in differences):  # NaN is not either
        shown = " and ".join(f"{difference:.1e}" for difference in differences)
        raise ValueError(
            f"{what}: outputs and gradients differ by {shown} of their size, "
            f"{TOLERANCE:.0e} at most is rounding; no time of the two means anything."
        )


def compare(turns: dict[str, Callable[[], object]], device: torch.device, enough: float,
            least: int = measure.ROUNDS) -> pd.DataFrame:
    """Seconds of each function by turns: a column for each, a row for each round.

    As many rounds as take about `enough` seconds, and `least` at least.
    """
    timed = {name: partial(seconds, work, device) for name, work in turns.items()}
    once = sum(turn() for turn in timed.values())
    return measure.in_turns(timed, max(least, min(MOST_ROUNDS, int(enough / once))))


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """How long the processor computes in a call, or until another device has done it."""
    if device.type == "cpu":
        return measure.processor_seconds(work)
    wait(device)
    return measure.seconds(lambda: (work(), wait(device)))


def ratio_row(what: str, found: pd.DataFrame, one: str, other: str, most=None) -> Row:
    """The row of the ratio of two columns of seconds."""
    medians = 1000 * found.median()
    detail = {"ours_ms": medians[one], "theirs_ms": medians[other], "rounds": len(found)}
    return Row(what, measure.ratio(found, one, other), "×", most=most, detail=detail)


def row_of(what: str, turns: dict[str, Callable], sizes: Sizes, device: torch.device, *,
           most: float | None = None, least: int = measure.ROUNDS) -> Row:
    """Time both and compare: `ours` and `theirs`."""
    found = compare(turns, device, sizes.seconds, least)
    return ratio_row(what, found, "ours", "theirs", most)


# ------------------------------------------------------------------------- attention
def math_path(query, key, value, mask=None):
    """PyTorch's attention, one product after the other as the formula has them."""
    with sdpa_kernel(SDPBackend.MATH):
        return F.scaled_dot_product_attention(query, key, value, mask)


def masks(batch: int, length: int, device) -> Iterator[tuple[str, torch.Tensor | None]]:
    """What may be looked at: everything, all but the last fifth, what came before."""
    ids = torch.ones(batch, length, dtype=torch.long, device=device)
    ids[:, length - length // 5 :] = 0
    yield "no mask", None
    yield "padding mask", padding_mask(ids, pad_id=0)
    yield "causal mask", causal_mask(length, device)


def attention_sides(shape, mask, device, library=math_path, training=True) -> Sides:
    """The attention of chapter 2, by hand, and one of PyTorch's, which is the same function.

    Args:
        shape: sentences, heads, positions, numbers of a head.
        library: PyTorch's function of (query, key, value, mask).
        training: with gradients.
    """
    inputs = [torch.randn(shape, device=device) for _ in range(3)]

    def ours(query, key, value):
        return scaled_dot_product_attention(query, key, value, mask)[0]

    def theirs(query, key, value):
        return library(query, key, value, mask)

    require_same(f"attention of {list(shape)}", *relative_differences(theirs, ours, inputs))
    gradient = torch.randn(shape, device=device)
    leaves = tuple(x.requires_grad_() for x in inputs) if training else ()
    return {
        "ours": Side(lambda: ours(*inputs), leaves, gradient=gradient),
        "theirs": Side(lambda: theirs(*inputs), leaves, gradient=gradient),
    }


def attention_row(name: str, mask, sizes: Sizes, device: torch.device) -> Row:
    """By hand beside the math path, forward, with one of the masks."""
    sides = attention_sides(sizes.attention, mask, device, training=False)
    what = f"attention by hand / PyTorch's math path, forward, {name}"
    return row_of(what, steps(sides, "forward"), sizes, device, most=PROMISED)


def fused_rows(sizes: Sizes, device: torch.device) -> list[Row]:
    """What the weights cost: the memory by hand beside that of the fused kernel, by length."""
    _, heads, _, size = sizes.attention
    found = {}
    for length in sizes.lengths:
        shape = sizes.tokens // length, heads, length, size
        sides = attention_sides(shape, None, device, F.scaled_dot_product_attention)
        what = f"attention by hand / fused attention, memory, {length:,} positions"
        found[length] = memory_row(what, sides)
    return shown(found)


# --------------------------------------------------------------------- encoder layers
def layer_sides(config: TransformerConfig, batch: int, length: int, device, mask=None) -> Sides:
    """An encoder layer and nn.TransformerEncoderLayer with its weights."""
    theirs = nn.TransformerEncoderLayer(
        config.hidden_size, config.num_attention_heads, config.intermediate_size,
        config.dropout, batch_first=True,
    ).to(device)  # fmt: skip
    ours = copy_torch_weights(theirs, EncoderLayer(config).to(device))
    x = torch.randn(batch, length, config.hidden_size, device=device)
    hidden = None if mask is None else ~mask[:, 0, 0]  # PyTorch's True hides

    def our_layer(x):
        return ours(x, mask)

    def their_layer(x):
        return theirs(x, src_key_padding_mask=hidden)

    found = relative_differences(their_layer, our_layer, [x], (theirs, ours))
    require_same(f"encoder layer, {batch} x {length}", *found)
    gradient = torch.randn_like(x)
    x.requires_grad_()
    return {
        "ours": Side(lambda: our_layer(x), (x,), tuple(ours.parameters()), gradient),
        "theirs": Side(lambda: their_layer(x), (x,), tuple(theirs.parameters()), gradient),
    }


def padded_layer_row(sizes: Sizes, device: torch.device) -> Row:
    """An encoder layer that reads padded sentences, forward and backward."""
    length = sizes.attention[2]
    batch = max(2, sizes.tokens // length)
    mask = dict(masks(batch, length, device))["padding mask"]
    sides = layer_sides(sizes.layer, batch, length, device, mask)
    what = "encoder layer / nn.TransformerEncoderLayer, forward and backward, padding mask"
    return row_of(what, steps(sides, "both"), sizes, device)


# ------------------------------------------------------------------------------- BERT
def berts(config: BertConfig, device: torch.device) -> tuple[nn.Module, nn.Module]:
    """Ours and transformers' classifier with fused attention, with the same weights."""
    theirs = transformers.BertForSequenceClassification(to_transformers_config(config))
    theirs.set_attn_implementation("sdpa")
    theirs = theirs.train().to(device)
    return from_transformers(theirs), theirs


def bert_sides(models, batch: int, length: int, padding: int = 0) -> Sides:
    """Two BERTs on one batch, up to the loss; the first sentence ends with the padding."""
    ours, theirs = models
    weights = dict(theirs.named_parameters())
    names = [name for name, _ in ours.named_parameters()]
    input_ids = torch.randint(1, ours.config.vocab_size, (batch, length))  # 0 is padding
    input_ids[0, length - padding :] = 0
    inputs = {
        "input_ids": input_ids, "attention_mask": (input_ids != 0).long(),
        "labels": torch.randint(ours.config.num_labels, (batch,)),
    }  # fmt: skip
    inputs = {name: tensor.to(theirs.device) for name, tensor in inputs.items()}
    one = torch.ones((), device=theirs.device)
    sides = {
        "ours": Side(lambda: ours(**inputs).loss, (), tuple(ours.parameters()), one),
        "theirs": Side(
            lambda: theirs(**inputs).loss, (),
            tuple(weights[their_name(name)] for name in names), one,
        ),
    }  # fmt: skip
    for model in models:
        model.eval()  # dropout draws other numbers in each
    require_same(f"BERT, {batch} x {length}", *bert_differences(**sides))
    for model in models:
        model.train()
    return sides


def bert_differences(ours: Side, theirs: Side) -> tuple[float, float]:
    """How far the losses are apart, and the gradients of all the weights."""
    losses, gradients = [], []
    for side in (theirs, ours):
        side.forward()
        losses.append(side.output)
        gradients.append(torch.cat([gradient.flatten() for gradient in side.backward()]))
    return relative(*losses), relative(*gradients)


def cases_row(sizes: Sizes, device: torch.device) -> Row:
    """BERT's training step in several cases: the largest of the ratios."""
    found = {}
    for dropout in sizes.dropouts:
        models = berts(replace(sizes.bert, dropout=dropout), device)
        for batch, length in sizes.cases:
            for padding in (0, length // 5):
                name = f"{batch} x {length}, dropout {dropout}, {padding} padded"
                both = steps(bert_sides(models, batch, length, padding), "both")
                found[name] = row_of(name, both, sizes, device, least=sizes.case_rounds)
    what = "BERT / transformers' BERT, forward and backward, the slowest case"
    detail = {name: {"ratio": row.value, **row.detail} for name, row in found.items()}
    slowest = max(row.value for row in found.values())
    return Row(what, slowest, "×", most=PROMISED, detail=detail)


# ----------------------------------------------------------------- along the length
def along_lengths(sizes: Sizes, device: torch.device) -> Iterator[tuple[str, Callable]]:
    """Yield (what, function of (sentences, length) that gives both sides)."""
    _, heads, _, size = sizes.attention
    yield "attention by hand / PyTorch's math path", lambda batch, length: attention_sides(
        (batch, heads, length, size), None, device
    )
    yield "encoder layer / nn.TransformerEncoderLayer", lambda batch, length: layer_sides(
        sizes.layer, batch, length, device
    )
    models = berts(replace(sizes.bert, dropout=0.0), device)
    yield "BERT / transformers' BERT", partial(bert_sides, models)


def length_rows(what: str, make: Callable, sizes: Sizes, device: torch.device) -> list[Row]:
    """Forward and backward at some lengths, and the largest ratio of memory at any."""
    times, memory = {"forward": {}, "backward": {}}, {}
    for length in sizes.lengths:
        sides = make(sizes.tokens // length, length)
        memory[length] = memory_row(f"{what}, memory, at most", sides)
        turns = {
            f"{name} {step}": getattr(side, step)
            for name, side in sides.items() for step in times
        }  # fmt: skip
        found = compare(turns, device, sizes.seconds)
        for step, by_length in times.items():
            name = f"{what}, {step}, {length:,} positions"
            by_length[length] = ratio_row(name, found, f"ours {step}", f"theirs {step}")
    largest = max(memory.values(), key=lambda row: row.value)
    largest = replace(largest, detail={"by length": every(memory)})
    return [*(row for by_length in times.values() for row in shown(by_length)), largest]


def memory_row(what: str, sides: Sides) -> Row:
    """The bytes that our forward pass keeps beside those that theirs keeps."""
    ours, theirs = (sides[name].kept_bytes() for name in ("ours", "theirs"))
    detail = {"ours_mb": ours / 1e6, "theirs_mb": theirs / 1e6}
    return Row(what, ours / theirs, "×", detail=detail)


def shown(by_length: dict[int, Row]) -> list[Row]:
    """The rows of some lengths; the last has those of all lengths in its detail."""
    *rows, last = [row for length, row in by_length.items() if length in SHOWN]
    return [*rows, replace(last, detail=last.detail | {"by length": every(by_length)})]


def every(by_length: dict[int, Row]) -> dict[str, dict]:
    """The figures of rows, by length."""
    return {str(length): {"ratio": row.value, **row.detail} for length, row in by_length.items()}
