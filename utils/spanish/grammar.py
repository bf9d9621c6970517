"""Spanish phrases that agree, put together into annotated sentences.

The trees are those of `utils.english.grammar`: a `Phrase` is a word with its
dependents, and a `Sentence` its tokens and their analysis after Universal Dependencies.
One thing is simpler than there: *del* and *al* are one token each, as they are printed,
and not a preposition with an article.

Source: RAE and ASALE 2009, "Nueva gramática de la lengua española", chapters 13
(adjectives agree), 14 (*el agua*, *del*, *al*) and 33 (the verb and its subject).
"""

from utils.english.drawing import Choices
from utils.english.grammar import Phrase, Sentence
from utils.spanish.lexicon import (
    ADJECTIVES, FUTURE, IMPERFECT, MEN, PERFECT, PERSONS, PRESENT, PRETERITE, WOMEN,
    adjective_form, conjugate, determiner_form,
)  # fmt: skip

PEOPLE = ("person", "job", "relative")
OBJECTS = {  # what the verbs of a frame are done to
    "social": PEOPLE, "see": ("thing", "surface"), "handle": ("thing",),
    "publish": ("text",), "eat": ("food",), "clothe": ("clothes",),
}  # fmt: skip
SHOWN = ("thing", "surface", "text", "food", "clothes")  # what is no person
TENSES = (*(PRETERITE,) * 3, PERFECT, PERFECT, IMPERFECT, PRESENT)
# Weights by repetition; those that have no form in a number are not asked for it.
SINGULAR = ("el",) * 5 + ("uno", "este", "ese", "aquel", "nuestro", "otro")
PLURAL = (*SINGULAR, "mucho", "vario", "alguno")
BE = {"ser": conjugate("ser"), "estar": conjugate("estar")}
HAVE = conjugate("haber")
CONTRACTED = {"de": "del", "a": "al"}
TIMES = {
    PRESENT: ("ahora", "hoy"), PRETERITE: ("ayer", "anoche", "anteayer"),
    IMPERFECT: ("antes", "entonces"), PERFECT: ("hoy", "recientemente"),
    FUTURE: ("mañana",),
}  # fmt: skip


# ------------------------------------------------------------------------ sentences
def sentence(phrase):
    """Write the tree down from left to right, with a full stop at its end."""
    rows, links = [], []
    root = _write(phrase, rows, links)
    heads, deprels = [0] * len(rows), ["root"] * len(rows)
    for position, relation, head in links:
        heads[position], deprels[position] = head + 1, relation
    tokens, lemmas, upos = zip(*rows)
    return Sentence(
        (*tokens, "."), (*lemmas, "."), (*upos, "PUNCT"), (*heads, root + 1),
        (*deprels, "punct"),
    )  # fmt: skip


def _write(phrase, rows, links):
    """Append the words of the phrase to rows; return the position of its head."""
    waiting = [(_write(part, rows, links), name) for name, part in phrase.before]
    here = len(rows)
    rows.append((phrase.form, phrase.lemma, phrase.upos))
    links += [(position, name, here) for position, name in waiting]
    for name, part in phrase.after:
        links.append((_write(part, rows, links), name, here))
    return here


# -------------------------------------------------------------------------- phrases
def determiner(lemma, gender, number):
    """A determiner and its relation, as a pair before a noun."""
    form = determiner_form(lemma, gender, number)
    if lemma in ("dos", "tres"):
        return "nummod", Phrase(form, "NUM", lemma)
    return "det", Phrase(form, "DET", lemma)


def adjective(lemma, gender, number):
    return Phrase(adjective_form(lemma, gender, number), "ADJ", lemma)


def noun_phrase(noun, number, det="el", adjectives=(), after=(), *, before=(),
                det_gender=None, adjective_gender=None, adjective_number=None,
                form=None):  # fmt: skip
    """A noun with its determiner and adjectives, which agree with it unless told.

    det: a lemma of DETERMINERS, or "" for none; adjectives: lemmas; before, after:
    (relation, phrase) pairs next to the noun; det_gender, adjective_gender,
    adjective_number: what they have instead of the noun's (an error); form: the number
    of the noun's own form, where it is not `number` (an error).
    """
    left = [determiner(det, det_gender or noun.gender, number)] if det else []
    agreeing = adjective_gender or noun.gender, adjective_number or number
    right = [("amod", adjective(lemma, *agreeing)) for lemma in adjectives]
    return Phrase(
        noun.singular if (form or number) == "sg" else noun.plural, "NOUN", noun.lemma,
        (*left, *before), (*right, *after), number=number, gender=noun.gender,
    )  # fmt: skip


def prepositional(preposition, phrase, contracted=True):
    """ "de" + "el parque": the noun is the head, "del" its case."""
    first = phrase.before[0][1].form if phrase.before else ""
    if contracted and first == "el" and preposition in CONTRACTED:
        short = Phrase(phrase.form, phrase.upos, phrase.lemma, phrase.before[1:],
                       phrase.after, number=phrase.number, gender=phrase.gender)  # fmt: skip
        case = Phrase(CONTRACTED[preposition], "ADP")
        return short.extended([("case", case)])
    return phrase.extended([("case", Phrase(preposition, "ADP"))])


def pronoun(form, number, gender=None):
    return Phrase(form, "PRON", number=number, gender=gender)


def adverb(form):
    return Phrase(form, "ADV")


# -------------------------------------------------------------------------- clauses
def finite(verb, tense, person):
    """The auxiliaries, as (relation, phrase) pairs, and the form of the verb."""
    place = PERSONS.index(person)
    if tense == PERFECT:
        have = Phrase(HAVE.tenses[PRESENT][place], "AUX", "haber")
        return [("aux", have)], verb.participle
    return [], verb.tenses[tense][place]


def clause(subject, verb, tense=PRETERITE, objects=(), *, person=None, front=(),
           clitics=(), subject_last=False):  # fmt: skip
    """A clause whose head is a full verb; a clitic stands before its auxiliary.

    subject: a phrase, or None; objects: (relation, phrase) pairs after the verb; front:
    pairs before everything; person: one of PERSONS, the subject's unless told (which is
    how errors are made).
    """
    person = person or "3" + subject.number
    auxiliaries, form = finite(verb, tense, person)
    nsubj = [("nsubj", subject)] if subject else []
    first, last = ((), nsubj) if subject_last else (nsubj, ())
    before = (*front, *first, *clitics, *auxiliaries)
    return Phrase(form, "VERB", verb.lemma, before, (*last, *objects))


def copular(subject, be, predicate, tense=PRESENT, after=(), *, person=None):
    """A clause with "ser" or "estar"; its head is the predicate, as in UD."""
    auxiliaries, form = finite(BE[be], tense, person or "3" + subject.number)
    cop = "cop", Phrase(form, "AUX", be)
    return predicate.extended([("nsubj", subject), *auxiliaries, cop], after)


def relative(verb, tense, objects=(), subject=None, person=None):
    """ "que compró el niño", "que saludó a la niña": an ("acl:relcl", clause) pair."""
    que = pronoun("que", None)
    if subject is None:
        return "acl:relcl", clause(que, verb, tense, objects, person=person)
    return "acl:relcl", clause(
        subject, verb, tense, objects, front=[("obj", que)], subject_last=True
    )


# -------------------------------------------------------------------------- speaker
class Speaker(Choices):
    """The choices that make Spanish sentences; see `Choices`."""

    def tense(self):
        return self.pick(TENSES)

    def noun(self, *kinds, gender=None):
        """One of these kinds, and of the gender if told, that is not used yet."""
        pool = [
            noun for kind in kinds for noun in self.lexicon.nouns[kind]
            if noun.lemma not in self.used and gender in (None, noun.gender)
        ]  # fmt: skip
        noun = self.pick(pool)
        self.used.add(noun.lemma)
        return noun

    def verb(self, *frames):
        return self.pick([v for frame in frames for v in self.lexicon.verbs[frame]])

    def adjective(self, table, noun, shows_gender=False):
        """The lemma of an adjective that the table has for this noun, or its kind."""
        choices = (table.get(noun.lemma) or table[noun.kind]).split()
        return self.pick([a for a in choices if not shows_gender or a.endswith("o")])

    def the(self, *kinds, number=None, gender=None, rate=0.1, after=()):
        """ "la niña", "los libros nuevos", of these kinds."""
        noun = self.noun(*kinds, gender=gender)
        described = noun.kind in ADJECTIVES and self.chance(rate)
        adjectives = (self.adjective(ADJECTIVES, noun),) if described else ()
        return noun_phrase(noun, number or self.number(), "el", adjectives, after)

    def any_determiner(self, number, genders=True):
        """The lemma of a determiner that has this number; genders: and shows it."""
        lemmas = SINGULAR if number == "sg" else PLURAL
        if not genders:
            lemmas += ("mi", "su") + (("cada",) if number == "sg" else ("dos", "tres"))
        return self.pick(lemmas)

    def name(self, gender=None):
        """A first name, not used yet."""
        gender = gender or self.gender()
        form = self.pick([
            name for name in (MEN if gender == "m" else WOMEN) if name not in self.used
        ])  # fmt: skip
        self.used.add(form)
        return Phrase(form, "PROPN", gender=gender)

    def someone(self, number=None, gender=None, name_rate=0.4):
        """A person: a name, or a definite noun phrase."""
        if number != "pl" and self.chance(name_rate):
            return self.name(gender)
        return self.the(*PEOPLE, number=number, gender=gender)

    def action(self, kind):
        """A verb whose object is of this kind: its frame and the verb."""
        frame = self.pick([f for f, kinds in OBJECTS.items() if kind in kinds])
        return frame, self.verb(frame)

    def place(self):
        """ "en el parque", as an adjunct."""
        return "obl", prepositional("en", self.the("place", number="sg"))

    def tail(self, tense, rate=0.3, placed=True):
        """The adjuncts that end a clause: none, a place, a time, or both."""
        adjuncts = [self.place()] if placed and self.chance(rate / 2) else []
        if self.chance(rate):
            adjuncts.append(("advmod", adverb(self.pick(TIMES[tense]))))
        return adjuncts

    def embedded(self, *clauses, rate=0.1):
        """The same "Ana afirma que ..." around each of the clauses, or nothing."""
        if not self.chance(rate):
            return clauses
        subject, verb = self.someone("sg"), self.verb("believe")
        mark = "mark", Phrase("que", "SCONJ")
        return [
            clause(subject, verb, PRESENT, [("ccomp", c.extended([mark]))])
            for c in clauses
        ]
