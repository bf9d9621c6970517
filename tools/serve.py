"""Shows the site on this machine as a host of static files would: `make serve`.

Text travels gzipped and a browser's copy is confirmed rather than sent again, so what the
tests of the site weigh here is what a reader's connection carries.
"""

import contextlib
import functools
import gzip
import http.server
import io
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

TEXT = (".html", ".css", ".js", ".json", ".svg", ".txt", ".md", ".ipynb", ".inv")


@dataclass(frozen=True)
class Sent:
    """One answer: what was asked for, the status, and the bytes of the body."""

    path: str
    status: int
    size: int


@functools.lru_cache(maxsize=256)
def _body(path: Path, changed: int, gzipped: bool) -> bytes:
    """What a file's answer holds; `changed` is in the arguments so that a new file counts."""
    content = path.read_bytes()
    return gzip.compress(content, 6, mtime=0) if gzipped else content


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # one connection for many files

    def send_head(self):
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            if not self.path.split("?")[0].endswith("/"):
                return super().send_head()  # leads to the address with the slash
            path /= "index.html"
        if not path.is_file():
            self.send_error(404, f"There is no {self.path}")
            return None
        gzipped = path.suffix in TEXT and "gzip" in self.headers.get("Accept-Encoding", "")
        changed = path.stat().st_mtime_ns
        body, tag = _body(path, changed, gzipped), f'"{changed:x}{"z" * gzipped}"'
        known = self.headers.get("If-None-Match") == tag
        self.send_response(304 if known else 200, size=0 if known else len(body))
        self.send_header("ETag", tag)
        self.send_header("Cache-Control", "no-cache")  # ask whether your copy still holds
        self.send_header("Vary", "Accept-Encoding")
        if not known:
            self.send_header("Content-Type", self.guess_type(path))
            self.send_header("Content-Length", str(len(body)))
            if gzipped:
                self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        return None if known else io.BytesIO(body)

    def send_response(self, code, message=None, size=0):
        super().send_response(code, message)
        self.server.sent.append(Sent(self.path, int(code), size))

    def log_message(self, *_):
        pass  # `sent` is the log


@dataclass
class Served:
    """A folder on the loopback address, and all that was sent from it."""

    address: str
    sent: list[Sent] = field(default_factory=list)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # the browser may hang up
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serve(folder: Path, port: int = 0):
    """Serve a folder on 127.0.0.1 while the context lasts; yields what is `Served`.

    Raises:
        OSError: the port is taken; 0, the default, takes a free one.
    """
    server = Server(("127.0.0.1", port), functools.partial(Handler, directory=str(folder)))
    served = Served(f"http://127.0.0.1:{server.server_port}")
    server.sent = served.sent
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main(folder: str = "_site", port: str = "8000") -> None:
    if not (Path(folder) / "index.html").is_file():
        sys.exit("There is no site yet: run make book.")
    with serve(Path(folder), int(port)) as served, contextlib.suppress(KeyboardInterrupt):
        print(f"{served.address}/   (Ctrl-C ends it; another port: make serve PORT=8001)")
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
