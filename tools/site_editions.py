"""What makes one edition of the site out of one folder of pages: see `tools/build.py`.

Each language has `chapters/<language>/edition.yml`: its name, the title of the book, and
the words that the theme writes. Around Jupyter Book this adds

- before: a configuration, a table of contents and a folder in which a page that is not
  translated has a stand-in that leads to the English one; what the executed chapters
  showed, in the edition's language;
- inside: the anchors of the English pages, so that a link to a section holds in every
  language, and the links between the languages (`setup`: a Sphinx extension);
- after: the words of the theme in the language of the page.
"""

import ast
import html
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools import editions
from utils import languages
from utils.show import GLUE

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
SOURCE = editions.SOURCE
ENGLISH_SITE = "english_site"  # the name of a configuration value of Sphinx


@dataclass(frozen=True)
class Edition:
    """What Jupyter Book is called with."""

    pages: Path
    config: Path
    toc: Path


def about(language: str) -> dict:
    """The language's edition.yml; a new language without one is named by its code."""
    path = CHAPTERS / language / "edition.yml"
    known = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    return {"name": language, "theme": {}} | (known or {})


# -- before ---------------------------------------------------------------------------


def prepare(language: str, folder: Path, assets: Path) -> Edition:
    """Write what Jupyter Book reads for one language; `folder` is the build's."""
    executed = folder / "executed"
    if language != SOURCE:
        translate_outputs(executed, folder / f"executed-{language}", language)
        executed = folder / f"executed-{language}"
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    pages = CHAPTERS / language
    _make_absolute(config, pages)
    edition = about(language)
    if missing := [p for p in _toc_pages() if not (pages / f"{p}.md").exists()]:
        pages = _with_stand_ins(language, missing, folder / "pages" / language)
    config["title"] = edition.get("title", config["title"])
    config["execute"]["cache"] = str(executed)
    if config.get("repository", {}).get("url"):
        config["repository"]["path_to_book"] = f"chapters/{language}"
    else:
        _without_repository(config)
    sphinx = config["sphinx"]["config"]
    sphinx["language"] = language
    sphinx["course_executed"] = str(executed)  # for the page of versions and run times
    if language == "es":
        sphinx["bibtex_reference_style"] = "author_year_es"
    if language == "ja":
        sphinx["html_search_options"] = {"type": "tools.site_editions.Pairs"}
    sphinx["html_static_path"].append(str(assets))
    sphinx["html_context"]["editions"] = _links(language)
    for option in ("togglebutton_hint", "togglebutton_hint_hide",
                   "nb_code_prompt_show", "nb_code_prompt_hide"):
        sphinx[option] = _word(edition, sphinx[option])
    if language != SOURCE:
        english = folder / SOURCE / "_build/html"
        sphinx[ENGLISH_SITE] = str(english)
        sphinx["intersphinx_mapping"] = {SOURCE: [f"../{SOURCE}", str(english / "objects.inv")]}
    path = folder / f"_config_{language}.yml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return Edition(pages, path, _toc(edition, folder / f"_toc_{language}.yml"))


def _without_repository(config: dict) -> None:
    """No buttons that would lead nowhere, where no address of the course is configured."""
    config.pop("repository", None)
    config.pop("launch_buttons", None)
    for button in ("use_issues_button", "use_repository_button", "use_edit_page_button"):
        config["html"][button] = False


def _make_absolute(config: dict, pages: Path) -> None:
    """Paths of _config.yml, written from a folder of pages, wherever the pages lie."""
    sphinx = config["sphinx"]["config"]
    config["html"]["favicon"] = str((pages / config["html"]["favicon"]).resolve())
    config["bibtex_bibfiles"] = [str((pages / p).resolve()) for p in config["bibtex_bibfiles"]]
    for key in ("html_static_path", "templates_path"):
        sphinx[key] = [str((pages / p).resolve()) for p in sphinx[key]]


def _word(edition: dict, english: str) -> str:
    return edition["theme"].get(english, english)


def _toc_pages() -> list[str]:
    return re.findall(r"^[\s-]*(?:root|file):\s*(\S+)", (ROOT / "_toc.yml").read_text("utf-8"), re.M)


def _toc(edition: dict, path: Path) -> Path:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    for part in toc.get("parts", []):
        part["caption"] = _word(edition, part["caption"])
    path.write_text(yaml.safe_dump(toc, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def _links(language: str) -> list[dict]:
    """The languages for the switch, this one included, and which pages each has."""
    return [
        {"code": code, "name": about(code)["name"], "here": code == language,
         "pages": sorted(page.stem for page in editions.pages(code))}
        for code in (SOURCE, *editions.languages())
    ]


def _with_stand_ins(language: str, missing: list[str], folder: Path) -> Path:
    """The language's pages and, for each missing one, a page that leads to the English."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for page in editions.pages(language):
        for file in (page, page.with_suffix(".ipynb")):  # Colab is offered where both lie
            if file.exists():
                (folder / file.name).symlink_to(file)
    edition = about(language)
    note = edition.get("untranslated", "This page is not translated yet.")
    for name in missing:
        text = (CHAPTERS / SOURCE / f"{name}.md").read_text("utf-8")
        english = re.search(r"^# (.+)$", text, re.M)[1]
        title = edition.get("titles", {}).get(name, english)
        (folder / f"{name}.md").write_text(
            f'# {title}\n\n:::{{note}}\n{note} <a href="../{SOURCE}/{name}.html" '
            f'lang="{SOURCE}" hreflang="{SOURCE}">{english}</a>\n:::\n', encoding="utf-8")
    return folder


def translate_outputs(executed: Path, target: Path, language: str) -> None:
    """Copy the cache of executed chapters; what they show is there in the language."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(executed, target)
    for path in target.glob("executed/*/base.ipynb"):
        notebook = json.loads(path.read_text("utf-8"))
        for cell in notebook["cells"]:
            for output in cell.get("outputs", []):
                _translate_output(output, language)
        path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")


def _translate_output(output: dict, language: str) -> None:
    data = output.get("data", {})
    data |= output.get("metadata", {}).pop(languages.IN_LANGUAGES, {}).get(language, {})
    record = GLUE + "text/plain"
    if record in data:  # a value that a sentence quotes
        text = data[record] if isinstance(data[record], str) else "".join(data[record])
        data[record] = repr(languages.quoted(ast.literal_eval(text), language))


# -- inside ---------------------------------------------------------------------------


def setup(app):
    """Sphinx calls this: the module is one of the book's extensions."""
    from docutils.transforms import Transform
    from sphinxcontrib.bibtex.plugin import register_plugin
    from sphinxcontrib.bibtex.style.referencing import PersonStyle
    from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle

    class SpanishStyle(AuthorYearReferenceStyle):
        """Two authors are joined by «y»."""

        def __init__(self):
            super().__init__(person=PersonStyle(sep2=" y ", last_sep=" y "))

    class EnglishAnchors(Transform):
        """Give each section the anchor of the English section in the same place."""

        default_priority = 870  # the sections have their own; at 880 Sphinx reads them

        def apply(self):
            name = self.document.settings.env.docname
            give_anchors(self.document, english_anchors(app.config[ENGLISH_SITE], name))

    register_plugin("sphinxcontrib.bibtex.style.referencing", "author_year_es", SpanishStyle)
    app.add_config_value(ENGLISH_SITE, "", "env")
    app.add_transform(EnglishAnchors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Pairs:
    """Cuts Japanese for the search: each two neighbouring letters, and whole Latin words.

    Dictionaries cut a word in the text and the same word in a query in different ways,
    and then it is not found. `theme/static/languages.js` cuts the query as this does.
    """

    RUNS = re.compile(r"[\u3005\u3040-\u30ff\u3400-\u9fff]+|[a-z0-9_]+")

    def __init__(self, options: dict):
        pass  # Sphinx gives the options of its own splitters

    def split(self, text: str) -> list[str]:
        found = []
        for run in self.RUNS.findall(text.lower()):
            whole = run < "\u3000" or len(run) < 3
            found += [run] if whole else [run[i : i + 2] for i in range(len(run) - 1)]
        return found


def english_anchors(site: str, page: str) -> list[str]:
    path = Path(site) / f"{page}.html"
    if not site or not path.exists():
        return []
    return re.findall(r'<section\b[^>]*\bid="([^"]+)"', path.read_text("utf-8"))


def give_anchors(document, anchors: list[str]) -> None:
    """Put the English anchor first in each section; its own ones go on working."""
    from docutils import nodes

    found = list(document.findall(nodes.section))
    if len(found) != len(anchors):
        return  # not a translation of that page: a stand-in
    for section, anchor in zip(found, anchors):
        if document.ids.get(anchor, section) is section:
            section["ids"] = [anchor, *(i for i in section["ids"] if i != anchor)]
            document.ids[anchor] = section


# -- after ----------------------------------------------------------------------------

# The words of the theme: text and descriptions outside code.
_CODE = re.compile(r"<(pre|script|style|code)\b.*?</\1>", re.S)
_WORDS = re.compile(
    r'(?P<before>\b(?:aria-label|title|alt|placeholder|data-bs-title)=")'
    r'(?P<value>[^"]*)(?P<after>")|(?P<open>>)(?P<text>[^<>]*[^<>\s][^<>]*)(?=<)')


def finish(language: str, site: Path) -> None:
    """Put the words of the theme into the language of the edition."""
    edition = about(language)
    for page in site.rglob("*.html"):
        if edition["theme"] and "_static" not in page.parts:
            text = page.read_text("utf-8")
            page.write_text(translate_theme(text, edition["theme"]), encoding="utf-8")
    for script, replacements in edition.get("scripts", {}).items():
        path = site / "_static" / script
        text = path.read_text("utf-8")
        for old, new in replacements.items():
            if old not in text:
                raise ValueError(f"{path.name} no longer says {old!r}: mend edition.yml.")
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


def translate_theme(page: str, words: dict[str, str]) -> str:
    """HTML with every text and description that the table knows in its language."""

    def put(match):
        if match["text"]:
            text = match["text"].strip()
            known = words.get(html.unescape(" ".join(text.split())))
            new = match["text"].replace(text, html.escape(known, quote=False)) if known else None
            return match["open"] + (new or match["text"])
        known = words.get(html.unescape(match["value"]))
        value = html.escape(known) if known else match["value"]
        return match["before"] + value + match["after"]

    out, at = [], 0
    for code in _CODE.finditer(page):
        out += [_WORDS.sub(put, page[at : code.start()]), code.group()]
        at = code.end()
    return "".join(out) + _WORDS.sub(put, page[at:])


def write_root(site: Path) -> None:
    """The page at the root: the reader's language, and a list for who wants another."""
    known = {code: about(code) for code in (SOURCE, *editions.languages())}
    template = (ROOT / "theme/root.html").read_text("utf-8")
    items = "\n".join(
        f'      <li><a href="{code}/index.html" lang="{code}" hreflang="{code}" '
        f'data-language="{code}">{html.escape(edition.get("title", code))} '
        f'<span>{html.escape(edition["name"])}</span></a></li>'
        for code, edition in known.items())
    page = template.replace("<!-- languages -->", items)
    (site / "index.html").write_text(page, encoding="utf-8")
    for name in ("favicon.svg", "root.css", "root.js"):
        shutil.copyfile(ROOT / "theme" / name, site / name)
