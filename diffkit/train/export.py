"""Estimators in files, and in scikit-learn's own classes, which other tools know how to convert."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from diffkit.optim import Optimizer
from diffkit.train.faults import StorageError
from diffkit.train.storage import load, save

__all__ = ["load_model", "save_model", "to_sklearn"]

_NAMES = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "logistic": "logistic", "identity": "identity"}


def to_sklearn(model: Any) -> Any:
    """scikit-learn's MLPClassifier or MLPRegressor that predicts what ``model`` predicts.

    Two classes are one logistic output there: its weights are the difference of ours.  The scale
    of a regressor's target goes into its last layer.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import LabelBinarizer

    name = model.activation if isinstance(model.activation, str) else None
    if name not in _NAMES:
        raise StorageError(f"scikit-learn has no activation {model.activation!r}", "one of " + ", ".join(_NAMES))
    weights = [layer["W"].copy() for layer in model.params_]
    biases = [layer["b"].copy() for layer in model.params_]
    hidden = tuple(weight.shape[1] for weight in weights[:-1])
    if hasattr(model, "classes_"):
        twin = MLPClassifier(hidden, activation=_NAMES[name])
        twin._label_binarizer = LabelBinarizer().fit(model.classes_)
        twin.classes_, twin.out_activation_ = model.classes_, "softmax"
        if len(model.classes_) == 2:
            weights[-1] = weights[-1][:, 1:] - weights[-1][:, :1]
            biases[-1] = biases[-1][1:] - biases[-1][:1]
            twin.out_activation_ = "logistic"
    else:
        twin = MLPRegressor(hidden, activation=_NAMES[name])
        weights[-1] = weights[-1] * model._scale
        biases[-1] = biases[-1] * model._scale + model._mean
        twin.out_activation_ = "identity"
    twin.coefs_, twin.intercepts_ = weights, biases
    twin.n_outputs_ = biases[-1].size
    twin.n_layers_ = len(weights) + 1
    twin.n_features_in_ = model.n_features_in_
    if hasattr(model, "feature_names_in_"):
        twin.feature_names_in_ = np.array(model.feature_names_in_, dtype=object)
    twin.n_iter_, twin.loss_curve_ = model.n_iter_, list(model.loss_curve_)
    twin.loss_ = twin.loss_curve_[-1] if twin.loss_curve_ else np.nan
    return twin


def save_model(model: Any, path: str | os.PathLike[str]) -> None:
    """Write what an estimator was told and what it learned; StorageError for settings that are code."""
    settings = model.get_params(deep=False)
    kept = {name: value for name, value in vars(model).items() if name not in settings}
    network = kept.pop("network_")
    for name, value in settings.items():
        if callable(value) or isinstance(value, (Optimizer, np.random.Generator, np.random.RandomState)):
            raise StorageError(f"{name}={value!r} is code or an object, which a file without code can't hold",
                               f"dk.train.save(path, model.params_), or a model with {name} given by name")
    if not isinstance(settings["dtype"], str):
        settings["dtype"] = np.dtype(settings["dtype"]).name
    if "feature_names_in_" in kept:  # an array of objects in scikit-learn
        kept["feature_names_in_"] = np.array([str(name) for name in kept["feature_names_in_"]])
    save(path, {"estimator": type(model).__name__, "settings": settings, "sizes": list(network.sizes),
                "network_dtype": network.dtype.name, "kept": kept})


def load_model(cls: Any, path: str | os.PathLike[str]) -> Any:
    """The estimator that :func:`save_model` wrote; StorageError for another file."""
    found = load(path)
    kind = found.get("estimator") if isinstance(found, dict) else None
    if kind != cls.__name__:
        raise StorageError(f"{path} holds {kind or 'no estimator'}, not {cls.__name__}",
                           "the class whose save wrote the file", "a file of dk.train.save: dk.train.load(path)")
    model = cls(**found["settings"])
    for name, value in found["kept"].items():
        setattr(model, name, value)
    if hasattr(model, "feature_names_in_"):
        model.feature_names_in_ = model.feature_names_in_.astype(object)
    model.network_ = model._network(found["sizes"][0], found["sizes"][-1], np.dtype(found["network_dtype"]))
    return model
