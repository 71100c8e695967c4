"""A long window, day by day at once: the aggregate says what is stored at each midnight, and the days part there.

    aggregate of the window ─▶ everybody's energy at each midnight ─▶ days, in processes ─▶ the same from noon to noon

Everybody's energy is as high in what his battery can hold as the pool's. Days that cannot be met so are taken together
with the next. The second round parts at noon, keeps what the first stores there and decides midnight anew, so it costs
no more than the first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from multiprocessing import get_context

import numpy as np

from autonomy.dispatch.aggregate import Aggregate, aggregate_bound
from autonomy.dispatch.checked import checked_dispatch
from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.optimum import Dispatch
from autonomy.dispatch.part import Part, joined, solved_part, whole_steps
from autonomy.dispatch.point import cost_of, executed_kw
from autonomy.dispatch.section import State, section
from autonomy.dispatch.storage import reachable_kwh
from autonomy.dispatch.window import Problem, path_kwh
from autonomy.layers.arrays import Vector

PERIOD_H = 24.0


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Period:
    """One task.

    Attributes:
        problem: Its steps.
        end_kwh: (N,) kWh to be stored at its end; None for the last.
        relative_gap: Largest relative gap at which a search over binaries may stop.
    """

    problem: Problem
    end_kwh: Vector | None
    relative_gap: float


def daily_dispatch(
    problem: Problem, *, period_h: float = PERIOD_H, rounds: int = 2, workers: int = 1, relative_gap: float = 1e-6
) -> Dispatch:
    """Return a dispatch of a problem whose days were solved apart, and a bound for it.

    Args:
        problem: The window, see `known_problem`.
        period_h: Hours of a "day".
        rounds: >= 1; each repairs what the last one's midnights have cost.
        workers: Processes; 1 for this one.
        relative_gap: Largest relative gap at which a search over binaries may stop.

    Raises:
        ModelError: period_h is no whole number of steps.
        DispatchError: days hang together by more than what is stored (cars, ramp limits, a price of cycles), or the
            solver's answer failed the checks.
    """
    start = time.perf_counter()
    period = whole_steps(problem, "period_h", period_h)
    _require_days_apart(problem)
    plan = aggregate_bound(problem)
    whole = _cheapest(problem, plan, period, rounds, workers=workers, relative_gap=relative_gap)
    return checked_dispatch(
        problem,
        whole.asked,
        bound=plan.bound,
        method=f"apart {period_h:g} h",
        binaries=whole.binaries,
        relative_gap=relative_gap,
        start=start,
    )


def _cheapest(
    problem: Problem, plan: Aggregate, period: int, rounds: int, *, workers: int, relative_gap: float
) -> Part:
    """Return the cheapest of all rounds; every second one parts at noon, and keeps what the one before stores then."""
    level, found = _levels_kwh(problem, plan), list[Part]()
    for number in range(rounds):
        first = period if number % 2 == 0 else period - period // 2
        midnights = range(first, problem.shape[0], period)
        found.append(solved_apart(problem, plan, level, midnights, workers=workers, relative_gap=relative_gap))
        level = path_kwh(problem, found[-1].asked.battery_kw)[1]
    return min(found, key=lambda part: cost_of(problem, part.asked))


def solved_apart(
    problem: Problem, plan: Aggregate, level: Vector, midnights: Sequence[int], *, workers: int, relative_gap: float
) -> Part:
    """Return set-points of the whole window, from parts that begin at the given steps.

    Args:
        problem: The whole window.
        plan: Whose peaks are not paid for again.
        level: (T, N) kWh that everybody is to store at the end of a step, should a part end there.
        midnights: Where parts begin, besides the first step.
        workers: Processes.
        relative_gap: As for `daily_dispatch`.

    Raises:
        DispatchError: not even the window as one part has a dispatch, or the solver failed.
    """
    cuts, steps, done = list(midnights), problem.shape[0], dict[tuple[int, int], Part]()
    while todo := [span for span in pairwise([0, *cuts, steps]) if span not in done]:
        periods = [_period(problem, plan, span, level, relative_gap) for span in todo]
        for (first, stop), part in zip(todo, _solved(periods, workers), strict=True):
            if part is not None:
                done[first, stop] = part
            elif stop in cuts or first in cuts:
                cuts.remove(stop if stop in cuts else first)
            elif (first, stop) == (0, steps):
                raise DispatchError("no dispatch of the window keeps all limits.")
    whole = joined([done[span] for span in pairwise([0, *cuts, steps])])
    return Part(replace(whole.asked, battery_kw=executed_kw(problem, whole.asked.battery_kw)), whole.binaries)


def _levels_kwh(problem: Problem, plan: Aggregate) -> Vector:
    """Return (T, N) kWh at the end of each step: of all that a battery can hold the same share as its pool."""
    low, high = reachable_kwh(problem)
    pools = plan.pools
    room = pools.most_kwh - pools.least_kwh
    share = np.divide(plan.stored_kwh - pools.least_kwh, room, out=np.zeros(room.shape), where=room > 0)
    padded = np.column_stack([np.clip(share, 0.0, 1.0), np.zeros(len(share))])  # prosumers without a battery: pool -1
    levels: Vector = low + padded[:, pools.pool] * (high - low)
    return levels


def _period(problem: Problem, plan: Aggregate, span: tuple[int, int], level: Vector, relative_gap: float) -> Period:
    """Return one part; imports up to the plan's peak of its month cost it nothing more."""
    first, stop = span
    energy = problem.initial_kwh if first == 0 else level[first - 1]
    same_month = problem.month == problem.month[first]
    state = State(energy_kwh=energy, battery_kw=np.zeros(energy.size), slices_kwh=None, peak_kw=0.0)
    part = section(problem, first, stop, state)
    peak = max(float(np.max(-plan.feeder_kw[same_month])), 0.0)
    return Period(
        problem=replace(part, initial_peak_kw=peak),
        end_kwh=None if stop == problem.shape[0] else level[stop - 1],
        relative_gap=relative_gap,
    )


def _solved(periods: Sequence[Period], workers: int) -> list[Part | None]:
    if workers == 1:
        return [_solve(period) for period in periods]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_solve, periods, chunksize=max(1, len(periods) // (4 * workers))))


def _solve(period: Period) -> Part | None:
    return solved_part(period.problem, end_kwh=period.end_kwh, relative_gap=period.relative_gap)


def _require_days_apart(problem: Problem) -> None:
    community = problem.community
    ties = {
        "cars": (problem.drive_kwh > 0).any() or np.isfinite(problem.required_kwh).any(),
        "ramp limits": np.isfinite(community.ramp_limit_kw[community.has_battery]).any(),
        "a price of cycles": problem.economics.cycle_price_per_kwh > 0,
    }
    found = [name for name, is_there in ties.items() if is_there]
    if found:
        raise DispatchError(f"days with {' and '.join(found)} hang together; use rolling_optimum.")
