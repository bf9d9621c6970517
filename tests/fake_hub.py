"""A server on this machine that speaks what the course uses of the hub's protocol.

It answers for models, data sets and Project Gutenberg books held in memory, and keeps
the paths that were asked for.
"""

import hashlib
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" + "0" * 34  # what the branch `main` of every repository points to


class FakeHub:
    """`repositories`: {"models/<id>" or "datasets/<id>": {file name: bytes}};
    `pages`: {path: bytes} of anything else."""

    def __init__(self, repositories=None, pages=None):
        self.repositories, self.pages = repositories or {}, pages or {}
        self.asked = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                hub.asked.append(self.path)
                status, kind, body, headers = hub.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()

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
        if path in self.pages:
            return 200, "text/plain", self.pages[path], {}
        return 404, "text/plain", b"no such page", {}

    def _api(self, repo, rest):
        if repo not in self.repositories:
            return self._missing("RepoNotFound")
        files = self.repositories[repo]
        if rest[:1] == ["tree"]:
            listing = [
                {"type": "file", "path": name, "size": len(data), "oid": _oid(data)}
                for name, data in files.items()
            ]
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
        headers = {"ETag": f'"{_oid(data)}"', "X-Repo-Commit": _commit(revision)}
        return 200, "application/octet-stream", data, headers

    def _missing(self, code):
        body = b'{"error": "not found"}'
        return 404, "application/json", body, {"X-Error-Code": code}


def _commit(revision):
    return revision if len(revision) == 40 else COMMIT


def _oid(data):
    return hashlib.sha1(data).hexdigest()
