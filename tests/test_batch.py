"""Many instances at once: the same answers as one by one, and a derivative that others confirm."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
import torch
from cvxpylayers.torch import CvxpyLayer

from autonomy.solvers.allocation import Allocation, Hierarchy, Relief, Status, allocation
from autonomy.solvers.batch import BatchSolver
from autonomy.solvers.compiled import CompiledSolver
from tests.programs import random_program

STEP = 1e-6


def family(rng, regime, count, **sizes):
    """One hierarchy, `count` sets of data around those of a random program."""
    first = random_program(rng, regime, **sizes)
    first = Allocation(
        hierarchy=first.hierarchy,
        cells=first.cells,
        bounds=first.bounds,
        relief=Relief(drop_price=0.01, lift_price=12.0, smoothing=0.05),
    )
    cells = np.repeat(first.cells[None], count, axis=0)
    cells[:, 1] += rng.normal(0.0, 0.3, cells[:, 1].shape)
    bounds = np.repeat(first.bounds[None], count, axis=0)
    # Nested groups of a random program may bind at the same price, a kink; away from it there is one derivative.
    bounds += rng.uniform(-0.05, 0.05, (count, 1, bounds.shape[2]))
    cells[:, 6:] += rng.uniform(-0.02, 0.02, cells[:, 6:].shape)
    return first, cells, bounds


@pytest.mark.parametrize("regime", ["slack", "export", "import", "shed"])
def test_a_batch_answers_what_its_members_answer_to_the_last_bit(regime):
    rng = np.random.default_rng(11)
    for _ in range(20):
        first, cells, bounds = family(rng, regime, 7, max_cells=30, max_groups=6)
        batch = BatchSolver(first.hierarchy).solve(cells, bounds, first.relief)
        for k in range(7):
            alone = Allocation(hierarchy=first.hierarchy, cells=cells[k], bounds=bounds[k], relief=first.relief)
            answer = CompiledSolver(first.hierarchy).solve(alone)
            assert (batch.codes[k] == 0) == (answer.status is Status.SOLVED)
            np.testing.assert_array_equal(batch.points[k], answer.point)
            np.testing.assert_array_equal(batch.multipliers[k], answer.multipliers)
            np.testing.assert_array_equal(batch.cell_multipliers[k], answer.cell_multipliers)


def test_one_unsound_member_does_not_spoil_the_others():
    first, cells, bounds = family(np.random.default_rng(3), "export", 3)
    cells[1, 1, 0] = np.nan
    batch = BatchSolver(first.hierarchy).solve(cells, bounds, first.relief)
    assert batch.codes.tolist() == [0, 2, 0]
    assert not batch.is_solved


def differences(solver, cells, bounds, relief, cotangents):
    """Central differences of Σ cotangents·points with respect to every finite number of the data."""

    def value(c, b):
        answer = solver.solve(c, b, relief)
        assert answer.is_solved
        return float(np.sum(answer.points * cotangents))

    gradients = []
    for block in (cells, bounds):
        gradient = np.full(block.shape, np.nan)
        for place in np.argwhere(np.isfinite(block)):
            up, down = block.copy(), block.copy()
            up[tuple(place)] += STEP
            down[tuple(place)] -= STEP
            pair = ((up, bounds), (down, bounds)) if block is cells else ((cells, up), (cells, down))
            gradient[tuple(place)] = (value(*pair[0]) - value(*pair[1])) / (2 * STEP)
        gradients.append(gradient)
    return gradients


@pytest.mark.parametrize("regime", ["slack", "export", "import", "shed"])
def test_the_derivative_is_that_of_finite_differences_in_every_number_of_the_data(regime):
    rng = np.random.default_rng(7)
    moved = 0
    for _ in range(15):
        first, cells, bounds = family(rng, regime, 1, max_cells=5, max_groups=3)
        solver = BatchSolver(first.hierarchy)
        answer = solver.solve(cells, bounds, first.relief)
        if not answer.is_solved:
            continue  # the shifted centres of a bounded cell; the regimes themselves are solvable
        cotangents = rng.normal(size=answer.points.shape)
        gradient = solver.pull_back(cells, bounds, first.relief, answer, cotangents)
        expected = differences(solver, cells, bounds, first.relief, cotangents)
        for mine, theirs in zip((gradient.cells, gradient.bounds), expected, strict=True):
            known = np.isfinite(theirs)
            np.testing.assert_allclose(mine[known], theirs[known], atol=2e-5)
        moved += bool(np.abs(gradient.bounds).max() > 1e-3)
    assert moved == 0 if regime == "slack" else moved > 5


def test_the_derivative_of_a_hand_worked_knapsack():
    # min (x0 − 2)²/2 + (x1 − 1)² with x0 + x1 <= 2: x0 = 2 + p, x1 = 1 + p/2, so p = −2/3. With L = x0:
    # dx0/dr0 = 1 − (1/1)/(1 + 1/2) = 1/3, dx0/dr1 = −2/3, dx0/dU = 2/3.
    hierarchy = Hierarchy(parent=np.array([-1]), group_of=np.zeros(2, dtype=np.int64))
    problem = allocation(
        hierarchy,
        weight=np.array([1.0, 2.0]),
        centre=np.array([2.0, 1.0]),
        lower=np.full(2, -9.0),
        upper=np.full(2, 9.0),
        total_lower=np.array([-np.inf]),
        total_upper=np.array([2.0]),
    )
    solver = BatchSolver(hierarchy)
    data = (problem.cells[None], problem.bounds[None], problem.relief)
    cotangents = np.zeros((1, 3, 2))
    cotangents[0, 0, 0] = 1.0
    gradient = solver.pull_back(*data, solver.solve(*data), cotangents)
    np.testing.assert_allclose(gradient.cells[0, 1], [1 / 3, -2 / 3], atol=1e-15)
    np.testing.assert_allclose(gradient.bounds[0, 1], [2 / 3], atol=1e-15)


@pytest.mark.parametrize("regime", ["export", "import", "shed"])
def test_the_derivative_is_that_of_cvxpylayers(regime):
    rng = np.random.default_rng(5)
    first, cells, bounds = family(rng, regime, 1, max_cells=4, max_groups=1)
    cells = cells[:, :6]
    size, (weight, centre, lower, upper, drop, lift) = cells.shape[2], cells[0]
    x, u, v = cp.Variable(size), cp.Variable(size), cp.Variable(size)
    wish, low, high = cp.Parameter(size), cp.Parameter(), cp.Parameter()
    relief, y = first.relief, cp.sum(x - u + v)
    floor, ceiling = np.maximum(bounds[0, 0], -1e3), np.minimum(bounds[0, 1], 1e3)
    cost = 0.5 * cp.sum_squares(cp.multiply(np.sqrt(weight), x - wish)) + relief.drop_price * cp.sum(u)
    cost += relief.lift_price * cp.sum(v) + relief.smoothing / 2 * (cp.sum_squares(u) + cp.sum_squares(v))
    limits = [lower <= x, x <= upper, u >= 0, u <= drop, v >= 0, v <= lift, y >= low, y <= high]
    layer = CvxpyLayer(cp.Problem(cp.Minimize(cost), limits), parameters=[wish, low, high], variables=[x, u, v])
    given = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (centre, floor[0], ceiling[0])]
    cotangents = rng.normal(size=(1, 3, size))
    answers = layer(*given, solver_args={"eps": 1e-12, "max_iters": 100_000, "mode": "dense"})
    sum((torch.tensor(c) * answer).sum() for c, answer in zip(cotangents[0], answers, strict=True)).backward()
    solver = BatchSolver(first.hierarchy)
    mine = solver.solve(cells, bounds, relief)
    gradient = solver.pull_back(cells, bounds, relief, mine, cotangents)
    np.testing.assert_allclose(mine.points[0], [answer.detach() for answer in answers], atol=1e-5)
    np.testing.assert_allclose(gradient.cells[0, 1], given[0].grad, atol=1e-4)
    np.testing.assert_allclose(gradient.bounds[0, :, 0], [given[1].grad, given[2].grad], atol=1e-4)


def test_shapes_that_do_not_fit_are_refused_by_name():
    first, cells, bounds = family(np.random.default_rng(3), "export", 2)
    solver = BatchSolver(first.hierarchy)
    with pytest.raises(ValueError, match="cells have shape"):
        solver.solve(cells[:, :5], bounds, first.relief)
    with pytest.raises(ValueError, match="bounds have shape"):
        solver.solve(cells, bounds[:1], first.relief)
    answer = solver.solve(cells, bounds, first.relief)
    with pytest.raises(ValueError, match="cotangents have shape"):
        solver.pull_back(cells, bounds, first.relief, answer, answer.points[:1])
    with pytest.raises(ValueError, match="smoothing > 0"):
        solver.pull_back(cells, bounds, Relief(smoothing=0.0), answer, answer.points)
