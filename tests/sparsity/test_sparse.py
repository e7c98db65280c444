"""Sparse Jacobians and Hessians: values against dense ones and formulas, counts of directions, prepared use."""

import subprocess
import sys

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError, UnsupportedArgumentError
from diffkit.sparsity import TooDenseError, colour_columns, colour_symmetric, pattern
from diffkit.sparsity.colouring import readable
from diffkit.sparsity.rows import Rows


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def by_hand(x):
    """Rosenbrock's Hessian: its three diagonals."""
    main = np.zeros(x.size)
    main[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    main[1:] += 200
    return main, -400 * x[:-1]


def heat(u):
    """One implicit step on a grid: a five-point star."""
    v = np.pad(u, 1)
    return u ** 3 - (v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2] - 4 * u)


def test_a_large_tridiagonal_hessian_takes_three_directions():
    x = np.random.default_rng(0).normal(size=10 ** 5)
    H = dk.sparse_hessian(rosenbrock)
    prepared = H.prepare(x)
    assert prepared.count == 3 and prepared.shape == (x.size, x.size)
    main, side = by_hand(x)
    for h in (H(x), prepared(x)):
        assert h.nnz == 3 * x.size - 2
        assert np.allclose(h.diagonal(), main, rtol=1e-14, atol=1e-9)
        assert np.allclose(h.diagonal(1), side, rtol=1e-14) and np.allclose(h.diagonal(-1), side, rtol=1e-14)


CASES = {
    "band": (lambda x: x[1:] * x[:-1] ** 2, (np.arange(1.0, 9.0),)),
    "grid": (heat, (np.random.default_rng(0).normal(size=(5, 6)),)),
    "two results": (lambda x: {"a": np.sin(x), "b": [x[0] * x[:3], 2.0]}, (np.arange(1.0, 6.0),)),
    "one row": (lambda x: np.sum(x ** 2), (np.arange(4.0),)),
    "nothing": (lambda x: np.floor(x), (np.arange(4.0),)),
    "empty": (lambda x: x * 2, (np.zeros(0),)),
    "matrix": (lambda x: np.eye(4)[:, :3] @ np.tanh(x) * x[0], (np.arange(3.0),)),
    "single": (lambda x: x[::2] * np.float32(2), (np.arange(6, dtype=np.float32),)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("method", ["auto", "reverse", "forward"])
def test_equal_to_the_dense_jacobian(name, method):
    f, args = CASES[name]
    dense = dk.tree.flatten(dk.jacobian(f)(*args))[0]
    columns = args[0].size
    expected = np.concatenate([np.reshape(block, (block.size // max(columns, 1), columns)) for block in dense])
    J = dk.sparse_jacobian(f, method=method)
    prepared = J.prepare(*args)
    for found in (J(*args), prepared(*args), prepared.matrix(prepared.values(*args))):
        assert found.shape == expected.shape and np.allclose(found.toarray(), expected, rtol=1e-14, atol=1e-14)
    assert np.array_equal(dk.compile(prepared.values)(*args), prepared.values(*args))


def test_the_direction_with_fewer_colours():
    wide = dk.sparse_jacobian(lambda x: np.sum(np.reshape(x, (10, 20)), axis=1)).prepare(np.ones(200))
    tall = dk.sparse_jacobian(lambda x: np.repeat(x, 20) ** 2 * x[0]).prepare(np.ones(10))
    assert wide.by_rows and wide.count == 1 and not tall.by_rows and tall.count == 2


def test_arguments_stand_side_by_side():
    def f(p, q, k):
        return p["a"] * q[:2] * k

    args = ({"a": np.array([1.0, 2.0])}, np.array([3.0, 4.0, 5.0]), 2.0)
    found = dk.sparse_jacobian(f, argnums=(0, 1))(*args).toarray()
    assert np.array_equal(found, [[6, 0, 2, 0, 0], [0, 8, 0, 4, 0]])
    assert np.array_equal(dk.sparse_jacobian(f, argnums=1)(*args).toarray(), [[2, 0, 0], [0, 4, 0]])


def bundle(count=60, cameras=4, points=15):
    """Bundle adjustment in small: each observation reads one camera and one point."""
    rng = np.random.default_rng(1)
    camera, point = rng.integers(0, cameras, count), rng.integers(0, points, count)
    params = {"cameras": rng.normal(size=(cameras, 6)) / 10 + [0, 0, 0, 0, 0, 5],
              "points": rng.normal(size=(points, 3))}
    seen = rng.normal(size=(count, 2))

    def residuals(p):
        view, place = p["cameras"][camera], p["points"][point]
        turned = place + np.cross(view[:, :3], place) + view[:, 3:]
        return turned[:, :2] / turned[:, 2:] - seen

    return residuals, params


def test_bundle_adjustment_takes_a_direction_for_each_parameter_of_a_camera_and_a_point():
    f, params = bundle()
    J = dk.sparse_jacobian(f)
    prepared = J.prepare(params)
    assert prepared.shape == (120, 4 * 6 + 15 * 3) and prepared.count == 2 and prepared.between
    blocks = dk.jacobian(f)(params)
    expected = np.concatenate([np.reshape(blocks[name], (120, -1)) for name in params], axis=1)
    compiled = prepared.matrix(dk.compile(prepared.values)(params))
    for found in (J(params), compiled):
        assert np.allclose(found.toarray(), expected, rtol=1e-13, atol=1e-13)

    def cost(p):
        return np.sum(f(p) ** 2)

    dense = dk.hessian(cost)(params)
    expected = np.block([[np.reshape(dense[a][b], (params[a].size, params[b].size)) for b in params] for a in params])
    assert np.allclose(dk.sparse_hessian(cost)(params).toarray(), expected, rtol=1e-12, atol=1e-11)


def arrow(x):
    return np.sum(x[1:] ** 2 * x[0]) + np.sum(np.sin(x))


def test_symmetry_spares_directions():
    x = np.random.default_rng(2).normal(size=300)
    prepared = dk.sparse_hessian(arrow).prepare(x)
    assert prepared.count == 2
    assert np.allclose(prepared(x).toarray(), dk.hessian(arrow)(x), rtol=1e-14)


# --- prepared, and another path -----------------------------------------------------------------------

def test_a_prepared_pattern_that_no_longer_fits_is_found_anew():
    def f(x):
        return x[1:] * x[:-1] if x[0] > 0 else x[1:] * x[0] + x[::-1][:-1]

    prepared = dk.sparse_jacobian(f).prepare(np.ones(5))
    for x in (np.arange(1.0, 6.0), -np.arange(1.0, 6.0), np.arange(1.0, 8.0)):
        assert np.allclose(prepared(x).toarray(), dk.jacobian(f)(x), rtol=1e-14)


def test_compiled_hessians_use_the_pattern():
    x = np.linspace(-1, 2, 40)
    compiled = dk.compile(dk.hessian(rosenbrock))
    main, side = by_hand(x)
    expected = np.diag(main) + np.diag(side, 1) + np.diag(side, -1)
    for scale in (1.0, 0.5):
        main, side = by_hand(x * scale)
        expected = np.diag(main) + np.diag(side, 1) + np.diag(side, -1)
        assert np.allclose(compiled(x * scale), expected, rtol=1e-13, atol=1e-11)
    assert "reshape((120,))" in compiled.source  # three directions of forty entries, and no more
    two = dk.jacobian(lambda x: {"p": np.sin(x["a"]) * x["b"], "q": [x["a"][::-1]]})
    point = {"a": x, "b": np.float64(2.0)}
    found, structure = dk.tree.flatten(dk.compile(two)(point))
    expected, other = dk.tree.flatten(two(point))
    assert structure == other and all(np.allclose(a, b, rtol=1e-14) for a, b in zip(found, expected))


# --- colours ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(30))
def test_colours_keep_columns_apart(seed):
    rng = np.random.default_rng(seed)
    rows, width = rng.integers(1, 30, 2)
    dense = rng.random((rows, width)) < rng.choice([0.05, 0.2, 0.5])
    pattern = Rows.from_keys(np.flatnonzero(dense), rows, width)
    colours = colour_columns(pattern, (width // 2, width - width // 2))
    for row in dense:
        used = colours[row]
        assert len(set(used)) == len(used)
    square = dense[:, :rows] if width >= rows else rng.random((rows, rows)) < 0.1
    square = square | square.T
    symmetric = Rows.from_keys(np.flatnonzero(square), rows, rows)
    colours = colour_symmetric(symmetric)
    alone = np.zeros((rows, rows), bool)
    alone[symmetric.numbers, symmetric.indices] = readable(symmetric, colours)
    assert ((alone | alone.T) == square).all()


# --- refusals -----------------------------------------------------------------------------------------

def test_what_is_refused():
    with pytest.raises(InputError, match="complex"):
        dk.sparse_jacobian(lambda x: x * 1j)(np.ones(3))
    with pytest.raises(InputError, match="no method"):
        dk.sparse_jacobian(np.sin, method="numeric")
    with pytest.raises(UnsupportedArgumentError, match=r"prepared\.values"):
        dk.grad(lambda x: dk.sparse_jacobian(np.sin)(x).sum())(np.ones(3))


def test_a_dense_pattern_is_refused_before_memory_is_full(monkeypatch):
    monkeypatch.setattr(pattern, "LIMIT", 1000)
    with pytest.raises(TooDenseError, match=r"dk\.jacobian"):
        dk.sparse_jacobian(lambda x: x * np.sum(x))(np.ones(100))
    assert dk.sparse_jacobian(np.sin)(np.ones(100)).nnz == 100


def test_scipy_is_asked_for_by_name():
    code = ("import sys; sys.modules['scipy'] = None; sys.modules['scipy.sparse'] = None\n"
            "import numpy as np, diffkit as dk\n"
            "try: dk.sparse_jacobian(np.sin)(np.ones(3))\n"
            "except dk.errors.MissingPackageError as error: print(error.want)")
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "pip install" in found


# --- calls of the user's own functions ----------------------------------------------------------------

@pytest.mark.parametrize("f", [
    dk.checkpoint(lambda x: np.sin(x) * x),
    lambda x: dk.checkpointed_loop(lambda s, i, y: np.sin(s) * y + i, x, 7, x),
    lambda x: dk.implicit(lambda a: np.sqrt(1 + a * a), lambda y, a: y * y - 1 - a * a)(x) * x[::-1],
    dk.black_box(lambda x: x**2),
])
def test_a_function_that_is_one_operation_reads_all_of_its_arguments(f):
    x = np.array([0.3, -0.7, 1.2, 0.4])
    assert np.allclose(dk.sparse_jacobian(f)(x).toarray(), dk.jacobian(f)(x), rtol=1e-12, atol=1e-12)


def test_hessian_of_a_checkpointed_loop():
    def energy(x):
        return np.sum(dk.checkpointed_loop(lambda s, i, y: np.sin(s) * y + i, x, 7, x))

    x = np.array([0.3, -0.7, 1.2, 0.4])
    assert np.allclose(dk.sparse_hessian(energy)(x).toarray(), dk.hessian(energy)(x), rtol=1e-12, atol=1e-12)
