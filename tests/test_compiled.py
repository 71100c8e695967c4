"""The compiled projection kernel against the clear one, on random, large, degenerate and impossible problems."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Network, Observation
from autonomy.layers.projection.projector import Projector
from autonomy.solvers.allocation import Allocation, Hierarchy, Status
from autonomy.solvers.backends import BACKENDS
from autonomy.solvers.certificate import certify
from autonomy.solvers.compiled import CompiledSolver
from autonomy.solvers.nested import NestedSolver
from tests.test_projection import instance_of, random_hierarchy, random_instance, situation_of

FIELDS = ("weight", "centre", "price", "lower", "upper", "total_lower", "total_upper")
DYADIC = st.integers(-24, 24).map(lambda k: k / 8)


def allocation(hierarchy, **columns):
    """A problem from a few columns; the rest are weights 1, centres 0, prices 0, boxes [-1, 1] and no bounds."""
    size, groups = hierarchy.group_of.size, hierarchy.n_groups
    usual = {"weight": 1.0, "centre": 0.0, "price": 0.0, "lower": -1.0, "upper": 1.0}
    bounds = {"total_lower": -np.inf, "total_upper": np.inf}
    values = {name: np.full(size, value) for name, value in usual.items()}
    values |= {name: np.full(groups, value) for name, value in bounds.items()}
    for name, column in columns.items():
        values[name] = values[name] * 0 + column if name not in bounds else np.zeros(groups) + column
    return Allocation(hierarchy=hierarchy, **values)


def one_group(size):
    return Hierarchy(parent=np.array([-1]), group_of=np.zeros(size, dtype=np.int64))


@st.composite
def allocations(draw):
    """Forests of up to six groups, some empty, and up to eight variables on a grid of eighths: ties at every turn."""
    groups, size = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    shuffled = draw(st.permutations(range(groups)))
    parent = np.full(groups, -1)
    for k in range(1, groups):
        around = draw(st.integers(-1, k - 1))
        parent[shuffled[k]] = shuffled[around] if around >= 0 else -1
    hierarchy = Hierarchy(
        parent=parent, group_of=np.array(draw(st.lists(st.integers(0, groups - 1), min_size=size, max_size=size)))
    )

    def column(values, length):
        return np.array(draw(st.lists(values, min_size=length, max_size=length)))

    ends = np.sort([column(DYADIC, size), column(DYADIC, size)], axis=0)
    bounds = np.sort(
        [column(st.one_of(DYADIC, st.just(-np.inf)), groups), column(st.one_of(DYADIC, st.just(np.inf)), groups)],
        axis=0,
    )
    return Allocation(
        hierarchy=hierarchy,
        weight=column(st.sampled_from([1.0, 1.0, 0.25, 4.0, 2.0**-10]), size),
        centre=column(DYADIC, size),
        price=column(st.sampled_from([0.0, 0.0, -0.125, 12.0]), size),
        lower=ends[0],
        upper=ends[1],
        total_lower=bounds[0],
        total_upper=bounds[1],
    )


def violation(problem, x):
    """By how much x leaves the problem's bounds, in plain loops and with sums that do not round."""
    parent, members = problem.hierarchy.parent.tolist(), [[] for _ in range(problem.hierarchy.n_groups)]
    for value, innermost in zip(x.tolist(), problem.hierarchy.group_of.tolist(), strict=True):
        around = innermost
        while around >= 0:
            members[around].append(value)
            around = parent[around]
    worst = max(0.0, *(problem.lower - x), *(x - problem.upper))
    for inside, low, high in zip(members, problem.total_lower, problem.total_upper, strict=True):
        total = math.fsum(inside)
        worst = max(worst, low - total, total - high)
    return worst


def assert_same(problem, compiled, nested):
    assert compiled.status is nested.status, (compiled, nested)
    np.testing.assert_allclose(compiled.x, nested.x, rtol=0, atol=1e-9)
    if nested.status is Status.SOLVED:
        cost = problem.objective(nested.x)
        assert abs(problem.objective(compiled.x) - cost) <= 1e-12 * max(1.0, abs(cost))
        assert violation(problem, compiled.x) <= 1e-12 + 1e-14 * np.abs(compiled.x).sum()
        assert certify(problem, compiled.x, compiled.multipliers).gap <= 1e-9 * max(1.0, abs(cost))


def test_the_two_solvers_agree_on_two_thousand_random_and_degenerate_instances():
    rng = np.random.default_rng(20240229)
    bound = 0
    for _ in range(100):
        shape = random_hierarchy(rng)
        hierarchy = random_instance(rng, shape).hierarchy
        compiled, nested = CompiledSolver(hierarchy), NestedSolver(hierarchy)
        for _ in range(20):
            problem = random_instance(rng, shape)
            answer = compiled.solve(problem)
            assert_same(problem, answer, nested.solve(problem))
            bound += bool(answer.multipliers.any())
    assert bound > 500  # the instances do price something


@given(allocations())
@settings(max_examples=300)
def test_the_two_solvers_agree_on_forests_full_of_ties_solvable_or_not(problem):
    assert_same(
        problem, CompiledSolver(problem.hierarchy).solve(problem), NestedSolver(problem.hierarchy).solve(problem)
    )


def test_the_two_solvers_agree_on_a_thousand_nodes_behind_one_limit_in_either_direction():
    rng = np.random.default_rng(1)
    size = 1000
    zeros, pull = np.zeros(size), rng.uniform(-5, 5, size)
    columns = {
        "weight": np.repeat([1.0, 1e-3, 1e-3], size),
        "centre": np.concatenate([pull, zeros, zeros]),
        "price": np.repeat([0.0, -0.01, 12.0], size),
        "lower": np.concatenate([zeros - 5, -rng.uniform(0, 6, size), zeros]),
        "upper": np.concatenate([zeros + 5, zeros, rng.uniform(0, 6, size)]),
    }
    hierarchy = one_group(3 * size)
    compiled, nested = CompiledSolver(hierarchy), NestedSolver(hierarchy)
    for low, high in ((-np.inf, -1500.0), (1500.0, np.inf), (6000.0, np.inf), (-9e4, 9e4), (9e4, np.inf)):
        problem = allocation(hierarchy, **columns, total_lower=low, total_upper=high)
        assert_same(problem, compiled.solve(problem), nested.solve(problem))
    # The same with every sum near 0: half a thousand steep variables move, so the sum is no finer than 1e-9.
    shifted = {name: columns[name].copy() for name in ("centre", "lower", "upper")}
    for column in shifted.values():
        column[:size] -= 6.5
    problem = allocation(hierarchy, **(columns | shifted), total_lower=0.0)
    answer = compiled.solve(problem)
    assert answer.status is Status.SOLVED
    assert answer.multipliers[0] > 12.0
    assert violation(problem, answer.x) <= 1e-10
    assert certify(problem, answer.x, answer.multipliers).gap <= 1e-9 * problem.objective(answer.x)


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
        assert np.count_nonzero(answer.multipliers) > lines / 4


def test_a_hand_worked_knapsack_inside_a_knapsack():
    # Inner group {x0, x1} <= 1, both want 2: each gets 1/2 at a price of −3/2. With x2, which wants 2 as well, the
    # outer group holds 3 and may hold 2: x2 falls to 1 at a price of −1, so the inner group's own part is −1/2.
    hierarchy = Hierarchy(parent=np.array([-1, 0]), group_of=np.array([1, 1, 0]))
    problem = allocation(hierarchy, centre=2.0, lower=0.0, upper=4.0, total_upper=np.array([2.0, 1.0]))
    answer = CompiledSolver(hierarchy).solve(problem)
    np.testing.assert_array_equal(answer.x, [0.5, 0.5, 1.0])
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
    problem = allocation(one_group(3), **columns)
    answer = CompiledSolver(problem.hierarchy).solve(problem)
    assert answer.status is Status.SOLVED
    np.testing.assert_allclose(answer.x, expected, rtol=0, atol=1e-15)
    assert certify(problem, answer.x, answer.multipliers).gap <= 1e-12


@pytest.mark.parametrize(("bound", "expected"), [(np.inf, 0.75), (0.5, 0.5), (-0.5, -0.5), (-1.0, -1.0)])
def test_one_variable(bound, expected):
    problem = allocation(one_group(1), centre=0.75, total_upper=bound)
    np.testing.assert_array_equal(CompiledSolver(problem.hierarchy).solve(problem).x, [expected])


def test_a_feasible_centre_comes_back_bit_identical():
    rng = np.random.default_rng(3)
    hierarchy = Hierarchy(parent=np.array([1, -1, 1]), group_of=rng.integers(0, 3, 50))
    centre = rng.uniform(-1, 1, 50)
    totals = hierarchy.totals(centre)
    problem = allocation(hierarchy, weight=0.3, centre=centre, total_lower=totals - 1e-9, total_upper=totals + 1e-9)
    answer = CompiledSolver(hierarchy).solve(problem)
    np.testing.assert_array_equal(answer.x, centre)
    np.testing.assert_array_equal(answer.multipliers, np.zeros(3))


def test_an_impossible_group_is_called_infeasible_and_all_else_is_still_met():
    # Group 0 needs 5 from two variables that give at most 1 each; group 1 is a forest of its own and is bound to 0.5.
    hierarchy = Hierarchy(parent=np.array([-1, -1]), group_of=np.array([0, 1, 0]))
    problem = allocation(hierarchy, lower=0.0, total_lower=np.array([5.0, 0.5]))
    answer = CompiledSolver(hierarchy).solve(problem)
    assert answer.status is Status.INFEASIBLE
    assert answer.message == "the group bounds cannot all be met"
    np.testing.assert_array_equal(answer.x, [1.0, 0.5, 1.0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("field", FIELDS)
def test_numbers_that_are_none_are_refused_with_a_sentence(field, value):
    hierarchy = Hierarchy(parent=np.array([-1, 0]), group_of=np.array([0, 1, 1]))
    good = allocation(hierarchy, centre=2.0, total_upper=1.0)
    if (field, value) in (("total_lower", -np.inf), ("total_upper", np.inf)):
        return  # these two mean "no bound"
    column = getattr(good, field).copy()
    column[-1] = value
    solver = CompiledSolver(hierarchy)
    answer = solver.solve(replace(good, **{field: column}))
    assert answer.status is Status.FAILED
    assert "must be" in answer.message
    assert np.isnan(answer.x).all()
    np.testing.assert_allclose(solver.solve(good).x, [1 / 3] * 3, atol=1e-15)  # and the next problem is solved


@pytest.mark.parametrize(
    "columns", [{"lower": 2.0}, {"weight": 0.0}, {"weight": -1.0}, {"total_lower": 1.0, "total_upper": 0.5}]
)
def test_empty_boxes_and_weights_that_are_not_positive_are_refused(columns):
    problem = allocation(one_group(2), **columns)
    assert CompiledSolver(problem.hierarchy).solve(problem).status is Status.FAILED


@pytest.mark.parametrize("field", FIELDS)
def test_arrays_of_another_length_are_refused_instead_of_read_beyond_their_end(field):
    problem = allocation(one_group(2))
    answer = CompiledSolver(problem.hierarchy).solve(replace(problem, **{field: np.zeros(5)}))
    assert answer.status is Status.FAILED
    assert "lengths" in answer.message


def test_read_only_strided_and_whole_number_arrays_give_the_same_answer():
    rng = np.random.default_rng(4)
    problem = random_instance(rng, random_hierarchy(rng))
    solver = CompiledSolver(problem.hierarchy)
    plain = solver.solve(problem).x
    frozen = {name: getattr(problem, name).copy() for name in FIELDS}
    for column in frozen.values():
        column.setflags(write=False)
    np.testing.assert_array_equal(solver.solve(replace(problem, **frozen)).x, plain)
    strided = {name: np.repeat(getattr(problem, name), 2)[::2] for name in FIELDS}
    np.testing.assert_array_equal(solver.solve(replace(problem, **strided)).x, plain)
    whole = replace(allocation(one_group(2), total_upper=-1.0), centre=np.array([1, 0]))
    np.testing.assert_array_equal(CompiledSolver(whole.hierarchy).solve(whole).x, [0.0, -1.0])


def test_an_answer_depends_on_its_problem_alone_and_is_not_overwritten_by_the_next():
    rng = np.random.default_rng(5)
    shape = random_hierarchy(rng)
    problems = [random_instance(rng, shape) for _ in range(10)]
    solver = CompiledSolver(problems[0].hierarchy)
    answers = [solver.solve(problem) for problem in problems]
    for problem, answer in zip(problems[::-1], answers[::-1], strict=True):
        fresh = CompiledSolver(problem.hierarchy).solve(problem)
        np.testing.assert_array_equal(answer.x, fresh.x)
        np.testing.assert_array_equal(answer.multipliers, fresh.multipliers)


def test_the_projector_uses_it_by_name_without_falling_back():
    community = Community.demo()
    observed = {"demand_kw": 3.0, "pv_kw": 0.0, "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
    situation = situation_of(community, Observation(**observed))
    compiled = Projector(community, BACKENDS["compiled"]).project(situation, np.full(17, 5.0))
    exact = Projector(community).project(situation, np.full(17, 5.0))
    assert np.any(exact.certificate.line_multipliers)
    assert compiled.reasons == exact.reasons
    np.testing.assert_allclose(compiled.set_points.battery_kw, exact.set_points.battery_kw, atol=1e-12)


def test_numba_is_loaded_only_by_whoever_asks_for_the_compiled_backend():
    code = "import sys, autonomy, autonomy.controller, autonomy.solvers.backends; print('numba' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
