"""The solver along the tree: what it remembers changes nothing, and its machine code against plain NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.solvers.allocation import Hierarchy, Status
from autonomy.solvers.backends import exact
from autonomy.solvers.barrier.cells import (
    CELL_SPAN,
    CHANGE,
    FORESEEN,
    PRICE,
    TOTAL_DRIFT,
    TOTAL_EASE,
    TOTAL_PUSH,
    foresee_boxes,
    move_boxes,
    reach_boxes,
    seat,
)
from autonomy.solvers.barrier.entry import BINDS, SLACK, weigh
from autonomy.solvers.barrier.entry import solve as machine_solve
from autonomy.solvers.barrier.limits import foresee, move, reach
from autonomy.solvers.barrier.pairs import (
    AIM,
    BLOCK,
    CURVE,
    EASE,
    FAR,
    FAR_PAY,
    FORCE,
    HIGH_GAP,
    HIGH_PAY,
    HIGH_REST,
    LANES,
    LOW_GAP,
    LOW_PAY,
    LOW_REST,
    PULL,
    PUSH,
    SPAN,
    STEP,
    THETA,
    largest,
    room_for,
    spot,
    total,
)
from autonomy.solvers.potential import PotentialAllocation, PotentialSolution, certify_potential
from autonomy.solvers.potential_solver import PotentialSolver, _outermost_first
from tests.test_voltage import potential_problems, random_problem


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


class Table(NamedTuple):
    """Pairs in the middle of a run, (size,) or (2, size) each for the two sides; a fifth of the bounds is not there."""

    gaps: Any
    pays: Any
    rests: Any
    aim: Any
    step: Any

    @property
    def there(self) -> Any:
        return self.pays > 0

    def ratios(self, dv: Any, rest: float) -> Any:
        """Return ds/s and dt/t, 0 where there is no bound."""
        return np.where(self.there, (SIGN * dv + rest * self.rests) / self.gaps, 0.0)

    def rises(self, dv: Any, rest: float, target: float) -> Any:
        """Return dy and dz of the corrected step: s·dy + y·ds = τ − s·y − (the predictor's ds·dy), or 0."""
        foreseen, taken = self.ratios(self.aim, rest), self.ratios(dv, rest)
        missed = self.gaps * foreseen * self.pays * (-1.0 - foreseen)
        found = (target - missed) / self.gaps - self.pays - self.pays * taken
        return np.where(self.there, found, 0.0)

    def slopes(self) -> Any:
        return self.pays / self.gaps


SIGN = np.array([[1.0], [-1.0]])


def some_table(random: np.random.Generator, size: int, *, both: bool) -> Table:
    there = np.repeat(random.random((1, size)) < 0.8, 2, axis=0) if both else random.random((2, size)) < 0.8
    return Table(
        gaps=np.where(there, random.uniform(0.01, 2.0, (2, size)), 1.0),
        pays=np.where(there, random.uniform(0.01, 2.0, (2, size)), 0.0),
        rests=np.where(there & (not both), random.normal(0.0, 0.5, (2, size)), 0.0),
        aim=random.normal(0.0, 0.5, size),
        step=random.normal(0.0, 0.5, size),
    )


def spots(first: int, size: int) -> Any:
    return np.array([spot(first, k) for k in range(size)])


def laid_out(table: Table, pairs: Any, at: Any) -> None:
    rows = (LOW_GAP, HIGH_GAP, LOW_PAY, HIGH_PAY)
    for row, values in zip(rows, (*table.gaps, *table.pays), strict=True):
        pairs[row + at] = values


def blocks(kinds: int, size: int) -> Any:
    """Return pairs without bounds; loops go a little beyond the last one."""
    pairs = np.zeros(kinds * int(room_for(size)))
    pairs[[row + j for j in spots(0, kinds * int(room_for(size)) // SPAN * BLOCK) for row in (LOW_GAP, HIGH_GAP)]] = 1.0
    return pairs


def farthest(table: Table, dv: Any, rest: float, target: float) -> tuple[float, float]:
    """Return 1/length at which the first gap and the first payment are 0."""
    gap = np.max(-table.ratios(dv, rest), initial=0.0)
    lost = -table.rises(dv, rest, target) / np.where(table.there, table.pays, 1.0)
    return float(gap), float(np.max(lost, initial=0.0))


def halfway(table: Table, rest: float) -> tuple[float, float]:
    """Return 1/length of the predictor, at least 1, and the sum of its products."""
    ratio = table.ratios(table.aim, rest)
    far = max(1.0, np.max(-ratio), np.max(1.0 + ratio, where=table.there, initial=0.0))
    return float(far), float(np.sum(-table.gaps * table.pays * ratio * (1.0 + ratio)))


CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.floats(0.0, 1.0), st.floats(1e-6, 1.0))
def test_the_loops_over_sums_and_potentials_are_their_formulas(
    seed: int, size: int, rest: float, target: float
) -> None:
    random = np.random.default_rng(seed)
    table, at, pairs, span = some_table(random, size, both=False), spots(0, size), blocks(1, size), (0, size)
    laid_out(table, pairs, at)
    for row, values in zip((LOW_REST, HIGH_REST, AIM, STEP), (*table.rests, table.aim, table.step), strict=True):
        pairs[row + at] = values

    lanes = np.zeros(len(LANES) * BLOCK)
    foresee(pairs, span, lanes, rest)
    far, products = halfway(table, rest)
    assert max(largest(lanes, FAR) + 0.5, 1.0) == pytest.approx(far)
    assert total(lanes) == pytest.approx(products, rel=1e-9, abs=1e-9)
    force = table.rises(np.zeros(size), rest, target)
    np.testing.assert_allclose(pairs[FORCE + at] + target * pairs[PUSH + at], force[0] - force[1], **CLOSE)

    lanes[:] = 0.0
    reach(pairs, span, lanes, rest, target)
    far_gap, far_pay = farthest(table, table.step, rest, target)
    assert largest(lanes, FAR) == pytest.approx(far_gap)
    assert largest(lanes, FAR_PAY) == pytest.approx(far_pay, rel=1e-9, abs=1e-9)

    lanes[:] = 0.0
    length, paid = min(1.0, 0.9 / max(far_gap, 0.1)), min(1.0, 0.9 / max(far_pay, 0.1))  # all stay positive
    move(pairs, span, lanes, (rest, target), (length, paid))
    moved = table._replace(
        gaps=table.gaps * (1.0 + length * table.ratios(table.step, rest)),
        pays=table.pays + paid * table.rises(table.step, rest, target),
        aim=np.zeros(size),
    )
    np.testing.assert_allclose([pairs[row + at] for row in (LOW_GAP, HIGH_GAP)], moved.gaps, **CLOSE)
    np.testing.assert_allclose([pairs[row + at] for row in (LOW_PAY, HIGH_PAY)], moved.pays, **CLOSE)
    assert total(lanes) == pytest.approx(np.sum(moved.gaps * moved.pays))
    np.testing.assert_allclose(pairs[THETA + at], moved.slopes().sum(axis=0), rtol=1e-9)
    left = rest * (1.0 - length)
    predicted = -moved.pays * (1.0 + moved.ratios(np.zeros(size), left))
    np.testing.assert_allclose(pairs[FORCE + at], predicted[0] - predicted[1], rtol=1e-9, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 150), st.floats(1e-6, 1.0))
def test_the_loops_over_boxes_are_their_formulas(seed: int, size: int, target: float) -> None:
    random = np.random.default_rng(seed)
    pairs, cells = blocks(3, size), np.zeros(int(room_for(size)) // SPAN * CELL_SPAN)
    seats, lanes = np.array([seat(i) for i in range(size)]), np.zeros(len(LANES) * BLOCK)
    price, foreseen, change = random.normal(0.0, 1.0, (3, size))
    for row, values in ((PRICE, price), (FORESEEN, foreseen), (CHANGE, change)):
        cells[row + seats] = values
    tables, places, curves, pulls = [], [], random.uniform(0.1, 3.0, (3, size)), random.normal(0.0, 1.0, (3, size))
    for kind in range(3):
        table, at = some_table(random, size, both=True), spots(kind * int(room_for(size)), size)
        ease = np.where(table.there[0], 1.0 / (curves[kind] + table.slopes().sum(axis=0)), 0.0)
        laid_out(table, pairs, at)
        pairs[CURVE + at], pairs[PULL + at], pairs[EASE + at] = curves[kind], pulls[kind], ease
        # h·dq = g − h·q + p + dp + (y + dy) − (z + dz), in which dy − dz = −y + z − θ·dq for the predictor.
        aim = ease * (pulls[kind] + price + foreseen)
        table = table._replace(aim=aim)
        force = table.rises(np.zeros(size), 0.0, target) + table.pays
        step = ease * (pulls[kind] + price + change + force[0] - force[1])
        tables.append((table._replace(step=step), ease, force[0] - force[1]))
        places.append(at)

    kinds = (
        size,
        tuple(kind * int(room_for(size)) if table.there.any() else -1 for kind, (table, _, _) in enumerate(tables)),
    )
    foresee_boxes(pairs, cells, kinds, lanes)
    found = [halfway(table, 0.0) for table, _, _ in tables]
    assert max(largest(lanes, FAR) + 0.5, 1.0) == pytest.approx(max(far for far, _ in found))
    assert total(lanes) == pytest.approx(sum(products for _, products in found), rel=1e-9, abs=1e-9)
    drift = sum(ease * (pull + price + force) for pull, (_, ease, force) in zip(pulls, tables, strict=True))
    np.testing.assert_allclose(cells[TOTAL_DRIFT + seats] + target * cells[TOTAL_PUSH + seats], drift, **CLOSE)

    lanes[:] = 0.0
    reach_boxes(pairs, cells, kinds, lanes, target)
    reached = [farthest(table, table.step, 0.0, target) for table, _, _ in tables]
    far_gap, far_pay = (max(column) for column in zip(*reached, strict=True))
    assert largest(lanes, FAR) == pytest.approx(far_gap, rel=1e-9, abs=1e-9)
    assert largest(lanes, FAR_PAY) == pytest.approx(far_pay, rel=1e-9, abs=1e-9)

    lanes[:] = 0.0
    length, paid = min(1.0, 0.9 / max(far_gap, 0.1)), min(1.0, 0.9 / max(far_pay, 0.1))
    move_boxes(pairs, cells, kinds, lanes, (target, length, paid))
    np.testing.assert_allclose(cells[PRICE + seats], price + paid * change, **CLOSE)
    products, eases, drifts = 0.0, np.zeros(size), np.zeros(size)
    for (table, _, _), at, curve, pull in zip(tables, places, curves, pulls, strict=True):
        moved = table._replace(
            gaps=table.gaps * (1.0 + length * table.ratios(table.step, 0.0)),
            pays=table.pays + paid * table.rises(table.step, 0.0, target),
        )
        ease = np.where(moved.there[0], 1.0 / (curve + moved.slopes().sum(axis=0)), 0.0)
        np.testing.assert_allclose([pairs[row + at] for row in (LOW_GAP, HIGH_GAP)], moved.gaps, **CLOSE)
        np.testing.assert_allclose([pairs[row + at] for row in (LOW_PAY, HIGH_PAY)], moved.pays, **CLOSE)
        np.testing.assert_allclose(pairs[EASE + at], ease, rtol=1e-9)
        np.testing.assert_allclose(pairs[PULL + at], pull - length * curve * table.step, **CLOSE)
        products += np.sum(moved.gaps * moved.pays)
        eases, drifts = eases + ease, drifts + ease * (pairs[PULL + at] + price + paid * change)
    assert total(lanes) == pytest.approx(products)
    np.testing.assert_allclose(cells[TOTAL_EASE + seats], eases, rtol=1e-9)
    np.testing.assert_allclose(cells[TOTAL_DRIFT + seats], drifts, **CLOSE)
