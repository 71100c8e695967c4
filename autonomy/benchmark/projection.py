"""`autonomy benchmark projection`: every method on every topology, regime and size, in one run."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autonomy.benchmark.clock import interleaved
from autonomy.benchmark.instances import Case, NoInstanceError, UncertifiedError, draw
from autonomy.benchmark.lower_bound import best_bounds
from autonomy.benchmark.machine import Machine
from autonomy.benchmark.measurement import FEWEST, Effort, Measurement, calls_within, measure
from autonomy.benchmark.method import Method
from autonomy.benchmark.methods import EXACT
from autonomy.benchmark.row import Outcome, Row
from autonomy.benchmark.silence import silenced
from autonomy.benchmark.tally import Tally
from autonomy.benchmark.trial import trial
from autonomy.benchmark.verdict import judge
from autonomy.solvers.allocation import Allocation, Setup

SIZES = (4, 24, 100, 1_000, 10_000, 100_000, 1_000_000)
GROWTH = 3
"""A method is first tried in a child process where its time could pass the limit if it grew with this power of N."""
TRIAL_FROM = 1_000
"""Prosumers from which a method may be tried in a child process first; below, nothing is large."""
HOPELESS_S = 1e-2
"""Seconds of a call from which a method without a single right answer is not run at larger sizes."""
WARM_UP = 3
"""Prosumers of the instance with which libraries are loaded and machine code is compiled before anything is timed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What to run.

    Attributes:
        sizes: Numbers of prosumers, ascending.
        regimes: Among `REGIMES`.
        topologies: Keys of `TOPOLOGIES`.
        seed: For the instances and the order of turns.
        calls: Most calls of one loop.
        budget_s: Seconds one loop of one method on one case may take.
        time_limit_s: Seconds one call may take.
    """

    sizes: tuple[int, ...]
    regimes: tuple[str, ...]
    topologies: tuple[str, ...]
    seed: int
    calls: int
    budget_s: float
    time_limit_s: float

    def cases(self) -> Iterator[Case]:
        """Yield the cases, sizes ascending within each topology and regime."""
        for topology in self.topologies:
            for regime in self.regimes:
                for n in self.sizes:
                    yield Case(topology=topology, regime=regime, n=n, seed=self.seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """What came out.

    Attributes:
        command: The command line that was given.
        date: When it was started, ISO.
        version: Version of this package.
        machine: What it was run on.
        settings: What was asked for.
        rows: One a method and case, in the order in which they were measured.
    """

    command: str
    date: str
    version: str
    machine: Machine
    settings: Settings
    rows: tuple[Row, ...]

    @property
    def unsafe(self) -> tuple[Row, ...]:
        """Rows in which our own exact backend broke a limit, missed the minimum, claimed wrongly or had no answer."""
        exact = (row for row in self.rows if row.method == EXACT or row.kind == "batch")
        return tuple(row for row in exact if row.right < row.judged or row.outcome is Outcome.FAILED)


class Run:
    """Measures case after case and remembers which method has been over the time limit, and where.

    Args:
        methods: What is compared.
        settings: What to run.
        reference: The solver on whose certified answer the regime of every instance is verified.
        machine: What it is run on.
    """

    def __init__(self, methods: Sequence[Method], settings: Settings, reference: Setup, machine: Machine) -> None:
        self._methods, self._settings, self._reference, self._machine = methods, settings, reference, machine
        self._effort = Effort(
            calls=settings.calls,
            budget_s=settings.budget_s,
            time_limit_s=settings.time_limit_s,
            clock_overhead_s=machine.clock_overhead_s,
        )
        self._random = np.random.default_rng(settings.seed)
        self._last: dict[tuple[str, str, str], tuple[int, float]] = {}
        self._over: dict[tuple[str, str, str], str] = {}
        self._absent: dict[str, str] = {}

    def warm_up(self) -> None:
        """Load every library and compile all machine code, so that no setup time has it."""
        effort = replace(self._effort, calls=1, budget_s=0.0)
        for topology in self._settings.topologies:
            try:
                problems = self._draw(Case(topology=topology, regime=self._settings.regimes[0], n=WARM_UP, seed=0), 1)
            except NoInstanceError:  # the reference has no answer; each case will say so
                continue
            for method in self._methods:
                with silenced():
                    found = measure(method, problems, effort)
                if found.outcome is Outcome.NOT_INSTALLED:
                    self._absent[method.name] = found.message

    def measure(self, case: Case, progress: Callable[[str], None]) -> tuple[Row, ...]:
        """Return the rows of one case; `progress` is called with the name of each method before it is measured."""
        try:
            problems = self._draw(case, instances_at(case.n))
        except NoInstanceError as fault:
            return self._undrawn(case, fault)
        gc.collect()  # timing loops keep the collector off
        found = []
        for method in self._methods:
            progress(method.name)
            found.append(self._one(method, case, problems))
        self._take_turns(found)
        bounds = self._bounds(problems, found)
        tally = Tally(case, problems, found, bounds, self._settings.time_limit_s, self._machine.triad_bytes_per_s)
        rows = tuple(tally.row(measurement) for measurement in found)
        for row in rows:
            if row.judged and not row.right and row.kind != "floor" and row.hot_p50_s > HOPELESS_S:
                self._over[row.method, case.topology, case.regime] = f"no right answer at N = {case.n:,}"
        return rows

    def _undrawn(self, case: Case, fault: NoInstanceError) -> tuple[Row, ...]:
        """Return the rows of a case without instances; a reference without an answer is the exact backend's failure."""
        outcomes = {EXACT: Outcome.FAILED} if isinstance(fault, UncertifiedError) else {}
        return tuple(
            Row(
                method=method.name,
                kind=method.kind,
                topology=case.topology,
                regime=case.regime,
                n=case.n,
                lines=0,
                outcome=outcomes.get(method.name, Outcome.NOT_RUN),
                message=str(fault),
            )
            for method in self._methods
        )

    def _draw(self, case: Case, count: int) -> tuple[Allocation, ...]:
        return draw(case, count, self._reference)

    def _one(self, method: Method, case: Case, problems: Sequence[Allocation]) -> Measurement:
        if method.name in self._absent:
            message = self._absent[method.name]
            return Measurement(method=method, outcome=Outcome.NOT_INSTALLED, message=message)
        key, limit_s = (method.name, case.topology, case.regime), self._settings.time_limit_s
        if key in self._over:
            return Measurement(method=method, outcome=Outcome.NOT_RUN, message=self._over[key])
        n, seconds = self._last.get(key, (0, 0.0))
        risky = seconds * (case.n / n) ** GROWTH > limit_s if n else True
        if risky and case.n >= TRIAL_FROM and method.kind != "floor":
            small = self._draw(Case(topology=case.topology, regime=case.regime, n=WARM_UP, seed=0), 1)[0]
            tried = trial(method, small, problems[0], limit_s)
            if tried.outcome != "ran":
                self._over[key] = f"{tried.outcome} at N = {case.n:,}"
                return Measurement(method=method, outcome=Outcome(tried.outcome), message=tried.message)
        found = measure(method, problems, self._effort)
        self._last[key] = (case.n, found.typical_s)
        if found.outcome is not Outcome.RAN:
            self._over[key] = f"{found.outcome} at N = {case.n:,}"
        return found

    def _take_turns(self, found: Sequence[Measurement]) -> None:
        """Time the methods call by call in turns; one that would use up the budget in a single call does not take part.

        Its latency is so long that what the caches hold at its start makes no difference.
        """
        taking = [m for m in found if m.ran and m.hot is not None and np.median(m.hot) <= self._effort.budget_s]
        jobs = [(m.answer, m.arguments) for m in taking if m.answer is not None]
        if len(taking) < 2 or len(jobs) < len(taking):
            return
        a_round_s = float(sum(np.median(m.hot) for m in taking if m.hot is not None))
        rounds = max(calls_within(self._effort, a_round_s / len(taking)), FEWEST)
        timed = interleaved(jobs, rounds, self._effort.clock_overhead_s, self._random)
        for measurement, (seconds, _) in zip(taking, timed, strict=True):
            measurement.interleaved = seconds

    def _bounds(self, problems: Sequence[Allocation], found: Sequence[Measurement]) -> list[float]:
        """Return the best certified lower bound on each instance's optimum, the reference's among them."""
        solver = self._reference(problems[0].hierarchy)
        own = [judge(k, problem, solver.solve(problem)) for k, problem in enumerate(problems)]
        return best_bounds([*own, *(item for m in found for item in m.judged)], len(problems))


def instances_at(n: int) -> int:
    """Return how many instances of a case are drawn: fewer where they are large."""
    return 8 if n <= 1_000 else 4 if n <= 100_000 else 2
