"""Chapter 5 of the part `exact`: hooks, masks, pruning, importance and attribution.

Each is asked of every class of model that the chapter knows, with a padded batch and
non-zero biases; the row has the worst of them.
"""

import tempfile

import numpy as np
import torch
from torch import nn

from benchmarks.head_models import (
    CLASSIFIERS, MAKERS, H, L, answer, far, in_batches, labelled, make,
)  # fmt: skip
from benchmarks.measure import Row
from utils.bertology import (
    head_importance, load_pruned, mask_heads, mask_without, prune_heads, save_pruned,
)  # fmt: skip
from utils.bertology.attribution import integrated_gradients
from utils.sources import load_tokenizer

HEADS, PRUNED, WRONG = [(0, 1), (0, 3), (2, 2)], {0: [1, 3], 2: [2]}, {0: [0, 3], 2: [2]}
CLASSES = f"The worst of {len(MAKERS)} classes of models, on a padded batch."


def rows() -> list[Row]:
    return [*pruning_rows(), *hook_rows(), *saving_rows(), *batch_rows(), *gradient_rows(),
            *completeness_rows()]  # fmt: skip


def pruning_rows() -> list[Row]:
    """Pruned is masked; to prune another head is not."""
    same, other = {}, {}
    for name in MAKERS:
        model, wrong = make(name), make(name)
        with mask_heads(model, mask_without(model, HEADS)):
            masked = answer(model)
        prune_heads(model, PRUNED)
        prune_heads(wrong, WRONG)
        same[name], other[name] = far(answer(model), masked), far(answer(wrong), masked)
    return [
        Row("heads pruned beside heads masked: outputs differ by", max(same.values()), most=1e-5,
            detail=same, note=CLASSES),
        Row("another head pruned beside heads masked: outputs differ by at least", min(other.values()),
            least=1e-3, detail=other, note="The negative control: the row above could have failed."),
    ]  # fmt: skip


def hook_rows() -> list[Row]:
    """The model after its hooks are gone, in order and by an error."""
    after, error, left = {}, {}, 0
    for name in MAKERS:
        model = make(name)
        before = answer(model)
        with mask_heads(model, mask_without(model, HEADS)):
            answer(model)
        after[name] = far(answer(model), before)
        try:
            with mask_heads(model, torch.zeros(L, H)):
                answer(model)
                raise ZeroDivisionError
        except ZeroDivisionError:
            error[name] = far(answer(model), before)
        left += sum(len(m._forward_pre_hooks) + len(m._forward_hooks) for m in model.modules())
    return [
        Row("outputs before heads were masked and afterwards differ by", max(after.values()), most=0, note=CLASSES),
        Row("outputs before an error while heads were masked and afterwards differ by",
            max(error.values()), most=0, note=CLASSES),
        Row("hooks left in the models", left, most=0),
    ]  # fmt: skip


def saving_rows() -> list[Row]:
    off = {}
    for name in MAKERS:
        model = make(name)
        prune_heads(model, PRUNED)
        with tempfile.TemporaryDirectory() as folder:
            save_pruned(model, folder)
            off[name] = far(answer(load_pruned(folder)), answer(model))
    return [Row("a pruned model saved and loaded: outputs differ by", max(off.values()), most=0, note=CLASSES)]


def batch_rows() -> list[Row]:
    """Importance of the same sentences, 1, 5 and 12 of them a batch."""
    off = {}
    for name in CLASSIFIERS:
        one, *others = (head_importance(make(name), in_batches(size)).mean for size in (1, 5, 12))
        off[name] = max(float(np.max(np.abs(other - one) / one)) for other in others)
    return [Row("importance of heads in batches of other sizes: relative difference", max(off.values()),
                most=1e-3, detail=off, note=f"The worst of {len(CLASSIFIERS)} classifiers.")]  # fmt: skip


def gradient_rows() -> list[Row]:
    """Importance is the mean of |∂loss/∂mask|: here by central finite differences."""
    off = {}
    for name in CLASSIFIERS:
        model = make(name, torch.float64)
        found, by_hand = head_importance(model, in_batches(4, number=6)).mean, finite_differences(model)
        off[name] = float(np.max(np.abs(found - by_hand) / by_hand))
    return [Row("importance of heads against finite differences: relative difference", max(off.values()),
                most=1e-4, detail=off, note=f"The worst of {len(CLASSIFIERS)} classifiers.")]  # fmt: skip


def finite_differences(model, eps: float = 1e-5) -> np.ndarray:
    ids, mask, labels = labelled(number=6)

    def losses(head_mask):
        with torch.no_grad(), mask_heads(model, head_mask):
            logits = model(input_ids=ids, attention_mask=mask).logits
        return nn.functional.cross_entropy(logits, labels, reduction="none")

    found, ones = np.zeros((L, H)), torch.ones(L, H, dtype=torch.float64)
    for head in np.ndindex(L, H):
        step = torch.zeros_like(ones)
        step[head] = eps
        found[head] = ((losses(ones + step) - losses(ones - step)) / (2 * eps)).abs().mean()
    return found


def completeness_rows() -> list[Row]:
    """Integrated gradients add up to what they explain."""
    tokenizer = load_tokenizer("all-MiniLM-L6-v2")
    inputs = dict(tokenizer("The old dogs near the cat sleep.", return_tensors="pt"))
    gaps = {}
    for name in CLASSIFIERS:
        if name.startswith("GPT2"):
            continue  # BERT's tokenizer is not its own
        model = make(name, vocabulary=len(tokenizer))
        given = {k: v for k, v in inputs.items() if k != "token_type_ids" or "DistilBert" not in name}
        found = integrated_gradients(model, tokenizer, given, 1, steps=256)
        gaps[name] = found.completeness_gap / abs(found.value - found.baseline_value)
    kinks = gaps.pop("DistilBertForSequenceClassification")
    what = "integrated gradients: share of the score that they miss"
    return [
        Row(what, max(gaps.values()), most=1e-3, detail=gaps,
            note="256 steps. The worst of BERT, RoBERTa and the course's BERT; 0.1 % is our reading of complete."),
        Row(f"{what}, DistilBERT", kinks, most=0.01,
            note="256 steps. Its classifier has a ReLU, whose slope breaks: 1 % is our reading there."),
    ]  # fmt: skip
