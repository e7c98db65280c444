"""Whether a differentiated function is running in this thread, and NumPy's names meanwhile.

Creation has no protocol: ``np.zeros(n)`` and ``np.array([t, 1.0])`` never ask a traced
value.  So while a transform runs the user's function, attributes of the numpy module are
replaced (``REPLACED``), and put back when the last run ends: in a ``finally`` inside another
one, because Ctrl-C may come in the middle of the first.  Other threads see the replacements
too; these ask ``is_running`` first and are NumPy's own functions wherever no run is on the
stack.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

#: Attributes of the numpy module: what replaces them, and the originals.
REPLACED: dict[str, Any] = {}
ORIGINALS: dict[str, Any] = {}
#: The same of numpy.linalg's norm and of np.vectorize's call.
NORM: list[Any] = [np.linalg.norm, np.linalg.norm]
VECTORIZE: list[Any] = [np.vectorize.__call__, np.vectorize.__call__]

_names = np.__dict__
_linalg = np.linalg.__dict__
_depths: dict[int, int] = {}
_lock = threading.Lock()
_thread = threading.get_ident


def is_running() -> bool:
    """Whether a transform runs the user's function in this thread.

    A run is a plain call, so a thread says as much as a context variable: no other task
    of the thread can come in between.
    """
    return _thread() in _depths


def inside(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``f(*args, **kwargs)``, a function of the user's, with ``is_running()`` true."""
    thread = _thread()
    before = _depths.get(thread)
    try:
        try:
            _set(thread, 1 if before is None else before + 1)
            return f(*args, **kwargs)
        finally:
            _set(thread, before)
    finally:
        if _depths.get(thread) != before:
            _set(thread, before)


def _set(thread: int, depth: int | None) -> None:
    """How many runs are on a thread's stack; NumPy's names go with the first and the last of all."""
    if depth is not None and thread in _depths:
        _depths[thread] = depth
        return
    with _lock:
        if depth is None:
            if len(_depths) == (thread in _depths):  # no other thread
                _put(ORIGINALS, 1)
            _depths.pop(thread, None)  # last: an interrupted call shows, and is made again
        else:
            if not _depths:
                _put(REPLACED, 0)
            _depths[thread] = depth


def with_originals(f: Callable[[], None]) -> None:
    """Call f while NumPy's names mean NumPy's own functions in every thread: for imports that refer to them."""
    with _lock:
        if _depths:
            _put(ORIGINALS, 1)
        try:
            f()
        finally:
            if _depths:
                _put(REPLACED, 0)


def _put(names: dict[str, Any], which: int) -> None:
    _names.update(names)
    _linalg["norm"] = NORM[which]
    np.vectorize.__call__ = VECTORIZE[which]  # type: ignore[method-assign]


def plainly(f: Callable[..., Any], *args: Any) -> Any:
    """``f(*args)`` of plain arguments, as where no transform runs: for code that is looked at from outside only."""
    thread = _thread()
    depth = _depths.get(thread)
    if depth is None:
        return f(*args)
    try:
        _set(thread, None)
        return f(*args)
    finally:
        _set(thread, depth)
