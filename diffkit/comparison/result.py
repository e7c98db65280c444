"""What a comparison hands back: a row for each method, and the verdict over them.

A ``Comparison`` is plain data.  ``str`` draws it for a terminal, ``to_markdown``,
``to_html`` and ``to_json`` write the same fields elsewhere, and ``from_json`` reads them
back; the drawing lives in ``report.py``, ``page.py`` and ``exchange.py``.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from diffkit.comparison.finding import Finding

if TYPE_CHECKING:
    from diffkit.comparison.evidence import Evidence


@dataclasses.dataclass(frozen=True)
class Row:
    """One method's line.

    Attributes
    ----------
    method, family : str
        Its name, and the family that it shares code with: "rules", "symbolic", "numeric",
        "referee" or "user".
    value : Any
        The derivative, in f's containers, each leaf of shape ``out.shape + in.shape``;
        None if the method gave none.
    error : float or None
        The largest error over the entries: claimed by a numeric method, measured rounding
        of an exact one.
    digits : float or None
        Digits of agreement with the 50-digit referee at the worst entry (16 at most).
    evaluations : int or None
        How often f was run; a traced run counts as one.
    time : float or None
        Seconds, as a multiple of one plain evaluation of f.
    status : str
        "ok", "wrong", "skipped", "raised", "wrong shape" or "no answer".
    note : str
        Why it was skipped, or what it saw.
    abridged : str
        The derivative in a few numbers, for tables.
    """

    method: str
    family: str
    value: Any
    error: float | None
    digits: float | None
    evaluations: int | None
    time: float | None
    status: str = "ok"
    note: str = ""
    abridged: str = ""


@dataclasses.dataclass(frozen=True)
class Proof:
    """Whether SymPy shows that reverse mode's recorded gradient is its own derivative, for all inputs.

    ``proved`` is True, False (a counterexample) or None (not shown, or not tried); the
    sentence says which, and on which branch.
    """

    proved: bool | None
    sentence: str

    def __bool__(self) -> bool:
        return self.proved is True


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The outcome of :func:`compare`.

    Attributes
    ----------
    agree : bool or None
        True: no method is wrong.  False: one is.  None: can't be said (``kind`` says why).
    kind : str
        AGREE, AGREE-BUT-UNRESOLVED, ILL-CONDITIONED, KINK, PIECEWISE-CONSTANT, VERTICAL,
        JUMP, NOISY, CHAOTIC, INCONCLUSIVE, DISAGREE, NONDETERMINISTIC or REFUSED.
    verdict : str
        One sentence.
    rows : tuple of Row
    findings : tuple of Finding
        Everything seen: which method, which entries, what pattern, how many digits kept.
    expressions, derivatives, conditions : tuple of str
        f and its derivatives as formulas when they are small, and the path condition
        under which they hold.
    proof : Proof
    function, point, value : str
        f's name, the arguments and f's result, abridged.
    shape : tuple of int
        Entries of the result, entries of the moving arguments.
    notes : tuple of str
    seed : int
        Of the directions in which rounding was measured.
    seconds : float
        One plain evaluation of f, in seconds.
    measure : callable or None
        What ``evidence`` is asked of.

    Examples
    --------
    >>> import numpy as np, diffkit as dk
    >>> result = dk.compare(lambda x: np.sin(x[0]) * x[1], np.array([0.5, 2.0]))
    >>> result.agree, result.kind, [row.method for row in result.rows if row.family == "rules"]
    (True, 'AGREE', ['forward', 'reverse'])
    """

    kind: str
    agree: bool | None
    verdict: str
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    expressions: tuple[str, ...]
    derivatives: tuple[str, ...]
    conditions: tuple[str, ...]
    proof: Proof
    function: str
    point: str
    value: str
    shape: tuple[int, int]
    notes: tuple[str, ...]
    seed: int
    seconds: float
    latex: tuple[str, ...] = ()
    mathml: tuple[str, ...] = ()
    measure: Callable[[], Evidence] | None = dataclasses.field(default=None, repr=False, compare=False)

    @functools.cached_property
    def evidence(self) -> Evidence:
        """What there is to see: error curves, errors by entry, Taylor slopes, the recorded graph.

        It is measured at the first look, by about 150 evaluations of f on copies of the arguments that
        ``compare`` was given (none if f is slow), and kept; ``to_html`` and ``to_json`` look.
        """
        from diffkit.comparison.evidence import Evidence
        return self.measure() if self.measure is not None else Evidence()

    def __bool__(self) -> bool:
        raise TypeError("a Comparison is neither true nor false: ask .agree, which may also be None")

    def row(self, method: str) -> Row:
        """The row of a method; raises KeyError when there is none."""
        for row in self.rows:
            if row.method == method:
                return row
        raise KeyError(method)

    @property
    def table(self) -> str:
        """The table alone, as aligned text."""
        from diffkit.comparison.report import table_text
        return table_text(self)

    def __str__(self) -> str:
        from diffkit.comparison.report import text
        return text(self)

    def __repr__(self) -> str:
        return f"<Comparison of {self.function}: {self.kind}>"

    def _repr_html_(self) -> str:
        from diffkit.comparison.page import fragment
        return fragment(self)

    def to_html(self) -> str:
        """A self-contained page: no script, no link, no font from elsewhere."""
        from diffkit.comparison.page import page
        return page(self)

    def to_markdown(self) -> str:
        """The same as Markdown."""
        from diffkit.comparison.report import markdown
        return markdown(self)

    def to_json(self) -> str:
        """Strict JSON (numbers that JSON lacks are strings); :meth:`from_json` reads it back."""
        from diffkit.comparison.exchange import dumps
        return dumps(self)

    @classmethod
    def from_json(cls, text: str) -> Comparison:
        """A comparison as it was written by :meth:`to_json`.

        Raises ComparisonError when the text is something else.
        """
        from diffkit.comparison.exchange import loads
        return loads(text)
