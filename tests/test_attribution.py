"""Attributions against finite differences, brute force and a model that is linear."""

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau, sem, spearmanr
from transformers import (
    AttentionInterface, BertConfig, BertForSequenceClassification, DistilBertConfig,
    DistilBertForSequenceClassification, GPT2Config, GPT2ForSequenceClassification,
    RobertaConfig, RobertaForSequenceClassification,
)  # fmt: skip

from utils import bert
from utils.bertology import attribution
from utils.bertology.attribution import (
    Attribution, attention_scores, gradient_norm, gradient_times_input,
    integrated_gradients, occlusion, own_tokens, permute_attention, rank_agreement,
    uniform_attention,
)  # fmt: skip
from utils.bertology.capturing import capture
from utils.bertology.heads import HeadError
from utils.sources import load_tokenizer

SIZES = dict(vocab_size=30522, pad_token_id=0, num_labels=3)
SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
             intermediate_size=64, max_position_embeddings=24,
             initializer_range=0.4)  # fmt: skip
TEXT = "The old dogs near the cat sleep."
KINDS = ("BERT", "RoBERTa", "DistilBERT", "ours")


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def inputs(tokenizer):
    return dict(tokenizer(TEXT, return_tensors="pt"))


def make(kind, seed=0):
    torch.manual_seed(seed)
    if kind in ("BERT", "ours"):
        model = BertForSequenceClassification(BertConfig(**SIZES, **SMALL))
        model = model if kind == "BERT" else bert.from_transformers(model)
    elif kind == "RoBERTa":
        model = RobertaForSequenceClassification(RobertaConfig(**SIZES, **SMALL))
    else:
        config = DistilBertConfig(
            **SIZES, dim=32, n_layers=2, n_heads=4, hidden_dim=64,
            max_position_embeddings=24, initializer_range=0.4,
        )  # fmt: skip
        model = DistilBertForSequenceClassification(config)
    torch.manual_seed(1)
    for parameter in model.parameters():  # biases of zero would hide slips
        if parameter.dim() == 1:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model.train()  # dropout must be off all the same


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    return make(request.param)


def usable(model, inputs):
    """The inputs that this model takes, since DistilBERT has no segments."""
    if "DistilBert" in type(model).__name__:
        return {k: v for k, v in inputs.items() if k != "token_type_ids"}
    return inputs


class Linear(torch.nn.Module):
    """Stands for the pooler: the sum of all the tokens' vectors."""

    def forward(self, hidden_states):
        return hidden_states.sum(1)


def linear_model():
    """A BERT whose logits are a linear function of its word embeddings."""
    torch.manual_seed(0)
    config = BertConfig(**SIZES, **{**SMALL, "num_hidden_layers": 0})
    model = BertForSequenceClassification(config).double().eval()
    model.bert.embeddings.LayerNorm = torch.nn.Identity()
    model.bert.pooler = Linear()
    return model


# -------------------------------------------------------------- integrated gradients
@pytest.mark.parametrize("baseline", ["mask", "pad", "zero", 2000])
@pytest.mark.parametrize("steps", [1, 7])
def test_exact_for_a_linear_model(tokenizer, inputs, baseline, steps):
    model = linear_model()
    table, weight = model.bert.embeddings.word_embeddings.weight, model.classifier.weight[2]
    other = {"mask": tokenizer.mask_token_id, "pad": 0}.get(baseline, baseline)
    start = torch.zeros(32).double() if baseline == "zero" else table[other]
    own = own_tokens(tokenizer, inputs)
    vectors = table[inputs["input_ids"][0]]
    expected = ((vectors - start) @ weight).detach().numpy() * own
    found = integrated_gradients(model, tokenizer, inputs, 2, baseline, steps, "logit")
    np.testing.assert_allclose(found.scores, expected, atol=1e-12)
    assert found.completeness_gap < 1e-12 and found.verdict.startswith("complete")
    removed = occlusion(model, tokenizer, inputs, 2, baseline, "logit")
    np.testing.assert_allclose(removed, expected, atol=1e-12)
    first_order = gradient_times_input(model, inputs, 2, "logit")
    np.testing.assert_allclose(first_order, (vectors @ weight).detach(), atol=1e-12)
    norms = gradient_norm(model, inputs, 2, "logit")
    np.testing.assert_allclose(norms, weight.norm().item(), atol=1e-12)


@pytest.mark.parametrize("score", ["log_odds", "logit", "probability"])
def test_complete_on_every_model(model, tokenizer, inputs, score):
    inputs = usable(model, inputs)
    kinks = "DistilBert" in type(model).__name__  # its classifier has a ReLU
    steps, least = (1024, 0.03) if kinks else (256, 1e-3)
    found = integrated_gradients(model, tokenizer, inputs, 1, steps=steps, score=score)
    assert found.completeness_gap < least
    own = own_tokens(tokenizer, inputs)
    assert (found.scores[~own] == 0).all() and (found.scores[own] != 0).all()
    with torch.no_grad():
        shares = model.eval()(**inputs).logits[0].softmax(-1)
    value = {"log_odds": (shares[1] / (1 - shares[1])).log(), "probability": shares[1]}
    if score in value:
        assert found.value == pytest.approx(value[score].item(), abs=1e-5)
    model.train()


def test_too_few_steps_say_so(tokenizer, inputs):
    few, many = (
        integrated_gradients(make("BERT"), tokenizer, inputs, 1, steps=n) for n in (2, 256)
    )
    assert few.completeness_gap > 100 * many.completeness_gap
    assert few.verdict.startswith("not complete") and "more steps" in few.verdict
    assert many.verdict.startswith("complete")
    half = Attribution(np.array([0.5, 0.25]), 2.0, 1.0, 8)
    assert half.completeness_gap == 0.25


def test_the_integral_by_brute_force(tokenizer, inputs):
    """A sum of 1,000 gradients at `inputs_embeds`, where no hook has a part."""
    model = make("BERT").double().eval()
    own = torch.from_numpy(own_tokens(tokenizer, inputs))
    table = model.bert.embeddings.word_embeddings.weight.detach()
    end = table[inputs["input_ids"][0]]
    start = torch.where(own[:, None], table[tokenizer.mask_token_id], end)
    alphas = ((torch.arange(1000).double() + 0.5) / 1000)[:, None, None]
    path = (start + alphas * (end - start)).requires_grad_()
    logits = model(inputs_embeds=path).logits
    gradient, = torch.autograd.grad(logits[:, 1].sum(), path)
    expected = ((end - start) * gradient.mean(0)).sum(-1)
    found = integrated_gradients(model, tokenizer, inputs, 1, steps=128, score="logit")
    np.testing.assert_allclose(found.scores, expected, atol=1e-4)


# ------------------------------------------------------------------------- its rivals
def test_gradients_by_finite_differences(tokenizer, inputs):
    model = make("BERT").double().eval()
    vectors = model.bert.embeddings.word_embeddings(inputs["input_ids"])[0].detach()
    step = 1e-5

    def log_odds(vectors):
        with torch.no_grad():
            share = model(inputs_embeds=vectors[None]).logits[0].softmax(-1)[1]
        return (share / (1 - share)).log().item()

    found = gradient_times_input(model, inputs, 1)
    norms = gradient_norm(model, inputs, 1)
    for i in range(len(vectors)):
        up, down = vectors.clone(), vectors.clone()
        up[i] *= 1 + step
        down[i] *= 1 - step
        slope = (log_odds(up) - log_odds(down)) / (2 * step)
        assert found[i] == pytest.approx(slope, rel=1e-6, abs=1e-8)
    gradient = []
    for k in range(vectors.size(1)):  # the whole gradient of one token
        moved = torch.zeros_like(vectors)
        moved[3, k] = step
        rise = log_odds(vectors + moved) - log_odds(vectors - moved)
        gradient.append(rise / (2 * step))
    assert norms[3] == pytest.approx(np.linalg.norm(gradient), rel=1e-6)


def test_occlusion_by_brute_force(model, tokenizer, inputs):
    inputs = usable(model, inputs)
    found = occlusion(model, tokenizer, inputs, 0, score="probability")
    model.eval()
    with torch.no_grad():
        whole = model(**inputs).logits.softmax(-1)[0, 0]
        for i, own in enumerate(own_tokens(tokenizer, inputs)):
            ids = inputs["input_ids"].clone()
            if own:
                ids[0, i] = tokenizer.mask_token_id
            share = model(**{**inputs, "input_ids": ids}).logits.softmax(-1)[0, 0]
            assert found[i] == pytest.approx((whole - share).item(), abs=1e-6)
    model.train()


def test_a_padding_token_hides_no_position(tokenizer, inputs):
    """Its embedding is read, but RoBERTa's positions and our mask stay the sentence's."""
    for kind in ("RoBERTa", "ours", "BERT"):
        model = make(kind).eval()
        given = {"input_ids": inputs["input_ids"]}  # and no attention_mask
        found = occlusion(model, tokenizer, given, 0, by="pad", score="logit")
        table = attribution.token_embedding(model).weight
        i = 2
        word = inputs["input_ids"][0, i].item()
        with torch.no_grad():
            whole = model(**given).logits[0, 0]
            assert inputs["input_ids"][0].tolist().count(word) == 1
            kept = table.data[word].clone()
            table.data[word] = table.data[0]
            without = model(**given).logits[0, 0]
            table.data[word] = kept
        assert found[i] == pytest.approx((whole - without).item(), abs=1e-6)


def test_own_tokens(tokenizer):
    given = tokenizer("a [MASK] zzq \u2603", return_tensors="pt")
    pieces = tokenizer.convert_ids_to_tokens(given["input_ids"][0])
    own = own_tokens(tokenizer, given)
    assert [p for p, yes in zip(pieces, own) if not yes] == ["[CLS]", "[SEP]"]
    assert "[MASK]" in pieces and "[UNK]" in pieces


def test_attention_scores(inputs):
    attentions = capture(make("BERT"), inputs).attentions
    last = attention_scores(attentions, "last")
    np.testing.assert_allclose(last, attentions[1][0, :, 0].mean(0), atol=1e-7)
    rolled = np.eye(len(last))
    for layer in attentions:
        rolled = (0.5 * layer[0].mean(0).numpy() + 0.5 * np.eye(len(last))) @ rolled
    found = attention_scores(attentions)
    np.testing.assert_allclose(found, rolled[0], atol=1e-6)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    with pytest.raises(HeadError, match="'mean'"):
        attention_scores(attentions, "mean")
    with pytest.raises(HeadError, match="not of 2"):
        attention_scores([torch.cat([a, a]) for a in attentions])


def test_agreement_of_ranks():
    rng = np.random.default_rng(0)
    one = [rng.normal(size=n) for n in (5, 8, 6)]
    scores = {"one": one, "its square": [s**2 for s in one],
              "other": [rng.normal(size=n) for n in (5, 8, 6)]}  # fmt: skip
    found = rank_agreement(scores).set_index(["first", "second"])
    assert found.loc[("one", "its square"), "kendall"] == pytest.approx(1)
    row = found.loc[("one", "other")]
    for name, measure in (("kendall", kendalltau), ("spearman", spearmanr)):
        by_hand = [
            measure(abs(a), abs(b)).statistic for a, b in zip(one, scores["other"])
        ]
        assert row[name] == pytest.approx(np.mean(by_hand))
        assert row[f"{name}_se"] == pytest.approx(sem(by_hand))
    signed = rank_agreement({"one": one[0], "minus": -one[0]}, absolute=False)
    assert signed.kendall[0] == pytest.approx(-1) and signed.sentences[0] == 1
    assert np.isnan(signed.kendall_se[0])
    flat = rank_agreement({"one": one, "flat": [one[0], np.ones(8), one[2]]})
    assert flat.sentences[0] == 2 and flat.kendall[0] == pytest.approx(1)
    for wrong in ({"one": one}, {"one": one, "other": one[:2]}):
        with pytest.raises(HeadError, match="two or more methods"):
            rank_agreement(wrong)


# ------------------------------------------------ is attention the explanation at all?
def test_weights_left_alone_change_nothing(model, inputs):
    """The heads that are computed anew are the model's own."""
    found = attribution._change_attention(
        model, usable(model, inputs), None, "all", 3, lambda weights: weights
    )
    assert found.distances.shape == (3,) and found.distances.max() < 1e-5
    assert found.prediction.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("rows", ["cls", "all"])
@pytest.mark.parametrize("layer", [0, 1, None])
def test_changed_weights_by_another_way(inputs, rows, layer):
    """transformers' own door for attention functions, with the same permutation."""
    order = torch.randperm(inputs["input_ids"].size(1), generator=torch.manual_seed(3))
    queries = slice(0, 1) if rows == "cls" else slice(None)

    def changed(module, query, key, value, attention_mask, scaling, **kwargs):
        weights = (query @ key.transpose(2, 3) * scaling).softmax(-1)
        if layer in (None, module.layer_idx):
            weights[:, :, queries] = weights[:, :, queries][..., order]
        return (weights @ value).transpose(1, 2).contiguous(), weights

    model = make("BERT").eval()
    for i, part in enumerate(model.bert.encoder.layer):
        part.attention.self.layer_idx = i
    found = attribution._change_attention(
        model, inputs, layer, rows, 1, lambda weights: weights[..., order]
    )
    AttentionInterface.register("permuted_in_test", changed)
    with torch.no_grad():
        before = model(**inputs).logits.softmax(-1)[0]
        model.set_attn_implementation("permuted_in_test")
        after = model(input_ids=inputs["input_ids"]).logits.softmax(-1)[0]
    expected = 0.5 * (before - after).abs().sum().item()
    assert expected > 1e-3
    assert found.median == pytest.approx(expected, abs=1e-5)


def test_permutations(model, inputs):
    inputs = usable(model, inputs)
    found = permute_attention(model, inputs, permutations=40, seed=1)
    assert found.distances.shape == (40,) and len(set(found.distances.tolist())) > 20
    assert found.median == np.median(found.distances) > 0
    assert found.distances.max() <= 1
    again = permute_attention(model, inputs, permutations=40, seed=1)
    np.testing.assert_array_equal(found.distances, again.distances)
    last = capture(model, inputs).attentions[-1]  # [1, H, T, T]
    assert found.largest == pytest.approx(last[0, :, 0].amax(-1).mean().item(), abs=1e-5)
    even = uniform_attention(model, inputs)
    assert even.distances.shape == (1,)
    assert uniform_attention(model, inputs, layer=1).median == even.median


def test_even_weights_cannot_be_shuffled_apart(inputs):
    """Where the model attends to all alike, no permutation moves the prediction."""
    model = make("BERT")
    for layer in model.bert.encoder.layer:
        layer.attention.self.query.weight.data.zero_()
        layer.attention.self.query.bias.data.zero_()
    assert permute_attention(model, inputs, None, "all", 5).distances.max() < 1e-6
    assert uniform_attention(model, inputs, None, "all").median < 1e-6


def test_a_padding_token_inside_is_read_like_any_other(inputs):
    """Our own BERT would take it for padding where no mask is given."""
    ids = inputs["input_ids"].clone()
    ids[0, 3] = 0
    found = attribution._change_attention(
        make("ours"), {"input_ids": ids}, None, "all", 1, lambda weights: weights
    )
    assert found.median < 1e-5


# ------------------------------------------------------------------- hooks and misuse
def test_the_model_is_as_before(model, tokenizer, inputs):
    inputs = usable(model, inputs)
    model.eval()
    with torch.no_grad():
        before = model(**inputs).logits
    model.train()

    def all_of_it():
        integrated_gradients(model, tokenizer, inputs, 1, steps=2)
        gradient_norm(model, inputs, 1)
        occlusion(model, tokenizer, inputs, 1)
        permute_attention(model, inputs, None, "all", 2)

    all_of_it()
    for target in (3, -1):
        with pytest.raises(HeadError, match="none of the 3 classes"):
            gradient_norm(model, inputs, target)

    def fail(weights):
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        attribution._change_attention(model, inputs, 0, "cls", 1, fail)
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    model.eval()
    with torch.no_grad():
        assert torch.equal(model(**inputs).logits, before)
    model.train()


def test_frozen_models_have_attributions(tokenizer, inputs):
    model = make("BERT")
    free = integrated_gradients(model, tokenizer, inputs, 1, steps=4)
    model.requires_grad_(False)
    with torch.no_grad():
        frozen = integrated_gradients(model, tokenizer, inputs, 1, steps=4)
    np.testing.assert_allclose(free.scores, frozen.scores, atol=1e-6)


def test_what_does_not_fit_is_refused(tokenizer, inputs):
    model = make("BERT")
    two = tokenizer([TEXT, "Why"], padding=True, return_tensors="pt")
    padded = tokenizer(TEXT, padding="max_length", max_length=20, return_tensors="pt")
    for use in (
        lambda given: gradient_norm(model, given, 1),
        lambda given: permute_attention(model, given),
        lambda given: own_tokens(tokenizer, given),
    ):
        with pytest.raises(HeadError, match=r"one sentence.*\[2, "):
            use(two)
        with pytest.raises(HeadError, match="padding"):
            use(padded)
        with pytest.raises(HeadError, match="one sentence"):
            use({"input_ids": [[1, 2]]})
    for baseline in ("word", 1.5, True, 30522, -1):
        with pytest.raises(HeadError, match="stands for no token"):
            integrated_gradients(model, tokenizer, inputs, 1, baseline)
    with pytest.raises(HeadError, match="steps"):
        integrated_gradients(model, tokenizer, inputs, 1, steps=0)
    with pytest.raises(HeadError, match="log_odds, logit, probability"):
        gradient_norm(model, inputs, 1, score="loss")
    with pytest.raises(HeadError, match="layer 2 is out of range"):
        permute_attention(model, inputs, layer=2)
    with pytest.raises(HeadError, match="rows"):
        permute_attention(model, inputs, rows="sep")
    with pytest.raises(HeadError, match="permutations"):
        permute_attention(model, inputs, permutations=0)
    with pytest.raises(HeadError, match="head_mask"):
        gradient_norm(model, {**inputs, "head_mask": torch.ones(2, 4)}, 1)
    config = BertConfig(**{**SIZES, "num_labels": 1}, **SMALL)
    one = BertForSequenceClassification(config)
    with pytest.raises(HeadError, match='score="logit"'):
        gradient_norm(one, inputs, 0)
    assert gradient_norm(one, inputs, 0, "logit").shape == (inputs["input_ids"].size(1),)
    sizes = dict(vocab_size=30522, n_embd=32, n_layer=2, n_head=4, pad_token_id=0)
    gpt = GPT2ForSequenceClassification(GPT2Config(**sizes))
    given = {"input_ids": inputs["input_ids"]}
    assert gradient_norm(gpt, given, 0).shape == (inputs["input_ids"].size(1),)
    with pytest.raises(HeadError, match="GPT-2 classifier"):
        permute_attention(gpt, given)
