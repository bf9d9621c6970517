"""Attention and positions: against PyTorch, against the paper, against leaks."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from torch import nn

from utils import attention
from utils.parity import copy_torch_weights, largest_difference, paired_parameters

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


@pytest.fixture(params=TOLERANCE, ids=str)
def dtype(request):
    torch.manual_seed(0)
    return request.param


def draw(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, requires_grad=True)


def gradients(function, *inputs):
    """Output of function(*inputs), and the gradients of a fixed mixture of it."""
    output = function(*inputs)
    generator = torch.Generator().manual_seed(1)
    mixture = torch.randn(output.shape, dtype=torch.float64, generator=generator)
    total = (output * mixture.to(output.dtype)).sum() / output.numel() ** 0.5
    return [output, *torch.autograd.grad(total, inputs)]


def masks(length=7):
    """Masks of a batch of two sentences; the second ends in two tokens of padding."""
    ids = torch.ones(2, length, dtype=torch.long)
    ids[1, -2:] = 0
    padding, causal = attention.padding_mask(ids, 0), attention.causal_mask(length)
    return {"none": None, "padding": padding, "causal": causal, "both": padding & causal}


# ---------------------------------------------------------------- positions
def cosine(a, b):
    return F.cosine_similarity(a, b, dim=0).item()


def test_positions_of_the_paper():
    table = attention.sinusoidal_positions(64, 512, dtype=torch.float64)
    assert table.shape == (64, 512)
    expected = [0.909297427, -0.416146837, 0.936414739, -0.350895194]
    assert table[2, :4].tolist() == pytest.approx(expected, abs=1e-9)
    assert table[10, 2:4].tolist() == pytest.approx([-0.220023185, -0.975494643], abs=1e-9)
    assert table[10, 510].item() == pytest.approx(1.0366e-3, abs=1e-7)
    assert cosine(table[2], table[10]) == pytest.approx(0.7225200832, abs=1e-10)


def test_positions_of_the_slides():
    table = attention.slide_positions(64, 512, dtype=torch.float64)
    second = [9.09297407e-01, -4.16146845e-01, 9.58144367e-01, -2.86285430e-01]
    tenth = [-5.44021130e-01, -8.39071512e-01, 1.18776485e-01, -9.92920995e-01]
    assert table[2, :4].tolist() == pytest.approx(second, abs=5e-8)
    assert table[10, :4].tolist() == pytest.approx(tenth, abs=5e-8)
    assert table[10, 510].item() == pytest.approx(1.07460785e-07, rel=1e-6)
    assert cosine(table[2], table[10]) == pytest.approx(0.8600013331, abs=1e-10)


def test_positions_have_one_length_and_their_products_depend_on_the_offset_alone():
    table = attention.sinusoidal_positions(200, 512, dtype=torch.float64)
    torch.testing.assert_close((table**2).sum(1), torch.full((200,), 256.0).double())
    for offset, product in {
        1: 249.102098, 2: 231.733620, 5: 189.596668,
        8: 184.965141, 20: 157.573984, 50: 131.090761,
    }.items():  # fmt: skip
        products = (table[:-offset] * table[offset:]).sum(1)
        assert products.sub(product).abs().max() < 1e-6, offset


@pytest.mark.parametrize("offset", [0, 1, 8, 50, -3])
def test_a_shift_is_one_matrix_for_all_positions(offset):
    table = attention.sinusoidal_positions(200, 512, dtype=torch.float64)
    before = table[max(0, -offset) : 200 - max(0, offset)]
    after = table[max(0, offset) : 200 - max(0, -offset)]
    matrix = attention.shift_matrix(offset, 512)
    assert largest_difference(before @ matrix.T, after) < 1e-12
    assert largest_difference(matrix @ matrix.T, torch.eye(512)) < 1e-12


def test_positions_are_computed_in_double_precision():
    exact = attention.sinusoidal_positions(5000, 64, dtype=torch.float64)
    single = attention.sinusoidal_positions(5000, 64)
    assert single.dtype == torch.float32
    assert largest_difference(single, exact) < 6e-8  # half a digit of float32


@pytest.mark.parametrize("size", [7, 1, 0, -2])
@pytest.mark.parametrize(
    "make", [attention.sinusoidal_positions, attention.slide_positions]
)
def test_an_odd_hidden_size_has_no_positions(make, size):
    with pytest.raises(ValueError, match=f"even and positive.*it is {size}"):
        make(4, size)
    with pytest.raises(ValueError, match=f"even and positive.*it is {size}"):
        attention.shift_matrix(1, size)


# ---------------------------------------------------------------- attention
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("mask", ["none", "padding", "causal", "both"])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention_equals_torch(dtype, mask, fused, scale):
    inputs = [draw(2, 4, 7, 16, dtype=dtype) for _ in range(3)]
    mask = masks()[mask]
    theirs = gradients(
        lambda *qkv: F.scaled_dot_product_attention(*qkv, mask, scale=scale), *inputs
    )
    ours = gradients(
        lambda *qkv: attention.scaled_dot_product_attention(
            *qkv, mask, scale=scale, fused=fused
        )[0],
        *inputs,
    )
    for a, b in zip(theirs, ours):
        assert largest_difference(a, b) <= TOLERANCE[dtype]


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    widths=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    leading=st.lists(st.integers(1, 3), max_size=3),
    seed=st.integers(0, 2**31),
)
def test_attention_equals_torch_in_any_shape(lengths, widths, leading, seed):
    torch.manual_seed(seed)
    query = draw(*leading, lengths[0], widths[0])
    key = draw(*leading, lengths[1], widths[0])
    value = draw(*leading, lengths[1], widths[1])
    mask = torch.rand(*leading, *lengths) < 0.6  # with rows that see no key at all
    output, weights = attention.scaled_dot_product_attention(query, key, value, mask)
    expected = F.scaled_dot_product_attention(query, key, value, mask)
    assert largest_difference(output, expected) <= 1e-12
    assert (weights >= 0).all() and (weights[~mask] == 0).all()
    sums = weights.sum(-1)
    torch.testing.assert_close(sums, mask.any(-1).double())  # 1, or 0 with no key


def test_attention_on_the_numbers_of_the_book():
    """Three inputs of the workshop's book; its own code left the scaling out."""
    query = torch.tensor([[1.0, 0, 2], [2, 2, 2], [2, 1, 3]], dtype=torch.float64)
    key = torch.tensor([[0.0, 1, 1], [4, 4, 0], [2, 3, 1]], dtype=torch.float64)
    value = torch.tensor([[1.0, 2, 3], [2, 8, 0], [2, 6, 3]], dtype=torch.float64)
    assert (query @ key.T).tolist() == [[2, 4, 4], [4, 16, 12], [4, 12, 10]]
    unscaled, _ = attention.scaled_dot_product_attention(query, key, value, scale=1.0)
    first = [1.93662106, 6.68310531, 1.59506841]
    assert unscaled[0].tolist() == pytest.approx(first, abs=1e-8)
    scaled, _ = attention.scaled_dot_product_attention(query, key, value)
    expected = [
        [1.8638742, 6.31937101, 1.7041887],
        [1.99910955, 7.8141235, 0.27347206],
        [1.99255511, 7.47963559, 0.73587726],
    ]
    assert largest_difference(scaled, torch.tensor(expected)) < 1e-6


@pytest.mark.parametrize("fused", [False, True])
def test_a_query_that_may_look_at_no_key_gets_zeros(dtype, fused):
    inputs = [draw(1, 2, 3, 4, dtype=dtype) for _ in range(3)]
    mask = torch.tensor([[True, True, True], [False, False, False], [True, False, True]])
    with torch.autograd.set_detect_anomaly(not fused):  # no NaN on the way either
        output, *grads = gradients(
            lambda *qkv: attention.scaled_dot_product_attention(
                *qkv, mask, fused=fused
            )[0],
            *inputs,
        )
    assert (output[:, :, 1] == 0).all()
    assert output.isfinite().all() and all(g.isfinite().all() for g in grads)
    assert (grads[0][:, :, 1] == 0).all()
    if not fused:
        weights = attention.scaled_dot_product_attention(*inputs, mask)[1]
        assert (weights[:, :, 1] == 0).all()


@pytest.mark.parametrize("fused", [False, True])
def test_hidden_keys_do_not_leak(fused):
    query, key, value = (draw(2, 4, 7, 16).detach() for _ in range(3))
    mask = masks()["padding"]
    before = attention.scaled_dot_product_attention(query, key, value, mask, fused=fused)
    key[1, :, -2:], value[1, :, -2:] = 50.0, -1e6
    after = attention.scaled_dot_product_attention(query, key, value, mask, fused=fused)
    assert torch.equal(before[0], after[0])


def test_dropout_falls_on_the_weights_that_average_and_not_on_those_returned():
    torch.manual_seed(0)
    query, key = draw(1, 1, 4, 8), draw(1, 1, 500, 8)
    value = torch.eye(500, dtype=torch.float64)[None, None]  # output = weights used
    used, weights = attention.scaled_dot_product_attention(
        query, key, value, dropout=0.25
    )
    dropped = used == 0
    assert 0.2 < dropped.double().mean() < 0.3
    torch.testing.assert_close(used[~dropped], weights[~dropped] / 0.75)
    assert weights.sum(-1).sub(1).abs().max() < 1e-12


def test_fused_returns_no_weights():
    x = torch.randn(1, 2, 3, 4)
    assert attention.scaled_dot_product_attention(x, x, x, fused=True)[1] is None


@pytest.mark.parametrize("wrong", [torch.int64, torch.float32, torch.uint8])
@pytest.mark.parametrize("fused", [False, True])
def test_a_mask_that_is_not_boolean_is_refused(wrong, fused):
    x = torch.randn(1, 2, 3, 4)
    mask = torch.ones(3, 3).to(wrong)
    with pytest.raises(TypeError, match=f"True = this key may be looked at.*{wrong}"):
        attention.scaled_dot_product_attention(x, x, x, mask, fused=fused)


@pytest.mark.parametrize(
    "shape", [(2, 7), (2, 1, 1, 6), (7, 3), (5, 2, 4, 7, 7), (3, 1, 7, 7), (2, 2, 7, 7)]
)
def test_a_mask_of_the_wrong_shape_is_refused(shape):
    x = torch.randn(2, 4, 7, 16)
    mask = torch.ones(shape, dtype=torch.bool)
    with pytest.raises(ValueError) as error:
        attention.scaled_dot_product_attention(x, x, x, mask)
    assert str(list(shape)) in str(error.value)
    assert "[2, 4, 7, 7]" in str(error.value)


def test_query_key_and_value_that_do_not_fit_are_refused():
    x = torch.randn(2, 4, 7, 16)
    with pytest.raises(ValueError, match=r"same width: query .* 16\], key .* 8\]"):
        attention.scaled_dot_product_attention(x, x[..., :8], x)
    with pytest.raises(ValueError, match="has 7 positions, value .* has 6"):
        attention.scaled_dot_product_attention(x, x, x[:, :, :6])


def test_sentences_that_share_their_keys():
    """Leading dimensions broadcast, as in a matrix product."""
    query, key = torch.randn(5, 2, 3, 4), torch.randn(1, 2, 6, 4)
    mask = torch.rand(5, 1, 3, 6) < 0.5
    output, weights = attention.scaled_dot_product_attention(query, key, key, mask)
    keys = key.expand(5, -1, -1, -1)
    expected = F.scaled_dot_product_attention(query, keys, keys, mask)
    assert weights.shape == (5, 2, 3, 6)
    assert largest_difference(output, expected) <= 1e-6
    swapped = attention.scaled_dot_product_attention(key, query, query, mask.mT)[0]
    assert swapped.shape == (5, 2, 6, 4)


def test_masks():
    ids = torch.tensor([[4, 9, 0], [5, 0, 0]])
    padding, causal = attention.padding_mask(ids, 0), attention.causal_mask(3)
    assert padding.tolist() == [[[[True, True, False]]], [[[True, False, False]]]]
    assert causal.tolist() == [[[[True, False, False], [True, True, False], [True] * 3]]]
    assert (padding & causal).shape == (2, 1, 3, 3)
    assert padding.dtype == causal.dtype == torch.bool


# --------------------------------------------------------------- multi-head
def test_heads_split_and_merge():
    x = torch.arange(2 * 3 * 8.0).view(2, 3, 8)
    heads = attention.split_heads(x, 4)
    assert heads.shape == (2, 4, 3, 2)
    assert torch.equal(heads[1, 2, 0], x[1, 0, 4:6])
    assert torch.equal(attention.merge_heads(heads), x)


@pytest.mark.parametrize("size, heads", [(1074, 16), (8, 3), (8, 0)])
def test_heads_that_do_not_divide_the_hidden_size(size, heads):
    message = (
        rf"The hidden size \({size}\) is not a multiple of the number of attention "
        rf"heads \({heads}\)"
    )
    with pytest.raises(ValueError, match=message):
        attention.MultiHeadAttention(size, heads)
    with pytest.raises(ValueError, match=message):
        attention.split_heads(torch.zeros(1, 2, size), heads)


def both_modules(dtype, size=32, heads=4, **options):
    theirs = nn.MultiheadAttention(size, heads, batch_first=True, **options).to(dtype)
    for bias in (theirs.in_proj_bias, theirs.out_proj.bias):
        nn.init.normal_(bias)  # zeros would hide a forgotten bias
    ours = attention.MultiHeadAttention(size, heads).to(dtype)
    return theirs, copy_torch_weights(theirs, ours)


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("mask", ["none", "padding", "causal", "both"])
def test_multi_head_attention_equals_torch(dtype, mask, cross, need_weights):
    theirs, ours = both_modules(dtype)
    x = draw(2, 7, 32, dtype=dtype)
    memory = draw(2, 7, 32, dtype=dtype) if cross else x
    mask = masks()[mask]
    hide = None
    if mask is not None:  # theirs: True hides, one mask for each sentence and head
        hide = ~mask.expand(2, 4, 7, 7).reshape(8, 7, 7)

    def call_theirs(*_):
        return theirs(x, memory, memory, attn_mask=hide, need_weights=need_weights)[0]

    def call_ours(*_):
        return ours(x, memory if cross else None, mask, need_weights)[0]

    pairs = list(paired_parameters(theirs, ours))
    leaves = (x, memory) if cross else (x,)
    expected = gradients(call_theirs, *leaves, *theirs.parameters())
    found = gradients(call_ours, *leaves, *(ours_ for _, _, ours_ in pairs))
    inputs = 1 + len(leaves)
    for a, b in zip(expected[:inputs], found[:inputs]):
        assert largest_difference(a, b) <= TOLERANCE[dtype]
    packed_weight, packed_bias, out_weight, out_bias = expected[inputs:]
    qkv = zip(packed_weight.chunk(3), packed_bias.chunk(3))
    theirs_in_our_order = [g for pair in qkv for g in pair] + [out_weight, out_bias]
    for (name, *_), a, b in zip(pairs, theirs_in_our_order, found[inputs:]):
        assert largest_difference(a, b) <= TOLERANCE[dtype], name


def test_multi_head_weights_equal_torch(dtype):
    theirs, ours = both_modules(dtype)
    x = draw(2, 7, 32, dtype=dtype)
    hide = torch.zeros(2, 7, dtype=torch.bool)
    hide[1, -2:] = True
    expected = theirs(x, x, x, key_padding_mask=hide, average_attn_weights=False)[1]
    found = ours(x, attention_mask=~hide[:, None, None], need_weights=True)[1]
    assert largest_difference(expected, found) <= TOLERANCE[dtype]
    assert ours(x)[1] is None


def test_a_head_is_a_projection_of_the_whole_vector_not_a_slice():
    torch.manual_seed(0)
    module = attention.MultiHeadAttention(8, 2).double()
    x = torch.randn(1, 3, 8, dtype=torch.float64)
    seen = module(x, need_weights=True)[1][:, 0]
    x[..., 4:] += 1.0  # the half that a slice for head 0 would not contain
    assert largest_difference(seen, module(x, need_weights=True)[1][:, 0]) > 1e-3


def test_attention_without_positions_is_blind_to_order():
    torch.manual_seed(0)
    module = attention.MultiHeadAttention(16, 4).double()
    x, order = torch.randn(2, 6, 16).double(), torch.randperm(6)
    assert largest_difference(module(x)[0][:, order], module(x[:, order])[0]) <= 1e-12


def test_dropout_only_in_training():
    torch.manual_seed(0)
    module, x = attention.MultiHeadAttention(16, 4, dropout=0.5), torch.randn(2, 6, 16)
    for need_weights in (False, True):
        module.train()
        first, second = (module(x, need_weights=need_weights)[0] for _ in range(2))
        assert not torch.equal(first, second)
        module.eval()
        first, second = (module(x, need_weights=need_weights)[0] for _ in range(2))
        assert torch.equal(first, second)


# -------------------------------------------------------------- record, parity
def test_record_attention_keeps_the_weights_and_changes_nothing():
    torch.manual_seed(0)
    model = nn.ModuleDict({"a": attention.MultiHeadAttention(8, 2)})
    x = torch.randn(1, 3, 8)
    before = model["a"](x)[0]
    with attention.record_attention(model) as maps:
        recorded = model["a"](x)
    assert maps.keys() == {"a"}
    assert torch.equal(maps["a"], model["a"](x, need_weights=True)[1])
    assert largest_difference(recorded[0], before) <= 1e-6
    assert model["a"](x)[1] is None  # the hooks are gone
    with pytest.raises(ZeroDivisionError):
        with attention.record_attention(model):
            1 / 0
    assert model["a"](x)[1] is None


def test_largest_difference():
    a = torch.tensor([1.0, 2.0])
    for other in (-1.0, 5.0):  # of either sign
        assert largest_difference(a, torch.tensor([1.0, other])) == 3.0
    assert not largest_difference(a, torch.tensor([1.0, float("nan")])) <= 1e9
    with pytest.raises(ValueError, match=r"\[2\] with \[1\]"):
        largest_difference(a, a[:1])
    with pytest.raises(ValueError, match="empty"):
        largest_difference(a[:0], a[:0])


def test_weights_that_do_not_fit_are_not_copied():
    ours = attention.MultiHeadAttention(8, 2)
    multi_head = nn.MultiheadAttention
    with pytest.raises(ValueError, match="query.weight is .16, 16. in theirs and .8, 8."):
        copy_torch_weights(multi_head(16, 2), ours)
    with pytest.raises(ValueError, match="4 heads in theirs, 2 in ours"):
        copy_torch_weights(multi_head(8, 4), ours)
    for options in ({"bias": False}, {"kdim": 4}):
        with pytest.raises(ValueError, match="no kdim, vdim. and biases"):
            copy_torch_weights(multi_head(8, 2, **options), ours)
    with pytest.raises(TypeError, match="a Conv1d"):
        copy_torch_weights(nn.Conv1d(1, 1, 1), ours)
