"""A radial pandapower net as a community: a prosumer and a battery a load, the transformer as the feeder.

Ratings are currents, the model's limits are kW. With S the rating at nominal voltage, v the lowest voltage per unit at
which the limit is to hold, and q the largest reactive power below, a line carries at least

    L = √((v·S)² − q²) kW

The transformer's no-load loss is taken off its limit too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autonomy.layers.arrays import Matrix
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.layers.network import Network

LOWEST_VOLTAGE_PU = 0.95
"""Per unit, down to which limits made of ratings hold; below it a current can pass its rating at the limit's power."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Profiles:
    """What the loads and plants of a net do, step by step, in pandapower's own units.

    Attributes:
        time: (T,) when each step begins.
        load_mw: (T, N) MW of every load, >= 0.
        load_mvar: (T, N) Mvar of every load, + = inductive.
        plant_mw: (T, S) MW of every static generator, >= 0.
        timestep_h: Hours of a step.
    """

    time: Any
    load_mw: Matrix
    load_mvar: Matrix
    plant_mw: Matrix
    timestep_h: float

    def __post_init__(self) -> None:
        for name in ("load_mw", "plant_mw"):
            if not np.all(getattr(self, name) >= 0):
                raise ModelError(name, "a number below 0, or none", "MW >= 0")
        if not np.isfinite(self.load_mvar).all():
            raise ModelError("load_mvar", "a number that is not finite", "Mvar")


def simbench_profiles(net: Any, *, first: int, steps: int) -> Profiles:
    """Return the SimBench profiles of a net [Meinecke2020] for a part of 2016; needs the package simbench.

    Args:
        net: What `simbench.get_simbench_net` returned.
        first: First quarter of an hour of the year.
        steps: How many.
    """
    import simbench  # noqa: PLC0415 - optional, and `import autonomy` must stay light

    values = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    rows = slice(first, first + steps)
    return Profiles(
        time=np.datetime64("2016-01-01T00:00") + 15 * np.arange(first, first + steps) * np.timedelta64(1, "m"),
        load_mw=values["load", "p_mw"][net.load.index].to_numpy()[rows],
        load_mvar=values["load", "q_mvar"][net.load.index].to_numpy()[rows],
        plant_mw=values["sgen", "p_mw"][net.sgen.index].to_numpy()[rows],
        timestep_h=0.25,
    )


class _Branch(NamedTuple):
    """A line of the tree, as pandapower has it."""

    parent: int
    bus: int
    rating_kva: float
    resistance_ohm: float


def community_of(
    net: Any, profiles: Profiles, *, lowest_voltage_pu: float = LOWEST_VOLTAGE_PU, **battery: float
) -> Community:
    """Return the community of a net: line 0 is the transformer, the others follow outwards.

    Args:
        net: One transformer and the radial lines behind it, every plant at the bus of a load.
        profiles: For the largest reactive power of every load.
        lowest_voltage_pu: See the module.
        battery: What every prosumer has: `battery_capacity_kwh`, `charge_limit_kw` and so on, as of `Community`.

    Raises:
        ModelError: the net is no such net, or a line's rating is used up by reactive power.
    """
    _require(net)
    branches = _tree(net)
    place = {branch.bus: number for number, branch in enumerate(branches)}
    bus_of_prosumer = np.array([place.get(bus, -1) for bus in net.load.bus])
    if (bus_of_prosumer < 0).any():
        raise ModelError("net.load.bus", net.load.bus.tolist(), "buses behind the transformer")
    parent = np.array([branch.parent for branch in branches])
    rating = np.array([branch.rating_kva for branch in branches])
    transformer = net.trafo.iloc[0]
    reactive = _below(parent, bus_of_prosumer, 1e3 * np.abs(profiles.load_mvar).max(axis=0))
    reactive[0] += 10.0 * transformer.i0_percent * transformer.sn_mva
    room = (lowest_voltage_pu * rating) ** 2 - reactive**2
    if not (room > 0).all():
        raise ModelError("profiles.load_mvar", float(reactive.max()), "less kvar than the lines' ratings")
    limit = np.sqrt(room)
    limit[0] -= transformer.pfe_kw
    network = Network(
        parent=parent,
        bus_of_prosumer=bus_of_prosumer,
        import_limit_kw=limit,
        export_limit_kw=limit,
        resistance_ohm=np.array([branch.resistance_ohm for branch in branches]),
        nominal_voltage_v=1e3 * float(transformer.vn_lv_kv),
    )
    names = tuple(str(name) for name in net.load.name)
    return Community(network=network, timestep_h=profiles.timestep_h, names=names, **battery)  # type: ignore[arg-type]


def _require(net: Any) -> None:
    found = {"trafo": len(net.trafo), "storage": len(net.storage), "gen": len(net.gen)}
    if found != {"trafo": 1, "storage": 0, "gen": 0}:
        raise ModelError("net", found, "one transformer, and no storage or gen of the net's own")
    if not net.load.bus.is_unique:
        raise ModelError("net.load.bus", net.load.bus.tolist(), "one load a bus")
    if not (set(net.sgen.bus) <= set(net.load.bus)):
        raise ModelError("net.sgen.bus", net.sgen.bus.tolist(), "the buses of loads")
    if "closed" in net.switch and not net.switch.closed.all():
        raise ModelError("net.switch.closed", "an open switch", "closed switches; take open lines out of service")


def _tree(net: Any) -> list[_Branch]:
    """Return the transformer and then every line, each after the one it hangs on."""
    transformer = net.trafo.iloc[0]
    kilovolt, rating = float(transformer.vn_lv_kv), float(transformer.sn_mva)
    branches = [
        _Branch(-1, int(transformer.lv_bus), 1e3 * rating, transformer.vkr_percent / 100 * kilovolt**2 / rating)
    ]
    left = net.line[net.line.in_service]
    while len(left):
        place = {branch.bus: number for number, branch in enumerate(branches)}
        starts, ends = left.from_bus.isin(place), left.to_bus.isin(place)
        ring = starts & ends
        for number, line in left[starts ^ ends].iterrows():
            inner, outer = (line.from_bus, line.to_bus) if line.from_bus in place else (line.to_bus, line.from_bus)
            ring[number] = outer in {branch.bus for branch in branches}
            kva = 1e3 * np.sqrt(3.0) * kilovolt * line.max_i_ka * line.parallel * line.df
            branches.append(_Branch(place[inner], int(outer), kva, line.r_ohm_per_km * line.length_km / line.parallel))
        if ring.any() or not (starts | ends).any():
            raise ModelError("net.line", left.index[:3].tolist(), "lines that form a tree behind the transformer")
        left = left[~(starts | ends)]
    return branches


def _below(parent: Any, bus_of_prosumer: Any, amounts: Any) -> Any:
    """Return (M,) sums of what prosumers below each line have; parents stand before their children."""
    sums = np.zeros(parent.size)
    np.add.at(sums, bus_of_prosumer, amounts)
    for line in range(parent.size - 1, 0, -1):
        sums[parent[line]] += sums[line]
    return sums
