"""Later pages are light. First visits: test_every_page.py; what they may weigh: weight.py."""

import browsing
import pytest
from weight import BUDGET, counted, weigh


@pytest.mark.parametrize("language", browsing.LANGUAGES)
def test_later_pages_are_light(visit, served, language, record_property):
    heavy = {}
    visit.open(f"{language}/glossary")
    for page in browsing.pages(language):
        start = len(served.sent)
        visit.open(page)
        sent = served.sent[start:]
        record_property("weight", (page, "later", weigh(sent)))
        if counted(sent) > BUDGET[browsing.kind(page)][2]:
            heavy[page] = counted(sent)
    assert heavy == {}
