"""The multilayer perceptron: h ← activation(h @ W + b), layer after layer.

The model is a frozen description of sizes and functions; it holds no arrays.  Parameters
are a list of {"W": (inputs, outputs), "b": (outputs,)}, one for each layer, and ``apply`` is
plain NumPy on them, so it can be differentiated by every mode, by parameters or by inputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from diffkit.errors import ShapeError
from diffkit.nn import activations
from diffkit.nn import init as initialisers
from diffkit.nn.arrays import as_array
from diffkit.nn.dropout import check_rate, dropout
from diffkit.nn.faults import LayerError

__all__ = ["MLP"]

Activation = Callable[[Any], Any]
Initialiser = Callable[..., Any]

_ACTIVATIONS: dict[str, Activation] = {name: getattr(activations, name) for name in activations.__all__}
_INITIALISERS: dict[str, Initialiser] = {name: getattr(initialisers, name) for name in initialisers.__all__}
# init="auto": by the activation that follows.
_AUTO = {**dict.fromkeys(("relu", "leaky_relu", "elu", "gelu", "silu", "softplus"), "he_normal"),
         "selu": "lecun_normal"}


@dataclasses.dataclass(frozen=True, init=False)
class MLP:
    """A fully connected network.

    Parameters
    ----------
    sizes : numbers of inputs, of units of each hidden layer, and of outputs: ``(64, 32, 10)``.
    activation : a name in :mod:`diffkit.nn.activations`, any callable in NumPy, or a list with one
        for each hidden layer.
    output : what follows the last layer (a name or callable); None for nothing, which is what the
        losses on logits want.
    dropout : probability of each hidden unit to be switched off while training.
    init : a name in :mod:`diffkit.nn.init`, a callable (rng, shape) -> array, or "auto" (He normal
        before relu and its kin, LeCun normal before selu, Glorot uniform otherwise).  Biases start at 0.
    dtype : of the parameters.

    Raises LayerError for settings that make no sense.

    >>> model = MLP((2, 3, 1), activation="tanh")
    >>> params = model.init(0)
    >>> [layer["W"].shape for layer in params]
    [(2, 3), (3, 1)]
    >>> model.apply(params, np.ones((5, 2))).shape
    (5, 1)
    """

    sizes: tuple[int, ...]
    activation: tuple[str | Activation, ...]
    output: str | Activation | None
    dropout: float
    initialiser: str | Initialiser
    dtype: np.dtype[Any]

    def __init__(self, sizes: Sequence[int],
                 activation: str | Activation | Sequence[str | Activation] = "relu",
                 output: str | Activation | None = None, dropout: float = 0.0,
                 init: str | Initialiser = "auto", dtype: DTypeLike = np.float64) -> None:
        sizes = tuple(sizes)
        if len(sizes) < 2 or not all(hasattr(size, "__index__") and size > 0 for size in sizes):
            raise LayerError(f"MLP: sizes={sizes!r}", "(inputs, hidden units …, outputs), each at least 1")
        hidden = len(sizes) - 2
        if isinstance(activation, str) or callable(activation):
            chosen: tuple[str | Activation, ...] = (activation,) * hidden
        else:
            chosen = tuple(activation)
        if len(chosen) != hidden:
            raise LayerError(f"MLP: {len(chosen)} activations for {hidden} hidden layers",
                             "one for each hidden layer", "the function after the last layer is output=")
        for function in (*chosen, output):
            if function is not None and not callable(function) and function not in _ACTIVATIONS:
                raise LayerError(f"MLP: activation {function!r}",
                                 "a callable, or one of " + ", ".join(_ACTIVATIONS))
        if not callable(init) and init != "auto" and init not in _INITIALISERS:
            raise LayerError(f"MLP: init={init!r}",
                             '"auto", a callable, or one of ' + ", ".join(_INITIALISERS))
        if np.dtype(dtype).kind != "f":
            raise LayerError(f"MLP: dtype={np.dtype(dtype)}", "a floating dtype: np.float64 or np.float32")
        check_rate(dropout)
        values = (sizes, chosen, output, dropout, init, np.dtype(dtype))
        for field, value in zip(dataclasses.fields(self), values):
            object.__setattr__(self, field.name, value)

    def init(self, rng: np.random.Generator | int) -> list[dict[str, Any]]:
        """Fresh parameters, drawn layer by layer from a Generator or a seed.

        >>> MLP((1, 1), init="constant").init(0)
        [{'W': array([[0.]]), 'b': array([0.])}]
        """
        generator = np.random.default_rng(rng)
        params = []
        for shape, follows in zip(zip(self.sizes, self.sizes[1:]), (*self.activation, self.output)):
            draw = self.initialiser
            if draw == "auto":
                draw = _AUTO.get(follows, "glorot_uniform") if isinstance(follows, str) else "glorot_uniform"
            weight = np.asarray((_INITIALISERS[draw] if isinstance(draw, str) else draw)(generator, shape))
            if weight.shape != shape:
                raise ShapeError(f"init returned shape {weight.shape}", f"shape {shape}")
            params.append({"W": weight.astype(self.dtype), "b": np.zeros(shape[1], self.dtype)})
        return params

    def apply(self, params: Any, x: Any, rng: np.random.Generator | int | None = None,
              training: bool = False) -> Any:
        """The network's outputs (…, outputs) for inputs (…, inputs).

        ``training=True`` switches dropout on and then needs ``rng`` (a Generator, or a seed for
        the same mask at every call).  Raises ShapeError naming what does not fit.
        """
        x = as_array(x)
        if len(params) != len(self.sizes) - 1:
            raise ShapeError(f"params has {len(params)} layers, the network {len(self.sizes) - 1}",
                             "model.init(seed)", "params of another network")
        if x.ndim == 0 or x.shape[-1] != self.sizes[0]:
            raise ShapeError(f"x has shape {x.shape}, the network {self.sizes[0]} inputs",
                             f"x of shape (examples, {self.sizes[0]})",
                             "x transposed; a single feature: x.reshape(-1, 1)")
        drops = training and self.dropout > 0
        generator = np.random.default_rng(rng) if drops and rng is not None else None
        sizes, activation = self.sizes, self.activation
        for index, layer in enumerate(params):
            weight, bias = layer["W"], layer["b"]
            shape = weight.shape
            if shape != sizes[index:index + 2] or bias.shape != shape[1:]:
                where = f"params[{index}]"
                raise ShapeError(f'{where}["W"] has shape {weight.shape}, {where}["b"] {bias.shape}',
                                 f"{self.sizes[index:index + 2]} and {self.sizes[index + 1:index + 2]}",
                                 "params of another network")
            x = x @ weight + bias
            if index < len(activation):
                x = _function(activation[index])(x)
                if drops:
                    x = dropout(x, self.dropout, generator)
        return x if self.output is None else _function(self.output)(x)

    def summary(self) -> str:
        """A table of the layers: shapes, what follows, numbers of parameters.

        >>> print(MLP((64, 32, 10)).summary())
        layer  W         b      then  parameters
        0      (64, 32)  (32,)  relu        2080
        1      (32, 10)  (10,)  -            330
        total                               2410
        """
        rows = [("layer", "W", "b", "then", "parameters")]
        total = 0
        layers = zip(zip(self.sizes, self.sizes[1:]), (*self.activation, self.output))
        for index, (shape, follows) in enumerate(layers):
            count = shape[0] * shape[1] + shape[1]
            total += count
            name = follows if isinstance(follows, str) else getattr(follows, "__name__", repr(follows))
            then = "-" if follows is None else name
            if self.dropout and index < len(self.activation):
                then += f", dropout {self.dropout:g}"
            rows.append((str(index), str(shape), str(shape[1:]), then, str(count)))
        rows.append(("total", "", "", "", str(total)))
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(row[:4], widths)),
                                    row[4].rjust(widths[4])]) for row in rows)


def _function(chosen: str | Activation) -> Activation:
    return _ACTIVATIONS[chosen] if isinstance(chosen, str) else chosen
