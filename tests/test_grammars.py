"""What the grammars of English and of Spanish share: one way to draw, and one to refuse."""

import os
import subprocess
import sys

import pytest

from utils import english, spanish

GRAMMARS = {"english": english, "spanish": spanish}


@pytest.fixture(params=GRAMMARS)
def grammar(request):
    return GRAMMARS[request.param]


@pytest.mark.parametrize("make", ["sentences", "minimal_pairs"])
def test_a_seed_gives_the_same_and_another_seed_others(grammar, make):
    make = getattr(grammar, make)
    assert make(200, 5) == make(200, 5)
    assert make(200, 5) != make(200, 6)


def test_the_order_of_hashes_does_not_matter(grammar, root):
    code = (f"from {grammar.__name__} import *\n"
            "print(sentences(300, 3, 'test'), minimal_pairs(60, 1), vocabulary('validation'))\n"
            "print(acceptability(7, 200, 120, 120) if 'acceptability' in globals() else '')")
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=root, text=True, capture_output=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1 and "(" in outputs.pop()


def test_errors_name_what_is_wrong_and_what_there_is(grammar):
    first, *_, last = grammar.PHENOMENA
    with pytest.raises(ValueError, match="split is 'dev'; it can be train, validation, test"):
        grammar.sentences(1, 0, "dev")
    with pytest.raises(ValueError, match="split is 'dev'"):
        grammar.vocabulary("dev")
    with pytest.raises(ValueError, match=f"closest is '{last}'.*{first}"):
        grammar.minimal_pairs(1, 0, phenomena=[last[:-2] + last[-1]])
    with pytest.raises(ValueError, match="different and at least one"):
        grammar.minimal_pairs(1, 0, phenomena=[])
    with pytest.raises(ValueError, match="different and at least one"):
        grammar.minimal_pairs(1, 0, phenomena=[first, first])
    for make in (grammar.sentences, grammar.minimal_pairs):
        with pytest.raises(ValueError, match="number is -1"):
            make(-1, 0)


def test_nothing_is_asked_for(grammar):
    assert grammar.sentences(0, 0) == grammar.minimal_pairs(0, 0) == []
