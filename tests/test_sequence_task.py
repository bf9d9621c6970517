"""The reversal task: it is learned, its attention shows how, and positions matter."""

import pytest
import torch

from utils.sequence_task import (
    Tagger,
    average_attention,
    reversal_batch,
    teacher_forcing,
    train_reversal,
)
from utils.transformer import Transformer, beam_decode, greedy_decode

LENGTH = 16


def unseen(count=200):
    return reversal_batch(count, LENGTH, 13, torch.Generator().manual_seed(77))


@pytest.fixture(scope="module")
def tagger():
    return train_reversal()


@pytest.fixture(scope="module")
def transformer():
    return train_reversal(Transformer)


def is_anti_diagonal(weights):
    return torch.equal(weights.argmax(1), torch.arange(LENGTH - 1, -1, -1))


def test_a_batch_is_sequences_and_their_reverses():
    source, target = reversal_batch(50, 7, 13, torch.Generator().manual_seed(0))
    assert source.shape == target.shape == (50, 7)
    assert source.tolist() == [row[::-1] for row in target.tolist()]
    assert source.unique().tolist() == list(range(3, 13))  # no special token
    again, _ = reversal_batch(50, 7, 13, torch.Generator().manual_seed(0))
    assert torch.equal(source, again)
    with pytest.raises(ValueError, match="vocab_size must be 5 or more, not 4"):
        reversal_batch(1, 7, 4, torch.Generator())


def test_the_decoder_reads_one_step_behind(tagger):
    labels = torch.tensor([[7, 8, 9]])
    reads, says = teacher_forcing(labels, tagger[1].config)
    assert reads.tolist() == [[1, 7, 8, 9]] and says.tolist() == [[7, 8, 9, 2]]


def test_the_encoder_learns_to_reverse(tagger):
    log, model = tagger
    assert log.columns.tolist() == ["step", "loss", "accuracy"]
    assert log.accuracy.iloc[0] < 0.2 and log.accuracy.iloc[-1] == 1.0
    assert log.loss.iloc[-1] < 0.01
    source, target = unseen()
    assert torch.equal(model(source).argmax(-1), target)


def test_the_attention_map_is_the_anti_diagonal(tagger):
    maps = average_attention(tagger[1], unseen()[0])
    weights = maps["encoder.layers.0.attention"]
    assert weights.shape == (LENGTH, LENGTH)
    assert is_anti_diagonal(weights)
    assert weights.flip(1).diagonal().min() > 0.5


def test_without_positions_the_task_is_not_learned():
    log, model = train_reversal(positions=None)
    assert log.accuracy.iloc[-1] < 0.3
    source, _ = unseen()
    predicted = model(source).argmax(-1)
    # One digit has one answer, wherever it stands: the model sees a bag.
    order = torch.randperm(LENGTH, generator=torch.Generator().manual_seed(1))
    same = (model(source[:, order]).argmax(-1) == predicted[:, order]).double().mean()
    assert same > 0.99


def test_the_transformer_learns_to_reverse_and_decodes(transformer):
    log, model = transformer
    assert log.accuracy.iloc[-1] == 1.0
    source, target = unseen()
    expected = teacher_forcing(target, model.config)[1]
    assert torch.equal(greedy_decode(model, source, LENGTH + 2), expected)
    assert torch.equal(beam_decode(model, source, LENGTH + 2), expected)


def test_cross_attention_is_the_anti_diagonal(transformer):
    source, target = unseen()
    reads, _ = teacher_forcing(target, transformer[1].config)
    maps = average_attention(transformer[1], source, reads)
    assert is_anti_diagonal(maps["decoder.layers.0.cross_attention"][:LENGTH])


def test_the_same_seed_gives_the_same_numbers():
    state = torch.get_rng_state()
    (first, a), (second, b) = (train_reversal(steps=30, log_every=10) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)  # and nothing else is disturbed
    assert first.equals(second)
    for x, y in zip(a.parameters(), b.parameters()):
        assert torch.equal(x, y)
    other, _ = train_reversal(steps=30, log_every=10, seed=1)
    assert not first.equals(other)


def test_other_architectures_are_refused():
    with pytest.raises(ValueError, match="architecture is Tagger or Transformer"):
        train_reversal(torch.nn.Linear)
    assert isinstance(train_reversal(Tagger, steps=10)[1], Tagger)
