"""Where a training run stands: snapshots, and their form in a file.

A snapshot is parameters and optimizer state after some number of whole epochs, with the
states of the two random streams.  In a file the parameters stand under their paths
(``params[1]["W"]``), so that any container can be resumed, a dataclass too: the caller's own
params say what it looks like, and what does not fit is named.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.optim import Optimizer
from diffkit.train.faults import TrainingError

__all__ = ["Snapshot", "as_dict", "copied", "from_dict"]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """Where training stood after some number of whole epochs (never written to)."""

    params: Any
    state: dict[str, Any]
    epoch: int
    rng: Any = None
    noise: Any = None


def copied(container: Any) -> Any:
    """The container with fresh arrays in C order; other leaves as they are."""
    return tree.map(lambda leaf: np.array(leaf, order="C") if isinstance(leaf, np.ndarray) else leaf, container)


def as_dict(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as plain data for :func:`diffkit.train.save`."""
    params = dict(zip(tree.paths(snapshot.params, "params"), tree.flatten(snapshot.params)[0]))
    return {"epoch": snapshot.epoch, "params": params, "state": snapshot.state, "rng": snapshot.rng,
            "noise": snapshot.noise}


def from_dict(saved: Mapping[str, Any], params: Any, optimizer: Optimizer) -> Snapshot:
    """The snapshot again, in the containers of ``params``.

    Raises TrainingError naming the leaf that does not fit, OptimizerError for a foreign state.
    """
    leaves, structure = tree.flatten(params)
    names = tree.paths(params, "params")
    found = dict(saved["params"])
    for name in sorted({*names} ^ {*found}):
        there = "the checkpoint, not in params" if name in found else "params, not in the checkpoint"
        raise TrainingError(f"resume: {name} is in {there}", "params of the same network")
    for name, leaf in zip(names, leaves):
        other, here = np.asarray(found[name]), np.asarray(leaf)
        if other.shape != here.shape or other.dtype != here.dtype:
            raise TrainingError(f"resume: {name} has shape {here.shape} and dtype {here.dtype}, "
                                f"in the checkpoint {other.shape} and {other.dtype}", "params of the same network")
    restored = tree.unflatten(structure, [found[name] for name in names])
    # The optimizer's own look at a foreign state: an update by nothing, thrown away.
    _, after = optimizer.update(tree.map(np.zeros_like, restored), saved["state"], restored)
    if surplus := [key for key in saved["state"] if key not in after]:
        raise TrainingError(f"resume: the checkpoint holds {surplus}, which {type(optimizer).__name__} does not keep",
                            "the optimizer that the run began with",
                            "another optimizer from here on: params=result.params, without resume")
    return Snapshot(restored, dict(saved["state"]), int(saved["epoch"]), saved["rng"], saved["noise"])
