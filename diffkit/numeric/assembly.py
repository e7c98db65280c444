"""From the estimates along the lines of x to one Result in the shape that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.numeric.inputs import Entries, Leaf
from diffkit.numeric.result import NONFINITE, OK, ONE_SIDED, STATUS_DTYPE, Array, Estimate, Result

_FIELDS = ("value", "error", "status", "left", "right", "noise", "steps")


def per_entry(estimates: Sequence[Estimate], entries: Entries, out_shape: tuple[int, ...], out_dtype: Any,
              evaluations: int) -> Result:
    """One estimate an entry of x, each of size ``prod(out_shape)``: leaves of ``out_shape + leaf.shape``."""
    parts = [_leaf(estimates[leaf.start:leaf.stop], leaf, out_shape, out_dtype) for leaf in entries.leaves]
    fields = {name: tree.unflatten(entries.structure, [part[name] for part in parts]) for name in _FIELDS}
    return Result(evaluations=evaluations, **fields)


def whole(estimate: Estimate, shape: tuple[int, ...], dtype: Any, evaluations: int, scalar: bool) -> Result:
    """One estimate that holds the whole answer, reshaped; a NumPy scalar with ``scalar``."""
    fields = {name: array.reshape(shape) for name, array in _rounded(estimate, dtype).items()}
    return Result(evaluations=evaluations,
                  **{name: array[()] if scalar and array.ndim == 0 else array for name, array in fields.items()})


def _rounded(estimate: Estimate, dtype: Any) -> dict[str, Array]:
    """The fields in the precision of x and f; what rounding takes away is added to the claim."""
    fields = {name: getattr(estimate, name) for name in _FIELDS}
    real = np.dtype(dtype).type(0).real.dtype
    with np.errstate(all="ignore"):
        if real.itemsize < fields["error"].dtype.itemsize:
            fields["error"] = fields["error"] + np.finfo(real).eps * np.abs(fields["value"])
        for name in ("value", "left", "right"):
            fields[name] = fields[name].astype(dtype)
        # Nothing is claimed of what is not a number, or no longer one in this precision.
        lost = ~np.isfinite(fields["value"]) | np.isnan(fields["error"])
        fields["error"] = np.where(lost, np.inf, fields["error"])
        fields["status"] = np.where(lost & np.isin(fields["status"], (OK, ONE_SIDED)), NONFINITE, fields["status"])
        for name in ("error", "noise", "steps"):
            fields[name] = fields[name].astype(np.result_type(real, np.float64))
    return fields


def _leaf(estimates: Sequence[Estimate], leaf: Leaf, out_shape: tuple[int, ...], out_dtype: Any) -> dict[str, Any]:
    """All fields of one leaf; real and imaginary parts of a complex leaf are joined first."""
    dtype = np.result_type(leaf.dtype, out_dtype)
    size = int(np.prod(out_shape))
    if leaf.complex:
        estimates = [_joined(real, imaginary) for real, imaginary in zip(estimates[::2], estimates[1::2])]
    columns: dict[str, Array] = {}
    rows = [_rounded(estimate, dtype) for estimate in estimates]
    empty = _rounded(Estimate.blank(0, dtype), dtype)
    for name in _FIELDS:
        stacked = (np.stack([row[name] for row in rows], axis=-1) if rows
                   else np.empty((size, 0), STATUS_DTYPE if name == "status" else empty[name].dtype))
        columns[name] = stacked.reshape(out_shape + leaf.shape)
    if leaf.kind is np.ndarray or out_shape:
        return dict(columns)
    return {name: array[()] for name, array in columns.items()}


def _joined(real: Estimate, imaginary: Estimate) -> Estimate:
    """d/d(real) - i d/d(imaginary): autograd's and JAX's gradient of a real function of a complex number."""
    return Estimate(real.value - 1j * imaginary.value, np.hypot(real.error, imaginary.error),
                    np.where(real.status == OK, imaginary.status, real.status),
                    real.left - 1j * imaginary.left, real.right - 1j * imaginary.right,
                    np.maximum(real.noise, imaginary.noise), np.minimum(real.steps, imaginary.steps))
