"""What a model costs: parameters, training compute, memory, days and energy.

Each formula is an estimate that fits on a line; `chapters/models.yml` holds what the
papers published, so that the estimates can be compared with it.

Letters: N parameters, D training tokens, d hidden size, V words of the vocabulary.
Taught in: chapter 1, section "Scale: what a model costs".
"""

import re
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd
import torch
from transformers import AutoModel

from utils.sources.formats import read_yaml

MODELS = Path(__file__).parents[1] / "chapters" / "models.yml"

BYTES = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0, "int4": 0.5}

# Bytes for each parameter: (weights, gradients, states of the optimizer).
RECIPES = {
    "float32, SGD": (4, 4, 0),
    "float32, Adam": (4, 4, 8),  # Adam keeps two moments
    "mixed precision, Adam": (2, 2, 12),  # two moments and float32 weights
}


class ModelsError(ValueError):
    """An entry of the list of published models is incomplete or malformed."""


# ----------------------------------------------------------------- parameters
def count_parameters(config) -> int:
    """Build the model of a `transformers` configuration without memory, and count.

    On the meta device a tensor has a shape and no content, so a model of any size is
    built at once.

    Source: `torch.device("meta")` of the PyTorch documentation.
    Taught in: chapter 1, section "Parameters".
    """
    with torch.device("meta"):
        return sum(p.numel() for p in AutoModel.from_config(config).parameters())


def transformer_parameters(num_hidden_layers, hidden_size, vocab_size=0) -> int:
    """Estimate of the parameters of a Transformer stack: 12 d^2 a layer, and d a token.

    4 d^2 are the query, key, value and output projections, 8 d^2 the feed-forward layer
    with intermediate size 4 d; biases, norms and positions are left out.

    Raises:
        ValueError: a number that is not positive (the vocabulary may be 0).
    Source: Kaplan et al. 2020, section 2.1, with d_ff = 4 d_model.
    Taught in: chapter 1, section "Parameters".
    """
    _positive(num_hidden_layers=num_hidden_layers, hidden_size=hidden_size)
    return 12 * num_hidden_layers * hidden_size**2 + vocab_size * hidden_size


# -------------------------------------------------------------------- compute
def training_flops(parameters, tokens, recompute=False) -> float:
    """Floating-point operations of a training run: 6 N D.

    Each parameter is multiplied and added once for each token on the way forward (2),
    and twice on the way back (4): for the gradient of the activations and for its own.
    The products of attention scores are left out. For a mixture of experts, N is the
    parameters that a token passes through.

    Args:
        recompute: the forward pass is run again during the backward one to save
            memory, which makes it 8 N D.
    Raises:
        ValueError: a number that is not positive.
    Source: Kaplan et al. 2020, section 2.1; Narayanan et al. 2021, section 5.1.
    Taught in: chapter 1, section "Compute".
    """
    _positive(parameters=parameters, tokens=tokens)
    return (8.0 if recompute else 6.0) * parameters * tokens


def training_days(flops, devices, flops_per_second, utilisation=1.0) -> float:
    """Days that a number of devices need for that many operations.

    Args:
        flops_per_second: of one device.
        utilisation: the share of it that the training reaches, above 0 and up to 1.
    Raises:
        ValueError: a number that is not positive, or a utilisation above 1.
    Source: Narayanan et al. 2021, section 5.1.
    Taught in: chapter 1, section "Compute".
    """
    _positive(flops=flops, devices=devices, flops_per_second=flops_per_second,
              utilisation=utilisation)
    if utilisation > 1:
        raise ValueError(
            f"utilisation is a share of the peak, at most 1; it is {utilisation}."
        )
    return flops / (devices * flops_per_second * utilisation) / 86_400


def energy_mwh(device_hours, watts=400.0, overhead=1.1) -> float:
    """Megawatt-hours of a run; `overhead` is the data centre's (its PUE).

    Raises:
        ValueError: a number that is not positive.
    Source: Touvron et al. 2023, section 6.
    Taught in: chapter 1, section "Compute".
    """
    _positive(device_hours=device_hours, watts=watts, overhead=overhead)
    return device_hours * watts * overhead / 1e6


# --------------------------------------------------------------------- memory
def training_memory(parameters, recipe="mixed precision, Adam") -> dict[str, float]:
    """Bytes that training needs before the first activation: part → bytes.

    Raises:
        ValueError: an unknown recipe (see `RECIPES`), or no parameters.
    Source: Rajbhandari et al. 2019, section 3.1.
    Taught in: chapter 1, section "Memory".
    """
    _positive(parameters=parameters)
    if recipe not in RECIPES:
        known = ", ".join(map(repr, RECIPES))
        raise ValueError(f"Unknown recipe {recipe!r}; known: {known}.")
    parts = ("weights", "gradients", "optimizer states")
    return {part: each * parameters for part, each in zip(parts, RECIPES[recipe])}


def inference_memory(parameters, precision="bfloat16") -> float:
    """Bytes of the weights alone.

    Raises:
        ValueError: an unknown precision (see `BYTES`), or no parameters.
    Taught in: chapter 1, section "Memory".
    """
    _positive(parameters=parameters)
    if precision not in BYTES:
        raise ValueError(f"Unknown precision {precision!r}; known: {', '.join(BYTES)}.")
    return BYTES[precision] * parameters


def key_value_cache(
    tokens, num_hidden_layers, num_key_value_heads, head_size, precision="bfloat16"
) -> float:
    """Bytes a decoder keeps for what it has read: a key and a value in each layer.

    Raises:
        ValueError: a number that is not positive, or an unknown precision.
    Source: Kwon et al. 2023, section 3.
    Taught in: chapter 1, section "Memory".
    """
    _positive(tokens=tokens, num_hidden_layers=num_hidden_layers,
              num_key_value_heads=num_key_value_heads, head_size=head_size)
    numbers = 2 * num_hidden_layers * num_key_value_heads * head_size
    return inference_memory(numbers * tokens, precision)


# ----------------------------------------------------------- published models
@dataclass(frozen=True)
class PublishedModel:
    """What a paper says of its model; `flops` is None where it gives no number."""

    name: str
    date: str
    kind: str
    parameters: float
    tokens: float
    source: str
    flops: float | None = None
    active: float | None = None  # parameters that a token passes through, if not all

    @property
    def computed(self) -> float:
        """6 N D, in floating-point operations."""
        return training_flops(self.active or self.parameters, self.tokens)


def load_models(path=MODELS) -> list[PublishedModel]:
    """Read the list of published models, in the order of the file.

    Raises:
        ModelsError: no list, an unknown or missing field, or a value of another type;
            the message names the file and the entry. A file that cannot be read.
        TypeError: what is no path.
    Taught in: chapter 1, section "Compute".
    """
    raw = read_yaml(path, ModelsError)
    if not isinstance(raw, list) or not raw:
        raise ModelsError(f"{path}: expected a list of entries, each '- name:'.")
    return [_model(entry, f"{path}, entry {n}") for n, entry in enumerate(raw, start=1)]


def _model(entry, where: str) -> PublishedModel:
    known = [field.name for field in fields(PublishedModel)]
    if not isinstance(entry, dict) or set(entry) - set(known):
        raise ModelsError(f"{where}: expected the fields {known}, got {entry!r}.")
    if missing := [name for name in known[:6] if name not in entry]:
        raise ModelsError(f"{where}: the field {missing[0]!r} is missing.")
    for name in ("parameters", "tokens", "flops", "active"):
        value = entry.get(name)
        if value is not None and (not isinstance(value, (int, float)) or value <= 0):
            raise ModelsError(f"{where}: {name} is {value!r}, not a positive number "
                              "(write 3.14e+23, with the sign of the exponent).")
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", str(entry["date"])):
        raise ModelsError(f"{where}: date {entry['date']!r} is not YYYY-MM.")
    return PublishedModel(**entry)


def compute_table(models) -> pd.DataFrame:
    """Published training compute beside 6 N D, and their ratio."""
    return pd.DataFrame(
        {
            "model": m.name,
            "kind": m.kind,
            "parameters": m.active or m.parameters,
            "tokens": m.tokens,
            "published": m.flops,
            "6ND": m.computed,
            "6ND / published": m.computed / m.flops if m.flops else None,
            "source": m.source,
        }
        for m in models
    )


def _positive(**numbers) -> None:
    for name, value in numbers.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive; it is {value!r}.")
