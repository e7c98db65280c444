"""jvp, vjp, jacobian, hessian, hvp and elementwise derivatives."""

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError, NotScalarError, ShapeError

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_jvp_and_vjp_of_a_linear_map():
    x, v, w = np.array([1.0, -1.0, 2.0]), np.array([0.5, 1.0, 0.0]), np.array([2.0, 3.0])
    out, tangent = dk.jvp(lambda x: A @ x, (x,), (v,))
    np.testing.assert_array_equal(out, A @ x)
    np.testing.assert_array_equal(tangent, A @ v)
    out, pullback = dk.vjp(lambda x: A @ x, x)
    np.testing.assert_array_equal(pullback(w)[0], w @ A)
    np.testing.assert_array_equal(pullback(2 * w)[0], 2 * w @ A)  # any number of times


def test_several_arguments_and_containers():
    f = lambda p, q: {"sum": p["a"] + q[0], "product": (p["a"] * q[1],)}
    p, q = {"a": 2.0}, [3.0, 5.0]
    out, tangent = dk.jvp(f, (p, q), ({"a": 1.0}, [0.0, 10.0]))
    assert out == {"sum": 5.0, "product": (10.0,)}
    assert tangent == {"sum": 1.0, "product": (25.0,)}
    _, pullback = dk.vjp(f, p, q)
    assert pullback({"sum": 1.0, "product": (100.0,)}) == ({"a": 501.0}, [1.0, 200.0])


def test_aux():
    assert dk.jvp(lambda x: (x * x, "aux"), (3.0,), (1.0,), has_aux=True) == (9.0, 6.0, "aux")
    out, pullback, aux = dk.vjp(lambda x: (x * x, x), 3.0, has_aux=True)
    assert (out, pullback(1.0), aux) == (9.0, (6.0,), 3.0)


def test_results_that_nothing_moves():
    _, tangent = dk.jvp(lambda x: (x > 0, 5, 2.5, np.ones(2)), (1.0,), (1.0,))
    assert tangent[:3] == (0.0, 0.0, 0.0)
    np.testing.assert_array_equal(tangent[3], np.zeros(2))
    _, pullback = dk.vjp(lambda x: x > 0, np.ones(2))
    np.testing.assert_array_equal(pullback(np.ones(2))[0], np.zeros(2))


@pytest.mark.parametrize(("primals", "tangents"), [
    ((np.ones(3),), (np.ones(2),)), ((np.ones(3),), (1.0,)), (({"a": 1.0},), ({"b": 1.0},)),
    ((1.0,), (1.0, 2.0)), ((np.ones(2),), (1j * np.ones(2),))])
def test_tangents_must_fit(primals, tangents):
    with pytest.raises(ShapeError) as caught:
        dk.jvp(lambda *args: 1.0, primals, tangents)
    assert isinstance(caught.value, ValueError)


def test_odd_calls_of_jvp():
    with pytest.raises(InputError, match=r"jvp\(f, \(x,\), \(v,\)\)"):
        dk.jvp(np.sin, 1.0, 1.0)
    with pytest.raises(InputError):
        dk.jvp(np.sin, (1.0,), ("x",))


@pytest.mark.parametrize("g", [np.ones(3), 1.0, (np.ones(2),), "x"], ids=repr)
def test_cotangents_must_fit(g):
    _, pullback = dk.vjp(lambda x: A @ x, np.ones(3))
    with pytest.raises((ShapeError, InputError)):
        pullback(g)


@pytest.mark.parametrize("method", ["auto", "reverse", "forward", "symbolic", "numeric", "complex-step"])
class TestJacobian:
    def test_shape_is_out_then_in(self, method):
        f = lambda x: np.stack([x[0] * x[1], np.sin(x[1])])
        x = np.array([[2.0, 1.0], [0.5, 3.0]])
        j = dk.jacobian(f, method=method)(x)
        assert j.shape == (2, 2, 2, 2)
        expected = np.zeros((2, 2, 2, 2))
        for k in range(2):
            expected[0, k, 0, k], expected[0, k, 1, k] = x[1, k], x[0, k]
            expected[1, k, 1, k] = np.cos(x[1, k])
        np.testing.assert_allclose(j, expected, rtol=1e-9, atol=1e-12)

    def test_containers_in_and_out(self, method):
        f = lambda p, x: {"y": p[0] * x, "z": p[1]}
        j = dk.jacobian(f, argnums=(0, 1), method=method)((2.0, 3.0), np.array([5.0, 7.0]))
        np.testing.assert_allclose(j["y"][0][0], [5.0, 7.0], rtol=1e-9)
        np.testing.assert_allclose(j["y"][0][1], [0.0, 0.0], atol=1e-12)
        np.testing.assert_allclose(j["y"][1], 2 * np.eye(2), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(j["z"][0][1], 1.0, rtol=1e-9)
        np.testing.assert_allclose(j["z"][1], [0.0, 0.0], atol=1e-12)

    def test_scalars(self, method):
        assert dk.jacobian(lambda x: x**3, method=method)(2.0) == pytest.approx(12.0, rel=1e-9)

    def test_aux(self, method):
        j, aux = dk.jacobian(lambda x: (x * 2, "aux"), has_aux=True, method=method)(np.ones(2))
        np.testing.assert_allclose(j, 2 * np.eye(2), rtol=1e-9, atol=1e-12)
        assert aux == "aux"


def test_auto_takes_the_cheaper_way():
    calls = []
    f = lambda x: (calls.append(1), np.stack([x[0] * k for k in range(50)]))[1]
    np.testing.assert_array_equal(dk.jacobian(f)(np.ones(1))[:, 0], np.arange(50.0))
    assert len(calls) <= 2  # not one run for each of 50 results


@pytest.mark.parametrize("method", ["auto", "forward", "reverse", "symbolic", "numeric"])
def test_hessian_blocks_of_several_arguments(method):
    # f = x^2 . y + x0 y1
    f = lambda x, y: np.sum(x**2 * y) + x[0] * y[1]
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    (xx, xy), (yx, yy) = dk.hessian(f, argnums=(0, 1), method=method)(x, y)
    np.testing.assert_allclose(xx, np.diag(2 * y), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(xy, np.diag(2 * x) + [[0, 1], [0, 0]], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(yx, xy.T, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(yy, np.zeros((2, 2)), atol=1e-8)


def test_hvp_with_containers_and_several_arguments():
    f = lambda p: p["a"]**2 * p["b"]
    # H = [[2b, 2a], [2a, 0]]
    assert dk.hvp(f, {"a": 3.0, "b": 5.0}, {"a": 1.0, "b": 2.0}) == {"a": 22.0, "b": 6.0}
    g = lambda a, b: a**2 * b
    assert dk.hvp(g, (3.0, 5.0), (1.0, 2.0)) == (22.0, 6.0)
    h = lambda pair: pair[0]**2 * pair[1]
    assert dk.hvp(h, (3.0, 5.0), (1.0, 2.0)) == (22.0, 6.0)


def test_derivatives_of_elementwise_functions():
    x = np.array([0.2, 1.1])
    np.testing.assert_allclose(dk.derivative(np.sin, 4)(x), np.sin(x), rtol=1e-13)
    np.testing.assert_allclose(dk.derivative(lambda x: 1 / x, 3)(x), -6 / x**4, rtol=1e-13)
    assert dk.derivative(np.exp, 0)(1.0) == np.exp(1.0)
    assert dk.derivative(lambda x: 5.0)(2.0) == 0.0


@pytest.mark.parametrize("f", [np.cumsum, lambda x: x[::-1], lambda x: x * np.sum(x), np.sum, lambda x: A @ x])
def test_derivative_refuses_functions_that_mix_entries(f):
    with pytest.raises(NotScalarError, match="elementwise"):
        dk.derivative(f)(np.array([1.0, 2.0, 4.0]))


@pytest.mark.parametrize("n", [-1, 1.5, True, "2"])
def test_the_order_of_a_derivative(n):
    with pytest.raises(InputError, match="whole number"):
        dk.derivative(np.sin, n)
