"""How many digits do the derivatives of scipy.special's functions have?  Run: python -m comparisons.special_accuracy

For each function and argument: the worst error at random points against mpmath at 40 digits, relative
to the derivative, beside the error of SciPy's own value.  ``--points`` sets how many, names choose functions.
"""

from __future__ import annotations

import argparse
from typing import Any

import mpmath as mp
import numpy as np
from scipy import special

import diffkit as dk
import diffkit.scipy.rules
from comparisons.special_functions import REFERENCES, derivative, sample
from diffkit.rules import FUNCTIONS
from diffkit.scipy.rules import numeric_arguments

__all__ = ["call", "error_at", "main"]


def call(name: str, args: list[Any], k: int | None) -> Any:
    """SciPy's function (result k); the two with a fixed count get it here."""
    if name == "bdtr":
        return special.bdtr(float(args[0]), 6, args[1])
    if name == "nbdtr":
        return special.nbdtr(args[0], 6, args[1])
    y = getattr(special, name)(*args)
    return y if k is None else y[k]


def error_at(name: str, args: list[Any], position: int, k: int | None = None) -> tuple[float, float]:
    """Relative errors of derivative and value (of result k)."""
    f = REFERENCES[name][0]
    f = f if k is None else f[k]
    filled = list(args)

    def along(x: Any) -> Any:
        filled[position] = x
        return call(name, filled, k)

    found = dk.grad(along)(args[position])
    exact = derivative(f, args, position)
    with mp.workdps(40):
        value = f(*(a if isinstance(a, int) else mp.mpf(float(a)) for a in args))
    plain = call(name, args, k)
    return (float(abs(mp.mpf(float(found)) - exact) / abs(exact)) if exact else float(abs(found)),
            float(abs(mp.mpf(float(plain)) - value) / abs(value)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--points", type=int, default=20)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    print(f"{'function':22} {'argument':>8} {'derivative':>11} {'value':>9}   at")
    for name in options.names or REFERENCES:
        f = REFERENCES[name][0]
        results = [k for k, one in enumerate(f) if one is not None] if isinstance(f, list) else [None]
        measured = numeric_arguments(FUNCTIONS[getattr(special, name)]) if name != "zeta" else (0,)
        for k in results:
            worst: dict[int, tuple[float, float, Any]] = {}
            for _ in range(options.points):
                args = sample(name, rng)
                for position, arg in enumerate(args):
                    if isinstance(arg, int):
                        continue
                    try:
                        found = (*error_at(name, args, position, k), [float(a) for a in args])
                    except (dk.errors.DiffkitError, ValueError, ZeroDivisionError, mp.NoConvergence) as fault:
                        print(f"{name:22} {position:8} {type(fault).__name__} at {args}")
                        continue
                    if position not in worst or not found[0] <= worst[position][0]:
                        worst[position] = found
            for position, (slope, value, where) in worst.items():
                label = name if k is None else f"{name}[{k}]"
                source = "measured" if position in measured else ""
                print(f"{label:22} {position:8} {slope:11.1e} {value:9.1e} {source:8} {np.round(where, 4).tolist()}")


if __name__ == "__main__":
    main()
