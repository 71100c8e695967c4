"""The machine code of backend "exact" on its own: arrays in, arrays out, no object made. The row "exact-kernel"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.benchmark.method import Answer
from autonomy.solvers.allocation import Allocation, Solution


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelMethod:
    """`autonomy.solvers.kernel.solve.solve` with everything it takes ready before the clock starts."""

    name: str = "exact-kernel"
    kind: str = "kernel"

    def arguments(self, problems: Sequence[Allocation]) -> list[Any]:
        """Return what the machine code takes: the instance, room for the answer, and one workspace for all."""
        from autonomy.solvers.compiled import CompiledSolver  # noqa: PLC0415 - loads Numba
        from autonomy.solvers.kernel.solve import ANSWER  # noqa: PLC0415

        workspace = CompiledSolver(problems[0].hierarchy).workspace
        return [
            (
                problem.cells,
                problem.bounds,
                problem.relief.drop_price,
                problem.relief.lift_price,
                problem.relief.smoothing,
                np.zeros((ANSWER + 1, problem.hierarchy.n_cells)),
                np.zeros(problem.hierarchy.n_groups),
                workspace,
            )
            for problem in problems
        ]

    def setup(self, problem: Allocation) -> Answer:  # noqa: ARG002 - see `Method`
        """Return the call of the machine code."""
        from autonomy.solvers.kernel.solve import solve  # noqa: PLC0415

        def call(given: Any) -> Any:
            return solve(*given), given

        return call

    def read(self, problem: Allocation, answer: Any) -> Solution:  # noqa: ARG002 - see `Method`
        """Return a copy of what was written."""
        from autonomy.solvers.compiled import ANSWERS  # noqa: PLC0415

        code, given = answer
        written, multipliers = given[5], given[6]
        status, message = ANSWERS[code]
        return Solution(
            point=written[:3].copy(),
            cell_multipliers=written[3].copy(),
            multipliers=multipliers.copy(),
            status=status,
            message=message,
        )
