"""How long a server is asked for one thing, and what is said when it is asked no more.

The hub's client tries a failed request again and resumes a download that was cut. What
it leaves open is done here: `Bounds` ends its patience, `again` begins anew where it gives
up at once, and `reason` puts its errors into words.
"""

import collections
import contextlib
import time
from collections.abc import Callable, Iterator

from utils.sources.formats import SourceError

TRIES = 3  # of one download, where another one may go better
FAILURES = 5  # of one address, which is then asked no more
PATIENCE = 120  # seconds that one address may ask the course to wait, in all
SILENCE = 20.0  # seconds without a byte, where the client would wait longer
PASSING = (408, 429, 500, 502, 503, 504)  # answers that may be others in a while


class Spoilt(Exception):
    """Files came, or lay in the cache, with other bytes than the server names."""


class Bounds:
    """How long a server may keep the course waiting for one thing.

    By itself the client waits as long as a server says, lists a repository without a
    time-out, and goes on for ever with a server that cuts each answer and begins the
    next at the first byte.
    """

    def __init__(self):
        self.failures, self.waits = collections.Counter(), collections.Counter()
        self.last = {}  # what an address answered when it last failed,
        self.until = {}  # and when it may be asked again

    @contextlib.contextmanager
    def on(self, client) -> Iterator[None]:
        """Hold a client of the hub to the bounds; beyond them it raises `SourceError`.

        A client that could not connect is replaced by a fresh one: each try begins here.
        """
        hooks = client.event_hooks
        client.event_hooks = {
            "request": [*hooks["request"], self._ask],
            "response": [*hooks["response"], self._hear],
        }
        try:
            yield
        finally:
            client.event_hooks = hooks

    def _ask(self, request) -> None:
        from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT

        longest = max(SILENCE, HF_HUB_DOWNLOAD_TIMEOUT)
        request.extensions["timeout"] = {
            name: min(limit or longest, longest)
            for name, limit in request.extensions.get("timeout", {}).items()
        }
        where = _address(request)
        if self.failures[where] == FAILURES:
            why = self.last.get(where, f"no answer from {where}")
            raise SourceError(f"{why}, {FAILURES} times")
        self.failures[where] += 1  # until it is heard of
        # The client asks once more without a pause where it looks at headers.
        time.sleep(max(0, self.until.get(where, 0) - time.monotonic()))

    def _hear(self, response) -> None:
        where = _address(response.request)
        if response.status_code in PASSING:
            self.last[where] = _why(response)
            self.waits[where] += (wait := _wait(response))
            if self.waits[where] > PATIENCE:
                raise SourceError(f"{_why(response)}; it asks to wait {wait} s")
            self.until[where] = time.monotonic() + wait
        elif response.status_code == 200 and "Range" in response.request.headers:
            self.last[where] = f"{where} was cut"  # and begins at its first byte again
        else:
            self.failures[where] -= 1


def _wait(response) -> int:
    """The seconds that a server asks to wait before the next request."""
    from huggingface_hub.utils import parse_ratelimit_headers

    rate = parse_ratelimit_headers(response.headers)
    if response.status_code == 429 and rate and not rate.remaining:
        return rate.reset_in_seconds
    seconds = response.headers.get("Retry-After", "").strip()
    return int(seconds) if seconds.isdecimal() else 0


def again(fetch: Callable, tries: int = TRIES):
    """What `fetch` returns, called again after a failure that may pass.

    Raises what the last of the `tries` raised: an error of the client, or `SourceError`
    where a bound was reached.
    """
    from huggingface_hub.utils import get_session

    bounds = Bounds()
    for number in range(1, tries + 1):
        try:
            with bounds.on(get_session()):
                return fetch()
        except Exception as error:  # the client raises many kinds, none of them ours
            if number == tries or not _may_pass(error):
                raise
            response = _response(error)
            time.sleep(response is not None and _wait(response) or number)


def _may_pass(error: Exception) -> bool:
    response = _response(error)
    if response is not None:
        return response.status_code in PASSING
    # Not a bound that was reached, nor a full disk or a folder that nobody may write.
    return not isinstance(error, SourceError) and getattr(error, "errno", None) is None


# -- what went wrong, in words ------------------------------------------------------

WHY = {
    "RepoNotFound": "no such repository is there, or it is private and HF_TOKEN must be "
                    "set to the token of one of its readers",
    "RevisionNotFound": "the repository has no such revision",
    "EntryNotFound": "the file is not there",
    "GatedRepo": "it is for those who accepted its terms: accept them on its page, and "
                 "set HF_TOKEN to a token of yours",
    401: "it must know who asks: set HF_TOKEN to a token of yours",
    403: "the server refuses it to you",
    429: "too many requests, so try later",
}  # fmt: skip


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it comes from, down to the first cause."""
    while error is not None:
        yield error
        error = error.__cause__


def _response(error: BaseException):
    """The answer of a server that an error comes from, or None."""
    found = (getattr(cause, "response", None) for cause in _causes(error))
    return next((response for response in found if response is not None), None)


def _address(request) -> str:
    return str(request.url).partition("?")[0]  # a signature helps nobody


def _why(response) -> str:
    code = response.headers.get("X-Error-Code")
    why = WHY.get(code) or WHY.get(response.status_code) or response.reason_phrase
    return f"HTTP {response.status_code} for {_address(response.request)} ({why})"


def first_line(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return ": ".join([type(error).__name__, *lines[:1]])


def reason(error: BaseException) -> str:
    """What to say of an error: the answer that it comes from, or its first cause."""
    if isinstance(error, (SourceError, Spoilt)):
        return str(error)
    if (response := _response(error)) is not None:
        return _why(response)
    where = ""
    for cause in _causes(error):
        with contextlib.suppress(AttributeError, RuntimeError):  # it has no request
            where = f" at {_address(cause.request)}"
    return f"{first_line(cause)}{where}"
