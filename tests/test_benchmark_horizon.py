"""`autonomy benchmark horizon`: instances that need their program, the textbook form, verdicts, the command."""

from __future__ import annotations

import csv
import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy.benchmark.horizon import textbook
from autonomy.benchmark.horizon.methods import STRUCTURED, GeneralMethod, StructuredMethod, methods
from autonomy.benchmark.horizon.peaks import Case, NoPeakError, draw
from autonomy.benchmark.horizon.row import HorizonRow
from autonomy.benchmark.horizon.run import INSTANCES, HorizonRun, Settings
from autonomy.benchmark.horizon.table import horizon_tables
from autonomy.benchmark.horizon.verdict import Answered, is_right, judge
from autonomy.benchmark.lower_bound import best_bounds, relative_gap
from autonomy.benchmark.row import Outcome
from autonomy.cli import main
from autonomy.layers.projection.conclusion import greedy_plan
from autonomy.layers.projection.question import Question
from autonomy.solvers.allocation import Status, X
from autonomy.solvers.horizon.plan import carry_out
from autonomy.solvers.horizon.structured import StructuredHorizon
from autonomy.solvers.quadratic import (
    QuadraticSolution,
    QuadraticStructure,
    QuadraticValues,
    infeasibility,
    objective,
)

SMALL = Case(n=4, steps=24, seed=1)
SETTINGS = Settings(sizes=(4,), horizons=(24,), seed=1, calls=6, budget_s=0.01, time_limit_s=2.0)


@pytest.fixture(scope="module")
def questions() -> tuple[Question, ...]:
    return draw(SMALL, 3)


def answered(question: Question, name: str = STRUCTURED) -> Answered:
    method = methods()[name]
    return method.read(question, method.setup(question)(method.arguments([question])[0]))


@pytest.mark.parametrize("case", [SMALL, Case(n=17, steps=24, seed=0), Case(n=17, steps=96, seed=0)])
def test_every_instance_needs_its_program_over_the_whole_horizon(case: Case) -> None:
    for question in draw(case, 2):
        structure, program = question.prepared.structure, question.program
        assert structure.steps == case.steps
        assert structure.hierarchy.n_cells == case.n
        assert greedy_plan(structure, program, question.present.point[X]) is None
        assert (program.need[: case.steps // 4] > 0).any()
        assert (program.need[-8:] > 0).any()


def test_the_same_case_draws_the_same_instances_and_another_seed_others(questions: tuple[Question, ...]) -> None:
    again, other = draw(SMALL, 3), draw(replace(SMALL, seed=2), 3)
    for one, two in zip(questions, again, strict=True):
        assert np.array_equal(one.program.need, two.program.need)
        assert np.array_equal(one.program.level, two.program.level)
    assert not np.array_equal(questions[0].program.level, other[0].program.level)


def test_a_case_without_peaks_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autonomy.benchmark.horizon.peaks.OVER", 100.0)
    with pytest.raises(NoPeakError, match="no day of N = 4, H = 24"):
        draw(SMALL, 1)


def test_an_answer_in_one_number_is_a_point_of_the_textbook_form(questions: tuple[Question, ...]) -> None:
    for question in questions:
        structure, program = question.prepared.structure, question.program
        found = StructuredHorizon(structure).solve(program)
        plan = np.vstack([found.point[X][structure.cell], found.given])
        level = carry_out(plan, program.level, program.floor, program.ceiling, structure.fill, structure.drain)
        at, values = textbook.blocks(structure), textbook.values(structure, program)
        statement = textbook.state(structure)
        x = np.zeros(statement.n_columns)
        x[at.first], x[at.level], x[at.missing] = found.point, level, found.missing[:, 0]
        x[at.discharge], x[at.charge] = np.maximum(plan, 0.0), np.maximum(-plan, 0.0)
        assert infeasibility(statement, values, x) <= 1e-6
        own = answered(question)
        constant = float(np.sum(program.first.cells[0] / 2 * program.first.cells[1] ** 2))
        assert objective(statement, values, x) + constant == pytest.approx(own.objective, rel=1e-9)


def test_both_forms_have_the_same_optimum_but_the_textbook_charges_and_discharges_at_once(
    questions: tuple[Question, ...],
) -> None:
    pytest.importorskip("piqp")
    for k, question in enumerate(questions):
        ours = judge(k, question, answered(question))
        same, apart = (judge(k, question, answered(question, name)) for name in ("piqp-direct", "piqp-textbook"))
        bounds = best_bounds([ours, same, apart], len(questions))
        assert all(is_right(item, bounds) for item in (ours, same, apart))
        assert ours.objective == pytest.approx(apart.objective, rel=2e-7)
        assert ours.both == same.both == 0
        assert apart.both > 0.2 * apart.pairs


def test_a_pair_counts_when_both_numbers_are_above_a_milliwatt(questions: tuple[Question, ...]) -> None:
    question, right = questions[0], answered(questions[0])
    charge, discharge = right.charge_kw.copy(), right.discharge_kw.copy()
    charge[2, 1] += 1.1e-6
    discharge[2, 1] += 1.1e-6
    charge[3, 0], discharge[3, 0] = 1.0, 0.9e-6
    charge[4, 0], discharge[4, 0] = np.nan, 1.0
    at_once = judge(0, question, replace(right, charge_kw=charge, discharge_kw=discharge))
    assert at_once.both == 2
    assert at_once.pairs == charge.size
    assert math.isnan(at_once.carried_kw)


def test_an_answer_is_right_only_if_it_is_feasible_near_the_bound_and_serves_what_it_says(
    questions: tuple[Question, ...],
) -> None:
    question, right = questions[0], answered(questions[0])
    good = judge(0, question, right)
    bounds = best_bounds([good], 1)
    assert is_right(good, bounds)
    spoilt = [
        replace(good, violation=2e-6),
        replace(good, violation=math.nan),
        replace(good, objective=good.objective + 1e-5 * (1 + abs(good.objective))),
        replace(good, carried_kw=math.nan),
        judge(0, question, replace(right, discharge_kw=right.discharge_kw * 0.9)),
    ]
    assert not any(is_right(item, bounds) for item in spoilt)
    assert math.isnan(relative_gap(replace(good, bound=-math.inf), [-math.inf]))


class Liar:
    """Calls a point solved that is not feasible."""

    def __init__(self, structure: QuadraticStructure) -> None:
        self.structure = structure

    def solve(self, values: QuadraticValues) -> QuadraticSolution:
        nothing = np.zeros(self.structure.n_rows)
        return QuadraticSolution(
            x=values.lower, row_multipliers=nothing, bound_multipliers=0 * values.lower, status=Status.SOLVED
        )


class Sleeper(StructuredMethod):
    """Right, but late."""

    def setup(self, question: Question) -> Any:
        solve = super().setup(question)

        def late(program: Any) -> Any:
            time.sleep(0.05)
            return solve(program)

        return late


def test_wrong_answers_and_late_ones_are_charged_the_time_limit_and_not_run_again() -> None:
    def lies(structure: QuadraticStructure) -> Any:
        return Liar(structure)

    def absent(structure: Any) -> Any:
        raise ImportError("no library 'absent'")

    def broken(structure: Any) -> Any:
        raise ValueError("it broke")

    entries = [
        StructuredMethod(),
        Sleeper(name="sleeper"),
        *(GeneralMethod(name=start.__name__, start=start) for start in (lies, absent, broken)),
    ]
    run = HorizonRun(entries, replace(SETTINGS, time_limit_s=0.04), 0.0)
    rows = {row.method: row for row in run.measure(SMALL, lambda name: None)}
    assert rows[STRUCTURED].outcome is Outcome.RAN
    assert rows[STRUCTURED].right == rows[STRUCTURED].judged == INSTANCES
    assert rows[STRUCTURED].hot_ratio == rows[STRUCTURED].turns_ratio == 1.0
    assert rows["sleeper"].outcome is Outcome.TIME_LIMIT
    assert rows["sleeper"].charged_p50_s == 0.04
    assert rows["lies"].right == 0
    assert rows["lies"].charged_p50_s == 0.04
    assert rows["absent"].outcome is Outcome.NOT_INSTALLED
    assert "no library" in rows["absent"].message
    assert rows["broken"].outcome is Outcome.FAILED
    assert rows["broken"].message == "ValueError: it broke"
    again = {row.method: row for row in run.measure(replace(SMALL, n=5), lambda name: None)}
    assert again["sleeper"].outcome is Outcome.NOT_RUN
    assert again["sleeper"].message == "time limit at N = 4"


def test_tables_show_ratios_of_right_answers_only_and_count_both() -> None:
    base = HorizonRow(method=STRUCTURED, community="random", n=4, stores=4, steps=24, outcome=Outcome.RAN)
    ours = replace(
        base, judged=6, claimed=6, right=6, pairs=600, charged_p50_s=1e-3, hot_ratio=1.0, turns_ratio=1.0,
        turns_p50_s=1e-3, violation=1e-9, gap=1e-10, carried_kw=0.0,
    )  # fmt: skip
    peer = replace(ours, method="peer", hot_ratio=3.5, turns_ratio=3.25, both_answers=6, both_pairs=321)
    wrong = replace(peer, method="wrong", right=5)
    tables = {table.title: table for table in horizon_tables([ours, peer, wrong])}
    assert tables["Latency in a tight loop"].head == ("method", "H = 24, N = 4")
    assert tables["Latency in a tight loop"].rows[2] == ("wrong", "1.00 ms†")
    assert [row[1] for row in tables["Times structured, tight loop"].rows] == ["1.00×", "3.50×", "–"]
    assert [row[1] for row in tables["Times structured, taking turns"].rows] == ["1.00×", "3.25×", "–"]
    worth = tables["What the answers are worth"].rows
    assert worth[0][1:6] == ("6", "6", "6", "0", "0 of 600")
    assert worth[1][4:6] == ("6", "321 of 600")


def test_the_command_writes_rows_and_prints_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results"
    words = ["benchmark", "horizon", "--quick", "--sizes", "3", "--methods", "structured,structured-kernel"]
    assert main([*words, "--repeats", "6", "--out", str(out)]) == 0
    with (out / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["structured", "structured-kernel"]
    assert all(row["right"] == row["judged"] == str(INSTANCES) and row["both_pairs"] == "0" for row in rows)
    assert json.loads((out / "results.json").read_text())["settings"]["horizons"] == [24]
    assert "What the answers are worth" in (out / "results.md").read_text(encoding="utf-8")
    assert "Times structured, taking turns" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--sizes", "0"], "--sizes"),
        (["--horizons", "x"], "--horizons"),
        (["--methods", "struktured"], "structured"),
        (["--time-limit", "0"], "--time-limit"),
        (["--repeats", "0"], "--repeats"),
    ],
)
def test_options_out_of_range_are_errors(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "horizon", *words]) == 1
    assert says in capsys.readouterr().err
