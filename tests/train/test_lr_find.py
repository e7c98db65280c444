"""The learning-rate search: pure, repeatable, and its suggestions stand where they say."""

from typing import Any

import numpy as np
import pytest

from diffkit import nn, optim, tree
from diffkit.train import TrainingError, lr_find

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 5))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
MODEL = nn.MLP((5, 16, 2))


def loss(params: Any, x: Any, y: Any) -> Any:
    return nn.cross_entropy(MODEL.apply(params, x), y)


def test_nothing_is_changed_and_a_second_call_finds_the_same() -> None:
    params, optimizer = MODEL.init(0), optim.Adam(0.123)
    before = [leaf.copy() for leaf in tree.flatten(params)[0]]
    first, second = (lr_find(loss, params, (X, Y), optimizer) for _ in range(2))
    for leaf, kept in zip(tree.flatten(params)[0], before):
        np.testing.assert_array_equal(leaf, kept)
    assert optimizer == optim.Adam(0.123)
    np.testing.assert_array_equal(first.losses, second.losses)
    assert (first.steepest, first.valley) == (second.steepest, second.valley)


def test_the_rates_grow_geometrically_and_end_when_the_loss_is_gone() -> None:
    found = lr_find(lambda w: 0.5 * np.sum(w * w), np.ones(1), None, optim.SGD(0.1), start=0.3, end=300.0, steps=61)
    np.testing.assert_allclose(found.lrs[1:] / found.lrs[:-1], 10 ** (3 / 60), rtol=1e-12)
    # Gradient descent on w²/2 diverges for rates above 2; the search notices soon after.
    assert 2 < found.lrs[-1] < 30
    assert len(found.lrs) == len(found.losses) == len(found.smoothed)
    # The path itself, written by hand.
    w, expected = 1.0, []
    for lr in found.lrs:
        expected.append(0.5 * w * w)
        w -= lr * w
    np.testing.assert_allclose(found.losses, expected, rtol=1e-9)


def test_suggestions_stand_on_the_curve() -> None:
    found = lr_find(loss, MODEL.init(0), (X, Y), optim.SGD(0.1))
    # Inside, the smoothed curve is the mean of eleven losses with triangular weights.
    weights = np.array([1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1])
    assert found.smoothed[20] == pytest.approx(weights @ found.losses[15:26] / 36, rel=1e-12)
    assert found.minimum_tenth == pytest.approx(found.lrs[np.argmin(found.smoothed)] / 10)
    for lr in (found.steepest, found.valley):
        assert lr in found.lrs
        assert 1e-3 < lr < 10  # where a network of this size learns by plain descent
    # The curve falls where it is steepest.
    place = int(np.searchsorted(found.lrs, found.steepest))
    assert found.smoothed[min(place + 1, len(found.lrs) - 1)] < found.smoothed[place - 1]


def test_plot_draws_on_the_axes_it_is_given_and_returns_them() -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = lr_find(loss, MODEL.init(0), (X, Y), optim.SGD(0.1))
    _, ax = pyplot.subplots()
    assert found.plot(ax) is ax
    assert ax.get_xscale() == "log"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any("valley" in label and f"{found.valley:.1e}" in label for label in labels)
    own = found.plot()
    assert own is not ax
    pyplot.close("all")


@pytest.mark.parametrize("options, message", [
    ({"start": 1.0, "end": 0.1}, "0 < start < end"), ({"start": 0.0}, "0 < start < end"),
    ({"steps": 3}, "at least 10"),
    ({"start": 1e30, "end": 1e300}, "explodes after"),
])
def test_impossible_searches_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        lr_find(loss, MODEL.init(0), (X, Y), optim.SGD(0.1), **options)
    with pytest.raises(TrainingError, match="has no lr of its own"):
        lr_find(loss, MODEL.init(0), (X, Y), optim.average(optim.SGD(0.1)))
