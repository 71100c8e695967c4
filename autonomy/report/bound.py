"""What the perfect-foresight optimum of a run is worth: proved, or only within a gap."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autonomy.evidence import Optimum, RunEvidence
from autonomy.report.optimum import EXCLUSIVE_LP, gap_text
from autonomy.report.quantity import count, quantity
from autonomy.report.week import OPTIMUM

PROVED_GAP = 1e-9
"""Relative gap up to which an optimum that needed splits counts as solved to optimality."""
BINARIES = "splits or binaries"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """The status of the optimum over all windows.

    Attributes:
        proved: Whether optimality was proved in every window.
        label: A few words for the table.
        sentence: Method, proof and replay, for the note below the table.
        undercut_by: Policies whose cost is below the optimum's by more than the gap explains: a contradiction.
    """

    proved: bool
    label: str
    sentence: str
    undercut_by: tuple[str, ...]


def bound(evidence: RunEvidence) -> Bound | None:
    """Return what is known of the optimum; None when none was computed."""
    optima = evidence.optima
    if not optima or OPTIMUM not in evidence.kpis:
        return None
    linear = [optimum for optimum in optima if optimum.method == EXCLUSIVE_LP]
    others = [optimum for optimum in optima if optimum.method != EXCLUSIVE_LP]
    # A gap that is NaN proves nothing, so the comparison is written to fail on it.
    open_gaps = [_proved_gap(optimum) for optimum in others if not _proved_gap(optimum) <= PROVED_GAP]
    parts = []
    if linear:
        parts.append(
            f"in {len(linear)} of {count(len(optima), 'window')} the LP optimum never charges and discharges a battery "
            "at once, so it is the optimum (proved)"
        )
    if others:
        binaries = sum(optimum.binaries for optimum in others)
        gap = f"proved to within a gap of {_gap(open_gaps)}" if open_gaps else "optimality proved in each"
        parts.append(
            f"{count(len(others), 'window')} needed more ({count(binaries, 'split or binary', BINARIES)}), {gap}"
        )
    proved = not open_gaps
    objective, replayed = (sum(getattr(o, name) for o in optima) for name in ("objective", "replayed_cost"))
    seconds = sum(optimum.seconds for optimum in optima)
    sentence = (
        f"Perfect foresight: {'; '.join(parts)}. The dispatch found costs {quantity(objective)} {evidence.currency}; "
        f"replayed in the simulator it costs {quantity(replayed)} {evidence.currency}. Built, solved and checked "
        f"in {quantity(seconds, 1)} s."
    )
    slack = 1e-6 * max(abs(replayed), 1.0) + sum(abs(o.objective) * o.gap for o in others if o.gap > 0)
    limit = evidence.kpis[OPTIMUM].cost - slack
    undercut = tuple(policy for policy in evidence.policies if policy != OPTIMUM and evidence.kpis[policy].cost < limit)
    return Bound(
        proved=proved,
        label="perfect-foresight bound" if proved else f"perfect foresight, gap {_gap(open_gaps)}",
        sentence=sentence,
        undercut_by=undercut,
    )


def _proved_gap(optimum: Optimum) -> float:
    """Return the gap that is proved without the solver, or where nobody checked the one it claims."""
    return optimum.gap if math.isnan(optimum.proved_gap) else optimum.proved_gap


def _gap(gaps: list[float]) -> str:
    return gap_text(max(gaps)) if all(gap >= 0 for gap in gaps) else "unknown size"
