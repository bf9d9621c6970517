"""Layers, stacks and the whole model against PyTorch; decoding against enumeration."""

import itertools
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from torch import nn

from utils import transformer
from utils.attention import causal_mask, padding_mask, record_attention
from utils.parity import (
    copy_torch_weights,
    gradient_copy,
    largest_difference,
    paired_parameters,
    relative_differences,
)
from utils.transformer import Transformer, TransformerConfig

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}
SMALL = TransformerConfig(
    vocab_size=11,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    dropout=0.0,
    max_length=20,
)
SOURCE = torch.tensor([[5, 3, 7, 4, 6, 9, 8], [4, 8, 5, 3, 9, 0, 0]])
TARGET = torch.tensor([[1, 3, 4, 5, 6], [1, 7, 8, 0, 0]])


@pytest.fixture(params=TOLERANCE, ids=str)
def dtype(request):
    torch.manual_seed(0)
    return request.param


@pytest.fixture(params=["by hand", "fused"])
def norms(request, monkeypatch):
    """Both ways to compute a LayerNorm: the formula as written, and PyTorch's kernel."""
    monkeypatch.setattr(transformer.LayerNorm, "fused", request.param == "fused")


def small_model(seed=0, config=SMALL):
    torch.manual_seed(seed)
    return Transformer(config).eval()


# -------------------------------------------------------------------- parity
def torch_modules(config):
    """PyTorch's encoder and decoder layer and stack of a config, by name."""
    options = dict(
        d_model=config.hidden_size,
        nhead=config.num_attention_heads,
        dim_feedforward=config.intermediate_size,
        dropout=0.0,
        activation=config.activation,
        layer_norm_eps=config.layer_norm_eps,
        batch_first=True,
        norm_first=config.norm_first,
    )
    layers = {
        "encoder": nn.TransformerEncoderLayer(**options),
        "decoder": nn.TransformerDecoderLayer(**options),
    }
    norms = [
        nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        if config.final_norm
        else None
        for _ in range(2)
    ]
    number = config.num_hidden_layers
    stacks = {
        "encoder stack": nn.TransformerEncoder(
            layers["encoder"], number, norms[0], enable_nested_tensor=False
        ),
        "decoder stack": nn.TransformerDecoder(layers["decoder"], number, norms[1]),
    }
    return layers | stacks


OURS = {
    "encoder": transformer.EncoderLayer,
    "decoder": transformer.DecoderLayer,
    "encoder stack": transformer.Encoder,
    "decoder stack": transformer.Decoder,
}


def both(kind, config, dtype):
    """PyTorch's module with every weight random, and ours with the same weights."""
    theirs = torch_modules(config)[kind].to(dtype)
    for parameter in theirs.parameters():  # biases of 0 would hide a forgotten one
        if parameter.dim() == 1:
            nn.init.normal_(parameter, mean=0.5, std=0.3)
    return theirs, copy_torch_weights(theirs, OURS[kind](config).to(dtype))


def outputs(kind, theirs, ours, x, memory, masked):
    """The real positions of both outputs, for a batch with padding and causal masks."""
    source = padding_mask(SOURCE, 0) if masked else None  # True = look
    past = causal_mask(x.size(1)) if masked else None
    hide = ~source[:, 0, 0] if masked else None  # PyTorch: True = hide
    hide_future = ~past[0, 0] if masked else None
    if kind.startswith("encoder"):
        pair = theirs(x, src_key_padding_mask=hide), ours(x, source)
        real = SOURCE != 0
    else:
        options = dict(tgt_mask=hide_future, memory_key_padding_mask=hide)
        pair = theirs(x, memory, **options), ours(x, memory, past, source)
        real = TARGET != 0
    return [output[real] if masked else output for output in pair]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("kind", OURS)
def test_layers_and_stacks_equal_torch(
    kind, norm_first, activation, masked, dtype, norms
):
    """Output, gradients of the inputs, and gradients of every parameter."""
    config = replace(
        SMALL, norm_first=norm_first, activation=activation, final_norm=norm_first
    )
    theirs, ours = both(kind, config, dtype)
    encoder = kind.startswith("encoder")
    x = torch.randn(2, 7 if encoder else 5, 32, dtype=dtype, requires_grad=True)
    memory = torch.randn(2, 7, 32, dtype=dtype, requires_grad=True)
    expected, found = outputs(kind, theirs, ours, x, memory, masked)
    assert largest_difference(expected, found) <= TOLERANCE[dtype]

    mixture = torch.randn_like(expected) / expected.numel()
    leaves = (x,) if encoder else (x, memory)
    input_gradients = []
    for output, module in ((expected, theirs), (found, ours)):
        total = (output * mixture).sum()
        input_gradients.append(torch.autograd.grad(total, leaves, retain_graph=True))
        total.backward()
    for a, b in zip(*input_gradients):
        assert largest_difference(a, b) <= TOLERANCE[dtype]

    pairs = list(paired_parameters(gradient_copy(theirs), gradient_copy(ours)))
    assert sum(b.numel() for _, _, b in pairs) == transformer.count_parameters(theirs)
    for name, a, b in pairs:
        assert largest_difference(a, b) <= TOLERANCE[dtype], name


@pytest.mark.parametrize("kind", OURS)
def test_relative_differences_of_equal_and_of_changed_weights(kind, dtype):
    theirs, ours = both(kind, SMALL, dtype)
    inputs = [torch.randn(2, 5, 32, dtype=dtype)]
    if kind.startswith("decoder"):
        inputs.append(torch.randn(2, 7, 32, dtype=dtype))

    def apart():
        with record_attention(ours):
            return relative_differences(theirs, ours, inputs, (theirs, ours))

    # A random mixture without a mean: a few float32 roundings more than above.
    output, gradients = apart()
    assert output <= TOLERANCE[dtype] and gradients <= 3 * TOLERANCE[dtype]
    name, weight = next(iter(ours.named_parameters()))
    with torch.no_grad():
        weight[0, 0] += 0.1
    output, gradients = apart()
    assert output > 1e-5 and gradients > 1e-5, name


def test_relative_differences_sees_the_gradients_of_inputs_and_weights():
    """The outputs are equal; only what flows back differs."""
    theirs = nn.Linear(3, 4).double()
    ours = copy_torch_weights(theirs, nn.Linear(3, 4).double())
    x = torch.randn(5, 3, dtype=torch.float64)

    def stopped_before(x):
        return ours(x.detach()) + 0 * x.sum()

    def stopped_inside(x):
        return F.linear(x, ours.weight, ours.bias.detach() + 0 * ours.bias)

    modules = theirs, ours
    assert relative_differences(theirs, ours, [x], modules) == (0, 0)
    assert relative_differences(theirs, stopped_before, [x]) == (0, 1)
    assert relative_differences(theirs, stopped_inside, [x]) == (0, 0)
    output, gradients = relative_differences(theirs, stopped_inside, [x], modules)
    assert output == 0 and gradients > 0.1


def base_stacks(kind, norm_first, dtype):
    """The six layers of the base model, PyTorch's and ours, and inputs for them."""
    config = TransformerConfig(
        vocab_size=10, dropout=0.0, norm_first=norm_first, final_norm=norm_first
    )
    theirs = torch_modules(config)[kind]
    ours = copy_torch_weights(theirs, OURS[kind](config))
    length = 7 if kind.startswith("encoder") else 5
    inputs = [torch.randn(2, n, 512).to(dtype) for n in (length, 7)]
    return theirs.to(dtype), ours.to(dtype), *inputs


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("kind", ["encoder stack", "decoder stack"])
def test_the_base_model_equals_torch(kind, norm_first, dtype, norms):
    """Outputs are of size 4 there, so the difference is taken relative to the largest.

    After 6 layers of 512 PyTorch's own float32 is about 1e-6 from its float64.
    """
    stacks = base_stacks(kind, norm_first, dtype)
    with torch.no_grad():
        expected, found = outputs(kind, *stacks, masked=True)
    largest = expected.abs().max().item()
    assert largest_difference(expected, found) <= TOLERANCE[dtype] * largest


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("kind", ["encoder stack", "decoder stack"])
def test_the_base_model_is_as_exact_as_torch(kind, norm_first, norms):
    """Errors of float32 against float64, over three draws: ours is not the larger."""
    errors = []
    for seed in range(3):
        results = []
        for dtype in TOLERANCE:
            torch.manual_seed(seed)
            stacks = base_stacks(kind, norm_first, dtype)
            with torch.no_grad():
                results.append(outputs(kind, *stacks, masked=True))
        (their_32, our_32), (their_64, _) = results
        errors.append([largest_difference(x, their_64) for x in (their_32, our_32)])
    theirs, ours = (sum(column) for column in zip(*errors))
    assert ours <= 1.25 * theirs


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("kind", ["encoder stack", "decoder stack"])
def test_the_order_of_sums_in_layer_norm_is_the_one_difference(kind, norm_first):
    """With PyTorch's LayerNorm kernel inside, ours is PyTorch's stack in float32.

    On one thread: with more, matrix products of two widths are summed in two orders.
    """
    assert transformer.LayerNorm.fused
    torch.manual_seed(0)
    stacks = base_stacks(kind, norm_first, torch.float32)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            expected, found = outputs(kind, *stacks, masked=True)
    finally:
        torch.set_num_threads(threads)
    assert largest_difference(expected, found) <= 1e-7


@pytest.mark.parametrize("size", [4, 512])
def test_layer_norm_equals_torch(size, dtype, norms):
    theirs, ours = nn.LayerNorm(size).to(dtype), transformer.LayerNorm(size).to(dtype)
    nn.init.normal_(theirs.weight), nn.init.normal_(theirs.bias)
    copy_torch_weights(theirs, ours)
    x = torch.randn(3, 5, size, dtype=dtype, requires_grad=True)
    a, b = theirs(x), ours(x)
    torch.testing.assert_close(a, b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    leaves = [(x, norm.weight, norm.bias) for norm in (theirs, ours)]
    grads = [torch.autograd.grad(y.square().mean(), x) for y, x in zip((a, b), leaves)]
    for pair in zip(*grads):
        assert largest_difference(*pair) <= TOLERANCE[dtype]


def test_layer_norm_of_a_constant_is_its_bias(norms):
    norm = transformer.LayerNorm(4)
    assert torch.equal(norm(torch.full((2, 4), 7.0)), torch.zeros(2, 4))


@pytest.mark.parametrize("fused", [False, True])
def test_the_switch_of_layer_norm_chooses_the_path(fused, monkeypatch):
    called = []

    def kernel(hidden_states, *args):
        called.append(args)
        return hidden_states

    monkeypatch.setattr(transformer.F, "layer_norm", kernel)
    monkeypatch.setattr(transformer.LayerNorm, "fused", fused)
    transformer.Encoder(SMALL)(torch.randn(1, 2, 32))
    assert len(called) == (4 if fused else 0)


def test_the_feed_forward_layer_is_a_convolution_of_width_one():
    torch.manual_seed(0)
    layer, x = transformer.FeedForward(SMALL).double(), torch.randn(2, 7, 32).double()
    first, second = nn.Conv1d(32, 64, 1).double(), nn.Conv1d(64, 32, 1).double()
    for conv, linear in ((first, layer.expand), (second, layer.contract)):
        conv.weight.data, conv.bias.data = linear.weight[..., None], linear.bias
    assert largest_difference(second(first(x.mT).relu()).mT, layer(x)) <= 1e-12


def test_copying_between_different_designs_is_refused():
    def torch_encoder(layers=2, norm=None, **options):
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, **options)
        return nn.TransformerEncoder(layer, layers, norm, enable_nested_tensor=False)

    ours = transformer.Encoder(SMALL)
    with pytest.raises(ValueError, match="3 layers in theirs, 2 in ours"):
        copy_torch_weights(torch_encoder(3), ours)
    with pytest.raises(ValueError, match="only one of the two stacks has a final"):
        copy_torch_weights(torch_encoder(norm=nn.LayerNorm(32)), ours)
    with pytest.raises(ValueError, match="norm_first is True in theirs and False"):
        copy_torch_weights(torch_encoder(norm_first=True), ours)
    with pytest.raises(ValueError, match="only one of the two has .*bias"):
        copy_torch_weights(nn.LayerNorm(32, bias=False), transformer.LayerNorm(32))


# ------------------------------------------------------------- what may be seen
@pytest.mark.parametrize("norm_first", [False, True])
def test_the_future_does_not_leak(norm_first):
    model = small_model(config=replace(SMALL, norm_first=norm_first))
    source, target = SOURCE[:1], TARGET[:1]
    before = model(source, target)
    for t in range(1, target.size(1)):
        changed = target.clone()
        changed[0, t] = 10
        after = model(source, changed)
        assert torch.equal(before[:, :t], after[:, :t])  # bit for bit
        assert not torch.equal(before[:, t:], after[:, t:])


def test_padding_does_not_leak():
    model = small_model().double()
    real = SOURCE[1:, :5]
    alone = model(real, TARGET[1:, :3])
    padded = model(SOURCE[1:], TARGET[1:])[:, :3]
    assert largest_difference(alone, padded) <= 1e-12
    # Whatever vector padding has, the real positions have the same.
    before = model(SOURCE, TARGET)
    vector = model.embeddings.word.weight.data[0]
    vector += 3.0
    after = model(SOURCE, TARGET)
    real = TARGET != 0
    assert torch.equal(before[real][:, 1:], after[real][:, 1:])  # logit 0 may change


def test_a_sentence_of_padding_alone_gives_no_nan():
    model = small_model()
    source = torch.zeros(1, 4, dtype=torch.long)
    logits = model(source, TARGET[:1])
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_without_positions_the_encoder_is_blind_to_order():
    order = torch.randperm(7, generator=torch.Generator().manual_seed(3))
    for positions, blind in ((None, True), ("sinusoidal", False)):
        model = small_model(config=replace(SMALL, positions=positions)).double()
        shuffled = model.encode(SOURCE[:1, order])
        difference = largest_difference(model.encode(SOURCE[:1])[:, order], shuffled)
        assert (difference <= 1e-12) == blind


def test_attention_maps_of_the_whole_model():
    model = small_model()
    with record_attention(model) as maps:
        model(SOURCE, TARGET)
    assert {name: tuple(m.shape) for name, m in maps.items()} == {
        f"{stack}.layers.{layer}.{kind}": (2, 4, queries, keys)
        for stack, kind, queries, keys in (
            ("encoder", "attention", 7, 7),
            ("decoder", "attention", 5, 5),
            ("decoder", "cross_attention", 5, 7),
        )
        for layer in range(2)
    }
    assert (maps["decoder.layers.1.attention"].triu(1) == 0).all()
    assert (maps["decoder.layers.1.cross_attention"][1, ..., -2:] == 0).all()


# ------------------------------------------------------------------ the model
def test_embeddings_are_scaled_and_carry_positions():
    torch.manual_seed(0)
    embeddings = transformer.Embeddings(SMALL)
    expected = embeddings.word(SOURCE) * 32**0.5 + embeddings.positions[:7]
    assert largest_difference(embeddings(SOURCE), expected) <= 1e-6
    assert "positions" not in embeddings.state_dict()


def test_the_output_projection_is_the_embedding():
    model = small_model()
    hidden_states = torch.randn(2, 3, 32)
    expected = hidden_states @ model.embeddings.word.weight.T
    assert largest_difference(model.project(hidden_states), expected) <= 1e-6
    assert model(SOURCE, TARGET).shape == (2, 5, 11)


def test_first_predictions_are_close_to_chance():
    config = TransformerConfig(vocab_size=1000, num_hidden_layers=2, dropout=0.0)
    model, ids = small_model(config=config), torch.randint(3, 1000, (4, 30))
    spread = model(ids, ids).std().item()
    assert 0.7 < spread < 1.3  # logits of size 1, not of size √d


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("kind", ["embeddings", "residual", "encoder", "decoder", "whole"])
def test_dropout_only_in_training(kind, norm_first):
    torch.manual_seed(0)
    config = replace(SMALL, dropout=0.3, norm_first=norm_first)
    x = torch.randn(2, 7, 32)
    make, inputs = {
        "embeddings": (transformer.Embeddings, (SOURCE,)),
        "residual": (transformer.AddNorm, (x, torch.sin)),
        "encoder": (transformer.Encoder, (x,)),
        "decoder": (transformer.Decoder, (x, x)),
        "whole": (Transformer, (SOURCE, TARGET)),
    }[kind]
    module = make(config)
    assert not torch.equal(module(*inputs), module(*inputs))
    module.eval()
    assert torch.equal(module(*inputs), module(*inputs))
    without = make(replace(config, dropout=0.0))
    without.load_state_dict(module.state_dict())
    assert torch.equal(without(*inputs), module(*inputs))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"hidden_size": 1074, "num_attention_heads": 16},
         r"hidden size \(1074\) is not a multiple of the number of attention heads \(16\)"),
        ({"vocab_size": 0}, "vocab_size must be 1 or more, not 0"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be 1 or more, not 0"),
        ({"num_attention_heads": 0}, "num_attention_heads must be 1 or more, not 0"),
        ({"intermediate_size": -1}, "intermediate_size must be 1 or more, not -1"),
        ({"max_length": 0}, "max_length must be 1 or more, not 0"),
        ({"dropout": 1.0}, "dropout is a probability below 1, not 1.0"),
        ({"dropout": -0.1}, "dropout is a probability below 1, not -0.1"),
        ({"activation": "swish"}, "activation must be one of .*'gelu'.*not 'swish'"),
        ({"positions": "learned"}, "positions must be .*not 'learned'"),
        ({"eos_id": 1}, r"three different ids below vocab_size \(11\), not \(0, 1, 1\)"),
        ({"eos_id": 11}, r"three different ids below vocab_size \(11\), not \(0, 1, 11\)"),
        ({"pad_id": -1}, r"three different ids"),
    ],
)  # fmt: skip
def test_a_config_that_makes_no_model_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)


def test_ids_that_the_model_cannot_read_are_refused():
    model = small_model()
    with pytest.raises(ValueError, match="21 positions; this model has 20"):
        model.encode(torch.ones(1, 21, dtype=torch.long))
    with pytest.raises(ValueError, match=r"not \[7\].*input_ids\[None\]"):
        model.embeddings(SOURCE[0])
    with pytest.raises(TypeError, match="token ids .*not torch.float32"):
        model.embeddings(SOURCE.float())


# ----------------------------------------------------------------------- sizes
def test_the_sizes_of_the_paper():
    base = TransformerConfig(vocab_size=37_000)
    big = replace(
        base, hidden_size=1024, num_attention_heads=16, intermediate_size=4096
    )
    with torch.device("meta"):
        layers = transformer.EncoderLayer(base), transformer.DecoderLayer(base)
        models = [Transformer(config) for config in (base, big)]
    count = transformer.count_parameters
    assert [count(layer) for layer in layers] == [3_152_384, 4_204_032]
    stacks = [count(m.encoder) + count(m.decoder) for m in models]
    assert stacks == [44_138_496, 176_357_376]
    assert [count(m) for m in models] == [63_082_496, 176_357_376 + 37_888_000]
    assert transformer.parameter_ledger(base).parameters.iloc[-1] == 63_082_496


def test_a_final_norm_adds_what_torch_adds():
    base = TransformerConfig(vocab_size=37_000, final_norm=True)
    with torch.device("meta"):
        ours = [transformer.Encoder(base), transformer.Decoder(base)]
        theirs = nn.Transformer(batch_first=True)
    counts = [transformer.count_parameters(stack) for stack in ours]
    assert counts == [18_915_328, 25_225_216]
    assert sum(counts) == transformer.count_parameters(theirs)


@settings(max_examples=25, deadline=None)
@given(
    vocab_size=st.integers(3, 50_000),
    heads=st.integers(1, 8),
    head_size=st.integers(1, 40).map(lambda n: 2 * n),
    intermediate_size=st.integers(1, 3000),
    layers=st.integers(1, 4),
    final_norm=st.booleans(),
)
def test_the_ledger_is_what_the_model_has(
    vocab_size, heads, head_size, intermediate_size, layers, final_norm
):
    config = TransformerConfig(
        vocab_size=vocab_size,
        hidden_size=heads * head_size,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate_size,
        max_length=8,
        final_norm=final_norm,
    )
    ledger = transformer.parameter_ledger(config)
    assert (ledger.parameters == ledger.counted).all()
    assert ledger.parameters[:-1].sum() == ledger.parameters.iloc[-1]
    assert ledger.module.iloc[-1] == "total"


# -------------------------------------------------------------------- decoding
def log_probability(model, source_ids, output):
    """log P of each row of `output` up to its end token, by one pass of the model.

    Padding and the begin token are no words, as in the decoding functions.
    """
    config = model.config
    begin = torch.full_like(output[:, :1], config.bos_id)
    logits = model(source_ids, torch.cat([begin, output[:, :-1]], dim=1)).detach()
    logits[..., [config.pad_id, config.bos_id]] = -torch.inf
    each = logits.log_softmax(-1).gather(-1, output[..., None])[..., 0]
    return each.masked_fill(output == config.pad_id, 0.0).sum(-1)


def whole_outputs(config, max_length):
    """Every output there is, padded: ended within max_length, or cut there."""
    words = [w for w in range(config.vocab_size) if w not in (0, 1, config.eos_id)]
    for length in range(max_length):
        for path in itertools.product(words, repeat=length):
            yield [*path, config.eos_id] + [0] * (max_length - length - 1)
    yield from map(list, itertools.product(words, repeat=max_length))


TINY = replace(SMALL, vocab_size=5, hidden_size=16, num_attention_heads=2)


def sharp_model(seed, config=TINY):
    """An untrained model whose choices matter: its embeddings are three times larger."""
    model = small_model(seed, config)
    model.embeddings.word.weight.data *= 3
    return model


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("seed", range(6))
def test_a_wide_beam_finds_what_enumeration_finds(seed, length_penalty):
    model = sharp_model(seed)
    every = torch.tensor(list(whole_outputs(TINY, 4)))
    assert len(every) == 1 + 2 + 4 + 8 + 16
    sources = torch.tensor([[3, 4, 3], [4, 4, 0]])
    found = transformer.beam_decode(model, sources, 4, len(every), length_penalty)
    for source, row in zip(sources, found):
        log_p = log_probability(model, source.expand(len(every), 3), every)
        lengths = (every != 0).sum(-1)
        best = every[(log_p / ((5 + lengths) / 6) ** length_penalty).argmax()].tolist()
        assert row.tolist() + [0] * (4 - len(row)) == best


@pytest.mark.parametrize("seed", range(8))
def test_a_beam_of_one_is_greedy(seed):
    model = sharp_model(seed, replace(SMALL, vocab_size=6))
    sources = torch.randint(3, 6, (5, 6))
    greedy = transformer.greedy_decode(model, sources, 12)
    for length_penalty in (0.0, 0.6):
        beam = transformer.beam_decode(model, sources, 12, 1, length_penalty)
        assert torch.equal(beam, greedy)


def test_beams_find_outputs_that_are_no_less_likely():
    """With no length penalty, over models whose greedy choice is often not the best."""
    better = 0
    for seed in range(8):
        model = sharp_model(seed, replace(SMALL, vocab_size=6))
        sources = torch.randint(3, 6, (4, 6))
        greedy, beam = (
            log_probability(model, sources, output)
            for output in (
                transformer.greedy_decode(model, sources, 8),
                transformer.beam_decode(model, sources, 8, 8, length_penalty=0.0),
            )
        )
        assert (beam >= greedy - 1e-5).all(), seed
        better += (beam > greedy + 1e-3).sum().item()
    assert better > 0


class Script(nn.Module):
    """A "model" that says the tokens of its source in order: sentences that end."""

    config = SMALL

    def encode(self, source_ids):
        self.steps = 0
        return source_ids[..., None].float()

    def decode(self, target_ids, memory, source_ids):
        self.steps += 1
        return memory[:, : target_ids.size(1)]

    def project(self, hidden_states):
        steps = torch.arange(11.0)
        return -5 * (hidden_states - steps).abs()


@pytest.mark.parametrize(
    "decode", [transformer.greedy_decode, transformer.beam_decode]
)
def test_each_sentence_stops_at_its_own_end_and_is_padded_after_it(decode):
    script = torch.tensor([[5, 2, 7, 7, 7, 7], [4, 4, 6, 2, 9, 9], [2, 3, 3, 3, 3, 3]])
    said = [[5, 2, 0, 0], [4, 4, 6, 2], [2, 0, 0, 0]]
    assert decode(Script(), script, 6).tolist() == said
    assert decode(Script(), script, 2).tolist() == [[5, 2], [4, 4], [2, 0]]
    assert decode(Script(), script[2:], 6).tolist() == [[2]]


@pytest.mark.parametrize(
    "decode", [transformer.greedy_decode, transformer.beam_decode]
)
def test_decoding_stops_when_all_sentences_have_ended(decode):
    script = torch.tensor([[5, 2, 7, 2, 2, 2, 2, 2], [2, 2, 2, 2, 2, 2, 2, 2]])
    model = Script()
    decode(model, script, 8)
    beams = 4 if decode is transformer.beam_decode else 1
    assert model.steps <= 1 + beams < 8  # every beam has an end that early


@pytest.mark.parametrize(
    "decode", [transformer.greedy_decode, transformer.beam_decode]
)
def test_decoding_builds_no_graph(decode):
    class Watching(Script):
        def project(self, hidden_states):
            assert not torch.is_grad_enabled()
            return super().project(hidden_states)

    decode(Watching(), torch.tensor([[5, 2]]), 2)


@pytest.mark.parametrize(
    "decode", [transformer.greedy_decode, transformer.beam_decode]
)
def test_decoding_a_batch_is_decoding_each(decode):
    model = sharp_model(1).double()
    together = decode(model, SOURCE[:, :5].clamp(max=4), 9)
    for source, row in zip(SOURCE[:, :5].clamp(max=4), together):
        alone = decode(model, source[None], 9)[0].tolist()
        assert row.tolist() == alone + [0] * (len(row) - len(alone))


class Choice(Script):
    """Ends at once with P = 0.5, or says 3 (0.45) or 4 (0.05) and then surely ends."""

    def decode(self, target_ids, memory, source_ids):
        return target_ids[..., None]

    def project(self, last):
        odds = torch.full((*last.shape[:-1], 11), 1e-9)
        odds[..., [2, 3, 4]] = torch.where(
            last == 1, torch.tensor([0.5, 0.45, 0.05]), torch.tensor([1.0, 1e-9, 1e-9])
        )
        return odds.log()


def test_a_longer_output_is_favoured_by_the_length_penalty():
    """log 0.5 = -0.693; log 0.45 = -0.799, over 7 / 6 it is -0.684.

    They are equal where (7 / 6) ** penalty = 1.152, at a penalty of 0.918.
    """
    source = torch.tensor([[3]])
    for length_penalty, said in ((0.0, [2]), (0.9, [2]), (0.93, [3, 2])):
        found = transformer.beam_decode(Choice(), source, 4, 2, length_penalty)
        assert found.tolist() == [said]


@pytest.mark.parametrize(
    "decode", [transformer.greedy_decode, transformer.beam_decode]
)
def test_decoding_leaves_the_model_as_it_was(decode):
    model = sharp_model(0, replace(TINY, dropout=0.5))
    expected = decode(model, SOURCE.clamp(max=4), 6)
    model.train()
    assert torch.equal(decode(model, SOURCE.clamp(max=4), 6), expected)  # no dropout
    assert model.training and model.encoder.layers[0].training
    assert not expected.is_floating_point() and torch.is_grad_enabled()
    with pytest.raises(IndexError):  # an id beyond the vocabulary
        decode(model, SOURCE, 6)
    assert model.training and torch.is_grad_enabled()


@pytest.mark.parametrize(
    "decode", [transformer.greedy_decode, transformer.beam_decode]
)
def test_arguments_that_cannot_be_decoded_are_refused(decode):
    model = small_model()
    for max_length in (0, -1, 21):
        with pytest.raises(ValueError, match=f"from 1 to the model's 20, not {max_length}"):
            decode(model, SOURCE, max_length)
    with pytest.raises(ValueError, match=r"source_ids must be .*not \[7\]"):
        decode(model, SOURCE[0], 5)
    with pytest.raises(TypeError, match="source_ids must hold token ids"):
        decode(model, SOURCE.float(), 5)
    for empty in (SOURCE[:0], SOURCE[:, :0]):
        with pytest.raises(ValueError, match="source_ids holds no tokens"):
            decode(model, empty, 5)
    if decode is transformer.beam_decode:
        with pytest.raises(ValueError, match="num_beams must be 1 or more, not 0"):
            decode(model, SOURCE, 5, num_beams=0)
