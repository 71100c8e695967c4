"""Proof that a book is cleared as it should be, from the book and the outcome alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Index, Mask
from autonomy.market.auction import BookClearing
from autonomy.market.book import Book
from autonomy.market.rule import Rule


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """What is known of an outcome.

    Attributes:
        gap: Micro-currency/lot·units: what all orders would gain at the price, less what the trades are worth. 0 proves
            that no trades of this book are worth more; after a trade reduction it bounds what was given up.
        faults: What is wrong, a few words each.
    """

    gap: int
    faults: tuple[str, ...]

    @property
    def is_proved(self) -> bool:
        """Whether nothing is wrong and nothing better exists."""
        return self.gap == 0 and not self.faults


def certify(book: Book, clearing: BookClearing) -> Certificate:
    """Return the surplus gap of an outcome, and its faults.

        value of an order    v = limit of a seller, limit − fee of a buyer
        worth of the trades  W = −Σ v·trade                         trade in 0..quantity, Σ trade = 0
        gains at a price p   D(p) = Σ max(0, quantity·(p − v))

    W <= D(p) for all feasible trades and all p: maximising W and minimising D are dual linear programs, and trades and
    price are optimal exactly when the gap D − W is 0.
    """
    value = book.limit - np.where(book.quantity < 0, clearing.fee, 0)
    price = _price(book, clearing, value)
    worth = -int((value * clearing.trade).sum())
    best = int(np.maximum(0, book.quantity * (price - value)).sum())
    return Certificate(gap=best - worth, faults=tuple(_faults(book, clearing, value)))


def _price(book: Book, clearing: BookClearing, value: Index) -> int:
    """Return the uniform price, the middle of two, or where nothing trades one that nobody would trade at."""
    if clearing.sell_price is not None and clearing.buy_price is not None:
        return (clearing.sell_price + clearing.buy_price - clearing.fee) // 2
    bids, asks = value[book.quantity < 0], value[book.quantity > 0]
    return int(bids.max()) if bids.size else int(asks.min(initial=0))


def _faults(book: Book, clearing: BookClearing, value: Index) -> Iterator[str]:
    trade, payment, quantity = clearing.trade, clearing.payment, book.quantity
    if trade.sum() != 0 or np.maximum(trade, 0).sum() != clearing.traded:
        yield "trades do not balance"
    if not np.all((np.minimum(quantity, 0) <= trade) & (trade <= np.maximum(quantity, 0))):
        yield "a trade exceeds its order"
    if payment.sum() != clearing.take or clearing.take < 0:
        yield "money does not balance"
    if clearing.sell_price is None or clearing.buy_price is None:
        if trade.any() or payment.any() or clearing.take:
            yield "trades without a price"
        return
    sell, buy = clearing.sell_price, clearing.buy_price
    if clearing.take != (buy - sell) * clearing.traded // book.lot:
        yield "the operator's take is not that of the prices"
    bought = -trade
    if np.any((trade > 0) & (book.limit > sell)) or np.any((trade < 0) & (book.limit < buy)):
        yield "a trade beyond its limit"
    off = payment * book.lot - bought * np.where(bought > 0, buy, sell)
    is_kept = (payment <= bought * book.limit // book.lot) & (np.abs(off) <= trade.size * book.lot)
    if not np.all(is_kept | (np.abs(off) < book.lot)):
        yield "a payment is not that of the price"
    for side in (quantity > 0, quantity < 0):
        is_uniform = clearing.rule is Rule.UNIFORM
        if not _is_in_turn(side, np.abs(trade), np.abs(quantity), np.sign(quantity) * value, book.priority, is_uniform):
            yield "an order was passed over"


def _is_in_turn(side: Mask, served: Index, wanted: Index, key: Index, rank: Index, is_uniform: bool) -> bool:
    """Return whether nobody trades behind an order that was cut, and whether equal ones were cut in proportion."""
    cut, trading = side & (served < wanted), side & (served > 0)
    if not (cut.any() and trading.any()):
        return True
    worst = np.lexsort((rank[trading], key[trading]))[-1]
    last = int(key[trading][worst]), int(rank[trading][worst])
    if np.any((key[cut] < last[0]) | ((key[cut] == last[0]) & (rank[cut] < last[1]))):
        return False
    tied = side & (key == last[0]) & (rank == last[1])
    # Python integers, because the products exceed 64 bits.
    some, everything = int(served[tied].sum()), int(wanted[tied].sum())
    off = (abs(a * everything - b * some) for a, b in zip(served[tied].tolist(), wanted[tied].tolist(), strict=True))
    return not is_uniform or max(off) <= everything
