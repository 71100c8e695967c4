"""What the network is told: numbers without a unit, made of a prosumer's observation, as a part of the saved policy.

Energies and powers are shares of the own usable capacity U, prices shares of their mean m over the present and the day
ahead; each is then shifted and scaled by a fixed number, so that it is of the order of 1.

| Entries | Feature |
|---|---|
| 1 | own stored share, 0..1 |
| 1 | the community's net load for each home / U, 1/h |
| 3 | retail price / m, feed-in price / m, carbon intensity, kg/kWh |
| 2 | charge and discharge limit / U, 1/h |
| 2 | what the feeder brings and takes for each home / U, 1/h |
| 2 | sine and cosine of the time of day |
| 24 | expected net load for each home / U of each of the next 24 hours, 1/h |
| 4 | width of its forecast / U, mean over six hours each |
| 24 | retail price / m of each of these hours |

A community of batteries of different sizes looks to each prosumer as if all others had one like its own.

The table is written once for NumPy and for torch: `xp` is either module.
"""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor

from autonomy.learning.reinforcement.layout import seen_of

HOURS, BLOCKS, NOW = 24, 4, 11
FEATURES = NOW + 2 * HOURS + BLOCKS
LEAST_KWH = 0.1
LEAST_PRICE = 1e-6
LARGEST = 5.0
"""Where a feature is cut off: what has no limit is as good as this."""
POWER, WIDTH, PRICE, CARBON = 4.0, 1.0, 2.0, 5.0
"""Factors on powers, widths, prices (about their mean) and carbon intensity (about 0.2 kg/kWh)."""


class FeatureMap(BaseFeaturesExtractor):
    """The table above; it has no parameters and works for every horizon that divides a day into equal steps."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, FEATURES)

    def forward(self, observations: Tensor) -> Tensor:
        """Return (R, `FEATURES`), given (R, D) observations."""
        features: Tensor = features_of(torch, observations)
        return features


def features_of(xp: Any, observations: Any) -> Any:
    """Return (R, `FEATURES`), given (R, D) observations, arrays or tensors."""
    seen = seen_of(observations)
    usable = xp.clip(seen.usable_kwh, LEAST_KWH, None)[:, None]
    band = xp.clip(seen.soc_max - seen.soc_min, LEAST_PRICE, None)
    share = xp.clip((seen.soc - seen.soc_min) / band, 0.0, 1.0)
    prices = xp.concatenate([seen.retail[:, None], seen.retail_ahead], 1)
    mean = xp.clip(xp.abs(prices).mean(1)[:, None], LEAST_PRICE, None)
    tariff = xp.stack([seen.retail, seen.feed_in], 1)
    limits = xp.stack([seen.charge_limit_kw, seen.discharge_limit_kw], 1)
    ahead = _hourly(xp, seen.demand_ahead_kw - seen.pv_ahead_kw)
    width = _hourly(xp, seen.demand_width_kw + seen.pv_width_kw).reshape(len(ahead), BLOCKS, -1).mean(2)
    features = [
        2.0 * share[:, None] - 1.0,
        POWER * (seen.mean_demand_kw - seen.mean_pv_kw)[:, None] / usable,
        PRICE * (tariff / mean - 1.0),
        CARBON * (seen.carbon[:, None] - 0.2),
        limits / usable,
        POWER * seen.grid_kw / usable,
        seen.daytime,
        POWER * ahead / usable,
        WIDTH * width / usable,
        PRICE * (_hourly(xp, seen.retail_ahead) / mean - 1.0),
    ]
    return xp.clip(xp.concatenate(features, 1), -LARGEST, LARGEST)


def _hourly(xp: Any, table: Any) -> Any:
    """Return (R, 24), the mean of each hour of a day of equal steps; a longer step stands for all of its hours."""
    rows, steps = table.shape
    if steps >= HOURS:
        return table.reshape(rows, HOURS, steps // HOURS).mean(2)
    return xp.broadcast_to(table[:, :, None], (rows, steps, HOURS // steps)).reshape(rows, HOURS)
