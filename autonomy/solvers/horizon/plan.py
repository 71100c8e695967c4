"""Plans over a horizon, carried out step by step: the repair of the lemma in `program.py`, and a plan made greedily.

Both are machine code over (H, S) arrays, and what they return shows what a plan is worth, whoever made it. The greedy
plan gives what is needed from the stores that could go on longest, so that as many as possible stay in reach of a peak,
and takes what may be taken where the least is left. If it misses nothing, the levels it starts from are proved to be
enough, and no program has to be solved; if it misses something, nothing is proved.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from autonomy.solvers.horizon.layout import compiled

BISECTIONS = 60


@compiled()
def carry_out(x, level, floor, ceiling, fill, drain):
    """Give and take as planned, taking less where a store would overflow and giving less where it would run dry.

    Args:
        x: (T, S) the plan; it is changed to what was carried out.
        level: (S,) the levels before it.
        floor: (S,) lowest levels.
        ceiling: (S,) highest levels.
        fill: (S,) level gained per unit taken.
        drain: (S,) level lost per unit given.

    Returns:
        (T, S) the levels after each step.
    """
    after = np.empty_like(x)
    for k in range(x.shape[0]):
        for j in range(x.shape[1]):
            now = level[j] if k == 0 else after[k - 1, j]
            least, most = min((now - ceiling[j]) / fill[j], 0.0), max((now - floor[j]) / drain[j], 0.0)
            x[k, j] = min(max(x[k, j], least), most)
            after[k, j] = now - max(fill[j] * x[k, j], drain[j] * x[k, j])
    return after


@compiled()
def greedy(need, level, floor, ceiling, lower, upper, fill, drain):  # noqa: PLR0917 - machine code
    """Make a plan for one sum a step: give what is needed, take what may be taken.

    Args:
        need: (H,) least sum of each step, -inf for none.
        level: (S,) the levels before the first of these steps.
        floor: (S,) lowest levels.
        ceiling: (S,) highest levels.
        lower: (H, S) <= 0, least of each x.
        upper: (H, S) >= 0, most of each x.
        fill: (S,) level gained per unit taken.
        drain: (S,) level lost per unit given.

    Returns:
        (H, S) the plan, and the most that is missing in any step.
    """
    steps, stores = lower.shape
    plan, now, missing = np.zeros((steps, stores)), level.copy(), 0.0
    for k in range(steps):
        if need[k] > 0.0:
            given = _give(need[k], now, floor, upper[k], drain, plan[k])
            missing = max(missing, need[k] - given)
        else:
            _take(-need[k], now, floor, ceiling, lower[k], fill, drain, plan[k])
        for j in range(stores):
            now[j] -= max(fill[j] * plan[k, j], drain[j] * plan[k, j])
    return plan, missing


@compiled()
def _give(need, level, floor, most, drain, x):
    """Fill x with Σ x = need, if there is as much, from the stores whose level lasts longest; return Σ x."""
    low, high, total = 0.0, 0.0, 0.0
    for j in range(x.size):
        if most[j] > 0.0:
            high = max(high, (level[j] - floor[j]) / (drain[j] * most[j]))
    for step in range(BISECTIONS):
        left = 0.5 * (low + high) if step > 0 else 0.0
        total = 0.0
        for j in range(x.size):
            lasts = (level[j] - floor[j]) / (drain[j] * most[j]) if most[j] > 0.0 else 0.0
            x[j] = most[j] * min(max(lasts - left, 0.0), 1.0)
            total += x[j]
        if step == 0 and total <= need:
            break
        if total > need:
            low = left
        else:
            high = left
    # A little too much is given rather than too little.
    if total > need or total == 0.0:
        return total
    for j in range(x.size):
        lasts = (level[j] - floor[j]) / (drain[j] * most[j]) if most[j] > 0.0 else 0.0
        x[j] = most[j] * min(max(lasts - low, 0.0), 1.0)
    total = 0.0
    for j in range(x.size):
        total += x[j]
    return total


@compiled()
def _take(spare, level, floor, ceiling, most, fill, drain, x):  # noqa: PLR0917 - machine code
    """Fill x with −Σ x = spare at most, into the stores whose level would last shortest."""
    low, high = 0.0, 0.0
    for j in range(x.size):
        if most[j] < 0.0:
            high = max(high, (ceiling[j] - floor[j]) / (-most[j] * drain[j]))
    for step in range(BISECTIONS):
        lasts = 0.5 * (low + high) if step > 0 else high
        total = 0.0
        for j in range(x.size):
            want = (lasts * -most[j] * drain[j] - (level[j] - floor[j])) / fill[j]
            room = (ceiling[j] - level[j]) / fill[j]
            x[j] = -min(max(min(want, room), 0.0), -most[j])
            total -= x[j]
        if step == 0 and total <= spare:
            return
        if total > spare:
            high = lasts
        else:
            low = lasts
    # A little too little is taken rather than too much.
    for j in range(x.size):
        want = (low * -most[j] * drain[j] - (level[j] - floor[j])) / fill[j]
        room = (ceiling[j] - level[j]) / fill[j]
        x[j] = -min(max(min(want, room), 0.0), -most[j])
