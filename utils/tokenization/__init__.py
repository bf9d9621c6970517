"""Tokenization: from a text to the pieces of a vocabulary, and back.

- `wordpiece`: WordPiece applied, as BERT does;
- `bpe`: byte-level BPE trained and applied, as GPT-2 and RoBERTa do;
- `audit`: what a vocabulary is worth on a text.

Taught in: chapter 3, section "WordPiece, applied", and chapter 4, sections "Text into
bytes, bytes into pieces" to "A vocabulary, audited".
"""

from utils.tokenization.audit import Audit, audit, fertility
from utils.tokenization.bpe import (
    ROBERTA_TOKENS,
    ByteLevelBPE,
    byte_to_unicode,
    count_words,
    merge_pair,
    pre_tokenize,
    train,
    train_naive,
)
from utils.tokenization.wordpiece import (
    CHINESE,
    SPECIAL_TOKENS,
    Encoding,
    Token,
    WordPiece,
    bert_word,
    cut_longest_first,
    is_chinese,
    is_control,
    is_punctuation,
    normalize_character,
    read_settings,
    read_vocabulary,
    require_text,
    room_for_tokens,
)

__all__ = [
    "CHINESE", "ROBERTA_TOKENS", "SPECIAL_TOKENS", "Audit", "ByteLevelBPE", "Encoding",
    "Token", "WordPiece", "audit", "bert_word", "byte_to_unicode", "count_words",
    "cut_longest_first", "fertility", "is_chinese", "is_control", "is_punctuation",
    "merge_pair", "normalize_character", "pre_tokenize", "read_settings",
    "read_vocabulary", "require_text", "room_for_tokens", "train", "train_naive",
]  # fmt: skip
