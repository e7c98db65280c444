"""What the functions of ``diffkit.scipy`` do with their arguments.

``falls_back(scipy's function)`` marks a definition that is asked only where an argument is
traced: any other call is SciPy's own.  The definition has SciPy's signature, so that an
unknown keyword is Python's TypeError.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import traced
from diffkit.buffers import contents
from diffkit.rules.calls import as_array, holds_traced
from diffkit.traced import array, is_traced

__all__ = ["falls_back", "of_floats", "prepared", "primal", "swap", "traced_among"]


def prepared(value: Any) -> Any:
    """An argument as an array, traced or plain: lists packed, arrays that were written to read."""
    return as_array(contents(array(value)))


def primal(value: Any) -> Any:
    """The plain value that SciPy is to see; inside a vmap the function is run again for each example."""
    at = value
    while is_traced(at):
        if at.level.is_batch:
            at.level.give_up("a function of SciPy's looks at the value of one example")
        at = at.value
    return traced.primal(value)


def of_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """A compiled routine as a row's function: symbols and exact numbers (object arrays) are refused."""
    @functools.wraps(function)
    def on_floats(*operands: Any, **params: Any) -> Any:
        if any(getattr(operand, "dtype", np.dtype(float)).kind == "O" for operand in operands):
            raise TypeError(f"{function.__name__} takes floats")
        return function(*operands, **params)

    return on_floats


def traced_among(args: Any, kwargs: Any) -> bool:
    """Whether any argument, or anything in lists and tuples of them, is traced."""
    return any(holds_traced(value) for value in args) or any(holds_traced(value) for value in kwargs.values())


def falls_back(original: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Use the definition for traced arguments, SciPy's function for all others."""
    def register(definition: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(definition)

        @functools.wraps(definition)
        def function(*args: Any, **kwargs: Any) -> Any:
            if traced_among(args, kwargs):
                return definition(*args, **kwargs)
            parameters.bind(*args, **kwargs)  # the same arguments, whether traced or not
            return original(*args, **kwargs)

        return function

    return register


def swap(a: Any) -> Any:
    """Transpose of each matrix."""
    return a.swapaxes(-1, -2)
