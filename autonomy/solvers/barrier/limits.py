"""Bounded sums and potentials in the interior point method: what is done to their pairs, block after block.

See `pairs` for the formulas. `rest` is what is left of the distances ρ and σ of the start.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.barrier.pairs import (
    AIM,
    BLOCK,
    FAR,
    FAR_PAY,
    FORCE,
    HIGH_GAP,
    HIGH_PAY,
    HIGH_REST,
    LOW_GAP,
    LOW_PAY,
    LOW_REST,
    NO_PRODUCT,
    PUSH,
    SPAN,
    STEP,
    SUM,
    THETA,
    compiled,
    rounded,
)


@compiled()
def foresee(pairs, span, lanes, rest):
    """Take the predictor's dv: gather how much too far it goes (1/length) and its products, fill the corrected force.

    `span` is where pairs begin and how many there are.
    """
    first, count = span
    for start in range(0, rounded(count), BLOCK):
        here = pairs[first : first + SPAN]
        first += SPAN
        for j in range(min(rounded(count) - start, BLOCK)):
            s, t, y, z = here[LOW_GAP + j], here[HIGH_GAP + j], here[LOW_PAY + j], here[HIGH_PAY + j]
            over = 1.0 / (s * t)
            over_s, over_t = over * t if y > 0.0 else 0.0, over * s if z > 0.0 else 0.0
            lag, other_lag = rest * here[LOW_REST + j] * over_s, rest * here[HIGH_REST + j] * over_t
            low, high = here[AIM + j] * over_s + lag, other_lag - here[AIM + j] * over_t
            # A gap changes by r of itself and its payment by −1 − r; −1/2 is halfway.
            lanes[FAR + j] = max(lanes[FAR + j], abs(low + 0.5), abs(high + 0.5))
            below, above = y * low * (1.0 + low), z * high * (1.0 + high)
            lanes[SUM + j] -= s * below + t * above
            here[FORCE + j] = below - y * (1.0 + lag) - above + z * (1.0 + other_lag)
            here[PUSH + j] = over_s - over_t


@compiled()
def reach(pairs, span, lanes, rest, target):
    """Gather how much too far the corrected step goes for the gaps, and for the payments."""
    first, count = span
    for start in range(0, rounded(count), BLOCK):
        here = pairs[first : first + SPAN]
        first += SPAN
        for j in range(min(rounded(count) - start, BLOCK)):
            aim, dv, rho, sigma = here[AIM + j], here[STEP + j], rest * here[LOW_REST + j], rest * here[HIGH_REST + j]
            s, t, y, z = here[LOW_GAP + j], here[HIGH_GAP + j], here[LOW_PAY + j], here[HIGH_PAY + j]
            product, other = s * y if y > 0.0 else NO_PRODUCT, t * z if z > 0.0 else NO_PRODUCT
            over = 1.0 / (product * other)
            gain, other_gain = over * other, over * product
            over_s, over_t = y * gain, z * other_gain
            low, high = (dv + rho) * over_s, (sigma - dv) * over_t
            lanes[FAR + j] = max(lanes[FAR + j], -low, -high)
            below, above = (aim + rho) * over_s, (sigma - aim) * over_t
            below = 1.0 + low - below * (1.0 + below) - target * gain
            above = 1.0 + high - above * (1.0 + above) - target * other_gain
            lanes[FAR_PAY + j] = max(lanes[FAR_PAY + j], below, above)


@compiled()
def move(pairs, span, lanes, goal, part):
    """Take the corrected step and fill what the next predictor needs; gather Σ s·y + t·z after it.

    `goal` is rest and target of the step, `part` how much of it gaps and payments go.
    """
    (first, count), (rest, target), (length, paid) = span, goal, part
    for start in range(0, rounded(count), BLOCK):
        here = pairs[first : first + SPAN]
        first += SPAN
        for j in range(min(rounded(count) - start, BLOCK)):
            aim, dv, rho, sigma = here[AIM + j], here[STEP + j], rest * here[LOW_REST + j], rest * here[HIGH_REST + j]
            s, t, y, z = here[LOW_GAP + j], here[HIGH_GAP + j], here[LOW_PAY + j], here[HIGH_PAY + j]
            over = 1.0 / (s * t)
            over_s, over_t = over * t if y > 0.0 else 0.0, over * s if z > 0.0 else 0.0
            low, high = (dv + rho) * over_s, (sigma - dv) * over_t
            below, above = (aim + rho) * over_s, (sigma - aim) * over_t
            s, t = s * (1.0 + length * low), t * (1.0 + length * high)
            y += paid * (target * over_s + y * (below * (1.0 + below) - 1.0 - low))
            z += paid * (target * over_t + z * (above * (1.0 + above) - 1.0 - high))
            here[LOW_GAP + j], here[HIGH_GAP + j], here[LOW_PAY + j], here[HIGH_PAY + j] = s, t, y, z
            lanes[SUM + j] += s * y + t * z
            over = 1.0 / (s * t)
            over_s, over_t = over * t if y > 0.0 else 0.0, over * s if z > 0.0 else 0.0
            here[THETA + j] = y * over_s + z * over_t
            lag, other_lag = (1.0 - length) * rho * over_s, (1.0 - length) * sigma * over_t
            here[FORCE + j] = z * (1.0 + other_lag) - y * (1.0 + lag)
