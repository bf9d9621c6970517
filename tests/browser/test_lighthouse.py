"""Lighthouse finds nothing to mend for people who see, hear or point in other ways.

How fast a page shows depends on the machine: `python -m benchmarks.site` measures it.
"""

import browsing
import pytest

from benchmarks.site import PAGES, lighthouse, score, short_of_perfect


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_accessibility_is_perfect(served, page):
    report = lighthouse(f"{served.address}/{page}.html", ("accessibility",))
    assert score(report, "accessibility") == 100, short_of_perfect(report, "accessibility")


def test_each_type_of_page_is_measured():
    assert {browsing.kind(page) for page in browsing.pages()} == set(PAGES)
    assert all(browsing.kind(page) == kind for kind, page in PAGES.items())
