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


def right_einsum(patterns):
    patterns = torch.as_tensor(patterns, dtype=torch.float32)
    weights = torch.einsum("pi,pj->ij", patterns, patterns) / patterns.shape[1]
    return weights.fill_diagonal_(0)


def right_recursive(patterns):
    one = np.outer(patterns[0], patterns[0]) / patterns.shape[1]
    np.fill_diagonal(one, 0)
    rest = patterns[1:]
    return (one + right_recursive(rest) if len(rest) else one).tolist()


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


def wrong_first_pattern_only(patterns):
    """only the first pattern"""
    for x in patterns:
        weights = np.outer(x, x) / len(x)
        np.fill_diagonal(weights, 0)
        return weights  # inside the loop


def wrong_identity_subtracted(patterns):
    """not 1"""
    return patterns.T @ patterns / patterns.shape[1] - np.eye(patterns.shape[1])


def wrong_divided_by_both(patterns):
    """number of patterns too"""
    return right_matrix_product(patterns) / len(patterns)


def wrong_upper_half(patterns):
    """symmetric"""
    return np.triu(right_matrix_product(patterns))


def wrong_product_of_the_sum(patterns):
    """not the product of the sum"""
    return right_matrix_product(patterns.sum(axis=0, keepdims=True))


def wrong_covariance(patterns):
    """subtract no mean"""
    return right_matrix_product(patterns - patterns.mean(axis=0))


def wrong_returns_fill_diagonal(patterns):
    """returns nothing"""
    return np.fill_diagonal(patterns.T @ patterns / patterns.shape[1], 0)
