"""diffkit: differentiate plain NumPy code four ways, and know that the answer is right.

>>> import numpy as np, diffkit as dk
>>> def f(x):
...     return np.sum(100 * (x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)
>>> dk.grad(f)(np.array([-1.2, 1.0]))
array([-215.6,  -88. ])

Every name is imported when it is first asked for: a gradient loads NumPy and nothing else,
and a tool that only looks whether diffkit is there (pytest, for its plugin) loads nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffkit import (
        candidates,
        errors,
        nn,
        numeric,
        optim,
        pitfalls,
        schedules,
        scipy,  # noqa: F401
        strategies,  # noqa: F401
        symbolic,
        testing,
        train,
        tree,
    )
    from diffkit.blame import explain, kinks
    from diffkit.comparison import Comparison, compare
    from diffkit.compiling import compile
    from diffkit.custom.black_box import black_box
    from diffkit.custom.checkpoint import checkpoint
    from diffkit.custom.implicit import implicit
    from diffkit.custom.loops import checkpointed_loop
    from diffkit.custom.rules import custom_jvp, custom_vjp
    from diffkit.transforms import (
        derivative,
        grad,
        hessian,
        hvp,
        jacobian,
        jvp,
        stop_gradient,
        taylor,
        value,
        value_and_grad,
        vjp,
    )
    from diffkit.transforms.mapping import vmap
    from diffkit.transforms.sparse import sparse_hessian, sparse_jacobian

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "black_box",
    "candidates",
    "checkpoint",
    "checkpointed_loop",
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
    "sparse_hessian",
    "sparse_jacobian",
    "stop_gradient",
    "symbolic",
    "taylor",
    "testing",
    "train",
    "tree",
    "value",
    "value_and_grad",
    "vjp",
    "vmap",
]

#: Public too, but a star import must not need SciPy and Hypothesis.
_NEEDING_MORE = ("scipy", "strategies")

#: Where each public name is; a name that is not here is a module of its own.
_HOMES = {
    "Comparison": "comparison",
    "black_box": "custom",
    "checkpoint": "custom",
    "checkpointed_loop": "custom",
    "compare": "comparison",
    "compile": "compiling",
    "custom_jvp": "custom",
    "custom_vjp": "custom",
    "derivative": "transforms",
    "explain": "blame",
    "grad": "transforms",
    "hessian": "transforms",
    "hvp": "transforms",
    "implicit": "custom",
    "jacobian": "transforms",
    "jvp": "transforms",
    "kinks": "blame",
    "sparse_hessian": "transforms.sparse",
    "sparse_jacobian": "transforms.sparse",
    "stop_gradient": "transforms",
    "taylor": "transforms",
    "value": "transforms",
    "value_and_grad": "transforms",
    "vjp": "transforms",
    "vmap": "transforms.mapping",
}


def __getattr__(name: str) -> Any:
    if name not in __all__ and name not in _NEEDING_MORE:
        raise AttributeError(f"module 'diffkit' has no attribute {name!r}")
    home = importlib.import_module(f"diffkit.{_HOMES.get(name, name)}")
    found = getattr(home, name) if name in _HOMES else home
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_NEEDING_MORE})
