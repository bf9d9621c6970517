"""What must not lose data or lie: tried a few times by `make test`, often by `make faults`.

`make faults` passes `--full`, counts what was tried and what held, and puts the counts into
the results that the page “What was measured” shows.
"""

import time

import pytest

from benchmarks import measure, report


@pytest.fixture
def full(request) -> bool:
    """Whether to try as often as the page says, and not just once or twice."""
    return request.config.getoption("full")


@pytest.fixture
def tally(request):
    """`tally(what, held, tried)` counts; `tally(what, None, 0, why)` was not possible here.

    What several tests count by one name is added up. To fail is the test's own business.
    """

    def count(what: str, held: int | None, tried: int, note: str = "") -> None:
        request.node.user_properties.append(("tally", (what, held, tried, note)))

    return count


class Counts:
    """A plugin that adds up what the tests count, of all processes, and keeps it."""

    def __init__(self):
        self.by_name, self.began = {}, time.perf_counter()

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown":  # the last of a test's three has all that it counted
            for name, value in report.user_properties:
                if name == "tally":
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
        if not self.by_name:
            return
        found, new = measure.machine(), self.rows()
        path = measure.results_file(found)
        kept = measure.load(path)["parts"].get("faults", {}) if path.exists() else {}
        # Some of the files may run by themselves: what the others counted today stays.
        rows = [row for row in kept.get("rows", []) if row.what not in self.by_name] + new
        took = kept.get("seconds", 0) + time.perf_counter() - self.began
        report.write(measure.save("faults", rows, found, took, quick=False))

    def pytest_terminal_summary(self, terminalreporter):
        if self.by_name:
            terminalreporter.write("\n" + report.table(self.rows()))


def pytest_configure(config):
    # The process that starts the others has their reports; they themselves keep nothing.
    if config.getoption("full") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Counts())
