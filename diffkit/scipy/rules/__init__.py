"""The rulebooks of scipy.special: every ufunc is a row, flat, or refused with the reason.

Imported when a traced value first meets a ufunc of SciPy's (``diffkit.traced``), so that
``import diffkit`` needs no SciPy.  ``words`` says how rows are written; each other module is a
family.  ``numeric_arguments(row)`` names the arguments whose partial is measured.
"""

from diffkit.scipy.rules import (  # noqa: F401  (imported to fill the table)
    bessel,
    distributions,
    elementary,
    elliptic,
    error,
    gamma,
    polynomials,
    waves,
)
from diffkit.scipy.rules.words import numeric_arguments

__all__ = ["numeric_arguments"]
