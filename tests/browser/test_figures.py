"""The figures that answer: charts, the course's views of heads, and BertViz."""

import re

import browsing
import pytest

CHAPTERS = browsing.chapters()
WITH_HEADS = [page for page in CHAPTERS if "course-heads" in browsing.html(page)]
WITH_BERTVIZ = [page for page in CHAPTERS if "course-bertviz" in browsing.html(page)]


def picture(place) -> str:
    return place.evaluate("(element) => element.innerHTML")


@pytest.mark.promise("chapters whose charts answer to mouse and keyboard")
@pytest.mark.parametrize("page", CHAPTERS)
def test_charts_answer(visit, page):
    """Each by what it has: a slider, a menu, a legend to choose in, or a plane to move."""
    reader = visit.open(page)
    charts = reader.locator(".course-chart").all()
    for chart in charts:
        assert chart.locator("img").count() == 1  # until the reader is near, a still
        chart.scroll_into_view_if_needed()
        view = chart.locator(".course-chart-view svg.marks")
        view.wait_for()
        assert chart.locator("img").count() == 0
        before = picture(view)
        sliders, menus = chart.locator("input[type=range]"), chart.locator("select")
        entries = view.locator(".role-legend-symbol:not([pointer-events=none]) path")
        if sliders.count():
            now = float(sliders.first.input_value())
            for _ in range(5):
                sliders.first.press("ArrowRight")
            assert float(sliders.first.input_value()) > now
        elif menus.count():
            menus.first.press("ArrowDown")
            menus.first.select_option(index=menus.first.locator("option").count() - 1)
        elif entries.count():
            entries.last.click()
        else:
            view.hover()
            reader.mouse.wheel(0, -300)
        reader.wait_for_timeout(200)
        assert picture(view) != before
    assert charts and visit.wrong == []


def shown_lines(view) -> int:
    return view.locator("svg line").evaluate_all(
        "(lines) => lines.filter((line) => line.style.display !== 'none').length")


@pytest.mark.parametrize("page", WITH_HEADS)
def test_views_of_heads_answer_to_mouse_and_keyboard(visit, page):
    reader = visit.open(page)
    for view in reader.locator(".course-heads[data-kind=head]").all():
        view.scroll_into_view_if_needed()
        tokens = view.locator("g[data-token]")
        view.locator("g[data-token][tabindex='0']").wait_for()
        length, said = tokens.count() // 2, view.locator(".course-heads-row")
        everything, unspoken = shown_lines(view), said.text_content()
        assert everything == length**2
        tokens.nth(1).hover()
        assert shown_lines(view) == length and said.text_content() != unspoken
        reader.mouse.move(0, 0)
        assert shown_lines(view) == everything and said.text_content() == unspoken

        tokens.first.focus()
        first = said.text_content()
        reader.keyboard.press("ArrowDown")
        assert shown_lines(view) == length and said.text_content() not in (first, unspoken)
        reader.keyboard.press("ArrowRight")
        assert view.locator("g[data-token]:focus").get_attribute("data-side") == "right"

        before = picture(view.locator("svg"))
        menu = view.locator("select").first
        menu.select_option(index=(int(menu.input_value()) + 1) % menu.locator("option").count())
        assert picture(view.locator("svg")) != before
    assert visit.wrong == []


@pytest.mark.parametrize("page", WITH_HEADS)
def test_views_of_one_group_show_the_same_head(browser, served, page):
    visit = browsing.read(browser, served.address, page)
    reader = visit.page
    lead = reader.locator(".course-heads[data-kind=head]").first
    group = reader.locator(f'.course-heads[data-group="{lead.get_attribute("data-group")}"]')
    grid = reader.locator(
        f'.course-heads[data-kind=grid][data-group="{lead.get_attribute("data-group")}"]').first
    cell = grid.locator("button[data-layer]:enabled").last
    chosen = [cell.get_attribute("data-layer"), cell.get_attribute("data-head")]
    assert lead.get_attribute("data-layer") != chosen[0]
    cell.click()
    heads = group.evaluate_all("(views) => views.map((view) => [view.dataset.layer, view.dataset.head])")
    assert len(heads) > 1 and all(head == chosen for head in heads)

    reader.keyboard.press("ArrowUp")
    reader.keyboard.press("Enter")
    assert lead.get_attribute("data-layer") == str(int(chosen[0]) - 1)
    visit.close()
    assert visit.wrong == []


@pytest.fixture(
    scope="module",
    params=[pytest.param(page, marks=pytest.mark.xdist_group(f"BertViz {page}"))
            for page in WITH_BERTVIZ],
)
def bertviz(browser, served, request):
    """kind of view → its frame, for the tests below; the page is read to its end."""
    visit = browsing.read(browser, served.address, request.param)
    frames = {}
    for element in visit.page.locator(".course-bertviz iframe").element_handles():
        frame = element.content_frame()
        frames[frame.locator("body").get_attribute("data-kind")] = frame
    assert set(frames) == {"head", "model", "neuron"}
    yield frames
    visit.close()
    assert visit.wrong == []


def opaque(frame, selector: str) -> int:
    """How many of the elements can be seen, by their own opacity."""
    return frame.locator(selector).evaluate_all(
        "(all) => all.filter((one) => getComputedStyle(one).opacity > 0).length")


def test_bertviz_head_view(bertviz):
    frame = bertviz["head"]
    tokens = frame.locator("#left text")
    lines = "#attention line"
    seen = """(lines) => lines.filter((line) => getComputedStyle(line).visibility === "visible").length"""
    everything = frame.locator(lines).evaluate_all(seen)
    assert everything > 0
    tokens.nth(1).hover()
    assert frame.locator(lines).evaluate_all(seen) == everything // tokens.count()

    before = picture(frame.locator("#vis"))
    frame.locator("#layer").select_option(index=0)
    first = picture(frame.locator("#vis"))
    frame.locator("#layer").select_option(index=1)
    assert len({before, first, picture(frame.locator("#vis"))}) >= 2


def test_bertviz_model_view(bertviz):
    frame = bertviz["model"]
    assert frame.locator(".detail").count() == 0
    head = frame.locator("#attn_background_1_0")
    head.click(force=True)  # what takes the click lies above it
    assert frame.locator(".detail text").count() > 2
    head.click(force=True)
    assert frame.locator(".detail").count() == 0


def test_bertviz_neuron_view(bertviz):
    frame = bertviz["neuron"]
    lines = "#collapsed .attn-line-group"
    everything = opaque(frame, lines)
    frame.locator("#collapsed .leftText text.token").nth(1).hover(force=True)
    assert opaque(frame, lines) == 1 < everything
    frame.locator("#collapsed .plus-sign").nth(1).click(force=True)
    seen = [frame.locator(view).get_attribute("visibility") for view in ("#expanded", "#collapsed")]
    assert seen == ["visible", "hidden"]
    frame.locator("#expanded .minus-sign").nth(1).click(force=True)
    frame.locator("#collapsed .leftText [tabindex='0']").press("Enter")  # and without a mouse
    seen = [frame.locator(view).get_attribute("visibility") for view in ("#expanded", "#collapsed")]
    assert seen == ["visible", "hidden"]


def test_there_is_something_to_test():
    for pages in (WITH_HEADS, WITH_BERTVIZ):
        assert {re.sub(r"/.*", "", page) for page in pages} == set(browsing.LANGUAGES)
