"""``checked``: a function that says where its gradient is to be checked.

The mark is data on the function; the function itself is handed back as it is, so that
marking costs nothing when the program runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from diffkit.arguments import Argnums

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MARK = "__diffkit_checks__"


@dataclasses.dataclass(frozen=True)
class Check:
    """One point at which a function's gradient is to be checked, and how."""

    at: Any
    order: int = 2
    methods: tuple[Any, ...] = ()
    argnums: Argnums | None = None

    @property
    def arguments(self) -> tuple[Any, ...]:
        """f's arguments: ``at`` itself if it is a tuple, what it returns if it is a function."""
        at = self.at() if callable(self.at) else self.at
        return at if isinstance(at, tuple) else (at,)


def checked(at: Any, *, order: int = 2, methods: Sequence[Any] | Callable[..., Any] = (),
            argnums: Argnums | None = None) -> Callable[[_Function], _Function]:
    """Mark a function for ``diffkit check``; it may be marked at several points.

    Parameters
    ----------
    at : tuple, object, or callable
        The arguments; anything but a tuple is the only argument; a function is called for them.
    order, methods, argnums
        As :func:`check_gradients` takes them.

    Examples
    --------
    >>> import numpy as np
    >>> @checked(at=np.array([0.3, 1.2]))
    ... @checked(at=lambda: np.ones(3), order=1)
    ... def energy(x):
    ...     return np.sum(x**3)
    >>> [check.order for check in checks_of(energy)]
    [1, 2]
    """
    given = (methods,) if callable(methods) or isinstance(methods, str) else tuple(methods)

    def mark(f: _Function) -> _Function:
        setattr(f, _MARK, (*getattr(f, _MARK, ()), Check(at, order, given, argnums)))
        return f

    return mark


def checks_of(f: Any) -> tuple[Check, ...]:
    """The checks a function was marked with; a function with a ``point`` of its own (as for
    ``diffkit compare``) has one."""
    found: tuple[Check, ...] = getattr(f, _MARK, ())
    if not found and hasattr(f, "point") and callable(f):
        return (Check(f.point, argnums=getattr(f, "argnums", 0)),)
    return found
