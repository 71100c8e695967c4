"""Parts of the figures: panels, stacked areas, bars, time axes, legends and labels, all on given matplotlib objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.arrays import Vector
from autonomy.layers.decision import Mode
from autonomy.report.palette import INK, MODES, light
from autonomy.report.quantity import quantity
from autonomy.report.svg import WIDTH_IN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_bars(axes: Axes, edges: NDArray[Any], height_kw: Vector, modes: NDArray[Any], *, below: float) -> set[str]:
    """Draw one bar a step in the colour of its mode, a triangle at `below` for each fallback; return what was drawn."""
    drawn: set[str] = set()
    for mode, name in MODES.items():
        chosen, color = modes == mode, light(name)
        tall = chosen & (height_kw > 0)
        if tall.any():
            axes.stairs(np.where(tall, height_kw, 0.0), edges, fill=True, color=color, linewidth=0)
        fallback = Mode(mode).is_fallback
        if fallback and chosen.any():
            axes.plot(edges[:-1][chosen], np.full(chosen.sum(), below), "^", color=color, markersize=3.2, mew=0)
        if tall.any() or (fallback and chosen.any()):
            drawn.add(mode)
    return drawn


def mode_legend(figure: Figure, seen: set[str]) -> None:
    """Explain the colours of the modes that were drawn, and the triangle."""
    from matplotlib.lines import Line2D  # noqa: PLC0415 - loaded by `canvas` already
    from matplotlib.patches import Patch  # noqa: PLC0415

    handles: list[Any] = [Patch(color=light(name), label=str(mode)) for mode, name in MODES.items() if mode in seen]
    handles.append(Line2D([], [], linestyle="", marker="^", color=INK, markersize=4, label="fallback"))
    legend(figure, handles)


def draw_stack(axes: Axes, edges: NDArray[Any], layers: list[tuple[str, Vector, str]], *, sign: int) -> list[Any]:
    """Stack areas away from zero, the last one hatched, and return them; layers that are zero are left out.

    Args:
        axes: Where to draw.
        edges: (T + 1,) boundaries of the steps.
        layers: (label, (T,) kW, colour name) from the axis outwards.
        sign: 1 to stack upwards, -1 to stack downwards.
    """
    base = np.zeros_like(layers[0][1])
    handles = []
    for position, (label, power_kw, name) in enumerate(layers):
        top = base + sign * power_kw
        if np.any(power_kw > 1e-9):
            cut = position == len(layers) - 1
            # Charge has the colour of discharge, paler: the same battery on the other side.
            pale = cut or (sign < 0 and name == "green")
            lower, upper = np.append(base, base[-1:]), np.append(top, top[-1:])
            form: dict[str, Any] = {"step": "post", "linewidth": 0, "label": label}
            area = axes.fill_between(edges, lower, upper, color=light(name), alpha=0.4 if pale else 0.75, **form)
            if cut:
                area = axes.fill_between(
                    edges, lower, upper, facecolor="none", edgecolor=light(name), hatch="////", **form
                )
            handles.append(area)
        base = top
    return handles


def rows(policies: list[str]) -> int:
    """Return the number of rows of panels."""
    return -(-len(policies) // 2) if len(policies) > 1 else 1


def panels(figure: Figure, policies: list[str]) -> list[tuple[Axes, str]]:
    """Return one panel a policy, two in a row, with common axes and the policy's name as title."""
    columns = 2 if len(policies) > 1 else 1
    figure.set_layout_engine("constrained", wspace=0.05)
    grid = figure.subplots(rows(policies), columns, sharex=True, sharey=True, squeeze=False)
    filled = list(zip(grid.flat, policies, strict=False))
    for axes, policy in filled:
        axes.set_title(short(policy))
    for spare in grid.flat[len(policies) :]:
        spare.set_axis_off()
    if len(policies) > 1 and len(policies) % 2:
        grid[-2, 1].tick_params(labelbottom=True)
    return filled


def time_axis(axes: Axes, edges: NDArray[Any]) -> None:
    """Label a time axis with days, or hours where it is short."""
    from matplotlib import dates  # noqa: PLC0415 - loaded by `canvas` already

    untyped: Any = dates
    locator = untyped.AutoDateLocator(minticks=3, maxticks=8)
    form = untyped.ConciseDateFormatter(locator, show_offset=False)
    form.formats = ["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%H:%M"]
    form.zero_formats = ["", "%b %Y", "%d %b", "%d %b", "%H:%M", "%H:%M"]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(form)
    axes.set_xlim(edges[0], edges[-1])


def legend(figure: Figure, handles: list[Any]) -> None:
    """Put the legend above the figure, in as few rows as its width allows."""
    widths = [34 + 5.8 * len(handle.get_label()) for handle in handles]
    columns = 1
    for candidate in range(len(handles), 1, -1):
        rows = -(-len(handles) // candidate)
        if sum(max(widths[i : i + rows]) for i in range(0, len(widths), rows)) <= 72 * WIDTH_IN:
            columns = candidate
            break
    figure.legend(handles=handles, loc="outside upper left", ncols=columns, handlelength=1.4, columnspacing=1.4)


def end_labels(axes: Axes, ends: list[tuple[str, float, str]]) -> None:
    """Write each curve's name and last value at the right edge, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    gap = (high - low) * 0.062
    ordered = sorted(ends, key=lambda end: end[1])
    places = [value for _, value, _ in ordered]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    shift = max(places[-1] - max(high, ordered[-1][1]), 0.0)
    for (policy, value, color), place in zip(ordered, places, strict=True):
        axes.annotate(
            f"{short(policy)}  {quantity(value)}",
            (1.0, place - shift),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=color,
        )


def short(policy: str, most: int = 28) -> str:
    """Return a policy's name; a long one (a path) keeps its end."""
    return policy if len(policy) <= most else f"…{policy[1 - most :]}"
