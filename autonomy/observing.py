"""Observations and actions as flat numbers: what `CommunityEnv` and a Stable-Baselines3 model exchange.

Layout of an observation for N prosumers and a forecast of H steps:

| Entries | Observation | Min | Max | Unit |
|---|---|---|---|---|
| N | demand | 0 | 1e9 | kW |
| N | available PV | 0 | 1e9 | kW |
| N | state of charge | 0 | 1 | fraction |
| 6N | forecast of demand and PV one step ahead: expected, low, high of each | 0 | 1e9 | kW |
| 3H | forecast of the community's demand: expected, low, high | 0 | 1e9 | kW |
| 3H | forecast of the community's PV: expected, low, high | 0 | 1e9 | kW |
| 1 | retail price | -1e9 | 1e9 | currency/kWh |
| 1 | feed-in price | -1e9 | 1e9 | currency/kWh |
| 1 | carbon intensity of grid energy | 0 | 1e9 | kg/kWh |
| H | published retail price | -1e9 | 1e9 | currency/kWh |
| 2 | sine and cosine of the time of day | -1 | 1 | - |

Low and high are the stated uncertainty of `Forecast`; of a community total they are the sums of the prosumers' own,
an interval that is wider than the total needs. 1e9 stands for "no limit": a space with infinite ends can be neither
sampled nor scaled.

An action is N rows of battery power, peer trade and price bid, in physical units or each in [−1, 1]; `physical_action`
translates the latter, alike in training and in use, from nothing but the community and the step's observation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Forecast, Observation

NO_LIMIT = 1e9
"""kW, currency/kWh or kg/kWh: the end of the observation space where there is none in the world."""


def observation_bounds(n_prosumers: int, horizon: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return lower and upper bounds of the vector, by the table above."""
    powers = 6 * n_prosumers + 6 * horizon
    measured = [(0.0, NO_LIMIT)] * (2 * n_prosumers) + [(0.0, 1.0)] * n_prosumers
    forecast = [(0.0, NO_LIMIT)] * powers
    prices = [(-NO_LIMIT, NO_LIMIT), (-NO_LIMIT, NO_LIMIT), (0.0, NO_LIMIT)] + [(-NO_LIMIT, NO_LIMIT)] * horizon
    low, high = np.array([*measured, *forecast, *prices, (-1.0, 1.0), (-1.0, 1.0)], dtype=np.float32).T
    return low, high


def encode(community: Community, observation: Observation) -> NDArray[np.float32]:
    """Return the flat vector of an observation that carries a forecast.

    Raises:
        ModelError: the observation has no forecast.
    """
    forecast = observation.forecast
    if forecast is None:
        raise ModelError("forecast", None, "a Forecast; a learned policy needs one")
    carbon = observation.carbon_kg_per_kwh
    parts: list[Vector] = [
        observation.demand_kw,
        observation.pv_kw,
        # The last bit of an empty or a full battery may lie outside 0..1.
        np.where(community.battery_capacity_kwh > 0, np.clip(observation.soc, 0.0, 1.0), 0.0),
        *(series[0] for series in _series(forecast)),
        *(series.sum(axis=1) for series in _series(forecast)),
        np.array([observation.retail_price[0], observation.feed_in_price[0]]),
        np.array([0.0 if carbon is None else float(np.mean(carbon))]),
        forecast.retail_price,
        _time_of_day(observation.time),
    ]
    return np.clip(np.concatenate(parts), -NO_LIMIT, NO_LIMIT).astype(np.float32)


def physical_action(community: Community, observation: Observation, action: Any) -> Any:
    """Return an action in [−1, 1] as an array (N, 3) of battery kW, trade kW, price bid.

        battery = a·P⁺ (charge) or a·P⁻        trade = a·(g + P⁻) (sell) or a·(d + P⁺)
        price = feed-in + (a + 1)/2·(retail − feed-in)

    So 0 is idle, and ±1 is the most a battery can do and the most a prosumer could have to sell or to buy. Numbers
    beyond ±1 are scaled on; what is not N rows of three numbers is returned as it is, for Layer 1 to refuse.
    """
    try:
        array = np.asarray(action, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return action
    if array.shape != (community.n_prosumers, 3):
        return action
    charge, discharge = community.charge_limit_kw, community.discharge_limit_kw
    feed_in, retail = observation.feed_in_price, observation.retail_price
    with np.errstate(over="ignore", invalid="ignore"):
        return np.column_stack(
            [
                _signed(array[:, 0], charge, discharge),
                _signed(array[:, 1], observation.pv_kw + discharge, observation.demand_kw + charge),
                feed_in + (array[:, 2] + 1.0) / 2.0 * (retail - feed_in),
            ]
        )


def _signed(share: Vector, up: Vector, down: Vector) -> Vector:
    return np.where(share >= 0, share * up, share * down)


def _series(forecast: Forecast) -> tuple[Vector, ...]:
    return (
        forecast.demand_kw,
        forecast.demand_low_kw,
        forecast.demand_high_kw,
        forecast.pv_kw,
        forecast.pv_low_kw,
        forecast.pv_high_kw,
    )


def _time_of_day(time: Any) -> Vector:
    """Return sine and cosine of the time of day; zeros when the time is unknown."""
    try:
        stamp = np.datetime64(time)
    except (TypeError, ValueError):
        return np.zeros(2)
    if np.isnat(stamp):
        return np.zeros(2)
    minutes = (stamp - stamp.astype("datetime64[D]")) / np.timedelta64(1, "m")
    angle = 2 * np.pi * float(minutes) / 1440.0
    return np.array([np.sin(angle), np.cos(angle)])
