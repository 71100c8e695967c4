"""Floats as whole numbers: prices in ticks of a micro-currency per kWh, offers in whole quanta.

    ask ↦ rounded up to a tick, bid ↦ rounded down          nobody trades beyond the own limit
    |offer| ↦ ⌊|offer|/2^e⌋                                 e so fine that all quanta of a book sum to less than 2^53

A float within a millionth of a tick of a whole one stands for it: 0.29 is 290000 ticks, though the float nearest to it
is a little less.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from autonomy.layers.arrays import Index, Mask, Vector
from autonomy.layers.errors import ModelError
from autonomy.solvers.auction import DIGITS, FINEST, LARGEST_PRICE, NEAR, NEAR_RELATIVE, TICKS


def in_ticks(price: Vector) -> Vector:
    """Return prices in ticks, whole numbers where a float can only mean that."""
    exact = price * TICKS
    whole = np.rint(exact)
    ticks: Vector = np.where(np.abs(exact - whole) <= NEAR + NEAR_RELATIVE * np.abs(exact), whole, exact)
    return ticks


@lru_cache(maxsize=16)
def fee_in_ticks(fee: float) -> int:
    """Return a fee in whole ticks, rounded up; a market asks for the same one twice a step.

    Raises:
        ModelError: it is negative, no number or too large.
    """
    if not 0.0 <= fee * TICKS <= LARGEST_PRICE:
        raise ModelError("fee", fee, f"currency/kWh >= 0, at most {LARGEST_PRICE / TICKS:.3g}")
    return math.ceil(float(in_ticks(np.array([fee]))[0]))


def quanta_of(offer: Vector) -> tuple[Index, int]:
    """Return offers in whole quanta of 2^exponent, rounded towards zero."""
    magnitude = np.abs(offer)
    exponent = max(math.frexp(magnitude.max())[1] + offer.size.bit_length() - DIGITS, FINEST)
    quanta = np.ldexp(magnitude, -exponent).astype(np.int64)
    return np.where(offer < 0.0, -quanta, quanta), exponent


def levels_of(sells: Mask, bid: Vector, feed_in: Vector, retail: Vector, fee: int) -> tuple[Index, Mask]:
    """Return limits in ticks that keep the price inside the tariff of every trader, and who has a tick inside its own.

    A bid is clipped to the own tariff. The one price must lie inside the tariffs of all: asks below the highest feed-in
    price of a buyer are raised to it, bids above the lowest retail price of a seller are lowered to it.
    """
    asked = in_ticks(np.minimum(np.maximum(bid, feed_in), retail))
    inside = np.where(sells, np.ceil(asked), np.floor(asked))
    bound = np.where(sells, np.floor(in_ticks(retail)), np.ceil(in_ticks(feed_in)))
    can = np.where(sells, inside <= bound, inside >= bound)
    floor = bound.max(where=can & ~sells, initial=-LARGEST_PRICE)
    cap = bound.min(where=can & sells, initial=LARGEST_PRICE)
    level = np.where(sells, np.maximum(inside, floor), np.minimum(inside - fee, cap))
    return level.astype(np.int64), can
