import math

import numpy as np
import torch


def right_numpy(length, hidden_size):
    even = np.arange(0, hidden_size, 2)
    angle = np.arange(length)[:, None] / 10000 ** (even / hidden_size)
    table = np.empty((length, hidden_size))
    table[:, 0::2], table[:, 1::2] = np.sin(angle), np.cos(angle)
    return table


def right_loops(length, hidden_size):
    table = [[0.0] * hidden_size for _ in range(length)]
    for position in range(length):
        for i in range(0, hidden_size, 2):
            angle = position / 10000 ** (i / hidden_size)
            table[position][i] = math.sin(angle)
            table[position][i + 1] = math.cos(angle)
    return table


def right_log_space(length, hidden_size):
    rate = torch.exp(torch.arange(0, hidden_size, 2) * (-math.log(1e4) / hidden_size))
    angle = torch.arange(length)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(length, hidden_size)


def wrong_doubled_exponent(length, hidden_size):
    """doubled"""
    table = torch.zeros(length, hidden_size)
    for position in range(length):
        for i in range(0, hidden_size, 2):
            angle = position / 10000 ** ((2 * i) / hidden_size)
            table[position, i] = math.sin(angle)
            table[position, i + 1] = math.cos(angle)
    return table


def wrong_halves(length, hidden_size):
    """another convention, not the paper's"""
    table = right_numpy(length, hidden_size)
    return np.concatenate([table[:, 0::2], table[:, 1::2]], axis=1)


def wrong_swapped(length, hidden_size):
    """swapped"""
    even = np.arange(0, hidden_size, 2)
    angle = np.arange(length)[:, None] / 10000 ** (even / hidden_size)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).reshape(length, hidden_size)


def wrong_exponent_of_its_own(length, hidden_size):
    """share one frequency"""
    i = np.arange(hidden_size)
    angle = np.arange(length)[:, None] / 10000 ** (i / hidden_size)
    return np.where(i % 2 == 0, np.sin(angle), np.cos(angle))


def wrong_from_one(length, hidden_size):
    """start at 1"""
    return right_numpy(length + 1, hidden_size)[1:]


def wrong_multiplied(length, hidden_size):
    """instead of divided"""
    even = np.arange(0, hidden_size, 2)
    angle = np.arange(length)[:, None] * 10000 ** (even / hidden_size)
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, hidden_size)


def wrong_not_divided(length, hidden_size):
    """not divided by hidden_size"""
    even = np.arange(0, hidden_size, 2)
    angle = np.arange(length)[:, None] * 10000.0**-even
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, hidden_size)


def right_phase(length, hidden_size):
    """A cosine is a sine a quarter of a turn ahead; float32."""
    i = torch.arange(hidden_size)
    rate = 10000.0 ** -((i - i % 2) / hidden_size)
    return torch.sin(torch.arange(length)[:, None] * rate + i % 2 * math.pi / 2)


def right_lists(length, hidden_size):
    angles = [
        [p / 10000 ** (2 * (i // 2) / hidden_size) for i in range(hidden_size)]
        for p in range(length)
    ]
    return [[(math.sin, math.cos)[i % 2](a) for i, a in enumerate(row)] for row in angles]


def wrong_halved_exponent(length, hidden_size):
    """halved"""
    angle = np.arange(length)[:, None] / 10000 ** (np.arange(hidden_size // 2) / hidden_size)
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, hidden_size)


def wrong_sines_only(length, hidden_size):
    """every dimension is a sine"""
    return np.repeat(right_numpy(length, hidden_size)[:, 0::2], 2, axis=1)


def wrong_no_cosines(length, hidden_size):
    """odd dimensions are empty"""
    table = right_numpy(length, hidden_size)
    table[:, 1::2] = 0
    return table


def wrong_degrees(length, hidden_size):
    """expected"""
    even = np.arange(0, hidden_size, 2)
    angle = np.deg2rad(np.arange(length)[:, None] / 10000 ** (even / hidden_size))
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, hidden_size)
