"""Exponentials and logarithms.

Partials are written in the form that keeps all digits: by the result where it is known
(exp), by expm1 and log1p's own arguments near zero, by differences of logarithms for
the log-sum family so that nothing overflows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.domains import POSITIVE, REAL, above
from diffkit.rules.kinds import elementwise

_LN2, _LN10 = float(np.log(2.0)), float(np.log(10.0))


def _weight(y: Any, own: Any) -> Any:
    """exp(own - y), 0 when own is -inf (there y may be -inf too)."""
    dead = own == -np.inf
    return np.where(dead, 0, np.exp(np.where(dead, 0, own) - np.where(dead, 0, y)))


elementwise(np.exp, lambda y, x: y, "exp(x)", REAL)
elementwise(np.exp2, lambda y, x: y * _LN2, "2**x", REAL)
elementwise(np.expm1, lambda y, x: np.exp(x), "exp(x) - 1", REAL)
elementwise(np.log, lambda y, x: 1 / x, "log(x)", POSITIVE, pinned={0.0: np.inf})
elementwise(np.log2, lambda y, x: 1 / (x * _LN2), "log(x)/log(2)", POSITIVE, pinned={0.0: np.inf})
elementwise(np.log10, lambda y, x: 1 / (x * _LN10), "log(x)/log(10)", POSITIVE, pinned={0.0: np.inf})
elementwise(np.log1p, lambda y, x: 1 / (1 + x), "log(1 + x)", above(-1), pinned={-1.0: np.inf})
elementwise(np.logaddexp, (lambda y, a, b: _weight(y, a), lambda y, a, b: _weight(y, b)),
            "log(exp(x) + exp(y))", REAL, REAL, pinned={(-np.inf, 0.0): (0.0, 1.0)})


def _weight2(y: Any, own: Any) -> Any:
    return _weight(y * _LN2, own * _LN2)


elementwise(np.logaddexp2, (lambda y, a, b: _weight2(y, a), lambda y, a, b: _weight2(y, b)),
            "log(2**x + 2**y)/log(2)", REAL, REAL)
