"""A community in torch: what the simulator plays, differentiable, for many windows at once.

    features ─▶ network ─▶ gates ─▶ intent ─▶ projection ─▶ physics ─▶ cost
                  ▲                                            │
                  └────────────── stored energy ◀──────────────┘

Batteries with ramps, self-discharge and losses of lines, connection limits and trees are in it; so are carbon, wear,
lost load, the trade fee if all that can be matched is, and a capacity tariff on the highest import of the window.
EVs, outages and wear by depth of cycles are not. Layer 3 is left out: it rounds to milliwatts and rejects nothing that
the projection returns. `tests/test_learning_twin.py` holds it to the simulator.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from autonomy.economics import Economics
from autonomy.layers.arrays import Index, Vector
from autonomy.layers.errors import ModelError
from autonomy.layers.network import Network
from autonomy.learning.gates import Battery, Reach, intent_kw, reach_of
from autonomy.learning.gradient.projection import Projection
from autonomy.learning.views import battery_of, feeder_kw
from autonomy.variation import Place


class Brain(Protocol):
    """What decides in the twin."""

    def of_community(self, features: Tensor) -> Tensor:
        """Return (B, T, K) what is worked out for all steps at once."""
        ...

    def __call__(self, of_community: Tensor, stored: Tensor, own: Tensor) -> Tensor:
        """Return (B, N, 5) outputs before the logistic function."""
        ...


class Played(NamedTuple):
    """What B windows came to; gradients flow through all.

    Attributes:
        cost: (B,) currency, cost of the window as `Economics` defines it, terminal value included.
        co2_kg: (B,) kg.
        shed_kwh: (B,) kWh.
        moved_kwh: (B,) kWh, what the projection changed of the batteries' powers.
        energy_kwh: (B, N) kWh at the end.
    """

    cost: Tensor
    co2_kg: Tensor
    shed_kwh: Tensor
    moved_kwh: Tensor
    energy_kwh: Tensor


class Tariff(NamedTuple):
    """Prices of B windows of T steps, (B, T) each."""

    retail: Tensor
    feed_in: Tensor
    carbon_kg_per_kwh: Tensor


class Twin:
    """A place in torch.

    Args:
        place: Community, data and prices.
        economics: Other prices that are not tariffs; None for the place's.

    Raises:
        ModelError: cycles are priced by their depth, which the twin does not know.
    """

    def __init__(self, place: Place, economics: Economics | None = None) -> None:
        community = self.community = place.community
        self.series, self.economics = place.year.series, economics or place.economics
        if self.economics.cycle_price_per_kwh > 0:
            price = self.economics.cycle_price_per_kwh
            raise ModelError("cycle_price_per_kwh", price, "0: the twin knows wear by energy alone")
        battery = battery_of(community)
        self._usable = battery.most_kwh - battery.least_kwh
        self.capacity_kwh = float(self._usable.sum())
        self._battery = Battery._make(part if isinstance(part, float) else _tensor(part) for part in battery)
        self._project, self._feeder_kw = Projection(community), feeder_kw(community)
        self._retention = _tensor(community.retention) if community.has_self_discharge else None
        self._ramp = _tensor(community.ramp_limit_kw) if community.has_ramp_limits else None

    def play(
        self,
        brain: Brain,
        features: Tensor,
        first: Index,
        steps: int,
        energy_kwh: Tensor,
        worth_limit: float = math.inf,
    ) -> Played:
        """Play `steps` steps from the rows `first`.

        Args:
            brain: Who decides.
            features: (T, F), `features_of_series` of the place.
            first: (B,) first rows.
            steps: Of every window.
            energy_kwh: (B, N) kWh stored at the start.
            worth_limit: Largest derivative that flows back through the energy stored at the end of a step, per kWh. A
                policy that switches at a stored energy multiplies derivatives in every step; what a kWh is worth is
                bounded all the same.
        """
        rows = first[:, None] + np.arange(steps)
        tariff = self._tariff(rows)
        ahead = brain.of_community(features[rows])
        energy, previous = energy_kwh, torch.zeros_like(energy_kwh)
        cost = co2 = shed_kwh = moved = peak = torch.zeros(len(first), dtype=torch.float64)
        for k in range(steps):
            pv, demand = self.series.pv_kw[rows[:, k]], self.series.demand_kw[rows[:, k]]
            surplus = torch.from_numpy(pv - demand)
            wanted = self.wanted_kw(brain, ahead[:, k], energy, surplus)
            battery, curtail, shed = self._project(wanted, self._box(energy, previous), pv, demand)
            net = surplus - curtail + shed - battery
            now = Tariff(*(prices[:, k] for prices in tariff))
            paid, carbon, imported = self._settled(net, battery, shed, now)
            cost, co2 = cost + paid, co2 + carbon
            peak = torch.maximum(peak, imported)
            shed_kwh = shed_kwh + self._battery.hours * shed.sum(1)
            moved = moved + self._battery.hours * (battery - wanted).abs().sum(1)
            energy, previous = _bounded(self._energy_after(energy, battery), worth_limit), battery
        given = self.economics.terminal_price_per_kwh
        price = tariff.retail.min(dim=1).values if given is None else given
        cost = cost + self.economics.capacity_price_per_kw * peak - price * (energy - energy_kwh).sum(1)
        return Played(cost, co2, shed_kwh, moved, energy)

    def _tariff(self, rows: Index) -> Tariff:
        series = self.series
        prices = series.retail_price, series.feed_in_price, series.carbon_kg_per_kwh
        return Tariff(*(_tensor(values[rows]) for values in prices))

    def wanted_kw(self, brain: Brain, ahead: Tensor, energy: Tensor, surplus: Tensor) -> Tensor:
        """Return (B, N) kW, the intent by the network's gates."""
        stored = torch.clip(energy - self._battery.least_kwh, 0.0, None)
        gates = torch.sigmoid(brain(ahead, self._share(stored), self._own(stored, -surplus)))
        reach: Reach = reach_of(torch, energy, self._battery)
        wanted: Tensor = intent_kw(torch, gates, reach, surplus.sum(1, keepdim=True), *self._feeder_kw)
        return wanted

    def _share(self, stored: Tensor) -> Tensor:
        return torch.clip(stored.sum(1) / max(self.capacity_kwh, 1e-6), 0.0, 1.0)

    def _own(self, stored: Tensor, load: Tensor) -> Tensor:
        """Return (B, N, OWN), `own_features` in torch."""
        usable, size = torch.from_numpy(self._usable), self._usable.size
        total = max(self.capacity_kwh, 1e-6)
        has = usable > 0
        share = torch.where(has, stored / torch.where(has, usable, 1.0), 0.0)
        level = torch.where(has, share - (stored.sum(1) / total)[:, None], 0.0)
        beside = (load - load.mean(1, keepdim=True)) * (size / total)
        return torch.stack([level, beside, (usable * (size / total)).expand_as(level)], dim=-1)

    def _box(self, energy: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, N) kW blo and bhi, as `physics.battery_box`."""
        kept = energy if self._retention is None else self._retention * energy
        reach = reach_of(torch, kept, self._battery)
        lower, upper = -reach.discharge_kw, reach.charge_kw
        if self._ramp is None:
            return lower, upper
        least, most = previous - self._ramp, previous + self._ramp
        nearest = torch.where(least > upper, upper, lower)
        relaxed = (least > upper) | (most < lower)
        return (
            torch.where(relaxed, nearest, torch.maximum(lower, least)),
            torch.where(relaxed, nearest, torch.minimum(upper, most)),
        )

    def _energy_after(self, energy: Tensor, battery: Tensor) -> Tensor:
        """Return (B, N) kWh, `physics.next_energy_kwh`."""
        of, kept = self._battery, energy if self._retention is None else self._retention * energy
        charge, discharge = torch.clip(battery, 0.0, None), torch.clip(-battery, 0.0, None)
        after: Tensor = kept + of.hours * (of.charge_efficiency * charge - discharge / of.discharge_efficiency)
        return after

    def _settled(self, net: Tensor, battery: Tensor, shed: Tensor, now: Tariff) -> tuple[Tensor, Tensor, Tensor]:
        """Return (B,) currency of a step, kg of CO2 and kW imported, as `autonomy.ledger.ledger_of`."""
        economics, hours = self.economics, self._battery.hours
        feeder = _feeder_flow(self.community.network, net)
        imports, exports = torch.clip(-feeder, 0.0, None), torch.clip(feeder, 0.0, None)
        co2 = now.carbon_kg_per_kwh * hours * imports
        paid = hours * (now.retail * imports - now.feed_in * exports) + economics.carbon_price_per_kg * co2
        paid = paid + hours * economics.wear_per_kwh * battery.abs().sum(1)
        paid = paid + hours * economics.value_of_lost_load_per_kwh * shed.sum(1)
        if economics.trade_fee_per_kwh > 0:
            sold, bought = torch.clip(net, 0.0, None).sum(1), torch.clip(-net, 0.0, None).sum(1)
            paid = paid + hours * economics.trade_fee_per_kwh * torch.minimum(sold, bought)
        return paid, co2, imports


def _bounded(values: Tensor, limit: float) -> Tensor:
    """Return the same; what flows back through it is cut to ±limit."""
    if values.requires_grad and limit < math.inf:
        values.register_hook(  # type: ignore[no-untyped-call]  # torch leaves it untyped
            lambda gradient: gradient.clamp(-limit, limit)
        )
    return values


def _feeder_flow(network: Network, net: Tensor) -> Tensor:
    """Return (B,) kW at the grid, line losses paid, as `physics.lossy_flows`."""
    if network.is_lossless:
        return net.sum(1)
    flows = [net[:, network.bus_of_prosumer == line].sum(1) for line in range(network.n_lines)]
    for line in network.leaves_first:
        left = flows[line] - float(network.loss_coefficient_per_kw[line]) * flows[line] ** 2
        if network.parent[line] < 0:
            return left
        flows[network.parent[line]] = flows[network.parent[line]] + left
    raise ModelError("network.parent", list(network.parent), "a line that hangs on the grid")


def _tensor(values: Vector) -> Tensor:
    return torch.from_numpy(np.array(values, dtype=np.float64))
