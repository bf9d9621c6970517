"""Turns MyST Markdown into plain Markdown, which Colab and Jupyter can show.

A directive becomes a heading, a quotation or a folded block; a role becomes its text; a
citation becomes authors and year with a link. What is unknown is an error that names
the file and the line, so that nothing is shown raw or lost.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pybtex.database import parse_file
from pybtex.exceptions import PybtexError

ADMONITIONS = {
    "note": "Note", "tip": "Tip", "hint": "Hint", "warning": "Warning",
    "important": "Important", "attention": "Attention", "seealso": "See also",
    "margin": "Aside",
}
_FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\}\s*(?P<argument>.*)$")
_INDENTED = re.compile(r"^\s+(`{3,}|:{3,})\{")
_LABEL = re.compile(r"^\((?P<label>[\w:.-]+)\)=\s*$")
_ROLE = re.compile(r"\{(?P<role>[\w:-]+)\}`(?P<text>[^`]+)`")
_TARGET = re.compile(r"^(?P<text>.*?)\s*<(?P<target>[^<>]+)>$", re.S)
_EQUATION = re.compile(r"\$\$(?P<tex>(?:[^$]|\$(?!\$))+)\$\$[ \t]*\((?P<label>[\w:-]+)\)")
_PAGE_LINK = re.compile(r"\]\((?P<page>[\w/]+)\.md(?P<anchor>#[\w-]*)?\)")


class MarkdownError(ValueError):
    """A page holds MyST that has no plain form; the message names the place."""


def read_page(path: Path) -> str:
    """The text of a page.

    Raises:
        MarkdownError: it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes().count(b"\n", 0, error.start) + 1
        raise MarkdownError(f"{path.name}:{line}: is not UTF-8 text.") from None


@dataclass
class Book:
    """What the pages of one language refer to: titles by label, and the bibliography.

    `words` are the language's names of the boxes, from its `edition.yml`.
    """

    titles: dict[str, str] = field(default_factory=dict)
    entries: dict = field(default_factory=dict)
    notebooks: frozenset[str] = frozenset()
    words: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, bibliography: Path, source: "Book | None" = None) -> "Book":
        """Collect the labels of every page in `folder` and the entries of the .bib file.

        What the language has not translated has the title of the `source` language.
        """
        pages = sorted(folder.glob("*.md"))
        titles = dict(source.titles) if source else {}
        for page in pages:
            text = read_page(page)
            titles[page.stem] = _first_heading(text) or page.stem
            titles |= _labels(text)
        notebooks = frozenset(p.stem for p in pages if "{code-cell}" in read_page(p))
        try:
            entries = parse_file(str(bibliography)).entries
        except PybtexError as error:
            raise MarkdownError(f"{bibliography.name}: {error}") from None
        edition = folder / "edition.yml"
        known = yaml.safe_load(edition.read_text("utf-8")) if edition.exists() else {}
        return cls(titles, entries, notebooks, known.get("notebook", {}))

    def word(self, english: str) -> str:
        return self.words.get(english, english)


class Page:
    """Converts the Markdown cells of one page, in order."""

    def __init__(self, name: str, book: Book, text: str):
        self.name, self.book = name, book
        self.equations = {
            match["label"]: number
            for number, match in enumerate(_EQUATION.finditer(text), start=1)
        }
        self.cited: list[str] = _citations(text)

    def convert(self, text: str) -> str:
        """The plain Markdown of one cell."""
        return re.sub(r"\n{3,}", "\n\n", self._blocks(text.split("\n"))).strip()

    def _blocks(self, lines: list[str]) -> str:
        out, i = [], 0
        while i < len(lines):
            line = lines[i]
            opening = _FENCE.match(line)
            if opening:
                end = self._closing(lines, i, opening["fence"])
                out += ["", self._directive(opening, lines[i + 1 : end]), ""]
                i = end + 1
            elif line.startswith("```"):  # a plain code block stays as it is
                end = self._closing(lines, i, re.match("`+", line).group())
                out += lines[i : end + 1]
                i = end + 1
            elif _INDENTED.match(line):
                raise MarkdownError(f"{self.name}: {line.strip()!r} is indented: a directive "
                                    "inside a list has no plain form.")
            else:
                if not _LABEL.match(line) and not line.startswith("% "):
                    out.append(line)
                i += 1
        return self._outside_code(out)

    def _outside_code(self, lines: list[str]) -> str:
        """Apply the inline rules to everything but code blocks."""
        parts = re.split(r"(^```.*?^```[ \t]*$)", "\n".join(lines), flags=re.M | re.S)
        return "".join(p if p.startswith("```") else self._inline(p) for p in parts)

    def _closing(self, lines: list[str], start: int, fence: str) -> int:
        for i in range(start + 1, len(lines)):
            if re.match(rf"^{re.escape(fence[0])}{{{len(fence)},}}\s*$", lines[i]):
                return i
        raise MarkdownError(f"{self.name}: the block that opens with "
                            f"{lines[start]!r} is not closed.")

    def _directive(self, opening: re.Match, body: list[str]) -> str:
        name, argument = opening["name"], opening["argument"].strip()
        while body and re.match(r"^:[\w-]+:", body[0]):  # options are for the site
            body = body[1:]
        if name in ADMONITIONS or name == "admonition":
            title = argument if name == "admonition" else self.book.word(ADMONITIONS[name])
            return _quote(title, self._blocks(body), "" if name == "admonition" else argument)
        if name == "dropdown":
            return (f"<details><summary>{argument}</summary>\n\n{self._blocks(body)}\n\n"
                    "</details>")
        if name == "math":
            return "$$\n" + "\n".join(body) + "\n$$"
        if name == "exercise-start":
            return f"#### {self.book.word('Exercise')}: {argument}"
        if name == "solution-start":
            return f"#### {self.book.word('Solution')}: {self._title(argument)}"
        if name in ("exercise-end", "solution-end"):
            return ""
        if name == "bibliography":
            return "\n".join(self._reference(key) for key in self.cited)
        raise MarkdownError(
            f"{self.name}: the directive {{{name}}} has no plain form. Use one of "
            f"{', '.join([*ADMONITIONS, 'admonition', 'dropdown', 'math'])}, or teach "
            "tools/plain_markdown.py how to write it."
        )

    def _inline(self, text: str) -> str:
        text = _EQUATION.sub(
            lambda m: f"$${m['tex'].rstrip()} \\tag{{{self.equations[m['label']]}}}\n$$"
            if "\n" in m["tex"]
            else f"$${m['tex']} \\tag{{{self.equations[m['label']]}}}$$",
            text,
        )
        text = _ROLE.sub(self._role, text)
        return _PAGE_LINK.sub(self._page_link, text)

    def _page_link(self, match: re.Match) -> str:
        if match["page"] in self.book.notebooks:
            return f"]({match['page']}.ipynb)"
        return match.group()

    def _role(self, match: re.Match) -> str:
        role, text = match["role"], match["text"]
        explicit = _TARGET.match(text)
        shown, target = (explicit["text"], explicit["target"]) if explicit else ("", text)
        if role in ("cite:p", "cite"):
            return "(" + "; ".join(self._citation(k.strip()) for k in text.split(",")) + ")"
        if role == "cite:t":
            return "; ".join(self._citation(k.strip(), True) for k in text.split(","))
        if role == "term":
            return shown or text
        if role in ("ref", "numref", "doc", "prf:ref"):
            return shown or f"“{self._title(target)}”"
        if role == "eq":
            return f"({self._equation(target)})"
        if role == "glue:text":
            return f"`{target.split(':')[0]}`"  # printed under this name by its cell
        raise MarkdownError(
            f"{self.name}: the role {{{role}}}`{text}` has no plain form. Use cite:p, "
            "cite:t, term, ref, numref, doc, eq or glue:text, or teach "
            "tools/plain_markdown.py how to write it."
        )

    def _title(self, label: str) -> str:
        if label not in self.book.titles:
            raise MarkdownError(f"{self.name}: no page has the label {label!r}.")
        return self.book.titles[label]

    def _equation(self, label: str) -> int:
        if label not in self.equations:
            raise MarkdownError(f"{self.name}: this page has no equation {label!r}.")
        return self.equations[label]

    def _entry(self, key: str):
        if key not in self.book.entries:
            raise MarkdownError(f"{self.name}: references.bib has no entry {key!r}.")
        return self.book.entries[key]

    def _citation(self, key: str, in_sentence=False) -> str:
        entry = self._entry(key)
        names = [_tex(" ".join(p.prelast_names + p.last_names))
                 for p in entry.persons.get("author", [])] or [_tex(entry.fields["title"])]
        who = names[0] if len(names) == 1 else (
            " & ".join(names) if len(names) == 2 else f"{names[0]} et al.")
        year = entry.fields["year"]
        text = f"{who} ({year})" if in_sentence else f"{who}, {year}"
        address = _address(entry)
        return f"[{text}]({address})" if address else text

    def _reference(self, key: str) -> str:
        entry = self._entry(key)
        people = ", ".join(_tex(str(p)) for p in entry.persons.get("author", []))
        fields = entry.fields
        where = fields.get("journal") or fields.get("booktitle") or fields.get("publisher")
        parts = [p for p in (people, f"*{_tex(fields['title'])}*", _tex(where or ""),
                             fields["year"], _address(entry)) if p]
        return "- " + ". ".join(parts)


def _citations(text: str) -> list[str]:
    """The keys that a page cites, each once, in order."""
    keys = [
        key.strip()
        for match in _ROLE.finditer(text)
        if match["role"].startswith("cite")
        for key in match["text"].split(",")
    ]
    return list(dict.fromkeys(keys))


def _labels(text: str) -> dict[str, str]:
    """Label → title, for `(label)=` before a heading and for exercises."""
    found, lines = {}, text.split("\n")
    for i, line in enumerate(lines):
        label = _LABEL.match(line)
        if label:
            following = next((n for n in lines[i + 1 :] if n and not _LABEL.match(n)), "")
            found[label["label"]] = _ROLE.sub(r"\g<text>", following.lstrip("# ").strip())
        exercise = re.match(r"^`{3,}\{exercise-start\}\s*(.*)$", line)
        if exercise and i + 1 < len(lines):
            option = re.match(r"^:label:\s*(\S+)", lines[i + 1])
            if option:
                found[option[1]] = exercise[1].strip()
    return found


def _first_heading(text: str) -> str | None:
    match = re.search(r"^# (.+)$", text, flags=re.M)
    return match and match[1].strip()


def _quote(title: str, body: str, argument: str) -> str:
    text = f"**{title}.** {argument}\n{body.strip()}" if argument else (
        f"**{title}.** {body.strip()}")
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _address(entry) -> str | None:
    fields = entry.fields
    if "doi" in fields:
        return f"https://doi.org/{fields['doi']}"
    if "eprint" in fields:
        return f"https://arxiv.org/abs/{fields['eprint']}"
    return fields.get("url")


def _tex(text: str) -> str:
    """Plain text of a .bib field: braces and the accents that the file uses go."""
    from pybtex.richtext import Text

    return str(Text.from_latex(text)) if text else ""
