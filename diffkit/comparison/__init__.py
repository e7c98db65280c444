"""Several methods on one question, a referee, and a verdict with evidence.

    problem      f, the point, and every derivative as one matrix
    methods      running a method; its error is measured or claimed     referee   50 digits
    allowance, affording, guard, waking   one clock for all, what it suffices for, and what is stopped
    tolerance    how far apart two right derivatives may be
    judge        who is right, entry by entry
    second_look  differences that stand alone: were their steps too large?
    elsewhere    errors that the point hides: candidates beside x
    patterns     what kind of error it is: a sign, a factor, transposed, one entry, a branch
    verdict      the kind, the sentence, the findings
    formulas     SymPy's part: expressions, path condition, proof
    result       Comparison and Row: plain data
    report, page, exchange   text and Markdown, HTML, JSON
    run          compare
"""

from diffkit.comparison.result import Comparison, Proof, Row
from diffkit.comparison.run import compare

__all__ = ["Comparison", "Proof", "Row", "compare"]
