"""Malformed texts, ids, masks and files, and what may be said of the answer to them.

`values(good)` is a strategy of malformed values for a parameter, by the kind of its good
value; a malformed file is a `Spoiler`, which is told where the good one lies.
"""

import cmath
import contextlib
import dataclasses
import faulthandler
import itertools
import math
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st

LONG = 10**5  # characters
SECONDS = 20  # of real time, after which a call counts as one that never ends
NO_FILE = 987_654_321  # an integer is a file to open(), so one that is surely none

# ------------------------------------------------------------------------------ texts
STRANGE = st.sampled_from([None, 3, -1, 2.5, float("nan"), True, b"bytes", object(), [None], {}])
TEXTS = [
    "", " ", " \t\n\r ", "\u00a0\u3000", "\ud800", "half \udfff a pair", "\0", "nul\0 inside",
    "e" + "\u0301" * 50, "\u0301\u0308", "שלום עולם", "\u202eمرحبا\u202c", "👩‍👩‍👧‍👦🏳️‍🌈", "漢字かな",
    "\ufeff\u200b\u200d", "\U000e0001\ufffe", "ﬁ Ⅷ ½ ß İ", "[MASK] [CLS] <mask> <s>", "%s {0} ${x}",
    "<script>", "../../x", "(" * 500, "{{" * 500, "-" * LONG, "a" * LONG, "a " * (LONG // 2),
    " " * LONG, "\u0301" * LONG, "漢" * LONG,
]  # fmt: skip
CHARACTERS = st.characters(exclude_categories=())  # halves of surrogate pairs among them
TEXT = st.one_of(
    STRANGE, st.sampled_from(TEXTS), st.text(CHARACTERS), st.just(["a", "list"]), st.just(np.nan)
)
LISTS = st.one_of(
    STRANGE,
    st.sampled_from(["", "one text", "\0"]),
    st.sampled_from([[], (), [[]], [""], [" "], [[], []], [["a"]], {"a": 1}, [b"bytes"], [3, 4]]),
    st.lists(st.one_of(st.sampled_from(TEXTS), st.text(CHARACTERS), STRANGE), max_size=4),
)

# --------------------------------------------------------------------- ids and masks
NUMBERS = st.one_of(
    st.sampled_from([-1, -100, 0, 1, 2, 29, 30, 10**6, 2**31, 2**62, -(2**62)]),
    st.integers(-5, 35),
    st.sampled_from([0.5, -2.5, 1e30, float("nan"), float("inf")]),
)
SHAPES = [(), (0,), (5,), (1, 0), (0, 5), (2, 5), (1, 5), (2, 1), (5, 2), (3, 5), (2, 6), (2, 500),
          (2, 5, 1), (1, 2, 5), (2, 1, 1, 5), (2, 2, 5, 5), (1, 1, 3, 3)]  # fmt: skip
TYPES = [torch.int64, torch.int32, torch.int8, torch.uint8, torch.bool, torch.float32,
         torch.float64, torch.float16, torch.complex64]  # fmt: skip
IDS = st.one_of(
    STRANGE,
    st.sampled_from(["", "text", b"", [], (), [[]], [[1], [2, 3]], [None, 1], ["1", "x"], [[1, 2]],
                     {1: 2}, np.array([]), torch.tensor([1.5])]),
    st.lists(NUMBERS, max_size=6),
)  # fmt: skip


@st.composite
def _tensors(draw, good):
    """A tensor of another shape, type or content; every second one of the good shape."""
    shape = draw(st.one_of(st.just(tuple(good.shape)), st.sampled_from(SHAPES)))
    dtype = draw(st.one_of(st.just(good.dtype), st.sampled_from(TYPES)))
    fill = draw(NUMBERS)
    if dtype not in (torch.float32, torch.float64):  # the others hold less
        fill = int(fill) if math.isfinite(fill) and abs(fill) < 2**63 else 7
        fill = fill if dtype == torch.int64 else fill % 100
    found = torch.full(shape, fill, dtype=dtype)
    if found.numel() and draw(st.booleans()):  # one strange number among good ones
        there = good if shape == tuple(good.shape) else torch.ones(shape)
        mixed = there.detach().clone().to(dtype)
        mixed.flatten()[draw(st.integers(0, mixed.numel() - 1))] = fill
        found = mixed
    return found


def _arrays(good):
    def as_array(tensor):
        return tensor.to(torch.float32).numpy() if tensor.dtype.is_complex else tensor.numpy()

    return st.one_of(IDS, _tensors(torch.as_tensor(good)).map(as_array))


# ------------------------------------------------------------------------------ files
@dataclasses.dataclass(frozen=True)
class Spoiler:
    """What to give in the place of a good path: `at(path)` may spoil the file first."""

    how: str
    data: bytes = b""
    place: int = 0  # which file of a folder, and where a file is cut

    def at(self, path):
        if self.how == "value":
            return (None, NO_FILE, b"bytes", [None], "", " ", "nul\0", "\ud800", "x" * 300, 2.5,
                    path.parent / "missing", path.parent)[self.place % 12]  # fmt: skip
        if self.how == "below a file":
            (path.parent / "file").write_bytes(self.data)
            return path.parent / "file" / "below"
        if self.how == "circle of links":
            (path.parent / "circle").symlink_to("circle")
            return path.parent / "circle"
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file())
            if inside:
                self._spoil(inside[self.place % len(inside)])
        else:
            self._spoil(path)
        return path

    def _spoil(self, path):
        whole = path.read_bytes() if path.exists() else b""
        if self.how == "gone":
            path.unlink(missing_ok=True)
        elif self.how == "folder":
            path.unlink(missing_ok=True)
            path.mkdir()
        elif self.how == "cut":
            path.write_bytes(whole[: self.place % (len(whole) + 1)])
        elif self.how == "one byte":
            place = self.place % (len(whole) + 1)
            path.write_bytes(whole[:place] + self.data[:1] + whole[place + 1 :])
        elif self.how == "not readable":
            path.touch()
            path.chmod(0)
        else:
            path.write_bytes(self.data)


CONTENTS = st.one_of(
    st.sampled_from([
        b"", b"\n", b" \n\n", b"\xff\xfe\x00", b"caf\xe9\n", b"nul\0\n", b"{", b"[]", b"{}",
        b"null", b"[1, 2]", b'{"a": ', b"\xef\xbb\xbfbom", b"NaN", b"a: [", b"- a\n- b\n",
        b"\x1f\x8b\x08", b"a,b\n1\n", b"\t\t\n", b"[" * 5000, b"\x80\x04\x95.", b"0" * 5000,
    ]),
    st.binary(max_size=60),
)  # fmt: skip
PATHS = st.builds(
    Spoiler,
    st.sampled_from(["value", "value", "gone", "folder", "cut", "one byte", "write", "write",
                     "below a file", "circle of links", "not readable"]),
    CONTENTS,
    st.integers(0, 5000),
)  # fmt: skip


# ------------------------------------------------------------------- by the good value
def values(good):
    """A strategy of malformed values for a good one; None where it is none of the kinds."""
    if isinstance(good, Path):
        return PATHS
    if isinstance(good, str):
        return TEXT
    if isinstance(good, torch.Tensor):
        return st.one_of(IDS, _tensors(good))
    if isinstance(good, np.ndarray):
        return _arrays(good)
    if isinstance(good, Mapping) and good:
        return _inputs(good)
    if isinstance(good, (list, tuple)) and good:
        return LISTS if isinstance(good[0], (str, list, tuple)) and not _numbers(good) else IDS
    return None


def _numbers(good):
    first = good[0]
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    return isinstance(first, (int, float)) or first is None


def _inputs(good):
    """A dict with one value spoilt, without one, or with one too many."""
    spoilt = [values(value).map(lambda new, name=name: {**good, name: new})
              for name, value in good.items() if values(value) is not None]  # fmt: skip
    less = [st.just({k: v for k, v in good.items() if k != name}) for name in good]
    more = st.just({**good, "strange": 1})
    return st.one_of(STRANGE, st.just([]), more, *less, *spoilt)


# ------------------------------------------------------------------- what came of it
class Hang(BaseException):
    """A call that had not ended after SECONDS."""


@contextlib.contextmanager
def deadline(seconds=SECONDS):
    """Raise Hang where the block takes longer; only in the main thread of a process.

    Native code that never returns to Python cannot be interrupted: three times as long,
    and the process ends, saying where it was.
    """

    def stop(*_):
        raise Hang(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(3 * seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def used_up(answer):
    """The answer, where it is lazy after use: a context is entered, an iterator is read."""
    if isinstance(answer, contextlib.AbstractContextManager) and not isinstance(answer, Path):
        with answer as inside:
            return inside
    if isinstance(answer, Iterator):
        return list(itertools.islice(answer, 10_000))
    return answer


def no_number(value, depth=6) -> bool:
    """Whether NaN or an infinity is anywhere in a value, the weights of a model among it."""
    if depth == 0 or isinstance(value, (str, bytes, int, type)):
        return False
    if isinstance(value, (float, complex, np.number)):
        return not cmath.isfinite(value)
    if isinstance(value, torch.Tensor):
        return not bool(value.detach().isfinite().all())
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value.dtype.kind in "fc" and not bool(np.isfinite(value).all())
    return any(no_number(part, depth - 1) for part in parts(value))


def parts(value):
    """What a value is made of; nothing for what is whole, or for an object of a library."""
    if isinstance(value, torch.nn.Module):
        return list(value.state_dict().values())
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return np.ravel(value.to_numpy()).tolist()
    if isinstance(value, np.ndarray):
        return value.ravel().tolist()
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    if type(value).__module__.startswith("utils."):
        held = getattr(value, "__dict__", {})
        return [part for name, part in held.items() if name != "_cache"]  # thousands of words
    return ()
