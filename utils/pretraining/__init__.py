"""Pre-training a RoBERTa from nothing, at any scale, as a function and as a command.

`recipe` says what a run is, `corpus` turns text into rows of ids on the disk, `packing`
keeps the documents of a row apart, `order` chooses rows and masks, `objective` is the
loss, `engine` trains, `checkpoints` are what it goes on from, `processes` lets many do
it together, `speed` measures, `publish` makes a model to give away.

    python -m utils.pretraining --text kant --profile cpu --out runs/kantai

Source: Liu et al. 2019, "RoBERTa: A Robustly Optimized BERT Pretraining Approach".
Taught in: chapter 4.
"""

from utils.pretraining.corpus import (
    Corpus,
    Rows,
    is_held_out,
    read_paragraphs,
    train_tokenizer,
    write_corpus,
)
from utils.pretraining.engine import Run, pretrain, read_log
from utils.pretraining.objective import MaskedOnly
from utils.pretraining.order import masked_rows, row_of_visit, visits_of_step
from utils.pretraining.packing import document_mask, document_numbers, row_positions
from utils.pretraining.recipe import (
    KANTAI,
    PROFILES,
    SPECIAL_TOKENS,
    PretrainingError,
    Recipe,
    model_config,
    new_model,
    recipe_for,
    roberta_ledger,
)
from utils.pretraining.speed import matrix_rate, training_work

__all__ = [
    "KANTAI", "PROFILES", "SPECIAL_TOKENS", "Corpus", "MaskedOnly", "PretrainingError",
    "Recipe", "Rows", "Run", "document_mask", "document_numbers", "is_held_out",
    "masked_rows", "matrix_rate", "model_config", "new_model", "pretrain", "read_log",
    "read_paragraphs", "recipe_for", "roberta_ledger", "row_of_visit", "row_positions",
    "train_tokenizer", "training_work", "visits_of_step", "write_corpus",
]  # fmt: skip
