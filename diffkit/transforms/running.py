"""One run of the user's function on traced leaves, and its results on the way out.

What every transform shares: the call itself (the user's own exception comes through
unchanged, a write to an argument by another name is refused), the auxiliary results, and what
counts as the one real number that a gradient needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.buffers import run
from diffkit.errors import HolomorphicError, InputError, NotScalarError
from diffkit.levels import Level, levels_made
from diffkit.masked import CAREFUL, holds_nan
from diffkit.recording import TapeLevel
from diffkit.tape import Node
from diffkit.traced import Traced, is_traced, primal
from diffkit.transforms import dropped, equalities  # noqa: F401  (they put their checks in place)

Function = Callable[..., Any]
_ndarray = np.ndarray


def call(f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], level: TapeLevel) -> Any:
    """Run f on values that ``level`` has lifted."""
    result = run(f, args, kwargs)
    level.check_untouched()
    return result


def finish(cotangents: Sequence[Any], leaves: Sequence[Any]) -> list[Any]:
    """Cotangents as results: zeros for no dependence, writable arrays of the user's own."""
    result = []
    for c, leaf in zip(cotangents, leaves):
        if c is None:
            c = np.zeros(leaf.shape, leaf.dtype) if leaf.shape or is_traced(leaf) else leaf.dtype.type(0)
        elif type(c) is _ndarray and (not c.flags.writeable or c.base is not None):
            c = c.copy()
        result.append(c)
    return result


def is_worth_care(depth: int, value: Any, derivatives: Any) -> bool:
    """Whether a NaN may go away if all derivatives inside f, too, are masked from the start.

    That takes a transform inside f (a level younger than that of ``depth``) and a result
    that is not itself NaN.
    """
    return (not CAREFUL.get() and levels_made() > depth + 1 and has_numbers(value)
            and any(map(holds_nan, tree.flatten(derivatives)[0])))


def has_numbers(values: Any) -> bool:
    """Whether any entry of a result is not NaN, so that its derivative could be a number."""
    plain = [primal(value) for value in tree.flatten(values)[0]]
    return any(bool(np.any(value == value)) for value in plain)


def split_aux(result: Any, has_aux: bool, level: Level | None) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise InputError(f"has_aux=True expects f to return a pair (value, aux), not {type(result).__name__}",
                         "return value, aux")
    return result[0], strip(result[1], level)


def strip(value: Any, level: Level | None) -> Any:
    """Results in containers as they are one level below ``level``."""
    if type(value) is Traced:
        return value.value if value.level is level else value
    leaves, structure = tree.flatten(value)
    if structure is tree.LEAF:
        return value
    return tree.unflatten(structure, [strip(leaf, level) for leaf in leaves])


def scalar_result(f: Function, result: Any, level: Level | None, holomorphic: bool) -> tuple[Any, Node | None]:
    """The plain value and the node of grad's result, or None if it depends on nothing."""
    traced = type(result) is Traced and result.level is level
    value = result.value if traced else result
    if not hasattr(value, "dtype"):
        if isinstance(value, (bool, int, float, complex)):
            value = np.asarray(value)[()]
        else:
            raise NotScalarError(
                f"grad needs a function that returns one number, but {name_of(f)} returned {_kind(result)}",
                "jacobian(f), which takes any result, or vjp" if isinstance(value, (tuple, list, dict))
                else "return the value that is to be differentiated",
                "a missing return statement" if value is None else
                "grad(f, has_aux=True) if f returns (value, extra)" if isinstance(value, tuple) else "")
    if value.size != 1:
        raise NotScalarError(
            f"grad needs a function that returns one number, but {name_of(f)} returned an array of shape "
            f"{value.shape}",
            "jacobian(f) for all its derivatives, or grad of a sum or mean of the result",
            "dk.derivative(f) differentiates an elementwise function entry by entry")
    kind = value.dtype.kind
    if kind == "c" and not holomorphic:
        raise NotScalarError(f"grad needs a real result, but {name_of(f)} returned a complex number",
                             "grad(f, holomorphic=True) for a holomorphic function, otherwise grad of its "
                             "real part, imaginary part or abs(...)**2, or jacobian(f)")
    if kind not in "fc":
        raise NotScalarError(
            f"grad needs a real result, but {name_of(f)} returned {_kind(value)} ({value.dtype})",
            "a floating result: a step function has derivative zero wherever it has one")
    if holomorphic and kind != "c":
        raise HolomorphicError(f"holomorphic=True was given, but {name_of(f)} returned a real number",
                               "holomorphic=False")
    return value, result.mark if traced else None


def zero_of(value: Any) -> Any:
    """The zero tangent of a result that nothing moves."""
    if type(value) is not Traced and not hasattr(value, "dtype"):
        try:
            value = np.asarray(value)[()]
        except (TypeError, ValueError):
            value = np.asarray(None)
    kind = value.dtype.kind
    if kind not in "fciub":
        raise NotScalarError(f"a result is {_kind(value)}, which has no derivative",
                             "return arrays or numbers (in containers), and the rest by has_aux=True")
    dtype = value.dtype if kind in "fc" else np.dtype(np.float64)
    return np.zeros(value.shape, dtype) if value.shape else dtype.type(0)


def name_of(f: Function) -> str:
    return getattr(f, "__qualname__", None) or repr(f)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if hasattr(value, "dtype") and value.dtype.kind in "biu":
        return "a boolean" if value.dtype.kind == "b" else "an integer"
    return f"a {type(value).__name__}"
