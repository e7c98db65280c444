"""Sweeps between gathers and sums: random programs against the complex step, and what they spare."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.sparsity import waists
from diffkit.sparsity.laying import Laying
from diffkit.transforms import between, chained, choosing, compressed


def columns_by_complex_step(f, x):
    """The Jacobian by evaluating f at x + ih in each entry: neither rules nor tapes."""
    leaves, structure = dk.tree.flatten(x)
    columns = []
    for number, leaf in enumerate(leaves):
        for entry in range(leaf.size):
            moved = [other.astype(complex) for other in leaves]
            moved[number].reshape(-1)[entry] += 1e-30j
            outs = dk.tree.flatten(f(dk.tree.unflatten(structure, moved)))[0]
            columns.append(np.concatenate([np.ravel(out).imag for out in outs]) / 1e-30)
    return np.stack(columns, axis=1)


def hessian_by_differences(energy, x, step=1e-4):
    """Central differences of complex-step gradients."""
    gradient = [columns_by_complex_step(lambda z: np.reshape(energy(z), (1,)), x + side * step * unit)[0]
                for unit in np.eye(x.size) for side in (1, -1)]
    return (np.stack(gradient[::2]) - np.stack(gradient[1::2])) / (2 * step)


# --- random programs ------------------------------------------------------------------------------------

def program(seed):
    """A function of {"a": (5, 3), "b": (4,)} that gathers, computes row by row, and writes or adds its results."""
    def f(x):
        rng = np.random.default_rng(seed)
        count = int(rng.integers(2, 7))
        parts = [x["a"][rng.integers(0, 5, count)], np.take(x["a"].T, rng.integers(0, 5, count), axis=1).T,
                 np.stack([x["b"][rng.integers(0, 4, count)]] * 3, axis=1),
                 np.concatenate([x["b"], np.ones(2), x["a"][1:4].ravel()]).reshape(5, 3)[rng.integers(0, 5, count)],
                 np.broadcast_to(x["b"][1:], (count, 3)), x["a"][::-1][rng.integers(0, 5, count), ::-1],
                 np.sin(x["a"] * x["b"][0])[rng.integers(0, 5, count)],
                 x["a"][rng.integers(0, 5, count)] * np.exp(-x["b"][2] * x["b"][:3])]
        for _ in range(int(rng.integers(0, 4))):
            u, v = (parts[k] for k in rng.integers(0, len(parts), 2))
            parts.append([lambda u, v: np.sin(u) * v, lambda u, v: u + 0.5 * v, lambda u, v: np.exp(-u * u),
                          lambda u, v: u * v[:, :1], lambda u, v: np.roll(u, 1, axis=1) - v][rng.integers(5)](u, v))
        results = []
        for _ in range(int(rng.integers(1, 4))):
            u, v = (parts[k] for k in rng.integers(0, len(parts), 2))
            kind = int(rng.integers(7))
            if kind == 0:
                out = np.zeros(4, u.dtype)
                np.add.at(out, rng.integers(0, 4, count), u[:, 0])
                np.add.at(out, rng.integers(0, 4, count), v[:, 1])
            elif kind == 1:
                out = np.zeros((count + 1, 3), u.dtype)
                out[1:] += u
                out[:-1] += v
                out = out + np.pad(u, ((1, 0), (0, 0)))
            elif kind == 2:
                out = np.concatenate([u.T, v.T], axis=1)[:, rng.integers(0, 2 * count, 5)]
            elif kind == 3:
                out = np.sum(u * v, axis=1)
            elif kind == 4:
                out = [u[:, ::2], u]
            elif kind == 5:
                out = np.zeros((count, 3), u.dtype)
                out[:] = u
                out[rng.integers(0, count, 2)] = v[:2]
            else:
                out = u * u
            results.append(out)
        return results
    return f


def point(seed, dtype=float):
    rng = np.random.default_rng(seed)
    return {"a": rng.normal(size=(5, 3)).astype(dtype), "b": rng.normal(size=4).astype(dtype)}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["auto", "reverse"]))
def test_random_programs_have_the_jacobian_of_the_complex_step(seed, method):
    f = program(seed)
    J = dk.sparse_jacobian(f, method=method)
    prepared = J.prepare(point(seed))
    for x, found in [(point(seed), J(point(seed))), (point(seed + 1), prepared(point(seed + 1)))]:
        expected = columns_by_complex_step(f, x)
        assert np.allclose(found.toarray(), expected, rtol=1e-12, atol=1e-13)
    # The same entries whichever sweeps find them, and what is swept is cut where that takes fewer of them.
    whole = compressed.WholeSweeps(prepared.pattern, False, method, prepared.leaf_shapes, prepared.out_shapes)
    assert np.array_equal(prepared.pattern.indices, prepared.columns) and prepared.count <= whole.count


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_programs_cut_at_their_waists(seed):
    f = program(seed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(waists, "SPREAD", 1)
        patched.setattr(choosing, "FEW", -1)
        patched.setattr(choosing.Price, "is_less", lambda self, found, *_: type(found) is chained.Chain)
        prepared = dk.sparse_jacobian(f).prepare(point(seed))
        compiled = dk.compile(prepared.values)
        for x in (point(seed), point(seed + 1)):
            expected = columns_by_complex_step(f, x)
            for found in (prepared(x), prepared.matrix(prepared.values(x)), prepared.matrix(compiled(x))):
                assert np.allclose(found.toarray(), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_random_programs_compiled(backend):
    seen = 0
    for seed in range(12):
        f = program(seed)
        prepared = dk.sparse_jacobian(f, method="reverse").prepare(point(seed))
        seen += prepared.between
        compiled = dk.compile(prepared.values, backend=backend)
        for x in (point(seed), point(seed + 1), point(seed + 2)):
            found = prepared.matrix(compiled(x)).toarray()
            assert np.allclose(found, columns_by_complex_step(f, x), rtol=1e-12, atol=1e-13)
    assert seen >= 5


@pytest.mark.parametrize("seed", range(6))
def test_random_energies(seed):
    rng = np.random.default_rng(seed)
    i, j = rng.integers(0, 6, (2, 25))

    def energy(x):
        u, v = np.reshape(x, (6, 2))[i], np.reshape(x, (6, 2))[j]
        return np.sum(np.sin(u[:, 0] * v[:, 1]) + (u[:, 1] - v[:, 0]) ** 2) + np.sum(x[:-1] ** 3 * x[1:])

    x = rng.normal(size=12)
    expected = hessian_by_differences(energy, x)
    H = dk.sparse_hessian(energy)
    prepared = H.prepare(x)
    compiled = dk.compile(prepared.values)
    for found in (H(x), prepared(x), prepared.matrix(compiled(x))):
        assert np.allclose(found.toarray(), expected, rtol=1e-6, atol=1e-6)


# --- what it spares, and what it keeps --------------------------------------------------------------------

I, J = np.random.default_rng(0).integers(0, 40, (2, 300))


def springs(x):
    d = x[I] - x[J]
    return np.sum(np.sqrt(1 + np.sum(d * d, axis=1)))


def springs_by_hand(x):
    """Blocks (1 - d d / r²) / r of each spring, at (i, i) and (j, j), and with a minus sign at (i, j) and (j, i)."""
    total = np.zeros((x.shape[0], x.shape[1], x.shape[0], x.shape[1]))
    for i, j in zip(I, J):
        d = x[i] - x[j]
        r = np.sqrt(1 + d @ d)
        block = np.eye(x.shape[1]) / r - np.outer(d, d) / r ** 3
        for a, b, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
            total[a, :, b] += sign * block
    return total.reshape(x.size, x.size)


def test_a_hessian_of_springs_takes_two_directions_for_each_coordinate():
    x = np.random.default_rng(1).normal(size=(40, 3))
    prepared = dk.sparse_hessian(springs).prepare(x)
    assert prepared.between and prepared.count == 6
    for found in (prepared(x), dk.sparse_hessian(springs)(x), prepared.matrix(dk.compile(prepared.values)(x))):
        assert np.allclose(found.toarray(), springs_by_hand(x), rtol=1e-13, atol=1e-13)


def test_a_stencil_takes_one_direction():
    def heat(u):
        v = np.pad(u, 1)
        return u ** 3 - (v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2] - 4 * u)

    x = np.random.default_rng(2).normal(size=(7, 8))
    prepared = dk.sparse_jacobian(heat).prepare(x)
    assert prepared.count == 1 and prepared.columns.size == 5 * 56 - 2 * (7 + 8)
    assert np.allclose(prepared(x).toarray(), columns_by_complex_step(heat, x), rtol=1e-13, atol=1e-13)


def rows_of(m):
    """Observations that read 7 numbers each, and write two residuals."""
    table = np.random.default_rng(3).permutation(70).reshape(10, 7) % 33

    def residuals(x):
        a, b, c, *others = x[table].T
        return np.stack([np.sin(a * b) + others[0] * others[1], b * c * others[2] / (2 + others[3])], axis=1)
    return residuals


def test_entries_of_equal_observations_stand_side_by_side():
    residuals = rows_of(np)
    x = np.random.default_rng(4).normal(size=33)
    prepared = dk.sparse_jacobian(residuals).prepare(x)
    assert prepared.count == 2
    assert np.allclose(prepared(x).toarray(), columns_by_complex_step(residuals, x), rtol=1e-13, atol=1e-13)


def test_compiled_entries_are_laid_once():
    x = np.random.default_rng(4).normal(size=33)
    prepared = dk.sparse_jacobian(rows_of(np)).prepare(x)
    compiled = dk.compile(prepared.values)
    first = compiled(x)
    kept = first.copy()
    assert not np.array_equal(compiled(x + 1), kept) and np.array_equal(first, kept)  # memory of its own,
    assert "concatenate" in compiled.source and "order='K'" not in compiled.source    # without another copy


def test_single_precision_stays():
    x = np.random.default_rng(4).normal(size=33).astype(np.float32)
    f = rows_of(np)
    prepared = dk.sparse_jacobian(f).prepare(x)
    expected = columns_by_complex_step(f, x.astype(float))
    compiled, once = dk.compile(prepared.values), dk.sparse_jacobian(f)
    for values in (prepared.values(x), compiled(x), prepared(x).data, once(x).data):
        assert prepared.between and values.dtype == np.float32
        assert np.allclose(prepared.matrix(values).toarray(), expected, rtol=1e-5, atol=1e-6)


def test_another_path_is_found_out():
    def f(x):
        index = I[:60] if x[0] > 0 else J[:60]
        rows = x[index] * x[(index * 7) % 40] * x[(index * 3 + 1) % 40] * x[5] * x[(index + 2) % 40]
        return rows if x[1] > 0 else np.sin(x[index]) * np.cos(x[0])

    prepared = dk.sparse_jacobian(f).prepare(np.ones(40))
    assert prepared.between
    for signs in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        x = np.random.default_rng(5).uniform(0.5, 1, 40)
        x[:2] *= signs
        assert np.allclose(prepared(x).toarray(), columns_by_complex_step(f, x), rtol=1e-12, atol=1e-13)


def test_branches_that_were_not_taken_do_not_poison():
    i, j = I[:50], J[:50]
    x = np.random.default_rng(6).normal(size=40)
    x[::3] = 0

    def energy(x):
        u, v = x[i], x[j]
        return np.sum(np.where(u > 0, np.sqrt(u) * v * v, 0))

    expected = np.zeros((40, 40))
    for a, b in zip(i, j):
        if x[a] > 0:
            expected[a, a] -= x[b] ** 2 / (4 * x[a] ** 1.5)
            expected[b, b] += 2 * np.sqrt(x[a])
            expected[a, b] += x[b] / np.sqrt(x[a])
            expected[b, a] += x[b] / np.sqrt(x[a])
    prepared = dk.sparse_hessian(energy).prepare(np.ones(40))
    with np.errstate(all="ignore"):
        for found in (prepared(x), dk.sparse_hessian(energy)(x), prepared.matrix(prepared.values(x))):
            assert np.allclose(found.toarray(), expected, rtol=1e-12, atol=1e-13)


def test_where_a_run_has_no_such_cut_whole_sweeps_find_the_same_entries(monkeypatch):
    f, x = rows_of(np), np.random.default_rng(4).normal(size=33)
    prepared = dk.sparse_jacobian(f).prepare(x)
    expected = prepared.values(x)
    index = np.random.default_rng(9).integers(0, 33, (6, 33))

    def square(x):
        a, b, c, d, *_ = x[index]
        return np.sin(a * b) * c + a * d

    monkeypatch.setattr(between, "cut_of", lambda *args: None)
    for g in (f, square):  # as many columns as rows: neither may be taken for the other
        assert np.allclose(dk.sparse_jacobian(g)(x).toarray(), columns_by_complex_step(g, x), rtol=1e-13, atol=1e-13)
    assert np.allclose(prepared.values(x), expected, rtol=1e-13)
    assert np.allclose(prepared(x).toarray(), prepared.matrix(expected).toarray(), rtol=1e-13)


def test_numbers_that_all_rows_share_do_not_keep_them_apart():
    index, other = I[:60], J[:60]

    def f(p):
        x, focal = p["x"], p["focal"]
        return focal[0] * x[index] * x[other] * x[(index + 1) % 40] * np.exp(focal[1] * x[(index + 2) % 40])

    p = {"x": np.random.default_rng(5).normal(size=40), "focal": np.array([1.5, 0.5])}
    prepared = dk.sparse_jacobian(f).prepare(p)
    assert prepared.count == 1 and prepared.between
    assert np.allclose(prepared(p).toarray(), columns_by_complex_step(f, p), rtol=1e-12, atol=1e-13)


def cameras(p):
    """Rotations by Rodrigues' formula for each of 4 cameras, a focal length by its logarithm, points seen by them."""
    turn = p["turn"]
    angle = np.sqrt(np.sum(turn * turn, axis=1))[:, None, None]
    zero = np.zeros(4)
    a, b, c = turn.T
    cross = np.stack([zero, -c, b, c, zero, -a, -b, a, zero], axis=1).reshape(4, 3, 3)
    square = np.einsum("nij,njk->nik", cross, cross)
    rotation = np.eye(3) + np.sin(angle) / angle * cross + (1 - np.cos(angle)) / angle ** 2 * square
    at = np.sum(rotation[I % 4] * p["points"][J][:, None, :], axis=2) + np.array([0.0, 0.0, 5.0])
    return np.exp(p["focal"]) * at[:, :2] / at[:, 2:]


def test_what_is_computed_before_it_is_gathered_is_a_matrix_of_its_own():
    rng = np.random.default_rng(7)
    p = {"turn": rng.normal(size=(4, 3)), "focal": np.array(0.3), "points": rng.normal(size=(40, 3))}
    J = dk.sparse_jacobian(cameras)
    prepared = J.prepare(p)
    assert prepared.between and prepared.count == 12  # two for the residuals, nine for a rotation, one for the focal
    expected = columns_by_complex_step(cameras, p)
    compiled, native = dk.compile(prepared.values), dk.compile(prepared.values, backend="numba")
    for values in (J(p).data, prepared(p).data, prepared.values(p), compiled(p), native(p)):
        assert np.allclose(prepared.matrix(values).toarray(), expected, rtol=1e-11, atol=1e-12)


def test_slopes_of_a_waist_are_infinite_where_nothing_reads_them():
    def f(x):
        root, other = np.sqrt(x)[I], x[J]
        return np.where(x[I] > 0, root, 0) * other * x[(J + 1) % 40] * x[(J * 7) % 40]

    x = np.random.default_rng(8).uniform(1, 2, 40)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(choosing.Price, "is_less", lambda self, found, *_: type(found) is chained.Chain)
        prepared = dk.sparse_jacobian(f).prepare(x)
    assert type(prepared.sweeps) is chained.SweepsChained
    x[::3] = 0
    k, m = (J + 1) % 40, (J * 7) % 40
    expected = np.zeros((300, 40))
    live = np.flatnonzero(x[I] > 0)
    for column, slope in ((I, x[J] * x[k] * x[m] / (2 * np.sqrt(np.where(x > 0, x, 1))[I])),
                          (J, np.sqrt(x)[I] * x[k] * x[m]), (k, np.sqrt(x)[I] * x[J] * x[m]),
                          (m, np.sqrt(x)[I] * x[J] * x[k])):
        np.add.at(expected, (live, column[live]), slope[live])
    with np.errstate(all="ignore"):
        for values in (prepared(x).data, prepared.values(x), dk.compile(prepared.values)(x)):
            assert np.allclose(prepared.matrix(values).toarray(), expected, rtol=1e-12, atol=1e-13)


def test_sums_over_pairs_take_one_direction():
    def f(x):
        return np.sum(np.sin(x[:, None] * x[None, :]) * x, axis=1)

    x = np.random.default_rng(5).normal(size=20)
    prepared = dk.sparse_jacobian(f).prepare(x)
    assert prepared.count == 1
    assert np.allclose(prepared(x).toarray(), columns_by_complex_step(f, x), rtol=1e-12, atol=1e-13)


def test_inputs_that_are_read_once_are_not_cut():
    whole = dk.sparse_jacobian(lambda x: np.sin(x[::-1].reshape(4, 3)).T @ np.ones(4)).prepare(np.ones(12))
    assert not whole.between


# --- laying --------------------------------------------------------------------------------------------

ROWS = np.arange(42).reshape(7, 6)
PIECES = {
    "columns": ([ROWS[:, :3], ROWS[:, 3:5], ROWS[:, 5]], True),
    "columns in another order": ([ROWS[:, 5:], ROWS[:, :3], ROWS[:, 3:5]], True),
    "transposed columns": ([ROWS[:, :3].T, ROWS[:, 3:].T], True),
    "more axes": ([ROWS[:, :4].reshape(7, 1, 2, 2).transpose(2, 1, 0, 3), ROWS[:, 4:][None]], True),
    "end to end": ([ROWS[:3].ravel(), ROWS[3:].T], True),
    "backwards": ([ROWS[::-1]], False),
    "a permutation": ([np.random.default_rng(0).permutation(42)], False),
    "unequal steps": ([ROWS[:, :3], ROWS.ravel()[3:24].reshape(7, 3), ROWS.ravel()[24:]], False),
}


@pytest.mark.parametrize("name", PIECES)
def test_each_entry_is_laid_in_its_place(name):
    places, as_table = PIECES[name]
    to = np.concatenate([np.ravel(piece) for piece in places])
    shapes = [piece.shape for piece in places]
    values = [np.cos(np.arange(piece.size)).reshape(piece.shape) + k for k, piece in enumerate(places)]
    expected = np.zeros(42)
    np.add.at(expected, to, np.concatenate([np.ravel(value) for value in values]))
    put = Laying(shapes, np.arange(to.size), to, 42)
    assert np.array_equal(put(values), expected) and (put.table is not None) == as_table
    some = Laying(shapes, np.arange(0, to.size, 2), to[::2] // 2, 42)  # several to a place, none to others
    expected = np.zeros(42)
    np.add.at(expected, to[::2] // 2, np.concatenate([np.ravel(value) for value in values])[::2])
    assert np.allclose(some(values), expected, rtol=1e-15)
