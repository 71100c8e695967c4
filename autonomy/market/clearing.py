"""The market of one step, or of many at once, on kW and currency: the face of the auction that the simulator sees.

A uniform-price double auction on quantities that are already safe: it moves money and no power. Quantities are counted
in whole quanta and prices in ticks of a micro-currency per kWh (`autonomy.market.ticks`), so all sums are exact: sales
and purchases balance to the last bit, and no order trades more than it offered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import ArrayLike, Matrix, Vector
from autonomy.layers.errors import ModelError
from autonomy.market.match import match_slowly
from autonomy.market.rule import Rule
from autonomy.market.ticks import fee_in_ticks, levels_of, quanta_of
from autonomy.solvers.auction import BUY, LARGEST_PRICE, MANY, SELL, TICKS, load_auction


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Clearing:
    """The outcome of one auction.

    Attributes:
        trade_kw: (N,) kW, + = sold, 0 or of the offer's sign; sums to exactly 0.
        price: Currency/kWh that sellers get, NaN if nothing trades; whole micro-currency.
        buyer_price: Currency/kWh that buyers pay; the same but for a fee or a trade reduction.
        traded_kw: kW that change hands.
    """

    trade_kw: Vector
    price: float
    buyer_price: float
    traded_kw: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Clearings:
    """The outcomes of B auctions; every row is what `clear` returns for it, bit for bit.

    Attributes:
        trade_kw: (B, N) kW, + = sold; every row sums to exactly 0.
        price: (B,) currency/kWh that sellers get, NaN where nothing trades.
        buyer_price: (B,) currency/kWh that buyers pay.
        traded_kw: (B,) kW that change hands.
    """

    trade_kw: Matrix
    price: Vector
    buyer_price: Vector
    traded_kw: Vector


class _Terms(NamedTuple):
    share: float
    fee: int
    rule: Rule


def clear(
    offer_kw: Vector,
    price_bid: Vector,
    *,
    feed_in_price: ArrayLike,
    retail_price: ArrayLike,
    share: float = 0.5,
    fee: float = 0.0,
    rule: Rule = Rule.UNIFORM,
) -> Clearing:
    """Clear one step. Everything here is deterministic and independent of the order of the prosumers.

    Bids are clipped to the prosumer's own [feed-in, retail] first, so no trade is worse than the grid. Tariffs may
    differ: the one price must then lie inside the tariff of each trader, so asks below the highest feed-in price of a
    buyer are raised to it and bids above the lowest retail price of a seller are lowered to it. Who has no whole
    micro-currency between feed-in and retail price does not trade.

    At the marginal price the longer side is served pro rata to the offers, to the quantum; quanta that do not divide
    go to the largest of these orders first. All better orders are served in full. Prices: `autonomy.market.match`;
    fee and rules: `autonomy.market.clear_book`.

    Args:
        offer_kw: (N,) kW, + = sells up to this at no less than the bid, − = buys up to this at no more than the bid.
        price_bid: (N,) currency/kWh.
        feed_in_price: Currency/kWh, a scalar or (N,).
        retail_price: Currency/kWh, a scalar or (N,).
        share: 0..1, where in an interval of clearing prices the price lies; 1 favours the sellers.
        fee: Currency/kWh that buyers pay on top of the price, rounded up to a micro-currency; their bids and retail
            prices are lowered by it first.
        rule: How prices are found.

    Raises:
        ModelError: a number is not finite, a tariff has feed-in above retail or more than 2^53 micro-currency per kWh,
            share is outside 0..1, or the fee is negative.
    """
    offer, bid = np.asarray(offer_kw, dtype=np.float64), np.asarray(price_bid, dtype=np.float64)
    if offer.ndim != 1:
        raise ModelError("offer_kw", f"an array of shape {offer.shape}", "an array of shape (N,)")
    many = clear_many(
        offer[None],
        bid[None],
        feed_in_price=feed_in_price,
        retail_price=retail_price,
        share=share,
        fee=fee,
        rule=rule,
    )
    return Clearing(
        trade_kw=many.trade_kw[0],
        price=float(many.price[0]),
        buyer_price=float(many.buyer_price[0]),
        traded_kw=float(many.traded_kw[0]),
    )


def clear_many(
    offer_kw: Matrix,
    price_bid: Matrix,
    *,
    feed_in_price: ArrayLike,
    retail_price: ArrayLike,
    share: float = 0.5,
    fee: float = 0.0,
    rule: Rule = Rule.UNIFORM,
) -> Clearings:
    """Clear B markets of N prosumers, each for itself as `clear` does.

    Args:
        offer_kw: (B, N) kW, + = sells, − = buys.
        price_bid: (B, N) currency/kWh.
        feed_in_price: Currency/kWh, a scalar or anything that broadcasts to (B, N).
        retail_price: Currency/kWh, likewise.
        share: As in `clear`.
        fee: As in `clear`.
        rule: As in `clear`.

    Raises:
        ModelError: as in `clear`, or shapes do not fit.
    """
    offer, bid = np.asarray(offer_kw, dtype=np.float64), np.asarray(price_bid, dtype=np.float64)
    if offer.ndim != 2:
        raise ModelError("offer_kw", f"an array of shape {offer.shape}", "an array of shape (B, N)")
    if bid.shape != offer.shape:
        raise ModelError("price_bid", f"an array of shape {bid.shape[-1:]}", f"an array of shape {offer.shape[-1:]}")
    feed_in = _spread("feed_in_price", feed_in_price, offer)
    retail = _spread("retail_price", retail_price, offer)
    terms = _terms(share, fee, rule)
    count, size = offer.shape
    trade, prices, traded = np.empty((count, size)), np.empty((count, 2)), np.empty(count)
    code, done = load_auction(), 0
    if code is not None and size <= MANY:
        room, pair = np.empty((code.rows_room, size), dtype=np.int64), np.empty(2, dtype=np.int64)
        given = terms.share, terms.fee, terms.rule.value
        done = code.match_rows(offer, bid, feed_in, retail, *given, trade, prices, traded, room, pair)
    for row in range(done, count):
        _check(offer[row], bid[row], feed_in[row], retail[row])
        trade[row], prices[row], traded[row] = _clear_slowly(offer[row], bid[row], feed_in[row], retail[row], terms)
    return Clearings(trade_kw=trade, price=prices[:, SELL], buyer_price=prices[:, BUY], traded_kw=traded)


def _clear_slowly(
    offer: Vector, bid: Vector, feed_in: Vector, retail: Vector, terms: _Terms
) -> tuple[Vector, tuple[float, float], float]:
    """Return trade, prices and what is traded, without machine code."""
    nothing = np.zeros(offer.size), (math.nan, math.nan), 0.0
    if not offer.any():
        return nothing
    some = offer != 0.0
    level, can = np.zeros(offer.size, dtype=np.int64), np.zeros(offer.size, dtype=np.bool_)
    level[some], can[some] = levels_of(offer[some] > 0.0, bid[some], feed_in[some], retail[some], terms.fee)
    quanta, exponent = quanta_of(offer)
    rank = np.zeros(offer.size, dtype=np.int64)
    found = match_slowly(np.where(can, quanta, 0), level, rank, rule=terms.rule.value, share=terms.share)
    if found.traded == 0:
        return nothing
    prices = found.sell_price / TICKS, (found.buy_price + terms.fee) / TICKS
    return np.ldexp(found.trade.astype(np.float64), exponent), prices, math.ldexp(found.traded, exponent)


def _spread(name: str, values: ArrayLike, like: Matrix) -> Matrix:
    """Return a tariff for every order, without a copy."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape == like.shape:
        return array
    try:
        return np.broadcast_to(array, like.shape)
    except ValueError:
        expected = f"a scalar or an array of shape {like.shape[-1:]}"
        raise ModelError(name, f"an array of shape {array.shape}", expected) from None


def _terms(share: float, fee: float, rule: Rule) -> _Terms:
    if not 0.0 <= share <= 1.0:
        raise ModelError("share", share, "a fraction in 0..1")
    return _Terms(share, fee_in_ticks(fee), rule)


def _check(offer: Vector, bid: Vector, feed_in: Vector, retail: Vector) -> None:
    """Raise `ModelError` for numbers the auction cannot work with."""
    for name, values in (("offer_kw", offer), ("price_bid", bid), ("feed_in_price", feed_in), ("retail_price", retail)):
        finite = np.isfinite(values)
        if np.count_nonzero(finite) != values.size:
            worst = int(np.flatnonzero(~finite)[0])
            raise ModelError(f"{name}[{worst}]", float(values.flat[worst]), "a finite number")
    for name, values in (("feed_in_price", feed_in), ("retail_price", retail)):
        large = np.abs(values) * TICKS > LARGEST_PRICE
        if np.count_nonzero(large):
            worst = int(np.flatnonzero(large)[0])
            expected = f"currency/kWh, at most {LARGEST_PRICE / TICKS:.3g} in size"
            raise ModelError(f"{name}[{worst}]", float(values[worst]), expected)
    if np.count_nonzero(feed_in > retail):
        raise ModelError("feed_in_price", feed_in.tolist(), "at most retail_price, for every prosumer")
