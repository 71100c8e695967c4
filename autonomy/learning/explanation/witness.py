"""A journal that keeps in memory what a policy was told and wanted, and what was decided."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.entry import Entry
from autonomy.layers.arrays import Vector
from autonomy.layers.decision import Decision
from autonomy.layers.observation import Observation


class Seen(NamedTuple):
    """One step.

    Attributes:
        observation: What the controller was told.
        wanted_kw: (N,) kW, the policy's battery intent, + = charge; NaN where it had none.
        decision: What was decided.
    """

    observation: Observation
    wanted_kw: Vector
    decision: Decision


class Witness:
    """Keeps every step it is told of, in `steps`."""

    def __init__(self) -> None:
        self.steps: list[Seen] = []

    def record(self, entry: Entry) -> None:
        """Keep a step."""
        intent = None if entry.wish is None else entry.wish.intent
        decision = entry.decision
        wanted = np.full(decision.battery_kw.size, np.nan) if intent is None else intent.battery_kw.copy()
        self.steps.append(Seen(Observation(**entry.given), wanted, decision))
