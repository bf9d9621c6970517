"""The mean absolute gradient of each head, right and wrong."""

import numpy as np
import torch


def right_joined(gradients):
    return torch.cat(gradients).abs().mean(dim=0)


def right_running(gradients):
    total, n = 0, 0
    for batch in gradients:
        total = total + batch.abs().sum(0)
        n += len(batch)
    return total / n


def right_weighted_means(gradients):
    n = sum(len(batch) for batch in gradients)
    return sum(batch.double().abs().mean(0) * len(batch) / n for batch in gradients)


def right_numpy(gradients):
    return np.abs(np.concatenate([batch.numpy() for batch in gradients])).mean(axis=0)


def right_loops(gradients):
    rows = [example.tolist() for batch in gradients for example in batch]
    layers, heads = len(rows[0]), len(rows[0][0])
    return [
        [sum(abs(row[i][j]) for row in rows) / len(rows) for j in range(heads)]
        for i in range(layers)
    ]


def right_squares_and_roots(gradients):
    return torch.vstack(gradients).square().sqrt().mean(0)


def wrong_batch_sum(gradients):
    """once for a batch

    One mask for the whole batch: its gradient is the sum over the examples.
    """
    n = sum(map(len, gradients))
    return sum(batch.sum(0).abs() for batch in gradients) / n


def wrong_batch_sum_by_batches(gradients):
    """once for a batch"""
    return sum(batch.sum(0).abs() for batch in gradients) / len(gradients)


def wrong_batch_mean(gradients):
    """once for a batch"""
    return torch.stack([batch.mean(0).abs() for batch in gradients]).mean(0)


def wrong_never_zeroed(gradients):
    """never put back to zero

    run_bertology.py: backward() adds to head_mask.grad, which nothing empties.
    """
    grad, importance, n = 0, 0, 0
    for batch in gradients:
        grad = grad + batch.sum(0)
        importance = importance + grad.abs()
        n += len(batch)
    return importance / n


def wrong_never_zeroed_mean_loss(gradients):
    """never put back to zero"""
    grad = importance = 0
    for batch in gradients:
        grad = grad + batch.mean(0)
        importance = importance + grad.abs()
    return importance / len(gradients)


def wrong_never_zeroed_sum_by_batches(gradients):
    """never put back to zero"""
    sums = torch.stack([batch.sum(0) for batch in gradients])
    return sums.cumsum(0).abs().mean(0)


def wrong_never_zeroed_mean_by_examples(gradients):
    """never put back to zero"""
    means = torch.stack([batch.mean(0) for batch in gradients])
    return means.cumsum(0).abs().sum(0) / sum(map(len, gradients))


def wrong_never_zeroed_examples(gradients):
    """never put back to zero"""
    return torch.cat(gradients).cumsum(0).abs().mean(0)


def wrong_mean_of_means(gradients):
    """every batch counts the same"""
    return torch.stack([batch.abs().mean(0) for batch in gradients]).mean(0)


def wrong_signed(gradients):
    """absolute value is missing"""
    return torch.cat(gradients).mean(0)


def wrong_signed_mean_of_means(gradients):
    """absolute value is missing"""
    return sum(batch.mean(0) for batch in gradients) / len(gradients)


def wrong_late_absolute(gradients):
    """absolute value comes last"""
    return torch.cat(gradients).mean(0).abs()


def wrong_late_absolute_mean_of_means(gradients):
    """absolute value comes last"""
    return torch.stack([batch.mean(0) for batch in gradients]).mean(0).abs()


def wrong_sum(gradients):
    """this is the sum"""
    return torch.cat(gradients).abs().sum(0)


def wrong_by_batches(gradients):
    """divided by the number of batches"""
    return torch.cat(gradients).abs().sum(0) / len(gradients)


def wrong_squares(gradients):
    """squares"""
    return (torch.cat(gradients) ** 2).mean(0)


def wrong_root_mean_square(gradients):
    """root of the mean square"""
    return (torch.cat(gradients) ** 2).mean(0).sqrt()


def wrong_last_batch(gradients):
    """last batch alone"""
    for batch in gradients:
        importance = batch.abs().mean(0)
    return importance


def wrong_first_batch(gradients):
    """first batch alone"""
    return gradients[0].abs().mean(0)


def wrong_largest(gradients):
    """largest of the examples"""
    return torch.cat(gradients).abs().max(0).values


def wrong_each_example(gradients):
    """number for each example"""
    return torch.cat(gradients).abs()


def wrong_layers(gradients):
    """one number for a layer"""
    return torch.cat(gradients).abs().mean((0, 2))


def wrong_everything(gradients):
    """one number for all"""
    return torch.cat(gradients).abs().mean()


def wrong_normalised(gradients):
    """divided by its norm"""
    mean = torch.cat(gradients).abs().mean(0)
    return mean / mean.norm(dim=-1, keepdim=True)


def wrong_in_place(gradients):
    """in place"""
    return torch.cat([batch.abs_() for batch in gradients]).mean(0)
