"""What the perfect-foresight optimum of a run is worth: proved, or only within a gap."""

from __future__ import annotations

from dataclasses import dataclass

from autonomy.evidence import RunEvidence
from autonomy.report.quantity import count, percent, quantity
from autonomy.report.week import OPTIMUM

EXCLUSIVE_LP = "LP (exclusive)"
PROVED_GAP = 1e-9
"""Relative gap up to which a MILP counts as solved to optimality."""


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
    lps = [optimum for optimum in optima if optimum.method == EXCLUSIVE_LP]
    milps = [optimum for optimum in optima if optimum.method != EXCLUSIVE_LP]
    # A gap that is NaN proves nothing, so the comparison is written to fail on it.
    open_gaps = [optimum.gap for optimum in milps if not optimum.gap <= PROVED_GAP]
    parts = []
    if lps:
        parts.append(
            f"in {len(lps)} of {count(len(optima), 'window')} the LP optimum never charges and discharges a battery at "
            "once, so it is the optimum (proved)"
        )
    if milps:
        binaries = sum(optimum.binaries for optimum in milps)
        gap = "optimality proved in each"
        if open_gaps:
            gap = f"proved to within a gap of {_gap(open_gaps)}"
        parts.append(f"{count(len(milps), 'window')} needed a MILP ({count(binaries, 'binary', 'binaries')}), {gap}")
    proved = not open_gaps
    objective, replayed = (sum(getattr(o, name) for o in optima) for name in ("objective", "replayed_cost"))
    seconds = sum(optimum.seconds for optimum in optima)
    sentence = (
        f"Perfect foresight: {'; '.join(parts)}. The solver's objective is {quantity(objective)} {evidence.currency}; "
        f"the same dispatch replayed in the simulator costs {quantity(replayed)} {evidence.currency}. Built and solved "
        f"in {quantity(seconds, 1)} s."
    )
    slack = 1e-6 * max(abs(replayed), 1.0) + sum(abs(o.objective) * o.gap for o in milps if o.gap > 0)
    limit = evidence.kpis[OPTIMUM].cost - slack
    undercut = tuple(policy for policy in evidence.policies if policy != OPTIMUM and evidence.kpis[policy].cost < limit)
    return Bound(
        proved=proved,
        label="perfect-foresight bound" if proved else f"perfect foresight, gap {_gap(open_gaps)}",
        sentence=sentence,
        undercut_by=undercut,
    )


def _gap(gaps: list[float]) -> str:
    return percent(max(gaps), 3) if all(gap >= 0 for gap in gaps) else "unknown size"
