"""The rule policies: grid-only, self-consumption, time-of-use."""

from __future__ import annotations

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Intent
from autonomy.layers.observation import Observation
from autonomy.solvers.allocation import Allocation, Hierarchy
from autonomy.solvers.nested import NestedSolver

PEAK_MARGIN = 1e-9
"""Currency/kWh within which a price counts as the highest of the day."""


def grid_only(community: Community, observation: Observation) -> Intent:
    """Leave batteries and market alone; the baseline that savings are measured from."""
    zero = np.zeros(community.n_prosumers)
    return Intent(battery_kw=zero, trade_kw=zero, price_bid=_middle(observation))


def self_consumption(community: Community, observation: Observation) -> Intent:
    """Store the community's surplus, serve its deficit, and trade the rest at the middle of the tariffs.

    The batteries act as one: their total power is the community's net load as far as they can take it, shared by
    water-filling, so that the emptiest batteries charge and the fullest discharge first.
    """
    lower, upper = _box(community, observation)
    surplus = float(np.sum(observation.pv_kw - observation.demand_kw))
    battery = water_fill(community, observation, np.clip(surplus, lower.sum(), upper.sum()), lower, upper)
    return _trade_rest(observation, battery)


class TimeOfUse:
    """Charge surplus and top up just before the dear hours, serve the community's deficit during them.

    Dear hours are those at the highest published retail price of the next day, when prices differ at all. Without a
    forecast, or under a flat tariff, the policy is self-consumption.

    Attributes:
        top_up_h: Hours before a dear period over which batteries are filled from the grid.
    """

    def __init__(self, top_up_h: float = 3.0) -> None:
        self.top_up_h = top_up_h

    def __call__(self, community: Community, observation: Observation) -> Intent:
        """Return the intent of the step."""
        forecast = observation.forecast
        if forecast is None:
            return self_consumption(community, observation)
        prices = np.concatenate([[float(observation.retail_price.max())], forecast.retail_price])
        dear = prices >= prices.max() - PEAK_MARGIN
        if dear.all():
            return self_consumption(community, observation)
        lower, upper = _box(community, observation)
        surplus = float(np.sum(observation.pv_kw - observation.demand_kw))
        if dear[0]:
            total = np.clip(min(surplus, 0.0), lower.sum(), 0.0) + np.clip(surplus, 0.0, upper.sum())
        else:
            steps_left = int(np.argmax(dear))
            window = max(round(self.top_up_h / community.timestep_h), 1)
            fill = _room_kw(community, observation).sum() / steps_left if steps_left <= window else 0.0
            total = np.clip(max(surplus, fill), 0.0, upper.sum())
        return _trade_rest(observation, water_fill(community, observation, float(total), lower, upper))


def water_fill(
    community: Community, observation: Observation, total_kw: float, lower_kw: Vector, upper_kw: Vector
) -> Vector:
    """Return battery powers (N,) kW that sum to `total_kw` and level the stored fractions as far as the box allows.

    Minimises Σ capacity·(soc + b·dt/capacity − level)²/2 over the box with Σ b = total and no b against the sign of
    the total: the emptiest batteries rise, or the fullest fall, to one common level, and none is emptied into another,
    which would only lose energy. It is one nested knapsack with a single group.
    """
    lower_kw, upper_kw = (
        (np.maximum(lower_kw, 0.0), upper_kw) if total_kw >= 0 else (lower_kw, np.minimum(upper_kw, 0.0))
    )
    capacity = np.maximum(community.battery_capacity_kwh, 1e-9)
    problem = Allocation(
        hierarchy=Hierarchy(parent=np.array([-1]), group_of=np.zeros(community.n_prosumers, dtype=np.int64)),
        weight=community.timestep_h / capacity,
        centre=-np.where(capacity > 1e-9, observation.soc, 0.0) * capacity / community.timestep_h,
        price=np.zeros(community.n_prosumers),
        lower=lower_kw,
        upper=upper_kw,
        total_lower=np.array([total_kw]),
        total_upper=np.array([total_kw]),
    )
    return NestedSolver(problem.hierarchy).solve(problem).x


def _box(community: Community, observation: Observation) -> tuple[Vector, Vector]:
    capacity = community.battery_capacity_kwh
    box = physics.rated_box(community, np.where(capacity > 0, observation.soc, 0.0) * capacity)
    return box.lower_kw, box.upper_kw


def _room_kw(community: Community, observation: Observation) -> Vector:
    """Return (N,) kW that would fill each battery in one step, whatever its power limit: (emax − e)/(dt·ec)."""
    room = community.energy_max_kwh - observation.soc * community.battery_capacity_kwh
    return np.maximum(room, 0.0) / (community.timestep_h * community.charge_efficiency)


def _trade_rest(observation: Observation, battery_kw: Vector) -> Intent:
    rest = physics.net_export(observation.pv_kw, observation.demand_kw, battery_kw)
    return Intent(battery_kw=battery_kw, trade_kw=rest, price_bid=_middle(observation))


def _middle(observation: Observation) -> Vector:
    middle: Vector = (observation.feed_in_price + observation.retail_price) / 2
    return middle
