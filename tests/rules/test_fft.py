"""Fourier transforms: lengths, axes and norms, against differences; and one by hand."""

import numpy as np
import pytest
from array_checks import check

import diffkit as dk

rng = np.random.default_rng(4)
F = np.fft
NORMS = (None, "backward", "ortho", "forward")


def parts(f):
    """Real and imaginary part, as the judge takes real results."""
    return lambda *args: (np.real(f(*args)), np.imag(f(*args)))


def joined(f):
    """A function of a complex array as one of its real and imaginary part."""
    return lambda x, y: f(x + 1j * y)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 1, 3, 4, 5, 6, 9])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "ihfft", "irfft", "hfft"])
def test_one_axis(name, n, norm):
    transform = getattr(F, name)
    x, y = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    if name in ("rfft", "ihfft"):
        check(parts(lambda a: transform(a, n, norm=norm)), x, second=False)
    elif name in ("irfft", "hfft"):
        check(joined(lambda a: transform(a, n, norm=norm)), x, y, second=False)
    else:
        check(parts(joined(lambda a: transform(a, n, norm=norm))), x, y, second=False)


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "fft2", "ifft2", "rfft2", "irfftn", "irfft2"])
def test_several_axes(name):
    transform = getattr(F, name)
    wrap = parts if "irfft" not in name else lambda f: f
    check(wrap(transform), rng.normal(size=(3, 4)))
    check(wrap(lambda a: transform(a, s=(2, 5), axes=(2, 0))), rng.normal(size=(3, 2, 4)), second=False)
    check(wrap(lambda a: transform(a, axes=(0, 1), norm="ortho")), rng.normal(size=(3, 2)), second=False)


def test_shifts():
    check(F.fftshift, rng.normal(size=(3, 4)))
    check(lambda a: F.ifftshift(a, axes=0), rng.normal(size=(3, 4)))
    check(lambda a: F.fftshift(a, axes=(1,)), rng.normal(size=(3, 4)))


def test_energy_by_hand():
    """Parseval: sum |fft x|^2 = n sum x^2, so its gradient is 2 n x and its Hessian 2 n."""
    x = rng.normal(size=6)

    def energy(x):
        return np.sum(np.abs(F.fft(x)) ** 2)

    assert np.allclose(dk.grad(energy)(x), 12 * x, atol=1e-13)
    assert np.allclose(dk.hessian(energy)(x), 12 * np.eye(6), atol=1e-12)


def test_single_precision_stays():
    x = rng.normal(size=6).astype(np.float32)
    for transform in (F.fft, F.rfft, lambda x: F.irfft(F.rfft(x)), F.fft2):
        assert dk.grad(lambda x, t=transform: np.sum(np.abs(t(x.reshape(2, 3))) ** 2))(x).dtype == np.float32


def test_output_arrays_are_refused():
    outside = np.zeros(3, complex)  # one made inside takes the derivative
    with pytest.raises(TypeError, match="out="):
        dk.grad(lambda x: np.sum(np.real(F.fft(x, out=outside))))(np.ones(3))
