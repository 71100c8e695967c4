"""Pictures of the dispatch benchmark: shares with their intervals, and cost against CO2 and against peak."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from autonomy.benchmark.dispatch.case import Execution
from autonomy.benchmark.dispatch.summary import ALL, Summary
from autonomy.report.palette import INK, SERIES, light
from autonomy.report.svg import canvas, fragment
from autonomy.rollout import OPTIMUM
from autonomy.run import BASELINE

Axes: TypeAlias = Any
"""A panel of matplotlib, which only `autonomy.report.svg` imports."""
SHARES_NAME, PARETO_NAME = "shares", "pareto"
LINE_IN = 0.26
"""Height of a line of the shares, inches."""
PANEL_IN = 3.4
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">")


class Drawn(NamedTuple):
    """Pictures for a page.

    Attributes:
        shares: The `<svg>` of the shares.
        pareto: The `<svg>` of cost against CO2 and against peak.
    """

    shares: str
    pareto: str


def draw(summaries: Sequence[Summary], folder: Path) -> Drawn:
    """Write both pictures as SVG and as PNG, and return them for a page."""
    safe = [one for one in summaries if one.execution != Execution.UNSHIELDED]
    communities = list(dict.fromkeys(one.community for one in safe))
    shown = [one for one in safe if one.policy not in (BASELINE, OPTIMUM)]
    names = list(dict.fromkeys(one.name for one in shown))
    with canvas(len(communities) * (LINE_IN * (len(names) + 1) + 0.5) + 0.3) as figure:
        panels: Any = figure.subplots(len(communities), 1, squeeze=False, sharex=True)
        for axes, community in zip(panels[:, 0], communities, strict=True):
            _shares(axes, community, [one for one in shown if one.community == community])
        panels[-1, 0].set_xlabel("share of the achievable saving, %, with its 95 % interval")
        described = "Share of the achievable saving of every policy, with its interval, by community."
        of_shares = _saved(figure, folder, SHARES_NAME, described)
    places = [name for name in communities if name != ALL]
    with canvas(PANEL_IN * len(places) + 0.8) as figure:
        panels = figure.subplots(len(places), 2, squeeze=False)
        compared = [one for one in safe if one.policy != BASELINE]  # so far off that the others would be one point
        styles = _styles(list(dict.fromkeys(one.name for one in compared)))
        for (left, right), community in zip(panels, places, strict=True):
            mine = [one for one in compared if one.community == community]
            _trade_off(left, community, mine, "co2_kg", "CO2 of grid imports, kg", styles)
            _trade_off(right, community, mine, "peak_import_kw", "highest import of a week, kW", styles)
        for name, style in styles.items():
            panels[0, 0].plot([], [], linestyle="", label=name, **style)
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        described = "Cost of every policy against CO2, and against the highest import, by community."
        return Drawn(of_shares, _saved(figure, folder, PARETO_NAME, described))


def _shares(axes: Axes, community: str, shown: Sequence[Summary]) -> None:
    axes.axvline(100.0, color=light("grey"), linewidth=0.8, linestyle="--")
    axes.axvline(0.0, color=light("grey"), linewidth=0.8, linestyle=":")
    for line, one in enumerate(shown):
        low, value, high = (100.0 * x for x in (one.share.low, one.share.value, one.share.high))
        axes.plot([low, high], [line, line], color=light("blue"), linewidth=2.2, solid_capstyle="butt")
        axes.plot([value], [line], "o", color=INK, markersize=4.0)
    axes.set_yticks(range(len(shown)), [one.name for one in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_title(community)


def _trade_off(
    axes: Axes, community: str, shown: Sequence[Summary], aim: str, label: str, styles: dict[str, dict[str, Any]]
) -> None:
    for one in shown:
        fill = styles[one.name]["color"] if one.is_on_front else "none"
        axes.plot([one.cost], [getattr(one, aim)], linestyle="", markerfacecolor=fill, **styles[one.name])  # fmt: skip
    axes.set_title(f"{community} (filled: on the front)")
    axes.set_xlabel("cost of all weeks")
    axes.set_ylabel(label)
    axes.grid(visible=True, axis="both")
    axes.margins(0.08)


def _styles(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "color": INK if name == OPTIMUM else light(SERIES[k % len(SERIES)]),
            "marker": "*" if name == OPTIMUM else MARKERS[k % len(MARKERS)],
            "markersize": 9.0 if name == OPTIMUM else 6.0,
        }
        for k, name in enumerate(names)
    }


def _saved(figure: Any, folder: Path, name: str, description: str) -> str:
    figure.savefig(folder / f"{name}.svg", facecolor="white", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", facecolor="white", dpi=150)
    return fragment(figure, prefix=name, description=description)
