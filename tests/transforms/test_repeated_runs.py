"""A function that is not the same in its next run: stale values and changing columns are refused, not mixed in."""

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import ChangingFunctionError, LeakedTracerError

X = np.array([1.0, 2.0, 3.0])


def with_memory():
    """A recursion whose memo outlives the call."""
    memo = {}

    def product(t, n):
        if n not in memo:
            memo[n] = t if n < 2 else product(t, n - 1) * product(t, n - 2)
        return memo[n]

    return lambda t: product(t, 5)


@pytest.mark.parametrize("first", ["reverse", "forward"])
@pytest.mark.parametrize("wrap", [lambda y: y, lambda y: (1.0, y), lambda y: {"a": [y]}])
def test_a_result_of_an_earlier_run_is_refused(first, wrap):
    product = with_memory()

    def f(t):
        return wrap(product(t))

    dk.jacobian(f, method=first)(2.0)
    methods = ("forward", "reverse", "symbolic")
    calls = [lambda method=method: dk.jacobian(f, method=method)(3.0) for method in methods]
    calls += [lambda: dk.jvp(f, (3.0,), (1.0,)), lambda: dk.vjp(f, 3.0), lambda: dk.compile(dk.jacobian(f))(3.0),
              lambda: dk.vmap(f)(X), lambda: dk.taylor(f, 1.0, 2)]
    for call in calls:
        with pytest.raises(LeakedTracerError):
            call()


def test_a_buffer_of_an_earlier_run_is_refused():
    kept = []

    def f(t):
        z = np.zeros(2)
        z[0] = t
        kept.append(z)
        return kept[0]

    np.testing.assert_array_equal(dk.jacobian(f)(1.0), [1.0, 0.0])
    with pytest.raises(LeakedTracerError):
        dk.jacobian(f)(1.0)


def test_an_outer_value_may_come_back_from_an_inner_function():
    def f(t):
        return dk.grad(lambda s: s * s)(t) + dk.jvp(lambda s: t, (t,), (1.0,))[0]

    assert dk.grad(f)(3.0) == 3.0 and dk.grad(f, method="forward")(3.0) == 3.0


def forget(weights):
    def f(x):
        y = x * weights
        weights[:] = 0
        return np.sum(y)
    return f


def test_forward_mode_of_a_function_that_changes_what_it_reads():
    """Each run is one column; reverse mode runs f once, and gives what one call of f has."""
    np.testing.assert_array_equal(dk.grad(forget(X.copy()))(X), X)
    np.testing.assert_array_equal(dk.jvp(forget(X.copy()), (X,), (X,))[1], 14.0)
    with pytest.raises(ChangingFunctionError, match="reverse"):
        dk.grad(forget(X.copy()), method="forward")(X)
    with pytest.raises(ChangingFunctionError):
        dk.grad(dk.grad(forget(X.copy()), method="forward"), method="forward")(X)

    def outer(x):
        return np.sum(dk.grad(forget(X.copy()), method="forward")(x) * x)

    with pytest.raises(ChangingFunctionError):
        dk.grad(outer)(X)


def test_forward_mode_of_random_functions():
    rng = np.random.default_rng(0)
    with pytest.raises(ChangingFunctionError):
        dk.jacobian(lambda x: x * rng.normal(size=3), method="forward")(X)
    f = lambda x: np.sum(x * np.random.default_rng(1).normal(size=3))
    np.testing.assert_array_equal(dk.grad(f, method="forward")(X), np.random.default_rng(1).normal(size=3))
    # NaN in both runs is the same.
    with np.errstate(invalid="ignore"):
        found = dk.jacobian(lambda x: np.sqrt(x), method="forward")(np.array([-1.0, 4.0]))
    assert np.isnan(found[0, 0]) and found[1, 1] == 0.25
