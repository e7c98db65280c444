"""checkpointed_loop: the derivatives of the plain loop, in the memory and the runs that the binomial rule allows."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError

MODES = {"forward": lambda f: lambda x: dk.jvp(f, (x,), (1.0,))[1], "reverse": dk.grad}


def by_hand(rate, x, n):
    """Last state of x <- rate x (1 - x), and its derivatives by rate and by the first state."""
    by_rate, by_first = 0.0, 1.0
    for _ in range(n):
        slope = rate * (1 - 2 * x)
        by_rate, by_first = slope * by_rate + x * (1 - x), slope * by_first
        x = rate * x * (1 - x)
    return x, by_rate, by_first


@pytest.mark.parametrize("n", [0, 1, 2, 3, 6, 7, 20, 61])
@pytest.mark.parametrize("snapshots", [2, 3, 7, None])
def test_the_gradient_and_the_number_of_runs(n, snapshots):
    runs = []

    def step(x, i, rate):
        runs.append(i)
        return rate * x * (1 - x)

    f = lambda rate, first: dk.checkpointed_loop(step, first, n, rate, snapshots=snapshots)
    found = dk.value_and_grad(f, (0, 1))(1.9, 0.3)
    x, by_rate, by_first = by_hand(1.9, 0.3, n)
    np.testing.assert_allclose([found[0], *found[1]], [x, by_rate, by_first], rtol=1e-12)
    # At most r runs forward where binomial(s + r, s) >= n, and one to record the step.
    most = next(r for r in range(1, 99) if math.comb((snapshots or 99) + r, r) >= n) if snapshots else 3
    assert all(runs.count(i) <= most + 1 for i in range(n)) and set(runs) == set(range(n))


def test_the_states_held():
    # A state on either side of a segment, in five nested schedules of 6, 5, … segments.
    state, n = np.full(2000, 0.3), 300

    def peak(f):
        dk.grad(f)(1.9)
        tracemalloc.start()
        dk.grad(f)(1.9)
        most = tracemalloc.get_traced_memory()[1] / state.nbytes
        tracemalloc.stop()
        return most

    def plain(rate):
        x = state
        for _ in range(n):
            x = rate * x * (1 - x)
        return np.sum(x)

    kept = peak(lambda rate: np.sum(dk.checkpointed_loop(lambda x, i, rate: rate * x * (1 - x), state, n, rate,
                                                         snapshots=6)))
    assert peak(plain) > n and kept < 40


@pytest.mark.parametrize("order", list(itertools.product(MODES, repeat=2)), ids="-".join)
def test_second_order(order):
    f = lambda x: dk.checkpointed_loop(lambda s, i, x: s * x, 1.0, 6, x, snapshots=2)    # x^6
    for mode, expected in zip(order, (6 * 1.5**5, 30 * 1.5**4)):
        f = MODES[mode](f)
        assert f(1.5) == pytest.approx(expected, rel=1e-14)


def test_inputs_containers_and_constants():
    # An explicit recurrence h <- tanh(w h + u x_t), with a loss carried along.
    rng = np.random.default_rng(0)
    xs, w, u = rng.normal(size=(9, 2)), 0.4 * rng.normal(size=(3, 3)), rng.normal(size=(3, 2))

    def step(state, x, p, act):
        h = act(p["w"] @ state["h"] + p["u"] @ x["x"])
        return {"h": h, "loss": state["loss"] + np.sum(h**2)}

    start = {"h": np.zeros(3), "loss": 0.0}
    f = lambda p, xs: dk.checkpointed_loop(step, start, {"x": xs}, p, np.tanh, snapshots=2)["loss"]
    found = dk.grad(f, (0, 1))({"w": w, "u": u}, xs)

    def plain(w, u, xs):
        h, loss = np.zeros(3, complex), 0.0
        for x in xs:
            h = np.tanh(w @ h + u @ x)
            loss = loss + np.sum(h**2)
        return loss

    def complex_step(place, array):
        result = np.zeros(array.shape)
        for at in np.ndindex(array.shape):
            moved = [w, u, xs]
            moved[place] = array.astype(complex)
            moved[place][at] += 1e-30j
            result[at] = plain(*moved).imag / 1e-30
        return result

    np.testing.assert_allclose(found[0]["w"], complex_step(0, w), rtol=1e-12)
    np.testing.assert_allclose(found[0]["u"], complex_step(1, u), rtol=1e-12)
    np.testing.assert_allclose(found[1], complex_step(2, xs), rtol=1e-12)


def test_single_precision_and_compiled():
    f = lambda x: np.sum(dk.checkpointed_loop(lambda s, i, x: s * x, np.ones(2, np.float32), 5, x))
    x = np.array([1.5, 0.5], np.float32)
    g = dk.grad(f)(x)
    assert g.dtype == np.float32
    np.testing.assert_allclose(g, 5 * x**4, rtol=1e-6)
    compiled = dk.compile(dk.grad(f))
    assert np.array_equal(compiled(x), g) and compiled.reason == ""


def test_bad_input():
    step = lambda s, i: s
    for steps in (2.5, True, -1, "ab", [np.ones(2), np.ones(3)], np.float64(3)):
        with pytest.raises(InputError):
            dk.checkpointed_loop(step, 1.0, steps)
    with pytest.raises(InputError, match="snapshots is a number"):
        dk.checkpointed_loop(step, 1.0, 3, snapshots=0)
    with pytest.raises(InputError, match="snapshots=5 or more"):
        dk.checkpointed_loop(step, 1.0, 3_000_000, snapshots=1)
    with pytest.raises(InputError, match="not among its arguments"):
        dk.grad(lambda x: dk.checkpointed_loop(lambda s, i, y: s * x, 1.0, 3, x))(2.0)
