"""scipy.optimize on traced values, and with derivatives supplied.

What a solver finds is defined by an equation: f(x) = 0 of a root, grad f(x) = 0 of a minimum.
Its derivative by parameters follows from the equation (``dk.implicit``), whatever the solver
did, also when it stopped at once because it started at the solution.

``roots``      root, fsolve, root_scalar, brentq and its kin, newton, fixed_point
``minima``     minimize (jac, hess, hessp from diffkit, x0 in any container), minimize_scalar
``squares``    least_squares and curve_fit
``points``     containers as one vector
``stationary`` the equations of a minimum, with bounds
"""

from diffkit.scipy.optimize.minima import minimize, minimize_scalar
from diffkit.scipy.optimize.roots import (
    bisect,
    brenth,
    brentq,
    fixed_point,
    fsolve,
    newton,
    ridder,
    root,
    root_scalar,
    toms748,
)
from diffkit.scipy.optimize.squares import curve_fit, least_squares

__all__ = ["bisect", "brenth", "brentq", "curve_fit", "fixed_point", "fsolve", "least_squares", "minimize",
           "minimize_scalar", "newton", "ridder", "root", "root_scalar", "toms748"]
