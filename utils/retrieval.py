"""One encoder, several tasks: search, labels and duplicates from the cosine of vectors.

Beside each use stands the simple baseline, TF-IDF, and the measures that compare them
with their intervals.

Letters of the shapes: B texts of a batch, L tokens, Q queries, N documents,
hidden_size numbers a vector.
Taught in: chapter 1, section "One encoder, several tasks".
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from utils.inputs import check_sentences, require_tensor, require_texts
from utils.sources.formats import read_yaml

EVALUATION = Path(__file__).parents[1] / "chapters" / "evaluation.yml"


def load_evaluation(path=EVALUATION) -> dict:
    """The course's own evaluation lists: name of the task → its entries.

    Raises:
        ValueError: the file is no YAML or no list of tasks by name, or a task is empty.
        TypeError: what is no path.
    """
    tasks = read_yaml(path, ValueError)
    if not isinstance(tasks, dict) or not all(tasks.values()):
        raise ValueError(f"{path}: expected tasks by name, each with entries.")
    return tasks


# -------------------------------------------------------------------- vectors
def mean_pooling(hidden_states, attention_mask):
    """One vector for each text: the mean of its tokens' vectors, padding left out.

    Args:
        hidden_states: [B, L, hidden_size].
        attention_mask: [B, L]; 1 for a token, 0 for padding.
    Returns:
        [B, hidden_size].
    Raises:
        TypeError: a mask that is no tensor.
        ValueError: a mask of another shape.
    Source: Reimers and Gurevych 2019, section 3 (the MEAN strategy).
    Taught in: chapter 1, section "A text becomes a vector".
    """
    require_tensor(attention_mask, "attention_mask", shape=hidden_states.shape[:2])
    weight = attention_mask.unsqueeze(-1).to(hidden_states.dtype)  # [B, L, 1]
    return (hidden_states * weight).sum(1) / weight.sum(1).clamp(min=1)


@torch.no_grad()
def encode(encoder, tokenizer, texts, batch_size=32, max_length=128) -> np.ndarray:
    """A unit vector for each text: [N, hidden_size], in the order of the texts.

    Texts of similar length share a batch, so that little of it is padding; a text
    longer than `max_length` tokens is cut.

    Raises:
        ValueError: no texts, or one string instead of a list of them.
        TypeError: what is no text.
        RuntimeError: a longer text than the encoder has positions, where `max_length` does
            not cut it.
    Taught in: chapter 1, section "A text becomes a vector".
    """
    texts = require_texts(texts)
    tokens = tokenizer(texts, truncation=True, max_length=max_length)
    by_length = sorted(range(len(texts)), key=lambda i: len(tokens["input_ids"][i]))
    vectors = [None] * len(texts)
    for start in range(0, len(texts), batch_size):
        places = by_length[start : start + batch_size]
        batch = tokenizer.pad(
            {name: [values[i] for i in places] for name, values in tokens.items()},
            return_tensors="pt",
        ).to(encoder.device)
        hidden_states = encoder(**batch).last_hidden_state  # [B, L, hidden_size]
        pooled = mean_pooling(hidden_states, batch["attention_mask"])
        unit = torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()
        for place, vector in zip(places, unit):
            vectors[place] = vector
    return np.stack(vectors)


def tfidf(corpus) -> TfidfVectorizer:
    """The baseline: a vector of words, each weighted by how rare it is in the corpus.

    Its rows have length one, so `cosine` serves both kinds of vectors.

    Raises:
        ValueError: a corpus without any word.
        TypeError: what is no list of texts.
    Source: Salton and Buckley 1988; logarithmic term weights, cosine normalisation.
    Taught in: chapter 1, section "Search".
    """
    return TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b").fit(
        check_sentences(corpus, "Text")
    )


def cosine(left, right) -> np.ndarray:
    """The cosine of each row of left [Q, H] with each of right [N, H]: [Q, N].

    The rows must have length one (or zero, which gives 0). Arrays and sparse matrices.
    """
    scores = left @ right.T
    return scores.toarray() if hasattr(scores, "toarray") else scores


def search(scores, titles, count=3) -> list[tuple[str, float]]:
    """Title and score of the best `count` documents of one query's scores [N].

    Raises:
        ValueError: not one title for each score.
        TypeError: titles that are no list.
    """
    titles = list(titles)
    if len(titles) != len(scores):
        raise ValueError(f"{len(titles)} titles, {len(scores)} scores: one for each is needed.")
    best = np.argsort(-np.asarray(scores), kind="stable")[:count]
    return [(titles[i], round(float(scores[i]), 3)) for i in best]


# ------------------------------------------------------------------- measures
def ranks(scores, targets) -> np.ndarray:
    """The place of each query's target among scores [Q, N]: [Q], 1 is the top.

    Documents with the same score share the mean of their places, so that a score of
    zero for everything counts as a random order and not as a hit.

    Taught in: chapter 1, section "Search".
    """
    scores = np.asarray(scores)
    own = scores[np.arange(len(scores)), targets][:, None]
    above = (scores > own).sum(1)
    tied = (scores == own).sum(1) - 1
    return 1 + above + tied / 2


def recall_at(places, k: int) -> np.ndarray:
    """1.0 for each query whose target is among the first k, else 0.0: [Q]."""
    return (np.asarray(places) <= k).astype(float)


def reciprocal_ranks(places) -> np.ndarray:
    """1 / rank of each query's target: [Q]; their mean is the MRR."""
    return 1 / np.asarray(places, dtype=float)


@dataclass(frozen=True)
class Estimate:
    """A measured value with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"

    @property
    def error(self) -> float:
        """Half the width of the interval, for an error bar."""
        return (self.high - self.low) / 2


def bootstrap(statistic, *columns, resamples=1000, seed=0) -> Estimate:
    """A statistic of the columns, and where it falls in 95 % of resamplings of rows.

    The rows (queries, pairs) are drawn with replacement, the same ones for each column;
    so the difference of two systems on the same queries is a statistic like any other.

    Raises:
        ValueError: columns of different lengths, or empty.
    Source: Efron 1979, percentile intervals.
    Taught in: chapter 1, section "Search".
    """
    columns = [np.asarray(column) for column in columns]
    rows = len(columns[0])
    if not rows or any(len(column) != rows for column in columns):
        raise ValueError(
            "bootstrap() needs columns of one length, with at least one row; "
            f"it got {[len(column) for column in columns]}."
        )
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        chosen = rng.integers(rows, size=rows)
        values.append(statistic(*(column[chosen] for column in columns)))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Estimate(float(statistic(*columns)), float(low), float(high))


# --------------------------------------------------------------- associations
def association(words, one, other) -> np.ndarray:
    """How much closer each word [W, H] is to attributes `one` than to `other`: [W].

    The difference of two mean cosines; vectors of length one.

    Source: Caliskan et al. 2017, the s(w, A, B) of the word-embedding association test.
    Taught in: chapter 1, section "Where it fails".
    """
    return cosine(words, one).mean(1) - cosine(words, other).mean(1)


def association_test(first, second, one, other, permutations=2000, seed=0):
    """Effect size and one-sided p-value of the word-embedding association test.

    Do the words `first` lean to `one` more than the words `second` do? The p-value is
    the share of random divisions of the words that lean at least as much.

    Returns:
        (effect size in standard deviations, p).
    Source: Caliskan et al. 2017.
    Taught in: chapter 1, section "Where it fails".
    """
    lean = association(np.concatenate([first, second]), one, other)
    size = len(first)

    def gap(values):
        return values[:size].mean() - values[size:].mean()

    rng = np.random.default_rng(seed)
    chance = [gap(rng.permutation(lean)) for _ in range(permutations)]
    at_least = np.sum(np.array(chance) >= gap(lean) - 1e-12)
    effect = gap(lean) / lean.std(ddof=1)
    return float(effect), float((1 + at_least) / (1 + permutations))
