"""What trades cost in whole ticks, in machine code; `autonomy.market.payment` says the same in NumPy."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import float64, int64, types

from autonomy.solvers.auction import LARGEST_TURNOVER, ROUNDING
from autonomy.solvers.kernel.borrow import borrow
from autonomy.solvers.kernel.prices import compiled
from autonomy.solvers.kernel.round_off import round_off
from autonomy.solvers.kernel.ticks import in_ticks

ROOM, REAL_ROOM = 4, 2
ANY = types.Array(float64, 2, "A", readonly=True)
SIGNATURE = int64(*[ANY] * 4, float64, float64, int64[:, ::1], int64[:, ::1], float64[:, ::1])


@compiled(inline=True)
def _round_down(trade, price, low, high, fee, length, payment, slack, lost, size):
    """Write payments rounded down, and what `round_off` needs; return how many ticks are to be added, −1 for none."""
    exact_sum = whole_sum = together = net = bought_sum = 0.0
    for i in range(trade.size):
        payment[i], slack[i], lost[i], size[i] = 0, 0, 0.0, -trade[i]
        if trade[i] == 0.0:
            continue
        bought = -trade[i] * length
        exact = bought * (in_ticks(price[i]) + (fee if bought > 0.0 else 0.0))
        whole, most = np.floor(exact), np.floor(bought * in_ticks(high[i] if bought > 0.0 else low[i]))
        together += abs(exact) + 0.0 * most
        if not together <= LARGEST_TURNOVER:
            return -1
        payment[i], lost[i] = int(whole), whole - exact
        slack[i] = int(min(max(most - whole, 0.0), float(trade.size)))
        exact_sum, whole_sum = exact_sum + exact, whole_sum + whole
        net, bought_sum = net + trade[i], bought_sum + max(-trade[i], 0.0)
    total = fee * (bought_sum * length) if net == 0.0 else exact_sum
    return int(np.floor(total + ROUNDING) - whole_sum)


@compiled(SIGNATURE)
def pay_rows(trade, price, low, high, fee, length, payment, room, real):
    """Write what each pays for a trade, ticks; return for how many rows, up to one whose payments are too large or NaN.

    Args:
        trade: (R, N) + = sold.
        price: (R, N) a unit of trade and length; NaN will do where trade is 0.
        low: (R, N) sellers are to get no less.
        high: (R, N) buyers are to pay no more.
        fee: Ticks that buyers pay on top.
        length: By what a trade is multiplied, > 0.
        payment: (R, N) is written, + = pays.
        room: (ROOM, N) to work in.
        real: (REAL_ROOM, N) to work in.
    """
    trade, price, low, high = borrow(trade), borrow(price), borrow(low), borrow(high)
    payment, room, real = borrow(payment), borrow(room), borrow(real)
    slack, lost, size = room[0], real[0], real[1]
    for k in range(trade.shape[0]):
        extra = _round_down(trade[k], price[k], low[k], high[k], fee, length, payment[k], slack, lost, size)
        if extra < 0:
            return k
        round_off(payment[k], lost, slack, size, extra, room[1], room[2], room[3])
    return trade.shape[0]
