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
