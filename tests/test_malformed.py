"""The fault tests of malformed inputs see NaN wherever it is, and end what does not end."""

import importlib.util
import itertools
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from utils.bertology.patterns import HeadDistances

FILE = Path(__file__).parent / "faults" / "malformed.py"
SPEC = importlib.util.spec_from_file_location("malformed", FILE)
malformed = importlib.util.module_from_spec(SPEC)
sys.modules.setdefault("malformed", malformed)  # where a dataclass looks for its module
SPEC.loader.exec_module(malformed)


@dataclass
class Record:
    value: object


def model(number):
    made = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.LayerNorm(2))
    made[1].weight.data[0] = number
    return made


def object_of_utils(number):
    made = HeadDistances()
    made._sum = torch.tensor([1.0, number])
    return made


KINDS = {
    "a float": float,
    "a float of numpy": np.float32,
    "half a float": np.float16,
    "a complex number": lambda number: complex(1, number),
    "a tensor": lambda number: torch.tensor([[1.0, number]]),
    "a complex tensor": lambda number: torch.tensor([complex(1, number)]),
    "an array": lambda number: np.array([1, number]),
    "a complex array": lambda number: np.array([complex(number)]),
    "an array of objects": lambda number: np.array([None, "text", [number]], dtype=object),
    "a table": lambda number: pd.DataFrame({"a": ["x", "y"], "b": [1.0, number]}),
    "a column": lambda number: pd.Series([1.0, number]),
    "a dict in a list": lambda number: [1, {"a": (2, {"b": number})}],
    "a record": lambda number: Record([number]),
    "the weights of a model": model,
    "an object of utils": object_of_utils,
}


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_number_is_found(kind, number):
    assert malformed.no_number(KINDS[kind](number))


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_is_none_of_them(kind):
    assert not malformed.no_number(KINDS[kind](0.5))


@pytest.mark.parametrize(
    "value", [None, "nan", b"nan", 10**400, True, [], {}, float, torch.tensor([], dtype=torch.bool)]
)
def test_what_holds_no_float_is_none_of_them(value):
    assert not malformed.no_number(value)


def test_every_path_text_list_tensor_and_dict_of_them_has_a_kind():
    ids = torch.tensor([1, 2])
    for good in ("text", Path("file"), ids, ids.numpy(), ["a"], [1], {"input_ids": ids}, {0: [1]}):
        assert malformed.values(good) is not None
    for good in (None, 3, 0.5, True, [], {}, object()):
        assert malformed.values(good) is None


def test_a_loop_that_does_not_end_is_ended():
    with pytest.raises(malformed.Hang, match="no end after 0.2 s"), malformed.deadline(0.2):
        for _ in itertools.count():
            pass


def test_what_ends_is_left_alone():
    with malformed.deadline(0.05):
        pass
    time.sleep(0.2)  # neither a signal nor an end of the process comes afterwards


def test_native_code_that_does_not_end_ends_the_process():
    never = "collections.deque(itertools.repeat(0), maxlen=0)"  # not one bytecode is run
    ended = subprocess.run(
        [sys.executable, "-c", f"import collections, itertools, malformed\n"
         f"with malformed.deadline(0.3):\n    {never}"],
        cwd=FILE.parent, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert ended.returncode == 1 and "Timeout (0:00:00.9" in ended.stderr
    assert 'File "<string>", line 3' in ended.stderr
