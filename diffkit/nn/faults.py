"""What the network layer refuses.

Shapes are compared exactly: a prediction (n, 1) against a target (n,) would broadcast to
(n, n) and train on nonsense without a word, so it is refused.  Labels are looked at only
when nothing differentiates by them; inside ``dk.compile`` by a comparison, which is a guard
of the program, so that a wrong label is refused there too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import DiffkitError, InputError, ShapeError
from diffkit.nn.arrays import is_plain

__all__ = ["LayerError", "check_labels", "check_same_shape"]


class LayerError(DiffkitError, ValueError):
    """A label, a probability or a setting of a layer has an impossible value."""


def check_same_shape(owner: str, pred: Any, target: Any, name: str = "target") -> None:
    """Raise ShapeError unless both shapes are equal."""
    if pred.shape != target.shape:
        raise ShapeError(f"{owner}: pred has shape {pred.shape}, {name} {target.shape}",
                         f"two arrays of one shape: {name}.reshape({pred.shape})"
                         if np.prod(pred.shape) == np.prod(target.shape) else f"{name} of shape {pred.shape}",
                         "a column (n, 1) against a vector (n,), which NumPy would broadcast to (n, n)")


def _is_outside(labels: Any, classes: int) -> bool:
    if type(labels) is np.ndarray:
        # Read as unsigned, a negative label is a huge one: one pass finds both faults.
        return bool(np.maximum.reduce(labels.view(f"u{labels.itemsize}"), axis=None) >= classes)
    return bool(((labels < 0) | (labels >= classes)).any())


def check_labels(owner: str, labels: Any, classes: int) -> None:
    """Raise unless plain labels are integers in [0, classes)."""
    if labels.dtype.kind not in "iu":
        raise InputError(f"{owner}: target has dtype {labels.dtype} and the shape of class labels",
                         "integer labels (target.astype(int)), or probabilities of the shape of pred")
    if is_plain(labels) and labels.size and _is_outside(labels, classes):
        wrong = labels[(labels < 0) | (labels >= classes)].reshape(-1)[0]
        raise LayerError(f"{owner}: target holds the label {wrong}, pred has {classes} columns",
                         f"labels 0 … {classes - 1}: np.unique(y, return_inverse=True)[1]",
                         "labels counted from 1; too few outputs in the last layer")
