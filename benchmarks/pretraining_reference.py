"""The recipe of the workshop's book for pre-training, as `Trainer` runs it.

It is that of KantaiBERT and of the notebook that it comes from: each line of the text is
an example of its own, cut at the length of a row; a batch is padded to its longest line;
`DataCollatorForLanguageModeling` masks 15 %; the head computes the logits of every
position; `Trainer` trains RoBERTa with dropout 0.1 and with its own defaults, 64 lines a
batch. (Trainer's AdamW is the fused one today, as the engine's.)
"""

import textwrap
import time

import torch
import torch.nn.functional as F
from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback, TrainerCallback

from utils.pretraining import new_model, training_work
from utils.pretraining.engine import number_type
from utils.pretraining.objective import masked_tokens
from utils.pretraining.speed import wait
from utils.pretraining_tasks import IGNORED

BATCH, DROPOUT = 64, 0.1
COLUMNS = 72  # characters in a line of a Gutenberg file, at most
LINES = ("wrapped", "paragraphs")


def lines_of(paragraphs, kind):
    """The lines of a text: its paragraphs, or these wrapped as Gutenberg's files are."""
    if kind == "paragraphs":
        return list(paragraphs)
    whole = dict(break_on_hyphens=False, break_long_words=False)
    return [line for text in paragraphs for line in textwrap.wrap(text, COLUMNS, **whole)]


def examples_of(tokenizer, lines, length):
    """One example for each line, its ids cut at `length`: a list for Trainer."""
    encoded = tokenizer(lines, truncation=True, max_length=length)
    return [{"input_ids": ids} for ids in encoded["input_ids"]]


def padded_work(config, batch):
    """(real tokens, operations that they need) of a padded batch."""
    lengths = batch["attention_mask"].sum(1)  # [B]
    tokens, pairs = int(lengths.sum()), int((lengths**2).sum())
    return tokens, training_work(config, tokens, masked_tokens(batch["labels"]), pairs)


def masked_only_loss(model, batch):
    """RobertaForMaskedLM's loss of a padded batch, the head on masked tokens alone."""
    asked = batch["labels"] != IGNORED
    hidden = model.roberta(
        batch["input_ids"], attention_mask=batch["attention_mask"]
    ).last_hidden_state  # [B, L, d]
    return F.cross_entropy(model.lm_head(hidden[asked]), batch["labels"][asked])


class Clock(TrainerCallback):
    """When a training began, and when its last step ended."""

    def on_train_begin(self, args, state, control, **kwargs):
        self.start = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == state.max_steps:
            wait(args.device)
            self.seconds = time.perf_counter() - self.start


class Reference(Trainer):
    """Trainer as the book uses it, which counts what its batches hold."""

    def __init__(self, recipe, tokenizer, examples, out, device, masked_only=False):
        self.masked_only, self.clock, self.seen = masked_only, Clock(), []
        bfloat16 = number_type("auto", device) == torch.bfloat16
        super().__init__(
            new_model(recipe),
            TrainingArguments(
                str(out), per_device_train_batch_size=BATCH, max_steps=1, bf16=bfloat16,
                use_cpu=device.type == "cpu", seed=recipe.seed, logging_strategy="no",
                save_strategy="no", report_to="none", disable_tqdm=True,
            ),
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
            train_dataset=examples,
            callbacks=[self.clock],
        )  # fmt: skip
        self.remove_callback(PrinterCallback)

    def training_step(self, model, inputs, *rest):
        self.seen.append(padded_work(model.config, inputs))
        return super().training_step(model, inputs, *rest)

    def compute_loss(self, model, inputs, *rest, **options):
        if self.masked_only:
            return masked_only_loss(model, inputs)
        return super().compute_loss(model, inputs, *rest, **options)

    def steps(self, number):
        """Take some steps: (seconds, real tokens, operations)."""
        self.seen.clear()
        self.args.max_steps = number
        self.train()
        return self.clock.seconds, *map(sum, zip(*self.seen))
