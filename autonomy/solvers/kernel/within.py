"""Wishes cut to what there is, in machine code: one loop instead of some twenty calls."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from numba import float64, types

from autonomy.solvers.kernel.grid import X, Y
from autonomy.solvers.kernel.prices import compiled

QUANTITY, PRICE = 1, 2
"""Rows of the answer: the quantity and its price."""
NOTICEABLE = 1e-6
COLUMN, ANY = types.Array(float64, 1, "C", readonly=True), types.Array(float64, 1, "A", readonly=True)
SIGNATURE = types.Tuple((types.boolean, types.boolean, float64))(float64[:, ::1], *[ANY] * 3, *[COLUMN] * 4)


@compiled(SIGNATURE)
def finish(out, x, quantity, price, down, up, low, high):
    """Write quantities between 0 and y and prices in [low, high].

    Args:
        out: (8, N) as `settle` leaves it; QUANTITY and PRICE are written.
        x: (N,) the wish, finite, which is clipped to [−down, up].
        quantity: (N,) the wish; NaN counts as changed.
        price: (N,) the wish, likewise.
        down: (N,)
        up: (N,)
        low: (N,)
        high: (N,)

    Returns:
        Whether some wish for x lay outside its bounds, whether some quantity or price was changed noticeably, and
        Σ (x in `out` − the clipped wish)².
    """
    is_clipped, is_cut, square = False, False, 0.0
    for i in range(x.size):
        clipped = min(max(x[i], -down[i]), up[i])
        is_clipped |= clipped != x[i]
        moved, y = out[X, i] - clipped, out[Y, i]
        square += moved * moved
        amount = min(max(quantity[i], min(y, 0.0)), max(y, 0.0))
        asked = min(max(price[i], low[i]), high[i])
        is_cut |= not (abs(amount - quantity[i]) <= NOTICEABLE and abs(asked - price[i]) <= NOTICEABLE)
        out[QUANTITY, i], out[PRICE, i] = amount, asked
    return is_clipped, is_cut, square
