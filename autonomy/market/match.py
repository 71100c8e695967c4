"""Orders matched in whole numbers: two step curves, their crossing, and who gets what there.

Orders stand in order of merit: better level, then earlier rank, then larger, then by position. The best asks meet the
best bids until they cross or a side is exhausted; `autonomy.solvers.kernel.auction` does it in machine code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.arrays import Index, Mask
from autonomy.market.whole import in_proportion
from autonomy.solvers.auction import MANY, UNIFORM, load_auction

_NONE = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Match:
    """Who trades how much, and at what prices.

    Attributes:
        trade: (N,) units, + = sold; sums to 0.
        traded: Units that change hands.
        sell_price: What sellers get a unit; no meaning if nothing is traded.
        buy_price: What buyers pay a unit, as far as levels know: without a fee.
    """

    trade: Index
    traded: int
    sell_price: int
    buy_price: int


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """One side of the book, best level first.

    Attributes:
        index: The orders.
        key: Level of each, with the sign that makes it rise from better to worse.
        rank: Of all orders of the book; among equal levels lower comes first.
        amount: Units offered.
        total: Units of this order and all before it.
    """

    index: NDArray[np.intp]
    key: Index
    rank: Index
    amount: Index
    total: Index

    @classmethod
    def of(cls, side: Mask, key: Index, rank: Index, amount: Index) -> Side:
        """Return the orders of a side by level; orders of one level are not sorted yet."""
        index = side.nonzero()[0]
        index = index[np.argsort(key[index], kind="stable")]
        amount = amount[index]
        return cls(index, key[index], rank, amount, amount.cumsum())

    def level_at(self, traded: int) -> tuple[int, int]:
        """Return where the level at which `traded` ends begins and stops."""
        key = self.key[self.total.searchsorted(traded)]
        return int(self.key.searchsorted(key)), int(self.key.searchsorted(key, side="right"))

    def by_merit(self, first: int, stop: int) -> NDArray[np.intp]:
        """Return the positions first..stop of one level in order of rank and size."""
        return first + np.lexsort((-self.amount[first:stop], self.rank[self.index[first:stop]]))

    def accepted(self, traded: int) -> int:
        """Return the key of the last order of which anything trades."""
        return int(self.key[self.total.searchsorted(traded)])

    def rejected(self, traded: int) -> int | None:
        """Return the key of the best order not fully accepted: the last one if it is cut, else the next, if any."""
        position = int(self.total.searchsorted(traded, side="right"))
        return int(self.key[position]) if position < self.key.size else None

    def without_last(self, traded: int) -> Side:
        """Return the orders before the last one, in order of merit, of which anything trades."""
        first, stop = self.level_at(traded)
        order = np.concatenate((np.arange(first), self.by_merit(first, stop)))
        order = order[: int(self.amount[order].cumsum().searchsorted(traded))]
        amount = self.amount[order]
        return Side(self.index[order], self.key[order], self.rank, amount, amount.cumsum())

    def allot(self, traded: int, trade: Index, sign: int) -> None:
        """Write what each order trades: in order of level and rank, those of one level and rank in proportion."""
        if traded == 0:
            return
        served, (first, stop) = self.amount.copy(), self.level_at(traded)
        served[stop:] = 0
        if self.total[stop - 1] > traded:
            left = traded - int(self.total[first] - self.amount[first])
            order = self.by_merit(first, stop)
            total = self.amount[order].cumsum()
            rank = self.rank[self.index[order]]
            at = rank[total.searchsorted(left)]
            start, end = int(rank.searchsorted(at)), int(rank.searchsorted(at, side="right"))
            served[order[end:]] = 0
            tied = order[start:end]
            before = int(total[start] - self.amount[tied[0]])
            served[tied] = in_proportion(self.amount[tied], left - before)
        trade[self.index] = sign * served


def match_slowly(quantity: Index, level: Index, rank: Index, *, rule: int, share: float) -> Match:
    """Return what `match` returns, without machine code."""
    nothing = Match(trade=np.zeros(quantity.size, dtype=np.int64), traded=0, sell_price=0, buy_price=0)
    sells, buys = quantity > 0, quantity < 0
    if not (np.count_nonzero(sells) and np.count_nonzero(buys)):
        return nothing
    amount = np.abs(quantity)
    supply, demand = Side.of(sells, level, rank, amount), Side.of(buys, -level, rank, amount)
    # The most that trades at any price trades at an ask: between two asks, a lower price only adds demand.
    demand_at_ask = np.concatenate((_NONE, demand.total))[demand.key.searchsorted(-supply.key, side="right")]
    traded = int(np.minimum(supply.total, demand_at_ask).max())
    if traded == 0:
        return nothing
    lowest, highest = supply.accepted(traded), -demand.accepted(traded)
    ask, bid = supply.rejected(traded), demand.rejected(traded)
    if rule == UNIFORM:
        lower, upper = lowest if bid is None else max(lowest, -bid), highest if ask is None else min(highest, ask)
        sell = buy = lower + int(share * (upper - lower))
    else:
        middle = lowest - 1 if ask is None or bid is None else (ask - bid) // 2
        sell = buy = middle
        if not lowest <= middle <= highest:
            sell, buy = lowest, highest
            supply, demand = supply.without_last(traded), demand.without_last(traded)
            traded = min(int(supply.amount.sum()), int(demand.amount.sum()))
    trade = nothing.trade
    supply.allot(traded, trade, 1)
    demand.allot(traded, trade, -1)
    return Match(trade=trade, traded=traded, sell_price=sell, buy_price=buy)


def match(quantity: Index, level: Index, rank: Index, *, rule: int, share: float) -> Match:
    """Match one book.

        traded    = max over p of min(supply at p, demand at p)
        lower end = max(last accepted ask, best bid not fully accepted)
        upper end = min(last accepted bid, best ask not fully accepted)
        UNIFORM:  price = lower end + ⌊share·(upper end − lower end)⌋
        REDUCED:  price = ⌊(best ask + best bid not fully accepted)/2⌋ if both exist and it lies between the last
                  accepted ask and bid; else these two are the prices, and their orders trade nothing

    Where a level and rank is served in part, its orders get whole shares in proportion to their size; units that do
    not divide go to the larger ones, one each.

    Args:
        quantity: (N,) units, + = sells up to this, − = buys; their sizes sum to less than 2^53.
        level: (N,) worst price a unit, whole, at most 2^53 in size.
        rank: (N,) among equal levels lower comes first.
        rule: `autonomy.solvers.auction.UNIFORM` or REDUCED.
        share: 0..1, where in an interval of prices that clear the price lies.
    """
    code = load_auction()
    if code is None or quantity.size > MANY:
        return match_slowly(quantity, level, rank, rule=rule, share=share)
    trade, prices = np.empty(quantity.size, dtype=np.int64), np.zeros(2, dtype=np.int64)
    room = np.empty((code.room, quantity.size), dtype=np.int64)
    traded = code.match(quantity, level, rank, rule, share, trade, prices, room)
    return Match(trade=trade, traded=traded, sell_price=int(prices[0]), buy_price=int(prices[1]))
