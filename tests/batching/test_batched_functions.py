"""NumPy's functions, batched: the cases of the rulebooks' own tests, against a loop over examples."""

import importlib.util
import inspect
import pathlib
import sys
import warnings

import numpy as np
import pytest

import diffkit as dk

RULES = pathlib.Path(__file__).parents[1] / "rules"
MODULES = ["sorting", "shapes", "contractions", "indexing", "ranges", "linalg", "sets_and_applying"]


def is_float(value):
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fc"


def is_shape(value):
    return isinstance(value, tuple) and all(isinstance(n, int) for n in value)


def cases(name):
    """The entries ``key: (function, array or shape, …)``, or functions of a square matrix, of a module's dicts."""
    rng = np.random.default_rng(4)
    sys.path.insert(0, str(RULES))
    try:
        spec = importlib.util.spec_from_file_location(f"batched_{name}", RULES / f"test_{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(RULES))
    for table in [value for name, value in vars(module).items() if isinstance(value, dict) and name[0] != "_"]:
        for key, case in table.items():
            if callable(case) and hasattr(module, "SQUARE"):
                yield key, case, (module.SQUARE,)
            elif isinstance(case, tuple) and len(case) > 1 and callable(case[0]):
                args = [rng.normal(size=arg) if is_shape(arg) else arg for arg in case[1:]]
                if all(map(is_float, map(np.asarray, args))):
                    yield key, case[0], list(map(np.asarray, args))


def leaves(result):
    return dk.tree.flatten(result)[0]


def squares(f):
    """One number of all floating results."""
    return lambda *args: sum(np.sum(np.real(part * part)) for part in leaves(f(*args))
                             if hasattr(part, "dtype") and part.dtype.kind in "fc")


def attempt(f, rows):
    """f for each example, or None where it has no value there (a refusal that other tests are about)."""
    try:
        return [leaves(f(*row)) for row in rows]
    except (ValueError, TypeError, NotImplementedError, np.linalg.LinAlgError):
        return None


def compare(key, f, args):
    """Values and gradients of three versions of the arguments; how many could be compared."""
    rows = [[arg * (1 + 0.01 * b) for arg in args] for b in range(3)]
    for number, function in enumerate((f, dk.grad(squares(f), tuple(range(len(args)))))):
        expected = attempt(function, rows)
        if expected is None:
            return number
        found = leaves(dk.vmap(function)(*[np.stack(column) for column in zip(*rows)]))
        for a, b in zip(found, zip(*expected), strict=True):
            b = np.stack(b)
            assert a.shape == b.shape, key
            assert np.allclose(a, b, rtol=1e-9, atol=1e-11, equal_nan=True), key
    return 2


@pytest.mark.parametrize("name", MODULES)
def test_functions_and_gradients(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert sum(compare(key, f, args) for key, f, args in cases(name)) > 8


REDUCTIONS = [np.sum, np.mean, np.prod, np.var, np.std, np.max, np.min, np.ptp, np.nansum, np.nanmean, np.nanprod,
              np.nanmax, np.nanmin, np.nanvar, np.nanstd, np.linalg.norm, np.median]


@pytest.mark.parametrize("fun", REDUCTIONS, ids=lambda fun: fun.__name__)
def test_reductions(fun):
    a = np.random.default_rng(3).normal(size=(2, 3, 4))
    for keywords in ({}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}, {"axis": (-1, 1), "keepdims": True},
                     {"axis": None, "keepdims": True}):
        assert compare(keywords, lambda x, k=keywords: fun(x, **k), [a]) == 2
    if "where" in inspect.signature(fun).parameters:
        mask = a[0] < 0.5
        more = {"initial": 0.1} if fun in (np.max, np.min, np.nanmax, np.nanmin) else {}
        assert compare("where", lambda x: fun(x, axis=1, where=mask, **more), [a]) == 2
        assert compare("own where", lambda x: fun(x, axis=1, where=x < 0.7, **more), [a]) == 2


# --- numbers reduced along an axis that they have not, which NumPy allows -----------------------------------

@pytest.mark.parametrize("axis", [0, -1, None, ()])
@pytest.mark.parametrize("fun", [np.sum, np.max, np.min, np.prod, np.any, np.all, np.ptp, np.nansum, np.nanmax])
def test_a_number_reduced_along_an_axis(fun, axis):
    points = np.array([1.5, -0.5, 0.0])
    expected = np.stack([fun(point, axis=axis) for point in points])
    assert np.array_equal(dk.vmap(lambda t: fun(t, axis=axis))(points), expected)


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("fun", [np.sum, np.max, np.prod])
@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_its_derivative_in_chunks(fun, axis, method):
    x = np.array([1.5, -0.5])
    found = dk.jacobian(lambda x: x[1] * fun(x[0] * x[1], axis=axis, keepdims=True) * np.ones(3), method=method)(x)
    assert np.allclose(found, [[0.25, -1.5]] * 3, rtol=1e-15)
