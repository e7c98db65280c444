"""Writes docs/functions.md: every function of NumPy and how diffkit answers it, from the table itself.

    python -m comparisons.functions_page
"""

from __future__ import annotations

import inspect
import pathlib
from typing import Any

import numpy as np

import diffkit.numpy  # noqa: F401  (with the functions that write into arrays)
from diffkit.rules import FUNCTIONS, TABLE
from diffkit.rules.kinds import REFUSED, Elementwise, Rule

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "functions.md"
VERSION = ".".join(np.__version__.split(".")[:2])
PLACES = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft}

HEAD = """# Which functions have a derivative

Written by `python -m comparisons.functions_page` from the rule table, with the names of NumPy VERSION;
a test holds it current.

Every row works in forward and reverse mode and at any order, and `dk.compile` compiles it. The
self-test (`tests/test_rules.py`) proves each: push against pull, second order in all four mode
pairs, against differences, and against SymPy's derivative of the SymPy column where there is one.

- **elementwise, linear, multilinear, general**: the kind of the function's own row.
- **written with rows**: a definition with NumPy's signature, made of functions that have rows.
- **flat**: a step, a test or an index; derivative zero by definition.
- **refused**: named in an error, with the reason, never answered with a wrong number.

SciPy's functions have [a page of their own](scipy.md).
"""


def answer_for(function: Any) -> tuple[str, str, str] | None:
    """How a function is answered, its SymPy column, and where it may be evaluated."""
    if function in REFUSED:
        return "refused: " + REFUSED[function][0], "", ""
    answer = FUNCTIONS.get(function)
    if answer is None:
        return None
    if isinstance(answer, Elementwise):
        domain = ", ".join(str(part) for part in answer.domain)
        return answer.kind, f"`{answer.symbol}`" if answer.symbol else "", domain
    if isinstance(answer, Rule):
        return answer.kind, "", ""
    row = TABLE.get(getattr(function, "__name__", ""))
    return (row.kind if row is not None and row.kind != "flat" else "written with rows"), "", ""


def table_of(module: Any) -> list[str]:
    """The rows of the page for one module."""
    lines = []
    for name in sorted(dir(module)):
        function = getattr(module, name)
        if name.startswith("_") or not callable(function) or inspect.isclass(function):
            continue
        found = answer_for(function)
        if found is not None:
            kind, symbol, domain = found
            lines.append(f"| {name} | {kind} | {symbol.replace('|', chr(92) + '|')} | {domain} |")
    return lines


def page() -> str:
    """The whole page."""
    parts = [HEAD.replace("VERSION", VERSION)]
    for name, module in PLACES.items():
        lines = table_of(module)
        parts.append(f"## {name} ({len(lines)} functions)\n\n| function | answered | SymPy | tested domain |\n"
                     "|---|---|---|---|\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def main() -> None:
    PAGE.write_text(page())
    print(f"wrote {PAGE.name}")


if __name__ == "__main__":
    main()
