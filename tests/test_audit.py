"""`make audit` says that nothing is known only if it was told so, of every package."""

import http.server
import json
import threading

import pytest

from tools import audit


def printed(packages):
    return json.dumps({"dependencies": packages, "fixes": []})


FINE = {"name": "numpy", "version": "2.4.6", "vulns": []}
WEAK = {"name": "jinja2", "version": "3.1.2", "vulns": [
    {"id": "PYSEC-1", "fix_versions": ["3.1.3", "3.2"]}, {"id": "PYSEC-2", "fix_versions": []}]}
SKIPPED = {"name": "torch", "skip_reason": "Dependency not found and could not be audited"}


@pytest.mark.parametrize("packages, code, text", [
    ([FINE], 0, "nothing is known against 1 packages"),
    ([FINE, WEAK], 1, "jinja2 3.1.2: PYSEC-1, mended in 3.1.3, 3.2\n"
                      "  jinja2 3.1.2: PYSEC-2, mended in no version yet"),
    # A service that knows no package answers as if all were well, and pip-audit ends with 0.
    ([FINE, SKIPPED], 2, "NOT CHECKED: the advisory service does not know 1 of 2 packages (torch)"),
    ([], 2, "NOT CHECKED: pip-audit looked up no package"),
])
def test_what_pip_audit_printed_is_understood(packages, code, text):
    answer = audit.of_pip_audit(printed(packages), "")
    assert (answer.code, str(answer)) == (code, f"  {text}")


def test_what_is_known_counts_though_others_were_not_looked_up():
    answer = audit.of_pip_audit(printed([WEAK, SKIPPED]), "")
    assert answer.code == 1 and "PYSEC-1" in str(answer) and "NOT CHECKED" in str(answer)


@pytest.fixture
def pip_audit(tmp_path, monkeypatch):
    """A pip-audit that prints what it is told; nowhere else is there one."""
    monkeypatch.setattr(audit.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    def prints(output, errors="", code=0):
        script = tmp_path / "pip-audit"
        (tmp_path / "output").write_text(output)
        (tmp_path / "errors").write_text(errors)
        script.write_text(f'#!/bin/sh\ncat "{tmp_path}/output"\ncat "{tmp_path}/errors" >&2\n'
                          f'echo "$@" > "{tmp_path}/arguments"\nexit {code}\n')
        script.chmod(0o755)
        return tmp_path / "arguments"

    return prints


def test_pip_audit_is_asked_about_both_files_and_resolves_nothing(pip_audit):
    arguments = pip_audit(printed([FINE]))
    assert audit.python_packages().code == 0
    asked = arguments.read_text()
    for word in ("--disable-pip", "-r requirements.txt", "-r requirements-cuda.txt"):
        assert word in asked


def test_a_service_that_cannot_be_reached_is_not_good_news(pip_audit):
    pip_audit("", "Traceback ...\nConnectionError: connection refused\n\n", 1)
    answer = audit.python_packages()
    assert (answer.code, answer.trouble) == (
        2, "the advisory service cannot be reached (ConnectionError: connection refused)")


def test_without_pip_audit_it_is_said_where_it_comes_from(pip_audit):
    answer = audit.python_packages()
    assert answer.code == 2 and "pipx install pip-audit" in str(answer)


# -- npm, the real one, asks a server on this machine -----------------------------------


@pytest.fixture
def registry(monkeypatch):
    """A server that answers npm's question about weaknesses with what `answer` holds."""

    class Handler(http.server.BaseHTTPRequestHandler):
        answer = {}

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(self.answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/")
    yield Handler
    server.shutdown()
    server.server_close()


def test_npm_that_knows_of_nothing(registry, root):
    answer, lock = audit.npm_packages(), json.loads((root / "package-lock.json").read_text())
    assert answer.code == 0, str(answer)
    assert answer.looked_up == len(lock["packages"]) - 1  # without the course itself


@pytest.mark.parametrize("total, code, text", [
    (3, 0, "nothing is known against 3 packages"), (0, 2, "NOT CHECKED: npm looked up no package")])
def test_npm_that_looked_up_nothing_is_not_good_news(total, code, text):
    said = {"vulnerabilities": {}, "metadata": {"dependencies": {"total": total}}}
    answer = audit.of_npm(json.dumps(said), "")
    assert (answer.code, str(answer)) == (code, f"  {text}")


def test_npm_that_knows_of_something(registry, root):
    lock = json.loads((root / "package-lock.json").read_text())["packages"]
    registry.answer = {"brotli": [], "esbuild": [{
        "id": 1, "url": "https://example.org/advisory", "title": "t", "severity": "high",
        "vulnerable_versions": f"<={lock['node_modules/esbuild']['version']}", "cwe": [],
        "cvss": {"score": 0, "vectorString": None}}]}
    answer = audit.npm_packages()
    assert answer.code == 1 and any(line.startswith("esbuild ") and line.endswith("high")
                                    for line in answer.known)


def test_a_registry_that_does_not_answer_is_not_good_news(registry, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")  # nobody listens there
    answer = audit.npm_packages()
    assert answer.code == 2 and "advisory service cannot be reached" in answer.trouble


@pytest.mark.parametrize(
    "codes, code", [((0, 0), 0), ((0, 1), 1), ((2, 0), 2), ((1, 2), 1), ((2, 1), 1)])
def test_the_exit_code_is_the_worst_that_is_known(codes, code, monkeypatch, capsys):
    answers = [audit.Answer(1, ["x"] * (c == 1), "gone" * (c == 2)) for c in codes]
    monkeypatch.setattr(audit, "python_packages", lambda: answers[0])
    monkeypatch.setattr(audit, "npm_packages", lambda: answers[1])
    assert audit.main() == code
    assert ("NOT CHECKED" in capsys.readouterr().out) is (2 in codes)
