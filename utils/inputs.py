"""What functions ask of a text, of ids, of a mask or of a file before they work with it.

One wrong argument ends deep inside a library, in an error about something else, or in an
answer that looks like any other. Asked at the door, it is named.
"""

import re
import reprlib
from pathlib import Path

import torch
import yaml


# ----------------------------------------------------------------------------- texts
def require_text(text):
    """The text; TypeError for anything else, as a list would be taken for a text."""
    if not isinstance(text, str):
        raise TypeError(f"a text is a string; this is a {type(text).__name__}.")
    return text


def check_sentences(sentences):
    """The sentences as a list of strings; a clear error for what is none.

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
            raise TypeError(f"Sentence {place} is no text: {reprlib.repr(sentence)}")
        if re.search("[\ud800-\udfff]", sentence):
            raise ValueError(
                f"Sentence {place} has half a character (a lone surrogate), as text "
                f"that was decoded wrongly has: {reprlib.repr(sentence)}"
            )
    return sentences


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


def require_ids(ids, name):
    """The ids, a tensor of integers [B, L]; TypeError or ValueError for anything else."""
    require_tensor(ids, name)
    if ids.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{name} must hold token ids (torch.int64), not {ids.dtype}")
    if ids.dim() != 2:
        raise ValueError(
            f"{name} must be [sentences, length], not {list(ids.shape)}; "
            f"for one sentence use {name}[None]"
        )
    return ids


# ------------------------------------------------------------------------------ files
def read_yaml(path, error):
    """What a UTF-8 file of YAML holds; `error`, a type, where it cannot be read.

    Raises TypeError for what is no path.
    """
    path = Path(path)
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as found:
        raise error(f"{path}: cannot be read as YAML ({found})") from found
