"""The rule table: one row a function, stated once and read by every mode.

Importing this package fills ``TABLE`` (all rows by name) and ``FUNCTIONS`` (what NumPy
hands us -> who answers).  The words of the rulebooks are in ``kinds``; each other
module is one family.
"""

import numpy as np

from diffkit.rules import (  # noqa: F401  (imported to fill the table)
    applying,
    arithmetic,
    complex,
    contractions,
    convolution,
    counting,
    cumulative,
    differences,
    eigen,
    einsum,
    exponential,
    extrema,
    fft,
    flat,
    indexing,
    joining,
    linalg,
    norms,
    padding,
    quantiles,
    questions,
    ranges,
    rearranging,
    reductions,
    selection,
    sets,
    shapes,
    singular,
    sorting,
    special,
    statistics,
    trigonometric,
    ufunc_methods,
    writing,
)
from diffkit.rules.kinds import FUNCTIONS, TABLE, Elementwise

ufunc_methods.register()

__all__ = ["FUNCTIONS", "ROWS", "TABLE"]

#: The ufuncs of one argument that are elementwise rows: the hot path of dispatch.
ROWS = {fun: answer for fun, answer in FUNCTIONS.items()
        if isinstance(fun, np.ufunc) and fun.nin == 1 and type(answer) is Elementwise}
