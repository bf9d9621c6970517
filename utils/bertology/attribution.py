"""Why the model said so: attributions to tokens, and tests of what they are worth.

One sentence at a time, a dict of the model's inputs with one row, and a classifier whose
output has `.logits`: those of `transformers` and the course's own. Every method answers
with one number for each token.

Letters of the shapes: T tokens, d = hidden_size, K classes, L layers, H heads, D numbers
of a head, P permutations.

Source: Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks"; Jain
and Wallace 2019, "Attention is not Explanation"; Wiegreffe and Pinter 2019, "Attention is
not not Explanation".
Taught in: chapter 5, section "Why the model said so".
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from scipy import stats

from utils.bertology.heads import (
    FAMILIES,
    HeadAdapter,
    HeadError,
    call,
    check_inputs,
    hooked,
)
from utils.bertology.patterns import attention_rollout, check_attentions
from utils.transformer import inference

ROWS = 32  # of a batch of paths, occlusions or permutations
SMALL_GAP = 0.01  # of what is to be explained


# ----------------------------------------------------------------- what is explained
SCORES = {
    "log_odds": lambda logits, target: logits[:, target] - _others(logits, target),
    "logit": lambda logits, target: logits[:, target],
    "probability": lambda logits, target: logits.softmax(-1)[:, target],
}


def _others(logits, target):
    """The logarithm of the summed exponentials of the other logits: [B]."""
    return torch.cat([logits[:, :target], logits[:, target + 1 :]], 1).logsumexp(-1)


@dataclass(frozen=True)
class _Question:
    """A sentence, a model and the number of its answer that is to be explained."""

    model: torch.nn.Module
    inputs: dict
    target: int
    score: str

    def __post_init__(self):
        if self.score not in SCORES:
            raise HeadError(f"score is one of {', '.join(SCORES)}, not {self.score!r}")
        one_sentence(self.inputs)

    def vectors(self):
        """The word embeddings of the sentence, [T, d]."""
        return token_embedding(self.model)(self.inputs["input_ids"])[0].detach()

    def replacement(self, tokenizer, what):
        """The word embedding of "mask", "pad", "zero" or a token id: [d]."""
        table = token_embedding(self.model).weight.detach()
        if what == "zero":
            return torch.zeros_like(table[0])
        return table[stand_in(tokenizer, what, len(table))]

    def answer(self, vectors):
        """The score of each of S sentences with the word embeddings [S, T, d]: [S].

        They are read in the place of what the table says of the sentence's tokens; its
        ids stay, so that positions, segments and mask are those of the sentence.
        """
        inputs = one_of_each(self.inputs, len(vectors))
        embedding = token_embedding(self.model)
        with hooked([embedding.register_forward_hook(lambda *_: vectors)]):
            logits = call(self.model, inputs).logits
        self.check_logits(logits)
        return SCORES[self.score](logits, self.target)

    def check_logits(self, logits):
        if logits.dim() != 2:
            raise HeadError(
                f"the logits are {list(logits.shape)}; a classifier's are [B, K], one "
                f"row for each sentence"
            )
        if not 0 <= self.target < logits.size(-1):
            raise HeadError(
                f"target {self.target} is none of the {logits.size(-1)} classes, which "
                f"count from 0"
            )
        if self.score == "log_odds" and logits.size(-1) == 1:
            raise HeadError('one logit has no odds: score="logit" explains it')

    def answers(self, vectors):
        """`answer` of many, in batches and without gradients: [S]."""
        with inference(self.model):
            return torch.cat([self.answer(part) for part in vectors.split(ROWS)])

    def gradients(self, vectors):
        """The gradient of `answer` at the word embeddings [S, T, d]: [S, T, d]."""
        found = []
        with inference(self.model, gradients=True):
            for part in vectors.split(ROWS):
                part = part.detach().requires_grad_()
                found.append(torch.autograd.grad(self.answer(part).sum(), part)[0])
        return torch.cat(found)


def one_of_each(inputs, rows):
    """The inputs of one sentence `rows` times over, with its mask of ones."""
    ids = inputs["input_ids"]
    inputs = {"attention_mask": torch.ones_like(ids), **inputs}
    return {
        name: tensor.expand(rows, *tensor.shape[1:]) for name, tensor in inputs.items()
    }


def token_embedding(model):
    """The module that turns input_ids [B, T] into word embeddings [B, T, d].

    Raises HeadError for a model of no known family.
    """
    base = HeadAdapter.for_model(model).base
    if hasattr(base, "get_input_embeddings"):
        return base.get_input_embeddings()
    return base.embeddings.word


def one_sentence(inputs):
    """Raise HeadError unless `inputs` are those of one sentence, without padding."""
    ids = inputs.get("input_ids") if hasattr(inputs, "get") else None
    if not isinstance(ids, torch.Tensor) or ids.dim() != 2 or len(ids) != 1:
        what = list(ids.shape) if isinstance(ids, torch.Tensor) else type(ids).__name__
        raise HeadError(
            f"inputs must be a dict with the input_ids [1, T] of one sentence, as "
            f'tokenizer(text, return_tensors="pt") makes them; input_ids: {what}'
        )
    check_inputs(inputs)
    if strange := [name for name in inputs if not isinstance(inputs[name], torch.Tensor)]:
        raise HeadError(f"inputs[{strange[0]!r}] is no tensor: {inputs[strange[0]]!r}")
    mask = inputs.get("attention_mask")
    if mask is not None and not mask.bool().all():
        raise HeadError("the sentence has padding: give it alone, without")


def own_tokens(tokenizer, inputs) -> np.ndarray:
    """True for a token of the text, False for one that the tokenizer adds: [T].

    Raises what `one_sentence` raises.
    Taught in: chapter 5, section "Why the model said so".
    """
    one_sentence(inputs)
    added = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    if tokenizer.mask_token_id is not None:
        added -= {tokenizer.mask_token_id}  # it stands for a word of the text
    return np.array([i not in added for i in inputs["input_ids"][0].tolist()])


# -------------------------------------------------------------- integrated gradients
@dataclass(frozen=True)
class Attribution:
    """What `integrated_gradients` returns.

    scores: a number for each token, [T]; value: of the sentence; baseline_value: of the
    baseline. The scores should add up to the difference of the two: completeness_gap is
    by how much they do not.
    """

    scores: np.ndarray
    value: float
    baseline_value: float
    steps: int

    @property
    def completeness_gap(self) -> float:
        """|Σ scores - (F(x) - F(baseline))|, in the unit of the score."""
        return abs(float(self.scores.sum()) - (self.value - self.baseline_value))

    @property
    def verdict(self) -> str:
        """Whether the gap is below 1 % of what is explained; else, what to do."""
        explained = abs(self.value - self.baseline_value)
        told = f"gap {self.completeness_gap:.2g} of {explained:.3g}, {self.steps} steps"
        if self.completeness_gap <= SMALL_GAP * explained:
            return f"complete: {told}"
        return f"not complete: {told}; take more steps"


def integrated_gradients(
    model, tokenizer, inputs, target, baseline="mask", steps=64, score="log_odds"
) -> Attribution:
    """The gradient at the word embeddings, integrated from a baseline to the sentence.

    IG_i = (x_i - x'_i) · ∫₀¹ ∂F(x' + α (x - x')) / ∂x_i dα, summed over the d numbers of
    a token, by the Gauss-Legendre rule with `steps` points. Some dozens do for a smooth
    model; a ReLU, as in DistilBERT's classifier, breaks the slope and asks for more.
    inputs: of one sentence; target: the class, from 0. baseline: what x' has in the place
    of each token of the text: "mask" or "pad", that token; "zero", a vector of zeros; or
    a token id. Tokens that the tokenizer adds are the same in both, so their score is 0.
    score: F, the "log_odds" of the target against the other classes, its "logit", or
    its "probability".

    Raises HeadError for a model of no known family, inputs of several sentences or with
    padding, a class, baseline, score or number of steps that there is not; IndexError for
    an id without an embedding.
    Source: Sundararajan et al. 2017, section 3, equation 1 and proposition 1
    (completeness).
    Taught in: chapter 5, section "Why the model said so".
    """
    if steps < 1:
        raise HeadError(f"steps must be 1 or more, not {steps}")
    question = _Question(model, inputs, target, score)
    own = torch.from_numpy(own_tokens(tokenizer, inputs))
    end = question.vectors()  # [T, d]
    start = end.clone()
    start[own] = question.replacement(tokenizer, baseline)
    nodes, weights = np.polynomial.legendre.leggauss(steps)  # on -1 to 1
    places = torch.from_numpy((nodes + 1) / 2).to(end)
    path = start + places[:, None, None] * (end - start)  # [steps, T, d]
    rule = torch.from_numpy(weights / 2).to(end)
    mean = torch.einsum("s,std->td", rule, question.gradients(path))
    scores = ((end - start) * mean).sum(-1).double().cpu().numpy()
    first, last = question.answers(torch.stack([start, end])).tolist()
    return Attribution(scores, last, first, steps)


def stand_in(tokenizer, what, vocab_size):
    """The id of "mask" or "pad", or a token id as it is.

    Raises HeadError for any other, and for a token that the tokenizer has not.
    """
    if what in ("mask", "pad"):
        found = getattr(tokenizer, f"{what}_token_id")
        if found is None:
            raise HeadError(f"the tokenizer has no {what} token: name a token id")
        return found
    if isinstance(what, bool) or not isinstance(what, int) or not 0 <= what < vocab_size:
        raise HeadError(
            f"{what!r} stands for no token: 'mask', 'pad', 'zero', or an id from 0 to "
            f"{vocab_size - 1}"
        )
    return what


# ------------------------------------------------------------------------- its rivals
def gradient_times_input(model, inputs, target, score="log_odds") -> np.ndarray:
    """x_i · ∂F / ∂x_i, the first-order effect of taking the embedding away: [T].

    Raises HeadError as `integrated_gradients`.
    Source: Shrikumar, Greenside and Kundaje 2017, "Learning Important Features Through
    Propagating Activation Differences", section 2.2 (gradient × input).
    Taught in: chapter 5, section "Why the model said so".
    """
    vectors, gradient = _gradient(model, inputs, target, score)
    return (vectors * gradient).sum(-1).double().cpu().numpy()


def gradient_norm(model, inputs, target, score="log_odds") -> np.ndarray:
    """‖∂F / ∂x_i‖₂, how much a small change of the embedding may do, either way: [T].

    Raises HeadError as `integrated_gradients`.
    Source: Simonyan, Vedaldi and Zisserman 2014, "Deep Inside Convolutional Networks",
    section 3, with the Euclidean norm over the d numbers of a token.
    Taught in: chapter 5, section "Why the model said so".
    """
    _, gradient = _gradient(model, inputs, target, score)
    return gradient.norm(dim=-1).double().cpu().numpy()


def _gradient(model, inputs, target, score):
    """The word embeddings [T, d] and the gradient of the score at them [T, d]."""
    question = _Question(model, inputs, target, score)
    vectors = question.vectors()
    return vectors, question.gradients(vectors[None])[0]


def occlusion(
    model, tokenizer, inputs, target, by="mask", score="log_odds"
) -> np.ndarray:
    """F(x) - F(x with token i replaced), the drop where a token is hidden: [T].

    by: what its word embedding is replaced by, as the `baseline` of
    `integrated_gradients`. Tokens that the tokenizer adds are not replaced; their score
    is 0.
    Raises HeadError as `integrated_gradients`.
    Source: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional
    Networks"; Li, Monroe and Jurafsky 2016, "Understanding Neural Networks through
    Representation Erasure".
    Taught in: chapter 5, section "Why the model said so".
    """
    question = _Question(model, inputs, target, score)
    places = np.flatnonzero(own_tokens(tokenizer, inputs))
    vectors = question.vectors().repeat(len(places) + 1, 1, 1)  # the last stays whole
    vectors[range(len(places)), places] = question.replacement(tokenizer, by)
    found = question.answers(vectors)
    drops = np.zeros(vectors.size(1))
    drops[places] = (found[-1] - found[:-1]).double().cpu().numpy()
    return drops


def attention_scores(attentions, how="rollout") -> np.ndarray:
    """What a reader of attention would call important: [T], adding up to 1.

    The attention from the first token, [CLS], that the classifier reads: "rollout",
    through all the layers; "last", in the last one, the mean of its heads.
    Raises HeadError for another `how`, attentions of several sentences, or empty ones.
    Source: Abnar and Zuidema 2020, section 4.
    Taught in: chapter 5, section "Why the model said so".
    """
    layers, mask = check_attentions(attentions, same_heads=False)
    if len(mask) != 1:
        raise HeadError(f"attentions of one sentence are needed, not of {len(mask)}")
    if how not in ("rollout", "last"):
        raise HeadError(f"how is 'rollout' or 'last', not {how!r}")
    maps = attention_rollout(layers)[-1] if how == "rollout" else layers[-1].mean(1)
    return maps[0, 0].detach().double().cpu().numpy()


def rank_agreement(scores, absolute=True) -> pd.DataFrame:
    """Do methods rank the tokens alike? Kendall's τ and Spearman's ρ of any two.

    scores: the name of a method -> its scores of one sentence [T], or a list of those of
    S sentences, the same ones for all; give the text's own tokens alone. absolute: rank
    by size, whatever the sign, since attention and norms have none.

    Returns a DataFrame: first, second, kendall, spearman, their standard errors over the
    sentences (NaN for one), and the sentences that count. One where a method ranks all
    tokens alike has no rank correlation and does not count.
    Raises HeadError for fewer than two methods, or scores that do not belong together.
    Source: Jain and Wallace 2019, section 4.1 (Kendall's τ of attention and gradients).
    Taught in: chapter 5, section "Why the model said so".
    """
    listed = {name: _sentences(values, absolute) for name, values in scores.items()}
    if len({tuple(map(len, values)) for values in listed.values()}) != 1 or len(listed) < 2:
        lengths = {name: list(map(len, values)) for name, values in listed.items()}
        raise HeadError(
            f"two or more methods are needed, with scores of the same tokens of the same "
            f"sentences; the numbers of tokens are {lengths}"
        )
    rows = []
    for first, second in combinations(listed, 2):
        pairs = [
            (a, b) for a, b in zip(listed[first], listed[second])
            if np.ptp(a) > 0 and np.ptp(b) > 0
        ]  # fmt: skip
        row = {"first": first, "second": second}
        for name, measure in (("kendall", stats.kendalltau), ("spearman", stats.spearmanr)):
            found = np.array([measure(a, b).statistic for a, b in pairs])
            row[name] = found.mean() if len(found) else np.nan
            some = len(found) > 1
            row[f"{name}_se"] = found.std(ddof=1) / len(found) ** 0.5 if some else np.nan
        rows.append({**row, "sentences": len(pairs)})
    return pd.DataFrame(rows)


def _sentences(values, absolute):
    """Scores of one sentence or of several -> a list of arrays [T]."""
    values = [values] if np.ndim(values[0]) == 0 else values
    arrays = [np.asarray(v, dtype=float) for v in values]
    return [np.abs(a) for a in arrays] if absolute else arrays


# ------------------------------------------------ is attention the explanation at all?
@dataclass(frozen=True)
class AttentionChange:
    """What other attention weights do to a prediction.

    prediction: the probabilities [K] as the model is; distances: the total variation
    distance, ½ Σ |p - p'|, from 0 to 1, of each changed prediction to it, [P];
    largest: the greatest weight that was there to be moved, the mean over the heads.
    """

    prediction: np.ndarray
    distances: np.ndarray
    largest: float

    @property
    def median(self) -> float:
        """The median of the distances: what Jain and Wallace plot against `largest`."""
        return float(np.median(self.distances))


def permute_attention(
    model, inputs, layer=-1, rows="cls", permutations=100, seed=0
) -> AttentionChange:
    """Shuffle the attention weights of a layer, and see how far the prediction moves.

    Each head's weights are shuffled among the keys, each head for itself: those of the
    first token, [CLS] (rows="cls"), or of each token for itself (rows="all"). layer:
    from 0, negative from the last, or None for every layer. The layers after it read
    what comes out. If the weights said why the model decides so, the prediction should
    move.

    Raises HeadError for a model of no known family, or GPT-2, whose classifier reads
    the last token; a layer out of range; inputs of several sentences or with padding.
    IndexError for an id without an embedding.
    Source: Jain and Wallace 2019, section 4.2.1.
    Taught in: chapter 5, section "Attention is not explanation".
    """
    if permutations < 1:
        raise HeadError(f"permutations must be 1 or more, not {permutations}")
    generator = torch.Generator().manual_seed(seed)

    def shuffled(weights):
        keys = torch.rand(weights.shape, generator=generator).argsort(-1)
        return weights.gather(-1, keys.to(weights.device))

    return _change_attention(model, inputs, layer, rows, permutations, shuffled)


def uniform_attention(model, inputs, layer=-1, rows="cls") -> AttentionChange:
    """Give all keys the same weight, and see how far the prediction moves: P = 1.

    Where it does not, the weights of that layer decide nothing, and no shuffling of them
    can show whether attention explains: the control for `permute_attention`. (Wiegreffe
    and Pinter train a model under uniform weights; this one was trained without.)

    Raises HeadError as `permute_attention`.
    Source: after Wiegreffe and Pinter 2019, the uniform-weights baseline of section 3.
    Taught in: chapter 5, section "Attention is not explanation".
    """
    return _change_attention(
        model, inputs, layer, rows, 1, lambda a: torch.full_like(a, 1 / a.size(-1))
    )


def _change_attention(model, inputs, layer, rows, copies, change) -> AttentionChange:
    if rows not in ("cls", "all"):
        raise HeadError(f"rows is 'cls' or 'all', not {rows!r}")
    one_sentence(inputs)
    adapter = HeadAdapter.for_model(model)
    layers = _layers(adapter, layer)
    queries = slice(0, 1) if rows == "cls" else slice(None)
    largest = []

    def predict(count):
        return call(model, one_of_each(inputs, count)).logits.softmax(-1)

    with inference(model):
        before = predict(1)[0]  # [K]
        handles = (
            handle for i in layers
            for handle in _replace_attention(adapter, i, queries, change, largest)
        )  # fmt: skip
        with hooked(handles):
            counts = [min(ROWS, copies - s) for s in range(0, copies, ROWS)]
            after = torch.cat([predict(count) for count in counts])  # [P, K]
    distances = (after - before).abs().sum(-1) / 2
    return AttentionChange(
        before.double().cpu().numpy(), distances.double().cpu().numpy(), np.mean(largest)
    )


def _layers(adapter, layer):
    if adapter.family is FAMILIES["gpt2"]:
        raise HeadError(
            "a GPT-2 classifier reads the last token and masks what follows: this "
            "experiment is for models with [CLS], BERT, RoBERTa and DistilBERT"
        )
    if layer is None:
        return range(adapter.num_layers)
    if not -adapter.num_layers <= layer < adapter.num_layers:
        raise HeadError(
            f"layer {layer} is out of range: this model has the layers 0 to "
            f"{adapter.num_layers - 1}"
        )
    return [layer % adapter.num_layers]


def _replace_attention(adapter, layer, queries, change, largest):
    """Hooks that compute the heads of a layer anew, with changed weights.

    The weights come from what the layer's own projections answer in this very pass,
    softmax(q kᵀ / √D): so it works on every attention implementation, and in every
    layer at once. What W_O reads is replaced for the chosen queries.
    """
    latest = {}

    def keep(name):
        def hook(module, args, result):
            heads = result.unflatten(-1, (-1, adapter.head_size))  # [B, T, H, D]
            latest[name] = heads.transpose(1, 2)

        return hook

    def replace(module, args):
        q, k, v = latest["q"][:, :, queries], latest["k"], latest["v"]
        weights = (q @ k.transpose(-2, -1) * adapter.head_size**-0.5).softmax(-1)
        largest.append(weights.amax(-1).mean().item())
        heads = change(weights) @ v  # [B, H, Tq, D]
        replaced = args[0].clone()
        replaced[:, queries] = heads.transpose(1, 2).flatten(2)
        return (replaced, *args[1:])

    for name, projection in zip("qkv", adapter.projections(layer)):
        yield projection.register_forward_hook(keep(name))
    yield adapter.output(layer).register_forward_pre_hook(replace)
