"""Later pages are light. First visits: test_every_page.py; what they may weigh: benchmarks/weight.py."""

import browsing
import pytest

from benchmarks.weight import budget, counted, weigh


@pytest.mark.parametrize("language", browsing.LANGUAGES)
def test_later_pages_are_light(visit, served, language, record_property):
    heavy = {}
    for known in (f"{language}/glossary", browsing.chapters(language)[-1]):
        visit.open(known)  # a chapter has the font of formulas as well
    for page in browsing.pages(language):
        start = len(served.sent)
        visit.page.goto(f"{served.address}/{page}.html?later")  # the page itself is not known
        visit.page.wait_for_load_state("networkidle")
        sent = served.sent[start:]
        record_property("weight", (page, "later", weigh(sent)))
        if counted(sent) > budget(browsing.kind(page))[2]:
            heavy[page] = counted(sent)
    assert heavy == {}
