"""Optimizers: small pure functions on containers of arrays.

    opt = optim.Adam(1e-3)
    state = opt.init(params)
    params, state = opt.step(params, grads, state)

An optimizer is a frozen dataclass of knobs; it holds no arrays.  What it remembers is plain
data in ``state``.  Nothing is ever written into what the caller hands in.  Each optimizer is
a chain of small named parts (:mod:`diffkit.optim.parts`, :mod:`diffkit.optim.moments`), and
:func:`chain` makes new ones from them.  ``like="torch"`` and its kin select what a library
does where libraries differ (:mod:`diffkit.optim.conventions`).
"""

from diffkit.optim.adaptive import AdaGrad, Adam, AdamW, RMSProp
from diffkit.optim.averaging import Averaged, average
from diffkit.optim.chaining import chain
from diffkit.optim.clipping import ClipGlobalNorm, ClipValue, clip_global_norm, clip_value, global_norm
from diffkit.optim.descent import SGD, Momentum, Nesterov
from diffkit.optim.faults import NonFiniteGradientError, OptimizerError
from diffkit.optim.moments import ScaleByAdam, ScaleByRms, ScaleByRss
from diffkit.optim.optimizer import Optimizer, apply_updates
from diffkit.optim.parts import AddDecayedWeights, Part, ScaleByLearningRate, Trace, Velocity

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "AddDecayedWeights",
    "Averaged",
    "ClipGlobalNorm",
    "ClipValue",
    "Momentum",
    "Nesterov",
    "NonFiniteGradientError",
    "Optimizer",
    "OptimizerError",
    "Part",
    "RMSProp",
    "ScaleByAdam",
    "ScaleByLearningRate",
    "ScaleByRms",
    "ScaleByRss",
    "Trace",
    "Velocity",
    "apply_updates",
    "average",
    "chain",
    "clip_global_norm",
    "clip_value",
    "global_norm",
]
