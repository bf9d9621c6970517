"""Markov's chain, Shannon's entropies, Hopfield's memory and the convolution."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from utils import history


@pytest.fixture(scope="module")
def text():
    from utils.sources import load_text

    paragraphs = load_text("wikipedia").paragraphs
    return history.letters(" ".join(paragraphs[:200]))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# --------------------------------------------------------------------- Markov
def test_letters_are_the_27_symbols(text):
    assert set(text) == set(history.ALPHABET) and len(history.ALPHABET) == 27
    assert history.letters("¡Ñandú, 3 pingüinos!") == "nandu pinguinos"
    assert "  " not in text


def test_vowels_and_consonants():
    assert history.vowels_and_consonants("El año, yo") == "VCVCVCV"


def test_transition_matrix_by_hand():
    matrix = history.transition_matrix("aabab", "ab")
    assert matrix.tolist() == [[1 / 3, 2 / 3], [1, 0]]


def test_transition_matrix_refuses():
    with pytest.raises(ValueError, match="'c'"):
        history.transition_matrix("abc", "ab")
    with pytest.raises(ValueError, match="Nothing follows the state 'b'"):
        history.transition_matrix("aab", "ab")


@pytest.mark.parametrize("symbols", ["VC", history.ALPHABET])
def test_three_ways_to_the_stationary_distribution(text, symbols):
    sequence = history.vowels_and_consonants(text) if symbols == "VC" else text
    ring = sequence + sequence[0]
    matrix = history.transition_matrix(ring, symbols)
    share = history.stationary_distribution(matrix)
    values, vectors = np.linalg.eig(matrix.T)
    eigenvector = np.real(vectors[:, np.argmax(np.real(values))])
    frequency = [sequence.count(symbol) / len(sequence) for symbol in symbols]
    np.testing.assert_allclose(share, eigenvector / eigenvector.sum(), atol=1e-11)
    np.testing.assert_allclose(share, frequency, atol=1e-11)
    np.testing.assert_allclose(share @ matrix, share, atol=1e-12)


def test_stationary_distribution_refuses():
    with pytest.raises(ValueError, match="by columns"):
        history.stationary_distribution([[0.5, 0.9], [0.5, 0.1]])
    with pytest.raises(ValueError, match="runs in a circle"):
        history.stationary_distribution([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="separate parts"):
        history.stationary_distribution(np.eye(2))
    slow = [[1 - 1e-6, 1e-6], [2e-6, 1 - 2e-6]]
    with pytest.raises(ArithmeticError, match="not settled after 10"):
        history.stationary_distribution(slow, max_steps=10)


# -------------------------------------------------------------------- Shannon
def test_block_entropy_of_known_texts():
    assert history.block_entropy("abcd" * 5, 1) == pytest.approx(2)
    assert history.block_entropy("ab" * 9, 2) == pytest.approx(1)
    assert history.block_entropy("aaaa", 3) == 0
    assert history.block_entropy("anything", 0) == 0


def test_conditional_entropy_by_hand_and_by_order(text):
    # ring of "aab": a follows a, b follows a, a follows b: 2/3 of a bit
    assert history.conditional_entropy("aab", 1) == pytest.approx(2 / 3)
    bits = [history.conditional_entropy(text, order) for order in range(5)]
    assert all(later < earlier for earlier, later in zip(bits, bits[1:]))
    assert bits[0] < math.log2(27)


def test_a_letter_model_is_a_distribution_everywhere(text):
    model = history.LetterModel(text[:5000], 2)
    for context in ("", "t", "th", "zq", "the qu"):
        total = sum(model.probability(letter, context) for letter in history.ALPHABET)
        assert total == pytest.approx(1)
    assert model.probability("e", "th") > model.probability("x", "th") > 0


def test_cross_entropy_of_order_0_by_hand():
    model = history.LetterModel("aab", 0, prior=1.0)
    right = -(math.log2((2 + 1 / 27) / 4) + math.log2((1 + 1 / 27) / 4)) / 2
    assert model.cross_entropy("ab") == pytest.approx(right)


def test_the_estimate_on_a_short_text_is_too_low(text):
    train, held_out = text[:20_000], text[-5_000:]
    for order in (2, 3, 4):
        honest = history.LetterModel(train, order).cross_entropy(held_out)
        assert history.conditional_entropy(train, order) < honest - 0.2


def test_samples_repeat_with_the_seed_and_use_the_alphabet():
    model = history.LetterModel("the cat sat on the mat " * 20, 3)
    one = model.sample(60, np.random.default_rng(4))
    assert one == model.sample(60, np.random.default_rng(4))
    assert len(one) == 60 and set(one) <= set(history.ALPHABET)


@pytest.mark.parametrize("arguments", [("abc", -1), ("abc", 3), ("abc", 1, 0.0)])
def test_a_letter_model_refuses(arguments):
    with pytest.raises(ValueError, match="LetterModel needs"):
        history.LetterModel(*arguments)


def test_the_spanish_passage_is_long_enough():
    assert len(history.spanish_passage().split()) >= 150


# ------------------------------------------------------------------- Hopfield
def test_weights_by_hand():
    weights = history.hebbian_weights([[1, -1, 1], [1, 1, 1]])
    np.testing.assert_allclose(weights, np.array([[0, 0, 2], [0, 0, 0], [2, 0, 0]]) / 3)
    with pytest.raises(ValueError, match=r"\+1 and -1"):
        history.hebbian_weights([[0, 1, 1]])


@pytest.mark.parametrize("name", history.PICTURES)
def test_a_damaged_picture_is_recalled_and_the_energy_only_falls(name, rng):
    stored = np.array([history.picture_of(each).ravel() for each in history.PICTURES])
    weights = history.hebbian_weights(stored)
    picture = history.picture_of(name).ravel()
    state, energies = history.recall(weights, history.corrupt(picture, 0.25, rng), rng)
    np.testing.assert_array_equal(state, picture)
    assert len(energies) > 10
    assert all(after < before for before, after in zip(energies, energies[1:]))
    assert energies[-1] == pytest.approx(history.energy(weights, picture))


def test_energy_falls_for_any_patterns_and_any_start(rng):
    for _ in range(20):
        patterns = rng.choice([-1.0, 1.0], size=(rng.integers(1, 12), 30))
        weights = history.hebbian_weights(patterns)
        _, energies = history.recall(weights, rng.choice([-1.0, 1.0], size=30), rng)
        assert all(after < before for before, after in zip(energies, energies[1:]))


def test_too_many_patterns_are_forgotten_but_attention_recalls_them(rng):
    patterns = rng.choice([-1.0, 1.0], size=(50, 100))  # half as many as units
    weights = history.hebbian_weights(patterns)
    damaged = [history.corrupt(pattern, 0.1, rng) for pattern in patterns]
    classic = np.mean([
        (history.recall(weights, state, rng)[0] == pattern).all()
        for state, pattern in zip(damaged, patterns)
    ])
    dense = np.array([history.dense_recall(patterns, state) for state in damaged])
    assert classic < 0.1
    np.testing.assert_allclose(dense, patterns, atol=1e-6)


def test_dense_recall_is_attention(rng):
    patterns, state = rng.choice([-1.0, 1.0], size=(5, 16)), rng.normal(size=16)
    stored, query = torch.tensor(patterns), torch.tensor(state)[None]
    attention = F.scaled_dot_product_attention(query, stored, stored)
    result = history.dense_recall(patterns, state, beta=1 / math.sqrt(16))
    np.testing.assert_allclose(result, attention[0].numpy(), atol=1e-12)


def test_weights_that_never_settle_are_told(rng):
    with pytest.raises(ArithmeticError, match="symmetric"):
        history.recall(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.ones(2), rng)


def test_corrupt_flips_that_share(rng):
    assert (history.corrupt(np.ones(40), 0.25, rng) == -1).sum() == 10


def test_pictures_are_9_by_9():
    for name in history.PICTURES:
        assert history.picture_of(name).shape == (9, 9)
        assert set(np.unique(history.picture_of(name))) == {-1.0, 1.0}


# ---------------------------------------------------------------- convolution
@pytest.mark.parametrize("width", [1, 2, 5])
def test_convolve_is_torchs(width, rng):
    signal, kernel = rng.normal(size=(9, 4)), rng.normal(size=(width, 4, 3))
    bias = rng.normal(size=3)
    theirs = F.conv1d(
        torch.tensor(signal.T[None]), torch.tensor(kernel.transpose(2, 1, 0).copy()),
        torch.tensor(bias),
    )[0].T.numpy()
    np.testing.assert_allclose(history.convolve(signal, kernel, bias), theirs, atol=1e-12)


def test_width_one_is_the_same_linear_map_at_each_position(rng):
    signal, weight = rng.normal(size=(7, 4)), rng.normal(size=(4, 6))
    np.testing.assert_allclose(
        history.convolve(signal, weight[None]), signal @ weight, atol=1e-12
    )


def test_convolve_refuses():
    with pytest.raises(ValueError, match="4 channels, the kernel expects 3"):
        history.convolve(np.ones((5, 4)), np.ones((2, 3, 1)))
    with pytest.raises(ValueError, match="shorter"):
        history.convolve(np.ones((2, 1)), np.ones((3, 1, 1)))


def test_convolve_image_is_torchs_and_moves_with_the_image(rng):
    image, kernel = rng.normal(size=(8, 9)), rng.normal(size=(3, 2))
    theirs = F.conv2d(torch.tensor(image[None, None]), torch.tensor(kernel[None, None]))
    ours = history.convolve_image(image, kernel)
    np.testing.assert_allclose(ours, theirs[0, 0].numpy(), atol=1e-12)
    moved = history.convolve_image(np.roll(image, 1, axis=1), kernel)
    np.testing.assert_allclose(moved[:, 1:], ours[:, :-1], atol=1e-12)
