"""A server on this machine that speaks what the course uses of the hub's protocol.

It answers for models, data sets and Project Gutenberg books held in memory, keeps the
paths that were asked for, and can be told to fail in the ways of a network.
"""

import dataclasses
import hashlib
import json
import re
import socket
import struct
import sys
import threading
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" + "0" * 34  # what the branch `main` of every repository points to
NO_FAREWELL = struct.pack("ii", 1, 0)  # closing a connection resets it
LARGE = (".safetensors", ".parquet", ".bin")  # kept elsewhere: the hub redirects to them


@dataclasses.dataclass
class Answer:
    """What goes over the wire; a fault changes it."""

    status: int
    kind: str
    body: bytes
    headers: dict[str, str]
    cut: int | None = None  # the connection is closed after so many bytes of the body
    reset: bool = False  # and is closed as by a machine that crashes
    pace: float | None = None  # seconds between pieces of a few bytes
    hold: threading.Event | None = None  # nothing is sent before it is set
    length: bool = True  # whether the length of the body is told beforehand


@dataclasses.dataclass
class Fault:
    """A change to the answers of the requests that `pattern` is found in."""

    pattern: str  # of "METHOD path"
    change: Callable[[Answer], Answer]
    times: float  # how many more requests it is for


class FakeHub:
    """`repositories`: {"models/<id>" or "datasets/<id>": {file name: bytes}};
    `pages`: {path: bytes} of anything else."""

    def __init__(self, repositories=None, pages=None):
        self.repositories, self.pages = repositories or {}, pages or {}
        self.requests, self.faults = [], []  # "METHOD path" of each that came
        self.resumes, self.resumed = True, 0  # whether it sends the rest of a file
        self.stopped = False
        self.servers = [_serve(self), _serve(self)]  # the hub, and where large files are
        self.url, self.store = [
            f"http://127.0.0.1:{server.server_port}" for server in self.servers
        ]

    def __enter__(self):
        for server in self.servers:
            # It looks every so many seconds whether it is to stop.
            threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(self, *error):
        self.stop()

    def stop(self):
        """Answer no more, not even on connections that are open."""
        if not self.stopped:
            self.stopped = True
            for server in self.servers:
                server.shutdown()
                server.server_close()

    @property
    def asked(self):
        """The path of every request."""
        return [request.partition(" ")[2] for request in self.requests]

    def fail(self, pattern, change, times=float("inf")):
        """Change the next `times` answers to requests with `pattern` in "METHOD path"."""
        self.faults.append(Fault(pattern, change, times))

    def respond(self, method, path):
        """The `Answer` to a request, with the faults that are for it."""
        found = Answer(*self.answer(path))
        if self.stopped:
            return unanswered(found)
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.pattern, f"{method} {path}"):
                fault.times -= 1
                found = fault.change(found)
        return found

    def answer(self, path):
        """(status, content type, body, headers) for a request."""
        parts = urllib.parse.unquote(path).partition("?")[0].strip("/").split("/")
        if parts[0] == "api" and len(parts) >= 4:
            return self._api("/".join(parts[1:4]), parts[4:])
        if "resolve" in parts:
            place = parts.index("resolve")
            repo = "/".join(parts[:place])
            repo = repo if repo.startswith("datasets/") else f"models/{repo}"
            return self._file(repo, parts[place + 1], "/".join(parts[place + 2 :]))
        if parts[0] == "large":
            return self._large(parts[1])
        if path in self.pages:
            return 200, "text/plain", self.pages[path], {}
        return 404, "text/plain", b"no such page", {}

    def _api(self, repo, rest):
        if repo not in self.repositories:
            return self._missing("RepoNotFound")
        files = self.repositories[repo]
        if rest[:1] == ["tree"]:
            listing = [_entry(name, data) for name, data in files.items()]
            return 200, "application/json", json.dumps(listing).encode(), {}
        info = {
            "id": repo.partition("/")[2], "sha": _commit(rest[1] if rest else "main"),
            "siblings": [{"rfilename": name} for name in files],
        }  # fmt: skip
        return 200, "application/json", json.dumps(info).encode(), {}

    def _file(self, repo, revision, name):
        data = self.repositories.get(repo, {}).get(name)
        if data is None:
            return self._missing("EntryNotFound")
        headers = {"X-Repo-Commit": _commit(revision)}
        if not name.endswith(LARGE):
            headers["ETag"] = f'"{git_sha1(data)}"'
            return 200, "application/octet-stream", data, headers
        headers |= {
            "X-Linked-ETag": f'"{sha256(data)}"', "X-Linked-Size": str(len(data)),
            "Location": f"{self.store}/large/{sha256(data)}?file={name}&Signature=x",
        }  # fmt: skip
        return 302, "text/plain", b"Found. Redirecting", headers

    def _large(self, name):
        for files in self.repositories.values():
            for data in files.values():
                if sha256(data) == name:
                    headers = {"ETag": '"of-the-store"'}
                    return 200, "application/octet-stream", data, headers
        return 404, "text/plain", b"no such file", {}

    def _missing(self, code):
        body = b'{"error": "not found"}'
        return 404, "application/json", body, {"X-Error-Code": code}


# -- faults -------------------------------------------------------------------------


def refused(status, code="", **headers):
    """Another status, with the hub's word for it and headers (`Retry_After=3`)."""
    headers = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    if code:
        headers["X-Error-Code"] = code
    return lambda answer: Answer(status, "text/plain", b"no", headers)


def cut(answer):
    """The connection ends in the middle of the body."""
    return dataclasses.replace(answer, cut=len(answer.body) // 2)


def crashed(answer):
    """The same, without a farewell."""
    return dataclasses.replace(answer, cut=len(answer.body) // 2, reset=True)


def unanswered(answer):
    """The connection ends before the first byte."""
    return dataclasses.replace(answer, cut=-1)


def garbled(answer):
    """One byte of the body is another."""
    body = bytearray(answer.body)
    body[len(body) // 2] ^= 1
    return dataclasses.replace(answer, body=bytes(body))


def shortened(answer):
    """The last byte is lacking, and nothing in this answer says so."""
    return dataclasses.replace(answer, body=answer.body[:-1])


def lengthened(answer):
    """One byte too many."""
    return dataclasses.replace(answer, body=answer.body + b"\n")


def lengthless(answer):
    """Half of the body, whose length is not told: it ends where the connection does."""
    return dataclasses.replace(answer, cut=len(answer.body) // 2, length=False)


def trickling(answer):
    """Headers and body come in small pieces."""
    return dataclasses.replace(answer, pace=0)


def crawling(event):
    """The same, and so slowly that it takes long, until `event` is set."""
    return lambda answer: dataclasses.replace(answer, pace=0.05, hold=event)


def silent(event):
    """Nothing comes until `event` is set."""
    return lambda answer: dataclasses.replace(answer, hold=event)


def named(etag):
    """Other ETags, each the result of `etag` for what the hub calls the file."""

    def change(answer):
        headers = dict(answer.headers)
        found = headers.pop("X-Linked-ETag", headers.get("ETag")).strip('"')
        return dataclasses.replace(answer, headers=headers | {"ETag": f'"{etag(found)}"'})

    return change


# -- the wire -----------------------------------------------------------------------


class Trickle:
    """Writes to `file` in small pieces, at the pace of an answer."""

    def __init__(self, file, answer):
        self.file, self.answer = file, answer

    def write(self, data):
        for place in range(0, len(data), 8):
            self.file.write(data[place : place + 8])
            if self.answer.pace:
                self.answer.hold.wait(self.answer.pace)

    def flush(self):
        self.file.flush()


def _serve(hub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            hub.requests.append(f"{self.command} {self.path}")
            answer = hub.respond(self.command, self.path)
            if answer.pace is not None:
                self.wfile = Trickle(self.wfile, answer)
            elif answer.hold:
                answer.hold.wait()
            if answer.cut == -1:
                self.close_connection = True
                return
            body = answer.body
            start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if start and hub.resumes and answer.status == 200:
                hub.resumed += 1
                first = int(start[1])
                answer.status, body = 206, body[first:]
                whole = f"bytes {first}-{len(answer.body) - 1}/{len(answer.body)}"
                answer.headers = answer.headers | {"Content-Range": whole}
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            if answer.length:
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Connection", "close")
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self._send(body, answer)
            self.wfile = getattr(self.wfile, "file", self.wfile)

        do_HEAD = do_GET

        def _send(self, body, answer):
            self.wfile.write(body[: answer.cut])
            if answer.cut is not None:
                self.close_connection = True
            if answer.reset:
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, NO_FAREWELL
                )

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        def shutdown_request(self, request):
            lingers = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            if lingers == NO_FAREWELL:
                self.close_request(request)
            else:
                super().shutdown_request(request)

        def handle_error(self, request, address):
            if not isinstance(sys.exc_info()[1], ConnectionError):  # the client went away
                super().handle_error(request, address)

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server


def _commit(revision):
    return revision if len(revision) == 40 else COMMIT


def _entry(name, data):
    """A file in the listing of a repository."""
    entry = {"type": "file", "path": name, "size": len(data), "oid": git_sha1(data)}
    if name.endswith(LARGE):
        pointer = (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{sha256(data)}\nsize {len(data)}\n"
        ).encode()
        entry["oid"] = git_sha1(pointer)
        entry["lfs"] = {
            "oid": sha256(data), "size": len(data), "pointerSize": len(pointer),
        }  # fmt: skip
    return entry


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def git_sha1(data):
    """The name that git gives to a file with these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


# -- what it serves -----------------------------------------------------------------


def tiny_files(kind, folder):
    """The files of a BERT small enough to serve, of a class of `transformers`."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=16,
    )  # fmt: skip
    getattr(transformers, kind)(config).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    kind = '{"tokenizer_class": "BertTokenizer"}'
    (folder / "tokenizer_config.json").write_text(kind)
    return contents(folder)


def contents(folder):
    """{file name: bytes} of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def parquet(folder, table, features=None):
    """The bytes of a parquet file with the columns of `table`."""
    from datasets import Dataset

    path = folder / "table.parquet"
    Dataset.from_dict(table, features=features).to_parquet(path)
    return path.read_bytes()


def ebook(body):
    """A book as Project Gutenberg publishes it."""
    lines = [
        "\ufeffThe Project Gutenberg eBook", "",
        "*** START OF THE PROJECT GUTENBERG EBOOK A BOOK ***", "",
        "Produced by N. N.", "", body, "",
        "*** END OF THE PROJECT GUTENBERG EBOOK A BOOK ***", "licence", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()
