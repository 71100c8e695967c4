"""The exact solver in machine code: proved right in exact fractions, and equal to the clear one."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from autonomy import Community, Network, Observation
from autonomy.layers.projection.projector import Projector
from autonomy.solvers.allocation import Hierarchy, Relief, Status, allocation, net
from autonomy.solvers.backends import BACKENDS
from autonomy.solvers.certificate import certify, recheck
from autonomy.solvers.compiled import CompiledSolver
from autonomy.solvers.nested import NestedSolver
from tests.programs import REGIMES, allocations, random_program
from tests.test_projection import instance_of, situation_of

NO_BOUNDS = {"total_lower": -np.inf, "total_upper": np.inf}


def cells_of(hierarchy, **columns):
    """A problem from a few columns; the rest are weights 1, centres 0, boxes [-1, 1], no reliefs and no bounds."""
    size, groups = hierarchy.n_cells, hierarchy.n_groups
    usual = {"centre": np.zeros(size), "lower": np.full(size, -1.0), "upper": np.ones(size)}
    bounds = {"total_lower": np.full(groups, -np.inf), "total_upper": np.full(groups, np.inf)}
    return allocation(hierarchy, **(usual | bounds | columns))


def one_group(size):
    return Hierarchy(parent=np.array([-1]), group_of=np.zeros(size, dtype=np.int64))


def assert_proved(problem, answer):
    """Feasible to 1e-9 and within 1e-9 relative of the optimum, both in exact fractions, which no rounding touches."""
    found, stated = recheck(problem, answer, Fraction), certify(problem, answer).gap
    assert found.infeasibility <= Fraction(1e-9)
    assert found.gap + Fraction(1e-9) * (1 + abs(Fraction(problem.objective(answer.point)))) >= 0
    assert found.gap <= Fraction(stated)
    assert stated <= 1e-9 * (1.0 + abs(problem.objective(answer.point)))


def assert_same(problem, compiled, nested):
    assert compiled.status is nested.status, (compiled, nested)
    if nested.status is Status.SOLVED:
        np.testing.assert_allclose(compiled.point, nested.point, rtol=0, atol=1e-9)
        cost = problem.objective(nested.point)
        assert abs(problem.objective(compiled.point) - cost) <= 1e-12 * max(1.0, abs(cost))
        assert violation(problem, compiled.point) <= 1e-12 + 1e-14 * np.abs(compiled.point).sum()


def violation(problem, point):
    """By how much a point leaves the problem's bounds, in plain loops and with sums that do not round."""
    parent, members = problem.hierarchy.parent.tolist(), [[] for _ in range(problem.hierarchy.n_groups)]
    y = net(point)
    for value, innermost in zip(y.tolist(), problem.hierarchy.group_of.tolist(), strict=True):
        around = innermost
        while around >= 0:
            members[around].append(value)
            around = parent[around]
    _, _, lower, upper, drop, lift = problem.cells[:6]
    x, u, v = point
    worst = max(0.0, *(lower - x), *(x - upper), *-u, *(u - drop), *-v, *(v - lift), *(problem.least - y))
    worst = max(worst, *(y - problem.most))
    for inside, low, high in zip(members, *problem.bounds, strict=True):
        total = math.fsum(inside)
        worst = max(worst, low - total, total - high)
    return worst


@pytest.mark.parametrize("regime", REGIMES)
def test_ten_thousand_random_answers_a_regime_are_proved_optimal_in_exact_fractions(regime):
    rng = np.random.default_rng(list(regime.encode()))
    bound = 0
    for _ in range(10_000):
        problem = random_program(rng, regime)
        answer = CompiledSolver(problem.hierarchy).solve(problem)
        assert answer.status is Status.SOLVED
        assert_proved(problem, answer)
        bound += bool(answer.multipliers.any())
    assert bound == 0 if regime == "slack" else bound > 2_000  # the regime is what it says


@given(allocations())
@settings(max_examples=500)
def test_the_two_solvers_agree_on_forests_full_of_ties_solvable_or_not(problem):
    assert_same(
        problem, CompiledSolver(problem.hierarchy).solve(problem), NestedSolver(problem.hierarchy).solve(problem)
    )


@given(allocations(smoothings=(1e-3, 0.25, 0.0)))
@settings(max_examples=500)
def test_whatever_is_called_solved_is_proved_and_nothing_solvable_is_called_infeasible(problem):
    answer = CompiledSolver(problem.hierarchy).solve(problem)
    if answer.status is Status.SOLVED:
        assert_proved(problem, answer)
    else:
        # Feasibility does not depend on prices; the clear solver decides it with its own.
        smooth = replace(problem, relief=replace(problem.relief, smoothing=0.25))
        assert NestedSolver(problem.hierarchy).solve(smooth).status is Status.INFEASIBLE


def test_a_tie_of_a_linear_price_is_split_in_proportion_to_what_each_can_give():
    # Two cells stand at 0 and must fall by 3 together at a linear price of 0.5, below what moving x costs beyond 0.5:
    # both x fall by 0.5 (w = 1), and the remaining 2 are dropped 1 : 3, as the limits are.
    hierarchy = one_group(2)
    problem = cells_of(
        hierarchy,
        drop=np.array([1.0, 3.0]),
        total_upper=np.array([-3.0]),
        relief=Relief(drop_price=0.5, lift_price=1.0, smoothing=0.0),
    )
    answer = CompiledSolver(hierarchy).solve(problem)
    np.testing.assert_allclose(answer.point, [[-0.5, -0.5], [0.5, 1.5], [0.0, 0.0]], atol=1e-15)
    np.testing.assert_array_equal(answer.multipliers, [-0.5])
    assert_proved(problem, answer)


@pytest.mark.parametrize("size", [1_000, 100_000])
@pytest.mark.parametrize("regime", REGIMES)
def test_large_groups_are_solved_through_a_sample_of_their_cells_to_the_same_accuracy(size, regime):
    rng = np.random.default_rng(size)
    columns = {
        "centre": rng.uniform(-5, 5, size),
        "lower": -rng.uniform(0, 5, size),
        "upper": rng.uniform(0, 5, size),
        "drop": rng.uniform(0, 4, size) * (rng.random(size) < 0.6),
        "lift": rng.uniform(0, 4, size),
    }
    if regime == "degenerate":
        columns = {name: np.round(values) for name, values in columns.items()}
    free = np.clip(columns["centre"], columns["lower"], columns["upper"]).sum()
    low, high = {
        "slack": (free - 1, free + 1),
        "export": (-np.inf, free - 0.4 * size),
        "import": (free + 0.4 * size, np.inf),
        "shed": (columns["upper"].sum() + 0.2 * columns["lift"].sum(), np.inf),
        "degenerate": (free, free),
    }[regime]
    hierarchy = one_group(size)
    relief = Relief(drop_price=0.01, lift_price=12.0, smoothing=1e-3)
    problem = allocation(hierarchy, **columns, total_lower=np.array([low]), total_upper=np.array([high]), relief=relief)
    answer = CompiledSolver(hierarchy).solve(problem)
    assert answer.status is Status.SOLVED
    assert regime == "degenerate" or bool(answer.multipliers.any()) == (regime in ("export", "import", "shed"))
    assert violation(problem, answer.point) <= 1e-9
    assert certify(problem, answer).gap <= 1e-9 * (1.0 + problem.objective(answer.point))


def test_the_two_solvers_agree_on_a_random_tree_of_a_thousand_lines_and_on_a_chain_of_sixty():
    rng = np.random.default_rng(2)
    for lines, parent in ((1000, [-1, *(int(rng.integers(0, k)) for k in range(1, 1000))]), (60, list(range(-1, 59)))):
        network = Network(
            parent=np.array(parent),
            bus_of_prosumer=np.arange(lines),
            import_limit_kw=rng.uniform(1, 8, lines),
            export_limit_kw=rng.uniform(1, 8, lines),
        )
        community = Community(
            battery_capacity_kwh=13.5,
            charge_limit_kw=5,
            discharge_limit_kw=5,
            connection_limit_kw=rng.choice([4.0, 15.0, np.inf], lines),
            network=network,
        )
        observed = {"demand_kw": rng.uniform(0, 6, lines), "pv_kw": rng.uniform(0, 6, lines), "soc": 0.5}
        observation = Observation(**observed, retail_price=0.3, feed_in_price=0.1)
        problem = instance_of(community, observation, rng.uniform(-5, 5, lines))
        answer = CompiledSolver(problem.hierarchy).solve(problem)
        assert_same(problem, answer, NestedSolver(problem.hierarchy).solve(problem))
        assert np.count_nonzero(answer.multipliers) + np.count_nonzero(answer.cell_multipliers) > lines / 4


def test_a_hand_worked_knapsack_inside_a_knapsack():
    # Inner group {x0, x1} <= 1, both want 2: each gets 1/2 at a price of −3/2. With x2, which wants 2 as well, the
    # outer group holds 3 and may hold 2: x2 falls to 1 at a price of −1, so the inner group's own part is −1/2.
    hierarchy = Hierarchy(parent=np.array([-1, 0]), group_of=np.array([1, 1, 0]))
    problem = cells_of(hierarchy, centre=2.0, lower=0.0, upper=4.0, total_upper=np.array([2.0, 1.0]))
    answer = CompiledSolver(hierarchy).solve(problem)
    np.testing.assert_array_equal(answer.point[0], [0.5, 0.5, 1.0])
    np.testing.assert_array_equal(answer.multipliers, [-1.0, -0.5])


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"lower": 0.25, "upper": 0.25, "centre": 3.0, "total_lower": 0.75, "total_upper": 0.75}, [0.25] * 3),
        ({"lower": 0.0, "upper": 0.0, "total_lower": 0.0, "total_upper": 0.0}, [0.0] * 3),
        ({"centre": 0.5, "total_lower": 1.5, "total_upper": 1.5}, [0.5] * 3),
        ({"centre": 7.0}, [1.0] * 3),
        ({"centre": 7.0, "total_upper": -3.0}, [-1.0] * 3),
        ({"total_lower": 1.5, "total_upper": 1.5}, [0.5] * 3),
        ({"weight": np.array([1.0, 2.0, 4.0]), "total_lower": 0.875}, [0.5, 0.25, 0.125]),
        ({"centre": np.array([0.0, -1.0, 1.0]), "upper": 2.0, "lower": -2.0, "total_upper": -3.0}, [-1.0, -2.0, 0.0]),
    ],
)
def test_degenerate_and_hand_worked_groups_of_three(columns, expected):
    problem = cells_of(one_group(3), **columns)
    answer = CompiledSolver(problem.hierarchy).solve(problem)
    assert answer.status is Status.SOLVED
    np.testing.assert_allclose(answer.point[0], expected, rtol=0, atol=1e-15)
    assert certify(problem, answer).gap <= 1e-12


@pytest.mark.parametrize(("bound", "expected"), [(np.inf, 0.75), (0.5, 0.5), (-0.5, -0.5), (-1.0, -1.0)])
def test_one_variable(bound, expected):
    problem = cells_of(one_group(1), centre=0.75, total_upper=bound)
    np.testing.assert_array_equal(CompiledSolver(problem.hierarchy).solve(problem).point[0], [expected])


def test_a_feasible_centre_comes_back_bit_identical():
    rng = np.random.default_rng(3)
    hierarchy = Hierarchy(parent=np.array([1, -1, 1]), group_of=rng.integers(0, 3, 50))
    centre = rng.uniform(-1, 1, 50)
    totals = hierarchy.totals(centre)
    problem = cells_of(hierarchy, weight=0.3, centre=centre, total_lower=totals - 1e-9, total_upper=totals + 1e-9)
    answer = CompiledSolver(hierarchy).solve(problem)
    np.testing.assert_array_equal(answer.point[0], centre)
    np.testing.assert_array_equal(answer.multipliers, np.zeros(3))


def test_an_impossible_group_is_called_infeasible_and_all_else_is_still_met():
    # Group 0 needs 5 from two variables that give at most 1 each; group 1 is a forest of its own and is bound to 0.5.
    hierarchy = Hierarchy(parent=np.array([-1, -1]), group_of=np.array([0, 1, 0]))
    problem = cells_of(hierarchy, lower=0.0, total_lower=np.array([5.0, 0.5]))
    answer = CompiledSolver(hierarchy).solve(problem)
    assert answer.status is Status.INFEASIBLE
    assert answer.message == "the bounds on sums cannot all be met"
    np.testing.assert_array_equal(answer.point[0], [1.0, 0.5, 1.0])


CELLS, BOUNDS = range(8), range(2)


def poisoned(problem, block, row, value):
    """The problem with one number of one row replaced."""
    array = getattr(problem, block).copy()
    array[row, -1] = value
    return replace(problem, **{block: array})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("block", "row"), [*(("cells", row) for row in CELLS), *(("bounds", row) for row in BOUNDS)])
@pytest.mark.parametrize("parent", [[-1], [-1, 0]])
def test_numbers_that_are_none_are_refused_with_a_sentence(parent, block, row, value):
    hierarchy = Hierarchy(parent=np.array(parent), group_of=np.full(3, len(parent) - 1))
    good = cells_of(hierarchy, centre=2.0, total_upper=1.0, drop=0.5, lift=0.5, least=-3.0, most=3.0)
    if (row % 2, value) in ((0, -np.inf), (1, np.inf)) and (block == "bounds" or row > 5):
        return  # these mean "no bound"
    solver = CompiledSolver(hierarchy)
    answer = solver.solve(poisoned(good, block, row, value))
    assert answer.status is Status.FAILED
    assert "must be" in answer.message
    assert np.isnan(answer.point).all()
    np.testing.assert_allclose(net(solver.solve(good).point), [1 / 3] * 3, atol=1e-15)  # and the next is solved


@pytest.mark.parametrize(
    "columns",
    [
        {"lower": 2.0},
        {"weight": 0.0},
        {"weight": -1.0},
        {"weight": np.array([1.0, 0.0])},
        {"drop": -1.0},
        {"lift": -1.0},
        {"least": 1.0, "most": 0.5},
        {"total_lower": 1.0, "total_upper": 0.5},
        {"relief": Relief(drop_price=-1.0)},
        {"relief": Relief(smoothing=np.nan)},
        {"relief": Relief(lift_price=np.inf)},
    ],
)
def test_empty_boxes_and_weights_or_prices_that_cannot_be_are_refused(columns):
    problem = cells_of(one_group(2), **columns)
    assert CompiledSolver(problem.hierarchy).solve(problem).status is Status.FAILED


@pytest.mark.parametrize("shapes", [((6, 3), (2, 1)), ((7, 2), (2, 1)), ((6, 2), (2, 2)), ((6, 2), (1, 1))])
def test_arrays_of_another_size_are_refused_instead_of_read_beyond_their_end(shapes):
    problem = replace(cells_of(one_group(2)), cells=np.ones(shapes[0]), bounds=np.ones(shapes[1]))
    answer = CompiledSolver(one_group(2)).solve(problem)
    assert answer.status is Status.FAILED
    assert "sizes" in answer.message


def test_read_only_strided_and_whole_number_arrays_give_the_same_answer():
    problem = random_program(np.random.default_rng(4), "export")
    solver = CompiledSolver(problem.hierarchy)
    plain = solver.solve(problem).point
    frozen = problem.cells.copy()
    frozen.setflags(write=False)
    np.testing.assert_array_equal(solver.solve(replace(problem, cells=frozen)).point, plain)
    strided = np.repeat(problem.cells, 2, axis=1)[:, ::2]
    np.testing.assert_array_equal(solver.solve(replace(problem, cells=strided)).point, plain)
    whole = cells_of(one_group(2), centre=np.array([1.0, 0.0]), total_upper=-1.0)
    whole = replace(whole, cells=whole.cells.astype(np.int64), relief=Relief(drop_price=0, lift_price=0, smoothing=1))
    np.testing.assert_array_equal(CompiledSolver(whole.hierarchy).solve(whole).point[0], [0.0, -1.0])


def test_an_answer_depends_on_its_problem_alone_and_is_not_overwritten_by_the_next():
    rng = np.random.default_rng(5)
    first = random_program(rng, "export", max_cells=30, max_groups=8)
    problems = [replace(first, bounds=first.bounds - step) for step in np.linspace(0.0, 1.0, 10)]
    solver = CompiledSolver(first.hierarchy)
    answers = [solver.solve(problem) for problem in problems]
    for problem, answer in zip(problems[::-1], answers[::-1], strict=True):
        fresh = CompiledSolver(problem.hierarchy).solve(problem)
        np.testing.assert_array_equal(answer.point, fresh.point)
        np.testing.assert_array_equal(answer.multipliers, fresh.multipliers)


def test_the_projector_answers_the_same_with_either():
    community = Community.demo()
    observed = {"demand_kw": 3.0, "pv_kw": 0.0, "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
    situation = situation_of(community, Observation(**observed))
    clear = Projector(community, BACKENDS["nested"]).project(situation, np.full(17, 5.0))
    exact = Projector(community).project(situation, np.full(17, 5.0))
    assert np.any(exact.certificate.line_multipliers)
    assert clear.reasons == exact.reasons
    np.testing.assert_allclose(clear.set_points.battery_kw, exact.set_points.battery_kw, atol=1e-12)


def test_numba_is_loaded_only_when_a_solver_is_set_up():
    code = "import sys, autonomy, autonomy.controller, autonomy.solvers.backends; print('numba' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
