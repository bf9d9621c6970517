"""From text to rows of ids on the disk, in a memory that does not grow with the text.

Documents (paragraphs) stream through the tokenizer into one file of ids, 2 bytes each;
a row is read from that file when training asks for it. One document in fifty is held
out. Its text decides, not its place: a sentence that stands in two books is on one side.

Letters: L tokens of a row.

Taught in: chapter 4, sections "Packing" and "The engine".
"""

import codecs
import contextlib
import hashlib
import io
import itertools
import json
import os
import re
import reprlib
import shutil
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from utils import sources
from utils.inputs import require_text
from utils.pretraining.recipe import BOS, EOS, MASK, SPECIAL_TOKENS, PretrainingError
from utils.sources import formats

HELD_OUT = 50  # one document of so many
BATCH = 1_000, 2**18  # documents, and characters, that the tokenizer gets at once
LONGEST = 2**18  # characters: a longer paragraph is cut in two
LONG_WORD = re.compile(r"\S{1000}|\s{1000}")  # what the tokenizer would learn as one word
CHUNK = 2**16  # bytes of a file read at once
DATA_FILES = ("train.bin", "held_out.bin", "corpus.json")
TOKENIZER_FILES = (
    "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", formats.SUMS,
)  # fmt: skip


# ------------------------------------------------------------------ where text is
def open_text(text):
    """(name, function that gives the documents anew) of a text of the course, or files.

    text: the name of a text that `utils.sources.load_text` knows, the path of a UTF-8
    file whose paragraphs blank lines separate, or a list of those; or a sequence of
    strings, a document each.

    Raises PretrainingError for a path that is not there or what is no text, SourceError
    for a text of the course that cannot be had.
    Taught in: chapter 4, section "The engine".
    """
    one = isinstance(text, (str, Path)) or not hasattr(text, "__iter__")
    parts = [text] if one else list(text)
    if not parts:
        raise PretrainingError("the text is empty: there is nothing to learn from")
    if not all(isinstance(part, (str, Path)) for part in parts):
        raise PretrainingError(
            "a text is a name, a path, or a sequence of strings, a document each; of a "
            "text of the course, give the name or the paragraphs"
        )
    if not one and not are_names(parts):
        return "a list of texts", lambda: iter(parts)  # the documents themselves
    names = list(map(str, parts))
    for name in names:
        if name not in sources.TEXTS and not os.path.isfile(name):
            raise PretrainingError(
                f"{name[:100]!r} is neither a text of the course ({', '.join(sources.TEXTS)}) "
                f"nor a file"
            )

    def documents():
        for name in names:
            if name in sources.TEXTS:
                yield from sources.load_text(name).paragraphs
            else:
                yield from read_paragraphs(name)

    return " + ".join(map(given_name, names)), documents


def given_name(name):
    """What a text of the course is, or stands in for; of a file, its name."""
    if name not in sources.TEXTS:
        return Path(name).name
    provenance = sources.load_text(name).provenance
    stands_in = f" (in the place of {name})" if provenance.substituted else ""
    return provenance.given + stands_in


def are_names(parts):
    """Whether a list names texts and files, and does not hold the documents themselves."""
    return any(isinstance(part, Path) or part in sources.TEXTS for part in parts) or all(
        part.endswith(".txt") and "\n" not in part for part in parts
    )


def read_paragraphs(path):
    """Yield the paragraphs of a UTF-8 file, each on one line, reading as it goes.

    Blank lines separate paragraphs; one longer than `LONGEST` characters is cut. Lines
    end with LF, CR LF or CR.
    Raises PretrainingError for a file that cannot be read, and for bytes that are no
    UTF-8, with their place; TypeError for what is no path.
    """
    lines, size = [], 0
    for line in decoded_lines(path):
        if line.strip():
            lines.append(line.strip())
            size += len(line)
        if lines and (not line.strip() or size >= LONGEST):
            yield " ".join(lines)
            lines, size = [], 0
    if lines:
        yield " ".join(lines)


def decoded_lines(path):
    """Yield the lines of a UTF-8 file, none of them longer than about `LONGEST`."""
    rest = ""
    for piece in decoded(path):
        *lines, rest = (rest + piece).split("\n")
        yield from lines
        if len(rest) > LONGEST:
            yield rest
            rest = ""
    yield rest


def decoded(path):
    """Yield the text of a UTF-8 file in pieces, every end of line as LF."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)  # CR | LF: one end
    start = 0
    for data in chunks(path):
        pending = len(decoder.getstate()[0])
        try:
            piece = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise PretrainingError(
                f"{path}: byte {start - pending + error.start} is not UTF-8 "
                f"({error.reason}); save the file as UTF-8, or choose another one"
            ) from None
        if start - pending == 0:
            piece = piece.removeprefix("\ufeff")  # the mark that some editors put there
        start += len(data)
        yield line_ends.decode(piece, final=not data)


def chunks(path):
    """Yield the bytes of a file, and none at its end."""
    path = Path(path)  # an integer would be a file that is open
    try:
        with open(path, "rb") as file:
            while data := file.read(CHUNK):
                yield data
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PretrainingError(f"{path} cannot be read ({reason})") from error
    yield b""


# -------------------------------------------------------------------- tokenizers
def train_tokenizer(documents, vocab_size, folder):
    """Train a byte-level BPE on documents and save it in the standard files.

    Returns the tokenizer as `load_tokenizer` gives it. It may have fewer pieces than
    vocab_size: no merge is learned from a pair that occurs once.
    Raises PretrainingError where there is no document, for one that is no text, and for a
    folder that cannot be written; TypeError or ValueError for what is no path or no list.
    Taught in: chapter 4, section "The same merges as the library".
    """
    from tokenizers import ByteLevelBPETokenizer

    first = next(documents := in_short_words(checked(documents)), None)
    if first is None:
        raise PretrainingError("the text is empty: there is nothing to learn from")
    library = ByteLevelBPETokenizer()
    library.train_from_iterator(
        itertools.chain([first], documents), vocab_size=vocab_size, min_frequency=2,
        special_tokens=list(SPECIAL_TOKENS), show_progress=False,
    )  # fmt: skip
    with saying_no_space(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        library.save_model(str(folder))  # vocab.json and merges.txt
        roberta_tokenizer(folder).save_pretrained(folder)
    return load_tokenizer(folder, vocab_size)


def roberta_tokenizer(folder):
    """The RobertaTokenizer of the vocab.json and merges.txt in a folder.

    As in RoBERTa's own, `<mask>` takes the space before it, so that "human <mask>" asks
    for a piece that begins with one, " reason".
    """
    from tokenizers import AddedToken
    from transformers import RobertaTokenizer

    files = [str(Path(folder) / name) for name in ("vocab.json", "merges.txt")]
    mask = AddedToken(SPECIAL_TOKENS[MASK], lstrip=True, special=True)
    return RobertaTokenizer(*files, mask_token=mask)


def load_tokenizer(folder, vocab_size):
    """The tokenizer of a folder, when a model of vocab_size rows can use it.

    Raises PretrainingError where there is none, where a file is not what `SHA256SUMS`
    lists, if that is there, where it has more pieces than the model rows, or where `<s>
    <pad> </s> <unk> <mask>` are not its ids 0 to 4; TypeError for what is no path, OSError
    for one that the system cannot look up.
    """
    from transformers import AutoTokenizer

    if not Path(folder).is_dir():
        raise PretrainingError(f"{folder} is no folder with a tokenizer")
    try:
        if (Path(folder) / formats.SUMS).is_file():
            formats.check_sums(Path(folder))
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # a damaged vocabulary raises many kinds
        raise PretrainingError(f"{folder}: no tokenizer can be loaded ({error})") from error
    special = tuple(tokenizer.convert_ids_to_tokens(range(len(SPECIAL_TOKENS))))
    if special != SPECIAL_TOKENS:
        raise PretrainingError(
            f"the tokenizer in {folder} does not match the model: its ids 0 to 4 are "
            f"{' '.join(map(str, special))}, and the model takes {' '.join(SPECIAL_TOKENS)}"
        )
    if len(tokenizer) > vocab_size:
        raise PretrainingError(
            f"the tokenizer in {folder} does not match the model: it has "
            f"{len(tokenizer):,} pieces and the model {vocab_size:,} rows; "
            f"set vocab_size to {len(tokenizer)}"
        )
    return tokenizer


# ------------------------------------------------------------------ files of ids
@dataclass(frozen=True)
class Corpus:
    """What a folder of ids holds; `corpus.json` keeps it."""

    text: str
    documents: int
    held_out_documents: int
    characters: int
    tokens: int
    held_out_tokens: int
    dtype: str
    tokenizer: str  # sha256 of tokenizer.json
    train_sha256: str
    held_out_sha256: str


def is_held_out(document):
    """Whether a document is kept from training: one in fifty, by its text alone.

    Raises TypeError for what is no text.
    """
    return zlib.crc32(require_text(document).encode("utf-8", "replace")) % HELD_OUT == 0


def write_corpus(name, documents, tokenizer, folder):
    """Turn documents into `train.bin` and `held_out.bin` and describe them: a Corpus.

    Each document becomes `<s> ... </s>`; where its text has "<s>" in it, those are
    three characters. Memory does not grow with the text. The files appear when they
    are complete.
    Raises PretrainingError for a text without a token, for a document that is no text, or
    without space on the disk; TypeError or ValueError for what is no path or no list.
    Taught in: chapter 4, section "Packing".
    """
    folder = Path(folder)
    dtype = np.dtype("<u2") if len(tokenizer) <= 2**16 else np.dtype("<u4")
    parts = {side: folder / f"{side}.bin.part" for side in ("train", "held_out")}
    counts = dict.fromkeys(parts, 0)
    tokens, characters = dict.fromkeys(parts, 0), 0
    sums = {side: hashlib.sha256() for side in parts}
    with saying_no_space(folder), contextlib.ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        files = {side: stack.enter_context(open(parts[side], "wb")) for side in parts}
        for document, ids in encoded(documents, tokenizer):
            side = "held_out" if is_held_out(document) else "train"
            data = np.array([BOS, *ids, EOS], dtype).tobytes()
            files[side].write(data)
            sums[side].update(data)
            counts[side] += 1
            tokens[side] += len(ids) + 2
            characters += len(document)
    if not tokens["train"]:
        raise PretrainingError(f"{name} is empty: there is nothing to learn from")
    corpus = Corpus(
        name, counts["train"], counts["held_out"], characters, tokens["train"],
        tokens["held_out"], dtype.str, tokenizer_sha256(tokenizer),
        sums["train"].hexdigest(), sums["held_out"].hexdigest(),
    )  # fmt: skip
    with saying_no_space(folder):
        for side, part in parts.items():
            part.replace(folder / f"{side}.bin")
        part = folder / "corpus.json.part"
        content = asdict(corpus)
        content |= {"sha256": content_sum(content)}
        part.write_text(json.dumps(content, indent=1) + "\n")
        part.replace(folder / "corpus.json")
    return corpus


def encoded(documents, tokenizer):
    """Yield (document, its ids) for each document that is not blank."""
    library = tokenizer.backend_tokenizer
    library.encode_special_tokens = True  # "<s>" in a text is no beginning of a document
    try:
        for batch in batches(tqdm(not_blank(documents), "tokens", leave=False, disable=None)):
            encodings = library.encode_batch_fast(batch, add_special_tokens=False)
            yield from ((text, encoding.ids) for text, encoding in zip(batch, encodings))
    finally:
        library.encode_special_tokens = False


def not_blank(documents):
    """The documents that have something in them."""
    return (document for document in checked(documents) if document.strip())


def in_short_words(documents):
    """Yield the documents, cut after 1,000 characters that no space divides.

    The library's training takes the square of the length of a word: one of 100,000
    characters, as a script without spaces may have it, would take a minute.
    """
    for document in documents:
        ends = [found.end() for found in LONG_WORD.finditer(document)]
        for start, end in itertools.pairwise([0, *ends, len(document)]):
            yield document[start:end]


def checked(documents):
    """Yield the documents; PretrainingError for one that is no text, or half a character."""
    for number, document in enumerate(documents):
        if not isinstance(document, str):
            raise PretrainingError(f"document {number} is no text: {reprlib.repr(document)}")
        if not document.isascii() and re.search("[\ud800-\udfff]", document):
            raise PretrainingError(
                f"document {number} has half of a surrogate pair, which UTF-8 cannot write: "
                f"read the text again with its right encoding"
            )
        yield document


def read_corpus(folder):
    """The Corpus of a folder, its files checked; None where there is none.

    Raises PretrainingError for files that are not those that were written; TypeError for
    what is no path, OSError for one that the system cannot look up.
    """
    folder = Path(folder)
    if not (folder / "corpus.json").is_file():
        return None
    damaged = folder / "corpus.json"
    try:
        content = json.loads(damaged.read_text())
        expected = content.pop("sha256", None)  # that of an early run has none
        if expected not in (None, content_sum(content)):
            raise OSError("it is not what was written")
        corpus = Corpus(**content)
        for side, tokens in (("train", corpus.tokens), ("held_out", corpus.held_out_tokens)):
            damaged = folder / f"{side}.bin"
            size = tokens * np.dtype(corpus.dtype).itemsize
            with open(damaged, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if damaged.stat().st_size != size or found != getattr(corpus, f"{side}_sha256"):
                raise OSError("it is not what was written")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise PretrainingError(
            f"{damaged} is missing or damaged ({error}): bring it back from a copy, or "
            f"start anew in another folder"
        ) from error
    return corpus


def content_sum(content):
    """The sha256 of what a JSON file holds: a digit that was flipped is still JSON."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def check_text(corpus, name, documents, out):
    """Raise PretrainingError where a run was trained on another text than the given one.

    The name and the numbers of documents and characters tell; nothing is encoded.
    """
    given = 0, 0
    if corpus is not None and corpus.text == name:
        for document in not_blank(documents):
            given = given[0] + 1, given[1] + len(document)
    if corpus is None or given != (
        corpus.documents + corpus.held_out_documents, corpus.characters
    ):  # fmt: skip
        was = f"{corpus.text}, {corpus.characters:,} characters" if corpus else "a lost text"
        raise PretrainingError(
            f"{out} was trained on {was}, and {name}"
            + (f", {given[1]:,} characters," if given[1] else "")
            + " was given: resume with the same text"
        )


def make_room(folder, files):
    """Remove what an earlier start left in a folder, if nothing else is there.

    Raises PretrainingError for a folder with other files: they may be the reader's;
    TypeError for what is no path, OSError for one that the system cannot look up.
    """
    for path in Path(folder).glob("*"):
        if path.name.removesuffix(".part") not in files:
            raise PretrainingError(
                f"{path} is no file of a run, and {folder} would be written anew: choose "
                f"another folder"
            )
    shutil.rmtree(folder, ignore_errors=True)


def tokenizer_sha256(tokenizer):
    """What tells one tokenizer from another: the sum of its own description."""
    return hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()


def batches(documents, most=BATCH):
    """Yield lists of documents: so many at most, or when so many characters are there."""
    batch, size = [], 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if len(batch) == most[0] or size >= most[1]:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@contextlib.contextmanager
def saying_no_space(folder):
    """Turn the errors of a full or closed disk into one that says what to do.

    The libraries in Rust have errors of their own, with the system's number in them.
    """
    try:
        yield
    except PretrainingError:
        raise
    except Exception as error:
        if not isinstance(error, OSError) and "(os error " not in str(error):
            raise
        reason = getattr(error, "strerror", None) or error
        raise PretrainingError(
            f"{folder} cannot be written ({reason}): free some space or choose another "
            f"folder; what was complete before is still there"
        ) from error


class Rows:
    """The rows of a file of ids: `rows[i]` reads L tokens, [L], from the disk.

    The last tokens, fewer than L, make no row and are left out.
    Raises PretrainingError for a text shorter than one row, OSError for a file that cannot
    be read, TypeError or ValueError for what is no path.
    Taught in: chapter 4, section "Packing".
    """

    def __init__(self, path, dtype, length):
        self.dtype, self.length = np.dtype(dtype), length
        self.file = os.open(Path(path), os.O_RDONLY)
        tokens = os.fstat(self.file).st_size // self.dtype.itemsize
        self.number = tokens // length
        if not self.number:
            os.close(self.file)
            del self.file  # __del__ must not close the number again: it may be another file's
            raise PretrainingError(
                f"{Path(path).name}: {tokens} tokens are less than one row of {length}; "
                f"take a longer text or a smaller row_length"
            )

    def __len__(self):
        return self.number

    def __getitem__(self, row):
        if not 0 <= row < self.number:
            raise IndexError(f"row {row} of {self.number}")
        size = self.length * self.dtype.itemsize
        data = os.pread(self.file, size, row * size)  # no memory map: it would stay
        return np.frombuffer(data, self.dtype).astype(np.int64)

    def __del__(self):
        with contextlib.suppress(OSError, AttributeError):
            os.close(self.file)
