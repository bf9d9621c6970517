"""What a masked language model has learned: ask it to fill in, to judge, to compare.

The questions go to any model of `transformers` with a masked-LM head and to the
course's own `utils.bert.BertForMaskedLM`, each with its fast tokenizer. A model in
training is asked as it will be used, without dropout, and left in training.

Letters of the shapes: B rows of a batch, L tokens, V pieces in the vocabulary,
d = hidden_size, N sentences or pairs, M masked places.

Source: Salazar et al. 2020, "Masked Language Model Scoring"; Warstadt et al. 2020,
"BLiMP: The Benchmark of Linguistic Minimal Pairs for English".
Taught in: chapter 4, section "What the model learned".
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from utils.bert import BertForMaskedLM
from utils.english import PHENOMENA
from utils.inputs import (
    check_sentences,
    require_ids,
    require_integers,
    require_tensor,
    require_texts,
)
from utils.skipgram import centred
from utils.transformer import inference

Z = NormalDist().inv_cdf(0.975)  # 95 % lies within so many standard deviations
WORD_MARKS = ("Ġ", "▁")  # the space before a word, in byte-level BPE and SentencePiece


# ------------------------------------------------------------------ fill in the mask
class Filling(NamedTuple):
    """A piece for a mask: as in the vocabulary, its probability, and the text with it."""

    piece: str
    probability: float
    text: str


def fill_mask(model, tokenizer, text, top=5):
    """The `top` most likely pieces for the mask in a text: Fillings, best first.

    text: holds `tokenizer.mask_token` once, or several times. Several masks get a list
    each; all are hidden from all, and `text` of a Filling fills its own alone.
    The text is put together from its pieces again: what the tokenizer drops, such as
    capitals, is gone.

    Raises ValueError for a text without mask, or with more tokens than the model has
    positions; for a `top` that is no number from 1 to V; and for a model whose answer
    is NaN. TypeError for what is no text.
    Taught in: chapter 4, section "What the model learned".
    """
    encoded = encode(model, tokenizer, [text])[0]
    ids, added = np.array(encoded.ids), np.array(encoded.special_tokens_mask, bool)
    places = np.flatnonzero(ids == tokenizer.mask_token_id)
    if not len(places):
        raise ValueError(
            f"{text!r} has no mask to fill: put {tokenizer.mask_token!r} where a piece "
            f"is wanted"
        )
    with inference(model):
        row = torch.tensor(ids)[None]  # [1, L]
        at = torch.tensor(places)
        logits = logits_at(model, row, torch.ones_like(row), torch.zeros_like(at), at)
    if not 1 <= top <= logits.size(-1):
        raise ValueError(f"top must be from 1 to {logits.size(-1)}, not {top}")
    best = logits.softmax(-1).topk(top)  # [M, top]

    def filling(place, probability, piece_id):
        filled = ids.copy()
        filled[place] = piece_id
        piece = tokenizer.convert_ids_to_tokens(piece_id)
        return Filling(piece, probability, tokenizer.decode(filled[~added]).strip())

    fillings = [
        [filling(place, p, i) for p, i in zip(values.tolist(), pieces.tolist())]
        for place, values, pieces in zip(places, best.values, best.indices)
    ]
    return fillings if len(places) > 1 else fillings[0]


# -------------------------------------------------------------- score a sentence
def pseudo_log_likelihood(model, tokenizer, sentences, batch_size=64) -> np.ndarray:
    """How well a model knows each sentence: the pseudo-log-likelihood in nats, [N].

    PLL(W) = Σ_t log P(w_t | W without w_t): each piece is hidden in turn and guessed
    from all the others, so a sentence of L pieces is read L times. The tokens that the
    tokenizer adds are neither hidden nor counted. It is a sum: a longer sentence has a
    lower one.
    What this is not: the log-probability of the sentence. A rare word of two pieces
    gives each of them away, and scores too well (Kauf and Ivanova 2023).

    Rows of like length share a batch of `batch_size`, and the head computes the logits
    of the hidden places alone.

    Raises ValueError for one string instead of a list, a sentence without a piece, with
    a mask, or with more tokens than the model has positions; for a tokenizer without
    padding or mask; and for a model whose answer is NaN. TypeError for what is no list of
    texts.
    Source: Salazar et al. 2020, equation 1.
    Taught in: chapter 4, section "What the model learned".
    """
    encoded = encode(model, tokenizer, sentences)
    hidden = [scored_places(e, tokenizer, text) for e, text in zip(encoded, sentences)]
    by_length = sorted(range(len(encoded)), key=lambda i: len(encoded[i].ids))
    tasks = [(i, place) for i in by_length for place in hidden[i]]
    totals = np.zeros(len(encoded))
    with inference(model):
        for start in range(0, len(tasks), batch_size):
            numbers, places = zip(*tasks[start : start + batch_size])
            rows = [torch.tensor(encoded[i].ids) for i in numbers]
            mask = [torch.ones_like(row) for row in rows]
            pad = torch.nn.utils.rnn.pad_sequence
            input_ids = pad(rows, True, tokenizer.pad_token_id)  # [B, L]
            at = torch.arange(len(rows)), torch.tensor(places)
            pieces = input_ids[at]  # [B]
            input_ids[at] = tokenizer.mask_token_id
            logits = logits_at(model, input_ids, pad(mask, True, 0), *at)
            scores = logits.log_softmax(-1).gather(1, pieces[:, None])  # [B, 1]
            np.add.at(totals, list(numbers), scores[:, 0].double().numpy())
    return totals


def scored_places(encoding, tokenizer, sentence):
    """The places of a sentence's own pieces, unknown ones among them: a list."""
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    if tokenizer.mask_token_id in encoding.ids:
        raise ValueError(f"{sentence!r} has a mask: a sentence to score is whole")
    places = [i for i, piece in enumerate(encoding.ids) if piece not in special]
    if not places:
        raise ValueError(f"{sentence!r} has no piece to score")
    return places


# ----------------------------------------------------------------- minimal pairs
def prefer_good(scores_good, scores_bad) -> np.ndarray:
    """1.0 for each pair whose good sentence scores higher, 0.5 for a tie, else 0.0: [N].

    Raises ValueError for lengths that differ, or a score that is NaN.
    Source: Warstadt et al. 2020, section 4; that a tie is half right is the course's.
    Taught in: chapter 4, section "What the model learned".
    """
    good, bad = np.asarray(scores_good, float), np.asarray(scores_bad, float)
    if good.shape != bad.shape or good.ndim != 1:
        raise ValueError(
            f"a score for each sentence of each pair is needed, two times [N]; they "
            f"are {list(good.shape)} and {list(bad.shape)}"
        )
    if np.isnan(good).any() or np.isnan(bad).any():
        pair = int(np.flatnonzero(np.isnan(good) | np.isnan(bad))[0])
        raise ValueError(f"a score of pair {pair} is NaN")
    return (good > bad) + 0.5 * (good == bad)


def minimal_pair_accuracy(score, pairs) -> pd.DataFrame:
    """In how many pairs the good sentence has the higher score, by phenomenon.

    score: any function from a list of texts to an array of as many numbers, such as
    `lambda texts: pseudo_log_likelihood(model, tokenizer, texts)`; the sum over the
    sentence, not its mean, is BLiMP's convention; it is called once. pairs: of
    `utils.english.minimal_pairs`.

    Returns a DataFrame, a row for each phenomenon in the order of PHENOMENA: its
    `field`, `n` pairs, `accuracy` (chance is 0.5), and its 95 % interval from `low` to
    `high`. The last row, "all", is over all the pairs.
    Raises ValueError for no pairs, TypeError for what are none, and what `prefer_good`
    raises.
    Source: Warstadt et al. 2020, section 4.
    Taught in: chapter 4, section "What the model learned".
    """
    pairs = list(pairs)
    if not pairs:
        raise ValueError("there are no pairs to score")
    if strange := [p for p in pairs if not (hasattr(p, "good") and hasattr(p, "bad"))]:
        raise TypeError(f"pairs have a good and a bad sentence, and {strange[0]!r} has not")
    texts = [s.text for s in (*(p.good for p in pairs), *(p.bad for p in pairs))]
    scores = np.asarray(score(texts))
    if scores.shape != (len(texts),):
        raise ValueError(
            f"score gave {list(scores.shape)} numbers for {len(texts)} sentences"
        )
    frame = pd.DataFrame({
        "phenomenon": [pair.phenomenon for pair in pairs],
        "right": prefer_good(scores[: len(pairs)], scores[len(pairs) :]),
    })  # fmt: skip
    order = [name for name in PHENOMENA if (frame["phenomenon"] == name).any()]
    sums = frame.groupby("phenomenon")["right"].agg(["sum", "size"]).loc[order]
    fields = [PHENOMENA[name].field for name in order]
    return accuracy_table(sums["sum"], sums["size"], field=fields)


def accuracy_by_field(table) -> pd.DataFrame:
    """A table of `minimal_pair_accuracy` summed up by BLiMP's twelve fields, best first.

    The same columns without `field`; each pair counts once, and "all" is the last row.
    Source: Warstadt et al. 2020, table 1 for the fields.
    Taught in: chapter 4, section "What the model learned".
    """
    rows = table.drop(index="all")
    right = (rows["accuracy"] * rows["n"]).groupby(rows["field"]).sum()
    number = rows["n"].groupby(rows["field"]).sum()
    order = (right / number).sort_values(ascending=False, kind="stable").index
    return accuracy_table(right[order], number[order])


def accuracy_table(right, number, **columns):
    """Right answers, and of how many, by name, as shares with their intervals."""
    table = pd.DataFrame(columns, index=right.index)
    table.loc["all"] = ""  # of all together there are only the numbers
    right, number = [*right, right.sum()], [*number, number.sum()]
    table["n"] = np.array(number, dtype=int)
    table["accuracy"] = np.array(right) / table["n"]
    intervals = [wilson_interval(r, n) for r, n in zip(right, number)]
    table["low"], table["high"] = zip(*intervals)
    return table


def wilson_interval(right, number):
    """The 95 % interval of a share, right / number: (low, high).

    It stays inside 0 and 1, and a share of 1 of 10 has a width; p ± 1.96 s does not.
    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical
    Inference".
    Taught in: chapter 4, section "What the model learned".
    """
    share, shrink = right / number, 1 + Z**2 / number
    middle = (share + Z**2 / (2 * number)) / shrink
    half = Z * math.sqrt(share * (1 - share) / number + (Z / (2 * number)) ** 2)
    return max(middle - half / shrink, 0.0), min(middle + half / shrink, 1.0)


# ------------------------------------------------------------------ nearest words
class Neighbour(NamedTuple):
    """A word and its cosine with the word that was asked for."""

    word: str
    cosine: float


def nearest_words(model, tokenizer, word, words=None, top=5) -> list[Neighbour]:
    """The words whose vectors point most nearly where `word`'s does, nearest first.

    The vectors are the rows of the table of input embeddings. It is the one place where
    a word has one vector: further up it has one for each sentence. The model predicts
    by the same table (its output matrix is tied to it), so two words that fit the same
    gaps are drawn together by training. Rare pieces have hardly moved from where they
    began, at random, and have no neighbours worth reading.
    The mean of the table is taken off first: all rows share it, and it would make every
    cosine high (chapter 2, section "Word vectors").

    words: the candidates; unless told, `whole_words(tokenizer)`. A word of several
    pieces has the mean of their vectors.
    Raises ValueError for a word that the tokenizer does not know, fewer than one
    candidate, or a `top` below 1; TypeError for words that are no strings.
    Source: Mu, Bhat and Viswanath 2017, section 2, for the mean.
    Taught in: chapter 4, section "What the model learned".
    """
    if isinstance(words, str):
        raise TypeError(f"words is one string; give a list of words, such as [{words!r}]")
    words = whole_words(tokenizer) if words is None else words
    word, *words = check_sentences([word, *words], "Word")
    words = [other for other in dict.fromkeys(words) if other != word]
    if not words or top < 1:
        raise ValueError(
            f"{len(words)} words to compare {word!r} with, and the {top} nearest of "
            f"them: both must be 1 or more"
        )
    table = centred(input_embeddings(model).detach().float().cpu())  # [V, d]
    vectors = torch.stack(
        [table[word_ids(tokenizer, one)].mean(0) for one in (word, *words)]
    )  # [N, d]
    cosines = F.cosine_similarity(vectors[:1], vectors[1:])
    best = cosines.topk(min(top, len(words)))
    return [
        Neighbour(words[i], value)
        for value, i in zip(best.values.tolist(), best.indices.tolist())
    ]


def whole_words(tokenizer) -> list[str]:
    """The words of letters that are one piece, in the order of their ids.

    Pieces that begin with the mark of a space, or where there are no such marks
    (WordPiece), those that do not continue a word. The beginning of longer words, such
    as "philos", looks the same.
    Taught in: chapter 4, section "What the model learned".
    """
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    begin = [item for item in by_id if item[0].startswith(WORD_MARKS)] or by_id
    words = (tokenizer.decode([i]).strip() for _, i in begin)
    return [word for word in dict.fromkeys(words) if word.isalpha()]  # no ##ing


def word_ids(tokenizer, word):
    """The ids of a word inside a text, after a space: a list."""
    ids = tokenizer(f" {word.strip()}", add_special_tokens=False)["input_ids"]
    if not ids or tokenizer.unk_token_id in ids:
        raise ValueError(f"the tokenizer has no pieces for the word {word!r}")
    return ids


# ------------------------------------------------------------------ inside the model
# Where these classes of transformers keep the head; others compute every logit.
HEADS = {"BertForMaskedLM": "cls", "RobertaForMaskedLM": "lm_head"}


def logits_at(model, input_ids, attention_mask, rows, places):
    """The logits of some tokens alone: the token places[m] of rows[m], [M, V], on CPU.

    input_ids, attention_mask: integers [B, L]. Nearly all the work of a small model is
    its output matrix, so the head is given the hidden states that are asked for.
    Raises ValueError if a logit is NaN or shapes differ, TypeError for what are no
    integers, IndexError for an id or a place that there is not.
    """
    require_ids(input_ids, "input_ids")
    require_tensor(attention_mask, "attention_mask", shape=input_ids.shape)
    require_tensor(require_integers(rows, "rows"), "rows", dimensions=1)
    require_tensor(require_integers(places, "places"), "places", shape=rows.shape)
    inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
    device = next(model.parameters()).device
    inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
    name = HEADS.get(type(model).__name__)
    if isinstance(model, BertForMaskedLM):
        states = model.bert(**inputs).last_hidden_state[rows, places]  # [M, d]
        logits = model.mlm_head(states, input_embeddings(model)).logits
    elif name and hasattr(model, name):
        states = model.base_model(**inputs).last_hidden_state[rows, places]
        logits = getattr(model, name)(states)
    else:
        logits = model(**inputs).logits[rows, places]
    logits = logits.float().cpu()  # [M, V]
    if logits.isnan().any():
        raise ValueError(
            "the model answers NaN: its training has diverged, or its weights are "
            "damaged"
        )
    return logits


def input_embeddings(model):
    """The table of input embeddings, a vector for each piece: [V, d]."""
    if isinstance(model, BertForMaskedLM):
        return model.bert.embeddings.word.weight
    return model.get_input_embeddings().weight


def longest_input(model) -> int:
    """How many tokens the model can read; RoBERTa does not use its first positions.

    Taught in: chapter 4, section "RoBERTa beside BERT".
    """
    embeddings = getattr(getattr(model, "base_model", None), "embeddings", None)
    table = getattr(embeddings, "position_embeddings", None)
    first = getattr(table, "padding_idx", None)  # RoBERTa counts from padding_idx + 1
    return model.config.max_position_embeddings - (0 if first is None else first + 1)


def encode(model, tokenizer, texts):
    """The encodings of texts by a fast tokenizer: a list; clear errors for misuse."""
    texts = require_texts(texts)
    for name in ("mask_token", "pad_token"):
        if getattr(tokenizer, name) is None:
            raise ValueError(f"the tokenizer has no {name}: a masked LM's has one")
    encoded = tokenizer(texts, verbose=False).encodings
    limit = longest_input(model)
    for text, encoding in zip(texts, encoded):
        if len(encoding.ids) > limit:
            raise ValueError(
                f"{text[:40]!r}... has {len(encoding.ids)} tokens, and the model "
                f"{limit} positions: take a shorter text"
            )
    return encoded
