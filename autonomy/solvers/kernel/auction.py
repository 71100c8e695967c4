"""A double auction on whole numbers, in machine code: two step curves, their crossing, and who gets what there.

An order sells (quantity > 0) or buys (< 0) up to so many units at its level or better. In order of merit (better level,
then earlier rank, then larger, then by position) the best seller meets the best buyer until levels cross or a side is
exhausted. `autonomy.market.match` says the same in NumPy and has the definitions.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from numba import float64, int64, types

from autonomy.solvers.auction import BUY, SELL, UNIFORM
from autonomy.solvers.kernel.borrow import borrow
from autonomy.solvers.kernel.merit import arrange, part_of
from autonomy.solvers.kernel.prices import compiled

ROOM = 4
"""Rows of whole numbers that one auction needs to work in."""
WHOLE = types.Array(int64, 1, "C", readonly=True)
SIGNATURE = int64(WHOLE, WHOLE, WHOLE, int64, float64, int64[::1], int64[::1], int64[:, ::1])


@compiled()
def _allot(order, key, rank, amount, traded, sign, trade):
    """Serve orders in turn, those of one level and rank in proportion; units that do not divide go to the first."""
    left, start = traded, 0
    while left > 0:
        stop, total, head = start, 0, order[start]
        while stop < order.size and key[order[stop]] == key[head] and rank[order[stop]] == rank[head]:
            total += amount[order[stop]]
            stop += 1
        given = min(total, left)
        rest = given
        for k in range(start, stop):
            item = order[k]
            served = amount[item] if given == total else part_of(amount[item], given, total)
            trade[item] = sign * served
            rest -= served
        for k in range(start, start + rest):
            trade[order[k]] += sign
        left, start = left - given, stop


@compiled(inline=True)
def _load(quantity, level, room):
    """Write keys that rise from better to worse, amounts, and who sells and who buys; return how many."""
    sellers = buyers = 0
    for i in range(quantity.size):
        room[0, i] = level[i] if quantity[i] > 0 else -level[i]
        room[1, i] = abs(quantity[i])
        if quantity[i] > 0:
            room[2, sellers] = i
            sellers += 1
        elif quantity[i] < 0:
            room[3, buyers] = i
            buyers += 1
    for k in range(buyers):
        room[2, sellers + k] = room[3, k]
    return sellers, buyers


@compiled()
def match_one(quantity, level, rank, rule, share, trade, prices, room):
    """Clear one book; see `match`, of which this is the inside."""
    trade[:] = 0
    sellers, buyers = _load(quantity, level, room)
    if sellers == 0 or buyers == 0:
        return 0
    key, amount, spare = room[0], room[1], room[3]
    sells, buys = room[2, :sellers], room[2, sellers : sellers + buyers]
    arrange(sells, key, rank, amount, spare)
    arrange(buys, key, rank, amount, spare)
    i = j = traded = 0
    last_sell = last_buy = -1
    sell_left, buy_left = amount[sells[0]], amount[buys[0]]
    while i < sellers and j < buyers and level[sells[i]] <= level[buys[j]]:
        met = min(sell_left, buy_left)
        traded, last_sell, last_buy = traded + met, i, j
        sell_left, buy_left = sell_left - met, buy_left - met
        if sell_left == 0:
            i += 1
            sell_left = amount[sells[i]] if i < sellers else 0
        if buy_left == 0:
            j += 1
            buy_left = amount[buys[j]] if j < buyers else 0
    if traded == 0:
        return 0
    lowest, highest = level[sells[last_sell]], level[buys[last_buy]]
    if rule == UNIFORM:
        lower = max(lowest, level[buys[j]]) if j < buyers else lowest
        upper = min(highest, level[sells[i]]) if i < sellers else highest
        prices[SELL] = prices[BUY] = lower + int(share * (upper - lower))
    else:
        middle = (level[sells[i]] + level[buys[j]]) // 2 if i < sellers and j < buyers else lowest - 1
        if lowest <= middle <= highest:
            prices[SELL] = prices[BUY] = middle
        else:
            prices[SELL], prices[BUY] = lowest, highest
            sells, buys = sells[:last_sell], buys[:last_buy]
            traded = min(_total(sells, amount), _total(buys, amount))
    _allot(sells, key, rank, amount, traded, 1, trade)
    _allot(buys, key, rank, amount, traded, -1, trade)
    return traded


@compiled(inline=True)
def _total(order, amount):
    total = 0
    for item in order:
        total += amount[item]
    return total


@compiled(SIGNATURE)
def match(quantity, level, rank, rule, share, trade, prices, room):
    """Clear one book of N orders and return the units that change hands.

    Args:
        quantity: (N,) units, + = sells, − = buys; their sizes sum to less than 2^53.
        level: (N,) worst price, at most 2^53 in size.
        rank: (N,) among equal levels, lower comes first.
        rule: `autonomy.solvers.auction.UNIFORM` or REDUCED.
        share: 0..1, where in an interval of prices that clear the price lies.
        trade: (N,) units traded are written, + = sold.
        prices: (2,) what sellers get and buyers pay a unit is written, if anything is traded.
        room: (ROOM, N) to work in.
    """
    return match_one(
        borrow(quantity), borrow(level), borrow(rank), rule, share, borrow(trade), borrow(prices), borrow(room)
    )
