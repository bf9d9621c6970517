"""Measures what the course promises: `make bench`.

    python -m benchmarks                      # everything: two hours on two cores
    python -m benchmarks --quick              # three minutes
    python -m benchmarks tokenizers scaling   # some of the parts

Each part runs in a process of its own; a quick run has one for all, because its start takes
seconds. The rows of a part go at once into `benchmarks/results/<date>-<machine>.json`, and
as a table into the `.md` beside it; the page “What was measured” shows the newest run of
each part. The exit code says whether all parts ran to their end: a promise that is not kept
is a row that says so, no failure.
"""

import argparse
import os
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks import measure, report

# Part → the module that has its rows(quick); in the order in which they run.
PARTS = {
    "fine-tuning": "finetuning",
    "pre-training": "pretraining",
    "architecture": "architecture",
    "tokenizers": "tokenizers",
    "bertology": "heads",
    "scaling": "scaling",
    "gpu": "gpu",
    "book": "book",
    "tests": "tests",
    "site": "site",
    "exact": "exact",
    "promises": "promises",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="the smaller part of it: three minutes")
    chosen = parser.parse_args()
    if unknown := [part for part in chosen.parts if part not in PARTS]:
        parser.error(f"unknown: {', '.join(unknown)}: choose of {', '.join(PARTS)}.")
    os.environ["TQDM_DISABLE"] = "1"  # no progress bars, in the processes of the parts too
    failed, path, process = [], None, None
    for part in chosen.parts or PARTS:
        print(f"\n{part} ...", flush=True)
        process = process or ProcessPoolExecutor(1, get_context("spawn"))
        try:
            module = f"benchmarks.{PARTS[part]}"
            rows, found, took = process.submit(measure.run, module, chosen.quick).result()
        except Exception:  # the other parts are still worth their time
            traceback.print_exc()
            failed.append(part)
        else:
            path = measure.save(part, rows, found, took, chosen.quick)
            report.write(path)
            print(report.table(rows) + f"\n{part}: {took:.0f} s", flush=True)
        if part in failed or not chosen.quick:
            process.shutdown()
            process = None
    if process:
        process.shutdown()
    if path:
        print(f"\nkept in {path.relative_to(path.parents[2])}")
    if failed:
        print(f"benchmarks: failed: {', '.join(failed)}; the errors stand above.", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
