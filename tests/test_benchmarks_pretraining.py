"""What the benchmarks of chapter 4 count and score, and the results that are kept."""

import json
import types
from dataclasses import replace

import pandas as pd
import pytest
import torch
from transformers import DataCollatorForLanguageModeling

from benchmarks import measure, pretraining, pretraining_runs, tokenizers
from benchmarks import pretraining_reference as reference
from benchmarks.pretraining_scores import loss_of_lines, loss_of_rows, masked_examples
from utils.pretraining import (
    MaskedOnly,
    Rows,
    is_held_out,
    model_config,
    new_model,
    recipe_for,
    train_tokenizer,
    training_work,
    write_corpus,
)
from utils.pretraining.order import held_out_rows
from utils.pretraining_tasks import IGNORED
from utils.sources import load_text

RECIPE = recipe_for("smoke")


@pytest.fixture(scope="module")
def paragraphs():
    return load_text("wikipedia").paragraphs[:300]


@pytest.fixture(scope="module")
def folder(paragraphs, tmp_path_factory):
    """A folder with a tokenizer and the ids of the paragraphs."""
    folder = tmp_path_factory.mktemp("corpus")
    tokenizer = train_tokenizer(paragraphs, RECIPE.vocab_size, folder / "tokenizer")
    write_corpus("paragraphs", paragraphs, tokenizer, folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder):
    return pretraining.load_tokenizer(folder / "tokenizer", RECIPE.vocab_size)


@pytest.fixture(scope="module")
def model():
    model = new_model(RECIPE).eval()
    with torch.no_grad():  # as after a training: an untrained model tells nothing apart
        for parameter in model.parameters():
            parameter.mul_(4)
    return model


# -------------------------------------------------------------------- the reference
def test_wrapped_lines_hold_every_word_and_are_as_long_as_gutenbergs(paragraphs):
    lines = reference.lines_of(paragraphs, "wrapped")
    assert [w for line in lines for w in line.split()] == " ".join(paragraphs).split()
    assert all(len(line) <= 72 or " " not in line for line in lines)
    assert 10 < sum(len(line.split()) for line in lines) / len(lines) < 14
    assert reference.lines_of(paragraphs, "paragraphs") == list(paragraphs)


def test_examples_are_cut_and_keep_their_ends(tokenizer, paragraphs):
    examples = reference.examples_of(tokenizer, paragraphs[:20], 16)
    assert len(examples) == 20
    assert all(len(e["input_ids"]) <= 16 for e in examples)
    assert all((e["input_ids"][0], e["input_ids"][-1]) == (0, 2) for e in examples)


def padded_batch(tokenizer, texts):
    """Some texts as the reference's collator gives them."""
    examples = reference.examples_of(tokenizer, texts, RECIPE.row_length)
    torch.manual_seed(0)
    collate = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    return examples, collate(examples)


def test_the_work_of_a_padded_batch_leaves_the_padding_out(tokenizer, paragraphs):
    texts = ["one", "one two three", *paragraphs[:4]]
    examples, batch = padded_batch(tokenizer, texts)
    lengths = [len(example["input_ids"]) for example in examples]
    assert batch["input_ids"].numel() > sum(lengths)  # there is padding
    config = model_config(RECIPE)
    tokens, work = reference.padded_work(config, batch)
    masked = int((batch["labels"] != IGNORED).sum())
    pairs = sum(length**2 for length in lengths)
    assert tokens == sum(lengths)
    assert work == training_work(config, tokens, masked, pairs)


def test_the_head_on_masked_tokens_alone_gives_the_same_loss(tokenizer, paragraphs, model):
    _, batch = padded_batch(tokenizer, paragraphs[:8])
    with torch.no_grad():
        whole, part = model(**batch).loss, reference.masked_only_loss(model, batch)
    torch.testing.assert_close(part, whole)


def test_a_line_scores_the_same_alone_and_in_a_padded_batch(tokenizer, paragraphs, model):
    lines = reference.lines_of(paragraphs[:20], "wrapped")[:70]
    examples = reference.examples_of(tokenizer, lines, RECIPE.row_length)
    losses = []
    for ids, labels in masked_examples(examples, RECIPE.vocab_size):
        with torch.no_grad():
            logits = model(ids[None]).logits[0]
        asked = labels != IGNORED
        losses += torch.nn.functional.cross_entropy(
            logits[asked], labels[asked], reduction="none"
        ).tolist()
    expected = sum(losses) / len(losses)
    assert loss_of_lines(model, examples) == pytest.approx(expected, rel=1e-5)


def test_packed_rows_score_as_in_the_engine(folder, model):
    rows = Rows(folder / "held_out.bin", "<u2", RECIPE.row_length)
    with torch.no_grad():
        batch, labels = held_out_rows(rows, range(len(rows)), RECIPE)
        total = MaskedOnly(model)(batch, labels) / (labels != IGNORED).sum()
    found = loss_of_rows(model, rows, RECIPE)
    assert found == pytest.approx(total.item(), rel=1e-5)


def recipe_of(seconds, calls=None):
    """A recipe whose steps take so long, and have 10 tokens of 3 operations each."""

    def steps(number):
        if calls is not None:
            calls.append(number)
        return seconds * number, 10 * number, 30 * number

    return types.SimpleNamespace(steps=steps)


def test_a_turn_lasts_about_as_long_as_asked():
    calls = []
    assert pretraining.steps_in(recipe_of(0.5, calls), 4.0) == 8
    assert calls == [1, 1]  # the first, which warms up, says nothing
    assert pretraining.steps_in(recipe_of(9.0), 4.0) == 1


def test_the_speed_is_that_of_the_turns():
    """Of a step of 10 tokens, 30 operations, in 2 s and in 0.5 s, where the machine does 100."""
    turns = {"reference": pretraining.Turn(recipe_of(2.0), 1),
             "engine": pretraining.Turn(recipe_of(0.5), 4)}  # fmt: skip
    found = measure.in_turns(turns | {pretraining.RATE: lambda: 100.0})
    speed = pretraining.Speed("wrapped", found, turns)
    assert (speed.tokens("reference"), speed.tokens("engine")) == (5, 20)
    assert speed.ratio("engine") == 4 and speed.ratio("reference") == 1
    assert speed.share("engine") == pytest.approx(0.6) and speed.share("reference") == 0.15
    assert (speed.step_seconds("engine"), speed.step_seconds("reference")) == (0.5, 2)
    assert turns["engine"].steps == 6 * 4  # five rounds, and the turn before them


def test_a_step_is_as_much_faster_as_the_rounds_say():
    """The machine was fast in one round: two medians apart would be of different rounds."""
    turns = {name: pretraining.Turn(None, 1) for name in ("reference", "engine")}
    for turn in turns.values():
        turn.steps, turn.tokens = 3, 30
    found = pd.DataFrame({"reference": [5.0, 10.0, 5.0], "engine": [10.0, 20.0, 20.0]})
    speed = pretraining.Speed("wrapped", found, turns)
    assert (speed.ratio("engine"), speed.tokens("engine")) == (2, 20)
    assert (speed.step_seconds("reference"), speed.step_seconds("engine")) == (2, 1)


def test_a_text_has_the_size_that_was_asked_for_and_no_paragraph_twice(tmp_path):
    pretraining.write_text(["á b", "c"], 1_000, tmp_path / "text.txt")
    written = (tmp_path / "text.txt").read_bytes()
    assert 1_000 <= len(written) < 1_050
    read = written.decode().split("\n\n")[:-1]
    assert len(set(read)) == len(read) and read[0] == "1 á b 1"


# -------------------------------------------------------------------- the longer runs
def test_a_part_of_the_text_is_scored_as_the_whole(paragraphs):
    documents = pretraining_runs.documents_of(paragraphs, 4)
    held_out = [p for p in paragraphs if is_held_out(p)]
    others = [p for p in paragraphs if not is_held_out(p)]
    assert [p for p in documents if is_held_out(p)] == held_out
    assert [p for p in documents if not is_held_out(p)] == others[::4]


def test_operations_and_passes_become_steps(folder):
    rows = Rows(folder / "train.bin", "<u2", RECIPE.row_length)
    work = pretraining_runs.work_of_step(RECIPE, rows)
    plan = pretraining_runs.Plan(operations=10.4 * work)
    assert pretraining_runs.steps_of(plan, RECIPE, rows) == 10
    larger = replace(RECIPE, hidden_size=64, intermediate_size=256)
    assert 0 < pretraining_runs.steps_of(plan, larger, rows) < 5
    plan = pretraining_runs.Plan(passes=3)
    assert pretraining_runs.steps_of(plan, RECIPE, rows) == round(3 * len(rows) / 4)


def test_the_work_of_a_step_is_that_of_the_average_batch(folder):
    rows = Rows(folder / "train.bin", "<u2", RECIPE.row_length)
    config, seen = model_config(RECIPE), []
    for i in range(len(rows)):
        batch, labels = held_out_rows(rows, [i], RECIPE)
        pairs = int(pretraining_runs.document_mask(torch.from_numpy(rows[i])[None]).sum())
        masked = int((labels != IGNORED).sum())
        seen.append(training_work(config, RECIPE.row_length, masked, pairs))
    expected = RECIPE.batch_size * sum(seen) / len(seen)
    found = pretraining_runs.work_of_step(RECIPE, rows)
    assert found == pytest.approx(expected, rel=0.01)  # the masks are drawn


def test_the_last_scores_are_those_of_the_masked_tokens(folder, model, monkeypatch):
    rows = Rows(folder / "held_out.bin", "<u2", RECIPE.row_length)
    monkeypatch.setattr(pretraining_runs, "DRAWS", 1)
    scores = pretraining_runs.last_scores(model, rows, RECIPE)
    usual = loss_of_rows(model, rows, RECIPE)  # the same masks
    assert scores["80/10/10"] == pytest.approx(usual, rel=1e-5)
    assert len({round(score, 6) for score in scores.values()}) == 5
    assert scores["kept"] != scores["replaced"]
    parts = [scores[name] for name in ("hidden", "kept", "replaced")]
    assert min(parts) <= scores["80/10/10"] <= max(parts)


def test_what_was_kept_is_easy_for_a_model_that_copies(folder, model, monkeypatch):
    """The fates are told apart: see the shown token, and it is right where it was kept."""
    rows = Rows(folder / "held_out.bin", "<u2", RECIPE.row_length)

    def copying(model, ids, labels):
        asked = labels != IGNORED
        return (ids[asked] != labels[asked]).float()

    monkeypatch.setattr(pretraining_runs, "token_losses", copying)
    scores = pretraining_runs.last_scores(model, rows, RECIPE)
    assert scores["kept"] == 0 and scores["hidden"] == scores["replaced"] == 1
    assert scores["all hidden"] == 1 and scores["80/10/10"] == pytest.approx(0.9, abs=0.03)


def test_results_are_kept_in_the_order_of_the_plans(tmp_path, monkeypatch):
    monkeypatch.setattr(pretraining_runs, "RESULTS", tmp_path / "results/runs.json")
    assert pretraining_runs.read_results() == {}
    names = list(pretraining_runs.plans())
    pretraining_runs.write_results({n: {"name": n} for n in (names[2], names[0])})
    assert list(pretraining_runs.read_results()) == [names[0], names[2]]


def test_the_kept_results_are_of_the_plans_of_today(root):
    """A plan that was changed has to be carried out anew."""
    path = pretraining_runs.RESULTS
    rows = json.loads(path.read_text())
    plans = pretraining_runs.plans()
    assert [row["name"] for row in rows] == list(plans)
    for row in rows:
        plan = plans[row["name"]]
        recipe = recipe_for("cpu", **plan.changes, steps=row["steps"])
        assert row["changes"] == plan.changes and row["recipe"] == vars(recipe)
        assert row["tokens"] == recipe.steps * recipe.batch_size * recipe.row_length
        if plan.passes:
            assert row["passes"] == pytest.approx(plan.passes, rel=0.02)
        else:
            assert row["model_flops"] == pytest.approx(plan.operations, rel=0.01)
        steps, tokens, loss = row["curve"][-1]
        assert (steps, tokens, loss) == (row["steps"], row["tokens"], row["held_out_loss"])
    assert str(root) not in path.read_text()


# ------------------------------------------------------------------------- tokenizers
def test_some_text_is_as_long_as_asked_and_repeats_if_it_must():
    assert tokenizers.some_text(["ab", "cd", "ef"], 3) == ["ab", "cd"]
    assert tokenizers.some_text(["ab", "cd"], 7) == ["ab", "cd", "ab", "cd"]
