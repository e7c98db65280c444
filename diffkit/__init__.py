"""diffkit: differentiate plain NumPy code four ways, and know that the answer is right.

>>> import numpy as np, diffkit as dk
>>> def f(x):
...     return np.sum(100 * (x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)
>>> dk.grad(f)(np.array([-1.2, 1.0]))
array([-215.6,  -88. ])

Only what differentiates by rules is imported here; SymPy, the comparison, networks and
optimizers are imported at their first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from diffkit import errors, tree
from diffkit.transforms import (
    derivative,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value,
    value_and_grad,
    vjp,
)

if TYPE_CHECKING:
    from diffkit import candidates, nn, numeric, optim, pitfalls, schedules, scipy, strategies, symbolic, testing
    from diffkit.blame import explain, kinks
    from diffkit.comparison import Comparison, compare
    from diffkit.compiling import compile
    from diffkit.custom import black_box, checkpoint, custom_jvp, custom_vjp, implicit

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "black_box",
    "candidates",
    "checkpoint",
    "compare",
    "compile",
    "custom_jvp",
    "custom_vjp",
    "derivative",
    "errors",
    "explain",
    "grad",
    "hessian",
    "hvp",
    "implicit",
    "jacobian",
    "jvp",
    "kinks",
    "nn",
    "numeric",
    "optim",
    "pitfalls",
    "schedules",
    "stop_gradient",
    "symbolic",
    "testing",
    "tree",
    "value",
    "value_and_grad",
    "vjp",
]

#: Public names that are imported when they are first asked for.
_LAZY = {
    "Comparison": "diffkit.comparison",
    "black_box": "diffkit.custom",
    "candidates": "",
    "checkpoint": "diffkit.custom",
    "compare": "diffkit.comparison",
    "compile": "diffkit.compiling",
    "custom_jvp": "diffkit.custom",
    "custom_vjp": "diffkit.custom",
    "explain": "diffkit.blame",
    "implicit": "diffkit.custom",
    "kinks": "diffkit.blame",
    "nn": "",
    "numeric": "",
    "optim": "",
    "pitfalls": "",
    "schedules": "",
    # Not in __all__: they need SciPy and Hypothesis, and a star import must not.
    "scipy": "",
    "strategies": "",
    "symbolic": "",
    "testing": "",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'diffkit' has no attribute {name!r}")
    if _LAZY[name]:
        found = getattr(importlib.import_module(_LAZY[name]), name)
    else:
        found = importlib.import_module(f"diffkit.{name}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
