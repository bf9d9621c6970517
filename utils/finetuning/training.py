"""The optimiser and the loop, by hand and with the library's Trainer.

Letters of the shapes: N sentences, B sentences of a batch, L tokens, C classes.

Source: Devlin et al. 2019, "BERT", section 4.1 and appendix A.3.
Taught in: chapter 3, sections "The optimiser, looked into" to "Choosing on validation".
"""

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from torch import nn
from torch.utils.data import DataLoader
from transformers.trainer_callback import PrinterCallback

from utils.finetuning.examples import check_whole, length_batches
from utils.finetuning.models import half_precision_on_gpu, probabilities
from utils.finetuning.metrics import mcc
from utils.settings import progress

NO_DECAY = ("bias", "norm")  # parts of the names of parameters that never decay


# ------------------------------------------------------------------- the optimiser
def parameter_groups(model, weight_decay=0.01):
    """The two groups of AdamW: matrices decay, biases and LayerNorm do not.

    Source: the optimiser of Devlin et al.'s code (`exclude_from_weight_decay`).
    Taught in: chapter 3, section "The optimiser, looked into".
    """
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            exempt = any(part in name.lower() for part in NO_DECAY)
            (no_decay if exempt else decay).append(parameter)
    return [
        {"params": decay, "weight_decay": weight_decay},
        {"params": no_decay, "weight_decay": 0.0},
    ]


def linear_schedule(optimizer, warmup_steps, total_steps):
    """Learning rate up from 0 in `warmup_steps` steps, then down to 0, linearly.

    Source: Devlin et al. 2019, appendix A.2 (warm-up, linear decay).
    Taught in: chapter 3, section "The optimiser, looked into".
    """

    def factor(step):
        if step < warmup_steps:
            return step / max(1, warmup_steps)
        return max(0, total_steps - step) / max(1, total_steps - warmup_steps)

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


# ------------------------------------------------------------------------ the loop
def fine_tune(
    model, train, *, learning_rate, epochs=3, batch_size=32, weight_decay=0.01,
    warmup=0.1, clip=1.0, seed=0, batching=length_batches, pad_to=None, after_epoch=None,
):  # fmt: skip
    """Train the whole model on `train` (`Examples`); returns the loss of each step.

    `model(input_ids=..., attention_mask=...)` has `.logits` [B, C]; it may be the
    course's own or one of `transformers`. `warmup` is a share of the steps, `clip` the
    largest gradient norm, `after_epoch(epoch)` is called with 1, 2, ... after each.
    On a GPU the products are in bfloat16.

    Raises ValueError for sentences without labels or with labels that the model does
    not have, and for options that make no training; FloatingPointError after the epoch
    in which the loss was no number any more.
    Source: Devlin et al. 2019, section 4.1 and appendix A.3.
    Taught in: chapter 3, section "The loop in twenty lines".
    """
    check_training(model, train, epochs, batch_size, warmup)
    torch.manual_seed(seed)  # dropout
    generator = torch.Generator().manual_seed(seed)  # the order of the sentences
    device = next(model.parameters()).device
    steps = epochs * math.ceil(len(train) / batch_size)
    optimizer = torch.optim.AdamW(
        parameter_groups(model, weight_decay), lr=learning_rate, fused=True
    )
    schedule = linear_schedule(optimizer, round(warmup * steps), steps)
    losses = []
    for epoch in range(1, epochs + 1):
        model.train()
        batches = batching(train.lengths, batch_size, generator)
        for places in progress(batches, f"epoch {epoch}"):
            inputs, labels = train.batch(places, pad_to, device)
            with half_precision_on_gpu(device):
                logits = model(**inputs).logits
            loss = F.cross_entropy(logits.float(), labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            schedule.step()
            losses.append(loss.detach())
        check_losses(losses)
        if after_epoch:
            after_epoch(epoch)
    model.eval()
    return [loss.item() for loss in losses]


class LengthBatches:
    """`length_batches` in the form of a DataLoader's batch sampler: anew each epoch."""

    def __init__(self, lengths, batch_size, seed):
        self.lengths, self.batch_size = lengths, batch_size
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self):
        return math.ceil(len(self.lengths) / self.batch_size)

    def __iter__(self):
        yield from length_batches(self.lengths, self.batch_size, self.generator)


def trainer(
    model, train, *, folder, learning_rate, epochs=3, batch_size=32, weight_decay=0.01,
    warmup=0.1, clip=1.0, seed=0,
):  # fmt: skip
    """`fine_tune` as a `transformers.Trainer`, ready for `.train()`; the same batches.

    `model` is one of `transformers`. The Trainer writes to `folder` only what it is
    asked to save. Its losses are in `trainer.state.log_history`.

    Raises TypeError for another model; ValueError as `fine_tune` does; OSError for a
    folder that cannot be written.
    Taught in: chapter 3, section "The same with Trainer".
    """
    if not isinstance(model, transformers.PreTrainedModel):
        kind = type(model).__name__
        raise TypeError(f"Trainer trains models of transformers, and this is a {kind}")
    check_training(model, train, epochs, batch_size, warmup)
    batches = LengthBatches(train.lengths, batch_size, seed)
    device = next(model.parameters()).device

    class SameBatches(transformers.Trainer):
        def get_train_dataloader(self):
            return DataLoader(range(len(train)), batch_sampler=batches, collate_fn=collate)

    def collate(places):
        inputs, labels = train.batch(places)
        return {**inputs, "labels": labels}

    arguments = transformers.TrainingArguments(
        output_dir=str(folder), learning_rate=learning_rate, num_train_epochs=epochs,
        weight_decay=weight_decay, warmup_steps=round(warmup * epochs * len(batches)),
        max_grad_norm=clip, lr_scheduler_type="linear", optim="adamw_torch_fused",
        seed=seed, logging_steps=1, save_strategy="no", report_to="none",
        disable_tqdm=True, use_cpu=device.type == "cpu", bf16=device.type == "cuda",
    )  # fmt: skip
    made = SameBatches(model, arguments)
    made.remove_callback(PrinterCallback)
    return made


def check_training(model, train, epochs, batch_size, warmup):
    """Raise ValueError for what cannot be trained, or would be in silence."""
    if train.labels is None:
        raise ValueError("the sentences have no labels: Examples(..., labels)")
    if train.labels.max() >= model.config.num_labels:
        raise ValueError(
            f"there is a label {train.labels.max()}, and the model has the labels 0 to "
            f"{model.config.num_labels - 1}"
        )
    check_whole("epochs", epochs)
    check_whole("batch_size", batch_size)
    if not 0 <= warmup <= 1:
        raise ValueError(f"warmup is a share of the steps, 0 to 1, not {warmup}")


def check_losses(losses):
    """Raise FloatingPointError with the first step whose loss is no number."""
    for step, loss in enumerate(losses):
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"The loss was {loss} at step {step}: try a lower learning rate."
            )


@dataclass(frozen=True)
class History:
    """What happened in training: `losses` of the steps, `validation` MCC by epoch."""

    losses: list[float]
    validation: list[float]

    @property
    def best_epoch(self):
        """The first epoch, from 1, with the highest validation MCC."""
        return 1 + int(np.argmax(self.validation))


def fine_tune_and_choose(model, train, validation, **options):
    """`fine_tune`, then go back to the epoch that did best on `validation`.

    Returns a `History`. The model ends with the weights of `history.best_epoch`; the
    test set has no part in the choice.

    Raises ValueError for validation sentences without labels, and as `fine_tune` does.
    Taught in: chapter 3, section "Choosing on validation".
    """
    if validation.labels is None:
        raise ValueError("the validation sentences have no labels to choose by")
    scores, best = [], {}

    def after_epoch(epoch):
        scores.append(mcc(validation.labels, probabilities(model, validation) > 0.5))
        if scores[-1] > max(scores[:-1], default=-2):
            best.update(copy.deepcopy(model.state_dict()))

    losses = fine_tune(model, train, after_epoch=after_epoch, **options)
    model.load_state_dict(best)
    return History(losses, scores)
