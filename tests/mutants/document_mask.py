"""Who sees whom in packed rows, right and wrong."""

import numpy as np
import torch


def documents(input_ids, bos_id):
    return (input_ids == bos_id).cumsum(dim=1)


def right_compare(input_ids, bos_id):
    number = documents(input_ids, bos_id)
    return number[:, :, None] == number[:, None, :]


def right_loops(input_ids, bos_id):
    masks = []
    for row in input_ids.tolist():
        number = [row[: place + 1].count(bos_id) for place in range(len(row))]
        masks.append([[a == b for b in number] for a in number])
    return torch.tensor(masks)


def right_blocks(input_ids, bos_id):
    masks = []
    for row in input_ids:
        parts = row.tensor_split((row == bos_id).nonzero().flatten())
        squares = [torch.ones(len(part), len(part)) for part in parts]
        masks.append(torch.block_diag(*(s for s in squares if len(s))).bool())
    return torch.stack(masks)


def right_numpy(input_ids, bos_id):
    number = np.cumsum(input_ids.numpy() == bos_id, axis=1)
    return np.equal(number[:, :, None], number[:, None, :])


def wrong_everything(input_ids, bos_id):
    """everything is True

    Packing in trl, nanoVLM and others: the mask of the row alone.
    """
    return torch.ones(*input_ids.shape, input_ids.shape[1], dtype=torch.bool)


def wrong_causal(input_ids, bos_id):
    """causal inside a document"""
    return right_compare(input_ids, bos_id).tril()


def wrong_causal_alone(input_ids, bos_id):
    """knows no documents"""
    return wrong_everything(input_ids, bos_id).tril()


def wrong_documents_before(input_ids, bos_id):
    """those before it"""
    number = documents(input_ids, bos_id)
    return number[:, :, None] >= number[:, None, :]


def wrong_neighbours(input_ids, bos_id):
    """neighbouring documents"""
    number = documents(input_ids, bos_id)
    return (number[:, :, None] - number[:, None, :]).abs() < 2


def wrong_start_of_the_next(input_ids, bos_id):
    """counted to the document before it"""
    starts = (input_ids == bos_id).long()
    number = starts.cumsum(1) - starts
    return number[:, :, None] == number[:, None, :]


def wrong_end_in_the_next(input_ids, bos_id):
    """before its last token"""
    number = documents(input_ids, bos_id).roll(-1, dims=1)
    return number[:, :, None] == number[:, None, :]


def wrong_inverted(input_ids, bos_id):
    """inverted

    The convention of nn.Transformer's masks, where True hides.
    """
    return ~right_compare(input_ids, bos_id)


def wrong_first_row(input_ids, bos_id):
    """mask of the first"""
    mask = right_compare(input_ids[:1], bos_id)
    return mask.repeat(len(input_ids), 1, 1)


def wrong_diagonal(input_ids, bos_id):
    """does not see itself"""
    mask = right_compare(input_ids, bos_id)
    mask.diagonal(dim1=1, dim2=2).fill_(False)
    return mask


def wrong_beginning_sees_nothing(input_ids, bos_id):
    """in the middle of a document"""
    mask = torch.zeros(*input_ids.shape, input_ids.shape[1], dtype=torch.bool)
    for row, ids in enumerate(input_ids):
        starts = [*(ids == bos_id).nonzero().flatten().tolist(), len(ids)]
        for start, end in zip(starts, starts[1:]):
            mask[row, start:end, start:end] = True
    return mask


def wrong_equal_tokens(input_ids, bos_id):
    """equal tokens"""
    return input_ids[:, :, None] == input_ids[:, None, :]


def wrong_additive(input_ids, bos_id):
    """for adding"""
    same = right_compare(input_ids, bos_id)
    return torch.zeros(same.shape).masked_fill(~same, -torch.inf)


def wrong_floats(input_ids, bos_id):
    """adds a mask of floats

    Added to the scores, 1 for the own document and 0 for the others hides nothing.
    """
    return right_compare(input_ids, bos_id).float()


def wrong_one_matrix(input_ids, bos_id):
    """expected the shape [3, 9, 9]"""
    return right_compare(input_ids[:1], bos_id)[0]
