"""What `utils.sources` knows: where models, texts and data sets live, and licences.

Revisions of the hub are commits, so that a chapter meets the same bytes next year;
where a repository is followed as it grows the revision is `main`, and the commit that
the hub answers is what the provenance records.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from utils.sources import books, formats

MINILM = "all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
KANTAI = "kantai-mini"  # comes with the course, in the folder `checkpoints`
CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
UNCASED = ("bert-base-uncased", "bert-large-uncased", "distilbert-base-uncased")


@dataclass(frozen=True)
class Model:
    """A checkpoint of the hub, pinned to a commit, or of the course (`KANTAI`)."""

    repo: str
    revision: str
    licence: str
    sha256: str = ""  # of model.safetensors, where the course knows it


@dataclass(frozen=True)
class Books:
    """A text made of Project Gutenberg books: {number: title} in `folder`."""

    folder: str
    titles: dict[int, str]


@dataclass(frozen=True)
class Data:
    """A data set of the hub whose splits are parquet files under `config`/."""

    repo: str
    config: str
    revision: str
    licence: str
    files: dict[str, str]  # split: file in COURSE_DATA/<name>/
    columns: tuple[str, ...] = ()  # that are kept, where they are kept as they are


@dataclass(frozen=True)
class Packaged:
    """A file that a pip package carries, the same in every mode."""

    file: str
    licence: str
    read: Callable[[Path], dict] | None = None


MODELS = {
    MINILM: Model(
        f"sentence-transformers/{MINILM}",
        "1110a243fdf4706b3f48f1d95db1a4f5529b4d41", "Apache-2.0", MINILM_SHA256,
    ),
    "bert-base-uncased": Model(
        "google-bert/bert-base-uncased",
        "86b5e0934494bd15c9632b12f734a8a67f723594", "Apache-2.0",
    ),
    "bert-large-uncased": Model(
        "google-bert/bert-large-uncased",
        "6da4b6a26a1877e173fca3225479512db81a5e5b", "Apache-2.0",
    ),
    "bert-base-cased": Model(
        "google-bert/bert-base-cased",
        "cd5ef92a9fb2f889e972770a36d4ed042daf221e", "Apache-2.0",
    ),
    "distilbert-base-uncased": Model(
        "distilbert/distilbert-base-uncased",
        "12040accade4e8a0f71eabdb258fecc2e7e948be", "Apache-2.0",
    ),
    "roberta-base": Model(
        "FacebookAI/roberta-base",
        "e2da8e2f811d1448a5b465c236feacd80ffbac7b", "MIT",
    ),
    "gpt2": Model(
        "openai-community/gpt2",
        "607a30d783dfa663caf39e06633721c8d4cfcd7e", "MIT",
    ),
    KANTAI: Model(f"{CHECKPOINTS.name}/{KANTAI}", "", "as the course"),
}  # fmt: skip

GENSIM_DATA = "test/test_data"
WIKIPEDIA = Packaged(
    "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2", "CC BY-SA"
)
BOOKS = {
    "kant": Books("kant", books.KANT),
    "gutenberg": Books("gutenberg", books.ENGLISH),
    "quijote": Books("gutenberg", books.QUIJOTE),
}
PUBLIC_DOMAIN = "public domain in the USA"
TEXTS = ["wikipedia", *BOOKS]

GLUE_REVISION = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
GLUE = {  # the tasks that the hub alone has: name -> columns; their test labels are hidden
    "sst2": ("sentence",),
    "mrpc": ("sentence1", "sentence2"),
    "qqp": ("question1", "question2"),
    "mnli": ("premise", "hypothesis"),
    "qnli": ("question", "sentence"),
    "rte": ("sentence1", "sentence2"),
    "wnli": ("sentence1", "sentence2"),
    "stsb": ("sentence1", "sentence2"),
}
MNLI_SPLITS = ("train", "validation_matched", "validation_mismatched")
DATA = {
    "cola": Data(
        "nyu-mll/glue", "cola", GLUE_REVISION,
        "copyright with the authors of the sentences; fair use for research",
        {split: f"{split}.tsv" for split in ("train", "validation", "test")},
        ("sentence", "label"),
    ),
    "ud_english_ewt": Data(
        "universal-dependencies/universal_dependencies", "en_ewt", "main",
        "CC BY-SA 4.0",
        {split: f"{split}.conllu" for split in ("train", "validation", "test")},
    ),
} | {
    name: Data(
        "nyu-mll/glue", name, GLUE_REVISION, "see the authors of the task's data",
        dict.fromkeys(MNLI_SPLITS if name == "mnli" else ("train", "validation"), ""),
        (*columns, "label"),
    )
    for name, columns in GLUE.items()
}  # fmt: skip
WORD_LISTS = {
    "wordsim353": Packaged(
        "wordsim353.tsv", "see its authors' page", formats.read_word_pairs
    ),
    "simlex999": Packaged(
        "simlex999.txt", "see its authors' page", formats.read_word_pairs
    ),
    "analogies": Packaged(
        "questions-words.txt", "Apache-2.0, with word2vec", formats.read_analogies
    ),
}

# Files of a data folder that everyone has alike; a SHA256SUMS file beside them has the
# last word.
KNOWN_SUMS = {
    "kant/4280.txt": "31030b27f96fa63570bdaa35abf0db03f99fe2a82f95fbb23b614bab5fb0a79f",
    "kant/5682.txt": "bcb01322b371b62b628256ffb0e88d0732e7b4e3b4e080634607dcc456854146",
    "kant/5683.txt": "3ad485191a3ac3916e8c101008e15bbaac0ec280fbad2b8341088cb1bd0fccf2",
    "ud_english_ewt/train.conllu":
        "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b",
    "ud_english_ewt/validation.conllu":
        "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6",
    "ud_english_ewt/test.conllu":
        "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd",
}  # fmt: skip
# A book without its START and END lines cannot be told whole from cut but by its sum.
BARE_BOOK_SUMS = {
    f"gutenberg/{number}.txt": value for number, value in books.BARE_SUMS.items()
}


def local_sums(folder: Path) -> dict[str, str]:
    """The sums that the files of a data folder must have: {name: sum}.

    A `SHA256SUMS` file in the folder has the last word.
    """
    known = {
        Path(name).name: value
        for name, value in KNOWN_SUMS.items()
        if name.startswith(f"{folder.name}/")
    }
    own = folder / formats.SUMS
    return known | (formats.read_sums(own) if own.is_file() else {})


def check_shipped(folder: Path) -> None:
    """Refuse a model of the course that is not, file by file, what `SHA256SUMS` lists."""
    advice = "; take the folder again from the course's repository"
    loaded = (".json", ".txt", ".safetensors")
    needed = [path.name for path in sorted(folder.glob("*")) if path.suffix in loaded]
    formats.check_sums(folder, needed, advice)


def check_book(path: Path) -> str:
    """The sha256 of a book of a data folder, refused if another one is known."""
    found = formats.file_sha256(path)
    known = local_sums(path.parent).get(path.name, "")
    bare = BARE_BOOK_SUMS.get(f"{path.parent.name}/{path.name}", "")
    if found == (known or bare):
        return found  # the usual case needs no look inside
    formats.read_text(path)  # a line number, where there is one, helps more than a sum
    if not known and not formats.is_bare_book(path):
        return found  # whole or cut: its own lines say which, and `read_book` asks them
    detail = "; the file was changed, or is"
    if not formats.has_end_marker(path):
        detail = (
            f"; the file stops at line {formats.count_lines(path)} without the "
            "publisher's END line: it is cut short, or"
        )
    detail += " another edition, whose sum then belongs in a SHA256SUMS file beside it"
    return formats.check_sum(path, known or bare, detail)
