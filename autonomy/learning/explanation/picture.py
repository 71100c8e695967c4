"""The picture of an explanation: stacked panels over one time axis.

wanted and given ─ changed ─ which inputs ─ cost per hour ─ saved so far ─ state of charge ─ net load ─ prices
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.arrays import Vector
from autonomy.learning.explanation.explanation import Explanation
from autonomy.report.axes import time_axis
from autonomy.report.palette import INK, light
from autonomy.report.svg import canvas

Axes: TypeAlias = Any
"""A panel of matplotlib, which only `autonomy.report.svg` imports."""
Panel: TypeAlias = Callable[[Axes, NDArray[Any], Explanation], None]
NAME = "explanation"
COLORS = ("blue", "sky", "purple", "pale", "grey", "vermillion", "amber", "green", "alarm")
"""Of the groups, in their order."""
TOP_IN = 0.5


def draw(explanation: Explanation, folder: Path) -> None:
    """Write the picture as SVG and as PNG of 1200 pixels' width."""
    with canvas(height_in(explanation)) as figure:
        draw_panels(figure, explanation)
        figure.savefig(folder / f"{NAME}.svg", facecolor="white", metadata={"Date": None})
        figure.savefig(folder / f"{NAME}.png", facecolor="white", dpi=120)


def height_in(explanation: Explanation) -> float:
    """Return the height that the panels need, inches."""
    return TOP_IN + sum(height for height, _ in _panels(explanation))


def draw_panels(figure: Any, explanation: Explanation) -> None:
    """Draw all panels on an empty figure of that height."""
    panels = _panels(explanation)
    heights = [height for height, _ in panels]
    grid = figure.subplots(len(panels), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    step = np.timedelta64(round(explanation.timestep_h * 3600), "s")
    time = explanation.time.astype("datetime64[s]")
    edges = np.append(time, time[-1:] + step)
    for axes, (_, panel) in zip(grid, panels, strict=True):
        panel(axes, edges, explanation)
        axes.grid(visible=True, axis="x")
        time_axis(axes, edges)


def _panels(explanation: Explanation) -> list[tuple[float, Panel]]:
    inputs: list[tuple[float, Panel]] = [(2.6, _inputs)] if explanation.attribution is not None else []
    rest: list[tuple[float, Panel]] = [(1.5, _cost), (1.5, _saved), (1.2, _soc), (1.4, _load), (1.2, _prices)]
    return [(1.9, _wanted), (1.2, _changed), *inputs, *rest]


def _wanted(axes: Axes, edges: NDArray[Any], e: Explanation) -> None:
    axes.stairs(e.executed_kw, edges, fill=True, color=light("green"), alpha=0.55, label="given")
    axes.stairs(e.wanted_kw, edges, baseline=None, color=INK, linewidth=1.0, label="wanted")
    axes.axhline(0.0, color=INK, linewidth=0.6)
    _name(axes, "Battery power of the community, + = charge, kW")


def _changed(axes: Axes, edges: NDArray[Any], e: Explanation) -> None:
    layers = (
        ("battery powers moved", np.nan_to_num(e.moved_kw), "blue"),
        ("generation cut", e.curtailed_kw, "sun"),
        ("load cut", e.shed_kw, "alarm"),
    )
    _stack(axes, edges, layers)
    axes.set_ylim(0.0, max(1.05 * float(e.changed_kw.max()), 1.0))
    _name(axes, "Changed by the layers, kW")


def _inputs(axes: Axes, edges: NDArray[Any], e: Explanation) -> None:
    found = e.attribution
    if found is None:
        return
    kw = np.nan_to_num(found.kw)
    layers = [(name, kw[:, place], COLORS[place % len(COLORS)]) for place, name in enumerate(found.groups)]
    _stack(axes, edges, layers)
    rise = np.where(np.isnan(found.baseline_kw), np.nan, kw.sum(axis=1))
    axes.stairs(rise, edges, baseline=None, color=INK, linewidth=1.0, label="wanted less baseline")
    axes.axhline(0.0, color=INK, linewidth=0.6)
    _name(axes, "What each input adds, kW", columns=5)


def _cost(axes: Axes, edges: NDArray[Any], e: Explanation) -> None:
    for label, cost, color, dash in _accounts(e):
        axes.stairs(cost / e.timestep_h, edges, baseline=None, color=color, linestyle=dash, linewidth=1.1, label=label)
    axes.axhline(0.0, color=INK, linewidth=0.6)
    _name(axes, f"Cost per hour, {e.currency}")


def _saved(axes: Axes, edges: NDArray[Any], e: Explanation) -> None:
    for label, cost, color, dash in _accounts(e)[1:]:
        saved = np.append(0.0, np.cumsum(e.grid_only.step_cost - cost))
        axes.plot(edges, saved, color=color, linestyle=dash, label=label)
    axes.axhline(0.0, color=INK, linewidth=0.6)
    _name(axes, f"Saved so far against doing nothing, {e.currency}")


def _accounts(e: Explanation) -> list[tuple[str, Vector, str, str]]:
    found = [("doing nothing", e.grid_only.step_cost, light("grey"), "-")]
    found.append(("policy", e.account.step_cost, light("blue"), "-"))
    return found if e.optimum is None else [*found, ("optimum", e.optimum.step_cost, INK, "--")]


def _soc(axes: Axes, edges: NDArray[Any], e: Explanation) -> None:
    axes.plot(edges, 100.0 * e.soc, color=light("green"))
    axes.set_ylim(-3, 103)
    axes.set_title("State of charge of all batteries together, %")


def _load(axes: Axes, edges: NDArray[Any], e: Explanation) -> None:
    axes.stairs(e.load_kw, edges, fill=True, color=light("pale"))
    axes.axhline(0.0, color=INK, linewidth=0.6)
    axes.set_title("Net load of the homes, demand less available generation, kW")


def _prices(axes: Axes, edges: NDArray[Any], e: Explanation) -> None:
    axes.stairs(e.retail_price, edges, baseline=None, color=INK, linewidth=1.0, label="retail")
    axes.stairs(
        e.feed_in_price, edges, baseline=None, color=INK, linestyle=(0, (1, 1.5)), linewidth=1.0, label="feed-in"
    )
    axes.set_ylim(min(0.0, float(e.feed_in_price.min())), 1.08 * max(float(e.retail_price.max()), 1e-6))
    _name(axes, f"Prices, {e.currency}/kWh")


def _stack(axes: Axes, edges: NDArray[Any], layers: Sequence[tuple[str, Vector, str]]) -> None:
    """Stack (label, values, colour name) away from zero, what is positive upwards, what is negative downwards."""
    above, below = np.zeros((2, edges.size - 1))
    for label, values, color in layers:
        style = {"fill": True, "color": light(color), "linewidth": 0}
        top, bottom = above + np.maximum(values, 0.0), below + np.minimum(values, 0.0)
        axes.stairs(top, edges, baseline=above, label=label, **style)
        axes.stairs(bottom, edges, baseline=below, **style)
        above, below = top, bottom


def _name(axes: Axes, title: str, columns: int = 4) -> None:
    axes.set_title(title)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=columns,
        borderaxespad=0.1,
        handlelength=1.2,
        columnspacing=1.2,
        fontsize="small",
    )
