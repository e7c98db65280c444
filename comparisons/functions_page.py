"""Writes docs/functions.md: every function of NumPy, how diffkit answers it, and what it does in each mode.

    python -m comparisons.functions_page            (--check: compare instead of writing)

The answer comes from the rule table, the marks from running the function (``function_marks``).
"""

from __future__ import annotations

import importlib
import inspect
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import diffkit.numpy  # noqa: F401  (with the functions that write into arrays)
from comparisons.function_calls import POLYNOMIALS
from comparisons.function_marks import MODES, example_of, marks
from diffkit.rules import FUNCTIONS, TABLE
from diffkit.rules.kinds import REFUSED, Elementwise, Rule

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "functions.md"
VERSION = ".".join(np.__version__.split(".")[:2])
PLACES = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft, "numpy.emath": np.emath}
FAMILIES = {"polynomial": "poly", "chebyshev": "cheb", "legendre": "leg", "hermite": "herm", "hermite_e": "herme",
            "laguerre": "lag"}

HEAD = """# Which functions have a derivative

Written by `python -m comparisons.functions_page` from the rule table, with the names of NumPy VERSION;
a test holds it current.

The marks come from running each function: **✓** says that the derivative in that mode agrees with plain
differences of NumPy's own function, **–** that it is refused by name, by diffkit or by NumPy itself
(which has no complex cbrt, for example).

| column | what was run |
|---|---|
| fwd, rev | forward and reverse mode |
| 2nd | the second derivative, in all four pairs of modes |
| sym | `method="symbolic"`: SymPy's own calculus on the recorded program |
| cplx | complex arguments, both modes |
| comp | `dk.compile` of the gradient, called at other points than the one it was recorded at |

How a function is **answered**: *elementwise, linear, multilinear, general* are the kinds of its own row; *rows*: a
definition with NumPy's signature, made of functions that have rows; *flat*: a step, a test or an index, whose
derivative is 0 by definition in every mode; *question*: of shape, dtype or layout, nothing to differentiate;
*refused*: named in an error, with the reason, never answered with a wrong number. Each row of the table is also
proved by the self-test (`tests/test_rules.py`), elementwise ones against SymPy's derivative of the column "SymPy".

Every function that is not here is refused by name. SciPy's functions have [a page of their own](scipy.md).
"""
TITLE = ("| function | answered | fwd | rev | 2nd | sym | cplx | comp | SymPy | tested domain |\n"
         "|---|---|:-:|:-:|:-:|:-:|:-:|:-:|---|---|\n")
POLYNOMIAL_HEAD = """## numpy.polynomial

NumPy's own code runs, as the user's would; there are no rules. A mark holds for the functions of all six modules:
`poly…`, `cheb…`, `leg…`, `herm…`, `herme…`, `lag…`. The classes (`Polynomial`, `Chebyshev`, …) work likewise.
NumPy drops trailing coefficients that are 0; where such a coefficient moves, its derivative would be lost, and the
call is refused.

| function | fwd | rev | 2nd | sym | cplx | comp |
|---|:-:|:-:|:-:|:-:|:-:|:-:|
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
    return (row.kind if row is not None and row.kind != "flat" else "rows"), "", ""


def names_of(place: str) -> list[str]:
    """The functions of a module that have an answer."""
    module = PLACES[place]
    names = getattr(np.lib.scimath, "__all__", dir(module)) if place == "numpy.emath" else dir(module)
    return [name for name in sorted(names)
            if not name.startswith("_") and callable(getattr(module, name))
            and not inspect.isclass(getattr(module, name)) and answer_for(getattr(module, name)) is not None]


def line_of(place: str, name: str) -> str:
    """The page's line for one function."""
    function = getattr(PLACES[place], name)
    found = answer_for(function)
    assert found is not None
    kind, symbol, domain = found
    if kind == "flat" or kind.startswith("refused"):
        cells = ["0" if kind == "flat" else "–"] * len(MODES)
    else:
        with np.errstate(all="ignore"):
            example = example_of(name if place == "numpy" else f"{place.removeprefix('numpy.')}.{name}", function)
        if example is None:
            kind, cells = "question", [""] * len(MODES)
        else:
            cells = list(marks(*example).values())
    return f"| {name} | {kind} | {' | '.join(cells)} | {symbol.replace('|', chr(92) + '|')} | {domain} |"


def polynomial_line(operation: str) -> str:
    """The line for the functions of one name in the six modules of numpy.polynomial."""
    call, *args = POLYNOMIALS[operation]
    every = []
    for module, prefix in FAMILIES.items():
        function = getattr(importlib.import_module(f"numpy.polynomial.{module}"), prefix + operation)
        every.append(marks(_calling(call, function), tuple(args)))
    cells = (max((found[mode] for found in every), key="✓–✗".index) for mode in MODES)
    return f"| …{operation} | {' | '.join(cells)} |"


def _calling(call: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: call(function, *xs)


def page() -> str:
    """The whole page."""
    parts = [HEAD.replace("VERSION", VERSION)]
    for place in PLACES:
        lines = [line_of(place, name) for name in names_of(place)]
        parts.append(f"## {place} ({len(lines)} functions)\n\n{TITLE}" + "\n".join(lines) + "\n")
    parts.append(POLYNOMIAL_HEAD + "\n".join(polynomial_line(operation) for operation in POLYNOMIALS) + "\n")
    return "\n".join(parts)


def main() -> None:
    if "--check" in sys.argv:
        if PAGE.read_text() != page():
            sys.exit(f"{PAGE.name} is out of date: run python -m comparisons.functions_page")
        return
    text = page()
    PAGE.write_text(text)
    print(f"wrote {PAGE.name}")
    if "✗" in text:
        sys.exit("some functions are wrong, or fail without a refusal: the ✗ on the page")


if __name__ == "__main__":
    main()
