"""Single heads against dependency relations, with the best fixed offset beside each.

A head "finds" a relation where the word that it looks at most is the one that the
treebank names. Many relations have a short way to go, and so has a head that always
looks at its neighbour: hence the offset, and hence two splits, one to pick the head and
the offset on and another to score them.

Letters of the shapes: L layers, H heads, W words of a sentence, A arcs, N sentences.
Layers and heads count from 0; `name` is what papers call a head, counted from 1.

Source: Clark et al. 2019, "What Does BERT Look At?", section 4.2 and table 1; Voita et
al. 2019, "Analyzing Multi-Head Self-Attention", section 5.
Taught in: chapter 5, section "Heads and dependency relations".
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from utils.bertology.heads import paper_name
from utils.bertology.words import check_apart
from utils.inputs import require_text

DIRECTIONS = ("dependent to head", "head to dependent")
OFFSETS = (-3, -2, -1, 1, 2, 3)  # of the head, seen from its dependent
ALL = "all"  # every relation but punctuation, as parsers are scored
# Clark et al. 2019, table 1, BERT-base on WSJ with Stanford dependencies, for the
# relations that both schemes have: the head, its accuracy, that of the best offset (%).
CLARK = {
    ALL: ("7-6", 34.5, 26.3), "det": ("8-11", 94.3, 51.7), "obj": ("8-10", 86.8, 40.0),
    "nsubj": ("8-2", 58.5, 45.5), "amod": ("4-10", 75.6, 68.3),
    "advmod": ("7-6", 48.8, 40.2), "aux": ("4-10", 81.1, 71.5),
    "compound": ("4-10", 70.4, 70.2), "ccomp": ("8-1", 48.8, 12.4),
    "mark": ("8-2", 50.7, 14.5),
}  # fmt: skip
VOITA = ("nsubj", "obj", "amod", "advmod")  # the relations that they look at
POSITIONAL, SYNTACTIC = 0.90, 0.10


class Arcs(NamedTuple):
    """Which heads find which arcs of a treebank's sentences.

    trees: N `Tree`s; sentence: of each arc, [A]; relation: names [A]; offset: where the
    head is, seen from its dependent, +1 is the next word, [A]; hits: booleans
    [A, 2, L, H], both `DIRECTIONS`.

    What each head looks at most, over all words (itself too), [L, H] each: previous and
    next, the share of the words that have such a neighbour; rarest, the share of
    sentences' words that look at the word which is rarest in these sentences.
    """

    trees: list
    sentence: np.ndarray
    relation: np.ndarray
    offset: np.ndarray
    hits: np.ndarray
    previous: np.ndarray
    next: np.ndarray
    rarest: np.ndarray


def find_arcs(attentions, trees):
    """Look up every arc of the treebank in every head: `Arcs`.

    attentions: of each sentence [L, H, W, W] as `read_words` gives them; trees: its
    `Tree`. A head finds an arc where, among the other words, its attention is highest at
    the right one: from the dependent at its head, or from the head at its dependent.
    The root has no head among the words and is left out.

    Raises ValueError for attentions of another size than the sentences, of pruned heads
    (layers with fewer heads), or with NaN.
    Source: Clark et al. 2019, section 4.2.
    Taught in: chapter 5, section "Heads and dependency relations".
    """
    attentions = check_attentions(attentions, trees)
    counts = Counter(token.lower() for tree in trees for token in tree.tokens)
    shape = attentions[0].shape[:2]
    looks = {name: [np.zeros(shape), 0] for name in ("previous", "next", "rarest")}
    hits, sentences, relations, offsets = [], [], [], []
    for number, (attention, tree) in enumerate(zip(attentions, trees)):
        words = len(tree.tokens)
        _count_looks(looks, attention, [counts[token.lower()] for token in tree.tokens])
        itself = torch.eye(words, dtype=torch.bool)
        most = attention.masked_fill(itself, -1).argmax(-1).numpy()  # [L, H, W]
        heads = np.array(tree.heads) - 1
        dependents = np.flatnonzero(heads >= 0)
        heads = heads[dependents]
        both = most[..., dependents] == heads, most[..., heads] == dependents
        hits.append(np.stack(both).transpose(3, 0, 1, 2))  # [arcs, 2, L, H]
        sentences += [number] * len(heads)
        relations += [tree.deprels[place] for place in dependents]
        offsets.append(heads - dependents)
    shares = {name: seen / max(total, 1) for name, (seen, total) in looks.items()}
    return Arcs(
        list(trees), np.array(sentences), np.array(relations), np.concatenate(offsets),
        np.concatenate(hits), **shares,
    )  # fmt: skip


def _count_looks(looks, attention, frequencies):
    """Add a sentence to the counts of what heads look at, all words being allowed."""
    most = attention.argmax(-1).numpy()  # [L, H, W]
    places = np.arange(most.shape[-1])
    rarest = np.flatnonzero(np.array(frequencies) == min(frequencies))
    found = {
        "previous": most[..., 1:] == places[1:] - 1,
        "next": most[..., :-1] == places[:-1] + 1,
        "rarest": np.isin(most, rarest),
    }
    for name, hit in found.items():
        looks[name][0] += hit.sum(-1)
        looks[name][1] += hit.shape[-1]


def check_attentions(attentions, trees):
    """The attentions, [L, H, W, W] of each sentence, as CPU tensors; clear errors."""
    if not len(trees) or len(attentions) != len(trees):
        raise ValueError(
            f"attentions of {len(attentions)} sentences and {len(trees)} trees: one for "
            f"each is needed, and at least one"
        )
    if isinstance(attentions[0], (list, tuple)):
        raise ValueError(
            "the attentions of a sentence are a list of layers: one tensor [L, H, W, W] is "
            "needed, which a model with pruned heads has not (its layers differ)"
        )
    attentions = [torch.as_tensor(attention).cpu() for attention in attentions]
    heads = tuple(attentions[0].shape[:2])
    for place, (attention, tree) in enumerate(zip(attentions, trees)):
        words = len(tree.tokens)
        if tuple(attention.shape) != (*heads, words, words):
            raise ValueError(
                f"sentence {place}: the attention is {list(attention.shape)}, and "
                f"{[*heads, words, words]} is needed, [L, H, W, W] between its words"
            )
        if attention.isnan().any():
            raise ValueError(f"sentence {place}: the attention holds NaN")
    return attentions


# -------------------------------------------------------------------- the two tables
def relation_table(
    picked_on, scored_on, relations=None, *, least=50, resamples=1000, seed=0,
    same_split=False,
):  # fmt: skip
    """The best head of each relation beside its best fixed offset: a DataFrame.

    picked_on, scored_on: `Arcs` of two splits. Head, direction and offset are those that
    find most arcs of the first; every number is of the second. relations: names, or
    those with `least` arcs in both, the frequent ones first; `all` is every relation but
    punctuation. same_split: allow one split for both, to show what that does.

    Columns: relation; n, arcs scored; layer and head (from 0), name (from 1); direction;
    accuracy, low, high; offset, of the head seen from its dependent, and
    offset_accuracy; gain, gain_low, gain_high, accuracy minus offset_accuracy. The 95 %
    intervals resample the sentences, `resamples` times.

    Raises ValueError for the same sentences twice, other models' shapes, or a relation
    that one split has not.
    Source: Clark et al. 2019, table 1; Efron 1979, percentile intervals.
    Taught in: chapter 5, section "Heads and dependency relations".
    """
    if not same_split:
        check_apart(picked_on.trees, scored_on.trees)
    names = _relations(picked_on, scored_on, relations, least)
    rows, columns = [], []
    for name in names:
        here, there = of_relation(picked_on, name), of_relation(scored_on, name)
        found = picked_on.hits[here].sum(0)  # [2, L, H]
        direction, layer, head = np.unravel_index(found.argmax(), found.shape)
        offset = best_offset(picked_on.offset[here])
        right = scored_on.hits[there][:, direction, layer, head]
        near = scored_on.offset[there] == offset
        columns.append([
            np.bincount(scored_on.sentence[there], weights, len(scored_on.trees))
            for weights in (right, near, np.ones(len(right)))
        ])  # fmt: skip
        rows.append({
            "relation": name, "n": int(there.sum()), "layer": int(layer),
            "head": int(head), "name": paper_name(int(layer), int(head)),
            "direction": DIRECTIONS[direction], "accuracy": right.mean(),
            "offset": offset, "offset_accuracy": near.mean(),
            "gain": right.mean() - near.mean(),
        })  # fmt: skip
    table = pd.DataFrame(rows)
    sums = resampled_sums(np.array(columns), resamples, seed)  # [relations, 3, R]
    with np.errstate(invalid="ignore"):  # a resampling may lack a rare relation
        accuracy, near = sums[:, 0] / sums[:, 2], sums[:, 1] / sums[:, 2]
    table["low"], table["high"] = np.nanpercentile(accuracy, [2.5, 97.5], axis=1)
    ends = np.nanpercentile(accuracy - near, [2.5, 97.5], axis=1)
    table["gain_low"], table["gain_high"] = ends
    order = (
        "relation", "n", "layer", "head", "name", "direction", "accuracy", "low", "high",
        "offset", "offset_accuracy", "gain", "gain_low", "gain_high",
    )  # fmt: skip
    return table[list(order)]


def of_relation(arcs, name):
    """Which arcs are of a relation, booleans [A]; `all` is every one but `punct`.

    Raises TypeError for a name that is no text.
    """
    return arcs.relation != "punct" if require_text(name) == ALL else arcs.relation == name


def _relations(picked_on, scored_on, relations, least):
    """The names of the table's rows, of two splits that one model has read."""
    if picked_on.hits.shape[1:] != scored_on.hits.shape[1:]:
        raise ValueError(
            f"the splits were read by different models: {picked_on.hits.shape[2:]} and "
            f"{scored_on.hits.shape[2:]} layers and heads"
        )
    if relations is None:
        counts = Counter(scored_on.relation.tolist())
        other = Counter(picked_on.relation.tolist())
        frequent = [
            name for name, n in counts.most_common() if min(n, other[name]) >= least
        ]
        return [ALL, *frequent]
    relations = [relations] if isinstance(relations, str) else list(relations)
    for name in relations:
        for arcs in (picked_on, scored_on):
            if not of_relation(arcs, name).any():
                raise ValueError(
                    f"no arc of {len(arcs.trees)} sentences has the relation {name!r}; "
                    f"there are {', '.join(sorted(set(arcs.relation.tolist())))}"
                )
    return relations


def best_offset(offsets):
    """The one of -3 ... 3 that most heads have, seen from their dependents.

    The offset of the dependent, seen from its head, is the same with the other sign:
    one baseline serves both directions.
    Source: Clark et al. 2019, section 4.2, "fixed-offset baseline".
    Taught in: chapter 5, section "Heads and dependency relations".
    """
    offsets = np.asarray(offsets)
    return max(OFFSETS, key=lambda offset: (offsets == offset).sum())


def resampled_sums(columns, resamples, seed):
    """Sums of columns [..., N] over N sentences drawn with replacement: [..., R]."""
    sentences = np.shape(columns)[-1]
    rng = np.random.default_rng(seed)
    times = rng.multinomial(sentences, np.full(sentences, 1 / sentences), resamples)
    return columns @ times.T.astype(float)  # how often each sentence was drawn, [R, N]


def with_paper(table):
    """`relation_table` with Clark's head, accuracy and offset beside, where they exist.

    Adds paper_name, paper_accuracy, paper_offset_accuracy (shares, not per cent).
    Another model, treebank and scheme: what can be compared is whether a head beats its
    offset.
    Source: Clark et al. 2019, table 1.
    Taught in: chapter 5, section "Heads and dependency relations".
    """
    table = table.copy()
    paper = [CLARK.get(name, (None, np.nan, np.nan)) for name in table["relation"]]
    table["paper_name"] = [row[0] for row in paper]
    table["paper_accuracy"] = [row[1] / 100 for row in paper]
    table["paper_offset_accuracy"] = [row[2] / 100 for row in paper]
    return table


def head_roles(picked_on, scored_on, relations=VOITA):
    """What each head is specialised in, after Voita: a DataFrame, one row a head.

    picked_on, scored_on: `Arcs` of two splits; what a head is best at is picked on the
    first, and every number is of the second.
    A head is positional where at least 90 % of the words look most at their previous
    word, or at their next; syntactic where for one relation, in one direction, it is at
    least 10 points above the best offset. It can be both; most heads are neither.

    Columns: layer, head (from 0), name (from 1); role, "positional", "syntactic", both
    with a comma, or ""; position ("previous" or "next") and position_share; relation,
    direction, accuracy, offset_accuracy, gain; rarest, the share of words that look most
    at the rarest word of their sentence, for which Voita names no bound.
    Raises ValueError as `relation_table` does.
    Source: Voita et al. 2019, section 5; among words alone, where they leave out the end
    of the sentence; positions as offsets of the argmax, their section 5.1.
    Taught in: chapter 5, section "What heads specialise in".
    """
    check_apart(picked_on.trees, scored_on.trees)
    names = _relations(picked_on, scored_on, relations, 1)
    gains, scores, bases = [], [], []
    for name in names:
        here, there = of_relation(picked_on, name), of_relation(scored_on, name)
        offset = best_offset(picked_on.offset[here])
        gains.append(picked_on.hits[here].mean(0) - (picked_on.offset[here] == offset).mean())
        scores.append(scored_on.hits[there].mean(0))  # [2, L, H]
        bases.append((scored_on.offset[there] == offset).mean())
    gains = np.stack(gains)  # [relations, 2, L, H]
    rows = []
    for layer, head in np.ndindex(gains.shape[2:]):
        best = np.unravel_index(gains[..., layer, head].argmax(), gains.shape[:2])
        accuracy, base = scores[best[0]][best[1], layer, head], bases[best[0]]
        position = max(
            ("previous", "next"), key=lambda at: getattr(picked_on, at)[layer, head]
        )
        share = getattr(scored_on, position)[layer, head]
        roles = ["positional"] * bool(share >= POSITIONAL)
        roles += ["syntactic"] * bool(accuracy - base >= SYNTACTIC)
        rows.append({
            "layer": layer, "head": head, "name": paper_name(layer, head),
            "role": ", ".join(roles), "position": position, "position_share": share,
            "relation": names[best[0]], "direction": DIRECTIONS[best[1]],
            "accuracy": accuracy, "offset_accuracy": base, "gain": accuracy - base,
            "rarest": scored_on.rarest[layer, head],
        })  # fmt: skip
    return pd.DataFrame(rows)
