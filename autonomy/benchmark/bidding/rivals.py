"""What else could be bid in the same markets: everybody alike, nobody learned it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.bidding.books import Markets
from autonomy.learning.bidding.market import Orders, price_by, truthful

SEED = 0
"""Of the random bids."""

Rival = Callable[[Markets, float], Orders]
"""From markets and the fee to everybody's orders."""


def _at(markets: Markets, gate: Vector | float, fee: float) -> Orders:
    return Orders(markets.net_kw, price_by(markets, gate, fee, markets.net_kw))


def _random(markets: Markets, fee: float) -> Orders:
    return _at(markets, np.random.default_rng(SEED).random(markets.net_kw.shape), fee)


RIVALS: dict[str, Rival] = {
    "midpoint": lambda markets, fee: _at(markets, 0.5, fee),
    "truthful": lambda markets, _: truthful(markets),
    "random": _random,
}
"""All of what is left, at the middle of the tariffs; at what it is worth; at any price between them [Gode1993]."""
