"""The solver along the tree: what it remembers changes nothing, and its machine code against plain NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.solvers.allocation import Hierarchy, Status
from autonomy.solvers.backends import exact
from autonomy.solvers.barrier.entry import BINDS, SLACK, weigh
from autonomy.solvers.barrier.entry import solve as machine_solve
from autonomy.solvers.barrier.pairs import PAIR, correct, foresee, move, open_terms, reach
from autonomy.solvers.potential import PotentialAllocation, PotentialSolution, certify_potential
from autonomy.solvers.potential_solver import PotentialSolver, _outermost_first
from tests.test_voltage import potential_problems, random_problem

S, T, Y, Z, RHO, SIGMA, OVER_S, OVER_T, THETA, FORCE, AIM, STEP = range(12)


def slack(problem: PotentialAllocation) -> PotentialAllocation:
    """The same with potentials that never bind."""
    free = np.tile([[-1e6], [1e6]], problem.coefficient.size)
    return replace(problem, potential_bounds=free)


@settings(max_examples=60, deadline=None)
@given(potential_problems(), st.booleans())
def test_what_was_solved_before_changes_no_answer(problem: PotentialAllocation, binds_first: bool) -> None:
    fresh = PotentialSolver(problem.allocation.hierarchy, problem.coefficient).solve(problem)
    used = PotentialSolver(problem.allocation.hierarchy, problem.coefficient)
    for _ in range(2):
        used.solve(problem if binds_first else slack(problem))
    again = used.solve(problem)
    assert again.status is fresh.status
    assert again.message == fresh.message
    if fresh.status is Status.SOLVED:
        np.testing.assert_array_equal(again.point, fresh.point)
        np.testing.assert_array_equal(again.potential_multipliers, fresh.potential_multipliers)


@settings(max_examples=40, deadline=None)
@given(potential_problems())
def test_slack_potentials_leave_the_plain_answer_as_it_is_after_potentials_that_bound(
    problem: PotentialAllocation,
) -> None:
    solver, plain = PotentialSolver(problem.allocation.hierarchy, problem.coefficient), slack(problem)
    solver.solve(problem)
    solution, expected = solver.solve(plain), exact(problem.allocation.hierarchy).solve(problem.allocation)
    assert solution.status is expected.status
    np.testing.assert_array_equal(solution.point, expected.point)
    assert not solution.potential_multipliers.any()


@pytest.mark.parametrize("row", ["cells", "bounds", "levels"])
def test_a_number_that_is_none_fails_also_where_potentials_bound_before(row: str) -> None:
    problem = random_problem(0, 40)
    solver = PotentialSolver(problem.allocation.hierarchy, problem.coefficient)
    assert np.abs(solver.solve(problem).potential_multipliers).max() > 1e-3
    given_cells, given_bounds = problem.allocation.cells.copy(), problem.allocation.bounds.copy()
    levels = problem.potential_bounds.copy()
    {"cells": given_cells, "bounds": given_bounds, "levels": levels}[row][1, 3] = np.nan
    wrong = replace(
        problem,
        allocation=replace(problem.allocation, cells=given_cells, bounds=given_bounds),
        potential_bounds=levels,
    )
    solution = solver.solve(wrong)
    assert solution.status is Status.FAILED
    assert solution.message
    assert solver.solve(problem).status is Status.SOLVED


def test_arrays_that_machine_code_does_not_take_are_copied() -> None:
    problem = random_problem(1, 30)
    solver = PotentialSolver(problem.allocation.hierarchy, problem.coefficient)
    expected = solver.solve(problem)
    turned = replace(
        problem,
        allocation=replace(problem.allocation, cells=np.asfortranarray(problem.allocation.cells)),
        potential_bounds=np.asfortranarray(problem.potential_bounds),
    )
    np.testing.assert_array_equal(solver.solve(turned).point, expected.point)


@pytest.mark.parametrize("change", ["cells", "bounds", "levels"])
def test_arrays_of_another_size_fail_with_a_sentence(change: str) -> None:
    problem = random_problem(1, 30)
    solver = PotentialSolver(problem.allocation.hierarchy, problem.coefficient)
    solver.solve(problem)
    plain = problem.allocation
    wrong = {
        "cells": replace(problem, allocation=replace(plain, cells=plain.cells[:, :-1].copy())),
        "bounds": replace(problem, allocation=replace(plain, bounds=plain.bounds[:, :-1].copy())),
        "levels": replace(problem, potential_bounds=problem.potential_bounds[:, :-1].copy()),
    }[change]
    solution = solver.solve(wrong)
    assert solution.status is Status.FAILED
    assert solution.message


@pytest.mark.parametrize("outcome", [BINDS, SLACK])
def test_machine_code_says_whether_potentials_bind_and_judges_as_numpy_does(outcome: int) -> None:
    problem = random_problem(2, 100) if outcome == BINDS else slack(random_problem(2, 100))
    given_, solver = problem.allocation, PotentialSolver(problem.allocation.hierarchy, problem.coefficient)
    instance = (given_.cells, given_.bounds, problem.potential_bounds, *given_.relief.prices, *solver.workspace)
    answer, multipliers = np.empty((4, 100)), np.empty((2, 100))
    assert machine_solve(*instance, solver.scale, 0.0, answer, multipliers) == outcome
    solution = PotentialSolution(
        point=answer[:3],
        cell_multipliers=answer[3],
        multipliers=multipliers[0],
        potential_multipliers=multipliers[1],
        status=Status.SOLVED,
        message="",
    )
    assert (np.abs(multipliers[1]).max() > 1e-3) == (outcome == BINDS)
    out, beyond, gap, cost, *_ = weigh(*instance, answer[:3], answer[3], multipliers)
    assert cost == pytest.approx(given_.objective(answer[:3]), rel=1e-12)
    assert gap == pytest.approx(certify_potential(problem, solution).gap, abs=1e-9 * (1.0 + cost))
    assert out == pytest.approx(given_.infeasibility(answer[:3]), abs=1e-9)
    assert beyond == pytest.approx(problem.excess(answer[:3]), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=40))
def test_groups_come_by_depth_with_inner_ones_of_the_same_group_together(draws: list[int]) -> None:
    parent = np.array([min(draw, k) - 1 for k, draw in enumerate(draws)])
    hierarchy = Hierarchy(parent=parent, group_of=np.zeros(1, dtype=np.int64))
    number = _outermost_first(hierarchy)
    np.testing.assert_array_equal(np.sort(number), np.arange(parent.size))
    place = np.argsort(number)
    around = np.where(parent[number] >= 0, place[parent[number]], -1)
    assert np.all(around < np.arange(parent.size))
    assert np.all(np.diff(around) >= 0)


# --- The pairs of gaps and payments, against their formulas -----------------------------------------------------------


def some_pairs(seed: int, size: int) -> Any:
    """Pairs in the middle of a run; a fifth of the bounds is not there."""
    random = np.random.default_rng(seed)
    pairs = np.zeros((len(PAIR), size))
    pairs[[S, T, Y, Z]] = random.uniform(0.01, 2.0, (4, size))
    pairs[[RHO, SIGMA, AIM, STEP]] = random.normal(0.0, 0.5, (4, size))
    for gap, pay, rest in ((S, Y, RHO), (T, Z, SIGMA)):
        absent = random.random(size) < 0.2
        pairs[pay, absent] = pairs[rest, absent] = 0.0
        pairs[gap, absent] = 1.0
    return pairs


def steps(pairs: Any, rest: float, target: float) -> tuple[Any, Any]:
    """Return the corrected steps of the gaps and of the payments (2, size), NaN where there is no bound."""
    gaps, pays = pairs[[S, T]], np.where(pairs[[Y, Z]] > 0, pairs[[Y, Z]], np.nan)
    sign = np.array([[1.0], [-1.0]])
    foreseen, taken = (sign * pairs[row] + rest * pairs[[RHO, SIGMA]] for row in (AIM, STEP))
    foreseen_pay = -pays - pays / gaps * foreseen
    return taken, target / gaps - pays - pays / gaps * taken - foreseen * foreseen_pay / gaps


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 700), st.floats(0.0, 1.0), st.floats(1e-6, 1.0))
def test_the_loops_over_pairs_are_their_formulas(seed: int, size: int, rest: float, target: float) -> None:
    pairs = some_pairs(seed, size)
    total = open_terms(pairs, rest)
    there = pairs[[Y, Z]] > 0
    assert total == pytest.approx(np.sum(pairs[[S, T]] * pairs[[Y, Z]]))
    np.testing.assert_allclose(pairs[THETA], pairs[Y] / pairs[S] + pairs[Z] / pairs[T], rtol=1e-14)
    np.testing.assert_allclose(pairs[[OVER_S, OVER_T]], there / pairs[[S, T]], rtol=1e-14)
    at_rest = -pairs[[Y, Z]] - pairs[[Y, Z]] / pairs[[S, T]] * rest * pairs[[RHO, SIGMA]]
    np.testing.assert_allclose(pairs[FORCE], at_rest[0] - at_rest[1], rtol=1e-11, atol=1e-11)

    foreseen = np.array([[1.0], [-1.0]]) * pairs[AIM] + rest * pairs[[RHO, SIGMA]]
    ratio = np.where(there, foreseen / pairs[[S, T]], 0.0)
    far, gained = foresee(pairs, rest)
    # At a part 1/far of the step the first gap or payment is 0.
    assert far == pytest.approx(max(np.max(-ratio), np.max(1.0 + ratio), 1.0 if not there.all() else 0.0))
    assert gained == pytest.approx(np.sum(-pairs[[S, T]] * pairs[[Y, Z]] * ratio * (1.0 + ratio)), rel=1e-9, abs=1e-9)

    correct(pairs, rest, target)
    moved, paid = steps(pairs, rest, target)
    at_zero = pairs.copy()
    at_zero[STEP] = 0.0
    force = np.nan_to_num(steps(at_zero, rest, target)[1])
    np.testing.assert_allclose(pairs[FORCE], force[0] - force[1], rtol=1e-9, atol=1e-9 * np.abs(force).max(initial=1.0))

    far_gap, far_pay = reach(pairs, rest, target)
    assert far_gap == pytest.approx(np.max(-moved / pairs[[S, T]], where=there, initial=0.0))
    lost = np.nan_to_num(-paid / np.where(there, pairs[[Y, Z]], 1.0))
    assert far_pay == pytest.approx(np.max(lost, initial=0.0), rel=1e-9, abs=1e-9)

    before = pairs.copy()
    length, part = min(1.0, 0.9 / max(far_gap, 0.1)), min(1.0, 0.9 / max(far_pay, 0.1))  # all stay positive
    total = move(pairs, rest, target, length, part)
    assert total == pytest.approx(np.sum(pairs[[S, T]] * pairs[[Y, Z]]))
    np.testing.assert_allclose(pairs[[S, T]], before[[S, T]] + np.where(there, length * moved, 0.0), rtol=1e-10)
    expected = before[[Y, Z]] + part * np.nan_to_num(paid)
    np.testing.assert_allclose(pairs[[Y, Z]], expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
