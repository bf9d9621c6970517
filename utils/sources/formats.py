"""Readers of the course's data files, which refuse what they cannot read whole.

Every reader names the file and the line of the first thing that is wrong: a chapter
computed on half a file, or on a shifted column, looks exactly like a good one.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

UPOS = (
    "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X"
).split()
ACCEPTABILITY = ["unacceptable", "acceptable"]
SUMS = "SHA256SUMS"  # the file of a folder that lists the sums of the others


class SourceError(ValueError):
    """A model, text or data set could not be had, or what was had is not sound."""


@dataclass(frozen=True)
class Document:
    """One article or book: its title and its paragraphs, in order."""

    title: str
    paragraphs: tuple[str, ...]


class Text(Sequence):
    """A text: a sequence of `Document`, with the provenance of the whole.

    Raises TypeError for documents that are no list.
    """

    def __init__(self, documents, provenance=None):
        self.documents = tuple(documents)
        self.provenance = provenance

    def __getitem__(self, index):
        return self.documents[index]

    def __len__(self):
        return len(self.documents)

    def __repr__(self):
        return f"Text({len(self)} documents, {self.words:,} words)"

    @property
    def paragraphs(self) -> list[str]:
        """Every paragraph of every document, in order."""
        return [p for document in self.documents for p in document.paragraphs]

    @property
    def words(self) -> int:
        """The number of words, counted between white space."""
        return sum(len(paragraph.split()) for paragraph in self.paragraphs)


# -- bytes and lines ----------------------------------------------------------------


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal.

    Raises `SourceError` where it cannot be read, TypeError for what is no path.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error) -> SourceError:
    return SourceError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})")


def check_sum(path: Path, expected: str, detail: str = "") -> str:
    """The sha256 of `path`, which must be `expected` unless that is empty."""
    found = file_sha256(path)
    if expected and found != expected:
        raise SourceError(
            f"{path}: wrong checksum: expected sha256 {expected}, found {found}{detail}"
        )
    return found


def combined_sha256(sums: dict[str, str]) -> str:
    """One sum for several files: that of the list of their sums, sorted by name."""
    if len(sums) == 1:
        return next(iter(sums.values()))
    listing = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return hashlib.sha256(listing.encode()).hexdigest()


def read_text(path: Path) -> str:
    """Read a UTF-8 file with every line end as LF.

    Raises `SourceError` for a file that cannot be read, is empty or is no UTF-8, with the
    line; TypeError for what is no path.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not data.strip():
        raise SourceError(f"{path}:1: the file is empty")
    if (place := data.find(b"\0")) >= 0:
        raise SourceError(
            f"{path}:{_line_at(data, place)}: holds a NUL byte; "
            "the file is damaged or is not text"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"{path}:{_line_at(data, error.start)}"
        raise SourceError(f"{where}: is not UTF-8 text ({error.reason})") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _line_at(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1


def read_sums(path: Path) -> dict[str, str]:
    """Read a `SHA256SUMS` file as `sha256sum` writes it: {file name: sum}.

    Raises what `read_text` raises, and `SourceError` for the first line that is wrong.
    """
    sums = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line)
        if not match:
            raise SourceError(
                f"{path}:{number}: expected 64 hexadecimal digits, two spaces and a "
                f"file name, found {line[:60]!r}"
            )
        sums[match[2].removeprefix("./")] = match[1].lower()
    return sums


def write_sums(folder: Path, names: Iterable[str]) -> None:
    """List files of a folder in its `SHA256SUMS`, as `sha256sum` writes and checks it."""
    lines = [f"{file_sha256(folder / name)}  {name}\n" for name in sorted(names)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_sums(folder: Path, needed: Iterable[str] = (), advice: str = "") -> None:
    """Refuse files that are not what the `SHA256SUMS` of their folder lists.

    The list must have the names that are `needed`: one that is cut short checks less.
    """
    own = folder / SUMS
    if not own.is_file():
        raise SourceError(f"{own}: is not there{advice}")
    sums = read_sums(own)
    for name, expected in sums.items():
        if not (folder / name).is_file():
            raise SourceError(f"{folder / name}: is not there{advice}")
        check_sum(folder / name, expected, advice)
    for name in needed:
        if name not in sums:
            raise SourceError(f"{own}: does not list {name}{advice}")


def read_yaml(path: Path, kind: type[ValueError] = SourceError):
    """What a YAML file holds; an error of this kind names the file that holds none."""
    import yaml

    try:
        return yaml.safe_load(read_text(Path(path)))
    except SourceError as error:
        raise kind(str(error)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that is none
        reason = " ".join(str(error).split())
        raise kind(f"{path}: the file is damaged or is not YAML ({reason})") from error


# -- acceptability judgements (CoLA) ------------------------------------------------


def read_acceptability(path: Path, hidden_labels: bool = False) -> dict[str, list]:
    """Read a `sentence<TAB>label` file: {"sentence": [str], "label": [int]}.

    The first line is the header. Labels are 1 (acceptable) or 0; with `hidden_labels`
    every label may also be -1, as GLUE publishes its test split. Quotation marks are
    characters like any other.
    Raises what `read_text` raises, and `SourceError` for the first line that is wrong.
    """
    text = read_text(path)
    lines = text.removesuffix("\n").split("\n")
    if lines[0] != "sentence\tlabel":
        raise SourceError(
            f"{path}:1: the header must be 'sentence<TAB>label', "
            f"found {lines[0][:60]!r}"
        )
    if len(lines) == 1:
        raise SourceError(f"{path}:1: has a header and no sentence")
    hidden = hidden_labels and lines[1].endswith("\t-1")
    allowed = {"-1"} if hidden else {"0", "1"}
    sentences, labels = [], []
    for number, line in enumerate(lines[1:], start=2):
        cut = number == len(lines) and not text.endswith("\n")
        fields = line.split("\t")
        if len(fields) != 2:
            end = "; the file ends there, without a line end: it is cut short" * cut
            raise SourceError(
                f"{path}:{number}: expected 2 fields (sentence, label), "
                f"found {len(fields)}{end}"
            )
        sentence, label = fields
        if not sentence.strip():
            raise SourceError(f"{path}:{number}: the sentence is empty")
        if label not in allowed:
            raise SourceError(
                f"{path}:{number}: the label must be {' or '.join(sorted(allowed))}, "
                f"found {label!r}"
            )
        sentences.append(sentence)
        labels.append(int(label))
    return {"sentence": sentences, "label": labels}


# -- treebanks (CoNLL-U) ------------------------------------------------------------


def read_conllu(path: Path) -> list[dict]:
    """Read a CoNLL-U treebank: one dictionary a sentence.

    Keys: `sent_id`, `text` (str); `tokens`, `lemmas`, `upos`, `xpos`, `feats`, `deprel`
    (lists of str, "_" where the treebank gives none) and `head` (list of int, counted
    from 1, 0 for the root). Words only: ranges of words written as one (`8-9`) and
    empty nodes (`8.1`) are checked and left out, so that heads count tokens.
    Raises what `read_text` raises, and `SourceError` for the first line that is wrong.

    Format: https://universaldependencies.org/format.html
    """
    text = read_text(path)
    sentences, rows, comments = [], [], {}
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        if line.startswith("#"):
            if rows:
                raise SourceError(f"{path}:{number}: a comment inside a sentence")
            key, _, value = line[1:].partition("=")
            comments[key.strip()] = value.strip()
        elif line.strip():
            rows.append((number, line.split("\t")))
        else:
            if rows:
                sentences.append(_sentence(path, rows, comments))
            rows, comments = [], {}
    if rows or comments or not text.endswith("\n\n"):
        raise SourceError(
            f"{path}:{number}: the file ends inside a sentence (no blank line closes "
            "it): it is cut short"
        )
    if not sentences:
        raise SourceError(f"{path}:1: holds no sentence")
    return sentences


def _sentence(path: Path, rows: list, comments: dict) -> dict:
    words = []
    for number, fields in rows:
        where = f"{path}:{number}"
        if len(fields) != 10:
            raise SourceError(f"{where}: expected 10 columns, found {len(fields)}")
        if "" in fields:
            raise SourceError(f"{where}: column {fields.index('') + 1} is empty")
        expected = len(words) + 1
        if re.fullmatch(r"\d+-\d+", fields[0]):
            first, last = map(int, fields[0].split("-"))
            if first != expected or last <= first:
                raise SourceError(
                    f"{where}: the range {fields[0]} must start at word {expected}"
                )
        elif re.fullmatch(r"\d+\.\d+", fields[0]):
            if int(fields[0].split(".")[0]) != len(words):
                raise SourceError(
                    f"{where}: the empty node {fields[0]} must follow word {len(words)}"
                )
        elif fields[0] != str(expected):
            raise SourceError(f"{where}: expected word {expected}, found {fields[0]!r}")
        else:
            words.append((number, fields))
    heads = [_head(f"{path}:{number}", fields, len(words)) for number, fields in words]
    _check_tree(path, [number for number, _ in words] or [rows[0][0]], heads)
    columns = list(zip(*(fields for _, fields in words)))
    return {
        "sent_id": comments.get("sent_id", ""),
        "text": comments.get("text", " ".join(columns[1])),
        "tokens": list(columns[1]),
        "lemmas": list(columns[2]),
        "upos": list(columns[3]),
        "xpos": list(columns[4]),
        "feats": list(columns[5]),
        "head": heads,
        "deprel": list(columns[7]),
    }


def _head(where: str, fields: list[str], length: int) -> int:
    if fields[3] not in UPOS:
        raise SourceError(f"{where}: {fields[3]!r} is not a universal part of speech")
    if not fields[6].isdecimal() or int(fields[6]) > length:
        raise SourceError(
            f"{where}: the head must be 0 to {length}, found {fields[6]!r}"
        )
    if fields[6] == fields[0]:
        raise SourceError(f"{where}: word {fields[0]} is its own head")
    if fields[7] == "_":
        raise SourceError(f"{where}: the relation to the head (column 8) is missing")
    return int(fields[6])


def _check_tree(path: Path, numbers: list[int], heads: list[int]) -> None:
    if heads.count(0) != 1:
        raise SourceError(
            f"{path}:{numbers[0]}: the sentence that starts here has {heads.count(0)} "
            "roots; a tree has one"
        )
    for start, number in enumerate(numbers, start=1):
        word, steps = start, 0
        while word and steps <= len(heads):
            word, steps = heads[word - 1], steps + 1
        if word:
            raise SourceError(
                f"{path}:{number}: the heads of word {start} form a circle"
            )


# -- books (Project Gutenberg) ------------------------------------------------------

BOOK_START = re.compile(r"^\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG.*$", re.M)
BOOK_END = re.compile(r"^\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG.*$", re.M)
CREDIT = re.compile(
    r"(this )?(e-?text |e-?book )?(was )?(produced|prepared|transcribed) by\b"
    r"|end of (the )?project gutenberg",
    re.I,
)


def has_end_marker(path: Path) -> bool:
    """Whether a file holds the line with which Project Gutenberg closes a book."""
    return bool(BOOK_END.search(path.read_bytes().decode("utf-8", "replace")))


def is_bare_book(path: Path) -> bool:
    """Whether a file is a book without Project Gutenberg's lines around it.

    Raises what `read_text` raises.
    """
    text = read_text(path)
    return not BOOK_START.search(text) and not BOOK_END.search(text)


def count_lines(path: Path) -> int:
    """The number of the last line of a file."""
    data = path.read_bytes()
    return data.count(b"\n") + (not data.endswith(b"\n"))


def read_book(path: Path, title: str) -> Document:
    """Read a Project Gutenberg book: the paragraphs between its START and END lines.

    A file with neither line is taken as a book whose header and footer are gone
    (`is_bare_book`); with one of the two it is refused. Paragraphs are what blank lines
    separate, each on one line; the publisher's credit before and after the book is
    left out.
    Raises what `read_text` raises, and `SourceError` for a book that is cut short.
    """
    text = read_text(path)
    start, end = BOOK_START.search(text), BOOK_END.search(text)
    if bool(start) != bool(end):
        line, missing = (count_lines(path), "END") if start else (1, "START")
        raise SourceError(
            f"{path}:{line}: the line '*** {missing} OF THE PROJECT GUTENBERG EBOOK' "
            "is missing: the file is cut short"
        )
    if start:
        text = text[start.end() : end.start()]
    paragraphs = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    paragraphs = [paragraph for paragraph in paragraphs if paragraph]
    for place in (0, -1):
        if paragraphs and CREDIT.match(paragraphs[place]):
            paragraphs.pop(place)
    if not paragraphs:
        raise SourceError(f"{path}:1: holds no text between its START and END lines")
    return Document(title, tuple(paragraphs))


# -- the word lists that gensim carries ---------------------------------------------


def read_word_pairs(path: Path) -> dict[str, list]:
    """Read `word<TAB>word<TAB>score`: {"word1", "word2": [str], "score": [float]}.

    Raises what `read_text` raises, and `SourceError` for the first line that is wrong.
    """
    pairs = {"word1": [], "word2": [], "score": []}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.startswith("#") or not line.strip():
            continue
        fields = line.split("\t")
        try:
            word1, word2, score = fields[0], fields[1], float(fields[2])
            if not math.isfinite(score):
                raise ValueError("the score is no number")
        except (IndexError, ValueError) as error:
            raise SourceError(
                f"{path}:{number}: expected two words and a score, found {line[:60]!r}"
            ) from error
        for column, value in zip(pairs.values(), (word1, word2, score)):
            column.append(value)
    return pairs


def read_analogies(path: Path) -> dict[str, list]:
    """Read `questions-words.txt`: "a is to b as c is to d", under named sections.

    Keys: `section`, `a`, `b`, `c`, `d` (lists of str).
    Raises what `read_text` raises, and `SourceError` for the first line that is wrong.
    """
    analogies, section = {key: [] for key in ("section", "a", "b", "c", "d")}, ""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.startswith(":"):
            section = line[1:].strip()
        elif line.strip():
            words = line.split()
            if len(words) != 4 or not section:
                raise SourceError(
                    f"{path}:{number}: expected four words under a section, "
                    f"found {line[:60]!r}"
                )
            for column, value in zip(analogies.values(), (section, *words)):
                column.append(value)
    return analogies
