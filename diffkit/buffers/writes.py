"""What a program may do to an array in place: assignment, ``+=``, fill, sort, put and their kin.

Each of these ends in ``setitem`` (some entries) or ``overwrite`` (all of them).  A target
that is an ordinary traced value becomes a handle at its first write to a part of it; one
that is overwritten as a whole and has no views just takes over the new value.  A plain
array made outside can't be followed: ``refuse_plain``.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import numpy as np

from diffkit.buffers.aliases import activate, is_alone, link
from diffkit.buffers.callers import is_called_as
from diffkit.buffers.handles import contents, handle, is_handle, view
from diffkit.buffers.rebinding import is_operand, is_ours_alone
from diffkit.buffers.store import FLAT, unravel
from diffkit.errors import DiffkitError, MutationError
from diffkit.refusals import is_assignment
from diffkit.rules.indexing import GETITEM
from diffkit.rules.kinds import FUNCTIONS, Rule
from diffkit.rules.writing import ADD_AT, SETITEM
from diffkit.traced import Traced, apply, array, layout, plain_index

REWRITE = ("make the array inside the differentiated function by np.zeros, np.array, np.zeros_like… "
           "(z = np.array(z) for a copy of one made outside), or write z = z + x instead of z += x")
CAUSES = ("the function that made it was bound before the trace (from numpy import zeros; write np.zeros), "
          "or the array is an argument that is not differentiated, a global, a result of arithmetic or "
          ".copy() on plain arrays (write np.array(a * 2)), or an array of integers")


def refuse_plain(spelling: str) -> NoReturn:
    """A plain array can't take a value that carries a derivative."""
    raise MutationError(f"{spelling} writes a differentiated value into a plain array, which can't hold its "
                        "derivative", REWRITE, CAUSES)


def raise_explained(error: ValueError) -> None:
    """Raise diffkit's own refusal where NumPy wrapped it in an error that does not say why."""
    if isinstance(error.__cause__, DiffkitError) and str(error).startswith("setting an array element"):
        raise error.__cause__ from None
    if str(error).startswith("Error setting single item of array"):
        error.add_note(f"diffkit: if the item is a differentiated value, the array is a plain one: {REWRITE}")


def setitem(target: Traced, index: Any, value: Any, rule: Rule = SETITEM) -> None:
    """``target[index] = value`` (with ADD_AT: ``+= value``, repeated entries counted)."""
    if type(index) not in (int, slice):
        index = plain_index(index)
    if type(value) is not Traced:
        value = array(value)
    elif value.shape and is_called_as("shuffle", 2) and not is_assignment():
        raise MutationError("shuffle of a differentiated array of more than one axis would exchange views of rows "
                            "and lose some", "z[...] = z[rng.permutation(len(z))]")
    value = contents(value)
    if not target.shape and np.shape(layout(value)):
        value = np.reshape(value, ())  # NumPy lets one entry be written from any array of size one
    prepare(target)
    place = target.mark
    kind = target.dtype.kind
    if type(value) is Traced and kind in "biu" and value.dtype.kind not in "biu":
        value = FUNCTIONS["astype"](value, target.dtype)  # a staircase, as in NumPy
    if place.function is FLAT:
        count = np.size(place.positions[index])
        value = cycled(value, count) if np.size(layout(value)) != 1 else value
    where = place.locate(index)
    part = place.component()
    if part is not None:
        old = apply(GETITEM, (place.store.content,), {"index": where})
        value = value + 1j * np.imag(old) if part is np.real else np.real(old) + 1j * value
    place.store.write(rule, where, value)
    _keep_layout(target)


def prepare(target: Traced) -> None:
    """Make sure that ``target`` is an array that can be written to."""
    if not is_handle(target):
        if not isinstance(layout(target), np.ndarray):
            raise TypeError(f"'{type(layout(target)).__name__}' object does not support item assignment")
        activate(target)
    if target.mark.is_read_only():
        raise ValueError("assignment destination is read-only")


def overwrite(target: Traced, result: Any, casting: Any = "same_kind") -> Traced:
    """All of ``target`` takes over ``result``: ``+=``, ``out=``, sort."""
    result = contents(result)
    if result.shape != target.shape:
        result = _fitted(result, target)
    if result.dtype != target.dtype:
        # NumPy's own error when this is not allowed.
        np.copyto(np.empty(0, target.dtype), np.empty(0, result.dtype), casting=casting)
        result = result.astype(target.dtype)
    same = layout(result).strides == layout(target).strides  # an array keeps its memory order
    if not is_handle(target):
        if same and type(result) is Traced and target.value.shape and is_alone(target):
            target.level, target.value, target.mark = result.level, result.value, result.mark
            target.root = None
            return target
        activate(target)
    place = target.mark
    if place.parent is None and same:
        place.store.replace(result if type(result) is Traced else np.asarray(result))
        _keep_layout(target)
    else:
        setitem(target, Ellipsis, result)
    return target


def _keep_layout(target: Traced) -> None:
    """Forget the array whose memory order the handle shows, where the content has one of the same."""
    if target.mark.parent is None:
        model = layout(target.mark.store.content)
        if model is not target.value and model.strides == target.value.strides and type(model) is np.ndarray:
            target.value = model


def _fitted(result: Any, target: Traced) -> Any:
    """A smaller result fills a larger output; a larger one is NumPy's error."""
    try:
        return np.broadcast_to(result, target.shape)
    except ValueError:
        raise ValueError(f"non-broadcastable output operand with shape {target.shape} doesn't match the "
                         f"broadcast shape {result.shape}") from None


def has_identity(target: Traced) -> bool:
    """Whether the value is an array; of a number ``t += 1`` makes a new one."""
    return is_handle(target) or isinstance(layout(target), np.ndarray)


def cycled(values: Any, count: int) -> Any:
    """The first ``count`` values, starting over when they run out (``np.put`` and its kin)."""
    flat = np.reshape(array(values) if hasattr(array(values), "dtype") else np.asarray(values), (-1,))
    if flat.shape[0] == count:
        return flat
    return flat[np.arange(count) % flat.shape[0]]


def write_flat(target: Traced, entries: Any, values: Any) -> None:
    """Write at flat positions (C order) of the array; values start over when they run out."""
    prepare(target)
    places = target.mark.positions.reshape(-1)[entries]
    place = target.mark
    if place.component() is not None:
        raise MutationError("a real or imaginary part is written to by position", "x.real[index] = value")
    value = contents(cycled(values, places.size))
    if not place.store.shape:  # its one entry, written again and again
        places, value = places[-1:], value[-1:]
    place.store.write(SETITEM, unravel(places, place.store.shape), value)
    _keep_layout(target)


def flat(array: Traced) -> Any:
    """``array.flat``: a view of all entries in C order, whatever the memory layout."""
    if is_handle(array):
        return view(array, FLAT, (), {})
    result = FUNCTIONS[np.ravel](array)
    result = Traced(result.level, result.value, result.mark)
    if has_identity(array):
        link(result, array, FLAT, (), {})
    return result


def add_at(target: Traced, index: Any, value: Any) -> None:
    """``np.add.at``: repeated entries all count."""
    setitem(target, index, value, ADD_AT)


def ufunc_at(ufunc: np.ufunc, target: Any, index: Any, *operands: Any) -> None:
    """``ufunc.at(target, index, value)``: the ufunc applied in place, once for each time an entry is named."""
    if type(target) is not Traced:
        refuse_plain(f"np.{ufunc.__name__}.at")
    if ufunc in (np.add, np.subtract):
        value = array(operands[0])
        add_at(target, index, -np.asarray(value) if type(value) is not Traced and ufunc is np.subtract
               else -value if ufunc is np.subtract else value)
        return
    index = plain_index(index)
    places = np.asarray(np.arange(target.size).reshape(target.shape)[index])
    values = [np.reshape(np.broadcast_to(array(v), places.shape), (-1,)) for v in operands]
    places = places.reshape(-1)
    # The k-th round takes the k-th occurrence of each entry.
    order = np.argsort(places, kind="stable")
    ranked = places[order]
    rounds = np.empty(places.size, np.intp)
    rounds[order] = np.arange(places.size) - np.searchsorted(ranked, ranked)
    for number in range(int(rounds.max(initial=-1)) + 1):
        chosen = np.flatnonzero(rounds == number)
        entries = np.unravel_index(places[chosen], target.shape)
        setitem(target, entries, ufunc(target[entries], *(v[chosen] for v in values)))


def ufunc_out(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc with ``out=`` (and perhaps ``where=``)."""
    outs = kwargs.pop("out")
    if is_operand(outs[0], inputs) and is_ours_alone(outs, sys._getframe(2)):
        outs = (handle(outs[0], True),)  # z += t: the handle is what the name z is bound to
        inputs = (outs[0], *inputs[1:])
    casting = kwargs.get("casting", "same_kind")
    for out in outs:
        if out is not None and type(out) is not Traced:
            refuse_plain(f"np.{ufunc.__name__} with out=, as z += x is,")
        if out is not None and not has_identity(out):
            raise TypeError("return arrays must be of ArrayType")
    where = kwargs.pop("where", True)
    if where is not True:
        if len(outs) != 1 or method != "__call__":
            raise MutationError(f"np.{ufunc.__name__}.{method} with out= and where= is not differentiated")
        # Only what is wanted is computed: the entries left out can't poison the others.
        target = outs[0]
        mask = np.broadcast_to(np.asarray(plain_index(where)), target.shape)
        chosen = [v if np.ndim(layout(v)) == 0 else np.broadcast_to(v, target.shape)[mask]
                  for v in map(array, inputs)]
        overwritten = ufunc(*chosen, **kwargs)
        np.copyto(np.empty(0, target.dtype), np.empty(0, overwritten.dtype), casting=casting)
        setitem(target, mask, overwritten)
        return target
    results = getattr(ufunc, method)(*inputs, **kwargs)
    results = results if type(results) is tuple else (results,)
    done = tuple(result if out is None else overwrite(out, result, casting) for out, result in zip(outs, results))
    return done[0] if len(done) == 1 else done
