"""pandapower as a host: loads, plants and storages of a net, step by step. Run with pandapower 3.5.6, simbench 1.6.3.

Units and signs are those of `autonomy.hosts.pandapower_tables`. A loop of pandapower's own is entered with
`autonomy.hosts.pandapower_control`.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from autonomy.hosts import pandapower_tables as tables
from autonomy.hosts.host import Capabilities
from autonomy.hosts.pandapower_net import Profiles
from autonomy.hosts.pandapower_tables import ACCURACY, INITIAL_SOC, Metered, Tables, Uncut
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Observation

__all__ = ["ACCURACY", "PandapowerHost"]


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
        self._pandapower = tables.load_pandapower()
        self.net, self.community, self._profiles = copy.deepcopy(net), community, profiles
        tables.add_storages(self.net, community)
        self._tables = Tables(self.net, community, retail_price=retail_price, feed_in_price=feed_in_price)
        self._step = 0
        self._metered: Metered | None = None
        self._energy_kwh = np.zeros(community.n_prosumers)

    def reset(self, *, seed: int | None = None) -> dict[str, Any]:  # noqa: ARG002 - nothing here is random
        """Go back to the first step, batteries half full or at the nearest end of their band."""
        self._energy_kwh = self._tables.start_kwh(INITIAL_SOC)
        self._step, self._metered = 0, None
        return self._read()

    def to_observation(self, raw: dict[str, Any]) -> Observation:
        """Return MW as kW, per cent as fractions, and imports of the transformer as negative exports."""
        return self._tables.observation(**raw)

    def from_decision(self, decision: Decision) -> dict[str, Vector]:
        """Return what the tables of loads, plants and storages are set to, MW and Mvar."""
        return self._tables.set_points(decision, self._uncut)

    def step(self, action: dict[str, Vector]) -> dict[str, Any]:
        """Let pandapower solve a step.

        Raises:
            ModelError: the profiles are over.
        """
        if self.is_done:
            raise ModelError("step", self._step, f"a step below {len(self._profiles.load_mw)}")
        tables.write(self.net, action)
        self._pandapower.runpp(self.net, init="auto" if self._metered is None else "results")
        self._metered = tables.metered(self.net)
        self._energy_kwh = self._tables.energy_after_kwh(self._energy_kwh, self._metered)
        self.net.storage["soc_percent"] = self._tables.soc_percent(self._energy_kwh)
        self._step += 1
        return self._read()

    @property
    def is_done(self) -> bool:
        """Whether the profiles are over."""
        return self._step >= len(self._profiles.load_mw)

    def excess_kw(self) -> float:
        """Return kW by which the worst line or the transformer passed its rating in the last step, < 0 for room."""
        return tables.excess_kw(self.net)

    @property
    def _k(self) -> int:
        """Step whose data are read; the last one again once the profiles are over."""
        return min(self._step, len(self._profiles.load_mw) - 1)

    @property
    def _uncut(self) -> Uncut:
        k, profiles = self._k, self._profiles
        return Uncut(profiles.load_mw[k], profiles.load_mvar[k], profiles.plant_mw[k])

    def _read(self) -> dict[str, Any]:
        return {
            "energy_kwh": self._energy_kwh,
            "uncut": self._uncut,
            "before": self._metered,
            "time": self._profiles.time[self._k],
        }
