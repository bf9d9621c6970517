"""What `make dist` writes: the zips, whole or not at all, and the site opened from a disk."""

import contextlib
import json
import os
import re
import shutil
import zipfile

import pytest

from tools import build, chromium, dist, editions, pdf, print_pages, status

LANGUAGES = ("en", *editions.languages())
COMMIT = "0123456789abcdef0123456789abcdef01234567"
needs_chromium = pytest.mark.skipif(
    not shutil.which("chromium"), reason="no chromium: apt-get install chromium")


def names(path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return archive.namelist()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A small site in a folder of its own, and dist/ beside it."""
    site = tmp_path / "_site"
    for name in ("index.html", "favicon.svg", "en/index.html", "en/_static/site.css",
                 "en/.buildinfo", ".en-new/index.html", "shots/en/index.png", "es/shots/x.html"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(name)
    monkeypatch.setattr(build, "SITE", site)
    monkeypatch.setattr(build, "BUILD", tmp_path / "_build")
    monkeypatch.setattr(dist, "DIST", tmp_path / "dist")
    monkeypatch.setattr(dist, "version", lambda: "9.9")
    monkeypatch.setenv(chromium.NAME, "no-such-browser")
    return site


def test_the_zip_has_the_site_in_one_folder_without_pictures_of_tests(site):
    files = dict(dist.site_files(site, "course-9.9"))
    assert sorted(files) == [f"course-9.9/{name}" for name in (
        "en/_static/site.css", "en/index.html", "es/shots/x.html", "favicon.svg", "index.html")]
    assert files["course-9.9/en/index.html"] == b"en/index.html"


def test_the_same_files_give_the_same_bytes(site, tmp_path):
    dist.write_zip(tmp_path / "a.zip", dist.site_files(site, "course"))
    copied = shutil.copytree(site, tmp_path / "copy", copy_function=shutil.copyfile)
    for path in sorted(copied.rglob("*"), reverse=True):
        os.utime(path, (1e9, 1e9))
        path.chmod(0o700)
    dist.write_zip(tmp_path / "b.zip", reversed(dist.site_files(copied, "course")))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert names(tmp_path / "a.zip") == sorted(names(tmp_path / "a.zip"))
    (copied / "index.html").write_text("another")
    dist.write_zip(tmp_path / "b.zip", dist.site_files(copied, "course"))
    assert (tmp_path / "a.zip").read_bytes() != (tmp_path / "b.zip").read_bytes()


def test_without_a_site_nothing_is_written(site, capsys):
    (site / "index.html").unlink()
    assert dist.main() == 1
    assert "run `make book`" in capsys.readouterr().err
    assert not dist.DIST.exists()


def test_without_chromium_the_zips_are_there_and_the_message_says_what_to_install(site, capsys):
    dist.DIST.mkdir()
    (dist.DIST / "course-8.pdf").touch()  # of an earlier run
    assert dist.main() == 1
    error = capsys.readouterr().err
    assert "no PDFs: no-such-browser was not found. Install Debian's package chromium" in error
    written = sorted(path.name for path in dist.DIST.iterdir())
    assert written == sorted(["course-9.9.zip", *(f"notebooks-{code}.zip" for code in LANGUAGES)])
    assert "course-9.9/index.html" in names(dist.DIST / "course-9.9.zip")


def test_a_book_that_cannot_be_printed_leaves_the_others(site, monkeypatch, capsys):
    def print_book(browser, text, target):
        target.write_text("half")
        if target.stem.endswith("-es"):
            raise pdf.PdfError("runs off the page: here")
        return pdf.Printed(3, "☃")

    monkeypatch.setattr(pdf, "browser", contextlib.nullcontext)
    monkeypatch.setattr(pdf, "print_book", print_book)
    monkeypatch.setattr(print_pages, "read_book", lambda *_: None)
    monkeypatch.setattr(print_pages, "document", lambda _: "")
    assert dist.main() == 1
    printed = capsys.readouterr()
    assert printed.err == "dist: course-es.pdf: runs off the page: here\n"
    assert "course-en.pdf: no font of this machine has ☃" in printed.out
    found = {path.name for path in dist.DIST.glob("*.pdf")}
    assert found == {f"course-{code}.pdf" for code in LANGUAGES if code != "es"}


@pytest.mark.parametrize("ending", [KeyboardInterrupt, OSError])
def test_what_is_interrupted_leaves_the_earlier_files_as_they_were(site, monkeypatch, ending):
    dist.DIST.mkdir()
    (dist.DIST / "earlier.zip").write_text("whole")

    def stop(*_):
        raise ending

    monkeypatch.setattr(dist, "notebook_files", stop)
    with pytest.raises(ending):
        dist.main()
    assert [path.name for path in dist.DIST.iterdir()] == ["earlier.zip"]


def test_a_course_without_a_version_says_where_it_belongs(site, monkeypatch, capsys):
    def without():
        raise ValueError("_config.yml has no version")

    monkeypatch.setattr(dist, "version", without)
    assert dist.main() == 1
    assert "_config.yml has no version" in capsys.readouterr().err
    assert not dist.DIST.exists()


def test_the_version_of_the_course_can_name_a_file():
    assert re.fullmatch(r"\d[\w.+-]*", dist.version())


# -- the notebooks ------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notebooks_of_a_language_fetch_the_course_at_their_commit(language):
    folder = build.ROOT / "chapters" / language
    plain = dict(dist.notebook_files(language, ""))
    assert plain == {f"notebooks-{language}/{path.name}": path.read_bytes()
                     for path in folder.glob("*.ipynb")}
    stamped = dict(dist.notebook_files(language, COMMIT))
    assert sorted(stamped) == sorted(plain) and stamped
    for name, content in stamped.items():
        before, after = ([cell for cell in json.loads(notebook)["cells"]
                          if cell["cell_type"] == "code"] for notebook in (plain[name], content))
        assert COMMIT in "".join(after[0]["source"])
        assert after[1:] == before[1:]


@pytest.mark.parametrize("revision, commit", [
    (status.Revision(COMMIT, "2026-01-01", False), COMMIT),
    (status.Revision(COMMIT, "2026-01-01", True), ""),
    (None, ""),
])
def test_a_commit_counts_only_if_it_holds_these_files(site, monkeypatch, revision, commit):
    asked = []
    monkeypatch.setattr(status, "revision", lambda _: revision)
    monkeypatch.setattr(dist, "notebook_files", lambda *given: asked.append(given) or [])
    dist.main()
    assert asked == [(language, commit) for language in LANGUAGES]


# -- the finished site, unpacked ----------------------------------------------------------


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    dist.write_zip(folder / "course.zip", dist.site_files(build.SITE, "course"))
    with zipfile.ZipFile(folder / "course.zip") as archive:
        archive.extractall(folder)
    return folder / "course"


@needs_chromium
def test_the_unpacked_site_opens_from_a_disk_and_its_search_finds(unpacked):
    with pdf.browser() as browser:
        context = browser.new_context(offline=True, locale="en-GB")
        wrong = []
        context.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("requestfailed", lambda request: wrong.append(request.url))
        context.on("request", lambda request: request.url.startswith(
            ("file:", "data:", "blob:", "about:")) or wrong.append(request.url))
        page = context.new_page()
        page.goto((unpacked / "index.html").as_uri())
        page.wait_for_url("**/en/index.html")
        page.keyboard.press("Control+k")
        page.keyboard.type("entropy")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=entropy*")
        found = page.locator("#search-results li a")
        found.first.wait_for()
        assert "01_foundation_models.html" in " ".join(
            link.get_attribute("href") for link in found.all())
        page.goto((unpacked / "en/05_bertology.html").as_uri())
        page.locator(".course-chart").first.scroll_into_view_if_needed()
        page.locator(".course-chart svg").first.wait_for()  # drawn by the site's own scripts
        assert wrong == []


@needs_chromium
def test_a_browser_that_does_not_start_is_an_error(monkeypatch):
    monkeypatch.setenv(chromium.NAME, shutil.which("false"))
    with pytest.raises(pdf.PdfError, match="does not start"), pdf.browser():
        pass
