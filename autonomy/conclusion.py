"""The end of a step: what the three layers found, put together into one decision."""

from __future__ import annotations

from math import sqrt

import numpy as np

from autonomy.layers.arrays import Vector, all_true, frozen
from autonomy.layers.decision import Cause, Certificate, Decision, Mode, Reason
from autonomy.layers.intent import Wish
from autonomy.layers.projection import Offer, Proposal, cut_offer
from autonomy.layers.situation import Situation
from autonomy.layers.supervision import Verdict

UNTOUCHED_KW = 1e-6
"""kW (one milliwatt) within which set-points count as the intent itself."""


def conclude(situation: Situation, wish: Wish, proposal: Proposal | None, verdict: Verdict) -> Decision:
    """Put the pieces together: mode, reasons in order of weight, offer, certificate."""
    if verdict.rung is not Mode.PROJECTED or proposal is None or wish.intent is None:
        used = proposal if verdict.rung is Mode.SUPPORT else None
        found = used.reasons if used is not None else ()
        return conclude_without_intent(situation, verdict, used, (*situation.reasons, *wish.reasons, *found))
    intent, points = wish.intent, verdict.set_points
    clipped = np.minimum(np.maximum(intent.battery_kw, -situation.discharge_limit_kw), situation.charge_limit_kw)
    clipping = () if all_true(clipped == intent.battery_kw) else _clipped(np.abs(clipped - intent.battery_kw))
    offer = cut_offer(situation, verdict.net_export_kw, intent.trade_kw, intent.price_bid)
    change = points.battery_kw - clipped
    intervention = sqrt(change.dot(change))
    is_cut = np.count_nonzero(points.curtail_kw) or np.count_nonzero(points.shed_kw)
    is_moved = intervention > UNTOUCHED_KW * sqrt(change.size)
    touched = is_moved or is_cut or clipping or offer.reasons or wish.reasons
    return _assemble(
        verdict,
        offer,
        mode=Mode.PROJECTED if touched else Mode.POLICY,
        reasons=(
            *verdict.reasons,
            *situation.reasons,
            *wish.reasons,
            *clipping,
            *proposal.reasons,
            *offer.reasons,
        ),
        intervention_kw=intervention,
        certificate=proposal.certificate,
    )


def _clipped(change_kw: Vector) -> tuple[Reason, ...]:
    over = np.flatnonzero(change_kw > UNTOUCHED_KW)
    text = f"the battery intent of {over.size} prosumer(s) was clipped to the power limits"
    return (Reason(cause=Cause.INTENT_CLIPPED, text=text, prosumers=tuple(over.tolist())),) if over.size else ()


def conclude_without_intent(
    situation: Situation, verdict: Verdict, proposal: Proposal | None, reasons: tuple[Reason, ...] = ()
) -> Decision:
    """Return the decision of a rung below the policy's; nothing is offered to the market."""
    size = situation.community.n_prosumers
    offer = cut_offer(situation, verdict.net_export_kw, np.zeros(size), np.full(size, np.nan))
    moved = verdict.set_points.battery_kw
    nothing = frozen(np.zeros(situation.community.network.n_lines))
    return _assemble(
        verdict,
        offer,
        mode=verdict.rung,
        reasons=(*verdict.reasons, *reasons),
        intervention_kw=sqrt(moved.dot(moved)),
        certificate=proposal.certificate
        if proposal is not None
        else Certificate(gap=0.0, distance_kw=0.0, line_multipliers=nothing),
    )


def _assemble(
    verdict: Verdict,
    offer: Offer,
    *,
    mode: Mode,
    reasons: tuple[Reason, ...],
    intervention_kw: float,
    certificate: Certificate,
) -> Decision:
    """Return the decision, its arrays copied into one block that cannot be written to."""
    battery, curtail, shed = verdict.set_points
    block = np.array(
        (
            battery,
            offer.trade_kw,
            offer.price_bid,
            curtail,
            shed,
            verdict.net_export_kw,
            verdict.generation_cap_kw,
            verdict.load_cap_kw,
        )
    )
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
