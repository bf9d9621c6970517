"""How long the tests take, and how many cases of what the course promises they tried.

The full run is that of a change on its way in: `make test` and `make test-site`, here, on
the book as it is built. A test with the mark `promise` is a case of that promise, see
`tests/counting.py`; here they are only added up. Tests that fail end the part.
"""

import json
import os
import re
import tempfile
from pathlib import Path

from benchmarks import measure
from benchmarks.book import COLD, watch
from benchmarks.measure import Row
from tools.build import ROOT


def rows(quick: bool) -> list[Row]:
    if quick:
        return [Row("make test", None, note="takes longer than a quick run")]
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        environment = {k: v for k, v in os.environ.items() if k != "TQDM_DISABLE"}
        environment["COURSE_COUNTS"] = str(counts)
        tests = watch(["make", "test"], ROOT, environment)
        browser = watch(["make", "test-site"], ROOT, environment)
        return [*times(tests.seconds, browser.seconds), again(tests.output),
                *promises(counts.read_text("utf-8"))]  # fmt: skip


def times(tests: float, browser: float) -> list[Row]:
    found = [
        Row("make test, the book being built", tests, "s", most=300,
            note="promised when there were two chapters"),
        Row("make test-site", browser, "s"),
    ]  # fmt: skip
    if (cold := built_cold()) is not None:
        found.append(Row("all that a change must pass: the book built cold, make test, make test-site",
                         cold + tests + browser, "s", most=1800))  # fmt: skip
    return found


def built_cold() -> float | None:
    """The seconds of the last cold build that was measured today on this machine."""
    path = measure.results_file(measure.machine())
    kept = measure.load(path)["parts"].get("book", {"rows": []}) if path.exists() else {"rows": []}
    return next((row.value for row in kept["rows"] if row.what == COLD), None)


def again(output: str) -> Row:
    """How many cells print the same when the notebooks run again: nbval's summary, the last."""
    same = int(re.findall(r"(\d+) passed", output)[-1])
    return Row("cells of the notebooks that print the same when they are executed again", same,
               of=same, least=same)  # fmt: skip


def promises(counts: str) -> list[Row]:
    """What the tests counted, a line for each process of pytest and promise; cases of the same
    promise in several runs are added up."""
    found = {}
    for what, held, tried in map(json.loads, counts.splitlines()):
        before = found.get(what, (0, 0))
        found[what] = before[0] + held, before[1] + tried
    return [Row(what, held, of=tried, least=tried) for what, (held, tried) in sorted(found.items())]
