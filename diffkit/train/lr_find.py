"""Find a learning rate by trying all of them once (Smith 2017, "Cyclical learning rates").

The rate grows exponentially, one step each, until the loss leaves for good; the curve of the
loss over the rate shows where learning begins, where it is fastest and where it breaks.  The
search is a function: it works on copies, so params, optimizer and the caller's generator are
after it as before, and a second call finds the same.

Three suggestions, as fastai names them:

    minimum_tenth   a tenth of the rate at the lowest loss
    steepest        where the loss falls fastest over log(rate)
    valley          the middle of the longest fall (the longest subsequence of falling losses)
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkit.optim import Optimizer
from diffkit.train.curves import new_axes
from diffkit.train.faults import TrainingError, check_count
from diffkit.train.finite import norm_of
from diffkit.train.loop import Loss, accepts_rng
from diffkit.train.minibatches import Rows, minibatches
from diffkit.train.position import copied
from diffkit.transforms import value_and_grad

__all__ = ["LRFind", "lr_find"]

_MEMORY = 0.9  # of the running average that sees the loss leave
_GONE = 4.0  # times the lowest running average
_WINDOW = np.bartlett(13)[1:-1]  # smooths the finished curve, without delay


@dataclasses.dataclass(frozen=True)
class LRFind:
    """The curve and what it suggests.

    ``lrs`` are the rates that were tried, ``losses`` the minibatch losses met there, ``smoothed`` the
    mean of neighbouring losses, on which the suggestions stand.
    """

    lrs: NDArray[Any]
    losses: NDArray[Any]
    smoothed: NDArray[Any]
    steepest: float
    valley: float
    minimum_tenth: float

    def plot(self, ax: Any = None) -> Any:
        """Draw the curve with the suggestions on matplotlib axes (new ones for None), and return them."""
        if ax is None:
            ax = new_axes()
        ax.plot(self.lrs, self.losses, color="0.8", label="minibatch loss")
        ax.plot(self.lrs, self.smoothed, color="C0", label="smoothed")
        for color, name in (("C1", "steepest"), ("C2", "valley"), ("C3", "minimum_tenth")):
            lr = getattr(self, name)
            ax.plot(lr, np.interp(math.log(lr), np.log(self.lrs), self.smoothed), "o", color=color,
                    label=f"{name.replace('_', ' / ').replace('tenth', '10')}  {lr:.1e}")
        ax.set_xscale("log")
        low, high = self.losses.min(), self.losses[:len(self.losses) // 2].max()
        ax.set_ylim(low - 0.1 * (high - low), high + 0.3 * (high - low))
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        ax.grid(alpha=0.3)
        ax.legend()
        return ax


def lr_find(loss: Loss, params: Any, data: Any, optimizer: Optimizer, start: float = 1e-7, end: float = 10.0,
            steps: int = 100, *, batch_size: int = 32, seed: int = 0) -> LRFind:
    """Train for ``steps`` steps with a rate that grows from ``start`` to ``end``; nothing is changed.

    Parameters as in :func:`~diffkit.train.fit`.  The search ends early when the smoothed loss is four
    times its lowest, or not finite.  Raises TrainingError for impossible settings, an optimizer
    without ``lr``, or a loss that is not finite within the first ten steps.

    >>> from diffkit import optim
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> found = lr_find(lambda w, x: np.mean((x @ w - 2 * x)**2), np.zeros((1, 1)), x, optim.SGD(0.1))
    >>> 0.01 < found.steepest < 10
    True
    """
    if not 0 < start < end < math.inf:
        raise TrainingError(f"lr_find: start={start!r}, end={end!r}", "0 < start < end")
    rates = np.geomspace(start, end, check_count("steps", steps, 10))
    if "lr" not in [field.name for field in dataclasses.fields(optimizer)]:  # type: ignore[arg-type]
        raise TrainingError(f"lr_find: {type(optimizer).__name__} has no lr of its own",
                            "the optimizer inside: SGD, Momentum, Adam, …")
    sweeping: Optimizer = dataclasses.replace(optimizer, lr=lambda step: float(rates[step]))  # type: ignore[type-var]
    losses = _sweep(loss, copied(params), Rows(data), sweeping, steps, batch_size, seed)
    if len(losses) < 10:
        raise TrainingError(f"lr_find: the loss is not finite or explodes after {len(losses)} steps",
                            f"a smaller start than {start:g}", "NaN in the data; a loss that starts infinite")
    smoothed = _smooth(losses)
    lrs = rates[:len(losses)]
    lowest = int(np.argmin(smoothed))  # what comes after it is no longer learning
    slopes = np.gradient(smoothed, np.log(lrs))
    return LRFind(lrs, losses, smoothed, float(lrs[np.argmin(slopes[:lowest + 1])]),
                  float(lrs[_valley(smoothed[:lowest + 1])]), float(lrs[lowest] / 10))


def _sweep(loss: Loss, params: Any, rows: Rows, optimizer: Optimizer, steps: int, batch_size: int,
           seed: int) -> NDArray[Any]:
    gradient, state = value_and_grad(loss), optimizer.init(params)
    order, noise = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    extra = {"rng": noise} if accepts_rng(loss) else {}
    losses: list[float] = []
    mean = low = first = 0.0
    with np.errstate(all="ignore"):
        while True:
            for chosen in minibatches(rows.count, batch_size, order):
                value, grads = gradient(optimizer.grad_point(params, state), *rows.take(chosen), **extra)
                if not (math.isfinite(value) and math.isfinite(norm_of(grads))):
                    return np.array(losses)
                losses.append(float(value))
                mean += (1 - _MEMORY) / (1 - _MEMORY ** len(losses)) * (losses[-1] - mean)
                low, first = (mean, mean) if len(losses) == 1 else (min(low, mean), first)
                # Counted from the lowest value on, so that losses below zero have an end too.
                gone = len(losses) >= 10 and mean - low > (_GONE - 1) * max(abs(low), first - low)
                if gone or len(losses) == steps:
                    return np.array(losses)
                params, state = optimizer.step(params, grads, state, check=False, donate=True)


def _smooth(losses: NDArray[Any]) -> NDArray[Any]:
    """A weighted mean of each loss and its neighbours; the ends have fewer of them."""
    reach = len(_WINDOW) // 2
    sums, weights = (np.convolve(values, _WINDOW)[reach:-reach] for values in (losses, np.ones(len(losses))))
    return sums / weights


def _valley(losses: NDArray[Any]) -> int:
    """The middle of the longest strictly falling subsequence's stretch, as in fastai's `valley`."""
    length = np.ones(len(losses), int)
    for i in range(1, len(losses)):
        below = length[:i][losses[:i] > losses[i]]
        length[i] = 1 + below.max(initial=0)
    last = int(np.argmax(length))
    first = last - int(length[last])
    third = (last - first) / 3
    return max(first, 0) + int(third) + int(third / 2)
