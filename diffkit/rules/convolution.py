"""Convolution and correlation of two sequences.

The full convolution is  y_n = sum_k a_k v_(n-k);  the modes "same" and "valid" are its
middle part, and a correlation is the convolution with the reversed conjugate.  Pulling
back, the cotangent is put where the mode cut it out of the full result, and the adjoint for
a is  sum_n g_n v_(n-k),  the middle of g * reversed(v).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array
from diffkit.rules.indexing import SCATTER
from diffkit.rules.kinds import answers, multilinear

_MODES = {0: "valid", 1: "same", 2: "full", "v": "valid", "s": "same", "f": "full"}


def _full(g: Any, sizes: tuple[int, int], mode: str, reverse: bool) -> Any:
    """The cotangent in its place of the full result."""
    longer, shorter = max(sizes), min(sizes)
    total = longer + shorter - 1
    start = {"full": 0, "same": (shorter - 1) // 2, "valid": shorter - 1}[mode]
    if reverse:  # NumPy swaps the two and reverses the result, which moves the middle
        start = total - start - g.shape[0]
    return SCATTER(g, index=(slice(start, start + g.shape[0]),), shape=(total,))


def _overlap(g: Any, other: Any, length: int) -> Any:
    """sum_n g_n other_(n-k) for k below length."""
    start = other.shape[0] - 1
    return CONVOLVE(g, other[::-1], mode="full")[start:start + length]


def _convolve_adjoint(i: int, g: Any, a: Any, v: Any, mode: str) -> Any:
    g = _full(g, (a.shape[0], v.shape[0]), mode, False)
    return _overlap(g, v, a.shape[0]) if i == 0 else _overlap(g, a, v.shape[0])


CONVOLVE = multilinear(lambda a, v, mode: np.convolve(a, v, mode), _convolve_adjoint, name="convolve")


def _correlate_adjoint(i: int, g: Any, a: Any, v: Any, mode: str) -> Any:
    g = _full(g, (a.shape[0], v.shape[0]), mode, v.shape[0] > a.shape[0])
    return _overlap(g, v[::-1], a.shape[0]) if i == 0 else _overlap(g, a, v.shape[0])[::-1]


#: sum_k a_(n+k) v_k: NumPy's correlate conjugates v, which is undone here, so that the row is linear in v.
CORRELATE = multilinear(lambda a, v, mode: np.correlate(a, np.conj(v), mode), _correlate_adjoint, name="correlate")


def _operands(a: Any, v: Any, mode: Any) -> tuple[Any, Any, str]:
    a, v = (np.reshape(x, (1,)) if not x.ndim else x for x in (as_array(a), as_array(v)))
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError("object too deep for desired array")
    for x, name in ((a, "a"), (v, "v")):
        if not x.shape[0]:
            raise ValueError(f"{name} cannot be empty")
    if mode not in ("full", "same", "valid"):
        np.correlate(np.ones(1), np.ones(1), mode)  # NumPy's own error; before 2.4 it took first letters
        mode = _MODES[mode[:1].lower() if isinstance(mode, str) else mode]
    return a, v, mode


@answers(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    """Sliding sum of products, the second sequence reversed."""
    a, v, mode = _operands(a, v, mode)
    return CONVOLVE(a, v, mode=mode)


@answers(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """Sliding sum of products with conj(v)."""
    a, v, mode = _operands(a, v, mode)
    return CORRELATE(a, np.conjugate(v) if v.dtype.kind == "c" else v, mode=mode)
