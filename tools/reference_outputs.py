"""Gives copies of the notebooks the outputs of the book, for nbval to compare with.

The committed notebooks hold no outputs. The book's build has just executed the same
cells; nbval executes them again and compares each output with the book's. So one run
tests two promises: the notebooks run, and two executions print the same.
"""

import shutil
import sys

import nbformat

from tools.build import BUILD
from tools.editions import SOURCE
from tools.execution import executed_pages
from tools.notebooks import CHAPTERS


def with_outputs(notebook, executed):
    """The notebook with the outputs of the executed one, whose code cells are the same."""
    cells, sources = (
        [cell for cell in n.cells if cell.cell_type == "code"] for n in (notebook, executed)
    )
    for number, (cell, source) in enumerate(zip(cells, sources, strict=True), start=1):
        cell.outputs, cell.execution_count = source.outputs, number
    return notebook


def main() -> int:
    target = BUILD / "nbval"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copyfile(CHAPTERS / "conftest.py", target / "conftest.py")
    executed = executed_pages(BUILD / (BUILD / "current").read_text() / "executed")
    for path in sorted((CHAPTERS / SOURCE).glob("*.ipynb")):
        if path.stem not in executed:
            print(f"{path.name} is not what the book executed: run `make book`.", file=sys.stderr)
            return 1
        notebook = with_outputs(nbformat.read(path, as_version=4), executed[path.stem][0])
        nbformat.write(notebook, target / path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
