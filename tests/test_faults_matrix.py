"""The matrix: twins, windows, determinism, what rivals break and ours does not, the command line from end to end."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy import Community, Scenario
from autonomy.cli import main
from autonomy.faults.catalogue import CATALOGUE, Entry
from autonomy.faults.matrix import Bench, Settings
from autonomy.faults.phases import BEFORE, FAULTY, candidates
from autonomy.faults.picture import hundredths
from autonomy.faults.result import Result
from autonomy.faults.row import Row, row_of, rows_by
from autonomy.faults.trial import compare, doubts_of, play
from autonomy.faults.words import Channel, Kind, Phase, Scope, Severity
from tests.fault_village import village, village_data

STEPS = 30
"""Of a window."""


@pytest.fixture(scope="module", autouse=True)
def patient() -> Iterator[None]:
    """Give the policy time, so that a busy machine does not make it late; results must not depend on that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autonomy.faults.rig.DEADLINE_S", 30.0)
        yield


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(Settings(runs=1, severities=(Severity.LARGE,)), community=village(), scenario=village_data())


@pytest.fixture(scope="module")
def peaks() -> Bench:
    settings = Settings(runs=1, severities=(Severity.LARGE,), phases=(Phase.PV_PEAK, Phase.DEMAND_PEAK))
    return Bench(settings, community=village(), scenario=village_data())


@pytest.fixture(autouse=True)
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line run on the village, for which setting up takes no seconds."""
    monkeypatch.setattr(Community, "demo", staticmethod(village))
    monkeypatch.setattr(Scenario, "demo", staticmethod(village_data))


def entry(channel: str, kind: str) -> Entry:
    (found,) = (e for e in CATALOGUE if (e.channel.value, e.kind.value) == (channel, kind))
    return found


def ours(bench: Bench, channel: str, kind: str) -> list[Result]:
    return of(bench, "autonomy", entry(channel, kind))


def theirs(bench: Bench, channel: str, kind: str) -> list[Result]:
    return of(bench, "clip-only", entry(channel, kind))


def of(bench: Bench, controller: str, chosen: Entry) -> list[Result]:
    rigs = [rig for rig in bench.rigs_for(chosen.channel) if rig.name == controller]
    return [result for rig in rigs for result in bench.results_of(rig, chosen)]


# Windows --------------------------------------------------------------------------------------------------------------


def test_windows_are_from_the_held_out_week_and_keep_the_rules_of_their_phases(bench: Bench) -> None:
    assert [window.phase for window in bench.windows] == list(Phase)
    data = village_data()
    for window in bench.windows:
        assert window.onset_time >= data.time[0] + np.timedelta64(21, "D")  # the fourth week is held out
        assert len(window.weathers) == STEPS
        onset, faulty = window.weathers[BEFORE], window.weathers[BEFORE : BEFORE + FAULTY]
        assert onset.time == window.onset_time
        flows = [float((w.pv_kw - w.demand_kw).sum()) for w in faulty]
        if window.phase is Phase.NIGHT:
            assert not any(w.pv_kw.any() for w in faulty)
        if window.phase is Phase.PV_PEAK:
            assert flows[2] == max(flows) > 4.0
        if window.phase is Phase.DEMAND_PEAK:
            assert -flows[2] == -min(flows) > 6.0


def test_training_windows_are_not_from_the_held_out_week() -> None:
    settings = Settings(runs=3, held_out=False, phases=(Phase.NIGHT, Phase.PV_PEAK))
    for window in Bench(settings, community=village(), scenario=village_data()).windows:
        assert window.onset_time < village_data().time[0] + np.timedelta64(21, "D")


def test_a_phase_draws_another_window_in_every_run_until_there_is_none_left() -> None:
    settings = Settings(runs=3, phases=(Phase.DEMAND_PEAK, Phase.NIGHT))
    windows = Bench(settings, community=village(), scenario=village_data()).windows
    # Of five evenings that leave room for a window, a quarter is one.
    assert len({window.onset_time for window in windows[:3]}) == 1
    assert len({window.onset_time for window in windows[3:]}) == 3


def test_batteries_of_the_phase_soc_bound_are_at_a_bound_when_it_begins(bench: Bench) -> None:
    weeks = bench._weeks(bench.rigs[0], village_data())
    found = candidates(weeks, bench.community, Phase.SOC_BOUND)
    assert found
    for week, onset in found:
        soc = weeks[week].truths[onset].soc[:2]
        assert np.all(np.minimum(np.abs(soc - 0.1), np.abs(soc - 0.9)) <= 0.01)


# Twins ----------------------------------------------------------------------------------------------------------------


def test_a_run_without_a_fault_is_its_twin(bench: Bench) -> None:
    results = list(bench.baseline())
    assert len(results) == 2 * 4
    for result in results:
        assert (result.effective, result.delay, result.recovery, result.recovered) == (False, None, 0, True)
        assert (result.shed_added_kwh, result.curtailed_added_kwh) == (0.0, 0.0)
        assert result.violations == result.twin_violations
        assert sum(result.modes) == pytest.approx(1.0)


def test_ours_keeps_every_limit_without_a_fault_and_the_clip_only_filter_does_not(bench: Bench) -> None:
    baseline = list(bench.baseline())
    assert sum(result.violations for result in baseline if result.controller == "autonomy") == 0
    broken = [result for result in baseline if result.controller == "clip-only" and result.violations]
    assert {result.phase for result in broken} >= {"demand-peak"}
    assert {rule for result in broken for rule, _ in result.rules} == {"line"}


@pytest.mark.parametrize(
    ("channel", "kind"), [("demand", "nan"), ("intent", "rail"), ("policy", "crash"), ("soc", "unit")]
)
def test_where_ours_holds_the_clip_only_filter_breaks(peaks: Bench, channel: str, kind: str) -> None:
    assert sum(result.violations for result in ours(peaks, channel, kind)) == 0
    assert sum(result.violations for result in theirs(peaks, channel, kind)) > 0


# Faults ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "kind"),
    [
        ("demand", "nan"),
        ("demand", "missing"),
        ("pv", "missing"),
        ("soc", "missing"),
        ("soc", "unit"),
        ("price", "swap"),
        ("intent", "nan"),
        ("policy", "crash"),
        ("policy", "lie"),
        ("policy", "missing"),
        ("solver", "crash"),
        ("solver", "nan"),
        ("solver", "missing"),
        ("solver", "lie"),
        ("disk", "crash"),
    ],
)
def test_what_cannot_be_true_is_found_at_once(peaks: Bench, channel: str, kind: str) -> None:
    results = [result for result in ours(peaks, channel, kind) if result.effective]
    assert results
    assert {result.delay for result in results} == {0}
    assert sum(result.violations + result.no_decision for result in results) == 0


def test_a_policy_that_is_late_is_found_and_one_that_is_slow_but_in_time_is_not(
    monkeypatch: pytest.MonkeyPatch, peaks: Bench
) -> None:
    assert {result.delay for result in ours(peaks, "policy", "delay")} == {None}
    monkeypatch.setattr("autonomy.faults.rig.DEADLINE_S", 0.1)
    hurried = Bench(peaks.settings, community=village(), scenario=village_data())
    assert {result.delay for result in ours(hurried, "policy", "delay")} == {0}


@pytest.mark.parametrize("channel", ["intent", "policy", "solver", "price", "disk"])
def test_what_is_never_trusted_never_breaks_a_limit(peaks: Bench, channel: str) -> None:
    for found in CATALOGUE:
        if found.channel == channel and found.kind is not Kind.DELAY:
            assert sum(result.violations for result in ours(peaks, channel, found.kind)) == 0, found.kind


def test_solver_and_disk_are_injected_only_where_they_can_be(peaks: Bench) -> None:
    assert ours(peaks, "solver", "crash")
    assert not theirs(peaks, "solver", "crash")
    assert not theirs(peaks, "disk", "crash")


def test_a_soc_meter_that_says_full_for_empty_breaks_the_reserve_and_stops_batteries(bench: Bench) -> None:
    results = theirs(bench, "soc", "lie")
    rules = {rule for result in results for rule, _ in result.rules}
    assert "soc" in rules
    assert sum(result.stops for result in results) > 0


def test_the_same_seed_gives_the_same_results_and_another_seed_others(peaks: Bench) -> None:
    def timeless(settings: Settings, *pairs: tuple[str, str]) -> list[Result]:
        fresh = Bench(settings, community=village(), scenario=village_data())
        return [replace(r, latency_s=0.0) for pair in pairs for r in fresh.results(entry(*pair))]

    pairs = ("demand", "noise"), ("actuator", "bias")
    once = timeless(peaks.settings, *pairs)
    # Neither a bench of its own nor what was run on it before makes a difference.
    assert once[len(once) // 2 :] == [replace(r, latency_s=0.0) for r in peaks.results(entry("actuator", "bias"))]
    assert once[: len(once) // 2] == [replace(r, latency_s=0.0) for r in peaks.results(entry("demand", "noise"))]
    assert once != timeless(replace(peaks.settings, seed=1), *pairs)


def test_a_policy_with_a_generator_of_its_own_does_the_same_in_a_run_and_its_twin() -> None:
    settings = Settings(runs=1, policy="random", phases=(Phase.NIGHT,))
    for result in Bench(settings, community=village(), scenario=village_data()).baseline():
        assert (result.shed_added_kwh, result.delay) == (0.0, None)


# Counting -------------------------------------------------------------------------------------------------------------


def result(**changes: Any) -> Result:
    fields: dict[str, Any] = {
        "controller": "autonomy", "channel": "demand", "kind": "nan", "severity": "large", "phase": "night",
        "scope": "one", "run": 0, "effective": True, "violations": 0, "violations_found": 0, "rules": (),
        "worst_line_kw": 0.0,
        "twin_violations": 0, "stops": 0, "no_decision": 0, "delay": 0, "recovered": True, "recovery": 0,
        "curtailed_added_kwh": 0.0, "shed_added_kwh": 0.0, "modes": (1.0, 0, 0, 0, 0, 0), "latency_s": 0.001,
    }  # fmt: skip
    return Result(**(fields | changes))


def test_a_row_counts_what_its_runs_say() -> None:
    row = row_of(
        [
            result(delay=0, recovery=3, shed_added_kwh=2.0),
            result(
                delay=4,
                recovery=1,
                recovered=False,
                violations=2,
                violations_found=1,
                rules=(("line", 2),),
                worst_line_kw=1.5,
                run=1,
            ),
            result(delay=None, effective=True, violations=1, rules=(("soc", 1),), run=2, phase="pv-peak"),
            result(delay=None, effective=False, latency_s=0.5, modes=(0, 0, 0.5, 0.25, 0.25, 0), run=3),
        ]
    )
    assert (row.phase, row.channel, row.runs, row.effective) == ("all", "demand", 4, 3)
    assert (row.violating, row.violations, row.rules, row.worst_line_kw) == (2, 3, "line 2, soc 1", 1.5)
    assert row.violating_found == 1
    # 2 of 4: P(at most 2) = 0.05 at p = 0.9024.
    assert row.violating_bound == pytest.approx(0.9024, abs=1e-4)
    assert (row.detected, round(row.detection_rate, 6)) == (2, 0.666667)
    assert (row.delay_p50, row.delay_p95, row.recovery_p50, row.recovery_p95) == (0, 4, 1, 3)
    assert (row.not_recovered, row.shed_added_kwh, row.latency_max_s) == (1, 0.5, 0.5)
    assert (row.in_policy, row.in_fallback) == (0.75, 0.25)


def test_a_change_of_limits_is_no_doubt_but_a_bad_meter_and_a_fallback_are() -> None:
    class Said:
        def __init__(self, mode: str, *reasons: tuple[str, tuple[int, ...]]) -> None:
            self.mode = mode
            self.reasons = [type("R", (), {"cause": cause, "prosumers": hit})() for cause, hit in reasons]

    assert doubts_of(Said("projected", ("line-limit", ()), ("shed", (1, 2)))) == frozenset()
    assert doubts_of(Said("policy", ("not-finite", (2,)))) == {("not-finite", 2)}
    assert doubts_of(Said("dead-stop", ("field-missing", ()))) == {("dead-stop", -1), ("field-missing", -1)}
    assert doubts_of(None) == {("none", -1)}
    assert doubts_of(object()) == frozenset()


def test_the_steps_after_a_fault_are_compared_with_the_same_steps_of_the_twin(bench: Bench) -> None:
    rig, window = bench.rigs[0], bench.windows[0]
    twin = play(rig, bench.community, window)
    steps = list(twin)
    late = BEFORE + FAULTY + 3
    for place in (BEFORE + 1, late):
        steps[place] = replace(steps[place], doubts=frozenset({("not-finite", 0)}))
    steps[BEFORE - 1] = replace(steps[BEFORE - 1], doubts=frozenset({("not-finite", 0)}))  # before the onset
    steps[late] = replace(steps[late], cut_kwh=(steps[late].cut_kwh[0] + 1.0, steps[late].cut_kwh[1] + 2.0))
    words = {"controller": "x", "channel": "x", "kind": "x", "severity": "x", "phase": "x", "scope": "x", "run": 0}
    found = compare(steps, twin, **words)
    # The fault ends with step BEFORE + FAULTY − 1, so the last doubt is four steps after it.
    assert (found.delay, found.recovery, found.recovered) == (1, 4, True)
    assert found.violations_found == 0
    assert [found.curtailed_added_kwh, found.shed_added_kwh] == pytest.approx([1.0, 2.0])


def test_shares_never_round_to_none_or_all() -> None:
    assert [hundredths(share) for share in (0.0, 0.001, 0.5, 0.999, 1.0)] == ["0", "1", "50", "99", "100"]


# Command line ---------------------------------------------------------------------------------------------------------


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def tiny(out: Path, *more: str) -> list[str]:
    return ["faults", "--runs", "1", "--severities", "large", "--phases", "night,demand-peak", "--out", str(out), *more]


def rows_in(out: Path) -> Iterator[dict[str, Any]]:
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == "autonomy-faults/1"
    yield from document["rows"]


def test_a_tiny_matrix_writes_its_files_and_exits_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = tiny(out, "--channels", "demand,intent", "--kinds", "nan,rail")
    assert main([*words, "--channels", "demand", "--kinds", "nan"]) == 0
    assert names(tmp_path) == ["out"]
    assert names(out) == ["heatmap.png", "heatmap.svg", "results.csv", "results.json", "results.md"]
    rows = list(rows_in(out))
    assert {row["controller"] for row in rows} == {"autonomy", "clip-only"}
    assert {(row["channel"], row["kind"], row["scope"]) for row in rows} == {
        ("none", "none", "none"),
        ("demand", "nan", "one"),
        ("demand", "nan", "community"),
    }
    assert list(rows[0]) == list(Row.__dataclass_fields__)
    with (out / "results.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["schema"] for line in lines] == ["autonomy-faults/1"] * len(rows)
    assert [int(line["violating"]) for line in lines] == [row["violating"] for row in rows]
    printed = " ".join(capsys.readouterr().out.split())
    assert "autonomy: 0 of 6 runs broke a rule of the true physical state" in printed
    assert "demand nan" in printed
    page = (out / "results.md").read_text(encoding="utf-8")
    assert page.startswith("`autonomy faults --runs 1 ")
    assert "### Blind spots: 0" in page
    # A later run replaces it.
    assert main(words) in (0, 2)
    assert {row["channel"] for row in rows_in(out)} == {"none", "demand", "intent"}


def test_a_violation_by_ours_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    # Devices that ignore their caps: nothing that a controller says helps.
    assert main(tiny(out, "--channels", "actuator", "--kinds", "crash,rail")) == 2
    assert any(row["violating"] for row in rows_in(out) if row["controller"] == "autonomy")
    assert "runs broke a rule" in capsys.readouterr().out


GOOD = """
import numpy as np
from types import SimpleNamespace
class Still:
    def __init__(self, community): self.size = community.n_prosumers
    def step(self, obs): return SimpleNamespace(battery_kw=np.zeros(self.size))
def make(community): return Still(community)
class Bad:
    def __init__(self, policy): self.policy = policy
    def step(self, obs): raise RuntimeError("no")
def raising(community, policy): return Bad(policy)
"""


def test_controllers_of_others_are_scored_beside_ours(tmp_path: Path) -> None:
    file, out = tmp_path / "mine.py", tmp_path / "out"
    file.write_text(GOOD, encoding="utf-8")
    more = ["--channels", "demand,intent", "--kinds", "nan", "--controller", f"{file}:make"]
    assert main(tiny(out, *more, "--controller", f"{file}:raising", "--controller", f"{file}:make")) == 0
    rows = list(rows_in(out))
    assert {row["controller"] for row in rows} == {"autonomy", "clip-only", "make", "raising", "make (2)"}
    # It has no policy that could be planted, so there is no channel intent.
    assert {row["channel"] for row in rows if row["controller"] == "make"} == {"none", "demand"}
    assert {row["channel"] for row in rows if row["controller"] == "raising"} == {"none", "demand", "intent"}
    # It never decides: in every step of every run.
    assert all(row["no_decision"] == STEPS * row["runs"] for row in rows if row["controller"] == "raising")
    assert any(row["violating"] for row in rows if row["controller"] == "make" and row["phase"] == "demand-peak")


def test_the_number_of_processes_changes_no_result(tmp_path: Path) -> None:
    words = ["--channels", "demand,soc", "--kinds", "noise,nan"]
    folders = [tmp_path / "one", tmp_path / "two"]
    for jobs, out in zip("12", folders, strict=True):
        main(tiny(out, *words, "--jobs", jobs))
    one, two = ([{**row, "latency_max_s": 0} for row in rows_in(out)] for out in folders)
    assert one == two


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--channels", "demnd"], "--channels: 'demnd' is not known (did you mean 'demand'?)"),
        (["--kinds", "nan,bogus"], "--kinds: 'bogus' is not known"),
        (["--kinds", ","], "--kinds: is empty"),
        (["--phases", "nigt"], "--phases: 'nigt' is not known (did you mean 'night'?)"),
        (["--severities", "huge"], "--severities: 'huge' is not known"),
        (["--channels", "disk", "--kinds", "nan"], "--kinds: none of nan happens on disk"),
        (["--runs", "0"], "--runs: found 0; expected a number >= 1"),
        (["--jobs", "0"], "--jobs: found 0"),
        (["--seed", "-1"], "--seed: found -1"),
        (["--runs", "many"], "argument --runs: invalid int value"),
        (["--policy", "slf-consumption"], "did you mean 'self-consumption'?"),
        (["--controller", "mine"], "--controller: found 'mine'; expected a Python file and a function"),
        (["--controler", "x.py:f"], "unrecognized arguments: --controler x.py:f (did you mean '--controller'?)"),
    ],
)
def test_a_bad_option_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["faults", *words, "--out", str(tmp_path / "out")]) == 1
    found = capsys.readouterr().err
    assert said in found
    assert found.startswith("error ")
    assert names(tmp_path) == []


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["faults", "--out", str(tmp_path)]) == 1
    assert "has other files in it" in capsys.readouterr().err
    assert names(tmp_path) == ["thesis.txt"]


def test_data_without_a_phase_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dark = village_data().series
    monkeypatch.setattr("autonomy.faults.phases.OF_ALL", 2.0)
    assert dark.n_steps == 24 * 28
    assert main(tiny(tmp_path / "out", "--phases", "soc-bound")) == 1


def test_every_scope_and_severity_has_a_row_of_its_own(bench: Bench) -> None:
    rows = rows_by(list(bench.results(entry("demand", "bias"))), "controller", "scope", "severity")
    assert {(row.scope, row.severity) for row in rows} == {(scope.value, "large") for scope in Scope}
    assert {Channel.DEMAND.value} == {row.channel for row in rows}
    assert {Kind.BIAS.value} == {row.kind for row in rows}
