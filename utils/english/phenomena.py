"""The phenomena: one short function for each, which makes a good and a bad clause.

The names, the fields and what each pair contrasts are BLiMP's; the grammar, the words
and the sentences are the course's own. Where a phenomenon has two directions (singular
and plural, masculine and feminine) both occur, so that no word gives the answer away.

Source: Warstadt et al. 2020, "BLiMP: The Benchmark of Linguistic Minimal Pairs for
English", TACL 8, table 1 and appendix.
"""

from dataclasses import dataclass
from typing import Callable

from utils.english.drawing import other
from utils.english.grammar import (
    AND, DETERMINERS, EVER, GAP, HAD, HAS, IS_DOING, IT, MODALS, ONLY, PAST, PRESENT,
    THAT, THAT_PRONOUN, THERE, TO, WAS_DOING, WHAT, WHO, WHOSE, Mood, Phrase, Sentence,
    adjective, adverb, clause, coordinated, gerund, infinitive, participle,
    prepositional, pronoun, sentence, that, there_is, there_to_be,
)  # fmt: skip
from utils.english.lexicon import NUMBERS, is_irregular
from utils.english.speaker import ARTIFACTS, OBJECTS, PEOPLE


@dataclass(frozen=True)
class Phenomenon:
    """What a minimal pair is about: BLiMP's name and field, and one plain line.

    Source: Warstadt et al. 2020, table 1.
    Taught in: chapter 3, section "Sentences that a grammar wrote".
    """

    name: str
    field: str
    description: str


@dataclass(frozen=True)
class MinimalPair:
    """Two sentences that differ in one point, which makes the second unacceptable.

    Source: Warstadt et al. 2020, section 3.
    Taught in: chapter 3, section "Sentences that a grammar wrote".
    """

    good: Sentence
    bad: Sentence
    phenomenon: str


PHENOMENA: dict[str, Phenomenon] = {}
_BUILDERS: dict[str, tuple[Callable, str]] = {}


def phenomenon(field, description, marks=".."):
    """Register a function that makes a good and a bad clause; marks end the two."""

    def register(function):
        name = function.__name__
        PHENOMENA[name] = Phenomenon(name, field, description)
        _BUILDERS[name] = function, marks
        return function

    return register


def minimal_pair(name, speaker):
    """One pair of the phenomenon, of words that the speaker picks."""
    function, marks = _BUILDERS[name]
    speaker.begin()
    good, bad = function(speaker)
    return MinimalPair(sentence(good, marks[0]), sentence(bad, marks[1]), name)


# Tenses whose verb shows the number of its subject, and tenses whose verb does not.
SHOWS_NUMBER = (PRESENT, PRESENT, HAS, HAS, IS_DOING, WAS_DOING, WAS_DOING)
HIDES_NUMBER = (PAST, PAST, PAST, HAD, *MODALS[:6])
WITH_AUXILIARY = (
    HAS, HAS, HAD, *(Mood(modal=m) for m in ("will", "would", "could", "should")),
)  # fmt: skip
QUESTIONS = (PAST, PAST, PAST, HAD, Mood(modal="will"), Mood(modal="should"))
WISHED = (PAST, PAST, PAST, HAS, HAD, Mood(modal="might"), Mood(modal="would"))


def finished(s, mood, *clauses, embed=0.1, **options):
    """The clauses with the same adjuncts, perhaps in the same "Mary said that ..."."""
    tail = s.tail(mood, **options)
    return s.embedded(*(c.extended(after=tail) for c in clauses), rate=embed)


# --------------------------------------------------------------- anaphor agreement
@phenomenon("anaphor_agreement", "A reflexive has the gender of the noun it refers to.")
def anaphor_gender_agreement(s):
    gender, verb = s.gender(), s.verb("reflexive")
    wrong = "f" if gender == "m" else "m"
    subject, mood = s.gendered(gender, entity="x"), s.mood(verb)
    return finished(s, mood, *(
        clause(subject, verb, mood, [("obj", pronoun("self", "sg", g, "x"))])
        for g in (gender, wrong)
    ), verb=verb)  # fmt: skip


@phenomenon("anaphor_agreement", "A reflexive has the number of the noun it refers to.")
def anaphor_number_agreement(s):
    gender, number, verb = s.gender(), s.number(), s.verb("reflexive")
    subject, mood = s.gendered(gender, number, "x", name_rate=0.2), s.mood(verb)
    return finished(s, mood, *(
        clause(subject, verb, mood, [("obj", pronoun("self", n, gender, "x"))])
        for n in (number, other(number))
    ), verb=verb)  # fmt: skip


# -------------------------------------------------------------- argument structure
@phenomenon("argument_structure", "Only a transitive verb takes an object.")
def transitive(s):
    verb, thing = s.transitive("social", "handle", "publish", "eat", "get")
    subject, mood = s.someone(), s.mood(verb)
    return finished(s, mood, *(
        clause(subject, v, mood, [("obj", thing)])
        for v in (verb, s.verb("intransitive"))
    ), verb=verb)  # fmt: skip


@phenomenon(
    "argument_structure", "A strictly transitive verb does not lack its object."
)
def intransitive(s):
    verb = s.verb("social", "handle")
    subject, mood = s.someone(), s.mood(verb)
    return finished(s, mood, *(
        clause(subject, v, mood) for v in (s.verb("intransitive"), verb)
    ), verb=verb, rate=0.8, embed=0.4)  # fmt: skip


@phenomenon(
    "argument_structure", "Only a transitive verb has a passive, here with 'by'."
)
def passive_1(s):
    verb, agent = s.verb("social", "reflexive"), s.any(*PEOPLE)
    by = [("obl:agent", prepositional("by", agent))]
    subject, mood = s.someone(), s.mood(moods=(PAST, PAST, HAS, HAD, *MODALS))
    return finished(s, mood, *(
        clause(subject, v, mood, by, passive=True)
        for v in (verb, s.verb("intransitive"))
    ), verb=verb)  # fmt: skip


@phenomenon(
    "argument_structure", "Only a transitive verb has a passive, here without 'by'."
)
def passive_2(s):
    verb = s.verb("social", "reflexive")
    subject, mood = s.someone(), s.mood(moods=(PAST, PAST, HAS, HAD, *MODALS))
    return finished(s, mood, *(
        clause(subject, v, mood, passive=True) for v in (verb, s.verb("intransitive"))
    ), verb=verb, rate=0.8, embed=0.4)  # fmt: skip


CHANGES = {"break": ("fragile",), "open": ("opening",), "move": ("vehicle",)}


@phenomenon("argument_structure", "Things break by themselves, but do not destroy.")
def inchoative(s):
    frame = s.pick(tuple(CHANGES))
    verb, thing = s.verb(frame), s.any(*CHANGES[frame])
    # No "can": many things "can destroy", whatever it is.
    wrong, mood = s.verb("handle"), s.pick((*HIDES_NUMBER[:4], HAS, Mood(modal="will")))
    return finished(s, mood, *(
        clause(thing, v, mood) for v in (verb, wrong)
    ), verb=verb, rate=0.8, embed=0.4)  # fmt: skip


@phenomenon("argument_structure", "One can break a thing, but not arrive it.")
def causative(s):
    frame = s.pick(tuple(CHANGES))
    verb, thing = s.verb(frame), s.any(*CHANGES[frame])
    subject, mood = s.someone(), s.mood(verb)
    return finished(s, mood, *(
        clause(subject, v, mood, [("obj", thing)])
        for v in (verb, s.verb("intransitive"))
    ), verb=verb)  # fmt: skip


@phenomenon(
    "argument_structure", "Verbs of feeling like 'trust' need someone as subject."
)
def animate_subject_trans(s):
    verb, person = s.verb("minded"), s.someone()
    number, mood = s.number(), s.mood(verb)
    subjects = s.the(*PEOPLE, number=number), s.the(*ARTIFACTS, number=number)
    return finished(s, mood, *(
        clause(subject, verb, mood, [("obj", person)]) for subject in subjects
    ), verb=verb)  # fmt: skip


@phenomenon(
    "argument_structure", "Verbs of feeling like 'trust' need someone after 'by'."
)
def animate_subject_passive(s):
    verb, number, subject = s.verb("minded"), s.number(), s.someone()
    mood = s.mood(moods=(PAST, PAST, HAS, HAD, *MODALS))
    agents = s.the(*PEOPLE, number=number), s.the(*ARTIFACTS, number=number)
    return finished(s, mood, *(
        clause(subject, verb, mood, [("obl:agent", prepositional("by", agent))],
               passive=True)
        for agent in agents
    ), verb=verb)  # fmt: skip


# -------------------------------------------------------------------------- binding
def rival(s, gender, number):
    """Another gender and number, that a different reflexive pronoun agrees with."""
    if s.chance(0.5):
        return "f" if gender == "m" else "m", "sg"
    return gender, other(number)


@phenomenon("binding", "A reflexive refers to the subject, not to a noun inside it.")
def principle_A_c_command(s):
    gender, number = s.gender(), s.number()
    others = rival(s, gender, number)
    about = "acl:relcl", clause(
        ("nsubj", s.pick((WHO, THAT_PRONOUN))), s.verb("social"), PAST,
        [("obj", s.gendered(*others))], number=number,
    )  # fmt: skip
    kind = "male" if gender == "m" else "female"
    subject = s.the(kind, number=number, after=[about], entity="x")
    verb, mood = s.verb("reflexive"), s.mood(moods=HIDES_NUMBER)
    return finished(s, mood, *(
        clause(subject, verb, mood, [("obj", pronoun("self", n, g, "x"))])
        for g, n in ((gender, number), others)
    ), verb=verb, rate=0.3, embed=0.1)  # fmt: skip


@phenomenon("binding", "A reflexive is no subject of a finite verb: 'himself leaving'.")
def principle_A_case_2(s):
    gender, number = s.gender(), s.number()
    subject = s.gendered(gender, number, "x")
    verb = s.verb("imagine")
    # No verb with two objects: one can imagine oneself "served the cake".
    done, thing = s.transitive("social", "reflexive", "handle")
    itself = "obj", pronoun("self", number, gender, "x")
    mood = s.mood(verb, (PAST, PAST, HAS, HAD, *MODALS[1:5]))
    right = gerund(done, [("obj", thing)])
    wrong = Phrase(done.past, "VERB", done.lemma, (), right.after)
    return finished(s, PAST, *(
        clause(subject, verb, mood, [itself, ("xcomp", event)])
        for event in (right, wrong)
    ), rate=0.2 * mood.past, embed=0.1)  # fmt: skip


@phenomenon("binding", "A reflexive refers to the subject of its own clause.")
def principle_A_domain_2(s):
    gender = s.gender()
    wrong = "f" if gender == "m" else "m"
    far, near = s.gendered(wrong), s.gendered(gender, entity="x")
    verb, mood = s.verb("reflexive"), s.mood(moods=HIDES_NUMBER)
    said = s.verb("believe")
    return finished(s, mood, *(
        clause(far, said, PAST, [("ccomp", that(clause(
            near, verb, mood, [("obj", pronoun("self", "sg", g, "x"))]
        )))])
        for g in (gender, wrong)
    ), verb=verb, rate=0.15, embed=0)  # fmt: skip


@phenomenon("binding", "A reflexive cannot reach the subject of the clause above.")
def principle_A_domain_3(s):
    gender, number = s.gender(), s.number()
    far = s.gendered("f" if gender == "m" else "m")
    near = s.gendered(gender, number, "x")
    verb, said = s.verb("reflexive"), s.verb("believe")
    mood = s.mood(moods=HIDES_NUMBER)
    itself = [("obj", pronoun("self", number, gender, "x"))]
    return finished(s, mood, *(
        clause(first, said, PAST, [("ccomp", that(clause(second, verb, mood, itself)))])
        for first, second in ((far, near), (near, far))
    ), verb=verb, rate=0.15, embed=0)  # fmt: skip


# ------------------------------------------------------------------- control, raising
def quantified(s, *kinds):
    """What "there is" can introduce: "a nurse", "two old lamps"."""
    number = s.number()
    words = ("some", "many", "several", numeral(s)) if number == "pl" else ("a",)
    return s.the(*kinds, number=number, determiner=s.pick(words))


def numeral(s):
    """ "two" before a noun."""
    return "nummod", Phrase(s.pick(NUMBERS), "NUM")


@phenomenon("control_raising", "One can expect 'there to be', but not persuade it.")
def existential_there_object_raising(s):
    subject, thing = s.someone(), quantified(s, "person", *ARTIFACTS, "animal")
    below = there_to_be(thing, [s.place()] if s.chance(0.5) else ())
    mood = s.pick(WISHED)
    return [
        clause(subject, verb, mood, [("ccomp", below)])
        for verb in (s.verb("raise_object"), s.verb("control_object"))
    ]


@phenomenon("control_raising", "'There' can seem to be something, but cannot try to.")
def existential_there_subject_raising(s):
    thing = quantified(s, "person", *ARTIFACTS, "animal")
    mood = s.pick((PAST, PAST, PRESENT))
    be = Phrase("be", "VERB", before=(TO,), after=(("nsubj", thing), s.place()))
    return s.embedded(*(
        clause(THERE, verb, mood, [("xcomp", be)], number=thing.number)
        for verb in (s.verb("raise"), s.verb("control"))
    ), rate=0.2)  # fmt: skip


@phenomenon(
    "control_raising", "One can want 'it to be obvious that', but not teach it."
)
def expletive_it_object_raising(s):
    event = that(clause(*s.doing(s.pick((PAST, HAD, HAS)))))
    obvious = adjective(s.pick(("obvious", "evident", "apparent")))
    to_be = obvious.extended([IT, TO, ("cop", Phrase("be", "AUX"))], [("csubj", event)])
    subject, mood = s.someone(), s.pick(WISHED)
    return [
        clause(subject, verb, mood, [("ccomp", to_be)])
        for verb in (s.verb("raise_object"), s.verb("control_object"))
    ]


TOUGH = ("hard", "easy", "tough", "difficult", "impossible")
RAISING = ("likely", "certain", "sure", "unlikely", "bound")


@phenomenon(
    "control_raising", "'Hard to talk to' leaves a gap; 'likely to talk to' does not."
)
def tough_vs_raising_1(s):
    verb, subject = s.verb("adposition"), s.someone()
    gap = infinitive(verb, [("obl", Phrase(verb.needs, "ADP"))])
    mood = s.pick((PAST, PAST, PRESENT, HAS))
    return finished(s, PAST, *(
        clause(subject, adjective(word), mood, [(relation, gap)])
        for word, relation in ((s.pick(TOUGH), "ccomp"), (s.pick(RAISING), "xcomp"))
    ), rate=0.3, timeless=True, embed=0.4)  # fmt: skip


@phenomenon(
    "control_raising", "'Likely to talk to him' has no gap; 'hard to talk to' has one."
)
def tough_vs_raising_2(s):
    verb, subject = s.verb("adposition"), s.someone()
    whole = infinitive(verb, [("obl", prepositional(verb.needs, s.someone()))])
    mood = s.pick((PAST, PAST, PRESENT))
    return finished(s, PAST, *(
        clause(subject, adjective(word), mood, [(relation, whole)])
        for word, relation in ((s.pick(RAISING), "xcomp"), (s.pick(TOUGH), "ccomp"))
    ), rate=0, embed=0.25)  # fmt: skip


# ---------------------------------------------------------- determiner-noun agreement
POINTING = {"sg": ("this", "that"), "pl": ("these", "those")}
# A frame of verbs whose objects are of this kind, none of which takes a that-clause.
WHAT_ONE_DOES = {
    "thing": "get", "fragile": "get", "text": "publish", "food": "eat",
    "clothes": "clothe", "vehicle": "drive",
    "person": "reflexive", "male": "reflexive", "female": "reflexive",
}  # fmt: skip


def pointing(s, noun, change, describe=0.0):
    """Clauses with "these books" and with "these book" or "this books"."""
    number = s.number()
    words = {n: s.pick(POINTING[n]) for n in ("sg", "pl")}
    described = (s.adjective(noun),) if s.chance(describe) else ()
    right = s.phrase(noun, number, words[number], described)
    if change == "noun":
        wrong = s.phrase(noun, other(number), words[number], described)
    else:
        wrong = s.phrase(noun, number, words[other(number)], described)
    frame = WHAT_ONE_DOES[noun.kind]
    verb = s.verb(frame)
    passive = frame != "reflexive" and s.chance(0.3)
    mood = s.pick((HAD, *MODALS)) if passive else s.mood(verb, HIDES_NUMBER)
    subject = s.someone()
    if passive:
        by = [("obl:agent", prepositional("by", subject))] if s.chance(0.5) else []
        return finished(s, mood, *(
            clause(thing, verb, mood, by, passive=True) for thing in (right, wrong)
        ), verb=verb, embed=0)  # fmt: skip
    return finished(s, mood, *(
        clause(subject, verb, mood, [("obj", thing)]) for thing in (right, wrong)
    ), verb=verb)  # fmt: skip


REGULAR_KINDS = ("thing", "fragile", "text", "food", "clothes", "vehicle", "person")


def regular_noun(s, *kinds):
    return s.noun(*kinds, fits=lambda noun: not is_irregular(noun))


def irregular_noun(s, *kinds):
    return s.noun(*kinds, fits=is_irregular)


@phenomenon(
    "determiner_noun_agreement", "'These books', not 'these book': the noun changes."
)
def determiner_noun_agreement_1(s):
    return pointing(s, regular_noun(s, *REGULAR_KINDS), "noun")


@phenomenon(
    "determiner_noun_agreement", "'These books', not 'this books': 'this' changes."
)
def determiner_noun_agreement_2(s):
    return pointing(s, regular_noun(s, *REGULAR_KINDS), "determiner")


@phenomenon("determiner_noun_agreement", "'These wolves', not 'these wolf'.")
def determiner_noun_agreement_irregular_1(s):
    kinds = ("thing", "text", "food", "clothes", "person", "male", "female")
    return pointing(s, irregular_noun(s, *kinds), "noun")


@phenomenon("determiner_noun_agreement", "'These old books', not 'these old book'.")
def determiner_noun_agreement_with_adjective_1(s):
    return pointing(s, regular_noun(s, *REGULAR_KINDS), "noun", describe=1)


# ------------------------------------------------------------------------- ellipsis
# Not for what is left without a noun: one can sell "several cheap", drive "two fast"
# and eat "many cold", where the word tells how.
TELLS_HOW = frozenset("old new cheap expensive fast fresh cold dirty".split())


def lasting(s, noun):
    """An adjective of the thing itself: "red", not "cold"."""
    while (found := s.adjective(noun)).form in TELLS_HOW:
        pass
    return found


def shopping(s):
    """A noun, a verb, and "Mary bought ... and John bought ..." of two objects."""
    noun = s.noun("thing", "fragile", "text", "food", "clothes", "vehicle")
    verb, first = s.verb(WHAT_ONE_DOES[noun.kind]), s.name()
    second = s.name()

    def clauses(bought, also_bought):
        also = clause(second, verb, PAST, [("obj", also_bought)]).extended([AND])
        return clause(first, verb, PAST, [("obj", bought), ("conj", also)])

    return noun, verb, clauses


def how_many(s):
    """ "two", "several": a (relation, phrase) pair that can also stand for its noun."""
    return numeral(s) if s.chance(0.6) else DETERMINERS[s.pick(("several", "many"))]


@phenomenon(
    "ellipsis", "'Two old cars ... and four' leaves a noun out; 'four old' cannot."
)
def ellipsis_n_bar_1(s):
    noun, verb, clauses = shopping(s)
    one, two, old = how_many(s), how_many(s), lasting(s, noun)
    good = clauses(s.phrase(noun, "pl", one, [old]), two[1])
    bad = clauses(s.phrase(noun, "pl", one), old.extended([two]))
    return finished(s, PAST, good, bad, verb=verb, rate=0.15, embed=0.05)


@phenomenon("ellipsis", "A noun cannot be left out after its adjective: 'four old'.")
def ellipsis_n_bar_2(s):
    noun, verb, clauses = shopping(s)
    one, two, old = how_many(s), how_many(s), lasting(s, noun)
    while (new := s.adjective(noun)).form == old.form:
        pass
    good = clauses(s.phrase(noun, "pl", one), s.phrase(noun, "pl", two, [old]))
    bad = clauses(s.phrase(noun, "pl", one, [new]), old.extended([two]))
    return finished(s, PAST, good, bad, verb=verb, rate=0.15, embed=0.05)


# ----------------------------------------------------------------------- filler-gap
def knowing(s):
    """ "John knew who/that Mary thanked ...": a question word, an object of the verb
    that cannot do without one, and the whole as a function of both ends of the clause.
    """
    frame = s.pick(("social", "handle"))
    verb, thing = s.transitive(frame)
    knower, know, subject = s.someone(), s.verb("know"), s.someone()
    mood = s.pick((PAST, PAST, HAD, HAS, *MODALS[2:4]))

    def known(first, objects=()):
        event = clause(subject, verb, mood, objects, front=[first])
        return clause(knower, know, PAST, [("ccomp", event)])

    return ("obj", WHO if frame == "social" else WHAT), ("obj", thing), known


@phenomenon("filler_gap_dependency", "'Who' needs a gap; without one it is 'that'.")
def wh_vs_that_no_gap(s):
    word, thing, known = knowing(s)
    return s.embedded(known(THAT, [thing]), known(word, [thing]), rate=0.05)


@phenomenon(
    "filler_gap_dependency", "A gap needs 'who' or 'what'; 'that' cannot fill it."
)
def wh_vs_that_with_gap(s):
    word, _, known = knowing(s)
    return s.embedded(known(word), known(THAT))


@phenomenon(
    "filler_gap_dependency", "'The vase that she took', not 'what she took the vase'."
)
def wh_questions_object_gap(s):
    noun, inner = s.noun(*ARTIFACTS), s.verb("handle", "get")
    thing = s.phrase(noun, s.number(), "the")
    taker, taken = s.someone(), s.pick((PAST, HAD, *MODALS[3:6]))
    gap = clause(taker, inner, taken, front=[("obj", THAT_PRONOUN)])
    filled = clause(taker, inner, taken, [("obj", thing)], front=[("obj", WHAT)])
    subject, verb = s.someone(), s.verb("both")
    while verb == inner:  # "discovered the key that Mary discovered"
        verb = s.verb("both")
    thing = thing.extended(after=[("acl:relcl", gap)])
    return s.embedded(
        clause(subject, verb, PAST, [("obj", thing)]),
        clause(subject, verb, PAST, [("ccomp", filled)]),
        rate=0.05,
    )


# ------------------------------------------------------------------- irregular forms
@phenomenon(
    "irregular_forms", "'Broke' is the past of 'break', 'broken' its participle."
)
def irregular_past_participle_verbs(s):
    verb = s.verb("irregular")
    thing, subject = s.the(*s.kinds("irregular", verb)), s.someone()
    mood, wrong = s.pick(((PAST, verb.participle), (HAS, verb.past), (HAD, verb.past)))
    return finished(s, mood, *(
        clause(subject, verb, mood, [("obj", thing)], form=form)
        for form in (None, wrong)
    ), verb=verb)  # fmt: skip


@phenomenon("irregular_forms", "'The broken vase', not 'the broke vase'.")
def irregular_past_participle_adjectives(s):
    how = s.verb("participle")
    noun, number, subject = s.noun(how.needs), s.number(), s.someone()
    right = participle(how)
    wrong = Phrase(how.past, "VERB", how.lemma)
    things = [s.phrase(noun, number, "the", [word]) for word in (right, wrong)]
    if s.chance(0.4):
        fine, mood = s.adjective(noun), s.pick((PAST, PRESENT))
        return s.embedded(*(clause(thing, fine, mood) for thing in things), rate=0.4)
    verb = s.verb(WHAT_ONE_DOES[noun.kind])
    mood = s.mood(verb)
    return finished(s, mood, *(
        clause(subject, verb, mood, [("obj", thing)]) for thing in things
    ))  # fmt: skip


# -------------------------------------------------------------------------- islands
def asked(s, subject, verb, word, objects, mood, after=()):
    """ "What did the nurse buy ...?", where `objects` hold the gap."""
    return clause(
        subject, verb, mood, (*objects, *after), front=[("filler", word)], inverted=True
    )


@phenomenon(
    "island_effects", "No question word comes out of 'before kissing ...'.", "??"
)
def adjunct_island(s):
    frame = s.pick(("social", "handle"))
    verb, other_verb = s.two(s.lexicon.verbs[frame])
    thing = s.the(*OBJECTS[frame])
    word, subject = WHO if frame == "social" else WHAT, s.someone()
    mood, when = s.pick(QUESTIONS), s.pick(("before", "after"))
    return [
        asked(s, subject, verb, word, [
            ("obj", first), ("advcl", gerund(other_verb, [("obj", second)], when))
        ], mood)
        for first, second in ((GAP, thing), (thing, GAP))
    ]  # fmt: skip


@phenomenon("island_effects", "No question word comes out of a relative clause.", "??")
def complex_NP_island(s):
    number, (inner, outer) = s.number(), s.two(s.lexicon.verbs["social"])
    noun, person, mood = s.noun("person"), s.someone(), s.pick(QUESTIONS)
    who = s.pick((WHO, THAT_PRONOUN))

    def lover(loved):
        loves = clause(("nsubj", who), inner, PAST, [("obj", loved)], number=number)
        return s.phrase(noun, number, "the", after=[("acl:relcl", loves)])

    return [
        asked(s, lover(person), outer, WHO, [("obj", GAP)], mood),
        asked(s, person, outer, WHO, [("obj", lover(GAP))], mood),
    ]


@phenomenon(
    "island_effects", "No question word comes out of one half of 'x and y'.", "??"
)
def coordinate_structure_constraint_object_extraction(s):
    verb, word = s.verb("social", "reflexive"), WHO
    first, second, mood = s.someone(), s.someone(), s.pick(QUESTIONS)
    halved = second.extended(after=[AND, ("conj", GAP)])
    after = s.tail(mood, verb, 0.5)
    return [
        asked(s, coordinated(first, second), verb, word, [("obj", GAP)], mood, after),
        asked(s, first, verb, word, [("obj", halved)], mood, after),
    ]


@phenomenon("island_effects", "'Whose car' moves as a whole, not 'whose' alone.", "??")
def left_branch_island_simple_question(s):
    frame = s.pick(("get", "handle", "publish", "clothe", "drive", "social"))
    verb, number, mood = s.verb(frame), s.number(), s.pick(QUESTIONS)
    noun, subject = s.noun(*s.kinds(frame, verb)), s.someone()
    relation, word = s.pick((("nmod:poss", WHOSE), DETERMINERS["which"]))
    whole = s.phrase(noun, number, (relation, word))
    left = s.phrase(noun, number, "", after=[(relation, GAP)])
    after = s.tail(mood, verb, 0.5)
    return [
        asked(s, subject, verb, whole, [("obj", GAP)], mood, after),
        asked(s, subject, verb, word, [("obj", left)], mood, after),
    ]


@phenomenon("island_effects", "No question word comes out of another question.", "??")
def wh_island(s):
    gender, frame = s.gender(), s.pick(("social", "handle"))
    subject, verb = s.gendered(gender, s.number(), "x"), s.verb("know")
    inner, mood = s.verb(frame), s.pick((PAST, HAD, *MODALS[3:5]))
    word = WHO if frame == "social" else WHAT
    they = pronoun("nom", subject.number, gender, "x")
    return [
        asked(s, subject, verb, word, [
            ("ccomp", clause(first, inner, mood, [("obj", GAP)]))
        ], PAST)
        for first in (they, WHO)
    ]  # fmt: skip


# -------------------------------------------------------------------- NPI licensing
SURELY = ("really", "certainly", "probably", "clearly", "often", "also")


def simple_event(s):
    """A verb and its objects, for sentences that are about something else."""
    if s.chance(0.45):
        return s.verb("intransitive"), []
    verb, thing = s.transitive("social", "reflexive", "handle", "publish", "eat")
    return verb, [("obj", thing)]


@phenomenon("npi_licensing", "'Ever' needs a negation such as 'not'.")
def sentential_negation_npi_licensor_present(s):
    verb, objects = simple_event(s)
    subject, mood = s.someone(), s.pick(WITH_AUXILIARY)
    good = clause(subject, verb, mood, objects, negated="not", before_verb=[EVER])
    surely = "advmod", adverb(s.pick(SURELY))
    bad = clause(subject, verb, mood, objects, before_verb=[surely, EVER])
    return finished(s, mood, good, bad, verb=verb, timeless=True)


@phenomenon(
    "npi_licensing", "'Not' must stand above 'ever', not inside another clause."
)
def sentential_negation_npi_scope(s):
    number, kind = s.number(), s.pick(PEOPLE)
    verb, objects = simple_event(s)
    mood, who = s.pick(WITH_AUXILIARY), s.pick((WHO, THAT_PRONOUN))
    inner, person = s.verb("social", "reflexive"), s.someone()
    noun, before = s.noun(kind), HAD if mood == HAD else HAS

    def said(inside, outside):
        about = clause(("nsubj", who), inner, before, [("obj", person)],
                       number=number, negated=inside)  # fmt: skip
        subject = s.phrase(noun, number, "the", after=[("acl:relcl", about)])
        return clause(subject, verb, mood, objects, negated=outside,
                      before_verb=[EVER])  # fmt: skip

    return said("", "not"), said("not", "")


@phenomenon(
    "npi_licensing", "'Ever' does not stand in a plain statement, 'often' does."
)
def npi_present_1(s):
    verb, objects = simple_event(s)
    subject, mood = s.someone(), s.pick((HAS, HAS, HAD))
    if s.chance(0.5):
        subject = subject.extended([("advmod", adverb("even"))])
    return finished(s, mood, *(
        clause(subject, verb, mood, objects, before_verb=[word])
        for word in (("advmod", adverb(s.pick(SURELY))), EVER)
    ), verb=verb, timeless=True)  # fmt: skip


@phenomenon("npi_licensing", "'Only Mary has ever ...', not 'even Mary has ever ...'.")
def only_npi_licensor_present(s):
    verb, objects = simple_event(s)
    subject, mood = s.someone(adjective_rate=0.1), s.pick(WITH_AUXILIARY)
    return finished(s, mood, *(
        clause(subject.extended([only]), verb, mood, objects, before_verb=[EVER])
        for only in (ONLY, ("advmod", adverb("even")))
    ), verb=verb, timeless=True)  # fmt: skip


@phenomenon(
    "npi_licensing", "'Only' must stand above 'ever', not inside another clause."
)
def only_npi_scope(s):
    number, noun, person = s.number(), s.noun(*PEOPLE), s.someone(adjective_rate=0)
    verb, objects = simple_event(s)
    inner, mood, who = s.verb("social", "reflexive"), s.pick(WITH_AUXILIARY), s.pick(
        (WHO, THAT_PRONOUN)
    )

    def said(inside, outside):
        about = clause(person.extended(inside), inner, PAST, front=[("obj", who)])
        subject = s.phrase(noun, number, "the", after=[("acl:relcl", about)])
        return clause(subject.extended(outside), verb, mood, objects,
                      before_verb=[EVER])  # fmt: skip

    return said((), [ONLY]), said([ONLY], ())


@phenomenon(
    "npi_licensing", "A question licenses 'ever', a plain statement does not.", "?."
)
def matrix_question_npi_licensor_present(s):
    verb, objects = simple_event(s)
    subject, mood = s.someone(), s.pick(WITH_AUXILIARY)
    objects = [*objects, *s.tail(mood, verb, timeless=True)]
    return [
        clause(subject, verb, mood, objects, inverted=asks, before_verb=[EVER])
        for asks in (True, False)
    ]


# ------------------------------------------------------------------------ quantifiers
def more_than(number):
    """ "more than four"."""
    than = ("fixed", Phrase("than", "ADP"))
    more = "advmod", Phrase("more", "ADJ", after=[than])
    return "nummod", Phrase(number, "NUM", before=[more])


def at_least(s, number):
    """ "at least four", "at most four"."""
    least = "nmod", prepositional("at", adjective(s.pick(("least", "least", "most"))))
    return "nummod", Phrase(number, "NUM", before=[least])


def counted(s):
    """A clause as a function of its subject's and its object's determiner."""
    frame = s.pick(("get", "handle", "publish", "eat", "clothe"))
    verb, mood = s.verb(frame), s.pick((PAST, HAS, HAD))
    who, what = s.noun(*PEOPLE), s.noun(*s.kinds(frame, verb))
    tail = s.tail(mood, verb, 0.3)

    def said(subject, thing):
        return clause(
            s.phrase(who, "sg", subject), verb, mood,
            [("obj", s.phrase(what, "pl", thing)), *tail],
        )  # fmt: skip

    return said


@phenomenon(
    "quantifiers", "'No nurse bought more than four', not 'no ... at least four'."
)
def superlative_quantifiers_1(s):
    said, four = counted(s), s.pick(NUMBERS)
    return s.embedded(said("no", more_than(four)), said("no", at_least(s, four)))


@phenomenon(
    "quantifiers", "'At least four' goes with 'the nurse', not with 'no nurse'."
)
def superlative_quantifiers_2(s):
    said, the = counted(s), s.pick(("the", "a", "this"))
    amount = at_least(s, s.pick(NUMBERS))
    return s.embedded(said(the, amount), said("no", amount))


@phenomenon("quantifiers", "'There were many lamps', not 'there was every lamp'.")
def existential_there_quantifiers_1(s):
    number, noun = s.number(), s.noun("person", *ARTIFACTS, "animal")
    weak, strong = (("a", "no"), ("every", "each")) if number == "sg" else (
        ("some", "many", "several", "few", "no"), ("all", "most", "both")
    )  # fmt: skip
    determiners = s.pick(weak), s.pick(strong)
    old = described(s, noun, determiners[1])
    mood, place = s.pick((PAST, PRESENT)), s.place()
    return s.embedded(*(
        there_is(s.phrase(noun, number, determiner, old), mood, [place])
        for determiner in determiners
    ), rate=0.15)  # fmt: skip


def described(s, noun, determiner):
    """Now and then an adjective, but not after "most": that may be "very polite"."""
    return (s.adjective(noun),) if determiner != "most" and s.chance(0.4) else ()


@phenomenon("quantifiers", "'Every nurse was there', not 'there was every nurse'.")
def existential_there_quantifiers_2(s):
    number, noun = s.number(), s.noun("person")
    every = s.pick(("every", "each") if number == "sg" else ("most", "both"))
    people = s.phrase(noun, number, every, described(s, noun, every))
    when = s.pick((s.occasion(), s.time(PAST)))
    return s.embedded(
        clause(people, adverb("there"), PAST, [when]), there_is(people, PAST, [when])
    )


# -------------------------------------------------------------- subject-verb agreement
def agreeing(s, noun, change, after=(), number=None):
    """Clauses whose verb agrees with the subject and does not."""
    number = number or s.number()
    verb, objects = simple_event(s)
    while verb.past == verb.lemma:  # "the nurse read it" is fine, in the past
        verb, objects = simple_event(s)
    mood = s.mood(verb, SHOWS_NUMBER)
    right = s.phrase(noun, number, "the", after=after)
    if change == "verb":
        variants = (right, number), (right, other(number))
    else:
        wrong = s.phrase(noun, other(number), "the", after=after)
        variants = (right, number), (wrong, number)
    return finished(s, mood, *(
        clause(subject, verb, mood, objects, number=n) for subject, n in variants
    ), verb=verb, rate=0.4)  # fmt: skip


@phenomenon("subject_verb_agreement", "'The nurses sleep', not 'the nurses sleeps'.")
def regular_plural_subject_verb_agreement_1(s):
    return agreeing(s, regular_noun(s, *PEOPLE), "verb")


@phenomenon("subject_verb_agreement", "'The nurses sleep', not 'the nurse sleep'.")
def regular_plural_subject_verb_agreement_2(s):
    return agreeing(s, regular_noun(s, *PEOPLE), "noun")


@phenomenon("subject_verb_agreement", "'The men sleep', not 'the men sleeps'.")
def irregular_plural_subject_verb_agreement_1(s):
    return agreeing(s, irregular_noun(s, *PEOPLE), "verb")


@phenomenon("subject_verb_agreement", "'The men sleep', not 'the man sleep'.")
def irregular_plural_subject_verb_agreement_2(s):
    return agreeing(s, irregular_noun(s, *PEOPLE), "noun")


@phenomenon("subject_verb_agreement", "The verb agrees past 'of the ...' between them.")
def distractor_agreement_relational_noun(s):
    number = s.number()
    owner = s.the(*PEOPLE, number=other(number))
    of = [("nmod", prepositional("of", owner))]
    return agreeing(s, s.noun("relative"), "verb", of, number)


@phenomenon(
    "subject_verb_agreement", "The verb agrees past a relative clause between them."
)
def distractor_agreement_relative_clause(s):
    number, who = s.number(), s.pick((WHO, THAT_PRONOUN))
    rival = s.the(*PEOPLE, number=other(number))
    verb = s.verb("social", "reflexive")
    if s.chance(0.5):
        about = clause(("nsubj", who), verb, PAST, [("obj", rival)], number=number)
    else:
        about = clause(rival, verb, PAST, front=[("obj", who)])
    return agreeing(s, s.noun(*PEOPLE), "verb", [("acl:relcl", about)], number)
