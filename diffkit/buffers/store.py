"""Arrays that are written to, inside a running transform.

A derivative is of functions, and NumPy's programs write into arrays.  So an array that is
written to becomes a *handle*: a ``Traced`` of the level ``BUFFERS``, deeper than every
transform, whose mark says in which ``Store`` it lives and which part of it it shows.  The
store's content is an ordinary value (plain or traced); a read gives the content of now,
a write replaces it by ``SETITEM(content, value)``.  All handles of one store see the
write: that is NumPy's view semantics.

A content that nobody else holds is *owned* and updated in place, value and tangent, so n
writes cost O(n).  Whoever reads the whole takes the ownership away, and the next write
copies first; reading a piece copies the piece.
"""

from __future__ import annotations

import math
import operator
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.buffers.running import is_running
from diffkit.errors import MutationError, UnsupportedArgumentError
from diffkit.rules.indexing import GETITEM, _is_basic
from diffkit.rules.kinds import Rule
from diffkit.rules.writing import in_place
from diffkit.traced import Level, Traced, apply, layout

_WHOLE = slice(None)
_READ_ONLY = (np.diagonal, np.diag, np.broadcast_to, np.linalg.diagonal)


class BufferLevel(Level):
    """The level of all handles: it reads their content and lets the levels below act."""

    is_buffers = True

    def __init__(self) -> None:
        self.depth = math.inf  # type: ignore[assignment]

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if rule is GETITEM:
            return getitem(args[0], params["index"])
        return fresh(apply(rule, tuple(contents(arg) for arg in args), params))

    def concrete(self, traced: Traced, ask: Callable[[Any], Any]) -> Any:
        return ask(read(traced))

    def below(self, traced: Traced) -> Any:
        return read(traced)


BUFFERS = BufferLevel()


class Store:
    """The content that one array and its views share.

    ``owned`` says that nothing else refers to the content's arrays; ``version`` counts
    the writes, so that a view knows whether what it last read still holds.
    """

    __slots__ = ("content", "lent", "owned", "shape", "version")

    def __init__(self, content: Any, owned: bool) -> None:
        self.lent: weakref.ref[_Lent] | None = None
        self.content = content
        self.owned = owned
        self.shape = content.shape
        self.version = 0

    def share(self) -> Any:
        """The content for a reader that may keep it."""
        if self.owned:
            self.owned = False
            if type(self.content) is np.ndarray:
                self.content.flags.writeable = False  # so that a tape need not copy it
        return self.content

    def write(self, rule: Rule, index: Any, value: Any) -> None:
        """``content[index] = value`` (SETITEM) or ``+= value`` (ADD_AT)."""
        if self.lent is not None:
            self.check_lent()
        if type(self.content) is not Traced and type(value) is not Traced:
            if not self.owned:
                self.content = np.array(self.content, order="K")
            in_place(rule, self.content, value, index)
        elif self.owned:
            self.content = write(self.content, index, value, rule)
        else:
            self.content = apply(rule, (self.content, value), {"index": index})
        self.owned = True
        self.version += 1

    def check_lent(self) -> None:
        """A plain array made of this one (by C code, by an asarray bound early) would not see a write."""
        if self.lent is not None and self.lent() is not None:
            raise MutationError("an array is written to of which a plain array is still in use, which would not see "
                                "the write", "np.asarray(z) called as np.asarray, or z.copy() for the other use",
                                "from numpy import asarray, or an object of compiled code that keeps the array")
        self.lent = None

    def replace(self, content: Any) -> None:
        """All entries at once, by a new array of the same shape and dtype."""
        if self.lent is not None:
            self.check_lent()
        self.content = content
        self.owned = False
        self.version += 1


def write(a: Any, index: Any, value: Any, rule: Rule) -> Any:
    """``rule(a, value, index)``, done in place in ``a``, which the caller owns, where its level can.

    Interpreters that keep a's arrays for themselves (``Level.write``) return a new value.
    """
    top = a.level if type(a) is Traced else None
    if type(value) is Traced and (top is None or value.level.depth > top.depth):
        return apply(rule, (a, value), {"index": index})
    if top is not None:
        return top.write(rule, a, index, value, write)
    if type(a) is not np.ndarray:
        a = np.array(a)
    in_place(rule, a, value, index)
    return a


class Place:
    """Which part of a store a handle shows: all of it, or a view of another place.

    A view is stated as NumPy's own function of its parent.  Applied to the parent's
    content it reads; applied to the array of the parent's positions it says which entries
    of the store the view's entries are.
    """

    __slots__ = ("_positions", "args", "content", "function", "kwargs", "parent", "store", "version")

    def __init__(self, store: Store, parent: Place | None = None, function: Any = None, args: tuple[Any, ...] = (),
                 kwargs: dict[str, Any] | None = None, content: Any = None) -> None:
        self.store = store
        self.parent = parent
        self.function = function
        self.args = args
        self.kwargs = kwargs or {}
        #: What a view showed at that version of the store.
        self.content = content
        self.version = -1 if content is None else store.version
        self._positions: Any = None

    @property
    def positions(self) -> Any:
        """Positions in the store, in C order, laid out in memory as the content is."""
        if self._positions is None:
            if self.parent is not None and self.function in (np.real, np.imag):
                self._positions = self.parent.positions
            elif self.parent is not None:
                self._positions = self.function(self.parent.positions, *self.args, **self.kwargs)
            else:
                model = layout(self.store.content)
                self._positions = np.empty_like(model, np.intp, subok=False)
                self._positions[...] = np.arange(model.size).reshape(model.shape)
        return self._positions

    def is_item(self) -> bool:
        """Whether this is ``root[index]``, of one step."""
        return self.parent is not None and self.parent.parent is None and self.function is operator.getitem

    def locate(self, index: Any) -> Any:
        """The store's index for this place's index."""
        if self.parent is None:
            return index
        if index is Ellipsis or (type(index) is slice and index == _WHOLE):
            if self.is_item():
                return self.args[0]
            places = self.positions
        else:
            places = self.positions[index]
        return unravel(places, self.store.shape)

    def is_read_only(self) -> bool:
        """Whether NumPy would refuse to write here (a diagonal, a broadcast)."""
        place: Place | None = self
        while place is not None:
            if place.function in _READ_ONLY:
                return True
            place = place.parent
        return False

    def component(self) -> Any:
        """np.real or np.imag where this is a view of one part of complex numbers, else None."""
        if self.store.content.dtype.kind == "c":
            place: Place | None = self
            while place is not None:
                if place.function in (np.real, np.imag):
                    return place.function
                place = place.parent
        return None


def unravel(places: Any, shape: tuple[int, ...]) -> Any:
    """Flat positions as an index: integers for one position, arrays for many."""
    if not shape:  # an array without axes has one entry, and takes no index arrays
        if np.size(places) > 1:
            raise UnsupportedArgumentError("an array without axes is indexed with repeated entries", "one entry")
        return (None,) * np.ndim(places) if np.size(places) else np.False_
    if np.ndim(places) == 0:
        return tuple(int(i) for i in np.unravel_index(int(places), shape))
    return np.unravel_index(places, shape)


# --- handles ---------------------------------------------------------------------------------

def handle(content: Any, owned: bool = False) -> Traced:
    """A new array of this content, that nothing else shares."""
    return Traced(BUFFERS, layout(content), Place(Store(content, owned)))


def is_handle(value: Any) -> bool:
    """Whether a value is an array that has been (or may be) written to."""
    return type(value) is Traced and value.level is BUFFERS


class _Lent:
    """Keeps a content's memory for a plain array that was made of it, and knows how long that is in use."""

    __slots__ = ("__array_interface__", "__weakref__", "content")

    def __init__(self, content: Any) -> None:
        self.content = content
        self.__array_interface__ = content.__array_interface__


def lend(array: Traced, dtype: Any, copy: bool | None) -> Any:
    """``array.__array__()``: the content as a plain array, not to be written to, where nothing in it is traced."""
    content = read(array)
    if type(content) is Traced:
        return content.__array__(dtype, copy)
    if copy or (dtype is not None and np.dtype(dtype) != content.dtype) or type(content) is not np.ndarray:
        return np.array(content, dtype=dtype, copy=copy)
    lent = _Lent(content)
    array.mark.store.lent = weakref.ref(lent)
    return np.asarray(lent)


def contents(value: Any) -> Any:
    """The value without handles: the content of now for a handle, everything else as it is."""
    if type(value) is Traced and value.level is BUFFERS:
        return read(value)
    return value


def read(array: Traced) -> Any:
    """The content that a handle shows now; it will not change."""
    place = array.mark
    store = place.store
    if place.parent is None:
        return store.share()
    if place.version != store.version:
        if place.parent.parent is not None:
            content = apply(GETITEM, (store.content,), {"index": unravel(place.positions, store.shape)})
            part = place.component()
            content = content if part is None else part(content)
        elif place.function is operator.getitem:
            content = apply(GETITEM, (store.content,), {"index": place.args[0]})
        else:
            content = place.function(store.content, *place.args, **place.kwargs)
        if type(content) is Traced:
            content = Traced(content.level, content.value, content.mark)
        place.content = apart(content, store, _copy)
        place.version = store.version
    return place.content


def apart(content: Any, store: Store, copy: Callable[[Any], Any]) -> Any:
    """A piece read from the store, free of its memory where the store may be written in place."""
    if store.owned:
        content = copy(content)
    if type(content) is np.ndarray:
        content.flags.writeable = False
    return content


def _copy(content: Any) -> Any:
    if type(content) is Traced:
        return content.level.apart(content, _copy)
    return content.copy(order="K") if type(content) is np.ndarray else content


def _copy_view(content: Any) -> Any:
    """Index arrays have copied already."""
    if type(content) is Traced:
        return content.level.apart(content, _copy_view)
    return content.copy(order="K") if type(content) is np.ndarray and content.base is not None else content


def getitem(array: Traced, index: Any) -> Any:
    """``array[index]`` of a handle: a number, a copy (index arrays) or a view that stays connected."""
    place = array.mark
    store = place.store
    if not _is_basic(index) or names_one(index, array.value.shape):
        found = apply(GETITEM, (store.content,), {"index": place.locate(index)})
        part = place.component()
        found = found if part is None else part(found)
        return fresh(apart(found, store, _copy_view))
    return view(array, operator.getitem, (index,), {})


def names_one(index: Any, shape: tuple[int, ...]) -> bool:
    """Whether a basic index names one entry, which NumPy gives as a number and not as a view."""
    if type(index) is not tuple:
        return len(shape) == 1 and isinstance(index, (int, np.integer))
    return len(index) == len(shape) and all(isinstance(item, (int, np.integer)) for item in index)


def view(array: Traced, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``function(array, *args)`` of a handle for a function of NumPy's that gives views.

    What it gives may have to be a copy (``reshape`` of a transposed array), or several
    arrays (``split``): NumPy decides, on an array of the same memory layout.
    """
    model = layout(array)
    found = function(model, *args, **kwargs)
    if isinstance(found, (list, tuple)):
        parts = [view(array, _Part(function, number), args, kwargs) for number in range(len(found))]
        return type(found)(parts) if type(found) in (list, tuple) else found._make(parts)  # type: ignore[union-attr]
    if found is model:
        return array
    if function is FLAT:
        return view_of(array, function, args, kwargs, found)
    if not isinstance(found, np.ndarray) or not np.may_share_memory(found, model):
        result = function(read(array), *args, **kwargs)
        return Traced(result.level, result.value, result.mark) if type(result) is Traced else fresh(result)
    seen = view_of(array, function, args, kwargs, found)
    return handle(read(seen)) if array.mark.function is FLAT else seen


def view_of(array: Traced, function: Any, args: Any, kwargs: Any, model: Any) -> Traced:
    """The handle of a view; ``model`` is NumPy's view of the array's memory."""
    return Traced(BUFFERS, model, Place(array.mark.store, array.mark, function, args, kwargs))


class _Part:
    """One of several results of a function, as a function."""

    def __init__(self, function: Any, number: int) -> None:
        self.function = function
        self.number = number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)[self.number]


def FLAT(a: Any) -> Any:
    """``a.flat``: all entries in C order, as an array."""
    return a.reshape(-1) if type(a) is not Traced else np.reshape(a, (-1,))


def fresh(result: Any) -> Any:
    """A result of plain arrays as an array that may be written to; traced results as they are."""
    if type(result) is np.ndarray and result.dtype.kind in "fc" and is_running():
        return handle(result, result.base is None and result.flags.writeable)
    if type(result) in (list, tuple):
        return type(result)(fresh(item) for item in result)
    return result


def flags(value: Traced) -> Any:
    """NumPy's flags of an array of this memory order; changing them changes nothing."""
    model = layout(value)
    if not is_handle(value) or not isinstance(model, np.ndarray):
        return model.view().flags
    # The content may be locked for readers while the program may write to the array.
    return np.lib.stride_tricks.as_strided(np.empty(1, model.dtype), model.shape, model.strides,
                                           writeable=not value.mark.is_read_only()).flags


# --- an ordinary value that is written to ------------------------------------------------------

def link(result: Any, source: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Note that ``result`` is a view of ``source``: a later write to one must reach the other.

    It may turn out to be a copy (``ravel`` of a transposed array): NumPy is asked when one of them is written to.
    """
    result.source = (source, function, args, kwargs)
    try:
        views = source.views
    except AttributeError:
        source.views = views = []
    views.append(weakref.ref(result))
    count = len(views)
    if count >= 64 and not count & (count - 1):  # forget the views that are gone
        views[:] = [reference for reference in views if reference() is not None]


def activate(value: Traced) -> None:
    """Turn an ordinary value, what it is a view of and all their views into handles, in place."""
    while (source := getattr(value, "source", None)) is not None:
        if not _is_view(*source):
            del value.source
            break
        value = source[0]
    store = Store(Traced(value.level, value.value, value.mark), False)
    _connect(value, Place(store))


def _is_view(source: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether NumPy's function of an array like ``source`` shares its memory."""
    if getattr(source, "source", (None, None))[1] is FLAT:  # a.flat[2:4] is a copy
        return False
    if function is operator.getitem or function is FLAT:
        return True
    model = layout(source)
    return bool(np.may_share_memory(function(model, *args, **kwargs), model))


def _connect(value: Traced, place: Place) -> None:
    views = getattr(value, "views", ())
    model = layout(value)
    if place.function is FLAT:
        views = ()
    value.level, value.value, value.mark = BUFFERS, model, place
    for reference in views:
        seen = reference()
        if seen is None or getattr(seen, "source", (None,))[0] is not value:
            continue
        _, function, args, kwargs = seen.source
        shared = _is_view(model, function, args, kwargs)
        del seen.source
        if shared:
            now = Traced(seen.level, seen.value, seen.mark)
            _connect(seen, Place(place.store, place, function, args, kwargs, now))
    if views:
        del value.views


def is_alone(value: Traced) -> bool:
    """Whether an ordinary value is no view and has none that live."""
    return (getattr(value, "source", None) is None
            and all(reference() is None for reference in getattr(value, "views", ())))
