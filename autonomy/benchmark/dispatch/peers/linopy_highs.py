"""linopy: the same program once more, stated in labelled arrays, solved by HiGHS."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.assets import wear
from autonomy.benchmark.optimum.method import Answer, UnsolvedError, UnstatedError
from autonomy.benchmark.optimum.window import Window
from autonomy.dispatch.facts import Facts
from autonomy.dispatch.reference import TOLERANCE, why_not
from autonomy.layers.arrays import Vector

OPTIONS = {
    "output_flag": False,
    "parallel": "off",
    "mip_rel_gap": TOLERANCE,
    "mip_abs_gap": TOLERANCE,
    "primal_feasibility_tolerance": TOLERANCE,
    "dual_feasibility_tolerance": TOLERANCE,
    "mip_feasibility_tolerance": TOLERANCE,
}


class LinopyHighs:
    """linopy with HiGHS."""

    name = "linopy"

    def state(self, window: Window) -> Any:
        """Return (model, facts) of a window."""
        import linopy  # noqa: PLC0415 - optional, and slow to import

        facts = window.facts()
        unstated = why_not(facts)
        if unstated:
            raise UnstatedError(unstated)
        return _Statement(linopy.Model(), facts).written(), facts

    def solve(self, stated: Any, limit_s: float) -> Answer:
        """Solve it with HiGHS, handed over in memory."""
        model, facts = stated
        status, condition = model.solve(
            solver_name="highs", io_api="direct", progress=False, time_limit=limit_s, **OPTIONS
        )
        if condition != "optimal":
            raise UnsolvedError(f"linopy reports: {status}, {condition}.")
        names = ("charge", "discharge", "curtail", "shed")
        charge, discharge, curtail, shed = (_values(model, name) for name in names)
        return Answer(
            objective=float(model.objective.value) + facts.terminal_price * float(facts.energy_kwh.sum()),
            battery_kw=charge - discharge,
            curtail_kw=curtail,
            shed_kw=shed,
            binaries=int(sum(model.variables[name].size for name in model.binaries)),
        )


def _values(model: Any, name: str) -> Vector:
    found: Vector = np.asarray(model.variables[name].solution.transpose("t", "i").values, dtype=np.float64)
    return found


def earlier(variables: Any) -> Any:
    """Return what stands a step before, and nothing in the first step."""
    return (1.0 * variables).shift(t=1).fillna(0)


class _Statement:
    """The parts of the model; each method adds one."""

    def __init__(self, model: Any, facts: Facts) -> None:
        import xarray as xr  # noqa: PLC0415 - comes with linopy

        self.m, self.f, self.xr = model, facts, xr
        self.t, self.i = np.arange(facts.n_steps), np.arange(facts.n_prosumers)
        self.step, self.node = {"t": self.t}, {"t": self.t, "i": self.i}

    def table(self, numbers: Any) -> Any:
        """Return (T, N) numbers with their labels."""
        numbers = np.broadcast_to(numbers, (self.t.size, self.i.size))
        return self.xr.DataArray(numbers, coords=self.node, dims=("t", "i"))

    def column(self, numbers: Any) -> Any:
        """Return (T,) numbers with their labels."""
        return self.xr.DataArray(numbers, coords=self.step, dims="t")

    def written(self) -> Any:
        """Return the whole model."""
        m, f = self.m, self.f
        lowest, highest = f.energy_bounds_kwh
        self.charge = m.add_variables(0, self.table(f.charge_limit_kw), name="charge")
        self.discharge = m.add_variables(0, self.table(f.discharge_limit_kw), name="discharge")
        self.stored = m.add_variables(self.table(lowest), self.table(highest), name="stored")
        self.curtail = m.add_variables(0, self.table(f.pv_kw), name="curtail")
        self.shed = m.add_variables(0, self.table(f.demand_kw), name="shed")
        self.charging = m.add_variables(coords=self.node, binary=True, name="charging")
        self.imports = m.add_variables(0, coords=self.step, name="imports")
        self.exports = m.add_variables(0, coords=self.step, name="exports")
        m.add_constraints(self.charge - self.table(f.charge_limit_kw) * self.charging <= 0, name="either charge")
        limit = self.table(f.discharge_limit_kw)
        m.add_constraints(self.discharge + limit * self.charging <= limit, name="or discharge")
        self.cost = 0
        self._store(lowest, highest)
        self._ramp()
        self._flow()
        self._price()
        self._leave()
        self._wear()
        m.add_objective(self.cost)
        return m

    def _store(self, lowest: Vector, highest: Vector) -> None:
        """Add e' − a·e − dt·(ec·ch − dis/ed) = 0, e being less what was driven, and the rule of the band."""
        m, f, kept = self.m, self.f, self.table(self.f.retention)
        into, out_of = self.table(f.timestep_h * f.charge_efficiency), self.table(f.timestep_h / f.discharge_efficiency)
        begin = np.zeros((self.t.size, self.i.size))
        begin[0] = f.retention * f.energy_kwh
        change = self.stored - into * self.charge + out_of * self.discharge
        if self.t.size > 1:
            change = change - kept * earlier(self.stored)
        if (f.drive_kwh > 0).any():
            change = change + kept * self._road(lowest, highest)
        m.add_constraints(change == self.table(begin), name="storage")
        outside = self.table((lowest < f.energy_min_kwh) | (highest > f.energy_max_kwh))
        if outside.any():
            above, below = self.table(highest - f.energy_max_kwh), self.table(f.energy_min_kwh - lowest)
            m.add_constraints(self.stored + above * self.charging <= self.table(highest), name="top", mask=outside)
            bottom = self.stored + below * self.charging >= self.table(f.energy_min_kwh)
            m.add_constraints(bottom, name="bottom", mask=outside)

    def _road(self, lowest: Vector, highest: Vector) -> Any:
        """Return min(drive, max(e − floor, 0)) for cars that come back, by two binaries each."""
        m, f, back = self.m, self.f, self.table(self.f.drive_kwh > 0)
        coords = self.node
        road = m.add_variables(0, coords=coords, name="road", mask=back)
        above = m.add_variables(coords=coords, name="above", mask=back, binary=True)
        enough = m.add_variables(coords=coords, name="enough", mask=back, binary=True)
        least, most = (np.vstack([f.energy_kwh, bounds[:-1]]) for bounds in (lowest, highest))
        under = self.table(np.maximum(f.road_floor_kwh - least, 0.0))
        over = self.table(np.maximum(most - f.road_floor_kwh, 0.0))
        first = np.zeros((self.t.size, self.i.size))
        first[0] = f.energy_kwh
        there = self.table(first - f.road_floor_kwh)
        left, drive = earlier(self.stored), self.table(f.drive_kwh)
        m.add_constraints(road - drive * above <= 0, name="road at most all", mask=back)
        m.add_constraints(road - left + under * above <= there + under, name="road at most there", mask=back)
        m.add_constraints(road - drive * enough >= 0, name="road at least all", mask=back)
        m.add_constraints(road - left + over * enough >= there, name="road at least there", mask=back)
        return road

    def _ramp(self) -> None:
        """Add |b − b_prev| <= R."""
        f, ramped = self.f, self.table(np.isfinite(self.f.ramp_limit_kw))
        if not ramped.any():
            return
        first = np.zeros((self.t.size, self.i.size))
        first[0] = f.battery_kw
        limit = self.table(np.where(np.isfinite(f.ramp_limit_kw), f.ramp_limit_kw, 0.0))
        change = self.charge - self.discharge - earlier(self.charge - self.discharge)
        self.m.add_constraints(change <= self.table(first) + limit, name="ramp up", mask=ramped)
        self.m.add_constraints(change >= self.table(first) - limit, name="ramp down", mask=ramped)

    def _flow(self) -> None:
        """Add the limits of nodes and lines, and what the feeder exchanges."""
        m, f = self.m, self.f
        base = f.pv_kw - f.demand_kw
        moved = self.shed - self.curtail - self.charge + self.discharge
        connected = self.table(np.isfinite(f.connection_limit_kw))
        if connected.any():
            limit = np.where(np.isfinite(f.connection_limit_kw), f.connection_limit_kw, 0.0)
            m.add_constraints(moved <= self.table(limit - base), name="node export", mask=connected)
            m.add_constraints(moved >= self.table(-limit - base), name="node import", mask=connected)
        for line, below in enumerate(f.below):
            if not below:
                continue
            flow, known = moved.sel(i=list(below)).sum("i"), base[:, list(below)].sum(axis=1)
            for name, sign, limits in (("import", -1.0, f.line_import_kw), ("export", 1.0, f.line_export_kw)):
                room, finite = limits[:, line] - sign * known, np.isfinite(limits[:, line])
                if finite.any():
                    row = sign * flow <= self.column(np.where(finite, room, 0.0))
                    m.add_constraints(row, name=f"line {line} {name}", mask=self.column(finite))
        total = self.exports - self.imports - moved.sum("i")
        m.add_constraints(total == self.column(base.sum(axis=1)), name="feeder")
        most_in = np.minimum(f.line_import_kw[:, f.feeder], (f.demand_kw + f.charge_limit_kw).sum(axis=1))
        most_out = np.minimum(f.line_export_kw[:, f.feeder], (f.pv_kw + f.discharge_limit_kw).sum(axis=1))
        importing = m.add_variables(coords=self.step, binary=True, name="importing")
        m.add_constraints(self.imports - self.column(most_in) * importing <= 0, name="either import")
        m.add_constraints(self.exports + self.column(most_out) * importing <= self.column(most_out), name="or export")
        if f.settled_apart.any():
            self._trade(moved, self.table(base))

    def _trade(self, moved: Any, base: Any) -> None:
        """Add who buys and sells with whom, in the steps in which that matters."""
        m, f, dt = self.m, self.f, self.f.timestep_h
        apart = np.flatnonzero(f.settled_apart)
        coords = {"t": apart, "i": self.i}
        from_grid, to_grid, bought, sold = (
            m.add_variables(0, coords=coords, name=name) for name in ("from grid", "to grid", "bought", "sold")
        )
        buying = m.add_variables(coords=coords, binary=True, name="buying")
        exchange = to_grid + sold - from_grid - bought - moved.sel(t=apart)
        m.add_constraints(exchange == base.sel(t=apart), name="exchange")
        most_in = self.table(f.demand_kw + f.charge_limit_kw).sel(t=apart)
        most_out = self.table(f.pv_kw + f.discharge_limit_kw).sel(t=apart)
        m.add_constraints(from_grid + bought - most_in * buying <= 0, name="either buy")
        m.add_constraints(to_grid + sold + most_out * buying <= most_out, name="or sell")
        m.add_constraints(sold.sum("i") - bought.sum("i") == 0, name="market")
        retail, feed_in = (self.table(price[:, None]).sel(t=apart) for price in (f.retail_price, f.feed_in_price))
        self.cost += (dt * retail * from_grid - dt * feed_in * to_grid).sum()
        self.cost += (dt * f.economics.trade_fee_per_kwh * bought).sum()

    def _price(self) -> None:
        """Add what energy, wear, lost load, curtailing, peaks and the energy left at the end cost."""
        f, dt, economics = self.f, self.f.timestep_h, self.f.economics
        together = ~f.settled_apart
        retail = self.column(dt * (np.where(together, f.retail_price, 0.0) + f.carbon_cost_per_kwh))
        feed_in = self.column(dt * np.where(together, f.feed_in_price, 0.0))
        self.cost += (retail * self.imports - feed_in * self.exports).sum()
        self.cost += (dt * economics.wear_per_kwh * (self.charge + self.discharge)).sum()
        self.cost += (dt * economics.value_of_lost_load_per_kwh * self.shed).sum()
        self.cost += (dt * f.curtail_price_per_kwh * self.curtail).sum()
        self.cost += (-f.terminal_price * self.stored.sel(t=self.t[-1])).sum()
        if economics.capacity_price_per_kw > 0:
            months = np.unique(f.month)
            peak = self.m.add_variables(0, coords={"month": months}, name="peak")
            for month in range(months.size):
                steps = self.t[f.month == months[month]]
                self.m.add_constraints(peak.isel(month=month) - self.imports.sel(t=steps) >= 0, name=f"peak {month}")
            self.cost += (economics.capacity_price_per_kw * peak).sum()

    def _leave(self) -> None:
        """Add what cars lack when they leave."""
        f, leaving = self.f, self.table(np.isfinite(self.f.leaving_with_kwh))
        if leaving.any():
            missing = self.m.add_variables(0, coords=self.node, name="missing", mask=leaving)
            required = self.table(np.where(leaving, f.leaving_with_kwh, 0.0))
            self.m.add_constraints(self.stored + missing >= required, name="departure", mask=leaving)
            self.cost += (f.economics.missing_charge_price_per_kwh * missing).sum()

    def _wear(self) -> None:
        """Add the slices of batteries whose cycles cost something."""
        m, f, dt, economics = self.m, self.f, self.f.timestep_h, self.f.economics
        if not economics.cycle_price_per_kwh > 0:
            return
        size = np.broadcast_to(f.capacity_kwh[:, None] / wear.SEGMENTS, (self.i.size, wear.SEGMENTS))
        first = np.zeros((self.t.size, *size.shape))
        first[0] = f.retention[:, None] * wear.filled(f.energy_kwh, f.capacity_kwh)
        coords = {"t": self.t, "i": self.i, "j": np.arange(wear.SEGMENTS)}
        begin = self.xr.DataArray(first, coords=coords, dims=("t", "i", "j"))
        upper = self.xr.DataArray(np.broadcast_to(size, begin.shape), coords=coords, dims=("t", "i", "j"))
        inside = m.add_variables(0, upper, name="inside")
        fill, draw = (m.add_variables(0, coords=coords, name=name) for name in ("fill", "draw"))
        kept = self.table(f.retention)
        m.add_constraints(inside - kept * earlier(inside) - fill + draw == begin, name="slices")
        into, out_of = self.table(dt * f.charge_efficiency), self.table(dt / f.discharge_efficiency)
        m.add_constraints(fill.sum("j") - into * self.charge == 0, name="filled")
        m.add_constraints(draw.sum("j") - out_of * self.discharge == 0, name="drawn")
        used = economics.cycle_price_per_kwh * wear.life_by_slice(economics)
        self.cost += (self.xr.DataArray(used, coords={"j": coords["j"]}, dims="j") * draw).sum()
