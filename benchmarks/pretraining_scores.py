"""Held-out losses of a pre-trained model, in the form in which each recipe trains.

The engine trains on packed rows, the workshop's book on lines that are padded; a model is
scored on both, so that neither recipe has the advantage of its own form. Masks are frozen.

Letters of the shapes: B rows, L tokens.
"""

import torch
from torch import nn

from benchmarks.pretraining_reference import masked_only_loss
from utils.pretraining import MaskedOnly
from utils.pretraining.objective import masked_tokens
from utils.pretraining.order import HELD_OUT_MASKS, held_out_rows, stream_seed
from utils.pretraining.recipe import MASK, PAD, SPECIAL_TOKENS
from utils.pretraining_tasks import IGNORED, corrupt

AT_ONCE = 32  # rows, or lines


@torch.no_grad()
def loss_of_rows(model, rows, recipe):
    """The held-out loss of packed rows, as the engine itself computes it."""
    places = range(len(rows))
    batch, labels = held_out_rows(rows, places, recipe)
    device, objective = model.device, MaskedOnly(model).eval()
    losses = sum(
        objective(ids.to(device), asked.to(device)).item()
        for ids, asked in zip(batch.split(AT_ONCE), labels.split(AT_ONCE))
    )
    return losses / masked_tokens(labels)


def masked_examples(examples, vocab_size):
    """Each example [L] with masks that are always the same: [(corrupted, labels), ...]."""
    return [
        corrupt(
            torch.tensor(example["input_ids"]), range(len(SPECIAL_TOKENS)), MASK, vocab_size,
            torch.Generator().manual_seed(stream_seed(0, HELD_OUT_MASKS, number)),
        )
        for number, example in enumerate(examples)
    ]  # fmt: skip


@torch.no_grad()
def loss_of_lines(model, examples):
    """The held-out loss of lines, each a row of its own, padded."""
    model.eval()
    masked = masked_examples(examples, model.config.vocab_size)
    losses = asked = 0
    for start in range(0, len(masked), AT_ONCE):
        ids, labels = zip(*masked[start : start + AT_ONCE])
        pad = nn.utils.rnn.pad_sequence
        batch = {
            "input_ids": pad(ids, True, PAD),
            "labels": pad(labels, True, IGNORED),
        }  # [B, L]
        batch["attention_mask"] = (batch["input_ids"] != PAD).long()
        number = masked_tokens(batch["labels"])
        if number:
            batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
            losses += masked_only_loss(model, batch).item() * number
            asked += number
    return losses / asked
