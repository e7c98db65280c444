"""A comparison ends within its budget: f that is slow, f that never comes back, C that waits; the cost is said."""

import contextlib
import dataclasses
import io
import signal
import sys
import threading
import time

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison import affording, progress, waking
from diffkit.comparison.allowance import Allowance
from diffkit.comparison.guard import Overtime, Watch
from diffkit.comparison.methods import resolve
from diffkit.comparison.posing import pose
from diffkit.errors import ComparisonError
from diffkit.testing import check_gradients

PAIR = np.array([1.0, 2.0])


@pytest.fixture(autouse=True)
def no_longer_than_a_minute():
    """What hangs here would hang the suite."""
    with Watch(60, 60):
        yield


class Slow:
    """The sum of squares after a nap, with a count of what was begun and what came to its end."""

    __name__ = "slow"

    def __init__(self, seconds):
        self.seconds, self.begun, self.ended = seconds, 0, 0

    def __call__(self, x):
        self.begun += 1
        time.sleep(self.seconds)
        self.ended += 1
        return np.sum(x**2)


def endless_loop(x):
    while True:
        with contextlib.suppress(Exception):
            x = x + 0


# --- f that does not come back ---------------------------------------------------------------------
def test_a_loop_without_an_end_is_refused_by_name():
    result = dk.compare(endless_loop, PAIR, budget=0.2)
    assert (result.kind, result.agree) == ("REFUSED", None)
    assert "f did not return within 0.2 s" in result.verdict and "budget" in result.verdict


def test_a_call_into_c_that_waits_is_woken():
    f = Slow(50.0)
    result = dk.compare(f, PAIR, budget=0.2)
    assert result.kind == "REFUSED" and "did not return" in result.verdict
    assert (f.begun, f.ended) == (1, 0)


def test_an_f_that_waits_for_ever_when_it_is_asked_again():
    calls = []

    def f(x):
        calls.append(1)
        if len(calls) > 1:
            threading.Event().wait()
        return np.sum(x**2)

    result = dk.compare(f, PAIR, budget=0.3)
    assert result.kind == "REFUSED" and "asked again it did not return" in result.verdict
    assert len(calls) == 2


def test_an_f_that_waits_beside_the_point_is_judged_at_it(monkeypatch):
    monkeypatch.setattr("diffkit.comparison.guard.patience", lambda seconds, hung=False: 0.05)

    def f(x):
        if np.any(dk.value(x) != PAIR):
            time.sleep(50)
        return np.sum(x**2)

    result = dk.compare(f, PAIR, methods=("forward", "reverse", "symbolic", "central"))
    assert result.agree is True and "did not return" in result.row("central").note


def test_a_check_of_a_function_that_waits_beside_the_point_says_so(monkeypatch):
    monkeypatch.setattr("diffkit.testing.checking.patience", lambda seconds, hung=False: 0.05)
    monkeypatch.setattr("diffkit.comparison.guard.patience", lambda seconds, hung=False: 0.05)

    def f(x):
        if abs(dk.value(x) - 2.0) > 1e-9:
            time.sleep(50)
        return x**3

    with pytest.warns(dk.testing.GradientWarning, match="did not return within"):
        assert check_gradients(f, 2.0, order=1).agree is None


# --- f that is slow ------------------------------------------------------------------------------------
def test_what_no_budget_suffices_for_is_not_begun():
    f = Slow(0.25)
    result = dk.compare(f, PAIR, budget=0.5)
    assert (result.kind, result.agree) == ("INCONCLUSIVE", None)
    assert "a verdict needs" in result.verdict and "budget=" in result.verdict
    assert f.begun <= 2


def test_a_slow_function_is_judged_by_what_can_be_afforded():
    f = Slow(0.05)
    result = dk.compare(f, np.array([1.0, 2.0, 3.0]), methods=("forward", "reverse", "central", lambda x: 2 * x),
                        budget=1.5)
    assert result.agree is True and result.row("<lambda>").status == "ok"
    assert result.row("central").status == "skipped" and "not begun: about" in result.row("central").note
    assert f.begun * 0.05 <= 1.5 + 0.05


def test_a_wrong_gradient_of_a_slow_function_is_still_caught():
    f = Slow(0.03)
    result = dk.compare(f, PAIR, methods=("reverse", lambda x: 3 * x), budget=0.9)
    assert result.agree is False and "1.5 times the right value" in result.verdict
    assert f.begun * 0.03 <= 0.9 + 0.03


def test_the_cost_is_stated_before_it_is_spent():
    """Seconds that f never took: the plan is made from them alone."""
    problem = dataclasses.replace(pose(cubes, (PAIR,), {}, 0, Allowance(60.0)), seconds=1.0)
    chosen = resolve(("forward", "symbolic", "central", "reverse", lambda x: x))
    assert [name for name, _ in affording.in_order(problem, chosen)] == ["<lambda>", "reverse", "central", "forward",
                                                                        "symbolic"]
    note, = affording.stated(problem, chosen)
    assert "central 24 s" in note and "the budget is 60 s" in note
    assert affording.too_slow(problem, chosen) == ""
    assert affording.too_slow(dataclasses.replace(problem, seconds=30.0), chosen).startswith("a call of f takes 30 s")
    quick = dataclasses.replace(problem, seconds=1e-5)
    assert affording.in_order(quick, chosen) == chosen and affording.stated(quick, chosen) == []


def cubes(x):
    return np.sum(x**3)


def test_figures_have_time_of_their_own():
    result = dk.compare(cubes, PAIR, methods=("reverse", "central"), referee=False, budget=0.3)
    time.sleep(0.3)
    assert result.evidence.curve is not None


@pytest.mark.parametrize("budget", [0, -1.0, float("nan")])
def test_a_budget_must_leave_time(budget):
    with pytest.raises(ComparisonError, match="leaves no time"):
        dk.compare(cubes, PAIR, budget=budget)


def test_a_budget_may_be_without_end():
    assert dk.compare(cubes, PAIR, budget=float("inf")).agree is True


# --- waking C --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("wait", [lambda: time.sleep(50), lambda: threading.Event().wait(50),
                                  lambda: threading.Lock().acquire() and [lock := threading.Lock(), lock.acquire(),
                                                                          lock.acquire()]])
def test_what_waits_in_c_hears_the_alarm(wait):
    came_back = []
    with pytest.raises(Overtime), Watch(60, 0.1):
        wait()
        came_back.append(1)
    assert not came_back


def test_an_import_is_not_interrupted(tmp_path, monkeypatch):
    """Half of SymPy stayed behind, and every symbolic derivative after that was an AttributeError."""
    (tmp_path / "slow_to_import").mkdir()
    (tmp_path / "slow_to_import" / "__init__.py").write_text("from slow_to_import import part\nwhole = True\n")
    (tmp_path / "slow_to_import" / "part.py").write_text("import time\nuntil = time.monotonic() + 0.4\n"
                                                         "while time.monotonic() < until:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(Overtime), Watch(60, 0.1):
        import slow_to_import  # noqa: F401
        time.sleep(50)
    assert sys.modules["slow_to_import"].whole and sys.modules["slow_to_import"].part.until


def test_what_is_watched_while_a_module_is_imported_is_stopped(tmp_path, monkeypatch):
    (tmp_path / "compares_at_import.py").write_text(
        "import diffkit as dk\ndef endless(x):\n    while True:\n        pass\n"
        "kind = dk.compare(endless, 1.0, budget=0.1).kind\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import compares_at_import
    assert compares_at_import.kind == "REFUSED"


def test_the_handler_of_signals_is_put_back():
    inside = signal.getsignal(signal.SIGURG)  # the watch around this test has put ours in place
    assert inside is waking._handler
    with Watch(60, 60):
        pass
    assert signal.getsignal(signal.SIGURG) is inside
    waking.restore()
    with Watch(60, 60):
        assert signal.getsignal(signal.SIGURG) is waking._handler
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL


def test_a_programs_own_handler_is_left_alone():
    heard = []

    def mine(number, frame):
        heard.append(number)

    before = signal.signal(signal.SIGURG, mine)
    try:
        with pytest.raises(Overtime), Watch(60, 0.1):
            while True:
                time.sleep(0.01)
        assert signal.getsignal(signal.SIGURG) is mine and not heard
    finally:
        signal.signal(signal.SIGURG, before)


# --- what is told meanwhile ----------------------------------------------------------------------------------
class Terminal(io.StringIO):
    """A stderr that somebody looks at."""

    def isatty(self):
        return True


def test_a_long_first_call_and_long_work_are_told_on_a_terminal(monkeypatch):
    monkeypatch.setattr(progress, "_NOTEWORTHY", 0.01)
    monkeypatch.setattr("sys.stderr", Terminal())
    dk.compare(Slow(0.02), PAIR, methods=("reverse", "central"), referee=False)
    told = sys.stderr.getvalue()
    first, rest = told.split("\x1b[2K\r", 1)  # the line is taken away again
    assert first == "the first call of f takes its time; it is waited for 60 s\r"
    assert "slow: 2 methods, about" in rest and "2/2" in rest


def test_nothing_is_told_into_a_pipe(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_NOTEWORTHY", 0.0)
    dk.compare(cubes, PAIR, methods=("reverse", "central"), referee=False)
    assert capsys.readouterr().err == ""
