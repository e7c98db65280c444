"""fit: the steps it makes, what it records, what it refuses, and that it writes to nothing of the caller's."""

import collections
import copy
import dataclasses
import itertools
import json
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit import nn, optim, schedules
from diffkit.train import Epoch, TrainingError, fit, minibatches

X = np.random.default_rng(0).normal(size=(50, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + 0.1
PARAMS = {"w": np.zeros(3), "b": np.zeros(())}


def loss(params: dict[str, Any], x: Any, y: Any) -> Any:
    return np.mean((x @ params["w"] + params["b"] - y) ** 2)


def by_hand(epochs: int, batch_size: int, lr: float, seed: int) -> tuple[Any, float, list[float], list[float]]:
    """Stochastic gradient descent with the gradient written out."""
    w, b, rng = np.zeros(3), 0.0, np.random.default_rng(seed)
    losses, norms = [], []
    for _ in range(epochs):
        total, lengths = 0.0, []
        order = rng.permutation(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start:start + batch_size]
            error = X[rows] @ w + b - Y[rows]
            total += float(np.sum(error**2))
            gw, gb = 2 * X[rows].T @ error / len(rows), 2 * error.mean()
            lengths.append(float(np.sqrt(gw @ gw + gb * gb)))
            w, b = w - lr * gw, b - lr * gb
        losses.append(total / len(X))
        norms.append(float(np.mean(lengths)))
    return w, b, losses, norms


def train(**options: Any) -> Any:
    settings = {"epochs": 4, "batch_size": 8, "seed": 3, "progress": False, **options}
    return fit(loss, PARAMS, (X, Y), optim.SGD(0.05), **settings)


def test_the_steps_are_those_written_by_hand() -> None:
    result = train()
    w, b, losses, norms = by_hand(4, 8, 0.05, 3)
    np.testing.assert_allclose(result.params["w"], w, rtol=1e-13)
    np.testing.assert_allclose(result.params["b"], b, rtol=1e-12)
    np.testing.assert_allclose(result.history["loss"], losses, rtol=1e-12)
    np.testing.assert_allclose(result.history["grad_norm"], norms, rtol=1e-12)
    assert result.history["lr"] == [0.05] * 4
    assert result.state["step"] == 4 * 7
    assert result.stopped is None


@pytest.mark.parametrize("optimizer, dtype", [
    (optim.Adam(0.01), np.float64), (optim.Adam(0.01), np.float32), (optim.Nesterov(0.01), np.float64),
    (optim.AdamW(0.01, weight_decay=0.5, mask={"w": True, "b": False}), np.float64),
    (optim.average(optim.RMSProp(0.01)), np.float32)])
def test_the_bits_are_those_of_the_optimizer_on_the_containers(optimizer: optim.Optimizer, dtype: Any) -> None:
    # w in one dtype, b in float64: joined into one vector where the dtypes are equal, apart where not.
    params: Any = {"w": np.ones(3, dtype), "b": np.zeros((1, 2))}
    state = optimizer.init(params)

    def both(p: Any, x: Any, y: Any) -> Any:
        return np.mean((x @ p["w"] + np.sum(p["b"]) - y) ** 2) + np.sum(p["b"][0, 1] ** 3)

    result = fit(both, params, (X, Y), optimizer, epochs=3, batch_size=20, seed=0, progress=False, clip=1.5)
    rng = np.random.default_rng(0)
    for _ in range(3):
        for rows in minibatches(len(X), 20, rng):
            grads = dk.grad(both)(optimizer.grad_point(params, state), X[rows], Y[rows])
            if dtype == np.float64 and not getattr(optimizer, "mask", None):
                joined = np.concatenate([grads["w"], grads["b"].reshape(-1)])
                factor = min(1.0, 1.5 / optim.global_norm(joined))
                grads = dk.tree.map(lambda leaf, factor=factor: leaf * factor, grads) if factor < 1 else grads
            else:
                grads, _ = optim.clip_global_norm(grads, 1.5)
            params, state = optimizer.step(params, grads, state)
    for name in ("w", "b"):
        np.testing.assert_array_equal(result.params[name], params[name], strict=True)
    assert list(state) == list(result.state)
    for one, other in zip(dk.tree.flatten(state)[0], dk.tree.flatten(result.state)[0], strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_of_the_callers_is_written_to() -> None:
    params = {"w": np.zeros(3), "b": np.zeros(())}
    kept = [copy.deepcopy(value) for value in (params, X, Y)]
    for array in (params["w"], X, Y):
        array.flags.writeable = False
    try:
        fit(loss, params, (X, Y), optim.Adam(0.1), epochs=3, batch_size=64, progress=False, validation=(X, Y))
    finally:
        X.flags.writeable = Y.flags.writeable = True
    for value, before in zip((params["w"], X, Y), (kept[0]["w"], kept[1], kept[2])):
        np.testing.assert_array_equal(value, before)


def test_compiled_training_makes_the_same_bits() -> None:
    model = nn.MLP((3, 5, 2))
    labels = (Y > 0).astype(int)

    def classify(params: Any, x: Any, y: Any) -> Any:
        return nn.cross_entropy(model.apply(params, x), y)

    eager, compiled = (fit(classify, model.init(0), (X, labels), optim.Adam(0.01), epochs=6, batch_size=16,
                           progress=False, compile=choice) for choice in (False, True))
    assert eager.history == compiled.history
    for a, b in zip(dk.tree.flatten(eager.params)[0], dk.tree.flatten(compiled.params)[0]):
        np.testing.assert_array_equal(a, b)


def test_auto_compiles_long_runs_alone() -> None:
    calls = []

    def counting(w: Any) -> Any:
        calls.append(1)
        return np.sum(w * w)

    for epochs, choice, expected in ((50, "auto", range(50, 51)), (1000, "auto", range(1, 10)),
                                     (1000, False, range(1000, 1001))):
        calls.clear()
        fit(counting, np.ones(2), None, optim.SGD(1e-3), epochs=epochs, progress=False, compile=choice)
        assert len(calls) in expected


def test_history_is_json_and_has_a_number_an_epoch() -> None:
    result = train(validation=(X, Y), callbacks=[lambda epoch: epoch.row.update(half=np.float32(epoch.epoch / 2))])
    back = json.loads(json.dumps(result.history))
    assert back == result.history
    assert list(back) == ["loss", "val_loss", "lr", "grad_norm", "half"]
    assert {len(values) for values in back.values()} == {4}
    assert back["half"] == [0.5, 1.0, 1.5, 2.0]


def test_validation_is_measured_after_the_epoch() -> None:
    result = train(validation=(X[:5], Y[:5]))
    w, b, _, _ = by_hand(4, 8, 0.05, 3)
    assert result.history["val_loss"][-1] == pytest.approx(np.mean((X[:5] @ w + b - Y[:5]) ** 2), rel=1e-12)


def test_validation_can_be_a_function_of_many_numbers() -> None:
    result = train(validation=lambda params: {"loss": 1.0, "accuracy": np.float64(0.5)})
    assert result.history["val_loss"] == [1.0] * 4
    assert result.history["val_accuracy"] == [0.5] * 4
    with pytest.raises(TrainingError, match="no loss"):
        train(validation=lambda params: {"accuracy": 1.0})
    with pytest.raises(TrainingError, match=r"shape \(2,\)"):
        train(validation=lambda params: np.ones(2))


def test_a_number_that_comes_late_leaves_none() -> None:
    def sometimes(epoch: Epoch) -> None:
        if epoch.epoch in (2, 4):
            epoch.row["extra"] = epoch.epoch

    assert train(callbacks=[sometimes]).history["extra"] == [None, 2, None, 4]


def test_callbacks_stop_and_what_they_keep_stays_as_it_was() -> None:
    seen: list[Epoch] = []

    def stop_at_two(epoch: Epoch) -> bool:
        seen.append(epoch)
        return epoch.epoch == 2

    result = train(callbacks=[stop_at_two])
    assert (result.stopped, len(result.history["loss"]), len(seen)) == ("callback", 2, 2)
    np.testing.assert_array_equal(seen[0].params["w"], train(epochs=1).params["w"])
    assert (seen[1].epoch, seen[1].epochs) == (2, 4)


def test_the_last_batch_is_short_and_none_is_one_batch_in_order() -> None:
    sizes: list[list[float]] = []

    def spying(params: Any, x: Any) -> Any:
        sizes.append(dk.value(x).tolist())
        return np.sum(params * np.mean(x))

    numbers = np.arange(5.0)
    fit(spying, np.ones(1), numbers, optim.SGD(0.1), epochs=1, batch_size=2, seed=1, progress=False)
    expected = [numbers[rows].tolist() for rows in minibatches(5, 2, np.random.default_rng(1))]
    assert sizes == expected
    sizes.clear()
    for whole in (None, 5, 100):
        fit(spying, np.ones(1), numbers, optim.SGD(0.1), epochs=1, batch_size=whole, progress=False)
    assert sizes == [numbers.tolist()] * 3


def test_clipping_bounds_each_step() -> None:
    path: list[Any] = [np.zeros(3)]
    result = train(clip=0.1, batch_size=None, callbacks=[lambda epoch: path.append(epoch.params["w"])])
    lengths = [np.linalg.norm(b - a) for a, b in itertools.pairwise(path)]
    assert max(lengths) <= 0.05 * 0.1 * (1 + 1e-12)
    assert result.history["grad_norm"][0] > 1  # recorded as it was before clipping


def test_look_ahead_nesterov_takes_its_gradient_ahead() -> None:
    result = fit(lambda w: 0.5 * np.sum(w * w), np.array([1.0]), None, optim.Nesterov(0.1, momentum=0.5), epochs=3,
                 progress=False)
    theta, velocity = 1.0, 0.0
    for _ in range(3):  # Sutskever's formula; the gradient of w²/2 is w
        velocity = 0.5 * velocity - 0.1 * (theta + 0.5 * velocity)
        theta += velocity
    assert result.params[0] == pytest.approx(theta, rel=1e-14)


def test_a_plateau_is_told_the_loss_and_the_optimizer_starts_afresh() -> None:
    optimizer = optim.SGD(schedules.ReduceOnPlateau(1.0, patience=1))
    runs = [fit(lambda w: np.sum(w * w), np.ones(1), None, optimizer, epochs=7, progress=False) for _ in range(2)]
    # At rate 1 w jumps between 1 and −1: bad epochs from the second on, a tenth at the third.
    assert runs[0].history["lr"] == [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1]
    assert runs[0].history == runs[1].history
    with pytest.raises(TrainingError, match="fit watches the loss"):
        fit(lambda w: w, np.ones(()), None, optim.SGD(schedules.ReduceOnPlateau(1.0, mode="max")), epochs=1)


def test_dropout_draws_while_training_and_not_in_validation() -> None:
    given: list[bool] = []

    def drawing(params: Any, x: Any, y: Any, rng: Any = None) -> Any:
        given.append(rng is not None)
        noise = 0.0 if rng is None else rng.normal()
        return np.mean((x @ params["w"] - y) ** 2) + noise * np.sum(params["w"])

    once, again, other = (fit(drawing, PARAMS, (X, Y), optim.SGD(0.01), epochs=2, batch_size=25, progress=False,
                              validation=(X, Y), seed=seed) for seed in (0, 0, 1))
    assert given[:6] == [True, True, False, True, True, False]
    assert once.history == again.history
    assert once.history != other.history


def test_drawing_does_not_change_the_minibatches() -> None:
    rows: list[list[float]] = []

    def quiet(w: Any, x: Any) -> Any:
        rows.append(x.tolist())
        return np.sum(w)

    def drawing(w: Any, x: Any, rng: Any = None) -> Any:
        rows.append(x.tolist())
        return np.sum(w) + (0.0 if rng is None else rng.normal())

    for function in (quiet, drawing):
        fit(function, np.ones(1), np.arange(6.0), optim.SGD(0.1), epochs=2, batch_size=2, progress=False)
    assert rows[:6] == rows[6:]


def test_a_generator_is_advanced_and_a_seed_repeats() -> None:
    assert train(seed=5).history == train(seed=5).history
    rng = np.random.default_rng(5)
    first, second = train(seed=rng), train(seed=rng)
    assert first.history == train(seed=5).history
    assert second.history["loss"][0] != first.history["loss"][0]


@dataclasses.dataclass
class Line:
    slope: Any
    offset: Any


Pair = collections.namedtuple("Pair", "slope offset")


@pytest.mark.parametrize("params", [Line(np.zeros(3), np.zeros(())), Pair(np.zeros(3), np.zeros(())),
                                    [np.zeros(3), np.zeros(())], (np.zeros(3, np.float32), np.zeros((), np.float32))])
def test_any_container_trains_and_keeps_kind_and_dtype(params: Any) -> None:
    def line(p: Any, x: Any, y: Any) -> Any:
        slope, offset = dk.tree.flatten(p)[0]
        return np.mean((x @ slope + offset - y) ** 2)

    dtype = dk.tree.flatten(params)[0][0].dtype
    result = fit(line, params, (X.astype(dtype), Y.astype(dtype)), optim.SGD(0.05), epochs=200, progress=False)
    assert type(result.params) is type(params)
    slope, offset = dk.tree.flatten(result.params)[0]
    assert slope.dtype == dtype
    np.testing.assert_allclose(slope, [1.0, -2.0, 0.5], atol=1e-3)
    np.testing.assert_allclose(offset, 0.1, atol=1e-3)


def test_data_may_be_containers() -> None:
    result = fit(lambda p, batch: loss(p, batch["x"], batch["y"]), PARAMS, ({"x": X, "y": Y},), optim.SGD(0.05),
                 epochs=4, batch_size=8, seed=3, progress=False)
    assert result.history["loss"] == train().history["loss"]
    alone = fit(lambda p, batch: loss(p, batch["x"], batch["y"]), PARAMS, {"x": X, "y": Y}, optim.SGD(0.05),
                epochs=4, batch_size=8, seed=3, progress=False)
    assert alone.history == result.history


@pytest.mark.parametrize("options, message", [
    ({"data": (X, Y[:-1])}, r"data\[1\] has 49 rows, data\[0\] 50"),
    ({"data": (X[:0], Y[:0])}, r"data\[0\] has no rows: its shape is \(0, 3\)"),
    ({"data": ()}, "data is empty"),
    ({"data": (X, 3.0)}, r"data\[1\] is 3.0, not an array"),
    ({"data": (X, {"y": Y[:7]})}, r'data\[1\]\["y"\] has 7 rows'),
    ({"validation": (X, Y[:2])}, r"validation\[1\] has 2 rows"),
    ({"validation": (X[:0], Y[:0])}, r"validation\[0\] has no rows"),
    ({"epochs": -1}, "epochs=-1"), ({"epochs": 2.5}, "epochs=2.5"), ({"batch_size": 0}, "batch_size=0"),
    ({"on_nan": "hope"}, "on_nan='hope'"), ({"compile": "yes"}, "compile='yes'"),
    ({"progress": "loud"}, "progress='loud'"), ({"optimizer": "adam"}, "an optimizer of dk.optim"),
    ({"clip": -1.0}, "max_norm"), ({"clip": 0.0}, "max_norm"),
])
def test_what_does_not_fit_is_named_before_the_first_step(options: dict[str, Any], message: str) -> None:
    settings = {"data": (X, Y), "optimizer": optim.SGD(0.1), "epochs": 2, "progress": False, **options}
    data, optimizer = settings.pop("data"), settings.pop("optimizer")

    def never(params: Any, *batch: Any) -> Any:
        raise AssertionError("a step was made")

    with pytest.raises((TrainingError, optim.OptimizerError), match=message):
        fit(never, PARAMS, data, optimizer, **settings)


def test_a_schedule_that_ends_early_is_known_before_the_first_step() -> None:
    with pytest.raises(optim.OptimizerError, match="the learning rate at step 27 is None"):
        fit(loss, PARAMS, (X, Y), optim.SGD(lambda step: 0.1 if step < 20 else None), epochs=4, batch_size=8,
            progress=False)


def test_a_parameter_that_is_no_float_is_named() -> None:
    with pytest.raises(dk.errors.InputError, match=r'params\["w"\] is int64'):
        fit(loss, {"w": np.zeros(3, int), "b": np.zeros(())}, (X, Y), optim.SGD(0.1), epochs=1, progress=False)


def test_an_error_of_the_loss_comes_through_unchanged() -> None:
    def broken(params: Any, x: Any, y: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fit(broken, PARAMS, (X, Y), optim.SGD(0.1), epochs=1, progress=False)


@pytest.mark.parametrize("compile", [False, True])
def test_a_loss_may_write_to_its_parameters_and_nobody_else_sees_it(compile: bool) -> None:
    def doubling(w: Any, x: Any) -> Any:
        w *= 2.0
        w[0] = 0.0
        return np.mean((x @ w - 4.0) ** 2)

    def pure(w: Any, x: Any) -> Any:
        return np.mean((x[:, 1:] @ (2.0 * w[1:]) - 4.0) ** 2)

    start, rows = np.full(3, 0.5), np.random.default_rng(0).normal(size=(20, 3))
    results = [fit(f, start, rows, optim.Adam(0.1), epochs=5, batch_size=5, compile=compile, progress=False)
               for f in (doubling, pure)]
    np.testing.assert_allclose(results[0].params, results[1].params, rtol=1e-12)
    assert start.tolist() == [0.5] * 3
