"""The library shows its real source, and computed values reach the prose."""

import inspect
import math

import pytest

from utils import attention, show, sources, transformer


@pytest.fixture
def displayed(monkeypatch):
    """Everything that the page would display, instead of a page."""
    calls = []
    monkeypatch.setattr(show, "display", lambda *a, **k: calls.append((*a, k)))
    return calls


def test_what_is_shown_is_the_source_of_what_runs(displayed):
    show.show(attention.causal_mask, transformer.LayerNorm)
    text = displayed[0][0].data
    assert inspect.getsource(attention.causal_mask).strip() in text
    assert inspect.getsource(transformer.LayerNorm).strip() in text
    assert text.count("```python") == 2 and "# utils/attention.py" in text


def test_the_file_of_a_package_is_named(displayed):
    show.show(sources.decide)
    assert "# utils/sources/__init__.py\ndef decide" in displayed[0][0].data


def test_what_a_notebook_defines_has_no_file_and_fences_inside_stay_inside(displayed, monkeypatch):
    monkeypatch.setattr(fenced, "__module__", "__main__")
    show.show(fenced)
    text = displayed[0][0].data
    assert text.startswith("````python\ndef fenced") and text.endswith("````")


def fenced():
    """
    ```python
    1 + 1
    ```
    """


def test_methods_lose_their_indentation(displayed):
    show.show(transformer.LayerNorm.forward)
    assert "\ndef forward(self" in displayed[0][0].data


@pytest.mark.parametrize("thing", [3, math.sqrt, "text"])
def test_what_has_no_source_is_refused(thing):
    with pytest.raises(TypeError, match="has no source"):
        show.show(thing)


def test_a_quoted_value_is_printed_in_a_notebook(monkeypatch, capsys):
    monkeypatch.delenv("COURSE_BOOK", raising=False)
    show.quote("recall", 0.82)
    assert capsys.readouterr().out == "recall = 0.82\n"


def test_a_quoted_value_is_stored_in_the_book_as_myst_nb_would(monkeypatch, displayed, capsys):
    monkeypatch.setenv("COURSE_BOOK", "1")
    show.quote("recall", "1,234")
    bundle, options = displayed[0]
    assert bundle == {"application/papermill.record/text/plain": "'1,234'"}
    assert options["metadata"]["scrapbook"]["name"] == "recall"
    assert capsys.readouterr().out == ""
