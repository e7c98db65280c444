"""The figures' numbers, where they take no time: rows 11, 62-66, 68, 71, 73-75 of the inventory."""

from __future__ import annotations

import importlib
import inspect
import re

import numpy as np
import pytest
from matplotlib import pyplot

from comparisons.figures import (
    batch_sizes,
    double_descent,
    epoch_double_descent,
    initialisation,
    landscape,
    learning_rates,
    moons,
    numeric_error,
    optimizers,
    plateau,
    polynomials,
    sketches,
    trajectories,
    uphill,
)
from comparisons.figures import schedules as decays
from comparisons.figures.__main__ import GALLERY, PICTURES
from comparisons.figures.shared import digits, fit_digits
from diffkit import nn, optim, schedules
from diffkit.lectures import plot as lecture_graph
from diffkit.train import plot_history
from diffkit.train.lr_find import LRFind


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
            assert reference in (len(points) - 1, "-"), name
        elif reference != "-":
            assert reference / 2 < function(points[-1]) < reference * 2, name
    assert trajectories.plot(scene, walks, ax) is ax


@pytest.mark.parametrize("lr", [1e-4, 1e-1])
def test_learning_rate(lr):  # row 68: the reference was measured with another library
    history = fit_digits(optim.SGD(lr), 30).history
    assert history["val_loss"][-1] == pytest.approx(learning_rates.REFERENCE[lr], abs=6e-4)


@pytest.mark.parametrize("size", [256, 1347])
def test_batch_size(size):  # row 71
    history = fit_digits(optim.SGD(0.05), 10, batch_size=size).history
    assert history["val_training"][-1] == pytest.approx(batch_sizes.REFERENCE[size], abs=6e-4)


def test_under_and_overfitting():  # row 63: stiff, right, through every point
    (stiff, stiff_test), (right, right_test), (through, through_test) = (
        polynomials.errors(degree, 0.0) for degree in (1, 2, 9))
    assert stiff == pytest.approx(0.280, rel=0.02) and stiff_test == pytest.approx(0.438, rel=0.02)
    assert right == pytest.approx(0.0063, rel=0.02) and right_test == pytest.approx(0.0130, rel=0.02)
    assert through < 1e-20 and through_test > 1e4


def test_a_penalty_stiffens():  # row 62: crushed, and about right
    assert polynomials.errors(9, 1e6)[1] == pytest.approx(0.739, rel=0.01)
    assert polynomials.errors(9, 0.1)[1] == pytest.approx(0.032, rel=0.03)


def test_early_stopping_keeps_the_references_epoch():  # row 60: its first 30 of 150 epochs
    result = fit_digits(optim.Adam(1e-3), 30, model=nn.MLP((64, 256, 10), init="glorot_uniform"),
                        data=digits(noise=0.2), compile=True)
    assert result.best_epoch == 28
    assert result.history["val_loss"][27] == pytest.approx(0.406, abs=6e-4)
    assert result.history["val_accuracy"][27] == pytest.approx(0.929, abs=6e-4)


def test_the_worst_width_is_the_number_of_examples():  # row 64: to the digits given
    error = {width: np.mean([double_descent.test_error(width, seed) for seed in range(5)])
             for width in double_descent.REFERENCE if width < 4000}
    assert error == pytest.approx({width: double_descent.REFERENCE[width] for width in error}, abs=5.1e-4)
    assert max(error, key=error.get) == 300


def test_the_error_falls_twice():  # row 64, over the epochs
    low, peak, last = epoch_double_descent.turns(epoch_double_descent.two_speeds(4000)[1])
    assert peak > 1.2 * low and last < 0.6 * low


def test_gradients_vanish_through_sigmoids():  # row 66
    norms = initialisation.gradients("sigmoid")
    assert norms[0] / norms[-1] < 1e-4
    norms = initialisation.gradients("tanh")
    assert norms[0] / norms[-1] > 0.1


@pytest.mark.parametrize("name", initialisation.SETTINGS)
def test_activations_keep_their_spread(name):  # row 65
    function, draw, (first, last) = initialisation.SETTINGS[name]
    found = initialisation.activations(function, draw)
    assert found[0] == pytest.approx(first, abs=6e-4)
    assert found[-1] == pytest.approx(last, rel=0.02)


def test_adaptive_methods_run_down_the_long_valley():  # row 74: plain descent has only the floor's own slope
    walks = trajectories.walks_of(trajectories.SCENES[3])
    steps = {name: len(points) - 1 for name, points in walks.items()}
    # By hand: x gains lr/20 a step, and two units (from f = 0.05 at the floor to −0.05) are needed.
    assert steps["SGD 0.05"] == pytest.approx(2 / (0.05 * 0.05), abs=2)
    assert max(steps["Adam 0.05"], steps["RMSProp 0.05"]) < 60


def test_noisy_moons(ax):  # row 74: all methods see the same minibatches and come near the lowest loss
    walks, best = result = moons.run()
    x, y = moons.data()
    lowest = moons.loss(best, x, y)
    signs = 2 * y - 1
    scores = x @ best
    np.testing.assert_allclose(x.T @ (signs / (1 + np.exp(signs * scores))), 0, atol=1e-10)  # the slope, by hand
    assert lowest == pytest.approx(np.mean(np.log1p(np.exp(-signs * scores))), rel=1e-13)
    for name, points in walks.items():
        assert lowest <= moons.loss(points[-1], x, y) < 1.06 * lowest, name
    assert moons.plot(result, ax, upto=10) is ax and moons.plot_accuracy(result, ax) is ax


def test_films_are_written(tmp_path):
    for name in ("film.gif", "film.html"):
        trajectories.animate(lambda ax, step: ax.plot([0, step], [0, 1]) and ax, range(2), str(tmp_path / name))
    assert (tmp_path / "film.gif").read_bytes()[:4] == b"GIF8"
    assert "data:image/png;base64," in (tmp_path / "film.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.gif", "film.html"]
    with pytest.raises(SystemExit, match="named after its scene"):
        trajectories.draw_film("other.gif")


def test_sketches():  # row 76
    figure = pyplot.figure()
    axes = [*figure.subplots(2, 2).ravel(), figure.add_subplot(projection="3d")]
    assert sketches.draw_all(axes) == axes
    heights = [bar.get_height() for bar in axes[2].patches]
    np.testing.assert_allclose(heights, [0.1 * 0.9**(25 - i) for i in range(1, 26)], rtol=1e-14)
    pyplot.close("all")


@pytest.mark.parametrize("name", optimizers.METHODS)
def test_optimizers(name):  # row 69: training loss after epochs 1, 5 and 30, and accuracy, to the digits given
    optimizer, (first, fifth, last) = optimizers.METHODS[name]
    history = fit_digits(optimizer, 30, compile=True).history
    losses = history["val_training"]
    assert losses[0] == pytest.approx(first, abs=5.1e-4) and losses[4] == pytest.approx(fifth, abs=5.1e-4)
    assert losses[29] == pytest.approx(last, abs=5.1e-5)
    assert 0.9705 <= history["val_accuracy"][-1] <= 0.9805


def test_a_rate_that_falls_on_the_plateau_settles():  # row 70
    result = fit_digits(optim.SGD(schedules.ReduceOnPlateau(0.5, 0.1, 3)), 60, data=digits(noise=0.1))
    assert result.history["val_accuracy"][-1] == pytest.approx(plateau.REFERENCE["reduced on plateau"], abs=6e-4)


def test_small_batches_go_uphill():  # row 72
    share = {size: np.mean(np.diff(uphill.descend(size, 60)[0]) > 0) for size in (1, 1347)}
    assert share[1] > 0.2 and share[1347] == 0


def test_decays(ax):  # row 59
    rates = decays.run()
    for name, (schedule, (first, middle, last)) in decays.DECAYS.items():
        assert rates[name][0] == first
        assert rates[name][500] == pytest.approx(middle, rel=1e-12)
        assert schedule(1000) == pytest.approx(last, rel=1e-12)
    assert decays.plot(rates, ax) is ax and len(ax.lines) == 9


def test_a_slice_through_the_loss_has_the_network_in_its_middle(ax):  # row 75
    params = [{"W": np.array([[3.0, 1.0], [4.0, 0.0]]), "b": np.ones(2)}]
    random = landscape.direction(params, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(random[0]["W"], axis=0), [5, 1], rtol=1e-14)  # unit by unit
    assert not random[0]["b"].any()
    losses = 1 + np.add.outer(landscape.SIDE**2, landscape.SIDE**2)
    assert losses.shape == (41, 41) and losses[20, 20] == losses.min()
    assert landscape.plot(losses, ax) is ax


def test_every_plot_takes_axes_and_returns_them():
    names = sorted(path.stem for path in GALLERY.parents[1].glob("comparisons/figures/*.py"))
    plots = [(name, function) for name in names
             for attribute, function in vars(importlib.import_module(f"comparisons.figures.{name}")).items()
             if attribute.startswith("plot") and inspect.isfunction(function)]
    assert len(plots) > 18
    for name, function in [*plots, ("lectures", lecture_graph), ("train", plot_history), ("LRFind", LRFind.plot)]:
        assert inspect.signature(function).parameters["ax"].default is None, name
    for draw in (sketches.slopes, sketches.chords, sketches.average_weights, sketches.look_ahead, sketches.hill):
        own = draw()
        assert hasattr(own, "figure") and own.get_title()
    pyplot.close("all")


def test_the_gallery_shows_every_picture_and_holds_no_other():
    page = (GALLERY.parent / "gallery.md").read_text()
    shown = re.findall(r"!\[.*?\]\(gallery/(.*?)\)", page)
    assert sorted(shown) == sorted(PICTURES) == sorted(path.name for path in GALLERY.iterdir())
    for name, start in ((name, b"GIF8" if name.endswith("gif") else b"\x89PNG") for name in shown):
        assert (GALLERY / name).read_bytes().startswith(start), name
