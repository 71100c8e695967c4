"""A long window, horizon by horizon: each is solved as if it were all, its first steps are kept, and it goes on there.

A rolling horizon sees no further than its end, so what it finds is a dispatch, not the optimum. How far it is from the
optimum at most is said by the bound of the aggregate (`autonomy.dispatch.aggregate`), which knows the whole window.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from autonomy.dispatch.aggregate import aggregate_bound
from autonomy.dispatch.checked import checked_dispatch
from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.optimum import Dispatch
from autonomy.dispatch.part import Part, joined, solved_part, whole_steps
from autonomy.dispatch.section import section, state_after, state_before
from autonomy.dispatch.window import Problem
from autonomy.layers.errors import ModelError

HORIZON_H, COMMIT_H = 48.0, 24.0


def rolling_optimum(
    problem: Problem,
    *,
    horizon_h: float = HORIZON_H,
    commit_h: float = COMMIT_H,
    time_limit_s: float | None = None,
    relative_gap: float = 1e-6,
) -> Dispatch:
    """Return a dispatch of a problem that never looks further ahead than a horizon, and a bound for it.

    What is stored at the end of a horizon is worth the problem's terminal price.

    Args:
        problem: The window, see `known_problem`.
        horizon_h: Hours that are planned at once.
        commit_h: Hours of each plan that are kept.
        time_limit_s: Seconds for all horizons together; None for no limit.
        relative_gap: Largest relative gap at which a search over binaries may stop.

    Raises:
        ModelError: horizon_h or commit_h is no whole number of steps, or commit_h is longer.
        DispatchError: no dispatch of a horizon keeps all limits, the time ran out before one was found, or the solver's
            answer failed the checks.
    """
    start = time.perf_counter()
    horizon, commit = whole_steps(problem, "horizon_h", horizon_h), whole_steps(problem, "commit_h", commit_h)
    if commit > horizon:
        raise ModelError("commit_h", commit_h, f"hours <= horizon_h = {horizon_h:g}")
    deadline = np.inf if time_limit_s is None else start + time_limit_s
    whole = joined(list(rolled(problem, horizon, commit, deadline=deadline, relative_gap=relative_gap)))
    return checked_dispatch(
        problem,
        whole.asked,
        bound=aggregate_bound(problem).bound,
        method=f"rolling {horizon_h:g} h/{commit_h:g} h",
        binaries=whole.binaries,
        relative_gap=relative_gap,
        start=start,
    )


def rolled(problem: Problem, horizon: int, commit: int, *, deadline: float, relative_gap: float) -> Iterator[Part]:
    """Yield the steps that are kept of each horizon; the last one is kept to its end.

    Raises:
        DispatchError: no dispatch of a horizon keeps all limits, or the time ran out.
    """
    state, first, steps = state_before(problem), 0, problem.shape[0]
    while first < steps:
        stop = min(first + horizon, steps)
        kept = commit if stop < steps else steps - first
        part = section(problem, first, stop, state)
        found = solved_part(part, deadline=deadline, relative_gap=relative_gap)
        if found is None:
            raise DispatchError(
                f"no dispatch of steps {first} to {stop - 1} keeps all limits after what was kept before. Plan further "
                "ahead, or keep less of each plan."
            )
        state = state_after(part, found.asked, kept)
        yield found.first_steps(kept)
        first += kept
