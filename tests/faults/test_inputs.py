"""Whatever text, ids, masks or files a function is given, it answers, or says what is wrong.

Every public function of `utils` that takes such a thing is found by itself: starting from
a good call, one argument at a time is replaced by malformed ones. The answer must be
without NaN, or there must be an error of a type that a docstring names (the function's,
its class's, its module's, or that of a function to which one of them refers).

Public is what a package exports, what a chapter uses, and what is taught or promises an
error in its docstring. A record (a dataclass, a NamedTuple) keeps what it is given.
"""

import ast
import builtins
import contextlib
import dataclasses
import functools
import importlib
import inspect
import itertools
import json
import os
import pkgutil
import re
import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import calls
import utils
from malformed import Hang, Spoiler, deadline, no_number, used_up, values
from utils.pretraining import speed

ROOT = Path(__file__).resolve().parents[2]
WHAT = "malformed inputs: an answer without NaN, or an error of a documented type"
HOW_MANY = "functions of utils/ that take text, ids, masks or files"  # all of it held

# ----------------------------------------------------------------- what is to be tried
def modules():
    """Every module of utils/ but the commands."""
    for found in pkgutil.walk_packages(utils.__path__, "utils."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def used_in_chapters():
    """The ids of the objects of utils/ that the code cells of the chapters name."""
    used = set()
    for path in (ROOT / "chapters" / "en").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        code = re.sub(r"^\s*[%!].*$", "", code, flags=re.M)
        tree, names = ast.parse(code), {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "utils":
                for alias in node.names:
                    try:
                        found = importlib.import_module(f"{node.module}.{alias.name}")
                    except ImportError:
                        found = getattr(importlib.import_module(node.module), alias.name)
                    names[alias.asname or alias.name] = found

        def named(node, names=names):
            if isinstance(node, ast.Name):
                return names.get(node.id)
            if isinstance(node, ast.Attribute):
                return getattr(named(node.value), node.attr, None)
            return None

        used |= {id(named(node)) for node in ast.walk(tree)}
    return used - {id(None)}


@dataclasses.dataclass(frozen=True)
class Case:
    """A function or method of utils/, and the class that it belongs to."""

    name: str  # without "utils."
    function: object
    owner: type | None
    module: object

    @property
    def parameters(self):
        return [p for p in inspect.signature(self.function).parameters if p in calls.PARAMETERS]

    def tried(self, good):
        """The arguments of a good call that have a kind, whatever their names."""
        return [
            name for name, value in good.items()
            if name not in ("self", "cls") and values(value) is not None
            and not {name, f"{self.name}.{name}"} & set(calls.NOT_TRIED)
        ]  # fmt: skip

    def documented(self):
        """The types of errors that the docstrings name."""
        objects = [self.function, self.owner, self.module]
        return tuple(set().union(*(named_errors(o, self.module) for o in objects if o)))


def named_errors(thing, module, depth=3):
    """The exceptions in the docstring of a thing, and of the functions it refers to."""
    text, found = thing.__doc__ or "", set()
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return {thing}
    found |= {error for name, error in errors().items() if re.search(rf"\b{name}\b", text)}
    names = vars(inspect.getmodule(thing) or module)
    for sentence in re.split(r"\.\s", text):
        if depth and re.search(r"\b[Rr]aises\b|\berrors\b", sentence):
            for word in re.findall(r"`([\w.]+)`|\b(\w+_\w+)\b", sentence):
                known = named(word[0] or word[1], thing, names)
                if known is not None and known is not thing:
                    found |= named_errors(known, module, depth - 1)
    return found


@functools.cache
def errors():
    """name -> type of every exception of Python and of utils/."""
    every = [builtins, *modules()]
    return {
        name: thing for module in every for name, thing in vars(module).items()
        if inspect.isclass(thing) and issubclass(thing, Exception) and not name.startswith("_")
    }  # fmt: skip


def named(dotted, thing, names):
    """The function or class of utils/ that a docstring names, or None."""
    first, *rest = dotted.split(".")
    found = names.get(first, getattr(thing, first, None))
    for part in rest:
        found = getattr(found, part, None)
    return found if getattr(found, "__module__", "").startswith("utils") else None


def is_record(kind):
    """A class that keeps what it is given: its constructor has nothing to refuse."""
    own = {"__init__", "__post_init__", "__new__"} & set(vars(kind))
    if issubclass(kind, tuple):
        return True
    return dataclasses.is_dataclass(kind) and "__post_init__" not in own


def promises(thing):
    """Whether a docstring says where a thing is taught, or when it raises an error."""
    doc = getattr(thing, "__doc__", None) or ""
    return "Taught in:" in doc or "Raises" in doc


@functools.cache
def cases():
    """What `takers` finds, but what is left out for a reason."""
    return {name: case for name, case in takers().items() if not left_out(name)}


@functools.cache
def takers():
    """Every public function and method with a parameter of the table, by name."""
    found, used = {}, used_in_chapters()
    every = list(modules())
    for module in every:
        used |= {id(getattr(module, name)) for name in getattr(module, "__all__", ())}
    for module in every:
        for name, thing in vars(module).items():
            own = getattr(thing, "__module__", None) == module.__name__
            public = id(thing) in used or promises(thing)
            if name.startswith("_") or not own or not callable(thing):
                continue
            if not inspect.isclass(thing):
                if public and inspect.isfunction(inspect.unwrap(thing)):
                    add(found, Case(f"{module.__name__}.{name}", thing, None, module))
                continue
            if not issubclass(thing, BaseException) and not is_record(thing) and public:
                add(found, Case(f"{module.__name__}.{name}", thing, None, module))
            for part, method in vars(thing).items():
                method = getattr(method, "__func__", method)
                if inspect.isfunction(method) and not part.startswith("_") and (
                    public or promises(method)
                ):
                    full = f"{module.__name__}.{name}.{part}"
                    add(found, Case(full, method, thing, module))
    return found


def add(found, case):
    name = case.name.removeprefix("utils.")
    case = dataclasses.replace(case, name=name)
    if case.parameters:
        found[name] = case


def left_out(name):
    """The entries of LEFT_OUT that leave a name out: the name, or what it begins with."""
    return {out for out in calls.LEFT_OUT if name == out or out[-1] == "." and name.startswith(out)}


# -------------------------------------------------------------------------- the trials
def arguments(case, folder):
    """A good call: `self` where there is one, and a value for each needed parameter."""
    own = calls.CALLS.get(case.name, lambda: {})
    own = own(folder) if inspect.signature(own).parameters else own()
    if case.owner is not None and "self" not in own:
        kind = f"{case.module.__name__}.{case.owner.__name__}".removeprefix("utils.")
        if "cls" in inspect.signature(case.function).parameters:
            own = {"cls": case.owner, **own}
        elif kind in calls.OBJECTS:
            own = {"self": calls.OBJECTS[kind](), **own}
    for name, parameter in inspect.signature(case.function).parameters.items():
        if name in own or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in calls.PARAMETERS and (
            parameter.default is parameter.empty or parameter.default is None
        ):
            own[name] = calls.PARAMETERS[name](folder)
        elif parameter.default is not parameter.empty:
            own[name] = parameter.default
        elif name in calls.OTHERS:
            own[name] = calls.OTHERS[name]()
        else:
            raise LookupError(
                f"{case.name}: no good value is known for {name!r}: add a call to "
                f"tests/faults/calls.py, so that malformed ones can be tried"
            )
    return own


def call(function, given):
    """The function called with values by name, those that it takes by place by place."""
    by_place, by_name = [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            values_of = given.get(name, ())
            by_place += values_of if isinstance(values_of, tuple) else [values_of]
        elif parameter.kind is parameter.VAR_KEYWORD:
            by_name |= given.get(name, {})
        elif parameter.kind is parameter.KEYWORD_ONLY:
            by_name[name] = given[name]
        else:
            by_place.append(given[name])
    return function(*by_place, **by_name)


def outcome(case, given):
    """The answer; where a method gives none, the object that it has changed."""
    answer = used_up(call(case.function, given))
    return given.get("self") if answer is None else answer


@contextlib.contextmanager
def elsewhere():
    """An empty folder to work in, so that a strange path can do no harm."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            inside = Path(folder) / "inside"
            inside.mkdir()
            yield inside
        finally:
            os.chdir(before)


def fault(case, documented, parameter, value):
    """What is wrong with the answer to a malformed value; None where nothing is."""
    with elsewhere() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = arguments(case, folder)
        given[parameter] = value.at(given[parameter]) if isinstance(value, Spoiler) else value
        was_none = no_number(given[parameter])  # NaN in, NaN out, is no fault
        try:
            with deadline():
                answer = outcome(case, given)
            if not was_none and no_number(answer) and case.name not in calls.NO_NUMBER:
                return "an answer with NaN or infinity"
        except documented:
            return None
        except Hang as error:
            return str(error)
        except Exception as error:
            return f"{type(error).__name__}, not documented: {str(error)[:100]}"
    return None


def check(case, full, tally):
    """Try malformed values, count them, and fail with all that went wrong, by kind."""
    with elsewhere() as folder:
        good = arguments(case, folder)
        names = case.tried(good)
        assert names, f"{case.name} takes no text, ids, mask or file: name it in LEFT_OUT"
        answer = outcome(case, good)
        assert case.name in calls.NO_NUMBER or not no_number(answer)
    documented, faults, number = case.documented(), {}, itertools.count(1)
    chosen = st.sampled_from(names).flatmap(
        lambda name: st.tuples(st.just(name), values(good[name]))
    )

    @settings(
        max_examples=300 if full else 15, deadline=None, database=None, derandomize=not full,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(chosen)
    def attempt(drawn):
        next(number)
        if found := fault(case, documented, *drawn):
            key = drawn[0], re.sub(r"\d+", "N", found)[:60]
            faults.setdefault(key, []).append((found, repr(drawn[1])[:90]))

    attempt()
    tried = next(number) - 1
    wrong = sum(map(len, faults.values()))
    tally(WHAT, tried - wrong, tried)
    assert not faults, "\n".join(
        f"{case.name}({name}={shown[0][1]}): {shown[0][0]}  [{len(shown)} times]"
        for (name, _), shown in faults.items()
    )


@pytest.fixture(autouse=True)
def no_measuring(monkeypatch):
    """The rate of the machine is measured before each pre-training, and is not wanted here."""
    monkeypatch.setattr(speed, "matrix_rate", lambda *_: 1e9)


@pytest.mark.parametrize("name", sorted(cases()))
def test_malformed_inputs_have_an_answer_or_a_documented_error(name, full, tally):
    held = 0
    try:
        check(cases()[name], full, tally)
        held = 1
    finally:
        tally(HOW_MANY, held, 1)


def test_the_tables_name_only_what_there_is():
    assert not set(calls.CALLS) - set(cases())
    assert not set(calls.NO_NUMBER) - set(cases())
    owners = {case.name.rpartition(".")[0] for case in cases().values() if case.owner}
    assert not set(calls.OBJECTS) - owners
    assert not set(calls.LEFT_OUT) - set().union(*map(left_out, takers()))
    arguments_of = {
        known for case in cases().values() for name in inspect.signature(case.function).parameters
        for known in (name, f"{case.name}.{name}")
    }  # fmt: skip
    assert not set(calls.NOT_TRIED) - arguments_of
