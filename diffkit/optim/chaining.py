"""New optimizers from parts and optimizers, one after the other."""

from __future__ import annotations

import dataclasses

from diffkit.optim.faults import OptimizerError
from diffkit.optim.optimizer import Optimizer
from diffkit.optim.parts import Part

__all__ = ["Chain", "chain"]


@dataclasses.dataclass(frozen=True)
class Chain(Optimizer):
    """Parts in a row, as an optimizer.  Made by :func:`chain`."""

    links: tuple[Part, ...]

    def parts(self) -> tuple[Part, ...]:
        return self.links


def chain(*items: Part | Optimizer) -> Optimizer:
    """Parts and optimizers one after the other: ``chain(ClipGlobalNorm(1.0), Adam(1e-3))``.

    What the last one returns is added to the parameters.  Raises OptimizerError for anything
    that is neither.

    >>> import numpy as np
    >>> from diffkit.optim import SGD, ClipGlobalNorm
    >>> opt = chain(ClipGlobalNorm(1.0), SGD(1.0))
    >>> opt.update([np.array([3.0, 4.0])], opt.init([np.zeros(2)]), [np.zeros(2)])[0]
    [array([-0.6, -0.8])]
    """
    parts: list[Part] = []
    for item in items:
        if isinstance(item, Optimizer):
            parts += item.parts()
        elif isinstance(item, Part):
            parts.append(item)
        else:
            raise OptimizerError(f"chain was given {item!r}",
                                 "parts (ClipGlobalNorm(1.0)) and optimizers (Adam(1e-3))")
    if any(getattr(part, "must_be_last", False) for part in parts[:-1]):
        raise OptimizerError("an average must be the last link of a chain",
                             "average(chain(...)): the iterates are averaged after everything else")
    return Chain(tuple(parts))
