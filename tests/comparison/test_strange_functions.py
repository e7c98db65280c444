"""A wrong f gets a verdict or a named refusal, in bounded time; the watch that bounds it is tested itself."""

import contextlib
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison import guard
from diffkit.comparison.guard import Overtime, Watch

PAIR = np.array([1.0, 2.0])


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(guard, "patience", lambda seconds, hung=False: 0.15)
    # The clock of a whole test: a hang would otherwise hang the suite.
    with Watch(60, 60) as watch:
        yield watch


def spin(condition):
    """A loop that ends only where its author looked; it swallows what it can."""
    while condition():
        with contextlib.suppress(Exception):
            time.sleep(0.001)


def newton(x):
    """Ends at 4, and at other points when y * y is x exactly."""
    y = 1.0
    while abs(y * y - x) > (1e-9 if x == 4.0 else -1.0):
        y = (y + x / y) / 2
    return y + 0 * x


def beside(x):
    spin(lambda: x != 2.0)
    return x**2


def traced_only(x):
    spin(lambda: type(x) not in (float, np.float64, np.ndarray))
    return x**2


@pytest.mark.parametrize("f, x", [(newton, 4.0), (beside, 2.0), (traced_only, 2.0)])
def test_a_loop_that_never_ends_is_ended(impatient, f, x):
    start = time.process_time()  # the watch above bounds what passes while f sleeps
    result = dk.compare(f, x)
    assert time.process_time() - start < 10
    assert any("did not return within" in row.note for row in result.rows)
    assert result.agree is not False


def test_the_value_at_the_point_outlives_a_hang_beside_it(impatient):
    result = dk.compare(beside, 2.0, methods=("reverse", "central"))
    assert result.row("reverse").value == 4.0
    assert "did not return" in result.row("central").note


def test_a_hang_leaves_the_reason_in_the_verdict(impatient):
    result = dk.compare(traced_only, 2.0, methods=("reverse", "forward"))
    assert result.kind == "INCONCLUSIVE" and "did not return within" in result.verdict


def test_a_candidate_that_hangs_is_skipped_after_a_third_of_the_budget():
    def mine(x):
        spin(lambda: True)

    result = dk.compare(lambda x: x**2, 3.0, methods=("reverse", mine), budget=1.2)
    assert result.row("mine").status == "skipped" and "stopped after 0.4 s" in result.row("mine").note
    assert result.agree is True


def test_a_hang_far_away_ends_the_search_for_hidden_errors_and_not_the_comparison(impatient):
    def f(x):
        spin(lambda: abs(x - 2.0) > 0.05)
        return x**3

    result = dk.compare(f, 2.0, methods=("reverse", lambda x: 3 * x**2))
    assert result.agree is True


def raises_below_one(x):
    if np.any(x < 1.0):
        raise ValueError("below one")
    return np.sum(x**2)


def gives_up_elsewhere(x):
    if abs(x - 2.0) > 1e-4:
        sys.exit(3)
    return x**2


def deep_elsewhere(x):
    return x**2 if x == 2.0 else deep_elsewhere(x)


def text_elsewhere(x):
    return "text" if abs(x - 2.0) > 1e-3 else x**2


def nothing_elsewhere(x):
    return None if abs(x - 2.0) > 1e-3 else x**2


def nan_on_half(x):
    return np.sum(np.where(x < 1.0, np.nan, x**2))


@pytest.mark.parametrize("f, x, right", [
    (raises_below_one, PAIR, 2 * PAIR), (gives_up_elsewhere, 2.0, 4.0), (deep_elsewhere, 2.0, 4.0),
    (text_elsewhere, 2.0, 4.0), (nothing_elsewhere, 2.0, 4.0), (nan_on_half, PAIR, 2 * PAIR),
])
def test_a_function_that_fails_beside_the_point_is_judged_at_it(f, x, right):
    result = dk.compare(f, x)
    assert result.agree is True
    assert np.array_equal(result.row("reverse").value, right)


def test_nan_at_some_entries_leaves_the_others_judged():
    result = dk.compare(lambda x: np.where(x < 1.0, np.nan, x**2), np.array([0.5, 2.0]),
                        methods=("reverse", lambda x: np.diag([np.nan, -2 * x[1]])))
    assert result.agree is False and "result[1] by x[1]" in result.verdict


@pytest.mark.parametrize("f, error", [(lambda x: [][3], IndexError), (lambda x: x.nothing, AttributeError),
                                      (lambda x: f"{x:d}", ValueError)])
def test_what_f_raises_at_the_point_is_the_callers(f, error):
    with pytest.raises(error):
        dk.compare(f, 1.0)


def test_endless_recursion_at_the_point_is_the_callers():
    def f(x):
        return f(x) + 1

    with pytest.raises(RecursionError):
        dk.compare(f, 1.0)


class Fickle:
    """One answer a call, in turn."""

    def __init__(self, *answers):
        self.answers, self.calls = answers, 0

    def __call__(self, x):
        self.calls += 1
        return self.answers[(self.calls - 1) % len(self.answers)] * x


@pytest.mark.parametrize("f", [
    Fickle(np.ones(2), np.ones(3)), Fickle(1.0, 2.0), Fickle(1.0, 1.0 + 1e-15), Fickle(1.0, np.float32(1.0)),
    Fickle(1.0, np.nan),
])
def test_what_changes_between_calls_is_not_deterministic(f):
    result = dk.compare(f, 2.0)
    assert (result.kind, result.agree) == ("NONDETERMINISTIC", None)


def test_a_function_that_writes_to_its_argument_keeps_nobody_elses():
    kept = PAIR.copy()

    def f(x):
        x[0] = 5.0
        return np.sum(x**2)

    result = dk.compare(f, kept)
    assert result.agree is True and "changes its arguments in place" in " ".join(result.notes)
    assert np.array_equal(kept, PAIR) and np.array_equal(result.row("reverse").value, [0.0, 4.0])


@pytest.mark.parametrize("shape", [(300, 300), (40_000,)])
def test_a_huge_result_is_judged_in_moments(shape):
    ones = np.ones(shape)
    assert dk.compare(lambda x: np.sin(x) * ones, 2.0, methods=("forward", "reverse")).agree is True
    wrong = dk.compare(lambda x: np.sin(x) * ones, 2.0, methods=("forward", lambda x: 2 * np.cos(x) * ones))
    assert wrong.agree is False and "2 times the right value" in wrong.verdict


def test_a_slow_function_is_asked_within_the_budget():
    calls = []

    def f(x):
        calls.append(1)
        time.sleep(0.02)
        return np.sum(x**2)

    result = dk.compare(f, np.linspace(1, 2, 60), methods=("reverse", lambda x: 2 * x), budget=6.0)
    assert result.agree is True and "random projections of 60 inputs" in " ".join(result.notes)
    assert 0.02 * len(calls) < 8


# --- the watch itself -----------------------------------------------------------------------------
def test_the_call_clock_and_the_block_clock():
    with pytest.raises(Overtime) as caught, Watch(0.1, 60) as watch:
        watch.timed(lambda: spin(lambda: True))()
    assert caught.value.what == "f did not return within 0.1 s"
    with pytest.raises(Overtime) as caught, Watch(60, 0.1):
        spin(lambda: True)
    assert caught.value.what == "stopped after 0.1 s"


def test_no_alarm_after_the_block_and_settings_are_restored():
    before = np.geterr()
    with pytest.raises(Overtime), Watch(60, 0.1), np.errstate(all="ignore"):
        spin(lambda: True)
    assert np.geterr() == before
    for _ in range(20):
        with Watch(0.05, 0.05):
            pass
    time.sleep(0.15)  # an alarm that was left behind would go off here


def test_a_watch_inside_a_watch_leaves_the_outer_ones_alarm_alone():
    with pytest.raises(Overtime) as caught, Watch(60, 0.15):
        try:
            with Watch(60, 30) as inner:
                inner.timed(lambda: spin(lambda: True))()
        except inner._alarm:
            pytest.fail("the inner watch took the outer one's alarm")
    assert caught.value.what == "stopped after 0.15 s"


def test_a_debugger_works_after_an_alarm():
    """A process of its own: where the interpreter is left with a pending nothing, a traced call never ends."""
    program = """
        import sys
        from diffkit.comparison.guard import Overtime, Watch
        try:
            with Watch(60, 0.1):
                while True:
                    pass
        except Overtime:
            pass
        sys.settrace(lambda *event: None)
        (lambda: print("traced"))()
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert run.stdout == "traced\n", run.stderr


def test_a_watch_works_in_any_thread():
    seen = []

    def work():
        try:
            with Watch(0.1, 60) as watch:
                watch.timed(lambda: spin(lambda: True))()
        except Overtime as alarm:
            seen.append(alarm.what)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert seen == ["f did not return within 0.1 s"]


def swallows(x):
    """float() of a traced number is refused, and the refusal never seen."""
    try:
        return float(np.sum(x**2))
    except Exception:
        return 0.0


def asks_for_the_type(x):
    return np.sum(x**2) if type(x) is np.ndarray else 0.0


@pytest.mark.parametrize("n", [2, 600])
@pytest.mark.parametrize("f, why", [(swallows, "lose its derivative"), (asks_for_the_type, "traced, f returns 0")])
def test_a_program_that_does_something_else_when_traced_is_no_witness(f, why, n):
    """Recorded, it is a constant: rules, SymPy and referee agreed on 0, and the right gradient was called wrong."""
    x = np.linspace(1.0, 2.0, n)
    result = dk.compare(f, x, methods=("forward", "reverse", "symbolic", "central", lambda x: 2 * x))
    assert result.agree is True, result.verdict
    assert result.row("reverse").status == "skipped" and why in result.row("reverse").note
    assert dk.compare(f, x, methods=("reverse", lambda x: 0 * x)).agree is False


def test_an_exception_that_cannot_say_what_it_is():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    def f(x):
        if x != 2.0:
            raise Mute
        return x * x

    result = dk.compare(f, 2.0, methods=("reverse", "forward", lambda x: 4.0))
    assert result.agree is not False


def test_odd_results_are_refused_by_name():
    class Own:
        pass

    loop = [1.0]
    loop.append(loop)
    assert dk.compare(lambda x: Own(), 2.0).kind == "REFUSED"
    with pytest.raises(dk.errors.InputError, match="holds itself"):
        dk.compare(lambda x: loop, 2.0)


LOST = """
    import sys, time
    from diffkit.comparison import guard
    guard._AGAIN = 0.1

    class Slow:
        def __del__(self):
            until = time.monotonic() + {seconds}
            while time.monotonic() < until:
                pass

    before = sys.unraisablehook
    try:
        with guard.Watch(60, 0.05):
            Slow()
            while True:
                pass
    except guard.Overtime as alarm:
        print(alarm.what)
    until = time.monotonic() + 10
    while sys.unraisablehook != before and time.monotonic() < until:
        time.sleep(0.01)
    print(sys.unraisablehook == before)
    {more}
"""


def run(program, **words):
    text = textwrap.dedent(program.format(**words))
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)


def test_an_alarm_lost_in_a_destructor_is_raised_again_and_prints_nothing():
    """The first alarm goes off while the destructor is running."""
    done = run(LOST, seconds=0.3, more="")
    assert (done.stdout, done.stderr) == ("stopped after 0.05 s\nTrue\n", "")


def test_what_else_goes_wrong_in_a_destructor_is_printed_as_ever():
    more = "Slow.__del__ = lambda self: 1 / 0; Slow()"
    done = run(LOST, seconds=0.0, more=more)
    assert "ZeroDivisionError" in done.stderr and "Overtime" not in done.stderr


def test_a_watch_that_an_outer_alarm_met_while_it_was_set_up_never_goes_off(monkeypatch):
    """Its thread lived on, and ended whatever the caller did seconds after the comparison."""
    class Outer(BaseException):
        pass

    class Interrupted(threading.Thread):
        def start(self):
            super().start()
            raise Outer

    monkeypatch.setattr(guard.threading, "Thread", Interrupted)
    with pytest.raises(Outer):
        Watch(0.05, 0.05).__enter__()
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        pass
