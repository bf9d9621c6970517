"""Builds the site: `make book`.

Every English page is executed (`tools/execution.py`) and rendered by Jupyter Book. The
editions in the other languages have the same code, so they are rendered from the same run:
each takes from it what figures and checks said in its language. `tools/pages.py` makes the
pages light and strict. What did not change is neither executed nor rendered again. Three
things are added:

- A gate. A chapter that raises, a broken reference or a warning fails the build, the
  first time and every time after: whatever a failed or interrupted build left half done
  is thrown away before the next one.
- A key. Executed chapters are kept in a cache; its folder is named by a hash of all
  that their results depend on beside their own code: `utils/`, the data files of
  the chapters, the pins, Python, the profile and the source of models and data.
- A report: where the site is and how long each chapter took.

What an edition adds to Jupyter Book (a switch of language, the words of the theme, pages
that are not translated yet) is in `tools/site_editions.py`.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import yaml

from tools import assets, editions, execution, measured, pages, site_editions, status
from utils.sources import SourceError, decide

ROOT = Path(__file__).resolve().parent.parent
BUILD, SITE = ROOT / "_build", ROOT / "_site"
DATA_FILES = [f"chapters/*.{kind}" for kind in ("yml", "txt", "csv", "tsv", "json")]
# Results named by a date are those of `make bench`: no chapter reads them.
DATA_FILES += ["benchmarks/results/[a-z]*.json", "checkpoints/**/*"]


def files_hash(*patterns: str) -> str:
    """A hash of the names and contents of the files of the project that match."""
    digest = hashlib.sha256()
    for path in sorted({p for pattern in patterns for p in ROOT.glob(pattern)}):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def local_data() -> str:
    """What lies in COURSE_DATA: names, sizes and times, so that new data are noticed."""
    folder = os.environ.get("COURSE_DATA", "").strip()
    if not folder:
        return ""
    return versions_of(Path(folder).expanduser().rglob("*"))


def versions_of(paths: Iterable[Path]) -> str:
    """Names, sizes and times of the files among the paths."""
    files = sorted(p for p in paths if p.is_file())
    return repr([(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files])


def pages_outside(toc: Path, language: str) -> list[str]:
    """The pages of a language that the table of contents does not name."""
    named = set(re.findall(r"^[\s-]*(?:root|file):\s*(\S+)", toc.read_text("utf-8"), re.M))
    pages = sorted((ROOT / "chapters" / language).glob("*.md"))
    return [str(page.relative_to(ROOT)) for page in pages if page.stem not in named]


def other_code(language: str) -> list[str]:
    """The pages of a language whose code is not the English page's."""
    pages = [] if language == editions.SOURCE else editions.pages(language)
    return [str(page.relative_to(ROOT)) for page in pages if not editions.same_code(page)]


@contextlib.contextmanager
def one_at_a_time():
    """Wait until no other build works in this folder; yields the lock's file number.

    Jupyter Book inherits the lock, so that it counts as at work even when what started
    it was killed.
    """
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("book: another build is at work here; waiting for its end.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def execution_key(source: str) -> str:
    """Names the cache of executed chapters: see the module's docstring."""
    parts = [
        files_hash("utils/**/*", *DATA_FILES, "requirements.txt"),
        sys.version,
        os.environ.get("COURSE_PROFILE", "cpu"),
        os.environ.get("OMP_NUM_THREADS", "1"),
        source,
        local_data(),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def edition_state(language: str, folder: Path) -> str:
    """A hash of all that an edition is made of, beside what names the build's `folder`."""
    parts = [
        files_hash("_config.yml", "_toc.yml", "theme/**/*", "tools/*", "package-lock.json",
                   "requirements.in", "chapters/references.bib", "chapters/*/edition.yml",
                   f"chapters/{editions.SOURCE}/*.md", f"chapters/{language}/**/*",
                   "benchmarks/*.py", f"benchmarks/results/{measured.NAMED_BY_DATE}"),
        versions_of((folder / "executed").rglob("*.ipynb")),
        repr(status.revision(ROOT)),
        repr(sorted((one.name, one.version) for one in importlib.metadata.distributions())),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def write_assets() -> Path:
    """What the build needs beside the project's files; returns the site's scripts.

    They are made from installed packages, and again only when what they depend on changed.
    """
    # Kernels of the build take nothing from the reader's own IPython, and say only errors.
    profile = BUILD / "ipython/profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.json").write_text('{"IPKernelApp": {"log_level": 40}}')
    folder = BUILD / f"assets-{files_hash(*assets.MADE_FROM)[:12]}"
    if not folder.exists():
        for old in BUILD.glob("assets-*"):
            shutil.rmtree(old)
        unfinished = BUILD / "assets-unfinished"
        assets.write(unfinished)
        unfinished.rename(folder)  # whole or not there
    return folder


def execute(folder: Path, environment: dict, lock: int) -> int:
    """Execute what changed, several pages at once: see tools/execution.py."""
    if not execution.waiting(folder / "executed"):
        return 0
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    command = [sys.executable, "-m", "tools.execution", folder / "executed",
               config["execute"]["timeout"]]
    return run(command, environment, lock)


def render(language: str, folder: Path, scripts: Path, environment: dict, lock: int) -> int:
    """Run Jupyter Book on one language, if anything that it reads has changed.

    The exit code is 0 only for a spotless build.
    """
    if outside := pages_outside(ROOT / "_toc.yml", language):
        print(f"ERROR: not in _toc.yml: {', '.join(outside)}", file=sys.stderr)
        return 1
    if other := other_code(language):
        print(f"ERROR: other code than on the English page: {', '.join(other)}: run "
              "`make sync`.", file=sys.stderr)
        return 1
    out = folder / language
    finished = out / "finished"
    state = edition_state(language, folder)
    if finished.exists() and finished.read_text() == state:
        return 0  # nothing changed
    # A page that warned is not read again by Sphinx, and so would pass the next time: what is
    # not finished is begun anew. The executed notebooks are kept apart, so this costs seconds.
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    edition = site_editions.prepare(language, folder, scripts)
    command = [
        Path(sys.executable).parent / "jb", "build", edition.pages,
        "--config", edition.config, "--toc", edition.toc,
        "--path-output", out, "-W", "-n", "--keep-going",
    ]
    code = run(command, environment, lock)
    if code == 0 and (undescribed := images_without_alt(out / "_build/html")):
        print("ERROR: images without alt text: " + ", ".join(undescribed), file=sys.stderr)
        code = 1
    if code == 0:
        try:
            finish(language, out / "_build/html", out / "site")
        except (ValueError, RuntimeError) as error:  # what a page or a script should not hold
            print(f"ERROR: {error}", file=sys.stderr)
            return 1
        finished.write_text(state)
    return code


def finish(language: str, html: Path, site: Path) -> None:
    """Make the edition's site of what Jupyter Book wrote, which stays as it is."""
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(html, site)
    site_editions.finish(language, site)
    pages.rewrite(site, language)


def images_without_alt(html: Path) -> list[str]:
    """`page: image` for each image of the site without a description of its own."""
    found = []
    for page in sorted(html.glob("*.html")):
        for image in re.findall(r"<img\b[^>]*>", page.read_text("utf-8")):
            alt = re.search(r'\balt="([^"]*)"', image)
            # Where a page gives none, Sphinx writes the image's address in its place.
            if not alt or not alt[1].strip() or f'src="{alt[1]}"' in image:
                found.append(f"{page.stem}: {image[:120]}")
    return found


def run(command: list, environment: dict, lock: int) -> int:
    """Run a command in a process group of its own, so that Ctrl-C ends its kernels too."""
    process = subprocess.Popen(
        [str(part) for part in command], cwd=ROOT, env=environment, start_new_session=True,
        pass_fds=[lock],
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGINT)  # Jupyter then shuts its kernel down
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        raise
    finally:  # also at a second Ctrl-C, while the first is obeyed
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def publish(language: str, folder: Path) -> None:
    """Put the finished edition in its place in one step; the old one serves until then."""
    site, new = SITE / language, SITE / f".{language}-new"
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(folder / language / "site", new)
    old = SITE / f".{language}-old"
    shutil.rmtree(old, ignore_errors=True)
    if site.exists():
        site.rename(old)
    new.rename(site)
    shutil.rmtree(old, ignore_errors=True)


def stop(*_):
    raise KeyboardInterrupt


def main() -> int:
    started = time.time()
    for ending in (signal.SIGTERM, signal.SIGHUP):  # being ended is being interrupted
        signal.signal(ending, stop)
    try:
        source = decide()
    except SourceError as error:
        print(f"book: {error}", file=sys.stderr)
        return 1
    try:
        with one_at_a_time() as lock:
            return build(source, started, lock)
    except KeyboardInterrupt:
        print("\nbook: stopped. The next `make book` goes on where this one was.",
              file=sys.stderr)
        return 130


def build(source: str, started: float, lock: int) -> int:
    folder = BUILD / execution_key(source)
    folder.mkdir(parents=True, exist_ok=True)
    scripts = write_assets()
    environment = os.environ | {
        "IPYTHONDIR": str(BUILD / "ipython"),
        "COURSE_BOOK": "1",  # figures and quoted values are made for the site
        "COURSE_LANGUAGE": editions.SOURCE,  # and kept in the other languages beside it
        "TQDM_DISABLE": "1",  # no progress bars in the pages
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(ROOT),
    }
    if source == "local":  # pages are executed in another folder than this one
        data = Path(os.environ["COURSE_DATA"].strip()).expanduser()
        environment["COURSE_DATA"] = str(data.absolute())
        environment["HF_HUB_OFFLINE"] = "1"  # one decision for the whole book
    else:
        environment["COURSE_SOURCE"] = source
    languages = [editions.SOURCE, *editions.languages()]
    took = {}
    failed = execute(folder, environment, lock)
    for language in languages:
        began = time.time()
        if failed or render(language, folder, scripts, environment, lock):
            print("\nbook: the build failed: the first error or warning above says why. "
                  "No site was written.", file=sys.stderr)
            return 1
        took[language] = time.time() - began
    for language in languages:  # all or none
        publish(language, folder)
    site_editions.write_root(SITE)
    for other in BUILD.glob("?" * 16):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    (BUILD / "current").write_text(folder.name)
    print("\nExecution of the pages:")
    for page, (_, record) in sorted(execution.executed_pages(folder / "executed").items()):
        kept = record.created.timestamp() < started
        print(f"  {page:32}{record.data['execution_seconds']:8.1f} s"
              f"{'  (unchanged: kept from an earlier build)' if kept else ''}")
    print("Editions: " + ", ".join(f"{code} {took[code]:.0f} s" for code in languages))
    print(f"The site: {SITE.name}/index.html, built in {time.time() - started:.0f} s."
          "  `make serve` shows it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
