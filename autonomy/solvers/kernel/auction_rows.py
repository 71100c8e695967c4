"""Many double auctions on floats in one call of machine code; `autonomy.market.clearing` says the same in NumPy."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import math

import numpy as np
from numba import float64, int64, types

from autonomy.solvers.auction import BUY, LARGEST_PRICE, SELL, TICKS
from autonomy.solvers.kernel.auction import ROOM, match_one
from autonomy.solvers.kernel.borrow import borrow
from autonomy.solvers.kernel.prices import compiled
from autonomy.solvers.kernel.ticks import exponent_of, in_ticks, scaled

QUANTITY, LEVEL, RANK, TRADE = ROOM, ROOM + 1, ROOM + 2, ROOM + 3
ROWS_ROOM = ROOM + 4
"""Rows of whole numbers that the auctions need to work in."""
ANY = types.Array(float64, 2, "A", readonly=True)
SIGNATURE = int64(
    *[ANY] * 4, float64, int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], int64[:, ::1], int64[::1]
)


@compiled(inline=True)
def _is_sound(offer, bid, low, high):
    """Return whether all are numbers, low <= high, and neither is too large; NaN is none."""
    total, sound = 0.0, True
    for i in range(offer.size):
        total += 0.0 * offer[i] + 0.0 * bid[i]
        sound &= -LARGEST_PRICE <= low[i] * TICKS <= high[i] * TICKS <= LARGEST_PRICE
    return sound and total == 0.0


@compiled(inline=True)
def _to_whole(offer, bid, low, high, fee, room):
    """Write quantities in quanta and levels in ticks, inside the bounds of whoever could trade; return the exponent."""
    largest, floor, cap = 0.0, -LARGEST_PRICE, LARGEST_PRICE
    for i in range(offer.size):
        largest = max(largest, abs(offer[i]))
    if largest == 0.0:
        return 0
    exponent = exponent_of(largest, offer.size)
    scale = math.ldexp(1.0, -exponent)
    for i in range(offer.size):
        asked, sells = in_ticks(min(max(bid[i], low[i]), high[i])), offer[i] > 0.0
        level, bound = (np.ceil(asked), in_ticks(high[i])) if sells else (-np.floor(asked), -in_ticks(low[i]))
        bound = np.floor(bound)
        room[RANK, i] = room[QUANTITY, i] = 0
        if offer[i] == 0.0 or level > bound:
            continue
        room[QUANTITY, i] = int(scaled(offer[i], -exponent, scale))
        room[LEVEL, i] = int(level) if sells else -int(level) - fee
        if sells:
            cap = min(cap, bound)
        else:
            floor = max(floor, -bound)
    for i in range(offer.size):
        if room[QUANTITY, i] > 0:
            room[LEVEL, i] = max(room[LEVEL, i], int(floor))
        elif room[QUANTITY, i] < 0:
            room[LEVEL, i] = min(room[LEVEL, i], int(cap))
    return exponent


@compiled(SIGNATURE)
def match_rows(offer, bid, low, high, share, fee, rule, trade, prices, traded, room, pair):
    """Clear B books of N orders; return how many were, up to a row with numbers the auction cannot work with.

    Args:
        offer: (B, N) + = sells up to this much, − = buys.
        bid: (B, N) worst price, clipped to [low, high].
        low: (B, N) lowest price at which each may trade.
        high: (B, N) highest.
        share: 0..1, where in an interval of prices that clear the price lies.
        fee: Ticks that buyers pay on top.
        rule: `autonomy.solvers.auction.UNIFORM` or REDUCED.
        trade: (B, N) is written, + = sold.
        prices: (B, 2) what sellers get and buyers pay is written, NaN where nothing is traded.
        traded: (B,) is written.
        room: (ROWS_ROOM, N) to work in.
        pair: (2,) to work in.
    """
    offer, bid, low, high = borrow(offer), borrow(bid), borrow(low), borrow(high)
    trade, prices, room, pair = borrow(trade), borrow(prices), borrow(room), borrow(pair)
    for k in range(offer.shape[0]):
        if not _is_sound(offer[k], bid[k], low[k], high[k]):
            return k
        exponent = _to_whole(offer[k], bid[k], low[k], high[k], fee, room)
        amount = 0
        if exponent != 0 or offer[k].any():
            amount = match_one(room[QUANTITY], room[LEVEL], room[RANK], rule, share, room[TRADE], pair, room)
        scale = math.ldexp(1.0, exponent)
        traded[k] = scaled(float(amount), exponent, scale)
        prices[k, SELL] = pair[SELL] / TICKS if amount else math.nan
        prices[k, BUY] = (pair[BUY] + fee) / TICKS if amount else math.nan
        for i in range(offer.shape[1]):
            trade[k, i] = scaled(float(room[TRADE, i]), exponent, scale) if amount else 0.0
    return offer.shape[0]
