"""GLUE's tasks for the command line: sentences, scores, and the classifiers to look into.

Letters of the shapes: N examples, B of a batch, L tokens, K classes.

Source: Wang et al. 2019, "GLUE: A Multi-Task Benchmark and Analysis Platform", table 1;
the tasks that run_bertology.py of `transformers` 4 read by name.
Taught in: chapter 5, section "Heads that are gone".
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors import SafetensorError
from scipy.stats import rankdata

from utils import sources
from utils.bertology.heads import FAMILIES
from utils.bertology.pruning import SIDECAR, load_pruned
from utils.finetuning.examples import check_sentences
from utils.finetuning.metrics import f1, matthews
from utils.sources import catalogue, formats, hub

LOCAL = dict(local_files_only=True, trust_remote_code=False)
MODEL_FILES = ["*.json", "*.txt", "*.model", "model*.safetensors"]
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model")
HUB_SECONDS = 10.0


class GlueError(ValueError):
    """A task, its data or a classifier is not what the command needs."""


# --------------------------------------------------------------------------- scores
def cells(labels, predictions):
    """True and false positives, false and true negatives of 0s and 1s [N]."""
    labels, predictions = np.asarray(labels) == 1, np.asarray(predictions) == 1
    tp, positive, called = (
        int(np.count_nonzero(x)) for x in (labels & predictions, labels, predictions)
    )
    return tp, called - tp, positive - tp, len(labels) - positive - called + tp


def accuracy(labels, predictions):
    """The share of right answers."""
    return float(np.mean(np.asarray(labels) == np.asarray(predictions)))


def mcc(labels, predictions):
    """Matthews correlation, as `utils.finetuning.metrics.matthews` defines it."""
    return matthews(*cells(labels, predictions))


def f1_score(labels, predictions):
    """The F1 of label 1."""
    return f1(*cells(labels, predictions))


def pearson(labels, predictions):
    """Pearson's correlation; 0 where one of the two is constant."""
    x, y = (np.asarray(column, dtype=float) for column in (labels, predictions))
    x, y = x - x.mean(), y - y.mean()
    product = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / product) if product > 0 else 0.0


def spearman(labels, predictions):
    """Spearman's correlation: Pearson's of the ranks, equal values sharing theirs."""
    return pearson(rankdata(labels), rankdata(predictions))


# ---------------------------------------------------------------------------- tasks
@dataclass(frozen=True)
class Task:
    """A task of GLUE: its name, data set, the names of its labels, and its scores.

    scores: name -> (labels, predictions) -> a number; the first one is the task's, by
    which heads are judged, the others are reported beside it. labels: empty for a
    regression. suffix: of the split that "validation" means.
    """

    name: str
    data: str
    labels: tuple[str, ...]
    scores: dict
    suffix: str = ""

    @property
    def columns(self):
        """The columns of the sentences, one or two."""
        return catalogue.DATA[self.data].columns[:-1]

    @property
    def outputs(self):
        """How many numbers a model of the task gives: K, or 1 for a regression."""
        return len(self.labels) or 1

    @property
    def metric(self):
        """The task's score."""
        return next(iter(self.scores.values()))

    @property
    def metric_name(self):
        """The name of the task's score."""
        return next(iter(self.scores))


RIGHT = {"accuracy": accuracy}
BOTH = {"F1": f1_score, "accuracy": accuracy}
ENTAILMENT = ("entailment", "neutral", "contradiction")
TASKS = {
    task.name: task for task in (
        Task("cola", "cola", tuple(formats.ACCEPTABILITY), {"MCC": mcc, **RIGHT}),
        Task("sst2", "sst2", ("negative", "positive"), RIGHT),
        Task("mrpc", "mrpc", ("not_equivalent", "equivalent"), BOTH),
        Task("qqp", "qqp", ("not_duplicate", "duplicate"), BOTH),
        Task("mnli", "mnli", ENTAILMENT, RIGHT, "_matched"),
        Task("mnli-mm", "mnli", ENTAILMENT, RIGHT, "_mismatched"),
        Task("qnli", "qnli", ("entailment", "not_entailment"), RIGHT),
        Task("rte", "rte", ("entailment", "not_entailment"), RIGHT),
        Task("wnli", "wnli", ("not_entailment", "entailment"), RIGHT),
        Task("stsb", "stsb", (), {"Pearson": pearson, "Spearman": spearman}),
    )
}  # fmt: skip
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Part:
    """Rows of a task: texts, one or two lists of N strings, and labels [N]."""

    texts: tuple[list[str], ...]
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    def take(self, places):
        """The rows at these places."""
        texts = tuple([column[place] for place in places] for column in self.texts)
        return Part(texts, self.labels[places])


def load_task(task, split="validation"):
    """A task's training rows and those of a split: (train, rows, data set).

    The data set has its `.provenance`. Raises GlueError for a split that the task lacks
    or whose labels are hidden, and `SourceError` where the data cannot be had.
    """
    dataset = sources.load_dataset(task.data)
    name = split if split == "train" else f"{split}{task.suffix}"
    train = read_part(task, dataset, "train")
    return train, train if name == "train" else read_part(task, dataset, name), dataset


def read_part(task, dataset, split):
    """The rows of a split; GlueError for hidden labels and for labels of another task."""
    rows = dataset[split] if split in dataset else None
    labels = np.asarray(rows["label"] if rows else [-1.0])
    if (labels < 0).all():
        raise GlueError(
            f"the labels of the split {split!r} of {task.name} are not published: choose "
            f"another --split"
        )
    strange = ~np.isfinite(labels)
    if task.labels:
        strange = ~np.isin(labels, range(len(task.labels)))
    if strange.any():
        raise GlueError(
            f"the split {split!r} of {task.name} has the label {labels[strange][0]}, which "
            f"is none of the task's"
        )
    labels = labels.astype(np.int64 if task.labels else np.float32)
    return Part(tuple(list(rows[column]) for column in task.columns), labels)


def divide(train, rows, rank_on, limit=None, seed=2026):
    """Rows to rank the heads on, from train, and others to score on: two `Part`s.

    At most `rank_on` and `limit` rows, drawn with `seed`. No text of the second is among
    the first: where `rows` is the training split itself they are divided, and texts that
    occur in both splits are left out of the ranking.

    Raises GlueError where fewer than two rows are left of either.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows))
    if rows is train:  # one of the two gets what the other leaves
        room = max(len(rows) - rank_on, len(rows) // 2)
        limit = min(limit or room, room)
    scored = rows.take(np.sort(order[:limit]))
    seen = set(zip(*scored.texts))
    others = [
        place for place in rng.permutation(len(train))
        if tuple(column[place] for column in train.texts) not in seen
    ]  # fmt: skip
    ranked = train.take(np.sort(np.array(others[:rank_on], dtype=int)))
    for part, what in ((ranked, "rank the heads"), (scored, "score")):
        if len(part) < 2:
            raise GlueError(f"{len(part)} examples to {what} on: two or more are needed")
    return ranked, scored


# ------------------------------------------------------------------------- examples
class PairExamples:
    """Single sentences or pairs as ids, with their labels; makes padded batches.

    The interface of `utils.finetuning.Examples`: lengths, integers [N]; labels, integers
    or floats [N]; `batch`. What is longer than `max_length` is cut, the longer text of a
    pair first; `truncated` counts them. Which text a token is of, `token_type_ids`, is
    given where segments is True.

    Raises GlueError for texts of different numbers, or one that has no tokens; TypeError
    or ValueError for texts and labels that are none.
    """

    def __init__(self, tokenizer, texts, labels, max_length, segments=True):
        texts = [check_sentences(column) for column in texts]
        if any(len(column) != len(labels) for column in texts):
            sizes = [len(column) for column in texts]
            raise GlueError(f"{sizes} texts and {len(labels)} labels: they are as many")
        whole = tokenizer(*texts, truncation=False, verbose=False)["input_ids"]
        self.truncated = sum(len(ids) > max_length for ids in whole)
        rows = tokenizer(
            *texts, truncation=True, max_length=max_length, return_token_type_ids=segments
        )
        self.input_ids = rows["input_ids"]
        self.segments = rows["token_type_ids"] if segments else None
        self.lengths = np.array([len(ids) for ids in self.input_ids])
        if not self.lengths.all():
            place = int(self.lengths.argmin())
            raise GlueError(f"example {place} has no tokens: {texts[0][place]!r}")
        self.labels = torch.as_tensor(np.asarray(labels))
        self.pad_id = tokenizer.pad_token_id

    def __len__(self):
        return len(self.input_ids)

    def batch(self, places, pad_to=None, device=None):
        """The examples at `places`, padded on the right to the longest of them.

        Returns the model's inputs, integers [B, L] each, and the labels [B].
        Raises IndexError or TypeError for a place without an example.
        """
        places = list(places)
        length = max(pad_to or 0, *(int(self.lengths[place]) for place in places), 0)
        lengths = torch.as_tensor(self.lengths[np.array(places, dtype=int)])
        inputs = {
            "input_ids": padded(self.input_ids, places, length, self.pad_id),
            "attention_mask": (torch.arange(length) < lengths[:, None]).long(),
        }
        if self.segments is not None:
            inputs["token_type_ids"] = padded(self.segments, places, length, 0)
        inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
        return inputs, self.labels[torch.tensor(places, dtype=torch.long)].to(device)


def padded(rows, places, length, value):
    """Lists of numbers as one tensor [B, length], filled up with `value`."""
    found = torch.full((len(places), length), value)
    for line, place in zip(found, places):
        line[: len(rows[place])] = torch.tensor(rows[place])
    return found


# ---------------------------------------------------------------------- classifiers
@dataclass
class Classifier:
    """A fine-tuned classifier, its tokenizer, and where they came from.

    order: order[i] is the model's number of the task's label i; location and revision: a
    folder and "", or a hub id and a commit; note: what a reader must know, or "".
    """

    model: torch.nn.Module
    tokenizer: object
    location: str
    revision: str = ""
    order: tuple[int, ...] = ()
    note: str = ""

    def examples(self, part, max_length):
        """A `Part` as `PairExamples` of this model, labels in the model's numbers.

        Raises GlueError for texts that are none, and for ids that the model has no
        embedding for.
        """
        labels = np.array(self.order)[part.labels] if self.order else part.labels
        config = self.model.config
        # GPT-2 would look segments up among its words, RoBERTa has one segment alone.
        segments = getattr(config, "type_vocab_size", 0) > 1
        try:
            found = PairExamples(self.tokenizer, part.texts, labels, max_length, segments)
        except (TypeError, ValueError) as error:
            raise GlueError(f"the examples cannot be read: {error}") from error
        highest = max(map(max, found.input_ids))
        if highest >= config.vocab_size:
            raise GlueError(
                f"the tokenizer of {self.location} gives the id {highest}, and its model "
                f"has the ids 0 to {config.vocab_size - 1}"
            )
        return found

    def score(self, function):
        """A score of a task for labels and predictions in the model's numbers."""
        if not self.order:
            return function
        back = np.argsort(self.order)
        return lambda labels, predictions: function(back[labels], back[predictions])

    @property
    def positions(self):
        """How many tokens the model can read."""
        config = self.model.config
        roberta = getattr(config, "model_type", "") == "roberta"  # counts from pad_id + 1
        return config.max_position_embeddings - (config.pad_token_id + 1 if roberta else 0)


def load_classifier(name, task, revision="main"):
    """A fine-tuned classifier for a task: a local folder, or a model of the hub.

    A folder is one that `save_pretrained` or `save_pruned` wrote, its tokenizer inside.
    Weights are read from safetensors alone and no code of the model's is run.

    Raises GlueError where there is no such folder, no trained classifier in it, pickled
    weights alone, a family whose heads are not known, or another number of labels than
    the task has; `SourceError` where the hub cannot give it, or a file is not what the
    folder's `SHA256SUMS` lists; TypeError for what is no name, OSError for a path that the
    system cannot look up.
    """
    folder, location, commit = find(name, revision)
    check_folder(folder, location)
    if (folder / formats.SUMS).is_file():
        formats.check_sums(folder)
    pruned = (folder / SIDECAR).is_file()
    model = load_pruned(folder) if pruned else load_whole(folder, location)
    kind = type(model).__name__
    if not kind.endswith("ForSequenceClassification"):
        raise GlueError(f"{location} is a {kind}, no classifier of sentences: {FINE_TUNE}")
    check_outputs(model, task, location)
    tokenizer = load_tokenizer(folder, location)
    give_padding(model, tokenizer)
    order, note = label_order(model.config, task)
    return Classifier(model.eval(), tokenizer, location, commit, order, note)


FINE_TUNE = "fine-tune one on the task first, and save it with save_pretrained"


def find(name, revision):
    """(folder, location, commit) of a local folder or of a model of the hub."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder, str(name), ""
    if folder.exists():
        raise GlueError(f"{name} is a file: name the folder of a model")
    if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(name)):
        raise GlueError(f"{name}: there is no such folder")
    if sources.decide() != "hub":
        raise GlueError(
            f"{name}: there is no such folder, and the hub is not asked or does not "
            f"answer (COURSE_SOURCE=hub on a network asks it)"
        )
    otherwise = "Name the folder of a model on this machine instead."
    folder = hub.snapshot(name, revision, MODEL_FILES, "model", HUB_SECONDS, otherwise)
    return folder, str(name), folder.name


def check_folder(folder, location):
    """GlueError for a folder that lacks a configuration or safetensors weights."""
    if not (folder / "config.json").is_file():
        raise GlueError(f"{location} holds no model: there is no config.json")
    if not list(folder.glob("model*.safetensors")):
        pickled = [path.name for path in folder.glob("*.bin")]
        what = f", only pickled ones ({pickled[0]})" if pickled else ""
        raise GlueError(
            f"{location} has no safetensors weights{what}. Loading a pickle can run code, "
            f"so it is refused: save the model with save_pretrained of transformers 5"
        )


def load_whole(folder, location):
    """A model that `save_pretrained` wrote, with every weight of it in the file."""
    try:
        with hub.quiet():
            config = transformers.AutoConfig.from_pretrained(folder, **LOCAL)
            check_family(config, location)
            model, report = (
                transformers.AutoModelForSequenceClassification.from_pretrained(
                    folder, config=config, use_safetensors=True, dtype=torch.float32,
                    output_loading_info=True, **LOCAL,
                )
            )  # fmt: skip
    except GlueError:
        raise
    except (OSError, LookupError, TypeError, ValueError, AttributeError, RuntimeError,
            SafetensorError) as error:  # a damaged file raises many kinds  # fmt: skip
        raise GlueError(f"{location} cannot be loaded: {error}") from error
    if missing := sorted(report["missing_keys"]):
        # transformers draws what is missing at random, and says so in a log line alone.
        raise GlueError(
            f"{location} has no trained classifier: its weights lack {len(missing)} "
            f"tensors, {missing[0]} among them. To go on, {FINE_TUNE}"
        )
    parts = {part for part, _ in model.base_model.named_children()}
    prefix = f"{model.base_model_prefix}."
    spare = [
        key for key in sorted(report["unexpected_keys"])
        if key.endswith(".weight") and key.removeprefix(prefix).split(".")[0] in parts
    ]  # fmt: skip
    if spare:
        raise GlueError(
            f"{location}: config.json describes a smaller model than the weights: it has "
            f"no place for {len(spare)} tensors, {spare[0]} among them"
        )
    return model


def check_family(config, location):
    """GlueError for a family of models whose heads are not known here."""
    if config.model_type not in FAMILIES:
        raise GlueError(
            f"{location} is of the family {config.model_type}; heads are known of these: "
            f"{', '.join(FAMILIES)}"
        )


def check_outputs(model, task, location):
    """GlueError for a model with another number of outputs than the task has labels."""
    found = model.config.num_labels
    if found != task.outputs:
        needs = f"the {task.outputs} labels {', '.join(task.labels)}"
        if not task.labels:
            needs = "one output, for it is a regression"
        raise GlueError(
            f"{location} has {found} output{'s' * (found > 1)}, and {task.name} needs "
            f"{needs}"
        )


def load_tokenizer(folder, location):
    """The tokenizer beside a model; GlueError where there is none."""
    if not any((folder / file).is_file() for file in VOCABULARIES):
        raise GlueError(
            f"{location} has no tokenizer: save it there with tokenizer.save_pretrained"
        )
    try:
        with hub.quiet():
            return transformers.AutoTokenizer.from_pretrained(folder, **LOCAL)
    except Exception as error:  # a damaged vocabulary raises many kinds
        raise GlueError(f"{location}: no tokenizer can be loaded: {error}") from error


def give_padding(model, tokenizer):
    """GPT-2 has no padding token: its end token serves, for model and tokenizer alike."""
    if tokenizer.pad_token_id is None:
        known = getattr(model.config, "pad_token_id", None)
        if known is not None:
            tokenizer.pad_token = tokenizer.convert_ids_to_tokens(known)
        elif tokenizer.eos_token is not None:
            tokenizer.pad_token = tokenizer.eos_token
        else:
            raise GlueError("the tokenizer has no padding token and no end token")
    if getattr(model.config, "model_type", "") == "gpt2":
        # It answers at the last token that is no padding: both must mean the same.
        model.config.pad_token_id = tokenizer.pad_token_id


def label_order(config, task):
    """(order, note): the model's number of each label of the task, by their names.

    Classifiers of the hub number their labels as they like.
    Where the names say nothing, the numbers are GLUE's.
    """
    if not task.labels:
        return (), ""
    same = tuple(range(len(task.labels)))
    given = getattr(config, "id2label", None) or {}
    names = [plain(given.get(i, f"LABEL_{i}")) for i in same]
    wanted = [plain(name) for name in task.labels]
    if set(names) == set(wanted):
        order = tuple(names.index(name) for name in wanted)
        note = "" if order == same else f"the model's labels, by name: {', '.join(names)}"
        return order, note
    if all(re.fullmatch(r"(label)?\d+", name) for name in names):
        return same, ""
    return same, (
        f"the model calls its labels {', '.join(map(str, given.values()))}; they are "
        f"taken to be, in this order, {', '.join(task.labels)}"
    )


def plain(name):
    """A label's name without what writers differ in: case and separators."""
    return re.sub(r"[\W_]", "", str(name).lower())
