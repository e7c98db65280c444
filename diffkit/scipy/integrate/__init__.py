"""scipy.integrate on traced values: quadrature, sampled data, differential equations.

``quadrature``   quad, fixed_quad: the integral of the derivative (Leibniz), by the same quad
``sampled``      trapezoid, simpson, cumulative_trapezoid, romb: sums, as they are
``stepping``     Runge-Kutta methods: the steps that SciPy accepted, taken once more
``flow``         all other solvers: the variational equation, by the same solver
``equations``    solve_ivp and odeint
"""

from diffkit.scipy.integrate.equations import odeint, solve_ivp
from diffkit.scipy.integrate.quadrature import fixed_quad, quad
from diffkit.scipy.integrate.sampled import cumulative_trapezoid, romb, simpson, trapezoid

__all__ = ["cumulative_trapezoid", "fixed_quad", "odeint", "quad", "romb", "simpson", "solve_ivp", "trapezoid"]
