"""Gradient checkers side by side: planted errors caught, right gradients accused, kinks accepted.

    python -m comparisons.gradient_checkers            the table
    python -m comparisons.gradient_checkers --misses   and what each checker got wrong, by name
    python -m comparisons.gradient_checkers --wrappers diffkit.candidates on the installed libraries

Every checker is used as its documentation shows, with its default tolerances (SciPy's returns a
number; below 1e-6 of the gradient's size it counts as accepted, and a result with several entries
is projected onto fixed weights).  A raised error counts as a rejection.  Checkers that are not
installed print "-"; complex cases are skipped where a checker takes none.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.gradient_cases import Case, wrong
from comparisons.gradient_right import right

#: True: accepted, False: rejected, None: the checker does not take this kind of case.
Checker = Callable[[Case], bool | None]


def pulled(case: Case, g: Any, x: Any) -> Any:
    """The candidate as a pullback: g times its Jacobian, summed over the result's axes."""
    return np.tensordot(g, case.gradient(x), axes=np.ndim(g))


def diffkit(case: Case) -> bool | None:
    """diffkit with reverse mode beside the candidate, and its default witnesses."""
    return dk.compare(case.f, case.x, methods=("reverse", case.gradient)).agree is not False


def diffkit_black_box(case: Case) -> bool | None:
    """diffkit on evaluations of f alone, as for a function it can't record."""
    return dk.compare(case.f, case.x, methods=("central", case.gradient), referee=False,
                      budget=6.0).agree is not False


def torch_checker(fast: bool) -> Checker:
    """torch.autograd.gradcheck."""
    import torch

    def check(case: Case) -> bool | None:
        class Candidate(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return torch.as_tensor(np.array(case.f(x.detach().numpy())))

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                d = np.array(pulled(case, g.detach().numpy(), x.detach().numpy()))
                return torch.as_tensor(np.conj(d).copy()).to(x.dtype)  # torch conjugates

        x = torch.tensor(case.x, requires_grad=True)
        return bool(torch.autograd.gradcheck(Candidate.apply, (x,), fast_mode=fast))

    return check


def jax_checker() -> Checker:
    """jax.test_util.check_grads, reverse mode, first order."""
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)

    def check(case: Case) -> bool | None:
        out = np.asarray(case.f(case.x))
        like_out = jax.ShapeDtypeStruct(out.shape, out.dtype)

        @jax.custom_vjp
        def candidate(x: Any) -> Any:
            return jax.pure_callback(lambda x: np.asarray(case.f(np.asarray(x))).astype(out.dtype), like_out, x)

        def backward(x: Any, g: Any) -> Any:
            d = np.asarray(pulled(case, np.asarray(jax.device_get(g)), np.asarray(jax.device_get(x))))
            return (jax.numpy.asarray(d.astype(case.x.dtype)),)

        candidate.defvjp(lambda x: (candidate(x), x), backward)
        check_grads(candidate, (jax.numpy.asarray(case.x),), order=1, modes=["rev"])
        return True

    return check


def autograd_checker() -> Checker:
    """autograd.test_util.check_grads, reverse mode, first order."""
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    def check(case: Case) -> bool | None:
        candidate = primitive(lambda x: case.f(x))
        defvjp(candidate, lambda ans, x: lambda g: pulled(case, g, x))
        np.random.seed(0)  # autograd draws its direction from the global generator
        check_grads(candidate, modes=["rev"], order=1)(case.x)
        return True

    return check


def scipy_checker() -> Checker:
    """scipy.optimize.check_grad."""
    from scipy.optimize import check_grad

    def check(case: Case) -> bool | None:
        if np.iscomplexobj(case.x):
            return None
        shape, out = case.x.shape, np.asarray(case.f(case.x))
        weights = np.cos(np.arange(out.size) + 0.3).reshape(out.shape) if out.shape else np.float64(1)

        def f(x: Any) -> float:
            return float(np.sum(weights * case.f(x.reshape(shape).astype(case.x.dtype))))

        def gradient(x: Any) -> Any:
            return np.ravel(pulled(case, weights, x.reshape(shape).astype(case.x.dtype)))

        x = np.ravel(case.x).astype(float)
        return bool(check_grad(f, gradient, x) < 1e-6 * max(1.0, float(np.linalg.norm(gradient(x)))))

    return check


CHECKERS: dict[str, Callable[[], Checker]] = {
    "diffkit compare": lambda: diffkit,
    "diffkit, f alone": lambda: diffkit_black_box,
    "torch gradcheck": lambda: torch_checker(False),
    "torch, fast mode": lambda: torch_checker(True),
    "jax check_grads": jax_checker,
    "autograd check_grads": autograd_checker,
    "scipy check_grad": scipy_checker,
}


def ask(checker: Checker, case: Case) -> bool | None:
    """Accepted, rejected (an error counts) or not taken."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return checker(case)
        except Exception:  # this is how most checkers reject
            return False


def board(misses: bool) -> None:
    """Print the table."""
    bad, good = wrong(), right()
    kinks = [case for case in good if case.group == "kink"]
    single = [case for case in good if case.x.dtype == np.float32]
    double = len(good) - len(kinks) - len(single)
    print(f"{'':22}{'caught of ' + str(len(bad)):>16}{'false alarms of ' + str(double):>24}"
          f"{'in float32 of ' + str(len(single)):>22}{'kinks accepted of ' + str(len(kinks)):>24}{'seconds':>10}")
    for name, make in CHECKERS.items():
        try:
            checker = make()
        except ImportError:
            print(f"{name:22}{'-':>16}{'-':>24}{'-':>22}{'-':>24}{'-':>10}")
            continue
        start = time.perf_counter()
        missed = [case for case in bad if ask(checker, case) is not False]
        accused = [case for case in good if case.group != "kink" and ask(checker, case) is False]
        refused = [case for case in kinks if ask(checker, case) is False]
        low = sum(case.x.dtype == np.float32 for case in accused)
        print(f"{name:22}{len(bad) - len(missed):>16}{len(accused) - low:>24}{low:>22}{len(kinks) - len(refused):>24}"
              f"{time.perf_counter() - start:>10.1f}", flush=True)
        if misses:
            for word, cases in (("missed", missed), ("accused", accused), ("kink refused", refused)):
                for case in cases:
                    print(f"    {word}: {case.group}, {case.name}")


def wrappers() -> None:
    """One function in each installed library, wrapped as a candidate, next to diffkit's own gradient."""
    from diffkit import candidates

    x = np.array([0.3, -1.2, 0.8])
    found: list[Any] = []
    for name, module in (("jax", "jax.numpy"), ("torch", "torch"), ("autograd", "autograd.numpy")):
        try:
            namespace = __import__(module, fromlist=["sin"])
        except ImportError:
            print(f"{name}: not installed")
            continue

        def f(x: Any, m: Any = namespace) -> Any:
            return m.sum(m.sin(x) * x)

        found.append(getattr(candidates, name)(f))
    print(dk.compare(lambda x: np.sum(np.sin(x) * x), x, methods=("reverse", *found)))


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--misses", action="store_true", help="name what each checker got wrong")
    parser.add_argument("--wrappers", action="store_true", help="diffkit.candidates on the installed libraries")
    options = parser.parse_args()
    if options.wrappers:
        wrappers()
    else:
        board(options.misses)
    return 0


if __name__ == "__main__":
    sys.exit(main())
