"""Which rows an update trains on, and what is hidden in them: functions of numbers.

Nothing here has a state. The visits of a run are numbered from 0; the row of a visit
and its masks follow from the seed and that number alone. So a run that goes on after an
interruption needs to know only how far it was, and two processes share the visits of an
update without asking each other.

Letters of the shapes: B rows, L tokens.

Source: Liu et al. 2019, section 4.1 (dynamic masking).
Taught in: chapter 4, section "Masks anew at every visit".
"""

import functools
from dataclasses import replace

import numpy as np
import torch

from utils.pretraining.recipe import MASK, SPECIAL_TOKENS
from utils.pretraining_tasks import corrupt

ORDER, MASKS, HELD_OUT_MASKS, DROPOUT = range(4)  # what a stream of random numbers is for


def stream_seed(seed, purpose, number):
    """A seed of its own for each purpose and number, 63 bits: no two streams overlap."""
    words = np.random.SeedSequence([seed, purpose, number]).generate_state(1, np.uint64)
    return int(words[0] >> 1)


@functools.lru_cache(maxsize=2)
def permutation(seed, epoch, rows):
    """The order of the rows in one pass over the text: integers [rows]."""
    generator = np.random.default_rng(stream_seed(seed, ORDER, epoch))
    order = np.arange(rows, dtype=np.uint32)
    generator.shuffle(order)
    return order


def row_of_visit(visit, rows, seed):
    """The row of a visit: every row once, in random order; then again, in another one.

    Raises ValueError where there are no rows, or for a negative visit.
    Taught in: chapter 4, section "Masks anew at every visit".
    """
    if rows < 1:
        raise ValueError("there are no rows to visit")
    epoch, place = divmod(visit, rows)
    return int(permutation(seed, epoch, rows)[place])


def visits_of_step(step, batch_size, rank=0, processes=1):
    """The visits of an update that one process takes: a range, its share of the batch.

    The shares of all the processes are the batch, each visit in one of them.
    Raises ValueError for a rank that is none of the processes.
    Taught in: chapter 4, section "More than one process".
    """
    if not 0 <= rank < processes:
        raise ValueError(f"rank {rank} of {processes} processes")
    first = step * batch_size
    start, end = (first + batch_size * r // processes for r in (rank, rank + 1))
    return range(start, end)


def masked_rows(rows, visits, recipe):
    """The rows of some visits, corrupted, and their labels: integers [B, L], twice.

    Dynamic masks come from the number of the visit, so that a row looks different when
    it comes again; static ones from the number of the row.
    Raises TypeError for rows that are no arrays of ids, or visits that are no integers,
    ValueError for no rows, a negative visit or an id outside the vocabulary, LookupError
    for a row that is not there.
    Taught in: chapter 4, section "Masks anew at every visit".
    """
    pairs = []
    for visit in visits:
        row = row_of_visit(visit, len(rows), recipe.seed)
        number = row if recipe.static_masks else visit
        pairs.append(mask_row(rows[row], stream_seed(recipe.seed, MASKS, number), recipe))
    return stack(pairs, recipe)


def held_out_rows(rows, places, recipe):
    """Rows that training never sees, with masks that are the same at every evaluation.

    Raises TypeError for rows that are no arrays of ids, LookupError for a place without
    one, ValueError for an id outside the vocabulary.
    """
    same = replace(recipe, mask_rate=0.15, mask=0.8, random=0.1)  # whatever trains
    return stack([
        mask_row(rows[row], stream_seed(0, HELD_OUT_MASKS, row), same) for row in places
    ], recipe)  # fmt: skip


def mask_row(input_ids, seed, recipe):
    """One row [L] corrupted by a seed of its own: (corrupted, labels), integers [L]."""
    return corrupt(
        torch.from_numpy(input_ids), range(len(SPECIAL_TOKENS)), MASK, recipe.vocab_size,
        torch.Generator().manual_seed(seed), recipe.mask_rate, recipe.mask, recipe.random,
    )  # fmt: skip


def stack(pairs, recipe):
    """Pairs of rows [L] as two tensors [B, L]; none at all as two of no rows."""
    if not pairs:
        return (torch.empty(0, recipe.row_length, dtype=torch.long),) * 2
    return tuple(map(torch.stack, zip(*pairs)))
