"""Finding one's way: the search, with a server and from a disk, and the switch of language."""

import functools
import re

import browsing
import pytest

from benchmarks.weight import read_through
from tools import build

PAGES = [page for page in browsing.pages() if re.search(r"/\d\d_", page)]


@functools.cache
def headings(page: str) -> set[str]:
    """The words of the headings of a page, as they are written there."""
    found = re.findall(r"<h[123]>(.*?)<a class=\"headerlink\"", browsing.html(page), re.S)
    text = re.sub(r"<math\b.*?</math>|<[^>]*>|&\w+;", " ", " ".join(found), flags=re.S)
    return {word for word in re.findall(r"[^\W\d_]+", text) if len(word) > 1}


def word_of(page: str) -> str:
    """The longest word of its headings that no other chapter has in its own."""
    language = page.split("/")[0]
    others = [headings(other) for other in PAGES if other.startswith(language) and other != page]
    return max(sorted(headings(page).difference(*others)), key=len)


@pytest.mark.promise("chapters of which the search finds a word, by keyboard")
@pytest.mark.parametrize("page", PAGES)
def test_the_search_finds_a_word_of_each_chapter_by_keyboard(visit, page):
    language, name = page.split("/")
    reader = visit.open(f"{language}/index")
    reader.keyboard.press("Control+k")
    reader.keyboard.type(word_of(page))
    reader.keyboard.press("Enter")
    reader.wait_for_url("**/search.html?q=*")
    result = reader.locator(f'#search-results a[href^="{name}.html"]').first
    result.focus()
    reader.keyboard.press("Enter")
    reader.wait_for_url(f"**/{language}/{name}.html*")
    assert reader.locator("article h1").is_visible()
    assert visit.wrong == []


@pytest.fixture
def from_disk(browser):
    """A reader who opened the site by a double click."""
    visit = browsing.Visit(browser, build.SITE.as_uri())
    yield visit
    visit.close()


@pytest.mark.parametrize("language", browsing.LANGUAGES)
def test_the_search_works_from_a_disk(from_disk, language):
    chapter = browsing.chapters(language)[0]
    reader = from_disk.open(f"{language}/index")
    reader.keyboard.press("Control+k")
    reader.keyboard.type(word_of(chapter))
    reader.keyboard.press("Enter")
    reader.wait_for_url("**/search.html?q=*")
    reader.locator(f'#search-results a[href^="{chapter.split("/")[1]}.html"]').first.click()
    reader.wait_for_url(f"**/{chapter}.html*")
    assert from_disk.wrong == []


@pytest.mark.promise("chapters that work from a disk, without a server")
@pytest.mark.parametrize("page", browsing.chapters("en"))
def test_a_chapter_works_from_a_disk(from_disk, page):
    reader = from_disk.open(page)
    read_through(reader)
    assert from_disk.wrong == []
    drawn = reader.locator(".course-chart-view svg.marks").count()
    assert drawn == reader.locator(".course-chart").count()


# To the middle of the page, and there again when the charts around it have been drawn.
MIDDLE = """async () => {
  const sections = [...document.querySelectorAll("article section[id]:not(:has(section), .solution *)")];
  const section = sections[Math.floor(sections.length / 2)];
  const near = (chart) => Math.abs(chart.getBoundingClientRect().top - innerHeight / 2) < innerHeight;
  const waiting = () => [...document.querySelectorAll(".course-chart")].some(
    (chart) => near(chart) && !chart.querySelector("svg.marks"));
  do {
    section.scrollIntoView({ block: "start", behavior: "instant" });
    await new Promise((done) => setTimeout(done, 50));
  } while (waiting());
  section.scrollIntoView({ block: "start", behavior: "instant" });
  return section.id;
}"""


@pytest.mark.promise("chapters whose switch of language leads to the section that is read")
@pytest.mark.parametrize("page", browsing.chapters())
def test_the_switch_of_language_leads_to_the_section_that_is_read(visit, page):
    language, name = page.split("/")
    others = [p.split("/")[0] for p in browsing.chapters() if p != page and p.endswith(name)]
    for other in others:
        reader = visit.open(page)
        section = reader.evaluate(MIDDLE)
        link = reader.locator(f'.course-languages a[data-language="{other}"]').bounding_box()
        reader.mouse.click(link["x"] + link["width"] / 2, link["y"] + link["height"] / 2)
        reader.wait_for_url(f"**/{other}/{name}.html#{section}")
        reader.wait_for_load_state("networkidle")
        top = reader.evaluate("(id) => document.getElementById(id).getBoundingClientRect().top", section)
        assert 0 <= top < browsing.DESKTOP["height"] / 4
        assert reader.evaluate("localStorage.getItem('course-language')") == other
    assert visit.wrong == [] and others


@pytest.mark.parametrize(
    ("tongue", "language"), [("es-MX", "es"), ("ja", "ja"), ("en-GB", "en"), ("fr", "en")])
def test_the_first_page_leads_to_the_readers_language(browser, served, tongue, language):
    visit = browsing.Visit(browser, served.address, locale=tongue)
    visit.page.goto(f"{served.address}/")
    visit.page.wait_for_url(f"**/{language}/index.html")
    visit.page.wait_for_load_state("networkidle")
    visit.close()
    assert visit.wrong == []
