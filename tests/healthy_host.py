"""A host that keeps, and uses up, everything it states about its accuracy: what no monitor may ever doubt."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy import Community, Decision
from autonomy.layers import physics
from autonomy.layers.supervision.monitors import Accuracy

ENDS = (-1.0, 0.0, 1.0)
"""An error at one end of its range, none, or at the other end."""


class HealthyHost:
    """True physics behind meters that are as wrong as they may be.

    Efficiencies, self-discharge, meters and clock are drawn inside `accuracy`; set-points and cuts are executed.
    """

    def __init__(self, community: Community, accuracy: Accuracy, random: np.random.Generator, *, reports: bool) -> None:
        self.community, self.accuracy, self.random, self.reports = community, accuracy, random, reports
        size, error = community.n_prosumers, accuracy.efficiency_error
        off = random.choice([1 - error, 1.0, 1 + error], (2, size))
        self.charge_efficiency = np.minimum(community.charge_efficiency * off[0], 1.0)
        self.discharge_efficiency = np.minimum(community.discharge_efficiency * off[1], 1.0)
        share = random.uniform(community.soc_min, community.soc_max)
        self.energy_kwh = share * community.battery_capacity_kwh
        self.step_number = 0
        self.last: dict[str, Any] = {}
        self._new_step()

    def _new_step(self) -> None:
        size = self.community.n_prosumers
        self.demand_kw = self.random.uniform(0.0, 6.0, size)
        self.pv_kw = self.random.uniform(0.0, 6.0, size) * self.random.integers(0, 2)
        self.read_demand_kw, self.read_pv_kw = self._metered(self.demand_kw), self._metered(self.pv_kw)

    def _metered(self, true_kw: Any) -> Any:
        """Return what a meter of the stated error and resolution may read."""
        error, resolution = self.accuracy.power_error, self.accuracy.power_resolution_kw
        sign = np.where(np.asarray(true_kw) < 0, -1.0, 1.0)
        read = true_kw * self._off(error, np.shape(true_kw)) + resolution * self.random.choice(ENDS, np.shape(true_kw))
        return np.where(sign > 0, np.maximum(read, 0.0), np.minimum(read, 0.0))

    def _off(self, error: float, shape: Any) -> Any:
        return 1 + error * self.random.choice(ENDS, shape)

    def observe(self) -> dict[str, Any]:
        capacity, resolution = self.community.battery_capacity_kwh, self.accuracy.soc_resolution
        soc = np.divide(self.energy_kwh, capacity, out=np.zeros(capacity.size), where=capacity > 0)
        if resolution > 1e-6:
            soc = np.clip(np.rint(soc / resolution) * resolution, 0.0, 1.0)
        step_s = 3600 * self.community.timestep_h
        jitter = self.accuracy.clock_jitter * self.random.choice(ENDS)
        return {
            "demand_kw": self.read_demand_kw,
            "pv_kw": self.read_pv_kw,
            "soc": soc,
            "retail_price": 0.3,
            "feed_in_price": 0.1,
            "time": np.datetime64("2024-03-01T00:00", "us")
            + np.timedelta64(round(1e6 * step_s * (self.step_number + jitter)), "us"),
            **self.last,
        }

    def execute(self, decision: Decision) -> None:
        asked, dt, network = decision.battery_kw, self.community.timestep_h, self.community.network
        capacity = self.community.battery_capacity_kwh
        after = physics.next_energy_kwh(
            self.energy_kwh, asked, charge_efficiency=self.charge_efficiency,
            discharge_efficiency=self.discharge_efficiency, timestep_h=dt,
        )  # fmt: skip
        # A battery that would run over or dry does less.
        room = np.where(asked > 0, capacity - self.energy_kwh, self.energy_kwh)
        share = np.where(
            (after > capacity) | (after < 0), room / np.maximum(np.abs(after - self.energy_kwh), 1e-12), 1.0
        )
        applied = asked * np.minimum(share, 1.0)
        after = physics.next_energy_kwh(
            self.energy_kwh, applied, charge_efficiency=self.charge_efficiency,
            discharge_efficiency=self.discharge_efficiency, timestep_h=dt,
        )  # fmt: skip
        gone = self.accuracy.self_discharge_per_h * dt * capacity * self.random.integers(0, 2, capacity.size)
        self.energy_kwh = np.clip(after - gone, 0.0, capacity)
        generation = np.minimum(np.maximum(self.pv_kw - decision.curtail_kw, 0.0), decision.generation_cap_kw)
        load = np.minimum(np.maximum(self.demand_kw - decision.shed_kw, 0.0), decision.load_cap_kw)
        flows = physics.lossy_flows(network, generation - load - applied)
        self.last = {"feeder_kw": float(self._metered(flows.upstream_kw[int(np.argmin(network.parent))]))}
        if self.reports:
            self.last["applied_battery_kw"] = self._metered(applied)
        self.step_number += 1
        self._new_step()
