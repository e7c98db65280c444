"""What a traced value prints: readable in a loop, and never a number again by accident."""

import decimal
import json

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import LostDerivativeError, UnsupportedArgumentError

PERCENT, BRACES = "%.3f", "{:.2f}"

MODES = {
    "reverse": lambda f: dk.grad(f)(0.7),
    "forward": lambda f: dk.grad(f, method="forward")(0.7),
    "nested": lambda f: dk.derivative(f, n=2)(0.7),
    "symbolic": lambda f: dk.grad(f, method="symbolic")(0.7),
    "compiled": lambda f: dk.compile(dk.grad(f))(0.7),
    "series": lambda f: dk.taylor(f, 0.7, 2),
    "vmap": lambda f: dk.vmap(dk.grad(f))(np.array([0.7, 0.7])),
}


def said(run, capsys):
    run()
    return capsys.readouterr().out.splitlines()[-1]


def test_a_loop_that_prints_runs_and_is_readable(capsys):
    def newton(a):
        x = a
        for step in range(2):
            x = (x + a / x) / 2
            print(f"{step}: {x:8.4f} {x:<8.4f}|{x:.1e}|{x}|{a * np.ones(2)}|", format(x, "+.2f"),
                  BRACES.format(x), x)
        return x

    assert dk.grad(newton)(4.0) == pytest.approx(0.29, abs=1e-12)  # by hand: (1/2 + 4/2.5/4 - 4/2.5**2/2) / 2
    assert capsys.readouterr().out.splitlines() == [
        "0:  2.5000~ 2.5000~ |2.5e+00~|2.5~|[4. 4.]~| +2.50~ 2.50~ 2.5~",
        "1:  2.0500~ 2.0500~ |2.0e+00~|2.05~|[4. 4.]~| +2.05~ 2.05~ 2.05~"]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_prints(mode, capsys):
    text = said(lambda: MODES[mode](lambda x: [x * x, print(f"{x:.2f} {x}")][0]), capsys)
    assert text == {"vmap": "[0.70 0.70]~ [0.7 0.7]~"}.get(mode, "0.70~ 0.7~")


READERS = {
    "float": lambda x: float(f"{x}"),
    "float of digits": lambda x: float(f"{x:.3f}"),
    "str": lambda x: float(str(x)),
    "format": lambda x: float(BRACES.format(x)),
    "joined": lambda x: float(f" {x:8.3f} "),
    "split": lambda x: float(f"{x},{x}".split(",")[1]),
    "percent s": lambda x: float(PERCENT.replace(".3f", "s") % x),
    "percent f": lambda x: float(PERCENT % x),
    "int": lambda x: int(f"{x:.0f}"),
    "complex": lambda x: complex(f"{x}").real,
    "numpy": lambda x: np.float64(f"{x}"),
    "array": lambda x: np.array([f"{x}"], dtype=float)[0],
    "array text": lambda x: float(np.array2string(x)),
    "decimal": lambda x: float(decimal.Decimal(f"{x}")),
    "json": lambda x: json.loads(f"{x}"),
    "astype": lambda x: x.astype(str).astype(float),
    "astype bytes": lambda x: x.astype("S8").astype(float),
    "astype object": lambda x: x.astype(object),
    "stack": lambda x: np.stack([x, x], dtype=object)[0],
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("mode", ["reverse", "forward", "nested", "symbolic", "compiled"])
def test_a_printed_value_is_no_number_again(name, mode):
    """x**2 with a factor through text: the right derivative 1.4 or an error, never 0.7."""
    with pytest.raises((LostDerivativeError, UnsupportedArgumentError, ValueError, decimal.InvalidOperation)):
        MODES[mode](lambda x: READERS[name](x) * x)
    assert dk.grad(np.sin)(0.0) == 1  # levels are restored


def test_the_refusal_names_the_line_and_the_rewrite():
    with pytest.raises(LostDerivativeError, match="read from what was printed") as refusal:
        dk.grad(lambda x: float(f"{x:.3f}") * x)(0.7)
    assert "test_printed.py:" in refusal.value.where and "x itself" in refusal.value.want
    with pytest.raises(LostDerivativeError, match=r'"%\.3f" % x') as refusal:
        dk.grad(lambda x: x * len(PERCENT % x))(0.7)
    assert "test_printed.py:" in refusal.value.where and 'f"{x:.3f}"' in refusal.value.want


def test_integers_print_plainly_and_decide_the_path():
    def f(x):
        return {"W0": 2.0, "W1": 3.0}[f"W{np.argmax(x)}"] * x[0]

    for g in (dk.grad(f), dk.compile(dk.grad(f)), dk.grad(f, method="symbolic")):
        for _ in range(3):
            assert g(np.array([1.0, 0.0]))[0] == 2 and g(np.array([1.0, 2.0]))[0] == 3


def test_a_text_without_the_mark():
    assert dk.grad(lambda x: x * float(f"{dk.value(x):.1f}"))(0.5) == 0.5
