"""One line of the results: a method on a case. All fields are plain, so that a row is a line of a CSV file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

SCHEMA = "autonomy-benchmark-projection/1"


class Outcome(StrEnum):
    """What became of a method on a case."""

    RAN = "ran"
    FAILED = "failed"
    TIME_LIMIT = "time limit"
    NOT_RUN = "not run"
    NOT_INSTALLED = "not installed"


NAN = math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Figures of one method on one case; NaN where there is none.

    Attributes:
        method: Its name.
        kind: `Method.kind`.
        topology: The case.
        regime: The case.
        n: The case: prosumers.
        lines: Lines of the network.
        outcome: Whether it ran, and if not, why not.
        batch: Scenarios solved in one call; latencies are per scenario.
        message: One sentence when it did not run, or what it said when it claimed no solution.
        setup_s: Time to set up for the network.
        first_s: Time of the first solve after that.
        instances: Instances of the case.
        judged: Answers that were judged.
        claimed: Of these, how many the method called solved.
        right: Of these, how many keep every limit and are the minimiser.
        lies: Of these, how many were called solved and are not right.
        violation_kw: Largest amount by which an answer that was called solved leaves a limit; of any answer when none
            was called solved. NaN when every answer is.
        gap: Relative gap to the best certified bound, likewise.
        hot_calls: Calls of the tight loop.
        hot_min_s: Fastest of them.
        hot_p50_s: Median latency.
        hot_p99_s: 99th percentile.
        interleaved_calls: Calls when methods take turns.
        interleaved_p50_s: Median latency.
        interleaved_p99_s: 99th percentile.
        charged_p50_s: Median hot latency with every call on an instance that was not answered right charged the time
            limit.
        charged_p99_s: 99th percentile, likewise.
        hot_ratio: `hot_p50_s` over that of backend "exact".
        interleaved_ratio: Median over the rounds of this method's latency over that of "exact" in the same round.
        least_bytes: What the method has to move at least.
        floor_ratio: `hot_p50_s` over the time the measured triad bandwidth needs for `least_bytes`.
    """

    method: str
    kind: str
    topology: str
    regime: str
    n: int
    lines: int
    outcome: Outcome
    batch: int = 1
    message: str = ""
    setup_s: float = NAN
    first_s: float = NAN
    instances: int = 0
    judged: int = 0
    claimed: int = 0
    right: int = 0
    lies: int = 0
    violation_kw: float = NAN
    gap: float = NAN
    hot_calls: int = 0
    hot_min_s: float = NAN
    hot_p50_s: float = NAN
    hot_p99_s: float = NAN
    interleaved_calls: int = 0
    interleaved_p50_s: float = NAN
    interleaved_p99_s: float = NAN
    charged_p50_s: float = NAN
    charged_p99_s: float = NAN
    hot_ratio: float = NAN
    interleaved_ratio: float = NAN
    least_bytes: int = 0
    floor_ratio: float = NAN
