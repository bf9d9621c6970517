"""Pre-training: the engine beside the recipe of the workshop's book, on one text.

    python -m benchmarks.pretraining            # about half an hour on one core
    python -m benchmarks.pretraining --save     # and keep the tables that chapter 4 shows
    python -m benchmarks.pretraining --quick    # speed of the small model alone
    python -m benchmarks.pretraining --memory   # of 10 MB and 100 MB of text, alone

The reference is the recipe of KantaiBERT and of the notebook that it comes from: each
line of the text is an example of its own, cut at the length of a row; a batch is padded
to its longest line; `DataCollatorForLanguageModeling` masks 15 %; the head computes the
logits of every position; `Trainer` trains RoBERTa with dropout 0.1 and with its own
defaults, 64 lines a batch. (Trainer's AdamW is the fused one today, as the engine's.)
Both have the same text, tokenizer and sizes of the model.

What a line is decides how much padding there is. Files of Project Gutenberg, the book's
text among them, break lines after about 12 words: `wrapped`. With one paragraph a line,
as `load_text` gives them, lines differ more in length and are cut: `paragraphs`.

- Speed: real tokens a second, `<s>` and `</s>` counted, padding not. The recipes run in
  turns; the figures are medians over the rounds, of tokens per second, of their ratio to
  the reference, and of the share of the measured rate of matrix products. That counts
  the operations which real tokens and masked positions need, for both. Between the two
  stand the reference without dropout, and then also with the head on masked tokens only.
- Quality: the held-out loss of both after the same time of training, each with as many
  steps as its speed allows and its schedule ending with them. Scored on packed rows, as
  the engine trains, and on padded lines, as the reference does; masks are frozen.
- Memory: the highest resident memory of a process that turns a text into ids, with a
  tokenizer made before, and takes a few steps. Needs Linux.

The threads are those of OMP_NUM_THREADS, or 1. A GPU (--device cuda) computes in
bfloat16, the full KantaiBERT with rows of 512.
"""

import argparse
import json
import statistics
import tempfile
import textwrap
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import tokenizers
import torch
import torch.nn.functional as F
import transformers
from torch import nn
from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback, TrainerCallback

from utils import settings
from utils.pretraining import (
    KANTAI,
    MaskedOnly,
    is_held_out,
    matrix_rate,
    new_model,
    recipe_for,
    training_work,
)
from utils.pretraining.corpus import load_tokenizer
from utils.pretraining.engine import Training, number_type, prepare
from utils.pretraining.objective import masked_tokens
from utils.pretraining.order import HELD_OUT_MASKS, held_out_rows, stream_seed
from utils.pretraining.processes import Processes
from utils.pretraining.recipe import MASK, PAD, SPECIAL_TOKENS
from utils.pretraining.speed import wait
from utils.pretraining_tasks import IGNORED, corrupt
from utils.sources import TEXTS, load_text

BATCH, DROPOUT = 64, 0.1  # the reference's
COLUMNS = 72  # characters in a line of a Gutenberg file, at most
MICRO_BATCH = 32  # rows that the engine takes at once, and lines that are scored at once
LINES = ("wrapped", "paragraphs")
MEGABYTE = 10**6
RESULTS = Path(__file__).parent / "results/pretraining.json"


# ------------------------------------------------------------------- the reference
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


class Engine(Training):
    """The engine of the course, which takes its steps in turns too."""

    def __init__(self, recipe, out, device):
        super().__init__(out, recipe, Processes(device=device), MICRO_BATCH)

    def steps(self, number):
        """Take some steps: (seconds, tokens, operations)."""
        start, work = time.perf_counter(), 0
        tokens = self.recipe.batch_size * self.recipe.row_length
        for _ in range(number):
            self.update()
            row = self.log.rows[-1]
            work += row["share_of_peak"] * self.peak * tokens / row["tokens_per_second"]
        wait(self.device)
        return time.perf_counter() - start, number * tokens, work


# ------------------------------------------------------------------------- the speed
class Bench:
    """A text, and a recipe to train on it in both ways."""

    def __init__(self, recipe, text, out, device):
        paragraphs = load_text(text).paragraphs if text in TEXTS else [*text]
        self.recipe, self.out, self.device = recipe, out, device
        prepare(paragraphs, out, recipe, None, resume=False)
        self.tokenizer = load_tokenizer(out / "tokenizer", recipe.vocab_size)
        self.training = [p for p in paragraphs if not is_held_out(p)]
        self.held_out = [p for p in paragraphs if is_held_out(p)]

    def examples(self, lines, paragraphs):
        """Some paragraphs as examples of the reference."""
        lines = lines_of(paragraphs, lines)
        return examples_of(self.tokenizer, lines, self.recipe.row_length)

    def reference(self, lines, dropout=DROPOUT, masked_only=False):
        """The book's recipe on wrapped lines or on paragraphs, a model anew."""
        return Reference(
            replace(self.recipe, dropout=dropout), self.tokenizer,
            self.examples(lines, self.training), self.out / "trainer", self.device, masked_only,
        )  # fmt: skip

    def engine(self, **changes):
        """The engine, a model anew."""
        return Engine(replace(self.recipe, **changes), self.out, self.device)


def in_turns(recipes, rounds, seconds, rate):
    """What the recipes do in turns: name -> [(seconds, tokens, operations), ...].

    A turn has as many steps as take about so many `seconds`, one at least. Also returns
    the number of steps of each, and the measured rates of matrix products, one a round.
    """
    steps = {}
    for name, recipe in recipes.items():
        recipe.steps(1)  # allocates and warms up
        steps[name] = max(1, round(seconds / recipe.steps(1)[0]))
    found, rates = {name: [] for name in recipes}, []
    for number in range(rounds):
        rates.append(rate())
        order = list(recipes) if number % 2 else list(recipes)[::-1]
        for name in order:  # none is always first
            found[name].append(recipes[name].steps(steps[name]))
    return found, steps, rates


def speed(bench, lines, rounds, seconds, ablation):
    """Print how fast both are on lines of a kind; the seconds of a step, and the table."""
    recipes = {"reference": bench.reference(lines)}
    if ablation:
        recipes["  without dropout"] = bench.reference(lines, dropout=0.0)
        recipes["  and head on masked tokens only"] = bench.reference(lines, 0.0, True)
    recipes["engine"] = bench.engine()
    dtype = number_type("auto", bench.device)
    found, steps, rates = in_turns(
        recipes, rounds, seconds, lambda: matrix_rate(bench.device, dtype)
    )
    sizes = [len(e["input_ids"]) for e in recipes["reference"].train_dataset]
    print(
        f"\n{lines}: {len(sizes):,} lines of {statistics.mean(sizes):.0f} tokens; "
        f"matrix products {statistics.median(rates) / 1e9:,.0f} GFLOP/s"
    )
    print(f"{'':34}{'tokens/s':>10}{'ratio':>8}{'share of the rate':>20}{'s/step':>9}")
    each, table = {}, []
    for name, turns in found.items():
        per_second = [tokens / s for s, tokens, _ in turns]
        base = [tokens / s for s, tokens, _ in found["reference"]]
        ratio = statistics.median(a / b for a, b in zip(per_second, base))
        share = statistics.median(work / s / r for (s, _, work), r in zip(turns, rates))
        each[name] = statistics.median(s / steps[name] for s, *_ in turns)
        print(
            f"{name:34}{statistics.median(per_second):10,.0f}{ratio:8.2f}{share:20.0%}"
            f"{each[name]:9.2f}", flush=True,
        )  # fmt: skip
        table.append({
            "lines": lines, "recipe": name.strip(), "ratio": round(ratio, 2),
            "tokens_per_second": round(statistics.median(per_second)),
            "share_of_rate": round(share, 3),
        })  # fmt: skip
    return each, table


# ----------------------------------------------------------------------- the quality
@torch.no_grad()
def loss_of_rows(model, rows, recipe):
    """The held-out loss of packed rows, as the engine itself computes it."""
    places = range(len(rows))
    batch, labels = held_out_rows(rows, places, recipe)
    device, objective = model.device, MaskedOnly(model).eval()
    losses = sum(
        objective(ids.to(device), asked.to(device)).item()
        for ids, asked in zip(batch.split(MICRO_BATCH), labels.split(MICRO_BATCH))
    )
    return losses / masked_tokens(labels)


def masked_examples(examples, vocab_size):
    """Each example [L] with masks that are always the same: [(corrupted, labels), ...]."""
    return [
        corrupt(
            torch.tensor(example["input_ids"]), range(len(SPECIAL_TOKENS)), MASK, vocab_size,
            torch.Generator().manual_seed(stream_seed(0, HELD_OUT_MASKS, number)),
        )
        for number, example in enumerate(examples)
    ]  # fmt: skip


@torch.no_grad()
def loss_of_lines(model, examples):
    """The held-out loss of lines, each a row of its own, padded."""
    model.eval()
    masked = masked_examples(examples, model.config.vocab_size)
    losses = asked = 0
    for start in range(0, len(masked), MICRO_BATCH):
        ids, labels = zip(*masked[start : start + MICRO_BATCH])
        pad = nn.utils.rnn.pad_sequence
        batch = {
            "input_ids": pad(ids, True, PAD),
            "labels": pad(labels, True, IGNORED),
        }  # [B, L]
        batch["attention_mask"] = (batch["input_ids"] != PAD).long()
        number = masked_tokens(batch["labels"])
        if number:
            batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
            losses += masked_only_loss(model, batch).item() * number
            asked += number
    return losses / asked


def quality(bench, each, seconds):
    """Print held-out losses after the same training time; returns the table.

    each: lines -> {"reference": seconds of a step, "engine": ...}.
    """
    examples = {lines: bench.examples(lines, bench.held_out) for lines in each}
    print(f"\nheld-out loss after {seconds:.0f} s of training: packed rows, and lines")
    heads = "".join(f"{lines:>12}" for lines in each)
    print(f"{'':34}{'steps':>8}{'s':>7}{'tokens':>12}{'rows':>9}{heads}")
    engine_step = statistics.median(one["engine"] for one in each.values())
    steps = {f"reference, {lines}": seconds / one["reference"] for lines, one in each.items()}
    steps["engine"] = seconds / engine_step
    table = []
    for name, number in steps.items():
        number = max(1, round(number))
        if name == "engine":
            recipe = bench.engine(steps=number)
        else:
            recipe = bench.reference(name.split(", ")[1])
        took, tokens, _ = recipe.steps(number)
        model = recipe.model.eval()
        rows = loss_of_rows(model, bench.engine().held_out, bench.recipe)
        losses = {kind: loss_of_lines(model, some) for kind, some in examples.items()}
        lines = "".join(f"{loss:12.3f}" for loss in losses.values())
        print(f"{name:34}{number:8,}{took:7.0f}{tokens:12,}{rows:9.3f}{lines}", flush=True)
        losses = {kind: round(loss, 3) for kind, loss in {"packed": rows, **losses}.items()}
        table.append({
            "recipe": name, "steps": number, "seconds": round(took), "tokens": tokens, **losses
        })  # fmt: skip
    return table


# ------------------------------------------------------------------------ the memory
def write_text(paragraphs, size, path):
    """Write about `size` bytes: the paragraphs again and again, each time numbered."""
    written = number = 0
    with open(path, "w", encoding="utf-8") as file:
        while written < size:
            paragraph = paragraphs[number % len(paragraphs)]
            number += 1
            written += len(f"{number} {paragraph} {number**3}\n\n".encode())
            file.write(f"{number} {paragraph} {number**3}\n\n")


def peak_memory(path, tokenizer, out):
    """(seconds, highest resident bytes) of a process that reads a text and trains."""
    settings.setup(profile="cpu")
    recipe = recipe_for("cpu")
    start = time.perf_counter()
    prepare(path, out, recipe, tokenizer, resume=False)
    seconds = time.perf_counter() - start
    Engine(recipe, out, torch.device("cpu")).steps(5)
    status = Path("/proc/self/status").read_text()
    return seconds, 1024 * int(status.split("VmHWM:")[1].split()[0])


def memory(bench, megabytes):
    """Print the memory that texts of several sizes need, each in a process of its own."""
    print(f"\n{'text (MB)':>10}{'to ids (s)':>12}{'peak memory (MB)':>18}")
    paragraphs = bench.training
    for size in megabytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "text.txt"
            write_text(paragraphs, size * MEGABYTE, path)
            with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                seconds, peak = alone.submit(
                    peak_memory, path, bench.out / "tokenizer", Path(folder) / "run"
                ).result()
        print(f"{size:10,}{seconds:12.0f}{peak / MEGABYTE:18,.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--quick", action="store_true", help="speed of the small model alone")
    add("--models", nargs="+", choices=("cpu", "kantai"), default=("cpu", "kantai"))
    add("--lines", nargs="+", choices=LINES, default=LINES, help="both unless told")
    add("--text", default="wikipedia", choices=TEXTS, help="wikipedia unless told")
    add("--rounds", type=int, default=5, help="5 unless told")
    add("--turn", type=float, default=4.0, metavar="SECONDS", help="of a turn; 4 unless told")
    add("--seconds", type=float, default=120.0, help="of training for the quality; 120")
    add("--memory", nargs="*", type=int, metavar="MB", help="memory alone; 10 and 100 MB")
    add("--device", default="cpu", help="cpu unless told")
    add("--save", action="store_true", help=f"keep the tables in results/{RESULTS.name}")
    chosen = parser.parse_args()
    run = settings.setup(profile="cpu")
    device = torch.device(chosen.device)
    found = {
        "command": "python -m benchmarks.pretraining --save",
        "date": date.today().isoformat(), "text": load_text(chosen.text).provenance.given,
        "device": str(device), "numbers": str(number_type("auto", device)),
        "threads": run.threads, "matrix_gflops": round(matrix_rate(device) / 1e9, 1),
        "torch": torch.__version__, "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__, "speed": {}, "quality": [],
    }  # fmt: skip
    print(", ".join(f"{name} {value}" for name, value in found.items() if value))
    recipes = {"cpu": recipe_for("cpu"), "kantai": recipe_for("cpu", **KANTAI)}
    if device.type == "cuda":
        recipes["kantai"] = recipe_for("gpu")
    if chosen.memory is not None or chosen.quick:
        chosen.models = ["cpu"]
    for name in chosen.models:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(recipes[name], chosen.text, Path(folder), device)
            recipe = bench.recipe
            if chosen.memory is not None:
                memory(bench, chosen.memory or (10, 100))
                continue
            print(
                f"\n{name}: {recipe.num_hidden_layers} layers, width {recipe.hidden_size}, "
                f"{recipe.vocab_size:,} pieces, rows of {recipe.row_length}"
            )
            each, tables = {}, []
            for lines in chosen.lines:
                ablation = name == "cpu"
                each[lines], table = speed(bench, lines, chosen.rounds, chosen.turn, ablation)
                tables += table
            found["speed"][name] = tables
            if name == "cpu" and not chosen.quick:
                found["quality"] = quality(bench, each, chosen.seconds)
    if chosen.save:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
