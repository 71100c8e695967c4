"""What is timed: our solver along the tree, and general solvers on the same problem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from autonomy.benchmark.method import Answer
from autonomy.solvers.allocation import WEIGHT, Hierarchy, Status, Vector
from autonomy.solvers.general import BARE
from autonomy.solvers.potential import PotentialAllocation, PotentialBackend, PotentialSolution
from autonomy.solvers.potential_general import GeneralPotentialSolver
from autonomy.solvers.quadratic import QuadraticSetup, QuadraticSolver, QuadraticStructure

TREE = "tree"
"""The method that ratios are to."""
PIQP_TOLERANCE = 1e-8
"""The loosest power of ten with which PIQP's answers up to 1,000 buses were right; at 1e-7 one was not."""


class VoltageMethod(Protocol):
    """One row of the benchmark; as `autonomy.benchmark.method.Method`, for problems with potentials."""

    @property
    def name(self) -> str:
        """How tables call it."""
        ...

    def arguments(self, problems: Sequence[PotentialAllocation]) -> list[Any]:
        """Return what the timed call gets, one an instance; untimed."""
        ...

    def setup(self, problem: PotentialAllocation) -> Answer:
        """Return the method set up for the feeder of `problem`; timed apart."""
        ...

    def read(self, problem: PotentialAllocation, answer: Any) -> PotentialSolution:
        """Return an answer in the terms of the instance; untimed."""
        ...


def methods() -> dict[str, VoltageMethod]:
    """Return all methods by name; a library that is missing shows when its method is set up."""
    every: tuple[VoltageMethod, ...] = (
        SolverMethod(name=TREE, start=specialised),
        MachineMethod(),
        DirectMethod(name="piqp-direct", start=partial(_piqp, PIQP_TOLERANCE)),
        DirectMethod(name="piqp-tight", start=BARE["piqp"]),
        *(SolverMethod(name=name, start=partial(_general, name)) for name in ("piqp", "clarabel", "highs", "osqp")),
    )
    return {method.name: method for method in every}


@dataclass(frozen=True, kw_only=True, slots=True)
class SolverMethod:
    """`solve(problem)` of a solver of problems with potentials: stated, solved, checked."""

    name: str
    start: Callable[[Hierarchy, Vector], PotentialBackend]

    def arguments(self, problems: Sequence[PotentialAllocation]) -> list[Any]:
        """Return the instances themselves."""
        return list(problems)

    def setup(self, problem: PotentialAllocation) -> Answer:
        """Return the solver's `solve`."""
        return self.start(problem.allocation.hierarchy, problem.coefficient).solve

    def read(self, problem: PotentialAllocation, answer: Any) -> PotentialSolution:  # noqa: ARG002 - see `VoltageMethod`
        """Return the answer as it is."""
        solution: PotentialSolution = answer
        return solution


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineMethod:
    """The machine code of "tree" alone, its arrays ready before the clock starts; it judges its answer too."""

    name: str = "tree-kernel"

    def arguments(self, problems: Sequence[PotentialAllocation]) -> list[Any]:
        """Return what the machine code takes: the instance, one workspace for all, and room for the answer."""
        from autonomy.solvers.potential_solver import PotentialSolver  # noqa: PLC0415 - loads Numba

        first = problems[0]
        solver = PotentialSolver(first.allocation.hierarchy, first.coefficient)
        n, bounds = first.allocation.hierarchy.n_cells, first.potential_bounds.shape
        return [
            (
                problem.allocation.cells,
                problem.allocation.bounds,
                problem.potential_bounds,
                *problem.allocation.relief.prices,
                *solver.workspace,
                solver.scale,
                0.0,
                np.zeros((4, n)),
                np.zeros(bounds),
            )
            for problem in problems
        ]

    def setup(self, problem: PotentialAllocation) -> Answer:  # noqa: ARG002 - see `VoltageMethod`
        """Return the call of the machine code."""
        from autonomy.solvers.barrier.entry import solve  # noqa: PLC0415 - loads Numba

        return lambda given: (solve(*given), given)

    def read(self, problem: PotentialAllocation, answer: Any) -> PotentialSolution:  # noqa: ARG002 - see `VoltageMethod`
        """Return a copy of what was written."""
        from autonomy.solvers.barrier.entry import BINDS, SLACK  # noqa: PLC0415 - loads Numba

        outcome, given = answer
        solved = outcome in (BINDS, SLACK)
        written, multipliers = given[-2].copy(), given[-1].copy()
        return PotentialSolution(
            point=written[:3],
            cell_multipliers=written[3],
            multipliers=multipliers[0],
            potential_multipliers=multipliers[1],
            status=Status.SOLVED if solved else Status.FAILED,
            message="" if solved else "the barrier method has no good answer",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectMethod:
    """A general solver on values that are ready before the clock starts; nothing is checked inside the clock."""

    name: str
    start: QuadraticSetup

    def arguments(self, problems: Sequence[PotentialAllocation]) -> list[Any]:
        """Return the instances' values."""
        general = self._general(problems[0])
        return [general.values(problem, general.statement(problem)) for problem in problems]

    def setup(self, problem: PotentialAllocation) -> Answer:
        """Return the solver's `solve`."""
        general, given = self._general(problem), problem.allocation
        structure = general.structure(given.cells[WEIGHT], given.relief, general.statement(problem))
        return self.start(structure).solve

    def read(self, problem: PotentialAllocation, answer: Any) -> PotentialSolution:
        """Return the answer in the terms of the instance."""
        general = self._general(problem)
        return general.read(problem, general.statement(problem), answer)

    def _general(self, problem: PotentialAllocation) -> GeneralPotentialSolver:
        return GeneralPotentialSolver(problem.allocation.hierarchy, problem.coefficient, self.start)


def specialised(hierarchy: Hierarchy, coefficient: Vector) -> PotentialBackend:
    """Return our solver."""
    from autonomy.solvers.potential_solver import PotentialSolver  # noqa: PLC0415 - loads Numba

    return PotentialSolver(hierarchy, coefficient)


def _general(name: str, hierarchy: Hierarchy, coefficient: Vector) -> PotentialBackend:
    return GeneralPotentialSolver(hierarchy, coefficient, BARE[name])


def _piqp(tolerance: float, structure: QuadraticStructure) -> QuadraticSolver:
    from autonomy.solvers.general.piqp import PiqpSolver  # noqa: PLC0415 - optional library

    setup: Callable[..., QuadraticSolver] = PiqpSolver
    return setup(structure, tolerance=tolerance)
