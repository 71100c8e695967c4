"""PyPSA: the community as a network of buses, links, stores and generators, solved by HiGHS.

    grid ── line ── bus ── … ── bus ── connection ── home ── charge, discharge ── battery with a store

Everything that PyPSA has a component for is one: the capacity tariff is a generator that is built. What it has none for
is added to its model: that nobody does both at once, ramp limits of a battery, cars that lack something, and batteries
that are outside their band.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.benchmark.dispatch.quiet import quiet
from autonomy.benchmark.optimum.method import Answer, UnsolvedError, UnstatedError
from autonomy.benchmark.optimum.window import Window
from autonomy.dispatch.facts import Facts
from autonomy.dispatch.reference import TOLERANCE
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


class PypsaHighs:
    """PyPSA with HiGHS."""

    name = "PyPSA"

    def state(self, window: Window) -> Any:
        """Return (network with its model, facts) of a window."""
        import pypsa  # noqa: PLC0415 - optional, and slow to import

        facts = window.facts()
        if facts.economics.trade_fee_per_kwh > 0:
            raise UnstatedError("a network says what flows through a wire, not who has sold it to whom")
        if facts.economics.cycle_price_per_kwh > 0:
            raise UnstatedError("a store does not tell shallow cycles from deep ones")
        with quiet():
            network = _network(facts, window.community.network.parent, window.community.network.bus_of_prosumer, pypsa)
            network.optimize.create_model()
            _Additions(network, facts).add()
        return network, facts

    def solve(self, stated: Any, limit_s: float) -> Answer:
        """Solve it with HiGHS."""
        network, facts = stated
        with quiet():
            status, condition = network.optimize.solve_model(
                solver_name="highs", io_api="direct", progress=False, time_limit=limit_s, **OPTIONS
            )
        if condition != "optimal":
            raise UnsolvedError(f"PyPSA reports: {status}, {condition}.")
        links, generators = network.c.links.dynamic.p0, network.c.generators.dynamic.p
        charge = _columns(links, "charge", facts)
        discharge = _columns(links, "discharge", facts) * facts.discharge_efficiency
        curtail = facts.pv_kw - _columns(generators, "sun", facts)
        objective = float(network.model.objective.value) + facts.terminal_price * float(facts.energy_kwh.sum())
        return Answer(
            objective=objective + facts.timestep_h * facts.curtail_price_per_kwh * float(facts.pv_kw.sum()),
            battery_kw=charge - discharge,
            curtail_kw=curtail,
            shed_kw=_columns(generators, "shed", facts),
            binaries=int(sum(network.model.variables[name].size for name in network.model.binaries)),
        )


def _named(word: str, size: int) -> list[str]:
    return [f"{word} {number}" for number in range(size)]


def _columns(frame: Any, word: str, facts: Facts) -> Vector:
    found: Vector = frame[_named(word, facts.n_prosumers)].to_numpy(dtype=np.float64)
    return found


def _network(facts: Facts, parent: Any, bus_of: Any, pypsa: Any) -> Any:
    """Return the network of a window. All nominal powers are 1 kW, so that what is per unit is in kW."""
    n, dt = pypsa.Network(), facts.timestep_h
    size, lines, steps = facts.n_prosumers, len(facts.below), facts.n_steps
    n.set_snapshots(list(range(steps)), default_snapshot_weightings=dt)
    homes, batteries, buses = _named("home", size), _named("battery", size), _named("bus", lines)
    n.add("Bus", ["grid", *buses, *homes, *batteries])

    most_in = (facts.demand_kw + facts.charge_limit_kw).sum(axis=1, keepdims=True)
    most_out = (facts.pv_kw + facts.discharge_limit_kw).sum(axis=1, keepdims=True)

    def add(kind: str, word: str, count: int, **values: Any) -> None:
        """Add `count` components at once; tables are (T, count)."""
        import pandas as pd  # noqa: PLC0415 - comes with PyPSA

        names = _named(word, count)
        told = {
            key: pd.DataFrame(np.broadcast_to(value, (steps, count)), index=n.snapshots, columns=names)
            if isinstance(value, np.ndarray) and value.ndim == 2
            else value
            for key, value in values.items()
        }
        n.add(kind, names, **told)

    above = ["grid" if line < 0 else buses[line] for line in parent]
    add(
        "Link", "line", lines, bus0=buses, bus1=above, p_nom=1.0,
        p_min_pu=-np.minimum(facts.line_import_kw, most_in), p_max_pu=np.minimum(facts.line_export_kw, most_out),
    )  # fmt: skip
    knot = np.minimum(facts.connection_limit_kw, most_in + most_out)
    add(
        "Link", "connection", size, bus0=homes, bus1=[buses[bus] for bus in bus_of], p_nom=1.0,
        p_min_pu=-knot, p_max_pu=knot,
    )  # fmt: skip
    price = (facts.retail_price + facts.carbon_cost_per_kwh)[:, None]
    months = np.unique(facts.month)
    inside = (facts.month[:, None] == months[None, :]).astype(np.float64)
    tariff = facts.economics.capacity_price_per_kw
    if tariff > 0:
        add(
            "Generator", "import", months.size, bus="grid", p_nom_extendable=True, capital_cost=tariff,
            marginal_cost=price, p_max_pu=inside,
        )  # fmt: skip
    else:
        add("Generator", "import", 1, bus="grid", p_nom=1.0, marginal_cost=price, p_max_pu=most_in)
    sold = -facts.feed_in_price[:, None]
    add("Generator", "export", 1, bus="grid", p_nom=1.0, sign=-1.0, marginal_cost=sold, p_max_pu=most_out)

    economics = facts.economics
    add("Load", "load", size, bus=homes, p_set=facts.demand_kw)
    used = -facts.curtail_price_per_kwh
    add("Generator", "sun", size, bus=homes, p_nom=1.0, p_max_pu=facts.pv_kw, marginal_cost=used)
    lost = economics.value_of_lost_load_per_kwh
    add("Generator", "shed", size, bus=homes, p_nom=1.0, p_max_pu=facts.demand_kw, marginal_cost=lost)
    ec, ed, wear = facts.charge_efficiency, facts.discharge_efficiency, economics.wear_per_kwh
    add(
        "Link", "charge", size, bus0=homes, bus1=batteries, efficiency=ec, p_nom=1.0,
        p_max_pu=facts.charge_limit_kw, marginal_cost=wear,
    )  # fmt: skip
    add(
        "Link", "discharge", size, bus0=batteries, bus1=homes, efficiency=ed, p_nom=1.0,
        p_max_pu=facts.discharge_limit_kw / ed, marginal_cost=wear * ed,
    )  # fmt: skip
    lowest, highest = facts.energy_bounds_kwh
    kept = np.zeros((steps, size))
    kept[-1] = -facts.terminal_price / dt
    begin = facts.retention * facts.energy_kwh  # PyPSA takes no standing loss from what a store begins with
    add(
        "Store", "store", size, bus=batteries, e_nom=1.0, e_initial=begin, e_min_pu=lowest, e_max_pu=highest,
        standing_loss=1.0 - facts.retention ** (1.0 / dt), marginal_cost_storage=kept,
    )  # fmt: skip
    if (facts.drive_kwh > 0).any():
        taken = facts.retention * facts.drive_kwh / dt
        add("Generator", "road", size, bus=batteries, p_nom=1.0, sign=-1.0, p_max_pu=taken)
    return n


class _Additions:
    """What is added to the model that PyPSA makes of the network."""

    def __init__(self, network: Any, facts: Facts) -> None:
        import xarray as xr  # noqa: PLC0415 - comes with PyPSA

        self.m, self.f, self.xr, self.network = network.model, facts, xr, network
        self.snapshots, self.size = np.asarray(network.snapshots), facts.n_prosumers
        self.node = {"snapshot": self.snapshots, "i": np.arange(self.size)}

    def table(self, numbers: Any) -> Any:
        """Return (T, N) numbers with their labels."""
        shape = self.snapshots.size, self.size
        return self.xr.DataArray(np.broadcast_to(numbers, shape), coords=self.node, dims=("snapshot", "i"))

    def variable(self, of: str, word: str) -> Any:
        """Return the (T, N) variables of components that are called after a word."""
        found = self.m.variables[of].sel(name=_named(word, self.size))
        return found.rename(name="i").assign_coords(i=np.arange(self.size))

    def add(self) -> None:
        """Add all of it."""
        m, f = self.m, self.f
        charge, discharge = self.variable("Link-p", "charge"), self.variable("Link-p", "discharge")
        stored = self.variable("Store-e", "store")
        charging = m.add_variables(coords=self.node, binary=True, name="charging")
        m.add_constraints(charge - self.table(f.charge_limit_kw) * charging <= 0, name="either charge")
        most = self.table(f.discharge_limit_kw / f.discharge_efficiency)
        m.add_constraints(discharge + most * charging <= most, name="or discharge")
        self._exclusive_feeder()
        self._band(stored, charging)
        self._ramp(charge, discharge)
        self._cars(stored)

    def _exclusive_feeder(self) -> None:
        m, f = self.m, self.f
        power = m.variables["Generator-p"]
        names = [name for name in self.network.c.generators.static.index if name.startswith("import")]
        imports, exports = power.sel(name=names).sum("name"), power.sel(name="export 0")
        coords = {"snapshot": self.snapshots}
        most_in, most_out = (
            self.xr.DataArray(np.minimum(limit[:, f.feeder], total.sum(axis=1)), coords=coords, dims="snapshot")
            for limit, total in (
                (f.line_import_kw, f.demand_kw + f.charge_limit_kw),
                (f.line_export_kw, f.pv_kw + f.discharge_limit_kw),
            )
        )
        importing = m.add_variables(coords=coords, binary=True, name="importing")
        m.add_constraints(imports - most_in * importing <= 0, name="either import")
        m.add_constraints(exports + most_out * importing <= most_out, name="or export")

    def _band(self, stored: Any, charging: Any) -> None:
        f = self.f
        lowest, highest = f.energy_bounds_kwh
        outside = self.table((lowest < f.energy_min_kwh) | (highest > f.energy_max_kwh))
        if outside.any():
            above, below = self.table(highest - f.energy_max_kwh), self.table(f.energy_min_kwh - lowest)
            top, bottom = stored + above * charging, stored + below * charging
            self.m.add_constraints(top <= self.table(highest), name="top", mask=outside)
            self.m.add_constraints(bottom >= self.table(f.energy_min_kwh), name="bottom", mask=outside)

    def _ramp(self, charge: Any, discharge: Any) -> None:
        f, ramped = self.f, self.table(np.isfinite(self.f.ramp_limit_kw))
        if not ramped.any():
            return
        first = np.zeros((self.snapshots.size, self.size))
        first[0] = f.battery_kw
        limit = self.table(np.where(np.isfinite(f.ramp_limit_kw), f.ramp_limit_kw, 0.0))
        given = self.table(f.discharge_efficiency)
        power = charge - given * discharge
        change = power - power.shift(snapshot=1).fillna(0)
        self.m.add_constraints(change <= self.table(first) + limit, name="ramp up", mask=ramped)
        self.m.add_constraints(change >= self.table(first) - limit, name="ramp down", mask=ramped)

    def _cars(self, stored: Any) -> None:
        m, f = self.m, self.f
        leaving, back = self.table(np.isfinite(f.leaving_with_kwh)), self.table(f.drive_kwh > 0)
        if leaving.any():
            missing = m.add_variables(0, coords=self.node, name="missing", mask=leaving)
            required = self.table(np.where(leaving, f.leaving_with_kwh, 0.0))
            m.add_constraints(stored + missing >= required, name="departure", mask=leaving)
            m.objective += (f.economics.missing_charge_price_per_kwh * missing).sum()
        if not back.any():
            return
        road = self.table(f.timestep_h / f.retention) * self.variable("Generator-p", "road")
        above, enough = (
            m.add_variables(coords=self.node, binary=True, name=name, mask=back) for name in ("above", "enough")
        )
        least, most = (np.vstack([f.energy_kwh, bounds[:-1]]) for bounds in f.energy_bounds_kwh)
        under = self.table(np.maximum(f.road_floor_kwh - least, 0.0))
        over = self.table(np.maximum(most - f.road_floor_kwh, 0.0))
        first = np.zeros((self.snapshots.size, self.size))
        first[0] = f.energy_kwh
        there, drive, left = (
            self.table(first - f.road_floor_kwh),
            self.table(f.drive_kwh),
            (1.0 * stored).shift(snapshot=1).fillna(0),
        )
        m.add_constraints(road - drive * above <= 0, name="road at most all", mask=back)
        m.add_constraints(road - left + under * above <= there + under, name="road at most there", mask=back)
        m.add_constraints(road - drive * enough >= 0, name="road at least all", mask=back)
        m.add_constraints(road - left + over * enough >= there, name="road at least there", mask=back)
