import math

import numpy as np
import torch
from scipy.optimize import brentq


def right_formula(flops):
    parameters = math.sqrt(flops / 120)
    return parameters, 20 * parameters


def right_root_finder(flops):
    parameters = 10 ** brentq(lambda n: math.log10(6 * 20) + 2 * n - math.log10(flops), 0, 20)
    return [parameters, 20 * parameters]


def right_tokens_first(flops):
    tokens = np.sqrt(20 * flops / 6)
    return np.array([tokens / 20, tokens])


def right_torch(flops):
    parameters = torch.tensor(flops / 120, dtype=torch.float64).sqrt()
    return parameters, parameters * 20


def right_bisection(flops):
    low, high = 0.0, 1e20
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if 120 * middle**2 < flops else (low, middle)
    return middle, 20 * middle


def right_whole_numbers(flops):
    return tuple(round(number) for number in right_formula(flops))


def right_float32(flops):
    return np.array(right_formula(flops), dtype=np.float32)


def wrong_order(flops):
    """exchanged"""
    return right_formula(flops)[::-1]


def wrong_forward_only(flops):
    """forward pass alone"""
    parameters = math.sqrt(flops / 40)
    return parameters, 20 * parameters


def wrong_backward_only(flops):
    """backward pass alone"""
    parameters = math.sqrt(flops / 80)
    return parameters, 20 * parameters


def wrong_no_root(flops):
    """square root"""
    return flops / 120, flops / 6


def wrong_ratio_inverted(flops):
    """each of them has 20 tokens"""
    parameters = math.sqrt(20 * flops / 6)
    return parameters, parameters / 20


def wrong_one_token(flops):
    """one token"""
    parameters = math.sqrt(flops / 6)
    return parameters, parameters


def wrong_single_number(flops):
    """two numbers"""
    return math.sqrt(flops / 120)


def wrong_forward_twice(flops):
    """8ND"""
    parameters = math.sqrt(flops / 160)
    return parameters, 20 * parameters


def wrong_without_six(flops):
    """6 of 6ND is missing"""
    parameters = math.sqrt(flops / 20)
    return parameters, 20 * parameters


def wrong_without_twenty(flops):
    """20 is missing"""
    parameters = math.sqrt(flops / 6)
    return parameters, 20 * parameters


def wrong_root_of_the_numerator(flops):
    """whole quotient"""
    parameters = math.sqrt(flops) / 120
    return parameters, 20 * parameters


def wrong_billions(flops):
    """not billions"""
    return [number / 1e9 for number in right_formula(flops)]


def wrong_chinchilla_by_heart(flops):
    """got 7e+10"""
    return 70e9, 1.4e12


def wrong_overflow(flops):
    """got"""
    return np.array(right_formula(flops)).astype(np.int64).astype(np.int32)


def wrong_printed(flops):
    """returns nothing"""
    right_formula(flops)
