"""A policy is played, and its markets are written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.bidding.books import Books, Markets, Told
from autonomy.learning.features import own_features, stored_share
from autonomy.learning.gates import intent_kw, reach_of
from autonomy.learning.policy import Brain
from autonomy.learning.views import battery_of, features_of_series, feeder_kw
from autonomy.simulation import BatchSimulator
from autonomy.simulator import INITIAL_SOC
from autonomy.variation import Place


class _Step(NamedTuple):
    """A step of B weeks, which is B markets."""

    features: Vector
    stored: Vector
    own: Vector
    left_kw: Vector
    net_kw: Vector
    retail_price: Vector
    feed_in_price: Vector


def books_of(brain: Brain, place: Place, first: Sequence[int]) -> Books:
    """Return the markets of weeks that a policy plays, behind Layers 2 and 3; what it bids is of no account.

    Args:
        brain: The policy.
        place: Community, series and forecast, and the prices that the policy is told.
        first: Rows of the series where the weeks begin.
    """
    columns = _Step(*(np.concatenate(column) for column in zip(*_steps(brain, place, first), strict=True)))
    features, stored, own, left, net, retail, feed_in = columns
    markets = Markets(
        left_kw=left,
        net_kw=net,
        retail_price=retail,
        feed_in_price=feed_in,
        timestep_h=place.community.timestep_h,
    )
    return Books(Told(features, stored, own), markets, len(first))


def _steps(brain: Brain, place: Place, first: Sequence[int]) -> Iterator[_Step]:
    community, series = place.community, place.year.series
    week = 7 * series.steps_per_day
    simulator = BatchSimulator(community, [place.year.window(row, week) for row in first], batch=len(first))
    start = np.clip(INITIAL_SOC, community.soc_min, community.soc_max)
    simulator.reset(np.arange(len(first)), np.tile(start, (len(first), 1)))
    battery, (imports, exports) = battery_of(community), feeder_kw(community)
    capacity = battery.most_kwh - battery.least_kwh
    rows = np.asarray(first)[:, None] + np.arange(week)
    features = features_of_series(place, steps=rows.ravel()).reshape(*rows.shape, -1)
    for step in range(week):
        row = simulator.row.copy()
        load, energy = series.demand_kw[row] - series.pv_kw[row], np.where(capacity > 0.0, simulator.energy_kwh, 0.0)
        above = np.maximum(energy - battery.least_kwh, 0.0)
        told = Told(
            features[:, step], np.minimum(stored_share(above, capacity), 1.0), own_features(above, load, capacity)
        )
        surplus = -load.sum(axis=1, keepdims=True)
        wanted = intent_kw(np, brain.gates(*told), reach_of(np, energy, battery), surplus, imports, exports)
        nothing = np.zeros(wanted.shape)
        done = simulator.step(np.stack([wanted, nothing, nothing], axis=-1))
        yield _Step(*told, -load - wanted, done.net_export_kw, series.retail_price[row], series.feed_in_price[row])
