"""Kernels against mpmath: at most 2 units in the last place, everywhere.

Each is compiled in the widths that programs use, with and without fused multiply-add (which some
processors lack), and called on its own.
"""

import ctypes
import itertools

import mpmath
import numpy as np
import pytest

from diffkit.compiling.native import kernels, normal
from diffkit.compiling.native.calls import table
from diffkit.compiling.native.code import Code, Value
from diffkit.compiling.native.machine import engine
from diffkit.compiling.native.operations import function
from diffkit.compiling.native.routine import ENTRIES

LIMIT = 2.0
#: Lanes, fused multiply-add, multiplication by a power of two.
ABILITIES = [*itertools.product((0, 8), (False, engine().has_fma)),
             *[(width, True, True) for width in (8, 16, 32) if engine().has_scale]]
#: What derivatives need, besides the functions that have a name in NumPy or SciPy.
WRITTEN = {"sech2": kernels.sech2, "exp(-x^2)": lambda c, x: normal.exp_square(c, x, -1.0),
           "exp(-x^2/2)": lambda c, x: normal.exp_square(c, x, -0.5),
           "exp(x^2)": lambda c, x: normal.exp_square(c, x, 1.0)}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DIFFKIT_CACHE", str(tmp_path))


def compiled(name, width, has_fma, has_scale=False):
    """A function of NumPy arrays that applies a kernel to each entry."""
    c = Code(has_fma, ENTRIES, has_scale)
    c.put("br label %loop")
    c.start("%loop")
    c.put("%i = phi i64 [0, %entry], [%next, %end]")
    c.put("%p = getelementptr double, ptr %x, i64 %i")
    c.put("%q = getelementptr double, ptr %y, i64 %i")
    c.width = width
    c.put(f"%v = load {c.type('d')}, ptr %p, align 1")
    result = WRITTEN.get(name, lambda c, x: function(c, name, [x]))(c, Value("%v", "d", width))
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
        padded = np.concatenate([x, np.ones(-len(x) % 32)])
        y = np.empty_like(padded)
        call(padded.ctypes.data, y.ctypes.data, len(padded), table().ctypes.data)
        return y[:len(x)]

    return apply


def units(found, x, exact):
    """The error in units in the last place of each true value."""
    return units_off(found, x, truth(x, exact))


def truth(x, exact):
    with mpmath.workdps(50):
        return [exact(mpmath.mpf(a)) for a in x.tolist()]


def units_off(found, x, true_values):
    errors = []
    with mpmath.workdps(50):
        for y, a, true in zip(found.tolist(), x.tolist(), true_values):
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


def exact_ndtr(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def exact_erfcx(x):
    if x < 1e4:
        return mpmath.exp(x * x) * mpmath.erfc(x)
    w = 1 / (2 * x * x)
    return (1 - w + 3 * w ** 2 - 15 * w ** 3 + 105 * w ** 4) / (x * mpmath.sqrt(mpmath.pi))


def exact_log_ndtr(x):
    """Below -1e4 by the same series, since exp(-x^2/2) has too long an exponent."""
    if x < -1e4:
        return mpmath.log(exact_erfcx(-x / mpmath.sqrt(2)) / 2) - x * x / 2
    return mpmath.log(exact_ndtr(x)) if x < 0 else mpmath.log1p(-exact_ndtr(-x))


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
    "sech2": (lambda x: mpmath.sech(x) ** 2, points(-373, 373, np.linspace(1, 4, 60), np.linspace(350, 373, 30))),
    "expit": (lambda x: 1 / (1 + mpmath.exp(-x)), points(-745, 745, np.linspace(-6, 6, 80))),
    "log_expit": (lambda x: -mpmath.log1p(mpmath.exp(-x)), points(-1e308, 745, np.linspace(-6, 6, 80))),
    "exp(-x^2)": (lambda x: mpmath.exp(-x * x), points(-27.3, 27.3, np.linspace(26, 27.3, 20))),
    "exp(-x^2/2)": (lambda x: mpmath.exp(-x * x / 2), points(-38.6, 38.6, np.linspace(37, 38.6, 20))),
    "exp(x^2)": (lambda x: mpmath.exp(x * x), points(-26.6, 26.6)),
    "erf": (mpmath.erf, points(-7, 7, np.linspace(0.9, 1.1, 40))),
    "erfc": (mpmath.erfc, points(-7, 27.3, np.linspace(0.4, 0.6, 40), np.linspace(26.5, 27.3, 20))),
    "erfcx": (exact_erfcx, points(-26.62, 1e306, np.linspace(-0.6, 0.6, 60), np.linspace(3, 40, 40),
                                  np.array([2.0 ** 900, 2.0 ** 901, 1e308, 1.7e308]))),
    "ndtr": (exact_ndtr, points(-38.57, 9, np.linspace(-1, -0.6, 60), np.linspace(-38.57, -37, 20))),
    "log_ndtr": (exact_log_ndtr, points(-1e154, 38.5, np.linspace(-1, 1.5, 80), np.linspace(-60, 38.5, 60)))}
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
    "sech2": [(0.0, 1), (-0.0, 1), (inf, 0), (-inf, 0), (nan, nan), (1e300, 0), (374.0, 0)],
    "expit": [(0.0, 0.5), (-0.0, 0.5), (inf, 1), (-inf, 0), (nan, nan), (1e300, 1), (-1e300, 0)],
    "log_expit": [(inf, -0.0), (-inf, -inf), (nan, nan), (1e300, -0.0), (-1e300, -1e300)],
    "exp(-x^2)": [(0.0, 1), (inf, 0), (-inf, 0), (nan, nan), (1e300, 0), (5e-324, 1)],
    "exp(x^2)": [(0.0, 1), (inf, inf), (-inf, inf), (nan, nan), (-1e300, inf), (26.7, inf)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (inf, 1), (-inf, -1), (nan, nan), (1e300, 1), (5e-324, 5e-324)],
    "erfc": [(0.0, 1), (-0.0, 1), (inf, 0), (-inf, 2), (nan, nan), (1e300, 0), (-1e300, 2), (27.3, 0), (5e-324, 1)],
    "erfcx": [(0.0, 1), (-0.0, 1), (inf, 0), (-inf, inf), (nan, nan), (-1e300, inf), (-26.7, inf), (-5e-324, 1)],
    "ndtr": [(0.0, 0.5), (-0.0, 0.5), (inf, 1), (-inf, 0), (nan, nan), (1e300, 1), (-1e300, 0), (-38.6, 0)],
    "log_ndtr": [(inf, -0.0), (-inf, -inf), (nan, nan), (1e300, -0.0), (-1e300, -inf), (39.0, -0.0), (-2e154, -inf)]}


@pytest.mark.parametrize("name", CASES)
def test_within_two_units(name):
    exact, x = CASES[name]
    true_values = truth(x, exact)
    for abilities in ABILITIES:
        errors = units_off(compiled(name, *abilities)(x), x, true_values)
        assert errors.max() <= LIMIT, (abilities, x[errors.argmax()], errors.max())


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name):
    x, expected = np.array(SPECIAL[name], float).T
    for abilities in ABILITIES:
        found = compiled(name, *abilities)(x)
        np.testing.assert_array_equal(found, expected)
        sure = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found)[sure], np.signbit(expected)[sure])


@pytest.mark.parametrize("family, name, place", [("_EXP", "exp", 2), ("_ERF", "erf", 3)])
def test_a_planted_error_is_seen(family, name, place, monkeypatch):
    module = kernels if hasattr(kernels, family) else normal
    wrong = list(getattr(module, family))
    wrong[place] *= 1 + 1e-12
    monkeypatch.setattr(module, family, tuple(wrong))
    exact, x = CASES[name]
    assert units(compiled(name, 8, False)(x), x, exact).max() > LIMIT


@pytest.mark.parametrize("family, name", [("_MILLS", "ndtr"), ("_ERFCX", "erfc"), ("_ERFCX", "erfcx")])
@pytest.mark.parametrize("part", ["values", "slopes"])
def test_a_planted_error_in_a_tail_is_seen(family, name, part, monkeypatch):
    """Its slopes only correct the last digit: without them there are 3 units."""
    tail = getattr(normal, family)
    factors = [1 + 1e-15] * len(tail.values) if part == "values" else [0.0, 0.0]
    monkeypatch.setattr(normal, family, tail._replace(**{part: tuple(np.multiply(getattr(tail, part), factors))}))
    exact, x = CASES[name]
    assert units(compiled(name, 8, engine().has_fma)(x), x, exact).max() > LIMIT


@pytest.mark.parametrize("name, derivative", [("erf", "exp(-x^2)"), ("erfc", "exp(-x^2)"), ("ndtr", "exp(-x^2/2)"),
                                              ("log_ndtr", "exp(-x^2/2)"), ("tanh", "sech2")])
def test_a_function_and_its_derivative_share_an_exponential(name, derivative):
    assert exponentials(name) == exponentials(derivative) == exponentials(name, derivative) == 1
    assert exponentials(name, "exp") == 2


def exponentials(*names):
    """How many are left when LLVM has looked for what is computed twice: multiplications by 1/log 2."""
    c = Code(True, ENTRIES)
    c.width = 8
    for place, name in enumerate(names):
        y = WRITTEN.get(name, lambda c, x, name=name: function(c, name, [x]))(c, Value("%x", "d", 8))
        c.put(f"%y{place} = getelementptr {c.type('d')}, ptr %y, i64 {place}")
        c.put(f"store {c.type('d')} {y.text}, ptr %y{place}")
    text = "\n".join([*sorted(c.declared), f"define void @f({c.type('d')} %x, ptr %y) {{", "entry:", *c.lines,
                      "ret void", "}", ""])
    module = engine().llvm.parse_assembly(text)
    engine()._optimise(module)
    return sum("call" in line and "0x3FF71547652B82FE" in line for line in str(module).splitlines())
