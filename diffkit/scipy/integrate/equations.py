"""solve_ivp and odeint: initial value problems under SciPy's names.

The explicit Runge-Kutta methods (RK45, RK23, DOP853) are differentiated step by step
(``stepping``), the others (Radau, BDF, LSODA and odeint) by the variational equation
(``flow``).  Derivatives exist by y0, ``args``, whatever the right-hand side captured, the
ends of the interval and the times at which the solution is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate as original

from diffkit import tree
from diffkit.buffers import plainly
from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.callables import Opened, as_tuple, opened, plain_call, plainest, vector
from diffkit.scipy.calls import prepared, primal
from diffkit.scipy.integrate.events import crossings, opened_events, plain_event
from diffkit.scipy.integrate.flow import flow, times_of
from diffkit.scipy.integrate.stepping import Trajectory, replay
from diffkit.scipy.jumps import refuse_jumps
from diffkit.traced import is_traced

__all__ = ["odeint", "solve_ivp"]

_EXPLICIT = {"RK45": original.RK45, "RK23": original.RK23, "DOP853": original.DOP853}
_OTHERS = {"Radau": original.Radau, "BDF": original.BDF, "LSODA": original.LSODA}


def solve_ivp(fun: Callable[..., Any], t_span: Any, y0: Any, method: Any = "RK45", t_eval: Any = None,
              dense_output: bool = False, events: Any = None, vectorized: bool = False, args: Any = None,
              **options: Any) -> Any:
    """Solve y' = fun(t, y, *args), scipy.integrate.solve_ivp.

    Differentiable by y0, ``args`` (containers too), what fun and the events captured, t_span and t_eval.

    Returns
    -------
    OdeResult
        t, y (n, len(t)), t_events, y_events and, with ``dense_output``, sol are differentiable; the rest
        is plain.

    Raises
    ------
    UnsupportedArgumentError
        (a TypeError) with ``events`` or ``dense_output`` of an implicit method; an event that the solution
        only touches; a right-hand side that jumps where the solution or a parameter says.

    Notes
    -----
    RK45, RK23, DOP853: the derivative of the computed solution, with the steps that were
    accepted held fixed.  Radau, BDF, LSODA: the variational equation by the same method and
    tolerances.  docs/decisions/0013 has the reasons.

    >>> import numpy as np, diffkit as dk
    >>> def end(k):
    ...     return solve_ivp(lambda t, y: -k * y, (0, 1), [1.0], rtol=1e-9, atol=1e-12).y[0, -1]
    >>> print(dk.grad(end)(2.0).round(7))                         # -exp(-2)
    -0.1353353

    A ball falls for sqrt(2 h / g):

    >>> def ground(t, y):
    ...     return y[0]
    >>> ground.terminal = True
    >>> def fall(h):
    ...     return solve_ivp(lambda t, y: np.stack([y[1], -10.0]), (0, 9), np.stack([h, 0.0]), events=ground).t[-1]
    >>> print(dk.grad(fall)(5.0).round(9))                        # 1 / sqrt(2 h g)
    0.1
    """
    own = () if args is None else tuple(args)
    inner, watched = opened(fun, own), opened_events(events, own)
    start, stop = t_span
    moving = [start, stop, *tree.flatten([y0, t_eval])[0]]
    if not (inner.is_traced or any(event.is_traced for event in watched) or any(map(is_traced, moving))):
        return original.solve_ivp(fun, t_span, y0, method, t_eval, dense_output, events, vectorized, args, **options)
    method = {**_EXPLICIT, **_OTHERS}.get(method, method)
    if watched and not isinstance(method, str) and method not in _EXPLICIT.values():
        raise UnsupportedArgumentError(
            f"solve_ivp with events= and method {method.__name__} is not differentiated",
            "method='RK45' or 'DOP853'; or the time of the event as the end of t_span: find it on plain values, and "
            "make it a function of the parameters by dk.implicit")
    y0 = vector(prepared(y0))
    t_eval = None if t_eval is None else prepared(t_eval)
    span = float(primal(start)), float(primal(stop))
    _check_times(t_eval, span)
    options = {name: _plain_option(name, value, args) for name, value in options.items()}
    plain = inner.at([primal(leaf) for leaf in inner.leaves])
    f = plain_call(plain, inner.leaves, "solve_ivp")
    if watched:
        given = [events] if callable(events) else events
        options.update(events=[plain_event(*pair) for pair in zip(given, watched)], dense_output=True)
    result = plainly(lambda: original.solve_ivp(f, span, primal(y0), method, vectorized=vectorized, **options))
    right = _right_side(inner, vectorized)
    _look(inner, right, result)
    ends = start if is_traced(start) else span[0], stop if is_traced(stop) else span[1]
    if method in _EXPLICIT.values():
        return _by_steps(method, right, inner, ends, y0, t_eval, dense_output, result, watched)
    if dense_output:
        raise UnsupportedArgumentError(f"solve_ivp with dense_output and method {method.__name__} is not "
                                       "differentiated", "t_eval, which may be differentiated by, or method='RK45'")
    return _by_flow(method, right, inner, ends, y0, t_eval, result, options)


def _plain_option(name: str, value: Any, args: Any) -> Any:
    """An option for the solver: plain, a Jacobian with its arguments bound."""
    if callable(value):
        held = opened(value, () if args is None else tuple(args))
        return held.at([primal(leaf) for leaf in held.leaves])
    return plainest(value)


def _check_times(t_eval: Any, span: tuple[float, float]) -> None:
    """SciPy's own complaints about t_eval."""
    if t_eval is None:
        return
    if t_eval.ndim != 1:
        raise ValueError("`t_eval` must be 1-dimensional.")
    times = primal(t_eval)
    if np.any(times < min(span)) or np.any(times > max(span)):
        raise ValueError("Values in `t_eval` are not within `t_span`.")
    distances = np.diff(times)
    if (span[1] > span[0] and np.any(distances <= 0)) or (span[1] < span[0] and np.any(distances >= 0)):
        raise ValueError("Values in `t_eval` are not properly sorted.")


def _right_side(inner: Opened, vectorized: bool) -> Callable[..., Any]:
    """f(t, y, *leaves) as a vector."""
    def right(t: Any, y: Any, *leaves: Any) -> Any:
        found = inner.at(leaves)(t, y[:, None] if vectorized else y)
        return vector(found)

    return right


def _look(inner: Opened, right: Callable[..., Any], result: Any) -> None:
    """Refuse a right-hand side with a jump that moves."""
    leaves = [primal(leaf) for leaf in inner.leaves]
    active = [i for i, leaf in enumerate(inner.leaves) if is_traced(leaf)]
    keep = np.unique(np.linspace(0, len(result.t) - 1, min(len(result.t), 100)).astype(int))
    path = [np.concatenate([[result.t[k]], result.y[:, k]]) for k in keep]
    if not np.iscomplexobj(result.y):
        refuse_jumps("solve_ivp", lambda z, *leaves: right(z[0] if not is_traced(z[0]) else primal(z[0]), z[1:],
                                                           *leaves), path, leaves, active, of_point=True)


def _by_steps(method: Any, right: Callable[..., Any], inner: Opened, ends: tuple[Any, Any], y0: Any, t_eval: Any,
              dense_output: bool, result: Any, watched: Sequence[Opened]) -> Any:
    f = lambda t, y: right(t, y, *inner.leaves)
    steps = result.t
    if result.status == 1:  # ended by an event, inside the last step
        steps = np.append(steps[:-1], result.sol.interpolants[-1].t)
    y, interpolants = replay(method, f, steps, ends, y0, dense_output or t_eval is not None or bool(watched))
    trajectory = Trajectory(steps, interpolants) if interpolants else None
    times = result.t
    if watched and trajectory is not None:
        result.t_events, result.y_events = _events(watched, trajectory, result)
    if t_eval is not None:
        sign = 1.0 if ends[1] >= ends[0] else -1.0
        reached = sign * primal(t_eval) <= sign * result.t[-1]
        times = t_eval if reached.all() else t_eval[reached]
        y = trajectory(times) if times.size and trajectory is not None else y[:, :0]
    elif any(map(is_traced, ends)):
        inside = result.t[1:-1]
        times = times_of(ends[0], times_of(ends[1], inside[::-1])[::-1])
    if trajectory is not None and result.status == 1 and t_eval is None:
        last = _ending(watched, result)
        times, y = np.append(times[:-1], last), np.concatenate([y[:, :-1], trajectory(last)[:, None]], axis=1)
    result.update(t=times, y=y, sol=trajectory if dense_output else None)
    return result


def _events(watched: Sequence[Opened], trajectory: Any, result: Any) -> tuple[list[Any], list[Any]]:
    found = [crossings(event, trajectory, times) for event, times in zip(watched, result.t_events)]
    return [times for times, _ in found], [ys for _, ys in found]


def _ending(watched: Sequence[Opened], result: Any) -> Any:
    """The time of the event that ended the solution."""
    return next(times[-1] for times in result.t_events if len(times) and primal(times)[-1] == result.t[-1])


def _by_flow(method: Any, right: Callable[..., Any], inner: Opened, ends: tuple[Any, Any], y0: Any, t_eval: Any,
             result: Any, options: dict[str, Any]) -> Any:
    if result.status < 0:
        raise UnsupportedArgumentError(f"the solver gave up, and its result is not differentiated: {result.message}",
                                       "another method, or other tolerances")
    asked = t_eval
    if asked is None:
        asked = result.t[1:]
        if is_traced(ends[1]):
            asked = times_of(ends[1], asked[:-1][::-1])[::-1]
    n, last = y0.size, float(result.t[-1])
    # Options about the shape of the Jacobian fit the equation itself, not the pair with its derivative.
    shaped = ("jac", "jac_sparsity", "lband", "uband")

    def solver(f: Callable[..., Any], times: Any, start: Any) -> Any:
        own = {name: value for name, value in options.items() if start.size == n or name not in shaped}
        for name in ("atol", "rtol"):
            if np.ndim(own.get(name, 0.0)):
                own[name] = np.resize(own[name], start.size)
        found = original.solve_ivp(f, (float(times[0]), last), start, method, times[1:], **own)
        if not found.success:
            raise UnsupportedArgumentError(f"the variational equation could not be solved: {found.message}",
                                           "another method, or other tolerances")
        return found.y.T

    y = flow(right, times_of(ends[0], asked), y0, inner.leaves, solver, "scipy.integrate.solve_ivp")
    y = y.T
    if t_eval is None:
        y, asked = np.concatenate([y0[:, None], y], axis=1), times_of(ends[0], asked)
    result.update(t=asked, y=y)
    return result


def odeint(func: Callable[..., Any], y0: Any, t: Any, args: Any = (), Dfun: Any = None, col_deriv: int = 0,
           full_output: int = 0, ml: Any = None, mu: Any = None, rtol: Any = None, atol: Any = None,
           tcrit: Any = None, h0: float = 0.0, hmax: float = 0.0, hmin: float = 0.0, ixpr: int = 0, mxstep: int = 0,
           mxhnil: int = 0, mxordn: int = 12, mxords: int = 5, printmessg: int = 0, tfirst: bool = False) -> Any:
    """Solve y' = func(y, t, *args) at the times t, scipy.integrate.odeint: shape (len(t), n).

    Differentiable by y0, t, ``args`` and what func captured, by the variational equation, which
    LSODA integrates together with y.

    >>> import numpy as np, diffkit as dk
    >>> t = np.array([0.0, 1.0])
    >>> print(dk.grad(lambda k: odeint(lambda y, t: -k * y, 1.0, t)[-1, 0])(2.0).round(6))    # -exp(-2)
    -0.135335
    """
    inner = opened(func, as_tuple(args))
    rest = {"ixpr": ixpr, "mxstep": mxstep, "mxhnil": mxhnil, "mxordn": mxordn, "mxords": mxords, "tcrit": tcrit,
            "h0": h0, "hmax": hmax, "hmin": hmin, "printmessg": printmessg, "rtol": rtol, "atol": atol}
    if not (inner.is_traced or any(map(is_traced, tree.flatten([y0, t])[0]))):
        return original.odeint(func, y0, t, args, Dfun, col_deriv, full_output, ml, mu, tfirst=tfirst, **rest)
    start, times = vector(prepared(y0)), prepared(t)
    rest = {name: plainest(value) for name, value in rest.items()}
    shaped = {"Dfun": None if Dfun is None else _plain_option("Dfun", Dfun, as_tuple(args)), "col_deriv": col_deriv,
              "ml": ml, "mu": mu}
    n, kept = start.size, []

    def right(t: Any, y: Any, *leaves: Any) -> Any:
        return vector(inner.at(leaves)(t, y) if tfirst else inner.at(leaves)(y, t))

    def solver(f: Callable[..., Any], times: Any, start: Any) -> Any:
        own = dict(rest, **shaped) if start.size == n else dict(rest)
        for name in ("atol", "rtol"):
            if np.ndim(own[name]):
                own[name] = np.resize(own[name], start.size)
        y, info = original.odeint(f, start, times, full_output=True, tfirst=True, **own)
        if info["message"] != "Integration successful.":
            raise UnsupportedArgumentError(f"odeint did not succeed: {info['message']}", "mxstep=, or solve_ivp")
        kept.append((y, info))
        return y[1:]

    # SciPy passes the Jacobian its own order of arguments.
    if shaped["Dfun"] is not None and not tfirst:
        given = shaped["Dfun"]
        shaped["Dfun"] = lambda t, y: given(y, t)
    y = flow(right, times, start, inner.leaves, solver, "scipy.integrate.odeint")
    plain, info = kept[0]
    path = [np.concatenate([[when], row]) for when, row in zip(primal(times), plain)]
    refuse_jumps("odeint", lambda z, *leaves: right(primal(z[0]), z[1:], *leaves), path,
                 [primal(leaf) for leaf in inner.leaves],
                 [i for i, leaf in enumerate(inner.leaves) if is_traced(leaf)], of_point=True)
    y = np.concatenate([start[None], y])
    return (y, info) if full_output else y
