"""Arguments at which the rows without a domain are tested: (arguments, parameters) by name."""

import numpy as np

rng = np.random.default_rng(20)


def real(*shape):
    return rng.normal(size=shape)


def cplx(*shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def hermitian(*shape):
    a = cplx(*shape)
    return a + np.conj(np.swapaxes(a, -1, -2))


def symmetric(*shape):
    a = real(*shape)
    return a + np.swapaxes(a, -1, -2)


def positive(*shape):
    a = real(*shape)
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


def positive_complex(*shape):
    a = cplx(*shape)
    return a @ np.conj(np.swapaxes(a, -1, -2)) + np.eye(shape[-1])


SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, -1.0]])

EXAMPLES = {
    "conjugate": [((cplx(2, 3),), {}), ((real(3),), {})],
    "complex_sign": [((cplx(4),), {})],
    "matmul": [((real(2, 3), real(3, 4)), {}), ((real(3), real(3)), {}), ((real(3), real(3, 2)), {}),
               ((real(2, 3), real(3)), {}), ((real(4, 2, 3), real(3)), {}), ((real(3), real(4, 3, 2)), {}),
               ((real(4, 1, 2, 3), real(5, 3, 2)), {}), ((cplx(2, 3), cplx(3, 2)), {}),
               ((real(2, 3), cplx(3, 2)), {}), ((real(0, 3), real(3, 2)), {}), ((real(2, 0), real(0, 2)), {}),
               ((real(0, 3), real(3)), {})],
    "dot": [((real(2, 2, 3), real(2, 3, 2)), {}), ((real(2, 2, 3), real(3)), {}), ((real(3), real(2, 3, 2)), {}),
            ((real(2, 3), cplx(2, 3, 2)), {})],
    "inner": [((real(2, 3), real(4, 3)), {}), ((real(2, 2, 3), real(3)), {}), ((real(3), real(3)), {})],
    **{name: [((real(5), real(3)), {"mode": mode}) for mode in ("full", "same", "valid")]
       + [((real(2), real(4)), {"mode": "same"}), ((cplx(3), real(2)), {"mode": "full"}),
          ((cplx(2), cplx(3)), {"mode": "valid"}), ((real(1), real(1)), {"mode": "full"})]
       for name in ("convolve", "correlate")},
    "einsum": [((real(2, 3), real(3, 4)), {"subscripts": "ij,jk->ik"}), ((real(3, 3),), {"subscripts": "ii->"}),
               ((real(3, 3),), {"subscripts": "ii->i"}), ((real(2, 3),), {"subscripts": "ij->j"}),
               ((real(2, 3, 2),), {"subscripts": "iji->ji"}), ((real(2, 3), real(2)), {"subscripts": "ij,k->k"}),
               ((real(2, 3), real(3, 4), real(4, 2)), {"subscripts": "ij,jk,ki->i", "optimize": True}),
               ((real(1, 3), real(2, 3)), {"subscripts": "ij,ij->ij"}), ((real(2), real(2)), {"subscripts": "i,j->"}),
               ((real(2, 1), real(3, 2)), {"subscripts": "ij,jk->ik"}),
               ((cplx(2, 2), real(2, 2)), {"subscripts": "ii,ij->j"}),
               ((real(3, 3, 3),), {"subscripts": "iii->i"}), ((real(), real(2)), {"subscripts": ",i->i"})],
    "fft": [((x,), {"n": n, "axis": axis, "norm": norm}) for x in (real(5), cplx(2, 4)) for axis in (0,)
            for n in (2, x.shape[0], 7) for norm in (None, "ortho", "forward")],
    "ifft": [((x,), {"n": n, "axis": 0, "norm": norm}) for x in (real(5), cplx(2, 4))
             for n in (2, x.shape[0], 7) for norm in (None, "ortho", "forward")],
    "rfft": [((x,), {"n": n, "axis": x.ndim - 1, "norm": norm}) for x in (real(5), real(2, 4))
             for n in (3, 4, 5, 8) for norm in (None, "ortho", "forward")]
    + [((real(1),), {"n": 1, "axis": 0, "norm": None})],
    "irfft": [((x,), {"n": n, "axis": x.ndim - 1, "norm": norm}) for x in (cplx(3), cplx(2, 4))
              for n in (1, 4, 5, 8, 9) for norm in (None, "ortho", "forward")],
    "inv": [((real(3, 3),), {}), ((cplx(2, 2, 2),), {}), ((real(0, 0),), {})],
    "solve": [((real(3, 3), real(3, 2)), {}), ((cplx(2, 2, 2), real(2, 1)), {}), ((real(2, 2), real(4, 2, 3)), {})],
    "det": [((real(3, 3),), {}), ((cplx(2, 3, 3),), {}), ((real(1, 1),), {}), ((SINGULAR,), {}),
            ((np.zeros((3, 3)),), {}),
            ((np.zeros((2, 2)),), {})],
    "cofactors": [((real(3, 3),), {}), ((cplx(2, 2, 2),), {})],
    "second_cofactors": [((real(3, 3), real(3, 3)), {}), ((cplx(2, 2), cplx(2, 2)), {})],
    "slogdet": [((real(3, 3),), {}), ((cplx(2, 2, 2),), {})],
    "cholesky": [((positive(3, 3),), {}), ((positive_complex(2, 2, 2),), {}), ((np.tril(positive(3, 3)),), {})],
    "eigh": [((symmetric(3, 3),), {"UPLO": "L"}), ((real(4, 4),), {"UPLO": "U"}), ((hermitian(3, 3),), {"UPLO": "L"}),
             ((cplx(3, 3),), {"UPLO": "U"}), ((symmetric(2, 2, 2),), {"UPLO": "L"})],
    "eigvalsh": [((symmetric(3, 3),), {"UPLO": "L"}), ((real(3, 3),), {"UPLO": "U"}),
                 ((cplx(3, 3),), {"UPLO": "L"}),
                 ((cplx(2, 2, 2),), {"UPLO": "U"})],
    "eig": [((symmetric(3, 3) + 0.1 * real(3, 3),), {}), ((real(4, 4),), {}), ((cplx(3, 3),), {}),
            ((cplx(2, 2, 2),), {}), ((np.array([[0.3, -2.0], [1.0, 0.1]]),), {})],
    "eigvals": [((symmetric(3, 3) + 0.1 * real(3, 3),), {}), ((real(4, 4),), {}), ((cplx(2, 3, 3),), {})],
    "svd": [((real(3, 3),), {"full": False}), ((real(4, 2),), {"full": False}), ((real(2, 4),), {"full": False}),
            ((real(2, 3, 2),), {"full": False}), ((real(3, 2),), {"full": True}), ((real(2, 3),), {"full": True})],
    "svdvals": [((real(3, 2),), {}), ((cplx(2, 3),), {}), ((real(2, 2, 2),), {})],
    "qr": [((real(3, 3),), {}), ((real(4, 2),), {}), ((cplx(3, 2),), {}), ((cplx(2, 2, 2),), {}),
           ((cplx(2, 4),), {}), ((real(2, 3),), {})],
    "qr_complement": [((real(3, 2),), {}), ((real(2, 1),), {}), ((real(2, 3, 2),), {})],
    "roots": [((np.array([1.0, -0.4, -1.1, 0.2]),), {}), ((cplx(4),), {}), ((real(2),), {})],
    "pinv": [((real(3, 2),), {"rcond": None}), ((cplx(2, 3),), {"rcond": None}),
             ((real(2, 3, 3),), {"rcond": 1e-12})],
    "lstsq": [((real(4, 2), real(4, 2)), {"rcond": 1e-12}), ((real(2, 4), real(2, 1)), {"rcond": 1e-12}),
              ((cplx(3, 2), cplx(3, 1)), {"rcond": 1e-12})],
    "norm2": [((real(4),), {"axis": None}), ((cplx(2, 3),), {"axis": 1}), ((real(0),), {"axis": None}),
              ((real(2, 0),), {"axis": 1}), ((real(2, 3, 2),), {"axis": (0, 2)})],
    "norm_p": [((real(4),), {"p": p, "axis": 0}) for p in (3, 2.5, 0.5, -1, -2.5)]
    + [((cplx(2, 3),), {"p": 3, "axis": 1})],
    # --- reductions, shapes, indexing, order ---------------------------------------------------------
    "getitem": [((real(3, 4),), {"index": index}) for index in (
        1, slice(None, None, -2), (slice(1, 3), 0), (Ellipsis, None, 2), np.array([0, 2, 0]),
        (np.array([[0], [1]]), np.array([1, 1])), np.array([True, False, True]))] + [((cplx(3),), {"index": 2})],
    "scatter": [((real(2),), {"index": slice(1, 3), "shape": (4,)}),
                ((real(3),), {"index": np.array([0, 2, 0]), "shape": (4,)})],
    "setitem": [((real(3, 2), real(2)), {"index": 1}), ((real(3), real(3)), {"index": np.array([0, 2, 0])})],
    "add_at": [((real(3, 2), real(2)), {"index": 1}), ((real(3), real(3)), {"index": np.array([0, 2, 0])})],
    "pack": [((real(2), real(2), real(2), real(2)), {"shape": (2, 2)}), ((real(), real()), {"shape": (2,)})],
    "take_along_axis": [((real(2, 3), np.array([[0, 0], [2, 1]])), {"axis": 1})],
    "put_along_axis": [((real(2, 2), np.array([[0, 0], [2, 1]])), {"axis": 1, "shape": (2, 3)})],
    "bincount": [((real(4),), {"x": np.array([0, 2, 2, 1]), "minlength": 5})],
    "sum": [((real(2, 3, 2),), {"axis": axis, "keepdims": keep}) for axis in (None, 1, (0, 2))
            for keep in (False, True)]
    + [((cplx(3),), {}), ((real(0),), {})],
    "masked_sum": [((real(2, 3), real(), np.array([[True, False, True], [False, False, True]])),
                    {"axis": 1, "keepdims": False})],
    "add_reduceat": [((real(5, 2),), {"indices": np.array([0, 3, 1]), "axis": 0})],
    "cumsum": [((real(2, 3),), {"axis": 1}), ((cplx(3),), {"axis": 0})],
    "accumulate": [((1 + rng.random((3, 2)),), {"ufunc": name, "axis": 0})
                   for name in ("multiply", "maximum", "subtract", "divide", "hypot", "logaddexp")],
    "linear_recurrence": [((real(4, 2), real(4, 2)), {"axis": 0})],
    "prod": [((real(2, 3),), {"axis": 1, "keepdims": False}),
             ((np.array([1.5, 0.0, 2.0]),), {"axis": None, "keepdims": True}),
             ((np.array([1.5, 0.0, 0.0, 2.0]),), {"axis": None, "keepdims": False})],
    "logaddexp_reduce": [((real(2, 3),), {})], "logaddexp2_reduce": [((real(4),), {})],
    "max": [((real(2, 3),), {"axis": 1, "keepdims": False}), ((real(4),), {"axis": None, "keepdims": True})],
    "min": [((real(2, 3),), {"axis": 0, "keepdims": False})],
    "interp": [((np.array([0.3, 1.6, -1.0, 9.0]), np.array([0.0, 1.0, 2.5]), real(3), None, None), {})],
    "unwrap": [((np.cumsum(4 * rng.random(6)),), {"discont": None, "axis": 0, "period": 6.28})],
    "concatenate": [((real(2, 1), real(2, 3), real(2, 0)), {"axis": 1}), ((real(2), cplx(1)), {"axis": 0})],
    "reshape": [((real(2, 3),), {"shape": (3, 2)}), ((real(2, 3),), {"shape": -1, "order": "F"})],
    "transpose": [((real(2, 3, 4),), {"axes": (1, 2, 0)}), ((real(2, 3),), {"axes": None})],
    "broadcast_to": [((real(3, 1),), {"shape": (2, 3, 4)}), ((real(),), {"shape": (2,)})],
    "astype": [((real(3),), {"dtype": np.dtype(np.longdouble)}), ((real(3),), {"dtype": np.dtype(complex)})],
    "pad": [((real(3),), {"widths": ((1, 2),), "mode": mode}) for mode in ("constant", "edge", "reflect", "wrap")],
    "level_out": [((real(5), np.array([1, 1, 2, 3, 3])), {"axis": 0})],
    "sort": [((real(2, 4),), {"axis": 1}), ((np.array([2.0, 1.0, 3.5]),), {"axis": 0})],
    "partition": [((real(5),), {"kth": 2, "axis": 0})],
    "flip": [((real(2, 3),), {"axis": 1}), ((real(2, 3),), {"axis": None})],
    "roll": [((real(2, 3),), {"shift": 1, "axis": 1}), ((real(2, 3),), {"shift": 2, "axis": None})],
    "rot90": [((real(2, 3),), {"k": 1, "axes": (0, 1)})], "tile": [((real(2),), {"reps": (2, 3)})],
    "repeat": [((real(2, 2),), {"repeats": np.array([1, 3]), "axis": 0}), ((real(2),), {"repeats": 2, "axis": None})],
    "resize": [((real(3),), {"new_shape": (2, 4)})], "delete": [((real(4),), {"obj": 1, "axis": 0})],
    "diagonal": [((real(2, 3, 3),), {"offset": 1, "axis1": 1, "axis2": 2})],
    "diag": [((real(3),), {"k": 1})],
    "where": [((np.array([True, False, True]), real(3), real(1)), {})],
    "spread_root": [((np.array([0.5, 2.0, 3.0]), np.array([False, False, False])), {})],
}
