"""Compiled equals eager bit for bit: rows of the table, problems, scenarios, networks."""

import functools
import importlib.util
import pathlib

import numpy as np
import pytest

import diffkit as dk
from comparisons import gradient_problems, scenarios
from diffkit import nn, tree
from diffkit.errors import DiffkitError
from diffkit.rules import TABLE

_path = pathlib.Path(__file__).parents[1] / "rule_examples.py"
_spec = importlib.util.spec_from_file_location("rule_examples_of_compile", _path)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
EXAMPLES = _module.EXAMPLES
SCENARIOS = {name: f for name, f in vars(scenarios).items() if callable(f) and hasattr(f, "point")}


def assert_same(a, b):
    left, structure = tree.flatten(a)
    right, other = tree.flatten(b)
    assert structure == other
    for x, y in zip(left, right):
        assert type(x) is type(y) and np.shape(x) == np.shape(y)
        if hasattr(y, "dtype"):
            assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


def outcome(f, args):
    """The result, or the kind of error."""
    try:
        return f(*args), None
    except (DiffkitError, ValueError, np.linalg.LinAlgError) as error:
        return None, type(error)


def compiled_like_eager(f, calls):
    compiled = dk.compile(f)
    for args in calls:
        for _ in range(2):
            expected, error = outcome(f, args)
            found, other = outcome(compiled, args)
            assert other is error
            if error is None:
                assert_same(found, expected)
    return compiled


def summed(rule, params):
    """One number of a rule's results, which weighs every entry."""
    def f(*args):
        y = rule(*args, **params)
        parts = y if isinstance(y, tuple) else (y,)
        return sum(np.sum(np.real(np.sin(p) * p)) for p in parts if p.dtype.kind in "fc")
    return f


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_rows(name):
    for args, params in EXAMPLES[name]:
        moving = tuple(i for i, a in enumerate(args) if hasattr(a, "dtype") and a.dtype.kind in "fc")
        f = summed(TABLE[name], params)
        compiled_like_eager(functools.partial(TABLE[name], **params), [args])
        compiled_like_eager(dk.value_and_grad(f, moving), [args])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(gradient_problems.PROBLEMS))
def test_problems_at_all_their_points(name):
    problem = gradient_problems.PROBLEMS[name]
    calls = [(x,) for x in problem.points]
    compiled_like_eager(dk.jacobian(problem.f), calls)
    compiled_like_eager(dk.jacobian(problem.f, method="forward"), calls)
    compiled = dk.compile(dk.jacobian(problem.f))
    for x in problem.points:
        found, expected = compiled(x), problem.gradient(x)
        scale = np.max(np.abs(expected), initial=0, where=np.isfinite(expected))
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * scale)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_scenarios(name):
    f = SCENARIOS[name]
    point = f.point() if callable(f.point) else f.point
    argnums = getattr(f, "argnums", 0)
    compiled_like_eager(f, [point])
    compiled_like_eager(dk.jacobian(f, argnums), [point])


def test_second_derivatives():
    def f(x):
        return np.sum(np.tanh(x[1:] * x[:-1]) ** 2) + x[0] ** 3

    x, v = np.linspace(-1, 1, 5), np.arange(5.0)
    compiled_like_eager(dk.hessian(f), [(x,), (x * 2,)])
    compiled_like_eager(lambda x, v: dk.hvp(f, x, v), [(x, v), (v, x)])
    compiled_like_eager(dk.grad(lambda x: np.sum(dk.grad(f)(x) ** 2)), [(x,), (v,)])
    compiled_like_eager(lambda x, g: dk.vjp(dk.grad(f), x)[1](g), [(x, v), (v, x)])
    compiled_like_eager(dk.grad(f, has_aux=False), [(x,)])
    with_aux = dk.value_and_grad(lambda x: (f(x), {"x": x * 2, "n": "label"}), has_aux=True)
    c = compiled_like_eager(with_aux, [(x,), (v,)])
    assert c.reason == ""


def test_functions_with_derivatives_of_their_own():
    @dk.custom_vjp
    def softplus(x):
        return np.log1p(np.exp(x))

    softplus.defvjp(lambda x: (softplus(x), x), lambda x, g: (g / (1 + np.exp(-x)),))

    @dk.custom_jvp
    def sine(x):
        return np.sin(x)

    sine.defjvp(lambda primals, tangents: (sine(*primals), np.cos(primals[0]) * tangents[0]))
    again = dk.checkpoint(lambda x: np.sin(x) * np.exp(x))
    calls = [(np.linspace(0, 1, 3),), (np.arange(3.0),)]
    for f in (softplus, sine, again):
        total = lambda x, f=f: np.sum(f(x) ** 2)
        for make in (dk.grad, dk.hessian):
            assert compiled_like_eager(make(total), calls).reason == ""
    assert compiled_like_eager(dk.derivative(np.tanh, 2), calls).reason == ""
    box = dk.black_box(lambda x: np.sum(np.sin(x)))
    compiled_like_eager(lambda x: box(x) * x, calls)
    assert "looked at" in compiled_like_eager(dk.grad(lambda x: box(x) * x[0]), calls).reason


def test_a_network_with_labels():
    model = nn.MLP((6, 5, 3))
    rng = np.random.default_rng(2)
    params = model.init(0)
    gradient = dk.value_and_grad(lambda p, x, y: nn.cross_entropy(model.apply(p, x), y))
    calls = [(params, rng.normal(size=(8, 6)), rng.integers(0, 3, 8)) for _ in range(5)]
    compiled = compiled_like_eager(gradient, calls)
    assert compiled.reason == "" and len(compiled.sources) == 1
    with pytest.raises(nn.LayerError, match="label 3"):
        compiled(params, calls[0][1], np.full(8, 3))
    single = nn.MLP((6, 3), dtype=np.float32)
    weighted = dk.value_and_grad(
        lambda p, x, y, w: nn.cross_entropy(single.apply(p, x), y, sample_weight=w))
    x, y = calls[0][1].astype(np.float32), calls[0][2]
    compiled_like_eager(weighted, [(single.init(0), x, y, rng.uniform(size=8))])


def test_dropout_is_drawn_at_each_call():
    model = nn.MLP((6, 50, 3), dropout=0.5)
    params = model.init(0)
    compiled = dk.compile(lambda p, x, rng: np.sum(model.apply(p, x, rng=rng, training=True)))
    rng = np.random.default_rng(0)
    x = np.ones((2, 6))
    assert compiled(params, x, rng) != compiled(params, x, rng)
    assert "random" in compiled.reason
