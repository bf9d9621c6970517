"""What tests count for the page “What was measured”.

Two kinds of counts: a test of the faults says what it tried and what held (the fixture
`tally` of tests/faults); a test with `@pytest.mark.promise("pages that ...")` is one case of
that promise, and the page says how many cases there were.
"""

import json
import time
from pathlib import Path

from benchmarks import measure, report


class Counts:
    """A plugin that adds up what tests count, of all processes.

    What is derived from it has the `kind` of counts, and `keep`, which writes their rows.
    """

    def __init__(self):
        self.by_name, self.began = {}, time.perf_counter()

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown":  # the last of a test's three has all that it counted
            for kind, value in report.user_properties:
                if kind == self.kind:
                    what, *counted = value
                    self.by_name.setdefault(what, []).append(counted)

    def rows(self) -> list[measure.Row]:
        """A row for each name."""
        found = []
        for what, counted in self.by_name.items():
            note = "; ".join(dict.fromkeys(note for *_, note in counted if note))
            done = [(held, tried) for held, tried, _ in counted if held is not None]
            held, tried = map(sum, zip(*done)) if done else (None, None)
            found.append(measure.Row(what, held, of=tried, least=tried, note=note))
        return found

    def pytest_sessionfinish(self, session):
        if self.by_name:
            self.keep()

    def pytest_terminal_summary(self, terminalreporter):
        if self.by_name:
            terminalreporter.write("\n" + report.table(self.rows()))


class Faults(Counts):
    """`make faults`: into the part “faults” of today's results."""

    kind = "tally"

    def keep(self):
        found, new = measure.machine(), self.rows()
        path = measure.results_file(found)
        kept = measure.load(path)["parts"].get("faults", {}) if path.exists() else {}
        # Some of the files may run by themselves: what the others counted today stays.
        rows = [row for row in kept.get("rows", []) if row.what not in self.by_name] + new
        took = kept.get("seconds", 0) + time.perf_counter() - self.began
        report.write(measure.save("faults", rows, found, took, quick=False))


class Promises(Counts):
    """The other tests: into the file that `python -m benchmarks tests` asks for."""

    kind = "promise"

    def __init__(self, file: str):
        super().__init__()
        self.file = Path(file)

    def keep(self):
        lines = [json.dumps([row.what, row.value, row.of]) + "\n" for row in self.rows()]
        with self.file.open("a", encoding="utf-8") as stream:
            stream.writelines(lines)
