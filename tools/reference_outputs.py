"""Gives copies of the notebooks the outputs of the book, for nbval to compare with.

The committed notebooks hold no outputs. The book's build has just executed the same
cells; nbval executes them again and compares each output with the book's. So one run
tests two promises: the notebooks run, and two executions print the same.
"""

import shutil
import sys
from pathlib import Path

import nbformat

from tools.build import BUILD, LANGUAGES
from tools.notebooks import CHAPTERS


def with_outputs(notebook, executed):
    """The notebook with the outputs of the executed one.

    Raises:
        ValueError: their code cells differ.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    sources = [cell for cell in executed.cells if cell.cell_type == "code"]
    if [c.source for c in cells] != [c.source for c in sources]:
        raise ValueError("the code cells of the notebook are not those of the book")
    for number, (cell, source) in enumerate(zip(cells, sources), start=1):
        cell.outputs, cell.execution_count = source.outputs, number
    return notebook


def main() -> int:
    target = BUILD / "nbval"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copyfile(CHAPTERS / "conftest.py", target / "conftest.py")
    book = BUILD / (BUILD / "current").read_text()
    for path in sorted((CHAPTERS / LANGUAGES[0]).glob("*.ipynb")):
        executed = book / LANGUAGES[0] / "_build/jupyter_execute" / path.name
        try:
            notebook = with_outputs(*(nbformat.read(p, as_version=4) for p in (path, executed)))
        except ValueError as error:
            print(f"{path.name}: {error}: run `make notebooks book`.", file=sys.stderr)
            return 1
        nbformat.write(notebook, target / path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
