"""What marks a reader's exercise and says what went wrong: `check.<name>(answer)`."""

from utils.checks.architecture import (
    causal_mask,
    encoder_layer_parameters,
    greedy_step,
    layer_norm,
    masked_weights,
    multi_head,
    positional_encoding,
    scaled_attention,
    skipgram_pairs,
    split_heads,
)
from utils.checks.core import EXERCISES, Verdict
from utils.checks.foundation import (
    compute_optimal,
    conditional_entropy,
    convolve,
    hebbian_weights,
    mean_pooling,
    recall_at_k,
    transition_matrix,
)

__all__ = [
    "EXERCISES",
    "Verdict",
    "causal_mask",
    "compute_optimal",
    "conditional_entropy",
    "convolve",
    "encoder_layer_parameters",
    "greedy_step",
    "hebbian_weights",
    "layer_norm",
    "masked_weights",
    "mean_pooling",
    "multi_head",
    "positional_encoding",
    "recall_at_k",
    "scaled_attention",
    "skipgram_pairs",
    "split_heads",
    "transition_matrix",
]
