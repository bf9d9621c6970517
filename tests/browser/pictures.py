"""Pictures of the pages for a person to look through: `_site/shots/<language>/`.

A chapter is sixty screens long. Each picture is therefore a sheet: strips of the page side
by side, to be read like the columns of a newspaper, at six tenths of its size. Nothing of a
page is left out, and a chapter is about ten sheets. The first strip has the whole window,
the others what stands between the sidebars.
"""

import io
from pathlib import Path

from PIL import Image, ImageStat
from tools import build

SHOTS = build.SITE / "shots"
SCALE = 0.6
STRIP = 2000  # CSS pixels of the page in one strip
OVERLAP = 60  # the bar at the top of the window hides so much of the next strip
ACROSS = 2200  # CSS pixels, at least, of the strips in one sheet
GAP = 12


def take(page, name: str, theme: str) -> list[Path]:
    """Write the sheets of a page as it is now: `<name>-<theme>.png`, `<name>-<theme>-2.png`...

    Args:
        page: Playwright's; its scripts have run and its pictures are loaded. Its window is
            as tall as a strip afterwards.
        name: `en/index`, ...
        theme: the last part of the file's name.
    """
    stem = SHOTS / f"{name}-{theme}"
    stem.parent.mkdir(parents=True, exist_ok=True)
    for old in stem.parent.glob(f"{stem.name}*.png"):
        old.unlink()
    written, sheet = [], []
    for strip in _strips(page):
        sheet.append(strip)
        if sum(strip.width for strip in sheet) >= ACROSS * SCALE:
            written.append(_write(stem, len(written), sheet))
            sheet = []
    return written + ([_write(stem, len(written), sheet)] if sheet else [])


def _strips(page):
    """Scrolling and photographing the window is much quicker than one tall picture."""
    width = page.viewport_size["width"]
    height = page.evaluate("document.scrollingElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": STRIP})
    for top in range(0, max(1, height - OVERLAP), STRIP - OVERLAP):
        page.evaluate("(top) => scrollTo({ top, behavior: 'instant' })", top)
        x, across = (0, width) if top == 0 else page.evaluate(
            """() => {
              const main = document.querySelector(".bd-article-container") ?? document.body;
              const box = main.getBoundingClientRect();
              return [box.left, box.width];
            }""")
        # Of the window as it is: a picture that Chromium scales or cuts itself makes it draw
        # the page again, which now and then never ends on a page with many frames.
        window = Image.open(io.BytesIO(page.screenshot(animations="allow"))).convert("RGB")
        strip = window.crop((round(x), 0, round(x + across), min(STRIP, height - top)))
        strip = strip.resize((round(strip.width * SCALE), round(strip.height * SCALE)))
        assert max(ImageStat.Stat(strip).stddev) > 1, f"nothing is shown from {top} on"
        yield strip


def _write(stem: Path, number: int, strips: list[Image.Image]) -> Path:
    """Put strips side by side, in 256 colours."""
    width = sum(strip.width + GAP for strip in strips) - GAP
    sheet = Image.new("RGB", (width, max(strip.height for strip in strips)), "#808080")
    x = 0
    for strip in strips:
        sheet.paste(strip, (x, 0))
        x += strip.width + GAP
    path = stem.with_name(f"{stem.name}{f'-{number + 1}' if number else ''}.png")
    colours = sheet.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    colours.save(path)
    return path


def brightness(path: Path) -> float:
    """The mean of a picture, from 0 (black) to 255 (white)."""
    return ImageStat.Stat(Image.open(path).convert("L")).mean[0]
