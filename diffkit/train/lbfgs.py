"""Minimise a loss on all rows at once by SciPy's L-BFGS-B: the quick way on small data.

SciPy sees one float64 vector; the loss sees its own containers and dtypes.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkit import tree
from diffkit.errors import require
from diffkit.train.faults import DivergedError, TrainingWarning
from diffkit.train.loop import Loss
from diffkit.train.position import copied
from diffkit.transforms import value_and_grad

__all__ = ["lbfgs"]


def lbfgs(loss: Loss, params: Any, data: tuple[Any, ...], iterations: int) -> tuple[Any, list[float]]:
    """The parameters after at most ``iterations`` iterations, and the loss after each of them.

    Ctrl-C is not raised: it ends the search with a warning, and the last iteration's parameters come out.
    Raises MissingPackageError without SciPy, DivergedError for a loss that is not finite at the start.

    >>> found, losses = lbfgs(lambda w: np.sum((w - 3.0)**2), np.zeros(2), (), 10)
    >>> found.round(6)
    array([3., 3.])
    """
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise require("scipy", "learn", 'solver="lbfgs"') from None
    leaves, structure = tree.flatten(copied(params))
    sizes = np.cumsum([leaf.size for leaf in leaves])[:-1]
    gradient = value_and_grad(loss)

    def container(vector: NDArray[Any]) -> Any:
        return tree.unflatten(structure, [part.reshape(leaf.shape).astype(leaf.dtype)
                                          for part, leaf in zip(np.split(vector, sizes), leaves)])

    def flat(container: Any) -> NDArray[Any]:
        return np.concatenate([np.asarray(leaf, float).reshape(-1) for leaf in tree.flatten(container)[0]])

    values: list[float] = []

    def function(vector: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        value, grads = gradient(container(vector), *data)
        if not values and not math.isfinite(value):
            raise DivergedError(f"the loss is {float(value)} at the start", "inputs that are scaled",
                                "NaN in the data", 0, None)
        values.append(float(value))
        return float(value), flat(grads)

    losses: list[float] = []
    reached = flat(params)

    def note(intermediate_result: Any) -> None:
        nonlocal reached
        losses.append(float(intermediate_result.fun))
        reached = intermediate_result.x.copy()

    try:
        with np.errstate(all="ignore"):  # the line search may step too far, and comes back
            reached = minimize(function, reached, jac=True, method="L-BFGS-B", callback=note,
                               options={"maxiter": iterations, "maxfun": 20 * iterations + 100, "gtol": 1e-6,
                                        "ftol": 1e-12}).x
    except KeyboardInterrupt:
        warnings.warn(f"interrupted; the weights are those of iteration {len(losses)}", TrainingWarning, stacklevel=2)
    return container(reached), losses
