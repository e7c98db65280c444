"""NumPy's creation functions, answered while a transform runs: an array made inside a
differentiated function can be filled with traced values, and lists may hold them.

Each replacement asks three things first: does a transform run in this thread; was it
called by the user's code (NumPy, SciPy, compiled code get what they expect); is the
result a new array of floating numbers.  If one is not so, NumPy's own answer is given.
Arrays of integers and truth values stay plain: they index, count and loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.buffers.callers import from_library, is_called_as
from diffkit.buffers.functions import LIKES
from diffkit.buffers.handles import contents, handle
from diffkit.buffers.running import is_running
from diffkit.errors import LostDerivativeError, UnsupportedArgumentError
from diffkit.rules.shapes import BROADCAST_TO
from diffkit.rules.writing import PACK, in_order
from diffkit.traced import SEQUENCES, Traced, holds_traced, layout

#: Types that are no sequences, to be told at a glance.
_ENTRIES = frozenset([Traced, np.ndarray, np.float64, float, int, bool, str, type(None)])


def made(result: Any, *given: Any) -> Any:
    """A new array of floating numbers as one that can be written to; anything else as it is."""
    if (type(result) is np.ndarray and result.dtype.kind in "fc" and result.base is None
            and not any(result is value for value in given)):
        return handle(result, True)
    if type(result) is tuple:
        return tuple(made(item) for item in result)
    return result


# --- arrays from what holds traced values -----------------------------------------------------

def listed(value: Any) -> Any:
    """Nested sequences as lists; lists and tuples as they are, where nothing else is in them."""
    kind = type(value)
    if kind is list or kind is tuple:
        return value if all(type(item) in _ENTRIES for item in value) else [listed(item) for item in value]
    if kind in _ENTRIES or not isinstance(value, SEQUENCES):
        return value
    return [listed(item) for item in value]


def pack(value: Any, dtype: Any = None) -> Any:
    """``np.array`` of nested lists that hold traced values."""
    value = listed(value)
    items: list[Any] = []
    shape = np.array(_model(value, items)).shape  # NumPy's own error where lists are not homogeneous
    shapes = {np.shape(layout(item)) for item in items}
    if len(shapes) == 1:
        inner = len(shapes.pop())
        return PACK(*items, shape=shape[:len(shape) - inner], dtype=dtype)
    # Arrays beside lists of numbers: the lists first.
    return pack([pack(part) if type(part) in (list, tuple) else part for part in value], dtype)


def _model(value: Any, items: list[Any]) -> Any:
    """The nested list with zeros in place of its items, which are appended to ``items``."""
    if type(value) in (list, tuple):
        return [_model(item, items) for item in value]
    value = contents(value)
    if type(value) is not Traced and np.asarray(value).dtype.kind not in "fcbiu":
        raise UnsupportedArgumentError(f"{type(value).__name__} and differentiated values in one array",
                                       "a list or a tuple, or numbers only")
    items.append(value)
    shape = np.shape(layout(value))
    return np.zeros(shape, np.int8) if shape else 0


def copied(value: Any, order: Any = "K") -> Any:
    """A new array of the same entries, that shares nothing with the old one."""
    content = contents(value)
    if type(content) is not Traced:
        return handle(np.array(content, order=order), True)
    own = Traced(content.level, content.value, content.mark)
    own.root = content.root
    return _laid_out(own, order)


def _laid_out(value: Any, order: Any) -> Any:
    """The value in C or Fortran order, if that is asked for and not so yet."""
    flags = getattr(layout(value), "flags", None)
    if flags is None or order not in ("C", "F") or (flags.c_contiguous if order == "C" else flags.f_contiguous):
        return value
    result = in_order(contents(value), order)
    return handle(result, True) if type(result) is np.ndarray else result


def _converted(value: Any, dtype: Any, copy: bool | None, order: Any, ndmin: int = 0) -> Any:
    """``np.array`` of a traced value or of a list that holds some."""
    if dtype is not None and np.dtype(dtype).kind not in "fcbiu":
        raise UnsupportedArgumentError(f"an array of dtype {np.dtype(dtype)} can't hold differentiated values",
                                       "a list, or an array of floats")
    is_list = type(value) is not Traced
    result = pack(value) if is_list else value
    if dtype is not None and result.dtype != np.dtype(dtype):
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        result = result.astype(dtype)
    elif copy is True and not is_list:
        result = copied(result)
    result = _laid_out(result, order)
    missing = ndmin - len(result.shape)
    return np.reshape(result, (1,) * missing + tuple(result.shape)) if missing > 0 else result


def _array(original: Any, object: Any, dtype: Any = None, *, copy: Any = True, order: Any = "K",
           subok: Any = False, ndmin: int = 0, like: Any = None) -> Any:
    return _converted(object, dtype, copy, order, ndmin)


def _asarray(original: Any, a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None,
             like: Any = None) -> Any:
    return _converted(a, dtype, copy, order)


def _ascontiguousarray(original: Any, a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    return _converted(a, dtype, None, "F" if original.__name__ == "asfortranarray" else "C", 1)


def _copy(original: Any, a: Any, order: Any = "K", subok: Any = False) -> Any:
    return _converted(a, None, True, order)


def _full(original: Any, shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", *, device: Any = None,
          like: Any = None) -> Any:
    value = _converted(fill_value, dtype, None, "K")
    return _filled(value, _shape(shape), order)


def _like(original: Any, a: Any, *args: Any, **kwargs: Any) -> Any:
    """zeros_like, ones_like, empty_like: a question of shape, dtype and memory layout only."""
    return made(original(_layout(a), *args, **kwargs))


def _full_like(original: Any, a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: Any = True,
               shape: Any = None, *, device: Any = None) -> Any:
    model = _layout(a)
    if type(model) in (list, tuple):
        model = np.asarray(model)
    if not holds_traced(fill_value):
        return made(original(model, fill_value, dtype=dtype, order=order, subok=subok, shape=shape, device=device))
    value = _converted(fill_value, dtype or model.dtype, None, "K")
    like_it = order == "F" or (order in "KA" and model.flags.f_contiguous and not model.flags.c_contiguous)
    return _filled(value, model.shape if shape is None else _shape(shape), "F" if like_it else "C")


def _filled(value: Any, shape: tuple[int, ...], order: str) -> Any:
    """Every entry the same; in memory of its own, so that its views are views."""
    return in_order(BROADCAST_TO(contents(value), shape=shape), order)


def _shape(shape: Any) -> tuple[int, ...]:
    """A shape argument as a tuple."""
    return tuple(np.atleast_1d(shape).tolist())


def _layout(value: Any) -> Any:
    if type(value) in (list, tuple):
        return [_layout(item) for item in value]
    return layout(value)


def _arange(original: Any, *args: Any, dtype: Any = None, device: Any = None, like: Any = None,
            **named: Any) -> Any:
    """Counted by the values of the ends (a path condition), linear in start and step."""
    names = ("start", "stop", "step")
    given = dict(zip(("stop",) if len(args) == 1 else names, args)) | named
    start, stop, step = given.get("start", 0), given["stop"], given.get("step", 1)
    count = int(np.ceil((stop - start) / step))
    delta = (start + step) - start  # as NumPy does it: the second number less the first
    result = start + np.arange(max(count, 0)) * delta
    return result if dtype is None else result.astype(dtype)


def _fromiter(original: Any, iter: Any, dtype: Any, count: int = -1, *, like: Any = None) -> Any:
    return _converted(list(iter) if count < 0 else list(iter)[:count], dtype, None, "K")


def _dispatched(original: Any, *args: Any, **kwargs: Any) -> Any:
    """A function that has an answer for traced values once its lists are arrays."""
    args = tuple(pack(arg) if type(arg) is not Traced and holds_traced(arg) else arg for arg in args)
    kwargs = {name: pack(arg) if type(arg) is not Traced and holds_traced(arg) else arg
              for name, arg in kwargs.items()}
    return original(*args, **kwargs)


def _item_by_item(original: Any, *args: Any, **kwargs: Any) -> Any:
    """The same of a function of lists of arrays (``hstack``, ``select``), whose shapes may differ."""
    def packed(arg: Any) -> Any:
        if type(arg) is Traced or not holds_traced(arg):
            return arg
        return [pack(item) if type(item) is not Traced and holds_traced(item) else item for item in arg]
    return original(*map(packed, args), **{name: packed(arg) for name, arg in kwargs.items()})


def _no_derivative(original: Any, *args: Any, **kwargs: Any) -> Any:
    raise LostDerivativeError(f"np.{original.__name__} of a differentiated value would lose its derivative",
                              "plain numbers there: dk.value(x), or a shape")


_ANSWERS: dict[str, Callable[..., Any]] = {
    "array": _array, "asarray": _asarray, "asanyarray": _asarray, "ascontiguousarray": _ascontiguousarray,
    "asfortranarray": _ascontiguousarray, "copy": _copy, "zeros": _no_derivative, "ones": _no_derivative,
    "empty": _no_derivative, "eye": _no_derivative, "identity": _no_derivative,
    "full": _full, "zeros_like": _like, "ones_like": _like, "empty_like": _like, "full_like": _full_like,
    "arange": _arange, "linspace": _dispatched, "fromiter": _fromiter, "diag": _dispatched,
}


def creator(original: Any) -> Callable[..., Any]:
    """NumPy's creation function, answered by diffkit where a transform runs."""
    name = original.__name__
    answer = _ANSWERS[name]

    @functools.wraps(original)
    def create(*args: Any, **kwargs: Any) -> Any:
        if not is_running() or from_library(1) or not is_called_as(name, 1):
            return original(*args, **kwargs)
        if holds_traced(args) or (kwargs and holds_traced(tuple(kwargs.values()))):
            return answer(original, *args, **kwargs)
        if answer is _fromiter:
            items = list(args[0] if args else kwargs.pop("iter"))
            if holds_traced(items):
                return answer(original, items, *args[1:], **kwargs)
            args = (items, *args[1:])
        return made(original(*args, **kwargs), *args[:1])

    return create


def lister(original: Any) -> Callable[..., Any]:
    """A function of NumPy's that takes lists without asking what is in them."""
    answer = _item_by_item if original in _OF_LISTS else _dispatched

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        for arg in (*args, *kwargs.values()) if kwargs else args:
            if type(arg) not in _ENTRIES:
                break
        else:  # what is traced will be asked
            return original(*args, **kwargs)
        if is_running() and (holds_traced(args) or holds_traced(tuple(kwargs.values()))):
            return answer(original, *args, **kwargs)
        return original(*args, **kwargs)

    return call


def _like_dispatched(func: Any) -> Callable[..., Any]:
    """``zeros_like`` and its kin dispatch, so they are answered where they were bound before the trace too."""
    def answer(*args: Any, **kwargs: Any) -> Any:
        if is_running() and not from_library(3):
            return _ANSWERS[func.__name__](func, *args, **kwargs)
        return NotImplemented
    return answer


LIKES.update({func: _like_dispatched(func) for func in (np.zeros_like, np.ones_like, np.empty_like, np.full_like)})


# --- what is replaced while a transform runs ----------------------------------------------------

#: Functions of lists of arrays.
_OF_LISTS = (np.concatenate, np.stack, np.hstack, np.vstack, np.dstack, np.column_stack, np.select, np.choose,
             np.linalg.multi_dot)
#: NumPy's functions that take a list without asking what is in it.
LISTERS = ("sum", "mean", "std", "var", "max", "min", "prod", "dot", "median", "cumsum", "outer")
CREATORS: tuple[str, ...] = tuple(_ANSWERS)
