"""A word cut by the merges that were learned, right and wrong."""

from itertools import pairwise


def joined(pieces, merge):
    result, place = [], 0
    while place < len(pieces):
        if tuple(pieces[place : place + 2]) == tuple(merge):
            result.append(merge[0] + merge[1])
            place += 2
        else:
            result.append(pieces[place])
            place += 1
    return result


def right_passes(word, merges):
    """One pass for each merge, as the Hugging Face course does."""
    pieces = list(word)
    for merge in merges:
        pieces = joined(pieces, merge)
    return pieces


def right_lowest_rank(word, merges):
    """The lowest rank again and again, as GPT-2's encoder does."""
    ranks, pieces = {merge: rank for rank, merge in enumerate(merges)}, list(word)
    while True:
        pairs = set(pairwise(pieces)) & set(ranks)
        if not pairs:
            return tuple(pieces)
        pieces = joined(pieces, min(pairs, key=ranks.get))


def right_library(word, merges):
    from tokenizers import models

    pieces = dict.fromkeys([*word, *(p for m in merges for p in (*m, m[0] + m[1]))])
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    return [token.value for token in models.BPE(vocabulary, merges).tokenize(word)]


def wrong_left_to_right(word, merges):
    """from left to right"""
    pieces, place = list(word), 0
    while place < len(pieces) - 1:
        if tuple(pieces[place : place + 2]) in merges:
            pieces[place : place + 2] = ["".join(pieces[place : place + 2])]
            place = 0
        else:
            place += 1
    return pieces


def wrong_longest(word, merges):
    """longest piece is taken first

    What segment_BPE of d2l does.
    """
    symbols = set(word) | {left + right for left, right in merges}
    pieces, start, end = [], 0, len(word)
    while start < len(word):
        if word[start:end] in symbols:
            pieces.append(word[start:end])
            start, end = end, len(word)
        else:
            end -= 1
    return pieces


def wrong_reverse(word, merges):
    """in reverse"""
    pieces = list(word)
    while usable := [merge for merge in merges if merge in pairwise(pieces)]:
        pieces = joined(pieces, usable[-1])
    return pieces


def wrong_first_place_only(word, merges):
    """at one place only"""
    pieces = list(word)
    for merge in merges:
        for place in range(len(pieces) - 1):
            if tuple(pieces[place : place + 2]) == merge:
                pieces[place : place + 2] = ["".join(merge)]
                break
    return pieces


def wrong_one_merge(word, merges):
    """stop after the first merge"""
    pieces = list(word)
    for merge in merges:
        if merge in pairwise(pieces):
            return joined(pieces, merge)
    return pieces


def wrong_letter_by_letter(word, merges):
    """on its left or not at all"""
    pieces = []
    for letter in word:
        if pieces and (pieces[-1], letter) in merges:
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


def wrong_overlapping(word, merges):
    """they overlap"""
    pieces = list(word)
    for merge in merges:
        result, ended = [], False
        for place, piece in enumerate(pieces):
            here = tuple(pieces[place : place + 2]) == merge
            if here:
                result.append("".join(merge))
            elif not ended:
                result.append(piece)
            ended = here
        pieces = result
    return pieces


def wrong_from_the_right(word, merges):
    """right pair was merged"""
    pieces = list(word)
    for merge in merges:
        place = len(pieces) - 2
        while place >= 0:
            if tuple(pieces[place : place + 2]) == merge:
                pieces[place : place + 2] = ["".join(merge)]
                place -= 1
            place -= 1
    return pieces


def wrong_replace(word, merges):
    """replace() on a text with spaces

    As d2l's merge_symbols; Sennrich et al. 2016 print the regular expression it needs.
    """
    text = " ".join(word)
    for left, right in merges:
        text = text.replace(f"{left} {right}", left + right)
    return text.split(" ")


def wrong_letters(word, merges):
    """nothing is merged"""
    return list(word)


def wrong_last_lost(word, merges):
    """last piece is missing"""
    return right_passes(word, merges)[:-1]


def wrong_text(word, merges):
    """one string"""
    return " ".join(right_passes(word, merges))
