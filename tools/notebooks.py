"""Writes the plain notebook beside each chapter: `make notebooks`.

The chapters in `chapters/<language>/*.md` are the source. Each page with code cells gets
a `.ipynb` twin without outputs: the same code cells byte for byte, the prose as plain
Markdown. Colab opens the twins, and nbval runs them.

    python -m tools.notebooks            # write what is missing or differs
    python -m tools.notebooks --check    # write nothing; exit 1 if something differs
"""

import argparse
import hashlib
import sys
from pathlib import Path

import jupytext
import nbformat

from tools.plain_markdown import Book, MarkdownError, Page, read_page

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
BIBLIOGRAPHY = CHAPTERS / "references.bib"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebook_text(source: Path, book: Book) -> str:
    """The notebook of one chapter, as the JSON that lies in the file.

    Raises:
        MarkdownError: the page uses MyST that has no plain form.
    """
    text = read_page(source)
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


def chapters() -> list[Path]:
    """Every page with code cells, in every language."""
    return [
        page
        for page in sorted(CHAPTERS.glob("*/*.md"))
        if "{code-cell}" in read_page(page)
    ]


def outdated() -> dict[Path, str | None]:
    """Notebook → the text it should have, for each that differs; None: it has no source."""
    books, differing = {}, {}
    sources = chapters()
    english = Book.read(CHAPTERS / "en", BIBLIOGRAPHY)
    for source in sources:
        folder = source.parent
        books[folder] = books.get(folder) or Book.read(folder, BIBLIOGRAPHY, english)
        twin, text = source.with_suffix(".ipynb"), notebook_text(source, books[folder])
        if not twin.exists() or twin.read_text(encoding="utf-8") != text:
            differing[twin] = text
    known = {source.with_suffix(".ipynb") for source in sources}
    return differing | dict.fromkeys(set(CHAPTERS.glob("*/*.ipynb")) - known)


def _metadata(cell, in_solution: bool) -> dict:
    tags = cell.metadata.get("tags", [])
    metadata = {"tags": tags} if tags else {}
    if in_solution or "hide-input" in tags:  # folded where the reader's tool can fold
        metadata["jupyter"] = {"source_hidden": True}
    return metadata


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say what differs")
    check = parser.parse_args().check
    try:
        differing = outdated()
    except MarkdownError as error:
        print(f"notebooks: {error}", file=sys.stderr)
        return 1
    for twin, text in sorted(differing.items()):
        name = twin.relative_to(ROOT)
        if check:
            print(f"{name} differs from its source: run `make notebooks`.")
        elif text is None:
            twin.unlink()
            print(f"{name} removed: its source is gone")
        else:
            twin.write_text(text, encoding="utf-8")
            print(f"{name} written")
    return 1 if check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
