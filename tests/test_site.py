"""The finished site, as `make book` left it: whole, its own, and right.

`make test` builds the book first; without it these tests say so and fail.
"""

import re
from ast import literal_eval
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from tools import build

SITE = build.SITE / "en"
NAMES = sorted(path.stem for path in (build.ROOT / "chapters/en").glob("*.md"))
CHAPTERS = [name for name in NAMES if re.match(r"\d\d_", name)]
NOTEBOOKS = sorted(path.stem for path in (build.ROOT / "chapters/en").glob("*.ipynb"))


@pytest.fixture(scope="session")
def pages() -> dict[str, BeautifulSoup]:
    assert SITE.is_dir(), "there is no site: run `make book`"
    return {
        path.relative_to(SITE).as_posix(): BeautifulSoup(path.read_text(), "html.parser")
        for path in SITE.rglob("*.html")
        if "_static" not in path.parts
    }


@pytest.fixture(scope="session")
def executed():
    """The notebooks with the outputs that the site shows."""
    pages = build.executed_pages(build.BUILD / (build.BUILD / "current").read_text())
    return {name: notebook for name, (notebook, _) in pages.items()}


def test_every_page_is_there(pages):
    assert {f"{name}.html" for name in NAMES} <= set(pages)


def test_links_lead_somewhere(pages):
    ids = {name: {tag["id"] for tag in page.find_all(id=True)} for name, page in pages.items()}
    broken = []
    for name, page in pages.items():
        for link in page.find_all("a", href=True):
            target = urlsplit(link["href"])
            if target.scheme or target.netloc or link["href"] == "#":
                continue
            file = (Path(name).parent / unquote(target.path)).as_posix() if target.path else name
            if not (SITE / file).exists():
                broken.append(f"{name}: {link['href']}")
            elif target.fragment and file in ids and unquote(target.fragment) not in ids[file]:
                broken.append(f"{name}: {link['href']}: no such place")
    assert broken == []


def test_everything_that_a_page_loads_is_the_sites_own(pages):
    foreign, missing = [], []
    for name, page in pages.items():
        for tag, attribute in (("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src")):
            loaded = [found[attribute] for found in page.find_all(tag, **{attribute: True})]
            check(name, loaded, foreign, missing)
        styles = [found["href"] for found in page.find_all("link", href=True)
                  if {"stylesheet", "icon", "preload"} & set(found.get("rel", []))]
        check(name, styles, foreign, missing)
    assert (foreign, missing) == ([], [])


def check(page, addresses, foreign, missing):
    for address in addresses:
        parts = urlsplit(address)
        if parts.scheme in ("http", "https") or parts.netloc:
            foreign.append(f"{page}: {address}")
        elif parts.scheme != "data" and not (SITE / Path(page).parent / unquote(parts.path)).exists():
            missing.append(f"{page}: {address}")


def test_no_script_inside_a_page_holds_the_address_of_another_host(pages):
    for name, page in pages.items():
        for script in page.find_all("script", src=False):
            if script.get("type") != "application/json":  # a chart's specification loads nothing
                assert "://" not in script.get_text(), name
        for frame in page.find_all("iframe"):
            assert "src" not in frame.attrs, name
            inside = re.sub(r"http://www\.w3\.org/\w+/\w+", "", frame["srcdoc"])  # names, not loads
            assert "://" not in inside and len(frame["srcdoc"]) < 500_000, name


def test_stylesheets_load_nothing_from_elsewhere():
    for sheet in SITE.rglob("*.css"):
        assert not re.search(r"@import\s+(url\()?[\"']?https?:|url\([\"']?https?:", sheet.read_text()), sheet


def test_figures_are_described(pages):
    figures = 0
    for name, page in pages.items():
        for image in page.find_all("img"):
            assert image.get("alt"), f"{name}: {image.get('src')}"
        for figure in page.select(".course-figure svg, .course-chart"):
            assert len(figure.get("aria-label", "")) > 20, name
            figures += 1
        for view in page.select(".course-heads"):
            assert len(view.get("aria-label", "")) > 20, name
            assert view.select("details table"), name  # the same as text
            figures += 1
        for frame in page.find_all("iframe"):
            assert len(frame.get("title", "")) > 20, name
    assert figures >= 10


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_is_finished(name, pages):
    page = pages[f"{name}.html"]
    text = page.select_one("article, main").get_text(" ")
    assert page.h1 and len(text.split()) > 2000
    assert not re.search(r"Traceback \(most|%\||it/s\]|WARNING", text)
    assert not re.search(r"\{(term|ref|cite|numref|glue)[\w:]*\}", text)
    assert page.select(".admonition.exercise") and page.select(".solution.dropdown")
    assert page.select(".course-chart"), "no interactive figure"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_outputs_hold_no_widgets_and_no_noise(name, executed):
    for cell in executed[name].cells:
        for output in cell.get("outputs", []):
            assert not any("widget" in mime for mime in output.get("data", {})), cell.source
            assert output.get("name") != "stderr", output.text


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_opens_with_what_it_ran_with(name, executed):
    code = [cell for cell in executed[name].cells if cell.cell_type == "code"]
    opening = str([cell.outputs for cell in code[:4]])
    assert "asked" in opening and "sha256" in opening and "licence" in opening


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_stub_is_unwritten_and_each_solution_right(name, executed):
    verdicts = {}
    for cell in executed[name].cells:
        for exercise in re.findall(r"^check\.(\w+)\(", cell.source, re.M):
            verdicts.setdefault(exercise, []).append(cell.outputs[-1].data["text/plain"])
    assert len(verdicts) >= 5
    for exercise, (stub, solution) in verdicts.items():
        assert stub == f"✎ {exercise}: not written yet."
        assert solution == f"✓ {exercise}: right."


@pytest.mark.parametrize("name", CHAPTERS)
def test_colab_opens_the_notebook_that_lies_in_the_repository(name, pages):
    links = [a["href"] for a in pages[f"{name}.html"].find_all("a", href=True) if "colab.research" in a["href"]]
    assert links, "no Colab button"
    path = re.search(r"/blob/main/(.+)$", links[0])[1]
    assert (build.ROOT / path).is_file() and path.endswith(f"{name}.ipynb")


def test_the_prose_shows_the_values_that_the_cells_computed(executed, pages):
    quoted = {}
    for name, notebook in executed.items():
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                key = output.get("metadata", {}).get("scrapbook", {}).get("name")
                if key:
                    quoted[name, key] = literal_eval(
                        output.data["application/papermill.record/text/plain"])
    assert quoted
    for (name, key), value in quoted.items():
        source = (build.ROOT / f"chapters/en/{name}.md").read_text()
        if f"{{glue:text}}`{key}`" not in source:
            continue
        shown = [bold.get_text() for bold in pages[f"{name}.html"].select("span.pasted-text")]
        assert value in shown, f"{name}: {key} = {value} is not on the page"
