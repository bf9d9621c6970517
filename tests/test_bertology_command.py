"""python -m utils.bertology: what it prints and writes, and what it refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from fake_hub import COMMIT, FakeHub
from safetensors.torch import load_file
from scipy import stats
from sklearn import metrics
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from utils import bert, sources
from utils.bertology import __main__ as command
from utils.bertology import (
    glue,
    head_importance,
    predictions,
    prune_heads,
    save_pruned,
)
from utils.bertology.glue import (
    TASKS,
    GlueError,
    PairExamples,
    Part,
    divide,
    load_classifier,
)

L, H, WIDTH, POSITIONS = 2, 4, 32, 40
LETTERS = list("abcdefghijklmnopqrstuvwxyz.,?'-")
WORDS = ["<pad>", "<cls>", "<sep>", "<unk>", *LETTERS, *(f"##{x}" for x in LETTERS)]
SIZES = dict(vocab_size=len(WORDS), hidden_size=WIDTH, num_hidden_layers=L,
             num_attention_heads=H, intermediate_size=48)  # fmt: skip
MAKERS = {
    "bert": lambda **more: transformers.BertForSequenceClassification(
        transformers.BertConfig(**SIZES, max_position_embeddings=POSITIONS, **more)
    ),
    "roberta": lambda **more: transformers.RobertaForSequenceClassification(
        transformers.RobertaConfig(
            **SIZES, max_position_embeddings=POSITIONS + 1, pad_token_id=0,
            type_vocab_size=1, **more,
        )
    ),
    "distilbert": lambda **more: transformers.DistilBertForSequenceClassification(
        transformers.DistilBertConfig(
            vocab_size=len(WORDS), dim=WIDTH, n_layers=L, n_heads=H, hidden_dim=48,
            max_position_embeddings=POSITIONS, **more,
        )
    ),
    "gpt2": lambda **more: transformers.GPT2ForSequenceClassification(
        transformers.GPT2Config(
            vocab_size=len(WORDS), n_embd=WIDTH, n_layer=L, n_head=H,
            n_positions=POSITIONS, bos_token_id=1, eos_token_id=2, **more,
        )
    ),
}  # fmt: skip
QUICK = ["--limit", "30", "--rank-on", "20", "--shares", "0.5", "--seeds", "2",
         "--threads", "1", "--max-length", "24", "--device", "cpu"]  # fmt: skip


def tokenizer(special=True):
    """WordPiece of letters; without `special`, as GPT-2: no [CLS], [SEP] nor padding."""
    made = Tokenizer(models.WordPiece({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if not special:
        return transformers.PreTrainedTokenizerFast(
            tokenizer_object=made, unk_token="<unk>", eos_token="<sep>"
        )
    made.post_processor = processors.TemplateProcessing(
        single="<cls> $A <sep>", pair="<cls> $A <sep> $B:1 <sep>:1",
        special_tokens=[("<cls>", 1), ("<sep>", 2)],
    )  # fmt: skip
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", cls_token="<cls>", sep_token="<sep>",
        unk_token="<unk>",
    )  # fmt: skip


def saved(folder, kind="bert", **config):
    """A folder with a random classifier whose answers differ, and its tokenizer."""
    torch.manual_seed(3)
    model = MAKERS[kind](**config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    tokenizer(special=kind != "gpt2").save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("model") / "bert")


def fails(capsys, *argv):
    """The one line of an error of the command, which ends with status 1."""
    with pytest.raises(SystemExit) as stopped:
        command.main([str(part) for part in argv])
    assert stopped.value.code == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ")
    return line


# ---------------------------------------------------------------------- a whole run
@pytest.mark.parametrize("kind", MAKERS)
def test_a_run_prints_and_saves_everything(kind, tmp_path, capsys):
    model, out = saved(tmp_path / kind, kind), tmp_path / "out"
    speed = [] if kind == "bert" else ["--no-speed"]
    command.main(["--model", str(model), "--task", "cola", "--out", str(out), *QUICK, *speed])
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == f"Tables and weights: {out}"
    for part in ("Importance of the heads (n = 20; scaled by: layer)", "MCC; n = 30",
                 "ranked on 20 examples of train and scored on 30 others of validation",
                 "Pruning (3 of 8 heads", "english", "grammar wrote stand in"):  # fmt: skip
        assert part in printed
    names = {path.name for path in out.iterdir()}
    assert names == set(command.FILES) - ({"speed.csv"} if speed else set())

    heads = pd.read_csv(out / "heads.csv")
    assert len(heads) == L * H and (heads["raw"] > 0).all()
    assert heads["importance"].is_monotonic_decreasing
    assert heads["entropy"].between(0, np.log(24)).all()
    tensors = load_file(out / "importance.safetensors")
    np.testing.assert_allclose(tensors["importance"].norm(dim=1).numpy(), 1, rtol=1e-6)
    raw = tensors["raw_importance"].numpy()
    np.testing.assert_allclose(raw[heads["layer"], heads["head"]], heads["raw"])

    sweep = pd.read_csv(out / "sweep.csv")
    assert list(sweep["order"]) == ["importance", "recomputed", "random", "random", "reverse"]
    assert (sweep["heads"] == 4).all() and (sweep["low"] <= sweep["high"]).all()
    pruning = pd.read_csv(out / "pruning.csv").set_index("model")
    assert list(pruning["heads"]) == [8, 8, 5]
    assert pruning["parameters"]["pruned"] < pruning["parameters"]["masked"]
    assert pruning["MCC"]["masked"] == pruning["MCC"]["pruned"]
    report = json.loads((out / "run.json").read_text())
    assert report["pruned"]["difference"] < 1e-5
    assert report["data"]["given"] == "english"

    # What was pruned is what the run says, and scores what it says, read anew.
    again = load_classifier(out / "pruned", TASKS["cola"])
    gone = {int(layer): heads for layer, heads in report["pruned"]["pruned"].items()}
    assert sum(p.numel() for p in again.model.parameters()) == pruning["parameters"]["pruned"]
    weakest = tensors["importance"].flatten().argsort()[:2].tolist()
    assert all(place % H in gone[place // H] for place in weakest)
    train, rows, _ = glue.load_task(TASKS["cola"])
    scored = again.examples(divide(train, rows, 20, 30)[1], 24)
    answers = predictions(again.model, scored)
    assert metrics.matthews_corrcoef(scored.labels, answers) == pytest.approx(
        pruning["MCC"]["pruned"])  # fmt: skip
    if not speed:
        table = pd.read_csv(out / "speed.csv")
        assert list(table["model"][:3]) == ["whole", "masked", "pruned"]
        assert sorted(set(table["batch"])) == [1, 4, 16]


def test_a_pruned_folder_is_read_again_and_pruned_further(folder, tmp_path, capsys):
    model = transformers.BertForSequenceClassification.from_pretrained(folder).eval()
    prune_heads(model, {0: [0, 2], 1: [3]})
    save_pruned(model, tmp_path / "pruned")
    tokenizer().save_pretrained(tmp_path / "pruned")
    out = tmp_path / "out"
    command.main(["--model", str(tmp_path / "pruned"), "--task", "cola", "--out", str(out),
                  "--no-speed", *QUICK])  # fmt: skip
    printed = capsys.readouterr().out
    assert "5 heads left of those" in printed and "no sweep: heads" in printed
    heads = pd.read_csv(out / "heads.csv")
    assert set(zip(heads["layer"], heads["head"])) == {(0, 1), (0, 3), (1, 0), (1, 1), (1, 2)}
    pruning = pd.read_csv(out / "pruning.csv").set_index("model")
    assert list(pruning["heads"]) == [5, 5, 3]
    assert pruning["MCC"]["masked"] == pruning["MCC"]["pruned"]
    gone = json.loads((out / "pruned/pruned_heads.json").read_text())["pruned_heads"]
    assert set(gone["0"]) > {0, 2} or set(gone["1"]) > {3}


def test_the_courses_own_classifier_is_read_from_a_pruned_folder(tmp_path):
    torch.manual_seed(0)
    model = bert.BertForSequenceClassification(
        bert.BertConfig(**SIZES, max_position_embeddings=POSITIONS)
    )
    save_pruned(model, tmp_path / "own")
    tokenizer().save_pretrained(tmp_path / "own")
    found = load_classifier(tmp_path / "own", TASKS["cola"])
    assert isinstance(found.model, bert.BertForSequenceClassification)
    examples = found.examples(Part((["a cat", "no"],), np.array([0, 1])), 16)
    assert predictions(found.model, examples).shape == (2,)


def test_chapter_threes_classifier_is_read_as_it_was_saved(tmp_path):
    from utils.finetuning import AcceptabilityClassifier

    small = sources.load_tokenizer("all-MiniLM-L6-v2")
    sizes = {**SIZES, "vocab_size": len(small)}
    model = bert.BertForSequenceClassification(bert.BertConfig(**sizes)).eval()
    AcceptabilityClassifier(model, small).save(tmp_path / "saved")
    found = load_classifier(tmp_path / "saved", TASKS["cola"])
    assert found.order == (0, 1) and not found.note
    examples = found.examples(Part((["The cat sat.", "Cat the."],), np.array([1, 0])), 16)
    inputs, _ = examples.batch([0, 1])
    with torch.no_grad():
        torch.testing.assert_close(found.model(**inputs).logits, model(**inputs).logits)
    config = tmp_path / "saved/config.json"
    config.write_text(config.read_text().replace('"layer_norm_eps": 1e-', '"layer_norm_eps": 2e-'))
    with pytest.raises(sources.SourceError, match="config.json: wrong checksum"):
        load_classifier(tmp_path / "saved", TASKS["cola"])


def test_a_second_run_replaces_the_first_alone(folder, tmp_path, capsys):
    out = tmp_path / "out"
    argv = ["--model", folder, "--task", "cola", "--out", out, "--no-speed", "--prune", "0",
            *QUICK]  # fmt: skip
    command.main([*map(str, argv[:-2]), "--device", "cpu", "--normalise", "none"])
    first = json.loads((out / "run.json").read_text())
    command.main([str(part) for part in argv])
    assert json.loads((out / "run.json").read_text())["options"] != first["options"]
    assert not (out / "pruned").exists()
    (out / "notes.txt").write_text("mine")
    assert "holds other files (notes.txt)" in fails(capsys, *argv)
    assert (out / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_command_in_a_process_of_its_own(folder, root, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "utils.bertology", "--model", folder, "--task", "cola",
         "--out", tmp_path / "o", "--no-speed", *QUICK],
        cwd=root, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith(f"Tables and weights: {tmp_path / 'o'}")
    assert "importance" in done.stderr  # the progress bar
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr


# ------------------------------------------------------------------- what is refused
def test_wrong_arguments_end_with_status_2(folder, capsys):
    for wrong, said in (
        (["--task", "squad"], "invalid choice: 'squad' .*cola.*mnli-mm.*stsb"),
        (["--task", "cola", "--prune", "1"], "'1' is no share"),
        (["--task", "cola", "--limit", "0"], "'0' is no whole number"),
        (["--task", "cola", "--shares", "x"], "'x' is no share"),
        ([], "required: --task"),
    ):
        with pytest.raises(SystemExit) as stopped:
            command.main(["--model", str(folder), *wrong])
        assert stopped.value.code == 2
        assert re.search(said, capsys.readouterr().err)


def test_what_is_no_classifier_is_refused_in_one_line(folder, tmp_path, capsys):
    def line(model, task="cola", *more):
        return fails(capsys, "--model", model, "--task", task, "--out", tmp_path / "out",
                     *QUICK, *more)  # fmt: skip

    assert "there is no such folder" in line(tmp_path / "nowhere")
    assert "the hub is not asked" in line("somebody/some-model")
    assert "is a file" in line(folder / "config.json")
    (tmp_path / "empty").mkdir()
    assert "no config.json" in line(tmp_path / "empty")

    encoder = tmp_path / "encoder"
    transformers.BertModel(transformers.BertConfig(**SIZES)).save_pretrained(encoder)
    tokenizer().save_pretrained(encoder)
    assert "no trained classifier: its weights lack 2 tensors, classifier.bias" in line(encoder)

    pickled = saved(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    assert "only pickled ones (pytorch_model.bin)" in line(pickled)
    damaged = saved(tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"\0" * 30)
    assert "damaged cannot be loaded" in line(damaged)

    three = saved(tmp_path / "three", num_labels=3)
    assert "has 3 outputs, and cola needs the 2 labels" in line(three)
    assert "needs one output" in line(three, "stsb")
    albert = transformers.AlbertConfig(
        vocab_size=20, hidden_size=16, num_attention_heads=2, intermediate_size=16,
        embedding_size=8,
    )  # fmt: skip
    transformers.AlbertForSequenceClassification(albert).save_pretrained(tmp_path / "albert")
    assert "family albert; heads are known of these: bert, " in line(tmp_path / "albert")
    silent = saved(tmp_path / "silent")
    for path in silent.glob("tokenizer*"):
        path.unlink()
    assert "has no tokenizer" in line(silent)
    fewer = saved(tmp_path / "fewer") / "config.json"
    fewer.write_text(fewer.read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 1'))
    assert "describes a smaller model" in line(fewer.parent)
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_done_is_refused_before_it_is_begun(folder, tmp_path, capsys):
    def line(*more):
        return fails(capsys, "--model", folder, "--task", "cola", *QUICK, *more)

    out = ["--out", tmp_path / "out"]
    assert "--prune 0.9 of 8 heads is more than can go" in line(*out, "--prune", "0.9")
    assert "--shares 0.95" in line(*out, "--shares", "0.95")
    assert "--device nonsense" in line(*out, "--device", "nonsense")
    (tmp_path / "file").write_text("")
    assert "is a file" in line("--out", tmp_path / "file")
    assert "no folder to write to" in line("--out", tmp_path / "file" / "below")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "speed.csv").write_text("")
    assert "holds other files" in line("--out", tmp_path / "other")
    line_of_rte = fails(capsys, "--model", folder, "--task", "rte", *out, *QUICK)
    assert "'rte' comes from the hub alone" in line_of_rte
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "other"]


@pytest.mark.parametrize("when", ["masking_sweep", "save_pruned"])
def test_an_interrupted_run_leaves_nothing_and_an_earlier_one_whole(
    when, folder, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    argv = ["--model", str(folder), "--task", "cola", "--out", str(out), "--no-speed", *QUICK]
    for earlier in (False, True):
        if earlier:
            command.main(argv)
        before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

        def interrupt(*args, **kwargs):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(command, when, interrupt)
            with pytest.raises(SystemExit) as stopped:
                command.main(argv)
        assert stopped.value.code == 130
        assert "nothing was written" in capsys.readouterr().err
        after = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
        assert before == after and len(list(tmp_path.iterdir())) == earlier


def test_an_interrupt_while_folders_change_places_brings_the_earlier_run_back(
    folder, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    argv = ["--model", str(folder), "--task", "cola", "--out", str(out), "--no-speed", *QUICK]
    command.main(argv)
    before = (out / "run.json").stat()
    rename = Path.rename

    def interrupted(self, target):
        if self.suffix == ".part":
            assert not out.exists()
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(SystemExit, match="130"):
        command.main(argv)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "run.json").stat() == before


# ------------------------------------------------------------------ data of the hub
def parquet(folder, table):
    from datasets import Dataset

    Dataset.from_dict(table).to_parquet(folder / "table.parquet")
    return (folder / "table.parquet").read_bytes()


@pytest.fixture
def hub(folder, tmp_path, monkeypatch):
    """A hub of this machine with four tasks and a classifier."""
    one = [f"the cat number {'abcdefghij'[i % 10]} sat" for i in range(40)]
    two = [f"a dog {'klmnopqrst'[i % 10]} {'uvwxyz'[i % 6]} ran" for i in range(40)]

    def rows(first, second, labels, start):
        texts = {first: [f"{'train' if start else 'held'} {x}" for x in one], second: two}
        return parquet(tmp_path, {**texts, "label": labels, "idx": list(range(40))})

    halves = [i % 2 for i in range(40)]
    files = {}
    for place, split in enumerate(("validation", "train")):
        files[f"rte/{split}-00000-of-00001.parquet"] = rows(
            "sentence1", "sentence2", halves, place)
        files[f"stsb/{split}-00000-of-00001.parquet"] = rows(
            "sentence1", "sentence2", [i / 8 for i in range(40)], place)
    for place, split in enumerate(("validation_matched", "train", "validation_mismatched")):
        files[f"mnli/{split}-00000-of-00001.parquet"] = rows(
            "premise", "hypothesis", [(i + place) % 3 for i in range(40)], place)  # fmt: skip
    for split, label in (("train", 1), ("validation", 1), ("test", -1)):
        files[f"cola/{split}-00000-of-00001.parquet"] = parquet(
            tmp_path, {"sentence": ["the cat sat"] * 5, "label": [label] * 5, "idx": [0] * 5})
    model = {path.name: path.read_bytes() for path in folder.iterdir()}
    repositories = {"datasets/nyu-mll/glue": files, "models/somebody/tiny": model,
                    "models/sentence-transformers/all-MiniLM-L6-v2": {}}  # fmt: skip
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_SOURCE", "hub")
    with FakeHub(repositories) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def test_a_pair_task_and_a_model_of_the_hub(hub, tmp_path, capsys):
    out = tmp_path / "out"
    command.main(["--model", "somebody/tiny", "--task", "rte", "--out", str(out),
                  "--no-speed", *QUICK])  # fmt: skip
    printed = capsys.readouterr().out
    assert f"commit {COMMIT[:12]}" in printed and "nyu-mll/glue (rte)" in printed
    assert "stand in" not in printed
    report = json.loads((out / "run.json").read_text())
    assert report["metric"] == "accuracy" and report["model"]["revision"] == COMMIT
    assert report["data"]["revision"] == sources.catalogue.GLUE_REVISION
    assert report["examples"]["truncated"][0] > 0
    assert re.search("20 and 30 of them were cut", printed)
    assert fails(capsys, "--model", "somebody/else", "--task", "rte", "--out",
                 tmp_path / "no").count("Name the folder of a model")  # fmt: skip


def test_a_regression(hub, tmp_path, capsys):
    model, out = saved(tmp_path / "one", num_labels=1), tmp_path / "out"
    command.main(["--model", str(model), "--task", "stsb", "--out", str(out), "--no-speed",
                  *QUICK])  # fmt: skip
    assert "Pearson; n = 30" in capsys.readouterr().out
    found = load_classifier(model, TASKS["stsb"])
    train, rows, _ = glue.load_task(TASKS["stsb"])
    ranked, scored = divide(train, rows, 20, 30)
    examples = found.examples(scored, 24)
    answers = predictions(found.model, examples)
    scores = json.loads((out / "run.json").read_text())["scores"]
    assert scores["Pearson"] == pytest.approx(stats.pearsonr(scored.labels, answers)[0], abs=1e-5)
    assert scores["Spearman"] == pytest.approx(stats.spearmanr(scored.labels, answers)[0], abs=1e-5)
    raw = head_importance(found.model, found.examples(ranked, 24))
    saved_ones = load_file(out / "importance.safetensors")["raw_importance"].numpy()
    np.testing.assert_allclose(raw.mean, saved_ones, rtol=1e-4)


def test_the_two_validation_splits_of_mnli(hub):
    matched = glue.load_task(TASKS["mnli"])
    mismatched = glue.load_task(TASKS["mnli-mm"])
    assert matched[0].labels.tolist() == mismatched[0].labels.tolist()
    assert matched[1].labels[:3].tolist() == [0, 1, 2]
    assert mismatched[1].labels[:3].tolist() == [2, 0, 1]
    assert set(matched[2]) == {"train", "validation_matched", "validation_mismatched"}
    with pytest.raises(GlueError, match="'test_matched' of mnli are not published"):
        glue.load_task(TASKS["mnli"], "test")
    # In the cache the files of several tasks lie in one folder: they are kept apart.
    with pytest.raises(GlueError, match="'test' of cola are not published"):
        glue.load_task(TASKS["cola"], "test")
    assert glue.load_task(TASKS["mnli"])[0].texts == matched[0].texts


def test_every_task_has_columns_and_the_hub_lacks_some(hub):
    for task in TASKS.values():
        assert len(task.columns) in (1, 2)
    with pytest.raises(sources.SourceError, match="no parquet file for train, validation"):
        glue.load_task(TASKS["qqp"])


# ----------------------------------------------------------------------- the parts
def test_pairs_are_what_the_library_makes_of_them():
    ours = tokenizer()
    texts = ["a cat sat", "no", "the long one is long"], ["a dog", "yes no", "b"]
    found = PairExamples(ours, texts, [0, 1, 1], 16)
    inputs, labels = found.batch(np.array([2, 0]))
    theirs = ours([texts[0][2], texts[0][0]], [texts[1][2], texts[1][0]], padding=True,
                  truncation=True, max_length=16, return_tensors="pt",
                  return_token_type_ids=True)  # fmt: skip
    assert found.truncated == 1 and labels.tolist() == [1, 0]
    for name in ("input_ids", "attention_mask", "token_type_ids"):
        assert torch.equal(inputs[name], theirs[name]), name
    assert inputs["token_type_ids"].max() == 1
    assert found.lengths.tolist() == [14, 10, 16]
    without = PairExamples(ours, texts, [0, 1, 1], 16, segments=False)
    assert "token_type_ids" not in without.batch([0])[0]
    assert found.batch([])[1].shape == (0,)
    with pytest.raises(IndexError):
        found.batch([3])
    with pytest.raises(ValueError, match="texts and 2 labels"):
        PairExamples(ours, texts, [0, 1], 16)
    with pytest.raises(ValueError, match="example 1 has no tokens"):
        PairExamples(tokenizer(special=False), (["a", " "],), [0, 1], 16)


def test_no_text_is_both_ranked_and_scored():
    texts = [f"text {i % 50}" for i in range(200)]  # each four times
    train = Part((texts,), np.arange(200) % 2)
    for rows in (train, Part((texts[:20],), np.zeros(20, int))):
        ranked, scored = divide(train, rows, 60, None if rows is not train else 30)
        assert len(ranked) and not set(ranked.texts[0]) & set(scored.texts[0])
    assert len(scored) == 20
    with pytest.raises(GlueError, match="0 examples to rank the heads on"):
        divide(Part((["same"] * 9,), np.zeros(9)), Part((["same"] * 9,), np.zeros(9)), 5)


@pytest.mark.parametrize("kind, names, order", [
    ("by name", ["contradiction", "neutral", "ENTAILMENT"], (2, 1, 0)),
    ("unnamed", ["LABEL_0", "LABEL_1", "LABEL_2"], (0, 1, 2)),
    ("unknown", ["yes", "maybe", "no"], (0, 1, 2)),
])  # fmt: skip
def test_labels_are_matched_by_name(kind, names, order):
    config = transformers.BertConfig(**SIZES, id2label=dict(enumerate(names)))
    found, note = glue.label_order(config, TASKS["mnli"])
    assert found == order and bool(note) == (kind != "unnamed")


def test_labels_in_another_order_are_scored_right(tmp_path):
    names = {0: "not_entailment", 1: "entailment"}
    flipped = load_classifier(saved(tmp_path / "a", id2label=names), TASKS["rte"])
    plain = load_classifier(saved(tmp_path / "b"), TASKS["rte"])
    labels = np.arange(12) % 2
    part = Part(([f"{'abcdefghijkl'[i]} cat" for i in range(12)], ["it sat"] * 12), labels)
    examples = flipped.examples(part, 16)
    assert examples.labels.tolist() == (1 - labels).tolist()
    assert plain.examples(part, 16).labels.tolist() == labels.tolist()
    answers = predictions(flipped.model, examples)
    f1 = flipped.score(glue.f1_score)(np.asarray(examples.labels), answers)
    assert f1 == pytest.approx(metrics.f1_score(labels, 1 - answers))


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels, answers = rng.integers(0, 2, 50), rng.integers(0, 2, 50)
    assert glue.mcc(labels, answers) == pytest.approx(metrics.matthews_corrcoef(labels, answers))
    assert glue.f1_score(labels, answers) == pytest.approx(metrics.f1_score(labels, answers))
    x, y = rng.normal(size=20), np.round(rng.normal(size=20), 1)
    assert glue.pearson(x, y) == pytest.approx(stats.pearsonr(x, y)[0])
    assert glue.spearman(x, y) == pytest.approx(stats.spearmanr(x, y)[0])
    assert glue.pearson(x, np.ones(20)) == 0


def test_a_model_with_fewer_words_than_its_tokenizer_is_refused(tmp_path):
    torch.manual_seed(0)
    config = transformers.BertConfig(**{**SIZES, "vocab_size": 20})
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    found = load_classifier(tmp_path, TASKS["cola"])
    with pytest.raises(GlueError, match="and its model has the ids 0 to 19"):
        found.examples(Part((["a zebra", "z"],), np.array([0, 1])), 16)


def test_positions_are_counted_as_each_family_does(tmp_path):
    for kind in MAKERS:
        found = load_classifier(saved(tmp_path / kind, kind), TASKS["cola"])
        assert found.positions == POSITIONS
        texts = ["a " * 100, "b " * 5]
        examples = found.examples(Part((texts,), np.array([0, 1])), found.positions)
        assert examples.truncated == 1 and examples.lengths.max() == POSITIONS
        assert predictions(found.model, examples).shape == (2,)


def test_padding_changes_no_answer_of_gpt2(tmp_path):
    found = load_classifier(saved(tmp_path / "gpt2", "gpt2"), TASKS["cola"])
    texts = ["a cat", "the longest of all of them", "b"]
    examples = found.examples(Part((texts,), np.array([0, 1, 0])), 30)
    with torch.no_grad():
        together = found.model(**examples.batch([0, 1, 2])[0]).logits
        alone = torch.cat([found.model(**examples.batch([i])[0]).logits for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
