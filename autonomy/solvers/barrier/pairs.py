"""Everything between two bounds, as the interior point method sees it: gaps, payments and their steps, many at once.

A value v with low <= v <= high has the gaps s and t that stand for v − low and high − v, and pays y and z > 0 for them.
The method keeps all four positive and drives s·y and t·z to a common target τ -> 0. Eliminating them, a step dv changes
the multiplier y − z by force − θ·dv:

    ds = dv + ρ,   dy = τ/s − y − (y/s)·ds,     ρ = v − low − s      θ = y/s + z/t
    dt = −dv + σ,  dz = τ/t − z − (z/t)·dt,     σ = high − v − t     force = dy − dz at dv = 0

A payment of 0 stands for a bound that is not there. After a step of length l all ρ and σ have shrunk by 1 − l, so they
are kept as at the start, times `rest`. Loops write one array each, without branches, so that the compiler vectorises
them; they take a slice that stays in the first-level cache.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from typing import Any

from numba import njit

PAIR = LOW_GAP, HIGH_GAP, LOW_PAY, HIGH_PAY, LOW_REST, HIGH_REST, THETA, FORCE, AIM, STEP, SCRATCH, LOW, HIGH = range(
    13
)
"""Rows of the array of pairs: s, t, y, z, ρ and σ at the start, θ, force, the predictor's dv, dv, scratch, bounds."""
BLOCK = 256
"""Pairs worked on at once: a block of all rows fits the first-level cache."""
TINY = 1e-300


def compiled(*, reorder: bool = False) -> Any:
    """Return the decorator of all machine code of the method; `reorder` lets sums and maxima be vectorised."""
    return njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "nnan"} if reorder else False)


@compiled(reorder=True)
def _sum(values):
    """Return Σ values."""
    total = 0.0
    for j in range(values.size):
        total += values[j]
    return total


@compiled()
def _open_block(pairs, here, rest):
    """Fill θ and force for the target 0; return Σ s·y + t·z."""
    s, t, y, z = pairs[LOW_GAP, here], pairs[HIGH_GAP, here], pairs[LOW_PAY, here], pairs[HIGH_PAY, here]
    theta, force, scratch = pairs[THETA, here], pairs[FORCE, here], pairs[SCRATCH, here]
    low_rest, high_rest = pairs[LOW_REST, here], pairs[HIGH_REST, here]
    for j in range(theta.size):
        theta[j] = y[j] / s[j] + z[j] / t[j]
    for j in range(force.size):
        force[j] = z[j] * (1.0 + rest * high_rest[j] / t[j]) - y[j] * (1.0 + rest * low_rest[j] / s[j])
    for j in range(scratch.size):
        scratch[j] = s[j] * y[j] + t[j] * z[j]
    return _sum(scratch)


@compiled()
def open_terms(pairs, rest):
    """Fill θ and force for the target 0; return Σ s·y + t·z."""
    total = 0.0
    for first in range(0, pairs.shape[1], BLOCK):
        total += _open_block(pairs, slice(first, min(first + BLOCK, pairs.shape[1])), rest)
    return total


@compiled()
def _largest(values):
    """Return the largest of values >= 0, in four lanes; 0 if there is none."""
    a = b = c = d = 0.0
    for j in range(values.size // 4):
        a, b = max(a, values[4 * j]), max(b, values[4 * j + 1])
        c, d = max(c, values[4 * j + 2]), max(d, values[4 * j + 3])
    for j in range(values.size // 4 * 4, values.size):
        a = max(a, values[j])
    return max(a, b, c, d)


@compiled()
def foresee(pairs, rest):
    """Return how much too far the predictor's step goes (1/length) and the sum of its products ds·dy + dt·dz."""
    far, missed = 0.0, 0.0
    for first in range(0, pairs.shape[1], BLOCK):
        here = slice(first, min(first + BLOCK, pairs.shape[1]))
        s, t, y, z = pairs[LOW_GAP, here], pairs[HIGH_GAP, here], pairs[LOW_PAY, here], pairs[HIGH_PAY, here]
        low_rest, high_rest, aim = pairs[LOW_REST, here], pairs[HIGH_REST, here], pairs[AIM, here]
        low, high = pairs[SCRATCH, here], pairs[STEP, here]  # ds/s and dt/t; the step is not there yet
        for j in range(low.size):
            low[j] = (aim[j] + rest * low_rest[j]) / s[j] if y[j] > 0.0 else 0.0
        for j in range(high.size):
            high[j] = (rest * high_rest[j] - aim[j]) / t[j] if z[j] > 0.0 else 0.0
        for j in range(low.size // 2):
            # A gap changes by ds/s of itself and its payment by −1 − ds/s; −1/2 is halfway.
            even = max(abs(low[2 * j] + 0.5), abs(high[2 * j] + 0.5))
            odd = max(abs(low[2 * j + 1] + 0.5), abs(high[2 * j + 1] + 0.5))
            far = max(far, even, odd)
        if low.size % 2 == 1:
            far = max(far, abs(low[low.size - 1] + 0.5), abs(high[low.size - 1] + 0.5))
        for j in range(low.size):
            low[j] = s[j] * y[j] * low[j] * (1.0 + low[j]) + t[j] * z[j] * high[j] * (1.0 + high[j])
        missed -= _sum(low)
    return far + 0.5, missed


@compiled()
def correct(pairs, rest, target):
    """Fill force for the target, less what the predictor's products missed [Mehrotra1992]."""
    for first in range(0, pairs.shape[1], BLOCK):
        here = slice(first, min(first + BLOCK, pairs.shape[1]))
        s, t, y, z, aim, force = (
            pairs[LOW_GAP, here],
            pairs[HIGH_GAP, here],
            pairs[LOW_PAY, here],
            pairs[HIGH_PAY, here],
            pairs[AIM, here],
            pairs[FORCE, here],
        )
        low_rest, high_rest = pairs[LOW_REST, here], pairs[HIGH_REST, here]
        for j in range(force.size):
            over, lag = 1.0 / s[j], rest * low_rest[j] / s[j]
            part = aim[j] * over + lag
            pay = y[j] * (part * (1.0 + part) - 1.0 - lag)
            force[j] = pay + target * over if y[j] > 0.0 else 0.0
        for j in range(force.size):
            over, lag = 1.0 / t[j], rest * high_rest[j] / t[j]
            part = lag - aim[j] * over
            pay = z[j] * (part * (1.0 + part) - 1.0 - lag)
            force[j] -= pay + target * over if z[j] > 0.0 else 0.0


@compiled()
def reach(pairs, rest, target):
    """Return how much too far the corrected step goes for the gaps, and for the payments."""
    far_gap, far_pay = 0.0, 0.0
    for first in range(0, pairs.shape[1], BLOCK):
        here = slice(first, min(first + BLOCK, pairs.shape[1]))
        scratch, aim, dv = pairs[SCRATCH, here], pairs[AIM, here], pairs[STEP, here]
        s, y, low_rest = pairs[LOW_GAP, here], pairs[LOW_PAY, here], pairs[LOW_REST, here]
        t, z, high_rest = pairs[HIGH_GAP, here], pairs[HIGH_PAY, here], pairs[HIGH_REST, here]
        for j in range(dv.size):
            low = -(dv[j] + rest * low_rest[j]) / s[j] if y[j] > 0.0 else 0.0
            high = (dv[j] - rest * high_rest[j]) / t[j] if z[j] > 0.0 else 0.0
            scratch[j] = max(low, high)
        far_gap = max(far_gap, _largest(scratch))
        for j in range(dv.size):
            over, lag = 1.0 / s[j], rest * low_rest[j]
            part, ds = (aim[j] + lag) * over, (dv[j] + lag) * over
            dy = target * over / (y[j] + TINY) + part * (1.0 + part) - 1.0 - ds
            scratch[j] = -dy if y[j] > 0.0 else 0.0
        far_pay = max(far_pay, _largest(scratch))
        for j in range(dv.size):
            over, lag = 1.0 / t[j], rest * high_rest[j]
            part, dt = (lag - aim[j]) * over, (lag - dv[j]) * over
            dz = target * over / (z[j] + TINY) + part * (1.0 + part) - 1.0 - dt
            scratch[j] = -dz if z[j] > 0.0 else 0.0
        far_pay = max(far_pay, _largest(scratch))
    return far_gap, far_pay


@compiled()
def move(pairs, rest, target, length, paid):
    """Take the corrected step, its gaps to a part `length` and its payments to a part `paid`, and open the next terms.

    Returns Σ s·y + t·z after it.
    """
    total = 0.0
    for first in range(0, pairs.shape[1], BLOCK):
        here = slice(first, min(first + BLOCK, pairs.shape[1]))
        s, y, aim, dv = pairs[LOW_GAP, here], pairs[LOW_PAY, here], pairs[AIM, here], pairs[STEP, here]
        t, z, low_rest, high_rest = (
            pairs[HIGH_GAP, here],
            pairs[HIGH_PAY, here],
            pairs[LOW_REST, here],
            pairs[HIGH_REST, here],
        )
        for j in range(dv.size):
            over, lag = 1.0 / s[j], rest * low_rest[j]
            part, ds = (aim[j] + lag) * over, (dv[j] + lag) * over
            dy = target * over + y[j] * (part * (1.0 + part) - 1.0 - ds)
            y[j] += paid * dy if y[j] > 0.0 else 0.0
        for j in range(dv.size):
            s[j] += length * (dv[j] + rest * low_rest[j]) if y[j] > 0.0 else 0.0
        for j in range(dv.size):
            over, lag = 1.0 / t[j], rest * high_rest[j]
            part, dt = (lag - aim[j]) * over, (lag - dv[j]) * over
            dz = target * over + z[j] * (part * (1.0 + part) - 1.0 - dt)
            z[j] += paid * dz if z[j] > 0.0 else 0.0
        for j in range(dv.size):
            t[j] += length * (rest * high_rest[j] - dv[j]) if z[j] > 0.0 else 0.0
        total += _open_block(pairs, here, rest * (1.0 - length))
    return total
