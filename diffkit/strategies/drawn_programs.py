"""Whole random differentiable programs from the rule table, that shrink to a minimal one.

A program is a list of steps on arrays of one length, each an operation of the table on
earlier values, and a reduction to one number.  An argument whose row has a domain smaller
than the reals is guarded (``np.log((0.5 + x**2))``), so that a program is defined
everywhere; values that grow are brought back by ``tanh``.  Steps that nothing reads
vanish from the source, and the simplest operation comes first: shrinking ends at one
operation and one number.  A new elementwise row in the table is drawn here by itself.
"""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np

from diffkit.errors import InputError
from diffkit.rules import TABLE
from diffkit.rules.domains import Domain
from diffkit.rules.kinds import Elementwise
from diffkit.strategies.program import Operation, Program

#: Words in a row's formula that betray kinks, jumps or steps.
_ROUGH = ("Abs", "Max", "Min", "floor", "sign", "Heaviside")
_GROWN = 30.0


def _guard(domain: Domain) -> tuple[Callable[[Any], Any], str]:
    """A smooth map of all reals into a domain, and its template."""
    low, high = domain.low, domain.high
    if math.isfinite(low) and math.isfinite(high):
        middle, half = (low + high) / 2, 0.45 * (high - low)
        return (lambda x: middle + half * np.tanh(x)), f"({middle:g} + {half:g}*np.tanh({{}}))"
    if math.isfinite(low):
        start = low + 0.5
        return (lambda x: start + x**2), f"({start:g} + {{}}**2)"
    if math.isfinite(high):
        start = high - 0.5
        return (lambda x: start - x**2), f"({start:g} - {{}}**2)"
    if any(isinstance(point, tuple) for point in domain.avoid):
        return np.tanh, "np.tanh({})"
    if domain.avoid:
        start = max(domain.avoid) + 1.5
        return (lambda x: start + np.sin(x)), f"({start:g} + np.sin({{}}))"
    return (lambda x: x), "{}"


def _elementwise(row: Elementwise) -> Operation:
    guards = [_guard(domain) for domain in row.domain]
    fun = row.fun
    inner = ", ".join(template.replace("{}", f"{{{i}}}") for i, (_, template) in enumerate(guards))

    def function(*args: Any) -> Any:
        return fun(*(guard(arg) for (guard, _), arg in zip(guards, args)))

    return Operation(row.name, len(guards), function, f"np.{row.name}({inner})")


@functools.cache
def operations(kinks: bool = False) -> tuple[Operation, ...]:
    """All operations that programs are made of; ``kinks`` lets those in that are not smooth."""
    found = [Operation("reverse", 1, lambda x: x[::-1], "{0}[::-1]"),
             Operation("cumsum", 1, np.cumsum, "np.cumsum({0})"),
             Operation("roll", 1, lambda x: np.roll(x, 1), "np.roll({0}, 1)"),
             Operation("softmax", 1, lambda x: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))),
                       "(lambda v: np.exp(v - np.max(v)) / np.sum(np.exp(v - np.max(v))))({0})")]
    if kinks:
        found.append(Operation("sort", 1, np.sort, "np.sort({0})"))
        found.append(Operation("where", 2, lambda x, y: np.where(x > y, x, y**2), "np.where({0} > {1}, {0}, {1}**2)"))
    rows = []
    for row in TABLE.values():
        if not isinstance(row, Elementwise) or not isinstance(row.fun, np.ufunc) or not row.symbol:
            continue
        plain = len(row.domain) == row.fun.nin == len(row.partials) and all(p is not None for p in row.partials)
        if plain and getattr(np, row.name, None) is row.fun and (kinks or not any(w in row.symbol for w in _ROUGH)):
            rows.append(_elementwise(row))
    rows.sort(key=lambda operation: operation.arity)
    return (*rows, *found)


_REDUCTIONS = (
    Operation("sum", 1, np.sum, "np.sum({0})"),
    Operation("mean", 1, np.mean, "np.mean({0})"),
    Operation("last", 1, lambda x: x[-1], "{0}[-1]"),
    Operation("norm", 1, lambda x: np.sqrt(1 + np.sum(x**2)), "np.sqrt(1 + np.sum({0}**2))"),
    Operation("self product", 1, lambda x: x @ x[::-1], "(lambda v: v @ v[::-1])({0})"),
)
_TANH = Operation("tanh", 1, np.tanh, "np.tanh({0})")


def programs(*, max_steps: int = 5, max_size: int = 3, kinks: bool = False,
             names: Sequence[str] | None = None) -> st.SearchStrategy[Program]:
    """Random differentiable programs with a point each.

    Parameters
    ----------
    max_steps : int
        At most this many operations (more where a value had to be brought back by tanh).
    max_size : int
        At most this many entries of ``point``.
    kinks : bool
        Whether operations with kinks and jumps are drawn too.
    names : sequence of str
        Only operations of these names (see ``operations``).

    Returns
    -------
    SearchStrategy of Program

    Raises
    ------
    InputError
        When there is no operation of a name.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> find(programs(max_size=1, names=["exp", "sqrt", "add"]),
    ...      lambda p: "np.sqrt" in p.source and p.point[0] > 1.5, settings=settings(database=None, derandomize=True))
    Program(lambda x: np.sum(np.sqrt((0.5 + x**2))), point=array([2.]))
    """
    pool = operations(kinks) if names is None else _named(names, kinks)
    return _programs(max_steps, max_size, pool)


def _named(names: Sequence[str], kinks: bool) -> tuple[Operation, ...]:
    """The operations of these names, in the order of the pool; raises InputError for a name that none has."""
    pool = operations(kinks)
    known = [operation.name for operation in pool]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known)
            raise InputError(f"there is no{'' if kinks else ' smooth'} operation {name!r}",
                             ", ".join(near) or "one of diffkit.strategies.drawn_programs.operations()",
                             "an operation with kinks, which kinks=True lets in")
    if not names:
        raise InputError("names is empty: no operation is left", 'names=["sin", "multiply"], or None for all')
    return tuple(operation for operation in pool if operation.name in names)


@st.composite
def _programs(draw: st.DrawFn, max_steps: int, max_size: int, pool: tuple[Operation, ...]) -> Program:
    size = draw(st.integers(1, max_size))
    # Around 1, not 0: a program shrinks best where most derivatives are not 0.
    point = 1.0 + np.array(draw(st.lists(st.floats(-3.0, 1.0, width=32), min_size=size, max_size=size)))
    steps: list[tuple[Operation, tuple[int, ...]]] = []
    values = [point]
    with np.errstate(all="ignore"):
        for _ in range(draw(st.integers(1, max_steps))):
            operation = draw(st.sampled_from(pool))
            operands = tuple(len(values) - 1 - draw(st.integers(0, len(values) - 1)) for _ in range(operation.arity))
            steps.append((operation, operands))
            values.append(operation.function(*(values[i] for i in operands)))
            if not np.max(np.abs(values[-1])) < _GROWN:
                steps.append((_TANH, (len(values) - 1,)))
                values.append(np.tanh(values[-1]))
    return Program(tuple(steps), draw(st.sampled_from(_REDUCTIONS)), point)
