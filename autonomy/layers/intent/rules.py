"""The rule policies: grid-only, self-consumption (of the community, of every home alone), time-of-use."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Matrix, Vector, all_true, frozen
from autonomy.layers.community import Community
from autonomy.layers.decision import Intent
from autonomy.layers.intent.level import fill
from autonomy.layers.observation import Observation
from autonomy.solvers.machine import load_machine

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
    return _at_once(community, observation) or _step_by_step(community, observation)


def _step_by_step(community: Community, observation: Observation) -> Intent:
    """Return the intent of self-consumption: the definition, in NumPy."""
    surplus = observation.pv_kw - observation.demand_kw
    return _trade_rest(observation, surplus, water_fill(community, observation, float(surplus.sum())))


def _at_once(community: Community, observation: Observation) -> Intent | None:
    """Return the same in one call of machine code, or None where the observation is not plain finite arrays."""
    machine, size = load_machine(), community.n_prosumers
    if machine is None:
        return None
    pv, demand, soc = observation.pv_kw, observation.demand_kw, observation.soc
    retail, feed_in = observation.retail_price, observation.feed_in_price
    if not pv.shape == demand.shape == soc.shape == retail.shape == feed_in.shape == (size,):
        return None
    block = np.empty((3, size))
    try:
        done = machine.share_out(pv, demand, soc, retail, feed_in, _stores(community), block)
    except TypeError:  # strided, or not floats
        return None
    if not done:
        return None
    battery, trade, price = block
    return Intent(battery_kw=battery, trade_kw=trade, price_bid=price)


def self_consumption_individual(community: Community, observation: Observation) -> Intent:
    """Store one's own surplus, serve one's own deficit, and trade with nobody: every home alone."""
    soc = np.where(community.has_battery, observation.soc, 0.0)
    charge, discharge = physics.reach_kw(community.storage, soc * community.battery_capacity_kwh)
    battery = np.clip(observation.pv_kw - observation.demand_kw, -discharge, charge)
    return Intent(battery_kw=battery, trade_kw=np.zeros(community.n_prosumers), price_bid=_middle(observation))


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
        surplus = observation.pv_kw - observation.demand_kw
        total = float(surplus.sum())
        if not dear[0]:
            steps_left = int(np.argmax(dear))
            window = max(round(self.top_up_h / community.timestep_h), 1)
            top_up = _missing_kw(community, observation) / steps_left if steps_left <= window else 0.0
            total = max(total, top_up, 0.0)
        return _trade_rest(observation, surplus, water_fill(community, observation, total))


def water_fill(community: Community, observation: Observation, total_kw: float) -> Vector:
    """Return battery powers (N,) kW that sum to `total_kw`, as far as the batteries can take or give that much.

    Stored fractions are levelled as far as the power and energy limits allow, with no power against the sign of the
    total: the emptiest batteries rise, or the fullest fall, to one common level, and none is emptied into another,
    which would only lose energy.
    """
    soc = observation.soc if all_true(community.has_battery) else np.where(community.has_battery, observation.soc, 0.0)
    charge, discharge = physics.reach_kw(community.storage, soc * community.battery_capacity_kwh)
    # The fullest first is the emptiest first with fullness counted the other way round.
    sign, share, room = (1.0, soc, charge) if total_kw >= 0 else (-1.0, -soc, discharge)
    total = abs(total_kw)
    return sign * (room if total >= room.sum() else fill(total, share=share, room=room, **_filling(community)))


@lru_cache(maxsize=64)
def _filling(community: Community) -> dict[str, Vector]:
    """Return what `fill` needs to know of a community: by how much 1 kW changes a SoC in a step, and the inverse."""
    capacity, hours = community.battery_capacity_kwh, community.timestep_h
    per_kw = np.divide(hours, capacity, out=np.ones_like(capacity), where=community.has_battery)
    return {"per_unit": frozen(per_kw), "slopes": frozen(np.concatenate((capacity, -capacity)) / hours)}


@lru_cache(maxsize=64)
def _stores(community: Community) -> Matrix:
    """Return (10, N) what `autonomy.solvers.kernel.level.share_out` needs to know of a community."""
    storage, capacity = community.storage, community.battery_capacity_kwh
    levels = (capacity, capacity / community.timestep_h, storage.energy_max_kwh, storage.energy_min_kwh)
    return frozen(np.concatenate((levels, storage.power_limit_kw, storage.yield_, storage.hours)))


def _missing_kw(community: Community, observation: Observation) -> float:
    """Return kW that would fill all batteries in one step, whatever their power limits: Σ (emax − e)/(dt·ec)."""
    missing = community.energy_max_kwh - observation.soc * community.battery_capacity_kwh
    return float(np.sum(np.maximum(missing, 0.0) / (community.timestep_h * community.charge_efficiency)))


def _trade_rest(observation: Observation, surplus_kw: Vector, battery_kw: Vector) -> Intent:
    """Return the intent that offers what the batteries leave of (N,) generation less demand, kW."""
    return Intent(battery_kw=battery_kw, trade_kw=surplus_kw - battery_kw, price_bid=_middle(observation))


def _middle(observation: Observation) -> Vector:
    middle: Vector = (observation.feed_in_price + observation.retail_price) / 2
    return middle
