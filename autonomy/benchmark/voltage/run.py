"""`autonomy benchmark voltage`: every method on every case, each on the same instances, in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from autonomy.benchmark.figures import charged_s, paired, quantile, worst
from autonomy.benchmark.loops import Found, time_loops
from autonomy.benchmark.lower_bound import best_bounds, relative_gap
from autonomy.benchmark.measurement import Effort
from autonomy.benchmark.row import Outcome
from autonomy.benchmark.voltage.feeders import Case, Drawn, draw
from autonomy.benchmark.voltage.methods import TREE, VoltageMethod, specialised
from autonomy.benchmark.voltage.row import VoltageRow
from autonomy.benchmark.voltage.verdict import Judged, is_right, judge
from autonomy.solvers.allocation import Vector

GROWTH = 2
"""A method is not run where its time would pass the limit ten times over if it grew with this power of the buses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What to run.

    Attributes:
        sizes: Numbers of buses, ascending.
        seed: For the instances and the order of turns.
        calls: Most calls of one loop.
        budget_s: Seconds one loop of one method on one case may take, unless every instance once takes longer.
        time_limit_s: Seconds one call may take, and what a failure is charged.
    """

    sizes: tuple[int, ...]
    seed: int
    calls: int
    budget_s: float
    time_limit_s: float

    def cases(self) -> Iterator[Case]:
        """Yield the cases, sizes ascending."""
        for n in self.sizes:
            yield Case(n=n, seed=self.seed)


VoltageFound: TypeAlias = Found[VoltageMethod, Judged]


class VoltageRun:
    """Measures case after case; a method that was over the time limit is not run on larger cases.

    Args:
        methods: What is compared.
        settings: What to run.
        overhead_s: Time of reading the clock, which is subtracted.
    """

    def __init__(self, methods: Sequence[VoltageMethod], settings: Settings, overhead_s: float) -> None:
        self._methods, self._settings = methods, settings
        self._effort = Effort(
            calls=settings.calls,
            budget_s=settings.budget_s,
            time_limit_s=settings.time_limit_s,
            clock_overhead_s=overhead_s,
        )
        self._random = np.random.default_rng(settings.seed)
        self._over: dict[str, str] = {}
        self._last: dict[str, tuple[int, float]] = {}

    def measure(self, case: Case, progress: Callable[[str], None]) -> tuple[VoltageRow, ...]:
        """Return the rows of one case; `progress` is called with the name of each method before it is measured.

        Raises:
            NoInstanceError: there are no instances.
        """
        drawn = draw(case, instances_at(case.n), specialised)
        found = []
        for method in self._methods:
            progress(method.name)
            found.append(self._one(method, case, drawn))
        time_loops(found, len(drawn.problems), self._effort, self._random)
        bounds = best_bounds([judged for item in found for judged in item.judged], len(drawn.problems))
        ours = next((item for item in found if item.method.name == TREE), found[0])
        return tuple(_row(item, case, drawn, bounds, ours, self._settings.time_limit_s) for item in found)

    def _one(self, method: VoltageMethod, case: Case, drawn: Drawn) -> VoltageFound:
        """Set a method up and judge its answer to each instance."""
        found, limit_s = VoltageFound(method=method), self._settings.time_limit_s
        n, seconds = self._last.get(method.name, (case.n, 0.0))
        if method.name not in self._over and seconds * (case.n / n) ** GROWTH > 10 * limit_s:
            self._over[method.name] = f"{seconds:.1e} s at N = {n:,} promise too many at N = {case.n:,}"
        if method.name in self._over:
            found.outcome, found.message = Outcome.NOT_RUN, self._over[method.name]
            return found
        found.answer_each(drawn.problems, judge, limit_s=limit_s, is_warmed=True)
        if found.first_s:
            self._last[method.name] = (case.n, found.typical_s)
        if found.outcome is Outcome.TIME_LIMIT:
            self._over[method.name] = f"time limit at N = {case.n:,}"
        return found


def instances_at(n: int) -> int:
    """Return how many instances of a case are drawn: fewer where they are large."""
    return 8 if n <= 1_000 else 4


def _row(
    found: VoltageFound, case: Case, drawn: Drawn, bounds: Sequence[float], ours: VoltageFound, limit_s: float
) -> VoltageRow:
    """Return one method's figures."""
    judged = found.judged
    right = [is_right(item, bounds) for item in judged]
    return VoltageRow(
        method=found.method.name,
        n=case.n,
        outcome=found.outcome,
        message=found.message or next((item.message for item in judged if item.message), ""),
        instances=len(drawn.problems),
        draws=drawn.draws,
        bound=float(np.mean(drawn.bound)),
        lines=float(np.mean(drawn.lines)),
        setup_s=found.setup_s,
        judged=len(judged),
        claimed=sum(item.claimed for item in judged),
        right=sum(right),
        violation_kw=worst([item.violation_kw for item in judged]),
        excess_pu=worst([item.excess_pu for item in judged]),
        gap=worst([abs(relative_gap(item, bounds)) for item in judged]),
        hot_calls=0 if found.hot is None else found.hot.size,
        hot_p50_s=quantile(found.hot, 0.5),
        hot_p99_s=quantile(found.hot, 0.99),
        turns=0 if found.turns is None else found.turns.size,
        turns_p50_s=quantile(found.turns, 0.5),
        charged_p50_s=charged_s(found.outcome, found.hot, right, limit_s),
        hot_ratio=quantile(_where(found.hot, right), 0.5) / quantile(_where(ours.hot, right), 0.5),
        turns_ratio=paired(_where(found.turns, right), _where(ours.turns, right)),
    )


def _where(seconds: Vector | None, right: Sequence[bool]) -> Vector | None:
    """Return the calls on instances with a right answer; None if there are none."""
    if seconds is None or not any(right):
        return None
    chosen: Vector = seconds[np.array(right)[np.arange(seconds.size) % len(right)]]
    return chosen
