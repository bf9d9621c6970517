"""The checks of chapter 3's exercises: from word pieces to the learning rate."""

import math
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils.checks.core import Wrong, call, exercise, expect


# ----------------------------------------------------------------- what BERT reads
class _Vocabulary(dict):
    """A vocabulary that loses patience: a loop without end asks for ever."""

    def __init__(self, pieces=()):
        super().__init__(pieces)
        self.asked = 0

    def __contains__(self, piece):
        self.asked += 1
        if self.asked > 10_000:
            raise RuntimeError(
                "the vocabulary was asked 10,000 times for one word: your loop does "
                "not end where no piece fits"
            )
        return super().__contains__(piece)


PIECES = (
    "[UNK] e em ##e ##m ##b ##be ##bed bed ##d ##di ##ding ding ##i ##in ##ing ing ##g "
    "##s un una ##ble ##able a b ba ##a ##n ##na play ##play mate xy x ##y ##yz"
).split()


@exercise
def word_pieces(answer):
    """answer(word, vocabulary) -> list of pieces; vocabulary: piece -> id."""
    words = "embeddings bed unable banana playmate e dingbed song xyz playing".split()
    known = {piece: place for place, piece in enumerate(PIECES)}
    results = [call(answer, word, _Vocabulary(known)) for word in words]
    results = [r if isinstance(r, (str, int)) else list(r) for r in results]
    mistakes = [_other_cuts(word, known) for word in words]
    right = [_greedy(word, known) for word in words]
    if results == right:
        return
    # A mistake that explains all the words is surer than one that explains the first.
    for hint in mistakes[0]:
        if results == [wrong[hint] for wrong in mistakes]:
            raise Wrong(hint)
    for word, result, pieces, wrong in zip(words, results, right, mistakes):
        expect(result, pieces, wrong, given=(word,))


def _other_cuts(word, known):
    """What the likely mistakes make of a word: what to say -> the pieces."""
    right = _greedy(word, known)
    unmarked = "a continuation is looked up without its ##"
    unknown = "a word of which some part is no piece is [UNK] as a whole"
    letters = "these are single letters: a piece is as long as the vocabulary has it"
    return {
        "the shortest piece is taken first: try the longest one first": (
            _greedy(word, known, longest=False)
        ),
        "the pieces that continue the word are written without their ##": (
            _greedy(word, known, mark="")
        ),
        f"{unknown}; yours keeps its beginning": _greedy(word, known, whole=False),
        f"{unknown}; yours keeps its beginning and drops the rest": [
            piece for piece in _greedy(word, known, whole=False) if piece != "[UNK]"
        ],
        f"{unknown}; yours has an [UNK] for every letter that fits nowhere": (
            _greedy(word, known, whole=None)
        ),
        f"{unmarked}: ding and ##ding are two pieces, and it is the second that "
        f"continues a word": _greedy(word, known, look=""),
        f"{unmarked}, and written without it: ding and ##ding are two pieces, and it "
        f"is the second that continues a word": _greedy(word, known, look="", mark=""),
        letters: list(word),
        f"{letters} (yours are marked)": [word[0], *("##" + c for c in word[1:])],
        "the word is cut from its end: WordPiece goes from the left": (
            _from_the_end(word, known)
        ),
        "greedy means that a piece once taken is never given back, even where the rest "
        "then fits nowhere: the word is [UNK]": _any_cut(word, known),
        "the word is looked up as a whole only: cut it": (
            [word] if word in known else ["[UNK]"]
        ),
        "a part that occurs again further on was lost: take the piece away by its "
        "length; replace() and lstrip() take away more": _replacing(word, known),
        "the first piece has no ##: only those that continue the word have it": (
            ["##" + right[0], *right[1:]]
        ),
        "every word becomes [UNK]: a slice word[start:end] stops before end, so end "
        "must reach len(word)": ["[UNK]"],
        "[UNK] has no ##": ["##[UNK]"],
        "these are ids: give the pieces themselves": [known[p] for p in right],
        "this is one string: give a list of pieces": " ".join(right),
        "the last piece is missing": right[:-1],
        "only the first piece is there: go on from where it ends": right[:1],
    }


def _greedy(word, known, longest=True, mark="##", look="##", whole=True):
    """WordPiece; `whole`: what one unknown part makes [UNK], None for that letter."""
    pieces, start = [], 0
    while start < len(word):
        ends = range(start + 1, len(word) + 1)
        for end in reversed(ends) if longest else ends:
            if (look if start else "") + word[start:end] in known:
                pieces.append((mark if start else "") + word[start:end])
                start = end
                break
        else:
            if whole is not None:
                return ["[UNK]"] if whole else [*pieces, "[UNK]"]
            pieces.append("[UNK]")
            start += 1
    return pieces


def _from_the_end(word, known):
    pieces, end = [], len(word)
    while end:
        for start in range(end):
            piece = ("##" if start else "") + word[start:end]
            if piece in known:
                pieces.insert(0, piece)
                end = start
                break
        else:
            return ["[UNK]"]
    return pieces


def _any_cut(word, known, start=0):
    """The first cut that works, longest pieces first, with going back."""
    if start == len(word):
        return []
    for end in range(len(word), start, -1):
        piece = ("##" if start else "") + word[start:end]
        if piece in known:
            rest = _any_cut(word, known, end)
            if rest != ["[UNK]"]:
                return [piece, *rest]
    return ["[UNK]"]


def _replacing(word, known):
    """The bug: `rest.replace(piece, "")` where the rest begins after the piece."""
    pieces, rest = [], word
    while rest:
        mark = "##" if pieces else ""
        ends = [n for n in range(len(rest), 0, -1) if mark + rest[:n] in known]
        if not ends:
            return ["[UNK]"]
        pieces.append(mark + rest[: ends[0]])
        rest = rest.replace(rest[: ends[0]], "")
    return pieces


@exercise
def pair_input(answer):
    """answer(first, second) -> (input_ids, token_type_ids), lists of integers."""
    cls, sep = 101, 102
    for first, second in (([7, 8, 9], [5, 6]), ([4], [4, 4, 4, 9]), ([3, 3], [3, 3])):
        result = call(answer, list(first), list(second))
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise Wrong("return two lists: input_ids and token_type_ids.")
        input_ids, token_type_ids = ([int(i) for i in part] for part in result)
        a, b = len(first), len(second)
        right_ids = [cls, *first, sep, *second, sep]
        right_types = [0] * (a + 2) + [1] * (b + 1)
        if input_ids == right_types and token_type_ids == right_ids:
            raise Wrong("the two lists change places: input_ids come first.")
        expect(
            input_ids,
            right_ids,
            {
                "the last [SEP] is missing: both segments end with one": right_ids[:-1],
                "the [SEP] between the two is missing: both segments end with one": (
                    [cls, *first, *second, sep]
                ),
                "there is a second [CLS]: one stands before "
                "the two segments together": (
                    [cls, *first, sep, cls, *second, sep]
                ),
                "there is a second [CLS], and the [SEP] between the two is missing": (
                    [cls, *first, cls, *second, sep]
                ),
                "there is no [CLS] at the start": right_ids[1:],
                "there is no [SEP] at all": [cls, *first, *second],
                "the special tokens are missing": [*first, *second],
                "[CLS] and [SEP] change places: [CLS] is 101 and [SEP] is 102": (
                    [sep, *first, cls, *second, cls]
                ),
                "the two segments change places: the first comes first": (
                    [cls, *second, sep, *first, sep]
                ),
                "the second segment is missing": [cls, *first, sep],
                "there are two [SEP] between the segments: that is RoBERTa's way": (
                    [cls, *first, sep, sep, *second, sep]
                ),
            },
            given=(first, second),
        )
        expect(
            token_type_ids,
            right_types,
            {
                "the [SEP] in the middle is counted to the second segment: it ends the "
                "first": [0] * (a + 1) + [1] * (b + 2),
                "all types are 0: the second segment has 1": [0] * (a + b + 3),
                "all types are 1: the first segment has 0": [1] * (a + b + 3),
                "the types start at 1: they are 0 and 1, the two rows of the segment "
                "embedding": [t + 1 for t in right_types],
                "the types of the "
                "two segments change places": [1 - t for t in right_types],
                "the last [SEP] belongs to the second segment, so its type is 1": (
                    [*right_types[:-1], 0]
                ),
                "the special tokens have a type too: [CLS] and the first [SEP] 0, the "
                "last [SEP] 1": [0] * a + [1] * b,
                "one type is missing: the last [SEP] has one too": right_types[:-1],
                "one type is missing: [CLS] has one too": right_types[1:],
            },
            given=(first, second),
        )


# ----------------------------------------------------------- masked language model
PAD, CLS, SEP, MASK, VOCAB_SIZE = 0, 101, 102, 103, 2000
SPECIAL = {PAD: "[PAD]", CLS: "[CLS]", SEP: "[SEP]"}
# What share of the chosen became [MASK], random, stayed: the mistake behind it.
SHARES = {
    (0.1, 0.1, 0.8): "10 % of the chosen became [MASK] and 80 % kept their id, which "
    "is the wrong way round: most of them are hidden",
    (0.1, 0.8, 0.1): "80 % of the chosen became a random id and 10 % [MASK]: it is the "
    "other way round",
    (1.0, 0.0, 0.0): "it is always [MASK]: some of the chosen get a random id and some "
    "keep theirs",
    (0.0, 1.0, 0.0): "it is always a random id: most of the chosen become [MASK]",
    (0.0, 0.0, 1.0): "nothing is changed: most of the chosen become [MASK]",
    (0.8, 0.2, 0.0): "no chosen token keeps its id: 10 % of them do",
    (0.9, 0.1, 0.0): "no chosen token keeps its id: 10 % of them do",
    (0.8, 0.0, 0.2): "none becomes a random id: 10 % of the chosen do",
    (0.9, 0.0, 0.1): "none becomes a random id: 10 % of the chosen do",
    (0.8, 0.02, 0.18): "only 2 % of the chosen became a random id: you took 10 % of "
    "the 20 % that are no [MASK]",
    (0.72, 0.1, 0.18): "two draws overlap: some tokens that had become [MASK] became "
    "random afterwards, so 72 % are left; one draw decides among the three",
    (0.0, 0.9, 0.1): "a draw below 0.8 is also one below 0.9: the random ids overwrote "
    "all the [MASK]"
}


def _off(count, total, share, slack=0.003):
    """True where a count is further from its share than luck can explain (5 sigma)."""
    deviation = math.sqrt(share * (1 - share) / total)
    return abs(count / total - share) > slack + 5 * deviation


@exercise
def mask_tokens(answer):
    """answer(input_ids, special_ids, mask_id, vocab_size, generator) -> two [B, L].

    They are the corrupted ids and the labels. A statistical test, and so wide that a
    right answer of any style passes whatever its luck.
    """
    input_ids = _sentences()

    def run(generator):
        given = input_ids.clone(), list(SPECIAL), MASK, VOCAB_SIZE, generator
        result = call(answer, *given)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise Wrong("return two tensors: the corrupted ids, and the labels.")
        corrupted, labels = map(torch.as_tensor, result)
        for name, ids in (("corrupted ids", corrupted), ("labels", labels)):
            if ids.shape != input_ids.shape:
                raise Wrong(
                    f"the {name} have the shape {list(ids.shape)}; one for each token "
                    f"is needed, {list(input_ids.shape)}."
                )
            if ids.is_floating_point():
                raise Wrong(f"the {name} are {ids.dtype}: ids are integers.")
        return corrupted, labels

    def seeded(seed):
        return torch.Generator().manual_seed(seed)

    generator = seeded(0)
    corrupted, labels = run(generator)
    _check_labels(input_ids, corrupted, labels)
    _check_shares(input_ids, corrupted, labels != -100)

    following, again, other = run(generator), run(seeded(0)), run(seeded(1))
    if torch.equal(following[1], labels) or torch.equal(other[1], labels):
        raise Wrong(
            "every call chooses the same tokens, as with a fixed seed inside: draw "
            "from `generator`, and do not seed it anew."
        )
    if not (torch.equal(again[0], corrupted) and torch.equal(again[1], labels)):
        raise Wrong(
            "two runs with generators of the same seed differ: give `generator` to "
            "every draw."
        )
    _check_labels(input_ids, *other)
    _check_shares(input_ids, other[0], other[1] != -100)


def _sentences(rows=600):
    """Pairs of segments of 64 tokens, [rows, 64]; 20, 40 or 60 of them are ordinary.

    15 % of each is a whole number, so that taking exactly so many is right too.
    """
    generator = torch.Generator().manual_seed(9)
    ids = torch.randint(200, 500, (rows, 64), generator=generator)
    for row, half in zip(ids, [10, 20, 30] * (rows // 3)):
        row[0], row[half + 1], row[2 * half + 2] = CLS, SEP, SEP
        row[2 * half + 3 :] = PAD
    return ids


def _check_labels(input_ids, corrupted, labels):
    """What holds whatever was drawn; raises Wrong."""
    asked, changed = labels != -100, corrupted != input_ids
    if asked.all():
        if (corrupted == -100).any():
            raise Wrong("the two results change places: the corrupted ids come first.")
        if labels.dtype == torch.bool:
            raise Wrong("the labels are True and False; a label is the id to predict.")
        common = labels.flatten().mode().values.item()
        if (labels == common).float().mean() > 0.5:
            raise Wrong(
                f"the label of what is not asked for is {common}; F.cross_entropy "
                f"passes over -100 and takes any other number for an id."
            )
        raise Wrong(
            "every token has a label, so the loss also counts those that the model "
            "only has to copy: the label is -100 where nothing was chosen."
        )
    if not asked.any():
        raise Wrong("every label is -100: nothing is there to predict.")
    if changed.any() and not (changed & asked).any() and asked.float().mean() > 0.5:
        raise Wrong("the labels are inverted: -100 stands where a token was chosen.")
    lost = changed & ~asked
    for id, name in SPECIAL.items():
        if (lost & (input_ids == id)).any():
            raise Wrong(f"{name} was changed: special tokens stay as they are.")
    if lost.any():
        if (corrupted[asked] == MASK).all():
            raise Wrong(
                "there is a label only where [MASK] stands: the chosen tokens that "
                "became random or kept their id are predicted too."
            )
        raise Wrong("a token without a label was changed: only the chosen ones change.")
    if not (labels == input_ids)[asked].all():
        if (labels[asked] == MASK).all():
            raise Wrong("the labels hold the id of [MASK]: they hold the original ids.")
        if (labels == corrupted)[asked].all():
            raise Wrong(
                "the labels hold the corrupted ids: take them from the original, or "
                "the model learns to predict [MASK]."
            )
        raise Wrong("a label is not the original id of its token.")
    for id, name in SPECIAL.items():
        if (asked & (input_ids == id)).any():
            raise Wrong(f"{name} was chosen: special tokens are never predicted.")


def _check_shares(input_ids, corrupted, chosen):
    """How much was drawn, and of what; raises Wrong where luck cannot explain it."""
    ordinary = ~torch.isin(input_ids, torch.tensor(list(SPECIAL)))
    number, tokens = chosen.sum().item(), ordinary.sum().item()
    if torch.equal(chosen, chosen.any(0) & ordinary):
        raise Wrong(
            "every row has the same places chosen: draw for each token of each row."
        )
    masked = chosen & (corrupted == MASK)
    kept = chosen & (corrupted == input_ids)
    replaced = chosen & ~masked & ~kept
    if kept.sum() < number / 200 and not _off(number, tokens, 0.135):
        raise Wrong(
            "the chosen tokens that keep their id have no label: they look like the "
            "others, yet the model is asked for them too."
        )
    known = {
        0.8: "80 % of all tokens were chosen: 15 % are, and 80 % of those are hidden",
        0.85: "85 % of the tokens were chosen: the comparison is the wrong way round",
        1.0: "every token was chosen: 15 % of them are",
        0.12: "12 % of the tokens were chosen, the [MASK] alone: 15 % get a label",
    }
    if _off(number, tokens, 0.15):
        for share, hint in known.items():
            if not _off(number, tokens, share):
                raise Wrong(f"{hint}.")
        raise Wrong(
            f"{100 * number / tokens:.1f} % of the tokens that are not special were "
            f"chosen; 15 % were asked for."
        )
    columns, available = chosen.sum(0), ordinary.sum(0)
    for place in range(input_ids.size(1)):
        total = available[place].item()
        # Many columns are tested, and each is small: a little more room for luck.
        if total and _off(columns[place].item(), total, 0.15, slack=0.03):
            raise Wrong(
                f"place {place} was chosen in {100 * columns[place] / total:.0f} % of "
                f"the rows: every ordinary token has the same chance, wherever it "
                f"stands."
            )
    kinds = torch.stack([masked, replaced, kept])
    many = chosen.sum(1) >= 6
    pure = (kinds.sum(2) == chosen.sum(1)).any(0)[many].float().mean()
    if pure > 0.6 and kinds.flatten(1).any(1).sum() > 1:
        raise Wrong(
            "one draw decides for a whole row: each chosen token becomes [MASK], "
            "random or nothing by a draw of its own."
        )
    counts = kinds.flatten(1).sum(1).tolist()
    if any(_off(c, number, share) for c, share in zip(counts, (0.8, 0.1, 0.1))):
        for shares, hint in SHARES.items():
            if not any(_off(c, number, share) for c, share in zip(counts, shares)):
                raise Wrong(f"{hint}.")
        raise Wrong(
            "of the chosen tokens, {:.1f} % became [MASK], {:.1f} % a random id and "
            "{:.1f} % stayed; 80, 10 and 10 % were asked for.".format(
                *(100 * count / number for count in counts)
            )
        )
    ids = corrupted[replaced]
    if len(ids.unique()) < len(ids) / 2:
        raise Wrong(
            "the random ids repeat themselves: draw a new one for each token that is "
            "replaced."
        )
    if (ids >= VOCAB_SIZE).any() or (ids < 0).any():
        raise Wrong("a random id is outside the vocabulary: ids are below vocab_size.")
    # The sentences use 200 to 499 only, 15 % of the vocabulary.
    if torch.isin(ids, input_ids).float().mean() > 0.5:
        raise Wrong(
            "the random ids are other tokens of the batch: draw them from the whole "
            "vocabulary."
        )
    if _off((ids < VOCAB_SIZE // 2).sum().item(), len(ids), 0.5, slack=0.02):
        raise Wrong(
            "the random ids are not spread over the vocabulary: every id below "
            "vocab_size has the same chance."
        )


@exercise
def masked_lm_loss(answer):
    """answer(logits [B, L, V], labels [B, L]) -> the mean loss of the chosen."""
    few = torch.full((3, 5), -100)
    few[0, 1], few[0, 2], few[0, 4], few[2, 3] = 6, 0, 3, 1  # nothing in the second row
    many = torch.full((2, 4), -100)
    many[0, 0], many[0, 2], many[0, 3], many[1, 1] = 119, 5, 80, 60
    for seed, (labels, vocab_size) in enumerate(((many, 120), (few, 7))):
        logits = 2 * torch.randn(
            *labels.shape, vocab_size, dtype=torch.float64,
            generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip
        loss = call(answer, logits, labels.clone())
        chosen = labels != -100
        number, everything = chosen.sum(), labels.numel()

        def losses(logits, labels=labels):  # [B, L], 0 where there is no label
            return F.cross_entropy(logits.transpose(1, 2), labels, reduction="none")

        def picked(table, labels=labels, chosen=chosen):  # the mean at the labels
            return table[chosen].gather(1, labels[chosen][:, None]).mean()

        each, clamped = losses(logits), losses(logits, labels.clamp(min=0))
        right = each.sum() / number
        rows = each.sum(1) / chosen.sum(1)
        wrapped = losses(logits, labels % vocab_size).mean()
        wrapped = wrapped if vocab_size > 100 else right  # else -100 is no index at all
        late = (
            "the mean was taken before the mask: what CrossEntropyLoss() returns is "
            "one number, in which the positions without a label count already"
        )
        rows_hint = "this is the mean of the rows' means: every token counts the same"
        expect(
            loss,
            right,
            {
                "you divided by the number of all positions: divide by the number of "
                "those with a label": each.sum() / everything,
                "-100 was taken for the id 0, and all positions count: mask the single "
                "losses before you take their mean": clamped.mean(),
                late: clamped.mean() * number / everything,
                late + ", and it was added up": clamped.mean() * number,
                "this is a sum: divide it by the number of "
                "tokens with a label": each.sum(),
                "softmax comes twice: F.cross_entropy takes the logits "
                "and does its own": (
                    losses(logits.softmax(-1)).sum() / number
                ),
                "the logarithm is missing: the loss is -log p, not -p": (
                    -picked(logits.softmax(-1))
                ),
                "softmax is missing: these are the logits with a minus sign": (
                    -picked(logits)
                ),
                rows_hint: rows.mean(),
                rows_hint + ", and a row may have none": rows.nan_to_num().mean(),
                rows_hint + ", whichever row it stands in": rows[chosen.any(1)].mean(),
                "the labels are shifted by one: that is for models that predict the "
                "next token; here a label stands at the place that it is for": (
                    F.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:])
                ),
                "-100 is a negative index, which counts from the end of the "
                "vocabulary: leave these positions out": wrapped,
                "the axes are mixed up: reshape() does not move the vocabulary before "
                "the positions; transpose does": losses(
                    logits.reshape(len(labels), vocab_size, -1).transpose(1, 2)
                ).sum() / number,
                "the softmax runs over the positions: it runs over the vocabulary": (
                    -picked(logits.log_softmax(1))
                ),
                "the loss is in bits: take the natural logarithm": right / math.log(2),
                "the sign is reversed: a loss is positive": -right,
                "this is the perplexity: leave out the exponential": right.exp(),
                "you divided by the number of rows: divide by the number of tokens "
                "with a label": each.sum() / len(labels),
                "these are the losses of all positions: take the "
                "mean of the chosen": each,
                "these are the losses of the chosen: take their mean": each[chosen],
            },
            given=(logits, labels),
        )


# ------------------------------------------------------------- next sentence pairs
@exercise
def sentence_pairs(answer):
    """answer(documents, seed) -> list of (first, second, is_next)."""
    few = _documents((3, 2, 3))
    small = [pair for seed in range(40) for pair in _read_pairs(answer, few, seed)]
    _check_pairs(few, small, 40)
    documents = _documents((1, 40, 3, 150, 2, 60, 1, 90, 25, 8, 30))
    one, two, again = (_read_pairs(answer, documents, seed) for seed in (1, 2, 1))
    _check_pairs(documents, one + two, 2)
    if one != again:
        raise Wrong(
            "two runs with the same seed differ: draw from one random generator, made "
            "from `seed`."
        )
    if sorted(one) == sorted(two):
        raise Wrong("the pairs are the same for every seed: use the argument.")
    true = [{first for first, _, is_next in pairs if is_next} for pairs in (one, two)]
    if true[0] == true[1]:
        raise Wrong(
            "the same sentences keep their next one whatever the seed: toss a coin for "
            "each pair."
        )


def _documents(sizes):
    """Documents of so many sentences, all different."""
    return [
        [f"Sentence {place} of story {name}." for place in range(size)]
        for name, size in zip("abcdefghijk", sizes)
    ]


def _read_pairs(answer, documents, seed):
    """What the answer gives, as tuples of two strings and a bool; raises Wrong."""
    result = call(answer, [list(sentences) for sentences in documents], seed)
    pairs = []
    for pair in result:
        if not isinstance(pair, (tuple, list)) or len(pair) != 3:
            raise Wrong("return a list of (first, second, is_next).")
        first, second, is_next = pair
        if isinstance(is_next, str) or is_next not in (True, False):
            raise Wrong(f"is_next is True or False, not {is_next!r}.")
        for sentence in (first, second):
            if not any(sentence in sentences for sentences in documents):
                raise Wrong(f"{sentence!r} is no sentence of the documents.")
        pairs.append((first, second, bool(is_next)))
    return pairs


def _check_pairs(documents, pairs, runs):
    """Everything that holds for the pairs of several runs; raises Wrong."""
    where = {s: (d, i) for d, text in enumerate(documents) for i, s in enumerate(text)}
    follows = {a: b for text in documents for a, b in zip(text, text[1:])}
    if not pairs:
        raise Wrong("the list is empty.")
    positive = [pair[:2] for pair in pairs if pair[2]]
    negative = [pair[:2] for pair in pairs if not pair[2]]
    true_next = [follows.get(first) == second for first, second in positive]
    false_next = [follows.get(first) == second for first, second in negative]
    same = [where[first][0] == where[second][0] for first, second in negative]

    if positive and negative and all(false_next) and not any(true_next):
        raise Wrong(
            "is_next is inverted: True says that the second sentence follows. (In "
            "BERT's own labels it is 0 that says so.)"
        )
    if not negative:
        raise Wrong("every pair is a true one: half of them need a random sentence.")
    if not positive:
        raise Wrong("no pair is a true one: half of them keep the next sentence.")
    for (first, second), right in zip(positive, true_next):
        if right:
            continue
        if where[first][0] != where[second][0]:
            raise Wrong(
                "a pair with is_next=True goes across the end of a document: the last "
                "sentence of one is not followed by the first of another."
            )
        raise Wrong("is_next=True stands beside a sentence that is not the next one.")
    if all(same):
        raise Wrong(
            "the random sentences come from the same document: take another one, where "
            "nothing continues the first sentence."
        )
    if any(false_next):
        raise Wrong(
            "a pair with is_next=False holds the true next sentence: draw from another "
            "document."
        )
    if any(same):
        raise Wrong(
            "some of the random sentences come from the same document as the first: "
            "draw from another one."
        )
    firsts = [first for first, _, _ in pairs]
    if any(first not in follows for first in firsts):
        raise Wrong(
            "the last sentence of a document has no next one: it begins no pair."
        )
    for sentence in follows:
        if firsts.count(sentence) != runs:
            raise Wrong(
                f"{sentence!r} has a next sentence and begins "
                f"{firsts.count(sentence) / runs:g} pairs; each such sentence begins "
                f"one."
            )
    if _off(len(positive), len(pairs), 0.5):
        raise Wrong(
            f"{100 * len(positive) / len(pairs):.0f} % of the pairs are true ones; "
            f"half of them should be."
        )
    if len({second for _, second in negative}) < min(len(negative), len(where)) / 5:
        raise Wrong(
            "the random sentences are always the same few: draw among all the "
            "sentences of the other documents."
        )


# -------------------------------------------------------------------------- sizes
@exercise
def bert_parameters(answer):
    """answer(V, d, layers, f, positions, types) -> how many numbers BERT learns."""
    sizes = (
        (1009, 128, 3, 500, 70, 5),  # first the one where no number is a usual one
        (30522, 768, 12, 3072, 512, 2),
        (30522, 384, 6, 1536, 512, 2),
    )
    for v, d, n, f, p, t in sizes:
        square = d * d + d  # a Linear from d to d
        layer = 4 * square + (d * f + f) + (f * d + d) + 4 * d
        right = (v + p + t) * d + 2 * d + n * layer + square
        heads = max(d // 64, 1)
        multiplied = (
            "the heads multiply nothing: together they are as wide as the model, "
            "so each matrix is hidden_size by hidden_size"
        )
        expect(
            call(answer, v, d, n, f, p, t),
            right,
            {
                "the pooler is missing: one more Linear, on the vector of [CLS]": (
                    right - square
                ),
                "the LayerNorm after the embeddings is missing": right - 2 * d,
                "the pooler and the LayerNorm after the embeddings are missing": (
                    right - square - 2 * d
                ),
                "the biases are missing: every Linear has one": (
                    right - n * (5 * d + f) - d
                ),
                "the biases of the layers are missing: every Linear has one": (
                    right - n * (5 * d + f)
                ),
                "4 * hidden_size too few in each layer: the LayerNorms are missing "
                "(two, each with a weight and a bias), or else the four biases of "
                "attention": (
                    right - n * 4 * d
                ),
                "the biases of the "
                "feed-forward layers are missing": right - n * (f + d),
                "the biases and the LayerNorms are missing: these are the matrices": (
                    right - n * (9 * d + f) - 3 * d
                ),
                "the biases and the LayerNorms of the layers are missing": (
                    right - n * (9 * d + f)
                ),
                "no LayerNorm is counted: one after the embeddings, "
                "two in each layer": (
                    right - (2 * n + 1) * 2 * d
                ),
                "one LayerNorm in each layer is missing: attention and feed-forward "
                "have one each": right - n * 2 * d,
                "half of the LayerNorms is missing: each has a weight and a bias": (
                    right - (2 * n + 1) * d
                ),
                "the bias of the pooler is missing": right - d,
                "W_O is missing: attention has four projections": right - n * square,
                "the matrix of W_O is missing: attention has four projections": (
                    right - n * d * d
                ),
                "the positions are missing: BERT learns "
                "a vector for each": right - p * d,
                "the segments are missing: each type has a vector": right - t * d,
                "the positions and the segments are missing": right - (p + t) * d,
                "the token embeddings are missing": right - v * d,
                "the token embeddings are counted twice: the output uses the same "
                "matrix, and this is BERT without a head": right + v * d,
                multiplied: right + n * (heads - 1) * 3 * square,
                multiplied + " (W_O too)": right + n * (heads - 1) * 4 * square,
                multiplied + ", without the biases": (
                    right + n * (heads - 1) * 3 * d * d
                ),
                multiplied + " (W_O too), without the biases": (
                    right + n * (heads - 1) * 4 * d * d
                ),
                "this has one layer: multiply by num_hidden_layers": (
                    right - (n - 1) * layer
                ),
                "the encoder's layers are missing": right - n * layer,
                "these are the layers alone: embeddings "
                "and pooler are missing": n * layer,
                "the feed-forward layer has two matrices, there and back": (
                    right - n * (f * d + d)
                ),
                "intermediate_size is not always 4 * hidden_size: use the argument": (
                    right + n * (2 * d + 1) * (4 * d - f)
                ),
                "there are not always 512 positions: use the argument": (
                    right + (512 - p) * d
                ),
                "there are not always two "
                "segments: use the argument": right + (2 - t) * d,
                "there are not always 512 positions and two "
                "segments: use the arguments": (
                    right + (512 - p + 2 - t) * d
                ),
                "there are not always 12 "
                "layers: use the argument": right + (12 - n) * layer,
                "the head of masked language modelling is counted: leave it out": (
                    right + square + 2 * d + v
                ),
                "a classifier for two labels is counted: leave the heads out": (
                    right + 2 * d + 2
                ),
                "both heads of pre-training are counted: leave them out": (
                    right + square + 2 * d + v + 2 * d + 2
                ),
                "there is one LayerNorm too many: after the last layer comes none": (
                    right + 2 * d
                ),
                "these are decoder layers: BERT's have no cross-attention": (
                    right + n * (4 * square + 2 * d)
                ),
            },
            given=(v, d, n, f, p, t),
            tolerance=1e-12,
        )


# -------------------------------------------------------------------- fine-tuning
@exercise
def parameter_groups(answer):
    """answer(model, weight_decay) -> list of dicts for torch.optim.AdamW."""
    for norm, weight_decay in (("norm", 0.1), ("LayerNorm", 0.3)):
        model = _small_model(norm)
        groups = call(answer, model, weight_decay)
        optimizer = _optimizer(groups)
        names = {id(p): name for name, p in model.named_parameters()}
        listed = [id(p) for group in optimizer.param_groups for p in group["params"]]
        if any(place not in names for place in listed):
            raise Wrong("a group holds a tensor that is no parameter of the model.")
        for place, name in names.items():
            if place not in listed:
                raise Wrong(f"{name} is in no group: it would never be trained.")
            if listed.count(place) > 1:
                raise Wrong(
                    f"{name} is listed twice: the names that hold both words of your "
                    f"list are taken once for each."
                )
        _check_decay(_decay_in_a_step(model, optimizer), weight_decay)


def _small_model(norm):
    """A model whose layer normalisations have this name; every number in it is 1."""

    def part():
        return nn.ModuleDict({"dense": nn.Linear(3, 3), norm: nn.LayerNorm(3)})

    embeddings = {"word": nn.Embedding(5, 3), norm: nn.LayerNorm(3)}
    model = nn.ModuleDict(
        {
            "embeddings": nn.ModuleDict(embeddings),
            "layers": nn.ModuleList([part(), part()]),
            "classifier": nn.Linear(3, 2),
        }
    ).double()
    for parameter in model.parameters():
        parameter.fill_(1.0)
    return model


def _optimizer(groups):
    """AdamW over the groups; raises Wrong for what it does not take."""
    if not isinstance(groups, (list, tuple)) or not all(
        isinstance(group, dict) and "params" in group for group in groups
    ):
        raise Wrong('return a list of dicts, each with "params" and "weight_decay".')
    keys = {str(key) for group in groups for key in group}  # AdamW adds its own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a parameter that is twice in one group
        try:
            optimizer = torch.optim.AdamW(groups, lr=1e-3)
        except ValueError as error:
            if "more than one parameter group" in str(error):
                raise Wrong("a parameter is listed twice, in both groups.") from None
            raise Wrong(f"AdamW does not take your groups: {error}.") from None
        except TypeError:
            raise Wrong(
                'AdamW does not take your groups: "params" is a list of the parameters '
                "themselves."
            ) from None
    for key in sorted(keys - set(optimizer.defaults)):
        if "decay" in key:
            raise Wrong(
                f"AdamW knows no key {key!r}: it keeps it and says nothing, and the "
                f"group decays by its default, 0.01. The key is weight_decay."
            )
    return optimizer


def _decay_in_a_step(model, optimizer, learning_rate=1e-3):
    """What a step with gradients of 0 takes away: name -> the decay really applied."""
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return {
        name: (1 - parameter.mean().item()) / learning_rate
        for name, parameter in model.named_parameters()
    }


def _check_decay(decay, weight_decay):
    """Raise Wrong unless matrices decay as asked, biases and LayerNorms not at all."""
    biases = {name for name in decay if name.endswith("bias")}
    norms = {name for name in decay if "norm" in name.lower()} - biases
    matrices = set(decay) - biases - norms
    moved = {name for name, rate in decay.items() if rate > 1e-9}
    if not moved:
        raise Wrong("nothing decays: the matrices do.")
    if moved == biases | norms:
        raise Wrong("the groups are exchanged: biases and LayerNorm decay in yours.")
    if moved == set(decay):
        if all(abs(rate - 0.01) < 1e-9 for rate in decay.values()):
            raise Wrong(
                "everything decays by 0.01, AdamW's default: no group sets "
                "weight_decay."
            )
        raise Wrong(
            "everything decays. If you compare names: `name in words` is true only for "
            "a word that is the whole name, so ask whether a word is in the name."
        )
    if stopped := sorted(matrices - moved):
        raise Wrong(f"{stopped[0]} does not decay: it is a matrix.")
    if moved & norms and not moved & biases:
        raise Wrong(
            f"LayerNorm decays: {min(moved & norms)}. Neither gamma nor LayerNorm is "
            f"in every such name: look at model.named_parameters(), or at the shapes."
        )
    if moved & biases:
        raise Wrong(f"a bias decays: {min(moved & biases)}.")
    for name in sorted(matrices):
        if abs(decay[name] - weight_decay) > 1e-6:
            default = ", AdamW's default" if abs(decay[name] - 0.01) < 1e-6 else ""
            raise Wrong(
                f"{name} decays by {decay[name]:.3g}{default}; the argument "
                f"weight_decay is {weight_decay}."
            )


@exercise
def learning_rate(answer):
    """answer(step, peak, warmup_steps, total_steps) -> the rate at this step."""
    no_warmup = "warmup_steps may be 0: then nothing rises, and nothing is divided."
    for peak, warmup, total in ((2.0, 4, 20), (0.5, 3, 10), (1.5, 0, 8)):
        step = np.arange(total + 1)
        try:
            rates = [float(call(answer, int(s), peak, warmup, total)) for s in step]
        except Wrong as mistake:
            if warmup:
                raise
            raise Wrong(f"{no_warmup} {mistake}") from None
        if not warmup and not np.isfinite(rates).all():
            raise Wrong(f"{no_warmup} 0 / 0 is no number.")
        rise, rising = step / max(warmup, 1), step < warmup
        fall = (total - step) / (total - warmup)
        right = peak * np.minimum(rise, fall) if warmup else peak * fall
        noam = np.sqrt(warmup / np.maximum(step, 1))
        slow = 1 - (step - warmup) / total

        def then(after, before=rise, rising=rising, peak=peak):
            return peak * np.where(rising, before, after)

        expect(
            rates,
            right,
            {
                "the decay starts at step 0, so the rate jumps at the end of the "
                "warm-up: the warm-up's length "
                "counts in the decay": then(1 - step / total),
                "the rate never gets to 0: it falls over total_steps - warmup_steps "
                "steps": then(slow),
                "there is no warm-up: the rate "
                "begins at the peak": peak * (1 - step / total),
                "the rate stays at the peak during the warm-up: it rises from 0": (
                    then(fall, np.ones_like(rise))
                ),
                "after the warm-up the rate is constant: it falls to 0": (
                    then(np.ones_like(fall))
                ),
                "the rate falls with the inverse root of the step: that is chapter 2's "
                "schedule; here it is a straight line to 0": then(noam),
                "the rate falls as a cosine: here it is a straight line": (
                    then((1 + np.cos(np.pi * (1 - fall))) / 2)
                ),
                "the warm-up is off by one: at step 0 the rate is 0": (
                    then(fall, (step + 1) / max(warmup, 1))
                ),
                "the peak is not used: multiply by it": right / peak,
                "the warm-up is divided by total_steps: it ends at warmup_steps": (
                    then(fall, step / total)
                ),
                "the rate falls during the warm-up: it rises to the peak": (
                    then(fall, 1 - rise)
                ),
                "the rate only rises: after the warm-up it falls": peak * rise,
                "the rate rises on and never falls: after the warm-up it falls to 0": (
                    peak * step / total
                ),
                "the rate rises again after the warm-up: it falls to 0": then(1 - fall),
                "the division is one of integers: use / and not //": (
                    then((total - step) // (total - warmup), step // max(warmup, 1))
                ),
                "the two straight lines are multiplied: each has its own steps": (
                    peak * rise * fall
                ),
            },
            given=("each step", peak, warmup, total),
        )


@exercise
def length_batches(answer):
    """answer(lengths, batch_size) -> list of lists of places."""
    rng = np.random.default_rng(4)
    skewed = (3 + rng.gamma(3.0, 3.0, size=1003)).astype(int).tolist()
    for lengths, size in ((skewed, 16), ([9, 4, 7, 4, 8, 4, 6], 3), ([5, 8, 6], 7)):
        result = call(answer, list(lengths), size)
        if not all(hasattr(batch, "__iter__") for batch in result):
            raise Wrong("return a list of batches, each a list of places.")
        batches = [[int(place) for place in batch] for batch in result]
        _check_places([place for batch in batches for place in batch], lengths, size)
        if not all(batches):
            raise Wrong("a batch is empty.")
        if largest := max((len(b) for b in batches if len(b) > size), default=0):
            raise Wrong(f"a batch has {largest} sentences; {size} is the most.")
        needed = math.ceil(len(lengths) / size)
        if len(batches) > needed:
            raise Wrong(
                f"these are {len(batches)} batches, and {needed} hold all the "
                f"sentences: fill each batch before you begin another."
            )
        if len(lengths) > 100:
            _check_padding(batches, lengths, size)


def _check_places(places, lengths, size):
    """Raise Wrong unless each place occurs once."""
    everything = set(range(len(lengths)))
    if sorted(places) == sorted(everything):
        return
    if sorted(places) == sorted(lengths):
        raise Wrong(
            "these are the lengths: return the places of the sentences in the list, or "
            "nobody knows which sentences they were."
        )
    if sorted(place - 1 for place in places) == sorted(everything):
        raise Wrong("the places start at 1: the first sentence has the place 0.")
    if outside := set(places) - everything:
        raise Wrong(f"{min(outside)} is no place from 0 to {len(lengths) - 1}.")
    if sorted(places) == sorted(lengths.index(length) for length in lengths):
        raise Wrong(
            "sentences of one length all get the place of the first: index() finds no "
            "other, so some occur twice and others never."
        )
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise Wrong(f"the sentence at place {twice} occurs twice.")
    lost = len(everything) - len(places)
    if lost == len(lengths) % size:
        raise Wrong(
            f"the last batch is dropped because it is not full: {lost} sentences are "
            f"lost."
        )
    raise Wrong(f"{lost} of the {len(lengths)} sentences are in no batch.")


def _check_padding(batches, lengths, size):
    """Raise Wrong for more padding than batches by length have."""

    def padding(batches):
        widths = [max(lengths[p] for p in places) * len(places) for places in batches]
        return 1 - sum(lengths) / sum(widths)

    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    best = padding([order[i : i + size] for i in range(0, len(order), size)])
    yours = padding(batches)
    if yours <= best + 0.10:  # room for batches that are random as well
        return
    flat = [place for batch in batches for place in batch]
    if flat == sorted(flat):
        raise Wrong(
            "the batches are in the original order of the sentences, as if nothing had "
            "been sorted: sort the places by their lengths, not the lengths."
        )
    raise Wrong(
        f"{100 * yours:.0f} % of the positions in your batches are padding; with "
        f"sentences of like length together it is {100 * best:.0f} %."
    )


@exercise
def matthews(answer):
    """answer(tp, fp, fn, tn) -> the correlation, from -1 to 1."""
    for cells in ((60, 25, 9, 6), (7, 2, 5, 40), (3, 20, 11, 4), (5, 0, 0, 8)):
        result = call(answer, *cells)
        expect(result, _correlation(*cells), _other_scores(*cells), given=cells)

    constant = (
        "where a column is constant the product under the root is 0, and so is the "
        "score: whoever always gives one answer knows nothing"
    )
    for cells in ((70, 30, 0, 0), (0, 0, 4, 9), (12, 0, 5, 0)):
        try:
            result = call(answer, *cells)
        except Wrong as mistake:
            raise Wrong(f"{constant}. {mistake}") from None
        expect(result, 0.0, {constant: math.nan}, given=cells)

    cells = 200_000, 90_000, 80_000, 130_000
    try:
        expect(call(answer, *cells), _correlation(*cells), given=cells)
    except Wrong as mistake:
        raise Wrong(
            f"with counts of a hundred thousand the product under the root needs more "
            f"than 64 bits, and NumPy's and torch's integers overflow: take floats. "
            f"{mistake}"
        ) from None


def _correlation(tp, fp, fn, tn):
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / math.sqrt(product)


def _other_scores(tp, fp, fn, tn):
    """What the likely mistakes give: what to say -> the score."""
    margins = {
        "what was called 1": tp + fp,
        "what is 1": tp + fn,
        "what was called 0": tn + fn,
        "what is 0": tn + fp,
    }
    called_1, is_1, called_0, is_0 = margins.values()
    product, total = called_1 * is_1 * called_0 * is_0, tp + fp + fn + tn
    difference, root = tp * tn - fp * fn, math.sqrt(product)
    chance = (called_1 * is_1 + called_0 * is_0) / total**2
    swapped = "the cells in the numerator are swapped: right times right comes first"
    halved = "two of the four factors under the root are missing"
    diagonals = {
        f"a factor under the root adds {what}; each counts a row or a column of the "
        f"table, here {name}": difference / math.sqrt(product / old * new)
        for name, old in margins.items()
        for what, new in (("the right answers", tp + tn), ("the errors", fp + fn))
        if new
    }
    return {
        swapped: (tp * fp - fn * tn) / root,
        swapped + ", wrong times wrong second": (tp * fn - fp * tn) / root,
        "fp · fn is added: errors take away": (tp * tn + fp * fn) / root,
        "the square root is missing": difference / product,
        "under the root stands a sum; the four factors are multiplied": (
            difference / math.sqrt(2 * total)
        ),
        halved: difference / math.sqrt(called_1 * is_1),
        halved + ", those of label 1": difference / math.sqrt(called_0 * is_0),
        "this is accuracy": (tp + tn) / total,
        "this is precision": tp / called_1,
        "this is recall": tp / is_1,
        "this is F1: it does not look "
        "at the true negatives": 2 * tp / (called_1 + is_1),
        "this is Cohen's kappa, another score": (
            ((tp + tn) / total - chance) / (1 - chance)
        ),
        "this is recall on both labels, less 1 (Youden's J)": tp / is_1 + tn / is_0 - 1,
        "a correlation may be negative: take no absolute value": abs(difference) / root,
        "the sign is reversed: right times right comes first": -difference / root,
        "this is the square of the correlation": difference**2 / product,
        "this is the numerator alone: divide it": difference,
        **diagonals,
    }
