import numpy as np
import torch


def right_tril(length):
    return torch.ones(length, length, dtype=torch.bool).tril()


def right_comparison(length):
    return torch.arange(length)[:, None] >= torch.arange(length)


def right_numpy(length):
    return np.tri(length, dtype=bool)


def right_lists(length):
    return [[key <= query for key in range(length)] for query in range(length)]


def wrong_leak(length):
    """leaks by one"""
    return torch.ones(length, length, dtype=torch.bool).tril(1)


def wrong_inverted(length):
    """inverted"""
    return torch.ones(length, length, dtype=torch.bool).triu(1)


def wrong_transposed(length):
    """transposed"""
    return torch.ones(length, length, dtype=torch.bool).triu()


def wrong_strict(length):
    """see itself"""
    return torch.ones(length, length, dtype=torch.bool).tril(-1)


def wrong_all(length):
    """hides nothing"""
    return torch.ones(length, length, dtype=torch.bool)


def wrong_additive(length):
    """additive"""
    return torch.full((length, length), -torch.inf).triu(1)


def wrong_floats(length):
    """not boolean"""
    return torch.ones(length, length).tril()
