"""What every check of an exercise is made of.

A check runs the reader's function on several inputs and compares each result with the
right one. Beside the right result it knows what the likely mistakes would give: when a
result equals one of those, the verdict names that mistake.
"""

import copy
import functools
import inspect
from collections.abc import Callable

import numpy as np
import torch

from utils.languages import Shown, translate

EXERCISES: dict[str, Callable] = {}


class Wrong(Exception):
    """An answer is not right yet; the message says what is likely wrong with it."""


class NotWritten(Exception):
    """The stub is as the page gave it."""


class Verdict(Shown):
    """What a check says of an answer, in the notebook's language; true when it is right."""

    def __init__(self, exercise: str, passed: bool, message: str):
        self.exercise, self.passed, self._message = exercise, passed, message

    @property
    def message(self) -> str:
        return translate(self._message)

    def render(self, language: str) -> dict:
        return {"text/plain": translate(self._message, language)}

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return self.message


def exercise(check: Callable) -> Callable[[Callable], Verdict]:
    """Turn a function that raises `Wrong` into a check that returns a `Verdict`.

    A check never raises because of the reader's code: an error in it becomes part of
    the verdict, so that an unfinished exercise does not stop the notebook.
    """

    @functools.wraps(check)
    def run(answer: Callable) -> Verdict:
        name = check.__name__
        if not callable(answer):
            return Verdict(name, False, f"✗ {name}: give the check your function itself, "
                           f"without calling it; it got {_brief(answer)}.")
        try:
            # A private copy of the random state: a check leaves the page's numbers alone.
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                check(answer)
        except NotWritten:
            return Verdict(name, False, f"✎ {name}: not written yet.")
        except Wrong as mistake:
            return Verdict(name, False, f"✗ {name}: {mistake}")
        except Exception as error:  # a result of a kind that nobody foresaw
            return Verdict(name, False, f"✗ {name}: the check cannot read what your "
                           f"function returns ({type(error).__name__}: {error}).")
        return Verdict(name, True, f"✓ {name}: right.")

    EXERCISES[check.__name__] = run
    return run


def call(answer: Callable, *arguments, **keywords):
    """Call the reader's function; its own errors become verdicts.

    Raises:
        NotWritten: it returned None or `...`.
        Wrong: it raised, or it changed one of its arguments.
    """
    before = [_copy(a) for a in arguments]
    try:
        result = answer(*arguments, **keywords)
    except NotImplementedError:
        raise NotWritten from None
    except Exception as error:
        raise Wrong(f"your function raised {type(error).__name__}: {error} "
                    f"{_on(arguments)}") from None
    if result is None or result is ...:
        if _is_stub(answer):
            raise NotWritten
        raise Wrong(f"your function returns nothing {_on(arguments)}: is the return missing?")
    for old, new in zip(before, arguments):
        arrays = isinstance(old, (np.ndarray, torch.Tensor))
        if not _same(old, new, 0.0) if arrays else old != new:
            raise Wrong("your function changes its argument in place; work on a copy.")
    return result


def expect(
    result, right, mistakes: dict | None = None, *, given=(), tolerance: float = 1e-5
) -> None:
    """Compare a result with the right one, and name the mistake where it is known.

    Args:
        result: what the reader's function returned; numbers, lists, arrays, tensors.
        right: the right result.
        mistakes: what to say → the result that this mistake gives. A mistake whose
            result equals the right one on this input says nothing and is passed over.
        given: the arguments, for the message.
        tolerance: relative and absolute, for numbers.

    Raises:
        Wrong: with the hint of the mistake, else with the first difference.
    """
    if _same(result, right, tolerance):
        return
    for hint, value in (mistakes or {}).items():
        if _same(result, value, tolerance) and not _same(value, right, tolerance):
            raise Wrong(hint)
    raise Wrong(_difference(result, right, tolerance) + f" {_on(given)}")


def ask(answer, cases):
    """What the answer gives for each case, a tuple of arguments."""
    return [call(answer, *copy.deepcopy(case)) for case in cases]


def name_mistake(results, cases, right, mistakes):
    """Raise Wrong unless all the results are right; name the mistake that explains them.

    right and the values of mistakes are functions of the arguments of a case; a key of
    mistakes is what to say. Where no mistake explains everything, it is looked for in
    the first result that is not right.
    """
    if agree(results, [right(*case) for case in cases]):
        return
    for hint, wrong in mistakes.items():
        if agree(results, [wrong(*case) for case in cases]):
            raise Wrong(hint)
    for case, result in zip(cases, results):
        known = {hint: wrong(*case) for hint, wrong in mistakes.items()}
        expect(result, right(*case), known, given=case)


def agree(results, values):
    """Whether every result is what it should be."""
    try:
        for result, value in zip(results, values):
            expect(result, value)
    except Wrong:
        return False
    return True


def _array(value):
    """The value as a float array, or None if it is not made of numbers."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None


def _same(a, b, tolerance: float) -> bool:
    left, right = _array(a), _array(b)
    if left is None or right is None:
        return left is right and _plain(a) == _plain(b)
    return left.shape == right.shape and np.allclose(
        left, right, rtol=tolerance, atol=tolerance, equal_nan=True
    )


def _plain(value):
    """Lists for tuples, so that [(a, b)] and [[a, b]] are one answer."""
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _difference(result, right, tolerance: float) -> str:
    got, want = _array(result), _array(right)
    if want is None or got is None:
        return f"expected {_brief(right)}, got {_brief(result)}"
    if got.shape != want.shape:
        return f"expected the shape {_shape(want)}, got {_shape(got)}"
    if np.isnan(got).any() and not np.isnan(want).any():
        return "your result holds NaN (a division by zero, or a softmax over -inf only?)"
    far = ~np.isclose(got, want, rtol=tolerance, atol=tolerance, equal_nan=True)
    place = tuple(int(i) for i in np.argwhere(far)[0])
    where = f" at {list(place)}" if place else ""
    return f"expected {want[place]:.6g}{where}, got {got[place]:.6g}"


def _shape(array) -> str:
    return str(list(array.shape)) if array.shape else "of a single number"


def _brief(value) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def _on(arguments) -> str:
    """Name the input in a few words; nothing for the large ones."""
    parts = [
        f"a {type(a).__name__.lower()} of shape {list(a.shape)}" if hasattr(a, "shape")
        else _brief(a)
        for a in arguments
    ]
    return f"(input: {', '.join(parts)})" if parts else ""


def _copy(value):
    """A copy to compare with; what is no array and no collection stays itself."""
    if isinstance(value, torch.Tensor):
        return value.clone()
    return copy.deepcopy(value) if isinstance(value, (np.ndarray, list, dict)) else value


def _is_stub(answer: Callable) -> bool:
    """True for a body that is only a docstring and `...`, as the page gives it."""
    try:
        code = inspect.unwrap(answer).__code__
    except AttributeError:
        return False
    # An empty body compiles to loading None and returning it: it uses no name at all.
    return not code.co_names and set(code.co_consts) <= {None, ..., code.co_consts[0]}
