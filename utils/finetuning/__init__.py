"""Fine-tuning, as a careful paper does it.

`examples` makes batches of sentences, `models` the classifiers to begin with,
`training` trains them, `metrics` says how good they are and how sure that is, and
`classifier` keeps one to be asked.

Source: Devlin et al. 2019, "BERT", sections 3.2 and 4, appendix A.3.
Taught in: chapter 3.
"""

from utils.finetuning.classifier import AcceptabilityClassifier, Prediction
from utils.finetuning.examples import (
    Examples,
    labelled_splits,
    length_batches,
    padding_share,
    random_batches,
)
from utils.finetuning.models import (
    probabilities,
    random_classifier,
    sentence_features,
    start_from_probe,
    with_classifier,
)
from utils.finetuning.metrics import (
    accuracy,
    confusion,
    f1,
    interval,
    matthews,
    mcc,
    precision,
    recall,
    scores,
    sentence_losses,
)
from utils.finetuning.training import (
    History,
    fine_tune,
    fine_tune_and_choose,
    linear_schedule,
    parameter_groups,
    trainer,
)

__all__ = [
    "AcceptabilityClassifier", "Examples", "History", "Prediction", "accuracy",
    "confusion", "f1", "fine_tune", "fine_tune_and_choose", "interval",
    "labelled_splits", "length_batches", "linear_schedule", "matthews", "mcc",
    "padding_share", "parameter_groups", "precision", "probabilities",
    "random_batches", "random_classifier", "recall", "scores", "sentence_features",
    "sentence_losses", "start_from_probe", "trainer", "with_classifier",
]  # fmt: skip
