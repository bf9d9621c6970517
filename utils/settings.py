"""One call sets seeds, threads and device, and says how much work a chapter may do.

The profile comes from the environment variable `COURSE_PROFILE`:

- `smoke`: the shortest run that still executes every line; for tests.
- `cpu`: the default; everything in the book was printed by it, on two cores.
- `gpu`: the full sizes, for a machine with a CUDA device.
"""

import os
import random
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from tqdm import tqdm

PROFILES = ("smoke", "cpu", "gpu")


class SettingsError(ValueError):
    """A setting has a value that the course does not know or the machine cannot meet."""


@dataclass(frozen=True)
class Settings:
    """What a chapter runs with; `setup` makes it."""

    profile: str
    device: torch.device
    seed: int
    threads: int

    def pick(self, **by_profile):
        """The value for this profile: `run.pick(smoke=20, cpu=500, gpu=5000)`.

        Raises:
            SettingsError: a profile has no value, or a name is no profile.
        """
        if set(by_profile) != set(PROFILES):
            raise SettingsError(
                f"pick() takes one value for each of {', '.join(PROFILES)}; "
                f"it was given {', '.join(by_profile) or 'none'}."
            )
        return by_profile[self.profile]


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch, so that the next numbers are the same every time."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)  # every device


def setup(
    seed: int = 2026, profile: str | None = None, threads: int | None = None
) -> Settings:
    """Seed everything, fix the number of threads and choose the device.

    Args:
        seed: for Python, NumPy and torch.
        profile: `smoke`, `cpu` or `gpu`; by default `COURSE_PROFILE`, else `cpu`.
        threads: for torch and NumPy; by default `OMP_NUM_THREADS`, else 1. Matrices as
            small as most of the course's gain little from a second thread, and lose
            much when another process wants the same core. Sums are split over threads,
            so their number is fixed: it must not change between two runs.

    Raises:
        SettingsError: unknown profile, `gpu` on a machine without CUDA, or a number of
            threads that is no positive whole number.
    """
    profile = profile or os.environ.get("COURSE_PROFILE") or "cpu"
    if profile not in PROFILES:
        raise SettingsError(
            f"COURSE_PROFILE={profile!r} is unknown: choose one of {', '.join(PROFILES)}."
        )
    if profile == "gpu" and not torch.cuda.is_available():
        raise SettingsError(
            "COURSE_PROFILE=gpu, but torch sees no CUDA device: use COURSE_PROFILE=cpu, "
            "or on Colab choose Runtime > Change runtime type > GPU."
        )
    threads = _threads(threads)
    torch.set_num_threads(threads)
    threadpool_limits(threads)  # NumPy's and SciPy's matrix products
    torch.use_deterministic_algorithms(True, warn_only=True)
    seed_everything(seed)
    _quiet_libraries()
    device = torch.device("cuda" if profile == "gpu" else "cpu")
    return Settings(profile, device, seed, threads)


def progress(iterable: Iterable, description: str, total: int | None = None) -> tqdm:
    """A text progress bar around an iterable; it leaves nothing behind in the page."""
    return tqdm(iterable, desc=description, total=total, leave=False)


def _threads(asked: int | None) -> int:
    name = "OMP_NUM_THREADS" if asked is None else "threads"
    text = str(asked if asked is not None else os.environ.get("OMP_NUM_THREADS") or 1)
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name}={text!r} is no positive whole number.")
    return int(text)


def _quiet_libraries() -> None:
    """No progress widgets and no advice of the libraries between the cells of a page."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
