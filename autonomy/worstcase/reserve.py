"""The least that must be stored before a peak so that no load need be shed, whatever its envelope allows.

Over H steps with demand at most d and generation at least g, in exact numbers:

    minimise    Σ (start − emin)                         objective "energy"
                the largest (start − emin)/(emax − emin) objective "share"
    subject to  e_h = a·e_{h−1} + dt·(ec·charge − discharge/ed),  e in the band,  e before the window = start
                n = (g − c) − d − charge + discharge,  |n| <= K,  −Limp <= Σ_{below} n <= Lexp

No load is shed in it. The worst case of the envelope is its corner (docs/worst-case.md), so this one program answers
for all of it. What HiGHS finds is a hint: a plan in exact numbers is made of it, and its multipliers prove the bound.
A plan that charges and discharges at once would gain nothing by it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from autonomy.layers.errors import ModelError
from autonomy.solvers.linear_solution import solve
from autonomy.worstcase.amounts import text
from autonomy.worstcase.peak import Peak, Store
from autonomy.worstcase.program import ExactProgram
from autonomy.worstcase.reserve_plan import Plan, plan_from, with_room
from autonomy.worstcase.reserve_program import Objective, reserve_program
from autonomy.worstcase.search import search
from autonomy.worstcase.tree import Tree

ZERO = Fraction(0)
ALLOWED_GAP = Fraction(1, 1_000_000)
"""Gap in kWh, or as a share, up to which a reserve counts as exact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reserve:
    """The least reserve of a peak.

    Attributes:
        peak: The window.
        objective: What is least.
        plan: Starts, and what batteries then do at the corner of the envelope.
        value: kWh, or share of the band, that the plan starts with.
        bound: With less no start can promise that nothing is shed.
        program: The linear program.
        tree: The leaf that proves the bound.
        seconds: Wall-clock time.
    """

    peak: Peak
    objective: Objective
    plan: Plan
    value: Fraction
    bound: Fraction
    program: ExactProgram
    tree: Tree
    seconds: float

    @property
    def gap(self) -> Fraction:
        """Difference of value and bound, >= 0."""
        return self.value - self.bound

    @property
    def is_exact(self) -> bool:
        """Whether value and bound agree as closely as is called exact."""
        return ZERO <= self.gap <= ALLOWED_GAP

    def certificate(self) -> dict[str, Any]:
        """Return the certificate of kind "reserve"."""
        unit = "kWh above the floors" if self.objective is Objective.ENERGY else "of each battery's band"
        return {
            "format": "autonomy-certificate/1",
            "kind": "reserve",
            "statement": f"{float(self.value):.6f} {unit} are enough for {self.peak.steps} steps without shedding, "
            "and no less is.",
            **self.peak.document(),
            "objective": str(self.objective),
            "plan": self.plan.document(),
            "value": text(self.value),
            "bound": text(self.bound),
            "gap": text(self.gap),
            "allowed_gap": text(ALLOWED_GAP),
            "program": self.program.document(),
            "tree": [node.document() for node in self.tree],
        }


def least_reserve(peak: Peak, objective: Objective = Objective.ENERGY) -> Reserve:
    """Return the least reserve of a peak, proved.

    Raises:
        ModelError: even full batteries do not get through the window without shedding.
    """
    start = time.perf_counter()
    stated = reserve_program(peak, objective)
    answer = solve(with_room(stated))
    plan = plan_from(peak, stated, answer.x) if answer.found else None
    if plan is None:
        raise ModelError("demand_kw", f"a peak of {peak.steps} steps", "one that full batteries get through")
    value = worth_of(objective, peak.stores, plan.start)
    floor = sum((store.low for store in peak.stores), ZERO) if objective is Objective.ENERGY else ZERO
    found = search(
        stated.program,
        lambda _: value + floor,
        allowed_gap=ALLOWED_GAP,
        priority=[0.0] * len(stated.program.columns),
    )
    return Reserve(
        peak=peak,
        objective=objective,
        plan=plan,
        value=value,
        bound=max(found.bound - floor, ZERO),
        program=stated.program,
        tree=found.tree,
        seconds=time.perf_counter() - start,
    )


def worth_of(objective: Objective, stores: Sequence[Store], start: Sequence[Fraction]) -> Fraction:
    """Return the objective of a start: kWh above the floors, or the largest share of a band."""
    above = [held - store.low for held, store in zip(start, stores, strict=True)]
    if objective is Objective.ENERGY:
        return sum(above, ZERO)
    return max((more / store.width for more, store in zip(above, stores, strict=True) if store.width), default=ZERO)


def feeder_reserve(peak: Peak) -> Fraction:
    """Return the least energy in closed form where one line feeds equal batteries that are strong and large enough.

    With the deficit x_h = Σ d − Σ g − Limp of a step, backwards from nothing needed at the end:

        R_{h−1} = R_h + dt·x_h/ed                                where x_h >= 0
        R_{h−1} = max(0, R_h − dt·ec·min(−x_h, Σ P⁺))            where there is room to charge

    in kWh above the floors, for batteries that do not leak (a = 1).
    """
    store, limit, needed = peak.stores[0], peak.imports[0], ZERO
    if limit is None:
        return needed
    for demand, pv in zip(reversed(peak.demand), reversed(peak.pv), strict=True):
        lacking = sum(demand, ZERO) - sum(pv, ZERO) - limit
        if lacking >= 0:
            needed += peak.timestep * lacking / store.discharge_efficiency
        else:
            room = min(-lacking, sum((s.charge for s in peak.stores), ZERO))
            needed = max(ZERO, needed - peak.timestep * store.charge_efficiency * room)
    return needed
