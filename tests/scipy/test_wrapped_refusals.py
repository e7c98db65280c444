"""SciPy's compiled loops call the user's function and can't read a traced result: our refusal comes out, by name."""

import contextlib

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import diffkit as dk
from diffkit import refusals
from diffkit.dual import DualLevel
from diffkit.errors import LostDerivativeError


def cubic(x, a):
    return x**3 + x - a


SOLVERS = {
    "brentq": lambda a: scipy.optimize.brentq(lambda x: cubic(x, a), 0, 5),
    "brentq by args": lambda a: scipy.optimize.brentq(cubic, 0, 5, args=(a,)),
    "brentq by an end": lambda a: scipy.optimize.brentq(lambda x: x**3 - 1, 0, a + 3),
    "brenth": lambda a: scipy.optimize.brenth(lambda x: cubic(x, a), 0, 5),
    "ridder": lambda a: scipy.optimize.ridder(lambda x: cubic(x, a), 0, 5),
    "bisect": lambda a: scipy.optimize.bisect(lambda x: cubic(x, a), 0, 5),
    "root_scalar": lambda a: scipy.optimize.root_scalar(lambda x: cubic(x, a), bracket=(0, 5)).root,
    "fsolve": lambda a: scipy.optimize.fsolve(lambda x: cubic(x, a), 1.0)[0],
    "root": lambda a: scipy.optimize.root(lambda x: cubic(x, a), 1.0).x[0],
    "leastsq": lambda a: scipy.optimize.leastsq(lambda x: x - a, np.ones(1))[0][0],
    "least_squares": lambda a: scipy.optimize.least_squares(lambda x: x - a, np.ones(1)).x[0],
    "minimize": lambda a: scipy.optimize.minimize(lambda x: (x[0] - a) ** 2, np.ones(1)).x[0],
    "differential_evolution": lambda a: scipy.optimize.differential_evolution(
        lambda x: (x[0] - a) ** 2, [(0, 5)], maxiter=1).x[0],
    "quad": lambda a: scipy.integrate.quad(lambda t: t * a, 0, 1)[0],
    "odeint": lambda a: scipy.integrate.odeint(lambda y, t: -a * y, 1.0, [0, 1])[-1, 0],
    "ode": lambda a: scipy.integrate.ode(lambda t, y: -a * y).set_initial_value([1.0], 0).integrate(1.0)[0],
    "solve_ivp": lambda a: scipy.integrate.solve_ivp(lambda t, y: -a * y, (0, 1), [1.0], method="LSODA").y[0, -1],
}


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("method", ["reverse", "forward"])
def test_the_refusal_names_the_function_the_line_and_the_rewrite(name, method, capfd):
    with pytest.raises(LostDerivativeError) as refusal:
        dk.grad(SOLVERS[name], method=method)(2.0)
    package = "integrate" if name in ("quad", "odeint", "ode", "solve_ivp") else "optimize"
    assert f"of scipy.{package} takes plain arrays" in refusal.value.what
    assert refusal.value.where.startswith(__file__) and f"diffkit.scipy.{package}" in refusal.value.want
    assert dk.grad(np.sin)(0.0) == 1  # levels are restored


def test_other_errors_are_nobodys_refusal():
    """An error of SciPy's own, and one of the user's after a refusal that the user caught, stay what they are."""
    with pytest.raises(ValueError, match="must have different signs"):
        dk.grad(lambda a: a * scipy.optimize.brentq(lambda x: x**2 + 1, 0, 5))(2.0)

    def caught(a):
        with contextlib.suppress(SystemError, TypeError):
            scipy.optimize.bisect(lambda x: cubic(x, a), 0, 5)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        dk.grad(caught)(2.0)


def test_an_attribute_that_was_not_found_because_a_refusal_was_pending():
    """In C code that goes on with a pending refusal CPython now and then finds no attribute of what has it."""
    refusals._refused.by_scipy = refusal = LostDerivativeError("integrate of scipy.integrate takes plain arrays")
    with pytest.raises(LostDerivativeError) as caught:
        refusals.raise_refusal_behind(AttributeError("no attribute 'unary'", name="unary", obj=DualLevel()))
    assert caught.value is refusal
    refusals._refused.by_scipy = refusal
    refusals.raise_refusal_behind(AttributeError("the user's own", name="shape", obj=[]))
