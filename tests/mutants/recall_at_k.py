from fractions import Fraction

import numpy as np
import torch


def right_sorting(scores, targets, k):
    first = np.argsort(-scores, axis=1)[:, :k]
    return np.mean([target in row for target, row in zip(targets, first)])


def right_places(scores, targets, k):
    own = scores[np.arange(len(scores)), targets]
    return ((scores > own[:, None]).sum(1) < k).mean()


def right_torch(scores, targets, k):
    first = torch.as_tensor(scores).topk(k, dim=1).indices
    return (first == torch.as_tensor(targets)[:, None]).any(1).double().mean()


def right_partition(scores, targets, k):
    best = np.argpartition(scores, -k, axis=1)[:, -k:]
    return np.float32((best == targets[:, None]).any(axis=1).mean())


def right_pure_python(scores, targets, k):
    hits = 0
    for row, target in zip(scores.tolist(), targets.tolist()):
        hits += target in sorted(range(len(row)), key=row.__getitem__, reverse=True)[:k]
    return Fraction(hits, len(scores))


def wrong_count(scores, targets, k):
    """divide by the number of queries"""
    return right_sorting(scores, targets, k) * len(scores)


def wrong_one_too_many(scores, targets, k):
    """one too many"""
    return right_sorting(scores, targets, k + 1)


def wrong_one_too_few(scores, targets, k):
    """one too few"""
    return right_sorting(scores, targets, k - 1) if k > 1 else 0.0


def wrong_ascending(scores, targets, k):
    """lowest scores"""
    first = np.argsort(scores, axis=1)[:, :k]
    return np.mean([target in row for target, row in zip(targets, first)])


def wrong_precision(scores, targets, k):
    """divided by k"""
    return right_sorting(scores, targets, k) / k


def wrong_best_only(scores, targets, k):
    """only at the best"""
    return np.mean(scores.argmax(1) == targets)


def wrong_place_k_only(scores, targets, k):
    """only at place k"""
    return np.mean(np.argsort(-scores, axis=1)[:, k - 1] == targets)


def wrong_axis(scores, targets, k):
    """sorted the queries"""
    first = np.argsort(-scores, axis=0)[:, :k]
    return np.mean([target in row for target, row in zip(targets, first)])


def wrong_rows_mixed(scores, targets, k):
    """every query counts as a hit"""
    return np.isin(targets, np.argsort(-scores, axis=1)[:, :k]).mean()


def wrong_percent(scores, targets, k):
    """per cent"""
    return 100 * right_sorting(scores, targets, k)


def wrong_reciprocal_rank(scores, targets, k):
    """reciprocal rank"""
    order = np.argsort(-scores, axis=1)
    return np.mean([1 / (1 + list(row).index(t)) for row, t in zip(order, targets)])


def wrong_hits(scores, targets, k):
    """return their mean"""
    first = np.argsort(-scores, axis=1)[:, :k]
    return [target in row for target, row in zip(targets, first)]


def wrong_scores_for_places(scores, targets, k):
    """got 0"""
    first = np.sort(-scores, axis=1)[:, :k]  # sort for argsort
    return np.mean([target in row for target, row in zip(targets, first)])


def wrong_rounded(scores, targets, k):
    """got"""
    return round(right_sorting(scores, targets, k), 2)


def wrong_in_place(scores, targets, k):
    """in place"""
    scores *= -1
    first = np.argsort(scores, axis=1)[:, :k]
    return np.mean([target in row for target, row in zip(targets, first)])
