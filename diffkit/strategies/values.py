"""Numbers and arrays where a function has a derivative, or exactly where it has none.

A domain is the rule table's (``diffkit.rules.domains``): an interval and points to avoid.
"Away from" keeps a margin that no finite difference crosses unless its step is large;
"at kinks" draws those points, their neighbours in floating point, and points at all
distances from them down to 1e-12.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np

from diffkit.errors import InputError
from diffkit.rules import FUNCTIONS, TABLE
from diffkit.rules.domains import ANY, REAL, Domain
from diffkit.rules.kinds import Elementwise, Rule

Strategy = st.SearchStrategy[Any]


def numbers(domain: Domain = REAL, *, dtype: Any = np.float64, largest: float = 100.0, margin: float = 0.05,
            kinks: bool = False, zeros: bool = False) -> Strategy:
    """Floats inside a domain.

    Parameters
    ----------
    domain : Domain
        An interval with points to avoid, from ``diffkit.rules.domains``.
    dtype : dtype
        A real floating type; the numbers are exact in it.
    largest : float
        Bound on the absolute value.
    margin : float
        Distance kept from the interval's finite ends and the points to avoid.
    kinks : bool
        Also the points to avoid, and close to them on both sides.
    zeros : bool
        Also 0.0 and -0.0, where the domain holds them or ``kinks`` lets them in.

    Returns
    -------
    SearchStrategy of floats
        It shrinks towards small integers.

    Raises
    ------
    InputError
        For what is no domain, no real floating type, or a domain without numbers.

    >>> from diffkit.rules.domains import POSITIVE
    >>> x = numbers(POSITIVE).example()  # doctest: +SKIP
    """
    if not isinstance(domain, Domain):
        raise InputError(f"domain={domain!r} is no domain", "one of diffkit.rules.domains, as POSITIVE or above(-1); "
                                                            "arguments(np.log) has those of a function")
    kind = _floating(dtype)
    low = domain.low + margin if math.isfinite(domain.low) else -largest
    high = domain.high - margin if math.isfinite(domain.high) else largest
    if not low <= high:
        raise InputError(f"no number lies in {domain} with margin={margin} and largest={largest}", "a smaller margin")
    low, high = _inward(low, kind, high), _inward(high, kind, low)
    points = [float(p) for p in domain.avoid if not isinstance(p, tuple)]

    def far(x: float) -> bool:
        return bool(domain.contains(np.float64(x))) and all(abs(x - p) >= margin for p in points) \
            and all(_pole_distance(x, p) >= margin for p in domain.avoid if isinstance(p, tuple))

    choices = [st.floats(low, high, width=8 * kind.itemsize, allow_subnormal=False).filter(far)]
    if kinks:
        for p in points:
            choices.append(_around(p, kind))
    if zeros and (kinks or (low <= 0 <= high and far(0.0))):
        choices.append(st.sampled_from([0.0, -0.0]))
    return choices[0] if len(choices) == 1 else st.one_of(*choices)


def _floating(dtype: Any) -> Any:
    """A real floating type; InputError for any other."""
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind.kind != "f" or kind.itemsize > 8:
        raise InputError(f"dtype={dtype!r} is no real floating type that is drawn",
                         "np.float64, np.float32, np.float16; of complex numbers the parts: two arrays")
    return kind


def _inward(bound: float, kind: np.dtype[Any], towards: float) -> float:
    """The bound as a number of the type, not outside the interval."""
    found = kind.type(bound)
    if (found < bound) == (bound < towards) and found != bound:
        found = np.nextafter(found, kind.type(towards))
    return float(found)


def _pole_distance(x: float, spec: tuple[Any, ...]) -> float:
    _, period, offset = spec
    return float(abs((x - offset + period / 2) % period - period / 2))


def _around(point: float, kind: np.dtype[Any]) -> Strategy:
    """A point, its neighbours, and points at distances 1e-12 to 1e-1."""
    p = kind.type(point)
    near = [float(np.nextafter(p, kind.type(side))) for side in (-np.inf, np.inf)]
    if not p:  # zero's neighbours are subnormal: flushed, or lost in a square
        near = [float(np.finfo(kind).tiny), -float(np.finfo(kind).tiny)]
    steps = [float(p + kind.type(sign * 10.0**-k)) for k in range(1, 13) for sign in (1, -1)]
    return st.sampled_from([float(p), *near, *steps])


def shapes(min_dims: int = 0, max_dims: int = 3, max_side: int = 3, min_side: int = 1) -> st.SearchStrategy[Any]:
    """Shapes, () first; ``min_side=0`` lets empty arrays in."""
    return hnp.array_shapes(min_dims=max(min_dims, 1), max_dims=max_dims, min_side=min_side, max_side=max_side) \
        if min_dims else st.one_of(st.just(()), hnp.array_shapes(min_dims=1, max_dims=max(max_dims, 1),
                                                                 min_side=min_side, max_side=max_side))


def dtypes(*, half: bool = False) -> st.SearchStrategy[Any]:
    """Real floating types: float64, float32, and float16 where asked."""
    return st.sampled_from([np.dtype(np.float64), np.dtype(np.float32), *([np.dtype(np.float16)] if half else [])])


def arrays(shape: Any = None, domain: Domain = REAL, *, dtype: Any = np.float64, largest: float = 100.0,
           margin: float = 0.05, kinks: bool = False, zeros: bool = False, ties: bool = False) -> Strategy:
    """Arrays of :func:`numbers`.

    Parameters
    ----------
    shape : tuple, int, strategy or None
        None: any of :func:`shapes`.
    domain, largest, margin, kinks, zeros
        As for :func:`numbers`.
    dtype : dtype or strategy
        See :func:`dtypes`.
    ties : bool
        Whether entries repeat: they are drawn from at most half as many numbers.

    Returns
    -------
    SearchStrategy of ndarray

    Raises
    ------
    InputError
        As :func:`numbers`.
    """
    # Here, so that the line that is wrong is the one that is named, not the draw of an example.
    options: dict[str, Any] = {"domain": domain, "largest": largest, "margin": margin, "kinks": kinks, "zeros": zeros}
    numbers(dtype=np.float64 if isinstance(dtype, st.SearchStrategy) else dtype, **options)
    return _arrays(shapes() if shape is None else shape, dtype, ties, options)


@st.composite
def _arrays(draw: st.DrawFn, shape: Any, dtype: Any, ties: bool, options: dict[str, Any]) -> Any:
    found = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    kind = np.dtype(draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype)
    elements = numbers(dtype=kind, **options)
    if ties:
        size = int(np.prod(found))
        elements = st.sampled_from(draw(st.lists(elements, min_size=1, max_size=max(size // 2, 1))))
    return draw(hnp.arrays(kind, found, elements=elements, fill=st.nothing()))


def arguments(function: Any, shape: Any = None, **options: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """Arguments for an elementwise NumPy function, each inside its domain in the rule table, in one shape.

    ``function`` is NumPy's (``np.arctan2``) or its name in the table; ``options`` are those of
    :func:`arrays`.

    Raises InputError when the table has no such elementwise row, or the row states no domain.

    >>> from hypothesis import find, settings
    >>> find(arguments(np.log), lambda args: args[0].size == 2, settings=settings(database=None))
    (array([1., 1.]),)
    """
    row = TABLE.get(function) if isinstance(function, str) else FUNCTIONS.get(function)
    if not isinstance(row, Elementwise) or len(row.domain) != len(row.partials):
        raise InputError(f"{function!r} has no elementwise row with domains in the rule table",
                         "arrays(domain=…) for its arguments")
    return st.shared(shapes() if shape is None else shape if isinstance(shape, st.SearchStrategy) else st.just(shape),
                     key=object()).flatmap(_together(row, options))


def _together(row: Rule, options: dict[str, Any]) -> Callable[[Any], st.SearchStrategy[tuple[Any, ...]]]:
    def build(shape: Any) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.tuples(*(arrays(shape, REAL if domain is ANY else domain, **options) for domain in row.domain))
    return build
