"""The finished site, as `make book` left it: whole, its own, and right.

`make test` builds the book first; without it these tests say so and fail.
"""

import json
import re
from ast import literal_eval
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, NavigableString

from tools import build, editions, execution, site_editions
from utils import languages

LANGUAGES = ("en", *editions.languages())
NAMES = sorted(path.stem for path in (build.ROOT / "chapters/en").glob("*.md"))
CHAPTERS = [name for name in NAMES if re.match(r"\d\d_", name)]
NOTEBOOKS = sorted(path.stem for path in (build.ROOT / "chapters/en").glob("*.ipynb"))


@pytest.fixture(scope="session", params=LANGUAGES)
def language(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def site(language) -> Path:
    return build.SITE / language


def read(site: Path) -> dict[str, BeautifulSoup]:
    assert site.is_dir(), "there is no site: run `make book`"
    return {
        path.name: BeautifulSoup(path.read_text(), "html.parser") for path in site.glob("*.html")
    }


@pytest.fixture(scope="session")
def pages(site) -> dict[str, BeautifulSoup]:
    return read(site)


@pytest.fixture(scope="session")
def english() -> dict[str, BeautifulSoup]:
    return read(build.SITE / "en")


def translated(language: str) -> list[str]:
    return [page.stem for page in editions.pages(language)]


@pytest.fixture(scope="session")
def executed():
    """The notebooks with the outputs that the site shows."""
    pages = execution.executed_pages(build.BUILD / (build.BUILD / "current").read_text() / "executed")
    return {name: notebook for name, (notebook, _) in pages.items()}


def test_every_page_is_there(pages):
    assert {f"{name}.html" for name in NAMES} <= set(pages)


@pytest.mark.promise("editions in which every link leads somewhere")
def test_links_lead_somewhere(pages, site):
    ids = {name: {tag["id"] for tag in page.find_all(id=True)} for name, page in pages.items()}
    broken = []
    for name, page in pages.items():
        for link in page.find_all("a", href=True):
            target = urlsplit(link["href"])
            if target.scheme or target.netloc or link["href"] == "#":
                continue
            file = (Path(name).parent / unquote(target.path)).as_posix() if target.path else name
            if not (site / file).exists():
                broken.append(f"{name}: {link['href']}")
            elif target.fragment and file in ids and unquote(target.fragment) not in ids[file]:
                broken.append(f"{name}: {link['href']}: no such place")
    assert broken == []


LOADS = (("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("span", "data-src"))


def test_everything_that_a_page_loads_is_the_sites_own(pages, site):
    foreign, missing = [], []
    for name, page in pages.items():
        for tag, attribute in LOADS:
            loaded = [found[attribute] for found in page.find_all(tag, **{attribute: True})]
            check(site, name, loaded, foreign, missing)
        styles = [found["href"] for found in page.find_all("link", href=True)
                  if {"stylesheet", "icon", "preload"} & set(found.get("rel", []))]
        check(site, name, styles, foreign, missing)
    assert (foreign, missing) == ([], [])


def check(site, page, addresses, foreign, missing):
    for address in addresses:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            foreign.append(f"{page}: {address}")
        elif not (site / Path(page).parent / unquote(parts.path)).exists():
            missing.append(f"{page}: {address}")


def test_the_policy_of_each_page_lets_nothing_in(site):
    """It stands before everything that is loaded, and names no other host and no exception."""
    for path in [*site.glob("*.html"), *site.glob("frames/*.html")]:
        page, name = BeautifulSoup(path.read_text(), "html.parser"), path.name
        policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
        assert policy and not policy.find_previous(["script", "link", "style", "img"]), name
        rules = dict(rule.strip().split(" ", 1) for rule in policy["content"].split(";"))
        assert rules["default-src"] == "'self'" and rules["object-src"] == "'none'", name
        assert "script-src" not in rules and "style-src" not in rules, name
        assert "unsafe" not in policy["content"] and "//" not in policy["content"], name
        # What the policy would refuse is not there.
        assert not page.find_all("script", src=False), name
        assert not page.find_all("style") and not page.find_all(style=True), name
        assert not [t for t in page.find_all(True) for a in t.attrs if a.startswith("on")], name


def test_each_view_of_bertviz_is_a_frame_with_a_picture_behind_it(pages, site, language):
    for name in translated(language):
        page = pages[f"{name}.html"]
        views = page.select("figure.course-bertviz")
        assert len(views) == (3 if name == "05_bertology" else 0)
        for view in views:
            picture, frame = view.select_one(".course-bertviz-still img"), view.find("iframe")
            assert (site / frame["src"]).is_file() and (site / picture["src"]).is_file()
            assert len(frame["title"]) > 20 and len(picture["alt"]) > 20


def test_the_root_page_has_the_policy_and_its_own_files():
    root = BeautifulSoup((build.SITE / "index.html").read_text(), "html.parser")
    assert "default-src 'self'" in root.find("meta", attrs={"http-equiv": True})["content"]
    assert not root.find_all("style") and not root.find_all("script", src=False)
    for name in [root.script["src"], root.find("link", rel="stylesheet")["href"]]:
        assert (build.SITE / name).is_file()


def test_a_page_loads_one_style_sheet_and_the_scripts_it_needs(pages):
    for name, page in pages.items():
        scripts = [script["src"] for script in page.find_all("script", src=True)]
        search = ["_static/search.js", "searchindex.js"] if name == "search.html" else []
        assert scripts == ["_static/early.js", "_static/site.js", *search], name
        sheets = [link["href"] for link in page.find_all("link", rel="stylesheet")]
        assert sheets == ["_static/site.css"], name


def test_no_script_or_style_of_the_site_names_a_store_of_scripts(site):
    for path in [*site.glob("_static/*.js"), *site.glob("_static/*.css"), *site.glob("frames/*")]:
        assert not re.search(r"//(cdn|cdnjs|unpkg)|jsdelivr|googleapis", path.read_text()), path.name


def test_formulas_are_drawn_without_a_script(pages, site):
    drawn = 0
    for name, page in pages.items():
        for formula in page.select(".math"):
            assert formula.find("math"), f"{name}: {formula}"
            assert "merror" not in str(formula) and "\\(" not in formula.get_text(), name
            drawn += 1
    assert drawn > 50
    assert (site / "_static/maths.woff2").stat().st_size < 60_000


def test_figures_are_files_with_both_inks(pages, site):
    """Each is drawn in the ink of light pages or of dark ones, and reserves its place."""
    found = {image["src"]: image for page in pages.values() for image in page.select(
        ".course-figure img, .course-chart-view img")}
    assert found
    for source, image in found.items():
        text = (site / source).read_text()
        assert "prefers-color-scheme:dark" in text and "#010203" not in text
        assert image["loading"] == "lazy" and int(image["width"]) > 50 and int(image["height"]) > 20


def test_charts_and_views_have_their_numbers_in_a_file(pages, site):
    figures = [f for page in pages.values() for f in page.select(".course-chart, .course-heads[data-kind=head]")]
    for figure in figures:
        holder = figure.select_one("[data-src]")
        text = (site / holder["data-src"]).read_text()
        name, data = re.fullmatch(r'courseData\("(\w+)", (.*)\);\n', text, re.S).groups()
        assert name == holder["data-name"] and json.loads(data)


def test_stylesheets_load_nothing_from_elsewhere(site):
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import\s+(url\()?[\"']?https?:|url\([\"']?https?:", sheet.read_text()), sheet


def test_figures_are_described(pages):
    figures = 0
    for name, page in pages.items():
        for image in page.find_all("img"):
            assert image.get("alt"), f"{name}: {image.get('src')}"
        for image in page.select(".course-figure img"):
            assert len(image["alt"]) > 20, name
            figures += 1
        for chart in page.select(".course-chart"):
            assert len(chart.get("aria-label", "")) > 20, name
            figures += 1
        for view in page.select(".course-heads"):
            assert len(view.get("aria-label", "")) > 20, name
            assert view.select("details table"), name  # the same as text
            figures += 1
        for frame in page.find_all("iframe"):
            assert len(frame.get("title", "")) > 20, name
    assert figures >= 10


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_is_finished(name, pages, language):
    page = pages[f"{name}.html"]
    text = page.select_one("article, main").get_text(" ")
    if name not in translated(language):  # it says so, and leads to the English page
        assert page.select_one(f'.admonition a[href="../en/{name}.html"]')
        return
    assert page.h1 and len(text) > 12_000
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
def test_colab_opens_the_notebook_that_lies_in_the_repository(name, pages, language):
    if name not in translated(language):
        return
    links = [a["href"] for a in pages[f"{name}.html"].find_all("a", href=True) if "colab.research" in a["href"]]
    assert links, "no Colab button"
    path = re.search(r"/blob/main/(.+)$", links[0])[1]
    assert path == f"chapters/{language}/{name}.ipynb" and (build.ROOT / path).is_file()


def test_the_prose_shows_the_values_that_the_cells_computed(executed, pages, language):
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
        page = build.ROOT / f"chapters/{language}/{name}.md"
        if not page.exists() or f"{{glue:text}}`{key}`" not in page.read_text():
            continue
        value = languages.quoted(value, language)
        shown = [bold.get_text() for bold in pages[f"{name}.html"].select("span.pasted-text")]
        assert value in shown, f"{name}: {key} = {value} is not on the page"


# -- the editions -----------------------------------------------------------------------


def test_each_page_names_its_language_and_its_translations(pages, language):
    for name, page in pages.items():
        assert page.html["lang"] == language, name
        stem = Path(name).stem
        known = {link["hreflang"]: link["href"] for link in page.find_all("link", rel="alternate")}
        expected = {code: name if code == language else f"../{code}/{name}"
                    for code in LANGUAGES if stem in translated(code)}
        assert known == expected, name


def test_the_switch_leads_to_the_same_page_in_every_other_language(pages, site, language):
    for name, page in pages.items():
        links = {a["hreflang"]: a["href"] for a in page.select(".course-languages a")}
        assert links == {c: f"../{c}/{name}" for c in LANGUAGES if c != language}, name
        assert all((site / Path(name).parent / href).is_file() for href in links.values())


def test_a_section_has_the_same_anchor_in_every_language(pages, english, language):
    for name in translated(language):
        own, source = ([section["id"] for section in book[f"{name}.html"].select("article section[id]")]
                       for book in (pages, english))
        assert own == source, name
        numbers = ([bool(h.select_one(".section-number")) for h in book[f"{name}.html"].select("article :is(h1, h2, h3)")]
                   for book in (pages, english))
        assert len({tuple(found) for found in numbers}) == 1, name  # numbered alike


def test_two_authors_are_joined_in_the_language(pages, language):
    cited = " ".join(a.get_text() for page in pages.values() for a in page.select("article p a.reference.internal"))
    if language == "es":
        assert " y Richardson" in cited and " and Richardson" not in cited
    elif language == "en":
        assert " and Richardson" in cited


def furniture(page: BeautifulSoup) -> set[str]:
    """What the theme writes: text and descriptions outside the article."""
    page = BeautifulSoup(str(page), "html.parser")
    for part in page.select("article section, .genindextable, .genindex-jumpbox, nav.bd-links, nav.page-toc, "
                            "#jb-print-toc nav, #jb-print-docs-body > h1, title, script, style, "
                            ".prev-next-title, .course-languages a"):
        part.decompose()
    found = {" ".join(text.split()) for text in page.find_all(string=True) if type(text) is NavigableString}
    for tag in page.find_all(True):
        found |= {tag[name] for name in ("aria-label", "title", "alt", "placeholder", "data-bs-title") if tag.get(name)}
    return {text for text in found if re.search(r"[A-Za-z]{2}", text)}


SAME_IN_EVERY_LANGUAGE = {"Colab", "Ctrl", "Error", ".md", ".ipynb", ".pdf"}


@pytest.mark.promise("translated editions with no word of the theme in English")
def test_no_word_of_the_theme_is_left_in_english(pages, english, language):
    if language == "en":
        return
    left = {}
    for name, page in pages.items():
        for text in furniture(page) & furniture(english[name]) - SAME_IN_EVERY_LANGUAGE:
            left.setdefault(text, name)
    assert left == {}


def test_figures_say_in_their_language_what_they_show(pages, english, language):
    """Each description, of chapters that the language has, is another one than the English."""
    if language == "en":
        return
    same = []
    for name in translated(language):
        own, source = (
            [tag.get("aria-label") or tag.get("title") or tag.get("alt")
             for tag in book[f"{name}.html"].select(
                ".course-figure img, .course-chart, .course-heads, iframe")] for book in (pages, english))
        assert len(own) == len(source), name
        same += [f"{name}: {text}" for text, other in zip(own, source) if text == other]
    assert same == []


def test_the_root_page_has_every_language():
    root = BeautifulSoup((build.SITE / "index.html").read_text(), "html.parser")
    links = {a["data-language"]: a["href"] for a in root.select("a[data-language]")}
    assert links == {code: f"{code}/index.html" for code in LANGUAGES}
    assert all((build.SITE / href).is_file() for href in links.values())


def test_the_search_knows_its_language(site, language):
    data = (site / "_static/search.js").read_text()
    terms = json.loads(re.search(r"\((.*)\)", (site / "searchindex.js").read_text(), re.S)[1])["terms"]
    known = {"en": "head", "es": "cabez", "ja": "枝刈"}  # es: the stem of cabeza and cabezas
    assert known[language] in terms and {"es": "cabezas", "en": "heads"}.get(language) not in terms
    assert ("SpanishStemmer" in data) == (language == "es")


def test_japanese_is_cut_into_pairs_of_letters():
    pairs = site_editions.Pairs({})
    assert pairs.split("BERTの枝刈り、2019年") == ["bert", "の枝", "枝刈", "刈り", "2019", "年"]
    assert pairs.split("層と層") == ["層と", "と層"] and pairs.split("重み") == ["重み"]


def test_the_theme_is_translated_only_outside_code():
    page = '<a title="Search">Search</a><pre><span>Search</span></pre><p> Search </p><p>Search me</p>'
    assert site_editions.translate_theme(page, {"Search": "Buscar"}) == (
        '<a title="Buscar">Buscar</a><pre><span>Search</span></pre><p> Buscar </p><p>Search me</p>')
