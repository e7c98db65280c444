"""Networks in plain NumPy: activations, losses, initialisers, dropout, the perceptron.

    model = nn.MLP((64, 32, 10))
    params = model.init(0)
    loss = lambda params, x, y: nn.cross_entropy(model.apply(params, x), y)
    value, grads = dk.value_and_grad(loss)(params, x, y)

Nothing here knows about differentiation: these are ordinary functions of arrays, written so
that their derivatives are finite and right wherever the functions are.
"""

from diffkit.nn import init
from diffkit.nn.activations import (
    elu,
    gelu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from diffkit.nn.dropout import dropout
from diffkit.nn.faults import LayerError
from diffkit.nn.likelihoods import bce, bce_with_logits, cross_entropy, kl_div, l2_penalty, nll
from diffkit.nn.losses import gaussian_nll, half_mse, hinge, huber, mae, mse, poisson_nll
from diffkit.nn.mlp import MLP

__all__ = [
    "MLP",
    "LayerError",
    "bce",
    "bce_with_logits",
    "cross_entropy",
    "dropout",
    "elu",
    "gaussian_nll",
    "gelu",
    "half_mse",
    "hinge",
    "huber",
    "init",
    "kl_div",
    "l2_penalty",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mae",
    "mse",
    "nll",
    "poisson_nll",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
