"""What every chapter has: the same first cell, exercises with solutions, checked prose."""

import re
from pathlib import Path

import jupytext
import pytest
import yaml

from tools import notebooks, repository
from tools.repository import Repository
from utils import checks

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "chapters/en").glob("*.md"))
CHAPTERS = [page for page in PAGES if re.match(r"\d\d_", page.name)]


def cells(page, kind):
    return [c for c in jupytext.read(page, fmt="md:myst").cells if c.cell_type == kind]


def by_name(pages):
    return pytest.mark.parametrize("page", pages, ids=lambda page: f"{page.parent.name}/{page.stem}")


def test_the_table_of_contents_names_every_page_and_only_those(root):
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    named = [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]
    assert sorted(named) == [page.stem for page in PAGES]
    numbered = [name for name in named if re.match(r"\d\d_", name)]
    assert [name[:2] for name in numbered] == [f"{i:02}" for i in range(1, len(numbered) + 1)]


@by_name(notebooks.chapters())
def test_every_notebook_begins_with_the_cell_of_the_configured_address(page):
    first = cells(page, "code")[0]
    assert first.source == repository.first_cell(Repository.read())
    assert first.metadata["tags"] == ["hide-input"]


@pytest.mark.promise("chapters with five exercises or more, each with a check and a solution")
@by_name(CHAPTERS)
def test_a_chapter_has_five_exercises_each_with_a_check_and_a_solution(page):
    text = page.read_text()
    exercises = re.findall(r"\{exercise-start\}.*\n:label: ex-([\w-]+)", text)
    solutions = re.findall(r"\{solution-start\} ex-([\w-]+)\n(?::label: .*\n)?:class: dropdown", text)
    assert len(exercises) >= 5
    assert exercises == solutions
    for name in exercises:
        assert name.replace("-", "_") in checks.EXERCISES
        # once after the stub, once in the solution
        assert len(re.findall(rf"^check\.{name.replace('-', '_')}\(", text, re.M)) == 2


@by_name(CHAPTERS)
def test_a_chapter_has_its_parts_in_order(page):
    headings = [h.lower() for h in re.findall(r"^## (.+)$", page.read_text(), re.M)]
    parts = ["what you will be able to do", "the idea in one minute", "exercises",
             "what to remember", "errata of the sources", "references"]
    places = [headings.index(part) for part in parts]
    assert places == sorted(places)
    assert places[-1] == len(headings) - 1


@by_name(notebooks.chapters())
def test_cells_are_small(page):
    for cell in cells(page, "code")[1:]:
        assert len(cell.source.splitlines()) <= 25, cell.source
        assert max(len(line) for line in cell.source.splitlines()) <= 120, cell.source


@by_name(notebooks.chapters())
def test_code_cells_have_prose_before_them(page):
    kinds = [c.cell_type for c in jupytext.read(page, fmt="md:myst").cells]
    assert kinds[0] == "markdown"
    # The first cell and the imports may follow each other; elsewhere no three in a row.
    for three in zip(kinds[3:], kinds[4:], kinds[5:]):
        assert three != ("code",) * 3


def test_every_erratum_of_the_chapters_is_there():
    text = (ROOT / "chapters/en/errata.md").read_text()
    for number in range(1, 59):
        assert f"(e{number:02})=\n### E{number:02}: " in text
    for entry in re.split(r"^### ", text, flags=re.M)[1:]:
        assert re.search(r"\*\*The (slides|notebook|book|page|script|code|paper):\*\*", entry), entry[:60]
        assert re.search(r"\*\*Right(, [\w ]+)?:\*\*", entry), entry[:60]
