"""The identities that check_gradients reports: repetition and Euler's beside the known ones."""

import numpy as np
import pytest

import diffkit as dk
from diffkit.testing.checking import examine

X = np.array([0.7, -1.3, 2.0])


def named(report, name):
    return next(p for p in report.properties if p.name.startswith(name))


def check(f, *args, modes=("forward", "reverse")):
    return examine(f, args, 2, modes, (), None, {}, 0)


@pytest.mark.parametrize("modes", [("forward", "reverse"), ("forward",), ("reverse",)])
@pytest.mark.parametrize("f, degree", [
    (lambda x: np.sum(x**3), 3), (np.linalg.norm, 1), (lambda x: x[0] / x[1], 0), (lambda x: 1 / np.sum(x * x), -2),
    (lambda x: np.sqrt(np.abs(x)), 0.5), (lambda x: np.outer(x, x), 2),
])
def test_the_degree_is_detected_and_eulers_identity_holds(f, degree, modes):
    found = named(check(f, X, modes=modes), "Euler")
    assert found.ok is True and found.text.endswith(f"degree {degree:g}")


@pytest.mark.parametrize("f", [np.sin, lambda x: np.sum(x**2) + np.sum(x), lambda x: np.sum(x) + 1, np.exp])
def test_what_is_not_homogeneous_is_not_held_to_it(f):
    found = named(check(f, X), "Euler")
    assert found.ok is None and "not homogeneous" in found.text


@dk.custom_vjp
def cube(x):
    return x**3


cube.defvjp(lambda x: (x**3, x), lambda x, g: (2 * x**2 * g,))


def test_a_wrong_rule_breaks_eulers_identity():
    found = named(check(lambda x: np.sum(cube(x)), X), "Euler")
    assert found.ok is False and "degree 3" in found.text and found.gap < 0


def test_a_derivative_that_changes_is_reported():
    state = {"calls": 0}

    @dk.custom_jvp
    def drifting(x):
        return x * 2

    def rule(primals, tangents):
        state["calls"] += 1
        return primals[0] * 2, (2 + 1e-9 * state["calls"]) * tangents[0]

    drifting.defjvp(rule)
    assert named(check(lambda x: np.sum(drifting(x)), X), "the same derivative").ok is False
    assert named(check(lambda x: np.sum(np.exp(x)), X), "the same derivative").ok is True
