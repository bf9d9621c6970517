"""What a vocabulary is worth on a text: the entries that it uses, and those it does not.

Letters of the shapes: V entries of the vocabulary, d numbers in each.

Every entry is a row of d parameters in a model's embeddings. A row whose piece never
occurs in the texts is never trained as that piece: it is met only as the random
replacement of a hidden token (Devlin et al. 2019, section 3.1), and where the same rows
give the output too, it learns no more than to be improbable.

Source: Rust et al. 2021, "How Good is Your Tokenizer?", for the fertility.
Taught in: chapter 4, section "A vocabulary, audited".
"""

from collections import Counter
from dataclasses import dataclass

from tokenizers import Tokenizer

from utils.tokenization.bpe import ByteLevelBPE
from utils.tokenization.wordpiece import WordPiece, require_text


@dataclass(frozen=True)
class Audit:
    """How often some texts use each entry of a vocabulary: see `audit`.

    asked: the entries that were asked for, which is the V of the model;
    special: the special tokens, which a model needs and texts hardly have;
    counts: each other entry -> how often the texts use it, 0 for never.
    """

    asked: int
    special: tuple[str, ...]
    counts: dict[str, int]

    @property
    def entries(self):
        """The entries that the tokenizer really has, special tokens included."""
        return len(self.special) + len(self.counts)

    @property
    def never_made(self):
        """The entries asked for that the tokenizer does not have: rows without a piece."""
        return self.asked - self.entries

    @property
    def never_used(self):
        """The entries that the texts never use, in the order of their ids: a list."""
        return self.used_less_than(1)

    def used_less_than(self, times):
        """The entries that the texts use fewer than `times` times, special ones aside."""
        return [piece for piece, count in self.counts.items() if count < times]

    @property
    def rows_wasted(self):
        """The rows of V that no token of the texts trains: never made, or never used."""
        return self.never_made + len(self.never_used)

    def parameters_wasted(self, width):
        """Those rows in parameters, for embeddings of `width` numbers, d.

        Raises ValueError for a width below 1.
        Taught in: chapter 4, section "A vocabulary, audited".
        """
        if width < 1:
            raise ValueError(f"width must be 1 or more, not {width}.")
        return self.rows_wasted * width


def audit(tokenizer, texts, vocab_size=None):
    """Count what `texts` use of a tokenizer's vocabulary: an Audit.

    tokenizer: of `transformers` (fast), of `tokenizers`, or of this package; texts: an
    iterable of strings; vocab_size: the V asked for, None for as many entries as the
    tokenizer has. Nothing is added around a text, and its end is never cut.

    Raises ValueError for a vocab_size below the entries that there are, texts without
    any token, or a tokenizer of another kind; TypeError for one string as `texts`.
    Taught in: chapter 4, section "A vocabulary, audited".
    """
    tokenizer = readable(tokenizer)
    vocabulary, special = entries_of(tokenizer)
    asked = len(vocabulary) if vocab_size is None else vocab_size
    if asked < len(vocabulary):
        raise ValueError(
            f"vocab_size is {asked}, and the tokenizer has {len(vocabulary)} entries: "
            f"a model of that size has no rows for some of them."
        )
    used = Counter()
    for ids in ids_of(tokenizer, list_of_texts(texts)):
        used.update(ids)
    if not used:
        raise ValueError("the texts have no token to count: they are empty.")
    by_id = sorted(vocabulary.items(), key=lambda entry: entry[1])
    counts = {piece: used[id] for piece, id in by_id if piece not in special}
    return Audit(asked, tuple(p for p, _ in by_id if p in special), counts)


def fertility(tokenizer, texts):
    """How many pieces a word takes on average; 1.0 where each word is one piece.

    Words are what stands between white space; their punctuation is counted with them,
    so even a vocabulary of every word gives more than 1. Arguments: those of `audit`.

    Raises ValueError for texts without a word, and what `audit` raises.
    Source: Rust et al. 2021.
    Taught in: chapter 4, section "A vocabulary, audited".
    """
    tokenizer, texts = readable(tokenizer), list_of_texts(texts)
    words = sum(len(text.split()) for text in texts)
    if not words:
        raise ValueError("the texts have no words to count.")
    return sum(map(len, ids_of(tokenizer, texts))) / words


# ------------------------------------------------- one face for every tokenizer
def readable(tokenizer):
    """A tokenizer of this package as it is, or a copy of a library's that cuts nothing.

    A checkpoint may say to cut at some length and to fill up to it; neither is wanted
    where every piece is counted, and the tokenizer that was given stays as it was.
    """
    if isinstance(tokenizer, ByteLevelBPE | WordPiece):
        return tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)  # of transformers
    backend = backend or getattr(tokenizer, "_tokenizer", tokenizer)  # of tokenizers
    if not isinstance(backend, Tokenizer):
        raise ValueError(
            f"the tokenizer must be a fast one of transformers, one of tokenizers, or "
            f"one of utils.tokenization; this is a {type(tokenizer).__name__}."
        )
    copy = Tokenizer.from_str(backend.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def entries_of(tokenizer):
    """piece -> id, and the set of the special tokens, of what `readable` gives."""
    if not isinstance(tokenizer, Tokenizer):
        return tokenizer.vocabulary, set(tokenizer.special_tokens)
    added = tokenizer.get_added_tokens_decoder().values()
    special = {token.content for token in added if token.special}
    return tokenizer.get_vocab(with_added_tokens=True), special


def ids_of(tokenizer, texts):
    """The ids of each text, nothing added: a list for each."""
    if not isinstance(tokenizer, Tokenizer):
        return ([token.id for token in tokenizer.tokenize(text)] for text in texts)
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    return (encoding.ids for encoding in encodings)


def list_of_texts(texts):
    """The texts as a list; TypeError for one string, or for what is no string."""
    if isinstance(texts, str):
        raise TypeError("texts is one string; give a list of texts, such as [text].")
    return [require_text(text) for text in texts]
