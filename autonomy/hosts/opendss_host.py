"""OpenDSS as a host: `OpenDss` played step by step with the data of a scenario. Run with dss-python 0.15.7.

OpenDSS counts a Storage element's power as + when it discharges; `OpenDss` turns that round. Its batteries integrate
their own energy and its lines lose what an alternating-current power flow says, so neither the stored energy nor the
feeder's meter is the model's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.hosts.grid import Grid
from autonomy.hosts.host import Capabilities, LineFlows
from autonomy.hosts.opendss import OpenDss, Snapshot
from autonomy.layers.arrays import Matrix, Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Observation
from autonomy.layers.supervision.monitors import Accuracy
from autonomy.scenario import Scenario

INITIAL_SOC = 0.5
ACCURACY = Accuracy(
    power_error=0.01, power_resolution_kw=0.01, soc_resolution=1e-6, efficiency_error=1e-6, clock_jitter=0.0, obeys=True
)
"""How exact OpenDSS is, for `Supervisor(accuracy=…)`: the feeder is off by what line losses are in reality."""


class OpenDssHost:
    """A community on its grid in OpenDSS, as a `Host`.

    Args:
        community: Batteries and limits.
        grid: Its network with reactances and ratings.
        scenario: The data, at the community's time step.
        demand_kvar: (T, N) kvar that the demand draws, + = inductive; None for unity power factor.

    Raises:
        ModelError: the scenario is not the community's.
        OptionalDependencyError: dss-python is not installed, on `reset`.
        PowerFlowError: a step has no power flow, on `step`.
    """

    capabilities = Capabilities(curtail=True, shed=True)

    def __init__(
        self, community: Community, grid: Grid, scenario: Scenario, *, demand_kvar: Matrix | None = None
    ) -> None:
        if scenario.names != community.names:
            raise ModelError("scenario.names", scenario.names, f"the community's names {community.names}")
        if scenario.timestep_h != community.timestep_h:
            raise ModelError(
                "scenario.timestep_h", scenario.timestep_h, f"{community.timestep_h} h, as in the community"
            )
        self.community = community
        self._grid, self._scenario = grid, scenario
        self._kvar = np.zeros_like(scenario.demand_kw) if demand_kvar is None else demand_kvar
        self._step = 0
        self._circuit: OpenDss | None = None
        self._last: Snapshot | None = None

    def reset(self, *, seed: int | None = None) -> dict[str, Any]:  # noqa: ARG002 - nothing here is random
        """Build the circuit anew, its batteries half full, or at the end of their band that is nearest to it."""
        start = np.clip(INITIAL_SOC, self.community.soc_min, self.community.soc_max)
        self._circuit = OpenDss(self.community, self._grid, start * self.community.battery_capacity_kwh)
        self._step, self._last = 0, None
        return self._read(self._circuit)

    def to_observation(self, raw: dict[str, Any]) -> Observation:
        """Return what is stored and metered, with the scenario's data of the step."""
        k, capacity, size = raw["step"], self.community.battery_capacity_kwh, self.community.n_prosumers
        scenario = self._scenario
        return Observation(
            demand_kw=scenario.demand_kw[k],
            pv_kw=scenario.pv_kw[k],
            soc=np.divide(raw["energy_kwh"], capacity, out=np.zeros(size), where=capacity > 0),
            retail_price=np.full(size, scenario.retail_price[k]),
            feed_in_price=np.full(size, scenario.feed_in_price[k]),
            feeder_kw=raw["feeder_kw"],
            applied_battery_kw=raw["battery_kw"],
            time=scenario.time[k],
        )

    def from_decision(self, decision: Decision) -> dict[str, Vector]:
        """Return the powers that Load, Generator and Storage elements are set to."""
        k = self._k
        demand = self._scenario.demand_kw[k]
        load = np.minimum(demand - decision.shed_kw, decision.load_cap_kw)
        share = np.divide(load, demand, out=np.zeros_like(demand), where=demand > 0)
        return {
            "load_kw": load,
            "load_kvar": share * self._kvar[k],
            "generation_kw": np.minimum(self._scenario.pv_kw[k] - decision.curtail_kw, decision.generation_cap_kw),
            "battery_kw": decision.battery_kw,
        }

    def step(self, action: dict[str, Vector]) -> dict[str, Any]:
        """Let OpenDSS solve a step."""
        if self._circuit is None or self.is_done:
            raise ModelError("step", self._step, f"a step below {self._scenario.n_steps} after reset()")
        self._last = self._circuit.step(**action)
        self._step += 1
        return self._read(self._circuit)

    @property
    def is_done(self) -> bool:
        """Whether the scenario is over."""
        return self._step >= self._scenario.n_steps

    def line_flows(self) -> LineFlows:
        """Return the flows that OpenDSS measured in the last step."""
        if self._last is None:
            raise ModelError("step", self._step, "a step that was played")
        return LineFlows(self._last.downstream_kw, self._last.upstream_kw)

    @property
    def _k(self) -> int:
        """Step whose data are read; the last one again once the scenario is over."""
        return min(self._step, self._scenario.n_steps - 1)

    def _read(self, circuit: OpenDss) -> dict[str, Any]:
        feeder = int(np.argmin(self._grid.network.parent))
        last = self._last
        return {
            "step": self._k,
            "energy_kwh": circuit.energy_kwh,
            "battery_kw": None if last is None else circuit.battery_kw,
            "feeder_kw": None if last is None else float(last.upstream_kw[feeder]),
        }
