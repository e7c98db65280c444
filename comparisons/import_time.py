"""What ``import diffkit`` costs over ``import numpy``: the median of interleaved fresh processes.

    python -m comparisons.import_time
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

CODES = {"numpy": "import numpy", "diffkit": "import diffkit"}


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
    print(f"import numpy: {numpy:.0f} ms as a whole process; import diffkit: {extra:+.0f} ms over it")


if __name__ == "__main__":
    main()
