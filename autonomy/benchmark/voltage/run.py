"""`autonomy benchmark voltage`: every method on every case, each on the same instances, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autonomy.benchmark.clock import NANO, hot, interleaved, timed_call
from autonomy.benchmark.figures import charged_s, paired, quantile, worst
from autonomy.benchmark.lower_bound import best_bounds, relative_gap
from autonomy.benchmark.measurement import FEWEST
from autonomy.benchmark.method import Answer
from autonomy.benchmark.row import Outcome
from autonomy.benchmark.silence import silenced
from autonomy.benchmark.voltage.feeders import Case, Drawn, draw
from autonomy.benchmark.voltage.methods import TREE, VoltageMethod, specialised
from autonomy.benchmark.voltage.row import VoltageRow
from autonomy.benchmark.voltage.verdict import Judged, is_right, judge
from autonomy.solvers.allocation import Vector

PATIENCE = 0.25
"""Share of the time limit up to which a method takes part in the loops; a slower one is timed on its first answers."""
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


@dataclass(kw_only=True, slots=True)
class Found:
    """What is known so far of one method on one case."""

    method: VoltageMethod
    outcome: Outcome = Outcome.RAN
    message: str = ""
    answer: Answer | None = None
    arguments: list[Any] = field(default_factory=list)
    setup_s: float = np.nan
    first_s: list[float] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    hot: Vector | None = None
    turns: Vector | None = None


class VoltageRun:
    """Measures case after case; a method that was over the time limit is not run on larger cases.

    Args:
        methods: What is compared.
        settings: What to run.
        overhead_s: Time of reading the clock, which is subtracted.
    """

    def __init__(self, methods: Sequence[VoltageMethod], settings: Settings, overhead_s: float) -> None:
        self._methods, self._settings, self._overhead_s = methods, settings, overhead_s
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
        taking = [item for item in found if item.hot is None and item.outcome is Outcome.RAN]
        for item in taking:
            if item.answer is not None:
                calls = self._calls(float(np.median(item.first_s)), len(drawn.problems))
                item.hot = hot(item.answer, item.arguments, calls, self._overhead_s).seconds
        self._take_turns(taking, len(drawn.problems))
        bounds = best_bounds([judged for item in found for judged in item.judged], len(drawn.problems))
        ours = next((item for item in found if item.method.name == TREE), found[0])
        return tuple(_row(item, case, drawn, bounds, ours, self._settings.time_limit_s) for item in found)

    def _one(self, method: VoltageMethod, case: Case, drawn: Drawn) -> Found:
        """Set a method up and judge its answer to each instance."""
        found, limit_s = Found(method=method), self._settings.time_limit_s
        n, seconds = self._last.get(method.name, (case.n, 0.0))
        if method.name not in self._over and seconds * (case.n / n) ** GROWTH > 10 * limit_s:
            self._over[method.name] = f"{seconds:.1e} s at N = {n:,} promise too many at N = {case.n:,}"
        if method.name in self._over:
            found.outcome, found.message = Outcome.NOT_RUN, self._over[method.name]
            return found
        try:
            with silenced():
                self._answer_each(found, drawn)
        except ImportError as fault:
            found.outcome, found.message = Outcome.NOT_INSTALLED, str(fault)
        except Exception as fault:  # noqa: BLE001 - whatever a method throws is a failed method, and the others go on
            found.outcome, found.message = Outcome.FAILED, f"{type(fault).__name__}: {fault}"
        if found.first_s:
            typical = float(np.median(found.first_s))
            self._last[method.name] = (case.n, typical)
            if typical > limit_s:
                found.outcome, found.message = Outcome.TIME_LIMIT, f"calls took longer than {limit_s:g} s"
                self._over[method.name] = f"time limit at N = {case.n:,}"
            elif typical > PATIENCE * limit_s:
                found.hot = np.array(found.first_s)
        return found

    def _answer_each(self, found: Found, drawn: Drawn) -> None:
        found.arguments = found.method.arguments(drawn.problems)
        started = time.perf_counter_ns()
        found.answer = found.method.setup(drawn.problems[0])
        found.setup_s = (time.perf_counter_ns() - started) * NANO
        timed_call(found.answer, found.arguments[0])  # what is set up at the first call belongs to no instance
        for k, (problem, argument) in enumerate(zip(drawn.problems, found.arguments, strict=True)):
            seconds, returned = timed_call(found.answer, argument)
            found.first_s.append(seconds)
            found.judged.append(judge(k, problem, found.method.read(problem, returned)))
            if len(found.first_s) >= FEWEST and float(np.median(found.first_s)) > self._settings.time_limit_s:
                break

    def _take_turns(self, taking: Sequence[Found], instances: int) -> None:
        """Time the methods call by call in turns."""
        jobs = [(item.answer, item.arguments) for item in taking if item.answer is not None]
        if len(jobs) < 2:
            return
        each_s = sum(float(np.median(item.first_s)) for item in taking) / len(taking)
        rounds = self._calls(each_s, instances)
        for item, timed in zip(taking, interleaved(jobs, rounds, self._overhead_s, self._random), strict=True):
            item.turns = timed.seconds

    def _calls(self, typical_s: float, instances: int) -> int:
        """Return how many calls fit the budget: every instance at least once, so that all methods have the same."""
        fitting = int(min(self._settings.budget_s / max(typical_s, NANO), self._settings.calls))
        return max(fitting // instances, 1) * instances


def instances_at(n: int) -> int:
    """Return how many instances of a case are drawn: fewer where they are large."""
    return 8 if n <= 1_000 else 4


def _row(found: Found, case: Case, drawn: Drawn, bounds: Sequence[float], ours: Found, limit_s: float) -> VoltageRow:
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
