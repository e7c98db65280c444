"""The estimators: scikit-learn's own checks, and what they promise beyond them."""

import copy
import itertools
import pathlib
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification, make_moons, make_regression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from diffkit import nn, optim, schedules
from diffkit.train import (
    DivergedError,
    MLPClassifier,
    MLPRegressor,
    StorageError,
    TrainingError,
    TrainingWarning,
    load,
    save,
)

XC, YC = make_classification(120, 6, n_informative=4, n_classes=3, random_state=0)
XR, YR = make_regression(90, 5, noise=2.0, random_state=0)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_epochs": 6, "random_state": 0}


def same_weights(a: Any, b: Any) -> bool:
    return all(np.array_equal(x[name], y[name]) for x, y in zip(a.params_, b.params_, strict=True) for name in "Wb")


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_scikit_learns_own_checks(kind: Any) -> None:
    results = check_estimator(kind(max_epochs=50), on_skip=None, on_fail=None)
    failed = [(result["check_name"], result["exception"]) for result in results if result["status"] != "passed"]
    # Two packages (pandas, the array-API switch of SciPy) may be absent; no check may fail.
    assert [name for name, error in failed if type(error).__name__ != "SkipTest"] == []
    assert len(results) - len(failed) > 50


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.3}, {"optimizer": "nesterov", "learning_rate": 0.01},
                                      {"learning_rate": schedules.cosine(0.01, 24)}, {"dtype": np.float32}])
def test_partial_fit_n_times_is_fit_with_n_epochs_bit_for_bit(settings: dict[str, Any]) -> None:
    for kind, X, y in ((MLPClassifier, XC, YC), (MLPRegressor, XR, YR)):
        whole = kind(**{**SMALL, **settings}).fit(X, y)
        steps = kind(**{**SMALL, **settings})
        for _ in range(6):
            steps.partial_fit(X, y)
        assert same_weights(whole, steps)
        assert whole.history_ == steps.history_
        assert whole.n_iter_ == steps.n_iter_ == 6


def test_warm_start_goes_on_with_the_optimizers_memory() -> None:
    whole = MLPClassifier(**{**SMALL, "max_epochs": 6}).fit(XC, YC)
    parts = MLPClassifier(**{**SMALL, "max_epochs": 3, "warm_start": True}).fit(XC, YC).fit(XC, YC)
    assert same_weights(whole, parts)
    assert len(parts.loss_curve_) == 6
    fresh = MLPClassifier(**{**SMALL, "max_epochs": 3}).fit(XC, YC)
    assert same_weights(fresh.fit(XC, YC), MLPClassifier(**{**SMALL, "max_epochs": 3}).fit(XC, YC))


def test_partial_fit_knows_classes_that_come_later() -> None:
    model = MLPClassifier(**SMALL).partial_fit(XC[YC < 2], YC[YC < 2], classes=[0, 1, 2])
    model.partial_fit(XC, YC)
    assert model.predict_proba(XC).shape == (120, 3)
    with pytest.raises(TrainingError, match="the label 7"):
        model.partial_fit(XC, np.full(120, 7))
    with pytest.raises(TrainingError, match="early_stopping has nothing to stop"):
        MLPClassifier(early_stopping=True).partial_fit(XC, YC)
    with pytest.raises(TrainingError, match="balance classes"):
        MLPClassifier(class_weight="balanced").partial_fit(XC, YC)


def test_a_weight_of_two_is_the_row_twice_and_of_zero_no_row() -> None:
    weight = np.random.default_rng(0).integers(0, 3, len(XC)).astype(float)
    for kind, X, y in ((MLPClassifier, XC, YC), (MLPRegressor, XR, YR)):
        w = weight[:len(X)]
        settings = {**SMALL, "batch_size": 500}  # one batch: the same sums
        weighted = kind(**settings).fit(X, y, sample_weight=w)
        repeated = kind(**settings).fit(X.repeat(w.astype(int), axis=0), y.repeat(w.astype(int)))
        for a, b in zip(weighted.params_, repeated.params_):
            np.testing.assert_allclose(a["W"], b["W"], rtol=1e-9)
        minibatches = kind(**SMALL).fit(X, y, sample_weight=(w > 0) * 1.0)
        removed = kind(**SMALL).fit(X[w > 0], y[w > 0], sample_weight=np.ones(int((w > 0).sum())))
        assert same_weights(minibatches, removed)


def test_class_weights_are_sample_weights_of_the_classes() -> None:
    by_class = MLPClassifier(**SMALL, class_weight={0: 3.0, 1: 0.5}).fit(XC, YC)
    by_row = MLPClassifier(**SMALL).fit(XC, YC, sample_weight=np.array([3.0, 0.5, 1.0])[YC])
    assert same_weights(by_class, by_row)
    both = np.random.default_rng(0).random(len(YC))
    by_class = MLPClassifier(**SMALL, class_weight={0: 3.0, 1: 0.5}).fit(XC, YC, sample_weight=both)
    by_row = MLPClassifier(**SMALL).fit(XC, YC, sample_weight=np.array([3.0, 0.5, 1.0])[YC] * both)
    assert same_weights(by_class, by_row)
    rare = np.r_[np.flatnonzero(YC == 0)[:5], np.flatnonzero(YC > 0)]
    plain, balanced = (MLPClassifier((16,), class_weight=choice, solver="lbfgs", max_epochs=10, random_state=0)
                       .fit(XC[rare], YC[rare]) for choice in (None, "balanced"))
    common = YC == 0
    assert balanced.predict_proba(XC[common])[:, 0].mean() > plain.predict_proba(XC[common])[:, 0].mean()


def soft(x: Any) -> Any:
    return x / (1 + np.abs(x))


def squared_hinge(scores: Any, labels: Any) -> Any:
    signs = np.where(np.reshape(labels, (-1, 1)) == np.arange(scores.shape[-1]), 1.0, -1.0)
    return np.mean(np.maximum(1 - signs * scores, 0.0) ** 2)


def test_any_numpy_function_is_an_activation_or_a_loss() -> None:
    X, y = make_moons(150, noise=0.1, random_state=0)
    model = MLPClassifier((16, 16), activation=[soft, np.tanh], loss=squared_hinge, learning_rate=0.02, max_epochs=60,
                          random_state=0).fit(X, y)
    assert model.score(X, y) > 0.97
    assert MLPRegressor((16,), activation=np.sin, loss="huber", learning_rate=0.01, random_state=0).fit(XR, YR).score(
        XR, YR) > 0.95
    assert pickle.loads(pickle.dumps(model)).score(X, y) == model.score(X, y)


def test_lbfgs_without_hidden_layers_is_logistic_regression() -> None:
    # The penalty (λ/2)·Σw² beside the mean loss is scikit-learn's C = 1/(n·λ).
    lam = 0.01
    ours = MLPClassifier((), solver="lbfgs", weight_decay=lam, max_epochs=500, random_state=0).fit(XC, YC)
    theirs = LogisticRegression(C=1 / (len(XC) * lam), tol=1e-10, max_iter=5000).fit(XC, YC)
    np.testing.assert_allclose(ours.predict_proba(XC), theirs.predict_proba(XC), atol=2e-4)
    assert all(a >= b for a, b in itertools.pairwise(ours.loss_curve_))


@pytest.mark.parametrize("settings, message", [
    ({"solver": "lbfgs", "early_stopping": True}, "minimises one fixed loss"),
    ({"solver": "lbfgs", "dropout": 0.5}, "minimises one fixed loss"),
    ({"solver": "newton"}, "solver='newton'"), ({"optimizer": "adamm"}, "optimizer='adamm'"),
    ({"max_epochs": 0}, "max_epochs=0"), ({"batch_size": 0}, "batch_size=0"), ({"weight_decay": -1.0}, "weight_d"),
    ({"validation_fraction": 1.0}, "validation_fraction"), ({"loss": "l3"}, "loss='l3'"),
    ({"dropout": 1.0}, "dropout"), ({"activation": "relux"}, "relux"), ({"hidden_layer_sizes": (0,)}, "sizes"),
    ({"random_state": -1}, "random_state"),
    ({"learning_rate": -0.1}, "lr"), ({"patience": 0.5, "early_stopping": True}, "patience"),
])
def test_impossible_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**{**SMALL, **settings}).fit(XC, YC)


def test_what_the_data_may_not_be() -> None:
    with pytest.raises(TrainingError, match="one class only"):
        MLPClassifier().fit(XC, np.zeros(len(XC)))
    with pytest.raises(TrainingError, match="one class only"):
        MLPClassifier().fit(XC, YC, sample_weight=(YC == 1) * 1.0)
    with pytest.raises(ValueError, match="at least one non-zero"):
        MLPClassifier().fit(XC, YC, sample_weight=np.zeros(len(XC)))
    with pytest.raises(ValueError, match="Negative values"):
        MLPClassifier().fit(XC, YC, sample_weight=-np.ones(len(XC)))
    with pytest.raises(ValueError, match="Unknown label type"):
        MLPClassifier().fit(XC, np.random.default_rng(0).normal(size=len(XC)))
    model = MLPRegressor(**SMALL).fit(XR, YR)
    with pytest.raises(TrainingError, match="2 columns, before it had 1"):
        model.partial_fit(XR, np.c_[YR, YR])


@pytest.mark.parametrize("seed", range(3))
def test_early_stopping_does_not_ruin_small_data(seed: int) -> None:
    X, y = load_iris(return_X_y=True)
    X, order = StandardScaler().fit_transform(X), np.random.default_rng(seed).permutation(len(y))
    train, test = order[:110], order[110:]
    plain, stopped = (MLPClassifier(early_stopping=choice, random_state=seed).fit(X[train], y[train])
                      .score(X[test], y[test]) for choice in (False, True))
    assert stopped >= plain - 0.05


def test_early_stopping_finds_an_epoch_and_trains_on_all_rows() -> None:
    noisy = np.where(np.random.default_rng(0).random(len(YC)) < 0.4, (YC + 1) % 3, YC)
    model = MLPClassifier((64,), early_stopping=True, patience=5, learning_rate=0.01, random_state=0).fit(XC, noisy)
    assert len(model.history_["val_loss"]) == model.best_epoch_ + 5 < 200
    assert int(np.argmin(model.history_["val_loss"])) + 1 == model.best_epoch_
    assert {"loss", "val_loss", "val_accuracy", "lr", "grad_norm"} <= set(model.history_)
    again = MLPClassifier((64,), learning_rate=0.01, max_epochs=model.best_epoch_, random_state=0).fit(XC, noisy)
    assert same_weights(model, again)


def test_own_validation_data_keeps_the_best_epoch() -> None:
    noisy = np.where(np.random.default_rng(0).random(len(YC)) < 0.4, (YC + 1) % 3, YC)
    names = np.array(["a", "b", "c"])
    model = MLPClassifier((64,), early_stopping=True, patience=4, validation_data=(XC[80:], names[YC[80:]]),
                          learning_rate=0.01, random_state=0).fit(XC[:80], names[noisy[:80]])
    loss = nn.cross_entropy(model.network_.apply(model.params_, XC[80:]), YC[80:])
    assert float(loss) == pytest.approx(min(model.history_["val_loss"]), rel=1e-12)
    assert model.score(XC[80:], names[YC[80:]]) == model.history_["val_accuracy"][model.best_epoch_ - 1]
    only_recorded = MLPClassifier(**SMALL, validation_data=(XC[80:], YC[80:])).fit(XC[:80], YC[:80])
    assert len(only_recorded.history_["val_loss"]) == 6


def test_ctrl_c_leaves_a_fitted_estimator() -> None:
    calls = [0]

    def interrupting(scores: Any, labels: Any) -> Any:
        calls[0] += 1
        if calls[0] == 11:  # four steps an epoch: in the third
            raise KeyboardInterrupt
        return nn.cross_entropy(scores, labels)

    with pytest.warns(TrainingWarning, match="interrupted in epoch 3"):
        model = MLPClassifier(**{**SMALL, "max_epochs": 9}, loss=interrupting).fit(XC, YC)
    assert same_weights(model, MLPClassifier(**{**SMALL, "max_epochs": 2}).fit(XC, YC))
    assert model.n_iter_ == 2


def test_ctrl_c_ends_lbfgs_at_its_last_iteration() -> None:
    calls = [0]

    def interrupting(scores: Any, labels: Any) -> Any:
        calls[0] += 1
        if calls[0] == 30:
            raise KeyboardInterrupt
        return nn.cross_entropy(scores, labels)

    with pytest.warns(TrainingWarning, match=r"interrupted; the weights are those of iteration \d+"):
        model = MLPClassifier(**{**SMALL, "max_epochs": 200}, solver="lbfgs", loss=interrupting).fit(XC, YC)
    assert 10 < model.n_iter_ < 30
    loss = nn.cross_entropy(model.network_.apply(model.params_, XC), YC)
    assert float(loss) == pytest.approx(model.loss_curve_[-1], rel=1e-13)
    assert same_weights(model, MLPClassifier(**{**SMALL, "max_epochs": model.n_iter_}, solver="lbfgs").fit(XC, YC))


@pytest.mark.parametrize("weights, message", [({"a": 2.0}, r"for the classes \[0, 1, 2\]"), ({0: -1.0}, "at least 0"),
                                              ({0: np.nan}, "at least 0")])
def test_class_weights_that_fit_no_class_are_refused(weights: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        MLPClassifier(**SMALL, class_weight=weights).fit(XC, YC)
    with pytest.raises(TrainingError, match=r"hidden_layer_sizes=2\.5"):
        MLPClassifier(2.5).fit(XC, YC)
    few = YC < 2  # a class that these rows do not hold may have its weight
    MLPClassifier(**SMALL, class_weight={0: 1.0, 1: 2.0, 2: 3.0}).fit(XC[few], YC[few])


def test_nan_is_reported_with_the_leaf() -> None:
    def cursed(scores: Any, labels: Any) -> Any:
        return nn.cross_entropy(scores, labels) + np.nan * np.sum(scores)

    with pytest.raises(DivergedError, match=r'the loss is nan and the gradient of params\[0\]\["W"\]'):
        MLPClassifier(**SMALL, loss=cursed).fit(XC, YC)


def test_pipelines_and_searches() -> None:
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(max_epochs=15, random_state=0))
    assert cross_val_score(pipeline, XC, YC, cv=3).mean() > 0.5
    search = GridSearchCV(pipeline, {"mlpclassifier__hidden_layer_sizes": [4, (8,), (8, 8)],
                                     "mlpclassifier__activation": ["relu", np.tanh]}, cv=2).fit(XC, YC)
    assert search.best_score_ > 0.4
    optimizer = optim.Adam(0.01)
    copied = clone(MLPClassifier(optimizer=optimizer, hidden_layer_sizes=[3, 4], activation=np.tanh))
    assert copied.get_params()["hidden_layer_sizes"] == [3, 4]
    assert copied.get_params()["optimizer"] == optimizer


def test_dtype_is_kept() -> None:
    single = MLPClassifier(**SMALL).fit(XC.astype(np.float32), YC)
    assert single.params_[0]["W"].dtype == np.float32
    assert single.predict_proba(XC.astype(np.float32)).dtype == np.float32
    assert MLPRegressor(**SMALL).fit(XR.astype(np.float32), YR).predict(XR.astype(np.float32)).dtype == np.float32
    assert MLPClassifier(**SMALL, dtype="float32").fit(XC, YC).params_[0]["W"].dtype == np.float32


def test_columns_of_targets() -> None:
    both = np.c_[YR, 100 * YR + 7]
    model = MLPRegressor((), solver="lbfgs", random_state=0).fit(XR, both)
    assert model.predict(XR).shape == both.shape
    assert model.score(XR, both) > 0.99
    raw = MLPRegressor((), solver="lbfgs", standardize_y=False, random_state=0).fit(XR, YR)
    assert raw.loss_curve_[-1] == pytest.approx(np.mean((raw.predict(XR) - YR) ** 2), rel=1e-6)


@pytest.mark.parametrize("make", [
    lambda: MLPClassifier(**SMALL, activation="tanh").fit(XC, np.array(["x", "y", "z"])[YC]),
    lambda: MLPClassifier(**SMALL).fit(XC, YC > 0), lambda: MLPRegressor(**SMALL).fit(XR, YR),
    lambda: MLPRegressor(**SMALL, activation="logistic").fit(XR, np.c_[YR, -YR])])
@pytest.mark.parametrize("ending", ["npz"])
def test_files_and_scikit_learns_own_classes(tmp_path: pathlib.Path, make: Any, ending: str) -> None:
    model = make()
    X = XC if isinstance(model, MLPClassifier) else XR
    model.save(tmp_path / f"m.{ending}")
    back = type(model).load(tmp_path / f"m.{ending}")
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    assert back.get_params() == model.get_params()
    y = model.predict(X)
    assert same_weights(copy.deepcopy(model).partial_fit(X, y), back.partial_fit(X, y))
    twin = make().to_sklearn()
    if isinstance(model, MLPClassifier):
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))
        np.testing.assert_allclose(twin.predict_proba(X), model.predict_proba(X), atol=1e-12)
    else:
        np.testing.assert_allclose(twin.predict(X), model.predict(X), rtol=1e-10)


def test_a_file_holds_no_code(tmp_path: pathlib.Path) -> None:
    with pytest.raises(StorageError, match=r"activation=.* is code"):
        MLPClassifier(**SMALL, activation=soft).fit(XC, YC).save(tmp_path / "m.npz")
    with pytest.raises(StorageError, match=r"optimizer=Adam.* is code or an object"):
        MLPClassifier(**SMALL, optimizer=optim.Adam(0.1)).fit(XC, YC).save(tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []
    save(tmp_path / "p.npz", [np.ones(2)])
    with pytest.raises(StorageError, match="holds no estimator, not MLPClassifier"):
        MLPClassifier.load(tmp_path / "p.npz")
    MLPRegressor(**SMALL).fit(XR, YR).save(tmp_path / "r.npz")
    with pytest.raises(StorageError, match="holds MLPRegressor, not MLPClassifier"):
        MLPClassifier.load(tmp_path / "r.npz")
    assert load(tmp_path / "r.npz")["estimator"] == "MLPRegressor"
    with pytest.raises(StorageError, match="scikit-learn has no activation"):
        MLPClassifier(**SMALL, activation="gelu").fit(XC, YC).to_sklearn()


def test_random_state_in_all_its_forms() -> None:
    fits = [MLPClassifier(**{**SMALL, "random_state": state}).fit(XC, YC)
            for state in (3, 3, np.random.RandomState(3), np.random.default_rng(3), None, None)]
    assert same_weights(fits[0], fits[1])
    assert not same_weights(fits[4], fits[5])
    before = np.random.get_state()[1].copy()
    MLPClassifier(**{**SMALL, "random_state": None}, dropout=0.1).fit(XC, YC)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_training_without_scikit_learn() -> None:
    code = ("import sys; sys.modules['sklearn'] = None\nimport numpy as np\nfrom diffkit import optim, train\n"
            "print(train.fit(np.sum, np.ones(1), None, optim.SGD(1.0), epochs=1, progress=False).params)\n"
            "try:\n    train.MLPClassifier\nexcept ImportError as error:\n    print(error)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[0.]\n")
    assert 'pip install "diffkit[learn]"' in done.stdout
