"""Straka's two pseudo-codes, as they stand: forward propagation and simple back-propagation.

A program is a list of nodes in topological order.  The first ones are inputs; every other one is
``(function, local, parents)``: its value is ``function(*values of the parents)``, and ``local`` gives
the partial derivatives by each parent, which the notes assume known.  Nothing of diffkit is used, so
this is a reference beside ``grad``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Step", "backward", "forward"]

#: function, its partial derivatives, numbers of the parents.
Step = tuple[Callable[..., float], Callable[..., Sequence[float]], Sequence[int]]


def forward(inputs: Sequence[float], steps: Sequence[Step]) -> list[float]:
    """u[i] ← f[i](values of the parents), in order.

    >>> forward([3.0], [(lambda x: x * x, lambda x: [2 * x], [0])])
    [3.0, 9.0]
    """
    values = [float(x) for x in inputs]
    for function, _, parents in steps:
        values.append(function(*(values[j] for j in parents)))
    return values


def backward(inputs: Sequence[float], steps: Sequence[Step]) -> list[Any]:
    """g[n] = 1;  g[i] ← Σ over users j of i:  g[j] · ∂u[j]/∂u[i].  One gradient for every node.

    >>> backward([3.0], [(lambda x: x * x, lambda x: [2 * x], [0])])
    [6.0, 1.0]
    """
    values = forward(inputs, steps)
    gradients = [0.0] * len(values)
    gradients[-1] = 1.0
    for number in range(len(values) - 1, len(inputs) - 1, -1):
        _, local, parents = steps[number - len(inputs)]
        for parent, partial in zip(parents, local(*(values[j] for j in parents))):
            gradients[parent] += gradients[number] * partial
    return gradients
