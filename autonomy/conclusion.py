"""The end of a step: what the three layers found, put together into one decision."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TypeAlias

import numpy as np

from autonomy.layers.arrays import Matrix, Vector, all_true, frozen
from autonomy.layers.decision import Cause, Certificate, Decision, Intent, Mode, Reason
from autonomy.layers.intent import Wish
from autonomy.layers.projection import Offer, Proposal, cut_offer
from autonomy.layers.situation import SetPoints, Situation
from autonomy.layers.supervision import QuickGate, Verdict, cut_reasons

UNTOUCHED_KW = 1e-6
"""kW (one milliwatt) within which set-points count as the intent itself."""
Finish: TypeAlias = Callable[..., tuple[bool, bool, float]]


def conclude(situation: Situation, wish: Wish, proposal: Proposal | None, verdict: Verdict) -> Decision:
    """Put the pieces together: mode, reasons in order of weight, offer, certificate."""
    if verdict.rung is not Mode.PROJECTED or proposal is None or wish.intent is None:
        used = proposal if verdict.rung is Mode.SUPPORT else None
        found = used.reasons if used is not None else ()
        return conclude_without_intent(situation, verdict, used, (*situation.reasons, *wish.reasons, *found))
    intent, points = wish.intent, verdict.set_points
    clipped, clipping = _clip(situation, intent)
    offer = cut_offer(situation, verdict.net_export_kw, intent.trade_kw, intent.price_bid)
    change = points.battery_kw - clipped
    intervention = sqrt(change.dot(change))
    is_cut = bool(np.count_nonzero(points.curtail_kw) or np.count_nonzero(points.shed_kw))
    changed = bool(is_cut or clipping or offer.reasons or _is_altered(wish))
    return _assemble(
        _block(verdict, offer),
        mode=_mode(intervention, change.size, changed=changed),
        reasons=(
            *verdict.reasons,
            *situation.reasons,
            *wish.reasons,
            *clipping,
            *(_beyond_reach(situation, clipped, change) if _is_noticeable(intervention, change.size) else ()),
            *proposal.reasons,
            *offer.reasons,
        ),
        intervention_kw=intervention,
        certificate=proposal.certificate,
    )


def conclude_quickly(
    gate: QuickGate, finish: Finish, situation: Situation, wish: Wish, proposal: Proposal | None
) -> Decision | None:
    """Return what `supervise` and `conclude` would decide, or None when one of them has to look with care.

    Args:
        gate: The gate's fast lane.
        finish: The machine code that makes the offer, `autonomy.solvers.kernel.within.finish`.
        situation: The screened state.
        wish: What the policy answered.
        proposal: What the projection made of it.
    """
    intent = wish.intent
    if intent is None or proposal is None:
        return None
    passed = gate(situation, proposal.set_points)
    if passed is None:
        return None
    block = passed.block
    try:
        is_clipped, is_offer_cut, square = finish(
            block,
            intent.battery_kw,
            intent.trade_kw,
            intent.price_bid,
            situation.discharge_limit_kw,
            situation.charge_limit_kw,
            situation.feed_in_price,
            situation.retail_price,
        )
    except TypeError:  # arrays that the machine code does not take
        return None
    reasons = (*situation.reasons, *wish.reasons)
    if passed.is_cut:
        reasons = (*cut_reasons(SetPoints(block[0], block[3], block[4])), *reasons)
    clipped, clipping = _clip(situation, intent) if is_clipped else (intent.battery_kw, ())
    intervention = sqrt(square)
    is_moved = _is_noticeable(intervention, clipped.size)
    beyond = _beyond_reach(situation, clipped, block[0] - clipped) if is_moved else ()
    reasons = (*reasons, *clipping, *beyond, *proposal.reasons)
    changed = passed.is_cut or bool(clipping) or _is_altered(wish)
    if is_offer_cut:
        offer = cut_offer(situation, block[5], intent.trade_kw, intent.price_bid)
        block[1], block[2] = offer.trade_kw, offer.price_bid
        reasons += offer.reasons
        changed = changed or bool(offer.reasons)
    return _assemble(
        block,
        mode=_mode(intervention, block.shape[1], changed=changed),
        reasons=reasons,
        intervention_kw=intervention,
        certificate=proposal.certificate,
    )


def _is_altered(wish: Wish) -> bool:
    """Whether the wish is not what the policy answered; that it always answers the same is only said."""
    return any(reason.cause is not Cause.OUTPUT_FROZEN for reason in wish.reasons)


def _mode(intervention_kw: float, size: int, *, changed: bool) -> Mode:
    return Mode.PROJECTED if changed or _is_noticeable(intervention_kw, size) else Mode.POLICY


def _is_noticeable(intervention_kw: float, size: int) -> bool:
    return intervention_kw > UNTOUCHED_KW * sqrt(size)


def _clip(situation: Situation, intent: Intent) -> tuple[Vector, tuple[Reason, ...]]:
    """Return the battery intent inside the power limits, and the reason if it was not."""
    clipped = np.minimum(np.maximum(intent.battery_kw, -situation.discharge_limit_kw), situation.charge_limit_kw)
    return clipped, () if all_true(clipped == intent.battery_kw) else _clipped(np.abs(clipped - intent.battery_kw))


def _clipped(change_kw: Vector) -> tuple[Reason, ...]:
    over = np.flatnonzero(change_kw > UNTOUCHED_KW)
    text = f"the battery intent of {over.size} prosumer(s) was clipped to the power limits"
    return (Reason(cause=Cause.INTENT_CLIPPED, text=text, prosumers=tuple(over.tolist())),) if over.size else ()


def _beyond_reach(situation: Situation, clipped: Vector, change_kw: Vector) -> tuple[Reason, ...]:
    """Return the reason for intents inside the power limits that the batteries could not follow, and did not."""
    lower, upper = situation.battery_lower_kw, situation.battery_upper_kw
    cut = np.minimum(np.maximum(lower - clipped, clipped - upper), np.abs(change_kw)) > UNTOUCHED_KW
    # Where something is in doubt, a battery without any room stands still for that, which is said already.
    over = np.flatnonzero(cut if situation.is_clean else cut & (lower < upper))
    if not over.size:
        return ()
    limits = "state of charge and ramp limit allow" if situation.community.has_ramp_limits else "state of charge allows"
    text = f"the battery intent of {over.size} prosumer(s) was cut to what their {limits}"
    return (Reason(cause=Cause.BATTERY_LIMIT, text=text, prosumers=tuple(over.tolist())),)


def conclude_without_intent(
    situation: Situation, verdict: Verdict, proposal: Proposal | None, reasons: tuple[Reason, ...] = ()
) -> Decision:
    """Return the decision of a rung below the policy's; nothing is offered to the market."""
    size = situation.community.n_prosumers
    offer = cut_offer(situation, verdict.net_export_kw, np.zeros(size), np.full(size, np.nan))
    moved = verdict.set_points.battery_kw
    nothing = frozen(np.zeros(situation.community.network.n_lines))
    return _assemble(
        _block(verdict, offer),
        mode=verdict.rung,
        reasons=(*verdict.reasons, *reasons),
        intervention_kw=sqrt(moved.dot(moved)),
        certificate=proposal.certificate
        if proposal is not None
        else Certificate(gap=0.0, distance_kw=0.0, line_multipliers=nothing),
    )


def _block(verdict: Verdict, offer: Offer) -> Matrix:
    """Return the rows of a decision, copied into one block."""
    battery, curtail, shed = verdict.set_points
    caps = verdict.generation_cap_kw, verdict.load_cap_kw
    return np.array((battery, offer.trade_kw, offer.price_bid, curtail, shed, verdict.net_export_kw, *caps))


def _assemble(
    block: Matrix, *, mode: Mode, reasons: tuple[Reason, ...], intervention_kw: float, certificate: Certificate
) -> Decision:
    """Return the decision, its arrays rows of one block that cannot be written to."""
    block.setflags(write=False)
    battery, trade, price, curtail, shed, net_export, generation_cap, load_cap = block
    return Decision(
        battery_kw=battery,
        trade_kw=trade,
        price_bid=price,
        curtail_kw=curtail,
        shed_kw=shed,
        net_export_kw=net_export,
        generation_cap_kw=generation_cap,
        load_cap_kw=load_cap,
        mode=mode,
        reasons=reasons,
        intervention_kw=intervention_kw,
        certificate=certificate,
    )
