"""Straka: the network of nine weights, with every derivative the slide shows, and back-propagation.

The slide prints derivatives only.  From them follow x, h, w7..w9, the output 6 and the target 3; the
first layer's weights are those of the slide's own figure.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.lectures.example import Example, Inner
from diffkit.nn import relu

__all__ = ["EXAMPLES"]

GOLD = 3.0
WEIGHTS = np.array([2.0, 1.0, 1.0, -2.0, 1.0, 2.0, -1.0, 3.0, 2.0])


def nine_weights(x: Any, w: Any) -> Any:
    """L = (o − gold)² of the 2-3-1 network; w1..w6 are the first layer, two for each hidden unit."""
    i = np.stack([w[0] * x[0] + w[1] * x[1], w[2] * x[0] + w[3] * x[1], w[4] * x[0] + w[5] * x[1]])
    return (relu(i) @ w[6:] - GOLD)**2


def nine_weights_steps(x1: Any, x2: Any, w1: Any, w2: Any, w3: Any, w4: Any, w5: Any, w6: Any,
                       w7: Any, w8: Any, w9: Any) -> dict[str, Any]:
    """The same with every number by itself."""
    i1, i2, i3 = w1 * x1 + w2 * x2, w3 * x1 + w4 * x2, w5 * x1 + w6 * x2
    h1, h2, h3 = np.maximum(i1, 0), np.maximum(i2, 0), np.maximum(i3, 0)
    o = w7 * h1 + w8 * h2 + w9 * h3
    return {"i1": i1, "i2": i2, "i3": i3, "h1": h1, "h2": h2, "h3": h3, "o": o, "L": (o - GOLD)**2}


EXAMPLES = (
    Example("nine-weights", "straka", "6", "L = (w·relu(W x) − 3)², 2-3-1 units, nine weights",
            nine_weights, (np.array([1.0, 2.0]), WEIGHTS), 9.0,
            (np.array([0.0, 18.0]), np.array([-6.0, -12, 0, 0, 12, 24, 24, 0, 30])),
            inner=(Inner("i", lambda i: (relu(i) @ WEIGHTS[6:] - GOLD)**2, np.array([4.0, -3.0, 5.0]),
                         np.array([-6.0, 0.0, 12.0])),
                   Inner("h", lambda h: (h @ WEIGHTS[6:] - GOLD)**2, np.array([4.0, 0.0, 5.0]),
                         np.array([-6.0, 18.0, 12.0])),
                   Inner("o", lambda o: (o - GOLD)**2, 6.0, 6.0)),
            erratum="not a slip, a gap: the slide's numbers leave w1..w6 open (w1 = 10 − 4 w6, w2 = 2 w6 − 3, "
                    "w5 = 5 − 2 w6 for any w6); its figure settles them",
            steps=nine_weights_steps, steps_point=(1.0, 2.0, *map(float, WEIGHTS))),
    Example("tanh", "straka", "22", "tanh' = 1 − tanh²", np.tanh, (0.5,), 0.46211715726, (0.78644773297,), digits=11),
    Example("relu-kink", "straka", "22", "relu at 0", relu, (0.0,), 0.0, (0.0,),
            erratum='"NaN, 0 is usually used": diffkit uses 0',
            without={"numeric": "0 is a kink: both sides together have slope 0.5"}),
)
