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
from utils.bertology.pruning import (
    PruneReport,
    benchmark,
    load_pruned,
    prune_heads,
    save_pruned,
)

__all__ = [
    "Capture", "HeadAdapter", "HeadError", "HeadScores", "Inside", "PruneReport",
    "ablate_one", "all_but_one", "benchmark", "by_layer", "capture", "head_importance",
    "load_pruned", "mask_heads", "mask_without", "masking_sweep", "paper_name",
    "predictions", "prune_heads", "refuse_head_mask", "save_pruned",
]  # fmt: skip
