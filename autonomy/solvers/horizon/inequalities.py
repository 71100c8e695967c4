"""What is done to all inequalities alike: their slacks and multipliers as four rows, whatever they belong to."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.horizon.lanes import LANES
from autonomy.solvers.horizon.layout import DDUAL, DSLACK, DUAL, MASS, SLACK, compiled

FRACTION = 0.999
"""Share of the way to the boundary that a step may go, so that nothing ever becomes 0."""
BLOCK = 128
"""Inequalities that are looked at together."""


@compiled()
def weigh(flat):
    """Fill y/s."""
    s, y, mass = flat[SLACK], flat[DUAL], flat[MASS]
    for e in range(s.size):
        mass[e] = y[e] / s[e]


@compiled()
def centre(flat, mean, second):
    """Write rc/s into the dual directions: y − (mean − second·ds·dy)/s; 0 where y = 0."""
    s, y, ds, dy = flat[SLACK], flat[DUAL], flat[DSLACK], flat[DDUAL]
    for e in range(s.size):
        ratio = y[e] + (second * ds[e] * dy[e] - mean) / s[e]
        dy[e] = ratio if y[e] > 0.0 else 0.0


@compiled()
def close(flat):
    """Turn rc/s + W·residual in the dual directions into the dual directions: dy = −e − W·(G dz)."""
    y, ds, dy, mass = flat[DUAL], flat[DSLACK], flat[DDUAL], flat[MASS]
    for e in range(y.size):
        dy[e] = -dy[e] - mass[e] * ds[e]
    for e in range(y.size):
        ds[e] = ds[e] if y[e] > 0.0 else 0.0


@compiled(fastmath=LANES)
def _beyond(value, change, steepest):
    """Return how many fall steeper than `steepest`; a sum is taken in lanes, a largest value is not."""
    count = 0.0
    for e in range(value.size):
        count += 1.0 if -change[e] > steepest * value[e] else 0.0
    return count


@compiled()
def _reach(flat, which):
    """Return the longest step at which all slacks (which = 0) or multipliers (1) stay >= 0, at most 1/FRACTION."""
    steepest = FRACTION
    value, change = flat[which], flat[which + 2]
    for first in range(0, value.size, BLOCK):
        last = min(first + BLOCK, value.size)
        if _beyond(value[first:last], change[first:last], steepest) > 0.0:
            for e in range(first, last):
                if -change[e] > steepest * value[e]:
                    steepest = -change[e] / value[e]
    return 1.0 / steepest


@compiled(fastmath=LANES)
def _after(flat, primal, dual):
    """Return Σ s·y after steps of these lengths."""
    product = 0.0
    s, y, ds, dy = flat[SLACK], flat[DUAL], flat[DSLACK], flat[DDUAL]
    for e in range(s.size):
        product += (s[e] + primal * ds[e]) * (y[e] + dual * dy[e])
    return product


@compiled()
def go(flat, primal, dual):
    """Take the step."""
    s, y, ds, dy = flat[SLACK], flat[DUAL], flat[DSLACK], flat[DDUAL]
    for e in range(s.size):
        s[e] += primal * ds[e]
        y[e] += dual * dy[e]


@compiled()
def lengths(flats):
    """Return the longest steps of slacks and of multipliers, at most 1/FRACTION."""
    primal, dual = 1.0 / FRACTION, 1.0 / FRACTION
    for f in range(3):
        primal, dual = min(primal, _reach(flats[f], SLACK)), min(dual, _reach(flats[f], DUAL))
    return primal, dual


@compiled()
def total(flats, primal, dual):
    """Return Σ s·y over all inequalities after steps of these lengths."""
    return _after(flats[0], primal, dual) + _after(flats[1], primal, dual) + _after(flats[2], primal, dual)
