"""A definition of diffkit.scipy against SciPy's function: value, tangent, adjoint identity, second order."""

import inspect

import numpy as np

import diffkit as dk


def differences(f, args, tangents, h=1e-3):
    """The derivative along tangents, by central differences of order six."""
    at = lambda s: f(*(a + s * h * t for a, t in zip(args, tangents)))
    return (45 * (at(1) - at(-1)) - 9 * (at(2) - at(-2)) + (at(3) - at(-3))) / (60 * h)


def check(ours, theirs, args, tolerance=1e-8, size=1.0, second=True):
    """``ours`` differentiated in all modes, ``theirs`` by differences along random directions of this size."""
    draw = np.random.default_rng(1)
    tangents = tuple(size * draw.normal(size=np.shape(a)) for a in args)
    y, moved = dk.jvp(ours, args, tangents)
    expected = theirs(*args)
    assert np.shape(y) == np.shape(expected)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    known = ~np.isnan(expected)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.asarray(moved)[known], np.asarray(differences(theirs, args, tangents))[known],
                               rtol=tolerance, atol=tolerance)
    g = np.where(known, draw.normal(size=np.shape(y)), 0.0)
    total = lambda *args: np.sum(np.where(known, g * ours(*args), 0.0))
    by = tuple(range(len(args)))
    pulled = dk.grad(total, by)(*args)
    forward = np.sum(np.where(known, g * moved, 0.0))
    np.testing.assert_allclose(sum(np.sum(c * t) for c, t in zip(pulled, tangents)), forward, rtol=1e-9, atol=1e-11)
    if second:  # the square, so that a linear function has a second derivative too
        square = lambda *args: np.sum(np.where(known, g * ours(*args) ** 2, 0.0))
        over = lambda *args: sum(np.sum(c * t) for c, t in zip(dk.grad(square, by)(*args), tangents))
        under = lambda *args: dk.jvp(square, args, tangents)[1]
        one, two = dk.jvp(over, args, tangents)[1], dk.grad(under, by)(*args)
        two = sum(np.sum(c * t) for c, t in zip(two, tangents))
        third = differences(under, args, tangents)
        np.testing.assert_allclose([one, two], [third, third], rtol=1e-6, atol=100 * tolerance)


def check_signatures(ours, theirs, names):
    """The parameters of functions and classes are SciPy's, by name and order."""
    for name in names:
        found, wanted = (list(inspect.signature(getattr(m, name)).parameters) for m in (ours, theirs))
        assert found == wanted, name
