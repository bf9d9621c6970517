"""Prints a book with Chromium: `tools/dist.py` calls it.

The document of `tools/print_pages.py` is printed twice. The first print says on which page
each heading stands; these numbers go into the table of contents, and the second print must
have every heading on the same page. The browser is the machine's own; Playwright drives it,
and it has no network.
"""

import contextlib
import html
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pypdf import PdfReader

from tools import print_pages
from tools.chromium import INSTALL, NoBrowser, chromium

FONTS = "fonts-ipafont-gothic (Japanese), fonts-noto-color-emoji, fonts-noto-core"

# The width of the text: A4 without the margins of theme/print.css, in CSS pixels.
WIDTH = round((210 - 2 * 20) / 25.4 * 96)

# What is wider than the text, for instance a table of many columns, is made smaller.
FIT = """() => {
  for (const element of document.querySelectorAll("table, math, figure.numbered > *")) {
    const room = element.parentElement.getBoundingClientRect().width;
    const width = Math.max(element.scrollWidth, element.getBoundingClientRect().width);
    if (width > room + 1) element.style.zoom = Math.floor((100 * room) / width) / 100;
  }
}"""
# What is still wider runs off the page: the places of the first few such elements.
WIDE = """() => [...document.querySelectorAll("body *")]
  .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(0, 5)
  .map((e) => `${e.closest("[id]")?.id} (${e.localName}: ${e.textContent.trim().slice(0, 40)})`)
"""
BROKEN = """() => [...document.images].filter((i) => !i.complete || !i.naturalWidth)
  .map((i) => i.currentSrc)"""
# Formulas have a font of their own.
CHARACTERS = """() => {
  document.querySelectorAll("math").forEach((formula) => formula.remove());
  return [...new Set(document.body.textContent)];
}"""


class PdfError(RuntimeError):
    """The PDF cannot be made; the message says why and what to do."""


@dataclass(frozen=True)
class Printed:
    """How many pages there are, and the characters that no font of this machine has."""

    pages: int
    boxes: str


@contextlib.contextmanager
def browser():
    """The machine's Chromium, started and ended; yields Playwright's handle of it.

    Raises:
        PdfError: there is none, or it does not start.
    """
    from playwright.sync_api import Error, sync_playwright

    try:
        program = chromium()
    except NoBrowser as error:
        raise PdfError(str(error)) from None
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=program)
        except Error as error:
            raise PdfError(f"{program} does not start: {error.message} {INSTALL}") from error
        with contextlib.closing(started):
            yield started


def print_book(started, text: str, target: Path) -> Printed:
    """Print a document of `print_pages.document`.

    Args:
        started: the browser.

    Raises:
        PdfError: a picture is missing, something runs off the page, the headings have
            moved when the page numbers were filled in, or Chromium failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        first, _ = _print(started, text, Path(folder, "first.pdf"))
        second, boxes = _print(started, print_pages.with_numbers(text, first), target)
    if moved := [place for place in first if first[place] != second.get(place)]:
        raise PdfError(f"moved when the contents were filled in: {', '.join(moved[:5])}")
    return Printed(len(PdfReader(target).pages), boxes)


def _print(started, text: str, target: Path) -> tuple[dict[str, int], str]:
    """Print; returns the page of each place to which a link leads, and `Printed.boxes`.

    Each print has a page of its own: Chromium lays a page that it has printed before out a
    little differently.
    """
    from playwright.sync_api import Error

    context = started.new_context(
        color_scheme="light", offline=True, viewport={"width": WIDTH, "height": 1000})
    with contextlib.closing(context), tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "book.html")
        source.write_text(text, encoding="utf-8")
        try:
            page = context.new_page()
            page.emulate_media(media="print")
            page.goto(source.as_uri(), timeout=120_000)
            page.evaluate("() => document.fonts.ready.then(() => null)")
            if broken := page.evaluate(BROKEN):
                raise PdfError(f"pictures that cannot be read: {', '.join(broken[:5])}")
            page.evaluate(FIT)
            if wide := page.evaluate(WIDE):
                raise PdfError(f"runs off the page: {'; '.join(wide)}")
            page.pdf(path=target, prefer_css_page_size=True, print_background=True,
                     outline=True, tagged=True)
            boxes = _without_font(page, page.evaluate(CHARACTERS), Path(folder, "letters.pdf"))
        except Error as error:
            raise PdfError(f"Chromium failed: {error.message}") from error
    reader = PdfReader(target)
    return {name.removeprefix("/"): reader.get_destination_page_number(destination) + 1
            for name, destination in reader.named_destinations.items()}, boxes


def _without_font(page, characters: list[str], target: Path) -> str:
    """The characters that are drawn as boxes: read back from a PDF, they are zeros."""
    listed = " ".join(f"{ord(c)} <bdi>{html.escape(c)}</bdi>" for c in characters)
    page.set_content(f"<!doctype html><p>{listed}</p>")
    page.pdf(path=target)
    read = " ".join(sheet.extract_text() for sheet in PdfReader(target).pages)
    return "".join(sorted(chr(int(code)) for code in re.findall(r"(\d+)\s+\0", read)))
