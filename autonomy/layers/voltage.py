"""Voltage limits of a radial network: linear in the set-points, and still true in the alternating-current power flow.

Write r̂ = 1000·r/V² and x̂ = 1000·x/V² (per kW, V the nominal voltage line to line), v for squared voltages per unit,
and for line k, which feeds bus k, f and q for the active and reactive flow at bus k (kW, kvar, + = towards the grid).
With ℓ = (f² + q²)/v the branch flow equations of a balanced radial network [BaranWu1989; FarivarLow2013] read

    v_k = v_parent + 2·(r̂·f + x̂·q) − (r̂² + x̂²)·ℓ,        v at the grid is given
    f_k = F_k − Σ r̂·ℓ and q_k = Q_k − Σ x̂·ℓ over all lines strictly below k,     r̂·ℓ kW being lost in a line

where F and Q are the sums of what the prosumers below export. LinDistFlow leaves the losses out, so that voltages are
linear in the exports:

    lin_k = lin_parent + 2·(r̂·F + x̂·Q)

Every term left out lowers a voltage. So v <= lin: upper limits on lin hold in the power flow as they are. For the lower
limits let |F_k| <= F̄_k and |Q_k| <= Q̄_k, and compute from the leaves

    ℓ̄_k = ((F̄_k + R_k)² + (Q̄_k + X_k)²)/v_min,     R_k = Σ r̂·ℓ̄ and X_k = Σ x̂·ℓ̄ over the lines strictly below k
    sag_k = sag_parent + 2·(r̂·R + x̂·X) + (r̂² + x̂²)·ℓ̄

If lin_k >= v_min + sag_k at every bus, the power flow has a solution with v_min <= v <= lin and 0 <= ℓ <= ℓ̄. For
the map that takes losses ℓ in the box [0, ℓ̄] to (f² + q²)/v at the voltages these losses make is continuous; v is at
least lin − sag >= v_min, so it maps the box into itself, and has a fixed point there (Brouwer), which solves the
equations. This is a bound, not a measurement; the tests compare it with a power flow program on a SimBench network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Vector, frozen_vector, require
from autonomy.layers.errors import ModelError
from autonomy.layers.network import Network


class Volts(NamedTuple):
    """What a network's buses may have, and must keep free.

    Attributes:
        lowest: (M,) per unit, squared, of LinDistFlow's voltage at each bus: the lower limit plus the sag of losses.
        highest: (M,) per unit, squared.
    """

    lowest: Vector
    highest: Vector


@dataclass(frozen=True, kw_only=True, eq=False)
class VoltageLimits:
    """Limits on the voltage of every bus of a network; resistances are the network's.

    Attributes:
        network: Whose voltages they are.
        reactance_ohm: (M,) ohm >= 0 of each line.
        voltage_min_pu: (M,) per unit > 0, lower limit at the bus each line feeds.
        voltage_max_pu: (M,) per unit, upper limit.
        grid_voltage_pu: Per unit, voltage of the grid at the feeder.
        demand_power_factor: (N,) of what the prosumers consume, in (0, 1], inductive; generation and batteries have 1.
        margin_pu: Per unit >= 0, kept free on either side for what the model leaves out (unbalance, capacitance of
            lines); what losses take is counted already.

    Raises:
        ModelError: a field is out of range.
    """

    network: Network
    reactance_ohm: Vector
    voltage_min_pu: Vector
    voltage_max_pu: Vector
    grid_voltage_pu: float = 1.0
    demand_power_factor: Vector = 1.0  # type: ignore[assignment] # a scalar is repeated, as in Network
    margin_pu: float = 0.0

    def __post_init__(self) -> None:
        lines = self.network.n_lines
        for name, size in (
            ("reactance_ohm", lines),
            ("voltage_min_pu", lines),
            ("voltage_max_pu", lines),
            ("demand_power_factor", self.network.n_prosumers),
        ):
            object.__setattr__(self, name, frozen_vector(name, getattr(self, name), size))
        reactance, factor = self.reactance_ohm, self.demand_power_factor
        require("reactance_ohm", reactance, (reactance >= 0) & (reactance < np.inf), "a number >= 0 ohm")
        require("demand_power_factor", factor, (factor > 0) & (factor <= 1), "a number in (0, 1]")
        if not 0 < self.grid_voltage_pu < np.inf:
            raise ModelError("grid_voltage_pu", self.grid_voltage_pu, "a voltage > 0 per unit")
        if not 0 <= self.margin_pu < np.inf:
            raise ModelError("margin_pu", self.margin_pu, "a voltage >= 0 per unit")
        low, high = self.voltage_min_pu + self.margin_pu, self.voltage_max_pu - self.margin_pu
        require("voltage_min_pu", self.voltage_min_pu, self.voltage_min_pu > 0, "a voltage > 0 per unit")
        require("voltage_max_pu", self.voltage_max_pu, low <= high, "voltage_min_pu plus twice the margin or more")

    @property
    def rise_per_kw(self) -> Vector:
        """(M,) 2·r̂: how much one kW towards the grid raises the squared voltage of the line's bus, per unit."""
        return 2.0 * self.network.loss_coefficient_per_kw

    @property
    def _rise_per_kvar(self) -> Vector:
        """(M,) 2·x̂, per kvar."""
        return 2000.0 * self.reactance_ohm / self.network.nominal_voltage_v**2

    @property
    def squared_limits(self) -> Volts:
        """The squares of the limits less the margin."""
        low, high = self.voltage_min_pu + self.margin_pu, self.voltage_max_pu - self.margin_pu
        return Volts(low**2, high**2)

    def reactive_export_kvar(self, load_kw: Vector) -> Vector:
        """Return (N,) kvar of a load at its power factor: −load·tan φ, as inductive loads draw."""
        factor = self.demand_power_factor
        return -load_kw * np.sqrt(1.0 - factor**2) / factor

    def squared_voltage(self, net_export_kw: Vector, reactive_export_kvar: Vector) -> Vector:
        """Return (M,) lin of the module's docstring, per unit, for exports of the prosumers (N,) in kW and kvar."""
        flow = physics.line_flows(self.network, net_export_kw)
        reactive = physics.line_flows(self.network, reactive_export_kvar)
        return self.grid_voltage_pu**2 + self.rise(flow, reactive)

    def rise(self, flow_kw: Vector, reactive_flow_kvar: Vector) -> Vector:
        """Return (M,) Σ 2·(r̂·F + x̂·Q) over the lines from the grid to each bus, per unit squared."""
        return self._along(self.rise_per_kw * flow_kw + self._rise_per_kvar * reactive_flow_kvar)

    def sag(self, flow_kw: Vector, reactive_flow_kvar: Vector) -> Vector:
        """Return (M,) the most by which losses lower each squared voltage, for bounds F̄, Q̄ >= 0 of the flows (M,).

        inf where a bound of the flows is inf and the line has resistance or reactance.
        """
        r, x = self.rise_per_kw / 2, self._rise_per_kvar / 2
        loss, reactive_loss = np.zeros(r.size), np.zeros(r.size)
        drop = np.zeros(r.size)
        lowest = self.squared_limits.lowest
        for line in self.network.leaves_first:
            if r[line] == 0 and x[line] == 0:
                own = 0.0
            else:
                active, reactive = flow_kw[line] + loss[line], reactive_flow_kvar[line] + reactive_loss[line]
                own = float(active**2 + reactive**2) / lowest[line]
                drop[line] = 2.0 * (r[line] * loss[line] + x[line] * reactive_loss[line])
                drop[line] += (r[line] ** 2 + x[line] ** 2) * own
            around = self.network.parent[line]
            if around >= 0:
                loss[around] += loss[line] + r[line] * own
                reactive_loss[around] += reactive_loss[line] + x[line] * own
        return self._along(drop)

    def _along(self, by_line: Vector) -> Vector:
        """Return (M,) the sum of a value over the lines from the grid to each bus."""
        total = np.array(by_line, dtype=np.float64)
        for line in reversed(self.network.leaves_first):
            if self.network.parent[line] >= 0:
                total[line] += total[self.network.parent[line]]
        return total
