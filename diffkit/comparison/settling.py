"""Two one-sided slopes, at steps of which each is the square of the one before: what do they show?

A gap between them that shrinks with the step was curvature; one that stays is a kink, and both slopes are
reported; slopes that grow without end belong to a jump or a vertical tangent, those that vanish are zero.
Numbers are mpmath's, of more digits than are promised.
"""

from __future__ import annotations

from typing import Any


def settled(looks: list[tuple[Any, Any]], tolerance: float) -> Any:
    """(value, left, right, kink) if the looks so far tell, else None.

    ``looks`` are slopes left and right of x, each pair at the square of the step before.
    """
    left, right = looks[-1]
    if left != left or right != right:      # NaN: outside the domain on that side, or f itself is NaN
        side = right if left != left else left
        if side != side or _infinite(side):
            return side, left, right, side == side
        if len(looks) > 1:
            before = looks[-2][1 if left != left else 0]
            if abs(side - before) <= tolerance ** 0.5 * abs(side):
                return side, left, right, True
            return _growth(looks, tolerance)
        return None
    mean, gap = (left + right) / 2, abs(right - left)
    if gap <= tolerance * abs(mean):
        return mean, left, right, False
    if len(looks) == 1:
        return None
    left0, right0 = looks[-2]
    gap0, mean0 = abs(right0 - left0), (left0 + right0) / 2
    small = tolerance ** 0.5
    if gap <= small * gap0:                 # curvature: it goes with the step
        if mean == 0 or abs(mean) <= small * max(abs(mean0), gap0):
            return mean * 0, mean * 0, mean * 0, False
        if abs(mean - mean0) <= tolerance * abs(mean):
            return mean, mean, mean, False
        return None
    if abs(left - left0) <= small * gap and abs(right - right0) <= small * gap:
        return mean, left, right, True
    return _growth(looks, tolerance)


def _growth(looks: list[tuple[Any, Any]], tolerance: float) -> Any:
    """Slopes that grow without end are infinite, those that vanish with the step zero."""
    import mpmath

    small = tolerance ** 0.5
    answer = []
    for now, before in zip(looks[-1], looks[-2]):
        if now == now and abs(now) > 1e9 * abs(before) > 0:
            answer.append(mpmath.mp.inf if now > 0 else mpmath.mp.ninf)
        elif now == now and abs(now) < small * abs(before):
            answer.append(now * 0)
        elif now != now or abs(now - before) <= small * abs(now):
            answer.append(now)
        else:
            return None
    left, right = answer
    mean = right if left != left else left if right != right else (left + right) / 2
    return mean, left, right, True


def _infinite(x: Any) -> bool:
    return bool(abs(x) == float("inf"))
