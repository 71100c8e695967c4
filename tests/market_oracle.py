"""The auction by its definitions, in plain loops and fractions; it shares nothing with `autonomy.market`.

An order is (quantity, limit, priority), quantity + = sells. Everything is said in Python integers and fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import NamedTuple

Order = tuple[int, int, int]


class Result(NamedTuple):
    """What the oracle says; prices are None where nothing trades, `buy_price` has the fee."""

    trade: list[int]
    sell_price: int | None
    buy_price: int | None
    payment: list[int]
    take: int


class Found(NamedTuple):
    """Units that trade, the two prices without the fee, and who is left out."""

    traded: int
    sell: int
    buy: int
    left_out: frozenset[int] = frozenset()


def cleared(orders: Sequence[Order], *, lot: int, rule: str, share: Fraction, fee: int) -> Result:
    """Clear a book by trying every price in it (uniform) or by lining up single units (mcafee)."""
    value = [limit - fee if quantity < 0 else limit for quantity, limit, _ in orders]
    found = _uniform(orders, value, share) if rule == "uniform" else _mcafee(orders, value)
    if found.traded == 0:
        return Result([0] * len(orders), None, None, [0] * len(orders), 0)
    trade = [0] * len(orders)
    for sign in (1, -1):
        side = [i for i, (q, _, _) in enumerate(orders) if q * sign > 0 and i not in found.left_out]
        for i, units in _served(orders, value, side, sign, found.traded).items():
            trade[i] = sign * units
    payment, take = _paid(orders, trade, found.sell, found.buy + fee, lot)
    return Result(trade, found.sell, found.buy + fee, payment, take)


def _uniform(orders: Sequence[Order], value: list[int], share: Fraction) -> Found:
    """A price clears if all better units fit into what trades, and what trades fits into those as good or better."""
    asks = [(v, q) for (q, _, _), v in zip(orders, value, strict=True) if q > 0]
    bids = [(v, -q) for (q, _, _), v in zip(orders, value, strict=True) if q < 0]

    def at(price: int) -> tuple[int, int, int, int]:
        return (
            sum(q for v, q in asks if v < price),
            sum(q for v, q in asks if v <= price),
            sum(q for v, q in bids if v > price),
            sum(q for v, q in bids if v >= price),
        )

    curves = {price: at(price) for price in value}
    traded = max((min(most_sold, most_bought) for _, most_sold, _, most_bought in curves.values()), default=0)
    clears = [p for p, (sold, more_sold, bought, more_bought) in curves.items()
              if sold <= traded <= more_sold and bought <= traded <= more_bought]  # fmt: skip
    if traded == 0:
        return Found(0, 0, 0)
    price = min(clears) + floor(share * (max(clears) - min(clears)))
    return Found(traded, price, price)


def _mcafee(orders: Sequence[Order], value: list[int]) -> Found:
    """Every unit is an order of its own: the k-th best ask meets the k-th best bid."""
    lines: dict[int, list[int]] = {}
    for sign in (1, -1):
        side = [i for i, (q, _, _) in enumerate(orders) if q * sign > 0]
        side.sort(key=lambda i: (sign * value[i], orders[i][2], -abs(orders[i][0]), i))
        lines[sign] = [i for i in side for _ in range(abs(orders[i][0]))]
    asks, bids = lines[1], lines[-1]
    traded = sum(value[a] <= value[b] for a, b in zip(asks, bids, strict=False))
    if traded == 0:
        return Found(0, 0, 0)
    ask, bid = asks[traded - 1], bids[traded - 1]
    if len(asks) > traded and len(bids) > traded:
        middle = floor(Fraction(value[asks[traded]] + value[bids[traded]], 2))
        if value[ask] <= middle <= value[bid]:
            return Found(traded, middle, middle)
    before = min(asks.index(ask), bids.index(bid))
    out = frozenset(asks[asks.index(ask) :]) | frozenset(bids[bids.index(bid) :])
    return Found(before, value[ask], value[bid], out)


def _served(orders: Sequence[Order], value: list[int], side: list[int], sign: int, traded: int) -> dict[int, int]:
    """Serve classes of equal value and priority in turn, the last one in proportion."""
    served: dict[int, int] = {}
    for merit in sorted({(sign * value[i], orders[i][2]) for i in side}):
        tied = [i for i in side if (sign * value[i], orders[i][2]) == merit]
        wanted = sum(abs(orders[i][0]) for i in tied)
        given = min(wanted, traded)
        shares = {i: floor(Fraction(abs(orders[i][0]) * given, wanted)) for i in tied}
        over = given - sum(shares.values())
        for i in sorted(tied, key=lambda i: (-abs(orders[i][0]), i))[:over]:
            shares[i] += 1
        served |= shares
        traded -= given
    return served


def _paid(orders: Sequence[Order], trade: list[int], sell: int, buy: int, lot: int) -> tuple[list[int], int]:
    """Round down, then hand out ones: to the largest fractions that can take one, then by how much each can take."""
    exact = [Fraction(-t * (buy if t < 0 else sell), lot) for t in trade]
    take = floor(sum(exact))
    paid = [floor(x) for x in exact]
    slack = [floor(Fraction(-t * limit, lot)) - p for t, (_, limit, _), p in zip(trade, orders, paid, strict=True)]
    extra = take - sum(paid)
    keeps = sum(slack) >= extra
    able = [i for i, x in enumerate(exact) if x > paid[i] and (slack[i] > 0 or not keeps)]
    able.sort(key=lambda i: (paid[i] - exact[i], trade[i], i))
    for i in able[:extra]:
        paid[i] += 1
        slack[i] -= 1
    rest = extra - min(extra, len(able))
    if rest:
        room = [min(s, rest) for s in slack]
        shares = [floor(Fraction(r * rest, sum(room))) for r in room]
        order = sorted(range(len(trade)), key=lambda i: (-room[i], trade[i], i))
        for i in order[: rest - sum(shares)]:
            shares[i] += 1
        paid = [p + s for p, s in zip(paid, shares, strict=True)]
    return paid, take
