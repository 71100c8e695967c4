"""What a price means to a cell, in machine code.

At price p the three variables of a cell answer

    x = clip(r + p/w, lower, upper),      u = min(A, drop),   A = max(0, (−p − α)/ε),
                                          v = min(B, lift),   B = max(0, (p − β)/ε)

With ε = 0 the answer jumps by `drop` at p = −α and by `lift` at p = β. Such a tie is split by walking through it on a
stretched axis s: between s = −α − 1 and s = −α the price stays at −α while the share of the drop that is used goes from
1 to 0, and between β and β + 1 that of the lift goes from 0 to 1. On that axis every answer is again continuous,
piecewise linear and monotone, so whatever is said of prices holds of s: for ε > 0 the two are the same.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from typing import Any

from numba import njit


def compiled(signature: Any = None, *, inline: bool = False, reorder: bool = False) -> Any:
    """Return the decorator that compiles; `reorder` lets the processor reorder sums, and so add four at once."""
    fast = {"reassoc", "nsz"} if reorder else False
    return njit(signature, cache=True, nogil=True, error_model="numpy", fastmath=fast, forceinline=inline)


@compiled(inline=True)
def price_at(s, drop_price, lift_price, smoothing):
    """Return the price at s on the stretched axis."""
    if smoothing > 0.0:
        return s
    if s < -drop_price:
        return min(s + 1.0, -drop_price)
    return max(s - 1.0, lift_price) if s > lift_price else s


@compiled(inline=True)
def terms_at(s, drop_price, lift_price, smoothing):
    """Return what all cells share at s: (price, its slope, sign, level, share, slopes of the last two).

    The sign is that of the relief called for: -1 for the drop, +1 for the lift, 0 for neither; never both are, as
    −α <= 0 <= β. What is used of a relief is min(level, share·limit); the slopes are those over a growing relief.
    """
    if -drop_price < s < lift_price:
        return s, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    sign = -1.0 if s <= -drop_price else 1.0
    beyond = -drop_price - s if sign < 0.0 else s - lift_price
    if smoothing > 0.0:
        return s, 1.0, sign, beyond / smoothing, 1.0, 1.0 / smoothing, 0.0
    if beyond < 1.0:
        return (-drop_price if sign < 0.0 else lift_price), 0.0, sign, 1e300, beyond, 0.0, 1.0
    return s - sign, 1.0, sign, 1e300, 1.0, 0.0, 0.0
