"""The window as the grid saw it, one column a policy: voltages, loading of lines, the model's error and its bound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from autonomy.benchmark.physics.run import Played
from autonomy.layers.arrays import Vector
from autonomy.report.palette import INK, light
from autonomy.report.svg import canvas

Axes: TypeAlias = Any
"""A panel of matplotlib, which only `autonomy.report.svg` imports."""
PICTURE_NAME = "physics"
PICTURES = frozenset({f"{PICTURE_NAME}.svg", f"{PICTURE_NAME}.png"})
HEIGHT_IN = 7.6
SMALLEST_KW = 5e-4
"""Where the logarithmic axis of the errors begins."""


def draw(shown: Sequence[Played], folder: Path) -> None:
    """Write the picture of one case under one policy or more, as SVG and as PNG."""
    with canvas(HEIGHT_IN) as figure:
        panels: Any = figure.subplots(3, len(shown), sharex=True, sharey="row", squeeze=False)
        for column, played in zip(panels.T, shown, strict=True):
            _voltages(column[0], played)
            _loading(column[1], played)
            _error(column[2], played)
            column[2].set_xlabel("day of the week" if _days(played)[-1] > 1 else "day")
        for axes, label in zip(
            panels[:, 0], ("voltage, per unit", "most loaded line, %", "kW at the feeder"), strict=True
        ):
            axes.set_ylabel(label)
        for axes in panels[:, -1]:
            axes.legend(loc="upper right", ncols=3, fontsize="small", borderaxespad=0.1)
        figure.savefig(folder / f"{PICTURE_NAME}.svg", facecolor="white", metadata={"Date": None})
        figure.savefig(folder / f"{PICTURE_NAME}.png", facecolor="white", dpi=120)


def _days(played: Played) -> Vector:
    """Return the start of each step in days since midnight of the first, and the end of the last."""
    steps = played.trajectory.time
    first = (steps[0] - steps[0].astype("datetime64[D]")) / np.timedelta64(1440, "m")
    days: Vector = float(first) + np.arange(steps.size + 1.0) * played.trajectory.timestep_h / 24.0
    return days


def _voltages(axes: Axes, played: Played) -> None:
    days, voltage = _days(played), played.opendss.voltage_pu
    low, high = (np.append(edge, edge[-1]) for edge in (voltage.min(axis=1), voltage.max(axis=1)))
    axes.fill_between(days, low, high, step="post", color=light("blue"), linewidth=0.5, label="all buses")
    axes.axhline(played.case.grid.grid_voltage_pu, color=INK, linewidth=0.7, label="grid")
    axes.set_title(f"{played.case.name}, {played.trajectory.policy}")
    reach = 1.35 * max(float(np.abs(voltage - 1.0).max()), 1e-3)
    lower, upper = axes.get_ylim()
    axes.set_ylim(min(lower, 1.0 - reach), max(upper, 1.0 + reach))


def _loading(axes: Axes, played: Played) -> None:
    days = _days(played)
    current, flow = (100.0 * table.max(axis=1) for table in (played.opendss.loading, played.model_loading))
    axes.stairs(current, days, color=light("vermillion"), linewidth=1.6, baseline=None, label="current, OpenDSS")
    axes.stairs(flow, days, color=INK, linewidth=0.7, baseline=None, label="flow, simulator")
    axes.axhline(100.0, color=light("alarm"), linestyle="--", linewidth=0.8, label="rating")
    axes.set_ylim(0.0, 118.0)


def _error(axes: Axes, played: Played) -> None:
    days, error = _days(played), played.band.error_kw
    axes.stairs(played.opendss.loss_kw, days, color=light("amber"), baseline=None, label="losses, OpenDSS")
    axes.stairs(error, days, color=light("pale"), fill=True, label="stated error")
    axes.stairs(played.feeder_difference_kw, days, color=INK, linewidth=0.7, baseline=None, label="difference")
    axes.set_yscale("log")
    axes.set_ylim(SMALLEST_KW, 30.0)
    axes.yaxis.set_major_formatter("{x:g}")
