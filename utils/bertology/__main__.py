"""Which heads does a classifier need? python -m utils.bertology --model NAME --task cola"""

import argparse
import copy
import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from utils import settings
from utils.bertology.capturing import capture
from utils.bertology.glue import (
    SPLITS,
    TASKS,
    GlueError,
    divide,
    load_classifier,
    load_task,
)
from utils.bertology.heads import HeadAdapter
from utils.bertology.importance import (
    NORMALISATIONS,
    ORDERS,
    batches,
    by_layer,
    head_importance,
    mask_more,
    masking_sweep,
    paired_change,
    predictions,
)
from utils.bertology.masking import mask_heads, mask_without
from utils.bertology.patterns import HeadStatistics
from utils.bertology.pruning import benchmark, prune_heads, save_pruned
from utils.sources import provenance_table
from utils.transformer import count_parameters

FILES = (
    "run.json", "heads.csv", "importance.safetensors", "sweep.csv", "pruning.csv",
    "speed.csv", "pruned",
)  # fmt: skip
SHARES = (0.2, 0.4, 0.6, 0.8)
SPEED_BATCHES, SPEED_LENGTH = (1, 4, 16), 32
SHOWN = 10  # rows of the table of heads that are printed


# ------------------------------------------------------------------- the command line
def arguments(argv=None):
    """The command line; argparse ends with status 2 for what it cannot read."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.bertology",
        description="Importance, entropy, masking, pruning and speed of the heads of a "
        "fine-tuned classifier, on a task of GLUE.",
    )
    add = parser.add_argument
    add("--model", required=True, metavar="NAME",
        help="a folder that save_pretrained or save_pruned wrote, or a hub id")  # fmt: skip
    add("--task", required=True, choices=TASKS)
    add("--out", type=Path, metavar="FOLDER",
        help="of the tables (runs/bertology/MODEL-TASK)")  # fmt: skip
    add("--revision", default="main", help="of a model of the hub (main)")
    add("--split", default="validation", choices=SPLITS,
        help="the examples that are scored (validation)")  # fmt: skip
    add("--limit", type=whole, metavar="N", help="score N of them, drawn at random (all)")
    add("--rank-on", type=whole, default=1000, metavar="N",
        help="training examples to compute importance on, never scored (1000)")  # fmt: skip
    add("--normalise", default="layer", choices=["none", *NORMALISATIONS[1:]],
        help="how importance is scaled (layer)")  # fmt: skip
    add("--shares", type=share, nargs="+", metavar="SHARE",
        help="of the heads that the sweep masks (0.2 0.4 0.6 0.8)")  # fmt: skip
    add("--prune", type=share, default=0.4, metavar="SHARE",
        help="of the heads that are pruned; 0 for none (0.4)")  # fmt: skip
    add("--seeds", type=whole, default=3, help="random orders of the sweep (3)")
    add("--batch-size", type=whole, default=32)
    add("--max-length", type=whole, default=128,
        help="tokens of an example; what is longer is cut (128)")  # fmt: skip
    add("--no-speed", action="store_true", help="no table of speeds")
    add("--device", help="cuda where there is one, unless told")
    add("--threads", type=whole, help="OMP_NUM_THREADS, else all cores")
    return parser.parse_args(argv)


def whole(text):
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def share(text):
    """A share of the heads, 0 to below 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: 0, or more and below 1")
    return value


def main(argv=None):
    """Run the command; SystemExit 1 with one line for an error, 130 when interrupted."""
    chosen = arguments(argv)
    try:
        run(chosen)
    except (ValueError, ArithmeticError, OSError, torch.OutOfMemoryError) as error:
        if type(error) is ValueError:
            raise  # the course's own errors are kinds of it; a bare one is a mistake here
        line = " ".join(str(error).split())
        sys.stderr.write(f"error: {line}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: nothing was written\n")
        raise SystemExit(130) from None


# --------------------------------------------------------------------------- the run
def run(chosen):
    """Compute and print everything, and write it at the end."""
    task = TASKS[chosen.task]
    out = chosen.out or Path("runs/bertology") / f"{plain(chosen.model)}-{task.name}"
    check_out(out)
    threads = chosen.threads
    if threads is None and not os.environ.get("OMP_NUM_THREADS"):
        threads = os.cpu_count()
    settings.setup(profile="cpu", threads=threads)
    device = find_device(chosen.device)
    classifier = load_classifier(chosen.model, task, chosen.revision)
    study = Study(chosen, task, classifier, device)
    study.say_what_is_there()
    study.importance()
    study.sweep()
    study.prune()
    if not chosen.no_speed:
        study.speed()
    write(out, study)
    print(f"\nTables and weights: {out}")


class Study:
    """One model on one task: each method prints a section and adds a table."""

    def __init__(self, chosen, task, classifier, device):
        self.chosen, self.task, self.classifier = chosen, task, classifier
        self.model = classifier.model.to(device)
        self.adapter = HeadAdapter.for_model(self.model)
        self.metric = classifier.score(task.metric)
        self.batch_size = chosen.batch_size
        self.normalise = None if chosen.normalise == "none" else chosen.normalise
        self.present = [
            (layer, head) for layer in range(self.adapter.num_layers)
            for head in self.adapter.kept(layer)
        ]  # fmt: skip
        self.whole = len(self.present) == self.adapter.num_layers * self.adapter.num_heads
        self.shares = self.check_shares()
        train, rows, self.dataset = load_task(task, chosen.split)
        ranked, scored = divide(train, rows, chosen.rank_on, chosen.limit)
        self.max_length = min(chosen.max_length, classifier.positions)
        self.ranked = classifier.examples(ranked, self.max_length)
        self.scored = classifier.examples(scored, self.max_length)
        self.labels = np.asarray(self.scored.labels)
        self.tables, self.numbers, self.pruned = {}, {}, None

    def check_shares(self):
        """The shares of the sweep; GlueError for one that leaves a layer without heads."""
        heads, layers = len(self.present), self.adapter.num_layers
        most = heads - layers
        asked = {"--prune": [self.chosen.prune], "--shares": self.chosen.shares or []}
        for option, shares in asked.items():
            for value in shares:
                if round(value * heads) > most:
                    raise GlueError(
                        f"{option} {value:g} of {heads} heads is more than can go: each of "
                        f"the {layers} layers keeps one, so {most / heads:.3g} at most"
                    )
        if self.chosen.shares:
            return sorted(set(self.chosen.shares))
        return [value for value in SHARES if round(value * heads) <= most]

    # ------------------------------------------------------------------- what is there
    def say_what_is_there(self):
        """The model, the data and the score of the whole model."""
        c, adapter = self.classifier, self.adapter
        heading(f"{c.location} on {self.task.name}")
        gone = "" if self.whole else f", {len(self.present)} heads left of those"
        print(
            f"model: {type(self.model).__name__}, {adapter.num_layers} layers of "
            f"{adapter.num_heads} heads{gone}, {count_parameters(self.model):,} parameters"
            + (f", commit {c.revision[:12]}" if c.revision else "")
        )
        print(provenance_table(self.dataset))
        if c.note:
            print(f"note: {c.note}")
        print(
            f"heads are ranked on {len(self.ranked):,} examples of train and scored on "
            f"{len(self.scored):,} others of {self.chosen.split}; layers and heads count "
            f"from 0"
        )
        cut = self.ranked.truncated, self.scored.truncated
        print(
            f"at most {self.max_length} tokens an example: {cut[0]:,} and {cut[1]:,} of "
            f"them were cut"
        )
        self.answers = predictions(self.model, self.scored, None, self.batch_size)
        scores = {
            name: self.classifier.score(score)(self.labels, self.answers)
            for name, score in self.task.scores.items()
        }
        found = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        print(f"score: {found}")
        if self.task.labels and len(np.unique(self.answers)) == 1:
            print("note: the model gives one and the same answer to all of them")
        self.numbers["scores"] = scores

    # ---------------------------------------------------------- importance and entropy
    def importance(self):
        """Expected |dL/dξ| of each head, with its standard error, and what it looks at."""
        raw = head_importance(self.model, self.ranked, batch_size=self.batch_size)
        self.raw, self.scores = raw, raw.normalised(self.normalise)
        table = self.scores.table()
        pairs = list(zip(table["layer"], table["head"]))
        table["raw"] = [raw.mean[pair] for pair in pairs]
        table = table[[pair in self.present for pair in pairs]]
        if self.whole:
            looks, even = self.looks()
            table = table.merge(looks, on=["layer", "head"])
        self.tables["heads"] = table
        scale = f"n = {raw.n:,}; scaled by: {self.chosen.normalise}"
        heading("Importance of the heads", scale)
        columns = ["layer", "head", "importance", "standard error", "raw"]
        show(table[columns + ["entropy"] * self.whole].head(SHOWN))
        print(f"the first {min(SHOWN, len(table))} of {len(table)}; raw: not scaled")
        if self.whole:
            print(f"entropy in nats; all tokens alike would be {even:.2f}")
        else:
            print("no entropy: the layers of this pruned model have different heads")

    def looks(self):
        """The table of `HeadStatistics`, and the entropy of an even attention."""
        statistics = HeadStatistics(self.classifier.tokenizer)
        parts = batches(self.model, self.ranked, self.batch_size)
        for inputs, _ in settings.progress(parts, "attention"):
            inside = capture(self.model, inputs, hidden_states=False, head_outputs=False)
            statistics.update(
                inside.attentions, inputs["input_ids"], inputs["attention_mask"]
            )
        return statistics.table(), statistics.chance()["entropy"]

    # ----------------------------------------------------------------------- the sweep
    def sweep(self):
        """More and more heads masked, in four orders."""
        heading(
            "Masking more and more heads",
            f"{self.task.metric_name}; n = {len(self.scored):,}; 95 % paired bootstrap",
        )
        if not self.whole or not self.shares:
            print("no sweep: heads of this model are gone already" if not self.whole
                  else "no sweep: the layers have too few heads")  # fmt: skip
            return
        parts = [
            masking_sweep(
                self.model, self.scored, order=order, scores=self.scores,
                rank_on=self.ranked, shares=self.shares,
                seeds=range(self.chosen.seeds), normalise=self.normalise,
                metric=self.metric, batch_size=self.batch_size,
            )
            for order in ORDERS
        ]  # fmt: skip
        table = pd.concat(parts, ignore_index=True)
        table["masked"] = [
            " ".join(f"{layer}:{head}" for layer, head in heads)
            for heads in table["masked"]
        ]
        self.tables["sweep"] = table
        show(table.drop(columns="masked"))
        print("change: from the whole model; low and high: its interval")

    # ------------------------------------------------------------------------- pruning
    def prune(self):
        """The least important heads, really gone; what that changes."""
        count = round(self.chosen.prune * len(self.present))
        heading("Pruning", f"{count} of {len(self.present)} heads, the least important")
        if not count:
            print("nothing to prune: --prune names the share of the heads")
            return
        gone = mask_more([], count, self.scores.ranking(), self.adapter)
        self.gone = gone
        device = next(self.model.parameters()).device
        some = np.arange(min(self.batch_size, len(self.scored)))
        inputs, _ = self.scored.batch(some, device=device)
        self.pruned = copy.deepcopy(self.model)
        report = prune_heads(self.pruned, by_layer(gone), check_on=inputs)
        # The heads of an earlier pruning have no number in a mask, so one mask fits both.
        masked = predictions(
            self.model, self.scored, mask_without(self.adapter, gone), self.batch_size
        )
        pruned = predictions(self.pruned, self.scored, None, self.batch_size)
        before = report.heads_before, report.parameters_before
        after = report.heads_after, report.parameters_after
        self.tables["pruning"] = pd.DataFrame([
            self.pruning_row("whole", *before, self.answers),
            self.pruning_row("masked", *before, masked),
            self.pruning_row("pruned", *after, pruned),
        ])  # fmt: skip
        show(self.tables["pruning"])
        print(report)
        self.numbers["pruned"] = dataclasses.asdict(report)

    def pruning_row(self, name, heads, parameters, answers):
        """A row of the table of pruning: the score, and its change with the interval."""
        change = paired_change(self.labels, self.answers, answers, self.metric)
        return {
            "model": name, "heads": heads, "parameters": parameters,
            self.task.metric_name: self.metric(self.labels, answers),
            "change": change.value, "low": change.low, "high": change.high,
        }  # fmt: skip

    # --------------------------------------------------------------------------- speed
    def speed(self):
        """Whole, masked and pruned, one after the other, by batch size."""
        models, how = {"whole": self.model}, {}
        if self.pruned is not None:
            mask = mask_without(self.adapter, self.gone)

            def masked(model, ids):
                with mask_heads(model, mask):
                    return model(input_ids=ids)

            models |= {"masked": self.model, "pruned": self.pruned}
            how = {"masked": masked}
        length = min(SPEED_LENGTH, self.classifier.positions)
        table = benchmark(models, batch_sizes=SPEED_BATCHES, length=length, inputs=how)
        self.tables["speed"] = table
        where = next(self.model.parameters()).device.type
        heading("Speed", f"{length} tokens, {where}, threads: {torch.get_num_threads()}")
        show(table.drop(columns=["length", "threads"]))
        print("ms of a batch, the median of 9 interleaved repetitions; speed-up: of whole")


def find_device(name):
    """The device of that name; GlueError for one that is not there."""
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise GlueError(f"--device {name} cannot be used: {reason}") from None
    return device


# -------------------------------------------------------------------- what is printed
def heading(title, detail=""):
    """A line of its own, underlined."""
    line = f"{title} ({detail})" if detail else title
    print(f"\n{line}\n{'-' * len(line)}")


def show(table):
    """A table of numbers that a person reads."""
    print(table.to_string(index=False, float_format=lambda x: f"{x:.4g}"), flush=True)


# -------------------------------------------------------------------- what is written
def plain(name):
    """The last part of a model's name, as a part of a folder's."""
    return Path(name).resolve().name or "model"


def check_out(out):
    """GlueError unless `out` is free, empty, or holds an earlier run and nothing else."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise GlueError(f"--out {out} is a file: name a folder")
    if out.is_dir():
        inside = sorted(path.name for path in out.iterdir())
        other = [name for name in inside if name not in FILES]
        if other or (inside and "run.json" not in inside):
            raise GlueError(
                f"--out {out} holds other files ({(other or inside)[0]}): name a new folder"
            )
    near = next(parent for parent in out.resolve().parents if parent.exists())
    if not near.is_dir() or not os.access(near, os.W_OK):
        raise GlueError(f"--out {out} cannot be made: {near} is no folder to write to")


def write(out, study):
    """Write everything to a folder beside `out`, which then takes its name, whole."""
    out.parent.mkdir(parents=True, exist_ok=True)
    target = out.resolve()
    new = target.with_name(f".{target.name}.{os.getpid()}.part")
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    try:
        new.mkdir()
        fill(new, study)
        check_out(out)  # what came there meanwhile is not overwritten
        if target.exists():
            target.rename(old)
        new.rename(target)
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(new, ignore_errors=True)


def fill(folder, study):
    """The files of a run."""
    for name, table in study.tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    raw, scores = study.raw, study.scores
    tensors = {
        "importance": scores.mean, "standard_error": scores.standard_error,
        "raw_importance": raw.mean, "raw_standard_error": raw.standard_error,
    }  # fmt: skip
    notes = {"n": str(raw.n), "normalisation": study.chosen.normalise}
    save_file(
        {name: torch.tensor(np.asarray(value)) for name, value in tensors.items()},
        folder / "importance.safetensors", notes,
    )  # fmt: skip
    if study.pruned is not None:
        save_pruned(study.pruned, folder / "pruned")
        study.classifier.tokenizer.save_pretrained(folder / "pruned")
    options = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(study.chosen).items()
    }
    note = {
        "options": options,
        "model": {"location": study.classifier.location,
                  "revision": study.classifier.revision,
                  "class": type(study.model).__name__},
        "data": dataclasses.asdict(study.dataset.provenance),
        "examples": {"ranked_on": len(study.ranked), "scored_on": len(study.scored),
                     "truncated": [study.ranked.truncated, study.scored.truncated]},
        "metric": study.task.metric_name,
        **study.numbers,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(note, indent=2) + "\n")


if __name__ == "__main__":
    main()
