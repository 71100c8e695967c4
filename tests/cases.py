"""Cases of the benchmark of projections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autonomy.benchmark.instances import Case
from autonomy.benchmark.machine import describe
from autonomy.benchmark.method import BackendMethod
from autonomy.benchmark.methods import EXACT
from autonomy.benchmark.projection import Run, Settings
from autonomy.benchmark.row import Outcome, Row
from autonomy.solvers.allocation import Allocation, Hierarchy, Solution, Status
from autonomy.solvers.nested import NestedSolver

MACHINE = describe(triad_bytes_per_s=1e10, clock_overhead_s=0.0)


def case(**changes: Any) -> Case:
    return replace(Case(topology="tree", regime="export-bound", n=6, seed=1), **changes)


def asked(**changes: Any) -> Settings:
    small = Settings(
        sizes=(4,), regimes=("shed",), topologies=("tree",), seed=0, calls=10, budget_s=0.5, time_limit_s=0.5
    )
    return replace(small, **changes)


class Lying:
    """Calls the clipped intent solved."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy

    def solve(self, problem: Allocation) -> Solution:
        n = self.hierarchy.n_cells
        x = np.clip(problem.cells[1], problem.cells[2], problem.cells[3])
        return Solution(
            point=np.stack([x, np.zeros(n), np.zeros(n)]),
            cell_multipliers=np.zeros(n),
            multipliers=np.zeros(self.hierarchy.n_groups),
            status=Status.SOLVED,
        )


OURS = BackendMethod(name=EXACT, start=NestedSolver)


def rows_of(found: Sequence[Any], **changes: Any) -> dict[str, Row]:
    wanted = asked(**changes)
    run = Run([OURS, *found], wanted, NestedSolver, MACHINE)
    run.warm_up()
    return {row.method: row for chosen in wanted.cases() for row in run.measure(chosen, lambda name: None)}


def row(**changes: Any) -> Row:
    plain = Row(method="m", kind="backend", topology="tree", regime="shed", n=4, lines=4, outcome=Outcome.RAN)
    return replace(plain, **changes)
