"""What a recording keeps of large arrays: their layout, and what shares memory with what; not their memory."""

import tracemalloc

import numpy as np
import pytest

import diffkit as dk
from diffkit.compiling import emit, standins
from diffkit.compiling.standins import StandIns, is_stand_in, is_whole


def test_views_share_memory_as_the_arrays_do():
    keeper = StandIns()
    a, b = np.ones((300, 400)), np.asfortranarray(np.ones((300, 400)))
    values = [a, b, a[10:20], a[100:], a.T, a[::-1, ::2], b[5], np.broadcast_to(a[0], (7, 400)), a.reshape(-1)[-3:],
              b[:, 7:9]]
    stand_ins = [keeper.of(value) for value in values]
    for value, one in zip(values, stand_ins):
        assert is_stand_in(one) and not is_stand_in(value)
        assert one.shape == value.shape and one.dtype == value.dtype and one.strides == value.strides
        assert one.flags.c_contiguous == value.flags.c_contiguous
        assert one.flags.f_contiguous == value.flags.f_contiguous and is_whole(one) == (value.base is None)
    for i, one in enumerate(values):
        for j, other in enumerate(values):
            assert np.may_share_memory(stand_ins[i], stand_ins[j]) == np.may_share_memory(one, other)
    assert keeper.of(a) is stand_ins[0]


def test_inputs_and_small_arrays_stand_for_themselves():
    keeper = StandIns()
    a, small = np.ones(100_000), np.ones(100)
    keeper.keep(a)
    assert keeper.of(a) is a and keeper.of(small) is small and keeper.of(3.0) == 3.0
    view = a[5:]
    assert keeper.of(view) is view
    pair = keeper.of((np.ones(100_000), small))
    assert type(pair) is tuple and is_stand_in(pair[0]) and pair[1] is small


def test_a_new_array_at_an_old_one_s_place_is_another():
    keeper = StandIns()
    found = [keeper.of(np.ones(50_000)) for _ in range(10)]
    assert not any(np.may_share_memory(found[i], found[j]) for i in range(10) for j in range(i))


def programs(x):
    z = np.zeros(x.shape)
    z[1:] = np.sin(x[:-1]) * x[1:]
    z[::2] += x[::2]
    w = z.reshape(-1, 4).T.copy()
    w *= 2.0
    r = np.linalg.qr(w @ w.T)[1]
    return np.sum(np.tanh(w)) + np.sum(r) + np.sum(np.roll(z, 3) * np.flip(x)) + np.max(np.stack([z, x]))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("large", [1, 1 << 16])
def test_programs_are_the_same(monkeypatch, large, backend):
    monkeypatch.setattr(standins, "LARGE", large)
    monkeypatch.setattr(emit, "LARGE", large)
    for f in (programs, dk.grad(programs)):
        compiled = dk.compile(f, backend=backend)
        for size in (64, 40_000):
            x = np.linspace(-1.0, 1.0, size)
            for _ in range(2):
                np.testing.assert_allclose(compiled(x), f(x), rtol=1e-11, atol=1e-11)
        assert compiled.reason == ""


def test_a_first_call_takes_the_memory_of_an_eager_one():
    def f(x):
        for _ in range(20):
            x = x + 0.01 * np.sin(np.roll(x, 1))
        return np.sum(x)

    def peak(g):
        tracemalloc.start()
        g(x)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    x = np.linspace(0.1, 1.0, 200_000)
    eager = dk.grad(f)
    compiled = dk.compile(eager)
    most = peak(eager)
    assert most > 20 * x.nbytes  # one array a step
    assert peak(compiled) < 1.3 * most
    assert peak(compiled) < 1.3 * most
    assert compiled.reason == ""


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 0, 1), (2, 1, 0)])
def test_a_large_transposed_result_is_handed_out_as_it_is(axes, backend):
    def f(x):
        return np.transpose(x * x + x, axes)

    compiled = dk.compile(f, backend=backend)
    x = np.linspace(0.0, 1.0, 64 * 50 * 4).reshape(64, 50, 4)
    _, second, third = (compiled(x) for _ in range(3))
    assert "order='K'" not in compiled.source
    assert third.strides == f(x).strides
    third[...] = 0.0
    np.testing.assert_array_equal(second, (x * x + x).transpose(axes))
    assert not np.shares_memory(second, compiled(x))


def test_a_large_result_that_was_broadcast_is_the_callers_to_write_into():
    compiled = dk.compile(lambda x: np.broadcast_to(np.sin(x), (100, 100)))
    x = np.linspace(0.0, 1.0, 10_000).reshape(100, 100)
    for _ in range(3):
        result = compiled(x)
    result[0, 0] = 5.0
    assert result[0, 0] == 5.0 and result[1, 1] == np.sin(x)[1, 1]
