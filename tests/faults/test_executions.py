"""Every chapter runs again and again, with any number of threads, under newer Pythons.

What is compared is what nbval compares in `make test`: all outputs but pictures, HTML and
stderr, of all cells but those tagged `nbval-ignore-output`, which print times. Between
numbers of threads and between Pythons nothing is compared, since sums in another order are
other numbers in the last digits; there a chapter must end without an error.

COURSE_PYTHONS names the Pythons, with `:` between them (`;` on Windows); they need the
packages of requirements.txt. python3.12 and python3.13 are tried unless it is set.
"""

import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import notebooks

CHAPTERS = notebooks.CHAPTERS / "en"
TIMES, THREADS = 20, (1, 2, 4)
PYTHONS = os.environ.get("COURSE_PYTHONS", os.pathsep.join(["python3.12", "python3.13"]))
EQUAL = f"notebooks executed {TIMES} times in the smoke profile: equal outputs"
THREADED = "notebooks executed with 1, 2 and 4 threads: no error"
SPOKEN = "notebooks executed under Python {}: no error"
PICTURES = ("image/png", "image/jpeg")


def chapters() -> list[Path]:
    """The English notebooks, the longest first: they would end last."""
    return sorted(CHAPTERS.glob("*.ipynb"), key=lambda path: -path.stat().st_size)


def pytest_generate_tests(metafunc):
    """In short, one chapter twice: `make test` runs each of them once in other tests."""
    full, names = metafunc.config.getoption("full"), metafunc.fixturenames
    if "time" in names:
        metafunc.parametrize("time", range(TIMES if full else 2))
        metafunc.parametrize("chapter", chapters() if full else chapters()[-1:], ids=_stem)
    if "threads" in names:
        metafunc.parametrize("threads", THREADS if full else ())
        metafunc.parametrize("chapter", chapters(), ids=_stem)
    if "python" in names:
        metafunc.parametrize("python", PYTHONS.split(os.pathsep) if full else ())
        metafunc.parametrize("chapter", chapters(), ids=_stem)


def _stem(path: Path) -> str:
    return path.stem


# -- executing --------------------------------------------------------------------------


def execute(notebook, folder: Path, python=sys.executable, threads: int = 1):
    """The notebook with its outputs, executed by a kernel of that Python.

    `folder` takes what IPython keeps; the notebook runs where the chapters lie.
    """
    client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3",
                                     resources={"metadata": {"path": str(CHAPTERS)}})
    client.create_kernel_manager()
    client.km.kernel_spec.argv = [str(python), "-m", "ipykernel_launcher",
                                  "-f", "{connection_file}"]
    ours = ("COURSE_", "PYTHON", "JUPYTER", "IPYTHON", "JPY_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return client.execute(env=kept | {
        "COURSE_PROFILE": "smoke", "COURSE_SOURCE": "embedded", "COURSE_BOOK": "1",
        "IPYTHONDIR": str(folder), "OMP_NUM_THREADS": str(threads), "TQDM_DISABLE": "1"})


def not_compared() -> tuple[str, ...]:
    """What the chapters' nbval does not compare."""
    path = notebooks.CHAPTERS / "conftest.py"
    spec = importlib.util.spec_from_file_location("chapters_conftest", path)
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    return module.NOT_COMPARED + PICTURES


def printed(notebook) -> list[dict[str, str]]:
    """What is compared of each code cell: the kind of an output -> its text."""
    leave, found = not_compared(), []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            texts = {}
            ignored = "nbval-ignore-output" in cell.metadata.get("tags", [])
            for output in () if ignored else cell.outputs:
                data = {output.name: output.text} if output.output_type == "stream" else output.data
                for kind in data.keys() - set(leave):
                    text = data[kind]  # stdout may come in pieces, which are no difference
                    text = text if isinstance(text, str) else json.dumps(text, sort_keys=True)
                    texts[kind] = texts.get(kind, "") + text
            found.append(texts)
    return found


def difference(first: list, second: list) -> str:
    """The first cell that printed something else, with both texts; empty if none did."""
    for number, (one, other) in enumerate(zip(first, second, strict=True), start=1):
        if one != other:
            return f"code cell {number} printed\n{one}\nand then\n{other}"
    return ""


def first_printed(path: Path, found: list) -> list:
    """What the first execution printed, in whichever process; it leaves it at `path`."""
    own = path.with_suffix(f".{os.getpid()}")
    own.write_text(json.dumps(found), "utf-8")
    try:
        os.link(own, path)  # at once or not at all
    except FileExistsError:
        pass
    return json.loads(path.read_text("utf-8"))


@functools.cache
def lacks(python: str) -> tuple[str, str]:
    """(its version, why the chapters cannot run under it); the latter is empty if they can."""
    known = re.search(r"3\.\d+", Path(python).name)
    version = known[0] if known else python
    if not (found := shutil.which(python)):
        return version, f"{version} is not installed"
    ask = ("import importlib.util, packages, sys; "
           "print('%d.%d' % sys.version_info[:2], *packages.missing(), "
           "*() if importlib.util.find_spec('ipykernel') else ['ipykernel'])")
    done = subprocess.run([found, "-c", ask], cwd=notebooks.ROOT / "utils",
                          capture_output=True, text=True)
    if done.returncode:
        return version, f"{python} does not run"
    version, *missing = done.stdout.split()
    return version, f"{version} lacks {', '.join(missing[:3])}" * bool(missing)


# -- the chapters -----------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path_factory) -> Path:
    """A folder that all processes of these tests have."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def test_a_chapter_prints_the_same_each_time(chapter, time, tally, tmp_path, shared):
    with tally.one(EQUAL):
        found = printed(execute(nbformat.read(chapter, as_version=4), tmp_path))
        assert sum(map(len, found)) > 10  # something is compared
        wrong = difference(first_printed(shared / f"{chapter.stem}.json", found), found)
        assert not wrong, wrong


def test_a_chapter_runs_with_any_number_of_threads(chapter, threads, tally, tmp_path):
    error = raised(chapter, tmp_path, threads=threads)
    tally(THREADED, int(not error), 1, "numbers may differ in the last digits")
    assert not error, error


def test_a_chapter_runs_under_a_newer_python(chapter, python, tally, tmp_path):
    version, why = lacks(python)
    if why:
        tally(SPOKEN.format(version), None, 0, why)
        pytest.skip(why)
    error = raised(chapter, tmp_path, python=shutil.which(python))
    tally(SPOKEN.format(version), int(not error), 1)
    assert not error, error


def raised(chapter: Path, folder: Path, **how) -> str:
    """What a chapter raised when it was executed; empty if nothing."""
    try:
        execute(nbformat.read(chapter, as_version=4), folder, **how)
    except (nbclient.exceptions.CellExecutionError, nbclient.exceptions.DeadKernelError) as error:
        return str(error)
    return ""


# -- whether the above would find anything -------------------------------------------------


def run_cell(source: str, folder: Path, tags=(), **how):
    cell = new_code_cell(source, metadata={"tags": list(tags)})
    return printed(execute(new_notebook(cells=[cell]), folder, **how))


@pytest.mark.parametrize("source", ["import random; print(random.random())",
                                    "import random; random.random()",
                                    "print(hash('the order of a set'))"])
def test_what_differs_from_one_execution_to_the_next_is_found(source, tmp_path):
    one, other = run_cell(source, tmp_path), run_cell(source, tmp_path)
    assert difference(one, other).startswith("code cell 1 printed") and not difference(one, one)


def test_a_text_in_pieces_is_the_same_text(tmp_path):
    pieces = "import time\nfor i in '123':\n    print(i, flush=True); time.sleep(0.3)"
    assert run_cell(pieces, tmp_path) == run_cell("print('1\\n2\\n3')", tmp_path)


def test_times_pictures_and_stderr_are_left_out(tmp_path):
    source = ("import sys, time\nfrom IPython.display import display\n"
              "print(time.time(), file=sys.stderr)\n"
              "display({'text/html': str(time.time()), 'text/plain': 'x'}, raw=True)")
    assert run_cell(source, tmp_path) == [{"text/plain": "x"}]
    assert run_cell("import time; print(time.time())", tmp_path, ["nbval-ignore-output"]) == [{}]


def script(path: Path, line: str) -> Path:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


def test_a_kernel_has_the_threads_and_the_python_that_were_asked_for(tmp_path):
    python = script(tmp_path / "another", f'SAID=it exec "{sys.executable}" "$@"')
    source = "import os, torch; print(torch.get_num_threads(), os.environ.get('SAID'))"
    assert run_cell(source, tmp_path, threads=2, python=python) == [{"stdout": "2 it\n"}]


def test_an_error_of_a_chapter_is_told(tmp_path):
    path = tmp_path / "x.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    assert "ZeroDivisionError" in raised(path, tmp_path)


def test_a_python_without_the_packages_is_named(tmp_path):
    assert lacks(sys.executable) == ("%d.%d" % sys.version_info[:2], "")
    assert lacks("no-python3.99") == ("3.99", "3.99 is not installed")
    bare = script(tmp_path / "python3.10", f'exec "{sys.executable}" -S "$@"')
    version, why = lacks(str(bare))
    assert version == "%d.%d" % sys.version_info[:2] and "lacks accelerate, altair" in why
