"""Chains of plain numbers in machine code: what is a product plus a number rounds once, unless it decides a jump."""

import functools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.compiling import native, programs
from diffkit.compiling.native import emit, fusing
from diffkit.compiling.native.chunks import connect

pytestmark = pytest.mark.usefixtures("own_cache")
compile_ = functools.partial(dk.compile, backend="numba", check=False)
HAS_FMA = native.engine().has_fma
#: Products that are not numbers of 53 bits: x y - z is what rounding takes away.
X, Y = 1.0 + 2.0 ** -30, 1.0 + 2.0 ** -29
Z = X * Y
LEFT = float(Fraction(X) * Fraction(Y) - Fraction(Z))


def run(f, *args):
    """The replayed result."""
    compiled = compile_(f)
    compiled(*args)
    found = compiled(*args)
    assert compiled.reason == "" and "native0" in compiled.source
    return found


def test_a_sum_of_a_product_rounds_once():
    assert LEFT != 0 and Z - X * Y == 0
    expected = LEFT if HAS_FMA else 0.0
    assert run(lambda x, y, z: x * y - z, X, Y, Z) == expected
    assert run(lambda x, y, z: z - x * y, X, Y, Z) == -expected
    assert run(lambda x, y, z: x * y + z, X, Y, -Z) == expected
    assert run(lambda x, y, z: -z + y * x, X, Y, Z) == expected


def test_a_product_that_is_used_elsewhere_is_rounded():
    assert run(lambda x, y, z: (x * y - z, x * y), X, Y, Z) == (0.0, Z)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_product_that_is_added_twice(sign):
    """What the derivative of a square is made of: with one rounding, where three were."""
    c, q, x = 1.0 / 3.0, 0.7, 1.1
    exact = Fraction(c) + sign * 2 * Fraction(q) * Fraction(x)
    found = run((lambda c, q, x: c + q * x + q * x) if sign > 0 else (lambda c, q, x: c - q * x - q * x), c, q, x)
    assert found == (float(exact) if HAS_FMA else c + sign * (q * x) + sign * (q * x))


def test_single_precision():
    x, y = np.float32(1 + 2 ** -12), np.float32(1 + 2 ** -13)
    z = x * y
    found = run(lambda x, y, z: x * y - z, x, y, z)
    assert type(found) is np.float32
    left = Fraction(float(x)) * Fraction(float(y)) - Fraction(float(z))
    assert found == (np.float32(float(left)) if HAS_FMA else 0)


GUARDED = {
    "abs": np.abs, "sign": np.sign, "maximum": lambda r: np.maximum(r, 0.0), "floor": np.floor,
    "where": lambda r: np.where(r > 0, 1.0, 2.0), "sqrt": np.sqrt, "log": np.log,
    "log1p": lambda r: np.log1p(r - 1.0), "power": lambda r: r ** 0.5, "inverse": lambda r: 1.0 / r,
    "over itself": lambda r: r / r,
    "cast": lambda r: np.bool_(r != 0) * 1.0, "branch": lambda r: 1.0 if r > 0 else 2.0,
    "truth": lambda r: 1.0 if r else 2.0, "reciprocal": np.reciprocal,
    "loop": lambda r: max(r, 0.5) - min(r, 0.0), "times infinity": lambda r: r * np.inf,
    "array": lambda r: np.sum(np.abs(r * np.ones(3))), "later": lambda r: np.abs(np.sin(r) * 2.0 + 0.0),
    "after more": lambda r: np.sqrt(r * r * 4.0 + r), "extremum": lambda r: np.max(np.ones(3) * r + np.zeros(3)),
}


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("name", GUARDED)
@pytest.mark.filterwarnings("ignore")
def test_what_may_jump_sees_numpys_bits(name, sign):
    f = GUARDED[name]

    def plain(x, y, z):
        return f(x * y - z) if sign > 0 else f(z - x * y)

    for args in (np.array([X, Y, Z]), np.array([X, Y, math.nextafter(Z, 0.0)])):
        compiled = compile_(plain)
        compiled(*args)
        np.testing.assert_array_equal(compiled(*args), plain(*args))
        assert len(compiled.sources) == 1
        slope = compile_(dk.grad(plain))
        slope(*np.array([2.0, 3.0, 5.5]))
        try:
            expected = dk.grad(plain)(*args)
        except dk.DiffkitError:
            continue
        np.testing.assert_array_equal(slope(*args), expected)


@pytest.mark.filterwarnings("ignore")
def test_a_factor_of_what_may_be_infinite_is_rounded():
    def f(x, y, z, w):
        return (x * y - z) * (1.0 / w)

    assert math.isnan(run(f, X, Y, Z, np.float64(0.0))) and math.isnan(f(X, Y, Z, np.float64(0.0)))


def test_parts_of_long_chains_that_differ_in_this_alone(monkeypatch):
    """The same operations a thousand times over, once where a branch looks at the end, once not."""
    chunks = []
    monkeypatch.setattr(emit, "connect", lambda *args: chunks.extend(args[0]) or connect(*args))

    def turned(x, z):
        for _ in range(1000):
            x, z = x + z * 0.1, z - x * 0.1
        return x

    def f(x, z):
        asked = turned(x + 0.25, z)
        return turned(x + 0.5, z) if asked > -1e9 else 0.0, asked

    args = 0.4, 0.3
    (smooth, asked), expected = run(f, *args), f(*args)
    assert asked == expected[1] and abs(smooth - expected[0]) <= 1e-12 * abs(smooth)
    assert bool(smooth != expected[0]) is HAS_FMA
    keys = [chunk.key for chunk in chunks]
    connect(chunks, set(), fusing.Fusible())
    unlike = [chunk.key[0] != key[0] for chunk, key in zip(chunks, keys)]
    assert any(unlike) and not all(unlike)


def test_a_program_that_the_check_refuses_is_written_without(monkeypatch):
    answers = iter(["differs", ""])
    monkeypatch.setattr(programs, "differs_beyond_roundings", lambda *_: next(answers))
    compiled = dk.compile(lambda x, y, z: x * y - z, backend="numba")
    compiled(X, Y, Z)
    assert compiled(X, Y, Z) == 0.0 and compiled.reason == "" and "native0" in compiled.source
    assert next(answers, None) is None


@st.composite
def chains(draw):
    """Sums and products of earlier numbers, as (operation, operands)."""
    count = draw(st.integers(3, 25))
    places = [(st.integers(0, 3 + i), st.integers(0, 3 + i)) for i in range(count)]
    return [(draw(st.sampled_from("+-*")), draw(i), draw(j)) for i, j in places]


@settings(max_examples=60, deadline=None)
@given(chains(), st.lists(st.floats(-1.5, 1.5, allow_subnormal=False), min_size=3, max_size=3))
def test_the_error_is_bounded_as_numpys_is(steps, args):
    """Each operation is off by at most one rounding: the error, carried on exactly in rational numbers."""
    def f(*numbers):
        numbers = list(numbers)
        for sign, i, j in steps:
            a, b = numbers[i % len(numbers)], numbers[j % len(numbers)]
            numbers.append(a + b if sign == "+" else a - b if sign == "-" else a * b * 0.5)
        return numbers[-1] + numbers[-2] * numbers[0]

    exact = f(*map(Fraction, args))
    room, eps = _room(f, args), Fraction(2) ** -53
    found = run(f, *args)
    assert abs(Fraction(float(found)) - exact) <= room * eps * 1.01 + Fraction(2) ** -1000
    assert abs(Fraction(float(f(*args))) - exact) <= room * eps * 1.01 + Fraction(2) ** -1000


class Bounded:
    """A number's size, and a bound of the error of what is computed with rounding, in units of eps (first order)."""

    def __init__(self, size, error=Fraction(0)):
        self.size, self.error = size, error

    def __add__(self, other):
        size = self.size + other.size
        return Bounded(size, self.error + other.error + size)

    __sub__ = __add__

    def __mul__(self, other):
        other = other if isinstance(other, Bounded) else Bounded(Fraction(other))
        size = self.size * other.size
        return Bounded(size, self.error * other.size + other.error * self.size + size)


def _room(f, args):
    return f(*(Bounded(abs(Fraction(a))) for a in args)).error
