"""Every figure of the course: colour-blind safe, legible on light and dark, with alt text.

A figure is drawn by matplotlib and shown as SVG inside the page. Its text and axes take
the colour of the page's own text (`currentColor`), so one figure serves both themes;
its lines use the four colours of Okabe and Ito that are legible on both, and differ in
markers or dashes as well. `alt` is required: it says what the figure shows, for
those who cannot see it. The words of a figure are in the notebook's language
(`utils/languages`).
"""

import contextlib
import hashlib
import html
import io
import json
import os
import re
import warnings

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter

from utils.languages import ENGLISH, Shown, current, translate

# Okabe & Ito (2008), without the hues that vanish on white or on black.
BLUE, VERMILLION, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
_INK = "#010203"  # stands for "the colour of the page's text" until the SVG is written
COLOURS = (BLUE, VERMILLION, GREEN, PINK, _INK)
MARKERS = ("o", "s", "^", "D", "v")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
SEQUENTIAL, DIVERGING = "cividis", "PuOr"

mpl.rcParams.update({
    "axes.edgecolor": _INK,
    "axes.facecolor": "none",
    "axes.grid": False,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",  # text stays text: it can be read aloud, found and copied
    "svg.hashsalt": "course",  # the same figure gives the same bytes
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
})


class Picture(Shown):
    """A finished figure: an SVG for the page and its description for everyone else."""

    def __init__(self, figure: Figure, alt: str):
        self._figure, self._alt = figure, alt
        self.svg = self._svg(current())

    @property
    def alt(self) -> str:
        return translate(self._alt)

    def _svg(self, language: str) -> str:
        buffer = io.StringIO()
        with _in_language(self._figure, language):
            self._figure.savefig(buffer, format="svg", bbox_inches="tight", pad_inches=0.04,
                                 metadata={"Date": None, "Creator": None})
        svg = buffer.getvalue()
        name = "figure-" + hashlib.sha256(svg.encode()).hexdigest()[:10]
        return _page_svg(svg.replace(_INK, "currentColor"), translate(self._alt, language), name)

    def _repr_html_(self) -> str:
        return self.render(current())["text/html"]

    def render(self, language: str) -> dict:
        svg = self.svg if language == current() else self._svg(language)
        return {
            "text/html": '<div class="course-figure" tabindex="0" style="overflow-x: auto">'
                         f"{svg}</div>",
            "text/plain": f"[Figure: {translate(self._alt, language)}]",
        }

    def __repr__(self) -> str:
        return f"[Figure: {self.alt}]"


class Chart(Shown):
    """An interactive Altair chart with a description and a still picture for no script."""

    def __init__(self, chart, alt: str):
        self.chart, self._alt = chart, alt

    @property
    def alt(self) -> str:
        return translate(self._alt)

    def render(self, language: str) -> dict:
        specification = _in_words(self.chart.to_dict(), language)
        if "COURSE_BOOK" in os.environ:  # the site draws it with its own copy of Vega
            alt = translate(self._alt, language)
            return {"text/html": _chart_html(specification, alt), "text/plain": f"[Chart: {alt}]"}
        if language == ENGLISH:
            return self.chart._repr_mimebundle_()
        return type(self.chart).from_dict(specification)._repr_mimebundle_()

    def __repr__(self) -> str:
        return f"[Chart: {self.alt}]"


def _chart_html(specification: dict, alt: str) -> str:
    import vl_convert

    still = vl_convert.vegalite_to_svg(specification)
    name = "chart-" + hashlib.sha256(still.encode()).hexdigest()[:10]
    still = _page_svg(still.replace('"#010203"', '"currentColor"'), alt, name)
    # "</" would end the script element that carries the specification.
    data = json.dumps(specification, sort_keys=True).replace("</", "<\\/")
    return (
        f'<div class="course-chart" role="group" tabindex="0" '
        f'aria-label="{html.escape(alt, quote=True)}" style="overflow-x: auto">'
        f'<div class="course-chart-view">{still}</div>'
        f'<script type="application/json">{data}</script></div>'
    )


def lines(
    x, series: dict, *, xlabel: str, ylabel: str, alt: str, title: str = "",
    marks: dict | None = None, log_x=False, log_y=False, markers=True, ylim=None,
    size=(6.4, 3.4),
) -> Picture:
    """Draw one line for each entry of `series` over `x`.

    Args:
        x: values of the horizontal axis, shared by every line; or a dict with one
            sequence for each name of `series`.
        series: name → values.
        marks: name → height of a horizontal reference line (a baseline, a bound).
        ylim: (lowest, highest) of the vertical axis.
    """
    figure, axes = new_figure(size)
    for i, (name, values) in enumerate(series.items()):
        axes.plot(
            x[name] if isinstance(x, dict) else x, values, label=name,
            color=COLOURS[i % len(COLOURS)], linestyle=DASHES[i % len(DASHES)],
            marker=MARKERS[i % len(MARKERS)] if markers else None, markersize=4.5,
        )
    for name, height in (marks or {}).items():
        axes.axhline(height, color=_INK, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.annotate(name, (1, height), xycoords=("axes fraction", "data"),
                      ha="right", va="bottom", fontsize=9)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    if ylim:
        axes.set_ylim(*ylim)
    if len(series) > 1:
        axes.legend()
    return picture(figure, alt)


def bars(
    groups, series: dict, *, ylabel: str, alt: str, title: str = "",
    errors: dict | None = None, horizontal=False, size=(6.4, 3.4),
) -> Picture:
    """Draw bars: one cluster for each of `groups`, one bar in it for each of `series`.

    Args:
        groups: the names along the axis.
        series: name → one value for each group.
        errors: name → half-length of the error bar of each group, or a pair of those: the
            lengths below and above.
    """
    if not series:
        raise ValueError("There is nothing to draw: `series` is empty.")
    figure, axes = new_figure(size)
    width, places = 0.8 / len(series), np.arange(len(groups))
    hatches = ("", "//", "..", "xx", "--")
    draw = axes.barh if horizontal else axes.bar
    for i, (name, values) in enumerate(series.items()):
        bar_error = (errors or {}).get(name)
        error = {} if bar_error is None else {"xerr" if horizontal else "yerr": bar_error}
        draw(
            places + (i - (len(series) - 1) / 2) * width, values, width, label=name,
            color=COLOURS[i % len(COLOURS)], hatch=hatches[i % len(hatches)],
            edgecolor=_INK, linewidth=0.6, ecolor=_INK, capsize=3, **error,
        )
    if horizontal:
        axes.set_yticks(places, groups)
        axes.invert_yaxis()
        axes.set(xlabel=ylabel, title=title)
    else:
        axes.set_xticks(places, groups)
        axes.set(ylabel=ylabel, title=title)
    if len(series) > 1:
        axes.legend()
    return picture(figure, alt)


def heatmap(
    matrix, *, alt: str, rows=None, columns=None, xlabel: str = "", ylabel: str = "",
    title: str = "", values=False, diverging=False, limits=None, size=None,
) -> Picture:
    """Draw a matrix as colours (cividis; purple-orange round zero when `diverging`).

    Args:
        matrix: [rows, columns]; arrays and tensors.
        rows, columns: names at the axes; by default the indices.
        values: write each number into its cell.
        limits: (lowest, highest) value of the colour scale; by default those of the
            finite values. A cell with NaN stays empty.
    """
    matrix = _matrix(matrix)
    height, width = matrix.shape
    size = size or (min(6.4, 2.2 + 0.42 * width), min(5.6, 1.3 + 0.36 * height))
    figure, axes = new_figure(size)
    low, high = limits or _range(matrix)
    if diverging and limits is None:
        high = max(abs(low), abs(high))
        low = -high
    image = axes.imshow(
        matrix, aspect="auto", vmin=low, vmax=high,
        cmap=DIVERGING if diverging else SEQUENTIAL,
    )
    _name_ticks(axes, rows, columns)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    axes.spines[:].set_visible(False)
    if values:
        for (row, column), value in np.ndenumerate(matrix):
            shade = mpl.colors.rgb_to_hsv(image.cmap(image.norm(value))[:3])[2]
            ink = "#ffffff" if shade < 0.62 else "#000000"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9,
                      color=_INK if np.isnan(value) else ink)
    figure.colorbar(image, ax=axes).outline.set_visible(False)
    return picture(figure, alt)


def heatmaps(
    matrices: dict, *, alt: str, rows=None, columns=None, xlabel: str = "",
    ylabel: str = "", limits=None, per_row=4, size=None,
) -> Picture:
    """Draw several matrices side by side on one colour scale: title → [rows, columns]."""
    if not matrices:
        raise ValueError("There is nothing to draw: `matrices` is empty.")
    matrices = {name: _matrix(m) for name, m in matrices.items()}
    across = min(per_row, len(matrices))
    down = -(-len(matrices) // across)
    size = size or (6.6, 0.6 + 1.75 * down)
    figure, grid = new_figure(size, nrows=down, ncols=across, squeeze=False)
    grid = grid.ravel()
    low, high = limits or _range(np.concatenate([m.ravel() for m in matrices.values()]))
    for i, (axes, (name, matrix)) in enumerate(zip(grid, matrices.items())):
        image = axes.imshow(matrix, aspect="auto", cmap=SEQUENTIAL, vmin=low, vmax=high)
        axes.set_title(name, fontsize=9.5)
        first, last = i % across == 0, i + across >= len(matrices)
        _name_ticks(axes, rows if first else (), columns if last else ())
        axes.set(xlabel=xlabel if last else "", ylabel=ylabel if first else "")
        axes.spines[:].set_visible(False)
    for axes in grid[len(matrices):]:
        axes.axis("off")
    figure.colorbar(image, ax=grid.tolist()).outline.set_visible(False)
    return picture(figure, alt)


def scatter(
    points: dict, *, alt: str, xlabel: str, ylabel: str, title: str = "",
    labels: dict | None = None, log_x=False, log_y=False, size=(6.4, 3.8),
) -> Picture:
    """Draw groups of points: name → (x values, y values).

    Args:
        labels: name → the texts beside the points of that group.
    """
    figure, axes = new_figure(size)
    for i, (name, (x, y)) in enumerate(points.items()):
        axes.scatter(x, y, label=name, color=COLOURS[i % len(COLOURS)], s=26,
                     marker=MARKERS[i % len(MARKERS)])
        for text, px, py in zip((labels or {}).get(name, ()), x, y):
            axes.annotate(text, (px, py), xytext=(5, 4), textcoords="offset points",
                          fontsize=9)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    if len(points) > 1:
        axes.legend()
    return picture(figure, alt)


def interactive(chart, *, alt: str) -> Chart:
    """Give an Altair chart the style of the page, and a description."""
    ink = {"labelColor": _INK, "titleColor": _INK}
    axis = ink | {"domainColor": _INK, "tickColor": _INK, "gridOpacity": 0.25}
    chart = (
        chart.properties(background="transparent", usermeta={})
        .configure(font="sans-serif")
        .configure_axis(**axis)
        .configure_legend(**ink)
        .configure_title(color=_INK)
        .configure_view(stroke=None)
        .configure_range(category=[BLUE, VERMILLION, GREEN, PINK])
    )
    return Chart(chart, _required(alt))


def new_figure(size=(6.4, 3.4), **subplots):
    """A matplotlib figure and its axes in the style of the page; end with `picture`."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(**subplots)


def picture(figure: Figure, alt: str) -> Picture:
    """Finish a matplotlib figure: an SVG whose ink is the colour of the page's text.

    Raises:
        ValueError: `alt` is empty.
    """
    return Picture(figure, _required(alt))


@contextlib.contextmanager
def _in_language(figure: Figure, language: str):
    """Inside, the texts of a figure are in the language; afterwards they are as before."""
    restore = []
    if language != ENGLISH:
        for text in figure.findobj(Text):
            restore.append((text.set_text, text.get_text()))
            text.set_text(translate(text.get_text(), language))
        for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
            own = axis.get_major_formatter()
            if isinstance(own, (FixedFormatter, FuncFormatter)):  # names, not numbers
                names = map(str, own.format_ticks(axis.get_majorticklocs()))
                restore.append((axis.set_major_formatter, own))
                axis.set_major_formatter(FixedFormatter([translate(n, language) for n in names]))
    try:
        with warnings.catch_warnings():  # text stays text: the browser has the letters
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            yield
    finally:
        for put, value in restore:
            put(value)


# Keys of a Vega-Lite specification whose text is not for readers.
_NOT_WORDS = {"$schema", "aggregate", "as", "field", "fields", "fold", "format", "groupby",
              "mark", "name", "op", "param", "piece", "scheme", "timeUnit", "token", "type",
              "value", "views"}
# In an expression, text that data hold is translated as it is there; datum['name'] is not.
_LITERAL = re.compile(r"(?<!\[)(['\"])(.*?)\1")
_EXPRESSIONS = {"calculate", "expr", "filter", "labelExpr"}


def _in_words(node, language: str, layered=False):
    """A Vega-Lite specification with its words translated, those of its data included."""
    if language == ENGLISH:
        return node
    if isinstance(node, str):
        return translate(node, language)
    if isinstance(node, list):
        return [_in_words(part, language, layered) for part in node]
    if not isinstance(node, dict):
        return node
    layered = layered or "layer" in node and isinstance(node["layer"], list)
    new = {}
    for key, part in node.items():
        if key == "bind":
            new[key] = _control(part, language)
        elif key in _EXPRESSIONS and isinstance(part, str):
            new[key] = _LITERAL.sub(lambda m: f"{m[1]}{translate(m[2], language)}{m[1]}", part)
        else:
            new[key] = part if key in _NOT_WORDS else _in_words(part, language, layered)
    field = node.get("field")
    # Where there is no title Vega shows the field's name; in layers it joins the titles.
    if isinstance(field, str) and "title" not in node and not layered:
        if translate(field, language) != field:
            new["title"] = translate(field, language)
    return new


def _control(bind, language: str):
    """A slider or a menu: its label and the names of its choices; the choices stay."""
    if not isinstance(bind, dict):
        return bind
    new = dict(bind)
    if "name" in bind:
        new["name"] = translate(bind["name"].strip(), language) + " " * bind["name"].endswith(" ")
    if "options" in bind and "labels" not in bind:
        new["labels"] = [translate(str(option), language) for option in bind["options"]]
    return new


def _required(alt: str) -> str:
    if not alt or not alt.strip():
        raise ValueError("A figure needs alt=: one or two sentences on what it shows.")
    return alt


def _matrix(values) -> np.ndarray:
    """Arrays, lists and tensors (of any device, with or without gradient) as [rows, columns]."""
    values = values.detach().cpu() if hasattr(values, "detach") else values
    matrix = np.asarray(values, dtype=float)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"A heatmap needs [rows, columns]; it got the shape {matrix.shape}.")
    return matrix


def _range(values) -> tuple[float, float]:
    """The lowest and the highest finite value: masked scores hold -inf."""
    finite = values[np.isfinite(values)]
    return (finite.min(), finite.max()) if finite.size else (0.0, 1.0)


def _name_ticks(axes, rows, columns) -> None:
    """Write the names at the axes; `()` for none, None for the indices."""
    if rows is not None:
        axes.set_yticks(range(len(rows)), rows)
    if columns is not None:
        turn = any(len(str(name)) > 3 for name in columns)
        axes.set_xticks(range(len(columns)), columns, rotation=60 if turn else 0,
                        ha="right" if turn else "center",
                        rotation_mode="anchor" if turn else None)


def _page_svg(svg: str, alt: str, name: str) -> str:
    """Make an SVG file fit for the inside of a page: own ids, a role and a label."""
    svg = svg[svg.index("<svg"):].strip()
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.S)
    # Ids must be unique in the page, where several figures stand: those that something
    # refers to get the figure's name before them, the others go.
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    svg = re.sub(
        r'\sid="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", svg
    )
    svg = re.sub(r'(href="|url\()#', rf"\g<1>#{name}-", svg)
    width = float(re.search(r'\bwidth="([\d.]+)', svg).group(1))
    head, rest = svg.split(">", 1)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    label = html.escape(alt, quote=True)
    style = f"width: 100%; min-width: min(28rem, {width:.0f}pt); max-width: {width:.0f}pt"
    return f'{head} role="img" aria-label="{label}" style="{style}; height: auto">{rest}'
