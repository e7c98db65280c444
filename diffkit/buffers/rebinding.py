"""``z += t`` on a plain array: followed where nobody else can see the array.

Python asks the array, the array asks ``np.add(z, t, out=z)``, NumPy asks t: and what t
answers is what the name z is bound to.  So a plain array (made by ``from numpy import zeros``, which no
replaced name catches) can become one that takes traced values, if it is true that

* the instruction that runs is an in-place operator whose result goes to a local variable,
* no other name, container or view refers to the array, which would still show the old entries.

The second is a question of reference counts.  What the call itself holds is measured once, by such
a call: no number of an interpreter's version is written here.  Anything else is refused.
"""

from __future__ import annotations

import dis
import functools
import sys
from types import FrameType
from typing import Any

import numpy as np

from diffkit.traced import Traced

_STEPS = frozenset(["STORE_FAST", "STORE_FAST_LOAD_FAST", "STORE_FAST_STORE_FAST"])
#: The arguments of BINARY_OP that mean an operator in place.
_IN_PLACE = range(13, 26)


def references(arrays: Any) -> int:
    """The references to the first of some arrays, those of the calls on the stack included."""
    return sys.getrefcount(arrays[0])


class _Probe:
    """A value that is asked as a traced one is, by a call with as many frames and tuples."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _probe_out(ufunc, method, inputs, kwargs)


def _probe_out(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    outs = kwargs.pop("out")
    return references(outs)


@functools.cache
def _alone() -> int:
    """The references to an array in ``z += t`` to which only the local variable z refers."""
    z: Any = np.empty(1)
    z += _Probe()
    return int(z)


def is_ours_alone(outs: Any, frame: FrameType) -> bool:
    """Whether the output of a call in that frame is the array of ``z += t``, and nobody else holds it."""
    if references(outs) > _alone() or not outs[0].flags.writeable or not _is_in_place(frame):
        return False
    array = outs[0]  # what it is a view of must have no other holder
    return array.base is None or (type(array.base) is np.ndarray and sys.getrefcount(array.base) == 2)


def _is_in_place(frame: FrameType) -> bool:
    """Whether an in-place operator runs whose result goes to a local variable."""
    steps = iter(dis.get_instructions(frame.f_code))
    for step in steps:
        if step.offset == frame.f_lasti:
            following = next((later for later in steps if later.opname != "CACHE"), None)
            return (step.opname == "BINARY_OP" and step.arg in _IN_PLACE
                    and following is not None and following.opname in _STEPS)
    return False


def is_operand(target: Any, inputs: tuple[Any, ...]) -> bool:
    """Whether a ufunc writes to its own plain first operand."""
    return type(target) is np.ndarray and inputs[0] is target and any(type(value) is Traced for value in inputs)
