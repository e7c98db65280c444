"""Gradient descent and its two ways of keeping momentum.

    SGD        θ ← θ − lr·g
    Momentum   remembers where it was going
    Nesterov   … and asks for the gradient where it will be

Momentum is written in two forms.  In the velocity form the learning rate is inside the
memory, v ← β v − lr·g; in the trace form it is outside, b ← β b + g, θ ← θ − lr·b.  With a
constant learning rate the paths are equal (v = −lr·b); under a schedule they are not, and
libraries differ.  Both are links from :mod:`diffkit.optim.parts`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from diffkit.optim.conventions import AUTO, DecayForm, Like, check_choice, decay_links, resolve
from diffkit.optim.optimizer import Optimizer
from diffkit.optim.parts import LearningRate, Part, ScaleByLearningRate, Trace, Velocity

__all__ = ["SGD", "Momentum", "Nesterov"]


@dataclasses.dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent: θ ← θ − lr·g  (Robbins & Monro 1951).

    Parameters
    ----------
    lr : float or schedule (a callable of the step, from 0).
    weight_decay : λ ≥ 0.
    decay_form : "l2" g + λθ; "decoupled_lr" −lr·λ·θ; "decoupled" −λθ.
    mask : container of bools like params (or a function of params): where weights decay.
    like : "seed", "torch", "optax" or "keras", for the knobs that are not given.

    Raises OptimizerError for a knob out of range.

    >>> import numpy as np
    >>> opt = SGD(0.1); theta = np.array([2.0]); state = opt.init(theta)
    >>> for _ in range(50):                                   # the gradient of x²/2 is x
    ...     theta, state = opt.step(theta, theta, state)
    >>> theta.round(6)
    array([0.010308])
    """

    lr: LearningRate = AUTO
    weight_decay: float = 0.0
    decay_form: DecayForm = AUTO
    mask: Any = None
    like: Like | None = None

    def __post_init__(self) -> None:
        resolve(self)

    def parts(self) -> tuple[Part, ...]:
        before, after = decay_links(self.weight_decay, self.decay_form, self.lr, self.mask)
        return (*before, ScaleByLearningRate(self.lr), *after)


@dataclasses.dataclass(frozen=True)
class Momentum(Optimizer):
    """Heavy ball (Polyak 1964): a velocity that forgets with β.

    form="velocity":  v ← β v − lr·g;  θ ← θ + v      (lecture notes, Keras, scikit-learn)
    form="trace":     b ← β b + g;     θ ← θ − lr·b   (torch, optax)

    Other parameters and errors as in :class:`SGD`; ``momentum`` is β in [0, 1).

    >>> import numpy as np
    >>> opt = Momentum(0.1); theta = np.array([1.0]); state = opt.init(theta)
    >>> for _ in range(2):                                    # constant gradient 1: −0.1, −0.19
    ...     theta, state = opt.step(theta, np.array([1.0]), state)
    >>> theta, state["step"]
    (array([0.71]), 2)
    """

    lr: LearningRate = AUTO
    momentum: float = 0.9
    form: Literal["velocity", "trace"] = AUTO
    weight_decay: float = 0.0
    mask: Any = None
    decay_form: DecayForm = AUTO
    like: Like | None = None

    def __post_init__(self) -> None:
        resolve(self)
        check_choice("Momentum", "form", self.form, ("velocity", "trace"))

    def parts(self) -> tuple[Part, ...]:
        before, after = decay_links(self.weight_decay, self.decay_form, self.lr, self.mask)
        if self.form == "trace":
            return (*before, Trace(self.momentum), ScaleByLearningRate(self.lr), *after)
        return (*before, Velocity(self.lr, self.momentum), *after)


@dataclasses.dataclass(frozen=True)
class Nesterov(Optimizer):
    """Nesterov's momentum (Nesterov 1983; Sutskever et al. 2013).

    form="lookahead":  g at θ + β v, which is ``grad_point(params, state)``;
                       v ← β v − lr·g;  θ ← θ + v              (lecture notes)
    form="velocity":   g at θ;  v ← β v − lr·g;  θ ← θ + β v − lr·g   (Keras, scikit-learn)
    form="trace":      g at θ;  b ← β b + g;  θ ← θ − lr·(g + β b)    (torch, optax)

    The last two keep the shifted point as their parameters: with a constant learning rate,
    the points where "lookahead" takes its gradients are the iterates of the others.
    Other parameters and errors as in :class:`SGD`.

    >>> import numpy as np
    >>> opt = Nesterov(0.1); theta = np.array([1.0]); state = opt.init(theta)
    >>> for _ in range(2):
    ...     gradient = opt.grad_point(theta, state)           # of x²/2, taken ahead
    ...     theta, state = opt.step(theta, gradient, state)
    >>> theta
    array([0.729])
    """

    lr: LearningRate = AUTO
    momentum: float = 0.9
    form: Literal["lookahead", "velocity", "trace"] = AUTO
    weight_decay: float = 0.0
    mask: Any = None
    decay_form: DecayForm = AUTO
    like: Like | None = None

    def __post_init__(self) -> None:
        resolve(self)
        check_choice("Nesterov", "form", self.form, ("lookahead", "velocity", "trace"))

    def parts(self) -> tuple[Part, ...]:
        before, after = decay_links(self.weight_decay, self.decay_form, self.lr, self.mask)
        if self.form == "trace":
            return (*before, Trace(self.momentum, nesterov=True), ScaleByLearningRate(self.lr), *after)
        ahead = self.form == "lookahead"
        return (*before, Velocity(self.lr, self.momentum, nesterov=not ahead, lookahead=ahead), *after)
