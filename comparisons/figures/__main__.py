"""Make the gallery's pictures anew: every figure is run, and its picture written to docs/gallery.

Pictures are reduced to 256 colours, which makes them half as large.

    python -m comparisons.figures [NAME …]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
GALLERY = HERE.parents[1] / "docs" / "gallery"
#: Picture: the arguments of ``python -m`` that make it, but for its path.
PICTURES: dict[str, list[str]] = {
    **{f"{path.stem}.png": [f"comparisons.figures.{path.stem}"] for path in sorted(HERE.glob("*.py"))
       if path.stem not in ("__init__", "__main__", "shared")},
    "beale.gif": ["comparisons.figures.trajectories"], "straka.png": ["diffkit.cli", "lectures", "straka", "--plot"]}


def make(name: str) -> None:
    """Run what makes a picture, and reduce it."""
    target = GALLERY / name
    subprocess.run([sys.executable, "-m", *PICTURES[name], str(target)], check=True)
    if target.suffix == ".png":
        from PIL import Image

        with Image.open(target) as picture:
            reduced = picture.convert("RGB").quantize(256)
        reduced.save(target, optimize=True)


if __name__ == "__main__":
    GALLERY.mkdir(exist_ok=True)
    for wanted in sys.argv[1:] or PICTURES:
        print(f"--- {wanted}", flush=True)
        make(wanted)
