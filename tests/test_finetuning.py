"""Batches, optimiser, loop, scores and the saved classifier of chapter 3."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from utils import bert, finetuning
from utils.finetuning import AcceptabilityClassifier, Examples
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
    with pytest.raises(ValueError, match="2 sentences, 1 labels"):
        Examples(tokenizer, ["a", "b"], [1])


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


def test_the_groups_are_those_of_the_library():
    theirs = transformers.BertForSequenceClassification(
        bert.to_transformers_config(TINY)
    )
    decay, _ = finetuning.parameter_groups(theirs)
    trainer = transformers.Trainer(theirs, transformers.TrainingArguments(use_cpu=True))
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

    ours = rates(finetuning.linear_schedule)
    theirs = rates(transformers.get_linear_schedule_with_warmup)
    assert ours == pytest.approx(theirs)
    assert max(ours) == pytest.approx(2.0) and ours[-1] == pytest.approx(0, abs=1e-12) or warmup == total


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


def test_the_best_epoch_is_kept(examples, monkeypatch):
    outcomes = iter([0.2, 0.9, 0.4])
    states = []

    def fake(model, validation):
        states.append({n: p.clone() for n, p in model.state_dict().items()})
        share = next(outcomes)
        right = np.asarray(validation.labels, dtype=float)
        wrong = np.arange(len(right)) >= share * len(right)
        return np.where(wrong, 1 - right, right)

    monkeypatch.setattr(finetuning, "probabilities", fake)
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
    ],
)
def test_columns_that_cannot_be_scored(labels, predictions, message):
    with pytest.raises(ValueError, match=message):
        finetuning.confusion(labels, predictions)


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
@pytest.fixture(scope="module")
def classifier(tokenizer):
    examples = Examples(tokenizer, SENTENCES * 12, LABELS * 12)
    model = tiny()
    finetuning.fine_tune(model, examples, learning_rate=3e-3, epochs=8, batch_size=8)
    found = AcceptabilityClassifier(model, tokenizer)
    return found.learn_phenomena([SENTENCES[1], SENTENCES[3]] * 5, ["agreement", "other"] * 5)


def test_it_answers_with_label_probability_and_phenomenon(classifier):
    bad = classifier.predict(SENTENCES[1])
    assert (bad.label, bad.phenomenon, bad.note) == ("unacceptable", "agreement", "")
    assert 0 <= bad.probability < 0.5
    good = classifier.predict(SENTENCES[0])
    assert (good.label, good.phenomenon) == ("acceptable", None)
    assert [p.label for p in classifier.predict(SENTENCES)] == [
        good.label, bad.label, "acceptable", "unacceptable",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text, error, message",
    [
        ("", ValueError, "empty"),
        (" \n\t", ValueError, "empty"),
        ("word " * 511, ValueError, "513 tokens .* 512 positions"),
        (None, TypeError, "a sentence or a list of sentences, not None"),
        (["fine", 7], TypeError, "a sentence or a list of sentences, not 7"),
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
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".safetensors", ".txt"}
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
    def full(*arguments, **keywords):
        raise OSError("No space left on device")

    monkeypatch.setattr(finetuning, "save_file", full)
    with pytest.raises(OSError, match="No space"):
        classifier.save(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def cut_weights(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def drop_a_tensor(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("bert.encoder.layer.1.output.dense.bias")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def fewer_layers(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1}))


def another_kind(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "roberta"}))


def no_json(folder):
    (folder / "config.json").write_text("{")


@pytest.mark.parametrize(
    "damage", [cut_weights, drop_a_tensor, fewer_layers, another_kind, no_json]
)
def test_a_damaged_folder_is_refused(classifier, tmp_path, damage):
    folder = classifier.save(tmp_path / "mine")
    damage(folder)
    with pytest.raises(ValueError, match="cannot be loaded"):
        AcceptabilityClassifier.load(folder)


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
