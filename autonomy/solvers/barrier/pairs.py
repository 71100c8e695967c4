"""Everything between two bounds, as the interior point method sees it: gaps, payments and their steps, many at once.

A value v with low <= v <= high has the gaps s and t that stand for v − low and high − v, and pays y and z > 0 for them.
The method keeps all four positive and drives s·y and t·z to a common target τ -> 0. Eliminating them, a step dv changes
the multiplier y − z by force − θ·dv:

    ds = dv + ρ,   dy = τ/s − y − (y/s)·ds,     ρ = v − low − s      θ = y/s + z/t
    dt = −dv + σ,  dz = τ/t − z − (z/t)·dt,     σ = high − v − t     force = dy − dz at dv = 0

A payment of 0 stands for a bound that is not there; its 1/s is kept as 0, so that every term of it vanishes on its own.
After a step of length l all ρ and σ have shrunk by 1 − l, so they are kept as at the start, times `rest`.

Loops write one array each, without branches, so that the compiler vectorises them; they take a slice that stays in the
first-level cache. A division costs as much as ten products, so two reciprocals are had from that of their product, once
a step, and the largest of many numbers is found among their bit patterns, which are ordered as the numbers are.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

PAIR = (
    LOW_GAP,
    HIGH_GAP,
    LOW_PAY,
    HIGH_PAY,
    LOW_REST,
    HIGH_REST,
    LOW_OVER,
    HIGH_OVER,
    THETA,
    FORCE,
    AIM,
    STEP,
    SCRATCH,
    LOW,
    HIGH,
) = range(15)
"""Rows of the array of pairs: s, t, y, z, ρ and σ at the start, 1/s, 1/t, θ, force, the predictor's dv, dv, scratch,
bounds."""
BLOCK = 256
"""Pairs worked on at once: a block of all rows fits the first-level cache."""
NO_PRODUCT = 1e-100
"""What stands for gap times payment where there is no bound: so little that no step makes the payment less."""


def compiled(signature: Any = None, *, reorder: bool = False) -> Any:
    """Return the decorator of all machine code of the method; `reorder` lets sums be vectorised."""
    options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
    options["fastmath"] = {"reassoc", "nsz", "nnan"} if reorder else False
    return njit(**options) if signature is None else njit(signature, **options)


@compiled(reorder=True)
def _sum(values):
    """Return Σ values."""
    total = 0.0
    for j in range(values.size):
        total += values[j]
    return total


@compiled()
def _largest(values):
    """Return the largest of values, at least 0; NaN may count as large. The first value is overwritten."""
    bits, largest = values.view(np.int64), np.int64(0)
    for j in range(bits.size):
        largest = max(largest, bits[j])
    bits[:1] = largest
    return values[0] if values.size > 0 else 0.0


@compiled()
def _open_block(pairs, here, rest):
    """Fill the reciprocals, θ and force for the target 0; return Σ s·y + t·z."""
    s, t, y, z = pairs[LOW_GAP, here], pairs[HIGH_GAP, here], pairs[LOW_PAY, here], pairs[HIGH_PAY, here]
    theta, force, scratch = pairs[THETA, here], pairs[FORCE, here], pairs[SCRATCH, here]
    over_s, over_t = pairs[LOW_OVER, here], pairs[HIGH_OVER, here]
    low_rest, high_rest = pairs[LOW_REST, here], pairs[HIGH_REST, here]
    for j in range(scratch.size):
        scratch[j] = 1.0 / (s[j] * t[j])
    for j in range(over_s.size):
        over_s[j] = scratch[j] * t[j] if y[j] > 0.0 else 0.0
    for j in range(over_t.size):
        over_t[j] = scratch[j] * s[j] if z[j] > 0.0 else 0.0
    for j in range(theta.size):
        theta[j] = y[j] * over_s[j] + z[j] * over_t[j]
    for j in range(force.size):
        force[j] = z[j] * (1.0 + rest * high_rest[j] * over_t[j]) - y[j] * (1.0 + rest * low_rest[j] * over_s[j])
    for j in range(scratch.size):
        scratch[j] = s[j] * y[j] + t[j] * z[j]
    return _sum(scratch)


@compiled()
def open_terms(pairs, rest):
    """Fill the reciprocals, θ and force for the target 0; return Σ s·y + t·z."""
    total = 0.0
    for first in range(0, pairs.shape[1], BLOCK):
        total += _open_block(pairs, slice(first, min(first + BLOCK, pairs.shape[1])), rest)
    return total


@compiled()
def foresee(pairs, rest):
    """Return how much too far the predictor's step goes (1/length) and the sum of its products ds·dy + dt·dz."""
    far, missed = 0.0, 0.0
    for first in range(0, pairs.shape[1], BLOCK):
        here = slice(first, min(first + BLOCK, pairs.shape[1]))
        s, t, y, z = pairs[LOW_GAP, here], pairs[HIGH_GAP, here], pairs[LOW_PAY, here], pairs[HIGH_PAY, here]
        over_s, over_t, aim = pairs[LOW_OVER, here], pairs[HIGH_OVER, here], pairs[AIM, here]
        low_rest, high_rest = pairs[LOW_REST, here], pairs[HIGH_REST, here]
        scratch = pairs[SCRATCH, here]
        for j in range(scratch.size):
            # A gap changes by ds/s of itself and its payment by −1 − ds/s; −1/2 is halfway.
            low, high = (aim[j] + rest * low_rest[j]) * over_s[j], (rest * high_rest[j] - aim[j]) * over_t[j]
            scratch[j] = max(abs(low + 0.5), abs(high + 0.5))
        far = max(far, _largest(scratch))
        for j in range(scratch.size):
            low, high = (aim[j] + rest * low_rest[j]) * over_s[j], (rest * high_rest[j] - aim[j]) * over_t[j]
            scratch[j] = s[j] * y[j] * low * (1.0 + low) + t[j] * z[j] * high * (1.0 + high)
        missed -= _sum(scratch)
    return far + 0.5, missed


@compiled()
def correct(pairs, rest, target):
    """Fill force for the target, less what the predictor's products missed [Mehrotra1992]."""
    for first in range(0, pairs.shape[1], BLOCK):
        here = slice(first, min(first + BLOCK, pairs.shape[1]))
        y, z, aim, force = pairs[LOW_PAY, here], pairs[HIGH_PAY, here], pairs[AIM, here], pairs[FORCE, here]
        over_s, over_t = pairs[LOW_OVER, here], pairs[HIGH_OVER, here]
        low_rest, high_rest = pairs[LOW_REST, here], pairs[HIGH_REST, here]
        for j in range(force.size):
            lag = rest * low_rest[j] * over_s[j]
            part = aim[j] * over_s[j] + lag
            force[j] = y[j] * (part * (1.0 + part) - 1.0 - lag) + target * over_s[j]
        for j in range(force.size):
            lag = rest * high_rest[j] * over_t[j]
            part = lag - aim[j] * over_t[j]
            force[j] -= z[j] * (part * (1.0 + part) - 1.0 - lag) + target * over_t[j]


@compiled()
def reach(pairs, rest, target):
    """Return how much too far the corrected step goes for the gaps, and for the payments."""
    far_gap, far_pay = 0.0, 0.0
    for first in range(0, pairs.shape[1], BLOCK):
        here = slice(first, min(first + BLOCK, pairs.shape[1]))
        scratch, aim, dv = pairs[SCRATCH, here], pairs[AIM, here], pairs[STEP, here]
        s, y, over_s, low_rest = (
            pairs[LOW_GAP, here],
            pairs[LOW_PAY, here],
            pairs[LOW_OVER, here],
            pairs[LOW_REST, here],
        )
        t, z, over_t = pairs[HIGH_GAP, here], pairs[HIGH_PAY, here], pairs[HIGH_OVER, here]
        high_rest = pairs[HIGH_REST, here]
        for j in range(scratch.size):
            low, high = (dv[j] + rest * low_rest[j]) * over_s[j], (rest * high_rest[j] - dv[j]) * over_t[j]
            scratch[j] = max(-low, -high)
        far_gap = max(far_gap, _largest(scratch))
        for j in range(scratch.size):
            lag, sigma = rest * low_rest[j], rest * high_rest[j]
            below = s[j] * y[j] if y[j] > 0.0 else NO_PRODUCT
            above = t[j] * z[j] if z[j] > 0.0 else NO_PRODUCT
            aimed = target / (below * above)
            part, other = (aim[j] + lag) * over_s[j], (sigma - aim[j]) * over_t[j]
            dy = aimed * above + part * (1.0 + part) - 1.0 - (dv[j] + lag) * over_s[j]
            dz = aimed * below + other * (1.0 + other) - 1.0 - (sigma - dv[j]) * over_t[j]
            scratch[j] = max(-dy, -dz)
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
        s, t, y, z = pairs[LOW_GAP, here], pairs[HIGH_GAP, here], pairs[LOW_PAY, here], pairs[HIGH_PAY, here]
        over_s, over_t, aim, dv = pairs[LOW_OVER, here], pairs[HIGH_OVER, here], pairs[AIM, here], pairs[STEP, here]
        low_rest, high_rest = pairs[LOW_REST, here], pairs[HIGH_REST, here]
        for j in range(y.size):
            lag = rest * low_rest[j]
            part = (aim[j] + lag) * over_s[j]
            y[j] += paid * (target * over_s[j] + y[j] * (part * (1.0 + part) - 1.0 - (dv[j] + lag) * over_s[j]))
        for j in range(z.size):
            lag = rest * high_rest[j]
            part = (lag - aim[j]) * over_t[j]
            z[j] += paid * (target * over_t[j] + z[j] * (part * (1.0 + part) - 1.0 - (lag - dv[j]) * over_t[j]))
        for j in range(s.size):
            s[j] += length * (dv[j] + rest * low_rest[j]) if y[j] > 0.0 else 0.0
        for j in range(t.size):
            t[j] += length * (rest * high_rest[j] - dv[j]) if z[j] > 0.0 else 0.0
        total += _open_block(pairs, here, rest * (1.0 - length))
    return total
