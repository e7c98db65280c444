"""A run that is stopped and resumed makes the same bits as one that never stopped."""

import pathlib
import signal
import subprocess
import sys
import time
import warnings
from typing import Any

import numpy as np
import pytest

from diffkit import nn, optim, schedules, tree
from diffkit.train import EarlyStopping, Result, TrainingError, TrainingWarning, fit, load, save

RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(40, 4)), RNG.integers(3, size=40)
MODEL = nn.MLP((4, 6, 3), dropout=0.3)


def loss(params: Any, x: Any, y: Any, rng: Any = None) -> Any:
    return nn.cross_entropy(MODEL.apply(params, x, rng, training=rng is not None), y)


def optimizers() -> dict[str, optim.Optimizer]:
    return {"adam": optim.Adam(schedules.cosine(0.05, 60)), "sgd": optim.SGD(0.1), "nesterov": optim.Nesterov(0.05),
            "plateau": optim.RMSProp(schedules.ReduceOnPlateau(0.05, patience=0, factor=0.5)),
            "averaged": optim.average(optim.Momentum(0.05), kind="ema", decay=0.9)}


def run(epochs: int, name: str = "adam", **options: Any) -> Result:
    return fit(loss, MODEL.init(0), (X, Y), optimizers()[name], epochs=epochs, batch_size=12, seed=4, progress=False,
               validation=(X[:9], Y[:9]), **options)


def assert_same_bits(a: Any, b: Any) -> None:
    left, right = tree.flatten(a)[0], tree.flatten(b)[0]
    assert len(left) == len(right)
    for one, other in zip(left, right):
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other, strict=True)
        else:
            assert one == other


@pytest.mark.parametrize("name", optimizers())
@pytest.mark.parametrize("early_stopping", [None, EarlyStopping(6)])
def test_resumed_equals_uninterrupted_bit_for_bit(tmp_path: pathlib.Path, name: str,
                                                  early_stopping: EarlyStopping | None) -> None:
    whole = run(9, name, early_stopping=early_stopping)
    assert len(whole.history["loss"]) > 5
    run(2, name, early_stopping=early_stopping, checkpoint=tmp_path / "c.npz")
    run(5, name, early_stopping=early_stopping, checkpoint=tmp_path / "c.npz", resume=tmp_path / "c.npz")
    resumed = run(9, name, early_stopping=early_stopping, resume=tmp_path / "c.npz")
    assert resumed.history == whole.history
    assert (resumed.best_epoch, resumed.stopped) == (whole.best_epoch, whole.stopped)
    assert_same_bits(resumed.params, whole.params)
    assert_same_bits(resumed.state, whole.state)
    from_result = run(9, name, early_stopping=early_stopping, resume=run(4, name, early_stopping=early_stopping))
    assert from_result.history == whole.history
    assert_same_bits(from_result.params, whole.params)


def test_the_test_sees_a_lost_optimizer_state(tmp_path: pathlib.Path) -> None:
    # The planted error: parameters alone are taken up, as so many scripts do.
    whole, part = run(6), run(3)
    position = {**part.position, "state": optimizers()["adam"].init(part.params)}
    assert run(6, resume=position).history != whole.history


def test_a_position_can_be_saved_by_hand(tmp_path: pathlib.Path) -> None:
    save(tmp_path / "p.npz", run(3).position)
    assert run(6, resume=load(tmp_path / "p.npz")).history == run(6).history


def test_early_stopping_remembers_that_it_stopped() -> None:
    stopped = fit(lambda w: np.sum(w * w), np.ones(1), None, optim.SGD(1.0), epochs=9, progress=False,
                  early_stopping=EarlyStopping(2))
    again = fit(lambda w: np.sum(w * w), np.ones(1), None, optim.SGD(1.0), epochs=9, progress=False,
                early_stopping=EarlyStopping(2), resume=stopped)
    assert again.history == stopped.history
    assert again.stopped == "early_stopping"


class Interrupting:
    """A loss that is interrupted at its n-th call, as by Ctrl-C."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, params: Any, x: Any, y: Any, rng: Any = None) -> Any:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return loss(params, x, y, rng)


def interrupted(at: int, **options: Any) -> Result:
    with pytest.warns(TrainingWarning, match=r"interrupted in epoch \d+; the weights are those of epoch \d+"):
        return fit(Interrupting(at), MODEL.init(0), (X, Y), optimizers()["adam"], epochs=9, batch_size=12, seed=4,
                   progress=False, **options)


def test_ctrl_c_keeps_the_last_whole_epoch_and_resumes_as_if_nothing_had_been() -> None:
    result = interrupted(4 * 3 + 3)  # four steps an epoch: in the fourth epoch
    assert (result.stopped, len(result.history["loss"])) == ("interrupted", 3)
    whole = fit(loss, MODEL.init(0), (X, Y), optimizers()["adam"], epochs=9, batch_size=12, seed=4, progress=False)
    resumed = fit(loss, MODEL.init(0), (X, Y), optimizers()["adam"], epochs=9, batch_size=12, seed=4, progress=False,
                  resume=result)
    assert resumed.history == whole.history
    assert_same_bits(resumed.params, whole.params)


def test_ctrl_c_keeps_the_best_weights_where_they_are_known() -> None:
    kept: list[Any] = []
    losses = iter([3.0, 1.0, 2.0, 2.5, 2.0])
    result = interrupted(4 * 4 + 2, validation=lambda params: next(losses),
                         callbacks=[lambda epoch: kept.append(epoch.params)])
    assert result.best_epoch == 2
    assert_same_bits(result.params, kept[1])


def test_ctrl_c_in_the_first_epoch_keeps_the_start() -> None:
    result = interrupted(2)
    assert_same_bits(result.params, MODEL.init(0))
    assert (result.best_epoch, result.history) == (0, {})


class CtrlC:
    """Ctrl-C before the n-th line of the training loop's own files, by the hook that debuggers use."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, frame: Any, event: str, argument: Any) -> Any:
        if event == "line" and self.left >= 0:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        own = frame.f_code.co_filename.endswith(("loop.py", "history.py", "stopping.py", "plateau.py"))
        return self if own else None


def test_ctrl_c_at_any_line_between_epochs_loses_nothing() -> None:
    def training(**options: Any) -> Result:
        optimizer = optim.Momentum(schedules.ReduceOnPlateau(0.3, 0.5, patience=0))
        return fit(lambda w: (w * w - 1)**2, np.array(0.7), None, optimizer, epochs=5, progress=False,
                   early_stopping=EarlyStopping(3), **options)

    whole = training()
    ends, at = set(), 0
    while True:
        watcher = CtrlC(at)

        def begin(epoch: Any, watcher: CtrlC = watcher) -> None:
            if epoch.epoch == 3:
                sys._getframe(1).f_trace = watcher
                sys.settrace(watcher)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TrainingWarning)
                result = training(callbacks=[begin])
        except KeyboardInterrupt:
            break  # after the last epoch, where the result is put together
        finally:
            sys.settrace(None)
        assert result.stopped == "interrupted"
        ends.add(result.position["epoch"])
        assert {len(values) for values in result.history.values()} == {result.position["epoch"]}, at
        resumed = training(resume=result)
        assert resumed.history == whole.history and resumed.best_epoch == whole.best_epoch, at
        assert_same_bits(resumed.params, whole.params)
        at += 1
    assert at > 100 and ends == {2, 3, 4, 5}


def test_a_real_ctrl_c(tmp_path: pathlib.Path) -> None:
    # (What is started in the background inherits that SIGINT is ignored.)
    code = ("import signal, numpy as np\nfrom diffkit import optim, train\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "r = train.fit(lambda w: np.sum(w * w), np.ones(3), None, optim.SGD(1e-9), epochs=10**9,\n"
            "              progress=False, callbacks=[lambda e: e.epoch == 5 and print('going', flush=True)])\n"
            "print(r.stopped, r.params.shape)")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "going\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert out == "interrupted (3,)\n"
    assert "TrainingWarning: interrupted in epoch" in err


@pytest.mark.parametrize("params, message", [
    (nn.MLP((4, 7, 3)).init(0),
     r'params\[0\]\["W"\] has shape \(4, 7\) and dtype float64, in the checkpoint \(4, 6\)'),
    (nn.MLP((4, 3)).init(0), r'params\[1\]\["W"\] is in the checkpoint, not in params'),
    (nn.MLP((4, 6, 3), dtype=np.float32).init(0), "dtype float32"),
])
def test_a_checkpoint_of_another_network_is_named(params: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        fit(loss, params, (X, Y), optim.Adam(), epochs=3, progress=False, resume=run(1))


def test_other_files_and_other_optimizers_are_refused(tmp_path: pathlib.Path) -> None:
    save(tmp_path / "params.npz", MODEL.init(0))
    with pytest.raises(TrainingError, match="not a checkpoint of fit"):
        run(3, resume=tmp_path / "params.npz")
    with pytest.raises(optim.OptimizerError, match="not a state of Adam"):
        run(3, "adam", resume=run(1, "sgd"))
    with pytest.raises(TrainingError, match=r"holds \['s', 'r'\], which SGD does not keep"):
        run(3, "sgd", resume=run(1, "adam"))
    with pytest.raises(TrainingError, match="does not belong"):
        run(3, resume={"epoch": 1})
    with pytest.raises(FileNotFoundError):
        run(3, resume=tmp_path / "absent.npz")
    with pytest.raises(TrainingError, match="there is no folder"):
        run(3, checkpoint=tmp_path / "absent" / "run.npz")
