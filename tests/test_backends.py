"""One contract for every backend: SOLVED is true whatever goes in, all else has a sentence, nothing raises or hangs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.solvers.allocation import (
    CENTRE,
    DROP,
    LEAST,
    LIFT,
    LOWER,
    MOST,
    UPPER,
    WEIGHT,
    Hierarchy,
    Relief,
    Status,
    allocation,
    net,
)
from autonomy.solvers.backends import BACKENDS, UnknownBackendError, setup_of
from autonomy.solvers.general import GENERAL
from autonomy.solvers.general_backend import GeneralBackend
from autonomy.solvers.nested import NestedSolver
from autonomy.solvers.quadratic import QuadraticSolution
from autonomy.solvers.statement import Statement
from tests.instances import RELIEFS, assert_true, plain_instance

TOLERANCE = {
    "exact": 1e-9,
    "nested": 1e-9,
    "cvxpy": 1e-7,
    "highs": 1e-8,
    "osqp": 1e-6,
    "piqp": 1e-7,
    "clarabel": 1e-8,
    "daqp": 1e-8,
    "proxqp": 1e-7,
}
"""Relative difference in cost up to which a backend agrees with the clear solver; the last digits are its method's."""
SHARE = {name: 1.0 if name in ("exact", "nested") else 0.97 for name in BACKENDS}
"""Share of good instances that a backend has to solve; measured, all of them solve 99 % or more."""
EVERY = pytest.mark.parametrize("name", BACKENDS)


def random_hierarchy(rng, groups=6, cells=12):
    count = int(rng.integers(1, groups + 1))
    parent = [-1, *(int(rng.integers(-1, k)) for k in range(1, count))]
    return Hierarchy(parent=np.array(parent), group_of=rng.integers(0, count, int(rng.integers(1, cells + 1))))


def random_instance(rng, hierarchy):
    """A feasible instance, because it is built around a point: with ties, empty boxes, bounds that bind or are none."""
    n = hierarchy.n_cells
    if rng.random() < 0.3:
        centre, lower, upper = np.full(n, 4.0), np.full(n, -3.0), np.full(n, 3.0)
        drop, lift = np.full(n, 2.0), np.full(n, 3.0)
    else:
        centre = rng.uniform(-6, 6, n)
        lower, upper = -rng.uniform(0, 5, n) * (rng.random(n) < 0.8), rng.uniform(0, 5, n) * (rng.random(n) < 0.8)
        drop, lift = rng.uniform(0, 5, n) * (rng.random(n) < 0.7), rng.uniform(0, 9, n) * (rng.random(n) < 0.8)
    inside = np.stack([rng.uniform(lower, upper), rng.uniform(0, drop), rng.uniform(0, lift)])
    if rng.random() < 0.3:
        inside = np.stack([np.zeros(n), drop, lift])  # bounds that can only be met with all relief
    y = net(inside)
    totals = hierarchy.totals(y)

    def room(size):
        return rng.choice([0.0, 0.1, 1.0, 5.0, np.inf], size, p=[0.2, 0.2, 0.2, 0.2, 0.2])

    bounded = rng.random() < 0.5
    return allocation(
        hierarchy,
        centre=centre,
        lower=lower,
        upper=upper,
        total_lower=totals - room(totals.size),
        total_upper=totals + room(totals.size),
        weight=rng.choice([0.5, 1.0, 4.0], n) if rng.random() < 0.3 else 1.0,
        drop=drop,
        lift=lift,
        least=y - room(n) if bounded else None,
        most=y + room(n) if bounded else None,
        relief=RELIEFS[int(rng.integers(len(RELIEFS)))],
    )


@st.composite
def instances(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return random_instance(rng, random_hierarchy(rng))


def assert_safe(problem, answer):
    """What is not SOLVED says so in a sentence; INFEASIBLE comes with a point inside the boxes."""
    assert answer.status is not Status.SOLVED
    assert answer.message
    if answer.status is Status.INFEASIBLE:
        x, u, v = answer.point
        assert np.all((problem.cells[LOWER] <= x) & (x <= problem.cells[UPPER]))
        assert np.all((u >= 0) & (u <= problem.cells[DROP]) & (v >= 0) & (v <= problem.cells[LIFT]))
        assert problem.infeasibility(answer.point) > 0


# The contract.


@EVERY
def test_a_backend_solves_random_and_degenerate_instances_and_never_says_so_when_it_did_not(name):
    rng, solved, violations = np.random.default_rng(20161101), [], [0.0]
    for _ in range(12):
        hierarchy = random_hierarchy(rng)
        backend = BACKENDS[name](hierarchy)
        for _ in range(20):
            problem = random_instance(rng, hierarchy)
            answer = backend.solve(problem)
            solved.append(answer.status is Status.SOLVED)
            if solved[-1]:
                assert_true(problem, answer, TOLERANCE[name])
                violations.append(problem.infeasibility(answer.point))
            else:
                assert_safe(problem, answer)
    # docs/adding-a-solver.md says how to see this line.
    print(f"{name}: {sum(solved)} of {len(solved)} solved, worst violation {max(violations):.0e}")
    assert np.mean(solved) >= SHARE[name]


@EVERY
@given(problem=instances())
@settings(max_examples=10)
def test_a_fresh_backend_solves_what_hypothesis_finds(name, problem):
    answer = BACKENDS[name](problem.hierarchy).solve(problem)
    if answer.status is Status.SOLVED:
        assert_true(problem, answer, TOLERANCE[name])
    else:
        assert_safe(problem, answer)
        assert name not in ("exact", "nested")


NUMBERS = [(row, value) for row in (WEIGHT, CENTRE, LOWER, UPPER, DROP, LIFT) for value in (np.nan, np.inf, -np.inf)]
POISONS = [
    *[("cells", row, value) for row, value in NUMBERS],
    ("cells", WEIGHT, 0.0),
    ("cells", WEIGHT, -1.0),
    ("cells", UPPER, -99.0),
    ("cells", LOWER, 99.0),
    ("cells", DROP, -1.0),
    ("cells", LIFT, -1.0),
    ("cells", LEAST, np.nan),
    ("cells", LEAST, np.inf),
    ("cells", MOST, np.nan),
    ("cells", MOST, -np.inf),
    ("bounds", 0, np.nan),
    ("bounds", 0, np.inf),
    ("bounds", 1, np.nan),
    ("bounds", 1, -np.inf),
]


@EVERY
def test_poisoned_numbers_are_never_solved_and_spoil_nothing_for_the_next_instance(name):
    good = plain_instance()
    backend = BACKENDS[name](good.hierarchy)
    for field, row, value in POISONS:
        bad = plain_instance()
        getattr(bad, field)[row, 1] = value
        answer = backend.solve(bad)
        assert answer.status is not Status.SOLVED, (field, row, value)
        assert answer.message, (field, row, value)
    assert_true(good, backend.solve(good), TOLERANCE[name])


@pytest.mark.parametrize("name", [*GENERAL, "cvxpy"])
@pytest.mark.parametrize(
    ("field", "row", "value", "said"),
    [
        ("cells", CENTRE, np.nan, "centre[1] = nan: expected a number within ±1e+12"),
        ("cells", LIFT, np.inf, "lift[1] = inf: expected a number within ±1e+12"),
        ("cells", WEIGHT, 0.0, "weight[1] = 0.0: expected a number > 0"),
        ("cells", LOWER, 9.0, "lower[1] = 9.0: expected at most upper"),
        ("cells", CENTRE, 1e300, "centre[1] = 1e+300: expected a number within ±1e+12"),
        ("bounds", 0, np.inf, "total_lower[1] = inf: expected a number within ±1e+12, or -inf for none"),
        ("bounds", 1, -3.0, "total_lower[1] = -2.0: expected at most total_upper"),
        ("cells", MOST, np.nan, "most[1] = nan: expected a number within ±1e+12, or inf for none"),
    ],
)
def test_the_sentence_names_field_value_and_what_was_expected(name, field, row, value, said):
    bad = plain_instance()
    getattr(bad, field)[row, 1] = value
    answer = BACKENDS[name](bad.hierarchy).solve(bad)
    assert answer.status is Status.FAILED
    assert answer.message == said


@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "nested"])
def test_arrays_of_another_size_are_refused(name):
    good = plain_instance()
    backend = BACKENDS[name](good.hierarchy)
    for bad in (
        replace(good, cells=good.cells[:, :4]),
        replace(good, cells=good.cells[:7]),
        replace(good, bounds=good.bounds[:, :2]),
        replace(good, bounds=good.bounds[0]),
    ):
        answer = backend.solve(bad)
        assert answer.status is Status.FAILED
        assert "size" in answer.message or "shape" in answer.message


@EVERY
@pytest.mark.parametrize("price", ["drop_price", "lift_price", "smoothing"])
def test_prices_that_are_no_numbers_are_never_solved(name, price):
    good = plain_instance()
    bad = replace(good, relief=replace(good.relief, **{price: np.nan}))
    assert BACKENDS[name](good.hierarchy).solve(bad).status is not Status.SOLVED


@EVERY
def test_what_cannot_be_met_is_never_solved(name):
    good = plain_instance()
    backend = BACKENDS[name](good.hierarchy)
    rng = np.random.default_rng(3)
    for _ in range(10):
        bad = plain_instance()
        row, group = int(rng.integers(2)), int(rng.integers(3))
        bad.bounds[:, group] = np.array([[40.0, np.inf], [-np.inf, -40.0]])[row]
        assert_safe(bad, backend.solve(bad))
    assert_true(good, backend.solve(good), TOLERANCE[name])


@EVERY
def test_a_claim_of_infeasibility_that_a_plain_point_refutes_is_a_failure(name):
    class Pessimist:
        def __init__(self, structure):
            pass

        def solve(self, values):
            nothing = np.full(values.linear.size, np.nan)
            return QuadraticSolution(
                x=nothing,
                row_multipliers=np.zeros(3),
                bound_multipliers=nothing,
                status=Status.INFEASIBLE,
                message="it cannot be",
            )

    easy = plain_instance()
    easy.bounds[0], easy.bounds[1] = -np.inf, np.inf
    assert BACKENDS[name](easy.hierarchy).solve(easy).status is Status.SOLVED
    answer = GeneralBackend(easy.hierarchy, Pessimist).solve(easy)
    assert answer.status is Status.FAILED
    assert answer.message == "it cannot be, but the clipped centre meets all bounds"


# The adapter.


@given(problem=instances(), flows=st.booleans(), data=st.data())
def test_a_statement_is_the_same_problem(problem, flows, data):
    hierarchy, n = problem.hierarchy, problem.hierarchy.n_cells
    statement = Statement(hierarchy, flows=flows, bounded=len(problem.cells) > LEAST)
    structure = statement.structure(problem.cells[WEIGHT], problem.relief)
    values = statement.values(problem)
    point = np.random.default_rng(data.draw(st.integers(0, 999))).uniform(-5, 5, (3, n))
    totals = [sum(net(point)[i] for i in range(n) if is_below(hierarchy, i, g)) for g in range(hierarchy.n_groups)]
    x = np.concatenate([point.ravel(), totals if flows else []])
    rows = structure.times(x)
    constant = float(np.sum(problem.cells[WEIGHT] / 2 * problem.cells[CENTRE] ** 2))
    cost = np.sum(structure.curvature / 2 * x * x + values.linear * x) + constant
    assert cost == pytest.approx(problem.objective(point), abs=1e-9)
    if flows:
        np.testing.assert_allclose(rows[: hierarchy.n_groups], 0.0, atol=1e-9)
        assert structure.entries.size <= 3 * n + 2 * hierarchy.n_groups + (3 * n if statement.bounded else 0)
    else:
        np.testing.assert_allclose(rows[: hierarchy.n_groups], totals, atol=1e-9)
    if statement.bounded:
        np.testing.assert_allclose(rows[hierarchy.n_groups :], net(point), atol=1e-9)
    leaves = [values.lower - x, x - values.upper, values.row_lower - rows, rows - values.row_upper]
    assert (
        max(np.max(leave) for leave in leaves) == pytest.approx(max(problem.infeasibility(point), 0.0), abs=1e-9)
        or problem.infeasibility(point) == 0.0
    )


def is_below(hierarchy, cell, group):
    around = hierarchy.group_of[cell]
    while around >= 0:
        if around == group:
            return True
        around = hierarchy.parent[around]
    return False


@pytest.mark.parametrize("name", [*GENERAL, "cvxpy"])
def test_weights_smoothing_and_kinds_of_cells_may_change_between_solves(name):
    rng = np.random.default_rng(7)
    hierarchy = plain_instance().hierarchy
    backend = BACKENDS[name](hierarchy)
    for relief in RELIEFS:
        for weight in (1.0, np.array([1.0, 2.0, 3.0, 0.5, 0.1])):
            problem = plain_instance()
            problem.cells[WEIGHT] = weight
            problem.cells[CENTRE] = rng.uniform(-5, 5, 5)
            for rows in (LEAST, 8):
                changed = replace(problem, cells=np.ascontiguousarray(problem.cells[:rows]), relief=relief)
                assert_true(changed, backend.solve(changed), TOLERANCE[name])


@pytest.mark.parametrize("name", GENERAL)
def test_linear_prices_are_solved_too(name):
    """The cost is that of the exact solver; where the minimiser is not unique, points differ."""
    rng, solved = np.random.default_rng(11), []
    for _ in range(30):
        hierarchy = random_hierarchy(rng)
        problem = replace(
            random_instance(rng, hierarchy), relief=Relief(drop_price=0.01, lift_price=12.0, smoothing=0.0)
        )
        best = BACKENDS["exact"](hierarchy).solve(problem)
        assert best.status is Status.SOLVED
        answer = BACKENDS[name](hierarchy).solve(problem)
        solved.append(answer.status is Status.SOLVED)
        if solved[-1]:
            least = problem.objective(best.point)
            assert abs(problem.objective(answer.point) - least) <= 1e-6 * (1.0 + abs(least))
    assert np.mean(solved) >= SHARE[name] - 0.05


@pytest.mark.parametrize("name", GENERAL)
def test_multipliers_of_bounds_that_do_not_bind_are_zero(name):
    problem = plain_instance()
    answer = BACKENDS[name](problem.hierarchy).solve(problem)
    clear = NestedSolver(problem.hierarchy).solve(problem)
    np.testing.assert_array_equal(answer.multipliers != 0, clear.multipliers != 0)
    np.testing.assert_allclose(answer.multipliers, clear.multipliers, atol=1e-5)
    np.testing.assert_array_equal(answer.cell_multipliers, 0.0)


@pytest.mark.parametrize("name", ["daqp", "proxqp"])
def test_a_program_too_large_for_a_solver_is_declined_with_a_sentence(name):
    n = 5000
    hierarchy = Hierarchy(parent=np.array([-1]), group_of=np.zeros(n, dtype=np.int64))
    zero = np.zeros(n)
    problem = allocation(
        hierarchy, centre=zero, lower=zero, upper=zero + 1, total_lower=np.array([1.0]), total_upper=np.array([2.0])
    )
    answer = BACKENDS[name](hierarchy).solve(problem)
    assert answer.status is Status.FAILED
    assert "15000 variables" in answer.message


# Names.


def test_every_backend_has_a_name_and_can_be_isolated():
    assert list(BACKENDS) == ["exact", "nested", "cvxpy", "highs", "osqp", "piqp", "clarabel", "daqp", "proxqp"]
    problem = plain_instance()
    assert setup_of("piqp") is BACKENDS["piqp"]
    apart = setup_of("isolated:nested")(problem.hierarchy)
    assert_true(problem, apart.solve(problem), 1e-9)
    assert apart.process_id != os.getpid()


@pytest.mark.parametrize("name", ["gurobi", "isolated:gurobi", "isolated:", "isolated:isolated:piqp", ""])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(UnknownBackendError, match=r"no backend is called .*; known: exact, nested, cvxpy"):
        setup_of(name)


def test_names_cost_nothing_until_a_backend_is_set_up():
    heavy = ["numba", "scipy", "highspy", "cvxpy", "piqp", "osqp", "subprocess"]
    code = f"import sys, autonomy.solvers.backends; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
