"""What functions ask of a text, of ids or of a mask before they work with it.

One wrong argument ends deep inside a library, in an error about something else, or in an
answer that looks like any other. Asked at the door, it is named.
"""

import re
import reprlib

import torch


# ----------------------------------------------------------------------------- texts
def require_text(text):
    """The text; TypeError for anything else, as a list would be taken for a text."""
    if not isinstance(text, str):
        raise TypeError(f"a text is a string; this is a {type(text).__name__}.")
    return text


def check_sentences(sentences, what="Sentence"):
    """The sentences as a list of strings; a clear error, of `what`, for what is none.

    Raises TypeError for what is no list of strings; ValueError for an empty list, and for
    half a surrogate pair, which no tokenizer of a library can read.
    """
    if isinstance(sentences, (str, bytes)) or not hasattr(sentences, "__iter__"):
        raise TypeError(f"a list of sentences is needed, not {reprlib.repr(sentences)}")
    sentences = list(sentences)
    if not sentences:
        raise ValueError("There are no sentences to encode.")
    for place, sentence in enumerate(sentences):
        if not isinstance(sentence, str):
            raise TypeError(f"{what} {place} is no text: {reprlib.repr(sentence)}")
        if re.search("[\ud800-\udfff]", sentence):
            raise ValueError(
                f"{what} {place} has half a character (a lone surrogate), as text "
                f"that was decoded wrongly has: {reprlib.repr(sentence)}"
            )
    return sentences


def require_texts(texts):
    """The texts as a list: `check_sentences`, but ValueError for one string as well."""
    texts = [] if isinstance(texts, str) else list(texts)
    if not texts:
        raise ValueError("a list of texts is needed that is not empty")
    return check_sentences(texts, "Text")


# -------------------------------------------------------------------- ids and masks
def require_tensor(value, name, dimensions=None, shape=None):
    """The tensor; TypeError for anything else, ValueError for another shape.

    dimensions: how many there must be; shape: the sizes. Its numbers are not looked at,
    so that it costs nothing inside a training.
    """
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} must be a tensor, not {reprlib.repr(value)}")
    if dimensions is not None and value.dim() != dimensions:
        raise ValueError(
            f"{name} must have {dimensions} dimensions, and its shape is {list(value.shape)}"
        )
    if shape is not None and value.shape != shape:
        raise ValueError(f"{name} is {list(value.shape)}, and {list(shape)} is needed")
    return value


def require_integers(value, name, what="integers"):
    """The tensor; TypeError unless it holds integers of 64 or 32 bits."""
    if require_tensor(value, name).dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{name} must hold {what} (torch.int64), not {value.dtype}")
    return value


def require_ids(ids, name):
    """The ids, a tensor of integers [B, L]; TypeError or ValueError for anything else."""
    require_integers(ids, name, "token ids")
    if ids.dim() != 2:
        raise ValueError(
            f"{name} must be [sentences, length], not {list(ids.shape)}; "
            f"for one sentence use {name}[None]"
        )
    return ids
