"""Nesting: derivatives of derivatives, in every order of the two modes, and never confused.

Expected values are worked out by hand beside each case.
"""

import itertools
import threading

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import LeakedTracerError


def by_reverse(f):
    return dk.grad(f)


def by_forward(f):
    return lambda x: dk.jvp(f, (x,), (1.0,))[1]


MODES = {"forward": by_forward, "reverse": by_reverse}


@pytest.mark.parametrize("order", list(itertools.product(MODES, repeat=5)), ids=lambda order: "-".join(order))
def test_five_deep(order):
    # d^5/dx^5 x^7 = 7*6*5*4*3 x^2
    f = lambda x: x**7
    for mode in order:
        f = MODES[mode](f)
    assert f(1.5) == pytest.approx(2520 * 1.5**2, rel=1e-13)


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(MODES, repeat=2)))
def test_second_order_of_a_composition(outer, inner):
    # f = exp(sin x): f'' = (cos^2 x - sin x) exp(sin x)
    f = MODES[outer](MODES[inner](lambda x: np.exp(np.sin(x))))
    x = 0.7
    assert f(x) == pytest.approx((np.cos(x)**2 - np.sin(x)) * np.exp(np.sin(x)), rel=1e-14)


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(MODES, repeat=2)))
def test_perturbations_are_not_confused(outer, inner):
    # d/dx [x * d/dy (x + y)] = d/dx [x * 1] = 1, not 2 (Siskind and Pearlmutter 2005).
    first, second = MODES[outer], MODES[inner]
    assert first(lambda x: x * second(lambda y: x + y)(1.0))(1.0) == 1.0
    # d/dx [x * d/dy (x y)] = d/dx [x * x] = 2x
    assert first(lambda x: x * second(lambda y: x * y)(2.0))(3.0) == 6.0
    # The inner function does not use its own variable: derivative 0.
    assert first(lambda x: x + second(lambda y: x * x)(1.0))(3.0) == 1.0


@pytest.mark.parametrize("mode", MODES)
def test_a_derivative_at_a_point_that_depends_on_the_outer_variable(mode):
    # h(x) = g'(x^2) with g = sin: h'(x) = -sin(x^2) * 2x
    d = MODES[mode]
    assert d(lambda x: d(np.sin)(x * x))(1.3) == pytest.approx(-np.sin(1.69) * 2.6, rel=1e-14)


def test_higher_order_functions_returned_from_inside():
    # A function made inside and differentiated outside (the "shift" bug of Manzyuk et al. 2019).
    shift = lambda u, f: lambda x: f(x + u)
    derived = dk.jvp(lambda u: by_forward(shift(u, np.sin))(0.4), (0.3,), (1.0,))[1]
    assert derived == pytest.approx(-np.sin(0.7), rel=1e-14)


def test_hessian_of_rosenbrock_in_all_orders():
    f = lambda x: 100 * (x[1] - x[0]**2)**2 + (1 - x[0])**2
    x = np.array([-1.2, 1.0])
    # [[1200 x^2 - 400 y + 2, -400 x], [-400 x, 200]]
    expected = np.array([[1330.0, 480.0], [480.0, 200.0]])
    for outer, inner in itertools.product(("forward", "reverse"), repeat=2):
        found = dk.jacobian(dk.grad(f, method=inner), method=outer)(x)
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    np.testing.assert_allclose(dk.hessian(f)(x), expected, rtol=1e-14)
    np.testing.assert_allclose(dk.hvp(f, x, np.array([1.0, -2.0])), expected @ [1.0, -2.0], rtol=1e-14)


def test_inside_threads():
    results = {}

    def work(k):
        results[k] = [dk.grad(lambda x: np.sum(np.sin(x) * k * dk.grad(lambda y: np.sum(y * y * x))(x)))(np.ones(3))
                      for _ in range(20)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # d/dy sum(y^2 x) at y = x is 2 x^2; d/dx sum(2 k x^2 sin x) = 2k (2 x sin x + x^2 cos x)
    for k, found in results.items():
        for g in found:
            np.testing.assert_allclose(g, np.full(3, 2 * k * (2 * np.sin(1.0) + np.cos(1.0))), rtol=1e-14)


def test_a_thread_inside_the_differentiated_function():
    def f(x):
        out = []
        thread = threading.Thread(target=lambda: out.append(x * dk.grad(lambda y: y * y * x)(2.0)))
        thread.start()
        thread.join()
        return out[0]

    # x * (2 * 2 * x) = 4 x^2
    assert dk.grad(f)(3.0) == 24.0


@pytest.mark.parametrize("use", [
    lambda t: t + 1, lambda t: 2 * t, np.sin, np.sum, lambda t: t[0], lambda t: t @ t, bool, abs,
    lambda t: np.concatenate([t, t])], ids=str)
@pytest.mark.parametrize("run", [
    lambda f: dk.grad(f)(np.ones(1)), lambda f: dk.jvp(f, (np.ones(1),), (np.ones(1),)),
    lambda f: dk.vjp(f, np.ones(1))])
def test_a_leaked_tracer_raises(run, use):
    leaked = []

    def f(x):
        leaked.append(x)
        return np.sum(x * x)

    run(f)
    with pytest.raises(LeakedTracerError, match="after that transform has ended"):
        use(leaked[0])


def test_a_leaked_tracer_raises_inside_a_later_trace():
    leaked = []
    dk.grad(lambda x: leaked.append(x) or x * x)(1.0)
    with pytest.raises(LeakedTracerError):
        dk.grad(lambda x: x * leaked[0])(2.0)


def test_levels_close_when_the_function_raises():
    leaked = []

    class Oops(Exception):
        pass

    def f(x):
        leaked.append(x)
        raise Oops("mine")

    for run in (lambda: dk.grad(f)(1.0), lambda: dk.jvp(f, (1.0,), (1.0,)), lambda: dk.vjp(f, 1.0),
                lambda: dk.hessian(f)(1.0)):
        with pytest.raises(Oops, match=r"^mine$"):
            run()
        with pytest.raises(LeakedTracerError):
            leaked.pop() + 1
    assert dk.grad(lambda x: x * x)(3.0) == 6.0
