"""The rules by which a market finds its prices."""

from __future__ import annotations

from enum import Enum

from autonomy.solvers.auction import REDUCED, UNIFORM


class Rule(Enum):
    """How prices are found.

    Attributes:
        UNIFORM: One price, `share` of the way through the interval of prices that clear (k-double auction). Efficient,
            budget balanced; a trader who decides the price may gain by not bidding what it is worth to it.
        MCAFEE: Trade reduction [McAfee1992]; see `autonomy.market.clear_book`.
    """

    UNIFORM = UNIFORM
    MCAFEE = REDUCED
