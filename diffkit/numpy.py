"""NumPy's names, with diffkit's answers for traced values: ``import diffkit.numpy as np``.

Every name of numpy (and of ``linalg``, ``fft``, ``random``…) is here.  Creation functions
and functions that take lists are those that replace NumPy's own while a transform runs;
imported from here they need no replacing, so ``from diffkit.numpy import zeros`` at the top
of a module is right where ``from numpy import zeros`` would be refused at ``z[i] = t``.
Where no traced value is concerned, each is NumPy's function.

>>> import diffkit.numpy as np, diffkit as dk
>>> dk.grad(lambda t: np.linalg.norm([t, 2 * t]))(3.0) == 5**0.5
np.True_
>>> np.sin is __import__("numpy").sin
True
"""

from __future__ import annotations

import types
from typing import Any

import numpy

from diffkit.buffers import REPLACED, vectorize_call
from diffkit.buffers.creation import lister


class vectorize(numpy.vectorize):
    """``np.vectorize``, also of functions that meet traced values."""

    __call__ = vectorize_call


class _Names(types.ModuleType):
    """A module of NumPy's whose functions look into lists."""

    def __init__(self, module: types.ModuleType) -> None:
        super().__init__(module.__name__.replace("numpy", "diffkit.numpy", 1), module.__doc__)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = _answered(getattr(self._module, name))
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return dir(self._module)


def _answered(original: Any) -> Any:
    """What stands here for one of NumPy's names."""
    if isinstance(original, types.ModuleType):
        return _Names(original)
    if original is numpy.block:  # its lists say where arrays stand, and it looks into them itself
        return original
    is_function = callable(original) and not isinstance(original, (type, numpy.ufunc))
    return lister(original) if is_function and hasattr(original, "__name__") else original


def __getattr__(name: str) -> Any:
    if name.startswith("__") and name not in numpy.__all__:
        raise AttributeError(f"module 'diffkit.numpy' has no attribute {name!r}")
    found = REPLACED[name] if name in REPLACED else _answered(getattr(numpy, name))
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*dir(numpy), *__all__} - {"test"})


__all__ = [name for name in numpy.__all__ if name != "test"]
