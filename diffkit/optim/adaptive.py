"""Optimizers with a step size for each coordinate, as chains of the adaptive parts.

    AdaGrad    all squares so far: steps shrink like 1/√t
    RMSProp    a moving average of squares: steps keep their size
    Adam       … and a moving average of gradients, both corrected for starting at zero
    AdamW      … with weight decay apart from the gradient

Where ε stands, and what the accumulators start from, is a convention:
:mod:`diffkit.optim.conventions` has the table, ``like=`` selects a row of it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from diffkit.optim.conventions import AUTO, DecayForm, Like, decay_links, resolve
from diffkit.optim.faults import OptimizerError
from diffkit.optim.moments import ScaleByAdam, ScaleByRms, ScaleByRss
from diffkit.optim.optimizer import Optimizer
from diffkit.optim.parts import LearningRate, Part, ScaleByLearningRate

__all__ = ["AdaGrad", "Adam", "AdamW", "RMSProp"]


@dataclasses.dataclass(frozen=True)
class AdaGrad(Optimizer):
    """r ← r + g²;  θ ← θ − lr·g/√(r + ε)  (Duchi, Hazan & Singer 2011).

    Parameters
    ----------
    lr : float or schedule.
    eps, eps_in_sqrt : ε, and whether it stands inside the root (True) or behind it.
    initial_accumulator : what r starts from; optax and Keras use 0.1.
    like : "seed", "torch", "optax" or "keras", for the knobs that are not given.

    Raises OptimizerError for a knob out of range.

    >>> import numpy as np
    >>> opt = AdaGrad(1.0, eps=0.0); theta = np.zeros(1); state = opt.init(theta)
    >>> for _ in range(4):                                    # constant gradient: step t is lr/√t
    ...     before = theta; theta, state = opt.step(theta, np.ones(1), state)
    >>> before - theta
    array([0.5])
    """

    lr: LearningRate = AUTO
    eps: float = AUTO
    eps_in_sqrt: bool = AUTO
    initial_accumulator: float = AUTO
    like: Like | None = None

    def __post_init__(self) -> None:
        resolve(self)

    def parts(self) -> tuple[Part, ...]:
        scale = ScaleByRss(self.eps, self.eps_in_sqrt, self.initial_accumulator)
        return (scale, ScaleByLearningRate(self.lr))


@dataclasses.dataclass(frozen=True)
class RMSProp(Optimizer):
    """r ← ρ r + (1−ρ) g²;  θ ← θ − lr·g/√(r + ε)  (Hinton 2012, lecture 6e).

    ``decay`` is ρ (not a momentum, though some notes say so); the rest as in :class:`AdaGrad`.

    >>> import numpy as np
    >>> opt = RMSProp(1.0); theta = np.zeros(1); state = opt.init(theta)
    >>> opt.step(theta, np.ones(1), state)[0].round(3)        # the first step is lr/√0.1
    array([-3.162])
    """

    lr: LearningRate = AUTO
    decay: float = AUTO
    eps: float = AUTO
    eps_in_sqrt: bool = AUTO
    like: Like | None = None

    def __post_init__(self) -> None:
        resolve(self)

    def parts(self) -> tuple[Part, ...]:
        return (ScaleByRms(self.decay, self.eps, self.eps_in_sqrt), ScaleByLearningRate(self.lr))


@dataclasses.dataclass(frozen=True)
class Adam(Optimizer):
    """s ← β₁s + (1−β₁)g;  r ← β₂r + (1−β₂)g²;  θ ← θ − lr·ŝ/(√r̂ + ε)  (Kingma & Ba 2015).

    Parameters
    ----------
    lr : float or schedule.
    b1, b2 : β₁, β₂ in [0, 1).
    eps, eps_in_sqrt, eps_hat : ε; inside the root; or in the "ε̂" form of Keras and scikit-learn.
    weight_decay, decay_form, mask : as in :class:`SGD`.
    bias_correction : divide by 1−β₁ᵗ, 1−β₂ᵗ (ŝ, r̂).
    like : "seed", "torch", "optax" or "keras", for the knobs that are not given.

    Raises OptimizerError for a knob out of range.

    >>> import numpy as np
    >>> opt = Adam(0.1); theta = np.zeros(1); state = opt.init(theta)
    >>> for _ in range(3):                                    # constant gradient: lr every step
    ...     theta, state = opt.step(theta, np.ones(1), state)
    >>> theta.round(6)
    array([-0.3])
    """

    lr: LearningRate = AUTO
    b1: float = 0.9
    b2: float = 0.999
    eps: float = AUTO
    eps_in_sqrt: bool = AUTO
    eps_hat: bool = AUTO
    weight_decay: float = 0.0
    decay_form: DecayForm = AUTO
    mask: Any = None
    bias_correction: bool = True
    like: Like | None = None

    def __post_init__(self) -> None:
        resolve(self)
        if self.eps_hat and self.eps_in_sqrt:
            raise OptimizerError(f"{type(self).__name__}: eps_hat and eps_in_sqrt together", "one of the two",
                                 "like= chose the other one: give it as False")

    def parts(self) -> tuple[Part, ...]:
        before, after = decay_links(self.weight_decay, self.decay_form, self.lr, self.mask)
        scale = ScaleByAdam(self.b1, self.b2, self.eps, self.eps_in_sqrt, self.eps_hat, self.bias_correction)
        return (*before, scale, ScaleByLearningRate(self.lr), *after)


@dataclasses.dataclass(frozen=True)
class AdamW(Adam):
    """Adam with θ ← θ − lr·λ·θ apart from the gradient (Loshchilov & Hutter 2019).

    Parameters and errors as in :class:`Adam`; λ is 0.01 as in torch (optax 1e-4, Keras 4e-3).

    >>> import numpy as np
    >>> opt = AdamW(0.1, weight_decay=0.5); theta = np.ones(1); state = opt.init(theta)
    >>> opt.step(theta, np.zeros(1), state)[0]                # no gradient: 1 − 0.1·0.5
    array([0.95])
    """

    weight_decay: float = AUTO
