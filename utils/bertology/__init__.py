"""BERTology: look inside a model, ask what it knows, take heads away.

Hooks alone, on any BERT, RoBERTa, DistilBERT or GPT-2 of `transformers` and on the
course's own BERT, whatever their attention implementation.

Taught in: chapter 5.
"""

from utils.bertology.capturing import Capture, Inside, capture
from utils.bertology.heads import HeadAdapter, HeadError, paper_name
from utils.bertology.importance import (
    HeadScores,
    ablate_one,
    all_but_one,
    by_layer,
    head_importance,
    masking_sweep,
    predictions,
)
from utils.bertology.masking import mask_heads, mask_without, refuse_head_mask
from utils.bertology.patterns import (
    attention_rollout,
    attention_to,
    head_distances,
    head_entropy,
    head_map,
    head_statistics,
)
from utils.bertology.probes import (
    attention_probe,
    probe,
    probe_layers,
    structural_probe,
)
from utils.bertology.pruning import (
    PruneReport,
    benchmark,
    load_pruned,
    prune_heads,
    save_pruned,
)
from utils.bertology.words import random_weights, read_words, to_words

__all__ = [
    "Capture", "HeadAdapter", "HeadError", "HeadScores", "Inside", "PruneReport",
    "ablate_one", "all_but_one", "attention_probe", "attention_rollout", "attention_to",
    "benchmark", "by_layer", "capture", "head_distances", "head_entropy",
    "head_importance", "head_map", "head_statistics", "load_pruned", "mask_heads",
    "mask_without", "masking_sweep", "paper_name", "predictions", "probe",
    "probe_layers", "prune_heads", "random_weights", "read_words", "refuse_head_mask",
    "save_pruned", "structural_probe", "to_words",
]  # fmt: skip
