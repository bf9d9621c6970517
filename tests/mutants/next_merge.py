"""The pair that byte-pair encoding merges next, right and wrong."""

from collections import Counter, defaultdict
from itertools import pairwise


def counted(words):
    counts = defaultdict(int)
    for word, count in words.items():
        for pair in zip(word, word[1:]):
            counts[pair] += count
    return counts


def right_key(words, ids):
    counts = counted(words)
    return max(counts, key=lambda p: (counts[p], -ids[p[0]], -ids[p[1]]))


def right_sorted(words, ids):
    counts = Counter()
    for word, count in words.items():
        counts.update({pair: 0 for pair in pairwise(word)})
        for pair in pairwise(word):
            counts[pair] += count
    order = sorted(counts, key=lambda p: (-counts[p], ids[p[0]], ids[p[1]]))
    return list(order[0])


def right_in_ids(words, ids):
    """Everything in ids, and back at the end."""
    pieces = {id: piece for piece, id in ids.items()}
    counts = counted({tuple(ids[p] for p in word): n for word, n in words.items()})
    most = max(counts.values())
    left, right = min(pair for pair, count in counts.items() if count == most)
    return pieces[left], pieces[right]


def wrong_first_seen(words, ids):
    """seen first

    d2l and the Hugging Face course: a strict comparison, or max() of the counts alone.
    """
    counts = counted(words)
    return max(counts, key=counts.get)


def wrong_last_seen(words, ids):
    """seen last"""
    best, most = None, 0
    for pair, count in counted(words).items():
        if count >= most:
            best, most = pair, count
    return best


def wrong_alphabet(words, ids):
    """first in the alphabet"""
    counts = counted(words)
    return min(counts, key=lambda pair: (-counts[pair], pair))


def wrong_alphabet_backwards(words, ids):
    """last in the alphabet

    The rule of subword-nmt, right there: its merges differ from those of `tokenizers`.
    """
    counts = counted(words)
    return max(counts, key=lambda pair: (counts[pair], pair))


def wrong_largest_ids(words, ids):
    """largest ids"""
    counts = counted(words)
    return max(counts, key=lambda p: (counts[p], ids[p[0]], ids[p[1]]))


def wrong_right_piece_first(words, ids):
    """whose right piece has the smaller id"""
    counts = counted(words)
    return min(counts, key=lambda p: (-counts[p], ids[p[1]], ids[p[0]]))


def wrong_types(words, ids):
    """every word is counted once"""
    return right_key(dict.fromkeys(words, 1), ids)


def wrong_once_in_a_word(words, ids):
    """stands twice in a word"""
    counts = Counter()
    for word, count in words.items():
        for pair in set(pairwise(word)):
            counts[pair] += count
    return max(counts, key=lambda p: (counts[p], -ids[p[0]], -ids[p[1]]))


def wrong_without_overlap(words, ids):
    """in aaa the pair aa stands at two places

    What str.count() counts.
    """
    counts = Counter()
    for word, count in words.items():
        place, before = 0, None
        while place < len(word) - 1:
            pair = word[place : place + 2]
            if pair == before:
                before = None
            else:
                counts[pair] += count
                before = pair
            place += 1
    return max(counts, key=lambda p: (counts[p], -ids[p[0]], -ids[p[1]]))


def wrong_across_words(words, ids):
    """across the end of a word

    minbpe's BasicTokenizer, which has no words, on a text of words.
    """
    text = []
    for word, count in words.items():
        text += list(word) * count
    return right_key({tuple(text): 1}, ids)


def wrong_rarest(words, ids):
    """rarest pair"""
    counts = counted(words)
    return min(counts, key=lambda p: (counts[p], ids[p[0]], ids[p[1]]))


def wrong_wordpiece(words, ids):
    """WordPiece's score"""
    counts, single = counted(words), Counter()
    for word, count in words.items():
        for piece in word:
            single[piece] += count
    scores = {p: counts[p] / (single[p[0]] * single[p[1]]) for p in counts}
    return max(scores, key=lambda p: (scores[p], -ids[p[0]], -ids[p[1]]))


def wrong_joined(words, ids):
    """two pieces are joined"""
    return "".join(right_key(words, ids))


def wrong_ids(words, ids):
    """these are the ids"""
    return tuple(ids[piece] for piece in right_key(words, ids))


def wrong_reversed(words, ids):
    """change places"""
    left, right = right_key(words, ids)
    return right, left
