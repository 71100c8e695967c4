"""CHECK: does a plan keep every limit? Integers, no solver, no tolerance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import all_true
from autonomy.layers.supervision.milliwatt import Bounds, Milliwatts, Plan, ledger_of

RULES = ("battery", "curtailment", "shedding", "connection", "line")
"""What the five parts of a ledger are checked for; the last one holds whatever comes after 4N entries."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One broken limit.

    Attributes:
        rule: Which limit.
        index: Which prosumer or line.
        excess_mw: By how many milliwatts.
    """

    rule: str
    index: int
    excess_mw: int


def check(bounds: Bounds, plan: Plan) -> tuple[Finding, ...]:
    """Return every limit the plan breaks; an empty tuple means that it is safe."""
    return check_ledger(bounds, ledger_of(bounds, plan))


def check_ledger(bounds: Bounds, ledger: Milliwatts) -> tuple[Finding, ...]:
    """Return every limit broken by what a plan does; see `ledger_of`."""
    inside = (bounds.lower <= ledger) & (ledger <= bounds.upper)
    return () if all_true(inside) else tuple(_finding(bounds, ledger, int(place)) for place in np.flatnonzero(~inside))


def _finding(bounds: Bounds, ledger: Milliwatts, place: int) -> Finding:
    size = bounds.size
    part = min(place // size, len(RULES) - 1)
    excess = max(int(bounds.lower[place] - ledger[place]), int(ledger[place] - bounds.upper[place]))
    return Finding(rule=RULES[part], index=place - part * size, excess_mw=excess)
