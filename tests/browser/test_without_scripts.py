"""Without JavaScript a page still reads."""

import browsing
import pytest

UNSEEN = """(selector) => [...document.querySelectorAll(selector)].filter((element) => {
  const box = element.getBoundingClientRect();
  return box.width < 1 || box.height < 1 || !element.checkVisibility({ visibilityProperty: true });
}).map((element) => element.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def plain(browser, served):
    """A reader whose browser runs no script; one for all, since nothing can be left behind."""
    visit = browsing.Visit(browser, served.address, java_script_enabled=False)
    yield visit
    visit.close()


@pytest.mark.promise("pages that can be read without scripts")
@pytest.mark.parametrize("page", browsing.pages())
def test_a_page_reads_without_scripts(plain, page):
    plain.wrong.clear()
    reader = plain.open(page)
    assert reader.evaluate(UNSEEN, "article math") == []
    assert reader.evaluate(UNSEEN, ".solution.dropdown > *") == []
    broken = reader.evaluate("""() => [...document.images]
        .filter((image) => image.checkVisibility() && !(image.complete && image.naturalWidth))
        .map((image) => image.outerHTML.slice(0, 160))""")
    assert broken == []
    assert reader.evaluate(UNSEEN, ".course-figure img, .course-chart img, .course-heads svg, .course-heads-grid") == []
    if page in browsing.chapters():
        assert reader.locator("article math").count() > 10
        assert reader.locator(".course-figure img, .course-chart img").count() > 2
        assert reader.locator(".solution.dropdown").count() >= 5
    assert plain.wrong == []


@pytest.mark.parametrize("language", browsing.LANGUAGES)
def test_one_gets_around_without_scripts(plain, language):
    plain.wrong.clear()
    reader = plain.open("index")
    reader.locator(f'a[data-language="{language}"]').click()
    reader.wait_for_url(f"**/{language}/index.html")
    reader.locator(".bd-sidenav a[href^='05_']").first.click()
    reader.wait_for_url(f"**/{language}/05_*.html")
    reader.locator(".prev-next-area a.left-prev").click()
    reader.wait_for_url(f"**/{language}/04_*.html")
    other = next(code for code in browsing.LANGUAGES if code != language)
    reader.locator(f'.course-languages a[data-language="{other}"]').click()
    reader.wait_for_url(f"**/{other}/04_*.html")
    # What only a script could do is not offered.
    assert reader.locator(".theme-switch-button:visible, .search-button__button:visible, "
                          ".sidebar-toggle:visible, .btn-fullscreen-button:visible").count() == 0
    assert plain.wrong == []
