"""NumPy's own functions of polynomials: coefficients with the highest power first, as np.poly1d has them.

Most are sums, products and divisions of coefficients.  A root r of p moves by

    p(r) = 0        so        dr = -dp(r) / p'(r),

which holds also where a coefficient at either end is 0; a repeated root has no
derivative.  (numpy.polynomial is plain NumPy and needs no rules: ``diffkit.buffers``.)
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.polynomial import polynomial as ascending

from diffkit.errors import DegenerateError
from diffkit.rules.applying import vander
from diffkit.rules.calls import as_array, plain
from diffkit.rules.kinds import answers, general


def _coefficients(p: Any) -> Any:
    """A polynomial's coefficients as an array of at least one entry's axis."""
    return np.atleast_1d(as_array(p.coeffs if isinstance(p, np.poly1d) else p))


def _like(result: Any, *given: Any) -> Any:
    """A poly1d where one was given."""
    return np.poly1d(result) if any(isinstance(p, np.poly1d) for p in given) else result


@answers(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """The value of a polynomial, by Horner's rule."""
    p = _coefficients(p) if isinstance(p, np.poly1d) else as_array(p)
    if isinstance(x, np.poly1d):
        y: Any = 0
    else:
        x = as_array(x)
        y = np.zeros(x.shape, x.dtype)[()]
    for coefficient in p:
        y = y * x + coefficient
    return y


@answers(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """The sum of two polynomials."""
    first, second = _same_length(a1, a2)
    return _like(first + second, a1, a2)


@answers(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """The difference of two polynomials."""
    first, second = _same_length(a1, a2)
    return _like(first - second, a1, a2)


def _same_length(*polynomials: Any) -> list[Any]:
    arrays = [_coefficients(p) for p in polynomials]
    size = max(map(len, arrays))
    return [a if len(a) == size else np.concatenate([np.zeros(size - len(a), a.dtype), a]) for a in arrays]


@answers(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """The product of two polynomials: their convolution, without leading zeros."""
    return _like(np.convolve(np.poly1d(a1).coeffs, np.poly1d(a2).coeffs), a1, a2)


@answers(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    """Quotient and remainder; which leading entries of the remainder vanish is a path condition."""
    rest, divisor = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    dtype = np.result_type(rest.dtype, divisor.dtype)
    rest = rest.astype(dtype)
    steps = max(len(rest) - len(divisor) + 1, 0)
    scale, digits = 1.0 / divisor[0], []
    for k in range(steps):
        digits.append(scale * rest[k])
        after = k + len(divisor)
        rest = np.concatenate([rest[:k], rest[k:after] - digits[k] * divisor, rest[after:]])
    quotient = np.stack(digits).astype(dtype) if digits else np.zeros(1, dtype)
    while np.allclose(rest[0], 0, rtol=1e-14) and len(rest) > 1:
        rest = rest[1:]
    return _like(quotient, u, v), _like(rest, u, v)


@answers(np.polyder)
def polyder(p: Any, m: Any = 1) -> Any:
    """The m-th derivative of a polynomial."""
    if int(m) < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    y = _coefficients(p)
    for _ in range(int(m)):
        y = y[:-1] * np.arange(len(y) - 1, 0, -1)
    return _like(y, p)


@answers(np.polyint)
def polyint(p: Any, m: Any = 1, k: Any = None) -> Any:
    """The m-th antiderivative of a polynomial, with the constants k."""
    m = int(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    k = np.zeros(m) if k is None else np.atleast_1d(as_array(k))
    if len(k) == 1 and m > 1:
        k = k[0] * np.ones(m)
    if len(k) < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    y = _coefficients(p)
    for i in range(m):
        y = np.concatenate([y / np.arange(len(y), 0, -1), k[i:i + 1]])
    return _like(y, p)


@answers(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The polynomial with these roots, or the characteristic polynomial of a matrix."""
    zeros = np.atleast_1d(as_array(seq_of_zeros))
    if len(zeros.shape) == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        zeros = np.linalg.eigvals(zeros)
    elif len(zeros.shape) != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    else:
        zeros = zeros.astype(np.mintypecode(zeros.dtype.char))
    if not len(zeros):
        return 1.0
    y: Any = np.ones(1, zeros.dtype)
    one = np.ones((), zeros.dtype)[()]
    for zero in zeros:
        y = np.convolve(y, np.stack([one, -zero]))
    if y.dtype.kind == "c":
        found = np.asarray(plain(zeros), complex)
        if np.all(np.sort(found) == np.sort(found.conjugate())):
            y = np.real(y)
    return y


# --- roots -----------------------------------------------------------------------------------------

def _slope(p: Any, r: Any) -> Any:
    """p'(r), which tells single roots from repeated ones."""
    slope = polyval(polyder(p), r)
    size = polyval(np.absolute(polyder(p)), np.absolute(r))
    if bool(np.any(np.absolute(slope) <= 4 * len(p) * float(np.finfo(r.dtype).eps) * size)):
        raise DegenerateError("the derivative of a repeated root is not defined",
                              "a polynomial with distinct roots, or a function of its coefficients",
                              "a root of multiplicity m moves like an m-th root of the coefficients: infinitely fast")
    return slope


def _powers(p: Any, r: Any) -> Any:
    """The highest to the lowest power of each root, in rows."""
    return vander(r, len(p))


ROOTS = general(lambda p: np.roots(p), name="roots",
                jvp=lambda y, args, tangents: -(_powers(args[0], y) @ tangents[0]) / _slope(args[0], y),
                vjp=lambda g, y, args: (-(g / _slope(args[0], y)) @ _powers(args[0], y),))


@answers(np.roots)
def roots(p: Any) -> Any:
    """The roots of a polynomial, in NumPy's order."""
    p = _coefficients(p)
    if len(p.shape) != 1:
        raise ValueError("Input must be a rank-1 array.")
    return ROOTS(p)


# --- fits ------------------------------------------------------------------------------------------

@answers(np.polyfit)
def polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """The polynomial of least squares, differentiable in places, values and weights."""
    order = int(deg) + 1
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    if deg < 0:
        raise ValueError("expected deg >= 0")
    if len(x.shape) != 1:
        raise TypeError("expected 1D vector for x")
    if not len(x):
        raise TypeError("expected non-empty vector for x")
    if not 1 <= len(y.shape) <= 2:
        raise TypeError("expected 1D or 2D array for y")
    if len(x) != len(y):
        raise TypeError("expected x and y to have same length")
    if rcond is None:
        rcond = len(x) * np.finfo(x.dtype).eps
    left, right = vander(x, order), y
    if w is not None:
        w = as_array(w) + 0.0
        if len(w.shape) != 1:
            raise TypeError("expected a 1-d array for weights")
        if len(w) != len(y):
            raise TypeError("expected w and y to have the same length")
        left = left * w[:, None]
        right = right * (w[:, None] if len(y.shape) == 2 else w)
    scale = np.sqrt(np.sum(left * left, axis=0))
    left = left / scale
    c, residuals, rank, singular = np.linalg.lstsq(left, right, rcond)
    c = np.transpose(np.transpose(c) / scale)
    if full:
        return c, residuals, rank, singular, rcond
    if rank != order:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    if not cov:
        return c
    base = np.linalg.inv(np.transpose(left) @ left) / np.outer(scale, scale)
    factor: Any = 1
    if not (isinstance(cov, str) and cov == "unscaled"):
        if len(x) <= order:
            raise ValueError("the number of data points must exceed order to scale the covariance matrix")
        factor = residuals / (len(x) - order)
    return c, (base if len(y.shape) == 1 else base[:, :, None]) * factor


# --- the functions of numpy.polynomial that dispatch ---------------------------------------------

def _together(points: Any, c: Any, names: str) -> Any:
    points = [as_array(x) for x in points]
    if any(x.shape != points[0].shape for x in points):
        raise ValueError(f"{names} are incompatible")
    c = ascending.polyval(points[0], c)
    for x in points[1:]:
        c = ascending.polyval(x, c, tensor=False)
    return c


@answers(ascending.polyval2d)
def polyval2d(x: Any, y: Any, c: Any) -> Any:
    """A polynomial of two variables, lowest powers first."""
    return _together((x, y), c, "x, y")


@answers(getattr(ascending, "polyvalnd", "polyvalnd"))  # NumPy 2.5
def polyvalnd(pts: Any, c: Any) -> Any:
    """A polynomial of as many variables as there are points."""
    return _together(pts, c, {2: "x, y", 3: "x, y, z"}.get(len(pts), "ordinates"))


@answers(ascending.polygrid2d)
def polygrid2d(x: Any, y: Any, c: Any) -> Any:
    """A polynomial of two variables on their product grid."""
    return ascending.polyval(y, ascending.polyval(x, c))
