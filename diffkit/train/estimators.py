"""MLPClassifier and MLPRegressor: the training layer as scikit-learn estimators.

They go where scikit-learn's own go (Pipeline, GridSearchCV, cross_val_score) and differ in
what they let you say: any NumPy function as activation or loss, any optimizer and schedule,
dropout, class weights, validation data of your own, and early stopping that watches the
validation loss with patience and goes back to the best weights.

Scale the inputs (StandardScaler), and try a linear model first: on small tables it is often
as good.  This module needs scikit-learn; nothing else in diffkit does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from diffkit import nn
from diffkit.train.estimator_base import MLPBase
from diffkit.train.faults import TrainingError

__all__ = ["MLPClassifier", "MLPRegressor"]


class MLPClassifier(ClassifierMixin, MLPBase):  # type: ignore[misc]
    """A network that tells classes apart.

    Parameters
    ----------
    hidden_layer_sizes : units of the hidden layers: a tuple or one int.
    activation : a name in :mod:`diffkit.nn` (also "logistic", "identity"), or any NumPy function, or a
        list of them, one a hidden layer.
    optimizer : "adam", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adamw", or an optimizer of
        :mod:`diffkit.optim` (which then brings its own learning rate).
    learning_rate : a number or a schedule step -> rate.
    batch_size : rows of a step.
    max_epochs : epochs (for lbfgs: iterations) of one call of ``fit``.
    weight_decay : λ of the penalty (λ/2)·Σ‖W‖² on the weights (not the biases).
    dropout : share of the hidden units that is switched off while training.
    early_stopping : hold ``validation_fraction`` of the rows back (stratified) and stop after ``patience``
        epochs without a lower loss on them.  Then train once more, from the same start, on all rows and
        for the best number of epochs, so that no row is lost (Goodfellow et al., algorithm 7.2);
        history_ is that of the search.
    validation_data : (X, y) to measure on instead: then the weights are those of the best epoch.  Without
        ``early_stopping`` it is only recorded.
    patience : of early stopping, in epochs; "auto" waits for 20 epochs and at least 1000 steps (on few rows
        an epoch is so few steps that 20 of them end training before it has begun).
    class_weight : "balanced", a dict {class: weight}, or None.  It multiplies sample_weight.  Rows held
        back keep their weights; validation_data has none.
    loss : None for the cross-entropy, a name in :mod:`diffkit.nn`, or any loss(scores, labels) in NumPy
        with scores (n, classes) and labels 0 … classes − 1; weights reach it as ``sample_weight=``.
    solver : "sgd" for minibatches with ``optimizer``, "lbfgs" for SciPy's L-BFGS-B on all rows (fast on
        small data).
    random_state : an int, None for a new one each time, a numpy Generator or RandomState.  NumPy's
        global generator is never used.
    warm_start : ``fit`` goes on from where it stopped, the optimizer's memory included.
    dtype : of the network; "auto" takes float32 for float32 inputs, float64 otherwise.
    verbose : show progress.

    Attributes
    ----------
    classes_, n_features_in_, params_ (list of {"W", "b"}), network_ (a diffkit.nn.MLP), history_ (dict of
    lists), loss_curve_, n_iter_ (epochs made), best_epoch_.

    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]]); y = np.array(["low", "low", "high", "high"])
    >>> MLPClassifier((8,), solver="lbfgs", random_state=0).fit(X, y).predict(X).tolist()
    ['low', 'low', 'high', 'high']
    """

    _default_loss = "cross_entropy"

    def __init__(self, hidden_layer_sizes: int | Sequence[int] = (100,), activation: Any = "relu",
                 optimizer: Any = "adam", learning_rate: float | Callable[[int], float] = 1e-3,
                 batch_size: int = 32, max_epochs: int = 200, weight_decay: float = 0.0, dropout: float = 0.0,
                 early_stopping: bool = False, validation_fraction: float = 0.1, validation_data: Any = None,
                 patience: int | Literal["auto"] = "auto", class_weight: Any = None,
                 loss: str | Callable[..., Any] | None = None, solver: Literal["sgd", "lbfgs"] = "sgd",
                 random_state: Any = None, warm_start: bool = False, dtype: Any = "auto", verbose: int = 0) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validation_data = validation_data
        self.patience = patience
        self.class_weight = class_weight
        self.loss = loss
        self.solver = solver
        self.random_state = random_state
        self.warm_start = warm_start
        self.dtype = dtype
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPClassifier:
        """Train on X (n, features) and labels y (n,); rows of weight 0 are left out.

        Raises ValueErrors for shapes and labels that do not fit, one class only, and impossible
        settings; MissingPackageError for solver="lbfgs" without SciPy; DivergedError.
        """
        self._fit(X, y, sample_weight, self.max_epochs, fresh=not self._goes_on())
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> MLPClassifier:
        """One epoch more on X, y; n calls are fit with max_epochs=n, bit for bit.

        ``classes`` lists all labels that will ever come; the first call needs it unless y holds them all.
        """
        if isinstance(self.class_weight, str):
            raise TrainingError('partial_fit can\'t balance classes it has not seen: class_weight="balanced"',
                                "a dict {class: weight}")
        self._fit(X, y, sample_weight, 1, fresh=not hasattr(self, "params_"), partial=True, classes=classes)
        return self

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Probabilities (n, classes): the softmax of the network's outputs."""
        probabilities: NDArray[Any] = nn.softmax(self._outputs(X))
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row."""
        best = np.argmax(self._outputs(X), axis=1)
        found: NDArray[Any] = self.classes_[best]
        return found

    def _targets(self, y: Any, fresh: bool, dtype: Any, weight: Any, classes: Any = None) -> NDArray[Any]:
        if y is None:
            raise TrainingError("requires y to be passed, but the target y is None", "fit(X, y)")
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if fresh:
            self.classes_ = np.unique(y if classes is None else classes)
        if len(self.classes_) < 2:
            only = self.classes_.tolist()[0]
            raise TrainingError(f"y holds one class only ({only!r}): there is nothing to tell apart",
                                "labels of at least two classes", "rows of the other classes have weight 0")
        places = np.searchsorted(self.classes_, y)
        known = self.classes_[np.minimum(places, len(self.classes_) - 1)] == y
        if not np.all(known):
            raise TrainingError(f"y holds the label {y[~known].tolist()[0]!r}, which is not among the classes "
                                f"{self.classes_.tolist()}",
                                "all labels at the first fit, or partial_fit(…, classes=all_labels)")
        encoded: NDArray[Any] = places
        return encoded

    def _weights(self, targets: NDArray[Any], weight: Any) -> Any:
        if self.class_weight is None:
            return weight
        if isinstance(self.class_weight, dict):
            classes = self.classes_.tolist()
            if not (set(self.class_weight) <= set(classes) or set(classes) <= set(self.class_weight)):
                raise TrainingError(f"class_weight={self.class_weight!r} for the classes {classes}",
                                    "{label: weight} with labels as they are in y")
            if not all(0 <= value < math.inf for value in self.class_weight.values()):
                raise TrainingError(f"class_weight={self.class_weight!r}", "finite numbers of at least 0")
            of_class = np.array([float(self.class_weight.get(label, 1.0)) for label in self.classes_.tolist()])
        else:
            present = np.unique(targets)
            of_class = np.ones(len(self.classes_))
            of_class[present] = compute_class_weight(self.class_weight, classes=present, y=targets,
                                                     sample_weight=weight)
        weights = of_class[targets]
        return weights if weight is None else weights * weight

    def _strata(self, targets: NDArray[Any]) -> Any:
        return targets

    def _metrics(self, outputs: Any, targets: Any) -> dict[str, float]:
        return {"accuracy": float(np.mean(np.argmax(outputs, axis=1) == targets))}

    def _output_count(self, targets: NDArray[Any]) -> int:
        return len(self.classes_)


class MLPRegressor(RegressorMixin, MLPBase):  # type: ignore[misc]
    """A network that predicts numbers; parameters as of :class:`MLPClassifier`, and

    loss : None for the mean squared error, a name in :mod:`diffkit.nn` ("huber", "mae", …), or any
        loss(predictions, targets) in NumPy, both of shape (n, targets).
    standardize_y : train on targets of mean 0 and standard deviation 1 (predictions come back in the
        targets' own units; losses in history_ do not).

    y may have several columns.

    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> model = MLPRegressor((16,), activation="tanh", solver="lbfgs", random_state=0).fit(X, X[:, 0]**2)
    >>> bool(model.score(X, X[:, 0]**2) > 0.99)
    True
    """

    _default_loss = "mse"

    def __init__(self, hidden_layer_sizes: int | Sequence[int] = (100,), activation: Any = "relu",
                 optimizer: Any = "adam", learning_rate: float | Callable[[int], float] = 1e-3,
                 batch_size: int = 32, max_epochs: int = 200, weight_decay: float = 0.0, dropout: float = 0.0,
                 early_stopping: bool = False, validation_fraction: float = 0.1, validation_data: Any = None,
                 patience: int | Literal["auto"] = "auto", loss: str | Callable[..., Any] | None = None,
                 solver: Literal["sgd", "lbfgs"] = "sgd", random_state: Any = None, warm_start: bool = False,
                 dtype: Any = "auto", verbose: int = 0, standardize_y: bool = True) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validation_data = validation_data
        self.patience = patience
        self.loss = loss
        self.solver = solver
        self.random_state = random_state
        self.warm_start = warm_start
        self.dtype = dtype
        self.verbose = verbose
        self.standardize_y = standardize_y

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train on X (n, features) and y (n,) or (n, targets); rows of weight 0 are left out."""
        self._fit(X, y, sample_weight, self.max_epochs, fresh=not self._goes_on())
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """One epoch more on X, y; n calls are fit with max_epochs=n.  The first call fixes the scale of y."""
        self._fit(X, y, sample_weight, 1, fresh=not hasattr(self, "params_"), partial=True)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Predictions of the shape that y had: (n,) or (n, targets)."""
        predictions: NDArray[Any] = self._outputs(X) * self._scale + self._mean
        return predictions if self._has_columns else predictions[:, 0]

    def _targets(self, y: Any, fresh: bool, dtype: Any, weight: Any, classes: Any = None) -> NDArray[Any]:
        y = np.asarray(y, dtype)
        columns: NDArray[Any] = y.reshape(len(y), -1)
        if fresh:
            self._has_columns = y.ndim == 2
            self._mean, self._scale = np.zeros(columns.shape[1], dtype), np.ones(columns.shape[1], dtype)
            if self.standardize_y:
                self._mean = np.average(columns, axis=0, weights=weight).astype(dtype)
                spread = np.sqrt(np.average((columns - self._mean) ** 2, axis=0, weights=weight))
                self._scale = np.where(spread > 0, spread, 1.0).astype(dtype)
        elif columns.shape[1] != len(self._mean):
            raise TrainingError(f"y has {columns.shape[1]} columns, before it had {len(self._mean)}",
                                "the same targets at every call")
        return (columns - self._mean) / self._scale

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
