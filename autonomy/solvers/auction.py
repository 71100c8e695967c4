"""The double auction in machine code, loaded when it is first asked for. Its NumPy twin is `autonomy.market`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

TICKS = 1e6
"""Ticks of a unit of price."""
NEAR, NEAR_RELATIVE = 1e-6, 4e-16
"""So near to a whole tick, in ticks and as a share of the price, a float stands for that tick."""
DIGITS = 53
"""Binary digits of a float: the quanta of a book sum to less than 2^DIGITS."""
FINEST = -1074
"""No float is finer than 2^FINEST."""
LARGEST_PRICE = 2.0**53
"""Ticks: no price may be larger in size."""
LARGEST_TURNOVER = 2.0**41
"""Ticks: what all traders together pay and get; up to that, products of floats are off by less than ROUNDING in all."""
ROUNDING = 1e-3
"""Ticks by which a sum of floats may fall short of a whole tick and still be it."""
UNIFORM, REDUCED = 0, 1
"""Rules: one price in the interval that clears; trade reduction."""
SELL, BUY = 0, 1
"""Columns of a pair of prices: what sellers get, what buyers pay."""
MANY = 2000
"""Orders in one book beyond which NumPy's sorting makes it quicker than the machine code."""


class AuctionCode(NamedTuple):
    """The functions; their own files say what they do.

    Attributes:
        match: `autonomy.solvers.kernel.auction.match`.
        match_rows: `autonomy.solvers.kernel.auction_rows.match_rows`.
        pay_rows: `autonomy.solvers.kernel.money.pay_rows`.
        room: Rows of whole numbers that `match` works in.
        rows_room: Rows that `match_rows` works in.
        money_room: Rows of whole numbers and of floats that `pay_rows` works in.
    """

    match: Callable[..., int]
    match_rows: Callable[..., int]
    pay_rows: Callable[..., int]
    room: int
    rows_room: int
    money_room: tuple[int, int]


@cache
def load_auction() -> AuctionCode | None:
    """Return the functions, or None where Numba cannot be loaded or cannot compile."""
    try:
        return _loaded()
    except Exception:  # noqa: BLE001 - whatever is wrong with the compiler, nothing depends on it
        return None


def _loaded() -> AuctionCode:
    # Loads Numba, and compiles the first time.
    from autonomy.solvers.kernel.auction import ROOM, match  # noqa: PLC0415
    from autonomy.solvers.kernel.auction_rows import ROWS_ROOM, match_rows  # noqa: PLC0415
    from autonomy.solvers.kernel.money import REAL_ROOM, pay_rows  # noqa: PLC0415
    from autonomy.solvers.kernel.money import ROOM as MONEY_ROOM  # noqa: PLC0415

    return AuctionCode(
        match=match,
        match_rows=match_rows,
        pay_rows=pay_rows,
        room=ROOM,
        rows_room=ROWS_ROOM,
        money_room=(MONEY_ROOM, REAL_ROOM),
    )
