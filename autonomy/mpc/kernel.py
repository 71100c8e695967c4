"""The cheapest use of one store over a known or an uncertain day, in machine code: a dynamic program over staircases.

With E kWh stored and δ the change of E in a step, V_t(E) the least that the steps from t on cost, and f_t(δ) what step
t costs,

    V_t(E) = min over δ of f_t(δ) + V_{t+1}(a·E + δ)        V_H(E) = −price·E

f_t is convex and piecewise linear: the price of a kW more is nothing where exports are curtailed, feed-in where the
community exports, retail where it imports, lost load beyond the import limit; wear and efficiency add a kink at 0. So
V_t is convex and piecewise linear too, and the minimum is an infimal convolution of the two: in u = −δ, the pieces of
f_t(−u) and of V_{t+1}, sorted by slope. Nothing is discretised. Where several loads are possible, each with its
probability, f_t and so V_t are averaged over them (autonomy.solvers.kernel.staircase).

f_t is convex as long as no price is below −wear·(1 + η)/(1 − η), η = ec·ed. Where one is, its lower convex hull is
taken, which is to charge for a part of the step and to discharge for the rest; V is then a lower bound.
[Cruise2019] has the Lagrangian side of it, [Zheng2021] a recursion over marginal values for uncertain prices.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from autonomy.solvers.kernel.prices import compiled
from autonomy.solvers.kernel.staircase import SHORT, append, convolve, gridded, taken

PIECES = 5
"""Most pieces of a step's cost: four kinks."""
CELLS = 64
"""Cells of the grid on which expected values are kept."""
ROUNDING_KWH = 1e-9
"""kWh; a change of less is what sums of lengths are off by."""
SAME_PRICE = 1e-9
"""Currency/kWh; prices that differ by less are the same."""


@compiled(inline=True)
def _step(load, retail, feed_in, limits, store, slopes, lengths):  # noqa: PLR0917
    """Write the pieces of u -> f(−u) from u = −(most charged) on; return their number.

    Args:
        load: kW that the community needs beside its batteries, < 0 for a surplus.
        retail: Currency/kWh of imports, carbon included.
        feed_in: Currency/kWh of exports.
        limits: kW of (charge, discharge, import, export), >= 0.
        store: (ec, ed, a, hours, currency/kWh of wear, currency/kWh of lost load).
        slopes: Room for `PIECES`.
        lengths: The same.
    """
    charge, discharge, imports, exports = limits
    ec, ed, _, hours, wear, lost_load = store
    kinks = (-exports - load, -load, imports - load)
    below = charge
    count = 0
    while below > -discharge:
        above, below = below, -discharge
        for kink in kinks:
            if kink < above - SHORT:
                below = max(below, kink)
        if above > SHORT:
            below = max(below, 0.0)
        middle = (above + below) / 2.0
        net = load + middle
        price = (
            lost_load if net > imports else retail if net > 0.0 else feed_in if net > -exports else min(feed_in, 0.0)
        )
        if middle > 0.0:
            count = append(-(price + wear) / ec, (above - below) * hours * ec, count, slopes, lengths)
        else:
            count = append(-(price - wear) * ed, (above - below) * hours / ed, count, slopes, lengths)
    return count


@compiled(inline=True)
def _behind(later, load, retail, feed_in, limits, store, band, piece, slopes, lengths):  # noqa: PLR0913, PLR0917
    """Write V_t, given V_{t+1} on the same band of stored energy; return its number of pieces."""
    ec, _, kept, hours, _, _ = store
    count = _step(load, retail, feed_in, limits, store, piece[0], piece[1])
    # f □ V begins at low − (most charged), in what is left of E.
    skip = max(kept * band[0] - band[0] + limits[0] * hours * ec, 0.0)
    return convolve(later, (piece[0], piece[1], count), skip, kept * (band[1] - band[0]), kept, slopes, lengths)


@compiled()
def worth(load, retail, feed_in, limits, store, band, terminal):  # noqa: PLR0917
    """Return (slopes, lengths) of V_0 on the band, for H steps that are known; arguments as in `power`."""
    size = PIECES * load.size + 2
    slopes, lengths, kept, long = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    piece = np.empty((2, PIECES + 1))
    slopes[0], lengths[0], count = -terminal, band[1] - band[0], 1
    for t in range(load.size - 1, -1, -1):
        later = (slopes, lengths, count)
        count = _behind(later, load[t], retail[t], feed_in[t], limits, store, band, piece, kept, long)
        slopes, kept, lengths, long = kept, slopes, long, lengths
    return slopes[:count], lengths[:count]


@compiled()
def expected_worth(load, spread, lasting, passing, retail, feed_in, limits, store, band, terminal):  # noqa: PLR0913, PLR0917
    """Return (slopes, lengths) of the expected V_0, for loads load + spread·(l + p) in step t.

    l is drawn once, p in every step anew, and it is known in its step and not before: as many stages as steps. With p
    always 0 that is a tree of two stages, whose scenarios have nothing but the present in common.

    Args:
        load: (H,) kW, expected.
        spread: (H,) kW, one unit of l and p.
        lasting: (2, L) values of l and their probabilities.
        passing: (2, P) values of p and their probabilities.
        retail: As in `power`, like all that follows.
        feed_in: (H,) likewise.
        limits: kW that hold in every step.
        store: As in `power`.
        band: As in `power`.
        terminal: Currency/kWh left at the end.
    """
    cell = (band[1] - band[0]) / CELLS
    total, slopes, means = np.zeros(CELLS), np.empty(CELLS), np.empty(CELLS)
    lengths = np.full(CELLS, cell)
    kept, long = np.empty(CELLS + PIECES + 1), np.empty(CELLS + PIECES + 1)
    piece = np.empty((2, PIECES + 1))
    for scenario in range(lasting.shape[1]):
        slopes[:] = -terminal
        for t in range(load.size - 1, -1, -1):
            means[:] = 0.0
            for k in range(passing.shape[1]):
                drawn = load[t] + spread[t] * (lasting[0, scenario] + passing[0, k])
                later = (slopes, lengths, CELLS)
                count = _behind(later, drawn, retail[t], feed_in[t], limits, store, band, piece, kept, long)
                gridded(kept, long, count, passing[1, k], cell, means)
            slopes[:] = means
        total += lasting[1, scenario] * slopes
    return _rising(total), lengths


@compiled(inline=True)
def _rising(slopes):
    """Return slopes that ascend, whatever rounding did."""
    for g in range(1, slopes.size):
        slopes[g] = max(slopes[g], slopes[g - 1])
    return slopes


@compiled()
def power(energy, load, retail, feed_in, limits, store, band, value):  # noqa: PLR0917
    """Return kW, + = charge, that minimise what the present step costs plus what is worth less afterwards.

    Of several that do, the one nearest to 0: what need not be done now may be decided when more is known.

    Args:
        energy: kWh stored.
        load: kW needed now beside the batteries, < 0 for a surplus.
        retail: Currency/kWh of imports now, carbon included.
        feed_in: Currency/kWh of exports now.
        limits: kW of (charge, discharge, import, export) now.
        store: (ec, ed, a, hours, currency/kWh of wear, currency/kWh of lost load).
        band: kWh of (least, most) stored energy.
        value: (slopes, lengths) of V after the present step.
    """
    piece = np.empty((2, PIECES + 1))
    count = _step(load, retail, feed_in, limits, store, piece[0], piece[1])
    ec, ed, kept, hours, _, _ = store
    most = limits[0] * hours * ec
    x = kept * energy - band[0] + most
    least_u, most_u = taken((piece[0], piece[1], count), (value[0], value[1], value[0].size), x, SAME_PRICE)
    change = -min(max(0.0, least_u - most), most_u - most)
    change = 0.0 if abs(change) < ROUNDING_KWH else change
    return change / (hours * ec) if change > 0.0 else change * ed / hours
