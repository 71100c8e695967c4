"""What came of one run, flat and plain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One run of one controller under one fault, beside its fault-free twin from the same start.

    Attributes:
        controller: Who decided.
        channel: Where the fault sat; "none" for a run without one.
        kind: What it did; "none" likewise.
        severity: How strongly; "none" likewise.
        phase: When.
        scope: To whom.
        run: Number of the run.
        effective: Whether the fault changed anything at all.
        violations: Broken rules of the true physical state, each counted per prosumer or line and step.
        violations_found: Of these, those in or after the step of the first doubt that the twin did not have.
        rules: (rule, how often), by name.
        worst_line_kw: kW by which a line was exceeded at most.
        twin_violations: The same without the fault.
        stops: Batteries times steps that a battery management system or a rating stopped.
        no_decision: Steps in which the controller raised.
        delay: Steps from onset to the first doubt that the twin did not have; None if there was none.
        recovered: Whether the doubts were gone by the end of the window.
        recovery: Steps from the fault's end to the last such doubt; 0 when there was none after it.
        curtailed_added_kwh: kWh curtailed beyond the twin, from the onset on.
        shed_added_kwh: kWh shed beyond the twin.
        modes: Share of the steps from the onset on in each of `autonomy.faults.trial.MODES`.
        latency_s: s of the slowest step of the controller.
    """

    controller: str
    channel: str
    kind: str
    severity: str
    phase: str
    scope: str
    run: int
    effective: bool
    violations: int
    violations_found: int
    rules: tuple[tuple[str, int], ...]
    worst_line_kw: float
    twin_violations: int
    stops: int
    no_decision: int
    delay: int | None
    recovered: bool
    recovery: int
    curtailed_added_kwh: float
    shed_added_kwh: float
    modes: tuple[float, ...]
    latency_s: float
