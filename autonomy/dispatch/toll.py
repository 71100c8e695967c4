"""What a kWh traded between neighbours costs the community: the fee, or what not trading costs where that is less.

The optimum is replayed with everybody offering all they have, sellers at the feed-in and buyers at the retail price.
With S = Σ max(n, 0), B = Σ max(−n, 0) and m = min(S, B), X = S − m is exported and I = B − m imported. The market
matches m where feed-in + fee <= retail, in whole micro-currency; elsewhere nobody trades. So the community pays

    with trade:    retail·I − feed-in·X + fee·m
    without:       retail·B − feed-in·S = retail·I − feed-in·X + (retail − feed-in)·m

which is the same formula with a toll for a kWh that neighbours exchange. Because m = S − X, it is

    toll·S + retail·I − (feed-in + toll)·X,    convex in n as long as 0 <= toll <= retail − feed-in

so it needs a column max(n, 0) for each prosumer, and no binary.
"""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.market.ticks import fee_in_ticks, in_ticks
from autonomy.solvers.auction import TICKS


def toll_per_kwh(retail_price: Vector, feed_in_price: Vector, fee: float) -> Vector:
    """Return (T,) currency/kWh >= 0; 0 where the feed-in price is above the retail price.

    Args:
        retail_price: (T,) currency/kWh.
        feed_in_price: (T,) currency/kWh.
        fee: Currency/kWh that buyers pay for what they buy from a neighbour.
    """
    ticks = fee_in_ticks(fee)
    trades = np.ceil(in_ticks(feed_in_price)) <= np.floor(in_ticks(retail_price)) - ticks
    toll: Vector = np.where(trades, ticks / TICKS, np.maximum(retail_price - feed_in_price, 0.0))
    return toll


def rounding_of(toll: Vector, fee: float) -> float:
    """Return currency that the fees of a window may be less than fee·traded: each step's are rounded down to a tick.

    Args:
        toll: (T,) currency/kWh.
        fee: Currency/kWh traded.
    """
    return float((toll > 0).sum()) / TICKS if fee > 0 else 0.0
