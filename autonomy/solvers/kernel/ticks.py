"""Prices in ticks and amounts in quanta, in machine code; `autonomy.market.ticks` has the rules."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from autonomy.solvers.auction import DIGITS, FINEST, NEAR, NEAR_RELATIVE, TICKS
from autonomy.solvers.kernel.prices import compiled

PLAIN = 1000
"""Powers of two below 2^PLAIN and above its inverse are floats with all their digits."""


@compiled(inline=True)
def in_ticks(price):
    """Return a price in ticks, a whole number where a float can only mean that."""
    exact = price * TICKS
    whole = np.rint(exact)
    return whole if abs(exact - whole) <= NEAR + NEAR_RELATIVE * abs(exact) else exact


@compiled(inline=True)
def exponent_of(largest, count):
    """Return the exponent of a quantum so fine that `count` amounts up to `largest` sum to less than 2^DIGITS."""
    digits = 0
    while count > 0:
        count >>= 1
        digits += 1
    return max(math.frexp(largest)[1] + digits - DIGITS, FINEST)


@compiled(inline=True)
def scaled(value, exponent, power):
    """Return value·2^exponent; `power` is 2^exponent, which will do where it has all its digits."""
    return value * power if abs(exponent) < PLAIN else math.ldexp(value, exponent)
