"""Heads against relations: planted heads that must be found, and ones that must not."""

import numpy as np
import pandas as pd
import pytest
import torch

from utils.bertology import relations
from utils.bertology.relations import (
    ALL, DIRECTIONS, OFFSETS, best_offset, find_arcs, head_roles, of_relation,
    relation_table, resampled_sums, with_paper,
)  # fmt: skip
from utils.bertology.words import Tree

L, H = 3, 4
DEPENDENT, HEAD = DIRECTIONS  # who looks: "dependent to head", "head to dependent"
# The cat that slept saw a dog . / Dogs bark . / see the very old dogs ! / no !
HAND = [
    Tree(("The", "cat", "that", "slept", "saw", "a", "dog", "."),
         ("DET", "NOUN", "PRON", "VERB", "VERB", "DET", "NOUN", "PUNCT"),
         (2, 5, 4, 2, 0, 7, 5, 5),
         ("det", "nsubj", "nsubj", "acl", "root", "det", "obj", "punct")),
    Tree(("Dogs", "bark", "."), ("NOUN", "VERB", "PUNCT"), (2, 0, 2),
         ("nsubj", "root", "punct")),
    Tree(("see", "the", "very", "old", "dogs", "!"),
         ("VERB", "DET", "ADV", "ADJ", "NOUN", "PUNCT"), (0, 5, 4, 5, 1, 1),
         ("root", "det", "advmod", "amod", "obj", "punct")),
    Tree(("no", "!"), ("INTJ", "PUNCT"), (0, 1), ("root", "punct")),
]  # fmt: skip


@pytest.fixture(scope="module")
def chosen(grammar):
    return grammar(120, 1)


@pytest.fixture(scope="module")
def scored(grammar):
    return grammar(120, 2, "validation")


# --------------------------------------------------------------------- planted heads
def noise(trees, seed=0, layers=L, heads=H):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(layers, heads, w, w, generator=generator).softmax(-1)
        for w in (len(tree.tokens) for tree in trees)
    ]


def plant(attentions, trees, layer, head, target, share=1.0, seed=7):
    """Make one head look at `target(tree, word)`, a place or None, from a share of words.

    The head keeps what it had elsewhere. The attention stays a distribution.
    """
    rng = np.random.default_rng(seed)
    for attention, tree in zip(attentions, trees):
        for word in range(len(tree.tokens)):
            place = target(tree, word)
            if place is not None and rng.random() < share:
                attention[layer, head, word] = 0.1 / len(tree.tokens)
                attention[layer, head, word, place] += 0.9
    return attentions


def to_head(name=None):
    """From a dependent of the relation to its head."""
    def target(tree, word):
        right = tree.heads[word] and name in (None, tree.deprels[word])
        return tree.heads[word] - 1 if right else None
    return target  # fmt: skip


def to_dependent(name):
    """From a head to its dependent of the relation."""
    def target(tree, word):
        for place, (head, relation) in enumerate(zip(tree.heads, tree.deprels)):
            if head - 1 == word and relation == name:
                return place
        return None
    return target  # fmt: skip


def neighbour(step):
    def target(tree, word):
        return word + step if 0 <= word + step < len(tree.tokens) else None
    return target  # fmt: skip


# --------------------------------------------------------------------------- the arcs
def arcs_by_loops(attentions, trees):
    """(sentence, relation, offset, hits) of every arc, and what words look at."""
    arcs, previous, following, rarest = [], [], [], []
    words = [token.lower() for tree in trees for token in tree.tokens]
    for number, (attention, tree) in enumerate(zip(attentions, trees)):
        n = len(tree.tokens)
        low = [token.lower() for token in tree.tokens]
        fewest = min(words.count(token) for token in low)
        for i, head in enumerate(tree.heads):
            looks = attention[:, :, i].argmax(-1)
            if i > 0:
                previous.append(looks == i - 1)
            if i < n - 1:
                following.append(looks == i + 1)
            rarest.append(torch.tensor([
                [words.count(low[place]) == fewest for place in row]
                for row in looks.tolist()
            ]))  # fmt: skip
            if head == 0:
                continue
            hits = np.zeros((2, *attention.shape[:2]), bool)
            for way, (here, there) in enumerate([(i, head - 1), (head - 1, i)]):
                for layer, k in np.ndindex(*attention.shape[:2]):
                    weights = attention[layer, k, here].clone()
                    best = max((w for w in range(n) if w != here), key=lambda w: weights[w])
                    hits[way, layer, k] = best == there
            arcs.append((number, tree.deprels[i], head - 1 - i, hits))
    looks = [torch.stack(x).float().mean(0).numpy() for x in (previous, following, rarest)]
    return arcs, looks


@pytest.mark.parametrize("seed", [0, 1])
def test_arcs_are_those_of_loops(seed):
    attentions = noise(HAND, seed)
    expected, (previous, following, rarest) = arcs_by_loops(attentions, HAND)
    found = find_arcs(attentions, HAND)
    assert found.trees == HAND
    assert found.sentence.tolist() == [arc[0] for arc in expected]
    assert found.relation.tolist() == [arc[1] for arc in expected]
    assert found.offset.tolist() == [arc[2] for arc in expected]
    np.testing.assert_array_equal(found.hits, np.stack([arc[3] for arc in expected]))
    assert 0.05 < found.hits.mean() < 0.7 and found.hits.shape == (15, 2, L, H)
    np.testing.assert_allclose(found.previous, previous, atol=1e-6)
    np.testing.assert_allclose(found.next, following, atol=1e-6)
    np.testing.assert_allclose(found.rarest, rarest, atol=1e-6)
    swapped = find_arcs([a.mT for a in attentions], HAND)
    np.testing.assert_array_equal(swapped.hits[:, ::-1], transposed_by_loops(attentions))


def transposed_by_loops(attentions):
    """The hits where columns are read instead of rows, the directions swapped back."""
    arcs, _ = arcs_by_loops([a.mT for a in attentions], HAND)
    return np.stack([arc[3] for arc in arcs])[:, ::-1]


def test_offsets_are_of_the_head_seen_from_its_dependent():
    found = find_arcs(noise(HAND), HAND)
    by_name = {
        name: found.offset[found.relation == name].tolist() for name in ("det", "obj")
    }
    assert by_name == {"det": [1, 1, 3], "obj": [-2, -4]}
    assert "root" not in found.relation  # the root hangs on no word


def test_a_planted_head_is_found_where_it_is_and_nowhere_else():
    attentions = plant(noise(HAND), HAND, 1, 2, to_head())
    found = find_arcs(attentions, HAND)
    assert found.hits[:, 0, 1, 2].all()
    assert not found.hits[:, 1, 1, 2].all()  # it does not look the other way
    others = found.hits.mean(0)
    others[0, 1, 2] = 0
    assert others.max() < 0.9


def test_attention_to_the_word_itself_is_left_out_of_arcs_and_not_of_neighbours():
    attentions = noise(HAND)
    for attention in attentions:
        attention.diagonal(dim1=-2, dim2=-1).fill_(9.0)
    with_itself, without = find_arcs(attentions, HAND), find_arcs(noise(HAND), HAND)
    np.testing.assert_array_equal(with_itself.hits, without.hits)
    for name in ("previous", "next"):
        assert getattr(with_itself, name).max() == 0 < getattr(without, name).max()


@pytest.mark.parametrize("step, found_by, other", [
    (-1, "previous", "next"), (1, "next", "previous"),
])  # fmt: skip
def test_previous_and_next_are_not_swapped(chosen, step, found_by, other):
    arcs = find_arcs(plant(noise(chosen), chosen, 2, 1, neighbour(step)), chosen)
    assert getattr(arcs, found_by)[2, 1] == 1.0
    assert getattr(arcs, other)[2, 1] < 0.1
    near = arcs.offset == step
    assert near.any() and arcs.hits[near, 0, 2, 1].all()  # the head stands there
    # The word at the edge has no such neighbour and looks anywhere.
    assert arcs.hits[~near, 0, 2, 1].mean() < 0.1
    assert arcs.hits[arcs.offset == -step, 1, 2, 1].all()  # and here the dependent


def test_the_rarest_word_is_the_rarest_in_these_sentences(chosen):
    counts = {}
    for tree in chosen:
        for token in tree.tokens:
            counts[token.lower()] = counts.get(token.lower(), 0) + 1

    def rarest(tree, word):
        return min(range(len(tree.tokens)), key=lambda i: counts[tree.tokens[i].lower()])

    def commonest(tree, word):
        return max(range(len(tree.tokens)), key=lambda i: counts[tree.tokens[i].lower()])

    attentions = plant(noise(chosen), chosen, 0, 0, rarest)
    arcs = find_arcs(plant(attentions, chosen, 2, 3, commonest), chosen)
    assert arcs.rarest[0, 0] == 1.0 and arcs.rarest[2, 3] == 0.0
    others = np.delete(arcs.rarest.ravel(), [0, 2 * H + 3])
    assert (others > 0.02).all() and (others < 0.4).all()


def test_wrong_attentions_are_refused():
    good = noise(HAND)

    def one(place, changed):
        return [changed if i == place else a for i, a in enumerate(good)]

    nan = good[2].clone()
    nan[0, 0, 0, 0] = torch.nan
    for attentions, trees, message in [
        (good[:3], HAND, "attentions of 3 sentences and 4 trees"),
        (good, HAND[:3], "attentions of 4 sentences and 3 trees"),
        ([], [], "at least one"),
        (one(1, good[1][:, :, :2, :2]), HAND,
         r"sentence 1: the attention is \[3, 4, 2, 2\], and \[3, 4, 3, 3\]"),
        (one(3, good[3][:, :3]), HAND, "sentence 3: .* is needed"),
        (one(0, good[0].mean(1)), HAND, r"\[L, H, W, W\]"),
        (one(2, nan), HAND, "sentence 2: the attention holds NaN"),
        ([list(a) for a in good], HAND, "pruned heads"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            find_arcs(attentions, trees)
    arrays = find_arcs([a.numpy() for a in good], HAND)
    np.testing.assert_array_equal(arrays.hits, find_arcs(good, HAND).hits)


# ----------------------------------------------------------------------- the offsets
def test_the_best_offset_is_the_most_frequent_one_that_a_baseline_may_have():
    assert best_offset([1, 1, -2, -2, -2, 3]) == -2
    assert best_offset([9] * 10 + [3]) == 3  # 9 is too far away to be one
    assert best_offset([-1] * 3 + [1] * 4) == 1
    rng = np.random.default_rng(0)
    for _ in range(20):
        offsets = rng.integers(-6, 7, 40)
        offsets = offsets[offsets != 0]
        best = best_offset(offsets)
        assert best in OFFSETS
        assert all((offsets == best).sum() >= (offsets == other).sum() for other in OFFSETS)
    assert sorted(OFFSETS) == [-3, -2, -1, 1, 2, 3]


def test_resampled_sums_are_those_of_sentences_drawn_with_replacement():
    columns = np.arange(1.0, 4.0)[:, None] * np.ones((2, 3, 5))  # 1s, 2s and 3s
    sums = resampled_sums(columns, 40, 0)
    assert sums.shape == (2, 3, 40)  # five sentences are drawn every time
    for number, drawn in enumerate((5.0, 10.0, 15.0)):
        np.testing.assert_allclose(sums[:, number], drawn)
    times = resampled_sums(np.eye(5), 2000, 1)  # how often each sentence was drawn
    np.testing.assert_array_equal(times.sum(0), 5)
    assert (times == times.round()).all() and times.max() >= 3 and times.min() == 0
    np.testing.assert_allclose(times.mean(1), 1, atol=0.1)
    np.testing.assert_array_equal(times, resampled_sums(np.eye(5), 2000, 1))
    assert (times != resampled_sums(np.eye(5), 2000, 2)).any()


# ------------------------------------------------------------------------- the table
@pytest.fixture(scope="module")
def planted(chosen, scored):
    """Arcs of both splits with three planted heads, each in its layer and direction."""
    both = []
    for number, trees in enumerate((chosen, scored)):
        attentions = noise(trees, seed=number)
        plant(attentions, trees, 1, 2, to_head("obj"))
        plant(attentions, trees, 2, 0, to_dependent("nsubj"))
        plant(attentions, trees, 0, 3, to_head("det"), share=0.8)
        both.append(find_arcs(attentions, trees))
    return both


def test_the_table_finds_planted_heads_in_their_direction(planted):
    table = relation_table(*planted, ["obj", "nsubj", "det"], resamples=200)
    assert table["relation"].tolist() == ["obj", "nsubj", "det"]
    assert table["layer"].tolist() == [1, 2, 0] and table["head"].tolist() == [2, 0, 3]
    assert table["name"].tolist() == ["2-3", "3-1", "1-4"]
    assert table["direction"].tolist() == [DEPENDENT, HEAD, DEPENDENT]
    assert table["accuracy"][0] == table["low"][0] == table["high"][0] == 1.0
    # Two subjects of one verb, as in a coordination, cannot both be looked at.
    assert table["accuracy"][1] > 0.9
    assert 0.7 < table["accuracy"][2] < 0.95


def test_a_head_beside_the_planted_one_is_not_taken_for_it(chosen, scored):
    """One place to the right of the head is wrong, and the table must say so."""
    def off_by_one(tree, word):
        place = to_head("obj")(tree, word)
        return None if place is None else min(place + 1, len(tree.tokens) - 1)

    arcs = [
        find_arcs(plant(noise(trees, i), trees, 1, 2, off_by_one), trees)
        for i, trees in enumerate((chosen, scored))
    ]
    row = relation_table(*arcs, "obj", resamples=20).iloc[0]
    assert row["accuracy"] < 0.5
    wrong = of_relation(arcs[1], "obj")
    assert arcs[1].hits[wrong, 0, 1, 2].mean() < 0.1  # fmt: skip


def table_by_loops(picked_on, scored_on, name):
    """n, layer, head, direction, accuracy, offset and its accuracy of one relation."""
    best, most = None, -1
    here = [
        a for a, r in enumerate(picked_on.relation)
        if r == name or (name == ALL and r != "punct")
    ]  # fmt: skip
    for way in range(2):
        for layer in range(L):
            for head in range(H):
                found = sum(picked_on.hits[a, way, layer, head] for a in here)
                if found > most:
                    best, most = (way, layer, head), found
    counts = {o: sum(picked_on.offset[a] == o for a in here) for o in OFFSETS}
    offset = max(counts, key=counts.get)
    there = [
        a for a, r in enumerate(scored_on.relation)
        if r == name or (name == ALL and r != "punct")
    ]  # fmt: skip
    way, layer, head = best
    return (
        len(there), layer, head, DIRECTIONS[way],
        np.mean([scored_on.hits[a, way, layer, head] for a in there]), offset,
        np.mean([scored_on.offset[a] == offset for a in there]),
    )  # fmt: skip


def test_the_table_is_that_of_loops_and_its_intervals_hold_the_values(planted):
    table = relation_table(*planted, least=20, resamples=300)
    assert table["relation"][0] == ALL and len(table) > 6
    assert "punct" in set(table["relation"])
    for _, row in table.iterrows():
        expected = table_by_loops(*planted, row["relation"])
        asked = ["n", "layer", "head", "direction", "accuracy", "offset", "offset_accuracy"]
        assert tuple(row[asked]) == pytest.approx(expected), row["relation"]
        assert row["gain"] == pytest.approx(row["accuracy"] - row["offset_accuracy"])
        assert row["low"] <= row["accuracy"] <= row["high"], row["relation"]
        assert row["gain_low"] <= row["gain"] <= row["gain_high"], row["relation"]
    noisy = table[(table["accuracy"] > 0.1) & (table["accuracy"] < 0.9)]
    assert len(noisy) > 2 and (noisy["low"] < noisy["high"]).all()
    arcs = table.loc[table["relation"] == ALL, "n"].item()
    assert arcs == (planted[1].relation != "punct").sum()


def test_intervals_resample_sentences_and_not_arcs():
    """Two arcs of a sentence that always agree are worth one: the interval is wider."""
    trees = [
        Tree(("a", "b", "c"), ("X",) * 3, (0, 1, 1), ("root", "x", "x")) for _ in range(60)
    ]
    right = torch.tensor([[0.4, 0.3, 0.3], [0.9, 0.05, 0.05], [0.9, 0.05, 0.05]])
    wrong = torch.tensor([[0.4, 0.3, 0.3], [0.0, 0.1, 0.9], [0.0, 0.9, 0.1]])
    attentions = [(right if number % 2 else wrong)[None, None] for number in range(60)]
    arcs = find_arcs(attentions, trees)
    row = relation_table(arcs, arcs, "x", same_split=True, resamples=4000).iloc[0]
    assert row["accuracy"] == pytest.approx(0.5)
    width = 2 * 1.96 * (0.25 / 60) ** 0.5  # 60 sentences, not 120 arcs
    assert row["high"] - row["low"] == pytest.approx(width, rel=0.08)
    again = relation_table(arcs, arcs, "x", same_split=True, resamples=4000)
    few = {
        relation_table(arcs, arcs, "x", same_split=True, resamples=15, seed=seed)["low"][0]
        for seed in range(5)
    }
    assert again.iloc[0].equals(row) and len(few) > 1


def test_the_choice_is_made_on_the_other_split_than_the_score(chosen, scored):
    """With noise alone the best of 24 heads looks good where it was picked."""
    arcs = [
        find_arcs(noise(trees, 5 + i), trees) for i, trees in enumerate((chosen, scored))
    ]
    names = ["nsubj", "obj", "amod", "det", "case", "advmod"]
    honest = relation_table(*arcs, names, resamples=10)
    same = relation_table(arcs[1], arcs[1], names, resamples=10, same_split=True)
    assert (same["accuracy"] >= honest["accuracy"]).all()
    assert same["accuracy"].mean() > honest["accuracy"].mean() + 0.01
    with pytest.raises(ValueError, match="score on another split"):
        relation_table(arcs[1], arcs[1], names)
    copied = arcs[1]._replace(trees=[Tree(*tree) for tree in arcs[1].trees])
    with pytest.raises(ValueError, match="score on another split"):
        relation_table(arcs[1], copied, names)  # the same sentences, read twice


def test_relations_are_those_asked_for_or_the_frequent_ones(planted):
    counts = [pd.Series(arcs.relation).value_counts() for arcs in planted]
    table = relation_table(*planted, least=30, resamples=10)
    expected = {name for name in counts[1].index
                if min(counts[1][name], counts[0].get(name, 0)) >= 30}  # fmt: skip
    assert set(table["relation"]) == expected | {ALL} and len(expected) > 3
    assert table["n"][1:].is_monotonic_decreasing  # the frequent ones first
    few = find_arcs(noise(planted[0].trees[:20]), planted[0].trees[:20])
    seldom = {name for name in expected if (few.relation == name).sum() < 30}
    there = set(relation_table(few, planted[1], least=30, resamples=10)["relation"])
    assert there == (expected - seldom) | {ALL} and seldom  # frequent in both
    assert relation_table(*planted, ("obj",), resamples=10)["relation"].tolist() == ["obj"]
    assert relation_table(*planted, least=10**6, resamples=10)["relation"].tolist() == [ALL]
    with pytest.raises(ValueError, match="no arc of 120 sentences .* relation 'vocative'"):
        relation_table(*planted, ["obj", "vocative"])
    found = planted[0].relation == "obj"
    assert (of_relation(planted[0], "obj") == found).all()
    assert not of_relation(planted[0], ALL)[planted[0].relation == "punct"].any()
    assert of_relation(planted[0], ALL)[planted[0].relation != "punct"].all()


def test_splits_read_by_different_models_are_refused(chosen, scored):
    arcs = find_arcs(noise(chosen), chosen), find_arcs(noise(scored, heads=3), scored)
    for function in (relation_table, head_roles):
        with pytest.raises(ValueError, match=r"different models: \(3, 4\) and \(3, 3\)"):
            function(*arcs)


def test_a_relation_that_most_resamplings_lack_has_an_interval_without_them():
    """One sentence of 40 has it: the shares of the others would be 0 / 0."""
    plain = [
        Tree(("a", "b", "c"), ("X",) * 3, (0, 1, 1), ("root", "x", "x")) for _ in range(39)
    ]
    rare = Tree(("a", "b", "c"), ("X",) * 3, (0, 1, 2), ("root", "x", "rare"))
    arcs = [
        find_arcs(plant(noise(trees, i), trees, 0, 0, to_head()), trees)
        for i, trees in enumerate(([*plain, rare], [rare, *plain[:20]]))
    ]
    arcs[1] = arcs[1]._replace(trees=[Tree(*tree) for tree in arcs[1].trees])
    row = relation_table(*arcs, "rare", resamples=100).iloc[0]
    assert row["n"] == 1 and row["accuracy"] == row["low"] == row["high"] == 1.0


def test_the_papers_numbers_stand_beside_as_shares(planted):
    table = with_paper(relation_table(*planted, ["obj", "case", ALL], resamples=10))
    assert table["paper_name"].tolist()[::2] == ["8-10", "7-6"]
    assert table["paper_accuracy"].tolist()[::2] == pytest.approx([0.868, 0.345])
    assert table["paper_offset_accuracy"].tolist()[::2] == pytest.approx([0.400, 0.263])
    assert pd.isna(table.loc[1, "paper_name"])  # Clark's scheme has no `case`
    assert table.loc[1, ["paper_accuracy", "paper_offset_accuracy"]].isna().all()
    for name, accuracy, offset in relations.CLARK.values():
        layer, head = map(int, name.split("-"))
        assert 1 <= layer <= 12 and 1 <= head <= 12 and 100 > accuracy > offset > 0


# ------------------------------------------------------------------------- the roles
def test_roles_are_those_of_planted_heads(chosen, scored):
    arcs = []
    for number, trees in enumerate((chosen, scored)):
        attentions = noise(trees, number)
        plant(attentions, trees, 0, 0, neighbour(-1))
        plant(attentions, trees, 0, 1, neighbour(1))
        plant(attentions, trees, 0, 2, neighbour(1), share=0.8)  # below Voita's bound
        plant(attentions, trees, 1, 2, to_head("obj"))
        plant(attentions, trees, 2, 0, to_dependent("nsubj"))
        arcs.append(find_arcs(attentions, trees))
    table = head_roles(*arcs)
    assert len(table) == L * H
    by_head = table.set_index(["layer", "head"])
    assert by_head.loc[(1, 2), "name"] == "2-3"
    for place, position in [((0, 0), "previous"), ((0, 1), "next")]:
        row = by_head.loc[place]
        assert "positional" in row["role"] and row["position"] == position
        assert row["position_share"] == 1.0
    assert by_head.loc[(0, 2), "position"] == "next"
    assert 0.7 < by_head.loc[(0, 2), "position_share"] < 0.9
    assert "positional" not in by_head.loc[(0, 2), "role"]
    for place, relation, direction in [((1, 2), "obj", DEPENDENT), ((2, 0), "nsubj", HEAD)]:
        row = by_head.loc[place]
        assert row["role"] == "syntactic"
        assert (row["relation"], row["direction"]) == (relation, direction)
        assert row["accuracy"] > 0.9 and row["gain"] >= 0.1
        assert row["gain"] == pytest.approx(row["accuracy"] - row["offset_accuracy"])
    planted_heads = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 0)]
    assert (by_head.drop(planted_heads)["role"] == "").all()


def test_a_head_that_only_looks_at_its_neighbour_is_not_syntactic(chosen, scored):
    """It finds every relation of one step; the offset finds it too."""
    arcs = [
        find_arcs(plant(noise(trees, i), trees, 0, 0, neighbour(1)), trees)
        for i, trees in enumerate((chosen, scored))
    ]
    row = head_roles(*arcs, relations=["det", "amod"]).iloc[0]
    assert row["role"] == "positional" and row["accuracy"] > 0.5
    assert row["gain"] < 0.1


def test_roles_are_picked_on_one_split_and_scored_on_the_other(chosen, scored):
    first = find_arcs(plant(noise(chosen), chosen, 1, 2, to_head("obj")), chosen)
    second = find_arcs(plant(noise(scored), scored, 1, 2, to_head("nsubj")), scored)
    row = head_roles(first, second).set_index(["layer", "head"]).loc[(1, 2)]
    assert row["relation"] == "obj" and row["accuracy"] < 0.5 and row["role"] == ""
    here = of_relation(second, "obj")
    assert row["accuracy"] == second.hits[here, 0, 1, 2].mean()
    assert row["offset_accuracy"] == (
        second.offset[here] == best_offset(first.offset[of_relation(first, "obj")])
    ).mean()
    looks = find_arcs(plant(noise(chosen), chosen, 1, 2, neighbour(-1)), chosen)
    other = find_arcs(plant(noise(scored), scored, 1, 2, neighbour(1)), scored)
    row = head_roles(looks, other).set_index(["layer", "head"]).loc[(1, 2)]
    assert row["position"] == "previous" and row["position_share"] < 0.1


def test_wrong_questions_about_roles_are_refused(planted):
    with pytest.raises(ValueError, match="score on another split"):
        head_roles(planted[0], planted[0])
    with pytest.raises(ValueError, match="has the relation 'vocative'"):
        head_roles(*planted, relations=["vocative"])
