"""Numeric differentiation: finite differences that know their own error.

Nothing here looks into f: it is evaluated, and that is all.  So numeric derivatives are a
source of truth of their own beside diffkit's rules, with which they share no code.  Every
answer is a :class:`Result`: value, claimed error, evaluations, and what kind of point x is.

Who does what: ``inputs`` takes x apart, ``evaluation`` calls f, ``lines`` carries a scheme
along a line through x.  Schemes: ``adaptive`` (the quick path) and ``ladder`` (the full
one) with ``pairs``, ``extrapolation``, ``noise``, ``shapes``, ``edges`` and ``reading``; ``higher`` (orders above
one, mixed ones, Richardson) with ``stencils`` and ``descent``; ``fixed`` (the caller's step),
``complex_step`` under the watch of ``holomorphic``.  ``schemes`` gives each question to the one
that answers it, ``assembly`` puts the answers together.
"""

from diffkit.numeric.derivatives import derivative, directional
from diffkit.numeric.hessians import hessian
from diffkit.numeric.jacobians import gradient, jacobian
from diffkit.numeric.result import STATUSES, Result
from diffkit.numeric.schemes import SCHEMES

__all__ = ["SCHEMES", "STATUSES", "Result", "derivative", "directional", "gradient", "hessian", "jacobian"]
