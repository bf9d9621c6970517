"""The pre-training engine: one function that trains, logs, saves and goes on.

Letters of the shapes: B rows, L tokens.

Source: Devlin et al. 2019, section 3.1; Liu et al. 2019, sections 3 and 4.
Taught in: chapter 4, section "The engine".
"""

import csv
import functools
import io
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    get_state_dict,
    set_state_dict,
)
from tqdm import tqdm

from utils.finetuning.training import linear_schedule, parameter_groups
from utils.pretraining import checkpoints, order, speed
from utils.pretraining.checkpoints import TIED
from utils.pretraining.corpus import (
    DATA_FILES,
    TOKENIZER_FILES,
    Rows,
    check_text,
    load_tokenizer,
    make_room,
    open_text,
    read_corpus,
    saying_no_space,
    tokenizer_sha256,
    train_tokenizer,
    write_corpus,
)
from utils.pretraining.objective import (
    MaskedOnly,
    masked_tokens,
    original_ids,
    same_document_pairs,
)
from utils.pretraining.processes import gradients_stay_here, processes, share
from utils.pretraining.recipe import PretrainingError, new_model, recipe_for
from utils.sources import formats

COLUMNS = (
    "step", "tokens", "seconds", "learning_rate", "loss", "held_out_loss", "perplexity",
    "tokens_per_second", "share_of_peak",
)  # fmt: skip
FLUSH = 20  # rows of the log that may wait to be written
BETAS, EPS = (0.9, 0.98), 1e-6  # of AdamW: Liu et al. 2019, section 3.1
WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)  # whoever holds the parts


@dataclass(frozen=True)
class Run:
    """A run: its folder, `log` (a row for each step, see `read_log`), and what came out of it."""

    folder: Path
    log: pd.DataFrame
    model: torch.nn.Module
    tokenizer: object
    corpus: object

    @property
    def held_out(self):
        """The rows of the log at which held-out text was scored."""
        return self.log.dropna(subset="held_out_loss")


def pretrain(
    text, out, *, profile="cpu", resume=False, tokenizer=None, device=None,
    micro_batch=32, evaluate_every=None, save_every=None, held_out_rows=128,
    start_from=None, compile=False, fsdp=False, after_evaluation=None, stop_after=None,
    **changes,
):  # fmt: skip
    """Train a RoBERTa on a text, from nothing unless told; returns a `Run`.

    text: what `corpus.open_text` takes; out: the folder of the run; profile: `smoke`,
    `cpu` or `gpu`, and **changes: values of the `Recipe` that differ from it.
    resume: go on from the last checkpoint in `out`; tokenizer: a folder with one to use
    instead of training one; device: "cuda" where there is one, unless told.
    micro_batch: the most rows that go through the model at once; evaluate_every,
    save_every: steps, a tenth and a quarter of all unless told; held_out_rows: how many
    are scored; start_from: a folder whose weights and tokenizer to begin with, instead
    of nothing; compile: torch.compile the objective; fsdp: shard over the processes;
    after_evaluation: called with (step, model), step 0 included; stop_after: end after
    so many steps as if interrupted, a checkpoint saved.
    With fsdp the returned model has this process's part: load a checkpoint for a whole.

    Raises PretrainingError for what cannot be trained, resumed or written, SourceError
    for a text that cannot be had, FloatingPointError where the loss is no number;
    TypeError, ValueError or OSError for an `out`, `tokenizer` or `start_from` that can
    be no path.
    Taught in: chapter 4, section "The engine".
    """
    recipe = recipe_for(profile, **changes)
    if fsdp and after_evaluation:
        raise PretrainingError("with fsdp no process has the whole model to evaluate")
    every = check_numbers(
        recipe.steps, micro_batch=micro_batch, held_out_rows=held_out_rows,
        evaluate_every=evaluate_every, save_every=save_every, stop_after=stop_after,
    )  # fmt: skip
    out = Path(out)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    with processes(device) as together:
        together.by_first(
            functools.partial(prepare, text, out, recipe, tokenizer or start_from, resume)
        )
        training = Training(
            out, recipe, together, micro_batch, compile, fsdp,
            None if resume else start_from,
        )  # fmt: skip
        if resume:
            training.load()
        try:
            train(training, **every, held_out_rows=held_out_rows,
                  after_evaluation=after_evaluation)  # fmt: skip
        finally:
            training.log.write()  # also when it was interrupted
        return Run(
            out, training.log.frame(), training.model.eval(), training.tokenizer,
            training.corpus,
        )  # fmt: skip


def train(training, last, evaluate_every, save_every, held_out_rows, after_evaluation):
    """Update until the step `last`, evaluating and saving on the way."""
    steps, first = training.recipe.steps, training.together.first
    bar = tqdm(
        range(training.step, last), "pre-training", steps, leave=False,
        initial=training.step, disable=None if first else True,
    )  # fmt: skip
    if training.step == 0:
        training.evaluate(held_out_rows, after_evaluation)
    for _ in bar:
        loss = training.update()
        bar.set_postfix(loss=f"{loss:.3f}")
        if training.step % evaluate_every == 0 or training.step == steps:
            training.evaluate(held_out_rows, after_evaluation)
        if training.step % save_every == 0 or training.step == last:
            training.save()


# -------------------------------------------------------------- before the training
def check_numbers(steps, **numbers):
    """The numbers of `train`, those that are None filled in; all must be 1 or more."""
    for name, value in numbers.items():
        if value is not None and (not isinstance(value, int) or value < 1):
            raise PretrainingError(f"{name} must be a number, 1 or more, not {value!r}")
    return {
        "last": min(steps, numbers["stop_after"] or steps),
        "evaluate_every": numbers["evaluate_every"] or max(1, steps // 10),
        "save_every": numbers["save_every"] or max(1, steps // 4),
    }


def prepare(text, out, recipe, tokenizer, resume):
    """The folder of a run: its tokenizer and its ids, made or, when resuming, checked."""
    found = checkpoints.checkpoints(out)
    if found and not resume:
        raise PretrainingError(
            f"{out} holds a run, up to {found[-1].name}: resume it (--resume), or choose "
            f"another folder"
        )
    if resume:
        checkpoints.last_state(out, recipe)
    name, documents = open_text(text)
    given = load_tokenizer(tokenizer, recipe.vocab_size) if tokenizer else None
    checkpoints.remove_parts(out)
    if resume:
        corpus = read_corpus(out / "data")
        check_text(corpus, name, documents(), out)
        if given and tokenizer_sha256(given) != corpus.tokenizer:
            raise PretrainingError(
                f"{out} was trained with another tokenizer than that in {tokenizer}: "
                f"resume without --tokenizer"
            )
        return
    make_room(out / "data", DATA_FILES)
    make_room(out / "tokenizer", TOKENIZER_FILES)
    with saying_no_space(out):
        out.mkdir(parents=True, exist_ok=True)
        if given:
            given.save_pretrained(out / "tokenizer")
        else:
            train_tokenizer(documents(), recipe.vocab_size, out / "tokenizer")
        written = [path.name for path in (out / "tokenizer").iterdir()]
        formats.write_sums(out / "tokenizer", set(written) - {formats.SUMS})
    loaded = load_tokenizer(out / "tokenizer", recipe.vocab_size)
    write_corpus(name, documents(), loaded, out / "data")


# ------------------------------------------------------------------- the training
class Training:
    """The state of a run: model, optimiser, schedule, data and log, at a step."""

    def __init__(
        self, out, recipe, together, micro_batch, compile=False, sharded=False,
        start_from=None,
    ):  # fmt: skip
        self.out, self.recipe, self.together = out, recipe, together
        self.micro_batch, self.device = micro_batch, together.device
        self.tokenizer = load_tokenizer(out / "tokenizer", recipe.vocab_size)
        self.corpus = read_corpus(out / "data")
        if self.corpus.tokenizer != tokenizer_sha256(self.tokenizer):
            raise PretrainingError(
                f"the tokenizer in {out / 'tokenizer'} is not the one that made the ids in "
                f"{out / 'data'}: bring it back from a copy, or start anew in another folder"
            )
        length, dtype = recipe.row_length, self.corpus.dtype
        self.rows = Rows(out / "data/train.bin", dtype, length)
        self.held_out = None
        if self.corpus.held_out_tokens >= length:
            self.held_out = Rows(out / "data/held_out.bin", dtype, length)
        self.dtype = number_type(recipe.precision, self.device)
        self.model = new_model(recipe).to(self.device)
        if start_from:
            take_weights(self.model, start_from)
        self.objective = share(
            MaskedOnly(self.model), self.model.roberta.encoder.layer, together, sharded
        )
        self.compute = torch.compile(self.objective) if compile else self.objective
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.objective, recipe.weight_decay),
            lr=recipe.learning_rate, betas=BETAS, eps=EPS, fused=True,
        )  # fmt: skip
        warmup = round(recipe.warmup * recipe.steps)
        self.schedule = linear_schedule(self.optimizer, warmup, recipe.steps)
        self.step, self.seconds = 0, 0.0
        self.peak = together.number * speed.matrix_rate(self.device, self.dtype)
        self.log = Log(out / "log.csv" if together.first else None)

    def update(self):
        """One update of the weights; returns the mean loss of its masked tokens."""
        start = time.perf_counter()
        self.model.train()
        recipe, together = self.recipe, self.together
        visits = order.visits_of_step(
            self.step, recipe.batch_size, together.rank, together.number
        )
        torch.manual_seed(order.stream_seed(recipe.seed, order.DROPOUT, visits.start))
        batch, labels = order.masked_rows(self.rows, visits, recipe)  # [B, L]
        pairs = same_document_pairs(original_ids(batch, labels))
        masked, pairs = together.total(masked_tokens(labels), pairs)
        losses = torch.zeros((), device=self.device)
        parts = self.micro_batches(batch, labels, recipe.batch_size)
        for number, (ids, asked) in enumerate(parts, 1):
            with gradients_stay_here(self.objective, number < len(parts)):
                loss = self.forward(ids, asked)
                # Processes average their gradients; the mean is over all masked tokens.
                (loss * (together.number / max(masked, 1))).backward()
            losses += loss.detach()
        loss = together.total(losses.item())[0] / max(masked, 1)
        self.require_a_number(loss, self.step + 1)
        torch.nn.utils.clip_grad_norm_(self.objective.parameters(), recipe.clip)
        rate = self.optimizer.param_groups[0]["lr"]
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        tokens = recipe.batch_size * recipe.row_length
        work = speed.training_work(self.model.config, tokens, masked, pairs)
        elapsed = time.perf_counter() - start
        self.step, self.seconds = self.step + 1, self.seconds + elapsed
        self.log.add(
            step=self.step, tokens=self.step * tokens, seconds=self.seconds,
            learning_rate=rate, loss=loss, tokens_per_second=tokens / elapsed,
            share_of_peak=work / elapsed / self.peak,
        )  # fmt: skip
        return loss

    def micro_batches(self, batch, labels, rows):
        """This process's share of `rows` rows in parts of `micro_batch` at most.

        Every process has as many parts, empty ones if need be: at each of them the
        processes may wait for one another.
        """
        share = math.ceil(rows / self.together.number)
        parts = math.ceil(share / self.micro_batch)
        return list(zip(batch.tensor_split(parts), labels.tensor_split(parts)))

    def require_a_number(self, loss, step):
        """Raise FloatingPointError for a loss that is none any more."""
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss was {loss} at step {step}: try a lower learning rate. "
                f"The last checkpoint is as it was."
            )

    def forward(self, input_ids, labels):
        """The sum of the losses of some rows [B, L], in the run's precision."""
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16
        ):
            return self.compute(input_ids.to(self.device), labels.to(self.device))

    @torch.no_grad()
    def evaluate(self, most, after_evaluation=None):
        """Score held-out rows, `most` of them spread over the text, with frozen masks."""
        self.model.eval()
        if self.held_out:
            number = min(most, len(self.held_out))
            places = [i * len(self.held_out) // number for i in range(number)]
            own = places[self.together.rank :: self.together.number]
            batch, labels = order.held_out_rows(self.held_out, own, self.recipe)
            loss = sum(
                self.forward(ids, asked).item()
                for ids, asked in self.micro_batches(batch, labels, number)
            )
            loss, masked = self.together.total(loss, masked_tokens(labels))
            loss /= max(masked, 1)
            self.require_a_number(loss, self.step)
            self.log.score(self.step, loss)
        if after_evaluation and self.together.first:
            after_evaluation(self.step, self.model)

    def save(self):
        """Write a checkpoint of this step, and the log up to it."""
        weights, moments = self.state()
        self.together.by_first(functools.partial(self.write, weights, moments))

    def write(self, weights, moments):
        """What the first process does to save; weights that are no numbers it refuses."""
        if not all(weight.isfinite().all() for weight in weights.values()):
            raise FloatingPointError(
                f"Step {self.step} made weights that are no numbers: try a lower learning "
                f"rate. The last checkpoint is as it was."
            )
        self.log.write()
        state = {
            "tokens": self.step * self.recipe.batch_size * self.recipe.row_length,
            "seconds": self.seconds, "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state().numpy().tobytes().hex(),
            "tokenizer": self.corpus.tokenizer, "text": self.corpus.train_sha256,
        }  # fmt: skip
        checkpoints.save_checkpoint(
            self.out, self.step, weights, moments, state, self.recipe, self.tokenizer
        )

    def state(self):
        """Weights and AdamW's moments, whole and by name, wherever their parts are."""
        weights, optimizer = get_state_dict(self.objective, self.optimizer, options=WHOLE)
        moments = {
            f"{plain(name)}:{kind}": torch.as_tensor(value)
            for name, kinds in optimizer.get("state", {}).items()  # the first process has it
            for kind, value in kinds.items()
        }
        return {plain(name): weight for name, weight in weights.items()}, moments

    def load(self):
        """Go back to the newest checkpoint of the folder."""
        weights, moments, state = checkpoints.load_checkpoint(self.out, self.recipe)
        if (state["tokenizer"], state["text"]) != (
            self.corpus.tokenizer, self.corpus.train_sha256
        ):  # fmt: skip
            raise PretrainingError(
                f"the last checkpoint in {self.out} was trained on other ids than those in "
                f"{self.out / 'data'}: bring that folder back, or start anew in another one"
            )
        for tied, own in TIED.items():
            weights[tied] = weights[own]
        kinds = {}
        for key, value in moments.items():
            name, _, kind = key.rpartition(":")
            kinds.setdefault(f"model.{name}", {})[kind] = value
        groups = get_optimizer_state_dict(self.objective, self.optimizer)["param_groups"]
        set_state_dict(
            self.objective, self.optimizer, options=WHOLE,
            model_state_dict={f"model.{name}": weight for name, weight in weights.items()},
            optim_state_dict={"state": kinds, "param_groups": groups},
        )  # fmt: skip
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.seconds = state["step"], state["seconds"]
        for group, factor in zip(self.optimizer.param_groups, self.schedule.lr_lambdas):
            group["lr"] = self.recipe.learning_rate * factor(self.step)
        self.log.keep(self.step)


def take_weights(model, folder):
    """Put the weights of a model's folder into a model of the same sizes.

    Raises PretrainingError where they cannot be read or do not fit; TypeError or
    ValueError for what is no path.
    """
    try:
        weights = load_file(Path(folder) / "model.safetensors")
        weights |= {tied: weights[own] for tied, own in TIED.items()}
        model.load_state_dict(weights)
    except (OSError, SafetensorError, LookupError, RuntimeError) as error:
        raise PretrainingError(
            f"{folder} holds no weights that this recipe's model could start from ({error})"
        ) from error


def plain(name):
    """The name of a weight as transformers has it, without the wrappers around it."""
    return name.removeprefix("module.").removeprefix("model.")


def number_type(precision, device):
    """float32 or bfloat16, which "auto" takes on a GPU that multiplies it.

    Raises PretrainingError for bfloat16 on a GPU that has none.
    """
    supported = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" and supported else torch.float32
    if precision == "bfloat16" and not supported:
        raise PretrainingError("this GPU has no bfloat16: choose precision float32")
    return getattr(torch, precision)


# ------------------------------------------------------------------------ the log
class Log:
    """A row for each step, kept here and in a CSV file, if a path is given.

    The last row stays here until the next one comes, or `write` is called: a held-out
    loss may have to go into it. So rows are only ever added to the file.
    """

    def __init__(self, path):
        self.path, self.rows, self.written = path, [], 0

    def add(self, **values):
        if len(self.rows) - self.written >= FLUSH:
            self.write()
        self.rows.append({**dict.fromkeys(COLUMNS), **values})

    def score(self, step, loss):
        """Put a held-out loss into the row of its step."""
        if not self.rows:  # before the first update
            self.add(step=step, tokens=0, seconds=0.0)
        perplexity = math.exp(loss) if loss < 700 else math.inf  # e^710 has no float64
        self.rows[-1] |= {"held_out_loss": loss, "perplexity": perplexity}

    def keep(self, step):
        """Begin with the rows of the file up to a step: those after it are done anew.

        Where the file was removed, it begins here.
        Raises PretrainingError for a damaged file.
        """
        if self.path is None:
            return
        if not self.path.exists():
            self.add(step=step)
            return
        try:
            rows = read_log(self.path).astype(object).to_dict("records")
            rows = [row for row in rows if row["step"] <= step]
            if not rows or rows[-1]["step"] != step:
                raise ValueError(f"it has no row for step {step}")
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise PretrainingError(
                f"{self.path} is damaged ({error}): bring it back from a copy, or remove "
                f"it to begin another one here"
            ) from error
        self.rows = [{k: number(value) for k, value in row.items()} for row in rows]
        self.written = 0
        self.write()

    def write(self):
        """Add to the file what it lacks; where nothing is written yet, begin it anew."""
        if self.path is None or self.written == len(self.rows):
            return
        begin = self.written == 0
        path = self.path.with_suffix(".csv.part") if begin else self.path
        with saying_no_space(self.path.parent):
            with open(path, "w" if begin else "a", newline="") as file:
                table = csv.DictWriter(file, COLUMNS)
                if begin:
                    table.writeheader()
                table.writerows(self.rows[self.written :])
                file.flush()
                os.fsync(file.fileno())
            path.replace(self.path)
        self.written = len(self.rows)

    def frame(self):
        """The log as a DataFrame."""
        return pd.DataFrame(self.rows, columns=COLUMNS).astype(float)


def number(value):
    """A cell of the file as it was before: an empty one is None."""
    return None if pd.isna(value) else value


def read_log(path):
    """The log of a run as a DataFrame, every number as it was written.

    A last line that is not whole, since the program was killed or is writing it, does
    not count. Where nothing was measured a cell is empty, NaN.
    Raises OSError for a file that cannot be read, ValueError for one that is no table,
    TypeError for what is no path.
    """
    try:
        with open(Path(path), newline="") as file:
            whole, newline, _ = file.read().rpartition("\n")
        return pd.read_csv(io.StringIO(whole + newline))
    except ValueError as error:
        raise ValueError(f"{path} is no log of a run: {error}") from error
