"""A call that NumPy would not take has NumPy's own error, word for word, in every mode."""

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import UnsupportedArgumentError

A = np.arange(6.0).reshape(2, 3) + 0.5

CALLS = [
    lambda x: np.dot(x, np.ones(2)), lambda x: x.dot(np.ones(7)), lambda x: np.inner(x, np.ones(2)),
    lambda x: np.vecdot(x, np.ones(2)), lambda x: np.matvec(x, np.ones(2)), lambda x: np.cross(x[:, :1], x[:, :1]),
    lambda x: np.einsum("ij,jk", x), lambda x: np.linalg.matrix_power(x, 2), lambda x: np.linalg.solve(x @ x.T, x[0]),
    lambda x: np.linalg.matrix_power(x @ x.T, 1.5), lambda x: np.linalg.tensorsolve(x, x[0]),
    lambda x: np.linalg.multi_dot([x, x]), lambda x: np.linalg.qr(x, mode="foo"), lambda x: np.fft.fft(x, axis=7),
    lambda x: np.fft.rfftn(x, s=(1, 2, 3), axes=(0, 1)), lambda x: np.trapezoid(x, axis=4),
    lambda x: np.unstack(x, axis=9),
    lambda x: np.convolve(x[0], x[1], "foo"), lambda x: np.correlate(x[0], x[1], mode=7),
    lambda x: np.linspace(x[0, 0], 1, 1.5), lambda x: np.sum(x, axis="a"), lambda x: np.mean(x, foo=1),
    lambda x: np.pad(x, 1, mode="foo"), lambda x: np.quantile(x, 0.5, method="foo"), lambda x: np.tensordot(x, x, 3),
    lambda x: np.median([x, x[0]]), lambda x: np.select([x > 0], [x, x]), lambda x: np.gradient(x, 1, 2, 3),
]


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
def test_the_error_is_numpys(call):
    with pytest.raises(Exception) as wanted:
        call(A)
    for run in (dk.grad, lambda f: lambda x: dk.jvp(f, (x,), (x,)), lambda f: dk.compile(dk.grad(f)), dk.hessian):
        with pytest.raises(type(wanted.value)) as found:
            run(lambda x: np.sum(call(x * 1.0)[0]))(A)
        assert str(found.value) == str(wanted.value)


def test_what_numpy_takes_is_refused_in_diffkits_words():
    with pytest.raises(UnsupportedArgumentError, match="writeable=True"):
        dk.grad(lambda x: np.sum(np.lib.stride_tricks.sliding_window_view(x, 2, 0, writeable=True)))(A)


def test_a_function_of_the_users_is_not_called_again():
    calls = []

    def fails(lane):
        calls.append(lane)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        dk.grad(lambda x: np.sum(np.apply_along_axis(fails, 0, x)))(A)
    assert len(calls) == 1
    with pytest.raises(ValueError, match="mine"):
        dk.grad(lambda x: np.sum(np.piecewise(x, [x > 0], [fails, 0.0])))(A)
    assert len(calls) == 2
