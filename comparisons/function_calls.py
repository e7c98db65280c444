"""Example calls of NumPy's functions, for the columns of docs/functions.md.

A function that is not in ``CALLS`` is called with the first of ``COMMON`` that it takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

V = np.array([0.7, -1.3, 0.4])
W = np.array([1.1, 0.6, 2.3])
S = np.array([[2.1, 0.3, -0.4], [0.2, 1.7, 0.5], [-0.6, 0.1, 2.6]])

#: Tried in this order.
COMMON: list[tuple[Any, ...]] = [(V,), (V, W), (S,), (S, S + 1), (S, V), (V, 1), (V, 2.0), ([V, W],), (S, 1),
                                  ([S, S],)]

#: name -> the call, given the function and what moves, and the arguments that move.
def written(f: Any, x: Any, *args: Any) -> Any:
    """What a function that writes makes of a copy of x."""
    y = x.copy()
    f(y, *args)
    return y


CALLS: dict[str, tuple[Any, ...]] = {
    "angle": (lambda f, x, y: f(x + 1j * y), V, W), "imag": (lambda f, x, y: f(x + 1j * x * y), V, W),
    "apply_along_axis": (lambda f, x: f(lambda lane: lane * lane[0], 0, x), S),
    "apply_over_axes": (lambda f, x: f(np.sum, x, [0, 1]), S), "around": (lambda f, x: f(x, 1) * x, V),
    "astype": (lambda f, x: f(x, np.longdouble), V), "bincount": (lambda f, w: f([0, 2, 2], w), V),
    "broadcast_to": (lambda f, x: f(x, (2, 3)), V), "choose": (lambda f, x, y: f([0, 1, 0], [x, y]), V, W),
    "copyto": (lambda f, x, y: written(f, x, y * y), V, W), "diff": (lambda f, x: f(x), V * W),
    "dsplit": (lambda f, x: f(np.reshape(x, (1, 1, 3)), 3), V), "einsum": (
        lambda f, x, y: f("ij,j->i", x, y), S, V),
    "fill_diagonal": (lambda f, x, y: written(f, x, y), S, V), "geomspace": (lambda f, x, y: f(x, y, 4), W, W + 1),
    "gradient": (lambda f, x: f(x), V * W), "histogram2d": (lambda f, x, y: f(x, y, 2, density=True), V, W),
    "histogramdd": (lambda f, x: f(x, 2, density=True)[0], S), "insert": (lambda f, x, y: f(x, 1, y[0]), V, W),
    "interp": (lambda f, x, y: f(x, [-2.0, 0.1, 0.5, 2.0], np.concatenate([y, y[:1]])), V, W),
    "intersect1d": (lambda f, x: f(x, x[:2]), V), "isin": (lambda f, x: f(x, x[:1]) * x, V),
    "ix_": (lambda f, x: x[f([0, 2], [1])], S), "lexsort": (lambda f, x: x[f((x,))], V),
    "linalg.multi_dot": (lambda f, x, y: f([x, y, x]), S, S + 1), "moveaxis": (lambda f, x: f(x, 0, 1), S),
    "linalg.matrix_rank": (lambda f, x: f(x) * x, S), "linalg.eigh": (lambda f, x: f(x @ np.conj(x.T)), S),
    "linalg.eigvalsh": (lambda f, x: f(x @ np.conj(x.T)), S), "linalg.cholesky": (
        lambda f, x: f(x @ np.conj(x.T)), S),
    "linalg.svd": (lambda f, x: (lambda u, s, v: (u * s ** 2) @ v)(*f(x)), S),
    "piecewise": (lambda f, x: f(x, [x < 0], [lambda v: v * v, 3.0]), V),
    "polyfit": (lambda f, x, y: f(x, y, 1), V, W), "ptp": (lambda f, x: f(x), V),
    "put": (lambda f, x, y: written(f, x, [0, 2], y[:2]), V, W), "place": (
        lambda f, x, y: written(f, x, x > 0, y[:2]), V, W),
    "put_along_axis": (lambda f, x, y: written(f, x, np.array([[0], [2], [1]]), y[:, None], 1), S, V),
    "putmask": (lambda f, x, y: written(f, x, x > 0, y), V, W), "reshape": (lambda f, x: f(x, (9,)), S),
    "round": (lambda f, x: f(x, 1) * x, V), "sign": (lambda f, x: f(x) * x, V),
    "select": (lambda f, x, y: f([x > 0.5, x < 0], [x, y], 2.0), V, W),
    "setdiff1d": (lambda f, x: f(x, [1.0, 2.0]), V), "swapaxes": (lambda f, x: f(x, 0, 1), S),
    "take_along_axis": (lambda f, x: f(x, np.array([2, 0, 2]), 0), V),
    "trim_zeros": (lambda f, x: f(x * [0, 1, 1]), V), "where": (lambda f, x, y: f(x > 0, x, y), V, W),
    "unique_values": (lambda f, x: np.sort(f(x)), V),
}

#: The functions of numpy.polynomial's six modules, by what follows the module's prefix (poly, cheb, …).
POLYNOMIALS: dict[str, tuple[Any, ...]] = {
    "val": (lambda f, x, c: f(x, c), V, W), "val2d": (lambda f, x, c: f(x, x * x, c), V, S),
    "val3d": (lambda f, x, c: f(x, x * x, x + 1, np.stack([c, 2 * c])), V, S),
    "grid2d": (lambda f, x, c: f(x, x * x, c), V, S),
    "grid3d": (lambda f, x, c: f(x, x[:2], x[:1], np.stack([c, 2 * c])), V, S),
    "vander": (lambda f, x: f(x, 3), V), "vander2d": (lambda f, x: f(x, x * x, (2, 1)), V),
    "vander3d": (lambda f, x: f(x, x * x, x + 1, (1, 0, 2)), V),
    "der": (lambda f, c: f(c), W), "int": (lambda f, c: f(c, 2, [1.0, 0.5]), W),
    "add": (lambda f, a, b: f(a, b), V, W),
    "sub": (lambda f, a, b: f(a, b[:2]), V, W), "mul": (lambda f, a, b: f(a, b), V, W),
    "mulx": (lambda f, c: f(c), W), "div": (lambda f, a, b: f(a, b[:2]), V, W), "pow": (lambda f, c: f(c, 3), W),
    "line": (lambda f, c: f(c[0], c[1]), W), "fromroots": (lambda f, r: f(r), V),
    "roots": (lambda f, c: f(c), V), "companion": (lambda f, c: f(c), W),
    "fit": (lambda f, x, y: f(x, y, 1), V, W),
}
