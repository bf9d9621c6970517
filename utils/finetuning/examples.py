"""Sentences to batches: the splits, the ids, batches of one length.

Letters of the shapes: N sentences, B sentences of a batch, L tokens, C classes.

Source: Devlin et al. 2019, appendix A.3; Vaswani et al. 2017, section 5.1.
Taught in: chapter 3, section "Batches by length".
"""

import reprlib
from collections.abc import Mapping

import numpy as np
import torch

from utils.inputs import check_sentences


def labelled_splits(dataset, seed=0):
    """Train, validation and test with labels, each a DataFrame.

    GLUE does not publish the labels of its test split. Then its validation split is
    the test here, as in most papers, and a tenth of the training sentences, drawn with
    `seed`, is what choices are made on.

    dataset: a `datasets.DatasetDict` as `load_dataset("cola")` gives it.
    Returns {"train", "validation", "test": DataFrame}, one row a sentence; the training
    sentences are shuffled.
    Raises ValueError where a split is missing or empty, where some labels are hidden
    and others are not, and where one training sentence cannot be divided; TypeError for
    what is no dict of splits.
    Taught in: chapter 3, section "Sentences that a grammar wrote".
    """
    if not isinstance(dataset, Mapping):
        raise TypeError(f"a dict of splits is needed, not {reprlib.repr(dataset)}")
    names = ("train", "validation", "test")
    if lacking := [name for name in names if name not in dataset or not dataset[name]]:
        raise ValueError(f"the data set has no sentences in its split {lacking[0]!r}")
    train, validation, test = (dataset[name].to_pandas() for name in names)
    for name, frame in zip(names, (train, validation, test)):
        hidden = frame["label"] < 0
        if hidden.any() and not (name == "test" and hidden.all()):
            raise ValueError(
                f"{hidden.sum()} of {len(frame)} labels of {name} are hidden (-1): "
                f"only the test split may hide its labels, and then all of them"
            )
    train = train.sample(frac=1, random_state=seed, ignore_index=True)
    if (test["label"] < 0).all():
        if len(train) < 2:
            raise ValueError(
                "the test labels are hidden, so a tenth of train becomes the "
                "validation split, and there is one training sentence: 2 or more are "
                "needed"
            )
        size = max(1, len(train) // 10)
        test, validation = validation, train[:size].reset_index(drop=True)
        train = train[size:].reset_index(drop=True)
    return {"train": train, "validation": validation, "test": test}


class Examples:
    """Sentences as ids, with their labels; makes padded batches.

    `input_ids` is a list of N lists, [CLS] and [SEP] included; `lengths` their lengths,
    integers [N]; `labels` integers from 0 [N], or None.

    Raises TypeError for what is no list of strings; ValueError for an empty list, a
    sentence that is longer than the model's `max_length`, and labels that are not one
    integer from 0 for each sentence.
    Taught in: chapter 3, section "Batches by length".
    """

    def __init__(self, tokenizer, sentences, labels=None, max_length=512):
        sentences = check_sentences(sentences)
        encoded = tokenizer(sentences, truncation=False, verbose=False)
        self.input_ids = encoded["input_ids"]
        self.lengths = np.array([len(ids) for ids in self.input_ids])
        if self.lengths.max() > max_length:
            place = int(self.lengths.argmax())
            raise ValueError(
                f"Sentence {place} has {self.lengths[place]} tokens with [CLS] and "
                f"[SEP], and the model has {max_length} positions: "
                f"{sentences[place][:60]!r}..."
            )
        self.labels = None if labels is None else check_labels(labels, len(sentences))
        self.pad_id = tokenizer.pad_token_id

    def __len__(self):
        return len(self.input_ids)

    def batch(self, places, pad_to=None, device=None):
        """The sentences at `places`, padded to the longest of them (or to `pad_to`).

        Returns input_ids and attention_mask, integers [B, L], and the labels [B] or
        None. Raises IndexError or TypeError for a place without a sentence.
        """
        places = list(places)
        rows = [self.input_ids[place] for place in places]
        length = max(pad_to or 0, *map(len, rows), 0)
        input_ids = torch.full((len(rows), length), self.pad_id)
        for row, ids in zip(input_ids, rows):
            row[: len(ids)] = torch.tensor(ids)
        mask = torch.arange(length) < torch.tensor([[len(ids)] for ids in rows])
        inputs = {"input_ids": input_ids, "attention_mask": mask.long()}
        inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
        labels = None
        if self.labels is not None:
            labels = self.labels[torch.tensor(places, dtype=torch.long)].to(device)
        return inputs, labels


def check_labels(labels, number):
    """The labels, integers [N]; ValueError unless they are `number` integers from 0."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) != number:
        raise ValueError(
            f"{number} sentences, labels {list(labels.shape)}: one for each is needed"
        )
    if labels.dtype.kind not in "biu" or labels.min() < 0:
        raise ValueError(
            f"labels are integers from 0, not {reprlib.repr(labels.tolist())}; "
            f"hidden ones (-1) are given as labels=None"
        )
    return torch.from_numpy(labels.astype(np.int64))


def random_batches(lengths, batch_size, generator):
    """Sentences in random order, cut into batches: a list of arrays of places.

    Raises ValueError for a batch size that is no whole number from 1.
    """
    check_whole("batch_size", batch_size)
    order = torch.randperm(len(lengths), generator=generator).numpy()
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def length_batches(lengths, batch_size, generator, pool=20):
    """Random batches of sentences of nearly one length: almost nothing is padding.

    The sentences are shuffled and dealt into pools of `pool` batches; each pool is
    sorted by length and cut, and the batches of all pools are shuffled. So every epoch
    has other batches, and no batch depends on the labels.

    Returns a list of arrays of places; each place occurs once.
    Raises ValueError for a batch size or pool that is no whole number from 1.
    Source: Vaswani et al. 2017, section 5.1 ("batched together by approximate
    sequence length").
    Taught in: chapter 3, section "Batches by length".
    """
    check_whole("batch_size", batch_size)
    check_whole("pool", pool)
    lengths, batches = np.asarray(lengths), []
    for places in random_batches(lengths, batch_size * pool, generator):
        places = places[np.argsort(lengths[places], kind="stable")]
        batches += [
            places[i : i + batch_size] for i in range(0, len(places), batch_size)
        ]
    order = torch.randperm(len(batches), generator=generator)
    return [batches[i] for i in order]


def check_whole(name, value):
    """Raise ValueError unless the value is a whole number from 1."""
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} is a whole number, 1 or more, not {value!r}")


def padding_share(lengths, batches, pad_to=None):
    """The share of the positions of these batches that hold padding and no token.

    lengths: integers [N]; batches: lists of places; pad_to: the least length.
    Taught in: chapter 3, section "Batches by length".
    """
    parts = [np.asarray(lengths)[places] for places in batches]
    tokens = sum(part.sum() for part in parts)
    return 1 - tokens / sum(max(pad_to or 0, part.max()) * len(part) for part in parts)
