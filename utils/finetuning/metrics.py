"""Scores from four cells, and the interval around each.

Letters of the shapes: N sentences, R runs.

Taught in: chapter 3, sections "Four cells and five scores" and "What the test says".
"""

import math

import numpy as np

from utils.retrieval import Estimate, bootstrap


def confusion(labels, predictions):
    """The four cells: true positives, false positives, false negatives, true negatives.

    Positive is label 1, "acceptable". Raises ValueError unless both are 0s and 1s of
    one length.
    Taught in: chapter 3, section "Four cells and five scores".
    """
    labels, predictions = check_columns(labels, predictions)
    tp = int((labels & predictions).sum())
    fp = int(((1 - labels) & predictions).sum())
    fn = int((labels & (1 - predictions)).sum())
    return tp, fp, fn, len(labels) - tp - fp - fn


def check_columns(labels, predictions):
    """Two integer arrays [N] of 0s and 1s; a clear error for anything else."""
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(
            f"labels and predictions need one length of 1 or more, not "
            f"{list(labels.shape)} and {list(predictions.shape)}"
        )
    strange = [x for x in (*labels.tolist(), *predictions.tolist()) if x not in (0, 1)]
    if strange:
        raise ValueError(
            f"labels and predictions are 0 or 1, not {strange[0]!r}; probabilities "
            f"become predictions by a threshold: probabilities > 0.5"
        )
    return labels.astype(int), predictions.astype(int)


def accuracy(tp, fp, fn, tn):
    """The share of right answers: (TP + TN) / N."""
    return (tp + tn) / (tp + fp + fn + tn)


def precision(tp, fp, fn, tn):
    """Of what was called acceptable, the share that is: TP / (TP + FP); 0 for none."""
    return tp / (tp + fp) if tp + fp else 0.0


def recall(tp, fp, fn, tn):
    """Of what is acceptable, the share that was found: TP / (TP + FN); 0 for none."""
    return tp / (tp + fn) if tp + fn else 0.0


def f1(tp, fp, fn, tn):
    """The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); or 0."""
    return 2 * tp / (2 * tp + fp + fn) if 2 * tp + fp + fn else 0.0


def matthews(tp, fp, fn, tn):
    """Matthews correlation: the correlation of two columns of 0s and 1s, -1 to 1.

    MCC = (TP TN - FP FN) / √((TP+FP) (TP+FN) (TN+FP) (TN+FN)), and 0 where a column
    is constant: whoever always gives one answer knows nothing.
    Source: Matthews 1975; the score of CoLA in Warstadt et al. 2019.
    Taught in: chapter 3, section "Four cells and five scores".
    """
    tp, fp, fn, tn = map(int, (tp, fp, fn, tn))  # NumPy's integers overflow
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / math.sqrt(product) if product else 0.0


SCORES = {
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "F1": f1,
    "MCC": matthews,
}


def scores(labels, predictions):
    """All five scores of one column of predictions: name -> value.

    Raises ValueError as `confusion` does.
    """
    cells = confusion(labels, predictions)
    return {name: score(*cells) for name, score in SCORES.items()}


def mcc(labels, predictions):
    """`matthews` of labels and predictions [N].

    Raises ValueError as `confusion` does.
    """
    return matthews(*confusion(labels, predictions))


def interval(labels, runs, score=matthews, resamples=1000) -> Estimate:
    """The mean score of several runs (seeds) on one test set, with its 95 % interval.

    labels: [N]; runs: predictions of each run, R arrays [N]. Each resampling draws N
    sentences with replacement, the same ones for every run, and R runs with
    replacement: the interval holds the luck of the test sentences and of the seeds.

    Raises ValueError as `confusion` does.
    Source: Efron 1979, percentile intervals.
    Taught in: chapter 3, section "What the test says".
    """
    runs = np.atleast_2d(np.asarray(runs))  # one run alone will do
    cells = [one_hot_cells(labels, run) for run in runs]  # R arrays [N, 4]
    rng = np.random.default_rng(0)

    def mean_score(*columns):
        chosen = rng.integers(len(columns), size=len(columns))
        return np.mean([score(*columns[i].sum(0).tolist()) for i in chosen])

    estimate = bootstrap(mean_score, *cells, resamples=resamples)
    value = float(np.mean([score(*cell.sum(0).tolist()) for cell in cells]))
    return Estimate(value, estimate.low, estimate.high)


def one_hot_cells(labels, predictions):
    """Which of `confusion`'s four cells each sentence falls in: integers [N, 4]."""
    labels, predictions = check_columns(labels, predictions)
    return np.eye(4, dtype=int)[3 - labels - 2 * predictions]


def sentence_losses(labels, probabilities):
    """The loss of each sentence, -log of the probability of its label: an array [N].

    labels: 0s and 1s [N]; probabilities: of label 1, [N].
    Raises ValueError for labels or lengths that do not fit, or what is no probability.
    Taught in: chapter 3, section "The sentences it gets most wrong".
    """
    probabilities = np.asarray(probabilities, dtype=float)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("probabilities are numbers from 0 to 1")
    labels, _ = check_columns(labels, probabilities > 0.5)
    of_the_label = np.where(labels == 1, probabilities, 1 - probabilities)
    return -np.log(np.clip(of_the_label, 1e-12, 1))
