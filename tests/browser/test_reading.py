"""What a reader does on a page: copies code, unfolds, chooses the theme."""

import browsing
import pytest

FOLDED = """(solution) => [...solution.children]
  .filter((child) => !child.matches(".admonition-title") && child.textContent.trim())
  .filter((child) => !child.checkVisibility({ visibilityProperty: true }) || child.offsetHeight === 0)
  .length"""


@pytest.fixture(
    scope="module",
    params=[pytest.param(page, marks=pytest.mark.xdist_group(f"read {page}"))
            for page in browsing.chapters()],
)
def visit(browser, served, request):
    """A chapter, loaded once for the tests of this file."""
    visit = browsing.Visit(browser, served.address)
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.open(request.param)
    yield visit
    visit.close()


@pytest.fixture
def reader(visit):
    yield visit.page
    assert visit.wrong == []


COPY = """async ([first, last]) => {
  const wrong = [];
  for (const button of [...document.querySelectorAll(".copybtn")].slice(first, last)) {
    await navigator.clipboard.writeText("nothing");
    button.click();
    const code = document.querySelector(button.dataset.clipboardTarget).textContent;
    const lines = code.split("\\n");
    const typed = lines.filter((line) => line.startsWith(">>> ")).map((line) => line.slice(4));
    const expected = typed.length ? typed.join("\\n") : code;
    const got = await navigator.clipboard.readText();
    if (got.trimEnd() !== expected.trimEnd()) wrong.push([expected.slice(0, 80), got.slice(0, 80)]);
  }
  return wrong;
}"""


def test_each_copy_button_copies_its_code(reader):
    buttons = reader.locator(".copybtn").count()
    wrong = []
    for first in range(0, buttons, 10):
        # What follows counts as the reader's doing, but only for some seconds.
        reader.locator(".copybtn:visible").first.click()
        wrong += reader.evaluate(COPY, [first, first + 10])
    assert wrong == []
    assert buttons == reader.locator("article .highlight pre").count() > 0


def test_solutions_unfold_and_fold_by_mouse_and_by_keyboard(reader):
    solutions = reader.locator(".solution.dropdown").all()
    for i, solution in enumerate(solutions):
        button = solution.locator("button.toggle-button")
        assert solution.evaluate(FOLDED) > 0 and button.get_attribute("aria-expanded") == "false"
        if i % 2:
            button.press("Enter")
        else:
            solution.locator(".admonition-title").first.click(position={"x": 5, "y": 5})
        assert solution.evaluate(FOLDED) == 0 and button.get_attribute("aria-expanded") == "true"
        if i % 2:
            button.press("Space")
        else:
            button.click()
        assert solution.evaluate(FOLDED) > 0 and button.get_attribute("aria-expanded") == "false"
    assert len(solutions) >= 5


def test_hidden_cells_open(reader):
    cells = reader.locator("article details").all()
    for cell in cells:
        inside = cell.locator(":scope > :not(summary)").first
        assert not inside.is_visible()
        cell.locator("summary").press("Enter")
        assert inside.is_visible()
        cell.locator("summary").click()
        assert not inside.is_visible()
    assert cells


@pytest.mark.parametrize("language", browsing.LANGUAGES)
@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_is_chosen_and_kept(browser, served, language, system):
    visit = browsing.Visit(browser, served.address, color_scheme=system)
    reader = visit.open(f"{language}/index")
    seen = {}
    for _ in range(3):
        root = reader.locator("html")
        mode, theme = root.get_attribute("data-mode"), root.get_attribute("data-theme")
        assert theme == (system if mode == "auto" else mode)
        paper = reader.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert (max(paper) < 100) == (theme == "dark")
        seen[mode] = theme
        reader.reload()
        assert (root.get_attribute("data-mode"), root.get_attribute("data-theme")) == (mode, theme)
        reader.locator(".theme-switch-button").first.press("Enter")
    assert set(seen) == {"auto", "light", "dark"}
    visit.open(f"{language}/glossary")  # and on every other page
    assert reader.locator("html").get_attribute("data-mode") == "auto"
    visit.close()
    assert visit.wrong == []
