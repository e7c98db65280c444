"""Numbers under numbers: the derivatives of a table's rows, with their decimal points below each other.

Rows are aligned that have the same form (as many numbers in the same brackets); what differs in one digit is
seen at once then, where ragged rows have to be read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

#: A real number; what belongs to a complex one is none, and is left as it is.
_NUMBER = re.compile(r"(?<![\w.+])[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)(?![\w.])(?![-+]\d)")


def aligned(texts: Sequence[str]) -> list[str]:
    """The same texts, padded with spaces.

    >>> aligned(["[2, -0.5]", "[-12.25, 3]", "skipped"])
    ['[  2,    -0.5]', '[-12.25,  3]', 'skipped']
    """
    forms = defaultdict(list)
    for place, text in enumerate(texts):
        if _NUMBER.search(text):
            forms[_NUMBER.sub("#", text)].append(place)
    result = list(texts)
    for places in forms.values():
        columns = list(zip(*(_NUMBER.findall(texts[place]) for place in places)))
        padded = list(zip(*map(_column, columns)))
        for place, numbers in zip(places, padded):
            result[place] = _filled(texts[place], numbers)
    return result


def _column(numbers: Sequence[str]) -> list[tuple[str, int]]:
    """Each number with spaces in front, and how many belong behind what follows it."""
    heads = [len(re.split(r"[.e]", number)[0]) for number in numbers]
    tails = [len(number) - head for number, head in zip(numbers, heads)]
    return [(" " * (max(heads) - head) + number, max(tails) - tail)
            for number, head, tail in zip(numbers, heads, tails)]


def _filled(text: str, numbers: Sequence[tuple[str, int]]) -> str:
    """The text with its numbers exchanged; the spaces behind a number come after its comma or bracket."""
    parts = _NUMBER.split(text)
    found = parts[0]
    for (number, behind), rest in zip(numbers, parts[1:]):
        mark = rest[:1] if rest[:1] in (",", "]") else ""
        found += number + mark + " " * behind + rest[len(mark):]
    return found.rstrip()
