"""Layer 2: exact, certified, and equal to the general solver behind CVXPY."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Network, Observation
from autonomy.controller import as_mapping
from autonomy.layers.projection.program import ProjectionProgram, set_points, shed_price
from autonomy.layers.projection.projector import Projector
from autonomy.layers.supervision import Screen
from autonomy.solvers.allocation import Hierarchy, Solution, Status, allocation
from autonomy.solvers.backends import BACKENDS
from autonomy.solvers.certificate import certify, recheck
from autonomy.solvers.cvxpy_backend import CvxpySolver
from autonomy.solvers.nested import NestedSolver
from tests.strategies import cases, communities, intents, observations


def situation_of(community, observation):
    return Screen(community)(as_mapping(observation), np.zeros(community.n_prosumers))


def instance_of(community, observation, intent_kw):
    situation = situation_of(community, observation)
    program = ProjectionProgram(community)
    clipped = np.clip(intent_kw, -situation.discharge_limit_kw, situation.charge_limit_kw)
    return program.build(situation, clipped)


def random_hierarchy(rng):
    """A random tree of at most five lines and eight prosumers, each with its own connection."""
    lines, size = int(rng.integers(1, 6)), int(rng.integers(1, 9))
    parent = [-1, *(int(rng.integers(0, k)) for k in range(1, lines))]
    bus = rng.integers(0, lines, size)
    return Network(parent=np.array(parent), bus_of_prosumer=bus)


def random_instance(rng, shape):
    """One community on the given tree, with ties, zero capacities, zero limits, equal bounds, SoC at and outside."""
    size, lines = shape.n_prosumers, shape.n_lines
    limits = [0.0, 0.0, 1.0, 3.0, 10.0, np.inf]
    soc_min, soc_max = (0.3, 0.3) if rng.random() < 0.1 else (0.1, rng.choice([0.9, 1.0]))
    community = Community(
        battery_capacity_kwh=rng.choice([0.0, 6.4, 6.4, 13.5], size),
        charge_limit_kw=rng.choice([0.0, 5.0, 5.0, 3.3], size),
        discharge_limit_kw=rng.choice([0.0, 5.0, 5.0, 2.0], size),
        charge_efficiency=0.95,
        discharge_efficiency=0.93,
        soc_min=soc_min,
        soc_max=soc_max,
        connection_limit_kw=rng.choice([1.0, 4.0, 15.0, np.inf], size),
        network=Network(
            parent=shape.parent,
            bus_of_prosumer=shape.bus_of_prosumer,
            import_limit_kw=rng.choice(limits, lines),
            export_limit_kw=rng.choice(limits, lines),
        ),
    )
    same = rng.random() < 0.3
    observed = {
        "demand_kw": np.full(size, 3.0) if same else rng.uniform(0, 9, size) * (rng.random(size) < 0.8),
        "pv_kw": np.full(size, 2.0) if same else rng.uniform(0, 5, size) * (rng.random(size) < 0.7),
        "soc": np.full(size, 0.5) if same else rng.choice([0.0, 0.05, 0.1, 0.3, 0.5, 0.9, 1.0], size),
        "retail_price": 0.3,
        "feed_in_price": 0.05,
    }
    intent = np.full(size, 4.0) if same else rng.choice([-5.0, 5.0, 0.0, 3.0, 1.5, -0.7], size)
    return instance_of(community, observed_as(observed), intent)


def observed_as(mapping):
    return Observation(**mapping)


def test_exact_and_cvxpy_with_highs_agree_on_two_thousand_random_and_degenerate_instances():
    rng = np.random.default_rng(20161101)
    worst = 0.0
    for _ in range(100):
        shape = random_hierarchy(rng)
        hierarchy = Hierarchy(parent=shape.parent, group_of=shape.bus_of_prosumer)
        exact, reference = NestedSolver(hierarchy), CvxpySolver(hierarchy)
        for _ in range(20):
            problem = random_instance(rng, shape)
            mine, theirs = exact.solve(problem), reference.solve(problem)
            assert mine.status is Status.SOLVED
            assert theirs.status is Status.SOLVED, theirs.message
            assert problem.infeasibility(mine.point) <= 1e-9
            assert problem.infeasibility(theirs.point) <= 1e-6
            mine_cost, their_cost = problem.objective(mine.point), problem.objective(theirs.point)
            difference = abs(mine_cost - their_cost) / max(1.0, abs(their_cost))
            worst = max(worst, difference)
            assert difference <= 1e-7
            assert certify(problem, mine).gap <= 1e-9 * max(1.0, abs(mine_cost))
    # The two agree far better than they must; a loss of accuracy in either would show here first.
    assert worst <= 1e-8


@given(cases())
def test_the_gap_of_every_answer_closes(case):
    community, observation, intent = case
    problem = instance_of(community, observation, np.clip(intent[:, 0], -9, 9))
    solution = NestedSolver(problem.hierarchy).solve(problem)
    assert solution.status is Status.SOLVED
    gap = certify(problem, solution)
    scale = 1.0 + abs(problem.objective(solution.point))
    assert -1e-9 * scale <= gap.gap <= 1e-9 * scale
    assert problem.infeasibility(solution.point) <= 1e-9


@given(cases(), st.data())
def test_any_multipliers_give_a_lower_bound(case, data):
    community, observation, intent = case
    problem = instance_of(community, observation, np.clip(intent[:, 0], -9, 9))
    best = NestedSolver(problem.hierarchy).solve(problem)
    groups, cells = problem.hierarchy.n_groups, problem.hierarchy.n_cells
    some = np.array([data.draw(st.floats(-20, 20)) for _ in range(groups + cells)])
    loose = best._replace(multipliers=some[:groups], cell_multipliers=some[groups:])
    # The optimum is known to a few 1e-9 only, and may leave its bounds by as much, at a price of up to 40.
    assert recheck(problem, loose).gap >= -1e-7
    assert certify(problem, loose).gap >= recheck(problem, loose).gap


@given(cases(with_ramp=True))
def test_the_one_call_that_builds_solves_and_certifies_answers_what_the_careful_way_does(case):
    community, observation, intent = case
    situation, projector = situation_of(community, observation), Projector(community)
    quick = projector._at_once(projector._around, situation, intent[:, 0])
    careful = projector._with_care(situation, intent[:, 0])
    if quick is None:
        assert careful.ramp_relaxed or careful.reasons
        return
    for mine, theirs in zip(quick.set_points, careful.set_points, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)
    assert quick.certificate.gap <= 1e-9 * (1.0 + community.n_prosumers)
    assert [reason.text for reason in quick.reasons] == [reason.text for reason in careful.reasons]


@given(cases())
def test_projecting_twice_changes_nothing(case):
    community, observation, intent = case
    situation = situation_of(community, observation)
    once = Projector(community).project(situation, intent[:, 0]).set_points
    if once.curtail_kw.sum() + once.shed_kw.sum() > 1e-9:
        return  # cuts pull at the battery again by their small price; the answer is then no intent of itself
    twice = Projector(community).project(situation, once.battery_kw).set_points
    np.testing.assert_allclose(twice.battery_kw, once.battery_kw, atol=1e-9)


@given(communities(), st.data())
def test_a_feasible_intent_comes_back_bit_identical(community, data):
    observation = data.draw(observations(community))
    situation = situation_of(community, observation)
    projector = Projector(community)
    standing = projector.project(situation, np.zeros(community.n_prosumers))
    if np.any(standing.certificate.line_multipliers != 0) or standing.set_points.curtail_kw.any():
        return
    share = data.draw(st.floats(0, 1e-3))
    intent = share * situation.battery_upper_kw
    answer = projector.project(situation, intent)
    if not np.any(answer.certificate.line_multipliers) and not answer.reasons:
        np.testing.assert_array_equal(answer.set_points.battery_kw, intent)


@given(cases(), st.data())
def test_the_projection_does_not_stretch_distances(case, data):
    community, observation, first = case
    second = data.draw(intents(community.n_prosumers))
    a, b = np.clip(first[:, 0], -5, 5), np.clip(second[:, 0], -5, 5)
    situation = situation_of(community, observation)
    projector = Projector(community)
    clip = (-situation.discharge_limit_kw, situation.charge_limit_kw)
    apart = np.linalg.norm(np.clip(a, *clip) - np.clip(b, *clip))
    moved = np.linalg.norm(
        projector.project(situation, a).set_points.battery_kw - projector.project(situation, b).set_points.battery_kw
    )
    assert moved <= apart + 1e-8


@given(cases())
def test_load_is_never_shed_where_a_battery_could_have_helped(case):
    community, observation, intent = case
    situation = situation_of(community, observation)
    proposal = Projector(community).project(situation, intent[:, 0])
    points = proposal.set_points
    for i in np.flatnonzero(points.shed_kw > 1e-6):
        # The same node's own battery is exhausted: the simplest pair of the exact-penalty argument.
        assert points.battery_kw[i] <= situation.battery_lower_kw[i] + 1e-6


def test_the_shed_price_is_above_the_exact_penalty_threshold_and_below_it_would_shed():
    # One home, demand 4 kW, import limit 3 kW, half-full battery of ±5 kW, intent: charge at 5 kW. Feasible without
    # shedding: b = −1, a distance of 6 kW, so a marginal price of 6. Threshold w·(P⁺ + P⁻) = 10.
    community = Community(
        battery_capacity_kwh=20,
        charge_limit_kw=5,
        discharge_limit_kw=5,
        network=Network.single_feeder(n_prosumers=1, import_limit_kw=3),
    )
    observation = observed_as(
        {"demand_kw": [4.0], "pv_kw": [0.0], "soc": [0.5], "retail_price": 0.3, "feed_in_price": 0.1}
    )
    problem = instance_of(community, observation, np.array([5.0]))
    assert shed_price(situation_of(community, observation)) > 10.0
    points = set_points(NestedSolver(problem.hierarchy).solve(problem).point)
    assert points.shed_kw[0] == 0.0
    assert points.battery_kw[0] == pytest.approx(-1.0, abs=1e-5)
    # With a price of 5, below the marginal 6 of moving the battery, load is shed: the threshold is no decoration.
    cheap = replace(problem, relief=replace(problem.relief, lift_price=5.0))
    assert set_points(NestedSolver(cheap.hierarchy).solve(cheap).point).shed_kw[0] > 0.5


def test_a_hand_worked_export_limit_is_shared_equally():
    # Two homes each export 5 kW of PV, limit 6 kW, intents 0: each battery charges 2 kW less ρc's pull.
    # At the line's price −q: b_i = q, and c_i = (q − ρc)/ε = (q − 0.01)/0.001 once q > 0.01. Each home must take
    # 2 kW (but for the rounding margin): q + (q − 0.01)/0.001 = 2, so q = (2 + 10)/1001.
    community = Community(
        battery_capacity_kwh=20,
        charge_limit_kw=5,
        discharge_limit_kw=5,
        network=Network.single_feeder(n_prosumers=2, export_limit_kw=6),
    )
    observation = observed_as(
        {"demand_kw": [0.0, 0.0], "pv_kw": [5.0, 5.0], "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
    )
    points = Projector(community).project(situation_of(community, observation), np.zeros(2)).set_points
    q = (2.0 + 10.0) / 1001.0
    np.testing.assert_allclose(points.battery_kw, [q, q], atol=1e-5)
    np.testing.assert_allclose(points.curtail_kw, [2.0 - q, 2.0 - q], atol=1e-5)


@given(communities(max_prosumers=4), st.data())
@settings(max_examples=30)
def test_every_backend_answers_the_same(community, data):
    observation = data.draw(observations(community))
    intent = data.draw(intents(community.n_prosumers))[:, 0]
    situation = situation_of(community, observation)
    answers = [Projector(community, setup).project(situation, intent) for setup in BACKENDS.values()]
    for first, second in pairwise(answers):
        np.testing.assert_allclose(first.set_points.battery_kw, second.set_points.battery_kw, atol=1e-4)
        assert np.isclose(first.set_points.shed_kw.sum(), second.set_points.shed_kw.sum(), atol=1e-4)


class Liar:
    """A backend that calls anything solved."""

    def __init__(self, x):
        self.x = x

    def __call__(self, hierarchy):
        return self

    def solve(self, problem):
        cells, groups = problem.hierarchy.n_cells, problem.hierarchy.n_groups
        point = np.full((3, cells), self.x)
        return Solution(
            point=point, cell_multipliers=np.zeros(cells), multipliers=np.zeros(groups), status=Status.SOLVED
        )


@pytest.mark.parametrize("value", [np.nan, 1e9, np.inf])
def test_a_backend_that_lies_is_found_out_and_the_exact_solver_answers(value):
    community = Community.demo()
    observation = observed_as({"demand_kw": 3.0, "pv_kw": 0.0, "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1})
    situation = situation_of(community, observation)
    lied = Projector(community, Liar(value)).project(situation, np.full(17, 5.0))
    honest = Projector(community).project(situation, np.full(17, 5.0))
    assert any(reason.cause == "solver-failed" for reason in lied.reasons)
    np.testing.assert_array_equal(lied.set_points.battery_kw, honest.set_points.battery_kw)


def test_an_impossible_problem_is_called_infeasible_and_pushed_as_far_as_it_goes():
    hierarchy = Hierarchy(parent=np.array([-1]), group_of=np.zeros(2, dtype=np.int64))
    problem = allocation(
        hierarchy,
        centre=np.zeros(2),
        lower=np.zeros(2),
        upper=np.ones(2),
        total_lower=np.array([5.0]),
        total_upper=np.array([np.inf]),
    )
    solution = NestedSolver(hierarchy).solve(problem)
    assert solution.status is Status.INFEASIBLE
    np.testing.assert_array_equal(solution.point[0], [1.0, 1.0])
