"""The judge of the array rulebooks' tests: a function's derivatives against what shares no code with them.

``check`` takes a function and the arguments that move, and holds

* the value to NumPy's own, to the last bit,
* forward mode to central differences of the plain function,
* reverse mode to forward mode by <J t, g> = <t, J' g>, at roundoff,
* second derivatives in four pairs of modes to each other, and to differences of the gradient,
* a recording to plain data.
"""

from __future__ import annotations

import numpy as np

import diffkit as dk
from diffkit.recording import record
from diffkit.traced import Traced


def parts(y):
    """A result as a list of arrays."""
    return [np.asarray(part) for part in y] if type(y) in (tuple, list) else [np.asarray(y)]


def flat(f):
    """``f`` with all its results in one vector (inexact ones: counts and indices have no derivative)."""
    def joined(*args):
        y = f(*args)
        results = y if type(y) in (tuple, list) else (y,)
        return np.concatenate([part.reshape((-1,)) for part in results if part.dtype.kind in "fc"])
    return joined


def central(f, args, tangents, h=1e-3):
    """The directional derivative by the fourth-order central difference (plain floats only)."""
    def at(step):
        return f(*(x + step * t for x, t in zip(args, tangents)))
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def drawn_like(x, rng):
    """Random numbers in the memory order of ``x``, which some functions read."""
    t = np.empty_like(x)
    t[...] = rng.normal(size=x.shape)
    return t


def close(a, b, tolerance):
    scale = max(1.0, np.max(np.abs(b), initial=0.0))
    assert np.shape(a) == np.shape(b)
    assert np.all(np.isfinite(a)) and np.all(np.isfinite(b))
    assert np.max(np.abs(np.asarray(a) - b), initial=0.0) <= tolerance * scale, (a, b)


def same_values(f, args):
    """Under every level the values are NumPy's, bit for bit, in shape and dtype."""
    expected = f(*args)
    found, _ = dk.jvp(f, args, tuple(np.ones_like(x) for x in args))
    assert len(parts(expected)) == len(parts(found))
    for want, got in zip(parts(expected), parts(found)):
        assert got.shape == want.shape and got.dtype == want.dtype, (got.dtype, want.dtype, got.shape, want.shape)
        assert np.array_equal(got, want, equal_nan=want.dtype.kind in "fc"), (got, want)


def check(f, *args, second=True, values=True, differences=True):
    """All of the above for ``f`` at ``args``."""
    rng = np.random.default_rng(7)
    args = tuple(np.asarray(x, dtype=float) if np.asarray(x).dtype.kind in "iu" else np.asarray(x) for x in args)
    if values:
        same_values(f, args)
    g = flat(f)
    tangents = tuple(drawn_like(x, rng) for x in args)
    y, t = dk.jvp(g, args, tangents)
    if differences:
        close(t, central(g, args, tangents), 2e-8)
    weights = rng.normal(size=y.shape)
    _, pullback = dk.vjp(g, *args)
    pulled = pullback(weights)
    left, right = np.sum(t * weights), sum(np.sum(c * u) for c, u in zip(pulled, tangents))
    assert abs(left - right) <= 1e-12 * (np.sum(np.abs(t * weights)) + 1e-300) + 1e-14, (left, right)
    if second:
        check_second(g, args, weights, rng)
    check_recording(f, args)


def check_second(g, args, weights, rng):
    """The second directional derivative of sum(w (y + y^2)) in the four pairs of modes."""
    where = tuple(range(len(args)))
    u, v = (tuple(drawn_like(x, rng) for x in args) for _ in range(2))

    def phi(*xs):
        y = g(*xs)
        return np.sum(weights * (y + y * y))

    def dot(cs, ts):
        return sum(np.sum(c * t) for c, t in zip(cs, ts))

    def slope(*xs):
        return dk.jvp(phi, xs, u)[1]

    gradient = dk.grad(phi, where)
    forward_forward = dk.jvp(slope, args, v)[1]
    forward_reverse = dot(dk.jvp(gradient, args, v)[1], u)
    reverse_forward = dot(dk.grad(slope, where)(*args), v)
    reverse_reverse = dot(dk.grad(lambda *xs: dot(gradient(*xs), u), where)(*args), v)
    expected = central(lambda *xs: np.asarray(dot(gradient(*xs), u)), args, v)
    for found in (forward_forward, forward_reverse, reverse_forward, reverse_reverse):
        close(found, forward_forward, 1e-11)
        close(found, expected, 3e-7)


def check_recording(f, args):
    """A recording level can write every operation down, with parameters that are plain data."""
    tape = record(f, list(args), lambda leaves: (tuple(leaves), {}), [f"x{i}" for i in range(len(args))])
    assert tape.nodes
    for node in tape.nodes:
        assert not any(type(leaf) is Traced for leaf in _leaves((node.params, node.inputs, node.value)))


def _leaves(value):
    if isinstance(value, dict):
        value = tuple(value.values())
    if type(value) in (tuple, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
