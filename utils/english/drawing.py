"""Drawing different sentences and pairs from a grammar; `utils.spanish` draws so too."""

import difflib
import random
import reprlib

# So many failures in a row to find something new mean that there is hardly any left.
PATIENCE = 2_000


class Choices:
    """Random choices from one lexicon; the same generator makes the same choices.

    lexicon: what a grammar's `lexicon` returned; rng: a `random.Random`.
    """

    def __init__(self, lexicon, rng):
        self.lexicon, self.random = lexicon, rng.random
        self.used = set()

    def begin(self):
        """A new sentence. In one sentence "the nun" is not said of two nuns."""
        self.used = set()

    def pick(self, items):
        return items[int(self.random() * len(items))]

    def chance(self, probability):
        return self.random() < probability

    def number(self):
        return self.pick(("sg", "pl"))

    def gender(self):
        return self.pick(("m", "f"))


def other(value):
    """The number, or the gender, that does not agree."""
    return {"sg": "pl", "pl": "sg", "m": "f", "f": "m"}[value]


def seeded(number, seed, split):
    """The generator for one split; raises ValueError for a negative number."""
    if number < 0:
        raise ValueError(f"number is {number}: it cannot be negative.")
    # With the split in the seed, two splits are not the same sentences in other words.
    return random.Random(f"{seed} {split}")


def known(chosen, phenomena):
    """The chosen names as a list, all of `phenomena` for None.

    Raises ValueError for an unknown name, one that is there twice, or none at all;
    TypeError for what is no list of names.
    """
    names = phenomena if chosen is None else chosen
    if isinstance(names, (str, bytes)) or not hasattr(names, "__iter__"):
        raise TypeError(f"phenomena is a list of names, not {reprlib.repr(names)}")
    names = list(names)
    if strange := [name for name in names if not isinstance(name, str)]:
        raise TypeError(f"a phenomenon is a name, not {reprlib.repr(strange[0])}")
    for name in names:
        if name not in phenomena:
            close = difflib.get_close_matches(name, phenomena, 1, cutoff=0)
            raise ValueError(
                f"{name!r} is no phenomenon of the grammar. The closest is "
                f"{close[0]!r}; there are {', '.join(phenomena)}."
            )
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"phenomena must be different and at least one; it is {names}."
        )
    return names


def pairs(number, names, make, seed, split):
    """`number` pairs, as many of each name, none with a sentence of another; shuffled.

    make: name → a new random pair of that phenomenon. Raises ValueError where the
    grammar has too few.
    """
    taken, found = set(), []
    for i, name in enumerate(names):
        share = number // len(names) + (i < number % len(names))
        found += distinct(
            share, lambda name=name: make(name),
            lambda pair: (pair.good.text, pair.bad.text),
            f"pairs of {name} in the split {split!r}", taken,
        )  # fmt: skip
    random.Random(seed).shuffle(found)
    return found


def distinct(number, make, keys, what, taken=None):
    """`number` results of make(), none of whose keys is taken by another one."""
    taken = set() if taken is None else taken
    found, failures = [], 0
    while len(found) < number:
        made = make()
        if taken.isdisjoint(new := keys(made)):
            failures = 0
            taken.update(new)
            found.append(made)
            continue
        failures += 1
        if failures == PATIENCE:
            raise ValueError(
                f"{number:,} different {what} were asked for, and the grammar "
                f"found {len(found):,}: ask for fewer."
            )
    return found
