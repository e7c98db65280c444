"""Losses for numbers: how far a prediction is from what was measured.

Every loss is called ``loss(pred, target, *, sample_weight=None, reduction="mean")`` and is
plain NumPy on possibly traced values.  What is common to all stands in :func:`reduced`:

    "none"   one number an example (an element for elementwise losses), times its weight
    "sum"    their sum
    "mean"   their mean; with weights the weighted mean Σwℓ/Σw, so that doubling all weights
             changes nothing, and a weight of 2 is the same as the row twice

Sources: torch.nn.functional (values agree); the lecture notes for ½-MSE.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from diffkit.errors import ShapeError
from diffkit.nn.arrays import as_array, is_plain, like
from diffkit.nn.faults import LayerError, check_same_shape

__all__ = ["Reduction", "gaussian_nll", "half_mse", "hinge", "huber", "mae", "mse", "poisson_nll", "reduced"]

Reduction = Literal["mean", "sum", "none"]


def reduced(owner: str, losses: Any, sample_weight: Any, reduction: str) -> Any:
    """Weight the losses (first axis: examples) and reduce them.

    Raises ShapeError for weights that are not one number an example, LayerError for another word.
    """
    if reduction not in ("mean", "sum", "none"):
        raise LayerError(f"{owner}: reduction={reduction!r}", '"mean", "sum" or "none"')
    count = math.prod(losses.shape)
    if count == 0 and reduction == "mean":
        raise ShapeError(f"{owner}: the mean of no examples (losses of shape {losses.shape})",
                         "at least one row", "an empty minibatch or an empty validation set")
    if sample_weight is not None:
        sample_weight = as_array(sample_weight)
        if losses.ndim == 0 or sample_weight.shape != losses.shape[:1]:
            raise ShapeError(f"{owner}: sample_weight has shape {sample_weight.shape}, losses {losses.shape}",
                             f"one weight an example: shape {losses.shape[:1]}")
        sample_weight = like(sample_weight, losses)
        losses = losses * sample_weight.reshape(losses.shape[:1] + (1,) * (losses.ndim - 1))
    if reduction == "none":
        return losses
    if reduction == "sum":
        return np.sum(losses)
    if sample_weight is None:
        return np.mean(losses)
    # A weight counts once for each column of its row.
    return np.sum(losses) / (np.sum(sample_weight) * (count // losses.shape[0]))


def _pair(owner: str, pred: Any, target: Any) -> tuple[Any, Any]:
    pred, target = as_array(pred), as_array(target)
    check_same_shape(owner, pred, target)
    return pred, target


def mse(pred: Any, target: Any, *, sample_weight: Any = None, reduction: Reduction = "mean") -> Any:
    """(pred − target)².  Any shape, the same for both (ShapeError).

    >>> float(mse([1.0, 2.0], [1.0, 4.0]))
    2.0
    """
    pred, target = _pair("mse", pred, target)
    difference = pred - target
    return reduced("mse", difference * difference, sample_weight, reduction)


def half_mse(pred: Any, target: Any, *, sample_weight: Any = None, reduction: Reduction = "mean") -> Any:
    """½(pred − target)², whose gradient is the difference itself.

    >>> float(half_mse([1.0, 2.0], [1.0, 4.0]))
    1.0
    """
    return 0.5 * mse(pred, target, sample_weight=sample_weight, reduction=reduction)


def mae(pred: Any, target: Any, *, sample_weight: Any = None, reduction: Reduction = "mean") -> Any:
    """abs(pred − target); the derivative at equality is 0.

    >>> float(mae([1.0, 2.0], [1.0, 4.0]))
    1.0
    """
    pred, target = _pair("mae", pred, target)
    return reduced("mae", np.abs(pred - target), sample_weight, reduction)


def huber(pred: Any, target: Any, delta: float = 1.0, *, sample_weight: Any = None,
          reduction: Reduction = "mean") -> Any:
    """½d² where abs(d) ≤ delta, else delta·(abs(d) − ½delta), d = pred − target (Huber 1964).

    Raises LayerError unless delta > 0.

    >>> huber([0.5, 3.0], [0.0, 0.0], reduction="none")
    array([0.125, 2.5  ])
    """
    if not delta > 0:
        raise LayerError(f"huber: delta={delta!r}", "delta > 0")
    pred, target = _pair("huber", pred, target)
    difference = pred - target
    # One formula for both branches: with c = d limited to ±delta it is c·(d − c/2), and a
    # large d is never squared.
    limited = np.minimum(np.maximum(difference, -delta), delta)
    return reduced("huber", limited * (difference - 0.5 * limited), sample_weight, reduction)


def gaussian_nll(mean: Any, target: Any, var: Any, *, eps: float = 1e-6, sample_weight: Any = None,
                 reduction: Reduction = "mean") -> Any:
    """½(log v + (mean − target)²/v), v = max(var, eps), without the constant ½ log 2π.

    ``var`` is a number or has the shape of ``mean``.  LayerError for a negative one.
    Where var < eps the derivative by var is 0.

    >>> float(gaussian_nll([0.0], [2.0], 4.0).round(6))
    1.193147
    """
    mean, target = _pair("gaussian_nll", mean, target)
    var = as_array(var)
    if var.shape != ():
        check_same_shape("gaussian_nll", mean, var, "var")
    if is_plain(var) and (var < 0).any():
        raise LayerError("gaussian_nll: var is negative", "a variance: softplus(output), or exp(output)")
    v = np.where(var < eps, eps, var)
    difference = mean - target
    losses = 0.5 * (np.log(v) + difference * difference / v)
    return reduced("gaussian_nll", losses, sample_weight, reduction)


def poisson_nll(lograte: Any, target: Any, *, sample_weight: Any = None,
                reduction: Reduction = "mean") -> Any:
    """exp(lograte) − target·lograte, without the constant log target!.

    >>> float(poisson_nll([0.0], [3.0]))
    1.0
    """
    lograte, target = _pair("poisson_nll", lograte, target)
    return reduced("poisson_nll", np.exp(lograte) - target * lograte, sample_weight, reduction)


def hinge(score: Any, target: Any, *, sample_weight: Any = None, reduction: Reduction = "mean") -> Any:
    """max(0, 1 − target·score) for targets −1 and +1; the derivative at the kink is 0.

    Raises LayerError for another label.

    >>> hinge([2.0, 0.5, -1.0], [1, 1, 1], reduction="none")
    array([0. , 0.5, 2. ])
    """
    score, target = _pair("hinge", score, target)
    if is_plain(target) and not (np.abs(target) == 1).all():
        raise LayerError("hinge: target holds labels other than -1 and +1", "2 * target - 1 for labels 0 and 1")
    margin = 1.0 - target * score
    return reduced("hinge", np.where(margin <= 0, 0.0, margin), sample_weight, reduction)
