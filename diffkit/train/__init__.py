"""Training: minibatches, the loop, early stopping, files, and estimators for scikit-learn.

    result = train.fit(loss, params, (x, y), optim.Adam(1e-3), epochs=20, validation=(xv, yv))
    train.save("model.npz", result.params)
    clf = train.MLPClassifier(hidden_layer_sizes=(64, 32)).fit(X, y)

``fit`` is a function of a loss and a container of arrays: nothing it is given is written to,
and what it returns is plain data.  It uses only diffkit's public transforms, as a user would.
scikit-learn is imported when an estimator is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from diffkit.errors import require
from diffkit.train.curves import plot_history
from diffkit.train.faults import DivergedError, StorageError, TrainingError, TrainingWarning
from diffkit.train.fit import Result, fit
from diffkit.train.loop import Epoch
from diffkit.train.lr_find import LRFind, lr_find
from diffkit.train.minibatches import minibatches
from diffkit.train.splits import split
from diffkit.train.stopping import EarlyStopping
from diffkit.train.storage import load, save

if TYPE_CHECKING:
    from diffkit.train.estimators import MLPClassifier, MLPRegressor

__all__ = [
    "DivergedError",
    "EarlyStopping",
    "Epoch",
    "LRFind",
    "MLPClassifier",
    "MLPRegressor",
    "Result",
    "StorageError",
    "TrainingError",
    "TrainingWarning",
    "fit",
    "load",
    "lr_find",
    "minibatches",
    "plot_history",
    "save",
    "split",
]


def __getattr__(name: str) -> Any:
    if name not in ("MLPClassifier", "MLPRegressor"):
        raise AttributeError(f"module 'diffkit.train' has no attribute {name!r}")
    try:
        found = getattr(importlib.import_module("diffkit.train.estimators"), name)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("sklearn"):
            raise
        raise require("scikit-learn", "learn", name) from None
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
