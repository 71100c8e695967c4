"""What is proved of the deployed network, and what is refuted: one claim a property."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autonomy.safety.chapters.deployed import deployed_of
from autonomy.safety.chapters.policy_gates import bids_claim, empty_claim, exact_claim
from autonomy.safety.chapters.policy_powers import intervention_claims, meters_claim
from autonomy.safety.chapters.policy_refuted import monotone_claims, planted_claim
from autonomy.safety.chapters.policy_tools import tools_claims
from autonomy.safety.claim import Claim
from autonomy.safety.context import Context

HOURS, FULL_HOURS = 24, 336
"""Hours around which the gate that empties is bounded."""


def claims(context: Context) -> Iterator[Claim]:
    """Yield what is proved of the policy's networks; nothing where it is another kind of policy, or there are EVs."""
    timeline = context.configuration.assets.timeline(context.configuration.community, context.scenario.series)
    deployed = deployed_of(context) if timeline is None or timeline.is_empty else None
    if deployed is None:
        return
    hours = _hours(context, FULL_HOURS if context.is_full else HOURS)
    context.progress("the policy's bids")
    yield bids_claim(context, deployed)
    context.progress("the policy's gates around recorded hours")
    yield empty_claim(context, deployed, hours)
    exact = exact_claim(context, deployed, hours)
    if exact is not None:
        yield exact
    context.progress("the policy at the domain's peaks")
    yield from intervention_claims(context, deployed, hours)
    context.progress("the policy under meter errors")
    yield meters_claim(context, deployed)
    yield from monotone_claims(context, deployed.region, hours)
    context.progress("the policy by a second tool")
    yield from tools_claims(context, deployed, hours)
    yield planted_claim(context, deployed.region, hours[len(hours) // 2])


def _hours(context: Context, count: int) -> list[int]:
    """Return steps of the series, spread evenly over what is played."""
    steps = np.concatenate([np.arange(window.start, window.stop) for window in context.windows])
    chosen = np.unique(np.linspace(0, steps.size - 1, min(count, steps.size)).astype(np.int64))
    return [int(step) for step in steps[chosen]]
