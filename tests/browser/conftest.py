"""The finished site in Debian's Chromium: `make test-site`.

These tests are collected only by a run that names this folder, so that `pytest tests` needs
no browser. Each worker has one server on the loopback address, and one browser at a time.
"""

from pathlib import Path

import browsing
import pytest

from benchmarks import weight
from tools import build
from tools.chromium import chromium
from tools.serve import serve

HERE = Path(__file__).resolve().parent


def pytest_ignore_collect(collection_path, config):
    named = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(HERE) for path in named) else True


def pytest_configure(config):
    if missing := browsing.missing():
        pytest.exit("test-site lacks " + "; ".join(missing), returncode=2)


@pytest.fixture(scope="session")
def served():
    with serve(build.SITE) as served:
        yield served


@pytest.fixture(scope="session")
def playwright():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright):
    """One for each file of tests: after some hundred pages Chromium may stop drawing."""
    browser = playwright.chromium.launch(executable_path=chromium(), args=browsing.ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def visit(browser, served):
    """A reader with an empty cache, for one test."""
    visit = browsing.Visit(browser, served.address)
    yield visit
    visit.close()


def pytest_terminal_summary(terminalreporter):
    """What every page weighs, in one table."""
    measured = {}
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        for key, value in report.user_properties:
            if key == "weight":
                page, visit, sizes = value
                measured.setdefault(page, {})[visit] = sizes
    if measured:
        terminalreporter.section("what the pages weigh")
        terminalreporter.write_line("\n".join(weight.table(measured)))
