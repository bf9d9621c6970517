"""The keyboard alone reaches everything, in order, and one sees where one is."""

import browsing
import pytest

from benchmarks.site import PAGES
from benchmarks.weight import read_through

# In every document, frames included: which elements had the focus, and whether they looked
# different then. Transitions would delay the difference.
RECORDER = """(() => {
  const reached = window.courseReached = new Map();
  const said = ["outlineStyle", "outlineWidth", "outlineColor", "boxShadow", "backgroundColor",
    "borderColor", "color", "textDecorationLine", "fill", "fillOpacity", "stroke", "strokeWidth",
    "opacity"];
  // Of the element, what is in it, and the box around it, which may draw a frame before itself.
  const look = (element) => [
    getComputedStyle(element.parentElement), getComputedStyle(element.parentElement, "::before"),
    ...[element, ...element.querySelectorAll("*")].slice(0, 12).map((part) => getComputedStyle(part)),
  ].map((style) => said.map((name) => style[name]).join()).join("|");
  const steady = new CSSStyleSheet();
  steady.replaceSync("* { transition: none !important; animation: none !important }");
  document.addEventListener("DOMContentLoaded", () => { document.adoptedStyleSheets = [steady]; });
  document.addEventListener("focusin", ({ target }) => {
    reached.set(target, { times: (reached.get(target)?.times ?? 0) + 1, focused: look(target) });
  });
  document.addEventListener("focusout", ({ target }) => {
    setTimeout(() => {
      const entry = reached.get(target);
      if (entry) entry.seen = entry.focused !== look(target);
    });
  });
})()"""

STOPS = """() => {
  const stops = [...document.querySelectorAll(
    "a[href], area[href], button, input, select, textarea, summary, iframe, [tabindex]")];
  return stops.filter((stop) => stop.tabIndex >= 0 && !stop.disabled
    && stop.checkVisibility({ visibilityProperty: true, opacityProperty: false })
    && !stop.closest("[inert]") && stop.getClientRects().length > 0);
}"""

REPORT = """(stops) => {
  const name = (element) => `${element.outerHTML.slice(0, 110)}...`;
  const ahead = (a, b) => Boolean(a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING);
  // A round that began in the middle, as on the search page, is turned to begin at the top.
  let reached = [...window.courseReached.keys()];
  const top = reached.findIndex((stop) => reached.every((other) => other === stop || ahead(stop, other)));
  reached = [...reached.slice(top), ...reached.slice(0, top)];
  return {
    missed: stops.filter((stop) => stop.tagName !== "IFRAME" && !reached.includes(stop)).map(name),
    unseen: reached.filter((stop) => window.courseReached.get(stop).seen === false).map(name),
    disorder: reached.slice(1).filter((stop, i) => !ahead(reached[i], stop)).map(name),
    first: reached.length ? name(reached[0]) : "",
  };
}"""


@pytest.mark.promise("kinds of page on which the keyboard reaches everything")
@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_the_keyboard_reaches_everything(visit, page):
    visit.context.add_init_script(RECORDER)
    reader = visit.open(page)
    read_through(reader)
    browsing.to_top(reader)
    walk(reader, "Tab")
    for frame in reader.frames:
        stops = frame.evaluate_handle(STOPS)
        report = frame.evaluate(REPORT, stops)
        assert report["missed"] == [], frame.url
        assert report["unseen"] == [], frame.url
        assert report["disorder"] == [], frame.url
    assert "#main-content" in reader.evaluate(REPORT, [])["first"]  # the skip link comes first
    for landmark in (".bd-sidenav a", ".search-button__button", ".course-languages a",
                     ".theme-switch-button"):
        assert reader.evaluate(
            "(one) => [...courseReached.keys()].some((stop) => stop.matches(one))", landmark), landmark
    if "course-bertviz" in browsing.html(page):  # out of the frames backwards as well
        reader.evaluate("courseReached.clear()")
        walk(reader, "Shift+Tab")
        assert len(reader.frames) > 3
    assert visit.wrong == []


def walk(reader, key: str) -> None:
    """Press the key until the focus has come round: to an element where it has been."""
    limit = 300 + 2 * sum(len(frame.query_selector_all("a, button, select, summary, pre, [tabindex]"))
                          for frame in reader.frames)
    for _ in range(0, limit, 20):
        for _ in range(20):
            reader.keyboard.press(key)
        if reader.evaluate("[...courseReached.values()].some((entry) => entry.times > 1)"):
            return
    pytest.fail(f"{key} pressed {limit} times does not come round: "
                + reader.evaluate("document.activeElement.outerHTML.slice(0, 120)"))
