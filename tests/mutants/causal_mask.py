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


def right_negated(length):
    return ~torch.triu(torch.ones(length, length), diagonal=1).bool()


def wrong_four_axes(length):
    """batch and head axes"""
    return torch.ones(1, 1, length, length, dtype=torch.bool).tril()


def wrong_itself_alone(length):
    """itself alone"""
    return torch.eye(length, dtype=torch.bool)


def wrong_nothing(length):
    """hides everything"""
    return torch.zeros(length, length, dtype=torch.bool)


def wrong_large_negative(length):
    """additive"""
    return torch.full((length, length), -1e9).triu(1)


def wrong_integers(length):
    """not boolean but int64"""
    return [[int(key <= query) for key in range(length)] for query in range(length)]


def wrong_of_four(length):
    """shape"""
    return torch.ones(4, 4, dtype=torch.bool).tril()
