"""A comparison as HTML: a fragment for notebooks, a self-contained page for a browser.

No script, no link, no font or image from elsewhere: the page can be mailed, archived and
opened offline.  Formulas are MathML and figures SVG, which browsers draw by themselves;
tooltips are the figures' own titles.  From above: the verdict, the methods, the figures
that show why, formulas, the recorded graph, everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from diffkit.comparison import figures, graph_drawing
from diffkit.comparison.evidence import Evidence
from diffkit.comparison.report import HEADINGS, asides, label, remarks, sized, table_cells
from diffkit.comparison.result import Comparison, Row
from diffkit.comparison.style import PAGE_STYLE, STYLE

TONES = {True: "right", False: "wrong", None: "open"}
SIGNS = {True: "✓", False: "✗", None: "?"}
_TIPS = {
    "derivative": "what the method says, abridged",
    "digits": "digits that agree with the referee at the worst entry (16 at most)",
    "error": "the method's own error: claimed by differences, measured rounding of the others",
    "f runs": "how often f was evaluated; a recorded run counts as one",
    "time / f": "time, as a multiple of one plain evaluation of f",
}


def fragment(comparison: Comparison, kind: str = "", style: bool = True, drawn: bool = True) -> str:
    """The report as one element, with its style sheet; ``drawn`` says whether it has figures."""
    parts = [f"<style>{STYLE}</style>"] if style else []
    parts += [f'<div class="diffkit {kind}">', *_head(comparison), *_table(comparison)]
    evidence = comparison.evidence if drawn and comparison.rows else Evidence()
    parts += [*_figures(evidence), *_formulas(comparison), *_rest(comparison, evidence), *_graph(evidence)]
    time = f"{comparison.seconds * 1e6:.3g} µs" if comparison.seconds < 0.1 else f"{comparison.seconds:.2g} s"
    parts += [f"<footer>one evaluation of f: {time} · seed {comparison.seed} · diffkit</footer>", "</div>"]
    return "\n".join(parts)


def page(comparison: Comparison) -> str:
    """A whole page."""
    return document(f"{comparison.function}: {label(comparison)}", fragment(comparison, "page", style=False))


def document(title: str, body: str) -> str:
    """A page around elements that share the style sheet."""
    return ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{escape(title)}</title>\n<style>{STYLE}{PAGE_STYLE}</style>\n</head>\n"
            f"<body>\n{body}\n</body>\n</html>\n")


def _head(comparison: Comparison) -> Iterable[str]:
    yield f'<h1>{escape(comparison.function)} <span class="at">at {escape(comparison.point)}</span></h1>'
    yield f'<p class="asked">f is <b>{escape(comparison.value)}</b>{escape(sized(comparison))}</p>'
    tone, sign = TONES[comparison.agree], SIGNS[comparison.agree]
    yield (f'<p class="verdict {tone}"><b>{sign} {escape(label(comparison))}</b>'
           f"<span>{escape(comparison.verdict)}</span></p>")


def _table(comparison: Comparison) -> Iterable[str]:
    if not comparison.rows:
        return
    yield '<div class="wide"><table><thead><tr>'
    for heading in HEADINGS:
        tip = f' title="{escape(_TIPS[heading])}"' if heading in _TIPS else ""
        yield f"<th{tip}>{escape(heading)}</th>"
    yield "</tr></thead><tbody>"
    for row, cells in zip(comparison.rows, table_cells(comparison)):
        yield _row(row, cells)
    yield "</tbody></table></div>"
    said = asides(comparison)
    if said:
        yield "<dl>"
        yield from (f"<dt>{escape(method)}</dt><dd>{escape(remark)}</dd>" for method, remark in said)
        yield "</dl>"


def _row(row: Row, cells: tuple[str, ...]) -> str:
    tone = {"ok": "", "wrong": " bad"}.get(row.status, " idle")
    texts = [escape(cell) for cell in cells]
    texts[0] = f"<span>{texts[0]}</span>"
    if row.digits is not None:
        few = "few" if row.digits < 6 else ""
        few = "none" if row.status == "wrong" else few
        texts[2] = f'<span class="meter"><i class="{few}" style="width: {row.digits / 16:.0%}"></i></span>' \
                   f'<span class="kept">{texts[2]}</span>'
    return (f'<tr class="f-{row.family}{tone}" title="{escape(row.note or row.family)}">'
            + "".join(f"<td>{text}</td>" for text in texts) + "</tr>")


def _figure(title: str, explained: str, drawn: str, classes: str = "") -> str:
    return (f'<figure class="{classes}"><figcaption>{escape(title)}<span>{escape(explained)}</span></figcaption>'
            f"{drawn}</figure>")


def _figures(evidence: Evidence) -> Iterable[str]:
    drawn: list[tuple[str, str, str]] = []
    broad = ""
    if evidence.profile is not None:
        name = evidence.profile.entry.rpartition(" by ")[2]
        charts = "".join(figures.beside(evidence.profile))
        if charts:
            broad = _figure("f beside the point", f"as {name} moves: from afar, and 65536 times nearer",
                            f'<div class="pair">{charts}</div>', "broad")
    if evidence.curve is not None and any(line.x for line in evidence.curve.lines):
        drawn.append((
            "Error against step size", f"at {evidence.curve.entry}: differences fall with the step until rounding "
            "takes over (solid central, dashed forward, dotted backward); every method's own error as a level",
            figures.v_curve(evidence.curve)))
    if evidence.entries is not None and any(line.x for line in evidence.entries.lines):
        drawn.append(("Error by entry", "every method against the reference; what is wrong is red",
                      figures.by_entry(evidence.entries)))
    if evidence.taylor is not None:
        drawn.append(("Taylor remainders", "what is left of f(x + hu) after f, its gradient, its Hessian: right ones "
                      f"leave lines of slope 1, 2, 3; u moves {evidence.taylor.direction}",
                      figures.remainders(evidence.taylor)))
    if broad or drawn:
        yield '<h2>Evidence</h2><div class="figures">'
        yield broad
        for number, (title, explained, chart) in enumerate(drawn, 1):
            alone = number == len(drawn) and number % 2 == 1
            yield _figure(title, explained, chart, "alone" if alone else "")
        yield "</div>"


def _formulas(comparison: Comparison) -> Iterable[str]:
    formulas = (*comparison.expressions, *comparison.derivatives)
    terms = []
    for formula, drawn in zip(formulas, comparison.mathml):
        terms.append((formula.split(" = ")[0], f'<div class="math">{drawn}</div>'))
    terms += [("", f"<code>{escape(formula)}</code>") for formula in formulas[len(comparison.mathml):]]
    if comparison.conditions:
        terms.append(("holds where", f"<code>{escape(' and '.join(comparison.conditions))}</code>"))
    if comparison.proof.sentence:
        terms.append(("proof", escape(comparison.proof.sentence)))
    if terms:
        yield '<h2>Formulas</h2><div class="formulas"><dl>'
        yield from (f"<dt>{escape(term)}</dt><dd>{text}</dd>" for term, text in terms)
        yield "</dl></div>"


def _rest(comparison: Comparison, evidence: Evidence) -> Iterable[str]:
    shown = {*comparison.expressions, *comparison.derivatives, comparison.proof.sentence,
             " and ".join(comparison.conditions)}
    rest = [(heading, remark) for heading, remark in remarks(comparison) if remark not in shown]
    rest += [("note", note) for note in evidence.notes]
    if rest:
        yield "<h2>Findings and notes</h2><dl>"
        yield from (f"<dt>{escape(heading)}</dt><dd>{escape(remark)}</dd>" for heading, remark in rest)
        yield "</dl>"


def _graph(evidence: Evidence) -> Iterable[str]:
    if evidence.graph is None:
        return
    marks = {one.mark for one in evidence.graph.operations}
    said = "the operations that f made, from its inputs to its result"
    if "blamed" in marks:
        said += "; the derivatives go wrong at the red one"
        said += "".join(f": {one.line}{f', {one.source}' if one.source else ''}" for one in evidence.graph.operations
                        if one.mark == "blamed" and one.line)
    if "kink" in marks:
        said += "; the amber ones sit on their edge"
    if evidence.graph.omitted:
        said += f"; {evidence.graph.omitted} others are left out"
    yield "<h2>Recorded program</h2>"
    yield _figure("The graph", said, f'<div class="wide">{graph_drawing.draw(evidence.graph)}</div>', "broad")
