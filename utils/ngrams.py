"""What counting can do: guess a hidden piece from its neighbours, without a network.

Three models answer the question that a masked language model is asked, a piece at a
position of a row, and see the row as it sees it: corrupted. `Unigram` looks at nothing,
`Bigram` at the piece before, `Bidirectional` at the pieces on both sides. A network
that has learned more than which pieces stand side by side has a lower loss than all
three.

Chapter 1's `LetterModel` is an n-gram model as well. It counts strings of 27 letters in
dictionaries, one context at a time; here are millions of ids of thousands of pieces,
two contexts at once, and hidden neighbours, so the counts are arrays.

Letters of the shapes: V pieces in the vocabulary, N positions, B rows, L positions of a
row, K distributions that are mixed.

Source: Shannon 1948, section 3; Jelinek and Mercer 1980, "Interpolated estimation of
Markov source parameters from sparse data"; Chen and Goodman 1999, "An empirical study
of smoothing techniques for language modeling", section 2.
Taught in: chapter 4, section "What the model learned".
"""

from abc import ABC, abstractmethod

import numpy as np
from scipy import sparse

from utils.pretraining_tasks import IGNORED

UNKNOWN = -1  # in the place of a neighbour that is hidden, or beyond the row's end
CHUNK = 2**20  # so many positions are sorted and counted at once
BLOCK = 256  # so many positions on end are held out together


# --------------------------------------------------------------------- the models
class Neighbours(ABC):
    """What the three models share: they differ in `probability` alone."""

    vocab_size: int

    def probability(self, words, left=UNKNOWN, right=UNKNOWN) -> np.ndarray:
        """How likely each of `words` is between its neighbours: [N].

        words, left, right: ids [N], or one id for all; UNKNOWN (-1) for a neighbour
        that cannot be seen. For each pair of neighbours the probabilities of the V
        pieces sum to 1.
        Raises ValueError for an id outside the vocabulary, and for what is no integer.
        """
        given = np.broadcast_arrays(words, left, right)
        for x, name, least in zip(given, ("words", "left", "right"), (0, -1, -1)):
            if x.size and x.dtype.kind not in "iu":
                raise ValueError(f"{name} must be ids, integers, not of {x.dtype}")
            if x.size and not least <= x.min() <= x.max() < self.vocab_size:
                raise ValueError(
                    f"{name} has the ids {x.min()} to {x.max()}; the vocabulary has 0 "
                    f"to {self.vocab_size - 1}"
                )
        # Copies, so that what is done to them here does not reach the caller's.
        ids = [np.array(x, dtype=np.int64) for x in given]
        return self._probability(*map(np.ravel, ids)).reshape(ids[0].shape)

    def losses(self, corrupted_ids, labels, hidden_ids, kept=0.1, random=0.1):
        """-log P(label), in nats, where a label is: an array [N], row by row.

        corrupted_ids, labels: integers [B, L], what `corrupt` returns; the labels are
        -100 where nothing is asked; hidden_ids: the ids behind which a piece hides, the
        mask's above all, which count as unknown neighbours. So does what lies beyond
        the row. A neighbour that was replaced by a random piece misleads this model as
        it misleads a network: neither is told.
        kept, random: `corrupt` leaves some of the asked pieces as they are and replaces
        others, and a network sees what stands there. So does the model, by Bayes' rule:
        P(w | x stands there) is in proportion to P(w) (kept [w = x] + random / V).

        Raises ValueError for shapes that differ, no label, an id or label outside the
        vocabulary, or a share that is no probability; TypeError for hidden_ids that are
        no list.
        Source: the shares are those of Devlin et al. 2019, section 3.1, task 1.
        Taught in: chapter 4, section "What the model learned".
        """
        corrupted, labels = np.atleast_2d(corrupted_ids), np.atleast_2d(labels)
        asked = labels != IGNORED
        if corrupted.shape != labels.shape or not asked.any():
            raise ValueError(
                f"corrupted_ids {list(corrupted.shape)} and labels "
                f"{list(labels.shape)} need one shape, and a label that is not "
                f"{IGNORED}; {asked.sum()} are"
            )
        seen = np.where(np.isin(corrupted, list(hidden_ids)), UNKNOWN, corrupted)
        left, right = beside(seen)
        left, right, here = left[asked], right[asked], seen[asked]  # [N] each
        words = labels[asked]
        likely = self.probability(words, left, right)
        shown = here != UNKNOWN
        if shown.any():
            likely[shown] *= self._evidence(
                words[shown], here[shown], left[shown], right[shown], kept, random
            )
        return -np.log(likely)

    def loss(self, corrupted_ids, labels, hidden_ids, kept=0.1, random=0.1) -> float:
        """The mean of `losses`: beside it stands a network's masked-LM loss.

        Raises what `Neighbours.losses` raises.
        Taught in: chapter 4, section "What the model learned".
        """
        return float(
            self.losses(corrupted_ids, labels, hidden_ids, kept, random).mean()
        )

    def score(self, ids) -> float:
        """The sum of log P(piece | neighbours) over a sentence, ids [L], in nats.

        Of a Bigram it is the log-probability of the sentence; of a Bidirectional, whose
        piece on the right is known before it is guessed, the pseudo-log-likelihood.
        Raises ValueError for what are no ids [L] of the vocabulary.
        Taught in: chapter 4, section "What the model learned".
        """
        ids = np.asarray(ids)
        if ids.ndim != 1:
            raise ValueError(f"ids are {list(ids.shape)}, not those of one sentence, [L]")
        left, right = beside(ids[None])
        return float(np.log(self.probability(ids, left[0], right[0])).sum())

    def _evidence(self, words, here, left, right, kept, random):
        """P(`here` stands there | word) / P(`here` stands there): [N].

        The random piece is drawn from the whole vocabulary and may be the right one.
        """
        if not (kept >= 0 and random > 0 and kept + random <= 1):
            raise ValueError(
                f"{len(here)} pieces are asked for and shown: kept must be 0 or more "
                f"and random above 0, together 1 at most, not {kept} and {random}"
            )
        by_chance = random / self.vocab_size
        every_way = kept * self.probability(here, left, right) + by_chance
        return (kept * (words == here) + by_chance) / every_way

    @abstractmethod
    def _probability(self, words, left, right):
        """P(word | left, right) of flat arrays of ids, [N]: what the models differ in."""


class Unigram(Neighbours):
    """Each piece as often as it was counted, whatever stands beside it.

    Source: Shannon 1948, section 3, the first-order approximation.
    Taught in: chapter 4, section "What the model learned".
    """

    def __init__(self, counts):
        self.vocab_size = len(counts)
        self.shares = discounted_shares(counts)  # [V]

    @classmethod
    def fit(cls, rows, vocab_size):
        """Count the pieces of `rows`, an iterable of ids (lists or arrays of any size).

        Raises what `positions` raises.
        """
        counts = np.zeros(vocab_size, dtype=np.int64)
        for _, words, _ in positions(rows, vocab_size):
            counts += np.bincount(words, minlength=vocab_size)
        return cls(counts)

    def _probability(self, words, left, right):
        return self.shares[words]


class Bigram(Neighbours):
    """Each piece as often as it followed the one before; else as the unigram says.

    Source: Shannon 1948, section 3; the smoothing is in `OneNeighbour`.
    Taught in: chapter 4, section "What the model learned".
    """

    def __init__(self, unigram, left):
        self.vocab_size = unigram.vocab_size
        self.unigram, self.left = unigram, left

    @classmethod
    def fit(cls, rows, vocab_size):
        """Count the pairs of pieces side by side; arguments and errors of `Unigram.fit`."""
        counts, pairs = np.zeros(vocab_size, dtype=np.int64), Tally()
        for left, words, _ in positions(rows, vocab_size):
            counts += np.bincount(words, minlength=vocab_size)
            pairs.add((left * vocab_size + words)[left != UNKNOWN])
        return cls(Unigram(counts), OneNeighbour(*pairs.result(), vocab_size))

    def _probability(self, words, left, right):
        known = self.left.knows(left)
        likely = self.unigram.shares[words]
        likely[known] = self.left.probability(words[known], left[known])
        return likely


class Bidirectional(Neighbours):
    """Each piece as its neighbours on both sides have it, the best of four opinions.

    - what was counted between just these two neighbours, P₃(w | l, r), where they were
      seen together; it is smoothed by the next one:
    - both sides, P(w | l) P(w | r) / P(w), divided by its sum over all w. That is naive
      Bayes: given the piece, its neighbours are taken to be independent;
    - each side alone, P(w | l) and P(w | r).

    Their weights (`weights`, in this order) are those under which a part of the text
    that was not counted is most likely. Where one neighbour is unknown the other side
    is asked alone, and where both are, the unigram.

    Source: Jelinek and Mercer 1980 for the weights from held-out text.
    Taught in: chapter 4, section "What the model learned".
    """

    OPINIONS = ("between", "both sides", "left", "right")

    def __init__(self, unigram, left, right, between):
        self.vocab_size = unigram.vocab_size
        self.unigram, self.left, self.right = unigram, left, right
        self.between = between  # a TwoNeighbours
        self.weights = np.full(len(self.OPINIONS), 1 / len(self.OPINIONS))
        # The sum over w of P(w | l) P(w | r) / P(w), taken apart: each conditional is
        # counts, which are sparse, and a share of one dense distribution.
        inverse = 1 / unigram.shares  # [V]
        self._by_left = (left.counted @ sparse.diags_array(inverse)).tocsr()
        self._left_dense = self._by_left @ right.lower  # [V]
        self._right_dense = right.counted @ (left.lower * inverse)  # [V]
        self._dense = float((left.lower * right.lower * inverse).sum())

    @classmethod
    def fit(cls, rows, vocab_size, held_out=100):
        """Count all but every `held_out`-th block of 256 positions; weigh by those.

        The blocks are of the whole text, not of a row: a long document is partly
        counted and partly held out. Arguments and errors of `Unigram.fit`, and ValueError
        where no two neighbours of a piece are left on one of the two sides.
        """
        if held_out < 2:
            raise ValueError(f"held_out is every how-manieth block, 2 or more, not "
                             f"{held_out}")  # fmt: skip
        v, start = vocab_size, 0
        counts, kept = np.zeros(v, dtype=np.int64), []
        before, after, between = Tally(), Tally(), Tally()
        for left, words, right in positions(rows, v):
            place = np.arange(start, start + len(words)) // BLOCK
            start += len(words)
            out = place % held_out == 0
            both = (left != UNKNOWN) & (right != UNKNOWN)
            kept.append(np.stack([words, left, right])[:, out & both])
            left, words, right, both = (x[~out] for x in (left, words, right, both))
            counts += np.bincount(words, minlength=v)
            before.add((left * v + words)[left != UNKNOWN])
            after.add((right * v + words)[right != UNKNOWN])
            between.add(((left * v + right) * v + words)[both])
        kept = np.concatenate(kept, axis=1)  # [3, N]
        if not between.result()[0].size or not kept.size:
            raise ValueError(
                f"{start:,} positions are too few, or their rows too short: of the "
                f"pieces with two neighbours, some are counted and every {held_out}th "
                f"block of {BLOCK} is held out, and one of the two has none"
            )
        model = cls(
            Unigram(counts), OneNeighbour(*before.result(), v),
            OneNeighbour(*after.result(), v), TwoNeighbours(*between.result(), v),
        )  # fmt: skip
        words, left, right = kept
        known = model.left.knows(left) & model.right.knows(right)
        if known.any():
            opinions = model.opinions(words[known], left[known], right[known])
            model.weights = mixture_weights(opinions)
        return model

    def opinions(self, words, left, right):
        """The four probabilities of each word, both neighbours known: [N, 4].

        The columns are in the order of OPINIONS.
        """
        of_left = self.left.probability(words, left)
        of_right = self.right.probability(words, right)
        both = of_left * of_right / self.unigram.shares[words]
        both /= self._sum_of_products(left, right)
        between = self.between.probability(words, left, right, both)
        return np.stack([between, both, of_left, of_right], axis=1)

    def _sum_of_products(self, left, right):
        """The sum over all w of P(w | l) P(w | r) / P(w): [N]."""
        pairs, place = np.unique(left * self.vocab_size + right, return_inverse=True)
        left, right = np.divmod(pairs, self.vocab_size)
        left_rest, right_rest = self.left.rest[left], self.right.rest[right]
        total = (
            right_rest * self._left_dense[left]
            + left_rest * self._right_dense[right]
            + left_rest * right_rest * self._dense
        )
        for i in range(0, len(pairs), 1024):  # the rows of frequent pieces are long
            some = slice(i, i + 1024)
            rows = self._by_left[left[some]].multiply(self.right.counted[right[some]])
            total[some] += rows.sum(1)
        return total[place]

    def _probability(self, words, left, right):
        on_left, on_right = self.left.knows(left), self.right.knows(right)
        likely = self.unigram.shares[words]
        one, other, both = on_left & ~on_right, on_right & ~on_left, on_left & on_right
        likely[one] = self.left.probability(words[one], left[one])
        likely[other] = self.right.probability(words[other], right[other])
        if both.any():
            opinions = self.opinions(words[both], left[both], right[both])
            likely[both] = opinions @ self.weights
        return likely


# ------------------------------------------------------------------- from counts
def discount(counts) -> float:
    """What to take off each count, so that something is left for what was never seen.

    n₁ / (n₁ + 2 n₂), where n₁ is how many counts are 1, and n₂ how many are 2; a half
    where one of them is nothing.
    Source: Chen and Goodman 1999, section 2.6, after Ney, Essen and Kneser 1994.
    Taught in: chapter 4, section "What the model learned".
    """
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return once / (once + 2 * twice) if once and twice else 0.5


def discounted_shares(counts) -> np.ndarray:
    """The counts [V] as a distribution [V] in which nothing is impossible.

    Half an observation of each piece that was seen is shared out among all V.
    """
    seen = counts > 0
    return (counts - 0.5 * seen + 0.5 * seen.mean()) / counts.sum()


class OneNeighbour:
    """P(word | one neighbour) from the counts of pairs, by interpolated Kneser-Ney.

    (c(n, w) - D) / c(n) where the pair was seen, and what the discounts D have freed,
    `rest` of each neighbour, goes to all words in proportion to beside how many
    different neighbours each was seen, `lower`: "Francisco" is frequent, but after
    "San" alone.

    keys, counts: of the pairs, key = neighbour · V + word, sorted.
    Source: Kneser and Ney 1995; Chen and Goodman 1999, section 2.7.
    Taught in: chapter 4, section "What the model learned".
    """

    def __init__(self, keys, counts, vocab_size):
        neighbours, words = np.divmod(keys, vocab_size)
        less = discount(counts)
        total = np.bincount(neighbours, counts, vocab_size)  # [V]
        different = np.bincount(neighbours, minlength=vocab_size)
        self.seen = total > 0
        self.rest = less * different / np.maximum(total, 1)  # [V]
        self.counted = sparse.csr_array(
            ((counts - less) / total[neighbours], (neighbours, words)),
            shape=(vocab_size, vocab_size),
        )
        if keys.size:
            self.lower = discounted_shares(np.bincount(words, minlength=vocab_size))
        else:  # rows of one piece: no neighbour is ever known
            self.lower = np.full(vocab_size, 1 / vocab_size)

    def knows(self, neighbours):
        """True where the neighbour [N] is known and was seen beside some word."""
        return (neighbours != UNKNOWN) & self.seen[neighbours]

    def probability(self, words, neighbours):
        """P(word | neighbour) for neighbours that it knows: [N]."""
        return self.counted[neighbours, words] + (
            self.rest[neighbours] * self.lower[words]
        )


class TwoNeighbours:
    """P(word | left, right) from the counts of three in a row, smoothed from outside.

    As in OneNeighbour, but what the discounts have freed goes to another model of both
    neighbours. Two that were never seen together have nothing but that model.

    keys, counts: key = (left · V + right) · V + word, sorted, so that the words of two
    neighbours lie side by side.
    Source: Chen and Goodman 1999, section 2.6.
    Taught in: chapter 4, section "What the model learned".
    """

    def __init__(self, keys, counts, vocab_size):
        self.vocab_size, self.keys, self.counts = vocab_size, keys, counts
        self.discount = discount(counts)
        self.pairs, first = np.unique(keys // vocab_size, return_index=True)
        self.totals = np.add.reduceat(counts, first)
        self.different = np.diff(np.append(first, len(keys)))

    def probability(self, words, left, right, otherwise):
        """P(word | left, right), where `otherwise` [N] is the other model's: [N]."""
        pairs = left * self.vocab_size + right
        triple = pairs * self.vocab_size + words
        count = looked_up(triple, self.keys, self.counts)
        total = looked_up(pairs, self.pairs, self.totals)
        different = looked_up(pairs, self.pairs, self.different)
        freed = self.discount * different
        seen = np.maximum(count - self.discount, 0) + freed * otherwise
        return np.where(total > 0, seen / np.maximum(total, 1), otherwise)


def looked_up(keys, table, values):
    """The value of each key [N] in the sorted table of keys, 0 where it has none."""
    place = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return np.where(table[place] == keys, values[place], 0)


def mixture_weights(likelihoods, steps=100) -> np.ndarray:
    """The weights [K], of sum 1, under which a mixture makes the data most likely.

    likelihoods: [N, K], what each of K distributions gives each of N observations.
    Expectation: how much of each observation is each one's? Maximisation: its weight is
    its mean part. Neither step can make the data less likely.

    Raises ValueError for no observations, or one that all K hold impossible.
    Source: Jelinek and Mercer 1980; the algorithm is that of Dempster, Laird and Rubin
    1977.
    Taught in: chapter 4, section "What the model learned".
    """
    likelihoods = np.asarray(likelihoods, dtype=float)
    if likelihoods.ndim != 2 or not likelihoods.size or (
        likelihoods.sum(1) <= 0
    ).any():  # fmt: skip
        raise ValueError(
            f"likelihoods {list(likelihoods.shape)} must be [N, K], with a number above "
            f"0 in each row"
        )
    weights = np.full(likelihoods.shape[1], 1 / likelihoods.shape[1])
    for _ in range(steps):
        parts = likelihoods * weights
        weights = (parts / parts.sum(1, keepdims=True)).mean(0)
    return weights


# ------------------------------------------------------------------------ counting
class Tally:
    """How often each key came in a stream of arrays; it never holds the stream."""

    def __init__(self):
        self._parts = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))]

    def add(self, keys):
        """Count the keys, integers [N]."""
        self._parts.append(np.unique(keys, return_counts=True))

    def result(self):
        """The different keys, sorted, and the count of each: two arrays."""
        keys, counts = (np.concatenate(part) for part in zip(*self._parts))
        keys, place = np.unique(keys, return_inverse=True)
        counts = np.bincount(place, counts, len(keys)).astype(np.int64)
        self._parts = [(keys, counts)]
        return keys, counts


def beside(rows):
    """The pieces before and after each of rows [B, L]; UNKNOWN at the ends: 2 [B, L]."""
    padded = np.pad(rows, ((0, 0), (1, 1)), constant_values=UNKNOWN)
    return padded[:, :-2], padded[:, 2:]


def positions(rows, vocab_size):
    """Every position of a stream of rows, about a million together: (left, word, right).

    rows: an iterable of ids, lists or arrays of any size. Yields three arrays [N].
    Raises ValueError for ids outside the vocabulary, and for a stream without any id;
    TypeError for rows that are no list.
    """
    edge = np.array([UNKNOWN])  # between two rows, so that nothing is its neighbour
    waiting, size, found = [edge], 0, False

    def together():
        ids = np.concatenate(waiting)
        words = ids[1:-1] != UNKNOWN
        return ids[:-2][words], ids[1:-1][words], ids[2:][words]

    for number, row in enumerate(rows):
        row = np.asarray(row)
        if not row.size:
            continue
        if row.ndim != 1 or row.dtype.kind not in "iu":
            raise ValueError(
                f"row {number} is {list(row.shape)} of {row.dtype}, not ids [L]"
            )
        if row.min() < 0 or row.max() >= vocab_size:
            raise ValueError(
                f"row {number} has the ids {row.min()} to {row.max()}; the vocabulary "
                f"has 0 to {vocab_size - 1}"
            )
        waiting += [row.astype(np.int64), edge]
        size, found = size + len(row), True
        if size >= CHUNK:
            yield together()
            waiting, size = [edge], 0
    if not found:
        raise ValueError("there is nothing to count: the rows hold no id")
    if size:
        yield together()
