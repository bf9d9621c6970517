"""Every check accepts right answers in different styles and refuses the known bugs.

A file `tests/mutants/<check>.py` holds functions `right_*` and `wrong_*`. The first
line of a wrong one's docstring is a phrase that the verdict must contain, so that the
reader is told which mistake it is, not only that there is one.
"""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest

from utils import checks

MUTANTS = Path(__file__).parent / "mutants"


def answers(prefix):
    for path in sorted(MUTANTS.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"mutants_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith(prefix):
                yield pytest.param(path.stem, function, id=f"{path.stem}-{name}")


def test_every_check_has_mutants_and_every_mutant_a_check():
    assert set(checks.EXERCISES) == {path.stem for path in MUTANTS.glob("*.py")}


@pytest.mark.parametrize("name", sorted(checks.EXERCISES))
def test_enough_answers(name):
    source = (MUTANTS / f"{name}.py").read_text()
    assert source.count("\ndef right_") >= 2
    assert source.count("\ndef wrong_") >= 4


@pytest.mark.promise("right answers that the checks of the exercises accept")
@pytest.mark.parametrize("name, answer", list(answers("right_")))
def test_a_right_answer_passes(name, answer):
    verdict = checks.EXERCISES[name](answer)
    assert verdict, verdict.message
    assert verdict.message.startswith("✓")


@pytest.mark.promise("wrong answers that the checks refuse, with the mistake named")
@pytest.mark.parametrize("name, answer", list(answers("wrong_")))
def test_a_wrong_answer_is_refused_and_the_mistake_named(name, answer):
    phrase = inspect.getdoc(answer).splitlines()[0]
    verdict = checks.EXERCISES[name](answer)
    assert not verdict
    assert phrase.lower() in verdict.message.lower(), verdict.message


# A message is Spanish when it has left the English one: the frame is, and so is the hint.
@pytest.mark.parametrize("name, answer", list(answers("wrong_")))
def test_a_spanish_notebook_names_the_mistake_in_spanish(name, answer):
    verdict = checks.EXERCISES[name](answer)
    english, spanish = (verdict.render(code)["text/plain"] for code in ("en", "es"))
    assert not set(sentence_words(english)) & set(sentence_words(spanish)) & ENGLISH, spanish


ENGLISH = {"the", "of", "is", "are", "with", "your", "for", "each", "and", "not", "from", "by",
           "expected", "got", "function", "returns", "raised", "where", "to", "it", "that"}


def sentence_words(text):
    """The words of a message, without names in it and without Python's own errors."""
    text = re.sub(r"\w+Error: .*|\w*_\w*|`[^`]*`|\"[^\"]*\"|«[^»]*»|'[^']*'", " ", text, flags=re.S)
    return re.findall(r"[a-záéíóúñ]+", text.lower())


@pytest.mark.parametrize("name", sorted(checks.EXERCISES))
def test_an_unwritten_answer_is_no_error(name):
    def stub(*arguments, **keywords):
        """What the page gives."""
        ...

    assert checks.EXERCISES[name](stub).message == f"✎ {name}: not written yet."


@pytest.mark.parametrize("name", sorted(checks.EXERCISES))
def test_a_stub_that_says_it_is_one_is_unwritten_too(name):
    def stub(*arguments, **keywords):
        raise NotImplementedError

    assert checks.EXERCISES[name](stub).message == f"✎ {name}: not written yet."


@pytest.mark.parametrize("name", sorted(checks.EXERCISES))
def test_an_error_in_the_answer_is_told_not_raised(name):
    def broken(*arguments, **keywords):
        raise KeyError("lost")

    verdict = checks.EXERCISES[name](broken)
    assert not verdict and "KeyError" in verdict.message


@pytest.mark.parametrize("name", sorted(checks.EXERCISES))
def test_a_result_instead_of_a_function_is_told(name):
    assert "without calling it" in checks.EXERCISES[name]([1, 2]).message


@pytest.mark.parametrize("name", sorted(checks.EXERCISES))
@pytest.mark.parametrize("odd", [7, "text", {"a": 1}, [[1], [2, 3]]], ids=repr)
def test_a_result_of_another_kind_is_refused_not_raised(name, odd):
    assert not checks.EXERCISES[name](lambda *arguments, **keywords: odd)
