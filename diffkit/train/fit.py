"""fit: minimise a loss of parameters and data, and come back with the best of it.

    loss = lambda params, x, y: nn.cross_entropy(model.apply(params, x), y)
    result = dk.train.fit(loss, model.init(0), (x, y), optim.Adam(1e-3), epochs=20,
                          validation=(x_val, y_val), early_stopping=EarlyStopping())

The loss is any function that :func:`diffkit.value_and_grad` differentiates; params are any
nested container of arrays.  The work is done by :class:`diffkit.train.loop.Loop`; here are
the settings, the ways a run can end, and the files.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from diffkit.optim import Optimizer
from diffkit.train.faults import DivergedError, TrainingError, TrainingWarning
from diffkit.train.history import History
from diffkit.train.loop import Epoch, Loop, Loss
from diffkit.train.position import Snapshot
from diffkit.train.progress import ProgressKind, make_progress
from diffkit.train.stopping import EarlyStopping
from diffkit.train.storage import load, save

__all__ = ["Result", "fit"]


@dataclasses.dataclass(frozen=True)
class Result:
    """What training came to.

    Attributes
    ----------
    params, state : parameters and optimizer state: of the best epoch with
        ``EarlyStopping(restore_best=True)``, otherwise of the last whole epoch.
    history : a dict of lists, one entry an epoch: "loss" (mean over the epoch's minibatches, as
        they were met), "val_loss" and what else validation measures, "lr" (of the epoch's last
        step), "grad_norm" (mean, before clipping), and what callbacks added.  Plain floats.
    best_epoch : the epoch (from 1) with the lowest watched number: val_loss, or loss without
        validation; 0 if no epoch was finished.
    stopped : None when all epochs were made, else "early_stopping", "callback", "diverged" or
        "interrupted".
    position : where training stood, for ``resume``; a plain container for :func:`save`.
    """

    params: Any
    state: dict[str, Any]
    history: History
    best_epoch: int
    stopped: str | None
    position: dict[str, Any] = dataclasses.field(repr=False)


def fit(loss: Loss, params: Any, data: Any, optimizer: Optimizer, *, epochs: int, batch_size: int | None = 32,
        validation: Any = None, early_stopping: EarlyStopping | None = None,
        callbacks: Iterable[Callable[[Epoch], Any]] = (), clip: float | None = None,
        on_nan: Literal["raise", "stop", "ignore"] = "raise", compile: bool | Literal["auto"] = "auto",
        seed: np.random.Generator | int = 0, progress: ProgressKind = "auto",
        checkpoint: str | os.PathLike[str] | None = None,
        resume: str | os.PathLike[str] | Result | Mapping[str, Any] | None = None) -> Result:
    """Minimise ``loss(params, *data)`` over minibatches.

    Parameters
    ----------
    loss : ``loss(params, *batch)`` -> one number.  If it has a parameter ``rng``, it is called with
        a Generator while training (for dropout) and with None in validation.
    params : container of floating arrays; copied, never written to.
    data : tuple of arrays with one row an example; a single array; or None for a loss of the
        parameters alone.
    optimizer : of :mod:`diffkit.optim`.  One with a ReduceOnPlateau is copied and its plateau told
        the watched loss after every epoch.
    epochs : in total, with those before ``resume``.
    batch_size : rows of a step; None (or at least all rows) for full batches in the data's own order.
    validation : data of the same form, on which the loss is measured after every epoch; or a function
        ``validation(params)`` -> loss, or a dict of numbers with at least "loss".
    early_stopping : watches val_loss (without validation: loss).  A setting: the object is not changed.
    callbacks : each is called after every epoch with an :class:`~diffkit.train.loop.Epoch`; a true
        answer stops.
    clip : bound of the gradient's global norm.
    on_nan : a loss or gradient that is not finite: "raise" DivergedError (with ``error.result``), "stop"
        with a warning, or "ignore".
    compile : True replays the recorded step by :func:`diffkit.compile`, False calls ``loss`` at every
        step, "auto" compiles from 1000 steps on.  The numbers are the same, bit for bit; what ``loss``
        does besides computing (printing, counting) happens at every step only with False.
    seed : of the order of the rows (a Generator is advanced) and of the loss's ``rng``.
    progress : "auto" (a bar on a terminal, else a line an epoch, on stderr), "bar", "lines", False.
    checkpoint : file written after every epoch, whole or not at all.
    resume : a checkpoint, or an earlier Result: the run continues with the same numbers, bit for bit,
        as if it had not stopped.

    Returns
    -------
    Result

    Raises
    ------
    TrainingError for settings and data that do not fit; DivergedError; OptimizerError for a learning
    rate that is no number (looked at for the last step before the first is made); ShapeError naming
    a leaf.  Ctrl-C is not raised: it ends training with a warning, and the best weights are kept.

    Notes
    -----
    Memory, beside data and what the loss itself needs: params and state three times (current, last
    whole epoch, best epoch), and two gradients (as it came, and in one vector that the optimizer works in),
    compiled three.  With Adam, whose state is twice the parameters, that is 11 or 12 times the parameters.

    The arrays that the loss gets as params are read-only: they are the training's own.

    >>> from diffkit import optim
    >>> loss = lambda w, x, y: np.mean((x @ w - y)**2)
    >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]); y = np.array([1.0, 2.0, 3.0])
    >>> result = fit(loss, np.zeros(2), (x, y), optim.SGD(0.5), epochs=200, progress=False)
    >>> result.params.round(6)
    array([1., 2.])
    """
    if compile not in ("auto", True, False):
        raise TrainingError(f"compile={compile!r}", 'True, False or "auto"')
    if on_nan not in ("raise", "stop", "ignore"):
        raise TrainingError(f"on_nan={on_nan!r}", '"raise", "stop" or "ignore"')
    display = make_progress(progress)
    target = None if checkpoint is None else Path(checkpoint)
    if target is not None and not target.parent.is_dir():
        raise TrainingError(f"checkpoint={str(target)!r}: there is no folder {target.parent}", "one that is there")
    writing = [] if target is None else [lambda loop: save(target, loop.position())]
    loop = Loop(loss, params, data, optimizer, epochs=epochs, batch_size=batch_size, validation=validation,
                early_stopping=early_stopping, callbacks=callbacks, clip=clip, check=on_nan != "ignore",
                compile=compile, seed=seed, progress=display, after_epoch=writing)
    if resume is not None:
        loop.take_up(_position(resume))
    loop.check_schedule()
    display.start(loop.last.epoch, epochs, loop.steps_per_epoch)
    stopped: str | None = "an error"
    error: DivergedError | None = None
    try:
        # What is not finite is looked for and named; NumPy's warnings would only come before.
        with np.errstate(**({} if on_nan == "ignore" else {"all": "ignore"})):  # type: ignore[arg-type]
            stopped = loop.run()
    except KeyboardInterrupt:
        stopped = "interrupted"
    except DivergedError as caught:
        stopped, error = "diverged", caught
    finally:
        display.stop(stopped)
    result = _result(loop, stopped)
    if error is not None and on_nan == "raise":
        error.result = result
        raise error
    if stopped in ("interrupted", "diverged"):
        why = error.what if error is not None else f"interrupted in epoch {loop.last.epoch + 1}"
        kept = _kept(loop, stopped).epoch
        warnings.warn(f"{why}; the weights are those of epoch {kept}", TrainingWarning, stacklevel=2)
    return result


def _kept(loop: Loop, stopped: str | None) -> Snapshot:
    """The snapshot that is the result: the best one if it was asked for or training was cut short."""
    wants_best = loop.stopping is not None and loop.stopping.restore_best
    cut_short = stopped in ("interrupted", "diverged") and loop.measure is not None
    return loop.best if (wants_best or cut_short) and loop.best is not None else loop.last


def _result(loop: Loop, stopped: str | None) -> Result:
    kept = _kept(loop, stopped)
    return Result(kept.params, kept.state, loop.history, 0 if loop.best is None else loop.best.epoch, stopped,
                  loop.position())


def _position(resume: Any) -> Mapping[str, Any]:
    if isinstance(resume, Result):
        return resume.position
    found = load(resume) if isinstance(resume, (str, os.PathLike)) else resume
    if not isinstance(found, Mapping) or "epoch" not in found:
        raise TrainingError("resume: this is not a checkpoint of fit", "the file that checkpoint= wrote, or a Result",
                            "a file of dk.train.save with parameters alone: load it and hand it in as params")
    return found
