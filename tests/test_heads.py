"""Hooks on heads: what they see, what they mask, what is pruned, and what they refuse.

Every claim is checked on each class of model that the room knows, with a padded batch
and non-zero biases, and has a negative control where one is possible.
"""

import copy
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from benchmarks.head_models import (
    CLASSIFIERS, MAKERS, D, H, L, answer, bert_config, far, in_batches, labelled, make, padded,
)  # fmt: skip
from utils import bert
from utils.bertology import (
    HeadAdapter,
    HeadError,
    HeadScores,
    ablate_one,
    all_but_one,
    benchmark,
    by_layer,
    capture,
    head_importance,
    load_pruned,
    mask_heads,
    mask_without,
    masking_sweep,
    paper_name,
    predictions,
    prune_heads,
    refuse_head_mask,
    save_pruned,
)

every_model = pytest.mark.parametrize("name", MAKERS)
every_classifier = pytest.mark.parametrize("name", CLASSIFIERS)


# -------------------------------------------------------------------- the adapter
def test_a_model_of_another_family_is_refused_by_name():
    config = transformers.AlbertConfig(
        vocab_size=20, hidden_size=16, num_attention_heads=2, intermediate_size=16,
        embedding_size=8,
    )  # fmt: skip
    with pytest.raises(HeadError, match="AlbertModel is none .* bert, roberta, distilbert, gpt2"):
        HeadAdapter.for_model(transformers.AlbertModel(config))
    with pytest.raises(HeadError, match="Linear is none"):
        capture(nn.Linear(2, 2), {})


def test_a_decoder_with_cross_attention_is_refused():
    config = bert_config()
    config.is_decoder = config.add_cross_attention = True
    with pytest.raises(HeadError, match="cross-attention"):
        HeadAdapter.for_model(transformers.BertModel(config))


def test_papers_count_from_one():
    assert paper_name(2, 0) == "3-1"


# ------------------------------------------------------------------------- capture
@every_model
def test_capture_has_the_librarys_own_tensors(name):
    model, inputs = make(name), padded()
    found = capture(model, inputs)
    assert [len(x) for x in (found.hidden_states, found.attentions, found.head_outputs)] == [
        L + 1, L, L]  # fmt: skip
    assert found.attentions[0].shape == (3, H, 9, 9)
    assert found.head_outputs[0].shape == (3, 9, H, D)
    if name.startswith("course"):
        inner = getattr(model, "bert", model)
        with torch.no_grad():
            states = inner(**inputs).hidden_states
        attentions = None
    else:
        model.set_attn_implementation("eager")
        with torch.no_grad():
            output = model(**inputs, output_hidden_states=True, output_attentions=True)
        states, attentions = output.hidden_states, output.attentions
        assert attentions
    for ours, theirs in zip(found.hidden_states, states, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(found.attentions, attentions or found.attentions, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours.sum(-1), torch.ones(3, H, 9))


def test_the_courses_attentions_are_those_of_the_library():
    theirs = make("BertModel")
    ours = bert.from_transformers(theirs)
    a, b = capture(theirs, padded()), capture(ours, padded())
    for x, y in zip(a.attentions + a.head_outputs, b.attentions + b.head_outputs):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-5)


@every_model
def test_head_outputs_are_attention_times_values_and_add_up(name):
    model = make(name)
    found, adapter = capture(model, padded()), HeadAdapter.for_model(model)
    for layer in range(L):
        projections = adapter.projections(layer)
        entering = []
        handle = projections[-1].register_forward_pre_hook(lambda _, args: entering.append(args[0]))
        answer(model)
        handle.remove()
        value = projections[-1](entering[0])[..., -H * D :]
        value = value.unflatten(-1, (H, D)).transpose(1, 2)  # [B, H, T, D]
        by_hand = (found.attentions[layer] @ value).transpose(1, 2)
        torch.testing.assert_close(found.head_outputs[layer], by_hand, rtol=1e-4, atol=1e-5)
        whole = adapter.output(layer)(found.head_outputs[layer].flatten(-2))
        parts = found.contributions(layer).sum(2) + adapter.output(layer).bias
        torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5)


@every_model
def test_capture_leaves_the_model_as_it_was(name):
    model = make(name).train()
    before = getattr(model.config, "_attn_implementation", None)
    model.eval()
    base = answer(model)
    model.train()
    capture(model, padded(), loss=lambda output: tensor_of(output).sum())
    with pytest.raises(ZeroDivisionError):
        capture(model, padded(), loss=lambda output: 1 / 0)
    assert model.training
    assert getattr(model.config, "_attn_implementation", None) == before
    assert all(parameter.grad is None for parameter in model.parameters())
    model.eval()
    assert torch.equal(answer(model), base)


def tensor_of(output):
    return output.last_hidden_state if getattr(output, "logits", None) is None else output.logits


@pytest.mark.parametrize("frozen", [False, True])
@every_classifier
def test_gradients_are_those_of_finite_differences(name, frozen):
    """Of the head outputs: nudge one number of z in a hook and look at the loss."""
    model = make(name, torch.float64)
    model.requires_grad_(not frozen)
    weights = torch.randn(2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def loss(output):
        return (output.logits * weights).sum()

    found = capture(model, padded(), loss=loss)
    assert found.loss == pytest.approx(loss(model(**padded())).item())
    adapter, eps = HeadAdapter.for_model(model), 1e-5
    for layer, place in ((0, (0, 2, 1, 3)), (1, (1, 4, 3, 0)), (2, (2, 0, 0, 5)), (2, (0, 8, 2, 2))):
        def nudged(by):
            def hook(module, args):
                z = args[0].clone().unflatten(-1, (H, D))
                z[place] += by
                return (z.flatten(-2),)

            handle = adapter.output(layer).register_forward_pre_hook(hook)
            value = loss(model(**padded())).item()
            handle.remove()
            return value

        slope = (nudged(eps) - nudged(-eps)) / (2 * eps)
        assert found.gradients.head_outputs[layer][place].item() == pytest.approx(
            slope, rel=1e-5, abs=1e-8
        )
    assert found.gradients.attentions[0].abs().sum() > 0
    assert found.gradients.hidden_states[0].abs().sum() > 0


def test_capture_keeps_what_is_asked():
    found = capture(make("BertModel"), padded(), hidden_states=False, attentions=False)
    assert found.hidden_states is None and found.attentions is None
    assert len(found.head_outputs) == L
    with pytest.raises(HeadError, match="head_outputs=True"):
        capture(make("BertModel"), padded(), head_outputs=False).contributions(0)


def test_losses_without_meaning_are_refused():
    model = make("BertForSequenceClassification")
    with pytest.raises(HeadError, match=r"one number, not \[3, 2\]"):
        capture(model, padded(), loss=lambda output: output.logits)
    with pytest.raises(HeadError, match="does not depend"):
        capture(model, padded(), loss=lambda output: torch.tensor(1.0))
    with pytest.raises(HeadError, match="one number, not 3"):
        capture(model, padded(), loss=lambda output: 3)


def test_a_head_mask_is_refused_everywhere():
    """The library takes it and does nothing: the reason for the guard."""
    model, inputs = make("BertModel"), padded()
    ignored = model(**inputs, head_mask=torch.zeros(L, H)).last_hidden_state
    assert torch.equal(ignored, model(**inputs).last_hidden_state)
    with pytest.raises(HeadError, match="with mask_heads"):
        capture(model, {**inputs, "head_mask": torch.zeros(L, H)})
    with refuse_head_mask(model), pytest.raises(HeadError, match="ignores it"):
        model(**inputs, head_mask=torch.zeros(L, H))
    model(**inputs, head_mask=torch.zeros(L, H))  # the guard is gone
    with pytest.raises(HeadError, match="dict"):
        capture(model, inputs["input_ids"])


# ------------------------------------------------------------------------- masking
HEADS = [(0, 1), (0, 3), (2, 2)]


@every_model
def test_a_masked_head_has_no_influence_and_the_hooks_go(name):
    model = make(name)
    base = answer(model)
    mask = mask_without(model, HEADS)
    with mask_heads(model, mask):
        masked = answer(model)
    assert torch.equal(answer(model), base)
    assert far(masked, base) > 1e-3
    with mask_heads(model, torch.ones(L, H)):
        assert torch.equal(answer(model), base)
    adapter = HeadAdapter.for_model(model)
    with torch.no_grad():  # an independent way: the columns of W_O are zero
        for layer, head in HEADS:
            output = adapter.output(layer)
            columns = slice(head * D, (head + 1) * D)
            if isinstance(output, nn.Linear):
                output.weight[:, columns] = 0
            else:
                output.weight[columns] = 0
    torch.testing.assert_close(answer(model), masked, rtol=1e-5, atol=1e-5)


@every_model
def test_hooks_go_after_an_error(name):
    model = make(name)
    base = answer(model)
    with pytest.raises(RuntimeError, match="inside"), mask_heads(model, torch.zeros(L, H)):
        raise RuntimeError("inside")
    assert torch.equal(answer(model), base)
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())


@every_classifier
def test_a_mask_for_each_sentence(name):
    model = make(name)
    masks = torch.stack([mask_without(model, HEADS), torch.ones(L, H), mask_without(model, [(1, 0)])])
    with mask_heads(model, masks):
        found = answer(model)
    for i, mask in enumerate(masks):
        with mask_heads(model, mask):
            torch.testing.assert_close(found[i], answer(model)[i], rtol=1e-5, atol=1e-6)
    with mask_heads(model, masks[:2]), pytest.raises(HeadError, match="2 sentences, .* has 3"):
        answer(model)


def test_masks_multiply_and_weaken():
    model = make("BertModel")
    with mask_heads(model, mask_without(model, [(0, 1)])), mask_heads(model, mask_without(model, [(2, 2)])):
        both = answer(model)
    with mask_heads(model, mask_without(model, [(0, 1), (2, 2)])):
        torch.testing.assert_close(answer(model), both)
    with mask_heads(model, torch.ones(L, H, dtype=torch.bool)):
        assert torch.equal(answer(model), answer(model))


@pytest.mark.parametrize("mask, words", [
    (torch.ones(H, L), rf"\[{H}, {L}\]; this model has {L} layers of {H} heads"),
    (torch.ones(L), rf"\[{L}\]"),
    (torch.ones(L, H + 1), "layers of"),
    (torch.full((L, H), torch.nan), "not finite"),
])  # fmt: skip
def test_masks_of_another_shape_are_refused(mask, words):
    model = make("BertModel")
    with pytest.raises(HeadError, match=words), mask_heads(model, mask):
        pass


@pytest.mark.parametrize("head, words", [
    ((L, 0), f"layer {L} is out of range: this model has the layers 0 to {L - 1}"),
    ((0, H), f"head {H} is out of range"),
    ((-1, 0), "layer -1"), ((0, 1.5), "no whole number"), ((0, True), "no whole number"),
])  # fmt: skip
def test_heads_out_of_range_are_refused(head, words):
    with pytest.raises(HeadError, match=words):
        mask_without(make("BertModel"), [head])


@pytest.mark.parametrize("heads", [None, 3, [0, 1], ["x"], [(0, 1, 2)]])
def test_heads_that_are_no_pairs_are_refused(heads):
    with pytest.raises(HeadError, match="heads are .layer, head. pairs"):
        mask_without(make("BertModel"), heads)
    with pytest.raises(HeadError, match="heads are .layer, head. pairs"):
        by_layer(heads)


# ------------------------------------------------------------------------- pruning
PRUNED = {0: [1, 3], 2: [2]}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_model
def test_pruned_is_masked_and_a_wrong_head_is_not(name, dtype):
    model, wrong = make(name, dtype), make(name, dtype)
    with mask_heads(model, mask_without(model, HEADS)):
        masked = answer(model)
    size = sum(p.numel() for p in model.parameters())
    report = prune_heads(model, PRUNED, check_on=padded())
    assert far(answer(model), masked) < 1e-5
    prune_heads(wrong, {0: [0, 3], 2: [2]})
    assert far(answer(wrong), masked) > 1e-3
    one_head = 4 * H * D * D + 3 * D  # three times its rows and biases, its columns of W_O
    assert report.parameters_before == size
    assert size - sum(p.numel() for p in model.parameters()) == 3 * one_head
    assert report.parameters_after == size - 3 * one_head
    assert (report.heads_before, report.heads_after) == (L * H, L * H - 3)
    assert report.difference is not None and "3 of 12 heads" in str(report)
    assert {p.dtype for p in model.parameters()} == {dtype}


@every_model
def test_a_pruned_model_on_eager_attention_captured_and_masked_further(name):
    model = make(name)
    prune_heads(model, PRUNED)
    found = capture(model, padded())
    assert [a.shape[1] for a in found.attentions] == [2, 4, 3]
    assert [z.shape[2] for z in found.head_outputs] == [2, 4, 3]
    with mask_heads(model, mask_without(model, [(0, 2)])):
        masked = answer(model)
    prune_heads(model, {0: [2]})  # by the number that it was born with
    assert far(answer(model), masked) < 1e-5
    assert HeadAdapter.for_model(model).pruned == {0: [1, 2, 3], 2: [2]}


@every_classifier
def test_a_pruned_model_can_be_trained(name):
    model = make(name).train()
    prune_heads(model, PRUNED)
    tensor_of(model(**padded())).sum().backward()
    adapter = HeadAdapter.for_model(model)
    assert adapter.output(0).weight.grad.abs().sum() > 0
    assert all(p.weight.grad is not None for p in adapter.projections(0))


@pytest.mark.parametrize("heads, words", [
    ({0: [0, 1, 2, 3]}, r"all the heads that layer 0 has"),
    ({L: [0]}, "layer 3 is out of range"), ({0: [H]}, "head 4 is out of range"),
    ({0: [1, 1]}, "named twice"), ([(0, 1)], r"\{layer: \[heads\]\}"),
    ({0: 1}, "are a list"), ({0: "12"}, "are a list"), ({"0": [1]}, "no whole number"),
    ({1: [0], 0: [0, 1, 2, 3]}, "all the heads"),
])  # fmt: skip
def test_what_cannot_be_pruned_changes_nothing(heads, words):
    model = make("BertModel")
    base = answer(model)
    with pytest.raises(HeadError, match=words):
        prune_heads(model, heads)
    assert torch.equal(answer(model), base) and not HeadAdapter.for_model(model).pruned


def test_a_head_is_pruned_once():
    model = make("BertModel")
    prune_heads(model, {0: [1]})
    with pytest.raises(HeadError, match="head 1 of layer 0 was pruned already"):
        prune_heads(model, {0: [1, 2]})
    with pytest.raises(HeadError, match=r"all the heads that layer 0 has, \[0, 2, 3\]"):
        prune_heads(model, {0: [0, 2, 3]})


# --------------------------------------------------------------- saved and loaded
@every_model
def test_a_pruned_model_comes_back_in_its_size(name, tmp_path):
    model = make(name)
    prune_heads(model, PRUNED)
    save_pruned(model, tmp_path / "model")
    loaded = load_pruned(tmp_path / "model")
    assert type(loaded) is type(model) and not loaded.training
    assert far(answer(loaded), answer(model)) == 0
    assert [p.shape for p in loaded.parameters()] == [p.shape for p in model.parameters()]
    assert HeadAdapter.for_model(loaded).pruned == PRUNED
    prune_heads(loaded, {1: [0]})
    save_pruned(loaded, tmp_path / "model")  # over the first one
    assert HeadAdapter.for_model(load_pruned(tmp_path / "model")).pruned == {**PRUNED, 1: [0]}


def test_tied_matrices_stay_tied(tmp_path):
    model = make("BertForMaskedLM")
    prune_heads(model, PRUNED)
    save_pruned(model, tmp_path)
    loaded = load_pruned(tmp_path)
    embedding = loaded.bert.embeddings.word_embeddings.weight
    assert loaded.cls.predictions.decoder.weight is embedding


def test_a_new_process_loads_it(tmp_path):
    model = make("RobertaForSequenceClassification")
    prune_heads(model, PRUNED)
    save_pruned(model, tmp_path)
    program = (
        "import sys, torch; from utils.bertology import load_pruned\n"
        "model = load_pruned(sys.argv[1])\n"
        "ids = torch.arange(5, 14)[None]\n"
        "print(model(input_ids=ids).logits.tolist())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    with torch.no_grad():
        expected = model(input_ids=torch.arange(5, 14)[None]).logits
    torch.testing.assert_close(torch.tensor(json.loads(run.stdout)), expected)


def test_transformers_refuses_the_folder_rather_than_mix_it_up(tmp_path):
    model = make("BertModel")
    prune_heads(model, PRUNED)
    save_pruned(model, tmp_path)
    with pytest.raises(RuntimeError):
        transformers.BertModel.from_pretrained(tmp_path)


def damage(path, change):
    note = json.loads(path.read_text())
    change(note)
    path.write_text(json.dumps(note))


def test_damaged_folders_are_refused(tmp_path):
    model = make("BertModel")
    prune_heads(model, PRUNED)
    with pytest.raises(HeadError, match="pruned_heads.json is not there"):
        load_pruned(tmp_path / "nowhere")
    for change in (
        lambda n: n.update({"pruned_heads": {}}),
        lambda n: n.update({"pruned_heads": {"0": [1, 9]}}),
        lambda n: n.update({"class": "AlbertModel"}),
        lambda n: n.update({"class": "os"}),
        lambda n: n.pop("course"),
    ):
        save_pruned(model, tmp_path)
        damage(tmp_path / "pruned_heads.json", change)
        with pytest.raises(HeadError, match="no model that can be loaded"):
            load_pruned(tmp_path)
    (tmp_path / "pruned_heads.json").write_text("{")
    with pytest.raises(HeadError, match="damaged"):
        load_pruned(tmp_path)
    save_pruned(model, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(HeadError, match="no model that can be loaded"):
        load_pruned(tmp_path)
    save_pruned(model, tmp_path)  # other heads, of the same number: the sizes are the same
    damage(tmp_path / "pruned_heads.json", lambda n: n["pruned_heads"].update({"0": [0, 3]}))
    with pytest.raises(HeadError, match="pruned_heads.json: wrong checksum"):
        load_pruned(tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # as an early version saved
    assert HeadAdapter.for_model(load_pruned(tmp_path)).pruned[0] == [0, 3]
    (tmp_path / "file").write_text("")
    with pytest.raises(HeadError, match="cannot be written"):
        save_pruned(model, tmp_path / "file" / "folder")


# ---------------------------------------------------------------------- importance
@every_classifier
def test_importance_is_the_mean_of_absolute_finite_differences(name):
    model, eps = make(name, torch.float64), 1e-5
    scores = head_importance(model, in_batches(4, number=6))
    ids, mask, labels = labelled(number=6)

    def losses(head_mask):
        with torch.no_grad(), mask_heads(model, head_mask):
            logits = model(input_ids=ids, attention_mask=mask).logits
        return nn.functional.cross_entropy(logits, labels, reduction="none")

    for layer in range(L):
        for head in range(H):
            step = torch.zeros(L, H, dtype=torch.float64)
            step[layer, head] = eps
            one = torch.ones(L, H, dtype=torch.float64)
            each = ((losses(one + step) - losses(one - step)) / (2 * eps)).abs()
            assert scores.mean[layer, head] == pytest.approx(each.mean().item(), rel=1e-4, abs=1e-9)
            error = each.std().item() / len(each) ** 0.5
            assert scores.standard_error[layer, head] == pytest.approx(error, rel=1e-4, abs=1e-9)
    assert scores.n == 6


@every_classifier
def test_importance_does_not_depend_on_the_batches(name):
    model = make(name)
    one, five, all_ = (head_importance(model, in_batches(size)) for size in (1, 5, 12))
    np.testing.assert_allclose(one.mean, five.mean, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(one.mean, all_.mean, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(one.standard_error, all_.standard_error, rtol=1e-3, atol=1e-6)
    by_batch = np.zeros((L, H))  # the mistake: |.| of the sum of a batch
    mask = torch.ones(L, H, requires_grad=True)
    for inputs, labels in in_batches(12):
        with mask_heads(model, mask):
            loss = nn.functional.cross_entropy(model(**inputs).logits, labels)
        by_batch += torch.autograd.grad(loss, mask)[0].abs().numpy()
    assert np.abs(by_batch - all_.mean).max() > 0.05 * all_.mean.max()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_importance_of_a_frozen_and_of_a_masked_model():
    model = make("BertForSequenceClassification").requires_grad_(False).train()
    mask = mask_without(model, HEADS)
    scores = head_importance(model, in_batches(4), head_mask=mask)
    assert model.training
    assert all(scores.mean[head] == 0 for head in HEADS)
    assert (scores.mean[mask.bool().numpy()] > 0).all()


def test_importance_of_a_pruned_model_has_zeros_for_what_is_gone():
    model = make("BertForSequenceClassification")
    masked = head_importance(model, in_batches(4), head_mask=mask_without(model, HEADS))
    prune_heads(model, PRUNED)
    pruned = head_importance(model, in_batches(4))
    np.testing.assert_allclose(pruned.mean, masked.mean, rtol=1e-3, atol=1e-6)


def test_scales():
    scores = HeadScores(np.array([[3.0, 4.0], [1.0, 0.0]]), np.ones((2, 2)), 9)
    by_layer_norm = scores.normalised("layer")
    np.testing.assert_allclose(by_layer_norm.mean, [[0.6, 0.8], [1, 0]])
    np.testing.assert_allclose(by_layer_norm.standard_error, [[0.2, 0.2], [1, 1]])
    assert by_layer_norm.normalisation == "layer"
    np.testing.assert_allclose(scores.normalised("global").mean, [[0.75, 1], [0.25, 0]])
    both = scores.normalised("layer+global").mean
    np.testing.assert_allclose(both, [[0.6, 0.8], [1, 0]])
    assert scores.ranking() == [(1, 1), (1, 0), (0, 0), (0, 1)]
    assert scores.table().name.tolist() == ["1-2", "1-1", "2-1", "2-2"]
    with pytest.raises(HeadError, match="one of"):
        scores.normalised("l2")
    with pytest.raises(HeadError, match="scaled already"):
        by_layer_norm.normalised("global")


def test_losses_and_labels_that_do_not_fit():
    model = make("BertForSequenceClassification")
    with pytest.raises(HeadError, match=r"\[B\], not \[\]"):
        head_importance(model, in_batches(4), loss=nn.functional.cross_entropy)
    with pytest.raises(HeadError, match="classes 0 to 1"):
        head_importance(model, in_batches(4, classes=9))
    with pytest.raises(HeadError, match="the gradient of the loss is no number"):
        head_importance(model, in_batches(4), head_mask=torch.full((L, H), 1e30))


# ---------------------------------------------------------------- taken away
def test_predictions_are_in_order_and_masked():
    model = make("BertForSequenceClassification")
    ids, mask, labels = labelled(number=40)
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=mask).logits.argmax(-1).numpy()
    assert (predictions(model, in_batches(7, number=40)) == expected).all()
    head_mask = torch.zeros(L, H)
    with torch.no_grad(), mask_heads(model, head_mask):
        masked = model(input_ids=ids, attention_mask=mask).logits.argmax(-1).numpy()
    assert (predictions(model, in_batches(7, number=40), head_mask) == masked).all()


def planted():
    """A classifier that listens to head (1, 2) alone, and labels that it gets right."""
    model = make("BertForSequenceClassification")
    adapter = HeadAdapter.for_model(model)
    with torch.no_grad():
        for layer in range(L):
            for head in range(H):
                columns = slice(head * D, (head + 1) * D)
                adapter.output(layer).weight[:, columns] *= 6.0 if (layer, head) == (1, 2) else 0.02
    batches = in_batches(20, number=160)
    return model, [(inputs, model(**inputs).logits.argmax(-1)) for inputs, _ in batches]


def test_ablation_and_importance_find_the_planted_head():
    model, examples = planted()
    table = ablate_one(model, examples)
    assert len(table) == L * H and table.score.max() <= 1
    worst = table.loc[table.change.idxmin()]
    assert (worst["layer"], worst["head"], worst["name"]) == (1, 2, "2-3")
    assert worst.high < 0 and worst.low < worst.change < worst.high
    assert head_importance(model, examples).ranking()[-1] == (1, 2)
    alone = all_but_one(model, examples[:4], examples[4:])
    assert alone["head"][1] == 2 and len(alone) == L
    with pytest.raises(HeadError, match="the same"):
        all_but_one(model, examples, examples)


def test_sweeps_keep_the_planted_head_or_drop_it_first():
    model, examples = planted()
    options = dict(shares=(0, 0.25, 0.5, 0.75))
    kept = masking_sweep(model, examples[:4], rank_on=examples[4:], **options)
    anew = masking_sweep(model, examples[:4], order="recomputed", rank_on=examples[4:], **options)
    first = masking_sweep(model, examples[:4], order="reverse", rank_on=examples[4:], **options)
    chance = masking_sweep(model, examples[:4], order="random", seeds=(0, 1, 2), **options)
    assert (1, 2) not in kept.masked.iloc[-1] and (1, 2) not in anew.masked.iloc[-1]
    assert (1, 2) in first.masked.iloc[1]
    assert kept.heads.tolist() == [0, 3, 6, 9] and len(chance) == 12
    assert kept.score[0] == first.score[0] == 1 and kept.change[0] == 0
    assert kept.score.iloc[-1] > first.score.iloc[-1]
    assert len({tuple(map(tuple, m)) for m in chance[chance.heads == 3].masked}) == 3
    for masked in [*kept.masked, *first.masked, *chance.masked]:
        assert all(len(gone) < H for gone in by_layer(masked).values())  # prunable


def test_sweeps_that_cannot_be_made():
    model, examples = make("BertForSequenceClassification"), in_batches(4)
    with pytest.raises(HeadError, match="order is one of"):
        masking_sweep(model, examples, order="best")
    with pytest.raises(HeadError, match="needs rank_on"):
        masking_sweep(model, examples)
    with pytest.raises(HeadError, match="keeps one head"):
        masking_sweep(model, examples, order="random", shares=(0, 1.0))
    prune_heads(model, {0: [0]})
    with pytest.raises(HeadError, match="its layers have 3, 4, 4 heads"):
        masking_sweep(model, examples, order="random")


# ------------------------------------------------------------------------- speed
def test_the_benchmark_has_a_row_for_each_model_and_batch():
    model = make("BertModel")
    half = copy.deepcopy(model)
    prune_heads(half, {0: [0, 1], 1: [0, 1], 2: [0, 1]})
    calls = []
    table = benchmark(
        {"whole": model, "masked": model, "pruned": half}, batch_sizes=(1, 3), length=7, repeats=2,
        inputs={"masked": lambda model, ids: calls.append(ids.shape) or model(input_ids=ids)},
    )
    assert table.groupby("batch").model.apply(list).tolist() == [["whole", "masked", "pruned"]] * 2
    assert (table[table.model == "whole"]["speed-up"] == 1).all()
    assert calls == [(1, 7)] * 3 + [(3, 7)] * 3  # once to warm up
    with pytest.raises(HeadError, match="needs models"):
        benchmark({})
