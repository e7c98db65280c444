"""Early stopping counts as Keras counts, and goes back to the best weights."""

import numpy as np
import pytest

from diffkit import optim
from diffkit.train import EarlyStopping, TrainingError, fit

# A loss whose value at step t is handed in by the data of "validation": the weight counts the
# steps (gradient −1, rate 1), so the validation function sees how many were made.
ONE = {"w": np.zeros(1)}


def counting(params: dict[str, np.ndarray]) -> float:
    return -params["w"][0]


def train_on(values: list[float], stopping: EarlyStopping | None, epochs: int | None = None, **options):
    return fit(counting, ONE, None, optim.SGD(1.0), epochs=epochs or len(values), progress=False,
               validation=lambda params: values[round(params["w"][0]) - 1], early_stopping=stopping, **options)


@pytest.mark.parametrize("patience, epochs_made", [(1, 3), (2, 4), (3, 5), (4, 6)])
def test_stops_after_the_patience_th_epoch_without_improvement(patience: int, epochs_made: int) -> None:
    # Keras with patience=1 on 1.0, 0.5, 0.6 stops after the third epoch.
    result = train_on([1.0, 0.5, 0.6, 0.7, 0.5, 0.9, 0.4], EarlyStopping(patience))
    assert len(result.history["loss"]) == epochs_made
    assert result.stopped == "early_stopping"
    assert result.best_epoch == 2
    assert result.params["w"][0] == 2


def test_patience_starts_again_at_an_improvement() -> None:
    result = train_on([1.0, 0.5, 0.6, 0.4, 0.5, 0.6, 0.1], EarlyStopping(2))
    assert len(result.history["loss"]) == 6
    assert result.params["w"][0] == 4


def test_the_best_weights_come_back_when_training_ends_first() -> None:
    result = train_on([1.0, 0.5, 0.6, 0.7], EarlyStopping(50))
    assert (result.stopped, result.best_epoch, result.params["w"][0]) == (None, 2, 2)
    assert result.state["step"] == 2


def test_without_restore_the_last_weights_stay() -> None:
    result = train_on([1.0, 0.5, 0.6, 0.7], EarlyStopping(2, restore_best=False))
    assert (result.best_epoch, result.params["w"][0], len(result.history["loss"])) == (2, 4, 4)


def test_without_early_stopping_the_last_weights_stay() -> None:
    result = train_on([1.0, 0.5, 0.6, 0.7], None)
    assert (result.best_epoch, result.params["w"][0]) == (2, 4)


def test_min_delta_is_a_bound_that_must_be_passed() -> None:
    watch = EarlyStopping(patience=2, min_delta=0.1)
    assert [watch.update(value, epoch) for epoch, value in enumerate([1.0, 0.95, 0.91])] == [False, False, True]
    assert watch.best == 1.0


def test_nan_is_no_improvement_even_at_first() -> None:
    watch = EarlyStopping(patience=3)
    assert [watch.update(value, epoch) for epoch, value in enumerate([np.nan, 2.0, np.nan])] == [False] * 3
    assert (watch.best, watch.best_epoch, watch.waited) == (2.0, 1, 1)


def test_the_setting_is_not_used_up() -> None:
    stopping = EarlyStopping(1)
    first = train_on([1.0, 0.5, 0.6, 0.7], stopping)
    second = train_on([1.0, 0.5, 0.6, 0.7], stopping)
    assert first.history == second.history
    assert stopping == EarlyStopping(1)


def test_the_training_loss_is_watched_without_validation() -> None:
    result = fit(lambda w: np.sum(w * w), np.ones(1), None, optim.SGD(1.0), epochs=9, progress=False,
                 early_stopping=EarlyStopping(2))
    # w jumps between 1 and −1: the loss stays at 1, and the third epoch is the second bad one.
    assert (len(result.history["loss"]), result.stopped) == (3, "early_stopping")


@pytest.mark.parametrize("settings", [{"patience": -1}, {"patience": 1.5}, {"min_delta": -0.1},
                                      {"min_delta": np.nan}])
def test_settings_out_of_range_are_refused(settings: dict) -> None:
    with pytest.raises(TrainingError):
        EarlyStopping(**settings)


def test_a_flag_is_no_early_stopping() -> None:
    with pytest.raises(TrainingError, match=r"early_stopping=True\n(.*\n)*.*EarlyStopping\(patience=20\)"):
        train_on([1.0], True)
