"""Chapter 5's longer runs: all heads, all layers, all seeds, kept as one result file.

    python -m benchmarks.bertology                 # every part, printed
    python -m benchmarks.bertology act --save      # one part, into the result file
    COURSE_SOURCE=local COURSE_DATA=... python -m benchmarks.bertology look probe --save

Parts: `act` (importance, ablation, sweeps, speed; the course's sentences), `look` and
`probe` (a treebank: UD English EWT where it is there, else the course's grammar; each
goes under its name), `code` (the standard library's functions) and `explain` (which
words decided). The file is `benchmarks/results/bertology.json`. The page of the chapter
computes a part again and compares.
"""

import argparse
import json
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr

from utils import bert, bertology, english, finetuning, settings
from utils.bertology import attribution, code_structure, patterns, probes, relations, words
from utils.retrieval import Estimate
from utils.sources import load_dataset, load_encoder, load_tokenizer

RESULTS = Path(__file__).parent / "results/bertology.json"
SEEDS = (0, 1, 2)
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8)


def rows(table):
    """A DataFrame as rows that JSON can hold, numbers to five digits."""
    return json.loads(table.to_json(orient="records", double_precision=5))


@cache
def encoder():
    return load_encoder("all-MiniLM-L6-v2")


@cache
def tokenizer():
    return load_tokenizer("all-MiniLM-L6-v2")


# ----------------------------------------------------------------------------- act
@cache
def judge(seed):
    """An acceptability classifier and its sentences: seed 0 is that of the page."""
    columns = english.acceptability(2026 + seed)
    examples = {
        split: finetuning.Examples(tokenizer(), table["sentence"], table["label"])
        for split, table in columns.items()
    }
    model = finetuning.with_classifier(bert.from_transformers(encoder()), seed=seed)
    finetuning.fine_tune(model, examples["train"], learning_rate=2e-4, epochs=2, seed=seed)
    return model, examples


def act():
    model, examples = judge(0)
    test, validation = examples["test"], examples["validation"]
    scores = bertology.head_importance(model, validation)
    ablation = bertology.ablate_one(model, test)
    places = zip(ablation.layer, ablation["head"])
    rank = spearmanr(-ablation.change, [scores.mean[place] for place in places])
    return {
        "importance": {"n": scores.n, "mean": scores.mean.round(6).tolist(),
                       "standard_error": scores.standard_error.round(6).tolist()},
        "ablation": {"n": len(test), "heads": rows(ablation),
                     "spearman_with_importance": round(float(rank.statistic), 4)},
        "all_but_one": rows(bertology.all_but_one(model, test, validation)),
        "sweep": {"shares": SHARES, "seeds": SEEDS, "rows": sweeps()},
        "speed": speed(model, scores, test),
    }  # fmt: skip


def sweeps():
    """Four orders of masking for three models, each with its own sentences and seed."""
    found = []
    for seed in SEEDS:
        model, examples = judge(seed)
        scores = bertology.head_importance(model, examples["validation"], normalise="layer")
        for order in ("importance", "recomputed", "random", "reverse"):
            table = bertology.masking_sweep(
                model, examples["test"], order=order, scores=scores, shares=SHARES,
                rank_on=examples["validation"], seeds=SEEDS,
            )  # fmt: skip
            found += rows(table.drop(columns="masked").assign(model=seed))
    table = pd.DataFrame(found)
    print(table.pivot_table(index="share", columns="order", values="change").round(4))
    return found


def speed(model, scores, test):
    """Half of the heads: whole, masked and pruned, interleaved."""
    import copy

    table = bertology.masking_sweep(
        model, test, scores=scores.normalised("layer"), shares=(0.0, 0.5)
    )
    gone = table.masked.iloc[-1]
    pruned, mask = copy.deepcopy(model), bertology.mask_without(model, gone)
    report = bertology.prune_heads(pruned, bertology.by_layer(gone))

    def masked(model, input_ids):
        with bertology.mask_heads(model, mask):
            return model(input_ids=input_ids)

    models = {"whole": model, "masked": model, "pruned": pruned}
    found = pd.concat([
        bertology.benchmark(models, inputs={"masked": masked}, batch_sizes=sizes, length=length,
                            repeats=11)
        for length, sizes in ((32, (1, 4, 16, 64)), (128, (1, 16)))
    ])  # fmt: skip
    print(found.round(2).to_string())
    return {"parameters": [report.parameters_before, report.parameters_after],
            "heads": [report.heads_before, report.heads_after], "rows": rows(found)}  # fmt: skip


# ---------------------------------------------------------------- look, at a treebank
@cache
def trees():
    """(name, sentences to pick or train on, sentences to score): two splits."""
    treebank = load_dataset("ud_english_ewt")
    sides = words.read_trees(treebank["test"]), words.read_trees(treebank["validation"])
    return treebank.provenance.given, *sides


def look():
    """Clark's statistics, heads and relations, roles; each beside its control."""
    name, picked_on, scored_on = trees()
    texts = [" ".join(tree.tokens) for tree in scored_on]
    statistics = patterns.head_statistics(encoder(), tokenizer(), texts)
    table = statistics.table()
    table["name"] = [bertology.paper_name(*x) for x in zip(table.layer, table["head"])]
    arcs, tables = {}, {}
    for kind, model in (("model", encoder()), ("random weights", words.random_weights(encoder()))):
        arcs = [
            relations.find_arcs(words.read_words(model, tokenizer(), side).attentions, side)
            for side in (picked_on, scored_on)
        ]
        tables[kind] = relations.with_paper(relations.relation_table(*arcs))
        if kind == "model":
            roles = relations.head_roles(*arcs)
    both = tables["model"].assign(random=tables["random weights"].accuracy)
    print(both.round(3).to_string())
    found = {"sentences": [len(picked_on), len(scored_on)], "statistics": rows(table),
             "relations": rows(both), "roles": rows(roles)}  # fmt: skip
    return {"treebanks": {name: found}}


# --------------------------------------------------------------------------- probe
LABELLED = 600  # sentences that the probes of labels are trained on


def probe():
    """Every probe, on the encoder and on its twin of random weights."""
    name, train, test = trees()
    found = {}
    models = {"model": encoder(), "random weights": words.random_weights(encoder())}
    for kind, model in models.items():
        seen = [words.read_words(model, tokenizer(), side, hidden_states=True)
                for side in (train, test)]  # fmt: skip
        states, maps = [side.hidden_states for side in seen], [side.attentions for side in seen]
        found[kind] = {
            "attention": [summary(probes.attention_probe(maps[0], train, maps[1], test, seed=seed))
                          for seed in SEEDS],
            "structural": [
                summary(probes.structural_probe(states[0], train, states[1], test, layer=layer))
                for layer in range(len(states[0][0]))
            ],
        } | {
            what: labels(probes.label_words(states[0][:LABELLED], train[:LABELLED], what),
                         probes.label_words(states[1], test, what))
            for what in ("upos", "deprels")
        }  # fmt: skip
        print(kind, json.dumps(found[kind], indent=1))
    return {"treebanks": {name: {"probes": found}}}


def labels(train, test):
    """A linear probe of each layer, an MLP of three, and the layers mixed."""
    top = train.features.size(1) - 1
    single = [
        summary(probes.probe(train, test, layer=layer, kind=kind)) | {"layer": layer}
        for kind, layers in (("linear", range(top + 1)), ("mlp", (0, 2, top))) for layer in layers
    ]  # fmt: skip
    return {"single": single, "layers": summary(probes.probe_layers(train, test, seeds=SEEDS))}


def summary(report):
    """A report as JSON holds it, without the weights of the heads."""
    found = {}
    for name, value in vars(report).items():
        if isinstance(value, Estimate):
            found |= {name: round(value.value, 5), "low": round(value.low, 5),
                      "high": round(value.high, 5)}  # fmt: skip
        elif isinstance(value, np.ndarray) and value.ndim == 1:
            found[name] = value.astype(float).round(5).tolist()
        elif isinstance(value, (str, int, type(None))):
            found[name] = value
        elif not isinstance(value, np.ndarray):
            found[name] = round(float(value), 5)
    if hasattr(report, "selectivity"):
        found["selectivity"] = round(float(report.selectivity), 5)
    return found


# ---------------------------------------------------------------------------- code
def code():
    """CAT-scores of 120 functions, with the paper's extra edges and without."""
    snippets = code_structure.python_functions(120)
    others = {"random weights": words.random_weights(encoder(), seed=0)}
    tables = [
        code_structure.cat_table(
            encoder(), tokenizer(), snippets, others, neighbours=neighbours
        ).assign(neighbours=neighbours)
        for neighbours in (True, False)
    ]
    print(pd.concat(tables).round(3).to_string())
    return {"cat": {"functions": len(snippets), "rows": rows(pd.concat(tables))}}


# ------------------------------------------------------------------------- explain
EXPLAINED = 100  # sentences


def explain():
    """Do the attributions agree, and does the answer follow the attention?"""
    model, examples = judge(0)
    sentences = english.acceptability(2026)["test"]["sentence"][:EXPLAINED]
    scores, moved = {}, []
    for sentence in sentences:
        ids = tokenizer()(sentence, return_tensors="pt")["input_ids"]
        inputs = {"input_ids": ids}
        with torch.no_grad():
            target = model(ids).logits.argmax().item()
        for name, found in attributions(model, inputs, target).items():
            own = attribution.own_tokens(tokenizer(), inputs)
            scores.setdefault(name, []).append(found[own])
        for layer in range(model.config.num_hidden_layers):
            shuffled = attribution.permute_attention(
                model, inputs, layer=layer, rows="all", permutations=32
            )
            flat = attribution.uniform_attention(model, inputs, layer=layer, rows="all")
            moved.append((layer + 1, shuffled.largest, shuffled.median,
                          shuffled.distances.max(), flat.distances[0]))  # fmt: skip
    moved = pd.DataFrame(moved, columns=[
        "layer", "largest weight", "shuffled, median", "shuffled, largest", "uniform",
    ]).groupby("layer", as_index=False).mean()  # fmt: skip
    agreement = attribution.rank_agreement(scores)
    print(agreement.round(3).to_string(), moved.round(3).to_string(), sep="\n")
    return {"explain": {"sentences": len(sentences), "agreement": rows(agreement),
                        "permutation": rows(moved)}}  # fmt: skip


def attributions(model, inputs, target):
    """The scores of each method for the tokens of a sentence, [T]."""
    maps = bertology.capture(model, inputs, hidden_states=False, head_outputs=False).attentions
    given = model, tokenizer(), inputs, target
    return {
        "integrated gradients": attribution.integrated_gradients(*given, steps=64).scores,
        "occlusion": attribution.occlusion(*given),
        "gradient × input": attribution.gradient_times_input(model, inputs, target),
        "gradient length": attribution.gradient_norm(model, inputs, target),
        "attention, rollout": attribution.attention_scores(maps),
        "attention, last layer": attribution.attention_scores(maps, "last"),
    }


PARTS = {"act": act, "look": look, "probe": probe, "code": code, "explain": explain}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--save", action="store_true", help="write the result file")
    chosen = parser.parse_args()
    settings.setup(profile="cpu")
    for part in chosen.parts:
        start = time.time()
        found = PARTS[part]()
        print(f"{part}: {time.time() - start:.0f} s")
        if chosen.save:
            kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            merge(kept, found)
            RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def merge(kept, found):
    """Put what was found into what is kept: a treebank's parts join those that it has."""
    for name, value in found.items():
        if name == "treebanks":
            for treebank, parts in value.items():
                kept.setdefault(name, {}).setdefault(treebank, {}).update(parts)
        else:
            kept[name] = value


if __name__ == "__main__":
    main()
