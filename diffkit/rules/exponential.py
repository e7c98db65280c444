"""Exponentials and logarithms.

Partials are written in the form that keeps all digits: by the result where it is known
(exp), by factors that don't cancel otherwise.  The log-sum family leans on a row of its
own, the logistic function s(x) = 1/(1 + exp(-x)), whose derivative s(x) s(-x) closes on
itself: derivatives of any order neither overflow nor cancel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.domains import POSITIVE, REAL, above
from diffkit.rules.kinds import Elementwise, elementwise, over
from diffkit.rules.pieces import in_pieces


def _log_of(number: int, like: Any) -> Any:
    """log(2) or log(10) in the precision of ``like`` (a float32 must not meet a float64)."""
    return np.log(like.dtype.type(number))


@in_pieces
def _logistic(x: Any) -> Any:
    if np.iscomplexobj(x):
        return 1 / (1 + np.exp(-x))
    small = np.exp(-np.abs(x))  # at most 1: nothing overflows
    return np.maximum(small, x >= 0) / (1 + small)  # 1 on the right, small on the left


LOGISTIC: Elementwise = elementwise(_logistic, lambda y, x: y * LOGISTIC(-x), "1/(1 + exp(-x))", REAL,
                                    name="logistic")


def _weight(y: Any, own: Any, other: Any, scale: Any = None) -> Any:
    """The share of ``own`` in the sum: logistic(own - other); of equal infinities 1/2, 0 where they are -inf."""
    is_finite = not hasattr(other, "dtype") and np.isfinite(other)  # so that no two infinities meet
    own, other = (x if hasattr(x, "dtype") else y.dtype.type(x) for x in (own, other))
    if is_finite:
        difference = own - other
    else:
        same = (own == other) & np.isinf(own)
        difference = np.where(same, np.minimum(own, 0), own - np.where(same, 0, other))
    return LOGISTIC(difference if scale is None else difference * scale)


elementwise(np.exp, lambda y, x: y, "exp(x)", REAL)
elementwise(np.exp2, lambda y, x: y * _log_of(2, y), "2**x", REAL)
elementwise(np.expm1, lambda y, x: np.exp(x), "exp(x) - 1", REAL)
elementwise(np.log, over(lambda y, x: x), "log(x)", POSITIVE, pinned={0.0: np.inf})
elementwise(np.log2, lambda y, x: 1 / _log_of(2, x) / x, "log(x)/log(2)", POSITIVE, pinned={0.0: np.inf})
elementwise(np.log10, lambda y, x: 1 / _log_of(10, x) / x, "log(x)/log(10)", POSITIVE, pinned={0.0: np.inf})
elementwise(np.log1p, over(lambda y, x: 1 + x), "log(1 + x)", above(-1), pinned={-1.0: np.inf})
LOGADDEXP = elementwise(np.logaddexp, (lambda y, a, b: _weight(y, a, b), lambda y, a, b: _weight(y, b, a)),
                        "log(exp(x) + exp(y))", REAL, REAL,
                        pinned={(-np.inf, 0.0): (0.0, 1.0), (0.0, -np.inf): (1.0, 0.0), (800.0, 0.0): (1.0, 0.0),
                                (1.0, 1.0): (0.5, 0.5), (-np.inf, -np.inf): (0.0, 0.0)})
elementwise(np.logaddexp2, (lambda y, a, b: _weight(y, a, b, _log_of(2, y)),
                            lambda y, a, b: _weight(y, b, a, _log_of(2, y))),
            "log(2**x + 2**y)/log(2)", REAL, REAL,
            pinned={(-np.inf, 0.0): (0.0, 1.0), (1.0, 1.0): (0.5, 0.5)})
