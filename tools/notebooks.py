"""Writes the plain notebook beside each chapter: `make notebooks`.

The chapters in `chapters/<language>/*.md` are the source. Each page with code cells gets
a `.ipynb` twin without outputs: the same code cells byte for byte, the prose as plain
Markdown. Colab opens the twins, and nbval runs them.

What the address of the course decides is written as well, see `tools/repository.py`: the
first code cell of the pages, in every language, and the README's table of chapters.

    python -m tools.notebooks            # write what is missing or differs
    python -m tools.notebooks --check    # write nothing; exit 1 if something differs
"""

import argparse
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import jupytext
import nbformat

from tools import repository
from tools.plain_markdown import Book, MarkdownError, Page, read_page
from tools.repository import Repository, RepositoryError

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
BIBLIOGRAPHY = CHAPTERS / "references.bib"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebook_text(source: Path, book: Book, text: str | None = None) -> str:
    """The notebook of one chapter, as the JSON that lies in the file.

    Args:
        source: the page, for its name and language.
        book: what the page refers to.
        text: of the page, where it is not what lies in the file.

    Raises:
        MarkdownError: the page uses MyST that has no plain form.
    """
    text = read_page(source) if text is None else text
    page = Page(f"chapters/{source.parent.name}/{source.name}", book, text)
    try:
        read = jupytext.reads(text, fmt="md:myst")
    except Exception as error:  # a header or tags that are not YAML
        raise MarkdownError(f"{page.name}: cannot be read: {error}") from error
    cells = []
    in_solution = False
    for cell in read.cells:
        if cell.cell_type == "code":
            new = nbformat.v4.new_code_cell(cell.source, metadata=_metadata(cell, in_solution))
        else:
            new = nbformat.v4.new_markdown_cell(page.convert(cell.source))
            starts, ends = (cell.source.count(f"{{solution-{gate}}}") for gate in ("start", "end"))
            in_solution = in_solution and not ends or starts > ends
        if new.source:
            new.id = hashlib.sha256(f"{len(cells)} {new.source}".encode()).hexdigest()[:12]
            cells.append(new)
    language = source.parent.name  # what figures and checks will speak
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA | {"language": language})
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def at_revision(text: str, revision: str) -> str:
    """A notebook whose first cell fetches the course at this revision.

    Args:
        text: of the notebook, as it lies in the file.
        revision: a commit, in full, or the name of a branch or tag.

    Raises:
        RepositoryError: the notebook has no first cell of the course.
    """
    notebook = nbformat.reads(text, as_version=4)
    first = next((cell for cell in notebook.cells if cell.cell_type == "code"), None)
    if first is None or repository.MARK not in first.source:
        raise RepositoryError("the notebook does not begin with the course's first cell: run "
                              "`make notebooks`.")
    first.source = repository.first_cell(replace(Repository.read(), revision=revision))
    return nbformat.writes(notebook) + "\n"


def chapters() -> list[Path]:
    """Every page with code cells, in every language."""
    return [
        page
        for page in sorted(CHAPTERS.glob("*/*.md"))
        if "{code-cell}" in read_page(page)
    ]


def outdated() -> dict[Path, str | None]:
    """File → the text it should have, for each that differs; None: it has no source.

    Raises:
        MarkdownError: a page cannot be read or has no plain form.
        RepositoryError: `_config.yml`, a page or the README is not as it must be.
    """
    settings = Repository.read(ROOT / "_config.yml")
    cell = repository.first_cell(settings)
    english = Book.read(CHAPTERS / "en", BIBLIOGRAPHY)
    books, wanted = {}, {}
    for source in chapters():
        folder = source.parent
        books[folder] = books.get(folder) or Book.read(folder, BIBLIOGRAPHY, english)
        text = repository.with_first_cell(read_page(source), cell)
        wanted[source] = text
        wanted[source.with_suffix(".ipynb")] = notebook_text(source, books[folder], text)
    twins = [path for path in wanted if path.suffix == ".ipynb"]
    wanted |= dict.fromkeys(set(CHAPTERS.glob("*/*.ipynb")) - set(twins))
    readme, table = ROOT / "README.md", repository.chapters_table(settings, twins)
    wanted[readme] = repository.with_chapters_table(readme.read_text("utf-8"), table)
    return {path: text for path, text in wanted.items()
            if not path.exists() or path.read_text(encoding="utf-8") != text}


def _metadata(cell, in_solution: bool) -> dict:
    tags = cell.metadata.get("tags", [])
    metadata = {"tags": tags} if tags else {}
    if in_solution or "hide-input" in tags:  # folded where the reader's tool can fold
        metadata["jupyter"] = {"source_hidden": True}
    return metadata


def _source(path: Path) -> str:
    return "its source" if path.suffix == ".ipynb" else "what _config.yml and the chapters give"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say what differs")
    check = parser.parse_args().check
    try:
        differing = outdated()
    except (MarkdownError, RepositoryError) as error:
        print(f"notebooks: {error}", file=sys.stderr)
        return 1
    for path, text in sorted(differing.items()):
        name = path.relative_to(ROOT)
        if check:
            print(f"{name} differs from {_source(path)}: run `make notebooks`.")
        elif text is None:
            path.unlink()
            print(f"{name} removed: its source is gone")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{name} written")
    return 1 if check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
