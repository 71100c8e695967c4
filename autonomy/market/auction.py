"""One market of whole units and whole money, from the book to what everybody pays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Index, frozen
from autonomy.layers.errors import ModelError
from autonomy.market.book import Book
from autonomy.market.match import match
from autonomy.market.rule import Rule
from autonomy.market.whole import round_off


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class BookClearing:
    """The outcome of a book.

    Attributes:
        trade: (N,) units, + = sold, 0 or of the order's sign; sums to 0.
        traded: Units that change hands.
        sell_price: Micro-currency that sellers get per lot, None if nothing trades.
        buy_price: Micro-currency that buyers pay per lot, fee included, None if nothing trades.
        payment: (N,) whole micro-currency, + = pays, − = gets; sums to `take`.
        take: Micro-currency that the operator keeps: fees, and the surplus of a trade reduction; >= 0.
        rule: How prices were found.
        fee: Micro-currency per lot that was asked of buyers.
    """

    trade: Index
    traded: int
    sell_price: int | None
    buy_price: int | None
    payment: Index
    take: int
    rule: Rule
    fee: int


def clear_book(book: Book, *, rule: Rule = Rule.UNIFORM, share: float = 0.5, fee: int = 0) -> BookClearing:
    """Clear a book by price and time.

    Better limits trade first, among equal limits lower priorities; equal ones are served in proportion to their size,
    units that do not divide go one each to the larger orders, then by position. So the outcome does not depend on the
    order of the book, but for a unit between orders alike in everything, and for a micro-currency between trades of one
    size.

    The fee is taken off the buyers' limits before matching and put on what they pay: whoever trades pays, fee
    included, at most the own limit. Who hands it over makes no difference: were sellers to pay it out of a price that
    is higher by the fee, everybody would trade, pay and get the same.

    Rule UNIFORM: see `match` for the price, `share` is the k of the k-double auction [Satterthwaite1989]. Rule MCAFEE
    [McAfee1992], for orders of many units: where the mean of the best ask and the best bid not fully accepted (a cut
    order counts) lies between the last accepted ask and bid, everything trades at it, rounded down. Else the last ask
    and the last bid in order of merit set the price of their side and trade nothing themselves; the units before them
    trade as far as the shorter side goes, and the operator keeps the difference. Individual rationality and a budget
    that never falls short hold always. That bidding the true limit is dominant, and that a better limit never trades
    less, holds where all orders have the same size and everybody has one, to the rounding of the price; with orders of
    several sizes, or several of one trader, it does not. What the last orders would have traded is lost.

    Money is whole: everybody pays price·units/lot, rounded so that all payments sum to the operator's take. Nobody
    pays or gets less than the own limit says, unless no whole payments are like that; then nobody is off by a whole
    micro-currency. See `round_off`.

    Args:
        book: The orders.
        rule: How prices are found.
        share: 0..1, where in an interval of clearing prices the price lies; 1 favours the sellers.
        fee: Micro-currency per lot.

    Raises:
        ModelError: share is outside 0..1, the fee is negative, or with the fee money would not be exact.
    """
    if not 0.0 <= share <= 1.0:
        raise ModelError("share", share, "a fraction in 0..1")
    book.require_exact(fee)
    level = book.limit - np.where(book.quantity < 0, fee, 0)
    found = match(book.quantity, level, book.priority, rule=rule.value, share=share)
    if found.traded == 0:
        nothing = frozen(np.zeros(book.quantity.size), np.int64)
        return BookClearing(
            trade=nothing, traded=0, sell_price=None, buy_price=None, payment=nothing, take=0, rule=rule, fee=fee
        )
    sell, buy = found.sell_price, found.buy_price + fee
    take = (buy - sell) * found.traded // book.lot
    return BookClearing(
        trade=frozen(found.trade, np.int64),
        traded=found.traded,
        sell_price=sell,
        buy_price=buy,
        payment=frozen(payments_of(book, found.trade, sell, buy, take), np.int64),
        take=take,
        rule=rule,
        fee=fee,
    )


def payments_of(book: Book, trade: Index, sell_price: int, buy_price: int, take: int) -> Index:
    """Return (N,) whole micro-currency that each pays (+) or gets (−); they sum to `take`."""
    traders = trade.nonzero()[0]
    bought = -trade[traders]
    exact = bought * np.where(bought > 0, buy_price, sell_price)
    whole = exact // book.lot
    lost, most = whole * book.lot - exact, bought * book.limit[traders] // book.lot
    payment = np.zeros_like(trade)
    payment[traders] = round_off(whole, lost, most - whole, bought, take - int(whole.sum()))
    return payment
