"""The CAT-score on a tree made by hand, and distances against networkx."""

import ast

import networkx as nx
import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from utils.bertology.capturing import capture
from utils.bertology.code_structure import (
    MODULES, Snippet, cat_score, cat_table, code_attention, noise_control, parse_function,
    position_control, python_functions, same_offset_shuffle,
)  # fmt: skip
from utils.bertology.heads import HeadError
from utils.sources import load_tokenizer

SOURCE = '''
    def double(self, x):
        """Twice x."""
        y = x + x  # the sum
        return self.f(y)
'''


@pytest.fixture(scope="module")
def snippets():
    return python_functions(30)


def model_of(vocab_size=30522, layers=2):
    torch.manual_seed(0)
    return BertModel(BertConfig(
        vocab_size=vocab_size, hidden_size=32, num_hidden_layers=layers,
        num_attention_heads=4, intermediate_size=64, initializer_range=0.5,
        max_position_embeddings=200,
    )).eval()  # fmt: skip


# ----------------------------------------------------------------------- the snippets
def test_a_tree_by_hand():
    snippet = parse_function(SOURCE, "double")
    assert snippet.tokens == tuple(
        "def double ( self , x ) : y = x + x return self . f ( y )".split()
    )
    first = len(snippet.kinds)
    holder = [snippet.kinds[parent] for parent in snippet.parents[first:]]
    by_token = list(zip(snippet.tokens, holder))
    assert by_token[:5] == [
        ("def", "FunctionDef"), ("double", "FunctionDef"), ("(", "FunctionDef"),
        ("self", "arg"), (",", "arguments"),
    ]  # fmt: skip
    assert by_token[8:13] == [
        ("y", "Name"), ("=", "Assign"), ("x", "Name"), ("+", "BinOp"), ("x", "Name"),
    ]  # fmt: skip
    assert by_token[13:] == [
        ("return", "Return"), ("self", "Name"), (".", "Attribute"), ("f", "Attribute"),
        ("(", "Call"), ("y", "Name"), (")", "Call"),
    ]  # fmt: skip
    assert "Expr" not in snippet.kinds and "Load" not in snippet.kinds
    apart = snippet.distances(neighbours=False)
    at = {"y": 8, "=": 9, "x": 10, "+": 11, "return": 13, "self": 14}
    assert apart[at["x"], at["+"]] == 3  # x - Name - BinOp - +
    assert apart[at["x"], 12] == 4  # x - Name - BinOp - Name - x
    assert apart[at["y"], at["="]] == 3 and apart[0, 1] == 2
    assert apart[at["+"], at["return"]] == 5  # BinOp, Assign, FunctionDef, Return
    near = snippet.distances()
    assert near[at["x"], at["+"]] == 1 and near[at["+"], at["return"]] == 2


def graph_of(snippet, neighbours):
    graph = nx.Graph()
    for i, parent in enumerate(snippet.parents):
        if parent >= 0:
            graph.add_edge(i, parent)
    first = len(snippet.kinds)
    leaves = range(first, first + len(snippet))
    if neighbours:
        nx.add_path(graph, leaves)
    return graph, leaves


def test_distances_are_those_of_networkx(snippets):
    for snippet in snippets[:8]:
        for neighbours in (True, False):
            graph, leaves = graph_of(snippet, neighbours)
            assert nx.is_tree(graph) != neighbours
            steps = dict(nx.all_pairs_shortest_path_length(graph))
            expected = [[steps[a][b] for b in leaves] for a in leaves]
            np.testing.assert_array_equal(snippet.distances(neighbours), expected)
        assert (snippet.distances() <= snippet.distances(False)).all()


def test_every_node_is_where_ast_has_it(snippets):
    """Every token lies in a node that has the token in its own source segment."""
    source = "def f(a, *b, c=1, **d):\n    é = 'ñ' + a[1:2]  # ü\n    return [é for x in b]"
    snippet = parse_function(source)
    tree = ast.parse(source)
    names = sorted(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
    first = len(snippet.kinds)
    placed = sorted(
        token for token, parent in zip(snippet.tokens, snippet.parents[first:])
        if snippet.kinds[parent] == "Name"
    )  # fmt: skip
    assert placed == names  # columns of `ast` are bytes: é and ñ would shift characters
    assert snippet.tokens[-1] == "]"
    text = 'def f():\n    x = """a\n    é"""; y = 2\n    return x'
    holder = parse_function(text)
    kinds = [holder.kinds[p] for p in holder.parents[len(holder.kinds):]]
    assert dict(zip(holder.tokens, kinds))["2"] == "Constant"
    assert dict(zip(holder.tokens, kinds))["y"] == "Name"
    wide = parse_function('def f():\n    é = """a\n  b"""\n    return é')
    kinds = [wide.kinds[p] for p in wide.parents[len(wide.kinds):]]
    assert dict(zip(wide.tokens, kinds))['"""a\n  b"""'] == "Constant"


def test_functions_of_the_standard_library(snippets):
    again = python_functions(30)
    assert snippets == again
    assert snippets != python_functions(30, seed=1)
    assert all(15 <= len(snippet) <= 60 for snippet in snippets)
    assert len({snippet.tokens for snippet in snippets}) == 30
    assert all(snippet.name.split(".")[0] in MODULES for snippet in snippets)
    for snippet in snippets:
        assert snippet.tokens[0] == "def" and snippet.parents[0] == -1
        assert not any(token.startswith("#") for token in snippet.tokens)
        assert len(snippet.parents) == len(snippet.kinds) + len(snippet)
        assert all(parent < len(snippet.kinds) for parent in snippet.parents)
    short = python_functions(5, lengths=(15, 18), modules=("bisect", "shlex", "argparse"))
    assert all(len(snippet) <= 18 for snippet in short)


def test_no_function_is_lost_to_the_quick_look():
    """A token never has so many nodes that the look at their number skips a short one."""
    from pathlib import Path

    import argparse

    tree = ast.parse(Path(argparse.__file__).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            try:
                snippet = parse_function(ast.unparse(node))
            except HeadError:
                continue
            assert sum(1 for _ in ast.walk(node)) <= 5 * len(snippet)


def test_what_is_no_function_is_refused():
    for source, words in (
        ("x = 1", "not one function"), ("def f(:", "no Python"),
        ("def f(): return f'{x}'", "f-strings"),
        ("def f(): pass\ndef g(): pass", "not one function"),
    ):  # fmt: skip
        with pytest.raises(HeadError, match=words):
            parse_function(source)
    with pytest.raises(HeadError, match="9999 functions were asked for"):
        python_functions(9999, modules=("bisect",))
    with pytest.raises(HeadError, match="no file nonesuch.py"):
        python_functions(1, modules=("nonesuch",))


# -------------------------------------------------------------------- the attention
def test_words_get_the_sum_and_give_the_mean(snippets):
    model, tokenizer = model_of(), load_tokenizer("all-MiniLM-L6-v2")
    snippet = snippets[0]
    found = code_attention(model, tokenizer, snippet)
    assert found.shape == (2, len(snippet), len(snippet))
    encoded = tokenizer(list(snippet.tokens), is_split_into_words=True, return_tensors="pt")
    words = encoded.word_ids()
    assert len(words) > len(snippet) + 2  # some token has several pieces
    for layer, weights in enumerate(capture(model, dict(encoded)).attentions):
        mean = weights[0].mean(0)
        for i in range(len(snippet)):
            rows = [p for p, word in enumerate(words) if word == i]
            for j in (0, i, len(snippet) - 1):
                columns = [p for p, word in enumerate(words) if word == j]
                expected = mean[rows][:, columns].sum(1).mean().item()
                assert found[layer, i, j] == pytest.approx(expected, abs=1e-6)
    rest = found.sum(-1)
    assert (rest < 1).all() and (rest > 0).all()  # [CLS] and [SEP] have the rest


def test_controls(snippets):
    snippet, rng = snippets[0], np.random.default_rng(0)
    position = position_control(snippet)
    assert position[3, 3] == 1 and position[3, 5] == position[5, 3] == 1 / 3
    noise = noise_control(snippet, rng)
    assert noise.shape == position.shape and noise.std() > 0.2
    shuffled = same_offset_shuffle(noise, rng)
    for offset in range(-len(snippet) + 1, len(snippet)):
        was, now = np.diagonal(noise, offset), np.diagonal(shuffled, offset)
        np.testing.assert_allclose(np.sort(was), np.sort(now))
    assert (shuffled != noise).mean() > 0.8
    np.testing.assert_array_equal(same_offset_shuffle(position, rng), position)
    stacked = same_offset_shuffle(np.stack([noise, 2 * noise]), rng)
    np.testing.assert_allclose(stacked[1], 2 * stacked[0])


# ------------------------------------------------------------------------- the score
def test_cat_score_by_hand():
    apart = np.array([[0, 1, 5, 6], [1, 0, 4, 7], [5, 4, 0, 2], [6, 7, 2, 0]])
    attention = np.zeros((4, 4))
    attention[0, 1], attention[2, 3], attention[3, 0] = 0.9, 0.8, 0.7
    # of 12 pairs: q_.75(A) = 0.175, so 3 are attended; q_.25(D) = 2, so 2 are near
    assert cat_score(attention, apart) == pytest.approx(1 / 4)  # 0-1 of 0-1, 2-3, 3-0, 1-0
    attention[1, 0] = 0.95
    # now q_.75(A) = 0.725, between 0.7 and 0.8, so (3, 0) is not above it
    assert cat_score(attention, apart) == pytest.approx(2 / 3)
    assert cat_score(-apart, apart) == pytest.approx(2 / 2)
    assert cat_score(apart, apart) == 0
    assert np.isnan(cat_score(np.ones((3, 3)), np.ones((3, 3))))
    diagonal = attention + 5 * np.eye(4)
    assert cat_score(diagonal, apart) == cat_score(attention, apart)


def test_cat_score_by_loops():
    rng = np.random.default_rng(0)
    for n, t in ((5, 0.75), (9, 0.6), (12, 0.9)):
        attention, apart = rng.random((n, n)), rng.integers(1, 8, (n, n))
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        high = np.quantile([attention[p] for p in pairs], t)
        low = np.quantile([apart[p] for p in pairs], 1 - t)
        both = sum(attention[p] > high and apart[p] < low for p in pairs)
        either = sum(attention[p] > high or apart[p] < low for p in pairs)
        assert cat_score(attention, apart, t) == pytest.approx(both / either)


def test_the_table_and_its_controls(snippets):
    model, tokenizer = model_of(), load_tokenizer("all-MiniLM-L6-v2")
    table = cat_table(model, tokenizer, snippets[:10], {"another": model_of(layers=1)})
    assert table[["attention", "layer"]].values.tolist() == [
        *([name, i] for name in ("model", "shuffled", "beyond position") for i in (0, 1)),
        ["another", 0], ["position", -1], ["noise", -1],
    ]  # fmt: skip
    assert (table.low <= table.score).all() and (table.score <= table.high).all()
    score = table.set_index(["attention", "layer"]).score
    by_hand = [
        [cat_score(a, s.distances()) for a in code_attention(model, tokenizer, s)]
        for s in snippets[:10]
    ]
    np.testing.assert_allclose(score["model"], np.mean(by_hand, 0), atol=1e-9)
    np.testing.assert_allclose(
        score["beyond position"], score["model"] - score["shuffled"], atol=1e-9
    )
    position = [cat_score(position_control(s), s.distances()) for s in snippets[:10]]
    assert score["position", -1] == pytest.approx(np.mean(position))
    assert score["position", -1] > 0.4 > 0.2 > score["noise", -1]  # that is the point
    tree = cat_table(model, tokenizer, snippets[:10], neighbours=False)
    tree = tree.set_index(["attention", "layer"]).score
    assert tree["position", -1] < score["position", -1] - 0.1


def test_what_does_not_fit_is_refused(snippets):
    tokenizer = load_tokenizer("all-MiniLM-L6-v2")
    for shape, other in (
        ((3, 3), (4, 4)), ((3, 4), (3, 4)), ((2, 3, 3), (2, 3, 3)), ((1, 1), (1, 1)),
    ):  # fmt: skip
        with pytest.raises(HeadError, match=r"both must be \[n, n\]"):
            cat_score(np.ones(shape), np.ones(other))
    for quantile in (0, 1, 75):
        with pytest.raises(HeadError, match="quantile"):
            cat_score(np.eye(3), np.eye(3), quantile)
    with pytest.raises(HeadError, match="no snippets"):
        cat_table(model_of(), tokenizer, [])
    odd = Snippet("odd", ("def", "\u200b", "f"), ("FunctionDef",), (-1, 0, 0, 0))
    with pytest.raises(HeadError, match="odd: the tokenizer has no piece for"):
        code_attention(model_of(), tokenizer, odd)
    long = parse_function("def f():\n    return " + " + ".join(["x"] * 150))
    with pytest.raises(HeadError, match="pieces, and the model 200 positions"):
        code_attention(model_of(), tokenizer, long)
