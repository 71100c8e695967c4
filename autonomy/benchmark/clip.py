"""The elementwise clip: not a projection, but the physical lower limit of anything that touches every prosumer once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.benchmark.method import Answer
from autonomy.solvers.allocation import CENTRE, LOWER, UPPER, Allocation, Solution, Status

CLIP_BYTES = 4 * 8
"""Bytes per prosumer: the intent and both ends of its box read, the answer written."""


def clip(rows: Any) -> Any:
    """Write the intent clipped into its box to the last of the rows (intent, lower, upper, out)."""
    intent, lower, upper, out = rows
    return np.clip(intent, lower, upper, out=out)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipMethod:
    """`np.clip` of the intent into the battery's box; it knows no line, and claims nothing."""

    name: str = "clip"
    kind: str = "floor"

    def arguments(self, problems: Sequence[Allocation]) -> list[Any]:
        """Return (intent, lower, upper, out) of every instance, each row on its own."""
        rows = (problem.cells[[CENTRE, LOWER, UPPER]] for problem in problems)
        return [(*row, np.empty(row.shape[1])) for row in rows]

    def setup(self, problem: Allocation) -> Answer:  # noqa: ARG002 - see `Method`
        """Return the clip; there is nothing to set up."""
        return clip

    def read(self, problem: Allocation, answer: Any) -> Solution:
        """Return the clipped intent without curtailment or shedding."""
        n = problem.hierarchy.n_cells
        return Solution(
            point=np.stack([answer, np.zeros(n), np.zeros(n)]),
            cell_multipliers=np.zeros(n),
            multipliers=np.zeros(problem.hierarchy.n_groups),
            status=Status.FAILED,
            message="a clip knows no line",
        )
