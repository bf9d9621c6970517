"""The whole grammar: what kinds of sentence there are, each a short function.

Unlike the functions of `phenomena.py`, these only make acceptable sentences, of as many
constructions as the course's probes want to see. Each returns a clause and its mark.
"""

from utils.english.grammar import (
    AND, DETERMINERS, GAP, HAD, HAS, MODALS, PAST, PRESENT, TO, WHAT, WHO, WHOSE,
    Phrase, adjective, adverb, clause, coordinated, gerund, infinitive, prepositional,
    pronoun, sentence, subordinate, that, there_is,
)  # fmt: skip
from utils.english.lexicon import STATES_OF_MIND
from utils.english.phenomena import CHANGES, numeral, simple_event
from utils.english.speaker import ARTIFACTS, OBJECTS, PEOPLE

TRANSITIVE = (
    "social", "reflexive", "handle", "get", "publish", "eat", "clothe", "drive",
    "irregular",
)  # fmt: skip
PASSIVE_MOODS = (PAST, PAST, PAST, HAS, HAD, PRESENT, *MODALS)
OWNED = ("get", "handle", "clothe", "publish")
MIND = tuple(STATES_OF_MIND)
CHARACTER = ("clever", "friendly", "honest", "polite", "quiet", "strange")
HAPPEN_OFTEN = ("often", "always", "never", "rarely", "sometimes", "usually")


def random_sentence(speaker):
    """One acceptable sentence of the grammar."""
    speaker.begin()
    made = speaker.pick(PRODUCTIONS)(speaker)
    return sentence(*made) if isinstance(made, tuple) else sentence(made)


# ------------------------------------------------------------------- noun phrases
def subject_of(s, rate=0.3):
    """Who does something: a name or a noun phrase, now and then a long one."""
    return someone_else(s, rate, ("place",))


def someone_else(s, rate=0.3, more=()):
    """As the subject, but without a place, which could be the place of the event."""
    if s.chance(rate):
        choices = ("relative", "relative", "owner", "of", "and", *more)
        return long_phrase(s, s.pick(choices))
    return s.someone() if s.chance(0.6) else s.any(*PEOPLE)


def long_phrase(s, choice):
    """A person with a relative clause, a possessor, a place, or another person."""
    noun, number = s.noun(*PEOPLE), s.number()
    if choice == "relative":
        return s.phrase(noun, number, after=[s.relative(number=number)])
    if choice == "place":
        return s.phrase(noun, number, "the", after=[("nmod", s.place()[1])])
    if choice == "owner":
        return s.owned(s.someone(adjective_rate=0), s.noun("relative"), number)
    if choice == "of":
        of = [("nmod", prepositional("of", s.someone(adjective_rate=0, name_rate=0)))]
        return s.phrase(s.noun("relative"), number, "the", after=of)
    return coordinated(s.someone(), s.someone())


def object_of(s, frame, verb):
    """What a verb of this frame is done to, now and then with a relative clause."""
    kinds, number = s.kinds(frame, verb), s.number()
    if s.chance(0.2):
        person = kinds == PEOPLE
        about = s.relative(subject_gap=person and s.chance(0.5), person=person)
        return s.phrase(s.noun(*kinds), number, "the", after=[about]) if (
            not person or number == "sg"
        ) else s.the(*kinds)
    if s.chance(0.15) and kinds != PEOPLE:
        return s.owned(s.someone(adjective_rate=0), s.noun(*kinds), number)
    return s.any(*kinds, adjective_rate=0.3)


def action(s, *frames):
    frame = s.pick(frames or TRANSITIVE)
    verb = s.verb(frame)
    return verb, object_of(s, frame, verb)


def ending(s, mood, verb, argument):
    """The argument and adjuncts; none after a long one, which would take them."""
    return [argument] if argument[1].after else [argument, *s.tail(mood, verb, 0.4)]


def negation(s):
    return s.pick(("", "", "", "", "", "not", "n't"))


# ----------------------------------------------------------------- simple clauses
def with_object(s):
    verb, thing = action(s)
    mood = s.mood(verb)
    return clause(subject_of(s), verb, mood, ending(s, mood, verb, ("obj", thing)),
                  negated=negation(s))  # fmt: skip


def without_object(s):
    verb = s.verb("intransitive", "activity")
    mood = s.mood(verb)
    tail = s.tail(mood, verb, 0.9)
    return clause(subject_of(s), verb, mood, tail, negated=negation(s))


def habit(s):
    """ "The nurse often swims near the castle"."""
    verb, mood = s.verb("intransitive", "activity"), s.pick((PAST, PRESENT))
    often = [("advmod", adverb(s.pick(HAPPEN_OFTEN)))]
    tail = s.tail(mood, verb, 0.9, timeless=True)
    return clause(subject_of(s), verb, mood, tail, before_verb=often)


def with_preposition(s):
    verb = s.verb("adposition")
    mood = s.mood(verb)
    to = "obl", prepositional(verb.needs, someone_else(s, 0.2))
    return clause(subject_of(s), verb, mood, ending(s, mood, verb, to),
                  negated=negation(s))  # fmt: skip


def with_two_objects(s):
    verb, person = s.verb("give"), s.someone()
    thing, mood = s.any("thing", "text", "clothes", "food"), s.mood(verb)
    if s.chance(0.5):
        objects = [("iobj", person), ("obj", thing)]
    else:
        objects = [("obj", thing), ("obl", prepositional("to", person))]
    return clause(subject_of(s), verb, mood, [*objects, *s.tail(mood, verb, 0.3)])


def passive(s):
    frame = s.pick(("social", "handle", "publish", "eat", "irregular", "drive", "get"))
    verb, mood = s.verb(frame), s.pick(PASSIVE_MOODS)
    by = "obl:agent", prepositional("by", someone_else(s))
    after = ending(s, mood, verb, by) if s.chance(0.6) else s.tail(mood, verb)
    return clause(s.any(*s.kinds(frame, verb)), verb, mood, after, passive=True,
                  negated=negation(s))  # fmt: skip


def change(s):
    frame = s.pick(tuple(CHANGES))
    thing, verb = s.any(*CHANGES[frame]), s.verb(frame)
    mood = s.mood(verb)
    tail = s.tail(mood, verb, 0.8)
    return clause(thing, verb, mood, tail, negated=negation(s))


def feeling(s):
    verb, mood = s.verb("frighten"), s.pick((PAST, PAST, HAS, HAD, *MODALS))
    whom = [("obj", someone_else(s))]
    return clause(s.any("text", "event", "animal"), verb, mood, whom,
                  negated=negation(s))  # fmt: skip


# ------------------------------------------------------------------------ copula
def copular(s):
    mood = s.pick((PAST, PAST, PRESENT, HAS, HAD, *MODALS[:6]))
    if s.chance(0.35):
        subject, predicate = subject_of(s), adjective(s.pick(MIND))
        if s.chance(0.3):
            very = "advmod", adverb(s.pick(("very", "too")))
            predicate = predicate.extended([very])
    elif s.chance(0.4):
        noun = s.noun("thing", "text", "vehicle", "food", "clothes", "place")
        number = s.number()
        subject = s.phrase(noun, number)
        predicate, mood = s.adjective(noun), s.pick((PAST, PRESENT, *MODALS[4:5]))
    elif s.chance(0.4):
        subject = s.someone(number="sg")
        predicate = s.the("person", number="sg", determiner="a", adjective_rate=0.5)
    else:
        subject, predicate = s.any(*ARTIFACTS, *PEOPLE), s.place()[1]
    return clause(subject, predicate, mood, negated=negation(s))


def existential(s):
    number = s.number()
    words = ("a", "no") if number == "sg" else ("some", "many", "several", numeral(s))
    kinds = ("person", *ARTIFACTS, "animal")
    thing = s.the(*kinds, number=number, determiner=s.pick(words))
    return there_is(thing, s.pick((PAST, PRESENT)), [s.place()])


# --------------------------------------------------------------- pronouns that refer
def reflexive(s):
    gender, number, verb = s.gender(), s.number(), s.verb("reflexive")
    subject, mood = s.gendered(gender, number, "x"), s.mood(verb)
    itself = [("obj", pronoun("self", number, gender, "x"))]
    return clause(subject, verb, mood, [*itself, *s.tail(mood, verb, 0.5)])


def own_thing(s):
    gender, number = s.gender(), s.number()
    subject, frame = s.gendered(gender, number, "x"), s.pick(OWNED)
    verb = s.verb(frame)
    noun, mood = s.noun(*s.kinds(frame, verb)), s.mood(verb)
    her = "nmod:poss", pronoun("gen", number, gender, "x")
    thing = s.phrase(noun, s.number(), her)
    return clause(subject, verb, mood, [("obj", thing), *s.tail(mood, verb, 0.5)])


def said_of_self(s):
    """ "Mary said that she had slept", "Mary said that John had praised her"."""
    gender, number, verb = s.gender(), s.number(), s.verb("believe")
    subject, mood = s.gendered(gender, number, "x"), s.pick((PAST, HAD, *MODALS[2:4]))
    if s.chance(0.6):
        event, objects = simple_event(s)
        she = pronoun("nom", number, gender, "x")
        inner = clause(she, event, mood, objects)
    else:
        her = pronoun("acc", number, gender, "x")
        speaker = s.gendered("f" if gender == "m" else "m")
        inner = clause(speaker, s.verb("social", "reflexive"), mood, [("obj", her)])
    return clause(subject, verb, PAST, [("ccomp", that(inner))])


def because(s):
    """ "Mary smiled because she had found the key"."""
    gender, number = s.gender(), s.number()
    subject, verb = s.gendered(gender, number, "x"), s.verb("intransitive", "activity")
    she, (event, objects) = pronoun("nom", number, gender, "x"), s.event(verb)
    mark, mood = s.pick((("because", PAST), ("because", HAD), ("after", PAST),
                         ("before", PAST), ("when", PAST)))  # fmt: skip
    why = clause(she, event, mood, objects)
    if mark == "when":
        why = why.extended([("advmod", adverb("when"))])
    else:
        why = subordinate(mark, why)
    return clause(subject, verb, PAST, [("advcl", why)])


# ---------------------------------------------------------------- clauses in clauses
def said(s):
    event = clause(*s.doing(s.pick((PAST, HAD, *MODALS[2:5]))))
    return clause(subject_of(s), s.verb("believe"), PAST, [("ccomp", that(event))],
                  negated=negation(s))  # fmt: skip


def told(s):
    event = clause(*s.doing(s.pick((PAST, HAD, *MODALS[2:5]))))
    objects = [("iobj", s.someone()), ("ccomp", that(event))]
    return clause(subject_of(s), s.verb("tell"), PAST, objects)


def knew_what(s):
    frame = s.pick(("social", "handle"))
    word, mood = WHO if frame == "social" else WHAT, s.pick((PAST, HAD, *MODALS[3:4]))
    verb, person = s.verb(frame), s.someone()
    if s.chance(0.5):
        event = clause(person, verb, mood, front=[("obj", word)])
    else:
        thing = s.the(*s.kinds(frame, verb))
        event = clause(WHO, verb, mood, [("obj", thing)])
    return clause(subject_of(s), s.verb("know", "wonder"), PAST, [("ccomp", event)])


def wondered_whether(s):
    event = subordinate("whether", clause(*s.doing(s.pick((PAST, HAD, MODALS[3])))))
    return clause(subject_of(s), s.verb("wonder"), PAST, [("ccomp", event)])


def tried(s):
    verb, thing = action(s, "handle", "get", "publish", "social", "eat")
    above = s.verb("control", "aspect")
    goal = [("xcomp", infinitive(verb, [("obj", thing)]))]
    return clause(subject_of(s), above, PAST, goal, negated=negation(s))


def seemed(s):
    """ "The nurse seemed to be honest"."""
    subject, honest = s.someone(adjective_rate=0), adjective(s.pick(CHARACTER))
    to_be = honest.extended([TO, ("cop", Phrase("be", "AUX"))])
    return clause(subject, s.verb("raise"), s.pick((PAST, PRESENT)), [("xcomp", to_be)])


def persuaded(s):
    verb, thing = action(s, "handle", "get", "publish", "social", "eat")
    mood, person = s.pick((PAST, PAST, HAS, HAD, *MODALS)), s.someone()
    goal = infinitive(verb, [("obj", thing)])
    return clause(subject_of(s), s.verb("control_object"), mood,
                  [("obj", person), ("xcomp", goal)])  # fmt: skip


def after_doing(s):
    verb, thing = action(s, "handle", "get", "publish", "eat", "social")
    event, objects = s.event(unlike=verb)
    doing = gerund(verb, [("obj", thing)], s.pick(("after", "before")))
    return clause(subject_of(s), event, PAST, [*objects, ("advcl", doing)])


def while_another(s):
    mark = s.pick(("while", "because", "although", "before", "after"))
    event, other = two_events(s)
    return event.extended(after=[("advcl", subordinate(mark, other))])


def two_events(s):
    """Two clauses in the past, whose verbs are not the same."""
    first = s.doing()
    return clause(*first), clause(*s.doing(unlike=first[1]))


# ------------------------------------------------------------------- coordination
def and_clause(s):
    conjunction = "cc", Phrase(s.pick(("and", "but")), "CCONJ")
    comma = "punct", Phrase(",", "PUNCT")
    event, other = two_events(s)
    return event.extended(after=[("conj", other.extended([comma, conjunction]))])


def and_verb(s):
    """ "The nurse opened the door and smiled"."""
    frame = s.pick(("open", "handle", "publish"))
    verb, thing = s.verb(frame), s.any(*OBJECTS[frame])
    other_verb, objects = s.event(unlike=verb)
    other = Phrase(other_verb.past, "VERB", other_verb.lemma, [AND], tuple(objects))
    return clause(subject_of(s, 0.2), verb, PAST, [("obj", thing), ("conj", other)])


# ---------------------------------------------------------------------- questions
QUESTIONS = (PAST, PAST, HAS, HAD, *MODALS[:4])


def yes_no(s):
    verb, objects = simple_event(s)
    mood = s.pick(QUESTIONS)
    objects = [*objects, *s.tail(mood, verb, 0.4)]
    return clause(s.someone(), verb, mood, objects, inverted=True), "?"


def yes_no_copula(s):
    mind = adjective(s.pick(MIND))
    return clause(s.someone(), mind, s.pick((PAST, PRESENT)), inverted=True), "?"


def wh_object(s):
    frame, mood = s.pick(("social", "handle", "get", "reflexive")), s.pick(QUESTIONS)
    word = WHAT if frame in ("handle", "get") else WHO
    verb = s.verb(frame)
    return clause(subject_of(s, 0.2), verb, mood, s.tail(mood, verb, 0.4),
                  front=[("obj", word)], inverted=True), "?"  # fmt: skip


def wh_subject(s):
    verb, thing = action(s)
    mood = s.mood(verb)
    return clause(WHO, verb, mood, ending(s, mood, verb, ("obj", thing))), "?"


def whose(s):
    frame = s.pick(("get", "handle", "publish", "clothe", "drive"))
    verb, mood = s.verb(frame), s.pick(QUESTIONS)
    pair = s.pick((("nmod:poss", WHOSE), DETERMINERS["which"]))
    thing = s.phrase(s.noun(*s.kinds(frame, verb)), s.number(), pair)
    tail = s.tail(mood, verb, 0.4)
    return clause(subject_of(s, 0.1), verb, mood, tail, front=[("obj", thing)],
                  inverted=True), "?"  # fmt: skip


def where(s):
    verb, objects = s.event()
    word = "advmod", adverb(s.pick(("where", "when", "why")))
    mood = s.pick((PAST, PAST, MODALS[0], MODALS[3]))
    return clause(subject_of(s, 0.1), verb, mood, objects, front=[word],
                  inverted=True), "?"  # fmt: skip


def long_distance(s):
    """ "What did Mary say that John had bought?": the gap is a clause away."""
    frame, mood = s.pick(("social", "handle")), s.pick((PAST, HAD, *MODALS[3:4]))
    inner = clause(s.someone(), s.verb(frame), mood, [("obj", GAP)])
    word = WHO if frame == "social" else WHAT
    return clause(s.someone(), s.verb("believe"), PAST, [("ccomp", that(inner))],
                  front=[("filler", word)], inverted=True), "?"  # fmt: skip


PRODUCTIONS = (
    with_object, with_object, with_object, with_object, without_object, without_object,
    habit, with_preposition, with_preposition, with_two_objects, with_two_objects,
    passive, passive, change, feeling, copular, copular, existential, reflexive,
    own_thing, said_of_self, because, said, told, knew_what, wondered_whether, tried,
    seemed, persuaded, after_doing, while_another, and_clause, and_verb, yes_no,
    yes_no_copula, wh_object, wh_subject, whose, where, long_distance,
)  # fmt: skip
