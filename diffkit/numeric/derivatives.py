"""Derivatives along one line: of a function of one number, elementwise, or in a direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.errors import NumericError, ShapeError
from diffkit.numeric.assembly import whole
from diffkit.numeric.inputs import read
from diffkit.numeric.lines import coordinate, direction, elementwise
from diffkit.numeric.result import Estimate, Result
from diffkit.numeric.schemes import read_order, set_up


def derivative(f: Callable[[Any], Any], x: Any, n: int = 1, scheme: str = "auto", *, step: float | None = None,
               bounds: Any = None, vectorized: bool = False, workers: int | Callable[..., Any] | None = None,
               dtype: Any = None) -> Result:
    """The nth derivative of a function of one number, or of an elementwise function of an array.

    Parameters
    ----------
    f : function
        Of a real scalar, with a result of any shape; or of an array, elementwise: output i
        depends on input i alone and has its place.
    x : real number or array
        Where.  Integers are taken as float64; other dtypes keep their precision.
    n : int
        The order, at least 1.
    scheme : str
        "auto" (adaptive, with claims measured), "central" (the same, both sides required),
        "forward", "backward" (the same, that side only), "richardson" (central, by halved steps),
        "complex-step" (f takes complex numbers; above n = 1 differences of complex steps).
    step : float, optional
        With "central", "forward", "backward": the classical formula with this step.
        With "richardson": the widest of six, each half the one before.
    bounds : pair, optional
        (low, high), numbers or arrays like x: f is never evaluated outside.
    vectorized : bool
        f takes a batch: an array with a leading axis, and returns one with the same axis.
    workers : int or map-like, optional
        Evaluate independent points in so many threads, or by this function like ``map``.
    dtype : real floating dtype, optional
        Evaluate in this precision instead of x's own.

    Returns
    -------
    Result
        ``value`` has f's shape; see :class:`Result`.

    Raises
    ------
    InputError, NumericError, ComplexStepError
        For an x or a result that is not numeric, options that don't fit, or a function that
        the complex step can't differentiate.

    Notes
    -----
    Central differences with error series in h² (Richardson 1911), Neville's table, noise
    after Moré & Wild (2011); what is added is in ``adaptive.py``, ``ladder.py`` and ``extrapolation.py``.

    Examples
    --------
    >>> import numpy as np
    >>> result = derivative(np.sin, 1.0)
    >>> bool(abs(result.value - np.cos(1.0)) <= result.error), result.evaluations
    (True, 9)
    >>> print(np.round(derivative(np.exp, np.array([0.0, 1.0]), n=2).value, 6))
    [1.       2.718282]
    """
    order = read_order(n)
    setup = set_up(f, x, scheme, step, bounds, vectorized, workers, dtype, plain=True)
    entries, evaluator = setup.entries, setup.evaluator
    leaf = entries.leaves[0]
    if leaf.shape and evaluator.shape != leaf.shape:
        raise NumericError(f"f maps shape {leaf.shape} to {evaluator.shape}: it is not elementwise",
                           "jacobian(f, x), or gradient(f, x) of a scalar function")
    line = elementwise(entries) if leaf.shape else coordinate(entries, 0)
    estimate = setup.estimates([line], order)[0]
    scalar = leaf.kind is not np.ndarray
    return whole(estimate, evaluator.shape, np.result_type(leaf.dtype, evaluator.out_dtype), evaluator.count, scalar)


def directional(f: Callable[[Any], Any], x: Any, v: Any, scheme: str = "auto", *, n: int = 1,
                step: float | None = None, bounds: Any = None, vectorized: bool = False,
                workers: int | Callable[..., Any] | None = None, dtype: Any = None) -> Result:
    """The nth derivative of f(x + t v) by t at 0: for n = 1 the Jacobian times v, without the Jacobian.

    Parameters
    ----------
    f : function
        Of x, with a numeric result of any shape.
    x, v : numbers, arrays or containers
        Of one structure and the same shapes; complex ones are allowed, t is real.
    n : int
        The order, at least 1: for n = 2 and a scalar f, v H v with the Hessian H.
    scheme, step, bounds, vectorized, workers, dtype
        As in :func:`derivative`; ``bounds`` are those of x.

    Returns
    -------
    Result
        ``value`` has the shape of f's result.  It is zero, with no claim to make, for v = 0.

    Raises
    ------
    ShapeError
        When v is not like x.  And what :func:`derivative` raises.

    Examples
    --------
    >>> import numpy as np
    >>> result = directional(lambda x: x[0] * x[1], np.array([2.0, 3.0]), np.array([1.0, -1.0]))
    >>> print(round(float(result.value), 9))
    1.0
    """
    order = read_order(n)
    setup = set_up(f, x, scheme, step, bounds, vectorized, workers, dtype)
    entries, evaluator = setup.entries, setup.evaluator
    along = read(v)
    if along.structure != entries.structure or [leaf.shape for leaf in along.leaves] != [
            leaf.shape for leaf in entries.leaves] or along.values.size != entries.values.size:
        raise ShapeError("v is not like x", f"a direction {tree.describe(x)} with x's shapes and dtypes",
                         "a complex v with a real x")
    vector = along.values.astype(entries.values.dtype)
    if not bool(np.isfinite(vector).all()):
        raise NumericError("v holds NaN or infinity", "a finite direction")
    if not vector.any() or evaluator.base.size == 0:
        zero = np.zeros(evaluator.base.size, evaluator.dtype)
        estimate = Estimate(zero, zero.real, np.full(zero.shape, "ok", "<U9"), zero, zero, zero.real, zero.real)
    else:
        estimate = setup.estimates([direction(entries, vector)], order)[0]
    real = np.result_type(evaluator.out_dtype, *(leaf.dtype.type(0).real.dtype for leaf in entries.leaves))
    scalar = all(leaf.kind is not np.ndarray for leaf in entries.leaves)
    return whole(estimate, evaluator.shape, real, evaluator.count, scalar)
