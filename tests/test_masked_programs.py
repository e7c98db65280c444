"""Random programs with a poisoned branch, against the same programs with a harmless one there.

The right answer comes from the "double where": the bad function gets the argument 1 wherever
its result is not chosen, so nothing infinite arises and plain sweeps are right.
"""

import numpy as np
import pytest

import diffkit as dk

BAD = [np.sqrt, np.log, lambda z: 1 / z, lambda z: z**0.3, np.cbrt, lambda z: np.exp(1 / z), lambda z: z * np.log(z),
       lambda z: np.arctan2(z, z), lambda z: np.hypot(z, z), lambda z: np.arccosh(z + 1)]
MIX = [
    lambda y: y * np.array([1.0, 2.0, -1.0, 0.5]), np.cumsum, lambda y: y[::-1], lambda y: y + np.roll(y, 1), np.sin,
    lambda y: y * y, lambda y: np.outer(y, y)[1], lambda y: y.reshape(2, 2).T.ravel(),
    lambda y: np.concatenate([y[2:], y[:2]]), lambda y: y / (2 + np.cos(y)), lambda y: np.take(y, [0, 0, 2, 3]),
    lambda y: np.arange(16.0).reshape(4, 4) / 10 @ y, lambda y: np.sum(y) + y, lambda y: np.diff(y, prepend=0.0)]


def written(dead, good, bad):
    result = np.zeros(4)
    result[:] = bad
    result[dead] = good[dead]
    return result


CHOOSE = [
    lambda dead, good, bad: np.where(dead, good, bad),
    lambda dead, good, bad: np.select([dead], [good], default=bad),
    lambda dead, good, bad: np.where(~dead, bad, 0.0) + np.where(dead, good, 0.0),
    lambda dead, good, bad: np.stack([np.stack([bad, good])[int(d), i] for i, d in enumerate(dead)]),
    written,
]


def program(seed):
    """x -> 4 numbers; the bad function meets exactly 0 in its dead entries."""
    rng = np.random.default_rng(seed)
    before, after = ([MIX[i] for i in rng.integers(len(MIX), size=2)] for _ in range(2))
    bad = BAD[rng.integers(len(BAD))]
    choose = CHOOSE[seed % len(CHOOSE)]
    dead = rng.random(4) < 0.5
    dead[seed % 4] = True

    def f(x, harmless):
        for step in before:
            x = step(x)
        still = dk.value(x)
        z = np.where(dead, x - still, np.abs(still) + 0.5 + (x - still))
        y = choose(dead, x, bad(np.where(dead, 1.0, z) if harmless else z))
        for step in after:
            y = step(y)
        return y

    return f, rng.uniform(0.3, 1.5, 4), rng.standard_normal(4)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")  # the bad function's own
def test_a_poisoned_branch_changes_nothing(seed):
    f, x, weights = program(seed)
    poisoned, clean = (lambda x: f(x, False)), (lambda x: f(x, True))
    expected = dk.jacobian(clean)(x)
    assert np.isfinite(expected).all()
    for method in ("forward", "reverse"):
        np.testing.assert_allclose(dk.jacobian(poisoned, method=method)(x), expected, rtol=1e-10, atol=1e-10)
    second = dk.hessian(lambda x: np.sum(weights * clean(x)))(x)
    assert np.isfinite(second).all()
    for outer in ("forward", "reverse"):
        for inner in ("forward", "reverse"):
            found = dk.jacobian(dk.grad(lambda x: np.sum(weights * poisoned(x)), method=inner), method=outer)(x)
            np.testing.assert_allclose(found, second, rtol=1e-9, atol=1e-9)
