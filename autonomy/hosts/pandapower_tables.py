"""The tables of a pandapower net and the project's units: every conversion, once, for whoever plays a net.

pandapower counts in MW; a storage's power is + when it charges, like ours, and a transformer's `p_hv_mw` is + when the
net imports. What stands in a table's `p_mw` is multiplied by its `scaling`; power in MW is meant after that here. It
integrates no energy: what a storage holds is kept by the model's formula, and written to `soc_percent`. Whether a line
or the transformer is overloaded is pandapower's word alone (`loading_percent`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from autonomy.errors import OptionalDependencyError
from autonomy.hosts.pandapower_net import require_prosumers
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
CAPACITY_MWH = 1e-9
"""MWh by which a storage's capacity may differ from the community's: a milliwatt-hour, rounding."""


class Uncut(NamedTuple):
    """What loads and plants do where nothing is cut.

    Attributes:
        load_mw: (N,) MW >= 0.
        load_mvar: (N,) Mvar, + = inductive.
        plant_mw: (S,) MW >= 0.
    """

    load_mw: Vector
    load_mvar: Vector
    plant_mw: Vector


class Metered(NamedTuple):
    """What a power flow says of a step.

    Attributes:
        storage_mw: (N,) MW, + = charge.
        p_hv_mw: MW at the transformer's upper side, + = import; None where there was no power flow.
    """

    storage_mw: Vector
    p_hv_mw: float | None


class Tables:
    """The loads, plants and storages of a net, one load and one storage a prosumer, and what they say.

    Args:
        net: What `autonomy.hosts.pandapower_net.community_of` made the community of, with its storages.
        community: Their limits.
        retail_price: Currency/kWh.
        feed_in_price: Currency/kWh.

    Raises:
        ModelError: the tables are not those of the community.
    """

    def __init__(self, net: Any, community: Community, *, retail_price: float, feed_in_price: float) -> None:
        require_prosumers(net)
        if len(net.load) != community.n_prosumers:
            raise ModelError("community.n_prosumers", community.n_prosumers, f"{len(net.load)}, the loads of the net")
        capacity_mwh = community.battery_capacity_kwh / 1e3
        if net.storage.bus.tolist() != net.load.bus.tolist():
            raise ModelError(
                "net.storage.bus", net.storage.bus.tolist(), f"{net.load.bus.tolist()}, those of the loads"
            )
        if not np.all(np.abs(net.storage.max_e_mwh.to_numpy() - capacity_mwh) <= CAPACITY_MWH):
            raise ModelError("net.storage.max_e_mwh", net.storage.max_e_mwh.tolist(), f"{capacity_mwh.tolist()} MWh")
        self.community, self._prices = community, (retail_price, feed_in_price)
        # (N, S): which prosumer a plant belongs to.
        self._owner = (net.load.bus.to_numpy()[:, None] == net.sgen.bus.to_numpy()[None, :]).astype(float)
        self._no_load_kw = float(net.trafo.pfe_kw.iloc[0])

    def start_kwh(self, soc: float | Vector) -> Vector:
        """Return (N,) kWh at a state of charge, or at the nearest end of the battery's band."""
        start: Vector = np.clip(soc, self.community.soc_min, self.community.soc_max)
        return start * self.community.battery_capacity_kwh

    def soc_percent(self, energy_kwh: Vector) -> Vector:
        """Return (N,) per cent; 0 of a battery that is none."""
        capacity = self.community.battery_capacity_kwh
        percent: Vector = 100.0 * np.divide(energy_kwh, capacity, out=np.zeros(capacity.size), where=capacity > 0)
        return percent

    def energy_after_kwh(self, energy_kwh: Vector, metered: Metered) -> Vector:
        """Return (N,) kWh after a step, by the model's formula."""
        return physics.rated_energy_after_kwh(self.community, energy_kwh, 1e3 * metered.storage_mw)

    def observation(self, energy_kwh: Vector, uncut: Uncut, before: Metered | None, time: Any) -> Observation:
        """Return MW as kW, per cent as fractions, and imports of the transformer as negative exports.

        Args:
            energy_kwh: (N,) kWh at the step's start.
            uncut: Of the step to be decided.
            before: Of the step before it; None where there was none.
            time: When the step begins, or None.
        """
        feeder = None if before is None else before.p_hv_mw
        return Observation(
            demand_kw=1e3 * uncut.load_mw,
            pv_kw=1e3 * self._owner @ uncut.plant_mw,
            soc=self.soc_percent(energy_kwh) / 100.0,
            retail_price=self._prices[0],  # type: ignore[arg-type]
            feed_in_price=self._prices[1],  # type: ignore[arg-type]
            # The no-load loss is there whatever the nodes do; the model, which knows no such loss, meters without it.
            feeder_kw=None if feeder is None else -1e3 * feeder + self._no_load_kw,
            applied_battery_kw=None if before is None else 1e3 * before.storage_mw,
            time=time,
        )

    def set_points(self, decision: Decision, uncut: Uncut) -> dict[str, Vector]:
        """Return what loads, plants and storages are set to, MW and Mvar."""
        demand, plants = uncut.load_mw, uncut.plant_mw
        load = np.minimum(demand - decision.shed_kw / 1e3, decision.load_cap_kw / 1e3)
        available = self._owner @ plants
        left = np.minimum(available - decision.curtail_kw / 1e3, decision.generation_cap_kw / 1e3)
        share = np.divide(left, available, out=np.ones_like(left), where=available > 0)
        return {
            "load_mw": load,
            "load_mvar": uncut.load_mvar * np.divide(load, demand, out=np.zeros_like(load), where=demand > 0),
            "plant_mw": plants * (share @ self._owner),
            "storage_mw": decision.battery_kw / 1e3,
        }


def load_pandapower() -> Any:
    """Return pandapower.

    Raises:
        OptionalDependencyError: it is not installed.
    """
    try:
        import pandapower  # noqa: PLC0415 - optional, and `import autonomy` must stay light
        import pandapower.control  # noqa: PLC0415 - likewise
    except ImportError:
        raise OptionalDependencyError("pandapower", "pandapower") from None
    return pandapower


def add_storages(net: Any, community: Community) -> None:
    """Give every load of a net a storage of its prosumer's capacity, half full."""
    pandapower = load_pandapower()
    for bus, capacity in zip(net.load.bus, community.battery_capacity_kwh, strict=True):
        pandapower.create_storage(net, bus, p_mw=0.0, max_e_mwh=capacity / 1e3, soc_percent=100.0 * INITIAL_SOC)


COLUMNS = {
    "load_mw": ("load", "p_mw"),
    "load_mvar": ("load", "q_mvar"),
    "plant_mw": ("sgen", "p_mw"),
    "storage_mw": ("storage", "p_mw"),
}
"""The table and column of every set-point."""


def columns(net: Any) -> dict[str, Vector]:
    """Return what stands in the tables, before scaling."""
    return {name: net[table][column].to_numpy(dtype=np.float64, copy=True) for name, (table, column) in COLUMNS.items()}


def read(net: Any) -> dict[str, Vector]:
    """Return what the tables say, MW and Mvar after scaling; 0 for what is out of service."""
    return {name: value * _factor(net, name) for name, value in columns(net).items()}


def write(net: Any, set_points: dict[str, Vector]) -> None:
    """Write MW and Mvar to the tables; what is out of service keeps what it has."""
    for name, value in set_points.items():
        table, column = COLUMNS[name]
        factor, kept = _factor(net, name), net[table][column].to_numpy(dtype=np.float64, copy=True)
        net[table][column] = np.divide(value, factor, out=kept, where=factor != 0)


def put_back(net: Any, found: dict[str, Vector], written: dict[str, Vector]) -> None:
    """Write what was found in the tables again, but for what somebody else has changed since."""
    for name, now in columns(net).items():
        table, column = COLUMNS[name]
        net[table][column] = np.where(now == written[name], found[name], now)


def metered(net: Any) -> Metered:
    """Return what the last power flow says."""
    return Metered(net.res_storage.p_mw.to_numpy(dtype=np.float64), float(net.res_trafo.p_hv_mw.iloc[0]))


def excess_kw(net: Any) -> float:
    """Return kW by which the worst line or the transformer passed its rating in the last step, < 0 for room."""
    line, transformer = net.res_line.loading_percent, net.res_trafo.loading_percent
    volts = net.trafo.vn_lv_kv.iloc[0]
    kva = 1e3 * np.sqrt(3.0) * volts * (net.line.max_i_ka * net.line.parallel * net.line.df)
    beyond = (*((line / 100 - 1) * kva), *((transformer / 100 - 1) * 1e3 * net.trafo.sn_mva))
    return float(np.max(beyond))


def _factor(net: Any, name: str) -> Vector:
    table = net[COLUMNS[name][0]]
    factor: Vector = (table.scaling * table.in_service).to_numpy(dtype=np.float64)
    return factor
