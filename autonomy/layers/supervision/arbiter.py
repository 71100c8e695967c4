"""From what monitors doubt to what a decision may still be made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Mask, Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Reason
from autonomy.layers.situation import Situation
from autonomy.layers.supervision.isolation import restrict, withhold
from autonomy.layers.supervision.latch import EVERYBODY, Ended, Key, Latches
from autonomy.layers.supervision.watch import Doubt, Loss, Sight, Watch

COST = {
    Loss.MARKET: "no trade",
    Loss.BATTERY: "batteries stand still",
    Loss.METER: "isolated inside the fair share",
    Loss.POLICY: "the policy is not asked",
    Loss.BLIND: "no measurement is used",
}
"""What a loss means, in the words of a reason."""
SHOWN = 3
"""Prosumers that a reason names one by one."""


class Heard(NamedTuple):
    """What the monitors said at a step, for the journal.

    Attributes:
        doubts: What they doubt.
        failed: A reason for each that raised.
    """

    doubts: tuple[Doubt, ...]
    failed: tuple[Reason, ...]


NOTHING_HEARD = Heard((), ())


class Ruling(NamedTuple):
    """What is left to decide from.

    Attributes:
        situation: The situation without what is not trusted; its reasons say what that is.
        bars_policy: Whether the policy is not to be asked.
    """

    situation: Situation
    bars_policy: bool = False


class Arbiter:
    """Asks every monitor, latches what they doubt, and takes from the situation the least trust that answers it.

    Args:
        community: Whose situations.
        monitors: Who is asked, in this order.
        latches: Memory of what was doubted.
    """

    def __init__(self, community: Community, monitors: Sequence[Watch], latches: Latches) -> None:
        self.monitors = tuple(monitors)
        self._community, self._latches = community, latches
        self._size = community.n_prosumers
        self.heard = NOTHING_HEARD

    def reset(self) -> None:
        """Forget every step seen."""
        self._latches.reset()
        self.heard = NOTHING_HEARD
        for monitor in self.monitors:
            monitor.reset()

    def __call__(self, sight: Sight, previous_battery_kw: Vector) -> Ruling:
        """Return what may be used of a situation; never raises, whatever a monitor does.

        Args:
            sight: The step.
            previous_battery_kw: (N,) kW, what the batteries last did.
        """
        doubts: list[Doubt] = []
        failed: list[Reason] = []
        for monitor in self.monitors:
            try:
                found = monitor.look(sight)
                if found:
                    doubts += self._proper(found)
            except Exception as fault:  # noqa: BLE001 - a monitor may fail in any way; the step goes on and says so
                text = f"the monitor {type(monitor).__name__} raised {type(fault).__name__}: {fault}"
                failed.append(Reason(cause=Cause.MONITOR_FAILED, text=text))
        held = self._latches.held
        self.heard = Heard(tuple(doubts), tuple(failed)) if doubts or failed else NOTHING_HEARD
        if not (doubts or failed or held):
            return Ruling(sight.situation)
        ended = self._latches.update(sight.step, doubts)
        reasons = (*failed, *self._said(sight.step, doubts), *_restored(ended))
        return self._rule(sight.situation, reasons, previous_battery_kw)

    def _proper(self, found: Sequence[Doubt]) -> tuple[Doubt, ...]:
        """Return the doubts a monitor gave, or raise when they are none."""
        for doubt in found:
            is_doubt = isinstance(doubt, Doubt) and abs(doubt.unexplained_kw) >= 0.0
            if not is_doubt or not all(0 <= who < self._size for who in doubt.prosumers):
                raise TypeError(f"{doubt!r} is no doubt about {self._size} prosumers")
        return tuple(found)

    def _rule(self, situation: Situation, reasons: tuple[Reason, ...], previous_kw: Vector) -> Ruling:
        lost: dict[Loss, Mask] = {loss: np.zeros(self._size, dtype=bool) for loss in Loss}
        for (_, who), hold in self._latches.held.items():
            for loss in hold.losses:
                lost[loss][slice(None) if who == EVERYBODY else who] = True
        bars_policy = bool(lost[Loss.POLICY].any())
        market, battery, meter = lost[Loss.MARKET], lost[Loss.BATTERY], lost[Loss.METER]
        is_blind = bool(lost[Loss.BLIND].any())
        given, holds = situation.reasons, self._latches.held.values()
        more_export_kw = max((hold.most_export_kw for hold in holds), default=0.0)
        more_import_kw = max((hold.most_import_kw for hold in holds), default=0.0)
        if more_export_kw > 0.0 or more_import_kw > 0.0:
            situation = withhold(situation, more_export_kw, more_import_kw)
        if not (is_blind or market.any() or battery.any() or meter.any()):
            return Ruling(situation._replace(reasons=(*given, *reasons)), bars_policy)
        left = restrict(situation, market=market, battery=battery, meter=meter, is_blind=is_blind)
        reasons += self._ramp_left(situation, battery | meter, previous_kw)
        return Ruling(left._replace(reasons=(*given, *reasons)), bars_policy)

    def _ramp_left(self, situation: Situation, still: Mask, previous_kw: Vector) -> tuple[Reason, ...]:
        """Return the reason for batteries that stop faster than their ramp limit."""
        hit = still & (np.abs(previous_kw) > self._community.ramp_limit_kw)
        if not hit.any() or any(reason.cause is Cause.RAMP_RELAXED for reason in situation.reasons):
            return ()
        text = f"the ramp window of {int(hit.sum())} prosumer(s) was left to stand still"
        return (Reason(cause=Cause.RAMP_RELAXED, text=text, prosumers=tuple(np.flatnonzero(hit).tolist())),)

    def _said(self, step: int, doubts: Sequence[Doubt]) -> tuple[Reason, ...]:
        """Return a reason for every doubt of this step, and one for each kind that is still held."""
        reasons, raised = list[Reason](), set[Key]()
        for doubt in doubts:
            raised |= {(doubt.cause, who) for who in doubt.prosumers or (EVERYBODY,)}
            cost = f"; {COST[doubt.loss]}" if doubt.loss in COST else ""
            reasons.append(Reason(cause=doubt.cause, text=doubt.text + cost, prosumers=doubt.prosumers))
        waiting: dict[tuple[Cause, str], list[int]] = {}
        for (cause, who), hold in self._latches.held.items():
            if (cause, who) not in raised:
                cost = ", ".join(COST[loss] for loss in Loss if loss in hold.losses)
                waiting.setdefault((cause, cost), []).append(who)
        for (cause, cost), everyone in waiting.items():
            since = min(self._latches.held[cause, who].since for who in everyone)
            text = f"{cause} {_of(everyone)}has been held for {step - since} step(s); {cost}"
            reasons.append(Reason(cause=cause, text=text, prosumers=_places(everyone)))
        return tuple(reasons)


def _restored(ended: Sequence[Ended]) -> tuple[Reason, ...]:
    """Return one reason for each cause that is over."""
    over: dict[Cause, list[Ended]] = {}
    for end in ended:
        over.setdefault(end.key[0], []).append(end)
    reasons = []
    for cause, ends in over.items():
        everyone = [end.key[1] for end in ends]
        text = f"{cause} {_of(everyone)}is over after {max(end.steps for end in ends)} step(s); trusted again"
        reasons.append(Reason(cause=Cause.TRUST_RESTORED, text=text, prosumers=_places(everyone)))
    return tuple(reasons)


def _places(everyone: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(who for who in everyone if who != EVERYBODY))


def _of(everyone: Sequence[int]) -> str:
    places = _places(everyone)
    if not places:
        return ""
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f"of prosumer{'s' if len(places) > 1 else ''} {', '.join(map(str, places[:SHOWN]))}{more} "
