"""The scripts of the site that are made from installed packages: nothing is copied by hand."""

from pathlib import Path

from tools import bertviz_frames, node

ROOT = Path(__file__).resolve().parent.parent
MADE_FROM = ("package-lock.json", "requirements.txt", "theme/vega.mjs", "theme/bertviz/*",
             "tools/assets.py", "tools/bertviz_frames.py", "tools/bundle.mjs")


def write(folder: Path) -> None:
    """Vega and BertViz, bundled into `folder`, which pages find as their `_static`."""
    folder.mkdir(parents=True, exist_ok=True)
    node.call("bundle", {
        "entryPoints": [str(ROOT / "theme/vega.mjs")], "bundle": True, "format": "iife",
        "outfile": str(folder / "vega.js"),
    })
    bertviz_frames.bundle(node.MODULES, folder)
