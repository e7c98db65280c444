"""Orthogonal polynomials and hypergeometric functions.

By the argument the derivative is a neighbour of the family (DLMF 18.9.15-28, 15.5.1,
13.3.15, 13.3.22).  By a degree or a parameter it is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special as sp

from diffkit.rules.domains import POSITIVE, REAL, UNIT, above, between
from diffkit.scipy.rules.words import NUMERIC, WHOLE, row


def _lower(slope: Callable[..., Any]) -> Callable[..., Any]:
    """A formula with the degree n - 1; a polynomial of degree 0 is constant."""
    def partial(y: Any, n: Any, *rest: Any) -> Any:
        if np.ndim(n) == 0 and not hasattr(type(n), "_apply_rule"):
            return 0 * rest[-1] if n == 0 else slope(n, *rest)
        return np.where(n == 0, 0, slope(n, *rest))
    return partial


_DEGREE = above(0.3)
row(sp.eval_jacobi, NUMERIC, NUMERIC, NUMERIC,
    _lower(lambda n, a, b, x: (n + a + b + 1) / 2 * sp.eval_jacobi(n - 1, a + 1, b + 1, x)),
    domain=(_DEGREE, POSITIVE, POSITIVE, UNIT))
row(sp.eval_sh_jacobi, NUMERIC, NUMERIC, NUMERIC,
    _lower(lambda n, p, q, x: n * sp.eval_sh_jacobi(n - 1, p + 2, q + 1, x)),
    domain=(_DEGREE, above(1.5), between(0.2, 1.2), between(0, 1)))
row(sp.eval_gegenbauer, NUMERIC, NUMERIC, _lower(lambda n, a, x: 2 * a * sp.eval_gegenbauer(n - 1, a + 1, x)),
    domain=(_DEGREE, POSITIVE, UNIT))
row(sp.eval_legendre, NUMERIC, _lower(lambda n, x: (n + 1) / 2 * sp.eval_jacobi(n - 1, 1.0, 1.0, x)),
    domain=(_DEGREE, UNIT))
row(sp.eval_sh_legendre, NUMERIC, _lower(lambda n, x: (n + 1) * sp.eval_jacobi(n - 1, 1.0, 1.0, 2 * x - 1)),
    domain=(_DEGREE, between(0, 1)))
row(sp.eval_chebyt, NUMERIC, _lower(lambda n, x: n * sp.eval_chebyu(n - 1, x)), domain=(_DEGREE, UNIT))
row(sp.eval_chebyu, NUMERIC, _lower(lambda n, x: 2 * sp.eval_gegenbauer(n - 1, 2.0, x)), domain=(_DEGREE, UNIT))
row(sp.eval_chebyc, NUMERIC, _lower(lambda n, x: n * sp.eval_chebys(n - 1, x)), domain=(_DEGREE, UNIT))
row(sp.eval_chebys, NUMERIC, _lower(lambda n, x: sp.eval_gegenbauer(n - 1, 2.0, x / 2)), domain=(_DEGREE, UNIT))
row(sp.eval_sh_chebyt, NUMERIC, _lower(lambda n, x: 2 * n * sp.eval_chebyu(n - 1, 2 * x - 1)),
    domain=(_DEGREE, between(0, 1)))
row(sp.eval_sh_chebyu, NUMERIC, _lower(lambda n, x: 4 * sp.eval_gegenbauer(n - 1, 2.0, 2 * x - 1)),
    domain=(_DEGREE, between(0, 1)))
row(sp.eval_laguerre, NUMERIC, _lower(lambda n, x: -sp.eval_genlaguerre(n - 1, 1.0, x)), domain=(_DEGREE, REAL))
row(sp.eval_genlaguerre, NUMERIC, NUMERIC, _lower(lambda n, a, x: -sp.eval_genlaguerre(n - 1, a + 1, x)),
    domain=(_DEGREE, POSITIVE, REAL))
row(sp.eval_hermite, WHOLE, _lower(lambda n, x: 2 * n * sp.eval_hermite(n - 1, x)))
row(sp.eval_hermitenorm, WHOLE, _lower(lambda n, x: n * sp.eval_hermitenorm(n - 1, x)))
# DLMF 14.10.5
row(sp.lpmv, WHOLE, NUMERIC, lambda y, m, v, x: ((v + m) * sp.lpmv(m, v - 1, x) - v * x * y) / ((1 - x) * (1 + x)))

row(sp.hyp0f1, NUMERIC, lambda y, c, z: sp.hyp0f1(c + 1, z) / c, domain=(POSITIVE, REAL))
row(sp.hyp1f1, NUMERIC, NUMERIC, lambda y, a, b, z: a / b * sp.hyp1f1(a + 1, b + 1, z),
    domain=(POSITIVE, POSITIVE, REAL))
row(sp.hyperu, NUMERIC, NUMERIC, lambda y, a, b, x: -a * sp.hyperu(a + 1, b + 1, x),
    domain=(POSITIVE, POSITIVE, POSITIVE))
row(sp.hyp2f1, NUMERIC, NUMERIC, NUMERIC, lambda y, a, b, c, z: a * b / c * sp.hyp2f1(a + 1, b + 1, c + 1, z),
    domain=(POSITIVE, POSITIVE, above(0.5), between(-1, 0.9)))
