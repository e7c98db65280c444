"""The whole table under hypothesis: ties, zeros of both signs, infinities, repeated values, shapes, precisions.

What must hold at any point, also where a row answers by convention: forward and reverse mode
are each other's transpose, the four pairs of modes agree on the second derivative, a tangent
has its value's shape and precision, and a refusal is the same in both.  (That rows are
right where they are smooth is tests/test_rules.py's.)  A few hundred cases are drawn, always the
same; ``DIFFKIT_EXAMPLES=20000 pytest tests/test_rules_random.py`` draws others, and more.
"""

import itertools
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_examples import EXAMPLES

import diffkit as dk
from diffkit.errors import DiffkitError
from diffkit.rules import TABLE
from diffkit.rules.kinds import Elementwise

COUNT = int(os.environ.get("DIFFKIT_EXAMPLES", "150"))
CASES = settings(max_examples=COUNT, deadline=None, derandomize=COUNT <= 150, database=None)

NUMPYS = {name: rule for name, rule in TABLE.items() if not name.startswith(("special.", "scipy.", "custom_"))}
ELEMENTWISE = sorted(name for name, rule in NUMPYS.items() if isinstance(rule, Elementwise)
                     and len(rule.domain) == len(rule.partials) and rule.domain)
OTHERS = sorted(name for name, rule in NUMPYS.items() if rule.kind in ("linear", "multilinear", "general")
                and name in EXAMPLES)
L_ERROR = np.linalg.LinAlgError
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 2.0, -3.25, 1e-300, 1e8, np.inf, -np.inf]
SHAPES = [(), (1,), (3,), (2, 3), (0,), (2, 1)]
PAIRS = list(itertools.product(("forward", "reverse"), repeat=2))

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::numpy.exceptions.ComplexWarning")


def same(a, b, digits, scale=0.0):
    """Equal up to rounding where neither is NaN: at an infinity one mode may lose a number, loudly."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    assert a.shape == b.shape
    told = ~(np.isnan(a) | np.isnan(b))
    finite = told & np.isfinite(a) & np.isfinite(b)
    size = np.max(np.abs(b[finite]), initial=0.0)
    return (np.array_equal(a[told & ~finite], b[told & ~finite])
            and np.all(np.abs(a[finite] - b[finite]) <= digits * (np.abs(b[finite]) + 1e-3 * size + scale) + 1e-300))


@st.composite
def elementwise_cases(draw):
    name = draw(st.sampled_from(ELEMENTWISE))
    dtype = draw(st.sampled_from([np.float64, np.float64, np.float32]))
    args = []
    for domain in NUMPYS[name].domain:
        shape = draw(st.sampled_from(SHAPES[:4]))
        inside = domain.sample(np.random.default_rng(draw(st.integers(0, 99))), shape)
        chosen = draw(st.lists(st.sampled_from(SPECIAL), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        mask = draw(st.lists(st.booleans(), min_size=len(chosen), max_size=len(chosen)))
        values = np.where(np.reshape(mask, shape), np.reshape(np.array(chosen, float), shape), inside)
        args.append(np.asarray(values).astype(dtype)[()])
    if len(args) == 2:
        try:
            np.broadcast_shapes(*(a.shape for a in args))
        except ValueError:
            args[1] = args[1].reshape(-1)[:1].reshape(()) if args[1].size else args[1]
            args[1] = args[1][()]
    return name, args


@CASES
@given(elementwise_cases())
def test_elementwise_rows_at_special_points(case):
    name, args = case
    rule = NUMPYS[name]
    with np.errstate(all="ignore"):
        for position, x in enumerate(args):
            if rule.partials[position] is None:
                continue

            def f(t, position=position):
                return rule(*args[:position], t, *args[position + 1:])

            y, tangent = dk.jvp(f, (x,), (np.ones_like(x),))
            assert tangent.shape == y.shape and tangent.dtype == y.dtype
            forward, reverse = (dk.jacobian(f, method=mode)(x) for mode in ("forward", "reverse"))
            digits = 1e-12 if x.dtype == np.float64 else 1e-4
            assert same(forward, reverse, digits), (forward, reverse)
            if np.all(np.isfinite(y)) and np.all(np.isfinite(reverse)):
                assert np.all(np.isfinite(forward))
            assert reverse.dtype == np.result_type(x)
            if x.size and y.size:
                check_second(lambda t, f=f: np.sum(f(t)), x, digits)


def check_second(f, x, digits):
    """The four pairs of modes on one second derivative along ones."""
    found = []
    try:
        first_order = dk.grad(f)(x)
    except DiffkitError:
        return
    scale = 1e-9 + np.max(np.abs(first_order), initial=0.0, where=np.isfinite(first_order))
    for inner, outer in PAIRS:
        try:
            found.append(dk.grad(lambda t, inner=inner: np.sum(dk.grad(f, method=inner)(t)), method=outer)(x))
        except (DiffkitError, L_ERROR) as error:
            found.append(type(error).__name__)
    first = found[0]
    for pair, other in zip(PAIRS[1:], found[1:]):
        if not isinstance(first, str) and not isinstance(other, str):
            assert same(first, other, 100 * digits, scale), (pair, first, other)


@st.composite
def row_cases(draw):
    name = draw(st.sampled_from(OTHERS))
    args, params = draw(st.sampled_from(EXAMPLES[name]))
    kind = draw(st.sampled_from(["ties", "zeros", "repeated", "few"]))
    changed = []
    for arg in args:
        if hasattr(arg, "dtype") and arg.dtype.kind == "f" and arg.ndim:
            arg = special_array(draw, arg, kind)
        changed.append(arg)
    return name, changed, params


def special_array(draw, like, kind):
    """An array of the same shape: all equal, zeros, a multiple of the identity, or few different values."""
    if kind == "repeated" and like.ndim >= 2 and like.shape[-1] == like.shape[-2]:
        return np.broadcast_to(draw(st.sampled_from([1.0, 2.0])) * np.eye(like.shape[-1]), like.shape).copy()
    if kind == "zeros":
        return np.where(like > np.median(like), like, 0.0) if like.size else like
    if kind == "ties":
        return np.full(like.shape, draw(st.sampled_from([1.0, 2.0, 0.5])))
    values = draw(st.lists(st.sampled_from([1.0, 2.0, 0.5, 3.0]), min_size=like.size, max_size=like.size))
    return np.reshape(np.array(values, float), like.shape)


@CASES
@given(row_cases())
def test_other_rows_at_special_points(case):
    name, args, params = case
    rule = NUMPYS[name]
    moving = [i for i, arg in enumerate(args) if hasattr(arg, "dtype") and arg.dtype.kind == "f" and np.size(arg)]
    with np.errstate(all="ignore"):
        try:
            rule(*args, **params)
        except (ValueError, L_ERROR, IndexError, TypeError, ZeroDivisionError):
            return  # NumPy's own: a singular matrix
        for i in moving:
            def f(t, i=i):
                y = rule(*args[:i], t, *args[i + 1:], **params)
                parts = [np.real(p) if p.dtype.kind == "c" else p for p in (y if rule.outputs else (y,))
                         if p.dtype.kind in "fc"]
                return sum(np.sum(p * np.cos(np.arange(p.size)).reshape(p.shape)) for p in parts)

            found = []
            for method in ("forward", "reverse"):
                try:
                    found.append(dk.jacobian(f, method=method)(args[i]))
                except DiffkitError as error:
                    found.append(type(error).__name__)
                except L_ERROR:
                    return
            if isinstance(found[0], str) or isinstance(found[1], str):
                assert found[0] == found[1], found
                continue
            assert same(*found, 1e-9), found
            check_second(f, args[i], 1e-7)
