"""The good answer of each prosumer to all others: the one that offers most, and of these the nearest price."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.bidding.books import Markets
from autonomy.learning.bidding.market import Orders, Trial, offer_by, tried
from autonomy.learning.gates import bid_price

FAR = 10.0
"""How much farther a kWh held back is than a price at the other end."""


class Answer(NamedTuple):
    """Gates of R prosumers.

    Attributes:
        share: (R,) 0..1.
        price: (R,) 0..1.
    """

    share: Vector
    price: Vector


def others(own: Answer, prices: Vector, shares: Vector) -> list[Answer]:
    """Return what is tried: the own answer, other prices at the own share, other shares at the own price, and all."""
    size = own.share.size
    return [
        own,
        *(Answer(own.share, np.full(size, price)) for price in prices),
        *(Answer(np.full(size, share), own.price) for share in (*shares, 1.0)),
    ]


def answers(
    markets: Markets, orders: Orders, trial: Trial, own: Answer, choices: list[Answer], tolerance: float
) -> Answer:
    """Return each prosumer's answer to the orders of the others.

    Args:
        markets: Where.
        orders: What everybody bids.
        trial: Who looks for an answer.
        own: What they would bid by their gates.
        choices: What they try.
        tolerance: See `BidRecipe`.
    """
    saved = np.array([tried(markets, orders, trial, order_of(markets, trial, one)) for one in choices])
    good = saved >= saved.max(axis=0) - tolerance * stakes(markets, trial)
    shares, prices = (np.array(columns) for columns in zip(*choices, strict=True))
    distance = np.where(good, np.abs(prices - own.price) + FAR * (1.0 - shares), np.inf)
    best = distance.argmin(axis=0), np.arange(own.share.size)
    return Answer(shares[best], prices[best])


def stakes(markets: Markets, trial: Trial) -> Vector:
    """Return (R,) currency, what each could earn by trade at most: |n|·dt·(retail − feed-in)."""
    room = (markets.retail_price - markets.feed_in_price)[trial.market]
    stake: Vector = markets.timestep_h * np.abs(markets.net_kw[trial]) * room
    return stake


def order_of(markets: Markets, trial: Trial, answer: Answer) -> Orders:
    """Return (R,) orders that gates mean, without a fee."""
    left, net = markets.left_kw[trial], markets.net_kw[trial]
    feed_in, retail = markets.feed_in_price[trial.market], markets.retail_price[trial.market]
    return Orders(offer_by(left, net, answer.share), bid_price(np, answer.price, feed_in, retail, 0.0, left < 0.0))
