"""Events of solve_ivp: their times and states against closed forms."""

import numpy as np
import pytest
import scipy.integrate

import diffkit as dk
from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.integrate import solve_ivp

METHODS = ["RK45", "RK23", "DOP853"]


def ground(t, y):
    return y[0]


ground.terminal = True
ground.direction = -1


def fall(h, g=10.0, **options):
    return solve_ivp(lambda t, y: np.stack([y[1], -g]), (0, 9), np.stack([h, 0.0 * h]), events=ground, **options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_a_terminal_event_ends_the_solution_where_the_parameters_say(method, mode):
    """A ball falls from h for sqrt(2 h / g), and arrives with -sqrt(2 h g): exact for steps of any length."""
    def landing(h):
        found = fall(h, method=method)
        return np.stack([found.t[-1], found.y[0, -1], found.y[1, -1], found.t_events[0][0], found.y_events[0][0, 1]])

    expected = [0.1, 0.0, -1.0, 0.1, -1.0]
    np.testing.assert_allclose(dk.jacobian(landing, method=mode)(5.0), expected, atol=1e-13)
    plain = scipy.integrate.solve_ivp(lambda t, y: np.stack([y[1], -10.0]), (0, 9), [5.0, 0.0], method, events=ground)
    got = []
    dk.grad(lambda h: [got.append(fall(h, method=method)), h][1])(5.0)
    assert dk.value(got[0].t_events[0]) == plain.t_events[0] and got[0].status == plain.status == 1
    np.testing.assert_allclose(dk.value(got[0].y), plain.y, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(dk.value(got[0].t), plain.t)


def test_higher_orders_by_height_and_by_gravity():
    time = lambda h: fall(h).t[-1]
    h, g = 5.0, 10.0
    assert dk.derivative(time, n=2)(h) == pytest.approx(-1 / np.sqrt(8 * g * h**3), rel=1e-12)
    assert dk.derivative(time, n=3)(h) == pytest.approx(3 / (2 * np.sqrt(8 * g * h**5)), rel=1e-12)
    assert dk.jacobian(dk.grad(time))(h) == pytest.approx(-0.01, rel=1e-12)
    assert dk.grad(lambda g: fall(h, g).t[-1])(g) == pytest.approx(-np.sqrt(2 * h) / (2 * g**1.5), rel=1e-12)
    assert dk.grad(lambda h: fall(h, dense_output=True).sol(0.5)[0])(h) == pytest.approx(1, rel=1e-12)
    by_times = dk.jacobian(lambda h: fall(h, t_eval=[0.25, 0.5]).y[0])(h)
    np.testing.assert_allclose(by_times, [1, 1], rtol=1e-12)


def level_passed(c, k):
    """exp(-k t) = c at t = -log(c) / k; the event depends on c alone."""
    events = [lambda t, y: y[0] - c, lambda t, y: 1.0]
    found = solve_ivp(lambda t, y: -k * y, (0, 9), [1.0], events=events, rtol=1e-10, atol=1e-12)
    assert len(found.t_events[1]) == 0
    return found.t_events[0][0]


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_an_event_that_captured_what_is_differentiated(mode):
    by_c, by_k = dk.grad(level_passed, (0, 1), method=mode)(0.3, 2.0)
    assert by_c == pytest.approx(-1 / (0.3 * 2), rel=1e-7) and by_k == pytest.approx(np.log(0.3) / 4, rel=1e-7)
    assert dk.grad(lambda c: level_passed(c, 2.0), method=mode)(0.3) == pytest.approx(-1 / 0.6, rel=1e-7)


def test_all_the_times_of_an_event_with_args():
    """cos(w t) is 0 at (n + 1/2) pi / w."""
    def zeros(w):
        return solve_ivp(lambda t, y, w: [y[1], -w * w * y[0]], (0, 7), [1.0, 0.0], args=(w,),
                         events=lambda t, y, w: y[0], rtol=1e-10, atol=1e-12).t_events[0]

    np.testing.assert_allclose(dk.jacobian(zeros)(2.0), -np.pi * (np.arange(4) + 0.5) / 4, rtol=1e-7)


@pytest.mark.parametrize(("options", "message"), [
    ({"method": "Radau"}, "method Radau"),
    ({"method": "LSODA"}, "method LSODA"),
])
def test_implicit_methods_are_refused_by_name(options, message):
    with pytest.raises(UnsupportedArgumentError, match=message):
        dk.grad(lambda h: fall(h, **options).t[-1])(5.0)


def test_an_event_of_slope_zero_has_no_derivative():
    flat = lambda t, y: np.sign(y[0] - 3)
    with pytest.raises(UnsupportedArgumentError, match="only touches"):
        dk.grad(lambda h: solve_ivp(lambda t, y: [-1.0], (0, 9), [h], events=flat).t_events[0][0])(5.0)


def test_plain_values_are_scipys_own():
    own = scipy.integrate.solve_ivp(lambda t, y: [y[1], -10.0], (0, 9), [5.0, 0.0], events=ground)
    ours = solve_ivp(lambda t, y: [y[1], -10.0], (0, 9), [5.0, 0.0], events=ground)
    np.testing.assert_array_equal(own.y, ours.y)
