"""The library shows its real source, and computed values reach the prose."""

import inspect
import math

import pytest
from IPython.utils.capture import capture_output

from utils import attention, show, transformer


def shown(*objects) -> str:
    with capture_output() as captured:
        show.show(*objects)
    return captured.outputs[0].data["text/markdown"]


def test_what_is_shown_is_the_source_of_what_runs():
    text = shown(attention.causal_mask, transformer.LayerNorm)
    assert inspect.getsource(attention.causal_mask).strip() in text
    assert inspect.getsource(transformer.LayerNorm).strip() in text
    assert text.count("```python") == 2 and "# utils/attention.py" in text


def test_methods_lose_their_indentation():
    assert "\ndef forward(self" in shown(transformer.LayerNorm.forward)


@pytest.mark.parametrize("thing", [3, math.sqrt, "text"])
def test_what_has_no_source_is_refused(thing):
    with pytest.raises(TypeError, match="has no source"):
        show.show(thing)


def test_a_quoted_value_is_printed_in_a_notebook_and_stored_in_the_book(monkeypatch, capsys):
    monkeypatch.delenv("COURSE_BOOK", raising=False)
    show.quote("recall", 0.82)
    assert capsys.readouterr().out == "recall = 0.82\n"
    monkeypatch.setenv("COURSE_BOOK", "1")
    with capture_output() as captured:
        show.quote("recall", 0.82)
    output = captured.outputs[0]
    assert output.metadata["scrapbook"]["name"] == "recall"
    assert output.data["application/papermill.record/text/plain"] == "0.82"
    assert captured.stdout == ""
