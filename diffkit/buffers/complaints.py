"""NumPy's own error for a call that NumPy would not take.

A definition made of other functions fails in its own words (``dot`` in those of ``matmul``).
So where one fails, NumPy's function is asked, on plain arrays of the same shapes and types: what it
raises is the error; if it takes the call, the definition's own error stands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import DiffkitError, UnsupportedArgumentError
from diffkit.traced import Traced, layout

#: Errors that a wrong call of a function may have; refusals of diffkit's are not NumPy's to judge.
KINDS = (TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError, OverflowError)


def raise_numpys_own(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> None:
    """Raise what NumPy raises for this call; return where it takes the call."""
    if isinstance(error, DiffkitError) and not isinstance(error, UnsupportedArgumentError):
        return
    if _calls_back(args) or _calls_back(tuple(kwargs.values())) or kwargs.get("out") is not None:
        return
    try:
        with np.errstate(all="ignore"):
            func(*map(_plain, args), **{name: _plain(value) for name, value in kwargs.items()})
    except KINDS as own:
        raise own.with_traceback(None) from None
    except Exception:
        return


def _calls_back(values: Any) -> bool:
    """Whether a function of the user's is among the arguments: it is not run once more."""
    return any(_calls_back(value) if type(value) in (list, tuple) else callable(value) and not isinstance(value, type)
               for value in values)


def _plain(value: Any) -> Any:
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    return np.array(layout(value)) if type(value) is Traced else value
