"""The loss of masked language modelling, right and wrong."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def right_cross_entropy(logits, labels):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def right_chosen_first(logits, labels):
    chosen = labels != -100
    log_p = logits[chosen].log_softmax(-1)
    return -log_p[torch.arange(len(log_p)), labels[chosen]].mean()


def right_unreduced(logits, labels):
    """Single losses, then a mask of weights, then a mean of those that count."""
    weights = (labels != -100).double()
    losses = nn.CrossEntropyLoss(reduction="none")(
        logits.transpose(1, 2), labels.clamp(min=0)
    )
    return (losses * weights).sum() / weights.sum()


def right_numpy(logits, labels):
    logits, labels = logits.numpy(), labels.numpy()
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    p = powers / powers.sum(-1, keepdims=True)
    return -np.mean([np.log(p[i][labels[i]]) for i in zip(*np.where(labels != -100))])


def right_single_precision(logits, labels):
    return F.cross_entropy(logits.float().mT, labels).item()


def right_course(logits, labels):
    from utils.pretraining_tasks import masked_lm_loss

    return masked_lm_loss(logits, labels)


def wrong_all_positions(logits, labels):
    """number of all positions"""
    losses = F.cross_entropy(logits.mT, labels, reduction="none")
    return losses.mean()


def wrong_late_weights(logits, labels):
    """-100 was taken for the id 0"""
    weights = (labels != -100).double()
    loss = nn.CrossEntropyLoss()(logits.flatten(0, 1), labels.clamp(min=0).flatten())
    return (loss * weights).sum() / weights.sum()


def wrong_late_mean(logits, labels):
    """mean was taken before the mask"""
    weights = (labels != -100).double()
    loss = nn.CrossEntropyLoss()(logits.flatten(0, 1), labels.clamp(min=0).flatten())
    return (loss * weights).mean()


def wrong_late_sum(logits, labels):
    """mean was taken before the mask"""
    weights = (labels != -100).double()
    loss = nn.CrossEntropyLoss()(logits.flatten(0, 1), labels.clamp(min=0).flatten())
    return (loss * weights).sum()


def wrong_clamped(logits, labels):
    """taken for the id 0"""
    return F.cross_entropy(logits.mT, labels.clamp(min=0))


def wrong_sum(logits, labels):
    """this is a sum"""
    return F.cross_entropy(logits.mT, labels, reduction="sum")


def wrong_two_softmaxes(logits, labels):
    """softmax comes twice"""
    return F.cross_entropy(logits.softmax(-1).flatten(0, 1), labels.flatten())


def wrong_no_logarithm(logits, labels):
    """logarithm is missing"""
    return F.nll_loss(logits.softmax(-1).flatten(0, 1), labels.flatten())


def wrong_no_softmax(logits, labels):
    """softmax is missing"""
    return F.nll_loss(logits.flatten(0, 1), labels.flatten())


def wrong_mean_of_rows(logits, labels):
    """mean of the rows' means"""
    losses = [F.cross_entropy(row, label) for row, label in zip(logits, labels)]
    return torch.stack(losses).mean()


def wrong_mean_of_rows_with_labels(logits, labels):
    """mean of the rows' means"""
    rows = [i for i in range(len(labels)) if (labels[i] != -100).any()]
    return sum(F.cross_entropy(logits[i], labels[i]) for i in rows) / len(rows)


def wrong_shifted(logits, labels):
    """shifted by one"""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


def wrong_negative_index(logits, labels):
    """negative index"""
    log_p = logits.log_softmax(-1).numpy()
    rows, columns = np.indices(labels.shape)
    return -log_p[rows, columns, labels.numpy()].mean()


def wrong_reshape(logits, labels):
    """transpose does"""
    batch, length, vocab_size = logits.shape
    return F.cross_entropy(logits.reshape(batch, vocab_size, length), labels)


def wrong_axis(logits, labels):
    """over the positions"""
    return F.nll_loss(logits.log_softmax(1).flatten(0, 1), labels.flatten())


def wrong_bits(logits, labels):
    """bits"""
    return right_cross_entropy(logits, labels) / np.log(2)


def wrong_sign(logits, labels):
    """sign"""
    return -right_cross_entropy(logits, labels)


def wrong_perplexity(logits, labels):
    """perplexity"""
    return right_cross_entropy(logits, labels).exp()


def wrong_rows(logits, labels):
    """number of rows"""
    return F.cross_entropy(logits.mT, labels, reduction="sum") / len(labels)


def wrong_unreduced(logits, labels):
    """losses of all positions"""
    return F.cross_entropy(logits.mT, labels, reduction="none")


def wrong_in_place(logits, labels):
    """in place"""
    labels[labels < 0] = 0
    return F.cross_entropy(logits.mT, labels)
