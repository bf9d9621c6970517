"""Views of attention heads: plain HTML and SVG that needs no other host.

Without a script they are still pictures, with their numbers in a table. With
`theme/static/attention.js` they answer to mouse and keyboard and are linked: a head
chosen in one is shown by every view of the page in the same `group`.
On the site the page has loaded that script. In a notebook each view brings it along.
Colab shows each cell in a frame of its own: there, the views of one cell are linked.

Code counts layers and heads from 0, and so do the arguments and the `data-` attributes
here. What a view shows counts from 1, as papers do: "layer 3, head 1 (3-1)" is [2, 0].

Taught in: chapter 5, section "Look".
"""

import base64
import html
import io
import json
import os
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from utils.bertology.heads import HeadError, paper_name
from utils.inputs import require_text
from utils.languages import Shown, current, translate, translate_html
from utils.plots import BLUE, DIVERGING, SEQUENTIAL

MOST_TOKENS = 16  # the size of a view grows with the square of the number of tokens
ROW, GAP, CHARACTER = 24, 150, 8.4  # heights and widths of the head view, in SVG units
LINE = 8  # the width of a line whose weight is 1
LONGEST = 16  # characters of a token that the picture shows; its title has them all
PATTERNS = {
    "itself": "itself",
    "previous": "the previous token",
    "next": "the next token",
    "first": "the first token",
    "last": "the last token",
}
NOTE = (
    "Layers and heads count from 1 here, as in papers: layer 3, head 1 is 3-1 and, "
    "in code, [2, 0]."
)
# What the script says; {} are filled in by it.
WORDS = {
    "head": "layer {}, head {} ({})",
    "looks": "{} looks at: {}",
    "looked": "{} is looked at by: {}",
    "point": "Point at a token to see its lines only.",
}
_THEME = Path(__file__).resolve().parents[2] / "theme/static"


class View(Shown):
    """A finished view: a cell shows it, `html` is its English body, `alt` describes it."""

    def __init__(self, body: str, alt: str):
        self.html, self.alt = body, alt

    def render(self, language: str) -> dict:
        return {"text/html": self._page(language),
                "text/plain": f"[View: {translate(self.alt, language)}]"}

    def _page(self, language: str) -> str:
        body = translate_html(self.html, language)
        if "COURSE_BOOK" in os.environ:  # the page has loaded the style and the script
            return body
        sheet = (_THEME / "course.css").read_text("utf-8")
        style = re.search(r"/\* Views of heads: begin \*/(.*)/\* Views of heads: end",
                          sheet, re.S)
        script = (_THEME / "attention.js").read_text("utf-8")
        return f"<style>{style[1]}</style>{body}<script>{script}</script>"

    def _repr_html_(self) -> str:
        return self._page(current())

    def __repr__(self) -> str:
        return f"[View: {translate(self.alt)}]"


def head_view(
    attentions, tokens, *, layer=0, head=0, name="Attention", alt, group="heads"
) -> View:
    """Show where each token of a sentence looks, for one head at a time.

    The width of a line is the weight. Two menus choose the layer and the head; a token
    under the mouse or with the keyboard's focus (arrow keys) shows its own lines only:
    on the left where it looks, on the right who looks at it.

    Args:
        attentions: for each layer [1, H, T, T] or [H, T, T], each row summing to 1: the
            `attentions` of `capture`, or of a model's outputs with eager attention.
        tokens: the T tokens, at most `MOST_TOKENS`.
        layer, head: what is shown first, counted from 0.
        name: the title above the view.
        alt: one or two sentences on what the view shows.
        group: views of the same group show the same head once one is chosen.

    Raises:
        TypeError: `tokens` is a single string, or `name` is none.
        HeadError: the attentions are empty, of several sentences, of layers with
            different numbers of heads, or not weights; there is no such layer or head.
        ValueError: the tokens are too many or not T; `alt` is empty.

    Source: the head view follows Vig (2019), "A Multiscale Visualization of Attention in
        the Transformer Model", section 2.1.
    Taught in: chapter 5, section "Look".
    """
    weights, tokens = checked(attentions, tokens)
    check_head(weights.shape, layer, head)
    steps = np.rint(weights * 255).astype(np.uint8)  # what the page carries
    shown = steps[layer, head] / 255
    names = _distinct(tokens)
    twice = next((name for name, token in zip(names, tokens) if name != token), None)
    data = json.dumps({
        "tokens": names,
        "shape": list(steps.shape[:3]),
        "line": LINE,
        "weights": base64.b64encode(steps.tobytes()).decode(),
    }, separators=(",", ":"))
    menus = "".join(
        f"<label>{title} <select>{_options(count, chosen)}</select></label>"
        for title, count, chosen in zip(("Layer", "Head"), steps.shape, (layer, head))
    )
    return _view(
        "head", alt, group,
        _title(name, head_name(layer, head)),
        f'<div class="course-heads-menus" hidden>{menus}</div>',
        f'<div class="course-heads-box">{_head_svg(shown, tokens, alt)}</div>',
        '<p class="course-heads-row"></p>',
        _details("As text: where each token looks most", ("token", "looks most at"), [
            (html.escape(name), _strongest(row, names)) for name, row in zip(names, shown)
        ]),
        f'<p class="course-heads-note">A line\'s width is the weight. {NOTE}</p>',
        f'<p class="course-heads-note">"{html.escape(twice)}" is the token at that place.</p>'
        if twice else "",
        # "<" could end the script element that carries the data.
        f'<script type="application/json">{data.replace("<", chr(92) + "u003c")}</script>',
        layer=layer, head=head,
    )


def model_view(
    attentions, tokens, *, layer=None, head=None, name="All heads", alt, group="heads"
) -> View:
    """Show all heads at once: a grid of thumbnails, a row for each layer.

    In a thumbnail, row i is the token that looks and column j the token looked at; the
    stronger the colour, the larger the weight. Each is a button (tab and arrow keys);
    choosing one marks it and shows its head in the other views of the group.

    Args and errors: as in `head_view`; `layer` and `head` may be None: nothing is marked
    until the group's head view, if the page has one, says which.

    Source: the model view follows Vig (2019), section 2.2; the five patterns are those of
        Clark et al. (2019), "What Does BERT Look At?", section 3.1 and 3.2.
    Taught in: chapter 5, section "Look".
    """
    weights, tokens = checked(attentions, tokens)
    layers, heads = weights.shape[:2]
    _chosen(weights.shape, layer, head)
    labels, rows = {}, []
    for place in np.ndindex(layers, heads):
        masses = pattern_masses(weights[place])
        best = max(masses, key=masses.get)
        labels[place] = f"{masses[best]:.2f} on {PATTERNS[best]}"
        rows.append((paper_name(*place), labels[place],
                     *(f"{mass:.2f}" for mass in masses.values())))
    now = None if layer is None else f"{head_name(layer, head)}: {labels[layer, head]}"
    ends = f"the first token ({tokens[0]}) and the last ({tokens[-1]})"
    return _view(
        "grid", alt, group,
        _title(name, now),
        _grid(weights.shape[:2], labels, layer, head, cell=_thumbnail_style,
              style=f"--heads: url({_thumbnails(weights)})", kind="pictures"),
        _details("As text: the mean weight of each head on five places",
                 ("head", "strongest", *PATTERNS), rows),
        f'<p class="course-heads-note">In each picture, rows look at columns. {NOTE} '
        "Five places are compared: the token itself, its neighbours, "
        f"{html.escape(ends)}.</p>",
        layer=layer, head=head,
    )


def _ink(colour) -> str:
    """Black or white, whichever is legible on a colour: the contrast is at least 4.5.

    Source: WCAG 2.2, "relative luminance" and "contrast ratio".
    """
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#fff" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000"


def head_grid(
    values, *, label: str, alt, group="heads", layer=None, head=None, diverging=False,
    limits=None, digits=2,
) -> View:
    """Show a number for each head (entropy, importance, ...) as a grid of linked buttons.

    Args:
        values: [L, H]; a head with NaN is shown empty (a pruned head, for one).
        label: what the numbers are, with their unit.
        diverging: colours round zero (purple and orange), for numbers with a sign.
        limits: (lowest, highest) of the colours; by default those of the values.
        digits: decimals that are shown.

    Raises:
        HeadError: there is no such layer or head.
        ValueError: `values` is not [L, H] or holds no number; `alt` is empty.

    Taught in: chapter 5, section "Look".
    """
    values = values.detach().cpu() if hasattr(values, "detach") else values
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or not np.isfinite(values).any():
        empty = " without a number" * (values.ndim == 2)
        raise ValueError("head_grid needs a number for each head, [layers, heads]; it got "
                         f"the shape {values.shape}{empty}.")
    _chosen(values.shape, layer, head)
    if layer is not None and not np.isfinite(values[layer, head]):
        raise HeadError(f"{head_name(layer, head)} has no number: show another first.")
    low, high = limits or (np.nanmin(values), np.nanmax(values))
    if diverging and limits is None:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    scale = mpl.colors.Normalize(low, high if high > low else low + 1)
    colours = mpl.colormaps[DIVERGING if diverging else SEQUENTIAL]
    labels = {place: f"{value:.{digits}f}" for place, value in np.ndenumerate(values)
              if np.isfinite(value)}

    def cell(place):
        if place not in labels:
            return "", ""
        colour = colours(scale(values[place]))
        return f"background: {mpl.colors.to_hex(colour)}; color: {_ink(colour)}", labels[place]

    stops = ", ".join(mpl.colors.to_hex(colours(x)) for x in np.linspace(0, 1, 9))
    columns = [str(head + 1) for head in range(values.shape[1])]
    rows = [(str(i + 1), *(labels.get((i, j), "none") for j in range(values.shape[1])))
            for i in range(values.shape[0])]
    chosen = None if layer is None else f"{head_name(layer, head)}: {labels[layer, head]}"
    return _view(
        "grid", alt, group,
        _title(label, chosen),
        _grid(values.shape, labels, layer, head, cell=cell, kind="numbers"),
        f'<p class="course-heads-scale">{low:.{digits}f} '
        f'<span style="background: linear-gradient(to right, {stops})"></span> '
        f"{high:.{digits}f}</p>",
        _details("As text: a row for each layer, a column for each head",
                 ("layer", *columns), rows),
        f'<p class="course-heads-note">{NOTE}</p>',
        layer=layer, head=head,
    )


def head_name(layer: int, head: int) -> str:
    """The name of head [layer, head], counted from 0, as a view shows it."""
    return f"layer {layer + 1}, head {head + 1} ({paper_name(layer, head)})"


def pattern_masses(weights) -> dict[str, float]:
    """How much of its attention a head gives to five places, from [T, T] weights.

    Each is a mean over the tokens that have such a place: the first token has no
    previous one, the last no next one.
    """
    return {
        "itself": _mean(np.diagonal(weights)),
        "previous": _mean(np.diagonal(weights, -1)),  # row i, column i - 1
        "next": _mean(np.diagonal(weights, 1)),
        "first": _mean(weights[:, 0]),
        "last": _mean(weights[:, -1]),
    }


def _mean(values) -> float:
    return float(values.mean()) if values.size else 0.0


def checked(attentions, tokens) -> tuple[np.ndarray, list[str]]:
    """The weights of one sentence as [L, H, T, T], and its tokens; or what is wrong."""
    layers = [] if attentions is None else [_layer(a, i) for i, a in enumerate(attentions)]
    if not layers:
        raise HeadError(
            "There are no attentions. Fast attention keeps no weights: call "
            'model.set_attn_implementation("eager") and read outputs.attentions (not '
            "outputs[-1]), or take capture(model, inputs).attentions."
        )
    if len({len(layer) for layer in layers}) > 1:
        counts = ", ".join(f"attentions[{i}] has {len(a)}" for i, a in enumerate(layers))
        raise HeadError(
            f"The layers have different numbers of heads, as after pruning: {counts}. A "
            "view is a grid and needs the same number in each: show one layer, "
            "attentions[0:1]."
        )
    if len({a.shape for a in layers}) > 1 or layers[0].shape[1] != layers[0].shape[2]:
        shapes = ", ".join(str(a.shape) for a in layers)
        raise HeadError(f"Each layer must be [heads, T, T] with one T; got {shapes}.")
    weights = np.stack(layers)
    off = np.abs(weights.sum(-1) - 1).max()
    if not (off <= 1e-3 and weights.min() >= 0):  # NaN fails as well
        raise HeadError(
            "These are not attention weights: a row must sum to 1, one is off by "
            f"{off:.3g}. Pass the weights after softmax, before dropout (model.eval())."
        )
    return weights, check_sentence(tokens, weights.shape[-1])


def _layer(attention, index: int) -> np.ndarray:
    """One layer's weights [H, T, T], without the batch of one that models put before."""
    if attention is None or not hasattr(attention, "shape"):
        raise HeadError(f"attentions[{index}] is {attention!r}, not a layer's weights.")
    if hasattr(attention, "detach"):
        attention = attention.detach().double().cpu()
    attention = np.asarray(attention, dtype=float)
    if attention.ndim == 4 and len(attention) != 1:
        raise HeadError(
            f"attentions[{index}] holds {len(attention)} sentences, a view shows one: pass "
            "[a[i:i + 1] for a in attentions] for sentence i, without its padding."
        )
    if attention.ndim not in (3, 4):
        raise HeadError(f"attentions[{index}] must be [1, heads, T, T] or [heads, T, T]; "
                        f"got the shape {attention.shape}.")
    return attention[0] if attention.ndim == 4 else attention


def check_sentence(tokens, length: int) -> list[str]:
    if isinstance(tokens, str):
        raise TypeError("`tokens` must be a list of tokens, not a string: "
                        "tokenizer.convert_ids_to_tokens(input_ids[0]).")
    tokens = [str(token) for token in tokens]
    if len(tokens) != length:
        raise ValueError(f"There are {len(tokens)} tokens but the attentions are of "
                         f"{length}: take both from one call, special tokens included.")
    if length > MOST_TOKENS:
        raise ValueError(f"The sentence has {length} tokens, a view shows at most "
                         f"{MOST_TOKENS}: choose a shorter sentence.")
    return tokens


def check_head(shape, layer, head) -> None:
    for part, index, count in (("layer", layer, shape[0]), ("head", head, shape[1])):
        if index not in range(count):
            raise HeadError(f"There is no {part} {index}: they are counted from 0 to "
                            f"{count - 1}.")


def _chosen(shape, layer, head) -> None:
    """A grid may begin without a chosen head, but not with half of one."""
    if (layer is None) != (head is None):
        raise ValueError("Give both layer= and head=, or neither.")
    if layer is not None:
        check_head(shape, layer, head)


def _view(kind, alt, group, *parts, layer=None, head=None) -> View:
    alt = check_alt(alt)
    place = "" if layer is None else f' data-layer="{layer}" data-head="{head}"'
    return View(
        f'<div class="course-heads" role="group" aria-label="{html.escape(alt)}" '
        f'data-kind="{kind}" data-group="{html.escape(group)}"{place} '
        f'data-words="{html.escape(json.dumps(WORDS))}">'
        f'{"".join(parts)}</div>',
        alt,
    )


def check_alt(alt: str) -> str:
    if not alt or not alt.strip():
        raise ValueError("A view needs alt=: one or two sentences on what it shows.")
    return alt


def _title(name: str, now: str | None) -> str:
    return (
        f'<p class="course-heads-title"><strong>{html.escape(require_text(name))}</strong> '
        '<span class="course-heads-now" aria-live="polite">'
        f'{html.escape(now or "")}</span></p>'
    )


def _options(count: int, chosen: int) -> str:
    return "".join(
        f'<option value="{i}"{" selected" * (i == chosen)}>{i + 1}</option>'
        for i in range(count)
    )


def _distinct(tokens: list[str]) -> list[str]:
    """The tokens; those that stand more than once with their place, counted from 1."""
    return [f"{token} ({i + 1})" if tokens.count(token) > 1 else token
            for i, token in enumerate(tokens)]


def _strongest(row, tokens) -> str:
    """The three largest weights of a row in words, as the script writes them too."""
    best = sorted(range(len(row)), key=lambda i: -row[i])[:3]
    return ", ".join(f"{html.escape(tokens[i])} {row[i]:.2f}" for i in best)


def _details(summary: str, header, rows) -> str:
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row" translate="no">{first}</th>'
        f'{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<details><summary>{summary}</summary><div class="course-heads-box" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        "</div></details>"
    )


def _head_svg(weights, tokens, alt) -> str:
    """The still picture: two columns of tokens and T x T lines as wide as their weights."""
    side = CHARACTER * min(LONGEST, max(3, *map(len, tokens))) + 10
    width, height = 2 * side + GAP, ROW * len(tokens)
    middle = [ROW * (i + 0.5) for i in range(len(tokens))]
    lines = "".join(
        f'<line x1="{side:.0f}" y1="{middle[i]:.0f}" x2="{side + GAP:.0f}" '
        f'y2="{middle[j]:.0f}" stroke-width="{weight * LINE:.3g}"/>'
        for (i, j), weight in np.ndenumerate(weights)
    )
    texts = "".join(
        _token(token, i, which, x, side)
        for which, x in (("left", 0), ("right", side + GAP))
        for i, token in enumerate(tokens)
    )
    return (
        f'<svg viewBox="0 0 {width:.0f} {height}" role="img" '
        f'aria-label="{html.escape(alt)}" style="width: {width:.0f}px">'
        f'<g stroke="{BLUE}" stroke-opacity="0.8">{lines}</g>{texts}</svg>'
    )


def _token(token, i, which, x, side) -> str:
    short = token if len(token) <= LONGEST else token[:LONGEST - 1] + "…"
    anchor, at = ("end", x + side - 6) if which == "left" else ("start", x + 6)
    return (
        f'<g class="course-heads-token" translate="no" data-side="{which}" data-token="{i}">'
        f"<title>{html.escape(token)}</title>"
        f'<rect x="{x:.0f}" y="{ROW * i}" width="{side:.0f}" height="{ROW}" '
        'fill-opacity="0"/>'
        f'<text x="{at:.0f}" y="{ROW * i + 17}" text-anchor="{anchor}" fill="currentColor" '
        f'font-size="14">{html.escape(short)}</text></g>'
    )


def _grid(shape, labels, layer, head, *, cell, kind, style="") -> str:
    """Rows of buttons, one for each head; `cell(place)` gives a style and a text."""
    layers, heads = shape
    # One button takes part in the tab order; the arrow keys reach the others.
    first = (layer, head) if layer is not None else next(iter(sorted(labels)))
    numbers = "".join(f'<span aria-hidden="true">{j + 1}</span>' for j in range(heads))
    rows = []
    for i in range(layers):
        rows.append(f'<span aria-hidden="true">{i + 1}</span>')
        for j in range(heads):
            look, text = cell((i, j))
            known = labels.get((i, j), "none")
            rows.append(
                f'<button type="button" data-layer="{i}" data-head="{j}" '
                f'tabindex="{0 if (i, j) == first else -1}" '
                f'aria-pressed="{"true" if (i, j) == (layer, head) else "false"}" '
                f'aria-label="{head_name(i, j)}: {known}" '
                f'title="{paper_name(i, j)}: {known}"{" disabled" * (known == "none")} '
                f'style="{look}">{text}</button>'
            )
    return (
        f'<div class="course-heads-box"><div class="course-heads-grid course-heads-{kind}" '
        f'style="--across: {heads}; --down: {layers}; {style}">'
        f'<span class="course-heads-axis">layer</span>'
        f'<span class="course-heads-axis">head</span>'
        f"<span></span>{numbers}{''.join(rows)}</div></div>"
    )


def _thumbnail_style(place) -> tuple[str, str]:
    return f"--y: {place[0]}; --x: {place[1]}", ""


def _thumbnails(weights) -> str:
    """All heads in one picture of [L * T, H * T] pixels: blue, as opaque as the weight."""
    layers, heads, length, _ = weights.shape
    steps = np.rint(weights * 255).astype(np.uint8)
    sheet = steps.transpose(0, 2, 1, 3).reshape(layers * length, heads * length)
    image = Image.fromarray(sheet, "L").convert("P")
    image.putdata(sheet.ravel().tolist())
    image.putpalette([int(BLUE[i:i + 2], 16) for i in (1, 3, 5)] * 256)
    file = io.BytesIO()
    image.save(file, "PNG", transparency=bytes(range(256)), optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
