"""What ``diffkit train`` does: split, standardise, train, test, write.

A short program on the public names of the training layer, as a user would write it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkit import nn, optim, schedules, tree
from diffkit.train.command import _RATES
from diffkit.train.curves import plot_history
from diffkit.train.faults import TrainingError, TrainingWarning, check_count
from diffkit.train.fit import Result, fit
from diffkit.train.splits import split
from diffkit.train.stopping import EarlyStopping
from diffkit.train.storage import replace_file, save
from diffkit.train.tables import KNOWN, Table, known_table, read_table

__all__ = ["train_table"]

_OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "adam": optim.Adam, "adamw": optim.AdamW, "rmsprop": optim.RMSProp, "adagrad": optim.AdaGrad, "sgd": optim.SGD,
    "momentum": optim.Momentum, "nesterov": optim.Nesterov}
_SHARES = (0.7, 0.15, 0.15)
_PARTS = ("training", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Problem:
    """Standardised rows in three parts, the network, and what measures it."""

    table: Table
    parts: list[tuple[Any, Any]]
    mean: NDArray[Any]
    scale: NDArray[Any]
    target_mean: float
    target_scale: float
    network: nn.MLP

    @property
    def metric(self) -> str:
        return "accuracy" if self.table.classes else "rmse"

    def loss(self, outputs: Any, y: Any) -> Any:
        return nn.cross_entropy(outputs, y) if self.table.classes else nn.mse(outputs[:, 0], y)

    def measure(self, params: Any, part: int) -> dict[str, float]:
        """Loss and metric (in the target's own units) on a part."""
        X, y = self.parts[part]
        outputs = self.network.apply(params, X)
        if self.table.classes:
            metric = np.mean(outputs.argmax(axis=1) == y)
        else:
            metric = np.sqrt(np.mean((outputs[:, 0] - y) ** 2)) * self.target_scale
        return {"loss": float(self.loss(outputs, y)), self.metric: float(metric)}


def train_table(options: argparse.Namespace) -> Iterator[str]:
    """Do what the options say; yields what is to be printed, line by line."""
    folder = Path(options.output or ".").parent
    if not folder.is_dir():
        raise TrainingError(f"--output {options.output}: there is no folder {folder}", "a folder that is there")
    check_count("--seed", options.seed, 0)
    problem = _prepare(options)
    table, network = problem.table, problem.network
    kind = f"{len(table.classes)} classes" if table.classes else "a number to predict"
    sizes = ", ".join(f"{len(part[1])} {name}" for part, name in zip(problem.parts, _PARTS))
    yield f"{table.name}: {len(table.y)} rows, {len(table.features)} inputs, {kind}; {sizes} rows"
    optimizer, described = _optimizer(options, len(problem.parts[0][1]))
    count = sum(leaf.size for leaf in tree.flatten(network.init(0))[0])
    yield f"network {'-'.join(map(str, network.sizes))}, {options.activation}, {count} parameters; {described}"
    result, ending = _train(options, problem, optimizer)
    yield ending
    rows = [problem.measure(result.params, part) for part in range(3)]
    yield f"{'':12s}{'loss':>10s}{problem.metric:>10s}"
    for name, row in zip(_PARTS, rows):
        yield f"{name:12s}" + "".join(f"{value:10.4g}" for value in row.values())
    for path, what in _write(options, problem, result):
        yield f"{what:12s}{path}"
    if result.stopped == "diverged":
        raise TrainingError("training diverged: the weights that were written are those of the last finite epoch",
                            "a smaller --lr, or --clip 1")


def _prepare(options: argparse.Namespace) -> Problem:
    if options.data in KNOWN:
        for name, value in (("--target", options.target), ("--drop", options.drop), ("--category", options.category)):
            if value:
                raise TrainingError(f"{name} goes with a file; {options.data} is one of scikit-learn's data sets",
                                    f"diffkit train {options.data}")
        table = known_table(options.data)
    elif not options.data.lower().endswith((".csv", ".tsv", ".txt")) and not Path(options.data).exists():
        raise TrainingError(f"there is no data set {options.data!r}", f"a .csv file, or one of {', '.join(KNOWN)}")
    else:
        table = read_table(options.data, options.target, options.task, options.drop, options.category)
    parts = [(X, y) for X, y in split(table.X, table.y, shares=_SHARES, seed=options.seed,
                                      stratify=table.y if table.classes else None)]
    X, y = parts[0]
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = X.mean(axis=0), X.std(axis=0)
        middle, spread = (0.0, 1.0) if table.classes else (float(y.mean()), float(y.std()) or 1.0)
    for name, number in zip([*table.features, options.target], [*scale, spread]):
        if not np.isfinite(number):
            raise TrainingError(f"{options.data}: the numbers in {name!r} are too large to be standardised",
                                "another unit", "a typing error in an exponent")
    scale = np.where(scale > 0, scale, 1.0)
    scaled = [((X - mean) / scale, y if table.classes else (y - middle) / spread) for X, y in parts]
    network = nn.MLP((X.shape[1], *options.hidden, len(table.classes) if table.classes else 1), options.activation,
                     dropout=options.dropout)
    return Problem(table, scaled, mean, scale, middle, spread, network)


def _optimizer(options: argparse.Namespace, rows: int) -> tuple[optim.Optimizer, str]:
    lr = _RATES[options.optimizer] if options.lr is None else options.lr
    steps = max(1, options.epochs * -(-rows // max(1, options.batch_size)))
    made: dict[str, Callable[[], Any]] = {
        "constant": lambda: lr, "cosine": lambda: schedules.cosine(lr, steps),
        "linear": lambda: schedules.linear(lr, steps), "one_cycle": lambda: schedules.one_cycle(lr, steps),
        "plateau": lambda: schedules.ReduceOnPlateau(lr, patience=5),
        "warmup_cosine": lambda: schedules.warmup_cosine(lr, steps // 10, steps, start=lr / 100)}
    rate = made[options.schedule]()
    described = f"{options.optimizer}, learning rate {lr:g} ({options.schedule}), batches of {options.batch_size}"
    return _OPTIMIZERS[options.optimizer](rate), described


def _train(options: argparse.Namespace, problem: Problem, optimizer: optim.Optimizer) -> tuple[Result, str]:
    """Train; also how it ended, in words."""
    network, decay = problem.network, options.weight_decay
    if not decay >= 0:
        raise TrainingError(f"--weight-decay {decay}", "a number of at least 0")

    def penalised(value: Any, params: Any) -> Any:
        return value + nn.l2_penalty([layer["W"] for layer in params], decay) if decay else value

    def quiet(params: Any, X: Any, y: Any) -> Any:
        return penalised(problem.loss(network.apply(params, X), y), params)

    def drawing(params: Any, X: Any, y: Any, rng: Any = None) -> Any:
        return penalised(problem.loss(network.apply(params, X, rng, training=rng is not None), y), params)

    def on_training_rows(epoch: Any) -> None:
        epoch.row[problem.metric] = problem.measure(epoch.params, 0)[problem.metric]

    watch = EarlyStopping(options.patience if options.patience > 0 else max(1, options.epochs))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TrainingWarning)
        result = fit(drawing if options.dropout else quiet, network.init(options.seed), problem.parts[0], optimizer,
                     epochs=options.epochs, batch_size=options.batch_size, clip=options.clip, seed=options.seed,
                     validation=lambda params: problem.measure(params, 1), early_stopping=watch, on_nan="stop",
                     callbacks=[on_training_rows], progress=False if options.quiet else "auto")
    for warning in caught:
        if not issubclass(warning.category, TrainingWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    made = len(result.history.get("loss", []))
    endings = {None: f"{made} epochs", "early_stopping": f"stopped after {made} epochs, {watch.patience} without a "
               "lower validation loss", "interrupted": f"interrupted after {made} epochs"}
    ending = endings.get(result.stopped) or str(caught[-1].message)
    return result, f"{ending}; weights of epoch {result.best_epoch}" if result.stopped != "diverged" else ending


def _write(options: argparse.Namespace, problem: Problem, result: Result) -> Iterator[tuple[Path, str]]:
    prefix = options.output or problem.table.name
    model, history, picture = (Path(f"{prefix}{ending}") for ending in (".npz", ".history.json", ".png"))
    save(model, {"params": result.params, "sizes": problem.network.sizes, "activation": options.activation,
                 "features": problem.table.features, "mean": problem.mean, "scale": problem.scale,
                 "classes": problem.table.classes, "target_mean": problem.target_mean,
                 "target_scale": problem.target_scale})
    yield model, "model"
    text = json.dumps(result.history, indent=1)
    replace_file(history, lambda file: file.write(text.encode()))
    yield history, "history"
    if not result.history:
        return
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    plot_history(result.history, ax=left)
    plot_history(result.history, problem.metric, ax=right)
    figure.suptitle(f"{problem.table.name}, network {'-'.join(map(str, problem.network.sizes))}")
    replace_file(picture, lambda file: figure.savefig(file, format="png", dpi=120))
    yield picture, "curves"
