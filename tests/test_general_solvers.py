"""General solvers behind a check of our own: worked programs, and whoever lies or throws is found out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from autonomy.solvers.allocation import Status
from autonomy.solvers.general import BARE, GENERAL
from autonomy.solvers.general.checked import Checked, wrong_in
from autonomy.solvers.general_backend import GeneralBackend
from autonomy.solvers.quadratic import QuadraticSolution, QuadraticStructure, QuadraticValues
from tests.instances import assert_true, plain_instance


class Liar:
    """A solver that calls anything solved."""

    def __init__(self, spoil, structure):
        self.spoil, self.inner = spoil, BARE["clarabel"](structure)

    def solve(self, values):
        return self.spoil(self.inner.solve(values))


class PanicError(BaseException):
    """What a panic in Rust looks like from here."""


def panic(answer):
    raise PanicError("index out of bounds")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda a: replace(a, x=a.x * np.nan), "called solved, but the answer is not all numbers"),
        (lambda a: replace(a, x=a.x * 0), "called solved, but the relative duality gap is"),
        (lambda a: replace(a, x=a.x * 3), "called solved, but bounds are left by"),
        (
            lambda a: replace(a, bound_multipliers=-a.bound_multipliers),
            "called solved, but the relative duality gap is",
        ),
        (lambda a: replace(a, bound_multipliers=a.bound_multipliers + np.nan), "called solved, but"),
        (lambda a: replace(a, x=a.x[:2]), "the solver raised ValueError"),
        (lambda a: 1 / 0, "the solver raised ZeroDivisionError: division by zero"),
        (panic, "the solver raised PanicError: index out of bounds"),
    ],
)
def test_a_solver_that_lies_or_throws_is_found_out(spoil, said):
    problem = plain_instance()
    answer = GeneralBackend(problem.hierarchy, partial(Liar, spoil)).solve(problem)
    assert answer.status is Status.FAILED
    assert said in answer.message


def test_a_solver_spoilt_by_its_last_answer_is_set_up_anew():
    class OneShot:
        def __init__(self, structure):
            self.inner, self.uses = BARE["clarabel"](structure), 0

        def solve(self, values):
            self.uses += 1
            answer = self.inner.solve(values)
            return answer if self.uses == 1 else replace(answer, x=answer.x * np.nan)

    problem = plain_instance()
    backend = GeneralBackend(problem.hierarchy, OneShot)
    for _ in range(3):
        assert_true(problem, backend.solve(problem), 1e-8)


def test_an_interrupt_of_the_user_is_not_swallowed():
    def interrupt(answer):
        raise KeyboardInterrupt

    problem = plain_instance()
    with pytest.raises(KeyboardInterrupt):
        GeneralBackend(problem.hierarchy, partial(Liar, interrupt)).solve(problem)


def program(curvature, linear, matrix, lower, upper, row_lower, row_upper):  # noqa: PLR0917 - in the order of the formula
    matrix = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
    rows, columns = np.nonzero(matrix)
    order = np.lexsort((rows, columns))
    structure = QuadraticStructure(
        curvature=np.asarray(curvature, dtype=np.float64),
        starts=np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=matrix.shape[1]))]),
        rows=rows[order],
        entries=matrix[rows, columns][order],
        n_rows=matrix.shape[0],
    )
    numbers = (np.asarray(array, dtype=np.float64) for array in (linear, lower, upper, row_lower, row_upper))
    names = ("linear", "lower", "upper", "row_lower", "row_upper")
    return structure, QuadraticValues(**dict(zip(names, numbers, strict=True)))


FREE = [-np.inf, -np.inf], [np.inf, np.inf]
WORKED = {
    # min x²/2 + y²/2 under x + y = 2: both 1, and x = m
    "an equation": ([1, 1], [0, 0], [1, 1], *FREE, [2], [2], [1, 1], [1], [0, 0]),
    # the same from below: the bound's multiplier is positive
    "a lower bound on a row": ([1, 1], [0, 0], [1, 1], *FREE, [2], [np.inf], [1, 1], [1], [0, 0]),
    # min (x − 3)²/2 + (y − 3)²/2 under x + y <= 2: 1 − 3 = −2
    "an upper bound on a row": ([1, 1], [-3, -3], [1, 1], *FREE, [-np.inf], [2], [1, 1], [-2], [0, 0]),
    # boxes: x pushed up to 1 from 0 (1 = n), y held at 2 below 5 (2·2 − 10 = −6 = n); the row is free
    "boxes": ([1, 2], [0, -10], [1, 1], [1, -9], [9, 2], [-np.inf], [np.inf], [1, 2], [0], [1, -6]),
    # no curvature on y: min x²/2 + y under x + y = 3, 0 <= y: x = 1 = m, y = 2
    "a linear variable": ([1, 0], [0, 1], [1, 1], [-np.inf, 0], [np.inf, 9], [3], [3], [1, 2], [1], [0, 0]),
    # an empty box: y is 2, x + y >= 5 leaves x = 3 = m, and n of y is 2 − 3
    "an empty box": ([1, 1], [0, 0], [1, 1], [-9, 2], [9, 2], [5], [np.inf], [3, 2], [3], [0, -1]),
}


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize("case", WORKED)
def test_numbers_worked_by_hand_come_back_with_the_signs_of_the_convention(name, case):
    curvature, linear, matrix, lower, upper, row_lower, row_upper, x, on_rows, on_boxes = WORKED[case]
    structure, values = program(curvature, linear, matrix, lower, upper, row_lower, row_upper)
    answer = GENERAL[name](structure).solve(values)
    assert answer.status is Status.SOLVED, answer.message
    np.testing.assert_allclose(answer.x, x, atol=1e-5)
    np.testing.assert_allclose(answer.row_multipliers, on_rows, atol=1e-5)
    np.testing.assert_allclose(answer.bound_multipliers, on_boxes, atol=1e-5)


@pytest.mark.parametrize("name", GENERAL)
def test_one_solver_answers_one_instance_after_the_other_when_bounds_come_and_go(name):
    rng, solved = np.random.default_rng(5), []
    matrix = rng.integers(-1, 2, (3, 6)).astype(float)
    structure, _ = program(np.ones(6), np.zeros(6), matrix, *[np.zeros(6)] * 2, *[np.zeros(3)] * 2)
    warm = GENERAL[name](structure)
    for _ in range(40):
        inside = rng.uniform(-1, 1, 6)
        room = [rng.choice([0.0, 0.5, np.inf], size) for size in (6, 6, 3, 3)]
        _, values = program(
            np.ones(6), rng.uniform(-3, 3, 6), matrix, inside - room[0], inside + room[1],
            matrix @ inside - room[2], matrix @ inside + room[3],
        )  # fmt: skip
        one, other = warm.solve(values), GENERAL[name](structure).solve(values)
        solved.append(one.status is Status.SOLVED and other.status is Status.SOLVED)
        if solved[-1]:
            np.testing.assert_allclose(one.x, other.x, atol=1e-4)
    assert np.mean(solved) >= 0.9


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize("field", ["linear", "lower", "upper", "row_lower", "row_upper"])
def test_a_general_program_with_a_poisoned_number_is_refused_by_name(name, field):
    structure, values = program(*WORKED["an equation"][:7])
    solver = GENERAL[name](structure)
    for value in (np.nan, 1e300):
        bad = replace(values, **{field: np.where(np.arange(getattr(values, field).size) == 0, value, 0.0)})
        answer = solver.solve(bad)
        assert answer.status is Status.FAILED
        assert answer.message.startswith(f"{field}[0] = {value}: expected")
    assert "shape" in solver.solve(replace(values, **{field: np.zeros(5)})).message
    assert solver.solve(values).status is Status.SOLVED


@pytest.mark.parametrize("name", GENERAL)
def test_a_general_program_that_cannot_be_met_is_not_solved(name):
    structure, values = program([1, 1], [0, 0], [1, 1], [0, 0], [1, 1], [5], [6])
    assert GENERAL[name](structure).solve(values).status is not Status.SOLVED


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda a: replace(a, x=a.x * 0), "called solved, but bounds are left by 1.0e+00"),
        (lambda a: replace(a, x=a.x + 1), "called solved, but the slope is off by"),
        (lambda a: replace(a, row_multipliers=a.row_multipliers * np.nan), "called solved, but the answer is not all"),
        (lambda a: replace(a, x=a.x[:1]), "the solver raised"),
        (panic, "the solver raised PanicError: index out of bounds"),
    ],
)
def test_a_general_solver_that_lies_or_throws_is_found_out(spoil, said):
    structure, values = program([1, 1], [0, 0], [1, 1], *FREE, [1], [9])
    answer = Checked(structure, partial(Liar, spoil)).solve(values)
    assert answer.status is Status.FAILED
    assert said in answer.message


def test_multipliers_that_price_slack_bounds_are_a_gap():
    """At x = 1, x's slope of 1 is claimed to be held by its lower bound at −5, which does not bind: a gap of 6."""
    structure, values = program([1], [0], [1], [-5], [5], [-np.inf], [np.inf])
    dream = QuadraticSolution(
        x=np.array([1.0]), row_multipliers=np.zeros(1), bound_multipliers=np.ones(1), status=Status.SOLVED
    )
    assert wrong_in(structure, values, dream) == "called solved, but the relative duality gap is 4.0e+00"
