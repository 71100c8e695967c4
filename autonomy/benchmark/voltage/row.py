"""One line of the results: a method on a case. All fields are plain, so that a row is a line of a CSV file."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autonomy.benchmark.row import Outcome

SCHEMA = "autonomy-benchmark-voltage/1"
NAN = math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class VoltageRow:
    """Figures of one method on one case; NaN where there is none.

    Attributes:
        method: Its name.
        n: Buses.
        outcome: Whether it ran, and if not, why not.
        message: One sentence when it did not run, or what it said when it claimed no solution.
        instances: Instances of the case.
        draws: Instances that were drawn to have these, in which a voltage binds.
        bound: Buses whose voltage binds, mean over the instances.
        lines: Lines that bind, mean over the instances.
        setup_s: Time to set up for the feeder.
        judged: Answers that were judged.
        claimed: Of these, how many the method called solved.
        right: Of these, how many keep every limit and are the minimiser.
        violation_kw: Largest amount by which an answer leaves a limit in kW.
        excess_pu: Largest amount by which an answer leaves a limit on a squared voltage.
        gap: Largest relative gap to the best certified bound.
        hot_calls: Calls of the tight loop.
        hot_p50_s: Median latency.
        hot_p99_s: 99th percentile.
        turns: Calls when methods take turns.
        turns_p50_s: Median latency.
        charged_p50_s: Median of the tight loop, calls on instances that were not answered right charged the time limit.
        hot_ratio: Median of the tight loop over that of "tree", both on the instances that were answered right.
        turns_ratio: Median over the rounds of the latency over that of "tree" in the same round, likewise.
    """

    method: str
    n: int
    outcome: Outcome
    message: str = ""
    instances: int = 0
    draws: int = 0
    bound: float = NAN
    lines: float = NAN
    setup_s: float = NAN
    judged: int = 0
    claimed: int = 0
    right: int = 0
    violation_kw: float = NAN
    excess_pu: float = NAN
    gap: float = NAN
    hot_calls: int = 0
    hot_p50_s: float = NAN
    hot_p99_s: float = NAN
    turns: int = 0
    turns_p50_s: float = NAN
    charged_p50_s: float = NAN
    hot_ratio: float = NAN
    turns_ratio: float = NAN
