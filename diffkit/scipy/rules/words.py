"""The words in which SciPy's rulebooks are written.

``row``       an elementwise ufunc: one partial for each argument
``several``   a ufunc of several results: for each argument a partial of every result
``composed``  a ufunc that is a composition of others: its partials are the composition's
``inverse``   a ufunc that solves F(..., y, ...) = p for y: implicit partials

A partial is what ``diffkit.rules.kinds`` says (a function of the result and the arguments,
1, -1, None), or one of two words: ``NUMERIC`` (no closed form: measured, with its error bar)
and ``WHOLE`` (the argument counts something, the function is not defined between: a
derivative by it is refused).  ``None`` remains for arguments that the function rounds down.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.errors import UnsupportedArgumentError
from diffkit.rules import ROWS
from diffkit.rules.domains import Domain
from diffkit.rules.kinds import FUNCTIONS, Elementwise, Flat, General
from diffkit.scipy.rules.differences import differences, slope

NUMERIC = "numeric"
WHOLE = "whole"

__all__ = ["NUMERIC", "WHOLE", "composed", "flat", "inverse", "numeric_arguments", "polynomial",
           "precise", "row", "several"]


def _named(ufunc: Callable[..., Any]) -> str:
    return f"special.{ufunc.__name__}"


def _measured(f: Callable[..., Any], position: int, name: str) -> Callable[..., Any]:
    def partial(y: Any, *args: Any) -> Any:
        return differences(f, position, len(args), name=name)(*args)

    partial.is_numeric = True  # type: ignore[attr-defined]
    return partial


def _refusing(position: int, name: str) -> Callable[..., Any]:
    def partial(y: Any, *args: Any) -> Any:
        raise UnsupportedArgumentError(
            f"scipy.{name} has no derivative by argument {position}: it is defined for certain values only",
            "a plain value there (dk.value(n)), outside of argnums",
            "a degree or an order that counts, or a characteristic value")

    return partial


def _stated(column: Any, f: Callable[..., Any], position: int, name: str) -> Any:
    if column is NUMERIC:
        return _measured(f, position, name)
    return _refusing(position, name) if column is WHOLE else column


def row(ufunc: Any, *columns: Any, symbol: str | None = None, domain: Sequence[Domain] = (), name: str = "",
        pinned: Any = None) -> Elementwise:
    """A row for an elementwise ufunc, one column for each argument."""
    name = name or _named(ufunc)
    rule = Elementwise(ufunc, [_stated(c, ufunc, i, name) for i, c in enumerate(columns)], symbol, domain, pinned,
                       name=name)
    if isinstance(ufunc, np.ufunc):
        FUNCTIONS[ufunc] = rule
        if ufunc.nin == 1:
            ROWS[ufunc] = rule
    return rule


def flat(*ufuncs: Any) -> None:
    """Rows for steps: the derivative is zero by definition."""
    for ufunc in ufuncs:
        FUNCTIONS[ufunc] = Flat(ufunc, _named(ufunc), call=ufunc)


def composed(ufunc: Any, definition: Callable[..., Any], *, none: Sequence[int] = (), whole: Sequence[int] = (),
             measured: Sequence[int] = (), domain: Sequence[Domain] = ()) -> Elementwise:
    """A row whose partials are those of a definition by other functions; SciPy's own value is kept.

    The arguments ``none`` are rounded down by the function, ``whole`` ones count something,
    by ``measured`` ones the definition itself has a numeric partial.
    """
    def by(position: int) -> Any:
        if position in none:
            return None
        if position in whole:
            return WHOLE
        along = slope(definition, position)

        def partial(y: Any, *args: Any) -> Any:
            return along(*args)

        partial.is_numeric = position in measured  # type: ignore[attr-defined]
        return partial

    return row(ufunc, *(by(i) for i in range(ufunc.nin)), domain=domain)


def inverse(ufunc: Any, forward: Callable[..., Any], unknown: int, places: Sequence[int | str], *,
            none: Sequence[int] = (), whole: Sequence[int] = (), measured: Sequence[int] = ()) -> Elementwise:
    """A row for y = ufunc(*args), the solution of forward(..., y, ...) = p.

    ``places[k]`` says which argument of ``forward`` the k-th argument of ufunc is, or that it
    is the right-hand side "p"; y is forward's argument ``unknown``.  Implicit function
    theorem: dy/dp = 1 / F_y, dy/da = -F_a / F_y.
    """
    count = len(places)

    def arguments(y: Any, args: tuple[Any, ...]) -> list[Any]:
        filled: list[Any] = [None] * count
        filled[unknown] = y
        for place, arg in zip(places, args):
            if place != "p":
                filled[place] = arg  # type: ignore[index]
        return filled

    def by(position: int) -> Any:
        if position in none:
            return None
        if position in whole:
            return WHOLE
        place = places[position]

        def partial(y: Any, *args: Any) -> Any:
            filled = arguments(y, args)
            # SciPy answers with the end of its search interval where there is no solution.
            p = args[places.index("p")]
            solved = np.abs(forward(*filled) - p) <= 1e-3 * np.abs(p)
            rate = np.where(solved, slope(forward, unknown)(*filled), np.nan)
            return 1 / rate if place == "p" else -slope(forward, place)(*filled) / rate  # type: ignore[arg-type]

        partial.is_numeric = position in measured  # type: ignore[attr-defined]
        return partial

    return row(ufunc, *(by(i) for i in range(count)))


def several(ufunc: Any, *columns: Any) -> General:
    """A row for a ufunc of several results; ``columns[i](y, *args)`` gives the partials of all by argument i.

    A column may be ``NUMERIC`` or ``WHOLE``; y is the tuple of results.
    """
    name = _named(ufunc)

    def result(k: int) -> Callable[..., Any]:
        def one(*args: Any) -> Any:
            return ufunc(*args)[k]
        return one

    results = [result(k) for k in range(ufunc.nout)]

    def measured(position: int) -> Callable[..., Any]:
        def partials(y: Any, *args: Any) -> Any:
            return [differences(one, position, len(args), name=name)(*args) for one in results]
        partials.is_numeric = True  # type: ignore[attr-defined]
        return partials

    stated = [measured(i) if c is NUMERIC else _refusing(i, name) if c is WHOLE else c for i, c in enumerate(columns)]

    def jvp(y: Any, args: Any, tangents: Any) -> Any:
        totals: list[Any] = [0] * len(y)
        for partials, t in zip(stated, tangents):
            if t is not None:
                totals = [total + t * p for total, p in zip(totals, partials(y, *args))]
        return tuple(totals)

    def vjp(g: Any, y: Any, args: Any) -> Any:
        class Columns:
            """Cotangents by position: only those asked for are computed."""

            def __getitem__(self, position: int) -> Any:
                total = None
                for one, p in zip(g, stated[position](y, *args)):
                    if one is not None:
                        total = one * p if total is None else total + one * p
                return total

        return Columns()

    rule = General(ufunc, name=name, jvp=jvp, vjp=vjp, outputs=ufunc.nout, call=ufunc)
    FUNCTIONS[ufunc] = rule
    rule_columns[name] = stated
    return rule


#: The columns of rows with several results, for questions about their provenance.
rule_columns: dict[str, list[Any]] = {}


def numeric_arguments(rule: Any) -> tuple[int, ...]:
    """The arguments by which a row's partial is measured by finite differences."""
    partials: Sequence[Any] = rule_columns[rule.name] if rule.name in rule_columns else getattr(rule, "partials", ())
    return tuple(i for i, p in enumerate(partials) if getattr(p, "is_numeric", False))


def precise(function: Callable[..., Any]) -> Callable[..., Any]:
    """A plain function computed in double precision, its result in the precision of its arguments."""
    @functools.wraps(function)
    def rounded(*args: Any) -> Any:
        given = [arg.dtype for arg in args if hasattr(arg, "dtype") and arg.dtype.kind in "fc"]
        dtype = np.result_type(*given) if given else np.dtype(float)  # Python's numbers are weak
        wide = [np.asarray(arg, np.complex128 if arg.dtype.kind == "c" else np.float64)
                if hasattr(arg, "dtype") and arg.dtype.kind in "fc" else arg for arg in args]
        y = np.asarray(function(*wide))
        if dtype.itemsize // (2 if dtype.kind == "c" else 1) < 8:
            y = y.astype(np.complex64 if y.dtype.kind == "c" else np.float32)
        return y[()]

    return rounded


def polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """A power series by Horner's rule, on traced values too."""
    total = coefficients[-1] + 0 * x
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total
