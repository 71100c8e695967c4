"""`autonomy benchmark dispatch`: cases, shares and their intervals, split losses, and sweeps that break off."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.benchmark.dispatch.case import Case, Execution, Sweep, draws
from autonomy.benchmark.dispatch.communities import COMMUNITIES
from autonomy.benchmark.dispatch.kept import keep, kept
from autonomy.benchmark.dispatch.play import play
from autonomy.benchmark.dispatch.row import DispatchRow
from autonomy.benchmark.dispatch.run import Labour, run_sweep
from autonomy.benchmark.dispatch.share import compared, interval, savings, shares
from autonomy.benchmark.dispatch.share import draws as drawn
from autonomy.benchmark.dispatch.summary import losses, summaries
from autonomy.benchmark.dispatch.workers import pool, processes, ray_cluster
from autonomy.benchmark.row import Outcome
from autonomy.cli import main
from autonomy.demo import demo_series
from autonomy.errors import OptionalDependencyError
from autonomy.rollout import OPTIMUM
from autonomy.variation import varied

DAY = Sweep(policies=("self-consumption", "mpc"), communities=("four",), forecasts=("7-day-mean",), weeks=2, hours=24)
LIMIT_S = 60.0
FIGURES = ("cost", "matched_cost", "co2_kg", "peak_import_kw", "violations", "share")


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    return run_sweep(DAY, Labour(time_limit_s=LIMIT_S), tmp_path_factory.mktemp("sweep") / "cases.jsonl")


def row_of(policy, cost, *, week=0, seed=0, execution=Execution.SHIELDED, community="demo", **more):
    return DispatchRow(
        key=f"{community}|{week}|{policy}|{seed}|{execution}",
        community=community,
        week=week,
        policy=policy,
        forecast=more.pop("forecast", ""),
        seed=seed,
        execution=str(execution),
        outcome=more.pop("outcome", Outcome.RAN),
        cost=cost,
        matched_cost=more.pop("matched_cost", cost),
        charged_s=1.0,
        **more,
    )


# Cases


def test_cases_are_different_and_what_they_are_compared_with_comes_first():
    cases = replace(DAY, communities=("four", "demo"), seeds=3).cases()
    assert len({case.key for case in cases}) == len(set(cases)) == len(cases)
    assert {case.policy for case in cases[:8]} == {"grid-only", "optimum"}


def test_only_forecasts_that_draw_are_played_for_every_seed_and_only_planners_with_every_forecast():
    cases = replace(DAY, forecasts=("weather", "intraday"), seeds=3, weeks=1, unshielded=False).cases()
    played = [(case.policy, case.forecast, case.seed) for case in cases if case.execution is Execution.SHIELDED]
    assert draws("weather")
    assert not draws("intraday")
    assert played == [
        ("grid-only", "", 0),
        ("self-consumption", "", 0),
        *(("mpc", "weather", seed) for seed in range(3)),
        ("mpc", "intraday", 0),
    ]


def test_the_split_of_a_loss_brings_the_perfect_forecast_along():
    assert "perfect" in {case.forecast for case in DAY.cases()}
    assert "perfect" not in {case.forecast for case in replace(DAY, unshielded=False).cases()}


def test_a_policy_in_a_file_is_another_case_when_the_file_is_another(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("a = 1\n")
    case = Case(community="demo", week=0, policy=f"{file}:a")
    before = case.key
    file.write_text("a = 2\n")
    assert case.key != before


# Communities


def test_there_are_six_communities_beside_the_demo_and_each_is_drawn_alike_every_time():
    assert len(COMMUNITIES) >= 7
    for variation in COMMUNITIES.values():
        once, again = varied(variation), varied(variation)
        assert once.year.series.sha256 == again.year.series.sha256
        assert once.community.n_prosumers == once.year.n_prosumers == variation.homes


def test_the_demo_is_among_them_unchanged():
    demo, series = varied(COMMUNITIES["demo"]), demo_series()
    np.testing.assert_array_equal(demo.year.demand_kw, series.demand_kw)
    np.testing.assert_array_equal(demo.year.pv_kw, series.pv_kw)
    assert demo.community.network.import_limit_kw.tolist() == [34.0]


def test_a_repeated_home_has_a_held_out_weeks_data_in_a_held_out_week():
    twenty_four, series = varied(COMMUNITIES["twenty-four"]), demo_series()
    weeks = list(twenty_four.year.held_out_weeks())
    for now, later in zip(weeks, [*weeks[1:], weeks[0]], strict=True):
        np.testing.assert_array_equal(now.demand_kw[:, 17], series.demand_kw[later.start : later.stop, 0])


def test_few_roofs_and_large_batteries_are_what_they_say():
    assert (varied(COMMUNITIES["few-roofs"]).year.pv_kw.sum(axis=0) > 0).sum() == round(0.4 * 17)
    assert varied(COMMUNITIES["large-batteries"]).community.battery_capacity_kwh.tolist() == [12.8] * 17


# Playing


def test_the_optimum_saves_all_nobody_saves_more_and_no_shielded_step_breaks_a_rule(day):
    assert all(row.ran for row in day)
    for row in day:
        if row.execution == Execution.UNSHIELDED:
            continue
        assert row.violations == 0
        assert row.cost >= row.optimum_cost - 1e-6 * max(abs(row.optimum_cost), 1.0)
    assert [row.share for row in day if row.policy == OPTIMUM] == [1.0, 1.0]
    assert [row.share for row in day if row.policy == "grid-only"] == [0.0, 0.0]


def test_a_case_played_again_has_the_same_figures():
    case = Case(community="four", week=1, policy="mpc", forecast="weather", seed=2)
    once, again = play(case, LIMIT_S), play(case, LIMIT_S)
    assert [getattr(once, name) for name in FIGURES[:-1]] == [getattr(again, name) for name in FIGURES[:-1]]
    assert once.cost != play(replace(case, seed=3), LIMIT_S).cost


def test_what_is_asked_for_without_a_shield_breaks_limits_that_the_shield_keeps():
    case = Case(community="tight", week=0, policy="adversarial", hours=24)
    shielded, bare = play(case, LIMIT_S), play(replace(case, execution=Execution.UNSHIELDED), LIMIT_S)
    assert shielded.violations == 0
    assert bare.unsafe_steps > 0
    assert bare.worst_kw > 0


def test_matching_everything_at_home_is_never_dearer(day):
    assert all(row.matched_cost <= row.cost + 1e-9 * max(abs(row.cost), 1.0) for row in day)


def test_a_case_that_fails_is_a_row_charged_the_time_limit(tmp_path):
    file = tmp_path / "slow.py"
    file.write_text("import time\n\n\ndef act(community, observation):\n    time.sleep(30)\n")
    slow = play(Case(community="four", week=0, policy=f"{file}:act", hours=2), 0.5)
    assert (slow.outcome, slow.charged_s) == (Outcome.TIME_LIMIT, 0.5)
    wrong = play(Case(community="four", week=99, policy="grid-only"), 7.0)
    assert (wrong.outcome, wrong.charged_s) == (Outcome.FAILED, 7.0)
    assert "IndexError" in wrong.message


def test_an_alarm_that_comes_out_of_a_library_as_something_else_is_still_the_limit(monkeypatch):
    def library(_case, deadline):
        try:
            time.sleep(30)
        except TimeoutError:
            raise RuntimeError("no compiled object yet") from None

    monkeypatch.setattr("autonomy.benchmark.dispatch.play._played", library)
    row = play(Case(community="four", week=0, policy="grid-only"), 0.1)
    assert (row.outcome, row.charged_s, row.message) == (Outcome.TIME_LIMIT, 0.1, "took longer than 0.1 s")


# Shares


def test_share_by_hand_a_failed_week_saves_nothing():
    rows = compared(
        [
            *(row_of("grid-only", 10.0, week=week) for week in range(2)),
            *(row_of(OPTIMUM, best, week=week, execution=Execution.KNOWN) for week, best in enumerate((6.0, 4.0))),
            row_of("mine", 7.0, week=0),
            row_of("mine", math.nan, week=1, outcome=Outcome.TIME_LIMIT),
        ]
    )
    mine = [row for row in rows if row.policy == "mine"]
    assert mine[0].share == 0.75
    assert shares(*savings(mine, ["demo"], [0, 1])).tolist() == [0.3]


@given(st.lists(st.tuples(st.floats(0.1, 10.0), st.floats(-5.0, 5.0)), min_size=1, max_size=6), st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_every_draw_is_the_share_of_the_weeks_that_were_drawn(weeks, n_seeds):
    possible = np.array([[most for most, _ in weeks]])
    saved = np.array([[[gain + seed for seed in range(n_seeds)] for _, gain in weeks]])
    chosen, seeds = drawn(len(weeks), n_seeds, count=20)
    got = shares(saved, possible, chosen, seeds)
    for draw in range(20):
        gains = [np.mean([saved[0, week, seed] for seed in seeds[draw]]) for week in chosen[draw]]
        assert got[draw] == pytest.approx(sum(gains) / sum(possible[0, week] for week in chosen[draw]))


def test_a_policy_compared_with_one_that_always_saves_half_as_much_has_a_sharp_difference():
    rows = []
    for week, saving in enumerate((1.0, 5.0, 20.0)):
        rows += [row_of("grid-only", 30.0, week=week), row_of(OPTIMUM, 30.0 - saving, week=week, execution="known")]
        rows += [row_of("rival", 30.0 - 0.4 * saving, week=week), row_of("mine", 30.0 - 0.8 * saving, week=week)]
    mine = next(one for one in summaries(compared(rows), "rival") if one.policy == "mine")
    assert mine.over_rival.value == pytest.approx(0.4)
    assert (mine.over_rival.low, mine.over_rival.high) == (pytest.approx(0.4), pytest.approx(0.4))


def test_a_rival_that_reads_forecasts_is_compared_with_the_same_forecast():
    rows = []
    for week in range(2):
        rows += [row_of("grid-only", 30.0, week=week), row_of(OPTIMUM, 20.0, week=week, execution=Execution.KNOWN)]
        for forecast, cost in (("perfect", 22.0), ("intraday", 25.0)):
            rows.append(row_of("rival", cost, week=week, forecast=forecast))
            rows.append(row_of("mine", cost - 1.0, week=week, forecast=forecast))
    found = {one.name: one.over_rival.value for one in summaries(compared(rows), "rival")}
    assert found["mine, perfect"] == pytest.approx(0.1) == pytest.approx(found["mine, intraday"])
    assert math.isnan(found["rival, perfect"])
    assert math.isnan(found["rival, intraday"])


def test_a_policy_with_seed_in_its_path_is_another_for_each_seed(tmp_path):
    for seed in range(2):
        path = tmp_path / f"rule-{seed}.py"
        path.write_text(f"import numpy as np\ndef act(c, o): return np.full((c.n_prosumers, 3), {seed}.0)\n")
    policy = f"{tmp_path}/rule-{{seed}}.py:act"
    sweep = replace(DAY, policies=(policy,), weeks=1, seeds=2, hours=6, unshielded=False)
    mine = [case for case in sweep.cases() if case.policy == policy]
    assert [case.seed for case in mine] == [0, 1]
    assert [Path(case.played_policy.rpartition(":")[0]).name for case in mine] == ["rule-0.py", "rule-1.py"]
    assert mine[0].key != mine[1].key
    idle, charging = (play(case, LIMIT_S) for case in mine)
    assert idle.policy == charging.policy == policy
    assert idle.cost < charging.cost


def test_an_interval_holds_the_middle_of_its_draws():
    found = interval(0.5, np.linspace(0.0, 1.0, 1001))
    assert (found.low, found.high) == (pytest.approx(0.025), pytest.approx(0.975))


# Loss, front


def test_the_parts_of_a_loss_by_hand():
    rows = [
        row_of(OPTIMUM, 10.0, execution=Execution.KNOWN),
        row_of("mpc", 20.0, forecast="intraday", matched_cost=19.0),
        row_of("mpc", 14.5, forecast="perfect", matched_cost=14.0),
        row_of("mpc", 13.5, forecast="perfect", matched_cost=13.0, execution=Execution.UNSHIELDED),
    ]
    loss = next(loss for loss in losses(rows) if loss.forecast == "intraday")
    assert (loss.total, loss.market, loss.forecast_part, loss.projection, loss.policy_part) == (10, 1, 5, 1, 3)


def test_the_parts_of_a_loss_add_up(day):
    assert {loss.policy for loss in losses(day)} == {"self-consumption", "mpc"}
    for loss in losses(day):
        parts = loss.market + loss.forecast_part + loss.projection + loss.policy_part
        assert parts == pytest.approx(loss.total)


def test_who_is_beaten_in_everything_or_breaks_a_rule_is_not_on_the_front():
    figures = {
        "best": {"co2_kg": 1.0, "peak_import_kw": 1.0},
        "worse": {"co2_kg": 2.0, "peak_import_kw": 1.0},
        "unsafe": {"co2_kg": 0.0, "peak_import_kw": 0.0, "violations": 1},
        "low-peak": {"co2_kg": 9.0, "peak_import_kw": 0.5},
    }
    rows = [row_of(name, 1.0, **more) for name, more in figures.items()]
    rows.append(row_of("best", 0.5, execution=Execution.UNSHIELDED, co2_kg=0.0, peak_import_kw=0.0))
    assert [one.policy for one in summaries(rows, "none") if one.is_on_front] == ["best", "low-peak"]


# Sweeps


def test_rows_come_back_from_disk_as_they_were(tmp_path):
    file = tmp_path / "cases.jsonl"
    row = row_of("mpc", 1.0 / 3.0, gap=math.nan)
    keep(file, row)
    read = kept(file, time_limit_s=1.0)[row.key]
    assert repr(read) == repr(row)


def test_a_broken_line_is_played_again_and_nothing_else(tmp_path):
    file, played = tmp_path / "cases.jsonl", []
    sweep = replace(DAY, policies=("self-consumption",), weeks=1, hours=3, unshielded=False)
    labour = Labour(time_limit_s=LIMIT_S)
    first = run_sweep(sweep, labour, file)
    whole = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(whole[:-1]) + whole[-1][:40])
    before = file.stat().st_size
    again = run_sweep(sweep, labour, file, progress=played.append)
    assert len(file.read_bytes()[before:].splitlines()) == 2  # the end of the broken line, and one row
    assert len(played) == len(first) == 3
    assert [[getattr(row, name) for name in FIGURES] for row in again] == [
        [getattr(row, name) for name in FIGURES] for row in first
    ]


def test_a_failure_is_kept_until_it_may_take_longer(tmp_path):
    file = tmp_path / "cases.jsonl"
    keep(file, replace(row_of("slow", math.nan, outcome=Outcome.TIME_LIMIT), charged_s=5.0))
    assert len(kept(file, time_limit_s=5.0)) == 1
    assert kept(file, time_limit_s=6.0) == {}


def test_a_line_of_another_version_is_not_used(tmp_path):
    file = tmp_path / "cases.jsonl"
    keep(file, row_of("mpc", 1.0))
    line = json.loads(file.read_text())
    file.write_text(json.dumps({**line, "version": "0.0.0"}) + "\n")
    assert kept(file, time_limit_s=1.0) == {}


def _dies_in_week_one(case, _time_limit_s):
    if case.week == 1:
        os._exit(3)
    time.sleep(0.2)
    return row_of(case.policy, 1.0, week=case.week)


def test_processes_give_what_one_does_and_outlive_one_that_dies(monkeypatch):
    monkeypatch.setattr(pool, "play", _dies_in_week_one)
    cases = [Case(community="demo", week=week, policy="grid-only") for week in range(3)]
    rows = sorted(processes(cases, 9.0, workers=2), key=lambda row: row.week)
    assert [row.outcome for row in rows] == [Outcome.RAN, Outcome.FAILED, Outcome.RAN]
    assert (rows[1].message, rows[1].charged_s) == ("the process that played it died twice", 9.0)


def _does_not_stop(_case, _time_limit_s):
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(60.0)


def test_a_process_whose_case_does_not_stop_is_ended(monkeypatch):
    monkeypatch.setattr(pool, "play", _does_not_stop)
    case = Case(community="demo", week=0, policy="grid-only")
    (row,) = processes([case], 0.2, workers=1, grace_s=0.1)
    assert (row.outcome, row.charged_s) == (Outcome.TIME_LIMIT, 0.2)
    assert row.message == "took longer than 0.2 s and did not stop; its process was ended"


def test_without_ray_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(OptionalDependencyError, match=r"autonomy-stack\[ray\]"):
        list(ray_cluster(DAY.cases(), 1.0, address="local", workers=1))


# Command


def test_the_command_leaves_rows_tables_and_pictures_and_goes_on_where_it_was(tmp_path, capsys):
    out = tmp_path / "dispatch"
    words = ["benchmark", "dispatch", "--quick", "--communities", "four", "--weeks", "1", "--policies",
             "self-consumption", "--processes", "1", "--out", str(out)]  # fmt: skip
    assert main(words) == 0
    cases = (out / "cases.jsonl").read_bytes()
    assert main(words) == 0
    assert (out / "cases.jsonl").read_bytes() == cases
    text = (out / "results.md").read_text()
    assert text.count("lowest retail price of the window") == 4
    assert "The price of safety" in text
    with (out / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["policy"] for row in rows] == ["grid-only", "optimum", "self-consumption", "self-consumption"]
    assert {row["terminal_rule"] for row in rows} == {"lowest retail price of the window"}
    assert [row["verdict"] for row in rows] == ["", "EXACT", "", ""]
    assert float(rows[1]["bound"]) <= float(rows[1]["cost"]) + 1e-9
    for name in ("shares.png", "shares.svg", "pareto.png", "pareto.svg", "results.json", "report.html"):
        assert (out / name).stat().st_size > 1000
    parquet = pytest.importorskip("pyarrow.parquet").read_table(out / "results.parquet")
    assert parquet.column("cost").to_pylist() == [pytest.approx(float(row["cost"])) for row in rows]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--policies", "mcp", "did you mean"),
        ("--communities", "for", "did you mean"),
        ("--forecasts", "oracle", "known"),
        ("--weeks", "14", "1 to 13"),
        ("--processes", "0", ">= 1"),
        ("--time-limit", "0", "> 0"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_played(option, value, said, capsys, tmp_path):
    assert main(["benchmark", "dispatch", option, value, "--out", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr()
    assert said in shown.out + shown.err
    assert not (tmp_path / "out").exists()
