"""The pre-training engine on one process: packing, loss, order, checkpoints, errors."""

import errno
import gc
import json
import math
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import small_runs
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from small_runs import (
    DOCS, SMALL, TIMES, assert_equal_runs, no_measuring, numbers, steps_saved,
)  # fmt: skip
from transformers import AutoModelForMaskedLM, AutoTokenizer

from utils import sources
from utils.pretraining import (
    PROFILES, MaskedOnly, PretrainingError, Rows, __main__, checkpoints, corpus,
    document_mask, document_numbers, engine, is_held_out, masked_rows, model_config,
    new_model, objective, order, packing, pretrain, processes, publish, read_log, read_paragraphs,
    recipe_for, roberta_ledger, row_of_visit, row_positions, speed, train_tokenizer,
    visits_of_step, write_corpus,
)  # fmt: skip
from utils.pretraining.order import held_out_rows
from utils.pretraining.recipe import BOS, EOS, MASK, PAD
from utils.pretraining_tasks import IGNORED
from utils.sources import formats

RECIPE = recipe_for(
    "smoke", hidden_size=16, intermediate_size=32, row_length=32, steps=6, dropout=0.1,
)  # fmt: skip
@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(speed, "matrix_rate", no_measuring)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run, to compare with and to copy."""
    out = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "matrix_rate", no_measuring)
        return pretrain(DOCS, out, **SMALL)


@pytest.fixture
def copied(finished, tmp_path):
    return Path(shutil.copytree(finished.folder, tmp_path / "run"))


@pytest.fixture
def stopped(copied):
    """The folder of the same run, interrupted after the checkpoint of step 4."""
    shutil.rmtree(copied / "checkpoint-0000006")
    return copied


@pytest.fixture(scope="module")
def model():
    return new_model(replace(RECIPE, dropout=0.0)).eval()


@pytest.fixture(scope="module")
def children():
    """Processes that have torch and transformers loaded before they begin."""
    return small_runs.children()


def written(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def refuses(match, text, out, kind=PretrainingError, **options):
    with pytest.raises(kind, match=match) as raised:
        pretrain(text, out, **{**SMALL, **options})
    return str(raised.value)


# --------------------------------------------------------------------------- sizes
def test_the_full_model_has_the_number_of_parameters_that_was_published():
    ledger = roberta_ledger(model_config(recipe_for("gpu")))
    assert ledger.parameters.iloc[-1] == ledger.counted.iloc[-1] == 83_504_416
    assert ledger.parameters.equals(ledger.counted)


# ------------------------------------------------------------------------- packing
PACKED = torch.tensor([[7, 8, EOS, BOS, 9, EOS, BOS, 10, 11, 12]])


def test_positions_and_numbers_begin_anew_in_each_document():
    assert row_positions(PACKED).tolist() == [[2, 3, 4, 2, 3, 4, 2, 3, 4, 5]]
    assert document_numbers(PACKED).tolist() == [[0, 0, 0, 1, 1, 1, 2, 2, 2, 2]]


def test_the_mask_is_a_square_for_each_document():
    mask = document_mask(PACKED)
    assert mask.shape == (1, 1, 10, 10)
    assert torch.equal(mask[0, 0], torch.block_diag(*(torch.ones(n, n) for n in (3, 3, 4))).bool())


def documents(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [torch.tensor([BOS, *rng.integers(5, 500, n), EOS]) for n in lengths]


def packed_states(model, row):
    return model.roberta(
        row[None], attention_mask=packing.document_mask(row[None]),
        position_ids=packing.row_positions(row[None]),
    ).last_hidden_state[0]  # fmt: skip


def apart(model, docs):
    """The largest difference between documents in a row and each of them alone."""
    with torch.no_grad():
        together = packed_states(model, torch.cat(docs))
        alone = [model.roberta(doc[None]).last_hidden_state[0] for doc in docs]
    return (together - torch.cat(alone)).abs().max().item()


def test_documents_in_a_row_are_as_each_of_them_alone(model, monkeypatch):
    docs = documents([4, 1, 9, 6])
    assert apart(model, docs) < 1e-5
    with monkeypatch.context() as patch:  # every token sees the whole row
        patch.setattr(packing, "document_mask", lambda ids: document_mask(ids) | True)
        assert apart(model, docs) > 1e-3
    with monkeypatch.context() as patch:  # the positions go on over the documents
        patch.setattr(packing, "row_positions", lambda ids: torch.arange(2, 2 + ids.size(1))[None])
        assert apart(model, docs) > 1e-3


def test_rows_are_the_text_and_nothing_is_lost_but_the_end(finished):
    folder = finished.folder / "data"
    train = [doc for doc in DOCS if not is_held_out(doc)]
    for name, docs in (("train", train), ("held_out", list(filter(is_held_out, DOCS)))):
        rows = Rows(folder / f"{name}.bin", finished.corpus.dtype, 32)
        ids = np.concatenate([
            [BOS, *finished.tokenizer(doc, add_special_tokens=False).input_ids, EOS] for doc in docs
        ])  # fmt: skip
        assert np.array_equal(np.concatenate(list(rows)), ids[: len(ids) // 32 * 32])
    assert finished.corpus.documents == len(train) > 480
    assert finished.corpus.characters == sum(map(len, DOCS))
    text = finished.tokenizer.decode(np.concatenate([rows[i] for i in range(len(rows))]))
    assert "<s>Page " in text


# ----------------------------------------------------------------------- objective
def padded_and_packed(lengths, seed=3):
    """The same documents with the same masks: one a row, padded, and all in a row."""
    docs, labels = documents(lengths, seed), []
    for doc in docs:
        labels.append(torch.full_like(doc, IGNORED))
        places = torch.arange(1, len(doc) - 1, 3)
        labels[-1][places] = doc[places]
        doc[places] = MASK
    pad = torch.nn.utils.rnn.pad_sequence
    padded = pad(docs, True, PAD), pad(labels, True, IGNORED)
    return padded, (torch.cat(docs)[None], torch.cat(labels)[None])


def test_the_loss_and_its_gradients_are_those_of_transformers():
    model = new_model(replace(RECIPE, dropout=0.0))
    (ids, labels), packed = padded_and_packed([9, 2, 6, 5])
    theirs = model(ids, attention_mask=(ids != PAD).long(), labels=labels).loss
    theirs.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    ours = MaskedOnly(model)(*packed) / objective.masked_tokens(packed[1])
    ours.backward()
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], atol=1e-5, rtol=1e-4)


def test_a_random_beginning_of_a_document_in_a_row_makes_no_document(model):
    (_, _), (ids, labels) = padded_and_packed([20])
    with torch.no_grad():
        packed = ids.clone()
        packed[0, 4] = BOS  # labels ask for what was there
        assert labels[0, 4] != IGNORED
        states = model.roberta(packed).last_hidden_state  # one document: positions 2, 3, ...
        asked = labels != IGNORED
        logits = model.lm_head(states[asked])
        expected = F.cross_entropy(logits, labels[asked], reduction="sum")
        assert MaskedOnly(model)(packed, labels).item() == pytest.approx(expected.item(), abs=1e-4)


def test_a_batch_without_rows_or_without_masks_costs_nothing(model):
    for rows in (0, 2):
        ids = torch.full((rows, 32), 9)
        loss = MaskedOnly(model)(ids, torch.full_like(ids, IGNORED))
        loss.backward()
        assert loss.item() == 0


@given(st.lists(st.lists(st.integers(0, 3), min_size=12, max_size=12), max_size=5))
@settings(max_examples=50, deadline=None)
def test_pairs_are_those_of_the_mask(rows):
    ids = torch.tensor(rows, dtype=torch.long).reshape(-1, 12)
    assert objective.same_document_pairs(ids) == document_mask(ids).sum()


def training_of(folder, micro_batch=4, **changes):
    recipe = replace(RECIPE, **changes)
    return engine.Training(folder, recipe, processes.Processes(), micro_batch)


def gradients(folder, micro_batch, loss=None, **changes):
    """The gradients of the first update, unclipped."""
    training = training_of(folder, micro_batch, clip=1e9, dropout=0.0, **changes)
    training.optimizer.step = training.schedule.step = training.optimizer.zero_grad = Mock()
    training.update()
    return torch.cat([p.grad.flatten() for p in training.model.parameters()])


@pytest.mark.parametrize("micro_batch", [1, 2, 3])
def test_micro_batches_give_the_gradients_of_the_whole(finished, monkeypatch, micro_batch):
    whole = gradients(finished.folder, 8, batch_size=7)
    parts = gradients(finished.folder, micro_batch, batch_size=7)
    torch.testing.assert_close(parts, whole, atol=1e-6, rtol=1e-4)

    forward = engine.Training.forward  # the mean of the means of the parts, times M / parts

    def mean(self, ids, asked):
        share = math.ceil(7 / math.ceil(7 / micro_batch)) / 7
        masked = objective.masked_tokens(order.masked_rows(self.rows, range(7), self.recipe)[1])
        return forward(self, ids, asked) / objective.masked_tokens(asked) * masked * share

    monkeypatch.setattr(engine.Training, "forward", mean)
    wrong = gradients(finished.folder, micro_batch, batch_size=7)
    assert (wrong - whole).abs().max() > 1e-4


def test_bfloat16_trains_on_a_cpu(finished, tmp_path):
    run = pretrain(DOCS, tmp_path / "run", **SMALL, precision="bfloat16", stop_after=2)
    losses, exact = run.log.loss[1:], finished.log.loss[1:3]
    assert not losses.equals(exact)
    np.testing.assert_allclose(losses, exact, rtol=0.01)
    assert {weight.dtype for weight in numbers(run)[1].values()} == {torch.float32}


def test_a_text_too_short_to_hold_out_a_row_is_learned_from(tmp_path):
    docs = [doc for doc in DOCS if not is_held_out(doc)][:20]
    run = pretrain(docs, tmp_path / "run", **SMALL)
    assert run.corpus.held_out_documents == 0 == len(run.held_out)
    assert run.log.step.tolist() == [1, 2, 3, 4, 5, 6]


def test_matrices_decay_and_biases_and_norms_do_not(finished):
    training = training_of(finished.folder)
    decay = {id(p): g["weight_decay"] for g in training.optimizer.param_groups for p in g["params"]}
    parameters = dict(training.model.named_parameters())
    assert len(decay) == len(parameters)
    for parameter in parameters.values():
        assert decay[id(parameter)] == (0.01 if parameter.ndim > 1 else 0)


def test_the_schedule_counts_updates_not_micro_batches(finished, tmp_path):
    options = SMALL | dict(steps=10, warmup=0.3, learning_rate=3e-3, micro_batch=1, save_every=10)
    log = pretrain(DOCS, tmp_path / "run", **options).log
    rates = [0, 1e-3, 2e-3, *(3e-3 * (10 - step) / 7 for step in range(3, 10))]
    np.testing.assert_allclose(log.learning_rate[1:], rates)


# --------------------------------------------------------------------------- order
@given(rows=st.integers(1, 60), seed=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_every_row_comes_once_an_epoch_and_in_another_order(rows, seed):
    visits = np.arange(3 * rows).reshape(3, rows)
    epochs = [[row_of_visit(int(visit), rows, seed) for visit in epoch] for epoch in visits]
    for epoch in epochs:
        assert sorted(epoch) == list(range(rows))
    if rows > 20:
        assert epochs[0] != epochs[1] != epochs[2]


@given(step=st.integers(0, 1_000), batch_size=st.integers(1, 50), number=st.integers(1, 7))
def test_the_shares_of_the_processes_are_the_batch(step, batch_size, number):
    shares = [list(visits_of_step(step, batch_size, rank, number)) for rank in range(number)]
    assert sum(shares, []) == list(range(step * batch_size, (step + 1) * batch_size))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_no_rank_beyond_the_processes():
    with pytest.raises(ValueError, match="rank 2 of 2"):
        visits_of_step(0, 4, 2, 2)


def rows_of(finished, name="train"):
    return Rows(finished.folder / f"data/{name}.bin", "<u2", 32)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_masks_do_not_depend_on_the_number_of_processes(finished, number):
    rows = rows_of(finished)
    whole = masked_rows(rows, range(10, 15), RECIPE)
    shares = [
        masked_rows(rows, visits_of_step(2, 5, rank, number), RECIPE) for rank in range(number)
    ]
    for one, parts in zip(whole, zip(*shares)):
        assert torch.equal(one, torch.cat(parts))


def test_dynamic_masks_are_of_the_visit_and_static_ones_of_the_row(finished):
    rows = rows_of(finished)
    first = range(len(rows))
    again = [len(rows) + [row_of_visit(len(rows) + v, len(rows), RECIPE.seed) for v in first].index(
        row_of_visit(visit, len(rows), RECIPE.seed)) for visit in first]  # fmt: skip
    for static in (False, True):
        recipe = replace(RECIPE, static_masks=static)
        labels, later = masked_rows(rows, first, recipe)[1], masked_rows(rows, again, recipe)[1]
        assert torch.equal(labels, later) == static
        assert torch.equal(labels, masked_rows(rows, first, recipe)[1])


def test_special_tokens_are_never_asked_for_and_the_rates_are_the_recipes(finished):
    rows = rows_of(finished)
    recipe = replace(RECIPE, mask_rate=0.4, mask=1.0, random=0.0)
    ids, labels = masked_rows(rows, range(2 * len(rows)), recipe)
    asked = labels != IGNORED
    original = torch.where(asked, labels, ids)
    assert original[asked].min() > MASK
    assert (ids[asked] == MASK).all()
    assert asked[original > MASK].float().mean().item() == pytest.approx(0.4, abs=0.01)


def test_held_out_masks_are_frozen(finished):
    rows = rows_of(finished, "held_out")
    once = held_out_rows(rows, range(len(rows)), RECIPE)
    other = replace(RECIPE, mask_rate=0.5, mask=0.1, random=0.9, static_masks=True, seed=7, steps=9)
    for one, again in zip(once, held_out_rows(rows, range(len(rows)), other)):
        assert torch.equal(one, again)


# ---------------------------------------------------------------- kill it, resume it
def test_killed_at_random_moments_it_ends_as_if_nothing_had_been(children, tmp_path):
    options = SMALL | dict(steps=10, save_every=1, evaluate_every=3)
    whole = pretrain(DOCS, tmp_path / "whole", **options)
    out, moments = tmp_path / "killed", random.Random(5)
    for kill in (True, True, True, False):
        before = checkpoints.checkpoints(out)
        args = dict(os.environ), DOCS, out, options | {"resume": bool(before)}
        process = children.Process(target=small_runs.train, args=args)
        process.start()
        while kill and process.is_alive() and checkpoints.checkpoints(out) == before:
            time.sleep(0.01)
        if kill:  # at any moment of the second update, or of its checkpoint
            process.join(moments.uniform(0, 0.05))
            process.kill()
        process.join()
        assert process.exitcode == (-9 if kill else 0)
    assert_equal_runs(whole, out)
    assert not list(out.glob("*.part"))


def test_stopped_and_resumed_it_ends_as_if_nothing_had_been(finished, tmp_path):
    out = tmp_path / "run"
    stopped = pretrain(DOCS, out, **SMALL, stop_after=3)
    assert stopped.log.step.max() == 3
    assert steps_saved(out) == [2, 3]
    pretrain(DOCS, out, **SMALL, resume=True, stop_after=5)
    run = pretrain(DOCS, out, **SMALL, resume=True)
    assert_equal_runs(finished, run)
    assert run.log.drop(columns=TIMES).equals(finished.log.drop(columns=TIMES))
    for name, weight in run.model.state_dict().items():
        assert torch.equal(weight, finished.model.state_dict()[name])


def test_a_finished_run_is_given_back_without_training(copied, finished, monkeypatch):
    monkeypatch.setattr(engine.Training, "update", None)
    monkeypatch.setattr(engine.Training, "save", None)
    for stop_after in (None, 3):
        run = pretrain(DOCS, copied, **SMALL, resume=True, stop_after=stop_after)
        assert run.log.equals(finished.log)
        assert_equal_runs(finished, run)


def test_leftovers_do_no_harm(stopped, finished):
    (stopped / "checkpoint-0000006.part").mkdir()
    (stopped / "checkpoint-0000006.part/model.safetensors").write_bytes(b"half")
    (stopped / "checkpoint-0000005.part").mkdir()
    (stopped / "log.csv.part").write_text("step")
    with open(stopped / "log.csv", "a") as log:
        log.write("4")  # a row that was being written
    assert read_log(stopped / "log.csv").step.tolist() == list(range(7))
    assert_equal_runs(finished, pretrain(DOCS, stopped, **SMALL, resume=True))
    assert not list(stopped.glob("*.part"))


def test_an_earlier_start_without_checkpoint_is_begun_anew(finished, copied):
    for checkpoint in checkpoints.checkpoints(copied):
        shutil.rmtree(checkpoint)
    (copied / "data/train.bin.part").write_bytes(b"1234")
    assert_equal_runs(finished, pretrain(DOCS, copied, **SMALL))
    assert sorted(p.name for p in (copied / "data").iterdir()) == sorted(corpus.DATA_FILES)


def test_interrupted_from_the_keyboard(finished, tmp_path):
    out = tmp_path / "run"

    def interrupt(step, model):
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(DOCS, out, **SMALL, after_evaluation=interrupt)
    assert steps_saved(out) == [2]
    assert read_log(out / "log.csv").step.tolist() == [0, 1, 2, 3, 4]  # what was done is told
    assert_equal_runs(finished, pretrain(DOCS, out, **SMALL, resume=True))


def test_the_log_is_only_added_to(tmp_path, monkeypatch):
    log, written = engine.Log(tmp_path / "log.csv"), []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (written.append(os.fstat(fd).st_ino), fsync(fd)))
    log.score(0, 800.0)
    for step in range(1, 101):
        log.add(step=step, tokens=step, loss=1 / step)
        if step % 10 == 0:
            log.score(step, 2.0)
    log.write()
    assert len(set(written)) == 1 and len(written) <= 7
    read = read_log(tmp_path / "log.csv")
    assert read.astype(float).equals(log.frame())
    assert read.perplexity[0] == math.inf and read.perplexity[10] == math.exp(2)
    again = engine.Log(tmp_path / "log.csv")
    again.keep(50)
    assert read_log(tmp_path / "log.csv").equals(read[:51])
    for content in (b"", b"\xff\n"):
        (tmp_path / "log.csv").write_bytes(content)
        with pytest.raises(ValueError, match="log.csv is no log of a run"):
            read_log(tmp_path / "log.csv")


@pytest.mark.parametrize("broken", ["step,loss\n1,x\n", "", "nothing\n", "step,loss\n0,1\n1,1\n"])
def test_a_damaged_log_is_named(stopped, broken):
    (stopped / "log.csv").write_text(broken)
    refuses(r"log\.csv is damaged .*: bring it back", DOCS, stopped, resume=True)
    (stopped / "log.csv").unlink()
    assert pretrain(DOCS, stopped, **SMALL, resume=True).log.step.tolist() == [4, 5, 6]


# --------------------------------------------------------------------- checkpoints
def test_a_checkpoint_opens_with_transformers_alone(finished):
    newest = checkpoints.checkpoints(finished.folder)[-1]
    model, report = AutoModelForMaskedLM.from_pretrained(newest, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(newest)
    inputs = tokenizer("Page 1: a <mask> thinks.", return_tensors="pt")
    assert inputs.input_ids[0, 0] == BOS and MASK in inputs.input_ids
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(**inputs).logits, finished.model(**inputs).logits)
    names = {path.name for path in newest.iterdir()}
    assert names == {"config.json", "model.safetensors", "optimizer.safetensors", "state.json",
                     "tokenizer.json", "tokenizer_config.json"}  # fmt: skip
    for path in newest.iterdir():
        assert not path.read_bytes().startswith((b"\x80", b"PK"))  # no pickle


def test_the_two_newest_checkpoints_stay(finished):
    assert steps_saved(finished.folder) == [4, 6]


def flip(path, place=0.5, bit=1):
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= bit
    path.write_bytes(data)


refused = pytest.mark.promise(
    "bad texts, tokenizers, checkpoints and settings that the pre-training refuses by name"
)
DAMAGES = {
    "flipped": flip,
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "missing": Path.unlink,
}


@refused
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "config.json"])
def test_a_damaged_checkpoint_is_refused_by_name(copied, name, damage):
    DAMAGES[damage](copied / "checkpoint-0000006" / name)
    said = refuses("checkpoint-0000006 is damaged", DOCS, copied, resume=True)
    assert name in said and "remove that folder to go on from checkpoint-0000004" in said


def test_the_checkpoint_before_a_damaged_one_goes_on(copied, finished):
    flip(copied / "checkpoint-0000006/model.safetensors")
    shutil.rmtree(copied / "checkpoint-0000006")
    assert_equal_runs(finished, pretrain(DOCS, copied, **SMALL, resume=True))


def test_a_flipped_bit_of_the_state_is_refused_or_changes_nothing(stopped, finished):
    state = stopped / "checkpoint-0000004/state.json"
    whole, harmless = state.read_text(), 0
    places = [m.start() for m in re.finditer(r"[\d{}:\"]", whole) if m.start() not in range(
        whole.index('"random"') + 20, whole.index('"tokenizer"') - 20)]  # fmt: skip
    training = training_of(stopped)
    for place in random.Random(2).sample(places, 200):
        data = bytearray(whole.encode())
        data[place] ^= 1
        state.write_bytes(data)
        try:
            training.load()
        except PretrainingError as error:
            assert str(stopped) in str(error)
        else:
            harmless += 1
            assert training.step == 4
            assert training.optimizer.param_groups[0]["lr"] == finished.log.learning_rate[5]
            assert training.schedule.last_epoch == 4
    assert harmless < 100


@pytest.mark.parametrize("key", ["step", "last_epoch"])
def test_a_state_of_another_step_is_refused(stopped, key):
    path = stopped / "checkpoint-0000004/state.json"
    path.write_text(path.read_text().replace(f'"{key}": 4', f'"{key}": 5'))
    refuses("checkpoint-0000004 is damaged", DOCS, stopped, resume=True)


@pytest.mark.parametrize("key", ["seconds", "tokens"])
def test_a_state_that_counts_otherwise_is_refused(stopped, key):
    path = stopped / "checkpoint-0000004/state.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps(state | {key: state[key] + 1}))
    refuses("checkpoint-0000004 is damaged", DOCS, stopped, resume=True)


def test_a_run_of_before_the_sums_of_these_files_goes_on(stopped, finished):
    path, described = stopped / "checkpoint-0000004/state.json", stopped / "data/corpus.json"
    state, corpus = json.loads(path.read_text()), json.loads(described.read_text())
    del state["sums"]["state.json"], corpus["sha256"]
    path.write_text(json.dumps(state))
    described.write_text(json.dumps(corpus))
    (stopped / "tokenizer/SHA256SUMS").unlink()
    assert_equal_runs(finished, pretrain(DOCS, stopped, **SMALL, resume=True))


@pytest.mark.parametrize("state", ["[]", "{}", '"text"', "", "{", "\udcff"])
def test_a_state_that_is_none_is_refused(stopped, state):
    path = stopped / "checkpoint-0000004/state.json"
    path.write_text(state, errors="surrogateescape")
    refuses("checkpoint-0000004 is damaged", DOCS, stopped, resume=True)


# ----------------------------------------------------------------------- full disks
def limited(environment, bytes_, text, out, options):
    """pretrain where no file can be longer than so many bytes; the error, in words."""
    os.environ |= environment
    speed.matrix_rate = no_measuring
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, resource.RLIM_INFINITY))
    try:
        pretrain(text, out, **options)
    except PretrainingError as error:
        return str(error)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)


def test_a_disk_that_takes_no_more_leaves_the_former_checkpoint(
    children, stopped, finished, tmp_path
):
    sizes = {path.stat().st_size for path in (stopped / "checkpoint-0000004").iterdir()}
    sizes |= {(stopped / "log.csv").stat().st_size}
    assert len(sizes) == 7
    with ProcessPoolExecutor(1, children) as pool:
        for size in sorted(sizes):
            resume = SMALL | {"resume": True}
            said = pool.submit(limited, dict(os.environ), size - 1, DOCS, stopped, resume).result()
            assert re.search(r"run cannot be written \(.*File too large.*\): free some space", said)
            assert steps_saved(stopped) == [4]
            assert not list(stopped.glob("checkpoint-*.part"))
        for size in (300, 2_000, 20_000):  # the tokenizer, the ids
            said = pool.submit(
                limited, dict(os.environ), size, DOCS, tmp_path / "new", SMALL
            ).result()
            assert "cannot be written" in said and "free some space" in said
    assert_equal_runs(finished, pretrain(DOCS, stopped, **SMALL, resume=True))
    assert_equal_runs(finished, pretrain(DOCS, tmp_path / "new", **SMALL))


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "place",
    ["checkpoints.save_file", "checkpoints.on_disk", "engine.os.fsync",
     "checkpoints.Path.rename", "checkpoints.Path.write_text"],
)  # fmt: skip
def test_a_full_disk_while_saving(stopped, finished, monkeypatch, place):
    with monkeypatch.context() as patch:
        patch.setattr(f"utils.pretraining.{place}", full)
        refuses("No space left on device.*free some space", DOCS, stopped, resume=True)
    assert steps_saved(stopped) == [4]
    assert not list(stopped.glob("checkpoint-*.part"))
    assert_equal_runs(finished, pretrain(DOCS, stopped, **SMALL, resume=True))


@pytest.mark.parametrize("place", ["Path.replace", "Path.write_text", "Path.mkdir"])
def test_a_full_disk_while_the_text_is_written(tmp_path, finished, monkeypatch, place):
    with monkeypatch.context() as patch:
        patch.setattr(f"utils.pretraining.corpus.{place}", full)
        refuses("No space left on device.*free some space", DOCS, tmp_path / "run")
    assert_equal_runs(finished, pretrain(DOCS, tmp_path / "run", **SMALL))


def test_texts_are_read_in_order_and_named_by_what_they_are(tmp_path, monkeypatch):
    stand_in = Mock(paragraphs=["One.", "Two."])
    stand_in.provenance = Mock(given="wikipedia", substituted=True)
    monkeypatch.setattr(sources, "load_text", lambda name: stand_in)
    file = written(tmp_path / "book.txt", "Three.\n\nFour.")
    for parts in (["kant", file], ["kant", str(file)]):
        name, documents = corpus.open_text(parts)
        assert name == "wikipedia (in the place of kant) + book.txt"
        assert list(documents()) == list(documents()) == ["One.", "Two.", "Three.", "Four."]
    assert list(corpus.open_text(str(file))[1]()) == ["Three.", "Four."]
    documents = ["A document.", "another.txt"]
    assert list(corpus.open_text(documents)[1]()) == documents


# ------------------------------------------------------------------------ bad input
@refused
def test_bad_texts_are_refused(tmp_path, monkeypatch):
    out = tmp_path / "run"
    refuses("the text is empty", [], out)
    for empty in ("", "\n \n\r\n", "\ufeff"):
        refuses("the text is empty", written(tmp_path / "empty.txt", empty), out)
    refuses("a list of texts is empty", [" ", "\n"], out)
    refuses(r"'.*nowhere.txt' is neither a text of the course", tmp_path / "nowhere.txt", out)
    refuses("is neither a text of the course", "word " * 2_000, out)  # a text, not a name
    refuses("'notes.md' is neither", ["wikipedia", "notes.md"], out)
    refuses("is neither", tmp_path, out)
    refuses("a sequence of strings", sources.Text([]).documents + (3,), out)
    refuses("less than one row of 32", written(tmp_path / "short.txt", "Too short."), out)
    place = 70_000 * 2 + 1
    data = b"\xef\xbb\xbf" + "ñ".encode() * 70_000 + b"\xff"
    refuses(rf"bad\.txt: byte {place + 2} is not UTF-8", written(tmp_path / "bad.txt", data), out)
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", full)
        refuses(r"short\.txt cannot be read", tmp_path / "short.txt", tmp_path / "other")
    assert not checkpoints.checkpoints(out)


BAD = {
    "steps": (0, -1, 1.5, "many"), "batch_size": (0,),
    "learning_rate": (0, -1, math.nan, math.inf, "high"),
    "weight_decay": (-1, math.nan), "dropout": (1.1, -0.1), "warmup": (2,), "clip": (0, math.nan),
    "mask_rate": (0, 1.1), "mask": (0.95,), "seed": (-1, 0.5), "hidden_size": (17,),
    "vocab_size": (260,), "precision": ("float16",), "static_masks": ("no",), "layers": (2,),
    "micro_batch": (0, 1.5), "evaluate_every": (0,), "save_every": (-1,), "held_out_rows": (0,),
    "stop_after": (0,), "profile": ("huge",), "device": ("cpuu", "cuda:99"),
}  # fmt: skip


@refused
@pytest.mark.parametrize("name, value", [(name, v) for name, values in BAD.items() for v in values])
def test_bad_values_are_named(tmp_path, name, value):
    said = refuses(name, DOCS, tmp_path / "run", **{name: value})
    assert "\n" not in said
    assert not (tmp_path / "run").exists()


def test_a_text_without_a_row_closes_its_file_once(tmp_path):
    path = tmp_path / "ids"
    path.write_bytes(b"\0" * 8)
    with pytest.raises(PretrainingError, match="less than one row") as raised:
        Rows(path, "uint16", 64)
    other = os.open(path, os.O_RDONLY)  # has the number that became free
    del raised
    gc.collect()
    os.fstat(other)  # raised "Bad file descriptor" when it was closed again
    os.close(other)


def test_several_processes_are_needed_to_shard(tmp_path):
    refuses("start it with torchrun", DOCS, tmp_path / "run", fsdp=True)
    refuses("with fsdp", DOCS, tmp_path / "run", fsdp=True, after_evaluation=print)


def test_folders_of_other_things_are_left_alone(finished, copied, tmp_path):
    refuses("holds a run, up to checkpoint-0000006: resume it", DOCS, copied)
    assert_equal_runs(finished, copied)
    refuses("holds no checkpoint", DOCS, tmp_path / "nothing", resume=True)
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "mine/data").mkdir(parents=True)
    thesis = written(tmp_path / "mine/data/thesis.csv", "years of work")
    refuses("thesis.csv is no file of a run", DOCS, tmp_path / "mine")
    assert thesis.read_text() == "years of work"
    for path in (thesis, thesis / "run", "/proc/nowhere/run"):
        refuses("cannot be written .*choose another folder", DOCS, path)


@refused
def test_a_tokenizer_that_does_not_match_is_refused(finished, tmp_path):
    folder, out = finished.folder / "tokenizer", tmp_path / "run"
    refuses("does not match the model: it has .* and the model 300 rows; set vocab_size",
            DOCS, out, tokenizer=folder, vocab_size=300)  # fmt: skip
    sources.load_tokenizer("bert-base-uncased").save_pretrained(tmp_path / "bert")
    refuses(r"ids 0 to 4 are \[PAD\]", DOCS, out, tokenizer=tmp_path / "bert", vocab_size=40_000)
    refuses("is no folder with a tokenizer", DOCS, out, tokenizer=tmp_path / "nowhere")
    (tmp_path / "broken").mkdir()
    written(tmp_path / "broken/tokenizer.json", "{")
    refuses("broken: no tokenizer can be loaded", DOCS, out, tokenizer=tmp_path / "broken")
    assert not out.exists()


def test_a_tokenizer_of_ones_own(finished, tmp_path):
    shutil.copytree(finished.folder / "tokenizer", tmp_path / "run/tokenizer")
    own = tmp_path / "run/tokenizer"  # as an earlier start left it
    run = pretrain(DOCS, tmp_path / "run", **SMALL, tokenizer=own)
    assert_equal_runs(finished, run)
    other = train_tokenizer(iter(["other words"] * 9), 300, tmp_path / "other")
    assert len(other) < 300
    refuses("trained with another tokenizer", DOCS, tmp_path / "run", resume=True,
            tokenizer=tmp_path / "other")  # fmt: skip
    pretrain(DOCS, tmp_path / "run", **SMALL, resume=True, tokenizer=own)


def test_a_run_may_start_from_a_model(finished, tmp_path):
    newest = checkpoints.checkpoints(finished.folder)[-1]
    first = {}

    def after_evaluation(step, model):
        first.setdefault(step, {k: v.clone() for k, v in model.state_dict().items()})

    run = pretrain(DOCS, tmp_path / "run", **SMALL, start_from=newest,
                   after_evaluation=after_evaluation)  # fmt: skip
    weights = load_file(newest / "model.safetensors")
    assert all(torch.equal(first[0][name], weight) for name, weight in weights.items())
    assert not torch.equal(run.model.lm_head.bias, weights["lm_head.bias"])  # and went on
    assert run.held_out.held_out_loss.iloc[0] == finished.held_out.held_out_loss.iloc[-1]
    refuses("no weights that this recipe's model could start from", DOCS, tmp_path / "other",
            start_from=newest, num_hidden_layers=1)  # fmt: skip
    (tmp_path / "without").mkdir()
    shutil.copytree(newest, tmp_path / "without", dirs_exist_ok=True)
    (tmp_path / "without/model.safetensors").unlink()
    refuses("no weights that", DOCS, tmp_path / "another", start_from=tmp_path / "without")


@refused
@pytest.mark.parametrize(
    "name, value",
    [("learning_rate", 1e-4), ("steps", 7), ("vocab_size", 300), ("row_length", 10**6),
     ("dropout", 0.0), ("seed", 1)],
)  # fmt: skip
def test_another_configuration_is_refused(stopped, name, value):
    was = {**vars(PROFILES["smoke"]), **SMALL}[name]
    refuses(f"another configuration: {name} was {was} and is {value}", DOCS, stopped,
            resume=True, **{name: value})  # fmt: skip


@refused
def test_another_text_is_refused(stopped, tmp_path):
    file = written(tmp_path / "other.txt", "\n\n".join(DOCS))
    refuses("trained on a list of texts.* and other.txt was given", file, stopped, resume=True)
    refuses("resume with the same text", DOCS[1:], stopped, resume=True)
    refuses("resume with the same text", [*DOCS[1:], DOCS[0] + "!"], stopped, resume=True)


@refused
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["train.bin", "held_out.bin"])
def test_damaged_ids_are_noticed(stopped, name, damage):
    DAMAGES[damage](stopped / "data" / name)
    refuses(f"{name} is missing or damaged", DOCS, stopped, resume=True)


@pytest.mark.parametrize(
    "change", [{"dtype": "<u4"}, {"dtype": "u3"}, {"tokens": 5}, {"tokens": "x"}, {"more": 1},
               {"dtype": ">u2"}, {"documents": 7}, {"sha256": "0"}]
)  # fmt: skip
def test_a_damaged_description_of_the_ids_is_noticed(stopped, change):
    path = stopped / "data/corpus.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    refuses("is missing or damaged", DOCS, stopped, resume=True)
    path.write_text("{")
    refuses("corpus.json is missing or damaged", DOCS, stopped, resume=True)
    path.unlink()
    refuses("trained on a lost text", DOCS, stopped, resume=True)


@refused
def test_swapped_ids_are_noticed(stopped, finished):
    write_corpus("a list of texts", reversed(DOCS), finished.tokenizer, stopped / "data")
    refuses("trained on other ids", DOCS, stopped, resume=True)


@refused
def test_a_swapped_tokenizer_is_noticed(stopped):
    shutil.rmtree(stopped / "tokenizer")
    train_tokenizer(iter(DOCS[:50]), 400, stopped / "tokenizer")
    refuses("is not the one that made the ids", DOCS, stopped, resume=True)


@refused
@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "SHA256SUMS"])
def test_a_damaged_tokenizer_is_noticed(stopped, name):
    flip(stopped / "tokenizer" / name)
    refuses("run/tokenizer: no tokenizer can be loaded", DOCS, stopped, resume=True)


def assert_finite_checkpoints(out):
    for checkpoint in checkpoints.checkpoints(out):
        for weight in load_file(checkpoint / "model.safetensors").values():
            assert weight.isfinite().all()
    assert not list(out.glob("*.part"))


@pytest.mark.parametrize("rate", [1e6, 1e20, 1e38])
def test_a_loss_that_is_no_number_stops_the_run(tmp_path, rate):
    options = dict(learning_rate=rate, warmup=0.0, clip=1e9, steps=60, weight_decay=1e3)
    for every, said in ((1, "try a lower learning rate"), (60, r"The loss was (nan|inf) at step")):
        out = tmp_path / f"run {every}"
        with pytest.raises(FloatingPointError, match=said):
            pretrain(DOCS, out, **SMALL | options | dict(save_every=every, evaluate_every=every))
        assert_finite_checkpoints(out)
        assert np.isfinite(read_log(out / "log.csv").loss[1:]).all()


def test_weights_that_are_no_numbers_are_not_saved(tmp_path, monkeypatch):
    def infinite(self):
        loss = update(self)
        if self.step == 4:
            self.model.lm_head.bias.data[3] = math.inf
        return loss

    update = engine.Training.update
    monkeypatch.setattr(engine.Training, "update", infinite)
    options = SMALL | dict(evaluate_every=100)
    with pytest.raises(FloatingPointError, match="The last checkpoint is as it was"):
        pretrain(DOCS, tmp_path / "run", **options)
    assert steps_saved(tmp_path / "run") == [2]
    assert_finite_checkpoints(tmp_path / "run")


def test_a_finished_run_is_published_whole_or_not_at_all(finished, stopped, tmp_path, monkeypatch):
    out = tmp_path / "small"
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_file", full)
        with pytest.raises(PretrainingError, match="small cannot be written"):
            publish.publish(finished.folder, out, "-")
    assert not out.exists()
    monkeypatch.setattr(publish, "SENTENCES", ("a cat <mask>",))  # the rows are short
    card = publish.publish(finished.folder, out, "python -m utils.pretraining")
    formats.check_sums(out, ["README.md", *corpus.TOKENIZER_FILES[:4], "model.safetensors"])
    assert "6 of 4 rows of 32 tokens" in card and "python -m utils.pretraining" in card
    weights, half = numbers(finished)[1], load_file(out / "model.safetensors")
    assert all(torch.equal(half[name], weight.half()) for name, weight in weights.items())
    for run, says in ((finished.folder, "is there already"), (stopped, "is step 4 of 6")):
        with pytest.raises(PretrainingError, match=says):
            publish.publish(run, out, "-")


@pytest.mark.parametrize("file, content, says", [
    ("log.csv", "", "log.csv is no log of a run"),
    ("log.csv", "step,loss\n0,\n", "log.csv is no log of a run"),
    ("log.csv", "step,loss\n1,two\n", "log.csv is no log of a run"),
    ("log.csv", "a,b\n1,2\n", "log.csv is no log of a run"),
    ("data/corpus.json", None, "data holds no ids"),
    ("checkpoint-0000006/state.json", "{", "checkpoint-0000006 is damaged"),
    ("checkpoint-0000006/state.json", "[]", "checkpoint-0000006 is damaged"),
    ("checkpoint-0000006/model.safetensors", "", "checkpoint-0000006 is damaged"),
])  # fmt: skip
def test_a_damaged_run_is_not_published(finished, tmp_path, file, content, says):
    run = shutil.copytree(finished.folder, tmp_path / "run")
    if content is None:
        (run / file).unlink()
    else:
        (run / file).write_text(content)
    with pytest.raises(PretrainingError, match=says):
        publish.publish(run, tmp_path / "small", "-")
    assert not (tmp_path / "small").exists()


# ---------------------------------------------------------------------- the command
def command(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["pretraining", *map(str, arguments)])
    try:
        __main__.main()
        code = 0
    except SystemExit as stop:
        code = stop.code
    return code, *capsys.readouterr()


@pytest.fixture
def book(tmp_path):
    return written(tmp_path / "book.txt", "\r\n\r\n".join(DOCS))


SHORT = (
    "--profile", "smoke", "--hidden-size", 16, "--steps", 3, "--row-length", 32,
    "--threads", 1,
)  # fmt: skip


def test_the_command_trains_and_resumes(book, tmp_path, monkeypatch, capsys):
    arguments = "--text", book, "--out", tmp_path / "run", *SHORT
    code, printed, error = command(monkeypatch, capsys, *arguments)
    assert (code, error) == (0, "")
    assert re.search(r"run: step 3, 384 tokens, .* loss \d\.\d+, held out \d\.\d+\n$", printed)
    again = command(monkeypatch, capsys, *arguments, "--resume")
    assert again == (0, printed, "")


COMMANDS = {
    "is neither a text": ("--text", "nowhere.txt"),
    "steps must be 1 or more": ("--steps", 0),
    "is no folder with a tokenizer": ("--tokenizer", "nowhere"),
    "holds no checkpoint": ("--resume",),
    "cannot be written": ("--out", "/proc/nowhere/run"),
    "a share, from 0 to 1": ("--dropout", 3),
    "threads='0'": ("--threads", 0),
    "device 'gpu' cannot be used": ("--device", "gpu"),
    "less than one row": ("--row-length", 10**6),
    "fsdp needs several processes": ("--fsdp",),
    "The loss was|no numbers": ("--learning-rate", 1e38, "--warmup", 0, "--weight-decay", 1e9),
}


@pytest.mark.parametrize("match", COMMANDS)
def test_the_command_says_in_a_line_what_is_wrong(book, tmp_path, monkeypatch, capsys, match):
    arguments = "--text", book, "--out", tmp_path / "run", *SHORT, *COMMANDS[match]
    code, printed, error = command(monkeypatch, capsys, *arguments)
    assert (code, printed) == (1, "")
    assert re.fullmatch(rf"error: .*({match}).*\n", error)


def test_the_command_interrupted(book, tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(engine.Training, "update", interrupt)
    code, _, error = command(monkeypatch, capsys, "--text", book, "--out", tmp_path / "run", *SHORT)
    assert code == 130 and error.startswith("interrupted: --resume") and error.count("\n") == 1


def test_an_unknown_profile_in_the_environment(book, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROFILE", "huge")
    code, _, error = command(monkeypatch, capsys, "--text", book, "--out", tmp_path / "run")
    assert code == 1 and error.startswith("error: profile 'huge' is unknown")


def test_a_shell_sees_the_error(root, tmp_path):
    bad = written(tmp_path / "bad.txt", b"Good text.\n\n" + b"\xe9t\xe9")
    done = subprocess.run(
        [sys.executable, "-m", "utils.pretraining", "--text", bad, "--out", tmp_path / "run"],
        cwd=root, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(r"error: .*bad\.txt: byte 12 is not UTF-8 .*\n", done.stderr)


# ---------------------------------------------------------------------------- texts
def reference(text):
    """Paragraphs, with all the text in memory."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    paragraphs, lines = [], []
    for line in [*text.split("\n"), ""]:
        if line.strip():
            lines.append(line.strip())
        elif lines:
            paragraphs.append(" ".join(lines))
            lines = []
    return paragraphs


@given(
    text=st.text(st.sampled_from("ab é中🙂\n\r\ufeff\u2028\t"), max_size=40),
    chunk=st.integers(1, 9),
)
@settings(max_examples=300, deadline=None)
def test_paragraphs_do_not_depend_on_how_the_file_is_read(tmp_path_factory, text, chunk):
    path = written(tmp_path_factory.getbasetemp() / "text.txt", text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "CHUNK", chunk)
        assert list(read_paragraphs(path)) == reference(text)


@given(
    data=st.binary(max_size=20).map(lambda data: data + b"\xff"),
    before=st.text(st.sampled_from("aé中🙂"), max_size=12),
    mark=st.booleans(), chunk=st.integers(1, 9),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_the_place_of_a_bad_byte_is_right(tmp_path_factory, data, before, mark, chunk):
    data = mark * b"\xef\xbb\xbf" + before.encode() + data
    with pytest.raises(UnicodeDecodeError) as expected:
        data.decode()
    path = written(tmp_path_factory.getbasetemp() / "bad.txt", data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "CHUNK", chunk)
        place = rf"bad\.txt: byte {expected.value.start} is not UTF-8"
        with pytest.raises(PretrainingError, match=place):
            list(read_paragraphs(path))


def test_a_huge_line_is_cut_and_nothing_is_lost(tmp_path):
    line = "".join(f"{i} " for i in range(400_000)).strip()
    found = list(read_paragraphs(written(tmp_path / "line.txt", line + "\n\nend")))
    assert found[-1] == "end"
    assert "".join(found[:-1]).replace(" ", "") == line.replace(" ", "")
    assert max(map(len, found)) <= corpus.LONGEST + corpus.CHUNK
    lines = "\n".join(["word"] * 300_000)  # a paragraph of many lines
    found = list(read_paragraphs(written(tmp_path / "lines.txt", lines)))
    assert len(found) > 1 and " ".join(found) == lines.replace("\n", " ")


def test_special_tokens_in_a_text_are_letters(finished, tmp_path):
    docs = ["HTML has <s>struck</s> text, <mask> and <pad>."] * 3
    made = write_corpus("x", docs, finished.tokenizer, tmp_path)
    side = "held_out" if made.held_out_documents else "train"
    ids = np.fromfile(tmp_path / f"{side}.bin", made.dtype)
    counts = Counter(ids.tolist())
    assert counts[BOS] == counts[EOS] == 3 and not counts[MASK] and not counts[PAD]
    assert finished.tokenizer.decode(ids[1 : len(ids) // 3 - 1]) == docs[0]
    assert MASK in finished.tokenizer("a <mask>").input_ids  # as before elsewhere


class LargeVocabulary:
    """A tokenizer of 70,000 pieces: a character is its code point."""

    encode_special_tokens = False
    backend_tokenizer = property(lambda self: self)

    def __len__(self):
        return 70_000

    def to_str(self):
        return "large"

    def encode_batch_fast(self, batch, add_special_tokens):
        class Encoding:
            def __init__(self, text):
                self.ids = [ord(letter) for letter in text]

        return list(map(Encoding, batch))


def test_a_large_vocabulary_takes_four_bytes(tmp_path):
    made = write_corpus("x", ["\U00011111" * 100] * 2, LargeVocabulary(), tmp_path)
    assert made.dtype == "<u4"
    assert Rows(tmp_path / "train.bin", made.dtype, 50)[1].tolist() == [0x11111] * 50


def test_rows_know_their_bounds(finished):
    rows = rows_of(finished)
    for row in (-1, len(rows)):
        with pytest.raises(IndexError, match=f"row {row} of {len(rows)}"):
            rows[row]


def growth(megabytes, kind, folder, tokenizer):
    """By how many bytes memory grows at most while a text is written, and rows are read."""
    tokenizer = corpus.load_tokenizer(tokenizer, 500)
    unit = "a cat thinks of the mind 12. " * 35  # 1,015 characters
    length = {"paragraphs": 1, "no line ends": 10**6}[kind]
    with open(folder / "text.txt", "w") as file:
        for i in range(megabytes * 1_000):
            file.write(unit + "\n\n" * ((i + 1) % length == 0))
    status, forget = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def memory(name):
        return int(re.search(rf"{name}:\s+(\d+)", status.read_text())[1]) * 1024

    def write():
        return write_corpus("x", read_paragraphs(folder / "text.txt"), tokenizer, folder)

    def read():
        rows = Rows(folder / "train.bin", "<u2", 32)
        for row in range(0, len(rows), 8):
            rows[row]

    found = []
    for work in (write, read):
        before = memory("VmRSS")
        forget.write_text("5")  # the peak is counted from here
        work()
        found.append(memory("VmHWM") - before)
    return found


@pytest.mark.parametrize("kind", ["paragraphs", "no line ends"])
def test_memory_does_not_grow_with_the_text(children, finished, tmp_path, kind):
    arguments = kind, tmp_path, finished.folder / "tokenizer"
    with ProcessPoolExecutor(1, children, max_tasks_per_child=1) as pool:
        (small, _), (large, reading) = pool.map(growth, (2, 12), *([a] * 2 for a in arguments))
    assert large < 1.3 * small + 10e6
    assert reading < 5e6
