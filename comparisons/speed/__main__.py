"""The board as a Markdown table, row by row."""

from __future__ import annotations

import argparse
import os
import sys

# Where it is set, OpenBLAS takes another processor's kernels (as for equal bits on all machines of a farm), while XLA
# and PyTorch, which don't ask it, take this one's.
os.environ.pop("OPENBLAS_CORETYPE", None)
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before NumPy is loaded
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core for all: XLA asks no variable

from comparisons.speed import harness  # noqa: E402
from comparisons.speed.workloads import all_cases  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m comparisons.speed", description=__doc__)
    parser.add_argument("words", nargs="*", help="only cases whose name has one of these words")
    parser.add_argument("--skip", default="", help="contenders to leave out, with commas")
    options = parser.parse_args()
    print(f"{harness.machine()}\n\n{harness.header()}")
    notes = []
    for case in all_cases():
        if options.words and not any(word in case.name for word in options.words):
            continue
        hand, ratios, failed = harness.measure(case, options.skip.split(","))
        print(harness.row(case, hand, ratios), flush=True)
        notes += [f"{case.name}, {name}: {why}" for name, why in failed.items()]
    print("\n".join(notes), file=sys.stderr)


if __name__ == "__main__":
    main()
