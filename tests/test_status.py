"""The page of versions and runs, and the buttons that report and edit: without the book."""

import re
import subprocess
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from sphinx.application import Sphinx

from tools import buttons, editions, execution, site_editions, status
from utils.languages import translate
from utils.sources.provenance import Provenance, ProvenanceTable

WIKIPEDIA = Provenance("text", "wikipedia", "wikipedia", "package", "gensim", "4.4.0", "a" * 64,
                       "CC BY-SA", "96 articles, 367,653 words")
KANT = Provenance("text", "kant", "wikipedia", "package", "gensim", "", "a" * 64, "CC BY-SA",
                  "96 articles, 367,653 words", "nothing that pip installed holds it")
SEEN = {"01_first": ([WIKIPEDIA], 12.4), "02_second": ([WIKIPEDIA, KANT], 30.2), "errata": ([KANT], 1)}


def table_html(provenances, language):
    return ProvenanceTable(provenances).render(language)["text/html"]


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of three pages with code, and the cache of their run in each language."""
    monkeypatch.setattr(editions, "CHAPTERS", tmp_path / "chapters")
    monkeypatch.setattr(execution, "CHAPTERS", tmp_path / "chapters")
    folder = tmp_path / "chapters/en"
    folder.mkdir(parents=True)
    for page, (provenances, seconds) in SEEN.items():
        code = f"x = 1\nprovenance_table({page!r})"
        (folder / f"{page}.md").write_text(f"# Title of {page}\n\n```{{code-cell}}\n{code}\n```\n")
        new = nbformat.v4
        twin = new.new_notebook(cells=[new.new_markdown_cell("# Title"), new.new_code_cell(code)])
        nbformat.write(twin, folder / f"{page}.ipynb")
        for language in ("en", "es"):
            shown = [new.new_output("display_data", data={"text/html": html}) for html in (
                "<table><thead><tr><th>not</th><th>this one</th></tr></thead></table>",
                table_html(provenances, language))]
            cell = new.new_code_cell(code, outputs=shown, execution_count=1)
            get_cache(tmp_path / f"executed-{language}").cache_notebook_bundle(CacheBundleIn(
                new.new_notebook(cells=[cell]), str(folder / f"{page}.md"),
                data={"execution_seconds": seconds}), check_validity=False)
    return tmp_path


def build(course, text, language="en", **config):
    """What Sphinx makes of a page with this text, and its warnings."""
    source = course / f"source-{language}"
    source.mkdir(exist_ok=True)
    pages = {page: f"# Title of {page}\n" for page in SEEN} | {
        "index": "# Index\n\n```{toctree}\n:glob:\n*\n```\n", "status": f"# Status\n\n{text}\n"}
    for page, text in pages.items():
        path = source / f"{page}.md"
        if not path.exists() or path.read_text() != text:  # Sphinx reads again what is newer
            path.write_text(text)
    warnings = course / "warnings"
    with open(warnings, "w") as stream:
        app = Sphinx(source, None, course / "html", course / "doctrees", "html", confoverrides={
            "extensions": ["myst_parser", "tools.status"], "language": language,
            "course_executed": str(course / f"executed-{language}"),
            "suppress_warnings": ["app"],  # of a second Sphinx in one process
        } | config,
            status=None, warning=stream)
        app.build()
    page = (course / "html/status.html").read_text()
    return BeautifulSoup(page, "html.parser").select_one("[role=main]"), warnings.read_text()


def rows(page) -> list[list[str]]:
    return [[" ".join(cell.get_text().split()) for cell in row.select("th, td")] for row in page.select("tr")]


# -- the commit -------------------------------------------------------------------------


def git(folder, *arguments):
    subprocess.run(["git", "-C", folder, "-c", "user.name=A", "-c", "user.email=a@b.org", *arguments],
                   check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-02-03T04:05:06Z")
    folder = tmp_path / "checkout"
    (folder / "inside").mkdir(parents=True)
    (folder / "file").write_text("one")
    (folder / "inside/file").write_text("one")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "x")
    status.revision.cache_clear()
    yield folder
    status.revision.cache_clear()


def test_the_commit_is_named_with_its_day_and_with_changes(checkout):
    found = status.revision(checkout)
    assert re.fullmatch("[0-9a-f]{40}", found.commit) and found.day == "2026-02-03"
    assert not found.changed
    (checkout / "file").write_text("two")
    status.revision.cache_clear()
    assert status.revision(checkout).changed


def test_a_folder_inside_anothers_checkout_is_no_checkout(checkout, tmp_path, monkeypatch):
    assert status.revision(checkout / "inside") is None
    assert status.revision(tmp_path / "checkout") is not None
    (tmp_path / "plain").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert status.revision(tmp_path / "plain") is None
    monkeypatch.setenv("PATH", "")  # no git at all
    status.revision.cache_clear()
    assert status.revision(checkout) is None


def test_the_page_says_how_it_was_made(course, checkout, monkeypatch):
    monkeypatch.setattr(status, "ROOT", checkout)
    for name, value in (("COURSE_PROFILE", "smoke"), ("OMP_NUM_THREADS", "3"), ("COURSE_SOURCE", "embedded")):
        monkeypatch.setenv(name, value)
    page, warnings = build(course, "```{status} revision\n```")
    found = dict(rows(page))
    assert found["revision"] == f"{status.revision(checkout).commit[:12]} (2026-02-03)"
    assert found["profile"] == "smoke" and found["threads"] == "3"
    assert found["source of models and data"] == "embedded"
    assert warnings == "" and len(page.select("th")) == len(page.select("tr"))
    monkeypatch.setattr(status, "ROOT", checkout / "inside")
    page, _ = build(course, "```{status} revision\n```")
    assert dict(rows(page))["revision"] == "not built from a git checkout"


def test_nothing_in_the_page_is_the_time_of_the_build(course):
    text = "\n\n".join(f"```{{status}} {name}\n```" for name in ("revision", "runs", "provenance", "versions"))
    first, _ = build(course, text)
    second, _ = build(course, text)
    assert str(first) == str(second) and len(first.select("table")) == 4


# -- the runs ---------------------------------------------------------------------------


def test_each_page_has_its_run_time_and_a_link(course):
    page, warnings = build(course, "```{status} runs\n```")
    assert warnings == ""
    assert rows(page) == [
        ["page", "code cells", "run time"], ["Title of 01_first", "1", "12 s"],
        ["Title of 02_second", "1", "30 s"], ["Title of errata", "1", "1 s"], ["together", "3", "44 s"]]
    assert [a["href"] for a in page.select("td a")] == [f"{name}.html" for name in SEEN]


def test_the_run_is_read_again_when_only_the_cache_changed(course):
    build(course, "```{status} runs\n```")
    path = course / "chapters/en/01_first.md"
    cache = get_cache(course / "executed-en")
    record = next(r for r in cache.list_cache_records() if r.uri == str(path))
    cache.cache_notebook_bundle(CacheBundleIn(cache.get_cache_bundle(record.pk).nb, str(path),
                                data={"execution_seconds": 99.0}), check_validity=False, overwrite=True)
    page, _ = build(course, "```{status} runs\n```")
    assert rows(page)[1] == ["Title of 01_first", "1", "99 s"]


def test_a_page_that_was_not_executed_is_named(course):
    path = course / "chapters/en/errata"
    path.with_suffix(".md").write_text("# Title\n\n```{code-cell}\nother = 2\n```\n")
    twin = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("other = 2")])
    nbformat.write(twin, path.with_suffix(".ipynb"))
    _, warnings = build(course, "```{status} runs\n```")
    assert "status runs: not executed: errata: `make book` executes" in warnings
    _, warnings = build(course, "```{status} provenance\n```", course_executed="")
    assert "the configuration has no course_executed" in warnings


def test_an_unknown_table_is_refused_and_the_known_are_listed(course):
    _, warnings = build(course, "```{status} weather\n```")
    assert "'weather' is unknown: choose one of revision, runs, provenance, versions" in warnings


# -- what the pages were given ----------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "es"])
def test_what_the_pages_were_given_stands_once_with_all_its_pages(course, language):
    page, warnings = build(course, "```{status} provenance\n```", language)
    assert warnings == ""
    head, *found = rows(page)
    assert head[:-1] == [translate(column, language) for column in ("asked", "given", "from", "sha256", "licence")]
    kind, source = translate("text", language), translate("package: gensim", language)
    assert found == [
        [f"{kind} wikipedia", "wikipedia", f"{source} 4.4.0", "a" * 12, "CC BY-SA", "1, 2"],
        [f"{kind} kant", "wikipedia", source, "a" * 12, "CC BY-SA", "2, E"]]
    notes = [p.get_text() for p in page.select("p") if "kant" in p.get_text() and not p.find_parent("table")]
    assert notes == [translate(KANT.sentence, language)]  # once, though two pages say it
    assert (kind == "text") == (language == "en")


# -- the packages -----------------------------------------------------------------------


def test_every_package_that_is_asked_for_is_listed_as_it_is_installed(root):
    text = (root / "requirements.in").read_text()
    found = {name: version for name, version, _ in status.packages(text)}
    assert sorted(found) == sorted(re.findall(r"^([\w.-]+)==", text, re.M))
    for name in ("torch", "transformers", "jupyter-book", "bertviz", "gensim"):
        pin = re.search(rf"^{name}==(.+)$", text, re.M)[1]
        assert found[name].partition("+")[0] == pin  # +cpu: which build of it
    purposes = list(dict.fromkeys(purpose for *_, purpose in status.packages(text)))
    assert purposes == ["Builds the book", "Runs the chapters", "Tests them"]


def test_a_package_that_is_not_installed_is_named():
    text = "# All\n\n# Runs it; and more\nPyYAML==6.0\nno-such-thing==1.0\n"
    with pytest.raises(status.StatusError, match="names no-such-thing, which is not installed"):
        status.packages(text)
    found = status.packages(text.replace("no-such-thing==1.0\n", ""))
    assert found == [("PyYAML", yaml.__version__, "Runs it")]


def test_npm_packages_have_the_versions_of_the_lock():
    lock = """{"packages": {"": {"dependencies": {"b": "^1"}, "devDependencies": {"@a/a": "2"}},
        "node_modules/b": {"version": "1.2.3"}, "node_modules/@a/a": {"version": "2.0.1"},
        "node_modules/brought": {"version": "9.0.0"}}}"""
    assert [row[:2] for row in status.npm_packages(lock)] == [("@a/a", "2.0.1"), ("b", "1.2.3")]


# -- the words --------------------------------------------------------------------------


def test_spanish_has_a_word_for_every_word_of_the_tables(course, checkout, monkeypatch):
    """Each text of the English page that the tables write is another one in Spanish."""
    text = "\n\n".join(f"```{{status}} {name}\n```" for name in ("revision", "runs", "versions"))
    own = {}
    for language in ("en", "es"):
        page, _ = build(course, text, language)
        tables = page.select("table")
        own[language] = {row.th.get_text(strip=True) for row in tables[0].select("tr")}
        own[language] |= {th.get_text(strip=True) for table in tables[1:] for th in table.select("thead th")}
        own[language] |= {tables[1].select("tr")[-1].td.get_text(strip=True)}
        own[language] |= {row.select("td")[2].get_text(strip=True) for row in tables[2].select("tbody tr")}
    assert own["en"] & own["es"] == {"Python"}
    assert len(own["en"]) == len(own["es"]) >= 15
    words = site_editions.about("es")["words"]
    assert {"not built from a git checkout", "with changes that are not committed"} <= set(words)


@pytest.mark.parametrize("language", editions.languages())
def test_every_language_can_report_a_problem(language):
    words = site_editions.about(language)["words"]
    assert {buttons.REPORT, *buttons.QUESTIONS} <= set(words)
    assert "" not in words.values()


# -- the buttons ------------------------------------------------------------------------

OPTIONS = {"use_issues_button": True, "use_edit_page_button": True, "use_repository_button": True}


@pytest.fixture
def theme(tmp_path):
    """Builds pages with the course's theme; returns the buttons of one, by their kinds."""

    def make(language, names, repository="https://github.com/someone/course", **options):
        source = tmp_path / "source"
        source.mkdir()
        for name in names:
            (source / f"{name}.md").write_text(f"# {name}\n")
        executed = tmp_path / "jupyter_execute"
        executed.mkdir()
        (executed / "01_foundation_models.ipynb").write_text("{}")
        theme = {"path_to_docs": f"chapters/{language}", **OPTIONS, **options}
        if repository:
            theme["repository_url"] = repository
        else:
            theme |= dict.fromkeys(OPTIONS, False)
        app = Sphinx(source, None, tmp_path / "html", tmp_path / "doctrees", "html", confoverrides={
            "extensions": ["myst_parser", "sphinx_book_theme", "tools.buttons"], "language": language,
            "html_theme": "sphinx_book_theme", "html_theme_options": theme, "root_doc": names[0]},
            status=None, warning=None)
        app.build()
        found = {}
        for name in names:
            page = BeautifulSoup((tmp_path / f"html/{name}.html").read_text(), "html.parser")
            found[name] = {re.search(r"btn-([a-z-]+)-button", " ".join(a["class"]))[1]: a
                           for a in page.select("a.btn")}
        return found

    return make


@pytest.mark.parametrize("host, title, body", [
    ("https://github.com", "title", "body"), ("https://gitlab.com", "issue[title]", "issue[description]")])
def test_a_report_names_the_page_and_its_language_and_asks_in_it(theme, host, title, body):
    found = theme("es", ["01_foundation_models"], f"{host}/someone/course")["01_foundation_models"]
    report = found["source-issues"]
    assert report.get_text(strip=True) == report["title"] == "Avisar de un error"
    address = urlsplit(report["href"])
    fields = parse_qs(address.query)
    assert f"{address.scheme}://{address.netloc}" == host and address.path.endswith("/issues/new")
    assert fields[title] == ["es/01_foundation_models: "]
    assert [line for line in fields[body][0].split("\n") if line] == [
        "Qué hice:", "Qué pasó, con el mensaje completo:", "Qué esperaba:"]
    assert re.search(r"/edit/main/chapters/es/01_foundation_models\.md$", found["source-edit"]["href"])


def test_in_english_the_button_says_what_it_does(theme):
    found = theme("en", ["index"])["index"]
    assert found["source-issues"].get_text(strip=True) == "Report a problem"
    assert found["source-edit"]["href"].endswith("/edit/main/chapters/en/index.md")


def test_a_page_that_is_not_translated_offers_no_editing_of_a_file_that_is_not_there(theme):
    found = theme("ja", ["index", "01_foundation_models"])
    assert "source-edit" in found["index"] and "source-edit" not in found["01_foundation_models"]
    assert {"source-issues", "source-repository"} <= set(found["01_foundation_models"])
    assert found["01_foundation_models"]["source-issues"].get_text(strip=True) == "問題を報告"


def test_without_a_repository_the_notebook_can_still_be_downloaded(theme, tmp_path):
    found = theme("en", ["index", "01_foundation_models"], repository="")
    kinds = set(found["01_foundation_models"])
    assert not any(kind.startswith("source-") for kind in kinds)
    assert found["01_foundation_models"]["download-notebook"]["href"] == "_sources/01_foundation_models.ipynb"
    assert (tmp_path / "html/_sources/01_foundation_models.ipynb").read_text() == "{}"
    assert "download-notebook" not in found["index"]


def test_buttons_that_are_not_the_repositorys_are_left_alone():
    group = {"label": "download-buttons", "buttons": [{"label": "source-edit-button"}]}
    app = SimpleNamespace(config=SimpleNamespace(language="ja"))
    buttons.mend_buttons(app, "errata", "page.html", {"header_buttons": [group]}, None)
    assert group["buttons"] == [{"label": "source-edit-button"}]
