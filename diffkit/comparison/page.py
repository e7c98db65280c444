"""A comparison as HTML: a fragment for notebooks, a self-contained page for a browser.

No script, no link, no font or image from elsewhere: the page can be mailed, archived and
opened offline.  Formulas are MathML, which browsers draw by themselves.
"""

from __future__ import annotations

from html import escape

from diffkit.comparison.report import HEADINGS, asides, cells, headline, label, remarks
from diffkit.comparison.result import Comparison

_TONES = {True: "right", False: "wrong", None: "open"}

_STYLE = """
.diffkit { --right: #1a7f37; --wrong: #cf222e; --open: #9a6700; --line: #d0d7de; --soft: #656d76; --back: #f6f8fa;
  font: 15px/1.5 system-ui, sans-serif; color: #1f2328; max-width: 62rem; }
.diffkit h1 { font-size: 1.15rem; font-weight: 600; margin: 0 0 1rem; overflow-wrap: anywhere; }
.diffkit .verdict { border-left: 5px solid var(--tone); background: var(--back);
  padding: .7rem 1rem; margin: 1rem 0; }
.diffkit .verdict b { color: var(--tone); margin-right: .5rem; }
.diffkit .right { --tone: var(--right); } .diffkit .wrong { --tone: var(--wrong); }
.diffkit .open { --tone: var(--open); }
.diffkit .wide { overflow-x: auto; }
.diffkit table { border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: 70%; background: none; }
.diffkit th, .diffkit td { padding: .3rem .8rem .3rem 0; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
.diffkit th { color: var(--soft); font-weight: 600; }
.diffkit th:nth-child(-n+2), .diffkit td:nth-child(-n+2) { text-align: left; }
.diffkit td:nth-child(2) { font-family: ui-monospace, monospace; font-size: .9em; }
.diffkit tr.wrong td { color: var(--wrong); } .diffkit tr.idle td { color: var(--soft); }
.diffkit dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 1rem 0; }
.diffkit dt { color: var(--soft); } .diffkit dd { margin: 0; overflow-wrap: anywhere; }
.diffkit code { font-family: ui-monospace, monospace; font-size: .9em; }
.diffkit .math { overflow-x: auto; padding: .2rem 0; }
.diffkit math { font-size: 1.1em; }
@media (prefers-color-scheme: dark) { .diffkit.page { --right: #3fb950; --wrong: #f85149; --open: #d29922;
  --line: #30363d; --soft: #8d96a0; --back: #161b22; color: #e6edf3; } body.diffkit-dark { background: #0d1117; } }
"""


def fragment(comparison: Comparison, kind: str = "") -> str:
    """The report as one element, with its style."""
    parts = [f"<style>{_STYLE}</style>", f'<div class="diffkit {kind}">', f"<h1>{escape(headline(comparison))}</h1>",
             f'<p class="verdict {_TONES[comparison.agree]}"><b>{escape(label(comparison))}</b>'
             f"{escape(comparison.verdict)}</p>"]
    if comparison.rows:
        parts.append('<div class="wide"><table><thead><tr>')
        parts += [f"<th>{escape(heading)}</th>" for heading in HEADINGS]
        parts.append("</tr></thead><tbody>")
        for row in comparison.rows:
            tone = {"ok": "", "wrong": ' class="wrong"'}.get(row.status, ' class="idle"')
            parts.append(f"<tr{tone}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(row)) + "</tr>")
        parts.append("</tbody></table></div>")
    rest = [(method, escape(remark)) for method, remark in asides(comparison)]
    formulas = (*comparison.expressions, *comparison.derivatives)
    for formula, drawn in zip(formulas, comparison.mathml):
        name = formula.split(" = ")[0]
        rest.append((name, f'<div class="math">{drawn}</div>'))
    drawn_texts = set(formulas[:len(comparison.mathml)])
    for heading, remark in remarks(comparison):
        if remark not in drawn_texts:
            body = escape(remark) if heading else f"<code>{escape(remark)}</code>"
            rest.append((heading, body))
    if rest:
        parts.append("<dl>" + "".join(f"<dt>{escape(term)}</dt><dd>{text}</dd>" for term, text in rest) + "</dl>")
    parts.append("</div>")
    return "\n".join(parts)


def page(comparison: Comparison) -> str:
    """A whole page."""
    title = escape(f"{comparison.function}: {label(comparison)}")
    return ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<title>{title}</title>\n</head>\n<body class="diffkit-dark" style="margin: 2rem">\n'
            f'{fragment(comparison, "page")}\n</body>\n</html>\n')
