"""Checkpoints that are complete or not there.

A checkpoint is a folder: a model as `transformers` saves it, the moments of AdamW, and
`state.json` with everything else and the sums of the files. It is written under
another name and renamed when it is whole and on the disk; a program killed at any moment
leaves the last complete one. Nothing in it is a pickle.

Taught in: chapter 4, section "Kill it, resume it".
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from utils.pretraining.corpus import content_sum, saying_no_space
from utils.pretraining.recipe import PretrainingError, Recipe, model_config

KEEP = 2  # the newest ones; an older one goes when a new one is complete
# The head's matrix is the token embedding itself: stored once, tied when loaded.
TIED = {
    "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
    "lm_head.decoder.bias": "lm_head.bias",
}
NAME = re.compile(r"checkpoint-(\d{7,})")


def save_checkpoint(folder, step, weights, moments, state, recipe, tokenizer):
    """Write `checkpoint-<step>` in folder, whole or not at all; returns its path.

    weights: name -> tensor, of the RobertaForMaskedLM; moments: name -> tensor, of
    AdamW; state: what JSON can hold. The same weights open with
    `AutoModelForMaskedLM.from_pretrained`.
    Raises PretrainingError where the disk takes no more; what was there stays.
    TypeError, ValueError or OSError for what can be no path.
    Taught in: chapter 4, section "Kill it, resume it".
    """
    final = Path(folder) / f"checkpoint-{step:07}"
    part = final.with_suffix(".part")
    try:
        with saying_no_space(folder):
            remove_parts(folder)
            part.mkdir(parents=True)
            write_model(part, weights, recipe, tokenizer)
            save_tensors(moments, part / "optimizer.safetensors")
            sums = {path.name: file_sum(path) for path in sorted(part.iterdir())}
            state = {**state, "step": step, "recipe": dataclasses.asdict(recipe)}
            sums["state.json"] = content_sum(state)  # of all that is in it but the sums
            text = json.dumps(state | {"sums": sums}, indent=1)
            (part / "state.json").write_text(text + "\n")
            for path in (*part.iterdir(), part):
                on_disk(path)
            part.rename(final)
            on_disk(folder)
            for old in checkpoints(folder)[:-KEEP]:
                old.rename(old.with_suffix(".part"))  # never half of it under its name
    finally:
        remove_parts(folder)
    return final


def remove_parts(folder):
    """Remove the checkpoints that were not complete when a program was killed."""
    for part in Path(folder).glob("checkpoint-*.part"):
        shutil.rmtree(part, ignore_errors=True)


def write_model(folder, weights, recipe, tokenizer):
    """The files of a model that `transformers` loads: weights, configuration, tokenizer."""
    own = {name: weight for name, weight in weights.items() if name not in TIED}
    save_tensors(own, folder / "model.safetensors")
    config = model_config(recipe)
    config.architectures = ["RobertaForMaskedLM"]
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_tensors(tensors, path):
    """name -> tensor as a safetensors file."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(tensors, path, metadata={"format": "pt"})


def on_disk(path):
    """Have a file, or the names in a folder, written to the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checkpoints(folder):
    """The complete checkpoints of a run, the oldest first.

    Raises TypeError for what is no path, OSError for one that the system cannot look up.
    """
    found = [p for p in Path(folder).glob("checkpoint-*") if NAME.fullmatch(p.name)]
    return sorted(found, key=step_of)


def load_checkpoint(folder, recipe):
    """(weights, moments, state) of the newest checkpoint of a run, every sum compared.

    Raises PretrainingError where there is none, where a file is damaged, and where the
    checkpoint was made by another recipe, naming what differs; and what `checkpoints`
    raises.
    Taught in: chapter 4, section "Kill it, resume it".
    """
    newest, state = last_state(folder, recipe)
    with saying_damaged(newest):
        for name, expected in state["sums"].items():
            if file_sum(newest / name) != expected:
                raise OSError(f"{name} is not what was written")
        weights = load_file(newest / "model.safetensors")
        moments = load_file(newest / "optimizer.safetensors")
    return weights, moments, state


def last_state(folder, recipe):
    """(path, state) of the newest checkpoint of a run, made by this recipe.

    Raises PretrainingError as `load_checkpoint` does, but for the sums.
    """
    found = checkpoints(folder)
    if not found:
        raise PretrainingError(
            f"{folder} holds no checkpoint to go on from: start without resume"
        )
    newest = found[-1]
    with saying_damaged(newest):
        state = json.loads((newest / "state.json").read_text())
        found = content_sum({name: value for name, value in state.items() if name != "sums"})
        expected = state["sums"].pop("state.json", found)  # an early checkpoint has none
        if found != expected or state["step"] != step_of(newest):
            raise OSError("state.json is not what was written")
        made_by = Recipe(**state["recipe"])
    check_recipe(newest, made_by, recipe)
    return newest, state


def step_of(checkpoint):
    """The step that is in the name of a checkpoint."""
    return int(NAME.fullmatch(checkpoint.name)[1])


@contextlib.contextmanager
def saying_damaged(checkpoint):
    """Turn what a damaged file raises into an error that says what to do."""
    try:
        yield
    except (
        OSError, ValueError, LookupError, TypeError, AttributeError, SafetensorError,
        PretrainingError, RecursionError,
    ) as error:  # fmt: skip
        others = [path for path in checkpoints(checkpoint.parent) if path != checkpoint]
        other = f", or remove that folder to go on from {others[-1].name}" if others else ""
        raise PretrainingError(
            f"{checkpoint} is damaged ({error}): bring it back from a copy{other}"
        ) from error


def check_recipe(path, made_by, recipe):
    """Raise PretrainingError where a checkpoint was made by another recipe."""
    theirs, ours = dataclasses.asdict(made_by), dataclasses.asdict(recipe)
    different = [
        f"{name} was {theirs[name]} and is {ours[name]}"
        for name in ours if theirs[name] != ours[name]
    ]  # fmt: skip
    if different:
        raise PretrainingError(
            f"{path} is from another configuration: {'; '.join(different)}. Resume with the "
            f"same, or start anew in another folder"
        )


def file_sum(path):
    """The sha256 of a file.

    Raises OSError where it cannot be read, TypeError or ValueError for what is no path.
    """
    with open(Path(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
