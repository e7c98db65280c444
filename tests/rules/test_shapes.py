"""Functions that move, join, cut, pad and choose entries: every argument, both modes, second order."""

import numpy as np
import pytest
from array_checks import check

import diffkit as dk

RNG = np.random.default_rng(5)
A = RNG.normal(size=(2, 3, 4))
B = RNG.normal(size=(3, 4))
S = RNG.normal(size=(3, 3))
V = RNG.normal(size=5)
F = np.asfortranarray(B)

SHAPES = {
    "reshape": (lambda x: np.reshape(x, (4, -1)), B),
    "reshape_int": (lambda x: np.reshape(x, 12), B),
    "reshape_fortran": (lambda x: np.reshape(x, (2, 6), order="F"), B),
    "reshape_any": (lambda x: np.reshape(x, (2, 6), order="A"), F),
    "reshape_method": (lambda x: x.reshape(2, 6), B),
    "reshape_method_tuple": (lambda x: x.reshape((2, -1), order="F"), B),
    "ravel": (np.ravel, A),
    "ravel_fortran": (lambda x: np.ravel(x, order="F"), B),
    "ravel_any": (lambda x: np.ravel(x, "A"), F),
    "ravel_memory": (lambda x: np.ravel(x, "K"), F),
    "ravel_memory_turned": (lambda x: np.ravel(np.transpose(x, (1, 2, 0)), "K"), A),
    "ravel_method": (lambda x: x.ravel(), B),
    "flatten": (lambda x: x.flatten(), B),
    "flat": (lambda x: x.flat[2] * np.sum(x), B),
    "transpose": (np.transpose, A),
    "transpose_axes": (lambda x: np.transpose(x, (1, -1, 0)), A),
    "transpose_method": (lambda x: x.transpose(2, 0, 1), A),
    "T": (lambda x: x.T, B),
    "mT": (lambda x: x.mT, A),
    "permute_dims": (lambda x: np.permute_dims(x, (2, 0, 1)), A),
    "moveaxis": (lambda x: np.moveaxis(x, 0, -1), A),
    "moveaxis_several": (lambda x: np.moveaxis(x, (0, 1), (2, 0)), A),
    "rollaxis": (lambda x: np.rollaxis(x, 2, 1), A),
    "rollaxis_default": (lambda x: np.rollaxis(x, -1), A),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1), A),
    "swapaxes_method": (lambda x: x.swapaxes(0, 1), A),
    "matrix_transpose": (np.matrix_transpose, A),
    "squeeze": (np.squeeze, A[:1]),
    "squeeze_axis": (lambda x: np.squeeze(x, axis=(0, -1)), A[:1, :, :1]),
    "expand_dims": (lambda x: np.expand_dims(x, (0, -1)), B),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 3, 4)), B[:, :1]),
    "broadcast_to_new": (lambda x: np.broadcast_to(x, (2, 5)), V),
    "broadcast_arrays": (lambda x: np.broadcast_arrays(x, np.ones((2, 1, 1), x.dtype), x[0]), B),
    "atleast_1d": (lambda x: np.atleast_1d(x, x[0, 0]), B),
    "atleast_2d": (lambda x: np.atleast_2d(x), V),
    "atleast_3d": (lambda x: np.atleast_3d(x, x[0]), B),
    "meshgrid": (lambda x: np.meshgrid(x, x[:2]), V),
    "meshgrid_ij": (lambda x: np.meshgrid(x, np.ones(2, x.dtype), x[1:3], indexing="ij"), V),
    "meshgrid_sparse": (lambda x: np.meshgrid(x, x[:2], sparse=True, copy=False), V),
    "astype": (lambda x: x.astype(np.longdouble).astype(float), B),
    "np_astype": (lambda x: np.astype(x, np.float64), B),
    "copy": (lambda x: np.copy(x) + x.copy(), B),
}
MOVING = {
    "windows": (lambda x: np.lib.stride_tricks.sliding_window_view(x, 3), V),
    "windows_axes": (lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2, 1), (0, -1, 1)), A),
    "flip": (np.flip, A),
    "flip_axis": (lambda x: np.flip(x, 1), A),
    "flip_axes": (lambda x: np.flip(x, (0, -1)), A),
    "fliplr": (np.fliplr, B),
    "flipud": (np.flipud, B),
    "roll": (lambda x: np.roll(x, 5), B),
    "roll_axis": (lambda x: np.roll(x, -1, axis=1), B),
    "roll_axes": (lambda x: np.roll(x, (1, 2), axis=(0, 1)), B),
    "roll_one_over_axes": (lambda x: np.roll(x, 1, axis=(0, 1)), B),
    "rot90": (np.rot90, B),
    "rot90_k": (lambda x: np.rot90(x, -3, axes=(2, 0)), A),
    "tile": (lambda x: np.tile(x, 3), B),
    "tile_reps": (lambda x: np.tile(x, (2, 1, 2)), B),
    "repeat": (lambda x: np.repeat(x, 2), B),
    "repeat_axis": (lambda x: np.repeat(x, [0, 2, 1], axis=0), B),
    "repeat_method": (lambda x: x.repeat(3, -1), B),
    "resize_larger": (lambda x: np.resize(x, (5, 4)), B),
    "resize_smaller": (lambda x: np.resize(x, 7), B),
    "delete": (lambda x: np.delete(x, 1), B),
    "delete_axis": (lambda x: np.delete(x, [0, -1], axis=1), B),
    "delete_slice": (lambda x: np.delete(x, slice(None, None, 2), axis=0), B),
    "delete_mask": (lambda x: np.delete(x, np.array([True, False, True]), 0), B),
    "diagonal": (np.diagonal, B),
    "diagonal_offset": (lambda x: np.diagonal(x, 1, 0, 2), A),
    "diagonal_method": (lambda x: x.diagonal(-1), B),
    "diag": (np.diag, V),
    "diag_offset": (lambda x: np.diag(x, -2), V),
    "diag_of_matrix": (lambda x: np.diag(x, 1), B),
    "diagflat": (lambda x: np.diagflat(x, 1), S),
    "trace": (np.trace, S),
    "trace_axes": (lambda x: np.trace(x, 1, 0, 2), A),
    "trace_method": (lambda x: x.trace(-1), B),
    "tril": (np.tril, B),
    "tril_k": (lambda x: np.tril(x, -1), A),
    "tril_vector": (np.tril, V),
    "triu": (lambda x: np.triu(x, 1), B),
    "trim_zeros": (lambda x: np.trim_zeros(x * np.array([0, 0, 1, 0, 1], np.int8)), V),
    "trim_front": (lambda x: np.trim_zeros(x * np.array([0, 1, 1, 0, 0], np.int8), "f"), V),
    "insert": (lambda x: np.insert(x, 2, x[0] ** 2), V),
    "insert_flat": (lambda x: np.insert(x, [1, 5], [7.0, 8.0]), B),
    "insert_axis": (lambda x: np.insert(x, 1, x[:, 0], axis=1), B),
    "insert_block": (lambda x: np.insert(x, [0, 2], x[:, :2], axis=1), B),
    "insert_slice": (lambda x: np.insert(x, slice(0, 3, 2), x[1], axis=0), B),
}
JOINING = {
    "stack": (lambda x, y: np.stack([x, y]), B, S @ B),
    "stack_last": (lambda x, y: np.stack((x, y, x), axis=-1), B, S @ B),
    "concatenate": (lambda x, y: np.concatenate((x, y, x)), B, S @ B),
    "concatenate_axis": (lambda x, y: np.concatenate([x, y], axis=-1), B, S),
    "concatenate_flat": (lambda x, y: np.concatenate([x, y, np.ones(2, x.dtype)], axis=None), B, S),
    "concatenate_dtype": (lambda x, y: np.concatenate([x, y], 1, dtype=np.longdouble).astype(float), B, S),
    "concat": (lambda x, y: np.concat([x, y], 1), B, S),
    "hstack": (lambda x, y: np.hstack([x, y]), B, S),
    "hstack_vectors": (lambda x, y: np.hstack([x, y, x[0]]), V, V[:2]),
    "vstack": (lambda x, y: np.vstack([x, y, x[0]]), S, 2 * S),
    "dstack": (lambda x, y: np.dstack([x, y]), B, 2 * B),
    "dstack_vectors": (lambda x, y: np.dstack([x, y]), V, V * V),
    "column_stack": (lambda x, y: np.column_stack([x, y]), V[:3], S),
    "append": (lambda x, y: np.append(x, y), B, S),
    "append_axis": (lambda x, y: np.append(x, y, axis=1), B, S),
    "block": (lambda x, y: np.block([[x, y], [y, x]]), B, 2 * B),
    "block_mixed": (lambda x, y: np.block([[x, np.zeros((3, 1), x.dtype)], [y, x[0, 0]]]), S, V[:3]),
    "block_vectors": (lambda x, y: np.block([x, y[0], y]), V, V[:2]),
    "split": (lambda x, y: np.split(x, 2, axis=1) + np.split(y, [1]), B, S),
    "array_split": (lambda x, y: np.array_split(x, 3) + np.array_split(y, [1, 2, 7], axis=1), V, S),
    "hsplit": (lambda x, y: np.hsplit(x, 2) + np.hsplit(y, [2]), B, V),
    "vsplit": (lambda x, y: np.vsplit(x, 3) + np.vsplit(y, [1]), B, S),
    "dsplit": (lambda x, y: np.dsplit(x, [1, 3]) + [y], A, V),
    "unstack": (lambda x, y: np.unstack(x, axis=-1) + np.unstack(y), B, V),
}
W = ((1, 2), (0, 3))
PADDING = {
    "default": (lambda x: np.pad(x, 2), B),
    "constant": (lambda x: np.pad(x, W, constant_values=3.5), B),
    "constants": (lambda x: np.pad(x, W, "constant", constant_values=((1, 2), (3, 4))), B),
    "moving_constant": (lambda x: np.pad(x, 1, "constant", constant_values=x[0, 0]), B),
    "empty": (lambda x: np.pad(x, W, "empty")[1:4, :4], B),
    "edge": (lambda x: np.pad(x, W, "edge"), B),
    "wrap": (lambda x: np.pad(x, ((4, 7), (0, 1)), "wrap"), B),
    "reflect": (lambda x: np.pad(x, ((1, 6), (2, 0)), "reflect"), B),
    "reflect_odd": (lambda x: np.pad(x, ((1, 6), (2, 0)), "reflect", reflect_type="odd"), B),
    "symmetric": (lambda x: np.pad(x, ((4, 2), (2, 0)), mode="symmetric"), B),
    "symmetric_odd": (lambda x: np.pad(x, W, "symmetric", reflect_type="odd"), B),
    "linear_ramp": (lambda x: np.pad(x, W, "linear_ramp"), B),
    "linear_ramp_ends": (lambda x: np.pad(x, W, "linear_ramp", end_values=((1, -2), (0.5, 3))), B),
    "mean": (lambda x: np.pad(x, W, "mean"), B),
    "mean_part": (lambda x: np.pad(x, W, "mean", stat_length=2), B),
    "maximum": (lambda x: np.pad(x, W, "maximum", stat_length=((1, 2), (3, 2))), B),
    "minimum": (lambda x: np.pad(x, 1, "minimum"), B),
    "median": (lambda x: np.pad(x, (2, 1), "median", stat_length=3), B),
    "scalar_axis": (lambda x: np.pad(x, 3, "edge"), A[:, :, 0]),
}
ALL = {**{f"shape:{k}": v for k, v in SHAPES.items()}, **{f"moving:{k}": v for k, v in MOVING.items()},
       **{f"joining:{k}": v for k, v in JOINING.items()}, **{f"pad:{k}": v for k, v in PADDING.items()}}


@pytest.mark.parametrize("case", ALL.values(), ids=ALL.keys())
def test_case(case):
    check(*case)


KEEPING = {key: case for key, case in ALL.items() if "dtype" not in key and "astype" not in key and "ramp" not in key}


@pytest.mark.parametrize("case", KEEPING.values(), ids=KEEPING.keys())
@pytest.mark.parametrize("dtype", [np.float32, np.longdouble, np.complex128])
def test_the_dtype_is_kept(case, dtype):
    f, *args = case
    args = tuple(x.astype(dtype) for x in args)
    if dtype == np.complex128:
        args = tuple(x * (1 - 0.3j) for x in args)

    def total(*xs):
        y = f(*xs)
        return sum(np.sum(part) for part in (y if type(y) in (tuple, list) else (y,)))

    _, pullback = dk.vjp(total, *args)
    cotangents = pullback(dtype(1))
    assert [c.dtype for c in cotangents] == [np.dtype(dtype)] * len(args)
    _, t = dk.jvp(total, args, args)
    assert t.dtype == dtype
    assert abs(t - sum(np.sum(c * x) for c, x in zip(cotangents, args))) <= 300 * np.finfo(dtype).eps


def test_order_of_axes_by_hand():
    g = np.arange(24.0).reshape(4, 2, 3)
    _, pullback = dk.vjp(lambda x: np.transpose(x, (2, 0, 1)), A)
    (found,) = pullback(g)
    for i, j, k in np.ndindex(A.shape):
        assert found[i, j, k] == g[k, i, j]


def test_repeated_places_add_up():
    assert np.array_equal(dk.grad(lambda x: np.sum(np.tile(x, 3)))(V), np.full(5, 3.0))
    assert np.array_equal(dk.grad(lambda x: np.sum(np.pad(x, 1, "edge")))(V), [2, 1, 1, 1, 2])
    assert np.array_equal(dk.grad(lambda x: np.sum(np.repeat(x, [0, 1, 2, 3, 4])))(V), [0, 1, 2, 3, 4])
    # pad 2 on each side, reflected without the edge: 2 1 | 0 1 2 3 4 | 3 2
    assert np.array_equal(dk.grad(lambda x: np.sum(np.pad(x, 2, "reflect")))(V), [1, 2, 3, 2, 1])


def test_astype_to_integers_is_flat():
    assert np.array_equal(dk.grad(lambda x: np.sum(x * x.astype(int)))(np.array([1.5, -2.5])), [1.0, -2.0])
    assert np.array_equal(dk.grad(lambda x: np.sum(x * (x > 0).astype(float)))(np.array([1.5, -2.5])), [1.0, 0.0])


@pytest.mark.parametrize("call", [
    lambda x: np.transpose(x, (0, 0)), lambda x: np.transpose(x, (0, 1, 2)), lambda x: np.moveaxis(x, 5, 0),
    lambda x: np.swapaxes(x, 0, 2), lambda x: np.expand_dims(x, 9), lambda x: np.squeeze(x, 0),
    lambda x: np.squeeze(x, 7), lambda x: np.reshape(x, (5, 5)), lambda x: np.reshape(x, (-1, -1)),
    lambda x: np.broadcast_to(x, (2, 2)), lambda x: np.roll(x, 1, axis=2), lambda x: np.flip(x, 3),
    lambda x: np.fliplr(x[0]), lambda x: np.repeat(x, 2, axis=4), lambda x: np.repeat(x, [1, 2], axis=0),
    lambda x: np.concatenate([x, x[0]]), lambda x: np.concatenate([x, x], axis=2), lambda x: np.concatenate([]),
    lambda x: np.stack([x, x[0]]), lambda x: np.stack([x, x], axis=7), lambda x: np.split(x, 5),
    lambda x: np.pad(x, 1, "nonsense"), lambda x: np.pad(x, 1, "edge", constant_values=1), lambda x: np.pad(x, -1),
    lambda x: np.pad(x, 1.5), lambda x: np.delete(x, 9, 0), lambda x: np.insert(x, 9, 0.0, 0),
    lambda x: np.diagonal(x[0]), lambda x: np.diagonal(x, axis1=0, axis2=0), lambda x: np.trace(x[0]),
    lambda x: np.rot90(x[0]), lambda x: np.tril(x[0, 0]), lambda x: np.atleast_1d(x, nonsense=1),
    lambda x: np.meshgrid(x, x, indexing="up"), lambda x: np.hsplit(x[0, 0], 1), lambda x: np.vsplit(x[0], 1),
    lambda x: np.dsplit(x, 1), lambda x: np.unstack(x[0, 0]), lambda x: np.block([[x], x]),
    lambda x: np.trim_zeros(x[0], "q"), lambda x: np.tile(x, -1), lambda x: np.rollaxis(x, 0, 9),
    lambda x: np.concatenate([x, x], nonsense=1), lambda x: np.reshape(x, (2, 6), nonsense=1),
    lambda x: np.stack([]), lambda x: np.hstack([x, x[0]]), lambda x: np.matrix_transpose(x[0]),
    lambda x: np.take(x, 99), lambda x: np.take(x, [0, 9], axis=0), lambda x: np.take(x, 0, axis=3),
    lambda x: np.take(x, 0, mode="nonsense"),  lambda x: x[5], lambda x: x[0, 0, 0],
    lambda x: x[[0, 9]], lambda x: x[np.array([True, False])], lambda x: x["a"], lambda x: x[0.5],
    lambda x: np.take_along_axis(x, np.array([0]), 0), lambda x: np.take_along_axis(x, np.array([[9]]), 0),
    lambda x: np.choose(np.array([0, 5]), [x[0, 0], x[0, 1]]), lambda x: np.compress([True] * 9, x, 0),
    lambda x: np.select([x > 0], [x, x]), lambda x: np.select([], []), lambda x: np.select([[1, 0, 1, 0]], [x]),
    lambda x: np.piecewise(x, [x > 0], [1, 2, 3]), lambda x: np.clip(x, 0), lambda x: np.clip(x, 0, 1, min=0),
    lambda x: np.where(x > 0, x), lambda x: np.where(x > 0, x, x[0, :2]), lambda x: np.quantile(x, 1.5),
    lambda x: np.quantile(x, 0.5, method="nonsense"), lambda x: np.quantile(x, [[[0.5]]]),
    lambda x: np.percentile(x, -1), lambda x: np.diff(x, -1), lambda x: np.diff(x[0, 0]),
    lambda x: np.diff(x, axis=4),
    lambda x: np.gradient(x, 1, 2, 3), lambda x: np.gradient(x, edge_order=3), lambda x: np.gradient(x[:, :1]),
    lambda x: np.gradient(x, [1.0, 2.0], axis=0), lambda x: np.interp(x, [0.0, 1.0], [0.0]),
    lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0], period=0), lambda x: np.partition(x, 9),
    lambda x: np.sort(x, kind="nonsense"), lambda x: np.sort(x, kind="stable", stable=True),
    lambda x: np.bincount([0, 1], x[0]), lambda x: np.trapezoid(x, [1.0, 2.0, 3.0]), lambda x: np.ediff1d(x, 1j),
    lambda x: np.multiply.outer(x), lambda x: np.subtract.reduce(x, (0, 1)), lambda x: np.logaddexp.reduce(x, 7),
])
def test_what_numpy_refuses_is_refused_alike(call):
    with pytest.raises(Exception) as plain:
        call(B)
    kind = type(plain.value)
    with pytest.raises(kind):
        dk.jvp(call, (B,), (B,))
    with pytest.raises(kind):
        dk.vjp(call, B)
