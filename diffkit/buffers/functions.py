"""NumPy's functions called on traced values: the one gate, and the functions that write.

``call_function`` is where ``__array_function__`` and ndarray's methods arrive.  It reads
handles, so that rulebooks never meet one; a call whose arguments then hold nothing traced
is NumPy's own.  It connects views with what they are views of, and keeps apart what NumPy
would have copied.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.buffers.aliases import link
from diffkit.buffers.complaints import KINDS, raise_numpys_own
from diffkit.buffers.handles import BUFFERS, _Part, contents, fresh, view
from diffkit.buffers.store import FLAT
from diffkit.buffers.writes import overwrite, prepare, refuse_plain, setitem, write_flat
from diffkit.errors import UnsupportedArgumentError
from diffkit.refusals import unknown
from diffkit.rules.kinds import FUNCTIONS, Rule, answers
from diffkit.rules.roots import carry
from diffkit.rules.writing import SETITEM, in_order
from diffkit.traced import Traced, array, layout, plain_index

#: Functions that give a view of their first argument where NumPy can (else a copy).
VIEWS: set[Any] = {
    np.reshape, np.ravel, np.transpose, np.matrix_transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.squeeze,
    np.expand_dims, np.flip, np.fliplr, np.flipud, np.rot90, np.diagonal, np.diag, np.broadcast_to, np.split,
    np.array_split, np.hsplit, np.vsplit, np.dsplit, np.real, np.imag, np.real_if_close,
    np.atleast_1d, np.atleast_2d, np.atleast_3d, np.linalg.matrix_transpose, np.linalg.diagonal, FLAT,
    *(getattr(np, name) for name in ("unstack", "permute_dims") if hasattr(np, name))}
WRITERS: dict[Any, Callable[..., None]] = {}
#: Functions answered before handles are read (zeros_like and its kin, those of ``viewing``); they
#: say NotImplemented where the rule is wanted, or a plain array.
LIKES: dict[Any, Callable[..., Any]] = {}
#: What ``transforms.equalities`` wants to hear of: functions that ask whether values are equal.
QUESTIONS: dict[Any, Callable[[Any, Any, Any], None]] = {}
_out_positions: dict[Any, int] = {}
_ndarray = np.ndarray


def call_function(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NumPy's function ``func`` on arguments of which some may be traced."""
    if func in WRITERS:
        return WRITERS[func](*args, **kwargs)
    if func in LIKES:
        result = LIKES[func](*args, **kwargs)
        if result is not NotImplemented:
            return result
    position = _out_positions.get(func)
    if position is None:
        position = _out_positions[func] = _out_position(func)
    if position < len(args) or "out" in kwargs:
        out, args, kwargs = _without_out(position, args, kwargs)
        if out is not None:
            if type(out) is not Traced:
                raise UnsupportedArgumentError(f"np.{func.__name__} with out= is not differentiated where out is a "
                                               "plain array made outside", f"y = np.{func.__name__}(…)")
            return overwrite(out, call_function(func, args, kwargs))
    is_view = func in VIEWS
    if _holds_handle(args) or (kwargs and _holds_handle(tuple(kwargs.values()))):
        if is_view and len(args) == 1 and not kwargs and type(args[0]) is not Traced:
            return func(*args)
        first = args[0] if args else None
        if is_view and type(first) is Traced and first.level is BUFFERS:
            return view(first, func, tuple(_read(arg) for arg in args[1:]), {k: _read(v) for k, v in kwargs.items()})
        args = tuple(_read(arg) for arg in args)
        kwargs = {name: _read(value) for name, value in kwargs.items()}
        if not _holds_traced(args) and not _holds_traced(tuple(kwargs.values())):
            return fresh(func(*args, **kwargs))
    try:
        answer = FUNCTIONS[func]
    except KeyError:
        return unknown(func)
    if kwargs and isinstance(answer, Rule) and _holds_traced(tuple(kwargs.values())):
        args, kwargs = _by_position(func, args, kwargs)
    try:
        result = answer(*args, **kwargs)
    except KINDS as error:
        raise_numpys_own(func, args, kwargs, error)
        raise
    if func in QUESTIONS:
        QUESTIONS[func](args, kwargs, result)
    if is_view:
        return _connected(result, func, args, kwargs)
    kind = type(result)
    if kind is Traced:
        return _apart(result, args)
    if kind is list or kind is tuple:
        return kind(_apart(part, args) if type(part) is Traced else part for part in result)
    return result


def _by_position(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``np.argmax(a=x)`` as ``np.argmax(x)``: a row's operands are positional."""
    kwargs = dict(kwargs)
    for name, parameter in list(inspect.signature(func).parameters.items())[len(args):]:
        if not _holds_traced(tuple(kwargs.values())):
            break
        args = (*args, kwargs.pop(name, parameter.default))
    return args, kwargs


def _out_position(func: Any) -> int:
    """Where ``out`` stands among the positional parameters (very far if nowhere)."""
    try:
        names = [p.name for p in inspect.signature(func).parameters.values() if p.kind < p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        names = []
    return names.index("out") if "out" in names else 1 << 30


def _without_out(position: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if position < len(args):
        return args[position], (*args[:position], None, *args[position + 1:]), kwargs
    kwargs = dict(kwargs)
    out = kwargs.pop("out")
    return out[0] if type(out) is tuple and len(out) == 1 else out, args, kwargs


def _holds_handle(values: Any) -> bool:
    for value in values:
        kind = type(value)
        if kind is Traced:
            if value.level is BUFFERS:
                return True
        elif (kind is list or kind is tuple) and _holds_handle(value):
            return True
    return False


def _holds_traced(values: Any) -> bool:
    return any(type(value) is Traced or (type(value) in (list, tuple) and _holds_traced(value)) for value in values)


def _read(value: Any) -> Any:
    """The value with the content of handles in their place, in lists too."""
    kind = type(value)
    if kind is Traced:
        return contents(value)
    if kind in (list, tuple) and _holds_handle(value):
        return kind(_read(item) for item in value)
    return value


def _apart(result: Traced, args: tuple[Any, ...]) -> Traced:
    """A result that NumPy would have made anew, though its rule may give an argument or a part of one."""
    for arg in args:
        if arg is result:
            return _apart(Traced(result.level, result.value, result.mark), ())
    if getattr(result, "source", None) is not None:
        root = result.root
        result = Traced(result.level, result.value, result.mark)
        result.root = root
    value = result.value
    model = value if type(value) is _ndarray else layout(value)
    if value.shape and 0 in model.strides:  # broadcast: NumPy's would have memory of its own
        return in_order(result, "C")  # type: ignore[no-any-return]
    return result


def _connected(result: Any, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Views know what they are views of."""
    source = args[0] if args else None
    if type(source) is not Traced:
        return result
    if type(result) in (list, tuple):
        for number, part in enumerate(result):
            _connect(part, source, _Part(func, number), args[1:], kwargs)
    else:
        if func is np.ravel and type(result) is Traced and not layout(result).flags.contiguous:
            result = in_order(result, "C")  # a reshape could be a view of a reversed array, ravel is not
        _connect(result, source, func, args[1:], kwargs)
    return result


def _connect(result: Any, source: Traced, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if (type(result) is Traced and result is not source and getattr(result, "source", None) is None
            and isinstance(layout(result), np.ndarray)):
        link(result, source, func, args, kwargs)
        if source.root:
            carry(result, source, lambda y: func(y, *args, **kwargs))


# --- functions that write ------------------------------------------------------------------------

def _writer(fun: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function that writes into its first argument, which must be traced."""
    def register(definition: Callable[..., None]) -> Callable[..., None]:
        def write(target: Any, *args: Any, **kwargs: Any) -> None:
            if type(target) is not Traced:
                refuse_plain(f"np.{fun.__name__}")
            definition(target, *args, **kwargs)
        WRITERS[fun] = write
        answers(fun)(write)
        return definition
    return register


@_writer(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Entries of src where the condition holds."""
    if src is dst:
        return
    src = contents(array(src))
    if not hasattr(src, "dtype"):
        src = np.asarray(src)
    else:
        np.copyto(np.empty(0, dst.dtype), np.empty(0, src.dtype), casting=casting)
    if where is True:
        setitem(dst, Ellipsis, src)
    else:
        mask = np.broadcast_to(np.asarray(plain_index(array(where))), dst.shape)
        setitem(dst, mask, np.broadcast_to(src, dst.shape)[mask])


@_writer(np.put)
def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    """Write at flat positions."""
    entries = np.take(np.arange(a.size), np.asarray(plain_index(array(ind))), mode=mode).reshape(-1)
    if entries.size:
        write_flat(a, entries, v)


@_writer(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """The values, one after the other, where the mask holds."""
    entries = np.flatnonzero(np.asarray(plain_index(array(mask))))
    if entries.size:
        values = _as_array(vals)
        if values.size == 0:
            raise ValueError("Cannot insert from an empty array!")
        write_flat(arr, entries, values)


@_writer(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """The values of the same positions where the mask holds."""
    entries = np.flatnonzero(np.asarray(plain_index(array(mask))))
    if entries.size:
        values = np.reshape(_as_array(values), (-1,))
        write_flat(a, entries, values[entries % values.size])


@_writer(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """The main diagonal, of any number of dimensions."""
    mask = np.zeros(a.shape, bool)
    np.fill_diagonal(mask, True, wrap)
    write_flat(a, np.flatnonzero(mask), val)


@_writer(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """Write where ``take_along_axis`` would read."""
    places = np.arange(arr.size).reshape(arr.shape)
    places = np.take_along_axis(places, np.asarray(plain_index(array(indices))), axis)
    prepare(arr)
    setitem(arr, np.unravel_index(places, arr.shape), values, SETITEM)


def _as_array(value: Any) -> Any:
    value = array(value)
    return value if hasattr(value, "dtype") else np.asarray(value)
