"""The peer-to-peer market of one step: a uniform-price double auction on quantities that are already safe.

Sellers' asks in ascending and buyers' bids in descending order form two step curves; everything left of their
intersection is traded, and everybody trades at one price. Where an interval of prices clears, the price lies `share` of
the way from its lower to its upper end: the k-double auction (Satterthwaite and Williams, Bilateral trade with the
sealed bid k-double auction, Journal of Economic Theory 48, 1989, doi:10.1016/0022-0531(89)90121-X).

Quantities are counted in whole quanta, the largest offer times about N·2^-53, rounded towards zero, so that all sums
are exact integers: sales and purchases balance to the last bit, and no order trades more than it offered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.arrays import ArrayLike, Index, Mask, Vector
from autonomy.layers.errors import ModelError

_NONE = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Clearing:
    """The outcome of one auction.

    Attributes:
        trade_kw: (N,) kW, + = sold, 0 or of the offer's sign; sums to exactly 0.
        price: Currency/kWh for everybody, NaN if nothing trades.
        traded_kw: kW that change hands.
    """

    trade_kw: Vector
    price: float
    traded_kw: float


def clear(
    offer_kw: Vector, price_bid: Vector, *, feed_in_price: ArrayLike, retail_price: ArrayLike, share: float = 0.5
) -> Clearing:
    """Clear one step. Everything here is deterministic and independent of the order of the prosumers.

    Bids are clipped to the prosumer's own [feed-in, retail] first, so no trade is worse than the grid. Tariffs may
    differ: the one price must then lie inside the tariff of each trader, so asks below the highest feed-in price of a
    buyer are raised to it and bids above the lowest retail price of a seller are lowered to it.

    At the marginal price the longer side is served pro rata to the offers, to the quantum; quanta that do not divide
    go to the largest of these orders first. All better orders are served in full.

        traded = max over p of min(supply at p, demand at p)
        lower end = max(last accepted ask, best bid not fully accepted)
        upper end = min(last accepted bid, best ask not fully accepted)

    Args:
        offer_kw: (N,) kW, + = sells up to this at no less than the bid, − = buys up to this at no more than the bid.
        price_bid: (N,) currency/kWh.
        feed_in_price: Currency/kWh, a scalar or (N,).
        retail_price: Currency/kWh, a scalar or (N,).
        share: 0..1, where in an interval of clearing prices the price lies; 1 favours the sellers.

    Raises:
        ModelError: a number is not finite, a tariff has feed-in above retail, or share is outside 0..1.
    """
    offer, bid = np.asarray(offer_kw, dtype=np.float64), np.asarray(price_bid, dtype=np.float64)
    feed_in, retail = np.asarray(feed_in_price, dtype=np.float64), np.asarray(retail_price, dtype=np.float64)
    _check(offer, bid, feed_in, retail)
    if not 0.0 <= share <= 1.0:
        raise ModelError("share", share, "a fraction in 0..1")
    nothing = Clearing(trade_kw=np.zeros(offer.shape), price=np.nan, traded_kw=0.0)
    sells, buys = offer > 0.0, offer < 0.0
    if not (np.count_nonzero(sells) and np.count_nonzero(buys)):
        return nothing
    limit = np.minimum(np.maximum(bid, feed_in), retail)
    if feed_in.ndim or retail.ndim:
        limit = _inside_every_tariff(limit, sells, buys, feed_in, retail)

    quanta, exponent = _quanta(offer)
    supply, demand = _merit_order(limit, quanta, sells, sign=1.0), _merit_order(limit, quanta, buys, sign=-1.0)
    # The most that trades at any price trades at an ask: between two asks, a lower price only adds demand.
    demand_at_ask = np.concatenate((_NONE, demand.total))[(-demand.price).searchsorted(-supply.price, side="right")]
    traded = int(np.minimum(supply.total, demand_at_ask).max())
    if traded == 0:
        return nothing

    trade = np.zeros(offer.size, dtype=np.int64)
    trade[supply.index] = _allot(supply, traded)
    trade[demand.index] = -_allot(demand, traded)
    lower, upper = _clearing_prices(supply, demand, traded)
    return Clearing(
        trade_kw=np.ldexp(trade.astype(np.float64), exponent),
        price=min(lower + share * (upper - lower), upper),
        traded_kw=math.ldexp(traded, exponent),
    )


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """One side of the book, best price first and, among equal prices, largest first.

    Attributes:
        index: The prosumers.
        price: Currency/kWh.
        amount: Quanta offered.
        total: Quanta of this order and all before it.
    """

    index: NDArray[np.intp]
    price: Vector
    amount: Index
    total: Index

    def last_accepted(self, traded: int) -> float:
        """Return the marginal price, that of the last order of which anything trades."""
        return float(self.price[self.total.searchsorted(traded)])

    def best_rejected(self, traded: int, none: float) -> float:
        """Return the price of the best order not fully accepted: the marginal one if it is cut, else the next."""
        position = int(self.total.searchsorted(traded, side="right"))
        return float(self.price[position]) if position < self.price.size else none


def _check(offer: Vector, bid: Vector, feed_in: Vector, retail: Vector) -> None:
    """Raise `ModelError` for numbers the auction cannot work with."""
    for name, values in (("offer_kw", offer), ("price_bid", bid), ("feed_in_price", feed_in), ("retail_price", retail)):
        if values.shape != offer.shape and (values.ndim or name == "price_bid"):
            raise ModelError(name, f"an array of shape {values.shape}", f"an array of shape {offer.shape}")
        finite = np.isfinite(values)
        if np.count_nonzero(finite) != values.size:
            worst = int(np.flatnonzero(~finite)[0])
            raise ModelError(f"{name}[{worst}]", float(values.flat[worst]), "a finite number")
    if np.count_nonzero(feed_in > retail):
        raise ModelError("feed_in_price", feed_in.tolist(), "at most retail_price, for every prosumer")


def _inside_every_tariff(limit: Vector, sells: Mask, buys: Mask, feed_in: Vector, retail: Vector) -> Vector:
    """Return the limits, asks raised to the buyers' feed-in prices and bids lowered to the sellers' retail prices."""
    floor = np.where(buys, feed_in, -np.inf).max()
    cap = np.where(sells, retail, np.inf).min()
    inside: Vector = np.where(sells, np.maximum(limit, floor), np.minimum(limit, cap))
    return inside


def _quanta(offer: Vector) -> tuple[Index, int]:
    """Return |offer| in whole quanta of 2^exponent kW, rounded down, so fine that any sum stays below 2^53."""
    magnitude = np.abs(offer)
    exponent = max(math.frexp(magnitude.max())[1] + offer.size.bit_length() - 53, -1074)
    return np.ldexp(magnitude, -exponent).astype(np.int64), exponent


def _merit_order(limit: Vector, quanta: Index, side: Mask, *, sign: float) -> Side:
    """Return one side of the book; sign is +1 where the lowest price is best, -1 where the highest is."""
    index = side.nonzero()[0]
    index = index[np.lexsort((-quanta[index], sign * limit[index]))]
    amount = quanta[index]
    return Side(index, limit[index], amount, amount.cumsum())


def _allot(side: Side, traded: int) -> Index:
    """Return the quanta each order trades: better than marginal in full, marginal pro rata, worse nothing."""
    amount = side.amount.copy()
    tied = (side.price == side.last_accepted(traded)).nonzero()[0]
    first, stop = int(tied[0]), int(tied[-1]) + 1
    amount[stop:] = 0
    before = int(side.total[first] - amount[first])
    wanted, left = int(side.total[stop - 1]) - before, traded - before
    if wanted > left:
        # Python integers, because the products exceed 64 bits.
        shares = [item * left // wanted for item in amount[first:stop].tolist()]
        for position in range(left - sum(shares)):
            shares[position] += 1
        amount[first:stop] = shares
    return amount


def _clearing_prices(supply_side: Side, demand_side: Side, traded: int) -> tuple[float, float]:
    """Return the lowest and the highest price at which exactly `traded` quanta change hands."""
    lower, upper = supply_side.last_accepted(traded), demand_side.last_accepted(traded)
    return max(lower, demand_side.best_rejected(traded, -np.inf)), min(upper, supply_side.best_rejected(traded, np.inf))
