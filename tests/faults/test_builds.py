"""A build that is killed, and two builds at once: the site is that of an unbroken build.

The small course of tests/test_build.py is built over an older site of its own, as whoever
changes a page does, and every page of `_site` is read all the while: it is the old one or
the new one, whole.
"""

import contextlib
import random
import shutil
import threading
import time

import psutil
import pytest
from small_course import CELL, COUNT, small_course

# The page to download is the source with its outputs, and nbformat draws its cells' names.
DIFFER = ("_sources/index.ipynb",)
OLD, NEW = ("Old.\n", CELL % COUNT), ("New.\n", CELL % (COUNT + "\nprint('more')"))


def site(course):
    """The files of the English edition: {name: bytes}."""
    folder = course.folder / "_site/en"
    return {
        name: path.read_bytes() for path in folder.rglob("*")
        if path.is_file() and (name := str(path.relative_to(folder))) not in DIFFER
    }  # fmt: skip


class Builder:
    """A course with an old site; `new` is what an unbroken build makes of the new page."""

    def __init__(self, root, folder, full):
        self.course = small_course(root, folder / "course")
        self.kept, self.old = folder / "kept", None
        if full:  # else the first site of all is built: half of the time
            self.old = self.built(OLD)
        self.keep(self.course.folder, self.kept)
        began = time.perf_counter()
        self.new = self.built(NEW)
        self.seconds = time.perf_counter() - began

    def built(self, page):
        self.course.write(*page)
        code, output = self.course.build()
        assert code == 0, output
        return site(self.course)

    def keep(self, source, target):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, symlinks=True)

    def begin(self):
        """The new page over the old site."""
        self.keep(self.kept, self.course.folder)
        self.course.write(*NEW)

    @contextlib.contextmanager
    def reading(self):
        """Read the pages meanwhile; yields a list of those that were neither old nor new."""
        wrong, over = [], threading.Event()

        def read():
            while not over.wait(0.002):
                for name in ("index.html", "search.html", "genindex.html"):
                    with contextlib.suppress(FileNotFoundError):
                        page = (self.course.folder / "_site/en" / name).read_bytes()
                        if page not in ((self.old or {}).get(name), self.new.get(name)):
                            wrong.append((name, len(page)))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield wrong
        finally:
            over.set()
            reader.join()


@pytest.fixture(scope="module")
def builder(root, tmp_path_factory, request):
    return Builder(root, tmp_path_factory.mktemp("builds"), request.config.getoption("full"))


def kill(process, everything):
    """Kill a build, alone or with all that it started."""
    started = psutil.Process(process.pid).children(recursive=True) if everything else []
    process.kill()
    for child in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()
    process.stdout.close()


def interrupted(builder, seconds, everything):
    """Kill a build after so many seconds, build again; None if it was ready before, else
    whether no half page was ever read and the site is that of an unbroken build."""
    builder.begin()
    with builder.reading() as wrong:
        process = builder.course.start()
        time.sleep(seconds)
        if process.poll() is not None:
            process.communicate()
            return None
        kill(process, everything)
        code, output = builder.course.build()
    return not code and not wrong and site(builder.course) == builder.new


KILLED = "a build killed at any moment, built again: the site of an unbroken build, no half page"
TWICE = "two builds at once: the site of an unbroken build, no half page"


def test_killed(builder, full, tally):
    moments, found = random.Random(4), []
    while len(found) < (20 if full else 1):
        everything = len(found) % 2 == 0  # else what it started goes on, and holds the lock
        good = interrupted(builder, moments.uniform(0, builder.seconds), everything)
        if good is not None:
            found.append(good)
    tally(KILLED, sum(found), len(found))
    assert all(found), found


def test_two_at_once(builder, full, tally):
    """The second one begins at a random moment of the first."""
    moments, found = random.Random(5), []
    for _ in range(5 if full else 1):
        builder.begin()
        with builder.reading() as wrong:
            first = builder.course.start()
            time.sleep(moments.uniform(0, builder.seconds))
            code, _ = builder.course.build()
            first.communicate()
        good = code == first.returncode == 0 and not wrong
        found.append(good and site(builder.course) == builder.new)
    tally(TWICE, sum(found), len(found))
    assert all(found), found
