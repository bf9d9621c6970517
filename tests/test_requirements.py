"""What is installed is what was pinned, to the byte; all of it without a network."""

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile

import pytest
from packaging.requirements import Requirement

from colab import normal
from tools import lock

PIN = re.compile(r"^([\w.-]+)==([^\s;]+)(?: ; (.*?))?(?: \\)?$", re.M)


def read(root, name):
    return (root / name).read_text("utf-8")


@pytest.fixture(scope="module", params=["requirements.txt", "requirements-cuda.txt"])
def text(request, root):
    return read(root, request.param)


def pins(text):
    """{name: version} of what this system gets of a file of requirements."""
    return {normal(str(package.name)): str(package.specifier).removeprefix("==")
            for match in PIN.finditer(text)
            for package in [Requirement(match[0].removesuffix(" \\"))]
            if not package.marker or package.marker.evaluate()}


def wanted_by(part):
    """Who wants a package, as the comments of its part of the file say."""
    return {normal(name) for name in re.findall(r"^ +#(?: via)? +(?!via$)([\w.-]+)$", part, re.M)}


# -- the files --------------------------------------------------------------------------


def test_what_is_asked_for_is_pinned_at_that_version(root):
    asked, pinned = pins(read(root, "requirements.in")), pins(read(root, "requirements.txt"))
    assert len(asked) > 30 and asked.items() <= pinned.items()


def test_every_package_has_hashes_and_nothing_says_where_it_lies(text):
    parts = lock.packages(text)
    assert len(parts) == len(PIN.findall(text)) > 15
    for part in parts:
        first, *rest = part.splitlines()
        assert PIN.fullmatch(first), first
        for line in rest:
            assert re.fullmatch(r"    (--hash=sha256:[0-9a-f]{64}( \\)?|#.*)", line), line
        assert rest[0].startswith("    --hash=")
    assert not re.search(r"://|^-|/", text.replace("-r requirements.in", ""), re.M)


def test_the_files_are_what_they_are_split_into(root):
    whole = "".join(part for name in lock.HEADS for part in lock.packages(read(root, name)))
    for name, text in lock.split(whole.replace(cpu_build(root) + " \\\n    ", ""),
                                 read(root, "requirements.in")).items():
        assert text == read(root, name), f"{name}: run `make lock`"


def cpu_build(root):
    [(name, _, hashed)] = lock.BUILD.findall(read(root, "requirements.in"))
    assert name == "torch"
    return hashed


def test_the_cpu_build_of_torch_is_accepted(root):
    [torch] = [part for part in lock.packages(read(root, "requirements.txt"))
               if part.startswith("torch==")]
    assert torch.count(cpu_build(root)) == 1


def test_nobody_but_torch_needs_what_is_for_gpus(root):
    parts = lock.packages(read(root, "requirements-cuda.txt"))
    names = {normal(PIN.match(part)[1]) for part in parts}
    for part in parts:
        assert wanted_by(part) and wanted_by(part) <= names | {"torch"}, part.splitlines()[0]
        assert "sys_platform == 'linux'" in part.splitlines()[0]
    for part in lock.packages(read(root, "requirements.txt")):
        others = wanted_by(part) - names
        assert others or re.search("#(?: via|  ) -r requirements.in", part), part


def test_what_is_installed_is_what_is_pinned(root):
    """All that the packages need is here, at the version of the file."""
    pinned = pins(read(root, "requirements.txt"))
    ours = {name: importlib.metadata.version(name).partition("+")[0] for name in pinned}
    assert ours == pinned
    assert subprocess.run([sys.executable, "-m", "pip", "check"]).returncode == 0


def test_every_npm_package_has_a_hash(root):
    packages = json.loads(read(root, "package-lock.json"))["packages"]
    del packages[""]
    assert len(packages) > 50
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-") and len(package["integrity"]) == 95, name
        assert "resolved" not in package, f"{name} says where it lies"


# -- writing them -----------------------------------------------------------------------

HASH = "    --hash=sha256:" + "a" * 64
RESOLVED = (f"numpy==2.0 \\\n{HASH}\n    # via torch\nnvidia-x==1 ; y \\\n{HASH}\n"
            f"torch==3.0 \\\n{HASH}\n")
BUILD = "# torch-3.0+cpu-cp311-x.whl\n#   --hash=sha256:" + "b" * 64 + "\ntorch==3.0\n"


def test_a_package_stays_whole_and_goes_where_it_belongs():
    files = lock.split(RESOLVED, BUILD)
    assert files["requirements-cuda.txt"].endswith(f"nvidia-x==1 ; y \\\n{HASH}\n")
    assert files["requirements.txt"].endswith(
        f"numpy==2.0 \\\n{HASH}\n    # via torch\n"
        f"torch==3.0 \\\n    --hash=sha256:{'b' * 64} \\\n{HASH}\n")


def test_the_hash_of_another_versions_build_is_refused():
    with pytest.raises(lock.LockError, match="build of torch 3.0, which is not the version"):
        lock.split(RESOLVED.replace("torch==3.0", "torch==4.0"), BUILD)


def test_versions_stay_and_hashes_are_asked_for_anew():
    assert lock.versions("# Head\n" + RESOLVED) == "numpy==2.0\nnvidia-x==1 ; y\ntorch==3.0\n"


@pytest.mark.parametrize("version", [None, "0.0.1"])
def test_without_the_right_uv_nothing_is_written(version, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(lock.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    if version:
        (tmp_path / "uv").write_text(f"#!/bin/sh\necho uv {version}\n")
        (tmp_path / "uv").chmod(0o755)
    monkeypatch.setattr(lock.Path, "write_text", lambda path, *a: pytest.fail(str(path))
                        if path.parent == lock.ROOT else os.fspath(path))
    assert lock.main([]) == 1
    assert capsys.readouterr().err == (
        f"lock: `make lock` needs uv {lock.UV}: run `.venv/bin/pip install uv=={lock.UV}`.\n")


# -- installing them --------------------------------------------------------------------


def wheel(folder, name, version="1.0", needs=(), content="x = 1\n"):
    """Write a wheel of one module; the line of a file of requirements that names it."""
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name.replace('-', '_')}_module.py": content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as file:
        for inside, text in files.items():
            file.writestr(inside, text)
    hashed = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}=={version.partition('+')[0]} \\\n    --hash=sha256:{hashed}\n    # via a test\n"


@pytest.fixture(scope="module")
def empty_python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("python") / "empty"
    venv.EnvBuilder(with_pip=True, symlinks=True).create(folder)
    return folder


class Place:
    """A Python with nothing installed, wheels in a folder, and a course that pins some."""

    def __init__(self, root, folder, python):
        self.wheels, self.root = folder / "wheels", root
        self.python = shutil.copytree(python, folder / "python", symlinks=True) / "bin/python"
        self.wheels.mkdir()
        (folder / "tools").mkdir()
        shutil.copy(root / "tools/install.py", folder / "tools")
        self.folder = folder
        self.lines = {name: wheel(self.wheels, name) for name in
                      ("torch", "setuptools", "wheel", "numpy", "nvidia-x")}

    def run(self, *command):
        # As on a machine whose pip has only this folder to choose from.
        settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1",
                    "PIP_FIND_LINKS": str(self.wheels)}
        return subprocess.run([self.python, "-m", *command], cwd=self.folder, text=True,
                              capture_output=True, env=os.environ | settings)

    def install(self):
        for name in lock.HEADS:
            part = {k: v for k, v in self.lines.items() if ("nvidia" in k) is ("cuda" in name)}
            (self.folder / name).write_text("".join(part.values()))
        return self.run("tools.install")

    def installed(self):
        found = json.loads(self.run("pip", "list", "--format", "json").stdout)
        return {p["name"]: p["version"] for p in found if p["version"].startswith("1.0")}


@pytest.fixture
def place(root, tmp_path, empty_python):
    return Place(root, tmp_path, empty_python)


def test_all_is_installed_but_what_only_gpus_need(place):
    done = place.install()
    assert done.returncode == 0, done.stderr
    assert sorted(place.installed()) == ["numpy", "setuptools", "torch", "wheel"]


def test_a_torch_for_gpus_gets_what_it_needs(place):
    place.lines["torch"] = wheel(place.wheels, "torch", needs=["nvidia-x==1.0"])
    done = place.install()
    assert done.returncode == 0, done.stderr
    assert "nvidia-x" in place.installed()


@pytest.mark.parametrize("name", ["torch", "numpy"])
def test_other_bytes_than_those_pinned_are_refused(place, name):
    wheel(place.wheels, name, content="import os  # somebody else's\n")
    done = place.install()
    assert done.returncode == 1 and name not in place.installed()
    assert "DO NOT MATCH THE HASHES" in done.stderr and "install: pip could not" in done.stderr


def test_the_build_of_torch_that_pip_prefers_must_have_its_hash(place):
    place.lines["torch"] += wheel(place.wheels, "torch", "1.0+cpu").split("\n", 1)[1]
    place.lines["torch"] = re.sub(r"\n    # via a test\n(?=    --hash)", " \\\\\n",
                                  place.lines["torch"])
    done = place.install()
    assert done.returncode == 0, done.stderr
    assert place.installed()["torch"] == "1.0+cpu"


def test_a_torch_that_is_there_is_kept(place):
    wheel(place.wheels, "torch", "1.0+mine")
    assert place.run("pip", "install", "torch").returncode == 0
    done = place.install()
    assert done.returncode == 0, done.stderr
    assert place.installed()["torch"] == "1.0+mine"
