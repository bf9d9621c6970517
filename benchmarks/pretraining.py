"""Pre-training: the engine beside the recipe of the workshop's book, on one text.

    python -m benchmarks pre-training          # what the course promises: `rows`
    python -m benchmarks.pretraining           # the tables of chapter 4, about half an hour
    python -m benchmarks.pretraining --save    # and keep them in results/pretraining.json

The reference is the recipe of the book, in `pretraining_reference`: a line of the text is
an example, padded in its batch. Both have the same text, tokenizer and sizes of the model.
What a line is decides how much padding there is. Files of Project Gutenberg, the book's
text among them, break lines after about 12 words: `wrapped`. With one paragraph a line,
as `load_text` gives them, lines differ more in length and are cut: `paragraphs`.

- Speed: real tokens a second, `<s>` and `</s>` counted, padding not. The recipes run in
  turns; the figures are medians over the rounds, of tokens per second, of their ratio to
  the reference, and of the share of the measured rate of matrix products. That counts
  the operations which real tokens and masked positions need, for both. Between the two
  chapter 4 has the reference without dropout, and then also with the head on masked
  tokens only.
- Quality: the held-out loss of both after the same time of training, each with as many
  steps as its speed allows and its schedule ending with them. Scored on packed rows, as
  the engine trains, and on padded lines, as the reference does; masks are frozen.

The threads are those of OMP_NUM_THREADS, or 1.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pandas as pd
import tokenizers
import torch
import transformers

from benchmarks import measure
from benchmarks.measure import Row
from benchmarks.pretraining_reference import DROPOUT, LINES, Reference, examples_of, lines_of
from benchmarks.pretraining_scores import loss_of_lines, loss_of_rows
from utils import settings
from utils.pretraining import KANTAI, Rows, is_held_out, matrix_rate, recipe_for
from utils.pretraining.corpus import load_tokenizer, read_corpus
from utils.pretraining.engine import Training, number_type, prepare
from utils.pretraining.processes import Processes
from utils.pretraining.speed import wait
from utils.sources import TEXTS, load_text

MICRO_BATCH = 32  # rows that the engine takes at once
TURN = 4.0  # seconds that a turn takes, about
TIMES = (60, 120, 240)  # seconds of training after which the losses are compared
QUICK_TEXT = 800  # paragraphs
LOSS_NOTE = ("A run of its own for each time, its schedule ending there; scored on wrapped lines, "
             "as the book's recipe trains. The steps of both are those that the measured speeds "
             "give for this time; the seconds that they took stand in the file's detail.")
LINES_NOTE = ("To the book's recipe each line is an example. Wrapped: lines of about 12 words, "
              "as files of Project Gutenberg have them. Paragraphs: each a line.")
RATE = "matrix products"  # the column of their measured rate
RESULTS = Path(__file__).parent / "results/pretraining.json"
CPU = torch.device("cpu")


def rows(quick: bool) -> list[Row]:
    """What the course promises of its engine; quick: one step a turn, of wrapped lines."""
    text = load_text("wikipedia").paragraphs
    with tempfile.TemporaryDirectory() as folder:
        small = Bench(recipe_for("cpu"), text[:QUICK_TEXT] if quick else text, Path(folder) / "cpu")
        wrapped = speed(small, "wrapped", seconds=None if quick else TURN)
        if quick:
            return [tokens_row("cpu", wrapped, 2.2), share_row("cpu", wrapped)]
        kantai = Bench(recipe_for("cpu", **KANTAI), text, Path(folder) / "kantai")
        large = speed(kantai, "wrapped")
        return [
            tokens_row("cpu", wrapped, 2.2),
            tokens_row("cpu", speed(small, "paragraphs", TURN), 2.2),
            tokens_row("KantaiBERT", large, 2.5),
            share_row("cpu", wrapped), share_row("KantaiBERT", large),
            *(row for seconds in TIMES
              for row in loss_rows(seconds, losses_after(small, {"wrapped": wrapped}, seconds))),
        ]  # fmt: skip


# ------------------------------------------------------------------------ the recipes
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


class Bench:
    """A text, and a recipe to train on it in both ways."""

    def __init__(self, recipe, text, out, device=CPU):
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

    def scores(self, model):
        """The held-out losses of a model: on packed rows, and on lines of both kinds."""
        data = self.out / "data"
        packed = Rows(data / "held_out.bin", read_corpus(data).dtype, self.recipe.row_length)
        return {"packed": loss_of_rows(model, packed, self.recipe)} | {
            lines: loss_of_lines(model, self.examples(lines, self.held_out)) for lines in LINES
        }


# ------------------------------------------------------------------------- the speed
class Turn:
    """Some steps of a recipe, as `measure.in_turns` calls them: real tokens per second.

    `steps`, `tokens` and `work`, in operations, are what all its turns had together.
    """

    def __init__(self, recipe, number):
        self.recipe, self.number = recipe, number
        self.steps = self.tokens = self.work = 0

    def __call__(self) -> float:
        seconds, tokens, work = self.recipe.steps(self.number)
        self.steps += self.number
        self.tokens += tokens
        self.work += work
        return tokens / seconds


def steps_in(recipe, seconds) -> int:
    """How many steps of a recipe take about so many seconds, one at least."""
    recipe.steps(1)  # allocates and warms up
    return max(1, round(seconds / recipe.steps(1)[0]))


@dataclass(frozen=True)
class Speed:
    """How fast recipes are on lines of a kind.

    found: a row for each round, real tokens per second of each recipe, and the rate of
    matrix products; turns: what they did for that.
    """

    lines: str
    found: pd.DataFrame
    turns: dict[str, Turn]

    def tokens(self, name) -> float:
        """Real tokens per second."""
        return float(self.found[name].median())

    def ratio(self, name) -> float:
        """Real tokens per second, against the reference's."""
        return measure.ratio(self.found, name, "reference")

    def share(self, name) -> float:
        """The share of the rate of matrix products, from 0 to 1."""
        turn = self.turns[name]
        operations = self.found[name] * turn.work / turn.tokens  # per second
        return float((operations / self.found[RATE]).median())

    def step_seconds(self, name) -> float:
        """Seconds of a step, at the speed of the reference times the median ratio to it.

        Not at the recipe's own median, which may be that of another moment of the machine.
        """
        turn = self.turns[name]
        return turn.tokens / turn.steps / (self.tokens("reference") * self.ratio(name))


def speed(bench, lines, seconds=None, ablation=False) -> Speed:
    """How fast the recipes are on lines of a kind, in turns of so many seconds or one step."""
    recipes = {"reference": bench.reference(lines)}
    if ablation:
        recipes["without dropout"] = bench.reference(lines, dropout=0.0)
        recipes["and head on masked tokens only"] = bench.reference(lines, 0.0, True)
    recipes["engine"] = bench.engine()
    turns = {name: Turn(recipe, steps_in(recipe, seconds) if seconds else 1)
             for name, recipe in recipes.items()}  # fmt: skip
    rate = {RATE: lambda: matrix_rate(bench.device, number_type("auto", bench.device))}
    return Speed(lines, measure.in_turns(turns | rate), turns)


def tokens_row(model: str, found: Speed, least: float) -> Row:
    """The engine's tokens per second against the reference's, as a row."""
    return Row(
        f"real tokens per second, {model}, {found.lines}: the engine against the book's recipe",
        found.ratio("engine"), "×", least=least, note=LINES_NOTE,
        detail={name: {"tokens_per_second": found.tokens(name), "share": found.share(name),
                       "steps_of_a_turn": turn.number} for name, turn in found.turns.items()},
    )  # fmt: skip


def share_row(model: str, found: Speed) -> Row:
    """The engine's share of the rate of matrix products, as a row."""
    return Row(
        f"share of the rate of matrix products, {model}: the engine",
        100 * found.share("engine"), "%", least=50,
        detail={"matrix_rate": float(found.found[RATE].median())},
    )  # fmt: skip


# ----------------------------------------------------------------------- the quality
def losses_after(bench, speeds: dict[str, Speed], seconds) -> dict[str, dict]:
    """What training for so many seconds gives: the recipe → steps, tokens, held-out losses.

    speeds: lines → how fast both are. The reference trains on each of these lines.
    """
    step = {f"reference, {lines}": one.step_seconds("reference") for lines, one in speeds.items()}
    step["engine"] = statistics.median(one.step_seconds("engine") for one in speeds.values())
    found = {}
    for name in step:
        number = max(1, round(seconds / step[name]))
        if name == "engine":
            recipe = bench.engine(steps=number)
        else:
            recipe = bench.reference(name.split(", ")[1])
        took, tokens, _ = recipe.steps(number)
        found[name] = {"steps": number, "seconds": round(took), "tokens": tokens,
                       **bench.scores(recipe.model.eval())}  # fmt: skip
    return found


def loss_rows(seconds: int, found: dict[str, dict]) -> list[Row]:
    """The loss of both, and how much lower the engine's is; on wrapped lines, the reference's own."""
    after = f"held-out loss after {seconds} s of training, cpu"
    book, engine = (found[name]["wrapped"] for name in ("reference, wrapped", "engine"))
    return [
        Row(f"{after}: the book's recipe", book, "nats", note=LOSS_NOTE, detail=found),
        Row(f"{after}: the engine", engine, "nats", note=LOSS_NOTE),
        Row(f"{after}: the book's recipe minus the engine", book - engine, "nats",
            least=0.3 if seconds == 120 else None),
    ]  # fmt: skip


# --------------------------------------------------------------- a text of any size
def write_text(paragraphs, size, path):
    """Write about `size` bytes: the paragraphs again and again, each time numbered."""
    written = number = 0
    with open(path, "w", encoding="utf-8") as file:
        while written < size:
            paragraph = paragraphs[number % len(paragraphs)]
            number += 1
            written += len(f"{number} {paragraph} {number**3}\n\n".encode())
            file.write(f"{number} {paragraph} {number**3}\n\n")


# ------------------------------------------------------------- the tables of chapter 4
def speed_table(found: Speed) -> list[dict]:
    """How fast the recipes are, as chapter 4 shows it."""
    return [
        {"lines": found.lines, "recipe": name, "ratio": round(found.ratio(name), 2),
         "tokens_per_second": round(found.tokens(name)),
         "share_of_rate": round(found.share(name), 3)}
        for name in found.turns
    ]  # fmt: skip


def quality_table(found: dict[str, dict]) -> list[dict]:
    """What was learned, as chapter 4 shows it."""
    return [
        {"recipe": name} | {key: round(value, 3) for key, value in one.items()}
        for name, one in found.items()
    ]


def tables(recipes: dict, text, turn=TURN, seconds=120) -> dict:
    """Both tables; of the model `cpu` with what lies between the recipes, and the losses."""
    found = {"speed": {}}
    for name, recipe in recipes.items():
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(recipe, text, Path(folder))
            speeds = {lines: speed(bench, lines, turn, name == "cpu") for lines in LINES}
            found["speed"][name] = sum(map(speed_table, speeds.values()), [])
            show(name, found["speed"][name])
            if name == "cpu":
                found["quality"] = quality_table(losses_after(bench, speeds, seconds))
                show(f"{name}, after {seconds} s", found["quality"])
    return found


def show(title: str, table: list[dict]) -> None:
    print(f"\n{title}\n{pd.DataFrame(table).to_string(index=False)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", action="store_true", help=f"keep them in results/{RESULTS.name}")
    chosen = parser.parse_args()
    run = settings.setup(profile="cpu")
    found = {
        "command": "python -m benchmarks.pretraining --save",
        "date": date.today().isoformat(), "text": load_text("wikipedia").provenance.given,
        "device": str(CPU), "numbers": str(number_type("auto", CPU)),
        "threads": run.threads, "matrix_gflops": round(matrix_rate() / 1e9, 1),
        "torch": torch.__version__, "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }  # fmt: skip
    print(", ".join(f"{name} {value}" for name, value in found.items()))
    recipes = {"cpu": recipe_for("cpu"), "kantai": recipe_for("cpu", **KANTAI)}
    found |= tables(recipes, "wikipedia")
    if chosen.save:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
