"""The tables of the page “Status of this edition”; one of the book's extensions.

The page has a directive for each table, `{status} revision`, `runs`, `provenance` and
`versions`. They are made while the book is built, from what the build knows: the commit,
the cache of executed chapters (the configuration value `course_executed` is its folder),
the packages that are installed, and `package-lock.json`. Nothing in them is the time of
the build, so that the same commit and the same run give the same page.

The heads of the tables stand in English here; `chapters/<language>/edition.yml` has them
in the language of the edition, under `words`.
"""

import functools
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from tools import execution, site_editions
from utils.languages import translate
from utils.sources import decide
from utils.sources.provenance import ProvenanceTable

ROOT = Path(__file__).resolve().parent.parent
EXECUTED = "course_executed"  # the name of a configuration value of Sphinx


class StatusError(ValueError):
    """Something that the page must say is not known; the message says what to do."""


# -- the commit -----------------------------------------------------------------------


@dataclass(frozen=True)
class Revision:
    """A commit: its hash, the day it was made, and whether files differ from it."""

    commit: str
    day: str
    changed: bool


@functools.cache
def revision(folder: Path = ROOT) -> Revision | None:
    """The commit that a folder holds; None for a folder that is no checkout of its own.

    A course that was unpacked inside somebody's repository is none: the commit that git
    would name there is another project's.
    """
    try:
        if Path(_git(folder, "rev-parse", "--show-toplevel")).resolve() != folder.resolve():
            return None
        commit, day = _git(folder, "log", "-1", "--format=%H %cs").split()
        return Revision(commit, day, bool(_git(folder, "status", "--porcelain", "-uno")))
    except (OSError, subprocess.CalledProcessError):  # no git, no repository, no commit
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


# -- the executed chapters --------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One executed page: its name, its notebook with outputs, and the seconds it took."""

    page: str
    notebook: nbformat.NotebookNode
    seconds: float

    @property
    def cells(self) -> int:
        return sum(cell.cell_type == "code" for cell in self.notebook.cells)


def runs(cache: Path) -> list[Run]:
    """The executions that the site shows, in the order of the pages' names.

    Raises:
        StatusError: a page with code has no execution in the cache.
    """
    known = execution.executed_pages(cache)
    pages = sorted(path.stem for path in execution.pages())
    if missing := [page for page in pages if page not in known]:
        raise StatusError(f"not executed: {', '.join(missing)}: `make book` executes the "
                          "pages before it renders this one")
    return [Run(page, notebook, record.data["execution_seconds"])
            for page in pages for notebook, record in [known[page]]]


def provenance(run: Run, language: str) -> tuple[list[tuple[str, ...]], list[str]]:
    """What a page was given: the rows of its tables, and the sentences below them.

    They are read from the outputs of `provenance_table`, which are known by their heads;
    `language` is the one that the outputs are in.
    """
    heads = [translate(column, language) for column in ProvenanceTable.COLUMNS]
    rows, sentences = [], []
    for cell in run.notebook.cells:
        for output in cell.get("outputs", []):
            shown = BeautifulSoup(output.get("data", {}).get("text/html", ""), "html.parser")
            if [head.get_text() for head in shown.find_all("th")] == heads:
                rows += [tuple(td.get_text() for td in row.find_all("td"))
                         for row in shown.select("tbody tr")]
                sentences += [paragraph.get_text() for paragraph in shown.find_all("p")]
    return rows, sentences


# -- the packages -----------------------------------------------------------------------


def packages(requirements: str) -> list[tuple[str, str, str]]:
    """(name, installed version, what it does) of the packages that are asked for by name.

    `requirements` is the text of requirements.in, whose comments head its parts, up to a
    semicolon; the first part is about the file itself.

    Raises:
        StatusError: a package of the file is not installed.
    """
    _, *parts = re.split(r"\n\n(?=# )", requirements.strip())
    found = []
    for part in parts:
        purpose = re.match(r"# ([^;\n]*)", part)[1]
        for name in re.findall(r"^([\w.-]+)==", part, re.M):
            try:
                found.append((name, importlib.metadata.version(name), purpose))
            except importlib.metadata.PackageNotFoundError:
                raise StatusError(f"requirements.in names {name}, which is not installed: "
                                  "`make book` installs it") from None
    return found


def npm_packages(lock: str) -> list[tuple[str, str, str]]:
    """The same of the npm packages that package.json names; `lock` is the lock file's text."""
    known = json.loads(lock)["packages"]
    names = known[""].get("dependencies", {}) | known[""].get("devDependencies", {})
    return [(name, known[f"node_modules/{name}"]["version"], "Builds and tests the pages (npm)")
            for name in sorted(names)]


# -- the page ---------------------------------------------------------------------------


class Status(SphinxDirective):
    """`{status} runs` and its like: one table of the page."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        tables = {"revision": self.revision, "runs": self.runs,
                  "provenance": self.provenance, "versions": self.versions}
        if name not in tables:
            raise self.error(f"status: {name!r} is unknown: choose one of {', '.join(tables)}.")
        # What is shown can change while the page's own text stays the same.
        self.env.note_reread()
        try:
            return tables[name]()
        except StatusError as error:
            raise self.error(f"status {name}: {error}.") from error

    @property
    def language(self) -> str:
        return self.config.language

    @functools.cached_property
    def words(self) -> dict[str, str]:
        return site_editions.about(self.language).get("words", {})

    def word(self, english: str) -> str:
        """A word of the tables in the language of the edition."""
        return self.words.get(english, english)

    def executed(self) -> list[Run]:
        if not self.config[EXECUTED]:
            raise StatusError(f"the configuration has no {EXECUTED}: `make book` sets it")
        return runs(Path(self.config[EXECUTED]))

    def revision(self) -> list:
        found = revision(ROOT)
        commit = self.word("not built from a git checkout")
        if found:
            commit = [_code_of(found.commit[:12]), nodes.Text(f" ({found.day})")]
            if found.changed:
                commit += [nodes.Text(f", {self.word('with changes that are not committed')}")]
        rows = [
            ("revision", commit),
            ("profile", _code_of(os.environ.get("COURSE_PROFILE") or "cpu")),
            ("threads", os.environ.get("OMP_NUM_THREADS") or "1"),
            ("source of models and data", _code_of(decide())),
            ("Python", platform.python_version()),
            ("system", f"{platform.system()} {platform.machine()}"),
        ]
        return [table([], [(self.word(head), what) for head, what in rows], stub=True)]

    def runs(self) -> list:
        executed = self.executed()
        rows = [(self.link(run.page), str(run.cells), _seconds(run.seconds)) for run in executed]
        rows.append((self.word("together"), str(sum(run.cells for run in executed)),
                     _seconds(sum(run.seconds for run in executed))))
        return [table([self.word(head) for head in ("page", "code cells", "run time")], rows)]

    def provenance(self) -> list:
        pages, sentences = {}, {}  # a row → the pages that have it; dictionaries keep order
        for run in self.executed():
            rows, notes = provenance(run, self.language)
            for row in dict.fromkeys(rows):
                pages.setdefault(row, []).append(run.page)
            sentences |= dict.fromkeys(notes)
        rows = [(*_narrow(row), _joined([self.link(page, short=True) for page in names]))
                for row, names in pages.items()]
        heads = [translate(column, self.language)
                 for column in ("asked", "given", "from", "sha256", "licence")]
        return [table([*heads, self.word("pages")], rows),
                *(nodes.paragraph("", text) for text in sentences)]

    def versions(self) -> list:
        rows = packages((ROOT / "requirements.in").read_text("utf-8"))
        if (lock := ROOT / "package-lock.json").exists():
            rows += npm_packages(lock.read_text("utf-8"))
        rows = [(name, version, self.word(purpose)) for name, version, purpose in rows]
        return [table([self.word(head) for head in ("package", "version", "what it does")], rows)]

    def link(self, page: str, short: bool = False) -> nodes.Node:
        """A reference to a page: by its title, or by its number, or initial if it has none."""
        sign = str(int(page[:2])) if page[:2].isdigit() else page[0].upper()
        text = sign if short else ""
        return addnodes.pending_xref(
            "", nodes.inline("", text), refdomain="std", reftype="doc", reftarget=f"/{page}",
            refdoc=self.env.docname, refexplicit=short, refwarn=True)


def table(heads: list[str], rows: list[tuple], stub: bool = False) -> nodes.table:
    """A table of docutils; a cell is a text, a node or a list of nodes.

    `stub`: the first cell of each row is its head.
    """
    width = len(rows[0])
    group = nodes.tgroup("", cols=width)
    for column in range(width):
        group += nodes.colspec("", colwidth=1, **({"stub": 1} if stub and not column else {}))
    if heads:
        group += nodes.thead("", _row(heads))
    group += nodes.tbody("", *map(_row, rows))
    return nodes.table("", group)


def _narrow(row: tuple[str, ...]) -> tuple:
    """A row of a chapter's table for a page whose table has one column more."""
    cells = dict(zip(ProvenanceTable.COLUMNS, row))
    version = "" if cells["version"] == "-" else cells["version"]
    return (f"{cells['kind']} {cells['asked']}", cells["given"],
            f"{cells['from']} {version}".strip(), _code_of(cells["sha256"]), cells["licence"])


def _row(cells) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        inside = [nodes.Text(cell)] if isinstance(cell, str) else cell
        inside = inside if isinstance(inside, list) else [inside]
        row += nodes.entry("", nodes.paragraph("", "", *inside))
    return row


def _code_of(text: str) -> nodes.literal:
    return nodes.literal("", text)


def _joined(found: list[nodes.Node]) -> list[nodes.Node]:
    return [node for one in found for node in (nodes.Text(", "), one)][1:]


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}\u00a0s"


def setup(app):
    """Sphinx calls this: the module is one of the book's extensions."""
    app.add_config_value(EXECUTED, "", "env")
    app.add_directive("status", Status)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
