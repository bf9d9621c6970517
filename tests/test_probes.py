"""Probes: they find what was planted, and nothing where nothing is."""

from collections import Counter

import networkx as nx
import numpy as np
import pytest
import torch

from utils.bertology import probes
from utils.bertology.probes import (
    Classifier, Labelled, ProbeReport, ScalarMix, attention_probe, check_states,
    ControlLabels, dependents, distance_loss, fit_and_score, found_edges, gold_heads,
    head_scores, label_words, layer_report, length_batches, over_sentences, probe,
    probe_layers, structural_probe, tree_distances, without_vectors,
)  # fmt: skip
from utils.bertology.words import Tree
from utils.retrieval import Estimate


@pytest.fixture(scope="module")
def trained_on(grammar):
    return grammar(150, 1)


@pytest.fixture(scope="module")
def scored(grammar):
    return grammar(80, 2, "validation")


def random_heads(words, rng):
    """A random tree: each word but one hangs on one that was placed before it."""
    order = rng.permutation(words)
    heads = [0] * words
    for place in range(1, words):
        heads[order[place]] = int(order[rng.integers(place)]) + 1
    return tuple(heads)


def random_trees(number, seed, words=(4, 12), marks=0.15):
    rng = np.random.default_rng(seed)
    trees = []
    for _ in range(number):
        n = int(rng.integers(*words))
        upos = np.where(rng.random(n) < marks, "PUNCT", "NOUN")
        tokens = tuple(f"w{rng.integers(99)}" for _ in range(n))
        heads = random_heads(n, rng)
        trees.append(Tree(tokens, tuple(upos.tolist()), heads, ("dep",) * n))
    return trees


# ------------------------------------------------------------------- labelled words
def test_labels_and_vectors_are_those_of_the_words(trained_on):
    trees = trained_on[:5]
    states = [torch.randn(3, len(tree.tokens), 4) for tree in trees]
    tags, relations = label_words(states, trees), label_words(states, trees, "deprels")
    place = 0
    for number, tree in enumerate(trees):
        for word, token in enumerate(tree.tokens):
            assert torch.equal(tags.features[place], states[number][:, word])
            assert tags.labels[place] == tree.upos[word]
            assert relations.labels[place] == tree.deprels[word]
            assert tags.words[place] == token.lower() and tags.sentence[place] == number
            place += 1
    assert place == len(tags.labels) == len(tags.features) and tags.trees == trees
    assert any(token != token.lower() for tree in trees for token in tree.tokens)


def test_wrong_vectors_and_labels_are_refused(trained_on):
    trees = trained_on[:2]
    good = [torch.randn(3, len(tree.tokens), 4) for tree in trees]
    for states, there, message in [
        (good[:1], trees, "hidden states of 1 sentences and 2 trees"),
        ([], [], "at least one"),
        ([good[0], good[1][:, 1:]], trees, r"sentence 1: .* is needed"),
        ([good[0][0], good[1]], trees, r"sentence 0: .*\[L \+ 1, \d+, d\] is needed"),
    ]:
        for function in (check_states, label_words):
            with pytest.raises(ValueError, match=message):
                function(states, there)
    with pytest.raises(ValueError, match="what is 'upos' or 'deprels', not 'xpos'"):
        label_words(good, trees, "xpos")


# ------------------------------------------------------------------------ the probe
LABELS = ["NOUN", "VERB", "ADJ", "ADV"]
SHARES = [0.4, 0.3, 0.2, 0.1]


CODES = np.random.default_rng(7).normal(size=(len(LABELS), 32))  # a vector a label


def labelled(number, seed, *, at=1, layers=3, spread=0.5, types=400, d=32):
    """Words with random types and labels; layer `at` alone holds the label as a vector."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(LABELS, number, p=SHARES)
    features = rng.normal(size=(number, layers, d))
    numbers = np.array([LABELS.index(label) for label in labels])
    features[:, at] = spread * features[:, at] + CODES[numbers, :d]
    sentence = np.sort(rng.integers(number // 8, size=number))
    trees = [Tree((f"{seed} {i}",), ("X",), (0,), ("root",)) for i in range(3)]
    words = np.array([f"w{i}" for i in rng.integers(types, size=number)])
    return Labelled(torch.tensor(features).float(), labels, words, sentence, trees)


QUICK = dict(epochs=40)


@pytest.fixture(scope="module")
def found():
    return probe(labelled(1500, 1), labelled(800, 2), layer=1, **QUICK)


def test_what_can_be_separated_is_found_and_the_control_is_not(found):
    assert isinstance(found, ProbeReport) and found.kind == "linear" and found.n == 800
    assert found.score.value > 0.97
    assert found.score.low <= found.score.value <= found.score.high
    # Types were drawn at random: by heart a linear probe learns none of 400.
    assert found.control < 0.5
    assert found.selectivity == found.score.value - found.control > 0.45
    assert 0.3 < found.majority < 0.5


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_shuffled_labels_give_about_the_majority(kind):
    train, test = labelled(4000, 1, d=8), labelled(800, 2, d=8)
    shuffled = train._replace(labels=np.random.default_rng(0).permutation(train.labels))
    report = probe(shuffled, test, layer=1, kind=kind, epochs=40, hidden_size=16)
    assert report.kind == kind
    assert abs(report.score.value - report.majority) < 0.08


@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_layer_counts_from_the_embeddings(at):
    """The label is in one layer alone; the one beside it must not be read."""
    train, test = labelled(1500, 1, at=at), labelled(800, 2, at=at)
    for layer in range(3):
        score = probe(train, test, layer=layer, **QUICK).score.value
        assert score > 0.97 if layer == at else score < 0.55, layer


def test_a_probe_with_a_hidden_layer_finds_what_no_line_separates():
    """Labels by the sign of a product: a linear probe is at chance, an MLP is not."""
    sets = []
    for seed in (1, 2):
        data = labelled(2000, seed, d=8)
        x = data.features[:, 0]  # noise alone
        sets.append(data._replace(labels=np.where(x[:, 0] * x[:, 1] > 0, "yes", "no")))
    scores = {
        kind: probe(*sets, layer=0, kind=kind, epochs=60, hidden_size=64).score.value
        for kind in ("linear", "mlp")
    }
    assert scores["linear"] < 0.6 and scores["mlp"] > 0.9
    narrow = probe(*sets, layer=0, kind="mlp", epochs=60, hidden_size=1).score.value
    assert narrow < 0.8  # hidden_size is the probe's


def test_the_control_is_found_where_vectors_know_the_word():
    """Vectors that name the word type: the control is learned, and selectivity is low."""
    sets = []
    for seed in (1, 2):
        data = labelled(2000, seed, types=30)
        numbers = [int(word[1:]) for word in data.words]
        features = torch.eye(30)[numbers][:, None].repeat(1, 2, 1)
        labels = np.array([LABELS[number % 4] for number in numbers])
        sets.append(data._replace(features=features, labels=labels))
    report = probe(*sets, layer=0, epochs=60)
    assert report.score.value > 0.95 and report.control > 0.95
    assert abs(report.selectivity) < 0.05
    assert report.by_word == 1.0 > report.majority


def test_the_control_is_drawn_anew_with_the_seed_from_the_labels_trained_on(monkeypatch):
    train, test = labelled(300, 1), labelled(200, 2, types=600)
    asked = []

    def fit(features, labels, *others):
        asked.append((labels, others[1]))
        return np.zeros(len(others[0]))

    monkeypatch.setattr(probes, "fit_and_score", fit)
    for seed in (3, 4):
        probe(train, test, layer=1, seed=seed)
        control = ControlLabels(train.labels, [*train.words, *test.words], seed)
        task, by_heart = asked[-2:]
        assert (task[0] == train.labels).all() and (task[1] == test.labels).all()
        assert (by_heart[0] == control[train.words]).all()
        assert (by_heart[1] == control[test.words]).all()
    assert (asked[1][0] != asked[3][0]).any()


def test_a_probe_is_the_same_again_with_its_seed(found):
    sets = labelled(1500, 1), labelled(800, 2)
    torch.manual_seed(123)
    assert probe(*sets, layer=1, **QUICK) == found
    others = {probe(*sets, layer=1, seed=seed, epochs=3).control for seed in range(3)}
    assert len(others) > 1
    inputs = [data.features.clone() for data in sets]
    with torch.no_grad():  # the caller's setting does not stop the training
        assert probe(*sets, layer=1, **QUICK) == found
    assert all(torch.equal(a, b.features) for a, b in zip(inputs, sets))


def test_labels_that_training_never_saw_count_as_wrong():
    train, test = labelled(1500, 1), labelled(800, 2)
    keep = train.labels != "NOUN"
    fewer = Labelled(train.features[keep], train.labels[keep], train.words[keep],
                     train.sentence[keep], train.trees)  # fmt: skip
    hits = fit_and_score(fewer.features[:, 1], fewer.labels, test.features[:, 1],
                         test.labels, None, 0, 40)  # fmt: skip
    unseen = test.labels == "NOUN"
    assert hits[unseen].sum() == 0 and hits[~unseen].mean() > 0.95
    report = probe(fewer, test, layer=1, **QUICK)
    assert report.n == 800
    assert report.score == over_sentences(hits, test.sentence)
    assert report.score.value <= 1 - unseen.mean()


def test_wrong_probes_are_refused():
    train, test = labelled(60, 1), labelled(60, 2)
    others = test._replace(labels=np.array(["X"] * 60))
    for arguments, options, message in [
        ((train, train), dict(layer=1), "another split"),
        ((train, train._replace(trees=[Tree(*t) for t in train.trees])), dict(layer=1),
         "another split"),
        ((train, test), dict(layer=1, kind="forest"), "linear, mlp, not 'forest'"),
        ((train, test), dict(layer=3), "layer 3 is none of 0 to 2"),
        ((train, test), dict(layer=-1), "layer -1 is none of 0 to 2"),
        ((train, others), dict(layer=1), "no label of the scored words"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            probe(*arguments, **options)


# ----------------------------------------------------------------- what it is beside
def test_a_control_label_belongs_to_the_word_in_every_split():
    train, test = labelled(2000, 1), labelled(900, 2)
    control = ControlLabels(train.labels, [*train.words, *test.words], seed=4)
    by_type = {}
    for data in (train, test):
        labels = control[data.words]
        assert labels.shape == data.labels.shape
        for word, label in zip(data.words, labels):
            assert by_type.setdefault(word, label) == label
    assert len(by_type) > 350 and set(by_type.values()) == set(LABELS)
    shuffled = ControlLabels(train.labels, [*test.words, *train.words][::-1], seed=4)
    assert (shuffled[train.words] == control[train.words]).all()  # the order is nothing
    other = ControlLabels(train.labels, [*train.words, *test.words], seed=5)
    assert 0.1 < (other[train.words] == control[train.words]).mean() < 0.6
    # It is of the word alone, and says nothing about the label.
    agreement = (control[train.words] == train.labels).mean()
    assert agreement == pytest.approx(np.dot(SHARES, SHARES), abs=0.08)


def test_control_labels_have_the_shares_of_the_labels():
    rng = np.random.default_rng(0)
    labels = rng.choice(LABELS, 3000, p=SHARES)
    types = [f"w{i}" for i in range(4000)]
    drawn = Counter(ControlLabels(labels, types)[types].tolist())
    for label in LABELS:
        assert drawn[label] / 4000 == pytest.approx((labels == label).mean(), abs=0.03)
    with pytest.raises(KeyError):
        ControlLabels(labels, types)[["another"]]


def test_baselines_without_vectors_by_loops():
    train = labelled(500, 1, types=50)
    test = labelled(400, 2, types=70)  # 20 types were never seen
    overall = max(LABELS, key=train.labels.tolist().count)
    right = []
    for word, label in zip(test.words, test.labels):
        seen = train.labels[train.words == word].tolist()
        guess = max(dict.fromkeys(seen), key=seen.count) if seen else overall
        right.append(guess == label)
    majority, by_word = without_vectors(train, test)
    assert by_word == pytest.approx(np.mean(right))
    assert majority == pytest.approx((test.labels == overall).mean())
    assert set(test.words) - set(train.words) and by_word != majority


def test_the_interval_is_over_sentences_and_not_words():
    """All words of a sentence are right or wrong together: sentences are what counts."""
    sentence = np.repeat(np.arange(100), 20) + 5  # some numbers are of no sentence
    hits = np.repeat((np.arange(100) % 2).astype(float), 20)
    found = over_sentences(hits, sentence)
    assert found.value == 0.5
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.05, rel=0.2)
    assert over_sentences(hits, 7 * sentence) == found  # the numbers are nothing
    words = over_sentences(hits, np.arange(2000))
    assert words.high - words.low < 0.3 * (found.high - found.low)
    # Sentences of unequal length: the mean over words, not the mean of sentences' means.
    assert over_sentences(np.array([1.0, 0, 0, 0]), np.array([0, 1, 1, 1])).value == 0.25


def test_a_probe_standardises_by_its_training_vectors():
    x = torch.randn(200, 5) * torch.tensor([1.0, 1e3, 1e-3, 5.0, 1.0]) + 7
    model = Classifier(x, 3)
    weight, bias = model.answer.weight, model.answer.bias
    expected = ((x - x.mean(0)) / x.std(0)) @ weight.T + bias
    torch.testing.assert_close(model(x), expected, atol=5e-3, rtol=1e-3)
    other = torch.randn(4, 5)  # by the training ones, not by its own
    torch.testing.assert_close(
        model(other), ((other - x.mean(0)) / (x.std(0) + 1e-6)) @ weight.T + bias
    )
    torch.testing.assert_close(model(torch.cat([other, x]))[:4], model(other))


# ------------------------------------------------------------------- layers, mixed
def test_the_scalar_mix_is_the_papers_equation():
    mix = ScalarMix(3)
    states = torch.randn(5, 3, 4)
    torch.testing.assert_close(mix(states), states.mean(1))  # even at first
    with torch.no_grad():
        mix.scores.copy_(torch.tensor([0.0, 1.0, -2.0]))
        mix.gamma.fill_(3.0)
    e = np.exp([0.0, 1.0, -2.0])
    s = e / e.sum()
    expected = 3 * sum(s[l] * states[:, l] for l in range(3))
    torch.testing.assert_close(mix(states), expected.float())
    assert mix.weights.sum().item() == pytest.approx(1)


def informed_from(k, number, seed, layers=4):
    """The label is in every layer from k on, and in none before."""
    data = labelled(number, seed, layers=layers)
    numbers = np.array([LABELS.index(label) for label in data.labels])
    features = np.random.default_rng(seed + 50).normal(size=(number, layers, 32))
    features[:, k:] = 0.5 * features[:, k:] + CODES[numbers][:, None]
    return data._replace(features=torch.tensor(features).float())


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_expected_layer_is_the_one_where_the_label_appears(k):
    report = probe_layers(informed_from(k, 1200, 1), informed_from(k, 500, 2), epochs=30)
    assert report.cumulative.shape == report.spread.shape == report.weights.shape == (4,)
    assert report.cumulative[:k].max() < 0.6 and report.cumulative[k:].min() > 0.9
    assert np.diff(report.cumulative).argmax() == k - 1
    assert report.expected_layer == pytest.approx(k, abs=0.15)
    assert report.weights.sum() == pytest.approx(1, abs=1e-5)
    assert report.centre_of_gravity == pytest.approx((np.arange(4) * report.weights).sum())
    # The mix turns to the layers that know: more each than those that do not.
    assert report.weights[k:].min() > report.weights[:k].max()
    assert report.centre_of_gravity > 1.5


def test_noise_has_no_expected_layer():
    rng = np.random.default_rng(0)
    sets = [
        data._replace(labels=rng.permutation(data.labels))
        for data in (labelled(1200, 1), labelled(600, 2))
    ]
    report = probe_layers(*sets, epochs=5)
    assert report.expected_layer is None
    assert abs(report.cumulative[-1] - report.cumulative[0]) < 0.06


def test_a_label_of_the_embeddings_alone_has_no_expected_layer():
    """All that can be known is known at layer 0: the gain is that of accidents."""
    sets = labelled(1200, 1, at=0, spread=0.1), labelled(600, 2, at=0, spread=0.1)
    report = probe_layers(*sets, epochs=40)
    assert report.cumulative.min() > 0.95 and report.expected_layer is None
    assert report.weights.argmax() == 0 and report.centre_of_gravity < 0.9


def test_layers_are_the_same_again_with_their_seeds():
    sets = labelled(300, 1), labelled(200, 2)
    one, again = (probe_layers(*sets, seeds=(3, 4, 5), epochs=4) for _ in range(2))
    np.testing.assert_array_equal(one.cumulative, again.cumulative)
    np.testing.assert_array_equal(one.weights, again.weights)
    other = probe_layers(*sets, seeds=(6, 7), epochs=4)
    assert (one.weights != other.weights).any()
    with pytest.raises(ValueError, match="another split"):
        probe_layers(sets[0], sets[0])
    with pytest.raises(ValueError, match="two seeds at least"):
        probe_layers(*sets, seeds=(1,))


def test_a_layer_report_by_hand():
    scores = np.array([[0.50, 0.60, 0.80], [0.52, 0.62, 0.82]])
    weights = np.array([[0.2, 0.3, 0.5], [0.4, 0.3, 0.3]])
    report = layer_report(scores, weights)
    np.testing.assert_allclose(report.weights, [0.3, 0.3, 0.4])
    assert report.centre_of_gravity == pytest.approx(0 * 0.3 + 1 * 0.3 + 2 * 0.4)
    np.testing.assert_allclose(report.cumulative, [0.51, 0.61, 0.81])
    np.testing.assert_allclose(report.spread, [0.02 / 2**0.5] * 3)
    assert report.expected_layer == pytest.approx((1 * 0.1 + 2 * 0.2) / 0.3)
    # The noise of the gain: sqrt((s_0² + s_L²) / S), twice.
    noise = 2 * np.sqrt(2 * 0.0002 / 2)
    for gain, clears in [(noise * 1.05, True), (noise * 0.95, False), (-0.3, False)]:
        moved = scores.copy()
        moved[:, 2] = scores[:, 0] + gain
        moved[:, 1] = scores[:, 0]
        assert (layer_report(moved, weights).expected_layer is not None) == clears
    still = np.array([[0.5, 0.5, 0.504]] * 2)  # no noise, and still nothing
    assert layer_report(still, weights).expected_layer is None


# ------------------------------------------------------------------ trees in vectors
def graph_of(heads):
    graph = nx.Graph()
    graph.add_nodes_from(range(len(heads)))
    graph.add_edges_from((i, head - 1) for i, head in enumerate(heads) if head)
    return graph


def test_tree_distances_are_those_of_networkx(trained_on):
    trees = [*trained_on[:20], *random_trees(30, 0)]
    for tree in trees:
        lengths = dict(nx.all_pairs_shortest_path_length(graph_of(tree.heads)))
        n = len(tree.heads)
        expected = [[lengths[i][j] for j in range(n)] for i in range(n)]
        found = tree_distances(tree.heads)
        assert found.dtype.kind == "i" and found.tolist() == expected
    assert tree_distances((0,)).tolist() == [[0]]
    assert tree_distances((2, 0, 2)).tolist() == [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    for strange in (None, "text", [0.0, 1.0], [True], [[0], [1]]):
        with pytest.raises(ValueError, match="the heads are whole numbers, one for each word"):
            tree_distances(strange)


@pytest.mark.parametrize("heads", [
    (0, 0),  # two roots
    (2, 1),  # a cycle and no root
    (1,),  # its own head
    (0, 3, 2),  # a cycle beside the root
    (0, 3, 4, 2),
    (0, 2, 1),  # its own head beside the root
    (0, 1, 9),  # no such word
    (0, 1, -1),
    (9, 1, 1),
], ids=str)  # fmt: skip
def test_heads_that_make_no_tree_are_refused(heads):
    with pytest.raises(ValueError, match="make no tree"):
        tree_distances(heads)


def edges_by_networkx(predicted, tree):
    """Found, chain, all: over the words that are no marks, by another library's MST."""
    words = [i for i, tag in enumerate(tree.upos) if tag != "PUNCT"]
    gold = {
        frozenset(edge) for edge in graph_of(tree.heads).edges if set(edge) <= set(words)
    }  # fmt: skip
    whole = nx.Graph()
    whole.add_nodes_from(words)
    whole.add_weighted_edges_from(
        (i, j, predicted[i, j]) for i in words for j in words if i < j
    )
    spanning = {frozenset(edge) for edge in nx.minimum_spanning_tree(whole).edges}
    chain = {frozenset(pair) for pair in zip(words, words[1:])}
    return len(gold & spanning), len(gold & chain), len(gold)


def random_distances(n, rng):
    predicted = rng.random((n, n))
    predicted = predicted + predicted.T
    np.fill_diagonal(predicted, 0)
    return predicted


def test_found_edges_are_those_of_networkx_and_leave_marks_out():
    rng = np.random.default_rng(0)
    seen = []
    for tree in random_trees(80, 1):
        predicted = random_distances(len(tree.heads), rng)
        expected = edges_by_networkx(predicted, tree)
        assert found_edges(predicted, tree) == (expected if expected[2] else (0, 0, 0))
        seen.append(expected)
    found, chain, edges = np.sum(seen, 0)
    assert 0 < found < edges and 0 < chain < edges
    assert edges < sum(len(tree.heads) - 1 for tree in random_trees(80, 1))


def test_found_edges_on_trees_made_by_hand():
    #        the cat , slept  .   with "cat" under "slept"
    tree = Tree(
        ("the", "cat", ",", "slept", "."), ("DET", "NOUN", "PUNCT", "VERB", "PUNCT"),
        (2, 4, 2, 0, 4), ("det", "nsubj", "punct", "root", "punct"),
    )  # fmt: skip
    true = tree_distances(tree.heads).astype(float)
    assert found_edges(true, tree) == (2, 2, 2)  # the comma does not cut the chain
    wrong = 10.0 - true
    np.fill_diagonal(wrong, 0)
    assert found_edges(wrong, tree) == (1, 2, 2)  # the - slept, and one of the others
    # A mark that is near to everything joins nothing.
    near = true.copy()
    near[2], near[:, 2] = 0.01, 0.01
    assert found_edges(near, tree) == (2, 2, 2)
    # Two words at one place are near, not without an edge.
    same = true.copy()
    same[0, 1] = same[1, 0] = 0
    assert found_edges(same, tree) == (2, 2, 2)
    marks = tree._replace(upos=("PUNCT",) * 5)
    assert found_edges(true, marks) == (0, 0, 0)
    lost = Tree(("a", ",", "b"), ("X", "PUNCT", "X"), (2, 0, 2), ("x", "root", "x"))
    assert found_edges(tree_distances(lost.heads).astype(float), lost) == (0, 0, 0)


def test_the_loss_is_that_of_loops_and_counts_no_padding():
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(3, 5, generator=generator).double()
    trees = random_trees(4, 3, (2, 9))
    states = [torch.randn(len(t.heads), 5, generator=generator).double() for t in trees]
    distances = [torch.from_numpy(tree_distances(t.heads)).double() for t in trees]
    total = 0
    for h, d in zip(states, distances):
        for i in range(len(h)):
            for j in range(len(h)):
                apart = matrix @ (h[i] - h[j])
                total += (d[i, j] - apart @ apart).abs() / len(h) ** 2
    found = distance_loss(matrix, states, distances)
    torch.testing.assert_close(found, total / len(trees))
    assert len({len(t.heads) for t in trees}) > 1
    alone = [distance_loss(matrix, [h], [d]) for h, d in zip(states, distances)]
    torch.testing.assert_close(found, torch.stack(alone).mean())
    assert torch.autograd.gradcheck(
        lambda b: distance_loss(b, states, distances), matrix.clone().requires_grad_()
    )


def test_batches_have_sentences_of_like_length_each_of_them_once():
    lengths = np.random.default_rng(0).integers(3, 40, 103).tolist()
    batches = length_batches(lengths, 10, np.random.default_rng(0))
    assert sorted(i for batch in batches for i in batch) == list(range(103))
    assert sorted(len(batch) for batch in batches) == [3] + [10] * 10
    inside = [[lengths[i] for i in batch] for batch in batches]
    spans = sorted((min(batch), max(batch)) for batch in inside)
    assert all(one[1] <= other[0] for one, other in zip(spans, spans[1:]))
    firsts = [min(batch) for batch in inside]
    assert firsts != sorted(firsts)  # and not the short ones first
    again = length_batches(lengths, 10, np.random.default_rng(0))
    assert all((a == b).all() for a, b in zip(batches, again))
    other = length_batches(lengths, 10, np.random.default_rng(1))
    assert [b.tolist() for b in other] != [b.tolist() for b in batches]
    same = [length_batches([5] * 20, 10, np.random.default_rng(s))[0] for s in (1, 2)]
    assert sorted(same[0]) != sorted(same[1])  # equal lengths are mixed anew


# Every edge of a tree is a direction of its own, and a word the sum of the edges on its
# way to the root: then the squared distance of two words is the edges between them.
DIRECTIONS, HIDDEN, LAYERS = 12, 24, 3


def planted_states(trees, seed, at=1, noise=0.5):
    """Paths to the root, hidden in a random map beside noise; in one layer."""
    rng = np.random.default_rng(99)  # the map is the same in both splits
    basis = np.linalg.qr(rng.normal(size=(HIDDEN, HIDDEN)))[0]
    rng, states = np.random.default_rng(seed), []
    for tree in trees:
        vectors = rng.normal(size=(LAYERS, len(tree.heads), HIDDEN))
        paths = np.zeros((len(tree.heads), DIRECTIONS))
        for word in range(len(tree.heads)):
            up = word
            while tree.heads[up]:
                paths[word, up] = 1  # the edge above a word has the word's number
                up = tree.heads[up] - 1
        other = rng.normal(size=(len(tree.heads), HIDDEN - DIRECTIONS))
        vectors[at] = np.concatenate([paths, other], 1) @ basis.T
        states.append(torch.tensor(vectors).float())
    return states


@pytest.fixture(scope="module")
def planted_trees():
    return random_trees(200, 5), random_trees(60, 6)


@pytest.fixture(scope="module")
def structural(planted_trees):
    train, test = planted_trees
    return structural_probe(
        planted_states(train, 1), train, planted_states(test, 2), test, layer=1,
        rank=16, epochs=60, learning_rate=2e-2,
    )  # fmt: skip


def test_planted_vectors_have_the_trees_distances():
    trees = random_trees(10, 0)
    for tree, states in zip(trees, planted_states(trees, 0)):
        rng = np.random.default_rng(99)
        basis = np.linalg.qr(rng.normal(size=(HIDDEN, HIDDEN)))[0]
        paths = torch.tensor(states[1].double().numpy() @ basis)[:, :DIRECTIONS]
        squares = torch.cdist(paths, paths).square().numpy()
        np.testing.assert_allclose(squares, tree_distances(tree.heads), atol=1e-4)


def test_a_planted_tree_is_recovered(structural, planted_trees):
    assert structural.n == 60
    assert structural.uuas.value > 0.95 and structural.spearman > 0.95
    assert structural.uuas.low <= structural.uuas.value <= structural.uuas.high
    counts = [edges_by_networkx(tree_distances(t.heads), t) for t in planted_trees[1]]
    _, chain, edges = np.sum(counts, 0)
    assert structural.chain == pytest.approx(chain / edges) and structural.chain < 0.5


@pytest.mark.parametrize("layer", [0, 2])
def test_the_layer_beside_the_planted_one_is_near_chance(layer, planted_trees):
    train, test = planted_trees
    report = structural_probe(
        planted_states(train, 1), train, planted_states(test, 2), test, layer=layer,
        rank=16, epochs=20, learning_rate=2e-2,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    counts = [
        edges_by_networkx(random_distances(len(t.heads), rng), t)
        for t in test for _ in range(5)
    ]  # fmt: skip
    found, _, edges = np.sum(counts, 0)
    assert report.uuas.value == pytest.approx(found / edges, abs=0.12)
    assert abs(report.spearman) < 0.15


def test_a_rank_that_is_too_small_finds_less(structural, planted_trees):
    train, test = planted_trees
    report = structural_probe(
        planted_states(train, 1), train, planted_states(test, 2), test, layer=1, rank=1,
        epochs=20, learning_rate=2e-2,
    )  # fmt: skip
    assert report.uuas.value < structural.uuas.value - 0.3


def test_structural_probes_are_the_same_again_and_refuse_what_is_wrong(planted_trees):
    train, test = planted_trees[0][:20], planted_trees[1][:10]
    states = planted_states(train, 1), planted_states(test, 2)

    def run(seed=0, train_states=states[0], scored_on=test, layer=1):
        test_states = states[1] if scored_on is test else states[0]
        return structural_probe(train_states, train, test_states, scored_on, layer=layer,
                                seed=seed, epochs=2, rank=8)  # fmt: skip

    with torch.no_grad():
        assert run() == run()
    assert run() != run(seed=1)
    for options, message in [
        (dict(scored_on=train), "another split"),
        (dict(scored_on=[Tree(*tree) for tree in train]), "another split"),
        (dict(layer=3), "layer 3 is none of 0 to 2"),
        (dict(layer=-1), "layer -1 is none of 0 to 2"),
        (dict(train_states=states[0][1:]), "19 sentences and 20 trees"),
        (dict(train_states=states[0][::-1]), r"sentence \d+: the hidden states are"),
    ]:
        with pytest.raises(ValueError, match=message):
            run(**options)
    with pytest.raises(ValueError, match="9 sentences and 10 trees"):
        structural_probe(states[0], train, states[1][1:], test, layer=1)


# --------------------------------------------------------------- trees in attention
L, H = 2, 3


def noisy_attention(trees, seed):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(L, H, n, n, generator=generator).softmax(-1)
        for n in (len(tree.heads) for tree in trees)
    ]


def planted_attention(trees, seed, layer, head, way):
    """One head looks from dependents at their head, or from heads at their dependents."""
    attentions = noisy_attention(trees, seed)
    for attention, tree in zip(attentions, trees):
        arcs = torch.zeros(len(tree.heads), len(tree.heads))  # [dependent, head]
        for i, up in enumerate(tree.heads):
            if up:
                arcs[i, up - 1] = 1
        arcs = arcs if way == "from_dependent" else arcs.T
        shared = arcs / arcs.sum(-1, keepdim=True).clamp_min(1)
        attention[layer, head] = 0.9 * shared + 0.1 / len(tree.heads)
    return attentions


@pytest.mark.parametrize("way, other", [
    ("from_dependent", "from_head"), ("from_head", "from_dependent"),
])  # fmt: skip
def test_a_planted_head_has_the_largest_weight_in_its_direction(way, other):
    train, test = random_trees(150, 1), random_trees(60, 2)
    report = attention_probe(
        planted_attention(train, 1, 1, 2, way), train,
        planted_attention(test, 2, 1, 2, way), test, epochs=25,
    )  # fmt: skip
    assert report.uas.value > 0.95
    assert report.uas.low <= report.uas.value <= report.uas.high
    weights = getattr(report, way)
    assert weights.shape == getattr(report, other).shape == (L, H)
    assert np.unravel_index(weights.argmax(), weights.shape) == (1, 2)
    assert weights[1, 2] > 2 * np.delete(weights.ravel(), 1 * H + 2).max()
    assert weights[1, 2] > 2 * getattr(report, other).max()


def test_attention_noise_is_near_chance_and_marks_are_not_scored():
    train, test = random_trees(150, 1), random_trees(100, 4)
    attentions = noisy_attention(train, 1), noisy_attention(test, 2)
    report = attention_probe(attentions[0], train, attentions[1], test)
    asked = [
        (i, t) for t in test for i, head in enumerate(t.heads)
        if head and t.upos[i] != "PUNCT"
    ]  # fmt: skip
    chance = np.mean([1 / (len(t.heads) - 1) for _, t in asked])
    assert report.n == len(asked) < sum(len(t.heads) - 1 for t in test)
    assert report.uas.value == pytest.approx(chance, abs=0.08)
    right = np.mean([t.heads[i] - 1 == i + 1 for i, t in asked])
    assert report.right_neighbour == pytest.approx(right) and 0.05 < right < 0.4
    left = np.mean([t.heads[i] - 1 == i - 1 for i, t in asked])
    assert right != pytest.approx(left)  # or the wrong side would not be seen


def test_a_head_one_place_away_is_not_the_head():
    train, test = random_trees(100, 1, marks=0), random_trees(60, 2, marks=0)
    sets = []
    for seed, trees in ((1, train), (2, test)):
        attentions = planted_attention(trees, seed, 0, 0, "from_dependent")
        sets.append([a.roll(1, dims=-1) for a in attentions])
    assert attention_probe(sets[0], train, sets[1], test).uas.value < 0.5


def test_scores_of_heads_by_loops():
    generator = torch.Generator().manual_seed(0)
    attention = torch.rand(L, H, 5, 5, generator=generator)
    weights = torch.randn(2, L * H, generator=generator)
    scores = head_scores(weights, attention)
    for j in range(5):  # the dependent
        for i in range(5):  # its head
            expected = -torch.inf if i == j else sum(
                weights[0, layer * H + head] * attention[layer, head, j, i]
                + weights[1, layer * H + head] * attention[layer, head, i, j]
                for layer in range(L) for head in range(H)
            )  # fmt: skip
            assert scores[j, i].item() == pytest.approx(float(expected), abs=1e-5)


def test_dependents_and_their_heads():
    tree = Tree(("a", "b", "c", "d"), ("X",) * 4, (2, 0, 4, 2), ("x",) * 4)
    assert dependents(tree) == [0, 2, 3]
    assert gold_heads(tree).tolist() == [1, 3, 1]


def test_attention_probes_are_the_same_again_and_refuse_what_is_wrong():
    train, test = random_trees(20, 1), random_trees(10, 2)
    attentions = noisy_attention(train, 1), noisy_attention(test, 2)
    with torch.no_grad():
        one = attention_probe(attentions[0], train, attentions[1], test, epochs=2)
        again = attention_probe(attentions[0], train, attentions[1], test, epochs=2)
    assert one.uas == again.uas and (one.from_head == again.from_head).all()
    # Weights start at zero: the seed chooses the batches alone.
    small = dict(epochs=2, batch_size=4)
    seeds = [attention_probe(attentions[0], train, attentions[1], test, seed=seed, **small)
             for seed in (0, 1)]  # fmt: skip
    assert (seeds[0].from_head != seeds[1].from_head).any()
    copied = [Tree(*tree) for tree in train]
    two = [a[:, :2] for a in attentions[1]]
    few, flat = attentions[1][:1] + two[1:], [a[0] for a in attentions[0]]
    for arguments, message in [
        ((attentions[0], train, attentions[0], train), "another split"),
        ((attentions[0], train, attentions[0], copied), "another split"),
        ((attentions[0][1:], train, attentions[1], test), "19 sentences and 20 trees"),
        ((attentions[0], train, attentions[1][::-1], test), r"sentence \d+: the attention"),
        ((flat, train, attentions[1], test), "sentence 0: .* needed"),
        (([], [], attentions[1], test), "at least one"),
        ((attentions[0], train, [], []), "at least one"),
        ((attentions[0], train, few, test), "sentence 1: .* needed"),
        ((attentions[0], train, two, test), r"different models: \(2, 3\) and \(2, 2\)"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            attention_probe(*arguments)


def test_sentences_of_one_word_have_nothing_to_find_and_break_nothing():
    one = [Tree(("no",), ("INTJ",), (0,), ("root",)) for _ in range(4)]
    train, test = [*random_trees(40, 1), *one[:2]], [*random_trees(20, 2), *one[2:]]
    sets = [planted_attention(trees, 1, 1, 2, "from_dependent") for trees in (train, test)]
    report = attention_probe(sets[0], train, sets[1], test, epochs=25, batch_size=1)
    assert report.uas.value > 0.9 and np.isfinite(report.from_head).all()
    states = planted_states(train, 1), planted_states(test, 2)
    found = structural_probe(states[0], train, states[1], test, layer=1, epochs=1)
    assert found.n == 22 and np.isfinite(found.spearman) and np.isfinite(found.uuas.high)


def test_reports_hold_intervals_of_the_house():
    report = ProbeReport("linear", Estimate(0.9, 0.8, 0.95), 0.6, 0.4, 0.7, 10)
    assert report.selectivity == pytest.approx(0.3)
    assert probes.KINDS == ("linear", "mlp")
