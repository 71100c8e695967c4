"""The certificate: what it says holds in exact fractions, for a year of decisions; what is corrupted is rejected."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy import Community, Controller, Scenario, Simulator
from autonomy.solvers.allocation import CENTRE, Hierarchy, Solution, Status, allocation
from autonomy.solvers.certificate import certify, recheck
from autonomy.solvers.compiled import CompiledSolver
from tests.programs import REGIMES, allocations, random_program

FEASIBLE_KW = Fraction(1, 10**9)
QUARTER_H = 2190


def is_accepted(problem, solution, stated_gap):
    """The examiner's rule: feasible within 1e-9 and no further from the optimum than stated, in exact fractions."""
    found = recheck(problem, solution)
    return found.infeasibility <= FEASIBLE_KW and found.gap <= stated_gap


class Recorder:
    """A projector that remembers the last instance, stated by the clear code, and the proposal as an answer to it."""

    def __init__(self, projector):
        self.projector, self.last = projector, None

    def project(self, situation, intent_kw):
        proposal = self.projector.project(situation, intent_kw)
        clipped = np.clip(intent_kw, -situation.discharge_limit_kw, situation.charge_limit_kw)
        problem = self.projector._program.build(situation, clipped, within_ramp=not proposal.ramp_relaxed)
        points, certificate = proposal.set_points, proposal.certificate
        solution = Solution(
            point=np.array([-points.battery_kw, points.curtail_kw, points.shed_kw]),
            cell_multipliers=certificate.node_multipliers,
            multipliers=certificate.line_multipliers,
            status=Status.SOLVED,
        )
        self.last = (problem, solution)
        return proposal


@pytest.mark.parametrize("quarter", range(4))
def test_every_certificate_of_a_year_checks_in_exact_fractions(quarter):
    """Random intents of up to twice the power limits: they bind the feeder in a good part of the hours."""
    community, rng = Community.demo(), np.random.default_rng(quarter)
    scenario = Scenario.demo().window(quarter * QUARTER_H, QUARTER_H)
    controller = Controller(community, policy=lambda community, _: rng.uniform(-10, 10, (community.n_prosumers, 3)))
    recorder = controller._projector = Recorder(controller._projector)
    simulator, bound = Simulator(community, scenario), 0
    while not simulator.is_done:
        decision = controller.step(simulator.observe())
        assert is_accepted(*recorder.last, decision.certificate.gap)
        assert decision.certificate.gap <= 1e-9
        bound += bool(decision.certificate.line_multipliers.any())
        simulator.execute(decision)
    assert bound > QUARTER_H / 10


CORRUPTIONS = (
    "a worse point",
    "a point outside",
    "a point that is no number",
    "a multiplier of the other sign",
    "a multiplier left out",
    "the answer to another problem",
)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_corrupted_certificates_are_rejected(corruption):
    rng, tried = np.random.default_rng(1), 0
    for _ in range(300):
        problem = random_program(rng, "import", max_groups=1)
        solution = CompiledSolver(problem.hierarchy).solve(problem)
        room = np.minimum(solution.point[0] - problem.cells[2], problem.cells[3] - solution.point[0])
        if not (solution.multipliers[0] > 1e-2 and room.max() > 1e-2):
            continue  # where nothing is free to move, several multipliers prove the same point
        tried += 1
        stated = certify(problem, solution).gap
        assert is_accepted(problem, solution, stated)
        point, cells, multipliers = solution.point.copy(), problem.cells.copy(), solution.multipliers.copy()
        free = int(np.argmax(room))
        if corruption == "a worse point":
            point[0, free] += 1e-3
        elif corruption == "a point outside":
            point[0, free] -= 1e-3
        elif corruption == "a point that is no number":
            point[1, free] = np.nan
        elif corruption == "a multiplier of the other sign":
            multipliers *= -1
        elif corruption == "a multiplier left out":
            multipliers *= 0
        elif corruption == "the answer to another problem":
            cells[CENTRE, free] += 0.5
        corrupted = solution._replace(point=point, multipliers=multipliers)
        assert not is_accepted(replace(problem, cells=cells), corrupted, stated)
        if corruption == "a worse point":  # it is a point all right, and its own gap says how bad
            assert is_accepted(problem, corrupted, certify(problem, corrupted).gap)
    assert tried > 100


@given(allocations(smoothings=(1e-3, 0.25, 0.0)), st.data())
def test_the_stated_gap_is_never_below_the_exact_one_whatever_the_multipliers(problem, data):
    answer = CompiledSolver(problem.hierarchy).solve(problem)
    if answer.status is Status.FAILED:
        return
    groups, cells = problem.hierarchy.n_groups, problem.hierarchy.n_cells
    some = np.array(data.draw(st.lists(st.floats(-50, 50), min_size=groups + cells, max_size=groups + cells)))
    loose = answer._replace(multipliers=some[:groups], cell_multipliers=some[groups:])
    for solution in (answer, loose):
        exact, stated = recheck(problem, solution).gap, certify(problem, solution).gap
        assert exact <= stated
        assert not np.isfinite(stated) or float(stated - exact) <= 1e-9 * (1.0 + abs(float(exact))) or exact < 0


@pytest.mark.parametrize("regime", REGIMES)
def test_floats_and_fractions_agree(regime):
    rng = np.random.default_rng(2)
    for _ in range(50):
        problem = random_program(rng, regime)
        answer = CompiledSolver(problem.hierarchy).solve(problem)
        exact, rounded = recheck(problem, answer), recheck(problem, answer, float)
        assert float(exact.gap) == pytest.approx(rounded.gap, abs=1e-9)
        assert float(exact.infeasibility) == pytest.approx(rounded.infeasibility, abs=1e-12)


def test_a_hand_worked_gap():
    # One cell, (x − 3)²/2 with x <= 1 by its group: the minimum is 2 at x = 1 with λ = −2. At x = 0 the cost is 4.5.
    # D(−2) = min (x − 3)²/2 + 2x − 2 over [0, 5] = (at x = 1) 2 + 2 − 2 = 2, so the gap of x = 0 is 2.5.
    problem = one_cell()
    answer = CompiledSolver(problem.hierarchy).solve(problem)
    assert answer.multipliers.tolist() == [-2.0]
    at_zero = answer._replace(point=np.zeros((3, 1)))
    assert recheck(problem, at_zero) == (0, Fraction(5, 2))
    assert certify(problem, at_zero).gap == pytest.approx(2.5, abs=1e-12)
    assert certify(problem, at_zero).distance >= 1.0  # √5, and the minimiser is 1 away


def test_pricing_a_bound_that_does_not_exist_proves_nothing():
    problem = one_cell()
    answer = CompiledSolver(problem.hierarchy).solve(problem)._replace(multipliers=np.array([2.0]))
    assert recheck(problem, answer).gap == np.inf
    assert certify(problem, answer).gap == np.inf


def one_cell():
    return allocation(
        Hierarchy(parent=np.array([-1]), group_of=np.array([0])),
        centre=np.array([3.0]),
        lower=np.array([0.0]),
        upper=np.array([5.0]),
        total_lower=np.array([-np.inf]),
        total_upper=np.array([1.0]),
    )
