"""The book on paper: a small site, assembled and printed, and what the finished site gives."""

import re
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader

from tools import build, chromium, editions, pdf, print_pages
from tools.print_pages import Book, PrintError, document

LANGUAGES = ("en", *editions.languages())
needs_chromium = pytest.mark.skipif(
    not shutil.which("chromium"), reason="no chromium: apt-get install chromium")

DRAWING = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 200">'
           '<rect width="400" height="200" fill="#0072b2"/></svg>')
LONG = "total = " + " + ".join(f"number_{i:03}" for i in range(60))
UNBROKEN = "x" * 300
COLUMNS = 40
FILLER = "<p>One sentence after another makes a book, and none of them says much.</p>\n" * 8

FIRST = f"""
<section id="one"><h1><span class="section-number">1. </span>One
<a class="headerlink" href="#one">#</a></h1>
<p>See <a class="reference internal" href="two.html#deep">the depths</a>,
<a href="#here">here</a>, <a href="two.html">the next</a>,
<a href="https://example.org/far">far away</a>, <a href="search.html">the search</a> and
<a href="../es/one.html">Spanish</a>.</p>
<section id="here"><h2>Pictures and “quotes”</h2>{FILLER * 6}
<div class="course-figure" tabindex="0">
  <img src="_images/a.svg" alt="A blue box." width="400" height="200" loading="lazy"></div>
<div class="course-chart" role="group" aria-label="A chart falls.">
  <div class="course-chart-view">
    <img src="_images/a.svg" alt="A chart falls." width="400" height="200" loading="lazy"></div>
  <span hidden data-src="_data/a.js"></span></div>
<div class="course-heads" role="group" aria-label="All heads.">
  <select><option>Layer 1</option></select><p id="scale">from 0 to 1</p>
  <div class="course-heads-grid"><button aria-describedby="scale">0.5</button></div>
  <details><summary>As text</summary>
    <table><tr><th>head</th><td>looks left</td></tr></table></details></div>
<figure class="course-bertviz">
  <div class="course-bertviz-still"><div class="course-figure">
    <img src="_images/a.svg" alt="Lines between tokens." width="400" height="200"></div></div>
  <div class="course-bertviz-frame"><iframe title="a frame" src="frames/a.html"></iframe>
    <p>Point at a token.</p></div></figure>
</section></section>"""

SECTIONS = "".join(
    f'<section id="s{i}"><h2>Section {i} of many</h2>{FILLER * (1 + i % 3)}</section>'
    for i in range(60))
SECOND = f"""
<section id="two"><h1><span class="section-number">2. </span>Two</h1>
<section id="here"><h2>Code that is long</h2>
<details class="admonition hide above-input"><summary><p>Show code cell source</p></summary>
<div class="cell_input"><div class="highlight"><pre>hidden = "shown on paper"
{LONG}
{UNBROKEN}
</pre></div></div></details>
<button class="copybtn">Copy</button>
<div class="solution dropdown admonition" id="sol">
  <p class="admonition-title">Solution</p><p>42 it is.</p></div>
</section>
{SECTIONS}
<section id="deep"><h2>The depths <code>x_1</code></h2>
<table><tr>{"".join(f"<th>column{i}</th>" for i in range(COLUMNS))}</tr></table>
<p>Energy <math><mi>E</mi><mo>=</mo><mi>m</mi></math>.</p>
<svg viewBox="0 0 10 10"><defs><path id="p" d="M0 0h9"/></defs>
  <use href="#p" clip-path="url(#c)"/></svg>
<div class="course-figure"><img src="_images/a.svg" alt="A second box."></div>
</section></section>"""


def page(article: str) -> str:
    return ('<!doctype html><html><head><link rel="stylesheet" href="_static/site.css?digest=1">'
            "</head><body><nav>Search</nav>"
            f'<article class="bd-article">{article}</article></body></html>')


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Book:
    folder = tmp_path_factory.mktemp("site") / "en"
    for name, text in {
        "_images/a.svg": DRAWING,
        # What the theme of the site does to a screen must not reach the paper.
        "_static/site.css": "pre { white-space: pre; overflow: auto; max-height: 3em }"
                            " body { display: flex; width: 3000px } .highlight { display: flex }"
                            " div.admonition { box-shadow: 0 0 9px red !important; }",
        "one.html": page(FIRST),
        "two.html": page(SECOND),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return Book(folder, "en", "A small book", "7.5", [("", ["one"]), ("The rest", ["two"])],
                {"Contents": "What is inside", "Figure {}": "Picture {}"})


@pytest.fixture(scope="module")
def assembled(book) -> BeautifulSoup:
    return BeautifulSoup(document(book), "html.parser")


def test_what_only_a_screen_can_do_is_left_out_and_what_is_folded_is_open(assembled):
    text = assembled.body.get_text()
    for gone in ("Copy", "Show code cell", "Search", "Layer 1", "Point at a token", "#"):
        assert gone not in text
    for there in ("shown on paper", "42 it is", "looks left", "A small book", "7.5"):
        assert there in text
    assert not assembled.select("script, iframe, details, summary, select, [hidden], [loading]")


def test_ids_and_what_names_them_are_the_pages_own(assembled):
    ids = [tag["id"] for tag in assembled.find_all(id=True)]
    assert len(ids) == len(set(ids)) and {"one--here", "two--here", "one", "two"} <= set(ids)
    assert assembled.button["aria-describedby"] == "one--scale"
    assert (assembled.use["href"], assembled.use["clip-path"]) == ("#two--p", "url(#two--c)")


def test_links_lead_into_the_book_or_out_of_it(assembled):
    links = {link.get_text(): link["href"] for link in assembled.select("article a")}
    assert links == {"the depths": "#two--deep", "here": "#one--here", "the next": "#two",
                     "far away": "https://example.org/far"}
    assert "the search and Spanish." in " ".join(assembled.get_text().split())


def test_each_figure_has_a_number_and_its_description(assembled):
    captions = [" ".join(c.get_text().split()) for c in assembled.find_all("figcaption")]
    assert captions == ["Picture 1.1 A blue box.", "Picture 1.2 A chart falls.",
                        "Picture 1.3 All heads.", "Picture 1.4 Lines between tokens.",
                        "Picture 2.1 A second box."]
    assert not assembled.select("figure.numbered table")  # it may be longer than a page


def test_pictures_and_styles_are_files(assembled, book):
    pictures = [image["src"].removeprefix("file://") for image in assembled.find_all("img")]
    assert len(pictures) == 5 and all(Path(picture).exists() for picture in pictures)
    assert (book.folder / "_static/site.css").as_uri() in assembled.style.get_text()


@pytest.mark.parametrize("article, message", [
    ('<h1>X</h1><div class="course-figure"><svg></svg></div>', "en/x.html: figure 1 has no desc"),
    ("<p>no heading</p>", "en/x.html: no article with a heading"),
])
def test_a_page_that_cannot_be_printed_is_named(tmp_path, article, message):
    (tmp_path / "x.html").write_text(page(article))
    with pytest.raises(PrintError, match=message):
        document(Book(tmp_path, "en", "T", "1", [("", ["x"])], {}))


def test_a_site_without_a_page_is_an_error(tmp_path):
    with pytest.raises(PrintError, match="no en/index.html: run `make book`"):
        print_pages.read_book(tmp_path, "en", "1")


# -- printed ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    with pdf.browser() as started:
        yield started


@pytest.fixture(scope="module")
def printed(browser, book, tmp_path_factory):
    target = tmp_path_factory.mktemp("pdf") / "small.pdf"
    return target, pdf.print_book(browser, document(book), target)


@pytest.fixture(scope="module")
def reader(printed) -> PdfReader:
    return PdfReader(printed[0])


@pytest.fixture(scope="module")
def texts(reader) -> list[str]:
    return [sheet.extract_text() for sheet in reader.pages]


@needs_chromium
def test_the_contents_name_the_page_on_which_each_heading_stands(texts):
    text = "\n".join(texts)
    contents = text[text.index("What is inside"):text.index("\nSee ")]
    entries = re.findall(r"^(.*\S) +(\d+)$", contents, re.M)
    entries = [(title, int(number)) for title, number in entries if not title.isdigit()]
    titles = [title for title, _ in entries]
    assert [f"Section {i} of many" for i in range(60)] == [t for t in titles if "of many" in t]
    assert {"1. One", "2. Two", "The depths x_1"} <= set(titles)
    for title, number in entries:
        assert title in texts[number - 1], (title, number)
        assert number > 2  # after the title page and the contents


@needs_chromium
def test_pages_have_their_number_and_the_title_page_has_none(texts):
    assert "A small book" in texts[0] and not re.search(r"^1$", texts[0], re.M)
    for number, text in enumerate(texts[1:], start=2):
        assert re.search(rf"^{number}$", text, re.M), number
    assert "2. Two" in texts[-1]  # the running title


@pytest.mark.promise("PDF: no code runs off a page, and links lead to their places: tries")
@needs_chromium
def test_links_of_the_pdf_lead_to_their_places(reader, texts):
    places, external, internal = reader.named_destinations, set(), set()
    for sheet in reader.pages:
        for link in (annotation.get_object() for annotation in sheet.get("/Annots", [])):
            if "/Dest" in link:
                internal.add(link["/Dest"])
            else:
                external.add(link["/A"]["/URI"])
    assert external == {"https://example.org/far"}
    assert internal <= set(places) and "/two--deep" in internal
    deep = reader.get_destination_page_number(places["/two--deep"])
    assert "The depths" in texts[deep]


@needs_chromium
def test_the_outline_has_the_headings(reader):
    def titles(entries):
        return [t for e in entries for t in (titles(e) if isinstance(e, list) else [e.title])]

    found = titles(reader.outline)
    assert [t for t in found if t in ("1. One", "2. Two")] == ["1. One", "2. Two"]
    assert "Section 59 of many" in found and "What is inside" in found


@pytest.mark.promise("PDF: no code runs off a page, and links lead to their places: tries")
@needs_chromium
def test_the_text_stays_within_the_margins(reader):
    """Each run of letters of one size begins and ends inside; code is as wide as it says."""
    wide, code = [], ""
    for number, sheet in enumerate(reader.pages, start=1):
        right = float(sheet.mediabox.width) - 20 / 25.4 * 72

        def visit(text, current, matrix, font, size):
            nonlocal code
            name = font["/BaseFont"] if font else ""
            x = (matrix[4] * current[0] + current[4]) if text.strip() else right
            size = size * abs(matrix[0] * current[0])
            if "Mono" in name:
                code += text
                x += 0.602 * size * len(text.rstrip())
            if x > right + 1:
                wide.append((number, text, x))

        sheet.extract_text(visitor_text=visit)
    assert wide == []
    assert re.sub(r"\s", "", LONG) in re.sub(r"\s", "", code)
    assert UNBROKEN in re.sub(r"\s", "", code)


@needs_chromium
def test_every_font_is_in_the_file_and_it_says_its_title_and_language(reader):
    found = 0
    for sheet in reader.pages:
        for font in (f.get_object() for f in sheet["/Resources"].get("/Font", {}).values()):
            found += 1
            if font["/Subtype"] == "/Type0":
                font = font["/DescendantFonts"][0].get_object()
            assert font["/Subtype"] == "/Type3" or any(
                f"/FontFile{kind}" in font["/FontDescriptor"] for kind in ("", "2", "3")), font
    assert found
    assert reader.metadata.title == "A small book"
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]  # tagged: screen readers follow it


@needs_chromium
def test_no_shadow_becomes_a_picture(reader):
    assert [image.name for sheet in reader.pages for image in sheet.images] == []


@needs_chromium
@pytest.mark.parametrize("body, message", [
    ('<p id="far" style="position: absolute; left: 900px">out</p>',
     r"runs off the page: far \(p: out"),
    ('<img src="nowhere.png" alt="none">', "pictures that cannot be read: .*nowhere.png"),
])
def test_what_cannot_be_printed_well_is_an_error(browser, tmp_path, body, message):
    with pytest.raises(pdf.PdfError, match=message):
        pdf.print_book(browser, f"<!doctype html><body>{body}", tmp_path / "x.pdf")


@needs_chromium
def test_characters_that_no_font_has_are_named(browser, printed, tmp_path):
    assert printed[1].boxes == ""
    text = "<!doctype html><p>Known: é ﬁ Ω ب. Unknown: \ue123.<math><mi>\ue124</mi></math>"
    assert pdf.print_book(browser, text, tmp_path / "x.pdf") == pdf.Printed(1, "\ue123")


def test_a_missing_browser_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setenv(chromium.NAME, "no-such-browser")
    with pytest.raises(pdf.PdfError, match="no-such-browser was not found. Install .* chromium"):
        with pdf.browser():
            pass


# -- the finished site --------------------------------------------------------------------


@pytest.fixture(scope="module", params=LANGUAGES)
def whole(request) -> tuple[Book, BeautifulSoup]:
    book = print_pages.read_book(build.SITE, request.param, "1")
    return book, BeautifulSoup(document(book), "html.parser")


def test_the_book_has_every_page_of_the_language(whole):
    book, text = whole
    names = [article["id"] for article in text.find_all("article")]
    assert sorted(names) == sorted(p.stem for p in editions.pages(book.language))
    assert names[0] == "index" and text.html["lang"] == book.language
    assert {entry["data-of"] for entry in text.select("[data-of]")} >= set(names)


def test_every_place_that_a_link_names_is_there_once(whole):
    _, text = whole
    ids = [tag["id"] for tag in text.find_all(id=True)]
    links = {a["href"] for a in text.find_all("a", href=True)}
    assert {a for a in links if a[0] == "#" and ids.count(a[1:]) != 1} == set()
    assert {a for a in links if not a.startswith(("#", "https://", "http://"))} == set()


def test_the_figures_of_a_chapter_are_numbered_in_order(whole):
    book, text = whole
    for article in text.find_all("article"):
        found = [c.strong.get_text() for c in article.select("figure.numbered > figcaption")]
        chapter = str(int(article["id"][:2])) if article["id"][:2].isdigit() else ""
        wanted = [book.word("Figure {}").format(".".join(filter(None, (chapter, str(n)))))
                  for n in range(1, len(found) + 1)]
        assert found == wanted
        assert not chapter or found


def test_every_formula_and_picture_is_on_the_page(whole):
    _, text = whole
    assert not text.find_all(string=re.compile(r"\\\[|\\\("))
    for figure in text.select("figure.numbered"):
        assert figure.select_one("img, svg, .course-heads-grid"), figure.figcaption.get_text()


@needs_chromium
@pytest.mark.skipif("ja" not in LANGUAGES, reason="no Japanese edition")
def test_the_japanese_book_can_be_read(browser, tmp_path):
    """Japanese is what a machine most often lacks the fonts for."""
    book = print_pages.read_book(build.SITE, "ja", "1")
    target = tmp_path / "ja.pdf"
    printed = pdf.print_book(browser, document(book), target)
    assert "日" not in printed.boxes, "no Japanese font: apt-get install fonts-ipafont-gothic"
    reader = PdfReader(target)
    for article in BeautifulSoup(document(book), "html.parser").find_all("article"):
        place = reader.named_destinations[f"/{article['id']}"]
        sheet = reader.pages[reader.get_destination_page_number(place)]
        sentence = article.p.get_text().split("。")[0]
        read = re.sub(r"\s", "", sheet.extract_text())
        assert len(sentence) > 10 and re.sub(r"\s", "", sentence) in read, article["id"]
