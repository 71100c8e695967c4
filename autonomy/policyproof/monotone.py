"""Whether a community of homes that are all alike charges less when energy costs more, and when more is stored.

One hour's forecast as it was recorded; free are the retail price now and the stored share. The price moves 27 features
at once, because prices are told as shares of their mean m. With v = 1/m all of them are affine in v, and v falls as the
price p rises:

    m = (p + A)/(H + 1)     p/m = H + 1 − A·v     feed-in·v, carbon·v, ahead·v          A = Σ of the H prices ahead

so the network is seen along θ = (τ, s), v = v₀ + τ·(v₁ − v₀). With P the power wanted of all batteries,

    dP/dθ = Σ_i Σ_gates ∂b̂/∂gate · f'(z)·∂z/∂θ  +  [the anchors' own change, which is <= 0 in s and 0 in τ]

is bounded by the Jacobian of `slopes`. Monotone is dP/dτ <= 0, and dP/ds <= 0, up to a tolerance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.explanation.inputs import CARBON, FEED_IN, LOAD, RETAIL
from autonomy.learning.features import FEATURES, HOURS
from autonomy.learning.gates import EMPTY, FILL, MATCH, Battery, intent_kw, reach_of
from autonomy.learning.network import logistic
from autonomy.learning.views import battery_of, feeder_kw
from autonomy.policyproof.anchors import Anchors, anchors_of
from autonomy.policyproof.crown import Box, bounds_of, span
from autonomy.policyproof.ensemble import LOGISTIC_ERROR
from autonomy.policyproof.interval import Interval, just, one_less, wider
from autonomy.policyproof.region import Region
from autonomy.policyproof.search import Found, Objective
from autonomy.policyproof.slice import sliced
from autonomy.policyproof.slopes import jacobian, logistic_slope

PRICE, STORED = range(2)
"""Places of τ and s in θ."""
EDGE = 0.01
"""Stored shares this close to empty and to full are left out: there the anchors' shares are those of nothing."""
AHEAD = slice(FEATURES - HOURS, FEATURES)
GATES = (MATCH, FILL, EMPTY)
STEP = 1e-4


class Rise(NamedTuple):
    """A pair of points between which P rises.

    Attributes:
        by_kw: kW.
        start: (2,) θ.
        end: (2,) θ, the same but for the entry along which P rises, which is larger.
    """

    by_kw: float
    start: Vector
    end: Vector


class Hour(NamedTuple):
    """One recorded hour, its price and the stored energy set free.

    Attributes:
        region: Where it is from.
        step: Of the scenario.
        origin: (F + 1,) inputs at v = 0, s = 0.
        directions: (F + 1, 2) along τ and s, per unit.
        price: (2,) currency/kWh, the retail prices at τ = 0 and 1.
        inverse: (2,) v at τ = 0 and 1.
        ahead: Currency/kWh, A.
    """

    region: Region
    step: int
    origin: Vector
    directions: Vector
    price: tuple[float, float]
    inverse: tuple[float, float]
    ahead: float

    def retail(self, tau: float) -> float:
        """Return the retail price at τ, currency/kWh."""
        v = self.inverse[0] + tau * (self.inverse[1] - self.inverse[0])
        return float((self.region.scenario.series.steps_per_day + 1) / v - self.ahead)

    def wanted_kw(self, theta: Vector) -> Vector:
        """Return (P,) kW wanted of all batteries at (P, 2) points, as the deployed networks compute it."""
        inputs = self.origin + theta @ self.directions.T
        features, stored = inputs[:, :FEATURES], inputs[:, FEATURES]
        own = np.broadcast_to([0.0, 0.0, 1.0], (len(theta), 1, 3))
        gates = np.mean([network.gates(features, stored, own) for network in self.region.networks], axis=0)
        battery, (imports, exports) = battery_of(self.region.community), feeder_kw(self.region.community)
        energy = battery.least_kwh + stored[:, None] * (battery.most_kwh - battery.least_kwh)
        reach = reach_of(np, energy, battery)
        surplus = np.full((len(theta), 1), self.surplus_kw)
        total: Vector = intent_kw(np, gates, reach, surplus, imports, exports).sum(axis=-1)
        return total

    @property
    def surplus_kw(self) -> float:
        """Generation less demand of the community, kW."""
        battery = battery_of(self.region.community)
        return -float(self.region.features[self.step, LOAD] * (battery.most_kwh - battery.least_kwh).sum())


def hour_of(region: Region, step: int, prices: tuple[float, float]) -> Hour:
    """Return an hour with its price free between two.

    Args:
        region: Networks and data.
        step: Of the scenario.
        prices: Currency/kWh, lowest and highest retail price, > 0.
    """
    row, count = region.features[step], region.scenario.series.steps_per_day + 1
    mean = float(region.scenario.retail_price[step]) / row[RETAIL]
    ahead = count * mean - float(region.scenario.retail_price[step])
    inverse = tuple(count / (price + ahead) for price in prices)
    along = np.zeros(FEATURES + 1)
    along[[FEED_IN, CARBON]] = row[[FEED_IN, CARBON]] * mean
    along[AHEAD] = row[AHEAD] * mean
    along[RETAIL] = -ahead
    origin = np.where(along != 0.0, 0.0, np.r_[row, 0.0])
    origin[RETAIL] = count
    directions = np.zeros((FEATURES + 1, 2))
    directions[:, PRICE], directions[FEATURES, STORED] = along * (inverse[1] - inverse[0]), 1.0
    return Hour(region, step, origin + along * inverse[0], directions, prices, (inverse[0], inverse[1]), ahead)


def whole() -> Box:
    """Return the box of all prices and of all stored shares but the `EDGE`."""
    return Box(np.array([[0.0, EDGE]]), np.array([[1.0, 1.0 - EDGE]]))


def worst_rises(hour: Hour, points: int = 21) -> tuple[Rise, Rise]:
    """Return the largest rise of P on a grid along price, and along stored share: from where to where."""
    axis = np.linspace(0.0, 1.0, points), np.linspace(EDGE, 1.0 - EDGE, points)
    grid = np.stack(np.meshgrid(*axis, indexing="ij"), axis=-1)
    power = hour.wanted_kw(grid.reshape(-1, 2)).reshape(points, points)
    return _worst(grid, power, PRICE), _worst(grid, power, STORED)


def _worst(grid: Vector, power: Vector, along: int) -> Rise:
    grid, power = np.moveaxis(grid, along, 0), np.moveaxis(power, along, 0)
    rise = power - np.minimum.accumulate(power, axis=0)
    end, line = np.unravel_index(int(np.argmax(rise)), rise.shape)
    start = int(np.argmin(power[: end + 1, line]))
    return Rise(float(rise[end, line]), grid[start, line], grid[end, line])


def rise_objective(hour: Hour, along: int) -> Objective:
    """Return dP/dτ or dP/ds in kW as a quantity over boxes of θ; τ from 0 to 1 are all prices."""
    region = hour.region
    own = np.array([[0.0, 0.0, 1.0]])
    layers = [sliced(network, hour.origin, hour.directions, own, GATES) for network in region.networks]
    battery, (imports, exports) = battery_of(region.community), feeder_kw(region.community)
    capacity = battery.most_kwh - battery.least_kwh
    surplus = just(np.array([hour.surplus_kw]))

    def objective(box: Box) -> Found:
        gates, slopes, sizes = [], [], []
        for layered in layers:
            bounds = bounds_of(layered, box)
            z = Interval(*span(layered, box, bounds.relaxations))
            steep = jacobian(layered, bounds)
            chain = logistic_slope(z)
            slopes.append(Interval(steep.low[..., along], steep.high[..., along]) * chain)
            gates.append(Interval(logistic(z.low) - LOGISTIC_ERROR, logistic(z.high) + LOGISTIC_ERROR))
            spread = np.maximum(np.abs(steep.low), np.abs(steep.high)) * (chain.high + 1e-3)[..., None]
            sizes.append(spread.sum(axis=1) * (box.upper - box.lower))
        gate, rise = _mean(gates), _mean(slopes)
        stored = Interval(box.lower[:, STORED, None], box.upper[:, STORED, None])
        energy = just(battery.least_kwh) + stored * just(capacity)
        anchors = anchors_of(battery, energy, surplus, imports, exports)
        steepness = _by_gates(gate, rise, anchors)
        if along == STORED:
            steepness = steepness + _by_anchors(battery)
        point = 0.5 * (box.lower + box.upper)
        aside = np.zeros(2)
        aside[along] = STEP
        value = (hour.wanted_kw(point + aside) - hour.wanted_kw(point - aside)) / (2.0 * STEP)
        return Found(steepness.low, steepness.high, point, value, np.sum(sizes, axis=0))

    return objective


def _by_gates(gate: Interval, rise: Interval, anchors: Anchors) -> Interval:
    """Return Σ_i Σ_gates ∂b̂/∂gate · ∂gate/∂θ, (B,)."""
    u, c, d = (Interval(gate.low[:, k, None], gate.high[:, k, None]) for k in range(3))
    du, dc, dd = (Interval(rise.low[:, k, None], rise.high[:, k, None]) for k in range(3))
    match, fill, empty = anchors
    by_u = one_less(c) * one_less(d) * match
    by_c = one_less(d) * (fill - u * match) - d * empty
    by_d = one_less(c) * (empty - u * match) - c * fill
    return (by_u * du + by_c * dc + by_d * dd).sum()


def _by_anchors(battery: Battery) -> Interval:
    """Return what the anchors' own change along s adds, (1,): no rise, no fall faster than room and store change."""
    capacity = battery.most_kwh - battery.least_kwh
    fastest = np.maximum(1.0 / battery.charge_efficiency, battery.discharge_efficiency) / battery.hours
    return wider(np.array([-float((capacity * fastest).sum())]), np.zeros(1))


def _mean(found: list[Interval]) -> Interval:
    total = found[0]
    for other in found[1:]:
        total = total + other
    return total * just(1.0 / len(found))
