"""Checks of the exercises of chapter 1, foundation models."""

import numpy as np
import torch

from utils.checks.core import Wrong, call, expect, exercise
from utils.history import hebbian_weights as right_weights
from utils.history import transition_matrix as right_matrix
from utils.retrieval import mean_pooling as right_pooling


@exercise
def transition_matrix(answer):
    """`transition_matrix(sequence, states) -> [S, S]`."""
    # The states are neither in the alphabet's order nor in that of their first use.
    for sequence, states in (("babbbacaaccac", "cab"), ("CVVCVCCVCCCVCVV", "VC")):
        given = (sequence, list(states))
        result = call(answer, *given)
        right = right_matrix(sequence, states)
        path = [states.index(symbol) for symbol in sequence]
        counts = np.zeros_like(right)
        np.add.at(counts, (path[:-1], path[1:]), 1)
        disjoint = np.zeros_like(right)
        np.add.at(disjoint, (path[:-1:2], path[1::2]), 1)
        occurrences = np.array([sequence.count(state) for state in states])
        ring = counts.copy()
        ring[path[-1], path[0]] += 1
        found = np.array([[sequence.count(a + b) for b in states] for a in states])
        orders = (sorted(states), list(dict.fromkeys(sequence)))
        reordered = [right_matrix(sequence, order) for order in orders]
        with np.errstate(invalid="ignore", divide="ignore"):
            mistakes = {
                "these are counts: divide each row by its sum.": counts,
                "your columns sum to 1: given what comes before, the row must be the "
                "distribution.": counts / counts.sum(0),
                "you divided each column by the sum of the row of its number: keep the "
                "sums as a column (keepdims).": counts / counts.sum(1),
                "rows and columns are exchanged: row i is the state before, column j "
                "the one after.": right.T,
                "you divided by the number of all pairs: divide each row by its own "
                "sum.": counts / counts.sum(),
                "you took each letter in one pair only: pairs overlap, every neighbour "
                "counts.": disjoint / disjoint.sum(1, keepdims=True),
                "you took each letter in one pair only, as str.count does: pairs "
                "overlap, every neighbour counts.": found / found.sum(1, keepdims=True),
                "the rows and columns must stand in the order of the list of states, "
                "not in that of the alphabet.": reordered[0],
                "the rows and columns must stand in the order of the list of states, "
                "not in that of their first use.": reordered[1],
                "you joined the end of the sequence to its start: the last symbol has "
                "no successor.": ring / ring.sum(1, keepdims=True),
                "the last pair is missing.": right_matrix(sequence[:-1], states),
                "you divided by how often a state occurs; the last symbol has no "
                "successor, so divide by how often it is followed.":
                    counts / occurrences[:, None],
            }
        expect(result, right, mistakes, given=given)


def _entropy(shares):
    shares = shares[shares > 0]
    return -(shares * np.log2(shares)).sum()


@exercise
def conditional_entropy(answer):
    """`conditional_entropy(counts [S, S]) -> bits`, rows: the letter before."""
    cases = ([[1, 7, 2], [4, 4, 4], [0, 1, 29]], [[90, 10], [1, 1]], [[3, 1], [5, 0]])
    for case in cases:
        counts = np.array(case, dtype=float)
        result = call(answer, counts)
        joint, before = counts / counts.sum(), counts.sum(1) / counts.sum()
        after = _entropy(counts.sum(0) / counts.sum())
        rows = np.array([_entropy(row / row.sum()) for row in counts])
        columns = np.array([_entropy(c / c.sum()) for c in counts.T])
        right = before @ rows
        if isinstance(result, (torch.Tensor, np.ndarray, np.generic, float)) and (
            np.isnan(np.asarray(result)).any()
        ):
            raise Wrong("your result holds NaN: 0 · log 0 counts as 0, so leave empty "
                        "cells out.")
        mistakes = {
            "your result is in nats: use the logarithm to base 2 for bits.":
                right * np.log(2),
            "that is the entropy of the pair: subtract the entropy of the first "
            "letter.": _entropy(joint.ravel()),
            "you took the plain mean of the rows: weight each row by how often its "
            "letter occurs.": rows.mean(),
            "you added the rows up without weights: weight each by how often its "
            "letter occurs.": rows.sum(),
            "you conditioned on the columns: the letter before stands in the rows.":
                counts.sum(0) / counts.sum() @ columns,
            "the sign is reversed: logarithms of probabilities are negative.": -right,
            "that is the entropy of the letter before; what comes after it is asked.":
                _entropy(before),
            "that is the entropy of the letter after, with nothing known of the one "
            "before.": after,
            "that is what the letter before tells (the mutual information); what is "
            "left to guess is asked.": after - right,
            "that is the perplexity: leave out the power of 2.": 2**right,
            "these are the entropies of the rows: their mean, weighted by how often "
            "each letter occurs, is asked.": rows,
            "these are the weighted entropies of the rows: add them up.": before * rows,
        }
        expect(result, right, mistakes, given=(counts,))


@exercise
def hebbian_weights(answer):
    """`hebbian_weights(patterns [P, N]) -> [N, N]`."""
    rng = np.random.default_rng(3)
    for count, units in ((3, 8), (2, 5), (6, 4)):
        patterns = rng.choice([-1.0, 1.0], size=(count, units))
        result = call(answer, patterns)
        right = right_weights(patterns)
        tied = patterns.T @ patterns
        shifted, total = patterns - patterns.mean(0), patterns.sum(0)
        mistakes = {
            "the diagonal must be 0: no unit is tied to itself.": tied / units,
            "the diagonal must be 0: before you subtract, it holds P / N, not 1.":
                tied / units - np.eye(units),
            "you divided by the number of patterns too: divide by N alone.":
                right / count,
            "only the first pattern is stored: add the products of all of them.":
                right_weights(patterns[0]),
            "half of the ties are missing: the weights are symmetric.": np.triu(right),
            "add the products of each pattern with itself, not the product of the sum.":
                np.outer(total, total) / units * (1 - np.eye(units)),
            "subtract no mean: the patterns themselves are multiplied.":
                shifted.T @ shifted / units * (1 - np.eye(units)),
            "you divided by the number of patterns: divide by the number of units, N.":
                (tied - np.diag(np.diag(tied))) / count,
            "the sum is not divided by the number of units, N.":
                tied - np.diag(np.diag(tied)),
            "you neither divided by the number of units nor emptied the diagonal.":
                tied,
            "only the last pattern is stored: add the products of all of them.":
                right_weights(patterns[-1]),
            "the sign is reversed: units that agree get a positive weight.": -right,
            "you tied patterns to patterns: the result must be units by units, so the "
            "transpose stands on the left.": patterns @ patterns.T / units,
        }
        expect(result, right, mistakes, given=(patterns,))


@exercise
def convolve(answer):
    """`convolve(signal [L], kernel [K]) -> [L - K + 1]`."""
    cases = (
        ([1, 2, 4, 8, 16, 32], [1, 0, -1]),
        ([3, 1, 4, 1, 5], [2, -1]),
        ([5, 6, 7], [2]),
        ([0.5, -1.5, 2.25, 4, -0.75], [0.25, 1, -2, 0.5]),
        ([1.5, 2, -1], [2, 0.5, 1]),
    )
    for numbers, weights in cases:
        signal, kernel = np.array(numbers, float), np.array(weights, float)
        result = call(answer, signal, kernel)
        right = np.correlate(signal, kernel, "valid")
        step = len(kernel)
        starts = range(0, len(signal) - step + 1, step)
        jumps = [signal[i : i + step] @ kernel for i in starts]
        mistakes = {
            "your kernel is flipped: neural networks lay it on as it is.":
                np.convolve(signal, kernel, "valid"),
            "your result is as long as the signal: without padding only whole windows "
            "count.": np.correlate(signal, kernel, "same"),
            "your kernel hangs over both ends: only whole windows count.":
                np.correlate(signal, kernel, "full"),
            "the last window is missing: there are L - K + 1 of them.": right[:-1],
            "your windows do not overlap: the kernel moves on by one position.": jumps,
            "the first window is missing: there are L - K + 1 of them.": right[1:],
            "your result is as long as the signal: no whole window gives its last "
            "numbers.": np.pad(right, (0, step - 1)),
            "your numbers are cut to whole ones: use an array of floats.":
                np.trunc(right),
            "negative numbers are lost: a nonlinearity is not asked.":
                np.maximum(right, 0),
            "only the last product of each window is kept: add them up.":
                signal[step - 1 :] * kernel[-1],
            "these are the products of each window: add them up.":
                np.lib.stride_tricks.sliding_window_view(signal, step) * kernel,
            "you took the mean of each window: the products are summed.":
                right / len(kernel),
            "you added the window up without the weights of the kernel.":
                np.convolve(signal, np.ones(step), "valid"),
        }
        expect(result, right, mistakes, given=(signal, kernel))


@exercise
def compute_optimal(answer):
    """`compute_optimal(flops) -> (parameters, tokens)` with 20 tokens a parameter."""
    for flops in (5.76e23, 1e21, 3e18):
        result = call(answer, flops)
        size = np.sqrt(flops / 120)
        right = np.array([size, 20 * size])
        try:
            result = np.array([float(number) for number in result])
        except (TypeError, ValueError):
            result = np.zeros(0)
        if len(result) != 2:
            raise Wrong("return two numbers: (parameters, tokens).")
        def sizes(divisor):
            return np.array([1, 20]) * np.sqrt(flops / divisor)

        mistakes = {
            "the two are exchanged: parameters come first, and each of them has 20 "
            "tokens.": right[::-1],
            "that is the cost of the forward pass alone (2ND): training costs 6ND.":
                sizes(40),
            "that is the cost of the backward pass alone (4ND): training costs 6ND.":
                sizes(80),
            "that is the cost with the forward pass computed twice (8ND): training "
            "costs 6ND.": sizes(160),
            "the 6 of 6ND is missing under the root.": sizes(20),
            "the 20 is missing under the root: the cost is 6 N (20 N).": sizes(6),
            "the square root is missing: N appears twice in 6 N (20 N).":
                [flops / 120, flops / 6],
            "take the root of the whole quotient, flops / 120.": sizes(1) / 120,
            "you took one token for each parameter; it is 20.":
                [np.sqrt(flops / 6), np.sqrt(flops / 6)],
            "give plain numbers, not billions.": right / 1e9,
        }
        expect(result, right, mistakes, given=(flops,), tolerance=1e-6)


@exercise
def mean_pooling(answer):
    """`mean_pooling(hidden_states [B, L, H], attention_mask [B, L]) -> [B, H]`."""
    generator = torch.Generator().manual_seed(5)
    cases = (((4, 2, 3), 5, "right"), ((1, 6), 3, "right"), ((2, 5, 4), 3, "left"))
    for lengths, size, side in cases:
        longest = max(lengths)
        states = torch.randn(len(lengths), longest, size, generator=generator)
        mask = torch.tensor([[1] * n + [0] * (longest - n) for n in lengths])
        mask = mask.flip(1) if side == "left" else mask
        result = call(answer, states, mask)
        kept = mask.unsqueeze(-1).float()
        right = right_pooling(states, mask)
        begun = torch.stack([s[:n].mean(0) for s, n in zip(states, lengths)])
        mistakes = {
            "padding stands on the left here: go by the mask, not by the number of "
            "tokens.": begun,
            "you divided by the tokens of the whole batch: each text has its own "
            "number.": (states * kept).sum(1) / mask.sum(),
            "padding is left out of the number of tokens only: leave it out of the sum "
            "as well.": states.sum(1) / kept.sum(1),
            "you scaled the vectors to length 1; the plain mean is asked.":
                torch.nn.functional.normalize(right, dim=-1),
            "that is one vector for the whole batch: one for each text is asked.":
                states[mask.bool()].mean(0),
            "padding is averaged in: use the attention mask.": states.mean(1),
            "you divided by the padded length: divide by the number of real tokens.":
                (states * kept).sum(1) / longest,
            "that is the sum: divide by the number of real tokens.":
                (states * kept).sum(1),
            "that is the first token's vector, [CLS]: this encoder was tuned for the "
            "mean.": states[:, 0],
            "you took the largest value: the mean is asked.":
                states.masked_fill(kept == 0, -torch.inf).max(1).values,
            "the mask is inverted: 1 marks a token, 0 padding.":
                (states * (1 - kept)).sum(1) / (1 - kept).sum(1),
            "you averaged over the wrong axis: one vector for each text remains.":
                states.mean(0),
        }
        expect(result, right, mistakes, given=(states, mask))


@exercise
def recall_at_k(answer):
    """`recall_at_k(scores [Q, N], targets [Q], k) -> share of queries`."""
    rng = np.random.default_rng(11)
    # Many queries, so that no two mistakes give one number by chance.
    for queries, documents, k in ((499, 12, 3), (397, 9, 1), (601, 20, 6)):
        scores = rng.normal(size=(queries, documents))
        targets = rng.integers(documents, size=queries)
        scores[np.arange(queries), targets] += 1.2
        result = call(answer, scores, targets, k)
        own = scores[np.arange(queries), targets]
        place = (scores > own[:, None]).sum(1)  # 0 is the top
        right = (place < k).mean()
        last = documents - 1 - place
        down = np.argsort(-scores, axis=0)[:, :k]
        mistakes = {
            "that is a count: divide by the number of queries.": (place < k).sum(),
            "one too many: with places counted from 0, the first k are those below k.":
                (place <= k).mean(),
            "one too few: the k-th place still counts.": (place < k - 1).mean(),
            "you took the lowest scores: the best match has the highest cosine.":
                (last < k).mean(),
            "you divided by k, which gives precision: for one right document a query, "
            "recall is the share of queries that find it.": right / k,
            "you looked only at the best document: any of the first k counts.":
                (place < 1).mean(),
            "you looked only at place k: all of the first k count.":
                (place == k - 1).mean(),
            "you sorted the queries, not the documents: each row of scores is a query.":
                np.mean([t in row for t, row in zip(targets, down)]),
            "every query counts as a hit: look for each target in its own row.": 1.0,
            "that is in per cent: a share lies between 0 and 1.": 100 * right,
            "that is the mean reciprocal rank.": np.mean(1 / (place + 1)),
            "these are the hits: return their mean.": place < k,
        }
        expect(result, right, mistakes, given=(scores, targets, k), tolerance=1e-6)
