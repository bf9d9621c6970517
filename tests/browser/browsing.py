"""What the tests of the site have in common: its pages, a visit to one, and what they do there."""

import os
import re

from benchmarks.weight import read_through
from tools import build, editions, node
from tools.chromium import NoBrowser, chromium

LANGUAGES = ("en", *editions.languages())
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
AXE = node.MODULES / "axe-core/axe.min.js"
LIGHTHOUSE = node.MODULES / "lighthouse/cli/index.js"

# Nothing but this machine can be reached, by name or by number, and Chromium itself calls
# nobody. Root (in a container) has no sandbox.
ARGUMENTS = [
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-default-browser-check",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


def missing() -> list[str]:
    """What must be there before the site can be tested, and how to get it."""
    try:
        browser, advice = chromium(), ""
    except NoBrowser as error:
        browser, advice = "", str(error)
    return [
        f"{what}: {remedy}"
        for there, what, remedy in (
            (browser, "chromium", advice),
            ((build.SITE / "index.html").is_file(), "the site", "make book"),
            (AXE.is_file() and LIGHTHOUSE.is_file(), "axe and Lighthouse", "make book"),
        )
        if not there
    ]


def pages(*languages: str) -> list[str]:
    """The pages of the languages, of all by default: `en/index`, ..."""
    return [
        f"{language}/{path.stem}"
        for language in languages or LANGUAGES
        for path in sorted((build.SITE / language).glob("*.html"))
    ]


def chapters(*languages: str) -> list[str]:
    """The chapters that the languages have; one that is not translated yet is none."""
    return [
        page
        for page in pages(*languages)
        if re.search(r"/\d\d_", page) and (build.ROOT / "chapters" / f"{page}.md").exists()
    ]


def html(page: str) -> str:
    """The page as it lies in the site."""
    return (build.SITE / f"{page}.html").read_text("utf-8")


def kind(page: str) -> str:
    """The type of a page: those of one type are made alike, so that one stands for them."""
    name = page.split("/")[-1]
    if page == name:
        return "root"
    if not re.match(r"\d\d_", name):
        return name
    if page not in chapters():
        return "chapter, not translated"
    return "chapter with BertViz" if "course-bertviz" in html(page) else "chapter"


# Whether a window gets frames: the second comes when the first was drawn.
DRAWN = """() => Promise.race([
  new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))),
  new Promise((done) => setTimeout(done, 5000, false))])"""


class Visit:
    """A reader with an empty cache, and what was wrong with the pages that were shown.

    `wrong` gathers errors in the console (a broken Content-Security-Policy is one), errors
    of scripts, failed requests, and requests to any other place than `home`.
    """

    def __init__(self, browser, home: str, **options):
        self.home, self.wrong = home, []
        self.scripts = options.get("java_script_enabled", True)
        self.context = browser.new_context(viewport=DESKTOP, **options)
        self.context.set_default_timeout(15_000)
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self.wrong.append(f"script: {error.error}"))
        self.context.on("request", self._request)
        self.context.on("requestfailed", self._failed)
        self.context.on("response", self._response)
        self.page = self.context.new_page()

    def _console(self, message):
        if message.type == "error":
            self.wrong.append(f"console: {message.text}")

    def _request(self, request):
        if not request.url.startswith((self.home, "data:", "blob:", "about:")):
            self.wrong.append(f"asks another place: {request.url}")

    def _failed(self, request):
        if request.failure != "net::ERR_ABORTED":  # which is what leaving a page does
            self.wrong.append(f"failed: {request.url}: {request.failure}")

    def _response(self, response):
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.url}")

    def open(self, page: str):
        """Show a page, `en/index` or with an anchor `en/index#here`, until it is quiet.

        Now and then Chromium does not draw a window: then the page is opened in another one.
        """
        name, _, anchor = page.partition("#")
        for _ in range(3):
            self.page.goto(f"{self.home}/{name}.html{anchor and '#' + anchor}")
            self.page.wait_for_load_state("networkidle")
            if not self.scripts or self.page.evaluate(DRAWN):
                return self.page
            self.page.close()
            self.page = self.context.new_page()
        raise AssertionError(f"{page} was opened in three windows, and Chromium drew none of them")

    def close(self):
        self.context.close()


def read(browser, home: str, page: str) -> Visit:
    """A reader who has read a page to its end, so that all of it is there.

    In a window that Chromium stopped drawing nothing that waits to be near is loaded: then the
    page is opened in another one.
    """
    for _ in range(3):
        visit = Visit(browser, home)
        if read_through(visit.open(page)):
            return visit
        visit.close()
    raise AssertionError(f"{page} was read to its end three times, and some of it is not there")


def dress(page, theme: str) -> None:
    """Let the system be light or dark, and wait until the page has followed."""
    page.emulate_media(color_scheme=theme)
    page.evaluate(
        """async () => {
          const followed = async () => {
            for (let i = 0; i < 2; i += 1) await new Promise(requestAnimationFrame);
            await Promise.allSettled(document.getAnimations().map((change) => change.finished));
          };
          // A window that Chromium does not draw gets no frame, and waits for it for ever.
          await Promise.race([followed(), new Promise((done) => setTimeout(done, 2000))]);
        }""")


def to_top(page) -> None:
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
