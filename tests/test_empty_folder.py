"""A notebook on its own, in an empty folder: it fetches the course and runs, or says why."""

import os
import shutil
import subprocess
import sys

import nbclient
import nbformat
import pytest

from tools import notebooks

TWINS = [source.with_suffix(".ipynb") for source in notebooks.chapters()]
# The English ones are run; the others have their code, which another test proves.
NOTEBOOKS = [path for path in TWINS if path.parent.name == "en"]
SPANISH = next(p for p in TWINS if p.parent.name == "es" and p.stem.startswith("02"))


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """What a reader clones: the course as it is in this folder, committed."""
    folder = tmp_path_factory.mktemp("repository")
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("utils", "chapters", "checkpoints", "benchmarks", "theme"):  # what cells read
        shutil.copytree(notebooks.ROOT / part, folder / part, ignore=ignore)
    git = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "course"], check=True)
    return folder.as_uri()


def execute(path, repository, folder, monkeypatch):
    monkeypatch.setenv("COURSE_REPOSITORY", repository)
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.delenv("COURSE_LANGUAGE")  # the notebook says it
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=180, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return [o for c in notebook.cells for o in c.get("outputs", [])]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_in_an_empty_folder(path, repository, tmp_path, monkeypatch):
    outputs = execute(path, repository, tmp_path, monkeypatch)
    assert [p.name for p in tmp_path.iterdir()] == ["transformers-workshop"]
    assert [o for o in outputs if "text/html" in o.get("data", {})]


def test_a_spanish_notebook_speaks_spanish(repository, tmp_path, monkeypatch):
    """Where the notebook lies in the folder; Jupyter also tells its kernel which one it is."""
    shutil.copy(SPANISH, tmp_path)
    outputs = execute(tmp_path / SPANISH.name, repository, tmp_path, monkeypatch)
    texts = [o.get("data", {}).get("text/plain", "") for o in outputs]
    assert "✎ skipgram_pairs: todavía sin escribir." in texts
    assert "✓ skipgram_pairs: correcto." in texts
    figures = [text for text in texts if text.startswith("[Figure: ")]
    assert figures and not [text for text in figures if " of the " in text]
    assert any("tokenizador" in o.get("data", {}).get("text/html", "") for o in outputs)


def first_cell():
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    return next(cell.source for cell in notebook.cells if cell.cell_type == "code")


def run_first_cell(folder, **environment):
    return subprocess.run(
        [sys.executable, "-c", first_cell() + "\nprint(course)"], cwd=folder, text=True,
        capture_output=True, env={"PATH": os.environ["PATH"]} | environment,
    )


def test_without_a_network_the_first_cell_says_what_to_set(tmp_path):
    result = run_first_cell(tmp_path, COURSE_REPOSITORY=str(tmp_path / "nowhere"))
    assert result.returncode == 1
    assert "could not be cloned" in result.stderr and "COURSE_REPOSITORY" in result.stderr
    assert list(tmp_path.iterdir()) == []  # nothing half done is left


def test_the_course_is_cloned_once(tmp_path, repository):
    first = run_first_cell(tmp_path, COURSE_REPOSITORY=repository)
    assert first.returncode == 0, first.stderr
    again = run_first_cell(tmp_path, COURSE_REPOSITORY="nowhere")
    assert again.returncode == 0 and again.stdout == first.stdout


def test_inside_the_course_nothing_is_cloned(root):
    result = run_first_cell(root / "chapters/en", COURSE_REPOSITORY="nowhere")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == str(root)
