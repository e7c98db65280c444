"""Sets, functions applied along axes, covariances, and questions that are answered without a record."""

import numpy as np
import pytest
from array_checks import check

import diffkit as dk

RNG = np.random.default_rng(8)
B = (RNG.permutation(15) - 7.2).reshape(3, 5) / 5 + RNG.uniform(0, 0.1, (3, 5))
V = np.array([0.7, -1.3, 0.4, 2.1, -0.6])
W = np.array([0.5, 1.5, 2.0, 0.25, 1.0])

CASES = {
    "union": (lambda x, y: np.union1d(x, y[:2]), B, V),
    "union_constant": (lambda x: np.union1d(x, [0.7, 9.0, 9.0]), V + 1e-1),
    "setdiff": (lambda x: np.setdiff1d(x, [5.0, x[0]]), V),
    "setxor": (lambda x: np.setxor1d(x, x[:2]), V),
    "isin": (lambda x: np.where(np.isin(x, x[:2]), x * x, x), V),
    "along": (lambda x: np.apply_along_axis(lambda lane: lane[::-1] * lane[0], 0, x), B),
    "along_number": (lambda x: np.apply_along_axis(np.prod, -1, x), B),
    "along_matrix": (lambda x: np.apply_along_axis(lambda lane, k: np.outer(lane[:2], lane) * k, 1, x, 2.0), B),
    "over": (lambda x: np.apply_over_axes(np.sum, x * x, [0, -1]), B),
    "signature": (lambda x, y: np.vectorize(lambda a, b: (np.outer(a, b), a @ a), signature="(n),(m)->(n,m),()")(
        x, y[:2]), B, V),
    "signature_types": (lambda x: np.vectorize(lambda a, k: a * k[0] + a[0], otypes=[np.longdouble], excluded={1},
                                               signature="(n)->(n)")(x, [2.0]).astype(float), B),
    "signature_lists": (lambda x: np.vectorize(lambda a: np.stack([a[0], a[1] * a[0]]), signature="(n)->(k)")(
        [[x[0], x[1]], [1.0, 2.0]]), V),
    "vander": (np.vander, V), "vander_n": (lambda x: np.vander(x, 3, increasing=True), V),
    "vander_one": (lambda x: np.vander(x, 1) * x[0], V),
    "full_like": (lambda x: np.full_like(x, x[1] * x[2]), V),
    "full_like_shape": (lambda x: np.full_like(x, x[:2], shape=(3, 2)), V),
    "cov": (np.cov, B), "cov_vector": (np.cov, V), "cov_two": (lambda x, y: np.cov(x, y), B, V),
    "cov_columns": (lambda x: np.cov(x, rowvar=False, bias=True), B), "cov_ddof": (lambda x: np.cov(x, ddof=2), B),
    "cov_frequencies": (lambda x: np.cov(x, fweights=[1, 2, 1, 3, 1]), B),
    "cov_weights": (lambda x, w: np.cov(x, aweights=w), B, W),
    "cov_both": (lambda x, w: np.cov(x, fweights=[1, 2, 1, 3, 1], aweights=w, ddof=0), B, W),
    "corrcoef": (np.corrcoef, B), "corrcoef_two": (lambda x, y: np.corrcoef(x, y), B, V),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case(case):
    check(*case)


def test_equal_values_share():
    assert np.array_equal(dk.grad(lambda x: np.sum(np.intersect1d(x, [0.7, 2.1])))(V), [0.5, 0, 0, 0.5, 0])
    assert np.array_equal(dk.grad(lambda x: np.sum(np.intersect1d(x, x[:2])))(V), [1, 1, 0, 0, 0])


def test_places_of_common_values():
    out = []

    def f(x):
        out.append(np.intersect1d(x, [2.1, 0.7], return_indices=True))
        return out[-1][0] * 1.0

    assert np.array_equal(dk.jvp(f, (V,), (V,))[0], [0.7, 2.1])
    assert np.array_equal(out[-1][1], [0, 3]) and np.array_equal(out[-1][2], [1, 0])


@pytest.mark.parametrize("f", [np.unique_all, np.unique_counts, np.unique_inverse])
def test_the_standards_unique_functions(f):
    x = np.array([2.0, 1.0, 2.0])
    out = []

    def values(x):
        out.append(f(x))
        return out[-1].values

    assert np.array_equal(dk.jacobian(values)(x), [[0, 1, 0], [0.5, 0, 0.5]])
    assert type(out[-1]) is type(f(x)) and np.array_equal(out[-1][1], f(x)[1])


def test_correlations_with_themselves_are_constant():
    for f in (lambda x: np.corrcoef(x)[0, 0], lambda x: np.corrcoef(x[0])):
        assert np.max(np.abs(dk.grad(f)(B))) < 1e-15


def test_correlation_of_a_variable_with_its_multiple_keeps_zero_derivative():
    # Exactly correlated: at the border, and a maximum, so the derivative is 0.
    assert np.max(np.abs(dk.grad(lambda x: np.corrcoef(x, 2 * x + 1)[0, 1])(V))) < 1e-15


def test_questions_leave_no_record():
    seen = []

    def f(x):
        seen.append((np.size(x), np.size(x, 1), np.result_type(x, np.float32), np.can_cast(x.dtype, np.float32),
                     np.common_type(x), [i.tolist() for i in np.tril_indices_from(x[:, :3])],
                     [i.tolist() for i in np.diag_indices_from(x[:, :3])], np.array_equiv(x, x), np.shape(x),
                     np.ndim(x)))
        return np.sum(x[np.ix_(x[:, 0] > -9, [0, 2])])

    found = dk.grad(f)(B)
    f(B)
    assert seen[0] == seen[1]
    assert np.array_equal(found, np.tile([1.0, 0, 1, 0, 0], (3, 1)))
