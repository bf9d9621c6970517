"""What must not lose data or lie: tried a few times by `make test`, often by `make faults`.

`make faults` passes `--full`, counts what was tried and what held, and puts the counts into
the results that the page “What was measured” shows.
"""

import pytest


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
