"""What follows from the course's address, which `_config.yml` has under `repository`.

- The first cell of every notebook (`first_cell`), with the address and the revision of the
  course that a notebook on its own fetches: `repository.url` and `repository.branch`.
- The README's table of chapters (`chapters_table`), whose links open the notebooks in Colab.

Where no address is configured, the first cell asks for `COURSE_REPOSITORY` and the table
leads to the notebooks in this folder.

The first cell is six lines: a name for a copy while it is made; where from; where the course
is, which may be an earlier copy beside the notebook, the notebook's folder or one above; the
copy, if there is no course; what to check if that fails; and the packages that are missing,
which is the library's work. A copy gets its name when it is whole: half a one, left by a
notebook that was killed, is neither taken for the course nor in the way of the next try. The
cells below use what is imported here, and `course`.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.editions import SOURCE

ROOT = Path(__file__).resolve().parent.parent
GITHUB = "https://github.com/"  # what Colab can open
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MARK = "COURSE_REPOSITORY"  # every first cell reads it, and no other cell
FIRST_CELL = """\
import os, subprocess, sys; from pathlib import Path; tmp = Path("workshop-" + os.urandom(4).hex())  # finds the course
address = os.getenv("COURSE_REPOSITORY") or {address}
new = Path.cwd() / "workshop"; course = next((p for p in (new, *new.parents) if (p/"utils/packages.py").exists()), None)
try: course or {copy}
except Exception as e: raise RuntimeError(f"{advice} ({{e}})") from None
course = course or tmp.rename(new); sys.path.insert(0, str(course)); from utils import packages; packages.require()"""
_CELL = re.compile(r"^(?P<fence>`{3,})\{code-cell\}.*?^(?P=fence)[ \t]*$", re.M | re.S)
_TABLE = re.compile(r"^\| chapter \|.*\n(?:\|.*\n)+", re.M)


class RepositoryError(ValueError):
    """`_config.yml`, a page or the README is not as it must be; the message says where."""


@dataclass(frozen=True)
class Repository:
    """Where the course lies; `url` is empty where that is not configured.

    `colab` is the address of Colab, empty where no button leads there.
    """

    url: str
    revision: str
    colab: str = ""

    @classmethod
    def read(cls, config: Path = ROOT / "_config.yml") -> "Repository":
        """The settings of `_config.yml`.

        Raises:
            RepositoryError: there is an address without a branch, or one of them is not
                text on one line.
        """
        settings = yaml.safe_load(config.read_text("utf-8"))
        repository = settings.get("repository") or {}
        url, branch = repository.get("url") or "", repository.get("branch") or ""
        for name, value in (("url", url), ("branch", branch)):
            if not isinstance(value, str) or re.search(r"[\x00-\x1f]", value):
                raise RepositoryError(f"{config.name}: repository.{name} is {value!r}: it "
                                      "must be text on one line.")
        if url and not branch:
            raise RepositoryError(f"{config.name}: repository has a url and no branch: which "
                                  "revision should a notebook on its own fetch?")
        colab = (settings.get("launch_buttons") or {}).get("colab_url") or ""
        return cls(url.rstrip("/"), branch or "main", colab.rstrip("/"))


# -- the first cell -------------------------------------------------------------------


def first_cell(repository: Repository) -> str:
    """The code of the first cell: six lines.

    A branch or a tag is copied without its history. A commit has no name that `git clone`
    takes, so the history is copied, and the commit checked out.
    """
    git = 'subprocess.check_call(["git", {}])'.format
    if COMMIT.fullmatch(repository.revision):
        copy = " or ".join([
            git('"clone", "-qn", "--", address, tmp'),
            git(f'"-C", tmp, "checkout", "-q", "{repository.revision}"'),
        ])
    else:
        branch = json.dumps(f"--branch={repository.revision}", ensure_ascii=False)
        copy = git(f'"clone", "-q", "--depth=1", {branch}, "--", address, tmp')
    advice = ("No course: check git, the network and COURSE_REPOSITORY" if repository.url else
              "Set COURSE_REPOSITORY to the address of the course")
    address = json.dumps(repository.url, ensure_ascii=False)
    return FIRST_CELL.format(address=address, copy=copy, advice=advice)


def with_first_cell(page: str, cell: str) -> str:
    """A page of MyST Markdown that begins with this first cell.

    An older first cell is replaced. A page whose first code cell is another, as a new
    chapter's, gets it before that one; a page without code cells stays as it is.
    """
    found = _CELL.search(page)
    if not found:
        return page
    block = f"```{{code-cell}} ipython3\n:tags: [hide-input]\n{cell}\n```"
    rest = found.end() if MARK in found.group() else found.start()
    between = "" if MARK in found.group() else "\n\n"
    return page[: found.start()] + block + between + page[rest:]


# -- the README -----------------------------------------------------------------------


def notebook_link(repository: Repository, path: str) -> str:
    """Where a notebook is opened: in Colab, or as a file of this folder."""
    if not in_colab(repository):
        return path
    course = repository.url.removeprefix(GITHUB).removesuffix(".git")
    return f"{repository.colab}/github/{course}/blob/{repository.revision}/{path}"


def in_colab(repository: Repository) -> bool:
    """Whether Colab can open the notebooks: it asks GitHub for them."""
    return bool(repository.colab) and repository.url.startswith(GITHUB)


def chapters_table(repository: Repository, notebooks: Iterable[Path]) -> str:
    """The README's table: each chapter with its notebooks, one a language, English first.

    Args:
        repository: where the links lead.
        notebooks: `chapters/<language>/NN_name.ipynb` and others, which are no chapters.

    Raises:
        RepositoryError: a chapter has no English page, or that page no title.
    """
    chapters = {}
    for path in sorted(notebooks, key=lambda path: (path.parent.name != SOURCE, path)):
        if re.match(r"\d\d_", path.name):
            link = notebook_link(repository, f"chapters/{path.parent.name}/{path.name}")
            chapters.setdefault(path.stem, []).append(f"[{_name(path.parent)}]({link})")
    rows = [f"| {int(stem[:2])} {_title(stem)} | {', '.join(links)} |"
            for stem, links in sorted(chapters.items())]
    head = "open it in Colab" if in_colab(repository) else "its notebook"
    return "\n".join([f"| chapter | {head} |", "|---|---|", *rows]) + "\n"


def with_chapters_table(readme: str, table: str) -> str:
    """The README with this table in the place of its own.

    Raises:
        RepositoryError: it has no table of chapters.
    """
    if not _TABLE.search(readme):
        raise RepositoryError("README.md: there is no table that begins with `| chapter |`.")
    return _TABLE.sub(lambda _: table, readme, count=1)


def _title(stem: str) -> str:
    """The title of an English page."""
    page = ROOT / "chapters" / SOURCE / f"{stem}.md"
    title = re.search(r"^# (.+)$", page.read_text("utf-8"), re.M) if page.exists() else None
    if not title:
        raise RepositoryError(f"chapters/{SOURCE}/{page.name}: there is no title (# ...) for "
                              "the README's table.")
    return title[1].strip()


def _name(folder: Path) -> str:
    """What a language calls itself."""
    edition = folder / "edition.yml"
    known = yaml.safe_load(edition.read_text("utf-8")) if edition.exists() else {}
    return (known or {}).get("name", folder.name)
