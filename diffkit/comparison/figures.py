"""Charts as SVG text, drawn here: nothing is imported, nothing is fetched.

A chart is given as evidence (lines of numbers) and comes back as one ``<svg>`` element.
Colours are classes (``f-rules``, ``f-numeric``, ``bad``), so the page's style sheet decides
what they look like on a white, a black or a printed page.  Points carry a ``<title>``, which
browsers show as a tooltip; labels at lines are moved apart where they would overlap.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from html import escape

from diffkit.comparison.evidence import Curve, Entries, Level, Line, Profile, Taylor

_WIDTH, _HEIGHT = 540, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 148, 14, 44
#: From one line of a label to the next.
_LINE = 13.5
_DASHES = {"forward difference": "dashed", "backward difference": "dotted"}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclasses.dataclass(frozen=True)
class Axis:
    """One axis: from data to pixels."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool

    def __call__(self, value: float) -> float:
        at = math.log10(value) if self.logarithmic else value
        return self.start + (min(max(at, self.low), self.high) - self.low) / (self.high - self.low) * (
            self.stop - self.start)

    @property
    def unit(self) -> int:
        """The power of ten that is taken out of the numbers of an axis that is not logarithmic."""
        size = max(abs(self.low), abs(self.high))
        return 0 if self.logarithmic or size == 0 or 1e-2 <= size < 1e4 else math.floor(math.log10(size))

    def ticks(self) -> list[tuple[float, str]]:
        """Where to write, and what."""
        if self.logarithmic:
            step = max(1, math.ceil((self.high - self.low) / 6))
            first = math.ceil(self.low / step) * step
            return [(self(10.0**e), power(e)) for e in range(first, math.floor(self.high) + 1, step)]
        rough = (self.high - self.low) / 4
        unit = 10.0 ** math.floor(math.log10(rough))
        step_ = next(unit * k for k in (1, 2, 2.5, 5, 10) if unit * k >= rough * 0.99)
        first = math.ceil(self.low / step_)
        marks = [k * step_ for k in range(first, math.floor(self.high / step_) + 1)]
        return [(self(mark), plain(mark / 10.0**self.unit)) for mark in marks]


def power(exponent: int) -> str:
    """A power of ten as people write it.

    >>> power(-8), power(0)
    ('10⁻⁸', '1')
    """
    return "1" if exponent == 0 else "10" if exponent == 1 else "10" + str(exponent).translate(_SUPERSCRIPTS)


def plain(value: float) -> str:
    """A number on an axis.

    >>> plain(-0.25), plain(4e-6), plain(-1e-6)
    ('−0.25', '4·10⁻⁶', '−10⁻⁶')
    """
    sign = "−" if value < 0 else ""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{sign}{abs(value):.3g}"
    digits, exponent = f"{abs(value):.1e}".split("e")
    digits = digits.removesuffix(".0")
    return sign + (f"{digits}·" if digits != "1" else "") + power(int(exponent))


def size(value: float) -> str:
    """A positive number with one digit, for labels.

    >>> size(2.3e-16), size(0.5), size(1e-17)
    ('2·10⁻¹⁶', '0.5', '0')
    """
    if value <= 1e-17:
        return "0"
    if 1e-3 <= value < 1e4:
        return f"{value:.1g}" if value < 10 else f"{value:.0f}"
    digit, exponent = f"{value:.0e}".split("e")
    return (f"{digit}·" if digit != "1" else "") + power(int(exponent))


def _axes(lines: Sequence[Line], levels: Sequence[float], logarithmic: bool, right: float = _RIGHT,
          width: float = _WIDTH) -> tuple[Axis, Axis]:
    xs = [value for line in lines for value in line.x]
    ys = [value for line in lines for value in line.y] + list(levels)
    if logarithmic:
        xs, ys = [math.log10(v) for v in xs if v > 0], [math.log10(v) for v in ys if v > 0]
    low, high = min(ys, default=-1.0), max(ys, default=0.0)
    if logarithmic:
        low, high = max(math.floor(low), -17), min(math.ceil(high + 0.2), 300)
        high = max(high, low + 2)
    else:
        gap = (high - low) * 0.08 or abs(high) / 2 or 1.0
        low, high = low - gap, high + gap
    first, last = min(xs, default=0.0), max(xs, default=1.0)
    if first == last:
        first, last = first - 1, last + 1
    return (Axis(first, last, _LEFT, width - right, logarithmic),
            Axis(low, high, _HEIGHT - _BOTTOM, _TOP, logarithmic))


def _frame(x: Axis, y: Axis, x_label: str, y_label: str, x_ticks: Sequence[tuple[float, str]] | None = None) -> str:
    parts = []
    for at, text in y.ticks():
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{x.stop:.0f}" y1="{at:.1f}" y2="{at:.1f}"/>'
                     f'<text class="tick" x="{_LEFT - 7}" y="{at + 4:.1f}" text-anchor="end">{text}</text>')
    bottom = _HEIGHT - _BOTTOM
    for at, text in x.ticks() if x_ticks is None else x_ticks:
        parts.append(f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{bottom}" y2="{bottom + 4}"/>'
                     f'<text class="tick" x="{at:.1f}" y="{bottom + 17}" text-anchor="middle">{escape(text)}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{x.stop:.0f}" y1="{bottom}" y2="{bottom}"/>')
    x_label, y_label = (f"{text} (in {power(axis.unit)})" if axis.unit else text
                        for text, axis in ((x_label, x), (y_label, y)))
    middle = (_LEFT + x.stop) / 2
    parts.append(f'<text class="label" x="{middle:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(x_label)}'
                 f'</text><text class="label" transform="translate(13 {(_TOP + bottom) / 2:.0f}) rotate(-90)" '
                 f'text-anchor="middle">{escape(y_label)}</text>')
    return "".join(parts)


def _svg(body: str, title: str, width: float = _WIDTH) -> str:
    return (f'<svg class="chart" viewBox="0 0 {width} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
            f"{body}</svg>")


def _classes(line: Line | Level) -> str:
    return f"f-{line.family}" + (" bad" if line.wrong else "")


def _path(line: Line, x: Axis, y: Axis, tip: str, dots: bool = True) -> str:
    points = [(x(a), y(b)) for a, b in zip(line.x, line.y)]
    if not points:
        return ""
    route = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
    dash = _DASHES.get(line.name, "")
    marks = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="1.8"><title>{escape(line.name)}, {tip} {size(t)}: '
                    f"{size(v)}</title></circle>" for (a, b), t, v in zip(points, line.x, line.y)) if dots else ""
    return f'<g class="line {_classes(line)} {dash}"><path d="{route}"><title>{escape(line.name)}</title></path>' \
           f"{marks}</g>"


def _labels(wanted: Sequence[tuple[float, str, str, str]], left: float) -> str:
    """Texts (height, text, classes, tooltip) at the right, moved apart, joined to their height by a thin line."""
    order = sorted(wanted, key=lambda one: one[0])
    places = [one[0] for one in order]
    lines = max((text.count("\n") + 1 for _, text, _, _ in order), default=1)
    gap = min(_LINE * lines + 4 * (lines - 1), (_HEIGHT - _BOTTOM - _TOP) / max(len(order), 1))
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + gap)
    over = places[-1] + _LINE * (lines - 1) - (_HEIGHT - _BOTTOM) if places else 0
    if over > 0:
        places[-1] -= over
        for k in range(len(places) - 2, -1, -1):
            places[k] = min(places[k], places[k + 1] - gap)
    parts = []
    for place, (height, text, classes, tip) in zip(places, order):
        rows = "".join(f'<text x="{left + 13:.0f}" y="{place + 4 + _LINE * k:.1f}">{escape(row)}</text>'
                       for k, row in enumerate(text.split("\n")))
        parts.append(f'<g class="end {classes}"><title>{escape(tip)}</title>'
                     f'<path d="M{left:.0f} {height:.1f}L{left + 10:.0f} {place:.1f}"/>{rows}</g>')
    return "".join(parts)


def v_curve(curve: Curve) -> str:
    """Error against step: the V of each difference formula, each method's own error as a level."""
    x, y = _axes(curve.lines, [level.error for level in curve.levels], True)
    kind = "relative error" if curve.relative else "absolute error"
    parts = [_frame(x, y, f"step by which {curve.entry.rpartition(' by ')[2]} is moved", kind)]
    ends = []
    for level in curve.levels:
        at = y(level.error)
        parts.append(f'<line class="level {_classes(level)}" x1="{_LEFT}" x2="{x.stop:.0f}" '
                     f'y1="{at:.1f}" y2="{at:.1f}"><title>{escape(level.method)}: {size(level.error)}</title></line>')
        ends.append((at, f"{_cut(level.method, 13)} {size(level.error)}", _classes(level),
                     f"{level.method}: {kind} {level.error:.1e} at {curve.entry}"))
    parts += [_path(line, x, y, "step") for line in curve.lines]
    parts.append(_labels(ends, x.stop + 2))
    return _svg("".join(parts), f"error of differences against their step, at {curve.entry}")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most - 1] + "…"


def by_entry(entries: Entries) -> str:
    """Error by entry: a dot for each method."""
    count = len(entries.names)
    lines = [line for line in entries.lines if line.x]
    _, y = _axes(lines, [], True)
    x = Axis(-0.5, count - 0.5, _LEFT, _WIDTH - _RIGHT, False)
    short = [_cut(name.removeprefix("result"), 12) for name in entries.names]
    every = max(1, math.ceil(count / 6), math.ceil(count * max(map(len, short)) / 48))
    ticks = [(x(float(k)), short[k]) for k in range(0, count, every)]
    parts = [_frame(x, y, f"entry (worst of each {entries.bin})" if entries.bin > 1 else "entry", "relative error",
                    ticks)]
    ends = []
    spread = min(5.0, (x.stop - _LEFT) / count / max(len(lines), 1) * 0.8)
    for k, line in enumerate(lines):
        shift = spread * (k - (len(lines) - 1) / 2)
        dots = "".join(f'<circle cx="{x(a) + shift:.1f}" cy="{y(b):.1f}" r="{2.6 if count <= 60 else 1.7}">'
                       f"<title>{escape(entries.names[int(a)])}, {escape(line.name)}: {size(b)}</title></circle>"
                       for a, b in zip(line.x, line.y))
        parts.append(f'<g class="dots {_classes(line)}">{dots}</g>')
        ends.append((y(line.y[-1]), _cut(line.name, 18), _classes(line), f"{line.name}: at most {size(max(line.y))}"))
    parts.append(_labels(ends, x.stop + 2))
    return _svg("".join(parts), "error of every method by entry")


def remainders(taylor: Taylor) -> str:
    """Taylor remainders, each with what was taken away, its slope and the order that is expected."""
    x, y = _axes(taylor.lines, [], True, _RIGHT + 22)
    parts = [_frame(x, y, "h", "remainder of f(x + hu)")]
    ends = []
    for order, (line, slope, wanted) in enumerate(zip(taylor.lines, taylor.slopes, taylor.wanted)):
        shown = dataclasses.replace(line, family=f"order{order}" if not line.wrong else line.family)
        parts.append(_path(shown, x, y, "h ="))
        text = f"exact, order {wanted}" if slope is None else f"slope {slope:.2f}, expected {wanted}"
        ends.append((y(line.y[0]) if line.y else y.start, f"{_cut(line.name, 22)}\n{text}", _classes(shown),
                     f"what is left after {line.name}: {text}"))
    parts.append(_labels(ends, x.stop + 2))
    return _svg("".join(parts), "Taylor remainders against h")


def beside(profile: Profile) -> list[str]:
    """f as one input moves: from afar and from near, side by side."""
    drawn = []
    for line in profile.lines:
        if not line.x:
            continue
        x, y = _axes([line], [], False, right=14)
        name = profile.entry.rpartition(" by ")[2]
        zero = f'<line class="axis" x1="{x(0.0):.1f}" x2="{x(0.0):.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        dots = "".join(f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="2"><title>{name} {a:+.3g}: f {b:+.3g}</title>'
                       "</circle>" for a, b in zip(line.x, line.y))
        drawn.append(_svg(_frame(x, y, f"{name} moves by", "f moves by") + zero +
                          f'<g class="dots f-rules">{dots}</g>', f"f beside the point, {line.name}"))
    return drawn
