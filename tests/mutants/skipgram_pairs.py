"""Pairs of a centre and a context, right and wrong."""


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
