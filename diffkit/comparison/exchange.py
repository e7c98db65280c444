"""Comparisons as strict JSON, and back.

JSON has no NaN, no infinity, no complex numbers and no arrays.  Floats that it lacks are
the strings "nan", "inf", "-inf" under a tag; arrays carry shape and dtype; containers
that JSON would confuse (tuples, dicts with odd keys) carry a tag as well; named tuples and
dataclasses are written as dicts, and come back as such.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import Any

import numpy as np

from diffkit.comparison.evidence import Curve, Entries, Evidence, Graph, Level, Line, Operation, Profile, Taylor
from diffkit.comparison.finding import Finding
from diffkit.comparison.result import Comparison, Proof, Row
from diffkit.errors import ComparisonError

FORMAT = "diffkit comparison 1"
_NUMBERS = re.compile(r"\[\n([-+.\deE,\s]+?)\n\s*\]")


def dumps(comparison: Comparison) -> str:
    """The comparison as text."""
    fields = {"format": FORMAT}
    for field in dataclasses.fields(comparison):
        if field.name != "measure":
            fields[field.name] = getattr(comparison, field.name)
    fields["evidence"] = comparison.evidence  # type: ignore[assignment]
    fields["rows"] = [_fields(row) for row in comparison.rows]  # type: ignore[assignment]
    fields["findings"] = [_fields(finding) for finding in comparison.findings]  # type: ignore[assignment]
    fields["proof"] = _fields(comparison.proof)  # type: ignore[assignment]
    text = json.dumps({key: _encode(value) for key, value in fields.items()}, indent=1, allow_nan=False)
    # A curve is a line of text, not a hundred; a newline inside a string is written as \\n, so none is touched.
    return _NUMBERS.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text)


def loads(text: str) -> Comparison:
    """The comparison that ``dumps`` wrote."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ComparisonError(f"this is not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ComparisonError("this JSON is not a comparison written by diffkit", f'"format": "{FORMAT}"')
    fields = {key: _decode(value) for key, value in data.items() if key != "format"}
    try:
        fields["rows"] = tuple(Row(**row) for row in fields["rows"])
        fields["findings"] = tuple(Finding(**{**f, "entries": tuple(f["entries"])}) for f in fields["findings"])
        fields["proof"] = Proof(**fields["proof"])
        evidence = _evidence(fields.pop("evidence"))
        fields["measure"] = lambda: evidence
        for name in ("expressions", "derivatives", "conditions", "notes", "shape", "latex", "mathml"):
            fields[name] = tuple(fields[name])
        return Comparison(**fields)
    except (KeyError, TypeError) as error:
        raise ComparisonError(f"this JSON lacks a part of a comparison: {error}") from None


def _evidence(data: dict[str, Any]) -> Evidence:
    """The evidence behind its plain containers."""
    def lines(found: Any) -> tuple[Line, ...]:
        return tuple(Line(**line) for line in found)

    curve, entries, taylor, profile, graph = (data[name] for name in ("curve", "entries", "taylor", "profile",
                                                                      "graph"))
    return Evidence(
        curve and Curve(**{**curve, "lines": lines(curve["lines"]),
                           "levels": tuple(Level(**level) for level in curve["levels"])}),
        entries and Entries(**{**entries, "lines": lines(entries["lines"])}),
        taylor and Taylor(**{**taylor, "lines": lines(taylor["lines"])}),
        profile and Profile(**{**profile, "lines": lines(profile["lines"])}),
        graph and Graph(tuple(Operation(**one) for one in graph["operations"]), graph["omitted"]),
        tuple(data["notes"]))


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _encode(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.ndarray):
        flat = value.reshape(-1)
        if value.dtype.kind in "fc":  # JSON's numbers are doubles
            flat = flat.astype(np.float64 if value.dtype.kind == "f" else np.complex128)
        return {"array": [_encode(item) for item in flat.tolist()], "shape": list(value.shape),
                "dtype": str(value.dtype)}
    if isinstance(value, np.generic):
        item = complex(value) if value.dtype.kind == "c" else value.item()
        item = float(item) if isinstance(item, np.longdouble) else item
        return {"number": _encode(item), "dtype": str(value.dtype)}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, complex):
        return {"complex": [_encode(value.real), _encode(value.imag)]}
    if isinstance(value, list):
        return [_encode(item) for item in value]
    if type(value) is tuple:
        return {"tuple": [_encode(item) for item in value]}
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and not _TAGS & set(value):
            return {key: _encode(item) for key, item in value.items()}
        return {"dict": [[_encode(key), _encode(item)] for key, item in value.items()]}
    if hasattr(value, "_fields"):
        return {name: _encode(getattr(value, name)) for name in value._fields}
    if dataclasses.is_dataclass(value):
        return {field.name: _encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return {"text": str(value)}


_TAGS = {"array", "number", "float", "complex", "tuple", "dict", "text"}


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.array([_decode(item) for item in value["array"]], value["dtype"]).reshape(value["shape"])
    if "number" in value:
        return np.dtype(value["dtype"]).type(_decode(value["number"]))
    if "float" in value:
        return float(value["float"])
    if "complex" in value:
        return complex(*(_decode(part) for part in value["complex"]))
    if "tuple" in value:
        return tuple(_decode(item) for item in value["tuple"])
    if "dict" in value:
        return {_decode(key): _decode(item) for key, item in value["dict"]}
    if "text" in value:
        return value["text"]
    return {key: _decode(item) for key, item in value.items()}
