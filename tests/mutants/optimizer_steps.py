"""When the optimiser steps, and at which rate, right and wrong."""

import math
import warnings

import torch


def factor(step, warmup, total):
    if step < warmup:
        return step / warmup
    return max(0, total - step) / max(1, total - warmup)


def ends(micro_batches, accumulation):
    places = range(micro_batches)
    return [i for i in places if (i + 1) % accumulation == 0 or i + 1 == micro_batches]


def right_formula(micro_batches, accumulation, warmup, peak):
    places = ends(micro_batches, accumulation)
    return [(i, peak * factor(s, warmup, len(places))) for s, i in enumerate(places)]


def right_ceil(micro_batches, accumulation, warmup, peak):
    total, steps = math.ceil(micro_batches / accumulation), []
    for step in range(total):
        place = min((step + 1) * accumulation, micro_batches) - 1
        steps.append([place, peak * factor(step, warmup, total)])
    return torch.tensor(steps)


def loop(micro_batches, accumulation, warmup, peak, total=None, each_time=False, first=0):
    """A training loop with PyTorch's scheduler; what it does is written down."""
    optimizer, steps = torch.optim.SGD([torch.zeros(1)], lr=peak), []
    total = total or math.ceil(micro_batches / accumulation)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: factor(step, warmup, total)
    )
    for i in range(micro_batches):
        group = i if first else i + 1
        left_over = i + 1 == micro_batches and not first
        if now := group % accumulation == 0 or left_over:
            steps.append((i, optimizer.param_groups[0]["lr"]))
            optimizer.step()
        if now or each_time:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyTorch sees one of these bugs
                schedule.step()
    return steps


def right_loop(micro_batches, accumulation, warmup, peak):
    return loop(micro_batches, accumulation, warmup, peak)


def with_rate(rule):
    """The right places, each with the rate that the rule gives."""

    def answer(micro_batches, accumulation, warmup, peak):
        places = ends(micro_batches, accumulation)
        total = len(places)
        return [(i, peak * rule(s, i, warmup, total)) for s, i in enumerate(places)]

    return answer


def wrong_first_of_each_group(*sizes):
    """first micro-batch of each group

    The Annotated Transformer: `if i % accum_iter == 0`.
    """
    return loop(*sizes, first=1)


def wrong_annotated(*sizes):
    """first micro-batch of each group

    The Annotated Transformer as a whole: its scheduler steps every time, too.
    """
    return loop(*sizes, first=1, each_time=True)


def wrong_last_lost(micro_batches, *others):
    """last group is not full"""
    steps = right_formula(micro_batches, *others)
    return [step for step in steps if (step[0] + 1) % others[0] == 0]


def wrong_last_twice(micro_batches, *others):
    """last micro-batch has two steps"""
    steps = right_formula(micro_batches, *others)
    return steps + steps[-1:] if micro_batches % others[0] == 0 else steps


def wrong_every(micro_batches, accumulation, warmup, peak):
    """nothing is accumulated"""
    return right_formula(micro_batches, 1, warmup, peak)


def wrong_from_one(*sizes):
    """counted from 0"""
    return [(place + 1, rate) for place, rate in right_formula(*sizes)]


def wrong_step_numbers(*sizes):
    """number of the step"""
    return [(step, rate) for step, (_, rate) in enumerate(right_formula(*sizes))]


def wrong_schedule_each_time(*sizes):
    """moves on after every micro-batch

    The Annotated Transformer; Lightning and accelerate had it as a bug.
    """
    return loop(*sizes, each_time=True)


def wrong_schedule_before(*sizes):
    """and before it"""
    return with_rate(lambda s, i, warmup, total: factor(i + 1, warmup, total))(*sizes)


def wrong_in_micro_batches(micro_batches, *others):
    """warm-up and decay are counted in micro-batches

    As in early PyTorch Lightning: with 16 to a group, 16,000 steps of warm-up were 1,000.
    """
    return loop(micro_batches, *others, total=micro_batches, each_time=True)


def wrong_total(micro_batches, *others):
    """stays far from 0"""
    return loop(micro_batches, *others, total=micro_batches)


def wrong_warmup_divided(micro_batches, accumulation, warmup, peak):
    """warmup was divided"""
    return right_formula(micro_batches, accumulation, warmup // accumulation, peak)


def wrong_total_rounded_down(micro_batches, accumulation, warmup, peak):
    """round up"""
    total = micro_batches // accumulation
    return loop(micro_batches, accumulation, warmup, peak, total=total)


def wrong_after_the_step(*sizes):
    """rates after each step"""
    return with_rate(lambda s, i, warmup, total: factor(s + 1, warmup, total))(*sizes)


def wrong_no_warmup(micro_batches, accumulation, warmup, peak):
    """no warm-up"""
    return right_formula(micro_batches, accumulation, 0, peak)


def wrong_jump(*sizes):
    """rate jumps"""

    def rule(step, place, warmup, total):
        return step / warmup if step < warmup else 1 - step / total

    return with_rate(rule)(*sizes)


def wrong_constant(*sizes):
    """constant"""
    return with_rate(lambda s, i, w, total: s / w if s < w else 1.0)(*sizes)


def wrong_factors(micro_batches, accumulation, warmup, peak):
    """multiply by the peak"""
    return right_formula(micro_batches, accumulation, warmup, 1.0)


def wrong_places_alone(micro_batches, accumulation, warmup, peak):
    """list of pairs"""
    return [[place] for place in ends(micro_batches, accumulation)]
