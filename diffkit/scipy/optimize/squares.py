"""least_squares and curve_fit, with the Jacobian supplied, and as functions of data and parameters.

The minimum of sum rho((f_i / s)^2) s^2 / 2 is a stationary point of that cost; its derivative takes
second derivatives of f (the whole Hessian, not the Gauss-Newton part of it), so it is exact
where the residuals are not small.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize as original

from diffkit import tree
from diffkit.buffers import plainly
from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.callables import as_tuple, opened, plainest, vector
from diffkit.scipy.calls import prepared, primal
from diffkit.scipy.optimize.minima import _bound_to, _bounds
from diffkit.scipy.optimize.points import Unknowns
from diffkit.scipy.optimize.roots import _MOVING
from diffkit.scipy.optimize.stationary import minimum
from diffkit.traced import is_traced
from diffkit.transforms import jacobian

__all__ = ["curve_fit", "least_squares"]

#: SciPy's losses rho(z) of z = (f / f_scale)^2.
_LOSSES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "soft_l1": lambda z: 2 * z / (1 + np.sqrt(1 + z)),
    "huber": lambda z: np.where(z <= 1, z, 2 * np.sqrt(np.where(z <= 1, 1, z)) - 1),
    "cauchy": lambda z: np.log1p(z),
    "arctan": lambda z: np.arctan(z),
}


def least_squares(fun: Callable[..., Any], x0: Any, jac: Any = "2-point", bounds: Any = (-np.inf, np.inf),
                  method: str = "trf", ftol: Any = 1e-08, xtol: Any = 1e-08, gtol: Any = 1e-08, x_scale: Any = None,
                  loss: Any = "linear", f_scale: Any = 1.0, diff_step: Any = None, tr_solver: Any = None,
                  tr_options: Any = None, jac_sparsity: Any = None, max_nfev: Any = None, verbose: int = 0,
                  args: Any = (), kwargs: Any = None, callback: Any = None, workers: Any = None) -> Any:
    """Nonlinear least squares, scipy.optimize.least_squares, with diffkit's Jacobian for ``jac="2-point"``.

    x0 may be a container, as in ``minimize``; ``x`` comes back in it.  Called on traced values
    ``x``, ``cost`` and ``fun`` are differentiable by args, kwargs, bounds and what fun captured.
    ``diff_step`` or ``jac_sparsity`` ask for SciPy's differences.

    >>> import numpy as np, diffkit as dk
    >>> t = np.arange(4.0)
    >>> fit = lambda y: least_squares(lambda p: p["a"] * t + p["b"] - y, {"a": 0.0, "b": 0.0}).x["a"]
    >>> print(dk.grad(fit)(np.array([0.0, 1.0, 2.0, 4.0])).round(9))
    [-0.3 -0.1  0.1  0.3]
    """
    inner = opened(functools.partial(fun, **(kwargs or {})), as_tuple(args))
    unknowns = Unknowns(x0)
    low, high = _limits(bounds, unknowns)
    if callable(loss) and inner.is_traced:
        raise UnsupportedArgumentError("least_squares with a loss of your own is not differentiated",
                                       f"loss={', '.join(_LOSSES)}, or minimize of the whole cost")

    def residuals(v: Any, *leaves: Any) -> Any:
        return vector(inner.at(leaves)(unknowns.box(v)))

    kept: list[Any] = []
    supplied = isinstance(jac, str) and jac == "2-point" and diff_step is None and jac_sparsity is None
    given = _bound_to(functools.partial(jac, **(kwargs or {})), as_tuple(args)) if callable(jac) else jac

    def search(leaves: Any) -> Any:
        f = lambda v: residuals(v, *leaves)
        own = jacobian(f) if supplied else (lambda v: given(unknowns.box(v))) if callable(given) else given
        kept[:] = [original.least_squares(
            f, primal(unknowns.start), own, (primal(low), primal(high)), method, ftol, xtol, gtol, x_scale, loss,
            plainest(f_scale), diff_step, tr_solver, tr_options, jac_sparsity, max_nfev, verbose, callback=callback,
            workers=workers)]
        return kept[0].x

    if not (inner.is_traced or any(map(is_traced, (unknowns.start, low, high, f_scale)))):
        search(inner.leaves)
        kept[0].x = unknowns.box(kept[0].x)
        return kept[0]

    def cost(v: Any, scale: Any, *leaves: Any) -> Any:
        f = residuals(v, *leaves) / scale
        return 0.5 * scale**2 * np.sum(_LOSSES[loss](f * f))

    bounded = np.any(np.isfinite(primal(low))) or np.any(np.isfinite(primal(high)))
    leaves = [prepared(f_scale) * 1.0, *inner.leaves]
    x = minimum("scipy.optimize.least_squares", lambda scale, *leaves: plainly(search, leaves), cost,
                low if bounded else None, high, leaves)
    rest = {name: value for name, value in kept[0].items() if name not in _MOVING}
    return original.OptimizeResult({**rest, "x": unknowns.box(x), "cost": cost(x, *leaves),
                                    "fun": residuals(x, *inner.leaves)})


def _limits(bounds: Any, unknowns: Unknowns) -> tuple[Any, Any]:
    if isinstance(bounds, original.Bounds):
        return _bounds(bounds, unknowns)
    low, high = bounds
    return unknowns.spread(low), unknowns.spread(high)


def curve_fit(f: Callable[..., Any], xdata: Any, ydata: Any, p0: Any = None, sigma: Any = None,
              absolute_sigma: bool = False, check_finite: Any = None, bounds: Any = (-np.inf, np.inf),
              method: Any = None, jac: Any = None, *, full_output: bool = False, nan_policy: Any = None,
              **kwargs: Any) -> Any:
    """Fit f(xdata, *p) to ydata, scipy.optimize.curve_fit, with diffkit's Jacobian where ``jac`` is None.

    The pair (popt, pcov) is differentiable by xdata, ydata, sigma and what f captured.

    >>> import numpy as np, diffkit as dk
    >>> t = np.arange(4.0)
    >>> slope = lambda y: curve_fit(lambda t, a, b: a * t + b, t, y)[0][0]
    >>> print(dk.grad(slope)(np.array([0.0, 1.0, 2.0, 4.0])).round(9))
    [-0.3 -0.1  0.1  0.3]
    """
    inner = opened(f)
    if not (inner.is_traced or any(map(is_traced, tree.flatten((xdata, ydata, sigma))[0]))):
        own = _columns(f) if jac is None else jac
        return original.curve_fit(f, xdata, ydata, p0, sigma, absolute_sigma, check_finite, bounds, method, own,
                                  full_output=full_output, nan_policy=nan_policy, **kwargs)
    if nan_policy not in (None, "raise"):
        raise UnsupportedArgumentError(f"curve_fit with nan_policy={nan_policy!r} is not differentiated",
                                       "data without NaN")
    ydata = vector(ydata)
    count = len(inner.leaves)
    given = [xdata, ydata, sigma]
    x_leaves, structure = tree.flatten(given)
    kept: list[Any] = []

    def solve(*leaves: Any) -> Any:
        function = inner.at(leaves[:count])
        x, y, s = tree.unflatten(structure, list(leaves[count:]))
        own = _columns(function) if jac is None else _bound_to(jac, ())
        kept[:] = [plainly(lambda: original.curve_fit(
            function, x, y, p0, s, absolute_sigma, check_finite, plainest(bounds), method, own, full_output=True,
            **kwargs))]
        return kept[0][0]

    def residuals(p: Any, *leaves: Any) -> Any:
        x, y, s = tree.unflatten(structure, list(leaves[count:]))
        r = vector(inner.at(leaves[:count])(x, *(p[k] for k in range(p.size)))) - y
        return r if s is None else _whitened(prepared(s), r)

    leaves = [*inner.leaves, *(prepared(leaf) * 1.0 for leaf in x_leaves)]
    low, high = (bounds.lb, bounds.ub) if isinstance(bounds, original.Bounds) else bounds
    bounded = bool(np.any(np.isfinite(primal(low))) or np.any(np.isfinite(primal(high))))
    popt = minimum("scipy.optimize.curve_fit", solve, lambda p, *leaves: np.sum(residuals(p, *leaves) ** 2) / 2,
                   low if bounded else None, high, leaves)
    slopes = jacobian(residuals)(popt, *leaves)
    pcov = np.linalg.inv(slopes.T @ slopes)
    if not absolute_sigma:
        if ydata.size <= popt.size:
            raise UnsupportedArgumentError("the covariance of a fit without spare data is infinite, and not "
                                           "differentiated", "more data than parameters, or absolute_sigma=True")
        pcov = pcov * (np.sum(residuals(popt, *leaves) ** 2) / (ydata.size - popt.size))
    return (popt, pcov, {"nfev": kept[0][2]["nfev"]}, *kept[0][3:]) if full_output else (popt, pcov)


def _whitened(sigma: Any, r: Any) -> Any:
    """Residuals of unit variance, for standard deviations or a covariance matrix."""
    if sigma.ndim < 2:
        return r / sigma
    from diffkit.scipy.linalg import solve_triangular
    return solve_triangular(np.linalg.cholesky(sigma), r, lower=True)


def _columns(f: Callable[..., Any]) -> Callable[..., Any]:
    """The Jacobian of f(x, *p) by p."""
    def columns(x: Any, *p: Any) -> Any:
        return jacobian(lambda p: vector(f(x, *(p[k] for k in range(p.size)))))(np.asarray(p, dtype=float))

    return columns
