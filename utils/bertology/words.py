"""From pieces to words: a treebank's sentences, read by a model.

A treebank has one head and one relation a word, and a model one attention a piece; here
the two meet. Letters of the shapes: L layers, H heads, T tokens (pieces and special
tokens), W words of a sentence, d = hidden_size.

Source: Clark et al. 2019, "What Does BERT Look At?", section 4.1.
Taught in: chapter 5, section "Heads and dependency relations".
"""

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from utils.bertology.capturing import capture
from utils.bertology.heads import HeadAdapter
from utils.inputs import check_sentences
from utils.masked_lm import longest_input
from utils.transformer import LayerNorm


# ----------------------------------------------------------------------- sentences
class Tree(NamedTuple):
    """A sentence of a treebank; place i of each tuple is about word i.

    heads: the word that each depends on, counted from 1; 0 is the root's; deprels: the
    relation to that head, subtypes such as `nsubj:pass` merged into theirs, `nsubj`.
    """

    tokens: tuple[str, ...]
    upos: tuple[str, ...]
    heads: tuple[int, ...]
    deprels: tuple[str, ...]


def read_trees(rows, shortest=3, longest=60, limit=None):
    """The sentences of a split of `load_dataset("ud_english_ewt")` as a list of `Tree`s.

    shortest, longest: how many words a sentence has, marks counted; limit: stop after so
    many sentences.
    Raises ValueError where no sentence is of such a length, TypeError or LookupError for
    what are no rows of a treebank.
    Taught in: chapter 5, section "Heads and dependency relations".
    """
    found = []
    for row in rows:
        if limit is not None and len(found) == limit:
            break
        if shortest <= len(row["tokens"]) <= longest:
            merged = tuple(deprel.partition(":")[0] for deprel in row["deprel"])
            columns = (tuple(row[name]) for name in ("tokens", "upos", "head"))
            found.append(Tree(*columns, merged))
    if not found:
        raise ValueError(f"no sentence has {shortest} to {longest} words")
    return found


def check_apart(train, test):
    """Raise ValueError where a sentence that is scored was used to choose or to train.

    train, test: lists of `Tree`s. Two sentences of a treebank may happen to read the
    same; one and the same object, or two equal lists, are the mistake.
    """
    shared = len({id(tree) for tree in train} & {id(tree) for tree in test})
    if shared or (len(train) > 0 and list(train) == list(test)):
        raise ValueError(
            f"{shared or len(test)} of the {len(test)} sentences that are scored were "
            f"also chosen or trained on: score on another split"
        )


# ----------------------------------------------------------------- pieces and words
def word_units(word_ids):
    """The rows of a word-level matrix: the word of each, None for a special token.

    word_ids: the word that each token is a piece of, None for a special token, as
    `tokenizer(...).word_ids()` gives them, [T]. Pieces side by side of one word are one
    unit, each special token is a unit of its own; the order is that of the tokens.
    Raises TypeError for what is no list.
    Taught in: chapter 5, section "Heads and dependency relations".
    """
    word_ids = list(word_ids)
    return [word_ids[start] for start in _starts(word_ids)]


def _starts(word_ids):
    """The places where a unit begins."""
    return [
        i for i, word in enumerate(word_ids)
        if i == 0 or word is None or word != word_ids[i - 1]
    ]  # fmt: skip


def to_words(attention, word_ids):
    """The attention between words: the sum to the pieces, the mean from the pieces.

    attention: [..., T, T], query by key; word_ids: [T], as for `word_units`. What a token
    gives to a word is the sum of what it gives to the word's pieces; what a word gives is
    the mean of what its pieces give. So a row still sums to 1.

    Returns [..., U, U], the units of `word_units`: words, and special tokens as rows and
    columns of their own. Without them the rows would lack what [CLS] and [SEP] get; keep
    the words alone by indexing with the places where `word_units` is not None.
    Raises ValueError for an attention that is not square or has another T, TypeError for
    word_ids that are no list.
    Source: Clark et al. 2019, section 4.1.
    Taught in: chapter 5, section "Heads and dependency relations".
    """
    attention = torch.as_tensor(attention)
    word_ids = list(word_ids)
    tokens = len(word_ids)
    if attention.dim() < 2 or tuple(attention.shape[-2:]) != (tokens, tokens):
        raise ValueError(
            f"the attention is {list(attention.shape)} and there are {tokens} word_ids: "
            f"[..., {tokens}, {tokens}] is needed, one sentence at a time"
        )
    starts = _starts(word_ids)
    sizes = torch.tensor(np.diff([*starts, tokens]))
    unit = torch.repeat_interleave(torch.arange(len(starts)), sizes)  # [T]
    pieces = nn.functional.one_hot(unit).to(attention)  # [T, U]
    to_each = attention @ pieces  # [..., T, U], the sum to
    return (pieces / sizes.to(attention)).T @ to_each  # [..., U, U], the mean from


# ---------------------------------------------------------------- reading a treebank
class Words(NamedTuple):
    """What a model makes of sentences, a tensor for each; None where it was not asked for.

    attentions: of each sentence [L, H, W, W], between its words; hidden_states: of each
    sentence [L + 1, W, d], the embeddings first.
    """

    attentions: list[torch.Tensor] | None
    hidden_states: list[torch.Tensor] | None


def read_words(
    model, tokenizer, sentences, *, attentions=True, hidden_states=False,
    pieces="mean", renormalise=False, batch_size=32,
):  # fmt: skip
    """Read sentences, lists of words, and keep what the model makes of their words.

    sentences: lists of words, or `Tree`s; attentions, hidden_states: what to keep. Each
    takes memory, for 2,000 sentences of EWT and MiniLM 0.15 and 0.3 GB: ask for what is
    needed.
    The attention is that of `to_words`, words alone: what special tokens get is left
    out, so that a row sums to less than 1, unless it is renormalised.
    pieces: a word's vector is the "mean" of its pieces', which leaves nothing out and is
    what Hewitt and Manning take, or that of the "first".

    Sentences of like length share a batch; padding is never counted, and the results are
    in the order of the sentences, whatever the batch_size.
    Returns `Words`. Raises ValueError for a tokenizer that is not fast, a word without a
    piece, a sentence that is empty or too long for the model; HeadError for the
    attentions of a model with pruned heads, or of no known family; TypeError for words
    that are no texts.
    Source: Clark et al. 2019, section 4.1; Hewitt and Manning 2019, section 3.
    Taught in: chapter 5, section "Heads and dependency relations".
    """
    if pieces not in ("mean", "first"):
        raise ValueError(f"pieces is 'mean' or 'first', not {pieces!r}")
    if not (attentions or hidden_states):
        raise ValueError("nothing is to be kept: ask for attentions or hidden_states")
    if attentions:
        HeadAdapter.for_model(model).check_whole("the attention between words")
    encoded = encode_words(tokenizer, sentences, longest_input(model))
    device = next(model.parameters()).device
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i].ids))
    found = Words(
        [None] * len(order) if attentions else None,
        [None] * len(order) if hidden_states else None,
    )
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        rows = [encoded[place] for place in places]
        inputs = _padded(rows, tokenizer.pad_token_id or 0, device)
        seen = capture(
            model, inputs, hidden_states=hidden_states, attentions=attentions,
            head_outputs=False,
        )  # fmt: skip
        sums, means, firsts = (m.to(device) for m in _word_matrices(rows))
        counts = [1 + max(w for w in row.word_ids if w is not None) for row in rows]
        if attentions:
            layers = [means.mT[:, None] @ (a.float() @ sums[:, None]) for a in seen.attentions]
            stacked = torch.stack(layers, 1).cpu()  # [B, L, H, W, W]
            if renormalise:
                stacked /= stacked.sum(-1, keepdim=True).clamp_min(1e-12)
            for place, count, words in zip(places, counts, stacked):
                found.attentions[place] = words[..., :count, :count].clone()
        if hidden_states:
            chosen = means if pieces == "mean" else firsts
            layers = [chosen.mT @ states.float() for states in seen.hidden_states]
            stacked = torch.stack(layers, 1).cpu()  # [B, L + 1, W, d]
            for place, count, words in zip(places, counts, stacked):
                found.hidden_states[place] = words[:, :count].clone()
    return found


def encode_words(tokenizer, sentences, limit=None):
    """The encodings of lists of words by a fast tokenizer: a list.

    Raises ValueError for a tokenizer that is not fast, for strings instead of lists, a
    word without a piece, a sentence that is empty or has more than `limit` tokens;
    TypeError for words that are no texts.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError("a fast tokenizer is needed: another one has no word_ids")
    sentences = [getattr(sentence, "tokens", sentence) for sentence in sentences]
    for place, words in enumerate(sentences):
        if isinstance(words, str) or not hasattr(words, "__len__") or not len(words):
            raise ValueError(f"sentence {place} must be a list of words, not {words!r}")
        check_sentences(words, f"sentence {place}: word")
    if not sentences:
        raise ValueError("there is no sentence to read")
    try:
        encoded = tokenizer(
            [list(words) for words in sentences], is_split_into_words=True, verbose=False
        ).encodings
    except AssertionError as error:  # byte-level BPE asks for add_prefix_space=True
        raise ValueError(f"the tokenizer takes no lists of words: {error}") from error
    for place, (encoding, words) in enumerate(zip(encoded, sentences)):
        if lacking := set(range(len(words))) - set(encoding.word_ids):
            raise ValueError(
                f"sentence {place}: the tokenizer makes no piece of the word "
                f"{words[min(lacking)]!r}: leave it out of the sentence"
            )
        if limit is not None and len(encoding.ids) > limit:
            raise ValueError(
                f"sentence {place} has {len(encoding.ids)} tokens, and the model {limit} "
                f"positions: take a shorter one"
            )
    return encoded


def _padded(rows, pad_id, device):
    """The model's inputs, input_ids and attention_mask [B, T]."""
    longest = max(len(row.ids) for row in rows)
    input_ids = torch.full((len(rows), longest), pad_id)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, row in enumerate(rows):
        input_ids[i, : len(row.ids)] = torch.tensor(row.ids)
        mask[i, : len(row.ids)] = 1
    return {"input_ids": input_ids.to(device), "attention_mask": mask.to(device)}


def _word_matrices(rows):
    """Which token is a piece of which word, three times [B, T, W]: 1, 1 / pieces, first.

    The rows of special tokens and of padding are zero.
    """
    tokens = max(len(row.ids) for row in rows)
    words = max(w for row in rows for w in row.word_ids if w is not None) + 1
    sums = torch.zeros(len(rows), tokens, words)
    firsts = torch.zeros_like(sums)
    for i, row in enumerate(rows):
        of_words = [(t, w) for t, w in enumerate(row.word_ids) if w is not None]
        first = {w: t for t, w in reversed(of_words)}
        sums[i][tuple(zip(*of_words))] = 1
        firsts[i][list(first.values()), list(first)] = 1
    return sums, sums / sums.sum(1, keepdim=True).clamp_min(1), firsts


# ------------------------------------------------------------------------ the control
def random_weights(model, seed=0):
    """A copy of the model that has learned nothing: weights redrawn, token embeddings kept.

    What a probe or a head still finds here comes from the words and from the
    architecture, not from training. Matrices and positions are drawn as BERT draws them,
    normal with spread `initializer_range`; biases are 0, LayerNorm's weights 1.
    The copy has no `provenance`, since it is not what was loaded.
    Raises ValueError for a model without a table of token embeddings.
    Source: Clark et al. 2019, section 5 and table 3, "Random Init".
    Taught in: chapter 5, section "Heads and dependency relations".
    """
    control = copy.deepcopy(model)
    control.__dict__.pop("provenance", None)
    kept = _token_embeddings(control)
    spread = getattr(control.config, "initializer_range", None) or 0.02
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in control.modules():
            norm = isinstance(module, (nn.LayerNorm, LayerNorm))  # the course has its own
            for name, parameter in module.named_parameters(recurse=False):
                if parameter is kept:
                    continue
                if norm and name == "weight":
                    parameter.fill_(1)
                elif parameter.dim() < 2:
                    parameter.zero_()
                else:
                    drawn = torch.randn(parameter.shape, generator=generator)
                    parameter.copy_(drawn * spread)
    return control.eval()


def _token_embeddings(model):
    """The table of input embeddings [V, d], a parameter of the model."""
    if hasattr(model, "get_input_embeddings"):
        return model.get_input_embeddings().weight
    body = getattr(model, "bert", model)  # the course's own BERT
    table = getattr(getattr(body, "embeddings", None), "word", None)
    if table is None:
        raise ValueError(
            f"{type(model).__name__} has no table of token embeddings to keep"
        )
    return table.weight
