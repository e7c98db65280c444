"""Complex numbers: the gradient of a real function is df/dx - i df/dy, a holomorphic one has f'(z)."""

import mpmath as mp
import numpy as np
import pytest

import diffkit as dk

rng = np.random.default_rng(6)
Z = rng.normal(size=4) + 1j * rng.normal(size=4)


def wirtinger(f, z, h=1e-5):
    """df/dx - i df/dy of a real function of each entry, by central differences."""
    def along(t):
        return (8 * (f(z + h * t) - f(z - h * t)) - (f(z + 2 * h * t) - f(z - 2 * h * t))) / (12 * h)
    return along(1.0) - 1j * along(1j)


# Real functions of a complex number, with df/dx - i df/dy worked out by hand.
BY_HAND = {
    "abs": (np.abs, lambda z: np.conj(z) / np.abs(z)),
    "abs squared": (lambda z: np.abs(z) ** 2, lambda z: 2 * np.conj(z)),
    "real": (np.real, lambda z: np.ones_like(z)),
    "imag": (np.imag, lambda z: np.full_like(z, -1j)),
    "attributes": (lambda z: z.real * z.imag, lambda z: z.imag - 1j * z.real),
    "z conj z": (lambda z: (z * np.conj(z)).real, lambda z: 2 * np.conj(z)),
    "angle": (np.angle, lambda z: -1j / z),
    "angle degrees": (lambda z: np.angle(z, deg=True), lambda z: -180j / np.pi / z),
    "real of exp": (lambda z: np.exp(z).real, np.exp),
    "imag of square": (lambda z: (z**2).imag, lambda z: -2j * z),
    "abs of log": (lambda z: np.abs(np.log(z)), lambda z: np.conj(np.log(z)) / np.abs(np.log(z)) / z),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_real_functions(name):
    f, exact = BY_HAND[name]
    found = dk.grad(lambda z: np.sum(f(z)))(Z)
    assert np.allclose(found, exact(Z), rtol=1e-14, atol=1e-14)
    assert np.allclose(found, wirtinger(f, Z), rtol=1e-8, atol=1e-8)
    t = rng.normal(size=4) + 1j * rng.normal(size=4)
    assert np.allclose(dk.jvp(f, (Z,), (t,))[1], np.real(found * t), rtol=1e-14, atol=1e-14)


def test_modulus_at_zero_and_its_second_derivative():
    assert dk.grad(np.abs)(0j) == 0
    # |z|^2 through |z|: along t and u the second derivative is 2 Re(conj(t) u).
    t, u = 0.3 - 2j, 1.1 + 0.7j
    second = dk.jvp(lambda z: dk.jvp(lambda w: np.abs(w) ** 2, (z,), (t,))[1], (Z[0],), (u,))[1]
    assert abs(second - 2 * (np.conj(t) * u).real) < 1e-13
    # |z| alone: (Re(conj(t) u) - Re(conj(s) t) Re(conj(s) u)) / |z| with s = z/|z|.
    s = Z[0] / abs(Z[0])
    expected = ((np.conj(t) * u).real - (np.conj(s) * t).real * (np.conj(s) * u).real) / abs(Z[0])
    assert abs(dk.jvp(lambda z: dk.jvp(np.abs, (z,), (t,))[1], (Z[0],), (u,))[1] - expected) < 1e-13
    g = dk.grad(lambda z: np.real(dk.grad(np.abs)(z) * t))(Z[0])
    assert abs((g * u).real - expected) < 1e-13


def test_sign_of_a_complex_number():
    weight = 0.4 - 1.3j
    found = dk.grad(lambda z: np.sum(np.real(weight * np.sign(z))))(Z)
    assert np.allclose(found, wirtinger(lambda z: (weight * z / abs(z)).real, Z), atol=1e-8)
    assert dk.grad(lambda z: np.real(np.sign(z)))(0j) == 0


def test_real_arguments_of_complex_programs_have_real_cotangents():
    x = rng.normal(size=3)
    g = dk.grad(lambda x: np.sum(np.abs(np.exp(1j * x) + 0.5) ** 2))(x)
    assert g.dtype == float and np.allclose(g, -np.sin(x), atol=1e-14)  # |e^(ix) + 1/2|^2 = 5/4 + cos x


HOLOMORPHIC = {
    "exp": mp.exp, "exp2": lambda z: mp.log(2) * mp.power(2, z), "expm1": mp.exp, "log": lambda z: 1 / z,
    "log2": lambda z: 1 / (z * mp.log(2)), "log10": lambda z: 1 / (z * mp.log(10)), "log1p": lambda z: 1 / (1 + z),
    "sqrt": lambda z: 1 / (2 * mp.sqrt(z)), "square": lambda z: 2 * z, "reciprocal": lambda z: -1 / z**2,
    "sin": mp.cos, "cos": lambda z: -mp.sin(z), "tan": lambda z: 1 / mp.cos(z) ** 2,
    "sinh": mp.cosh, "cosh": mp.sinh, "tanh": lambda z: 1 / mp.cosh(z) ** 2,
    "arcsin": lambda z: 1 / (mp.sqrt(1 - z) * mp.sqrt(1 + z)),
    "arccos": lambda z: -1 / (mp.sqrt(1 - z) * mp.sqrt(1 + z)),
    "arctan": lambda z: 1 / (1 + z * z), "arcsinh": lambda z: 1 / mp.sqrt(1 + z * z),
    "arccosh": lambda z: 1 / (mp.sqrt(z - 1) * mp.sqrt(z + 1)), "arctanh": lambda z: 1 / (1 - z * z),
    "sinc": lambda z: (mp.cos(mp.pi * z) - mp.sin(mp.pi * z) / (mp.pi * z)) / z,
}


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_holomorphic_functions(name):
    function = getattr(np, name)
    for z in (0.3 + 0.4j, -1.2 + 0.7j, 2.5 - 1.1j, -0.4 - 2.3j, 0.2 + 5.0j):
        with mp.workdps(30):
            want = complex(HOLOMORPHIC[name](mp.mpc(z)))
        found = dk.grad(function, holomorphic=True)(z)
        assert abs(found - want) <= 5e-14 * abs(want), (z, found, want)


def test_complex_powers():
    a, b = 0.7 - 0.4j, -1.3 + 0.6j
    ga, gb = dk.grad(lambda a, b: a**b, (0, 1), holomorphic=True)(a, b)
    assert abs(ga - b * a ** (b - 1)) < 1e-15 * 10 and abs(gb - a**b * np.log(a)) < 1e-14


@pytest.mark.parametrize("name", ["log", "sqrt", "arcsin", "arccos", "arccosh", "arctanh", "arctan", "arcsinh",
                                  "log1p"])
@pytest.mark.parametrize("z", [complex(x, y) for x in (-2.0, 2.0, -0.0, 0.0)
                               for y in (0.0, -0.0, 2.0, -2.0)], ids=str)
def test_branch_cuts(name, z):
    """On a cut the derivative is that of the side on which NumPy's value lies."""
    function = getattr(np, name)
    with np.errstate(all="ignore"):
        value = function(z)
        if not np.isfinite(value) or z == 0 or abs(z * z + 1) < 1e-9:
            return
        # Along the cut and away from the branch point the value stays on its side.
        h = 1e-4
        along = h if abs(z.imag) < 1 else 1j * h
        shifted = [function(complex(z.real + k * h, z.imag) if along == h else complex(z.real, z.imag + k * h))
                   for k in (-2, -1, 1, 2)]
        expected = (8 * (shifted[2] - shifted[1]) - (shifted[3] - shifted[0])) / (12 * along)
        found = dk.jvp(function, (np.complex128(z),), (np.complex128(1),))[1]
        assert abs(found - expected) < 1e-9 * max(1.0, abs(expected)), (found, expected)


def test_complex64_stays():
    z = Z.astype(np.complex64)
    for f in (np.exp, np.log, np.sqrt, np.arcsin, np.tan, np.abs, np.angle, np.sign, lambda z: z**2, np.log10,
              np.conj):
        assert dk.grad(lambda z, f=f: np.sum(np.abs(f(z))))(z).dtype == np.complex64


def test_a_real_result_if_close():
    assert dk.grad(lambda x: np.sum(np.real_if_close(x + 1e-20j) ** 2))(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]
    assert np.real_if_close(Z) is Z
