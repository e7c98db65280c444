"""Matrix equations: Sylvester, Lyapunov, Riccati.

    solve_sylvester    A dX + dX B = dQ - dA X - X dB

The others are Sylvester's in other clothes (Lyapunov), or roots (Riccati: ``dk.implicit``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as original

from diffkit.custom.implicit import implicit
from diffkit.errors import UnsupportedArgumentError
from diffkit.rules.kinds import General, general
from diffkit.scipy.calls import falls_back, of_floats, prepared, swap
from diffkit.scipy.linalg.solvers import conjugated

__all__ = ["SYLVESTER", "solve_continuous_are", "solve_continuous_lyapunov", "solve_discrete_are",
           "solve_discrete_lyapunov", "solve_sylvester"]


def _sylvester_jvp(y: Any, args: Any, tangents: Any) -> Any:
    ta, tb, tq = tangents
    terms = [t for t in (tq, None if ta is None else -(ta @ y), None if tb is None else -(y @ tb)) if t is not None]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return SYLVESTER(args[0], args[1], total)


def _sylvester_vjp(g: Any, y: Any, args: Any) -> Any:
    gq = SYLVESTER(swap(args[0]), swap(args[1]), g)
    return -(gq @ swap(y)), -(swap(y) @ gq), gq


SYLVESTER: General = general(of_floats(lambda a, b, q: np.asarray(original.solve_sylvester(a, b, q))),
                             name="scipy.linalg.solve_sylvester", jvp=_sylvester_jvp, vjp=_sylvester_vjp)


@falls_back(original.solve_sylvester)
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The solution x of a x + x b = q, scipy.linalg.solve_sylvester.

    >>> import numpy as np, diffkit as dk
    >>> one = np.ones((1, 1))
    >>> print(dk.grad(lambda a: np.sum(solve_sylvester(a, one, one)))(3 * one))
    [[-0.0625]]
    """
    return SYLVESTER(prepared(a), prepared(b), prepared(q))


@falls_back(original.solve_continuous_lyapunov)
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """The solution x of a x + x a^H = q, scipy.linalg.solve_continuous_lyapunov.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: np.sum(solve_continuous_lyapunov(a, np.ones((1, 1)))))(2 * np.ones((1, 1))))
    [[-0.125]]
    """
    a = prepared(a)
    return SYLVESTER(a, conjugated(swap(a)), prepared(q))


@falls_back(original.solve_discrete_lyapunov)
def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Any:
    """The solution x of a x a^H - x + q = 0, scipy.linalg.solve_discrete_lyapunov.

    >>> import numpy as np, diffkit as dk
    >>> slope = dk.grad(lambda a: np.sum(solve_discrete_lyapunov(a, np.ones((1, 1)))))(0.5 * np.ones((1, 1)))
    >>> print(slope.round(9))                                        # 2 a / (1 - a^2)^2
    [[1.77777778]]
    """
    a, q = prepared(a), prepared(q)
    n = a.shape[0]
    method = method or ("bilinear" if n >= 10 else "direct")
    if method not in ("direct", "bilinear"):
        raise ValueError(f"Unknown solver {method}")
    if method == "direct":
        matrix = np.eye(n * n) - np.kron(a, conjugated(a))
        return np.reshape(np.linalg.solve(matrix, np.reshape(q, (-1,))), q.shape)
    adjoint, one = conjugated(swap(a)), np.eye(n)
    inverse = np.linalg.inv(adjoint + one)
    b = (adjoint - one) @ inverse
    c = 2 * (np.linalg.inv(a + one) @ q @ inverse)
    return solve_continuous_lyapunov(conjugated(swap(b)), -c)


def _riccati(name: str, scipys: Any, residual: Any, operands: tuple[Any, ...], balanced: bool) -> Any:
    operands = tuple(part if part is None else prepared(part) * 1.0 for part in operands)
    if any(part is not None and part.dtype.kind == "c" for part in operands):
        raise UnsupportedArgumentError(f"{name} of complex matrices is not differentiated", "real matrices")

    def solver(*operands: Any) -> Any:
        return scipys(*operands, balanced)

    solver.__qualname__ = f"scipy.linalg.{name}"
    return implicit(solver, residual)(*operands)


@falls_back(original.solve_continuous_are)
def solve_continuous_are(a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True) -> Any:
    """The stabilising solution of the algebraic Riccati equation, scipy.linalg.solve_continuous_are.

    >>> import numpy as np, diffkit as dk
    >>> one = np.ones((1, 1))
    >>> print(dk.grad(lambda q: np.sum(solve_continuous_are(0 * one, one, q, one)))(4 * one).round(9))  # x^2 = q
    [[0.25]]
    """
    def residual(x: Any, a: Any, b: Any, q: Any, r: Any, e: Any, s: Any) -> Any:
        # Not the transposes of each other where x is not symmetric: else no equation would hold x's other part.
        right, left = (x, x) if e is None else (x @ e, e.T @ x)
        first, last = (left @ b, b.T @ right) if s is None else (left @ b + s, b.T @ right + s.T)
        return a.T @ right + left @ a - first @ np.linalg.solve(r, last) + q

    return _riccati("solve_continuous_are", original.solve_continuous_are, residual, (a, b, q, r, e, s), balanced)


@falls_back(original.solve_discrete_are)
def solve_discrete_are(a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True) -> Any:
    """The stabilising solution of the discrete Riccati equation, scipy.linalg.solve_discrete_are.

    >>> import numpy as np, diffkit as dk
    >>> one = np.ones((1, 1))
    >>> print(dk.grad(lambda q: np.sum(solve_discrete_are(0 * one, one, q, one)))(4 * one).round(9))    # x = q
    [[1.]]
    """
    def residual(x: Any, a: Any, b: Any, q: Any, r: Any, e: Any, s: Any) -> Any:
        held = x if e is None else e.T @ x @ e
        first, last = a.T @ x @ b, b.T @ x @ a
        if s is not None:
            first, last = first + s, last + s.T
        return a.T @ x @ a - held - first @ np.linalg.solve(r + b.T @ x @ b, last) + q

    return _riccati("solve_discrete_are", original.solve_discrete_are, residual, (a, b, q, r, e, s), balanced)
