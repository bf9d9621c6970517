"""A course with one small page, which is built as `make book` builds the real one."""

import os
import shutil
import signal
import subprocess
import sys

HEADER = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

"""
CELL = "```{code-cell} ipython3\n%s\n```\n"
COUNT = "import pathlib\nwith open('../../runs', 'a') as f:\n    f.write('x')\nfrom utils.value import VALUE\nprint('value', VALUE)"


def small_course(root, folder):
    """A `Course` in a folder: the tools and the theme of the real one, without its pages."""
    left = shutil.ignore_patterns("__pycache__", "results")
    for name in ("tools", "theme", "benchmarks"):
        shutil.copytree(root / name, folder / name, ignore=left)
    shutil.copytree(root / "utils/languages", folder / "utils/languages")
    shutil.copyfile(root / "utils/show.py", folder / "utils/show.py")
    (folder / "utils/sources").mkdir()
    shutil.copy(root / "utils/sources/provenance.py", folder / "utils/sources")
    (folder / "utils/sources/__init__.py").write_text(
        "import os\n\n\nclass SourceError(ValueError):\n    pass\n\n\ndef decide():\n"
        "    return 'local' if 'COURSE_DATA' in os.environ else 'embedded'\n")
    (folder / "utils/value.py").write_text("VALUE = 1\n")
    (folder / "utils/__init__.py").touch()
    shutil.copyfile(root / "_config.yml", folder / "_config.yml")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    shutil.copyfile(root / "requirements.txt", folder / "requirements.txt")
    for name in ("package.json", "package-lock.json", "node_modules"):
        (folder / name).symlink_to(root / name)
    for made in (root / "_build").glob("assets-*"):  # named by what they depend on
        shutil.copytree(made, folder / "_build" / made.name)
    (folder / "chapters/en").mkdir(parents=True)
    (folder / "chapters/references.bib").write_text("@misc{a2000b, title={T}, author={A, B}, year={2000}}\n")
    return Course(folder)


class Course:
    def __init__(self, folder):
        self.folder = folder

    def write(self, *parts, language="en", page="index"):
        path = self.folder / f"chapters/{language}/{page}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            HEADER + "# Title\n\n{cite:p}`a2000b`\n\n:::{bibliography}\n:::\n\n" + "\n".join(parts))

    def start(self):
        return subprocess.Popen(
            [sys.executable, "-m", "tools.build"], cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONPATH": str(self.folder)},
            # A shell ignores Ctrl-C for what it starts with `&`, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))

    def build(self):
        process = self.start()
        output, _ = process.communicate()
        return process.returncode, output

    @property
    def page(self):
        return (self.folder / "_site/en/index.html").read_text()

    @property
    def runs(self):
        return len((self.folder / "runs").read_text())
