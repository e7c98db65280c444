"""The memory of a step is what the documentation says: counted in sizes of the parameters."""

import tracemalloc

import numpy as np
import pytest

from diffkit import nn, optim
from diffkit.train import fit

WIDE = np.zeros((400, 1000))
X, Y = np.ones((4, 400)), np.ones((4, 1000))


def peak(function):
    """Bytes allocated above the start, at the highest, in sizes of the parameters."""
    tracemalloc.start()
    try:
        kept = function()
        return tracemalloc.get_traced_memory()[1] / WIDE.nbytes, kept
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opt", [optim.SGD(0.1), optim.Momentum(0.1), optim.AdaGrad(0.1), optim.RMSProp(0.1),
                                 optim.Adam(), optim.AdamW()], ids=lambda opt: type(opt).__name__)
def test_a_donated_step_needs_one_vector(opt):
    params, grads = {"w": WIDE.copy()}, {"w": np.ones_like(WIDE)}
    state = opt.init(params)
    peak(lambda: opt.step(params, grads, state, donate=True))
    used, _ = peak(lambda: opt.step(params, grads, state, donate=True))
    assert 1 <= used < 1.3


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize(("opt", "slots"), [(optim.SGD(0.1), 0), (optim.Momentum(0.1), 1), (optim.Adam(), 2)],
                         ids=["SGD", "Momentum", "Adam"])
def test_training_needs_three_copies_and_two_gradients(opt, slots, compile):
    def run():
        return fit(lambda w, x, y: nn.mse(x @ w, y), WIDE, (X, Y), opt, epochs=4, validation=(X, Y), compile=compile,
                   progress=False)

    run()  # imports what it needs
    used, _ = peak(run)
    assert used < 3 * (1 + slots) + (3.5 if compile else 2)


def test_a_step_that_may_use_up_one_vector_of_gradients_needs_none_besides():
    params, grads, opt = WIDE.copy(), np.ones_like(WIDE), optim.Adam()
    state = opt.init(params)
    used, _ = peak(lambda: opt.step(params, grads, state, check=False, donate=True, donate_grads=True))
    assert used < 0.3
