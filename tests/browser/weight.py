"""How much a reader's connection carries, and how much it may.

Sizes are kB of gzipped HTML, style sheets, scripts and fonts; pictures are apart.
"""

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
