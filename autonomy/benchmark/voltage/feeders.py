"""Instances in which voltages bind: homes on a feeder at noon or in the evening, more than the cables carry.

A feeder is a random tree, four lines in five going on from the last bus and one branching off any earlier one, with one
home a bus and random line resistances. These are set so that without voltage limits, and with every battery doing what
it was asked to, voltages would leave their band by the factor `STRAIN` in the first instance; lines are limited too. By
turns it is noon (generation, upper limits) and evening (none, lower limits). What is meant is not believed: an instance
is used only when a certified answer has a voltage that binds, and how many were not is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autonomy.benchmark.instances import POWER_KW, RELIEF, NoInstanceError, UncertifiedError
from autonomy.benchmark.voltage.verdict import FEASIBLE, GAP
from autonomy.solvers.allocation import DROP, LIFT, Allocation, Hierarchy, Status, Vector, allocation
from autonomy.solvers.potential import PotentialAllocation, PotentialBackend, PotentialSetup, certify_potential

BAND = 0.1
"""Squared voltages may leave the grid's by this, per unit: about 5 % of the voltage."""
STRAIN = 2.0
"""How many times the band voltages would leave it without limits, at the worst bus of the first instance."""
GOES_ON = 0.8
"""Share of the lines that go on from the last bus."""
DRAWS = 50
"""Attempts at an instance in which a voltage binds."""
NOTICEABLE = 1e-6
"""Multipliers, per unit of the largest and 1, below which a limit does not bind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is measured.

    Attributes:
        n: Buses, and homes.
        seed: Everything random is drawn from it and from n.
    """

    n: int
    seed: int


class Drawn(NamedTuple):
    """Instances of a case, all on the same feeder.

    Attributes:
        problems: The instances.
        bound: (K,) buses whose voltage binds, in each.
        lines: (K,) lines that bind, in each.
        draws: How many instances were drawn to have these.
    """

    problems: tuple[PotentialAllocation, ...]
    bound: tuple[int, ...]
    lines: tuple[int, ...]
    draws: int


def draw(case: Case, count: int, reference: PotentialSetup) -> Drawn:
    """Return `count` instances in which at least one voltage binds.

    Raises:
        UncertifiedError: the reference has no certified answer to an instance.
        NoInstanceError: no instance with a voltage that binds could be drawn.
    """
    random = np.random.default_rng([case.seed, case.n])
    hierarchy = feeder(case.n, random)
    resistance = random.uniform(0.2, 1.8, case.n)
    problems, bound, lines, draws = list[PotentialAllocation](), list[int](), list[int](), 0
    coefficient: Vector | None = None
    solver: PotentialBackend | None = None
    while len(problems) < count:
        if draws >= DRAWS * count:
            raise NoInstanceError(f"no instance with a voltage that binds among {draws} draws of {case}")
        plain, asked = _homes(hierarchy, random, noon=len(problems) % 2 == 0)
        draws += 1
        if coefficient is None or solver is None:
            rise = float(np.abs(hierarchy.spread(resistance * hierarchy.totals(asked))).max())
            coefficient = resistance * (STRAIN * BAND / rise)
            solver = reference(hierarchy, coefficient)
        rise_folded = hierarchy.spread(coefficient * hierarchy.totals(plain.cells[DROP] - plain.cells[LIFT]))
        problem = PotentialAllocation(
            allocation=plain,
            coefficient=coefficient,
            potential_bounds=np.stack([-BAND - rise_folded, BAND - rise_folded]),
        )
        found = _binding(case, problem, solver)
        if found[0]:
            problems.append(problem)
            bound.append(found[0])
            lines.append(found[1])
    return Drawn(tuple(problems), tuple(bound), tuple(lines), draws)


def feeder(n: int, random: np.random.Generator) -> Hierarchy:
    """Return N buses with a home each."""
    buses = np.arange(n)
    earlier = np.floor(random.random(n) * buses).astype(np.int64)
    parent = np.where(random.random(n) < GOES_ON, buses - 1, earlier)
    parent[0] = -1
    return Hierarchy(parent=parent, group_of=buses)


def _homes(hierarchy: Hierarchy, random: np.random.Generator, *, noon: bool) -> tuple[Allocation, Vector]:
    """Return an instance without voltages, and the exports (N,) kW if batteries did what they were asked to."""
    n = hierarchy.n_cells
    demand = random.gamma(2.0, 0.8, n) if noon else random.gamma(4.0, 2.0, n)
    pv = random.gamma(3.0, 3.0, n) * (random.random(n) < 0.7) if noon else np.zeros(n)
    size, wish = POWER_KW * random.random(n), random.uniform(-POWER_KW, POWER_KW, n)
    asked = pv - demand + np.clip(wish, -size, size)
    flow, folded = hierarchy.totals(asked), hierarchy.totals(pv - demand)
    limit = np.abs(flow) * random.uniform(0.7, 2.0, n) + 1.0
    plain = allocation(
        hierarchy,
        centre=wish,
        lower=-size,
        upper=size,
        drop=pv,
        lift=demand,
        total_lower=-limit - folded,
        total_upper=limit - folded,
        relief=RELIEF,
    )
    return plain, asked


def _binding(case: Case, problem: PotentialAllocation, solver: PotentialBackend) -> tuple[int, int]:
    """Return how many voltages and lines bind in a certified answer."""
    answer = solver.solve(problem)
    gap = certify_potential(problem, answer).gap / (1.0 + abs(problem.allocation.objective(answer.point)))
    out = max(problem.allocation.infeasibility(answer.point), problem.excess(answer.point))
    if not (answer.status is Status.SOLVED and abs(gap) <= GAP and out <= FEASIBLE):
        said = answer.message or f"{answer.status}, violation {out:.1e}, relative gap {gap:.1e}"
        raise UncertifiedError(f"the reference has no certified answer to an instance of {case}: {said}")
    voltages, lines = np.abs(answer.potential_multipliers), np.abs(answer.multipliers)
    counts = (np.count_nonzero(prices > NOTICEABLE * (1.0 + prices.max())) for prices in (voltages, lines))
    bound, binding = counts
    return int(bound), int(binding)
