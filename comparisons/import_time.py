"""What ``import diffkit`` costs over ``import numpy``: the median of interleaved fresh processes.

The names are imported at their first use, so the first gradient function is made too.

    python -m comparisons.import_time
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

CODES = {"numpy": "import numpy", "diffkit": "import numpy, diffkit; diffkit.grad(numpy.sum)"}


def milliseconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    for code in CODES.values():
        milliseconds(code)  # warm the caches
    rounds = [{name: milliseconds(code) for name, code in CODES.items()} for _ in range(15)]
    numpy = statistics.median(r["numpy"] for r in rounds)
    extra = statistics.median(r["diffkit"] - r["numpy"] for r in rounds)
    print(f"import numpy: {numpy:.0f} ms as a whole process; diffkit and grad: {extra:+.0f} ms over it")


if __name__ == "__main__":
    main()
