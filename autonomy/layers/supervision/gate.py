"""Layer 3's gate: executed = proposal if CHECK(proposal) else recovery if CHECK(recovery) else dead stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.decision import Cause, Mode, Reason
from autonomy.layers.situation import SetPoints, Situation
from autonomy.layers.supervision.caps import caps
from autonomy.layers.supervision.check import Finding, check_ledger
from autonomy.layers.supervision.milliwatt import (
    PER_KW,
    Bounds,
    Milliwatts,
    Plan,
    bounds_of,
    ledger_of,
    quantise,
    to_kw,
)
from autonomy.layers.supervision.recovery import grid_only, restrain

NOTICEABLE_KW = 1e-6
"""kW from which curtailment and shedding are worth a reason: a milliwatt."""


class Candidate(NamedTuple):
    """Set-points that somebody proposes.

    Attributes:
        set_points: kW; any floats.
        within_ramp: Whether the ramp window is kept (False when it had to yield, which the proposer must say).
    """

    set_points: SetPoints
    within_ramp: bool = True


class Verdict(NamedTuple):
    """What will be executed.

    Attributes:
        set_points: kW, whole milliwatts.
        net_export_kw: (N,) kW, + = export.
        generation_cap_kw: (N,) kW.
        load_cap_kw: (N,) kW.
        rung: PROJECTED when the proposal was taken, else the rung of the recovery ladder.
        reasons: Why.
    """

    set_points: SetPoints
    net_export_kw: Vector
    generation_cap_kw: Vector
    load_cap_kw: Vector
    rung: Mode
    reasons: tuple[Reason, ...]


def supervise(situation: Situation, proposal: Candidate | None, support: Callable[[], Candidate]) -> Verdict:
    """Return the first rung of the ladder that passes CHECK.

    proposal (skipped when None) → support → grid-only → dead stop. When no rung passes although measurements are
    good, the host cannot cut what a limit needs cut; then the rung with the smallest excess is taken and said so.

    Args:
        situation: The screened state; a blind one goes straight to the dead stop.
        proposal: Layer 2's answer to the policy's intent, or None when there was no usable intent.
        support: Layer 2's answer to the intent 0, computed only when needed; may raise.
    """
    if situation.is_blind:
        return dead_stop(situation, unheld(situation))
    rejected: list[Reason] = list(unheld(situation))
    best: tuple[int, Mode, Bounds, Plan] | None = None
    for rung, candidate in _ladder(proposal, support, rejected):
        # Without a candidate, batteries stand still; a ramp window without 0 yields, because that is safer.
        bounds = bounds_of(situation, within_ramp=candidate is not None and candidate.within_ramp)
        plan = grid_only(bounds) if candidate is None else quantise(bounds, candidate.set_points)
        if plan is None:
            rejected.append(Reason(cause=Cause.CHECK_FAILED, text=f"the {rung} answer has values that are no powers"))
            continue
        ledger = ledger_of(bounds, plan)
        findings = check_ledger(bounds, ledger)
        if findings and candidate is not None:
            plan = restrain(bounds, plan, move_batteries=True)
            ledger = ledger_of(bounds, plan)
            findings = check_ledger(bounds, ledger)
        if not findings:
            return _verdict(bounds, plan, ledger, rung, tuple(rejected))
        rejected.append(_rejection(rung, findings))
        excess = sum(finding.excess_mw for finding in findings)
        if best is None or excess < best[0]:
            best = (excess, rung, bounds, plan)
    host_limited = bool(
        np.any(situation.curtailable_kw < situation.pv_kw) or np.any(situation.sheddable_kw < situation.demand_kw)
    )
    if best is not None and host_limited:
        excess, rung, bounds, plan = best
        text = f"a limit is exceeded by {excess / PER_KW:.3f} kW, because the host cannot cut what would hold it"
        reason = Reason(cause=Cause.LIMIT_NOT_HELD, text=text, amount_kw=excess / PER_KW)
        return _verdict(bounds, plan, ledger_of(bounds, plan), rung, (reason, *rejected))
    return dead_stop(situation, tuple(rejected))


def dead_stop(situation: Situation, reasons: tuple[Reason, ...]) -> Verdict:
    """Return the rung that needs no measurement: batteries and trades stand still, fair shares cap every prosumer.

    With b = 0, load_cap = fair import share and generation_cap = fair export share, every net export lies in
    [−load_cap, generation_cap] whatever was measured, and the shares below a line sum to at most its limit.
    """
    zero = np.zeros(situation.community.n_prosumers)
    # Asked of a host is what it can do; `unheld` says what is missing.
    curtail = np.minimum(np.maximum(situation.pv_kw - situation.fair_export_kw, 0.0), situation.curtailable_kw)
    shed = np.minimum(np.maximum(situation.demand_kw - situation.fair_import_kw, 0.0), situation.sheddable_kw)
    return Verdict(
        set_points=SetPoints(battery_kw=zero, curtail_kw=curtail, shed_kw=shed),
        net_export_kw=(situation.pv_kw - curtail) - (situation.demand_kw - shed),
        generation_cap_kw=situation.fair_export_kw,
        load_cap_kw=situation.fair_import_kw,
        rung=Mode.DEAD_STOP,
        reasons=(*reasons, *cut_reasons(SetPoints(battery_kw=zero, curtail_kw=curtail, shed_kw=shed))),
    )


def unheld(situation: Situation) -> tuple[Reason, ...]:
    """Return the reasons for caps that nobody enforces: no meter, and a host that cannot cut.

    A prosumer without a usable meter is to live inside its fair share. Where the host cannot cut its load (or its
    generation), nothing holds it there but its own connection: it may go beyond by up to K − share.
    """
    if situation.is_clean or (situation.can_shed is None and situation.can_curtail is None):
        return ()
    unmetered = situation.isolated | situation.is_blind
    found = []
    for able, share_kw, name in (
        (situation.can_shed, situation.fair_import_kw, "load"),
        (situation.can_curtail, situation.fair_export_kw, "generation"),
    ):
        # Where there is no share there is nothing to keep.
        has_cap = np.isfinite(share_kw)
        beyond = np.maximum(situation.connection_limit_kw - np.where(has_cap, share_kw, 0.0), 0.0)
        hit = (
            np.flatnonzero(unmetered & ~able & has_cap & (beyond > NOTICEABLE_KW))
            if able is not None
            else np.zeros(0, np.int64)
        )
        if hit.size:
            most = float(beyond[hit].sum())
            by = f"by up to {most:.3f} kW" if np.isfinite(most) else "by an amount that nothing bounds"
            text = f"{name} of {hit.size} prosumer(s) without a meter may pass the cap {by}: the host cannot cut it"
            amount = most if np.isfinite(most) else 0.0
            places = tuple(hit.tolist())
            found.append(Reason(cause=Cause.LIMIT_NOT_HELD, text=text, prosumers=places, amount_kw=amount))
    return tuple(found)


def _ladder(
    proposal: Candidate | None, support: Callable[[], Candidate], rejected: list[Reason]
) -> Iterator[tuple[Mode, Candidate | None]]:
    """Yield the rungs in order; a support rung that fails to compute is skipped with a reason."""
    if proposal is not None:
        yield Mode.PROJECTED, proposal
    try:
        candidate = support()
    except Exception as fault:  # noqa: BLE001 - the rung below needs nothing that could have failed here
        text = f"the support answer could not be computed ({type(fault).__name__}: {fault})"
        rejected.append(Reason(cause=Cause.SOLVER_FAILED, text=text))
    else:
        yield Mode.SUPPORT, candidate
    yield Mode.GRID_ONLY, None


def _rejection(rung: Mode, findings: tuple[Finding, ...]) -> Reason:
    worst = max(findings, key=lambda finding: finding.excess_mw)
    text = (
        f"the {rung} answer breaks {len(findings)} limit(s), worst {worst.rule} {worst.index} "
        f"by {worst.excess_mw / PER_KW:.6f} kW"
    )
    return Reason(cause=Cause.CHECK_FAILED, text=text, amount_kw=worst.excess_mw / PER_KW)


def _verdict(bounds: Bounds, plan: Plan, ledger: Milliwatts, rung: Mode, reasons: tuple[Reason, ...]) -> Verdict:
    situation, size = bounds.situation, bounds.size
    is_cut = bool(np.count_nonzero(ledger[size : 3 * size]))
    points = to_kw(bounds, plan, is_cut=is_cut)
    generation, load = situation.pv_kw, situation.demand_kw
    if is_cut:
        generation, load = generation - points.curtail_kw, load - points.shed_kw
    generation_cap, load_cap = caps(bounds, ledger, generation, load)
    if situation.community.has_ramp_limits:
        reasons += _ramp_left(situation, points, reasons)
    return Verdict(
        set_points=points,
        net_export_kw=generation - load - points.battery_kw,
        generation_cap_kw=generation_cap,
        load_cap_kw=load_cap,
        rung=rung,
        reasons=(*reasons, *cut_reasons(points)) if is_cut else reasons,
    )


def _ramp_left(situation: Situation, points: SetPoints, reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Return the reason for a battery outside its ramp window, unless it was given already."""
    outside = (points.battery_kw < situation.battery_lower_kw - 1e-6) | (
        points.battery_kw > situation.battery_upper_kw + 1e-6
    )
    if not outside.any() or any(reason.cause is Cause.RAMP_RELAXED for reason in reasons):
        return ()
    text = f"the ramp window of {int(outside.sum())} prosumer(s) was left to keep a harder limit"
    return (Reason(cause=Cause.RAMP_RELAXED, text=text, prosumers=tuple(np.flatnonzero(outside).tolist())),)


def cut_reasons(points: SetPoints) -> tuple[Reason, ...]:
    """Return the reasons for what is shed and curtailed."""
    found = []
    for cause, name, amount in (
        (Cause.SHED, "load was shed", points.shed_kw),
        (Cause.CURTAILED, "generation was curtailed", points.curtail_kw),
    ):
        hit = np.flatnonzero(amount > NOTICEABLE_KW)
        if hit.size:
            total = float(amount.sum())
            text = f"{total:.3f} kW of {name} at {hit.size} prosumer(s) to hold a limit"
            found.append(Reason(cause=cause, text=text, prosumers=tuple(hit.tolist()), amount_kw=total))
    return tuple(found)
