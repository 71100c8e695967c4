"""The learning curve as a table and as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autonomy.report.palette import SERIES, light
from autonomy.report.svg import canvas

CURVE = "curve"
FILES = tuple(f"{CURVE}.{kind}" for kind in ("csv", "svg", "png"))
HEIGHT_IN = 3.4


def write_table(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write `curve.csv`, one line a validation."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (folder / f"{CURVE}.csv").write_text(text.getvalue(), encoding="utf-8")


def draw(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], folder: Path, of: str = "of the achievable saving"
) -> None:
    """Draw shares over processor time, as SVG and PNG.

    Args:
        curves: By name, seconds and shares 0..1 of the validations.
        folder: Where to.
        of: What they are shares of.
    """
    with canvas(HEIGHT_IN) as figure:
        axes: Any = figure.subplots()
        for place, (name, (seconds, shares)) in enumerate(curves.items()):
            colour = light(SERIES[place % len(SERIES)])
            axes.plot(seconds, [100.0 * share for share in shares], marker="o", color=colour, label=name)
        axes.set_xlabel("processor time, s")
        axes.set_ylabel(f"validated share {of}, %")
        axes.legend()
        figure.savefig(folder / f"{CURVE}.svg", facecolor="white", metadata={"Date": None})
        figure.savefig(folder / f"{CURVE}.png", facecolor="white", dpi=150)
