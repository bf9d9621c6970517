"""The engine as a command: python -m utils.pretraining --text kant --out runs/kantai"""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from utils import settings, sources
from utils.pretraining.engine import pretrain
from utils.pretraining.recipe import PROFILES, PretrainingError, Recipe


def arguments():
    """The command line: every value of a Recipe has an option of its name."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.pretraining",
        description="Pre-train a RoBERTa from nothing on a text.",
        epilog="With several processes: torchrun --nproc-per-node 2 -m utils.pretraining ...",
    )
    add = parser.add_argument
    add("--text", nargs="+", required=True, metavar="TEXT",
        help=f"{', '.join(sources.TEXTS)}, or UTF-8 files; several are read in order")  # fmt: skip
    add("--out", required=True, help="the folder of the run")
    add("--profile", choices=PROFILES, default=os.environ.get("COURSE_PROFILE") or "cpu")
    add("--resume", action="store_true", help="go on from the last checkpoint in --out")
    add("--tokenizer", help="a folder with a tokenizer, instead of training one")
    add("--start-from", metavar="FOLDER",
        help="a model's folder to begin with, its tokenizer included, instead of nothing")  # fmt: skip
    add("--device", help="cuda where there is one, unless told")
    add("--threads", type=int, help="OMP_NUM_THREADS, else all cores")
    add("--micro-batch", type=int, default=32, help="rows at once (32)")
    add("--evaluate-every", type=int, metavar="STEPS")
    add("--save-every", type=int, metavar="STEPS")
    add("--compile", action="store_true", help="torch.compile the model")
    add("--fsdp", action="store_true", help="shard the model over the processes")
    recipe = parser.add_argument_group("the recipe, where it differs from the profile's")
    for field in dataclasses.fields(Recipe):
        name = f"--{field.name.replace('_', '-')}"
        if field.type is bool:
            recipe.add_argument(name, action="store_true", default=None)
        else:
            recipe.add_argument(name, type=field.type)
    return parser.parse_args()


def main():
    chosen = vars(arguments())
    changes = {
        field.name: value for field in dataclasses.fields(Recipe)
        if (value := chosen.pop(field.name)) is not None
    }  # fmt: skip
    text = [t if t in sources.TEXTS else Path(t) for t in chosen.pop("text")]
    threads = chosen.pop("threads")
    if threads is None and not os.environ.get("OMP_NUM_THREADS"):
        threads = os.cpu_count()
    try:
        settings.setup(profile="cpu", threads=threads)
        run = pretrain(text, chosen.pop("out"), **chosen, **changes)
    except (
        PretrainingError, sources.SourceError, settings.SettingsError, FloatingPointError
    ) as error:  # fmt: skip
        line = " ".join(str(error).split())
        sys.stderr.write(f"error: {line}\n")  # whole, though other processes write too
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("interrupted: --resume goes on from the last checkpoint", file=sys.stderr)
        raise SystemExit(130) from None
    if int(os.environ.get("RANK", 0)) == 0:
        last, scored = run.log.iloc[-1], run.held_out
        print(f"{run.folder}: step {last.step:.0f}, {last.tokens:,.0f} tokens, "
              f"{last.seconds:,.0f} s of training, loss {last.loss:.3f}"
              + (f", held out {scored.held_out_loss.iloc[-1]:.3f}" if len(scored) else "")
              )  # fmt: skip


if __name__ == "__main__":
    main()
