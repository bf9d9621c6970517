"""A disk that is full and a folder that nobody may write: said by name, and nothing is lost.

Root may write where others may not, so for root the folder is a file system of its own,
mounted read-only; where root may not mount, a full disk is a limit of the files' length,
and a read-only folder cannot be had.
"""

import contextlib
import os
import random
import resource
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import small_runs
import torch
import transformers
from small_runs import DOCS, SMALL, same_run

from utils import bert, sources
from utils.bertology import __main__ as bertology
from utils.bertology import save_pruned
from utils.bertology.heads import HeadError
from utils.finetuning import AcceptabilityClassifier
from utils.pretraining import (
    PretrainingError, __main__, checkpoints, pretrain, speed, train_tokenizer, write_corpus,
)  # fmt: skip
from utils.pretraining.corpus import load_tokenizer
from utils.pretraining.publish import publish
from utils.tokenization import ByteLevelBPE

PAGE = 4_096  # bytes that a file in memory takes at least


class Disk:
    """A file system in memory on a folder, for root; else the folder itself."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.mounted = os.geteuid() == 0 and self._mount("-t", "tmpfs", "tmpfs")

    def _mount(self, *options):
        command = ["mount", *options, str(self.folder)]
        return subprocess.run(command, capture_output=True).returncode == 0

    def resize(self, size):
        """Let the disk hold so many bytes, rounded up to whole pages; where it is one."""
        assert not self.mounted or self._mount("-o", f"remount,size={max(size, PAGE)}")

    @property
    def used(self):
        """The bytes that are taken."""
        found = os.statvfs(self.folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    @contextlib.contextmanager
    def read_only(self):
        """Nobody may write there meanwhile; yields whether that was possible."""
        if os.geteuid() == 0:
            yield self.mounted and self._mount("-o", "remount,ro")
            assert not self.mounted or self._mount("-o", "remount,rw")
        else:
            self.folder.chmod(0o555)
            yield True
            self.folder.chmod(0o755)

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path):
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(speed, "matrix_rate", small_runs.no_measuring)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "matrix_rate", small_runs.no_measuring)
        return pretrain(DOCS, tmp_path_factory.mktemp("unbroken") / "run", **SMALL)


# ---------------------------------------------------------------------- a full disk
def attempt(environment, longest, out, options):
    """pretrain in a process whose files are no longer than that; the error, in words."""
    os.environ |= environment
    speed.matrix_rate = small_runs.no_measuring
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest, resource.RLIM_INFINITY))
    reached = []  # the files of the checkpoint that could not be finished
    remove = checkpoints.remove_parts

    def look(folder):
        for part in Path(folder).glob("checkpoint-*.part"):
            if files := sorted(part.iterdir(), key=lambda path: path.stat().st_mtime_ns):
                reached.append(files[-1].name)
        remove(folder)

    checkpoints.remove_parts = look
    try:
        pretrain(DOCS, out, **options)
    except PretrainingError as error:
        return str(error), reached[-1:]
    finally:
        checkpoints.remove_parts = remove
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    return "", []


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_full_while_training(disk, unbroken, full, tally):
    """Whatever room is left, from nothing to a checkpoint: it stops, says so and can go on."""
    newest = unbroken.folder / "checkpoint-0000006"
    before = shutil.copytree(unbroken.folder, disk.folder.parent / "before")
    shutil.rmtree(before / newest.name)  # as it was after step 4
    sizes = [path.stat().st_size for path in newest.iterdir()]
    most = sum(PAGE + size for size in sizes) if disk.mounted else max(sizes)
    out, rooms, options = disk.folder / "run", random.Random(3), SMALL | {"resume": True}
    stopped, reached = [], []
    with ProcessPoolExecutor(1, small_runs.children()) as pool:
        while len(stopped) < (50 if full else 3):
            shutil.copytree(before, out)
            room = rooms.randrange(most)
            if disk.mounted:
                disk.resize(disk.used + room)
            limit = resource.RLIM_INFINITY if disk.mounted else room
            said, where = pool.submit(attempt, dict(os.environ), limit, out, options).result()
            if said:  # else there was room enough
                reached += where
                clear = f"{out} cannot be written (" in said and "free some space" in said
                intact = [contents(f / "checkpoint-0000004") for f in (out, before)]
                alone = small_runs.steps_saved(out) == [4] and not list(out.glob("*.part"))
                disk.resize(16 * most + disk.used)
                pretrain(DOCS, out, **options)
                good = clear and alone and intact[0] == intact[1] and same_run(unbroken, out)
                stopped.append((room, said, good))
            disk.resize(16 * most + disk.used)
            shutil.rmtree(out)
    tally("disk full while a checkpoint is written: said, and the last one goes on as unbroken",
          sum(good for *_, good in stopped), len(stopped))  # fmt: skip
    assert all(good for *_, good in stopped), stopped
    if full:
        assert len(set(reached)) >= 3, set(reached)


# ------------------------------------------------------------- a read-only folder
def tiny_bert(labels=2):
    torch.manual_seed(0)
    config = bert.BertConfig(
        vocab_size=30_522, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=8, num_labels=labels,
    )  # fmt: skip
    return bert.BertForSequenceClassification(config).eval()


WRITERS = {  # what writes → the kind of its error, and how it is called with a folder
    "pre-training": (PretrainingError, lambda f, run: pretrain(DOCS, f / "new", **SMALL)),
    "resumed pre-training": (
        PretrainingError, lambda f, run: pretrain(DOCS, f / "run", **SMALL, resume=True)
    ),
    "a tokenizer": (PretrainingError, lambda f, run: train_tokenizer(iter(DOCS), 300, f)),
    "a corpus": (PretrainingError, lambda f, run: write_corpus(
        "x", DOCS, load_tokenizer(run.folder / "tokenizer", 500), f)),
    "a published model": (PretrainingError, lambda f, run: publish(run.folder, f / "new", "-")),
    "our byte-level BPE": (OSError, lambda f, run: ByteLevelBPE([("a", "b")]).save(f)),
    "a pruned model": (HeadError, lambda f, run: save_pruned(tiny_bert(), f)),
    "a pruned model of transformers": (HeadError, lambda f, run: save_pruned(
        transformers.BertModel(bert.to_transformers_config(tiny_bert().config)), f)),
    "a classifier": (OSError, lambda f, run: AcceptabilityClassifier(
        tiny_bert(), sources.load_tokenizer("all-MiniLM-L6-v2")).save(f / "new")),
}  # fmt: skip
COMMANDS = {
    "python -m utils.bertology": lambda out: bertology.main(
        ["--model", "any", "--task", "cola", "--out", str(out)]
    ),
    "python -m utils.pretraining": lambda out: __main__.main(),
}
NAME = "a read-only folder to write to: an error that names it, and nothing written"


@contextlib.contextmanager
def read_only(disk, tally):
    """The folder, which nobody may write to; the test is skipped where root always may."""
    with disk.read_only() as possible:
        if not possible:
            tally(NAME, None, 0, "root may write everywhere, and may mount nothing here")
            pytest.skip("root may write everywhere, and may mount nothing here")
        with tally.one(NAME):
            before = contents(disk.folder)
            yield disk.folder
            assert contents(disk.folder) == before


@pytest.mark.parametrize("what", WRITERS)
def test_read_only(disk, unbroken, tally, what):
    kind, write = WRITERS[what]
    stopped = shutil.copytree(unbroken.folder, disk.folder / "run")
    shutil.rmtree(stopped / "checkpoint-0000006")
    with read_only(disk, tally) as folder:
        with pytest.raises(kind) as raised:
            write(folder, unbroken)
        assert str(folder) in str(raised.value)


@pytest.mark.parametrize("command", COMMANDS)
def test_read_only_for_a_command(disk, tally, monkeypatch, capsys, tmp_path, command):
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(DOCS))
    arguments = ["command", "--text", text, "--profile", "smoke", "--threads", "1", "--out",
                 disk.folder / "new"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", [*map(str, arguments)])
    with read_only(disk, tally) as folder:
        with pytest.raises(SystemExit) as stopped:
            COMMANDS[command](folder / "new")
        assert stopped.value.code == 1
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1 and str(folder) in error
