"""A row of a batch as an executed step, for the invariants to judge.

before = snapshot(simulator)
outcome = simulator.step(intent)
broken = broken_rules(before, outcome, row)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Index
from autonomy.layers.decision import Cause, Decision
from autonomy.layers.invariants import Execution, Violation, violations
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
    series, step = before.series, int(before.row[row])
    size = before.world.community.n_prosumers
    return Execution(
        community=before.world.community_at(step),
        energy_before_kwh=before.energy_kwh[row],
        energy_after_kwh=outcome.energy_kwh[row],
        previous_battery_kw=before.battery_kw[row],
        battery_kw=outcome.battery_kw[row],
        pv_kw=series.pv_kw[step],
        demand_kw=series.demand_kw[step],
        curtail_kw=outcome.curtail_kw[row],
        shed_kw=outcome.shed_kw[row],
        net_export_kw=outcome.net_export_kw[row],
        line_downstream_kw=outcome.line_downstream_kw[row],
        line_upstream_kw=outcome.line_upstream_kw[row],
        trade_kw=outcome.trade_kw[row],
        price=float(outcome.price[row]),
        feed_in_price=np.full(size, series.feed_in_price[step]),
        retail_price=np.full(size, series.retail_price[step]),
        feeder_kw=float(outcome.feeder_kw[row]),
        loss_kw=float(outcome.loss_kw[row]),
    )


def broken_rules(before: Snapshot, outcome: BatchOutcome, row: int) -> tuple[Violation, ...]:
    """Return every rule that a row of a batch broke and did not announce."""
    found = violations(execution_of(before, outcome, row))
    decision = outcome.decided.one_by_one.get(row)
    return found if decision is None else unannounced(found, decision)


def unannounced(found: tuple[Violation, ...], decision: Decision) -> tuple[Violation, ...]:
    """Leave out ramp excursions that the decision announced: a harder limit came first, and it said so.

    A reason that names prosumers announces theirs only; one that names none announces everybody's.
    """
    announced = [reason.prosumers for reason in decision.reasons if reason.cause is Cause.RAMP_RELAXED]
    return tuple(
        violation
        for violation in found
        if violation.rule != "ramp" or not any(not hit or violation.index in hit for hit in announced)
    )
