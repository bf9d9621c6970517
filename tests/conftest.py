"""Tests see the course as a reader does: from its root, without a network or settings."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="try the faults as often as the book says")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def grammar():
    """(number, seed, split) -> so many sentences of the course's grammar, as trees."""
    from utils import english
    from utils.bertology.words import Tree

    def trees(number, seed, split="train"):
        return [
            Tree(s.tokens, s.upos, s.heads, tuple(r.partition(":")[0] for r in s.deprels))
            for s in english.sentences(number, seed, split)
        ]

    return trees


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    """Each test chooses its own settings; those of the person who runs it do not count."""
    for name in [name for name in os.environ if name.startswith("COURSE_")]:
        if name != "COURSE_CHROMIUM":  # says where this machine has its browser
            monkeypatch.delenv(name)
    monkeypatch.setenv("COURSE_SOURCE", "embedded")
    monkeypatch.setenv("COURSE_LANGUAGE", "en")
