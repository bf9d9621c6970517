"""Warm-up and linear decay, right and wrong."""

import math

import numpy as np
import torch


def right_if(step, peak, warmup_steps, total_steps):
    if step < warmup_steps:
        return peak * step / warmup_steps
    return peak * (total_steps - step) / (total_steps - warmup_steps)


def right_smaller_of_two(step, peak, warmup_steps, total_steps):
    rise = step / warmup_steps if warmup_steps else math.inf
    fall = (total_steps - step) / (total_steps - warmup_steps)
    return torch.tensor(peak) * min(rise, fall)


def right_interpolated(step, peak, warmup_steps, total_steps):
    if not warmup_steps:
        return np.interp(step, [0, total_steps], [peak, 0])
    return np.interp(step, [0, warmup_steps, total_steps], [0, peak, 0])


def right_scheduler(step, peak, warmup_steps, total_steps):
    """What the course's schedule sets, after so many steps of an optimiser."""
    from utils.finetuning import linear_schedule

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=peak)
    schedule = linear_schedule(optimizer, warmup_steps, total_steps)
    for _ in range(step):
        optimizer.step()
        schedule.step()
    return optimizer.param_groups[0]["lr"]


def wrong_decay_from_zero(step, peak, warmup_steps, total_steps):
    """decay starts at step 0"""
    if step < warmup_steps:
        return peak * step / warmup_steps
    return peak * (1 - step / total_steps)


def wrong_never_zero(step, peak, warmup_steps, total_steps):
    """never gets to 0"""
    if step < warmup_steps:
        return peak * step / warmup_steps
    return peak * (1 - (step - warmup_steps) / total_steps)


def wrong_no_warmup(step, peak, warmup_steps, total_steps):
    """there is no warm-up"""
    return peak * (1 - step / total_steps)


def wrong_warmup_at_the_peak(step, peak, warmup_steps, total_steps):
    """stays at the peak"""
    if step < warmup_steps:
        return peak
    return peak * (total_steps - step) / (total_steps - warmup_steps)


def wrong_constant(step, peak, warmup_steps, total_steps):
    """constant"""
    return peak * min(1.0, step / warmup_steps) if warmup_steps else peak


def wrong_noam(step, peak, warmup_steps, total_steps):
    """inverse root"""
    if step < warmup_steps:
        return peak * step / warmup_steps
    return peak * (warmup_steps / step) ** 0.5


def wrong_division_by_zero(step, peak, warmup_steps, total_steps):
    """warmup_steps may be 0"""
    rise = step / warmup_steps
    fall = (total_steps - step) / (total_steps - warmup_steps)
    return peak * min(rise, fall)


def wrong_not_a_number(step, peak, warmup_steps, total_steps):
    """warmup_steps may be 0"""
    rise = torch.tensor(step) / warmup_steps
    fall = (total_steps - step) / (total_steps - warmup_steps)
    return peak * rise.clamp(max=fall)


def wrong_cosine(step, peak, warmup_steps, total_steps):
    """cosine"""
    if step < warmup_steps:
        return peak * step / warmup_steps
    done = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * done)) / 2


def wrong_off_by_one(step, peak, warmup_steps, total_steps):
    """off by one"""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * (total_steps - step) / (total_steps - warmup_steps)


def wrong_factor(step, peak, warmup_steps, total_steps):
    """peak is not used"""
    return right_if(step, 1.0, warmup_steps, total_steps)


def wrong_warmup_over_everything(step, peak, warmup_steps, total_steps):
    """ends at warmup_steps"""
    if step < warmup_steps:
        return peak * step / total_steps
    return peak * (total_steps - step) / (total_steps - warmup_steps)


def wrong_warmup_falls(step, peak, warmup_steps, total_steps):
    """falls during the warm-up"""
    if step < warmup_steps:
        return peak * (1 - step / warmup_steps)
    return peak * (total_steps - step) / (total_steps - warmup_steps)


def wrong_rises_again(step, peak, warmup_steps, total_steps):
    """rises again"""
    if step < warmup_steps:
        return peak * step / warmup_steps
    return peak * (step - warmup_steps) / (total_steps - warmup_steps)


def wrong_only_rises(step, peak, warmup_steps, total_steps):
    """only rises"""
    return peak * step / warmup_steps if warmup_steps else peak


def wrong_integers(step, peak, warmup_steps, total_steps):
    """integers"""
    if step < warmup_steps:
        return peak * (step // warmup_steps)
    return peak * ((total_steps - step) // (total_steps - warmup_steps))


def wrong_product(step, peak, warmup_steps, total_steps):
    """multiplied"""
    rise = step / max(1, warmup_steps)
    return peak * rise * (total_steps - step) / (total_steps - warmup_steps)
