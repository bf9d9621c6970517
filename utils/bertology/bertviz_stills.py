"""A still picture for each of BertViz's views: without a script, in print and in the PDF.

Each is an SVG drawn from the numbers that BertViz gets, with a description that says what
they show. Layers and heads count from 1 here, as in the course's own views.

Taught in: chapter 5, section "Look".
"""

import base64
import html
import io

import numpy as np
from PIL import Image

from utils.bertology.views import (
    CHARACTER,
    GAP,
    LINE,
    LONGEST,
    PATTERNS,
    ROW,
    head_name,
    pattern_masses,
)
from utils.plots import BLUE, VERMILLION

TILE = 48  # the side of a head's thumbnail, in SVG units
STRIP, BAR = 170, 60  # the widths of a vector and of a weight of 1
THINNEST = 0.1  # a line thinner than this is not seen


def head_still(weights, tokens: list[str], layer: int, heads) -> str:
    """Lines between two columns of tokens; a line's width is the mean weight of `heads`.

    Args:
        weights: [L, H, T, T].
        layer, heads: counted from 0.
    """
    mean = weights[layer, heads].mean(axis=0)
    start, end = np.unravel_index(_elsewhere(mean).argmax(), mean.shape)
    title = (head_name(layer, heads[0]) if len(heads) == 1
             else f"layer {layer + 1}, the mean of {len(heads)} heads")
    places = "; ".join(f"{mass:.2f} on {PATTERNS[place]}"
                       for place, mass in pattern_masses(mean).items())
    alt = (f"Lines from each token to those that it looks at, as wide as the weight: {title}. "
           f"Mean weights: {places}. Between two words the widest line leads "
           f"from “{tokens[start]}” to “{tokens[end]}”, {mean[start, end]:.2f}.")
    side = _side(tokens)
    lines = "".join(
        f'<path d="M{side:.0f} {_middle(i + 1)}L{side + GAP:.0f} {_middle(j + 1)}" '
        f'stroke-width="{weight * LINE:.2g}"/>'
        for (i, j), weight in np.ndenumerate(mean) if weight * LINE >= THINNEST
    )
    return _svg(
        2 * side + GAP, ROW * (len(tokens) + 1), alt,
        _text(side + GAP / 2, 0, title, "middle"),
        f'<g stroke="{BLUE}" stroke-opacity="0.8">{lines}</g>',
        _column(tokens, side - 6, "end", 1), _column(tokens, side + GAP + 6, "start", 1),
    )


def model_still(weights) -> str:
    """All heads, [L, H, T, T], as thumbnails: a row for each layer, rows look at columns."""
    layers, heads, length, _ = weights.shape
    masses = [pattern_masses(weights[place]) for place in np.ndindex(layers, heads)]
    strongest = [max(mass, key=mass.get) for mass in masses]
    itself, previous, following, first, last = map(strongest.count, PATTERNS)
    alt = (f"The attention of {layers * heads} heads, a thumbnail for each, in which rows look at "
           f"columns. Of five places the token itself is the strongest in {itself} heads, the "
           f"previous token in {previous}, the next token in {following}, the first token in "
           f"{first} and the last token in {last}.")
    sheet = weights.transpose(0, 2, 1, 3).reshape(layers * length, heads * length)
    left, top, width, height = 3 * CHARACTER, 2 * ROW, heads * TILE, layers * TILE
    borders = "".join(f"M{left + TILE * j:.0f} {top}v{height}" for j in range(heads + 1))
    borders += "".join(f"M{left:.0f} {top + TILE * i}h{width}" for i in range(layers + 1))
    return _svg(
        left + width + 1, top + height + 1, alt,
        _text(left + width / 2, 0, "head", "middle"), _text(0, 1, "layer", "start"),
        *(_text(left + TILE * (j + 0.5), 1, j + 1, "middle") for j in range(heads)),
        *(_text(left - 8, top / ROW + (i + 0.5) * TILE / ROW - 0.5, i + 1, "end")
          for i in range(layers)),
        _image(sheet, left, top, width, height),
        f'<path d="{borders}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>',
    )


def neuron_still(attention, queries, keys, tokens: list[str], layer: int, head: int) -> str:
    """The query of one token above the keys of all; their products; the weights.

    The token is the one that looks most at another word. Colours are those of BertViz:
    blue above zero and orange below, as strong as tanh(|x| / 4).

    Args:
        attention: [T, T]. queries, keys: [T, D]: all of one head.
    """
    at, most = np.unravel_index(_elsewhere(attention).argmax(), attention.shape)
    token, weight = tokens[at], attention[at, most]
    alt = (f"{head_name(layer, head).capitalize()} from inside: the query of “{token}”, the key "
           "of each token, the products of the two number by number, and the weights that come "
           f"out. Among the other words “{token}” looks most at “{tokens[most]}”, {weight:.2f}.")
    side, gap = _side(tokens), 20
    middles = [side + STRIP / 2, side + gap + 1.5 * STRIP]  # of the two columns of strips
    bars = side + 2 * (STRIP + gap)
    return _svg(
        bars + BAR + 5 + 4 * CHARACTER, ROW * (len(tokens) + 3), alt,
        _text(middles[0], 0, "query", "middle"), _column([token], side - 6, "end", 1),
        _vectors(queries[[at]], middles[0], 1),
        _text(middles[0], 2, "key", "middle"), _text(middles[1], 2, "query × key", "middle"),
        _text(bars, 2, "weight", "start"), _column(tokens, side - 6, "end", 3),
        _vectors(keys, middles[0], 3), _vectors(queries[at] * keys, middles[1], 3),
        *(_bar(value, bars, i + 3) for i, value in enumerate(attention[at])),
    )


def _elsewhere(weights):
    """The weights, those of a token on itself and those of the two ends put last."""
    found = weights - np.eye(len(weights))
    found[[0, -1]] -= 1
    found[:, [0, -1]] -= 1
    return found


def _side(tokens) -> float:
    return CHARACTER * min(LONGEST, max(3, *map(len, tokens))) + 10


def _middle(row: int) -> int:
    return ROW * row + ROW // 2


def _text(x, row, text, anchor, own="") -> str:
    return (f'<text{own} x="{x:.0f}" y="{ROW * row + 17:.0f}" text-anchor="{anchor}">'
            f"{html.escape(str(text))}</text>")


def _column(tokens, x, anchor, row) -> str:
    shorts = (t if len(t) <= LONGEST else t[:LONGEST - 1] + "…" for t in tokens)
    return "".join(_text(x, row + i, short, anchor, ' translate="no"')
                   for i, short in enumerate(shorts))


def _bar(value, x, row) -> str:
    return (f'<rect x="{x:.0f}" y="{ROW * row + 4}" width="{value * BAR:.1f}" '
            f'height="{ROW - 8}" fill="{BLUE}"/>'
            + _text(x + value * BAR + 5, row, f"{value:.2f}", "start"))


def _vectors(vectors, middle, row) -> str:
    """Vectors [N, D] one below the other, each a strip with a gap after it."""
    strips = np.repeat(np.tanh(vectors / 4)[:, None], 5, axis=1)  # [N, 5, D]
    strips = np.pad(strips, ((0, 0), (0, 1), (0, 0))).reshape(-1, vectors.shape[1])
    return _image(strips, middle - STRIP / 2, ROW * row + 2, STRIP, ROW * len(vectors))


def _image(values, x, y, width, height) -> str:
    """Numbers from -1 to 1 as pixels: blue above zero, orange below, as opaque as |value|."""
    image = Image.fromarray(np.rint(127 * values + 127).astype(np.uint8)).convert("L")
    image.putpalette([int(colour[i:i + 2], 16) for colour in [VERMILLION] * 127 + [BLUE] * 128
                      for i in (1, 3, 5)])
    file = io.BytesIO()
    opacity = bytes(round(255 * abs(step - 127) / 127) for step in range(255))
    image.save(file, "PNG", transparency=opacity, optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    return (f'<image x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" '
            'preserveAspectRatio="none" image-rendering="pixelated" '
            f'href="data:image/png;base64,{data}"/>')


def _svg(width, height, alt, *parts) -> str:
    """The picture in the form of the course's other figures; see `utils.plots`."""
    points = 0.75 * width
    return (
        '<div class="course-figure" tabindex="0" style="overflow-x: auto">'
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{html.escape(alt)}" '
        f'style="width: 100%; min-width: min(22rem, {points:.0f}pt); max-width: {points:.0f}pt; '
        f'height: auto"><g fill="currentColor" font-size="14">{"".join(parts)}</g></svg></div>'
    )
