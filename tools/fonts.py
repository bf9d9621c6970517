"""The site's fonts: of each, the letters and signs that the pages use, and no others."""

import re
from collections.abc import Iterable
from html import unescape
from pathlib import Path

from tools.node import MODULES

FONT = MODULES / "@fontsource/stix-two-math/files/stix-two-math-latin-400-normal.woff2"


def letters(pages: Iterable[str]) -> set[str]:
    """The characters inside the formulas of the pages."""
    formulas = (m for page in pages for m in re.findall(r"<math\b.*?</math>", page, re.S))
    written = {letter for m in formulas for letter in unescape(re.sub(r"<[^>]+>", "", m))}
    return written | {"√"}  # drawn by <msqrt>, written nowhere


def italic(letter: str) -> str:
    """The sloped mathematical letter with which a browser draws a single-letter `<mi>`."""
    if letter == "h":
        return "\u210e"
    for first, last, to in (("A", "Z", 0x1D434), ("a", "z", 0x1D44E),
                            ("Α", "Ω", 0x1D6E2), ("α", "ω", 0x1D6FC)):
        if first <= letter <= last:
            return chr(to + ord(letter) - ord(first))
    return letter


def write_maths(pages: Iterable[str], path: Path) -> None:
    """Write STIX Two Math with the letters of the pages' formulas.

    Their larger and stretched forms come along (the font's MATH table names them).
    """
    used = letters(pages)
    write_part(FONT, used | {italic(letter) for letter in used}, path)


def write_icons(css: str, folder: Path) -> str:
    """Write the theme's icon fonts into `folder` with the signs that the style sheet shows.

    Returns the style sheet, which names these files.
    """
    signs = {chr(int(code, 16)) for code in re.findall(r'"\\(f[0-9a-f]{3})"', css)}

    def put(match):
        font = next(folder.rglob(match[1]))
        part = folder / f"icons-{font.name}"
        write_part(font, signs, part)
        return f'src:url("./{part.name}") format("woff2")'

    return re.sub(r"src:\s*url\([^)]*/(fa-\w+-\d+\.woff2)\"?\)[^;}]*", put, css)


def write_part(font: Path, text: Iterable[str], path: Path) -> None:
    """Write a font as WOFF2 with the signs of `text`."""
    from fontTools import subset

    options = subset.Options(layout_features=["ssty", "ccmp"], notdef_outline=True, hinting=False)
    options.flavor = "woff2"
    part = subset.load_font(str(font), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(sorted(text)))
    subsetter.subset(part)
    subset.save_font(part, str(path), options)
