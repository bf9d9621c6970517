from collections import Counter
from fractions import Fraction

import numpy as np
import pandas as pd
import torch


def right_loops(sequence, states):
    counts = [[0] * len(states) for _ in states]
    for before, after in zip(sequence, sequence[1:]):
        counts[states.index(before)][states.index(after)] += 1
    return [[count / sum(row) for count in row] for row in counts]


def right_counter(sequence, states):
    pairs = Counter(zip(sequence, sequence[1:]))
    matrix = np.array([[pairs[a, b] for b in states] for a in states], float)
    return matrix / matrix.sum(axis=1, keepdims=True)


def right_torch(sequence, states):
    one_hot = torch.eye(len(states))[[states.index(s) for s in sequence]]
    counts = one_hot[:-1].T @ one_hot[1:]
    return counts / counts.sum(1, keepdim=True)


def right_recursive(sequence, states):
    def count(i, counts):
        if i + 1 == len(sequence):
            return counts
        counts[states.index(sequence[i])][states.index(sequence[i + 1])] += 1
        return count(i + 1, counts)

    counts = count(0, [[0] * len(states) for _ in states])
    return [[Fraction(n, sum(row)) for n in row] for row in counts]


def right_crosstab(sequence, states):
    before, after = pd.Series(list(sequence[:-1])), pd.Series(list(sequence[1:]))
    table = pd.crosstab(before, after, normalize="index")
    return table.reindex(index=states, columns=states, fill_value=0).astype("float32")


def _counts(sequence, states):
    pairs = Counter(zip(sequence, sequence[1:]))
    return np.array([[pairs[a, b] for b in states] for a in states], float)


def wrong_counts(sequence, states):
    """these are counts"""
    return _counts(sequence, states)


def wrong_columns(sequence, states):
    """columns sum to 1"""
    counts = _counts(sequence, states)
    return counts / counts.sum(0)


def wrong_keepdims_forgotten(sequence, states):
    """keepdims"""
    counts = _counts(sequence, states)
    return counts / counts.sum(1)  # divides the columns by the sums of the rows


def wrong_transposed(sequence, states):
    """exchanged"""
    return right_counter(sequence, states).T


def wrong_joint(sequence, states):
    """number of all pairs"""
    counts = _counts(sequence, states)
    return counts / counts.sum()


def wrong_disjoint_pairs(sequence, states):
    """pairs overlap"""
    matrix = np.zeros((len(states), len(states)))
    for i in range(0, len(sequence) - 1, 2):
        matrix[states.index(sequence[i]), states.index(sequence[i + 1])] += 1
    return matrix / matrix.sum(axis=1, keepdims=True)


def wrong_occurrences(sequence, states):
    """has no successor"""
    occurrences = np.array([sequence.count(state) for state in states])
    return _counts(sequence, states) / occurrences[:, None]


def wrong_count_of_substrings(sequence, states):
    """str.count"""
    counts = np.array([[sequence.count(a + b) for b in states] for a in states], float)
    return counts / counts.sum(axis=1, keepdims=True)


def wrong_ring(sequence, states):
    """end of the sequence to its start"""
    return right_counter(sequence + sequence[0], states)


def wrong_alphabetical(sequence, states):
    """that of the alphabet"""
    return right_counter(sequence, sorted(states))


def wrong_order_of_first_use(sequence, states):
    """that of their first use"""
    return right_counter(sequence, list(dict.fromkeys(sequence)))


def wrong_last_pair(sequence, states):
    """last pair is missing"""
    return right_counter(sequence[:-1], states)


def wrong_rounded(sequence, states):
    """got"""
    return right_counter(sequence, states).round(2)


def wrong_states_reversed_in_place(sequence, states):
    """changes its argument in place"""
    matrix = right_counter(sequence, states)
    states.reverse()
    return matrix
