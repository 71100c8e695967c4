"""Layer 3's gate: executed = proposal if CHECK(proposal) else recovery if CHECK(recovery) else dead stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.decision import Cause, Mode, Reason
from autonomy.layers.situation import SetPoints, Situation
from autonomy.layers.supervision.check import Finding, check
from autonomy.layers.supervision.milliwatt import PER_KW, Bounds, Plan, bounds_of, net_export_of, quantise, to_kw
from autonomy.layers.supervision.recovery import grid_only, restrain

NOTICEABLE_KW = 1e-6
"""kW from which curtailment and shedding are worth a reason: a milliwatt."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Candidate:
    """Set-points that somebody proposes.

    Attributes:
        set_points: kW; any floats.
        within_ramp: Whether the ramp window is kept (False when it had to yield, which the proposer must say).
    """

    set_points: SetPoints
    within_ramp: bool = True


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Verdict:
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
        return dead_stop(situation, ())
    rejected: list[Reason] = []
    best: tuple[int, Mode, Bounds, Plan] | None = None
    for rung, candidate in _ladder(proposal, support, rejected):
        bounds = bounds_of(situation, within_ramp=candidate is not None and candidate.within_ramp)
        if candidate is None:
            bounds, plan = _standing_still(situation)
            findings = check(bounds, plan)
        elif not _is_finite(candidate.set_points):
            rejected.append(Reason(cause=Cause.CHECK_FAILED, text=f"the {rung} answer has values that are not finite"))
            continue
        else:
            plan = quantise(bounds, candidate.set_points)
            findings = check(bounds, plan)
            if findings:
                plan = restrain(bounds, plan, move_batteries=True)
                findings = check(bounds, plan)
        if not findings:
            return _verdict(situation, bounds, plan, rung, tuple(rejected))
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
        return _verdict(situation, bounds, plan, rung, (reason, *rejected))
    return dead_stop(situation, tuple(rejected))


def dead_stop(situation: Situation, reasons: tuple[Reason, ...]) -> Verdict:
    """Return the rung that needs no measurement: batteries and trades stand still, fair shares cap every prosumer.

    With b = 0, load_cap = fair import share and generation_cap = fair export share, every net export lies in
    [−load_cap, generation_cap] whatever was measured, and the shares below a line sum to at most its limit.
    """
    zero = np.zeros(situation.community.n_prosumers)
    curtail = np.maximum(situation.pv_kw - situation.fair_export_kw, 0.0)
    shed = np.maximum(situation.demand_kw - situation.fair_import_kw, 0.0)
    return Verdict(
        set_points=SetPoints(battery_kw=zero, curtail_kw=curtail, shed_kw=shed),
        net_export_kw=(situation.pv_kw - curtail) - (situation.demand_kw - shed),
        generation_cap_kw=situation.fair_export_kw,
        load_cap_kw=situation.fair_import_kw,
        rung=Mode.DEAD_STOP,
        reasons=(*reasons, *_cuts(SetPoints(battery_kw=zero, curtail_kw=curtail, shed_kw=shed))),
    )


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


def _standing_still(situation: Situation) -> tuple[Bounds, Plan]:
    """Return b = 0 with minimal cuts; a ramp window without 0 yields, because standing still is safer."""
    bounds = bounds_of(situation, within_ramp=False)
    return bounds, grid_only(bounds)


def _is_finite(points: SetPoints) -> bool:
    return all(bool(np.all(np.isfinite(x))) for x in (points.battery_kw, points.curtail_kw, points.shed_kw))


def _rejection(rung: Mode, findings: tuple[Finding, ...]) -> Reason:
    worst = max(findings, key=lambda finding: finding.excess_mw)
    text = (
        f"the {rung} answer breaks {len(findings)} limit(s), worst {worst.rule} {worst.index} "
        f"by {worst.excess_mw / PER_KW:.6f} kW"
    )
    return Reason(cause=Cause.CHECK_FAILED, text=text, amount_kw=worst.excess_mw / PER_KW)


def _verdict(situation: Situation, bounds: Bounds, plan: Plan, rung: Mode, reasons: tuple[Reason, ...]) -> Verdict:
    points = to_kw(plan, situation)
    generation_cap, load_cap = _caps(situation, bounds, plan)
    outside = (points.battery_kw < situation.battery_lower_kw - 1e-6) | (
        points.battery_kw > situation.battery_upper_kw + 1e-6
    )
    if outside.any() and not any(reason.cause is Cause.RAMP_RELAXED for reason in reasons):
        text = f"the ramp window of {int(outside.sum())} prosumer(s) was left to keep a harder limit"
        reasons += (Reason(cause=Cause.RAMP_RELAXED, text=text, prosumers=tuple(np.flatnonzero(outside).tolist())),)
    return Verdict(
        set_points=points,
        net_export_kw=(situation.pv_kw - points.curtail_kw)
        - (situation.demand_kw - points.shed_kw)
        - points.battery_kw,
        generation_cap_kw=generation_cap,
        load_cap_kw=load_cap,
        rung=rung,
        reasons=(*reasons, *_cuts(points)),
    )


def _caps(situation: Situation, bounds: Bounds, plan: Plan) -> tuple[Vector, Vector]:
    """Return generation and load caps, kW: what was planned plus a fair share of what every limit still has free.

    They hold every limit when generation (or load) alone differs from what was measured: each line's spare capacity
    is divided equally among the prosumers below it, so the extra flows below a line sum to at most its spare.
    An isolated prosumer, whose meter says nothing, gets its fair shares.
    """
    network = situation.community.network
    net = net_export_of(bounds, plan) / PER_KW
    flow = network.incidence @ net
    below = np.maximum(network.prosumers_below, 1.0)
    spare_export = np.maximum(situation.export_limit_kw - flow, 0.0) / below
    spare_import = np.maximum(situation.import_limit_kw + flow, 0.0) / below
    connection = situation.connection_limit_kw
    up = physics.least_above(network, spare_export)
    down = physics.least_above(network, spare_import)
    up = np.minimum(up, np.maximum(connection - net, 0.0))
    down = np.minimum(down, np.maximum(connection + net, 0.0))
    generation = situation.pv_kw - plan.curtail / PER_KW + up
    load = situation.demand_kw - plan.shed / PER_KW + down
    return (
        np.where(situation.isolated, situation.fair_export_kw, np.maximum(generation, 0.0)),
        np.where(situation.isolated, situation.fair_import_kw, np.maximum(load, 0.0)),
    )


def _cuts(points: SetPoints) -> tuple[Reason, ...]:
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
