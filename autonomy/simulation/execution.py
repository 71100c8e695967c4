"""What a batch executed, for the invariants to judge: one row of it, or all that have the same limits at once.

before = snapshot(simulator)
outcome = simulator.step(intent)
broken = all_broken_rules(before, outcome)
"""

from __future__ import annotations

from typing import NamedTuple

from autonomy.layers.arrays import Index
from autonomy.layers.invariants import Execution, Violation, are_held, unannounced, violations
from autonomy.series import Series
from autonomy.simulation.batch import BatchSimulator
from autonomy.simulation.decider import Stack
from autonomy.simulation.outcome import BatchOutcome
from autonomy.simulation.world import World


class Snapshot(NamedTuple):
    """What held when a step of B communities began.

    Attributes:
        world: Whose copies they are, and what changes.
        series: The data.
        row: (B,) steps of the series.
        energy_kwh: (B, N) kWh stored.
        battery_kw: (B, N) kW of the step before.
    """

    world: World
    series: Series
    row: Index
    energy_kwh: Stack
    battery_kw: Stack


def snapshot(simulator: BatchSimulator) -> Snapshot:
    """Return what holds now, safe from the steps to come and from new episodes."""
    return Snapshot(
        simulator.world,
        simulator.windows[0].series,
        simulator.row.copy(),
        simulator.energy_kwh.copy(),
        simulator.battery_kw.copy(),
    )


def execution_of(before: Snapshot, outcome: BatchOutcome, row: int) -> Execution:
    """Return the step that a row of a batch executed."""
    return _execution(before, outcome, row, int(before.row[row]))


def broken_rules(before: Snapshot, outcome: BatchOutcome, row: int) -> tuple[Violation, ...]:
    """Return every rule that a row of a batch broke and did not announce."""
    found = violations(execution_of(before, outcome, row))
    decision = outcome.decided.one_by_one.get(row)
    return found if decision is None else unannounced(found, decision)


def all_broken_rules(before: Snapshot, outcome: BatchOutcome) -> dict[int, tuple[Violation, ...]]:
    """Return, for each row of a batch that broke a rule and did not announce it, every such rule."""
    which = before.world.which(before.row)
    suspects: list[int] = []
    for number in set(which.tolist()):
        rows = (which == number).nonzero()[0]
        place = slice(None) if rows.size == which.size else rows
        held = are_held(_execution(before, outcome, place, int(before.row[rows[0]])))
        suspects += rows[~held].tolist()
    found = {row: broken_rules(before, outcome, row) for row in sorted(suspects)}
    return {row: broken for row, broken in found.items() if broken}


def _execution(before: Snapshot, outcome: BatchOutcome, rows: int | Index | slice, step: int) -> Execution:
    """Return what one row did, or what several did that all have the limits of a step of the series."""
    series, steps, x = before.series, before.row[rows], outcome
    return Execution(
        community=before.world.community_at(step),
        energy_before_kwh=before.energy_kwh[rows],
        energy_after_kwh=x.energy_kwh[rows],
        previous_battery_kw=before.battery_kw[rows],
        battery_kw=x.battery_kw[rows],
        pv_kw=series.pv_kw[steps],
        demand_kw=series.demand_kw[steps],
        curtail_kw=x.curtail_kw[rows],
        shed_kw=x.shed_kw[rows],
        net_export_kw=x.net_export_kw[rows],
        line_downstream_kw=x.line_downstream_kw[rows],
        line_upstream_kw=x.line_upstream_kw[rows],
        trade_kw=x.trade_kw[rows],
        price=x.price[rows],
        feed_in_price=series.feed_in_price[steps][..., None],
        retail_price=series.retail_price[steps][..., None],
        feeder_kw=x.feeder_kw[rows],
        loss_kw=x.loss_kw[rows],
    )
