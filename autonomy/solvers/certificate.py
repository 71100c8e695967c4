"""How far a point can be from the projection's optimum, from any multipliers, and without trusting a solver.

For any λ (groups) and ν (cells), with p_i = ν_i + the sum of λ over all groups around cell i, weak duality gives

    f* >= D(λ, ν) = Σ_i min over its boxes of [w_i/2·(x − r_i)² + α·u + β·v + ε/2·(u² + v²) − p_i·(x − u + v)]
                    + Σ_g λ_g·(L_g if λ_g > 0 else U_g) + Σ_i ν_i·(least_i if ν_i > 0 else most_i)

so gap = f(point) − D >= 0 for a feasible point. f is strongly convex in the norm ‖·‖_w of `Allocation.distance`, so
‖point − minimiser‖_w <= sqrt(2·gap). `recheck` computes just this, slowly and plainly, in floats or in exact fractions.

`certify` is fast, and accurate where the gap is tiny: it subtracts no two large numbers but sums terms that all vanish
at the minimiser. With the cell's own minimiser x̄ = clip(r + p/w, lower, upper), and likewise ū and v̄,

    gap = Σ_i (x − x̄)·(w·((x + x̄)/2 − r) − p) + (u − ū)·(α + ε·(u + ū)/2 + p) + (v − v̄)·(β + ε·(v + v̄)/2 − p)
          + Σ_g λ_g·(Σ_{i below g} y_i − bound_g) + Σ_i ν_i·(y_i − bound_i)

Rounding. Let P_i be the sum of |λ| around cell i and |ν_i|, n the number of cells and groups, e the machine epsilon. An
operation adds a relative error of e/2, a sum of n terms one of n·e/2. So the gap is computed to within e·(n + 16)·M,

    M = Σ_i P·(|x| + |u| + |v|) + |x − x̄|·(w·(|x| + |x̄| + |r|) + P) + |u − ū|·(α + ε·(|u| + |ū|) + P) + (same for v)
        + Σ_g |λ_g·bound_g| + Σ_i |ν_i·bound_i|

plus 16·e²·Σ_i (w·r² + (P² + α² + β²)·(1/w + 2/ε)) for the rounding of x̄, ū and v̄, where the slope vanishes. That
bound is part of what `certify` returns, so the exact gap is never above it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from autonomy.solvers.allocation import LEAST, Allocation, Solution, Vector


class Gap(NamedTuple):
    """How far a feasible point can be from the minimiser.

    Attributes:
        gap: Upper bound on f(point) − f*, rounding included; inf when the multipliers price a bound that does not
            exist, NaN when a number is none.
        distance: sqrt(2·gap), upper bound on ‖point − minimiser‖_w.
    """

    gap: float
    distance: float


class Finding(NamedTuple):
    """What `recheck` found, in the kind of number it was told to use.

    Attributes:
        infeasibility: The largest amount by which the point leaves a bound; 0 inside.
        gap: f(point) − D(λ, ν), inf when the multipliers price a bound that does not exist.
    """

    infeasibility: Any
    gap: Any


def certify(problem: Allocation, solution: Solution) -> Gap:
    """Return the certified gap and distance of a feasible answer; the derivation is in the module's docstring."""
    from autonomy.solvers.kernel.gap import gap_and_rounding  # noqa: PLC0415 - loads Numba

    hierarchy = problem.hierarchy
    tree = (hierarchy.parent, hierarchy.group_of, hierarchy.outermost_first)
    data = (problem.cells, problem.bounds, solution.point, solution.cell_multipliers, solution.multipliers)
    try:
        computed, rounding = gap_and_rounding(*data, *problem.relief.prices, *tree)
    except TypeError:  # strided, or not float64: the machine code takes plain arrays only
        computed, rounding = gap_and_rounding(*map(plain, data), *problem.relief.prices, *tree)
    return gap_from(computed, rounding)


def gap_from(computed: float, rounding: float) -> Gap:
    """Return the certified gap from the computed one and the bound on its rounding."""
    gap = max(computed, 0.0) + rounding if math.isfinite(computed) else abs(computed)
    return Gap(gap, math.sqrt(2.0 * gap))


def recheck(problem: Allocation, solution: Solution, number: Callable[[float], Any] = Fraction) -> Finding:
    """Return infeasibility and gap, computed in `number`s: `fractions.Fraction` is exact, `float` rounds.

    A number that is not finite where it must be makes the point infeasible by inf.
    """
    finite = (problem.cells[:LEAST], solution.point, solution.cell_multipliers, solution.multipliers)
    if not all(np.isfinite(values).all() for values in finite):
        return Finding(infeasibility=np.inf, gap=np.inf)
    hierarchy, relief, zero = problem.hierarchy, problem.relief, number(0.0)
    alpha, beta, smoothing = map(number, (relief.drop_price, relief.lift_price, relief.smoothing))
    price, total = [zero] * hierarchy.n_groups, [zero] * hierarchy.n_groups
    for g in hierarchy.outermost_first:
        price[g] = number(solution.multipliers[g]) + (price[hierarchy.parent[g]] if hierarchy.parent[g] >= 0 else zero)
    findings = []
    for i, group in enumerate(hierarchy.group_of):
        weight, centre, lower, upper, drop, lift = map(number, problem.cells[:LEAST, i])
        (x, u, v), own = map(number, solution.point[:, i]), number(solution.cell_multipliers[i])
        findings += [
            _box(x, lower, upper, weight, weight * centre + price[group] + own),
            _box(u, zero, drop, smoothing, -alpha - price[group] - own),
            _box(v, zero, lift, smoothing, price[group] + own - beta),
            _sum(x - u + v, problem.least[i], problem.most[i], own, number),
        ]
        total[group] += x - u + v
    for g in reversed(hierarchy.outermost_first):
        low, high = problem.bounds[:, g]
        findings.append(_sum(total[g], low, high, number(solution.multipliers[g]), number))
        if hierarchy.parent[g] >= 0:
            total[hierarchy.parent[g]] += total[g]
    return Finding(infeasibility=max(found[0] for found in findings), gap=sum(found[1] for found in findings))


def _box(value: Any, low: Any, high: Any, curvature: Any, pull: Any) -> Finding:
    """Return the excess over the least cost φ(z) = curvature/2·z² − pull·z in the box: φ(value) − min φ."""
    free = pull / curvature if curvature else high if pull > 0 else low
    best = min(max(free, low), high)
    excess = (value - best) * (curvature * (value + best) / 2 - pull)
    return Finding(infeasibility=max(low - value, value - high, 0 * value), gap=excess)


def _sum(value: Any, low: float, high: float, multiplier: Any, number: Callable[[float], Any]) -> Finding:
    """Return by how much a sum leaves its bounds, which may be infinite, and what its multiplier says of it."""
    outside = [number(low) - value] if low > -np.inf else []
    outside += [value - number(high)] if high < np.inf else []
    bound = low if multiplier > 0 else high
    if multiplier == 0:
        return Finding(infeasibility=max([0 * value, *outside]), gap=0 * value)
    priced = multiplier * (value - number(bound)) if np.isfinite(bound) else np.inf
    return Finding(infeasibility=max([0 * value, *outside]), gap=priced)


def plain(values: Any) -> Vector:
    """Return float64 in C order, which is what machine code takes."""
    return np.ascontiguousarray(values, dtype=np.float64)
