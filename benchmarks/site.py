"""How heavy the pages are, and how they do on a slow phone, by Lighthouse.

Every page of every language is weighed as a reader's connection carries it (kB of gzipped
HTML, style sheets, scripts and fonts); in a quick run, the longest chapters. Lighthouse loads one
of each type with its own settings for a phone: a slow network and a slow processor, both
computed from what the page did. The best of three runs counts, because whatever else the
machine does can only slow a page down.
"""

import itertools
import json
import os
import subprocess

from benchmarks import weight
from benchmarks.measure import Row
from tools import build, node, pdf
from tools.chromium import chromium
from tools.serve import serve

# One page of each type; of the chapters the largest.
PAGES = {
    "index": "en/index",
    "chapter": "en/04_roberta_from_scratch",
    "chapter with BertViz": "en/05_bertology",
    "chapter, not translated": "ja/04_roberta_from_scratch",
    "errata": "en/errata",
    "genindex": "en/genindex",
    "glossary": "en/glossary",
    "measured": "en/measured",
    "references": "en/references",
    "search": "en/search",
    "status": "en/status",
    "troubleshooting": "en/troubleshooting",
}
HEAVIEST = ["en/04_roberta_from_scratch", "en/05_bertology", "es/05_bertology"]
CATEGORIES = ("performance", "accessibility")
PROMISED = {"performance": 95, "accessibility": 100}
LATER = 60  # kB of a later page


def rows(quick: bool) -> list[Row]:
    with serve(build.SITE) as served:
        found = weights(served, HEAVIEST if quick else every_page())
        if not quick:
            found += scores(served.address)
    return found


def every_page() -> list[str]:
    """The pages of all languages: `en/index`, ..."""
    return sorted(f"{path.parent.name}/{path.stem}" for path in build.SITE.glob("*/*.html"))


def weights(served, pages: list[str]) -> list[Row]:
    """The kB of the heaviest page at a first visit, read to its end, and at a later visit."""
    found = {}
    with pdf.browser() as browser:
        for page in pages:
            first, read = weight.first_visit(browser, served, page)
            found[page] = {"first": first, "read": read}
        for _, alike in itertools.groupby(pages, lambda page: page.split("/")[0]):
            tab = browser.new_page()
            for page, sent in weight.later_visits(tab, served, list(alike)):
                found[page]["later"] = weight.counted(sent)
            tab.close()
    views = [page for page in found if page.endswith("/05_bertology")]
    light = [page for page in found if found[page]["later"] <= LATER]
    return [
        Row("first visit, the heaviest page", max(kb["first"] for kb in found.values()), "kB",
            most=200, detail=found),
        Row("first visit, a page with BertViz, read to its end",
            max(found[page]["read"] for page in views), "kB", most=450),
        Row("later page, the heaviest", max(kb["later"] for kb in found.values()), "kB", most=LATER),
        Row("later pages that weigh no more than that", len(light), of=len(found)),
    ]  # fmt: skip


def scores(address: str) -> list[Row]:
    """Lighthouse's two scores of the page that does worst; all of them in the detail."""
    found = {category: {} for category in CATEGORIES}
    for kind, page in PAGES.items():
        runs = [lighthouse(f"{address}/{page}.html") for _ in range(3)]
        best = max(runs, key=lambda report: score(report, "performance"))
        for category in CATEGORIES:
            found[category][kind] = score(best, category)
            for line in short_of_perfect(best, category):
                print(f"{page}, {category}: {line}", flush=True)
    return [
        Row(f"Lighthouse, {category}: the page that does worst", min(each.values()),
            least=PROMISED[category], detail=each, note="the best of three runs of each")
        for category, each in found.items()
    ]  # fmt: skip


def lighthouse(address: str, categories: tuple[str, ...] = CATEGORIES) -> dict:
    """What Lighthouse reports of a page: its JSON, with `categories` and `audits`.

    Raises:
        RuntimeError: there is no chromium, or Lighthouse failed; the message says more.
    """
    flags = ["--headless=new", "--disable-background-networking", "--disable-component-update"]
    flags += ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [
        node.node(), node.MODULES / "lighthouse/cli/index.js", address,
        "--quiet", "--output=json", "--output-path=stdout", "--no-enable-error-reporting",
        f"--only-categories={','.join(categories)}", f"--chrome-flags={' '.join(flags)}",
    ]
    environment = os.environ | {"CHROME_PATH": chromium()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"Lighthouse failed on {address}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def score(report: dict, category: str) -> int:
    """0 to 100."""
    return round(100 * report["categories"][category]["score"])


def short_of_perfect(report: dict, category: str) -> list[str]:
    """The audits of a category that cost points, with the first places where they failed."""
    found = []
    for reference in report["categories"][category]["auditRefs"]:
        audit = report["audits"][reference["id"]]
        if reference["weight"] and audit["score"] is not None and audit["score"] < 1:
            items = audit.get("details", {}).get("items", [])[:3]
            places = [item.get("node", {}).get("snippet", "") for item in items]
            found.append(f"{audit['title']}: {audit.get('displayValue', '')}{' | '.join(places)}")
    return found
