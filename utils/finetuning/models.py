"""Classifiers to begin with, and what a model says of sentences.

Letters of the shapes: N sentences, B sentences of a batch, L tokens, C classes.

Taught in: chapter 3, section "The baselines".
"""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from utils import bert
from utils.finetuning.examples import check_labels
from utils.retrieval import mean_pooling


def with_classifier(body, seed):
    """A classifier on a copy of a `utils.bert.Bert`, its new layer drawn from `seed`.

    Taught in: chapter 3, section "The loop in twenty lines".
    """
    model = random_classifier(body.config, seed)
    model.bert.load_state_dict(body.state_dict())
    return model.to(body.pooler.dense.weight.device)


def start_from_probe(model, pooled, labels, strength=0.5):
    """Set the new layer of a classifier to a linear probe's; returns the model.

    pooled: what the pooler of the model's body says of the training sentences, [N,
    hidden_size], by `sentence_features`; labels: integers [N]. The probe is a logistic
    regression with L2-regularisation, C = `strength`. A random layer sends random
    gradients into the body, and a short training may be over before it has a direction.

    Raises ValueError unless each label of the model occurs, and no other.
    Source: Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features and
    Underperform Out-of-Distribution" (linear probing, then fine-tuning).
    Taught in: chapter 3, section "The baselines".
    """
    labels = check_labels(labels, len(pooled))
    found, expected = np.unique(labels).tolist(), list(range(model.config.num_labels))
    if found != expected:
        raise ValueError(
            f"the probe needs the labels {expected}, and there are {found}"
        )
    _, probe = linear_probe(pooled, labels, strength)
    model.classifier.load_state_dict(probe.state_dict())
    return model


def linear_probe(features, labels, strength):
    """A logistic regression as a layer: its K classes, and nn.Linear(d, K).

    features: [N, d]; labels: [N], of two kinds or more; strength: C, the inverse of the
    L2-regularisation.
    """
    probe = LogisticRegression(C=strength, max_iter=1000).fit(features, labels)
    weight, bias = probe.coef_, probe.intercept_  # [K, d] and [K]
    if len(probe.classes_) == 2:  # one row: the difference of the two logits
        weight, bias = np.stack([-weight[0], weight[0]]) / 2, np.r_[-bias, bias] / 2
    layer = nn.Linear(weight.shape[1], len(weight))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    return probe.classes_.tolist(), layer


def random_classifier(config, seed):
    """The same architecture with every weight drawn from `seed`: it has read nothing.

    Taught in: chapter 3, section "The baselines".
    """
    torch.manual_seed(seed)
    return bert.BertForSequenceClassification(config)


def half_precision_on_gpu(device):
    """bfloat16 for the matrix products of a GPU, float32 for everything on a CPU."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


@torch.no_grad()
def forward(model, examples, read, batch_size=64):
    """`read(output, attention_mask)` of each sentence, in order: an array [N, ...].

    The model is put into evaluation mode; sentences of like length share a batch.
    """
    model.eval()
    device = next(model.parameters()).device
    order = np.argsort(examples.lengths, kind="stable")
    rows = []
    for start in range(0, len(order), batch_size):
        inputs, _ = examples.batch(order[start : start + batch_size], device=device)
        with half_precision_on_gpu(device):
            rows.append(read(model(**inputs), inputs["attention_mask"]).float().cpu())
    result = torch.cat(rows)
    return result[torch.as_tensor(np.argsort(order, kind="stable"))].numpy()


def probabilities(model, examples, batch_size=64):
    """The probability of label 1 for each sentence: an array [N].

    Raises FloatingPointError where the model gives no number.
    """
    found = forward(
        model, examples, lambda output, _: output.logits.softmax(-1)[:, 1], batch_size
    )
    if np.isnan(found).any():
        raise FloatingPointError(
            "The model answers NaN: its weights are damaged, or the training that made "
            "them ended in NaN (try a lower learning rate)."
        )
    return found


POOLINGS = {  # how a vector is read off: (output, attention_mask) -> [B, hidden_size]
    "mean": lambda output, mask: mean_pooling(output.last_hidden_state, mask),
    "cls": lambda output, mask: output.last_hidden_state[:, 0],
    "pooler": lambda output, mask: output.pooler_output,
}


def sentence_features(encoder, examples, pooling="mean"):
    """One vector for each sentence from a frozen encoder: an array [N, hidden_size].

    pooling: "mean" over the tokens, "cls", the vector of [CLS], or "pooler", what the
    pooler makes of that.

    Raises ValueError for another pooling, or an encoder without pooler.
    Taught in: chapter 3, section "The baselines".
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling is one of {list(POOLINGS)}, not {pooling!r}")
    if pooling == "pooler" and encoder.pooler is None:
        raise ValueError("this encoder has no pooler: choose 'mean' or 'cls'")
    return forward(encoder, examples, POOLINGS[pooling])
