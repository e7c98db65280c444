"""Does training give the numbers that hand-written backpropagation and the peers give?

Four tables:

1. Seed for seed: the protocol on which hand-written NumPy, autograd, torch and optax agree to
   the last test row (initial weights and minibatches fixed; their accuracies stand below in
   ``EXPECTED``, measured without diffkit).  diffkit in float64 must hit every number.
2. micrograd's demo, to the last digit of its notebook.
3. Estimators out of the box, with and without early stopping, with L-BFGS, beside
   scikit-learn's and a linear model.  Early stopping must stay within one standard deviation.
4. scikit-learn's check_estimator.

    python -m comparisons.training_accuracy          # about two minutes; exit code 1 if a number is missed
    python -m comparisons.training_accuracy protocol micrograd

Needs scikit-learn.
"""

from __future__ import annotations

import itertools
import random
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.datasets import make_moons
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from diffkit import nn, optim, train

SEEDS = range(5)
#: task: loader, hidden layers, epochs, batch size, and for each seed the peers' common result.
TASKS: dict[str, tuple[Callable[..., Any], tuple[int, ...], int, int]] = {
    "iris": (datasets.load_iris, (64, 32), 100, 32),
    "wine": (datasets.load_wine, (64, 32), 60, 32),
    "breast_cancer": (datasets.load_breast_cancer, (64, 32), 60, 32),
    "digits": (datasets.load_digits, (64, 32), 60, 32),
    "digits_wide": (datasets.load_digits, (256, 256), 30, 64),
    "diabetes": (datasets.load_diabetes, (32,), 60, 32),
}
EXPECTED: dict[str, list[str]] = {
    "iris": [".9737", ".9737", "1", ".8684", ".9474"],
    "wine": ["1", "1", "1", ".9556", "1"],
    "breast_cancer": [".965", ".965", ".979", ".993", ".979"],
    "digits": [".9778", ".9711", ".9667", ".9822", ".9756"],
    "digits_wide": [".9756", ".9733", ".9756", ".9844", ".9844"],
    "diabetes": ["59.52", "56.09", "55.99", "54.37", "55.12"],
}
#: Losses that micrograd's notebook prints for the first and the last step.  It adds scalars one
#: by one, arrays are added in pairs, so the first may differ in its last bit; at the last they meet.
MICROGRAD_FIRST, MICROGRAD_LAST = 0.8958441028683222, 0.010978370135492717


def load(task: str, seed: int) -> tuple[Any, Any, Any, Any]:
    """Training and test rows of the protocol, inputs standardised on the training rows."""
    X, y = TASKS[task][0](return_X_y=True)
    stratify = None if task == "diabetes" else y
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=stratify)
    scaler = StandardScaler().fit(X_train)
    return scaler.transform(X_train), y_train, scaler.transform(X_test), y_test


def initial(sizes: tuple[int, ...], seed: int) -> list[dict[str, Any]]:
    """Glorot-uniform weights from one generator, layer by layer, and zero biases."""
    rng = np.random.default_rng(seed)
    params = []
    for a, b in itertools.pairwise(sizes):
        limit = np.sqrt(6 / (a + b))
        params.append({"W": rng.uniform(-limit, limit, (a, b)), "b": np.zeros(b)})
    return params


def protocol(task: str, seed: int) -> float:
    """Test accuracy (diabetes: root mean squared error) after training by the protocol."""
    _, hidden, epochs, batch_size = TASKS[task]
    X, y, X_test, y_test = load(task, seed)
    regression = task == "diabetes"
    network = nn.MLP((X.shape[1], *hidden, 1 if regression else int(y.max()) + 1))
    mean, scale = (y.mean(), y.std()) if regression else (0.0, 1.0)
    if regression:
        y = ((y - mean) / scale).reshape(-1, 1)

    def loss(params: Any, x: Any, target: Any) -> Any:
        outputs = network.apply(params, x)
        return nn.mse(outputs, target) if regression else nn.cross_entropy(outputs, target)

    result = train.fit(loss, initial(network.sizes, seed), (X, y), optim.Adam(1e-3), epochs=epochs,
                       batch_size=batch_size, seed=1000 + seed, progress=False)
    outputs = network.apply(result.params, X_test)
    if regression:
        return float(np.sqrt(np.mean((outputs[:, 0] * scale + mean - y_test) ** 2)))
    return float(np.mean(outputs.argmax(axis=1) == y_test))


def micrograd() -> list[float]:
    """The 100 losses of micrograd's notebook: the same draws, network, loss and steps."""
    np.random.seed(1337)  # as the notebook; scikit-learn draws from it
    random.seed(1337)
    X, y = make_moons(n_samples=100, noise=0.1)
    y = 2.0 * y - 1

    def layer(inputs: int, outputs: int) -> dict[str, Any]:
        rows = [[random.uniform(-1, 1) for _ in range(inputs)] for _ in range(outputs)]
        return {"W": np.array(rows).T, "b": np.zeros(outputs)}

    network = nn.MLP((2, 16, 16, 1))
    params = [layer(2, 16), layer(16, 16), layer(16, 1)]

    def loss(params: Any, x: Any, target: Any) -> Any:
        return nn.hinge(network.apply(params, x)[:, 0], target) + nn.l2_penalty(params, 2e-4)

    result = train.fit(loss, params, (X, y), optim.SGD(lambda step: 1 - 0.9 * step / 100), epochs=100,
                       batch_size=None, progress=False)
    return result.history["loss"]


def agrees(found: float, expected: str) -> bool:
    """Equal to all digits that are written."""
    digits = len(expected.partition(".")[2])
    return abs(found - float(expected)) <= 0.5 * 10.0**-digits + 1e-12


def table_protocol() -> bool:
    good = True
    print("seed for seed: test accuracy (diabetes: RMSE), each number that of NumPy by hand, autograd, torch, optax")
    for task, expected in EXPECTED.items():
        start = time.perf_counter()
        found = [protocol(task, seed) for seed in SEEDS]
        missed = [seed for seed, value, number in zip(SEEDS, found, expected) if not agrees(value, number)]
        good = good and not missed
        shown = " ".join(f"{value:8.4f}" for value in found)
        print(f"  {task:14s}{shown}   {'as expected' if not missed else f'MISSED at seeds {missed}: {expected}'}"
              f"   ({time.perf_counter() - start:.1f} s)")
    return good


def table_micrograd() -> bool:
    losses = micrograd()
    good = abs(losses[0] - MICROGRAD_FIRST) <= np.spacing(losses[0]) and losses[-1] == MICROGRAD_LAST
    print(f"micrograd's notebook: step 0 {losses[0]!r}, step 99 {losses[-1]!r}   "
          f"{'as expected, to the last digit' if good else 'MISSED'}")
    return good


def contenders(task: str, seed: int) -> dict[str, Any]:
    """Estimators out of the box."""
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    ours: Any = train.MLPRegressor if task == "diabetes" else train.MLPClassifier
    theirs: Any = MLPRegressor if task == "diabetes" else MLPClassifier
    linear: Any = LinearRegression() if task == "diabetes" else LogisticRegression(max_iter=1000)
    return {"diffkit": ours(random_state=seed), "  early stopping": ours(early_stopping=True, random_state=seed),
            "  lbfgs": ours(solver="lbfgs", random_state=seed), "scikit-learn": theirs(random_state=seed),
            "  early stopping ": theirs(early_stopping=True, random_state=seed), "linear": linear}


def table_estimators() -> bool:
    """Mean and standard deviation over the seeds; whether early stopping stays within one of them."""
    good = True
    print("estimators out of the box: test accuracy (diabetes: RMSE), mean ± sd over five seeds, seconds a fit")
    for task in ("iris", "wine", "breast_cancer", "digits", "diabetes"):
        scores: dict[str, list[float]] = {}
        seconds: dict[str, float] = {}
        for seed in SEEDS:
            X, y, X_test, y_test = load(task, seed)
            mean, scale = (y.mean(), y.std()) if task == "diabetes" else (0, 1)
            for name, model in contenders(task, seed).items():
                start = time.perf_counter()
                model.fit(X, (y - mean) / scale if task == "diabetes" else y)
                seconds[name] = seconds.get(name, 0.0) + (time.perf_counter() - start) / len(SEEDS)
                if task == "diabetes":
                    predicted = model.predict(X_test) * scale + mean
                    score = float(np.sqrt(np.mean((predicted - y_test) ** 2)))
                else:
                    score = float(model.score(X_test, y_test))
                scores.setdefault(name, []).append(score)
        default, stopped = np.array(scores["diffkit"]), np.array(scores["  early stopping"])
        loss = (stopped.mean() - default.mean()) * (1 if task == "diabetes" else -1)
        kept = loss <= default.std(ddof=1)
        good = good and bool(kept)
        print(f"  {task}: early stopping {'within' if kept else 'NOT WITHIN'} one standard deviation")
        for name, values in scores.items():
            print(f"    {name:18s}{np.mean(values):8.3f} ± {np.std(values, ddof=1):.3f}   {seconds[name]:6.2f} s")
    return good


def table_checks() -> bool:
    from sklearn.utils.estimator_checks import check_estimator

    good = True
    print("scikit-learn's check_estimator")
    for kind in (train.MLPClassifier, train.MLPRegressor):
        results = check_estimator(kind(), on_skip=None, on_fail=None)
        counts = {status: sum(result["status"] == status for result in results)
                  for status in ("passed", "failed", "skipped", "xfail")}
        good = good and counts["failed"] == counts["xfail"] == 0
        print(f"  {kind.__name__:14s}" + ", ".join(f"{count} {status}" for status, count in counts.items()))
        for result in results:
            if result["status"] == "failed":
                print(f"    {result['check_name']}: {result['exception']!r}")
    return good


TABLES = {"protocol": table_protocol, "micrograd": table_micrograd, "estimators": table_estimators,
          "checks": table_checks}


def main(names: list[str]) -> int:
    warnings.simplefilter("ignore")  # scikit-learn's warnings about its own convergence
    good = [TABLES[name]() for name in names or TABLES]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
