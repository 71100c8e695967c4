"""pandapower as a host: loads, plants and storages of a net, step by step. Run with pandapower 3.5.6, simbench 1.6.3.

pandapower counts in MW; a storage's power is + when it charges, like ours, and a transformer's `p_hv_mw` is + when the
net imports. It integrates no energy: what a storage holds is kept here, by the model's formula, and written to
`soc_percent`. Whether a line or the transformer is overloaded is pandapower's word alone (`loading_percent`).
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from autonomy.errors import OptionalDependencyError
from autonomy.hosts.host import Capabilities
from autonomy.hosts.pandapower_net import Profiles
from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Observation
from autonomy.layers.supervision.monitors import Accuracy

INITIAL_SOC = 0.5
ACCURACY = Accuracy(
    power_error=0.02, power_resolution_kw=0.05, soc_resolution=1e-6, efficiency_error=1e-6, clock_jitter=0.0, obeys=True
)
"""How exact pandapower is, for `Supervisor(accuracy=…)`: the feeder is off by what line losses are in reality."""


class PandapowerHost:
    """A net and its profiles as a `Host`.

    Args:
        net: What the community was made of; a copy of it is played.
        profiles: The data.
        community: What `autonomy.hosts.pandapower_net.community_of` returned for it.
        retail_price: Currency/kWh; SimBench has no tariff.
        feed_in_price: Currency/kWh.

    Raises:
        OptionalDependencyError: pandapower is not installed.
    """

    capabilities = Capabilities(curtail=True, shed=True)

    def __init__(
        self,
        net: Any,
        profiles: Profiles,
        community: Community,
        *,
        retail_price: float = 0.30,
        feed_in_price: float = 0.08,
    ) -> None:
        try:
            import pandapower  # noqa: PLC0415 - optional, and `import autonomy` must stay light
        except ImportError:
            raise OptionalDependencyError("pandapower", "pandapower") from None
        self._pandapower = pandapower
        self.net, self.community, self._profiles = copy.deepcopy(net), community, profiles
        self._prices = retail_price, feed_in_price
        size = community.n_prosumers
        for bus, capacity in zip(self.net.load.bus, community.battery_capacity_kwh, strict=True):
            pandapower.create_storage(self.net, bus, p_mw=0.0, max_e_mwh=capacity / 1e3, soc_percent=50.0)
        # (N, S): which prosumer a plant belongs to.
        self._owner = (self.net.load.bus.to_numpy()[:, None] == self.net.sgen.bus.to_numpy()[None, :]).astype(float)
        self._step, self._has_acted = 0, False
        self._energy_kwh = np.zeros(size)

    def reset(self, *, seed: int | None = None) -> dict[str, Any]:  # noqa: ARG002 - nothing here is random
        """Go back to the first step, batteries half full or at the nearest end of their band."""
        start = np.clip(INITIAL_SOC, self.community.soc_min, self.community.soc_max)
        self._energy_kwh = start * self.community.battery_capacity_kwh
        self._step, self._has_acted = 0, False
        return self._read()

    def to_observation(self, raw: dict[str, Any]) -> Observation:
        """Return MW as kW, per cent as fractions, and imports of the transformer as negative exports."""
        feeder = raw["p_hv_mw"]
        return Observation(
            demand_kw=1e3 * raw["load_mw"],
            pv_kw=1e3 * self._owner @ raw["plant_mw"],
            soc=raw["soc_percent"] / 100.0,
            retail_price=self._prices[0],  # type: ignore[arg-type]
            feed_in_price=self._prices[1],  # type: ignore[arg-type]
            # The no-load loss is there whatever the nodes do; the model, which knows no such loss, meters without it.
            feeder_kw=None if feeder is None else -1e3 * feeder + float(self.net.trafo.pfe_kw.iloc[0]),
            applied_battery_kw=None if feeder is None else 1e3 * raw["storage_mw"],
            time=raw["time"],
        )

    def from_decision(self, decision: Decision) -> dict[str, Vector]:
        """Return what the tables of loads, plants and storages are set to, MW and Mvar."""
        k, profiles = self._k, self._profiles
        demand, plants = profiles.load_mw[k], profiles.plant_mw[k]
        load = np.minimum(demand - decision.shed_kw / 1e3, decision.load_cap_kw / 1e3)
        available = self._owner @ plants
        left = np.minimum(available - decision.curtail_kw / 1e3, decision.generation_cap_kw / 1e3)
        share = np.divide(left, available, out=np.ones_like(left), where=available > 0)
        return {
            "load_mw": load,
            "load_mvar": profiles.load_mvar[k] * np.divide(load, demand, out=np.zeros_like(load), where=demand > 0),
            "plant_mw": plants * (share @ self._owner),
            "storage_mw": decision.battery_kw / 1e3,
        }

    def step(self, action: dict[str, Vector]) -> dict[str, Any]:
        """Let pandapower solve a step.

        Raises:
            ModelError: the profiles are over.
        """
        if self.is_done:
            raise ModelError("step", self._step, f"a step below {len(self._profiles.load_mw)}")
        net = self.net
        net.load["p_mw"], net.load["q_mvar"] = action["load_mw"], action["load_mvar"]
        net.sgen["p_mw"], net.storage["p_mw"] = action["plant_mw"], action["storage_mw"]
        self._pandapower.runpp(net, init="results" if self._has_acted else "auto")
        self._energy_kwh = physics.rated_energy_after_kwh(
            self.community, self._energy_kwh, 1e3 * net.res_storage.p_mw.to_numpy(dtype=np.float64)
        )
        net.storage["soc_percent"] = 100.0 * self._soc
        self._step, self._has_acted = self._step + 1, True
        return self._read()

    @property
    def is_done(self) -> bool:
        """Whether the profiles are over."""
        return self._step >= len(self._profiles.load_mw)

    def excess_kw(self) -> float:
        """Return kW by which the worst line or the transformer passed its rating in the last step, < 0 for room."""
        line, transformer = self.net.res_line.loading_percent, self.net.res_trafo.loading_percent
        volts = self.net.trafo.vn_lv_kv.iloc[0]
        kva = 1e3 * np.sqrt(3.0) * volts * (self.net.line.max_i_ka * self.net.line.parallel * self.net.line.df)
        beyond = (*((line / 100 - 1) * kva), *((transformer / 100 - 1) * 1e3 * self.net.trafo.sn_mva))
        return float(np.max(beyond))

    @property
    def _k(self) -> int:
        """Step whose data are read; the last one again once the profiles are over."""
        return min(self._step, len(self._profiles.load_mw) - 1)

    @property
    def _soc(self) -> Vector:
        capacity = self.community.battery_capacity_kwh
        soc: Vector = np.divide(self._energy_kwh, capacity, out=np.zeros(capacity.size), where=capacity > 0)
        return soc

    def _read(self) -> dict[str, Any]:
        k, net, profiles = self._k, self.net, self._profiles
        return {
            "time": profiles.time[k],
            "load_mw": profiles.load_mw[k],
            "plant_mw": profiles.plant_mw[k],
            "soc_percent": 100.0 * self._soc,
            "storage_mw": net.res_storage.p_mw.to_numpy(dtype=np.float64) if self._has_acted else None,
            "p_hv_mw": float(net.res_trafo.p_hv_mw.iloc[0]) if self._has_acted else None,
        }
