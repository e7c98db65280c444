"""The parameters as the loop holds them: one vector, and the caller's containers as views of it.

An optimizer joins gradients into one long vector before it computes; where all parameters
have one dtype the loop can keep them joined from the start, so that a step has one array to
look at instead of twenty.  The loss sees the same numbers in its own containers.  Elementwise
arithmetic does not notice, so the result is the same to the last bit.

Several dtypes, containers of other kinds and masks (which ask about leaves) are held as they
are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit import tree
from diffkit.optim import Optimizer
from diffkit.train.finite import leaves_of
from diffkit.train.position import copied

__all__ = ["Holding"]


class Holding:
    """Own copies of ``params``: ``params`` is what the loss sees, ``held`` what the optimizer moves."""

    def __init__(self, params: Any, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        leaves, self._structure = tree.flatten(params)
        dtypes = {leaf.dtype if type(leaf) is np.ndarray else None for leaf in leaves}
        masked = any(getattr(part, "mask", None) is not None for part in optimizer.parts())
        self.joined = len(dtypes) == 1 and next(iter(dtypes)) in (np.float64, np.float32) and not masked
        self.held: Any
        if self.joined:
            self._shapes = [leaf.shape for leaf in leaves]
            self._ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
            self._show(np.concatenate([leaf.reshape(-1) for leaf in leaves]))
        else:
            self.held = self.params = copied(params)

    def spread(self, point: Any) -> Any:
        """A point of the optimizer in the caller's containers (views)."""
        if not self.joined:
            return point
        parts = np.split(point, self._ends)
        return tree.unflatten(self._structure, [part.reshape(shape) for part, shape in zip(parts, self._shapes)])

    def join(self, grads: Any) -> Any:
        """A gradient (of a shape with ``params``) as the optimizer takes it."""
        if not self.joined:
            return grads
        return np.concatenate([leaf.reshape(-1) for leaf in leaves_of(grads)])

    def step(self, joined: Any, state: dict[str, Any]) -> dict[str, Any]:
        """Let the optimizer move the parameters by a gradient of :meth:`join`'s, which it uses up; its new state."""
        if not self.joined:
            self.held, state = self._optimizer.step(self.held, joined, state, check=False, donate=True)
            self.params = self.held
            return state
        self.held.flags.writeable = True
        try:
            held, state = self._optimizer.step(self.held, joined, state, check=False, donate=True, donate_grads=True)
        finally:
            self.held.flags.writeable = False
        if held is not self.held:
            self._show(held)
        return state

    def _show(self, held: Any) -> None:
        """Take ``held`` and show it to the loss: in views, read-only, so that a gradient need not copy them."""
        held.flags.writeable = False
        self.held, self.params = held, self.spread(held)
