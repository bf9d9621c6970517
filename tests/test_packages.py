"""A notebook says what is missing; only on Colab does it install anything."""

import subprocess
import sys

import pytest

from utils import packages


@pytest.fixture
def missing(monkeypatch):
    monkeypatch.setattr(packages, "PACKAGES", {"torch": "torch", "no_such_module": "no-such-package"})


def test_everything_that_the_course_needs_is_here():
    assert packages.missing_packages() == []
    packages.require_packages()


def test_every_package_is_pinned(root):
    pins = (root / "requirements.txt").read_text().lower()
    for name in packages.PACKAGES.values():
        assert f"\n{name.lower()}==" in pins, name


def test_outside_colab_the_command_is_told_and_nothing_run(missing, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("something was run"))
    with pytest.raises(ModuleNotFoundError, match="pip install no-such-package"):
        packages.require_packages()


@pytest.mark.parametrize("code", [0, 1])
def test_on_colab_only_the_absent_are_installed(missing, monkeypatch, code):
    commands = []

    def run(command):
        commands.append(command)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setitem(sys.modules, "google.colab", object())
    monkeypatch.setattr(subprocess, "run", run)
    if code:
        with pytest.raises(ModuleNotFoundError, match="failed"):
            packages.require_packages()
    else:
        packages.require_packages()
    assert commands[0][-1:] == ["no-such-package"] and "torch" not in commands[0]
