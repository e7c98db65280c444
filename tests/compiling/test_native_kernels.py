"""Kernels against mpmath: at most 2 units in the last place, everywhere.

Each is compiled in the widths that programs use, with and without fused multiply-add (which some
processors lack), and called on its own.
"""

import ctypes
import itertools

import mpmath
import numpy as np
import pytest

from diffkit.compiling.native.calls import table
from diffkit.compiling.native.code import Code, Value
from diffkit.compiling.native.machine import engine
from diffkit.compiling.native.operations import function
from diffkit.compiling.native.routine import ENTRIES

LIMIT = 2.0


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DIFFKIT_CACHE", str(tmp_path))


def compiled(name, width, has_fma):
    """A function of NumPy arrays that applies a kernel to each entry."""
    c = Code(has_fma, ENTRIES)
    c.put("br label %loop")
    c.start("%loop")
    c.put("%i = phi i64 [0, %entry], [%next, %end]")
    c.put("%p = getelementptr double, ptr %x, i64 %i")
    c.put("%q = getelementptr double, ptr %y, i64 %i")
    c.width = width
    c.put(f"%v = load {c.type('d')}, ptr %p, align 1")
    result = function(c, name, [Value("%v", "d", width)])
    c.put("br label %end")
    c.start("%end")
    c.put(f"store {c.type('d')} {result.text}, ptr %q, align 1")
    c.put(f"%next = add i64 %i, {width or 1}")
    c.put("%more = icmp slt i64 %next, %n")
    c.put("br i1 %more, label %loop, label %done")
    c.start("%done")
    c.put("ret void")
    text = "\n".join([*sorted(c.declared), "define void @NAME(ptr %x, ptr %y, i64 %n, ptr %table) {", "entry:",
                      *c.lines, "}", ""])
    address, _ = engine().load(text)
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, ctypes.c_int64, ctypes.c_void_p)(address)

    def apply(x):
        padded = np.concatenate([x, np.ones(-len(x) % 8)])
        y = np.empty_like(padded)
        call(padded.ctypes.data, y.ctypes.data, len(padded), table().ctypes.data)
        return y[:len(x)]

    return apply


def units(found, x, exact):
    """The error in units in the last place of each true value."""
    errors = []
    with mpmath.workdps(50):
        for y, a in zip(found.tolist(), x.tolist()):
            true = exact(mpmath.mpf(a))
            nearest = float(true)
            if nearest == y:
                errors.append(0.0)
            else:
                assert np.isfinite(y) and np.isfinite(nearest), (a, y, nearest)
                errors.append(float(abs(true - mpmath.mpf(y)) / mpmath.mpf(float(np.spacing(abs(nearest))))))
    return np.array(errors)


def points(low, high, *more):
    rng = np.random.default_rng(5)
    scales = 10 ** rng.uniform(-320, min(np.log10(high), 300), 60) * rng.choice([-1, 1], 60)
    found = np.concatenate([rng.uniform(low, high, 80), rng.uniform(max(low, -3), min(high, 3), 160), scales, *more])
    return found[(found >= low) & (found <= high)]


QUARTERS = np.arange(-30, 31) * (np.pi / 2)
NEAR_ONE = 1 + np.array([-1e-3, -1e-9, -1e-16, 1e-15, 1e-8, 1e-2])
CASES = {
    "exp": (mpmath.exp, points(-745, 709.7, np.array([-745.1, -708.4, -700.0, 709.78]))),
    "expm1": (mpmath.expm1, points(-60, 709, np.linspace(-0.4, 0.4, 60), np.linspace(36, 39, 20))),
    "log": (mpmath.log, points(5e-324, 1e308, NEAR_ONE, np.linspace(0.6, 1.6, 60))),
    "log1p": (mpmath.log1p, points(-1 + 1e-15, 1e308, NEAR_ONE - 1, np.linspace(-0.5, 0.5, 60))),
    "sin": (mpmath.sin, points(-1e5, 1e5, QUARTERS, np.nextafter(QUARTERS, 1e9), np.array([1e22, -1e300]))),
    "cos": (mpmath.cos, points(-1e5, 1e5, QUARTERS, np.nextafter(QUARTERS, 1e9), np.array([1e22, -1e300]))),
    "tanh": (mpmath.tanh, points(-30, 30, np.linspace(0.6, 0.7, 40))),
    "erf": (mpmath.erf, points(-7, 7, np.linspace(0.9, 1.1, 40)))}
inf, nan = np.inf, np.nan
SPECIAL = {
    "exp": [(0.0, 1), (-0.0, 1), (inf, inf), (-inf, 0), (nan, nan), (1e300, inf), (-1e300, 0),
            (709.79, inf), (-746.0, 0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -1), (nan, nan), (1e300, inf), (5e-324, 5e-324)],
    "log": [(0.0, -inf), (-0.0, -inf), (inf, inf), (-inf, nan), (nan, nan), (-1.0, nan), (1.0, 0.0), (-5e-324, nan)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, nan), (nan, nan), (-1.0, -inf), (-2.0, nan),
              (5e-324, 5e-324)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (inf, nan), (-inf, nan), (nan, nan), (5e-324, 5e-324)],
    "cos": [(0.0, 1), (-0.0, 1), (inf, nan), (-inf, nan), (nan, nan)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (inf, 1), (-inf, -1), (nan, nan), (1e300, 1), (5e-324, 5e-324)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (inf, 1), (-inf, -1), (nan, nan), (1e300, 1), (5e-324, 5e-324)]}


@pytest.mark.parametrize("name", CASES)
def test_within_two_units(name):
    exact, x = CASES[name]
    for width, has_fma in itertools.product((0, 8), (False, engine().has_fma)):
        errors = units(compiled(name, width, has_fma)(x), x, exact)
        assert errors.max() <= LIMIT, (width, has_fma, x[errors.argmax()], errors.max())


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name):
    x, expected = np.array(SPECIAL[name], float).T
    for width in (0, 8):
        found = compiled(name, width, False)(x)
        np.testing.assert_array_equal(found, expected)
        sure = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found)[sure], np.signbit(expected)[sure])


def test_a_planted_error_is_seen(monkeypatch):
    from diffkit.compiling.native import kernels
    wrong = list(kernels._EXP)
    wrong[2] *= 1 + 1e-12
    monkeypatch.setattr(kernels, "_EXP", tuple(wrong))
    exact, x = CASES["exp"]
    assert units(compiled("exp", 8, False)(x), x, exact).max() > LIMIT
