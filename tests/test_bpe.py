"""Byte-level BPE: merges, ids and offsets against `tokenizers`, and what it costs."""

import json
import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st
from tokenizers import (
    AddedToken,
    ByteLevelBPETokenizer,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import AutoTokenizer, RobertaConfig, RobertaTokenizer

from utils import tokenization
from utils.sources import load_text, load_tokenizer
from utils.tokenization import (
    ROBERTA_TOKENS,
    ByteLevelBPE,
    Token,
    WordPiece,
    audit,
    bpe,
    fertility,
)

LATIN = "the theory of the thing; this, that and the others: "


def their_merges(tokenizer):
    backend = getattr(tokenizer, "_tokenizer", tokenizer)
    return [tuple(pair) for pair in json.loads(backend.to_str())["model"]["merges"]]


def train_theirs(texts, vocab_size, **options):
    tokenizer = ByteLevelBPETokenizer(**options)
    tokenizer.train_from_iterator(
        texts, vocab_size=vocab_size, min_frequency=2,
        special_tokens=list(ROBERTA_TOKENS), show_progress=False,
    )  # fmt: skip
    return tokenizer


def columns(tokens):
    return (
        [token.piece for token in tokens],
        [token.id for token in tokens],
        [(token.start, token.end) for token in tokens],
    )


def assert_same(ours, theirs, text):
    expected = theirs.encode(text, add_special_tokens=False)
    result = columns(ours.tokenize(text))
    assert result == (expected.tokens, expected.ids, expected.offsets), ascii(text)


@pytest.fixture(scope="module")
def paragraphs():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_SOURCE", "embedded")
        return load_text("wikipedia").paragraphs


@pytest.fixture(scope="module")
def theirs(paragraphs):
    return train_theirs(paragraphs, vocab_size=2000)


@pytest.fixture(scope="module")
def ours(paragraphs):
    return ByteLevelBPE.train(paragraphs, vocab_size=2000)


@pytest.fixture(scope="module")
def toy():
    """Some merges of a short text."""
    return ByteLevelBPE.train([LATIN * 3], vocab_size=261 + 30)


# ----------------------------------------------------------------- the package
def test_the_package_offers_what_the_module_did_and_the_new_names():
    for name in tokenization.__all__:
        assert hasattr(tokenization, name), name
    assert tokenization.WordPiece is WordPiece and tokenization.train is bpe.train
    assert len(tokenization.SPECIAL_TOKENS) == len(ROBERTA_TOKENS) == 5


# ------------------------------------------------------------- bytes and words
def test_the_map_of_bytes_is_one_to_one_and_the_librarys():
    table = tokenization.byte_to_unicode()
    assert sorted(table) == list(range(256)) and len(set(table.values())) == 256
    assert set(table.values()) == set(pre_tokenizers.ByteLevel.alphabet())
    assert not any(c.isspace() for c in table.values())
    assert (table[ord("a")], table[ord(" ")], table[ord("\n")]) == ("a", "Ġ", "Ċ")
    assert table[0xF1] == "ñ" and table[0xAD] == "Ń"  # a soft hyphen is not seen


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=30))
def test_bytes_come_back_through_the_map(data):
    written = "".join(bpe.BYTE_TO_UNICODE[byte] for byte in data)
    assert bytes(bpe.UNICODE_TO_BYTE[character] for character in written) == data


def test_words_of_gpt2():
    text = "We'll see  3½ niños, don't\n\n we? IT'S "
    words = [word for word, _ in tokenization.pre_tokenize(text)]
    assert words == [
        "We", "'ll", "Ġsee", "Ġ", "Ġ3Â½", "ĠniÃ±os", ",", "Ġdon", "'t", "ĊĊ", "Ġwe", "?",
        "ĠIT", "'", "S", "Ġ",
    ]  # fmt: skip
    spans = [span for _, span in tokenization.pre_tokenize(text)]
    assert [text[slice(*span)] for span in spans[4:6]] == [" 3½", " niños"]
    assert "".join(text[slice(*span)] for span in spans) == text


def cut_as_one_text(characters):
    """Each character after a letter, a digit and a space, and before them."""
    text = "".join(f"a{c}1{c} {c} " for c in characters)
    theirs = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    return [span for _, span in theirs] == [span for _, span in bpe.pre_tokenize(text)]


@pytest.mark.skipif(
    unicodedata.unidata_version != "14.0.0", reason="asks Python 3.11 what is old"
)
def test_words_differ_from_the_library_only_at_letters_newer_than_pythons():
    every = [chr(c) for c in range(0x20000) if not 0xD800 <= c < 0xE000]
    for first in range(0, len(every), 1024):
        block = every[first : first + 1024]
        if not cut_as_one_text(block):
            known = [c for c in block if unicodedata.category(c) != "Cn"]
            assert cut_as_one_text(known)


def test_words_are_counted():
    words = tokenization.count_words(["a año, a", " a", ""])
    assert words == {"a": 1, "ĠaÃ±o": 1, ",": 1, "Ġa": 2}


# -------------------------------------------------- the merges of the library
def test_the_same_merges_in_the_same_order(ours, theirs):
    assert len(ours.merges) == 2000 - 261
    assert ours.merges == their_merges(theirs)
    assert ours.vocabulary == theirs.get_vocab()
    assert len(ours) == 2000 and ours.special_ids == [0, 1, 2, 3, 4]


def test_every_paragraph_has_the_same_ids_and_offsets(ours, theirs, paragraphs):
    assert len(paragraphs) > 3500
    expected = theirs.encode_batch(paragraphs)
    for text, encoding in zip(paragraphs, expected, strict=True):
        result = columns(ours.tokenize(text))
        assert result == (encoding.tokens, encoding.ids, encoding.offsets), text
        assert ours.decode(encoding.ids) == text


def library_merges(words, number_of_merges, min_frequency):
    """The library's trainer alone, on words that are cut already."""
    tokenizer = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=256 + number_of_merges, min_frequency=min_frequency,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(Counter(words).elements(), trainer)
    return their_merges(tokenizer)


WORDS = st.dictionaries(
    st.text("abĠÃ", min_size=1, max_size=12), st.integers(1, 4), min_size=1, max_size=8
)


@settings(max_examples=300, deadline=None)
@given(WORDS, st.integers(0, 25), st.integers(1, 3))
def test_naive_fast_and_library_learn_the_same_with_many_ties(words, merges, frequency):
    expected = library_merges(words, merges, frequency)
    assert bpe.train_naive(words, merges, frequency) == expected
    assert bpe.train(words, merges, frequency) == expected


def test_naive_and_fast_on_a_text(paragraphs):
    words = tokenization.count_words(paragraphs[:30])
    assert bpe.train(words, 150) == bpe.train_naive(words, 150)


def test_the_order_of_words_changes_nothing():
    words = tokenization.count_words([LATIN])
    turned = dict(reversed(words.items()))
    assert bpe.train(words, 40) == bpe.train(turned, 40)
    assert bpe.train_naive(words, 40) == bpe.train_naive(turned, 40)


@pytest.mark.parametrize("trainer", [bpe.train, bpe.train_naive])
def test_what_training_decides(trainer):
    # Equally frequent: the older left piece, then the older right one.
    assert trainer({"ba": 2, "ab": 2, "aa": 2}, 1) == [("a", "a")]
    assert trainer({"zb": 2, "ya": 2, "yb": 2}, 2) == [("y", "a"), ("y", "b")]
    # A merge is newer than every byte, though its first letter is "a".
    assert trainer({"ab": 5, "cabx": 2, "zy": 4}, 3)[-1] == ("c", "ab")
    # Overlapping pairs count: aaa has (a, a) twice, as often as (b, c) is there.
    assert trainer({"aaa": 1, "bc": 2}, 1) == [("a", "a")]
    # The papers' words.
    words = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}
    assert trainer(words, 3) == [("u", "g"), ("u", "n"), ("h", "ug")]
    assert trainer({"ab": 2, "cd": 1}, 9) == [("a", "b")]
    assert trainer({"ab": 2, "cd": 1}, 9, min_frequency=1) == [("a", "b"), ("c", "d")]
    assert trainer({"ab": 2}, 0) == [] == trainer({"a": 9}, 5)


def test_merge_pair():
    assert bpe.merge_pair(list("aaa"), ("a", "a"), "aa") == ["aa", "a"]
    assert bpe.merge_pair(list("abcab"), ("a", "b"), "ab") == ["ab", "c", "ab"]
    assert bpe.merge_pair([1, 2, 1], (1, 2), 9) == [9, 1]
    assert bpe.merge_pair([], ("a", "b"), "ab") == []


@settings(max_examples=100, deadline=None)
@given(WORDS)
def test_no_piece_is_learnt_twice(words):
    pieces = ["".join(pair) for pair in bpe.train(words, 50, min_frequency=1)]
    assert len(set(pieces)) == len(pieces)


# ------------------------------------------------------------- any text at all
TEXTS = {
    "spanish": "¿El niño comió jamón? ¡Sí! Pingüino, año/ano; Dasein.",
    "japanese": "吾輩は猫である。名前はまだ無い。ﾊﾝｶｸ",
    "arabic": "السَّلَامُ عَلَيْكُمْ، كيف حالك؟",
    "emoji": "👩‍🚀 says hi 👋🏽 🇪🇸 ❤️ 1️⃣ ©®™",
    "combining": "e\u0301 a\u0308\u0304 n\u0303o \u0301start x\u0338",
    "spaces": " \t\n\r\n a\u00a0b\u3000c\u2003d\u1680e \x1c\x1f\x85 \n\n  ",
    "contractions": "don't we'll I'M it's 'tis they've rock'n'roll ''d",
    "controls": "a\0b\u200bc\u00ad\ufffd\ufeff\x7f",
    "specials": "the <mask> sat.</s><s>x<pad>  <mask>\n<mask><mas <MASK> <unk>k> < mask>",
    "byte characters": "Ġthe Ċ Ã± Âł ĠĠ",
    "empty": "",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_many_kinds(ours, theirs, name):
    text = TEXTS[name]
    assert_same(ours, theirs, text)
    assert ours.decode([token.id for token in ours.tokenize(text)]) == text


ANY_TEXT = st.lists(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(list("aeiost  .,'\n\t1ñéÑ¿ü日本のがΣ\u0301\u200d\ufe0f🙂👩🏽🇪🇸")),
        st.sampled_from([" the", "ing", "'ll", "<mask>", "</s>", "<", "niño", "año "]),
    ),
    max_size=30,
).map("".join)


@settings(max_examples=800, deadline=None)
@given(ANY_TEXT)
def test_any_text_comes_back(toy, text):
    tokens = toy.tokenize(text)
    assert toy.decode([token.id for token in tokens]) == text
    assert toy.decode(toy.encode(text).input_ids) == f"<s>{text}</s>"
    assert [token.start for token in tokens] == sorted(token.start for token in tokens)
    assert {place for t in tokens for place in range(t.start, t.end)} == set(
        range(len(text))
    )


@settings(max_examples=400, deadline=None)
@given(
    ANY_TEXT.map(  # letters that are newer than Python's tables may be cut elsewhere
        lambda text: "".join(c for c in text if unicodedata.category(c) != "Cn")
    )
)
def test_any_text_has_the_librarys_ids(ours, theirs, text):
    assert_same(ours, theirs, text)


def test_a_character_of_several_pieces_belongs_to_each(toy):
    tokens = toy.tokenize("a🙂é.")
    assert len(tokens) == 8
    assert [(t.start, t.end) for t in tokens] == [
        (0, 1), (1, 2), (1, 2), (1, 2), (1, 2), (2, 3), (2, 3), (3, 4)
    ]  # fmt: skip


def test_half_a_character_is_a_replacement(ours, theirs):
    ids = [token.id for token in ours.tokenize("x🙂é")]
    assert len(ids) > 4
    assert ours.decode(ids[:3]) == theirs.decode(ids[:3]) == "x\ufffd"
    for cut in range(len(ids)):
        for part in (ids[:cut], ids[cut:], ids[:cut] + [5] + ids[cut:]):
            assert ours.decode(part) == theirs.decode(part)
    assert ours.decode([*ids[:3], 4]) == "x\ufffd<mask>"
    assert ours.decode([]) == ""


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(5, 260), max_size=12))
def test_any_bytes_are_decoded_as_the_library_does(ours, theirs, ids):
    assert ours.decode(ids) == theirs.decode(ids)


def test_the_memory_of_words_changes_nothing_and_stays_small(toy, monkeypatch):
    monkeypatch.setattr(ByteLevelBPE, "CACHE_SIZE", 3)
    small = ByteLevelBPE(toy.merges)
    for _ in range(2):
        assert small.tokenize(LATIN) == toy.tokenize(LATIN)
        assert len(small._cache) <= 3


# --------------------------------------------------------------- pieces, encode
def test_the_oldest_merge_comes_first_not_the_longest_piece():
    ours = ByteLevelBPE([("b", "c"), ("a", "b"), ("ab", "d")])
    assert ours.pieces("abc") == ["a", "bc"]
    assert ours.pieces("abdbc") == ["abd", "bc"]
    assert ours.pieces("aab") == ["a", "ab"] and ours.pieces("") == []


def test_the_order_of_the_ids():
    ours = ByteLevelBPE([("a", "b")], special_tokens=["<x>"])
    pieces = sorted(ours.vocabulary, key=ours.vocabulary.get)
    assert pieces[:3] == ["<x>", "!", '"'] and pieces[-2:] == ["Ń", "ab"]
    assert len(ours) == 258 and ours.special_ids == [0]
    longer = ByteLevelBPE([], special_tokens=["<x>", "<x>y"])
    assert columns(longer.tokenize("<x>y<x>"))[0] == ["<x>y", "<x>"]
    plain = ByteLevelBPE([], special_tokens=[])
    assert plain.tokenize("<s>")[0] == Token("<", plain.vocabulary["<"], 0, 1)


def test_encode_is_robertas(ours, tmp_path):
    ours.save(tmp_path)
    roberta = RobertaTokenizer.from_pretrained(tmp_path, trim_offsets=False)
    for text in [*TEXTS.values(), "The Critique of Pure Reason."]:
        expected = roberta(text, return_offsets_mapping=True)
        encoding = ours.encode(text)
        assert encoding.input_ids == expected["input_ids"]
        assert encoding.offsets == expected["offset_mapping"]
        assert encoding.token_type_ids == [0] * len(encoding.input_ids)
    cut = roberta(text, truncation=True, max_length=6)["input_ids"]
    assert ours.encode(text, max_length=6).input_ids == cut and len(cut) == 6
    assert ours.encode(text, max_length=2).input_ids == [0, 2]


def test_a_mask_that_takes_its_space(ours, theirs):
    backend = Tokenizer.from_str(theirs._tokenizer.to_str())
    backend.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    takes = ByteLevelBPE.from_tokenizer(backend)
    assert takes.takes_space == {"<mask>"}
    assert takes.tokenize("a <mask>.")[1] == Token("<mask>", 4, 1, 8)
    assert len(ours.tokenize("a <mask>.")) == 4  # the space is a piece of its own
    assert takes.decode(t.id for t in takes.tokenize("a <mask>.")) == "a<mask>."
    for text in [*TEXTS.values(), "x \n\u3000\x1c <mask>  <mask>\t</s> <s>"]:
        expected = backend.encode(text, add_special_tokens=False)
        # The library's name of such a token has the space too: " <mask>".
        assert columns(takes.tokenize(text))[1:] == (expected.ids, expected.offsets)


# ------------------------------------------------------------- save, load, read
def test_the_files_are_the_librarys(ours, theirs, tmp_path):
    ours.save(tmp_path / "ours/new")
    (tmp_path / "theirs").mkdir()
    theirs.save_model(str(tmp_path / "theirs"))
    merges = [(tmp_path / f / "merges.txt").read_text() for f in ("ours/new", "theirs")]
    assert merges[0] == merges[1]
    files = [(tmp_path / f / "vocab.json").read_text() for f in ("ours/new", "theirs")]
    assert all('"Ġthe":' in file for file in files)  # as people read it, no \\u0120
    read = [json.loads(file) for file in files]
    assert list(read[0].items()) == list(read[1].items())
    for folder in ("ours/new", "theirs"):
        loaded = ByteLevelBPE.load(tmp_path / folder)
        assert (loaded.vocabulary, loaded.merges) == (ours.vocabulary, ours.merges)
        assert loaded.special_tokens == ours.special_tokens


def test_the_libraries_load_what_was_saved(ours, tmp_path):
    ours.save(tmp_path)
    files = [str(tmp_path / name) for name in ("vocab.json", "merges.txt")]
    RobertaConfig(vocab_size=len(ours)).save_pretrained(tmp_path)
    text = "¿El niño says hi? 👋🏽 The theory."
    expected = [token.id for token in ours.tokenize(text)]
    assert ByteLevelBPETokenizer(*files).encode(text).ids == expected
    for kind in (RobertaTokenizer, AutoTokenizer):
        loaded = kind.from_pretrained(tmp_path, local_files_only=True)
        assert loaded(text, add_special_tokens=False)["input_ids"] == expected
        assert loaded.mask_token_id == ours.special_tokens["<mask>"] == 4


def test_from_tokenizer_reads_both_libraries(ours, theirs, tmp_path):
    ours.save(tmp_path)
    for other in (theirs, theirs._tokenizer, RobertaTokenizer.from_pretrained(tmp_path)):
        read = ByteLevelBPE.from_tokenizer(other)
        assert (read.vocabulary, read.merges) == (ours.vocabulary, ours.merges)
        assert read.special_tokens == ours.special_tokens and not read.takes_space


def test_a_vocabulary_with_ids_of_its_own(toy, tmp_path):
    pieces = [*sorted(set(toy.vocabulary) - set(ROBERTA_TOKENS)), "<s>", "</s>"]
    vocabulary = {piece: id for id, piece in enumerate(pieces)}
    other = ByteLevelBPE(toy.merges, ["<s>", "</s>"], vocabulary=vocabulary)
    added = [len(pieces) - 2, len(pieces) - 1]
    assert other.encode("").input_ids == other.special_ids == added
    assert columns(other.tokenize(LATIN))[0] == columns(toy.tokenize(LATIN))[0]
    other.save(tmp_path)
    loaded = ByteLevelBPE.load(tmp_path)
    assert loaded.tokenize(LATIN + "<s>") == other.tokenize(LATIN + "<s>")
    assert loaded.decode(loaded.encode("¡año!").input_ids) == "<s>¡año!</s>"


# --------------------------------------------------------------------- the audit
def test_audit_of_a_small_vocabulary():
    ours = ByteLevelBPE([("a", "b"), ("ab", "c")])
    for tokenizer in (ours, ours_in_tokenizers(ours)):
        result = audit(tokenizer, ["abc abc", "ab<mask>"], vocab_size=300)
        assert (result.asked, result.entries, result.never_made) == (300, 263, 37)
        assert result.special == ROBERTA_TOKENS
        used = {piece: n for piece, n in result.counts.items() if n}
        assert used == {"Ġ": 1, "ab": 1, "abc": 2}
        assert len(result.never_used) == 263 - 5 - 3 and result.never_used[0] == "!"
        assert set(result.used_less_than(2)) - set(result.never_used) == {"Ġ", "ab"}
        assert result.rows_wasted == 37 + 255 and result.parameters_wasted(10) == 2920
        assert audit(tokenizer, ["abc"]).never_made == 0
        assert fertility(tokenizer, ["abc ab", "ab"]) == 4 / 3


def ours_in_tokenizers(ours):
    tokenizer = Tokenizer(models.BPE(ours.vocabulary, ours.merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(list(ROBERTA_TOKENS))
    return tokenizer


def test_audit_sees_more_entries_asked_for_than_a_text_gives(paragraphs):
    texts = paragraphs[:200]
    theirs = train_theirs(texts, vocab_size=52_000)
    ours = ByteLevelBPE.train(texts, vocab_size=52_000)
    results = [audit(tokenizer, texts, vocab_size=52_000) for tokenizer in (ours, theirs)]
    assert results[0] == results[1]
    assert 5_000 < results[0].entries < 10_000
    # What a later merge took up whole is in the vocabulary and never comes out.
    assert any(len(piece) > 1 for piece in results[0].never_used)
    assert sum(results[0].counts.values()) == sum(len(ours.tokenize(t)) for t in texts)
    assert fertility(ours, texts) == fertility(theirs, texts)


def test_audit_is_not_cut_by_a_checkpoints_settings():
    tokenizer = load_tokenizer("all-MiniLM-L6-v2")  # cuts and fills to 128
    long = "word " * 500
    assert audit(tokenizer, [long]).counts["word"] == 500
    assert fertility(tokenizer, [long]) == fertility(tokenizer, ["word word"]) == 1
    assert fertility(WordPiece.from_tokenizer(tokenizer), [long]) == 1
    assert tokenizer.backend_tokenizer.truncation is not None  # and is left as it was


# -------------------------------------------------------------------- refusals
@pytest.mark.parametrize("trainer", [bpe.train, bpe.train_naive])
def test_training_that_cannot_be(trainer):
    refused = [
        (ValueError, "no words to learn from", {}, 5, 2),
        (ValueError, "no words to learn from", {"": 3}, 5, 2),
        (ValueError, "have 'あ', which stands for no byte", {"あ": 3}, 5, 2),
        (TypeError, "words is a list; .* count_words", ["a"], 5, 2),
        (ValueError, "number_of_merges must be 0 or more, not -1", {"a": 1}, -1, 2),
        (ValueError, "min_frequency must be 1 or more, not 0", {"a": 1}, 5, 0),
    ]
    for error, reason, *arguments in refused:
        with pytest.raises(error, match=reason):
            trainer(*arguments)


def test_texts_that_cannot_be(toy):
    for function in (toy.tokenize, toy.encode, bpe.pre_tokenize):
        with pytest.raises(TypeError, match="a text is a string; this is a list"):
            function(["the"])
        with pytest.raises(ValueError, match=r"'\\ud83d' is half of a surrogate pair"):
            function("ab\ud83d.")
    with pytest.raises(TypeError, match="a text is a string; this is a int"):
        bpe.count_words(["a", 3])
    for function in (bpe.count_words, lambda t: audit(toy, t), lambda t: fertility(toy, t)):
        with pytest.raises(TypeError, match="texts is one string; give a list"):
            function("the text")


def test_vocabularies_that_cannot_be():
    with pytest.raises(ValueError, match="vocab_size is 260, .* alone are 261"):
        ByteLevelBPE.train([LATIN], vocab_size=260)
    assert len(ByteLevelBPE.train([LATIN], vocab_size=261)) == 261
    with pytest.raises(ValueError, match="no words to learn from"):
        ByteLevelBPE.train([""], vocab_size=300)
    with pytest.raises(ValueError, match="min_frequency must be 1 or more"):
        ByteLevelBPE.train([LATIN], vocab_size=300, min_frequency=0)
    for special, reason in {
        ("<s>", "</s>", "<s>"): "the special token '<s>' is there 2 times",
        ("<s>", ""): "a special token is empty",
        ("a",): "special token 'a' is the piece of a byte",
        ("ab",): "makes 'ab', which is a piece or a special token already",
    }.items():
        with pytest.raises(ValueError, match=reason):
            ByteLevelBPE([("a", "b")], special)
    with pytest.raises(TypeError, match="special_tokens is one string"):
        ByteLevelBPE([], "<s>")
    with pytest.raises(ValueError, match="takes_space has '<m>', which is none of"):
        ByteLevelBPE([], takes_space=["<m>"])
    for merges, reason in [
        ([("ab", "c"), ("a", "b")], r"merge 0, \('ab', 'c'\), needs 'ab'"),
        ([("a", "é b")], "merge 0, .* needs 'é b'"),
        ([("<s>", "a")], "merge 0, .* needs '<s>'"),
        ([("a", "b"), ("a", "b")], "merge 1, .* makes 'ab'"),
        ([("a", "b", "c")], "merge 0 is .*; a merge is a pair"),
    ]:
        with pytest.raises(ValueError, match=reason):
            ByteLevelBPE(merges)
    full = ByteLevelBPE([("a", "b")]).vocabulary
    lacking = {piece: id for piece, id in full.items() if piece not in ("ab", "!")}
    with pytest.raises(ValueError, match="lacks 2 pieces, '!' among them"):
        ByteLevelBPE([("a", "b")], vocabulary=lacking)
    with pytest.raises(ValueError, match="one id to two pieces"):
        ByteLevelBPE([("a", "b")], vocabulary=full | {"ab": 7})


def test_ids_and_lengths_that_cannot_be(toy):
    for id in (len(toy), -1):
        with pytest.raises(ValueError, match=f"the vocabulary has no id {id}"):
            toy.decode([5, id])
    with pytest.raises(ValueError, match="max_length is 1, .* alone are 2"):
        toy.encode("the", max_length=1)
    with pytest.raises(ValueError, match="encode.. adds <s>, which is none"):
        ByteLevelBPE([], special_tokens=["</s>"]).encode("the")


def test_files_that_cannot_be(toy, tmp_path):
    toy.save(tmp_path)
    merges, vocabulary = tmp_path / "merges.txt", tmp_path / "vocab.json"
    good = merges.read_text()
    for line in ("a b c", "ab", "a ", " b"):
        merges.write_text(f"#version: 0.2\nĠ t\n{line}\n")
        with pytest.raises(ValueError, match=rf"merges.txt:3: '{line}' is not two"):
            ByteLevelBPE.load(tmp_path)
    merges.write_text(good + "q z\n")
    with pytest.raises(ValueError, match="lacks 1 pieces, 'qz' among them"):
        ByteLevelBPE.load(tmp_path)
    merges.write_text("# #\n")  # a merge, and no comment
    assert bpe.read_merges(merges) == [("#", "#")]
    for text, reason in {
        "{": "is not JSON", "[1]": "must be one object", '{"a": "b"}': "must be one object"
    }.items():  # fmt: skip
        vocabulary.write_text(text)
        with pytest.raises(ValueError, match=reason):
            ByteLevelBPE.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="merges.txt"):
        ByteLevelBPE.load(tmp_path / "nowhere")


def test_tokenizers_of_another_kind_are_refused(toy):
    def refused(reason, change=lambda t: None, bpe_options={}, **pre_tokenizer):
        options = {"add_prefix_space": False} | pre_tokenizer
        tokenizer = Tokenizer(models.BPE(toy.vocabulary, toy.merges, **bpe_options))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(**options)
        changed = change(tokenizer)
        with pytest.raises(ValueError, match=reason):
            ByteLevelBPE.from_tokenizer(changed or tokenizer)

    refused("model has type = 'BPE'; this one has 'WordPiece'",
            lambda t: load_tokenizer("all-MiniLM-L6-v2"))  # fmt: skip
    refused("dropout = None; this one has 0.5", bpe_options={"dropout": 0.5})
    refused("ignore_merges = False", bpe_options={"ignore_merges": True})
    refused("byte_fallback = False", bpe_options={"byte_fallback": True})
    refused("end_of_word_suffix = None; this one has '</w>'",
            bpe_options={"end_of_word_suffix": "</w>"})  # fmt: skip
    refused("normalizer has type = None; this one has 'NFC'",
            lambda t: setattr(t, "normalizer", normalizers.NFC()))  # fmt: skip
    refused("add_prefix_space = False; this one has True", add_prefix_space=True)
    refused("use_regex = True; this one has False", use_regex=False)
    refused("pre_tokenizer has type = 'ByteLevel'; this one has 'Whitespace'",
            lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.Whitespace()))  # fmt: skip
    refused("takes no space after it; this tokenizer's '<mask>' differs",
            lambda t: t.add_special_tokens([AddedToken("<mask>", rstrip=True)])
            and None)  # fmt: skip
    with pytest.raises(ValueError, match="a fast tokenizer.*this is a str"):
        ByteLevelBPE.from_tokenizer("roberta-base")


def test_audits_that_cannot_be(toy):
    with pytest.raises(ValueError, match="vocab_size is 200, and the tokenizer has 2.. ent"):
        audit(toy, ["the"], vocab_size=200)
    with pytest.raises(ValueError, match="no token to count"):
        audit(toy, [""])
    with pytest.raises(ValueError, match="no words to count"):
        fertility(toy, [" "])
    with pytest.raises(ValueError, match="a fast one of transformers.*this is a dict"):
        audit({}, ["the"])
    with pytest.raises(ValueError, match="width must be 1 or more, not 0"):
        audit(toy, ["the"]).parameters_wasted(0)
