"""A model to give away: the last checkpoint of a run, small, with its card and sums.

    python -m utils.pretraining.publish runs/kantai-mini checkpoints/kantai-mini

Source: Mitchell et al. 2019, "Model Cards for Model Reporting", for what a card says.
Taught in: chapter 4, section "What the model learned".
"""

import argparse
import json
import math
import shutil
from pathlib import Path

import pandas as pd
import torch

from utils import masked_lm, settings
from utils.pretraining import checkpoints, order
from utils.pretraining.corpus import (
    Rows,
    load_tokenizer,
    read_corpus,
    roberta_tokenizer,
    saying_no_space,
)
from utils.pretraining.engine import read_log
from utils.pretraining.objective import MaskedOnly, masked_tokens
from utils.pretraining.recipe import PretrainingError, Recipe
from utils.sources import formats

SENTENCES = (
    "Human thinking involves human <mask>.",
    "She opened the <mask> and went into the garden.",
    "The capital of England is <mask>.",
    "He was the most honest <mask> in the world.",
    "They <mask> not know what to say.",
)


def publish(run, out, command, licence="cc-by-sa-4.0"):
    """Write the model of a finished run to a folder, weights in float16; returns its card.

    run: the folder of the run; out: a folder that is not there yet; command: how the run
    was started, for the card. The folder holds what `from_pretrained` loads, the card
    README.md and SHA256SUMS.
    Raises PretrainingError for a run that is not finished or is damaged, where `out` is
    taken, or where it cannot be written; then it is not there. TypeError, ValueError or
    OSError for what can be no path, and for a command that no file can hold.
    Taught in: chapter 4, section "What the model learned".
    """
    run, out = Path(run), Path(out)
    newest = (checkpoints.checkpoints(run) or [run / "checkpoint"])[-1]
    recipe, state = finished(newest)
    if out.exists():
        raise PretrainingError(f"{out} is there already: remove it, or choose another name")
    weights, _, _ = checkpoints.load_checkpoint(run, recipe)
    trained = load_tokenizer(run / "tokenizer", recipe.vocab_size)
    corpus, losses = read_corpus(run / "data"), read_losses(run / "log.csv")
    if corpus is None:
        raise PretrainingError(f"{run / 'data'} holds no ids: bring it back from a copy")
    rows = Rows(run / "data/held_out.bin", corpus.dtype, recipe.row_length)
    try:
        with saying_no_space(out):
            out.mkdir(parents=True)
            write_weights(out, weights, recipe, trained)
            model, tokenizer = load_published(out), load_tokenizer(out, recipe.vocab_size)
            text = card(
                out, model, tokenizer, recipe, state, corpus, command, licence,
                held_out_loss(model, rows, recipe), losses,
            )  # fmt: skip
            (out / "README.md").write_text(text)
            formats.write_sums(out, [path.name for path in out.iterdir()])
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    return text


def write_weights(out, weights, recipe, trained):
    """The files that `from_pretrained` loads, weights in float16."""
    # vocab.json and merges.txt, which a run that was given its tokenizer may not have.
    trained.backend_tokenizer.model.save(str(out))
    tokenizer = roberta_tokenizer(out)
    tokenizer.model_max_length = recipe.row_length
    half = {name: weight.half() for name, weight in weights.items()}
    checkpoints.write_model(out, half, recipe, tokenizer)
    config = json.loads((out / "config.json").read_text()) | {"dtype": "float16"}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def finished(checkpoint):
    """(recipe, state) of a checkpoint that is the end of its run."""
    if not (checkpoint / "state.json").is_file():
        raise PretrainingError(f"{checkpoint.parent} holds no checkpoint to publish")
    with checkpoints.saying_damaged(checkpoint):
        state = json.loads((checkpoint / "state.json").read_text())
        recipe = Recipe(**state["recipe"])
        unfinished = state["step"] < recipe.steps
    if unfinished:
        raise PretrainingError(
            f"{checkpoint} is step {state['step']:,} of {recipe.steps:,}: resume the run first"
        )
    return recipe, state


def read_losses(path):
    """The losses of a log, the steps without one left out."""
    try:
        losses = pd.to_numeric(read_log(path)["loss"]).dropna()
        losses.iloc[0]
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise PretrainingError(
            f"{path} is no log of a run ({error}): bring it back from a copy"
        ) from error
    return losses


def load_published(folder):
    """The model of a folder in float32 and evaluation mode."""
    from transformers import RobertaForMaskedLM

    return RobertaForMaskedLM.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
    ).eval()


@torch.no_grad()
def held_out_loss(model, rows, recipe, batch_size=32):
    """The loss of all held-out rows with the frozen masks, in nats, and how many tokens."""
    objective, loss, masked = MaskedOnly(model), 0.0, 0
    for start in range(0, len(rows), batch_size):
        places = range(start, min(start + batch_size, len(rows)))
        batch, labels = order.held_out_rows(rows, places, recipe)
        loss, masked = loss + objective(batch, labels).item(), masked + masked_tokens(labels)
    return loss / masked, masked


def card(out, model, tokenizer, recipe, state, corpus, command, licence, scored, losses):
    """The model card, in the form that the hub shows."""
    loss, masked = scored
    fillings = "\n".join(
        f"| {sentence.replace('<mask>', '`<mask>`')} | "
        + ", ".join(f"{filling.piece.lstrip('Ġ')} {filling.probability:.2f}"
                    for filling in masked_lm.fill_mask(model, tokenizer, sentence, top=5))
        + " |" for sentence in SENTENCES
    )  # fmt: skip
    sums = "\n".join(
        f"- `{path.name}`: `{checkpoints.file_sum(path)}`"
        for path in sorted(out.iterdir()) if path.name != "README.md"
    )  # fmt: skip
    size = (out / "model.safetensors").stat().st_size / 1e6
    return f"""---
license: {licence}
language: en
pipeline_tag: fill-mask
library_name: transformers
---

# {out.name}

A RoBERTa of {model.num_parameters():,} parameters, pre-trained from nothing by the course's own engine: {recipe.num_hidden_layers} layers of width {recipe.hidden_size}, {recipe.num_attention_heads} heads, a byte-level BPE of {len(tokenizer):,} pieces, {recipe.row_length} positions. It is the masked language model that the course carries, so that its chapters need no network; it is far too small to be used for anything else.

```python
from transformers import AutoModelForMaskedLM, AutoTokenizer
model = AutoModelForMaskedLM.from_pretrained("checkpoints/{out.name}")
tokenizer = AutoTokenizer.from_pretrained("checkpoints/{out.name}")
```

## Training

| | |
|---|---|
| text | {corpus.text}: {corpus.documents:,} paragraphs, {corpus.characters:,} characters, {corpus.tokens:,} tokens |
| held out | {corpus.held_out_documents:,} paragraphs, {corpus.held_out_tokens:,} tokens: one paragraph in fifty, chosen by its text |
| command | `{command}` |
| updates | {state['step']:,} of {recipe.batch_size} rows of {recipe.row_length} tokens: {state['tokens']:,} tokens, {state['tokens'] / corpus.tokens:.1f} times the text |
| time | {state['seconds'] / 60:,.0f} minutes ({state['tokens'] / state['seconds']:,.0f} tokens/s); the loss was {losses.iloc[0]:.2f} at the first update and {losses.tail(50).mean():.2f} over the last fifty |
| precision | {recipe.precision} matrix products; the weights are stored in float16, {size:.1f} MB |

Every paragraph is a document, `<s> ... </s>`; rows are packed without padding and attention stays inside a document; masks (15 %, of which 80 % hidden and 10 % replaced) are drawn anew at every visit.

## Evaluation

Held-out loss with frozen masks, float16 weights: **{loss:.3f} nats**, perplexity {math.exp(loss):.1f}, over {masked:,} hidden tokens. The course's chapter 4 sets it beside n-grams and minimal pairs.

| sentence | most likely |
|---|---|
{fillings}

## Limits

Novels and philosophy of the eighteenth to the early twentieth century, and 96 encyclopaedia articles: the model repeats what they say of women, servants, peoples and religions. It knows nothing of the world and little of language, reads {recipe.row_length - 2} tokens at most, and has seen English only.

## Files

sha256, also in `SHA256SUMS`:

{sums}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="the folder of a finished run")
    parser.add_argument("out", help="the folder to make")
    parser.add_argument("--command", required=True, help="how the run was started")
    chosen = parser.parse_args()
    settings.setup(profile="cpu")
    try:
        print(publish(chosen.run, chosen.out, chosen.command))
    except PretrainingError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
