"""Pairs of a centre and a context, right and wrong."""

import numpy as np


def right_slices(tokens, window):
    pairs = []
    for i, centre in enumerate(tokens):
        around = tokens[max(0, i - window) : i] + tokens[i + 1 : i + 1 + window]
        pairs += [(centre, context) for context in around]
    return pairs


def right_distances(tokens, window):
    """Another order and lists for tuples."""
    pairs = []
    for step in range(1, window + 1):
        for a, b in zip(tokens, tokens[step:]):
            pairs += [[a, b], [b, a]]
    return pairs


def wrong_includes_the_centre(tokens, window):
    """its own context"""
    return [
        (centre, context)
        for i, centre in enumerate(tokens)
        for context in tokens[max(0, i - window) : i + window + 1]
    ]


def wrong_range_stops_early(tokens, window):
    """off by one"""
    pairs = []
    for i in range(len(tokens)):
        for j in range(max(0, i - window), min(len(tokens), i + window)):
            if j != i:
                pairs.append((tokens[i], tokens[j]))
    return pairs


def wrong_window_too_narrow(tokens, window):
    """too narrow"""
    return right_slices(tokens, window - 1)


def wrong_window_too_wide(tokens, window):
    """too wide"""
    return right_slices(tokens, window + 1)


def wrong_negative_index(tokens, window):
    """wraps round"""
    pairs = []
    for i, centre in enumerate(tokens):
        for step in range(-window, window + 1):
            try:
                if step:
                    pairs.append((centre, tokens[i + step]))
            except IndexError:
                pass
    return pairs


def wrong_looks_right_only(tokens, window):
    """one-sided"""
    return [
        (centre, context)
        for i, centre in enumerate(tokens)
        for context in tokens[i + 1 : i + 1 + window]
    ]


def wrong_looks_left_only(tokens, window):
    """one-sided"""
    return [
        (centre, context)
        for i, centre in enumerate(tokens)
        for context in tokens[max(0, i - window) : i]
    ]


def wrong_negative_slice(tokens, window):
    """ends of the text"""
    pairs = []
    for i in range(window, len(tokens) - window):
        around = tokens[i - window : i] + tokens[i + 1 : i + 1 + window]
        pairs += [(tokens[i], context) for context in around]
    return pairs


def wrong_a_set(tokens, window):
    """counts twice"""
    return list(set(right_slices(tokens, window)))


def right_generator(tokens, window):
    for i, centre in enumerate(tokens):
        for j, context in enumerate(tokens):
            if 0 < abs(i - j) <= window:
                yield centre, context


def right_numpy(tokens, window):
    place = np.arange(len(tokens))
    near = abs(place[:, None] - place) <= window
    rows, columns = np.nonzero(near & ~np.eye(len(tokens), dtype=bool))
    return np.stack([np.array(tokens)[rows], np.array(tokens)[columns]], axis=1)


def wrong_leaves_out_equal_words(tokens, window):
    """not its word"""
    return [
        (centre, context)
        for i, centre in enumerate(tokens)
        for context in tokens[max(0, i - window) : i + window + 1]
        if context != centre
    ]


def wrong_looks_places_up(tokens, window):
    """enumerate"""
    pairs = []
    for centre in tokens:
        i = tokens.index(centre)
        around = tokens[max(0, i - window) : i] + tokens[i + 1 : i + 1 + window]
        pairs += [(centre, context) for context in around]
    return pairs


def wrong_slice_from_the_end(tokens, window):
    """left neighbours"""
    pairs = []
    for i, centre in enumerate(tokens):
        around = tokens[i - window : i] + tokens[i + 1 : i + 1 + window]
        pairs += [(centre, context) for context in around]
    return pairs


def wrong_window_of_two(tokens, window):
    """always 2"""
    return right_slices(tokens, 2)


def wrong_empties_the_text(tokens, window):
    """in place"""
    pairs = right_slices(tokens, window)
    tokens.clear()
    return pairs
