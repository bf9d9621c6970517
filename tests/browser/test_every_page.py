"""What holds on every page of every language. A page is loaded once for all its tests."""

import browsing
import pictures
import pytest

from benchmarks.weight import budget, counted, read_through, weigh

PAGES = ["index", *browsing.pages()]


@pytest.fixture(
    scope="module",
    params=[pytest.param(page, marks=pytest.mark.xdist_group(page)) for page in PAGES],
)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def visit(browser, served, name):
    """The page, read to its end; `first` and `read`: what was sent until it showed, and all."""
    visit = browsing.Visit(browser, served.address)
    start = len(served.sent)
    visit.open("index#choose" if name == "index" else name)
    visit.first = served.sent[start:]
    read_through(visit.page)
    visit.read = served.sent[start:]
    yield visit
    visit.close()


@pytest.fixture
def page(visit):
    """The page as it was found: a wide window in the light."""
    visit.page.set_viewport_size(browsing.DESKTOP)
    visit.page.emulate_media(color_scheme="light", media="screen")
    yield visit.page
    visit.page.emulate_media(color_scheme="light", media="screen")


@pytest.mark.promise("pages that load with no request to another host and no error")
def test_it_loads_alone_and_without_an_error(visit):
    assert visit.wrong == []
    assert [sent for sent in visit.read if sent.status >= 400] == []


@pytest.mark.promise("pages within their weight, at a first visit and read to the end")
def test_a_first_visit_is_light(visit, name, record_property):
    record_property("weight", (name, "first", weigh(visit.first)))
    record_property("weight", (name, "read", weigh(visit.read)))
    first, read, _ = budget(browsing.kind(name))
    assert counted(visit.first) <= first
    assert counted(visit.read) <= read


WIDER = """() => {
  const limit = document.scrollingElement.clientWidth;
  const scrolls = (element) => /auto|scroll|hidden|clip/.test(getComputedStyle(element).overflowX);
  const wide = [...document.body.querySelectorAll("*")].filter((element) => {
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.right <= limit + 1 || !element.checkVisibility()) return false;
    for (let up = element.parentElement; up !== document.body; up = up.parentElement) {
      if (scrolls(up)) return false;
    }
    return true;
  });
  const name = (element) => {
    const text = element.textContent.trim().replace(/\\s+/g, " ").slice(0, 40);
    return `${element.tagName.toLowerCase()}.${element.getAttribute("class")}#${element.id}: ${text}`;
  };
  return [document.scrollingElement.scrollWidth - limit, wide.slice(0, 8).map(name)];
}"""


@pytest.mark.promise("pages that a window of 360 or 320 pixels need not scroll sideways")
@pytest.mark.parametrize("width", [360, 320])
def test_a_phone_scrolls_down_only(page, width):
    page.set_viewport_size({"width": width, "height": 740})
    beyond, wide = page.evaluate(WIDER)
    assert beyond <= 0, wide


LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
VIOLATIONS = """async (only) => {
  const found = await axe.run(document, { runOnly: only, resultTypes: ["violations"], preload: false });
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, html, any }) =>
      `${id}: ${target.join(" ")}: ${html.slice(0, 120)}: ${any.map((one) => one.message).join("; ")}`));
}"""


@pytest.mark.promise("pages without a violation of WCAG 2.2 AA, in the light and in the dark")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_barrier(page, theme):
    browsing.dress(page, theme)
    for frame in page.frames:
        if not frame.evaluate("'axe' in window"):
            frame.evaluate(browsing.AXE.read_text() + "; null")
    # What the theme changes is colours; all else is the same in both.
    only = LEVELS if theme == "light" else ["color-contrast", "link-in-text-block"]
    kind = "tag" if theme == "light" else "rule"
    found = page.evaluate(VIOLATIONS, {"type": kind, "values": only})
    assert not found, "\n".join(found)


@pytest.mark.promise("pages that print black on white, with nothing folded")
def test_on_paper_it_is_black_on_white_and_unfolded(page):
    page.emulate_media(media="print", color_scheme="dark")
    seen = page.evaluate("""() => {
      const shown = (selector) => [...document.querySelectorAll(selector)]
        .filter((element) => element.checkVisibility() && element.getBoundingClientRect().height > 0)
        .map((element) => element.outerHTML.slice(0, 80));
      const folded = [...document.querySelectorAll(".solution.dropdown > *, article details > *")]
        .filter((element) => element.textContent.trim() && !element.checkVisibility({ contentVisibilityAuto: true }));
      const text = ["article p", "main h1", "li a"].map((one) => document.querySelector(one)).find(Boolean);
      const lightness = (colour) => Math.max(...colour.match(/[\\d.]+/g).slice(0, 3));
      return {
        navigation: shown(".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .copybtn, .prev-next-footer"),
        folded: folded.map((element) => element.outerHTML.slice(0, 80)),
        ink: lightness(getComputedStyle(text).color),
        paper: getComputedStyle(document.body).backgroundColor,
      };
    }""")
    assert (seen["navigation"], seen["folded"]) == ([], [])
    assert seen["ink"] < 80
    assert seen["paper"] in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")


@pytest.mark.promise("pages photographed whole: light, dark, on a phone")
@pytest.mark.parametrize("theme", ["light", "dark", "phone"])
def test_there_are_pictures_to_look_at(page, name, theme):
    browsing.dress(page, "dark" if theme == "dark" else "light")
    if theme == "phone":
        page.set_viewport_size(browsing.PHONE)
    browsing.to_top(page)
    page.wait_for_timeout(200)
    sheets = pictures.take(page, name, theme)
    assert sheets
    for sheet in sheets:
        assert (pictures.brightness(sheet) < 128) == (theme == "dark"), sheet
