"""Promises that no clock measures: what is exact, and what the longer runs found."""

import json

import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from benchmarks import exact, exact_heads, promises
from tools import editions
from utils import tokenization
from utils.sources import SourceError
from utils.sources.formats import Document, Text
from utils.sources.provenance import Provenance


def test_the_grammars_are_counted():
    found = promises.grammar(quick=True)
    assert len(found) == 2 and not [row.what for row in found if row.kept is False]


def test_what_was_written_by_hand_is_equal_to_the_libraries():
    found = [*exact.parity_rows(), *exact.minilm_rows(), exact.base_rows()[1]]
    assert len(found) == 8 and [row.what for row in found if not row.kept] == []
    assert all(row.value > 0 for row in found)  # the formulas ran, and not twice PyTorch's kernel


def test_other_weights_are_seen(monkeypatch):
    monkeypatch.setattr(exact.parity, "copy_torch_weights", lambda theirs, ours: ours)
    assert [row.kept for row in exact.parity_rows()] == [False] * 4
    assert [row.kept for row in exact.base_rows()] == [False, False, None]


EXACT = {
    "sizes": (exact.size_rows, 3), "WordPiece": (lambda: exact.wordpiece_rows(60), 1),
    "masks": (exact.masking_rows, 2), "first loss": (exact.first_loss_rows, 1),
    "next sentences": (lambda: exact.sentence_rows(200), 3), "grammar": (lambda: exact.grammar_rows(200), 2),
    "loop": (exact.loop_rows, 1), "scores": (lambda: exact.score_rows(20), 1),
    "BPE": (lambda: exact.bpe_rows(60, 50), 3), "visits": (exact.visit_rows, 1), "heads": (exact_heads.rows, 10),
}  # fmt: skip


@pytest.mark.parametrize("group", EXACT)
def test_what_is_exact_is_kept(group):
    rows, promised = EXACT[group]
    assert [row.kept for row in rows() if row.kept is not None] == [True] * promised


def test_losses_of_other_steps_are_not_equal():
    one = pd.Series([4.0, float("nan"), 2.0])
    assert exact.columns_apart(one, one) == 0 and exact.columns_apart(one, 1.5 * one) == 0.5
    for other in (one[:2], one.fillna(1.0), one[::-1].reset_index(drop=True).shift()):
        assert exact.columns_apart(one, other) == float("inf")


def test_texts_of_any_characters_are_of_any_and_the_same_each_time():
    texts = exact.strange_texts(300)
    assert texts == exact.strange_texts(300) != exact.strange_texts(300, seed=1)
    characters = set("".join(texts))
    assert {"🙂", "日", "\0", "<"} <= characters and max(map(ord, characters)) > 0xE0000
    assert not any(0xD800 <= ord(character) < 0xE000 for character in characters)


def by_name(rows):
    assert len({row.what for row in rows}) == len(rows)
    return {row.what: row for row in rows}


@pytest.fixture
def quoted(monkeypatch):
    """(name=text, ...): what the last run of any page quotes, with the outputs of three seeds."""
    def quote(**texts):
        monkeypatch.setattr(promises, "quotes", lambda page: {name.replace("_", "-"): text
                                                              for name, text in texts.items()})
        monkeypatch.setattr(promises, "executed", lambda page: notebook(
            "seed 0  0.5\nseed 1  0.4\nseed 2  0.5", "seed 2", "no seeds"))

    return quote


def notebook(*texts):
    outputs = [new_output("display_data", {"text/plain": text}) for text in texts]
    return new_notebook(cells=[new_code_cell(outputs=[*outputs, new_output("stream", text="seed 7")]),
                               new_markdown_cell("seed 8")])


@pytest.mark.parametrize("tuned, kept", [("0.51 [0.43, 0.58]", True), ("0.4 [0.3, 0.5]", False)])
def test_the_classifier_of_chapter_3_is_read(quoted, tuned, kept):
    quoted(tuned_mcc=tuned, best_baseline="0.26 [0.18, 0.33]", transfer="−0.04 [−0.12, 0.04]")
    found = [*by_name(promises.classifier()).values()]
    assert "3 seeds" in found[0].what and found[0].kept is None
    assert found[1].kept is kept
    assert (found[2].value, found[2].low, found[2].high) == (-0.04, -0.12, 0.04)
    assert found[2].kept is None and "left out" in found[2].what


def test_the_lines_of_a_function_are_those_of_its_body():
    def told():
        """One.

        Two.
        """
        a = 1

        return (
            a
        )

    def silent():
        return 1

    assert (promises.lines_of(told), promises.lines_of(silent)) == (4, 1)


@pytest.mark.parametrize("read, kept", [("0.39 [0.33, 0.46]", True), ("0.3 [0.2, 0.4]", False)])
def test_the_body_that_has_read_is_beside_random_weights(quoted, read, kept):
    quoted(mcc_pre_trained=read, mcc_random_weights="0.16 [0.09, 0.23]")
    mine, random, apart = promises.bodies()
    assert (random.value, random.low, random.high) == (0.16, 0.09, 0.23)
    assert mine.kept is random.kept is None and apart.kept is kept
    assert apart.value == mine.low - random.high


def test_what_the_longer_runs_found_is_read(root):
    found = by_name([*promises.pretrained(), *promises.opened()])
    kept = json.loads((root / "benchmarks/results/kantai_mini.json").read_text())
    row = found["kantai-mini: held-out loss less than the bidirectional n-gram's by"]
    assert row.value == kept["bidirectional"] - kept["held_out_loss"]
    pairs = json.loads((root / "benchmarks/results/minimal_pairs.json").read_text())["systems"]
    for name, system in pairs.items():
        assert found[f"minimal pairs of all phenomena: {name}"].value == 100 * system["all"]
    row = found["kantai-mini: minimal pairs of anaphors"]
    assert row.value == 100 * pairs["kantai-mini"]["fields"]["anaphor_agreement"] and row.least == 75


def test_words_of_a_promise_are_read_as_the_note_says(monkeypatch):
    fields = ("determiner_noun_agreement", "subject_verb_agreement", "anaphor_agreement")
    kept = {"kantai_mini": {"held_out_loss": 3.4, "unigram": 6, "bigram": 4, "bidirectional": 3.45},
            "minimal_pairs": {"systems": {"kantai-mini": {"all": 0.5, "fields": dict.fromkeys(fields, 0.74)}}}}
    monkeypatch.setattr(promises, "_kept", kept.get)
    rows = [row for row in promises.pretrained() if "our reading" in row.note]
    assert len(rows) == 4 and not any(row.kept for row in rows)
    kept["kantai_mini"]["held_out_loss"] = 3.3
    kept["minimal_pairs"]["systems"]["kantai-mini"]["fields"] = dict.fromkeys(fields, 0.76)
    assert all(row.kept for row in promises.pretrained() if "our reading" in row.note)


def test_random_weights_find_at_most_half():
    assert promises.control("x", 30.0, 60.0).kept and not promises.control("x", 30.1, 60.0).kept
    found = by_name(promises.opened())
    controls = {what for what in found if what.endswith(", random weights")}
    assert len(controls) == 4
    for what in controls:
        trained = found[what.removesuffix(", random weights")]
        assert found[what].most == pytest.approx(trained.value / 2) and found[what].unit == "%"
        assert trained.low < trained.value < trained.high and trained.unit == "%"
    assert {row.unit for what, row in found.items() if "above" in what or "lost" in what} == {"points"}


def test_heads_masked_are_the_mean_of_the_models_and_the_interval_holds_them_all():
    rows = [{"order": order, "share": share, "model": model, "change": change * share,
             "low": change * share - 0.01, "high": change * share + 0.02}
            for share in (0.2, 0.4) for order, changes in
            (("importance", (-0.05, 0.0)), ("random", (-0.2, -0.1)), ("reverse", (-1, -1)))
            for model, change in enumerate(changes)]  # fmt: skip
    mine, random = promises.masking_rows(rows)
    assert [mine.value, mine.low, mine.high] == pytest.approx([1, -2, 3]) and mine.kept
    assert [random.value, random.low, random.high] == pytest.approx([6, 2, 9]) and random.kept
    assert "2 models" in mine.note and random.least == mine.value
    rows[-6]["change"] = rows[-5]["change"] = -0.04
    assert not promises.masking_rows(rows)[0].kept


def test_the_vocabulary_is_that_of_the_critique_or_not_measured(monkeypatch):
    def given(name, *titles):
        source = Provenance("text", "kant", name, "local", "", "", "", "", "")
        text = Text([Document(title, ("to be and to be and not to be",)) for title in titles], source)
        monkeypatch.setattr(promises, "load_text", lambda asked: text)
        return promises.vocabulary()

    [row] = given("wikipedia", "The Critique of Pure Reason")
    assert row.value is None and "Kant" in row.note
    [row] = given("kant", "Another", "The Critique of Pure Reason")
    made = tokenization.ByteLevelBPE.train(("to be and to be and not to be",), 52_000, min_frequency=2)
    assert row.value == len(made) and row.kept is False

    def missing(name):
        raise SourceError("not there")

    monkeypatch.setattr(promises, "load_text", missing)
    assert promises.vocabulary()[0].kept is None


def test_exercises_errata_and_terms_are_counted():
    found = by_name(promises.written())
    assert found["terms of the glossary"].value == 167
    assert found["errata, each with what is wrong and what is right"].value == 58
    fewest = found["exercises of a chapter, the fewest"]
    assert fewest.value == min(fewest.detail.values()) and len(fewest.detail) == 5 and fewest.kept


def test_an_exercise_has_a_solution_and_an_erratum_what_is_right():
    start, end = "```{exercise-start} One\n:label: ex-%s\n```\n", "```{solution-start} ex-%s\n```\n"
    assert promises.exercises_of(start % "a" + start % "b" + end % "b" + end % "c") == 1
    entries = ("### E01: one\n**The book:** x. **Right:** y.\n### E02: two\n**The book:** x.\n"
               "### E03: three\n**Right, and more:** y.\n### Another\n**The book:** **Right:**\n")
    assert promises.errata_of(entries) == 1


def test_every_language_has_its_sections_counted(tmp_path, monkeypatch):
    found = by_name(promises.translated())
    for language in ("Spanish", "Japanese"):
        row = found[f"sections of the {language} edition, complete and fresh"]
        assert row.value == row.of == row.least > 0
    assert found["translated pages with other code than the English"].value == 0
    page = editions.CHAPTERS / "es/glossary.md"
    monkeypatch.setattr(editions, "pages", lambda language: [page] if language == "es" else [])
    monkeypatch.setattr(editions, "languages", lambda: ["es"])
    monkeypatch.setattr(editions, "count_sections", lambda page: (10, 7 if page.stem == "glossary" else 10))
    [row, _] = promises.translated()
    assert row.of - row.value == 3 and row.kept is False
    assert row.detail["pages"] == len(editions.read_state(page.parent)) > 1  # one that is gone counts


def test_a_view_brings_all_that_its_frame_loads(tmp_path, monkeypatch):
    for name, size in (("en/frames/a.js", 2_000), ("en/_static/b.js", 500_000), ("en/_static/b.css", 300),
                       ("en/frames/unused.js", 9_000)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b" " * size)
    frame = ('<link rel="stylesheet" href="../_static/b.css"><link rel="icon" href="none.svg">'
             '<script defer src="a.js"></script><script defer src="../_static/b.js"></script>')
    (tmp_path / "en/frames/one.html").write_text(frame)
    (tmp_path / "en/frames/two.html").write_text("nothing")
    monkeypatch.setattr(promises.build, "SITE", tmp_path)
    [row] = promises.shipped()
    assert row.value == (len(frame) + 502_300) / 1e3 and row.kept is False
    assert set(row.detail) == {"one.html", "a.js", "b.js", "b.css"}


@pytest.mark.parametrize("text, values", [
    ("0.51 [0.43, 0.58]", (0.51, 0.43, 0.58)), ("−0.04 [−0.1, 0.02]", (-0.04, -0.1, 0.02)),
])
def test_intervals_are_read(text, values):
    assert promises.interval(text) == values
