"""What heads look at, against scipy, loops and matrices made by hand."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, sem
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model

from utils import bert
from utils.bertology import patterns
from utils.bertology.capturing import capture
from utils.bertology.heads import HeadError
from utils.bertology.patterns import (
    HeadDistances, HeadStatistics, attention_rollout, attention_to, head_distances,
    head_entropy, head_map, head_statistics, layer_gap, token_places,
)  # fmt: skip
from utils.sources import load_tokenizer

LENGTHS = (7, 4, 1)


def random_attentions(lengths=LENGTHS, layers=2, heads=3, seed=0):
    """Attentions with zeros at padded keys; padded queries hold what must not count."""
    generator = torch.Generator().manual_seed(seed)
    size = len(lengths), heads, max(lengths), max(lengths)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    scores = [3 * torch.randn(size, generator=generator) for _ in range(layers)]
    hidden = ~mask[:, None, None, :]
    return tuple(s.masked_fill(hidden, -torch.inf).softmax(-1) for s in scores), mask


def by_hand(attentions, lengths, of_query):
    """The mean over sentences of the mean over their queries: [L, H], by loops."""
    table = np.zeros((len(attentions), attentions[0].size(1)))
    for layer, weights in enumerate(attentions):
        for head in range(weights.size(1)):
            sentences = []
            for b, n in enumerate(lengths):
                a = weights[b, head, :n, :n].double().numpy()
                values = [v for i in range(n) if (v := of_query(a, i, b)) is not None]
                if values:
                    sentences.append(np.mean(values))
            table[layer, head] = np.mean(sentences)
    return table


# ----------------------------------------------------------------------- the measures
def test_entropy_is_that_of_scipy():
    attentions, mask = random_attentions()
    expected = by_hand(attentions, LENGTHS, lambda a, i, b: entropy(a[i]))
    found = head_entropy(attentions, mask)
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    whole, _ = random_attentions((7,))
    np.testing.assert_allclose(head_entropy(whole), head_entropy(whole, [[1] * 7]))
    with pytest.raises(AssertionError):  # counting padding is another number
        np.testing.assert_allclose(patterns._entropy(attentions[0]).mean((0, 2)),
                                   expected[0], atol=1e-3)  # fmt: skip


def test_entropy_knows_its_two_ends():
    even = torch.full((1, 1, 5, 5), 0.2)
    one = torch.eye(5).expand(1, 1, 5, 5)
    found = head_entropy((even, one))
    np.testing.assert_allclose(found[:, 0], [np.log(5), 0], atol=1e-6)


def test_previous_is_the_key_before_the_query():
    """The swap of these two labels is a slip of released code: a matrix by hand."""
    previous = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    following = torch.tensor([[0, 1.0, 0], [0, 0, 1], [0, 0, 1]])
    maps = torch.stack([previous, following])[None]  # one sentence, two heads
    assert attention_to("previous", (maps,)).tolist() == [[1, 0]]
    assert attention_to("next", (maps,)).tolist() == [[0, 1]]
    np.testing.assert_allclose(attention_to("self", (maps,)), [[1 / 3, 1 / 3]])
    swapped = np.eye(3, 3, 1)  # what was labelled "previous": it is the next token
    assert (following.numpy() * swapped).sum() == 2


@pytest.mark.parametrize("kind, step", [("previous", -1), ("self", 0), ("next", 1)])
def test_offsets_by_loops(kind, step):
    attentions, mask = random_attentions()

    def weight(a, i, b):
        return a[i, i + step] if 0 <= i + step < len(a) else None

    expected = by_hand(attentions, LENGTHS, weight)
    np.testing.assert_allclose(attention_to(kind, attentions, mask), expected, atol=1e-6)


def test_places_and_queries_by_loops():
    attentions, mask = random_attentions()
    generator = torch.Generator().manual_seed(1)
    keys = torch.rand(mask.shape, generator=generator) < 0.4
    asked = torch.rand(mask.shape, generator=generator) < 0.6
    asked[2] = False  # a sentence without such a query does not count

    def weight(a, i, b):
        return a[i][keys[b, : len(a)].numpy()].sum() if asked[b, i] else None

    found = attention_to("sep", attentions, mask, {"sep": keys}, asked)
    np.testing.assert_allclose(found, by_hand(attentions, LENGTHS, weight), atol=1e-6)
    from_cls = head_entropy(attentions, mask, queries=torch.eye(7)[:1].expand(3, 7))
    first = by_hand(attentions, LENGTHS, lambda a, i, b: None if i else entropy(a[0]))
    np.testing.assert_allclose(from_cls, first, atol=1e-6)


def test_padding_changes_nothing():
    attentions, mask = random_attentions()
    wider = tuple(
        torch.nn.functional.pad(a, (0, 3, 0, 3)) for a in attentions
    )  # and rows of rubbish for the new queries
    for a in wider:
        a[:, :, 7:] = 0.1
    wide_mask = torch.nn.functional.pad(mask, (0, 3))
    pairs = [
        (head_entropy(attentions, mask), head_entropy(wider, wide_mask)),
        (head_distances(attentions, mask), head_distances(wider, wide_mask)),
        (attention_rollout(attentions, 0.5, mask),
         attention_rollout(wider, 0.5, wide_mask)[..., :7, :7]),
        *((attention_to(kind, attentions, mask), attention_to(kind, wider, wide_mask))
          for kind in ("self", "previous", "next")),
    ]  # fmt: skip
    for narrow, wide in pairs:
        np.testing.assert_allclose(narrow, wide, atol=1e-6)
    rolled = attention_rollout(wider, 0.5, wide_mask)
    assert (rolled[..., 7:] == 0).all() and (rolled[:, :, 7:] == 0).all()


def test_places_of_special_tokens_and_punctuation():
    tokenizer = load_tokenizer("all-MiniLM-L6-v2")
    batch = tokenizer(["Well, it's $5 - no?", "Yes"], padding=True, return_tensors="pt")
    places = token_places(tokenizer, batch["input_ids"])
    pieces = tokenizer.convert_ids_to_tokens(batch["input_ids"][0])
    marked = [p for p, yes in zip(pieces, places["punctuation"][0].tolist()) if yes]
    assert marked == [",", "'", "-", "?"]
    assert places["cls"].nonzero().tolist() == [[0, 0], [1, 0]]
    assert places["sep"].nonzero().tolist() == [[0, len(pieces) - 1], [1, 2]]
    assert not places["punctuation"][1].any()


# ------------------------------------------------------------------------ statistics
def tiny(seed=0, **changes):
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=30522, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=40, initializer_range=0.5, **changes,
    )  # fmt: skip
    return BertModel(config).eval()


TEXTS = ["Yes.", "The cat, it sleeps here.", "A dog barks", "No, no, no!", "Why"]


def test_statistics_are_the_functions_of_each_sentence():
    tokenizer, model = load_tokenizer("all-MiniLM-L6-v2"), tiny()
    statistics = head_statistics(model, tokenizer, TEXTS, batch_size=2)
    table = statistics.table()
    assert len(table) == 8
    assert table["layer"].tolist() == [0] * 4 + [1] * 4
    assert table["head"].tolist() == [0, 1, 2, 3] * 2
    alone = {name: [] for name in ("entropy", "entropy_from_cls", "to_cls", "to_sep",
             "to_punctuation", "to_self", "to_previous", "to_next", "top_previous",
             "top_next")}  # fmt: skip
    for text in TEXTS:  # one at a time, without padding
        inputs = dict(tokenizer(text, return_tensors="pt"))
        attentions = capture(model, inputs).attentions
        places = token_places(tokenizer, inputs["input_ids"])
        alone["entropy"].append(head_entropy(attentions))
        alone["entropy_from_cls"].append(head_entropy(attentions, queries=places["cls"]))
        for kind in patterns.KINDS:
            given = attention_to(kind, attentions, places=places)
            alone[f"to_{kind}"].append(given)
        top = torch.cat(attentions).argmax(-1)  # [L, H, T]
        query = torch.arange(top.size(-1))
        alone["top_previous"].append((top == query - 1)[..., 1:].double().mean(-1))
        alone["top_next"].append((top == query + 1)[..., :-1].double().mean(-1))
    assert set(alone) == set(statistics.by_sentence)
    for name, values in alone.items():
        values = torch.stack(values).double().reshape(len(TEXTS), -1).numpy()
        np.testing.assert_allclose(table[name], values.mean(0), atol=1e-5, err_msg=name)
        np.testing.assert_allclose(table[f"{name}_se"], sem(values), atol=1e-5)


def test_statistics_do_not_depend_on_the_batches():
    tokenizer, model = load_tokenizer("all-MiniLM-L6-v2"), tiny()
    one, four = (head_statistics(model, tokenizer, TEXTS, n).table() for n in (1, 4))
    np.testing.assert_allclose(one, four, atol=1e-5)


def test_chance_is_even_attention():
    tokenizer = load_tokenizer("all-MiniLM-L6-v2")
    batch = tokenizer(["Yes, no.", "Why"], padding=True, return_tensors="pt")
    attentions, _ = random_attentions((6, 3))
    statistics = HeadStatistics(tokenizer)
    statistics.update(attentions, batch["input_ids"], batch["attention_mask"])
    chance = statistics.chance()
    assert chance["to_cls"] == pytest.approx((1 / 6 + 1 / 3) / 2)
    assert chance["to_punctuation"] == pytest.approx((2 / 6 + 0) / 2)
    assert chance["entropy"] == pytest.approx((np.log(6) + np.log(3)) / 2)
    assert not any(name.startswith("top") for name in chance.index)


def test_statistics_of_other_models():
    """The course's own BERT gives the same; a tokenizer without [CLS] lacks columns."""
    tokenizer, model = load_tokenizer("all-MiniLM-L6-v2"), tiny()
    ours = bert.from_transformers(model)
    tables = [head_statistics(m, tokenizer, TEXTS).table() for m in (model, ours)]
    np.testing.assert_allclose(*tables, atol=1e-5)
    gpt = GPT2Model(GPT2Config(vocab_size=30522, n_embd=32, n_layer=2, n_head=4)).eval()
    tokenizer.cls_token = tokenizer.sep_token = None
    found = head_statistics(gpt, tokenizer, TEXTS).table()
    assert not {"to_cls", "to_sep", "entropy_from_cls"} & set(found)
    assert (found["to_next"] == 0).all() and (found["to_previous"] > 0).all()


# --------------------------------------------------------------------------- rollout
@pytest.mark.parametrize("residual", [0, 0.5, 0.8, 1])
def test_rollout_by_loops(residual):
    attentions, mask = random_attentions(layers=3)
    found = attention_rollout(attentions, residual, mask)
    for b, n in enumerate(LENGTHS):
        rolled = np.eye(n)
        for layer in range(3):
            mean = attentions[layer][b, :, :n, :n].double().numpy().mean(0)
            mixed = residual * np.eye(n) + (1 - residual) * mean
            rolled = mixed @ rolled
            np.testing.assert_allclose(found[layer, b, :n, :n], rolled, atol=1e-6)
            np.testing.assert_allclose(found[layer, b, :n].sum(-1), 1, atol=1e-5)


def test_rollout_takes_a_pruned_model():
    attentions, mask = random_attentions()
    attentions = (attentions[0][:, :2], attentions[1])
    assert attention_rollout(attentions, 0.5, mask).shape == (2, 3, 7, 7)


# ------------------------------------------------------------------------- distances
def test_distances_are_those_of_scipy():
    attentions, mask = random_attentions()
    heads = torch.cat(attentions, 1).double().numpy()  # [B, N, T, T]
    found = head_distances(attentions, mask)
    for i in range(6):
        for j in range(6):
            apart = [
                jensenshannon(heads[b, i, t, :n], heads[b, j, t, :n]) ** 2
                for b, n in enumerate(LENGTHS) for t in range(n)
            ]  # fmt: skip
            assert found[i, j] == pytest.approx(np.mean(np.nan_to_num(apart)), abs=1e-6)
    assert (found.diagonal() == 0).all() and (found == found.T).all()
    assert found.max() < np.log(2)


def test_distances_add_up_over_batches():
    attentions, mask = random_attentions()
    parts = HeadDistances()
    for rows in (slice(0, 1), slice(1, 3)):
        parts.update([a[rows] for a in attentions], mask[rows])
    np.testing.assert_allclose(parts.matrix(), head_distances(attentions, mask), atol=1e-12)
    assert parts.tokens == sum(LENGTHS)
    with pytest.raises(HeadError, match="of 5 heads, and those before of 6"):
        parts.update([attentions[0][:, :2], attentions[1]], mask)


def test_a_map_of_points_on_a_plane_keeps_their_distances():
    points = np.random.default_rng(0).normal(size=(8, 2))
    apart = np.linalg.norm(points[:, None] - points, axis=-1)
    found = head_map(apart)
    again = np.linalg.norm(found.positions[:, None] - found.positions, axis=-1)
    np.testing.assert_allclose(again, apart, atol=0.02)
    assert found.stress < 0.01
    np.testing.assert_array_equal(found.positions, head_map(apart).positions)
    flat = head_map(1 - np.eye(8))  # eight points equally far apart need seven dimensions
    assert flat.stress > 0.2


def test_gap_between_layers():
    layers = np.repeat([0, 1, 2], 4)
    apart = np.where(layers[:, None] == layers, 0.1, 0.3) * (1 - np.eye(12))
    gap = layer_gap(apart, 4)
    assert gap[:2] == pytest.approx((0.1, 0.3)) and gap.p_value < 0.01
    noise = np.random.default_rng(0).random((12, 12))
    assert layer_gap((noise + noise.T) * (1 - np.eye(12)), 4).p_value > 0.05
    assert layer_gap(apart, [4, 4, 4], permutations=99)[:2] == gap[:2]
    for heads in (5, 12, [4, 4]):
        with pytest.raises(HeadError, match="12 heads"):
            layer_gap(apart, heads)
    for wrong in (apart[:3], apart + np.eye(12), np.triu(apart)):
        with pytest.raises(HeadError, match="symmetric"):
            head_map(wrong)


# ---------------------------------------------------------------------------- misuse
def test_empty_attentions_name_the_way_out():
    model = tiny()
    inputs = {"input_ids": torch.tensor([[2, 3, 4]])}
    model.set_attn_implementation("sdpa")
    empty = model(**inputs, output_attentions=True).attentions
    for attentions in (empty, None, (None, None)):
        for use in (head_entropy, attention_rollout, head_distances):
            with pytest.raises(HeadError, match=r'_implementation\("eager"\).*capture'):
                use(attentions)


def test_what_does_not_fit_is_refused():
    attentions, mask = random_attentions()
    ragged = (attentions[0][:, :2], attentions[1])
    with pytest.raises(HeadError, match="2, 3 heads, as those of a pruned model"):
        head_entropy(ragged, mask)
    with pytest.raises(HeadError, match=r"attention_mask is \[3, 6\].*\[3, 7\] is needed"):
        head_entropy(attentions, mask[:, :6])
    with pytest.raises(HeadError, match="1 for a token"):
        head_entropy(attentions, mask * 2)
    with pytest.raises(HeadError, match="hides a whole sentence"):
        head_entropy(attentions, mask & torch.tensor([[True], [True], [False]]))
    with pytest.raises(HeadError, match=r"layer 1 are \[7, 7\]"):
        head_entropy((attentions[0], attentions[1][0, 0]), mask)
    with pytest.raises(HeadError, match="layer 1, head 2: the row of token 3 of sent"):
        broken = attentions[1].clone()
        broken[1, 2, 3] *= 0.9  # as dropout would
        head_entropy((attentions[0], broken), mask)
    with pytest.raises(HeadError, match="does not sum to 1 over the tokens"):
        head_entropy(attentions, mask.flip(1))  # a mask that is not the model's
    with pytest.raises(HeadError, match="residual"):
        attention_rollout(attentions, 1.5, mask)
    with pytest.raises(HeadError, match="'prev'"):
        attention_to("prev", attentions, mask)
    with pytest.raises(HeadError, match="token_places.*given: none"):
        attention_to("sep", attentions, mask)
    with pytest.raises(HeadError, match="given: cls"):
        attention_to("sep", attentions, mask, {"cls": mask})
    with pytest.raises(HeadError, match="given: none"):
        attention_to("sep", attentions, mask, 3)
    for strange in ([1.5], "text", {1: 2}):
        with pytest.raises(HeadError, match="attentions are tensors, one for each layer, not"):
            head_entropy(strange)
    with pytest.raises(HeadError, match=r"sep is \[3, 6\]"):
        attention_to("sep", attentions, mask, {"sep": mask[:, :6]})
    with pytest.raises(HeadError, match="no batch"):
        HeadDistances().matrix()
    with pytest.raises(HeadError, match="no batch"):
        HeadStatistics(None).table()
    for texts in ("one string", []):
        with pytest.raises(HeadError, match="a list of texts"):
            head_statistics(tiny(), load_tokenizer("all-MiniLM-L6-v2"), texts)
