"""Documents end to end, without padding, and without seeing each other.

All documents are one long line of ids, `<s> ... </s> <s> ... </s>`, which is cut into
rows of L tokens wherever L falls. Two things keep the documents of a row apart: the
positions begin anew at each `<s>`, and attention stays inside a document.

Letters of the shapes: B rows, L tokens of a row.

Source: Liu et al. 2019, section 4.2 (rows filled with full sentences); Krell et al.
2021, "Efficient Sequence Packing without Cross-contamination".
Taught in: chapter 4, section "Packing".
"""

import torch

from utils.inputs import require_tensor
from utils.pretraining.recipe import BOS, PAD


def document_numbers(input_ids, bos_id=BOS):
    """Which document of its row each token belongs to: integers [B, L].

    A row that begins in the middle of a document has that one's number 0.
    Raises TypeError for what is no tensor, ValueError for another shape.
    Taught in: chapter 4, section "Packing".
    """
    require_tensor(input_ids, "input_ids", dimensions=2)
    return (input_ids == bos_id).cumsum(-1)


def row_positions(input_ids, bos_id=BOS, pad_id=PAD):
    """RoBERTa's position of each token, from pad_id + 1 in each document: [B, L].

    What a row cuts off from a document begins at pad_id + 1 again: the model cannot
    know how much came before. Raises what `document_numbers` raises.
    Taught in: chapter 4, section "Packing".
    """
    require_tensor(input_ids, "input_ids", dimensions=2)
    places = torch.arange(input_ids.size(-1), device=input_ids.device).expand_as(input_ids)
    starts = torch.where(input_ids == bos_id, places, 0).cummax(-1).values  # [B, L]
    return places - starts + pad_id + 1


def document_mask(input_ids, bos_id=BOS):
    """True where a token may look at another one, of its own document: [B, 1, L, L].

    The 1 is the dimension of the heads, which all have the same mask.
    Raises what `document_numbers` raises.
    Taught in: chapter 4, section "Packing".
    """
    number = document_numbers(input_ids, bos_id)  # [B, L]
    return (number[:, :, None] == number[:, None, :])[:, None]
