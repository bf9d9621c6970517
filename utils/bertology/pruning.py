"""Heads that are really gone: smaller matrices, saved, loaded, and timed.

A masked head is still computed. Pruning takes its rows out of W_Q, W_K and W_V and its
columns out of W_O; the model computes the same as with the mask, in less time.

Source: Michel, Levy and Neubig 2019, section 4.3, table 4; the feature that
`transformers` had until version 4.
Taught in: chapter 5, section "Heads that are gone".
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file, load_model, save_file
from torch import nn

from utils import bert
from utils.bertology.heads import (
    COURSE,
    FAMILIES,
    HeadAdapter,
    HeadError,
    call,
)
from utils.bertology.masking import check_head, mask_heads, mask_without
from utils.sources import formats
from utils.transformer import count_parameters, inference

SIDECAR = "pruned_heads.json"
SAVED = ("config.json", "model.safetensors", SIDECAR)


@dataclass(frozen=True)
class PruneReport:
    """What `prune_heads` did: layer -> heads, and the sizes before and after.

    difference: the largest difference between the outputs of the masked and of the
    pruned model on the inputs of `check_on`; None without them.
    """

    pruned: dict[int, list[int]]
    heads_before: int
    heads_after: int
    parameters_before: int
    parameters_after: int
    difference: float | None = None

    def __str__(self):
        share = 1 - self.parameters_after / self.parameters_before
        text = (
            f"{self.heads_before - self.heads_after} of {self.heads_before} heads pruned; "
            f"{self.parameters_before:,} -> {self.parameters_after:,} parameters "
            f"(-{share:.1%})"
        )
        if self.difference is not None:
            text += f"; masked and pruned differ by {self.difference:.1e} at most"
        return text


def prune_heads(model, heads, *, check_on=None):
    """Take heads out of a model, in place; returns a PruneReport.

    heads: {layer: [heads]}, both counted from 0 by their first numbers, also in a model
    that was pruned before; check_on: inputs (a dict) on which the masked and the pruned
    model are compared.
    An optimiser that was made before still holds the old matrices: make a new one.

    Raises HeadError, before anything changes, for a layer or head that is out of range or
    gone already, one that is named twice, and for all the heads that a layer has; and
    what `call` raises for `check_on`.
    Source: Michel, Levy and Neubig 2019, section 4.
    Taught in: chapter 5, section "Heads that are gone".
    """
    adapter = HeadAdapter.for_model(model)
    heads = checked(adapter, heads)
    before, size_before = count_heads(adapter), count_parameters(model)
    masked = None
    if check_on is not None:
        mask = mask_without(adapter, [(i, head) for i in heads for head in heads[i]])
        with inference(model), mask_heads(model, mask):
            masked = numbers(call(model, check_on))
    for layer, gone in heads.items():
        prune_layer(adapter, layer, gone)
    difference = None
    if masked is not None:
        with inference(model):
            pruned = numbers(call(model, check_on))
        difference = (masked - pruned).abs().max().item()
    return PruneReport(
        heads, before, count_heads(adapter), size_before, count_parameters(model), difference
    )


def checked(adapter, heads):
    """{layer: sorted heads}, if they can all be pruned together; else HeadError."""
    if not hasattr(heads, "items"):
        raise HeadError(f"heads is {{layer: [heads]}}, not {heads!r}")
    found = {}
    for layer, chosen in heads.items():
        if isinstance(chosen, str) or not hasattr(chosen, "__iter__"):
            raise HeadError(f"the heads of layer {layer} are a list, not {chosen!r}")
        chosen = list(chosen)
        for head in chosen:
            check_head(adapter, layer, head)
        check_head(adapter, layer, 0)
        kept = adapter.kept(layer)
        if gone := sorted(set(chosen) - set(kept)):
            raise HeadError(f"head {gone[0]} of layer {layer} was pruned already")
        if len(set(chosen)) < len(chosen):
            raise HeadError(f"a head of layer {layer} is named twice: {chosen}")
        if len(chosen) == len(kept):
            raise HeadError(
                f"these are all the heads that layer {layer} has, {kept}: leave one, "
                f"a layer without heads cannot be computed"
            )
        if chosen:
            found[int(layer)] = sorted(int(head) for head in chosen)
    return dict(sorted(found.items()))


def prune_layer(adapter, layer, gone):
    """Make the matrices of one layer smaller, and note what is gone."""
    kept = adapter.kept(layer)
    places = [place for place, head in enumerate(kept) if head not in gone]
    size, width = adapter.head_size, len(kept) * adapter.head_size
    index = torch.cat([torch.arange(p * size, (p + 1) * size) for p in places])
    for projection in adapter.projections(layer):
        parts = out_features(projection) // width  # 3 where W_Q, W_K, W_V are side by side
        keep(projection, torch.cat([index + part * width for part in range(parts)]), "out")
    keep(adapter.output(layer), index, "in")
    attention, family = adapter.attention(layer), adapter.family
    setattr(attention, family.num_heads, len(places))
    for name in family.widths:
        setattr(attention, name, len(index))
    pruned = dict(adapter.pruned)
    pruned[layer] = sorted([*pruned.get(layer, []), *gone])
    adapter.base.pruned_heads = dict(sorted(pruned.items()))


def keep(linear, index, side):
    """Keep some of the numbers that a Linear reads ("in") or gives ("out"), in place."""
    index = index.to(linear.weight.device)
    dense = isinstance(linear, nn.Linear)  # weight [out, in]; GPT-2's Conv1D: [in, out]
    dimension = int((side == "in") == dense)
    linear.weight = shrunk(linear.weight, dimension, index)
    if side == "out" and linear.bias is not None:
        linear.bias = shrunk(linear.bias, 0, index)
    if dense:
        linear.out_features, linear.in_features = linear.weight.shape
    else:
        linear.nx, linear.nf = linear.weight.shape


def shrunk(parameter, dimension, index):
    """A parameter with some of its rows or columns; trained if it was."""
    part = parameter.detach().index_select(dimension, index).clone()
    return nn.Parameter(part, requires_grad=parameter.requires_grad)


def out_features(linear):
    """How many numbers a Linear, or GPT-2's Conv1D, gives."""
    return linear.weight.shape[0 if isinstance(linear, nn.Linear) else 1]


def count_heads(adapter):
    """How many heads a model has."""
    return sum(len(adapter.kept(layer)) for layer in range(adapter.num_layers))


def numbers(output):
    """The tensor of an output that tells two models apart: logits, else last states."""
    if getattr(output, "logits", None) is not None:
        return output.logits
    return output.last_hidden_state


# ------------------------------------------------------------------ save and load
def save_pruned(model, folder):
    """Write a model, pruned or not, to a folder that `load_pruned` reads.

    The weights are in safetensors; `pruned_heads.json` says what is gone, which
    transformers 5 has no place for: `from_pretrained` refuses such a folder. `SHA256SUMS`
    lists the sums of the files. Files of an earlier save are replaced.

    Raises HeadError for a model of no known family, and where the folder cannot be
    written; TypeError or ValueError for what is no path.
    Taught in: chapter 5, section "Heads that are gone".
    """
    adapter = HeadAdapter.for_model(model)
    folder = Path(folder)
    note = {
        "class": type(model).__name__,
        "course": adapter.family is COURSE,
        "pruned_heads": {str(layer): gone for layer, gone in adapter.pruned.items()},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if note["course"]:
            weights = {name: t.contiguous() for name, t in model.state_dict().items()}
            save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
            config = json.dumps(asdict(model.config), indent=2)
            (folder / "config.json").write_text(config + "\n")
        else:
            model.save_pretrained(folder)
        (folder / SIDECAR).write_text(json.dumps(note, indent=2) + "\n")
        formats.write_sums(folder, SAVED)
    except (OSError, SafetensorError, formats.SourceError) as error:
        raise HeadError(f"{folder} cannot be written: {error}") from error


def load_pruned(folder):
    """The model that `save_pruned` wrote, pruned as it was, in evaluation mode.

    The matrices are made small before the weights are loaded into them.

    Raises HeadError for a folder without such a model, a damaged file, and weights that
    do not have the sizes that `pruned_heads.json` tells; TypeError for what is no path.
    Taught in: chapter 5, section "Heads that are gone".
    """
    folder = Path(folder)
    note = read_json(folder / SIDECAR)
    try:
        pruned = {int(layer): gone for layer, gone in note["pruned_heads"].items()}
        kind = model_class(note["class"], note["course"])
        model = empty_model(kind, note["course"], folder)
        prune_heads(model, pruned)
        if note["course"]:
            model.load_state_dict(load_file(folder / "model.safetensors"))
        else:
            load_model(model, folder / "model.safetensors")  # knows tied matrices
        if (folder / formats.SUMS).is_file():
            # Last: what is wrong with a file says more than that its sum is.
            formats.check_sums(folder, SAVED)
    except (
        LookupError, TypeError, ValueError, AttributeError, OSError, RuntimeError,
        SafetensorError,
    ) as error:  # fmt: skip
        raise HeadError(f"{folder} holds no model that can be loaded: {error}") from error
    return model.eval()


def read_json(path):
    """What a JSON file of a saved model holds; HeadError where it cannot be read."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise HeadError(
            f"{path} is not there: a folder that save_pruned wrote has one"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise HeadError(f"{path} is damaged: {error}") from error


def model_class(name, course):
    """The class of a saved model, if it is of a known family; else HeadError."""
    kind = getattr(bert if course else transformers, str(name), None)
    family = kind is not None and isinstance(kind, type) and (
        name in bert.MODEL_CLASSES if course
        else issubclass(kind, transformers.PreTrainedModel)
        and kind.config_class.model_type in FAMILIES
    )  # fmt: skip
    if not family and not (course and name == "Bert"):
        raise HeadError(f"{name!r} is no model class whose heads are known here")
    return kind


def empty_model(kind, course, folder):
    """A model of the saved sizes, its weights still random."""
    config = read_json(folder / "config.json")
    if course:
        return kind(bert.BertConfig(**config))
    return kind(kind.config_class.from_dict(config))


# -------------------------------------------------------------------------- speed
def benchmark(
    models, *, batch_sizes=(1, 4, 16), length=32, repeats=9, inputs=None, vocabulary=None
):
    """How fast several models are, side by side: a DataFrame.

    models: name -> model, the first one being what the others are compared with; length:
    tokens of a sentence, drawn at random below `vocabulary` (the model's own unless
    told). In every repetition each model runs once, one right after the other, so that a
    slow moment of the machine meets them all. On a CPU the time is that of the process,
    summed over its threads; on a GPU the wall's, after all is done.
    inputs: name -> a function (model, input_ids) that runs a model in another way, such
    as inside `mask_heads`.

    Columns: model, batch, length, threads, ms (median), quartiles, examples per second,
    speed-up (the median over the repetitions of the first one's time by this one's) and
    its quartiles.
    Raises HeadError without models or repetitions.
    Source: Michel, Levy and Neubig 2019, table 4.
    Taught in: chapter 5, section "Heads that are gone".
    """
    if not models or repeats < 1 or min(batch_sizes) < 1 or length < 1:
        raise HeadError("benchmark needs models, batch sizes, a length and repetitions")
    first = next(iter(models.values()))
    device = next(first.parameters()).device
    vocabulary = vocabulary or first.config.vocab_size
    rows = []
    for batch in batch_sizes:
        generator = torch.Generator().manual_seed(batch)
        # Never the ids below 5, among which padding is: every token counts.
        ids = torch.randint(5, vocabulary, (batch, length), generator=generator).to(device)
        times = {name: [] for name in models}
        for repeat in range(-1, repeats):  # the first one warms up
            for name, model in models.items():
                run = (inputs or {}).get(name, lambda model, ids: model(input_ids=ids))
                seconds = time_of(run, model, ids)
                if repeat >= 0:
                    times[name].append(seconds)
        base = np.array(times[next(iter(models))])
        for name, seconds in times.items():
            seconds = np.array(seconds)
            ms = np.percentile(seconds, [50, 25, 75]) * 1e3
            rows.append((name, batch, length, torch.get_num_threads(), *ms,
                         batch / np.median(seconds),
                         *np.percentile(base / seconds, [50, 25, 75])))  # fmt: skip
    return pd.DataFrame(rows, columns=[
        "model", "batch", "length", "threads", "ms", "ms 25 %", "ms 75 %",
        "examples per second", "speed-up", "speed-up 25 %", "speed-up 75 %",
    ])  # fmt: skip


def time_of(run, model, ids):
    """The seconds that one forward pass takes."""
    with inference(model):
        if ids.device.type == "cuda":
            torch.cuda.synchronize()
            start = time.perf_counter()
            run(model, ids)
            torch.cuda.synchronize()
            return time.perf_counter() - start
        start = time.process_time()
        run(model, ids)
        return time.process_time() - start
