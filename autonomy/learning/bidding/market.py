"""Orders, what they save each prosumer, and what one prosumer would save with another order.

What a kWh is worth is no secret: a seller would get feed-in for it and a buyer pay retail, and the batteries have been
decided on before. So the saving by the market is, for t kW sold (bought where t < 0) at the price p,

    t·dt·(p − feed-in)      for a seller
    |t|·dt·(retail − p − fee)      for a buyer

in floats: whole micro-currency, which the ledger pays, differ by less than one a prosumer and step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Index, Vector
from autonomy.learning.bidding.books import Markets
from autonomy.learning.gates import PRICE, TRADE, bid_price
from autonomy.market import Rule, clear_many

MOST_CELLS = 1_000_000
"""Orders that are cleared in one call when many prosumers try something else."""


class Terms(NamedTuple):
    """How the auction is held.

    Attributes:
        fee: Currency/kWh that buyers pay on top of the price.
        share: 0..1, where in an interval of clearing prices the price lies; 1 favours the sellers.
        rule: How prices are found.
    """

    fee: float = 0.0
    share: float = 0.5
    rule: Rule = Rule.UNIFORM


PLAIN = Terms()
"""No fee, and the price in the middle: what bids learn in."""


class Orders(NamedTuple):
    """What everybody bids in M markets, (M, N) each.

    Attributes:
        offer_kw: kW, + = sells up to this.
        price: Currency/kWh.
    """

    offer_kw: Vector
    price: Vector


class Cleared(NamedTuple):
    """What came of orders.

    Attributes:
        saving: (M, N) currency, by how much the bill is less than without trade.
        traded_kw: (M,) kW.
        price: (M,) currency/kWh that sellers get; NaN where nothing is traded.
    """

    saving: Vector
    traded_kw: Vector
    price: Vector


class Trial(NamedTuple):
    """R prosumers that try something else, each in a market of its own, the others as they are.

    Attributes:
        market: (R,) which market.
        prosumer: (R,) who.
    """

    market: Index
    prosumer: Index


def orders_by(markets: Markets, gates: Vector, fee: float) -> Orders:
    """Return the orders that (M, N, 5) gates mean, cut to what the nodes have."""
    offer = offer_by(markets.left_kw, markets.net_kw, gates[..., TRADE])
    return Orders(offer, price_by(markets, gates[..., PRICE], fee, markets.left_kw))


def offer_by(left_kw: Vector, net_kw: Vector, share: Vector) -> Vector:
    """Return kW, a share of what is left as far as the node has it, as Layer 2 cuts it."""
    return np.clip(share * left_kw, np.minimum(net_kw, 0.0), np.maximum(net_kw, 0.0))


def price_by(markets: Markets, gate: Vector | float, fee: float, side_kw: Vector) -> Vector:
    """Return (M, N) currency/kWh that gates of the price mean; who has less than 0 of `side_kw` buys."""
    feed_in, retail = markets.feed_in_price[:, None], markets.retail_price[:, None]
    prices: Vector = bid_price(np, np.broadcast_to(gate, side_kw.shape), feed_in, retail, fee, side_kw < 0.0)
    return prices


def truthful(markets: Markets) -> Orders:
    """Return what it is worth: all that is left, sold at feed-in or more and bought at retail or less."""
    feed_in, retail = markets.feed_in_price[:, None], markets.retail_price[:, None]
    return Orders(markets.net_kw, np.where(markets.net_kw < 0.0, retail, feed_in))


def clear_orders(markets: Markets, orders: Orders, terms: Terms = PLAIN) -> Cleared:
    """Return what comes of orders in the auction."""
    feed_in, retail = markets.feed_in_price[:, None], markets.retail_price[:, None]
    done = clear_many(*orders, feed_in_price=feed_in, retail_price=retail, **terms._asdict())
    trade, get, pay = done.trade_kw, np.nan_to_num(done.price)[:, None], np.nan_to_num(done.buyer_price)[:, None]
    saving = markets.timestep_h * np.where(trade > 0.0, trade * (get - feed_in), -trade * (retail - pay))
    return Cleared(saving, done.traded_kw, done.price)


def trials(markets: Markets) -> Trial:
    """Return everybody who has an order in a market, once for each."""
    return Trial(*np.nonzero(markets.net_kw))


def tried(markets: Markets, orders: Orders, trial: Trial, other: Orders, terms: Terms = PLAIN) -> Vector:
    """Return (R,) currency that each would save with its other order.

    Args:
        markets: They.
        orders: What everybody bids.
        trial: Who tries.
        other: (R,) kW and currency/kWh of those who try.
        terms: Of the auction.
    """
    saved = np.empty(trial.market.size)
    at_once = max(MOST_CELLS // markets.net_kw.shape[1], 1)
    for first in range(0, saved.size, at_once):
        part = slice(first, first + at_once)
        market, prosumer = trial.market[part], trial.prosumer[part]
        changed, mine = Orders(*(x[market] for x in orders)), (np.arange(market.size), prosumer)
        changed.offer_kw[mine], changed.price[mine] = other.offer_kw[part], other.price[part]
        saved[part] = clear_orders(markets.take(market), changed, terms).saving[mine]
    return saved
