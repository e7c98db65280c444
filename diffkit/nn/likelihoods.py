"""Losses for classes: the negative logarithm of the probability given to what was observed.

Binary losses take one probability (or logit) an element, categorical ones a last axis of
classes.  A categorical target is either integer labels, of the shape of ``pred`` without the
last axis, or probabilities of the shape of ``pred``.  Labels are picked by comparison, not
by indexing, so that compiled code does not depend on them.

Prefer the losses on logits: a probability that has been rounded to 0 or 1 has lost what the
gradient needs.  Weights and reductions as in :mod:`diffkit.nn.losses`.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.errors import ShapeError
from diffkit.nn.arrays import as_array, is_plain, largest, like
from diffkit.nn.faults import LayerError, check_labels, check_same_shape
from diffkit.nn.losses import Reduction, reduced

__all__ = ["bce", "bce_with_logits", "cross_entropy", "kl_div", "l2_penalty", "nll"]

_LOG_FLOOR = 3.720075976020836e-44  # e⁻¹⁰⁰: torch lets no logarithm fall below −100
_FLOOR_SLOPE = 1e12


def _log(p: Any, floor: float = _LOG_FLOOR) -> Any:
    """log p, continued below e⁻¹⁰⁰ by a line: −100 at 0 with torch's slope there, never infinite."""
    tiny = p < floor
    return np.where(tiny, -100.0 + _FLOOR_SLOPE * p, np.log(np.where(tiny, 1.0, p)))


def _log1m(p: Any) -> Any:
    """log(1 − p) by log1p, continued at 1 in the same way."""
    full = p >= 1
    return np.where(full, -100.0 + _FLOOR_SLOPE * (1.0 - p), np.log1p(np.where(full, 0.0, -p)))


def _probabilities(owner: str, name: str, value: Any) -> None:
    if is_plain(value) and not ((value >= 0) & (value <= 1)).all():
        raise LayerError(f"{owner}: {name} is not within [0, 1]", "probabilities: sigmoid or softmax of logits",
                         "logits given where probabilities are meant: use the loss on logits")


def bce(pred: Any, target: Any, *, sample_weight: Any = None, reduction: Reduction = "mean") -> Any:
    """−(y log p + (1−y) log(1−p)), elementwise, each logarithm at least −100 (as torch).

    ``pred``: probabilities; ``target``: 0, 1 or between, same shape.  LayerError outside [0, 1].

    >>> float(bce([0.5, 1.0], [1.0, 1.0]).round(6))
    0.346574
    """
    pred, target = as_array(pred), as_array(target)
    check_same_shape("bce", pred, target)
    _probabilities("bce", "pred", pred)
    _probabilities("bce", "target", target)
    losses = -(target * _log(pred) + (1.0 - target) * _log1m(pred))
    return reduced("bce", losses, sample_weight, reduction)


def bce_with_logits(pred: Any, target: Any, *, sample_weight: Any = None,
                    reduction: Reduction = "mean") -> Any:
    """bce(sigmoid(pred), target) = log(1 + eˣ) − y·x, exact for any logit.

    >>> bce_with_logits([-1e4, 1e4], [1.0, 1.0], reduction="none")
    array([10000.,     0.])
    """
    pred, target = as_array(pred), as_array(target)
    check_same_shape("bce_with_logits", pred, target)
    _probabilities("bce_with_logits", "target", target)
    # y·softplus(−x) + (1−y)·softplus(x): no cancellation where the answer is right.
    losses = target * np.logaddexp(-pred, 0.0) + (1.0 - target) * np.logaddexp(pred, 0.0)
    return reduced("bce_with_logits", losses, sample_weight, reduction)


def nll(logp: Any, target: Any, *, class_weight: Any = None, sample_weight: Any = None,
        reduction: Reduction = "mean") -> Any:
    """−log p of the label, from log-probabilities (…, classes).

    ``target``: integer labels (…) or probabilities (…, classes).  ``class_weight``: one number
    a class; the mean is then weighted, as torch's.  ShapeError, InputError (labels that are not
    integers) and LayerError (labels outside the classes) name what is wrong.

    >>> float(nll(np.log([[0.25, 0.75]]), [1]).round(6))
    0.287682
    """
    return _categorical("nll", -as_array(logp), target, 0.0, class_weight, sample_weight, reduction)


def cross_entropy(logits: Any, target: Any, label_smoothing: float = 0.0, class_weight: Any = None, *,
                  sample_weight: Any = None, reduction: Reduction = "mean") -> Any:
    """nll(log_softmax(logits), target); the gradient by the logits is softmax − target.

    ``label_smoothing`` ε mixes the target with the uniform distribution, (1−ε)y + ε/classes.
    Other parameters and errors as in :func:`nll`.

    >>> float(cross_entropy([[0.0, 1e4]], [0]))
    10000.0
    """
    logits = as_array(logits)
    if not 0 <= label_smoothing < 1:
        raise LayerError(f"cross_entropy: label_smoothing={label_smoothing!r}", "a number in [0, 1)")
    if logits.ndim == 0:
        raise ShapeError("cross_entropy: pred is a single number", "logits of shape (…, classes)")
    shifted = logits - largest(logits, -1)
    surprise = np.log(np.exp(shifted).sum(axis=-1, keepdims=True)) - shifted
    return _categorical("cross_entropy", surprise, target, label_smoothing, class_weight, sample_weight, reduction)


@functools.lru_cache(maxsize=64)
def _numbers(classes: int) -> Any:
    numbers = np.arange(classes)
    numbers.flags.writeable = False
    return numbers


def _categorical(owner: str, surprise: Any, target: Any, smoothing: float, class_weight: Any, sample_weight: Any,
                 reduction: Reduction) -> Any:
    """The losses from the surprise −log p of every class."""
    target = as_array(target)
    if surprise.ndim == 0:
        raise ShapeError(f"{owner}: pred is a single number", "log-probabilities of shape (…, classes)")
    classes = surprise.shape[-1]
    if class_weight is not None:
        class_weight = as_array(class_weight)
        if class_weight.shape != (classes,):
            raise ShapeError(f"{owner}: class_weight has shape {class_weight.shape}",
                             f"one number a class: ({classes},)")
        class_weight = like(class_weight, surprise)
    if target.shape == surprise.shape[:-1]:
        check_labels(owner, target, classes)
        chosen = target.reshape(target.shape + (1,)) == _numbers(classes)
        picked = np.where(chosen, surprise, 0.0)
        count = math.prod(target.shape)
        if reduction == "mean" and class_weight is None and sample_weight is None and not smoothing and count:
            return picked.sum() / count  # one sum instead of two
        losses = np.sum(picked, axis=-1)
        if class_weight is not None:
            of_labels = np.sum(np.where(chosen, class_weight, 0.0), axis=-1)
            losses = losses * of_labels
        if smoothing:
            weighted = surprise if class_weight is None else surprise * class_weight
            losses = (1.0 - smoothing) * losses + (smoothing / classes) * np.sum(weighted, axis=-1)
        result = reduced(owner, losses, sample_weight, reduction)
        if class_weight is None or reduction != "mean":
            return result
        # The mean is weighted by the labels' own weights, also when smoothing spreads them.
        return result / reduced(owner, of_labels, sample_weight, "mean")
    if target.shape != surprise.shape:
        raise ShapeError(f"{owner}: pred has shape {surprise.shape}, target {target.shape}",
                         f"labels of shape {surprise.shape[:-1]} or probabilities of shape {surprise.shape}",
                         "labels as a column (n, 1): target.reshape(-1)")
    _probabilities(owner, "target", target)
    if smoothing:
        target = target * (1.0 - smoothing) + smoothing / classes
    weighted = surprise if class_weight is None else surprise * class_weight
    # A target of 0 must not meet a logarithm of −∞.
    none = target == 0
    losses = np.sum(np.where(none, 0.0, target * np.where(none, 0.0, weighted)), axis=-1)
    return reduced(owner, losses, sample_weight, reduction)


def kl_div(logp: Any, target: Any, *, sample_weight: Any = None, reduction: Reduction = "mean") -> Any:
    """Σ q (log q − log p) over the last axis: KL(q‖p) from log-probabilities and the target q.

    The mean is over examples (torch's "batchmean").  ShapeError, LayerError as in :func:`nll`.

    >>> float(kl_div(np.log([[0.5, 0.5]]), [[1.0, 0.0]]).round(6))
    0.693147
    """
    logp, target = as_array(logp), as_array(target)
    check_same_shape("kl_div", logp, target)
    _probabilities("kl_div", "target", target)
    none = target == 0
    terms = target * (np.log(np.where(none, 1.0, target)) - np.where(none, 0.0, logp))
    return reduced("kl_div", np.sum(terms, axis=-1), sample_weight, reduction)


def l2_penalty(params: Any, lam: float) -> Any:
    """(λ/2)·Σ‖leaf‖² over all leaves of a container: its gradient is λ times the leaf.

    Leave biases out by handing over the weights alone: ``[layer["W"] for layer in params]``.
    Three factors are in use: this one is torch's weight_decay=λ; Keras's l2(λ) is λΣw², which
    is l2_penalty(params, 2λ); scikit-learn's alpha is α/(2n)Σw², l2_penalty(params, α/n).

    >>> float(l2_penalty([{"W": np.array([3.0, 4.0])}], 0.1))
    1.25
    """
    leaves, _ = tree.flatten(params)
    return 0.5 * lam * sum(np.sum(leaf * leaf) for leaf in leaves)
