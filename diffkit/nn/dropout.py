"""Switch off a random part of a layer while training (Srivastava et al. 2014).

Each number is zero with probability ``rate``; the others are divided by 1 − rate, so that
the expected value is kept and evaluation needs no change ("inverted" dropout, as torch).

The mask comes from the generator that is handed in, never from a global one.  A function
that draws is not a function of its inputs: to check its gradient, hand in a seed, which
draws the same mask every time.  A compiled function is recorded once, so it would repeat
its mask for ever: draw outside of what is compiled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.nn.arrays import as_array
from diffkit.nn.faults import LayerError

__all__ = ["check_rate", "dropout"]


def check_rate(rate: float) -> None:
    """Raise LayerError unless rate is in [0, 1)."""
    if not 0 <= rate < 1:
        raise LayerError(f"dropout: rate={rate!r}", "a probability in [0, 1) of being switched off",
                         "the probability of being kept given instead")


def dropout(x: Any, rate: float, rng: np.random.Generator | int | None, training: bool = True) -> Any:
    """x with a share of about ``rate`` of its numbers at 0, the others times 1/(1 − rate).

    The identity when not training or at rate 0.  ``rng``: a Generator, or a seed.  Raises
    LayerError for a rate outside [0, 1) or a missing ``rng``.

    >>> dropout(np.ones(6), 0.5, rng=0)
    array([2., 0., 0., 0., 2., 2.])
    """
    check_rate(rate)
    if not training or rate == 0:
        return x
    if rng is None:
        raise LayerError("dropout while training needs rng", "rng=np.random.default_rng(seed)",
                         "evaluation meant: training=False")
    x = as_array(x)
    kept = np.random.default_rng(rng).random(x.shape) >= rate
    dtype = x.dtype if x.dtype.kind in "fc" else np.dtype(float)
    return x * (kept.astype(dtype) / (1 - rate))
