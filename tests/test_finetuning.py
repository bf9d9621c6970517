"""Batches, optimiser, loop, scores and the saved classifier of chapter 3."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers
from datasets import Dataset, DatasetDict
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from utils import bert, finetuning
from utils.finetuning import AcceptabilityClassifier, Examples, models, training
from utils.finetuning import classifier as classifier_module
from utils.finetuning import metrics as metrics_module
from utils.sources import load_tokenizer

SENTENCES = [
    "The cats sleep.",
    "The cats sleeps.",
    "A dog that the boys saw barks at night.",
    "They has gone home.",
]
LABELS = [1, 0, 1, 0]
TINY = bert.BertConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
    initializer_range=0.1,
)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("bert-base-uncased")


@pytest.fixture(scope="module")
def examples(tokenizer):
    return Examples(tokenizer, SENTENCES * 12, LABELS * 12)


def tiny(seed=0, **changes):
    return finetuning.random_classifier(replace(TINY, **changes), seed)


# ------------------------------------------------------------------------ batches
def test_a_batch_is_padded_to_its_longest_sentence(tokenizer, examples):
    inputs, labels = examples.batch([0, 2])
    theirs = tokenizer([SENTENCES[0], SENTENCES[2]], padding=True, return_tensors="pt")
    assert torch.equal(inputs["input_ids"], theirs["input_ids"])
    assert torch.equal(inputs["attention_mask"], theirs["attention_mask"])
    assert labels.tolist() == [1, 1]


def test_a_batch_of_no_sentence_is_empty(examples):
    inputs, labels = examples.batch([])
    assert inputs["input_ids"].shape == (0, 0) and labels.shape == (0,)
    with pytest.raises(IndexError):
        examples.batch([len(examples)])


def test_a_batch_can_be_padded_further(examples):
    inputs, _ = examples.batch([0, 2], pad_to=128)
    assert inputs["input_ids"].shape == (2, 128)
    assert inputs["attention_mask"].sum(1).tolist() == examples.lengths[[0, 2]].tolist()


@given(
    lengths=st.lists(st.integers(3, 60), min_size=1, max_size=300),
    batch_size=st.integers(1, 40),
    pool=st.integers(1, 20),
)
@settings(max_examples=50, deadline=None)
def test_every_sentence_is_in_one_batch(lengths, batch_size, pool):
    generator = torch.Generator().manual_seed(1)
    batches = finetuning.length_batches(lengths, batch_size, generator, pool)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(map(len, batches)) <= batch_size


def test_batches_by_length_hold_almost_no_padding():
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 30, size=2000)
    generator = torch.Generator().manual_seed(0)
    by_length = finetuning.length_batches(lengths, 32, generator)
    at_random = finetuning.random_batches(lengths, 32, generator)
    assert finetuning.padding_share(lengths, by_length) < 0.05
    assert 0.3 < finetuning.padding_share(lengths, at_random) < 0.5
    fixed = finetuning.padding_share(lengths, at_random, pad_to=128)
    assert fixed == pytest.approx(1 - lengths.mean() / 128)


def test_every_epoch_has_other_batches_and_a_seed_the_same_ones():
    lengths = np.random.default_rng(0).integers(5, 30, size=500)
    generator = torch.Generator().manual_seed(0)
    first = finetuning.length_batches(lengths, 32, generator)
    second = finetuning.length_batches(lengths, 32, generator)
    again = finetuning.length_batches(lengths, 32, torch.Generator().manual_seed(0))
    sets = [{frozenset(batch.tolist()) for batch in batches} for batches in (first, second)]
    assert len(sets[0] & sets[1]) < 3
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    # Short batches do not all come first: the order of the batches is drawn as well.
    means = [lengths[batch].mean() for batch in first]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.6


def test_sentences_that_cannot_be_batched_are_refused(tokenizer):
    with pytest.raises(ValueError, match="no sentences"):
        Examples(tokenizer, [])
    with pytest.raises(ValueError, match=r"Sentence 1 has 602 tokens .* 512 positions"):
        Examples(tokenizer, ["short", "word " * 600])
    with pytest.raises(TypeError, match="a list of sentences is needed, not 'The cats"):
        Examples(tokenizer, "The cats sleep.")
    with pytest.raises(TypeError, match="Sentence 1 is no text: None"):
        Examples(tokenizer, ["fine", None])
    with pytest.raises(ValueError, match="Sentence 1 has half a character"):
        Examples(tokenizer, ["fine", "\ud83d"])


@pytest.mark.parametrize(
    "labels, message",
    [
        ([1], r"2 sentences, labels \[1\]"),
        ([[1], [0]], r"2 sentences, labels \[2, 1\]"),
        ([0.0, 1.0], "integers from 0"),
        ([0, -1], "integers from 0"),
        ([0, None], "integers from 0"),
    ],
)
def test_labels_that_are_none_are_refused(tokenizer, labels, message):
    with pytest.raises(ValueError, match=message):
        Examples(tokenizer, ["a", "b"], labels)


@pytest.mark.parametrize("size", [0, -1, 1.5, None])
def test_a_batch_size_that_would_lose_sentences_is_refused(size):
    for batching in (finetuning.length_batches, finetuning.random_batches):
        with pytest.raises(ValueError, match="batch_size is a whole number"):
            batching([3, 4, 5], size, torch.Generator())


# -------------------------------------------------------------------------- splits
def splits(train, validation, test):
    return DatasetDict({
        name: Dataset.from_dict(
            {"sentence": [f"{name} {i}" for i in range(len(labels))], "label": labels}
        )
        for name, labels in
        (("train", train), ("validation", validation), ("test", test))
    })  # fmt: skip


def test_published_labels_leave_the_splits_as_they_are():
    found = finetuning.labelled_splits(splits([0, 1] * 10, [1, 0], [0, 0, 1]))
    assert {name: len(rows) for name, rows in found.items()} == {
        "train": 20, "validation": 2, "test": 3,
    }  # fmt: skip
    assert sorted(found["train"]["sentence"]) == sorted(f"train {i}" for i in range(20))
    assert found["train"]["sentence"].tolist() != [f"train {i}" for i in range(20)]
    assert found["test"]["label"].tolist() == [0, 0, 1]


def test_hidden_test_labels_make_validation_the_test():
    data = splits([0, 1] * 10, [1, 0, 1], [-1] * 5)
    found = finetuning.labelled_splits(data)
    assert found["test"]["sentence"].tolist() == [f"validation {i}" for i in range(3)]
    assert len(found["train"]) == 18 and len(found["validation"]) == 2
    both = [*found["train"]["sentence"], *found["validation"]["sentence"]]
    assert sorted(both) == sorted(f"train {i}" for i in range(20))
    assert found["train"].equals(finetuning.labelled_splits(data)["train"])
    assert not found["train"].equals(finetuning.labelled_splits(data, seed=1)["train"])


@pytest.mark.parametrize(
    "labels, message",
    [
        (([0, 1], [1], [1, -1]), "1 of 2 labels of test are hidden"),
        (([0, -1], [1], [1, 0]), "1 of 2 labels of train are hidden"),
        (([0], [1], [-1, -1]), "2 or more are needed"),
        (([0, 1], [1], []), "no sentences in its split 'test'"),
    ],
)
def test_splits_that_cannot_be_used(labels, message):
    with pytest.raises(ValueError, match=message):
        finetuning.labelled_splits(splits(*labels))


# ---------------------------------------------------------------------- optimiser
def test_the_groups_reach_the_optimiser():
    model = tiny()
    optimizer = torch.optim.AdamW(finetuning.parameter_groups(model, 0.1), lr=1e-3)
    names = {id(p): name for name, p in model.named_parameters()}
    decay, no_decay = (
        {names[id(p)] for p in group["params"]} for group in optimizer.param_groups
    )
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]
    assert decay | no_decay == set(names.values()) and not decay & no_decay
    assert no_decay == {n for n in names.values() if n.endswith("bias") or ".norm." in n}
    assert {p.ndim for group in optimizer.param_groups[:1] for p in group["params"]} == {2}


def test_what_decays_is_what_the_groups_say():
    model = tiny()
    optimizer = torch.optim.AdamW(finetuning.parameter_groups(model, 0.1), lr=0.5)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()  # with a gradient of 0, decay is all that happens
    for name, p in model.named_parameters():
        factor = 1.0 if "bias" in name or ".norm." in name else 1 - 0.5 * 0.1
        torch.testing.assert_close(p.detach(), before[name] * factor)


def test_the_groups_are_those_of_the_library(tmp_path):
    theirs = transformers.BertForSequenceClassification(
        bert.to_transformers_config(TINY)
    )
    decay, _ = finetuning.parameter_groups(theirs)
    arguments = transformers.TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    trainer = transformers.Trainer(theirs, arguments)
    expected = trainer.get_decay_parameter_names(theirs)
    names = {id(p): name for name, p in theirs.named_parameters()}
    assert {names[id(p)] for p in decay["params"]} == set(expected)


def test_frozen_parameters_are_in_no_group():
    model = tiny()
    model.bert.requires_grad_(False)
    groups = finetuning.parameter_groups(model)
    assert [len(group["params"]) for group in groups] == [1, 1]


@pytest.mark.parametrize("warmup, total", [(0, 7), (3, 10), (10, 10)])
def test_the_schedule_is_the_librarys(warmup, total):
    def rates(make):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
        schedule, found = make(optimizer, warmup, total), []
        for _ in range(total + 1):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        return found

    theirs = rates(transformers.get_linear_schedule_with_warmup)
    assert rates(finetuning.linear_schedule) == pytest.approx(theirs)


def test_the_rate_is_never_below_zero():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = finetuning.linear_schedule(optimizer, 1, 3)
    assert [schedule.lr_lambdas[0](step) for step in range(6)] == [0, 1, 0.5, 0, 0, 0]


# --------------------------------------------------------------------------- loop
def test_it_learns_and_a_seed_gives_the_same_losses(examples):
    runs = [
        finetuning.fine_tune(tiny(), examples, learning_rate=5e-3, epochs=6, batch_size=8)
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(runs[0]) == 6 * 6
    assert np.mean(runs[0][-6:]) < 0.5 * np.mean(runs[0][:6])


def test_the_seed_orders_the_batches(examples):
    options = dict(learning_rate=1e-3, epochs=1, batch_size=8)
    first = finetuning.fine_tune(tiny(), examples, seed=0, **options)
    second = finetuning.fine_tune(tiny(), examples, seed=1, **options)
    assert first != second


def test_the_first_loss_is_that_of_a_coin(examples):
    losses = finetuning.fine_tune(
        tiny(initializer_range=0.02), examples, learning_rate=1e-9, epochs=1
    )
    assert np.mean(losses) == pytest.approx(math.log(2), abs=0.05)


def test_the_loop_and_the_trainer_reach_the_same_losses(examples, tmp_path):
    """The same batches, the same weights, no dropout: the two ways are one."""
    ours = tiny(dropout=0.0)
    theirs = transformers.BertForSequenceClassification(
        bert.to_transformers_config(ours.config)
    )
    theirs.load_state_dict(bert.to_transformers_state(ours))
    options = dict(learning_rate=2e-3, epochs=2, batch_size=8, weight_decay=0.1)
    losses = finetuning.fine_tune(ours, examples, **options)
    trainer = finetuning.trainer(theirs, examples, folder=tmp_path, **options)
    trainer.train()
    logged = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(logged) == len(losses) == 12
    assert logged == pytest.approx(losses, abs=2e-4)
    state = bert.to_transformers_state(ours)
    for name, weight in theirs.state_dict().items():
        # AdamW divides by the size of the gradient, which for biases of keys is rounding.
        torch.testing.assert_close(weight, state[name], rtol=1e-3, atol=1e-3)


def test_padding_changes_no_loss(examples):
    options = dict(learning_rate=1e-3, epochs=1, batch_size=8, seed=3)
    options["batching"] = finetuning.random_batches
    short = finetuning.fine_tune(tiny(dropout=0.0), examples, **options)
    long = finetuning.fine_tune(tiny(dropout=0.0), examples, pad_to=64, **options)
    assert short == pytest.approx(long, abs=1e-4)


def test_a_loss_that_is_no_number_is_an_error(examples):
    model = tiny()
    with torch.no_grad():
        model.classifier.weight.fill_(float("inf"))
    with pytest.raises(FloatingPointError, match="step 0.*lower learning rate"):
        finetuning.fine_tune(model, examples, learning_rate=1e-3, epochs=1)


def test_a_loss_that_is_no_number_ends_the_training_in_its_epoch(examples):
    seen = []
    with pytest.raises(FloatingPointError, match="lower learning rate"):
        finetuning.fine_tune(
            tiny(), examples, learning_rate=1e9, epochs=5, batch_size=8,
            after_epoch=seen.append,
        )  # fmt: skip
    assert seen == []


@pytest.mark.parametrize(
    "options, message",
    [
        ({"epochs": 0}, "epochs is a whole number"),
        ({"batch_size": -3}, "batch_size is a whole number"),
        ({"warmup": 2}, "warmup is a share"),
    ],
)
def test_options_that_make_no_training_are_refused(examples, options, message):
    theirs = transformers.BertForSequenceClassification(
        bert.to_transformers_config(TINY)
    )
    with pytest.raises(ValueError, match=message):
        finetuning.fine_tune(tiny(), examples, learning_rate=1e-3, **options)
    with pytest.raises(ValueError, match=message):
        finetuning.trainer(theirs, examples, folder="", learning_rate=1e-3, **options)


def test_sentences_that_cannot_be_trained_on(tokenizer, examples):
    no_labels, other = Examples(tokenizer, SENTENCES), Examples(tokenizer, ["a"], [2])
    with pytest.raises(ValueError, match="no labels"):
        finetuning.fine_tune(tiny(), no_labels, learning_rate=1e-3)
    with pytest.raises(ValueError, match="label 2, .* labels 0 to 1"):
        finetuning.fine_tune(tiny(), other, learning_rate=1e-3)
    with pytest.raises(ValueError, match="validation sentences have no labels"):
        finetuning.fine_tune_and_choose(tiny(), examples, no_labels, learning_rate=1e-3)
    with pytest.raises(TypeError, match="models of transformers"):
        finetuning.trainer(tiny(), examples, folder="", learning_rate=1e-3)


def test_a_model_that_answers_nan_is_an_error(examples):
    model = tiny()
    with torch.no_grad():
        model.classifier.bias.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="answers NaN"):
        finetuning.probabilities(model, examples)


def test_the_best_epoch_is_kept(examples, monkeypatch):
    outcomes = iter([0.2, 0.9, 0.4])
    states = []

    def fake(model, validation):
        states.append({n: p.clone() for n, p in model.state_dict().items()})
        share = next(outcomes)
        right = np.asarray(validation.labels, dtype=float)
        wrong = np.arange(len(right)) >= share * len(right)
        return np.where(wrong, 1 - right, right)

    monkeypatch.setattr(training, "probabilities", fake)
    model = tiny()
    history = finetuning.fine_tune_and_choose(
        model, examples, examples, learning_rate=1e-3, epochs=3, batch_size=16
    )
    assert history.best_epoch == 2 and len(history.validation) == 3
    assert all(torch.equal(p, states[1][n]) for n, p in model.state_dict().items())
    assert not all(torch.equal(p, states[2][n]) for n, p in model.state_dict().items())


def test_batches_do_not_change_what_the_model_says(examples):
    model = tiny()
    one = finetuning.probabilities(model, examples, batch_size=1)
    many = finetuning.probabilities(model, examples, batch_size=7)
    assert one == pytest.approx(many, abs=1e-5)
    inputs, _ = examples.batch([2])
    assert one[2] == pytest.approx(
        model(**inputs).logits.softmax(-1)[0, 1].item(), abs=1e-5
    )


def test_features_are_those_of_each_sentence_alone(examples):
    body = tiny().bert.eval()
    inputs, _ = examples.batch([1])
    with torch.no_grad():
        states = body(**inputs).last_hidden_state[0]
    for pooling, expected in (("cls", states[0]), ("mean", states.mean(0))):
        found = finetuning.sentence_features(body, examples, pooling)
        assert found.shape == (len(examples), 32)
        assert found[1] == pytest.approx(expected.numpy(), abs=1e-5)
    with pytest.raises(ValueError, match="'mean', 'cls', 'pooler'.*not 'max'"):
        finetuning.sentence_features(body, examples, "max")
    with pytest.raises(ValueError, match="no pooler"):
        without = bert.Bert(replace(TINY, pooler=False))
        finetuning.sentence_features(without, examples, "pooler")


def test_a_classifier_on_a_body_has_its_weights():
    body = tiny(seed=5).bert
    first, second = (finetuning.with_classifier(body, seed=s) for s in (0, 1))
    assert torch.equal(first.bert.embeddings.word.weight, body.embeddings.word.weight)
    assert not torch.equal(first.classifier.weight, second.classifier.weight)
    assert first.bert.embeddings.word.weight is not body.embeddings.word.weight


def test_a_classifier_can_start_as_a_linear_probe(examples):
    model = tiny()
    pooled = finetuning.sentence_features(model.bert, examples, "pooler")
    assert finetuning.start_from_probe(model, pooled, examples.labels) is model
    probe = LogisticRegression(C=0.5, max_iter=1000).fit(pooled, examples.labels)
    expected = probe.predict_proba(pooled)[:, 1]
    found = finetuning.probabilities(model, examples)
    assert found == pytest.approx(expected, abs=1e-5)
    assert np.abs(found - 0.5).max() > 0.01
    with pytest.raises(ValueError, match=r"labels \[0, 1\], and there are \[1, 2\]"):
        finetuning.start_from_probe(model, pooled, examples.labels + 1)


@pytest.mark.parametrize("kinds", [2, 3])
def test_a_linear_probe_is_the_logistic_regression(kinds):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % kinds
    features = rng.normal(size=(60, 4)) + labels[:, None]
    names = np.array(["x", "a", "m"])[labels]
    classes, layer = models.linear_probe(features, names, strength=0.3)
    theirs = LogisticRegression(C=0.3, max_iter=1000).fit(features, names)
    assert classes == theirs.classes_.tolist()
    with torch.no_grad():
        found = layer(torch.from_numpy(features).float()).softmax(-1)
    assert found.numpy() == pytest.approx(theirs.predict_proba(features), abs=1e-5)


# ------------------------------------------------------------------------- scores
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_the_five_scores_are_scikit_learns(pairs):
    labels, predictions = map(list, zip(*pairs))
    ours = finetuning.scores(labels, predictions)
    theirs = {
        "accuracy": metrics.accuracy_score(labels, predictions),
        "precision": metrics.precision_score(labels, predictions, zero_division=0),
        "recall": metrics.recall_score(labels, predictions, zero_division=0),
        "F1": metrics.f1_score(labels, predictions, zero_division=0),
        # scikit-learn calls a single cell that is always right 1.0 or 0.0 by version.
        "MCC": metrics.matthews_corrcoef(labels, predictions),
    }
    if len(set(labels)) == 1 or len(set(predictions)) == 1:
        theirs["MCC"] = 0.0
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_the_cells_are_scikit_learns():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 2, (2, 200))
    tn, fp, fn, tp = metrics.confusion_matrix(labels, predictions).ravel()
    assert finetuning.confusion(labels, predictions) == (tp, fp, fn, tn)


@pytest.mark.parametrize(
    "cells, expected",
    [((5, 0, 0, 7), 1), ((0, 5, 7, 0), -1), ((5, 7, 0, 0), 0), ((6023, 2528, 0, 0), 0)],
)
def test_matthews_at_its_ends(cells, expected):
    assert finetuning.matthews(*cells) == expected


@pytest.mark.parametrize(
    "labels, predictions, message",
    [
        ([1, 0], [1], "one length"),
        ([], [], "one length of 1 or more"),
        ([1, 2], [1, 0], "0 or 1, not 2"),
        ([[1]], [[1]], "one length"),
        ([1, 0], [0.9, 0.2], "not 0.9; probabilities become predictions"),
        ([1, 0], [math.nan, 0], "0 or 1, not nan"),
    ],
)
def test_columns_that_cannot_be_scored(labels, predictions, message):
    for score in (finetuning.confusion, finetuning.interval):
        with pytest.raises(ValueError, match=message):
            score(labels, predictions)


def test_matthews_of_numpy_integers_does_not_overflow():
    cells = 200_000, 90_000, 80_000, 130_000
    exact = finetuning.matthews(*cells)
    assert finetuning.matthews(*np.array(cells, dtype=np.int32)) == exact
    assert 0.3 < exact < 0.31


def test_each_sentence_is_in_the_cell_that_confusion_counts():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 2, (2, 50))
    cells = metrics_module.one_hot_cells(labels, predictions)
    assert cells.sum(1).tolist() == [1] * 50
    assert tuple(cells.sum(0)) == finetuning.confusion(labels, predictions)


def test_the_interval_holds_the_true_score_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(60):
        labels = rng.integers(0, 2, 200)
        runs = [np.where(rng.random(200) < 0.8, labels, 1 - labels) for _ in range(3)]
        # With balanced labels and 20 % flipped at random, MCC is 0.6.
        found = finetuning.interval(labels, runs, resamples=200)
        assert found.low <= found.value <= found.high
        hits += found.low <= 0.6 <= found.high
    assert hits >= 50


def test_the_interval_of_one_run_is_its_score():
    labels = np.array([1, 0, 1, 1, 0, 0] * 20)
    run = np.array([1, 0, 1, 0, 0, 1] * 20)
    found = finetuning.interval(labels, run)
    assert found.value == pytest.approx(metrics.matthews_corrcoef(labels, run))
    assert found == finetuning.interval(labels, run)
    assert 0.1 < found.high - found.low < 0.5


# --------------------------------------------------------------------- classifier
WRONG = (
    [SENTENCES[1], SENTENCES[3], "Who has it gone?"] * 5,
    ["verb", "other", "gap"] * 5,
)


@pytest.fixture(scope="module")
def classifier(tokenizer):
    examples = Examples(tokenizer, SENTENCES * 12, LABELS * 12)
    model = tiny()
    finetuning.fine_tune(model, examples, learning_rate=3e-3, epochs=8, batch_size=8)
    found = AcceptabilityClassifier(model, tokenizer)
    return found.learn_phenomena(*WRONG)


def test_it_answers_with_label_probability_and_phenomenon(classifier):
    bad = classifier.predict(SENTENCES[1])
    assert (bad.label, bad.phenomenon, bad.note) == ("unacceptable", "verb", "")
    assert classifier.predict(SENTENCES[3]).phenomenon == "other"
    assert 0 <= bad.probability < 0.5
    good = classifier.predict(SENTENCES[0])
    assert (good.label, good.phenomenon) == ("acceptable", None)
    assert [p.label for p in classifier.predict(SENTENCES)] == [
        good.label, bad.label, "acceptable", "unacceptable",
    ]  # fmt: skip


def test_two_phenomena_are_told_apart(classifier):
    """A logistic regression of two classes has one row of weights and not two."""
    both = AcceptabilityClassifier(classifier.model, classifier.tokenizer)
    both.learn_phenomena([SENTENCES[1], SENTENCES[3]] * 5, ["verb", "other"] * 5)
    found = [answer.phenomenon for answer in both.predict([SENTENCES[1], SENTENCES[3]])]
    assert found == ["verb", "other"]


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", None], [1, 2]])
def test_phenomena_that_cannot_be_learned(classifier, names):
    other = AcceptabilityClassifier(classifier.model, classifier.tokenizer)
    with pytest.raises(ValueError, match="phenomena"):
        other.learn_phenomena(SENTENCES[:2], names)


def test_a_list_is_answered_as_its_sentences_are(classifier):
    texts = [SENTENCES[2], "El gato durmió en el sofá.", *SENTENCES]
    for one, other in zip(classifier.predict(texts), map(classifier.predict, texts)):
        assert one.probability == pytest.approx(other.probability, abs=2e-4)
        assert replace(one, probability=0) == replace(other, probability=0)
    assert classifier.predict([]) == []


def test_parts_that_do_not_belong_together_are_refused(tokenizer):
    with pytest.raises(ValueError, match="the model has 3 labels"):
        AcceptabilityClassifier(tiny(num_labels=3), tokenizer)
    with pytest.raises(ValueError, match="id 30521 and the model's vocabulary 200"):
        AcceptabilityClassifier(tiny(vocab_size=200), tokenizer)


@pytest.mark.parametrize(
    "text, error, message",
    [
        ("", ValueError, "empty"),
        (" \n\t", ValueError, "empty"),
        ("word " * 511, ValueError, "513 tokens .* 512 positions"),
        (None, TypeError, "a sentence or a list of sentences, not None"),
        (b"fine", TypeError, "a sentence or a list of sentences, not b'fine'"),
        (["fine", 7], TypeError, "Sentence 1 is no text: 7"),
        (["fine", ""], ValueError, "Sentence 1 is empty"),
        (["fine", "word " * 511], ValueError, "Sentence 1 has 513 tokens"),
        ([["fine"]], TypeError, "Sentence 0 is no text"),
    ],
)
def test_what_is_no_sentence_is_refused(classifier, text, error, message):
    with pytest.raises(error, match=message):
        classifier.predict(text)


def test_the_longest_sentence_that_fits_is_answered(classifier):
    assert classifier.predict("word " * 510).label in ("acceptable", "unacceptable")


@pytest.mark.parametrize(
    "text", ["El gato durmió en el sofá.", "猫はソファーで寝た。", "Кошка спала на диване.", "42 + 1!"]
)
def test_what_is_not_english_gets_an_answer_with_a_note(classifier, text):
    answer = classifier.predict(text)
    assert answer.label in ("acceptable", "unacceptable") and answer.note


@pytest.mark.parametrize("text", SENTENCES + ["Cats sleep.", "She said that Kant slept."])
def test_english_gets_no_note(classifier, text):
    assert classifier.predict(text).note == ""


def test_saved_and_loaded_it_says_the_same(classifier, tmp_path):
    folder = classifier.save(tmp_path / "runs" / "mine")
    loaded = AcceptabilityClassifier.load(folder)
    texts = SENTENCES + ["Who does she knows?"]
    assert loaded.predict(texts) == classifier.predict(texts)
    names = {path.name for path in folder.iterdir()} - {"SHA256SUMS"}
    assert {Path(name).suffix for name in names} <= {".json", ".safetensors", ".txt"}
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["mine"]


def test_transformers_reads_what_is_saved(classifier, tmp_path):
    folder = classifier.save(tmp_path / "mine")
    theirs, report = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    inputs = classifier.tokenizer(SENTENCES, padding=True, return_tensors="pt")
    with torch.no_grad():
        difference = theirs.eval()(**inputs).logits - classifier.model(**inputs).logits
    assert difference.abs().max() < 1e-5
    assert theirs.config.id2label == {0: "unacceptable", 1: "acceptable"}


def test_nothing_is_written_over(classifier, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="choose another folder"):
        classifier.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_save_that_fails_leaves_nothing(classifier, tmp_path, monkeypatch):
    for error in (OSError("No space left on device"),
                  SafetensorError("No space left on device (os error 28)")):  # fmt: skip

        def full(*arguments, error=error, **keywords):
            raise error

        monkeypatch.setattr(classifier_module, "save_file", full)
        with pytest.raises(OSError, match="mine cannot be written: No space"):
            classifier.save(tmp_path / "mine")
        assert list(tmp_path.iterdir()) == []


def cut_weights(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def pickled_weights(folder):
    torch.save({}, folder / "model.safetensors")


def change_weights(change, name="model"):
    def damage(folder):
        tensors = load_file(folder / f"{name}.safetensors")
        change(tensors)
        save_file(tensors, folder / f"{name}.safetensors", {"format": "pt"})

    return damage


def change_json(name="config.json", **changes):
    def damage(folder):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        content = json.dumps(content | changes)
        (folder / name).write_text(content, encoding="utf-8")

    return damage


def write(name, text):
    return lambda folder: (folder / name).write_text(text)


LAYER = "bert.encoder.layer.1.output.dense.bias"
SWAPPED = {"0": "acceptable", "1": "unacceptable"}
DAMAGE = {
    "weights cut": (cut_weights, "header"),
    "a pickle in the place of weights": (pickled_weights, "header"),
    "a tensor gone": (change_weights(lambda w: w.pop(LAYER)), LAYER),
    "a tensor of NaN": (
        change_weights(lambda w: w[LAYER].fill_(math.nan)), "numbers that are none"
    ),
    "fewer layers": (change_json(num_hidden_layers=1), "differ in bert.encoder.layer.1"),
    "layers without end": (change_json(num_hidden_layers=10**9), "1000000000 layers"),
    "too large for any memory": (change_json(hidden_size=2 * 10**6), "size mismatch"),
    "another kind": (change_json(model_type="roberta"), "'roberta', not 'bert'"),
    "the labels swapped": (
        change_json(id2label=SWAPPED, label2id={v: int(k) for k, v in SWAPPED.items()}),
        "calls its labels",
    ),
    "no JSON": (write("config.json", "{"), "JSON"),
    "another tokenizer": (
        change_json("tokenizer_config.json", tokenizer_class="GPT2Tokenizer"),
        "of BERT's kind",
    ),
    "phenomena that are no list": (write("phenomena.json", '"abc"'), "no list of names"),
    "other phenomena": (write("phenomena.json", '["one"]'), "size mismatch"),
    "phenomena of NaN": (
        change_weights(lambda w: w["bias"].fill_(math.nan), "phenomena"),
        "numbers that are none",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage, message", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_folder_is_refused(classifier, tmp_path, damage, message):
    folder = classifier.save(tmp_path / "mine")
    damage(folder)
    with pytest.raises(ValueError, match=f"(?s)mine cannot be loaded: .*{message}"):
        AcceptabilityClassifier.load(folder)


def flip_a_weight(folder):
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-4] ^= 1  # the last digit of a number: nothing but a sum shows it
    (folder / "model.safetensors").write_bytes(data)


@pytest.mark.parametrize("damage, name", [
    (flip_a_weight, "model.safetensors"),
    (change_json(layer_norm_eps=1e-2), "config.json"),
    (write("phenomena.json", '["verb", "gap", "other"]'), "phenomena.json"),
])  # fmt: skip
def test_what_reads_well_and_is_not_what_was_saved_is_refused(classifier, tmp_path, damage, name):
    folder = classifier.save(tmp_path / "mine")
    damage(folder)
    with pytest.raises(ValueError, match=f"mine cannot be loaded: .*{name}: wrong checksum"):
        AcceptabilityClassifier.load(folder)
    (folder / "SHA256SUMS").unlink()  # as transformers, or an early version, saves
    AcceptabilityClassifier.load(folder)


@pytest.mark.parametrize("name", ["phenomena.json", "phenomena.safetensors"])
def test_phenomena_without_their_other_half_are_refused(classifier, tmp_path, name):
    folder = classifier.save(tmp_path / "mine")
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is not there"):
        AcceptabilityClassifier.load(folder)


def test_code_and_pickles_beside_the_weights_are_never_run(classifier, tmp_path):
    folder = classifier.save(tmp_path / "mine")
    mark = tmp_path / "ran"
    (folder / "evil.py").write_text(
        f"open({str(mark)!r}, 'w')\n"
        f"from transformers import BertConfig as Config, BertTokenizer as Tokenizer\n"
    )
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch x'\ntR.")
    code = {"AutoConfig": "evil.Config", "AutoTokenizer": ["evil.Tokenizer"] * 2}
    change_json(auto_map=code)(folder)
    change_json("tokenizer_config.json", auto_map=code)(folder)
    (folder / "SHA256SUMS").unlink()  # as whoever hides code there would
    loaded = AcceptabilityClassifier.load(folder)
    assert loaded.predict(SENTENCES) == classifier.predict(SENTENCES)
    assert not mark.exists()


def test_a_folder_without_a_classifier(tmp_path):
    with pytest.raises(FileNotFoundError, match="config.json is not there"):
        AcceptabilityClassifier.load(tmp_path / "nothing")


def test_the_losses_of_single_sentences(examples):
    model = tiny()
    found = finetuning.sentence_losses(
        examples.labels, finetuning.probabilities(model, examples)
    )
    inputs, labels = examples.batch(range(len(examples)))
    with torch.no_grad():
        expected = F.cross_entropy(model.eval()(**inputs).logits, labels, reduction="none")
    assert found == pytest.approx(expected.numpy(), abs=1e-5)


@pytest.mark.parametrize(
    "labels, probabilities, message",
    [
        ([1, 0], [0.5], "one length"),
        ([2], [0.5], "0 or 1, not 2"),
        ([1], [1.5], "from 0 to 1"),
        ([1], [math.nan], "from 0 to 1"),
    ],
)
def test_losses_that_cannot_be_had(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        finetuning.sentence_losses(labels, probabilities)
