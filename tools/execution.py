"""Executes the English pages, several at once, into the cache that Jupyter Book reads.

    python -m tools.execution CACHE [SECONDS A CELL]

Jupyter Book executes one page after the other. The pages do not depend on each other, so
here each core has one; a page that is in the cache with the same code is not executed.
What raises is shown with its traceback and fails the build.
"""

import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import read_myst_markdown_notebook

from tools import editions

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"
MOST_AT_ONCE = 4  # a chapter needs up to 4 GB
PAGE = "COURSE_PAGE"  # names the page to who looks at its kernel from outside


def pages() -> list[Path]:
    """The English pages with code, the longest first: it would end last."""
    found = [page for page in editions.pages(editions.SOURCE)
             if "{code-cell}" in page.read_text("utf-8")]
    return sorted(found, key=lambda page: -page.stat().st_size)


def run(page: Path, notebook, seconds: int):
    """Execute a notebook in its folder; the result has what was raised, if anything.

    Ctrl-C reaches every process: one at work ends its kernel, an idle one has nothing to say.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ[PAGE] = page.stem
    try:
        return page, single_nb_execution(notebook, cwd=str(page.parent), timeout=seconds,
                                         allow_errors=False)
    finally:
        idle()


def idle() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def waiting(folder: Path) -> list[tuple]:
    """The pages, with their notebooks, that the cache in `folder` does not have."""
    cache, found = get_cache(folder), []
    for page in pages():
        notebook = read_myst_markdown_notebook(page.read_text("utf-8"), path=page)
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            found.append((page, notebook))
    return found


def execute(folder: Path, seconds: int) -> int:
    """Bring the cache in `folder` up to date; the exit code is 0 only if nothing raised."""
    cache, ahead = get_cache(folder), waiting(folder)
    failed = False
    workers = min(len(ahead), os.cpu_count() or 1, MOST_AT_ONCE)
    with ProcessPoolExecutor(workers, initializer=idle) as pool:
        running = [pool.submit(run, page, notebook, seconds) for page, notebook in ahead]
        for done in as_completed(running):
            if done.cancelled():
                continue
            page, result = done.result()
            if result.err is not None:  # what is at work still ends and is kept
                failed = True
                print(f"{page.name}: {result.exc_string}", file=sys.stderr, flush=True)
                for one in running:
                    one.cancel()
                continue
            cache.cache_notebook_bundle(
                CacheBundleIn(result.nb, str(page), data={"execution_seconds": result.time}),
                check_validity=False, overwrite=True)
            print(f"{page.name}: executed in {result.time:.0f} s", flush=True)
    return int(failed)


def executed_pages(folder: Path) -> dict:
    """Page → (its executed notebook, the cache's record of that execution).

    Args:
        folder: the cache. It keeps earlier versions of a page as well: the one with the
            code of the notebook beside the page is the one that the site shows.
    """
    cache = get_cache(folder)
    twins = {path.stem: _code(nbformat.read(path, as_version=4))
             for path in (CHAPTERS / editions.SOURCE).glob("*.ipynb")}
    found = {}
    for record in sorted(cache.list_cache_records(), key=lambda record: record.created):
        notebook = cache.get_cache_bundle(record.pk).nb
        if _code(notebook) == twins.get(Path(record.uri).stem):
            found[Path(record.uri).stem] = notebook, record
    return found


def _code(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


if __name__ == "__main__":
    try:
        sys.exit(execute(Path(sys.argv[1]), int(sys.argv[2])))
    except KeyboardInterrupt:
        sys.exit(130)
