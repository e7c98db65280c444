"""Every numeric scheme at every order: how many claims are true, how many digits, at what cost.

    python -m comparisons.numeric_schemes                  orders 1 and 2, and Hessians
    python -m comparisons.numeric_schemes --orders 1,2,3,4 --misses

The functions are those of the numeric board (``numeric_cases.py``: smooth, oscillating, at edges, in scales from
1e-8 to 1e8, at one number), and three noises on a sine; Hessians are those of its functions of several
numbers.  Truth: differences at 220 digits with steps of 1e-40.  A claim is honest if the error is
within it; one that says "nothing can be claimed" (infinite) is counted as none beside that.
The complex step refuses what has no complex form (erf, gamma and cbrt of these).
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np

from comparisons.numeric_cases import EDGES, MPMATH, NUMPY, OSCILLATING, SMOOTH, VECTORS, _hash, _scaled
from diffkit import numeric
from diffkit.errors import DiffkitError

Function = Callable[[Any], Any]


def functions() -> Iterator[tuple[str, Function, Function, float]]:
    """Name, the function as methods see it, as mpmath does, and the point."""
    for table in (SMOOTH, OSCILLATING, EDGES):
        for name, (f, points) in table.items():
            for x in points:
                yield name, lambda t, f=f: f(NUMPY, t), lambda t, f=f: f(MPMATH, t), x
    for name, f, x in _scaled():
        yield name, lambda t, f=f: f(NUMPY, t), lambda t, f=f: f(MPMATH, t), x
    for level, x in itertools.product((1e-12, 1e-9, 1e-6), (0.6, 2.0)):
        yield f"sin + {level:g} noise", lambda t, a=level: np.sin(t) + a * _hash(t), mpmath.sin, x
    for x in (0.6, 2.0):
        yield "sin, 8 decimals", lambda t: round(float(np.sin(t)), 8), mpmath.sin, x


def derivative(f: Function, x: float, order: int) -> Any:
    """Truth: the central difference of this order at a step far below every scale."""
    with mpmath.workdps(220):
        step = (abs(mpmath.mpf(x)) or 1) * mpmath.mpf(10) ** -40
        places = [mpmath.mpf(x) + (mpmath.mpf(order) / 2 - k) * step for k in range(order + 1)]
        return sum((-1) ** k * math.comb(order, k) * f(place) for k, place in enumerate(places)) / step**order


def hessian(f: Callable[..., Any], x: tuple[float, ...]) -> list[Any]:
    """Truth: all second differences."""
    with mpmath.workdps(220):
        steps = [(abs(mpmath.mpf(v)) or 1) * mpmath.mpf(10) ** -40 for v in x]

        def at(*moves: tuple[int, int]) -> Any:
            point = [mpmath.mpf(v) for v in x]
            for entry, sign in moves:
                point[entry] += sign * steps[entry] / 2
            return f(MPMATH, point)

        return [sum(a * b * at((i, a), (j, b)) for a, b in itertools.product((1, -1), repeat=2)) / steps[i] / steps[j]
                for i in range(len(x)) for j in range(len(x))]


def judge(ask: Callable[[], numeric.Result], truth: list[Any], size: Any) -> tuple[float, bool, bool, int] | None:
    """Digits, honest, nothing claimed, evaluations; None where the scheme refuses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = ask()
    except DiffkitError:
        return None
    values, claims = np.ravel(result.value).tolist(), np.ravel(result.error).tolist()
    errors = [abs(mpmath.mpf(v) - t) if math.isfinite(v) else mpmath.inf for v, t in zip(values, truth)]
    honest = all(not math.isfinite(claim) or error <= claim for error, claim in zip(errors, claims))
    worst = max(errors) / (max(map(abs, truth)) or size or 1)
    digits = min(16.0, max(0.0, -float(mpmath.log10(worst or 1e-16)))) if mpmath.isfinite(worst) else 0.0
    return digits, honest, not all(map(math.isfinite, claims)), result.evaluations


def row(label: str, scheme: str, found: list[tuple[float, bool, bool, int] | None]) -> str:
    """One line of the table."""
    known = [item for item in found if item is not None]
    digits, honest, none, cost = zip(*known)
    return (f"{label:<9}{scheme:<14}{len(known):>5}{np.mean(honest):>9.1%}{sum(none):>7}{np.median(digits):>8.1f}"
            f"{np.quantile(digits, 0.1):>10.1f}{np.median(cost):>8.0f}{np.quantile(cost, 0.95):>7.0f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", default="1,2")
    parser.add_argument("--misses", action="store_true", help="print every case whose claim fails")
    options = parser.parse_args()
    print(f"{'':<9}{'':<14}{'cases':>5}{'honest':>9}{'none':>7}{'median':>8}{'worst':>10}{'evaluations':>15}")
    print(f"{'':<9}{'':<14}{'':>5}{'claims':>9}{'':>7}{'digits':>8}{'10 %':>10}{'median':>8}{'95 %':>7}")
    every = list(functions())
    for order in map(int, options.orders.split(",")):
        truths = [derivative(exact, x, order) for _, _, exact, x in every]
        for scheme in numeric.SCHEMES:
            found = [judge(functools.partial(numeric.derivative, f, x, order, scheme), [truth], abs(float(f(x))))
                     for (_, f, _, x), truth in zip(every, truths)]
            print(row(f"order {order}", scheme, found), flush=True)
            if options.misses:
                for (name, _, _, x), item in zip(every, found):
                    if item is not None and not item[1]:
                        print(f"    {name} at {x}", file=sys.stderr)
    points = [(f, x, hessian(f, x)) for f, points in VECTORS.values() for x in points]
    for scheme in numeric.SCHEMES:
        found = [judge(functools.partial(numeric.hessian, functools.partial(f, NUMPY), np.array(x), scheme), truth, 1)
                 for f, x, truth in points]
        print(row("Hessian", scheme, found), flush=True)


if __name__ == "__main__":
    main()
