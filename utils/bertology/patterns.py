"""What heads look at: entropy, where the attention goes, rollout, and distances.

Everything here reads attentions as `capture` gives them, L times [B, H, T, T], query by
key, and counts no padding. A number of a head is the mean over the query tokens of a
sentence, then over sentences: each sentence counts the same, and is one observation of
the standard error.

Letters of the shapes: B sentences of a batch, T tokens, L layers, H heads of a layer,
N heads of all layers, S sentences. Layers and heads count from 0.

Source: Clark, Khandelwal, Levy and Manning 2019, "What Does BERT Look At?".
Taught in: chapter 5, section "What the heads look at".
"""

import reprlib
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.manifold import MDS

from utils.bertology.capturing import capture
from utils.bertology.heads import HeadError, as_tensor
from utils.inputs import require_texts
from utils.masked_lm import longest_input

OFFSETS = {"self": 0, "previous": -1, "next": 1}  # key minus query
PLACES = ("cls", "sep", "punctuation")
KINDS = (*OFFSETS, *PLACES)
TOLERANCE = 1e-2  # of the sum of a row: bfloat16 keeps two digits


# ------------------------------------------------------------------ what is measured
def head_entropy(attentions, attention_mask=None, queries=None):
    """How widely each head spreads its attention, in nats: [L, H].

    -Σ_j a_j log a_j of each query token's attention: 0 for one key alone, log T for all
    alike. attention_mask [B, T]: 1 for a token, 0 for padding (all tokens unless told).
    queries [B, T]: True for the query tokens that count, such as `places["cls"]`.

    Raises HeadError for attentions that are empty, of layers with different numbers of
    heads, or whose rows do not sum to 1, and for a mask that does not fit.
    Source: Clark et al. 2019, section 3.3 and figure 4.
    Taught in: chapter 5, section "What the heads look at".
    """
    layers, mask = check_attentions(attentions, attention_mask)
    asked = _asked(mask, queries)
    return _table([_mean(_entropy(_real(a, mask)), asked) for a in layers])


def attention_to(kind, attentions, attention_mask=None, places=None, queries=None):
    """How much attention each head gives to one kind of key, from 0 to 1: [L, H].

    kind: "cls", "sep", "punctuation" (all their tokens together; `places`, by
    `token_places`, says where they are), "self", "previous" or "next". The previous
    token of query i is key i - 1; a query that has none does not count. attention_mask
    and queries: as in `head_entropy`.

    Raises HeadError for another kind, places that are missing or do not fit, and
    attentions as `head_entropy`.
    Source: Clark et al. 2019, sections 3.1 and 3.2, figures 2 and 4 (whose released
    code has the labels of "previous" and "next" the wrong way round).
    Taught in: chapter 5, section "What the heads look at".
    """
    if kind not in KINDS:
        raise HeadError(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    layers, mask = check_attentions(attentions, attention_mask)
    asked = _asked(mask, queries)
    if kind in OFFSETS:
        asked = asked & _has_key(mask, OFFSETS[kind])
        given = [_at_offset(_real(a, mask), OFFSETS[kind]) for a in layers]
    else:
        keys = _check_places(places, kind, mask)
        given = [_to_places(_real(a, mask), keys) for a in layers]
    return _table([_mean(part, asked) for part in given])


def token_places(tokenizer, input_ids):
    """Where [CLS], [SEP] and punctuation are: "cls", "sep", "punctuation" -> [B, T].

    A tokenizer without [CLS], as GPT-2's, has no "cls" among them; RoBERTa's <s> and </s>
    are its [CLS] and [SEP]. A piece is punctuation when all its characters are, as
    Unicode has it: "." and "," are, "$" and "+" are not.
    Raises HeadError for what are no ids of the tokenizer.
    Taught in: chapter 5, section "What the heads look at".
    """
    input_ids = as_tensor(input_ids, "input_ids")
    if input_ids.dtype not in (torch.int64, torch.int32):
        raise HeadError(f"input_ids must be integers, not {input_ids.dtype}")
    pieces = input_ids.unique().tolist()
    if strange := [i for i in pieces if not 0 <= i < len(tokenizer)]:
        raise HeadError(f"input_ids has {strange[0]}; the tokenizer has {len(tokenizer)} pieces")
    marks = [
        piece_id for piece_id in pieces
        if _is_punctuation(tokenizer.decode([piece_id]).strip())
    ]  # fmt: skip
    places = {"punctuation": torch.isin(input_ids, input_ids.new_tensor(marks))}
    for kind in ("cls", "sep"):
        token = getattr(tokenizer, f"{kind}_token_id")
        if token is not None:
            places[kind] = input_ids == token
    return places


def _is_punctuation(piece):
    return bool(piece) and all(unicodedata.category(c)[0] == "P" for c in piece)


# --------------------------------------------------------------- over many sentences
class HeadStatistics:
    """Clark's statistics of every head, batch by batch, with their standard errors.

    statistics = HeadStatistics(tokenizer)
    for each batch: statistics.update(attentions, input_ids, attention_mask)
    statistics.table()

    The columns of the table: entropy and entropy_from_cls, in nats; to_cls, to_sep,
    to_punctuation, to_self, to_previous, to_next, shares of the attention; top_previous
    and top_next, the share of queries whose most attended key is that one. Voita et al.
    call a head positional when one of the two is 0.9 or more.

    Source: Clark et al. 2019, section 3; Voita et al. 2019, "Analyzing Multi-Head
    Self-Attention", section 5.1 (positional heads).
    Taught in: chapter 5, section "What the heads look at".
    """

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self._found = {}  # measure -> a tensor [B, L, H] for each batch
        self._chance = {}

    def update(self, attentions, input_ids, attention_mask=None):
        """Count a batch: attentions, L times [B, H, T, T], and its input_ids [B, T].

        Raises HeadError as `head_entropy` does, and for input_ids that do not fit.
        """
        layers, mask = check_attentions(attentions, attention_mask)
        places = token_places(self.tokenizer, input_ids)
        for kind in places:
            _check_places(places, kind, mask)
        even = mask.double()[:, None, None, :].expand(-1, 1, mask.size(1), -1)
        even = even / even.sum(-1, keepdim=True)
        _gather(self._chance, [even], mask, places)
        _gather(self._found, layers, mask, places)

    @property
    def by_sentence(self) -> dict[str, np.ndarray]:
        """measure -> its value for each sentence and head, [S, L, H]; NaN for none."""
        if not self._found:
            raise HeadError("no batch was counted: call update(...) first")
        return {name: torch.cat(parts).numpy() for name, parts in self._found.items()}

    def table(self) -> pd.DataFrame:
        """A row for each head: layer, head, then each measure and its `_se`."""
        found = self.by_sentence
        layers, heads = next(iter(found.values())).shape[1:]
        columns = {
            "layer": np.repeat(np.arange(layers), heads),
            "head": np.tile(np.arange(heads), layers),
        }
        for name, values in found.items():
            values = values.reshape(len(values), -1)  # [S, N]
            count = (~np.isnan(values)).sum(0)
            columns[name] = np.nanmean(values, 0)
            spread = np.nanstd(values, 0, ddof=1) if len(values) > 1 else np.nan
            columns[f"{name}_se"] = spread / np.sqrt(count)
        return pd.DataFrame(columns)

    def chance(self) -> pd.Series:
        """What a head would have that attends to all the tokens alike, by measure.

        The two `top_` are left out: no key of such a head is the most attended.
        """
        if not self._chance:
            raise HeadError("no batch was counted: call update(...) first")
        return pd.Series({
            name: float(torch.cat(parts).nanmean()) for name, parts in self._chance.items()
            if not name.startswith("top_")
        })  # fmt: skip


def head_statistics(model, tokenizer, texts, batch_size=32, max_length=128):
    """Read texts with a model and return their HeadStatistics.

    Texts of like length share a batch; one of more than `max_length` tokens is cut, or of
    more than the model has positions.
    Raises HeadError for one string instead of a list of texts, an empty list, or a model
    whose heads are not known.
    Taught in: chapter 5, section "What the heads look at".
    """
    statistics = HeadStatistics(tokenizer)
    for inputs in _batches(model, tokenizer, texts, batch_size, max_length):
        inside = capture(model, inputs, hidden_states=False, head_outputs=False)
        mask = inputs["attention_mask"]
        statistics.update(inside.attentions, inputs["input_ids"], mask)
    return statistics


def _batches(model, tokenizer, texts, batch_size, max_length):
    try:
        texts = require_texts(texts)
    except (TypeError, ValueError) as error:
        raise HeadError(str(error)) from None
    max_length = min(max_length, longest_input(model))
    tokens = tokenizer(texts, truncation=True, max_length=max_length)
    order = np.argsort([len(ids) for ids in tokens["input_ids"]], kind="stable")
    device = next(model.parameters()).device
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        rows = {"input_ids": [tokens["input_ids"][i] for i in chosen]}
        yield tokenizer.pad(rows, return_tensors="pt").to(device)


def _gather(found, layers, mask, places):
    """Append [B, L, H] of each measure of a batch."""
    by_layer = [_measures(_real(weights, mask), mask, places) for weights in layers]
    for name in by_layer[0]:
        together = torch.stack([measures[name] for measures in by_layer], 1)
        found.setdefault(name, []).append(together.double().cpu())


def _measures(weights, mask, places):
    """Each measure of one layer by its name, [B, H]."""
    entropy = _entropy(weights)
    found = {"entropy": _mean(entropy, mask)}
    if "cls" in places:
        found["entropy_from_cls"] = _mean(entropy, mask & places["cls"].to(mask.device))
    for kind, keys in places.items():
        found[f"to_{kind}"] = _mean(_to_places(weights, keys.to(mask.device)), mask)
    top = weights.argmax(-1)  # [B, H, T]
    query = torch.arange(mask.size(1), device=mask.device)
    for kind, offset in OFFSETS.items():
        has = _has_key(mask, offset)
        found[f"to_{kind}"] = _mean(_at_offset(weights, offset), has)
        if offset:
            found[f"top_{kind}"] = _mean((top == query + offset).to(weights), has)
    return found


# --------------------------------------------------------------------------- rollout
def attention_rollout(attentions, residual=0.5, attention_mask=None):
    """How much of each input token is in each token of each layer: [L, B, T, T].

    A layer hands on `residual` of a token's own vector, and the rest by the mean of its
    heads: A_l = (1 - residual) mean_h W_l + residual I. The rollout of layer l is A_l
    A_(l-1) ... A_0; its rows sum to 1, because those of each A do. It takes the values
    of all tokens for alike, and the feed-forward layers for nothing. Rows and columns of
    padding are 0. Layers may have different numbers of heads.

    Raises HeadError for a residual outside 0 to 1, and as `head_entropy`.
    Source: Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers",
    section 3 (attention rollout); residual = 0.5.
    Taught in: chapter 5, section "Why the model said so".
    """
    if not 0 <= residual <= 1:
        raise HeadError(f"residual is a share from 0 to 1, not {residual}")
    layers, mask = check_attentions(attentions, attention_mask, same_heads=False)
    own = torch.diag_embed(mask.to(layers[0]))  # [B, T, T], the identity of the tokens
    rolled, found = own, []
    for weights in layers:
        mixed = (1 - residual) * _real(weights, mask).mean(1) + residual * own
        rolled = mixed @ rolled
        found.append(rolled)
    return torch.stack(found)


# ------------------------------------------------------------------------- distances
class HeadDistances:
    """The Jensen-Shannon distance between any two heads, batch by batch.

    distances = HeadDistances()
    for each batch: distances.update(attentions, attention_mask)
    distances.matrix()  # [N, N], the heads of layer 0 first

    JS(p, q) = H((p + q) / 2) - (H(p) + H(q)) / 2 of the two heads' attention from the
    same token, from 0 (equal) to log 2 nats (nothing shared); the mean over all tokens.

    Source: Clark et al. 2019, section 6 (there the sum over the tokens).
    Taught in: chapter 5, section "Heads that are alike".
    """

    def __init__(self):
        self.tokens, self._sum = 0, None

    def update(self, attentions, attention_mask=None):
        """Count a batch; layers may have different numbers of heads.

        Raises HeadError as `head_entropy` does, and for another number of heads.
        """
        layers, mask = check_attentions(attentions, attention_mask, same_heads=False)
        heads = torch.cat([_real(weights, mask) for weights in layers], 1)  # [B, N, T, T]
        rows = heads.transpose(0, 1)[:, mask]  # [N, tokens of the batch, T]
        found = _jensen_shannon_sums(rows)
        if self._sum is not None and self._sum.shape != found.shape:
            raise HeadError(
                f"this batch is of {len(found)} heads, and those before of "
                f"{len(self._sum)}"
            )
        self._sum = found if self._sum is None else self._sum + found
        self.tokens += rows.size(1)

    def matrix(self) -> np.ndarray:
        """[N, N] in nats, symmetric, with zeros on its diagonal."""
        if self._sum is None:
            raise HeadError("no batch was counted: call update(...) first")
        return (self._sum / self.tokens).cpu().numpy()


def head_distances(attentions, attention_mask=None) -> np.ndarray:
    """The `HeadDistances` of a single batch: [N, N] in nats.

    Raises HeadError as `head_entropy` does.
    Source: Clark et al. 2019, section 6.
    Taught in: chapter 5, section "Heads that are alike".
    """
    distances = HeadDistances()
    distances.update(attentions, attention_mask)
    return distances.matrix()


def _jensen_shannon_sums(rows):
    """rows [N, R, T], distributions over T -> the sums over the R rows, [N, N]."""
    own = _entropy(rows)  # [N, R]
    sums = rows.new_zeros(len(rows), len(rows), dtype=torch.float64)
    for i in range(len(rows) - 1):  # a head with all after it: memory of N, not N²
        mixed = _entropy((rows[i] + rows[i + 1 :]) / 2)
        apart = mixed - (own[i] + own[i + 1 :]) / 2  # [N - i - 1, R]
        sums[i, i + 1 :] = apart.clamp(min=0).double().sum(-1)  # rounding below 0
    return sums + sums.T


class HeadMap(NamedTuple):
    """A map of heads: positions [N, 2]; stress, 0 where it shows every distance right.

    The stress is Kruskal's stress-1; a map above 0.2 is a poor picture of the distances.
    """

    positions: np.ndarray
    stress: float


def head_map(distances, seed=0) -> HeadMap:
    """Heads as points whose distances come as near as they can to `distances` [N, N].

    Metric multidimensional scaling, the best of four starts drawn from `seed`.

    Raises HeadError unless `distances` is a symmetric matrix with a diagonal of zeros.
    Source: Clark et al. 2019, section 6 and figure 6.
    Taught in: chapter 5, section "Heads that are alike".
    """
    distances = _check_distances(distances)
    scaling = MDS(
        metric="precomputed", n_init=4, init="random", random_state=seed,
        normalized_stress=True,
    )  # fmt: skip
    positions = scaling.fit_transform(distances)
    return HeadMap(positions, float(scaling.stress_))


class LayerGap(NamedTuple):
    """Mean distance of heads of the same layer, of different layers, and a p-value."""

    within: float
    between: float
    p_value: float


def layer_gap(distances, num_heads, permutations=2000, seed=0) -> LayerGap:
    """Are heads of one layer nearer to each other than to the heads of other layers?

    distances [N, N]; num_heads: of each layer, one number, or a list with one for each
    layer. The p-value is the share of random divisions of the heads into such layers
    that have at least this gap; distances are not independent, whole heads are drawn.

    Raises HeadError for distances as `head_map`, and heads that do not add up to N.
    Source: Clark et al. 2019, section 6.
    Taught in: chapter 5, section "Heads that are alike".
    """
    distances = _check_distances(distances)
    count = len(distances)
    sizes = num_heads
    if np.ndim(num_heads) == 0:
        sizes = [num_heads] * (count // num_heads)
    layers = np.repeat(np.arange(len(sizes)), sizes)
    if len(layers) != count or len(sizes) < 2:
        raise HeadError(
            f"distances is of {count} heads, and num_heads={num_heads} makes no two or "
            f"more layers of them"
        )
    pairs = np.triu_indices(count, 1)

    def means(labels):
        same = labels[pairs[0]] == labels[pairs[1]]
        return distances[pairs][same].mean(), distances[pairs][~same].mean()

    within, between = means(layers)
    rng = np.random.default_rng(seed)
    chance = [np.subtract(*means(rng.permutation(layers))) for _ in range(permutations)]
    at_least = np.sum(np.array(chance) <= within - between + 1e-12)
    return LayerGap(
        float(within), float(between), float((1 + at_least) / (1 + permutations))
    )


def _check_distances(distances):
    distances = np.asarray(distances, dtype=float)
    square = distances.ndim == 2 and distances.shape[0] == distances.shape[1]
    if not square or not np.allclose(distances, distances.T) or distances.diagonal().any():
        raise HeadError(
            f"distances must be a symmetric matrix [N, N] with zeros on its diagonal; "
            f"this one is {list(distances.shape)}"
        )
    return distances


# ---------------------------------------------------------- parts of a sentence's mean
def _real(weights, mask):
    """weights [B, H, T, T] with zeros in the rows and columns of padding."""
    return weights * (mask[:, None, :, None] & mask[:, None, None, :])


def _entropy(weights):
    """-Σ a log a over the last dimension, 0 log 0 = 0: [..., T] -> [...]."""
    return torch.special.entr(weights).sum(-1)


def _to_places(weights, keys):
    """The attention of each query to the keys [B, T], together: [B, H, T]."""
    return (weights * keys[:, None, None, :]).sum(-1)


def _at_offset(weights, offset):
    """The attention of each query i to key i + offset, 0 for none: [B, H, T]."""
    line = weights.diagonal(offset, -2, -1)  # [B, H, T - |offset|]
    return torch.nn.functional.pad(line, (max(-offset, 0), max(offset, 0)))


def _has_key(mask, offset):
    """Which query tokens i have a token at i + offset: [B, T]."""
    key = torch.zeros_like(mask)
    count = mask.size(1)
    for_query = slice(max(-offset, 0), count - max(offset, 0))
    key[:, for_query] = mask[:, max(offset, 0) : count - max(-offset, 0)]
    return mask & key


def _mean(values, queries):
    """The mean of values [B, H, T] over the queries [B, T]: [B, H], NaN for none."""
    return (values * queries[:, None]).sum(-1) / queries.sum(-1)[:, None]


def _table(by_layer):
    """L times [B, H] -> the mean over the sentences, [L, H]."""
    return torch.stack(by_layer).nanmean(1)


# ------------------------------------------------------------------------- misuse
EMPTY = (
    "attentions are empty: the model ran on a fused kernel, which has no weights to "
    'show. Call model.set_attn_implementation("eager") and ask for '
    "output_attentions=True, or use capture(model, inputs).attentions"
)


def check_attentions(attentions, attention_mask=None, same_heads=True):
    """The layers as a list of [B, H, T, T], and the mask as booleans [B, T].

    Raises HeadError for what is none or does not fit, and for rows that do not sum to 1
    over the tokens.
    """
    if attentions is None or not hasattr(attentions, "__len__"):
        raise HeadError(EMPTY)
    layers = list(attentions)
    if not layers or any(weights is None for weights in layers):
        raise HeadError(EMPTY)
    if strange := [weights for weights in layers if not isinstance(weights, torch.Tensor)]:
        raise HeadError(
            f"attentions are tensors, one for each layer, not {reprlib.repr(strange[0])}"
        )
    shapes = [list(weights.shape) for weights in layers]
    for i, shape in enumerate(shapes):
        if len(shape) != 4 or shape[2] != shape[3] or shape[::2] != shapes[0][::2]:
            raise HeadError(
                f"attentions of layer {i} are {shape}; a tensor [B, H, T, T] is needed "
                f"for each layer, of the same sentences (layer 0: {shapes[0]})"
            )
    heads = [shape[1] for shape in shapes]
    if same_heads and len(set(heads)) > 1:
        raise HeadError(
            f"the layers have {', '.join(map(str, heads))} heads, as those of a pruned "
            f"model: a table [L, H] needs the same number in every layer. Read each "
            f"layer alone, attentions[l:l+1]"
        )
    mask = _check_mask(attention_mask, layers[0])
    for i, weights in enumerate(layers):
        _check_rows(weights, mask, i)
    return layers, mask


def _check_mask(attention_mask, weights):
    batch, tokens = weights.size(0), weights.size(-1)
    if attention_mask is None:
        return torch.ones(batch, tokens, dtype=torch.bool, device=weights.device)
    mask = as_tensor(attention_mask, "attention_mask", weights.device)
    if list(mask.shape) != [batch, tokens]:
        raise HeadError(
            f"attention_mask is {list(mask.shape)}, and the attentions are of "
            f"{batch} sentences of {tokens} tokens: [{batch}, {tokens}] is needed"
        )
    if not ((mask == 0) | (mask == 1)).all():
        raise HeadError("attention_mask holds 1 for a token and 0 for padding, no other")
    if not (mask == 1).any(-1).all():
        raise HeadError("attention_mask hides a whole sentence")
    return mask == 1


def _check_rows(weights, mask, layer):
    off = ((weights * mask[:, None, None, :]).sum(-1) - 1).abs()
    off = off.masked_fill(~mask[:, None, :], 0).nan_to_num(nan=torch.inf)
    if off.max() > TOLERANCE:
        b, h, t = np.unravel_index(off.argmax().item(), off.shape)
        raise HeadError(
            f"attentions of layer {layer}, head {h}: the row of token {t} of sentence "
            f"{b} does not sum to 1 over the tokens, it is off by {off.max():.2g}. "
            f"Dropout must be off (model.eval()), and attention_mask that of the model"
        )


def _asked(mask, queries):
    if queries is None:
        return mask
    return mask & _fitting(queries, "queries", mask)


def _check_places(places, kind, mask):
    known = places if isinstance(places, Mapping) else {}
    if kind not in known:
        has = ", ".join(map(str, known)) or "none"
        raise HeadError(
            f"attention to {kind!r} needs to know where that is: "
            f"places=token_places(tokenizer, input_ids); given: {has}"
        )
    return _fitting(places[kind], kind, mask)


def _fitting(places, name, mask):
    places = as_tensor(places, name, mask.device).bool()
    if places.shape != mask.shape:
        raise HeadError(
            f"{name} is {list(places.shape)}, and the attentions are of "
            f"{list(mask.shape)} tokens [B, T]"
        )
    return places
