"""The series behind the figures, as plain arrays: what is drawn is derived here, from the evidence alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy.evidence import RunEvidence
from autonomy.layers.arrays import Vector
from autonomy.report.week import BASELINE, OPTIMUM
from autonomy.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Dispatch:
    """Where the community's power came from and went, (T,) kW, all >= 0.

        generation + discharge + imported = consumption + charge + exported + loss

    Attributes:
        generation_kw: Generation that was used, g − c.
        discharge_kw: Battery discharge.
        imported_kw: Import at the feeder.
        curtailed_kw: Generation that was cut; not part of the sum.
        consumption_kw: Demand that was served, d − s.
        charge_kw: Battery charge.
        exported_kw: Export at the feeder.
        loss_kw: Line losses.
        shed_kw: Demand that was not served; not part of the sum.
    """

    generation_kw: Vector
    discharge_kw: Vector
    imported_kw: Vector
    curtailed_kw: Vector
    consumption_kw: Vector
    charge_kw: Vector
    exported_kw: Vector
    loss_kw: Vector
    shed_kw: Vector


def dispatch(run: Trajectory, span: slice, block: int = 1) -> Dispatch:
    """Return the dispatch of the steps in `span`, averaged over blocks of `block` steps (which keeps the sum)."""

    def mean(values: Vector) -> Vector:
        return block_mean(values[span], block)

    return Dispatch(
        generation_kw=mean((run.pv_kw - run.curtail_kw).sum(axis=1)),
        discharge_kw=mean(np.maximum(-run.battery_kw, 0.0).sum(axis=1)),
        imported_kw=mean(np.maximum(-run.feeder_kw, 0.0)),
        curtailed_kw=mean(run.curtail_kw.sum(axis=1)),
        consumption_kw=mean((run.demand_kw - run.shed_kw).sum(axis=1)),
        charge_kw=mean(np.maximum(run.battery_kw, 0.0).sum(axis=1)),
        exported_kw=mean(np.maximum(run.feeder_kw, 0.0)),
        loss_kw=mean(run.loss_kw),
        shed_kw=mean(run.shed_kw.sum(axis=1)),
    )


def block_size(steps: int, most: int) -> int:
    """Return the smallest block that leaves at most `most` points of `steps`."""
    return max(-(-steps // most), 1)


def block_mean(values: Vector, block: int) -> Vector:
    """Return the mean of each block of consecutive values; the last block may be shorter."""
    if block == 1:
        return values
    starts = np.arange(0, values.size, block)
    sizes = np.diff(np.append(starts, values.size))
    means: Vector = np.add.reduceat(values, starts) / sizes
    return means


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class SocBand:
    """Spread of the state of charge over all batteries, (T + 1,) fractions, at the steps' boundaries.

    Attributes:
        low: Smallest.
        tenth: 10 % of the batteries are below.
        median: Half of the batteries are below.
        ninetieth: 90 % of the batteries are below.
        high: Largest.
    """

    low: Vector
    tenth: Vector
    median: Vector
    ninetieth: Vector
    high: Vector


def soc_band(run: Trajectory, span: slice) -> SocBand | None:
    """Return the band of state of charge over the steps in `span`; None when the community has no battery."""
    has_battery = run.capacity_kwh > 0
    if not has_battery.any():
        return None
    energy = run.energy_kwh[span.start : span.stop + 1][:, has_battery]
    soc = energy / run.capacity_kwh[has_battery]
    tenth, median, ninetieth = np.quantile(soc, [0.1, 0.5, 0.9], axis=1)
    return SocBand(low=soc.min(axis=1), tenth=tenth, median=median, ninetieth=ninetieth, high=soc.max(axis=1))


def cumulative_cost(runs: tuple[Trajectory, ...]) -> Vector:
    """Return (total steps + 1,) currency paid so far; each window's terminal value counts at its last step."""
    parts = [np.zeros(1)]
    for run in runs:
        step_cost = run.step_cost.astype(np.float64)
        if step_cost.size:
            step_cost[-1] -= run.terminal_value
        parts.append(step_cost)
    total: Vector = np.cumsum(np.concatenate(parts))
    return total


def elapsed_days(runs: tuple[Trajectory, ...]) -> Vector:
    """Return (total steps + 1,) days of simulated time, the windows one after the other."""
    hours = np.concatenate([np.zeros(1), *(np.full(run.time.size, run.timestep_h) for run in runs)])
    days: Vector = np.cumsum(hours) / 24.0
    return days


def cumulative_savings(evidence: RunEvidence) -> dict[str, Vector]:
    """Return for each policy the saving against grid-only so far; without grid-only, minus the cost."""
    costs = {policy: cumulative_cost(evidence.trajectories[policy]) for policy in evidence.policies}
    baseline = costs.get(BASELINE, np.zeros(1))
    return {policy: baseline - cost for policy, cost in costs.items()}


def cheapest(evidence: RunEvidence) -> str:
    """Return the policy with the lowest cost that is not the optimum (the one whose dispatch is shown)."""
    candidates = [policy for policy in evidence.policies if policy != OPTIMUM] or list(evidence.policies)
    return min(candidates, key=lambda policy: np.nan_to_num(evidence.kpis[policy].cost, nan=np.inf))


def edges(run: Trajectory, span: slice) -> NDArray[np.datetime64]:
    """Return (T + 1,) the boundaries of the steps in `span`."""
    step = np.timedelta64(round(run.timestep_h * 3600), "s")
    time = run.time[span].astype("datetime64[s]")
    return np.append(time, time[-1:] + step)
