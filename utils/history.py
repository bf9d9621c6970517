"""A hundred years before the Transformer, as data and as code that runs.

The timeline is a file, `chapters/timeline.yml`; the rest is Markov's chain of letters,
Shannon's entropies, Hopfield's memory and the convolution, each in a few lines.

Letters of the shapes: S states of a chain, P stored patterns, N units of a memory,
L positions of a signal, C channels, K width of a kernel.
Taught in: chapter 1, section "History that runs".
"""

import math
import re
import string
import unicodedata
from collections import Counter
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from utils.inputs import require_text
from utils.plots import BLUE, Picture, new_figure, picture
from utils.sources.formats import read_yaml

CHAPTERS = Path(__file__).parents[1] / "chapters"
TIMELINE = CHAPTERS / "timeline.yml"
ALPHABET = string.ascii_lowercase + " "  # Shannon's 27 symbols


# ------------------------------------------------------------------- timeline
class TimelineError(ValueError):
    """An entry of the timeline is incomplete, malformed or contradicts its source."""


@dataclass(frozen=True)
class Event:
    """One entry of the timeline; one of the last three fields is set."""

    date: str  # YYYY or YYYY-MM
    event: str
    who: str
    idea: str
    title: str
    arxiv: str | None = None
    doi: str | None = None
    reference: str | None = None

    @property
    def year(self) -> float:
        """The date in years; the middle of the year where the month is unknown."""
        year, _, month = self.date.partition("-")
        return int(year) + ((int(month) - 0.5) / 12 if month else 0.5)

    @property
    def source(self) -> str:
        """Where to look it up: an arXiv id, a DOI or a reference in words."""
        if self.arxiv:
            return f"arXiv:{self.arxiv}"
        return f"doi:{self.doi}" if self.doi else self.reference


def load_timeline(path=TIMELINE) -> list[Event]:
    """Read the timeline and check each entry; sorted by date as in the file.

    An arXiv id starts with the year and the month in which the paper was announced
    (1706.03762: June 2017), so a date that disagrees with it is refused.

    Raises:
        TimelineError: no list, an unknown or missing field, a malformed date, no source
            or more than one, an arXiv id of another month, a duplicate, or an entry
            that is out of order, or a file that cannot be read. The message names the
            file and the entry.
        TypeError: what is no path.
    Taught in: chapter 1, section "A timeline that is checked".
    """
    raw = read_yaml(path, TimelineError)
    if not isinstance(raw, list) or not raw:
        raise TimelineError(f"{path}: expected entries that start with '- date:'.")
    events = [_event(entry, f"{path}, entry {n}") for n, entry in enumerate(raw, 1)]
    for earlier, later in pairwise(events):
        # "1956" and "1956-07" are compared by the year alone.
        length = min(len(earlier.date), len(later.date))
        if earlier.date[:length] > later.date[:length]:
            raise TimelineError(
                f"{path}: {later.event!r} ({later.date}) stands after "
                f"{earlier.event!r} ({earlier.date}); sort the file by date."
            )
    twice = [name for name, n in Counter(e.event for e in events).items() if n > 1]
    if twice:
        raise TimelineError(f"{path}: {twice[0]!r} is listed twice.")
    return events


def _event(entry, where: str) -> Event:
    known = [field.name for field in fields(Event)]
    if not isinstance(entry, dict):
        raise TimelineError(f"{where}: expected fields such as 'date:', got {entry!r}.")
    if unknown := sorted(set(entry) - set(known)):
        raise TimelineError(f"{where}: unknown field {unknown[0]!r}; known: {known}.")
    entry = {name: str(value).strip() for name, value in entry.items()}
    if missing := [name for name in known[:5] if not entry.get(name)]:
        raise TimelineError(f"{where}: the field {missing[0]!r} is missing or empty.")
    where = f"{where} ({entry['event']!r})"
    if not re.fullmatch(r"\d{4}(-(0[1-9]|1[0-2]))?", entry["date"]):
        raise TimelineError(f"{where}: date {entry['date']!r} is not YYYY or YYYY-MM.")
    sources = [name for name in known[5:] if entry.get(name)]
    if len(sources) != 1:
        raise TimelineError(f"{where}: give one of arxiv, doi and reference, not "
                            f"{len(sources)}.")
    if identifier := entry.get("arxiv"):
        found = re.fullmatch(r"(\d\d)(0[1-9]|1[0-2])\.\d{4,5}", identifier)
        if not found:
            raise TimelineError(f"{where}: arXiv id {identifier!r} is not YYMM.NNNNN.")
        month = f"20{found[1]}-{found[2]}"
        if month != entry["date"]:
            raise TimelineError(f"{where}: the date says {entry['date']}, but arXiv id "
                                f"{identifier} is of {month}.")
    return Event(**entry)


def timeline_table(events) -> pd.DataFrame:
    """The timeline as a table: date, event, who, the idea in a sentence, source."""
    columns = ("date", "event", "who", "idea", "source")
    return pd.DataFrame([{name: getattr(e, name) for name in columns} for e in events])


def timeline_figure(events, alt: str) -> Picture:
    """The events from top to bottom, each at its year: the steeper, the more crowded.

    Taught in: chapter 1, section "A timeline that is checked".
    """
    figure, axes = new_figure((6.6, 0.6 + 0.165 * len(events)))
    years = [event.year for event in events]
    places = range(len(events))
    axes.plot(years, places, color=BLUE, linewidth=0.8, alpha=0.4)
    axes.scatter(years, places, color=BLUE, s=16)
    middle = (min(years) + max(years)) / 2
    for event, year, place in zip(events, years, places):
        side = 1 if year < middle else -1  # the name stands where there is room
        axes.annotate(f"{event.event}, {event.date[:4]}", (year, place), fontsize=8.5,
                      xytext=(7 * side, 0), textcoords="offset points", va="center",
                      ha="left" if side > 0 else "right")
    axes.invert_yaxis()
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("year")
    return picture(figure, alt)


# --------------------------------------------------------------------- Markov
def letters(text: str) -> str:
    """The text in 27 symbols: a to z without accents, and one space between words.

    Raises:
        TypeError: what is no text.
    Source: the alphabet of Shannon 1951, "Prediction and Entropy of Printed English".
    Taught in: chapter 1, section "Markov: the next letter depends on this one".
    """
    plain = unicodedata.normalize("NFD", require_text(text).lower())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(re.findall("[a-z]+", plain))


def spanish_passage() -> str:
    """A page of Spanish prose that was written for the course."""
    return (CHAPTERS / "passage_es.txt").read_text(encoding="utf-8")


def vowels_and_consonants(text: str) -> str:
    """The text as Markov saw it: a V for each vowel, a C for each other letter.

    Spaces and signs are left out. `y` counts as a consonant.

    Raises:
        TypeError: what is no text.
    Source: Markov 1913, on the first 20,000 letters of *Eugene Onegin*.
    Taught in: chapter 1, section "Markov: the next letter depends on this one".
    """
    return "".join("V" if c in "aeiou" else "C" for c in letters(text) if c != " ")


def transition_matrix(sequence, states) -> np.ndarray:
    """How likely each state is to follow each other one: [S, S], every row sums to one.

    Row i, column j: the share of the occurrences of states[i] that states[j] follows.

    Raises:
        ValueError: a symbol that is no state, or a state that nothing follows.
        TypeError: what is no sequence, or a symbol that is not hashable.
    Source: Markov 1906 and 1913.
    Taught in: chapter 1, section "Markov: the next letter depends on this one".
    """
    place = {state: i for i, state in enumerate(states)}
    if strangers := sorted(set(sequence) - set(place), key=repr):
        raise ValueError(f"The sequence holds {strangers[0]!r}, which is not among the "
                         f"states {list(states)}.")
    path = np.array([place[symbol] for symbol in sequence], dtype=int)
    counts = np.zeros((len(place), len(place)))
    np.add.at(counts, (path[:-1], path[1:]), 1)  # one for each pair of neighbours
    totals = counts.sum(axis=1, keepdims=True)
    if not totals.all():
        lonely = list(states)[int(np.argmin(totals))]
        raise ValueError(f"Nothing follows the state {lonely!r}: leave it out of the "
                         "states, or take a longer sequence.")
    return counts / totals


def stationary_distribution(matrix, tolerance=1e-13, max_steps=10_000) -> np.ndarray:
    """Where a long walk spends its time: the distribution [S] with p = p @ matrix.

    Found by power iteration: take any distribution and multiply by the matrix until
    nothing changes.

    Raises:
        ValueError: rows that are no distributions; or a chain that has no single answer
            (it falls into separate parts, or runs in a circle).
        ArithmeticError: not settled after `max_steps` multiplications.
    Source: Markov 1906; the theorem is Perron's and Frobenius's.
    Taught in: chapter 1, section "Markov: the next letter depends on this one".
    """
    matrix = np.asarray(matrix, dtype=float)
    if (matrix < 0).any() or not np.allclose(matrix.sum(axis=1), 1):
        raise ValueError("Each row of a transition matrix must be a distribution: no "
                         "negative number, sum 1. Was it normalised by columns?")
    if (np.abs(np.linalg.eigvals(matrix)) > 1 - 1e-9).sum() > 1:
        raise ValueError("The chain falls into separate parts or runs in a circle: its "
                         "distribution depends on where and when one looks.")
    share = np.full(len(matrix), 1 / len(matrix))
    for _ in range(max_steps):
        share, before = share @ matrix, share
        if np.abs(share - before).max() < tolerance:
            return share
    raise ArithmeticError(f"Power iteration is not settled after {max_steps} steps.")


# -------------------------------------------------------------------- Shannon
def block_entropy(text: str, length: int) -> float:
    """Entropy in bits of the blocks of `length` letters, from their frequencies.

    The text is read as a ring, its end joined to its start, so that each letter starts
    one block of every length.

    Raises:
        TypeError: what is no text.
    Source: Shannon 1948, section 7, G_N without its factor 1/N.
    Taught in: chapter 1, section "Shannon: how much is left to guess".
    """
    ring = text + text[: max(length - 1, 0)]
    blocks = Counter(ring[i : i + length] for i in range(len(text)))
    share = np.fromiter(blocks.values(), dtype=float) / len(text)
    return float(-(share * np.log2(share)).sum())


def conditional_entropy(text: str, order: int) -> float:
    """Bits left to guess in a letter when the `order` letters before it are known.

    Estimated from the text's own frequencies, which makes it too low when the text is
    short for the order: compare `LetterModel.cross_entropy` on other text.

    Raises:
        TypeError: what is no text.
    Source: Shannon 1948, section 7, F_N with N = order + 1.
    Taught in: chapter 1, section "Shannon: how much is left to guess".
    """
    return block_entropy(text, order + 1) - block_entropy(text, order)


class LetterModel:
    """An n-gram model of letters: guesses the next one from the `order` before it.

    What a context has never seen is asked of the context that is one letter shorter,
    down to the uniform distribution: `prior` is how many observations that opinion is
    worth.

    Raises:
        ValueError: a negative order, no prior, or a text that is too short.
        TypeError: here and in every method, for what is no text.
    Source: Shannon 1948, section 3; the smoothing is MacKay and Peto 1995.
    Taught in: chapter 1, section "Shannon: how much is left to guess".
    """

    def __init__(self, text: str, order: int, prior: float = 5.0):
        if order < 0 or prior <= 0 or len(text) <= order:
            raise ValueError(
                f"A LetterModel needs order >= 0, prior > 0 and more letters than the "
                f"order; it got order {order}, prior {prior} and {len(text)} letters."
            )
        self.order, self.prior = order, prior
        ring = text + text[:order]
        self.counts = Counter(
            ring[i : i + length]
            for length in range(order + 2)
            for i in range(len(text))
        )

    def probability(self, letter: str, context: str = "") -> float:
        """How likely `letter` is after `context` (its last `order` letters count)."""
        context = context[max(len(context) - self.order, 0) :]
        guess = 1 / len(ALPHABET)
        for start in range(len(context), -1, -1):  # from no context to the longest
            known = context[start:]
            seen = self.counts[known + letter] + self.prior * guess
            guess = seen / (self.counts[known] + self.prior)
        return guess

    def most_likely(self, context: str = "") -> str:
        """The letter that is most likely after `context`."""
        return max(ALPHABET, key=lambda letter: self.probability(letter, context))

    def cross_entropy(self, text: str) -> float:
        """Bits a letter that the model needs for a text, seen or unseen."""
        if not len(text):
            raise ValueError("The text is empty: no letter is to be guessed.")
        bits = [
            -math.log2(self.probability(letter, text[max(i - self.order, 0) : i]))
            for i, letter in enumerate(text)
        ]
        return sum(bits) / len(bits)

    def sample(self, length: int, rng: np.random.Generator) -> str:
        """Write `length` letters, each drawn given the ones before it."""
        text = ""
        for _ in range(length):
            chances = [self.probability(letter, text) for letter in ALPHABET]
            chances = np.array(chances) / sum(chances)  # rounding: sum to one
            text += ALPHABET[rng.choice(len(ALPHABET), p=chances)]
        return text


# ------------------------------------------------------------------- Hopfield
def hebbian_weights(patterns) -> np.ndarray:
    """The weights [N, N] that store patterns [P, N] of +1 and -1.

    Units that agree in a pattern are tied together, units that differ are pushed apart:
    W = sum over patterns of x x^T, divided by N, with nothing from a unit to itself.

    Raises:
        ValueError: a value that is neither +1 nor -1.
    Source: Hopfield 1982, equation 2 (there for values 0 and 1, and without 1/N).
    Taught in: chapter 1, section "Hopfield: a memory that rolls downhill".
    """
    patterns = np.atleast_2d(np.asarray(patterns, dtype=float))
    if not np.isin(patterns, (-1, 1)).all():
        raise ValueError("A Hopfield network stores patterns of +1 and -1 only.")
    weights = patterns.T @ patterns / patterns.shape[1]
    np.fill_diagonal(weights, 0)
    return weights


def energy(weights, state) -> float:
    """Hopfield's energy of a state [N]: -1/2 s^T W s.

    Source: Hopfield 1982, equation 7.
    Taught in: chapter 1, section "Hopfield: a memory that rolls downhill".
    """
    return float(-0.5 * state @ weights @ state)


def recall(weights, state, rng, max_sweeps=50) -> tuple[np.ndarray, list[float]]:
    """Let the network run from `state` [N] until no unit wants to change.

    One unit at a time, in random order, looks at the others and follows their vote.

    Returns:
        The final state [N], and the energy at the start and after each flip: it never
        rises, because a flip is made only where it lowers the energy.
    Raises:
        ArithmeticError: still flipping after `max_sweeps` rounds (weights that are not
            symmetric, or that tie a unit to itself).
    Source: Hopfield 1982, equations 1 and 8.
    Taught in: chapter 1, section "Hopfield: a memory that rolls downhill".
    """
    state = np.array(state, dtype=float)
    energies = [energy(weights, state)]
    for _ in range(max_sweeps):
        flips = 0
        for unit in rng.permutation(len(state)):
            vote = weights[unit] @ state
            if vote * state[unit] < -1e-9:  # the others disagree; a tie changes nothing
                state[unit] = -state[unit]
                energies.append(energy(weights, state))
                flips += 1
        if not flips:
            return state, energies
    raise ArithmeticError(f"The network still flips after {max_sweeps} rounds: are the "
                          "weights symmetric, with a zero diagonal?")


def dense_recall(patterns, state, beta=1.0) -> np.ndarray:
    """One step of the modern Hopfield network: attention over the stored patterns.

    softmax(beta * patterns @ state) says how much each of patterns [P, N] resembles
    state [N]; the result [N] is their mean with those weights. The state is a query,
    the patterns are keys and values.

    Source: Ramsauer et al. 2020, equation 3.
    Taught in: chapter 1, section "Hopfield: a memory that rolls downhill".
    """
    patterns = np.asarray(patterns, dtype=float)
    return softmax(beta * (patterns @ np.asarray(state, dtype=float))) @ patterns


def corrupt(pattern, share: float, rng) -> np.ndarray:
    """A copy of pattern [N] with that share of its units, chosen at random, flipped."""
    damaged = np.array(pattern, dtype=float)
    flipped = rng.choice(len(damaged), size=round(share * len(damaged)), replace=False)
    damaged[flipped] *= -1
    return damaged


# Pictures of 9 x 9 points for the memory: each is a string for a row.
PICTURES = {
    "H": """
##.....##
##.....##
##.....##
#########
#########
#########
##.....##
##.....##
##.....##""",
    "L": """
###......
###......
###......
###......
###......
###......
#########
#########
#########""",
    "V": """
##.....##
##.....##
###...###
.##...##.
.###.###.
..##.##..
..#####..
...###...
...###...""",
}


def picture_of(name: str) -> np.ndarray:
    """A stored picture as points [9, 9]: +1 for ink, -1 for paper.

    Raises:
        ValueError: a name that no picture has.
    """
    if not isinstance(name, str) or name not in PICTURES:
        raise ValueError(f"There is no picture {name!r}: choose one of {list(PICTURES)}.")
    rows = PICTURES[name].split()
    return np.array([[1.0 if point == "#" else -1.0 for point in row] for row in rows])


# ---------------------------------------------------------------- convolution
def convolve(signal, kernel, bias=0.0) -> np.ndarray:
    """A convolution layer over a sequence, as neural networks compute it.

    The same kernel looks at each window of K positions, so what it learns in one place
    it knows in every place. (Mathematics calls this a cross-correlation: the kernel is
    not flipped.)

    Args:
        signal: [L, C_in].
        kernel: [K, C_in, C_out].
        bias: [C_out].
    Returns:
        [L - K + 1, C_out].
    Raises:
        ValueError: channels that disagree, or a signal shorter than the kernel.
    Source: LeCun et al. 1989; without pooling and without a nonlinearity.
    Taught in: chapter 1, section "LeCun: one small map, used everywhere".
    """
    signal, kernel = np.asarray(signal, float), np.asarray(kernel, float)
    width, channels, _ = kernel.shape
    if signal.shape[1] != channels:
        raise ValueError(
            f"The signal has {signal.shape[1]} channels, the kernel expects {channels}."
        )
    if len(signal) < width:
        raise ValueError(
            f"A signal of {len(signal)} positions is shorter than the kernel of {width}."
        )
    windows = range(len(signal) - width + 1)
    return np.stack(
        [np.einsum("kc,kcd->d", signal[i : i + width], kernel) for i in windows]
    ) + bias


def convolve_image(image, kernel) -> np.ndarray:
    """One kernel [h, w] over an image [H, W]: [H - h + 1, W - w + 1].

    Raises:
        ValueError: an image smaller than the kernel.
    Source: LeCun et al. 1989; the same weights at each place of the image.
    Taught in: chapter 1, section "LeCun: one small map, used everywhere".
    """
    windows = np.lib.stride_tricks.sliding_window_view(image, np.shape(kernel))
    return np.einsum("ijhw,hw->ij", windows, kernel)
