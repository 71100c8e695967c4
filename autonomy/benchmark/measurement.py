"""One method on one case, from setup to the tight loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autonomy.benchmark.clock import NANO, Timed, hot, timed_call
from autonomy.benchmark.method import Answer, Method
from autonomy.benchmark.row import Outcome
from autonomy.benchmark.trial import PATIENCE
from autonomy.benchmark.verdict import Judged, judge
from autonomy.solvers.allocation import Allocation, Vector

FEWEST = 3
"""Calls of a tight loop, and answers that are judged, at least, however slow the method."""
ANSWERING = 4.0
"""Budgets after which no further answers are judged."""
QUICK_S = 1e-3
"""Seconds below which the duration of a call is estimated anew before the tight loop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        calls: Most calls of one loop.
        budget_s: Seconds one loop of one method may take, unless `FEWEST` calls take longer.
        time_limit_s: Seconds one call may take; a method that takes longer is over the time limit.
        clock_overhead_s: Seconds to subtract from each reading.
    """

    calls: int
    budget_s: float
    time_limit_s: float
    clock_overhead_s: float


@dataclass(kw_only=True, slots=True)
class Measurement:
    """What is known so far of one method on one case; NaN, None and empty where it did not get that far.

    Attributes:
        method: The method.
        outcome: Whether it ran.
        message: Why not.
        answer: The call, set up.
        arguments: What loops call it with: one an instance that it answered within the time limit.
        places: Which instance each of these is.
        late: Instances whose answer took longer than the time limit.
        setup_s: Time of the setup, s.
        first_s: Time of the first call, s.
        hot: Times of the tight loop; call k was on `arguments[k % len(arguments)]`.
        interleaved: Times when methods take turns, or None when it was too slow to take part.
        judged: Answers, judged.
    """

    method: Method
    outcome: Outcome = Outcome.RAN
    message: str = ""
    answer: Answer | None = None
    arguments: list[Any] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    setup_s: float = np.nan
    first_s: float = np.nan
    hot: Vector | None = None
    interleaved: Vector | None = None
    judged: list[Judged] = field(default_factory=list)

    @property
    def typical_s(self) -> float:
        """Seconds of a call, or more where setup and first call take very long."""
        usual = float(np.median(self.hot)) if self.hot is not None else 0.0
        return float(np.nanmax([usual, self.setup_s / PATIENCE, self.first_s / PATIENCE]))

    @property
    def ran(self) -> bool:
        """Whether there are timings."""
        return self.outcome is Outcome.RAN and self.hot is not None


def measure(method: Method, problems: Sequence[Allocation], effort: Effort) -> Measurement:
    """Set a method up, let it answer the instances once (judged, with its own times), then time the tight loop."""
    found = Measurement(method=method)
    try:
        typical = _answer_each(found, problems, effort)
        if found.outcome is Outcome.RAN and found.answer is not None and found.hot is None:
            if typical < QUICK_S:  # then what was measured once is mostly cold caches
                typical = float(np.median([timed_call(found.answer, argument)[0] for argument in found.arguments]))
            timed = hot(found.answer, found.arguments, calls_within(effort, typical), effort.clock_overhead_s)
            found.hot = timed.seconds
            _judge_last(found, problems, timed)
    except ImportError as fault:
        found.outcome, found.message = Outcome.NOT_INSTALLED, str(fault)
    except Exception as fault:  # noqa: BLE001 - whatever a method throws is a failed method, and the others go on
        found.outcome, found.message = Outcome.FAILED, f"{type(fault).__name__}: {fault}"
    return found


def calls_within(effort: Effort, typical_s: float) -> int:
    """Return how many calls of a typical duration fit the budget, between `FEWEST` and the most."""
    return int(np.clip(effort.budget_s / max(typical_s, NANO), FEWEST, max(effort.calls, FEWEST)))


def _answer_each(found: Measurement, problems: Sequence[Allocation], effort: Effort) -> float:
    """Judge one answer an instance, fewer when they take long; return the median time of a call, s."""
    arguments, times = found.method.arguments(problems), list[float]()
    start = time.perf_counter_ns()
    found.answer = found.method.setup(problems[0])
    found.setup_s = (time.perf_counter_ns() - start) * NANO
    for k, (problem, argument) in enumerate(zip(problems, arguments, strict=True)):
        seconds, returned = timed_call(found.answer, argument)
        found.judged.append(judge(k, problem, found.method.read(problem, returned)))
        if k == 0:
            found.first_s = seconds
        # Compiling a model and finding an ordering belong to the first call.
        if seconds > effort.time_limit_s * (PATIENCE if k == 0 else 1.0):
            found.late.append(k)
        else:
            found.arguments.append(argument)
            found.places.append(k)
        times.append(seconds)
        if len(times) >= FEWEST and sum(times) > ANSWERING * effort.budget_s:
            break
    if 2 * len(found.late) >= len(times):
        found.outcome = Outcome.TIME_LIMIT
        found.message = f"{len(found.late)} of {len(times)} calls took longer than {effort.time_limit_s:g} s"
    if FEWEST * float(np.median(times)) > effort.budget_s and len(found.places) >= FEWEST:
        found.hot = np.array([times[k] for k in found.places])  # so slow that this was the loop
    return float(np.median(times))


def _judge_last(found: Measurement, problems: Sequence[Allocation], timed: Timed) -> None:
    """Judge what the last of many calls returned as well: buffers and warm starts have been used often by then."""
    k = found.places[(timed.seconds.size - 1) % len(found.places)]
    found.judged.append(judge(k, problems[k], found.method.read(problems[k], timed.last)))
