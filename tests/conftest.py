"""Tests see the course as a reader does: from its root, without a network or settings."""

import os
from pathlib import Path

import counting
import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="try the faults as often as the book says")


def pytest_configure(config):
    config.addinivalue_line("markers", "promise(what): a case of a promise that the book counts")
    if hasattr(config, "workerinput"):
        return  # the process that starts the others has their reports
    if config.getoption("full"):
        config.pluginmanager.register(counting.Faults())
    if file := os.environ.get("COURSE_COUNTS"):
        config.pluginmanager.register(counting.Promises(file))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that keeps a promise says so in its last report."""
    result = yield
    if call.when == "call":
        for mark in item.iter_markers("promise"):
            item.user_properties.append(("promise", (mark.args[0], int(result.passed), 1, "")))
    return result


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
