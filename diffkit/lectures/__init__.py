"""The lecture notes made runnable: their worked examples, each by all four methods.

Five sets of notes are followed: Bischl, Sayrol, Straka, Laban and Ewing, one module each.  An
``Example`` holds the function as the notes write it, its point, and the numbers to find there,
with the slip of the notes where there is one (all of them: docs/errata.md).

    diffkit lectures                 the list
    diffkit lectures straka          the network of nine weights, its derivatives and its graph
    diffkit lectures sum-times --plot graph.svg
"""

from __future__ import annotations

from diffkit.lectures import bischl, ewing, laban, sayrol, straka
from diffkit.lectures.example import METHODS, Answer, Example, Inner, answers
from diffkit.lectures.graph import Graph, draw, graph
from diffkit.lectures.picture import plot

__all__ = ["EXAMPLES", "METHODS", "Answer", "Example", "Graph", "Inner", "answers", "draw", "graph", "plot"]

EXAMPLES = (*bischl.EXAMPLES, *sayrol.EXAMPLES, *straka.EXAMPLES, *laban.EXAMPLES, *ewing.EXAMPLES)
