"""What it costs to ask a model about its heads, and what it saves to prune half of them.

The importance of all heads of a classifier, the statistics of its attention maps, and the
pruning itself, in seconds. Then the encoder whole, masked and pruned, by turns, beside what
Michel et al. 2019 report in table 4 for BERT on a GPU. Which heads go makes no difference to
the speed: here each layer loses half of its own, drawn at random.
"""

import copy
import random

from benchmarks.measure import Row, in_turns, seconds
from utils import bert, bertology, english, finetuning
from utils.bertology import patterns
from utils.sources import load_encoder, load_tokenizer

# Table 4, half of the heads pruned: batch → examples per second gained, in %.
MICHEL = {1: 1.9, 4: 2.7, 16: 17.5, 64: 17.5}
LENGTH = 32  # tokens of a sentence
NOTHING = 2  # %, of speed


def rows(quick: bool) -> list[Row]:
    encoder, tokenizer = load_encoder("all-MiniLM-L6-v2"), load_tokenizer("all-MiniLM-L6-v2")
    columns = english.acceptability(2026)["train"]
    model = finetuning.with_classifier(bert.from_transformers(encoder), seed=0)
    return [
        *asking(model, encoder, tokenizer, columns, quick),
        *pruning(model, batches=(1, 16) if quick else (1, 4, 16, 64), repeats=5 if quick else 11),
    ]


def asking(model, encoder, tokenizer, columns, quick) -> list[Row]:
    """The seconds for the importance of all heads, and for the statistics of their maps."""
    asked, read = (48, 100) if quick else (480, 1000)
    texts, labels = list(columns["sentence"]), list(columns["label"])
    examples = finetuning.Examples(tokenizer, texts[:asked], labels[:asked])
    work = {
        "importance": lambda: seconds(lambda: bertology.head_importance(model, examples)),
        "statistics": lambda: seconds(
            lambda: patterns.head_statistics(encoder, tokenizer, texts[:read])),
    }
    found = in_turns(work)
    heads = model.config.num_hidden_layers * model.config.num_attention_heads
    few = "measured on a tenth of the sentences, and multiplied: no promise is judged by it"
    note = few if quick else ""
    return [
        Row("importance of all heads on 480 sentences", found["importance"].median() * 480 / asked,
            "s", most=None if quick else 5, note=note,
            detail={"sentences": asked, "heads": heads}),
        Row("statistics of attention on 1,000 sentences",
            found["statistics"].median() * 1000 / read, "s", most=None if quick else 30, note=note,
            detail={"sentences": read}),
    ]  # fmt: skip


def half(config, seed: int = 0) -> dict[int, list[int]]:
    """Layer → half of its heads, drawn at random."""
    generator, heads = random.Random(seed), range(config.num_attention_heads)
    return {layer: sorted(generator.sample(heads, len(heads) // 2))
            for layer in range(config.num_hidden_layers)}


def pruning(model, batches, repeats: int) -> list[Row]:
    """What is left of the parameters, and how much faster the rest is, by batch size."""
    gone, last = half(model.config), {}

    def prune() -> float:
        last["model"] = copy.deepcopy(model)
        return seconds(lambda: last.update(report=bertology.prune_heads(last["model"], gone)))

    took = in_turns({"pruning": prune})["pruning"].median()
    report, pruned = last["report"], last["model"]
    mask = bertology.mask_without(
        model, [(layer, head) for layer, heads in gone.items() for head in heads])

    def masked(model, input_ids):
        with bertology.mask_heads(model, mask):
            return model(input_ids=input_ids)

    models = {"whole": model, "masked": model, "pruned": pruned}
    table = bertology.benchmark(models, inputs={"masked": masked}, batch_sizes=batches,
                                length=LENGTH, repeats=repeats)  # fmt: skip
    gained = table.set_index(["model", "batch"])[["speed-up", "speed-up 25 %", "speed-up 75 %"]]
    gained = 100 * (gained - 1)
    before, after = report.parameters_before, report.parameters_after
    encoder = before - sum(p.numel() for name, p in model.named_parameters() if "embeddings" in name)
    found = [
        Row("half of the heads pruned: parameters gone", 100 * (before - after) / before, "%",
            note="most parameters are embeddings, which are looked up and not multiplied",
            detail={"before": before, "after": after, "without embeddings": encoder}),
        Row("half of the heads pruned: the pruning itself", took, "s"),
    ]  # fmt: skip
    return found + [speed_row(name, batch, *gained.loc[name, batch])
                    for batch in batches for name in ("pruned", "masked")]  # fmt: skip


def speed_row(name: str, batch: int, gain: float, *quartiles: float) -> Row:
    """What masking or pruning half of the heads gains, in %; batches of 16 have promises."""
    pruned, promised = name == "pruned", batch == 16
    beside = f"Michel et al., table 4, BERT on a GPU: {MICHEL[batch]} %"
    reading = f"promised that masking alone saves nothing; at most {NOTHING} % is our reading of nothing"
    return Row(
        f"half of the heads {name}, batches of {batch}: examples per second gained", gain, "%",
        least=12 if pruned and promised else None, most=NOTHING if promised and not pruned else None,
        note=beside if pruned else reading if promised else "",
        detail={"tokens": LENGTH, "quartiles": list(quartiles)},
    )  # fmt: skip
