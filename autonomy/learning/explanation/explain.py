"""From a controller and a window to an explanation: play it with a witness, and attribute what was wanted.

window ─▶ roll out ─▶ (told, wanted, decided) of each step ─▶ integrated gradients ─▶ `Explanation`
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autonomy.controller import Controller
from autonomy.layers.arrays import Vector, frozen
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause
from autonomy.learning.explanation.explanation import Account, Attribution, Explanation
from autonomy.learning.explanation.groups import GROUPS, grouped, told
from autonomy.learning.explanation.inputs import BASELINE, ends_of
from autonomy.learning.explanation.path import contributions
from autonomy.learning.explanation.witness import Seen, Witness
from autonomy.learning.policy import LearnedPolicy, networks_of
from autonomy.report.quantity import count
from autonomy.rollout import Tamper, roll_out
from autonomy.simulator import Simulator
from autonomy.trajectory import Trajectory

NOTICEABLE_KW = 1e-3
"""kW, a watt: smaller changes need no reason."""
SAME_KW = 1e-6
"""kW within which the networks' answer is what the policy wanted."""
CONSEQUENCES = (Cause.CURTAILED, Cause.SHED, Cause.TRADE_CUT, Cause.PRICE_CLIPPED)
"""Causes that say what was cut, or speak of the market: no reason why battery powers were changed."""
MOST_REASONS = 2
NOT_LEARNED = "the policy is no learned one, so its inputs have no attributions"

FOREIGN = "the model is no network of this package; explain the weights it was made from, if it was"


class Frame(NamedTuple):
    """What an explanation is made beside.

    Attributes:
        title: The community's name.
        currency: Symbol or code.
        grid_only: The same window with nothing done.
        optimum: The same window at best, None where that is not known.
    """

    title: str
    currency: str
    grid_only: Trajectory
    optimum: Trajectory | None


def explained(
    simulator: Simulator,
    controller: Controller,
    *,
    name: str,
    frame: Frame,
    span: slice = slice(None),
    tamper: Tamper | None = None,
) -> Explanation:
    """Return the explanation of the steps `span` of a window under a controller.

    Args:
        simulator: The window; it is played from its first step.
        controller: Whose policy is explained. Its journal is replaced.
        name: What the policy is called.
        frame: What it is compared with.
        span: Steps of the window.
        tamper: As in `roll_out`.
    """
    controller.journal = witness = Witness()
    run = roll_out(simulator, controller, name=name, tamper=tamper)
    seen, community = witness.steps[span], simulator.community
    executed = np.array([one.decision.battery_kw for one in seen])
    wanted = np.clip([one.wanted_kw for one in seen], -community.discharge_limit_kw, community.charge_limit_kw)
    moved = np.abs(executed - wanted).sum(axis=1)
    moved[moved <= NOTICEABLE_KW] = 0.0  # set-points are whole milliwatts
    card = controller.policy.card if isinstance(controller.policy, LearnedPolicy) else None
    attribution, missing = attributed(controller.policy, community, seen)
    return Explanation(
        title=frame.title,
        policy=name,
        weights="" if card is None else card.title,
        forecast=simulator.scenario.forecast_kind.name,
        currency=frame.currency,
        time=run.time[span],
        timestep_h=run.timestep_h,
        load_kw=frozen((run.demand_kw - run.pv_kw)[span].sum(axis=1)),
        retail_price=run.retail_price[span],
        feed_in_price=run.feed_in_price[span],
        power_kw=float(max(community.charge_limit_kw.sum(), community.discharge_limit_kw.sum())),
        wanted_kw=frozen(wanted.sum(axis=1)),
        executed_kw=frozen(executed.sum(axis=1)),
        moved_kw=frozen(moved),
        curtailed_kw=frozen(run.curtail_kw[span].sum(axis=1)),
        shed_kw=frozen(run.shed_kw[span].sum(axis=1)),
        mode=run.mode[span].astype(str),
        reason=tuple(_reason(community, one, size) for one, size in zip(seen, moved, strict=True)),
        soc=_soc(run, span),
        account=_account(run, span),
        grid_only=_account(frame.grid_only, span),
        optimum=None if frame.optimum is None else _account(frame.optimum, span),
        attribution=attribution,
        no_attribution=missing,
    )


def attributed(policy: object, community: Community, seen: Sequence[Seen]) -> tuple[Attribution | None, str]:
    """Return the attributions of all steps, and why some or all are missing."""
    if not isinstance(policy, LearnedPolicy):
        return None, NOT_LEARNED
    networks = networks_of(policy)
    if not networks:
        return None, FOREIGN
    size = len(seen), len(GROUPS)
    kw, numbers = np.full(size, np.nan), np.full((size[0], 2, size[1]), np.nan)
    baseline, gap = np.full((2, size[0]), np.nan)
    for step, one in enumerate(seen):
        try:
            ends = ends_of(policy, community, one.observation)
        except (ValueError, TypeError, ArithmeticError, AttributeError):  # as in the policy: a forecast may be anything
            continue
        if ends is None:
            continue
        found = contributions(networks, ends)
        if abs(found.wanted_kw - one.wanted_kw.sum()) <= SAME_KW * community.n_prosumers:
            kw[step], baseline[step], gap[step] = grouped(found.kw), found.baseline_kw, found.gap_kw
            numbers[step] = told(ends)
    missing = int(np.isnan(baseline).sum())
    text = f"in {count(missing, 'step')} of {size[0]} the networks were not asked" if missing else ""
    return Attribution(
        groups=tuple(group.name for group in GROUPS),
        kw=frozen(kw),
        baseline_kw=frozen(baseline),
        gap_kw=frozen(gap),
        told=frozen(numbers),
        baseline=BASELINE,
    ), text


def _account(run: Trajectory, span: slice) -> Account:
    """Return what the steps cost; stored energy counts where the window ends."""
    is_end = span.stop is None or span.stop >= run.time.size
    return Account(step_cost=run.step_cost[span], terminal_value=run.terminal_value if is_end else 0.0)


def _soc(run: Trajectory, span: slice) -> Vector:
    capacity, energy = float(run.capacity_kwh.sum()), run.energy_kwh.sum(axis=1)
    first, stop, _ = span.indices(run.time.size)
    return frozen(energy[first : stop + 1] / capacity if capacity > 0 else np.full(stop + 1 - first, np.nan))


def _reason(community: Community, seen: Seen, moved_kw: float) -> str:
    """Return why the layers changed what was wanted; empty where they did not."""
    decision = seen.decision
    changed = np.nan_to_num(moved_kw, nan=np.inf) + decision.curtail_kw.sum() + decision.shed_kw.sum()
    causes = [reason for reason in decision.reasons if reason.cause not in CONSEQUENCES]
    if not (changed > NOTICEABLE_KW or any(reason.cause is Cause.INTENT_CLIPPED for reason in causes)):
        return ""
    feeder = int(np.argmin(community.network.parent))
    texts = [re.sub(rf"\bline {feeder}\b", "the feeder", reason.text) for reason in causes]
    return "; ".join(texts[:MOST_REASONS]) or f"mode {decision.mode}"
