"""A radial pandapower net as a community: a prosumer and a battery a load, the transformer as the feeder.

Ratings are currents, the model's limits are kW. With S the rating at nominal voltage, v the lowest voltage per unit at
which the limit is to hold, and q the largest reactive power below, a line carries at least

    L = √((v·S)² − q²) kW

The transformer's no-load loss is taken off its limit too.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def profiles_of(net: Any, *, time_steps: Sequence[Any], timestep_h: float, start: Any = "1970-01-01") -> Profiles:
    """Return the profiles that a net's own ConstControls will write in `pandapower.timeseries.run_timeseries`.

    Args:
        net: A net with its controllers; what has none stays as its table says.
        time_steps: As of `run_timeseries`.
        timestep_h: Hours of a step.
        start: When the first of them begins, as `numpy.datetime64` takes it; it does not matter to a community.

    Raises:
        ModelError: a controller has no value for a time step.
    """
    size = len(time_steps)
    keys = ("load", "p_mw"), ("load", "q_mvar"), ("sgen", "p_mw")
    values = {key: np.tile(net[key[0]][key[1]].to_numpy(dtype=np.float64), (size, 1)) for key in keys}
    for number, control in profiled(net).items():
        key = control.element, control.variable
        if key not in values:
            continue
        places = net[key[0]].index.get_indexer(np.atleast_1d(control.element_index))
        for row, step in enumerate(time_steps):
            try:
                values[key][row, places] = control.data_source.get_time_step_value(
                    time_step=step, profile_name=control.profile_name, scale_factor=control.scale_factor
                )
            except LookupError:
                raise _no_profile(number, control, [step]) from None
    load, plant = net.load.scaling.to_numpy(), net.sgen.scaling.to_numpy()
    return Profiles(
        time=np.datetime64(start) + np.arange(size) * np.timedelta64(round(3600e3 * timestep_h), "ms"),
        load_mw=values["load", "p_mw"] * load,
        load_mvar=values["load", "q_mvar"] * load,
        plant_mw=values["sgen", "p_mw"] * plant,
        timestep_h=timestep_h,
    )


def profiled(net: Any) -> dict[int, Any]:
    """Return the controllers in service that write a profile, by their number."""
    found = net.controller.object[net.controller.in_service.astype(bool)]
    return {number: control for number, control in found.items() if getattr(control, "data_source", None) is not None}


def require_profiles(net: Any, time_steps: Sequence[Any]) -> None:
    """Raise unless every profile that is a table has every time step.

    Raises:
        ModelError: one has not.
    """
    for number, control in profiled(net).items():
        table = getattr(control.data_source, "df", None)
        if table is not None:
            missing = [step for step in time_steps if step not in table.index]
            if missing:
                raise _no_profile(number, control, missing)


def _no_profile(number: int, control: Any, missing: Sequence[Any]) -> ModelError:
    what = f"{control.element}.{control.variable}"
    shown = ", ".join(str(step) for step in missing[:3]) + (", …" if len(missing) > 3 else "")
    return ModelError("time_steps", shown, f"time steps of the profile of {what} (net.controller {number})")


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


def require_prosumers(net: Any) -> None:
    """Raise unless a net has one transformer, one load a bus, and plants where loads are.

    Raises:
        ModelError: it has not.
    """
    found = {"trafo": len(net.trafo), "gen": len(net.gen)}
    if found != {"trafo": 1, "gen": 0}:
        raise ModelError("net", found, "one transformer, and no gen of the net's own")
    if not net.load.bus.is_unique:
        raise ModelError("net.load.bus", net.load.bus.tolist(), "one load a bus")
    if not (set(net.sgen.bus) <= set(net.load.bus)):
        raise ModelError("net.sgen.bus", net.sgen.bus.tolist(), "the buses of loads")


def _require(net: Any) -> None:
    require_prosumers(net)
    if len(net.storage):
        raise ModelError("net.storage", len(net.storage), "no storage of the net's own; each load is given one")
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
