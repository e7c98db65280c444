"""Functions that nobody has tuned on: random programs at random points, judged like the board's.

    python -m comparisons.numeric_fresh --seed 7 --count 500

A function is a random tree of operations on one number, drawn so that most points lie inside its
domain, read twice like the board's cases: by NumPy in double precision and by mpmath at 60
digits.  Some are scaled in x or in value, given noise, a kink or a pole beside the point.  The truth is
that of exact arithmetic: what all evaluations along a line round alike (the other entries of an
ill-conditioned matrix, the last kind) no method that evaluates f can know.
The seed is printed; another seed is another draw.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np

from comparisons.numeric_board import diffkit_auto as method
from comparisons.numeric_board import judge
from comparisons.numeric_cases import MPMATH, NUMPY, Case

Tree = Callable[[SimpleNamespace, Any], Any]

_ONE: list[Callable[[SimpleNamespace, Any], Any]] = [
    lambda m, t: m.sin(t), lambda m, t: m.cos(t), lambda m, t: m.tanh(t), lambda m, t: m.exp(m.sin(t)),
    lambda m, t: m.exp(-t * t), lambda m, t: m.log(1.5 + t * t), lambda m, t: m.sqrt(0.3 + t * t),
    lambda m, t: m.atan(t), lambda m, t: m.asinh(t), lambda m, t: 1 / (1 + t * t), lambda m, t: t * t,
    lambda m, t: t**3, lambda m, t: m.erf(t), lambda m, t: m.log1p(t * t), lambda m, t: m.expm1(m.tanh(t)),
    lambda m, t: m.cosh(m.tanh(t)), lambda m, t: m.cbrt(2 + m.sin(t))]
_TWO: list[Callable[[Any, Any], Any]] = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b,
                                         lambda a, b: a / (1.2 + b * b)]
KINDS = ("plain", "plain", "scaled", "value", "noisy", "pole", "power", "kink beside", "several",
         "ill-conditioned")


def _tree(rng: np.random.Generator, depth: int) -> Tree:
    if depth == 0 or rng.random() < 0.1:
        if rng.random() < 0.7:
            return lambda m, x: x
        constant = float(np.round(rng.uniform(-2, 2), 3))
        return lambda m, x: x * 0 + constant
    if rng.random() < 0.55:
        outer, inner = _ONE[rng.integers(len(_ONE))], _tree(rng, depth - 1)
        return lambda m, x: outer(m, inner(m, x))
    both, left, right = _TWO[rng.integers(len(_TWO))], _tree(rng, depth - 1), _tree(rng, depth - 1)
    return lambda m, x: both(left(m, x), right(m, x))


def _truth(f: Callable[[Any], Any], x: float) -> Any:
    with mpmath.workdps(60):
        return mpmath.diff(f, mpmath.mpf(x), h=mpmath.mpf(10) ** -25 * max(abs(x), 1e-9))


def fresh(seed: int, count: int) -> list[Case]:
    """``count`` random cases whose value and derivative are finite."""
    rng = np.random.default_rng(seed)
    cases: list[Case] = []
    while len(cases) < count:
        kind = KINDS[len(cases) % len(KINDS)]
        case = _case(rng, kind, f"{seed}/{len(cases)}")
        if case is not None:
            cases.append(case)
    return cases


def _case(rng: np.random.Generator, kind: str, name: str) -> Case | None:
    base = _tree(rng, int(rng.integers(1, 5)))
    x = float(rng.choice((-1, 1)) * 10 ** rng.uniform(-2, 1))
    if kind in ("several", "ill-conditioned"):
        return _several(rng, kind, name)
    tree, noise = base, 0.0
    if kind == "scaled":  # the same function, its argument in other units
        unit = 10.0 ** int(rng.integers(-8, 9))
        x, tree = x * unit, (lambda m, t: base(m, t / unit))
    elif kind == "value":
        unit = 10.0 ** int(rng.integers(-100, 101))
        tree = lambda m, t: unit * base(m, t)
    elif kind == "noisy":
        noise = 10.0 ** rng.uniform(-12, -3)
    elif kind == "pole":
        away = x * (1 + rng.choice((-1, 1)) * 10 ** rng.uniform(-9, -1))
        tree = lambda m, t: base(m, t) + 1 / (t - away)
    elif kind == "power":  # an edge of the domain
        power, x = float(np.round(rng.uniform(1.2, 4), 2)), 0.0
        tree = lambda m, t: t**power * (2 + m.sin(base(m, t))) + t
    elif kind == "kink beside":
        away = x * (1 + rng.choice((-1, 1)) * 10 ** rng.uniform(-7, -0.5))
        tree = lambda m, t: base(m, t) + abs(t - away)

    def plain(t: Any) -> Any:
        value = tree(NUMPY, t)
        return value * (1 + noise * math.sin(1e15 * float(t))) if noise else value

    def exact(t: Any) -> Any:
        return tree(MPMATH, t)

    with np.errstate(all="ignore"):
        try:
            value = float(plain(x))
            if kind == "power":
                truth = mpmath.mpf(1)
            else:
                truth = _truth(exact, x)
        except (ValueError, ZeroDivisionError, OverflowError, TypeError):
            return None
    if isinstance(truth, mpmath.mpc) or not math.isfinite(value) or not mpmath.isfinite(truth):
        return None
    return Case(kind, name, plain, x, (truth,))


def _several(rng: np.random.Generator, kind: str, name: str) -> Case:
    """A random product with a well- or ill-conditioned matrix, along its entries."""
    size = int(rng.integers(2, 5))
    decades = rng.uniform(0, 3) if kind == "several" else rng.uniform(3, 6)
    turns = np.linalg.qr(rng.normal(size=(size, size)))[0]
    matrix = turns * 10.0 ** -np.linspace(0, decades, size) @ np.linalg.qr(rng.normal(size=(size, size)))[0]
    right = rng.normal(size=size)

    def plain(flat: Any) -> Any:
        return np.sum(np.linalg.solve(np.reshape(flat, (size, size)), right))

    with mpmath.workdps(60):
        inverse = mpmath.matrix(matrix.tolist()) ** -1
        solved, weights = inverse * mpmath.matrix(right.tolist()), inverse.T * mpmath.matrix([1] * size)
        truth = tuple(-weights[i] * solved[j] for i in range(size) for j in range(size))
    return Case(kind, name, plain, matrix.reshape(-1), truth)


def main() -> None:
    """Judge, by kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=360)
    parser.add_argument("--misses", action="store_true", help="print every case whose claim fails")
    options = parser.parse_args()
    scores = [(case, judge(case, method)) for case in fresh(options.seed, options.count)]
    print(f"{options.count} fresh functions, seed {options.seed}")
    print(f"{'kind':<14}{'cases':>6}{'honest':>9}{'median':>8}{'worst 10 %':>12}{'evaluations':>13}")
    for kind in (*dict.fromkeys(KINDS), "all"):
        some = [score for case, score in scores if kind in (case.group, "all")]
        digits = [score.digits for score in some]
        print(f"{kind:<14}{len(some):>6}{np.mean([score.honest for score in some]):>9.1%}{np.median(digits):>8.1f}"
              f"{np.quantile(digits, 0.1):>12.1f}{np.median([score.evaluations for score in some]):>13.0f}")
    if options.misses:
        for case, score in scores:
            if not score.honest:
                print(case.group, case.name, case.x if np.ndim(case.x) == 0 else "", score.line)


if __name__ == "__main__":
    main()
