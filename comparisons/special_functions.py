"""The functions of scipy.special as mpmath computes them, and where to sample each argument.

A second opinion that shares no code with SciPy or diffkit's rules: derivatives are taken by
mpmath at 50 digits.  A sampler is one letter an argument:

    r real   p positive   o order (0.2 to 3)   u (0, 1)   s (-1, 1)   b below 1   n 1 to 4, a constant
    h above 1.2   m negative
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

__all__ = ["REFERENCES", "derivative", "sample"]


def _ncdf(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _ginc(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


def _gincc(a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, mp.inf, regularized=True)


def _binc(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True)


def _bincc(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, x, 1, regularized=True)


def _t_distribution(v: Any, t: Any) -> Any:
    tail = _binc(v / 2, mp.mpf(1) / 2, v / (v + t * t)) / 2
    return 1 - tail if t > 0 else tail


def _noncentral_chi2(x: Any, v: Any, c: Any) -> Any:
    return mp.fsum(mp.exp(-c / 2) * (c / 2) ** j / mp.factorial(j) * _ginc(v / 2 + j, x / 2) for j in range(90))


def _wofz(z: Any) -> Any:
    return mp.exp(-z * z) * mp.erfc(-1j * z)


def _voigt(x: Any, s: Any, g: Any) -> Any:
    return mp.re(_wofz((x + 1j * g) / (s * mp.sqrt(2)))) / (s * mp.sqrt(2 * mp.pi))


def _kolmogorov(x: Any) -> Any:
    return 1 - mp.sqrt(2 * mp.pi) / x * mp.nsum(lambda k: mp.exp(-(2 * k - 1) ** 2 * mp.pi ** 2 / (8 * x * x)),
                                                [1, mp.inf], method="d")


def _wright(a: Any, b: Any, x: Any) -> Any:
    return mp.fsum(x ** k / mp.factorial(k) * mp.rgamma(a * k + b) for k in range(150))


def _ellipj(k: int) -> Callable[..., Any]:
    return lambda u, m: mp.ellipfun(("sn", "cn", "dn")[k], u, m=m)


def _integral(f: Callable[..., Any], start: float = 0) -> Callable[..., Any]:
    return lambda x: mp.quad(f, mp.linspace(start, x, 5))


_DEG = mp.pi / 180

#: name -> (function of mpmath, samplers); several results: a list of functions.
REFERENCES: dict[str, tuple[Any, str]] = {
    # gamma
    "gamma": (mp.gamma, "r"), "gammaln": (lambda x: mp.log(abs(mp.gamma(x))), "r"), "loggamma": (mp.loggamma, "p"),
    "rgamma": (mp.rgamma, "r"), "psi": (mp.digamma, "r"), "poch": (mp.rf, "pp"), "beta": (mp.beta, "pp"),
    "betaln": (lambda a, b: mp.log(mp.beta(a, b)), "pp"), "binom": (mp.binomial, "hu"),
    "zetac": (lambda x: mp.zeta(x) - 1, "h"), "zeta": (lambda x, q: mp.zeta(x, q), "hp"),
    # error functions
    "erf": (mp.erf, "r"), "erfc": (mp.erfc, "r"), "erfi": (mp.erfi, "r"),
    "erfcx": (lambda x: mp.exp(x * x) * mp.erfc(x), "r"), "erfinv": (mp.erfinv, "s"),
    "erfcinv": (lambda x: mp.erfinv(1 - x), "u"),
    "dawsn": (lambda x: mp.exp(-x * x) * mp.erfi(x) * mp.sqrt(mp.pi) / 2, "r"),
    "ndtr": (_ncdf, "r"), "log_ndtr": (lambda x: mp.log(_ncdf(x)), "r"),
    "ndtri": (lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1), "u"),
    "ndtri_exp": (lambda y: mp.sqrt(2) * mp.erfinv(2 * mp.exp(y) - 1), "m"),
    "owens_t": (lambda h, a: mp.quad(lambda x: mp.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), [0, a])
                / (2 * mp.pi), "op"),
    "voigt_profile": (_voigt, "rpp"), "fresnel": ([mp.fresnels, mp.fresnelc], "r"),
    "nrdtrimn": (lambda p, s, x: x - s * mp.sqrt(2) * mp.erfinv(2 * p - 1), "upr"),
    "nrdtrisd": (lambda m, p, x: (x - m) / (mp.sqrt(2) * mp.erfinv(2 * p - 1)), "rur"),
    # elementary
    "cbrt": (mp.cbrt, "p"), "exp10": (lambda x: mp.mpf(10) ** x, "r"), "exp2": (lambda x: mp.mpf(2) ** x, "r"),
    "expm1": (mp.expm1, "r"), "log1p": (mp.log1p, "p"), "cosm1": (lambda x: mp.cos(x) - 1, "r"),
    "powm1": (lambda x, p: x ** p - 1, "pr"), "sindg": (lambda x: mp.sin(_DEG * x), "r"),
    "cosdg": (lambda x: mp.cos(_DEG * x), "r"), "tandg": (lambda x: mp.tan(_DEG * x), "r"),
    "cotdg": (lambda x: mp.cot(_DEG * x), "r"), "radian": (lambda d, m, s: _DEG * (d + m / 60 + s / 3600), "ppp"),
    "expit": (lambda x: 1 / (1 + mp.exp(-x)), "r"), "log_expit": (lambda x: -mp.log(1 + mp.exp(-x)), "r"),
    "logit": (lambda x: mp.log(x / (1 - x)), "u"), "entr": (lambda x: -x * mp.log(x), "p"),
    "rel_entr": (lambda x, y: x * mp.log(x / y), "pp"), "kl_div": (lambda x, y: x * mp.log(x / y) - x + y, "pp"),
    "xlogy": (lambda x, y: x * mp.log(y), "rp"), "xlog1py": (lambda x, y: x * mp.log1p(y), "rp"),
    "huber": (lambda d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2), "pr"),
    "pseudo_huber": (lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1), "pr"),
    "exprel": (lambda x: mp.expm1(x) / x, "r"), "boxcox": (lambda x, p: (x ** p - 1) / p, "pr"),
    "boxcox1p": (lambda x, p: ((1 + x) ** p - 1) / p, "pr"),
    "inv_boxcox": (lambda y, p: (1 + p * y) ** (1 / p), "pp"),
    "inv_boxcox1p": (lambda y, p: (1 + p * y) ** (1 / p) - 1, "pp"), "exp1": (mp.e1, "p"), "expi": (mp.ei, "p"),
    "expn": (mp.expint, "np"), "sici": ([mp.si, mp.ci], "p"), "shichi": ([mp.shi, mp.chi], "p"),
    "spence": (lambda z: mp.polylog(2, 1 - z), "u"), "wrightomega": (lambda z: mp.lambertw(mp.exp(z)), "r"),
    # Bessel
    "jv": (mp.besselj, "op"), "jve": (mp.besselj, "op"), "yv": (mp.bessely, "op"), "yve": (mp.bessely, "op"),
    "iv": (mp.besseli, "op"), "kv": (mp.besselk, "op"), "ive": (lambda v, x: mp.besseli(v, x) * mp.exp(-x), "op"),
    "kve": (lambda v, x: mp.besselk(v, x) * mp.exp(x), "op"), "yn": (mp.bessely, "np"), "kn": (mp.besselk, "np"),
    "j0": (lambda x: mp.besselj(0, x), "r"), "j1": (lambda x: mp.besselj(1, x), "r"),
    "y0": (lambda x: mp.bessely(0, x), "p"), "y1": (lambda x: mp.bessely(1, x), "p"),
    "i0": (lambda x: mp.besseli(0, x), "r"), "i1": (lambda x: mp.besseli(1, x), "r"),
    "k0": (lambda x: mp.besselk(0, x), "p"), "k1": (lambda x: mp.besselk(1, x), "p"),
    "i0e": (lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), "r"),
    "i1e": (lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), "r"),
    "k0e": (lambda x: mp.besselk(0, x) * mp.exp(x), "p"), "k1e": (lambda x: mp.besselk(1, x) * mp.exp(x), "p"),
    "struve": (mp.struveh, "op"), "modstruve": (mp.struvel, "op"),
    "airy": ([mp.airyai, lambda x: mp.airyai(x, derivative=1), mp.airybi, lambda x: mp.airybi(x, derivative=1)], "r"),
    "airye": ([lambda x: mp.airyai(x) * mp.exp(2 * x * mp.sqrt(x) / 3),
               lambda x: mp.airyai(x, derivative=1) * mp.exp(2 * x * mp.sqrt(x) / 3),
               lambda x: mp.airybi(x) * mp.exp(-2 * x * mp.sqrt(x) / 3),
               lambda x: mp.airybi(x, derivative=1) * mp.exp(-2 * x * mp.sqrt(x) / 3)], "p"),
    "ber": (lambda x: mp.ber(0, x), "p"), "bei": (lambda x: mp.bei(0, x), "p"), "ker": (lambda x: mp.ker(0, x), "p"),
    "kei": (lambda x: mp.kei(0, x), "p"), "berp": (lambda x: mp.diff(lambda t: mp.ber(0, t), x), "p"),
    "beip": (lambda x: mp.diff(lambda t: mp.bei(0, t), x), "p"),
    "kerp": (lambda x: mp.diff(lambda t: mp.ker(0, t), x), "p"),
    "keip": (lambda x: mp.diff(lambda t: mp.kei(0, t), x), "p"),
    "wright_bessel": (_wright, "ooo"), "log_wright_bessel": (lambda a, b, x: mp.log(_wright(a, b, x)), "ooo"),
    "besselpoly": (lambda a, k, v: mp.quad(lambda x: x ** k * mp.besselj(v, 2 * a * x), [0, 1]), "ooo"),
    "itstruve0": (_integral(lambda t: mp.struveh(0, t)), "o"),
    "itmodstruve0": (_integral(lambda t: mp.struvel(0, t)), "o"),
    "itj0y0": ([_integral(lambda t: mp.besselj(0, t)), None], "o"),
    "iti0k0": ([_integral(lambda t: mp.besseli(0, t)), None], "o"),
    "it2j0y0": ([_integral(lambda t: (1 - mp.besselj(0, t)) / t), None], "o"),
    "it2i0k0": ([_integral(lambda t: (mp.besseli(0, t) - 1) / t), None], "o"),
    # elliptic
    "ellipk": (mp.ellipk, "b"), "ellipkm1": (lambda p: mp.ellipk(1 - p), "u"), "ellipe": (mp.ellipe, "b"),
    "ellipkinc": (mp.ellipf, "rb"), "ellipeinc": (mp.ellipe, "rb"),
    "ellipj": ([_ellipj(0), _ellipj(1), _ellipj(2), None], "ru"), "agm": (mp.agm, "pp"),
    "elliprc": (mp.elliprc, "pp"), "elliprf": (mp.elliprf, "ppp"), "elliprd": (mp.elliprd, "ppp"),
    "elliprg": (mp.elliprg, "ppp"), "elliprj": (mp.elliprj, "pppp"),
    # polynomials and hypergeometric functions
    "eval_jacobi": (mp.jacobi, "ooos"), "eval_gegenbauer": (mp.gegenbauer, "oos"),
    "eval_legendre": (mp.legendre, "os"),
    "eval_chebyt": (mp.chebyt, "os"), "eval_chebyu": (mp.chebyu, "os"),
    "eval_laguerre": (lambda n, x: mp.laguerre(n, 0, x), "or"),
    "eval_genlaguerre": (mp.laguerre, "oor"), "eval_hermite": (mp.hermite, "nr"),
    "eval_hermitenorm": (lambda n, x: mp.hermite(n, x / mp.sqrt(2)) / mp.mpf(2) ** (mp.mpf(n) / 2), "nr"),
    "eval_chebyc": (lambda n, x: 2 * mp.chebyt(n, x / 2), "os"),
    "eval_chebys": (lambda n, x: mp.chebyu(n, x / 2), "os"),
    "eval_sh_legendre": (lambda n, x: mp.legendre(n, 2 * x - 1), "ou"),
    "eval_sh_chebyt": (lambda n, x: mp.chebyt(n, 2 * x - 1), "ou"),
    "eval_sh_chebyu": (lambda n, x: mp.chebyu(n, 2 * x - 1), "ou"),
    "eval_sh_jacobi": (lambda n, p, q, x: mp.jacobi(n, p - q, q - 1, 2 * x - 1) / mp.binomial(2 * n + p - 1, n),
                       "ooou"),
    "hyp0f1": (mp.hyp0f1, "or"), "hyp1f1": (mp.hyp1f1, "oor"), "hyperu": (mp.hyperu, "oop"),
    "hyp2f1": (lambda a, b, c, z: mp.hyp2f1(a, b, c, z), "ooos"),
    "pbdv": ([mp.pcfd, lambda v, x: mp.diff(lambda t: mp.pcfd(v, t), x)], "os"),
    # distributions
    "gammainc": (_ginc, "pp"), "gammaincc": (_gincc, "pp"), "betainc": (_binc, "ppu"), "betaincc": (_bincc, "ppu"),
    "chdtr": (lambda v, x: _ginc(v / 2, x / 2), "pp"), "chdtrc": (lambda v, x: _gincc(v / 2, x / 2), "pp"),
    "gdtr": (lambda a, b, x: _ginc(b, a * x), "ppp"), "gdtrc": (lambda a, b, x: _gincc(b, a * x), "ppp"),
    "pdtr": (lambda k, m: _gincc(k + 1, m), "np"), "pdtrc": (lambda k, m: _ginc(k + 1, m), "np"),
    "bdtr": (lambda k, p: _bincc(k + 1, 6 - k, p), "nu"), "nbdtr": (lambda k, p: _binc(6, k + 1, p), "nu"),
    "fdtr": (lambda n, d, x: _binc(n / 2, d / 2, n * x / (d + n * x)), "ppp"),
    "fdtrc": (lambda n, d, x: _bincc(n / 2, d / 2, n * x / (d + n * x)), "ppp"),
    "stdtr": (_t_distribution, "pr"), "chndtr": (_noncentral_chi2, "ooo"), "kolmogorov": (_kolmogorov, "o"),
}

_SAMPLERS: dict[str, Callable[[np.random.Generator], Any]] = {
    "r": lambda rng: rng.normal() * 3, "p": lambda rng: np.exp(rng.normal() * 1.5),
    "o": lambda rng: rng.uniform(0.2, 3),
    "u": lambda rng: rng.uniform(0.01, 0.99), "s": lambda rng: rng.uniform(-0.95, 0.95),
    "b": lambda rng: 1 - np.exp(rng.normal() * 2), "n": lambda rng: int(rng.integers(1, 5)),
    "m": lambda rng: -np.exp(rng.normal()), "h": lambda rng: 1.2 + np.exp(rng.normal()),
}


def sample(name: str, rng: np.random.Generator) -> list[Any]:
    """Arguments for SciPy's function: a Python int for a constant, else np.float64."""
    values = [_SAMPLERS[letter](rng) for letter in REFERENCES[name][1]]
    return [v if isinstance(v, int) else np.float64(v) for v in values]


def derivative(f: Callable[..., Any], args: list[Any], position: int, digits: int = 40) -> Any:
    """mpmath's derivative of f by one argument."""
    with mp.workdps(digits):
        exact = [mp.mpf(float(a)) if not isinstance(a, int) else a for a in args]
        return mp.diff(lambda t: f(*exact[:position], t, *exact[position + 1:]), exact[position])
