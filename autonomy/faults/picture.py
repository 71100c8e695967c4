"""The heat map: channels by kinds, one panel a controller for violations, one for what ours finds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from autonomy.faults.matrix import NONE, OURS
from autonomy.faults.result import Result
from autonomy.faults.row import Row, rows_by
from autonomy.faults.words import Channel, Kind
from autonomy.layers.arrays import Matrix
from autonomy.report.palette import INK, light
from autonomy.report.quantity import MISSING
from autonomy.report.svg import canvas

Axes: TypeAlias = Any
"""A panel of matplotlib, which only `autonomy.report.svg` imports."""
PICTURE_NAME = "heatmap"
ROW_IN, EXTRA_IN = 0.3, 0.75
"""Height of a row of cells, and of what a panel has besides, inches."""
NOTHING_TO_FIND = -1.0
"""In the place of a share, where the fault changed nothing."""
DARK = 0.6
"""Share from which the number of a cell is white."""


def draw(results: Sequence[Result], controllers: Sequence[str], folder: Path) -> None:
    """Write the heat map as SVG and as PNG."""
    faulty = [result for result in results if result.channel != NONE]
    channels = [channel.value for channel in Channel if any(result.channel == channel for result in faulty)]
    kinds = [kind.value for kind in Kind if any(result.kind == kind for result in faulty)]
    rows = rows_by(faulty, "controller", "channel", "kind")
    panels: list[tuple[str, str, str, Callable[[Row], float]]] = [
        (f"{name}: runs that broke a rule of the true physical state, %", name, "alarm", _violating)
        for name in controllers
    ]
    panels.append(
        (
            f"{OURS}: runs in which the fault was found, % of those that it changed ({MISSING}: it changed none)",
            OURS,
            "blue",
            _found,
        )
    )
    height = len(panels) * (ROW_IN * len(channels) + EXTRA_IN)
    with canvas(height) as figure:
        figure.set_layout_engine("constrained", h_pad=0.12)
        grid: Any = figure.subplots(len(panels), 1, squeeze=False)
        for axes, (title, name, color, share) in zip(grid[:, 0], panels, strict=True):
            cells = np.full((len(channels), len(kinds)), np.nan)
            for row in rows:
                if row.controller == name:
                    cells[channels.index(row.channel), kinds.index(row.kind)] = share(row)
            axes.set_title(title)
            _squares(axes, cells, color)
            _names(axes, channels, kinds)
        figure.savefig(folder / f"{PICTURE_NAME}.svg", facecolor="white", metadata={"Date": None})
        figure.savefig(folder / f"{PICTURE_NAME}.png", facecolor="white", dpi=150)


def _violating(row: Row) -> float:
    return row.violating / row.runs


def _found(row: Row) -> float:
    return row.detection_rate if row.effective else NOTHING_TO_FIND


def _squares(axes: Axes, cells: Matrix, color: str) -> None:
    """Draw a square a combination, pale for 0 and the colour for 1; a dash where the fault changed nothing."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415 - loaded by `canvas` already

    shades = LinearSegmentedColormap.from_list(color, ["#f4f6f8", light(color)])
    axes.pcolormesh(np.ma.masked_invalid(cells), cmap=shades, vmin=0.0, vmax=1.0, edgecolors="white", linewidth=1.5)
    for (row, column), share in np.ndenumerate(cells):
        if math.isnan(share):
            continue
        ink = "white" if share >= DARK else light("grey") if share <= 0 else INK
        text = hundredths(float(share)) if share != NOTHING_TO_FIND else MISSING
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=ink)


def hundredths(share: float) -> str:
    """Return a share in per cent; what is not none or all never reads as 0 or 100."""
    rounded = round(100 * share)
    return str(rounded if share in (0.0, 1.0) else min(max(rounded, 1), 99))


def _names(axes: Axes, channels: list[str], kinds: list[str]) -> None:
    axes.set_xticks(np.arange(len(kinds)) + 0.5, kinds)
    axes.set_yticks(np.arange(len(channels)) + 0.5, channels)
    axes.tick_params(length=0)
    axes.set_xlim(0, len(kinds))
    axes.set_ylim(len(channels), 0)
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)
