"""Sets: the values that several arrays have in common or not.

The values are entries of the arrays, so each of these is a selection; which entries are
equal is decided by the values, flat, and equal entries share the derivative of their value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, plain
from diffkit.rules.indexing import GETITEM
from diffkit.rules.kinds import Flat, answers
from diffkit.rules.sorting import unique

ISIN = Flat(lambda element, test_elements, **how: np.isin(element, test_elements, **how), name="isin")


@answers(np.isin)
def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *,
         kind: Any = None) -> Any:
    """Whether each entry is one of the others."""
    return ISIN(as_array(element), as_array(test_elements), assume_unique=assume_unique, invert=invert, kind=kind)


def _flat(a: Any) -> Any:
    return np.reshape(as_array(a), (-1,))


def _those(values: Any, mask: Any) -> Any:
    return GETITEM(values, index=np.asarray(plain(mask)))


@answers(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    """The values of either."""
    return unique(np.concatenate([_flat(ar1), _flat(ar2)]))


@answers(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """The values of both; they move with both, half and half where both are differentiated."""
    both = np.concatenate([_flat(ar1) if assume_unique else unique(ar1),
                           _flat(ar2) if assume_unique else unique(ar2)])
    values = np.sort(both)
    found = _those(values, np.append(values[1:] == values[:-1], False))
    if not return_indices:
        return found
    places = np.intersect1d(plain(as_array(ar1)), plain(as_array(ar2)), assume_unique, True)
    return found, places[1], places[2]


@answers(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The values of the first that the second has not."""
    values = _flat(ar1) if assume_unique else unique(ar1)
    return _those(values, isin(values, ar2, invert=True))


@answers(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The values of exactly one."""
    both = np.sort(np.concatenate([_flat(ar1) if assume_unique else unique(ar1),
                                   _flat(ar2) if assume_unique else unique(ar2)]))
    if not both.size:
        return both
    alone = np.concatenate([[True], np.asarray(plain(both[1:] != both[:-1])), [True]])
    return _those(both, alone[1:] & alone[:-1])


if hasattr(np, "unique_all"):  # the array standard's names, NumPy 2.0
    _All, _Counts, _Inverse = (type(f(np.zeros(1))) for f in (np.unique_all, np.unique_counts, np.unique_inverse))

    @answers(np.unique_all)
    def unique_all(x: Any) -> Any:
        """The different values, where they come first, what each entry is, how often."""
        return _All(*unique(x, True, True, True, equal_nan=False))

    @answers(np.unique_counts)
    def unique_counts(x: Any) -> Any:
        """The different values, and how often each occurs."""
        return _Counts(*unique(x, return_counts=True, equal_nan=False))

    @answers(np.unique_inverse)
    def unique_inverse(x: Any) -> Any:
        """The different values, and which one each entry is."""
        return _Inverse(*unique(x, return_inverse=True, equal_nan=False))
