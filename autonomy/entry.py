"""What a controller tells its journal: the terms it decides under, and one entry a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision, Reason
from autonomy.layers.intent import Policy, Wish
from autonomy.layers.projection import Lookahead
from autonomy.layers.supervision import Heard, Watch
from autonomy.layers.voltage import VoltageLimits
from autonomy.supervisor import Supervisor


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Terms:
    """Everything but the data that a controller's decisions depend on: with them a step can be decided again.

    Attributes:
        community: What is controlled.
        policy: Name, path or callable, as it was given.
        backend: Name of the projection backend.
        supervisor: Settings of Layer 3.
        monitors: Those that were given; None for the default ones, which follow from community and settings.
        look_ahead: The look-ahead, or None.
        voltage: Voltage limits, or None.
    """

    community: Community
    policy: Policy | str
    backend: str
    supervisor: Supervisor
    monitors: tuple[Watch, ...] | None
    look_ahead: Lookahead | None
    voltage: VoltageLimits | None


class Entry(NamedTuple):
    """One step, as a journal is told of it.

    Attributes:
        terms: One and the same object for as long as it is the same controller.
        step: Number of the step since the controller's last reset.
        previous_kw: (N,) kW, the battery powers that the controller took for the last ones, + = charge.
        given: The observation as the host gave it; any value may be anything.
        heard: What the monitors said.
        answer: What the policy returned; None when it did not, or was not asked.
        wish: How the answer was read; None when the policy was not asked.
        decision: What was decided.
    """

    terms: Terms
    step: int
    previous_kw: Vector
    given: Mapping[str, Any]
    heard: Heard
    answer: Any
    wish: Wish | None
    decision: Decision


class Journal(Protocol):
    """Anything that keeps decisions; `autonomy.journal.JsonLinesJournal` writes a file."""

    def record(self, entry: Entry) -> Reason | None:
        """Keep one decision before it is returned to the host; return why it could not be kept, else None."""
        ...
