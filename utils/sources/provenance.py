"""Where a thing came from, and the table of it that a chapter opens with."""

import html
from dataclasses import dataclass

from utils.languages import Shown, current, translate, translate_html


@dataclass(frozen=True)
class Provenance:
    """Where a model, tokenizer, text or data set came from.

    `origin` is hub, local, package, gutenberg or course; `location` a hub id, a path
    inside `COURSE_DATA` or the course, a package or ebook numbers; `revision` a commit
    or a version; `sha256` that of the file, or of the list of the files' sums.
    """

    kind: str
    asked: str
    given: str
    origin: str
    location: str
    revision: str
    sha256: str
    licence: str
    size: str
    note: str = ""

    @property
    def substituted(self) -> bool:
        """Whether something else was given than what was asked for."""
        return self.asked != self.given

    @property
    def sentence(self) -> str:
        """What a reader must know of a substitution; empty when there is none."""
        if not self.substituted:
            return ""
        what = f"The {self.kind} {self.asked} was asked for and {self.given} given"
        return f"{what}: {self.note}." if self.note else f"{what}."


class ProvenanceTable(Shown):
    """What a chapter ran with: `rows` (dictionaries) and `sentences`."""

    COLUMNS = ("kind", "asked", "given", "from", "version", "sha256", "licence", "size")

    def __init__(self, provenances: list[Provenance]):
        cells = [
            (p.kind, p.asked, p.given, f"{p.origin}: {p.location}",
             p.revision[:12] or "-", p.sha256[:12], p.licence, p.size)
            for p in provenances
        ]  # fmt: skip
        self.rows = [dict(zip(self.COLUMNS, row)) for row in cells]
        self.sentences = [p.sentence for p in provenances if p.substituted]

    def render(self, language: str) -> dict:
        return {"text/html": translate_html(self._html(), language),
                "text/plain": self._text(language)}

    def __repr__(self):
        return self._text(current())

    def _repr_html_(self):
        return translate_html(self._html(), current())

    def _text(self, language):
        table = [self.COLUMNS, *(tuple(row.values()) for row in self.rows)]
        table = [[translate(cell, language) for cell in row] for row in table]
        widths = [max(map(len, column)) for column in zip(*table)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
        return "\n".join(lines + [translate(text, language) for text in self.sentences])

    def _html(self):
        def row(tag, cells):
            return "<tr>%s</tr>" % "".join(
                f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells
            )

        body = "".join(row("td", cells.values()) for cells in self.rows)
        notes = "".join(f"<p>{html.escape(text)}</p>" for text in self.sentences)
        return (
            f'<table class="table"><thead>{row("th", self.COLUMNS)}</thead>'
            f"<tbody>{body}</tbody></table>{notes}"
        )


def provenance_table(*results) -> ProvenanceTable:
    """The table of what was loaded, with a sentence for each substitution.

    `results` are what the `load_` functions returned.
    """
    return ProvenanceTable([result.provenance for result in results])
