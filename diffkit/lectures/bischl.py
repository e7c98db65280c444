"""Bischl: the losses of regression and classification."""

from __future__ import annotations

import numpy as np

from diffkit.lectures.example import Example
from diffkit.nn import bce, half_mse

__all__ = ["EXAMPLES"]

EXAMPLES = (
    Example("l2-loss", "bischl", "24", "½ (y − f)²", lambda f: half_mse(f, np.array([1.0])), (np.array([3.5]),),
            3.125, (np.array([2.5]),),
            erratum="torch's and Keras's MSE have no ½"),
    Example("cross-entropy", "bischl", "26", "−(y log f + (1 − y) log(1 − f))", lambda f: bce(f, 1.0), (0.25,),
            1.3862943611198906, (-4.0,),
            erratum="the minus is lost in the notes: their sign rewards the wrong answer without bound"),
)
