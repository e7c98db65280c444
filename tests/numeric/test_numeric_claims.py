"""Claims against mpmath at 50 digits, and the test of the test: planted errors must break it.

The truth is the quotient (f(x + h) - f(x - h)) / 2h in 140-digit arithmetic with h = 1e-60 |x|: no
code in common with what is tested, and its own error is far below double precision.
"""

from __future__ import annotations

import dataclasses
import statistics
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest

from diffkit import numeric
from diffkit.numeric import adaptive, extrapolation
from diffkit.numeric.pairs import Pairs

DOUBLE = SimpleNamespace(sin=np.sin, cos=np.cos, exp=np.exp, log=np.log, sqrt=np.sqrt, tanh=np.tanh, atan=np.arctan,
                         sinh=np.sinh, asin=np.arcsin, log1p=np.log1p)
EXACT = SimpleNamespace(**{name: getattr(mpmath, name) for name in vars(DOUBLE)})

SMOOTH = {
    "sin": (lambda m, x: m.sin(x), (0.0, 0.3, 1.0, -2.5, 40.0, 1e4)),
    "exp": (lambda m, x: m.exp(x), (0.0, 1.0, -3.0, 20.0, 1e-8)),
    "log": (lambda m, x: m.log(x), (1e-8, 0.2, 1.7, 1e5)),
    "sqrt": (lambda m, x: m.sqrt(x), (1e-6, 0.04, 2.0, 1e8)),
    "tanh": (lambda m, x: m.tanh(x), (0.0, 0.5, -2.0, 6.0, 8.5)),
    "rational": (lambda m, x: x / (1 + 25 * x * x), (0.1, 0.5, -2.0)),
    "gauss": (lambda m, x: m.exp(-x * x / 2), (0.4, 1.0, -2.2)),
    "logistic": (lambda m, x: 1 / (1 + m.exp(-x)), (0.0, 1.3, 4.2, -5.0)),
    "poly": (lambda m, x: 3 * x**5 - 2 * x**3 + x - 7, (0.2, 1.1, -3.0)),
    "x^x": (lambda m, x: m.exp(x * m.log(x)), (0.05, 0.5, 1.5, 4.0)),
    "chain": (lambda m, x: m.sqrt(1 + m.sin(m.log(2 + x * x)) ** 2), (0.4, 2.1, -7.0)),
    "wide": (lambda m, x: m.sin(x / 1e8), (1.0, 8e7)),
    "narrow": (lambda m, x: m.atan(x * 1e8), (2e-8, 3e-9)),
    "oscillating": (lambda m, x: m.sin(1000 * x), (1.0, 0.3)),
    "near an edge": (lambda m, x: m.sqrt(1 - x), (0.99, 1 - 2.0**-20, 1 - 2.0**-30)),
    "near a pole": (lambda m, x: 1 / (1 - x), (0.99, 1 - 2.0**-17)),
    "asin": (lambda m, x: m.asin(x), (0.6, -0.999, 1 - 2.0**-20)),
}
ALL = [(name, f, x) for name, (f, points) in SMOOTH.items() for x in points]


def truth(f, x):
    with mpmath.workdps(140):
        h = mpmath.mpf(10) ** -60 * (abs(x) or 1)
        return (f(EXACT, mpmath.mpf(x) + h) - f(EXACT, mpmath.mpf(x) - h)) / (2 * h)


TRUTH = [truth(f, x) for _, f, x in ALL]


def digits(error, exact):
    return 16.0 if error == 0 else float(-mpmath.log10(error / abs(exact)))


def dishonest():
    """The cases whose claim is false."""
    found = []
    for (name, f, x), exact in zip(ALL, TRUTH):
        result = numeric.derivative(lambda t, f=f: f(DOUBLE, t), x)
        if not abs(mpmath.mpf(float(result.value)) - exact) <= result.error:
            found.append((name, x, float(result.value), float(result.error), float(exact)))
    return found


def test_claims_hold():
    assert dishonest() == []


def test_accuracy_and_cost():
    results = [numeric.derivative(lambda t, f=f: f(DOUBLE, t), x) for _, f, x in ALL]
    accurate = sorted(digits(abs(mpmath.mpf(float(r.value)) - exact), exact) for r, exact in zip(results, TRUTH))
    assert statistics.median(accurate) >= 12.8
    assert accurate[len(accurate) // 10] >= 10.5
    assert statistics.median(r.evaluations for r in results) == 9
    assert max(r.evaluations for r in results) <= 120


def test_claims_are_useful():
    for (name, f, x), exact in zip(ALL, TRUTH):
        result = numeric.derivative(lambda t, f=f: f(DOUBLE, t), x)
        assert result.error <= 1e-6 * abs(float(exact)), (name, x)
        assert result.ok or result.status == "noisy", (name, x)


def test_same_input_same_result():
    first, second = (numeric.derivative(lambda t: np.exp(np.sin(9 * t)), 0.7) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("seed", range(3))
def test_gradients_of_random_quadratics_by_hand(seed):
    rng = np.random.default_rng(seed)
    matrix, x = rng.normal(size=(5, 5)), rng.normal(size=5) * 10.0 ** rng.integers(-3, 4, 5)
    result = numeric.gradient(lambda t: t @ matrix @ t, x)
    exact = (matrix + matrix.T) @ x
    assert np.all(np.abs(result.value - exact) <= result.error + 8 * np.finfo(float).eps * np.abs(matrix + matrix.T)
                  @ np.abs(x))


# Planted errors: each must make the claims false somewhere.

def test_planted_factor_two_is_seen(monkeypatch):
    monkeypatch.setattr(Pairs, "central", property(lambda self: (self.plus - self.minus) / self.step))
    assert len(dishonest()) > len(ALL) / 2


def test_planted_small_claims_are_seen(monkeypatch):
    judge = adaptive._judge

    def boastful(*args):
        estimate, accepted = judge(*args)
        return dataclasses.replace(estimate, error=estimate.error / 3000), accepted

    monkeypatch.setattr(adaptive, "_judge", boastful)
    assert dishonest()


def test_planted_blind_acceptance_is_seen(monkeypatch):
    judge = adaptive._judge
    monkeypatch.setattr(adaptive, "_judge", lambda *args: (judge(*args)[0], np.ones(len(args[0].base), bool)))
    kink = numeric.derivative(lambda t: abs(t - 1) + np.exp(t), 1.0)
    assert kink.status == "ok"  # what a checker without the ladder would say of a kink


def test_planted_trust_in_the_tableau_is_seen(monkeypatch):
    judge = adaptive._judge
    monkeypatch.setattr(adaptive, "_judge", lambda *args: (judge(*args)[0], np.zeros(len(args[0].base), bool)))
    monkeypatch.setattr(extrapolation, "_SAFETY", 0.0)
    monkeypatch.setattr(extrapolation, "_NOISE_SAFETY", 0.02)
    assert dishonest()
