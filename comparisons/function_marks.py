"""What a function does in each mode, found by running it: the columns of docs/functions.md.

A function is called with an example (``comparisons.function_calls``, or the first of some common
arguments that NumPy takes and answers with moving numbers).  Each mark says that the derivative
in that mode agrees with plain central differences of NumPy's own function.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.function_calls import CALLS, COMMON
from diffkit.errors import DiffkitError
from diffkit.rules import FUNCTIONS
from diffkit.rules.kinds import Elementwise

MODES = ("forward", "reverse", "second", "symbolic", "complex", "compiled")
Call = tuple[Callable[..., Any], tuple[Any, ...]]


def example_of(name: str, function: Any) -> Call | None:
    """A call of the function and the arguments that move; None where no number of the result moves."""
    if name in CALLS:
        call, *args = CALLS[name]
        return (lambda *xs: call(function, *xs)), tuple(np.asarray(a) for a in args)
    answer = FUNCTIONS.get(function)
    if isinstance(answer, Elementwise) and answer.domain and len(answer.domain) == len(answer.partials):
        rng = np.random.default_rng(3)
        args = tuple(np.asarray(domain.sample(rng, (3,))) for domain in answer.domain)
        places = [i for i, partial in enumerate(answer.partials) if partial is not None and args[i].dtype.kind == "f"]
        return _moving(function, args, places) if places else None
    for args in copy.deepcopy(COMMON):  # some functions write
        places = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        f, moving = _moving(function, args, places)
        try:
            y, t = one_vector(f)(*moving), [1.5 + np.cos(np.arange(a.size)).reshape(a.shape) for a in moving]
        except Exception:
            continue
        if y.size and np.all(np.isfinite(y)) and np.any(np.abs(central(one_vector(f), moving, t)) > 1e-6):
            return f, moving
    return None


def _moving(function: Any, args: tuple[Any, ...], places: list[int]) -> Call:
    def f(*xs: Any) -> Any:
        filled = list(args)
        for i, x in zip(places, xs):
            filled[i] = x
        return function(*filled)
    return f, tuple(args[i] for i in places)


def one_vector(f: Callable[..., Any]) -> Callable[..., Any]:
    """f with all inexact numbers of its result in one vector."""
    def joined(*args: Any) -> Any:
        y = f(*args)
        parts = [part for part in (y if isinstance(y, (tuple, list)) else [y])
                 if hasattr(part, "dtype") and part.dtype.kind in "fc"]
        return np.concatenate([np.reshape(part, (-1,)) for part in parts]) if parts else np.zeros(0)
    return joined


def central(f: Callable[..., Any], args: tuple[Any, ...], tangents: Any, h: float = 1e-4) -> Any:
    """The directional derivative by the fourth-order central difference of the plain function."""
    def at(step: float) -> Any:
        return f(*(x + step * t for x, t in zip(args, tangents)))
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def _close(found: Any, expected: Any, tolerance: float = 1e-5) -> bool:
    found, expected = np.asarray(found), np.asarray(expected)
    return found.shape == expected.shape and bool(
        np.max(np.abs(found - expected), initial=0.0) <= tolerance * (1 + np.max(np.abs(expected), initial=0.0)))


def marks(f: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, str]:
    """For each mode ✓ (answers, and rightly), – (refused) or ✗ (wrong, or an error that is no refusal)."""
    rng = np.random.default_rng(5)
    g = one_vector(f)
    t = tuple(rng.normal(size=a.shape) for a in args)
    weights = rng.normal(size=g(*args).shape)
    where = tuple(range(len(args)))

    def phi(*xs: Any) -> Any:
        y = g(*xs)
        return np.sum(np.real(weights * y)) + 0.5 * np.sum(np.real(weights * y * y))

    def along(found: Any, directions: Any = t) -> Any:
        return sum(np.sum(c * d) for c, d in zip(found, directions))

    slope = central(phi, args, t)

    def second() -> bool:
        gradient = dk.grad(phi, where)
        expected = central(lambda *xs: np.asarray(along(gradient(*xs))), args, t)
        def pushed(*xs: Any) -> Any:
            return dk.jvp(phi, xs, t)[1]

        found = (dk.jvp(pushed, args, t)[1], along(dk.grad(pushed, where)(*args)),
                 along(dk.jvp(gradient, args, t)[1]), along(dk.grad(lambda *xs: along(gradient(*xs)), where)(*args)))
        return all(_close(value, expected, 1e-4) for value in found)

    def complex_numbers() -> bool:
        z = tuple(a + 0.1j * (1 + np.arange(a.size).reshape(a.shape)) for a in args)
        directions = tuple(d + 1j * rng.normal(size=d.shape) for d in t)
        _try_plainly(g, z)
        expected = central(g, z, directions)
        pulled = dk.vjp(g, *z)[1](weights.astype(g(*z).dtype))
        return (_close(dk.jvp(g, z, directions)[1], expected)
                and _close(np.real(along(pulled, directions)), np.real(np.sum(weights * expected))))

    def compiled() -> bool:
        run = dk.compile(dk.grad(phi, where))
        moved = tuple(a + 1e-3 * d for a, d in zip(args, t))
        return all(_close(along(run(*xs)), central(phi, xs, t)) for xs in (args, moved, args))

    asked: dict[str, Callable[[], bool]] = {
        "forward": lambda: _close(dk.jvp(phi, args, t)[1], slope),
        "reverse": lambda: _close(along(dk.grad(phi, where)(*args)), slope),
        "second": second,
        "symbolic": lambda: _close(along(dk.grad(phi, where, method="symbolic")(*args)), slope),
        "complex": complex_numbers, "compiled": compiled}
    return {mode: _mark(ask) for mode, ask in asked.items()}


class _NotNumPys(Exception):
    """NumPy's own function does not take these arguments."""


def _try_plainly(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        f(*args)
    except Exception as error:
        raise _NotNumPys from error


def _mark(ask: Callable[[], bool]) -> str:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return "✓" if ask() else "✗"
        except (DiffkitError, _NotNumPys):
            return "–"
        except Exception:
            return "✗"
