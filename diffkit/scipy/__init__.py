"""SciPy's functions that do not dispatch, under SciPy's names and signatures.

The ufuncs of ``scipy.special`` need nothing of this: called on traced values they ask
diffkit by themselves.  Everything else of SciPy's converts its arguments to plain arrays,
which would lose the derivative; ``diffkit.scipy`` has the differentiable ones, by module.
A call without traced values is SciPy's own.

>>> import numpy as np, diffkit as dk
>>> from diffkit.scipy import stats
>>> dk.grad(lambda mu: np.sum(stats.norm.logpdf(np.array([1.0, 3.0]), mu)))(1.5)
np.float64(1.0)
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from diffkit.errors import require

if importlib.util.find_spec("scipy") is None:
    raise require("scipy", "scipy", "diffkit.scipy")

from diffkit.scipy.rules.differences import strict

_MODULES = ("integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "special", "stats")

__all__ = [*_MODULES, "strict"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'diffkit.scipy' has no attribute {name!r}")
    return importlib.import_module(f"diffkit.scipy.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
