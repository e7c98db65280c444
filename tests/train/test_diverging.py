"""NaN and infinity stop training, are named, and cost no good weights."""

from typing import Any

import numpy as np
import pytest

from diffkit import nn, optim
from diffkit.train import DivergedError, TrainingWarning, fit

X = np.random.default_rng(0).normal(size=(24, 2))
Y = np.tanh(X[:, :1])
MODEL = nn.MLP((2, 4, 1), activation="tanh")


def loss(params: Any, x: Any, y: Any) -> Any:
    return nn.mse(MODEL.apply(params, x), y)


def poisoned_from(step: int, poison: Any) -> Any:
    """The loss, spoilt from some step on by ``poison(params)``."""
    calls = [0]

    def spoilt(params: Any, x: Any, y: Any) -> Any:
        calls[0] += 1
        return loss(params, x, y) + (poison(params) if calls[0] > step else 0.0)

    return spoilt


def run(function: Any, optimizer: Any = None, **options: Any) -> Any:
    settings = {"epochs": 5, "batch_size": 8, "progress": False, **options}
    return fit(function, MODEL.init(0), (X, Y), optimizer or optim.SGD(0.1), **settings)


def test_a_nan_gradient_names_step_epoch_and_leaf_and_keeps_the_last_whole_epoch() -> None:
    # sqrt at 0 of second-layer weights: the loss stays finite, the gradient of params[1]["W"] does not.
    poison = poisoned_from(7, lambda params: np.sqrt(np.sum((params[1]["W"] - params[1]["W"]) ** 2)) * 1.0
                           + np.sum(np.sqrt(params[1]["W"] * 0.0)))
    with pytest.raises(DivergedError) as caught:
        run(poison)
    assert (caught.value.step, caught.value.leaf) == (7, 'params[1]["W"]')
    assert "at step 7, in epoch 3" in str(caught.value)
    result = caught.value.result
    assert result.stopped == "diverged"
    good = run(loss, epochs=2)
    np.testing.assert_array_equal(result.params[1]["W"], good.params[1]["W"])
    assert result.history == good.history


def test_a_nan_loss_stops_with_the_same_weights_and_a_warning() -> None:
    with pytest.warns(TrainingWarning, match="the loss is nan .* at step 4, in epoch 2; .* epoch 1"):
        result = run(poisoned_from(4, lambda params: np.nan * np.sum(params[0]["b"])), on_nan="stop")
    assert result.stopped == "diverged"
    np.testing.assert_array_equal(result.params[0]["W"], run(loss, epochs=1).params[0]["W"])


def test_an_infinite_loss_with_a_finite_gradient_is_seen() -> None:
    with pytest.raises(DivergedError, match="the loss is inf at step 0") as caught:
        run(poisoned_from(0, lambda params: np.inf))
    assert caught.value.leaf is None


def test_a_rate_that_is_too_large_ends_with_finite_weights() -> None:
    with pytest.raises(DivergedError) as caught:
        fit(lambda w: np.sum(w**4), np.ones(3), None, optim.SGD(10.0), epochs=100, progress=False)
    assert np.isfinite(caught.value.result.params).all()
    assert np.isfinite(caught.value.result.history["loss"]).all()


def test_the_best_weights_are_kept_where_they_are_known() -> None:
    values = iter([3.0, 1.0, 2.0, 2.0])
    with pytest.warns(TrainingWarning, match="those of epoch 2"):
        result = run(poisoned_from(10, lambda params: np.nan * np.sum(params[0]["b"])), on_nan="stop",
                     validation=lambda params: next(values))
    np.testing.assert_array_equal(result.params[0]["W"], run(loss, epochs=2).params[0]["W"])


def test_nan_in_the_data_is_found() -> None:
    bad = X.copy()
    bad[17, 1] = np.nan
    with pytest.raises(DivergedError, match=r"data\[0\] holds a number that is not finite, first in row 17"):
        fit(loss, MODEL.init(0), (bad, Y), optim.SGD(0.1), epochs=1, progress=False)


def test_ignore_goes_on_as_numpy_would() -> None:
    result = run(poisoned_from(2, lambda params: np.nan * np.sum(params[0]["b"])), on_nan="ignore")
    assert result.stopped is None
    assert np.isnan(result.params[0]["b"]).all()


def test_large_finite_gradients_are_no_reason_to_stop() -> None:
    # Squares overflow, the numbers do not.
    result = fit(lambda w: 1e200 * np.sum(w), np.ones(2), None, optim.SGD(1e-201), epochs=2, progress=False)
    assert result.history["grad_norm"] == pytest.approx([1e200 * np.sqrt(2)] * 2)
    tiny = fit(lambda w: 1e-200 * np.sum(w), np.ones(2), None, optim.SGD(1.0), epochs=1, progress=False)
    assert tiny.history["grad_norm"] == pytest.approx([1e-200 * np.sqrt(2)], rel=1e-12)
