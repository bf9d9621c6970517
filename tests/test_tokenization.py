"""WordPiece: ids and offsets against `tokenizers`, on every kind of text."""

import unicodedata

import pytest
from hypothesis import given, settings, strategies as st
from tokenizers import decoders
from transformers import BertTokenizer, PreTrainedTokenizerFast

from utils.sources import load_text, load_tokenizer
from utils.tokenization import Token, WordPiece

# Unicode added these characters, or changed their category, after its version 8, whose
# tables `tokenizers` still has: marks that it does not strip, punctuation that it does
# not cut at, format characters that it keeps, capitals that are newer than Python's.
LATER = """
61D 7FD 890-891 898-89F 8CA-8E2 9FD-9FE A76 AFA-AFF B55 C04 C3C C77 C84 D00 D3B-D3C D81
EBA 166D 1734 180F 1885-1886 1ABF-1ACE 1B7D-1B7E 1C89 1DF6-1DFB 2E43-2E4F 2E52-2E5D
A7CB-A7CC A7CE A7D2 A7D4 A7DA A7DC A82C A8C5 A8FF A9BD 10D24-10D27 10D50-10D65
10EAB-10EAD 10F46-10F50 10F55-10F59 10F82-10F89 11070 11073-11074 110C2 110CD 111C9
111CF 1123E 1133B 11438-1143F 11442-11444 11446 1144B-1144F 1145A-1145B 1145D-1145E
11660-1166C 116B9 1182F-11837 11839-1183B 11938 1193B-1193C 1193E 11943-11946
119D4-119D7 119DA-119DB 119E0 119E2 11A01-11A0A 11A33-11A38 11A3B-11A47 11A51-11A56
11A59-11A5B 11A8A-11A96 11A98-11A9C 11A9E-11AA2 11C30-11C36 11C38-11C3D 11C3F
11C41-11C45 11C70-11C71 11C92-11CA7 11CAA-11CB0 11CB2-11CB3 11CB5-11CB6 11D31-11D36 11D3A
11D3C-11D3D 11D3F-11D45 11D47 11D90-11D91 11D95 11D97 11EF3-11EF4 11EF7-11EF8 11FFF
12FF1-12FF2 13430-13438 16E97-16E9A 16EA0-16EB8 16F4F 16FE2 16FE4 1CF00-1CF2D 1CF30-1CF46
1E000-1E006 1E008-1E018 1E01B-1E021 1E023-1E024 1E026-1E02A 1E130-1E136 1E2AE 1E2EC-1E2EF
1E944-1E94A 1E95E-1E95F
"""


def listed(ranges):
    """The characters of "61D 890-891": numbers in hexadecimal, and ranges of them."""
    ends = [part.split("-") for part in ranges.split()]
    return {
        chr(c) for end in ends for c in range(int(end[0], 16), int(end[-1], 16) + 1)
    }


EVERY = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
# Marks that take a space and that Unicode may put in another order than they were
# written: `tokenizers` reorders them, and here each character is looked at alone.
REORDERED = {
    c for c in EVERY if unicodedata.combining(c) and unicodedata.category(c) != "Mn"
}
SAME = sorted(set(EVERY) - listed(LATER) - REORDERED)


def untruncated(tokenizer):
    """The Rust tokenizer; the checkpoint's own settings cut and fill to 128 ids."""
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return backend


@pytest.fixture(scope="module")
def tokenizer():
    """What `transformers` loads, as it is, with its truncation to 128 ids."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_SOURCE", "embedded")
        return load_tokenizer("all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def theirs(tokenizer):
    return untruncated(tokenizer)


@pytest.fixture(scope="module")
def ours(tokenizer):
    return WordPiece.from_tokenizer(tokenizer)


def toy(**options):
    """A small vocabulary: special tokens, then what the tests need."""
    pieces = "[PAD] [UNK] [CLS] [SEP] [MASK] hug ##s ##g h ##u a ##b ab abc d é ##é ñ ."
    return WordPiece(pieces.split(), **options)


def columns(tokens):
    """Pieces, ids and offsets of our tokens, as an Encoding of `tokenizers` has them."""
    return (
        [token.piece for token in tokens],
        [token.id for token in tokens],
        [(token.start, token.end) for token in tokens],
    )


def assert_same(ours, theirs, text):
    expected = theirs.encode(text, add_special_tokens=False)
    result = columns(ours.tokenize(text))
    assert result == (expected.tokens, expected.ids, expected.offsets), ascii(text)


# ---------------------------------------------------------------- against tokenizers
def test_every_paragraph_of_wikipedia(ours, theirs):
    paragraphs = [p for d in load_text("wikipedia") for p in d.paragraphs]
    assert len(paragraphs) > 3500
    expected = theirs.encode_batch(paragraphs, add_special_tokens=False)
    for text, encoding in zip(paragraphs, expected, strict=True):
        result = columns(ours.tokenize(text))
        assert result == (encoding.tokens, encoding.ids, encoding.offsets), text


TEXTS = {
    "spanish": "¿El niño comió jamón en el sofá? ¡Sí! Pingüino, año/ano, papá, él.",
    "german": "Die Straße, GROẞE Füße; Übermut tut selten gut – „schön“, sagte er.",
    "french": "L'œuvre naïve de François, ça coûte 3,50 €.",
    "turkish": "İstanbul'da ILIK bir gün; Iğdır, DİYARBAKIR.",
    "greek": "ΟΔΥΣΣΕΥΣ ΣΑΣ σας· Άγιος, ΐ ΰ ᾳ ᾼ.",
    "russian": "Съешь же ещё этих мягких французских булок, йод.",
    "japanese": "吾輩は猫である。名前はまだ無い。ガギグゲゴ ﾊﾝｶｸ ぱぴぷぺぽ",
    "chinese": "我爱北京天安门,天安门上太阳升。𠀀𪜀𫝀𫠠豈丽",
    "korean": "대한민국 헌법 제1조 각 가 ᄀᆞ",
    "arabic": "السَّلَامُ عَلَيْكُمْ، كيف حالك؟",
    "hebrew": "בְּרֵאשִׁית בָּרָא אֱלֹהִים״",
    "hindi": "नमस्ते दुनिया। क़िला ज़मीन ऩ",
    "thai": "ภาษาไทยไม่มีช่องว่าง ๆ",
    "vietnamese": "Tiếng Việt rất đẹp, Nguyễn Ễ",
    "emoji": "👩‍🚀 says hi 👋🏽 🇪🇸 ❤️ 1️⃣ ©®™",
    "combining": "e\u0301 a\u0308\u0304\u0301 \u0301start n\u0303o x\u0338 \u20dd",
    "controls": "a\0b\u200bc\u00add\x07\x1c\x1fe\ufffd\ufeff f\x85g\x0bh\x0ci\u2028j\u2029k",
    "spaces": " \t\n\r\n a\u00a0b\u3000c\u2003d\u1680e \n",
    "symbols": "$5+3<=8^2 `x` |y| ~z = x_1 #tag @me 50% a&b \\ \"q\" 'r' § ¶ ¬ ± × ÷",
    "specials": "the [MASK] sat.[SEP][CLS]x[PAD] [mask] [MASK [UNK]] ##ing [ MASK ]",
    "compatibility": "ﬁ ﬂ Ⅷ ² ㎏ Ａｂｃ １２ Å K Ω ℡ ǅ Ǆ ŉ",
    "long": f"{'a' * 100} {'a' * 101} {'é' * 100} {'각' * 34} {'xyz' * 400} ok",
    "private": "a\ue000b \U000f0000 c\U0010ffffd \u0378 \ufdd0",
    "empty": "",
    "nothing": "\0\u200b \n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_many_languages(ours, theirs, name):
    text = TEXTS[name]
    assert_same(ours, theirs, text)
    assert ours.normalize(text) == theirs.normalizer.normalize_str(text)


PIECES_OF_TEXT = st.one_of(
    st.sampled_from(SAME),
    st.sampled_from([c for c in SAME if unicodedata.category(c)[0] in "MPZCS"]),
    st.sampled_from(list("aeinostuAEINO  .,'-#[]\tßİıΣσςéñÅǅ中あ가각ᄀ\u200d\u0301\u00a0")),
    st.sampled_from(["[MASK]", "[SEP]", "##ing", "the", "embedding", "durmió", "[", "]"]),
)


@settings(max_examples=1500, deadline=None)
@given(st.lists(PIECES_OF_TEXT, max_size=30).map("".join))
def test_any_text(ours, theirs, text):
    assert_same(ours, theirs, text)
    assert ours.normalize(text) == theirs.normalizer.normalize_str(text)


def differ(ours, theirs, text):
    """Do normalisation, or the words of the plain text, differ?"""
    plain = ours.normalize(text)
    return (
        plain != theirs.normalizer.normalize_str(text)
        or ours.pre_tokenize(plain) != theirs.pre_tokenizer.pre_tokenize_str(plain)
    )


@pytest.mark.skipif(
    unicodedata.unidata_version != "14.0.0", reason="the list is that of Python 3.11"
)
def test_characters_differ_from_tokenizers_only_where_unicode_changed(ours, theirs):
    different = set()
    for first in range(0, len(EVERY), 256):
        block = EVERY[first : first + 256]
        if differ(ours, theirs, "".join(f"a{c}b" for c in block)):
            different |= {c for c in block if differ(ours, theirs, f"a{c}b")}
    # An unassigned character of which a newer Unicode makes a mark belongs here too.
    assert different == listed(LATER)


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [True, False, None])
def test_other_settings(tokenizer, lowercase, strip_accents):
    their_tokenizer = BertTokenizer(
        vocab=tokenizer.get_vocab(), do_lower_case=lowercase, strip_accents=strip_accents
    )
    ours = WordPiece.from_tokenizer(their_tokenizer)
    assert ours.lowercase == lowercase
    theirs = untruncated(their_tokenizer)
    for text in TEXTS.values():
        assert_same(ours, theirs, text)
        assert ours.normalize(text) == theirs.normalizer.normalize_str(text)


# ----------------------------------------------------------------- known sentences
def test_sentences_of_the_course(ours):
    ids = {
        "The cat slept on the couch.It was too tired to get up.": [
            1996, 4937, 7771, 2006, 1996, 6411, 1012, 2009, 2001, 2205, 5458, 2000,
            2131, 2039, 1012,
        ],
        "the Transformer is an innovative NLP model!": [
            1996, 10938, 2121, 2003, 2019, 9525, 17953, 2361, 2944, 999,
        ],
    }  # fmt: skip
    for text, expected in ids.items():
        assert [token.id for token in ours.tokenize(text)] == expected
    pair = ours.encode("The cat slept on the rug.", "It likes sleeping all day.")
    assert pair.input_ids == [
        101, 1996, 4937, 7771, 2006, 1996, 20452, 1012, 102,
        2009, 7777, 5777, 2035, 2154, 1012, 102,
    ]  # fmt: skip
    assert pair.token_type_ids == [0] * 9 + [1] * 7
    assert ours.pieces("embeddings") == ["em", "##bed", "##ding", "##s"]


def test_what_it_does_to_spanish(ours):
    text = "El gato durmió en el sofá."
    assert ours.normalize(text) == "el gato durmio en el sofa."
    tokens = ours.tokenize(text)
    pieces = "el ga ##to du ##rmi ##o en el sofa ."
    assert [token.piece for token in tokens] == pieces.split()
    assert text[tokens[8].start : tokens[8].end] == "sofá"  # the text has its accent
    for accented, plain in [("año", "ano"), ("papá", "papa"), ("sí", "si"), ("él", "el")]:
        assert ours.encode(accented).input_ids == ours.encode(plain).input_ids
    assert ours.decode(ours.encode("año").input_ids) == "[CLS] ano [SEP]"


def test_size_of_the_vocabulary(ours):
    assert len(ours) == 30522
    assert ours.special_ids == [0, 100, 101, 102, 103]


# ------------------------------------------------------------------------ the steps
def test_a_word_is_cut_greedily_not_cleverly():
    ours = toy()
    assert ours.pieces("hugs") == ["hug", "##s"]
    assert ours.pieces("hgs") == ["h", "##g", "##s"]
    # abb could be a ##b ##b, but ab is longer and comes first.
    assert ours.pieces("abb") == ["ab", "##b"]
    # a word that could be cut otherwise is lost: abc fits, and ##d is no piece
    assert ours.pieces("abcd") == ["[UNK]"]
    assert ours.pieces("xhug") == ours.pieces("hugx") == ["[UNK]"]


@settings(max_examples=100, deadline=None)
@given(st.text("abcdehugs", min_size=1, max_size=12))
def test_pieces_make_the_word_and_no_longer_one_would_fit(word):
    ours = toy()
    pieces = ours.pieces(word)
    if pieces == ["[UNK]"]:
        return
    bare = [pieces[0], *(piece.removeprefix("##") for piece in pieces[1:])]
    assert "".join(bare) == word and all(p.startswith("##") for p in pieces[1:])
    start = 0
    for i, piece in enumerate(bare):
        for end in range(start + len(piece) + 1, len(word) + 1):
            assert ("##" if i else "") + word[start:end] not in ours.vocabulary
        start += len(piece)


def test_an_unknown_word_is_one_token_as_long_as_the_word():
    text = "hug xyz hugs"
    assert toy().tokenize(text)[1] == Token("[UNK]", 1, 4, 7)


def test_words():
    cut = toy().pre_tokenize("can't  stop... $5")
    assert [word for word, _ in cut] == ["can", "'", "t", "stop", ".", ".", ".", "$", "5"]
    assert all("can't  stop... $5"[slice(*span)] == word for word, span in cut)


def test_a_list_and_a_dict_are_one_vocabulary():
    pieces = ["[UNK]", "a", "##b"]
    from_list = WordPiece(pieces)
    from_dict = WordPiece({piece: i for i, piece in enumerate(pieces)})
    assert from_list.tokenize("ab c") == from_dict.tokenize("ab c")
    assert from_list.special_tokens == {"[UNK]": 0}


def test_options():
    assert toy(max_characters=3).pieces("hugs") == ["[UNK]"]
    assert toy(max_characters=4).pieces("hugs") == ["hug", "##s"]
    assert toy(strip_accents=False).tokenize("É")[0].piece == "é"
    assert toy(lowercase=False).normalize("Éa") == "Éa"
    assert toy(lowercase=False, strip_accents=True).normalize("Éa") == "Ea"
    other = WordPiece(["<?>", "a"], unknown="<?>")
    assert other.tokenize("a bcd <?>") == [("a", 1, 0, 1), ("<?>", 0, 2, 5),
                                           ("<?>", 0, 6, 9)]  # fmt: skip


def test_the_memory_of_words_changes_nothing_and_stays_small(monkeypatch):
    monkeypatch.setattr(WordPiece, "CACHE_SIZE", 3)
    ours, text = toy(), "hug hugs ab abc hug d x . hugs abb"
    expected = [t for word in text.split() for t in toy().pieces(word)]
    for _ in range(2):
        assert [token.piece for token in ours.tokenize(text)] == expected
        assert len(ours._cache) <= 3


# ------------------------------------------------------------------- encode, decode
SENTENCE = "The cat slept on the couch, durmió y no se despertó. Embeddings!"


@settings(max_examples=300, deadline=None)
@given(
    words=st.tuples(st.integers(0, 12), st.none() | st.integers(0, 12)),
    max_length=st.none() | st.integers(3, 30),
)
def test_encode(theirs, ours, words, max_length):
    first, second = [None if n is None else " ".join(SENTENCE.split()[:n]) for n in words]
    if max_length is not None:
        theirs.enable_truncation(max_length, strategy="longest_first")
    try:
        expected = theirs.encode(first, second)
    finally:
        theirs.no_truncation()
    result = ours.encode(first, second, max_length)
    assert result == (expected.ids, expected.type_ids, expected.offsets)
    assert max_length is None or len(result.input_ids) <= max_length


def test_decode_joins_what_was_cut(ours):
    without_cleanup = decoders.WordPiece(prefix="##", cleanup=False)
    for text in TEXTS.values():
        tokens = ours.tokenize(text)
        ids = [token.id for token in tokens]
        assert ours.decode(ids) == without_cleanup.decode([t.piece for t in tokens])
    ids = [token.id for token in ours.tokenize("Unbelievable  embeddings, Él!")]
    assert ours.decode(ids) == "unbelievable embeddings , el !"
    assert ours.decode([]) == ""


def test_what_decode_gives_is_read_as_the_same_ids(ours):
    for document in load_text("wikipedia")[:3]:
        for text in document.paragraphs:
            ids = [token.id for token in ours.tokenize(text)]
            assert [token.id for token in ours.tokenize(ours.decode(ids))] == ids


# -------------------------------------------------------------------------- refusals
def test_vocabularies_that_cannot_be():
    with pytest.raises(ValueError, match=r"has no '\[UNK\]'.*unknown="):
        WordPiece(["a", "b"])
    with pytest.raises(ValueError, match="the piece 'a' twice"):
        WordPiece(["[UNK]", "a", "b", "a"])
    with pytest.raises(ValueError, match="one id to two pieces"):
        WordPiece({"[UNK]": 0, "a": 0})


def test_arguments_that_cannot_be():
    ours = toy()
    for method in (ours.normalize, ours.pre_tokenize, ours.tokenize, ours.encode):
        with pytest.raises(TypeError, match="a text is a string; this is a list"):
            method(["hug"])
    with pytest.raises(ValueError, match="max_length is 1, .* alone are 2"):
        ours.encode("hug", max_length=1)
    with pytest.raises(ValueError, match="max_length is 2, .* alone are 3"):
        ours.encode("hug", "hugs", max_length=2)
    with pytest.raises(ValueError, match="no id 99"):
        ours.decode([5, 99])
    with pytest.raises(ValueError, match=r"adds \[CLS\]"):
        WordPiece(["[UNK]", "a"]).encode("a")


def test_tokenizers_of_another_kind_are_refused(tokenizer):
    def refused(reason, change=lambda backend: None, add=()):
        other = BertTokenizer(vocab=tokenizer.get_vocab())
        other.add_tokens(list(add))
        change(other.backend_tokenizer)
        with pytest.raises(ValueError, match=reason):
            WordPiece.from_tokenizer(other)

    from tokenizers import models, normalizers, pre_tokenizers

    refused("model has type = 'WordPiece'; this one has 'BPE'",
            lambda b: setattr(b, "model", models.BPE()))  # fmt: skip
    refused("continuing_subword_prefix = '##'; this one has '@@'",
            lambda b: setattr(b, "model", models.WordPiece(
                {"[UNK]": 0}, continuing_subword_prefix="@@")))  # fmt: skip
    refused("normalizer has type = 'BertNormalizer'; this one has 'NFC'",
            lambda b: setattr(b, "normalizer", normalizers.NFC()))  # fmt: skip
    refused("clean_text = True; this one has False",
            lambda b: setattr(b, "normalizer", normalizers.BertNormalizer(
                clean_text=False)))  # fmt: skip
    refused("pre_tokenizer has type = 'BertPreTokenizer'; this one has 'Whitespace'",
            lambda b: setattr(b, "pre_tokenizer", pre_tokenizers.Whitespace()))  # fmt: skip
    refused("differs in <extra>", add=["<extra>"])
    plain = PreTrainedTokenizerFast(tokenizer_object=bare_backend())
    with pytest.raises(ValueError, match=r"differs in \[CLS\]"):
        WordPiece.from_tokenizer(plain)
    with pytest.raises(ValueError, match="a fast tokenizer.*this is a str"):
        WordPiece.from_tokenizer("bert-base-uncased")


def bare_backend():
    """BERT's steps, with special tokens in the vocabulary that are not kept whole."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocabulary = {piece: id for id, piece in enumerate(["[UNK]", "[CLS]", "a"])}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return backend


def test_the_settings_that_a_tokenizer_carries(tokenizer):
    carried = BertTokenizer(vocab=tokenizer.get_vocab(), do_lower_case=False)
    ours = WordPiece.from_tokenizer(carried)
    assert (ours.lowercase, ours.strip_accents, ours.max_characters) == (False, False, 100)
    assert WordPiece.from_tokenizer(tokenizer).strip_accents
