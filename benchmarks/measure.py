"""What the benchmarks share: turns, rows, the machine they ran on, and the files they leave.

Absolute times belong to one machine, so every comparison is one run of both sides by
turns, A B A B, and what counts is the median over the rounds of the ratio of neighbours:
what else the machine does falls on both.
"""

import importlib
import json
import os
import platform
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import distributions, version
from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).parent / "results"
ROUNDS = 5  # the fewest that a median is taken of
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "jupyter-book")


def seconds(function: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def processor_seconds(function: Callable[[], object]) -> float:
    """How long processors compute in one call, all threads of this process together.

    With one thread on a machine that does nothing else, these are the seconds. On a shared
    one they leave out the time in which others had the processor.
    """
    start = time.process_time()
    function()
    return time.process_time() - start


def in_turns(turns: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> pd.DataFrame:
    """Call the functions by turns, A B A B; a column for each, a row for each round.

    Args:
        turns: name → a function that takes one turn and returns its figure: seconds, of
            `seconds`, or a rate. What it does before it looks at the clock is not counted.
        rounds: at least 5. Each function has one turn before them, which does not count:
            the first call allocates and warms up.

    Raises:
        ValueError: fewer rounds than a median is taken of.
    """
    if rounds < ROUNDS:
        raise ValueError(f"rounds={rounds}: a median is taken of at least {ROUNDS}.")
    for turn in turns.values():
        turn()
    return pd.DataFrame([{name: turn() for name, turn in turns.items()} for _ in range(rounds)])


def ratio(found: pd.DataFrame, one: str, other: str) -> float:
    """The median over the rounds of one / other."""
    return float((found[one] / found[other]).median())


@dataclass(frozen=True)
class Row:
    """One figure, and what was promised of it.

    Attributes:
        what: what was measured, in English (chapters/<language>/edition.yml translates it).
        value: the figure; None if it could not be measured here, and `note` says why.
        unit: `×`, `s`, `MB`, ...; of a share, `%` (the value is then 0 to 100).
        least, most: the promise, if there is one.
        of: for a count: how many were tried.
        low, high: an interval of 95 %.
        note: what a reader must know to understand the figure.
        detail: the measured quantities behind it, for the file.
    """

    what: str
    value: float | None
    unit: str = ""
    least: float | None = None
    most: float | None = None
    of: int | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    detail: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.value is None and not self.note:
            raise ValueError(f"{self.what!r} has no figure and no note that says why.")

    @property
    def kept(self) -> bool | None:
        """Whether the promise is kept; None if there is none or nothing was measured."""
        if self.value is None or (self.least is None and self.most is None):
            return None
        return ((self.least is None or self.value >= self.least)
                and (self.most is None or self.value <= self.most))


def machine() -> dict:
    """What the figures depend on: processor, threads, its rate of matrix products, versions.

    The rate is that of a large float32 product, with the threads that torch has now.
    """
    import torch

    from utils.pretraining.speed import matrix_rate

    found = {
        "processor": _processor(), "cores": os.cpu_count(), "memory_gb": _memory(),
        "system": f"{platform.system()} {platform.machine()}", "threads": torch.get_num_threads(),
        "matrix_gflops": round(matrix_rate() / 1e9, 1), "Python": platform.python_version(),
    }  # fmt: skip
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found | {"versions": _versions()}


def _versions() -> dict[str, str]:
    """Of those packages that are there: the part `gpu` runs where no book is built."""
    installed = {distribution.name for distribution in distributions()}
    return {name: version(name) for name in PACKAGES if name in installed}


def _processor() -> str:
    """Its name as Linux tells it; elsewhere what Python knows."""
    try:
        return re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())[1].strip()
    except (OSError, TypeError):
        return platform.processor() or platform.machine()


def _memory() -> int:
    import psutil

    return round(psutil.virtual_memory().total / 1e9)


def run(module: str, quick: bool) -> tuple[list[Row], dict, float]:
    """The rows of a module, the machine, and the seconds that it took."""
    from utils import settings

    settings.setup(profile="cpu")
    found, rows = machine(), []
    took = seconds(lambda: rows.extend(importlib.import_module(module).rows(quick)))
    return rows, found, took


def results_file(found: dict, folder: Path = RESULTS) -> Path:
    """Where the results of a day and a machine lie: 2026-01-31-some-processor-2-cores.json."""
    name = f"{found['processor']} {found['cores']} cores"
    if "gpu" in found:
        name += f" {found['gpu']}"
    return folder / f"{date.today()}-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.json"


def save(part: str, rows: list[Row], found: dict, took: float, quick: bool,
         folder: Path = RESULTS) -> Path:
    """Put the rows of a part into the file of today and of this machine; returns the file.

    The file keeps its other parts. A quick run does not replace a full one.
    """
    path = results_file(found, folder)
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {"parts": {}}
    earlier = kept["parts"].get(part)
    if quick and earlier and not earlier["quick"]:
        return path
    kept["date"] = str(date.today())
    kept["parts"][part] = {"quick": quick, "seconds": round(took), "machine": found,
                           "rows": [_whole(row) for row in rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    new.replace(path)
    return path


def _whole(row: Row) -> dict:
    """A row as the file has it: without what it does not say, numbers to five digits."""
    return {name: _short(value) for name, value in asdict(row).items() if value not in (None, "", {})}


def _short(value):
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_short(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def load(path: Path) -> dict:
    """A file of results; `parts` → name → its `rows` are `Row`s again."""
    found = json.loads(path.read_text("utf-8"))
    for part in found["parts"].values():
        part["rows"] = [Row(**({"value": None} | row)) for row in part["rows"]]
    return found


