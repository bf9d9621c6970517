"""What figures and checks say, in the reader's language, without a change in any code cell.

The language is the notebook's: `tools/notebooks.py` writes it into the metadata of each.
The English words stand in the code. The files `<language>.yml` beside this module give
their translations: English → the same in the language. In both, `{}` stands for anything
(a number, a name) that is taken over as it is, at the start of a short text for one
word; `{n}` for a number; `{t}` for words that are translated in their turn. A translation
that needs another order numbers them: `{1} {0}`. What has no translation stays English.

In the book every chapter is executed once. What it shows is then kept in all languages
(`Shown`), and each edition takes its own.
"""

import abc
import functools
import html
import json
import os
import re
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parent
ENGLISH = "en"
IN_LANGUAGES = "in_languages"  # a key of an output's metadata
_HOLE = re.compile(r"\{([tn]?)\}")
_HTML = re.compile(
    r"<(?P<tag>script|style)\b.*?</(?P=tag)>"
    r'|<(?P<kept>\w+)\b[^>]*\btranslate="no"[^>]*>.*?</(?P=kept)>'
    r'|\b(?P<name>aria-label|title|alt|data-words)="(?P<value>[^"]*)"'
    r"|(?<=>)(?P<text>[^<>]+)(?=<)",
    re.S,
)


class LanguageError(ValueError):
    """A language that the course does not speak."""


def languages() -> tuple[str, ...]:
    """The languages of figures and checks: English, and each with a file of its own."""
    return (ENGLISH, *sorted(path.stem for path in FOLDER.glob("*.yml")))


def current() -> str:
    """The language of this notebook: `COURSE_LANGUAGE`, else what its file says, else "en".

    Raises:
        LanguageError: `COURSE_LANGUAGE` names a language that the course does not speak.
    """
    asked = os.environ.get("COURSE_LANGUAGE", "").strip()
    if not asked:
        return _of_the_notebook(Path.cwd())
    if asked not in languages():
        raise LanguageError(f"COURSE_LANGUAGE={asked!r} is unknown: choose one of "
                            f"{', '.join(languages())}, or leave it unset.")
    return asked


def translate(text: str, language: str | None = None) -> str:
    """The text in the language, by default the notebook's; unknown text stays as it is."""
    language = language or current()
    return text if language == ENGLISH else _translated(text, language)


def translate_html(page: str, language: str) -> str:
    """HTML with its text and its descriptions translated.

    Scripts, styles and what is marked `translate="no"` stay as they are.
    """

    def put(match):
        if match["name"] == "data-words":  # the words of a script, as JSON
            words = json.loads(html.unescape(match["value"]))
            words = {key: translate(word, language) for key, word in words.items()}
            value = html.escape(json.dumps(words, ensure_ascii=False))
            return f'data-words="{value}"'
        if match["name"]:
            value = translate(html.unescape(match["value"]), language)
            return f'{match["name"]}="{html.escape(value)}"'
        if match["text"] and match["text"].strip():
            text = match["text"].strip()
            new = translate(html.unescape(text), language)
            if new != html.unescape(text):
                return match["text"].replace(text, html.escape(new, quote=False))
        return match.group()

    return page if language == ENGLISH else _HTML.sub(put, page)


def quoted(text: str, language: str) -> str:
    """A value for a sentence: its words translated, its numbers as the language writes them.

    Spanish groups thousands by spaces, from five digits on, and has one before %; the
    decimal point stays the one of the code.
    """
    text = translate(text, language)
    if language == "es":
        text = re.sub(r"\d{1,3}(?:,\d{3})+(?!\d)", lambda m: _grouped(m[0]), text)
        text = re.sub(r"(\d) ?%", "\\1\u00a0%", text)
    return text


def _grouped(number: str) -> str:
    return number.replace(",", "" if len(number) == 5 else "\u00a0")


class Shown(abc.ABC):
    """Something that a cell displays. A subclass writes `render`."""

    @abc.abstractmethod
    def render(self, language: str) -> dict:
        """What is shown, by MIME type, in a language."""

    def _repr_mimebundle_(self, include=None, exclude=None):
        shown = self.render(current())
        if "COURSE_BOOK" not in os.environ:
            return shown
        # One execution serves every edition: the others find theirs in the metadata.
        others = {code: self.render(code) for code in languages() if code != current()}
        return shown, {IN_LANGUAGES: {c: what for c, what in others.items() if what != shown}}


@functools.lru_cache(maxsize=20_000)
def _translated(text: str, language: str) -> str:
    exact, patterns = _table(language)
    if text in exact:
        return exact[text]
    for pattern, holes, translation in patterns:
        if match := pattern.fullmatch(text):
            parts = [_translated(part, language) if hole == "t" else part
                     for hole, part in zip(holes, match.groups())]
            return translation.format(*parts)
    names = text.split(", ")
    if all(name in exact for name in names):  # a list of names that are known
        return ", ".join(exact[name] for name in names)
    return text


@functools.cache
def _table(language: str) -> tuple[dict[str, str], list]:
    """Exact texts, and patterns from the most to the least literal."""
    path = FOLDER / f"{language}.yml"
    if not path.exists():  # a language that begins with its pages
        return {}, []
    table = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader) or {}
    exact, patterns = {}, []
    for english, translation in table.items():
        if not isinstance(english, str) or not isinstance(translation, str):
            raise LanguageError(f"{path.name}: {english!r}: {translation!r} is not text.")
        if not _HOLE.search(english):
            exact[english] = translation
            continue
        pieces = _HOLE.split(english)  # text, hole, text, hole, ..., text
        literal = sum(map(len, pieces[::2]))
        holes = [r"([-+−]?[\d.,]+)" if hole == "n" else "(.*?)" for hole in pieces[1::2]]
        if literal < 12 and not pieces[0] and not pieces[1]:
            holes[0] = r"(\S*?)"  # "{} rows" must not take a sentence that ends so
        parts = [re.escape(piece) for piece in pieces[::2]]
        pattern = "".join(part + hole for part, hole in zip(parts, [*holes, ""]))
        patterns.append((literal, re.compile(pattern, re.S), pieces[1::2],
                         _HOLE.sub("{}", translation)))
    patterns.sort(key=lambda entry: -entry[0])
    return exact, [entry[1:] for entry in patterns]


@functools.lru_cache(maxsize=8)
def _of_the_notebook(folder: Path) -> str:
    """What the metadata of the notebook say; where it is not known which notebook this
    is, what all the notebooks of the folder say."""
    known = _session_notebook()
    notebooks = [known] if known else sorted(folder.glob("*.ipynb"))
    found = {_metadata(path).get("language") for path in notebooks}
    if not known and not notebooks:
        found = {_colab_metadata().get("language")}
    return found.pop() if len(found) == 1 and found <= set(languages()) else ENGLISH


def _session_notebook() -> Path | None:
    """The notebook's file, as Jupyter or VS Code tells its kernel."""
    paths = [os.environ.get("JPY_SESSION_NAME")]
    try:
        paths.append(get_ipython().user_ns.get("__vsc_ipynb_file__"))
    except NameError:  # no notebook
        pass
    return next((Path(p) for p in paths if p and Path(p).is_file()), None)


def _metadata(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("metadata", {})
    except (OSError, ValueError, AttributeError):  # not a notebook: it says nothing
        return {}


def _colab_metadata() -> dict:
    """Colab has the notebook in the browser: it is asked for."""
    try:
        from google.colab import _message

        notebook = _message.blocking_request("get_ipynb", timeout_sec=10) or {}
    except Exception:  # not Colab, or a Colab without an answer
        return {}
    return notebook.get("ipynb", {}).get("metadata", {})
