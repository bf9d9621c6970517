"""A word cut into the pieces of a vocabulary, right and wrong."""


def right_loop(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                pieces.append(piece)
                start = end
                break
        else:
            return ["[UNK]"]
    return pieces


def right_recursion(word, vocabulary, mark=""):
    if not word:
        return ()
    fitting = [n for n in range(1, len(word) + 1) if mark + word[:n] in vocabulary]
    if not fitting:
        return ("[UNK]",)
    rest = right_recursion(word[fitting[-1] :], vocabulary, "##")
    return rest if rest == ("[UNK]",) else (mark + word[: fitting[-1]], *rest)


def right_over_the_vocabulary(word, vocabulary):
    """Asks each piece whether it fits, instead of asking for each slice."""
    pieces, rest = [], word
    while rest:
        fits = [p for p in vocabulary if p.startswith("##") == bool(pieces)]
        fits = [p.removeprefix("##") for p in fits]
        longest = max((p for p in fits if rest.startswith(p)), key=len, default="")
        if not longest:
            return ["[UNK]"]
        pieces.append(("##" if pieces else "") + longest)
        rest = rest[len(longest) :]
    return pieces


def right_library(word, vocabulary):
    from tokenizers.models import WordPiece

    model = WordPiece(vocab=dict(vocabulary), unk_token="[UNK]")
    return [token.value for token in model.tokenize(word)]


def wrong_shortest_first(word, vocabulary):
    """shortest piece is taken first"""
    pieces, start = [], 0
    while start < len(word):
        for end in range(start + 1, len(word) + 1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                pieces.append(piece)
                start = end
                break
        else:
            return ["[UNK]"]
    return pieces


def wrong_no_mark(word, vocabulary):
    """without their ##"""
    return [piece.removeprefix("##") for piece in right_loop(word, vocabulary)]


def wrong_unknown_rest(word, vocabulary):
    """keeps its beginning"""
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return [*pieces, "[UNK]"]
        pieces.append(piece)
        start = end
    return pieces


def wrong_stops_at_the_unknown(word, vocabulary):
    """drops the rest"""
    pieces = wrong_unknown_rest(word, vocabulary)
    return [piece for piece in pieces if piece != "[UNK]"]


def wrong_unknown_letters(word, vocabulary):
    """for every letter"""
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                pieces.append(piece)
                start = end
                break
        else:
            pieces.append("[UNK]")
            start += 1
    return pieces


def wrong_looks_up_without_mark(word, vocabulary):
    """looked up without its ##"""
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            if word[start:end] in vocabulary:
                pieces.append(("##" if start else "") + word[start:end])
                start = end
                break
        else:
            return ["[UNK]"]
    return pieces


def wrong_knows_no_mark(word, vocabulary):
    """written without it"""
    pieces = wrong_looks_up_without_mark(word, vocabulary)
    return [piece.removeprefix("##") for piece in pieces]


def wrong_letters(word, vocabulary):
    """single letters"""
    return [word[0]] + ["##" + letter for letter in word[1:]]


def wrong_plain_letters(word, vocabulary):
    """single letters"""
    return list(word)


def wrong_from_the_end(word, vocabulary):
    """from its end"""
    pieces = []
    while word:
        for start in range(len(word)):
            piece = ("##" if start else "") + word[start:]
            if piece in vocabulary:
                pieces.insert(0, piece)
                word = word[:start]
                break
        else:
            return ["[UNK]"]
    return pieces


def wrong_goes_back(word, vocabulary, mark=""):
    """never given back"""
    if not word:
        return []
    for end in range(len(word), 0, -1):
        if mark + word[:end] in vocabulary:
            rest = wrong_goes_back(word[end:], vocabulary, "##")
            if rest != ["[UNK]"]:
                return [mark + word[:end], *rest]
    return ["[UNK]"]


def wrong_whole_words(word, vocabulary):
    """as a whole only"""
    return [word if word in vocabulary else "[UNK]"]


def wrong_replace(word, vocabulary):
    """occurs again further on"""
    pieces = []
    while word:
        mark = "##" if pieces else ""
        for end in range(len(word), 0, -1):
            if mark + word[:end] in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(mark + word[:end])
        word = word.replace(word[:end], "")
    return pieces


def wrong_end_too_early(word, vocabulary):
    """end must reach len(word)"""
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word) - 1, start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                pieces.append(piece)
                start = end
                break
        else:
            return ["[UNK]"]
    return pieces


def wrong_never_ends(word, vocabulary):
    """does not end"""
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                pieces.append(piece)
                start = end
                break
    return pieces


def wrong_marks_the_first(word, vocabulary):
    """the first piece has no ##"""
    pieces = right_loop(word, vocabulary)
    return ["##" + pieces[0], *pieces[1:]]


def wrong_ids(word, vocabulary):
    """these are ids"""
    return [vocabulary[piece] for piece in right_loop(word, vocabulary)]


def wrong_string(word, vocabulary):
    """one string"""
    return " ".join(right_loop(word, vocabulary))
