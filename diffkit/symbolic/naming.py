"""Symbols for the entries of f's arguments: readable, distinct, and good LaTeX.

A scalar ``x`` is ``x``; entry 2 of a vector is ``x2``, entry (0, 1) of a matrix ``w_0_1``; a leaf
``params[0]["W"]`` of a container begins with ``params_0_W``.  All are real.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy

from diffkit.exact.arrays import collect


def symbols(names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """An object array of symbols for each leaf.

    >>> symbols(["x", 'params["w"]'], [(2,), ()])
    [array([x0, x1], dtype=object), array(params_w, dtype=object)]
    """
    for separator in ("", "_", "__"):
        texts = [[_spelled(name, index, separator) for index in np.ndindex(*shape)]
                 for name, shape in zip(names, shapes)]
        everything = [text for column in texts for text in column]
        if len(set(everything)) == len(everything):
            break
    else:  # names that differ only in their punctuation
        texts = [[f"v{number}_{text}" for text in column] for number, column in enumerate(texts)]
    return [collect([sympy.Symbol(text, real=True) for text in column], shape)
            for column, shape in zip(texts, shapes)]


def _spelled(name: str, index: tuple[int, ...], separator: str) -> str:
    stem = re.sub(r"\W+", "_", name).strip("_") or "x"
    if not index:
        return stem
    if len(index) == 1 and not separator and not stem[-1].isdigit() and "_" not in stem:
        return f"{stem}{index[0]}"
    return stem + "".join(f"{separator or '_'}{i}" for i in index)
