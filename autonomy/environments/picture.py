"""A last day as a picture: powers, states of charge, the feeder between its limits, prices, and who decided.

Everything is drawn from a `Diary`; Matplotlib is loaded when a picture is asked for, without its global state.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from autonomy.environments.diary import Diary, Moment
from autonomy.layers.decision import Mode
from autonomy.report.palette import INK, MODES, RULE, light

SIZE_INCHES = (8.0, 8.0)
DOTS_PER_INCH = 100
HEIGHTS = (3.0, 2.0, 2.4, 2.0, 0.5)
"""Of the panels, from powers to modes."""
TICKS = 8
"""About how many hours are named."""


def draw(diary: Diary, *, title: str) -> NDArray[np.uint8]:
    """Return (H, W, 3) red, green, blue in 0..255: the steps of a diary from left to right.

    Args:
        diary: The steps; without any the panels are empty.
        title: What stands above.
    """
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.subplots(len(HEIGHTS), 1, sharex=True, height_ratios=HEIGHTS)
    moments = list(diary)
    figure.suptitle(title if not moments else f"{title}, step {moments[-1].step}", color=INK, fontsize=11)
    for panel in axes:
        _plain(panel)
    if moments:
        edges = np.arange(moments[0].step - 1, moments[-1].step + 1)
        _powers(axes[0], edges, moments)
        _charge(axes[1], edges, moments)
        _feeder(axes[2], edges, moments, _limits(diary))
        _prices(axes[3], edges, moments)
        _modes(axes[4], edges, moments)
        _hours(axes[4], edges, moments)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), dtype=np.uint8)[..., :3].copy()


def _powers(panel: Any, edges: NDArray[Any], moments: list[Moment]) -> None:
    battery = _column(moments, "battery_kw")
    panel.stairs(_column(moments, "pv_kw"), edges, fill=True, color=light("sun"), alpha=0.55, label="PV")
    panel.stairs(np.maximum(battery, 0.0), edges, fill=True, color=light("green"), alpha=0.7, label="charge")
    panel.stairs(np.minimum(battery, 0.0), edges, fill=True, color=light("purple"), alpha=0.7, label="discharge")
    panel.stairs(_column(moments, "demand_kw"), edges, baseline=None, color=INK, linewidth=1.6, label="demand")
    for field, color in (("curtail_kw", "vermillion"), ("shed_kw", "alarm")):
        values = _column(moments, field)
        if values.max() > 0:
            name = field.removesuffix("_kw")
            panel.stairs(values, edges, baseline=None, color=light(color), linewidth=1.6, linestyle=":", label=name)
    panel.set_ylabel("power, kW")
    _key(panel)


def _charge(panel: Any, edges: NDArray[Any], moments: list[Moment]) -> None:
    low, mean, high = 100.0 * np.array([moment.soc for moment in moments]).T
    panel.stairs(high, edges, baseline=low, fill=True, color=light("sky"), alpha=0.45, label="lowest to highest")
    panel.stairs(mean, edges, baseline=None, color=light("blue"), linewidth=1.6, label="whole community")
    panel.set_ylim(-3, 103)
    panel.set_ylabel("state of charge, %")
    _key(panel)


def _feeder(panel: Any, edges: NDArray[Any], moments: list[Moment], limits: tuple[float, float]) -> None:
    panel.stairs(_column(moments, "feeder_kw"), edges, baseline=0.0, fill=True, color=light("blue"), alpha=0.6)
    for name, value in zip(("import limit", "export limit"), limits, strict=True):
        if np.isfinite(value):
            panel.axhline(value, color=light("alarm"), linewidth=1.4, linestyle="--")
            panel.annotate(
                f"{name} {abs(value):.4g} kW", (0.995, value), xycoords=("axes fraction", "data"),
                xytext=(0, 2 if value >= 0 else -2), textcoords="offset points", ha="right",
                va="bottom" if value >= 0 else "top", fontsize=8, color=light("alarm"),
            )  # fmt: skip
    panel.axhline(0.0, color=INK, linewidth=0.8)
    panel.margins(y=0.2)
    panel.set_ylabel("feeder, kW\n+ = export")


def _prices(panel: Any, edges: NDArray[Any], moments: list[Moment]) -> None:
    panel.stairs(
        _column(moments, "retail_price"), edges, baseline=None, color=light("vermillion"), linewidth=1.6, label="retail"
    )
    panel.stairs(
        _column(moments, "feed_in_price"), edges, baseline=None, color=light("green"), linewidth=1.6, label="feed-in"
    )
    middle = edges[:-1] + 0.5
    panel.plot(middle, _column(moments, "price"), "o", color=light("purple"), markersize=4, label="between prosumers")
    panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))
    panel.set_ylabel("price,\ncurrency/kWh")
    _key(panel)


def _modes(panel: Any, edges: NDArray[Any], moments: list[Moment]) -> None:
    for left, moment in zip(edges, moments, strict=False):
        panel.axvspan(left, left + 1, color=light(MODES[moment.mode]), linewidth=0)
    panel.set_yticks([])
    panel.set_ylabel("mode", rotation=0, ha="right", va="center")
    present = [mode for mode in Mode if any(moment.mode is mode for moment in moments)]
    patches = [Patch(color=light(MODES[mode]), label=str(mode)) for mode in present]
    panel.legend(
        handles=patches, loc="upper left", bbox_to_anchor=(0.0, -0.75), ncols=len(patches), frameon=False, fontsize=8
    )


def _hours(panel: Any, edges: NDArray[Any], moments: list[Moment]) -> None:
    stride = max(1, -(-len(moments) // TICKS))
    places = range(0, len(moments), stride)
    panel.set_xticks(edges[:-1][::stride], [str(moments[k].time.astype("datetime64[m]"))[11:] for k in places])
    panel.set_xlim(edges[0], edges[-1])


def _limits(diary: Diary) -> tuple[float, float]:
    """Return the feeder's limits with their signs, kW: − import, + export."""
    network = diary.community.network
    root = int(np.argmin(network.parent))
    return -float(network.import_limit_kw[root]), float(network.export_limit_kw[root])


def _column(moments: list[Moment], field: str) -> NDArray[np.float64]:
    return np.array([getattr(moment, field) for moment in moments], dtype=np.float64)


def _plain(panel: Any) -> None:
    panel.grid(visible=True, axis="y", color=RULE, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(labelsize=8, colors=INK)
    panel.yaxis.label.set_size(9)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _key(panel: Any) -> None:
    panel.legend(
        loc="upper left", bbox_to_anchor=(0.0, 1.16), ncols=6, frameon=False, fontsize=8, handlelength=1.4,
        borderaxespad=0.0,
    )  # fmt: skip
