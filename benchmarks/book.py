"""How long the book takes to build and to test, and how much memory: `make bench`.

    python -m benchmarks.book

Works in a copy of the course without its caches, with the packages already installed.
Seconds depend on the machine and on what else it does; the promise is for two cores.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from tools.build import ROOT

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "_build", "_site", "__pycache__", ".*cache*")


def measure(command: list[str], folder: Path) -> tuple[float, float, str]:
    """Run a command; returns seconds, the peak memory of all its processes in GB, output.

    Raises:
        SystemExit: the command failed; its output is printed.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    peak, lines = [0], []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout))
    reader.start()
    while process.poll() is None:
        peak[0] = max(peak[0], _memory(process.pid))
        time.sleep(0.2)
    reader.join()
    output = "".join(lines)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{output}")
    return time.perf_counter() - started, peak[0] / 1e9, output


def _memory(pid: int) -> int:
    """Resident bytes of a process and of everything that it started."""
    total = 0
    try:
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "course"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        (copy / ".venv").symlink_to(ROOT / ".venv")
        cold, memory, output = measure(["make", "book"], copy)
        warm, _, _ = measure(["make", "book"], copy)
        tests, _, _ = measure(["make", "test"], copy)
    report = output[output.index("Execution of the pages:") :].splitlines()[1:]
    *report, editions, _ = report
    _, *others = re.findall(r"[a-z]+ (\d+) s", editions)  # the first is English, which executes
    seconds = {line.split()[0][:2]: float(line.split()[1]) for line in report}
    # Building and testing execute each chapter once: what chapter 3 may take comes on top
    # of the 240 and 300 seconds that were promised for the first two.
    rows = [
        ("make book, nothing cached", cold, 240 + 240, "s"),
        ("  chapters 1 and 2 executed", seconds["01"] + seconds["02"], 150, "s"),
        ("  chapter 3 executed", seconds["03"], 240, "s"),
        ("  peak memory, all processes", memory, 4, "GB"),
        ("  editions that execute nothing", sum(map(float, others)), 45, "s"),
        ("make book, nothing changed", warm, 20, "s"),
        ("make test, book built", tests, 300 + 240, "s"),
    ]
    print(f"{'':34}{'measured':>10}{'promised':>10}")
    for name, value, limit, unit in rows:
        print(f"{name:34}{value:>8.1f} {unit:2}{limit:>7} {unit:2} {'' if value <= limit else '← over'}")
    print("\n".join(report))


if __name__ == "__main__":
    main()
