"""W_Q and W_O without one head, right and wrong."""

import numpy as np
import torch


def split(query, output, num_attention_heads):
    """W_Q [H, D, d] and W_O [H, d, D], the heads first."""
    width = len(query) // num_attention_heads
    return query.split(width), output.split(width, dim=1)


def without(query, output, head, num_attention_heads):
    """Both, without a head that any number may name."""
    rows, columns = split(query, output, num_attention_heads)
    kept = [i for i in range(num_attention_heads) if i != head % num_attention_heads]
    return torch.cat([rows[i] for i in kept]), torch.cat([columns[i] for i in kept], 1)


def right_slices(query, output, head, num_attention_heads):
    width = query.size(0) // num_attention_heads
    start, stop = head * width, (head + 1) * width
    return (
        torch.cat([query[:start], query[stop:]]),
        torch.cat([output[:, :start], output[:, stop:]], dim=1),
    )


def right_boolean(query, output, head, num_attention_heads):
    kept = torch.arange(num_attention_heads) != head
    kept = kept.repeat_interleave(len(query) // num_attention_heads)
    return [query[kept].double(), output[:, kept].double()]


def right_numpy(query, output, head, num_attention_heads):
    width = len(query) // num_attention_heads
    gone = np.arange(head * width, (head + 1) * width)
    return np.delete(query.numpy(), gone, axis=0), np.delete(output.numpy(), gone, axis=1)


def right_axis_of_heads(query, output, head, num_attention_heads):
    kept = [i for i in range(num_attention_heads) if i != head]
    query = query.unflatten(0, (num_attention_heads, -1))[kept].flatten(0, 1)
    output = output.unflatten(1, (num_attention_heads, -1))[:, kept].flatten(1)
    return query, output


def right_library(query, output, head, num_attention_heads):
    """The course's own pruning of a Linear."""
    from torch import nn

    from utils.bertology.pruning import keep

    width = len(query) // num_attention_heads
    index = [i for i in range(len(query)) if i // width != head]
    layers = []
    for matrix, side in ((query, "out"), (output, "in")):
        layer = nn.Linear(matrix.size(1), matrix.size(0), bias=False)
        layer.weight = nn.Parameter(matrix.clone())
        keep(layer, torch.tensor(index), side)
        layers.append(layer.weight)
    return tuple(layers)


def right_lists(query, output, head, num_attention_heads):
    width = len(query) // num_attention_heads
    kept = [i for i in range(len(query)) if i // width != head]
    rows = query.tolist()
    return [rows[i] for i in kept], [[row[i] for i in kept] for row in output.tolist()]


def wrong_counted_from_one(query, output, head, num_attention_heads):
    """the wrong head is gone

    The names of a paper, whose head 8-10 is head 9 of layer 7, used in code.
    """
    return without(query, output, head - 1, num_attention_heads)


def wrong_head_after(query, output, head, num_attention_heads):
    """the one after it"""
    return without(query, output, head + 1, num_attention_heads)


def wrong_counted_from_the_end(query, output, head, num_attention_heads):
    """from the end"""
    return without(query, output, -1 - head, num_attention_heads)


def wrong_minus(query, output, head, num_attention_heads):
    """from the end"""
    return without(query, output, -head, num_attention_heads)


def wrong_other_head_in_output(query, output, head, num_attention_heads):
    """gone from W_O"""
    pruned, _ = without(query, output, head, num_attention_heads)
    return pruned, without(query, output, head - 1, num_attention_heads)[1]


def wrong_rows_of_output(query, output, head, num_attention_heads):
    """rows of W_O

    The default of prune_linear_layer, dim=0, taken for both.
    """
    width = len(query) // num_attention_heads
    start, stop = head * width, (head + 1) * width
    return tuple(torch.cat([matrix[:start], matrix[stop:]]) for matrix in (query, output))


def wrong_columns_of_query(query, output, head, num_attention_heads):
    """columns of W_Q were cut"""
    width = len(query) // num_attention_heads
    start, stop = head * width, (head + 1) * width
    return tuple(
        torch.cat([matrix[:, :start], matrix[:, stop:]], 1) for matrix in (query, output)
    )


def wrong_output_forgotten(query, output, head, num_attention_heads):
    """W_O is as it was"""
    return without(query, output, head, num_attention_heads)[0], output


def wrong_query_forgotten(query, output, head, num_attention_heads):
    """W_Q is as it was"""
    return query, without(query, output, head, num_attention_heads)[1]


def wrong_interleaved(query, output, head, num_attention_heads):
    """every H-th"""
    kept = torch.arange(len(query)) % num_attention_heads != head
    return query[kept], output[:, kept]


def wrong_zeros(query, output, head, num_attention_heads):
    """masking"""
    width = len(query) // num_attention_heads
    query, output = query.clone(), output.clone()
    query[head * width : (head + 1) * width] = 0
    output[:, head * width : (head + 1) * width] = 0
    return query, output


def wrong_zeros_in_output(query, output, head, num_attention_heads):
    """W_O has zeros"""
    width = len(query) // num_attention_heads
    output = output.clone()
    output[:, head * width : (head + 1) * width] = 0
    return without(query, output, head, num_attention_heads)[0], output


def wrong_keeps_that_head(query, output, head, num_attention_heads):
    """the head alone that was to go"""
    rows, columns = split(query, output, num_attention_heads)
    return rows[head], columns[head]


def wrong_single_row(query, output, head, num_attention_heads):
    """a single row or column"""
    kept = torch.arange(len(query)) != head
    return query[kept], output[:, kept]


def wrong_width(query, output, head, num_attention_heads):
    """H and D are exchanged"""
    size = num_attention_heads
    kept = torch.arange(len(query)) // size != head
    return query[kept], output[:, kept]


def wrong_transposed_output(query, output, head, num_attention_heads):
    """W_O is transposed"""
    query, output = without(query, output, head, num_attention_heads)
    return query, output.T


def wrong_order(query, output, head, num_attention_heads):
    """W_Q first"""
    return without(query, output, head, num_attention_heads)[::-1]


def wrong_tail(query, output, head, num_attention_heads):
    """the heads after it"""
    width = len(query) // num_attention_heads
    return query[: head * width], output[:, : head * width]


def wrong_front(query, output, head, num_attention_heads):
    """the heads before it"""
    width = len(query) // num_attention_heads
    return query[(head + 1) * width :], output[:, (head + 1) * width :]


def wrong_query_alone(query, output, head, num_attention_heads):
    """return two matrices"""
    return without(query, output, head, num_attention_heads)[0]


def wrong_in_place(query, output, head, num_attention_heads):
    """in place"""
    pruned = without(query, output, head, num_attention_heads)
    query.zero_()
    return pruned
