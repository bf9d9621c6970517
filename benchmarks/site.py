"""How the pages do on a slow phone, by Lighthouse: `make bench`.

    python -m benchmarks.site [page ...]

Lighthouse loads one page of each type with its own settings for a phone: a slow network
and a slow processor, both computed from what the page did. The best of three runs counts,
because whatever else the machine does can only slow a page down.
"""

import json
import os
import subprocess
import sys

from tools import build, node
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
    "references": "en/references",
    "search": "en/search",
    "status": "en/status",
    "troubleshooting": "en/troubleshooting",
}
CATEGORIES = ("performance", "accessibility")
PROMISED = {"performance": 95, "accessibility": 100}


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


def main(pages: list[str]) -> int:
    """Print a line for each page; the exit code is 1 where a promise is not kept."""
    kept = True
    print(f"{'':36}" + "".join(f"{category:>15}" for category in CATEGORIES))
    with serve(build.SITE) as served:
        for page in pages or PAGES.values():
            runs = [lighthouse(f"{served.address}/{page}.html") for _ in range(3)]
            best = max(runs, key=lambda report: score(report, "performance"))
            scores = {category: score(best, category) for category in CATEGORIES}
            over = [c for c in CATEGORIES if scores[c] < PROMISED[c]]
            kept = kept and not over
            print(f"{page:36}" + "".join(f"{scores[c]:>15}" for c in CATEGORIES)
                  + ("  ← below what is promised" if over else ""), flush=True)
            for category in over:
                print("".join(f"    {line}\n" for line in short_of_perfect(best, category)), end="")
    return not kept


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
