"""What ``import diffkit`` costs over ``import numpy``: processor time of the leanest of fresh processes, in turn.

The names are imported at their first use, so the first gradient function is made too.

    OMP_NUM_THREADS=1 python -m comparisons.import_time
"""

from __future__ import annotations

import os
import subprocess
import sys

CODES = {"numpy": "import numpy", "diffkit": "import numpy, diffkit; diffkit.grad(numpy.sum)"}


def milliseconds(code: str) -> float:
    """Of this process's children: what else the machine does is not counted."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    after = os.times()
    return (after.children_user + after.children_system - before.children_user - before.children_system) * 1e3


def main() -> None:
    for code in CODES.values():
        milliseconds(code)  # warm the caches
    rounds = [{name: milliseconds(code) for name, code in CODES.items()} for _ in range(15)]
    numpy, diffkit = (min(r[name] for r in rounds) for name in CODES)
    print(f"import numpy: {numpy:.0f} ms as a whole process; diffkit and grad: {diffkit - numpy:+.0f} ms over it")


if __name__ == "__main__":
    main()
