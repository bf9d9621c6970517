"""Skip-gram: its pairs, its gradients against autograd, and what its cosines show."""

import pytest
import torch
import torch.nn.functional as F

from utils import skipgram

FOX = "the quick brown fox jumps over the lazy dog".split()


def test_the_pairs_of_the_slides():
    pairs = skipgram.skipgram_pairs(FOX, window=2)
    assert len(pairs) == 30
    assert pairs[:9] == [
        ("the", "quick"), ("the", "brown"),
        ("quick", "the"), ("quick", "brown"), ("quick", "fox"),
        ("brown", "the"), ("brown", "quick"), ("brown", "fox"), ("brown", "jumps"),
    ]
    assert sum(centre == "fox" for centre, _ in pairs) == 4


def test_the_pairs_are_symmetric_and_never_cross_the_ends():
    pairs = skipgram.skipgram_pairs(list(range(9)), window=3)
    assert set(pairs) == {(b, a) for a, b in pairs}
    assert all(0 < abs(a - b) <= 3 for a, b in pairs)
    assert skipgram.skipgram_pairs(["alone"], window=2) == []


@pytest.mark.parametrize("window", [0, -1])
def test_a_window_below_one_is_refused(window):
    with pytest.raises(ValueError, match=f"window must be 1 or more, not {window}"):
        skipgram.skipgram_pairs(FOX, window)


def test_ids_and_pairs_of_sentences():
    sentences = [["b", "a"], ["c"], ["a", "d"]]
    vocabulary = skipgram.word_ids(sentences)
    assert vocabulary == {"b": 0, "a": 1, "c": 2, "d": 3}
    # No pair crosses from one sentence into the next.
    centres, contexts = skipgram.pair_ids(sentences, vocabulary, window=5)
    assert list(zip(centres.tolist(), contexts.tolist())) == [(0, 1), (1, 0), (1, 3), (3, 1)]
    with pytest.raises(ValueError, match="two words"):
        skipgram.pair_ids([["alone"]], {"alone": 0}, window=2)


def tables(vocab=7, width=5):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(vocab, width, generator=generator, dtype=torch.float64)
        .requires_grad_()
        for _ in range(2)
    ]


def test_softmax_gradients_equal_autograd():
    inputs, outputs = tables()
    centres, contexts = torch.tensor([[0, 3, 3, 6, 0], [1, 2, 2, 0, 5]])
    loss = F.cross_entropy(inputs[centres] @ outputs.T, contexts)
    loss.backward()
    with torch.no_grad():
        ours = skipgram.softmax_gradients(inputs, outputs, centres, contexts)
    for mine, theirs in zip(ours, (loss, inputs.grad, outputs.grad)):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


def test_negative_sampling_gradients_equal_autograd():
    inputs, outputs = tables()
    centres, contexts = torch.tensor([[0, 3, 3, 6], [1, 2, 2, 0]])
    # A negative may be the context itself, or occur twice: the gradients add up.
    negatives = torch.tensor([[4, 4, 5], [2, 0, 1], [6, 6, 6], [1, 3, 0]])
    v = inputs[centres]
    positive = F.logsigmoid((v * outputs[contexts]).sum(-1))
    negative = F.logsigmoid(-(v[:, None] * outputs[negatives]).sum(-1)).sum(-1)
    loss = -(positive + negative).mean()
    loss.backward()
    with torch.no_grad():
        ours = skipgram.negative_sampling_gradients(
            inputs, outputs, centres, contexts, negatives
        )
    for mine, theirs in zip(ours, (loss, inputs.grad, outputs.grad)):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    for strange, error in ((None, TypeError), (negatives / 2, TypeError), (centres, ValueError)):
        with pytest.raises(error, match="negatives must"):
            skipgram.negative_sampling_gradients(inputs, outputs, centres, contexts, strange)


def test_training_reaches_the_entropy_of_the_contexts():
    """The full softmax ends near the best any model of the pairs can do."""
    sentences = skipgram.repeated_text(1)
    vectors = skipgram.train_skipgram(sentences, steps=600)
    centres, contexts = skipgram.pair_ids(sentences, vectors.vocabulary, window=2)
    counts = torch.zeros(len(vectors.vocabulary), len(vectors.vocabulary))
    counts.index_put_((centres, contexts), torch.ones(len(centres)), accumulate=True)
    p = counts / counts.sum(1, keepdim=True)
    floor = -(counts * p.clamp_min(1e-9).log()).sum().item() / len(centres)
    assert vectors.losses[0] == pytest.approx(torch.tensor(21.0).log().item(), abs=1e-4)
    assert floor < vectors.losses[-1] < floor + 0.05


@pytest.mark.parametrize("negatives", [0, 5])
def test_training_repeats_itself(negatives):
    sentences = skipgram.repeated_text(1)
    first, second = (
        skipgram.train_skipgram(sentences, steps=20, negatives=negatives, seed=3)
        for _ in range(2)
    )
    assert torch.equal(first.vectors, second.vectors)
    assert torch.equal(first["black"], first.vectors[first.vocabulary["black"]])
    assert first.losses[-1] < first.losses[0]


def test_few_steps_of_negative_sampling_make_every_cosine_high():
    sentences = skipgram.repeated_text(1)
    few, many = (
        skipgram.train_skipgram(
            sentences, steps=steps, negatives=5, learning_rate=2.0
        ).vectors
        for steps in (50, 1000)
    )
    assert skipgram.mean_cosine(few) > 0.95
    assert skipgram.mean_cosine(many) < 0.5


def test_mean_cosine():
    east, north = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert skipgram.mean_cosine(torch.stack([east, 3 * east])) == pytest.approx(1)
    assert skipgram.mean_cosine(torch.stack([east, north, -east])) == pytest.approx(-1 / 3)
    with pytest.raises(ValueError, match="two vectors"):
        skipgram.mean_cosine(east[None])


def test_centring_takes_away_what_all_share():
    vectors = torch.randn(50, 8, generator=torch.Generator().manual_seed(0)) + 20
    assert skipgram.mean_cosine(vectors) > 0.99
    assert abs(skipgram.mean_cosine(skipgram.centred(vectors))) < 0.05
    assert skipgram.centred(vectors).mean(0).abs().max() < 1e-5
