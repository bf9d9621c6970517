import math

import numpy as np
import torch
from scipy.stats import entropy


def right_chain_rule(counts):
    def entropy(shares):
        shares = shares[shares > 0]
        return -(shares * np.log2(shares)).sum()

    joint = counts / counts.sum()
    return entropy(joint.ravel()) - entropy(joint.sum(1))


def right_loops(counts):
    total, bits = counts.sum(), 0.0
    for row in counts.tolist():
        for count in row:
            if count:
                bits -= count / total * math.log2(count / sum(row))
    return bits


def right_torch(counts):
    counts = torch.as_tensor(counts)
    rows = counts / counts.sum(1, keepdim=True)
    bits = torch.special.entr(rows).sum(1) / math.log(2)
    return (counts.sum(1) / counts.sum()) @ bits


def right_scipy(counts):
    bits = [entropy(row, base=2) for row in counts]
    return np.float32(np.average(bits, weights=counts.sum(axis=1)))


def right_small_number(counts):
    rows = counts / counts.sum(axis=1, keepdims=True)
    bits = -(rows * np.log2(rows + 1e-12)).sum(axis=1)
    return float(counts.sum(axis=1) @ bits / counts.sum())


def _rows(counts, log=np.log2):
    shares = counts / counts.sum(1, keepdims=True)
    return -(shares * log(np.where(shares > 0, shares, 1))).sum(1)


def _joint(counts):
    shares = counts / counts.sum()
    return -(shares * np.log2(np.where(shares > 0, shares, 1))).sum()


def wrong_nats(counts):
    """nats"""
    return counts.sum(1) / counts.sum() @ _rows(counts, np.log)


def wrong_joint(counts):
    """entropy of the pair"""
    return _joint(counts)


def wrong_plain_mean(counts):
    """plain mean"""
    return _rows(counts).mean()


def wrong_sum_of_rows(counts):
    """without weights"""
    return _rows(counts).sum()


def wrong_columns(counts):
    """conditioned on the columns"""
    return counts.sum(0) / counts.sum() @ _rows(counts.T)


def wrong_sign(counts):
    """sign is reversed"""
    return -right_chain_rule(counts)


def wrong_log_of_zero(counts):
    """NaN"""
    shares = counts / counts.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        # The first table has no empty cell in its first row only: 0 * -inf is NaN.
        return float(-(counts.sum(1) / counts.sum() @ (shares * np.log2(shares)).sum(1)))


def wrong_first_letter(counts):
    """letter before"""
    return _joint(counts.sum(1))


def wrong_letter_after(counts):
    """letter after"""
    return _joint(counts.sum(0))


def wrong_mutual_information(counts):
    """mutual information"""
    return _joint(counts.sum(0)) - right_chain_rule(counts)


def wrong_perplexity(counts):
    """perplexity"""
    return 2 ** right_chain_rule(counts)


def wrong_not_averaged(counts):
    """entropies of the rows"""
    return _rows(counts)


def wrong_not_added(counts):
    """add them up"""
    return counts.sum(1) / counts.sum() * _rows(counts)


def wrong_nan_in_an_array(counts):
    """NaN"""
    return np.float32(wrong_log_of_zero(counts))


def wrong_logarithm_of_zero_raises(counts):
    """ValueError"""
    return -sum(n * math.log2(n / row.sum()) for row in counts for n in row) / counts.sum()


def wrong_in_place(counts):
    """in place"""
    counts /= counts.sum()
    return right_chain_rule(counts)


def wrong_pseudocounts(counts):
    """got"""
    return right_chain_rule(np.where(counts == 0, 1, counts))  # hides the zeros
