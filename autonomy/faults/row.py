"""One line of the matrix: all runs of a controller in a cell. All fields are plain, so that a row is a line of CSV."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autonomy.faults.bound import upper_bound
from autonomy.faults.result import Result

SCHEMA = "autonomy-faults/1"
EVERY = "all"
"""What stands for a word that runs of a row differ in."""
WORDS = ("controller", "channel", "kind", "severity", "phase", "scope")
NAN = math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Figures of a cell, or of several; NaN where there is none.

    Attributes:
        controller: Who decided.
        channel: Where the fault sat; "none" for runs without one, "all" when runs differ. Likewise below.
        kind: What it did.
        severity: How strongly.
        phase: When.
        scope: To whom.
        runs: Number of runs.
        effective: Of these, how many were changed by the fault at all; the figures of detection are of these alone.
        violating: Of all runs, how many broke a rule of the true physical state.
        violating_bound: Clopper-Pearson upper bound (95 %) of the probability that a run does.
        violating_found: Of all runs, how many broke one in or after the step in which the fault was found.
        twin_violating: How many broke one without the fault.
        violations: Broken rules, each counted per prosumer or line and step.
        rules: The rules and how often, as in "line 3, soc 2".
        worst_line_kw: kW by which a line was exceeded at most.
        stops: Batteries times steps that a battery management system or a rating stopped.
        no_decision: Steps in which the controller raised.
        detected: Effective runs with a doubt that the twin did not have.
        detection_rate: Share of the effective runs.
        delay_p50: Steps from onset to detection, median of the detected runs.
        delay_p95: Likewise, 95th percentile.
        not_recovered: Detected runs whose doubts were still there at the end of the window.
        recovery_p50: Steps from the fault's end to the last doubt, median of the detected runs.
        recovery_p95: Likewise, 95th percentile; a run that did not recover counts with the steps that were left.
        curtailed_added_kwh: kWh curtailed beyond the twin, mean of the runs.
        shed_added_kwh: kWh shed beyond the twin, mean of the runs.
        in_policy: Share of the steps from the onset on in mode policy.
        in_projected: Likewise projected.
        in_support: Likewise support.
        in_grid_only: Likewise grid-only.
        in_dead_stop: Likewise dead-stop.
        in_no_decision: Likewise without a decision.
        latency_max_s: s of the slowest step.
    """

    controller: str
    channel: str
    kind: str
    severity: str
    phase: str
    scope: str
    runs: int
    effective: int
    violating: int
    violating_bound: float
    violating_found: int
    twin_violating: int
    violations: int
    rules: str
    worst_line_kw: float
    stops: int
    no_decision: int
    detected: int
    detection_rate: float
    delay_p50: float
    delay_p95: float
    not_recovered: int
    recovery_p50: float
    recovery_p95: float
    curtailed_added_kwh: float
    shed_added_kwh: float
    in_policy: float
    in_projected: float
    in_support: float
    in_grid_only: float
    in_dead_stop: float
    in_no_decision: float
    latency_max_s: float

    @property
    def in_fallback(self) -> float:
        """Share of the steps from the onset on in a fallback."""
        return self.in_support + self.in_grid_only + self.in_dead_stop


def row_of(results: Sequence[Result]) -> Row:
    """Return the row of at least one run; a word in which they differ becomes "all"."""
    words = {}
    for name in WORDS:
        found = {getattr(result, name) for result in results}
        words[name] = found.pop() if len(found) == 1 else EVERY
    rules: Counter[str] = Counter()
    for result in results:
        rules.update(dict(result.rules))
    effective = [result for result in results if result.effective]
    detected = [result for result in effective if result.delay is not None]
    violating = sum(result.violations > 0 for result in results)
    modes = np.mean([result.modes for result in results], axis=0)
    delays = [float(result.delay) for result in detected if result.delay is not None]
    recoveries = [float(result.recovery) for result in detected]
    return Row(
        **words,
        runs=len(results),
        effective=len(effective),
        violating=violating,
        violating_bound=upper_bound(violating, len(results)),
        violating_found=sum(result.violations_found > 0 for result in results),
        twin_violating=sum(result.twin_violations > 0 for result in results),
        violations=sum(result.violations for result in results),
        rules=", ".join(f"{rule} {count}" for rule, count in sorted(rules.items())),
        worst_line_kw=max(result.worst_line_kw for result in results),
        stops=sum(result.stops for result in results),
        no_decision=sum(result.no_decision for result in results),
        detected=len(detected),
        detection_rate=len(detected) / len(effective) if effective else NAN,
        delay_p50=_percentile(delays, 50),
        delay_p95=_percentile(delays, 95),
        not_recovered=sum(not result.recovered for result in detected),
        recovery_p50=_percentile(recoveries, 50),
        recovery_p95=_percentile(recoveries, 95),
        curtailed_added_kwh=float(np.mean([result.curtailed_added_kwh for result in results])),
        shed_added_kwh=float(np.mean([result.shed_added_kwh for result in results])),
        in_policy=float(modes[0]),
        in_projected=float(modes[1]),
        in_support=float(modes[2]),
        in_grid_only=float(modes[3]),
        in_dead_stop=float(modes[4]),
        in_no_decision=float(modes[5]),
        latency_max_s=max(result.latency_s for result in results),
    )


def rows_by(results: Sequence[Result], *names: str) -> list[Row]:
    """Return one row for every combination of the words named, in the order in which they first come."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        groups.setdefault(tuple(getattr(result, name) for name in names), []).append(result)
    return [row_of(group) for group in groups.values()]


def _percentile(values: Sequence[float], share: float) -> float:
    """Return an observed value: the smallest below or at which `share` per cent of the values lie."""
    return float(np.percentile(values, share, method="inverted_cdf")) if values else NAN
