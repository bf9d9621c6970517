"""BertViz's views on the site: frames whose pages, scripts and numbers are files.

BertViz loads require.js, jQuery 2 and d3 5 from another host and runs text that stands in
the page. Here its three scripts, as pip installed them, are bundled with the jQuery and d3
of package.json and with `theme/bertviz/frame.js`, which makes up for the differences. The
few places of BertViz that must change are listed below. Each must be found as often as it
is in version 1.4.1: another BertViz fails the build and is not drawn wrong.
"""

import hashlib
import html
import importlib.util
import json
import re
from pathlib import Path

from tools import node

THEME = Path(__file__).resolve().parent.parent / "theme/bertviz"
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'"
LICENCES = ("/* BertViz: Jesse Vig and others, Apache License 2.0, changed; d3: Mike Bostock, ISC; "
            "jQuery: OpenJS Foundation and other contributors, MIT. */")

_LOADER = re.compile(
    r"require\.config\(\{\s*paths: \{\s*d3: '[^']*/d3/5\.7\.0/d3\.min',\s*"
    r"jquery: '[^']*/jquery/2\.0\.0/jquery\.min',\s*\}\s*\}\);\s*"
    r"requirejs\(\['jquery', 'd3'\],\s*function ?\(\$, d3\) \{(?P<body>.*)\}\);\s*$", re.S)
# What is replaced in a view's script, and how often it is there.
_CHANGES = {
    "head": [
        ("const params = PYTHON_PARAMS;", "", 1),
        ("const CHECKBOX_SIZE = 20;", "const CHECKBOX_SIZE = 26;", 1),  # 24 pixels on a phone
        # How wide the picture is, for frame.js to fit it into its frame.
        ('.attr("width", "100%")',
         '.attr("width", Math.max(2 * BOXWIDTH + MATRIX_WIDTH, config.nHeads * CHECKBOX_SIZE))', 1),
    ],
    "model": [
        ("const params = PYTHON_PARAMS;", "", 1),
        ('.text("Heads")', '.text(say("Heads"))', 1),
        ('.text("Layers")', '.text(say("Layers"))', 1),
        ("""'Layer ' + config.layers[layerIndex] + ", Head " + config.heads[headIndex]""",
         'say("Layer {}, head {}", config.layers[layerIndex], config.heads[headIndex])', 1),
    ],
    "neuron": [
        ("const params = window.bertviz_params", "", 1),
        ('.attr("width", "100%")', '.attr("width", 1004)', 1),
        (".text('Query ')", '.text(say("Query") + " ")', 1),
        (".text('Key ')", '.text(say("Key") + " ")', 1),
        (r".text('q \u00D7 k (elementwise)')", '.text(say("q × k (elementwise)"))', 1),
        ('.text("No token selected")', '.text(say("No token selected"))', 1),
        # Two groups have the id, and a document may have it once: a class serves as well.
        ('var tokenContainer = svg.append("svg:g")\n                .attr("id", id)',
         'var tokenContainer = svg.append("svg:g")\n                .attr("class", id)', 1),
        ('"#leftText"', '".leftText"', 8),
        ("'#rightText'", "'.rightText'", 2),
    ],
}


class FrameError(ValueError):
    """BertViz, or what stands in a page, is not what this module was written for."""


def bundle(modules: Path, folder: Path) -> None:
    """Write `bertviz.js` and `bertviz.css`, which every frame loads, into a folder.

    Args:
        modules: the `node_modules` with d3's modules and jQuery.

    Raises:
        FrameError: the BertViz that is installed is not version 1.4.1.
        tools.node.NodeError: a package is missing, or a script cannot be read.
    """
    package = Path(importlib.util.find_spec("bertviz").origin).parent
    functions = ",\n".join(
        f"{view}: ($, d3, params, say) => {{{_adapted(view, package)}}}" for view in _CHANGES)
    script = (THEME / "frame.js").read_text("utf-8")
    node.call("bundle", {
        "stdin": {"contents": f"const views = {{{functions}}};\n{script}", "loader": "js",
                  "resolveDir": str(modules.parent)},
        "bundle": True, "format": "iife", "drop": ["console"], "banner": {"js": LICENCES},
        "outfile": str(folder / "bertviz.js"),
    })
    node.call("bundle", {"entryPoints": [str(THEME / "frame.css")],
                         "outfile": str(folder / "bertviz.css")})


def _adapted(view: str, package: Path) -> str:
    """The body of a view's script, ready for today's d3, jQuery and the page's language."""
    found = _LOADER.search((package / f"{view}_view.js").read_text("utf-8"))
    if not found:
        raise FrameError(f"BertViz's {view}_view.js loads d3 and jQuery in another way than "
                         "version 1.4.1, which the course pins: install that one.")
    body = found["body"]
    for old, new, times in _CHANGES[view]:
        if body.count(old) != times:
            raise FrameError(f"BertViz's {view}_view.js has {old!r} {body.count(old)} times and "
                             f"not {times}: install version 1.4.1, which the course pins.")
        body = body.replace(old, new)
    return body


_VIEW = re.compile(r'(?<=<div class="course-bertviz-frame">)'
                   r'<script type="application/json">(?P<data>.*?)</script>', re.S)


def extract(page: str, site: Path, language: str) -> str:
    """Make a frame of each of BertViz's views in a page.

    Args:
        page: the HTML of a page that lies in `site` itself, with what
            `utils.bertology.bertviz_views` showed.
        site: the folder of one language; `frames/` in it gets a page for each view, and the
            numbers, which views of the same sentence share.
        language: of the page.

    Returns:
        The page with an `<iframe>` in the place of each view's data.

    Raises:
        FrameError: a view in the page has no data, or is of an unknown kind.
    """
    page, made = _VIEW.subn(lambda match: _frame(json.loads(match["data"]), site, language), page)
    if made != page.count('<figure class="course-bertviz"'):
        raise FrameError("A view of BertViz in the page does not carry its data: execute the "
                         "chapter anew.")
    return page


def _frame(view: dict, site: Path, language: str) -> str:
    if view["kind"] not in _CHANGES:
        raise FrameError(f"BertViz has no view {view['kind']!r}, only {', '.join(_CHANGES)}.")
    parameters = dict(view["parameters"])
    numbers = json.dumps(parameters.pop("attention"), ensure_ascii=False, separators=(",", ":"))
    data = _write(site / "frames", f"window.bertvizAttention = {numbers};\n", ".js")
    title, words = html.escape(view["title"]), view["words"]
    menu = ""
    if view["kind"] == "head":
        menu = f'<label>{html.escape(words["Layer"])} <select id="layer"></select></label>'
    own = "".join(f' data-{name}="{html.escape(json.dumps(value, ensure_ascii=False))}"'
                  for name, value in (("parameters", parameters), ("words", words)))
    page = _write(site / "frames", f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="../_static/bertviz.css">
<script defer src="{data}"></script>
<script defer src="../_static/bertviz.js"></script>
</head>
<body data-kind="{view['kind']}"{own}>
<div id="bertviz-view">{menu}<div id="vis"></div></div>
</body>
</html>
""", ".html")
    return f'<iframe loading="lazy" title="{title}" src="frames/{page}"></iframe>'


def _write(folder: Path, text: str, ending: str) -> str:
    """A file named by its content, so that equal ones are one; returns the name."""
    name = hashlib.sha256(text.encode()).hexdigest()[:12] + ending
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return name
