"""What both estimators are made of: check the input, build network and loss, train, remember.

An estimator's constructor only keeps its settings.  ``fit`` turns them into the plain things
of the layers below (an MLP, a loss, an optimizer) and hands those to :func:`fit` or to
L-BFGS.  What training came to is kept as plain data, with the position from which
``partial_fit`` and ``warm_start`` go on; no function is kept, so estimators can be copied and
pickled whenever their settings can.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from diffkit import nn, optim
from diffkit.train.export import load_model, save_model, to_sklearn
from diffkit.train.faults import TrainingError, check_count
from diffkit.train.fit import Result, fit
from diffkit.train.lbfgs import lbfgs
from diffkit.train.splits import split
from diffkit.train.stopping import EarlyStopping

__all__ = ["MLPBase"]

_OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "adam": optim.Adam, "adamw": optim.AdamW, "sgd": optim.SGD, "momentum": optim.Momentum,
    "nesterov": optim.Nesterov, "adagrad": optim.AdaGrad, "rmsprop": optim.RMSProp}


def identity(x: Any) -> Any:
    """x: scikit-learn's name for no activation."""
    return x


_ALIASES: dict[Any, Any] = {"logistic": "sigmoid", "identity": identity}


class MLPBase(BaseEstimator):  # type: ignore[misc]
    """The common part; see :class:`diffkit.train.estimators.MLPClassifier`."""

    _default_loss: ClassVar[str]

    # --- what the two kinds differ in ------------------------------------------------------
    def _targets(self, y: Any, fresh: bool, dtype: Any, weight: Any, classes: Any = None) -> NDArray[Any]:
        """y as the loss takes it."""
        raise NotImplementedError

    def _weights(self, targets: NDArray[Any], weight: Any) -> Any:
        return weight

    def _strata(self, targets: NDArray[Any]) -> Any:
        return None

    def _metrics(self, outputs: Any, targets: Any) -> dict[str, float]:
        return {}

    def _output_count(self, targets: NDArray[Any]) -> int:
        return int(targets.shape[1])

    # --- training --------------------------------------------------------------------------
    def _goes_on(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "params_")

    def _fit(self, X: Any, y: Any, weight: Any, epochs: int, fresh: bool, partial: bool = False,
             classes: Any = None) -> None:
        self._check_settings(partial)
        X, targets, weight = self._checked(X, y, weight, fresh, classes)
        seeds = np.random.SeedSequence(self._seed()).spawn(3)
        data = (X, targets) if weight is None else (X, targets, weight.astype(X.dtype))
        if fresh:
            self.network_ = self._network(X.shape[1], self._output_count(targets), X.dtype)
            params = self.network_.init(np.random.default_rng(seeds[0]))
        else:
            params = self.params_
        if self.solver == "lbfgs":
            self._remember_lbfgs(params, data, epochs, fresh)
            return
        before = 0 if fresh else self._position["epoch"]
        loss, optimizer = self._loss(self.network_, self.dropout > 0), self._optimizer()

        def run(data: tuple[Any, ...], epochs: int, measure: Any, stopping: EarlyStopping | None) -> Result:
            return fit(loss, params, data, optimizer, epochs=before + epochs, batch_size=self.batch_size,
                       validation=measure, early_stopping=stopping, seed=np.random.default_rng(seeds[1]),
                       progress="auto" if self.verbose else False, resume=None if fresh else self._position)

        if self.validation_data is not None:
            X_held, y_held = self.validation_data
            held = self._checked(X_held, y_held, None, False, None)[:2]
            self._remember(run(data, epochs, self._measure(held), self._stopping(len(X))))
        elif self.early_stopping:
            shares = (1 - self.validation_fraction, self.validation_fraction)
            part, held = split(*data, shares=shares, seed=np.random.default_rng(seeds[2]),
                               stratify=self._strata(targets))
            search = run(part, epochs, self._measure(held), self._stopping(len(part[0])))
            again = None
            if search.stopped in (None, "early_stopping"):
                again = run(data, search.best_epoch - before, None, None)
            self._remember(search if again is None or again.stopped else again, search)
        else:
            self._remember(run(data, epochs, None, None))

    def _stopping(self, rows: int) -> EarlyStopping | None:
        if not self.early_stopping:
            return None
        if self.patience == "auto":
            return EarlyStopping(max(20, -(-1000 // -(-rows // self.batch_size))))
        return EarlyStopping(self.patience)

    def _checked(self, X: Any, y: Any, weight: Any, fresh: bool, classes: Any) -> tuple[Any, Any, Any]:
        """Arrays as training takes them: rows of weight 0 left out, targets encoded, weights merged."""
        auto = isinstance(self.dtype, str) and self.dtype == "auto"
        options: dict[str, Any] = {"dtype": [np.float64, np.float32] if auto else np.dtype(self.dtype),
                                   "multi_output": True, "y_numeric": self._default_loss == "mse"}
        X, y = validate_data(self, X, y, reset=fresh, **options)
        if not fresh:
            X = X.astype(self.network_.dtype, copy=False)
        if weight is not None:
            weight = _check_sample_weight(weight, X, dtype=X.dtype, ensure_non_negative=True)
            if not weight.any():  # newer releases of scikit-learn have said so above, in the same words
                raise TrainingError("Sample weights must contain at least one non-zero number.", "a row that counts")
            if not weight.all():
                X, y, weight = X[weight > 0], y[weight > 0], weight[weight > 0]
        targets = self._targets(y, fresh, X.dtype, weight, classes)
        return X, targets, self._weights(targets, weight)

    def _network(self, inputs: int, outputs: int, dtype: Any) -> nn.MLP:
        sizes = self.hidden_layer_sizes
        if not (hasattr(sizes, "__index__") or hasattr(sizes, "__iter__")):
            raise TrainingError(f"hidden_layer_sizes={sizes!r}", "a tuple of units a layer, (64, 32), or one int")
        hidden = (sizes,) if hasattr(sizes, "__index__") else tuple(sizes)
        chosen = self.activation
        chosen = chosen if isinstance(chosen, str) or callable(chosen) else list(chosen)
        if isinstance(chosen, list):
            activation: Any = [_ALIASES.get(one, one) for one in chosen]
        else:
            activation = _ALIASES.get(chosen, chosen)
        return nn.MLP((inputs, *hidden, outputs), activation, dropout=self.dropout, dtype=dtype)

    def _loss(self, network: nn.MLP, draws: bool) -> Callable[..., Any]:
        """loss(params, X, targets[, weight]), with ``rng`` too if dropout is on."""
        score = self._score_of()
        decay = float(self.weight_decay)

        def penalised(value: Any, params: Any) -> Any:
            return value + nn.l2_penalty([layer["W"] for layer in params], decay) if decay else value

        def quiet(params: Any, X: Any, targets: Any, weight: Any = None) -> Any:
            return penalised(score(network.apply(params, X), targets, weight), params)

        def drawing(params: Any, X: Any, targets: Any, weight: Any = None, rng: Any = None) -> Any:
            return penalised(score(network.apply(params, X, rng, training=rng is not None), targets, weight), params)

        return drawing if draws else quiet

    def _score_of(self) -> Callable[[Any, Any, Any], Any]:
        chosen = self._default_loss if self.loss is None else self.loss
        function = getattr(nn, chosen, None) if isinstance(chosen, str) else chosen
        if not callable(function):
            raise TrainingError(f"loss={self.loss!r}",
                                'a function loss(outputs, targets), or a name in diffkit.nn: "mse"')
        return lambda outputs, targets, weight: (function(outputs, targets) if weight is None
                                                 else function(outputs, targets, sample_weight=weight))

    def _measure(self, validation: tuple[Any, ...]) -> Callable[[Any], dict[str, float]]:
        """Validation numbers: the loss without penalty and dropout, and the kind's own metrics."""
        X, targets, *weight = validation
        network, score = self.network_, self._score_of()

        def measure(params: Any) -> dict[str, float]:
            outputs = network.apply(params, X)
            return {"loss": float(score(outputs, targets, weight[0] if weight else None)),
                    **self._metrics(outputs, targets)}

        return measure

    def _optimizer(self) -> optim.Optimizer:
        if isinstance(self.optimizer, optim.Optimizer):
            return self.optimizer
        if self.optimizer not in _OPTIMIZERS:
            raise TrainingError(f"optimizer={self.optimizer!r}", "an optimizer of dk.optim, or one of "
                                + ", ".join(_OPTIMIZERS))
        return _OPTIMIZERS[self.optimizer](self.learning_rate)

    def _seed(self) -> int:
        state = self.random_state
        if state is None:
            state = np.random.default_rng()
        if isinstance(state, np.random.RandomState):
            return int(state.randint(2**31))
        if isinstance(state, np.random.Generator):
            return int(state.integers(2**31))
        return check_count("random_state", state, 0)

    def _check_settings(self, partial: bool) -> None:
        if self.solver not in ("sgd", "lbfgs"):
            raise TrainingError(f"solver={self.solver!r}", '"sgd" or "lbfgs"')
        check_count("max_epochs", self.max_epochs, 1)
        check_count("batch_size", self.batch_size, 1)
        if not 0 <= self.weight_decay < math.inf:
            raise TrainingError(f"weight_decay={self.weight_decay!r}", "a number of at least 0")
        if not 0 < self.validation_fraction < 1:
            raise TrainingError(f"validation_fraction={self.validation_fraction!r}", "a number in (0, 1)")
        if partial and self.early_stopping:
            raise TrainingError("partial_fit makes one epoch, so early_stopping has nothing to stop",
                                "fit, or early_stopping=False")
        validates = self.early_stopping or self.validation_data is not None
        if self.solver == "lbfgs" and (validates or self.dropout or partial):
            raise TrainingError('solver="lbfgs" minimises one fixed loss: early_stopping, validation_data, dropout '
                                "and partial_fit don't go with it",
                                'solver="sgd", or weight_decay to hold the weights back')

    # --- what is kept ----------------------------------------------------------------------
    def _remember(self, result: Result, search: Result | None = None) -> None:
        shown = result if search is None else search
        self.params_, self.history_ = result.params, shown.history
        self.loss_curve_ = list(shown.history.get("loss", []))
        self.n_iter_, self.best_epoch_ = len(self.loss_curve_), shown.best_epoch
        names = [f'params[{i}]["{name}"]' for i in range(len(result.params)) for name in ("W", "b")]
        leaves = [layer[name] for layer in result.params for name in ("W", "b")]
        # To go on from the weights that are kept; what was watched belongs to the data of this call.
        self._position = {**result.position, "params": dict(zip(names, leaves)), "state": result.state,
                          "best": None, "best_value": math.inf, "stopping": None}

    def _remember_lbfgs(self, params: Any, data: tuple[Any, ...], epochs: int, fresh: bool) -> None:
        found, losses = lbfgs(self._loss(self.network_, False), params, data, epochs)
        before = [] if fresh else self.loss_curve_
        self.params_, self.loss_curve_ = found, [*before, *losses]
        self.history_ = {"loss": list(self.loss_curve_)}
        self.n_iter_ = self.best_epoch_ = len(self.loss_curve_)

    def _outputs(self, X: Any) -> Any:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        return self.network_.apply(self.params_, X.astype(self.network_.dtype, copy=False))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "params_")

    def to_sklearn(self) -> Any:
        """scikit-learn's own MLPClassifier or MLPRegressor with these weights (for ONNX, say).

        Raises StorageError for an activation or output that scikit-learn doesn't have.
        """
        check_is_fitted(self)
        return to_sklearn(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write settings, weights, history and the optimizer's memory to a file without pickle.

        Raises StorageError for settings that are functions or objects: a file holds no code.
        """
        check_is_fitted(self)
        save_model(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read an estimator that :meth:`save` wrote; raises StorageError for another file."""
        model: Self = load_model(cls, path)
        return model
