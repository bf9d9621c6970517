"""The Matthews correlation, right and wrong."""

import math

import numpy as np
import torch


def right_formula(tp, fp, fn, tn):
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / math.sqrt(product) if product else 0


def right_correlation(tp, fp, fn, tn):
    """NumPy's correlation of the two columns themselves."""
    labels = np.repeat([1, 0, 1, 0], [tp, fp, fn, tn])
    predictions = np.repeat([1, 1, 0, 0], [tp, fp, fn, tn])
    if labels.std() == 0 or predictions.std() == 0:
        return 0.0
    return np.corrcoef(labels, predictions)[0, 1]


def right_torch(tp, fp, fn, tn):
    table = torch.tensor([[tp, fn], [fp, tn]], dtype=torch.float64)
    margins = torch.cat([table.sum(0), table.sum(1)])
    return torch.nan_to_num(table.det() / margins.sqrt().prod(), nan=0.0)


def right_library(tp, fp, fn, tn):
    from sklearn.metrics import matthews_corrcoef

    return matthews_corrcoef([1, 0, 1, 0], [1, 1, 0, 0], sample_weight=[tp, fp, fn, tn])


def right_course(tp, fp, fn, tn):
    from utils.finetuning import matthews

    return matthews(tp, fp, fn, tn)


def fraction(numerator, product):
    return numerator / math.sqrt(product) if product else 0.0


def wrong_swapped(tp, fp, fn, tn):
    """cells in the numerator are swapped"""
    return fraction(tp * fp - fn * tn, (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


def wrong_swapped_too(tp, fp, fn, tn):
    """cells in the numerator are swapped"""
    return fraction(tp * fn - fp * tn, (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


def wrong_factor(tp, fp, fn, tn):
    """under the root adds the right answers"""
    return fraction(tp * tn - fp * fn, (tp + tn) * (tp + fn) * (tn + fp) * (tn + fn))


def wrong_factor_of_errors(tp, fp, fn, tn):
    """under the root adds the errors"""
    return fraction(tp * tn - fp * fn, (tp + fp) * (tp + fn) * (fn + fp) * (tn + fn))


def wrong_added(tp, fp, fn, tn):
    """fn is added"""
    return fraction(tp * tn + fp * fn, (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


def wrong_sign(tp, fp, fn, tn):
    """sign"""
    return fraction(fp * fn - tp * tn, (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


def wrong_no_root(tp, fp, fn, tn):
    """square root is missing"""
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / product if product else 0.0


def wrong_sum_under_the_root(tp, fp, fn, tn):
    """stands a sum"""
    return fraction(tp * tn - fp * fn, (tp + fp) + (tp + fn) + (tn + fp) + (tn + fn))


def wrong_half_of_the_factors(tp, fp, fn, tn):
    """two of the four factors"""
    return fraction(tp * tn - fp * fn, (tp + fp) * (tp + fn))


def wrong_division_by_zero(tp, fp, fn, tn):
    """constant"""
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / math.sqrt(product)


def wrong_not_a_number(tp, fp, fn, tn):
    """constant"""
    product = np.float64((tp + fp) * (tp + fn)) * (tn + fp) * (tn + fn)
    with np.errstate(invalid="ignore"):
        return (tp * tn - fp * fn) / np.sqrt(product)


def wrong_small_integers(tp, fp, fn, tn):
    """more than 64 bits"""
    product = np.prod([tp + fp, tp + fn, tn + fp, tn + fn])
    with np.errstate(invalid="ignore"):
        return (tp * tn - fp * fn) / np.sqrt(product) if product else 0.0


def wrong_root_of_a_large_integer(tp, fp, fn, tn):
    """more than 64 bits"""
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / np.sqrt(product) if product else 0.0


def wrong_torch_integers(tp, fp, fn, tn):
    """more than 64 bits"""
    product = torch.tensor([tp + fp, tp + fn, tn + fp, tn + fn]).prod()
    return (tp * tn - fp * fn) / product.sqrt() if product else 0.0


def wrong_accuracy(tp, fp, fn, tn):
    """accuracy"""
    return (tp + tn) / (tp + fp + fn + tn)


def wrong_f1(tp, fp, fn, tn):
    """F1"""
    return 2 * tp / (2 * tp + fp + fn)


def wrong_kappa(tp, fp, fn, tn):
    """kappa"""
    total = tp + fp + fn + tn
    chance = ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / total**2
    return ((tp + tn) / total - chance) / (1 - chance)


def wrong_absolute(tp, fp, fn, tn):
    """absolute"""
    return abs(right_formula(tp, fp, fn, tn))


def wrong_squared(tp, fp, fn, tn):
    """square of the correlation"""
    return right_formula(tp, fp, fn, tn) ** 2


def wrong_numerator(tp, fp, fn, tn):
    """numerator alone"""
    return tp * tn - fp * fn
