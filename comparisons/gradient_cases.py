"""Planted errors: one case for each kind of mistake that people make in a hand-written gradient.

A case is a function, a candidate for its derivative (``out.shape + in.shape``) and the point; ``NAMED`` says which
cases stand for the mistakes that everybody makes.  The right ones are in ``gradient_right``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import diffkit as dk
from comparisons import gradient_problems as g
from comparisons.gradient_problems import PLAIN, PROBLEMS, V, W, X

Array = Any
Function = Callable[[Array], Array]


@dataclasses.dataclass(frozen=True)
class Case:
    """A function, a candidate for its derivative, and the point."""

    group: str
    name: str
    f: Function
    gradient: Function
    x: Array

    @property
    def kind(self) -> str:
        """The mistake, whatever its size: cases that differ by a number alone are of one kind."""
        return f"{self.group}: {re.sub(r'1e-[0-9]+', 'small', self.name)}"


def _planted(group: str, name: str, problem: str, error: Function | Callable[[Array, Array], Array],
             point: Array | int = 0) -> Case:
    """A problem whose right derivative is spoilt: ``error(x, derivative)``."""
    known = PROBLEMS[problem]
    x = known.points[point] if isinstance(point, int) else point
    return Case(group, name, known.f, lambda x: error(x, known.gradient(x)), x)  # type: ignore[call-arg]


def _entry(index: Any, factor: float) -> Callable[[Array, Array], Array]:
    def error(x: Array, d: Array) -> Array:
        d = np.array(d)
        d[index] *= factor
        return d
    return error


def _wide_gradient(index: int, factor: float) -> Function:
    def gradient(x: Array) -> Array:
        d = np.cos(x) + 2 * x
        d[index] *= factor
        return d
    return gradient


def wide(x: Array) -> Array:
    return np.sum(np.sin(x) + x**2)


WIDE = np.random.default_rng(7).normal(size=10_000)


def _arithmetic() -> Iterator[Case]:
    """Factors, signs and forgotten terms."""
    yield _planted("factor", "sign", "regression", lambda x, d: -d)
    yield _planted("factor", "factor 2 forgotten", "quadratic form", lambda x, d: d / 2)
    yield _planted("factor", "factor 2 too much", "likelihood", lambda x, d: 2 * d)
    yield _planted("factor", "sum for mean", "regression", lambda x, d: 6 * d)
    yield _planted("factor", "mean for sum", "logistic", lambda x, d: d / 6)
    yield _planted("factor", "n for n - 1", "variance", lambda x, d: d * 3 / 4)
    yield _planted("factor", "base of the logarithm", "log", lambda x, d: d / np.log(10))
    yield _planted("factor", "degrees for radians", "oscillating", lambda x, d: d * np.pi / 180)
    yield _planted("small factor", "1e-3", "cross entropy", lambda x, d: d * (1 + 1e-3))
    yield _planted("small factor", "1e-5", "layer norm", lambda x, d: d * (1 + 1e-5))
    yield _planted("small factor", "1e-7", "rosenbrock", lambda x, d: d * (1 + 1e-7))
    yield _planted("small factor", "1e-8, one entry", "recurrent", _entry(2, 1 + 1e-8))
    yield _planted("small factor", "constant with five digits", "gelu", lambda x, d: d * 0.79788 / 0.7978845608028654)
    yield _planted("term", "penalty forgotten", "ridge", lambda w, d: d - 2e-3 * w)
    yield _planted("term", "product rule half done", "sin times x", lambda x, d: x * np.cos(x))
    yield _planted("term", "chain rule forgotten", "oscillating", lambda x, d: np.cos(40 * x))
    yield _planted("term", "normalisation as a constant", "cosine", lambda x, d: V / np.sqrt(x @ x) / np.sqrt(V @ V))
    yield _planted("term", "mean as a constant", "layer norm", lambda x, d: d + np.mean(V))
    yield _planted("term", "one term of a sum of two", "rosenbrock", lambda x, d: d + 2 * (1 - x))
    yield _planted("term", "last entry forgotten", "rosenbrock", _entry(-1, 0.0))
    yield _planted("term", "weights held fixed", "attention", lambda q, d: 0 * d)
    yield _planted("term", "one step of five", "recurrent",
                   lambda h, d: W.T @ (1 - np.tanh(W @ h / 2 + V) ** 2) / 2)
    yield _planted("term", "epsilon inside forgotten", "layer norm", lambda x, d: d * (1 + 1e-5 / np.var(x)) ** 0.5)
    yield _planted("term", "inner derivative of gelu", "gelu",
                   lambda x, d: 0.5 * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))))


def _arrangement() -> Iterator[Case]:
    """Right numbers in wrong places, wrong axes and shapes."""
    yield _planted("transposed", "matrix", "inverse", lambda a, d: d.T)
    yield _planted("transposed", "weight in a product", "quadratic form", lambda x, d: 2 * W @ x)
    yield _planted("transposed", "jacobian", "tanh layer", lambda x, d: d.T)
    yield _planted("transposed", "backward through the layer", "recurrent",
                   lambda h, d: W @ (1 - np.tanh(W @ h / 2 + V) ** 2) / 2)
    yield _planted("transposed", "determinant", "determinant", lambda a, d: d.T)
    yield _planted("transposed", "solve", "solve by matrix", lambda a, d: d.T)
    yield _planted("transposed", "matmul", "matmul", lambda a, d: (np.cos(a @ X.T) @ X)[:, ::-1])
    yield _planted("axis", "cumulated from the wrong end", "cumulative sum",
                   lambda x, d: np.cumsum(2 * V * np.cumsum(x)))
    yield _planted("axis", "wrong axis of softmax", "cross entropy", lambda w, d: d - np.mean(d, axis=0) / 10)
    yield _planted("axis", "row for column", "row means", lambda a, d: d * 4 / 3)
    yield _planted("axis", "shifted by one", "convolution", lambda k, d: np.roll(d, 1))
    yield _planted("axis", "kernel not flipped", "convolution", lambda k, d: d[::-1])
    yield _planted("axis", "permutation for its inverse", "sort", lambda x, d: V[np.argsort(x)],
                   np.array([0.3, 1.7, -1.2, 0.8]))
    yield _planted("axis", "swapped parameters", "likelihood", lambda t, d: d[::-1])
    yield _planted("broadcast", "sum forgotten, first row", "bias", lambda b, d: 1 - np.tanh(X[0] + b) ** 2)
    yield _planted("broadcast", "sum forgotten, all rows", "bias", lambda b, d: 1 - np.tanh(X + b) ** 2)
    yield _planted("broadcast", "mean for sum", "bias", lambda b, d: d / 6)
    yield _planted("broadcast", "summed over the other axis", "column bias",
                   lambda b, d: 2 * np.sum(X[:4] + b, axis=0)[:, None])
    yield _planted("broadcast", "(n,) for (n, 1)", "column bias", lambda b, d: d[:, 0])
    yield _planted("broadcast", "(1, n) for (n,)", "sin times x", lambda x, d: d[None, :])
    yield _planted("broadcast", "number for an array", "sin times x", lambda x, d: np.sum(d))
    yield _planted("duplicates", "assigned for added", "selection", lambda x, d: 2 * x * np.array([1, 0, 1, 1]))
    yield _planted("diagonal", "jacobian's diagonal only", "softmax", lambda x, d: np.diag(np.diag(d)))
    yield _planted("diagonal", "row for matrix", "elementwise", lambda x, d: np.diag(d))
    yield _planted("one of many", "one of 10 of a matrix", "matmul", _entry((1, 2), 1.05))


def _branches() -> Iterator[Case]:
    """Right on one side, at one place or for one type only."""
    yield _planted("branch", "negative side", "huber", lambda x, d: np.where(x < 0, 0, d))
    yield _planted("branch", "outside the knee", "huber", lambda x, d: np.where(np.abs(x) < 1, d, x))
    yield _planted("branch", "dead unit alive", "relu network",
                   lambda w, d: d + 0.1 * X.T @ (X @ w < 0))
    yield _planted("branch", "absolute value", "hypotenuse", lambda x, d: np.abs(d))
    yield _planted("branch", "all for the largest", "maximum", lambda x, d: 2 * x)
    yield _planted("branch", "sign lost", "log determinant", lambda a, d: -d, -g.SQUARE)
    yield Case("branch", "wrong slope of leaky relu", lambda x: np.sum(np.where(x > 0, x, 0.01 * x)),
               lambda x: np.where(x > 0, 1.0, 0.1), PLAIN[0])
    yield Case("branch", "clipped where it is not", lambda x: np.sum(np.clip(x, -3, 3) ** 2),
               lambda x: np.where(np.abs(x) < 1, 2 * x, 0), PLAIN[0])
    yield Case("kink", "outside the subgradient", lambda x: np.sum(np.abs(x)),
               lambda x: np.where(x == 0, 2.0, np.sign(x)),
               np.array([0.0, 1.0, -2.0]))
    yield Case("kink", "beyond relu's slopes", lambda x: np.sum(np.maximum(x, 0)),
               lambda x: np.where(x == 0, -1.0, x > 0),
               np.array([0.0, 1.0, -2.0]))
    yield Case("kink", "tied maximum counted twice", lambda x: np.max(x), lambda x: (x == np.max(x)) * 2.0,
               np.array([1.0, 3.0, 3.0]))
    yield Case("one of many", "one of 10000, factor 2", wide, _wide_gradient(1234, 2.0), WIDE)
    yield Case("one of many", "one of 10000, 1e-3", wide, _wide_gradient(9999, 1.001), WIDE)
    yield Case("one of many", "one of 10000, zero", wide, _wide_gradient(0, 0.0), WIDE)
    yield Case("one of many", "one small of 10000", lambda x: np.sum(x**2),
               lambda x: np.where(np.arange(10_000) == 5, 1.5, 2) * x,
               np.where(np.arange(10_000) == 5, 1e-4, WIDE))
    for name, size in (("1e-8", 1e-8), ("1e-12", 1e-12), ("1e-150", 1e-150)):
        yield Case("small gradient", f"{name}, factor 2", lambda x, s=size: s * np.sum(np.sin(x)),
                   lambda x, s=size: 2 * s * np.cos(x), PLAIN[0])
    yield Case("small gradient", "the small one of two", lambda x: 1e6 * x[0] ** 2 + 1e-4 * x[1] ** 2,
               lambda x: np.array([2e6 * x[0], 1e-4 * x[1]]), np.array([0.7, 0.9]))
    yield Case("small gradient", "swamped leaf", lambda x: np.sum(x[:3] ** 2) + 1e-5 * np.sum(np.sin(x[3:])),
               lambda x: np.concatenate([2 * x[:3], 0 * x[3:]]), np.array([3e3, -2e3, 1e3, 0.3, 0.7]))
    yield Case("scale", "large argument", lambda x: np.sum(np.sin(x)), lambda x: np.cos(np.mod(x, 6.2832)),
               1e5 * PLAIN[0])
    yield Case("scale", "tiny argument", lambda x: np.sum(np.log(x)), lambda x: 1 / (x + 1e-10),
               np.array([1e-8, 2e-8]))
    yield Case("scale", "large x only", lambda x: np.sum(np.log1p(np.exp(-x))),
               lambda x: np.where(x > 20, 0, -1 / (1 + np.exp(x))), np.array([1.0, 21.0, 3.0]))
    yield Case("scale", "overflow to zero", lambda x: np.sum(np.log1p(np.exp(x))),
               lambda x: np.where(x > 30, 0.0, g.sigmoid(x)),
               np.array([0.5, 40.0]))
    yield Case("not finite", "nan in a dead branch", lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)), 0)),
               lambda x: 0.5 * (x > 0) / np.sqrt(np.where(x >= 0, x, np.nan)), np.array([0.4, -1.0]))
    yield Case("not finite", "infinity at zero", lambda x: np.sum(x * np.abs(x)), lambda x: x**2 / x + np.abs(x),
               np.array([0.0, 1.0]))
    yield Case("zero", "detached", g.recurrent, lambda h: 0 * h, PLAIN[0])
    yield Case("zero", "straight through a step", lambda x: np.sum(np.floor(x) * x), lambda x: np.floor(x) + x,
               PLAIN[0])


def rules_right_at_first_order() -> Iterator[tuple[str, Function]]:
    """Custom rules of x**3 whose gradient is right and whose own derivative is not."""
    def by_vjp(name: str, bwd: Callable[[Array, Array], Array]) -> tuple[str, Function]:
        rule = dk.custom_vjp(lambda x: x**3)
        rule.defvjp(lambda x: (x**3, x), lambda x, g: (bwd(x, g),))
        return name, rule

    square = dk.custom_vjp(lambda x: x**2)
    square.defvjp(lambda x: (x**2, x), lambda x, g: (x * g,))
    yield by_vjp("rule detached", lambda x, g: dk.stop_gradient(3 * x**2) * g)
    yield by_vjp("rule half detached", lambda x, g: 3 * x * dk.stop_gradient(x) * g)
    yield by_vjp("cotangent detached", lambda x, g: 3 * x**2 * dk.stop_gradient(g))
    yield by_vjp("wrong rule inside the rule", lambda x, g: 3 * square(x) * g)
    tangents = dk.custom_jvp(lambda x: x**3)
    tangents.defjvp(lambda x, t: (x[0] ** 3, dk.stop_gradient(3 * x[0] ** 2) * t[0]))
    yield "tangent rule detached", tangents


def _types() -> Iterator[Case]:
    """Errors of one type only, of second order, of complex numbers; hidden at the point."""
    def low(right: Function, spoilt: Function) -> Function:
        return lambda x: (spoilt if x.dtype == np.float32 else right)(x).astype(x.dtype)

    single = PLAIN[0].astype(np.float32)
    sin, cos = PROBLEMS["sin times x"], PROBLEMS["sin times x"].gradient
    yield Case("float32", "factor", sin.f, low(cos, lambda x: 1.01 * cos(x)), single)
    yield Case("float32", "through half precision", sin.f,
               low(cos, lambda x: cos(x).astype(np.float16).astype(np.float32)), single)
    yield Case("float32", "one entry", sin.f, low(cos, lambda x: cos(x) * np.array([1, 1, 1.001, 1])), single)
    yield Case("float32", "integer division", g.regression,
               low(g.regression_gradient, lambda w: np.floor(g.regression_gradient(w) * 1000) / 1000), single)
    hessian = lambda x: np.diag(2 * np.cos(x) - x * np.sin(x))
    yield Case("second order", "sign", cos, lambda x: -hessian(x), PLAIN[0])
    yield Case("second order", "zero", cos, lambda x: 0 * hessian(x), PLAIN[0])
    yield Case("second order", "not symmetric", lambda x: (W + W.T) @ x * x, lambda x: np.diag((W + W.T) @ x) +
               (x[:, None] * (W + W.T)).T, PLAIN[0])
    yield Case("second order", "Gauss-Newton for Hessian", lambda w: 2 * X.T @ ((X @ w) ** 3),
               lambda w: 4 * X.T @ ((X @ w)[:, None] ** 2 * X), PLAIN[0])
    yield Case("second order", "diagonal of the Hessian", g.rosenbrock_gradient,
               lambda x: np.diag(np.concatenate([1200 * x[:-1] ** 2 - 400 * x[1:] + 2, [0]])
                                 + np.concatenate([[0], 200 * np.ones(3)])), PLAIN[0])
    for name, cube in rules_right_at_first_order():
        yield Case("second order", name, lambda x: 3 * x**2 * np.cos(x**3),
                   dk.jacobian(dk.grad(lambda x, cube=cube: np.sum(np.sin(cube(x))))), PLAIN[0])
    for name, size, factor in (("3.6 times, level 1e-6", 1e-6, 3.6), ("sign, level 1e-3", 1e-3, -1.0)):
        yield Case("noisy", name, lambda x, s=size: np.sum(np.sin(x)) + s * np.sum(np.floor(x * 1e13) % 97) / 97,
                   lambda x, k=factor: k * np.cos(x), PLAIN[0])
    z = np.array([0.3 + 0.8j, -1.2 + 0.1j, 0.7 - 0.4j])
    yield Case("complex", "conjugate missing", lambda z: np.sum(np.abs(z) ** 2), lambda z: 2 * z, z)
    yield Case("complex", "conjugate too much", lambda z: np.real(np.sum(z**3)), lambda z: 3 * np.conj(z) ** 2, z)
    yield Case("complex", "imaginary part dropped", lambda z: np.real(np.sum(z**3)),
               lambda z: np.real(3 * z**2) + 0j, z)
    yield Case("complex", "factor 1/2 of Wirtinger", lambda z: np.sum(np.abs(z) ** 2), lambda z: np.conj(z), z)
    yield Case("hidden", "at zeros", lambda x: np.sum(np.sin(x) ** 2 + x), lambda x: np.ones(3), np.zeros(3))
    yield Case("hidden", "at zeros, square for cube", lambda x: np.sum(x**3), lambda x: 2 * x, np.zeros(3))
    yield Case("hidden", "at ones, power", lambda x: np.sum(x**3), lambda x: 3 * x, np.ones(3))
    yield Case("hidden", "at ones, log forgotten", lambda x: np.sum(x * np.log(x)), lambda x: np.ones(3), np.ones(3))
    yield Case("hidden", "symmetric matrix", lambda a: np.sum(np.linalg.inv(a)),
               lambda a: -np.linalg.inv(a) @ np.ones((4, 4))
               @ np.linalg.inv(a), g.SPD)
    yield Case("hidden", "equal entries", lambda x: np.sum(np.cumsum(x) ** 2 * V),
               lambda x: PROBLEMS["cumulative sum"].gradient(
        np.full(4, np.mean(x))), np.full(4, 0.7))
    yield Case("hidden", "branch not taken here", g.huber, lambda x: np.where(np.abs(x) < 1, x, np.abs(x)),
               np.array([0.3, -0.8, 0.5]))
    yield Case("hidden", "bias at zero", lambda b: np.sum(np.tanh(X + b)),
               lambda b: np.sum(1 - np.tanh(X) ** 2, axis=0), np.zeros(4))


def wrong() -> list[Case]:
    """One case for each planted error."""
    return [*_arithmetic(), *_arrangement(), *_branches(), *_types()]


#: Mistakes that a checker has to know by name, and the cases (group, name) that stand for them.
NAMED: dict[str, tuple[tuple[str, str], ...]] = {
    "sign": (("factor", "sign"),),
    "factor 2": (("factor", "factor 2 forgotten"), ("factor", "factor 2 too much")),
    "dropped broadcast sum": (("broadcast", "sum forgotten, first row"), ("broadcast", "sum forgotten, all rows")),
    "wrong axis": (("axis", "wrong axis of softmax"), ("broadcast", "summed over the other axis")),
    "transposed matmul": (("transposed", "weight in a product"), ("transposed", "matmul")),
    "wrong on a branch only": (("branch", "negative side"), ("branch", "wrong slope of leaky relu")),
    "one entry of 10^4": (("one of many", "one of 10000, factor 2"), ("one of many", "one of 10000, 1e-3")),
    "relative 1e-3": (("small factor", "1e-3"),),
    "relative 1e-5": (("small factor", "1e-5"),),
    "relative 1e-7": (("small factor", "1e-7"),),
    "only float32": (("float32", "factor"), ("float32", "one entry")),
    "only second order": tuple(("second order", name) for name in (
        "sign", "zero", "not symmetric", "Gauss-Newton for Hessian", "diagonal of the Hessian", "rule detached",
        "rule half detached", "cotangent detached", "wrong rule inside the rule", "tangent rule detached")),
    "missing conjugate": (("complex", "conjugate missing"),),
    "visible only at large x": (("scale", "large x only"), ("scale", "large argument")),
    "hidden at 0": (("hidden", "at zeros"), ("hidden", "at zeros, square for cube"), ("hidden", "bias at zero")),
    "hidden at ones": (("hidden", "at ones, power"), ("hidden", "at ones, log forgotten")),
    "size 1e-8, twice too large": (("small gradient", "1e-8, factor 2"),),
    "under noise": (("noisy", "3.6 times, level 1e-6"), ("noisy", "sign, level 1e-3")),
}
