"""What a monitor sees, what it may doubt, and how far it can be trusted: the seam between the controller and monitors.

A monitor sees every step after the screen has read it and before the policy is asked. It says what it doubts, never
what is to be done: the supervisor takes from every doubt the least trust that answers it (`Loss`), holds it for a while
(latch), and gives it back by itself when the monitor has been silent long enough (hysteresis).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Decision
from autonomy.layers.situation import Situation
from autonomy.layers.supervision.reading import Reading, elapsed_s


class Loss(StrEnum):
    """What a doubt takes away, from least to most."""

    NOTE = "note"
    """Nothing: the decision only says so."""
    MARKET = "market"
    """Trades: the prosumers concerned do not offer anything."""
    BATTERY = "battery"
    """The state of charge: the batteries concerned stand still."""
    METER = "meter"
    """Demand or generation: the prosumers concerned live inside their fair shares (isolated), the others go on."""
    POLICY = "policy"
    """The policy, not the meters: the recovery ladder answers, from its first rung (support)."""
    BLIND = "blind"
    """Every measurement: dead stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubt:
    """What a monitor found.

    Attributes:
        cause: The kind, for programs.
        text: One sentence, for people, with the figure that raised it and what was expected.
        loss: What cannot be trusted.
        prosumers: Indices of those concerned; empty for the whole community.
        unexplained_kw: kW that the community exported beyond what its nodes explain, < 0 for imports; 0 for none.
            Nobody knows at which node, so the feeder keeps that much of its limit free while the doubt is held.
    """

    cause: Cause
    text: str
    loss: Loss
    prosumers: tuple[int, ...] = ()
    unexplained_kw: float = 0.0


class Sight(NamedTuple):
    """One step as a monitor sees it.

    Attributes:
        community: The community.
        step: Number of the step, 0 for the first after a reset.
        given: What the host gave, unscreened; any value may be anything.
        situation: The same after the screen: finite, of the right shape, with the screen's own doubts resolved.
        previous: What the host gave at the step before, None at the first. A host that reuses its arrays has changed
            it meanwhile; `before` holds copies.
        decided: What was decided at the step before, None at the first.
        reading: The optional channels of this step, read and copied; None where nobody needs them.
        before: The same of the step before, None at the first.
        acted: What the last decision was made from, after all doubts; None at the first step.
        elapsed_s: s from the reading of the step before to this one, as `since` finds it.
        is_obeyed: Whether the host did to the bit what was decided, as `since` finds it.
    """

    community: Community
    step: int
    given: Mapping[str, Any]
    situation: Situation
    previous: Mapping[str, Any] | None
    decided: Decision | None
    reading: Reading | None = None
    before: Reading | None = None
    acted: Situation | None = None
    elapsed_s: float | None = None
    is_obeyed: bool = False


def since(before: Reading | None, now: Reading | None, decided: Decision | None) -> tuple[float | None, bool]:
    """Return what several monitors ask of the last two steps.

    Args:
        before: The reading of the step before.
        now: The reading of this step.
        decided: What was decided at the step before.

    Returns:
        s between the two readings, None where they cannot be compared, and whether the host reports to have done
        exactly what was decided.
    """
    if now is None:
        return None, False
    is_obeyed = (
        decided is not None
        and now.applied_kw is not None
        and decided.battery_kw.tobytes() == now.applied_kw.tobytes()  # in a quarter of the time that numbers take
    )
    return None if before is None else elapsed_s(before, now), is_obeyed


class Watch(Protocol):
    """A monitor. It keeps what it needs from step to step, and nothing else changes it."""

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return what is in doubt at this step; if it raises, the controller goes on and says so."""
        ...

    def reset(self) -> None:
        """Forget every step seen."""
        ...
