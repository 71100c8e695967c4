"""What a prosumer could gain by bidding otherwise while all others go on as they do, and what clears.

Three measures, each the more severe the further down:

    regret      saving of who bids truthfully − own saving      truthful: all that is left, at feed-in or at retail
    constant    best of a grid of constant orders − own saving  one price and share for all hours in which it sells,
                                                                one for all in which it buys, chosen in hindsight
    hourly      best order of every hour − own saving           as if it knew everybody's orders beforehand

If `constant` is 0 for everybody, the orders are an equilibrium among policies that bid constants; if `hourly` is, in
every single market [Nash1951]. Both are relative to the grid of what is tried: `PRICES` and `SHARES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Index, Vector
from autonomy.learning.bidding.books import Books, Markets
from autonomy.learning.bidding.market import (
    PLAIN,
    Orders,
    Terms,
    clear_orders,
    offer_by,
    price_by,
    trials,
    tried,
    truthful,
)

PRICES = np.linspace(0.0, 1.0, 21)
"""Gates of the price that are tried, from feed-in to retail."""
SHARES = np.array([1.0, 0.75, 0.5, 0.25])
"""Shares of what is left that are tried with each of them."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Standing:
    """How N prosumers stand, currency a week each.

    Attributes:
        alone: (N,) bill without trade.
        saving: (N,) by how much trade makes it less.
        regret: (N,) what bidding truthfully would save more, < 0 where less.
        constant: (N,) what the best constant order would save more, >= 0.
        hourly: (N,) what the best order of every hour would save more, >= 0.
        all_truthful: (N,) the saving if everybody bid truthfully.
        traded_kwh: A week.
        could_kwh: A week, if everybody offered everything at a price that suits all.
        traded_worth: Currency a week, Σ traded·(retail − feed-in − fee).
        could_worth: Likewise, of what could be traded.
    """

    alone: Vector
    saving: Vector
    regret: Vector
    constant: Vector
    hourly: Vector
    all_truthful: Vector
    traded_kwh: float
    could_kwh: float
    traded_worth: float
    could_worth: float


def standing_of(
    orders: Orders, books: Books, terms: Terms = PLAIN, *, prices: Vector = PRICES, shares: Vector = SHARES
) -> Standing:
    """Return how the prosumers of a community stand with their orders.

    Args:
        orders: (M, N) of everybody in all markets, `orders_by` or any others.
        books: The markets.
        terms: Of the auction.
        prices: Gates that are tried.
        shares: Shares that are tried with each.
    """
    markets, weeks = books.markets, books.weeks
    cleared = clear_orders(markets, orders, terms)
    some = markets.two_sided  # in all others nothing can be gained
    there, theirs, saved = markets.take(some), _taken(orders, some), cleared.saving[some]
    constant, hourly = _best(there, theirs, saved, terms, prices, shares)
    room = np.maximum(markets.retail_price - markets.feed_in_price - terms.fee, 0.0)
    hours = markets.timestep_h / weeks
    return Standing(
        alone=markets.alone.sum(axis=0) / weeks,
        saving=cleared.saving.sum(axis=0) / weeks,
        regret=regrets(markets, orders, terms).sum(axis=0) / weeks,
        constant=constant / weeks,
        hourly=hourly / weeks,
        all_truthful=clear_orders(markets, truthful(markets), terms).saving.sum(axis=0) / weeks,
        traded_kwh=hours * float(cleared.traded_kw.sum()),
        could_kwh=hours * float(markets.could_kw.sum()),
        traded_worth=hours * float(room @ cleared.traded_kw),
        could_worth=hours * float(room @ markets.could_kw),
    )


def regrets(markets: Markets, orders: Orders, terms: Terms = PLAIN) -> Vector:
    """Return (M, N) currency that each would save more in every market if it alone bid truthfully."""
    some, found = markets.two_sided, np.zeros(markets.net_kw.shape)
    there, theirs = markets.take(some), _taken(orders, some)
    saved = clear_orders(there, theirs, terms).saving
    found[some] = _gain(there, theirs, truthful(there), saved, terms)
    return found


def _best(
    markets: Markets, orders: Orders, saving: Vector, terms: Terms, prices: Vector, shares: Vector
) -> tuple[Vector, Vector]:
    """Return (N,) currency that the best constant and the best hourly orders would gain."""
    sells, size = markets.net_kw > 0.0, markets.net_kw.shape[1]
    hourly, sold, bought = np.zeros(saving.shape), np.zeros(size), np.zeros(size)
    for gain in _gains(markets, orders, saving, terms, prices, shares):
        hourly = np.maximum(hourly, gain)
        sold = np.maximum(sold, gain.sum(axis=0, where=sells))
        bought = np.maximum(bought, gain.sum(axis=0, where=~sells))
    return sold + bought, hourly.sum(axis=0)


def _gains(
    markets: Markets, orders: Orders, saving: Vector, terms: Terms, prices: Vector, shares: Vector
) -> Iterator[Vector]:
    """Yield (M, N) currency that each would gain by every order of a grid."""
    for share in shares:
        offer = offer_by(markets.net_kw, markets.net_kw, share)
        for price in prices:
            other = Orders(offer, price_by(markets, float(price), terms.fee, markets.net_kw))
            yield _gain(markets, orders, other, saving, terms)


def _gain(markets: Markets, orders: Orders, other: Orders, saving: Vector, terms: Terms) -> Vector:
    """Return (M, N) currency that each would gain if it alone gave its other order."""
    trial, gain = trials(markets), np.zeros(saving.shape)
    gain[trial] = tried(markets, orders, trial, Orders(*(x[trial] for x in other)), terms) - saving[trial]
    return gain


def _taken(orders: Orders, rows: Index) -> Orders:
    return Orders(*(x[rows] for x in orders))
