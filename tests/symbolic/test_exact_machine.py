"""Recorded programs on 50-digit numbers: rounded, they are NumPy's own results."""

import mpmath
import numpy as np
import pytest
import sympy

import diffkit as dk
from diffkit import recording, tree
from diffkit.exact import Machine, NotExact, matrices
from diffkit.exact.columns import parse
from diffkit.exact.expressions import Expressions
from diffkit.exact.numbers import Numbers
from diffkit.rules import TABLE
from diffkit.rules.domains import REAL
from diffkit.tape import Node

DIGITS = 50
GENERATOR = np.random.default_rng(5)
X, Y = GENERATOR.uniform(0.3, 0.9, 4), GENERATOR.uniform(0.3, 0.9, 4)
A, B = GENERATOR.normal(size=(3, 3)) + 3 * np.eye(3), GENERATOR.normal(size=(3, 2))
S, V = A @ A.T, GENERATOR.normal(size=(4, 3))


def record(f, *leaves):
    leaves = [np.asarray(leaf, float)[()] for leaf in leaves]
    return recording.record(f, leaves, lambda moved: (tuple(moved), {}), [f"x{i}" for i in range(len(leaves))])


def exactly(f, *leaves, digits=DIGITS):
    """The result's leaves as arrays of mpf."""
    recorded = record(f, *leaves)
    algebra = Numbers(digits)
    values = Machine(recorded, algebra).run([algebra.array(leaf) for leaf in leaves])
    return [values[out.index] if isinstance(out, Node) else algebra.array(out)
            for out in tree.flatten(recorded.output)[0]]


def as_floats(array):
    return np.array([complex(v) if hasattr(v, "_mpc_") else float(v) for v in array.ravel()]).reshape(array.shape)


@pytest.mark.parametrize("name", [name for name, rule in TABLE.items()
                                  if rule.kind == "elementwise" and rule.symbol is not None
                                  and not name.startswith("special.")])  # SciPy's: tests/scipy
def test_every_column_rounds_to_numpys_value(name):
    rule = TABLE[name]
    generator = np.random.default_rng(len(name))
    fixed = [np.arange(5)] if name == "ldexp" else []
    domains = (rule.domain or (REAL,) * len(rule.partials))[:len(rule.partials) - len(fixed)]
    moved = [domain.sample(generator, (5,)) for domain in domains]
    found, = exactly(lambda *leaves: rule(*leaves, *fixed), *moved)
    with np.errstate(all="ignore"):
        expected = rule.fun(*moved, *fixed)
    np.testing.assert_allclose(as_floats(found), expected, rtol=4e-15, atol=3e-16)


CALLS = {
    "stack": (lambda x, y: np.stack([x, y * x]), X, Y),
    "pad": (lambda x: np.pad(x**2, 2, mode="reflect"), X),
    "roll, flip, tile, repeat": (lambda x: np.roll(np.flip(np.tile(np.repeat(x, 2), 2)), 3), X),
    "index arrays": (lambda x: x[[0, 0, 2]] * x[1:4], X),
    "array of scalars": (lambda x: np.array([x[0], x[1] * x[2], 1.0]), X),
    "einsum": (lambda a, b: np.einsum("ij,jk->ki", a, b), A, B),
    "tensordot, kron, outer": (lambda a, b: (np.tensordot(a, b, 1), np.kron(a, b), np.outer(a, b)), A, B),
    "convolve, correlate": (lambda x, y: (np.convolve(x, y), np.correlate(x, y, "full")), X, Y),
    "matmul of stacks": (lambda a, b: np.stack([a, a.T]) @ b, A, B),
    "cumulative": (lambda x: (np.cumsum(x), np.cumprod(x), np.maximum.accumulate(x)), X),
    "statistics": (lambda x: (np.mean(x, 0), np.var(x, 1), np.std(x), np.median(x), np.quantile(x, 0.3)), V),
    "extremes": (lambda x: (np.max(x, 0), np.min(x), np.ptp(x, 1), np.clip(x, -0.2, 0.3)), V),
    "sorting": (lambda x: (np.sort(x, 0), np.partition(x[:, 0], 2), x[np.argsort(x[:, 1])]), V),
    "choices": (lambda x: (np.where(x > 0, x, x**2), np.select([x < -1, x < 1], [x, 2 * x], 0)), V),
    "solve": (lambda a, b: (np.linalg.inv(a), np.linalg.solve(a, b), np.linalg.solve(a, b[:, 0])), A, B),
    "determinants": (lambda a: (np.linalg.det(a), np.linalg.slogdet(a)), A),
    "determinant by row exchanges": (np.linalg.det, np.array([[0.1, 2.0, 1.0], [3.0, 0.2, 1.0], [0.5, 1.0, 4.0]])),
    "cholesky": (lambda a: (np.linalg.cholesky(a), np.linalg.cholesky(a, upper=True)), S),
    "norms": (lambda a: [np.linalg.norm(a, ord) for ord in (None, 1, 2, np.inf, "nuc")], A),
    "vector norms": (lambda x: [np.linalg.norm(x, ord) for ord in (None, 1, 3, np.inf)], X),
    "eigh": (lambda a: (np.linalg.eigh(a), np.linalg.eigvalsh(a)), S),
    "eig": (lambda a: (np.linalg.eig(a), np.linalg.eigvals(a)), S + 0.3 * np.triu(S)),
    "svd": (lambda a: (np.linalg.svd(a, full_matrices=False), np.linalg.svdvals(a)), V),
    "qr": (np.linalg.qr, V),
    "pinv, lstsq": (lambda a, b: (np.linalg.pinv(a), np.linalg.lstsq(a, b)[0]), V, X),
    "powers": (lambda a: (np.linalg.matrix_power(a, 3), np.linalg.matrix_power(a, -2)), A),
    "fft": (lambda x: (np.fft.fft(x), np.fft.ifft(x), np.fft.rfft(x, 6)), X),
    "irfft": (lambda x: np.fft.irfft(np.fft.rfft(x), norm="ortho"), X),
    "interp": (lambda x, fp: np.interp(x, np.array([0.0, 0.4, 0.7, 1.0]), fp), X, Y),
    "complex": (lambda x: (np.angle(x + 1j * x**2), np.abs(x - 2j), np.conj(x + 1j) * (x - 3j)), X),
    "rounding": (lambda x: (np.floor(9 * x) * x, np.round(9 * x) * x, np.trunc(-9 * x) * x, (5 * x) % 1), X),
    "log-sum-exp": (lambda x: np.logaddexp.reduce(800 * x), X),
    "masked sum": (lambda x: np.sum(x, where=x > 0.5), X),
    "differences": (lambda x: (np.diff(x), np.gradient(x), np.trapezoid(x)), X),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_round_to_numpys_values(name):
    f, *args = CALLS[name]
    expected = tree.flatten(f(*args))[0]
    found = exactly(f, *args)
    assert len(found) == len(expected)
    for ours, numpys in zip(found, expected):
        assert ours.shape == np.shape(numpys)
        np.testing.assert_allclose(as_floats(ours), numpys, rtol=1e-12, atol=1e-14)


def test_writes_and_scatters():
    def f(x):
        z = np.zeros(5)
        z[0] = x[1]
        z[1:3] = x[:2] * x[2]
        z[[3, 4]] = x[0]
        z[3] += x[3]
        return z

    found, = exactly(f, X)
    assert as_floats(found).tolist() == f(X).tolist()


def test_no_digit_goes_through_a_float():
    # Each result is checked against mpmath at the full precision, not at 16 digits.
    def f(x):
        z = np.zeros(2)
        z[0] = x[0]
        pair = np.array([x[1], z[0]]) @ np.eye(2)
        return np.sum(pair) / 3 + np.mean(np.sort(x)[::-1].reshape(2, 2)) + np.max(x) / 7

    found, = exactly(f, X)
    with mpmath.workdps(DIGITS):
        exact = [mpmath.mpf(v) for v in X]
        expected = (exact[0] + exact[1]) / 3 + sum(exact) / 4 + max(exact) / 7
        assert abs(mpmath.mpf(found[()]) - expected) < mpmath.mpf(10) ** (3 - DIGITS)


def test_small_arguments_keep_their_digits():
    found = exactly(lambda x: (np.log1p(x), np.expm1(x), np.logaddexp(-x * 1e303, 0)), 1e-300)
    assert float(found[0][()]) == 1e-300 and float(found[1][()]) == 1e-300
    with mpmath.workdps(60):
        assert float(found[2][()]) == float(mpmath.log1p(mpmath.exp(-mpmath.mpf(1e-300) * mpmath.mpf(1e303))))


def test_poles_and_dead_branches_are_numpys():
    with np.errstate(all="ignore"):
        found = exactly(lambda x: (np.where(x > 0, np.log(x), x), 1 / x, np.sqrt(x - 1), x / x), 0.0)
    assert [float(v[()]) for v in found[:2]] == [0.0, np.inf]
    assert all(np.isnan(float(v[()])) for v in found[2:])


def test_towers_of_exponentials_end():
    with np.errstate(all="ignore"):
        found, = exactly(lambda x: np.exp(np.exp(np.exp(x))), 50.0)
    assert float(found[()]) == np.inf


def test_a_rerun_repeats_only_what_moved():
    data = GENERATOR.normal(size=(40, 6))

    def f(w):
        return np.sum(np.tanh(data @ w)), w[0] ** 2

    w = GENERATOR.normal(size=6)
    recorded, algebra = record(f, w), Numbers(DIGITS)
    machine = Machine(recorded, algebra)
    base = machine.run([algebra.array(w)])
    moved = base[recorded.inputs[0].index].copy()
    moved[3] = moved[3] + algebra.scalar(0.25)
    again, fresh = machine.rerun(base, 0, moved), machine.run([moved])
    total, square = (out.index for out in tree.flatten(recorded.output)[0])
    assert abs(again[total][()] - fresh[total][()]) < 1e-47
    assert again[square] is base[square]


def test_guards_that_would_answer_otherwise():
    def f(x):
        return x if x[0] > 0 else -x

    recorded, algebra = record(f, np.array([1e-3, 1.0])), Numbers(DIGITS)
    machine = Machine(recorded, algebra)
    assert machine.guard_answers(machine.run([algebra.array(np.array([1e-3, 1.0]))])) == []
    flipped = machine.guard_answers(machine.run([algebra.array(np.array([-1e-3, 1.0]))]))
    assert [guard.answer for guard in flipped] == [True]


def test_an_unknown_parameter_is_refused_not_ignored():
    recorded, algebra = record(lambda x: np.sort(x), X), Numbers(DIGITS)
    node = recorded.nodes[-1]
    node.params = {**node.params, "sideways": True}
    with pytest.raises(NotExact, match="sideways"):
        Machine(recorded, algebra).run([algebra.array(X)])


def test_a_function_in_floats_is_refused():
    recorded, algebra = record(lambda x: np.sort(x), X), Numbers(DIGITS)
    rule = TABLE["transpose"]
    node = recorded.nodes[-1]

    class Leaky:
        name, kind, is_flat, symbol, outputs = "leaky", "linear", False, None, None
        fun = staticmethod(lambda x, **params: np.array([float(v) for v in x]))

    assert rule.kind == "linear"
    node.rule = Leaky
    with pytest.raises(NotExact, match="computes in floats"):
        Machine(recorded, algebra).run([algebra.array(X)])


def test_columns_know_sympys_words_only():
    with pytest.raises(ValueError, match="sine"):
        parse("sine(x)")
    with pytest.raises(ValueError, match="u"):
        parse("x + u")
    assert parse("x*Rational(1, 3)") == sympy.Symbol("x") / 3


def test_expressions_evaluate_to_numpys_values():
    algebra = Expressions(10_000)
    recorded = record(lambda x: np.cumsum(np.sin(x) ** 2) / np.arange(1, 5), X)
    symbols = np.array(sympy.symbols("x:4", real=True), object)
    found = Machine(recorded, algebra).run([symbols])[recorded.output.index]
    at = [float(entry.subs(dict(zip(symbols, X)))) for entry in found]
    np.testing.assert_allclose(at, np.cumsum(np.sin(X) ** 2) / np.arange(1, 5), rtol=1e-14)


def test_elimination_never_spells_out_an_array(monkeypatch):
    """mpmath tries to read the array on the right of a number, and wrote out all of it for that."""
    spelled = []
    number = mpmath.ctx_mp_python._mpf  # of every context
    real = number.__repr__
    monkeypatch.setattr(number, "__repr__", lambda self: spelled.append(1) or real(self))
    a = np.array([[4.0, 1.0, 2.0], [1.0, 3.0, 0.0], [2.0, 0.0, 5.0]])
    result = dk.compare(lambda b: np.sum(np.linalg.solve(a, b)), np.array([1.0, 2.0, 3.0]))
    assert result.row("referee").status == "ok" and result.agree is True
    assert not spelled


@pytest.mark.parametrize("n", [1, 2, 5])
def test_elimination_against_mpmath(n):
    """Rows must be exchanged, a column of the triangle is empty, and two right sides share the work."""
    generator = np.random.default_rng(n)
    a, b = generator.normal(size=(n, n)), generator.normal(size=(n, 2))
    a[0, 0] = 1e-30
    a[n // 2 + 1:, n // 2] = 0.0
    algebra = Numbers(DIGITS)
    found, determinant = matrices.eliminate(algebra, algebra.array(a), algebra.array(b))
    with mpmath.workdps(DIGITS + 40):
        for column in range(2):
            exact = mpmath.lu_solve(mpmath.matrix(a.tolist()), mpmath.matrix(b[:, column].tolist()))
            for i in range(n):
                assert abs(mpmath.mpf(found[i, column]) - exact[i]) < abs(exact[i]) * mpmath.mpf(10) ** (5 - DIGITS)
        exact = mpmath.det(mpmath.matrix(a.tolist()))
        assert abs(mpmath.mpf(determinant) - exact) < abs(exact) * mpmath.mpf(10) ** (5 - DIGITS)


def test_a_singular_matrix_has_no_solution_and_determinant_0():
    algebra = Numbers(DIGITS)
    found, determinant = matrices.eliminate(algebra, algebra.array(np.ones((3, 3))), algebra.array(np.ones((3, 1))))
    assert determinant == 0 and all(entry != entry for entry in found.ravel())
