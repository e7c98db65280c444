"""What an array that is written to and its views share: the content, and who shows which part.

A derivative is of functions, and NumPy's programs write into arrays.  A ``Store`` holds a
content, which is an ordinary value (plain or traced): a write replaces it by
``SETITEM(content, value)``.  A ``Place`` says which part of the content an array shows, so
all views of one store see the write.

A content that nobody else holds is *owned* and updated in place, value and tangent, so n
writes cost O(n).  Whoever reads the whole takes the ownership away, and the next write
copies first; reading a piece copies the piece.
"""

from __future__ import annotations

import operator
import weakref
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from diffkit.buffers.squares import Squares
from diffkit.errors import MutationError, UnsupportedArgumentError
from diffkit.rules.kinds import Rule
from diffkit.rules.writing import in_place
from diffkit.traced import Traced, apply, layout

_WHOLE = slice(None)
_READ_ONLY = (np.diagonal, np.diag, np.broadcast_to, np.linalg.diagonal, sliding_window_view)


class Store:
    """The content that one array and its views share.

    ``owned`` says that nothing else refers to the content's arrays; ``version`` counts
    the writes, so that a view knows whether what it last read still holds.  ``squares`` is None
    but where roots were written (see ``rules.roots``).
    """

    __slots__ = ("content", "lent", "owned", "shape", "squares", "version")

    def __init__(self, content: Any, owned: bool) -> None:
        self.lent: weakref.ref[Any] | None = None
        self.squares: Squares | None = None
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
            if self.squares is not None:
                self.squares.note(self.content)
        return self.content

    def write(self, rule: Rule, index: Any, value: Any) -> None:
        """``content[index] = value`` (SETITEM) or ``+= value`` (ADD_AT)."""
        if self.lent is not None:
            self.check_lent()
        if self.squares is not None or _is_root(value) or _is_root(self.content):
            self.squares = (self.squares or Squares(self.share())).with_write(rule, index, value)
        if type(self.content) is not Traced and type(value) is not Traced:
            if not self.owned:
                self.content = np.array(self.content, order="K")
            in_place(rule, self.content, value, index)
        elif self.owned:
            self.content = write(self.content, index, value, rule)
        else:
            self.content = apply(rule, (self.content, value), {"index": index})
            if type(self.content) is Traced:
                self.content.root = None  # it may be written in place from now on
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
        self.squares = None
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


def _is_root(value: Any) -> bool:
    return type(value) is Traced and value.root is not None


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


def FLAT(a: Any) -> Any:
    """``a.flat``: all entries in C order, as an array."""
    return a.reshape(-1) if type(a) is not Traced else np.reshape(a, (-1,))
