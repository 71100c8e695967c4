"""Methods on the instances of one case: first answers judged one by one, then tight loops, then calls in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from autonomy.benchmark.clock import NANO, hot, interleaved, timed_call
from autonomy.benchmark.measurement import FEWEST, Effort
from autonomy.benchmark.method import Answer
from autonomy.benchmark.row import Outcome
from autonomy.benchmark.silence import silenced
from autonomy.solvers.allocation import Vector

PATIENCE = 0.25
"""Share of the time limit up to which a method takes part in the loops; a slower one is timed on its first answers."""


class Answering(Protocol):
    """A method of any benchmark; see `autonomy.benchmark.method.Method`."""

    def arguments(self, problems: Any, /) -> list[Any]:
        """Return what the timed call gets, one an instance."""
        ...

    def setup(self, problem: Any, /) -> Answer:
        """Return the method set up."""
        ...

    def read(self, problem: Any, answer: Any, /) -> Any:
        """Return an answer in the terms of the instance."""
        ...


MethodT = TypeVar("MethodT", bound=Answering)
JudgedT = TypeVar("JudgedT")


@dataclass(kw_only=True, slots=True)
class Found(Generic[MethodT, JudgedT]):
    """What is known so far of one method on one case; NaN, None and empty where it did not get that far.

    Attributes:
        method: The method.
        outcome: Whether it ran.
        message: Why not.
        answer: The call, set up.
        arguments: What loops call it with: one an instance.
        setup_s: Time of the setup, s.
        first_s: Time of the first answer to each instance, s.
        judged: These answers, judged.
        hot: Times of the tight loop, s.
        turns: Times when methods take turns, s; None when it was too slow to take part.
    """

    method: MethodT
    outcome: Outcome = Outcome.RAN
    message: str = ""
    answer: Answer | None = None
    arguments: list[Any] = field(default_factory=list)
    setup_s: float = np.nan
    first_s: list[float] = field(default_factory=list)
    judged: list[JudgedT] = field(default_factory=list)
    hot: Vector | None = None
    turns: Vector | None = None

    @property
    def typical_s(self) -> float:
        """Seconds of a first answer, the median; NaN for none."""
        return float(np.median(self.first_s)) if self.first_s else np.nan

    def answer_each(
        self, problems: Sequence[Any], judge: Callable[[int, Any, Any], JudgedT], *, limit_s: float, is_warmed: bool
    ) -> None:
        """Set the method up and judge its answer to each instance; whatever it throws is its outcome.

        Args:
            problems: The instances.
            judge: Judges the answer to an instance, from its number, the instance and what the method reads.
            limit_s: Seconds a call may take; where most take longer, the method is over the time limit.
            is_warmed: Whether a first call comes before the clock, for what is set up then belongs to no instance.
        """
        try:
            with silenced():
                self.arguments = self.method.arguments(problems)
                started = time.perf_counter_ns()
                self.answer = self.method.setup(problems[0])
                self.setup_s = (time.perf_counter_ns() - started) * NANO
                if is_warmed:
                    timed_call(self.answer, self.arguments[0])
                for k, (problem, argument) in enumerate(zip(problems, self.arguments, strict=True)):
                    seconds, returned = timed_call(self.answer, argument)
                    self.first_s.append(seconds)
                    self.judged.append(judge(k, problem, self.method.read(problem, returned)))
                    if len(self.first_s) >= FEWEST and self.typical_s > limit_s:
                        break
        except ImportError as fault:
            self.outcome, self.message = Outcome.NOT_INSTALLED, str(fault)
        except Exception as fault:  # noqa: BLE001 - whatever a method throws is a failed method, and the others go on
            self.outcome, self.message = Outcome.FAILED, f"{type(fault).__name__}: {fault}"
        if self.typical_s > limit_s:
            self.outcome, self.message = Outcome.TIME_LIMIT, f"calls took longer than {limit_s:g} s"
        elif self.typical_s > PATIENCE * limit_s:
            self.hot = np.array(self.first_s)


def time_loops(found: Sequence[Found[Any, Any]], instances: int, effort: Effort, random: np.random.Generator) -> None:
    """Time the methods that ran and are quick enough: each in a tight loop, then all call by call in turns."""
    taking = [item for item in found if item.hot is None and item.outcome is Outcome.RAN]
    for item in taking:
        if item.answer is not None:
            calls = _calls(effort, item.typical_s, instances)
            item.hot = hot(item.answer, item.arguments, calls, effort.clock_overhead_s).seconds
    jobs = [(item.answer, item.arguments) for item in taking if item.answer is not None]
    if len(jobs) < 2:
        return
    rounds = _calls(effort, sum(item.typical_s for item in taking) / len(taking), instances)
    for item, timed in zip(taking, interleaved(jobs, rounds, effort.clock_overhead_s, random), strict=True):
        item.turns = timed.seconds


def _calls(effort: Effort, typical_s: float, instances: int) -> int:
    """Return how many calls fit the budget: every instance at least once, so that all methods have the same."""
    fitting = int(min(effort.budget_s / max(typical_s, NANO), effort.calls))
    return max(fitting // instances, 1) * instances
