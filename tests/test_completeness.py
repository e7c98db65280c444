"""Nothing is forgotten: every ufunc and every function of numpy.linalg and numpy.fft has its place."""

import inspect

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import UnknownFunctionError
from diffkit.rules import FUNCTIONS
from diffkit.rules.kinds import REFUSED, Rule

UFUNCS = sorted({name for name in dir(np) if isinstance(getattr(np, name), np.ufunc)})
LINALG = sorted(name for name in np.linalg.__all__ if inspect.isfunction(getattr(np.linalg, name)) or callable(
    getattr(np.linalg, name)))
FFT = sorted(np.fft.__all__)
# Not functions of an array.
NO_ARRAYS = {"LinAlgError", "test", "fftfreq", "rfftfreq"}


def places(function):
    """Where a function stands: as a row or a flat row, as a definition, or refused."""
    found = []
    if function in FUNCTIONS:
        answer = FUNCTIONS[function]
        found.append(answer.kind if isinstance(answer, Rule) else "definition")
    if function in REFUSED:
        found.append("refused")
    return found


@pytest.mark.parametrize("name", UFUNCS)
def test_ufunc_has_one_place(name):
    assert len(places(getattr(np, name))) == 1


@pytest.mark.parametrize("name", [name for name in LINALG if name not in NO_ARRAYS])
def test_linalg_function_has_one_place(name):
    assert len(places(getattr(np.linalg, name))) == 1


@pytest.mark.parametrize("name", [name for name in FFT if name not in NO_ARRAYS])
def test_fft_function_has_one_place(name):
    assert len(places(getattr(np.fft, name))) == 1


# How a refused function is called, where it is not by the value alone (or, a ufunc, by nin of them).
REFUSED_CALLS = {
    "busday_count": lambda f, x: f(x, "2020-01-01"), "busday_offset": lambda f, x: f(x, 1),
    "save": lambda f, x: f("never.npy", x), "savez": lambda f, x: f("never.npz", x),
    "savez_compressed": lambda f, x: f("never.npz", x), "savetxt": lambda f, x: f("never.txt", x),
    "shares_memory": lambda f, x: f(x, x), "may_share_memory": lambda f, x: f(x, x),
}


@pytest.mark.parametrize("function", list(REFUSED), ids=lambda function: function.__name__)
def test_refusals_name_the_function(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    args = (1.5,) * (function.nin if isinstance(function, np.ufunc) else 1)
    call = REFUSED_CALLS.get(function.__name__, lambda f, x: f(x, *args[1:]))
    with pytest.raises(UnknownFunctionError, match=function.__name__):
        dk.grad(lambda x: call(function, x))(np.float64(1.5))
    assert not list(tmp_path.iterdir())


# Creation, whose values don't matter, is answered by diffkit.buffers; structured arrays hold no traced values.
ELSEWHERE = {"full_like"}


@pytest.mark.parametrize("module", [np, np.linalg, np.fft, np.emath, np.lib.stride_tricks, np.polynomial.polynomial],
                         ids=lambda module: module.__name__)
def test_every_overridable_function_has_one_place(module):
    """Everything that NumPy lets others answer is answered or refused on purpose: nothing is overlooked."""
    overridable = {name: getattr(module, name) for name in dir(module)
                   if type(getattr(module, name)).__name__ == "_ArrayFunctionDispatcher"}
    assert len(overridable) >= 1
    lost = {name for name, function in overridable.items() if len(places(function)) != 1} - ELSEWHERE
    assert not lost


@pytest.mark.parametrize("function", [f for f in FUNCTIONS if callable(f) and not isinstance(f, np.ufunc)],
                         ids=lambda function: getattr(function, "__name__", "?"))
def test_definitions_take_numpys_arguments(function):
    """A definition has every parameter of NumPy's function: no keyword is unknown for want of care."""
    answer = FUNCTIONS[function]
    try:
        theirs = inspect.signature(function).parameters
        ours = inspect.signature(answer).parameters
    except ValueError:
        return  # a function written in C that doesn't tell
    if any(p.kind is p.VAR_KEYWORD for p in ours.values()):
        return
    named = {n for n, p in theirs.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    assert named - set(ours) <= {"like", "subok", "order", "device", "copy"}, f"{function} has {named - set(ours)}"
