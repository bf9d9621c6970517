"""The longer runs whose tables chapter 4 shows: each made anew by its name.

    python -m benchmarks.pretraining_runs --list
    python -m benchmarks.pretraining_runs                # those not made yet
    python -m benchmarks.pretraining_runs static-1 --again

The results are rows of benchmarks/results/pretraining_runs.json. The text is always the
Wikipedia articles that every installation has; the weights are float32, and one thread
computes, so that the losses come out the same. A run that was interrupted goes on from
its last checkpoint, in the folder --out.

Three questions:

- dynamic, static: a small model sees a quarter of the articles 16 times, its masks drawn
  anew each time, or once for all.
- hidden-only: as `dynamic`, but all the chosen tokens become `<mask>`. Besides the usual
  held-out loss (80/10/10) it is scored where all are hidden, and by what happened to
  the token.
- width-...: models of several sizes after the same number of operations, on all the
  articles.

Taught in: chapter 4, section "What the model learned".
"""

import argparse
import json
import shutil
import tempfile
import zlib
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path

import tokenizers
import torch
import torch.nn.functional as F
import transformers

from utils import settings
from utils.pretraining import (
    Rows,
    document_mask,
    is_held_out,
    matrix_rate,
    model_config,
    pretrain,
    recipe_for,
    row_positions,
    train_tokenizer,
    training_work,
    write_corpus,
)
from utils.pretraining.checkpoints import checkpoints
from utils.pretraining.corpus import read_corpus
from utils.pretraining.objective import original_ids
from utils.pretraining.order import HELD_OUT_MASKS, mask_row, stack, stream_seed
from utils.pretraining.recipe import MASK, SPECIAL_TOKENS
from utils.pretraining_tasks import IGNORED
from utils.sources import load_text

RESULTS = Path(__file__).parent / "results/pretraining_runs.json"
FOLDER = Path(tempfile.gettempdir()) / "pretraining_runs"
DRAWS = 8  # how often the held-out rows are masked for the last scores
SMALL = dict(  # few pieces: with more, runs this short learn little beyond their frequencies
    vocab_size=1_000, hidden_size=128, num_hidden_layers=2, num_attention_heads=4,
    intermediate_size=512, batch_size=8, learning_rate=2e-3, precision="float32",
)  # fmt: skip

SIZES = ((128, 2, 2e-3), (192, 3, 1.5e-3), (256, 4, 1e-3))  # width, layers, learning rate


@dataclass(frozen=True)
class Plan:
    """A run: what differs from the profile `cpu`, of how much text, and for how long."""

    changes: dict = field(default_factory=dict)
    part: int = 1  # every so-manieth paragraph is trained on
    passes: int | None = None  # over the text, or ...
    operations: float | None = None  # ... of the model, in all


def plans():
    """name -> Plan of every run, in the order of the tables."""
    kinds = {
        "dynamic": {},
        "static": dict(static_masks=True),
        "hidden-only": dict(mask=1.0, random=0.0),
    }
    made = {
        f"{kind}-1": Plan({**SMALL, **changes, "seed": 1}, part=4, passes=16)
        for kind, changes in kinds.items()
    }
    for width, layers, rate in SIZES:
        sizes = dict(
            hidden_size=width, num_hidden_layers=layers, intermediate_size=4 * width,
            num_attention_heads=width // 32, learning_rate=rate,
        )  # fmt: skip
        made[f"width-{width}"] = Plan({**SMALL, **sizes, "seed": 1}, operations=8e12)
    return made


# ------------------------------------------------------------------------- a run
def documents_of(paragraphs, part):
    """All the held-out paragraphs, and every `part`-th of the others: a list.

    A part of the text is trained on, but scored as exactly as the whole.
    """
    held_out = [paragraph for paragraph in paragraphs if is_held_out(paragraph)]
    others = [paragraph for paragraph in paragraphs if not is_held_out(paragraph)]
    return held_out + others[::part]


def work_of_step(recipe, rows):
    """Operations of an update, on average: of the tokens that may be masked, 15 % are."""
    ids = torch.stack([torch.from_numpy(rows[i]) for i in range(len(rows))])  # [rows, L]
    pairs = sum(int(document_mask(some).sum()) for some in ids.split(256))
    ordinary = int((ids >= len(SPECIAL_TOKENS)).sum())
    share = recipe.batch_size / len(rows)
    masked = recipe.mask_rate * ordinary
    config = model_config(recipe)
    return training_work(config, ids.numel() * share, masked * share, pairs * share)


def steps_of(plan, recipe, rows):
    """How many updates make the passes, or the operations, of a plan."""
    if plan.passes:
        return round(plan.passes * len(rows) / recipe.batch_size)
    return round(plan.operations / work_of_step(recipe, rows))


@torch.no_grad()
def token_losses(model, input_ids, labels):
    """The loss of every masked token of packed rows: [M]."""
    original = original_ids(input_ids, labels)  # which tells where documents begin
    hidden = model.roberta(
        input_ids,
        attention_mask=document_mask(original),
        position_ids=row_positions(original),
    ).last_hidden_state  # [B, L, d]
    asked = labels != IGNORED
    return F.cross_entropy(model.lm_head(hidden[asked]), labels[asked], reduction="none")


def last_scores(model, rows, recipe):
    """Mean held-out losses: of 80/10/10, of its three fates, and with all hidden.

    The same tokens are chosen for both, with `DRAWS` masks for each row.
    """
    found = {}
    for mask, random in ((0.8, 0.1), (1.0, 0.0)):
        same = replace(recipe, mask_rate=0.15, mask=mask, random=random)
        losses, fates = [], []
        for draw in range(DRAWS):
            seeds = [stream_seed(draw, HELD_OUT_MASKS, i) for i in range(len(rows))]
            pairs = [mask_row(rows[i], seed, same) for i, seed in enumerate(seeds)]
            batch, labels = stack(pairs, recipe)
            for ids, asked in zip(batch.split(32), labels.split(32)):
                losses.append(token_losses(model, ids, asked))
                fates.append((ids[asked != IGNORED], asked[asked != IGNORED]))
        losses = torch.cat(losses).double()
        if mask == 1.0:
            found["all hidden"] = losses.mean().item()
            continue
        shown, wanted = map(torch.cat, zip(*fates))
        hidden, kept = shown == MASK, shown == wanted
        found["80/10/10"] = losses.mean().item()
        for name, which in (
            ("hidden", hidden), ("kept", kept), ("replaced", ~hidden & ~kept),
        ):  # fmt: skip
            found[name] = losses[which].mean().item()
    return found


def carry_out(name, plan, folder):
    """Make a run and describe it: a row of the results."""
    text = load_text("wikipedia")
    documents = documents_of(text.paragraphs, plan.part)
    recipe = recipe_for("cpu", **plan.changes)
    ids = folder / f"text-{plan.part}-{recipe.vocab_size}"
    rows = training_rows(documents, recipe, ids)
    recipe = replace(recipe, steps=steps_of(plan, recipe, rows))
    out = folder / f"{name}-{digest(recipe)}"
    run = pretrain(
        documents, out, profile="cpu", resume=bool(checkpoints(out)),
        tokenizer=ids / "tokenizer", device="cpu",
        evaluate_every=max(1, recipe.steps // 20), save_every=max(1, recipe.steps // 10),
        **{**plan.changes, "steps": recipe.steps},
    )  # fmt: skip
    held_out = Rows(out / "data/held_out.bin", run.corpus.dtype, recipe.row_length)
    last = run.log.iloc[-1]
    scores = last_scores(run.model, held_out, recipe)
    part = "" if plan.part == 1 else f", one paragraph in {plan.part}"
    return {
        "name": name,
        "recipe": asdict(recipe),
        "changes": plan.changes,
        "text": f"wikipedia ({text.provenance.revision}){part}",
        "text_tokens": run.corpus.tokens,
        "held_out_tokens": run.corpus.held_out_tokens,
        "parameters": run.model.num_parameters(),
        "steps": int(last.step),
        "tokens": int(last.tokens),
        "passes": round(last.tokens / run.corpus.tokens, 2),
        "model_flops": recipe.steps * work_of_step(recipe, rows),
        "seconds": round(last.seconds, 1),
        "train_loss": round(run.log.loss.tail(max(1, recipe.steps // 20)).mean(), 4),
        "held_out_loss": round(last.held_out_loss, 4),
        "held_out": {name: round(score, 4) for name, score in scores.items()},
        "curve": [
            [int(row.step), int(row.tokens), round(row.held_out_loss, 4)]
            for row in run.held_out.itertuples()
        ],
        "machine": machine(),
        "date": date.today().isoformat(),
    }  # fmt: skip


def digest(recipe):
    """A short name of a recipe: the folder of a plan that was changed is another one."""
    return f"{zlib.crc32(json.dumps(asdict(recipe)).encode()):08x}"


def training_rows(documents, recipe, folder):
    """The rows of a text, tokenised once for all the runs on it."""
    corpus = read_corpus(folder)
    if corpus is None:
        tokenizer = train_tokenizer(documents, recipe.vocab_size, folder / "tokenizer")
        corpus = write_corpus("a list of texts", documents, tokenizer, folder)
    return Rows(folder / "train.bin", corpus.dtype, recipe.row_length)


def machine():
    """What the figures of a row depend on besides the recipe."""
    return {
        "threads": torch.get_num_threads(),
        "matrix_gflops": round(matrix_rate() / 1e9, 1),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }


# ----------------------------------------------------------------------- the table
def read_results():
    """name -> row, of the runs that were made."""
    if not RESULTS.is_file():
        return {}
    return {row["name"]: row for row in json.loads(RESULTS.read_text())}


def write_results(results):
    """The rows in the order of the plans; the old file stays until the new is whole."""
    RESULTS.parent.mkdir(exist_ok=True)
    part = RESULTS.with_suffix(".part")
    rows = [results[name] for name in plans() if name in results]
    part.write_text(json.dumps(rows, indent=1) + "\n")
    part.replace(RESULTS)


def show(row):
    """A row of the table, for a person."""
    if row is None:
        return "not made yet"
    scores = ", ".join(f"{name} {loss:.3f}" for name, loss in row["held_out"].items())
    return (
        f"{row['steps']:,} steps, {row['passes']:.1f} passes, {row['model_flops']:.2e} "
        f"operations, {row['seconds']:,.0f} s, train {row['train_loss']:.3f}, held out "
        f"{row['held_out_loss']:.3f} ({scores})"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help="all unless told")
    parser.add_argument("--list", action="store_true", help="print what was made")
    parser.add_argument("--again", action="store_true", help="make those made before too")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the runs are")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(plans()):
        parser.error(f"{min(unknown)!r} is none of {', '.join(plans())}")
    settings.setup(profile="cpu", threads=1)
    for name, plan in plans().items():
        if arguments.names and name not in arguments.names:
            continue
        done = read_results().get(name)
        if not arguments.list and (arguments.again or done is None):
            done = carry_out(name, plan, arguments.out)
            write_results({**read_results(), name: done})
            for folder in arguments.out.glob(f"{name}-*"):  # only what is unfinished is kept
                shutil.rmtree(folder)
        print(f"{name:16}{show(done)}", flush=True)


if __name__ == "__main__":
    main()
