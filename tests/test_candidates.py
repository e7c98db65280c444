"""Candidates from other libraries, on small modules that behave like them where it matters.

The real libraries are asked in ``python -m comparisons.gradient_checkers --wrappers``.
"""

import contextlib
import sys
import types

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError, MissingPackageError

X = np.array([0.3, -1.2, 0.8])


def mine(x):
    return np.sum(np.sin(x) * x)


class Tensor:
    """A torch tensor as far as the wrapper goes: values, a dtype, and a known pullback."""

    def __init__(self, value, requires_grad=False, pull=None, parents=()):
        self.value, self.requires_grad, self.pull, self.parents = np.asarray(value), requires_grad, pull, parents
        self.shape, self.dtype = self.value.shape, self.value.dtype

    def to(self, dtype):
        return Tensor(self.value.astype(dtype))

    def detach(self):
        return self

    cpu = resolve_conj = detach

    def numpy(self):
        return self.value


def fake_torch(calls):
    torch = types.ModuleType("torch")
    torch.tensor = lambda value, requires_grad=False: Tensor(value, requires_grad)
    torch.as_tensor = Tensor

    def grad(out, moving, weights, retain_graph, allow_unused):
        calls.append(weights.value)
        found = out.pull(weights.value)
        return [Tensor(found[id(leaf)]) if id(leaf) in found else None for leaf in moving]

    torch.autograd = types.SimpleNamespace(grad=grad)
    return torch


@pytest.fixture
def torch(monkeypatch):
    calls = []
    module = fake_torch(calls)
    module.calls = calls
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


def test_torch_gives_a_right_gradient_in_numpy(torch):
    def g(x):
        assert isinstance(x, Tensor) and x.requires_grad
        v = x.value
        return Tensor(np.sum(np.sin(v) * v), True, lambda w: {id(x): w * (np.sin(v) + v * np.cos(v))})

    candidate = dk.candidates.torch(g)
    found = candidate(X)
    assert type(found) is np.ndarray and found.dtype == np.float64
    assert dk.compare(mine, X, methods=("reverse", candidate)).kind == "AGREE"
    assert candidate.__name__ == "torch:g"


def test_torch_rows_containers_unused_and_constants(torch):
    def g(params, n):
        assert n == 3
        w = params["w"]
        return {"out": Tensor(n * w.value, True, lambda g: {id(w): n * g}), "fixed": Tensor(np.ones(2))}

    f = lambda params, n: {"out": n * params["w"], "fixed": np.ones(2)}
    point = {"w": X, "b": np.ones(2)}
    found = dk.candidates.torch(g)(point, 3)
    assert np.array_equal(found["out"]["w"], 3 * np.eye(3))
    assert found["out"]["b"].shape == (3, 2) and not found["out"]["b"].any()
    assert found["fixed"]["w"].shape == (2, 3)
    assert len(torch.calls) == 3
    assert dk.compare(f, point, 3, methods=("reverse", dk.candidates.torch(g))).agree is True


def test_torch_conjugates_back(torch):
    """torch's gradient of sum |z|^2 is 2 z, diffkit's 2 conj(z)."""
    def g(z):
        return Tensor(np.sum(np.abs(z.value) ** 2), True, lambda w: {id(z): w * 2 * z.value})

    z = X + 1j
    assert dk.compare(lambda z: np.sum(np.abs(z) ** 2), z, methods=("reverse", dk.candidates.torch(g))).agree is True


def test_torch_constants_become_tensors(torch):
    def g(x, a):
        assert isinstance(a, Tensor)
        return Tensor(x.value * a.value, True, lambda w: {id(x): w * a.value})

    assert np.array_equal(dk.candidates.torch(g)(2.0, np.array(3.0)), 3.0)


def test_a_wrong_candidate_is_accused(torch):
    def g(x):
        v = x.value
        return Tensor(np.sum(np.sin(v) * v), True, lambda w: {id(x): w * np.sin(v)})

    result = dk.compare(mine, X, methods=("reverse", dk.candidates.torch(g)))
    assert result.agree is False and result.row("torch:g").status == "wrong"


def fake_autograd():
    module = types.ModuleType("autograd")

    def make_vjp(f):
        def at(moving):
            out = f(moving)
            return (lambda seed: tuple(seed @ J for J in (out.jacobian,))), out
        return at

    module.make_vjp = make_vjp
    return module


class Linear(np.ndarray):
    """An array that remembers its Jacobian by the first argument."""


def test_autograd_by_its_pullback(monkeypatch):
    monkeypatch.setitem(sys.modules, "autograd", fake_autograd())
    matrix = np.arange(6.0).reshape(2, 3)

    def g(x):
        out = (matrix @ x).view(Linear)
        out.jacobian = matrix
        return out

    candidate = dk.candidates.autograd(g)
    assert dk.compare(lambda x: matrix @ x, X, methods=("reverse", candidate)).agree is True


def fake_jax(state):
    module = types.ModuleType("jax")

    @contextlib.contextmanager
    def enable_x64(value):
        state.append(value)
        yield
        state.append("off")

    module.enable_x64 = enable_x64
    module.numpy = types.SimpleNamespace(asarray=np.asarray)
    module.jacrev = lambda flat: lambda moving: [[np.cos(moving[0]) * moving[0] + np.sin(moving[0])]
                                                 for _ in flat(moving)]
    return module


def test_jax_runs_in_double_precision_and_only_then(monkeypatch):
    state = []
    monkeypatch.setitem(sys.modules, "jax", fake_jax(state))
    candidate = dk.candidates.jax(mine)
    assert dk.compare(mine, X, methods=("reverse", candidate)).agree is True
    assert state[:2] == [True, "off"]


@pytest.mark.parametrize("name", ["jax", "torch", "autograd"])
def test_a_missing_package_is_named_at_the_call(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    candidate = getattr(dk.candidates, name)(mine)
    with pytest.raises(MissingPackageError, match=f"pip install {name}"):
        candidate(X)
    with pytest.raises(ImportError):
        candidate(X)


def test_a_candidate_wraps_a_function():
    with pytest.raises(InputError, match="takes a function"):
        dk.candidates.torch(3.0)


def products(x, y, *, scale):
    return np.sum(x * y) * scale


def torch_products(x, y, *, scale):
    """Each leaf that moves has its own pullback; the others are constants."""
    pulls = {id(leaf): other.value * scale for leaf, other in ((x, y), (y, x))}
    return Tensor(np.sum(x.value * y.value) * scale, True, lambda w: {key: w * pull for key, pull in pulls.items()})


@pytest.mark.parametrize("argnums", [0, 1, (0, 1), (1,)])
def test_a_candidate_is_asked_about_what_moves(torch, argnums):
    """Who wrote argnums once had to write it twice, or read of a wrong shape."""
    y = np.array([2.0, 3.0, 5.0])
    result = dk.compare(products, X, y, methods=("reverse", dk.candidates.torch(torch_products)), argnums=argnums,
                        kwargs={"scale": 2.0})
    assert result.agree is True and result.row("torch:torch_products").status == "ok"
    assert dk.testing.check_gradients(products, X, y, methods=[dk.candidates.torch(torch_products)], argnums=argnums,
                                      kwargs={"scale": 2.0}).agree is True


def test_a_candidate_with_argnums_of_its_own_keeps_them(torch):
    named = dk.candidates.torch(torch_products, argnums=1)
    y = np.array([2.0, 3.0, 5.0])
    assert np.array_equal(named(X, y, scale=2.0), 2 * X)
    result = dk.compare(products, X, y, methods=("reverse", named), argnums=0, kwargs={"scale": 2.0})
    assert result.agree is False and not hasattr(named, "with_argnums")
