"""What the markets of a community are about, before anybody has bid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Index, Vector

LEAST_KW = 1e-6
"""kW below which nobody is on a side of the market: what decisions are rounded to."""


class Told(NamedTuple):
    """What a network is told of M markets of N prosumers.

    Attributes:
        features: (M, F), `community_features`.
        stored: (M,) stored share of the usable capacity, 0..1.
        own: (M, N, OWN), `own_features`.
    """

    features: Vector
    stored: Vector
    own: Vector


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Markets:
    """M markets of N prosumers, a step each.

    Attributes:
        left_kw: (M, N) kW, generation less demand and the battery power that was wanted; + = surplus.
        net_kw: (M, N) kW, net export as metered; + = export. 0 where N is less than in other markets.
        retail_price: (M,) currency/kWh.
        feed_in_price: (M,) currency/kWh.
        timestep_h: Hours of a step.
    """

    left_kw: Vector
    net_kw: Vector
    retail_price: Vector
    feed_in_price: Vector
    timestep_h: float

    def take(self, rows: Index) -> Markets:
        """Return some of the markets."""
        return Markets(
            left_kw=self.left_kw[rows],
            net_kw=self.net_kw[rows],
            retail_price=self.retail_price[rows],
            feed_in_price=self.feed_in_price[rows],
            timestep_h=self.timestep_h,
        )

    @property
    def two_sided(self) -> Index:
        """The markets in which somebody has more than needed and somebody less."""
        sells, buys = (self.net_kw > LEAST_KW).any(axis=1), (self.net_kw < -LEAST_KW).any(axis=1)
        return np.flatnonzero(sells & buys)

    @property
    def could_kw(self) -> Vector:
        """(M,) kW that change hands if everybody offers everything at a price that suits all."""
        sold, bought = np.maximum(self.net_kw, 0.0).sum(axis=1), np.maximum(-self.net_kw, 0.0).sum(axis=1)
        could: Vector = np.minimum(sold, bought)
        return could

    @property
    def alone(self) -> Vector:
        """(M, N) currency, what each pays to the grid if nothing is traded."""
        retail, feed_in = self.retail_price[:, None], self.feed_in_price[:, None]
        cost: Vector = -self.timestep_h * np.where(self.net_kw < 0.0, retail, feed_in) * self.net_kw
        return cost


class Books(NamedTuple):
    """The markets of a community, and what its network was told.

    Attributes:
        told: To the network.
        markets: Who has what left.
        weeks: How many weeks were played.
    """

    told: Told
    markets: Markets
    weeks: int


def padded(tables: Sequence[Vector]) -> Vector:
    """Return (M, N, …) tables of communities one after the other, with zeros where a community has fewer prosumers."""
    size = max(table.shape[1] for table in tables)
    found = np.zeros((sum(len(table) for table in tables), size, *tables[0].shape[2:]))
    first = 0
    for table in tables:
        found[first : first + len(table), : table.shape[1]] = table
        first += len(table)
    return found


def gathered(books: Sequence[Markets]) -> Markets:
    """Return the markets of communities one after the other."""
    return Markets(
        left_kw=padded([one.left_kw for one in books]),
        net_kw=padded([one.net_kw for one in books]),
        retail_price=np.concatenate([one.retail_price for one in books]),
        feed_in_price=np.concatenate([one.feed_in_price for one in books]),
        timestep_h=books[0].timestep_h,
    )
