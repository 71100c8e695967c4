"""`autonomy benchmark horizon`: every method on every case, each on the same instances, in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from autonomy.benchmark.figures import charged_s, paired, quantile, worst
from autonomy.benchmark.horizon.methods import STRUCTURED, HorizonMethod
from autonomy.benchmark.horizon.peaks import Case, draw
from autonomy.benchmark.horizon.row import HorizonRow
from autonomy.benchmark.horizon.verdict import Judged, is_right, judge
from autonomy.benchmark.loops import Found, time_loops
from autonomy.benchmark.lower_bound import best_bounds, relative_gap
from autonomy.benchmark.measurement import Effort
from autonomy.benchmark.row import Outcome
from autonomy.layers.projection.question import Question

INSTANCES = 6
"""Instances of a case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What to run.

    Attributes:
        sizes: Numbers of prosumers, ascending.
        horizons: Steps of the horizons, ascending.
        seed: For the instances and the order of turns.
        calls: Most calls of one loop.
        budget_s: Seconds one loop of one method on one case may take.
        time_limit_s: Seconds one call may take, and what a failure is charged.
    """

    sizes: tuple[int, ...]
    horizons: tuple[int, ...]
    seed: int
    calls: int
    budget_s: float
    time_limit_s: float

    def cases(self) -> Iterator[Case]:
        """Yield the cases, sizes ascending within each horizon."""
        for steps in self.horizons:
            for n in self.sizes:
                yield Case(n=n, steps=steps, seed=self.seed)


HorizonFound: TypeAlias = Found[HorizonMethod, Judged]


class HorizonRun:
    """Measures case after case; a method that was over the time limit is not run on larger cases of that horizon.

    Args:
        methods: What is compared.
        settings: What to run.
        overhead_s: Time of reading the clock, which is subtracted.
    """

    def __init__(self, methods: Sequence[HorizonMethod], settings: Settings, overhead_s: float) -> None:
        self._methods, self._settings = methods, settings
        self._effort = Effort(
            calls=settings.calls,
            budget_s=settings.budget_s,
            time_limit_s=settings.time_limit_s,
            clock_overhead_s=overhead_s,
        )
        self._random = np.random.default_rng(settings.seed)
        self._over: dict[tuple[str, int], str] = {}

    def measure(self, case: Case, progress: Callable[[str], None]) -> tuple[HorizonRow, ...]:
        """Return the rows of one case; `progress` is called with the name of each method before it is measured.

        Raises:
            NoPeakError: there are no instances.
        """
        questions = draw(case, INSTANCES)
        found = []
        for method in self._methods:
            progress(method.name)
            found.append(self._one(method, case, questions))
        time_loops(found, len(questions), self._effort, self._random)
        bounds = best_bounds([judged for item in found for judged in item.judged], len(questions))
        exact = next((item for item in found if item.method.name == STRUCTURED), found[0])
        return tuple(_row(item, case, questions, bounds, exact, self._settings.time_limit_s) for item in found)

    def _one(self, method: HorizonMethod, case: Case, questions: Sequence[Question]) -> HorizonFound:
        """Set a method up and judge its answer to each instance."""
        found, limit_s = HorizonFound(method=method), self._settings.time_limit_s
        if (method.name, case.steps) in self._over:
            found.outcome, found.message = Outcome.NOT_RUN, self._over[method.name, case.steps]
            return found
        found.answer_each(questions, judge, limit_s=limit_s, is_warmed=False)
        if found.outcome is Outcome.TIME_LIMIT:
            self._over[method.name, case.steps] = f"time limit at N = {case.n:,}"
        return found


def _row(
    found: HorizonFound,
    case: Case,
    questions: Sequence[Question],
    bounds: Sequence[float],
    exact: HorizonFound,
    limit_s: float,
) -> HorizonRow:
    """Return one method's figures."""
    judged = found.judged
    right = [is_right(item, bounds) for item in judged]
    return HorizonRow(
        method=found.method.name,
        community=case.community,
        n=case.n,
        stores=questions[0].prepared.structure.n_stores,
        steps=case.steps,
        outcome=found.outcome,
        message=found.message or next((item.message for item in judged if item.message), ""),
        setup_s=found.setup_s,
        instances=len(questions),
        judged=len(judged),
        claimed=sum(item.claimed for item in judged),
        right=sum(right),
        violation=worst([item.violation for item in judged]),
        gap=worst([abs(relative_gap(item, bounds)) for item in judged]),
        both_answers=sum(item.both > 0 for item in judged),
        both_pairs=sum(item.both for item in judged),
        pairs=sum(item.pairs for item in judged),
        carried_kw=worst([item.carried_kw for item in judged]),
        hot_calls=0 if found.hot is None else found.hot.size,
        hot_p50_s=quantile(found.hot, 0.5),
        hot_p99_s=quantile(found.hot, 0.99),
        turns=0 if found.turns is None else found.turns.size,
        turns_p50_s=quantile(found.turns, 0.5),
        charged_p50_s=charged_s(found.outcome, found.hot, right, limit_s),
        hot_ratio=quantile(found.hot, 0.5) / quantile(exact.hot, 0.5),
        turns_ratio=paired(found.turns, exact.turns),
    )
