"""The week that the figures show: the one in which the feeder limit binds most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.evidence import RunEvidence
from autonomy.layers.arrays import Vector
from autonomy.report.quantity import count, percent, quantity
from autonomy.trajectory import Trajectory

BASELINE = "grid-only"
OPTIMUM = "optimum"
AT_LIMIT = 0.999
"""Share of the limit from which a step counts as at the limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Week:
    """A stretch of at most seven days inside one window.

    Attributes:
        window: Index of the window.
        label: Its label.
        start: First step within the window.
        stop: Step after the last.
        reason: Why this stretch was chosen, one sentence.
    """

    window: int
    label: str
    start: int
    stop: int
    reason: str

    @property
    def span(self) -> slice:
        """The steps as a slice."""
        return slice(self.start, self.stop)


def loading(run: Trajectory) -> Vector:
    """Return (T,) |flow| / limit of the feeder, import and export each against its own; 0 without a limit."""
    importing, exporting = np.maximum(-run.feeder_kw, 0.0), np.maximum(run.feeder_kw, 0.0)
    return np.maximum(_ratio(importing, run.import_limit_kw), _ratio(exporting, run.export_limit_kw))


def _ratio(flow_kw: Vector, limit_kw: float) -> Vector:
    # A limit of 0 leaves room for rounding only.
    ratio: Vector = flow_kw / max(limit_kw, 1e-6)
    return ratio


def binding_week(evidence: RunEvidence) -> Week | None:
    """Return the week with the largest |flow| / limit under grid-only (or the first policy); None without a step.

    Grid-only itself keeps the limit by cutting, so several weeks can reach it exactly. Ties are broken by the number
    of steps at the limit, then by the energy that had to be cut, then by time.
    """
    policy = BASELINE if BASELINE in evidence.policies else evidence.policies[0] if evidence.policies else ""
    best: tuple[tuple[float, int, float], Week] | None = None
    for index, (label, _, _) in enumerate(evidence.windows):
        run = evidence.trajectories[policy][index] if policy else None
        if run is None or not run.time.size:
            continue
        for start, stop in _stretches(run):
            key = _key(run, slice(start, stop))
            if best is None or key > best[0]:
                reason = _reason(evidence, policy, run, slice(start, stop))
                best = key, Week(window=index, label=label, start=start, stop=stop, reason=reason)
    return best[1] if best else None


def _stretches(run: Trajectory) -> list[tuple[int, int]]:
    size = max(round(7 * 24 / run.timestep_h), 1)
    starts = range(0, max(run.time.size - size, 0) + 1, size)
    return [(start, min(start + size, run.time.size)) for start in starts]


def _key(run: Trajectory, span: slice) -> tuple[float, int, float]:
    load = loading(run)[span]
    cut = float(run.curtail_kw[span].sum() + run.shed_kw[span].sum())
    # Where there is no limit at all, the largest flow decides.
    peak = float(load.max()) or float(np.abs(run.feeder_kw[span]).max()) * 1e-12
    return round(peak, 6) or peak, int(np.count_nonzero(load >= AT_LIMIT)), cut


def _reason(evidence: RunEvidence, policy: str, run: Trajectory, span: slice) -> str:
    load, flow = loading(run)[span], run.feeder_kw[span]
    among = count(len(evidence.windows), "window")
    if not load.max() > 0:
        peak = quantity(float(np.abs(flow).max()), 1)
        return f"the largest flow under {policy} of {among}, {peak} kW (the feeder has no limit)"
    at_limit = int(np.count_nonzero(load >= AT_LIMIT))
    return (
        f"the feeder limit binds most of {among}: under {policy} the flow reaches {percent(float(load.max()))} of it "
        f"and stays at the limit in {at_limit} of {count(load.size, 'step')}"
    )
