"""The position ids of packed rows, right and wrong."""

import numpy as np
import torch


def loops(input_ids, bos_id, first):
    """Count in each row, anew at each <s>."""
    rows = []
    for row in input_ids.tolist():
        positions, count = [], first
        for id in row:
            if id == bos_id:
                count = first
            positions.append(count)
            count += 1
        rows.append(positions)
    return torch.tensor(rows)


def right_loops(input_ids, bos_id, pad_id):
    return loops(input_ids, bos_id, pad_id + 1)


def right_cummax(input_ids, bos_id, pad_id):
    place = torch.arange(input_ids.shape[1])
    starts = torch.where(input_ids == bos_id, place, 0).cummax(dim=1).values
    return place - starts + pad_id + 1


def right_numpy(input_ids, bos_id, pad_id):
    place = np.arange(input_ids.shape[1])
    starts = np.where(input_ids.numpy() == bos_id, place, 0)
    return place - np.maximum.accumulate(starts, axis=1) + pad_id + 1


def right_library(input_ids, bos_id, pad_id):
    """Each document on its own through the model's function."""
    from transformers.models.roberta.modeling_roberta import RobertaEmbeddings

    rows = []
    for row in input_ids:
        parts = row.tensor_split((row == bos_id).nonzero().flatten())
        positions = [
            RobertaEmbeddings.create_position_ids_from_input_ids(part[None], pad_id)[0]
            for part in parts
        ]
        rows.append(torch.cat(positions))
    return torch.stack(rows)


def wrong_from_zero(input_ids, bos_id, pad_id):
    """start at 0

    BERT's positions.
    """
    return loops(input_ids, bos_id, 0)


def wrong_from_one(input_ids, bos_id, pad_id):
    """start at 1"""
    return loops(input_ids, bos_id, 1)


def wrong_from_padding(input_ids, bos_id, pad_id):
    """start at pad_id:"""
    return loops(input_ids, bos_id, pad_id)


def wrong_from_two(input_ids, bos_id, pad_id):
    """not always 1

    Models whose padding is another id: 510 tokens fit into the 514 rows of rinna's.
    """
    return loops(input_ids, bos_id, 2)


def wrong_from_three(input_ids, bos_id, pad_id):
    """pad_id + 2"""
    return loops(input_ids, bos_id, pad_id + 2)


def wrong_never_restarts(input_ids, bos_id, pad_id):
    """never restart

    What RobertaModel does when no position_ids are given.
    """
    return torch.arange(input_ids.shape[1]).expand_as(input_ids) + pad_id + 1


def wrong_late(input_ids, bos_id, pad_id):
    """one token late"""
    rows = []
    for row in input_ids.tolist():
        positions, count = [], pad_id + 1
        for place, id in enumerate(row):
            positions.append(count)
            count = pad_id + 1 if id == bos_id and place else count + 1
        rows.append(positions)
    return torch.tensor(rows)


def wrong_late_at_the_start_too(input_ids, bos_id, pad_id):
    """in the middle of a row and at its start"""
    rows = []
    for row in input_ids.tolist():
        positions, count = [], pad_id + 1
        for id in row:
            positions.append(count)
            count = pad_id + 1 if id == bos_id else count + 1
        rows.append(positions)
    return torch.tensor(rows)


def wrong_early(input_ids, bos_id, pad_id):
    """before the <s>"""
    ended = torch.full_like(input_ids[:, :1], -1)
    return loops(torch.cat([input_ids[:, 1:], ended], dim=1), bos_id, pad_id + 1)


def wrong_over_the_batch(input_ids, bos_id, pad_id):
    """from one row to the next"""
    return loops(input_ids.reshape(1, -1), bos_id, pad_id + 1).reshape(input_ids.shape)


def wrong_first_row_for_all(input_ids, bos_id, pad_id):
    """positions of the first"""
    return loops(input_ids[:1], bos_id, pad_id + 1).expand_as(input_ids)


def wrong_first_document_only(input_ids, bos_id, pad_id):
    """only at the first <s>"""
    positions = right_loops(input_ids, -1, pad_id)
    for row, ids in zip(positions, input_ids.tolist()):
        if bos_id in ids:
            start = ids.index(bos_id)
            row[start:] -= start
    return positions


def wrong_document_numbers(input_ids, bos_id, pad_id):
    """numbers of the documents"""
    return (input_ids == bos_id).cumsum(1)


def wrong_floats(input_ids, bos_id, pad_id):
    """floats"""
    return right_loops(input_ids, bos_id, pad_id).float()
