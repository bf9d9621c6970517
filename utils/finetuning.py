"""Fine-tuning: batches by length, the training loop, honest scores, a saved classifier.

Letters of the shapes: N sentences, B sentences of a batch, L tokens, C classes.

Source: Devlin et al. 2019, "BERT", sections 3.2 and 4, appendix A.3.
Taught in: chapter 3.
"""

import copy
import json
import math
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file, save_file
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.utils.data import DataLoader
from transformers.trainer_callback import PrinterCallback

from utils import bert
from utils.retrieval import Estimate, bootstrap, mean_pooling
from utils.settings import progress

NO_DECAY = ("bias", "norm")  # parts of the names of parameters that never decay


# ------------------------------------------------------------ sentences to batches
def labelled_splits(dataset, seed=0):
    """Train, validation and test with labels, each a DataFrame.

    GLUE does not publish the labels of its test split. Then its validation split is
    the test here, as in most papers, and a tenth of the training sentences, drawn with
    `seed`, is what choices are made on.

    dataset: a `datasets.DatasetDict` as `load_dataset("cola")` gives it.
    Returns {"train", "validation", "test": DataFrame}, one row a sentence; the training
    sentences are shuffled.
    Raises ValueError where some labels are hidden and others are not.
    Taught in: chapter 3, section "Fine-tuning".
    """
    frames = {name: rows.to_pandas() for name, rows in dataset.items()}
    for name, frame in frames.items():
        hidden = frame["label"] < 0
        if hidden.any() and not (name == "test" and hidden.all()):
            raise ValueError(
                f"{hidden.sum()} of {len(frame)} labels of {name} are hidden (-1)"
            )
    train, validation, test = (frames[n] for n in ("train", "validation", "test"))
    train = train.sample(frac=1, random_state=seed, ignore_index=True)
    if (test["label"] < 0).all():
        size = max(1, len(train) // 10)
        test, validation = validation, train[:size].reset_index(drop=True)
        train = train[size:].reset_index(drop=True)
    return {"train": train, "validation": validation, "test": test}


class Examples:
    """Sentences as ids, with their labels; makes padded batches.

    `input_ids` is a list of N lists, [CLS] and [SEP] included; `labels` integers [N],
    or None. Raises ValueError for an empty list, a sentence that is longer than the
    model's `max_length`, or labels of another number.
    Taught in: chapter 3, section "Batches by length".
    """

    def __init__(self, tokenizer, sentences, labels=None, max_length=512):
        sentences = list(sentences)
        if not sentences:
            raise ValueError("There are no sentences to encode.")
        self.input_ids = tokenizer(sentences, truncation=False)["input_ids"]
        self.lengths = np.array([len(ids) for ids in self.input_ids])
        if self.lengths.max() > max_length:
            place = int(self.lengths.argmax())
            raise ValueError(
                f"Sentence {place} has {self.lengths[place]} tokens with [CLS] and "
                f"[SEP], and the model has {max_length} positions: "
                f"{sentences[place][:60]!r}..."
            )
        self.labels = None if labels is None else torch.tensor(np.array(labels))
        if labels is not None and len(self.labels) != len(sentences):
            raise ValueError(f"{len(sentences)} sentences, {len(self.labels)} labels")
        self.pad_id = tokenizer.pad_token_id

    def __len__(self):
        return len(self.input_ids)

    def batch(self, places, pad_to=None, device=None):
        """The sentences at `places`, padded to the longest of them (or to `pad_to`).

        Returns input_ids and attention_mask, integers [B, L], and the labels [B] or
        None.
        """
        rows = [self.input_ids[place] for place in places]
        length = max(pad_to or 0, *map(len, rows), 0)
        input_ids = torch.full((len(rows), length), self.pad_id)
        for row, ids in zip(input_ids, rows):
            row[: len(ids)] = torch.tensor(ids)
        mask = torch.arange(length) < torch.tensor([[len(ids)] for ids in rows])
        inputs = {"input_ids": input_ids, "attention_mask": mask.long()}
        inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
        labels = None if self.labels is None else self.labels[list(places)].to(device)
        return inputs, labels


def random_batches(lengths, batch_size, generator):
    """Sentences in random order, cut into batches: a list of arrays of places."""
    order = torch.randperm(len(lengths), generator=generator).numpy()
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def length_batches(lengths, batch_size, generator, pool=20):
    """Random batches of sentences of nearly one length: almost nothing is padding.

    The sentences are shuffled and dealt into pools of `pool` batches; each pool is
    sorted by length and cut, and the batches of all pools are shuffled. So every epoch
    has other batches, and no batch depends on the labels.

    Returns a list of arrays of places; each place occurs once.
    Source: Vaswani et al. 2017, section 5.1 ("batched together by approximate
    sequence length").
    Taught in: chapter 3, section "Batches by length".
    """
    lengths, batches = np.asarray(lengths), []
    for places in random_batches(lengths, batch_size * pool, generator):
        places = places[np.argsort(lengths[places], kind="stable")]
        batches += [
            places[i : i + batch_size] for i in range(0, len(places), batch_size)
        ]
    order = torch.randperm(len(batches), generator=generator)
    return [batches[i] for i in order]


def padding_share(lengths, batches, pad_to=None):
    """The share of the positions of these batches that hold padding and no token.

    Taught in: chapter 3, section "Batches by length".
    """
    lengths = np.asarray(lengths)
    widths = [max(pad_to or 0, lengths[places].max()) * len(places) for places in batches]
    return 1 - lengths.sum() / sum(widths)


# ------------------------------------------------------------------- the optimiser
def parameter_groups(model, weight_decay=0.01):
    """The two groups of AdamW: matrices decay, biases and LayerNorm do not.

    Source: the optimiser of Devlin et al.'s code (`exclude_from_weight_decay`).
    Taught in: chapter 3, section "The optimiser, looked into".
    """
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            exempt = any(part in name.lower() for part in NO_DECAY)
            (no_decay if exempt else decay).append(parameter)
    return [
        {"params": decay, "weight_decay": weight_decay},
        {"params": no_decay, "weight_decay": 0.0},
    ]


def linear_schedule(optimizer, warmup_steps, total_steps):
    """Learning rate up from 0 in `warmup_steps` steps, then down to 0, linearly.

    Source: Devlin et al. 2019, appendix A.2 (warm-up, linear decay).
    Taught in: chapter 3, section "The optimiser, looked into".
    """

    def factor(step):
        if step < warmup_steps:
            return step / max(1, warmup_steps)
        return (total_steps - step) / max(1, total_steps - warmup_steps)

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


# ------------------------------------------------------------------------ the loop
def fine_tune(
    model, train, *, learning_rate, epochs=3, batch_size=32, weight_decay=0.01,
    warmup=0.1, clip=1.0, seed=0, batching=length_batches, pad_to=None, after_epoch=None,
):  # fmt: skip
    """Train the whole model on `train` (`Examples`); returns the loss of each step.

    `model(input_ids=..., attention_mask=...)` has `.logits` [B, C]; it may be the
    course's own or one of `transformers`. `warmup` is a share of the steps, `clip` the
    largest gradient norm, `after_epoch(epoch)` is called with 1, 2, ... after each.
    On a GPU the products are in bfloat16.

    Raises FloatingPointError where the loss is no number any more.
    Source: Devlin et al. 2019, section 4.1 and appendix A.3.
    Taught in: chapter 3, section "The loop in twenty lines".
    """
    torch.manual_seed(seed)  # dropout
    generator = torch.Generator().manual_seed(seed)  # the order of the sentences
    device = next(model.parameters()).device
    steps = epochs * math.ceil(len(train) / batch_size)
    optimizer = torch.optim.AdamW(
        parameter_groups(model, weight_decay), lr=learning_rate, fused=True
    )
    schedule = linear_schedule(optimizer, round(warmup * steps), steps)
    losses = []
    for epoch in range(1, epochs + 1):
        model.train()
        batches = batching(train.lengths, batch_size, generator)
        for places in progress(batches, f"epoch {epoch}"):
            inputs, labels = train.batch(places, pad_to, device)
            with half_precision_on_gpu(device):
                logits = model(**inputs).logits
            loss = F.cross_entropy(logits.float(), labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            schedule.step()
            losses.append(loss.detach())
        if after_epoch:
            after_epoch(epoch)
    model.eval()
    return check_losses([loss.item() for loss in losses])


class LengthBatches:
    """`length_batches` in the form of a DataLoader's batch sampler: anew each epoch."""

    def __init__(self, lengths, batch_size, seed):
        self.lengths, self.batch_size = lengths, batch_size
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self):
        return math.ceil(len(self.lengths) / self.batch_size)

    def __iter__(self):
        yield from length_batches(self.lengths, self.batch_size, self.generator)


def trainer(
    model, train, *, folder, learning_rate, epochs=3, batch_size=32, weight_decay=0.01,
    warmup=0.1, clip=1.0, seed=0,
):  # fmt: skip
    """`fine_tune` as a `transformers.Trainer`, ready for `.train()`; the same batches.

    `model` is one of `transformers`. The Trainer writes to `folder` only what it is
    asked to save. Its losses are in `trainer.state.log_history`.
    Taught in: chapter 3, section "The same with Trainer".
    """
    batches = LengthBatches(train.lengths, batch_size, seed)

    class SameBatches(transformers.Trainer):
        def get_train_dataloader(self):
            return DataLoader(range(len(train)), batch_sampler=batches, collate_fn=collate)

    def collate(places):
        inputs, labels = train.batch(places)
        return {**inputs, "labels": labels}

    arguments = transformers.TrainingArguments(
        output_dir=str(folder), learning_rate=learning_rate, num_train_epochs=epochs,
        weight_decay=weight_decay, warmup_steps=round(warmup * epochs * len(batches)),
        max_grad_norm=clip, lr_scheduler_type="linear", optim="adamw_torch_fused",
        seed=seed, logging_steps=1, save_strategy="no", report_to="none",
        disable_tqdm=True, use_cpu=next(model.parameters()).device.type == "cpu",
    )  # fmt: skip
    made = SameBatches(model, arguments)
    made.remove_callback(PrinterCallback)
    return made


def with_classifier(body, seed):
    """A classifier on a copy of a `utils.bert.Bert`, its new layer drawn from `seed`.

    Taught in: chapter 3, section "The loop in twenty lines".
    """
    model = random_classifier(body.config, seed)
    model.bert.load_state_dict(body.state_dict())
    return model.to(body.pooler.dense.weight.device)


def start_from_probe(model, pooled, labels, strength=0.5):
    """Set the new layer of a classifier to a linear probe's; returns the model.

    pooled: what the pooler of the model's body says of the training sentences, [N,
    hidden_size], by `sentence_features`; labels: integers [N]. The probe is a logistic regression with
    L2-regularisation, C = `strength`. A random layer sends random gradients into the body, and a
    short training may be over before it has a direction.
    Source: Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features and
    Underperform Out-of-Distribution" (linear probing, then fine-tuning).
    Taught in: chapter 3, section "The baselines".
    """
    probe = LogisticRegression(C=strength, max_iter=1000).fit(pooled, labels)
    weight, bias = torch.from_numpy(probe.coef_[0]), float(probe.intercept_[0])
    layer = model.classifier
    with torch.no_grad():  # two logits whose difference is the probe's
        layer.weight.copy_(torch.stack([-weight / 2, weight / 2]))
        layer.bias.copy_(torch.tensor([-bias / 2, bias / 2]))
    return model


def random_classifier(config, seed):
    """The same architecture with every weight drawn from `seed`: it has read nothing.

    Taught in: chapter 3, section "The baselines".
    """
    torch.manual_seed(seed)
    return bert.BertForSequenceClassification(config)


def half_precision_on_gpu(device):
    """bfloat16 for the matrix products of a GPU, float32 for everything on a CPU."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def check_losses(losses):
    """The losses, or FloatingPointError with the first step whose loss is no number."""
    for step, loss in enumerate(losses):
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss was {loss} at step {step}: try a lower learning rate."
            )
    return losses


@dataclass(frozen=True)
class History:
    """What happened in training: `losses` of the steps, `validation` MCC by epoch."""

    losses: list[float]
    validation: list[float]

    @property
    def best_epoch(self):
        """The first epoch, from 1, with the highest validation MCC."""
        return 1 + int(np.argmax(self.validation))


def fine_tune_and_choose(model, train, validation, **options):
    """`fine_tune`, then go back to the epoch that did best on `validation`.

    Returns a `History`. The model ends with the weights of `history.best_epoch`; the
    test set has no part in the choice.
    Taught in: chapter 3, section "Choosing on validation".
    """
    scores, best = [], {}

    def after_epoch(epoch):
        predictions = probabilities(model, validation) > 0.5
        scores.append(matthews(*confusion(validation.labels, predictions)))
        if scores[-1] > max(scores[:-1], default=-2):
            best.update(copy.deepcopy(model.state_dict()))

    losses = fine_tune(model, train, after_epoch=after_epoch, **options)
    model.load_state_dict(best)
    return History(losses, scores)


@torch.no_grad()
def forward(model, examples, read, batch_size=64):
    """`read(output, attention_mask)` of each sentence, in order: an array [N, ...].

    The model is put into evaluation mode; sentences of like length share a batch.
    """
    model.eval()
    device = next(model.parameters()).device
    order = np.argsort(examples.lengths, kind="stable")
    rows = []
    for start in range(0, len(order), batch_size):
        inputs, _ = examples.batch(order[start : start + batch_size], device=device)
        with half_precision_on_gpu(device):
            rows.append(read(model(**inputs), inputs["attention_mask"]).float().cpu())
    result = torch.cat(rows)
    return result[torch.as_tensor(np.argsort(order, kind="stable"))].numpy()


def probabilities(model, examples, batch_size=64):
    """The probability of label 1 for each sentence: an array [N]."""
    return forward(
        model, examples, lambda output, _: output.logits.softmax(-1)[:, 1], batch_size
    )


POOLINGS = {  # how a vector is read off: (output, attention_mask) -> [B, hidden_size]
    "mean": lambda output, mask: mean_pooling(output.last_hidden_state, mask),
    "cls": lambda output, mask: output.last_hidden_state[:, 0],
    "pooler": lambda output, mask: output.pooler_output,
}


def sentence_features(encoder, examples, pooling="mean"):
    """One vector for each sentence from a frozen encoder: an array [N, hidden_size].

    pooling: "mean" over the tokens, "cls", the vector of [CLS], or "pooler", what the
    pooler makes of that.
    Taught in: chapter 3, section "The baselines".
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling is one of {list(POOLINGS)}, not {pooling!r}")
    return forward(encoder, examples, POOLINGS[pooling])


# -------------------------------------------------------------------------- scores
def confusion(labels, predictions):
    """The four cells: true positives, false positives, false negatives, true negatives.

    Positive is label 1, "acceptable". Raises ValueError unless both are 0s and 1s of
    one length.
    Taught in: chapter 3, section "Four cells and five scores".
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions).astype(int)
    if labels.shape != predictions.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(
            f"labels and predictions need one length of 1 or more, not "
            f"{list(labels.shape)} and {list(predictions.shape)}"
        )
    if strange := sorted({*labels.tolist(), *predictions.tolist()} - {0, 1}):
        raise ValueError(f"labels and predictions are 0 or 1, not {strange[0]}")
    tp = int((labels & predictions).sum())
    fp = int(((1 - labels) & predictions).sum())
    fn = int((labels & (1 - predictions)).sum())
    return tp, fp, fn, len(labels) - tp - fp - fn


def accuracy(tp, fp, fn, tn):
    """The share of right answers: (TP + TN) / N."""
    return (tp + tn) / (tp + fp + fn + tn)


def precision(tp, fp, fn, tn):
    """Of what was called acceptable, the share that is: TP / (TP + FP); 0 for none."""
    return tp / (tp + fp) if tp + fp else 0.0


def recall(tp, fp, fn, tn):
    """Of what is acceptable, the share that was found: TP / (TP + FN); 0 for none."""
    return tp / (tp + fn) if tp + fn else 0.0


def f1(tp, fp, fn, tn):
    """The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN); 0 for none."""
    return 2 * tp / (2 * tp + fp + fn) if 2 * tp + fp + fn else 0.0


def matthews(tp, fp, fn, tn):
    """Matthews correlation: the correlation of two columns of 0s and 1s, -1 to 1.

    MCC = (TP TN - FP FN) / √((TP+FP) (TP+FN) (TN+FP) (TN+FN)), and 0 where a column
    is constant: whoever always gives one answer knows nothing.
    Source: Matthews 1975; the score of CoLA in Warstadt et al. 2019.
    Taught in: chapter 3, section "Four cells and five scores".
    """
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / math.sqrt(product) if product else 0.0


SCORES = {
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "F1": f1,
    "MCC": matthews,
}


def scores(labels, predictions):
    """All five scores of one column of predictions: name -> value."""
    cells = confusion(labels, predictions)
    return {name: score(*cells) for name, score in SCORES.items()}


def mcc(labels, predictions):
    """`matthews` of labels and predictions [N]."""
    return matthews(*confusion(labels, predictions))


def interval(labels, runs, score=matthews, resamples=1000) -> Estimate:
    """The mean score of several runs (seeds) on one test set, with its 95 % interval.

    labels: [N]; runs: predictions of each run, R arrays [N]. Each resampling draws N
    sentences with replacement, the same ones for every run, and R runs with
    replacement: the interval holds the luck of the test sentences and of the seeds.

    Taught in: chapter 3, section "What the test says".
    """
    labels, runs = np.asarray(labels), np.atleast_2d(np.asarray(runs).astype(int))
    cells = [one_hot_cells(labels, run) for run in runs]  # R arrays [N, 4]
    rng = np.random.default_rng(0)

    def mean_score(*columns):
        chosen = rng.integers(len(columns), size=len(columns))
        return np.mean([score(*columns[i].sum(0).tolist()) for i in chosen])

    estimate = bootstrap(mean_score, *cells, resamples=resamples)
    value = float(np.mean([score(*cell.sum(0).tolist()) for cell in cells]))
    return Estimate(value, estimate.low, estimate.high)


def one_hot_cells(labels, predictions):
    """Which of the four cells of `confusion` each sentence falls in: integers [N, 4]."""
    place = {(1, 1): 0, (0, 1): 1, (1, 0): 2, (0, 0): 3}
    cells = [place[pair] for pair in zip(labels.tolist(), predictions.tolist())]
    return np.eye(4, dtype=int)[cells]


def sentence_losses(labels, probabilities):
    """The loss of each sentence, -log of the probability of its label: an array [N].

    Taught in: chapter 3, section "The sentences it gets most wrong".
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=float)
    of_the_label = np.where(labels == 1, probabilities, 1 - probabilities)
    return -np.log(np.clip(of_the_label, 1e-12, 1))


# --------------------------------------------------------------------- the classifier
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
    Taught in: chapter 3, section "Saved, loaded and asked".
    """

    def __init__(self, model, tokenizer):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.phenomena, self.suspect = [], None

    def learn_phenomena(self, sentences, phenomena):
        """Learn to name what is wrong: unacceptable sentences and their phenomena.

        The model stays as it is; a linear layer is fitted on its vectors of [CLS].
        """
        guess = LogisticRegression(max_iter=1000, C=0.1)
        guess.fit(self._features(sentences), list(phenomena))
        self.phenomena = guess.classes_.tolist()
        self.suspect = nn.Linear(guess.coef_.shape[1], len(self.phenomena))
        with torch.no_grad():
            self.suspect.weight.copy_(torch.from_numpy(guess.coef_))
            self.suspect.bias.copy_(torch.from_numpy(guess.intercept_))
        return self

    def _features(self, sentences):
        return sentence_features(self.model.bert, self._examples(sentences), "cls")

    def _examples(self, sentences):
        longest = self.model.config.max_position_embeddings
        return Examples(self.tokenizer, sentences, max_length=longest)

    def predict(self, text):
        """A `Prediction` for a sentence; a list of them for a list of sentences.

        Raises TypeError for what is no text, ValueError for an empty sentence and for
        one that is longer than the model's positions. A text that does not look like
        English gets an answer with a note.
        """
        if isinstance(text, (list, tuple)):
            return [self.predict(sentence) for sentence in text]
        if not isinstance(text, str):
            raise TypeError(f"predict() takes a sentence or a list of sentences, not {text!r}")
        if not text.strip():
            raise ValueError("The sentence is empty: there is nothing to judge.")
        probability = float(probabilities(self.model, self._examples([text]))[0])
        phenomenon = None
        if probability < 0.5 and self.suspect is not None:
            with torch.no_grad():
                guess = self.suspect(torch.from_numpy(self._features([text])))
            phenomenon = self.phenomena[int(guess.argmax())]
        label = "acceptable" if probability >= 0.5 else "unacceptable"
        note = doubt_about_language(text, self.tokenizer)
        return Prediction(text, label, round(probability, 4), phenomenon, note)

    def save(self, folder):
        """Write the classifier to `folder`, in the files that `transformers` reads.

        `AutoModelForSequenceClassification.from_pretrained(folder)` gives the same
        logits. The folder appears when it is whole. Raises FileExistsError for a
        folder that is there and not empty.
        """
        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise FileExistsError(f"{folder} exists: choose another folder, or remove it")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
            new = Path(unfinished) / "classifier"
            config = bert.to_transformers_config(self.model.config)
            config.architectures = ["BertForSequenceClassification"]
            config.id2label = {0: "unacceptable", 1: "acceptable"}
            config.label2id = {name: i for i, name in config.id2label.items()}
            config.save_pretrained(new)
            self.tokenizer.save_pretrained(new)
            weights = bert.to_transformers_state(self.model)
            save_file(contiguous(weights), new / "model.safetensors", {"format": "pt"})
            if self.suspect is not None:
                (new / PHENOMENA).with_suffix(".json").write_text(
                    json.dumps(self.phenomena, indent=1), encoding="utf-8"
                )
                save_file(
                    contiguous(self.suspect.state_dict()), new / f"{PHENOMENA}.safetensors"
                )
            if folder.exists():
                folder.rmdir()  # empty, as checked above
            new.rename(folder)
        return folder

    @classmethod
    def load(cls, folder):
        """The classifier that `save` wrote. Safetensors only; nothing is downloaded.

        Raises FileNotFoundError for a folder that lacks a file, ValueError for one
        that is damaged or holds another kind of model.
        """
        folder = Path(folder)
        needed = ["config.json", "model.safetensors", "tokenizer.json"]
        if missing := [name for name in needed if not (folder / name).is_file()]:
            raise FileNotFoundError(
                f"{folder} holds no classifier: {missing[0]} is not there"
            )
        options = dict(local_files_only=True, trust_remote_code=False)
        try:
            config = transformers.BertConfig.from_pretrained(folder, **options)
            model = bert.BertForSequenceClassification(
                bert.BertConfig.from_transformers(config)
            )
            theirs = load_file(folder / "model.safetensors")
            weights = {name: bert.their_name(name) for name in model.state_dict()}
            if different := set(theirs) ^ set(weights.values()):
                raise ValueError(f"weights and config.json differ in {min(different)}")
            model.load_state_dict({name: theirs[weights[name]] for name in weights})
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **options)
            classifier = cls(model, tokenizer)
            if (folder / f"{PHENOMENA}.safetensors").is_file():
                names = (folder / f"{PHENOMENA}.json").read_text(encoding="utf-8")
                classifier.phenomena = json.loads(names)
                classifier.suspect = nn.Linear(
                    config.hidden_size, len(classifier.phenomena)
                )
                classifier.suspect.load_state_dict(
                    load_file(folder / f"{PHENOMENA}.safetensors")
                )
        except Exception as error:  # a damaged file raises many kinds
            raise ValueError(f"{folder} cannot be loaded: {error}") from error
        return classifier


PHENOMENA = "phenomena"  # the files that hold what `learn_phenomena` learned


def contiguous(tensors):
    """Tensors that share no memory, as safetensors wants them."""
    return {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}


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
        return "This may not be English: none of its words is a function word of English."
    return ""
