"""Cores that are broken on purpose: a projection that lies, and a CHECK that does not look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.controller import Controller
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.projection import Projector, Proposal
from autonomy.layers.situation import SetPoints, Situation
from autonomy.layers.supervision import gate
from autonomy.layers.supervision.check import Finding

Check = Callable[[Any, Any], tuple[Finding, ...]]


class LyingProjector:
    """Says that its answer is the nearest feasible one, and asks all batteries for the same extreme at once.

    Args:
        community: What is controlled.
        is_charging: Whether for the most that they can charge, else discharge.
    """

    def __init__(self, community: Community, *, is_charging: bool) -> None:
        self._honest, self._is_charging = Projector(community), is_charging

    def project(self, situation: Situation, intent_kw: Vector) -> Proposal:
        """Return the honest proposal with other set-points."""
        battery = situation.battery_upper_kw if self._is_charging else situation.battery_lower_kw
        nothing = np.zeros_like(battery)
        lie = SetPoints(battery_kw=battery, curtail_kw=nothing, shed_kw=nothing)
        return self._honest.project(situation, intent_kw)._replace(set_points=lie, reasons=())


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """One change to the core.

    Attributes:
        name: What the files are called.
        text: What is changed, in words.
        check: CHECK as it then is.
        is_charging: Which lie it lets through.
    """

    name: str
    text: str
    check: Check
    is_charging: bool


def _blind(_bounds: Any, _ledger: Any) -> tuple[Finding, ...]:
    return ()


def _without_lower(bounds: Any, ledger: Any) -> tuple[Finding, ...]:
    return () if bool((ledger <= bounds.upper).all()) else (Finding(rule="line", index=0, excess_mw=1),)


def _without_upper(bounds: Any, ledger: Any) -> tuple[Finding, ...]:
    return () if bool((bounds.lower <= ledger).all()) else (Finding(rule="line", index=0, excess_mw=1),)


MUTANTS: tuple[Mutant, ...] = (
    Mutant(name="check-blind", text="CHECK finds nothing, ever", check=_blind, is_charging=True),
    Mutant(name="check-lower", text="CHECK forgets lower bounds: imports", check=_without_lower, is_charging=True),
    Mutant(name="check-upper", text="CHECK forgets upper bounds: exports", check=_without_upper, is_charging=False),
)


def lied_to(community: Community, *, policy: str, is_charging: bool = True) -> Controller:
    """Return a controller whose projection lies; its core is whole, and in Python, so that it can be changed."""
    controller = Controller(community, policy=policy)
    controller._projector = LyingProjector(community, is_charging=is_charging)  # type: ignore[assignment]
    controller._machine = controller._gate = None
    return controller


@contextmanager
def mutated(mutant: Mutant) -> Iterator[None]:
    """Change CHECK for as long as the block lasts."""
    whole = vars(gate)["check_ledger"]
    vars(gate)["check_ledger"] = mutant.check
    try:
        yield
    finally:
        vars(gate)["check_ledger"] = whole
