"""What must not lose data or lie: tried a few times by `make test`, often by `make faults`.

`make faults` passes `--full`, counts what was tried and what held, and puts the counts into
the results that the page “What was measured” shows.
"""

import contextlib

import pytest


@pytest.fixture
def full(request) -> bool:
    """Whether to try as often as the page says, and not just once or twice."""
    return request.config.getoption("full")


class Tally:
    """What a test counts; what several tests count by one name is added up.

    `tally(what, held, tried)` counts, and to fail is the test's own business;
    `tally(what, None, 0, why)` was not possible here; `with tally.one(what):` counts one
    try, which held unless the block raises.
    """

    def __init__(self, properties: list):
        self.properties = properties

    def __call__(self, what: str, held: int | None, tried: int, note: str = "") -> None:
        self.properties.append(("tally", (what, held, tried, note)))

    @contextlib.contextmanager
    def one(self, what: str, note: str = ""):
        try:
            yield
        except pytest.skip.Exception:
            raise
        except BaseException:  # how pytest ends a test is no Exception
            self(what, 0, 1, note)
            raise
        self(what, 1, 1, note)


@pytest.fixture
def tally(request) -> Tally:
    return Tally(request.node.user_properties)
