"""The timeline agrees with its own sources, and a wrong entry is refused by name."""

import re

import pytest
import yaml

from utils.history import (
    TIMELINE,
    Event,
    TimelineError,
    load_timeline,
    timeline_figure,
    timeline_table,
)

RAW = yaml.safe_load(TIMELINE.read_text())
ON_ARXIV = [entry for entry in RAW if "arxiv" in entry]
GOOD = {
    "date": "2017-06", "event": "Transformer", "who": "Vaswani", "idea": "Attention.",
    "title": "Attention Is All You Need", "arxiv": "1706.03762",
}


# Read from the file and compared here, without the loader, which checks it as well.
@pytest.mark.parametrize("entry", ON_ARXIV, ids=lambda entry: entry["event"])
def test_the_date_is_the_month_of_the_arxiv_id(entry):
    year, month, _ = re.fullmatch(r"(\d\d)(\d\d)\.(\d{4,5})", entry["arxiv"]).groups()
    assert str(entry["date"]) == f"20{year}-{month}"


@pytest.mark.parametrize("entry", RAW, ids=lambda entry: entry["event"])
def test_every_entry_has_one_source(entry):
    assert sum(bool(entry.get(name)) for name in ("arxiv", "doi", "reference")) == 1
    if "doi" in entry:
        assert re.fullmatch(r"10\.\d{4,9}/\S+", entry["doi"])


def test_it_reaches_from_markov_to_this_decade():
    events = load_timeline()
    assert len(events) == len(RAW) >= 40
    assert events[0].who == "A. A. Markov" and events[0].date == "1906"
    assert int(events[-1].date[:4]) >= 2025
    names = [event.event for event in events]
    for needed in ("Information theory", "Hopfield network", "LSTM", "Transformer", "BERT",
                   "GPT-3", "The term foundation model", "ModernBERT"):
        assert needed in names


def test_the_dates_that_the_sources_get_wrong():
    dates = {event.event: event.date for event in load_timeline()}
    assert dates["LLaMA"] == "2023-02"  # not January
    assert dates["Mistral 7B"] == "2023-10"  # not March
    assert dates["Transformer"] == "2017-06"  # not December
    assert dates["The proposal that names artificial intelligence"] == "1955-08"  # not 1956


def test_the_figure_and_the_table_hold_every_event():
    events = load_timeline()
    table = timeline_table(events)
    assert list(table["event"]) == [event.event for event in events]
    assert table["source"].str.len().min() > 5
    svg = timeline_figure(events, alt="The events by year.")._repr_html_()
    assert all(f">{event.event}, {event.date[:4]}<" in svg for event in events)


def test_a_year_without_a_month_lies_in_its_middle():
    event = Event("1906", "e", "w", "i", "t", reference="r")
    assert event.year == 1906.5
    assert Event("2017-06", "e", "w", "i", "t", arxiv="1706.03762").year == pytest.approx(
        2017 + 5.5 / 12
    )


def write(tmp_path, *entries):
    path = tmp_path / "timeline.yml"
    path.write_text(yaml.safe_dump(list(entries)))
    return path


@pytest.mark.parametrize(
    "change, message",
    [
        ({"date": "2017-12"}, "'Transformer'.*date says 2017-12.*2017-06"),
        ({"date": "2017-13"}, "not YYYY"),
        ({"date": "June 2017"}, "not YYYY"),
        ({"arxiv": "cs/0112017"}, "not YYMM"),
        ({"arxiv": "1713.03762"}, "not YYMM"),
        ({"doi": "10.1/x"}, "one of arxiv, doi and reference, not 2"),
        ({"arxiv": ""}, "not 0"),
        ({"idea": " "}, "'idea' is missing"),
        ({"paper": "x"}, "unknown field 'paper'"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path, change, message):
    with pytest.raises(TimelineError, match=message):
        load_timeline(write(tmp_path, GOOD | change))


def test_the_good_entry_is_accepted(tmp_path):
    assert load_timeline(write(tmp_path, GOOD))[0].source == "arXiv:1706.03762"


def test_order_and_duplicates_are_checked(tmp_path):
    later = GOOD | {"date": "2018-10", "event": "BERT", "arxiv": "1810.04805"}
    with pytest.raises(TimelineError, match="'Transformer'.*after.*'BERT'"):
        load_timeline(write(tmp_path, later, GOOD))
    with pytest.raises(TimelineError, match="listed twice"):
        load_timeline(write(tmp_path, GOOD, GOOD))


@pytest.mark.parametrize("content", ["[]", "just words", "- 3", "", "- {", "- date: 2020-13-45"])
def test_a_file_that_is_no_list_of_entries_is_refused(tmp_path, content):
    path = tmp_path / "timeline.yml"
    path.write_text(content)
    with pytest.raises(TimelineError, match="timeline.yml"):
        load_timeline(path)
