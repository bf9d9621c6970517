"""Which heads matter? By gradient, by taking them away one by one, and in sweeps.

Letters of the shapes: N examples, B of a batch, L layers, H heads of a layer, K classes.
`examples` are sentences with labels: an object like `utils.finetuning.Examples`, which
has lengths, labels and `batch(places, device=...)`, or a list of pairs (inputs, labels).
`model(**inputs).logits` is [B, K].

Source: Michel, Levy and Neubig 2019, "Are Sixteen Heads Really Better than One?"
Taught in: chapter 5, sections "Which heads matter" to "Masking in a row".
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from utils.bertology.heads import HeadAdapter, HeadError, call, paper_name
from utils.bertology.masking import as_pairs, check_mask, mask_heads, mask_without
from utils.inputs import require_integers, require_tensor
from utils.retrieval import Estimate, bootstrap
from utils.settings import progress
from utils.transformer import inference

NORMALISATIONS = (None, "layer", "global", "layer+global")
SCORED = ("score", "change", "low", "high")
ORDERS = ("importance", "recomputed", "random", "reverse")


# --------------------------------------------------------------- by the gradient
@dataclass(frozen=True)
class HeadScores:
    """A number for each head: mean and its standard error over n examples, [L, H].

    normalisation: how the numbers were scaled, one of `NORMALISATIONS`; the standard
    errors were scaled with them, the scale being taken as known.
    """

    mean: np.ndarray
    standard_error: np.ndarray
    n: int
    normalisation: str | None = None

    def normalised(self, how):
        """The same scores on another scale.

        "layer": each layer divided by its L2 norm, as Michel et al. do after Molchanov
        et al. 2017; "global": moved and stretched to 0 ... 1 over all heads, as
        run_bertology.py did; "layer+global": both, one after the other; None: as it is.
        Raises HeadError for another name, or for scores that are scaled already.
        """
        if how not in NORMALISATIONS:
            raise HeadError(f"normalisation is one of {NORMALISATIONS}, not {how!r}")
        if self.normalisation is not None and how != self.normalisation:
            raise HeadError(f"these scores are scaled already: {self.normalisation!r}")
        mean, error = self.mean, self.standard_error
        if how is None or how == self.normalisation:
            return self
        if "layer" in how:
            norm = np.linalg.norm(mean, axis=-1, keepdims=True) + 1e-20
            mean, error = mean / norm, error / norm
        if "global" in how:
            span = np.ptp(mean) or 1.0
            mean, error = (mean - mean.min()) / span, error / span
        return replace(self, mean=mean, standard_error=error, normalisation=how)

    def ranking(self):
        """The (layer, head) pairs, the least important first."""
        order = np.argsort(self.mean, axis=None, kind="stable")
        return [tuple(int(i) for i in np.unravel_index(place, self.mean.shape))
                for place in order]  # fmt: skip

    def table(self):
        """A DataFrame, the most important head first: layer, head, name, mean, error."""
        rows = [
            (layer, head, paper_name(layer, head), self.mean[layer, head],
             self.standard_error[layer, head])
            for layer, head in reversed(self.ranking())
        ]  # fmt: skip
        return pd.DataFrame(
            rows, columns=["layer", "head", "name", "importance", "standard error"]
        )


def head_importance(
    model, examples, *, loss=None, head_mask=None, normalise=None, batch_size=32
):
    """The expected sensitivity of the loss to each head: HeadScores of E_x |∂L(x)/∂ξ_h|.

    Each example has a mask ξ of its own, [B, L, H], all ones. Examples do not influence
    one another, so one backward pass of the summed loss gives ∂L(x)/∂ξ of each example
    exactly: the absolute value is taken per example, and the batch size changes nothing.

    loss: a function (logits, labels) -> [B]; the cross-entropy unless told. The last
    layer's heads have a gradient only through the tokens that the loss reads.
    head_mask: [L, H], heads that are masked already; they score 0.
    normalise: see `HeadScores.normalised`.

    Raises HeadError for a loss that is no number for each example, and where its
    gradient is none, as with a head_mask too large to compute with.
    Source: Michel, Levy and Neubig 2019, section 4.1.
    Taught in: chapter 5, section "Which heads matter".
    """
    adapter = HeadAdapter.for_model(model)
    base = torch.ones(adapter.num_layers, adapter.num_heads)
    for layer in adapter.pruned:
        base[layer, adapter.pruned[layer]] = 0
    if head_mask is not None:
        base = base * check_mask(head_mask, adapter).detach().cpu()
    total = squares = np.zeros(base.shape)
    n = 0
    with inference(model, gradients=True):
        for inputs, labels in progress(batches(model, examples, batch_size), "importance"):
            mask = base.repeat(len(labels), 1, 1).requires_grad_()  # [B, L, H]
            with mask_heads(model, mask):
                losses = (loss or cross_entropy)(call(model, inputs).logits, labels)
            if losses.shape != (len(labels),):
                raise HeadError(
                    f"the loss must be a number for each of the {len(labels)} examples, "
                    f"[B], not {list(losses.shape)}"
                )
            (gradient,) = torch.autograd.grad(losses.sum(), mask)
            each = (gradient * base).abs().double().numpy()  # |∂L(x)/∂ξ|, [B, L, H]
            total, squares = total + each.sum(0), squares + (each**2).sum(0)
            n += len(labels)
    if not np.isfinite(squares).all():
        raise HeadError(
            "the gradient of the loss is no number: the model's weights, or the numbers of "
            "head_mask, are too large"
        )
    mean = total / n
    variance = np.maximum(squares / n - mean**2, 0) * n / max(n - 1, 1)
    return HeadScores(mean, np.sqrt(variance / n), n).normalised(normalise)


def cross_entropy(logits, labels):
    """The loss of each example, [B]; the squared error where there is one output.

    Raises HeadError for labels that the model's classes do not have, or are no tensor [B].
    """
    try:
        require_tensor(labels, "labels", shape=logits.shape[:1])
        if logits.size(-1) > 1:
            require_integers(labels, "labels")
    except (TypeError, ValueError) as error:
        raise HeadError(str(error)) from None
    if logits.size(-1) == 1:
        return (logits[:, 0].float() - labels.float()).square()
    if labels.min() < 0 or labels.max() >= logits.size(-1):
        raise HeadError(
            f"labels go from {labels.min()} to {labels.max()}, and the model has the "
            f"classes 0 to {logits.size(-1) - 1}"
        )
    return F.cross_entropy(logits.float(), labels.long(), reduction="none")


# --------------------------------------------------------------- by taking away
def predictions(model, examples, head_mask=None, batch_size=64):
    """The class of each example, in order: integers [N]; the output where there is one.

    head_mask: [L, H], or None. Raises HeadError for another one, FloatingPointError for
    answers that are NaN.
    """
    mask = head_mask
    if mask is None:
        adapter = HeadAdapter.for_model(model)
        mask = torch.ones(adapter.num_layers, adapter.num_heads)
    found, places = [], []
    with inference(model), mask_heads(model, mask):
        for batch in _ordered(model, examples, batch_size):
            logits = call(model, batch[0]).logits.float().cpu()  # [B, K]
            if not logits.isfinite().all():
                raise FloatingPointError("the model's answers are no numbers (NaN)")
            found.append(logits[:, 0] if logits.size(-1) == 1 else logits.argmax(-1))
            places.append(batch[2])
    return torch.cat(found).numpy()[np.argsort(np.concatenate(places))]


def labels_of(examples):
    """The labels of the examples, in order, [N]; HeadError where there are none."""
    if not hasattr(examples, "batch"):
        return np.concatenate([np.asarray(labels) for _, labels in examples])
    if examples.labels is None:
        raise HeadError("the examples have no labels")
    return np.asarray(examples.labels)


def share_right(labels, answers):
    """The accuracy of answers [N] beside labels [N]."""
    return float(np.mean(np.asarray(labels) == np.asarray(answers)))


def ablate_one(model, examples, *, metric=share_right, batch_size=64):
    """What the score loses when one head is masked, for each head: a DataFrame.

    metric: (labels, predictions) -> a number, accuracy unless told. Columns: layer, head,
    name, score, change (masked minus whole), and low and high, the 95 % bootstrap
    interval of the change: both models answer the same resampled examples.

    Source: Michel, Levy and Neubig 2019, section 3.2, table 1; Efron and Tibshirani 1993
    for the paired bootstrap.
    Taught in: chapter 5, section "One head less".
    """
    adapter = HeadAdapter.for_model(model)
    labels, whole = labels_of(examples), predictions(model, examples, None, batch_size)
    heads = [(i, head) for i in range(adapter.num_layers) for head in adapter.kept(i)]
    rows = []
    for layer, head in progress(heads, "heads"):
        mask = mask_without(adapter, [(layer, head)])
        answers = predictions(model, examples, mask, batch_size)
        rows.append((layer, head, paper_name(layer, head),
                     *scored(labels, whole, answers, metric)))  # fmt: skip
    return pd.DataFrame(rows, columns=["layer", "head", "name", *SCORED])


def all_but_one(
    model, examples, choose_on, *, metric=share_right, batch_size=64
):
    """One head alone for a whole layer, for each layer: a DataFrame.

    The head that does best alone is chosen on `choose_on` and scored on `examples`: the
    best of H on the same examples would be too good. Columns: layer, head, name, score,
    change, low, high, as `ablate_one` has them.

    Raises HeadError where both are the same object.
    Source: Michel, Levy and Neubig 2019, section 3.3, tables 2 and 3.
    Taught in: chapter 5, section "One head less".
    """
    if choose_on is examples:
        raise HeadError("choose_on and examples are the same: choose the heads on others")
    adapter = HeadAdapter.for_model(model)
    labels, whole = labels_of(examples), predictions(model, examples, None, batch_size)
    choices = labels_of(choose_on)
    rows = []
    for layer in progress(range(adapter.num_layers), "layers"):
        alone = {
            head: mask_without(adapter, [(layer, h) for h in adapter.kept(layer) if h != head])
            for head in adapter.kept(layer)
        }
        scores = {
            head: metric(choices, predictions(model, choose_on, mask, batch_size))
            for head, mask in alone.items()
        }
        head = max(scores, key=scores.get)
        answers = predictions(model, examples, alone[head], batch_size)
        rows.append((layer, head, paper_name(layer, head),
                     *scored(labels, whole, answers, metric)))  # fmt: skip
    return pd.DataFrame(rows, columns=["layer", "head", "name", *SCORED])


def scored(labels, whole, answers, metric):
    """The columns `SCORED` of answers [N] beside those of the whole model, [N]."""
    change = paired_change(labels, whole, answers, metric)
    return metric(labels, answers), change.value, change.low, change.high


def paired_change(labels, before, after, metric=share_right) -> Estimate:
    """How a metric changes: an Estimate with its 95 % paired bootstrap interval.

    labels, before, after: [N]; every resample takes the same examples for both.
    """

    def change(labels, before, after):
        return metric(labels, after) - metric(labels, before)

    return bootstrap(change, *map(np.asarray, (labels, before, after)))


# ------------------------------------------------------------- one after another
def masking_sweep(
    model, examples, *, order="importance", scores=None, rank_on=None,
    shares=(0.0, 0.2, 0.4, 0.6, 0.8), seeds=(0,), normalise="layer", metric=share_right,
    batch_size=64,
):  # fmt: skip
    """Mask more and more heads and look at the score: a DataFrame.

    order: "importance", the least important head first; "reverse", the most important
    first; "random", an order for each of the seeds; "recomputed", the importance of the
    heads that are left computed anew on `rank_on` before each step.
    scores: HeadScores of `head_importance`, for the first two; computed on `rank_on`,
    scaled by `normalise`, where none are given. `rank_on` and `examples` should differ.
    shares: of all heads, from low to high. A layer keeps one head at least, so that what
    is masked can be pruned.

    Columns: order, seed, share, heads (how many are masked), score, change, low, high:
    the change from the whole model and its 95 % paired bootstrap interval; and masked,
    the (layer, head) pairs.
    Raises HeadError for an unknown order, no scores to order by, or a share that cannot
    be masked.
    Source: Michel, Levy and Neubig 2019, section 4.2, figure 3.
    Taught in: chapter 5, section "Masking in a row".
    """
    if order not in ORDERS:
        raise HeadError(f"order is one of {', '.join(ORDERS)}, not {order!r}")
    if rank_on is None and (order == "recomputed" or (scores is None and order != "random")):
        raise HeadError(f"order {order!r} needs rank_on, the examples to rank the heads on")
    adapter = HeadAdapter.for_model(model)
    adapter.check_whole("masking_sweep")
    total = adapter.num_layers * adapter.num_heads
    counts = [round(share * total) for share in shares]
    if counts != sorted(counts) or counts[0] < 0 or counts[-1] > total - adapter.num_layers:
        raise HeadError(
            f"shares are {list(shares)}: they rise from 0 to {1 - 1 / adapter.num_heads:.3g}"
            f" at most, since a layer keeps one head"
        )
    if scores is None and order in ("importance", "reverse"):
        scores = head_importance(
            model, rank_on, normalise=normalise, batch_size=batch_size
        )
    labels, whole = labels_of(examples), predictions(model, examples, None, batch_size)
    rows = []
    for seed in seeds if order == "random" else (seeds[0],):
        masked = []
        for share, count in progress(list(zip(shares, counts)), f"{order} {seed}"):
            if count > len(masked):
                if order == "recomputed":
                    mask = mask_without(adapter, masked)
                    scores = head_importance(
                        model, rank_on, head_mask=mask, normalise=normalise,
                        batch_size=batch_size,
                    )  # fmt: skip
                ranking = _ranking(order, scores, seed, adapter)
                masked = mask_more(masked, count, ranking, adapter)
            answers = predictions(model, examples, mask_without(adapter, masked), batch_size)
            rows.append((order, seed, share, count,
                         *scored(labels, whole, answers, metric), list(masked)))  # fmt: skip
    return pd.DataFrame(
        rows, columns=["order", "seed", "share", "heads", *SCORED, "masked"]
    )


def _ranking(order, scores, seed, adapter):
    """All heads in the order in which they are to be masked."""
    if order == "random":
        total = adapter.num_layers * adapter.num_heads
        places = np.random.default_rng(seed).permutation(total)
        return [divmod(int(place), adapter.num_heads) for place in places]
    ranking = scores.ranking()
    return ranking[::-1] if order == "reverse" else ranking


def mask_more(masked, count, ranking, adapter):
    """`masked` and the first heads of the ranking, until there are `count`.

    masked, ranking: (layer, head) pairs. A layer keeps one head, and a head that was
    pruned before is passed over.
    Taught in: chapter 5, section "Masking in a row".
    """
    masked = list(masked)
    left = {layer: len(adapter.kept(layer)) for layer in range(adapter.num_layers)}
    for layer, _ in masked:
        left[layer] -= 1
    for layer, head in ranking:
        if len(masked) == count:
            break
        there = head in adapter.kept(layer) and (layer, head) not in masked
        if there and left[layer] > 1:
            masked.append((layer, head))
            left[layer] -= 1
    return masked


def by_layer(heads):
    """(layer, head) pairs as {layer: [heads]}, which `prune_heads` takes.

    Raises HeadError for what are no pairs.
    """
    found = {}
    for layer, head in sorted(as_pairs(heads)):
        found.setdefault(layer, []).append(head)
    return found


# --------------------------------------------------------------------- examples
def batches(model, examples, batch_size):
    """(inputs, labels) of each batch, on the model's device; HeadError without labels."""
    labels_of(examples)
    return [batch[:2] for batch in _ordered(model, examples, batch_size)]


def _ordered(model, examples, batch_size):
    """Yield (inputs, labels, places); sentences of like length share a batch."""
    device = next(model.parameters()).device
    if hasattr(examples, "batch"):
        order = np.argsort(examples.lengths, kind="stable")
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            yield *examples.batch(places, device=device), places
        return
    start = 0
    for inputs, labels in examples:
        places = np.arange(start, start + len(labels))
        inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
        yield inputs, torch.as_tensor(labels).to(device), places
        start += len(labels)
