"""How long the book takes to build, and how much memory each page needs.

The full run works in a copy of the course without its caches, with the packages already
installed: a cold build, and a build with nothing changed. A quick run reads what the last
build here kept. Pages are executed side by side, one a core, so their seconds add up to more
than the build took.
"""

import re
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.measure import Row
from tools import execution
from tools.build import ROOT

NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", "_build", "_site", "dist", "runs", "__pycache__", ".*cache*"
)
COLD = "make book, nothing cached"
# What a page may take at most: page → (seconds, GB).
PROMISED = {
    "01_foundation_models": (None, 3),
    "02_transformer_architecture": (None, 3),
    "03_bert_fine_tuning": (240, 4),
    "04_roberta_from_scratch": (300, 4),
    "05_bertology": (300, 4),
    "errata": (None, None),
}


@dataclass
class Watch:
    """What a command took: seconds, and the peak memory in bytes of all and of each page.

    `output` is what it printed.
    """

    output: str = ""
    seconds: float = 0.0
    memory: int = 0
    pages: dict[str, int] = field(default_factory=dict)


def watch(command: list[str], folder: Path, environment: dict | None = None) -> Watch:
    """Run a command and look at its processes five times a second.

    Raises:
        RuntimeError: the command failed; the message has its output.
    """
    found, began = Watch(), time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout))
    reader.start()
    while process.poll() is None:
        _look(process.pid, found)
        time.sleep(0.2)
    reader.join()
    found.seconds, found.output = time.perf_counter() - began, "".join(lines)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{found.output[-5000:]}")
    return found


def _look(pid: int, found: Watch) -> None:
    """Add the memory of a process and of everything that it started to what is known."""
    total = 0
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in processes:
        try:
            resident = process.memory_info().rss
            total += resident
            if page := "ipykernel" in " ".join(process.cmdline()) and process.environ().get(execution.PAGE):
                found.pages[page] = max(found.pages.get(page, 0), resident)
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has ended meanwhile
            pass
    found.memory = max(found.memory, total)


def rows(quick: bool) -> list[Row]:
    if quick:
        return pages(executed(ROOT), {})
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "course"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        for made in (".venv", "node_modules"):
            (copy / made).symlink_to(ROOT / made)
        cold, warm = (watch(["make", "book"], copy) for _ in range(2))
        seconds = executed(copy)
    return [
        Row(COLD, cold.seconds, "s", most=240, note="promised when there were two chapters"),
        Row("make book, nothing changed", warm.seconds, "s", most=20),
        Row("of a cold build: the Spanish and the Japanese edition, nothing executed",
            editions(cold.output), "s", most=45),
        Row("peak memory of the build, all its processes", cold.memory / 1e9, "GB"),
        *pages(seconds, cold.pages),
    ]  # fmt: skip


def editions(output: str) -> int:
    """The seconds of all editions but the first, of what a build prints at its end."""
    line = re.search(r"^Editions: (.+)", output, re.M)[1]
    return sum(map(int, re.findall(r"(\d+) s", line)[1:]))


def executed(course: Path) -> dict[str, float]:
    """Page → the seconds of the execution that the site of a built course shows."""
    current = (course / "_build/current").read_text()
    found = execution.executed_pages(course / "_build" / current / "executed")
    return {page: record.data["execution_seconds"] for page, (_, record) in sorted(found.items())}


def pages(seconds: dict[str, float], memory: dict[str, int]) -> list[Row]:
    """A row for the seconds of each page, and one for its memory where that was seen."""
    found = []
    for page, took in seconds.items():
        most, gigabytes = PROMISED[page]
        found.append(Row(f"{page} executed", took, "s", most=most))
        if page in memory:
            found.append(Row(f"{page}, peak memory", memory[page] / 1e9, "GB", most=gigabytes))
    first = sum(took for page, took in seconds.items() if page[:2] in ("01", "02"))
    return [*found, Row("chapters 1 and 2 executed, together", first, "s", most=150)]
