"""Phrases that are put together into annotated sentences.

A phrase is a word with its dependents before and after it: that is a dependency tree,
so whoever builds a sentence has analysed it. Writing the tree down from left to right
gives the words, the heads and the relations.

The analysis is that of Universal Dependencies for English: the content word is the
head, auxiliaries and prepositions depend on it.

Source: de Marneffe, Manning, Nivre and Zeman 2021, "Universal Dependencies".
"""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Sentence:
    """One sentence and its gold analysis; position i of each tuple is about token i.

    tokens: the words and the final mark, in lower case but for names;
    lemmas: their dictionary forms; upos: their parts of speech;
    heads: the number of the token that each depends on, counted from 1; 0 is the root;
    deprels: the relation to that head;
    coreference: one tuple for each person that is mentioned again by a pronoun, with
    the positions, counted from 0, of the head words of the mentions.

    Source: the CoNLL-U format of Universal Dependencies, universaldependencies.org.
    Taught in: chapter 3, section "Sentences that a grammar wrote".
    """

    tokens: tuple[str, ...]
    lemmas: tuple[str, ...]
    upos: tuple[str, ...]
    heads: tuple[int, ...]
    deprels: tuple[str, ...]
    coreference: tuple[tuple[int, ...], ...] = ()

    @property
    def text(self):
        """As it is printed: a capital first, marks and endings at their words."""
        joined = " ".join(self.tokens)
        for ending in (" .", " ?", " ,", " 's", " n't", " '"):
            if ending in joined:
                joined = joined.replace(ending, ending[1:])
        joined = joined.replace(" can not ", " cannot ")  # one word, two tokens
        return joined[0].upper() + joined[1:]


# -------------------------------------------------------------------- phrases
class Phrase:
    """A word and its dependents: (relation, phrase) pairs, before it and after it.

    `number` ("sg" or "pl") and `gender` ("m", "f" or None) are what agrees with it;
    `entity` is the same for all mentions of one person or thing.
    A phrase does not change once it is made, so that two sentences may share it.
    """

    __slots__ = (
        "after", "before", "entity", "form", "gender", "lemma", "number", "upos",
    )  # fmt: skip

    def __init__(self, form, upos, lemma=None, before=(), after=(), *, number="sg",
                 gender=None, entity=None):  # fmt: skip
        self.form, self.upos, self.lemma = form, upos, lemma or form
        self.before, self.after = before, after
        self.number, self.gender, self.entity = number, gender, entity

    def extended(self, before=(), after=(), entity=None):
        """The same phrase with more dependents around those that it has."""
        return Phrase(
            self.form, self.upos, self.lemma, (*before, *self.before),
            (*self.after, *after), number=self.number, gender=self.gender,
            entity=entity or self.entity,
        )  # fmt: skip


# A question word may stand far from the verb that it belongs to: the verb keeps a gap,
# such as ("obj", GAP), and the word is its ("filler", phrase).
GAP = None

VOWEL_SOUNDS = tuple("aeiou")
NOT_A_VOWEL = ("uni", "use", "eu", "one")
SILENT_H = ("honest", "hour", "heir", "honor")


def sentence(phrase, mark="."):
    """Write the tree down: the phrase is the root, the mark hangs on it."""
    rows, links, places = [], [], {}
    root = _write(phrase, rows, links, places)
    heads, deprels = [0] * len(rows), ["root"] * len(rows)
    for position, relation, head in links:
        if relation == "filler":
            relation, head = places["gap"]
        heads[position], deprels[position] = head + 1, relation
    tokens, lemmas, upos = map(list, zip(*rows))
    for i, form in enumerate(tokens):
        if form == "a" and _starts_with_vowel(tokens[i + 1]):
            tokens[i] = "an"
    places.pop("gap", None)
    clusters = tuple(tuple(found) for found in places.values() if len(found) > 1)
    return Sentence(
        (*tokens, mark), (*lemmas, mark), (*upos, "PUNCT"), (*heads, root + 1),
        (*deprels, "punct"), clusters,
    )  # fmt: skip


def _write(phrase, rows, links, places):
    """Append the words of the phrase to rows; return the position of its head."""
    waiting = [
        (_write(dependent, rows, links, places), relation)
        for relation, dependent in phrase.before
    ]
    here = len(rows)
    rows.append((phrase.form, phrase.lemma, phrase.upos))
    for position, relation in waiting:
        links.append((position, relation, here))
    if phrase.entity is not None:
        places.setdefault(phrase.entity, []).append(here)
    for relation, dependent in phrase.after:
        if dependent is GAP:
            places["gap"] = (relation, here)
        else:
            links.append((_write(dependent, rows, links, places), relation, here))
    return here


def _starts_with_vowel(word):
    return word.startswith(SILENT_H) or (
        word.startswith(VOWEL_SOUNDS) and not word.startswith(NOT_A_VOWEL)
    )


# ---------------------------------------------------------------- small words
NOT = ("advmod", Phrase("not", "PART"))
NT = ("advmod", Phrase("n't", "PART", "not"))
TO = ("mark", Phrase("to", "PART"))
THAT = ("mark", Phrase("that", "SCONJ"))
THERE = ("expl", Phrase("there", "PRON"))
IT = ("expl", Phrase("it", "PRON"))
AND = ("cc", Phrase("and", "CCONJ"))
POSSESSIVE = ("case", Phrase("'s", "PART"))
BARE_POSSESSIVE = ("case", Phrase("'", "PART", "'s"))
ONLY = ("advmod", Phrase("only", "ADV"))
EVER = ("advmod", Phrase("ever", "ADV"))
WHO = Phrase("who", "PRON")
WHAT = Phrase("what", "PRON")
WHOSE = Phrase("whose", "PRON")
THAT_PRONOUN = Phrase("that", "PRON")

DETERMINERS = {
    form: ("det", Phrase(form, "DET", lemma))
    for form, lemma in [
        ("the", "the"), ("a", "a"), ("this", "this"), ("these", "this"),
        ("that", "that"), ("those", "that"), ("every", "every"), ("each", "each"),
        ("some", "some"), ("no", "no"), ("all", "all"), ("both", "both"),
        ("which", "which"),
    ]
} | {
    form: ("amod", Phrase(form, "ADJ")) for form in ("many", "several", "few", "most")
} | {
    form: ("nummod", Phrase(form, "NUM")) for form in ("two", "three", "four")
}  # fmt: skip

# (case, number, gender) → form; in the plural the gender is None.
PRONOUNS = {
    ("nom", "sg", "m"): "he", ("nom", "sg", "f"): "she", ("nom", "pl", None): "they",
    ("acc", "sg", "m"): "him", ("acc", "sg", "f"): "her", ("acc", "pl", None): "them",
    ("gen", "sg", "m"): "his", ("gen", "sg", "f"): "her", ("gen", "pl", None): "their",
    ("self", "sg", "m"): "himself", ("self", "sg", "f"): "herself",
    ("self", "pl", None): "themselves",
}  # fmt: skip
PRONOUN_LEMMAS = {"him": "he", "them": "they"}


def pronoun(case, number, gender, entity=None):
    """A pronoun of the third person; case is "nom", "acc", "gen" or "self"."""
    gender = gender if number == "sg" else None
    form = PRONOUNS[case, number, gender]
    lemma = "she" if (form, case) == ("her", "acc") else PRONOUN_LEMMAS.get(form, form)
    return Phrase(form, "PRON", lemma, number=number, gender=gender, entity=entity)


def adjective(form, *before):
    return Phrase(form, "ADJ", before=before)


def adverb(form):
    return Phrase(form, "ADV")


def prepositional(preposition, phrase):
    """ "in" + "the garden": the noun is the head, the preposition its case."""
    return phrase.extended([("case", Phrase(preposition, "ADP"))])


def coordinated(first, second):
    """ "the nurse and the doctor": plural, the first is the head."""
    joined = first.extended(after=[("conj", second.extended([AND]))])
    joined.number = "pl"
    return joined


def participle(verb):
    """ "broken" in "the broken vase"."""
    return Phrase(verb.participle, "VERB", verb.lemma)


# ---------------------------------------------------------------------- verbs
class Mood(NamedTuple):
    """What the auxiliaries say: tense, modal verb, perfect, progressive."""

    past: bool = False
    modal: str = ""
    perfect: bool = False
    progressive: bool = False


PRESENT, PAST = Mood(), Mood(past=True)
HAS, HAD = Mood(perfect=True), Mood(past=True, perfect=True)
IS_DOING = Mood(progressive=True)
WAS_DOING = Mood(past=True, progressive=True)
MODALS = tuple(
    Mood(modal=modal)
    for modal in ("will", "can", "could", "should", "might", "must", "would", "may")
)

BE = {"base": "be", "participle": "been", "gerund": "being"}
FINITE = {  # (lemma, past): (singular, plural)
    ("be", False): ("is", "are"), ("be", True): ("was", "were"),
    ("have", False): ("has", "have"), ("have", True): ("had", "had"),
    ("do", False): ("does", "do"), ("do", True): ("did", "did"),
}  # fmt: skip
NO_CONTRACTION = ("may", "might")
CONTRACTED = {"can": "ca", "will": "wo"}


def verb_forms(verb, mood, number, *, passive=False, support=False):
    """The auxiliaries, as (relation, phrase) pairs, and the form of the verb itself.

    verb: a `Verb`, or None for "be" before a predicate (the last pair is the copula);
    number: what the finite verb agrees with; support: "do" where there is no auxiliary.
    """
    chain = [("aux", mood.modal)] if mood.modal else []
    chain += [("aux", "have")] if mood.perfect else []
    chain += [("aux", "be")] if mood.progressive else []
    if verb is None:
        chain.append(("cop", "be"))
    elif passive:
        chain.append(("aux:pass", "be"))
    elif support and not chain:
        chain.append(("aux", "do"))
    auxiliaries, slot = [], "finite"
    for relation, lemma in chain:
        if lemma == mood.modal:
            form = lemma
        elif slot == "finite":
            form = _finite(lemma, mood, number)
        else:  # only "have" and "be" follow another auxiliary
            form = BE[slot] if lemma == "be" else lemma
        auxiliaries.append((relation, Phrase(form, "AUX", lemma)))
        slot = _following(relation, lemma)
    return auxiliaries, verb and verb_form(verb, slot, mood, number)


def _finite(lemma, mood, number):
    return FINITE[lemma, mood.past][number == "pl"]


def _following(relation, lemma):
    """The form of the verb that follows this auxiliary."""
    if lemma == "have" or relation == "aux:pass":
        return "participle"
    return "gerund" if lemma == "be" else "base"


def verb_form(verb, slot, mood=PRESENT, number="sg"):
    if slot == "finite":
        if mood.past:
            return verb.past
        return verb.third if number == "sg" else verb.lemma
    return verb.lemma if slot == "base" else getattr(verb, slot)


# -------------------------------------------------------------------- clauses
def clause(subject, verb, mood=PAST, objects=(), *, front=(), inverted=False,
           negated="", before_verb=(), passive=False, number=None, form=None,
           ):  # fmt: skip
    """A finite clause; its head is the verb, or the predicate.

    subject: a phrase, or a (relation, phrase) pair such as `THERE`;
    verb: a `Verb`, or a phrase that is a predicate and takes the copula;
    objects: (relation, phrase) pairs that follow; front: pairs before everything;
    inverted: the first auxiliary comes before the subject, as in questions;
    negated: "not" or, in statements, "n't";
    before_verb: pairs between the auxiliaries and the verb;
    number: what the verb agrees with, the subject unless told (which is an error);
    form: the form of the main verb, where it is not the right one (an error).
    """
    if not isinstance(subject, tuple):
        subject = ("nsubj:pass" if passive else "nsubj", subject)
    number = number or subject[1].number
    predicate = verb if isinstance(verb, Phrase) else None
    auxiliaries, right_form = verb_forms(
        None if predicate else verb, mood, number,
        passive=passive, support=inverted or negated,
    )  # fmt: skip
    first, rest = auxiliaries[:1], auxiliaries[1:]
    if negated:
        first, negation = _negated(first[0], negated)
        rest = [negation, *rest]
    start = [*first, subject] if inverted else [subject, *first]
    before = (*front, *start, *rest, *before_verb)
    if predicate:
        return predicate.extended(before, objects)
    return Phrase(form or right_form, "VERB", verb.lemma, before, tuple(objects))


def _negated(auxiliary, negation):
    """The first auxiliary, as it is before "not" or "n't", and that word."""
    relation, first = auxiliary
    if negation == "not" or first.form in NO_CONTRACTION:
        return [auxiliary], NOT
    short = CONTRACTED.get(first.form, first.form)
    return [(relation, Phrase(short, "AUX", first.lemma))], NT


def there_is(thing, mood=PAST, objects=()):
    """ "there was a cat": UD takes this "be" as a verb, and the cat as its subject."""
    form = _finite("be", mood, thing.number)
    after = (("nsubj", thing), *objects)
    return Phrase(form, "VERB", "be", (THERE,), after)


def there_to_be(thing, objects=()):
    """ "there to be a cat", after a verb such as "expect"."""
    return Phrase("be", "VERB", before=(THERE, TO), after=(("nsubj", thing), *objects))


def infinitive(verb, objects=()):
    """ "to buy the car"."""
    return Phrase(verb.lemma, "VERB", before=(TO,), after=tuple(objects))


def gerund(verb, objects=(), mark=None):
    """ "buying the car", "before buying the car"."""
    before = (("mark", Phrase(mark, "SCONJ")),) if mark else ()
    return Phrase(verb.gerund, "VERB", verb.lemma, before, tuple(objects))


def that(finite_clause):
    """The clause with its "that"."""
    return finite_clause.extended([THAT])


def subordinate(mark, finite_clause):
    """The clause with "because", "while", "after" ..."""
    return finite_clause.extended([("mark", Phrase(mark, "SCONJ"))])
