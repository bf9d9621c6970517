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
