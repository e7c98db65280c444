"""The table: what a row is, all rows by name, and who answers for NumPy's functions.

The kinds of row, and the words in which rulebooks are written, are in ``kinds``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Array = Any          # an ndarray, a NumPy scalar, or a traced value that stands for one
Params = Mapping[str, Any]

#: Every row by name, in the order of the rulebooks.
TABLE: dict[str, Rule] = {}


class Answers(dict[Any, Callable[..., Any]]):
    """What NumPy hands us (ufuncs and functions) -> the callable that answers it.

    A question without an answer has the families imported that are not there yet.
    """

    #: Set by ``diffkit.rules`` until all families are there.
    complete: Callable[[], None] | None = None

    def __missing__(self, key: Any) -> Callable[..., Any]:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found  # type: ignore[no-any-return]

    def get(self, key: Any, default: Any = None) -> Any:
        found = dict.get(self, key)
        if found is None and self.complete is not None:
            self.complete()
            found = dict.get(self, key)
        return default if found is None else found


FUNCTIONS = Answers()

#: Functions without a derivative, on purpose: the reason, and what to write instead.
REFUSED: dict[Any, tuple[str, str]] = {}



def apply(rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """A row on plain arguments; ``diffkit.traced`` puts its own in place of this, which knows the others."""
    return rule.fun(*args, **params)


class Rule:
    """One row of the table.

    Attributes
    ----------
    name : str
        NumPy's name, unique in the table.
    call : callable
        The function on values, traced ones included.
    symbol : str or None
        SymPy's spelling with the argument names ``x, y, z``; parsed lazily elsewhere.
    domain : tuple
        One domain for each argument: where the self-test and strategies may sample.
    pinned : dict
        Points (a number, or a tuple of arguments) and the partials the row promises there.
    outputs : int or None
        Number of results of a function with several, else None.
    """

    kind = ""
    is_flat = False
    __slots__ = ("call", "domain", "fun", "name", "outputs", "pinned", "special", "symbol")

    def __init__(self, fun: Callable[..., Any], name: str = "", symbol: str | None = None,
                 domain: Sequence[Any] = (), pinned: Mapping[Any, Any] | None = None,
                 call: Callable[..., Any] | None = None, outputs: int | None = None) -> None:
        self.fun = fun
        self.name = name or fun.__name__
        self.call = call or self
        self.symbol = symbol
        self.domain = tuple(domain)
        self.pinned = dict(pinned or {})
        self.outputs = outputs
        #: How a traced value is to call it, if there is more to do than to apply the row (see ``roots``).
        self.special: Callable[..., Any] | None = None
        if self.name in TABLE:
            raise ValueError(f"two rows are called {self.name!r}")
        TABLE[self.name] = self

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Evaluate, letting a traced argument take the call over."""
        return apply(self, args, params)

    def __repr__(self) -> str:
        return f"<{self.kind} rule {self.name}>"

    def save(self, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Any:
        """What ``pull`` will read of the result and the arguments: the rest is freed early."""
        return y, args

    def reads(self, position: int, active: tuple[int, ...]) -> bool:
        """Whether ``pull`` for the active arguments reads the value of this argument."""
        return True

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Params) -> Any:
        """Tangent of the result; ``None`` among the tangents is a structural zero."""
        raise NotImplementedError

    def pull(self, g: Any, saved: Any, params: Params, active: tuple[int, ...]) -> Sequence[Any]:
        """Cotangents of the ``active`` arguments, in their order.

        They may still have the result's shape or dtype: the sweep conforms them to the
        argument (``conform``).
        """
        raise NotImplementedError


#: By a name of its own: NumPy is a module with a ``__getattr__``, in which CPython looks up anew each time.
_ndarray, _add = np.ndarray, np.add.reduce
#: The first axes, so many as a number says.
_LEADING = [tuple(range(count)) for count in range(5)]


def conform(value: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Bring a (co)tangent to its primal's shape and dtype.

    Broadcasting's adjoint is a sum, and a real value has a real cotangent: axes that
    broadcasting added are summed, an imaginary part is dropped, precision returns to
    the primal's.
    """
    found = value.shape
    if found != shape:
        extra = len(found) - len(shape)
        if 0 < extra <= 4 and type(value) is _ndarray and found[extra:] == shape:
            value = _add(value, axis=_LEADING[extra])
        elif extra < 0:
            value = np.broadcast_to(value, shape)
        else:
            axes = tuple(range(extra))
            if found[extra:] != shape:
                axes += tuple([i + extra for i, n in enumerate(shape) if n == 1 and found[i + extra] != 1])
            if axes:  # for arrays what np.sum comes to; kept where there is no axis more than wanted
                total: Any = _add if type(value) is _ndarray else np.sum
                value = total(value, axis=axes, keepdims=extra == 0)
            if value.shape != shape:
                size = 1
                for n in shape:
                    size *= n
                if value.size == size:
                    value = np.reshape(value, shape)
                else:  # a cotangent that was never broadcast up (a scalar partial's)
                    value = np.broadcast_to(value, shape)
    if value.dtype != dtype:
        if value.dtype.kind == "c" and dtype.kind != "c":
            value = np.real(value)
        if value.dtype != dtype:
            value = value.astype(dtype)
    return value
