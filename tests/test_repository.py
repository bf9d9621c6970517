"""What follows from the course's address: the first cell of the notebooks, the README's links."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import nbformat
import pytest

from tools import notebooks, repository
from tools.repository import Repository, RepositoryError

GITHUB = Repository("https://github.com/transformers-workshop/transformers-workshop", "main",
                    "https://colab.research.google.com")
NOWHERE = Repository("", "main")
LIBRARY = "def require():\n    print('required')\n"  # as much of it as the first cell needs


@pytest.fixture
def alone(tmp_path):
    """The folder of a notebook on its own."""
    (tmp_path / "alone").mkdir()
    return tmp_path / "alone"


@pytest.fixture
def course(tmp_path):
    """A repository in a folder with blanks: two commits, and each kind of name for the first."""
    folder = tmp_path / "my course; the 1st"
    (folder / "utils").mkdir(parents=True)
    (folder / "utils/packages.py").write_text(LIBRARY)
    git(folder, "init", "-q", "-b", "main")
    for commit in ("first", "second"):
        (folder / "which.txt").write_text(commit)
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", commit)
        if commit == "first":
            git(folder, "branch", "a-branch")
            git(folder, "tag", "a-tag")
            git(folder, "tag", "-a", "-m", "annotated", "v1.0")
    return folder


def git(folder, *words):
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    return subprocess.run([*command, *words], check=True, text=True, capture_output=True).stdout


def run(settings, folder, **environment):
    """Run the first cell in a folder, as the cells below would find it."""
    code = repository.first_cell(settings) + "\nprint(course, sys.path[0], sep='\\n')"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, text=True, capture_output=True,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"} | environment)


def which(folder):
    return (folder / "workshop/which.txt").read_text()


def message(result):
    """The last line of a traceback."""
    assert result.returncode == 1, result.stdout
    return result.stderr.strip().splitlines()[-1]


# -- the cell itself ------------------------------------------------------------------


@pytest.mark.parametrize("settings", [GITHUB, NOWHERE], ids=["an address", "none"])
def test_it_is_six_lines_that_fit_the_page(settings):
    lines = repository.first_cell(settings).splitlines()
    assert len(lines) == 6 and max(map(len, lines)) <= 120, lines


def test_a_commit_makes_no_more_lines():
    assert len(repository.first_cell(replace(GITHUB, revision="0" * 40)).splitlines()) == 6


def test_address_and_branch_are_those_of_the_configuration():
    cell = repository.first_cell(Repository('a "quoted" \\ {address}', 'x"y'))
    words = [repr(literal) for literal in ('a "quoted" \\ {address}', '--branch=x"y')]
    constants = compile(cell, "cell", "exec").co_consts
    assert all(word in map(repr, constants) for word in words), constants


# -- what it does ---------------------------------------------------------------------


def test_inside_the_course_it_does_nothing(root, tmp_path):
    before = sorted(os.listdir(root / "chapters/en"))
    result = run(GITHUB, root / "chapters/en", PATH=str(tmp_path))  # no git there
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [str(root), str(root)]
    assert sorted(os.listdir(root / "chapters/en")) == before


@pytest.mark.parametrize("uri", [False, True], ids=["a path", "an address"])
def test_alone_it_gets_the_course_once(course, alone, uri):
    address = course.as_uri() if uri else str(course)
    result = run(GITHUB, alone, COURSE_REPOSITORY=address)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split("\n")[:3] == ["required", *[str(alone / "workshop")] * 2]
    assert os.listdir(alone) == ["workshop"] and which(alone) == "second"
    again = run(GITHUB, alone, COURSE_REPOSITORY="nowhere")
    assert again.stdout == result.stdout


def test_the_configured_address_serves_where_no_other_is_given(course, alone):
    assert run(Repository(str(course), "main"), alone).returncode == 0
    assert which(alone) == "second"


@pytest.mark.parametrize("name", ["a-branch", "a-tag", "v1.0"])
def test_it_gets_the_revision_of_the_notebook(course, alone, name):
    assert run(Repository(course.as_uri(), name), alone).returncode == 0
    assert which(alone) == "first"


def test_a_commit_is_a_revision_too(course, alone):
    commit = git(course, "rev-parse", "a-branch").strip()
    result = run(Repository(course.as_uri(), commit), alone)
    assert result.returncode == 0, result.stderr
    assert which(alone) == "first" and os.listdir(alone) == ["workshop"]


# -- and where it cannot --------------------------------------------------------------


@pytest.mark.parametrize("address", ["nowhere", "$(touch made)", "'; touch made; '", "& touch made &",
                                     "--upload-pack=touch made"])
def test_an_address_that_is_none_is_told_and_not_run(alone, address):
    result = run(GITHUB, alone, COURSE_REPOSITORY=address)
    assert re.match("RuntimeError: .*git.*network.*COURSE_REPOSITORY", message(result))
    assert f"repository '{address}' does not exist" in result.stderr  # says git
    assert os.listdir(alone) == []  # nothing is left, and nothing was made


def test_without_git_it_says_so(alone):
    told = message(run(GITHUB, alone, PATH=str(alone)))
    assert re.match("RuntimeError: .*check git.*'git'", told)


def test_without_an_address_it_asks_for_one(course, alone):
    told = message(run(NOWHERE, alone))
    assert told.startswith("RuntimeError: Set COURSE_REPOSITORY to the address of the course")
    assert run(NOWHERE, alone, COURSE_REPOSITORY=str(course)).returncode == 0


@pytest.mark.parametrize("revision", ["no-such-branch", "0" * 40])
def test_a_revision_that_is_not_there_leaves_the_next_try_alone(course, alone, revision):
    assert message(run(Repository(str(course), revision), alone)).startswith("RuntimeError")
    assert not (alone / "workshop").exists()
    assert run(Repository(str(course), "main"), alone).returncode == 0
    assert which(alone) == "second"


def test_half_a_copy_is_not_taken_for_the_course(course, alone, tmp_path):
    """As a notebook that is killed leaves one: the files are there, and not all of them."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text(
        '#!/bin/sh\nfor folder; do :; done\nmkdir -p "$folder/utils"\n'
        'touch "$folder/utils/packages.py"\nkill -9 $PPID\n')
    (tmp_path / "bin/git").chmod(0o755)
    killed = run(GITHUB, alone, COURSE_REPOSITORY=str(course),
                 PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    [half] = alone.iterdir()
    assert killed.returncode == -9 and (half / "utils/packages.py").exists()
    result = run(GITHUB, alone, COURSE_REPOSITORY=str(course))
    assert result.returncode == 0, result.stderr
    assert which(alone) == "second"


# -- the settings ---------------------------------------------------------------------


@pytest.mark.parametrize("config, expected", [
    ("title: x\n", Repository("", "main")),
    ("repository:\n  url: ''\n  branch: dev\n", Repository("", "dev")),
    ("repository: {url: 'https://x.org/y/', branch: v1}\nlaunch_buttons: {colab_url: 'https://c/'}\n",
     Repository("https://x.org/y", "v1", "https://c")),
])
def test_the_settings_are_those_of_the_configuration(tmp_path, config, expected):
    (tmp_path / "_config.yml").write_text(config)
    assert Repository.read(tmp_path / "_config.yml") == expected


@pytest.mark.parametrize("config, told", [
    ("repository: {url: 'https://x.org/y'}\n", "a url and no branch"),
    ("repository: {url: 'https://x.org/y', branch: 1.0}\n", "repository.branch is 1.0"),
    ('repository: {url: "a\\nb", branch: main}\n', "repository.url is 'a"),
])
def test_settings_that_make_no_cell_are_refused(tmp_path, config, told):
    (tmp_path / "_config.yml").write_text(config)
    with pytest.raises(RepositoryError, match=f"_config.yml: .*{re.escape(told)}"):
        Repository.read(tmp_path / "_config.yml")


# -- the pages ------------------------------------------------------------------------

PAGE = "# T\n\nText.\n\n```{code-cell} ipython3\n%s\n```\n\nMore.\n"
FIRST = "```{code-cell} ipython3\n:tags: [hide-input]\ncell\n```\n"


def test_an_older_first_cell_is_replaced():
    page = PAGE % ":tags: [hide-input]\nos.environ['COURSE_REPOSITORY']\n\nmore()"
    assert repository.with_first_cell(page, "cell") == f"# T\n\nText.\n\n{FIRST}\nMore.\n"


def test_a_new_page_is_given_one_and_keeps_its_own():
    page = repository.with_first_cell(PAGE % "import math", "cell")
    assert page == f"# T\n\nText.\n\n{FIRST}\n```{{code-cell}} ipython3\nimport math\n```\n\nMore.\n"
    assert repository.with_first_cell("# T\n\nText.\n", "cell") == "# T\n\nText.\n"


@pytest.fixture
def copy(root, tmp_path, monkeypatch):
    """A copy of the pages for `tools.notebooks` to write in."""
    for name in ("_config.yml", "README.md"):
        shutil.copyfile(root / name, tmp_path / name)
    shutil.copytree(root / "chapters", tmp_path / "chapters")
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "CHAPTERS", tmp_path / "chapters")
    monkeypatch.setattr(repository, "ROOT", tmp_path)
    return tmp_path


def write_notebooks(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["notebooks", *arguments])
    return notebooks.main()


def test_another_address_is_written_into_every_language(copy, monkeypatch, capsys):
    config = (copy / "_config.yml").read_text().replace("/transformers-workshop\n", "/a-fork\n")
    config = config.replace("branch: main", "branch: dev")
    (copy / "_config.yml").write_text(config)
    assert write_notebooks(monkeypatch, "--check") == 1
    told = capsys.readouterr().out
    assert write_notebooks(monkeypatch) == 0 and write_notebooks(monkeypatch, "--check") == 0
    pages = notebooks.chapters()
    assert len(pages) > 10 and {p.parent.name for p in pages} > {"en", "es"}
    for path in [*pages, *(page.with_suffix(".ipynb") for page in pages)]:
        assert f"{path.relative_to(copy)} differs from " in told
        text = path.read_text()
        assert text.count("/a-fork") == text.count("--branch=dev") == 1, path
    readme = (copy / "README.md").read_text()
    assert "README.md differs from " in told
    assert "/a-fork/blob/dev/chapters/en/01" in readme and "blob/main" not in readme


def test_without_an_address_nothing_leads_to_colab(copy, monkeypatch):
    config = re.sub(r"^repository:\n(?:  .*\n)+", "", (copy / "_config.yml").read_text(), flags=re.M)
    (copy / "_config.yml").write_text(config)
    assert write_notebooks(monkeypatch) == 0
    readme = (copy / "README.md").read_text()
    assert "colab.research" not in readme
    links = re.findall(r"\]\((chapters/\S+?\.ipynb)\)", readme)
    assert len(links) > 10 and all((copy / link).is_file() for link in links)
    for page in notebooks.chapters():
        assert "github.com" not in page.read_text().split("COURSE_REPOSITORY")[1].split("\n")[0]


def test_a_readme_without_its_table_is_told(copy, monkeypatch, capsys):
    (copy / "README.md").write_text("# Course\n")
    assert write_notebooks(monkeypatch) == 1
    assert "README.md: there is no table" in capsys.readouterr().err


# -- the README -----------------------------------------------------------------------


def test_the_readme_leads_to_every_notebook_of_a_chapter(root):
    settings = Repository.read()
    links = re.findall(r"\]\((\S+\.ipynb)\)", (root / "README.md").read_text())
    chapters = [path.relative_to(root).as_posix() for path in root.glob("chapters/*/[0-9]*.ipynb")]
    assert sorted(links) == sorted(repository.notebook_link(settings, path) for path in chapters)
    assert len(links) >= 11


def test_colab_finds_a_notebook_on_github():
    link = repository.notebook_link(replace(GITHUB, url=GITHUB.url + ".git"), "chapters/en/a.ipynb")
    assert link == ("https://colab.research.google.com/github/transformers-workshop/"
                    "transformers-workshop/blob/main/chapters/en/a.ipynb")


@pytest.mark.parametrize("settings", [
    NOWHERE, replace(GITHUB, colab=""), replace(GITHUB, url="https://codeberg.org/a/b")])
def test_elsewhere_the_notebook_itself_is_opened(settings):
    assert repository.notebook_link(settings, "chapters/en/a.ipynb") == "chapters/en/a.ipynb"


# -- notebooks of a commit ------------------------------------------------------------


def test_a_notebook_that_is_taken_away_gets_its_own_commit(course, alone, root, monkeypatch):
    commit = git(course, "rev-parse", "a-branch").strip()
    text = (root / "chapters/en/errata.ipynb").read_text()
    stamped = notebooks.at_revision(text, commit)
    before, after = (nbformat.reads(t, as_version=4) for t in (text, stamped))
    [(old, new)] = [(a, b) for a, b in zip(before.cells, after.cells, strict=True) if a != b]
    assert old.metadata == new.metadata and before.metadata == after.metadata
    result = subprocess.run(
        [sys.executable, "-c", new.source], cwd=alone, text=True, capture_output=True,
        env={"PATH": os.environ["PATH"], "COURSE_REPOSITORY": course.as_uri()})
    assert result.returncode == 0, result.stderr
    assert which(alone) == "first"
    assert notebooks.at_revision(stamped, Repository.read().revision) == text


def test_a_notebook_of_something_else_is_refused():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    with pytest.raises(RepositoryError, match="first cell"):
        notebooks.at_revision(nbformat.writes(notebook), "0" * 40)
