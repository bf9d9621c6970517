"""The masked-LM loss of packed rows, with the head applied where something is asked.

Letters of the shapes: B rows, L tokens, M masked tokens, V vocab_size.

Source: Devlin et al. 2019, section 3.1; google-research/bert's `gather_indexes`, which
had this saving from the start; Liu et al. 2019, section 4.1, for masks drawn anew.
Taught in: chapter 4, section "The engine".
"""

import torch
import torch.nn.functional as F
from torch import nn

from utils.inputs import require_ids, require_tensor
from utils.pretraining.packing import document_mask, document_numbers, row_positions
from utils.pretraining.recipe import PAD
from utils.pretraining_tasks import IGNORED


class MaskedOnly(nn.Module):
    """The sum of the losses of the masked tokens of packed rows.

    model: a transformers.RobertaForMaskedLM. Six of seven tokens are not masked, and
    their logits, V numbers each, are never computed.
    Taught in: chapter 4, section "The engine".
    """

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, labels):
        """input_ids, labels [B, L] (-100: not asked) -> the sum of the losses.

        The sum and not the mean: the batches of an update, and its processes, have
        different numbers of masked tokens, and the mean of their means would be
        another number than the mean of all.
        Raises TypeError for what are no integers, ValueError for shapes that differ,
        IndexError for an id or a label that the vocabulary does not have.
        """
        require_ids(input_ids, "input_ids")
        require_tensor(require_ids(labels, "labels"), "labels", shape=input_ids.shape)
        if not len(input_ids):  # a process that got no rows takes part with an empty one
            input_ids = labels.new_full((1, labels.size(1)), PAD)
            labels = torch.full_like(input_ids, IGNORED)
        original = original_ids(input_ids, labels)
        hidden_states = self.model.roberta(
            input_ids,
            attention_mask=document_mask(original),
            position_ids=row_positions(original),
        ).last_hidden_state  # [B, L, d]
        asked = labels != IGNORED
        logits = self.model.lm_head(hidden_states[asked])  # [M, V]
        return F.cross_entropy(logits.float(), labels[asked].long(), reduction="sum")


def original_ids(input_ids, labels):
    """The rows before they were corrupted, [B, L].

    They tell where documents begin: a random token in the place of another may be `<s>`.
    """
    return torch.where(labels == IGNORED, input_ids, labels)


def masked_tokens(labels):
    """How many labels ask for something."""
    return int((labels != IGNORED).sum())


def same_document_pairs(input_ids):
    """How many pairs of tokens attention compares: those of the same document.

    n tokens of a document in a row are n * n pairs; no mask [B, L, L] is made.
    """
    rows, length = input_ids.shape
    number = document_numbers(input_ids) + (length + 1) * torch.arange(rows)[:, None]
    return int(number.flatten().bincount().square().sum())
