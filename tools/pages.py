"""Makes what Jupyter Book wrote light, private and strict: one edition's folder of pages.

After this step a page loads one style sheet and one script of the site's own, draws its
formulas without a script, keeps its figures in files of their own, and carries a policy
that lets the browser load nothing from elsewhere and run no text as code.

Every rule works on markup that Sphinx, the theme or `utils/` writes, and what it leaves
over is an error (`PageError`): a new version of a theme cannot quietly bring back what
this step takes away.
"""

import hashlib
import html
import json
import re
from pathlib import Path
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import vl_convert

from tools import bertviz_frames, fonts, node

ROOT = Path(__file__).resolve().parent.parent
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'"
)
# Scripts of the book that the pages do without: icons and formulas stand in the page,
# and only the search page searches.
NEEDLESS = ("fontawesome.js", "tex-chtml.js", "tex-mml-chtml.js")
SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")


class PageError(ValueError):
    """A page holds something that this step does not know; the message says what."""


class Site:
    """What the pages of an edition share: files, style rules, and scripts in their order."""

    def __init__(self, folder: Path, language: str):
        self.folder, self.language = folder, language
        self.rules: dict[str, str] = {}  # class → its declarations
        self.styles: dict[str, str] = {}  # what a style attribute said → the class for it
        self.settings: list[str] = []  # texts of the book's scripts, each once: what the
        self.scripts: list[str] = []  # pages say of themselves, and what works with it
        self.sheets: list[Path] = []
        self.code: dict[str, str] = {}  # see code_classes

    def put(self, name: str, content: str | bytes) -> str:
        """Write a file of the site; returns its name."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name


def rewrite(folder: Path, language: str) -> None:
    """Rewrite every page in `folder` and leave in `_static` only what they load.

    Args:
        folder: the pages of one edition, as Jupyter Book wrote them; changed in place.
        language: the edition's; `_static` has what `tools/assets.py` made.

    Raises:
        PageError: a page holds what this step does not know.
        tools.node.NodeError: a formula cannot be drawn, or a script cannot be read.
    """
    site = Site(folder, language)
    pages = {path: path.read_text("utf-8") for path in sorted(folder.glob("*.html"))}
    pages = draw_maths(pages)
    for path, page in pages.items():
        for step in (icons, frames, figures, data_files, bare_tables, plain_code, short_citations, roles,
                     style_classes,
                     handlers, own_scripts, own_styles, thrift):
            page = step(page, site)
        check(path, page)
        pages[path] = page
    for path, page in pages.items():
        path.write_text(page, encoding="utf-8")
    write_scripts(site)
    write_styles(site, pages)
    tidy(folder)


def check(path: Path, page: str) -> None:
    for what, pattern in {
        "a script inside the page": r"<script(?![^>]*(\ssrc=|application/json))[^>]*>",
        "a style inside the page": r"<style|\sstyle=\"",
        "a handler inside a tag": r"<[a-z]+\b[^<>]*\son[a-z]+=\"",
        "an icon without its picture": r"<(i|span) class=\"[^\"]*\bfa-",
        "a formula that was not drawn": r"class=\"math notranslate[^>]*>\s*\\[(\[]",
    }.items():
        if found := re.search(pattern, page):
            raise PageError(f"{path.name}: {what}: {page[found.start():found.start() + 120]!r}")


def named(content: str | bytes) -> str:
    """A short name for a file, from its content."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:12]


# -- the article ------------------------------------------------------------------------

_FORMULA = re.compile(
    r'(?P<tag><(?P<name>span|div) class="math notranslate nohighlight"[^>]*>)'
    r"(?P<before>(?:(?!\\[(\[]).)*?)\\(?P<kind>[(\[])(?P<tex>.*?)\\[)\]](?P<after>.*?)</(?P=name)>",
    re.S)


def draw_maths(pages: dict[Path, str]) -> dict[Path, str]:
    """Every formula as MathML; all of them in one call, since starting a program is slow."""
    keys = {(html.unescape(m["tex"]).strip(), m["kind"] == "[")
            for page in pages.values() for m in _FORMULA.finditer(page)}
    keys = sorted(keys)
    drawn = dict(zip(keys, node.call("maths", keys)))

    def put(match):
        formula = drawn[html.unescape(match["tex"]).strip(), match["kind"] == "["]
        tag = match["tag"].replace(" notranslate nohighlight", "")
        return f"{tag}{match['before']}{formula}{match['after']}</{match['name']}>"

    return {path: _FORMULA.sub(put, page) for path, page in pages.items()}


_ICON = re.compile(r'<(i|span) class="(?P<classes>[^"]*\bfa-[^"]*)"(?P<rest>[^>]*)></\1>')
_NEW_NAMES = {"pencil-alt": "pencil"}  # Font Awesome's own, since its version 6


def icons(page: str, site: Site) -> str:
    """The drawings of Font Awesome, in the style sheet: each once, and without its script."""

    def put(match):
        classes = match["classes"].split()
        name = next(c[3:] for c in classes if re.fullmatch(r"fa-[a-z-]+", c)
                    and c not in ("fa-solid", "fa-brands", "fa-regular", "fa-lg"))
        kind = "brands" if {"fab", "fa-brands"} & set(classes) else "solid"
        file = (node.MODULES / "@fortawesome/fontawesome-free/svgs" / kind
                / f"{_NEW_NAMES.get(name, name)}.svg")
        if not file.exists():
            raise PageError(f"Font Awesome has no icon {name!r}: see _NEW_NAMES in tools/pages.py.")
        box, shape = re.search(r'viewBox="([^"]*)".*?(<path[^>]*/>)', file.read_text("utf-8"), re.S).groups()
        width, height = box.split()[2:]
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{shape}</svg>'
        site.rules[f"icon-{name}"] = (f"aspect-ratio: {width}/{height}; "
                                      f'mask-image: url("data:image/svg+xml,{quote(svg)}")')
        own = ["icon", f"icon-{name}", *(c for c in classes if not c.startswith("fa"))]
        if "fa-lg" in classes:
            own.append("icon-large")
        rest = re.sub(r'\s(title|aria-hidden)="[^"]*"', "", match["rest"])
        return f'<span class="{" ".join(own)}"{rest} aria-hidden="true"></span>'

    return _ICON.sub(put, page)


# The ink of figures: the theme's colour of text. A picture in the page follows the colour
# scheme of the page around it.
_INK = (":root{color:#222832}@media (prefers-color-scheme:dark){:root{color:#ced6dd}}"
        "text{font-family:-apple-system,'Segoe UI',Arial,sans-serif!important}")
_FIGURE = re.compile(r'(?P<box><div class="course-(?:figure|chart-view)"[^>]*>)(?P<svg><svg\b.*?</svg>)', re.S)


def figures(page: str, site: Site) -> str:
    """Each drawing in a file of its own, loaded when the reader comes near it."""
    return _FIGURE.sub(lambda match: match["box"] + as_image(match["svg"], site), page)


def as_image(svg: str, site: Site) -> str:
    """An `<img>` with the drawing's description, size and style; the drawing is a file."""
    head, rest = svg.split(">", 1)
    alt = re.search(r'\saria-label="([^"]*)"', head)
    style = re.search(r'\sstyle="([^"]*)"', head)
    box = re.search(r'viewBox="([^"]*)"', head)
    if not (alt and alt[1].strip() and style and box):
        raise PageError(f"a figure without a description, a style or a size: {head[:200]}")
    width, height = (float(number) for number in box[1].split()[2:])
    points = float(re.search(r"max-width: ([\d.]+)pt", style[1])[1])
    pixels = points * 4 / 3
    head = re.sub(r'\s(aria-label|role|style|class)="[^"]*"', "", head)
    for name, space in (("xmlns", "http://www.w3.org/2000/svg"),
                        ("xmlns:xlink", "http://www.w3.org/1999/xlink")):
        if f" {name}=" not in head:
            head += f' {name}="{space}"'
    size = f'width="{pixels:.0f}" height="{pixels * height / width:.0f}"'
    text = f"{head} {size}><style>{_INK}</style>{rest}"
    try:
        ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise PageError(f"a figure is not well-formed XML: {error}: {alt[1]}") from None
    name = site.put(f"_images/{named(text)}.svg", text)
    # The class keeps the theme from putting it on a light card in the dark.
    return (f'<img class="dark-light" src="{name}" alt="{alt[1]}" {size} loading="lazy" '
            f'style="{style[1]}">')


_DATA = re.compile(r'(?P<chart><div class="course-chart"[^>]*>(?:(?!</?script).)*?)?'
                   r'<script type="application/json">(?P<data>.*?)</script>', re.S)


def data_files(page: str, site: Site) -> str:
    """What charts and views show, in files that are loaded with the scripts that draw them.

    A chart's specification is turned into Vega. The files are scripts and not JSON,
    because pages opened from a disk may load scripts only.
    """

    def put(match):
        data = json.loads(match["data"])
        if match["chart"]:
            data = vl_convert.vegalite_to_vega(data)
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        text = text.replace("#010203", "currentColor")
        name = named(text)
        file = site.put(f"_data/{name}.js", f'courseData("{name}", {text});\n')
        return f'{match["chart"] or ""}<span hidden data-name="{name}" data-src="{file}"></span>'

    return _DATA.sub(put, page)


def frames(page: str, site: Site) -> str:
    """BertViz's views in frames that are files."""
    return bertviz_frames.extract(page, site.folder, site.language)


def bare_tables(page: str, site: Site) -> str:
    """pandas writes the same style into each table; course.css has it once."""
    return re.sub(r"<style scoped>.*?</style>\s*", "", page, flags=re.S)


_RULE = re.compile(r'html\[data-theme="(\w+)"\] \.highlight \.(\w+) \{([^}]*)\}')
_TOKEN = re.compile(r'<span class="(\w+)">([^<]*)</span>')


def code_classes(sheet: str) -> dict[str, str]:
    """Class of a piece of code → the one class with the same look, "" for plain text.

    Pygments tells apart far more kinds than a theme has colours, and writes thousands of
    spans that change nothing. Operators go without a colour as well.
    """
    looks = {}
    for theme, name, style in _RULE.findall(sheet):
        looks[name] = looks.get(name, "") + f"{theme}{style}"
    first = {}
    for name, look in looks.items():
        first.setdefault(look, name)
    plain = looks["n"]
    return {name: "" if look == plain or name == "o" else first[look]
            for name, look in looks.items()} | {"s1": "s", "s2": "s"}


def plain_code(page: str, site: Site) -> str:
    """Code with a span only where its colour changes."""
    if not site.code:
        site.code = code_classes((site.folder / "_static/pygments.css").read_text("utf-8"))

    def put(match):
        name = site.code.get(match[1], match[1])
        return f'<span class="{name}">{match[2]}</span>' if name else match[2]

    def lighter(match):
        code = _TOKEN.sub(put, match[0].replace("<span></span>", ""))
        pieces = re.split(r'(<span class="\w+">[^<]*</span>)', code)
        out = []
        for piece in pieces:  # neighbours of one look, with at most spaces between, are one
            token = _TOKEN.fullmatch(piece)
            before = out and _TOKEN.fullmatch(out[-1])
            if token and before and before[1] == token[1]:
                out[-1] = f'<span class="{token[1]}">{before[2]}{token[2]}</span>'
            elif piece:
                out.append(piece)
        return "".join(out)

    return re.sub(r"<pre>.*?</pre>", lighter, page, flags=re.S)


_CITED = re.compile(r'(<a class="reference internal" href="#[^"]*") title="[^"]*"')


def short_citations(page: str, site: Site) -> str:
    """Without the whole entry in each link to it; page.js shows it from the list."""
    return _CITED.sub(r"\1", page)


# What assistive technology is told wrongly: a list that holds other things than items, roles
# that are no more, and names that differ from what stands there to be read.
_MISTOLD = [
    (re.compile(r'<div role="list" class="citation-list">'), '<div class="citation-list">'),
    (re.compile(r' role="doc-(?:biblioentry|backlink)"'), ""),
    (re.compile(r'<summary aria-label="[^"]*">'), "<summary>"),
    (re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="[^"]*"'), r"\1"),
]


def roles(page: str, site: Site) -> str:
    for wrong, right in _MISTOLD:
        page = wrong.sub(right, page)
    return page


# -- what the policy forbids ------------------------------------------------------------

_STYLED = re.compile(r'<(?P<name>[a-z]+)(?P<before>(?:\s[^<>]*?)?)\sstyle="(?P<style>[^"]*)"(?P<after>[^<>]*)>')


def style_classes(page: str, site: Site) -> str:
    """A class in the place of each style attribute; the style sheet has what it said."""

    def put(match):
        style = html.unescape(match["style"]).strip().rstrip(";")
        style = re.sub(r"url\(data:image/png;base64,([^)]*)\)", lambda m: picture(m[1], site), style)
        # Short and alike, since a page may have hundreds of them.
        name = site.styles.setdefault(style, f"own{len(site.styles)}")
        site.rules[name] = style
        before, after = match["before"], match["after"]
        if (both := before + after) and ' class="' in both:
            before, after = (part.replace(' class="', f' class="{name} ', 1) for part in (before, after))
        else:
            before += f' class="{name}"'
        return f"<{match['name']}{before}{after}>"

    return _STYLED.sub(put, page)


def picture(base64: str, site: Site) -> str:
    from base64 import b64decode

    content = b64decode(base64)
    return f"url(../{site.put(f'_images/{named(content)}.png', content)})"


_HANDLERS = {"toggleFullScreen()": "full-screen", "window.print()": "print"}


def handlers(page: str, site: Site) -> str:
    """The theme's buttons name what they do; theme/static/page.js does it."""

    def put(match):
        if match[1] not in _HANDLERS:
            raise PageError(f"a button that does {match[1]!r}: see _HANDLERS in tools/pages.py.")
        return f' data-does="{_HANDLERS[match[1]]}"'

    return re.sub(r'\sonclick="([^"]*)"', put, page)


_SCRIPT = re.compile(r"<script(?P<attributes>(?:\s[^>]*)?)>(?P<text>.*?)</script>\s*", re.S)


def own_scripts(page: str, site: Site) -> str:
    """One script for the book's many; the search page loads its own three besides."""
    searches = 'id="search-results"' in page
    after = ["_static/search.js", "searchindex.js"] if searches else []

    def take(match):
        attributes, text = match["attributes"], match["text"].strip()
        if "application/json" in attributes:
            return match[0]
        source = re.search(r'\ssrc="([^"]*)"', attributes)
        if source:
            path = urlsplit(source[1]).path
            if path.endswith(SEARCH + NEEDLESS):
                return ""
            if not path.startswith("_static/"):
                raise PageError(f"a script that is not the site's own: {source[1]}")
            text = no_evaluation((site.folder / path).read_text("utf-8"))
            known = site.settings if path.endswith("documentation_options.js") else site.scripts
        elif "MathJax" in text or "dataset.mode" in text or "pagename" in text:
            return ""  # early.js chooses the theme; nothing of the rest is used
        else:
            known = site.settings
        if text not in known:
            known.append(text)
        return ""

    page = _SCRIPT.sub(take, page)
    page = re.sub(r'<link[^>]*rel="preload"[^>]*as="script"[^>]*>\s*', "", page)
    tags = "".join(f'<script defer src="{name}"></script>' for name in ["_static/site.js", *after])
    head = (f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
            '<script src="_static/early.js"></script>')
    # The policy comes first of all, to hold for everything after it.
    page = page.replace('<meta charset="utf-8" />', f'<meta charset="utf-8" />{head}', 1)
    return page.replace("</head>", f"{tags}\n</head>", 1)


_PLURAL = re.compile(r'"plural_expr": "([^"]*)"')
_EVALUATION = re.compile(r"new Function\(\s*\"n\",\s*`return \(\$\{catalog\.plural_expr\}\)`\s*\)")


def no_evaluation(script: str) -> str:
    """Sphinx sends a language's rule of the plural as text, to be run: here it is code."""
    script = _PLURAL.sub(r'"plural_expr": (n) => Number(\1)', script)
    script = _EVALUATION.sub("catalog.plural_expr", script)
    if re.search(r"\bnew Function\(|\beval\(", script):
        raise PageError(f"a script of the book runs text as code: {script[:80]!r}")
    return script


_SHEET = re.compile(r'<link(?=[^>]*rel="stylesheet")[^>]*href="(?P<href>[^"]*)"[^>]*>\s*')


def own_styles(page: str, site: Site) -> str:
    for match in _SHEET.finditer(page):
        path = site.folder / urlsplit(match["href"]).path
        if path not in site.sheets:
            site.sheets.append(path)
    page = _SHEET.sub("", page)
    page = re.sub(r"<noscript>\s*<style>.*?</style>\s*</noscript>", "", page, flags=re.S)
    return page.replace("<script ", '<link rel="stylesheet" href="_static/site.css"><script ', 1)


_KEPT = re.compile(r"(<pre\b.*?</pre>|<script\b.*?</script>|<textarea\b.*?</textarea>)", re.S)


def thrift(page: str, site: Site) -> str:
    """Without the blank lines and indents of templates, and what only robots would read."""
    page = re.sub(r'<div id="ethical-ad-placement".*?</div>', "", page, flags=re.S)
    page = page.replace('<meta name="viewport" content="width=device-width, initial-scale=1.0" />', "")
    # Without a script a page is light; early.js knows better.
    page = page.replace('data-theme="auto"', 'data-theme="light"', 1)
    parts = _KEPT.split(page)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"\s*\n\s*", "\n", parts[i])
    return "".join(parts)


# -- the files beside the pages -----------------------------------------------------------


# What holds for the file that a script was, and not for the one that it is now part of.
_ALONE = re.compile(r"//# sourceMappingURL=.*|^\s*[\"']use strict[\"'];?\s*$", re.M)


def write_scripts(site: Site) -> None:
    """`site.js` of what the pages loaded; `early.js`; `search.js`.

    Settings come first: a script that waited for the page finds it there already now, and
    begins at once. None of them can make the others strict, which they were not written for.
    """
    static = site.folder / "_static"
    search = [(static / name).read_text("utf-8") for name in SEARCH[:2]]
    early = (ROOT / "theme/early.js").read_text("utf-8")
    for name, texts in (("site", [*site.settings, *site.scripts]), ("search", search), ("early", [early])):
        joined = "\n;\n".join(_ALONE.sub("", text) for text in texts)
        site.put(f"_static/{name}.js", node.call("bundle", {
            "stdin": {"contents": joined, "loader": "js"}, "bundle": False,
        }))


def write_styles(site: Site, pages: dict[Path, str]) -> None:
    """`site.css`: the book's style sheets in one, without the rules that no page uses."""
    static = site.folder / "_static"
    temml = (node.MODULES / "temml/dist/Temml-Local.css").read_text("utf-8")
    # The font is the course's choice (theme/drawn.css): Temml's rules come without theirs.
    temml = re.sub(r"@font-face\s*\{.*?\}|font-family:[^;}]*;?", "", temml, flags=re.S)
    fonts.write_maths(pages.values(), static / "maths.woff2")
    # Tripled, a class counts for more than the theme's rules, as a style attribute does.
    own = "".join(f"{f'.{name}' * 3} {{{style}}}\n" for name, style in site.rules.items())
    site.put("_static/parts.css", temml + (ROOT / "theme/drawn.css").read_text("utf-8") + own)
    names = [path.relative_to(static).as_posix() for path in site.sheets] + ["parts.css"]
    css = bundled("".join(f'@import "./{name}";\n' for name in names), static)
    css = node.call("styles", {"css": css, "folder": str(site.folder)})
    site.put("_static/site.css", bundled(fonts.write_icons(css, static), static))


def bundled(css: str, folder: Path) -> str:
    """A style sheet with what it imports, small pictures inside, and without spaces."""
    return node.call("bundle", {
        "stdin": {"contents": css, "loader": "css", "resolveDir": str(folder)},
        "bundle": True, "external": ["*.woff2", "*.ttf", "../_images/*"],
        "loader": {".png": "dataurl", ".svg": "dataurl"},
    })


def tidy(folder: Path) -> None:
    """Remove from `_static` what nothing names: neither pages nor styles nor scripts."""
    static = folder / "_static"
    named = "".join(path.read_text("utf-8") for path in
                    [*folder.glob("*.html"), *folder.glob("frames/*.html"),
                     static / "site.css", static / "site.js"])
    for path in sorted(static.rglob("*"), reverse=True):
        if path.is_file() and not re.search(rf"[\"'(/]{re.escape(path.name)}\b", named):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for name in (".buildinfo", "objects.inv"):
        (folder / name).unlink(missing_ok=True)
