"""A program that catches a refusal and goes on: refused after all, unless it is the same function."""

import math

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import DiffkitError, LostDerivativeError

X = np.array([1.0, 2.0])


def rescued(convert, otherwise):
    """f that takes ``otherwise(x)`` where ``convert(x)`` fails."""
    def f(x):
        try:
            y = convert(x[0])
        except Exception:
            y = otherwise(x[0])
        return y * x[1]
    return f


CONVERSIONS = {"float": float, "math": math.sqrt, "item": lambda t: t.item(), "text": lambda t: float(str(t)),
               "no_rule": lambda t: np.random.default_rng(0).normal(t)}
GRADIENTS = {
    "reverse": dk.grad, "forward": lambda f: dk.grad(f, method="forward"), "jacobian": dk.jacobian,
    "hessian": dk.hessian, "reverse over reverse": lambda f: dk.grad(lambda x: np.sum(dk.grad(f)(x))),
    "compiled": lambda f: dk.compile(dk.grad(f)), "symbolic": lambda f: dk.grad(f, method="symbolic"),
    "vmap": lambda f: lambda x: dk.vmap(dk.grad(f))(np.stack([x, x])),
}


@pytest.mark.parametrize("mode", GRADIENTS)
@pytest.mark.parametrize("name", CONVERSIONS)
def test_another_function_is_refused(name, mode):
    f = rescued(CONVERSIONS[name], lambda t: 0.0)
    with pytest.raises(DiffkitError, match="test_swallowed") as caught:
        GRADIENTS[mode](f)(X)
    assert "caught this refusal" in caught.value.__notes__[-1]


@pytest.mark.parametrize("mode", [mode for mode in GRADIENTS if mode != "vmap"])
def test_the_same_function_is_differentiated(mode):
    f = rescued(float, lambda t: t)
    np.testing.assert_allclose(GRADIENTS[mode](f)(X), GRADIENTS[mode](lambda x: x[0] * x[1])(X), rtol=1e-15)


def test_what_was_refused_in_a_transform_inside_is_not_forgotten():
    def f(x):
        try:
            return dk.grad(lambda t: t * math.sin(x))(x)
        except TypeError:
            return 0.0 * x

    with pytest.raises(LostDerivativeError, match="math module"):
        dk.grad(f)(1.0)


def test_what_was_refused_earlier_is_no_matter():
    calls = []

    def f(x):
        calls.append(x)
        return x * x

    with pytest.raises(LostDerivativeError):
        dk.grad(lambda x: float(x))(1.0)
    assert dk.grad(f)(3.0) == 6.0 and len(calls) == 1
