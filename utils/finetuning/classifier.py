"""A fine-tuned classifier that can be asked, saved and loaded.

Letters of the shapes: d = hidden_size.

Taught in: chapter 3, section "Saved, loaded and asked".
"""

import json
import re
import reprlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from torch import nn

from utils import bert
from utils.finetuning.examples import Examples
from utils.finetuning.models import linear_probe, probabilities, sentence_features
from utils.inputs import check_sentences
from utils.sources import formats
from utils.tokenization import WordPiece


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of a sentence.

    probability: that it is acceptable; phenomenon: what is suspected in a sentence that
    is not, or None; note: what makes the answer doubtful, or "".
    """

    sentence: str
    label: str
    probability: float
    phenomenon: str | None
    note: str


class AcceptabilityClassifier:
    """A fine-tuned BERT with its tokenizer: it can be asked, saved and loaded.

    model: `utils.bert.BertForSequenceClassification` with two labels.

    Raises ValueError for another number of labels, or a tokenizer with ids that the
    model does not have.
    Taught in: chapter 3, section "Saved, loaded and asked".
    """

    def __init__(self, model, tokenizer):
        if model.config.num_labels != len(LABELS):
            raise ValueError(
                f"the model has {model.config.num_labels} labels, and {list(LABELS)} "
                f"are {len(LABELS)}"
            )
        largest, size = max(tokenizer.get_vocab().values()), model.config.vocab_size
        if largest >= size:
            raise ValueError(
                f"the tokenizer has an id {largest} and the model's vocabulary "
                f"{size} pieces: they do not belong together"
            )
        self.model, self.tokenizer = model.eval(), tokenizer
        self.phenomena, self.suspect = [], None

    def learn_phenomena(self, sentences, phenomena):
        """Learn to name what is wrong: unacceptable sentences and their phenomena.

        The model stays as it is; a linear layer is fitted on its vectors of [CLS].

        Raises ValueError unless there is one name for each sentence, and two names or
        more in all; TypeError for what is no list of sentences.
        """
        examples, names = self._examples(sentences), list(phenomena)
        if len(names) != len(examples):
            raise ValueError(f"{len(examples)} sentences, {len(names)} phenomena")
        if not all(isinstance(name, str) for name in names) or len(set(names)) < 2:
            raise ValueError(
                f"phenomena are names (strings), two different ones or more, not "
                f"{reprlib.repr(names)}"
            )
        features = sentence_features(self.model.bert, examples, "cls")
        self.phenomena, self.suspect = linear_probe(features, names, strength=0.1)
        return self

    def _examples(self, sentences):
        longest = self.model.config.max_position_embeddings
        return Examples(self.tokenizer, sentences, max_length=longest)

    def predict(self, text):
        """A `Prediction` for a sentence; a list of them for a list of sentences.

        Raises TypeError for what is no text, ValueError for an empty sentence and for
        one that is longer than the model's positions; FloatingPointError where the
        model answers NaN. A text that does not look like English gets an answer with a
        note.
        """
        if not isinstance(text, (str, list, tuple)):
            raise TypeError(
                f"predict() takes a sentence or a list of sentences, not "
                f"{reprlib.repr(text)}"
            )
        sentences = [text] if isinstance(text, str) else list(text)
        if not sentences:
            return []
        for place, sentence in enumerate(check_sentences(sentences)):
            if not sentence.strip():
                raise ValueError(
                    f"Sentence {place} is empty: there is nothing to judge."
                )
        examples = self._examples(sentences)
        found = probabilities(self.model, examples).tolist()
        suspects = self._suspects(examples)
        answers = [
            Prediction(
                sentence=sentence,
                label=LABELS[probability > 0.5],
                probability=round(probability, 4),
                phenomenon=None if probability > 0.5 else suspect,
                note=doubt_about_language(sentence, self.tokenizer),
            )
            for sentence, probability, suspect in zip(sentences, found, suspects)
        ]
        return answers[0] if isinstance(text, str) else answers

    @torch.no_grad()
    def _suspects(self, examples):
        """The most probable phenomenon of each sentence, were it unacceptable."""
        if self.suspect is None:
            return [None] * len(examples)
        features = sentence_features(self.model.bert, examples, "cls")
        guesses = self.suspect(torch.from_numpy(features)).argmax(-1)
        return [self.phenomena[guess] for guess in guesses]

    def save(self, folder):
        """Write the classifier to `folder`, in the files that `transformers` reads.

        `AutoModelForSequenceClassification.from_pretrained(folder)` gives the same
        logits. `SHA256SUMS` lists the sums of the files. The folder appears when it is
        whole. Raises FileExistsError for a folder that is there and not empty, OSError
        for one that cannot be written, TypeError for what is no path.
        """
        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise FileExistsError(
                f"{folder} exists: choose another folder, or remove it"
            )
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
                new = Path(unfinished) / "classifier"
                self._write(new)
                if folder.exists():
                    folder.rmdir()  # empty, as checked above
                new.rename(folder)
        except Exception as error:  # the libraries in Rust have errors of their own
            if not isinstance(error, OSError) and "(os error " not in str(error):
                raise
            raise OSError(f"{folder} cannot be written: {error}") from error
        return folder

    def _write(self, folder):
        """The files of the classifier, into a new folder."""
        config = bert.to_transformers_config(self.model.config)
        config.architectures = ["BertForSequenceClassification"]
        config.id2label = dict(enumerate(LABELS))
        config.label2id = {name: i for i, name in enumerate(LABELS)}
        config.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        weights = bert.to_transformers_state(self.model)
        save_file(contiguous(weights), folder / "model.safetensors", {"format": "pt"})
        if self.suspect is not None:
            (folder / f"{PHENOMENA}.json").write_text(
                json.dumps(self.phenomena, indent=1), encoding="utf-8"
            )
            layer = contiguous(self.suspect.state_dict())
            save_file(layer, folder / f"{PHENOMENA}.safetensors")
        formats.write_sums(folder, [path.name for path in folder.iterdir()])

    @classmethod
    def load(cls, folder):
        """The classifier that `save` wrote. Safetensors only; nothing is downloaded.

        Raises FileNotFoundError for a folder that lacks a file, ValueError for one
        that is damaged or holds another kind of model, OSError for a path that the
        system cannot look up, TypeError for what is none.
        """
        folder = Path(folder)
        needed = ["config.json", "model.safetensors", "tokenizer.json"]
        if (folder / f"{PHENOMENA}.json").exists():
            needed.append(f"{PHENOMENA}.safetensors")
        if (folder / f"{PHENOMENA}.safetensors").exists():
            needed.append(f"{PHENOMENA}.json")
        if missing := [name for name in needed if not (folder / name).is_file()]:
            raise FileNotFoundError(
                f"{folder} holds no classifier: {missing[0]} is not there"
            )
        try:
            classifier = cls(load_model(folder), load_its_tokenizer(folder))
            if f"{PHENOMENA}.json" in needed:
                classifier.phenomena, classifier.suspect = load_phenomena(
                    folder, classifier.model.config.hidden_size
                )
            if (folder / formats.SUMS).is_file():
                # Last: what is wrong with a file says more than that its sum is.
                formats.check_sums(folder, needed)
        except Exception as error:  # a damaged file raises many kinds
            raise ValueError(f"{folder} cannot be loaded: {error}") from error
        return classifier


LABELS = ("unacceptable", "acceptable")  # the names of label 0 and label 1
PHENOMENA = "phenomena"  # the files that hold what `learn_phenomena` learned
LOCAL = dict(local_files_only=True, trust_remote_code=False)


def load_model(folder):
    """The model that `AcceptabilityClassifier.save` wrote; ValueError for another."""
    config = transformers.BertConfig.from_pretrained(folder, **LOCAL)
    if config.id2label != dict(enumerate(LABELS)):
        raise ValueError(
            f"config.json calls its labels {config.id2label}, and not {list(LABELS)}"
        )
    weights = load_finite(folder / "model.safetensors")
    if config.num_hidden_layers > len(weights):
        raise ValueError(f"config.json has {config.num_hidden_layers} layers")
    with torch.device("meta"):  # shapes alone: a damaged config.json asks for no memory
        sizes = bert.BertConfig.from_transformers(config)
        model = bert.BertForSequenceClassification(sizes)
    names = {name: bert.their_name(name) for name in model.state_dict()}
    if different := set(weights) ^ set(names.values()):
        raise ValueError(f"weights and config.json differ in {min(different)}")
    ours = {name: weights[theirs] for name, theirs in names.items()}
    model.load_state_dict(ours, assign=True)
    return model


def load_its_tokenizer(folder):
    """The tokenizer beside a model; ValueError for one that is no BERT's."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **LOCAL)
    WordPiece.from_tokenizer(tokenizer)  # refuses another kind
    return tokenizer


def load_phenomena(folder, hidden_size):
    """What `learn_phenomena` learned: the names, and the layer that guesses them."""
    names = json.loads((folder / f"{PHENOMENA}.json").read_text(encoding="utf-8"))
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ValueError(f"{PHENOMENA}.json is no list of names")
    layer = nn.Linear(hidden_size, len(names))
    layer.load_state_dict(load_finite(folder / f"{PHENOMENA}.safetensors"))
    return names, layer


def load_finite(path):
    """The tensors of a safetensors file, float32; ValueError for NaN and infinity."""
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{path.name}: {name} holds numbers that are none")
    return tensors


def contiguous(tensors):
    """Tensors that share no memory, as safetensors wants them."""
    return {
        name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()
    }


def doubt_about_language(text, tokenizer):
    """A sentence for a text that does not look like English, "" for one that does.

    Two signs, both rough: words that the English vocabulary cuts to pieces or lacks
    (more than 30 %), and four words or more without one function word of English.
    """
    words = re.findall(r"[^\W\d_]+", text.lower())
    if not words:
        return "There is no word in it."
    cut = [word for word in words if len(tokenizer.tokenize(word)) > 1]
    cut += [word for word in words if tokenizer.unk_token in tokenizer.tokenize(word)]
    if len(cut) > 0.3 * len(words):
        return (
            f"This may not be English: {len(cut)} of {len(words)} words are no whole "
            f"words of the vocabulary."
        )
    if len(words) >= 4 and not ENGLISH_STOP_WORDS.intersection(words):
        return "This may not be English: it has none of English's function words."
    return ""
