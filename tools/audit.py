"""Asks whether a weakness is known of what the course installs: `make audit`.

    python -m tools.audit

pip-audit asks about the packages that requirements.txt and requirements-cuda.txt pin for
this system, npm about those of package-lock.json. The exit code is 0 where nothing is known
of any of them, 1 where something is, and 2 where a package was not looked up, or none was: a
service that does not answer, or does not know a package, has not said that nothing is known.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GET_IT = "pip-audit is not installed: get it with `pipx install pip-audit`"
PIP_AUDIT = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off",
             "-r", "requirements.txt", "-r", "requirements-cuda.txt"]


@dataclass
class Answer:
    """What a service said: how many packages it looked up, what it knows, what went wrong."""

    looked_up: int = 0
    known: list[str] = field(default_factory=list)
    trouble: str = ""

    @property
    def code(self) -> int:
        return 1 if self.known else 2 if self.trouble else 0

    def __str__(self):
        lines = self.known + [f"NOT CHECKED: {self.trouble}"] * bool(self.trouble)
        return "\n".join(f"  {line}" for line in lines or
                         [f"nothing is known against {self.looked_up} packages"])


def last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no word")


def of_pip_audit(output: str, errors: str) -> Answer:
    """The answer in what pip-audit printed."""
    try:
        packages = json.loads(output)["dependencies"]
    except ValueError:
        return Answer(trouble=f"the advisory service cannot be reached ({last_line(errors)})")
    skipped = [p["name"] for p in packages if "skip_reason" in p]
    known = [f"{p['name']} {p['version']}: {weakness['id']}, mended in "
             f"{', '.join(weakness['fix_versions']) or 'no version yet'}"
             for p in packages for weakness in p.get("vulns", [])]
    trouble = (f"the advisory service does not know {len(skipped)} of {len(packages)} packages "
               f"({', '.join(skipped[:3] + ['...'] * (len(skipped) > 3))})") if skipped else ""
    trouble = trouble if packages else "pip-audit looked up no package"
    return Answer(len(packages) - len(skipped), known, trouble)


def of_npm(output: str, errors: str) -> Answer:
    """The answer in what `npm audit --json` printed."""
    try:
        said = json.loads(output)
        weak = said["vulnerabilities"]
    except ValueError:
        return Answer(trouble=f"npm did not answer ({last_line(errors)})")
    except KeyError:
        return Answer(trouble="the advisory service cannot be reached "
                              f"({said.get('message') or last_line(errors)})")
    known = [f"{name} {found['range']}: {found['severity']}" for name, found in weak.items()]
    total = said["metadata"]["dependencies"]["total"]
    return Answer(total, known, "" if total else "npm looked up no package")


def python_packages() -> Answer:
    """What pip-audit finds."""
    beside = Path(sys.executable).parent
    found = shutil.which("pip-audit", path=beside) or shutil.which("pip-audit")
    if not found:
        return Answer(trouble=GET_IT)
    done = _run([found, *PIP_AUDIT])
    return of_pip_audit(done.stdout, done.stderr)


def npm_packages() -> Answer:
    """What npm finds."""
    done = _run([sys.executable, "-m", "tools.node", "audit", "--json", "--fetch-retries=1"])
    return of_npm(done.stdout, done.stderr)


def _run(command: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def main() -> int:
    answers = {"Python packages": python_packages(), "npm packages": npm_packages()}
    for what, answer in answers.items():
        print(f"{what}:\n{answer}")
    codes = [answer.code for answer in answers.values()]
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
