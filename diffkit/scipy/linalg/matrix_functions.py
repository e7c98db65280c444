"""Functions of matrices: exponential, logarithm, root, sign, powers, trigonometric ones.

    expm, logm, …   the Frechet derivative is a block of f([[A, E], [0, A]])
                    (Higham, "Functions of Matrices", 2008, theorem 3.6)
    sqrtm           X dX + dX X = E, a Sylvester equation (same, section 6.1)
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.linalg as original

from diffkit.rules.kinds import General, general
from diffkit.scipy.calls import falls_back, of_floats, prepared, swap
from diffkit.scipy.linalg.matrix_equations import SYLVESTER
from diffkit.traced import is_traced
from diffkit.transforms import stop_gradient

__all__ = ["EXPM", "LOGM", "SQRTM", "coshm", "cosm", "expm", "expm_frechet", "fractional_matrix_power", "logm",
           "signm", "sinhm", "sinm", "sqrtm", "tanhm", "tanm"]


def _frechet(function: Any, a: Any, direction: Any) -> Any:
    """The derivative of a matrix function along a direction, which is scaled to size 1 meanwhile."""
    n = a.shape[-1]
    size = np.max(np.abs(stop_gradient(direction)), initial=0)
    size = np.where(size == 0, 1, size)
    if direction.dtype != a.dtype:
        wide = np.result_type(a.dtype, direction.dtype)
        a, direction = a.astype(wide), direction.astype(wide)
    top = np.concatenate([a, direction / size], axis=-1)
    block = np.concatenate([top, np.concatenate([0 * a, a], axis=-1)], axis=-2)
    return function(block)[..., :n, n:] * size


def _of_matrix(fun: Any, name: str) -> General:
    def jvp(y: Any, args: Any, tangents: Any) -> Any:
        return _frechet(rule, args[0], tangents[0])

    def vjp(g: Any, y: Any, args: Any) -> Any:
        return (_frechet(rule, swap(args[0]), g),)

    rule = general(of_floats(lambda a: np.asarray(fun(a))), name=name, jvp=jvp, vjp=vjp)
    return rule


EXPM = _of_matrix(original.expm, "scipy.linalg.expm")


def _logm(a: Any) -> Any:
    """SciPy warns at an error of 1000 units in the last place, which single precision and blocks exceed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "logm result may be inaccurate", RuntimeWarning)
        return original.logm(a)


LOGM = _of_matrix(_logm, "scipy.linalg.logm")


@falls_back(original.expm)
def expm(A: Any) -> Any:
    """The exponential of a matrix, scipy.linalg.expm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.jacobian(expm)(np.zeros((1, 1))).ravel())
    [1.]
    """
    return EXPM(prepared(A))


@falls_back(original.logm)
def logm(A: Any) -> Any:
    """The principal logarithm of a matrix, scipy.linalg.logm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.jacobian(logm)(np.array([[4.0]])).ravel())
    [0.25]
    """
    return LOGM(prepared(A))


SQRTM: General = general(of_floats(lambda a: np.asarray(original.sqrtm(a))), name="scipy.linalg.sqrtm",
                         jvp=lambda y, args, tangents: SYLVESTER(y, y, tangents[0]),
                         vjp=lambda g, y, args: (SYLVESTER(swap(y), swap(y), g),))


@falls_back(original.sqrtm)
def sqrtm(A: Any) -> Any:
    """The principal square root of a matrix, scipy.linalg.sqrtm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.jacobian(sqrtm)(np.array([[4.0]])).ravel())
    [0.25]
    """
    return SQRTM(prepared(A))


@falls_back(original.expm_frechet)
def expm_frechet(A: Any, E: Any, method: Any = None, compute_expm: bool = True, check_finite: bool = True) -> Any:
    """The exponential of A and its derivative along E, scipy.linalg.expm_frechet.

    >>> import numpy as np, diffkit as dk
    >>> one = np.ones((1, 1))
    >>> print(dk.grad(lambda a: np.sum(expm_frechet(a, 2 * one)[1]))(0 * one))
    [[2.]]
    """
    a, e = prepared(A), prepared(E)
    moved = _frechet(EXPM, a, e)
    return (EXPM(a), moved) if compute_expm else moved


SIGNM = _of_matrix(original.signm, "scipy.linalg.signm")


@falls_back(original.signm)
def signm(A: Any) -> Any:
    """The sign of a matrix, scipy.linalg.signm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.jvp(signm, (np.diag([1.0, -1.0]),), (np.ones((2, 2)),))[1].round(12) + 0)
    [[0. 1.]
     [1. 0.]]
    """
    return SIGNM(prepared(A))


@falls_back(original.fractional_matrix_power)
def fractional_matrix_power(A: Any, t: Any) -> Any:
    """A real power of a matrix, scipy.linalg.fractional_matrix_power; by both arguments.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda t: fractional_matrix_power(4 * np.eye(1), t)[0, 0])(0.5).round(9))      # 2 log(4)
    2.772588722
    """
    a = prepared(A)
    if is_traced(t):
        return EXPM(t * LOGM(a))
    power = _of_power(float(t))
    return power(a)


_powers: dict[float, General] = {}


def _of_power(t: float) -> General:
    if t not in _powers:
        from diffkit.rules.kinds import TABLE
        name = f"scipy.linalg.fractional_matrix_power {t!r}"
        _powers[t] = _of_matrix(lambda a: original.fractional_matrix_power(a, t), name)
        del TABLE[name]  # made on demand: no page of the table
    return _powers[t]


def _imaginary(a: Any) -> Any:
    """exp(i a)."""
    return EXPM(1j * a)


@falls_back(original.cosm)
def cosm(A: Any) -> Any:
    """The cosine of a matrix, scipy.linalg.cosm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: cosm(a)[0, 0])(np.full((1, 1), np.pi / 2)).round(12))
    [[-1.]]
    """
    a = prepared(A)
    return np.real(_imaginary(a)) if a.dtype.kind != "c" else (_imaginary(a) + _imaginary(-a)) / 2


@falls_back(original.sinm)
def sinm(A: Any) -> Any:
    """The sine of a matrix, scipy.linalg.sinm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: sinm(a)[0, 0])(np.zeros((1, 1))))
    [[1.]]
    """
    a = prepared(A)
    return np.imag(_imaginary(a)) if a.dtype.kind != "c" else (_imaginary(a) - _imaginary(-a)) / 2j


@falls_back(original.tanm)
def tanm(A: Any) -> Any:
    """The tangent of a matrix, scipy.linalg.tanm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: tanm(a)[0, 0])(np.zeros((1, 1))))
    [[1.]]
    """
    return np.linalg.solve(cosm(A), sinm(A))


@falls_back(original.coshm)
def coshm(A: Any) -> Any:
    """The hyperbolic cosine of a matrix, scipy.linalg.coshm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: coshm(a)[0, 0])(np.zeros((1, 1))))
    [[0.]]
    """
    a = prepared(A)
    return (EXPM(a) + EXPM(-a)) / 2


@falls_back(original.sinhm)
def sinhm(A: Any) -> Any:
    """The hyperbolic sine of a matrix, scipy.linalg.sinhm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: sinhm(a)[0, 0])(np.zeros((1, 1))))
    [[1.]]
    """
    a = prepared(A)
    return (EXPM(a) - EXPM(-a)) / 2


@falls_back(original.tanhm)
def tanhm(A: Any) -> Any:
    """The hyperbolic tangent of a matrix, scipy.linalg.tanhm.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: tanhm(a)[0, 0])(np.zeros((1, 1))))
    [[1.]]
    """
    return np.linalg.solve(coshm(A), sinhm(A))
