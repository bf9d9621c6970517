"""What a pre-training run is made of: the model's sizes, the schedule, the masks.

Letters: V vocab_size, d hidden_size, f intermediate_size, P max_position_embeddings.

Source: Liu et al. 2019, "RoBERTa: A Robustly Optimized BERT Pretraining Approach".
Taught in: chapter 4, sections "Where 83,504,416 parameters are" and "The engine".
"""

import dataclasses
import math
from dataclasses import dataclass

import pandas as pd
import torch

SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")  # ids 0 to 4, as RoBERTa's
BOS, PAD, EOS, UNK, MASK = range(5)
PRECISIONS = ("auto", "float32", "bfloat16")


class PretrainingError(RuntimeError):
    """A run cannot start or go on; the message says why, and what to do."""


@dataclass(frozen=True)
class Recipe:
    """Everything that the losses of a run depend on, but for the text.

    vocab_size to intermediate_size: the model. row_length: tokens of a row, L; dropout:
    0 unless told, since a run this short sees hardly any text twice.
    steps: updates of the weights; batch_size: rows of an update, over all processes.
    learning_rate: the highest; warmup: the share of the steps on which it rises;
    weight_decay, clip: of AdamW, and the largest norm of the gradient.
    mask_rate, mask, random: 15 %, of which 80 % hidden and 10 % replaced;
    static_masks: draw them once for each row, as BERT did.
    precision: "bfloat16", "float32", or "auto": bfloat16 on a GPU that has it.

    Raises PretrainingError for values that make no run.
    Source: Liu et al. 2019, table 9, for the shape of the schedule and AdamW's betas.
    Taught in: chapter 4, section "The engine".
    """

    vocab_size: int = 8_000
    hidden_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 8
    intermediate_size: int = 1_024
    row_length: int = 128
    dropout: float = 0.0
    steps: int = 200
    batch_size: int = 16
    learning_rate: float = 2e-3
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    mask_rate: float = 0.15
    mask: float = 0.8
    random: float = 0.1
    static_masks: bool = False
    precision: str = "auto"
    seed: int = 2026

    def __post_init__(self):
        for field in dataclasses.fields(self):
            check_value(field, getattr(self, field.name))
        for name in ("dropout", "warmup", "mask_rate", "mask", "random"):
            if not 0 <= getattr(self, name) <= 1:
                raise PretrainingError(
                    f"{name} is a share, from 0 to 1, not {getattr(self, name)}"
                )
        for name in ("learning_rate", "clip", "mask_rate"):
            if not getattr(self, name) > 0:
                raise PretrainingError(f"{name} must be above 0, not {getattr(self, name)}")
        if not self.weight_decay >= 0:
            raise PretrainingError(f"weight_decay must be 0 or more, not {self.weight_decay}")
        for name in ("learning_rate", "weight_decay"):
            if math.isinf(getattr(self, name)):
                raise PretrainingError(f"{name} is infinite")
        if self.mask + self.random > 1 + 1e-9:
            raise PretrainingError(
                f"mask and random are parts of the chosen tokens, 1 together at most; "
                f"{self.mask} + {self.random} is {self.mask + self.random:g}"
            )
        if self.hidden_size % self.num_attention_heads:
            raise PretrainingError(
                f"hidden_size ({self.hidden_size}) is not a multiple of "
                f"num_attention_heads ({self.num_attention_heads})"
            )
        if self.vocab_size < len(SPECIAL_TOKENS) + 256:
            raise PretrainingError(
                f"a byte-level vocabulary has {len(SPECIAL_TOKENS)} special tokens and 256 "
                f"bytes at least; vocab_size is {self.vocab_size}"
            )
        if self.precision not in PRECISIONS:
            raise PretrainingError(
                f"precision is one of {', '.join(PRECISIONS)}, not {self.precision!r}"
            )


def check_value(field, value):
    """Raise PretrainingError where a value of a recipe is not of its kind."""
    kind = (int, float) if field.type is float else field.type
    if not isinstance(value, kind):
        raise PretrainingError(
            f"{field.name} takes a value of type {field.type.__name__}, not {value!r}"
        )
    least = 0 if field.name == "seed" else 1
    if field.type is int and value < least:
        raise PretrainingError(f"{field.name} must be {least} or more, not {value}")


KANTAI = dict(
    vocab_size=52_000, hidden_size=768, num_hidden_layers=6, num_attention_heads=12,
    intermediate_size=3_072,
)  # fmt: skip
PROFILES = {
    "smoke": Recipe(
        vocab_size=500, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=128, row_length=64, steps=20, batch_size=4,
    ),
    "cpu": Recipe(),
    "gpu": Recipe(
        **KANTAI, row_length=512, steps=2_000, batch_size=64, learning_rate=6e-4,
    ),
}  # fmt: skip


def recipe_for(profile, **changes):
    """The recipe of a profile, some of its values changed.

    Raises PretrainingError for an unknown profile or a value that a recipe has not.
    Taught in: chapter 4, section "The engine".
    """
    if profile not in PROFILES:
        raise PretrainingError(
            f"profile {profile!r} is unknown: choose one of {', '.join(PROFILES)}"
        )
    known = {field.name for field in dataclasses.fields(Recipe)}
    if unknown := set(changes) - known:
        raise PretrainingError(
            f"a recipe has no {min(unknown)!r}; it has {', '.join(sorted(known))}"
        )
    return dataclasses.replace(PROFILES[profile], **changes)


def model_config(recipe):
    """The transformers.RobertaConfig of a recipe: L positions and the two unused ones.

    RoBERTa counts the positions from pad_id + 1, which is 2, so that a row of 512
    tokens needs a table of 514 rows.
    Source: Ott et al. 2019, "fairseq", `make_positions`, inherited by RoBERTa's code.
    Taught in: chapter 4, section "RoBERTa beside BERT".
    """
    from transformers import RobertaConfig

    return RobertaConfig(
        vocab_size=recipe.vocab_size,
        hidden_size=recipe.hidden_size,
        num_hidden_layers=recipe.num_hidden_layers,
        num_attention_heads=recipe.num_attention_heads,
        intermediate_size=recipe.intermediate_size,
        max_position_embeddings=recipe.row_length + PAD + 1,
        type_vocab_size=1,
        hidden_dropout_prob=recipe.dropout,
        attention_probs_dropout_prob=recipe.dropout,
        layer_norm_eps=1e-5,
        bos_token_id=BOS, pad_token_id=PAD, eos_token_id=EOS,
    )  # fmt: skip


def new_model(recipe):
    """A transformers.RobertaForMaskedLM with weights drawn from the recipe's seed."""
    from transformers import RobertaForMaskedLM

    torch.manual_seed(recipe.seed)
    return RobertaForMaskedLM(model_config(recipe))


def roberta_ledger(config):
    """Where the parameters are: each part by its formula and by counting the model.

    config: a transformers.RobertaConfig. The model is made on the meta device, so no
    memory is needed. The matrix of the head is the token embedding itself, counted
    once: only the bias of its V logits is the head's own.
    Returns a DataFrame with the columns module, copies, formula (of one copy),
    parameters (copies * formula) and counted; the last row is the total.
    Taught in: chapter 4, section "Where 83,504,416 parameters are".
    """
    from transformers import RobertaForMaskedLM

    with torch.device("meta"):
        model = RobertaForMaskedLM(config)
    embeddings, layers = model.roberta.embeddings, model.roberta.encoder.layer
    head, copies = model.lm_head, config.num_hidden_layers
    norms = [norm for layer in layers
             for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm)]  # fmt: skip
    rows = [
        ("token embedding", 1, "V * d", [embeddings.word_embeddings]),
        ("position embedding", 1, "P * d", [embeddings.position_embeddings]),
        ("type embedding", 1, "T * d", [embeddings.token_type_embeddings]),
        ("embedding LayerNorm", 1, "2 * d", [embeddings.LayerNorm]),
        ("attention: query, key, value", copies, "3 * (d * d + d)",
         [layer.attention.self for layer in layers]),
        ("attention: output", copies, "d * d + d",
         [layer.attention.output.dense for layer in layers]),
        ("feed-forward: expand", copies, "d * f + f",
         [layer.intermediate.dense for layer in layers]),
        ("feed-forward: contract", copies, "f * d + d",
         [layer.output.dense for layer in layers]),
        ("LayerNorm", 2 * copies, "2 * d", norms),
        ("head: dense", 1, "d * d + d", [head.dense]),
        ("head: LayerNorm", 1, "2 * d", [head.layer_norm]),
        ("head: bias of the logits", 1, "V", [head.bias]),
    ]  # fmt: skip
    letters = {
        "V": config.vocab_size, "d": config.hidden_size, "f": config.intermediate_size,
        "P": config.max_position_embeddings, "T": config.type_vocab_size,
    }  # fmt: skip
    ledger = []
    for name, number, formula, modules in rows:
        one = eval(formula, {}, letters)  # the formula shown is the one computed
        counted = sum(map(count, modules))
        ledger.append((name, number, formula, number * one, counted))
    total = sum(row[3] for row in ledger)
    ledger.append(("total", 1, "", total, model.num_parameters()))
    return pd.DataFrame(
        ledger, columns=["module", "copies", "formula", "parameters", "counted"]
    )


def count(part):
    """How many numbers a module, or a single parameter, holds."""
    if isinstance(part, torch.nn.Parameter):
        return part.numel()
    return sum(parameter.numel() for parameter in part.parameters())
