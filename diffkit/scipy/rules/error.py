"""The error function and its kin: erf, Dawson's integral, the normal distribution, Fresnel, Voigt.

Two rows carry the family.  ``EXP_SQUARE`` is exp(s x^2) with the digits that rounding x^2
would lose.  ``ERFCX_DERIVATIVE`` is the n-th derivative of exp(z^2) erfc(z): written as
2 z erfcx(z) - 2/sqrt(pi) it would cancel for large z, so it comes there from the continued
fraction of repeated integrals of erfc (DLMF 7.18.3, 7.18.13), whose terms have one sign.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special as sp

from diffkit.rules.domains import POSITIVE, REAL, UNIT, Domain, between
from diffkit.rules.kinds import Elementwise
from diffkit.rules.pieces import in_pieces
from diffkit.scipy.rules.words import flat, precise, row, several

_TWO = 2 / math.sqrt(math.pi)
_HALF = math.sqrt(math.pi) / 2


@precise
@in_pieces
def _exp_square(x: Any, s: Any) -> Any:
    """exp(s x^2): x = h + l with h^2 exact, so that only the small part is rounded."""
    if np.iscomplexobj(x):
        return np.exp(s * x * x)
    with np.errstate(all="ignore"):
        near = np.abs(x) < 2.0 ** 16
        high = np.rint(x * 1024) * 2.0 ** -10
        if not np.all(near):
            high = np.where(near, high, x)
        y = np.exp(s * high * high) * np.exp(s * (x - high) * (x + high))
        lost = np.isnan(y)
        return np.where(lost & ~np.isnan(x), np.exp(s * x * x), y) if np.any(lost) else y


EXP_SQUARE: Elementwise = row(_exp_square, lambda y, x, s: 2 * s * x * y, None, domain=(REAL,),
                              name="special.exp_square")


@precise
def _erfcx_derivative(z: Any, n: Any) -> Any:
    """The n-th derivative of erfcx, real or complex."""
    n = int(n)
    z = np.asarray(z)
    with np.errstate(all="ignore"):
        before, y = sp.erfcx(z), 2 * z * sp.erfcx(z) - _TWO
        for k in range(1, n):
            before, y = y, 2 * z * y + 2 * k * before
        near = before if n == 0 else y
        if z.dtype.kind == "c":
            far = ((np.abs(z) > 6) & (np.real(z) >= 0)) | (np.real(z) > 2)
        else:
            far = z > 2
        w = np.where(far, z, 8.0)
        terms = 90 + n
        # Ratios of successive repeated integrals, from far out inwards.
        ratio = 1 / (w + np.sqrt(w * w + 2 * terms))
        product = 1.0
        for k in range(terms, 0, -1):
            ratio = 0.5 / (w + (k + 1) * ratio)
            if k <= n:
                product = product * (-2 * k * ratio)
        return np.where(far, sp.erfcx(w) * product, near)


ERFCX_DERIVATIVE: Elementwise = row(_erfcx_derivative, lambda y, x, n: ERFCX_DERIVATIVE(x, n + 1), None,
                                    domain=(REAL,), name="special.erfcx_derivative")


def faddeeva_slope(z: Any, n: int = 1) -> Any:
    """The n-th derivative of wofz: w(z) = erfcx(-i z)."""
    return (-1j) ** n * ERFCX_DERIVATIVE(-1j * z, n)


row(sp.erf, lambda y, x: _TWO * EXP_SQUARE(x, -1), symbol="erf(x)", domain=(REAL,))
row(sp.erfc, lambda y, x: -_TWO * EXP_SQUARE(x, -1), symbol="erfc(x)", domain=(REAL,))
row(sp.erfi, lambda y, x: _TWO * EXP_SQUARE(x, 1), symbol="erfi(x)", domain=(REAL,))
row(sp.erfcx, lambda y, x: ERFCX_DERIVATIVE(x, 1), symbol="exp(x**2)*erfc(x)", domain=(REAL,))
row(sp.wofz, lambda y, z: faddeeva_slope(z))
# e^(y^2) = erfcx(y)/erfc(y), and erfc(y) is known: no digit is lost in the tails.
row(sp.erfinv, lambda y, x: _HALF * sp.erfcx(np.abs(y)) / (1 - np.abs(x)), symbol="erfinv(x)", domain=(UNIT,))


def _upper(y: Any, p: Any, whole: float) -> Any:
    """The smaller of p and whole - p."""
    return np.where(p < whole / 2, p, whole - p)


row(sp.erfcinv, lambda y, x: -_HALF * sp.erfcx(np.abs(y)) / _upper(y, x, 2.0), symbol="erfinv(1 - x)",
    domain=(between(0, 2),))

_DENSITY = 1 / math.sqrt(2 * math.pi)
_ROOT = math.sqrt(0.5)
row(sp.ndtr, lambda y, x: _DENSITY * EXP_SQUARE(x, -0.5), symbol="erfc(-x/sqrt(2))/2", domain=(REAL,))


def _log_ndtr_slope(y: Any, x: Any) -> Any:
    """The density over the distribution; below 0 sqrt(2/pi)/erfcx, which above 0 magnifies a rounding."""
    if x.dtype.kind == "c":
        return math.sqrt(2 / math.pi) / sp.erfcx(-_ROOT * x)
    is_upper = x > 0
    upper, lower = np.where(is_upper, x, 0), np.where(is_upper, 0, x)
    return np.where(is_upper, _DENSITY * EXP_SQUARE(upper, -0.5) / sp.ndtr(upper),
                    math.sqrt(2 / math.pi) / sp.erfcx(-_ROOT * lower))


row(sp.log_ndtr, _log_ndtr_slope, symbol="log(erfc(-x/sqrt(2))/2)", domain=(REAL,))
row(sp.ndtri, lambda y, p: math.sqrt(math.pi / 2) * sp.erfcx(_ROOT * np.abs(y)) / _upper(y, p, 1.0),
    symbol="sqrt(2)*erfinv(2*x - 1)", domain=(between(0, 1),))


def _ndtri_exp_slope(x: Any, y: Any) -> Any:
    """The distribution over the density at x; for x > 0 the density from 1 - exp(y), which is known, as in ndtri."""
    is_upper = y > -math.log(2)
    upper, lower = np.where(is_upper, y, -1), np.where(is_upper, 0, x)
    return math.sqrt(math.pi / 2) * np.where(is_upper, sp.erfcx(_ROOT * np.where(is_upper, x, 0)) / np.expm1(-upper),
                                             sp.erfcx(-_ROOT * lower))


row(sp.ndtri_exp, _ndtri_exp_slope, symbol="sqrt(2)*erfinv(2*exp(x) - 1)", domain=(Domain("x < 0", high=0.0),))
row(sp.owens_t, lambda y, h, a: -_DENSITY / 2 * EXP_SQUARE(h, -0.5) * sp.erf(_ROOT * a * h),
    lambda y, h, a: EXP_SQUARE(h, -0.5) * EXP_SQUARE(h * a, -0.5) / (2 * math.pi * (1 + a * a)), domain=(REAL, REAL))


def _dawsn_slope(y: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return 1 - 2 * x * y
    far = np.abs(x) > 6
    return np.where(far, -_HALF * np.real(ERFCX_DERIVATIVE(-1j * np.where(far, x, 7), 1)), 1 - 2 * x * y)


row(sp.dawsn, _dawsn_slope, symbol="sqrt(pi)/2*exp(-x**2)*erfi(x)", domain=(REAL,))


@precise
def _sine_half_pi_square(x: Any, k: Any) -> Any:
    """sin(pi x^2/2 + k pi/2), with x^2 reduced exactly (Dekker's product)."""
    if np.iscomplexobj(x):
        return np.sin(np.pi / 2 * (x * x + k))
    with np.errstate(all="ignore"):
        product = x * x
        split = x * 134217729.0
        high = split - (split - x)
        low = x - high
        rest = ((high * high - product) + 2 * high * low) + low * low
        angle = np.fmod(product, 4) + np.where(np.isfinite(rest), rest, 0)
    u = np.pi / 2 * angle
    return (np.sin(u), np.cos(u), -np.sin(u), -np.cos(u))[int(k) % 4]


SINE_SQUARE: Elementwise = row(_sine_half_pi_square, lambda y, x, k: math.pi * x * SINE_SQUARE(x, k + 1), None,
                               domain=(REAL,), name="special.sine_half_pi_square")
several(sp.fresnel, lambda y, x: [SINE_SQUARE(x, 0), SINE_SQUARE(x, 1)])


def _modified_fresnel(sign: float) -> Any:
    """F = integral from x of exp(+-i t^2), K = exp(-+i(x^2 + pi/4)) F/sqrt(pi) = erfcx(e^(-+i pi/4) x)/2."""
    turn = complex(math.sqrt(0.5), -sign * math.sqrt(0.5))

    def slopes(y: Any, x: Any) -> Any:
        return [-EXP_SQUARE(x + 0j, sign * 1j), turn / 2 * ERFCX_DERIVATIVE(turn * x, 1)]

    return slopes


several(sp.modfresnelp, _modified_fresnel(1.0))
several(sp.modfresnelm, _modified_fresnel(-1.0))


def _voigt_parts(x: Any, sigma: Any, gamma: Any, n: int) -> Any:
    """The n-th derivative of w at (x + i gamma)/(sigma sqrt(2)), with the factors of d^n/dx^n."""
    factor = 1 / (math.sqrt(2 * math.pi) * sigma * (math.sqrt(2) * sigma) ** n)
    return factor * faddeeva_slope((x + 1j * gamma) / (math.sqrt(2) * sigma), n)


# The profile solves the heat equation in sigma^2/2.
row(sp.voigt_profile, lambda y, x, sigma, gamma: np.real(_voigt_parts(x, sigma, gamma, 1)),
    lambda y, x, sigma, gamma: sigma * np.real(_voigt_parts(x, sigma, gamma, 2)),
    lambda y, x, sigma, gamma: -np.imag(_voigt_parts(x, sigma, gamma, 1)), domain=(REAL, POSITIVE, POSITIVE))

# Quantities of the normal distribution, by their definitions in SciPy.
row(sp.nrdtrimn, lambda y, p, std, x: -std * math.sqrt(math.pi / 2) * sp.erfcx(_ROOT * np.abs(sp.ndtri(p)))
    / _upper(y, p, 1.0), lambda y, p, std, x: -sp.ndtri(p), 1, domain=(between(0, 1), POSITIVE, REAL))
row(sp.nrdtrisd, lambda y, mn, p, x: -1 / sp.ndtri(p),
    lambda y, mn, p, x: -y / sp.ndtri(p) * math.sqrt(math.pi / 2) * sp.erfcx(_ROOT * np.abs(sp.ndtri(p)))
    / _upper(y, p, 1.0), lambda y, mn, p, x: 1 / sp.ndtri(p), domain=(REAL, between(0.55, 1), REAL))
flat(sp.round)
