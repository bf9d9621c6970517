import numpy as np
import torch


def right_matrix_product(patterns):
    weights = patterns.T @ patterns / patterns.shape[1]
    np.fill_diagonal(weights, 0)
    return weights


def right_outer_products(patterns):
    size = patterns.shape[1]
    return sum(np.outer(x, x) - np.eye(size) for x in patterns) / size


def right_loops(patterns):
    count, size = patterns.shape
    weights = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(size):
            if i != j:
                weights[i][j] = sum(patterns[p][i] * patterns[p][j] for p in range(count)) / size
    return torch.tensor(weights)


def wrong_diagonal(patterns):
    """diagonal must be 0"""
    return patterns.T @ patterns / patterns.shape[1]


def wrong_divided_by_patterns(patterns):
    """divided by the number of patterns"""
    weights = patterns.T @ patterns / len(patterns)
    np.fill_diagonal(weights, 0)
    return weights


def wrong_not_divided(patterns):
    """not divided"""
    weights = patterns.T @ patterns
    np.fill_diagonal(weights, 0)
    return weights


def wrong_raw_product(patterns):
    """neither divided"""
    return patterns.T @ patterns


def wrong_last_pattern_only(patterns):
    """only the last pattern"""
    for x in patterns:
        weights = np.outer(x, x) / len(x)  # overwritten each time
    np.fill_diagonal(weights, 0)
    return weights


def wrong_sign(patterns):
    """sign is reversed"""
    return -right_matrix_product(patterns)


def wrong_patterns_by_patterns(patterns):
    """patterns to patterns"""
    return patterns @ patterns.T / patterns.shape[1]


def wrong_in_place(patterns):
    """in place"""
    patterns *= 2
    return right_matrix_product(patterns) / 4
