"""WordPiece: from a text to the pieces of a vocabulary, and back.

It is applied here as BERT does: the text is made plain, cut into words, and each
word is cut into the longest pieces that the vocabulary has. A piece that continues a
word is written with `##` before it.

Everything equals the library `tokenizers`, ids and offsets, on any text without some
hundreds of rare characters that Unicode added or sorted anew after version 8 (2015):
that library still knows marks and punctuation by the tables of that year, and this
module by Python's. (One more difference: several combining marks on one letter, written
in another order than Unicode's, of which one takes a space of its own.)

Sources: Schuster and Nakajima 2012, "Japanese and Korean voice search"; Wu et al. 2016,
"Google's Neural Machine Translation System", section 4.1; Devlin et al. 2019, "BERT",
section 3 and `tokenization.py` of its repository.
Taught in: chapter 3, section "WordPiece, applied".
"""

import functools
import json
import re
import sys
import unicodedata
from operator import index
from typing import NamedTuple

from utils.inputs import require_text

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Token(NamedTuple):
    """A piece of the vocabulary, its id, and where it lies: text[start:end]."""

    piece: str
    id: int
    start: int
    end: int


class Encoding(NamedTuple):
    """What a model reads, three lists of one length: see `WordPiece.encode`."""

    input_ids: list[int]
    token_type_ids: list[int]
    offsets: list[tuple[int, int]]


# ----------------------------------------------------------------- characters
def is_control(character):
    """True for what is not seen: control, format and private characters, and U+FFFD.

    A tab and the two ends of line are control characters for Unicode, but BERT's
    tokenizer takes them as spaces.
    Raises TypeError for what is not one character.
    Taught in: chapter 3, section "WordPiece, applied".
    """
    category = unicodedata.category(character)
    if character in "\t\n\r":
        return False
    return character == "\ufffd" or category in ("Cc", "Cf", "Co", "Cs")


def is_punctuation(character):
    """True for Unicode's punctuation, and for all of ASCII but letters and digits.

    Unicode calls $ + < = > ^ ` | ~ symbols; BERT's tokenizer cuts at them too.
    Raises TypeError for what is not one character.
    Taught in: chapter 3, section "WordPiece, applied".
    """
    category = unicodedata.category(character)
    ascii_mark = "!" <= character <= "~" and not character.isalnum()
    return ascii_mark or category.startswith("P")


CHINESE = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
    (0x2B920, 0x2CEAF),  # BERT begins this block at 2B820; a slip of `tokenizers`, kept
)  # fmt: skip


def is_chinese(character):
    """True for ideographs, which Chinese and Japanese write without spaces between.

    Kana and Hangul are not among them: they are cut as other alphabets are.
    Raises TypeError for what is not one character.
    Taught in: chapter 3, section "WordPiece, applied".
    """
    return any(first <= ord(character) <= last for first, last in CHINESE)


@functools.lru_cache(maxsize=2**16)
def normalize_character(character, lowercase, strip_accents):
    """What one character becomes: nothing, itself, or several characters.

    Raises TypeError for what is not one character.
    Taught in: chapter 3, section "WordPiece, applied".
    """
    if is_control(character):
        return ""
    if character.isspace():
        return " "
    if is_chinese(character):
        character = f" {character} "
    if strip_accents:  # é is e and a mark that takes no space, of category Mn
        letters = unicodedata.normalize("NFD", character)
        character = "".join(c for c in letters if unicodedata.category(c) != "Mn")
    # One character at a time: a Σ has no neighbours that would make it a final ς.
    return character.lower() if lowercase else character


@functools.cache
def bert_word():
    """The regular expression of a word: one punctuation mark, or a run without any.

    Python's `re` has no name for Unicode's punctuation, so all of it is listed, once.
    """
    everything = map(chr, range(sys.maxunicode + 1))
    marks = re.escape("".join(filter(is_punctuation, everything)))
    return re.compile(rf"[{marks}]|[^{marks}\s]+")


# ------------------------------------------------------------------ WordPiece
class WordPiece:
    """BERT's tokenizer: normalise, cut into words, cut each word into known pieces.

    vocabulary: piece -> id, or the list of the pieces in the order of their ids;
    lowercase: make A an a, and strip accents too unless `strip_accents` is False;
    max_characters: a longer word is unknown without looking;
    unknown: the piece of the words that cannot be made from the vocabulary;
    strip_accents: None does as `lowercase` does, which is BERT's way.

    Of SPECIAL_TOKENS, those in the vocabulary are kept whole where a text has them.
    Raises ValueError for a vocabulary without `unknown`, or with a piece or id twice;
    TypeError for a vocabulary that is none, and, in every method, for a text that is no
    string.
    Source: Devlin et al. 2019, section 3, "Input/Output Representations".
    Taught in: chapter 3, section "WordPiece, applied".
    """

    CACHE_SIZE = 100_000  # words whose pieces are remembered
    CONTINUES = "##"  # what a piece inside a word begins with

    def __init__(
        self,
        vocabulary,
        lowercase=True,
        max_characters=100,
        unknown="[UNK]",
        strip_accents=None,
    ):
        self.vocabulary = read_vocabulary(vocabulary, unknown)
        self.lowercase = lowercase
        self.strip_accents = lowercase if strip_accents is None else strip_accents
        self.max_characters = max_characters
        self.unknown = unknown
        self.piece_of = {id: piece for piece, id in self.vocabulary.items()}
        self.special_tokens = {
            token: self.vocabulary[token]
            for token in dict.fromkeys((*SPECIAL_TOKENS, unknown))
            if token in self.vocabulary
        }
        longest_first = sorted(self.special_tokens, key=len, reverse=True)
        self._special = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")
        self._cache = {}

    @classmethod
    def from_tokenizer(cls, tokenizer):
        """The vocabulary and the settings of a `transformers` tokenizer of BERT's kind.

        Its truncation and padding stay behind. Raises ValueError for a tokenizer that
        is not WordPiece with BERT's normalisation, words and special tokens.
        Taught in: chapter 3, section "WordPiece, applied".
        """
        settings = read_settings(tokenizer)
        model, normalizer = settings["model"], settings["normalizer"]
        return cls(
            model["vocab"],
            lowercase=normalizer["lowercase"],
            max_characters=model["max_input_chars_per_word"],
            unknown=model["unk_token"],
            strip_accents=normalizer["strip_accents"],
        )

    def __len__(self):
        return len(self.vocabulary)

    @property
    def special_ids(self):
        """The ids of the special tokens, which pre-training never hides, in order."""
        return sorted(self.special_tokens.values())

    # ------------------------------------------------------------- four steps
    def normalize(self, text):
        """Step 1, the text made plain: "El gato  durmió" becomes "el gato  durmio".

        Control characters go, every space becomes " ", ideographs stand alone; then,
        unless the model tells upper case from lower, accents and capitals go too.
        Taught in: chapter 3, section "WordPiece, applied".
        """
        return self.normalize_with_sources(text)[0]

    def normalize_with_sources(self, text):
        """The plain text, and for each character of it the place where it comes from.

        The places are what lets a token point into the original text afterwards.
        """
        require_text(text)
        options = (self.lowercase, self.strip_accents)
        changed = [normalize_character(character, *options) for character in text]
        sources = [place for place, new in enumerate(changed) for _ in new]
        return "".join(changed), sources

    def pre_tokenize(self, text):
        """Step 2, a plain text cut at spaces and around each punctuation mark.

        Returns [(word, (start, end)), ...]; "can't go" has the words can ' t go.
        Taught in: chapter 3, section "WordPiece, applied".
        """
        words = bert_word().finditer(require_text(text))
        return [(match.group(), match.span()) for match in words]

    def pieces(self, word):
        """Step 3, a word cut greedily: always the longest piece that comes next.

        pieces("embeddings") is ["em", "##bed", "##ding", "##s"]. A word of which some
        part is no piece is one unknown token, whole: nothing of it can be read.
        Source: Wu et al. 2016, section 4.1.
        Taught in: chapter 3, section "WordPiece, applied".
        """
        if len(word) > self.max_characters:
            return [self.unknown]
        found, start = [], 0
        while start < len(word):
            prefix = self.CONTINUES if start else ""
            for end in range(len(word), start, -1):  # the longest first
                piece = prefix + word[start:end]
                if piece in self.vocabulary:
                    break
            else:
                return [self.unknown]
            found.append(piece)
            start = end
        return found

    def tokenize(self, text):
        """All the steps: a list of Token(piece, id, start, end).

        text[start:end] is what the piece was in the text as given. Special tokens
        written in the text, "[MASK]", are kept whole.
        Taught in: chapter 3, section "WordPiece, applied".
        """
        tokens, start = [], 0
        for part in self._special.split(require_text(text)):
            end = start + len(part)
            if part in self.special_tokens:
                tokens.append(Token(part, self.special_tokens[part], start, end))
            else:
                tokens += self._tokenize_plain(part, start)
            start = end
        return tokens

    def _tokenize_plain(self, text, shift):
        """The tokens of a text without special tokens, `shift` places further on."""
        plain, sources = self.normalize_with_sources(text)
        tokens = []
        for word, (start, word_end) in self.pre_tokenize(plain):
            for piece, id, length in self._known_pieces(word):
                end = start + length
                first, last = sources[start] + shift, sources[end - 1] + shift
                tokens.append(Token(piece, id, first, last + 1))
                start = end
        return tokens

    def _known_pieces(self, word):
        """(piece, id, characters of the word) for each piece; remembered, as words
        come back again and again."""
        if word not in self._cache:
            if len(self._cache) >= self.CACHE_SIZE:
                self._cache.clear()
            pieces = self.pieces(word)
            if pieces == [self.unknown]:
                lengths = [len(word)]
            else:
                lengths = [len(p) - len(self.CONTINUES) * (i > 0)
                           for i, p in enumerate(pieces)]  # fmt: skip
            ids = [self.vocabulary[piece] for piece in pieces]
            self._cache[word] = list(zip(pieces, ids, lengths))
        return self._cache[word]

    # ------------------------------------------------------- a model's input
    def encode(self, text, pair=None, max_length=None):
        """Step 4, what BERT reads: [CLS] text [SEP], or [CLS] text [SEP] pair [SEP].

        max_length: the most ids, special ones too; of two texts the longer is cut
        first, from its end.

        Returns Encoding(input_ids, token_type_ids, offsets): the type is 0 up to the
        first [SEP] and 1 after it; each offset points into its own text, (0, 0) for
        what was added.
        Raises ValueError for a max_length without room for the special tokens, or a
        vocabulary without [CLS] and [SEP].
        Source: Devlin et al. 2019, figure 2.
        Taught in: chapter 3, section "WordPiece, applied".
        """
        first = self.tokenize(text)
        second = None if pair is None else self.tokenize(pair)
        if max_length is not None:
            room = room_for_tokens(max_length, 2 if second is None else 3)
            first, second = cut_longest_first(first, second, room)
        begin, end = self._added("[CLS]"), self._added("[SEP]")
        rows = [(begin, 0), *((token, 0) for token in first), (end, 0)]
        if second is not None:
            rows += [*((token, 1) for token in second), (end, 1)]
        return Encoding(
            [token.id for token, _ in rows],
            [token_type for _, token_type in rows],
            [(token.start, token.end) for token, _ in rows],
        )

    def _added(self, name):
        """A special token that stands at no place of the text."""
        if name not in self.special_tokens:
            raise ValueError(
                f"encode() adds {name}, and the vocabulary has no such piece; "
                f"tokenize() needs no special tokens."
            )
        return Token(name, self.special_tokens[name], 0, 0)

    def decode(self, ids):
        """The pieces of some ids as a text, continuations joined to their words.

        What normalisation took away cannot come back: capitals, accents, which spaces
        there were (none can be told from one, before a full stop too), control
        characters, and whatever became [UNK].
        Raises ValueError for an id that the vocabulary does not have, TypeError for what
        are no integers.
        Taught in: chapter 3, section "WordPiece, applied".
        """
        try:
            pieces = [self.piece_of[index(id)] for id in ids]
        except KeyError as error:
            raise ValueError(f"the vocabulary has no id {error.args[0]}") from None
        return " ".join(pieces).replace(" " + self.CONTINUES, "")


def read_vocabulary(vocabulary, unknown):
    """piece -> id, from a dict or from a list in the order of the ids; checked.

    Raises ValueError or TypeError as `WordPiece` does.
    """
    if not isinstance(vocabulary, dict):
        pieces = list(vocabulary)
        vocabulary = {piece: id for id, piece in enumerate(pieces)}
        if len(vocabulary) < len(pieces):
            twice = next(p for i, p in enumerate(pieces) if vocabulary[p] != i)
            raise ValueError(f"the vocabulary has the piece {twice!r} twice")
    if len(set(vocabulary.values())) < len(vocabulary):
        raise ValueError("the vocabulary gives one id to two pieces")
    if unknown not in vocabulary:
        raise ValueError(
            f"the vocabulary has no {unknown!r}, the piece of the words that cannot be "
            f"made of the others: add it, or name yours with unknown=..."
        )
    return dict(vocabulary)


def read_settings(tokenizer):
    """The settings of a fast tokenizer, refused where they are not BERT's."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ValueError(
            f"from_tokenizer() reads a fast tokenizer of transformers, as "
            f"AutoTokenizer gives it; this is a {type(tokenizer).__name__}."
        )
    settings = json.loads(backend.to_str())
    model = settings["model"]
    asked = {
        ("model", "type"): "WordPiece",
        ("model", "continuing_subword_prefix"): WordPiece.CONTINUES,
        ("normalizer", "type"): "BertNormalizer",
        ("normalizer", "clean_text"): True,
        ("normalizer", "handle_chinese_chars"): True,
        ("pre_tokenizer", "type"): "BertPreTokenizer",
    }
    for (part, key), value in asked.items():
        given = (settings[part] or {}).get(key)
        if given != value:
            raise ValueError(
                f"WordPiece needs a tokenizer of BERT's kind, whose {part} has "
                f"{key} = {value!r}; this one has {given!r}."
            )
    known = {*SPECIAL_TOKENS, model["unk_token"]} & set(model["vocab"])
    added = {token["content"] for token in settings["added_tokens"]}
    if added != known:
        raise ValueError(
            f"WordPiece keeps {', '.join(SPECIAL_TOKENS)} whole, where the vocabulary "
            f"has them, and nothing else; this tokenizer differs in "
            f"{', '.join(sorted(added ^ known))}."
        )
    return settings


def room_for_tokens(max_length, special):
    """How many tokens of the text fit beside the special ones; ValueError if none."""
    if max_length < special:
        raise ValueError(
            f"max_length is {max_length}, and the special tokens alone are {special}."
        )
    return max_length - special


def cut_longest_first(first, second, room):
    """Both texts cut at their ends to `room` tokens together, the longer one first."""
    if second is None:
        return first[:room], None
    shorter = min(len(first), len(second), room // 2)
    longer = room - shorter
    if len(first) > len(second):
        return first[:longer], second[:shorter]
    return first[:shorter], second[:longer]
