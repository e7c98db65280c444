"""diffkit.scipy.signal and ndimage: SciPy's values, and derivatives in every mode and boundary."""

import numpy as np
import pytest
import scipy.ndimage as original_images
import scipy.signal as original
from against_scipy import check, check_signatures

import diffkit as dk
from diffkit.scipy import ndimage, signal
from diffkit.selftest import check_rule

rng = np.random.default_rng(0)
draw = lambda *shape: rng.normal(size=shape)
SHAPES = [((3,), (6,)), ((4, 5), (2, 3)), ((3, 4, 2), (2, 2, 1))]
POLES = np.array([1.3, -0.4, 0.2])
SECTIONS = original.butter(4, 0.3, output="sos")
B, A = original.butter(2, 0.3)

CASES = {
    **{f"{name} {mode} {left}": (lambda m, name=name, mode=mode: lambda a, b: getattr(m, name)(a, b, mode),
                                 (draw(*left), draw(*right)))
       for name in ("convolve", "correlate", "fftconvolve", "oaconvolve") for mode in ("full", "same", "valid")
       for left, right in SHAPES},
    **{f"{name} {mode} along {axes}": (lambda m, name=name, mode=mode, axes=axes: lambda a, b: getattr(m, name)(
        a, b, mode, axes=axes), (draw(1, 6), draw(4, 3)))
       for name in ("fftconvolve", "oaconvolve") for mode in ("full", "same", "valid") for axes in (1, [-1])},
    **{f"{name} {mode} {edge} {size}": (lambda m, name=name, mode=mode, edge=edge: lambda a, b: getattr(m, name)(
        a, b, mode, edge, 0.7), (draw(5, 6), draw(*size)))
       for name in ("convolve2d", "correlate2d") for mode in ("full", "same", "valid")
       for edge in ("fill", "wrap", "symm") for size in ((3, 3), (2, 4))},
    "convolve direct": (lambda m: lambda a, b: m.convolve(a, b, method="direct"), (draw(7), draw(3))),
    "lfilter": (lambda m: lambda b, a, x: m.lfilter(b, a, x, axis=0), (draw(4), POLES, draw(8, 2))),
    **{f"lfilter from a state, {n} {taps}": (lambda m: lambda b, a, x, z: np.concatenate(m.lfilter(b, a, x, zi=z)), (
        draw(taps), POLES, draw(n), draw(max(taps, 3) - 1))) for n in (8, 2, 1) for taps in (4, 2)},
    "lfilter axis and state": (lambda m: lambda b, a, x, z: np.concatenate(m.lfilter(b, a, x, 0, z)), (
        draw(2), POLES, draw(6, 3), draw(2, 3))),
    "lfilter of taps alone": (lambda m: lambda b, x: m.lfilter(b, [2.0], x), (draw(3), draw(8))),
    "sosfilt": (lambda m: lambda b, a, x: m.sosfilt(np.concatenate([b, np.ones((2, 1)), a], 1), x), (
        SECTIONS[:, :3], SECTIONS[:, 4:], draw(9))),
    "sosfilt from a state": (lambda m: lambda x, z: m.sosfilt(SECTIONS, x, zi=z)[1], (draw(9), draw(2, 2))),
    "filtfilt": (lambda m: lambda x: m.filtfilt(B, A, x, axis=0), (draw(20, 2),)),
    "filtfilt gust": (lambda m: lambda x: m.filtfilt(B, A, x, method="gust"), (draw(20),)),
    **{f"detrend {kind}": (lambda m, kind=kind: lambda x: m.detrend(x, 0, kind, [3]), (draw(7, 2),))
       for kind in ("linear", "constant")},
}
MODES = ("reflect", "grid-mirror", "mirror", "nearest", "wrap", "grid-wrap", "constant", "grid-constant")
IMAGES = {
    **{f"{name} {mode} {size} {start}": (lambda m, name=name, mode=mode, start=start: lambda x, w: getattr(m, name)(
        x, w, axis=0, mode=mode, cval=0.3, origin=start), (draw(5, 2), draw(size)))
       for name in ("correlate1d", "convolve1d") for mode in MODES
       for size, start in ((3, 0), (3, -1), (4, 1), (1, 0))},
    **{f"gaussian {mode} {order}": (lambda m, mode=mode, order=order: lambda x: m.gaussian_filter1d(
        x, 1.1, order=order, mode=mode), (draw(9),)) for mode in MODES for order in (0, 2)},
    "gaussian width": (lambda m: lambda s: m.gaussian_filter1d(np.arange(9.0) ** 2, s, order=3, radius=4), (1.2,)),
    "gaussian axes": (
        lambda m: lambda x: m.gaussian_filter(x, [1.1, 0.6], order=[0, 1], axes=(0, 2)), (draw(6, 2, 5),)),
    "uniform": (lambda m: lambda x: m.uniform_filter1d(x, 4, mode="mirror"), (draw(5, 6),)),
}


@pytest.mark.parametrize("name", CASES)
def test_signals(name):
    make, args = CASES[name]
    check(make(signal), make(original), args, second="full" in name or "filt" in name)


@pytest.mark.parametrize("name", IMAGES)
def test_images(name):
    make, args = IMAGES[name]
    check(make(ndimage), make(original_images), args, size=0.1, second="gaussian" in name)


def test_an_impulse_response_by_hand():
    """y_n = r^n: the derivative is n r^(n - 1)."""
    impulse = np.eye(6)[0]
    slope = dk.jvp(lambda r: signal.lfilter([1.0], np.stack([1.0 + 0 * r, -r]), impulse), (0.5,), (1.0,))[1]
    np.testing.assert_allclose(slope, [n * 0.5 ** (n - 1) for n in range(6)], rtol=1e-15)


def test_rows_complex_too():
    z = lambda *shape: draw(*shape) + 1j * draw(*shape)
    for how in ("direct", "fft", "overlap"):
        assert check_rule(signal.FULL, (z(4, 3), z(2, 2)), {"axes": (0, 1), "how": how}) == []
    assert check_rule(signal.RECURSIVE, (z(2) + 3 * np.eye(2)[0], z(2, 5))) == []
    assert check_rule(signal.MOVING, (z(3), z(2, 5))) == []
    a, b = z(5), z(3)
    f = lambda a: np.sum(np.abs(signal.correlate(a, b, "same")) ** 2)
    t = z(5)
    h = 1e-6
    assert np.real(np.sum(dk.grad(f)(a) * t)) == pytest.approx((f(a + h * t) - f(a - h * t)) / (2 * h), rel=1e-7)


def test_faults_dtypes_and_signatures():
    check_signatures(signal, original, [name for name in signal.__all__ if not name.isupper()])
    check_signatures(ndimage, original_images, ndimage.__all__)
    single = draw(6).astype(np.float32)
    for f in (lambda x: signal.convolve(x, single), lambda x: signal.lfilter([1, 0.5], [1.0], x),
              lambda x: ndimage.gaussian_filter1d(x, 1.0)):
        assert dk.grad(lambda x, f=f: np.sum(f(x)))(single).dtype == np.float32
    for wrong, message in ((lambda x: signal.convolve(x, single, "odd"), "mode"),
                           (lambda x: signal.convolve(x, single[:, None]), "dimensionality"),
                           (lambda x: signal.fftconvolve(x, np.ones((3, 9)), "valid"), "dimension"),
                           (lambda x: signal.lfilter([1.0], [0.0, 1.0], x), "nonzero"),
                           (lambda x: signal.lfilter([1.0], [1.0, 1.0], x, zi=np.ones(3)), "zi"),
                           (lambda x: ndimage.correlate1d(x, [1.0, 1.0], origin=5), "origin")):
        with pytest.raises(ValueError, match=message):
            dk.grad(lambda x, wrong=wrong: np.sum(wrong(x)))(draw(6))
    with pytest.raises(dk.errors.UnsupportedArgumentError, match="output="):
        dk.grad(lambda x: np.sum(ndimage.gaussian_filter(x, 1.0, output=np.zeros(6))))(draw(6))
    with pytest.raises(dk.errors.UnsupportedArgumentError, match="coefficients"):
        dk.grad(lambda b: np.sum(signal.filtfilt(b, A, draw(20))))(B)
