"""The share of the achievable saving, and how far it is to be trusted: a paired bootstrap over weeks and seeds.

    share = Σ (grid-only − cost) / Σ (grid-only − optimum)        sums over weeks; the mean over seeds first

Weeks, and seeds, are drawn with replacement; every policy and community gets the same draws, so that differences
between policies are paired. A quantile interval of the draws is what is stated [Efron1979].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autonomy.benchmark.dispatch.case import Execution
from autonomy.benchmark.dispatch.row import NAN, DispatchRow
from autonomy.layers.arrays import Index, Vector
from autonomy.rollout import OPTIMUM
from autonomy.run import BASELINE

DRAWS = 10_000
LEVEL = 0.95
LEAST_SAVING = 1e-6
"""Currency; where less can be saved, there is no share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A figure with its interval.

    Attributes:
        value: Of all weeks and seeds.
        low: Of the interval of `LEVEL`.
        high: Likewise.
    """

    value: float
    low: float
    high: float


NONE = Interval(value=NAN, low=NAN, high=NAN)


def compared(rows: Sequence[DispatchRow]) -> list[DispatchRow]:
    """Return the rows with what grid-only and the optimum cost on the same window, and the share of the window."""
    known = {
        (row.policy, row.community, row.week): row.cost
        for row in rows
        if row.execution == (Execution.KNOWN if row.policy == OPTIMUM else Execution.SHIELDED)
        and row.policy in (BASELINE, OPTIMUM)
    }
    filled = []
    for row in rows:
        grid, best = (known.get((name, row.community, row.week), NAN) for name in (BASELINE, OPTIMUM))
        achievable = grid - best
        share = (grid - row.cost) / achievable if achievable > LEAST_SAVING else NAN
        filled.append(replace(row, grid_only_cost=grid, optimum_cost=best, share=share))
    return filled


def savings(rows: Sequence[DispatchRow], communities: Sequence[str], weeks: Sequence[int]) -> tuple[Vector, Vector]:
    """Return (C, W, S) what one policy saved, and (C, W) what could be; NaN where that is not known.

    A failed case has saved nothing.

    Args:
        rows: Compared rows of one policy with one forecast and execution.
        communities: C names.
        weeks: W numbers.
    """
    seeds = sorted({row.seed for row in rows})
    saved = np.full((len(communities), len(weeks), len(seeds)), NAN)
    possible = np.full((len(communities), len(weeks)), NAN)
    for row in rows:
        at = communities.index(row.community), weeks.index(row.week)
        possible[at] = row.grid_only_cost - row.optimum_cost
        saved[(*at, seeds.index(row.seed))] = row.grid_only_cost - row.cost if row.ran else 0.0
    return saved, possible


def shares(saved: Vector, possible: Vector, weeks: Index | None = None, seeds: Index | None = None) -> Vector:
    """Return (B,) shares, the mean over communities, of B draws; of everything, with B = 1, where none are given.

    Args:
        saved: (C, W, S), see `savings`.
        possible: (C, W).
        weeks: (B, W) which weeks a draw has.
        seeds: (B, S') which seeds a draw has, modulo S.
    """
    chosen_weeks = np.arange(possible.shape[1])[None] if weeks is None else weeks
    chosen_seeds = np.arange(saved.shape[2])[None] if seeds is None else seeds % saved.shape[2]
    known = np.isfinite(possible) & np.isfinite(saved).all(axis=2)
    saved, possible = np.where(known[..., None], saved, 0.0), np.where(known, possible, 0.0)
    total = np.zeros((chosen_weeks.shape[0], saved.shape[0]))
    for place, of_community in enumerate(saved):
        chosen = of_community[chosen_weeks[:, :, None], chosen_seeds[:, None, :]].mean(axis=2).sum(axis=1)
        achievable = possible[place][chosen_weeks].sum(axis=1)
        enough = achievable > LEAST_SAVING
        total[:, place] = np.where(enough, chosen / np.where(enough, achievable, 1.0), NAN)
    result: Vector = total.mean(axis=1)
    return result


def draws(n_weeks: int, n_seeds: int, *, seed: int = 0, count: int = DRAWS) -> tuple[Index, Index]:
    """Return (B, W) weeks and (B, S) seeds, the same for the same arguments."""
    random = np.random.default_rng(seed)
    return random.integers(n_weeks, size=(count, n_weeks)), random.integers(n_seeds, size=(count, n_seeds))


def interval(value: float, drawn: Vector) -> Interval:
    """Return a figure with the interval of its draws; NaN where a draw has none."""
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return Interval(value=value, low=float(low), high=float(high))
