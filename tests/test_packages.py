"""A notebook says what is missing; only on Colab does it install anything."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from utils import packages


@pytest.fixture
def lacking(monkeypatch):
    """A course that needs torch, which is here, and a package that is not."""
    monkeypatch.setattr(packages, "PACKAGES", {"torch": "torch", "no_such_module": "no-such-package"})


@pytest.fixture
def pip(monkeypatch):
    """Colab, with a pip that only notes how it was called."""
    calls = []

    def run(command):
        kept = Path(command[command.index("-c") + 1]).read_text()
        calls.append((command, kept))
        return subprocess.CompletedProcess(command, run.code)

    run.code, run.calls = 0, calls
    monkeypatch.setitem(sys.modules, "google.colab", object())
    monkeypatch.setattr(subprocess, "run", run)
    return run


def test_everything_that_the_course_needs_is_here():
    assert packages.missing() == []
    packages.require()


def test_every_package_is_pinned(root):
    pins = (root / "requirements.in").read_text().lower()
    for name in packages.PACKAGES.values():
        assert f"\n{name.lower()}==" in pins, name


def test_outside_colab_the_command_is_told_and_nothing_run(lacking, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("something was run"))
    with pytest.raises(ModuleNotFoundError, match="run `pip install no-such-package`"):
        packages.require()


def test_on_colab_only_the_absent_are_installed(lacking, pip, monkeypatch):
    answers = iter([["no-such-package"], []])  # before pip and after
    monkeypatch.setattr(packages, "missing", lambda: next(answers))
    packages.require()
    [(command, kept)] = pip.calls
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert command[-1] == "no-such-package" and "torch" not in command
    # and pip may not change these on its way
    assert kept.splitlines() == [f"{name}=={importlib.metadata.version(name)}"
                                 for name in ("numpy", "torch", "transformers")]


@pytest.mark.parametrize("code", [0, 1])
def test_an_installation_that_failed_is_told(lacking, pip, code):
    pip.code = code  # with 0 as well: the package is still not there
    with pytest.raises(ModuleNotFoundError, match="`pip install no-such-package` failed"):
        packages.require()
    assert len(pip.calls) == 1


@pytest.mark.parametrize("name", ["numpy", "torch", "transformers"])
def test_what_colab_comes_with_is_never_installed(pip, monkeypatch, name):
    monkeypatch.setattr(packages, "missing", lambda: ["bertviz", name])
    with pytest.raises(ModuleNotFoundError, match=f"Colab comes with {name}, .*delete runtime"):
        packages.require()
    assert pip.calls == []
