"""Byte-level BPE: a vocabulary learnt by merging pairs, which can write any text.

A text is cut into words; a word is its UTF-8 bytes, each written as one visible
character. Training starts from the 256 bytes and merges, again and again, the two
neighbouring pieces that are most frequent. Applying it repeats the merges, in the order
in which they were learnt. As every byte is a piece, no word is unknown.

Merges, ids and offsets equal those of `tokenizers.ByteLevelBPETokenizer`. Both cut words
at Unicode's letters and digits, by the tables that each was built with: that library has
those of Unicode 16, so letters that are newer than 2024 may be cut elsewhere.

Sources: Gage 1994, "A New Algorithm for Data Compression"; Sennrich et al. 2016, "Neural
Machine Translation of Rare Words with Subword Units", section 3.2; Radford et al. 2019,
"Language Models are Unsupervised Multitask Learners", section 2.2; Liu et al. 2019,
"RoBERTa", section 4.4.
Taught in: chapter 4, sections "Text into bytes, bytes into pieces" and "The same merges
as the library".
"""

import heapq
import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import count, pairwise
from operator import index
from pathlib import Path

import regex  # Python's own `re` has no \p{L}, "a letter of any alphabet"

from utils.tokenization.wordpiece import Encoding, Token, require_text, room_for_tokens

ROBERTA_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")

# GPT-2's words: English contractions; then runs of letters, of digits, or of other
# signs, each with the one space before it; then the spaces that are left.
WORDS = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
# Unicode's white space; str.rstrip() would take four control characters for it too.
SPACES = "".join(regex.findall(r"\s", "".join(map(chr, range(0x3001)))))


# --------------------------------------------------------- text, bytes and words
def byte_to_unicode():
    """A visible character for each of the 256 bytes: byte -> character, one to one.

    The 188 bytes that are a visible character of Latin-1 are written as it; the others,
    in order, as the characters from U+0100 on: the space, byte 32, is "Ġ", U+0120. So a
    vocabulary is a list of readable strings without any space in them.
    Source: `bytes_to_unicode` in the repository of Radford et al. 2019.
    Taught in: chapter 4, section "Text into bytes, bytes into pieces".
    """
    later = count(0x100)
    visible = [chr(byte).isprintable() and byte != ord(" ") for byte in range(256)]
    return {byte: chr(byte if visible[byte] else next(later)) for byte in range(256)}


BYTE_TO_UNICODE = byte_to_unicode()
UNICODE_TO_BYTE = {character: byte for byte, character in BYTE_TO_UNICODE.items()}
ALPHABET = sorted(UNICODE_TO_BYTE)  # the first 256 pieces, in the order of their ids


def to_byte_characters(text):
    """The UTF-8 bytes of a text, one visible character for each: "año" is "aÃ±o".

    Raises ValueError for half a surrogate pair, which is no character and has no bytes;
    TypeError for what is not a string.
    Taught in: chapter 4, section "Text into bytes, bytes into pieces".
    """
    try:
        return "".join(map(BYTE_TO_UNICODE.__getitem__, require_text(text).encode()))
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{text[error.start]!a} is half of a surrogate pair, which UTF-8 cannot "
            f"write: read the text again with its right encoding."
        ) from None


def pre_tokenize(text):
    """A text cut into words, which no piece will cross: [(word, (start, end)), ...].

    The word is in byte characters, its place in characters of the text. A word takes
    the space before it, so nothing is lost: " a año" has the words Ġa and ĠaÃ±o.
    Raises what `to_byte_characters` raises.
    Source: Radford et al. 2019, section 2.2.
    Taught in: chapter 4, section "Text into bytes, bytes into pieces".
    """
    words = WORDS.finditer(require_text(text))
    return [(to_byte_characters(match.group()), match.span()) for match in words]


def count_words(texts):
    """How often each word, in byte characters, occurs in some texts: a Counter.

    texts: an iterable of strings. A merge is decided by counts alone, so this is all
    that training reads: a book of 200,000 words has some 10,000 different ones.
    Raises TypeError for one string, whose characters would be taken for texts, and what
    `to_byte_characters` raises.
    Taught in: chapter 4, section "Text into bytes, bytes into pieces".
    """
    if isinstance(texts, str):
        raise TypeError("texts is one string; give a list of texts, such as [text].")
    seen = Counter()
    for text in texts:
        seen.update(WORDS.findall(require_text(text)))
    return Counter({to_byte_characters(word): times for word, times in seen.items()})


# --------------------------------------------------------------------- training
def merge_pair(pieces, pair, joined):
    """The list with `joined` for each `pair` in it, taken from left to right.

    merge_pair(["a", "a", "a"], ("a", "a"), "aa") is ["aa", "a"].
    Raises TypeError for pieces that are no list.
    Source: Sennrich et al. 2016, algorithm 1.
    Taught in: chapter 4, section "Text into bytes, bytes into pieces".
    """
    merged, i = [], 0
    while i < len(pieces):
        if tuple(pieces[i : i + 2]) == pair:
            merged.append(joined)
            i += 2
        else:
            merged.append(pieces[i])
            i += 1
    return merged


def train_naive(words, number_of_merges, min_frequency=2):
    """The merges that BPE learns, the most frequent pair each time: [(left, right), ...].

    words: word -> how often, as `count_words` gives it; min_frequency: a pair that is
    rarer ends the training, with fewer merges than asked for.

    Of pairs that are equally frequent the one whose left piece is older comes first,
    then the one whose right piece is: the 256 bytes in the order of their characters,
    then the merges. The papers leave that open; `tokenizers` does so, as its results
    show. Pairs are counted where they overlap too: "aaa" has ("a", "a") twice.

    No piece is learnt twice: what happens between the two ends of a piece depends on
    nothing outside, so the same letters always grow together in the same steps.

    Raises ValueError for no words, a word that is not in byte characters, a negative
    number_of_merges, or a min_frequency below 1; TypeError for words without counts.
    Source: Sennrich et al. 2016, algorithm 1.
    Taught in: chapter 4, section "Text into bytes, bytes into pieces".
    """
    check_training(words, number_of_merges, min_frequency)
    id_of = {piece: id for id, piece in enumerate(ALPHABET)}
    cut = {word: list(word) for word in words}  # every word, in single bytes
    merges = []
    while len(merges) < number_of_merges:
        counts = Counter()
        for word, pieces in cut.items():
            for pair in pairwise(pieces):
                counts[pair] += words[word]
        best = min(
            counts,
            key=lambda pair: (-counts[pair], id_of[pair[0]], id_of[pair[1]]),
            default=None,
        )
        if counts[best] < min_frequency:  # no pair at all counts 0
            break
        id_of["".join(best)] = len(id_of)
        merges.append(best)
        cut = {word: merge_pair(cut[word], best, "".join(best)) for word in cut}
    return merges


def train(words, number_of_merges, min_frequency=2):
    """The merges of `train_naive`, without counting everything again after each.

    A merge changes only the words that have the pair: an index knows them, and their
    pairs alone are counted anew. The next pair is on top of a heap. Counts of pairs that
    are in it only fall, so an entry that promises too much is corrected when it is met.

    Arguments, result and errors are those of `train_naive`.
    Source: Sennrich et al. 2016, section 3.2 (the indexing of pairs).
    Taught in: chapter 4, section "The same merges as the library".
    """
    check_training(words, number_of_merges, min_frequency)
    pieces = list(ALPHABET)  # id -> piece; pieces are numbers here, older ones smaller
    id_of = {piece: id for id, piece in enumerate(pieces)}
    times = list(words.values())
    cut = [[id_of[character] for character in word] for word in words]
    counts, places = Counter(), defaultdict(set)  # of each pair; in which words it is
    for place, ids in enumerate(cut):
        for pair in pairwise(ids):
            counts[pair] += times[place]
            places[pair].add(place)
    heap = [(-counts[pair], pair) for pair in counts]  # the smallest comes out first
    heapq.heapify(heap)
    merges = []
    while heap and len(merges) < number_of_merges:
        promised, pair = heapq.heappop(heap)
        if counts[pair] < -promised:
            heapq.heappush(heap, (-counts[pair], pair))
            continue
        if counts[pair] < min_frequency:
            break
        left, right = pieces[pair[0]], pieces[pair[1]]
        merges.append((left, right))
        new = len(pieces)
        pieces.append(left + right)
        born = set()
        for place in places.pop(pair):
            for old in pairwise(cut[place]):
                counts[old] -= times[place]
            cut[place] = merge_pair(cut[place], pair, new)
            for neighbours in pairwise(cut[place]):
                counts[neighbours] += times[place]
                if new in neighbours:
                    places[neighbours].add(place)
                    born.add(neighbours)
        for neighbours in born:
            heapq.heappush(heap, (-counts[neighbours], neighbours))
    return merges


def check_training(words, number_of_merges, min_frequency):
    """Refuse what cannot be trained on: see `train_naive`."""
    if not isinstance(words, Mapping):
        raise TypeError(
            f"words is a {type(words).__name__}; it must tell how often each word "
            f"occurs, as count_words(texts) does."
        )
    if not any(words):
        raise ValueError("there are no words to learn from: the texts are empty.")
    if foreign := set().union(*words) - UNICODE_TO_BYTE.keys():
        raise ValueError(
            f"the words have {min(foreign)!r}, which stands for no byte: make them with "
            f"count_words(texts)."
        )
    if number_of_merges < 0:
        raise ValueError(f"number_of_merges must be 0 or more, not {number_of_merges}.")
    if min_frequency < 1:
        raise ValueError(f"min_frequency must be 1 or more, not {min_frequency}.")


# -------------------------------------------------------------- the tokenizer
class ByteLevelBPE:
    """The tokenizer of GPT-2 and RoBERTa: cut into words, repeat the merges in each.

    merges: [(left, right), ...] in the order in which they were learnt;
    special_tokens: kept whole where a text has them; their ids come first;
    takes_space: those of them that take the white space before them too, which
    RoBERTa's own "<mask>" does: the piece that it hides has its space inside;
    vocabulary: piece -> id where the ids are others, as GPT-2's are; None numbers the
    special tokens, the 256 byte characters and the merges, in this order.

    Raises ValueError for a merge of pieces that are unknown at its turn, a piece made
    twice, a special token that is there twice, empty or a piece too, or a vocabulary
    that lacks a piece; TypeError, here and in every method, for a text, merges or special
    tokens that are none.
    Source: Radford et al. 2019, section 2.2; Liu et al. 2019, section 4.4.
    Taught in: chapter 4, section "Text into bytes, bytes into pieces".
    """

    CACHE_SIZE = 100_000  # words whose pieces are remembered
    BEGIN, END = "<s>", "</s>"  # what encode() adds

    def __init__(
        self, merges, special_tokens=ROBERTA_TOKENS, takes_space=(), vocabulary=None
    ):
        self.merges = [tuple(pair) for pair in merges]
        pieces = [*check_special_tokens(special_tokens), *ALPHABET]
        check_merges(self.merges, pieces)
        pieces += map("".join, self.merges)
        self.vocabulary = number_pieces(pieces, vocabulary)
        self.piece_of = {id: piece for piece, id in self.vocabulary.items()}
        self.special_tokens = {token: self.vocabulary[token] for token in special_tokens}
        self.takes_space = frozenset(takes_space)
        if foreign := self.takes_space - self.special_tokens.keys():
            raise ValueError(
                f"takes_space has {min(foreign)!r}, which is none of the special tokens."
            )
        self.rank = {pair: rank for rank, pair in enumerate(self.merges)}
        longest_first = sorted(self.special_tokens, key=len, reverse=True)
        anything = "|".join(map(regex.escape, longest_first)) or "(?!)"  # never matches
        self._special = regex.compile(anything)
        self._cache = {}

    @classmethod
    def train(cls, texts, vocab_size, min_frequency=2, special_tokens=ROBERTA_TOKENS):
        """A tokenizer learnt from an iterable of texts.

        vocab_size: the entries wanted, special tokens and the 256 bytes among them; a
        small text gives fewer, as no pair may be rarer than `min_frequency`.
        Raises ValueError for a vocab_size without room for those, and what
        `count_words` and `train_naive` raise.
        Taught in: chapter 4, section "The same merges as the library".
        """
        fixed = len(check_special_tokens(special_tokens)) + len(ALPHABET)
        if vocab_size < fixed:
            raise ValueError(
                f"vocab_size is {vocab_size}, and the special tokens and the 256 bytes "
                f"alone are {fixed}."
            )
        merges = train(count_words(texts), vocab_size - fixed, min_frequency)
        return cls(merges, special_tokens)

    @classmethod
    def from_tokenizer(cls, tokenizer):
        """The merges, ids and special tokens of a `transformers` or `tokenizers` one.

        What it adds around a text, truncation and padding stay behind. Raises
        ValueError for what is not byte-level BPE with GPT-2's words and nothing more.
        Taught in: chapter 4, section "The same merges as the library".
        """
        settings = read_bpe_settings(tokenizer)
        added = sorted(settings["added_tokens"], key=lambda token: token["id"])
        ids = {token["content"]: token["id"] for token in added}
        return cls(
            settings["model"]["merges"],
            special_tokens=list(ids),
            takes_space=[token["content"] for token in added if token["lstrip"]],
            vocabulary=settings["model"]["vocab"] | ids,
        )

    def __len__(self):
        return len(self.vocabulary)

    @property
    def special_ids(self):
        """The ids of the special tokens, which pre-training never hides, in order."""
        return sorted(self.special_tokens.values())

    # ------------------------------------------------------------- three steps
    def pieces(self, word):
        """A word in byte characters as pieces: the merges repeated, the oldest first.

        Of the pairs that it has, the one learnt first is merged, until none is known:
        not the longest piece first, as WordPiece does.
        Source: Sennrich et al. 2016, section 3.2.
        Taught in: chapter 4, section "Text into bytes, bytes into pieces".
        """
        pieces = list(word)
        while len(pieces) > 1:
            pair = min(pairwise(pieces), key=lambda pair: self.rank.get(pair, math.inf))
            if pair not in self.rank:
                break
            pieces = merge_pair(pieces, pair, "".join(pair))
        return pieces

    def tokenize(self, text):
        """A text as pieces: a list of Token(piece, id, start, end).

        text[start:end] is what the piece covers, with the space that it begins with (a
        tokenizer of RoBERTa in `transformers` leaves that space out: `trim_offsets`).
        A character of several bytes may be shared: each piece of it has it whole.
        Special tokens written in the text, "<mask>", are kept whole.
        Raises TypeError for what is not a string.
        Taught in: chapter 4, section "Text into bytes, bytes into pieces".
        """
        tokens, start = [], 0
        for match in self._special.finditer(require_text(text)):
            special, plain = match.group(), text[start : match.start()]
            if special in self.takes_space:
                plain = plain.rstrip(SPACES)
            tokens += self._tokenize_plain(plain, start)
            start += len(plain)
            id = self.special_tokens[special]
            tokens.append(Token(special, id, start, match.end()))
            start = match.end()
        return tokens + self._tokenize_plain(text[start:], start)

    def _tokenize_plain(self, text, shift):
        """The tokens of a text without special tokens, `shift` places further on."""
        tokens = []
        for word, (start, end) in pre_tokenize(text):
            # The character to which each byte belongs: é, two bytes, is there twice.
            owners = [
                shift + place
                for place in range(start, end)
                for _ in text[place].encode()
            ]
            first = 0
            for piece, id in self._known_pieces(word):
                last = first + len(piece) - 1
                tokens.append(Token(piece, id, owners[first], owners[last] + 1))
                first = last + 1
        return tokens

    def _known_pieces(self, word):
        """(piece, id) for each piece of a word; remembered, as words come back."""
        if word not in self._cache:
            if len(self._cache) >= self.CACHE_SIZE:
                self._cache.clear()
            pieces = self.pieces(word)
            self._cache[word] = [(piece, self.vocabulary[piece]) for piece in pieces]
        return self._cache[word]

    def encode(self, text, max_length=None):
        """What RoBERTa reads: <s> text </s>, its type 0 everywhere.

        max_length: the most ids, the two special ones too; the text is cut at its end.

        Returns Encoding(input_ids, token_type_ids, offsets), with the offset (0, 0) for
        what was added.
        Raises ValueError for a max_length below 2, or a tokenizer without <s> or </s>.
        Source: Liu et al. 2019, section 4.2.
        Taught in: chapter 4, section "Text into bytes, bytes into pieces".
        """
        tokens = self.tokenize(text)
        if max_length is not None:
            tokens = tokens[: room_for_tokens(max_length, 2)]
        tokens = [self._added(self.BEGIN), *tokens, self._added(self.END)]
        return Encoding(
            [token.id for token in tokens],
            [0] * len(tokens),
            [(token.start, token.end) for token in tokens],
        )

    def _added(self, name):
        """A special token that stands at no place of the text."""
        if name not in self.special_tokens:
            raise ValueError(
                f"encode() adds {name}, which is none of the special tokens; tokenize() "
                f"needs no special tokens."
            )
        return Token(name, self.special_tokens[name], 0, 0)

    def decode(self, ids):
        """The text that some ids stand for, exactly; special tokens as they are written.

        Only the white space that a special token took (`takes_space`) does not come
        back. Where ids are cut inside a character its bytes are no UTF-8: each such
        stretch becomes one "\ufffd" (errors="replace").
        Raises ValueError for an id that the vocabulary does not have, TypeError for what
        are no integers.
        Taught in: chapter 4, section "Text into bytes, bytes into pieces".
        """
        try:
            pieces = [self.piece_of[index(id)] for id in ids]
        except KeyError as error:
            raise ValueError(f"the vocabulary has no id {error.args[0]}.") from None
        return b"".join(map(self._bytes, pieces)).decode(errors="replace")

    def _bytes(self, piece):
        """The bytes of a piece; a special token is not in byte characters."""
        if piece in self.special_tokens:
            return piece.encode()
        return bytes(UNICODE_TO_BYTE[character] for character in piece)

    # ------------------------------------------------------------------- files
    def save(self, folder):
        """Write vocab.json and merges.txt, which `transformers` and `tokenizers` read.

        The folder is made if it is not there. `takes_space` is in neither file.
        Raises OSError where the folder cannot be written, TypeError for what is no path.
        Taught in: chapter 4, section "The same merges as the library".
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        by_id = dict(sorted(self.vocabulary.items(), key=lambda entry: entry[1]))
        text = json.dumps(by_id, ensure_ascii=False)
        (folder / "vocab.json").write_text(text, encoding="utf-8")
        lines = [VERSION, *map(" ".join, self.merges), ""]
        (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")

    @classmethod
    def load(cls, folder, takes_space=()):
        """Read what `save` wrote, or vocab.json and merges.txt from elsewhere.

        Entries that are neither a byte nor made by a merge are the special tokens.
        Raises ValueError for a file that is not of this form, OSError for one that cannot
        be read, TypeError for what is no path, and what the class does.
        Taught in: chapter 4, section "The same merges as the library".
        """
        merges = read_merges(Path(folder) / "merges.txt")
        vocabulary = read_vocab(Path(folder) / "vocab.json")
        made = {*ALPHABET, *map("".join, merges)}
        special = [p for p in sorted(vocabulary, key=vocabulary.get) if p not in made]
        return cls(merges, special, takes_space, vocabulary)


VERSION = "#version: 0.2"  # the first line of a merges.txt


def read_merges(path):
    """The merges of a merges.txt; ValueError names the line that is none."""
    lines = path.read_text(encoding="utf-8").split("\n")
    merges = []
    for number, line in enumerate(lines, start=1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        pair = tuple(line.split(" "))
        if len(pair) != 2 or not all(pair):
            raise ValueError(f"{path}:{number}: {line!r} is not two pieces and a space.")
        merges.append(pair)
    return merges


def read_vocab(path):
    """piece -> id from a vocab.json; ValueError for another kind of file."""
    try:
        vocabulary = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}).") from None
    if not isinstance(vocabulary, dict) or {type(v) for v in vocabulary.values()} - {int}:
        raise ValueError(f"{path} must be one object of pieces and their ids.")
    return vocabulary


def check_special_tokens(special_tokens):
    """The special tokens as a list; ValueError for an empty one or one that is twice."""
    if isinstance(special_tokens, str):
        raise TypeError("special_tokens is one string; give a list of them.")
    special_tokens = list(special_tokens)
    for token, times in Counter(special_tokens).items():
        if not require_text(token):
            raise ValueError("a special token is empty.")
        if times > 1:
            raise ValueError(f"the special token {token!r} is there {times} times.")
        if token in UNICODE_TO_BYTE:
            raise ValueError(f"the special token {token!r} is the piece of a byte too.")
    return special_tokens


def check_merges(merges, pieces):
    """Refuse merges that cannot be repeated in their order: see `ByteLevelBPE`."""
    made, special = set(ALPHABET), set(pieces) - set(ALPHABET)
    for number, pair in enumerate(merges):
        if len(pair) != 2:
            raise ValueError(f"merge {number} is {pair!r}; a merge is a pair of pieces.")
        if unknown := [piece for piece in pair if piece not in made]:
            raise ValueError(
                f"merge {number}, {pair!r}, needs {unknown[0]!r}, which is neither a "
                f"byte nor made by a merge before it: keep the order of the merges."
            )
        if "".join(pair) in made | special:
            raise ValueError(
                f"merge {number}, {pair!r}, makes {''.join(pair)!r}, which is a piece or "
                f"a special token already."
            )
        made.add("".join(pair))


def number_pieces(pieces, vocabulary):
    """piece -> id: the pieces in their order, or a vocabulary that has them all."""
    if vocabulary is None:
        return {piece: id for id, piece in enumerate(pieces)}
    if lacking := [piece for piece in pieces if piece not in vocabulary]:
        raise ValueError(
            f"the vocabulary lacks {len(lacking)} pieces, {lacking[0]!r} among them: "
            f"it must have the special tokens, the 256 bytes and what the merges make."
        )
    if len(set(vocabulary.values())) < len(vocabulary):
        raise ValueError("the vocabulary gives one id to two pieces.")
    return dict(vocabulary)


def read_bpe_settings(tokenizer):
    """The settings of a fast tokenizer, refused where they are not GPT-2's."""
    backend = getattr(tokenizer, "backend_tokenizer", None)  # of transformers
    backend = backend or getattr(tokenizer, "_tokenizer", tokenizer)  # of tokenizers
    if not hasattr(backend, "to_str"):
        raise ValueError(
            f"from_tokenizer() reads a fast tokenizer of transformers, or one of "
            f"tokenizers; this is a {type(tokenizer).__name__}."
        )
    settings = json.loads(backend.to_str())
    asked = {
        ("model", "type"): "BPE",
        ("model", "dropout"): None,
        ("model", "continuing_subword_prefix"): None,
        ("model", "end_of_word_suffix"): None,
        ("model", "byte_fallback"): False,
        ("model", "ignore_merges"): False,
        ("normalizer", "type"): None,
        ("pre_tokenizer", "type"): "ByteLevel",
        ("pre_tokenizer", "add_prefix_space"): False,
        ("pre_tokenizer", "use_regex"): True,
    }
    for (part, key), value in asked.items():
        given = (settings[part] or {}).get(key)
        if (None if given == "" else given) != value:
            raise ValueError(
                f"ByteLevelBPE needs a tokenizer of GPT-2's kind, whose {part} has "
                f"{key} = {value!r}; this one has {given!r}."
            )
    for token in settings["added_tokens"]:
        if token["rstrip"] or token["single_word"]:
            raise ValueError(
                f"ByteLevelBPE finds a special token anywhere, and takes no space after "
                f"it; this tokenizer's {token['content']!r} differs (single_word, rstrip)."
            )
    return settings
