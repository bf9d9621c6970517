"""Later pages are light. First visits: test_every_page.py; what they may weigh: benchmarks/weight.py."""

import browsing
import pytest

from benchmarks.weight import budget, counted, later_visits, weigh


@pytest.mark.parametrize("language", browsing.LANGUAGES)
def test_later_pages_are_light(visit, served, language, record_property):
    heavy = {}
    for page, sent in later_visits(visit.page, served, browsing.pages(language)):
        record_property("weight", (page, "later", weigh(sent)))
        if counted(sent) > budget(browsing.kind(page))[2]:
            heavy[page] = counted(sent)
    assert heavy == {}
