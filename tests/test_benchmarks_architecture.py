"""What the benchmarks of models compare, count and fit; how long anything takes is not asked."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks import architecture, gpu, measure, scaling
from benchmarks.architecture import Side, Sizes
from utils import pretraining as pretraining_package
from utils.bert import BertConfig
from utils.pretraining import engine, recipe_for, train_tokenizer
from utils.pretraining.corpus import read_corpus
from utils.sources import SourceError, load_text
from utils.sources.formats import Text
from utils.transformer import TransformerConfig

CPU = torch.device("cpu")
BERT = BertConfig(
    vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=32, max_position_embeddings=32,
)  # fmt: skip
TINY = Sizes(
    attention=(3, 2, 10, 4),
    layer=TransformerConfig(
        vocab_size=3, hidden_size=8, num_attention_heads=2, intermediate_size=16, dropout=0.0
    ),
    bert=BERT, cases=((3, 11),), lengths=(8, 16), tokens=16, seconds=0.0, case_rounds=6,
)  # fmt: skip
MASKS = dict(architecture.masks(3, 10, CPU))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def rate(monkeypatch):
    """A machine of 10 TFLOP/s, whichever this one is."""
    monkeypatch.setattr(gpu, "matrix_rate", lambda device, dtype: 10e12)
    monkeypatch.setattr(engine.speed, "matrix_rate", lambda device, dtype: 10e12)


# ---------------------------------------------------------------- the same numbers
def test_masks_hide_what_they_say():
    assert MASKS["no mask"] is None
    assert MASKS["padding mask"].flatten(1).tolist() == [[True] * 8 + [False] * 2] * 3
    assert torch.equal(MASKS["causal mask"][0, 0], torch.ones(10, 10).tril().bool())


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("library", [architecture.math_path, F.scaled_dot_product_attention])
def test_both_attentions_are_one_function(mask, library):
    sides = architecture.attention_sides(TINY.attention, MASKS[mask], CPU, library)
    gradients = same_gradients(**sides)
    assert len(gradients) == 3  # of query, key and value
    for one, other in gradients:
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("mask", ["no mask", "padding mask"])
def test_both_layers_are_one_function(mask):
    sides = architecture.layer_sides(TINY.layer, 3, 10, CPU, MASKS[mask])
    torch.testing.assert_close(*same_gradients(**sides)[0])  # of the input; weights are packed
    torch.testing.assert_close(*map(gradient_norm, sides.values()))


@pytest.mark.parametrize("padding", [0, 2])
def test_both_berts_are_one_function(padding):
    models = architecture.berts(replace(BERT, dropout=0.0), CPU)
    gradients = same_gradients(**architecture.bert_sides(models, 3, 11, padding))
    assert all(model.training for model in models)
    assert len(gradients) == len(list(models[0].parameters()))
    for one, other in gradients:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def gradient_norm(side):
    side.forward()
    return sum(gradient.square().sum() for gradient in side.backward())


def same_gradients(ours, theirs):
    """Pairs of gradients of two sides, some of them not zero; their outputs are equal."""
    ours.forward()
    theirs.forward()
    torch.testing.assert_close(ours.output, theirs.output)
    gradients = list(zip(ours.backward(), theirs.backward()))
    assert max(one.abs().max() for one, _ in gradients) > 1e-3
    return gradients


def test_what_is_not_the_same_is_not_timed(monkeypatch):
    by_hand = architecture.scaled_dot_product_attention

    def wrong(*arguments):
        output, weights = by_hand(*arguments)
        return 1.001 * output, weights

    monkeypatch.setattr(architecture, "scaled_dot_product_attention", wrong)
    monkeypatch.setattr(architecture, "compare", lambda *_: pytest.fail("it was timed"))
    with pytest.raises(ValueError, match="attention of .* differ by 1.0e-03 and 1.0e-03 of"):
        architecture.attention_row("no mask", None, TINY, CPU)


def test_a_bert_with_another_weight_is_found():
    models = architecture.berts(BERT, CPU)
    with torch.no_grad():
        models[0].bert.encoder.layers[1].feed_forward.expand.weight[0, 0] += 0.5
    with pytest.raises(ValueError, match="BERT, 3 x 11: outputs and gradients differ"):
        architecture.bert_sides(models, 3, 11)


@pytest.mark.parametrize("difference", [2e-4, float("nan")])
def test_a_difference_and_no_number_are_errors(difference):
    architecture.require_same("x", 1e-5, 5e-5)
    with pytest.raises(ValueError, match="x: outputs and gradients differ"):
        architecture.require_same("x", 1e-5, difference)
    with pytest.raises(ValueError, match="x: outputs and gradients differ"):
        architecture.require_same("x", difference, 1e-5)


# ------------------------------------------------------------------------ the memory
def test_what_is_kept_is_counted_once_and_whole_without_the_parameters():
    x, w = torch.randn(4, 5, requires_grad=True), torch.randn(4, 5, requires_grad=True)
    assert Side(lambda: (x * w).exp(), (x,), (w,)).kept_bytes() == 80 + 80  # x, and the result
    assert Side(lambda: (x * w).exp(), (x, w)).kept_bytes() == 3 * 80
    assert Side(lambda: x @ x.T, (x,)).kept_bytes() == 80  # two views of one storage
    assert Side(lambda: x[:1] * 2 * w[0], (x, w)).kept_bytes() == 20 + 80  # a view keeps it whole
    assert Side(lambda: x + w, (x, w)).kept_bytes() == 0


def test_attention_by_hand_keeps_its_weights_and_the_fused_kernel_does_not():
    batch, heads, length, size = shape = 3, 2, 10, 4
    vectors, weights = 4 * batch * heads * length * size, 4 * batch * heads * length**2
    sides = architecture.attention_sides(shape, None, CPU, F.scaled_dot_product_attention)
    assert sides["ours"].kept_bytes() == 3 * vectors + weights
    # Query, key, value, output, and of each query the logarithm of the sum.
    assert 4 * vectors < sides["theirs"].kept_bytes() < 3 * vectors + weights
    row = architecture.memory_row("memory", sides)
    assert row.value == sides["ours"].kept_bytes() / sides["theirs"].kept_bytes() > 1


# -------------------------------------------------------------------------- the rows
def test_every_comparison_has_its_rows():
    rows = architecture.rows_on(CPU, TINY)
    names = [row.what for row in rows]
    assert len(set(names)) == len(names) == 15
    assert all(row.value > 0 and row.unit == "×" for row in rows)
    promised = [row for row in rows if row.most is not None]
    assert [row.what.split(",")[0] for row in promised] == [
        "attention by hand / PyTorch's math path"
    ] * 3 + ["BERT / transformers' BERT"]
    assert {row.most for row in promised} == {1.1}
    slowest = promised[-1]
    assert list(slowest.detail) == [
        f"3 x 11, dropout {dropout}, {padded} padded" for dropout in (0.1, 0.0) for padded in (0, 2)
    ]
    assert slowest.value == max(case["ratio"] for case in slowest.detail.values())
    assert {case["rounds"] for case in slowest.detail.values()} == {6}
    forward = next(row for row in rows if row.what.endswith("math path, forward, 16 positions"))
    assert list(forward.detail["by length"]) == ["8", "16"]
    assert forward.detail["by length"]["16"]["ratio"] == forward.value
    memory = next(row for row in rows if row.what.endswith("Layer, memory, at most"))
    assert memory.value == max(one["ratio"] for one in memory.detail["by length"].values())


def test_rounds_fill_the_time_and_are_five_at_least(monkeypatch):
    monkeypatch.setattr(architecture, "seconds", lambda work, device: work())
    turns = {"ours": lambda: 0.1, "theirs": lambda: 0.2}
    for enough, rounds in ((0.0, 5), (3.1, 10), (1000.0, 50)):
        assert len(architecture.compare(turns, CPU, enough)) == rounds
    row = architecture.ratio_row("x", architecture.compare(turns, CPU, 1), "ours", "theirs", 0.4)
    assert row.value == pytest.approx(0.5) and not row.kept
    assert row.detail == pytest.approx({"ours_ms": 100, "theirs_ms": 200, "rounds": 5})


# ------------------------------------------------------------------------- how it grows
def test_the_fit_recovers_an_exponent():
    sizes = [2, 4, 8, 16, 32]
    exact = scaling.fit(sizes, [3 * size**1.7 for size in sizes])
    assert exact["exponent"] == pytest.approx(1.7) and exact["r2"] == pytest.approx(1)
    assert exact["interval"] == pytest.approx([1.7, 1.7])
    noise = np.exp([0.1, -0.2, 0.0, 0.2, -0.1])
    noisy = scaling.fit(sizes, [3 * size**1.7 * e for size, e in zip(sizes, noise)])
    low, high = noisy["interval"]
    assert low < 1.7 < high and noisy["exponent"] == pytest.approx((low + high) / 2)
    assert 0.9 < noisy["r2"] < 1
    assert "interval" not in scaling.fit([1, 2], [1, 2])  # a line goes through any two points


def test_the_row_has_the_exponent_of_the_larger_half():
    costs = {1: 1.0, 2: 2.0, 4: 4.0, 8: 16.0, 16: 64.0, 32: 256.0}  # linear, then square
    row = scaling.fitted_row("x", costs)
    assert row.value == pytest.approx(2) == row.detail["larger half"]["exponent"]
    assert [row.low, row.high] == row.detail["larger half"]["interval"]
    assert row.low <= 2 <= row.high or row.low == pytest.approx(2) == row.high
    assert 1 < row.detail["all"]["exponent"] < 2
    assert row.detail["seconds"] == {str(size): cost for size, cost in costs.items()}
    two = scaling.fitted_row("x", {1: 1.0, 10: 10.0})  # has no half, and no interval
    assert two.value == pytest.approx(1) and two.low is two.high is None


def test_every_size_of_a_model_takes_its_turns():
    sizes = scaling.Sizes(lengths=(4, 8), batches=(1, 2), widths=(64, 128))
    rows = [scaling.exponent_row(*growing) for growing in scaling.models(sizes)]
    assert [list(row.detail["seconds"]) for row in rows] == [
        ["4", "8"], ["4", "8"], ["1", "2"], ["64", "128"]
    ]  # fmt: skip
    assert len({row.what for row in rows}) == 4


@pytest.fixture(scope="module")
def paragraphs():
    return load_text("wikipedia").paragraphs[:300]


def test_text_becomes_ids_and_the_memory_is_read(paragraphs, tmp_path, monkeypatch):
    for name in ("TOKENIZERS_PARALLELISM", "TQDM_DISABLE"):  # text_to_ids sets them for good
        monkeypatch.setenv(name, "false")
    train_tokenizer(paragraphs, 500, tmp_path / "tokenizer")
    (tmp_path / "text.txt").write_text("\n\n".join(paragraphs), "utf-8")
    found = scaling.text_to_ids(tmp_path)
    assert read_corpus(tmp_path / "data").characters == sum(map(len, paragraphs))
    assert found["seconds"] > 0 and found["processor_seconds"] > 0
    assert 50 < found["before_mb"] <= found["peak_mb"] < 20_000


def test_a_text_of_a_megabyte_in_a_process_of_its_own():
    [(size, found)] = scaling.corpora((1,), budget=60)
    assert size == 1 and found["peak_mb"] > 50 and 50 < found["training_mb"] < 20_000


def corpora_that_take(seconds_per_megabyte, megabytes, budget, monkeypatch):
    """The sizes that are tried where a megabyte takes so long; no text is written."""
    from benchmarks import pretraining

    written = []
    monkeypatch.setattr(pretraining_package, "train_tokenizer", lambda *_: None)
    monkeypatch.setattr(pretraining, "write_text", lambda _, size, path: written.append(size))
    monkeypatch.setattr(
        scaling, "alone", lambda *_: {"seconds": seconds_per_megabyte * written[-1] / 10**6}
    )
    sizes = [size for size, _ in scaling.corpora(megabytes, budget)]
    assert written == [size * 10**6 for size in sizes]
    return sizes


def test_the_largest_text_is_what_the_time_allows(monkeypatch):
    sizes = scaling.Sizes().megabytes
    assert sizes == (10, 30, 100, 300, 1_000)
    assert corpora_that_take(0.1, sizes, 200, monkeypatch) == [*sizes]
    assert corpora_that_take(1.0, sizes, 1_020, monkeypatch) == [10, 30, 100, 300, 580]
    assert corpora_that_take(1.0, sizes, 445, monkeypatch) == [10, 30, 100, 300]


def test_memory_that_grows_breaks_the_promise():
    sizes = scaling.Sizes()
    found = {size: {"seconds": size / 2, "peak_mb": 500.0} for size in sizes.megabytes}
    row = scaling.memory_row(found, sizes)
    assert row.value == 1 and row.kept and scaling.largest_row(found, sizes).kept
    assert row.detail["300 MB"]["mb_per_second"] == 2
    found[1_000]["peak_mb"] = 600.0
    assert not scaling.memory_row(found, sizes).kept
    del found[1_000]
    row = scaling.memory_row(found, sizes)
    assert row.value == 1 and row.kept is None  # nothing was seen of 1 GB
    largest = scaling.largest_row(found, sizes)
    assert largest.value == 300 and largest.kept is False and "too long" in largest.note
    for one in found.values():
        one["peak_mb"] = None
    row = scaling.memory_row(found, sizes)
    assert row.value is None and "Linux" in row.note


def test_a_quick_run_has_no_training(monkeypatch):
    one = {"seconds": 1.0, "processor_seconds": 1.0, "peak_mb": 500.0}
    monkeypatch.setattr(scaling, "corpora", lambda sizes, budget, training: [
        (size, one | ({"training_mb": 600.0} if training else {})) for size in sizes])
    works = [[row.what.split(", ")[1] for row in scaling.corpus_rows(sizes) if "memory" in row.what]
             for sizes in (scaling.QUICK, scaling.Sizes())]
    assert works == [["text to ids"], ["text to ids", "a short training"]]


def test_a_training_on_each_text_has_its_own_row():
    sizes = scaling.Sizes()
    found = {size: {"seconds": 1.0, "peak_mb": 500.0, "training_mb": 600.0 + size / 10}
             for size in sizes.megabytes}
    row = scaling.memory_row(found, sizes, "a short training", "training_mb")
    assert "a short training" in row.what
    assert row.value == pytest.approx(700 / 601) and row.kept is False
    found[1_000]["training_mb"] = 610.0
    assert scaling.memory_row(found, sizes, "a short training", "training_mb").kept


# ----------------------------------------------------------------------------- the GPU
@pytest.mark.parametrize(
    "has, quick, why",
    [(False, False, "no GPU"), (False, True, "no GPU"), (True, True, "a quick run")],
)
def test_a_promise_that_is_not_measured_says_why(has, quick, why, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has)
    rows = gpu.rows(quick)
    assert [(row.what, row.value, row.kept) for row in rows] == [
        (what, None, None) for what in gpu.PROMISES
    ]
    bounds = {row.what: (row.unit, row.least, row.most) for row in rows}
    assert bounds[gpu.KANTAI] == ("%", 35, None) and bounds[gpu.FINE_TUNING] == ("s", None, 60)
    assert all(why in row.note for row in rows)


def test_with_a_gpu_every_promise_is_measured_on_it(monkeypatch):
    devices = []

    def measured(what):
        def row(device, *_):
            devices.append(device.type)
            return measure.Row(what, 1.0)

        return row

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(architecture, "rows_on", lambda *at: [measured("compared")(*at)])
    monkeypatch.setattr(gpu, "half_rows", lambda *at: [measured(what)(*at) for what in gpu.PARTS])
    monkeypatch.setattr(gpu, "encoder_row", measured(gpu.ENCODER))
    monkeypatch.setattr(gpu, "pretraining_rows", lambda *at: [
        measured(what)(*at) for what in (gpu.KANTAI, gpu.KANTAI_TIME, gpu.KANTAI_LOSS)])
    monkeypatch.setattr(gpu, "fine_tuning_row", measured(gpu.FINE_TUNING))
    names = [row.what for row in gpu.rows(quick=False)]
    assert names == ["compared", *gpu.PROMISES] and set(devices) == {"cuda"}


def test_the_parts_beside_the_libraries_compute_in_half_precision(monkeypatch):
    """Here on the processor, which has bfloat16 too."""
    types, row_of = [], architecture.row_of
    monkeypatch.setattr(gpu, "half_precision_on_gpu",
                        lambda device: torch.autocast(device.type, torch.bfloat16))

    def watched(what, turns, *sizes):
        for turn in turns.values():
            side = turn.__self__
            side.forward()
            types.append(side.output.dtype)
            assert all(gradient.isfinite().all() for gradient in side.backward())
        return row_of(what, turns, *sizes)

    monkeypatch.setattr(architecture, "row_of", watched)
    rows = gpu.half_rows(CPU, TINY)
    assert [row.what for row in rows] == gpu.PARTS and all(row.value > 0 for row in rows)
    # A LayerNorm and a loss end in float32, an attention in what its products had.
    assert types == [torch.bfloat16] * 2 + [torch.float32] * 4


def test_kant_is_read_where_he_is_to_be_had(monkeypatch):
    def missing(name):
        if name == "kant":
            raise SourceError("not there")
        return given[name]

    given = {name: load_text(name) for name in ("wikipedia", "kant")}
    assert gpu.kant() == (given["kant"].paragraphs, gpu.INSTEAD)  # pip installs none of it
    monkeypatch.setattr(gpu, "load_text", missing)
    assert gpu.kant() == (given["wikipedia"].paragraphs, gpu.INSTEAD)
    source = replace(given["kant"].provenance, given="kant")
    books = Text(given["kant"].documents[:2], source)
    monkeypatch.setattr(gpu, "load_text", lambda name: books)
    assert gpu.kant() == (books.paragraphs, "")


def test_a_share_is_that_of_the_rate_beside_it(rate):
    row = gpu.share_row(gpu.KANTAI, lambda: 4e12, CPU, 5)
    assert row.value == pytest.approx(40) and row.kept and row.unit == "%"
    assert row.detail == pytest.approx(
        {"work_teraflops": 4, "rate_teraflops": 10, "numbers": "torch.float32"}
    )
    assert not gpu.share_row(gpu.KANTAI, lambda: 3e12, CPU, 5).kept


def test_the_work_of_bert_is_that_of_its_layers(rate, monkeypatch):
    calls = []
    monkeypatch.setattr(architecture, "seconds", lambda work, device: calls.append(work()) or 0.5)
    row = gpu.encoder_row(CPU, BERT, batch=3, length=11, steps=2, rounds=5)
    weights = 4 * 16 * 16 + 2 * 16 * 32  # of a layer
    needed = 2 * (6 * 33 * weights + 12 * 3 * 11**2 * 16)  # of two layers
    assert row.detail["work_teraflops"] == pytest.approx(2 * needed / 0.5 / 1e12)
    assert row.value == pytest.approx(100 * 2 * needed / 0.5 / 10e12)
    assert len(calls) == 6 and row.most is row.least is None


def test_the_engine_reports_the_work_of_its_steps(paragraphs, rate, monkeypatch):
    monkeypatch.setattr(engine.speed, "training_work", lambda *_: 6e9)
    monkeypatch.setattr(architecture, "seconds", lambda work, device: work() and 2.0)
    recipe = recipe_for("smoke", steps=12)
    [row, *_] = gpu.pretraining_rows(
        CPU, recipe, paragraphs, micro_batch=2, steps=2, rounds=5, compile=False
    )
    assert row.detail["work_teraflops"] == pytest.approx(2 * 6e9 / 2.0 / 1e12)
    assert row.what == gpu.KANTAI and row.least == 35
    assert row.value == pytest.approx(100 * 2 * 6e9 / 2.0 / 10e12)


@pytest.mark.parametrize("number, note", [(300, "instead"), (10, "instead")])
def test_a_training_goes_to_its_end_and_is_scored(paragraphs, rate, number, note):
    recipe = recipe_for("smoke", steps=15)
    share, seconds, loss = gpu.pretraining_rows(
        CPU, recipe, paragraphs[:number], note, micro_batch=2, steps=2, rounds=5, compile=False
    )
    assert [share.what, seconds.what, loss.what] == [gpu.KANTAI, gpu.KANTAI_TIME, gpu.KANTAI_LOSS]
    assert seconds.value > 0 and seconds.unit == "s" and share.note == seconds.note == note
    assert seconds.detail == {"steps": 15, "tokens": 15 * recipe.batch_size * recipe.row_length}
    if number == 300:
        assert 0 < loss.value < 8 and loss.note == note
    else:
        assert loss.value is None and "no whole row" in loss.note


def test_fine_tuning_takes_as_many_sentences_as_asked(monkeypatch):
    calls = []

    def fine_tune(model, examples, *, epochs, **options):
        calls.append((len(examples), epochs, next(model.parameters()).device.type))

    monkeypatch.setattr(gpu.finetuning, "fine_tune", fine_tune)
    row = gpu.fine_tuning_row(CPU, BERT, number=3_500, epochs=3)
    assert calls == [(gpu.WARM_UP, 1, "cpu"), (3_500, 3, "cpu")] and row.what == gpu.FINE_TUNING and row.most == 60
    assert row.detail["sentences"] == 3_500 and row.value >= 0
    assert gpu.COLA == 8_551


def test_fine_tuning_runs():
    config = replace(BERT, vocab_size=30_522, max_position_embeddings=64)
    row = gpu.fine_tuning_row(CPU, config, number=8, epochs=1)
    assert row.value > 0
