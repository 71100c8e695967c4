"""The physics of the model: the only copy of each formula.

Powers are kW, energies kWh, times hours; b > 0 charges, n > 0 exports. Every function works on arrays of any shape
that broadcast, and on integers (milliwatts) as well as floats where no division is involved.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autonomy.layers import rounding
from autonomy.layers.arrays import ArrayLike, Mask, Matrix, Vector
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.layers.storage import Storage

IMPLAUSIBLE_FACTOR = 10.0
IMPLAUSIBLE_KW = 10_000.0


class BatteryBox(NamedTuple):
    """The interval battery power must lie in.

    Attributes:
        lower_kw: (N,) kW, blo <= upper_kw.
        upper_kw: (N,) kW, bhi.
        ramp_relaxed: (N,) True where the ramp window and the SoC and rate limits do not meet; SoC and rate win.
    """

    lower_kw: Vector
    upper_kw: Vector
    ramp_relaxed: Mask


def reach_kw(storage: Storage, energy_kwh: Vector) -> Matrix:
    """Return (2, N) the most that each battery can charge, and discharge, over the next step, ramps aside.

        charge:    min(P⁺, (emax − e)/(dt·ec))
        discharge: min(P⁻, (e − emin)·ed/dt)

    An energy outside its band is not forced back: the side that would worsen it is 0 and the other stays open, so
    recovery is monotone.
    """
    reach = np.empty_like(storage.hours)
    np.subtract(storage.energy_max_kwh, energy_kwh, out=reach[0])
    np.subtract(energy_kwh, storage.energy_min_kwh, out=reach[1])
    np.maximum(reach, storage.nothing, out=reach)
    reach *= storage.yield_
    with np.errstate(over="ignore"):  # more than a float can hold is more than the power limit
        reach /= storage.hours
    return np.minimum(reach, storage.power_limit_kw, out=reach)


def battery_box(reach: Matrix, *, ramp_limit_kw: Vector, previous_kw: Vector) -> BatteryBox:
    """Return the box that keeps SoC, rate and ramp limits over the next step, given `reach_kw`.

        bhi =  min(P⁺, (emax − e)/(dt·ec), b_prev + R)
        blo = −min(P⁻, (e − emin)·ed/dt,   R − b_prev)

    Without a ramp limit 0 is always inside the box. The ramp window is rounded inward.
    """
    upper, lower = reach[0], -reach[1]
    ramp_lower, ramp_upper = -rounding.added(ramp_limit_kw, -previous_kw), rounding.added(previous_kw, ramp_limit_kw)
    relaxed = (ramp_lower > upper) | (ramp_upper < lower)
    # Where the windows do not meet, the nearest allowed power to the ramp window is the only sensible point.
    nearest = np.where(ramp_lower > upper, upper, lower)
    return BatteryBox(
        lower_kw=np.where(relaxed, nearest, np.maximum(lower, ramp_lower)),
        upper_kw=np.where(relaxed, nearest, np.minimum(upper, ramp_upper)),
        ramp_relaxed=relaxed,
    )


def rated_box(community: Community, energy_kwh: Vector, previous_kw: Vector | None = None) -> BatteryBox:
    """Return `battery_box` at the community's own ratings; without `previous_kw` there is no ramp window."""
    size = community.n_prosumers
    return battery_box(
        reach_kw(community.storage, energy_kwh),
        ramp_limit_kw=np.full(size, np.inf) if previous_kw is None else community.ramp_limit_kw,
        previous_kw=np.zeros(size) if previous_kw is None else previous_kw,
    )


def rated_energy_after_kwh(community: Community, energy_kwh: Vector, battery_kw: Vector) -> Vector:
    """Return `next_energy_kwh` at the community's own efficiencies, self-discharge and time step."""
    return next_energy_kwh(
        energy_kwh,
        battery_kw,
        charge_efficiency=community.charge_efficiency,
        discharge_efficiency=community.discharge_efficiency,
        timestep_h=community.timestep_h,
        retention=community.retention,
    )


def next_energy_kwh(
    energy_kwh: Vector,
    battery_kw: Vector,
    *,
    charge_efficiency: Vector,
    discharge_efficiency: Vector,
    timestep_h: float,
    retention: Vector | float = 1.0,
) -> Vector:
    """Return e' = a·e + dt·(ec·max(b, 0) − max(−b, 0)/ed); a is `retention`, what a step leaves of what is stored."""
    charge, discharge = np.maximum(battery_kw, 0.0), np.maximum(-battery_kw, 0.0)
    energy_kwh = retention * energy_kwh
    return energy_kwh + timestep_h * (charge_efficiency * charge - discharge / discharge_efficiency)


def power_to_reach_kw(community: Community, energy_after_kwh: Vector, energy_kwh: Vector) -> Vector:
    """Return the battery power from which a given energy follows, + = charge: `rated_energy_after_kwh` turned round.

    b = (e' − a·e)/(dt·ec) where that charges, and (e' − a·e)·ed/dt where it discharges.
    """
    change, hours = energy_after_kwh - community.retention * energy_kwh, community.timestep_h
    charging = change / (hours * community.charge_efficiency)
    return np.where(change > 0, charging, change * community.discharge_efficiency / hours)


def net_export(generation: NDArray[Any], load: NDArray[Any], battery: NDArray[Any]) -> NDArray[Any]:
    """Return n = (g − c) − (d − s) − b, given what is left of generation and load after curtailing and shedding."""
    result: NDArray[Any] = generation - load - battery
    return result


def left_of(available_kw: Vector, cut_kw: Vector, cap_kw: Vector) -> Vector:
    """Return what devices leave of generation, or of load: less what is cut, and never above the cap."""
    left: Vector = np.minimum(available_kw - cut_kw, cap_kw)
    return left


def line_flows(network: Network, net_export_by_node: NDArray[Any]) -> NDArray[Any]:
    """Return (..., M) Σ n_i over the prosumers below each line, + = towards the grid; exact on integers."""
    if network.n_lines == 1:
        return np.add.reduce(net_export_by_node, axis=-1, keepdims=True)
    if net_export_by_node.ndim == 1 and net_export_by_node.dtype.kind == "i":
        # Whoever is below a line stands together, so a sum below is a difference of running sums. Integers alone
        # bear that: in floats one huge value would drown all that come after it.
        order, first, end = network.slices
        running = np.zeros(order.size + 1, dtype=net_export_by_node.dtype)
        np.cumsum(net_export_by_node[order], out=running[1:])
        return running[end] - running[first]
    flows = own_flows(network, net_export_by_node)
    if flows.ndim > 1:
        for line, above in network.inwards:
            flows[..., above] += flows[..., line]
        return flows
    totals = flows.tolist()
    for line, above in network.inwards:
        totals[above] += totals[line]
    return np.array(totals, dtype=flows.dtype)


def own_flows(network: Network, net_export_by_node: NDArray[Any]) -> NDArray[Any]:
    """Return (..., M) Σ n_i over the prosumers at the bus of each line, without those further out."""
    flows = np.zeros((*net_export_by_node.shape[:-1], network.n_lines), dtype=net_export_by_node.dtype)
    if flows.ndim == 1:
        np.add.at(flows, network.bus_of_prosumer, net_export_by_node)
    else:  # in the same order, so that many are the same as one by one
        for prosumer, line in enumerate(network.bus_of_prosumer.tolist()):
            flows[..., line] += net_export_by_node[..., prosumer]
    return flows


def plausible_power_kw(connection_limit_kw: Vector, charge_limit_kw: Vector, discharge_limit_kw: Vector) -> Vector:
    """Return (N,) the demand or generation in kW beyond which a value is taken for a wrong unit (W for kW).

    Ten times what connection and battery together can carry: a home that is measured in W exceeds it by far, and no
    real load or generator comes near. Without a connection limit it is 10 MW.
    """
    with np.errstate(over="ignore"):  # too large for a float is as good as no limit
        carried = IMPLAUSIBLE_FACTOR * (connection_limit_kw + charge_limit_kw + discharge_limit_kw)
    return np.where(np.isfinite(carried), carried, IMPLAUSIBLE_KW)


class LossyFlows(NamedTuple):
    """Flows of a network with line losses.

    Attributes:
        downstream_kw: (..., M) kW at the bus the line feeds, + = towards the grid.
        loss_kw: (..., M) kW >= 0 lost in each line.
    """

    downstream_kw: Vector
    loss_kw: Vector

    @property
    def upstream_kw(self) -> Vector:
        """(..., M) kW at the upstream end; for the feeder, what the grid sees."""
        return self.downstream_kw - self.loss_kw


def lossy_flows(network: Network, net_export_kw: Vector) -> LossyFlows:
    """Return flows and losses, line by line from the leaves: loss = r·f² with f the flow at the downstream bus."""
    if network.is_lossless:
        flows = line_flows(network, net_export_kw)
        return LossyFlows(flows, np.zeros(flows.shape))
    flows = own_flows(network, net_export_kw)
    losses = np.zeros(flows.shape)
    for line in network.leaves_first:
        losses[..., line] = network.loss_coefficient_per_kw[line] * flows[..., line] ** 2
        if network.parent[line] >= 0:
            flows[..., network.parent[line]] += flows[..., line] - losses[..., line]
    return LossyFlows(flows, losses)


def least_above(network: Network, by_line: Vector) -> Vector:
    """Return (..., N) the smallest of the (..., M) values over the lines above each prosumer."""
    least = by_line
    for above in network.leaps:
        least = np.minimum(least, least.take(above, axis=-1))
    return least.take(network.bus_of_prosumer, axis=-1)


def fair_share_kw(network: Network, limit_kw: Vector) -> Vector:
    """Return (N,) the largest equal-per-line shares: min over the lines above of L_l / (prosumers below l).

    If every prosumer stays inside its share, every line stays inside its limit: Σ_{i below l} share_i <= L_l, exactly,
    because quotients are rounded down.
    """
    return least_above(network, rounding.divided(limit_kw, network.sharers))


def balance_residual_kw(
    *,
    generation_kw: Vector,
    load_kw: Vector,
    battery_kw: Vector,
    grid_import_kw: ArrayLike,
    grid_export_kw: ArrayLike,
    loss_kw: ArrayLike,
) -> Any:
    """Return (...) kW of generation + imports + discharge − (consumption + exports + charge + losses); 0 when balanced.

    The first three are (..., N), the others (...).
    """
    charge, discharge = np.maximum(battery_kw, 0.0), np.maximum(-battery_kw, 0.0)
    add = np.add.reduce
    supply = add(generation_kw, axis=-1) + grid_import_kw + add(discharge, axis=-1)
    use = add(load_kw, axis=-1) + grid_export_kw + add(charge, axis=-1) + loss_kw
    return supply - use
