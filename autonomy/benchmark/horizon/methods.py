"""What is timed: our interior point, and general solvers on the same program and on the textbook's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from autonomy.benchmark.horizon import textbook
from autonomy.benchmark.horizon.verdict import Answered
from autonomy.benchmark.method import Answer
from autonomy.layers.projection.question import Question
from autonomy.solvers.allocation import CENTRE, WEIGHT, Status
from autonomy.solvers.general import BARE
from autonomy.solvers.horizon import sparse
from autonomy.solvers.horizon.certificate import dual_bound, measure
from autonomy.solvers.horizon.program import HorizonSolution
from autonomy.solvers.quadratic import (
    QuadraticSetup,
    QuadraticSolution,
    QuadraticSolver,
    QuadraticStructure,
    infeasibility,
    objective,
)

STRUCTURED = "structured"
"""The method that ratios are to."""
PIQP_TOLERANCE = 1e-8
"""The loosest power of ten with which all answers of PIQP were right; at 1e-7, four of five at H = 96 were not."""


class HorizonMethod(Protocol):
    """One row of the benchmark; as `autonomy.benchmark.method.Method`, for programs over a horizon."""

    @property
    def name(self) -> str:
        """How tables call it."""
        ...

    def arguments(self, questions: Sequence[Question]) -> list[Any]:
        """Return what the timed call gets, one an instance; untimed."""
        ...

    def setup(self, question: Question) -> Answer:
        """Return the method set up for the structure of `question`; timed apart."""
        ...

    def read(self, question: Question, answer: Any) -> Answered:
        """Return an answer in the terms that all forms share; untimed."""
        ...


def methods() -> dict[str, HorizonMethod]:
    """Return all methods by name; a library that is missing shows when its method is set up."""
    piqp = partial(_piqp, PIQP_TOLERANCE)
    every: tuple[HorizonMethod, ...] = (
        StructuredMethod(),
        KernelMethod(),
        GeneralMethod(name="piqp-direct", start=piqp),
        TextbookMethod(name="piqp-textbook", start=piqp),
        GeneralMethod(name="piqp-tight", start=BARE["piqp"]),
        GeneralMethod(name="clarabel", start=BARE["clarabel"]),
        GeneralMethod(name="highs", start=BARE["highs"]),
    )
    return {method.name: method for method in every}


@dataclass(frozen=True, kw_only=True, slots=True)
class StructuredMethod:
    """`StructuredHorizon.solve(program)`, as the look-ahead calls it."""

    name: str = STRUCTURED

    def arguments(self, questions: Sequence[Question]) -> list[Any]:
        """Return the programs."""
        return [question.program for question in questions]

    def setup(self, question: Question) -> Answer:
        """Return the solver's `solve`."""
        from autonomy.solvers.horizon.structured import StructuredHorizon  # noqa: PLC0415 - loads Numba

        return StructuredHorizon(question.prepared.structure).solve

    def read(self, question: Question, answer: Any) -> Answered:
        """Return the answer; each battery has one number a step."""
        return one_number(question, answer)


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelMethod:
    """The machine code of "structured" alone, its arrays filled before the clock starts."""

    name: str = "structured-kernel"

    def arguments(self, questions: Sequence[Question]) -> list[Any]:
        """Return one solver an instance, loaded."""
        from autonomy.solvers.horizon.structured import StructuredHorizon  # noqa: PLC0415 - loads Numba

        solvers = [StructuredHorizon(question.prepared.structure) for question in questions]
        for solver, question in zip(solvers, questions, strict=True):
            solver.load(question.program)
        return solvers

    def setup(self, question: Question) -> Answer:  # noqa: ARG002 - see `HorizonMethod`
        """Return the call of the machine code."""
        return lambda solver: (solver, solver.run())

    def read(self, question: Question, answer: Any) -> Answered:
        """Return what the arrays hold."""
        solver, outcome = answer
        return one_number(question, solver.answer(outcome))


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneralMethod:
    """A general solver on the same program, on values that are ready before the clock starts."""

    name: str
    start: QuadraticSetup

    def arguments(self, questions: Sequence[Question]) -> list[Any]:
        """Return the instances' values."""
        return [sparse.values(question.prepared.structure, question.program) for question in questions]

    def setup(self, question: Question) -> Answer:
        """Return the solver's `solve`."""
        return self.start(question.prepared.statement).solve

    def read(self, question: Question, answer: Any) -> Answered:
        """Return the answer; each battery has one number a step."""
        column, x = sparse.columns(question.prepared.structure), answer.x
        solution = HorizonSolution(
            point=x[column.first],
            given=x[column.given],
            level=x[column.level],
            missing=x[column.missing],
            row_multipliers=answer.row_multipliers,
            status=answer.status,
            message=answer.message,
        )
        return one_number(question, solution)


@dataclass(frozen=True, kw_only=True, slots=True)
class TextbookMethod:
    """A general solver on the form with charge and discharge apart, values ready before the clock starts."""

    name: str
    start: QuadraticSetup

    def arguments(self, questions: Sequence[Question]) -> list[Any]:
        """Return the instances' values."""
        return [textbook.values(question.prepared.structure, question.program) for question in questions]

    def setup(self, question: Question) -> Answer:
        """Return the solver's `solve`."""
        return self.start(textbook.state(question.prepared.structure)).solve

    def read(self, question: Question, answer: Any) -> Answered:
        """Return the answer as it is: what a battery charges and what it discharges."""
        structure, program = question.prepared.structure, question.program
        found: QuadraticSolution = answer
        at, given, statement = (
            textbook.blocks(structure),
            textbook.values(structure, program),
            textbook.state(structure),
        )
        return Answered(
            charge_kw=found.x[at.charge],
            discharge_kw=found.x[at.discharge],
            missing_kw=found.x[at.missing],
            violation=infeasibility(statement, given, found.x),
            objective=objective(statement, given, found.x) + _constant(question),
            bound=dual_bound(statement, given, found.row_multipliers) + _constant(question),
            claimed=found.status is Status.SOLVED,
            message=found.message,
        )


def one_number(question: Question, solution: HorizonSolution) -> Answered:
    """Return an answer in which each battery has one number a step."""
    prepared = question.prepared
    held = measure(prepared.structure, prepared.statement, question.program, solution)
    plan = np.vstack([solution.point[0][prepared.structure.cell], solution.given])
    return Answered(
        charge_kw=np.maximum(-plan, 0.0),
        discharge_kw=np.maximum(plan, 0.0),
        missing_kw=solution.missing[:, 0],
        violation=held.violation,
        objective=held.objective,
        bound=held.objective - held.gap,
        claimed=solution.status is Status.SOLVED,
        message=solution.message,
    )


def _constant(question: Question) -> float:
    """Return what the quadratic programs leave out of f."""
    cells = question.program.first.cells
    return float(np.sum(cells[WEIGHT] / 2 * cells[CENTRE] ** 2))


def _piqp(tolerance: float, structure: QuadraticStructure) -> QuadraticSolver:
    from autonomy.solvers.general.piqp import PiqpSolver  # noqa: PLC0415 - optional library

    setup: Callable[..., QuadraticSolver] = PiqpSolver
    return setup(structure, tolerance=tolerance)
