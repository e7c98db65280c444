"""checkpoint: the same derivatives from less memory."""

import itertools
import tracemalloc

import numpy as np
import pytest

import diffkit as dk
from diffkit.arguments import split
from diffkit.errors import InputError
from diffkit.transforms.products import Linearized

MODES = {"forward": lambda f: lambda x: dk.jvp(f, (x,), (1.0,))[1], "reverse": dk.grad}


@pytest.mark.parametrize("order", list(itertools.product(MODES, repeat=3)), ids="-".join)
def test_any_nesting(order):
    # x^3 in two nested checkpoints: 3 x^2, 6 x, 6
    f = dk.checkpoint(lambda x: dk.checkpoint(lambda y: y * y)(x) * x)
    for mode, expected in zip(order, (12.0, 12.0, 6.0)):
        f = MODES[mode](f)
        assert f(2.0) == expected


def test_containers_and_constants():
    @dk.checkpoint
    def layer(p, x, activation):
        return {"y": activation(p["w"] @ x + p["b"]), "name": "layer"}

    w, b, x = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([0.5, 0.25]), np.array([0.1, 0.2])
    total = lambda p: np.sum(layer(p, x, np.tanh)["y"])
    g = dk.grad(total)({"w": w, "b": b})
    slope = 1 / np.cosh(w @ x + b)**2
    np.testing.assert_allclose(g["b"], slope, rtol=1e-14)
    np.testing.assert_allclose(g["w"], np.outer(slope, x), rtol=1e-14)


def test_the_function_runs_again_in_the_sweep():
    runs = []
    f = dk.checkpoint(lambda x: runs.append(1) or np.sin(x))
    assert dk.grad(f)(0.5) == np.cos(0.5)
    assert len(runs) == 2
    runs.clear()
    f(0.5)
    assert len(runs) == 1


def peak(f, x):
    dk.grad(f)(x)
    tracemalloc.start()
    dk.grad(f)(x)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_falls_to_the_blocks():
    def block(y):
        for _ in range(10):
            y = np.sin(y) * 0.9
        return y

    def chain(step):
        def f(y):
            for _ in range(10):
                y = step(y)
            return np.sum(y)
        return f

    x = np.linspace(0.0, 1.0, 20_000)
    plain, spared = chain(block), chain(dk.checkpoint(block))
    np.testing.assert_array_equal(dk.grad(plain)(x), dk.grad(spared)(x))
    # Plain: 100 saved sines' arguments and as many products; spared: 10 blocks' ends and one
    # block at a time.
    assert peak(spared, x) < 0.35 * peak(plain, x)


def test_outer_tapes_do_not_hold_the_blocks_either():
    def block(y):
        for _ in range(50):
            y = np.sin(y)
        return y

    spared = dk.checkpoint(block)
    for derived in (dk.grad, lambda f: lambda x: dk.jvp(f, (x,), (1.0,))[1]):
        long, short = (Linearized(derived(f), split((0.5,), 0, f), {}) for f in (block, spared))
        assert long.value == pytest.approx(short.value, rel=1e-15)
        assert len(long.nodes) > 100
        assert len(short.nodes) < 10


def test_a_closure_is_refused():
    with pytest.raises(InputError, match="not among its arguments"):
        dk.grad(lambda w: dk.checkpoint(lambda x: x * w)(w))(2.0)


def test_an_error_comes_through():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        dk.grad(dk.checkpoint(f))(1.0)
