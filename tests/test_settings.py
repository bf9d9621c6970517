"""One call sets seeds, threads and device, and refuses what it does not know."""

import random

import numpy as np
import pytest
import torch

from utils import settings


def draws():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_the_same_seed_gives_the_same_numbers_and_another_one_others():
    settings.setup(seed=1)
    first = draws()
    settings.setup(seed=1)
    assert draws() == first
    settings.setup(seed=2)
    assert all(a != b for a, b in zip(draws(), first))


def test_the_profile_comes_from_the_environment_and_decides_the_work(monkeypatch):
    assert settings.setup().profile == "cpu"
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    run = settings.setup()
    assert run.profile == "smoke"
    assert run.pick(smoke=1, cpu=2, gpu=3) == 1
    assert run.device == torch.device("cpu")


def test_an_unknown_profile_is_refused_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "fast")
    with pytest.raises(settings.SettingsError, match="'fast'.*smoke, cpu, gpu"):
        settings.setup()


def test_the_gpu_profile_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(settings.SettingsError, match="no CUDA device"):
        settings.setup(profile="gpu")


@pytest.mark.parametrize("values", [{"cpu": 1}, {"smoke": 1, "cpu": 2, "gpu": 3, "tpu": 4}])
def test_pick_wants_one_value_for_each_profile(values):
    with pytest.raises(settings.SettingsError, match="smoke, cpu, gpu"):
        settings.setup().pick(**values)


def test_the_number_of_threads_is_fixed(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert settings.setup().threads == torch.get_num_threads() == 1
    assert settings.setup(threads=2).threads == torch.get_num_threads() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert settings.setup().threads == torch.get_num_threads() == 1
    for wrong in ("0", "two", "-1", "²"):
        monkeypatch.setenv("OMP_NUM_THREADS", wrong)
        with pytest.raises(settings.SettingsError, match="OMP_NUM_THREADS"):
            settings.setup()
    with pytest.raises(settings.SettingsError, match="threads='0'"):
        settings.setup(threads=0)


def test_progress_leaves_nothing_behind(capfd):
    assert list(settings.progress(range(3), "counting")) == [0, 1, 2]
    out, err = capfd.readouterr()
    assert out == ""
    assert "counting" in err
    assert err.split("\r")[-1].strip() == ""  # the bar was wiped
