"""A window as plain numbers: what every statement of the optimal dispatch is written from, in the letters of the model.

Every limit has a number for every step, so whoever states the program needs to know neither timelines nor assets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autonomy.assets.step import community_at
from autonomy.assets.timeline import Timeline
from autonomy.economics import Economics
from autonomy.layers.arrays import Index, Mask, Vector, frozen
from autonomy.layers.community import Community
from autonomy.scenario import Scenario


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Facts:
    """T steps of N prosumers below M lines.

    Attributes:
        timestep_h: Hours, dt.
        demand_kw: (T, N) kW >= 0, d.
        pv_kw: (T, N) kW >= 0, g.
        retail_price: (T,) currency/kWh of imports.
        feed_in_price: (T,) currency/kWh of exports.
        carbon_cost_per_kwh: (T,) currency/kWh, what the CO2 of a kWh from the grid costs.
        month: (T,) number of the calendar month of each step, from 0.
        charge_limit_kw: (T, N) kW, P⁺; 0 while a car is away.
        discharge_limit_kw: (T, N) kW, P⁻; 0 while a car is away.
        energy_min_kwh: (T, N) kWh, emin: nobody discharges below it.
        energy_max_kwh: (T, N) kWh, emax: nobody charges above it.
        charge_efficiency: (N,) ec.
        discharge_efficiency: (N,) ed.
        retention: (N,) a, what a step leaves of what is stored.
        capacity_kwh: (N,) kWh.
        ramp_limit_kw: (N,) kW a step, R; inf for none.
        connection_limit_kw: (N,) kW, K; inf for none.
        line_import_kw: (T, M) kW, Limp less the worst-case losses; inf for none.
        line_export_kw: (T, M) kW, Lexp; inf for none.
        below: For each line, the prosumers below it.
        feeder: Which line hangs on the grid.
        energy_kwh: (N,) kWh stored before the first step.
        battery_kw: (N,) kW, + = charge, in the step before the first.
        drive_kwh: (T, N) kWh that a car has used since it left, taken from it at the start of the step it is back in.
        road_floor_kwh: (N,) kWh: what a drive takes below this was charged on the way.
        leaving_with_kwh: (T, N) kWh that a car must hold at the end of the step it leaves after; -inf for none.
        economics: Prices that are not tariffs.
        terminal_price: Currency per kWh stored at the end.
        curtail_price_per_kwh: Currency per kWh curtailed. The simulator charges nothing for it; comparisons of solvers
            do, because a price on it is what makes a linear program burn surplus in a battery.
    """

    timestep_h: float
    demand_kw: Vector
    pv_kw: Vector
    retail_price: Vector
    feed_in_price: Vector
    carbon_cost_per_kwh: Vector
    month: Index
    charge_limit_kw: Vector
    discharge_limit_kw: Vector
    energy_min_kwh: Vector
    energy_max_kwh: Vector
    charge_efficiency: Vector
    discharge_efficiency: Vector
    retention: Vector
    capacity_kwh: Vector
    ramp_limit_kw: Vector
    connection_limit_kw: Vector
    line_import_kw: Vector
    line_export_kw: Vector
    below: tuple[tuple[int, ...], ...]
    feeder: int
    energy_kwh: Vector
    battery_kw: Vector
    drive_kwh: Vector
    road_floor_kwh: Vector
    leaving_with_kwh: Vector
    economics: Economics
    terminal_price: float
    curtail_price_per_kwh: float = 0.0

    @property
    def n_steps(self) -> int:
        """T."""
        return len(self.demand_kw)

    @property
    def n_prosumers(self) -> int:
        """N."""
        return len(self.energy_kwh)

    @property
    def settled_apart(self) -> Mask:
        """(T,) whether it matters who trades with whom.

        Trade inside the community is free as long as retail >= feed-in and nobody pays a fee for it: each kWh traded
        then saves its buyer the retail price and costs its seller the feed-in price, so trading all that can be traded
        is best, and the community pays what one customer behind its feeder would.
        """
        return (self.retail_price < self.feed_in_price) | (self.economics.trade_fee_per_kwh > 0)

    @property
    def energy_bounds_kwh(self) -> tuple[Vector, Vector]:
        """(T, N) the least and the most that can be stored after each step.

        A battery outside its band is there because it started so, lost energy, or was derated; it may stay, but it
        does not go further out. So it ends a step in its band or no further out than idling would have left it.
        """
        lower, upper = self.energy_min_kwh.copy(), self.energy_max_kwh.copy()
        least = most = self.energy_kwh
        for step in range(self.n_steps):
            least, most = (self.retention * self.arrived_kwh(step, energy) for energy in (least, most))
            least, most = np.minimum(lower[step], least), np.maximum(upper[step], most)
            lower[step], upper[step] = least, most
        return lower, upper

    def arrived_kwh(self, step: int, energy_kwh: Vector) -> Vector:
        """Return (N,) max(e − drive, min(e, floor)), what is stored when the step begins."""
        arrived: Vector = np.maximum(energy_kwh - self.drive_kwh[step], np.minimum(energy_kwh, self.road_floor_kwh))
        return np.where(self.drive_kwh[step] > 0, arrived, energy_kwh)

    def pairs(self, mask: Mask) -> Iterator[tuple[int, int]]:
        """Yield the (step, place) at which a (T, ...) mask is true."""
        return ((int(step), int(place)) for step, place in np.argwhere(mask))


def facts_of(
    community: Community,
    scenario: Scenario,
    *,
    economics: Economics,
    energy_kwh: Vector,
    battery_kw: Vector | None = None,
    timeline: Timeline | None = None,
    curtail_price_per_kwh: float = 0.0,
) -> Facts:
    """Return the numbers of a window.

    Args:
        community: Batteries, network and limits.
        scenario: The window.
        economics: Prices that are not tariffs.
        energy_kwh: (N,) kWh stored before the first step.
        battery_kw: (N,) kW of the step before, for the ramp limit; None for 0.
        timeline: What changes in each step; None for nothing.
        curtail_price_per_kwh: As in `Facts`.
    """
    steps, size = scenario.n_steps, scenario.n_prosumers
    held = [community if timeline is None else community_at(timeline, step, community) for step in range(steps)]
    networks = [rated.network for rated in held]
    months = scenario.time.astype("datetime64[M]").astype(np.int64)
    terminal = economics.terminal_price_per_kwh
    nothing = np.zeros((steps, size))
    leaving = np.full((steps, size), -np.inf)
    if timeline is not None and timeline.required_kwh is not None and timeline.departing is not None:
        leaving = np.where(timeline.departing, timeline.required_kwh, -np.inf)
    return Facts(
        timestep_h=community.timestep_h,
        demand_kw=scenario.demand_kw,
        pv_kw=scenario.pv_kw,
        retail_price=scenario.retail_price,
        feed_in_price=scenario.feed_in_price,
        carbon_cost_per_kwh=frozen(economics.carbon_price_per_kg * scenario.carbon_kg_per_kwh),
        month=frozen(months - months[0], np.int64),
        charge_limit_kw=frozen([rated.charge_limit_kw for rated in held]),
        discharge_limit_kw=frozen([rated.discharge_limit_kw for rated in held]),
        energy_min_kwh=frozen([rated.energy_min_kwh for rated in held]),
        energy_max_kwh=frozen([rated.energy_max_kwh for rated in held]),
        charge_efficiency=community.charge_efficiency,
        discharge_efficiency=community.discharge_efficiency,
        retention=community.retention,
        capacity_kwh=community.battery_capacity_kwh,
        ramp_limit_kw=community.ramp_limit_kw,
        connection_limit_kw=community.connection_limit_kw,
        line_import_kw=frozen([network.import_limit_kw - network.worst_case_loss_kw for network in networks]),
        line_export_kw=frozen([network.export_limit_kw for network in networks]),
        below=tuple(tuple(np.flatnonzero(row).tolist()) for row in community.network.incidence),
        feeder=int(np.argmin(community.network.parent)),
        energy_kwh=frozen(energy_kwh),
        battery_kw=frozen(np.zeros(size) if battery_kw is None else battery_kw),
        drive_kwh=nothing if timeline is None or timeline.drive_kwh is None else timeline.drive_kwh,
        road_floor_kwh=community.energy_min_kwh,
        leaving_with_kwh=frozen(leaving),
        economics=economics,
        terminal_price=float(scenario.retail_price.min()) if terminal is None else terminal,
        curtail_price_per_kwh=curtail_price_per_kwh,
    )
