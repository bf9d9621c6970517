"""How much a reader's connection carries, and how much it may.

Sizes are kB of gzipped HTML, style sheets, scripts and fonts; pictures are apart.
"""

from collections.abc import Iterator
from pathlib import Path

# A first visit, with nothing known, until the page shows; the same when the page has been
# read to its end and charts and frames are drawn; and a later visit, when what the pages
# share is known.
ORDINARY = (200, 200, 60)
# The aim of 60 for a later visit is met by every page but the longest chapters, of which the
# words and the code alone are 50 kB in English and 55 in Spanish, and the search page, which
# brings the index of all words.
BUDGETS = {
    "chapter": (200, 450, 77),
    "chapter with BertViz": (200, 450, 77),
    "root": (10, 10, 10),
    "search": (200, 200, 67),
}
# What a reader of a later page has seen: a chapter brings the font of formulas and the script
# of charts besides what all pages share.
KNOWN = ("glossary", "05_bertology")
KINDS = {".html": "html", ".css": "css", ".js": "scripts", ".woff2": "fonts"}
COLUMNS = (*KINDS.values(), "pictures")


def weigh(sent) -> dict[str, float]:
    """The kB of each kind among the answers of a server (`tools.serve.Sent`)."""
    found = dict.fromkeys(COLUMNS, 0.0)
    for answer in sent:
        suffix = Path(answer.path.split("?")[0]).suffix or ".html"
        found[KINDS.get(suffix, "pictures")] += answer.size / 1000
    return found


def counted(sent) -> float:
    """The kB that a budget counts."""
    return sum(size for kind, size in weigh(sent).items() if kind != "pictures")


def budget(kind: str) -> tuple[int, int, int]:
    """What a type of page may weigh: the first visit, read to its end, a later visit."""
    return BUDGETS.get(kind, ORDINARY)


def table(measured: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Lines of a table: page → visit (first, read, later) → kind → kB."""
    lines = [f"{'kB gzipped':42}" + "".join(f"{kind:>10}" for kind in COLUMNS) + f"{'counted':>10}"]
    for page, visits in sorted(measured.items()):
        for visit, sizes in visits.items():
            total = sum(size for kind, size in sizes.items() if kind != "pictures")
            lines.append(f"{page:34}{visit:>8}" + "".join(f"{sizes[kind]:>10.1f}" for kind in COLUMNS)
                         + f"{total:>10.1f}")
    return lines


def read_through(page) -> bool:
    """Scroll to the end as a reader does, until all that waits to be near is there; whether it is."""
    return page.evaluate(
        """async () => {
          const wait = (ms) => new Promise((done) => setTimeout(done, ms));
          // Until the window has been drawn there, and those who watch have been told.
          // A window that Chromium does not draw gets no frame: it is not waited for for ever.
          const drawn = () => Promise.race([wait(300),
            new Promise((done) => requestAnimationFrame(() => setTimeout(done)))]);
          for (let y = 0; y < document.scrollingElement.scrollHeight; y += 900) {
            scrollTo({ top: y, behavior: "instant" });
            await drawn();
            await drawn();
          }
          const all = (selector) => [...document.querySelectorAll(selector)];
          // A picture that is folded away is not loaded, and must not be waited for.
          const there = () => all("img").every((image) => image.complete || !image.checkVisibility())
            && all(".course-chart").every((chart) => chart.querySelector("svg.marks"))
            && all("iframe").every((frame) =>  // from a disk nobody may look into a frame
              !frame.contentDocument || frame.contentDocument.querySelector("svg"));
          for (let i = 0; i < 200 && !there(); i += 1) await wait(50);
          return there();
        }""")


def first_visit(browser, served, page: str) -> tuple[float, float]:
    """The kB that a page costs a reader who comes for the first time: until it shows, and
    read to its end.

    Args:
        browser: Playwright's handle of it.
        served: what `tools.serve.serve` yields.
        page: `en/index`, ...

    Raises:
        RuntimeError: the page is not there.
    """
    start, context = len(served.sent), browser.new_context()
    tab = context.new_page()
    _open(tab, f"{served.address}/{page}.html")
    shown = counted(served.sent[start:])
    read_through(tab)
    context.close()
    return shown, counted(served.sent[start:])


def later_visits(tab, served, pages: list[str]) -> Iterator[tuple[str, list]]:
    """Yield each page and the answers that it costs a reader who knows what pages share.

    Args:
        tab: a window of Playwright's that has opened nothing.
        served: what `tools.serve.serve` yields.
        pages: of one language; they are opened one after the other.

    Raises:
        RuntimeError: a page is not there.
    """
    for known in KNOWN:
        _open(tab, f"{served.address}/{pages[0].split('/')[0]}/{known}.html")
    for page in pages:
        start = len(served.sent)
        _open(tab, f"{served.address}/{page}.html?later")  # the page itself is not known
        yield page, served.sent[start:]


def _open(tab, address: str) -> None:
    answer = tab.goto(address)
    if not answer.ok:
        raise RuntimeError(f"{address} is not there ({answer.status}): run `make book` first.")
    tab.wait_for_load_state("networkidle")
