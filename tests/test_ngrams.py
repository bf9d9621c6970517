"""The n-gram baselines: probabilities, what they may see, and that each is better."""

import tracemalloc

import numpy as np
import pytest
import torch

from utils import ngrams
from utils.ngrams import UNKNOWN, Bidirectional, Bigram, Unigram
from utils.pretraining_tasks import IGNORED, corrupt

V, MASK = 30, 4
MODELS = (Unigram, Bigram, Bidirectional)


def text(length, seed, size=V):
    """Ids from 5 of a chain: each depends on the one before, a little on two."""
    rng = np.random.default_rng(seed)
    ids = [5, 6]
    for chance, jump in zip(rng.random(length), rng.geometric(0.3, length)):
        ahead = ids[-1] * 3 + ids[-2] % 2 if chance < 0.7 else jump
        ids.append(5 + int(ahead) % (size - 7))  # the last two ids never come
    return np.array(ids)


TRAIN = [text(900, seed) for seed in range(40)]
TEST = torch.tensor(np.stack([text(98, 100 + seed) for seed in range(60)]))


@pytest.fixture(scope="module")
def models():
    return {kind: kind.fit(iter(TRAIN), V) for kind in MODELS}


def asked(**rates):
    generator = torch.Generator().manual_seed(3)
    return corrupt(TEST, range(5), MASK, V, generator, **rates)


# -------------------------------------------------------------------- probabilities
@pytest.mark.parametrize("kind", MODELS)
def test_every_distribution_sums_to_one_and_holds_nothing_impossible(models, kind):
    model, words = models[kind], np.arange(V)
    for left in range(-1, V):  # 3, 28 and 29 were never counted; -1 is unknown
        for right in range(-1, V):
            likely = model.probability(words, left, right)
            assert likely.min() > 0
            assert likely.sum() == pytest.approx(1, abs=1e-12)


def test_the_bigram_is_kneser_ney_by_hand():
    model = Bigram.fit([[0, 1, 0, 1, 0, 2], [2, 0, 3]], 5)
    # Pairs: 01 twice, 10 twice, 02, 20, 03 once each; D = 3 / (3 + 2 · 2).
    less = 3 / 7
    beside = np.array([2, 1, 1, 1, 0])  # different pieces before each one
    lower = (beside - 0.5 * (beside > 0) + 0.5 * 4 / 5) / 5
    after_0 = (np.array([0, 2 - less, 1 - less, 1 - less, 0]) + 3 * less * lower) / 4
    np.testing.assert_allclose(model.probability(np.arange(5), 0), after_0)
    counts = np.array([4, 2, 2, 1, 0])
    shares = (counts - 0.5 * (counts > 0) + 0.5 * 4 / 5) / 9
    # Nothing ever followed 3; and the piece on the right is not looked at.
    for left, right in ((UNKNOWN, 0), (3, UNKNOWN), (4, 1)):
        np.testing.assert_allclose(model.probability(np.arange(5), left, right), shares)


def test_both_sides_are_their_normalised_product(models):
    model, words = models[Bidirectional], np.arange(V)
    for left, right in ((7, 9), (9, 7), (12, 12)):
        opinions = model.opinions(words, np.full(V, left), np.full(V, right))  # [V, 4]
        product = opinions[:, 2] * opinions[:, 3] / model.unigram.probability(words)
        np.testing.assert_allclose(opinions[:, 1], product / product.sum())
        np.testing.assert_allclose(
            model.probability(words, left, right), opinions @ model.weights
        )
    assert model.weights.sum() == pytest.approx(1)


def test_between_two_neighbours_is_what_was_counted_there():
    keys, counts = np.array([10, 11, 17]), np.array([3, 1, 2])  # 1 _ 0 twice, 1 _ 2
    model, other = ngrams.TwoNeighbours(keys, counts, 3), np.array([0.2, 0.3, 0.5])
    zero, one = np.zeros(3, dtype=int), np.ones(3, dtype=int)
    likely = model.probability(np.arange(3), one, zero, other)
    less = 1 / (1 + 2 * 1)
    np.testing.assert_allclose(
        likely, (np.array([0, 3 - less, 1 - less]) + 2 * less * other) / 4
    )
    unseen = model.probability(np.arange(3), zero, zero, other)
    np.testing.assert_allclose(unseen, other)


def test_the_two_neighbours_are_not_mixed_up():
    """1 stands between 2 and 3, and 4 between 3 and 2, always."""
    rows = [[2, 1, 3, 4] * 300] * 4
    model = Bidirectional.fit(rows, 5)
    for left, word, right in ((2, 1, 3), (3, 4, 2), (1, 3, 4), (4, 2, 1)):
        between = model.opinions(*(np.array([x]) for x in (word, left, right)))[0, 0]
        assert between > 0.98
        assert model.probability(word, left, right) > 0.98
    # The last id of the vocabulary is known, and unknown is something else.
    words = np.arange(5)
    np.testing.assert_allclose(model.probability(words), model.unigram.shares)
    assert model.probability(2, 4) > 0.98 and model.probability(3, UNKNOWN, 4) > 0.98


def test_one_neighbour_is_asked_alone_where_the_other_is_unknown(models):
    model, words = models[Bidirectional], np.arange(V)
    np.testing.assert_allclose(
        model.probability(words, 9), model.left.probability(words, np.full(V, 9))
    )
    np.testing.assert_allclose(
        model.probability(words, UNKNOWN, 9),
        model.right.probability(words, np.full(V, 9)),
    )
    np.testing.assert_allclose(model.probability(words), model.unigram.shares)
    # The two sides are not one another's mirror.
    assert not np.allclose(model.probability(words, 9), model.probability(words, -1, 9))


def test_the_discount():
    assert ngrams.discount(np.array([1, 1, 1, 2, 2, 9])) == pytest.approx(3 / 7)
    assert ngrams.discount(np.array([4, 4])) == ngrams.discount(np.array([1])) == 0.5


def test_the_weights_of_a_mixture_are_found_again():
    rng = np.random.default_rng(0)
    one, other = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.1, 0.8])
    data = rng.choice(3, size=20_000, p=0.3 * one + 0.7 * other)
    likelihoods = np.stack([one[data], other[data]], axis=1)
    weights = ngrams.mixture_weights(likelihoods)
    assert weights == pytest.approx([0.3, 0.7], abs=0.02)

    def fit(steps):
        return np.log(likelihoods @ ngrams.mixture_weights(likelihoods, steps)).sum()

    assert fit(0) < fit(1) < fit(3) < fit(10) <= fit(100)


@pytest.mark.parametrize("likelihoods", [[], [[0.0, 0.0]], [0.5]])
def test_a_mixture_of_nothing_is_refused(likelihoods):
    with pytest.raises(ValueError, match="likelihoods"):
        ngrams.mixture_weights(likelihoods)


# ------------------------------------------------------------------------- counting
def test_a_stream_is_counted_as_one_array_would_be(monkeypatch):
    rows = [[5, 6, 5], [], [7], np.array([6, 5], dtype=np.uint16)]
    for chunk in (1, 4, 2**20):
        monkeypatch.setattr(ngrams, "CHUNK", chunk)
        found = np.concatenate([np.stack(p) for p in ngrams.positions(iter(rows), V)], 1)
        assert found.T.tolist() == [
            [-1, 5, 6], [5, 6, 5], [6, 5, -1], [-1, 7, -1], [-1, 6, 5], [6, 5, -1],
        ]  # fmt: skip
    tally = ngrams.Tally()
    for keys in ([3, 1, 3], [], [9, 3]):
        tally.add(np.array(keys, dtype=np.int64))
    for _ in range(2):  # asking twice counts nothing twice
        keys, counts = tally.result()
        assert keys.tolist() == [1, 3, 9] and counts.tolist() == [1, 3, 1]


def test_what_is_held_out_is_not_counted(monkeypatch):
    monkeypatch.setattr(ngrams, "BLOCK", 50)
    row = text(898, 0)
    model = Bidirectional.fit([row], V, held_out=3)  # blocks 0, 3, ... of 18
    counted = np.concatenate([row[i : i + 50] for i in range(0, 900, 50) if i % 150])
    np.testing.assert_allclose(model.unigram.shares, Unigram.fit([counted], V).shares)


@pytest.mark.parametrize("rows", [[], [[]], [[1, V]], [[-1, 2]], [[0.5]], [[[1]]]])
@pytest.mark.parametrize("kind", MODELS)
def test_rows_that_are_no_ids_are_refused(kind, rows):
    with pytest.raises(ValueError, match="row"):
        kind.fit(rows, V)


@pytest.mark.parametrize("rows", [[[1, 2, 3]], [[1]] * 600, [[1, 2]] * 600])
def test_too_little_text_for_both_sides_is_refused(rows):
    with pytest.raises(ValueError, match="too few, or their rows too short"):
        Bidirectional.fit(rows, V)


def test_a_bigram_of_rows_of_one_piece_is_a_unigram():
    model = Bigram.fit([[1], [2], [2]], 4)
    words = np.arange(4)
    np.testing.assert_allclose(model.probability(words, 1), model.probability(words))


def test_a_long_stream_is_never_held_in_memory(monkeypatch):
    monkeypatch.setattr(ngrams, "CHUNK", 2**14)
    row = TRAIN[0]
    tracemalloc.start()
    Bigram.fit((row for _ in range(1_000)), V)  # 900,000 ids, 7 MB as integers
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4e6


# --------------------------------------------------------------------------- losses
def test_each_model_sees_more_and_loses_less(models):
    corrupted, labels = asked()
    one, two, both = (models[k].loss(corrupted, labels, [MASK]) for k in MODELS)
    assert one - 0.3 > two and two - 0.3 > both


def test_the_loss_is_the_mean_over_what_is_asked():
    model = Bigram.fit(TRAIN, V)
    corrupted = np.array([[5, MASK, 9, MASK], [MASK, 6, 7, 8]])
    labels = np.full((2, 4), IGNORED)
    labels[0, 1], labels[0, 3], labels[1, 0] = 7, 8, 11
    by_hand = [
        -np.log(model.probability(7, 5)), -np.log(model.probability(8, 9)),
        -np.log(model.probability(11)),
    ]  # fmt: skip
    np.testing.assert_allclose(model.losses(corrupted, labels, [MASK]), by_hand)
    assert model.loss(corrupted, labels, [MASK]) == pytest.approx(np.mean(by_hand))
    # One row will do, and a neighbour's row is not beside it.
    assert model.loss(corrupted[1], labels[1], [MASK]) == pytest.approx(by_hand[2])


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_hidden_and_what_is_asked_do_not_leak(models, kind):
    corrupted, labels = asked(mask=1.0, random=0.0)
    losses = models[kind].losses(corrupted, labels, [MASK])
    other = labels.clone()
    place = (labels != IGNORED).nonzero()
    other[tuple(place[0])] = 5 + (labels[tuple(place[0])] - 4) % 20
    changed = models[kind].losses(corrupted, other, [MASK])
    assert changed[0] != losses[0]  # its own label
    np.testing.assert_array_equal(changed[1:], losses[1:])  # and of no neighbour


def test_the_weights_from_held_out_text_are_good_for_other_text(models):
    corrupted, labels = asked(mask=1.0, random=0.0)
    fitted = models[Bidirectional]
    equal = Bidirectional(fitted.unigram, fitted.left, fitted.right, fitted.between)
    assert equal.weights.tolist() == [0.25] * 4
    best, rest = (m.loss(corrupted, labels, [MASK]) for m in (fitted, equal))
    assert best < rest - 0.05


def test_a_hidden_neighbour_is_unknown(models):
    model = models[Bidirectional]
    corrupted = np.array([[9, MASK, MASK, 12, 2]])
    labels = np.array([[IGNORED, 7, 8, IGNORED, IGNORED]])
    by_hand = [model.probability(7, 9, UNKNOWN), model.probability(8, UNKNOWN, 12)]
    np.testing.assert_allclose(
        model.losses(corrupted, labels, [MASK]), -np.log(by_hand)
    )


def test_a_shown_piece_is_evidence_by_bayes_rule(models):
    model, words = models[Bidirectional], np.arange(V)
    prior = model.probability(words, 9, 12)
    kept, random = 0.1, 0.05
    posterior = prior * (kept * (words == 8) + random / V)
    posterior /= posterior.sum()
    corrupted = np.array([[9, 8, 12]])
    for word in (7, 8, 20):
        labels = np.array([[IGNORED, word, IGNORED]])
        loss = model.loss(corrupted, labels, [MASK], kept, random)
        assert loss == pytest.approx(-np.log(posterior[word]))


def test_whoever_looks_at_what_is_shown_loses_less(models):
    corrupted, labels = asked()
    for kind in MODELS:
        blind = models[kind].losses(corrupted, labels, [MASK], kept=0.0)
        assert models[kind].loss(corrupted, labels, [MASK]) < blind.mean() - 0.05


def test_losses_refuse(models):
    model, row = models[Bigram], np.array([[5, 6, 7]])
    nothing = np.full((1, 3), IGNORED)
    one = np.array([[IGNORED, 6, IGNORED]])
    with pytest.raises(ValueError, match="need one shape"):
        model.loss(row, one[:, :2], [MASK])
    with pytest.raises(ValueError, match="label that is not -100"):
        model.loss(row, nothing, [MASK])
    with pytest.raises(ValueError, match="words has the ids"):
        model.loss(row, one * V, [MASK])
    with pytest.raises(ValueError, match="left has the ids"):
        model.loss(row + V, one, [MASK])
    with pytest.raises(ValueError, match="random above 0"):
        model.loss(row, one, [MASK], random=0)
    with pytest.raises(ValueError, match="held_out"):
        Bidirectional.fit(TRAIN, V, held_out=1)


# --------------------------------------------------------------------------- scores
def test_a_score_is_the_sum_over_the_sentence(models):
    ids = [9, 8, 12]
    before = [models[Bigram].probability(*pair) for pair in ((9, -1), (8, 9), (12, 8))]
    assert models[Bigram].score(ids) == pytest.approx(np.log(before).sum())
    both = models[Bidirectional]
    sides = [both.probability(9, -1, 8), both.probability(8, 9, 12),
             both.probability(12, 8, -1)]  # fmt: skip
    assert both.score(ids) == pytest.approx(np.log(sides).sum())


@pytest.mark.parametrize("kind", [Bigram, Bidirectional])
def test_a_sentence_scores_higher_than_its_pieces_in_disorder(models, kind):
    rng = np.random.default_rng(1)
    better = [
        models[kind].score(row) > models[kind].score(rng.permutation(row))
        for row in TEST.numpy()
    ]
    assert np.mean(better) > 0.95
