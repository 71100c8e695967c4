"""The voltage benchmark: instances in which voltages bind, verdicts that believe nobody, tables, files, exit codes."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.benchmark.instances import NoInstanceError
from autonomy.benchmark.lower_bound import best_bounds, relative_gap
from autonomy.benchmark.method import Answer
from autonomy.benchmark.row import Outcome
from autonomy.benchmark.voltage import feeders
from autonomy.benchmark.voltage.feeders import BAND, Case, draw, feeder
from autonomy.benchmark.voltage.methods import TREE, SolverMethod, methods, specialised
from autonomy.benchmark.voltage.row import VoltageRow
from autonomy.benchmark.voltage.run import Settings, VoltageRun, instances_at
from autonomy.benchmark.voltage.table import voltage_tables
from autonomy.benchmark.voltage.verdict import Judged, is_right, judge
from autonomy.cli import main
from autonomy.solvers.allocation import Status
from autonomy.solvers.backends import exact
from autonomy.solvers.potential import PotentialAllocation, PotentialSolution, certify_potential

SMALL = Settings(sizes=(6,), seed=0, calls=16, budget_s=0.01, time_limit_s=0.05)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 60), st.integers(0, 2**32 - 1))
def test_in_every_instance_a_voltage_binds_and_would_be_left_without_its_limit(n: int, seed: int) -> None:
    drawn = draw(Case(n=n, seed=seed), 2, specialised)
    assert drawn.draws >= len(drawn.problems) == 2
    assert min(drawn.bound) >= 1
    for problem in drawn.problems:
        plain = problem.allocation
        without = exact(plain.hierarchy).solve(plain)
        assert problem.excess(without.point) > 1e-7
        width = problem.potential_bounds[1] - problem.potential_bounds[0]
        np.testing.assert_allclose(width, 2 * BAND)


def test_noon_and_evening_take_turns_on_one_feeder_and_the_seed_decides_all() -> None:
    one, other = (draw(Case(n=12, seed=3), 4, specialised).problems for _ in range(2))
    assert len({id(problem.allocation.hierarchy) for problem in one}) == 1
    assert [bool(problem.allocation.cells[4].any()) for problem in one] == [True, False, True, False]
    for problem, same in zip(one, other, strict=True):
        np.testing.assert_array_equal(problem.allocation.cells, same.allocation.cells)
        np.testing.assert_array_equal(problem.potential_bounds, same.potential_bounds)


def test_a_feeder_is_a_tree_that_mostly_goes_on() -> None:
    parent = feeder(2_000, np.random.default_rng(0)).parent
    assert parent[0] == -1
    assert np.all((parent[1:] >= 0) & (parent[1:] < np.arange(1, 2_000)))
    assert 0.75 < np.mean(parent[1:] == np.arange(1_999)) < 0.85


def test_a_case_without_binding_voltages_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeders, "STRAIN", 1e-3)
    with pytest.raises(NoInstanceError, match="no instance with a voltage that binds"):
        draw(Case(n=5, seed=0), 1, specialised)


def test_an_answer_is_right_if_it_keeps_all_limits_and_is_minimal_whatever_it_claims() -> None:
    problem = draw(Case(n=8, seed=1), 1, specialised).problems[0]
    answer = specialised(problem.allocation.hierarchy, problem.coefficient).solve(problem)
    good = judge(0, problem, answer)
    bounds = best_bounds([good], 1)
    assert is_right(good, bounds)
    assert good.bound == pytest.approx(good.objective - certify_potential(problem, answer).gap)
    plain = exact(problem.allocation.hierarchy).solve(problem.allocation)
    beyond = judge(0, problem, _answer(plain.point, answer))
    assert beyond.excess_pu > 1e-7
    assert beyond.violation_kw <= 1e-6
    cheap = judge(0, problem, _answer(answer.point * 0.999, answer))
    assert not is_right(cheap, bounds)
    nothing = judge(0, problem, _answer(answer.point * np.nan, answer))
    assert nothing.claimed
    assert not is_right(nothing, bounds)
    assert np.isnan(relative_gap(good, [-np.inf]))


def _answer(point: Any, like: PotentialSolution) -> PotentialSolution:
    return PotentialSolution(
        point=point,
        cell_multipliers=like.cell_multipliers,
        multipliers=like.multipliers,
        potential_multipliers=like.potential_multipliers,
        status=Status.SOLVED,
        message="",
    )


@pytest.mark.parametrize("n", [1, 2, 3, 9])
@pytest.mark.parametrize("name", ["tree", "tree-kernel", "piqp-direct", "piqp-tight", "piqp", "clarabel"])
def test_every_method_reads_its_answer_as_the_same_point(name: str, n: int) -> None:
    if name.startswith(("piqp", "clarabel")):
        pytest.importorskip(name.partition("-")[0])
    method, problems = methods()[name], draw(Case(n=n, seed=2), 3, specialised).problems
    call, expected = method.setup(problems[0]), specialised(problems[0].allocation.hierarchy, problems[0].coefficient)
    for problem, argument in zip(problems, method.arguments(problems), strict=True):
        answer = method.read(problem, call(argument))
        assert answer.status is Status.SOLVED
        assert problem.allocation.distance(answer.point, expected.solve(problem).point) <= 1e-3
        assert is_right(judge(0, problem, answer), best_bounds([judge(0, problem, expected.solve(problem))], 1))


@dataclass(frozen=True)
class Planted:
    """A method that does what a test needs."""

    name: str
    call: Answer
    fault: BaseException | None = None

    def arguments(self, problems: Any) -> list[Any]:
        return list(problems)

    def setup(self, problem: PotentialAllocation) -> Answer:
        if self.fault is not None:
            raise self.fault
        return self.call

    def read(self, problem: PotentialAllocation, answer: Any) -> PotentialSolution:
        if isinstance(answer, PotentialSolution):
            return answer
        solution = specialised(problem.allocation.hierarchy, problem.coefficient).solve(problem)
        return _answer(solution.point * (1.0 if answer == "slow" else 0.5), solution)


def test_a_run_charges_what_is_wrong_or_late_and_names_what_did_not_run() -> None:
    def sleeps(problem: Any) -> str:
        time.sleep(0.06)
        return "slow"

    run = VoltageRun(
        [
            SolverMethod(name=TREE, start=specialised),
            Planted("sleeper", sleeps),
            Planted("lies", lambda problem: "wrong"),
            Planted("absent", str, ImportError("no library")),
            Planted("broken", str, ValueError("it broke")),
        ],
        SMALL,
        0.0,
    )
    rows = {row.method: row for row in run.measure(Case(n=6, seed=0), lambda name: None)}
    assert rows[TREE].outcome is Outcome.RAN
    assert rows[TREE].right == rows[TREE].judged == rows[TREE].instances == instances_at(6)
    assert rows[TREE].hot_ratio == rows[TREE].turns_ratio == 1.0
    assert rows["sleeper"].outcome is Outcome.TIME_LIMIT
    assert rows["sleeper"].charged_p50_s == 0.05
    assert rows["lies"].claimed == rows["lies"].judged
    assert rows["lies"].right == 0
    assert rows["lies"].charged_p50_s == 0.05
    assert np.isnan(rows["lies"].hot_ratio)
    assert rows["absent"].outcome is Outcome.NOT_INSTALLED
    assert "no library" in rows["absent"].message
    assert rows["broken"].outcome is Outcome.FAILED
    assert rows["broken"].message == "ValueError: it broke"
    again = {row.method: row for row in run.measure(Case(n=7, seed=0), lambda name: None)}
    assert again["sleeper"].outcome is Outcome.NOT_RUN
    assert again["sleeper"].message == "time limit at N = 6"
    far = {row.method: row for row in run.measure(Case(n=200, seed=0), lambda name: None)}
    assert far[TREE].outcome is Outcome.RAN


def test_ratios_are_of_calls_on_instances_answered_right() -> None:
    def halves(problem: PotentialAllocation) -> Any:
        if not problem.allocation.cells[4].any():  # evening: quick and wrong
            return "wrong"
        time.sleep(0.002)
        return "slow"

    slow = Planted("half", halves)
    run = VoltageRun([SolverMethod(name=TREE, start=specialised), slow], SMALL, 0.0)
    row = {row.method: row for row in run.measure(Case(n=6, seed=0), lambda name: None)}["half"]
    assert row.right == row.judged // 2
    assert row.hot_ratio > 10.0
    assert row.turns_ratio > 5.0
    assert row.charged_p50_s > 0.002


def test_tables_show_ratios_marks_and_what_binds() -> None:
    ours = VoltageRow(
        method=TREE, n=10, outcome=Outcome.RAN, instances=8, draws=10, bound=2.5, lines=1.0, judged=8, claimed=8,
        right=8, charged_p50_s=1e-3, hot_ratio=1.0, turns_ratio=1.0, turns_p50_s=1e-3, violation_kw=1e-9,
        excess_pu=0.0, gap=1e-10, setup_s=0.01,
    )  # fmt: skip
    partly = replace(ours, method="partly", hot_ratio=3.5, turns_ratio=3.25, right=7)
    absent = VoltageRow(method="absent", n=10, outcome=Outcome.NOT_INSTALLED, instances=8, draws=10, bound=2.5, lines=1)
    tables = {table.title: table for table in voltage_tables([ours, partly, absent])}
    assert tables["Latency in a tight loop"].head == ("method", "10")
    assert [row[1] for row in tables["Latency in a tight loop"].rows] == ["1.00 ms", "1.00 ms†", "not installed"]
    assert [row[1] for row in tables["Times tree, tight loop"].rows] == ["1.00×", "3.50×†", "–"]
    assert [row[1] for row in tables["Times tree, taking turns"].rows] == ["1.00×", "3.25×†", "–"]
    assert tables["What the answers are worth"].rows[1][:4] == ("partly", "8", "8", "7")
    assert tables["What the answers are worth"].rows[2][-1] == "1"
    assert tables["What binds"].rows == (("10", "8", "80 %", "2.5", "25.0 %", "1.0", "10.0 %"),)


def test_the_command_writes_rows_and_prints_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results"
    words = ["benchmark", "voltage", "--quick", "--sizes", "3,20", "--methods", "tree,tree-kernel"]
    assert main([*words, "--repeats", "8", "--out", str(out)]) == 0
    with (out / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["n"]) for row in rows] == [(m, n) for n in ("3", "20") for m in ("tree", "tree-kernel")]
    assert all(row["right"] == row["judged"] == row["instances"] == "8" for row in rows)
    assert json.loads((out / "results.json").read_text())["settings"]["sizes"] == [3, 20]
    assert "What binds" in (out / "results.md").read_text(encoding="utf-8")
    assert "Times tree, taking turns" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--sizes", "0"], "--sizes"),
        (["--methods", "treee"], "tree"),
        (["--time-limit", "0"], "--time-limit"),
        (["--repeats", "0"], "--repeats"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_options_out_of_range_are_errors(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "voltage", *words]) == 1
    assert says in capsys.readouterr().err


def test_the_verdict_looks_at_kilowatts_and_at_voltages() -> None:
    item = Judged(instance=0, claimed=True, violation_kw=0.0, excess_pu=0.0, objective=1.0, bound=1.0, message="")
    assert is_right(item, [1.0])
    assert not is_right(replace(item, violation_kw=2e-6), [1.0])
    assert not is_right(replace(item, excess_pu=2e-6), [1.0])
    assert not is_right(replace(item, violation_kw=np.nan), [1.0])
    assert not is_right(replace(item, objective=1.0 + 3e-7), [1.0])
