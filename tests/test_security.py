"""What SECURITY.md promises of the course's own code, and of files that it is given."""

import json
import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import jupytext
import pytest
import torch
import transformers

import dangers
from tools import notebooks, serve
from tools.repository import Repository
from utils import bertology, finetuning, pretraining, sources
from utils.bertology import glue
from utils.bertology.heads import HeadError
from utils.pretraining import checkpoints, publish, speed
from utils.sources import SourceError

ROOT = Path(__file__).resolve().parent.parent
COURSE = ("utils", "tools", "benchmarks", "chapters")
IN_TESTS = {"pickle", "yaml", "code", "shell", "trust"}  # tests load what they have written

# (file, kind) -> how many places, and why each may be as it is.
ALLOWED = {
    ("utils/bert.py", "code"): (1, "computes formulas that stand beside it"),
    ("utils/transformer.py", "code"): (1, "computes formulas that stand beside it"),
    ("utils/pretraining/recipe.py", "code"): (1, "computes formulas that stand beside it"),
    ("utils/sources/__init__.py", "weights"): (1, "use_safetensors follows; tests below"),
    ("chapters/03_bert_fine_tuning", "weights"): (1, "opens what the line before has saved"),
    ("benchmarks/exact.py", "network"): (1, "listens on this machine and never answers"),
    ("tests/test_repository.py", "code"): (1, "reads the constants of a cell, and runs nothing"),
    ("tests/test_languages.py", "yaml"): (1, "a SafeLoader that refuses a key given twice"),
    ("tests/test_security.py", "pickle"): (2, "makes the pickles that must not be loaded"),
}
# The only part that opens connections, and what it may ask: see its own `endpoint`.
CONNECTS = "utils/sources/"
ADDRESSES = {
    "utils/sources/hub.py": {"huggingface.co", "www.gutenberg.org"},
    "benchmarks/exact.py": {"127.0.0.1"},  # the server that `auto` is to give up
    "tools/serve.py": {"127.0.0.1"},  # serves on this machine
    "tools/pages.py": {"www.w3.org"},  # names of vocabularies
    "tools/plain_markdown.py": {"doi.org", "arxiv.org"},  # links in lists of references
    "tools/repository.py": {"github.com"},  # to tell whether Colab can open it
}


def programs():
    """(name, source, whether it is a notebook) of each program of the project."""
    for folder in ("utils", "tools", "benchmarks", "tests", "chapters"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8"), False
    for path in notebooks.chapters():
        if path.parent.name == "en":  # the other editions have the same cells
            cells = jupytext.read(path).cells
            code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
            yield f"chapters/{path.stem}", code, True


PROGRAMS = {name: (source, notebook) for name, source, notebook in programs()}


def test_all_programs_are_read():
    assert len(PROGRAMS) > 150
    assert {"utils/sources/hub.py", "tools/lock.py", "chapters/conftest.py",
            "tests/mutants/next_merge.py", "chapters/05_bertology"} <= set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_does_nothing_dangerous(name):
    """Each place is allowed by name, and what is allowed is there."""
    found = {}
    for line, kind, text in dangers.findings(*PROGRAMS[name]):
        if name.startswith(COURSE) or kind in IN_TESTS:
            if kind != "network" or not name.startswith(CONNECTS):
                found.setdefault(kind, []).append(f"{name}:{line}: {text}")
    allowed = {kind: number for (file, kind), (number, _) in ALLOWED.items() if file == name}
    assert {kind: len(places) for kind, places in found.items()} == allowed, found


def test_every_allowed_place_is_in_a_program():
    assert {name for name, _ in ALLOWED} <= set(PROGRAMS)


def test_addresses_stand_where_they_are_known():
    """So what the course asks of the network can be read in one file."""
    found = {name: dangers.addresses(source) for name, (source, _) in PROGRAMS.items()
             if name.startswith(COURSE)}
    own = set(re.findall(r"//([^/]+)", Repository.read().url))  # in the first cell of each
    pages = {name: own for name, (_, notebook) in PROGRAMS.items() if notebook and own}
    assert {name: hosts for name, hosts in found.items() if hosts} == ADDRESSES | pages


NO_CONNECTION = """
import os, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        print(event, arguments, file=sys.stderr, flush=True)
        os._exit(1)  # in whatever thread it is

sys.addaudithook(refuse)
from utils import sources

sources.load_encoder("all-MiniLM-L6-v2"), sources.load_tokenizer("bert-base-uncased")
sources.load_masked_lm("kantai-mini"), sources.load_text("kant")
sources.load_dataset("cola"), sources.load_dataset("simlex999")
print("all of it", flush=True)
sources.hub.answers(1)
"""


def test_embedded_asks_nobody():
    """Python itself tells of each connection; the last line shows that it would."""
    done = subprocess.run([sys.executable, "-c", NO_CONNECTION], cwd=ROOT, capture_output=True,
                          text=True, env=os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9"})
    assert done.stdout == "all of it\n", done.stderr
    assert "127.0.0.1" in done.stderr


def test_the_site_is_served_to_this_machine_alone(tmp_path):
    (tmp_path / "index.html").write_text("<p>here</p>")
    with serve.serve(tmp_path) as served:
        port = urlsplit(served.address).port
        with socket.create_connection(("127.0.0.1", port), 5):
            pass
        with pytest.raises(OSError):  # another address of this machine
            socket.create_connection(("127.0.0.2", port), 5)


def test_each_promise_names_tests_that_are_there():
    page = (ROOT / "SECURITY.md").read_text("utf-8")
    rows = re.findall(r"^\| (?!promise|-)(.*) \| (.*) \|$", page, re.M)
    assert len(rows) > 5
    for promise, held_by in rows:
        named = re.findall(r"`(tests/[\w/.]*)?(?:::(\w+))?`", held_by)
        assert named and all(file or test for file, test in named), promise
        for file, test in named:
            place = ROOT / file if file else place
            assert place.exists(), file
            assert not test or f"\ndef {test}(" in place.read_text("utf-8"), test


# -- the reader of programs finds what it should ----------------------------------------


@pytest.mark.parametrize("kind, source", [
    ("pickle", "import pickle"),
    ("pickle", "from pickle import loads as json_loads"),
    ("pickle", "import os, joblib"),
    ("pickle", "from cloudpickle import pickle as p"),
    ("pickle", "import torch\ntorch.load('x')"),
    ("pickle", "import torch as t\nt.load('x', weights_only=False)"),
    ("pickle", "import torch\nsafe = True\ntorch.load('x', weights_only=safe)"),
    ("pickle", "from torch import load\nload('x')"),
    ("pickle", "import torch\nload = torch.load\nload('x')"),
    ("pickle", "import numpy as np\nnp.load('x', allow_pickle=True)"),
    ("pickle", "import numpy as np\nnp.load('x', None, True)"),
    ("pickle", "import numpy as np\nnp.load('x', **{'allow_pickle': True})"),
    ("pickle", "import numpy as np\nnp.load('x', **options)"),
    ("pickle", "import pandas as pd\npd.read_pickle('x')"),
    ("pickle", "__import__('pickle').loads(text)"),
    ("pickle", "import importlib\nimportlib.import_module('pickle')"),
    ("pickle", "from importlib import import_module as load\nload('torch').load('x')"),
    ("pickle", "import torch\ngetattr(torch, 'load')('x')"),
    ("pickle", "import torch\ntorch.serialization.load('x')"),
    ("pickle", "import torch\ntorch.hub.load_state_dict_from_url('x')"),
    ("pickle", "from torch import *\nload('x')"),
    ("yaml", "import yaml\nyaml.load(f)"),
    ("yaml", "import yaml\nyaml.load(f, Loader=yaml.Loader)"),
    ("yaml", "import yaml\nyaml.load(f, yaml.UnsafeLoader)"),
    ("yaml", "import yaml\nyaml.unsafe_load(f)"),
    ("code", "eval(input())"),
    ("code", "exec(text)"),
    ("code", "compile(text, 'x', 'exec')"),
    ("code", "list(map(eval, texts))"),
    ("code", "import builtins\nbuiltins.eval(text)"),
    ("code", "def f(eval):\n    return eval\neval(text)"),
    ("code", "def f(x=eval(text), *, eval=None):\n    return eval"),
    ("shell", "import os\nos.system('ls')"),
    ("shell", "from os import popen\npopen('ls')"),
    ("shell", "import subprocess\nsubprocess.run('ls', shell=True)"),
    ("shell", "from subprocess import Popen as P\nP('ls', shell=yes)"),
    ("shell", "import subprocess\nsubprocess.getoutput('ls')"),
    ("shell", "import subprocess\nsubprocess.run('ls', **{'shell': True})"),
    ("shell", "import subprocess\nsubprocess.run('ls', **{name: True})"),
    ("shell", "from subprocess import Popen\nPopen('ls', -1, *[None] * 6, True)"),
    ("shell", "from subprocess import Popen\nPopen('ls', -1, *NONE, **NO, shell=True)"),
    ("shell", "from subprocess import Popen as P\nP('ls', -1, 0, 0, 0, 0, None, True, True)"),
    ("shell", "from os import *\nsystem('ls')"),
    ("shell", "import os\nos.execvp('sh', ['sh'])"),
    ("shell", "import os\nos.posix_spawn('/bin/sh', ['sh'], {})"),
    ("shell", "!pip install something"),
    ("shell", "%%bash\nls"),
    ("shell", "%sx ls"),
    ("shell", "%%script bash\nls"),
    ("shell", "get_ipython().system('ls')"),
    ("shell", "from IPython import get_ipython\nget_ipython().getoutput('ls')"),
    ("trust", "AutoConfig.from_pretrained('x', trust_remote_code=True)"),
    ("trust", "f(trust_remote_code=settings.trust)"),
    ("trust", "f(**{'trust_remote_code': True})"),
    ("trust", "options['trust_remote_code'] = True"),
    ("weights", "AutoModel.from_pretrained('x')"),
    ("weights", "AutoModel.from_pretrained('x', use_safetensors=False)"),
    ("weights", "load = AutoModel.from_pretrained\nload('x')"),
    ("weights", "getattr(AutoModel, 'from_pretrained')('x')"),
    ("weights", "AutoModel.from_pretrained('x', **options)"),
    ("network", "import requests"),
    ("network", "from urllib.request import urlopen"),
    ("network", "import urllib.request as u"),
    ("network", "from urllib import request"),
    ("network", "import urllib\nurllib.request.urlopen('x')"),
    ("network", "import huggingface_hub.utils"),
    ("network", "def f():\n    import socket"),
])
def test_a_danger_is_found(kind, source):
    assert kind in {found for _, found, _ in dangers.findings(source, notebook=True)}


@pytest.mark.parametrize("source", [
    "import torch\ntorch.load('x', weights_only=True)\ntorch.compile(model)",
    "import numpy as np\nnp.load('x')\nnp.load('x', allow_pickle=False)",
    "import numpy as np\nnp.load('x', 'r', False)\nnp.load('x', **{'mmap_mode': 'r'})",
    "import yaml\nyaml.safe_load(f)\nyaml.load(f, Loader=yaml.CSafeLoader)",
    "import re\nre.compile('x')\nmodel.eval()",
    "def f(compile):\n    return compile and 1",
    "import subprocess\nsubprocess.run(['ls'])\nsubprocess.run(['ls'], shell=False)",
    "import subprocess\nsubprocess.run(['ls'], shell=False, **options)",
    "import importlib\nimportlib.import_module('json').loads('1')\ngetattr(torch, 'ones')",
    "options['trust_remote_code'] = False",
    "AutoModel.from_pretrained('x', use_safetensors=True, trust_remote_code=False)",
    "AutoTokenizer.from_pretrained('x')\ntransformers.BertConfig.from_pretrained('x')",
    "from urllib.parse import quote\nimport http.server",
])
def test_what_is_harmless_is_not(source):
    assert dangers.findings(source) == []


def test_the_line_of_a_danger_is_told():
    assert dangers.findings("x = 1\nif x:\n    eval(x)\n") == [(3, "code", "eval(x)")]


def test_addresses_are_read_from_strings_and_not_from_remarks():
    source = '"""See https://docs.example."""\nx = f"https://a.example/{1}", "ws://b.example:1"\n'
    assert dangers.addresses(source) == {"a.example", "b.example"}


# -- pickles that are given as models ---------------------------------------------------


class Mark:
    """Whoever unpickles it leaves a file behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture
def mark(tmp_path):
    """A file that is there once a pickle was loaded."""
    return tmp_path / "somebody's code ran"


@pytest.fixture(params=["torch", "pickle"])
def plant(request, mark):
    """Writes a pickle with a payload to a path, as torch or as pickle itself does."""

    def write(path):
        if request.param == "torch":
            torch.save({"weight": Mark(mark)}, path)
        else:
            path.write_bytes(pickle.dumps(Mark(mark)))
        return path

    return write


def test_the_payload_works(plant, mark, tmp_path):
    """Loaded without care it leaves its mark: the tests below could fail."""
    path = plant(tmp_path / "x.bin")
    if path.read_bytes()[:2] == b"PK":
        torch.load(path, weights_only=False)
    else:
        pickle.loads(path.read_bytes())
    assert mark.exists()


SIZES = dict(vocab_size=40, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
             intermediate_size=8, max_position_embeddings=16)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat"]
NAMES = ("pytorch_model.bin", "model.pt", "adapter_model.bin", "training_args.bin", "optimizer.pt")


def save_model(folder, kind):
    """A tiny model of a kind, with its tokenizer, as `save_pretrained` writes it."""
    torch.manual_seed(0)
    kind(transformers.BertConfig(**SIZES)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def in_place_of(folder, plant, name="model.safetensors"):
    """The folder with pickles under all names, one of them in the place of the weights."""
    other = folder.with_name(f"{folder.name}-{name}")
    shutil.copytree(folder, other)
    (other / "model.safetensors").unlink()
    plant(other / name)
    return other


def beside(folder, plant):
    """The folder with pickles of every usual name beside its weights."""
    for name in NAMES:
        plant(folder / name)
    return folder


@pytest.mark.parametrize("load", [sources.load_encoder, sources.load_masked_lm])
def test_sources_never_load_a_pickle(load, plant, mark, tmp_path, monkeypatch):
    folder = save_model(tmp_path / "bert-base-cased", transformers.BertForMaskedLM)
    monkeypatch.setenv("COURSE_SOURCE", "local")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    for name in ("pytorch_model.bin", "model.safetensors"):
        kept = folder.rename(tmp_path / "kept")
        in_place_of(kept, plant, name).rename(folder)
        with pytest.raises(SourceError, match="pickle can run code|damaged safetensors"):
            load("bert-base-cased")
        shutil.rmtree(folder)
        kept.rename(folder)
    assert load(beside(folder, plant).name).provenance.origin == "local"
    assert not mark.exists()


def test_bertology_never_loads_a_pickle(plant, mark, tmp_path):
    folder = save_model(tmp_path / "mine", transformers.BertForSequenceClassification)
    for name in ("pytorch_model.bin", "model.safetensors"):
        with pytest.raises(glue.GlueError, match="Loading a pickle can run code|cannot be loaded"):
            glue.load_classifier(in_place_of(folder, plant, name), glue.TASKS["cola"])
    whole = glue.load_classifier(beside(folder, plant), glue.TASKS["cola"]).model
    assert whole.num_labels == 2
    pruned = Path(shutil.copytree(folder, tmp_path / "pruned"))
    bertology.prune_heads(whole, {0: [1]})
    bertology.save_pruned(whole, pruned)
    (pruned / "SHA256SUMS").unlink()  # a stranger's sums would agree
    for name in ("pytorch_model.bin", "model.safetensors"):
        other = in_place_of(pruned, plant, name)
        with pytest.raises(HeadError, match="holds no model that can be loaded"):
            bertology.load_pruned(other)
        with pytest.raises((glue.GlueError, HeadError), match="Loading a pickle|can be loaded"):
            glue.load_classifier(other, glue.TASKS["cola"])
    assert bertology.load_pruned(pruned).base_model.pruned_heads == {0: [1]}
    assert glue.load_classifier(pruned, glue.TASKS["cola"]).model.base_model.pruned_heads
    assert not mark.exists()


def test_the_classifier_never_loads_a_pickle(plant, mark, tmp_path):
    folder = save_model(tmp_path / "mine", transformers.BertForSequenceClassification)
    settings = json.loads((folder / "config.json").read_text())
    settings["id2label"] = {"0": "unacceptable", "1": "acceptable"}
    settings["label2id"] = {"unacceptable": 0, "acceptable": 1}
    (folder / "config.json").write_text(json.dumps(settings))
    load = finetuning.AcceptabilityClassifier.load
    for name in ("pytorch_model.bin", "model.safetensors"):
        with pytest.raises((ValueError, FileNotFoundError), match="safetensors"):
            load(in_place_of(folder, plant, name))
    assert load(beside(folder, plant)).predict(["the cat sat"])
    assert not mark.exists()


TEXT = [f"Page {i}: a cat thinks that the mind of dogs is one of many." for i in range(300)]
SMALL = dict(profile="smoke", hidden_size=16, intermediate_size=32, row_length=32, steps=2,
             batch_size=4, evaluate_every=1, save_every=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run that was stopped after its first step."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "matrix_rate", lambda *_: 1e9)
        pretraining.pretrain(TEXT, folder, **SMALL, stop_after=1)
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors"])
def test_training_never_goes_on_from_a_pickle(trained, plant, mark, tmp_path, name):
    """Not even if the sums of the checkpoint were made to agree with it."""
    folder = Path(shutil.copytree(trained, tmp_path / "run"))
    newest = checkpoints.checkpoints(folder)[-1]
    whole = (newest / name).read_bytes()
    state = json.loads((newest / "state.json").read_text())
    plant(newest / name)
    forged = state | {"sums": state["sums"] | {name: checkpoints.file_sum(newest / name)}}
    (newest / "state.json").write_text(json.dumps(forged))
    with pytest.raises(pretraining.PretrainingError, match="is damaged"):
        pretraining.pretrain(TEXT, folder, **SMALL, resume=True)
    (newest / name).write_bytes(whole)
    (newest / "state.json").write_text(json.dumps(state))
    beside(newest, plant)
    assert len(pretraining.pretrain(TEXT, folder, **SMALL, resume=True).log) >= 1
    assert not mark.exists()


def test_training_never_starts_from_a_pickle(trained, plant, mark, tmp_path):
    folder = Path(shutil.copytree(checkpoints.checkpoints(trained)[-1], tmp_path / "start"))
    options = SMALL | {"start_from": folder}
    plant(folder / "model.safetensors")
    with pytest.raises(pretraining.PretrainingError, match="holds no weights"):
        pretraining.pretrain(TEXT, tmp_path / "new", **options)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(pretraining.PretrainingError, match="holds no weights"):
        pretraining.pretrain(TEXT, tmp_path / "other", **options)
    assert not mark.exists()


def test_a_published_model_is_never_a_pickle(trained, plant, mark, tmp_path):
    folder = Path(shutil.copytree(checkpoints.checkpoints(trained)[-1], tmp_path / "model"))
    (folder / "model.safetensors").unlink()
    plant(folder / "pytorch_model.bin")
    with pytest.raises(OSError, match="model.safetensors"):
        publish.load_published(folder)
    assert not mark.exists()
