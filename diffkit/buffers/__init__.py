"""Unmodified NumPy programs: arrays that are created and written to inside a transform.

NumPy's protocols hand diffkit ufuncs, functions and operators.  They do not hand it
``np.zeros(n)`` followed by ``z[i] = t``, ``np.array([t, 1.0])``, or the fact that
``v = z[1:]`` and z share their memory.  Here is what does:

``running``    whether a transform runs the user's code; NumPy's names are replaced meanwhile
``store``      what an array that is written to and its views share
``handles``    such arrays, as traced values of a level of their own
``aliases``    ordinary traced values that share memory, until one is written to
``writes``     assignment and everything else that changes an array in place
``functions``  the gate of NumPy's functions; those that write (``np.copyto``, ``np.put``, …)
``complaints`` NumPy's own error for a call that it would not take
``viewing``    those that share memory in ways of their own (``np.einsum``, ``np.broadcast_arrays``, …)
``creation``   the replacements: ``np.array``, ``np.zeros``, …
``brackets``   ``np.r_``, ``np.c_``, ``np.vectorize``, ``np.frompyfunc``
``iterating``  ``np.nditer``, ``np.ndenumerate``

``run`` calls a function of the user's with all this switched on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import traced, tree
from diffkit.buffers import viewing
from diffkit.buffers.aliases import link
from diffkit.buffers.brackets import Joined, is_python, python_call, vectorize_call
from diffkit.buffers.complaints import KINDS, raise_numpys_own
from diffkit.buffers.creation import CREATORS, LISTERS, copied, creator, lister, made, pack
from diffkit.buffers.functions import call_function
from diffkit.buffers.handles import contents, flags, fresh, handle, is_handle, lend
from diffkit.buffers.iterating import Enumeration, Iterator
from diffkit.buffers.running import (
    NORM,
    ORIGINALS,
    REPLACED,
    VECTORIZE,
    inside,
    is_running,
    plainly,
    with_originals,
)
from diffkit.buffers.store import FLAT
from diffkit.buffers.swallowed import forget, raise_if_it_matters
from diffkit.buffers.writes import (
    add_at,
    flat,
    has_identity,
    overwrite,
    raise_explained,
    refuse_plain,
    setitem,
    ufunc_at,
    ufunc_out,
)
from diffkit.errors import UNHEARD
from diffkit.levels import leaked
from diffkit.refusals import raise_refusal_behind
from diffkit.rules import kinds
from diffkit.traced import Traced

__all__ = [
    "FLAT", "KINDS", "ORIGINALS", "REPLACED", "add_at", "apart", "call_function", "call_ufunc", "contents",
    "copied", "flags", "flat", "fresh", "handle", "has_identity", "is_handle", "is_python", "is_running",
    "lend", "link", "made", "overwrite", "pack", "plainly", "python_call", "raise_numpys_own", "refuse_plain",
    "run", "setitem", "settle", "snapshot", "ufunc_at", "ufunc_out", "vectorize_call", "viewing",
]


def run(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``f(*args, **kwargs)``, a function of the user's, as a transform runs it.

    NumPy's creation functions are replaced meanwhile, in this thread only; the result
    has no handles left in it.  A refusal that NumPy or SciPy wrapped in an error of its own ("setting an
    array element with a sequence", a SystemError) comes out as itself; one that the program caught
    comes out if it made another function of f.
    """
    if UNHEARD and not is_running():  # of an earlier run's sweep, say
        forget()
    try:
        result = inside(f, args, kwargs)
    except Exception as error:
        if not is_running():  # (a function that runs around this one may catch it)
            forget()
        if isinstance(error, ValueError):
            raise_explained(error)
        raise_refusal_behind(error)
        raise
    result = settle(result)
    if UNHEARD:
        raise_if_it_matters(f, args, kwargs, result)
    return result


def settle(result: Any) -> Any:
    """A result (containers too) with the contents of now in place of handles; what an earlier run left is refused."""
    if type(result) is Traced:
        return _released(result) if result.level.is_buffers or result.level.is_over else result
    leaves, structure = tree.flatten(result)
    if any(type(leaf) is Traced and (leaf.level.is_buffers or leaf.level.is_over) for leaf in leaves):
        return tree.unflatten(structure, [_released(leaf) if type(leaf) is Traced else leaf for leaf in leaves])
    return result


def snapshot(value: Any) -> Any:
    """The value as it is now, whatever the program writes to the array later."""
    if type(value) is not Traced:
        return value
    content = contents(value)
    return Traced(content.level, content.value, content.mark) if type(content) is Traced else content


def apart(value: Any) -> Any:
    """A copy of an array (of a traced value: one that shares no later write), anything else as it is."""
    return value.copy("K") if type(value) is np.ndarray else snapshot(value)


def _released(array: Traced) -> Any:
    content = contents(array)
    if type(content) is Traced:
        if content.level.is_over:
            leaked()
        return Traced(content.level, content.value, content.mark) if content is not array else array
    # The caller's own from now on: it may be written to, and a tape may hold the content.
    return content.copy(order="K") if type(content) is np.ndarray else content


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc on arguments of which some are handles."""
    inputs = tuple(contents(value) for value in inputs)
    kwargs = {name: contents(value) for name, value in kwargs.items()}
    for value in inputs:
        if type(value) is Traced:
            return value.__array_ufunc__(ufunc, method, *inputs, **kwargs)
    return fresh(getattr(ufunc, method)(*inputs, **kwargs))


for _name in CREATORS:
    REPLACED[_name] = creator(getattr(np, _name))
for _name in LISTERS:
    REPLACED[_name] = lister(getattr(np, _name))
REPLACED.update(r_=Joined(np.r_), c_=Joined(np.c_), nditer=Iterator, ndenumerate=Enumeration)
ORIGINALS.update({_name: getattr(np, _name) for _name in REPLACED})
NORM[0] = lister(np.linalg.norm)
VECTORIZE[0] = vectorize_call

traced.buffers = sys.modules[__name__]
kinds.with_originals = with_originals
