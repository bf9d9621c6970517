"""Does attention follow the syntax of code? The CAT-score, and what it measures.

Snippets are functions of Python's standard library; their syntax is that of the standard
library's `ast`. Each score stands beside its controls: attention that knows nothing but
how far apart two tokens are, noise, and the model's own attention shuffled among pairs
that are equally far apart.

Letters of the shapes: n code tokens of a snippet, N snippets, T pieces of the model's
tokenizer, L layers, H heads.

Source: Chen, Sun, Zhu, Li, Lu and Gao 2022, "CAT-probing: A Metric-based Approach to
Interpret How Pre-trained Models for Programming Language Attend Code Structure".
Taught in: chapter 5, section "Attention and the structure of code".
"""

import ast
import io
import sysconfig
import textwrap
import tokenize
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from utils.bertology.capturing import capture
from utils.bertology.heads import HeadError
from utils.bertology.words import to_words, word_units
from utils.inputs import require_text
from utils.masked_lm import longest_input
from utils.retrieval import bootstrap

# Modules of the standard library in plain Python, old enough to change little.
MODULES = (
    "argparse", "ast", "base64", "bisect", "calendar", "cmd", "codeop", "colorsys",
    "configparser", "contextlib", "copy", "csv", "difflib", "dis", "fileinput", "fnmatch",
    "fractions", "functools", "getopt", "getpass", "gettext", "glob", "gzip", "heapq",
    "inspect", "ipaddress", "keyword", "linecache", "locale", "mimetypes", "numbers",
    "operator", "pprint", "queue", "quopri", "random", "reprlib", "sched", "shelve",
    "shlex", "shutil", "statistics", "tempfile", "textwrap", "threading", "timeit",
    "tokenize", "trace", "traceback", "warnings", "weakref",
)  # fmt: skip
LAYOUT = {
    tokenize.ENCODING, tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT,
    tokenize.COMMENT, tokenize.ENDMARKER,
}  # fmt: skip


# ----------------------------------------------------------------------- the snippets
@dataclass(frozen=True)
class Snippet:
    """A function as a syntax tree whose leaves are its tokens.

    name: module and function; tokens: the n code tokens, without comments, docstring and
    layout; kinds: what the inner nodes are, "FunctionDef" and so on, the root first;
    parents: of each node its parent, -1 for the root. The inner nodes come first, then
    the n leaves, in the order of the tokens.
    """

    name: str
    tokens: tuple[str, ...]
    kinds: tuple[str, ...]
    parents: tuple[int, ...]

    def __len__(self):
        return len(self.tokens)

    def distances(self, neighbours=True) -> np.ndarray:
        """Edges on the shortest way between any two tokens: integers [n, n].

        neighbours: with the paper's extra edge between each token and the next; then
        the graph is no longer a tree, and what is near in the text is near in it.
        Taught in: chapter 5, section "Attention and the structure of code".
        """
        return self._with_neighbours if neighbours else self._in_the_tree

    @cached_property
    def _in_the_tree(self):
        return self._shortest([])

    @cached_property
    def _with_neighbours(self):
        first = len(self.kinds)
        return self._shortest([(first + i, first + i + 1) for i in range(len(self) - 1)])

    def _shortest(self, extra):
        edges = [(i, parent) for i, parent in enumerate(self.parents) if parent >= 0]
        rows, columns = zip(*edges, *extra)
        size = len(self.parents)
        graph = coo_array((np.ones(len(rows)), (rows, columns)), (size, size)).tocsr()
        leaves = np.arange(len(self.kinds), size)
        found = shortest_path(graph, directed=False, unweighted=True, indices=leaves)
        return found[:, leaves].astype(int)


def parse_function(source, name="") -> Snippet:
    """The Snippet of the source of one function.

    A token hangs from the smallest node of the syntax tree that holds it; nodes without
    a place of their own, such as the arguments of a function, take that of their parts.
    Names of contexts and operators are no nodes. Decorators are left out.

    Raises HeadError for source that is no function, or that has f-strings, whose inside
    has no reliable places; TypeError for what is no text.
    Taught in: chapter 5, section "Attention and the structure of code".
    """
    source = textwrap.dedent(require_text(source))
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise HeadError(f"the source {name} is no Python: {error}") from error
    if len(body) != 1 or not isinstance(body[0], (ast.FunctionDef, ast.AsyncFunctionDef)):
        raise HeadError(f"the source {name} is not one function")
    function = body[0]
    function.decorator_list = []
    if any(isinstance(node, ast.JoinedStr) for node in ast.walk(function)):
        raise HeadError(f"the source {name} has f-strings")
    without = _drop_docstring(function)
    spans, kinds, parents = [], [], []
    _add_node(function, -1, spans, kinds, parents)
    tokens = [
        token for token in _code_tokens(source)
        if _holds(spans[0], token) and not (without and _holds(without, token))
    ]  # fmt: skip
    leaves = [_smallest(spans, token) for token in tokens]
    return Snippet(
        name, tuple(token.string for token in tokens), tuple(kinds), (*parents, *leaves)
    )


def python_functions(count=120, seed=0, lengths=(15, 60), modules=MODULES):
    """`count` functions and methods of the standard library, as Snippets.

    Drawn from `seed` among those of `modules` with from lengths[0] to lengths[1] tokens
    and without f-strings; the same ones for the same version of Python.

    Raises HeadError where there are not so many, or a module is no file of it.
    Taught in: chapter 5, section "Attention and the structure of code".
    """
    candidates = [part for name in modules for part in _functions(name, 5 * lengths[1])]
    found = {}  # tokens -> Snippet: a method that is copied counts once
    for i in np.random.default_rng(seed).permutation(len(candidates)):
        if len(found) == count:
            break
        try:
            snippet = parse_function(*candidates[i])
        except HeadError:
            continue  # f-strings, or a function that shares its lines with others
        if lengths[0] <= len(snippet) <= lengths[1]:
            found.setdefault(snippet.tokens, snippet)
    if len(found) < count:
        raise HeadError(
            f"{count} functions were asked for, and {len(modules)} modules have "
            f"{len(found)} of {lengths[0]} to {lengths[1]} tokens"
        )
    return list(found.values())


@cache
def _functions(module, most):
    """(source, name) of a module's functions and methods of at most `most` nodes.

    A token has four nodes at most, so what is longer need not be parsed to be left out.
    """
    # Read, not imported: a file of the reader's may have the same name.
    path = Path(sysconfig.get_path("stdlib"), f"{module}.py")
    if not path.is_file():
        raise HeadError(f"this Python's standard library has no file {module}.py")
    source = path.read_text(encoding="utf-8")
    lines = source.split("\n")
    return [
        ("\n".join(lines[node.lineno - 1 : node.end_lineno]), f"{module}.{node.name}")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and sum(1 for _ in ast.walk(node)) <= most
    ]


def _drop_docstring(function):
    """Take the docstring from a function; where it was, or None."""
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return None
    function.body = function.body[1:]
    return _span(first)


def _span(node):
    """((line, column), (line, column)) of a node and its parts; None for no place."""
    if hasattr(node, "lineno"):
        return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
    parts = [span for child in ast.iter_child_nodes(node) if (span := _span(child))]
    if not parts:
        return None
    return min(start for start, _ in parts), max(end for _, end in parts)


def _add_node(node, parent, spans, kinds, parents):
    span = _span(node)
    if span is None:
        return
    number = len(spans)
    spans.append(span)
    kinds.append(type(node).__name__)
    parents.append(parent)
    for child in ast.iter_child_nodes(node):
        _add_node(child, number, spans, kinds, parents)


def _code_tokens(source):
    """The tokens with their places in bytes, as `ast` counts columns."""
    lines = source.split("\n")  # not splitlines(), which breaks at form feeds too

    def in_bytes(place):
        line, column = place
        return line, len(lines[line - 1][:column].encode())

    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in LAYOUT:
            yield token._replace(start=in_bytes(token.start), end=in_bytes(token.end))


def _holds(span, token):
    return span[0] <= token.start and token.end <= span[1]


def _smallest(spans, token):
    """The number of the last node that holds a token: a node comes after its parents."""
    return max(i for i, span in enumerate(spans) if _holds(span, token))


# -------------------------------------------------------------------- the attention
def code_attention(model, tokenizer, snippet) -> np.ndarray:
    """The attention between the tokens of a snippet, the mean of the heads: [L, n, n].

    Attention to a code token is the sum over its pieces, attention from it their mean.
    What goes to the tokens that the tokenizer adds is left out, so a row may sum to less
    than 1.

    Raises HeadError for a snippet longer than the model's positions, or with a token
    that has no piece.
    Source: Chen et al. 2022, section 2; Clark et al. 2019, section 4.1, for the words.
    Taught in: chapter 5, section "Attention and the structure of code".
    """
    words = list(snippet.tokens)
    encoded = tokenizer(words, is_split_into_words=True, return_tensors="pt")
    word_ids = encoded.word_ids()
    limit = longest_input(model)
    if len(word_ids) > limit:
        raise HeadError(
            f"{snippet.name} has {len(word_ids)} pieces, and the model {limit} positions"
        )
    units = word_units(word_ids)
    places = [i for i, unit in enumerate(units) if unit is not None]
    if [units[i] for i in places] != list(range(len(words))):
        without = sorted(set(range(len(words))) - set(units))
        raise HeadError(
            f"{snippet.name}: the tokenizer has no piece for "
            f"{[words[i] for i in without]}"
        )
    # One segment: DistilBERT takes no token_type_ids, and the others have 0 unless told.
    inputs = {name: encoded[name] for name in ("input_ids", "attention_mask")}
    inside = capture(model, inputs, hidden_states=False, head_outputs=False)
    by_layer = torch.stack([weights[0].mean(0) for weights in inside.attentions])
    return to_words(by_layer, word_ids)[:, places][..., places].cpu().numpy()


def position_control(snippet) -> np.ndarray:
    """Attention that knows the order of the tokens alone, 1 / (1 + |i - j|): [n, n].

    Taught in: chapter 5, section "Attention and the structure of code".
    """
    places = np.arange(len(snippet))
    return 1 / (1 + np.abs(places[:, None] - places))


def noise_control(snippet, rng) -> np.ndarray:
    """Attention that knows nothing, uniform random numbers: [n, n].

    Taught in: chapter 5, section "Attention and the structure of code".
    """
    return rng.random((len(snippet), len(snippet)))


def same_offset_shuffle(attention, rng) -> np.ndarray:
    """Attention [..., n, n] shuffled among the pairs with the same j - i.

    How much goes to the previous token, the one before and so on stays as it was; which
    of the tokens it is loses its meaning. What a score keeps after it, it owes to the
    distance in the text.
    Taught in: chapter 5, section "Attention and the structure of code".
    """
    shuffled = np.array(attention, dtype=float)
    n = shuffled.shape[-1]
    for offset in range(-n + 1, n):
        rows = np.arange(max(0, -offset), n - max(0, offset))
        taken = rng.permutation(rows)
        shuffled[..., rows, rows + offset] = attention[..., taken, taken + offset]
    return shuffled


# ------------------------------------------------------------------------- the score
def cat_score(attention, distances, quantile=0.75) -> float:
    """How well the most attended pairs are the nearest ones, from 0 to 1.

    |A > q_t(A) and D < q_(1-t)(D)| / |A > q_t(A) or D < q_(1-t)(D)| over the pairs of
    two different tokens; attention A and distances D are [n, n], q_t is the quantile
    t = `quantile`. NaN where there is no such pair at all.

    Raises HeadError for shapes that differ, or a quantile outside 0 to 1.
    Source: Chen et al. 2022, section 2 (the CAT-score).
    Taught in: chapter 5, section "Attention and the structure of code".
    """
    attention, distances = np.asarray(attention), np.asarray(distances)
    square = attention.ndim == 2 and attention.shape[0] == attention.shape[1] >= 2
    if not square or attention.shape != distances.shape:
        raise HeadError(
            f"attention is {list(attention.shape)} and distances is "
            f"{list(distances.shape)}; both must be [n, n], of two or more tokens"
        )
    if not 0 < quantile < 1:
        raise HeadError(f"quantile lies between 0 and 1, not at {quantile}")
    pairs = ~np.eye(len(attention), dtype=bool)
    a, d = attention[pairs], distances[pairs]
    attended, near = a > np.quantile(a, quantile), d < np.quantile(d, 1 - quantile)
    either = (attended | near).sum()
    return float((attended & near).sum() / either) if either else float("nan")


def cat_table(
    model, tokenizer, snippets, others=None, quantile=0.75, neighbours=True, seed=0
) -> pd.DataFrame:
    """The CAT-score of each layer of a model, beside its controls.

    others: name -> another model with the same tokenizer, such as one of random weights.
    neighbours: as in `Snippet.distances`. The "shuffled" rows are the model's attention
    after `same_offset_shuffle`, and "beyond position" is what the model has more than
    that, snippet by snippet.

    Returns a DataFrame: attention ("model", "shuffled", "beyond position", the names of
    `others`, "position", "noise"), layer (-1 for the last two), score, low, high: the
    mean over the snippets and its 95 % bootstrap interval over them.
    Raises HeadError for no snippets, and as `code_attention` and `cat_score`.
    Taught in: chapter 5, section "Attention and the structure of code".
    """
    if not len(snippets):
        raise HeadError("there are no snippets to score")
    rng = np.random.default_rng(seed)
    found = {}  # (attention, layer) -> a score for each snippet

    def count(name, attentions, snippet, first=0):
        for layer, attention in enumerate(attentions, first):
            score = cat_score(attention, snippet.distances(neighbours), quantile)
            found.setdefault((name, layer), []).append(score)

    for snippet in snippets:
        attention = code_attention(model, tokenizer, snippet)
        count("model", attention, snippet)
        count("shuffled", same_offset_shuffle(attention, rng), snippet)
        for name, other in (others or {}).items():
            count(name, code_attention(other, tokenizer, snippet), snippet)
        count("position", [position_control(snippet)], snippet, first=-1)
        count("noise", [noise_control(snippet, rng)], snippet, first=-1)
    for layer in range(len(attention)):
        pairs = zip(found["model", layer], found["shuffled", layer])
        found["beyond position", layer] = [model - shuffled for model, shuffled in pairs]
    names = ("model", "shuffled", "beyond position", *(others or {}), "position", "noise")
    order = sorted(found, key=lambda key: (names.index(key[0]), key[1]))
    estimates = [bootstrap(np.nanmean, found[key]) for key in order]
    rows = [(*key, e.value, e.low, e.high) for key, e in zip(order, estimates)]
    return pd.DataFrame(rows, columns=["attention", "layer", "score", "low", "high"])
