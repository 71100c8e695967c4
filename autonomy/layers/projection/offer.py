"""What may be offered to the market: quantities the node has, prices inside the tariffs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector, all_true
from autonomy.layers.decision import Cause, Reason
from autonomy.layers.situation import Situation

NOTICEABLE = 1e-6
"""kW and currency/kWh from which a change of the offer is worth a reason."""


class Offer(NamedTuple):
    """A feasible offer.

    Attributes:
        trade_kw: (N,) kW, + = sell, between 0 and the node's net export.
        price_bid: (N,) currency/kWh within [feed-in, retail].
        reasons: What was changed.
    """

    trade_kw: Vector
    price_bid: Vector
    reasons: tuple[Reason, ...]


def cut_offer(situation: Situation, net_export_kw: Vector, trade_kw: Vector, price_bid: Vector) -> Offer:
    """Cut wishes to what the node has: nobody sells what they lack or buys beyond the deficit.

        t between 0 and n;  price in [feed-in, retail]

    Wishes that are not finite are no wishes: quantity 0, price the middle of the tariffs.
    """
    if situation.is_clean:
        nothing, offered = np.zeros(net_export_kw.size), np.empty((2, net_export_kw.size))
        np.maximum(trade_kw, np.minimum(net_export_kw, nothing), out=offered[0])
        np.minimum(offered[0], np.maximum(net_export_kw, nothing), out=offered[0])
        np.maximum(price_bid, situation.feed_in_price, out=offered[1])
        np.minimum(offered[1], situation.retail_price, out=offered[1])
        # NaN fails this comparison, and so does whatever was cut.
        if all_true(np.abs(offered - np.array((trade_kw, price_bid))) <= NOTICEABLE):
            return Offer(trade_kw=offered[0], price_bid=offered[1], reasons=())
    wish = np.where(np.isfinite(trade_kw), trade_kw, 0.0)
    trade = np.clip(wish, np.minimum(net_export_kw, 0.0), np.maximum(net_export_kw, 0.0))
    trade = np.where(situation.may_trade, trade, 0.0)
    middle = (situation.feed_in_price + situation.retail_price) / 2
    bid = np.where(np.isfinite(price_bid), price_bid, middle)
    price = np.clip(bid, situation.feed_in_price, situation.retail_price)
    reasons = []
    cut = np.flatnonzero(~(np.abs(trade - trade_kw) <= NOTICEABLE))
    if cut.size:
        text = f"the trade of {cut.size} prosumer(s) was cut to what the node has"
        reasons.append(Reason(cause=Cause.TRADE_CUT, text=text, prosumers=tuple(cut.tolist())))
    clipped = np.flatnonzero(~(np.abs(price - price_bid) <= NOTICEABLE) & (trade != 0.0))
    if clipped.size:
        text = f"the price bid of {clipped.size} prosumer(s) was clipped to [feed-in, retail]"
        reasons.append(Reason(cause=Cause.PRICE_CLIPPED, text=text, prosumers=tuple(clipped.tolist())))
    return Offer(trade_kw=trade, price_bid=price, reasons=tuple(reasons))
