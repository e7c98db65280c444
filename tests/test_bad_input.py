"""Bad input: every function of the table refuses it as NumPy does, at the user's line, and leaves nothing behind.

Each is called with an unknown keyword, a wrong axis, no argument, too many, in and outside of
a run: the error inside must be NumPy's (the same class, nearly always the same words), the
names of the numpy module must be its own again, and no transform may be thought to run.
"""

import traceback
import warnings

import numpy as np
import pytest

import diffkit as dk
from diffkit.buffers import is_running
from diffkit.errors import DiffkitError, LeakedTracerError
from diffkit.rules import FUNCTIONS

FUNCTIONS.get(np.packbits)  # the rarer families are imported at the first miss
ARRAY = np.arange(1.0, 7.0).reshape(2, 3)
NAMES = {f: f"{module.__name__}.{name}" for module in (np.fft, np.linalg, np) for name in sorted(dir(module))
         if callable(f := getattr(module, name)) and f in FUNCTIONS}
BAD = {
    "unknown keyword": lambda f, a: f(a, nonsense=1),
    "unknown keyword of two": lambda f, a: f(a, a, nonsense=1),
    "axis out of range": lambda f, a: f(a, axis=7),
    "axis that is text": lambda f, a: f(a, axis="no"),
    "nothing": lambda f, a: f(),
    "too much": lambda f, a: f(*[a] * 25),
    "shapes that do not fit": lambda f, a: f(a, 1 + np.arange(20.0).reshape(5, 4)),
}
#: Python's own words for a keyword where NumPy looks at the operands first.
OTHER_CLASS = {("numpy.einsum", "unknown keyword"), ("numpy.einsum", "axis out of range"),
               ("numpy.einsum", "axis that is text"), ("numpy.pad", "unknown keyword of two")}


def error_of(call):
    try:
        call()
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("run", [lambda f: dk.grad(f)(ARRAY), lambda f: dk.jvp(f, (ARRAY,), (ARRAY,))],
                         ids=["reverse", "forward"])
def test_errors_are_numpys(name, run):
    bad, counted, alike, originals = BAD[name], 0, 0, dict(vars(np))
    for function, spelled in NAMES.items():
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            wanted = error_of(lambda function=function: bad(function, ARRAY))
            found = error_of(lambda function=function: run(lambda a: (bad(function, a), np.sum(a))[1]))
        assert not is_running()
        if wanted is None or (name == "shapes that do not fit" and not isinstance(function, np.ufunc)):
            continue
        assert found is not None, f"{spelled} takes {name}"
        counted += 1
        alike += str(found) == str(wanted)
        assert not isinstance(found, LeakedTracerError)
        if (spelled, name) not in OTHER_CLASS:
            assert isinstance(found, type(wanted)) or isinstance(wanted, type(found)), (spelled, found, wanted)
        lines = [frame.filename for frame in traceback.extract_tb(found.__traceback__)]
        assert isinstance(found, DiffkitError) or __file__ in lines
    assert {key: vars(np)[key] for key in originals} == originals
    assert counted > (60 if name.startswith("shapes") else 300)
    assert alike > (0.4 if name.startswith("shapes") else 0.9) * counted  # an operator says it in words of its own


@pytest.mark.parametrize("call", [lambda a: a[7], lambda a: a[:, 5], lambda a: a.reshape(4, 2), lambda a: a @ a,
                                  lambda a: a + np.ones(4), lambda a: a.sum(axis=2), lambda a: a.swapaxes(0, 3),
                                  lambda a: a.astype("nothing"), lambda a: a.nothing, lambda a: a[[0, 9]],
                                  lambda a: np.zeros_like(a).__setitem__((5, 5), a[0, 0]), lambda a: a(1)])
def test_errors_of_methods_and_indices(call):
    wanted = error_of(lambda: call(ARRAY))
    for run in (dk.grad, lambda f: lambda x: dk.jvp(f, (x,), (x,)), lambda f: lambda x: dk.vjp(f, x), dk.hessian):
        found = error_of(lambda run=run: run(lambda a: (call(a), np.sum(a))[1])(ARRAY))
        assert type(found) is type(wanted)
        assert not is_running()
    assert dk.grad(np.sum)(ARRAY).shape == (2, 3)


@pytest.mark.parametrize(("call", "package", "name"), [
    (lambda linalg, stats, interpolate, x: linalg.expm(np.outer(x, x)), "scipy.linalg", "expm"),
    (lambda linalg, stats, interpolate, x: stats.norm.logpdf(x), "scipy.stats", "logpdf"),
    (lambda linalg, stats, interpolate, x: interpolate.CubicSpline(np.arange(3.0), x)(0.5), "scipy.interpolate",
     "CubicSpline"),
])
def test_scipys_own_functions_are_refused_at_the_users_line(call, package, name):
    from scipy import interpolate, linalg, stats
    for run in (dk.grad, lambda f: lambda x: dk.jvp(f, (x,), (x,))):
        with pytest.raises(dk.errors.LostDerivativeError) as caught:
            run(lambda x: np.sum(call(linalg, stats, interpolate, x)))(np.array([0.3, -0.7, 1.2]))
        assert caught.value.where.startswith(__file__)
        assert f"{name} of {package}" in caught.value.what and f"diffkit.{package}" in caught.value.want


@pytest.mark.parametrize("method", ["reverse", "forward"])
def test_the_operands_of_a_step_by_keyword(method):
    x = np.array([1.0, 3.0])
    for f in (lambda x: x[np.argmax(a=x)], lambda x: np.sum(x[np.isclose(x[1], b=x)]),
              lambda x: x[1] * np.isclose(x[1], 3.5, atol=x[0]), lambda x: x[1] * np.any(a=x, axis=0)):
        np.testing.assert_array_equal(dk.grad(f, method=method)(x), [0, 1])


@pytest.mark.parametrize(("call", "name"), [(lambda x: np.float64(x[0]) * 2, "float64"),
                                            (lambda x: np.float32(x[0]) * 2, "float32"),
                                            (lambda x: np.int64(x[0]) * x[1], "int64")])
def test_types_of_numbers_are_refused_by_their_names(call, name):
    for method in ("reverse", "forward"):
        with pytest.raises(dk.errors.LostDerivativeError) as caught:
            dk.grad(call, method=method)(np.array([1.0, 3.0]))
        assert f"np.{name}(x)" in caught.value.what and f"x.astype(np.{name})" in caught.value.want
