"""Integrated gradients along a straight path, right and wrong."""

import numpy as np
import torch


def mean_gradient(gradient, x, baseline, steps):
    """The mean over the midpoints of the path, [T, d]."""
    total = 0
    for step in range(steps):
        total = total + gradient(baseline + (step + 0.5) / steps * (x - baseline))
    return total / steps


def right_midpoints(gradient, x, baseline, steps):
    return ((x - baseline) * mean_gradient(gradient, x, baseline, steps)).sum(-1)


def right_right_ends(gradient, x, baseline, steps):
    """Equation 3 of Sundararajan et al."""
    points = [baseline + k / steps * (x - baseline) for k in range(1, steps + 1)]
    total = torch.stack([gradient(point) for point in points]).sum(0)
    return ((x - baseline) * total / steps).sum(dim=1)


def right_left_ends(gradient, x, baseline, steps):
    places = torch.arange(steps) / steps
    gradients = [gradient(baseline + place * (x - baseline)) for place in places]
    return (torch.stack(gradients).mean(0) * (x - baseline)).sum(1)


def right_linspace(gradient, x, baseline, steps):
    places = torch.linspace(0, 1, steps)
    gradients = [gradient(torch.lerp(baseline, x, place)) for place in places]
    return (torch.stack(gradients).mean(0) * (x - baseline)).sum(1)


def right_trapezoid(gradient, x, baseline, steps):
    places = np.linspace(0, 1, steps + 1)
    gradients = [gradient(baseline + p * (x - baseline)).numpy() for p in places]
    return (np.trapezoid(gradients, places, axis=0) * (x - baseline).numpy()).sum(-1)


def right_gauss(gradient, x, baseline, steps):
    """Gauss-Legendre; a hundred points at a time are as many as it needs."""
    nodes, weights = np.polynomial.legendre.leggauss(min(steps, 100))
    x, baseline = x.double(), baseline.double()
    total = sum(
        w / 2 * gradient(baseline + (n + 1) / 2 * (x - baseline))
        for n, w in zip(nodes, weights)
    )
    return ((x - baseline) * total).sum(-1)


def right_from_x_to_baseline(gradient, x, baseline, steps):
    """The path walked backwards: both signs change."""
    return -right_midpoints(gradient, baseline, x, steps)


def right_double(gradient, x, baseline, steps):
    x, baseline = x.double(), baseline.double()
    return right_midpoints(gradient, x, baseline, steps)


def right_vmap(gradient, x, baseline, steps):
    """All points of the path at once."""
    places = (torch.arange(steps) + 0.5) / steps
    path = baseline + places[:, None, None] * (x - baseline)  # [steps, T, d]
    return ((x - baseline) * torch.vmap(gradient)(path).mean(0)).sum(-1)


def wrong_gradient_at_x(gradient, x, baseline, steps):
    """gradient at x alone"""
    return ((x - baseline) * gradient(x)).sum(-1)


def wrong_gradient_times_input(gradient, x, baseline, steps):
    """gradient at x, times x

    All that a single step from a baseline of 0 gives.
    """
    return (x * gradient(x)).sum(-1)


def wrong_gradient_at_baseline(gradient, x, baseline, steps):
    """at the baseline alone"""
    return ((x - baseline) * gradient(baseline)).sum(-1)


def wrong_half_way(gradient, x, baseline, steps):
    """half-way alone"""
    return ((x - baseline) * gradient((x + baseline) / 2)).sum(-1)


def wrong_no_difference(gradient, x, baseline, steps):
    """x - baseline is missing"""
    return mean_gradient(gradient, x, baseline, steps).sum(-1)


def wrong_times_x(gradient, x, baseline, steps):
    """multiplied by x"""
    return (x * mean_gradient(gradient, x, baseline, steps)).sum(-1)


def wrong_path_from_zero(gradient, x, baseline, steps):
    """begins at 0"""
    mean = mean_gradient(gradient, x, torch.zeros_like(x), steps)
    return ((x - baseline) * mean).sum(-1)


def wrong_baseline_ignored(gradient, x, baseline, steps):
    """begins at 0"""
    return right_midpoints(gradient, x, torch.zeros_like(x), steps)


def wrong_difference_alone(gradient, x, baseline, steps):
    """missing in the points"""
    return right_midpoints(gradient, x - baseline, torch.zeros_like(x), steps)


def wrong_growing_steps(gradient, x, baseline, steps):
    """its own step from the baseline"""
    total = 0
    for step in range(steps):
        apart = (step + 0.5) / steps * (x - baseline)
        total = total + apart * gradient(baseline + apart)
    return total.sum(-1) / steps


def wrong_times_point(gradient, x, baseline, steps):
    """its own point"""
    total = 0
    for step in range(steps):
        point = baseline + (step + 0.5) / steps * (x - baseline)
        total = total + point * gradient(point)
    return total.sum(-1) / steps


def wrong_absolute_numbers(gradient, x, baseline, steps):
    """absolute value"""
    mean = mean_gradient(gradient, x, baseline, steps)
    return ((x - baseline) * mean).abs().sum(-1)


def wrong_absolute_tokens(gradient, x, baseline, steps):
    """absolute value"""
    return right_midpoints(gradient, x, baseline, steps).abs()


def wrong_absolute_gradients(gradient, x, baseline, steps):
    """absolute value"""
    mean = mean_gradient(lambda point: gradient(point).abs(), x, baseline, steps)
    return ((x - baseline) * mean).sum(-1)


def wrong_norm(gradient, x, baseline, steps):
    """length of each token's vector"""
    return ((x - baseline) * mean_gradient(gradient, x, baseline, steps)).norm(dim=-1)


def wrong_over_tokens(gradient, x, baseline, steps):
    """runs over the tokens"""
    return ((x - baseline) * mean_gradient(gradient, x, baseline, steps)).sum(0)


def wrong_everything(gradient, x, baseline, steps):
    """one number for all"""
    return right_midpoints(gradient, x, baseline, steps).sum()


def wrong_unsummed(gradient, x, baseline, steps):
    """add them up"""
    return (x - baseline) * mean_gradient(gradient, x, baseline, steps)


def wrong_mean_over_numbers(gradient, x, baseline, steps):
    """mean of a token's d numbers"""
    return ((x - baseline) * mean_gradient(gradient, x, baseline, steps)).mean(-1)


def wrong_not_divided(gradient, x, baseline, steps):
    """divide by steps"""
    return steps * right_midpoints(gradient, x, baseline, steps)


def wrong_sign(gradient, x, baseline, steps):
    """sign is reversed"""
    mean = mean_gradient(gradient, x, baseline, steps)
    return ((baseline - x) * mean).sum(-1)


def wrong_fixed_steps(gradient, x, baseline, steps):
    """steps is not used"""
    return right_midpoints(gradient, x, baseline, 200)


def wrong_in_place(gradient, x, baseline, steps):
    """in place"""
    point, total, step = baseline, 0, (x - baseline) / steps
    for _ in range(steps):
        point += step
        total = total + gradient(point)
    return (step * total).sum(-1)
