"""Every row of the table in every precision, in Fortran order, on views, on empty arrays and on numbers.

Half, single and extended precision stay (a tangent has its value's dtype, a cotangent its
argument's), with the double precision's derivative to their own digits; memory order must not
matter, not even to the last bit.
"""

import numpy as np
import pytest
from rule_examples import EXAMPLES

import diffkit as dk
from diffkit.rules import FUNCTIONS, TABLE
from diffkit.rules.kinds import Elementwise
from diffkit.selftest import sample

COMPLEX = {np.float16: np.complex64, np.float32: np.complex64, np.float64: np.complex128,
           np.longdouble: np.clongdouble}
# What lies between the places that partition was asked for is in any order, and another one in another precision.
ANY_ORDER = {"partition"}
CASES = [(f"{name} {number}", TABLE[name], *case) for name, cases in EXAMPLES.items()
         for number, case in enumerate(cases)]
ELEMENTWISE = [rule for rule in TABLE.values() if isinstance(rule, Elementwise) and rule.domain
               and len(rule.domain) == len(rule.partials) and not rule.name.startswith(("special.", "scipy."))]


def moves(a):
    return isinstance(a, np.ndarray | np.generic) and a.dtype.kind in "fc"


def converted(a, dtype):
    return np.asarray(a).astype(COMPLEX[dtype] if a.dtype.kind == "c" else dtype)[()] if moves(a) else a


def function(rule, args, params):
    """The row as a function of the arguments that move, with all its inexact results; and these arguments."""
    places = [i for i, a in enumerate(args) if moves(a)]

    def f(*moving):
        filled = list(args)
        for i, x in zip(places, moving):
            filled[i] = x
        y = rule(*filled, **params)
        return [part for part in (y if rule.outputs else (y,)) if part.dtype.kind in "fc"]

    return f, [args[i] for i in places]


def directions(f, args):
    """Directions for the arguments and for the results, in double precision."""
    rng = np.random.default_rng(1)
    return tuple([np.asarray(rng.normal(size=np.shape(a)))[()] for a in group] for group in (args, f(*args)))


def derivatives(f, args, tangents, weights):
    values, pushed = dk.jvp(f, tuple(args), tuple(t.astype(a.dtype) for t, a in zip(tangents, args)))
    pulled = dk.vjp(f, *args)[1]([w.astype(v.dtype) for w, v in zip(weights, values)])
    return values, pushed, pulled


def faults_of(label, rule, args, params, dtype):
    """What is wrong with one row at one example in one precision; None where NumPy does not take it."""
    f, moving = function(rule, [converted(a, dtype) for a in args], params)
    try:
        plain = f(*moving)
    except TypeError:
        return None
    double = [a.astype(COMPLEX[np.float64] if a.dtype.kind == "c" else np.float64) for a in moving]
    g, _ = function(rule, [converted(converted(a, dtype), np.float64) for a in args], params)
    turned = directions(f, moving)
    values, *ours = derivatives(f, moving, *turned)
    _, *theirs = derivatives(g, double, *turned)
    faults = [f"{label}: a value of {want.dtype} has under a transform {value.dtype} and a tangent of {tangent.dtype}"
              for want, value, tangent in zip(plain, values, ours[0])
              if not (want.dtype == value.dtype == tangent.dtype and np.array_equal(want, value, equal_nan=True))]
    faults += [f"{label}: a cotangent of {c.dtype}, {c.shape} for {x.dtype}, {x.shape}"
               for x, c in zip(moving, ours[1]) if (c.dtype, c.shape) != (x.dtype, x.shape)]
    if rule.name not in ANY_ORDER:
        limit = 200 * max(1e-13, *(float(np.finfo(x.dtype).eps) for x in moving))
        for way, found, expected in zip(("tangent", "cotangent"), ours, theirs):
            off = [np.max(np.abs(a.astype(b.dtype) - b), initial=0.0) / (0.1 + np.max(np.abs(b), initial=0.0))
                   for a, b in zip(found, expected)]
            if not max(off) <= limit:
                faults.append(f"{label}: the {way} is off by {max(off):.2g}")
    return faults


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble], ids=lambda dtype: dtype.__name__)
def test_every_row_keeps_the_precision(dtype):
    """NumPy's linear algebra has single and double precision only; bincount and interp work in double."""
    found = {label: faults_of(label, rule, args, params, dtype) for label, rule, args, params in CASES}
    left_out = {label.split()[0] for label, faults in found.items() if faults is None}
    assert not (faults := [fault for faults in found.values() for fault in faults or ()]), "\n".join(faults)
    linear_algebra = {"inv", "solve", "det", "cofactors", "second_cofactors", "slogdet", "cholesky", "eigh",
                      "eigvalsh", "eig", "eigvals", "svd", "svdvals", "qr", "qr_complement", "pinv", "lstsq", "roots"}
    allowed = {np.float16: linear_algebra, np.float32: set(), np.longdouble: linear_algebra | {"bincount", "interp"}}
    assert left_out <= allowed[dtype], left_out


def laid_out_otherwise(a):
    """The same entries in Fortran order, and in every other place of a larger array, backwards."""
    a = np.asarray(a)
    wide = np.zeros([2 * n for n in a.shape], a.dtype)[tuple(slice(None, None, -2) for _ in a.shape)]
    wide[...] = a
    return np.asfortranarray(a), wide


@pytest.mark.parametrize("which", [0, 1], ids=["fortran", "strided"])
def test_memory_order_does_not_matter(which):
    """Only for those that say so: reshape with order="F" or "A" and their kin are in the shape tests."""
    faults = []
    for label, rule, args, params in CASES:
        f, moving = function(rule, args, params)
        if not any(np.ndim(a) > which for a in moving):
            continue
        turned = directions(f, moving)
        values, *expected = derivatives(f, moving, *turned)
        other = [laid_out_otherwise(a)[which] if np.ndim(a) else a for a in moving]
        again, *found = derivatives(f, other, *turned)
        for way, ours, theirs in zip(("value", "tangent", "cotangent"), (again, *found), (values, *expected)):
            off = [np.max(np.abs(a - b), initial=0.0) / (0.1 + np.max(np.abs(b), initial=0.0))
                   for a, b in zip(ours, theirs)]
            # BLAS sums in another order, which is all that may differ.
            if not max(off) <= 1e-13 or any(a.shape != b.shape or a.dtype != b.dtype for a, b in zip(ours, theirs)):
                faults.append(f"{label}: the {way} differs by {max(off):.2g}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)], ids=str)
def test_elementwise_rows_on_numbers_and_empty_arrays(shape):
    rng = np.random.default_rng(2)
    for rule in ELEMENTWISE:
        args = sample(rule, shape, rng)
        f, moving = function(rule, args, {})
        if not moving:
            continue
        values, pushed, pulled = derivatives(f, moving, *directions(f, moving))
        for like, found in [*zip(f(*moving), values), *zip(values, pushed), *zip(moving, pulled)]:
            assert (found.shape, found.dtype) == (like.shape, like.dtype), rule.name
            assert np.all(np.isfinite(found)), rule.name


REDUCTIONS = [np.sum, np.prod, np.cumsum, np.cumprod, np.sort, np.transpose, np.ravel, np.diff, np.flip, np.unique,
              np.nansum, np.nanprod, np.linalg.norm, np.atleast_2d, np.squeeze, np.copy, np.real, np.angle, np.sinc,
              np.nan_to_num, np.trim_zeros, np.linalg.inv, np.linalg.det, np.linalg.eigvalsh, np.linalg.cholesky]


@pytest.mark.parametrize("f", REDUCTIONS, ids=lambda f: f.__name__)
def test_functions_of_nothing(f):
    """An empty array has an empty derivative; what NumPy returns for it comes out."""
    x = np.zeros((0, 0) if f.__module__ == "numpy.linalg" else (0,))
    want = f(x)
    value, tangent = dk.jvp(f, (x,), (x,))
    assert np.array_equal(value, want) and np.shape(tangent) == np.shape(want) and not np.any(tangent)
    assert dk.grad(lambda x: np.sum(f(x)))(x).shape == x.shape
    assert FUNCTIONS.get(f) is not None


@pytest.mark.parametrize("method", ["forward", "reverse", "symbolic", "numeric"])
def test_a_gradient_has_the_precision_of_its_argument(method):
    """Whatever precision f computes in."""
    for dtype, inside in ((np.float64, np.float32), (np.float32, np.float64)):
        x = np.array([1.0, 2.0], dtype)
        found = dk.grad(lambda x, inside=inside: np.sum(x.astype(inside) ** 2), method=method)(x)
        assert found.dtype == dtype and np.allclose(found, [2, 4], rtol=1e-3)
