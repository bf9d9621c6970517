"""The build fails when it must, every time, and executes only what it must.

A copy of the course with one small chapter is built as `make book` builds it.
"""

import shutil
import signal
import time

import pytest
from small_course import CELL, COUNT, small_course

from tools import build


@pytest.fixture
def course(root, tmp_path):
    """A course of one page that counts how often it is executed."""
    return small_course(root, tmp_path)


def test_only_what_changed_is_executed(course):
    course.write(CELL % COUNT)
    code, output = course.build()
    assert code == 0, output
    assert "value 1" in course.page and course.runs == 1

    course.write("Another sentence.\n", CELL % COUNT)  # prose: from the cache
    assert course.build()[0] == 0
    assert "Another sentence." in course.page and course.runs == 1

    (course.folder / "utils/value.py").write_text("VALUE = 2\n")  # the library: again
    assert course.build()[0] == 0
    assert "value 2" in course.page and course.runs == 2


def test_what_did_not_change_is_not_rendered_again(course):
    course.write("Text.\n", CELL % COUNT)
    assert "reading sources" in course.build()[1]
    shutil.rmtree(course.folder / "_site")
    code, output = course.build()
    assert code == 0 and "reading sources" not in output
    assert "Text." in course.page and course.runs == 1


def test_an_edition_is_rendered_again_after_every_change(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    folder, now = tmp_path / "_build/0123", [build.edition_state("es", tmp_path / "_build/0123")]

    def changed():
        now.append(build.edition_state("es", folder))
        return now[-1] not in now[:-1]

    assert not changed()
    for name in ("_config.yml", "_toc.yml", "theme/static/course.css", "tools/pages.py", "requirements.in",
                 "package-lock.json", "chapters/references.bib", "chapters/en/index.md", "chapters/es/index.md",
                 "chapters/es/picture.svg", "chapters/ja/edition.yml", "benchmarks/report.py",
                 "benchmarks/results/2026-01-31-a-machine.json", "_build/0123/executed/executed/1/base.ipynb"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for content in ("one", "another"):
            path.write_text(content)
            assert changed(), (name, content)
    monkeypatch.setattr(build.status, "revision", lambda folder: "another commit")
    assert changed()
    monkeypatch.setattr(build.importlib.metadata, "distributions", list)
    assert changed()
    assert now[-1] == build.edition_state("es", folder)


@pytest.mark.parametrize("defect, named", [
    (CELL % "raise ValueError('the reason')", "the reason"),
    ("{ref}`nowhere`", "nowhere"),
    ("{term}`unknown word`", "unknown word"),
    ("{cite:p}`nobody1999nothing`", "nobody1999nothing"),
    (CELL % "import warnings; warnings.warn('careful')", "stderr was found"),
    ("![](picture.svg)", "images without alt text: index"),
])
def test_a_defect_fails_the_build_every_time_and_keeps_the_old_site(course, defect, named):
    (course.folder / "chapters/en/picture.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    course.write("Good.\n", CELL % COUNT, "![A picture](picture.svg)")
    code, output = course.build()
    assert code == 0, output
    course.write("Bad.\n", CELL % COUNT, defect)
    for _ in range(2):
        code, output = course.build()
        assert code == 1
        assert named in output and "No site was written" in output
        assert "Good." in course.page
    assert course.runs <= 3


def test_a_page_that_the_table_of_contents_lacks_fails_the_build(course):
    course.write("Text.\n")
    (course.folder / "chapters/en/forgotten.md").write_text("# Forgotten\n")
    for _ in range(2):
        code, output = course.build()
        assert code == 1
        assert "not in _toc.yml: chapters/en/forgotten.md" in output


def test_a_relative_folder_of_data_is_the_same_in_the_pages(course, monkeypatch):
    (course.folder / "my data").mkdir()
    monkeypatch.setenv("COURSE_DATA", "my data")
    course.write(CELL % "import os; print(os.path.isdir(os.environ['COURSE_DATA']), 'folder')")
    code, output = course.build()
    assert code == 0, output
    assert "True folder" in course.page


SAID = """from utils.languages import Shown
class Word(Shown):
    def render(self, language):
        return {'text/plain': f'the word in {language}'}
Word()"""
QUOTED = "from utils.show import quote\nquote('many', '12,345')"


def test_another_language_is_built_from_the_same_run(course):
    """Its page has its own prose, what the outputs say in it, and the English anchors."""
    code = [CELL % COUNT, CELL % SAID, CELL % QUOTED]
    course.write(*code, "{glue:text}`many` words\n\n## A part\n\nSee {ref}`there`.\n\n(there)=\n## There\n")
    course.write(*code, "{glue:text}`many` palabras\n\n## Una parte\n\nVéase {ref}`there`.\n\n(there)=\n## Allí\n",
                 language="es")
    (course.folder / "chapters/es/edition.yml").write_text("name: Español\ntitle: Libro\ntheme: {Repository: Repositorio}\n")
    code, output = course.build()
    assert code == 0, output
    assert course.runs == 1  # the second language executes nothing
    spanish = (course.folder / "_site/es/index.html").read_text()
    assert "the word in en" in course.page and "the word in es" in spanish
    assert "12,345" in course.page and "12\u00a0345" in spanish
    assert '<section id="a-part">' in spanish and 'lang="es"' in spanish
    assert "Repositorio" in spanish and "Repository" not in spanish
    assert 'hreflang="es" href="../es/index.html"' in course.page
    assert 'data-language="es"' in (course.folder / "_site/index.html").read_text()


def test_a_page_with_other_code_fails_the_build_and_says_what_to_do(course):
    course.write(CELL % "x = 1")
    course.write(CELL % "x = 2", language="es")
    code, output = course.build()
    assert code == 1
    assert "other code than on the English page: chapters/es/index.md: run `make sync`" in output


def test_a_page_that_is_not_translated_says_so_and_its_labels_lead_to_the_english_one(course):
    (course.folder / "_toc.yml").write_text("format: jb-book\nroot: index\nchapters:\n- file: more\n")
    course.write("Text.\n")
    course.write("(deep)=\n## Deep down\n\nText.\n", page="more")
    course.write("Véase {ref}`deep`.\n", language="es")
    code, output = course.build()
    assert code == 0, output
    page = (course.folder / "_site/es/index.html").read_text()
    assert 'href="../en/more.html#deep"' in page
    stand_in = (course.folder / "_site/es/more.html").read_text()
    assert "This page is not translated yet." in stand_in and 'href="../en/more.html"' in stand_in


def test_without_an_address_of_the_course_no_button_leads_nowhere(course):
    config = (course.folder / "_config.yml").read_text()
    url = "  url: https://github.com/transformers-workshop/transformers-workshop\n"
    assert url in config
    course.write("Text.\n")
    assert course.build()[0] == 0
    assert "github.com" in course.page  # as it is where an address is configured
    (course.folder / "_config.yml").write_text(config.replace(url, ""))
    code, output = course.build()
    assert code == 0, output
    for trace in ("github", "colab", "issues", "Suggest edit", 'href=""'):
        assert trace not in course.page.lower(), trace
    assert "_sources/index" in course.page  # the page can still be downloaded


WAIT = """import pathlib, time
pathlib.Path('../../started').touch()
deadline = time.monotonic() + 120
while not pathlib.Path('../../go').exists() and time.monotonic() < deadline:
    time.sleep(0.1)
print('done')"""


def wait_for(path, seconds=60):
    deadline = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert path.exists()


@pytest.mark.parametrize("kill", [False, True])
def test_two_builds_do_not_work_at_once(course, kill):
    """Nor when the first was killed and what it started is still at work."""
    course.write(CELL % WAIT)
    first = course.start()
    wait_for(course.folder / "started")
    if kill:
        first.kill()
        first.wait()
    second = course.start()
    line = next(line for line in second.stdout if line.strip())
    assert "another build is at work here" in line
    (course.folder / "go").touch()
    output, _ = second.communicate(timeout=120)
    assert second.returncode == 0, output
    assert "done" in course.page
    if not kill:
        assert first.wait(timeout=60) == 0
    first.stdout.close()


def test_after_an_interruption_the_next_build_finishes_the_job(course):
    course.write(CELL % "import time, pathlib\npathlib.Path('../../started').touch()\ntime.sleep(120 if not pathlib.Path('../../go').exists() else 0)\nprint('done')")
    process = course.start()
    deadline = time.monotonic() + 60
    while not (course.folder / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped" in output and not (course.folder / "_site").exists()
    assert kernels_of(course.folder) == []

    (course.folder / "go").touch()
    code, output = course.build()
    assert code == 0, output
    assert "done" in course.page


def kernels_of(folder):
    """Processes that still work in the course's folder."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in process.cwd():
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
