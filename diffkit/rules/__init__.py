"""The rule table: one row a function, stated once and read by every mode.

``TABLE`` holds all rows by name, ``FUNCTIONS`` what NumPy hands us -> who answers.  The words
of the rulebooks are in ``kinds``; each other module is one family.

The families that nearly every program uses are imported here.  The rest (``LATER``) is
imported once, at the first question that the others leave open (``complete``), because
``import diffkit`` must cost little.  Whoever imports TABLE or FUNCTIONS from this package gets
them complete; the dispatch takes FUNCTIONS from ``kinds`` and asks as it goes.
"""

import importlib
import threading
from typing import Any

import numpy as np

from diffkit.rules import (  # noqa: F401  (imported to fill the table)
    arithmetic,
    complex,
    contractions,
    exponential,
    flat,
    indexing,
    kinds,
    questions,
    reductions,
    shapes,
    trigonometric,
    writing,
)

__all__ = ["FUNCTIONS", "ROWS", "TABLE", "complete"]

#: Families that are imported when a function is not found without them.
LATER = [
    "applying", "automatic_domains", "convolution", "counting", "cumulative", "differences", "eigen", "einsum",
    "extrema", "fft", "joining", "linalg", "norms", "padding", "polynomials", "quantiles", "ranges", "rearranging",
    "selection", "sets", "singular", "sorting", "special", "statistics", "ufunc_methods",
]

#: The ufuncs of one argument that are elementwise rows: the hot path of dispatch.
ROWS = {fun: answer for fun, answer in kinds.FUNCTIONS.items()
        if isinstance(fun, np.ufunc) and fun.nin == 1 and type(answer) is kinds.Elementwise}


_lock = threading.RLock()
_state = {"loading": False}


def complete() -> None:
    """Import the remaining families, once; another thread waits, the families themselves do not."""
    with _lock:
        if not _state["loading"]:
            _state["loading"] = True
            kinds.with_originals(_import_families)
            kinds.FUNCTIONS.complete = None


def _import_families() -> None:
    for family in LATER:
        importlib.import_module(f"diffkit.rules.{family}")
    importlib.import_module("diffkit.rules.ufunc_methods").register()


kinds.FUNCTIONS.complete = complete


def __getattr__(name: str) -> Any:
    if name not in ("FUNCTIONS", "TABLE"):
        raise AttributeError(f"module 'diffkit.rules' has no attribute {name!r}")
    complete()
    return getattr(kinds, name)
