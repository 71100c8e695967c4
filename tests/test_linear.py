"""Linear and mixed-integer programs: hand-worked, checked by enumeration, and never believed unchecked."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.solvers.deadline import Deadline
from autonomy.solvers.exclusive import solve_exclusive
from autonomy.solvers.linear import LinearBuilder
from autonomy.solvers.linear_solution import Status, solve

whole = st.integers(-5, 5)


def bounded_program(cost, matrix, row_upper, *, upper=4.0, integer=False):
    program = LinearBuilder()
    x = program.columns((len(cost),), cost=cost, lower=0.0, upper=upper, integer=integer)
    rows = program.rows((len(row_upper),), upper=row_upper)
    program.terms(rows[:, None], x[None, :], np.array(matrix, dtype=float))
    return program.build()


@st.composite
def bounded_programs(draw, columns=4, rows=3):
    """Programs that always have x = 0 and a bounded box, so that an optimum exists."""
    matrix = draw(st.lists(st.lists(whole, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    cost = draw(st.lists(whole, min_size=columns, max_size=columns))
    row_upper = draw(st.lists(st.integers(0, 8), min_size=rows, max_size=rows))
    return bounded_program(np.array(cost, dtype=float), matrix, np.array(row_upper, dtype=float))


def test_two_columns_and_one_row_by_hand():
    program = LinearBuilder()
    x = program.columns((2,), cost=np.array([1.0, 2.0]), upper=3.0)
    program.terms(program.rows((), lower=4.0), x, 1.0)
    solution = solve(program.build())
    assert solution.status is Status.OPTIMAL
    assert solution.found
    np.testing.assert_allclose(solution.x, [3.0, 1.0])
    assert solution.objective == pytest.approx(5.0)
    np.testing.assert_allclose(solution.dual, [2.0])
    assert solution.bound == pytest.approx(5.0)


def test_repeated_triplets_add_up():
    program = LinearBuilder()
    x = program.columns((1,), cost=1.0)
    row = program.rows((1,), lower=6.0)
    for value in (1.0, 2.5, -0.5):
        program.terms(row, x, value)
    built = program.build()
    assert solve(built).objective == pytest.approx(2.0)
    np.testing.assert_allclose(built.activity(np.array([2.0])), [6.0])


def test_a_program_without_rows_is_solved_by_its_bounds():
    program = LinearBuilder()
    program.columns((3,), cost=np.array([1.0, -1.0, 0.0]), lower=-2.0, upper=5.0)
    assert solve(program.build()).objective == pytest.approx(-7.0)


@settings(max_examples=60, deadline=None)
@given(bounded_programs())
def test_an_optimum_is_feasible_and_its_own_multipliers_prove_it(program):
    solution = solve(program)
    assert solution.status is Status.OPTIMAL
    assert program.feasibility_error(solution.x) <= 1e-8
    assert solution.bound == pytest.approx(solution.objective, abs=1e-7)
    assert solution.gap <= 1e-7


@settings(max_examples=60, deadline=None)
@given(bounded_programs(), st.lists(st.floats(-10, 10), min_size=3, max_size=3))
def test_any_multipliers_give_a_bound_that_no_feasible_point_beats(program, dual):
    # Rows of these programs have no lower end, so multipliers above 0 must not count.
    bound = program.dual_bound(np.array(dual))
    assert bound <= solve(program).objective + 1e-7
    if max(dual) > 1e-9:
        assert bound == -np.inf


@settings(max_examples=40, deadline=None)
@given(bounded_programs(columns=3))
def test_a_mixed_integer_optimum_equals_the_best_of_all_whole_points(program):
    program = replace(program, integer=np.ones(3, dtype=bool))
    best = min(
        float(program.cost @ point)
        for point in map(np.array, itertools.product(range(5), repeat=3))
        if np.all(program.activity(point.astype(float)) <= program.row_upper + 1e-9)
    )
    solution = solve(program, relative_gap=0.0)
    assert solution.objective == pytest.approx(best, abs=1e-6)
    assert solution.bound <= best + 1e-6
    assert np.isnan(solution.dual).all()


@settings(max_examples=40, deadline=None)
@given(bounded_programs())
def test_an_exclusive_optimum_equals_the_best_over_all_choices_of_sides(program):
    first, second = np.array([0, 2]), np.array([1, 3])
    best = np.inf
    for idle in itertools.product((0, 1), (2, 3)):
        upper = program.upper.copy()
        upper[list(idle)] = 0.0
        best = min(best, solve(replace(program, upper=upper)).objective)
    answer = solve_exclusive(program, first, second, relative_gap=0.0)
    x = answer.solution.x
    assert np.minimum(x[first], x[second]).max() <= 1e-7
    assert answer.solution.objective == pytest.approx(best, abs=1e-6)
    assert answer.solution.bound <= best + 1e-6
    assert answer.binaries <= 2


def test_pairs_that_never_overlap_cost_no_binary():
    program = bounded_program(np.array([1.0, -1.0]), [[1.0, 1.0]], np.array([9.0]))
    answer = solve_exclusive(program, np.array([0]), np.array([1]))
    assert (answer.binaries, answer.rounds) == (0, 0)
    np.testing.assert_allclose(answer.solution.x, [0.0, 4.0])


def test_out_of_time_the_best_exclusive_point_comes_back_with_its_gap():
    program = bounded_program(np.array([-1.0, -1.5]), np.zeros((0, 2)), np.zeros(0))
    readings = itertools.chain([0.0], itertools.repeat(9.0))
    deadline = Deadline(5.0, lambda: next(readings))
    answer = solve_exclusive(program, np.array([0]), np.array([1]), time_limit_s=deadline)
    # The linear optimum (4, 4) costs -10 and is the bound; with the smaller column at 0 the cost is -4.
    assert answer.is_stopped
    assert answer.solution.status is Status.TIME_LIMIT
    assert answer.solution.found
    np.testing.assert_array_equal(answer.solution.x, [4.0, 0.0])
    assert answer.solution.bound == pytest.approx(-10.0)
    assert answer.solution.gap == pytest.approx(6.0 / 4.0)


def test_what_a_pair_implies_may_be_enough():
    program = bounded_program(np.array([-1.0, -2.0, 1.0, -1.0]), np.zeros((0, 4)), np.zeros(0))
    answer = solve_exclusive(program, np.array([0, 2]), np.array([1, 3]))
    assert (answer.binaries, answer.rounds, answer.leaves) == (0, 1, 1)
    assert answer.proved == pytest.approx(-12.0)
    np.testing.assert_allclose(answer.solution.x, [0.0, 4.0, 0.0, 4.0], atol=1e-12)


def test_only_the_overlapping_pair_is_split():
    # With x0 + x1 <= 4, which the pair implies, the linear program would take 1 and 3 of them.
    matrix = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]
    program = bounded_program(np.array([-1.0, -1.5, 1.0, -1.0]), matrix, np.array([3.0, 3.0]))
    answer = solve_exclusive(program, np.array([0, 2]), np.array([1, 3]))
    assert (answer.binaries, answer.rounds, answer.leaves) == (1, 1, 2)
    assert answer.proved == pytest.approx(-8.5)
    np.testing.assert_allclose(answer.solution.x, [0.0, 3.0, 0.0, 4.0], atol=1e-12)


def test_pairs_without_a_finite_upper_bound_are_refused():
    program = bounded_program(np.array([1.0, 1.0]), [[1.0, 1.0]], np.array([9.0]), upper=np.inf)
    with pytest.raises(ValueError, match="upper"):
        solve_exclusive(program, np.array([0]), np.array([1]))


def test_no_point_and_no_lower_end_are_values_with_a_sentence():
    program = LinearBuilder()
    x = program.columns((1,), cost=-1.0, upper=1.0)
    program.terms(program.rows((1,), lower=2.0), x, 1.0)
    solution = solve(program.build())
    assert solution.status is Status.INFEASIBLE
    assert not solution.found
    assert "infeasible" in solution.message
    assert np.isnan(solution.x).all()
    free = LinearBuilder()
    free.terms(free.rows((1,), lower=0.0), free.columns((1,), cost=-1.0), 1.0)
    assert solve(free.build()).status is Status.UNBOUNDED


def test_a_search_without_time_is_a_value_too():
    rng = np.random.default_rng(0)
    program = bounded_program(-rng.uniform(1, 2, 40), rng.uniform(1, 2, (30, 40)), np.full(30, 50.5), integer=True)
    solution = solve(program, time_limit_s=0.0)
    assert solution.status is Status.TIME_LIMIT
    assert solution.found == (program.feasibility_error(solution.x) <= 1e-7)


def test_the_residual_is_the_largest_over_bounds_rows_and_integrality():
    program = bounded_program(np.zeros(2), [[1.0, 1.0]], np.array([3.0]))
    assert program.feasibility_error(np.array([1.0, 2.0])) == 0.0
    assert program.feasibility_error(np.array([-0.5, 2.0])) == 0.5
    assert program.feasibility_error(np.array([0.0, 4.25])) == 1.25
    assert program.feasibility_error(np.array([np.nan, 0.0])) == np.inf
    whole_program = replace(program, integer=np.array([True, False]))
    assert whole_program.feasibility_error(np.array([0.75, 0.0])) == 0.25


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cost", np.array([np.inf, 0.0])),
        ("cost", np.array([np.nan, 0.0])),
        ("value", np.array([1.0, np.nan])),
        ("lower", np.array([5.0, 0.0])),
        ("lower", np.array([np.nan, 0.0])),
        ("upper", np.array([1.0])),
        ("row_lower", np.array([np.inf])),
        ("row", np.array([0, 7])),
        ("column", np.array([-1, 0])),
    ],
)
def test_data_that_would_make_the_solver_abort_is_refused_by_name(field, value):
    program = bounded_program(np.zeros(2), [[1.0, 1.0]], np.array([3.0]))
    with pytest.raises(ValueError, match=field):
        replace(program, **{field: value})


def test_the_solver_is_silent_and_gets_along_with_another_one_in_the_process():
    script = (
        "import highspy\n"
        "host = highspy.Highs.__base__()\n"
        "host.setOptionValue('output_flag', False)\n"
        "host.setOptionValue('threads', 2)\n"
        "host.addVars(1, [0.0], [1.0])\n"
        "host.run()\n"
        "from autonomy.solvers.linear import LinearBuilder\n"
        "from autonomy.solvers.linear_solution import solve\n"
        "program = LinearBuilder(); program.columns((1,), cost=1.0, lower=3.0, upper=4.0)\n"
        "raise SystemExit(0 if solve(program.build()).objective == 3.0 else 5)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
