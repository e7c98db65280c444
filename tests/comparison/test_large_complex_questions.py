"""Complex questions above 500 inputs are judged through projections of their real and imaginary parts."""

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison.parts import in_parts, real_jacobian
from diffkit.comparison.posing import pose

N = 520
Z = np.exp(1j * np.arange(N)) * np.linspace(1, 2, N)
W = np.exp(2j * np.arange(N)) / N


def power(z):
    return np.sum(np.abs(z) ** 2)


def holomorphic(z):
    return np.sum(W * np.sin(z))


def waves(x):
    return np.sum(W * np.exp(1j * x))


def spectrum(z):
    return np.fft.fft(np.sin(z))


def its_jacobian(z):
    return np.fft.fft(np.diag(np.cos(z)), axis=0)


RIGHT = {
    "real result": (power, Z, lambda z: 2 * np.conj(z)),
    "holomorphic": (holomorphic, Z, lambda z: W * np.cos(z)),
    "complex of real": (waves, Z.real, lambda x: 1j * W * np.exp(1j * x)),
    "many results": (spectrum, Z, its_jacobian),
    "single precision": (power, Z.astype(np.complex64), lambda z: 2 * np.conj(z)),
}


def judged(f, x, *methods):
    result = dk.compare(f, x, methods=methods)
    assert any("random projections of" in note for note in result.notes)
    return result


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_gradient_agrees(name):
    f, x, mine = RIGHT[name]
    result = judged(f, x, "reverse", *(["forward"] * (name == "holomorphic")), mine)
    assert result.agree is True and result.kind == "AGREE", result.verdict
    assert all(row.status == "ok" for row in result.rows)


@pytest.mark.parametrize("name", ["real result", "complex of real", "many results"])
def test_the_conjugate_is_caught(name):
    f, x, mine = RIGHT[name]
    result = judged(f, x, "reverse", lambda x: np.conj(mine(x)))
    assert result.agree is False
    assert result.row("<lambda>").status == "wrong" and result.row("reverse").status == "ok"
    assert name == "many results" or "the complex conjugate" in result.verdict


@pytest.mark.parametrize("error, beside", [
    (lambda g: np.where(np.arange(N) == 77, 1.001 * g, g), ["reverse"]),
    (lambda g: np.real(g) + 0j, ["reverse"]),
    (lambda g: np.where(np.arange(N) == 77, 1j * g, g), []),
    (lambda g: np.where(np.arange(N) == 77, np.real(g), g), []),
])
def test_other_errors_are_caught_beside_the_rules_and_alone(error, beside):
    result = judged(power, Z, *beside, lambda z: error(2 * np.conj(z)))
    assert result.agree is False and "z." in result.verdict


def test_one_entry_of_one_part_is_named():
    mine = lambda z: 2 * np.conj(z) + np.where(np.arange(N) == 77, 0.5j, 0)
    assert judged(power, Z, "reverse", mine).findings[0].entries == ("z.imag[77]",)


def test_a_function_that_is_not_holomorphic_has_no_one_derivative():
    result = dk.compare(lambda z: np.sum(W * np.conj(z)), Z, methods=("reverse", lambda z: W))
    assert (result.kind, result.agree) == ("INCONCLUSIVE", None) and "not holomorphic" in result.verdict
    assert result.row("reverse").status == "skipped"


def test_real_and_complex_leaves_of_a_container():
    params = {"z": Z, "x": np.linspace(1.0, 2.0, N)}
    f = lambda p: np.sum(np.abs(p["z"]) ** 2 * p["x"])
    mine = lambda p: {"z": 2 * np.conj(p["z"]) * p["x"], "x": np.abs(p["z"]) ** 2}
    assert judged(f, params, "reverse", mine).agree is True
    wrong = judged(f, params, "reverse", lambda p: {**mine(p), "x": 2 * np.abs(p["z"]) ** 2})
    assert wrong.agree is False and 'p["x"]' in wrong.verdict


def test_what_was_computed_before_is_judged_at_the_point_only():
    known = 2 * np.conj(Z)
    assert judged(power, Z, "reverse", lambda z: known.copy()).agree is True


def test_the_report_has_its_page():
    f, x, mine = RIGHT["real result"]
    page = judged(f, x, "reverse", lambda z: 2 * mine(z)).to_html()
    assert "z.real" in page and "</html>" in page


# --- the translation itself -----------------------------------------------------------------------
@pytest.mark.parametrize("f, derivative", [
    (lambda z: np.sin(z) * 1j, lambda z: np.diag(1j * np.cos(z))),
    (lambda z: np.sum(np.abs(z) ** 2), lambda z: 2 * np.conj(z)),
    (lambda z: {"s": np.sum(z), "r": np.abs(z[0]) ** 2}, None),
])
def test_a_complex_derivative_is_that_of_the_parts(f, derivative):
    z = np.array([0.3 + 0.8j, -1.2 + 0.1j])
    whole = pose(f, (z,), {}, 0)
    parts = in_parts(whole)
    complex_one = whole.matrix(derivative(z)) if derivative else np.array([[1, 1], [2 * np.conj(z[0]), 0]])
    step, columns = 1e-6, []
    for k in range(4):  # central differences, written out
        moved = [np.array(leaf, float) for leaf in parts.moving.leaves]
        sides = []
        for sign in (1, -1):
            there = [leaf.copy() for leaf in moved]
            there[k // 2][k % 2] += sign * step
            sides.append(parts.flat_call(there))
        columns.append((np.ravel(sides[0]) - np.ravel(sides[1])) / (2 * step))
    assert parts.input_leaves == ["z.real", "z.imag"]
    assert np.allclose(real_jacobian(whole, complex_one), np.stack(columns, axis=1), atol=1e-8)
