"""requirements.txt from requirements.in: all that comes along, with versions and hashes.

    python -m tools.lock                                  # `make lock`
    python -m tools.lock --upgrade-package certifi        # ARGS="--upgrade-package certifi"

uv finds what belongs together on every system that has Python; what is pinned already
keeps its version unless an argument for uv says otherwise. What torch needs on Linux for
GPUs, several gigabytes, goes into a file of its own, since its CPU build needs none of it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = "0.13.9"  # another one may write another file
ASKED, LOCK, CUDA = "requirements.in", "requirements.txt", "requirements-cuda.txt"
OF_CUDA = re.compile(r"nvidia-|cuda-|triton==")
BUILD = re.compile(r"^# ([\w.-]+?)-([^-\s]+)\+\S+\.whl\n#\s+(--hash=sha256:[0-9a-f]{64})$", re.M)
HEADS = {
    LOCK: "# What requirements.in asks for and what comes with it, as `make lock` found it.\n",
    CUDA: ("# What torch needs besides on Linux, unless it is its CPU build; `make lock` "
           "writes this file too.\n"),
}


class LockError(RuntimeError):
    """The packages cannot be pinned; the message says what to do."""


def packages(text: str) -> list[str]:
    """The parts of a file of requirements: a package with its hashes and what wants it."""
    return re.split(r"^(?=\w)", text, flags=re.M)[1:]


def versions(text: str) -> str:
    """A file of requirements without its hashes: uv would keep those that it is shown."""
    return "".join(part.split(" \\\n")[0] + "\n" for part in packages(text))


def with_builds(text: str, asked: str) -> str:
    """The requirements with the hashes of the other builds that `asked` names in comments.

    Raises:
        LockError: a build is not of the version that is pinned.
    """
    for name, version, hashed in BUILD.findall(asked):
        pin = f"{name}=={version} \\\n"
        if pin not in text:
            raise LockError(f"{ASKED} has the hash of a build of {name} {version}, which is not "
                            "the version that it asks for: put the build's own there")
        text = text.replace(pin, f"{pin}    {hashed} \\\n")
    return text


def split(text: str, asked: str) -> dict[str, str]:
    """The two files, from all requirements together."""
    found = packages(with_builds(text, asked))
    return {name: head + "".join(p for p in found if bool(OF_CUDA.match(p)) is (name == CUDA))
            for name, head in HEADS.items()}


def uv() -> str:
    """The uv that writes the file.

    Raises:
        LockError: it is not installed, or another one is.
    """
    beside = Path(sys.executable).parent
    found = shutil.which("uv", path=beside) or shutil.which("uv")
    version = found and subprocess.run([found, "--version"], capture_output=True, text=True).stdout
    if not version or version.split()[1] != UV:
        raise LockError(f"`make lock` needs uv {UV}: run `.venv/bin/pip install uv=={UV}`")
    return found


def resolved(arguments: list[str]) -> str:
    """All requirements, as uv finds them; where nothing speaks against it, as they were."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, LOCK)
        known = [(ROOT / name).read_text("utf-8") for name in HEADS if (ROOT / name).exists()]
        output.write_text("".join(map(versions, known)), "utf-8")
        command = [
            uv(), "pip", "compile", "--quiet", "--no-config", "--universal", "--generate-hashes",
            "--python-version", "3.11.5", "--no-header", "--output-file", str(output),
            *arguments, ASKED]
        if subprocess.run(command, cwd=ROOT).returncode:
            raise LockError("uv found no set of packages that belong together: it says why above")
        return output.read_text("utf-8")


def main(arguments: list[str]) -> int:
    try:
        files = split(resolved(arguments), (ROOT / ASKED).read_text("utf-8"))
    except LockError as error:
        print(f"lock: {error}.", file=sys.stderr)
        return 1
    for name, text in files.items():
        (ROOT / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
