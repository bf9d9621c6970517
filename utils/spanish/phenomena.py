"""The phenomena: one short function for each, which makes a good and a bad clause.

The bad clause differs in one point, and whoever wrote a function looked for a reading
in which it would be right after all. Where there is one, the words are chosen so that
it is gone: an adjective that agreed with the subject could say in what state that one
was (*La niña compró el vestido roja*), so the subject never has the wrong form either.
Where a phenomenon has two directions both occur, so that no word gives the answer away.

Source: RAE and ASALE 2009, "Nueva gramática de la lengua española", the chapters that
are named at each field; the form of the task is that of Warstadt et al. 2020, "BLiMP".
"""

from typing import Callable

from utils.english.drawing import other
from utils.english.grammar import Phrase
from utils.english.phenomena import MinimalPair, Phenomenon
from utils.spanish.grammar import (
    OBJECTS, PEOPLE, SHOWN, adjective, adverb, clause, copular, noun_phrase,
    prepositional, pronoun, relative, sentence,
)  # fmt: skip
from utils.spanish.lexicon import (
    ADJECTIVES, COUNTRIES, FUTURE, IMPERFECT, ONLY_ESTAR, PERFECT, PRESENT, PRETERITE,
    STATES,
)  # fmt: skip

PHENOMENA: dict[str, Phenomenon] = {}
_BUILDERS: dict[str, Callable] = {}


def phenomenon(field, description):
    """Register a function that makes a good and a bad clause."""

    def register(function):
        name = function.__name__
        PHENOMENA[name] = Phenomenon(name, field, description)
        _BUILDERS[name] = function
        return function

    return register


def minimal_pair(name, speaker):
    """One pair of the phenomenon, of words that the speaker picks."""
    speaker.begin()
    good, bad = speaker.embedded(*_BUILDERS[name](speaker))
    return MinimalPair(sentence(good), sentence(bad), name)


NOW_OR_THEN = (PRESENT, PRESENT, IMPERFECT)  # of "ser" and "estar"
DONE = (PRETERITE, PRETERITE, PERFECT)


def as_objects(s, noun, subject, *phrases):
    """Clauses that differ in their objects alone, noun phrases around the same noun."""
    frame, verb = s.action(noun.kind)
    tense = s.tense()
    tail = s.tail(tense)
    if frame == "social":
        phrases = [prepositional("a", phrase) for phrase in phrases]
    return [clause(subject, verb, tense, [("obj", p), *tail]) for p in phrases]


def assertion(s, kind):
    """A function that says of a subject what shows no gender, in any person."""
    if kind in PEOPLE and s.chance(0.6):
        verb, tense = s.verb("intransitive"), s.tense()
        tail = s.tail(tense)
        return lambda subject, person=None: clause(
            subject, verb, tense, tail, person=person
        )
    be, tense = "estar", s.pick(NOW_OR_THEN)
    if kind == "thing" and s.chance(0.4):
        be, predicate = "ser", made_of(s)
    else:
        holders = ("place",) if kind in (*PEOPLE, "surface") else ("surface", "place")
        predicate = prepositional("en", s.the(*holders, number="sg"))
    return lambda subject, person=None: copular(
        subject, be, predicate, tense, person=person
    )


def made_of(s):
    """ "de madera"."""
    return prepositional("de", noun_phrase(s.noun("material"), "sg", ""))


def relative_clause(s, noun, number, /, **rival):
    """ "que compró el niño", "que saludó a la niña": what the rival has, the noun lacks.

    rival: the number and the gender of the noun phrase in it.
    """
    tense = s.pick(DONE)
    if noun.kind in PEOPLE:
        someone = prepositional("a", s.the(*PEOPLE, **rival))
        return relative(
            s.verb("social"), tense, [("obj", someone)], person="3" + number
        )
    return relative(s.action(noun.kind)[1], tense, subject=s.the(*PEOPLE, **rival))


# -------------------------------------- agreement in the noun phrase: chapters 13, 14
@phenomenon("determiner_noun_agreement", "A determiner has the gender of its noun.")
def determiner_noun_gender(s):
    noun, number = s.noun(*PEOPLE, *SHOWN), s.number()
    det = s.any_determiner(number)
    described = (s.adjective(ADJECTIVES, noun),) if s.chance(0.3) else ()
    return as_objects(s, noun, s.someone(), *(
        noun_phrase(noun, number, det, described, det_gender=gender)
        for gender in (noun.gender, other(noun.gender))
    ))  # fmt: skip


@phenomenon("determiner_noun_agreement", "A noun has the number of its determiner.")
def determiner_noun_number(s):
    noun, number = s.noun(*PEOPLE, *SHOWN), s.number()
    det = s.any_determiner(number, genders=False)
    return as_objects(s, noun, s.someone(), *(
        noun_phrase(noun, number, det, form=form) for form in (number, other(number))
    ))  # fmt: skip


def with_adjective(s, feature):
    """Clauses around a noun phrase with an adjective, as their subject or object.

    feature: "adjective_gender" or "adjective_number", in which the bad one is wrong.
    """
    noun, number, of_gender = s.noun(*PEOPLE, *SHOWN), s.number(), "gender" in feature
    word = s.adjective(ADJECTIVES, noun, shows_gender=of_gender)
    right = noun.gender if of_gender else number
    phrases = [
        noun_phrase(noun, number, "el", (word,), **{feature: value})
        for value in (right, other(right))
    ]
    if s.chance(0.5):
        return as_objects(s, noun, s.someone(number, noun.gender), *phrases)
    say = assertion(s, noun.kind)
    return [say(phrase) for phrase in phrases]


@phenomenon("noun_adjective_agreement", "An adjective has the gender of its noun.")
def noun_adjective_gender(s):
    return with_adjective(s, "adjective_gender")


@phenomenon("noun_adjective_agreement", "An adjective has the number of its noun.")
def noun_adjective_number(s):
    return with_adjective(s, "adjective_number")


# ------------------------------------------- agreement of the predicate: chapter 37
def predicate_of(s, noun):
    """What is said of it with "ser" or "estar": the verb and the adjective's lemma."""
    be = s.pick(("ser", "estar"))
    table = ADJECTIVES if be == "ser" else STATES
    return be, s.adjective(table, noun, shows_gender=True)


def predicated(s, noun, subject):
    """The subject with a predicate of its gender, and of the other one."""
    (be, word), tense = predicate_of(s, noun), s.pick(NOW_OR_THEN)
    return [
        copular(subject, be, adjective(word, gender, subject.number), tense)
        for gender in (noun.gender, other(noun.gender))
    ]


@phenomenon("predicate_agreement", "A predicate has the gender of the subject.")
def predicate_gender(s):
    noun = s.noun(*PEOPLE, *SHOWN)
    return predicated(s, noun, noun_phrase(noun, s.number(), s.pick(("el", "este"))))


@phenomenon("predicate_agreement", "The same, with a noun of the other gender between.")
def predicate_gender_distractor(s):
    noun, number = s.noun("relative", *SHOWN), s.number()
    rival = {"number": number, "gender": other(noun.gender)}
    if s.chance(0.5):
        between = "nmod", prepositional("de", s.the("person", "job", **rival))
    else:
        between = relative_clause(s, noun, number, **rival)
    return predicated(s, noun, noun_phrase(noun, number, after=[between]))


# ---------------------------------------------------- subject and verb: chapter 33
@phenomenon("subject_verb_agreement", "A verb has the number of its subject.")
def subject_verb_number(s):
    number, tense = s.number(), s.tense()
    frame = s.pick(("intransitive", "social", "see", "handle", "publish", "eat"))
    verb, subject = s.verb(frame), s.the(*PEOPLE, number=number)
    objects = s.tail(tense)
    if frame == "social":
        objects.insert(0, ("obj", prepositional("a", s.someone())))
    elif frame != "intransitive":  # no object that the wrong verb would agree with
        objects.insert(0, ("obj", s.the(*OBJECTS[frame], number=number)))
    return [
        clause(subject, verb, tense, objects, person="3" + n)
        for n in (number, other(number))
    ]


def past_a_distractor(s, noun, number, between):
    """What is said of the noun, past another one: with the right and the wrong verb."""
    subject, say = noun_phrase(noun, number, after=[between]), assertion(s, noun.kind)
    return [say(subject, "3" + n) for n in (number, other(number))]


@phenomenon(
    "subject_verb_agreement", "The verb agrees past 'de los cajones' between them."
)
def subject_verb_distractor_phrase(s):
    noun, number = s.noun("relative", "thing", "text", "clothes"), s.number()
    owners = ("person", "job")
    if noun.kind == "thing" and number == "pl":  # "the key of the hotels" is odd
        owners += ("place",)
    owner = s.the(*owners, number=other(number))
    between = "nmod", prepositional("de", owner)
    return past_a_distractor(s, noun, number, between)


@phenomenon(
    "subject_verb_agreement", "The verb agrees past a relative clause between them."
)
def subject_verb_distractor_relative(s):
    noun, number = s.noun(*PEOPLE, "thing", "text", "clothes"), s.number()
    between = relative_clause(s, noun, number, number=other(number))
    return past_a_distractor(s, noun, number, between)


# Pronoun: its person, its gender, and the persons that are clearly wrong after it. Not
# "tú canta", which is a command, nor "ella canto", which looks like "cantó".
PRONOUNS = {
    "yo": ("1sg", None, ("2sg", "3sg")), "tú": ("2sg", None, ("1sg",)),
    "él": ("3sg", "m", ("2sg",)), "ella": ("3sg", "f", ("2sg",)),
    "nosotros": ("1pl", "m", ("3pl",)), "nosotras": ("1pl", "f", ("3pl",)),
    "ellos": ("3pl", "m", ("1pl",)), "ellas": ("3pl", "f", ("1pl",)),
}  # fmt: skip
# In the imperfect "yo cantaba" is "ella cantaba".
SHOWS_PERSON = (PRETERITE, PRETERITE, PERFECT, PRESENT, PRESENT)


@phenomenon("subject_verb_agreement", "A verb has the person of its subject.")
def subject_verb_person(s):
    form = s.pick(tuple(PRONOUNS))
    person, gender, wrong = PRONOUNS[form]
    tense = s.pick(SHOWS_PERSON)
    frame = s.pick(("intransitive", "social", "handle", "publish", "eat"))
    verb, objects = s.verb(frame), s.tail(tense)
    if frame != "intransitive":
        thing = s.the(*OBJECTS[frame])
        phrase = prepositional("a", thing) if frame == "social" else thing
        objects.insert(0, ("obj", phrase))
    return [
        clause(pronoun(form, person[1:], gender), verb, tense, objects, person=p)
        for p in (person, s.pick(wrong))
    ]


# ------------------------------------------------------- ser and estar: chapter 37
def both_verbs(subject, right, predicate, tense, after=()):
    """The clause with the right one of the two verbs, and with the other."""
    wrong = "estar" if right == "ser" else "ser"
    return [copular(subject, be, predicate, tense, after) for be in (right, wrong)]


@phenomenon("ser_estar", "What one is by trade or origin, or is made of, takes 'ser'.")
def ser_noun(s):
    kind, tense = s.pick(("trade", "trade", "origin", "material")), s.pick(NOW_OR_THEN)
    if kind == "material":
        return both_verbs(s.the("thing"), "ser", made_of(s), tense)
    number = s.number()
    gender = s.gender()
    if number == "sg" and s.chance(0.5):
        subject = s.name(gender)
    else:  # a child has an origin, but no trade
        kinds = ("relative",) if kind == "trade" else ("person", "relative")
        subject = s.the(*kinds, number=number, gender=gender)
    if kind == "trade":
        predicate = noun_phrase(s.noun("job", gender=gender), number, "")
        return both_verbs(subject, "ser", predicate, s.pick((*NOW_OR_THEN, PERFECT)))
    country = prepositional("de", Phrase(s.pick(COUNTRIES), "PROPN"))
    return both_verbs(subject, "ser", country, PRESENT)


@phenomenon("ser_estar", "Where an event takes place is said with 'ser'.")
def ser_event(s):
    tense = s.pick((PRESENT, PRETERITE, FUTURE))
    place = prepositional("en", s.the("place", number="sg"))
    when = {PRESENT: "hoy", FUTURE: "mañana", PRETERITE: s.pick(("ayer", "anoche"))}
    after = [("advmod", adverb(when[tense]))] if s.chance(0.5) else ()
    number = "sg" if s.chance(0.7) else "pl"
    return both_verbs(s.the("event", number=number), "ser", place, tense, after)


@phenomenon("ser_estar", "Where a thing or a person is, is said with 'estar'.")
def estar_location(s):
    noun = s.noun(*PEOPLE, *SHOWN)
    holders = ("place",) if noun.kind in (*PEOPLE, "surface") else ("surface", "place")
    place = prepositional("en", s.the(*holders, number="sg"))
    one = noun.kind in PEOPLE and s.chance(0.3)
    subject = s.name() if one else noun_phrase(noun, s.number())
    return both_verbs(subject, "estar", place, s.pick(NOW_OR_THEN))


@phenomenon("ser_estar", "Passing states such as 'descalzo' take 'estar' alone.")
def estar_state(s):
    if s.chance(0.2):
        noun = s.noun("surface")
        subject = noun_phrase(noun, s.number())
        word = s.adjective(ONLY_ESTAR, noun)
    else:
        subject = s.someone()
        word = s.pick(ONLY_ESTAR["person"].split())
    predicate = adjective(word, subject.gender, subject.number)
    return both_verbs(subject, "estar", predicate, s.pick(NOW_OR_THEN))


# ------------------------------------------------------------ pronouns: chapter 16
CLITICS = {"m": {"sg": "lo", "pl": "los"}, "f": {"sg": "la", "pl": "las"}}


@phenomenon("pronoun_agreement", "'Lo' or 'la' has the gender of what it takes up.")
def clitic_gender(s):
    noun, number = s.noun(*SHOWN), s.number()
    _, verb = s.action(noun.kind)
    tense, subject = s.pick(DONE), s.someone()
    front, tail = [("dislocated", noun_phrase(noun, number))], s.tail(tense)
    return [
        clause(subject, verb, tense, tail, front=front, subject_last=True,
               clitics=[("obj", pronoun(CLITICS[gender][number], number, gender))])
        for gender in (noun.gender, other(noun.gender))
    ]  # fmt: skip


REFLEXIVES = {"1sg": "me", "2sg": "te", "3sg": "se", "1pl": "nos", "3pl": "se"}


@phenomenon("pronoun_agreement", "The reflexive of 'quejarse' has the subject's person.")
def reflexive_person(s):
    verb, tense = s.verb("inherent"), s.pick(SHOWS_PERSON)
    tail = s.tail(tense, 0.5)
    if s.chance(0.5):
        form = s.pick(tuple(PRONOUNS))
        person, gender, _ = PRONOUNS[form]
        subject = pronoun(form, person[1:], gender)
    else:
        subject = s.someone()
        person = "3" + subject.number
    wrong = "se" if person[0] != "3" else s.pick(("me", "nos"))
    return [
        clause(subject, verb, tense, tail, person=person,
               clitics=[("expl:pv", pronoun(clitic, person[1:]))])
        for clitic in (REFLEXIVES[person], wrong)
    ]  # fmt: skip


# -------------------------------------------------- forms that depend on what follows
@phenomenon("forms", "'El' before a stressed a (el agua), 'la' before any other one.")
def feminine_el(s):
    noun = s.noun(s.pick(("tonic", "atonic")))
    right, wrong = ("m", "f") if noun.kind == "tonic" else ("f", "m")
    described = (s.adjective(ADJECTIVES, noun),) if s.chance(0.5) else ()
    return looked_at(s, noun, *(
        noun_phrase(noun, "sg", "el", described, det_gender=gender)
        for gender in (right, wrong)
    ))  # fmt: skip


def looked_at(s, noun, *phrases):
    """Someone, a woman, looks at what the phrases name; or it is somewhere."""
    if s.chance(0.3):
        tense, place = s.pick(NOW_OR_THEN), prepositional("en", s.the("place", number="sg"))
        return [copular(phrase, "estar", place, tense) for phrase in phrases]
    subject, verb, tense = s.someone("sg", "f"), s.verb("see"), s.tense()
    tail = s.tail(tense)
    return [clause(subject, verb, tense, [("obj", p), *tail]) for p in phrases]


@phenomenon("forms", "'El agua' is feminine all the same: 'el agua fría'.")
def feminine_el_adjective(s):
    noun = s.noun("tonic")
    word = s.adjective(ADJECTIVES, noun, shows_gender=True)
    if s.chance(0.4):
        return predicated_water(s, noun, word)
    return looked_at(s, noun, *(
        noun_phrase(noun, "sg", "el", (word,), det_gender="m", adjective_gender=gender)
        for gender in ("f", "m")
    ))  # fmt: skip


def predicated_water(s, noun, word):
    """ "El águila es blanca", "el agua está fría"."""
    be = "estar" if noun.lemma == "agua" else "ser"
    subject, tense = noun_phrase(noun, "sg", det_gender="m"), s.pick(NOW_OR_THEN)
    return [
        copular(subject, be, adjective(word, gender, "sg"), tense)
        for gender in ("f", "m")
    ]


@phenomenon("forms", "'De' and 'a' join the article 'el': 'del', 'al'.")
def contraction(s):
    if s.chance(0.5):
        subject, verb, tense = s.someone(), s.verb("social"), s.tense()
        tail, someone = s.tail(tense), s.the(*PEOPLE, number="sg", gender="m")
        return [
            clause(subject, verb, tense,
                   [("obj", prepositional("a", someone, contracted)), *tail])
            for contracted in (True, False)
        ]  # fmt: skip
    noun, number = s.noun("thing", "text", "clothes"), s.number()
    owner = s.the("person", "job", "place", number="sg", gender="m")
    say = assertion(s, noun.kind)
    return [
        say(noun_phrase(noun, number, after=[("nmod", prepositional("de", owner, joined))]))
        for joined in (True, False)
    ]


SHORT = {"bueno": "buen", "malo": "mal", "primero": "primer", "tercero": "tercer"}


@phenomenon("forms", "'Buen' and 'mal' before a masculine noun, 'bueno' elsewhere.")
def apocope(s):
    where = s.pick(("before m", "before f", "after m"))
    noun = s.noun("thing", "text", gender=where[-1])
    choices = {"before m": tuple(SHORT), "before f": ("bueno", "malo")}
    lemma = s.pick(choices.get(where, ("bueno",)))  # "lo llevó mal" is an adverb
    det = "uno" if lemma in ("bueno", "malo") else "el"
    long = adjective(lemma, noun.gender, "sg")
    short = Phrase(SHORT[lemma], "ADJ", lemma)
    place = "after" if where == "after m" else "before"
    good, bad = (short, long) if where == "before m" else (long, short)
    return as_objects(s, noun, s.someone(), *(
        noun_phrase(noun, "sg", det, **{place: [("amod", form)]}) for form in (good, bad)
    ))  # fmt: skip
