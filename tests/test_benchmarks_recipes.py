"""What the benchmarks of the recipes and of the tokenizers count; nothing here is timed."""

import functools
import itertools
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import finetuning, heads, measure, pretraining, tokenizers
from utils import bert
from utils.finetuning import padding_share, random_classifier
from utils.pretraining import recipe_for, training_work
from utils.pretraining import speed as engine_speed
from utils.pretraining.corpus import read_corpus
from utils.sources import load_dataset, load_text, load_tokenizer

TINY = bert.BertConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
    initializer_range=0.1,
)  # fmt: skip
SMOKE = recipe_for("smoke")


@pytest.fixture(autouse=True)
def known_rate(monkeypatch):
    """The rate of matrix products need not be measured where nothing is timed."""
    for module in (finetuning, pretraining, engine_speed):
        monkeypatch.setattr(module, "matrix_rate", lambda *_: 1e11)


@pytest.fixture(scope="module")
def sentences():
    return load_dataset("cola")["train"].to_pandas().sample(frac=1, random_state=0)


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("bert-base-uncased")


@pytest.fixture(scope="module")
def examples(tokenizer, sentences):
    return finetuning.examples_of(tokenizer, sentences.head(320))


@pytest.fixture(scope="module")
def body():
    return random_classifier(TINY, 0).bert


@pytest.fixture(scope="module")
def paragraphs():
    return load_text("wikipedia").paragraphs[:300]


# ---------------------------------------------------------------------- fine-tuning
def recorded(recipe):
    """The places of each turn of a recipe, as they come: a list of lists of batches."""
    turns, step = [], recipe.step
    call = type(recipe).__call__

    def turn():
        turns.append([])
        return call(recipe)

    def remember(places):
        turns[-1].append(places)
        step(places)

    recipe.step = remember
    return turns, turn


def test_both_recipes_train_on_the_same_sentences_in_each_turn(body, examples):
    seen = {}
    for kind in (finetuning.Book, finetuning.Course):
        turns, turn = recorded(kind(body, examples, 32, 3))
        for _ in range(5):  # more than one pass over the 320 sentences
            turn()
        seen[kind] = turns
    for book, course in zip(*seen.values(), strict=True):
        assert [len(places) for places in book] == [len(places) for places in course] == [32] * 3
        assert sorted(np.concatenate(book)) == sorted(np.concatenate(course))
        assert any(map(np.any, [a != b for a, b in zip(book, course)]))
    course = np.concatenate(sum(seen[finetuning.Course], [])[:10])
    assert sorted(course) == list(range(320))  # each once before any comes again


def test_the_book_pads_to_128_tokens_and_the_course_to_the_longest(body, examples, monkeypatch):
    shapes, forward = [], bert.BertForSequenceClassification.forward

    def watched(self, input_ids, attention_mask):
        shapes.append((tuple(input_ids.shape), int(attention_mask.sum())))
        return forward(self, input_ids=input_ids, attention_mask=attention_mask)

    monkeypatch.setattr(bert.BertForSequenceClassification, "forward", watched)
    for kind in (finetuning.Book, finetuning.Course):
        kind(body, examples, 32, 2)()
    book, course = shapes[:2], shapes[2:]
    assert [shape for shape, _ in book] == [(32, 128)] * 2
    assert all(shape[1] <= examples.lengths.max() for shape, _ in course)
    share = 1 - sum(real for _, real in course) / sum(b * n for (b, n), _ in course)
    batches = list(itertools.islice(finetuning.batches_by_length(examples, 32), 2))
    assert share == pytest.approx(padding_share(examples.lengths, batches))


def test_real_tokens_are_counted_and_padding_is_not(body, examples):
    recipes = [kind(body, examples, 16, 2) for kind in (finetuning.Book, finetuning.Course)]
    turns, turn = recorded(recipes[1])
    for recipe in (recipes[0], turn, recipes[0], turn):
        recipe()
    assert recipes[0].counted == recipes[1].counted  # however much is padded
    for counted, batches in zip(recipes[1].counted, turns, strict=True):
        ids = [examples.input_ids[place] for place in np.concatenate(batches)]
        assert counted["sentences"] == len(ids) == 32
        assert counted["tokens"] == sum(map(len, ids))
        pairs = sum(len(one) ** 2 for one in ids)
        assert counted["operations"] == training_work(TINY, counted["tokens"], 0, pairs)


def test_the_work_is_that_of_the_matrix_products(body, tokenizer):
    """Counted by torch, of sentences of one length: the layers', without pooler and head."""
    lengths = [9] * 4
    model = random_classifier(TINY, 0)
    ids = torch.randint(1000, 2000, (len(lengths), lengths[0]))
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(
        torch.nn.attention.SDPBackend.MATH
    ):
        model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.sum().backward()
    d = TINY.hidden_size
    head = 3 * 2 * len(lengths) * (d * d + 2 * d)
    found = training_work(TINY, sum(lengths), 0, sum(length**2 for length in lengths))
    assert found == counter.get_total_flops() - head


def test_rates_leave_out_the_turn_that_warms_up(body, examples):
    course = finetuning.Course(body, examples, 16, 1)
    found = measure.in_turns({"course": lambda: (course(), 0.5)[1]})  # each takes half a second
    rates = course.rates(found["course"])
    assert len(course.counted) == 6 and len(rates) == 5
    assert rates["sentences"].tolist() == [32.0] * 5
    assert rates["tokens"].tolist() == [2 * one["tokens"] for one in course.counted[1:]]


def test_the_rows_of_the_speed_promise_only_what_batches_of_32_keep(body, examples):
    for batch in (32, 8):
        ratio, share = finetuning.speed_rows(body, examples, batch, batches=1)
        assert (ratio.least, share.least) == ((7, 55) if batch == 32 else (None, None))
        assert (ratio.unit, share.unit) == ("×", "%") and 0 < share.value < 100
        assert ("Batches of 8" in ratio.note) == ("Batches of 8" in share.note) == (batch == 8)
        assert set(ratio.detail["per_second"]) == {"book", "course"}


def test_the_length_of_the_sentences_is_that_of_their_pieces(tokenizer, sentences):
    used = sentences.head(50)
    row = finetuning.length_row(finetuning.examples_of(tokenizer, used))
    ids = tokenizer(list(used["sentence"]))["input_ids"]
    assert row.value == pytest.approx(np.mean([len(one) for one in ids])) and row.kept is None


def test_masking_alone_is_promised_to_save_nothing():
    assert heads.speed_row("masked", 16, 1.9).kept and not heads.speed_row("masked", 16, 2.1).kept
    assert heads.speed_row("pruned", 16, 12.1).kept and not heads.speed_row("pruned", 16, 11.9).kept
    for name in ("pruned", "masked"):
        row = heads.speed_row(name, 4, 5.0, 4.0, 6.0)
        assert row.kept is None and row.detail["quartiles"] == [4.0, 6.0]
    assert "our reading" in heads.speed_row("masked", 16, 0).note


def test_both_recipes_are_scored_after_the_same_sentences(body, tokenizer, sentences, monkeypatch):
    train = finetuning.examples_of(tokenizer, sentences.head(64))
    test = finetuning.examples_of(tokenizer, sentences.tail(60))
    calls, fine_tune = [], finetuning.finetuning.fine_tune

    def watched(model, given, **options):
        calls.append((given, options.get("pad_to"), options["epochs"]))
        return fine_tune(model, given, **options)

    monkeypatch.setattr(finetuning.finetuning, "fine_tune", watched)
    book, course = finetuning.quality_rows(body, train, test)
    assert calls == [(train, 128, 2), (train, None, 2)]
    for row in (book, course):
        assert row.low <= row.value <= row.high and row.detail["train"] == 64
    assert book.kept is None and course.least == book.low
    assert replace(course, value=book.low - 0.01).kept is False


# ---------------------------------------------------------------------------- heads
@pytest.mark.parametrize("quick", [True, False])
def test_a_part_of_the_sentences_breaks_and_keeps_no_promise(
    quick, body, tokenizer, sentences, monkeypatch
):
    monkeypatch.setattr(heads, "in_turns", lambda work: pd.DataFrame([dict.fromkeys(work, 2.0)]))
    rows = heads.asking(random_classifier(TINY, 0), body, tokenizer, sentences, quick)
    assert [row.value for row in rows] == ([20, 20] if quick else [2, 2])
    assert [row.most for row in rows] == ([None, None] if quick else [5, 30])
    assert ["multiplied" in row.note for row in rows] == [quick, quick]


def test_each_round_of_the_pruning_has_a_model_of_its_own(monkeypatch):
    model, pruned, prune_heads = random_classifier(TINY, 0), [], heads.bertology.prune_heads

    def watched(copy, gone):
        pruned.append(copy)
        return prune_heads(copy, gone)

    monkeypatch.setattr(heads.bertology, "prune_heads", watched)
    rows = {row.what: row for row in heads.pruning(model, batches=(1,), repeats=1)}
    assert len({id(one) for one in pruned}) == measure.ROUNDS + 1 and model not in pruned
    assert rows["half of the heads pruned: the pruning itself"].value > 0
    sizes = rows["half of the heads pruned: parameters gone"].detail
    assert sizes["before"] - sizes["after"] == TINY.num_hidden_layers * (4 * 32 * 16 + 3 * 16)


# --------------------------------------------------------------------- pre-training
@pytest.fixture(scope="module")
def bench(paragraphs, tmp_path_factory):
    return pretraining.Bench(SMOKE, paragraphs, tmp_path_factory.mktemp("bench"))


def test_both_recipes_have_the_same_paragraphs(bench):
    """The lines of the one and the rows of the other are the text that is trained on, once."""
    decode = functools.partial(bench.tokenizer.decode, clean_up_tokenization_spaces=False)
    lines = bench.tokenizer(pretraining.lines_of(bench.training, "wrapped"))["input_ids"]
    read = [decode(ids, skip_special_tokens=True) for ids in lines]
    assert " ".join(read).split() == " ".join(bench.training).split()
    packed = np.fromfile(bench.out / "data/train.bin", read_corpus(bench.out / "data").dtype)
    documents = decode(packed.tolist()).replace("<s>", "").split("</s>")
    assert [one for one in documents if one] == bench.training
    assert bench.training and bench.held_out and not set(bench.training) & set(bench.held_out)


def test_the_reference_counts_real_tokens_and_the_engine_whole_rows(bench):
    reference, engine = bench.reference("wrapped"), bench.engine()
    batches, collate = [], reference.data_collator

    def watched(examples):
        batches.append(sum(len(example["input_ids"]) for example in examples))
        return collate(examples)

    reference.data_collator = watched
    _, tokens, work = reference.steps(2)
    assert tokens == sum(batches[:2]) and work > 0
    _, tokens, work = engine.steps(3)
    assert tokens == 3 * SMOKE.batch_size * SMOKE.row_length and work > 0
    assert engine.step == 3


def test_what_is_learned_is_compared_after_the_same_time(bench):
    """Of a step of 0.5 s and one of 0.25 s: 4 s are 8 and 16 steps, the engine's schedule too."""
    class Known:
        def step_seconds(self, name):
            return {"reference": 0.5, "engine": 0.25}[name]

    schedules, engine = [], bench.engine

    def remembered(**changes):
        schedules.append(changes)
        return engine(**changes)

    bench.engine = remembered
    try:
        found = pretraining.losses_after(bench, {"wrapped": Known()}, 4)
    finally:
        del bench.engine
    assert {name: one["steps"] for name, one in found.items()} == {
        "reference, wrapped": 8, "engine": 16}
    assert schedules == [{"steps": 16}]
    for one in found.values():
        assert all(0 < one[kind] < 10 for kind in ("packed", "wrapped", "paragraphs"))
    book, engine, lower = pretraining.loss_rows(120, found)
    assert book.value == found["reference, wrapped"]["wrapped"]
    assert engine.value == found["engine"]["wrapped"] and lower.value == book.value - engine.value
    assert lower.least == 0.3 and pretraining.loss_rows(60, found)[2].least is None


def test_the_rows_say_what_was_found_and_promised():
    found = measure.in_turns({"reference": lambda: 5.0, "engine": lambda: 12.0,
                              pretraining.RATE: lambda: 100.0})
    turns = {name: pretraining.Turn(None, 1) for name in ("reference", "engine")}
    for turn in turns.values():
        turn.tokens, turn.work, turn.steps = 10, 50, 1
    speed = pretraining.Speed("wrapped", found, turns)
    ratio, share = pretraining.tokens_row("cpu", speed, 2.2), pretraining.share_row("cpu", speed)
    assert (ratio.value, ratio.kept) == (2.4, True) and "cpu, wrapped" in ratio.what
    assert (share.value, share.least, share.unit) == (60, 50, "%")
    assert ratio.detail["engine"]["tokens_per_second"] == 12


@pytest.fixture
def engine_alone(monkeypatch):
    """The engine for the reference too: Trainer is slow to begin, and is tested above."""
    monkeypatch.setattr(pretraining.Bench, "reference", lambda bench, *_, **__: bench.engine())


def test_every_promise_has_its_row_and_a_quick_run_those_that_it_can_measure(
    engine_alone, monkeypatch
):
    monkeypatch.setattr(pretraining, "recipe_for", lambda *_, **__: SMOKE)
    monkeypatch.setattr(pretraining, "QUICK_TEXT", 300)
    monkeypatch.setattr(pretraining, "TURN", 0.001)
    loss = {"packed": 6.0, "wrapped": 6.0}
    monkeypatch.setattr(pretraining, "losses_after", lambda bench, speeds, seconds: {
        "reference, wrapped": {name: 7.0 for name in loss}, "engine": loss})
    whole, quick = pretraining.rows(False), pretraining.rows(True)
    assert [row.least for row in whole] == [
        2.2, 2.2, 2.5, 50, 50, *[None] * 5, 0.3, *[None] * 3]
    assert [row.what for row in quick] == [whole[0].what, whole[3].what]
    assert len({row.what for row in whole}) == 14
    assert [row.value for row in whole[5:]] == [7, 6, 1] * 3


def test_the_tables_are_those_that_chapter_4_reads(paragraphs, engine_alone):
    found = pretraining.tables({"cpu": SMOKE, "kantai": SMOKE}, paragraphs, 0.001, 0.05)
    kept = json.loads(pretraining.RESULTS.read_text())
    for model, lines in (("cpu", 8), ("kantai", 4)):
        assert len(found["speed"][model]) == lines
        assert {*found["speed"][model][0]} == {*kept["speed"][model][0]}
    assert [(row["lines"], row["recipe"]) for row in found["speed"]["cpu"]] == [
        (row["lines"], row["recipe"]) for row in kept["speed"]["cpu"]]
    assert [[*row] for row in found["quality"]] == [[*row] for row in kept["quality"]]
    assert [row["recipe"] for row in found["quality"]] == [
        row["recipe"] for row in kept["quality"]]
    json.dumps(found)


# ----------------------------------------------------------------------- tokenizers
def test_the_rows_of_bpe_are_of_the_same_text(paragraphs):
    training, encoding = tokenizers.bpe_rows(paragraphs[:40], 30, paragraphs[40:60])
    assert training.detail["merges"] == 30 and training.value > 0
    sizes = [tokenizers.megabytes_of(texts) for texts in (paragraphs[:40], paragraphs[40:60])]
    assert [training.detail["megabytes"], encoding.detail["megabytes"]] == sizes
    assert sizes[0] == len("".join(paragraphs[:40]).encode()) / 1e6
    for row in (training, encoding):
        seconds, rate = row.detail["seconds"], row.detail["megabytes_per_second"]
        for name in ("course", "library"):
            assert seconds[name] * rate[name] == pytest.approx(row.detail["megabytes"])


def test_only_the_promised_training_has_the_promised_row(paragraphs, monkeypatch):
    monkeypatch.setattr(tokenizers, "MERGES", 30)
    monkeypatch.setattr(tokenizers, "TRAINED_ON", tokenizers.megabytes_of(paragraphs[:40]))
    rows = tokenizers.bpe_rows(paragraphs[:40], 30, paragraphs[40:42])
    assert rows[0].most == 60 and rows[0].value == np.median(rows[0].detail["seconds"])
    assert all(row.most is None
               for row in tokenizers.bpe_rows(paragraphs[:39], 30, paragraphs[40:42]))


def test_other_merges_are_refused_before_anything_is_timed(paragraphs, monkeypatch):
    library_training = tokenizers.library_training
    monkeypatch.setattr(tokenizers, "library_training",
                        lambda texts, merges: library_training(texts, merges - 1))
    monkeypatch.setattr(measure, "in_turns", lambda *_: pytest.fail("it was timed"))
    with pytest.raises(ValueError, match="the vocabularies differ: '.+' has the id 290 .* None"):
        tokenizers.bpe_rows(paragraphs[:40], 30, paragraphs[40:42])


def test_other_ids_are_refused_before_anything_is_timed(tokenizer, paragraphs, monkeypatch):
    monkeypatch.setattr(measure, "in_turns", lambda *_: pytest.fail("it was timed"))
    monkeypatch.setattr(tokenizers, "new_wordpiece",
                        lambda _: lambda text: tokenizer(text.upper() + "s")["input_ids"])
    with pytest.raises(ValueError, match="other ids of text 0: "):
        tokenizers.wordpiece_row(tokenizer, paragraphs[:3])
    tokenizers.require_same_ids(len, len, ["a", "b"])


def test_wordpiece_reads_whole_texts_and_says_that_training_is_not_taught(tokenizer):
    long = " ".join(["word"] * 700)  # more than any model reads
    row = tokenizers.wordpiece_row(tokenizer, [long])
    assert row.value > 0 and "not taught" in row.note
    assert len(tokenizers.new_wordpiece(tokenizer)(long)) == 702


def test_a_tokenizer_anew_has_no_truncation_or_padding(tokenizer):
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.enable_truncation(8)
    backend.enable_padding(length=16)
    assert len(tokenizers.library_ids(tokenizers.fresh(backend))("a b c")) == 5
    assert len(tokenizers.library_ids(backend)("a b c")) == 16
