"""What figures and checks say is in the notebook's language, and in all of them in the book."""

import json
import re
import string

import altair as alt
import pandas as pd
import pytest
import torch
import yaml

from utils import languages, plots
from utils.bertology import views

TABLES = sorted(languages.FOLDER.glob("*.yml"))


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A language `xx` with a few words."""
    words = {
        "layer": "LAYER", "a figure of the loss": "A FIGURE", "loss": "LOSS", "other": "OTHER",
        "layer {}, head {}": "HEAD {1} OF {0}", "✗ {}: {t}": "✗ {}: {}", "expected {}, got {}": "{} WANTED, {} GOT",
        "{n} of {n}": "{1}: {0}", "{} rows": "{} ROWS",
        "expected the shape {}, got {}": "THE SHAPE {} WANTED, {} GOT", "a chart of the loss": "A CHART",
    }
    (tmp_path / "xx.yml").write_text(yaml.safe_dump(words, allow_unicode=True))
    monkeypatch.setattr(languages, "FOLDER", tmp_path)
    clear()
    yield
    clear()


def clear():
    for cached in (languages._translated, languages._table, languages._of_the_notebook):
        cached.cache_clear()


@pytest.mark.parametrize("english, expected", [
    ("layer", "LAYER"),
    ("layer 3, head 1", "HEAD 1 OF 3"),  # in the order of the language
    ("✗ layer: expected 2, got 3", "✗ layer: 2 WANTED, 3 GOT"),  # names stay, words do not
    ("expected the shape [2], got [3]", "THE SHAPE [2] WANTED, [3] GOT"),  # the most literal
    ("5 of 1,072", "1,072: 5"),
    ("mean of 72", "mean of 72"),  # no number
    ("12 rows", "12 ROWS"),
    ("layer, loss", "LAYER, LOSS"),
    ("layer, a name", "layer, a name"),  # a list only where all of it is known
    ("the heads are its rows", "the heads are its rows"),  # a short pattern takes one word
    ("unknown", "unknown"),
    ("expected {x}, got {}", "{x} WANTED, {} GOT"),  # what is taken over may hold braces
    ("", ""),
])
def test_translations(table, english, expected):
    assert languages.translate(english, "xx") == expected
    assert languages.translate(english, "en") == english


def test_the_environment_chooses(table, monkeypatch):
    monkeypatch.setenv("COURSE_LANGUAGE", "xx")
    assert languages.translate("layer") == "LAYER"
    monkeypatch.setenv("COURSE_LANGUAGE", "klingon")
    with pytest.raises(languages.LanguageError, match="'klingon' is unknown: choose one of en, xx"):
        languages.current()


def notebook(path, language=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": [], "metadata": {"language": language} if language else {}}))
    return path


def test_the_notebook_chooses(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_LANGUAGE")
    clear()
    folder = tmp_path / "es"
    notebook(folder / "a.ipynb", "es")
    notebook(folder / "b.ipynb", "es")
    monkeypatch.chdir(folder)
    assert languages.current() == "es"
    # Jupyter says which notebook it is, wherever the kernel works
    other = notebook(tmp_path / "elsewhere/c.ipynb", "en")
    monkeypatch.setenv("JPY_SESSION_NAME", str(other))
    clear()
    assert languages.current() == "en"
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook(tmp_path / "elsewhere/d.ipynb", "es")))
    clear()
    assert languages.current() == "es"


@pytest.mark.parametrize("found", [[], ["es", "en"], [None], ["klingon"]], ids=str)
def test_where_it_is_not_known_it_is_english(tmp_path, monkeypatch, found):
    monkeypatch.delenv("COURSE_LANGUAGE")
    for number, language in enumerate(found):
        notebook(tmp_path / f"{number}.ipynb", language)
    (tmp_path / "broken.ipynb").write_text("not JSON") if not found else None
    monkeypatch.chdir(tmp_path)
    clear()
    assert languages.current() == "en"


def draw():
    return plots.lines([1, 2], {"loss": [1, 2], "name": [2, 1]}, xlabel="layer", ylabel="y",
                       alt="a figure of the loss")


def test_a_figure_is_drawn_in_the_language_and_is_english_again_afterwards(table, monkeypatch):
    picture = draw()
    before = picture.svg
    other = picture.render("xx")
    for word in ("LAYER", "LOSS", "A FIGURE"):
        assert word in other["text/html"]
    assert ">layer<" not in other["text/html"] and other["text/plain"] == "[Figure: A FIGURE]"
    assert picture.render("en")["text/html"].count(before) == 1
    assert picture._svg("en") == before
    monkeypatch.setenv("COURSE_LANGUAGE", "xx")
    assert "LAYER" in draw()._repr_html_()


def test_names_at_the_axes_are_translated(table):
    picture = plots.bars(["loss", "kept"], {"a": [1, 2]}, ylabel="y", alt="a figure of the loss")
    assert ">LOSS<" in picture.render("xx")["text/html"] and ">kept<" in picture.render("xx")["text/html"]
    assert ">loss<" in picture._svg("en")


def test_a_chart_has_its_words_in_the_language_and_its_data_whole(table, monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    data = pd.DataFrame({"layer": [1, 2], "kind": ["loss", "other"]})
    chart = plots.interactive(
        alt.Chart(data).mark_line().encode(x="layer:Q", color=alt.Color("kind:N", title="loss")),
        alt="a chart of the loss")
    page = chart.render("xx")["text/html"]
    specification = json.loads(re.search(r"<script[^>]*>(.*?)</script>", page, re.S)[1])
    [rows] = specification["datasets"].values()
    assert rows == [{"layer": 1, "kind": "LOSS"}, {"layer": 2, "kind": "OTHER"}]
    assert specification["encoding"]["x"] == {"field": "layer", "title": "LAYER", "type": "quantitative"}
    assert specification["encoding"]["color"]["title"] == "LOSS"
    assert 'aria-label="A CHART"' in page
    assert chart.chart.to_dict()["encoding"]["x"].get("title") is None  # the chart is as it was


def test_a_control_and_an_expression_follow_the_data(table, monkeypatch):
    menu = alt.param(name="loss", value="other", bind=alt.binding_select(options=["loss", "other"], name="layer "))
    chart = alt.Chart(pd.DataFrame({"kind": ["loss"], "piece": ["loss"]})).mark_bar().encode(x="kind:N")
    chart = chart.add_params(menu).transform_filter("datum.kind == 'loss' || datum['loss'] == loss")
    new = plots._in_words(chart.to_dict(), "xx")
    [control] = new["params"]
    assert control["name"] == "loss" and control["value"] == "other"
    assert control["bind"] == {"input": "select", "name": "LAYER ", "options": ["loss", "other"],
                               "labels": ["LOSS", "OTHER"]}
    assert new["transform"] == [{"filter": "datum.kind == 'LOSS' || datum['loss'] == loss"}]
    [[row]] = new["datasets"].values()
    assert row == {"kind": "LOSS", "piece": "loss"}  # a token is no word


def test_in_the_book_one_output_holds_every_language(table, monkeypatch):
    shown = draw()._repr_mimebundle_()
    assert set(shown) == {"text/html", "text/plain"}
    monkeypatch.setenv("COURSE_BOOK", "1")
    shown, metadata = draw()._repr_mimebundle_()
    assert "A FIGURE" not in shown["text/html"]
    assert "A FIGURE" in metadata[languages.IN_LANGUAGES]["xx"]["text/html"]


def test_html_is_translated_outside_scripts_and_tokens(table):
    page = ('<p title="loss">loss</p><th translate="no">loss</th><script>"loss"</script>'
            '<p data-words="{&quot;a&quot;: &quot;loss&quot;}"> loss </p><b>loss, too</b>')
    assert languages.translate_html(page, "xx") == (
        '<p title="LOSS">LOSS</p><th translate="no">loss</th><script>"loss"</script>'
        '<p data-words="{&quot;a&quot;: &quot;LOSS&quot;}"> LOSS </p><b>loss, too</b>')
    assert languages.translate_html(page, "en") == page


def test_a_view_leaves_the_tokens_alone(table):
    tokens = ["layer", "loss", "x"]
    view = views.head_view([torch.full((1, 3, 3), 1 / 3)], tokens, alt="a figure of the loss")
    page = view.render("xx")["text/html"]
    assert 'aria-label="A FIGURE"' in page and "LAYER" not in page.replace("data-words", "")


@pytest.mark.parametrize("english, spanish", [
    ("1,234", "1234"), ("12,345", "12\u00a0345"), ("83,504,416", "83\u00a0504\u00a0416"), ("28%", "28\u00a0%"),
    ("74.0 %", "74.0\u00a0%"), ("0.25", "0.25"), ("[1, 2]", "[1, 2]"), ("1,2345", "1,2345"),
])
def test_quoted_numbers_are_written_as_in_the_language(english, spanish):
    assert languages.quoted(english, "es") == spanish
    assert languages.quoted(english, "en") == english


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_table_holds_as_many_holes_as_its_english(path):
    class NoDuplicates(yaml.CSafeLoader):
        pass

    def mapping(loader, node):
        keys = [loader.construct_object(key) for key, _ in node.value]
        assert len(keys) == len(set(keys)), sorted({k for k in keys if keys.count(k) > 1})
        return dict(zip(keys, (loader.construct_object(value) for _, value in node.value)))

    NoDuplicates.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    table = yaml.load(path.read_text(encoding="utf-8"), Loader=NoDuplicates)
    for english, translation in table.items():
        holes = len(languages._HOLE.findall(english))
        if not holes:
            continue
        filled = languages._HOLE.sub("{}", translation)
        used = [field for _, field, _, _ in string.Formatter().parse(filled) if field is not None]
        assert len(used) <= holes or len(set(used)) <= holes, english
        filled.format(*"abcdefghij"[:holes])  # raises where a hole has no part


def test_the_tables_are_those_of_the_editions():
    from tools import editions

    assert set(languages.languages()) == {"en", *editions.languages()}
