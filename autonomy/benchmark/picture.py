"""Latency against size, both logarithmic: one panel a topology, one line a method, each with its name at its end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from autonomy.benchmark.methods import EXACT
from autonomy.benchmark.projection import Results
from autonomy.benchmark.row import Outcome, Row
from autonomy.benchmark.write import PICTURE_NAME
from autonomy.layers.arrays import Vector
from autonomy.report.palette import INK, SERIES, light
from autonomy.report.quantity import duration
from autonomy.report.svg import canvas

Axes: TypeAlias = Any
"""A panel of matplotlib, which only `autonomy.report.svg` imports."""
PANEL_IN = 4.6
"""Height of a panel, inches."""
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">")
LABEL_GAP = 0.047
"""Least distance between two names, as a share of the panel's height."""


def draw(results: Results, folder: Path) -> None:
    """Write the picture as SVG and as PNG."""
    topologies = results.settings.topologies
    with canvas(PANEL_IN * len(topologies)) as figure:
        panels: Any = figure.subplots(len(topologies), 1, squeeze=False)
        for axes, topology in zip(panels[:, 0], topologies, strict=True):
            _panel(axes, topology, [row for row in results.rows if row.topology == topology], results)
        figure.savefig(folder / f"{PICTURE_NAME}.svg", facecolor="white", metadata={"Date": None})
        figure.savefig(folder / f"{PICTURE_NAME}.png", facecolor="white", dpi=150)


def styles(kinds: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return how each method is drawn, from its name and kind.

    Ours in thick ink and the floor in grey; each library has one colour and marker, and variants of it (called
    directly, used naively) are dashed.
    """
    families = list(dict.fromkeys(name.partition("-")[0] for name in kinds if not name.startswith((EXACT, "clip"))))
    drawn = {}
    for name, kind in kinds.items():
        family, _, variant = name.partition("-")
        if kind == "floor":
            drawn[name] = {"color": light("grey"), "linestyle": ":", "marker": "", "linewidth": 2.0}
        elif family == EXACT:
            drawn[name] = {"color": INK, "linestyle": "--" if variant else "-", "marker": "o", "linewidth": 2.2}
        else:
            place = families.index(family)
            color, dash = light(SERIES[place % len(SERIES)]), "-" if place < len(SERIES) else "-."
            marker = MARKERS[place % len(MARKERS)]
            drawn[name] = {"color": color, "linestyle": "--" if variant else dash, "marker": marker, "linewidth": 1.3}
    return drawn


def _panel(axes: Axes, topology: str, rows: Sequence[Row], results: Results) -> None:
    """Draw the slowest regime's charged median of every method; hollow where some answers were wrong."""
    shown = [row for row in rows if row.kind != "batch"]
    sizes = sorted({row.n for row in shown})
    ends: list[tuple[float, float, str, str]] = []
    for method, form in styles({row.method: row.kind for row in shown}).items():
        mine = [row for row in shown if row.method == method]
        points = [point for n in sizes if (point := _point([row for row in mine if row.n == n]))]
        if not points:
            continue
        axes.plot([n for n, _, _ in points], [s for _, s, _ in points], **{**form, "marker": ""})
        for n, seconds, good in points:
            fill = form["color"] if good else "white"
            axes.plot([n], [seconds], form["marker"], color=form["color"], markerfacecolor=fill, markersize=4.5)
        ends.append((points[-1][0], points[-1][1], method, form["color"]))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(f"{topology}: median latency of a solve, slowest regime (hollow: some answers were wrong)")
    limit = results.settings.time_limit_s
    axes.axhline(limit, color=light("alarm"), linewidth=0.8, linestyle="--")
    axes.annotate(
        f"time limit {limit:g} s",
        (0.0, limit),
        xycoords=("axes fraction", "data"),
        xytext=(4, 3),
        textcoords="offset points",
        color=light("alarm"),
    )
    axes.margins(x=0.02, y=0.06)
    axes.set_xlabel("prosumers N")
    axes.xaxis.set_ticks(sizes, [f"{n:,}" for n in sizes])
    axes.xaxis.set_ticks([], minor=True)
    axes.yaxis.set_major_formatter(lambda seconds, _: duration(seconds).replace(".00", "").replace(".0", ""))
    _names(axes, ends)


def _point(rows: Sequence[Row]) -> tuple[float, float, bool] | None:
    """Return size, latency and whether all answers were right, or None when nothing ran."""
    slow = [row.charged_p50_s for row in rows if not math.isnan(row.charged_p50_s)]
    good = all(row.outcome in (Outcome.RAN, Outcome.NOT_RUN) and row.right == row.judged for row in rows)
    return (float(rows[0].n), max(slow), good or rows[0].kind == "floor") if slow else None


def _names(axes: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each method's name in the right margin, with a line to the end of its own."""
    if not ends:
        return
    low, high = (math.log10(limit) for limit in axes.get_ylim())
    ordered = sorted(ends, key=lambda end: end[1])
    wanted = np.array([(math.log10(max(end[1], 1e-12)) - low) / (high - low) for end in ordered])
    for (size, seconds, method, color), place in zip(ordered, spread(wanted, LABEL_GAP), strict=True):
        axes.annotate(
            method,
            (size, seconds),
            xytext=(1.035, place),
            textcoords="axes fraction",
            va="center",
            color=color,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.5, "relpos": (0, 0.5), "shrinkB": 4},
            annotation_clip=False,
        )


def spread(wanted: Vector, gap: float) -> Vector:
    """Return ascending places at least `gap` apart, as near as can be (least squares) to ascending wanted ones.

    places − gap·(0, 1, 2, …) must not decrease: isotonic regression, by pooling neighbours that violate it.
    """
    steps = gap * np.arange(wanted.size)
    blocks: list[tuple[float, int]] = []
    for value in wanted - steps:
        blocks.append((float(value), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (mean, count), (last, more) = blocks[-2], blocks[-1]
            blocks[-2:] = [((mean * count + last * more) / (count + more), count + more)]
    level = np.repeat([mean for mean, _ in blocks], [count for _, count in blocks])
    return np.asarray(level + steps, dtype=np.float64)
