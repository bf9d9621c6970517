"""Probes: small models that read a property from frozen vectors or attentions.

A probe that finds something may have learned it by itself. So each report has, beside the
score, what the score has to be compared with: a control task, a baseline without vectors,
and room for the same probe on a model with random weights (`words.random_weights`), whose
report has the same form.

Letters of the shapes: N words, L layers, H heads, W words of a sentence, B sentences of a
batch, d = hidden_size, C classes, S seeds.

Source: Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks";
Hewitt and Manning 2019, "A Structural Probe for Finding Syntax in Word Representations";
Tenney, Das and Pavlick 2019, "BERT Rediscovers the Classical NLP Pipeline"; Clark et al.
2019, section 5.
Taught in: chapter 5, sections "What the layers know" to "What a probe proves".
"""

import reprlib
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path
from scipy.stats import spearmanr
from torch import nn

from utils.bertology.relations import check_attentions
from utils.bertology.words import check_apart
from utils.retrieval import Estimate, bootstrap

KINDS = ("linear", "mlp")
MOST_SEEDS = 2.0  # standard deviations of the seeds that a gain must clear
PUNCTUATION = "PUNCT"


# ------------------------------------------------------------------- labelled words
class Labelled(NamedTuple):
    """Words with a label each: features [N, L + 1, d], labels [N], word types [N].

    sentence: the number of each word's sentence, [N]; trees: the sentences.
    """

    features: torch.Tensor
    labels: np.ndarray
    words: np.ndarray
    sentence: np.ndarray
    trees: list


def label_words(hidden_states, trees, what="upos") -> Labelled:
    """The words of a treebank's sentences with their vectors and labels.

    hidden_states: of each sentence [L + 1, W, d], as `read_words` gives them; what:
    "upos", the part of speech, or "deprels", the relation to the head.
    Raises ValueError for another label, or vectors that are not of these sentences.
    Taught in: chapter 5, section "What the layers know".
    """
    if what not in ("upos", "deprels"):
        raise ValueError(f"what is 'upos' or 'deprels', not {what!r}")
    check_states(hidden_states, trees)
    features = torch.cat(list(hidden_states), 1).transpose(0, 1)  # [N, L + 1, d]
    return Labelled(
        features,
        np.array([label for tree in trees for label in getattr(tree, what)]),
        np.array([token.lower() for tree in trees for token in tree.tokens]),
        np.repeat(np.arange(len(trees)), [len(tree.tokens) for tree in trees]),
        list(trees),
    )


def check_states(hidden_states, trees):
    """Raise ValueError unless there is a vector for each word of each sentence."""
    if not len(trees) or len(hidden_states) != len(trees):
        raise ValueError(
            f"hidden states of {len(hidden_states)} sentences and {len(trees)} trees: "
            f"one for each is needed, and at least one"
        )
    for place, (states, tree) in enumerate(zip(hidden_states, trees)):
        if states.dim() != 3 or states.size(1) != len(tree.tokens):
            raise ValueError(
                f"sentence {place}: the hidden states are {list(states.shape)}, and "
                f"[L + 1, {len(tree.tokens)}, d] is needed"
            )


# ------------------------------------------------------- a label for each word vector
@dataclass(frozen=True)
class ProbeReport:
    """What `probe` found, all as shares of the n words that were scored.

    score: accuracy, with its 95 % bootstrap interval over sentences; control: accuracy on
    the control task; majority: of the most frequent label; by_word: of each word's most
    frequent label in training, without any vector.
    """

    kind: str
    score: Estimate
    control: float
    majority: float
    by_word: float
    n: int

    @property
    def selectivity(self) -> float:
        """score - control: what the vectors offer beyond what can be learned by heart."""
        return self.score.value - self.control


def probe(
    train, test, *, layer, kind="linear", seed=0, epochs=12, hidden_size=512
) -> ProbeReport:
    """Train a probe on one layer's vectors, and beside it one on the control task.

    train, test: `Labelled` of two splits; layer: 0 for the embeddings, up to L; kind:
    "linear", or "mlp" with one hidden layer of `hidden_size` and ReLU.
    The control task gives each word type a label at random, drawn from the labels of
    `train`, the same in both splits: it can only be learned by heart.

    Raises ValueError for the same sentences in both, another kind, a layer that is not
    there, or labels of `test` alone that no probe could answer (all of them).
    Source: Hewitt and Liang 2019, section 2 (control tasks) and 3 (selectivity).
    Taught in: chapter 5, section "What a probe proves".
    """
    check_apart(train.trees, test.trees)
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    layers = train.features.size(1)
    if not 0 <= layer < layers:
        raise ValueError(f"layer {layer} is none of 0 to {layers - 1}")
    if not set(test.labels) & set(train.labels):
        raise ValueError("no label of the scored words occurs among those trained on")
    control = ControlLabels(train.labels, [*train.words, *test.words], seed)
    x, y = train.features[:, layer], test.features[:, layer]
    width = hidden_size if kind == "mlp" else None
    hits = fit_and_score(x, train.labels, y, test.labels, width, seed, epochs)
    by_heart = fit_and_score(
        x, control[train.words], y, control[test.words], width, seed, epochs
    )
    majority, by_word = without_vectors(train, test)
    return ProbeReport(
        kind, over_sentences(hits, test.sentence), by_heart.mean(), majority, by_word,
        len(hits),
    )  # fmt: skip


class ControlLabels:
    """A random label for each word type: `control[words]` are those of words [N].

    labels: those of the task, whose shares the random ones have; words: all that may be
    asked for, so that a word has one label in every split.
    Raises ValueError for labels that are no list or none, TypeError for words that are none.
    Source: Hewitt and Liang 2019, section 2.2.
    Taught in: chapter 5, section "What a probe proves".
    """

    def __init__(self, labels, words, seed=0):
        types, labels = sorted(set(words)), np.asarray(labels)
        if labels.ndim != 1 or not len(labels):
            raise ValueError(f"labels are {list(labels.shape)}; [N] is needed, 1 or more")
        drawn = np.random.default_rng(seed).choice(labels, len(types))
        self.of_type = dict(zip(types, drawn))

    def __getitem__(self, words):
        return np.array([self.of_type[word] for word in words])


def without_vectors(train, test):
    """Accuracy of the most frequent label, and of the most frequent one of each word."""
    overall = Counter(train.labels.tolist()).most_common(1)[0][0]
    counts = {}
    for word, label in zip(train.words.tolist(), train.labels.tolist()):
        counts.setdefault(word, Counter())[label] += 1
    best = {word: count.most_common(1)[0][0] for word, count in counts.items()}
    guesses = np.array([best.get(word, overall) for word in test.words.tolist()])
    return float((test.labels == overall).mean()), float((test.labels == guesses).mean())


def over_sentences(hits, sentence) -> Estimate:
    """The share of hits [N], with the interval of resampled sentences."""
    totals = np.bincount(sentence, hits)
    counts = np.bincount(sentence)
    there = counts > 0
    return bootstrap(lambda t, n: t.sum() / n.sum(), totals[there], counts[there])


def fit_and_score(features, labels, asked, truth, width, seed, epochs):
    """Train on features [N, ...] and labels; whether each asked word is right, [M].

    A label of `truth` that training never saw is wrong, whatever the probe says.
    """
    classes = sorted(set(labels.tolist()))
    numbers = {label: number for number, label in enumerate(classes)}
    targets = torch.tensor([numbers[label] for label in labels.tolist()])
    model = fit(Classifier(features, len(classes), width, seed), features, targets, seed, epochs)
    with torch.no_grad():
        answers = torch.cat([model(part).argmax(-1) for part in asked.split(4096)])
    wanted = torch.tensor([numbers.get(label, -1) for label in truth.tolist()])
    return (answers == wanted).double().numpy()


class Classifier(nn.Module):
    """The probe: [N, d], or layers to mix [N, K, d], -> logits [N, C].

    The features are standardised by the mean and spread of the training ones, so that
    one learning rate serves all layers.
    """

    def __init__(self, features, classes, width=None, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.mix = ScalarMix(features.size(1)) if features.dim() == 3 else None
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("spread", features.std(0) + 1e-6)
        d = features.size(-1)
        self.answer = nn.Linear(d, classes) if width is None else nn.Sequential(
            nn.Linear(d, width), nn.ReLU(), nn.Linear(width, classes)
        )  # fmt: skip

    def forward(self, features):
        features = (features - self.mean) / self.spread
        return self.answer(features if self.mix is None else self.mix(features))


def fit(model, features, targets, seed, epochs, batch_size=256, learning_rate=2e-3):
    """Train a probe by Adam with a falling rate; returns it, without gradients."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    steps = epochs * -(-len(targets) // batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, steps)
    with torch.enable_grad():
        for _ in range(epochs):
            order = torch.randperm(len(targets), generator=generator)
            for places in order.split(batch_size):
                loss = F.cross_entropy(model(features[places]), targets[places])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return model.requires_grad_(False)


# ---------------------------------------------------------------- layers, mixed
class ScalarMix(nn.Module):
    """gamma Σ_l s_l h_l with s = softmax(a): [N, K, d] -> [N, d].

    Source: Peters et al. 2018, "Deep contextualized word representations", equation 1.
    Taught in: chapter 5, section "What the layers know".
    """

    def __init__(self, layers):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(layers))
        self.gamma = nn.Parameter(torch.ones(()))

    @property
    def weights(self):
        """s, [K], adding up to 1."""
        return self.scores.softmax(0)

    def forward(self, states):
        return self.gamma * torch.einsum("l,nld->nd", self.weights, states)


@dataclass(frozen=True)
class LayerReport:
    """Where in the model a label can be read: what `probe_layers` found.

    weights: of the scalar mix of all layers, the mean over the seeds, [L + 1];
    centre_of_gravity: Σ l s_l; cumulative: accuracy with the layers 0 to l mixed, the
    mean over the seeds, [L + 1], and spread, their standard deviation, [L + 1];
    expected_layer: Σ l Δ_l / Σ Δ_l with Δ_l = cumulative_l - cumulative_(l-1); None where
    the whole gain does not clear the noise of the seeds, since it is then a quotient of
    two accidents.
    """

    weights: np.ndarray
    centre_of_gravity: float
    cumulative: np.ndarray
    spread: np.ndarray
    expected_layer: float | None


def probe_layers(train, test, *, seeds=(0, 1), epochs=8) -> LayerReport:
    """Mix more and more layers and see what each adds; returns a LayerReport.

    train, test: `Labelled` of two splits; seeds: two at least, for the noise.
    Raises ValueError for the same sentences in both, or fewer than two seeds.
    Source: Tenney et al. 2019, sections 3.1 (centre of gravity) and 3.2 (expected layer).
    Taught in: chapter 5, section "What the layers know".
    """
    check_apart(train.trees, test.trees)
    if len(seeds) < 2:
        raise ValueError("two seeds at least: the expected layer is set beside their noise")
    classes = sorted(set(train.labels.tolist()))
    numbers = {label: number for number, label in enumerate(classes)}
    targets = torch.tensor([numbers[label] for label in train.labels.tolist()])
    wanted = torch.tensor([numbers.get(label, -1) for label in test.labels.tolist()])
    layers = train.features.size(1)
    scores, weights = np.zeros((len(seeds), layers)), []
    for row, seed in enumerate(seeds):
        for last in range(layers):
            features = train.features[:, : last + 1]
            model = Classifier(features, len(classes), None, seed)
            model = fit(model, features, targets, seed, epochs)
            parts = test.features[:, : last + 1].split(4096)
            answers = torch.cat([model(part).argmax(-1) for part in parts])
            scores[row, last] = (answers == wanted).double().mean()
        weights.append(model.mix.weights.numpy())
    return layer_report(scores, np.array(weights))


def layer_report(scores, weights) -> LayerReport:
    """The LayerReport of scores [S, L + 1] and the mixes' weights [S, L + 1]."""
    mean, spread = scores.mean(0), scores.std(0, ddof=1)
    gain, steps = mean[-1] - mean[0], np.diff(mean)
    noise = np.sqrt((spread[0] ** 2 + spread[-1] ** 2) / len(scores))
    expected = None
    if gain > max(MOST_SEEDS * noise, 0.005):
        expected = float((np.arange(1, len(mean)) * steps).sum() / gain)
    mixed = weights.mean(0)
    return LayerReport(
        mixed, float((np.arange(len(mixed)) * mixed).sum()), mean, spread, expected
    )


# ----------------------------------------------------------------- trees in vectors
@dataclass(frozen=True)
class StructuralReport:
    """What `structural_probe` found on n sentences.

    uuas: the share of the tree's edges that the minimum spanning tree of the predicted
    distances has, punctuation left out, with its interval over sentences; spearman: the
    mean over sentences of the rank correlation of predicted and true distances; chain:
    the UUAS of joining each word to the next.
    """

    uuas: Estimate
    spearman: float
    chain: float
    n: int


def structural_probe(
    train_states, train_trees, test_states, test_trees, *, layer, rank=64, epochs=8,
    seed=0, batch_size=32, learning_rate=2e-3,
) -> StructuralReport:  # fmt: skip
    """Learn a map under which squared distances are those in the tree: StructuralReport.

    d_B(h_i, h_j)² = ‖B (h_i - h_j)‖²; B [rank, d] minimises the mean over sentences of
    Σ_ij |d_T(i, j) - d_B(h_i, h_j)²| / W², d_T being the edges between two words.
    train_states, test_states: of each sentence [L + 1, W, d].

    Raises ValueError for the same sentences in both, vectors that are not of the
    sentences, or a layer that is not there.
    Source: Hewitt and Manning 2019, sections 2.2 (equation 2) and 4.1 (UUAS, DSpr.).
    Taught in: chapter 5, section "Trees in the vectors".
    """
    check_apart(train_trees, test_trees)
    check_states(train_states, train_trees)
    check_states(test_states, test_trees)
    if not 0 <= layer < train_states[0].size(0):
        raise ValueError(f"layer {layer} is none of 0 to {train_states[0].size(0) - 1}")
    states = [s[layer].float() for s in train_states]
    scale = torch.cat(states).std()
    distances = [torch.from_numpy(tree_distances(tree.heads)).float() for tree in train_trees]
    torch.manual_seed(seed)
    matrix = torch.empty(rank, states[0].size(-1)).uniform_(-0.05, 0.05).requires_grad_()
    optimizer = torch.optim.Adam([matrix], lr=learning_rate)
    rng = np.random.default_rng(seed)
    with torch.enable_grad():
        for epoch in range(epochs):
            if epoch == epochs // 2:
                optimizer.param_groups[0]["lr"] /= 5
            for places in length_batches([len(s) for s in states], batch_size, rng):
                loss = distance_loss(
                    matrix, [states[i] / scale for i in places], [distances[i] for i in places]
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    matrix = matrix.detach()
    counts, correlations = [], []
    for sentence, tree in zip(test_states, test_trees):
        mapped = sentence[layer].float() / scale @ matrix.T  # [W, rank]
        predicted = torch.cdist(mapped[None], mapped[None])[0].square().numpy()
        counts.append(found_edges(predicted, tree))
        true, pairs = tree_distances(tree.heads), np.triu_indices(len(tree.heads), 1)
        correlations.append(spearmanr(predicted[pairs], true[pairs]).statistic)
    right, chain, edges = np.array(counts, dtype=float).T
    return StructuralReport(
        bootstrap(lambda a, n: a.sum() / n.sum(), right, edges),
        float(np.nanmean(correlations)), float(chain.sum() / edges.sum()), len(counts),
    )  # fmt: skip


def distance_loss(matrix, states, distances):
    """The mean over sentences of Σ |d_T - d_B²| / W²; states [W, d] each, d_T [W, W]."""
    pad = nn.utils.rnn.pad_sequence
    mapped = pad(states, True) @ matrix.T  # [B, W, rank]
    squares = mapped.square().sum(-1)
    predicted = squares[:, :, None] + squares[:, None] - 2 * mapped @ mapped.mT
    true = torch.zeros_like(predicted)
    real = torch.zeros_like(predicted, dtype=torch.bool)
    for row, d in enumerate(distances):
        true[row, : len(d), : len(d)] = d
        real[row, : len(d), : len(d)] = True
    apart = (predicted - true).abs() * real
    return (apart.sum((1, 2)) / real.sum((1, 2))).mean()


def tree_distances(heads):
    """The edges between any two words of a tree: integers [W, W].

    heads: the word that each depends on, from 1; 0 for the root.
    Raises ValueError where the heads make no tree, and for what are no whole numbers.
    """
    if np.ndim(heads) != 1 or np.asarray(heads).dtype.kind not in "iu":
        raise ValueError(
            f"the heads are whole numbers, one for each word, not {reprlib.repr(heads)}"
        )
    words = len(heads)
    edges = np.zeros((words, words))
    for dependent, head in enumerate(heads):
        if 0 < head <= words:
            edges[dependent, head - 1] = 1
    found = shortest_path(edges, directed=False, unweighted=True)
    if 0 not in heads or not np.isfinite(found).all():
        raise ValueError(f"the heads {tuple(heads)} make no tree")
    return found.astype(int)


def found_edges(predicted, tree):
    """(edges found, edges of the chain, edges) of one sentence, without punctuation.

    predicted: distances [W, W]. A word whose head is a mark, rare as it is, loses it.
    """
    words = [i for i, tag in enumerate(tree.upos) if tag != PUNCTUATION]
    place = {word: i for i, word in enumerate(words)}
    gold = {
        frozenset((place[i], place[head - 1])) for i, head in enumerate(tree.heads)
        if head and i in place and head - 1 in place
    }  # fmt: skip
    if not gold:
        return 0, 0, 0
    # SciPy takes 0 for "no edge": every distance is moved up a little.
    between = predicted[np.ix_(words, words)] + 1e-6
    spanning = minimum_spanning_tree(np.triu(between, 1)).tocoo()
    found = {frozenset(pair) for pair in zip(spanning.row.tolist(), spanning.col.tolist())}
    chain = {frozenset((i, i + 1)) for i in range(len(words) - 1)}
    return len(gold & found), len(gold & chain), len(gold)


def length_batches(lengths, batch_size, rng):
    """Batches of sentences of like length, in random order: lists of places."""
    order = np.lexsort((rng.random(len(lengths)), lengths))
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    rng.shuffle(batches)
    return batches


# --------------------------------------------------------------- trees in attention
@dataclass(frozen=True)
class AttentionReport:
    """What `attention_probe` found on n words.

    uas: the share of words whose head it names, punctuation not scored, with its
    interval over sentences; right_neighbour: the share whose head is the next word;
    from_dependent, from_head: the learned weight of each head's attention, [L, H].
    """

    uas: Estimate
    right_neighbour: float
    from_dependent: np.ndarray
    from_head: np.ndarray
    n: int


def attention_probe(
    train_attentions, train_trees, test_attentions, test_trees, *, epochs=12, seed=0,
    batch_size=32, learning_rate=0.1,
) -> AttentionReport:  # fmt: skip
    """Name each word's head by its attentions alone: 2 L H weights and nothing else.

    p(i | j) ∝ exp(Σ_k w_k α_k(j, i) + u_k α_k(i, j)) for the head i of word j, over the
    other words of the sentence; k runs over the heads of all layers.
    train_attentions, test_attentions: of each sentence [L, H, W, W].

    Raises ValueError for the same sentences in both, or attentions that are not of them.
    Source: Clark et al. 2019, section 5, "Attention-Only Probe".
    Taught in: chapter 5, section "Trees in the attention".
    """
    check_apart(train_trees, test_trees)
    train_attentions = check_attentions(train_attentions, train_trees)
    test_attentions = check_attentions(test_attentions, test_trees)
    shape, other = train_attentions[0].shape[:2], test_attentions[0].shape[:2]
    if shape != other:
        raise ValueError(
            f"the splits were read by different models: {tuple(shape)} and "
            f"{tuple(other)} layers and heads"
        )
    torch.manual_seed(seed)
    weights = torch.zeros(2, shape.numel(), requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=learning_rate)
    lengths = [a.size(-1) for a in train_attentions]
    rng = np.random.default_rng(seed)
    with torch.enable_grad():
        for epoch in range(epochs):
            optimizer.param_groups[0]["lr"] = learning_rate * (1 - epoch / epochs)
            for places in length_batches(lengths, batch_size, rng):
                losses = [
                    F.cross_entropy(
                        head_scores(weights, train_attentions[i])[dependents(train_trees[i])],
                        gold_heads(train_trees[i]), reduction="sum",
                    ) for i in places
                ]  # fmt: skip
                loss = sum(losses) / sum(len(gold_heads(train_trees[i])) for i in places)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    weights = weights.detach()
    hits, right, sentence = [], [], []
    for number, (attention, tree) in enumerate(zip(test_attentions, test_trees)):
        asked = [i for i in dependents(tree) if tree.upos[i] != PUNCTUATION]
        answers = head_scores(weights, attention).argmax(-1)
        for i in asked:
            hits.append(float(answers[i] == tree.heads[i] - 1))
            right.append(float(tree.heads[i] - 1 == i + 1))
            sentence.append(number)
    return AttentionReport(
        over_sentences(np.array(hits), np.array(sentence)), float(np.mean(right)),
        weights[0].view(shape).numpy(), weights[1].view(shape).numpy(), len(hits),
    )  # fmt: skip


def head_scores(weights, attention):
    """How well each word i fits as head of word j: [W, W], row j; itself never."""
    maps = attention.flatten(0, 1).float()  # [L * H, W, W], maps[k, j, i] = α_k(j, i)
    scores = torch.einsum("k,kji->ji", weights[0], maps)
    scores = scores + torch.einsum("k,kij->ji", weights[1], maps)
    return scores.masked_fill(torch.eye(len(scores), dtype=torch.bool), -torch.inf)


def dependents(tree):
    """The places of the words that have a head among the words: all but the root."""
    return [i for i, head in enumerate(tree.heads) if head]


def gold_heads(tree):
    """The place of the head of each of `dependents`, [arcs]."""
    return torch.tensor([head - 1 for head in tree.heads if head], dtype=torch.long)
