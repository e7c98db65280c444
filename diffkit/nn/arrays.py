"""How the network layer looks at values that may be traced.

Formulas use NumPy functions and operators alone.  The few questions beside them are here:
an array has a shape already (so nothing traced is ever converted), and only an ordinary
array may be asked for its numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.transforms import stop_gradient
from diffkit.transforms.leaving import is_recorded

__all__ = ["as_array", "is_plain", "largest", "like"]


def as_array(value: Any) -> Any:
    """Lists and numbers as arrays; arrays, traced ones too, as they are."""
    return value if hasattr(value, "shape") else np.asarray(value)


def is_plain(value: Any) -> bool:
    """Whether this is an ordinary NumPy array, whose numbers may be looked at (by comparison, inside ``compile``)."""
    return type(value) is np.ndarray or isinstance(value, np.generic) or is_recorded(value)


def largest(x: Any, axis: int) -> Any:
    """The maximum along an axis (kept), as a constant: for a shift on which the result does not depend."""
    return stop_gradient(x).max(axis=axis, keepdims=True)


def like(weights: Any, values: Any) -> Any:
    """Plain weights in the dtype of the values, so that float64 weights keep a float32 loss float32."""
    return weights.astype(values.dtype) if is_plain(weights) else weights
