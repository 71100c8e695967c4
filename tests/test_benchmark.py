"""The benchmark: instances of known regimes, honest clocks, verdicts that believe nobody, files and exit codes."""

from __future__ import annotations

import csv
import gc
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autonomy.benchmark import clock
from autonomy.benchmark.clip import clip
from autonomy.benchmark.direct import DirectMethod
from autonomy.benchmark.instances import (
    REGIMES,
    RELIEF,
    Case,
    NoInstanceError,
    UncertifiedError,
    draw,
    sketch,
)
from autonomy.benchmark.kernel import KernelMethod
from autonomy.benchmark.lower_bound import best_bounds, relative_gap
from autonomy.benchmark.machine import describe, processor_name
from autonomy.benchmark.measurement import Effort, Measurement, measure
from autonomy.benchmark.method import Answer, BackendMethod
from autonomy.benchmark.methods import EXACT, methods
from autonomy.benchmark.naive import NaiveMethod
from autonomy.benchmark.picture import spread
from autonomy.benchmark.projection import Results, Run, Settings, instances_at
from autonomy.benchmark.row import Outcome, Row
from autonomy.benchmark.step import PARTS, measure_step
from autonomy.benchmark.table import latency, quality, tables, times
from autonomy.benchmark.tally import Tally
from autonomy.benchmark.topologies import TOPOLOGIES
from autonomy.benchmark.trial import trial
from autonomy.benchmark.verdict import Judged, is_right, judge
from autonomy.benchmark.write import write_rows
from autonomy.cli import main
from autonomy.solvers.allocation import Allocation, Backend, Hierarchy, Solution, Status, Vector, net, no_answer
from autonomy.solvers.backends import BACKENDS
from autonomy.solvers.certificate import certify
from autonomy.solvers.general import BARE
from autonomy.solvers.nested import NestedSolver

CASES = st.builds(
    Case,
    topology=st.sampled_from(list(TOPOLOGIES)),
    regime=st.sampled_from(REGIMES),
    n=st.integers(2, 30),
    seed=st.integers(0, 2**32 - 1),
)
MACHINE = describe(triad_bytes_per_s=1e10, clock_overhead_s=0.0)


def case(**changes: Any) -> Case:
    return replace(Case(topology="tree", regime="export-bound", n=6, seed=1), **changes)


def asked(**changes: Any) -> Settings:
    small = Settings(
        sizes=(4,), regimes=("shed",), topologies=("tree",), seed=0, calls=10, budget_s=0.5, time_limit_s=0.5
    )
    return replace(small, **changes)


def effort(**changes: Any) -> Effort:
    return replace(Effort(calls=10, budget_s=0.01, time_limit_s=0.5, clock_overhead_s=0.0), **changes)


# Instances ------------------------------------------------------------------------------------------------------------


@given(CASES)
@settings(max_examples=30)
def test_an_instance_is_in_its_regime_and_doing_nothing_keeps_every_limit(chosen: Case) -> None:
    (problem,) = draw(chosen, 1, NestedSolver)
    answer = NestedSolver(problem.hierarchy).solve(problem)
    totals, sheds = problem.hierarchy.totals(net(answer.point)), answer.point[2].max() > 1e-7
    low = np.isclose(totals, problem.bounds[0], rtol=0, atol=1e-7)
    high = np.isclose(totals, problem.bounds[1], rtol=0, atol=1e-7)
    priced = np.abs(answer.multipliers) > 1e-9
    assert {
        "slack": not priced.any() and not sheds,
        "export-bound": high[priced].all() and priced.any() and not sheds,
        "import-bound": low[priced].all() and priced.any() and not sheds,
        "shed": low[priced].all() and priced.any() and sheds,
    }[chosen.regime]
    # b = 0, all generation cut, all load shed.
    nothing = np.stack([np.zeros(chosen.n), problem.cells[4], problem.cells[5]])
    assert problem.infeasibility(nothing) <= 1e-9
    assert problem.relief == RELIEF


@given(CASES)
@settings(max_examples=30)
def test_the_multipliers_an_instance_is_drawn_with_certify_its_answer(chosen: Case) -> None:
    random = np.random.default_rng(chosen.seed)
    hierarchy = TOPOLOGIES[chosen.topology](chosen.n, random)
    problem, multipliers = sketch(chosen, hierarchy, random)
    answer = NestedSolver(hierarchy).solve(problem)
    drawn = answer._replace(multipliers=multipliers, cell_multipliers=np.zeros(chosen.n))
    # Generation may be dropped and load be lifted, so their difference is what the limits were folded with.
    limit = problem.bounds[int(multipliers[0] < 0), 0] + np.sum(problem.cells[4] - problem.cells[5])
    # Where the feeder's limit would have been below 0 it is 0, and other multipliers are the right ones.
    assume(multipliers[0] == 0 or abs(limit) > 1e-9)
    assert abs(certify(problem, drawn).gap) <= 1e-9 * (1 + abs(problem.objective(answer.point)))


@given(CASES)
@settings(max_examples=20)
def test_the_same_seed_draws_the_same_and_another_one_does_not(chosen: Case) -> None:
    one, other = draw(chosen, 2, NestedSolver), draw(chosen, 2, NestedSolver)
    for left, right in zip(one, other, strict=True):
        assert np.array_equal(left.cells, right.cells)
        assert np.array_equal(left.bounds, right.bounds)
    assert not np.array_equal(one[0].cells, one[1].cells)
    assert one[0].hierarchy is one[1].hierarchy
    assert not np.array_equal(one[0].cells, draw(replace(chosen, seed=chosen.seed + 1), 1, NestedSolver)[0].cells)


@pytest.mark.parametrize("topology", list(TOPOLOGIES))
@pytest.mark.parametrize("n", [1, 2, 3, 50])
def test_every_topology_is_one_tree_with_every_prosumer_on_it(topology: str, n: int) -> None:
    tree = TOPOLOGIES[topology](n, np.random.default_rng(0))
    assert tree.n_cells == n
    assert tree.n_groups == (1 if topology == "feeder" else n)
    assert (tree.parent == -1).tolist() == [True] + [False] * (tree.n_groups - 1)
    assert all(tree.parent[k] < k for k in range(tree.n_groups))
    assert tree.totals(np.ones(n))[0] == n


def test_the_deep_tree_is_deep_and_half_of_its_lines_bind_with_the_others_close() -> None:
    (problem,) = draw(case(topology="nested", n=400), 1, NestedSolver)
    answer = NestedSolver(problem.hierarchy).solve(problem)
    assert problem.hierarchy.depth.max() >= 20
    room = problem.bounds[1] - problem.hierarchy.totals(net(answer.point))
    movable = problem.hierarchy.totals(problem.cells[3] - problem.cells[2])
    assert np.mean(answer.multipliers < 0) > 0.3
    assert np.mean(room <= 0.011 * movable) > 0.8


def test_a_reference_without_a_certified_answer_is_refused() -> None:
    with pytest.raises(UncertifiedError, match="no certified answer"):
        draw(case(), 1, Lying)


def test_a_regime_that_does_not_come_up_is_an_error_and_no_other_instance_is_given_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autonomy.benchmark.instances.regime_of", lambda answer: "mixed")
    with pytest.raises(NoInstanceError, match="no instance in the regime 'shed' among 50 draws"):
        draw(case(regime="shed"), 1, NestedSolver)


# Planted methods ------------------------------------------------------------------------------------------------------


class Lying:
    """Calls the clipped intent solved."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy

    def solve(self, problem: Allocation) -> Solution:
        n = self.hierarchy.n_cells
        x = np.clip(problem.cells[1], problem.cells[2], problem.cells[3])
        return Solution(
            point=np.stack([x, np.zeros(n), np.zeros(n)]),
            cell_multipliers=np.zeros(n),
            multipliers=np.zeros(self.hierarchy.n_groups),
            status=Status.SOLVED,
        )


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


OURS = BackendMethod(name=EXACT, start=NestedSolver)


def rows_of(found: Sequence[Any], **changes: Any) -> dict[str, Row]:
    wanted = asked(**changes)
    run = Run([OURS, *found], wanted, NestedSolver, MACHINE)
    run.warm_up()
    return {row.method: row for chosen in wanted.cases() for row in run.measure(chosen, lambda name: None)}


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


@given(CASES)
@settings(max_examples=20)
def test_a_right_answer_is_judged_right_and_any_other_point_is_not(chosen: Case) -> None:
    (problem,) = draw(chosen, 1, NestedSolver)
    answer = NestedSolver(problem.hierarchy).solve(problem)
    good = judge(0, problem, answer)
    assert is_right(good, [good.bound])
    moved = answer.point.copy()
    moved[0, 0] += 0.5 if moved[0, 0] < problem.cells[3, 0] - 0.5 else -0.5
    assert not is_right(judge(0, problem, answer._replace(point=moved)), [good.bound])
    broken = answer._replace(point=np.full_like(moved, np.nan))
    assert not is_right(judge(0, problem, broken), [good.bound])


@pytest.mark.parametrize("name", [name for name in methods(1.0) if name != "clip"])
def test_every_method_answers_a_small_instance_right(name: str) -> None:
    problems = draw(case(topology="tree", regime="import-bound", n=6), 2, NestedSolver)
    method = methods(1.0)[name]
    answer = method.setup(problems[0])
    judged = []
    for k, (problem, argument) in enumerate(zip(problems, method.arguments(problems), strict=True)):
        judged.append(judge(k, problem, method.read(problem, answer(argument))))
    own = [judge(k, problem, NestedSolver(problem.hierarchy).solve(problem)) for k, problem in enumerate(problems)]
    bounds = best_bounds(own, 2)
    assert [is_right(item, bounds) for item in judged] == [True, True]
    assert [item.claimed for item in judged] == [True, True]


@pytest.mark.parametrize("flows", [False, True])
@pytest.mark.parametrize("topology", list(TOPOLOGIES))
def test_a_direct_peer_gets_the_same_problem_in_either_statement(topology: str, flows: bool) -> None:
    problems = draw(case(topology=topology, n=8), 2, NestedSolver)
    method = DirectMethod(name="piqp-direct", start=BARE["piqp"], flows=flows)
    answer = method.setup(problems[0])
    for problem, argument in zip(problems, method.arguments(problems), strict=True):
        found = judge(0, problem, method.read(problem, answer(argument)))
        best = judge(0, problem, NestedSolver(problem.hierarchy).solve(problem))
        assert is_right(found, [best.bound])


def test_the_machine_code_on_its_own_gives_the_same_answer_as_the_backend() -> None:
    problems, method = draw(case(n=9), 3, NestedSolver), KernelMethod()
    answer, backend = method.setup(problems[0]), BACKENDS[EXACT](problems[0].hierarchy)
    for problem, argument in zip(problems, method.arguments(problems), strict=True):
        found, expected = method.read(problem, answer(argument)), backend.solve(problem)
        assert np.array_equal(found.point, expected.point)
        assert np.array_equal(found.multipliers, expected.multipliers)


def test_the_clip_is_numpys_and_knows_no_line() -> None:
    out = np.empty(2)
    assert clip((np.array([3.0, -4.0]), np.array([-1.0, -1.0]), np.array([2.0, 2.0]), out)).tolist() == [2.0, -1.0]
    rows = rows_of([methods(1.0)["clip"]])
    assert rows["clip"].claimed == rows["clip"].right == 0
    assert rows["clip"].charged_p50_s == rows["clip"].hot_p50_s
    assert rows["clip"].least_bytes == 4 * 32


def test_the_naive_method_says_when_it_has_no_answer() -> None:
    (problem,) = draw(case(n=4), 1, NestedSolver)
    crossed = replace(problem, bounds=problem.bounds[::-1].copy())
    method = NaiveMethod(time_limit_s=1.0)
    assert method.read(crossed, method.setup(crossed)(crossed)).status is Status.FAILED


# Clocks and figures ---------------------------------------------------------------------------------------------------


def test_loops_call_what_they_say_in_turns_with_the_collector_off_and_turn_it_on_again() -> None:
    seen: list[tuple[str, int]] = []

    def named(name: str) -> Answer:
        def call(argument: int) -> int:
            assert not gc.isenabled()
            seen.append((name, argument))
            return argument

        return call

    timed = clock.hot(named("a"), [1, 2, 3], 7, 0.0)
    assert [argument for _, argument in seen] == [1, 2, 3, 1, 2, 3, 1]
    assert timed.last == 1
    assert timed.seconds.shape == (7,)
    seen.clear()
    turns = clock.interleaved([(named("a"), [1, 2]), (named("b"), [5])], 4, 0.0, np.random.default_rng(0))
    assert [sorted(seen[k : k + 2]) for k in (0, 2, 4, 6)] == [[("a", 1 + k % 2), ("b", 5)] for k in range(4)]
    assert [turn.last for turn in turns] == [2, 5]
    assert gc.isenabled()


def test_a_loop_that_raises_turns_the_collector_on_again() -> None:
    with pytest.raises(ZeroDivisionError):
        clock.hot(lambda argument: 1 / argument, [0], 3, 0.0)
    assert gc.isenabled()


def test_the_clocks_own_time_is_subtracted_and_nothing_takes_less_than_no_time() -> None:
    assert clock.hot(lambda argument: argument, [0], 5, 1e3).seconds.tolist() == [0.0] * 5
    assert clock.hot(time.sleep, [0.002], 3, 0.001).seconds.min() >= 0.001
    assert 0 <= clock.clock_overhead_s(101) < 1e-3


def test_figures_are_those_of_the_times_by_hand() -> None:
    problems = draw(case(n=4), 1, NestedSolver)

    def measured(name: str, hot: Vector, turns: Vector) -> Measurement:
        method = BackendMethod(name=name, start=NestedSolver)
        return Measurement(method=method, hot=hot, interleaved=turns, places=[0], setup_s=0.5, first_s=0.25)

    ours = measured(EXACT, np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 10.0]))
    other = measured("other", np.array([10.0, 20.0, 60.0]), np.array([4.0, 4.0, 50.0]))
    row = Tally(case(n=4), problems, [ours, other], [0.0], 9.0, 1e10).row(other)
    assert (row.hot_min_s, row.hot_p50_s, row.hot_calls) == (10.0, 20.0, 3)
    assert row.hot_p99_s == pytest.approx(59.2)
    assert row.hot_ratio == 10.0  # 20 / 2
    assert row.interleaved_ratio == 4.0  # the median of 4, 2 and 5
    assert (row.setup_s, row.first_s) == (0.5, 0.25)
    # 6 rows of cells and 3 of the point for 4 prosumers; two bounds and a multiplier for 4 lines.
    assert row.least_bytes == 8 * (9 * 4 + 3 * 4)
    assert row.floor_ratio == pytest.approx(20.0 * 1e10 / 384)


def test_the_picture_names_are_moved_apart_no_more_than_needed() -> None:
    assert spread(np.array([0.1, 0.5]), 0.1).tolist() == [0.1, 0.5]
    assert spread(np.array([0.5, 0.5, 0.5]), 0.1) == pytest.approx([0.4, 0.5, 0.6])
    assert spread(np.array([0.0, 0.52, 0.54]), 0.1) == pytest.approx([0.0, 0.48, 0.58])


def test_fewer_instances_are_drawn_where_they_are_large() -> None:
    assert [instances_at(n) for n in (4, 1_000, 10_000, 1_000_000)] == [8, 8, 4, 2]


def test_the_processor_is_named_as_the_kernel_names_it(tmp_path: Path) -> None:
    source = tmp_path / "cpuinfo"
    source.write_text("processor\t: 0\nmodel name\t: Abacus 9\nmodel name\t: Abacus 9\n")
    assert processor_name(source) == "Abacus 9"
    assert processor_name(tmp_path / "none") != ""
    assert MACHINE.cores >= 1
    assert MACHINE.versions["numpy"] == np.__version__


# Tables and files -----------------------------------------------------------------------------------------------------


def row(**changes: Any) -> Row:
    plain = Row(method="m", kind="backend", topology="tree", regime="shed", n=4, lines=4, outcome=Outcome.RAN)
    return replace(plain, **changes)


def test_a_latency_is_the_slowest_regimes_and_is_marked_when_answers_were_wrong() -> None:
    fast, slow = row(charged_p50_s=1e-6, judged=9, right=9), row(charged_p50_s=2e-3, judged=9, right=9)
    assert latency([fast, slow]) == "2.00 ms"
    assert latency([fast, replace(slow, right=8)]) == "2.00 ms†"
    assert latency([fast, row(outcome=Outcome.TIME_LIMIT, charged_p50_s=5.0)]) == "5.00 s†"
    assert latency([row(outcome=Outcome.NOT_RUN)]) == "–"
    assert latency([row(outcome=Outcome.NOT_INSTALLED)]) == "not installed"
    assert times([np.nan, 1234.5, 99.6]) == "100×"
    assert times([0.123]) == "0.12×"
    assert times([]) == "–"


def test_who_declines_quickly_gets_no_ratio() -> None:
    declined = row(charged_p50_s=5.0, judged=9, hot_ratio=0.5, interleaved_ratio=0.5, interleaved_p50_s=1e-6)
    results = Results(
        command="", date="", version="", machine=MACHINE, settings=asked(topologies=("tree",)), rows=(declined,)
    )
    assert [table.rows[0][1] for table in tables(results)[:4]] == ["5.00 s†", "–", "–", "–"]


def test_the_table_of_answers_counts_everything_that_was_left_out() -> None:
    lied = row(judged=9, claimed=9, right=7, lies=2, violation_kw=0.5, gap=1e-3, setup_s=0.002)
    table = quality([lied, row(outcome=Outcome.TIME_LIMIT), row(outcome=Outcome.NOT_RUN)])
    assert table.rows == (("m", "9", "9", "7", "2", "5e-01", "1e-03", "2.00 ms", "1", "1"),)


def test_files_hold_every_figure_and_nothing_instead_of_what_is_not_finite(tmp_path: Path) -> None:
    rows = [row(hot_p50_s=1.5e-6, message='says "no", twice'), row(method="other", gap=float("inf"))]
    write_rows(tmp_path, "form/1", rows, {"command": "autonomy benchmark"})
    lines = list(csv.DictReader((tmp_path / "results.csv").read_text(encoding="utf-8").splitlines()))
    document = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == lines[0]["schema"] == "form/1"
    assert document["command"] == "autonomy benchmark"
    assert float(lines[0]["hot_p50_s"]) == document["rows"][0]["hot_p50_s"] == 1.5e-6
    assert lines[0]["message"] == 'says "no", twice'
    assert (lines[1]["gap"], document["rows"][1]["gap"]) == ("", None)
    assert document["rows"][0]["outcome"] == "ran"
    assert set(lines[0]) == {"schema", *Row.__dataclass_fields__}


def test_a_wrong_exact_answer_makes_the_results_unsafe_and_a_wrong_peer_does_not() -> None:
    fine = row(method=EXACT, judged=9, right=9)
    settings_ = asked()

    def unsafe(*rows: Row) -> int:
        results = Results(command="", date="", version="", machine=MACHINE, settings=settings_, rows=rows)
        assert len(tables(results)) >= 6
        return len(results.unsafe)

    assert unsafe(fine, row(judged=9, right=0, lies=9)) == 0
    assert unsafe(fine, row(method=EXACT, judged=9, right=8)) == 1
    assert unsafe(fine, row(method=EXACT, outcome=Outcome.FAILED)) == 1


# The controller's step ------------------------------------------------------------------------------------------------


def test_a_step_is_measured_whole_and_in_parts() -> None:
    found = measure_step("self-consumption", "tree", 5, steps=12, seed=3, overhead_s=0.0)
    parts = [getattr(found, f"{name}_s") for name in PARTS]
    assert all(part > 0 for part in parts)
    assert found.rest_s == pytest.approx(found.p50_s - sum(parts))
    assert found.p50_s <= found.p99_s
    assert found.alone_s > 0
    assert (found.steps, found.n, found.lines, found.fallbacks) == (12, 5, 5, 0)


# The command ----------------------------------------------------------------------------------------------------------

SMALL = ["benchmark", "projection", "--quick", "--sizes", "24", "--regimes", "shed", "--backends", "clip,exact,daqp"]


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autonomy.benchmark.bandwidth.triad_bytes_per_s", lambda *_: 1e10)


@pytest.mark.usefixtures("calm")
def test_the_command_prints_tables_and_writes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.csv").write_text("an earlier benchmark, which may be replaced")
    words = [*SMALL, "--seed", "5", "--out", str(out)]
    assert main(words) == 0
    written = {"results.csv", "results.json", "results.md", "latency.svg", "latency.png"}
    assert {path.name for path in out.iterdir()} == written
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == "autonomy-benchmark-projection/1"
    assert document["command"] == f"autonomy {' '.join(words)}"
    assert document["machine"]["triad_bytes_per_s"] == 1e10
    assert document["settings"]["seed"] == 5
    assert [item["method"] for item in document["rows"]] == ["clip", "exact", "daqp", "exact-batch"]
    assert [item["right"] for item in document["rows"]] == [0, 9, 9, 100]
    assert (out / "latency.png").read_bytes().startswith(b"\x89PNG")
    assert "daqp" in (out / "latency.svg").read_text(encoding="utf-8")
    printed = capsys.readouterr().out
    assert "Latency in a tight loop, feeder" in printed
    assert f"results: {out}\n" in printed
    page = (out / "results.md").read_text(encoding="utf-8")
    assert "| method | 24 |\n| --- | ---: |\n| clip | " in page
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("calm")
def test_a_wrong_exact_backend_exits_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(BACKENDS, EXACT, Lying)
    assert main([*SMALL[:-1], "clip,exact", "--out", str(tmp_path / "out")]) == 2
    assert "no certified answer" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("calm")
def test_the_step_command_prints_tables_and_writes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["benchmark", "step", "--sizes", "3", "--repeats", "5", "--out", str(out)]) == 0
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == "autonomy-benchmark-step/2"
    assert [item["policy"] for item in document["rows"]] == ["grid-only", "self-consumption", "time-of-use"]
    assert {path.name for path in out.iterdir()} == {"results.csv", "results.json", "results.md"}
    assert "One step of the controller" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["benchmark"], "autonomy: the following arguments are required: part"),
        (["benchmark", "projektion"], "invalid choice: 'projektion'"),
        ([*SMALL, "--regime", "slack", "--sead", "1"], "(did you mean '--seed'?)"),
        ([*SMALL, "--sizes", "4,many"], "--sizes: found 'many'; expected whole numbers >= 1, as in 4,24,1000"),
        ([*SMALL, "--sizes", "0"], "--sizes: found '0'"),
        ([*SMALL, "--regimes", "slak"], "--regimes: 'slak' is not known (did you mean 'slack'?); known: slack"),
        ([*SMALL, "--topology", "feder"], "--topology: 'feder' is not known (did you mean 'feeder'?)"),
        ([*SMALL, "--backends", "exakt"], "--backends: 'exakt' is not known (did you mean 'exact'?)"),
        ([*SMALL, "--backends", ","], "--backends: is empty"),
        ([*SMALL, "--time-limit", "0"], "--time-limit: found 0; expected a number > 0"),
        ([*SMALL, "--time-limit", "nan"], "--time-limit: found nan; expected a number > 0"),
        ([*SMALL, "--repeats", "0"], "--repeats: found 0; expected a number >= 1"),
        ([*SMALL, "--seed", "-1"], "--seed: found -1; expected a number >= 0"),
        (["benchmark", "step", "--policies", "gridonly"], "(did you mean 'grid-only'?)"),
    ],
)
def test_a_bad_option_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    place = ["--out", str(tmp_path / "out")] if len(words) > 2 else []
    assert main([*words, *place]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("error ")
    assert said in " ".join(printed.err.split())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letters").touch()
    assert main([*SMALL, "--out", str(tmp_path / "out")]) == 1
    assert "has other files in it; choose a new folder" in " ".join(capsys.readouterr().err.split())
