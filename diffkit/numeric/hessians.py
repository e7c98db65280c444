"""Second derivatives of a scalar function: the Hessian, entry by entry, each with its claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.errors import NotScalarError
from diffkit.numeric.assembly import whole
from diffkit.numeric.lines import coordinate
from diffkit.numeric.result import Estimate, Result
from diffkit.numeric.schemes import set_up


def hessian(f: Callable[[Any], Any], x: Any, scheme: str = "auto", *, step: float | None = None,
            bounds: Any = None, vectorized: bool = False, workers: int | Callable[..., Any] | None = None,
            dtype: Any = None) -> Result:
    """The matrix of second derivatives: shape in.shape + in.shape.

    Parameters
    ----------
    f : function
        Of a real array or number, with one real number as its result.
    x : real number or array
        Where.  n entries cost n(n + 1)/2 independent ladders of some 30 to 100 evaluations,
        by complex steps a dozen each.
    scheme, step, bounds, vectorized, workers, dtype
        As in :func:`derivative`; ``step`` is that of every entry.

    Returns
    -------
    Result
        Symmetric by construction: an entry and its mirror image are one estimate.

    Raises
    ------
    NotScalarError, InputError, NumericError
        For a result that is not one real number, an x that is not a real array, or options that don't fit.

    Notes
    -----
    Diagonal: (f(x + h) - 2 f(x) + f(x - h)) / h²; off it the four corners of a rectangle,
    (f(+,+) - f(+,-) - f(-,+) + f(-,-)) / 4 h k (Abramowitz & Stegun 25.3.23 and 25.3.26), both with an
    error series in h², extrapolated.

    Examples
    --------
    >>> import numpy as np
    >>> print(np.round(hessian(lambda x: x[0] ** 2 * x[1], np.array([2.0, 3.0])).value, 6) + 0.0)
    [[6. 4.]
     [4. 0.]]
    """
    setup = set_up(f, x, scheme, step, bounds, vectorized, workers, dtype, plain=True)
    entries, evaluator = setup.entries, setup.evaluator
    if evaluator.base.size != 1 or evaluator.dtype.kind == "c":
        raise NotScalarError(f"hessian needs a function with one real result, and f returned shape {evaluator.shape}",
                             "jacobian of the gradient, or a sum")
    size, leaf = entries.values.size, entries.leaves[0]
    pairs = [(i, j) for i in range(size) for j in range(i + 1)]
    found = [Estimate.blank(1, evaluator.dtype)] * len(pairs)
    if bool(np.isfinite(entries.values).all()):
        found = setup.estimates([coordinate(entries, *sorted({i, j})) for i, j in pairs], 2)
    place = np.zeros((size, size), int)
    for index, (i, j) in enumerate(pairs):
        place[i, j] = place[j, i] = index
    matrix = Estimate.blank(len(pairs), evaluator.dtype)
    for index, estimate in enumerate(found):
        matrix.put(np.array([index]), estimate)
    full = matrix.map(lambda field: field[place.reshape(-1)])
    return whole(full, leaf.shape + leaf.shape, np.result_type(leaf.dtype, evaluator.out_dtype), evaluator.count,
                 leaf.kind is not np.ndarray)
