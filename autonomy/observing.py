"""Observations and actions as flat numbers: what the learning interfaces and a Stable-Baselines3 model exchange.

The community's observation, for N prosumers and a forecast of H steps (`CommunityEnv`, `state()` of `parallel_env`):

| Entries | Observation | Min | Max | Unit |
|---|---|---|---|---|
| N | demand | 0 | 1e9 | kW |
| N | available PV | 0 | 1e9 | kW |
| N | state of charge | 0 | 1 | fraction |
| N | charge floor: least charge of the step, < 0: most discharge; 0 for none | -1e9 | 1e9 | kW |
| N | whether the battery is there | 0 | 1 | - |
| 2N | charge and discharge limit of the step | 0 | 1e9 | kW |
| 2N | lowest and highest state of charge of the step | 0 | 1 | fraction |
| 6N | forecast of demand and PV one step ahead: expected, low, high of each | 0 | 1e9 | kW |
| 3H | forecast of the community's demand: expected, low, high | 0 | 1e9 | kW |
| 3H | forecast of the community's PV: expected, low, high | 0 | 1e9 | kW |
| 2 | what the grid delivers and takes in the step, as a share of the feeder's limits | 0 | 1 | - |
| 1 | retail price | -1e9 | 1e9 | currency/kWh |
| 1 | feed-in price | -1e9 | 1e9 | currency/kWh |
| 1 | carbon intensity of grid energy | 0 | 1e9 | kg/kWh |
| H | published retail price | -1e9 | 1e9 | currency/kWh |
| 2 | sine and cosine of the time of day | -1 | 1 | - |

A prosumer's observation, of one size for every N (`parallel_env`, `make_vec`):

| Entries | Observation | Min | Max | Unit |
|---|---|---|---|---|
| 1 | own demand | 0 | 1e9 | kW |
| 1 | own available PV | 0 | 1e9 | kW |
| 1 | own state of charge | 0 | 1 | fraction |
| 1 | own charge floor, as above | -1e9 | 1e9 | kW |
| 1 | whether the own battery is there | 0 | 1 | - |
| 6 | own forecast of demand and PV one step ahead: expected, low, high of each | 0 | 1e9 | kW |
| 1 | own battery capacity | 0 | 1e9 | kWh |
| 2 | own charge and discharge limit of the step | 0 | 1e9 | kW |
| 1 | own connection limit of the step; 0 where there is none | 0 | 1e9 | kW |
| 2 | own lowest and highest state of charge of the step | 0 | 1 | fraction |
| 2 | the community's demand and available PV, divided by N | 0 | 1e9 | kW |
| 3H | forecast of the community's demand, divided by N: expected, low, high | 0 | 1e9 | kW |
| 3H | forecast of the community's PV, divided by N: expected, low, high | 0 | 1e9 | kW |
| 2 | what the feeder brings and takes in the step, divided by N | 0 | 1e9 | kW |
| 1 | retail price | -1e9 | 1e9 | currency/kWh |
| 1 | feed-in price | -1e9 | 1e9 | currency/kWh |
| 1 | carbon intensity of grid energy | 0 | 1e9 | kg/kWh |
| H | published retail price | -1e9 | 1e9 | currency/kWh |
| 2 | sine and cosine of the time of day | -1 | 1 | - |

What limits a step is read from `Observation.limits` by `autonomy.allowance`; without them it is the community's own.

Low and high are the stated uncertainty of `Forecast`; of a community total they are the sums of the prosumers' own,
an interval that is wider than the total needs. 1e9 stands for "no limit": a space with infinite ends can be neither
sampled nor scaled.

An action is battery power, peer trade and price bid of each prosumer, in physical units or each in [−1, 1];
`physical_action` translates the latter, alike in training and in use, from nothing but the community and the step's
observation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autonomy.allowance import Allowance, allowance_of, floor_of, shown_floor
from autonomy.forecasting import Outlook
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Observation

NO_LIMIT = 1e9
"""kW, currency/kWh or kg/kWh: the end of the observation space where there is none in the world."""
Flat = NDArray[np.float32]
ACTIONS = 3
"""Numbers of a prosumer's action."""
SOC_OF_PROSUMER = 2
"""Place of the state of charge in a prosumer's observation."""
FLOOR_OF_PROSUMER = 3
"""Place of what its battery is to be charged with at least."""
OWN = 17
"""Numbers of a prosumer's observation that are its own; the rest is the same for all."""
MINUTES_PER_DAY = 1440.0


class Known(NamedTuple):
    """What observations are made of besides what depends on the stored energy; R rows, or () for a single step.

    Attributes:
        demand_kw: (*R, N)
        pv_kw: (*R, N) available.
        demand_ahead: (*R, H, N) kW each.
        pv_ahead: (*R, H, N) kW each.
        allowance: What limits the steps.
        prices: (*R, 3) retail and feed-in price in currency/kWh, carbon intensity in kg/kWh.
        published: (*R, H) retail price, currency/kWh.
        daytime: (*R, 2) sine and cosine of the time of day.
    """

    demand_kw: Vector
    pv_kw: Vector
    demand_ahead: Outlook
    pv_ahead: Outlook
    allowance: Allowance
    prices: Vector
    published: Vector
    daytime: Vector


Bound = tuple[float, float]
POWER: Bound = (0.0, NO_LIMIT)
EITHER: Bound = (-NO_LIMIT, NO_LIMIT)
SHARE: Bound = (0.0, 1.0)


def observation_bounds(n_prosumers: int, horizon: int) -> tuple[Flat, Flat]:
    """Return lower and upper bounds of the community's observation, by the table above."""
    by_prosumer = [POWER, POWER, SHARE, EITHER, SHARE, POWER, POWER, SHARE, SHARE, *[POWER] * 6]
    return _bounds(
        [*(bound for bound in by_prosumer for _ in range(n_prosumers)), *[POWER] * (6 * horizon), SHARE, SHARE], horizon
    )


def prosumer_bounds(horizon: int) -> tuple[Flat, Flat]:
    """Return lower and upper bounds of a prosumer's observation, by the second table above."""
    own = [POWER, POWER, SHARE, EITHER, SHARE, *[POWER] * 6, POWER, POWER, POWER, POWER, SHARE, SHARE]
    return _bounds([*own, *[POWER] * (4 + 6 * horizon)], horizon)


def _bounds(first: list[Bound], horizon: int) -> tuple[Flat, Flat]:
    prices = [EITHER, EITHER, POWER] + [EITHER] * horizon
    low, high = np.array([*first, *prices, (-1.0, 1.0), (-1.0, 1.0)], dtype=np.float32).T
    return low, high


def encode(community: Community, observation: Observation) -> Flat:
    """Return the community's observation, (D,), of one that carries a forecast.

    Raises:
        ModelError: the observation has no forecast.
    """
    known = _known(community, observation)
    return community_rows(known, shown_soc(community, observation.soc), _shown_floor(community, observation))


def encode_each(community: Community, observation: Observation) -> Flat:
    """Return the prosumers' observations, (N, D), of one that carries a forecast.

    Raises:
        ModelError: the observation has no forecast.
    """
    known = _known(community, observation)
    own, common = own_rows(community, known), common_rows(known)
    own[:, SOC_OF_PROSUMER] = shown_soc(community, observation.soc)
    own[:, FLOOR_OF_PROSUMER] = _shown_floor(community, observation)
    return np.concatenate([own, np.broadcast_to(common, (own.shape[0], common.size))], axis=1)


def community_rows(known: Known, soc: ArrayLike, floor_kw: ArrayLike) -> Flat:
    """Return (*R, D): community observations, by the first table of the module.

    Args:
        known: R steps.
        soc: (*R, N) fractions as `shown_soc` gives them.
        floor_kw: (*R, N) kW as `shown_floor` gives them, or one number for all.
    """
    ahead, limits = (*known.demand_ahead, *known.pv_ahead), known.allowance
    return _flat(
        known.demand_kw,
        known.pv_kw,
        np.asarray(soc, dtype=np.float64),
        np.broadcast_to(np.asarray(floor_kw, dtype=np.float64), known.demand_kw.shape),
        *limits[:5],
        *(values[..., 0, :] for values in ahead),
        *(values.sum(axis=-1) for values in ahead),
        limits.grid_share,
        known.prices,
        known.published,
        known.daytime,
    )


def own_rows(community: Community, known: Known) -> Flat:
    """Return (*R, N, `OWN`): what is a prosumer's own in its observation, with 0 for state of charge and floor."""
    limits, nothing = known.allowance, np.zeros(known.demand_kw.shape)
    ahead, connection = (*known.demand_ahead, *known.pv_ahead), limits.connection_limit_kw
    columns = (
        known.demand_kw,
        known.pv_kw,
        nothing,
        nothing,
        limits.active,
        *(values[..., 0, :] for values in ahead),
        np.broadcast_to(community.battery_capacity_kwh, nothing.shape),
        limits.charge_limit_kw,
        limits.discharge_limit_kw,
        np.where(np.isfinite(connection), connection, 0.0),
        limits.soc_min,
        limits.soc_max,
    )
    return _flat(*(values[..., None] for values in columns))


def common_rows(known: Known) -> Flat:
    """Return (*R, D − `OWN`): what all prosumers of a community observe alike."""
    size = known.demand_kw.shape[-1]
    ahead = (*known.demand_ahead, *known.pv_ahead)
    return _flat(
        known.demand_kw.sum(axis=-1, keepdims=True) / size,
        known.pv_kw.sum(axis=-1, keepdims=True) / size,
        *(values.sum(axis=-1) / size for values in ahead),
        known.allowance.grid_kw / size,
        known.prices,
        known.published,
        known.daytime,
    )


def shown_soc(community: Community, soc: Vector) -> Vector:
    """Return (..., N) states of charge as observed: in 0..1, and 0 where there is no battery."""
    # The last bit of an empty or a full battery may lie outside 0..1.
    return np.where(community.has_battery, np.minimum(np.maximum(soc, 0.0), 1.0), 0.0)


def physical_action(community: Community, observation: Observation, action: Any) -> Any:
    """Return an action in [−1, 1] as an array (N, 3) of battery kW, trade kW, price bid, see `physical_rows`.

    What is not N rows of three numbers is returned as it is, for Layer 1 to refuse.
    """
    try:
        array = np.asarray(action, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return action
    if array.shape != (community.n_prosumers, ACTIONS):
        return action
    return physical_rows(
        community,
        array,
        demand_kw=observation.demand_kw,
        pv_kw=observation.pv_kw,
        retail_price=observation.retail_price,
        feed_in_price=observation.feed_in_price,
    )


def physical_rows(
    community: Community,
    action: Vector,
    *,
    demand_kw: Vector,
    pv_kw: Vector,
    retail_price: Vector,
    feed_in_price: Vector,
) -> Vector:
    """Return (..., N, 3) actions in [−1, 1] as battery kW, trade kW, price bid in currency/kWh.

        battery = a·P⁺ (charge) or a·P⁻        trade = a·(g + P⁻) (sell) or a·(d + P⁺)
        price = feed-in + (a + 1)/2·(retail − feed-in)

    So 0 is idle, and ±1 is the most a battery can do and the most a prosumer could have to sell or to buy. Numbers
    beyond ±1 are scaled on. Powers are (..., N); prices are (..., N) or (..., 1).
    """
    charge, discharge = community.charge_limit_kw, community.discharge_limit_kw
    battery, trade, price = action[..., 0], action[..., 1], action[..., 2]
    scaled = np.empty(action.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled[..., 0] = battery * np.where(battery >= 0, charge, discharge)
        scaled[..., 1] = trade * np.where(trade >= 0, pv_kw + discharge, demand_kw + charge)
        scaled[..., 2] = feed_in_price + (price + 1.0) / 2.0 * (retail_price - feed_in_price)
    return scaled


def day_angle(time: NDArray[np.datetime64]) -> Vector:
    """Return (..., 2) sine and cosine of the times of day."""
    minutes = (time - time.astype("datetime64[D]")) / np.timedelta64(1, "m")
    angle = 2 * np.pi * minutes / MINUTES_PER_DAY
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)


def _shown_floor(community: Community, observation: Observation) -> Vector | float:
    return shown_floor(floor_of(observation.limits, community.n_prosumers))


def _known(community: Community, observation: Observation) -> Known:
    forecast = observation.forecast
    if forecast is None:
        raise ModelError("forecast", None, "a Forecast; a learned policy needs one")
    carbon = observation.carbon_kg_per_kwh
    intensity = 0.0 if carbon is None else float(np.mean(carbon))
    return Known(
        demand_kw=observation.demand_kw,
        pv_kw=observation.pv_kw,
        demand_ahead=Outlook(forecast.demand_kw, forecast.demand_low_kw, forecast.demand_high_kw),
        pv_ahead=Outlook(forecast.pv_kw, forecast.pv_low_kw, forecast.pv_high_kw),
        allowance=allowance_of(community, observation.limits),
        prices=np.array([observation.retail_price[0], observation.feed_in_price[0], intensity]),
        published=forecast.retail_price,
        daytime=_daytime(observation.time),
    )


def _daytime(time: Any) -> Vector:
    """Return sine and cosine of the time of day; zeros when the time is unknown."""
    try:
        stamp = np.datetime64(time)
    except (TypeError, ValueError):
        return np.zeros(2)
    return np.zeros(2) if np.isnat(stamp) else day_angle(np.asarray(stamp))


def _flat(*parts: Vector) -> Flat:
    return np.clip(np.concatenate(parts, axis=-1), -NO_LIMIT, NO_LIMIT).astype(np.float32)
