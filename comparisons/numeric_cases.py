"""The functions and points that numeric differentiation is judged on, with true derivatives at 50 digits.

Every function is written once against a namespace ``m`` and read twice: with NumPy's
functions in double precision (what the methods see), and with mpmath's (the truth).
Noisy functions are a smooth one with something planted on it; the truth is the smooth
one's.  At kinks the truth is any number between the two slopes, and the gap is known.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np

NUMPY = SimpleNamespace(
    sin=np.sin, cos=np.cos, tan=np.tan, exp=np.exp, log=np.log, sqrt=np.sqrt, sinh=np.sinh, cosh=np.cosh,
    tanh=np.tanh, asin=np.arcsin, acos=np.arccos, atan=np.arctan, asinh=np.arcsinh, acosh=np.arccosh,
    atanh=np.arctanh, log1p=np.log1p, expm1=np.expm1, erf=np.vectorize(math.erf), gamma=np.vectorize(math.gamma),
    cbrt=np.cbrt)
MPMATH = SimpleNamespace(**{name: getattr(mpmath, name) for name in vars(NUMPY)})


@dataclasses.dataclass(frozen=True)
class Case:
    """One function at one point; ``truth`` has an element for every entry of x."""

    group: str
    name: str
    f: Callable[[Any], Any]
    x: Any
    truth: tuple[Any, ...]
    gap: float = 0.0


SMOOTH: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "sin": (lambda m, x: m.sin(x), (0.0, 0.3, 1.0, -2.5, 40.0, 1e3)),
    "cos": (lambda m, x: m.cos(x), (0.7, 3.0, -11.0)),
    "tan": (lambda m, x: m.tan(x), (0.1, 1.2, -1.4)),
    "exp": (lambda m, x: m.exp(x), (0.0, 1.0, -3.0, 20.0, -40.0)),
    "log": (lambda m, x: m.log(x), (0.2, 1.7, 30.0, 1e5)),
    "sqrt": (lambda m, x: m.sqrt(x), (0.04, 2.0, 500.0)),
    "tanh": (lambda m, x: m.tanh(x), (0.0, 0.5, -2.0, 6.0)),
    "sinh": (lambda m, x: m.sinh(x), (0.9, -4.0)),
    "cosh": (lambda m, x: m.cosh(x), (0.6, 3.0)),
    "asin": (lambda m, x: m.asin(x), (0.1, 0.6, -0.9)),
    "acos": (lambda m, x: m.acos(x), (0.2, -0.7)),
    "atan": (lambda m, x: m.atan(x), (0.0, 1.5, -20.0)),
    "asinh": (lambda m, x: m.asinh(x), (0.3, 15.0)),
    "acosh": (lambda m, x: m.acosh(x), (1.3, 9.0)),
    "atanh": (lambda m, x: m.atanh(x), (0.2, -0.8)),
    "log1p": (lambda m, x: m.log1p(x), (0.0, 0.4, 12.0)),
    "expm1": (lambda m, x: m.expm1(x), (0.0, -0.6, 2.2)),
    "erf": (lambda m, x: m.erf(x), (0.0, 0.8, -1.9)),
    "gamma": (lambda m, x: m.gamma(x), (0.7, 2.3, 6.5)),
    "1/x": (lambda m, x: 1 / x, (0.3, -2.0, 70.0)),
    "1/(1+25x²)": (lambda m, x: 1 / (1 + 25 * x * x), (0.1, 0.5, -2.0)),
    "gauss": (lambda m, x: m.exp(-x * x / 2), (0.4, 1.0, -2.2)),
    "logistic": (lambda m, x: 1 / (1 + m.exp(-x)), (0.0, 1.3, -5.0)),
    "softplus": (lambda m, x: m.log1p(m.exp(x)), (0.0, 2.0, -6.0)),
    "poly": (lambda m, x: 3 * x**5 - 2 * x**3 + x - 7, (0.2, 1.1, -3.0)),
    "(2x²+1)²": (lambda m, x: (2 * x * x + 1) ** 2, (0.5, 1.0, -4.0)),
    "x^x": (lambda m, x: m.exp(x * m.log(x)), (0.5, 1.5, 4.0)),
    "exp sin": (lambda m, x: m.exp(m.sin(3 * x)), (0.2, 1.9, -0.8)),
    "x e^-x": (lambda m, x: x * m.exp(-x), (0.3, 2.5)),
    "sin/x": (lambda m, x: m.sin(x) / x, (0.5, 8.0)),
    "chain": (lambda m, x: m.sqrt(1 + m.sin(m.log(2 + x * x)) ** 2), (0.4, 2.1, -7.0)),
    "log cosh": (lambda m, x: m.log(m.cosh(x)), (0.3, 4.0)),
    "planck": (lambda m, x: x**3 / m.expm1(x), (0.2, 3.0, 15.0)),
    "lennard-jones": (lambda m, x: x**-12 - x**-6, (0.9, 1.2, 2.5)),
    "x^2.5": (lambda m, x: m.exp(2.5 * m.log(x)), (0.02, 1.0, 33.0)),
    "cbrt": (lambda m, x: m.cbrt(x), (0.1, 5.0)),
    "constant slope": (lambda m, x: 3 * x + 1, (0.0, 0.7, -12.0)),
    "cubic at 0": (lambda m, x: x**3 + x, (0.0, 1e-3)),
    "flat exp": (lambda m, x: m.exp(-1 / (x * x)), (0.15, 0.4, 2.0)),
}
OSCILLATING: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "sin 50x": (lambda m, x: m.sin(50 * x), (1.0, 0.3)),
    "sin 1e3x": (lambda m, x: m.sin(1000 * x), (1.0, 2.2)),
    "sin 1e4x": (lambda m, x: m.sin(10000 * x), (1.0, 0.4)),
    "sin(x²)": (lambda m, x: m.sin(x * x), (9.0, 60.0)),
    "x + .01 sin 300x": (lambda m, x: x + m.sin(300 * x) / 100, (0.7, 1.6)),
    "sin(1/x)": (lambda m, x: m.sin(1 / x), (0.01, 0.003)),
    "cos(e^x)": (lambda m, x: m.cos(m.exp(x)), (4.0, 6.5)),
}
EDGES: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "log": (lambda m, x: m.log(x), (1e-2, 1e-5, 1e-8, 1e-12)),
    "sqrt": (lambda m, x: m.sqrt(x), (1e-3, 1e-6, 1e-9)),
    "sqrt(1-x)": (lambda m, x: m.sqrt(1 - x), (0.99, 1 - 2.0**-17, 1 - 2.0**-30)),
    "log(2-x)": (lambda m, x: m.log(2 - x), (1.9, 2 - 2.0**-14, 2 - 2.0**-27)),
    "asin": (lambda m, x: m.asin(x), (0.999, 1 - 2.0**-20)),
    "acosh": (lambda m, x: m.acosh(x), (1.001, 1 + 2.0**-20)),
    "atanh": (lambda m, x: m.atanh(x), (0.999, -1 + 2.0**-17)),
    "log1p": (lambda m, x: m.log1p(x), (-0.99, -1 + 2.0**-20)),
    "1/(1-x)": (lambda m, x: 1 / (1 - x), (0.99, 1 - 2.0**-17)),
    "tan": (lambda m, x: m.tan(x), (1.57, 1.5707)),
    "x log x": (lambda m, x: x * m.log(x), (1e-4, 1e-9)),
    "sqrt(1-x²)": (lambda m, x: m.sqrt(1 - x * x), (0.9999, -0.999999)),
    "log(1-e^-x)": (lambda m, x: m.log(-m.expm1(-x)), (1e-3, 1e-7)),
}


def _scaled() -> Iterator[tuple[str, Callable[..., Any], float]]:
    """Wide and narrow scales of x and of f."""
    for exponent in (*range(-8, 0), *range(1, 9)):
        unit = 10.0**exponent
        yield f"sin(x/u) u=1e{exponent}", lambda m, x, u=unit: m.sin(x / u), 0.8 * unit
        yield f"u exp(x) u=1e{exponent}", lambda m, x, u=unit: u * m.exp(x), 0.6
        yield f"log(u+x) u=1e{exponent}", lambda m, x, u=unit: m.log(u + x), 1.7 * unit
        yield f"1/(1+(x/u)²) u=1e{exponent}", lambda m, x, u=unit: 1 / (1 + (x / u) ** 2), 1.3 * unit
        yield f"exp(x) at 1e{exponent}" if exponent < 0 else f"sqrt at 1e{exponent}", (
            (lambda m, x: m.exp(x)) if exponent < 0 else (lambda m, x: m.sqrt(1 + x))), 1.1 * unit
        yield f"sin(ux) at 1, u=1e{exponent}", lambda m, x, u=unit: m.sin(u * x), 1.0
        yield f"tanh(x/u) at 0, u=1e{exponent}", lambda m, x, u=unit: m.tanh(x / u + 0.5), 0.0


def _hash(x: float) -> float:
    """Reproducible noise in [-1, 1), rough at every scale."""
    bits = np.float64(x).view(np.uint64).item() * 0x9E3779B97F4A7C15 & (2**64 - 1)
    return ((bits ^ (bits >> 29)) * 0xBF58476D1CE4E5B9 & (2**64 - 1)) / 2.0**63 - 1


def _newton(x: Any, tolerance: float) -> Any:
    """The root of y³ + y = x, iterated until the step is below the tolerance: smooth, but not the root."""
    y = x / x / 2
    for _ in range(60):
        move = (y**3 + y - x) / (3 * y * y + 1)
        y = y - move
        if abs(move) < tolerance:
            break
    return y


def _bisection(x: float, width: float) -> float:
    """The same root by halving (0, 4) down to a width: a staircase."""
    low, high = 0.0, 4.0
    while high - low > width:
        middle = (low + high) / 2
        low, high = (middle, high) if middle**3 + middle < x else (low, middle)
    return (low + high) / 2


def _trapezoid(x: float) -> float:
    """The integral of sin(t²) over (0, x) by 200 trapezoids: smooth, with rounding of a sum."""
    t = np.linspace(0, x, 201)
    return float(np.trapezoid(np.sin(t * t), t))


def _noisy() -> Iterator[tuple[str, Callable[[Any], Any], float, Any]]:
    """name, f, x, truth."""
    with mpmath.workdps(50):
        for x in (0.6, 2.0):
            cos = mpmath.cos(x)
            for level in (1e-12, 1e-9, 1e-6, 1e-4):
                yield f"sin + {level:g} noise", lambda t, a=level: np.sin(t) + a * _hash(t), x, cos
            yield "sin in float32", lambda t: float(np.sin(np.float32(t))), x, cos
            yield "sin, 8 decimals", lambda t: round(float(np.sin(t)), 8), x, cos
            yield "(sin + 1e6) - 1e6", lambda t: (np.sin(t) + 1e6) - 1e6, x, cos
        for x in (1e-2, 1e-3, 1e-4, 1e-6, 1e-8):
            exact = mpmath.diff(lambda t: (1 - mpmath.cos(t)) / t**2, mpmath.mpf(x), h=mpmath.mpf(10) ** -25 * x)
            exact = exact if x > 1e-5 else -mpmath.mpf(x) / 12
            yield "(1-cos x)/x²", lambda t: (1 - np.cos(t)) / t**2, x, exact
        for x in (1.3, 5.0):
            root = mpmath.findroot(lambda y, x=x: y**3 + y - x, 1)
            for tolerance in (1e-4, 1e-12):
                yield f"Newton {tolerance:g}", lambda t, a=tolerance: _newton(t, a), x, _exact(
                    lambda m, t, a=tolerance: _newton(t, a), x)
            for width in (1e-5, 1e-10):
                yield f"bisection {width:g}", lambda t, a=width: _bisection(t, a), x, 1 / (3 * root**2 + 1)
            t = [mpmath.mpf(x) * i / 200 for i in range(201)]
            weights = [mpmath.mpf(1) / 400 if i in (0, 200) else mpmath.mpf(1) / 200 for i in range(201)]
            total = sum(w * (mpmath.sin(p * p) + 2 * p * p * mpmath.cos(p * p)) for w, p in zip(weights, t))
            yield "trapezoid sum", _trapezoid, x, total
        for x in (2.0, 3.0):
            yield "(x-1)^7 expanded", lambda t: (t**7 - 7 * t**6 + 21 * t**5 - 35 * t**4 + 35 * t**3 - 21 * t**2
                                                 + 7 * t - 1), x, 7 * (mpmath.mpf(x) - 1) ** 6


def _kinks() -> Iterator[tuple[str, Callable[[Any], Any], float, float, float]]:
    """name, f, x, left slope, right slope."""
    yield "|x|", abs, 0.0, -1, 1
    yield "relu", lambda x: max(x, 0.0), 0.0, 0, 1
    yield "|x-1|", lambda x: abs(x - 1), 1.0, -1, 1
    yield "max(x, x²)", lambda x: max(x, x * x), 1.0, 1, 2
    yield "min(sin, cos)", lambda x: min(np.sin(x), np.cos(x)), np.pi / 4, math.sqrt(0.5), -math.sqrt(0.5)
    yield "exp(-|x|)", lambda x: np.exp(-abs(x)), 0.0, 1, -1
    yield "x + .001|x-2|", lambda x: x + 1e-3 * abs(x - 2), 2.0, 0.999, 1.001
    yield "sin + 1e-6|x-1|", lambda x: np.sin(x) + 1e-6 * abs(x - 1), 1.0, math.cos(1) - 1e-6, math.cos(1) + 1e-6
    yield "leaky relu", lambda x: x if x > 0 else 0.01 * x, 0.0, 0.01, 1
    yield "1e6|x-3|", lambda x: 1e6 * abs(x - 3), 3.0, -1e6, 1e6
    yield "|x-1e-5|", lambda x: abs(x - 1e-5), 1e-5, -1, 1
    yield "|sin| at 0", lambda x: abs(np.sin(x)), 0.0, -1, 1
    yield "clip", lambda x: float(np.clip(x, -1, 1)), 1.0, 1, 0
    yield "huber'", lambda x: x if abs(x) < 0.5 else math.copysign(0.5, x), 0.5, 1, 0
    yield "abs of 1e5", lambda x: abs(x - 1e5), 1e5, -1, 1


def _near_kinks() -> Iterator[tuple[str, Callable[[Any], Any], float, Any]]:
    for distance in (1e-1, 1e-3, 1e-5, 1e-7, 1e-9):
        yield f"|x-1| at 1+{distance:g}", lambda x: abs(x - 1), 1 + distance, 1
        yield f"relu, e^x at -{distance:g}", lambda x: max(x, 0.0) + np.exp(x), -distance, mpmath.exp(-distance)
    yield "jump at 1.01", lambda x: x * x + (x > 1.01), 1.0, 2
    yield "jump at 1+1e-6", lambda x: x * x + (x > 1 + 1e-6), 1.0, 2


VECTORS: dict[str, tuple[Callable[..., Any], tuple[tuple[float, ...], ...]]] = {
    "rosenbrock": (lambda m, x: sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(x)),
                   ((-1.2, 1.0), (0.3, 0.7, -0.4, 1.1), (1.5,) * 6)),
    "log-sum-exp": (lambda m, x: m.log(sum(m.exp(v) for v in x)), ((0.1, 0.5, -2.0), (10.0, -3.0, 4.0, 9.0))),
    "beale": (lambda m, x: (1.5 - x[0] + x[0] * x[1]) ** 2 + (x[0] * x[1] ** 2) ** 2, ((1.0, 1.5), (-2.0, 0.3))),
    "branin": (lambda m, x: (x[1] - x[0] ** 2 / 8 + 1.6 * x[0]) ** 2 + m.cos(x[0]), ((2.0, 3.0), (-1.0, 9.0))),
    "product": (lambda m, x: x[0] * x[1] * x[2] * m.sin(x[3]), ((1.0, 2.0, 3.0, 0.4), (-0.1, 1e3, 1e-3, 2.0))),
    "norm": (lambda m, x: m.sqrt(sum(v * v for v in x)), ((3.0, 4.0), (1e-3, 1.0, 1e2))),
    "mixed scales": (lambda m, x: m.sin(x[0] / 1e6) + m.exp(x[1]) + m.log(x[2] * 1e6), ((2e6, 0.4, 3e-6),)),
    "rational": (lambda m, x: (x[0] + x[1]) / (1 + x[0] ** 2 * x[1] ** 2), ((0.5, 0.7), (3.0, -2.0))),
    "quartic": (lambda m, x: sum((i + 1) * v**4 for i, v in enumerate(x)), ((0.5, -1.0, 2.0), (0.05, 0.15, 0.3))),
    "kepler": (lambda m, x: x[0] - x[1] * m.sin(x[0]), ((1.0, 0.3), (2.5, 0.9))),
}


def _exact(f: Callable[..., Any], x: float) -> Any:
    """mpmath's own derivative at 50 digits, with a step far below every scale in the set."""
    with mpmath.workdps(140):
        size = mpmath.mpf(x) if x else mpmath.mpf(1)
        h = abs(size) * mpmath.mpf(10) ** -60
        return (f(MPMATH, mpmath.mpf(x) + h) - f(MPMATH, mpmath.mpf(x) - h)) / (2 * h)


def _partials(f: Callable[..., Any], x: tuple[float, ...]) -> tuple[Any, ...]:
    point = [mpmath.mpf(v) for v in x]
    return tuple(_exact(lambda m, t, i=i: f(m, point[:i] + [t] + point[i + 1:]), x[i]) for i in range(len(x)))


def cases() -> list[Case]:
    """All cases, in a fixed order."""
    found: list[Case] = []
    for group, table in (("smooth", SMOOTH), ("oscillating", OSCILLATING), ("edge", EDGES)):
        found += [Case(group, name, lambda t, f=f: f(NUMPY, t), x, (_exact(f, x),))
                  for name, (f, points) in table.items() for x in points]
    found += [Case("scale", name, lambda t, f=f: f(NUMPY, t), x, (_exact(f, x),)) for name, f, x in _scaled()]
    found += [Case("noisy", name, f, x, (truth,)) for name, f, x, truth in _noisy()]
    found += [Case("near a kink", name, f, x, (truth,)) for name, f, x, truth in _near_kinks()]
    found += [Case("vector", name, lambda t, f=f: f(NUMPY, t), np.array(x), _partials(f, x))
              for name, (f, points) in VECTORS.items() for x in points]
    return found + [Case("kink", name, f, x, ((left + right) / 2,), abs(right - left))
                    for name, f, x, left, right in _kinks()]
