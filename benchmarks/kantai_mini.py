"""What kantai-mini learned, measured once and kept: held-out losses, and minimal pairs.

    python -m benchmarks.kantai_mini runs/kantai-mini runs/kantai-mini-2    # both tables
    python -m benchmarks.kantai_mini runs/kantai-mini-2 --pairs 10   # fewer minimal pairs

The folders are those of the runs that made the model, each begun from the one before. The
last has the ids that the model was trained on, from which the n-grams are counted, and
those that were held out. The model is the published one.

- `benchmarks/results/kantai_mini.json`: nats for each hidden token of the held-out text,
  with the same masks for all: the model, three n-grams, and the uniform guess.
- `benchmarks/results/minimal_pairs.json`: in how many minimal pairs of the course's
  grammar the good sentence has the higher score, by phenomenon: pseudo-log-likelihood of
  the model and of the bidirectional n-gram; and MiniLM fine-tuned on the labels of the
  sixteen core phenomena, as chapter 3 does (seed 0), by its probability of "acceptable".
"""

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from utils import bert, english, finetuning, masked_lm, ngrams, settings
from utils.pretraining import Rows, order
from utils.pretraining.corpus import read_corpus
from utils.pretraining.engine import read_log
from utils.pretraining.publish import finished, held_out_loss
from utils.pretraining.recipe import MASK
from utils.sources import load_dataset, load_encoder, load_masked_lm, load_tokenizer

RESULTS = Path(__file__).parent / "results"


def n_grams(run, corpus, recipe):
    """The three n-grams, counted on the ids that the model was trained on."""
    def rows():  # long ones: fewer neighbours are lost where they end
        ids = Rows(run / "data/train.bin", corpus.dtype, 2**16)
        return (ids[i] for i in range(len(ids)))

    kinds = (ngrams.Unigram, ngrams.Bigram, ngrams.Bidirectional)
    return {kind.__name__.lower(): kind.fit(rows(), recipe.vocab_size) for kind in kinds}


def held_out(run, corpus, recipe, model, counted):
    """The losses in nats over all the held-out rows, for the model and the n-grams."""
    rows = Rows(run / "data/held_out.bin", corpus.dtype, recipe.row_length)
    loss, masked = held_out_loss(model, rows, recipe)
    corrupted, labels = order.held_out_rows(rows, range(len(rows)), recipe)
    losses = {"held_out_loss": loss}
    for name, count in counted.items():
        losses[name] = count.loss(corrupted.numpy(), labels.numpy(), [MASK])
    return losses | {"uniform": math.log(recipe.vocab_size), "hidden_tokens": masked}


def fine_tuned_minilm():
    """MiniLM fine-tuned as in chapter 3: a function from sentences to probabilities."""
    tokenizer = load_tokenizer("all-MiniLM-L6-v2")
    body = bert.from_transformers(load_encoder("all-MiniLM-L6-v2"))
    model = bert.Bert(replace(body.config, dropout=0.0))
    model.load_state_dict(body.state_dict())
    data = finetuning.labelled_splits(load_dataset("cola"))
    train, validation = (
        finetuning.Examples(tokenizer, rows["sentence"], rows["label"])
        for rows in (data["train"].head(800), data["validation"].head(200))
    )
    classifier = finetuning.with_classifier(model, seed=0)
    pooled = finetuning.sentence_features(model, train, "pooler")
    finetuning.start_from_probe(classifier, pooled, train.labels)
    finetuning.fine_tune_and_choose(
        classifier, train, validation, learning_rate=1.5e-4, epochs=2, batch_size=16, seed=0
    )
    return lambda texts: finetuning.probabilities(
        classifier, finetuning.Examples(tokenizer, texts)
    )


def minimal_pairs(number, model, tokenizer, bidirectional):
    """Accuracies of three systems, over all pairs, by field and by phenomenon."""
    pairs = english.minimal_pairs(number * len(english.PHENOMENA), 2026, "test")

    def counted(texts):
        return np.array([bidirectional.score(tokenizer(text)["input_ids"]) for text in texts])

    scores = {
        "kantai-mini": lambda texts: masked_lm.pseudo_log_likelihood(model, tokenizer, texts),
        "bidirectional n-gram": counted,
        "MiniLM, fine-tuned": fine_tuned_minilm(),
    }
    systems = {}
    for name, score in scores.items():
        table = masked_lm.minimal_pair_accuracy(score, pairs)
        fields = masked_lm.accuracy_by_field(table)
        systems[name] = {
            "all": round(table.loc["all", "accuracy"], 4),
            "fields": fields["accuracy"].drop("all").round(4).to_dict(),
            "phenomena": table["accuracy"].drop("all").round(4).to_dict(),
        }
    return {
        "command": "python -m benchmarks.kantai_mini runs/kantai-mini runs/kantai-mini-2",
        "split": "test", "pairs": len(pairs), "core": list(english.CORE), "systems": systems,
    }  # fmt: skip


def curve(logs):
    """The held-out losses of runs that go on from one another, counted through."""
    parts, step, tokens = [], 0, 0
    for log in logs:
        scored = log.dropna(subset="held_out_loss")
        parts.append(scored.assign(step=scored.step + step, tokens=scored.tokens + tokens))
        step, tokens = step + log.step.iloc[-1], tokens + log.tokens.iloc[-1]
    scored = pd.concat(parts).drop_duplicates("step")  # the end of one is the next one's 0
    return {
        "step": scored.step.astype(int).tolist(),
        "tokens": scored.tokens.astype(int).tolist(),
        "held_out_loss": scored.held_out_loss.round(4).tolist(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="the folders of the runs, in order")
    parser.add_argument("--pairs", type=int, default=40, help="of each phenomenon (40)")
    chosen = parser.parse_args()
    settings.setup(profile="cpu")
    run = chosen.runs[-1]
    newest = sorted(run.glob("checkpoint-*"))[-1]
    recipe, _ = finished(newest)
    corpus = read_corpus(run / "data")
    model, tokenizer = load_masked_lm("kantai-mini"), load_tokenizer("kantai-mini")
    counted = n_grams(run, corpus, recipe)
    losses = held_out(run, corpus, recipe, model, counted)
    losses = {n: round(v, 4) if isinstance(v, float) else v for n, v in losses.items()}
    losses["curve"] = curve([read_log(folder / "log.csv") for folder in chosen.runs])
    judged = minimal_pairs(chosen.pairs, model, tokenizer, counted["bidirectional"])
    for name, found in (("kantai_mini", losses), ("minimal_pairs", judged)):
        (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({n: v for n, v in losses.items() if n != "curve"}, indent=1))
    for name, system in judged["systems"].items():
        print(f"{name:24} {system['all']:.3f} of {judged['pairs']:,} minimal pairs")


if __name__ == "__main__":
    main()
