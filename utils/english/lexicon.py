"""The words of the grammar: compact tables, and the rules that inflect them.

Each row of a table is a class of words; its three columns are the words of the
training, the validation and the test split. No form of a noun or a verb is in two
splits: that is checked when the tables are read. All other words are shared.

Source: Levin 1993, "English Verb Classes and Alternations", for what tells one class of
verbs from another; the selection of words is the course's own.
"""

import functools
from dataclasses import dataclass

SPLITS = ("train", "validation", "test")

# ---------------------------------------------------------------------- nouns
# A kind says what can be done with a thing: what breaks, what is read, who can admire.
NOUNS = """
person    | doctor nurse teacher student lawyer soldier writer farmer artist singer child player prisoner leader reporter dancer driver criminal stranger senator professor captain engineer politician poet hero | painter dentist tourist banker sailor journalist expert customer officer baker librarian musician specialist | actor scientist waiter manager worker citizen hunter minister thief neighbor mayor lawmaker architect butcher
male      | man boy father brother king uncle gentleman policeman grandfather | son husband prince fisherman businessman | nephew monk duke grandson salesman chairman fireman
female    | woman girl mother sister queen aunt lady policewoman grandmother | daughter wife princess bride businesswoman | niece nun actress duchess granddaughter
relative  | friend parent partner colleague enemy | cousin assistant rival servant | boss employee ally client
animal    | dog cat horse bird mouse wolf lion bear | goose rabbit pig calf fox | cow tiger monkey ox goat
fragile   | cup vase plate lamp mirror | bottle jar pot | bowl lantern pitcher
opening   | door gate window | drawer cabinet closet | trunk cupboard cage
vehicle   | car bus truck boat | taxi wagon van | bicycle tractor motorcycle
thing     | box chair desk painting key camera knife bag basket map radio coin pillow blanket tent clock phone | ring sword toy shelf guitar statue pencil curtain wallet crown sofa | carpet ladder scarf bucket bell candle hammer rope necklace umbrella
text      | book letter story report poem thesis | novel article essay diary | script contract message document
food      | apple cake egg potato loaf tomato pizza | sandwich orange pie cookie | banana pancake cherry sausage
clothes   | dress shirt coat hat | jacket skirt sweater | suit uniform vest
place     | garden kitchen library hospital city park forest school village church market | museum office hotel castle restaurant theater temple | station airport palace factory cafe stadium hallway
event     | meeting party lecture dinner game trial | concert wedding festival race | ceremony funeral parade debate
"""

IRREGULAR_PLURALS = {
    "calf": "calves", "child": "children", "goose": "geese", "knife": "knives",
    "loaf": "loaves", "mouse": "mice", "ox": "oxen", "scarf": "scarves", "shelf": "shelves", "thesis": "theses",
    "thief": "thieves", "wife": "wives", "wolf": "wolves",
}  # fmt: skip

# ---------------------------------------------------------------------- verbs
# A frame says what a verb takes. After a colon: the preposition or the kind of object
# that this verb asks for.
VERBS = """
intransitive   | sleep smile laugh arrive sneeze wait complain faint cry listen cough | yawn apologize hesitate weep snore frown | blush tremble stumble kneel giggle shiver
activity       | work dance swim play walk run | march sing gossip exercise | jump travel wander whisper
adposition     | talk:to listen:to look:at laugh:about work:with | speak:to point:at compete:with | quarrel:with rely:on stare:at live:with
social         | thank greet rescue avoid ignore recognize welcome | invite confront contact mention dismiss | arrest accompany escort notify detain
reflexive      | admire blame praise insult protect describe criticize trust respect | hate introduce embarrass injure deceive | adore despise congratulate humiliate pity
handle         | fix destroy remove discover examine | damage replace obtain conceal | inspect acquire uncover retrieve
get            | buy touch lift clean carry | purchase pack | collect arrange
publish        | read study print quote | publish translate sign | edit revise review
eat            | cook bake taste prepare serve | fry chew swallow | devour slice consume
clothe         | wash fold sell | iron mend borrow | stitch knit rinse
drive          | repair:vehicle rent:vehicle | polish:vehicle lease:vehicle | operate:vehicle abandon:vehicle
give           | give send show offer lend | hand award deny | pass bring mail
tell           | tell warn | assure | inform
break          | break shatter | crack smash | chip fracture
open           | open close shut | slam jam | lock rattle
move           | move:vehicle stop:vehicle turn:vehicle | accelerate:vehicle halt:vehicle | reverse:vehicle skid:vehicle
frighten       | surprise please scare worry | delight bore upset | annoy shock amuse
believe        | think believe claim say report | suppose argue conclude maintain | assert suspect announce
know           | know remember discover | learn notice realize reveal | explain guess forget
wonder         | wonder | ask | inquire
raise          | seem continue | appear prove | tend happen
aspect         | begin | start | cease
control        | try want hope decide refuse agree | attempt plan pretend | intend struggle volunteer
raise_object   | want expect believe need | prefer declare imagine | assume require judge
control_object | persuade remind warn challenge | convince dare teach | tempt inspire instruct
minded         | admire trust respect fear | forgive hate | adore despise pity
both           | discover remember see | notice reveal | forget recall
imagine        | picture remember | imagine visualize | recall envision
irregular      | steal:thing take:thing write:text eat:food drive:vehicle see:person break:fragile know:person | choose:thing throw:thing wear:clothes forgive:person | tear:text shake:fragile draw:thing rewrite:text
participle     | steal:thing break:fragile write:text freeze:food | choose:thing wear:clothes hide:thing | tear:clothes forget:text forbid:text
"""

# Verbs whose past and participle differ or are not made by rule: past, participle.
IRREGULAR_VERBS = {
    "become": "became become", "begin": "began begun", "break": "broke broken",
    "bring": "brought brought", "buy": "bought bought",
    "choose": "chose chosen", "draw": "drew drawn", "drive": "drove driven",
    "eat": "ate eaten", "forbid": "forbade forbidden",
    "forget": "forgot forgotten", "forgive": "forgave forgiven",
    "freeze": "froze frozen", "give": "gave given", "hide": "hid hidden",
    "kneel": "knelt knelt", "knit": "knit knit", "know": "knew known",
    "lend": "lent lent",
    "read": "read read", "rewrite": "rewrote rewritten", "run": "ran run",
    "say": "said said", "see": "saw seen", "sell": "sold sold", "send": "sent sent",
    "shake": "shook shaken", "show": "showed shown", "shut": "shut shut",
    "sing": "sang sung", "sleep": "slept slept", "speak": "spoke spoken",
    "steal": "stole stolen", "swim": "swam swum",
    "take": "took taken", "teach": "taught taught", "tear": "tore torn",
    "tell": "told told",
    "think": "thought thought", "upset": "upset upset", "throw": "threw thrown",
    "wear": "wore worn", "weep": "wept wept",
    "write": "wrote written",
}  # fmt: skip
# One syllable (or stress on the last one): the final consonant is doubled.
DOUBLED = frozenset(
    """begin chip forbid forget jam knit plan prefer run shut skid slam stop swim
    upset""".split()
)

# States are not in progress ("*is knowing") and happen at no place or time.
STATES = frozenset(
    """admire trust respect fear hate adore despise pity know believe think hope suppose
    want need prefer expect require seem appear tend happen suspect rely live""".split()
)
# What happens at one moment is seldom in progress ("?was noticing a key").
MOMENTS = frozenset(
    """discover recognize notice realize forget obtain acquire remember recall ignore
    begin start arrive avoid mention imagine picture reveal break shatter crack smash
    chip fracture""".split()
)

# --------------------------------------------------------------- shared words
MEN = """John Peter Thomas David Paul Michael James Robert Daniel George Henry
    Simon""".split()
WOMEN = "Mary Anna Susan Laura Julia Helen Alice Sarah Emma Linda Martha Rachel".split()

ADJECTIVES = {
    "person": "tall old young famous rich poor clever friendly honest quiet polite",
    "animal": "small big old young hungry black white brown wild",
    "fragile": "old new small big beautiful expensive blue green cheap",
    "opening": "old new small big heavy green white narrow",
    "vehicle": "old new red blue small big fast expensive",
    "thing": "old new small big beautiful expensive heavy strange ugly",
    "text": "long short old new terrible famous strange interesting",
    "food": "small big fresh cold delicious cheap",
    "clothes": "old new red blue green dirty expensive beautiful",
    "place": "old new small big beautiful quiet famous",
    "event": "long short terrible important",
}  # fmt: skip
STATES_OF_MIND = "happy sad tired busy nervous angry lonely ill hungry proud".split()
NUMBERS = "two three four five six ten".split()


# ---------------------------------------------------------------------- forms
@dataclass(frozen=True, slots=True)
class Noun:
    """A common noun or a name: its forms, and what agreement and sense ask of it."""

    singular: str
    plural: str
    kind: str
    gender: str | None = None  # "m", "f", or None where the noun does not tell


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb: its forms, and the preposition or kind of object that it asks for."""

    lemma: str
    third: str
    past: str
    participle: str
    gerund: str
    needs: str = ""


def plural_of(noun):
    """The plural: irregular, -men, or by the rules of spelling."""
    if noun in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[noun]
    if noun.endswith("man"):
        return noun[:-2] + "en"
    if noun in ("hero", "potato", "tomato"):
        return noun + "es"
    return add_s(noun)


def is_irregular(noun):
    """True where the plural is not made with -s."""
    return noun.singular in IRREGULAR_PLURALS or noun.singular.endswith("man")


def add_s(word):
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def conjugate(lemma, needs=""):
    """The five forms of a verb, from its base form."""
    stem = lemma + lemma[-1] if lemma in DOUBLED else lemma
    if lemma in IRREGULAR_VERBS:
        past, participle = IRREGULAR_VERBS[lemma].split()
    else:
        past = participle = add_ed(stem)
    silent = stem.endswith("e") and not stem.endswith(("ee", "oe", "ye"))
    gerund = (stem[:-1] if silent else stem) + "ing"
    return Verb(lemma, add_s(lemma), past, participle, gerund, needs)


def add_ed(stem):
    if stem.endswith("e"):
        return stem + "d"
    if stem.endswith("y") and stem[-2] not in "aeiou":
        return stem[:-1] + "ied"
    return stem + "ed"


# --------------------------------------------------------------------- splits
def read_table(table, split):
    """The rows of a table as {class: words of the split}."""
    column = SPLITS.index(split) + 1
    rows = (line.split("|") for line in table.strip().splitlines())
    return {cells[0].strip(): cells[column].split() for cells in rows}


class Lexicon:
    """The nouns (by kind) and the verbs (by frame) of one split."""

    def __init__(self, split):
        self.split = split
        genders = {"male": "m", "female": "f"}
        self.nouns = {
            kind: tuple(Noun(w, plural_of(w), kind, genders.get(kind)) for w in words)
            for kind, words in read_table(NOUNS, split).items()
        }
        self.verbs = {
            frame: tuple(conjugate(*word.split(":")) for word in words)
            for frame, words in read_table(VERBS, split).items()
        }

    def forms(self):
        """Every inflected form: (of nouns, of verbs), each sorted."""
        nouns = sum(self.nouns.values(), ())
        nouns = {form for n in nouns for form in (n.singular, n.plural)}
        verbs = {
            form
            for v in sum(self.verbs.values(), ())
            for form in (v.lemma, v.third, v.past, v.participle, v.gerund)
        }
        return sorted(nouns), sorted(verbs)


@functools.cache
def lexicon(split):
    """The lexicon of a split. Raises ValueError for a split that does not exist."""
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; it can be {', '.join(SPLITS)}.")
    return Lexicon(split)


def check_disjoint(lexicon, splits, file):
    """Raise ValueError, naming the file, where a noun or verb form is in two splits."""
    owner = {}
    for split in splits:
        for form in (form for forms in lexicon(split).forms() for form in forms):
            if owner.setdefault(form, split) != split:
                raise ValueError(
                    f"{form!r} is in the splits {owner[form]} and {split}: take it "
                    f"out of one of them in {file}."
                )


check_disjoint(lexicon, SPLITS, "utils/english/lexicon.py")
