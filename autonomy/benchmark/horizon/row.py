"""One line of the results: a method on a case. All fields are plain, so that a row is a line of a CSV file."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autonomy.benchmark.row import Outcome

SCHEMA = "autonomy-benchmark-horizon/1"
NAN = math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class HorizonRow:
    """Figures of one method on one case; NaN where there is none.

    Attributes:
        method: Its name.
        community: Where the days come from: "demo" or "random".
        n: Prosumers.
        stores: Batteries.
        steps: H, steps of the horizon.
        outcome: Whether it ran, and if not, why not.
        message: One sentence when it did not run, or what it said when it claimed no solution.
        setup_s: Time to set up for the structure.
        instances: Instances of the case.
        judged: Answers that were judged.
        claimed: Of these, how many the method called solved.
        right: Of these, how many are feasible, minimal, and serve what they say when carried out.
        violation: Largest amount by which an answer leaves a bound or a row.
        gap: Largest relative gap to the best certified bound.
        both_answers: Answers in which a battery charges and discharges at once.
        both_pairs: Pairs of a step and a battery that do, over all answers.
        pairs: All pairs.
        carried_kw: Largest need that an answer does not meet when it is carried out as one number a battery.
        hot_calls: Calls of the tight loop.
        hot_p50_s: Median latency.
        hot_p99_s: 99th percentile.
        turns: Calls when methods take turns.
        turns_p50_s: Median latency.
        charged_p50_s: Median of the tight loop, calls on instances that were not answered right charged the time limit.
        hot_ratio: `hot_p50_s` over that of "structured".
        turns_ratio: Median over the rounds of the latency over that of "structured" in the same round.
    """

    method: str
    community: str
    n: int
    stores: int
    steps: int
    outcome: Outcome
    message: str = ""
    setup_s: float = NAN
    instances: int = 0
    judged: int = 0
    claimed: int = 0
    right: int = 0
    violation: float = NAN
    gap: float = NAN
    both_answers: int = 0
    both_pairs: int = 0
    pairs: int = 0
    carried_kw: float = NAN
    hot_calls: int = 0
    hot_p50_s: float = NAN
    hot_p99_s: float = NAN
    turns: int = 0
    turns_p50_s: float = NAN
    charged_p50_s: float = NAN
    hot_ratio: float = NAN
    turns_ratio: float = NAN
