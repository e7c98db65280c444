"""Chains, clipping, masks, conventions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from diffkit import optim, tree
from diffkit.errors import ShapeError

PARAMS = [{"W": np.ones((2, 2)), "b": np.ones(2)}]


def test_public_classes_are_chains_of_parts():
    by_hand = optim.chain(optim.ScaleByAdam(0.9, 0.999, 1e-8, False, False, True),
                          optim.ScaleByLearningRate(1e-3), optim.AddDecayedWeights(-0.01, 1e-3))
    state = by_hand.init(PARAMS)
    one, _ = by_hand.step(PARAMS, PARAMS, state)
    other, _ = optim.AdamW().step(PARAMS, PARAMS, state)
    np.testing.assert_array_equal(one[0]["W"], other[0]["W"])


def test_two_slots_of_one_name():
    opt = optim.chain(optim.Trace(0.5), optim.Trace(0.5), optim.ScaleByLearningRate(1.0))
    state = opt.init(np.zeros(1))
    assert list(state) == ["step", "trace", "trace_2"]
    theta = np.zeros(1)
    for _ in range(2):
        theta, state = opt.step(theta, np.ones(1), state)
    # inner trace 1, 1.5; outer 1, 2
    assert theta[0] == -3.0 and state["trace"][0][0] == 1.5 and state["trace_2"][0][0] == 2.0


def test_a_part_of_ones_own():
    @dataclasses.dataclass(frozen=True)
    class Sign(optim.Part):
        def apply(self, updates, slots, now):
            for update in updates:
                np.sign(update, out=update)

    opt = optim.chain(Sign(), optim.SGD(0.1))
    moved, _ = opt.step(np.zeros(2), np.array([5.0, -3.0]), opt.init(np.zeros(2)))
    np.testing.assert_array_equal(moved, [-0.1, 0.1])


@pytest.mark.parametrize("mask", [
    [{"W": True, "b": False}], [{"b": np.False_, "W": np.True_}],
    lambda params: tree.map(lambda leaf: leaf.ndim > 1, params),
])
@pytest.mark.parametrize("form", ["l2", "decoupled_lr", "decoupled"])
def test_masks(mask, form):
    opt = optim.SGD(1.0, weight_decay=0.5, decay_form=form, mask=mask)
    zeros = tree.map(np.zeros_like, PARAMS)
    moved, _ = opt.step(PARAMS, zeros, opt.init(PARAMS))
    np.testing.assert_array_equal(moved[0]["W"], np.full((2, 2), 0.5))
    np.testing.assert_array_equal(moved[0]["b"], np.ones(2))


@pytest.mark.parametrize("mask", [[{"W": True}], [{"W": 1.0, "b": 0.0}], True, lambda params: None])
def test_masks_that_do_not_fit(mask):
    opt = optim.SGD(1.0, weight_decay=0.5, mask=mask)
    with pytest.raises(ShapeError, match="mask"):
        opt.step(PARAMS, PARAMS, opt.init(PARAMS))


def test_clip_global_norm():
    grads = {"a": np.array([3.0, 0.0], np.float32), "b": np.array([[4.0]])}
    clipped, norm = optim.clip_global_norm(grads, 2.5)
    assert norm == 5.0
    np.testing.assert_array_equal(clipped["a"], [1.5, 0.0])
    np.testing.assert_array_equal(clipped["b"], [[2.0]])
    assert clipped["a"].dtype == np.float32 and grads["a"][0] == 3.0
    same, norm = optim.clip_global_norm(grads, 5.0)
    assert same is grads and norm == 5.0
    assert optim.clip_global_norm([], 1.0) == ([], 0.0)
    assert np.isnan(optim.clip_global_norm([np.array([np.nan])], 1.0)[1])
    assert optim.global_norm([np.full(4, 1e-300)]) == pytest.approx(2e-300, rel=1e-15)
    opt = optim.chain(optim.ClipGlobalNorm(2.5), optim.SGD(1.0))
    moved, _ = opt.step(grads, grads, opt.init(grads))
    np.testing.assert_array_equal(moved["b"], [[2.0]])


def test_clip_value_keeps_its_input():
    grads = (np.array([-3.0, 0.5, np.nan]),)
    clipped = optim.clip_value(grads, 1.0)
    np.testing.assert_array_equal(clipped[0], [-1.0, 0.5, np.nan])
    assert grads[0][0] == -3.0


@pytest.mark.parametrize(("make", "like", "knobs"), [
    (optim.SGD, "torch", {"lr": 1e-3, "decay_form": "l2"}),
    (optim.SGD, "keras", {"lr": 1e-2, "decay_form": "decoupled_lr"}),
    (optim.Momentum, "torch", {"form": "trace"}), (optim.Nesterov, "keras", {"form": "velocity"}),
    (optim.AdaGrad, "torch", {"eps": 1e-10, "eps_in_sqrt": False, "initial_accumulator": 0.0}),
    (optim.AdaGrad, "keras", {"eps": 1e-7, "eps_in_sqrt": True, "initial_accumulator": 0.1}),
    (optim.RMSProp, "torch", {"decay": 0.99, "eps": 1e-8, "eps_in_sqrt": False}),
    (optim.Adam, None, {"lr": 1e-3, "eps": 1e-8, "eps_in_sqrt": False, "eps_hat": False, "decay_form": "l2"}),
    (optim.Adam, "seed", {"eps": 1e-7, "eps_in_sqrt": True, "decay_form": "decoupled"}),
    (optim.Adam, "keras", {"eps": 1e-7, "eps_hat": True, "eps_in_sqrt": False}),
    (optim.AdamW, None, {"weight_decay": 1e-2, "decay_form": "decoupled_lr"}),
    (optim.AdamW, "optax", {"weight_decay": 1e-4}),
])
def test_conventions(make, like, knobs):
    opt = make(like=like)
    assert {name: getattr(opt, name) for name in knobs} == knobs


def test_a_knob_given_wins_over_the_convention():
    assert optim.Adam(like="seed", eps=1e-3, eps_in_sqrt=False) == optim.Adam(
        like="seed", eps=1e-3, eps_in_sqrt=False, lr=1e-3)
    assert optim.Adam(like="seed", eps=1e-3).eps == 1e-3
    assert "eps=1e-08" in repr(optim.Adam())
