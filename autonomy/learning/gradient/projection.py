"""Layer 2 for torch: forwards the exact projection of many communities, backwards its vector-Jacobian product.

No solver is unrolled: the active limits of each answer give the derivative in closed form, see
`autonomy.solvers.batch.BatchSolver.pull_back`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from autonomy.layers import physics
from autonomy.layers.community import Community
from autonomy.layers.projection.program import BATTERY_WEIGHT, ProjectionProgram
from autonomy.layers.supervision.rating import Ratings
from autonomy.solvers.allocation import CENTRE, DROP, LEAST, LIFT, LOWER, MOST, UPPER, WEIGHT
from autonomy.solvers.batch import BatchSolver, Stack


class Projection:
    """The projection of one community, at its own ratings."""

    def __init__(self, community: Community) -> None:
        program = ProjectionProgram(community)
        self.network, self.solver = community.network, BatchSolver(program.hierarchy)
        self.ratings = program.ratings(Ratings(community).default)

    def __call__(
        self, wanted: Tensor, box: tuple[Tensor, Tensor], pv_kw: Stack, demand_kw: Stack
    ) -> tuple[Tensor, ...]:
        """Return (B, N) kW battery power, curtailment and shed load nearest to (B, N) kW `wanted`.

        Gradients flow to `wanted` and to the box, (B, N) kW lowest and highest battery power.
        """
        given = self, pv_kw, demand_kw
        answer: tuple[Tensor, ...] = _Project.apply(wanted, *box, given)  # type: ignore[no-untyped-call]  # torch's own
        return answer


class _Project(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, wanted: Tensor, lower: Tensor, upper: Tensor, given: tuple[Projection, Stack, Stack]
    ) -> tuple[Tensor, ...]:
        projection, pv, demand = given
        ratings, base, connected = projection.ratings, pv - demand, projection.ratings.reach_kw.size
        cells = np.empty((wanted.shape[0], MOST + 1 if connected else LEAST, wanted.shape[1]))
        cells[:, WEIGHT], cells[:, CENTRE] = BATTERY_WEIGHT, -wanted.numpy()
        cells[:, LOWER], cells[:, UPPER] = -upper.numpy(), -lower.numpy()
        cells[:, DROP], cells[:, LIFT] = pv, demand
        if connected:
            cells[:, LEAST:] = ratings.reach_kw - base[:, None]
        bounds = ratings.line_bounds_kw - physics.line_flows(projection.network, base)[:, None]
        solution = projection.solver.solve(cells, bounds, ratings.relief)
        context.instance = projection, cells, bounds, solution
        battery, curtail, shed = -solution.points[:, 0], solution.points[:, 1], solution.points[:, 2]
        return torch.from_numpy(battery), torch.from_numpy(curtail), torch.from_numpy(shed)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        projection, cells, bounds, solution = context.instance
        battery, curtail, shed = (gradient.numpy() for gradient in gradients)
        cotangents = np.stack([-battery, curtail, shed], axis=1)
        pulled = projection.solver.pull_back(cells, bounds, projection.ratings.relief, solution, cotangents).cells
        wanted, upper, lower = (torch.from_numpy(-pulled[:, row]) for row in (CENTRE, LOWER, UPPER))
        return wanted, lower, upper, None
