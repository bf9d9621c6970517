"""Sentences of like length in one batch, right and wrong."""

import random

import numpy as np
import torch


def right_sorted(lengths, batch_size):
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def right_numpy(lengths, batch_size):
    """The longest first; arrays of places."""
    order = np.argsort(-np.asarray(lengths), kind="stable")
    return np.split(order, range(batch_size, len(order), batch_size))


def right_torch(lengths, batch_size):
    """The batches in random order."""
    batches = torch.tensor(lengths).argsort().split(batch_size)
    return [batches[i] for i in torch.randperm(len(batches))]


def right_pairs(lengths, batch_size):
    """Pairs of length and place, taken from the end; the first batch is not full."""
    pairs = sorted((length, place) for place, length in enumerate(lengths))
    batches = []
    while pairs:
        batches.append([place for _, place in pairs[-batch_size:]])
        del pairs[-batch_size:]
    return tuple(batches)


def right_pools(lengths, batch_size):
    from utils.finetuning import length_batches

    return length_batches(lengths, batch_size, torch.Generator().manual_seed(1))


def cut(order, batch_size):
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def wrong_lengths(lengths, batch_size):
    """these are the lengths"""
    return cut(sorted(lengths), batch_size)


def wrong_drops_the_last(lengths, batch_size):
    """last batch is dropped"""
    return [b for b in right_sorted(lengths, batch_size) if len(b) == batch_size]


def wrong_original_order(lengths, batch_size):
    """original order"""
    return cut(list(range(len(lengths))), batch_size)


def wrong_places_of_the_sorted(lengths, batch_size):
    """not the lengths"""
    return cut([place for place, _ in enumerate(sorted(lengths))], batch_size)


def wrong_sorts_in_place(lengths, batch_size):
    """in place"""
    lengths.sort()
    return cut(list(range(len(lengths))), batch_size)


def wrong_first_place(lengths, batch_size):
    """index()"""
    return cut([lengths.index(length) for length in sorted(lengths)], batch_size)


def wrong_overlap(lengths, batch_size):
    """occurs twice"""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    starts = range(0, len(order), batch_size)
    return [order[max(0, i - 1) : i + batch_size - 1] for i in starts] + [order[-1:]]


def wrong_too_large(lengths, batch_size):
    """is the most"""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return cut(order, batch_size + 1)


def wrong_rest_joined(lengths, batch_size):
    """is the most"""
    batches = right_sorted(lengths, batch_size)
    return [*batches[:-2], [place for batch in batches[-2:] for place in batch]]


def wrong_a_batch_for_each_length(lengths, batch_size):
    """fill each batch"""
    batches = []
    for length in set(lengths):
        same = [place for place, other in enumerate(lengths) if other == length]
        batches += cut(same, batch_size)
    return batches


def wrong_shuffled_after(lengths, batch_size):
    """are padding"""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    random.Random(0).shuffle(order)
    return cut(order, batch_size)


def wrong_from_one(lengths, batch_size):
    """start at 1"""
    return [[p + 1 for p in batch] for batch in right_sorted(lengths, batch_size)]


def wrong_empty_batch(lengths, batch_size):
    """empty"""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return cut(order, batch_size) + [[]]


def wrong_first_batch_only(lengths, batch_size):
    """in no batch"""
    return right_sorted(lengths, batch_size)[:1]


def wrong_flat(lengths, batch_size):
    """list of batches"""
    return sorted(range(len(lengths)), key=lengths.__getitem__)
