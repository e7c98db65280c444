"""torch's stored values and gradients (see comparisons/make_training_references.py)."""

from __future__ import annotations

import json
import pathlib
from typing import Any

REFERENCES: dict[str, Any] = json.loads(
    (pathlib.Path(__file__).parents[1] / "data" / "training_references.json").read_text(encoding="utf-8"))
