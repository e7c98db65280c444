"""diffkit train: what it prints, what it writes, how it ends."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from diffkit import nn
from diffkit.cli import main
from diffkit.train import load


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_digits_reaches_its_accuracy_and_writes_three_files(capsys: pytest.CaptureFixture[str],
                                                            folder: pathlib.Path) -> None:
    assert main(["train", "digits", "--epochs", "12", "--schedule", "cosine"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[:2] == [
        "digits: 1797 rows, 64 inputs, 10 classes; 1258 training, 269 validation, 270 test rows",
        "network 64-64-32-10, relu, 6570 parameters; adam, learning rate 0.001 (cosine), batches of 32"]
    assert len(err.splitlines()) == 12
    assert all(name in err for name in ("loss", "val_accuracy", "lr"))
    shown = float(next(line for line in out.splitlines() if line.startswith("test")).split()[2])
    assert shown > 0.93
    assert sorted(path.name for path in folder.iterdir()) == ["digits.history.json", "digits.npz", "digits.png"]
    history = json.loads((folder / "digits.history.json").read_text())
    assert len(history["loss"]) == len(history["val_loss"]) == len(history["accuracy"]) == 12
    assert history["lr"][-1] < history["lr"][0] == pytest.approx(1e-3, rel=3e-2)
    assert (folder / "digits.png").read_bytes().startswith(b"\x89PNG")


def table(rows: int = 120) -> str:
    rng = np.random.default_rng(0)
    lines = ["width,height,colour,kind"]
    for _ in range(rows):
        kind = rng.choice(["oak", "fir"])
        size = rng.normal(size=2) + (3 if kind == "oak" else 0)
        lines.append(f"{size[0]:.3f},{size[1]:.3f},{rng.choice(['red', 'green'])},{kind}")
    return "\n".join(lines) + "\n"


def test_a_file_trains_and_the_saved_model_predicts(capsys: pytest.CaptureFixture[str], folder: pathlib.Path) -> None:
    (folder / "trees.csv").write_text(table())
    arguments = ["train", "trees.csv", "--target", "kind", "--hidden", "16", "8", "--optimizer", "adam", "--schedule",
                 "cosine", "--quiet", "--output", "my"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "trees: 120 rows, 4 inputs, 2 classes" in out
    model = load(folder / "my.npz")
    assert model["classes"] == ["fir", "oak"]
    assert model["features"] == ["width", "height", "colour=green", "colour=red"]
    network = nn.MLP(model["sizes"], model["activation"])
    X = np.array([[3.0, 3.0, 0, 1], [0.0, 0.0, 1, 0]])
    scores = network.apply(model["params"], (X - model["mean"]) / model["scale"])
    assert [model["classes"][i] for i in scores.argmax(axis=1)] == ["oak", "fir"]
    first = (folder / "my.npz").read_bytes()
    assert main(arguments) == 0
    assert (folder / "my.npz").read_bytes() == first  # the same run gives the same file


def test_numbers_are_predicted_in_their_own_units(capsys: pytest.CaptureFixture[str], folder: pathlib.Path) -> None:
    x = np.linspace(-2, 2, 200)
    (folder / "line.csv").write_text("x,y\n" + "".join(f"{a:.4f},{1000 * a + 5000.5:.3f}\n" for a in x))
    assert main(["train", "line.csv", "--target", "y", "--quiet", "--epochs", "200", "--lr", "0.01"]) == 0
    out = capsys.readouterr().out
    assert "a number to predict" in out
    rmse = float(next(line for line in out.splitlines() if line.startswith("test")).split()[2])
    assert 0 < rmse < 100  # of a spread of 1155


@pytest.mark.parametrize("options", [["--optimizer", "sgd", "--schedule", "plateau"], ["--dropout", "0.2"],
                                     ["--schedule", "one_cycle", "--clip", "1"], ["--weight-decay", "0.01"],
                                     ["--schedule", "warmup_cosine", "--activation", "tanh"], ["--patience", "0"],
                                     ["--hidden", "--optimizer", "nesterov", "--schedule", "linear"]])
def test_the_options_do_train(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    assert main(["train", "iris", "--quiet", "--epochs", "60", *options]) == 0
    out = capsys.readouterr().out
    training = float(next(line for line in out.splitlines() if line.startswith("training")).split()[2])
    assert training > 0.8


@pytest.mark.parametrize("arguments, message", [
    (["nothing"], "there is no data set 'nothing'"), (["gone.csv", "--target", "x"], "gone.csv: No such file"),
    (["trees.csv"], "which column is to be learned"), (["trees.csv", "--target", "age"], "no column 'age'"),
    (["iris", "--target", "x"], "--target goes with a file"), (["iris", "--activation", "foo"], "activation 'foo'"),
    (["iris", "--hidden", "0"], "sizes"), (["iris", "--epochs", "-1"], "epochs=-1"),
    (["iris", "--lr", "-1"], "lr=-1.0"),
    (["iris", "--batch-size", "0"], "batch_size=0"), (["iris", "--dropout", "1"], "dropout"),
    (["iris", "--clip", "0"], "max_norm"), (["iris", "--weight-decay", "-1"], "--weight-decay"),
    (["iris", "--output", "none/here"], "there is no folder none"), (["iris", "--seed", "-1"], "seed"),
])
def test_what_can_not_be_done_ends_with_two_and_a_reason(capsys: pytest.CaptureFixture[str], folder: pathlib.Path,
                                                         arguments: list[str], message: str) -> None:
    (folder / "trees.csv").write_text(table(10))
    assert main(["train", *arguments]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert "Traceback" not in err + out
    assert sorted(path.name for path in folder.iterdir()) == ["trees.csv"]


def test_divergence_is_said_and_the_last_finite_weights_are_written(capsys: pytest.CaptureFixture[str],
                                                                    folder: pathlib.Path) -> None:
    assert main(["train", "iris", "--quiet", "--lr", "1e6", "--optimizer", "sgd"]) == 2
    out, err = capsys.readouterr()
    assert 'params[0]["W"]' in out
    assert "training diverged" in err
    for layer in load(folder / "iris.npz")["params"]:
        assert np.isfinite(layer["W"]).all()


def test_ctrl_c_writes_the_best_weights(capsys: pytest.CaptureFixture[str], folder: pathlib.Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    from diffkit.train import run_command

    original, calls = run_command.Problem.measure, [0]

    def interrupting(self: Any, params: Any, part: int) -> Any:
        calls[0] += 1
        if calls[0] == 9:  # two measurements an epoch: in the fifth
            raise KeyboardInterrupt
        return original(self, params, part)

    monkeypatch.setattr(run_command.Problem, "measure", interrupting)
    assert main(["train", "iris", "--quiet"]) == 0
    assert "interrupted after 4 epochs; weights of epoch 4" in capsys.readouterr().out
    assert len(json.loads((folder / "iris.history.json").read_text())["loss"]) == 4


def test_numbers_too_large_to_be_standardised_are_named(capsys: pytest.CaptureFixture[str],
                                                        folder: pathlib.Path) -> None:
    (folder / "big.csv").write_text("x,y,z\n" + "".join(f"{i},{i}e306,{'ab'[i % 2]}\n" for i in range(40)))
    assert main(["train", "big.csv", "--target", "z", "--quiet"]) == 2
    assert "'y' are too large" in capsys.readouterr().err
