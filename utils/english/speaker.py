"""Whoever speaks: chooses words that fit together, and builds phrases from them."""

from utils.english.drawing import Choices
from utils.english.grammar import (
    BARE_POSSESSIVE, DETERMINERS, HAD, HAS, IS_DOING, MODALS, PAST, POSSESSIVE, PRESENT,
    THAT_PRONOUN, WAS_DOING, WHO, Phrase, adjective, adverb, clause, prepositional,
    that,
)  # fmt: skip
from utils.english.lexicon import ADJECTIVES, MEN, MOMENTS, STATES, WOMEN

PEOPLE = ("person", "male", "female")
ARTIFACTS = ("thing", "fragile")
# The kinds of object that make sense with the verbs of a frame.
OBJECTS = {
    "social": PEOPLE, "reflexive": PEOPLE, "handle": ARTIFACTS, "get": ARTIFACTS,
    "publish": ("text",), "eat": ("food",), "clothe": ("clothes",),
    "drive": ("vehicle",), "break": ("fragile",), "open": ("opening",),
    "move": ("vehicle",), "frighten": PEOPLE,
}  # fmt: skip
# Weights by repetition: most sentences that people write are in the past or present.
MOODS = (
    *(PAST,) * 9, *(HAS,) * 3, PRESENT, HAD, WAS_DOING, WAS_DOING, IS_DOING,
    *MODALS[:6],
)  # fmt: skip
SINGULAR = ("the",) * 6 + ("a", "a", "this", "that", "every")
PLURAL = (
    *("the",) * 7, "these", "those", "some", "many", "several", "two", "three", "four",
)  # fmt: skip
FITTING = {kind: tuple(words.split()) for kind, words in ADJECTIVES.items()}
FITTING |= dict.fromkeys(("male", "female", "relative"), FITTING["person"])


class Speaker(Choices):
    """The choices that make English sentences; see `Choices`."""

    def __init__(self, lexicon, rng):
        super().__init__(lexicon, rng)
        self.pools = {}

    # ------------------------------------------------------------------ words
    def two(self, items):
        """Two different ones."""
        first = self.pick(items)
        while (second := self.pick(items)) == first:
            pass
        return first, second

    def noun(self, *kinds, fits=None):
        """One of these kinds (and for which `fits` is true) that is not used yet."""
        pool = self._pool(self.lexicon.nouns, kinds)
        noun = self.pick([
            noun for noun in pool
            if noun.singular not in self.used and (fits is None or fits(noun))
        ])  # fmt: skip
        self.used.add(noun.singular)
        return noun

    def verb(self, *frames):
        return self.pick(self._pool(self.lexicon.verbs, frames))

    def _pool(self, table, names):
        if names not in self.pools:
            self.pools[names] = sum((table[name] for name in names), ())
        return self.pools[names]

    def mood(self, verb=None, moods=MOODS):
        """A tense that goes with the verb: states are not in progress."""
        mood = self.pick(moods)
        while mood.progressive and (
            verb is None or verb.lemma in STATES or verb.lemma in MOMENTS
        ):
            mood = self.pick(moods)
        return mood

    # ----------------------------------------------------------- noun phrases
    def phrase(self, noun, number="sg", determiner=None, adjectives=(), after=(),
               entity=None):  # fmt: skip
        """A noun phrase; `determiner` is a word, a pair, "" for none, None for any."""
        if determiner is None:
            determiner = self.pick(SINGULAR if number == "sg" else PLURAL)
        before = [("amod", a) for a in adjectives]
        if determiner:
            known = isinstance(determiner, str)
            before.insert(0, DETERMINERS[determiner] if known else determiner)
        form = noun.singular if number == "sg" else noun.plural
        return Phrase(form, "NOUN", noun.singular, before, after, number=number,
                      gender=noun.gender, entity=entity)  # fmt: skip

    def the(self, *kinds, number=None, adjective_rate=0.1, **options):
        """ "the nurse", "the old cars", of these kinds; options as of `phrase`."""
        noun = self.noun(*kinds)
        options.setdefault("determiner", "the")
        if self.random() < adjective_rate:
            options["adjectives"] = (self.adjective(noun),)
        return self.phrase(noun, number or self.number(), **options)

    def any(self, *kinds, **options):
        """A noun phrase with any determiner."""
        return self.the(*kinds, determiner=None, **options)

    def adjective(self, noun):
        return adjective(self.pick(FITTING[noun.kind]))

    def name(self, gender=None, entity=None):
        """A first name, not used yet."""
        gender = gender or self.gender()
        while (form := self.pick(MEN if gender == "m" else WOMEN)) in self.used:
            pass
        self.used.add(form)
        return Phrase(form, "PROPN", gender=gender, entity=entity)

    def someone(self, number=None, name_rate=0.4, **options):
        """A person: a name, or a definite noun phrase."""
        if number != "pl" and self.random() < name_rate:
            return self.name()
        return self.the(*PEOPLE, number=number, **options)

    def gendered(self, gender, number="sg", entity=None, name_rate=0.4):
        """A man or woman, by name or by a noun that tells the gender."""
        if number == "sg" and self.random() < name_rate:
            return self.name(gender, entity)
        kind = "male" if gender == "m" else "female"
        return self.the(kind, number=number, entity=entity)

    def owned(self, owner, noun, number="sg"):
        """ "Mary's car", "the nurses' car"."""
        bare = owner.number == "pl" and owner.form.endswith("s")
        ending = BARE_POSSESSIVE if bare else POSSESSIVE
        return self.phrase(noun, number, ("nmod:poss", owner.extended(after=[ending])))

    # ------------------------------------------------------- verbs and objects
    def transitive(self, *frames):
        """A verb and an object that it makes sense with."""
        frame = self.pick(frames)
        verb = self.verb(frame)
        return verb, self.the(*self.kinds(frame, verb))

    def kinds(self, frame, verb):
        if verb.needs:
            return PEOPLE if verb.needs == "person" else (verb.needs,)
        return OBJECTS[frame]

    def event(self, unlike=None):
        """What happens, no state: a verb, not the one given, and its objects."""
        if self.random() < 0.3:
            verb, objects = self.verb("intransitive"), ()
        else:
            frames = ("social", "handle", "publish", "eat", "drive")
            verb, thing = self.transitive(*frames)
            objects = (("obj", thing),)
        return (verb, objects) if verb != unlike else self.event(unlike)

    def doing(self, mood=PAST, unlike=None):
        """An event with its subject: subject, verb, mood and objects of a `clause`."""
        verb, objects = self.event(unlike)
        return self.someone(), verb, mood, objects

    def relative(self, subject_gap=None, number="sg", person=True):
        """A relative clause, ("acl:relcl", clause), of a person or a thing."""
        subject_gap = self.chance(0.5) if subject_gap is None else subject_gap
        pronoun = WHO if person and self.random() < 0.6 else THAT_PRONOUN
        if subject_gap and person:
            verb, thing = self.transitive("social", "reflexive", "handle", "publish")
            return "acl:relcl", clause(
                ("nsubj", pronoun), verb, PAST, [("obj", thing)], number=number
            )
        if subject_gap:
            verb = self.verb("frighten")
            return "acl:relcl", clause(
                ("nsubj", pronoun), verb, PAST, [("obj", self.someone())], number=number
            )
        frames = ("social", "reflexive") if person else ("handle", "get")
        verb = self.verb(*frames)
        return "acl:relcl", clause(
            self.someone(adjective_rate=0), verb, PAST, front=[("obj", pronoun)]
        )

    # ---------------------------------------------------------------- adjuncts
    def place(self, near=False):
        """ "in the garden", as an adjunct; only "near" it where told."""
        preposition = "in" if not near and self.random() < 0.75 else "near"
        place = self.the("place", number="sg")
        return "obl", prepositional(preposition, place)

    def occasion(self):
        """ "after the meeting"."""
        event = self.the("event", number="sg")
        return "obl", prepositional(self.pick(("after", "before", "during")), event)

    def time(self, mood):
        """ "yesterday", "tomorrow", "now": what fits the tense, or None."""
        if mood.modal:
            fits = mood.modal in ("will", "might", "should", "must")
            return ("obl:unmarked", Phrase("tomorrow", "NOUN")) if fits else None
        if mood.perfect:
            return "advmod", adverb("recently")
        if mood.past:
            return "obl:unmarked", self.past_time()
        if mood.progressive:
            return "advmod", adverb("now")
        return "obl:unmarked", Phrase("day", "NOUN", before=[DETERMINERS["every"]])

    def past_time(self):
        if self.random() < 0.4:
            return Phrase("yesterday", "NOUN")
        last = [("amod", adjective("last"))]
        return Phrase(self.pick(("night", "week", "year")), "NOUN", before=last)

    def tail(self, mood, verb=None, rate=0.3, timeless=False):
        """The adjuncts that end a clause: none, one or two (obl or advmod) pairs.

        rate: the probability of a time or an occasion, and twice that of a place;
        timeless: no time and no occasion. A state has neither place nor time.
        """
        adjuncts = []
        if verb is not None and verb.lemma in STATES:
            return adjuncts
        if self.random() < rate / 2:  # cars are not driven in a kitchen
            near = verb is not None and verb.needs == "vehicle"
            adjuncts.append(self.place(near))
        if not timeless and self.random() < rate:
            placed = mood.past or mood.modal == "will"
            occasion = placed and self.random() < 0.4
            adjuncts.append(self.occasion() if occasion else self.time(mood))
        return [adjunct for adjunct in adjuncts if adjunct]

    def embedded(self, *clauses, rate=0.1):
        """The same "Mary said that ..." around each of the clauses, or nothing."""
        if self.random() >= rate:
            return clauses
        subject, verb = self.someone(adjective_rate=0), self.verb("believe")
        return [clause(subject, verb, PAST, [("ccomp", that(c))]) for c in clauses]
