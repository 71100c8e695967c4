"""`autonomy benchmark horizon`: every method on every case, each on the same instances, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autonomy.benchmark.clock import NANO, hot, interleaved, timed_call
from autonomy.benchmark.figures import charged_s, paired, quantile, worst
from autonomy.benchmark.horizon.methods import STRUCTURED, HorizonMethod
from autonomy.benchmark.horizon.peaks import Case, draw
from autonomy.benchmark.horizon.row import HorizonRow
from autonomy.benchmark.horizon.verdict import Judged, is_right, judge
from autonomy.benchmark.lower_bound import best_bounds, relative_gap
from autonomy.benchmark.measurement import FEWEST
from autonomy.benchmark.method import Answer
from autonomy.benchmark.row import Outcome
from autonomy.benchmark.silence import silenced
from autonomy.layers.arrays import Vector
from autonomy.layers.projection.question import Question

INSTANCES = 6
"""Instances of a case."""
PATIENCE = 0.25
"""Share of the time limit up to which a method takes part in the loops; a slower one is timed on its first answers."""


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


@dataclass(kw_only=True, slots=True)
class Found:
    """What is known so far of one method on one case."""

    method: HorizonMethod
    outcome: Outcome = Outcome.RAN
    message: str = ""
    answer: Answer | None = None
    arguments: list[Any] = field(default_factory=list)
    setup_s: float = np.nan
    first_s: list[float] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    hot: Vector | None = None
    turns: Vector | None = None


class HorizonRun:
    """Measures case after case; a method that was over the time limit is not run on larger cases of that horizon.

    Args:
        methods: What is compared.
        settings: What to run.
        overhead_s: Time of reading the clock, which is subtracted.
    """

    def __init__(self, methods: Sequence[HorizonMethod], settings: Settings, overhead_s: float) -> None:
        self._methods, self._settings, self._overhead_s = methods, settings, overhead_s
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
        taking = [item for item in found if item.hot is None and item.outcome is Outcome.RAN]
        for item in taking:
            typical = float(np.median(item.first_s))
            if item.answer is not None:
                item.hot = hot(item.answer, item.arguments, self._calls(typical), self._overhead_s).seconds
        self._take_turns(taking)
        bounds = best_bounds([judged for item in found for judged in item.judged], len(questions))
        exact = next((item for item in found if item.method.name == STRUCTURED), found[0])
        return tuple(_row(item, case, questions, bounds, exact, self._settings.time_limit_s) for item in found)

    def _one(self, method: HorizonMethod, case: Case, questions: Sequence[Question]) -> Found:
        """Set a method up and judge its answer to each instance."""
        found, limit_s = Found(method=method), self._settings.time_limit_s
        if (method.name, case.steps) in self._over:
            found.outcome, found.message = Outcome.NOT_RUN, self._over[method.name, case.steps]
            return found
        try:
            with silenced():
                found.arguments = method.arguments(questions)
                started = time.perf_counter_ns()
                found.answer = method.setup(questions[0])
                found.setup_s = (time.perf_counter_ns() - started) * NANO
                for k, (question, argument) in enumerate(zip(questions, found.arguments, strict=True)):
                    seconds, returned = timed_call(found.answer, argument)
                    found.first_s.append(seconds)
                    found.judged.append(judge(k, question, method.read(question, returned)))
                    if len(found.first_s) >= FEWEST and float(np.median(found.first_s)) > limit_s:
                        break
        except ImportError as fault:
            found.outcome, found.message = Outcome.NOT_INSTALLED, str(fault)
        except Exception as fault:  # noqa: BLE001 - whatever a method throws is a failed method, and the others go on
            found.outcome, found.message = Outcome.FAILED, f"{type(fault).__name__}: {fault}"
        if found.first_s and float(np.median(found.first_s)) > limit_s:
            found.outcome, found.message = Outcome.TIME_LIMIT, f"calls took longer than {limit_s:g} s"
            self._over[method.name, case.steps] = f"time limit at N = {case.n:,}"
        elif found.first_s and float(np.median(found.first_s)) > PATIENCE * limit_s:
            found.hot = np.array(found.first_s)
        return found

    def _take_turns(self, taking: Sequence[Found]) -> None:
        """Time the methods call by call in turns."""
        jobs = [(item.answer, item.arguments) for item in taking if item.answer is not None]
        if len(jobs) < 2:
            return
        each_s = sum(float(np.median(item.first_s)) for item in taking) / len(taking)
        rounds = self._calls(each_s)
        for item, timed in zip(taking, interleaved(jobs, rounds, self._overhead_s, self._random), strict=True):
            item.turns = timed.seconds

    def _calls(self, typical_s: float) -> int:
        """Return how many calls fit the budget: every instance at least once, so that all methods have the same."""
        fitting = int(min(self._settings.budget_s / max(typical_s, NANO), self._settings.calls))
        return max(fitting // INSTANCES, 1) * INSTANCES


def _row(
    found: Found, case: Case, questions: Sequence[Question], bounds: Sequence[float], exact: Found, limit_s: float
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
