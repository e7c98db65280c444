"""Numeric differentiation side by side: accuracy, cost, and whether the claimed error is true.

    python -m comparisons.numeric_board            the table
    python -m comparisons.numeric_board --misses   and every case where diffkit's claim fails or it has < 10 digits

Peers that are not installed print "-".  Nothing here depends on time.  Digits are
-log10(largest error of the case / largest true derivative in it), between 0 and 16; a claim is
honest if it holds for every element of the case, and useful if besides it is at most 1e-6 of the
largest.  A kink is owned by a method that fails, answers NaN, or claims at least a quarter of the
gap between the slopes.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from comparisons.numeric_cases import Case, cases
from diffkit import numeric

Answer = tuple[list[float], list[float] | None]
Method = Callable[[Callable[[Any], Any], Any], Answer]


def by_coordinates(scalar: Callable[[Callable[[float], float], float], tuple[float, float | None]]) -> Method:
    """A method for functions of one number, applied along every coordinate."""

    def method(f: Callable[[Any], Any], x: Any) -> Answer:
        if np.ndim(x) == 0:
            pairs = [scalar(f, x)]
        else:
            pairs = []
            for index in range(len(x)):
                def along(t: float, index: int = index) -> float:
                    point = x.copy()
                    point[index] = t
                    return float(f(point))
                pairs.append(scalar(along, float(x[index])))
        values, errors = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return values, None if errors[0] is None else [float(error) for error in errors if error is not None]

    return method


def diffkit_auto(f: Callable[[Any], Any], x: Any) -> Answer:
    """diffkit with its defaults."""
    result = numeric.gradient(f, x)
    return np.ravel(result.value).tolist(), np.ravel(result.error).tolist()


def ridders(f: Callable[[float], float], x: float) -> tuple[float, float]:
    """Ridders' method as in Numerical Recipes, section 5.7: first step max(|x|, 1)/10, ratio 1.4, ten columns."""
    step, ratio, table = max(abs(x), 1) / 10, 1.4, np.full((10, 10), np.nan)
    value, error = math.nan, math.inf
    for column in range(10):
        table[0, column] = (f(x + step) - f(x - step)) / (2 * step)
        for row in range(1, column + 1):
            factor = ratio ** (2 * row)
            table[row, column] = (table[row - 1, column] * factor - table[row - 1, column - 1]) / (factor - 1)
            distance = max(abs(table[row, column] - table[row - 1, column]),
                           abs(table[row, column] - table[row - 1, column - 1]))
            if distance <= error:
                value, error = table[row, column], distance
        if column and abs(table[column, column] - table[column - 1, column - 1]) >= 2 * error:
            break
        step /= ratio
    return value, error


def _numdifftools(method: str) -> Callable[[Any], Method]:
    def make(module: Any) -> Method:
        def scalar(f: Callable[[float], float], x: float) -> tuple[float, float]:
            derivative = module.Derivative(np.vectorize(f, otypes=[float]), method=method, full_output=True)
            answer = derivative(x)  # (value, info), or one record in later versions
            value, info = (answer.estimate, answer) if hasattr(answer, "estimate") else answer
            return float(np.ravel(value)[0]), float(np.ravel(info.error_estimate)[0])
        return by_coordinates(scalar)
    return make


def _jacobi(module: Any) -> Method:
    def scalar(f: Callable[[float], float], x: float) -> tuple[float, float]:
        value, error = module.jacobi(f, x)
        return float(value), float(error)
    return by_coordinates(scalar)


def _scipy_differentiate(module: Any) -> Method:
    def scalar(f: Callable[[float], float], x: float) -> tuple[float, float]:
        result = module.derivative(np.vectorize(f, otypes=[float]), x)
        return float(result.df), float(result.error)
    return by_coordinates(scalar)


def _scipy_points(method: str) -> Callable[[Any], Method]:
    def make(module: Any) -> Method:
        def scalar(f: Callable[[float], float], x: float) -> tuple[float, None]:
            row = module.approx_derivative(lambda point: f(float(point[0])), [x], method=method)
            return float(np.ravel(row)[0]), None
        return by_coordinates(scalar)
    return make


METHODS: dict[str, tuple[str, Callable[[Any], Method]]] = {
    "diffkit": ("math", lambda module: diffkit_auto),
    "numdifftools central": ("numdifftools", _numdifftools("central")),
    "jacobi": ("jacobi", _jacobi),
    "scipy.differentiate": ("scipy.differentiate", _scipy_differentiate),
    "scipy 2-point": ("scipy.optimize._numdiff", _scipy_points("2-point")),
    "scipy 3-point": ("scipy.optimize._numdiff", _scipy_points("3-point")),
    "Ridders": ("math", lambda module: by_coordinates(ridders)),
}


@dataclasses.dataclass(frozen=True)
class Score:
    """How a method did on one case; ``honest`` is None for a method that claims nothing."""

    digits: float
    evaluations: float
    honest: bool | None
    owned: bool
    useful: bool
    line: str


def judge(case: Case, method: Method) -> Score:
    """Run a method on a case, and measure."""
    count = 0

    def counted(x: Any) -> Any:
        nonlocal count
        count += np.size(x) if np.ndim(x) > 1 else 1
        return case.f(x)

    entries = np.size(case.x)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            values, claims = method(counted, case.x)
    except Exception as error:  # a peer that fails on a case is scored, not fatal
        return Score(0.0, count / entries, None, True, False, f"{type(error).__name__}: {error}")
    errors = [mpmath.inf if math.isnan(value) else abs(mpmath.mpf(value) - truth)
              for value, truth in zip(values, case.truth)]
    unit = max(abs(truth) for truth in case.truth) or max(abs(float(case.f(case.x))), 1.0)
    worst = max(errors) / unit
    digits = min(16.0, max(0.0, -float(mpmath.log10(worst or 1e-16)))) if mpmath.isfinite(worst) else 0.0
    if case.gap:
        failed = not all(map(math.isfinite, values))
        owned = failed or (claims is not None and not claims[0] < case.gap / 4)
        # The truth at a kink is the whole interval: honest if the claim reaches it, owned if it admits it.
        honest = None if claims is None else failed or float(errors[0]) <= claims[0] + case.gap / 2
        return Score(digits, count / entries, honest, owned, False, f"{values} ± {claims}")
    honest = None if claims is None else all(
        not math.isfinite(claim) or error <= claim for error, claim in zip(errors, claims))
    truths = [mpmath.nstr(truth, 17) for truth in case.truth]
    missed = list(map(float, errors))
    useful = bool(honest) and claims is not None and max(claims) <= 1e-6 * unit
    return Score(digits, count / entries, honest, False, useful,
                 f"{values} ± {claims}, true {truths}, errors {missed}")


def main() -> None:
    """Print the board."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--misses", action="store_true")
    options = parser.parse_args()
    every = cases()
    kinks = sum(case.gap > 0 for case in every)
    print(f"{len(every)} functions and points, {kinks} of them at kinks; truth from mpmath at 50 digits\n")
    print(f"{'':22}{'median':>8}{'worst 10%':>11}{'evaluations an input':>23}{'honest':>9}{'useful':>8}{'kinks':>8}")
    print(f"{'':22}{'digits':>8}{'digits':>11}{'median':>14}{'95%':>9}{'claims':>9}{'claims':>8}{'owned':>8}")
    groups: list[str] = []
    for name, (module, make) in METHODS.items():
        try:
            method = make(importlib.import_module(module))
        except ImportError:
            print(f"{name:22}{'-':>8}{'-':>11}{'-':>14}{'-':>9}{'-':>9}{'-':>8}{'-':>8}")
            continue
        scores = [(case, judge(case, method)) for case in every]
        smooth = [score for case, score in scores if not case.gap]
        digits, counts = [score.digits for score in smooth], [score.evaluations for _, score in scores]
        claims = [score.honest for _, score in scores if score.honest is not None]
        honest = f"{100 * np.mean(claims):.1f}%" if claims else "none"
        useful = f"{100 * np.mean([score.useful for score in smooth]):.0f}%" if claims else "none"
        owned = f"{sum(score.owned for case, score in scores if case.gap)}/{kinks}"
        print(f"{name:22}{np.median(digits):8.1f}{np.quantile(digits, 0.1):11.1f}{np.median(counts):14.0f}"
              f"{np.quantile(counts, 0.95):9.0f}{honest:>9}{useful:>8}{owned:>8}")
        if name == "diffkit":
            for group in dict.fromkeys(case.group for case in every):
                mine = [score for case, score in scores if case.group == group]
                groups.append(f"  {group:14}{len(mine):4}{np.median([score.digits for score in mine]):8.1f}"
                              f"{np.quantile([score.digits for score in mine], 0.1):8.1f}"
                              f"{np.median([score.evaluations for score in mine]):8.0f}"
                              f"{100 * np.mean([bool(score.honest) for score in mine]):8.1f}%")
            if options.misses:
                for case, score in scores:
                    if not score.honest or (score.digits < 10 and not case.gap) or (case.gap and not score.owned):
                        print(f"    {case.group}: {case.name} at {case.x}: {score.digits:.1f} digits, "
                              f"{score.evaluations:.0f} evaluations, honest {score.honest}: {score.line}",
                              file=sys.stderr)
    print("\ndiffkit by group: cases, median digits, worst tenth, evaluations, honest")
    print("\n".join(groups))


if __name__ == "__main__":
    main()
