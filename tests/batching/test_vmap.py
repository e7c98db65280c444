"""vmap: JAX's meaning, in every composition, and what it refuses."""

import dataclasses

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import BatchedBranchError, InputError, ShapeError

X = np.random.default_rng(1).normal(size=(4, 3))
W = np.random.default_rng(2).normal(size=(3, 3))


def program(x):
    """Elementwise, a product, an index, a reduction, a write."""
    z = np.zeros(3)
    z[0] = x[0] ** 2
    z[1:] = np.sin(x[1:]) * x[0]
    z[1:] *= 2
    return np.sum(np.tanh(W @ z)) + np.max(z) * np.linalg.norm(x)


def each(f, *columns):
    return np.stack([f(*row) for row in zip(*columns)])


def close(a, b):
    assert np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-13, atol=1e-13)


# --- what vmap means ------------------------------------------------------------------------------

def test_axes_of_arguments_and_results():
    a, b = np.arange(12.0).reshape(3, 4), np.arange(8.0).reshape(2, 4)
    assert np.array_equal(dk.vmap(np.multiply, (1, 1), 1)(a[:2], b), a[:2] * b)
    assert np.array_equal(dk.vmap(lambda x, y: x + y, (0, None))(a, b[0]), a + b[0])
    assert np.array_equal(dk.vmap(lambda x: x, -1)(a), a.T)
    assert np.array_equal(dk.vmap(lambda x, *, y: x * y)(a[0], y=b[0]), a[0] * b[0])
    assert dk.vmap(lambda x: (x, 3.0), 0, (0, None))(a)[1] == 3.0


def test_containers_and_prefixes_of_axes():
    @dataclasses.dataclass
    class State:
        position: np.ndarray
        speed: np.ndarray

    params = {"w": [X, X[0]], "b": 2.0}
    found = dk.vmap(lambda p: {"y": p["w"][0] * p["w"][1] + p["b"]}, ({"w": [0, None], "b": None},))(params)
    assert np.array_equal(found["y"], X * X[0] + 2)
    moved = dk.vmap(lambda s: State(s.position + s.speed, s.speed))(State(X, 2 * X))
    assert isinstance(moved, State) and np.array_equal(moved.position, 3 * X)


def test_every_example_has_its_own_type_and_shape():
    seen = []

    def f(x):
        seen.append((x.shape, x.ndim, len(x), isinstance(x, np.ndarray), isinstance(x[0], float)))
        return x
    dk.vmap(f)(X)
    assert seen == [((3,), 1, 3, True, True)]


def test_dtypes_are_those_of_one_example():
    for dtype in (np.float32, np.complex128, np.int64, np.bool_):
        x = X.astype(dtype)
        for f in (lambda x: x * 1, lambda x: x.T, lambda x: x + 1, lambda x: x.sum()):
            expected = each(f, x)
            found = dk.vmap(f)(x)
            assert found.dtype == expected.dtype and np.array_equal(found, expected)
    assert dk.vmap(dk.grad(lambda x: np.sum(0.1 * x ** 2)))(X.astype(np.float32)).dtype == np.float32


def test_no_examples():
    assert dk.vmap(program)(X[:0]).shape == (0,)
    assert dk.vmap(dk.grad(program))(X[:0]).shape == (0, 3)


def test_results_are_the_callers_own():
    found = dk.vmap(lambda x: x[0] * 0 + np.ones(3))(X)
    found[0] = 5
    constant = dk.vmap(lambda x: np.arange(3.0))(X)
    constant[0] = 7
    assert constant[1, 0] == 0
    same = dk.vmap(lambda x: x)(X)
    before = X.copy()
    same[...] = 0
    assert np.array_equal(X, before)


# --- compositions ----------------------------------------------------------------------------------

def test_derivatives_of_each_example():
    close(dk.vmap(program)(X), each(program, X))
    close(dk.vmap(dk.grad(program))(X), each(dk.grad(program), X))
    close(dk.vmap(dk.grad(program, method="forward"))(X), each(dk.grad(program), X))
    close(dk.vmap(dk.hessian(program))(X), each(dk.hessian(program), X))
    close(dk.vmap(lambda x, v: dk.jvp(program, (x,), (v,))[1])(X, X[::-1]),
          each(lambda x, v: dk.jvp(program, (x,), (v,))[1], X, X[::-1]))
    close(dk.vmap(lambda x, v: dk.hvp(program, x, v))(X, X[::-1]),
          each(lambda x, v: dk.hvp(program, x, v), X, X[::-1]))
    close(dk.vmap(lambda x, g: dk.vjp(program, x)[1](g)[0])(X, X[:, 0]),
          each(lambda x, g: dk.vjp(program, x)[1](g)[0], X, X[:, 0]))


def test_derivatives_of_a_batch():
    def total(x):
        return np.sum(dk.vmap(program)(x) ** 2)

    def plain(x):
        return sum(program(row) ** 2 for row in x)

    close(dk.grad(total)(X), dk.grad(plain)(X))
    close(dk.grad(total, method="forward")(X), dk.grad(plain)(X))
    close(dk.hessian(total)(X), dk.hessian(plain)(X))
    block = dk.jacobian(dk.vmap(program))(X)
    expected = np.zeros((4, 4, 3))
    expected[range(4), range(4)] = each(dk.grad(program), X)
    close(block, expected)
    # a gradient of gradients of examples
    close(dk.grad(lambda w: np.sum(dk.vmap(dk.grad(lambda w, x: np.sum(np.sin(w * x))), (None, 0))(w, X) ** 2))(W[0]),
          dk.grad(lambda w: sum(np.sum((np.cos(w * x) * x) ** 2) for x in X))(W[0]))


def test_a_batch_of_batches():
    table = dk.vmap(dk.vmap(lambda a, b: np.sum(a * np.sin(b)), (None, 0)), (0, None))(X, W)
    close(table, [[np.sum(a * np.sin(b)) for b in W] for a in X])
    deep = dk.vmap(dk.grad(lambda a: np.sum(dk.vmap(lambda b: np.sum(np.tanh(a * b)))(W))))(X)
    close(deep, each(dk.grad(lambda a: np.sum(np.tanh(a * W))), X))


def test_compiled_programs_hold_plain_operations_on_the_batch():
    for f in (dk.vmap(program), dk.vmap(dk.grad(program)), dk.grad(lambda x: np.sum(dk.vmap(program)(x)))):
        compiled = dk.compile(f)
        for x in (X, X[::-1] * 1.5):
            close(compiled(x), f(x))


def test_complex_arguments():
    z = X + 1j * X[::-1]
    f = lambda z: np.sum(np.abs(z ** 2 + np.conj(z)) ** 2)
    close(dk.vmap(dk.grad(f))(z), each(dk.grad(f), z))
    close(dk.vmap(dk.grad(lambda z: np.sum(z ** 3), holomorphic=True))(z), 3 * z ** 2)
    close(dk.vmap(dk.jacobian(lambda z: z ** 2 * 1j))(z), each(lambda z: np.diag(2j * z), z))


# --- branches not taken, branches refused --------------------------------------------------------------

def test_a_dead_branch_poisons_no_example():
    def f(x):
        return np.where(x > 0, np.sqrt(x), 0.0)

    x = np.array([0.0, 4.0, -1.0])
    with np.errstate(invalid="ignore"):
        assert np.array_equal(dk.vmap(dk.grad(f))(x), [0, 0.25, 0])
        assert np.array_equal(dk.compile(dk.vmap(dk.grad(f)))(x), [0, 0.25, 0])
        # also where the NaN would be taken for something else before it leaves the function
        hidden = dk.vmap(lambda x: np.nan_to_num(dk.grad(f)(x), nan=5.0))
        assert np.array_equal(hidden(x), [0, 0.25, 0])
        assert np.array_equal(dk.vmap(dk.vmap(dk.grad(f)))(np.stack([x, x])), [[0, 0.25, 0]] * 2)
        assert np.array_equal(dk.jacobian(dk.vmap(f))(x), np.diag([0, 0.25, 0]))


@pytest.mark.parametrize("transform", [lambda f: f, dk.grad, lambda f: dk.grad(f, method="forward")])
def test_a_branch_of_python_is_refused_by_name(transform):
    def f(x):
        if x > 0:
            return x
        return -x

    with pytest.raises(BatchedBranchError, match=r"np\.where") as error:
        dk.vmap(transform(f))(X[:, 0])
    assert "test_vmap.py" in str(error.value)
    with pytest.raises(BatchedBranchError):
        dk.vmap(lambda x: sum(range(int(np.floor(x)))))(X[:, 0])


def test_an_index_that_differs_between_the_examples():
    labels = np.array([2, 0, 1, -1])

    def f(x, y):
        return (x - np.log(np.sum(np.exp(x))))[y]

    for g in (f, dk.grad(f)):
        batched = dk.vmap(g)
        close(batched(X, labels), each(g, X, labels))
        assert batched.looped == {}
        compiled = dk.compile(batched)
        for y in (labels, labels[::-1]):
            close(compiled(X, y), each(g, X, y))
    descending = dk.vmap(lambda x: x[np.argsort(x)[::-1]] * x[np.argmax(x)])
    close(descending(X), np.sort(X)[:, ::-1] * X.max(1, keepdims=True))
    with pytest.raises(IndexError):
        dk.vmap(f)(X, np.array([0, 1, 2, 3]))


A = np.random.default_rng(5).normal(size=(4, 2, 3, 4))
ROWS = np.array([[0, 1], [1, 1], [-1, 0], [0, 0]])


@pytest.mark.parametrize("index", [
    lambda i: i, lambda i: (i, 1), lambda i: (slice(None), i), lambda i: (..., i), lambda i: (0, i),
    lambda i: (i, slice(1, None)), lambda i: (i, slice(None), i), lambda i: (None, i, ..., i[0]),
    lambda i: (i[:, None], np.array([0, 2, 1])), lambda i: (slice(None), i, i + 1),
    lambda i: (i, np.array([2, 0]), i)])
def test_index_arrays_stand_where_numpy_puts_them(index):
    found = dk.vmap(lambda a, i: a[index(i)])
    close(found(A, ROWS), np.stack([a[index(i)] for a, i in zip(A, ROWS)]))
    assert found.looped == {}
    close(dk.vmap(dk.grad(lambda a, i: np.sum(a[index(i)] ** 2)))(A, ROWS),
          np.stack([dk.grad(lambda a, i: np.sum(a[index(i)] ** 2))(a, i) for a, i in zip(A, ROWS)]))


def test_a_selection_runs_example_by_example():
    selected = dk.vmap(lambda x: np.sum(x[x > 0] ** 2))
    close(selected(X), each(lambda x: np.sum(x[x > 0] ** 2), X))
    assert sum(selected.looped.values()) == 4
    with pytest.raises(ShapeError, match="different shapes"):
        dk.vmap(lambda x: x[x > 0])(np.array([[1.0, 2.0], [1.0, -1.0]]))


def test_questions_inside_an_operation_are_answered_where_all_examples_agree():
    same = dk.vmap(lambda x: np.sum(x[x ** 2 >= 0] ** 2))
    close(same(X), np.sum(X ** 2, axis=1))
    assert same.looped == {}

    def trace_of_exp(a):
        w, v = np.linalg.eigh(a)
        return np.trace((v * np.exp(w)) @ v.T)

    apart = np.stack([np.diag([1.0, 2.0, 4.0]) + 0.1 * np.outer(x, x) for x in X])
    repeated = np.stack([np.eye(3)] * 3)
    for stack, looped in ((apart, False), (repeated, True), (np.concatenate([apart, repeated]), True)):
        gradient = dk.vmap(dk.grad(trace_of_exp))
        found = gradient(stack)
        assert bool(gradient.looped) == looped
        for a, g in zip(stack, found):
            w, v = np.linalg.eigh(a)
            sides = np.tril((v * np.exp(w)) @ v.T)  # eigh reads the lower triangle
            close(g, sides + np.tril(sides, -1))


def test_custom_rules_and_values_are_those_of_one_example():
    @dk.custom_vjp
    def cube(x):
        return x ** 3

    cube.defvjp(lambda x: (x ** 3, x), lambda x, g: (3 * x ** 2 * g,))
    f = lambda x: np.sum(cube(x) * x)
    close(dk.vmap(dk.grad(f))(X), 4 * X ** 3)
    close(dk.grad(lambda x: np.sum(dk.vmap(f)(x)))(X), 4 * X ** 3)
    scaled = dk.vmap(lambda x: x / dk.value(np.sum(x)))
    close(scaled(X), X / X.sum(axis=1, keepdims=True))


def test_writes_are_counted_once():
    def f(x):
        z = np.zeros(3)
        np.add.at(z, np.array([0, 0, 2]), x)
        v = z[::-1]
        v += x[0]
        z[np.array([True, False, True])] *= 3
        return z

    close(dk.vmap(f)(X), each(f, X))
    close(dk.vmap(dk.jacobian(f))(X), each(dk.jacobian(f), X))

    def in_two_axes(x):
        z = np.zeros((2, 3, 2))
        z[np.array([0, 1]), :, np.array([1, 0])] = x
        z[0, :, 0] += x
        return z * z

    close(dk.vmap(in_two_axes)(X), each(in_two_axes, X))
    close(dk.vmap(dk.jacobian(in_two_axes))(X), each(dk.jacobian(in_two_axes), X))


def test_a_repeated_write_of_a_row_is_broadcast():
    def f(x):
        z = np.zeros((3, 2))
        np.add.at(z, (np.array([0, 2, 0]), slice(None)), x[:1])
        return z

    assert np.array_equal(f(np.array([1.0, 2.0])), [[2, 2], [0, 0], [1, 1]])
    assert np.array_equal(dk.jacobian(f)(np.array([1.0, 2.0]))[..., 0], [[2, 2], [0, 0], [1, 1]])


def test_the_loops_of_rows_are_counted():
    f = dk.vmap(lambda a: np.convolve(a, np.array([1.0, 2.0])))
    close(f(X), each(lambda a: np.convolve(a, np.array([1.0, 2.0])), X))
    assert f.looped == {"convolve": 1}


# --- arguments that don't fit -----------------------------------------------------------------------------

def test_what_does_not_fit_is_named():
    with pytest.raises(ShapeError, match="argument 1 has 3"):
        dk.vmap(np.add)(X, W)
    with pytest.raises(ShapeError, match="no axis 1"):
        dk.vmap(np.sin, 1)(X[0])
    with pytest.raises(ShapeError, match="no axis of examples"):
        dk.vmap(np.sin)(1.0)
    with pytest.raises(InputError, match="in_axes has 1 entries"):
        dk.vmap(np.add, (0,))(X, X)
    with pytest.raises(InputError, match="no argument"):
        dk.vmap(np.sin, None)(X)
    with pytest.raises(InputError, match="in_axes holds"):
        dk.vmap(lambda p: p[0], ([0, 0, 0],))([X, X])
    with pytest.raises(InputError, match="out_axes is None"):
        dk.vmap(np.sin, 0, None)(X)
    with pytest.raises(InputError, match="no array of numbers"):
        dk.vmap(lambda x: "text")(X)


def test_the_users_error_comes_through_and_the_levels_are_closed():
    leaked = []

    def f(x):
        leaked.append(x)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        dk.vmap(f)(X)
    with pytest.raises(dk.errors.LeakedTracerError):
        leaked[0] + 1
