"""The frame of the benchmarks, and the page that shows what they and the faults found."""

import contextlib
import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sphinx.application import Sphinx

from benchmarks import __main__ as bench
from benchmarks import book, exact, exact_heads, measure, promises, report, site, weight
from benchmarks import tests as tested
from benchmarks.measure import Row
from tools import editions, measured, site_editions
from tools.serve import Sent, Served
from utils import tokenization
from utils.sources import SourceError
from utils.sources.formats import Document, Text
from utils.sources.provenance import Provenance

MACHINE = {"processor": "Some CPU", "cores": 2, "memory_gb": 24, "system": "Linux x86_64", "threads": 1,
           "matrix_gflops": 58.7, "Python": "3.11.7",
           "versions": {"torch": "2.13.0", "transformers": "5.23.0"}}
ROWS = [
    Row("course / book", 11.42, "×", least=7, detail={"seconds": [0.123456789, 2]}),
    Row("held", 19, of=20, least=20),
    Row("MCC", 0.5, low=0.43, high=0.58),
    Row("difference", 2e-6, most=1e-6, note="relative"),
    Row("on a GPU", None, note="there is none"),
]


# ------------------------------------------------------------------------- measuring
def test_turns_alternate_and_the_first_does_not_count():
    called = []
    turns = {name: lambda name=name: called.append(name) or len(called) for name in "AB"}
    found = measure.in_turns(turns, rounds=5)
    assert "".join(called) == "AB" * 6
    assert found["A"].tolist() == [3, 5, 7, 9, 11] and found["B"].tolist() == [4, 6, 8, 10, 12]
    assert measure.ratio(found, "A", "B") == pytest.approx(7 / 8)


def test_a_median_of_fewer_than_five_is_refused():
    with pytest.raises(ValueError, match="rounds=4.*at least 5"):
        measure.in_turns({"A": lambda: 0.0}, rounds=4)


def test_a_row_says_whether_its_promise_is_kept():
    assert [row.kept for row in ROWS] == [True, False, None, False, None]
    assert Row("x", 3, least=2, most=3).kept and not Row("x", 4, least=2, most=3).kept
    with pytest.raises(ValueError, match="'nothing' has no figure and no note"):
        Row("nothing", None)


def test_the_machine_is_described():
    found = measure.machine()
    assert found["cores"] >= 1 and found["threads"] >= 1 and found["matrix_gflops"] > 0
    assert set(found["versions"]) == set(measure.PACKAGES)


# ---------------------------------------------------------------------------- keeping
def test_the_file_of_a_day_gathers_its_parts_and_gives_the_rows_back(tmp_path):
    path = measure.save("one", ROWS, MACHINE, 12.3, False, tmp_path)
    assert measure.save("two", ROWS[:1], MACHINE, 3, True, tmp_path) == path
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-some-cpu-2-cores\.json", path.name)
    found = measure.load(path)
    assert list(found["parts"]) == ["one", "two"] and found["parts"]["two"]["quick"]
    kept = found["parts"]["one"]["rows"]
    assert [row.what for row in kept] == [row.what for row in ROWS]
    assert [row.kept for row in kept] == [row.kept for row in ROWS]
    assert kept[0].detail == {"seconds": [0.12346, 2]}
    assert path.with_suffix(".md") == report.write(path)
    assert "## two" in path.with_suffix(".md").read_text() and not list(tmp_path.glob("*.new"))


def test_a_quick_run_does_not_replace_a_full_one(tmp_path):
    measure.save("one", ROWS, MACHINE, 12, False, tmp_path)
    path = measure.save("one", ROWS[:1], MACHINE, 1, True, tmp_path)
    assert len(measure.load(path)["parts"]["one"]["rows"]) == len(ROWS)
    measure.save("one", ROWS[:2], MACHINE, 1, False, tmp_path)
    assert len(measure.load(path)["parts"]["one"]["rows"]) == 2


# ---------------------------------------------------------------------------- the table
def test_the_table_says_what_was_missed_and_what_was_not_measured():
    text = report.table(ROWS)
    assert "| course / book | 11.4 × | ≥ 7 × | yes |" in text
    assert "| held | 19 of 20 | all | **no** |" in text
    assert "| MCC | 0.5 [0.43, 0.58] |  |  |" in text
    assert "| difference (1) | 2.0e-06 | ≤ 1.0e-06 | **no** |" in text and "\n1. relative" in text
    assert "| on a GPU | not measured: there is none |  |  |" in text


def test_the_table_speaks_the_readers_language():
    words = {"held": "resistió", "of": "de", "no": "no", "all": "todas", "relative": "relativa"}
    text = report.table(ROWS, lambda english: words.get(english, english))
    assert "| resistió | 19 de 20 | todas | **no** |" in text and "1. relativa" in text


@pytest.mark.parametrize("value, text", [
    (0, "0"), (50, "50"), (1234.5, "1,234"), (0.5, "0.5"), (99.96, "100"), (0.00004, "4.0e-05"),
    (-3.14159, "-3.14"),
])
def test_numbers_have_three_digits(value, text):
    assert report.number(value) == text


# ---------------------------------------------------------------------------- the page
def sections(root, language="en"):
    return re.findall(r"```\{measured\} (\S+)", (root / f"chapters/{language}/measured.md").read_text())


def test_the_page_shows_every_part_that_is_measured(root):
    assert sections(root) == [*bench.PARTS, "faults"] == sections(root, "es")


def test_every_text_of_the_results_is_translated(root):
    words = site_editions.about("es")["measured"]
    texts = {*report.HEADS, "yes", "no", "all", "of", "not measured", "cores", "threads",
             "matrix products", "a quick run", "points"}
    for part in sections(root):
        for row in measured.newest(part, measure.RESULTS)["parts"][part]["rows"]:
            texts |= {row.what, row.note}
    assert sorted(text for text in texts if text and text not in words) == []


@pytest.fixture
def page(tmp_path, monkeypatch):
    """(text of a page) -> what Sphinx makes of it, and its warnings."""
    monkeypatch.setattr(measure, "RESULTS", tmp_path / "results")
    source = tmp_path / "source"
    source.mkdir()

    def build(text):
        (source / "index.md").write_text(f"# Page\n\n{text}\n")
        with open(tmp_path / "warnings", "w") as stream:
            app = Sphinx(source, None, tmp_path / "html", tmp_path / "doctrees", "html",
                         confoverrides={"extensions": ["myst_parser", "tools.measured"],
                                        "suppress_warnings": ["app"]},
                         status=None, warning=stream)  # fmt: skip
            app.build()
        html = BeautifulSoup((tmp_path / "html/index.html").read_text(), "html.parser")
        return html.select_one("[role=main]"), (tmp_path / "warnings").read_text()

    return build


def test_a_part_is_shown_with_its_day_and_machine(page, tmp_path):
    measure.save("one", ROWS, MACHINE, 12, False, tmp_path / "results")
    shown, warnings = page("```{measured} one\n```")
    assert warnings == ""
    cells = [[cell.get_text() for cell in row.select("td")] for row in shown.select("tbody tr")]
    assert len(cells) == len(ROWS) and cells[1] == ["held", "19 of 20", "all", "no"]
    line = shown.select("p em")[-1].get_text()
    assert "Some CPU, 2 cores" in line and "58.7 GFLOP/s" in line and line.endswith("12 s.")


def test_the_newest_full_run_that_measured_something_is_shown(tmp_path):
    for day, quick, figure in (("2026-01-02", False, {"value": 1}), ("2026-01-03", False, {"value": 2}),
                               ("2026-01-04", True, {"value": 3}), ("2026-01-05", False, {"note": "no GPU"})):  # fmt: skip
        results = {"date": day, "parts": {"one": {
            "quick": quick, "seconds": 1, "machine": MACHINE, "rows": [{"what": "x", **figure}]}}}
        (tmp_path / f"{day}-cpu.json").write_text(json.dumps(results))
    (tmp_path / "pretraining.json").write_text("{}")  # the longer runs of the chapters
    assert measured.newest("one", tmp_path)["date"] == "2026-01-03"


def test_a_part_without_results_says_what_to_run(page):
    _, warnings = page("```{measured} one\n```")
    assert "no results of 'one': run `make bench` or `make faults`" in warnings


# --------------------------------------------------------------------------- the parts
def test_an_unknown_part_is_refused(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["benchmarks", "nothing"])
    with pytest.raises(SystemExit):
        bench.main()
    assert "unknown: nothing: choose of fine-tuning" in capsys.readouterr().err


def test_a_watched_command_counts_its_processes_and_fails_aloud(tmp_path):
    held = "import time; held = bytearray(200_000_000); time.sleep(1)"
    found = book.watch(["python3", "-c", f"import subprocess; subprocess.run(['python3', '-c', {held!r}])"], tmp_path)
    assert found.memory > 200e6 and found.seconds > 1 and found.pages == {}
    with pytest.raises(RuntimeError, match="failed:\nnothing to do"):
        book.watch(["sh", "-c", "echo nothing to do; exit 3"], tmp_path)


def test_the_editions_of_a_build_are_those_after_the_first():
    printed = "...\nEditions: en 31 s, es 10 s, ja 3 s\nThe site: ...\n"
    assert book.editions(printed) == 13


PROMISING = """
import pytest

@pytest.mark.promise("whole numbers that are positive")
@pytest.mark.parametrize("number", [1, 2, -3])
def test_it(number):
    assert number > 0

def test_another():
    pass
"""


def test_cases_of_a_promise_are_counted_in_all_processes_and_runs(root, tmp_path):
    (tmp_path / "test_promising.py").write_text(PROMISING)
    (tmp_path / "conftest.py").write_text((root / "tests/conftest.py").read_text())
    counts = tmp_path / "counts"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", tmp_path],
        cwd=tmp_path, stdout=subprocess.DEVNULL,
        env=os.environ | {"COURSE_COUNTS": str(counts),
                          "PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])},
    )  # fmt: skip
    (row,) = tested.promises(2 * counts.read_text())  # of two runs
    assert (row.what, row.value, row.of, row.kept) == ("whole numbers that are positive", 4, 6, False)


def test_all_that_a_change_must_pass_is_added_up(monkeypatch, tmp_path):
    monkeypatch.setattr(tested, "built_cold", lambda: None)
    assert [row.value for row in tested.times(700, 800)] == [700, 800]
    monkeypatch.setattr(tested, "built_cold", lambda: 600)
    whole = tested.times(700, 800)[-1]
    assert whole.value == 2100 and whole.kept is False
    row = tested.again("12 passed in 3 s\nmore\n465 passed, 1 warning in 495 s\n")
    assert row.value == row.of == 465


class Tab:
    """A window whose pages weigh 1 kB more each; one with "missing" in its name is not there."""

    def __init__(self, served):
        self.served, self.opened = served, []

    def goto(self, address):
        self.opened.append(address.removeprefix("http://here/"))
        self.served.sent.append(Sent(address, 200, 1000 * len(self.opened)))
        return SimpleNamespace(ok="missing" not in address, status=404)

    def wait_for_load_state(self, state):
        pass

    def close(self):
        pass


@pytest.fixture
def served():
    return Served("http://here")


def test_a_page_that_is_not_there_has_no_weight(served):
    with pytest.raises(RuntimeError, match="http://here/en/missing.html.later is not there .404.: run `make book`"):
        list(weight.later_visits(Tab(served), served, ["en/missing"]))


def test_a_later_visit_does_not_pay_for_what_was_known_before(served):
    tab = Tab(served)
    found = dict(weight.later_visits(tab, served, ["es/index", "es/search"]))
    assert tab.opened == [*(f"es/{page}.html" for page in weight.KNOWN), "es/index.html?later", "es/search.html?later"]
    assert {page: weight.counted(sent) for page, sent in found.items()} == {"es/index": 3, "es/search": 4}


def test_the_heaviest_page_is_that_of_any_language(served, monkeypatch):
    first = {"en/index": (10, 20), "en/05_bertology": (100, 300), "es/05_bertology": (90, 320)}
    browser = SimpleNamespace(new_page=lambda: Tab(served))
    monkeypatch.setattr(site.weight, "first_visit", lambda browser, served, page: first[page])
    monkeypatch.setattr(site.pdf, "browser", lambda: contextlib.nullcontext(browser))
    monkeypatch.setattr(site, "LATER", 3)
    rows = site.weights(served, list(first))
    assert [row.value for row in rows] == [100, 320, 4, 2]  # later: 3 and 4 kB, and 3 in Spanish
    assert [row.kept for row in rows[:2]] == [True, True] and rows[3].of == 3


def test_the_promises_of_each_page_are_known(root):
    assert set(book.PROMISED) == {
        path.stem for path in (root / "chapters/en").glob("*.md") if "{code-cell}" in path.read_text()}


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
