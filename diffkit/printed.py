"""What a traced value prints: its number and a mark, ``0.700~``, which no parser takes for a number.

Text forgets where it came from.  ``float(f"{x:.3f}")`` would give a plain number, and the
derivative of x would be lost without a word.  So a floating value's text ends in a tilde: it is
readable in a loop's progress line, and ``float``, ``int``, ``Decimal``, ``np.array(…, dtype=float)``,
``json.loads`` of it raise.  Where nothing was joined to the text, the refusal says what to write.
A number padded to a width gives one space for the mark, so that columns stay columns.

A text that a program takes apart itself (by a regular expression, by ``text[:-1]``) can't be seen.
Integers and booleans have no derivative to lose and print as they are.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from diffkit.refusals import lost_derivative

MARK = "~"


class TracedText(str):
    """The text of one floating value."""

    __slots__ = ()

    def _refuse(self) -> NoReturn:
        raise lost_derivative(
            f"float({str.__str__(self)!r}), read from what was printed,",
            "x itself; np.round(x, 3) for float(f\"{x:.3f}\") (a staircase, of derivative 0); "
            "f\"{dk.value(x):.3f}\" for a text without the mark")

    __float__ = __int__ = __complex__ = _refuse


def printed(value: Any, spec: str, ndim: int) -> TracedText:
    """``plain`` with the mark.

    >>> printed(np.float64(0.7), ".3f", 0), printed(np.float64(0.7), "8.3f", 0), printed(np.array([1.0, 2.0]), "", 1)
    ('0.700~', '  0.700~', '[1. 2.]~')
    """
    text = plain(value, spec, ndim)
    if text.endswith(" "):
        kept = text.rstrip(" ")
        return TracedText(kept + MARK + text[len(kept) + 1:])
    return TracedText(text.removeprefix(" ") + MARK)


def plain(value: Any, spec: str, ndim: int) -> str:
    """``format(value, spec)``; a value of more axes than the program knows of stands for a vmap's examples.

    >>> plain(np.array([1.0, 2.0]), ".2f", 0)
    '[1.00 2.00]'
    """
    if np.ndim(value) > ndim:
        return f"[{' '.join(plain(row, spec, ndim) for row in value)}]"
    return format(value, spec)
