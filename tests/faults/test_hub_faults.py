"""Downloads from a hub that fails in random ways, one fault after another or at once.

tests/test_hub.py tries each fault in each place and reads what is said. Here faults meet
one another, with a cache that earlier downloads left, and every download ends in the right
thing or in a clear error; the cache never holds a file that the hub does not.
"""

import random
import shutil

import fake_hub
from test_hub import (  # noqa: F401 - its fixtures are those of every download
    FAULTS, ON_THE_WAY, THINGS, UNSEEN_IN_A_BOOK, cache, check_cache, healthy, load, never,
    reader, repositories, server, waits,
)  # fmt: skip

from utils.sources import SourceError, hub

FOREVER = float("inf")


def strike(server, kind, chance, never):  # noqa: F811
    """One to three random faults on the way of a thing; what they are, to be shown."""
    own = [pattern for place, (what, pattern) in ON_THE_WAY.items() if what == kind]
    places = own + [THINGS[kind].file]
    changes = {name: change for name, (change, _) in FAULTS.items()}
    changes |= {"slow": fake_hub.trickling, "silent": fake_hub.silent(never)}
    if kind == "book":  # no sum of it is known: a byte more or less is as good a book
        changes = {name: c for name, c in changes.items() if name not in UNSEEN_IN_A_BOOK}
    found = []
    for _ in range(chance.randint(1, 3)):
        fault = chance.choice(sorted(changes)), chance.choice(places)
        times = chance.choice([1, 2, 3, 4, FOREVER])
        server.fail(fault[1], changes[fault[0]], times)
        found.append((*fault, times))
    server.resumes = chance.random() < 0.5
    return found


def ended_well(server, kind):  # noqa: F811
    """Either "loaded", as `load` asks, or "refused", clearly; else what was wrong."""
    thing = THINGS[kind]
    try:
        load(server, thing)
        return "loaded"
    except SourceError as error:
        message = str(error)
        clear = message.startswith(f"{thing.asked} cannot be had from {server.url} ")
        check_cache(server)
        return "refused" if clear and "COURSE_DATA" in message else message
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def test_random_faults(server, never, full, tally):  # noqa: F811
    chance, found = random.Random(1), []
    for _ in range(50 if full else 5):
        kind = chance.choice(sorted(THINGS))
        if chance.random() < 0.7:  # else the cache has what came before
            shutil.rmtree(cache())
            cache().mkdir()
        faults = strike(server, kind, chance, never)
        ended = ended_well(server, kind)
        server.faults.clear()
        hub._trouble_of.cache_clear()
        after = ended_well(server, kind)
        found.append((kind, faults, ended, after))
    held = [ended in ("loaded", "refused") and after == "loaded" for *_, ended, after in found]
    tally("a download with random faults: the right file or a clear error, never half of one",
          sum(held), len(held))  # fmt: skip
    assert all(held), [one for one, right in zip(found, held) if not right]
    if full:
        assert {ended for *_, ended, _ in found} == {"loaded", "refused"}
