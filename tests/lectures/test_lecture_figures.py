"""The figures' numbers, where they take no time: rows 11, 62-66, 68, 71, 73-75 of the inventory."""

from __future__ import annotations

import numpy as np
import pytest

from comparisons.figures import batch_sizes, initialisation, learning_rates, numeric_error, polynomials, trajectories
from comparisons.figures.shared import fit_digits
from diffkit import optim

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture
def ax():
    pyplot.switch_backend("agg")
    yield pyplot.figure().add_subplot()
    pyplot.close("all")


def test_numeric_error_is_a_v(ax):  # row 11
    steps, errors = result = numeric_error.run()
    forward = errors["forward difference"]
    lowest = steps[np.argmin(forward)]
    assert 1e-9 < lowest < 1e-6 and forward[0] > 1 and forward[-1] > 1
    assert errors["complex step"].max() < 1e-14
    assert numeric_error.plot(result, ax) is ax and len(ax.lines) == 3


@pytest.mark.parametrize("scene", trajectories.SCENES, ids=lambda scene: scene[0].__name__)
def test_trajectories(scene, ax):  # rows 73, 74: diffkit's gradients walk the reference's way
    function, start, steps, _, level, methods = scene
    walks = {}
    for name, (opt, reference) in methods.items():
        walks[name] = points = trajectories.walk(function, start, opt, steps, level)
        if level is not None:
            assert len(points) - 1 == reference, name
        elif reference != "-":
            assert reference / 2 < function(points[-1]) < reference * 2, name
    assert trajectories.plot(scene, walks, ax) is ax


@pytest.mark.parametrize("lr", [1e-4, 1e-1])
def test_learning_rate(lr):  # row 68: the reference was measured with another library
    pytest.importorskip("sklearn")
    history = fit_digits(optim.SGD(lr), 30).history
    assert history["val_loss"][-1] == pytest.approx(learning_rates.REFERENCE[lr], abs=6e-4)


@pytest.mark.parametrize("size", [256, 1347])
def test_batch_size(size):  # row 71
    pytest.importorskip("sklearn")
    history = fit_digits(optim.SGD(0.05), 10, batch_size=size).history
    assert history["val_training"][-1] == pytest.approx(batch_sizes.REFERENCE[size], abs=6e-4)


def test_under_and_overfitting():  # rows 62, 63: stiff, right, through every point, and stiffened again
    (stiff, stiff_test), (right, right_test), (through, through_test) = (
        polynomials.errors(degree, 0.0, 60) for degree in (1, 2, 9))
    assert stiff == pytest.approx(0.28, rel=0.2) and stiff_test == pytest.approx(0.44, rel=0.2)
    assert right == pytest.approx(0.0063, rel=0.2) and right_test == pytest.approx(0.013, rel=0.2)
    assert through < 1e-20 and through_test > 100
    assert right_test < polynomials.errors(9, 0.1, 20)[1] < 0.06


def test_gradients_vanish_through_sigmoids():  # row 66
    norms = initialisation.gradients("sigmoid")
    assert norms[0] / norms[-1] < 1e-4
    norms = initialisation.gradients("tanh")
    assert norms[0] / norms[-1] > 0.1


def test_activations_keep_their_spread():  # row 65
    found = {name: initialisation.activations(f, draw) for name, (f, draw, _) in initialisation.SETTINGS.items()}
    assert found["tanh, std 0.01"][-1] < 1e-7
    assert found["tanh, Glorot"][-1] == pytest.approx(0.235, rel=0.1)
    assert found["ReLU, Glorot"][-1] < 0.05 < 0.5 < found["ReLU, He"][-1]
