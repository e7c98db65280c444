"""States, containers, dtypes: pure functions on plain data, and what is refused."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest

from diffkit import optim, transforms, tree
from diffkit.errors import DiffkitError, InputError, ShapeError

ALL = [
    optim.SGD(0.1), optim.SGD(0.1, weight_decay=0.1), optim.Momentum(0.1), optim.Momentum(0.1, form="trace"),
    optim.Nesterov(0.1), optim.Nesterov(0.1, form="velocity"), optim.Nesterov(0.1, form="trace"),
    optim.AdaGrad(0.1), optim.RMSProp(0.1), optim.Adam(), optim.AdamW(), optim.AdamW(like="seed"),
    optim.chain(optim.ClipGlobalNorm(1.0), optim.Trace(0.5), optim.Momentum(0.1, form="trace")),
    optim.average(optim.Adam(), "ema"),
]
each = pytest.mark.parametrize("opt", ALL, ids=lambda opt: type(opt).__name__)


@dataclasses.dataclass
class Pair:
    left: object
    right: object


def mixed_params(rng):
    return [{"W": rng.standard_normal((3, 2)), "b": rng.standard_normal(2).astype(np.float32)},
            (rng.standard_normal(()), Pair(rng.standard_normal((2, 1, 2)), [np.zeros((0, 3))]), None)]


def random_like(params, rng):
    return tree.map(lambda leaf: rng.standard_normal(np.shape(leaf)).astype(leaf.dtype), params)


def leaves(value):
    return [np.asarray(leaf) for leaf in tree.flatten(value)[0]]


def assert_same_bits(left, right):
    assert tree.flatten(left)[1] == tree.flatten(right)[1]
    for a, b in zip(leaves(left), leaves(right)):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_array_equal(a, b)


@each
def test_inputs_are_never_written_to_and_kinds_are_kept(opt):
    rng = np.random.default_rng(0)
    params = mixed_params(rng)
    state = opt.init(params)
    for _ in range(3):
        grads = random_like(params, rng)
        before = copy.deepcopy((params, grads, state))
        after, new_state = opt.step(params, grads, state)
        updates, same_state = opt.update(grads, state, params)
        assert_same_bits((params, grads, state), before)
        assert_same_bits(optim.apply_updates(params, updates), after)
        assert_same_bits(same_state, new_state)
        for old, new in zip(leaves(params), leaves(after)):
            assert old.dtype == new.dtype and old.shape == new.shape
            assert not np.shares_memory(old, new)
        assert tree.flatten(after)[1] == tree.flatten(params)[1]
        params, state = after, new_state


@each
def test_donating_gives_the_same_bits_in_the_same_memory(opt):
    rng = np.random.default_rng(1)
    params = [{"W": rng.standard_normal((3, 2)), "b": rng.standard_normal(2)}]
    kept, given = params, copy.deepcopy(params)
    kept_state, given_state = opt.init(kept), opt.init(given)
    memory = [leaf.ctypes.data for leaf in leaves(given)]
    for _ in range(5):
        grads = random_like(params, rng)
        kept, kept_state = opt.step(kept, grads, kept_state)
        given, given_state = opt.step(given, grads, given_state, donate=True)
    assert_same_bits((kept, kept_state), (given, given_state))
    assert [leaf.ctypes.data for leaf in leaves(given)] == memory


@each
@pytest.mark.parametrize("params", [np.zeros((3, 2)), {"a": np.zeros(3), "b": np.zeros((2, 2), np.float32)},
                                    [np.zeros(2), np.zeros((2, 1))]], ids=["array", "dtypes", "list"])
@pytest.mark.parametrize("kind", ["writable", "read-only", "transposed", "other dtype"])
def test_donating_gradients_gives_the_same_bits(opt, params, kind):
    rng = np.random.default_rng(3)
    own = tree.map(lambda leaf: leaf + rng.standard_normal(leaf.shape).astype(leaf.dtype), params)
    kept, given = own, copy.deepcopy(own)
    kept_state, given_state = opt.init(kept), opt.init(given)
    for _ in range(4):
        grads = random_like(params, rng)
        if kind == "transposed":
            grads = tree.map(lambda leaf: np.asfortranarray(leaf), grads)
        if kind == "other dtype":
            grads = tree.map(lambda leaf: leaf.astype(np.float32), grads)
        kept, kept_state = opt.step(kept, grads, kept_state)
        if kind == "read-only":
            before = copy.deepcopy(grads)
            tree.map(lambda leaf: leaf.setflags(write=False), grads)
        given, given_state = opt.step(given, grads, given_state, donate=True, donate_grads=True)
        if kind == "read-only":
            assert_same_bits(grads, before)
    assert_same_bits((kept, kept_state), (given, given_state))


@each
def test_state_is_plain_data_and_resumes_with_the_same_bits(opt):
    rng = np.random.default_rng(2)
    params = {"a": rng.standard_normal(3), "b": rng.standard_normal(2).astype(np.float32)}
    grads = [random_like(params, rng) for _ in range(10)]

    def go(params, state, grads):
        for grad in grads:
            params, state = opt.step(params, grad, state)
        return params, state

    whole = go(params, opt.init(params), grads)
    half, state = go(params, opt.init(params), grads[:5])
    # As text and back: nothing but numbers, lists and dicts is in a state.
    text = json.dumps({key: value if key == "step" else [[block.dtype.str, block.tolist()] for block in value]
                       for key, value in state.items()})
    restored = {key: value if key == "step" else [np.array(numbers, dtype) for dtype, numbers in value]
                for key, value in json.loads(text).items()}
    assert type(restored["step"]) is int
    assert_same_bits(go(half, restored, grads[5:]), whole)


@each
def test_dtypes_and_layouts_do_not_change_the_numbers(opt):
    # One vector for all leaves, or each leaf alone, Fortran order or C: the same bits.
    rng = np.random.default_rng(3)
    params = {"W": rng.standard_normal((4, 3)), "b": rng.standard_normal(3)}
    if any(isinstance(part, optim.ClipGlobalNorm) for part in opt.parts()):
        return
    grads = [random_like(params, rng) for _ in range(4)]
    together, state = params, opt.init(params)
    for grad in grads:
        together, state = opt.step(together, grad, state)
    for key in params:
        alone, state = np.asfortranarray(params[key]), opt.init(params[key])
        for grad in grads:
            alone, state = opt.step(alone, np.asfortranarray(grad[key]), state)
        np.testing.assert_array_equal(alone, together[key])


def test_optimizers_hold_no_arrays_and_do_not_change():
    for opt in ALL:
        assert not any(isinstance(value, np.ndarray) for value in vars(opt).values())
        with pytest.raises(dataclasses.FrozenInstanceError):
            opt.lr = 1.0


def test_numbers_as_parameters():
    opt = optim.SGD(0.5)
    params, state = opt.step((1.0, [2.0]), (1.0, [2.0]), opt.init((1.0, [2.0])))
    assert params == (0.5, [1.0])
    params, state = opt.step(params, params, state)
    assert params == (0.25, [0.5])


def test_order_of_keys_does_not_matter():
    params = {"W": np.ones(2), "b": np.zeros(2)}
    opt = optim.SGD(1.0)
    moved, _ = opt.step(params, {"b": np.full(2, 5.0), "W": np.full(2, 3.0)}, opt.init(params))
    np.testing.assert_array_equal(moved["W"], [-2, -2])
    np.testing.assert_array_equal(moved["b"], [-5, -5])
    assert list(moved) == ["W", "b"]


def test_slots_can_be_looked_at():
    params = [{"W": np.ones((2, 2)), "b": np.zeros(2)}]
    opt = optim.Adam()
    _, state = opt.step(params, params, opt.init(params))
    assert opt.slot(state, "r", params)[0]["W"].shape == (2, 2)
    with pytest.raises(optim.OptimizerError, match="no slot 'velocity'"):
        opt.slot(state, "velocity", params)


def test_current_lr():
    assert optim.Adam(lambda step: 1 / (step + 1)).current_lr({"step": 3}) == 0.25
    assert np.isnan(optim.chain(optim.Trace(0.9)).current_lr({"step": 0}))
    assert optim.average(optim.SGD(0.3)).current_lr({"step": 0}) == 0.3


PARAMS = [{"W": np.ones((2, 2)), "b": np.zeros(2)}, {"W": np.ones((2, 1)), "b": np.zeros(1)}]


def changed(index, key, value):
    grads = copy.deepcopy(PARAMS)
    if value is None:
        del grads[index][key]
    else:
        grads[index][key] = value
    return grads


@pytest.mark.parametrize(("grads", "error", "words"), [
    (changed(1, "W", np.array([[np.nan], [np.inf]])), optim.NonFiniteGradientError,
     r'params\[1\]\["W"\] is not finite at step 7: 1 NaN and 1 infinite of 2'),
    (changed(0, "b", np.array([np.inf, 0])), FloatingPointError, r'params\[0\]\["b"\]'),
    (changed(1, "b", None), ShapeError, r'no leaf grads\[1\]\["b"\]'),
    (changed(1, "c", np.ones(1)), ShapeError, r'grads has a leaf grads\[1\]\["c"\]'),
    (changed(0, "W", np.ones((2, 3))), ShapeError, r'grads\[0\]\["W"\] has shape \(2, 3\), the parameter \(2, 2\)'),
    (changed(1, "W", np.ones((1, 2))), ShapeError, r'grads\[1\]\["W"\] has shape \(1, 2\), the parameter \(2, 1\)'),
    (changed(0, "W", [[1.0, 1.0], [1.0, 1.0]]), ShapeError, r'no leaf grads\[0\]\["W"\]'),
    (changed(0, "W", np.ones((2, 2), complex)), InputError, "complex128"),
    (tuple(PARAMS), ShapeError, "different kinds"),
    (None, ShapeError, r'no leaf grads\[0\]\["W"\]'),
])
def test_bad_gradients(grads, error, words):
    opt = optim.Adam()
    state = {**opt.init(PARAMS), "step": 7}
    with pytest.raises(error, match=words):
        opt.step(PARAMS, grads, state)


def test_large_finite_gradients_are_not_refused():
    opt = optim.SGD(1e-200)
    params, _ = opt.step([np.zeros(2)], [np.full(2, 1e200)], opt.init([np.zeros(2)]))
    np.testing.assert_allclose(params[0], -1.0)


def test_the_check_can_be_left_out():
    opt = optim.SGD(1.0)
    params, _ = opt.step([np.zeros(2)], [np.array([np.nan, 1.0])], opt.init([np.zeros(2)]), check=False)
    np.testing.assert_array_equal(params[0], [np.nan, -1.0])


@pytest.mark.parametrize("params", [[np.array([1, 2])], [np.array([True])], [np.array([1j])], ["W"]])
def test_parameters_that_are_not_real_floats(params):
    with pytest.raises(InputError, match=r"params\[0\] is"):
        optim.SGD(0.1).init(params)


def test_a_traced_value_is_refused():
    # A derivative through the steps is not supported, and must not be silently wrong.
    opt, plain = optim.SGD(0.1), np.ones(2)
    with pytest.raises(InputError, match=r"params is a Traced"):
        transforms.grad(lambda theta: np.sum(opt.step(theta, plain, {"step": 0})[0]))(np.ones(2))
    with pytest.raises(InputError, match=r"grads is a Traced"):
        transforms.grad(lambda slope: np.sum(opt.step(plain, slope, {"step": 0})[0]))(np.ones(2))


def test_nothing_to_optimize():
    for opt in ALL:
        state = opt.init([])
        assert opt.step([], [], state)[0] == []


def test_foreign_states():
    opt = optim.Adam()
    with pytest.raises(optim.OptimizerError, match="not a state of Adam"):
        opt.step(PARAMS, PARAMS, optim.Momentum(0.1).init(PARAMS))
    with pytest.raises(optim.OptimizerError, match="it is a list"):
        opt.update(PARAMS, PARAMS, opt.init(PARAMS))
    with pytest.raises(ShapeError, match=r'state\["s"\] holds \[3\] numbers, params \[9\]'):
        opt.step(PARAMS, PARAMS, opt.init([np.zeros(3)]))


@pytest.mark.parametrize("make", [
    lambda: optim.SGD(), lambda: optim.SGD(-0.1), lambda: optim.SGD(float("nan")), lambda: optim.SGD("0.1"),
    lambda: optim.SGD(float("inf")), lambda: optim.Momentum(0.1, momentum=1.0), lambda: optim.Momentum(0.1, form="x"),
    lambda: optim.Nesterov(0.1, form="x"), lambda: optim.Adam(b1=1.0), lambda: optim.Adam(b2=-0.1),
    lambda: optim.Adam(eps=-1e-8), lambda: optim.Adam(weight_decay=-1.0), lambda: optim.Adam(decay_form="L2"),
    lambda: optim.Adam(like="pytorch"), lambda: optim.Adam(eps_hat=True, eps_in_sqrt=True),
    lambda: optim.AdaGrad(0.1, initial_accumulator=-1.0), lambda: optim.RMSProp(0.1, decay=1.0),
    lambda: optim.clip_global_norm(PARAMS, -1.0), lambda: optim.clip_global_norm(PARAMS, 0.0),
    lambda: optim.clip_value(PARAMS, -1.0), lambda: optim.ClipGlobalNorm(0.0), lambda: optim.ClipValue(-1.0),
    lambda: optim.average(optim.SGD(0.1), "mean"), lambda: optim.average(optim.SGD(0.1), "ema", 1.0),
    lambda: optim.chain(optim.average(optim.SGD(0.1)), optim.SGD(0.1)),
    lambda: optim.average(optim.average(optim.SGD(0.1))), lambda: optim.chain(optim.SGD),
])
def test_bad_settings(make):
    with pytest.raises(optim.OptimizerError) as caught:
        make()
    assert isinstance(caught.value, DiffkitError) and isinstance(caught.value, ValueError)
    assert caught.value.want


def test_unknown_keywords_are_refused():
    with pytest.raises(TypeError, match="beta1"):
        optim.Adam(beta1=0.9)


def test_a_table_of_rates_that_ends_says_at_which_step():
    with pytest.raises(IndexError, match="out of range") as caught:
        optim.SGD([0.1, 0.2].__getitem__).step(np.zeros(1), np.zeros(1), {"step": 2})
    assert "the learning rate at step 2" in caught.value.__notes__[0]


def test_a_bad_knob_is_reported_at_the_users_line():
    with pytest.raises(optim.OptimizerError) as caught:
        optim.Momentum(-1.0)
    assert caught.value.where.startswith(__file__)


@pytest.mark.parametrize("rate", [lambda step: float("nan"), lambda step: None if step else 0.1, lambda step: -1.0,
                                  lambda step: np.ones(2)])
def test_a_schedule_that_ends_is_named(rate):
    opt = optim.SGD(rate)
    state = {"step": 5}
    with pytest.raises(optim.OptimizerError, match="the learning rate at step 5 is"):
        opt.step(np.zeros(1), np.zeros(1), state)
