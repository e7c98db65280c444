"""Random programs: a batch equals its examples, a sparse Hessian the dense one, compiled or not."""

import warnings

import numpy as np
from hypothesis import given, settings

import diffkit as dk


def close(a, b):
    assert np.shape(a) == np.shape(b)
    scale = np.max(np.abs(b), initial=1e-300, where=np.isfinite(b))
    assert np.allclose(a, b, rtol=1e-9, atol=1e-9 * scale + 1e-13, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(dk.strategies.programs())
def test_batches_of_values_and_derivatives(program):
    x = np.asarray(program.point, float)
    points = np.stack([x, x[::-1], x * (1 + 1e-6)])
    for f in (program, dk.grad(program), dk.hessian(program)):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            expected = np.stack([f(point) for point in points])
            close(dk.vmap(f)(points), expected)


@settings(max_examples=40, deadline=None)
@given(dk.strategies.programs())
def test_hessians_by_colours(program):
    x = np.asarray(program.point, float)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        dense = dk.hessian(program)(x)
        close(dk.sparse_hessian(program)(x).toarray(), dense)
        close(dk.compile(dk.hessian(program))(x), dense)
