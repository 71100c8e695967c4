"""Rivals that lie, fail, hang or come late: each is found out, recorded and charged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autonomy.benchmark.instances import draw
from autonomy.benchmark.lower_bound import best_bounds, relative_gap
from autonomy.benchmark.measurement import Effort, measure
from autonomy.benchmark.method import BackendMethod
from autonomy.benchmark.methods import EXACT
from autonomy.benchmark.projection import Run
from autonomy.benchmark.row import Outcome
from autonomy.benchmark.tally import Tally
from autonomy.benchmark.trial import trial
from autonomy.benchmark.verdict import Judged, is_right
from autonomy.solvers.allocation import Allocation, Backend, Hierarchy, Solution, Status, no_answer
from autonomy.solvers.nested import NestedSolver
from tests.cases import MACHINE, OURS, Lying, asked, case, rows_of


def effort(**changes: Any) -> Effort:
    return replace(Effort(calls=10, budget_s=0.01, time_limit_s=0.5, clock_overhead_s=0.0), **changes)


class Feasible(Lying):
    """Calls "do nothing" solved: no limit is broken, but nothing is minimal."""

    def solve(self, problem: Allocation) -> Solution:
        nothing = np.stack([np.zeros(self.hierarchy.n_cells), problem.cells[4], problem.cells[5]])
        return super().solve(problem)._replace(point=nothing)


class Failing(Lying):
    """Says that it failed, and is right about it."""

    def solve(self, problem: Allocation) -> Solution:
        return no_answer(self.hierarchy, Status.FAILED, "I always fail")


class Raising(Lying):
    """Raises."""

    def solve(self, problem: Allocation) -> Solution:
        raise RuntimeError("broken")


class Slow(NestedSolver):
    """Right, after a fifth of a second."""

    def solve(self, problem: Allocation) -> Solution:
        time.sleep(0.2)
        return super().solve(problem)


class SlowLying(Lying):
    """Wrong, after a while."""

    def solve(self, problem: Allocation) -> Solution:
        time.sleep(0.02)
        return super().solve(problem)


class Hanging(Lying):
    """Never answers from four prosumers up."""

    def solve(self, problem: Allocation) -> Solution:
        while self.hierarchy.n_cells >= 4:
            time.sleep(0.05)
        return super().solve(problem)


class Crashing(Lying):
    """Takes the process with it from four prosumers up."""

    def solve(self, problem: Allocation) -> Solution:
        if self.hierarchy.n_cells >= 4:
            os._exit(3)
        return super().solve(problem)


class Late(Lying):
    """Raises from four prosumers up."""

    def solve(self, problem: Allocation) -> Solution:
        if self.hierarchy.n_cells >= 4:
            raise RuntimeError("broken")
        return super().solve(problem)


def missing(hierarchy: Hierarchy) -> Backend:
    raise ImportError("no such library")


def planted(start: Callable[[Hierarchy], Backend]) -> BackendMethod:
    return BackendMethod(name=start.__name__.lower(), start=start)


def test_a_liar_is_found_out_and_charged_although_it_is_fast() -> None:
    rows = rows_of([planted(Lying), planted(Feasible)])
    for name in ("lying", "feasible"):
        assert (rows[name].right, rows[name].lies) == (0, rows[name].judged)
        assert rows[name].claimed == rows[name].judged == 9
        assert rows[name].charged_p50_s == rows[name].charged_p99_s == 0.5
        assert rows[name].hot_p50_s < 0.1
    assert rows["lying"].violation_kw > 1e-3
    assert rows["feasible"].violation_kw <= 1e-9
    assert rows["feasible"].gap > 1e-3
    assert rows[EXACT].lies == 0
    assert rows[EXACT].right == rows[EXACT].judged == 9
    assert rows[EXACT].hot_ratio == rows[EXACT].interleaved_ratio == 1.0


def test_an_honest_failure_is_no_lie_but_is_charged() -> None:
    row = rows_of([planted(Failing)])["failing"]
    assert (row.claimed, row.right, row.lies) == (0, 0, 0)
    assert row.message == "I always fail"
    assert row.charged_p50_s == 0.5
    assert np.isnan(row.violation_kw)


def test_an_exception_and_a_missing_library_are_recorded_and_the_others_go_on() -> None:
    rows = rows_of([planted(Raising), planted(missing)])
    assert (rows["raising"].outcome, rows["raising"].message) == (Outcome.FAILED, "RuntimeError: broken")
    assert rows["raising"].charged_p50_s == 0.5
    assert (rows["missing"].outcome, rows["missing"].message) == (Outcome.NOT_INSTALLED, "no such library")
    assert np.isnan(rows["missing"].charged_p50_s)
    assert rows[EXACT].outcome is Outcome.RAN


def test_a_method_over_the_time_limit_is_recorded_charged_and_not_run_at_larger_sizes() -> None:
    wanted = asked(sizes=(4, 6), time_limit_s=0.1)
    run = Run([OURS, planted(Slow)], wanted, NestedSolver, MACHINE)
    first, second = (run.measure(chosen, lambda name: None)[1] for chosen in wanted.cases())
    assert first.outcome is Outcome.TIME_LIMIT
    assert "calls took longer than 0.1 s" in first.message
    assert first.charged_p50_s == 0.1
    assert first.judged > 0
    assert (second.outcome, second.message) == (Outcome.NOT_RUN, "time limit at N = 4")
    assert np.isnan(second.charged_p50_s)


def test_a_slow_method_without_a_right_answer_is_not_run_at_larger_sizes_and_a_quick_one_is() -> None:
    wanted = asked(sizes=(4, 6))
    run = Run([OURS, planted(SlowLying), planted(Lying)], wanted, NestedSolver, MACHINE)
    first, second = (run.measure(chosen, lambda name: None) for chosen in wanted.cases())
    assert [row.outcome for row in first] == [Outcome.RAN] * 3
    assert [row.outcome for row in second] == [Outcome.RAN, Outcome.NOT_RUN, Outcome.RAN]
    assert second[1].message == "no right answer at N = 4"


def test_one_late_answer_is_charged_and_does_not_slow_the_loop_down() -> None:
    problems = draw(case(), 4, NestedSolver)

    class LateOnce(NestedSolver):
        def solve(self, problem: Allocation) -> Solution:
            if problem is problems[2]:
                time.sleep(0.12)
            return super().solve(problem)

    found = measure(BackendMethod(name="late", start=LateOnce), problems, effort(time_limit_s=0.1, budget_s=0.2))
    assert (found.outcome, found.late, found.places) == (Outcome.RAN, [2], [0, 1, 3])
    assert found.hot is not None
    assert found.hot.max() < 0.1
    bounds = best_bounds(found.judged, 4)
    row = Tally(case(), problems, [found], bounds, 0.1, 1e10).row(found)
    assert row.charged_p99_s == 0.1
    assert row.charged_p50_s < 0.1


@pytest.mark.parametrize(
    ("start", "outcome", "said"),
    [(Hanging, "time limit", "did not set up within"), (Crashing, "failed", "died"), (Late, "failed", "could not set")],
)
def test_what_hangs_or_crashes_is_tried_in_a_process_of_its_own(start: Any, outcome: str, said: str) -> None:
    small, large = draw(case(n=3), 1, NestedSolver)[0], draw(case(), 1, NestedSolver)[0]
    found = trial(planted(start), small, large, 0.2)
    assert found.outcome == outcome
    assert said in found.message


def test_a_trial_of_what_works_says_so() -> None:
    (problem,) = draw(case(), 1, NestedSolver)
    assert trial(OURS, problem, problem, 5.0).outcome == "ran"


# Verdicts -------------------------------------------------------------------------------------------------------------


def test_the_best_bound_of_all_methods_is_the_one_that_counts() -> None:
    item = Judged(instance=0, claimed=True, violation_kw=0.0, objective=10.0, bound=4.0, message="")
    better = replace(item, bound=9.0, objective=9.5)
    bounds = best_bounds([item, better], 2)
    assert bounds == [9.0, -np.inf]
    assert relative_gap(item, bounds) == pytest.approx(0.1)
    assert not is_right(item, bounds)
    assert is_right(replace(item, objective=9.0 + 9e-6), bounds)
    assert not is_right(replace(item, objective=9.0, violation_kw=2e-6), bounds)
    for bad in (replace(item, objective=np.nan), replace(item, objective=9.0, violation_kw=np.nan)):
        assert not is_right(bad, bounds)
    assert not is_right(replace(item, instance=1), bounds)  # nobody has proved anything
