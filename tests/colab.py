"""A stand-in for Colab: a Python of its own with what Colab has, and `google.colab`.

Its packages are those of the Python that runs the tests, linked file by file; what Colab
lacks is left out, and is installed by the first notebook itself. So nothing large is
downloaded, and nothing in the environment of the tests changes: pip puts a new file in the
place of an old one and never writes into it, which `state` shows.

The fixtures are for whole files of tests: `fresh` before any notebook ran, `equipped` after
the first cell of one, `address` of a repository that holds the course as it is here.
"""

import json
import os
import re
import shutil
import subprocess
import sysconfig
import venv
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

import nbclient
import nbformat
import pytest
from packaging.requirements import Requirement

from tools import notebooks
from tools.repository import Repository

# Of what the course imports, what Colab comes with; and the kernel.
PACKAGES = ("accelerate", "altair", "datasets", "matplotlib", "numpy", "pandas", "PyYAML",
            "scikit-learn", "scipy", "tokenizers", "torch", "tqdm", "transformers", "ipykernel")
NOTEBOOK = "STAND_IN_FOR_COLAB"  # names the file that the browser would have
MESSAGES = f'''"""What the kernel asks Colab's page for."""

import json
import os
from pathlib import Path


def blocking_request(request_type, request="", timeout_sec=5, parent=None):
    if request_type != "get_ipynb":
        raise ValueError(f"the stand-in for Colab knows no {{request_type}}")
    return {{"ipynb": json.loads(Path(os.environ["{NOTEBOOK}"]).read_text("utf-8"))}}
'''


def normal(name: str) -> str:
    """The name of a distribution as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(folder: Path) -> dict[str, Distribution]:
    """What is installed in a folder of packages."""
    return {normal(d.metadata["Name"]): d for d in distributions(path=[str(folder)])}


def closure(names, known: dict[str, Distribution]) -> set[str]:
    """The distributions that these ones need, with themselves, as far as they are known."""
    found, ahead = set(), [(normal(name), frozenset()) for name in names]
    seen = set()
    while ahead:
        name, extras = ahead.pop()
        if name not in known or (name, extras) in seen:
            continue
        seen.add((name, extras))
        found.add(name)
        for text in known[name].requires or ():
            needed = Requirement(text)
            if not needed.marker or any(needed.marker.evaluate({"extra": extra})
                                        for extra in ("", *extras)):
                ahead.append((normal(needed.name), frozenset(needed.extras)))
    return found


@dataclass(frozen=True)
class Colab:
    """The stand-in in a folder; `make` makes it."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin/python"

    @property
    def packages(self) -> Path:
        return Path(sysconfig.get_path("purelib", vars={"base": str(self.folder)}))

    def installed(self) -> dict[str, Distribution]:
        return installed(self.packages)

    def state(self) -> dict[str, tuple]:
        """Of each file of each distribution: which file on the disk, how long, how old."""
        return {str(path): (s.st_ino, s.st_size, s.st_mtime_ns)
                for distribution in self.installed().values()
                for path in map(distribution.locate_file, distribution.files or ())
                if Path(path).exists() for s in [os.stat(path)]}

    def environment(self, notebook: Path, settings: dict[str, str]) -> dict[str, str]:
        """The variables of a process there: without this one's that choose what it finds."""
        ours = ("COURSE_", "PYTHON", "JUPYTER", "IPYTHON", "JPY_", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return kept | {
            NOTEBOOK: str(notebook),
            "IPYTHONDIR": str(self.folder / "ipython"),
            "COURSE_PROFILE": "smoke",
            "COURSE_SOURCE": "embedded",
            "OMP_NUM_THREADS": "1",
            "PIP_DEFAULT_TIMEOUT": "30",  # without the registry, pip says so soon
            "PIP_RETRIES": "1",
            "TQDM_DISABLE": "1",
        } | settings

    def run(self, code: str, notebook: Path, folder: Path, **settings: str):
        """Run code there, as the kernel of a notebook would; the finished process."""
        return subprocess.run(
            [self.python, "-c", code], cwd=folder, env=self.environment(notebook, settings),
            text=True, capture_output=True, timeout=300, stdin=subprocess.DEVNULL,
        )

    def execute(self, notebook: Path, folder: Path, last: str, **settings: str) -> list:
        """Execute a notebook there, with one more cell at the end; the outputs of all."""
        read = nbformat.read(notebook, as_version=4)
        read.cells.append(nbformat.v4.new_code_cell(last))
        client = nbclient.NotebookClient(
            read, timeout=180, kernel_name="python3",
            resources={"metadata": {"path": str(folder)}})
        client.create_kernel_manager()
        client.km.kernel_spec.argv = [str(self.python), "-m", "ipykernel_launcher",
                                      "-f", "{connection_file}"]
        client.execute(env=self.environment(notebook, settings))
        return [output for cell in read.cells for output in cell.get("outputs", [])]


def make(folder: Path) -> Colab:
    """Make the stand-in in a new folder."""
    venv.EnvBuilder(with_pip=True, symlinks=True).create(folder)
    colab, source = Colab(folder), Path(sysconfig.get_path("purelib"))
    known = installed(source)
    for name in closure(PACKAGES, known):
        for file in known[name].files or ():
            if ".." not in file.parts and (source / file).is_file():  # commands are not needed
                _link(source / file, colab.packages / file)
    google = colab.packages / "google/colab"
    google.mkdir(parents=True)
    (google / "__init__.py").write_text('"""A stand-in for Colab."""\n')
    (google / "_message.py").write_text(MESSAGES)
    # There, the kernel itself has imported it.
    (colab.packages / "stand_in_for_colab.pth").write_text("import google.colab\n")
    return colab


def _link(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except FileExistsError:  # two distributions have it
        pass
    except OSError:  # another disk
        shutil.copy2(file, target)


# -- fixtures -------------------------------------------------------------------------


@dataclass(frozen=True)
class Equipped:
    """The stand-in after the first cell of a notebook, and what was there before."""

    colab: Colab
    distributions: dict[str, Distribution]  # before
    state: dict[str, tuple]  # before
    output: str


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    """Of what a reader's notebook gets: the course as it is in this folder, committed."""
    folder = tmp_path_factory.mktemp("a repository")  # with a blank
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("utils", "chapters", "checkpoints", "benchmarks", "theme"):  # what cells read
        shutil.copytree(notebooks.ROOT / part, folder / part, ignore=ignored)
    git = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["init", "-q", "-b", Repository.read().revision], ["add", "-A"],
                  ["commit", "-qm", "course"]):
        subprocess.run([*git, *words], check=True)
    return folder.as_uri()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The stand-in as Colab hands it out."""
    folder = tmp_path_factory.mktemp("colab") / "python"
    yield make(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def equipped(fresh, address, tmp_path_factory) -> Equipped:
    """The stand-in as the first cell of a notebook leaves it."""
    distributions, state = fresh.installed(), fresh.state()
    result = fresh.run(first_cell(), FIRST, tmp_path_factory.mktemp("first"),
                       COURSE_REPOSITORY=address)
    assert result.returncode == 0, (
        "The first cell could not install what Colab lacks; these tests need the package "
        f"registry that pip is set up for.\n{result.stderr}")
    return Equipped(fresh, distributions, state, result.stdout + result.stderr)


FIRST = notebooks.CHAPTERS / "en/01_foundation_models.ipynb"


def first_cell(notebook: Path = FIRST) -> str:
    cells = nbformat.read(notebook, as_version=4).cells
    return next(cell.source for cell in cells if cell.cell_type == "code")


LAST_CELL = """\
import json
import sys
import torch
from utils import languages
print(json.dumps([languages.current(), sys.prefix, torch.__file__, str(course)]), end="")"""
# (A line's end would be a second write, which now and then comes as an output of its own.)


def run_alone(notebook: Path, equipped: Equipped, address: str, folder: Path) -> list:
    """Run a notebook by itself in an empty folder, and check what holds for every one.

    Returns the outputs of its cells.
    """
    colab = equipped.colab
    *outputs, last = colab.execute(notebook, folder, LAST_CELL, COURSE_REPOSITORY=address)
    language, prefix, torch, course = json.loads(last["text"])
    assert language == notebook.parent.name  # as the page in the browser says
    assert (Path(prefix), Path(torch).parents[1]) == (colab.folder, colab.packages)
    assert os.listdir(folder) == ["workshop"] and Path(course) == folder / "workshop"
    assert [o for o in outputs if "text/html" in o.get("data", {})]
    return outputs


def notebooks_of(english: bool) -> list[Path]:
    """The notebooks in English, or those in all other languages."""
    twins = [source.with_suffix(".ipynb") for source in notebooks.chapters()]
    return [path for path in twins if (path.parent.name == "en") is english]
