"""What SymPy can say beyond this point: formulas, the path condition, a proof.

All of it is optional evidence.  A program that is too large to write down is left alone,
with its size in the answer; nothing here may hang or hide an error of its own.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.comparison.problem import Problem
from diffkit.comparison.result import Proof
from diffkit.errors import DiffkitError, SymbolicError

#: Formulas are shown up to this many characters each, and this many of them.
_LONGEST, _MOST = 300, 12
#: No proof is tried of more derivatives than this, and no program with larger expressions is written down.
_PROVED, _SIZE = 64, 2000


@dataclasses.dataclass(frozen=True)
class Formulas:
    """f, its derivatives, the path condition, and the proof; empty where there is none."""

    expressions: tuple[str, ...] = ()
    derivatives: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    latex: tuple[str, ...] = ()
    mathml: tuple[str, ...] = ()
    proof: Proof = dataclasses.field(default_factory=lambda: Proof(None, ""))


#: What is said instead of a proof at a kink, a jump, a vertical tangent.
SPECIAL = Proof(None, "could not be shown: at a point like this the recorded gradient holds for no other")


def formulas(problem: Problem, exact: bool, special: bool = False) -> Formulas:
    """SymPy's part of a comparison; ``exact`` says that symbolic is among the methods.

    Where the point is ``special`` nothing is proved: what holds there holds nowhere beside it.
    """
    if not exact:
        return Formulas()
    count = problem.rows * problem.columns
    if count > _PROVED:
        return Formulas(proof=Proof(None, f"not tried: {count} derivatives are more than the {_PROVED} that are "
                                          "written out"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _written(_in_double(problem), special)
        except DiffkitError as error:
            return Formulas(proof=Proof(None, f"not tried: {_first_line(error)}"))
        except Exception as error:  # SymPy's own trouble with an expression is no verdict on f
            return Formulas(proof=Proof(None, f"not tried: SymPy failed with {type(error).__name__}: "
                                              f"{_first_line(error)}"))


def _in_double(problem: Problem) -> Problem:
    """The question in double precision: a constant rounded to single is another constant in each derivation."""
    if not problem.low_precision:
        return problem
    raised = problem.raised()
    args, kwargs = raised.fresh()
    if any(np.finfo(leaf.dtype).eps > 1e-15 for leaf in map(np.asarray, tree.flatten(raised.f(*args, **kwargs))[0])
           if leaf.dtype.kind in "fc"):
        raise SymbolicError("f computes in single precision, where two derivations round their constants differently")
    return raised


def _first_line(error: BaseException) -> str:
    text = str(getattr(error, "what", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _written(problem: Problem, special: bool) -> Formulas:
    from diffkit import symbolic
    from diffkit.transforms import jacobian

    args, kwargs = problem.fresh()
    program = symbolic.expression(problem.f, *args, argnums=problem.argnums, limit=_SIZE, **kwargs)
    slopes = program.jacobian()
    conditions = tuple(dict.fromkeys(str(condition.relation) for condition in program.conditions))
    proof = SPECIAL
    if not special:
        args, kwargs = problem.fresh()
        recorded = symbolic.expression(jacobian(problem.f, problem.argnums, method="reverse"), *args,
                                       argnums=problem.argnums, limit=10 * _SIZE, **kwargs)
        proof = _proof(symbolic.prove_equal(_aside(recorded), _aside(slopes)), bool(conditions))
    outputs = [f"f{name}" for name in problem.outputs]
    symbols = [symbol for leaf in tree.flatten(program.symbols)[0] for symbol in np.ravel(np.asarray(leaf, object))]
    names = [f"d{f}/d{symbol}" for f in outputs for symbol in symbols]
    values, derivatives = _entries(program), _in_rows(problem, slopes)
    few = len(derivatives) <= _MOST
    lines = _lines(outputs, values) if few else ()
    if len(lines) < len(values):
        return Formulas(conditions=conditions, proof=proof)
    below = _lines(names, derivatives)
    both = [*values, *(derivatives if len(below) == len(derivatives) else ())]
    return Formulas(lines, below if len(below) == len(derivatives) else (), conditions, *_drawn(both), proof=proof)


def _aside(expression: Any) -> Any:
    """Counterexamples are sought a little beside the point: at a kink the two may follow different conventions."""
    point = {symbol: value * (1 + 0.001 * k) + 1e-5 * k for k, (symbol, value) in
             enumerate(expression.point.items(), start=1)}
    return dataclasses.replace(expression, point=point)


def _entries(expression: Any) -> list[Any]:
    return [entry for out in tree.flatten(expression.expressions)[0] for entry in np.ravel(np.asarray(out, object))]


def _in_rows(problem: Problem, slopes: Any) -> list[Any]:
    """The derivatives row by row, as the comparison's matrix has them."""
    blocks = [np.asarray(block, object) for block in tree.flatten(slopes.expressions)[0]]
    width, rows = len(problem.moving.leaves), []
    for number, out in enumerate(problem.outs):
        row = blocks[number * width:(number + 1) * width]
        rows.append(np.concatenate([block.reshape(out.size, -1) for block in row], axis=1))
    return list(np.concatenate(rows).reshape(-1))


def _lines(names: list[str], entries: list[Any]) -> tuple[str, ...]:
    """name = formula, as long as each is short enough."""
    lines = tuple(f"{name} = {entry}" for name, entry in zip(names, entries))
    return lines if all(len(line) <= _LONGEST for line in lines) else ()


def _drawn(entries: list[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """LaTeX and MathML of the formulas."""
    import sympy

    return tuple(sympy.latex(entry) for entry in entries), tuple(mathml(entry) for entry in entries)


def mathml(entry: Any) -> str:
    """One formula as a ``<math>`` element, cases with a brace.

    >>> import sympy
    >>> mathml(sympy.Symbol("x") - 1)
    '<math displaystyle="true"><mrow><mi>x</mi><mo>−</mo><mn>1</mn></mrow></math>'
    """
    from sympy.printing.mathml import MathMLPresentationPrinter

    class Printer(MathMLPresentationPrinter):  # type: ignore[misc]
        def _print_Piecewise(self, cases: Any) -> Any:
            table = self.dom.createElement("mtable")
            table.setAttribute("columnalign", "left")
            for value, condition in cases.args:
                row = self.dom.createElement("mtr")
                said = self.dom.createElement("mtext")
                said.appendChild(self.dom.createTextNode("otherwise" if condition == True else "if "))  # noqa: E712
                for parts in ([self._print(value)], [said, *([] if condition == True else  # noqa: E712
                                                             [self._print(condition)])]):
                    cell = self.dom.createElement("mtd")
                    for part in parts:
                        cell.appendChild(part)
                    row.appendChild(cell)
                table.appendChild(row)
            whole, brace = self.dom.createElement("mrow"), self.dom.createElement("mo")
            brace.appendChild(self.dom.createTextNode("{"))
            whole.appendChild(brace)
            whole.appendChild(table)
            return whole

    # SymPy writes names as they are, and a user's key may be "<b>".
    element = Printer()._print(entry)
    texts = [element]
    for node in texts:
        texts.extend(node.childNodes)
        if node.nodeType == node.TEXT_NODE:
            node.data = node.data.replace("<", "&lt;").replace(">", "&gt;")
    # And e as a double-struck letter and minus as a hyphen; neither is how people print them.
    drawn = element.toxml().replace("&ExponentialE;", "e").replace("\u2147", "e")
    return '<math displaystyle="true">' + str(drawn).replace("<mo>-</mo>", "<mo>\u2212</mo>") + "</math>"


def _proof(answer: bool | None, branch: bool) -> Proof:
    where = "all inputs on this branch" if branch else "all inputs"
    if answer:
        return Proof(True, f"SymPy proves that reverse's recorded gradient equals SymPy's own derivative for {where}")
    if answer is None:
        return Proof(None, "could not be shown: reverse's recorded gradient and SymPy's own derivative are equal "
                           "wherever they were evaluated, but SymPy did not reduce their difference to zero")
    return Proof(False, "refuted: reverse's recorded gradient and SymPy's own derivative differ somewhere among "
                        f"{where}")
