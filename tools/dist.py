"""Writes what a reader takes away into dist/: `make dist`.

- `course-<version>.zip`: the whole site; its `index.html` opens by double click.
- `course-<language>.pdf`: the book of one language, printed by Chromium.
- `notebooks-<language>.zip`: the plain notebooks of one language. They fetch the course by
  themselves, at the commit that they were packed from if nothing differed from it.

The zips of the same files are the same bytes. All is written beside dist/ and takes its
place at the end, so that dist/ is always of one run. Without Chromium the PDFs are missing,
which the exit code 1 says.
"""

import shutil
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import yaml

from tools import build, editions, notebooks, pdf, print_pages, status

ROOT = build.ROOT
DIST = ROOT / "dist"
SCREENSHOTS = "shots"  # what the tests of the site leave there
MIDNIGHT = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say: when it was made says nothing


def version() -> str:
    """The version of the course, as `_config.yml` has it.

    Raises:
        ValueError: it has none.
    """
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    found = config["sphinx"]["config"].get("version")
    if not found:
        raise ValueError("_config.yml has no version: give it one, under sphinx: config:")
    return str(found)


def write_zip(target: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write files, given by their names in the zip and what they hold, in order of names.

    Neither times nor rights nor the order on the disk come in: the same files give the same
    bytes.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(files):
            entry = zipfile.ZipInfo(name, MIDNIGHT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whatever this machine is
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)


def site_files(site: Path, top: str) -> list[tuple[str, bytes]]:
    """The files of the site under one folder, without screenshots and hidden files."""
    names = (path.relative_to(site) for path in site.rglob("*") if path.is_file())
    return [(f"{top}/{name.as_posix()}", (site / name).read_bytes()) for name in names
            if name.parts[0] != SCREENSHOTS and not any(p.startswith(".") for p in name.parts)]


def notebook_files(language: str, commit: str) -> list[tuple[str, bytes]]:
    """The notebooks of a language; with a commit, they fetch the course at that one."""
    files = []
    for path in sorted((build.ROOT / "chapters" / language).glob("*.ipynb")):
        text = path.read_text("utf-8")
        text = notebooks.at_revision(text, commit) if commit else text
        files.append((f"notebooks-{language}/{path.name}", text.encode()))
    return files


def write(folder: Path, site: Path) -> list[str]:
    """Write everything into a folder; returns what went wrong with the PDFs.

    Raises:
        ValueError: the course has no version, or a notebook does not begin as it must.
    """
    named, revision = version(), status.revision(ROOT)
    commit = revision.commit if revision and not revision.changed else ""
    if not commit:
        print("dist: no commit holds these very files, so the notebooks fetch the branch "
              "that _config.yml names.")
    top = f"course-{named}"
    write_zip(folder / f"{top}.zip", site_files(site, top))
    for language in _languages():
        write_zip(folder / f"notebooks-{language}.zip", notebook_files(language, commit))
    return print_books(folder, site, named)


def print_books(folder: Path, site: Path, named: str) -> list[str]:
    """Print the book of each language; returns what went wrong, one book for itself."""
    failed = []
    try:
        with pdf.browser() as browser:
            for language in _languages():
                target = folder / f"course-{language}.pdf"
                try:
                    text = print_pages.document(print_pages.read_book(site, language, named))
                    _report(target, pdf.print_book(browser, text, target))
                except (pdf.PdfError, print_pages.PrintError) as error:
                    target.unlink(missing_ok=True)
                    failed.append(f"{target.name}: {error}")
    except pdf.PdfError as error:
        failed.append(f"no PDFs: {error}")
    return failed


def _languages() -> tuple[str, ...]:
    return (editions.SOURCE, *editions.languages())


def _report(target: Path, printed: pdf.Printed) -> None:
    print(f"dist: {target.name}: {printed.pages} pages", flush=True)
    if printed.boxes:
        print(f"dist: {target.name}: no font of this machine has {' '.join(printed.boxes)}, so "
              f"boxes stand there; Debian's packages of fonts are, for instance, {pdf.FONTS}.")


def main() -> int:
    site = build.SITE
    if not (site / "index.html").exists():
        print("dist: there is no site yet: run `make book`.", file=sys.stderr)
        return 1
    with build.one_at_a_time():  # the site stays as it is until the end
        new = build.BUILD / "dist"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        try:
            failed = write(new, site)
        except ValueError as error:
            print(f"dist: {error}", file=sys.stderr)
            return 1
        shutil.rmtree(DIST, ignore_errors=True)
        new.rename(DIST)
    for path in sorted(DIST.iterdir()):
        print(f"  {DIST.name}/{path.name:24}{path.stat().st_size / 1e6:8.1f} MB")
    for failure in failed:
        print(f"dist: {failure}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
