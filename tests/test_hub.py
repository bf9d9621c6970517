"""The way to the hub, with a hub on this machine that fails as networks do.

Whatever happens, there is either the right thing or an error that says what was asked,
where, what happened and what to do; the cache never keeps what is not whole, and nothing
takes the place of what was asked for.
"""

import dataclasses
import errno
import hashlib
import logging
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import fake_hub
import huggingface_hub
import pytest
from fake_hub import FakeHub, refused

from utils import sources
from utils.sources import SourceError, catalogue, hub, retries

BERT = "google-bert/bert-base-uncased"
TREEBANK = "universal-dependencies/universal_dependencies"
PINNED = catalogue.MODELS["bert-base-uncased"].revision
BOOK = "/cache/epub/2000/pg2000.txt"


@dataclasses.dataclass(frozen=True)
class Thing:
    """What a chapter loads; `file` finds one download that it needs."""

    load: Callable
    name: str
    asked: str  # how an error calls it
    file: str


THINGS = {
    "encoder": Thing(
        sources.load_encoder, "bert-base-uncased", BERT, "GET /large/.*model.safetensors"
    ),
    "masked-lm": Thing(
        sources.load_masked_lm, "bert-base-uncased", BERT, "GET .*/resolve/.*/config.json"
    ),
    "tokenizer": Thing(
        sources.load_tokenizer, "bert-base-uncased", BERT, "GET .*/resolve/.*/vocab.txt"
    ),
    "data-set": Thing(
        sources.load_dataset, "cola", "nyu-mll/glue", "GET /large/.*validation"
    ),
    "treebank": Thing(
        sources.load_dataset, "ud_english_ewt", TREEBANK, "GET /large/.*dev.parquet"
    ),
    "book": Thing(sources.load_text, "quijote", "ebook 2000", f"GET {BOOK}"),
}
OF_HUB = [name for name in THINGS if name != "book"]
SMALL_AND_LARGE = ["tokenizer", "data-set"]  # a file of git, and one with a sha256


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """A BERT with its heads and its tokenizer, CoLA and a treebank, all of them small."""
    folder = tmp_path_factory.mktemp("tiny")
    bert = fake_hub.tiny_files("BertForPreTraining", folder)
    cola = {
        f"cola/{split}-00000-of-00001.parquet": fake_hub.parquet(
            folder, {"sentence": [f"The {split} sat."], "label": [1], "idx": [0]}
        )
        for split in ("train", "validation", "test")
    }
    words = {
        "tokens": ["Cats", "sat"], "lemmas": ["cat", "sit"], "upos": ["NOUN", "VERB"],
        "xpos": ["_", "_"], "feats": ["_", "_"], "head": ["2", "0"],
        "deprel": ["nsubj", "root"],
    }  # fmt: skip
    treebank = {
        f"parquet/en_ewt/{split}.parquet": fake_hub.parquet(
            folder,
            {"idx": [split], "text": ["Cats sat"]} | {k: [v] for k, v in words.items()},
        )
        for split in ("train", "dev", "test")
    }
    return {
        f"models/{BERT}": bert,
        "datasets/nyu-mll/glue": cola,
        f"datasets/{TREEBANK}": treebank,
    }


@pytest.fixture
def waits(monkeypatch):
    """The seconds that the course and the client of the hub would have slept."""
    slept = []
    monkeypatch.setattr(time, "sleep", lambda s: slept.append(s) if s else None)
    return slept


@pytest.fixture
def log():
    """What the client of the hub logs, which would stay in the page of a notebook."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("huggingface_hub").addHandler(handler)
    yield lines
    logging.getLogger("huggingface_hub").removeHandler(handler)


@pytest.fixture
def reader(monkeypatch, tmp_path, waits):
    """A reader who wants the hub and whose caches are empty; `reader(server)` joins it."""
    import datasets
    from huggingface_hub import constants
    from huggingface_hub.utils import _detect_agent

    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "COURSE_DATA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setenv("COURSE_SOURCE", "hub")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path))
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 16)  # of a cut file are kept
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.setattr(_detect_agent, "_registry", _detect_agent._EMPTY_REGISTRY)

    def join(server):
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("COURSE_GUTENBERG", server.url)
        hub._trouble_of.cache_clear()
        huggingface_hub.close_session()  # its connections lead to another server

    return join


@pytest.fixture
def healthy(repositories):
    """Makes servers, each of which holds everything."""
    stack = []

    def serve():
        stack.append(FakeHub(repositories, {BOOK: fake_hub.ebook("En un lugar")}))
        return stack[-1].__enter__()

    yield serve
    for server in stack:
        server.stop()


@pytest.fixture
def server(reader, healthy):
    """The hub that the reader has."""
    found = healthy()
    reader(found)
    return found


@pytest.fixture
def never(monkeypatch):
    """An event that comes when the test is over; nobody waits for it for long."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 0.3)
    monkeypatch.setattr(retries, "SILENCE", 0.3)
    event = threading.Event()
    yield event
    event.set()


def expected_sha256(server, thing):
    """The sum of what the server holds, as the table of provenance shows it."""
    if thing.asked == "ebook 2000":
        return fake_hub.sha256(server.pages[BOOK])
    if thing.asked == BERT:
        file = "vocab.txt" if thing.load is sources.load_tokenizer else "model.safetensors"
        return fake_hub.sha256(server.repositories[f"models/{BERT}"][file])
    files = server.repositories[f"datasets/{thing.asked}"]
    sums = "".join(f"{fake_hub.sha256(files[name])}  {name}\n" for name in sorted(files))
    return hashlib.sha256(sums.encode()).hexdigest()


def load(server, thing):
    """Load a thing, and be sure that it is what the server holds."""
    result = thing.load(thing.name)
    provenance = result.provenance
    assert provenance.given == thing.name and not provenance.substituted
    assert provenance.origin == ("gutenberg" if thing.asked == "ebook 2000" else "hub")
    assert provenance.sha256 == expected_sha256(server, thing)
    check_cache(server)
    return result


def refusal(server, thing):
    """The error of loading a thing; what every one of them must say."""
    with pytest.raises(SourceError) as error:
        thing.load(thing.name)
    message = str(error.value)
    assert message.startswith(f"{thing.asked} cannot be had from {server.url} ")
    assert "COURSE_SOURCE=local with COURSE_DATA" in message  # what to do
    assert "\n" not in message and str(cache()) not in message
    check_cache(server)
    return message


def cache():
    return Path(huggingface_hub.constants.HF_HOME)


def check_cache(server):
    """Every file of the cache is one that the server holds, whole and by its name."""
    held = {name: files for name, files in server.repositories.items()}
    for path in cache().glob("hub/*--*/snapshots/*/**/*"):
        if path.is_file():
            repo, _, _, *name = path.relative_to(cache() / "hub").parts
            name = "/".join(name)
            assert path.read_bytes() == held[repo.replace("--", "/")][name], path
    everything = {data for files in held.values() for data in files.values()}
    for path in cache().glob("hub/*--*/blobs/*"):
        assert path.read_bytes() in everything, path
    for path in cache().glob("gutenberg/*"):
        assert path.read_bytes() in server.pages.values(), path


# -- a hub that is well -------------------------------------------------------------


@pytest.mark.parametrize("kind", THINGS)
def test_a_thing_is_what_the_hub_holds_and_is_downloaded_once(server, kind, waits, log, capfd):
    load(server, THINGS[kind])
    got = downloads(server)
    assert got and len(got) == len(set(got))
    load(server, THINGS[kind])
    assert downloads(server) == got  # the second time, the cache has it
    assert waits == [] and log == [] and capfd.readouterr() == ("", "")


def requests(server, pattern):
    """The requests that the faults of `pattern` are for."""
    return [request for request in server.requests if re.search(pattern, request)]


def downloads(server):
    """The requests for files, without those for their headers and for lists of them."""
    return [r for r in server.requests if r.startswith("GET") and "/api/" not in r]


def test_large_files_come_from_where_the_hub_redirects(server):
    load(server, THINGS["encoder"])
    assert any(request.startswith("GET /large/") for request in server.requests)
    assert not any("GET" in r and "resolve" in r and "safetensors" in r
                   for r in server.requests)  # fmt: skip


def test_a_repository_that_was_renamed_is_followed(server):
    def moved(answer):
        return dataclasses.replace(answer, status=307, headers={
            "Location": f"/bert-base-uncased/resolve/{PINNED}/config.json"
        })  # fmt: skip

    server.repositories = server.repositories | {
        "models/bert-base-uncased": server.repositories[f"models/{BERT}"]
    }
    server.fail(f"{BERT}/resolve/.*/config.json", moved)
    load(server, THINGS["masked-lm"])
    assert f"GET /bert-base-uncased/resolve/{PINNED}/config.json" in server.requests


def test_auto_takes_from_the_hub_what_the_hub_has(server, monkeypatch):
    monkeypatch.setenv("COURSE_SOURCE", "auto")
    for thing in THINGS.values():
        load(server, thing)


# -- faults that pass, and faults that last -----------------------------------------

FAULTS = {  # of a download: what goes wrong, and what the error says of it if it stays
    "429": (refused(429, Retry_After=7), "HTTP 429 .*too many requests"),
    "500": (refused(500), "HTTP 500 "),
    "503": (refused(503), "HTTP 503 "),
    "cut": (fake_hub.cut, "was cut, 5 times|without sending complete message"),
    "no-answer": (fake_hub.unanswered, "disconnected|no answer from .*, 5 times"),
    "crash": (fake_hub.crashed, "ReadError|reset by peer|was cut, 5 times"),
    "one-byte-less": (fake_hub.shortened, "should be of size"),
    "one-byte-more": (fake_hub.lengthened, "should be of size|other bytes"),
    "one-byte-else": (fake_hub.garbled, "other bytes than those of checksum [0-9a-f]{40}"),
    "no-length": (fake_hub.lengthless, "should be of size|cut short"),
}
UNSEEN_IN_A_BOOK = ("one-byte-less", "one-byte-more", "one-byte-else")  # no sum is known
CASES = [
    (fault, kind) for fault in FAULTS for kind in THINGS
    if kind != "treebank" and (kind != "book" or fault not in UNSEEN_IN_A_BOOK)
]  # fmt: skip


@pytest.mark.parametrize(
    "fault, kind", [case for case in CASES if case != ("no-length", "book")]
)
def test_a_fault_of_a_download_that_passes_is_overcome(server, fault, kind, waits, log, capfd):
    thing = THINGS[kind]
    server.fail(thing.file, FAULTS[fault][0], times=1)
    load(server, thing)
    assert len(requests(server, thing.file)) == 2
    assert waits and sum(waits) <= retries.PATIENCE
    if fault == "429":
        assert max(waits) >= 7  # as the server asked
    assert log == [] and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("fault, kind", CASES)
def test_a_fault_of_a_download_that_lasts_is_an_error_and_leaves_no_trace(
    server, fault, kind, waits, log, capfd
):
    thing, (change, says) = THINGS[kind], FAULTS[fault]
    server.resumes = False  # else each cut download would go on where it was cut
    server.fail(thing.file, change)
    assert re.search(says, refusal(server, thing))
    assert len(waits) <= 20 and sum(waits) <= retries.PATIENCE  # it does give up
    assert log == [] and capfd.readouterr() == ("", "")
    server.faults.clear()
    load(server, thing)


def test_a_download_that_is_cut_goes_on_where_it_was_cut(server):
    server.fail(THINGS["encoder"].file, fake_hub.cut)
    load(server, THINGS["encoder"])
    assert server.resumed


@pytest.mark.parametrize("kind", THINGS)
def test_a_thing_that_trickles_in_is_waited_for(server, kind, waits):
    server.fail("GET", fake_hub.trickling)
    load(server, THINGS[kind])
    assert waits == []


# Whatever is asked for on the way to the files: their headers, the list of them, and the
# commit that a branch points to.
ON_THE_WAY = {
    "file": ("tokenizer", "GET .*/resolve/.*/vocab.txt"),
    "large-file": ("data-set", "GET /large/.*validation"),
    "headers": ("tokenizer", "HEAD .*/resolve/.*/vocab.txt"),
    "headers-of-a-large-file": ("data-set", "HEAD .*/resolve/.*validation"),
    "list": ("tokenizer", "GET /api/models/.*/tree/"),
    "commit": ("treebank", "GET /api/datasets/.*/revision/main"),
    "book": ("book", f"GET {BOOK}"),
}


@pytest.mark.parametrize("place", ON_THE_WAY)
@pytest.mark.parametrize("fault", ["429", "500", "503", "no-answer"])
def test_a_fault_anywhere_on_the_way(server, place, fault, waits, log, capfd):
    kind, pattern = ON_THE_WAY[place]
    server.fail(pattern, FAULTS[fault][0], times=1)
    load(server, THINGS[kind])
    assert len(requests(server, pattern)) == 2
    assert sum(waits) <= retries.PATIENCE and log == [] and capfd.readouterr() == ("", "")
    if fault == "429":
        assert max(waits) >= 6.9  # the server asked for 7


@pytest.mark.parametrize("place", ON_THE_WAY)
@pytest.mark.parametrize("fault", ["429", "500", "503", "no-answer"])
def test_a_lasting_fault_anywhere_on_the_way(server, place, fault, waits, log, capfd):
    kind, pattern = ON_THE_WAY[place]
    change, says = FAULTS[fault]
    server.fail(pattern, change)
    assert re.search(says, refusal(server, THINGS[kind]))
    assert len(requests(server, pattern)) <= retries.FAILURES
    assert sum(waits) <= retries.PATIENCE and log == [] and capfd.readouterr() == ("", "")
    server.faults.clear()
    load(server, THINGS[kind])


@pytest.mark.parametrize("place", ON_THE_WAY)
def test_silence_anywhere_on_the_way(server, place, never, log, capfd):
    kind, pattern = ON_THE_WAY[place]
    server.fail(pattern, fake_hub.silent(never), times=1)
    load(server, THINGS[kind])
    assert len(requests(server, pattern)) >= 2
    assert log == [] and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("place", ON_THE_WAY)
def test_lasting_silence_anywhere_on_the_way(server, place, never, log, capfd):
    kind, pattern = ON_THE_WAY[place]
    server.fail(pattern, fake_hub.silent(never))
    message = refusal(server, THINGS[kind])
    assert re.search("timed out|no answer from .*, 5 times", message)
    assert len(requests(server, pattern)) <= retries.FAILURES
    assert log == [] and capfd.readouterr() == ("", "")


# -- a server that asks to wait -----------------------------------------------------


@pytest.mark.parametrize("headers", [
    {"Retry_After": 3600}, {"RateLimit": '"resolvers";r=0;t=3600'},
])  # fmt: skip
@pytest.mark.parametrize("place", ON_THE_WAY)
def test_a_server_that_asks_for_an_hour_is_not_waited_for(server, place, headers, waits):
    kind, pattern = ON_THE_WAY[place]
    server.fail(pattern, refused(429, **headers))
    assert "too many requests" in (message := refusal(server, THINGS[kind]))
    assert "it asks to wait 3600 s" in message
    assert sum(waits) < 10


@pytest.mark.parametrize("place", ON_THE_WAY)
def test_a_server_that_asks_again_and_again_is_waited_for_so_long(server, place, waits):
    kind, pattern = ON_THE_WAY[place]
    server.fail(pattern, refused(503, Retry_After=50))
    assert re.search("HTTP 503 .*; it asks to wait 50 s", refusal(server, THINGS[kind]))
    assert len(requests(server, pattern)) == 3


def test_a_date_to_retry_after_is_no_reason_to_fail(server, waits):
    server.fail(f"GET {BOOK}", refused(503, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT"), 1)
    load(server, THINGS["book"])
    assert waits == [1]


# -- what is not there, or not for everyone -----------------------------------------

REFUSALS = {  # the list of files or a file: what the hub says, and what the reader reads
    "repository": (404, "RepoNotFound", "no such repository is there, or it is private"),
    "revision": (404, "RevisionNotFound", "the repository has no such revision"),
    "file": (404, "EntryNotFound", "the file is not there"),
    "gated": (403, "GatedRepo", "accept them on its page, and set HF_TOKEN"),
    "token": (401, "", "it must know who asks: set HF_TOKEN"),
    "forbidden": (403, "", "the server refuses it to you"),
}


@pytest.mark.parametrize("place", [place for place in ON_THE_WAY if place != "book"])
@pytest.mark.parametrize("reason", REFUSALS)
def test_what_the_hub_does_not_give_is_not_asked_for_again(server, place, reason, waits):
    (status, code, says), (kind, pattern) = REFUSALS[reason], ON_THE_WAY[place]
    server.fail(pattern, refused(status, code))
    message = refusal(server, THINGS[kind])
    assert f"HTTP {status} for http://" in message and says in message
    assert waits == [] and "Signature" not in message
    server.faults.clear()
    load(server, THINGS[kind])


@pytest.mark.parametrize("kind", OF_HUB)
def test_a_repository_that_the_hub_lacks(server, kind):
    server.repositories = {}
    message = refusal(server, THINGS[kind])
    assert "HTTP 404" in message and "no such repository is there" in message


def test_a_book_that_the_server_lacks(server, waits):
    server.pages = {}
    message = refusal(server, THINGS["book"])
    assert f"HTTP 404 for {server.url}{BOOK} (Not Found)" in message and waits == []


@pytest.mark.parametrize(
    "kind, lost, says",
    [
        ("encoder", "model.safetensors", f"{BERT} has no safetensors weights"),
        ("tokenizer", "vocab.txt", f"{BERT} has no tokenizer.json and no vocabulary"),
        ("data-set", "cola/validation-00000-of-00001.parquet",
         r"nyu-mll/glue \(config cola\) .* has no parquet file for validation"),
        ("treebank", "parquet/en_ewt/dev.parquet",
         rf"{TREEBANK} .* has no parquet file for validation"),
    ],
)  # fmt: skip
def test_a_file_that_the_repository_lacks(server, kind, lost, says):
    server.repositories = {
        repo: {name: data for name, data in files.items() if name != lost}
        for repo, files in server.repositories.items()
    }
    with pytest.raises(SourceError, match=f"{says}.*COURSE_SOURCE=embedded"):
        THINGS[kind].load(THINGS[kind].name)


def test_a_page_in_the_place_of_a_book_is_no_book(server):
    server.pages = {BOOK: b"<html>Please log in.</html>"}
    with pytest.raises(SourceError, match="what came is not a Project Gutenberg book"):
        sources.load_text("quijote")
    assert list(cache().glob("gutenberg/*")) == []


def test_of_several_books_the_one_that_lacks_is_named_and_the_others_are_kept(server):
    pages = {
        f"/cache/epub/{number}/pg{number}.txt": fake_hub.ebook(f"Book {number}")
        for number in catalogue.BOOKS["kant"].titles
    }
    *whole, lost = pages
    server.pages = {path: pages[path] for path in whole}
    with pytest.raises(SourceError, match="^ebook 5683 cannot be had .*HTTP 404"):
        sources.load_text("kant")
    server.pages, server.requests = pages, []
    assert sources.load_text("kant").provenance.size == "3 books, 6 words"
    assert downloads(server) == [f"GET {lost}"]


def test_a_full_disk_is_no_reason_to_download_again(server, monkeypatch, waits):
    tries = []

    def full(*_, **__):
        tries.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", full)
    assert "No space left on device" in refusal(server, THINGS["encoder"])
    assert tries == [1] and waits == []


# -- a server that goes away --------------------------------------------------------


@pytest.mark.parametrize("place", ON_THE_WAY)
def test_a_server_that_dies_on_the_way(server, place, reader, healthy, waits):
    kind, pattern = ON_THE_WAY[place]

    def dies(answer):
        server.stop()
        return fake_hub.unanswered(answer)

    server.fail(pattern, dies)
    message = refusal(server, THINGS[kind])
    # What a client sees of a death depends on what it is doing.
    assert re.search("refused|disconnected|reset|no answer from .*, 5 times", message)
    another = healthy()
    reader(another)
    load(another, THINGS[kind])


def test_a_store_that_cannot_be_reached_is_named(server):
    server.store = "http://127.0.0.1:1"
    assert "http://127.0.0.1:1/large/" in refusal(server, THINGS["encoder"])


def test_redirections_without_an_end_are_an_error(server):
    def around(answer):
        path = f"/{BERT}/resolve/{PINNED}/vocab.txt"
        return dataclasses.replace(answer, status=307, headers={"Location": path})

    server.fail("vocab.txt", around)
    assert "TooManyRedirects" in refusal(server, THINGS["tokenizer"])


# -- whether there is a hub ---------------------------------------------------------

PROBE = f"/api/models/{catalogue.MODELS[catalogue.MINILM].repo}$"


@pytest.mark.parametrize("source", ["auto", "hub"])
def test_a_hub_that_fails_once_when_it_is_asked_is_a_hub(server, source, monkeypatch):
    monkeypatch.setenv("COURSE_SOURCE", source)
    server.fail(PROBE, refused(503), times=1)
    load(server, THINGS["tokenizer"])


@pytest.mark.parametrize("status", [500, 503])
def test_a_hub_that_always_fails_is_none(server, status, monkeypatch, waits):
    server.fail("", refused(status))
    message = refusal(server, THINGS["tokenizer"])
    assert f"no hub answers (HTTP {status})" in message and len(waits) == 2
    server.faults.clear()
    load(server, THINGS["tokenizer"])  # it is asked anew, in the same process


@pytest.mark.parametrize("slowness", ["silent", "crawling"])
def test_auto_does_without_a_hub_that_is_too_slow(server, slowness, never, monkeypatch):
    monkeypatch.setenv("COURSE_SOURCE", "auto")
    monkeypatch.setitem(sources.PROBE_SECONDS, "auto", 0.2)
    server.fail(PROBE, getattr(fake_hub, slowness)(never))
    assert sources.decide() == "embedded"
    model = sources.load_encoder("bert-base-uncased")
    assert model.provenance.substituted and model.provenance.origin == "package"
    server.faults.clear()
    assert sources.decide() == "embedded"  # what was decided stays, in a process
    assert all(re.search(PROBE, request) for request in server.requests)


@pytest.mark.parametrize("kind", THINGS)
def test_auto_that_took_the_hub_puts_nothing_in_the_place_of_what_it_lacks(
    server, kind, monkeypatch
):
    monkeypatch.setenv("COURSE_SOURCE", "auto")
    assert sources.decide() == "hub"
    server.fail(THINGS[kind].file, refused(503))
    assert "HTTP 503" in refusal(server, THINGS[kind])


# -- the cache ----------------------------------------------------------------------


def blobs(server, thing):
    """The files of the cache that were downloaded for a thing."""
    load(server, thing)
    return sorted(cache().glob("hub/*--*/blobs/*"))


def halve(data):
    return data[: len(data) // 2]


def flip(data):
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("damage", [halve, flip, lambda data: b""])
@pytest.mark.parametrize("kind", SMALL_AND_LARGE)
def test_what_was_damaged_in_the_cache_is_downloaded_again(server, kind, damage):
    for blob in blobs(server, THINGS[kind]):
        blob.write_bytes(damage(blob.read_bytes()))
    got = downloads(server)
    load(server, THINGS[kind])
    assert sorted(downloads(server)) == sorted(got * 2)


@pytest.mark.parametrize("kind", OF_HUB)
def test_what_was_damaged_is_not_used_without_the_hub_either(server, kind):
    for blob in blobs(server, THINGS[kind]):
        blob.write_bytes(flip(blob.read_bytes()))
    server.fail("", refused(503))
    hub._trouble_of.cache_clear()
    for _ in range(2):
        with pytest.raises(SourceError) as error:
            THINGS[kind].load(THINGS[kind].name)
        for words in ("other bytes than those of checksum", "no hub answers (HTTP 503)"):
            assert words in str(error.value)
        assert "deleted" not in str(error.value)  # where it could not be had again
    server.faults.clear()
    load(server, THINGS[kind])


def test_only_the_files_that_are_asked_for_are_examined(server):
    load(server, THINGS["encoder"])
    weights = next(cache().glob("hub/*--*/snapshots/*/model.safetensors"))
    whole = weights.read_bytes()
    weights.resolve().write_bytes(flip(whole))  # gigabytes that a tokenizer does not need
    sources.load_tokenizer("bert-base-uncased")
    assert weights.read_bytes() == flip(whole)
    load(server, THINGS["encoder"])
    assert weights.read_bytes() == whole


@pytest.mark.parametrize("kind", OF_HUB)
def test_what_is_whole_in_the_cache_is_used_without_the_hub(server, kind):
    load(server, THINGS[kind])
    server.fail("", refused(503))
    hub._trouble_of.cache_clear()
    load(server, THINGS[kind])


@pytest.mark.parametrize("kind", SMALL_AND_LARGE)
def test_what_an_interrupted_download_left_is_not_taken_for_whole(server, kind):
    whole = blobs(server, THINGS[kind])
    shutil.rmtree(cache() / "hub")
    whole[0].parent.mkdir(parents=True)
    left = [path.with_name(f"{path.name}{end}") for path in whole
            for end in (".incomplete", ".0123abcd.incomplete")]  # fmt: skip
    for path in left:
        path.write_bytes(b"the first half")
    result = THINGS[kind].load(THINGS[kind].name)
    assert result.provenance.sha256 == expected_sha256(server, THINGS[kind])
    for path in left:
        path.unlink(missing_ok=True)
    check_cache(server)


def test_what_an_interrupted_download_of_a_book_left_is_not_taken_for_whole(server):
    (folder := cache() / "gutenberg").mkdir()
    (left := folder / "2000.1.part").write_bytes(b"the first half")
    assert sources.load_text("quijote").paragraphs == ["En un lugar"]
    assert (folder / "2000.txt").read_bytes() == server.pages[BOOK]
    assert left.exists()  # another process may be writing it


@pytest.fixture
def no_links(monkeypatch):
    """A disk, as on Windows, where the cache holds files in the place of links."""
    monkeypatch.setattr("huggingface_hub.file_download.are_symlinks_supported",
                        lambda *_: False)  # fmt: skip


@pytest.mark.parametrize("kind", [*SMALL_AND_LARGE, "treebank"])
def test_without_links_the_list_of_files_has_the_sums(server, kind, no_links):
    thing = THINGS[kind]
    load(server, thing)
    assert list(cache().glob("hub/*--*/blobs/*")) == []
    server.faults, server.requests = [], []
    for path in cache().glob("hub/*--*/snapshots/*/**/*.*"):
        if path.is_file():
            path.write_bytes(flip(path.read_bytes()))
    load(server, thing)
    assert downloads(server)
    assert requests(server, "/tree/[0-9a-f]{40}") == requests(server, "/tree/") != []
    server.fail(thing.file, fake_hub.garbled)
    shutil.rmtree(cache() / "hub")
    message = refusal(server, thing)
    assert "other bytes than those of checksum" in message
    assert "deleted from the cache" in message


MIRRORED = {  # what mirrors make of an ETag: nothing that is a sum, or one of their own
    "md5": lambda etag: hashlib.md5(etag.encode()).hexdigest(),
    "sha1": lambda etag: hashlib.sha1(etag.encode()).hexdigest(),
    "sha256": lambda etag: hashlib.sha256(etag.encode()).hexdigest(),
}


@pytest.mark.parametrize("kind", SMALL_AND_LARGE)
@pytest.mark.parametrize("etag", MIRRORED)
def test_of_a_mirror_with_etags_of_its_own_the_list_of_files_counts(server, kind, etag):
    thing = THINGS[kind]
    server.fail("HEAD .*/resolve/", fake_hub.named(MIRRORED[etag]))
    load(server, thing)
    shutil.rmtree(cache())
    cache().mkdir()
    server.fail(thing.file, fake_hub.garbled)
    assert "other bytes than those of checksum" in refusal(server, thing)
