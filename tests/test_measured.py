"""The frame of the benchmarks, and the page that shows what they and the faults found."""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from benchmarks import __main__ as bench
from benchmarks import book, measure, report, site, weight
from benchmarks import tests as tested
from benchmarks.measure import Row
from tools import measured, site_editions
from tools.serve import Sent, Served

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


def test_a_part_is_shown_with_its_day_and_machine(page, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(measured.site_editions, "about", lambda language: read.append(language) or {})
    measure.save("one", ROWS, MACHINE, 12, False, tmp_path / "results")
    shown, warnings = page("```{measured} one\n```")
    assert warnings == "" and len(read) == 1  # the words of an edition: a long file
    cells = [[cell.get_text() for cell in row.select("td")] for row in shown.select(".course-measured tbody tr")]
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


def test_a_part_that_fails_leaves_the_others_their_time(monkeypatch, capsys):
    saved = []
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setattr(bench, "PARTS", {"broken": "there_is_none", "tests": "tests"})
    monkeypatch.setattr(measure, "save", lambda part, *_: saved.append(part) or Path("/course/benchmarks/results/x"))
    monkeypatch.setattr(report, "write", lambda path: path)
    monkeypatch.setattr("sys.argv", ["benchmarks", "--quick"])
    assert bench.main() == 1 and saved == ["tests"]
    said = capsys.readouterr()
    assert "failed: broken" in said.err and "kept in benchmarks/results/x" in said.out


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
