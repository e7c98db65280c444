"""Programs with SciPy's functions in the other transforms: compiled, mapped, symbolic, in single precision."""

import numpy as np
import pytest

import diffkit as dk
from diffkit.scipy import integrate, interpolate, linalg, ndimage, optimize, signal, stats

X = np.array([0.0, 0.5, 1.2, 2.0])
decay = lambda k: lambda t, y: -k * y * y
PROGRAMS = {
    "quad": lambda k: integrate.quad(lambda t: np.exp(-k * t), 0, k)[0],
    "RK45": lambda k: np.sum(integrate.solve_ivp(decay(k), (0, k), [1.0], t_eval=[0.5, 0.8]).y),
    "LSODA": lambda k: integrate.solve_ivp(decay(k), (0, 1), [1.0], "LSODA").y[0, -1],
    "odeint": lambda k: integrate.odeint(lambda y, t: -k * y * y, 1.0, [0.0, 1.0])[-1, 0],
    "simpson": lambda k: integrate.simpson(np.exp(-k * X), x=X * k),
    "root": lambda k: optimize.root(lambda x: x * x - k, [1.0]).x[0],
    "brentq": lambda k: optimize.brentq(lambda x: x * x - k, 0, 9.0),
    "minimize": lambda k: optimize.minimize(lambda p: (p["a"] - k) ** 2 + p["a"] ** 4, {"a": 0.0}).x["a"],
    "least_squares": lambda k: optimize.least_squares(lambda x: np.stack([x[0] - k, x[0] ** 2]), [0.3]).x[0],
    "CubicSpline": lambda k: interpolate.CubicSpline(X * k, X**3)(k / 2),
    "interp1d": lambda k: interpolate.interp1d(X, X**2 * k)(k / 2),
    "grid": lambda k: interpolate.RegularGridInterpolator((X, X), np.outer(X, X) * k)(np.stack([k / 2, k / 3]))[0],
    "convolve": lambda k: signal.convolve(k * X, X)[2],
    "fftconvolve": lambda k: signal.fftconvolve(k * X, X * X)[2],
    "detrend": lambda k: signal.detrend(k**2 * X * X)[1],
    "filtfilt": lambda k: signal.filtfilt([0.5, 0.5], [1.0], k**2 * np.ones(9) + np.arange(9.0) ** 2)[3],
    "lfilter": lambda k: signal.lfilter([1.0], np.stack([1.0, -k / 9]), X)[-1],
    "gaussian": lambda k: ndimage.gaussian_filter1d(X, k)[1],
    "lu": lambda k: linalg.lu_solve(linalg.lu_factor(np.array([[k, 1.0], [2.0, 3.0]])), np.ones(2))[0],
    "eigh": lambda k: linalg.eigh(np.array([[k, 0.3], [0.3, 3.0]]), np.array([[2.0, 0.1], [0.1, k + 1]]))[0][0],
    "riccati": lambda k: linalg.solve_continuous_are(np.eye(2) * k, np.eye(2), np.eye(2), np.eye(2))[0, 0],
    "gamma.ppf": lambda k: stats.gamma.ppf(0.3, 2.0, scale=k),
    "gamma.logcdf": lambda k: stats.gamma.logcdf(k - 1, 2.0),  # at k < 1 outside of the support
    "frozen": lambda k: stats.norm(k, k).cdf(1.0),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_of_another_input_is_left(name):
    """Compiled and mapped, each input has its own steps, roots, intervals and supports."""
    slope = dk.grad(PROGRAMS[name])
    compiled = dk.compile(slope)
    points = (1.3, 1.7, 0.9, 1.3)
    alone = [slope(k) for k in points]
    np.testing.assert_allclose([compiled(k) for k in points], alone, rtol=1e-13)
    np.testing.assert_allclose(dk.vmap(slope)(np.array(points)), alone, rtol=1e-9)


@pytest.mark.parametrize("name", PROGRAMS)
def test_symbolic_or_refused(name):
    try:
        found = dk.grad(PROGRAMS[name], method="symbolic")(1.3)
    except dk.errors.SymbolicError as refusal:
        assert "scipy" in str(refusal) and name not in ("RK45", "simpson", "convolve", "interp1d")
    else:
        assert found == pytest.approx(dk.grad(PROGRAMS[name])(1.3), rel=1e-9)


def test_single_precision_is_kept():
    x = X.astype(np.float32)
    for f in (lambda x: integrate.simpson(x, dx=0.5), lambda x: integrate.trapezoid(x),
              lambda x: signal.convolve(x, x)[2],
              lambda x: linalg.toeplitz(x)[0, 1] * linalg.lu_factor(linalg.toeplitz(x + 3))[0][1, 1],
              lambda x: integrate.quad(lambda t: np.sum(x) * t, 0, 1)[0],
              lambda x: optimize.brentq(lambda u: u**3 - np.sum(x), 0, 9)):
        assert dk.grad(f)(x).dtype == np.float32
        assert dk.grad(f, method="forward")(x).dtype == np.float32
