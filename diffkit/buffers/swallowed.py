"""A refusal that the program caught: is what it went on with still the function?

``try: y = float(x)`` with ``except TypeError: y = x`` means the same function, traced or not, and its
derivative is right.  With ``except TypeError: y = 0`` it is another function, whose derivative
would be given without a word.  The refusal can't tell the two apart; the value can.  So where a run
ends well although something was refused in it, the function is called once more with plain numbers:
if it gives something else, the refusal is raised after all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.buffers.running import is_running
from diffkit.errors import UNHEARD
from diffkit.traced import Traced, primal


def forget() -> None:
    """This thread's last error came out, or is answered in another way."""
    UNHEARD.pop(threading.get_ident(), None)


def raise_if_it_matters(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Raise the refusal that ``f(*args, **kwargs)`` swallowed before it gave ``result``, unless f is still f.

    A transform inside another one leaves it to the outermost, whose arguments are all that is traced.
    """
    if is_running():
        return
    unheard = UNHEARD.pop(threading.get_ident(), None)
    if unheard is None or (not _is_batched((args, kwargs)) and _is_same(f, args, kwargs, result)):
        return
    kind, message, fields = unheard
    error = kind.__new__(kind, message)
    error.__dict__ = fields
    error.add_note("  The program caught this refusal and went on, and what it gave then is not what f gives.")
    raise error


def _is_batched(args: Any) -> bool:
    """Whether the values are those of many examples, with which f can't be called."""
    for value in tree.flatten(args)[0]:
        while type(value) is Traced:
            if value.level.is_batch:
                return True
            value = value.value
    return False


def _is_same(f: Callable[..., Any], args: Any, kwargs: Any, result: Any) -> bool:
    leaves, structure = tree.flatten(result)
    plain_args, plain_kwargs = tree.map(_plain, (args, kwargs))
    try:
        with np.errstate(all="ignore"):
            own_leaves, own_structure = tree.flatten(f(*plain_args, **plain_kwargs))
    except Exception:
        return False
    return bool(own_structure == structure and all(map(_is_close, own_leaves, map(primal, leaves))))


def _plain(leaf: Any) -> Any:
    value = primal(leaf)
    return value.copy() if type(value) is np.ndarray else value


def _is_close(own: Any, traced: Any) -> bool:
    own, traced = np.asarray(own), np.asarray(traced)
    if own.shape != traced.shape:
        return False
    if own.dtype.kind not in "fciub" or traced.dtype.kind not in "fciub":
        return bool(np.all(own == traced))
    size = np.max(np.abs(own[np.isfinite(own)]), initial=0.0)
    half = np.sqrt(np.finfo(own.dtype if own.dtype.kind in "fc" else float).eps)  # half of the digits: sums reordered
    return np.allclose(traced, own, rtol=0.0, atol=float(half * size), equal_nan=True)
