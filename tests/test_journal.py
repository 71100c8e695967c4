"""The decision journal: every line is in the file before the decision is returned, by one writer, and whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy import Cause, Community, Controller, Observation, Scenario, Simulator
from autonomy.cli import main
from autonomy.errors import ConfigError
from autonomy.journal import JsonLinesJournal, disk, resume
from autonomy.journal.errors import JournalError
from autonomy.journal.line import GENESIS
from autonomy.journal.verify import verify
from autonomy.rollout import roll_out
from tests.homes import homes, scenario_of
from tests.journals import GOOD, decisions, findings, lines

# Lines ----------------------------------------------------------------------------------------------------------------


def test_a_decision_is_in_the_file_before_it_is_returned(tmp_path: Path) -> None:
    community, path = homes(2), tmp_path / "a.jsonl"
    simulator = Simulator(community, scenario_of(community, [[1.0, 2.0]] * 3, [[2.5, 0.0]] * 3))
    with JsonLinesJournal(path) as journal:
        controller = Controller(community, journal=journal)
        for step in range(3):
            decision = controller.step(simulator.observe())
            written = decisions(path)
            assert len(written) == step + 1
            assert written[-1]["decided"]["battery_kw"] == decision.battery_kw.tolist()
            simulator.execute(decision)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jsonl"]
    assert lines(path)[-1]["closes"] is True


def test_a_line_says_what_was_seen_asked_and_decided_and_why(tmp_path: Path) -> None:
    community = homes(2)
    observation = Observation(
        demand_kw=np.array([1.0, np.nan]),
        pv_kw=np.array([0.0, 0.1 + 0.2]),
        soc=np.array([0.5, 0.5]),
        retail_price=np.full(2, 0.3),
        feed_in_price=np.full(2, 0.1),
        time=np.datetime64("2024-05-01T06:00"),
    )
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        controller = Controller(community, policy=lambda _, __: np.full((2, 3), np.inf), journal=journal)
        decision = controller.step(observation)
        controller.step({"soc": "half", "humidity": 3})
        controller.reset()
        controller.step(observation)
    header, first, second, third, root = lines(path)
    assert header["previous"] == GENESIS
    assert header["header"]["community"]["names"] == list(community.names)
    assert header["header"]["timestep_h"] == community.timestep_h
    assert (first["number"], first["step"], first["mode"]) == (0, 0, "support")
    assert first["observed"] == {
        "demand_kw": [1.0, "NaN"], "pv_kw": [0.0, 0.30000000000000004], "soc": [0.5, 0.5], "retail_price": [0.3, 0.3],
        "feed_in_price": [0.1, 0.1], "time": {"datetime64": "2024-05-01T06:00"},
    }  # fmt: skip
    assert first["answer"] == {"array": "<f8", "shape": [2, 3], "values": ["Infinity"] * 6}
    assert [reason["cause"] for reason in first["reasons"]] == [reason.cause.value for reason in decision.reasons]
    why = {"cause": "not-finite", "text": "demand_kw is not finite", "prosumers": [1], "amount_kw": 0.0}
    assert why in first["reasons"]
    for name, values in first["decided"].items():
        assert values == getattr(decision, name).tolist()
    assert first["caps"]["load_kw"] == [None if np.isinf(x) else x for x in decision.load_cap_kw]
    assert first["certificate"]["gap"] == decision.certificate.gap
    assert (second["number"], second["step"], second["mode"], second["answer"]) == (1, 1, "dead-stop", None)
    assert second["observed"] == {"soc": "half", "extra": [["humidity", 3]]}
    assert (third["number"], third["step"]) == (2, 0)  # a new window
    assert (root["first_line"], root["lines"], root["closes"]) == (1, 4, True)
    hashes = [line["hash"] for line in (header, first, second, third)]
    assert [line["previous"] for line in (first, second, third, root)] == hashes


def test_roots_come_once_a_day_or_after_so_many_lines(tmp_path: Path) -> None:
    for name, options, expected in (("day", {}, [24, 24, 3]), ("few", {"lines_a_root": 20}, [20, 20, 11])):
        path = tmp_path / name
        with JsonLinesJournal(path, **options) as journal:
            controller = Controller(homes(), journal=journal)
            for _ in range(50):
                controller.step({})
        assert [line["lines"] for line in lines(path) if "root" in line] == expected
        assert findings(path) == []


def test_an_internal_error_is_taken_as_it_was_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        controller = Controller(homes(2), journal=journal)
        controller.step(GOOD)
        with monkeypatch.context() as patch:
            patch.setattr(controller, "_with_care", lambda *_: 1 / 0)
            patch.setattr("autonomy.controller.conclude_quickly", lambda *_: None)
            decision = controller.step(GOOD)
        controller.step(GOOD)
    assert decision.reasons[0].cause is Cause.INTERNAL_ERROR
    found = verify(path)
    assert (found.findings, found.unexplained, found.replayed) == ((), 1, 3)


def test_two_controllers_may_write_one_journal_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        for policy in ("grid-only", "self-consumption"):
            controller = Controller(homes(2), policy=policy, journal=journal)
            controller.step(GOOD)
            controller.step(GOOD)
    assert [line["header"]["policy"]["name"] for line in lines(path) if "header" in line] == [
        "grid-only",
        "self-consumption",
    ]
    assert findings(path) == []


def test_the_fast_lane_writes_what_the_careful_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    week = Scenario.demo().window(24 * 170, 48)
    for name in ("fast.jsonl", "careful.jsonl"):
        if name == "careful.jsonl":
            monkeypatch.setattr("autonomy.journal.line._body_at_once", lambda *_: None)
        with JsonLinesJournal(tmp_path / name) as journal:
            controller = Controller(Community.demo(), policy="self-consumption", journal=journal)
            roll_out(Simulator(Community.demo(), week), controller, name="x")
    assert (tmp_path / "fast.jsonl").read_bytes() == (tmp_path / "careful.jsonl").read_bytes()


def test_the_benchmark_says_what_a_line_costs_by_fsync_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("autonomy.benchmark.bandwidth.triad_bytes_per_s", lambda *_: 1e10)
    out = tmp_path / "out"
    assert main(["benchmark", "journal", "--sizes", "3", "--repeats", "20", "--out", str(out)]) == 0
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == "autonomy-benchmark-journal/1"
    assert [row["fsync"] for row in document["rows"]] == ["never", "daily", "every 100", "every 10", "always"]
    assert all(row["line_bytes"] > 500 for row in document["rows"])
    assert "One line of the journal" in capsys.readouterr().out


# Files ----------------------------------------------------------------------------------------------------------------


def test_a_journal_is_never_overwritten_and_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        Controller(homes(), journal=journal).step({})
        with pytest.raises(JournalError, match="is writing it"):
            resume(Controller(homes()), path)
        with pytest.raises(JournalError, match="is writing it"):
            JsonLinesJournal(path)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="there is a journal already"):
        JsonLinesJournal(path)
    assert path.read_bytes() == before
    with pytest.raises(FileNotFoundError):
        JsonLinesJournal(tmp_path / "none" / "a.jsonl")


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_a_journal_that_is_not_closed(tmp_path: Path, fault: type[BaseException]) -> None:
    path = tmp_path / "a.jsonl"

    def interrupted() -> None:
        with JsonLinesJournal(path) as journal:
            Controller(homes(), journal=journal).step({})
            raise fault

    with pytest.raises(fault):
        interrupted()
    assert len(decisions(path)) == 1
    assert "no closing root line" in findings(path)[0]
    assert findings(path, may_be_open=True) == []


@pytest.mark.parametrize(("fsync", "forced"), [("always", 9), ("daily", 4), ("never", 0), (3, 4), (100, 1)])
def test_the_disk_is_waited_for_as_often_as_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: Any, forced: int
) -> None:
    calls = []
    monkeypatch.setattr(disk, "force", calls.append)
    with JsonLinesJournal(tmp_path / "a.jsonl", fsync=fsync, lines_a_root=3) as journal:
        controller = Controller(homes(), journal=journal)
        for _ in range(8):
            controller.step({})
    # 8 steps with header and roots: 3 + 1, 3 + 1, 3 + 1 lines and the closing root.
    assert len(calls) == forced


@pytest.mark.parametrize("wrong", ["weekly", 0, -1, True])
def test_a_wrong_setting_is_refused_and_leaves_no_lock(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ConfigError, match="fsync"):
        JsonLinesJournal(tmp_path / "a.jsonl", fsync=wrong)
    with pytest.raises(ConfigError, match="lines_a_root"):
        JsonLinesJournal(tmp_path / "a.jsonl", lines_a_root=0)
    JsonLinesJournal(tmp_path / "a.jsonl").close()
