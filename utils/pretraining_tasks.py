"""The two tasks that BERT was pre-trained on, by hand.

Masked language modelling hides some tokens and asks for them; next sentence prediction
asks whether a sentence follows another. Both make their labels out of plain text.

Letters of the shapes: B sentences, L tokens, V pieces in the vocabulary.

Source: Devlin et al. 2019, "BERT", section 3.1 and appendix A.1.
Taught in: chapter 3, sections "Masked language modelling" and "Next sentence
prediction".
"""

import math
import re
from collections import defaultdict
from operator import index
from typing import NamedTuple

import pandas as pd
import torch
import torch.nn.functional as F

from utils.inputs import require_integers, require_text

IGNORED = -100  # the label that cross-entropy passes over, in PyTorch and everywhere


# ---------------------------------------------------- masked language modelling
def corrupt(
    input_ids,
    special_ids,
    mask_id,
    vocab_size,
    generator,
    rate=0.15,
    mask=0.8,
    random=0.1,
):
    """Choose 15 % of the tokens to be predicted; hide most of those, not all.

    Of the chosen, 80 % become [MASK], 10 % become a random token and 10 % stay as they
    are: as it cannot tell which tokens it will be asked for, the model has to represent
    each one well, and fine-tuning, where no [MASK] is ever seen, meets no new world.

    input_ids: integers (torch.long) [B, L];
    special_ids: the ids never chosen: [CLS], [SEP], [PAD], ...;
    generator: a torch.Generator on the device of input_ids. The same seed chooses the
    same tokens, and every call chooses anew: to call it once for each epoch is the
    dynamic masking of RoBERTa (Liu et al. 2019, section 4.1), to keep its result for
    all the epochs is the static masking of BERT.

    Returns corrupted and labels, both [B, L]: the labels are the original ids where a
    token was chosen and -100 elsewhere. input_ids stays as it was.

    Each token is chosen by a draw of its own, as in `transformers`. BERT's code takes a
    fixed number of each sequence instead, 15 % of it rounded and at least one: the same
    on average, but then tokens depend on one another and a short sequence is chosen
    from more often. Here a short sequence may have no chosen token at all.
    The random id is drawn from the whole vocabulary, as in BERT's code and in
    `transformers`: with probability 1/V each it is the original, or [MASK].

    Raises TypeError for ids that are not torch.long or a generator that is none,
    ValueError for rates outside [0, 1] and ids outside the vocabulary.
    Source: Devlin et al. 2019, section 3.1, task 1, and appendix A.1.
    Taught in: chapter 3, section "Masked language modelling".
    """
    check_corruption(input_ids, special_ids, mask_id, vocab_size, generator)
    check_rates(rate, mask, random)
    device = input_ids.device

    def draw():  # a number in [0, 1) for each token, [B, L]
        return torch.rand(input_ids.shape, generator=generator, device=device)

    chosen = ~is_special(input_ids, special_ids) & (draw() < rate)  # [B, L]
    fate = draw()
    masked = chosen & (fate < mask)
    replaced = chosen & ~masked & (fate < mask + random)
    random_ids = torch.randint(
        vocab_size, input_ids.shape, generator=generator, device=device
    )
    corrupted = torch.where(replaced, random_ids, input_ids)
    corrupted = corrupted.masked_fill(masked, mask_id)
    labels = input_ids.masked_fill(~chosen, IGNORED)
    return corrupted, labels


def is_special(input_ids, special_ids):
    """True where an id is one of special_ids: booleans of the shape of input_ids."""
    special = torch.tensor(list(map(index, special_ids)), dtype=torch.long)
    return torch.isin(input_ids, special.to(input_ids.device))


def check_corruption(input_ids, special_ids, mask_id, vocab_size, generator):
    """Raise a clear error for arguments of `corrupt` that would go wrong in silence."""
    if not isinstance(input_ids, torch.Tensor) or input_ids.dtype != torch.long:
        given = getattr(input_ids, "dtype", type(input_ids).__name__)
        raise TypeError(
            f"input_ids must be a tensor of ids (torch.long) [B, L]; this is {given}."
        )
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator must be a torch.Generator, so that the same seed masks the "
            f"same tokens: torch.Generator().manual_seed(...). It is {generator!r}."
        )
    named = {"mask_id": [mask_id], "special_ids": list(special_ids)}
    if input_ids.numel():
        named["input_ids"] = [input_ids.min().item(), input_ids.max().item()]
    for name, ids in named.items():
        if any(not 0 <= id < vocab_size for id in ids):
            raise ValueError(
                f"{name} has an id outside the vocabulary of {vocab_size} pieces: {ids}"
            )


def check_rates(rate, mask, random):
    """Raise ValueError unless the three rates are probabilities that fit together."""
    for name, value in {"rate": rate, "mask": mask, "random": random}.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is a probability, from 0 to 1; it is {value}.")
    if mask + random > 1 + 1e-9:
        raise ValueError(
            f"mask and random are parts of the chosen tokens, 1 together at most; "
            f"{mask} + {random} is {mask + random:g}."
        )


def corruption_report(
    input_ids,
    corrupted,
    labels,
    mask_id,
    special_ids,
    vocab_size,
    rate=0.15,
    mask=0.8,
    random=0.1,
):
    """A statistical test of a corruption: is it 15 %, then 80 / 10 / 10?

    input_ids, corrupted, labels: integers [B, L]; the rates are what is asked for.

    Returns a DataFrame, a row for each count: `count` tokens `of` so many, `expected`
    on average, and `z`, how many standard deviations lie between. A right corruption
    stays within 3 in 997 of 1,000 counts. The last three rows may not happen at all:
    there z is 0 or infinite. z is missing where there is nothing to count.
    A random id is the original or [MASK] with probability 1/V each, and then looks kept
    or masked: the expected numbers take that into account.
    Raises ValueError for shapes that differ, TypeError for what are no tensors of integers,
    and for special ids that are no integers.
    Taught in: chapter 3, section "Masked language modelling".
    """
    named = {"input_ids": input_ids, "corrupted": corrupted, "labels": labels}
    for name, ids in named.items():
        require_integers(ids, name)
    if not input_ids.shape == corrupted.shape == labels.shape:
        shapes = [list(ids.shape) for ids in (input_ids, corrupted, labels)]
        raise ValueError(f"input_ids, corrupted and labels differ in shape: {shapes}")
    check_rates(rate, mask, random)
    chosen = labels != IGNORED
    special = is_special(input_ids, special_ids)
    ordinary = chosen & ~special
    masked = ordinary & (corrupted == mask_id)
    kept = ordinary & (corrupted == input_ids) & ~masked
    slip = random / vocab_size  # a random id that happens to be the original, or [MASK]
    counts = {  # what: (which tokens, of which, with what probability)
        "chosen": (ordinary, ~special, rate),
        "masked": (masked, ordinary, mask + slip),
        "random": (ordinary & ~masked & ~kept, ordinary, random - 2 * slip),
        "kept": (kept, ordinary, 1 - mask - random + slip),
        "special and chosen": (chosen & special, special, 0.0),
        "changed, not chosen": (~chosen & (corrupted != input_ids), ~chosen, 0.0),
        "label not the original": (chosen & (labels != input_ids), chosen, 0.0),
    }
    rows = {
        what: count_row(found.sum().item(), of.sum().item(), probability)
        for what, (found, of, probability) in counts.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def count_row(count, of, probability):
    """A row of the report: a count of independent draws beside what is expected.

    z = (count - n p) / √(n p (1 - p)), the binomial's mean and standard deviation.
    """
    probability = min(max(probability, 0.0), 1.0)  # 1 - 0.8 - 0.2 is not quite 0
    expected = of * probability
    deviation = math.sqrt(expected * (1 - probability))
    if not of:
        z = math.nan
    elif deviation < 1e-9:  # it happens always, or never
        surplus = count - round(expected)
        z = math.copysign(math.inf, surplus) if surplus else 0.0
    else:
        z = (count - expected) / deviation
    share = count / of if of else math.nan
    return {"count": count, "of": of, "share": share, "expected": expected, "z": z}


def masked_lm_loss(logits, labels):
    """Cross-entropy over the chosen tokens alone, the mean of them: a number.

    logits [B, L, V]; labels: integers [B, L], -100 where nothing is asked.

    A loss that is already a mean cannot be masked afterwards: in
    `CrossEntropyLoss()(logits, labels) * weights` the mean has counted the padding
    before the weights come, and they cancel. That is what the book "Dive into Deep
    Learning" does in its BERT. Mask first, or ask for `reduction="none"`.

    Raises ValueError where the shapes do not fit, or no token was chosen (the mean of
    nothing would be NaN, and every weight NaN after the next step); TypeError for labels
    that are no integers, IndexError for one that is no id.
    Source: Devlin et al. 2019, section 3.1, task 1.
    Taught in: chapter 3, section "Masked language modelling".
    """
    require_integers(labels, "labels")
    if logits.shape[:-1] != labels.shape:
        raise ValueError(
            f"logits [B, L, V] need a label for each token, [B, L]: logits are "
            f"{list(logits.shape)}, labels {list(labels.shape)}."
        )
    if (labels == IGNORED).all():
        raise ValueError(
            f"every label is {IGNORED}: no token was chosen, so there is nothing to "
            f"predict. Take a larger batch, or corrupt it again."
        )
    return F.cross_entropy(
        logits.flatten(0, -2), labels.flatten().long(), ignore_index=IGNORED
    )


# ------------------------------------------------------ next sentence prediction
class Pair(NamedTuple):
    """Two sentences, and whether the second follows the first in a document."""

    first: str
    second: str
    is_next: bool


def next_sentence_pairs(documents, number, generator):
    """Half of the pairs are neighbours; in the others the second is from elsewhere.

    documents: lists of sentences (strings); number: how many pairs; generator: a
    torch.Generator on the CPU.

    Returns a list of Pair in a random order. Exactly half are true (one more where the
    number is odd), rather than half on average, so that a constant answer scores 50 %.
    A false second sentence comes from another document, and never is a text that
    follows the first one anywhere, not even by repetition: no label is wrong.
    Neither sentence tells the label by itself: each first one has a next, and each
    second one, true or false, follows some sentence. (So no title or opening sentence
    gives a false pair away, and a document of one sentence takes no part.) Each
    sentence is a first one equally often, give or take one.

    Raises TypeError for documents that are not lists of strings; ValueError for a
    negative number, a blank sentence, fewer than two documents of two sentences, or a
    sentence for which every other document offers only true continuations.
    Source: Devlin et al. 2019, section 3.1, task 2. BERT's code draws the label, and
    lets a random sentence be the true next one by repetition.
    Taught in: chapter 3, section "Next sentence prediction".
    """
    check_documents(documents, number, generator)
    # A place is (document, sentence) with a sentence after it.
    places = [(d, s) for d, sentences in enumerate(documents)
              for s in range(len(sentences) - 1)]  # fmt: skip
    if len({d for d, _ in places}) < 2:
        raise ValueError(
            "next sentence prediction needs two documents of two sentences or more: "
            "one to continue and another to take a false continuation from."
        )
    followers = defaultdict(set)  # sentence -> the texts that come after it anywhere
    for d, s in places:
        followers[documents[d][s]].add(documents[d][s + 1])

    order = torch.randperm(len(places), generator=generator).tolist()
    pairs = []
    for i in range(number):
        d, s = places[order[i % len(order)]]
        first, second = documents[d][s], documents[d][s + 1]
        is_next = i < (number + 1) // 2
        if not is_next:
            second = false_continuation(
                documents, places, d, followers[first], generator
            )
        if second is None:
            raise ValueError(
                f"no false continuation for {first!r}: whatever another document "
                f"offers follows that sentence somewhere. Add documents."
            )
        pairs.append(Pair(first, second, is_next))
    return [pairs[i] for i in torch.randperm(number, generator=generator).tolist()]


def false_continuation(documents, places, document, forbidden, generator):
    """A sentence of another document that is not forbidden, or None if none is there.

    Each has the same chance: a draw that is not allowed is drawn again.
    """

    def sentence(d, s):
        allowed = d != document and documents[d][s + 1] not in forbidden
        return documents[d][s + 1] if allowed else None

    for _ in range(100):  # nearly always one or two are enough
        i = torch.randint(len(places), (), generator=generator).item()
        if found := sentence(*places[i]):
            return found
    allowed = [found for place in places if (found := sentence(*place))]
    if not allowed:
        return None
    return allowed[torch.randint(len(allowed), (), generator=generator).item()]


def check_documents(documents, number, generator):
    """Raise a clear error for arguments of `next_sentence_pairs` that cannot be."""
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator must be a torch.Generator, so that the same seed gives the "
            f"same pairs: torch.Generator().manual_seed(...). It is {generator!r}."
        )
    if number < 0:
        raise ValueError(f"number is how many pairs to make; it is {number}.")
    for d, sentences in enumerate(documents):
        if isinstance(sentences, str) or not all(isinstance(s, str) for s in sentences):
            raise TypeError(
                f"a document is a list of sentences (strings), and document {d} is "
                f"not: {str(sentences)[:60]!r}"
            )
        if blank := [s for s, sentence in enumerate(sentences) if not sentence.strip()]:
            raise ValueError(f"document {d} has a blank sentence, number {blank[0]}.")


def encode_pairs(pairs, tokenizer, max_length=None):
    """The pairs as one padded batch: a dict, the arguments of BertForPreTraining.

    pairs: a list of Pair; tokenizer: a `utils.tokenization.WordPiece`; max_length: the
    most ids of a pair, the longer sentence is cut first.

    Returns input_ids, token_type_ids and attention_mask (1 token, 0 padding), integers
    [B, L], and next_sentence_labels [B]: 0 where the second is the next sentence and
    1 where it is not, as in BERT's code and in `transformers`.
    Raises ValueError for no pairs, or a vocabulary without [PAD]; TypeError for what are
    no pairs of texts.
    Taught in: chapter 3, section "Next sentence prediction".
    """
    if not pairs:
        raise ValueError("there are no pairs to encode")
    if strange := [pair for pair in pairs if not isinstance(pair, Pair)]:
        raise TypeError(f"pairs are what next_sentence_pairs makes, not {strange[0]!r}")
    if "[PAD]" not in tokenizer.special_tokens:
        raise ValueError("the tokenizer's vocabulary has no [PAD] to fill a batch with")
    encoded = [tokenizer.encode(pair.first, pair.second, max_length) for pair in pairs]

    def padded(rows, value):
        tensors = [torch.tensor(row) for row in rows]
        return torch.nn.utils.rnn.pad_sequence(tensors, True, value)  # [B, L]

    pad_id = tokenizer.special_tokens["[PAD]"]
    return {
        "input_ids": padded([e.input_ids for e in encoded], pad_id),
        "token_type_ids": padded([e.token_type_ids for e in encoded], 0),
        "attention_mask": padded([[1] * len(e.input_ids) for e in encoded], 0),
        "next_sentence_labels": torch.tensor([int(not pair.is_next) for pair in pairs]),
    }


# -------------------------------------------------------------------- sentences
ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st sr jr sra dra ud uds vs ca cf e.g i.e viz ed eds vol nr fig "
    "pp pág etc al inc ltd co corp gen brig maj col lt capt sgt gov sen rep rev hon mt "
    "ft fl cir approx jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
SENTENCE_END = re.compile(
    r"[.!?…]+[\"'”’»)\]]*"  # the marks, with the quotes and brackets that close there
    r"\s+(?=[\"'“‘«(\[¿¡]*[A-ZÀ-ÖØ-Þ0-9])"  # then a capital or a figure
)


def split_sentences(paragraph):
    """The sentences of a paragraph, in order: a list of strings without outer spaces.

    A sentence ends at . ! ? or … before a space and a capital or a figure, unless the
    full stop belongs to an abbreviation ("Dr. Who", "J. S. Bach", "e.g. Paris"). Where
    an abbreviation really ends a sentence, two sentences stay together: for next
    sentence prediction half a sentence would do more harm than a double one. No
    character is lost but the spaces between.
    Made for the alphabets of Western Europe.
    Raises TypeError for what is no text.
    Taught in: chapter 3, section "Next sentence prediction".
    """
    sentences, start = [], 0
    for match in SENTENCE_END.finditer(require_text(paragraph)):
        before = paragraph[start : match.start()]
        word = before.split()[-1].lstrip("\"'“‘«([").lower() if before.split() else ""
        numbered = word == "no" and paragraph[match.end()].isdigit()  # "No. 1"
        if match.group().rstrip() == "." and (
            word in ABBREVIATIONS or is_initial(word) or numbered
        ):
            continue
        sentences.append(paragraph[start : match.end()].strip())
        start = match.end()
    last = paragraph[start:].strip()
    return [*sentences, last] if last else sentences


def is_initial(word):
    """True for single letters, alone or with full stops between: j, u.s, j.r.r."""
    return all(len(part) == 1 and part.isalpha() for part in word.split("."))
