"""The six figures of the report, each with a title, a caption and a text alternative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.evidence import RunEvidence
from autonomy.layers.arrays import Vector
from autonomy.layers.decision import Mode
from autonomy.report import series
from autonomy.report.axes import draw_bars, draw_stack, end_labels, legend, mode_legend, panels, rows, short, time_axis
from autonomy.report.palette import INK, light, strokes
from autonomy.report.quantity import count, percent, quantity
from autonomy.report.svg import canvas, fragment
from autonomy.report.verdict import LINE_RULES
from autonomy.report.week import BASELINE, OPTIMUM, Week, binding_week

MOST_POINTS = 240
"""Points per curve; longer series are averaged or thinned, and the caption says so."""
PANEL_IN = 1.55
NOTICEABLE_KW = 1e-3
"""kW, a watt: smaller changes are not interventions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A figure, ready for the page.

    Attributes:
        name: Identifier, used as its anchor.
        title: What it shows, a few words.
        caption: What to see in it.
        svg: The `<svg>` element, with the text alternative as its label.
    """

    name: str
    title: str
    caption: str
    svg: str


def figures(evidence: RunEvidence) -> tuple[Picture, ...]:
    """Return the figures of a run, in reading order; none when no step was run.

    Five show the week of `binding_week`, the cumulative saving shows all windows.
    """
    week = binding_week(evidence)
    if week is None:
        return ()
    draw: tuple[Callable[[RunEvidence, Week], Picture | None], ...] = (
        savings,
        dispatch,
        feeder,
        state_of_charge,
        prices,
        interventions,
    )
    pictures = (drawing(evidence, week) for drawing in draw)
    return tuple(picture for picture in pictures if picture is not None)


def savings(evidence: RunEvidence, week: Week) -> Picture | None:  # noqa: ARG001 - one signature for all figures
    """Draw what every policy has saved so far against grid-only, over all windows."""
    saved = series.cumulative_savings(evidence)
    against = BASELINE in evidence.policies
    days = series.elapsed_days(evidence.trajectories[evidence.policies[0]])
    style = strokes(evidence)
    shown = [policy for policy in evidence.policies if not (against and policy == BASELINE)]
    if not shown:
        return None
    step = series.block_size(days.size, 2 * MOST_POINTS)
    picked = np.unique(np.append(np.arange(0, days.size, step), days.size - 1))
    with canvas(3.6) as figure:
        axes = figure.add_subplot()
        for policy in shown:
            line = style[policy]
            axes.plot(days[picked], saved[policy][picked], color=line.color, linestyle=line.dash)
        axes.axhline(0.0, color=INK, linewidth=0.6, zorder=1)
        bounds = np.cumsum([run.time.size * run.timestep_h / 24 for run in evidence.trajectories[shown[0]]])
        for bound in bounds[:-1]:
            axes.axvline(float(bound), color=light("rule"), linewidth=0.6)
        axes.set_xlim(0, float(days[-1]))
        axes.set_xlabel(f"days, {count(len(evidence.windows), 'window')} one after the other")
        axes.set_ylabel(f"saved, {evidence.currency}" if against else f"minus cost, {evidence.currency}")
        end_labels(axes, [(policy, float(saved[policy][-1]), style[policy].color) for policy in shown])
        ends = "; ".join(f"{policy} {quantity(float(saved[policy][-1]))} {evidence.currency}" for policy in shown)
        what = "Saved against grid-only" if against else "Minus the cost"
        svg = fragment(figure, prefix="savings", description=f"{what} by the end of all windows: {ends}.")
    caption = (
        "Cost of grid-only minus cost of the policy, summed from the first step; higher is better. "
        "The dashed line is the dispatch found with perfect foresight. "
        if against and OPTIMUM in shown
        else f"{what}, summed from the first step; higher is better. "
    )
    caption += "Thin vertical lines separate windows; the value of the energy left in the batteries counts at each end."
    caption += f" Every {_ordinal(step)} step is drawn." if step > 1 else ""
    return Picture(name="savings", title="Cumulative saving", caption=caption, svg=svg)


def dispatch(evidence: RunEvidence, week: Week) -> Picture:
    """Draw where power came from (above) and went (below) under the cheapest policy."""
    policy = series.cheapest(evidence)
    run = evidence.trajectories[policy][week.window]
    block = series.block_size(week.stop - week.start, 400)
    flows = series.dispatch(run, week.span, block)
    edges = series.edges(run, week.span)
    edges = np.append(edges[:-1:block], edges[-1:])
    supply = (
        ("generation used", flows.generation_kw, "sun"),
        ("battery discharge", flows.discharge_kw, "green"),
        ("grid import", flows.imported_kw, "pale"),
    )
    use = (
        ("demand served", flows.consumption_kw, "blue"),
        ("battery charge", flows.charge_kw, "green"),
        ("grid export", flows.exported_kw, "purple"),
        ("line losses", flows.loss_kw, "grey"),
    )
    with canvas(4.2) as figure:
        axes = figure.add_subplot()
        handles = draw_stack(axes, edges, [*supply, ("generation curtailed", flows.curtailed_kw, "sun")], sign=1)
        handles += draw_stack(axes, edges, [*use, ("load shed", flows.shed_kw, "alarm")], sign=-1)
        axes.axhline(0.0, color=INK, linewidth=0.8)
        axes.set_ylabel("use   ←   kW   →   supply")
        axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        time_axis(axes, edges)
        legend(figure, handles)
        energy = [
            f"{label} {quantity(float(kw.sum()) * run.timestep_h * block, 0)} kWh" for label, kw, _ in (*supply, *use)
        ]
        description = f"Power of the community under {policy}, {week.label}: {', '.join(energy)}."
        svg = fragment(figure, prefix="dispatch", description=description)
    caption = (
        f"The policy {policy} (the cheapest one that does not see the future) in {week.label}. Supply stands above the "
        "line and use below it; the solid areas are equally high at every step. Hatched areas are what was cut: "
        "generation curtailed on top, load shed at the bottom."
    )
    if block > 1:
        caption += f" Averages of {block} steps."
    return Picture(name="dispatch", title="Where the power came from, and where it went", caption=caption, svg=svg)


def feeder(evidence: RunEvidence, week: Week) -> Picture:
    """Draw the feeder flow of every policy against the import and export limits."""
    style = strokes(evidence)
    baseline = evidence.trajectories[BASELINE][week.window] if BASELINE in evidence.policies else None
    shown = [policy for policy in evidence.policies if policy != BASELINE] or [BASELINE]
    words, broken = [], 0
    with canvas(0.6 + PANEL_IN * rows(shown)) as figure:
        for axes, policy in panels(figure, shown):
            run = evidence.trajectories[policy][week.window]
            edges = series.edges(run, week.span)
            flow = run.feeder_kw[week.span]
            if baseline is not None:
                axes.stairs(baseline.feeder_kw[week.span], edges, color=light("pale"), linewidth=0.9, baseline=None)
            axes.stairs(flow, edges, color=style[policy].color, linewidth=1.2, baseline=None)
            for limit in (-run.import_limit_kw, run.export_limit_kw):
                if np.isfinite(limit):
                    axes.axhline(limit, color=light("alarm"), linestyle=(0, (5, 3)), linewidth=0.9)
            marks = sorted(
                {t - week.start for t, v in run.violations if v.rule in LINE_RULES and week.start <= t < week.stop}
            )
            broken += len(marks)
            if marks:
                axes.plot(edges[marks], flow[marks], "x", color=light("alarm"), markersize=8, markeredgewidth=2)
            time_axis(axes, edges)
            axes.axhline(0.0, color=INK, linewidth=0.5)
            words.append(f"{policy} {quantity(float(flow.min()), 1)} to {quantity(float(flow.max()), 1)} kW")
        figure.supylabel("net export at the feeder, kW", fontsize="medium")
        limits = f"limits {quantity(-run.import_limit_kw, 1)} and {quantity(run.export_limit_kw, 1)} kW"
        description = f"Feeder flow in {week.label}, {limits}: {'; '.join(words)}."
        description += (
            f" Line limits were broken in {count(broken, 'step')}." if broken else " No line limit was broken."
        )
        svg = fragment(figure, prefix="feeder", description=description)
    caption = f"Net export of the community in {week.label}; negative is import. Dashed: the feeder's {limits}. "
    caption += f"Pale: {BASELINE}. " if baseline is not None else ""
    caption += (
        f"Crosses mark the {count(broken, 'step')} in which a line limit was broken."
        if broken
        else "A cross would mark a broken line limit; there is none in this week."
    )
    return Picture(name="feeder", title="Feeder flow against its limits", caption=caption, svg=svg)


def state_of_charge(evidence: RunEvidence, week: Week) -> Picture | None:
    """Draw the spread of the state of charge over all batteries, one panel a policy."""
    runs = {policy: evidence.trajectories[policy][week.window] for policy in evidence.policies}
    bands = {policy: series.soc_band(run, week.span) for policy, run in runs.items()}
    moving = {policy: band for policy, band in bands.items() if band is not None and np.ptp(band.median) > 0}
    still = [policy for policy, band in bands.items() if band is not None and policy not in moving]
    if not any(band is not None for band in bands.values()):
        return None
    shown = {policy: band for policy, band in bands.items() if band is not None and (policy in moving or not moving)}
    style = strokes(evidence)
    words = []
    with canvas(0.6 + PANEL_IN * rows(list(shown))) as figure:
        for axes, policy in panels(figure, list(shown)):
            band, color = shown[policy], style[policy].color
            edges = series.edges(runs[policy], week.span)
            thin = slice(None, None, series.block_size(edges.size, MOST_POINTS))
            axes.fill_between(edges[thin], 100 * band.low[thin], 100 * band.high[thin], color=color, alpha=0.15, lw=0)
            axes.fill_between(
                edges[thin], 100 * band.tenth[thin], 100 * band.ninetieth[thin], color=color, alpha=0.3, lw=0
            )
            axes.plot(edges[thin], 100 * band.median[thin], color=color)
            axes.set_ylim(-3, 103)
            time_axis(axes, edges)
            words.append(f"{policy} {percent(float(band.low.min()), 0)} to {percent(float(band.high.max()), 0)}")
        figure.supylabel("state of charge, %", fontsize="medium")
        description = f"State of charge of all batteries in {week.label}, smallest to largest: {'; '.join(words)}."
        svg = fragment(figure, prefix="soc", description=description)
    caption = (
        f"All batteries in {week.label}: the line is the median, the darker band holds the middle 80 % of "
        "the batteries, the paler band all of them."
    )
    every = series.block_size(week.stop - week.start + 1, MOST_POINTS)
    caption += f" Every {_ordinal(every)} step is drawn." if every > 1 else ""
    if still and moving:
        caption += f" Not drawn, because at least half of the batteries stand still: {', '.join(still)}."
    return Picture(name="soc", title="State of charge", caption=caption, svg=svg)


def prices(evidence: RunEvidence, week: Week) -> Picture:
    """Draw the clearing price of every policy between feed-in tariff and retail price."""
    style = strokes(evidence)
    unit = f"{evidence.currency}/kWh"
    first = evidence.trajectories[evidence.policies[0]][week.window]
    edges = series.edges(first, week.span)
    words = []
    with canvas(3.2) as figure:
        axes = figure.add_subplot()
        retail, feed_in = first.retail_price[week.span], first.feed_in_price[week.span]
        axes.stairs(retail, edges, baseline=feed_in, fill=True, color=light("pale"), alpha=0.25, linewidth=0)
        handles: list[Any] = [
            axes.stairs(retail, edges, color=INK, linewidth=0.8, baseline=None, label="retail price"),
            axes.stairs(
                feed_in, edges, color=INK, linewidth=1.0, linestyle=(0, (1, 1.5)), baseline=None, label="feed-in tariff"
            ),
        ]
        for position, policy in enumerate(evidence.policies):
            price = evidence.trajectories[policy][week.window].clearing_price[week.span]
            cleared = np.isfinite(price)
            if not cleared.any():
                continue
            # Later curves are thinner, so that the one below still shows where prices agree.
            width = 1.0 + 2.5 * (1 - (position + 1) / len(evidence.policies))
            color = style[policy].color
            handles.append(axes.stairs(price, edges, color=color, lw=width, label=short(policy), baseline=None))
            words.append(
                f"{policy} {quantity(float(price[cleared].min()), 3)} to {quantity(float(price[cleared].max()), 3)} "
                f"in {count(int(cleared.sum()), 'step')}"
            )
        axes.set_ylabel(f"price, {unit}")
        axes.set_ylim(0, max(float(retail.max()) * 1.08, 1e-6))
        time_axis(axes, edges)
        legend(figure, handles)
        tariff = (
            f"retail {quantity(float(retail.min()), 3)} to {quantity(float(retail.max()), 3)}, feed-in "
            f"{quantity(float(feed_in.min()), 3)} to {quantity(float(feed_in.max()), 3)} {unit}"
        )
        description = f"Prices in {week.label}: {tariff}. Clearing price: {'; '.join(words) or 'nothing was traded'}."
        svg = fragment(figure, prefix="prices", description=description)
    caption = (
        f"Clearing price between neighbours in {week.label}. The rule “price” keeps it between what the grid pays "
        "(dotted) and what it charges (solid), so a trade leaves neither side worse off. A gap means that nothing "
        "was traded."
        if words
        else f"Retail price and feed-in tariff in {week.label}; nothing was traded between neighbours."
    )
    return Picture(name="prices", title="Clearing price and tariffs", caption=caption, svg=svg)


def interventions(evidence: RunEvidence, week: Week) -> Picture | None:
    """Draw by how much the stack changed what each policy wanted, step by step, coloured by mode."""
    runs = {policy: evidence.trajectories[policy][week.window] for policy in evidence.policies if policy != OPTIMUM}
    if not runs:
        return None
    size = {policy: _sizes(run.intervention_kw[week.span]) for policy, run in runs.items()}
    modes = {policy: run.mode[week.span].astype(str) for policy, run in runs.items()}
    fallen = {policy: np.isin(modes[policy], [mode for mode in Mode if mode.is_fallback]) for policy in runs}
    quiet = [policy for policy in runs if not fallen[policy].any() and size[policy].max() <= NOTICEABLE_KW]
    shown = [policy for policy in runs if policy not in quiet] or list(runs)
    largest = max(float(values.max()) for values in size.values())
    top = min(largest, _battery_scale_kw(evidence)) or 1.0
    seen: set[str] = set()
    with canvas(0.9 + PANEL_IN * 0.85 * rows(shown)) as figure:
        for axes, policy in panels(figure, shown):
            edges = series.edges(runs[policy], week.span)
            seen |= draw_bars(axes, edges, np.minimum(size[policy], top), modes[policy], below=-0.1 * top)
            axes.set_ylim(-0.2 * top, 1.05 * top)
            time_axis(axes, edges)
        figure.supylabel("intervention, kW", fontsize="medium")
        mode_legend(figure, seen)
        words = "; ".join(
            f"{policy} changed in {count(int(np.count_nonzero(size[policy] > NOTICEABLE_KW)), 'step')}, "
            f"fallback in {count(int(fallen[policy].sum()), 'step')}"
            for policy in runs
        )
        svg = fragment(figure, prefix="interventions", description=f"Interventions in {week.label}: {words}.")
    caption = (
        f"How far the executed battery set-points are from what each policy wanted, in {week.label}, coloured by "
        "the mode of the decision. A triangle below the axis marks a fallback: the policy was overruled altogether."
    )
    if largest > top:
        caption += f" Bars are cut at {quantity(top, 0)} kW."
    if quiet:
        caption += f" Without any intervention in this week: {', '.join(quiet)}."
    return Picture(name="interventions", title="Interventions", caption=caption, svg=svg)


def _sizes(intervention_kw: Vector) -> Vector:
    """Return the sizes with 0 for NaN (the intent was no number, so it has no distance)."""
    sizes: Vector = np.where(np.isnan(intervention_kw), 0.0, intervention_kw)
    return sizes


def _battery_scale_kw(evidence: RunEvidence) -> float:
    """Return kW, the largest distance two feasible set-points can have: the sensible end of the axis."""
    community = evidence.community
    return float(np.linalg.norm(community.charge_limit_kw + community.discharge_limit_kw)) or 1.0


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
